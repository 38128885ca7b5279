//! Loops of the process: scanning what waits, and sweeping.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::kernel::fault::Fault;
use crate::material::model::upload::LIFE;
use crate::material::service::{scan, sweep};
use crate::portal::Portal;

/// How often it is looked for files to scan.
const SCAN_EVERY: Duration = Duration::from_secs(2);
/// How often is swept.
const SWEEP_EVERY: Duration = Duration::from_mins(15);

fn told(what: &'static str, fault: &Fault) {
    tracing::warn!(job = what, fault = ?fault, "a background job could not run and will be tried again");
}

/// Scans until the process stops. Ends at once where no scanner is configured, for nothing waits then.
pub async fn scan_until(portal: Portal, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(fault) = scan::scan_pending(&portal).await {
            told("scan", &fault);
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(SCAN_EVERY) => {}
        }
    }
}

/// Sweeps until the process stops.
pub async fn sweep_until(portal: Portal, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match sweep::sweep(&portal).await {
            Ok(swept) => tracing::debug!(tokens = swept.tokens, uploads = swept.uploads, versions = swept.versions, objects = swept.objects, "swept files"),
            Err(fault) => told("sweep", &fault),
        }
        let (folder, before) = (portal.settings.data_dir.join("files"), portal.env.now() - LIFE);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || sweep_unfinished(&folder, before)).await {
            tracing::warn!(cause = %error, "files that were never finished could not be swept");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
    }
}

/// Deletes what a crash left of files being written to a local folder: the store names them `…#n` and lists them to
/// nobody. Gives how many.
pub fn sweep_unfinished(folder: &Path, before: DateTime<Utc>) -> std::io::Result<u64> {
    let mut deleted = 0;
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            deleted += sweep_unfinished(&entry.path(), before)?;
        } else if entry.file_name().to_string_lossy().contains('#') && DateTime::<Utc>::from(entry.metadata()?.modified()?) < before {
            std::fs::remove_file(entry.path())?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_unfinished_files_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("ab");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("00ab#1"), "half").unwrap();
        std::fs::write(inner.join("00ab"), "whole").unwrap();
        assert_eq!(sweep_unfinished(folder.path(), DateTime::UNIX_EPOCH).unwrap(), 0);
        assert_eq!(sweep_unfinished(folder.path(), DateTime::from_timestamp(4_102_444_800, 0).unwrap()).unwrap(), 1);
        assert!(inner.join("00ab").exists() && !inner.join("00ab#1").exists());
        assert_eq!(sweep_unfinished(&folder.path().join("none"), DateTime::UNIX_EPOCH).unwrap(), 0);
    }
}
