//! What other slices do when two persons turn out to be one.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;

use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::portal::Portal;

/// A slice that keeps something by person which a merge must move. Registered in `app`.
#[async_trait]
pub trait MergeFollower: Send + Sync {
    /// Called in the transaction of the merge, both persons locked; the ids that mean `absorbed` redirect to `survivor`.
    async fn merged(&self, portal: &Portal, txn: &DatabaseTransaction, absorbed: PersonId, survivor: PersonId) -> Result<(), Fault>;
}

/// The registered followers, a part of the portal.
#[derive(Clone, Default)]
pub struct MergeFollowers(Vec<Arc<dyn MergeFollower>>);

impl std::fmt::Debug for MergeFollowers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MergeFollowers({})", self.0.len())
    }
}

impl MergeFollowers {
    /// Adds a follower.
    #[must_use]
    pub fn with(mut self, follower: Arc<dyn MergeFollower>) -> Self {
        self.0.push(follower);
        self
    }

    /// Tells all of them.
    pub async fn tell(&self, portal: &Portal, txn: &DatabaseTransaction, absorbed: PersonId, survivor: PersonId) -> Result<(), Fault> {
        for follower in &self.0 {
            follower.merged(portal, txn, absorbed, survivor).await?;
        }
        Ok(())
    }
}
