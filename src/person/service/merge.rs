//! What else happens when two persons become one. Later slices implement it, `app` registers them.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;

use crate::kernel::actor::Actor;
use crate::kernel::fault::Refused;
use crate::kernel::ids::PersonId;
use crate::portal::Portal;

/// Hears that a person turned out to be another.
#[async_trait]
pub trait MergeListener: Send + Sync {
    /// Called in the transaction of the merge, after `absorbed` was made to redirect to `survivor` and both rows were
    /// locked. What this refuses undoes the merge. No second connection may be used.
    async fn merged(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, absorbed: PersonId, survivor: PersonId) -> Result<(), Refused>;
}

/// The registered listeners, in order; a part of the portal.
#[derive(Clone, Default)]
pub struct MergeListeners(Vec<Arc<dyn MergeListener>>);

impl std::fmt::Debug for MergeListeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MergeListeners({})", self.0.len())
    }
}

impl MergeListeners {
    /// Adds a listener.
    #[must_use]
    pub fn with(mut self, listener: Arc<dyn MergeListener>) -> Self {
        self.0.push(listener);
        self
    }

    /// Tells all of them; the first that refuses ends it.
    pub async fn tell(&self, portal: &Portal, txn: &DatabaseTransaction, actor: &Actor, absorbed: PersonId, survivor: PersonId) -> Result<(), Refused> {
        for listener in &self.0 {
            listener.merged(portal, txn, actor, absorbed, survivor).await?;
        }
        Ok(())
    }
}
