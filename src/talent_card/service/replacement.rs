//! Another number for a card that was lost or damaged, as the result of an approved case (补办, 换领).

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;
use serde_json::Value;

use crate::application::model::document::Given;
use crate::application::service::fulfilment::{Fulfilment, FulfilmentCase, Outcome};
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::kernel::text::{Origin, Text};
use crate::person::service::{self as persons, keys};
use crate::portal::Portal;
use crate::talent_card::model::card::{Card, CardEventKind, CardStatus, NumberEnd};
use crate::talent_card::model::number::CardNumber;
use crate::talent_card::service::life::{announce, conflict};
use crate::talent_card::service::{OBJECT, view};
use crate::talent_card::store;

/// Gives the applicant's card of the product that the item version names in `params.product` another number: same holder,
/// same last day, and the old number ends. Whether it was lost or damaged stands in the answers at `params.reason_pointer`,
/// `LOST` or `DAMAGED`.
#[derive(Clone, Copy, Debug)]
pub struct ReplacementFulfilment;

/// The card to be replaced and why its number ends, or why that cannot be.
async fn plan(txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Result<(Card, NumberEnd), Rejection>, Fault> {
    let param = |name: &str| case.params[name].as_str();
    let (Some(product), Some(pointer)) = (param("product"), param("reason_pointer")) else {
        return Err(Fault::bug("a version with CARD_REPLACEMENT fulfilment lacks product or reason pointer"));
    };
    let reason = match case.form.pointer(pointer).and_then(Value::as_str) {
        Some("LOST") => NumberEnd::Lost,
        Some("DAMAGED") => NumberEnd::Damaged,
        _ => return Ok(Err(Rejection::new(Code::FulfilmentImpossible).pointer(pointer))),
    };
    let holder = persons::resolve(txn, case.applicant).await?;
    let lasts = |card: &Card| matches!(card.status_on(case.on), CardStatus::Active | CardStatus::Suspended);
    let Some(card) = store::life::principal_cards(txn, holder, product).await?.into_iter().rfind(lasts) else {
        return Ok(Err(Rejection::new(Code::CardNotActive)));
    };
    // Until it is reported lost its number is good: that comes first.
    if reason == NumberEnd::Lost && card.number().is_some() {
        return Ok(Err(Rejection::new(Code::CardNotLost).pointer(pointer)));
    }
    Ok(Ok((card, reason)))
}

#[async_trait]
impl Fulfilment for ReplacementFulfilment {
    fn kind(&self) -> &'static str {
        "CARD_REPLACEMENT"
    }

    async fn check(&self, _: &Portal, txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Vec<Rejection>, Fault> {
        Ok(plan(txn, case).await?.err().into_iter().collect())
    }

    async fn fulfil(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase) -> Result<Outcome, Refused> {
        let (card, reason) = plan(txn, case).await??;
        let offer = view::offer_of(portal, txn, card.product_version).await?;
        let now = portal.env.now();
        if !store::life::bump(txn, card.id, card.version).await? {
            return Err(conflict(txn, card.id).await?);
        }
        let sequence = store::take_sequences(txn, offer.product.id, 1).await?.ok_or_else(|| Fault::bug("a product vanished while its card was replaced"))?;
        let number =
            CardNumber::compose(&offer.product.number_prefix, &card.grade, sequence).ok_or_else(|| Fault::bug("a product has used up its card numbers"))?;
        store::end_number(txn, card.id, reason, now).await?;
        store::life::spend_tokens(txn, card.id, now).await?;
        store::insert_number(txn, card.id, number.as_str(), now).await?;
        store::insert_event(txn, portal.env.uuid(), card.id, CardEventKind::Replaced, now, actor.person(), Some(case.application), None).await?;
        let entry = Entry::new("REPLACE_CARD").object(OBJECT, card.id.0).person(card.holder).detail("reason", reason.code());
        audit::record(txn, portal, actor, entry).await?;
        announce(txn, portal, "CARD_REPLACED", card.id, card.holder).await?;
        let plain = |value: String| Text::simplified(value, Origin::Human);
        Ok(Outcome::Done(vec![
            Given { name: Text::own(["新卡号", "新卡號", "New card number", "Novo número do cartão"]), value: plain(number.into_string()) },
            Given { name: Text::own(["有效期至", "有效期至", "Valid until", "Válido até"]), value: plain(card.valid_to.to_string()) },
        ]))
    }

    /// The number that the case gave ends; the old one stays ended, so that the holder applies anew where she needs one.
    async fn revoke(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase, reason: &str) -> Result<(), Refused> {
        let Some((id, at)) = store::life::replaced_by(txn, case.application).await? else { return Ok(()) };
        let card = store::card(txn, id).await?.ok_or_else(|| Fault::bug("a replaced card is not there"))?;
        // Replaced again since, or ended: there is nothing of the case left.
        if card.number().is_none_or(|current| current.issued_at != at) {
            return Ok(());
        }
        if !store::life::bump(txn, id, card.version).await? {
            return Err(conflict(txn, id).await?);
        }
        let holder = persons::resolve(txn, card.holder).await?;
        let key = keys::data_key(portal, holder).await?;
        let (now, event) = (portal.env.now(), portal.env.uuid());
        store::end_number(txn, id, NumberEnd::Revoked, now).await?;
        store::life::spend_tokens(txn, id, now).await?;
        let sealed = key.seal(&portal.env, Place::new("card_event", "reason_sealed", event), reason.as_bytes());
        store::insert_event(txn, event, id, CardEventKind::ReplacementRevoked, now, actor.person(), Some(case.application), Some(sealed)).await?;
        audit::record(txn, portal, actor, Entry::new("REVOKE_CARD_REPLACEMENT").object(OBJECT, id.0).person(holder)).await?;
        announce(txn, portal, "CARD_REPLACEMENT_REVOKED", id, holder).await?;
        Ok(())
    }
}
