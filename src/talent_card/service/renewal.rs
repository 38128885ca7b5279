//! Renewal of cards (续期): as the result of an approved case, and the reminders before it.

use chrono::Days;

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;
use serde_json::Value;

use crate::application::model::document::Given;
use crate::application::service::fulfilment::{Fulfilment, FulfilmentCase, Outcome};
use crate::audit::model::{Entry, Message};
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{CardProductVersionId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::kernel::text::{Origin, Text};
use crate::person::service::identity::permit_until;
use crate::person::service::{self as persons, keys};
use crate::portal::Portal;
use crate::talent_card::model::card::{Card, CardEventKind, CardStatus};
use crate::talent_card::model::life::{REMINDERS, RenewalWindow, reminder_due, renewed_until};
use crate::talent_card::service::life::{announce, conflict};
use crate::talent_card::service::{OBJECT, view};
use crate::talent_card::store;
use crate::talent_card::store::life::RenewalRow;

/// Renews the applicant's card of the product that the item version names in `params.product`, applied for between
/// `params.opens` and `params.closes` days before its last one: the new validity begins where the old one ends, and goes on
/// for the years of the version, but not beyond the end of the contract at `params.contract_pointer` in the answers, nor the
/// verified permit. That the conditions are met still is judged by the rules of the item version.
///
/// Its sub-cards end with it as before. The card keeps its number, and its version as long as that is in force; else it goes on under the one that is.
#[derive(Clone, Copy, Debug)]
pub struct RenewalFulfilment;

/// What a renewal comes to.
struct Plan {
    card: Card,
    version: CardProductVersionId,
    valid_to: chrono::NaiveDate,
}

/// What is renewed and until when, or why that cannot be.
async fn plan(portal: &Portal, txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Result<Plan, Rejection>, Fault> {
    let param = |name: &str| case.params[name].as_str();
    let days = |name: &str| case.params[name].as_u64().and_then(|days| u32::try_from(days).ok());
    let (Some(product), Some(contract), Some(opens), Some(closes)) = (param("product"), param("contract_pointer"), days("opens"), days("closes")) else {
        return Err(Fault::bug("a version with CARD_RENEWAL fulfilment lacks product, contract pointer or window"));
    };
    let holder = persons::resolve(txn, case.applicant).await?;
    // One that ended while its renewal was handled goes on all the same: it was in force when that was applied for.
    let renewable = |card: &Card| card.status_on(case.on) == CardStatus::Active || card.status_on(case.received_on) == CardStatus::Active;
    let cards = store::life::principal_cards(txn, holder, product).await?;
    let Some(card) = cards.into_iter().rfind(|card| card.status == CardStatus::Active && renewable(card)) else {
        return Ok(Err(Rejection::new(Code::CardNotActive)));
    };
    if card.is_lost() {
        return Ok(Err(Rejection::new(Code::CardLost)));
    }
    let window = RenewalWindow { opens, closes };
    if !window.is_open(card.valid_to, case.received_on) {
        let (from, until) = window.days(card.valid_to).unwrap_or((card.valid_to, card.valid_to));
        return Ok(Err(Rejection::new(Code::RenewalNotOpen).text("from", from.to_string()).text("until", until.to_string())));
    }
    let impossible = || Rejection::new(Code::FulfilmentImpossible);
    let own = view::offer_of(portal, txn, card.product_version).await?;
    let offer = if own.version.in_force(case.on) {
        own
    } else {
        let Some(number) = store::number_in_force(txn, product, case.on).await? else { return Ok(Err(impossible())) };
        let Some(version) = store::version_numbered(txn, product, number).await? else { return Ok(Err(impossible())) };
        view::offer_of(portal, txn, version).await?
    };
    let Some(max_years) = offer.version.max_years.filter(|_| offer.version.grade(&card.grade).is_some()) else { return Ok(Err(impossible())) };
    let contract_until = case.form.pointer(contract).and_then(Value::as_str).and_then(|day| day.parse().ok());
    let permit = permit_until(txn, holder).await?;
    match renewed_until(card.valid_to, max_years, contract_until, permit) {
        Some(valid_to) => Ok(Ok(Plan { card, version: offer.version.id, valid_to })),
        None => Ok(Err(impossible().pointer(contract))),
    }
}

#[async_trait]
impl Fulfilment for RenewalFulfilment {
    fn kind(&self) -> &'static str {
        "CARD_RENEWAL"
    }

    async fn check(&self, portal: &Portal, txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Vec<Rejection>, Fault> {
        Ok(plan(portal, txn, case).await?.err().into_iter().collect())
    }

    async fn fulfil(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase) -> Result<Outcome, Refused> {
        let Plan { card, version, valid_to } = plan(portal, txn, case).await??;
        if !store::life::set_end(txn, card.id, card.version, (valid_to, version)).await? {
            return Err(conflict(txn, card.id).await?);
        }
        store::life::set_sub_ends(txn, card.id, card.valid_to, valid_to).await?;
        let now = portal.env.now();
        let renewal = RenewalRow {
            id: portal.env.uuid(),
            card: card.id,
            application: case.application,
            version_before: card.product_version,
            ended_on: card.valid_to,
            valid_to,
        };
        store::life::insert_renewal(txn, &renewal, now).await?;
        store::insert_event(txn, portal.env.uuid(), card.id, CardEventKind::Renewed, now, actor.person(), Some(case.application), None).await?;
        let entry = Entry::new("RENEW_CARD").object(OBJECT, card.id.0).person(card.holder).detail("application", case.application.global());
        audit::record(txn, portal, actor, entry).await?;
        announce(txn, portal, "CARD_RENEWED", card.id, card.holder).await?;
        let plain = |value: String| Text::simplified(value, Origin::Human);
        let from = card.valid_to.succ_opt().unwrap_or(card.valid_to);
        Ok(Outcome::Done(vec![
            Given { name: Text::own(["续期起始日", "續期起始日", "Renewed from", "Renovado a partir de"]), value: plain(from.to_string()) },
            Given { name: Text::own(["有效期至", "有效期至", "Valid until", "Válido até"]), value: plain(valid_to.to_string()) },
        ]))
    }

    /// The card ends where it ended before. One that was renewed again since stays as it is.
    async fn revoke(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase, reason: &str) -> Result<(), Refused> {
        let Some(renewal) = store::life::renewal_of(txn, case.application).await? else { return Ok(()) };
        let card = store::card(txn, renewal.card).await?.ok_or_else(|| Fault::bug("a renewed card is not there"))?;
        if card.valid_to != renewal.valid_to {
            return Ok(());
        }
        if !store::life::set_end(txn, card.id, card.version, (renewal.ended_on, renewal.version_before)).await? {
            return Err(conflict(txn, card.id).await?);
        }
        store::life::set_sub_ends(txn, card.id, renewal.valid_to, renewal.ended_on).await?;
        let holder = persons::resolve(txn, card.holder).await?;
        let key = keys::data_key(portal, holder).await?;
        let (now, event) = (portal.env.now(), portal.env.uuid());
        let sealed = key.seal(&portal.env, Place::new("card_event", "reason_sealed", event), reason.as_bytes());
        store::insert_event(txn, event, card.id, CardEventKind::RenewalRevoked, now, actor.person(), Some(case.application), Some(sealed)).await?;
        audit::record(txn, portal, actor, Entry::new("REVOKE_CARD_RENEWAL").object(OBJECT, card.id.0).person(holder)).await?;
        announce(txn, portal, "CARD_RENEWAL_REVOKED", card.id, holder).await?;
        Ok(())
    }
}

/// Cards looked at in one statement of [`remind`].
const BATCH: u32 = 100;

/// Reminds holders whose cards end within sixty and within thirty days, each once for each last day, whatever process runs
/// it and however often; gives how many were reminded. Who was not reminded in time is reminded of what is left.
pub async fn remind(portal: &Portal) -> Result<usize, Fault> {
    let today = portal.env.today();
    let [first, second] = REMINDERS;
    let mut reminded = 0;
    for (days, below) in [(first, Some(second)), (second, None)] {
        let after = |days: u32| today.checked_add_days(Days::new(days.into()));
        let from = below.map_or(Some(today), |days| after(days)?.succ_opt());
        let Some(period) = from.zip(after(days)) else { continue };
        loop {
            let due = store::life::endings(portal.db.read(), period, days, BATCH).await?;
            if due.is_empty() {
                break;
            }
            let txn = portal.db.begin_write().await?;
            for ending in due {
                // What was read may have changed: the rule says whether it is due, the database whether it is new.
                if reminder_due(ending.valid_to, today) == Some(days) && store::life::insert_reminder(&txn, ending, days, portal.env.now()).await? {
                    let data = serde_json::json!({ "holder": ending.holder.global(), "days": days, "until": ending.valid_to });
                    audit::announce(&txn, portal, Message::new("CARD_ENDS_SOON", OBJECT, ending.card.0).data(data)).await?;
                    let entry = Entry::new("REMIND_OF_CARD_END").object(OBJECT, ending.card.0).person(ending.holder).by_system();
                    audit::record(&txn, portal, &Actor::anonymous("card-reminders"), entry.detail("days", days.to_string())).await?;
                    reminded += 1;
                }
            }
            portal.commit(txn).await?;
        }
    }
    Ok(reminded)
}
