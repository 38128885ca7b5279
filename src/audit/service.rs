//! Use cases of the slice: recording, announcing, idempotency keys, sealing, working off, verifying.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::Duration;
use sea_orm::ConnectionTrait;
use serde::Serialize;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::audit::model::{self, ActorKind, Announcement, Entry, Lane, MAX_ATTEMPTS, Message, OutboxState, Stream, TrailRow, Verdict, Work};
use crate::audit::{policy, store};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{OutboxId, PersonId, ProcessId, TrailId, TypedId};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::{Code, Rejection};
use crate::portal::Portal;

/// Writes the one trail row of a use case, in its transaction.
pub async fn record(txn: &impl ConnectionTrait, portal: &Portal, actor: &Actor, entry: Entry) -> Result<(), Fault> {
    let member = actor.member.as_ref().filter(|_| !entry.by_system);
    let details: serde_json::Map<String, serde_json::Value> = entry.details.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
    let row = TrailRow {
        id: TrailId::new(&portal.env),
        at: portal.env.now(),
        request_id: actor.request_id.clone(),
        actor_kind: match (entry.by_system, member) {
            (true, _) => ActorKind::System,
            (false, Some(_)) => ActorKind::Member,
            (false, None) => ActorKind::Anonymous,
        },
        person_id: member.map(|m| m.person.0),
        account_id: member.map(|m| m.account.0),
        session_id: member.map(|m| m.session.0),
        on_behalf_of: entry.on_behalf_of.map(|p| p.0),
        mandate_id: entry.mandate.map(|m| m.0),
        action: entry.action.to_owned(),
        object_kind: entry.object.map(|(kind, _)| kind.to_owned()),
        object_id: entry.object.map(|(_, id)| id),
        subject_id: entry.subject.map(|p| p.0),
        result: entry.result.to_owned(),
        details: serde_json::Value::Object(details).to_string(),
    };
    Ok(store::insert_trail(txn, row).await?)
}

/// Writes an outbox row, in the transaction of the use case.
pub async fn announce(txn: &impl ConnectionTrait, portal: &Portal, message: Message) -> Result<(), Fault> {
    Ok(store::insert_outbox(txn, OutboxId::new(&portal.env), message, portal.env.now()).await?)
}

/// What an idempotency key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The key was free: go on, under the id given.
    New,
    /// The same was asked before; this is the id of what was made then.
    Replay(Uuid),
}

/// Hours for which a key is kept.
pub const KEY_HOURS: i64 = 24;

/// Takes an idempotency key first in the transaction of a creating mutation.
///
/// `id` is the id under which the object will be made. The principal is the signed-in person. A key with other
/// input is refused with [`Code::IdempotencyKeyReused`]; a key of a wrong form with [`Code::Malformed`]. Two equal
/// requests at once wait for each other here, and the second gets the replay.
pub async fn claim_key(
    txn: &impl ConnectionTrait,
    portal: &Portal,
    actor: &Actor,
    mutation: &'static str,
    key: &str,
    input: &(impl Serialize + Sync),
    id: Uuid,
) -> Result<Claim, Refused> {
    let principal = actor.person().ok_or(Fault::Unauthenticated)?;
    if !(16..=64).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Rejection::at(Code::Malformed, "input.idempotencyKey").into());
    }
    let input = serde_json::to_vec(input).map_err(Fault::internal)?;
    let hash = portal.keyring.input_hash(mutation, &input);
    if store::insert_key(txn, principal.0, mutation, key, &hash, id, portal.env.now()).await? {
        return Ok(Claim::New);
    }
    match store::key(txn, principal.0, mutation, key).await? {
        Some((stored, result)) if stored == hash => Ok(Claim::Replay(result)),
        Some(_) => Err(Rejection::at(Code::IdempotencyKeyReused, "input.idempotencyKey").into()),
        None => Err(Fault::bug("an idempotency key was neither inserted nor found").into()),
    }
}

/// Gives a key back that was claimed in this transaction, where a refusal is committed: refusals are not stored under keys.
pub async fn forget_key(txn: &impl ConnectionTrait, actor: &Actor, mutation: &'static str, key: &str) -> Result<(), Fault> {
    let principal = actor.person().ok_or(Fault::Unauthenticated)?;
    Ok(store::delete_key(txn, principal.0, mutation, key).await?)
}

