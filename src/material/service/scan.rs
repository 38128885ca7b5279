//! Asking the scanner about versions that wait for it.

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::files;
use crate::audit::model::{Entry, Message};
use crate::audit::service::{announce, record};
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::TypedId as _;
use crate::material::model::document::{DocumentVersion, ScanState};
use crate::material::model::scan::{Scanner, Scanning, Verdict};
use crate::material::store;
use crate::person::service as person;
use crate::portal::Portal;

/// Versions looked at in one statement.
const BATCH: u64 = 50;

/// Scans what waits; gives how many versions were judged. One that cannot be judged waits on, the others do not wait
/// for it. Two processes may scan one version: the first verdict counts.
pub async fn scan_pending(portal: &Portal) -> Result<usize, Fault> {
    let Some(scanner) = portal.part::<Scanning>()?.0.clone() else { return Ok(0) };
    let (mut after, mut judged) = (None, 0);
    loop {
        let batch = store::pending(portal.db.read(), after, BATCH).await?;
        let Some(last) = batch.last() else { return Ok(judged) };
        after = Some(last.id);
        for version in &batch {
            match judge(portal, scanner.as_ref(), version).await {
                Ok(state) => judged += usize::from(note(portal, version, state).await?),
                Err(error) => tracing::warn!(cause = format!("{error:#}"), document.version = %version.id, "a file could not be scanned and waits"),
            }
        }
    }
}

async fn judge(portal: &Portal, scanner: &dyn Scanner, version: &DocumentVersion) -> Result<ScanState, anyhow::Error> {
    let told = |fault: Fault| anyhow::anyhow!("{fault:?}");
    let key = person::keys::data_key(portal, version.owner).await.map_err(told)?;
    let object = version.object;
    let plain = files::read(&files::store(portal).map_err(told)?, key, object, version.size.unsigned_abs()).await.map_err(|e| told(e.fault(object)))?;
    let plain = plain.map_err(move |e| anyhow::anyhow!("{:?}", e.fault(object))).boxed();
    Ok(match scanner.scan(plain).await? {
        Verdict::Clean => ScanState::Clean,
        Verdict::Infected => ScanState::Infected,
    })
}

async fn note(portal: &Portal, version: &DocumentVersion, state: ScanState) -> Result<bool, Fault> {
    let txn = portal.db.begin_write().await?;
    if !store::set_scan_state(&txn, version.id, state).await? {
        return Ok(false);
    }
    let entry = Entry::new("SCAN_FILE").object(super::OBJECT, version.document.uuid()).person(version.owner).by_system();
    record(&txn, portal, &Actor::anonymous("job"), entry.detail("version", version.id.global()).detail("state", state.code())).await?;
    announce(
        &txn,
        portal,
        Message::new("DOCUMENT_SCANNED", super::OBJECT, version.document.uuid()).data(serde_json::json!({ "version": version.id.global(), "state": state })),
    )
    .await?;
    portal.commit(txn).await?;
    Ok(true)
}
