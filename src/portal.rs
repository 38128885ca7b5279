//! What every service function gets first: connections, time and chance, keys, settings, and the parts of slices.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::DatabaseTransaction;
use tokio::sync::Notify;

use crate::config::Settings;
use crate::db::Db;
use crate::kernel::env::Env;
use crate::kernel::fault::Fault;
use crate::kernel::seal::Keyring;

/// One process of the portal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Portal {
    /// Connections.
    pub db: Db,
    /// Time and chance.
    pub env: Env,
    /// Keys.
    pub keyring: Arc<Keyring>,
    /// Settings.
    pub settings: Arc<Settings>,
    parts: Arc<Parts>,
    committed: Arc<Notify>,
}

/// State of slices that lives as long as the process: caches, registries, stores. Installed by `app`, one per type.
#[derive(Default)]
pub struct Parts(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parts({})", self.0.len())
    }
}

impl Parts {
    /// Adds a part; one of the same type is replaced.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, part: T) -> Self {
        self.0.insert(TypeId::of::<T>(), Arc::new(part));
        self
    }
}

impl Portal {
    /// Puts a process together.
    pub fn new(db: Db, env: Env, keyring: Arc<Keyring>, settings: Arc<Settings>, parts: Parts) -> Self {
        Self { db, env, keyring, settings, parts: Arc::new(parts), committed: Arc::new(Notify::new()) }
    }

    /// The part of this type. Its absence is a mistake in `app`, found by the first test that starts a portal.
    pub fn part<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, Fault> {
        self.parts
            .0
            .get(&TypeId::of::<T>())
            .and_then(|part| part.clone().downcast().ok())
            .ok_or_else(|| Fault::internal(anyhow::anyhow!("part {} is not installed", std::any::type_name::<T>())))
    }

    /// Commits and wakes the sequencer, so that what was announced is heard soon.
    pub async fn commit(&self, txn: DatabaseTransaction) -> Result<(), Fault> {
        txn.commit().await?;
        self.committed.notify_one();
        Ok(())
    }

    /// Waits for the next commit of this process.
    pub async fn committed(&self) {
        self.committed.notified().await;
    }
}