/// Deletes keys older than [`KEY_HOURS`].
pub async fn sweep_keys(portal: &Portal) -> Result<u64, Fault> {
    let txn = portal.db.begin_write().await?;
    let gone = store::delete_keys(&txn, portal.env.now() - Duration::hours(KEY_HOURS)).await?;
    portal.commit(txn).await?;
    Ok(gone)
}

/// What was sealed is heard here, in order, by the subscriptions of this process.
#[derive(Debug)]
pub struct Bus {
    sender: broadcast::Sender<Arc<Announcement>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { sender: broadcast::channel(1024).0 }
    }
}

impl Bus {
    /// Hears from now on. A listener that lags behind is told so and asks anew.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Announcement>> {
        self.sender.subscribe()
    }

    /// How many listen now.
    pub fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Tells all listeners; that there is none is no fault.
    pub fn tell(&self, announcement: Announcement) {
        let _nobody_listens = self.sender.send(Arc::new(announcement));
    }
}

/// Name of the sequencer's lease.
const SEQUENCER: &str = "sequencer";
/// Rows sealed in one transaction.
const BATCH: u64 = 256;
/// Seconds for which the lease is taken; a process that dies is followed after as long.
const LEASE_SECONDS: i64 = 10;

/// Seals what waits, if this process may: gives how many rows, or `None` while another process has the lease.
pub async fn seal_batch(portal: &Portal, process: ProcessId) -> Result<Option<usize>, Fault> {
    let trail = store::unsealed(portal.db.read(), Stream::Trail, BATCH).await?;
    let outbox = store::unsealed(portal.db.read(), Stream::Outbox, BATCH).await?;
    if trail.is_empty() && outbox.is_empty() {
        return Ok(Some(0));
    }
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    let Some(epoch) = store::take_lease(&txn, SEQUENCER, process.0, now, now + Duration::seconds(LEASE_SECONDS)).await? else {
        return Ok(None);
    };
    if !store::hold_lease(&txn, SEQUENCER, process.0, epoch).await? {
        return Ok(None);
    }
    let (mut position, mut hash) = store::last_seal(&txn, Stream::Trail).await?;
    let rows = store::trail_rows(&txn, &trail).await?;
    let mut seals = Vec::with_capacity(rows.len());
    for row in &rows {
        position += 1;
        hash = row.link(portal.keyring.chain(), position, &hash);
        seals.push((position, row.id.0, hash.clone()));
    }
    store::insert_seals(&txn, Stream::Trail, &seals).await?;
    if !rows.is_empty() {
        let key = portal.keyring.signing();
        store::insert_head(&txn, position, &hash, key.kid(), key.sign_bytes(&model::head_bytes(position, &hash)), now).await?;
    }
    let (mut position, _) = store::last_seal(&txn, Stream::Outbox).await?;
    let mut seals = Vec::with_capacity(outbox.len());
    for row in &outbox {
        position += 1;
        seals.push((position, *row, Vec::new()));
    }
    store::insert_seals(&txn, Stream::Outbox, &seals).await?;
    if crate::db::is_postgres(&txn) && !outbox.is_empty() {
        // Listeners read from the table; the notice carries the last position only.
        txn.execute_unprepared(&format!("NOTIFY portal_outbox, '{position}'")).await?;
    }
    txn.commit().await?;
    Ok(Some(rows.len() + outbox.len()))
}

/// The last position of the outbox stream.
pub async fn last_position(portal: &Portal) -> Result<i64, Fault> {
    Ok(store::last_seal(portal.db.read(), Stream::Outbox).await?.0)
}

/// Tells the bus what was sealed after `position`; gives the new position.
pub async fn tell_bus(portal: &Portal, mut position: i64) -> Result<i64, Fault> {
    let bus = portal.part::<Bus>()?;
    loop {
        let rows = store::announcements_after(portal.db.read(), position, 512).await?;
        let Some(last) = rows.last() else { return Ok(position) };
        position = last.position;
        for row in rows {
            bus.tell(row);
        }
    }
}

/// Why a worker could not do its work.
#[derive(Debug)]
pub enum Undone {
    /// It may work later.
    Later(anyhow::Error),
    /// It will never work.
    Never(anyhow::Error),
}

