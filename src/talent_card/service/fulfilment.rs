//! The talent card as the result of an approved case.

use async_trait::async_trait;
use chrono::NaiveDate;
use sea_orm::DatabaseTransaction;
use serde_json::Value;

use crate::application::service::fulfilment::{Fulfilment, FulfilmentCase, Outcome};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::rejection::{Code, Rejection};
use crate::person::service::{self as persons, keys};
use crate::portal::Portal;
use crate::talent_card::service::issue::{IssueCard, check_issue, issue_card, revoke_card};
use crate::talent_card::store;

/// Issues the card of the product that the item version names in `params.product`; the grade stands in the answers at
/// `params.grade_pointer`. The product's version is the one in force on the day.
#[derive(Clone, Copy, Debug)]
pub struct CardFulfilment;

fn date(form: &Value, pointer: &str) -> Option<NaiveDate> {
    form.pointer(pointer)?.as_str()?.parse().ok()
}

/// What is to be issued, or `None` where parameters or answers do not name it.
async fn command(txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Option<IssueCard>, Fault> {
    let (Some(product), Some(pointer)) = (case.params["product"].as_str(), case.params["grade_pointer"].as_str()) else {
        return Err(Fault::bug("a version with TALENT_CARD fulfilment has no product or grade pointer"));
    };
    let Some(grade) = case.form.pointer(pointer).and_then(Value::as_str) else { return Ok(None) };
    let versions = store::versions_of(txn, product).await?;
    let in_force = versions
        .iter()
        .map(|(_, version)| version)
        .filter(|version| version.effective_from.is_none_or(|from| from <= case.on) && version.effective_to.is_none_or(|to| case.on <= to));
    let Some(version) = in_force.max_by_key(|version| version.number) else { return Ok(None) };
    Ok(Some(IssueCard {
        application: case.application,
        product: product.to_owned(),
        version: version.number,
        grade: grade.to_owned(),
        holder: persons::resolve(txn, case.applicant).await?,
        from: case.on,
        contract_until: date(&case.form, "/contract_until"),
        permit_until: date(&case.form, "/permit_until"),
    }))
}

#[async_trait]
impl Fulfilment for CardFulfilment {
    fn kind(&self) -> &'static str {
        "TALENT_CARD"
    }

    async fn check(&self, _: &Portal, txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Vec<Rejection>, Fault> {
        match command(txn, case).await? {
            Some(command) => check_issue(txn, &command).await,
            None => Ok(vec![Rejection::new(Code::FulfilmentImpossible)]),
        }
    }

    async fn fulfil(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase) -> Result<Outcome, Refused> {
        let command = command(txn, case).await?.ok_or_else(|| Rejection::new(Code::FulfilmentImpossible))?;
        issue_card(txn, portal, actor, command).await?;
        Ok(Outcome::Done)
    }

    async fn revoke(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase, reason: &str) -> Result<(), Refused> {
        let holder = persons::resolve(txn, case.applicant).await?;
        let key = keys::data_key(portal, holder).await?;
        revoke_card(txn, portal, actor, case.application, reason, &key).await?;
        Ok(())
    }
}
