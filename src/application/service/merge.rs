//! What becomes of cases when two persons turn out to be one.

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;

use crate::application::store;
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::person::service as persons;
use crate::person::service::merge::MergeFollower;
use crate::portal::Portal;

/// Rows stay under the id for which they were written; that only one case of an item may be open is counted for the person.
///
/// Where both had one open, both go on, and there is no third before both are closed.
#[derive(Clone, Copy, Debug)]
pub struct OpenCases;

#[async_trait]
impl MergeFollower for OpenCases {
    async fn merged(&self, _: &Portal, txn: &DatabaseTransaction, _: PersonId, survivor: PersonId) -> Result<(), Fault> {
        let persons = persons::identities(txn, survivor).await?;
        Ok(store::move_open_keys(txn, &persons, survivor).await?)
    }
}
