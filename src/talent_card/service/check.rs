//! Tokens, checks at the counter, uses of benefits, and what counters may check for.

use std::sync::Arc;

use chrono::Duration;
use uuid::Uuid;

use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{BenefitEntryId, BenefitId, CardCheckId, CardId, PersonId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::person::model::document::{DocumentNumber, IdentityDocumentKind};
use crate::person::service as person;
use crate::person::service::keys;
use crate::portal::Portal;
use crate::talent::model::FamilyRelation;
use crate::talent::service as talent;
use crate::talent_card::model::card::{Card, mask_name};
use crate::talent_card::model::check::{Check, CheckAnswer, CheckMeans, CheckPurpose, Counter, TOKEN_SECONDS, TOKEN_TYPE, TokenClaims, valid_until};
use crate::talent_card::model::ledger::{Balance, BalanceKey, check_use};
use crate::talent_card::model::number::{CardNumber, NumberProblem};
use crate::talent_card::model::product::{Beneficiary, Benefit, Offer, ledger_year};
use crate::talent_card::service::{OBJECT, view};
use crate::talent_card::{policy, store};

/// The region of a counter whose own region is not known: the province, where every benefit without a region is given.
const PROVINCE: &str = "440000";

/// A token with its end.
#[derive(Clone, Debug)]
pub struct Token {
    /// The compact JWS.
    pub jws: String,
    /// From when on it is no good (UTC).
    pub expires_at: chrono::DateTime<chrono::Utc>,
}

/// Makes a token for a card of the caller. Refused with CARD_NOT_ACTIVE where the card is not good today.
pub async fn create_card_token(portal: &Portal, actor: &Actor, card: CardId) -> Result<Token, Refused> {
    let holder = policy::signed_in(actor)?.person;
    let found = store::card_of_holder(portal.db.read(), holder, card).await?.ok_or(Rejection::at(Code::NotFound, "input.cardId"))?;
    if !found.is_good_on(portal.env.today()) {
        return Err(Rejection::at(Code::CardNotActive, "input.cardId").into());
    }
    let (now, jti) = (portal.env.now(), portal.env.uuid());
    let expires_at = now + Duration::seconds(TOKEN_SECONDS);
    let claims = TokenClaims { jti, sub: card.global(), iat: now.timestamp(), exp: expires_at.timestamp() };
    let jws = portal.keyring.signing().sign(TOKEN_TYPE, &claims).map_err(Fault::internal)?;
    let txn = portal.db.begin_write().await?;
    store::insert_token(&txn, jti, card, expires_at, now - Duration::days(1)).await?;
    audit::record(&txn, portal, actor, Entry::new("CREATE_CARD_TOKEN").object(OBJECT, card.0).person(holder)).await?;
    portal.commit(txn).await?;
    Ok(Token { jws, expires_at })
}

/// How a card is shown to a counter.
#[derive(Clone, Debug, serde::Serialize)]
pub enum Shown {
    /// A token.
    Token(String),
    /// Card number and document, in person.
    Number {
        /// Card number as typed.
        number: String,
        /// Kind of the document.
        kind: IdentityDocumentKind,
        /// Number of the document as typed.
        document: String,
        /// Issuing state of a passport.
        issuing_state: Option<String>,
    },
}

/// What a counter learns by a check.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// The check.
    pub check: Check,
    /// Grade, where the purpose needs it.
    pub grade: Option<String>,
    /// Masked name of the holder, where the purpose needs it.
    pub holder_name: Option<String>,
    /// The benefits that the purpose concerns, with this year's balances.
    pub benefits: Vec<(Benefit, Vec<Balance>)>,
    /// Who may have them: the holder and those of her family whom the purpose concerns.
    pub beneficiaries: Vec<(PersonId, Beneficiary, String)>,
}

#[derive(serde::Serialize)]
struct CheckKey<'a> {
    shown: &'a Shown,
    purpose: CheckPurpose,
}

