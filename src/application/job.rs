//! The clock's loop: what lapses by time is written down soon, although it is true without it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::application::service::work;
use crate::portal::Portal;

/// Runs until the process stops.
pub async fn clock(portal: Portal, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(fault) = work::run_clock(&portal).await {
            tracing::warn!(job = "clock", fault = ?fault, "a background job could not run and will be tried again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
    }
}
