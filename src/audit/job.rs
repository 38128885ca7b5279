//! Loops of the process: sealing, telling, working off. Each heals by itself after a fault of the database.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use crate::audit::model::Lane;
use crate::audit::service;
use crate::db::Engine;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ProcessId, TypedId};
use crate::portal::Portal;

/// How long a loop waits when nothing woke it.
const IDLE: Duration = Duration::from_millis(250);
/// How long a loop waits after a fault.
const HEAL: Duration = Duration::from_secs(1);

fn told(what: &'static str, fault: &Fault) {
    tracing::warn!(job = what, fault = ?fault, "a background job could not run and will be tried again");
}

/// Seals committed rows until the process stops.
pub async fn sequence(portal: Portal, stop: CancellationToken) {
    let process = ProcessId::new(&portal.env);
    while !stop.is_cancelled() {
        let pause = match service::seal_batch(&portal, process).await {
            Ok(Some(0) | None) => IDLE,
            Ok(Some(_)) => continue,
            Err(fault) => {
                told("sequencer", &fault);
                HEAL
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = portal.committed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Tells the bus of this process what was sealed by any process, until it stops.
pub async fn listen(portal: Portal, stop: CancellationToken) {
    listen_and_look(portal, stop, HEAL).await;
}

/// The same, where the table is looked at after `look` though no notice came: one may be lost with its connection.
pub async fn listen_and_look(portal: Portal, stop: CancellationToken, look: Duration) {
    let mut position = None;
    let mut listener: Option<PgListener> = None;
    while !stop.is_cancelled() {
        if portal.db.engine() == Engine::Postgres && listener.is_none() {
            listener = connect(&portal).await;
        }
        let heard = match position {
            None => service::last_position(&portal).await,
            Some(position) => service::tell_bus(&portal, position).await,
        };
        let pause = match heard {
            Ok(now) => {
                position = Some(now);
                if listener.is_some() { look } else { Duration::from_millis(50) }
            }
            Err(fault) => {
                told("listener", &fault);
                listener = None;
                HEAL
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = notified(&mut listener) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn connect(portal: &Portal) -> Option<PgListener> {
    let mut listener = PgListener::connect_with(portal.db.writer().get_postgres_connection_pool()).await.ok()?;
    listener.listen("portal_outbox").await.ok()?;
    Some(listener)
}

/// Waits for a notice; a lost connection ends the listener, and the table is read all the same.
async fn notified(listener: &mut Option<PgListener>) {
    match listener {
        None => std::future::pending().await,
        Some(open) => {
            if open.recv().await.is_err() {
                *listener = None;
            }
        }
    }
}

/// Works a lane of the outbox off until the process stops.
pub async fn work(portal: Portal, lane: Lane, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match service::work_off_lane(&portal, &lane).await {
            Ok(0) => IDLE,
            Ok(_) => continue,
            Err(fault) => {
                told("worker", &fault);
                HEAL
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