/// Checks a card for a purpose. The token is spent by the database, once; what is answered depends on the purpose only.
pub async fn check_card(portal: &Portal, actor: &Actor, shown: Shown, purpose: CheckPurpose, key: &str) -> Result<CheckResult, Refused> {
    let (member, counters) = policy::counter(actor)?;
    let by = member.person;
    let now = portal.env.now();
    let read = read_shown(portal, &shown)?;
    let id = CardCheckId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "checkCard", key, &CheckKey { shown: &shown, purpose }, id.0).await? {
        let check = store::check(&txn, CardCheckId(made)).await?.ok_or(Fault::NotFound)?;
        txn.rollback().await?;
        return answer(portal, check).await;
    }
    let counter = store::counter_for(&txn, &counters, purpose).await?.ok_or(Rejection::at(Code::PurposeNotAllowed, "input.purpose"))?;
    let (card, via) = match read {
        Read::Token(claims, card) => {
            if claims.is_over(now) {
                return Err(Rejection::at(Code::CardTokenExpired, "input.by.token").into());
            }
            if !store::spend_token(&txn, claims.jti, now).await? {
                return Err(Rejection::at(Code::CardTokenSpent, "input.by.token").into());
            }
            (store::card(&txn, card).await?.ok_or(Fault::bug("a token of a card that is not there"))?, CheckMeans::Token)
        }
        Read::Number(number, document) => {
            // An unknown number and another's document are answered alike.
            let mismatch = || Refused::from(Rejection::at(Code::DocumentMismatch, "input.by.number"));
            let card = store::card_of_number(&txn, number.as_str()).await?.ok_or_else(mismatch)?;
            let card = store::card(&txn, card).await?.ok_or_else(mismatch)?;
            let holder = person::resolve(&txn, card.holder).await?;
            if !person::holds_document(portal, &txn, holder, &document).await? {
                return Err(mismatch());
            }
            let replaced = card.number().is_none_or(|current| current.number != number.as_str());
            (Card { numbers: if replaced { Vec::new() } else { card.numbers }, ..card }, CheckMeans::Number)
        }
    };
    let good = card.is_good_on(portal.env.today()) && card.number().is_some();
    let check = Check {
        id,
        card: card.id,
        checked_by: by,
        counter,
        purpose,
        via,
        at: now,
        valid_until: valid_until(now),
        answer: if good { CheckAnswer::Valid } else { CheckAnswer::NotValid },
    };
    store::insert_check(&txn, &check).await?;
    let entry = Entry::new("CHECK_CARD").object(OBJECT, card.id.0).person(card.holder).detail("purpose", purpose.code()).detail("check", id.global());
    audit::record(&txn, portal, actor, entry).await?;
    audit::announce(&txn, portal, Message::new("CARD_CHECKED", OBJECT, card.id.0).data(serde_json::json!({ "check": id.global() }))).await?;
    portal.commit(txn).await?;
    answer(portal, check).await
}

enum Read {
    Token(TokenClaims, CardId),
    Number(CardNumber, DocumentNumber),
}

fn read_shown(portal: &Portal, shown: &Shown) -> Result<Read, Refused> {
    match shown {
        Shown::Token(jws) => portal
            .keyring
            .verify::<TokenClaims>(TOKEN_TYPE, jws)
            .and_then(|claims| CardId::parse_global(&claims.sub).map(|card| Read::Token(claims, card)))
            .ok_or_else(|| Rejection::at(Code::CardTokenInvalid, "input.by.token").into()),
        Shown::Number { number, kind, document, issuing_state } => {
            let card = CardNumber::parse(number).map_err(|problem| {
                let code = match problem {
                    NumberProblem::Malformed => Code::Malformed,
                    NumberProblem::CheckDigitWrong => Code::CheckDigitWrong,
                };
                Rejection::at(code, "input.by.number.cardNumber")
            });
            let document =
                DocumentNumber::parse(*kind, document, issuing_state.as_deref(), portal.env.today()).map_err(|fault| fault.rejection("input.by.number"));
            match (card, document) {
                (Ok(card), Ok(document)) => Ok(Read::Number(card, document)),
                (card, document) => Err(Refused::Rejected([card.err(), document.err()].into_iter().flatten().collect())),
            }
        }
    }
}

