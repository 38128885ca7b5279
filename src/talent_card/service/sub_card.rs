//! Family sub-cards (亲属副卡) as the result of an approved case of the holder of the principal card.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;

use crate::application::model::document::Given;
use crate::application::service::fulfilment::{Fulfilment, FulfilmentCase, Outcome};
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{CardId, PersonId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::kernel::text::{Origin, Text};
use crate::person::service::{self as persons, keys};
use crate::portal::Portal;
use crate::talent::service as talent;
use crate::talent_card::model::card::{Card, CardEventKind, CardStatus, NumberEnd};
use crate::talent_card::model::number::CardNumber;
use crate::talent_card::model::product::{Beneficiary, Offer, SubCards};
use crate::talent_card::service::fulfilment::relation;
use crate::talent_card::service::life::{announce, conflict};
use crate::talent_card::service::{OBJECT, view};
use crate::talent_card::store;

/// Issues a sub-card to each beneficiary of the case under the applicant's card of the product that the item version names
/// in `params.product`, whose product has sub-cards: same version, grade and last day. It is good only while the principal
/// card is.
#[derive(Clone, Copy, Debug)]
pub struct SubCardFulfilment;

/// The principal card, its version, and to whom sub-cards are issued.
type Plan = (Card, Arc<Offer>, Vec<(PersonId, Beneficiary)>);

async fn plan(portal: &Portal, txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Result<Plan, Rejection>, Fault> {
    let Some(product) = case.params["product"].as_str() else { return Err(Fault::bug("a version with TALENT_SUB_CARD fulfilment lacks the product")) };
    let holder = persons::resolve(txn, case.applicant).await?;
    let Some(card) = store::life::principal_cards(txn, holder, product).await?.into_iter().rfind(|card| card.is_good_on(case.on)) else {
        return Ok(Err(Rejection::new(Code::CardNotActive)));
    };
    let offer = view::offer_of(portal, txn, card.product_version).await?;
    let mut family: Vec<_> = talent::relatives(portal, txn, holder, &case.beneficiaries).await?.into_values().collect();
    family.sort_unstable_by_key(|(member, _)| *member);
    family.dedup_by_key(|(member, _)| *member);
    if offer.product.sub_cards != SubCards::Family || family.is_empty() {
        return Ok(Err(Rejection::new(Code::FulfilmentImpossible)));
    }
    let present = store::life::sub_cards(txn, card.id).await?;
    for (member, _) in &family {
        let hers = persons::identities(txn, *member).await?;
        if present.iter().any(|sub| hers.contains(&sub.holder)) {
            return Ok(Err(Rejection::new(Code::CardExists)));
        }
    }
    Ok(Ok((card, offer, family.into_iter().map(|(member, of_holder)| (member, relation(of_holder))).collect())))
}

#[async_trait]
impl Fulfilment for SubCardFulfilment {
    fn kind(&self) -> &'static str {
        "TALENT_SUB_CARD"
    }

    async fn check(&self, portal: &Portal, txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Vec<Rejection>, Fault> {
        Ok(plan(portal, txn, case).await?.err().into_iter().collect())
    }

    async fn fulfil(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase) -> Result<Outcome, Refused> {
        let (principal, offer, family) = plan(portal, txn, case).await??;
        let now = portal.env.now();
        let mut given = Vec::with_capacity(family.len());
        for (member, beneficiary) in family {
            let sequence = store::take_sequences(txn, offer.product.id, 1).await?.ok_or_else(|| Fault::bug("a product vanished while its card was issued"))?;
            let number = CardNumber::compose(&offer.product.number_prefix, &principal.grade, sequence)
                .ok_or_else(|| Fault::bug("a product has used up its card numbers"))?;
            let card = Card {
                id: CardId::new(&portal.env),
                holder: member,
                beneficiary,
                principal: Some(principal.id),
                application: Some(case.application),
                valid_from: case.on,
                status: CardStatus::Active,
                issued_at: now,
                version: 1,
                numbers: Vec::new(),
                ..principal.clone()
            };
            if !store::insert_card(txn, offer.product.id, &card).await? {
                return Err(Rejection::new(Code::CardExists).into());
            }
            store::insert_number(txn, card.id, number.as_str(), now).await?;
            store::insert_event(txn, portal.env.uuid(), card.id, CardEventKind::Issued, now, actor.person(), card.application, None).await?;
            let entry = Entry::new("ISSUE_SUB_CARD").object(OBJECT, card.id.0).person(member).detail("principal", principal.id.global());
            audit::record(txn, portal, actor, entry).await?;
            announce(txn, portal, "CARD_ISSUED", card.id, member).await?;
            let name = Text::own(["副卡卡号", "副卡卡號", "Number of the sub-card", "Número do cartão suplementar"]);
            given.push(Given { name, value: Text::simplified(number.into_string(), Origin::Human) });
        }
        Ok(Outcome::Done(given))
    }

    async fn revoke(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase, reason: &str) -> Result<(), Refused> {
        let now = portal.env.now();
        let holder = persons::resolve(txn, case.applicant).await?;
        let key = keys::data_key(portal, holder).await?;
        for card in store::life::cards_of_application(txn, case.application).await? {
            if !matches!(card.status, CardStatus::Active | CardStatus::Suspended) {
                continue;
            }
            if !store::set_status(txn, card.id, card.version, CardStatus::Revoked).await? {
                return Err(conflict(txn, card.id).await?);
            }
            let event = portal.env.uuid();
            store::end_number(txn, card.id, NumberEnd::Revoked, now).await?;
            store::life::spend_tokens(txn, card.id, now).await?;
            // The reason of a case is told to its applicant, under whose key it is.
            let sealed = key.seal(&portal.env, Place::new("card_event", "reason_sealed", event), reason.as_bytes());
            store::insert_event(txn, event, card.id, CardEventKind::Revoked, now, actor.person(), Some(case.application), Some(sealed)).await?;
            audit::record(txn, portal, actor, Entry::new("REVOKE_CARD").object(OBJECT, card.id.0).person(card.holder)).await?;
            announce(txn, portal, "CARD_REVOKED", card.id, card.holder).await?;
        }
        Ok(())
    }
}
