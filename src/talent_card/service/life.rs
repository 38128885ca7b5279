//! What becomes of cards after they were issued: loss, and reasoned decisions (suspension, its end, withdrawal, correction).

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::application::service::origin::{Origin, is_party, origin};
use crate::audit::model::{Entry, Message};
use crate::audit::service as audit;
use crate::catalogue::model::version::LegalBasis;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{CardDecisionId, CardId, PersonId, TypedId as _};
use crate::kernel::rejection::{Code, Conflict, Rejection};
use crate::kernel::role::Role;
use crate::kernel::seal::{Place, SecretKey};
use crate::organisation::service as organisation;
use crate::person::model::profile::Person;
use crate::person::service::dealing::attended;
use crate::person::service::{self as person, keys};
use crate::portal::Portal;
use crate::talent_card::model::card::{Card, CardEventKind, CardStatus, NumberEnd, mask_name, status_on};
use crate::talent_card::model::life::{DECISION_TYPE, DecisionContent, Ground, Measure, PROVISION_MAX, REASON_MAX, correct};
use crate::talent_card::model::number::CardNumber;
use crate::talent_card::model::product::Offer;
use crate::talent_card::service::{OBJECT, view};
use crate::talent_card::store::life::DecisionRow;
use crate::talent_card::{policy, store};

/// A card as staff sees it who may act on it.
#[derive(Clone, Debug)]
pub struct IssuedView {
    /// The card.
    pub card: Card,
    /// Its version.
    pub offer: Arc<Offer>,
    /// The holder (redirects followed).
    pub holder: PersonId,
    /// Her name, masked but for the surname.
    pub holder_name: String,
}

/// The case that gave a card.
async fn origin_of(portal: &Portal, db: &impl ConnectionTrait, card: &Card) -> Result<Option<Origin>, Fault> {
    match card.application {
        Some(application) => origin(portal, db, application).await,
        None => Ok(None),
    }
}

/// The cards with a number, or of a person, that the caller may act on: as an approver for the unit that issued it, or as a
/// window officer before whom the holder stands. Others are left out, and so is what does not exist.
pub async fn issued_cards(portal: &Portal, actor: &Actor, holder: Option<PersonId>, number: Option<&str>) -> Result<Vec<IssuedView>, Fault> {
    let officer = policy::looks_up(actor)?.person;
    let db = portal.db.read();
    let cards = match (holder, number) {
        (Some(holder), None) => match person::resolve(db, holder).await {
            Ok(holder) => store::cards_of_holder(db, holder).await?,
            Err(Fault::NotFound) => Vec::new(),
            Err(fault) => return Err(fault),
        },
        (None, Some(typed)) => {
            let number = CardNumber::parse(typed).map_err(|_| Fault::bad_request("number"))?;
            match store::card_of_number(db, number.as_str()).await? {
                Some(id) => store::card(db, id).await?.into_iter().collect(),
                None => Vec::new(),
            }
        }
        (Some(_), Some(_)) | (None, None) => return Err(Fault::bad_request("number")),
    };
    let mut seen = Vec::new();
    let mut before_her: HashMap<PersonId, bool> = HashMap::new();
    for card in cards {
        let holder = person::person(portal, card.holder).await?;
        let attended = match before_her.get(&holder.id) {
            Some(known) => *known,
            None => actor.has(Role::WindowOfficer) && attended(portal, officer, &holder).await?,
        };
        before_her.insert(holder.id, attended);
        if attended || origin_of(portal, db, &card).await?.is_some_and(|origin| policy::decides_for(actor, &origin.unit_path)) {
            seen.push(view_of(portal, card, &holder).await?);
        }
    }
    Ok(seen)
}

/// A card as staff sees it. The caller has decided who may.
async fn view_of(portal: &Portal, card: Card, holder: &Person) -> Result<IssuedView, Fault> {
    let offer = view::offer_of(portal, portal.db.read(), card.product_version).await?;
    Ok(IssuedView { card, offer, holder: holder.id, holder_name: mask_name(holder.name.display()) })
}