impl From<Fault> for Undone {
    fn from(fault: Fault) -> Self {
        Self::Later(anyhow::anyhow!("{fault:?}"))
    }
}

/// Does the work of one kind of outbox row. Called at least once; the row's id makes doubles recognisable.
#[async_trait]
pub trait Worker: Send + Sync {
    /// The kinds of rows that it does.
    fn kinds(&self) -> &'static [&'static str];
    /// Whether what it waits for may be slow, so that its rows hold up no others: they get a loop of their own.
    fn apart(&self) -> bool {
        false
    }
    /// Does the work. No transaction is open.
    async fn work(&self, portal: &Portal, work: &Work) -> Result<(), Undone>;
}

/// The workers of the process, installed by `app`.
#[derive(Default)]
pub struct Workers(HashMap<&'static str, Arc<dyn Worker>>);

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Workers {
    /// Adds a worker for its kinds.
    #[must_use]
    pub fn with(mut self, worker: &Arc<dyn Worker>) -> Self {
        for kind in worker.kinds() {
            self.0.insert(kind, worker.clone());
        }
        self
    }

    /// The lanes of the outbox: one for the rows of each worker that works apart, and one for all others.
    pub fn lanes(&self) -> Vec<Lane> {
        let mut apart: Vec<&'static [&'static str]> = self.0.values().filter(|worker| worker.apart()).map(|worker| worker.kinds()).collect();
        apart.sort_unstable();
        apart.dedup();
        let lanes = apart.iter().map(|kinds| Lane::Only(kinds.to_vec()));
        std::iter::once(Lane::AllBut(apart.concat())).chain(lanes).collect()
    }
}

/// The position up to which a reader of announcements has come, and what was sealed after it, at most `limit`.
pub async fn announced_to(portal: &Portal, reader: &'static str, limit: i64) -> Result<(i64, Vec<Announcement>), Fault> {
    let db = portal.db.read();
    let position = store::cursor(db, reader).await?.ok_or_else(|| Fault::bug("a reader of announcements without a cursor"))?;
    Ok((position, store::announcements_after(db, position, limit).await?))
}

/// Moves a reader of announcements on, first in the transaction that does what they are about: of two processes one goes on,
/// and the other, which gets `false`, must end without a commit.
pub async fn read_on(txn: &impl ConnectionTrait, reader: &'static str, from: i64, to: i64) -> Result<bool, Fault> {
    Ok(store::move_cursor(txn, reader, from, to).await?)
}

/// Takes due rows of the outbox and works them off; gives how many were taken.
pub async fn work_off(portal: &Portal) -> Result<usize, Fault> {
    work_off_lane(portal, &Lane::AllBut(Vec::new())).await
}

/// The same for the rows of a lane.
pub async fn work_off_lane(portal: &Portal, lane: &Lane) -> Result<usize, Fault> {
    let workers = portal.part::<Workers>()?;
    let due = store::due_work(portal.db.read(), lane, portal.env.now(), 32).await?;
    let mut taken = 0;
    for (id, attempts) in due {
        let txn = portal.db.begin_write().await?;
        let work = store::take_work(&txn, id, attempts, portal.env.now(), Duration::minutes(2)).await?;
        txn.commit().await?;
        let Some(work) = work else { continue };
        taken += 1;
        let outcome = match workers.0.get(work.kind.as_str()) {
            Some(worker) => worker.work(portal, &work).await,
            None => Err(Undone::Never(anyhow::anyhow!("no worker for {}", work.kind))),
        };
        let now = portal.env.now();
        let (state, next) = match outcome {
            Ok(()) => (OutboxState::Done, now),
            Err(Undone::Later(error)) if work.attempts < MAX_ATTEMPTS => {
                tracing::warn!(outbox.id = %work.id, outbox.kind = work.kind, attempt = work.attempts, error = format!("{error:#}"), "outbox row will be tried again");
                (OutboxState::Pending, now + Duration::seconds(model::back_off_seconds(work.attempts)))
            }
            Err(Undone::Later(error) | Undone::Never(error)) => {
                tracing::error!(outbox.id = %work.id, outbox.kind = work.kind, error = format!("{error:#}"), "outbox row given up");
                metrics::counter!("portal_outbox_dead_total", "kind" => work.kind.clone()).increment(1);
                (OutboxState::Dead, now)
            }
        };
        let txn = portal.db.begin_write().await?;
        store::finish_work(&txn, (work.id, work.attempts), state, next).await?;
        txn.commit().await?;
    }
    Ok(taken)
}

