//! Sweeping what nobody waits for any more: tokens, uploads, versions never handed in, objects without a row.

use std::collections::HashSet;

use futures_util::StreamExt as _;

use super::{Holders, files};
use crate::audit::model::Entry;
use crate::audit::service::record;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::TypedId as _;
use crate::material::model::document::DocumentVersion;
use crate::material::model::upload::LIFE;
use crate::material::store;
use crate::portal::Portal;

/// Rows or objects looked at in one statement.
const BATCH: u64 = 200;

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Download tokens that had expired.
    pub tokens: u64,
    /// Uploads whose time was over.
    pub uploads: u64,
    /// Versions never handed in.
    pub versions: u64,
    /// Objects that no row names.
    pub objects: u64,
}

/// Sweeps. The row goes first and the object second, so that no row names an object that is gone.
pub async fn sweep(portal: &Portal) -> Result<Swept, Fault> {
    let now = portal.env.now();
    let mut swept = Swept::default();
    let txn = portal.db.begin_write().await?;
    swept.tokens = store::delete_tokens(&txn, now).await?;
    portal.commit(txn).await?;
    loop {
        let expired = store::expired_uploads(portal.db.read(), now, BATCH).await?;
        if expired.is_empty() {
            break;
        }
        let txn = portal.db.begin_write().await?;
        swept.uploads += store::delete_uploads(&txn, &expired).await?;
        portal.commit(txn).await?;
    }
    let objects = files::store(portal)?;
    let mut after = None;
    loop {
        let waiting = store::waiting_versions(portal.db.read(), now - LIFE, after, BATCH).await?;
        let Some(last) = waiting.last() else { break };
        after = Some(last.id);
        let mut held = HashSet::new();
        for holder in &portal.part::<Holders>()?.0 {
            held.extend(holder.held(portal.db.read(), &waiting).await?);
        }
        for version in waiting.iter().filter(|version| !held.contains(&version.id)) {
            // One that cannot go, as where it was bound this moment, keeps none of the others.
            match forget(portal, version).await {
                Ok(true) => {
                    files::delete(&objects, version.object).await;
                    swept.versions += 1;
                }
                Ok(false) => {}
                Err(fault) => tracing::warn!(version = %version.id.uuid(), ?fault, "a document that was never handed in could not be swept"),
            }
        }
    }
    swept.objects = orphans(portal).await?;
    Ok(swept)
}

/// Deletes the row of a version that was never handed in; `false` where it was, meanwhile.
async fn forget(portal: &Portal, version: &DocumentVersion) -> Result<bool, Fault> {
    let txn = portal.db.begin_write().await?;
    if !store::delete_version(&txn, version).await? {
        return Ok(false);
    }
    let entry = Entry::new("SWEEP_DOCUMENT").object(super::OBJECT, version.document.uuid()).person(version.owner).by_system();
    record(&txn, portal, &Actor::anonymous("job"), entry.detail("version", version.id.global())).await?;
    portal.commit(txn).await?;
    Ok(true)
}

/// Deletes objects older than a day that no row names: what a crash left, and the pieces of uploads just swept.
async fn orphans(portal: &Portal) -> Result<u64, Fault> {
    let objects = files::store(portal)?;
    let before = portal.env.now() - LIFE;
    let mut listed = objects.list(None).ready_chunks(usize::try_from(BATCH).unwrap_or(1));
    let mut deleted = 0;
    while let Some(chunk) = listed.next().await {
        let mut old = Vec::new();
        for found in chunk {
            let found = found.map_err(Fault::unavailable)?;
            if let Some(object) = files::object_of(&found.location).filter(|_| found.last_modified < before) {
                old.push(object);
            }
        }
        if old.is_empty() {
            continue;
        }
        let known: HashSet<_> = store::known_objects(portal.db.read(), &old).await?.into_iter().collect();
        for object in old.into_iter().filter(|o| !known.contains(o)) {
            files::delete(&objects, object).await;
            deleted += 1;
        }
    }
    Ok(deleted)
}