/// CONFLICT with what happened to the card last.
pub(crate) async fn conflict(db: &impl ConnectionTrait, card: CardId) -> Result<Refused, Fault> {
    let now = store::card(db, card).await?.ok_or(Fault::NotFound)?;
    let last = store::life::last_event(db, card).await?;
    let (kind, at) = last.map_or((CardEventKind::Issued, now.issued_at), |last| last);
    let changed = kind.changes().iter().map(|field| (*field).to_owned()).collect();
    Ok(Rejection::conflict(Conflict { version: now.version, at, changed, by: None }).into())
}

/// Reports a card lost (挂失): its number is good no more, and neither is any token of it. By its holder, or by a window
/// officer before whom she stands.
///
/// Rejections: CONFLICT; CARD_LOST where it was reported before; CARD_NOT_ACTIVE where it has ended or has no number.
/// Errors: [`Fault::NotFound`] for whoever is neither.
pub async fn report_card_lost(portal: &Portal, actor: &Actor, id: CardId, expected_version: i64) -> Result<IssuedView, Refused> {
    let caller = policy::signed_in(actor)?.person;
    let card = store::card(portal.db.read(), id).await?.ok_or(Fault::NotFound)?;
    let holder = person::person(portal, card.holder).await?;
    let own = holder.id == caller;
    let before_her = actor.has(Role::WindowOfficer) && !own && attended(portal, caller, &holder).await?;
    if !own && !before_her {
        return Err(Fault::NotFound.into());
    }
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    let card = store::card(&txn, id).await?.ok_or(Fault::NotFound)?;
    if card.version != expected_version {
        return Err(conflict(&txn, id).await?);
    }
    if card.is_lost() {
        return Err(Rejection::at(Code::CardLost, "input.cardId").into());
    }
    let lasts = matches!(card.status_on(portal.env.today()), CardStatus::Active | CardStatus::Suspended);
    if !lasts || card.number().is_none() {
        return Err(Rejection::at(Code::CardNotActive, "input.cardId").into());
    }
    if !store::life::bump(&txn, id, card.version).await? {
        return Err(conflict(&txn, id).await?);
    }
    store::end_number(&txn, id, NumberEnd::Lost, now).await?;
    store::life::spend_tokens(&txn, id, now).await?;
    store::insert_event(&txn, portal.env.uuid(), id, CardEventKind::Lost, now, Some(caller), None, None).await?;
    let entry = Entry::new("REPORT_CARD_LOST").object(OBJECT, id.0).person(holder.id).detail("by", if own { "HOLDER" } else { "WINDOW" });
    audit::record(&txn, portal, actor, entry).await?;
    announce(&txn, portal, "CARD_REPORTED_LOST", id, holder.id).await?;
    portal.commit(txn).await?;
    let card = store::card(portal.db.read(), id).await?.ok_or(Fault::NotFound)?;
    Ok(view_of(portal, card, &holder).await?)
}

/// Announces what happened to a card, to whom it concerns.
pub(crate) async fn announce(txn: &DatabaseTransaction, portal: &Portal, kind: &'static str, card: CardId, holder: PersonId) -> Result<(), Fault> {
    audit::announce(txn, portal, Message::new(kind, OBJECT, card.0).data(serde_json::json!({ "holder": holder.global() }))).await
}

/// A decision to be taken on a card.
#[derive(Clone, Debug)]
pub struct Decide {
    /// The card.
    pub card: CardId,
    /// The version that the caller saw.
    pub expected_version: i64,
    /// What is decided.
    pub measure: Measure,
    /// On what ground.
    pub ground: Ground,
    /// Why, in her words.
    pub reason: String,
    /// The provision that she names.
    pub provision: Option<String>,
    /// To which grade it is corrected, of a correction.
    pub grade: Option<String>,
    /// To which last day, likewise.
    pub valid_to: Option<NaiveDate>,
}