async fn offer_of(portal: &Portal, card: &Card) -> Result<Arc<Offer>, Fault> {
    view::offers_of(portal, &[card.product_version]).await?.remove(&card.product_version).ok_or(Fault::bug("a card of a version that is not there"))
}

/// The family of a holder as beneficiaries, with masked names.
async fn family(portal: &Portal, holder: PersonId) -> Result<Vec<(PersonId, Beneficiary, String)>, Fault> {
    Ok(talent::family_of(portal, holder)
        .await?
        .into_iter()
        .map(|entry| {
            let relation = match entry.relation {
                FamilyRelation::Spouse => Beneficiary::Spouse,
                FamilyRelation::Child => Beneficiary::Child,
                FamilyRelation::Parent => Beneficiary::Parent,
            };
            (entry.member.id, relation, mask_name(entry.member.name.display()))
        })
        .collect())
}

/// What a check tells: nothing beyond NOT_VALID, and of a good card what the purpose needs.
async fn answer(portal: &Portal, check: Check) -> Result<CheckResult, Refused> {
    let mut result = CheckResult { check, grade: None, holder_name: None, benefits: Vec::new(), beneficiaries: Vec::new() };
    if result.check.answer == CheckAnswer::NotValid {
        return Ok(result);
    }
    let purpose = result.check.purpose;
    let card = store::card(portal.db.read(), result.check.card).await?.ok_or(Fault::NotFound)?;
    let offer = offer_of(portal, &card).await?;
    let holder = person::person(portal, card.holder).await?;
    if purpose.shows_holder() {
        let name = mask_name(holder.name.display());
        result.holder_name = Some(name.clone());
        result.beneficiaries.push((holder.id, card.beneficiary, name));
        if !purpose.shows_family().is_empty() && card.principal.is_none() {
            let members = family(portal, holder.id).await?;
            result.beneficiaries.extend(members.into_iter().filter(|(_, relation, _)| purpose.shows_family().contains(relation)));
        }
    }
    if purpose.shows_grade() {
        result.grade = Some(card.grade.clone());
    }
    let year = ledger_year(portal.env.today());
    let balances = store::balances(portal.db.read(), &[card.entitlement()], year).await?.remove(&card.entitlement()).unwrap_or_default();
    let own = (card.beneficiary != Beneficiary::Holder).then_some(card.beneficiary);
    result.benefits = offer
        .benefits_of(&card.grade, own)
        .filter(|benefit| purpose.areas().contains(&benefit.area))
        .map(|benefit| (benefit.clone(), balances.iter().filter(|b| b.key.benefit == benefit.id).cloned().collect()))
        .collect();
    Ok(result)
}

/// A use of a benefit to be recorded.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RecordUse {
    /// The check under which it is recorded.
    pub check: CardCheckId,
    /// The benefit.
    pub benefit: BenefitId,
    /// Who had it; the holder of the card where it is not said.
    pub beneficiary: Option<PersonId>,
    /// Units.
    pub amount: i64,
    /// Words about it.
    pub note: Option<String>,
}

