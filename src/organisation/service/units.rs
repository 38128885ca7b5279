//! The tree of units: made and closed by the system administrator, read by everybody; regions and zones beside it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{BodyId, TypedId as _, UnitId};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::{Code, Conflict, Rejection};
use crate::kernel::role::Role;
use crate::kernel::text::Language;
use crate::organisation::model::body::Body;
use crate::organisation::model::name::parse_name;
use crate::organisation::model::reference::{Region, RegionLevel, Zone};
use crate::organisation::model::unit::{NewUnit, Place, Unit, UnitLevel, cannot_close, misplaced, path_below};
use crate::organisation::policy;
use crate::organisation::service::bodies_by_ids;
use crate::organisation::store;
use crate::portal::Portal;

pub use crate::organisation::store::UnitFilter;

/// Kind of object in trail and outbox.
pub const OBJECT: &str = "UNIT";
/// Order of the list of units.
pub const UNIT_ORDER: &str = "unit";

/// A unit as an administrator describes it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CreateUnit {
    /// The government body that it is of.
    pub body: BodyId,
    /// The unit above it; none for the root.
    pub parent: Option<UnitId>,
    /// Level.
    pub level: UnitLevel,
    /// Wordings of its name.
    pub name: Vec<(Language, String)>,
    /// Region (GB/T 2260) that it serves.
    pub region_code: String,
    /// Zone that it serves.
    pub zone_code: Option<String>,
}

/// A unit with the body that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedUnit {
    /// The unit.
    pub unit: Unit,
    /// Its body.
    pub body: Body,
}

/// Makes a unit. For the system administrator.
///
/// Rejections: those of the name; `NOT_FOUND` at each id or code that leads nowhere; those of [`misplaced`].
pub async fn create_unit(portal: &Portal, actor: &Actor, command: CreateUnit, idempotency_key: &str) -> Result<PlacedUnit, Refused> {
    policy::system_admin(actor)?;
    let mut problems = Vec::new();
    let name = parse_name(&command.name, "input.name").map_err(|found| problems.extend(found)).ok();
    let id = UnitId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "createUnit", idempotency_key, &command, id.uuid()).await? {
        return Ok(placed(&txn, UnitId::from_uuid(made)).await?);
    }
    let body = store::body(&txn, command.body).await?;
    // Locked, so that it cannot close while something is put below it.
    let parent = match command.parent {
        Some(parent) => store::lock_units(&txn, &[parent]).await?.pop(),
        None => None,
    };
    let region = store::region(&txn, &command.region_code).await?;
    let zone = match &command.zone_code {
        Some(code) => store::zone(&txn, code).await?,
        None => None,
    };
    let missing = [
        (body.is_none(), "input.bodyId"),
        (command.parent.is_some() && parent.is_none(), "input.parentId"),
        (region.is_none(), "input.regionCode"),
        (command.zone_code.is_some() && zone.is_none(), "input.zoneCode"),
    ];
    problems.extend(missing.into_iter().filter(|(missing, _)| *missing).map(|(_, path)| Rejection::at(Code::NotFound, path)));
    let above = match &parent {
        Some(parent) => store::region(&txn, &parent.region_code).await?,
        None => None,
    };
    if let (Some(body), Some(region), true) = (&body, &region, command.parent.is_some() == parent.is_some()) {
        let place = Place { body, parent: parent.as_ref().zip(above.as_ref()), level: command.level, region, zone: zone.as_ref() };
        problems.extend(misplaced(&place));
    }
    let Some(name) = name.filter(|_| problems.is_empty()) else { return Err(Refused::Rejected(problems)) };
    let new =
        NewUnit { body: command.body, parent: command.parent, level: command.level, name, region_code: command.region_code, zone_code: command.zone_code };
    let path = path_below(parent.as_ref().map(|parent| parent.path.as_str()), id);
    store::insert_unit(&txn, id, new, path, portal.env.now()).await?;
    let entry = Entry::new("CREATE_UNIT").object(OBJECT, id.uuid()).detail("level", command.level.code()).detail("body", command.body.global());
    audit::record(&txn, portal, actor, entry).await?;
    audit::announce(&txn, portal, Message::new("UNIT_CREATED", OBJECT, id.uuid())).await?;
    let made = placed(&txn, id).await?;
    portal.commit(txn).await?;
    Ok(made)
}

/// What is to be closed.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct CloseUnit {
    /// The unit.
    pub unit: UnitId,
    /// The unit that takes over.
    pub successor: UnitId,
    /// The version that the administrator saw.
    pub expected_version: i64,
}

/// A slice that keeps something by unit, which a successor takes over. Registered in `app`.
#[async_trait]
pub trait UnitFollower: Send + Sync {
    /// Called in the transaction that closes a unit, both units locked. Rejections: why it cannot close yet.
    async fn closing(&self, portal: &Portal, txn: &DatabaseTransaction, unit: UnitId, successor: UnitId) -> Result<(), Refused>;
}

/// The registered followers, a part of the portal.
#[derive(Clone, Default)]
pub struct UnitFollowers(Vec<Arc<dyn UnitFollower>>);

impl UnitFollowers {
    /// Adds a follower.
    #[must_use]
    pub fn with(mut self, follower: Arc<dyn UnitFollower>) -> Self {
        self.0.push(follower);
        self
    }
}

