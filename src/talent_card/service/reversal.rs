//! Taking back what a counter recorded.

use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::clock::civil_date;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{BenefitEntryId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::organisation::service as organisation;
use crate::person::service::{self as person, keys};
use crate::portal::Portal;
use crate::talent_card::model::check::Counter;
use crate::talent_card::model::ledger::{Balance, BalanceKey, NOTE_MAX, Use};
use crate::talent_card::model::life::{ReversalBy, may_reverse};
use crate::talent_card::service::OBJECT;
use crate::talent_card::{policy, store};

/// A use to be taken back.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReverseUse {
    /// The entry of the ledger.
    pub entry: BenefitEntryId,
    /// Why.
    pub reason: String,
}

/// Takes a use back, once: a reversal stands beside it in the ledger, and its balance has the units again. By the counter
/// that recorded it, or by its supervisor; [`may_reverse`] says until when. Not in her own matter.
///
/// Rejections: REASON_REQUIRED, TOO_LONG, NOT_FOUND, OWN_CASE, REVERSAL_TOO_LATE, ALREADY_REVERSED, MALFORMED,
/// IDEMPOTENCY_KEY_REUSED. Errors: [`Fault::Forbidden`] for whoever is neither counter nor supervisor.
pub async fn reverse_benefit_use(portal: &Portal, actor: &Actor, command: ReverseUse, key: &str) -> Result<(Use, Balance), Refused> {
    let by = policy::takes_back(actor)?.person;
    let reason = command.reason.trim();
    if reason.is_empty() {
        return Err(Rejection::at(Code::ReasonRequired, "input.reason").into());
    }
    if reason.chars().count() > NOTE_MAX {
        return Err(Rejection::at(Code::TooLong, "input.reason").number("max", i64::try_from(NOTE_MAX).unwrap_or(i64::MAX)).into());
    }
    let db = portal.db.read();
    let unknown = || Refused::from(Rejection::at(Code::NotFound, "input.useId"));
    let made = store::life::recorded(db, command.entry).await?.filter(|made| made.is_use).ok_or_else(unknown)?;
    let (counter, check) = made.counter.zip(made.check).ok_or_else(unknown)?;
    let path = match counter {
        Counter::Unit(unit) => organisation::unit_path(db, unit).await?,
        Counter::Body(_) => None,
    };
    let standings = [
        policy::counters(actor).contains(&counter).then_some(ReversalBy::Counter),
        policy::supervises(actor, counter, path.as_deref()).then_some(ReversalBy::Supervisor),
    ];
    let standings: Vec<ReversalBy> = standings.into_iter().flatten().collect();
    if standings.is_empty() {
        return Err(unknown());
    }
    // The card that was checked: its holder's key seals the words, as it does those of the use.
    let checked = store::check(db, check).await?.ok_or_else(unknown)?;
    let card = store::card(db, checked.card).await?.ok_or(Fault::NotFound)?;
    let holder = person::resolve(db, card.holder).await?;
    let secret = keys::ensure_key(portal, holder).await?;
    let (now, id) = (portal.env.now(), BenefitEntryId::new(&portal.env));
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(reversal) = audit::claim_key(&txn, portal, actor, "reverseBenefitUse", key, &command, id.0).await? {
        let reversal = store::entry(&txn, BenefitEntryId(reversal)).await?.ok_or(Fault::NotFound)?;
        let key = BalanceKey { beneficiary: person::resolve(&txn, reversal.key.beneficiary).await?, ..reversal.key };
        let balance = store::balances(&txn, &[key.card], key.year).await?.remove(&key.card).unwrap_or_default();
        txn.rollback().await?;
        let balance = balance.into_iter().find(|b| b.key == key).ok_or_else(|| Fault::bug("an entry without a balance"))?;
        return Ok((Use { key, ..reversal }, balance));
    }
    if store::life::is_tied(&txn, &[card.id, card.entitlement()], by).await? {
        return Err(Rejection::new(Code::OwnCase).into());
    }
    let delivered_on = civil_date(made.entry.delivered_at);
    if !standings.iter().any(|by| may_reverse(*by, delivered_on, made.entry.key.year, portal.env.today())) {
        return Err(Rejection::at(Code::ReversalTooLate, "input.useId").into());
    }
    // Held until the end, so that no merge moves her balance meanwhile.
    let beneficiary = person::lock(&txn, made.entry.key.beneficiary).await?;
    let balance_key = BalanceKey { beneficiary, ..made.entry.key };
    let reason_sealed = secret.seal(&portal.env, Place::new("benefit_entry", "note_sealed", id.0), reason.as_bytes());
    let reversal = store::life::NewReversal { id, of: made, beneficiary, at: now, by, reason_sealed };
    if !store::life::insert_reversal(&txn, reversal).await? {
        return Err(Rejection::at(Code::AlreadyReversed, "input.useId").into());
    }
    let balance = store::life::give_back(&txn, balance_key, made.entry.delta).await?.ok_or_else(|| Fault::bug("an entry without a balance"))?;
    let entry = Entry::new("REVERSE_BENEFIT_USE").object(OBJECT, card.id.0).person(holder).detail("entry", id.global()).detail("of", command.entry.global());
    audit::record(&txn, portal, actor, entry).await?;
    let data = serde_json::json!({ "entry": id.global(), "of": command.entry.global() });
    audit::announce(&txn, portal, Message::new("BENEFIT_USE_REVERSED", OBJECT, card.id.0).data(data)).await?;
    portal.commit(txn).await?;
    Ok((Use { id, key: balance_key, delta: -made.entry.delta, delivered_at: now }, balance))
}
