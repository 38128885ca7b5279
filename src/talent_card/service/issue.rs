//! Issuing and withdrawing cards, inside the transaction of a decision.

use std::sync::Arc;

use chrono::NaiveDate;
use sea_orm::DatabaseTransaction;

use crate::audit::model::{Entry, Message};
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ApplicationId, CardId, PersonId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::{Place, SecretKey};
use crate::kernel::text::Text;
use crate::portal::Portal;
use crate::talent_card::model::card::{Card, CardEventKind, CardStatus, NumberEnd};
use crate::talent_card::model::number::CardNumber;
use crate::talent_card::model::product::{Beneficiary, Offer, validity_end};
use crate::talent_card::service::life::end_sub_cards;
use crate::talent_card::service::{OBJECT, view};
use crate::talent_card::store;

/// What a decided case gives.
#[derive(Clone, Debug)]
pub struct IssueCard {
    /// The case.
    pub application: ApplicationId,
    /// Code of the product.
    pub product: String,
    /// Number of the version in force on the first day.
    pub version: i32,
    /// Grade.
    pub grade: String,
    /// Holder (redirects followed).
    pub holder: PersonId,
    /// Of her family, for whom it is, too.
    pub beneficiaries: Vec<(PersonId, Beneficiary)>,
    /// First day.
    pub from: NaiveDate,
    /// Last day of the contract.
    pub contract_until: Option<NaiveDate>,
    /// Last day of the permit.
    pub permit_until: Option<NaiveDate>,
}

/// A card that was issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The card.
    pub card: CardId,
    /// Its number.
    pub number: String,
    /// Name of its grade.
    pub grade: Option<Text>,
    /// Last day.
    pub valid_to: NaiveDate,
}

/// Why the card could not be issued as things are; empty where it can.
pub async fn check_issue(txn: &DatabaseTransaction, portal: &Portal, command: &IssueCard) -> Result<Vec<Rejection>, Fault> {
    Ok(match plan(txn, portal, command).await? {
        Ok(_) => Vec::new(),
        Err(reasons) => reasons,
    })
}

async fn plan(txn: &DatabaseTransaction, portal: &Portal, command: &IssueCard) -> Result<Result<(Arc<Offer>, NaiveDate), Vec<Rejection>>, Fault> {
    let impossible = || vec![Rejection::new(Code::FulfilmentImpossible)];
    let Some(version) = store::version_numbered(txn, &command.product, command.version).await? else { return Ok(Err(impossible())) };
    let offer = view::offer_of(portal, txn, version).await?;
    let Some(max_years) = offer.version.max_years.filter(|_| offer.version.grade(&command.grade).is_some()) else { return Ok(Err(impossible())) };
    let mut reasons = Vec::new();
    let end = validity_end(command.from, max_years, command.contract_until, command.permit_until);
    if end.is_none() {
        reasons.push(Rejection::new(Code::FulfilmentImpossible).pointer("/contract_until"));
    }
    if store::holds(txn, command.holder, offer.product.id, command.from).await? {
        reasons.push(Rejection::new(Code::CardExists));
    }
    Ok(match end {
        Some(end) if reasons.is_empty() => Ok((offer, end)),
        _ => Err(reasons),
    })
}

/// Issues a card with its first number. Refused with CARD_EXISTS where the holder has one of the product in force, and
/// with FULFILMENT_IMPOSSIBLE where the version has no rules or no such grade, or contract or permit have ended.
pub async fn issue_card(txn: &DatabaseTransaction, portal: &Portal, actor: &Actor, command: IssueCard) -> Result<Issued, Refused> {
    let (offer, valid_to) = plan(txn, portal, &command).await?.map_err(Refused::Rejected)?;
    let now = portal.env.now();
    store::expire(txn, command.holder, offer.product.id, command.from).await?;
    let sequence = store::take_sequences(txn, offer.product.id, 1).await?.ok_or_else(|| Fault::bug("a product vanished while its card was issued"))?;
    let number =
        CardNumber::compose(&offer.product.number_prefix, &command.grade, sequence).ok_or_else(|| Fault::bug("a product has used up its card numbers"))?;
    let card = Card {
        id: CardId::new(&portal.env),
        product_version: offer.version.id,
        grade: command.grade,
        holder: command.holder,
        beneficiary: Beneficiary::Holder,
        principal: None,
        above: None,
        application: Some(command.application),
        valid_from: command.from,
        valid_to,
        status: CardStatus::Active,
        issued_at: now,
        version: 1,
        numbers: Vec::new(),
    };
    if !store::insert_card(txn, offer.product.id, &card).await? {
        return Err(Rejection::new(Code::CardExists).into());
    }
    store::insert_beneficiaries(txn, card.id, &command.beneficiaries).await?;
    store::insert_number(txn, card.id, number.as_str(), now).await?;
    store::insert_event(txn, portal.env.uuid(), card.id, CardEventKind::Issued, now, actor.person(), card.application, None).await?;
    let entry = Entry::new("ISSUE_CARD").object(OBJECT, card.id.0).person(card.holder).detail("application", command.application.global());
    audit::record(txn, portal, actor, entry).await?;
    audit::announce(txn, portal, Message::new("CARD_ISSUED", OBJECT, card.id.0)).await?;
    let grade = offer.version.grade(&card.grade).map(|grade| grade.title.clone());
    Ok(Issued { card: card.id, number: number.as_str().to_owned(), grade, valid_to })
}

/// Withdraws the card of a case and ends its number. `key` is the holder's data key, under which the reason is kept.
/// A case without a card, or with one already withdrawn, is left as it is.
pub async fn revoke_card(
    txn: &DatabaseTransaction,
    portal: &Portal,
    actor: &Actor,
    application: ApplicationId,
    reason: &str,
    key: &SecretKey,
) -> Result<Option<CardId>, Refused> {
    let Some(card) = store::card_of_application(txn, application).await? else { return Ok(None) };
    if card.status == CardStatus::Revoked {
        return Ok(Some(card.id));
    }
    if !store::set_status(txn, card.id, card.version, CardStatus::Revoked).await? {
        return Err(Rejection::new(Code::WrongState).into());
    }
    let (now, event) = (portal.env.now(), portal.env.uuid());
    store::end_number(txn, card.id, NumberEnd::Revoked, now).await?;
    let sealed = key.seal(&portal.env, Place::new("card_event", "reason_sealed", event), reason.as_bytes());
    store::insert_event(txn, event, card.id, CardEventKind::Revoked, now, actor.person(), Some(application), Some(sealed)).await?;
    end_sub_cards(txn, portal, actor, card.id).await?;
    audit::record(txn, portal, actor, Entry::new("REVOKE_CARD").object(OBJECT, card.id.0).person(card.holder)).await?;
    audit::announce(txn, portal, Message::new("CARD_REVOKED", OBJECT, card.id.0)).await?;
    Ok(Some(card.id))
}
