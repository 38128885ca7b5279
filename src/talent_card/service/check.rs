//! Tokens, checks at the counter, uses of benefits, and what counters may check for.

use chrono::Duration;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use uuid::Uuid;

use crate::account::model::limit::Rate;
use crate::account::service::limits;
use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{BenefitEntryId, BenefitId, CardCheckId, CardId, PersonId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::kernel::text::Text;
use crate::organisation::service as organisation;
use crate::person::model::document::{DocumentNumber, IdentityDocumentKind};
use crate::person::service as person;
use crate::person::service::keys;
use crate::portal::Portal;
use crate::talent_card::model::card::{Card, NumberEnd, mask_name};
use crate::talent_card::model::check::{Check, CheckAnswer, CheckMeans, CheckPurpose, Counter, TOKEN_SECONDS, TOKEN_TYPE, TokenClaims, valid_until};
use crate::talent_card::model::ledger::{Balance, BalanceKey, Use, carried, check_use};
use crate::talent_card::model::number::{CardNumber, NumberProblem};
use crate::talent_card::model::product::{Beneficiary, Benefit, CarryOver, Grade, ledger_year};
use crate::talent_card::service::status::{OFFLINE_DAYS, status_claim};
use crate::talent_card::service::{OBJECT, view};
use crate::talent_card::{policy, store};

/// The region of a body whose own region is not known: the province, where every benefit without a region is given.
const PROVINCE: &str = "440000";
/// Name of the limit on card numbers shown with another's document.
const MISMATCH: &str = "card-mismatch";
/// Mismatches of one card number, whether there is such a card or not: five, then one in twelve minutes.
const PER_CARD: Rate = Rate::new(5, 12 * 60);
/// Mismatches of one person at counters: twenty, then one in three minutes.
const PER_COUNTER: Rate = Rate::new(20, 3 * 60);

/// A token with its end.
#[derive(Clone, Debug)]
pub struct Token {
    /// The compact JWS.
    pub jws: String,
    /// From when on it is no good (UTC).
    pub expires_at: chrono::DateTime<chrono::Utc>,
}

/// Makes a token for a card of the caller. Refused with CARD_LOST where it was reported lost, and with CARD_NOT_ACTIVE where
/// it is not good today.
pub async fn create_card_token(portal: &Portal, actor: &Actor, card: CardId) -> Result<Token, Refused> {
    let holder = policy::signed_in(actor)?.person;
    let found = store::card_of_holder(portal.db.read(), holder, card).await?.ok_or(Rejection::at(Code::NotFound, "input.cardId"))?;
    if found.is_lost() {
        return Err(Rejection::at(Code::CardLost, "input.cardId").into());
    }
    if !found.is_good_on(portal.env.today()) || found.number().is_none() {
        return Err(Rejection::at(Code::CardNotActive, "input.cardId").into());
    }
    let (now, jti) = (portal.env.now(), portal.env.uuid());
    let expires_at = now + Duration::seconds(TOKEN_SECONDS);
    let txn = portal.db.begin_write().await?;
    let status = Some(status_claim(&txn, portal, card).await?);
    let claims = TokenClaims { jti, sub: card.global(), iat: now.timestamp(), exp: expires_at.timestamp(), status };
    let jws = portal.keyring.signing().sign(TOKEN_TYPE, &claims).map_err(Fault::internal)?;
    // Kept for as long as a counter may tell of an offline check by it.
    store::insert_token(&txn, jti, card, expires_at, now - Duration::days(OFFLINE_DAYS + 1)).await?;
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
    /// Name of the unit or body whose counter checked.
    pub place: Option<Text>,
    /// Grade, where the purpose needs it.
    pub grade: Option<Grade>,
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
///
/// A number with another's document is refused with DOCUMENT_MISMATCH and written down: in the trail, and where there is
/// such a card among its checks, which its holder sees. Likewise a card that was reported lost, with CARD_LOST. Past the
/// limits: [`Fault::RateLimited`].
pub async fn check_card(portal: &Portal, actor: &Actor, shown: Shown, purpose: CheckPurpose, key: &str) -> Result<CheckResult, Refused> {
    let (member, counters) = policy::counter(actor)?;
    let by = member.person;
    let now = portal.env.now();
    let read = read_shown(portal, &shown)?;
    let id = CardCheckId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "checkCard", key, &CheckKey { shown: &shown, purpose }, id.0).await? {
        // What a check told is told again while the check is open, at the counters that may still ask.
        let check = store::check(&txn, CardCheckId(made)).await?.filter(|check| counters.contains(&check.counter));
        let check = check.ok_or(Rejection::at(Code::CheckExpired, "input"))?;
        if store::counter_for(&txn, &[check.counter], check.purpose).await?.is_none() {
            return Err(Rejection::at(Code::PurposeNotAllowed, "input.purpose").into());
        }
        txn.rollback().await?;
        if check.answer == CheckAnswer::Valid && !check.is_open(now) {
            return Err(Rejection::at(Code::CheckExpired, "input").into());
        }
        return answer(portal, check).await;
    }
    let counter = store::counter_for(&txn, &counters, purpose).await?.ok_or(Rejection::at(Code::PurposeNotAllowed, "input.purpose"))?;
    let check = |card: &Card, via, answer| {
        let until = if answer == CheckAnswer::Valid { valid_until(now) } else { now };
        Check { id, card: card.id, checked_by: by, counter, purpose, via, at: now, valid_until: until, answer, list_at: None }
    };
    let entry = Entry::new("CHECK_CARD").detail("purpose", purpose.code());
    let (card, via) = match read {
        Read::Token(claims, card) => {
            if claims.is_over(now) {
                return Err(Rejection::at(Code::CardTokenExpired, "input.by.token").into());
            }
            let card = store::card(&txn, card).await?.ok_or_else(|| Fault::bug("a token of a card that is not there"))?;
            // Before the token is spent: reporting the loss has spent all of them.
            if card.is_lost() {
                let seen = Some((check(&card, CheckMeans::Token, CheckAnswer::NotValid), card.holder));
                return Err(refuse(txn, portal, actor, key, entry, seen, Rejection::at(Code::CardLost, "input.by.token")).await?);
            }
            if !store::spend_token(&txn, claims.jti, now).await? {
                return Err(Rejection::at(Code::CardTokenSpent, "input.by.token").into());
            }
            (card, CheckMeans::Token)
        }
        Read::Number(number, document) => {
            let limits = [(number.as_str().to_owned(), PER_CARD), (by.global(), PER_COUNTER)];
            for (subject, rate) in &limits {
                // Taken before the look, so that tries at once wait for each other here; given back where it fits.
                limits::take(&txn, portal, MISMATCH, subject, *rate).await?;
            }
            let card = match store::card_of_number(&txn, number.as_str()).await? {
                Some(card) => store::card(&txn, card).await?,
                None => None,
            };
            let fits = match &card {
                Some(card) => person::holds_document(portal, &txn, person::resolve(&txn, card.holder).await?, &document).await?,
                None => false,
            };
            let card = match card {
                Some(card) if fits => card,
                other => {
                    let seen = other.map(|card| (check(&card, CheckMeans::Number, CheckAnswer::Mismatch), card.holder));
                    let no = Rejection::at(Code::DocumentMismatch, "input.by.number");
                    return Err(refuse(txn, portal, actor, key, entry, seen, no).await?);
                }
            };
            for (subject, rate) in &limits {
                limits::give_back(&txn, portal, MISMATCH, subject, *rate).await?;
            }
            if card.numbers.iter().any(|n| n.number == number.as_str() && n.end_reason == Some(NumberEnd::Lost)) {
                let seen = Some((check(&card, CheckMeans::Number, CheckAnswer::NotValid), card.holder));
                return Err(refuse(txn, portal, actor, key, entry, seen, Rejection::at(Code::CardLost, "input.by.number")).await?);
            }
            let replaced = card.number().is_none_or(|current| current.number != number.as_str());
            (Card { numbers: if replaced { Vec::new() } else { card.numbers }, ..card }, CheckMeans::Number)
        }
    };
    let good = card.is_good_on(portal.env.today()) && card.number().is_some();
    let check = check(&card, via, if good { CheckAnswer::Valid } else { CheckAnswer::NotValid });
    store::insert_check(&txn, &check).await?;
    audit::record(&txn, portal, actor, entry.object(OBJECT, card.id.0).person(card.holder).detail("check", id.global())).await?;
    audit::announce(&txn, portal, Message::new("CARD_CHECKED", OBJECT, card.id.0).data(serde_json::json!({ "check": id.global() }))).await?;
    portal.commit(txn).await?;
    answer(portal, check).await
}

/// Writes a refused check down and gives the refusal: an unknown number and another's document are answered alike.
async fn refuse(
    txn: DatabaseTransaction,
    portal: &Portal,
    actor: &Actor,
    key: &str,
    entry: Entry,
    seen: Option<(Check, PersonId)>,
    no: Rejection,
) -> Result<Refused, Refused> {
    let mut entry = entry.refused(no.code.code());
    if let Some((check, holder)) = seen {
        store::insert_check(&txn, &check).await?;
        entry = entry.object(OBJECT, check.card.0).person(holder).detail("check", check.id.global());
    }
    audit::forget_key(&txn, actor, "checkCard", key).await?;
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(no.into())
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

/// For whom of the family a card is, redirects followed, with masked names as the holder wrote them.
async fn family(db: &impl ConnectionTrait, card: CardId) -> Result<Vec<(PersonId, Beneficiary, String)>, Fault> {
    let rows = store::beneficiaries(db, card).await?;
    let told = person::told_of(db, &rows.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
    let of = |(id, relation)| told.get(&id).map(|person| (person.merged_into.unwrap_or(id), relation, mask_name(person.name.display())));
    Ok(rows.into_iter().filter_map(of).collect())
}

/// What a check tells: nothing beyond NOT_VALID, and of a good card what the purpose needs.
async fn answer(portal: &Portal, check: Check) -> Result<CheckResult, Refused> {
    let place = view::place_names(portal, std::slice::from_ref(&check)).await?.remove(&check.counter);
    let mut result = CheckResult { check, place, grade: None, holder_name: None, benefits: Vec::new(), beneficiaries: Vec::new() };
    if result.check.answer != CheckAnswer::Valid {
        return Ok(result);
    }
    let purpose = result.check.purpose;
    let card = store::card(portal.db.read(), result.check.card).await?.ok_or(Fault::NotFound)?;
    let offer = view::offer_of(portal, portal.db.read(), card.product_version).await?;
    let holder = person::person(portal, card.holder).await?;
    if purpose.shows_holder() {
        let name = mask_name(holder.name.display());
        result.holder_name = Some(name.clone());
        result.beneficiaries.push((holder.id, card.beneficiary, name));
        if !purpose.shows_family().is_empty() && card.principal.is_none() {
            let members = family(portal.db.read(), card.id).await?;
            result.beneficiaries.extend(members.into_iter().filter(|(_, relation, _)| purpose.shows_family().contains(relation)));
        }
    }
    if purpose.shows_grade() {
        result.grade = Some(view::grade_of(&offer, &card.grade)?.clone());
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

/// A use as judged by what never changes, and by who the persons are.
struct Planned {
    check: Check,
    holder: PersonId,
    beneficiary: PersonId,
    benefit: Benefit,
}

/// Judges a use before its transaction begins: whose check it is, who has the benefit, and whether it is given there.
async fn plan_use(portal: &Portal, counters: &[Counter], command: &RecordUse) -> Result<Planned, Refused> {
    let db = portal.db.read();
    let too_old = || Refused::from(Rejection::at(Code::CheckExpired, "input.checkId"));
    let check = store::check(db, command.check).await?.filter(|c| counters.contains(&c.counter)).ok_or_else(too_old)?;
    let card = store::card(db, check.card).await?.ok_or(Fault::NotFound)?;
    let offer = view::offer_of(portal, db, card.product_version).await?;
    let holder = person::resolve(db, card.holder).await?;
    let nobody = || Refused::from(Rejection::at(Code::BenefitNotGranted, "input.beneficiaryId"));
    let beneficiary = match command.beneficiary {
        None => holder,
        Some(id) => match person::resolve(db, id).await {
            Err(Fault::NotFound) => return Err(nobody()),
            other => other?,
        },
    };
    let relation = if beneficiary == holder {
        Some(card.beneficiary)
    } else if let Some(relation) = store::sub_card_relation(db, card.id, beneficiary).await? {
        Some(relation)
    } else {
        family(db, card.id).await?.into_iter().find(|(id, _, _)| *id == beneficiary).map(|(_, relation, _)| relation)
    };
    let relation = relation.ok_or_else(nobody)?;
    let (region, body) = match check.counter {
        Counter::Unit(id) => organisation::unit(db, id).await?.map_or((None, None), |unit| (Some(unit.region_code), Some(unit.body))),
        Counter::Body(id) => (organisation::body(db, id).await?.and_then(|body| body.region_code), Some(id)),
    };
    // A benefit of the family without a word who of them has it is not one that the card lacks.
    if command.beneficiary.is_none() && offer.benefits.iter().any(|b| b.id == command.benefit && b.grade == card.grade && b.beneficiary != relation) {
        return Err(Rejection::at(Code::Required, "input.beneficiaryId").into());
    }
    let given = |b: &&Benefit| b.is_given(&card.grade, relation, region.as_deref().unwrap_or(PROVINCE), body);
    let benefit = offer.benefits.iter().find(|b| b.id == command.benefit && check.purpose.areas().contains(&b.area)).filter(given);
    let benefit = benefit.ok_or(Rejection::at(Code::BenefitNotGranted, "input.benefitId"))?.clone();
    Ok(Planned { check, holder, beneficiary, benefit })
}

/// Records a use under a check of the same counter. The last unit of a quota is used once: the database decides.
pub async fn record_benefit_use(portal: &Portal, actor: &Actor, command: RecordUse, key: &str) -> Result<(Use, Balance), Refused> {
    let (member, counters) = policy::counter(actor)?;
    let by = member.person;
    let problems = check_use(command.amount, command.note.as_deref());
    if !problems.is_empty() {
        return Err(Refused::Rejected(problems));
    }
    let now = portal.env.now();
    let id = BenefitEntryId::new(&portal.env);
    // Judged before the transaction, which has the one connection; told after the key, since a replay is not judged anew.
    let planned = plan_use(portal, &counters, &command).await;
    let note_sealed = match (&planned, command.note.as_deref().map(str::trim).filter(|n| !n.is_empty())) {
        (Ok(planned), Some(note)) => {
            let key = keys::ensure_key(portal, planned.holder).await?;
            Some(key.seal(&portal.env, Place::new("benefit_entry", "note_sealed", id.0), note.as_bytes()))
        }
        _ => None,
    };
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "recordBenefitUse", key, &command, id.0).await? {
        let made = store::entry(&txn, BenefitEntryId(made)).await?.ok_or(Fault::NotFound)?;
        // The answer holds a balance: it is for who stands there still, and for a purpose that the counter still has.
        let check = store::check(&txn, command.check).await?.filter(|check| counters.contains(&check.counter));
        let check = check.ok_or(Rejection::at(Code::CheckExpired, "input.checkId"))?;
        if store::counter_for(&txn, &[check.counter], check.purpose).await?.is_none() {
            return Err(Rejection::at(Code::CheckExpired, "input.checkId").into());
        }
        // She may be another by now, to whom the balance went.
        let key = BalanceKey { beneficiary: person::resolve(&txn, made.key.beneficiary).await?, ..made.key };
        let balance = store::balances(&txn, &[key.card], key.year).await?.remove(&key.card).unwrap_or_default();
        txn.rollback().await?;
        let balance = balance.into_iter().find(|b| b.key == key).ok_or_else(|| Fault::bug("an entry without a balance"))?;
        return Ok((Use { key, ..made }, balance));
    }
    let Planned { check, holder, beneficiary, benefit } = planned?;
    if !check.is_open(now) {
        return Err(Rejection::at(Code::CheckExpired, "input.checkId").into());
    }
    // Held until the end, so that no merge moves her balances meanwhile and her uses under several cards are counted.
    let beneficiary = person::lock(&txn, beneficiary).await?;
    let card = store::card(&txn, check.card).await?.ok_or(Fault::NotFound)?;
    if card.is_lost() {
        return Err(Rejection::at(Code::CardLost, "input.checkId").into());
    }
    if !card.is_good_on(portal.env.today()) {
        return Err(Rejection::at(Code::CardNotActive, "input.checkId").into());
    }
    let key = BalanceKey { card: card.entitlement(), benefit: benefit.id, beneficiary, year: ledger_year(portal.env.today()) };
    let beside = if benefit.yearly_quota.is_some() { store::used_beside(&txn, key).await? } else { 0 };
    let quota = quota_of(&txn, &card, &benefit, key).await?;
    let balance = store::take(&txn, key, quota, command.amount, beside).await?;
    let Some(balance) = balance else { return Err(exhausted(&txn, key, quota, beside).await?) };
    store::insert_entry(&txn, store::NewEntry { id, key, delta: command.amount, check: check.clone(), at: now, by, note_sealed }).await?;
    let entry = Entry::new("RECORD_BENEFIT_USE").object(OBJECT, card.id.0).person(holder).detail("entry", id.global()).detail("benefit", benefit.id.global());
    audit::record(&txn, portal, actor, entry).await?;
    audit::announce(&txn, portal, Message::new("BENEFIT_USED", OBJECT, card.id.0).data(serde_json::json!({ "entry": id.global() }))).await?;
    portal.commit(txn).await?;
    Ok((Use { id, key, delta: command.amount, delivered_at: now }, balance))
}

/// The units of a year with which a balance begins: the yearly ones, and what goes over from the year before. Of a balance
/// that is there already its own are taken.
async fn quota_of(txn: &DatabaseTransaction, card: &Card, benefit: &Benefit, key: BalanceKey) -> Result<Option<i64>, Fault> {
    let (Some(yearly), CarryOver::NextYear) = (benefit.yearly_quota, benefit.carry_over) else { return Ok(benefit.yearly_quota) };
    let before = BalanceKey { year: key.year - 1, ..key };
    let balances = store::balances(txn, &[key.card], before.year).await?.remove(&key.card).unwrap_or_default();
    let beside = store::used_beside(txn, before).await?;
    let own = balances.iter().find(|balance| balance.key == before);
    Ok(Some(yearly + carried(benefit.carry_over, yearly, own, beside, ledger_year(card.valid_from) < key.year)))
}

/// The no to a use that the quota does not allow, with what is left.
async fn exhausted(txn: &DatabaseTransaction, key: BalanceKey, quota: Option<i64>, beside: i64) -> Result<Refused, Fault> {
    let balances = store::balances(txn, &[key.card], key.year).await?.remove(&key.card).unwrap_or_default();
    let used = balances.iter().find(|balance| balance.key == key).map_or(0, |balance| balance.used);
    let left = quota.unwrap_or(i64::MAX).saturating_sub(used).saturating_sub(beside).max(0);
    Ok(Rejection::at(Code::QuotaExhausted, "input.amount").number("left", left).into())
}

/// Allows the counters of a unit or body to check cards for a purpose, or takes it back. Repeating it changes nothing.
pub async fn set_counter_purpose(portal: &Portal, actor: &Actor, counter: Counter, purpose: CheckPurpose, allowed: bool) -> Result<(), Refused> {
    policy::signed_in(actor)?;
    let path = match counter {
        // A unit that is not there is under nobody: who supervises none is refused, system administration is told.
        Counter::Unit(id) => organisation::unit_path(portal.db.read(), id).await?,
        Counter::Body(_) => None,
    };
    let by = policy::may_allow(actor, counter, path.as_deref())?.person;
    if matches!(counter, Counter::Unit(_)) && path.is_none() {
        return Err(Rejection::at(Code::NotFound, "input.unitId").into());
    }
    let txn = portal.db.begin_write().await?;
    store::set_purpose(&txn, portal.env.uuid(), counter, purpose, allowed, by, portal.env.now()).await?;
    let (kind, id): (&'static str, Uuid) = match counter {
        Counter::Unit(id) => ("UNIT", id.0),
        Counter::Body(id) => ("BODY", id.0),
    };
    let entry = Entry::new("SET_COUNTER_PURPOSE").object(kind, id).detail("purpose", purpose.code()).detail("allowed", allowed.to_string());
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(())
}