/// What is wrong with a decision as it is worded, everything at once; the reason and the provision without blanks around.
fn worded(command: &Decide) -> Result<(String, Option<String>), Refused> {
    let (reason, provision) = (command.reason.trim(), command.provision.as_deref().map(str::trim).filter(|p| !p.is_empty()));
    let max = |max: usize| i64::try_from(max).unwrap_or(i64::MAX);
    let mut wrong = Vec::new();
    if !command.measure.grounds().contains(&command.ground) {
        wrong.push(Rejection::at(Code::NotAllowed, "input.ground"));
    }
    if reason.is_empty() {
        wrong.push(Rejection::at(Code::ReasonRequired, "input.reason"));
    } else if reason.chars().count() > REASON_MAX {
        wrong.push(Rejection::at(Code::TooLong, "input.reason").number("max", max(REASON_MAX)));
    }
    if provision.is_some_and(|p| p.chars().count() > PROVISION_MAX) {
        wrong.push(Rejection::at(Code::TooLong, "input.provision").number("max", max(PROVISION_MAX)));
    }
    if wrong.is_empty() { Ok((reason.to_owned(), provision.map(str::to_owned))) } else { Err(Refused::Rejected(wrong)) }
}

/// Decides on a card that was issued: by an approver for the unit that issued it, and by nobody in her own matter. The
/// holder gets a signed decision with number, reason, legal basis and, where it is adverse, the remedies.
///
/// Rejections: NOT_ALLOWED, REASON_REQUIRED, TOO_LONG, OWN_CASE, CONFLICT, WRONG_STATE. Errors: [`Fault::Forbidden`] without
/// the role, [`Fault::NotFound`] where it does not reach the unit.
pub async fn decide(portal: &Portal, actor: &Actor, command: Decide) -> Result<IssuedView, Refused> {
    let officer = policy::approver(actor)?.person;
    let db = portal.db.read();
    let id = command.card;
    let card = store::card(db, id).await?.ok_or(Fault::NotFound)?;
    let origin = origin_of(portal, db, &card).await?.filter(|origin| policy::decides_for(actor, &origin.unit_path)).ok_or(Fault::NotFound)?;
    let (reason, provision) = worded(&command)?;
    let calendar = organisation::calendar(portal).await?;
    let holder = person::person(portal, card.holder).await?;
    let offer = view::offer_of(portal, db, card.product_version).await?;
    // Made before the transaction, which has the one connection; only her own words are sealed under it.
    let key = keys::ensure_key(portal, holder.id).await?;
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    let card = store::card(&txn, id).await?.ok_or(Fault::NotFound)?;
    let cards: Vec<CardId> = [Some(id), card.principal].into_iter().flatten().collect();
    let party = match card.application {
        Some(application) => is_party(portal, &txn, &calendar, actor, application).await?,
        None => false,
    };
    if party || store::life::is_tied(&txn, &cards, officer).await? {
        return Err(Rejection::new(Code::OwnCase).into());
    }
    if card.version != command.expected_version {
        return Err(conflict(&txn, id).await?);
    }
    let today = portal.env.today();
    let standing = match card.status_on(today) {
        CardStatus::Ended => CardStatus::Ended,
        // What the principal card of a sub-card suspends is not lifted here.
        _ => status_on(card.status, card.valid_to, today),
    };
    command.measure.fits(standing).map_err(Rejection::new)?;
    let corrected = match command.measure {
        Measure::Correction => Some(correct(&card, &offer.version, command.grade.as_deref(), command.valid_to).map_err(Refused::Rejected)?),
        Measure::Suspension | Measure::Lifting | Measure::Revocation => None,
    };
    let done = match (&corrected, command.measure.gives()) {
        (Some(to), _) => store::life::correct(&txn, &card, &to.grade, to.valid_to).await?,
        (None, Some(status)) => store::set_status(&txn, id, card.version, status).await?,
        (None, None) => return Err(Fault::bug("a decision that gives nothing").into()),
    };
    if !done {
        return Err(conflict(&txn, id).await?);
    }
    let event = portal.env.uuid();
    let sealed = key.seal(&portal.env, Place::new("card_event", "reason_sealed", event), reason.as_bytes());
    let (kind, action, told) = match command.measure {
        Measure::Suspension => (CardEventKind::Suspended, "SUSPEND_CARD", "CARD_SUSPENDED"),
        Measure::Lifting => (CardEventKind::Lifted, "LIFT_CARD_SUSPENSION", "CARD_SUSPENSION_LIFTED"),
        Measure::Revocation => (CardEventKind::Revoked, "REVOKE_CARD", "CARD_REVOKED"),
        Measure::Correction => (CardEventKind::Corrected, "CORRECT_CARD", "CARD_CORRECTED"),
    };
    store::insert_event(&txn, event, id, kind, now, Some(officer), None, Some(sealed)).await?;
    if command.measure == Measure::Revocation {
        store::end_number(&txn, id, NumberEnd::Revoked, now).await?;
        store::life::spend_tokens(&txn, id, now).await?;
        end_sub_cards(&txn, portal, actor, id).await?;
    }
    // The number holds the grade, and what was printed is wrong; a card without a number gets none by this.
    if let Some(to) = corrected.as_ref().filter(|_| card.number().is_some()) {
        let sequence = store::take_sequences(&txn, offer.product.id, 1).await?.ok_or_else(|| Fault::bug("a product vanished while its card was corrected"))?;
        let number =
            CardNumber::compose(&offer.product.number_prefix, &to.grade, sequence).ok_or_else(|| Fault::bug("a product has used up its card numbers"))?;
        store::end_number(&txn, id, NumberEnd::Corrected, now).await?;
        store::life::spend_tokens(&txn, id, now).await?;
        store::insert_number(&txn, id, number.as_str(), now).await?;
    }
    let decision = CardDecisionId::new(&portal.env);
    let adverse = command.measure.is_adverse();
    let content = &origin.version.content;
    let content = DecisionContent {
        jti: decision.0.simple().to_string(),
        iat: now.timestamp(),
        measure: command.measure,
        number: format!("{}-K{}{}", origin.number, command.measure.letter(), card.version + 1),
        card_number: card.numbers.last().map(|last| last.number.clone()),
        product: offer.product.name.clone(),
        holder: holder.name.display().to_owned(),
        unit: origin.unit,
        unit_name: organisation::unit(&txn, origin.unit).await?.map(|unit| unit.name),
        ground: command.ground,
        reason,
        provision,
        corrected,
        legal_basis: content.legal_basis.clone(),
        reconsideration: adverse.then(|| content.remedies.reconsideration.clone()),
        litigation: adverse.then(|| content.remedies.litigation.clone()),
    };
    store::life::insert_decision(&txn, &draw_up(portal, &key, (id, holder.id), decision, &content, (now, officer))?).await?;
    let entry = Entry::new(action).object(OBJECT, id.0).person(holder.id).detail("decision", decision.global()).detail("ground", command.ground.code());
    audit::record(&txn, portal, actor, entry).await?;
    announce(&txn, portal, told, id, holder.id).await?;
    portal.commit(txn).await?;
    let card = store::card(portal.db.read(), id).await?.ok_or(Fault::NotFound)?;
    Ok(view_of(portal, card, &holder).await?)
}

