//! Mandates: given, withdrawn, asked for.

use chrono::{DateTime, Duration, Utc};
use sea_orm::ConnectionTrait;

use crate::account::model::mandate::{MAX_ITEMS, Mandate, MandateScope};
use crate::account::policy;
use crate::account::service::grants::before;
use crate::account::store::{self, Inserted};
use crate::audit::model::Entry;
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{MandateId, PersonId, TypedId as _};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::{Code, Rejection};
use crate::person::service as persons;
use crate::portal::Portal;

/// Kind of object in the trail.
const MANDATE: &str = "MANDATE";
/// Order of a list of mandates.
pub const MANDATE_ORDER: &str = "mandate";
/// The longest term of a mandate in days; a bound against mistyped years.
pub const MAX_DAYS: i64 = 3660;

/// Gives a mandate.
#[derive(Debug, serde::Serialize)]
pub struct GrantMandate {
    /// Who shall act for the caller.
    pub agent: PersonId,
    /// For what.
    pub scope: MandateScope,
    /// Until when.
    pub ends_at: DateTime<Utc>,
}

/// The caller lets another person act for her, from now on.
///
/// Refuses with [`Code::NotAllowed`] (herself, an empty list), [`Code::TooMany`], [`Code::TooEarly`], [`Code::TooLong`]
/// and [`Code::NotFound`].
pub async fn grant_mandate(portal: &Portal, actor: &Actor, command: GrantMandate, idempotency_key: &str) -> Result<Mandate, Refused> {
    let member = policy::signed_in(actor)?;
    let now = portal.env.now();
    let mut problems = Vec::new();
    if let MandateScope::Items(items) = &command.scope {
        if items.is_empty() || items.iter().any(|i| i.trim().is_empty() || i.len() > 64) {
            problems.push(Rejection::at(Code::NotAllowed, "input.itemCodes"));
        }
        if items.len() > MAX_ITEMS {
            problems.push(Rejection::at(Code::TooMany, "input.itemCodes").number("max", 50));
        }
    }
    if command.ends_at <= now {
        problems.push(Rejection::at(Code::TooEarly, "input.endsAt"));
    } else if command.ends_at > now + Duration::days(MAX_DAYS) {
        problems.push(Rejection::at(Code::TooLong, "input.endsAt"));
    }
    if !problems.is_empty() {
        return Err(Refused::Rejected(problems));
    }
    let id = MandateId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "grantMandate", idempotency_key, &command, id.0).await? {
        return Ok(store::mandate(&txn, MandateId(made)).await?.ok_or(Fault::NotFound)?);
    }
    let unknown = || Refused::from(Rejection::at(Code::NotFound, "input.agentId"));
    let agent = match persons::resolve(&txn, command.agent).await {
        Err(Fault::NotFound) => return Err(unknown()),
        other => other?,
    };
    if agent == member.person {
        return Err(Rejection::at(Code::NotAllowed, "input.agentId").into());
    }
    let mandate = Mandate { id, principal: member.person, agent, scope: command.scope, starts_at: now, ends_at: command.ends_at, withdrawn_at: None };
    if store::insert_mandate(&txn, &mandate, now).await? != Inserted::Done {
        return Err(unknown());
    }
    audit::record(&txn, portal, actor, Entry::new("GRANT_MANDATE").object(MANDATE, id.0).person(member.person).detail("agent", agent.global())).await?;
    portal.commit(txn).await?;
    Ok(mandate)
}

/// Withdraws a mandate at once; principal and agent both may.
///
/// Refuses with [`Code::NotFound`] (also: another's) and [`Code::MandateInvalid`] (withdrawn before).
pub async fn end_mandate(portal: &Portal, actor: &Actor, id: MandateId) -> Result<Mandate, Refused> {
    let member = policy::signed_in(actor)?;
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    let mine = persons::identities(&txn, member.person).await?;
    let mandate = store::mandate(&txn, id).await?.filter(|m| mine.contains(&m.principal) || mine.contains(&m.agent));
    let mandate = mandate.ok_or_else(|| Rejection::at(Code::NotFound, "input.mandateId"))?;
    if !store::withdraw_mandate(&txn, id, now).await? {
        return Err(Rejection::at(Code::MandateInvalid, "input.mandateId").into());
    }
    audit::record(&txn, portal, actor, Entry::new("END_MANDATE").object(MANDATE, id.0).person(mandate.principal)).await?;
    portal.commit(txn).await?;
    Ok(Mandate { withdrawn_at: Some(now), ..mandate })
}

/// The mandates that the caller gave or holds, newest first; those that ended stay in the list.
pub async fn my_mandates(portal: &Portal, actor: &Actor, request: PageRequest) -> Result<Page<Mandate>, Fault> {
    let member = policy::signed_in(actor)?;
    let db = portal.db.read();
    // A person has more than one id only where persons were merged.
    let persons = persons::identities(db, member.person).await?;
    let rows = store::mandates_page(db, &persons, before(&request)?, request.limit()).await?;
    let page = Page::cut(rows, &request, MANDATE_ORDER, |mandate| vec![mandate.id.0.to_string()]);
    Ok(page.counted(&request, store::count_mandates(db, &persons)).await?)
}

/// The mandates in force that a person holds, with the principals as who they are now. One statement.
pub async fn mandates_held(db: &impl ConnectionTrait, agent: PersonId, now: DateTime<Utc>) -> Result<Vec<Mandate>, Fault> {
    Ok(store::mandates_held(db, agent, now).await?)
}

/// Whether a mandate binds `agent` to `principal`, is in its term and not withdrawn, whatever the item.
pub async fn mandate_holds(db: &impl ConnectionTrait, id: MandateId, agent: PersonId, principal: PersonId, now: DateTime<Utc>) -> Result<bool, Fault> {
    held(db, id, agent, principal, now, |_| true).await
}

/// Whether `agent` may act for `principal` under this mandate for the service item with this code, now.
pub async fn mandate_in_force(
    db: &impl ConnectionTrait,
    id: MandateId,
    agent: PersonId,
    principal: PersonId,
    item: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    held(db, id, agent, principal, now, |scope| scope.covers(item)).await
}

/// Whether a mandate that holds now, and whose scope is `wide` enough, binds the two. Rows stay under the ids for which
/// they were written; a merged person is the one that she became.
async fn held(
    db: &impl ConnectionTrait,
    id: MandateId,
    agent: PersonId,
    principal: PersonId,
    now: DateTime<Utc>,
    wide: impl Fn(&MandateScope) -> bool,
) -> Result<bool, Fault> {
    let Some(mandate) = store::mandate(db, id).await?.filter(|m| m.holds_at(now) && wide(&m.scope)) else { return Ok(false) };
    Ok(persons::resolve(db, mandate.agent).await? == persons::resolve(db, agent).await?
        && persons::resolve(db, mandate.principal).await? == persons::resolve(db, principal).await?)
}
