//! The talent card as the result of an approved case.

use std::collections::HashMap;

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;
use serde_json::Value;

use crate::application::model::document::Given;
use crate::application::service::fulfilment::{Fulfilment, FulfilmentCase, Outcome};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::PersonId;
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::text::{Origin, Text};
use crate::person::service::identity::permit_until;
use crate::person::service::{self as persons, keys};
use crate::portal::Portal;
use crate::talent::model::FamilyRelation;
use crate::talent::service as talent;
use crate::talent_card::model::product::Beneficiary;
use crate::talent_card::service::issue::{IssueCard, Issued, check_issue, issue_card, revoke_card};
use crate::talent_card::store;

/// Issues the card of the product that the item version names in `params.product`; the grade stands in the answers at
/// `params.grade_pointer`, the end of the contract at `params.contract_pointer`. The product's version is the one in force
/// on the day. The card ends with the travel or residence document that an officer verified, see [`permit_until`].
#[derive(Clone, Copy, Debug)]
pub struct CardFulfilment;

/// What is to be issued, or `None` where parameters or answers do not name it.
async fn command(portal: &Portal, txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Option<IssueCard>, Fault> {
    let param = |name: &str| case.params[name].as_str();
    let (Some(product), Some(grade), Some(contract)) = (param("product"), param("grade_pointer"), param("contract_pointer")) else {
        return Err(Fault::bug("a version with TALENT_CARD fulfilment lacks product, grade pointer or contract pointer"));
    };
    let Some(grade) = case.form.pointer(grade).and_then(Value::as_str) else { return Ok(None) };
    let Some(number) = store::number_in_force(txn, product, case.on).await? else { return Ok(None) };
    let holder = persons::resolve(txn, case.applicant).await?;
    // Two that were named may have become one since.
    let family: HashMap<PersonId, FamilyRelation> = talent::relatives(portal, txn, holder, &case.beneficiaries).await?.into_values().collect();
    let beneficiaries = family.into_iter().map(|(member, of_holder)| (member, relation(of_holder))).collect();
    Ok(Some(IssueCard {
        application: case.application,
        product: product.to_owned(),
        version: number,
        grade: grade.to_owned(),
        holder,
        beneficiaries,
        from: case.on,
        contract_until: case.form.pointer(contract).and_then(Value::as_str).and_then(|day| day.parse().ok()),
        permit_until: permit_until(txn, holder).await?,
    }))
}

/// Who a member of the family is to the holder's card.
pub(crate) const fn relation(relation: FamilyRelation) -> Beneficiary {
    match relation {
        FamilyRelation::Spouse => Beneficiary::Spouse,
        FamilyRelation::Child => Beneficiary::Child,
        FamilyRelation::Parent => Beneficiary::Parent,
    }
}

#[async_trait]
impl Fulfilment for CardFulfilment {
    fn kind(&self) -> &'static str {
        "TALENT_CARD"
    }

    async fn check(&self, portal: &Portal, txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Vec<Rejection>, Fault> {
        match command(portal, txn, case).await? {
            Some(command) => check_issue(txn, portal, &command).await,
            None => Ok(vec![Rejection::new(Code::FulfilmentImpossible)]),
        }
    }

    async fn fulfil(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase) -> Result<Outcome, Refused> {
        let command = command(portal, txn, case).await?.ok_or_else(|| Rejection::new(Code::FulfilmentImpossible))?;
        let Issued { number, grade, valid_to, .. } = issue_card(txn, portal, actor, command).await?;
        let plain = |value: String| Text::simplified(value, Origin::Human);
        let number = Given { name: Text::own(["卡号", "卡號", "Card number", "Número do cartão"]), value: plain(number) };
        let grade = grade.map(|value| Given { name: Text::own(["等级", "等級", "Grade", "Categoria"]), value });
        let valid_to = Given { name: Text::own(["有效期至", "有效期至", "Valid until", "Válido até"]), value: plain(valid_to.to_string()) };
        Ok(Outcome::Done([Some(number), grade, Some(valid_to)].into_iter().flatten().collect()))
    }

    async fn revoke(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase, reason: &str) -> Result<(), Refused> {
        let holder = persons::resolve(txn, case.applicant).await?;
        let key = keys::data_key(portal, holder).await?;
        revoke_card(txn, portal, actor, case.application, reason, &key).await?;
        Ok(())
    }
}
