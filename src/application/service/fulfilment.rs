//! What an approval gives. The engine knows no service; later slices implement this and `app` registers them by kind.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use sea_orm::DatabaseTransaction;
use serde_json::Value;

use crate::application::model::document::Given;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ApplicationId, PersonId};
use crate::kernel::rejection::Rejection;
use crate::portal::Portal;

/// A case as a fulfilment sees it.
#[derive(Clone, Debug)]
pub struct FulfilmentCase {
    /// The case.
    pub application: ApplicationId,
    /// Code of the item.
    pub item_code: String,
    /// Parameters of the version.
    pub params: Value,
    /// The applicant.
    pub applicant: PersonId,
    /// Others for whom it is.
    pub beneficiaries: Vec<PersonId>,
    /// Answers of the form.
    pub form: Value,
    /// The civil day on which it is judged.
    pub on: NaiveDate,
    /// The civil day on which it was received.
    pub received_on: NaiveDate,
    /// Region of the offering (GB/T 2260).
    pub region_code: Option<String>,
}

/// Whether the result is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done in the transaction, and what the decision tells of it.
    Done(Vec<Given>),
    /// An outbox job goes on with it.
    Pending,
}

/// Carries out an approval.
#[async_trait]
pub trait Fulfilment: Send + Sync {
    /// The kind under which item versions name it, for example `TALENT_CARD`.
    fn kind(&self) -> &'static str;

    /// Asked at submission and before the decision: why it could not be carried out, empty where it could.
    async fn check(&self, portal: &Portal, txn: &DatabaseTransaction, case: &FulfilmentCase) -> Result<Vec<Rejection>, Fault>;

    /// Carries it out, in the transaction of the decision.
    async fn fulfil(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase) -> Result<Outcome, Refused>;

    /// Takes it back, in the transaction of the act that reopens the decision.
    async fn revoke(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, case: &FulfilmentCase, reason: &str) -> Result<(), Refused>;
}

/// The registered fulfilments, a part of the portal.
#[derive(Clone, Default)]
pub struct Fulfilments(HashMap<&'static str, Arc<dyn Fulfilment>>);

impl std::fmt::Debug for Fulfilments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Fulfilments {
    /// Adds one under its kind.
    #[must_use]
    pub fn with(mut self, fulfilment: Arc<dyn Fulfilment>) -> Self {
        self.0.insert(fulfilment.kind(), fulfilment);
        self
    }

    /// The kinds.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }

    /// The fulfilment of a kind; an unknown kind is a fault of the catalogue, since publication names only registered ones.
    pub fn of(&self, kind: &str) -> Result<&Arc<dyn Fulfilment>, Fault> {
        self.0.get(kind).ok_or_else(|| Fault::internal(anyhow::anyhow!("no fulfilment of kind {kind}")))
    }
}
