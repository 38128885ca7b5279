//! A unit is to offer items: the administrator names them, the bundle says on what terms.

use std::collections::BTreeSet;

use sea_orm::ConnectionTrait;

use super::publish::{UnitPlace, bind_items};
use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::catalogue::model::offering::Offering;
use crate::catalogue::{policy, store};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ItemId, TypedId as _, UnitId};
use crate::kernel::rejection::{Code, Rejection};
use crate::organisation::service as organisation;
use crate::organisation::service::units::OBJECT;
use crate::portal::Portal;

/// The most items that one call names.
const ITEMS_MAX: usize = 100;

/// Which items a unit is to offer.
#[derive(Clone, Debug, serde::Serialize)]
pub struct OfferItems {
    /// The unit.
    pub unit: UnitId,
    /// The items.
    pub items: Vec<ItemId>,
}

/// Makes the bundle's offerings of these items for a unit, as its level and region say, and routes the cases of its region to
/// it. What it offers already is left as it is. For the system administrator.
///
/// Answers what the unit offers of these items today and later, made now or before.
///
/// Rejections: `REQUIRED` or `TOO_MANY` at `input.itemIds`; `NOT_FOUND` at each id that leads nowhere; `UNIT_CLOSED`;
/// `NOT_OFFERED` at `input.itemIds.N` where the bundle has no offering of the item for such a unit that lasts.
pub async fn offer_items(portal: &Portal, actor: &Actor, command: OfferItems, idempotency_key: &str) -> Result<Vec<Offering>, Refused> {
    policy::may_offer(actor)?;
    if command.items.is_empty() {
        return Err(Rejection::at(Code::Required, "input.itemIds").into());
    }
    if command.items.len() > ITEMS_MAX {
        return Err(Rejection::at(Code::TooMany, "input.itemIds").number("max", 100).into());
    }
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(_) = audit::claim_key(&txn, portal, actor, "offerItems", idempotency_key, &command, command.unit.uuid()).await? {
        return Ok(offered(&txn, portal, &command).await?);
    }
    // Locked, so that it cannot close meanwhile.
    let unit = organisation::lock_unit(&txn, command.unit).await?;
    let items = store::items(&txn, &command.items).await?;
    let mut problems = Vec::new();
    match &unit {
        None => problems.push(Rejection::at(Code::NotFound, "input.unitId")),
        Some(unit) if unit.closed_at.is_some() => problems.push(Rejection::at(Code::UnitClosed, "input.unitId")),
        Some(_) => {}
    }
    let known: BTreeSet<ItemId> = items.iter().map(|item| item.id).collect();
    let codes = items.iter().map(|item| item.code.as_str()).collect::<Vec<_>>().join(" ");
    let at = |n: usize, code: Code| Rejection::at(code, &format!("input.itemIds.{n}"));
    problems.extend(command.items.iter().enumerate().filter(|(_, item)| !known.contains(item)).map(|(n, _)| at(n, Code::NotFound)));
    let Some(unit) = unit.filter(|unit| unit.closed_at.is_none()) else { return Err(Refused::Rejected(problems)) };
    let place = UnitPlace { unit: unit.id, level: unit.level, region: unit.region_code, zone: unit.zone_code };
    let made = bind_items(&txn, portal, &[place], items).await?;
    let offerings = offered(&txn, portal, &command).await?;
    let lacking = |item: &ItemId| known.contains(item) && !offerings.iter().any(|offering| offering.item == *item);
    problems.extend(command.items.iter().enumerate().filter(|(_, item)| lacking(item)).map(|(n, _)| at(n, Code::NotOffered)));
    if !problems.is_empty() {
        return Err(Refused::Rejected(problems));
    }
    let entry = Entry::new("OFFER_ITEMS").object(OBJECT, unit.id.uuid()).detail("items", codes).detail("made", made.to_string());
    audit::record(&txn, portal, actor, entry).await?;
    audit::announce(&txn, portal, Message::new("ITEMS_OFFERED", OBJECT, unit.id.uuid())).await?;
    portal.commit(txn).await?;
    Ok(offerings)
}

/// What the unit offers of the items today and later.
async fn offered(txn: &impl ConnectionTrait, portal: &Portal, command: &OfferItems) -> Result<Vec<Offering>, Fault> {
    let mut offerings = store::offerings_of_unit(txn, command.unit, portal.env.today()).await?;
    offerings.retain(|offering| command.items.contains(&offering.item));
    Ok(offerings)
}
