//! The clock's loop: what lapses by time is written down soon, although it is true without it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::application::service::{recount, work};
use crate::kernel::fault::Fault;
use crate::organisation::service::CALENDAR_SECONDS;
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

/// Looks each minute whether another calendar was published, and at the start also whether a setting of the clock is
/// another; then the days of all cases are counted anew.
pub async fn follow_calendar(portal: Portal, stop: CancellationToken) {
    let mut seen = None;
    let minute = || tokio::time::sleep(Duration::from_secs(CALENDAR_SECONDS.unsigned_abs()));
    let follow = async {
        loop {
            let followed: Result<(), Fault> = async {
                let basis = recount::basis(&portal).await?;
                // Once only: processes with other settings would undo each other's work without end.
                if seen.as_ref() != Some(&basis) && recount::is_behind(&portal, &basis).await? {
                    // By then every process has forgotten the calendar before, and none counts by it any more.
                    minute().await;
                    let count = recount::recount(&portal).await?;
                    tracing::info!(job = "calendar", count, "the days of cases were counted anew");
                }
                seen = Some(basis);
                Ok(())
            }
            .await;
            if let Err(fault) = followed {
                tracing::warn!(job = "calendar", fault = ?fault, "a background job could not run and will be tried again");
            }
            minute().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = follow => {}
    }
}