/// Records a use under a check of the same counter. The last unit of a quota is used once: the database decides.
pub async fn record_benefit_use(portal: &Portal, actor: &Actor, command: RecordUse, key: &str) -> Result<(BenefitEntryId, Balance), Refused> {
    let (member, counters) = policy::counter(actor)?;
    let by = member.person;
    let problems = check_use(command.amount, command.note.as_deref());
    if !problems.is_empty() {
        return Err(Refused::Rejected(problems));
    }
    let now = portal.env.now();
    // Checks never change, so that they may be read before the transaction; so may keys and family.
    let too_old = || Refused::from(Rejection::at(Code::CheckExpired, "input.checkId"));
    let check = store::check(portal.db.read(), command.check).await?.filter(|c| counters.contains(&c.counter)).ok_or_else(too_old)?;
    let seen = store::card(portal.db.read(), check.card).await?.ok_or(Fault::NotFound)?;
    let offer = offer_of(portal, &seen).await?;
    let not_given = || Refused::from(Rejection::at(Code::BenefitNotGranted, "input.benefitId"));
    let holder = person::resolve(portal.db.read(), seen.holder).await?;
    let beneficiary = command.beneficiary.unwrap_or(holder);
    let relation = if beneficiary == holder {
        Some(seen.beneficiary)
    } else if let Some(relation) = store::sub_card_relation(portal.db.read(), seen.id, beneficiary).await? {
        Some(relation)
    } else {
        family(portal, holder).await?.into_iter().find(|(id, _, _)| *id == beneficiary).map(|(_, relation, _)| relation)
    };
    let relation = relation.ok_or(Rejection::at(Code::BenefitNotGranted, "input.beneficiaryId"))?;
    let benefit = offer.benefits.iter().find(|b| b.id == command.benefit && check.purpose.areas().contains(&b.area)).ok_or_else(not_given)?;
    if !benefit.is_given(&seen.grade, relation, PROVINCE) {
        return Err(not_given());
    }
    let id = BenefitEntryId::new(&portal.env);
    let note_sealed = match command.note.as_deref().map(str::trim).filter(|n| !n.is_empty()) {
        None => None,
        Some(note) => Some(keys::ensure_key(portal, holder).await?.seal(&portal.env, Place::new("benefit_entry", "note_sealed", id.0), note.as_bytes())),
    };
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "recordBenefitUse", key, &command, id.0).await? {
        let made = BenefitEntryId(made);
        let key = store::entry_key(&txn, made).await?.ok_or(Fault::NotFound)?;
        let balance = store::balances(&txn, &[key.card], key.year).await?.remove(&key.card).unwrap_or_default();
        txn.rollback().await?;
        let balance = balance.into_iter().find(|b| b.key == key).ok_or(Fault::bug("an entry without a balance"))?;
        return Ok((made, balance));
    }
    if !check.is_open(now) {
        return Err(too_old());
    }
    let card = store::card(&txn, check.card).await?.ok_or(Fault::NotFound)?;
    if !card.is_good_on(portal.env.today()) {
        return Err(Rejection::at(Code::CardNotActive, "input.checkId").into());
    }
    let key = BalanceKey { card: card.entitlement(), benefit: benefit.id, beneficiary, year: ledger_year(portal.env.today()) };
    let balance = store::take(&txn, key, benefit.yearly_quota, command.amount).await?.ok_or(Rejection::at(Code::QuotaExhausted, "input.amount"))?;
    store::insert_entry(&txn, store::NewEntry { id, key, delta: command.amount, check: check.clone(), at: now, by, note_sealed }).await?;
    let entry = Entry::new("RECORD_BENEFIT_USE").object(OBJECT, card.id.0).person(holder).detail("entry", id.global()).detail("benefit", benefit.id.global());
    audit::record(&txn, portal, actor, entry).await?;
    audit::announce(&txn, portal, Message::new("BENEFIT_USED", OBJECT, card.id.0).data(serde_json::json!({ "entry": id.global() }))).await?;
    portal.commit(txn).await?;
    Ok((id, balance))
}

/// Allows the counters of a unit or body to check cards for a purpose, or takes it back. Repeating it changes nothing.
pub async fn allow_counter_purpose(portal: &Portal, actor: &Actor, counter: Counter, purpose: CheckPurpose, allowed: bool) -> Result<(), Refused> {
    let by = policy::may_allow(actor, counter)?.person;
    let txn = portal.db.begin_write().await?;
    store::set_purpose(&txn, portal.env.uuid(), counter, purpose, allowed, by, portal.env.now()).await?;
    let (kind, id): (&'static str, Uuid) = match counter {
        Counter::Unit(id) => ("UNIT", id.0),
        Counter::Body(id) => ("BODY", id.0),
    };
    let entry = Entry::new("ALLOW_COUNTER_PURPOSE").object(kind, id).detail("purpose", purpose.code()).detail("allowed", allowed.to_string());
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(())
}