/// The decision as it is stored: signed, and sealed under the holder's key.
fn draw_up(
    portal: &Portal,
    key: &SecretKey,
    (card, holder): (CardId, PersonId),
    id: CardDecisionId,
    content: &DecisionContent,
    (at, by): (DateTime<Utc>, PersonId),
) -> Result<DecisionRow, Fault> {
    let jws = portal.keyring.signing().sign(DECISION_TYPE, content).map_err(Fault::internal)?;
    let data = serde_json::to_vec(content).map_err(Fault::internal)?;
    Ok(DecisionRow {
        id,
        card,
        measure: content.measure,
        number: content.number.clone(),
        data_sealed: key.seal(&portal.env, Place::new("card_decision", "data_sealed", id.0), &data),
        jws_sealed: key.seal(&portal.env, Place::new("card_decision", "jws_sealed", id.0), jws.as_bytes()),
        key_owner: holder,
        unit: content.unit,
        issued_at: at,
        issued_by: by,
    })
}

/// Writes down that the sub-cards of a card ended with it. That they are good no more is true without it.
pub(crate) async fn end_sub_cards(txn: &DatabaseTransaction, portal: &Portal, actor: &Actor, principal: CardId) -> Result<(), Refused> {
    let now = portal.env.now();
    for card in store::life::sub_cards(txn, principal).await? {
        if !store::set_status(txn, card.id, card.version, CardStatus::Ended).await? {
            return Err(conflict(txn, card.id).await?);
        }
        store::end_number(txn, card.id, NumberEnd::PrincipalEnded, now).await?;
        store::life::spend_tokens(txn, card.id, now).await?;
        store::insert_event(txn, portal.env.uuid(), card.id, CardEventKind::Ended, now, actor.person(), None, None).await?;
        let entry = Entry::new("END_SUB_CARD").object(OBJECT, card.id.0).person(card.holder).detail("principal", principal.global());
        audit::record(txn, portal, actor, entry).await?;
        announce(txn, portal, "CARD_ENDED", card.id, card.holder).await?;
    }
    Ok(())
}

