//! What becomes of cards when two persons become one.
//!
//! Cards stay under the id for which they were issued, and are found by all ids of a person. Where both had a card of one
//! product in force, both stay as they are; a further one is not issued while one of them lasts. The year's quota is one:
//! balances go to the survivor, and uses under one card count under the other (see `used_beside`).

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;

use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::person::service::merge::MergeFollower;
use crate::portal::Portal;
use crate::talent_card::store;

/// Moves the balances of who was absorbed. Registered in `app`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LedgerMerge;

#[async_trait]
impl MergeFollower for LedgerMerge {
    async fn merged(&self, _: &Portal, txn: &DatabaseTransaction, absorbed: PersonId, survivor: PersonId) -> Result<(), Fault> {
        store::move_balances(txn, absorbed, survivor).await?;
        Ok(())
    }
}