/// Walks the chain from its beginning and compares every link and the newest signed head, as all of it stood at one
/// instant: what is recorded and sealed meanwhile is no finding.
pub async fn verify(portal: &Portal, mut progress: impl FnMut(i64)) -> Result<Verdict, Fault> {
    let db = &portal.db.begin_read().await?;
    let (mut position, mut hash, mut sealed) = (0i64, Vec::new(), 0i64);
    let head = store::last_head(db).await?;
    loop {
        let seals = store::seals_after(db, Stream::Trail, position, 500).await?;
        if seals.is_empty() {
            break;
        }
        let ids: Vec<Uuid> = seals.iter().map(|(_, row, _)| *row).collect();
        let rows: HashMap<Uuid, TrailRow> = store::trail_rows(db, &ids).await?.into_iter().map(|row| (row.id.0, row)).collect();
        for (at, row, stored) in seals {
            if at != position + 1 {
                return Ok(Verdict::Broken { position: position + 1, what: "the seal is missing" });
            }
            let Some(row) = rows.get(&row) else { return Ok(Verdict::Broken { position: at, what: "the row is missing" }) };
            let link = row.link(portal.keyring.chain(), at, &hash);
            if link != stored {
                return Ok(Verdict::Broken { position: at, what: "the row or its place was changed" });
            }
            if let Some((signed, signed_hash, _, _)) = &head
                && *signed == at
                && *signed_hash != link
            {
                return Ok(Verdict::Broken { position: at, what: "the signed head does not fit" });
            }
            (position, hash) = (at, link);
            sealed += 1;
        }
        progress(sealed);
    }
    let signed = match &head {
        None => 0,
        Some((signed, _, _, _)) if *signed > position => return Ok(Verdict::Broken { position: position + 1, what: "the tail was cut off" }),
        Some((signed, hash, kid, signature)) => {
            if !portal.keyring.verify_bytes(kid, &model::head_bytes(*signed, hash), signature) {
                return Ok(Verdict::Broken { position: *signed, what: "the signature of the head is not ours" });
            }
            *signed
        }
    };
    let unsealed = store::count_unsealed(db, Stream::Trail).await?;
    match store::count_trail(db).await?.cmp(&(sealed.unsigned_abs() + unsealed)) {
        Ordering::Less => return Ok(Verdict::Broken { position: position + 1, what: "a row that waited for its seal is missing" }),
        Ordering::Greater => return Ok(Verdict::Broken { position: position + 1, what: "there are rows that were never announced to the chain" }),
        Ordering::Equal => {}
    }
    Ok(Verdict::Intact { sealed, unsealed, signed })
}

/// Order of the trail's list.
pub const TRAIL_ORDER: &str = "trail";

/// The trail, newest first, for the audit administrator.
pub async fn trail(portal: &Portal, actor: &Actor, object: Option<Uuid>, subject: Option<PersonId>, request: PageRequest) -> Result<Page<TrailRow>, Fault> {
    policy::may_read(actor)?;
    let before = match request.after.as_deref().and_then(|keys| keys.first()) {
        Some(key) => Some(Uuid::try_parse(key).map_err(|_| Fault::CursorInvalid)?),
        None => None,
    };
    let rows = store::trail_page(portal.db.read(), object, subject, before, request.limit()).await?;
    let page = Page::cut(rows, &request, TRAIL_ORDER, |row| vec![row.id.0.to_string()]);
    Ok(page.counted(&request, store::count_trail_page(portal.db.read(), object, subject)).await?)
}

/// Marks of the database itself, for example that it is a demo.
pub async fn set_marker(txn: &impl ConnectionTrait, portal: &Portal, name: &str) -> Result<(), Fault> {
    Ok(store::set_marker(txn, name, portal.env.now()).await?)
}

/// Whether a mark is set.
pub async fn marker(db: &impl ConnectionTrait, name: &str) -> Result<bool, Fault> {
    Ok(store::marker(db, name).await?)
}