/// A decision on a card, opened.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The stored row.
    pub row: DecisionRow,
    /// What it says, and its signed form; none once the data of the holder are erased.
    pub sealed: Option<(DecisionContent, String)>,
}

impl Decided {
    /// On what it rests.
    pub fn legal_basis(&self) -> Option<&[LegalBasis]> {
        self.sealed.as_ref().map(|(content, _)| content.legal_basis.as_slice())
    }
}

/// The decisions on a card of the caller, oldest first. Three statements at most.
pub async fn decisions(portal: &Portal, actor: &Actor, card: CardId) -> Result<Vec<Decided>, Fault> {
    let holder = policy::signed_in(actor)?.person;
    store::card_of_holder(portal.db.read(), holder, card).await?.ok_or(Fault::NotFound)?;
    let rows = store::life::decisions(portal.db.read(), card).await?;
    let owners: Vec<PersonId> = rows.iter().map(|row| row.key_owner).collect();
    let keys = keys::data_keys(portal, &owners).await?;
    rows.into_iter()
        .map(|row| {
            let sealed = keys.get(&row.key_owner).map(|key| open(key, &row)).transpose()?;
            Ok(Decided { row, sealed })
        })
        .collect()
}

fn open(key: &SecretKey, row: &DecisionRow) -> Result<(DecisionContent, String), Fault> {
    let data = key.open(Place::new("card_decision", "data_sealed", row.id.0), &row.data_sealed);
    let jws = key.open(Place::new("card_decision", "jws_sealed", row.id.0), &row.jws_sealed);
    let (Some(data), Some(jws)) = (data, jws) else { return Err(Fault::bug("a decision on a card does not open")) };
    Ok((serde_json::from_slice(&data).map_err(Fault::internal)?, String::from_utf8(jws.to_vec()).map_err(Fault::internal)?))
}

/// What happened to a card of the caller, oldest first. Two statements.
pub async fn events(portal: &Portal, actor: &Actor, card: CardId) -> Result<Vec<(CardEventKind, DateTime<Utc>)>, Fault> {
    let holder = policy::signed_in(actor)?.person;
    store::card_of_holder(portal.db.read(), holder, card).await?.ok_or(Fault::NotFound)?;
    Ok(store::life::events(portal.db.read(), card).await?)
}
