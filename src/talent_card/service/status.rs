//! The signed status list, and what counters tell of checks that they made by it.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use sea_orm::DatabaseTransaction;

use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{CardCheckId, CardId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::text::Text;
use crate::portal::Portal;
use crate::talent_card::model::card::{status_on, under};
use crate::talent_card::model::check::{Check, CheckAnswer, CheckMeans, CheckPurpose};
use crate::talent_card::model::status_list::{LIST_SECONDS, LIST_TYPE, Mark, Offline, PLACES, StatusClaim, StatusPlace, judge, list};
use crate::talent_card::service::{OBJECT, view};
use crate::talent_card::{policy, store};

/// Days for which a counter may tell of an offline check. Ours, not official; tokens are kept as long.
pub const OFFLINE_DAYS: i64 = 7;
/// Draws for a free place before another list is begun.
const DRAWS: u32 = 32;

/// Lists that this process has signed, with the instant. Installed by `app`.
#[derive(Debug)]
pub struct StatusLists(moka::sync::Cache<u32, (DateTime<Utc>, Arc<str>)>);

impl Default for StatusLists {
    fn default() -> Self {
        Self(moka::sync::Cache::new(8))
    }
}

/// Where a list is published, below the address of the portal.
fn uri(portal: &Portal, list: u32) -> String {
    format!("{}/.well-known/card-status/{list}", portal.settings.public_url)
}

/// The place of a card, which it gets here where it has none: drawn by chance, so that it says nothing of the card.
pub(crate) async fn status_claim(txn: &DatabaseTransaction, portal: &Portal, card: CardId) -> Result<StatusClaim, Fault> {
    let (list, idx) = match store::life::place(txn, card).await? {
        Some(place) => place,
        None => take_place(txn, portal, card).await?,
    };
    Ok(StatusClaim { status_list: StatusPlace { idx, uri: uri(portal, list) } })
}

async fn take_place(txn: &DatabaseTransaction, portal: &Portal, card: CardId) -> Result<(u32, u32), Fault> {
    let newest = store::life::newest_list(txn).await?;
    for list in [newest, newest + 1] {
        for _ in 0..DRAWS {
            // The number of places is a power of two, so that each is equally likely.
            let place = u32::from_be_bytes(portal.env.bytes()) % PLACES;
            if store::life::take_place(txn, card, (list, place)).await? {
                return Ok((list, place));
            }
            // Another request may have given her card a place meanwhile.
            if let Some(place) = store::life::place(txn, card).await? {
                return Ok(place);
            }
        }
    }
    Err(Fault::bug("no place of the status lists is free"))
}

/// A status list, signed; for everybody. It is made anew after a minute. One statement, or none.
///
/// Errors: [`Fault::NotFound`] for a list that has no place.
pub async fn status_list(portal: &Portal, number: u32) -> Result<Arc<str>, Fault> {
    let (cache, now) = (portal.part::<StatusLists>()?, portal.env.now());
    if let Some((at, signed)) = cache.0.get(&number)
        && now - at < Duration::seconds(LIST_SECONDS)
        && now >= at
    {
        return Ok(signed);
    }
    let (db, day) = (portal.db.read(), portal.env.today());
    if number > store::life::newest_list(db).await? {
        return Err(Fault::NotFound);
    }
    let marks = store::life::not_valid(db, number, day).await?.into_iter().map(|placed| {
        let (status, valid_from, valid_to) = placed.stored;
        let own = status_on(status, valid_to, day);
        let standing = placed.above.map_or(own, |(status, valid_to)| under(own, status_on(status, valid_to, day)));
        (placed.place, Mark::of(standing, valid_from <= day, placed.numbered))
    });
    let claims = list(&uri(portal, number), now, marks).ok_or_else(|| Fault::bug("the status list could not be compressed"))?;
    let signed: Arc<str> = portal.keyring.signing().sign(LIST_TYPE, &claims).map_err(Fault::internal)?.into();
    cache.0.insert(number, (now, signed.clone()));
    Ok(signed)
}

/// An offline check as a counter tells it afterwards.
#[derive(Clone, Debug, serde::Serialize)]
pub struct OfflineCheck {
    /// The token that was shown.
    pub token: String,
    /// The list that it was judged by.
    pub list: String,
    /// When (UTC).
    pub at: DateTime<Utc>,
    /// For what.
    pub purpose: CheckPurpose,
}

/// Records an offline check: it is judged again, by the same rule, as of the instant at which it was made, and spends the
/// token, so that one that was shown twice is found out. No use is recorded under it.
///
/// Rejections: IN_FUTURE, TOO_EARLY, CARD_TOKEN_INVALID, CARD_TOKEN_EXPIRED, CARD_TOKEN_SPENT, STATUS_LIST_INVALID,
/// PURPOSE_NOT_ALLOWED, MALFORMED, IDEMPOTENCY_KEY_REUSED. Errors: [`Fault::Forbidden`] for whoever stands at no counter.
pub async fn record_offline_check(portal: &Portal, actor: &Actor, command: OfflineCheck, key: &str) -> Result<(Check, Option<Text>), Refused> {
    let (member, counters) = policy::counter(actor)?;
    let now = portal.env.now();
    if command.at > now {
        return Err(Rejection::at(Code::InFuture, "input.checkedAt").into());
    }
    if command.at < now - Duration::days(OFFLINE_DAYS) {
        return Err(Rejection::at(Code::TooEarly, "input.checkedAt").into());
    }
    let (claims, judged) = judge(&portal.keyring, &command.token, &command.list, command.at).map_err(|code| {
        let field = if code == Code::StatusListInvalid { "input.statusList" } else { "input.token" };
        Rejection::at(code, field)
    })?;
    let card = CardId::parse_global(&claims.sub).ok_or(Rejection::at(Code::CardTokenInvalid, "input.token"))?;
    let id = CardCheckId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "recordOfflineCheck", key, &command, id.0).await? {
        let check = store::check(&txn, CardCheckId(made)).await?.filter(|check| counters.contains(&check.counter)).ok_or(Fault::NotFound)?;
        txn.rollback().await?;
        return placed(portal, check).await;
    }
    let counter = store::counter_for(&txn, &counters, command.purpose).await?.ok_or(Rejection::at(Code::PurposeNotAllowed, "input.purpose"))?;
    if !store::spend_token(&txn, claims.jti, now).await? {
        return Err(Rejection::at(Code::CardTokenSpent, "input.token").into());
    }
    let card = store::card(&txn, card).await?.ok_or_else(|| Fault::bug("a token of a card that is not there"))?;
    let (answer, list_at) = match judged {
        Offline::ValidAsOf(at) => (CheckAnswer::ValidAsOf, Some(at)),
        Offline::NotValid(at) => (CheckAnswer::NotValid, Some(at)),
        Offline::StatusUnknown => (CheckAnswer::StatusUnknown, None),
    };
    let check = Check {
        id,
        card: card.id,
        checked_by: member.person,
        counter,
        purpose: command.purpose,
        via: CheckMeans::Offline,
        at: command.at,
        valid_until: command.at,
        answer,
        list_at,
    };
    store::insert_check(&txn, &check).await?;
    let entry = Entry::new("RECORD_OFFLINE_CHECK").object(OBJECT, card.id.0).person(card.holder).detail("purpose", command.purpose.code());
    audit::record(&txn, portal, actor, entry.detail("check", id.global()).detail("answer", answer.code())).await?;
    audit::announce(&txn, portal, Message::new("CARD_CHECKED", OBJECT, card.id.0).data(serde_json::json!({ "check": id.global() }))).await?;
    portal.commit(txn).await?;
    placed(portal, check).await
}

/// A check with the name of the unit or body whose counter made it.
async fn placed(portal: &Portal, check: Check) -> Result<(Check, Option<Text>), Refused> {
    let place = view::place_names(portal, std::slice::from_ref(&check)).await?.remove(&check.counter);
    Ok((check, place))
}
