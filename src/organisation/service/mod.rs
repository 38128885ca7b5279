//! Use cases of the slice, and the finders that later slices ask.
//!
//! Finders without an actor decide nothing about who may read: regions, zones and units are public, and a body's row
//! is shown where its id is.

pub mod bodies;
pub mod reference;
pub mod units;

use std::collections::HashMap;

use sea_orm::ConnectionTrait;

use crate::kernel::fault::Fault;
use crate::kernel::ids::{BodyId, UnitId};
use crate::organisation::model::body::{Body, NewBody};
use crate::organisation::model::unit::{NewUnit, Unit, UnitNode, path_below};
use crate::organisation::store::{self, Written};
use crate::portal::Portal;

pub use crate::organisation::service::reference::{CALENDAR_SECONDS, CalendarCache, calendar, calendar_in, publish_reference_data};

/// The path of a unit, by which grants reach it. One statement.
pub async fn unit_path(db: &impl ConnectionTrait, id: UnitId) -> Result<Option<String>, Fault> {
    Ok(store::unit_path(db, id).await?)
}

/// Whether a unit is open. Asked after a row that names the unit was written in the same transaction, the answer stays true
/// until that ends: closing locks the unit.
pub async fn is_open(txn: &impl ConnectionTrait, id: UnitId) -> Result<bool, Fault> {
    Ok(store::is_open(txn, id).await?)
}

/// A unit and those above it, nearest first, with their levels and paths; empty where there is no such unit. One statement.
pub async fn lineage(db: &impl ConnectionTrait, id: UnitId) -> Result<Vec<UnitNode>, Fault> {
    Ok(store::lineage(db, id).await?)
}

/// The unit with this id. One statement.
pub async fn unit(db: &impl ConnectionTrait, id: UnitId) -> Result<Option<Unit>, Fault> {
    Ok(store::unit(db, id).await?)
}

/// The unit with this id, locked until the transaction ends, so that it does not close meanwhile. One statement.
pub async fn lock_unit(txn: &impl ConnectionTrait, id: UnitId) -> Result<Option<Unit>, Fault> {
    Ok(store::lock_units(txn, &[id]).await?.pop())
}

/// Locks units until the transaction ends, in the order of their ids, so that none closes meanwhile. One statement.
pub async fn lock_units(txn: &impl ConnectionTrait, ids: &[UnitId]) -> Result<(), Fault> {
    store::lock_units(txn, ids).await?;
    Ok(())
}

/// Units by id, for lists; ids that no unit has are missing. One statement at most.
pub async fn units_by_ids(db: &impl ConnectionTrait, ids: &[UnitId]) -> Result<HashMap<UnitId, Unit>, Fault> {
    if ids.is_empty() { Ok(HashMap::new()) } else { Ok(store::units(db, ids).await?) }
}

/// The body with this id. One statement.
pub async fn body(db: &impl ConnectionTrait, id: BodyId) -> Result<Option<Body>, Fault> {
    Ok(store::body(db, id).await?)
}

/// Bodies by id, for lists; ids that no body has are missing. One statement at most.
pub async fn bodies_by_ids(db: &impl ConnectionTrait, ids: &[BodyId]) -> Result<HashMap<BodyId, Body>, Fault> {
    if ids.is_empty() { Ok(HashMap::new()) } else { Ok(store::bodies(db, ids).await?) }
}

/// Adds a body under `id` inside the caller's transaction. For demo and seeded data, whose codes differ.
///
/// Errors: [`Fault::Internal`] where an open body has the USCC.
pub async fn insert_body(txn: &impl ConnectionTrait, portal: &Portal, id: BodyId, new: NewBody) -> Result<(), Fault> {
    match store::insert_body(txn, id, new, portal.env.now()).await? {
        Written::Done => Ok(()),
        Written::Taken => Err(Fault::bug("an open body has this unified social credit code")),
    }
}

/// Adds a unit under `id` inside the caller's transaction, with its path. For demo and seeded data.
///
/// Errors: [`Fault::NotFound`] where the parent does not exist.
pub async fn insert_unit(txn: &impl ConnectionTrait, portal: &Portal, id: UnitId, new: NewUnit) -> Result<(), Fault> {
    let above = match new.parent {
        None => None,
        Some(parent) => Some(store::unit_path(txn, parent).await?.ok_or(Fault::NotFound)?),
    };
    Ok(store::insert_unit(txn, id, new, path_below(above.as_deref(), id), portal.env.now()).await?)
}
