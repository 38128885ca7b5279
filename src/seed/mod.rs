//! Fills a demo database with so many talents, cases and cards that it weighs what a province's would.
//!
//! Every row is what the services would have written, by the same rules: a case is the fold of its events, numbers have
//! their check characters, what is personal is sealed with the person's own key. What is left out: outbox rows and
//! idempotency keys of the past, uploaded files, profiles, and the documents of closed cases. The trail of all rows is
//! one record with their counts and a digest. The same scale on the same day gives the same rows but for keys and what
//! is sealed with them; nobody was born after 1899.

pub mod chance;
pub mod life;
pub mod load;
pub mod rows;
pub mod world;

use std::collections::HashMap;

use anyhow::{Context as _, bail};
use sea_orm::ConnectionTrait as _;
use tokio::sync::mpsc;

use crate::app::{self, told};
use crate::application::store as applications;
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::db::Engine;
use crate::demo;
use crate::kernel::actor::Actor;
use crate::kernel::ids::{ProcessId, TypedId as _};
use crate::portal::Portal;
use crate::seed::load::load;
use crate::seed::rows::{Batch, Made, Maker, address};
use crate::seed::world::{Size, World};
use crate::talent_card::store as cards;

/// Mark of a database that was seeded, or in which a seed began.
const MARK: &str = "SEED";
/// Action of the one record in the trail.
pub const ACTION: &str = "IMPORT_SEED";
/// Talents whose rows are loaded together. Three such heaps are in memory at most: loaded, waiting, being made.
const BATCH: u64 = 1_000;

/// Fills an empty database or a demo; gives the lines to print: what the demo tells, counts, addresses and the password.
///
/// `progress` is told how many of how many talents are loaded. One thread makes rows while the database takes those
/// made before. A seed that breaks off leaves a database that no seed takes again.
pub async fn seed(portal: &Portal, scale: f64, mut progress: impl FnMut(u64, u64)) -> anyhow::Result<Vec<String>> {
    let size = Size::of(scale).context("the scale must be above 0 and at most 3, and make one talent at least")?;
    if audit::marker(portal.db.read(), MARK).await.map_err(told)? {
        bail!("this database was seeded before, or a seed broke off in it: take a fresh one");
    }
    app::publish(portal).await?;
    let mut lines = demo::fill(portal).await.context("seed fills an empty database or a demo only")?;
    let password = portal.env.secret()[..20].to_owned();
    let world = World::read(portal, &password).await?;
    let first_card = begin(portal, &world, size).await?;
    let counters = applications::counters(portal.db.read()).await?;
    let (sender, mut receiver) = mpsc::channel::<(Batch, u64)>(1);
    let making = tokio::task::spawn_blocking(move || make(&world, size, counters, first_card, &sender));
    while let Some((batch, done)) = receiver.recv().await {
        let (keys, data) = batch.into_stores();
        // Keys first: a row whose key is not there could never be read.
        load(portal.db.keys(), portal.db.engine(), keys).await?;
        load(portal.db.writer(), portal.db.engine(), data).await?;
        progress(done, size.talents);
    }
    let (made, counters, digest) = making.await??;
    end(portal, &made, counters, &digest).await?;
    lines.push(format!(
        "seeded {} talents, {} cases with {} events and {} documents, {} cards with {} uses",
        made.talents, made.cases, made.events, made.documents, made.cards, made.uses
    ));
    lines.push(format!("e-mail   {} to {}", address(1), address(size.talents)));
    lines.push(format!("password {password}"));
    Ok(lines)
}

/// Marks the database and takes the card numbers; gives the first of them.
async fn begin(portal: &Portal, world: &World, size: Size) -> anyhow::Result<i64> {
    let count = i64::try_from(size.cards)?;
    let product = world.product(portal.env.today())?.product.id;
    let txn = portal.db.begin_write().await?;
    audit::set_marker(&txn, portal, MARK).await.map_err(told)?;
    let last = cards::take_sequences(&txn, product, count).await?.context("the card's product vanished")?;
    portal.commit(txn).await.map_err(told)?;
    Ok(last - count + 1)
}

/// Makes all rows, heap by heap.
fn make(
    world: &World,
    size: Size,
    counters: HashMap<String, i64>,
    first_card: i64,
    sender: &mpsc::Sender<(Batch, u64)>,
) -> anyhow::Result<(Made, HashMap<String, i64>, String)> {
    let mut maker = Maker::new(world, size, counters, first_card);
    for index in 0..size.talents {
        maker.talent(index)?;
        let done = index + 1;
        // Nobody listens any more where loading has failed, which is told there.
        if (done.is_multiple_of(BATCH) || done == size.talents) && sender.blocking_send((maker.take_batch(), done)).is_err() {
            break;
        }
    }
    Ok(maker.finish())
}

/// Writes the counters of case numbers and the one record of the trail, and has it sealed.
async fn end(portal: &Portal, made: &Made, counters: HashMap<String, i64>, digest: &str) -> anyhow::Result<()> {
    let counters: Vec<(String, i64)> = counters.into_iter().collect();
    let txn = portal.db.begin_write().await?;
    applications::set_counters(&txn, &counters).await?;
    let entry = Entry::new(ACTION)
        .by_system()
        .detail("talents", made.talents.to_string())
        .detail("cases", made.cases.to_string())
        .detail("events", made.events.to_string())
        .detail("documents", made.documents.to_string())
        .detail("cards", made.cards.to_string())
        .detail("uses", made.uses.to_string())
        .detail("sha256", digest);
    audit::record(&txn, portal, &Actor::anonymous("seed"), entry).await.map_err(told)?;
    portal.commit(txn).await.map_err(told)?;
    // Where a server runs beside, its sequencer holds the lease and seals.
    let process = ProcessId::new(&portal.env);
    while audit::seal_batch(portal, process).await.map_err(told)?.is_some_and(|sealed| sealed > 0) {}
    if portal.db.engine() == Engine::Postgres {
        // The planner would only learn of the rows with the next round of autovacuum.
        portal.db.writer().execute_unprepared("ANALYZE").await?;
    }
    Ok(())
}
