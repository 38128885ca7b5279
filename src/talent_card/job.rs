//! The loop that reminds holders before their cards end.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::portal::Portal;
use crate::talent_card::service::renewal;

/// How often it looks. A reminder is due for days, so that an hour is soon.
const LOOK: Duration = Duration::from_hours(1);

/// Runs until the process stops.
pub async fn remind_until(portal: Portal, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match renewal::remind(&portal).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(job = "card-reminders", count, "holders were reminded that their cards end"),
            Err(fault) => tracing::warn!(job = "card-reminders", fault = ?fault, "a background job could not run and will be tried again"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
