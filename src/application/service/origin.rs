//! The case that gave something, as what it gave is decided on afterwards: which unit decided it, under which version, and
//! whom it ties.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::application::model::event::EventKind;
use crate::application::service::engine;
use crate::application::store;
use crate::catalogue::model::item::CompiledVersion;
use crate::catalogue::service as catalogue;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ApplicationId, UnitId};
use crate::organisation::model::calendar::Calendar;
use crate::organisation::service as organisation;
use crate::portal::Portal;

/// A decided case.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its number.
    pub number: String,
    /// The version under which it was decided.
    pub version: Arc<CompiledVersion>,
    /// The unit that decided it.
    pub unit: UnitId,
    /// Path of that unit.
    pub unit_path: String,
}

/// The case behind something that it gave; `None` where it is not decided. Four statements.
pub async fn origin(portal: &Portal, db: &impl ConnectionTrait, id: ApplicationId) -> Result<Option<Origin>, Fault> {
    let Some(row) = store::application(db, id).await? else { return Ok(None) };
    let decided = store::events(db, id).await?.into_iter().rfind(|event| event.kind == EventKind::Decided);
    let Some(unit) = decided.and_then(|event| event.unit_id) else { return Ok(None) };
    let Some(unit_path) = organisation::unit_path(db, unit).await? else { return Ok(None) };
    let version = catalogue::version_in(portal, db, row.version_id).await?;
    Ok(Some(Origin { number: row.number.unwrap_or_default(), version, unit, unit_path }))
}

/// Whether the case is the caller's own, whose role reaches the unit that decided it: she applied, it is for her, or she is
/// or was the agent of the applicant.
pub async fn is_party(portal: &Portal, txn: &DatabaseTransaction, calendar: &Arc<Calendar>, actor: &Actor, id: ApplicationId) -> Result<bool, Fault> {
    match engine::load(portal, txn, calendar, actor, id).await {
        Ok(loaded) => Ok(loaded.standing.side.is_some() || loaded.standing.beneficiary),
        // The unit that received it lies below: only who handed it in as an agent has no role in it any more.
        Err(Fault::NotFound) => Ok(true),
        Err(fault) => Err(fault),
    }
}