/// Closes a unit in favour of its successor. It never vanishes. For the system administrator.
///
/// Rejections: `NOT_FOUND` at either id; `CONFLICT`; those of [`cannot_close`]; what the followers say: `UNIT_IN_USE`.
pub async fn close_unit(portal: &Portal, actor: &Actor, command: CloseUnit, idempotency_key: &str) -> Result<PlacedUnit, Refused> {
    policy::system_admin(actor)?;
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "closeUnit", idempotency_key, &command, command.unit.uuid()).await? {
        return Ok(placed(&txn, UnitId::from_uuid(made)).await?);
    }
    let rows = store::lock_units(&txn, &[command.unit, command.successor]).await?;
    let locked = |id: UnitId| rows.iter().find(|unit| unit.id == id);
    let (unit, successor) = match (locked(command.unit), locked(command.successor)) {
        (Some(unit), Some(successor)) => (unit, successor),
        (unit, successor) => {
            let missing = [(unit.is_none(), "input.unitId"), (successor.is_none(), "input.successorId")];
            let problems = missing.into_iter().filter(|(missing, _)| *missing).map(|(_, path)| Rejection::at(Code::NotFound, path));
            return Err(Refused::Rejected(problems.collect()));
        }
    };
    if unit.version != command.expected_version {
        return Err(conflict(unit).into());
    }
    let problems = cannot_close(unit, successor, store::has_open_below(&txn, unit.id).await?);
    if !problems.is_empty() {
        return Err(Refused::Rejected(problems));
    }
    for follower in &portal.part::<UnitFollowers>()?.0 {
        follower.closing(portal, &txn, unit.id, successor.id).await?;
    }
    if !store::close_unit(&txn, unit.id, unit.version, successor.id, portal.env.now()).await? {
        return Err(Fault::bug("a unit changed while it was locked").into());
    }
    let entry = Entry::new("CLOSE_UNIT").object(OBJECT, unit.id.uuid()).detail("successor", successor.id.global());
    audit::record(&txn, portal, actor, entry).await?;
    let data = serde_json::json!({ "successor": successor.id.global() });
    audit::announce(&txn, portal, Message::new("UNIT_CLOSED", OBJECT, unit.id.uuid()).data(data)).await?;
    let closed = placed(&txn, unit.id).await?;
    portal.commit(txn).await?;
    Ok(closed)
}

/// The no to a stale version. Closing is the only change that a unit knows.
fn conflict(unit: &Unit) -> Rejection {
    let changed = if unit.closed_at.is_some() { vec!["closedAt".to_owned(), "successorId".to_owned()] } else { Vec::new() };
    Rejection::conflict(Conflict { version: unit.version, at: unit.closed_at.unwrap_or(unit.created_at), changed, by: Some(Role::SystemAdmin) })
}

async fn placed(db: &impl ConnectionTrait, id: UnitId) -> Result<PlacedUnit, Fault> {
    find(db, id).await?.ok_or_else(|| Fault::bug("a unit that was made is not found"))
}

async fn find(db: &impl ConnectionTrait, id: UnitId) -> Result<Option<PlacedUnit>, Fault> {
    let Some(unit) = store::unit(db, id).await? else { return Ok(None) };
    let body = store::body(db, unit.body).await?.ok_or_else(|| Fault::bug("a unit has no body"))?;
    Ok(Some(PlacedUnit { unit, body }))
}

/// The unit with this id and its body, closed or not. For everybody. Two statements.
pub async fn placed_unit(portal: &Portal, id: UnitId) -> Result<Option<PlacedUnit>, Fault> {
    find(portal.db.read(), id).await
}

/// Units by id with their bodies, closed or not; ids that no unit has are missing. For everybody. Two statements at most.
pub async fn placed_units(db: &impl ConnectionTrait, ids: &[UnitId]) -> Result<HashMap<UnitId, PlacedUnit>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let units = store::units(db, ids).await?;
    let bodies: Vec<BodyId> = units.values().map(|unit| unit.body).collect();
    let bodies = bodies_by_ids(db, &bodies).await?;
    let placed = units.into_iter().map(|(id, unit)| {
        let body = bodies.get(&unit.body).cloned().ok_or_else(|| Fault::bug("a unit has no body"))?;
        Ok((id, PlacedUnit { unit, body }))
    });
    placed.collect()
}

/// Open units in the order of the tree, with their bodies, for everybody. Two statements, whatever the number of units.
///
/// Errors: [`Fault::BadRequest`] at `regionCode` where it is not six digits; [`Fault::CursorInvalid`].
pub async fn units(portal: &Portal, filter: UnitFilter, request: PageRequest) -> Result<Page<PlacedUnit>, Fault> {
    if filter.region_code.as_deref().is_some_and(|code| code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Fault::bad_request("regionCode"));
    }
    let db = portal.db.read();
    let after = request.after.as_deref().and_then(|keys| keys.first()).map(String::as_str);
    let rows = store::units_page(db, &filter, after, request.limit()).await?;
    let mut ids: Vec<BodyId> = rows.iter().map(|unit| unit.body).collect();
    ids.sort_unstable();
    ids.dedup();
    let bodies = bodies_by_ids(db, &ids).await?;
    let placed = rows.into_iter().map(|unit| {
        let body = bodies.get(&unit.body).cloned().ok_or_else(|| Fault::bug("a unit has no body"))?;
        Ok(PlacedUnit { unit, body })
    });
    let placed = placed.collect::<Result<Vec<_>, Fault>>()?;
    let page = Page::cut(placed, &request, UNIT_ORDER, |placed| vec![placed.unit.path.clone()]);
    Ok(page.counted(&request, store::count_units(db, &filter)).await?)
}

/// Regions that lie directly in `parent` and are of `level`, where given, by code. For everybody. One statement.
pub async fn regions(portal: &Portal, parent: Option<&str>, level: Option<RegionLevel>) -> Result<Vec<Region>, Fault> {
    Ok(store::regions_where(portal.db.read(), parent, level).await?)
}

/// The zones with rules of their own, by code. For everybody. One statement.
pub async fn zones(portal: &Portal) -> Result<Vec<Zone>, Fault> {
    Ok(store::zones(portal.db.read()).await?)
}
