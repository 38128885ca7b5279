//! The trail and the outbox by themselves: damage is named, many writers keep one chain, work is tried again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration as Time, Instant};

use async_trait::async_trait;
use chrono::Duration;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;
use talent_portal::app;
use talent_portal::audit::model::{Entry, Lane, MAX_ATTEMPTS, Message, Verdict, Work, back_off_seconds};
use talent_portal::audit::service::{Bus, Undone, Worker, Workers, announce, record, seal_batch, verify, work_off};
use talent_portal::audit::{job, store};
use talent_portal::db::{Db, Engine, Options};
use talent_portal::kernel::actor::Actor;
use talent_portal::kernel::ids::{ProcessId, TypedId as _};
use talent_portal::portal::Portal;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::commands::{finish, portal as command};
use crate::support::{Pool, TestApp, both_engines, pool_of_one};

both_engines!(
    a_deleted_a_moved_a_slipped_in_row_and_a_cut_tail_are_named,
    twenty_writers_and_two_sequencers_keep_one_dense_chain,
    a_lease_that_ran_out_goes_to_another_and_the_old_holder_seals_nothing,
    a_failing_row_is_tried_again_holds_back_its_object_only_and_dies_after_twelve,
    a_worker_whose_lease_ended_undoes_nothing,
);
pool_of_one!(
    a_lease_that_ran_out_goes_to_another_and_the_old_holder_seals_nothing,
    a_failing_row_is_tried_again_holds_back_its_object_only_and_dies_after_twelve,
);

/// Writes one row of the trail and commits it.
async fn enter(portal: &Portal) {
    let txn = portal.db.begin_write().await.unwrap();
    record(&txn, portal, &Actor::anonymous("test"), Entry::new("TEST")).await.unwrap();
    portal.commit(txn).await.unwrap();
}

async fn execute(app: &TestApp, statements: &str) {
    for statement in statements.split(';').filter(|statement| !statement.trim().is_empty()) {
        app.portal().db.writer().execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// What the trail and its chain lie in.
const TABLES: [&str; 4] = ["trail", "seal", "unsealed", "trail_head"];
/// Columns of a row beside its id, each with another value.
const COLUMNS: [(&str, &str); 14] = [
    ("at", "(SELECT t.at FROM trail t ORDER BY t.id LIMIT 1)"),
    ("request_id", "'another'"),
    ("actor_kind", "'SYSTEM'"),
    ("person_id", "id"),
    ("account_id", "id"),
    ("session_id", "id"),
    ("on_behalf_of", "id"),
    ("mandate_id", "id"),
    ("action", "'ANOTHER'"),
    ("object_kind", "'ANOTHER'"),
    ("object_id", "id"),
    ("subject_id", "id"),
    ("result", "'ANOTHER'"),
    ("details", "'{\"a\":\"b\"}'"),
];

async fn a_deleted_a_moved_a_slipped_in_row_and_a_cut_tail_are_named(app: TestApp) {
    let (portal, process) = (app.portal(), ProcessId::new(&app.portal().env));
    // Six rows in two batches, and one that waits for its seal.
    for batch in [3, 3, 0] {
        for _ in 0..batch {
            app.advance(Duration::minutes(1));
            enter(portal).await;
        }
        assert_eq!(seal_batch(portal, process).await.unwrap(), Some(batch));
    }
    enter(portal).await;
    app.write_keys();
    let folder = app.folder().to_str().unwrap();
    let commanded = || {
        let mut verify = command(&["audit", "verify", "--data-dir", folder, "--database-url", &app.database_url()]);
        let (code, out, err) = finish(verify.env("PORTAL_DATABASE_CONNECTIONS", "2"));
        assert!(err.is_empty(), "{err}");
        (code, out)
    };
    let intact = Verdict::Intact { sealed: 6, unsealed: 1, signed: 6 };
    assert_eq!(verify(portal, |_| {}).await.unwrap(), intact);
    assert_eq!(commanded(), (0, "intact: 6 rows, signed up to 6, 1 not sealed yet\n".to_owned()));

    for table in TABLES {
        app.lift_append_only(table).await;
        execute(&app, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    let third = "(SELECT row_id FROM seal WHERE stream = 'TRAIL' AND position = 3)";
    let newest = "(SELECT id FROM trail ORDER BY id DESC LIMIT 1)";
    let move_on = "UPDATE seal SET position = position + 1000 WHERE stream = 'TRAIL' AND position > 3; UPDATE seal SET position = position";
    let cut = "DELETE FROM trail WHERE id IN (SELECT row_id FROM seal WHERE stream = 'TRAIL' AND position > 4); \
        DELETE FROM seal WHERE stream = 'TRAIL' AND position > 4";
    let hash_of = |position: i64| format!("(SELECT s.hash FROM seal s WHERE s.stream = 'TRAIL' AND s.position = {position})");
    let slip = |position: i64| {
        let hash = hash_of(position - 1);
        format!("DELETE FROM unsealed; INSERT INTO seal (stream, position, row_id, hash) VALUES ('TRAIL', {position}, {newest}, {hash})")
    };
    let (missing, changed) = ("the row is missing", "the row or its place was changed");
    let mut damages = vec![
        ("a deleted row", format!("DELETE FROM trail WHERE id = {third}"), 3, missing),
        (
            "a row deleted with its seal",
            format!("DELETE FROM trail WHERE id = {third}; DELETE FROM seal WHERE stream = 'TRAIL' AND position = 3"),
            3,
            "the seal is missing",
        ),
        (
            "the same, and the gap closed",
            format!("DELETE FROM trail WHERE id = {third}; DELETE FROM seal WHERE stream = 'TRAIL' AND position = 3; {move_on} - 1001 WHERE position > 1000"),
            3,
            changed,
        ),
        (
            "a deleted row that waited",
            "DELETE FROM trail WHERE id NOT IN (SELECT row_id FROM seal WHERE stream = 'TRAIL')".to_owned(),
            7,
            "a row that waited for its seal is missing",
        ),
        (
            "two that changed places",
            "UPDATE seal SET position = 1000 WHERE stream = 'TRAIL' AND position = 3; UPDATE seal SET position = 3 WHERE stream = 'TRAIL' AND position = 5; \
             UPDATE seal SET position = 5 WHERE stream = 'TRAIL' AND position = 1000"
                .to_owned(),
            3,
            changed,
        ),
        ("one slipped in", "DELETE FROM unsealed".to_owned(), 7, "there are rows that were never announced to the chain"),
        ("one slipped in at the end with a seal", slip(7), 7, changed),
        ("one slipped in between with a seal", format!("{move_on} - 999 WHERE position > 1000; {}", slip(4)), 4, changed),
        ("a cut tail", cut.to_owned(), 5, "the tail was cut off"),
        (
            "a cut tail and its head moved back",
            format!("{cut}; UPDATE trail_head SET position = 4, hash = {} WHERE position = 6", hash_of(4)),
            4,
            "the signature of the head is not ours",
        ),
        ("another head", format!("UPDATE trail_head SET hash = {} WHERE position = 6", hash_of(5)), 6, "the signed head does not fit"),
    ];
    damages.extend(COLUMNS.map(|(column, value)| (column, format!("UPDATE trail SET {column} = {value} WHERE id = {third}"), 3, changed)));
    for (name, damage, position, what) in damages {
        execute(&app, &damage).await;
        assert_eq!(verify(portal, |_| {}).await.unwrap(), Verdict::Broken { position, what }, "{name}");
        // Of changed columns one is enough for the command.
        if name == "details" || COLUMNS.iter().all(|(column, _)| *column != name) {
            assert_eq!(commanded(), (1, format!("broken at position {position}: {what}\n")), "{name}");
        }
        for table in TABLES {
            execute(&app, &format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
        assert_eq!(verify(portal, |_| {}).await.unwrap(), intact, "put back after {name}");
    }
}

async fn twenty_writers_and_two_sequencers_keep_one_dense_chain(app: TestApp) {
    const WRITERS: usize = 20;
    const EACH: usize = 10;
    let written = AtomicBool::new(false);
    let writing = async {
        let writers = (0..WRITERS).map(|_| {
            let portal = app.portal().clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let txn = portal.db.begin_write().await.unwrap();
                    record(&txn, &portal, &Actor::anonymous("test"), Entry::new("TEST")).await.unwrap();
                    announce(&txn, &portal, Message::new("TEST", "TEST", portal.env.uuid())).await.unwrap();
                    // Commits in another order than that of the ids.
                    tokio::task::yield_now().await;
                    portal.commit(txn).await.unwrap();
                    tokio::time::sleep(Time::from_millis(5)).await;
                }
            })
        });
        for writer in join_all(writers).await {
            writer.unwrap();
        }
        written.store(true, Ordering::SeqCst);
    };
    let sequencing = async || {
        let (process, mut sealed) = (ProcessId::new(&app.portal().env), 0);
        loop {
            let last = written.load(Ordering::SeqCst);
            let pause = match seal_batch(app.portal(), process).await {
                Ok(Some(0)) if last => return sealed,
                Ok(Some(count)) if count > 0 => {
                    sealed += count;
                    // Its lease runs out while it rests, and the other's turn comes.
                    app.advance(Duration::seconds(11));
                    10
                }
                // Nothing waits, or somebody else has the lease or sealed what this one had read: nothing stands twice.
                Ok(_) | Err(_) => 1,
            };
            tokio::time::sleep(Time::from_millis(pause)).await;
        }
    };
    let ((), first, second) = tokio::join!(writing, sequencing(), sequencing());
    let all = i64::try_from(WRITERS * EACH).unwrap();
    assert!(first > 0 && second > 0 && first + second == 2 * WRITERS * EACH, "{first} and {second} rows");
    assert_eq!(verify(app.portal(), |_| {}).await.unwrap(), Verdict::Intact { sealed: all, unsealed: 0, signed: all });
    let db = app.portal().db.read();
    for stream in ["TRAIL", "OUTBOX"] {
        let text = format!("SELECT COUNT(*), MIN(position), MAX(position), COUNT(DISTINCT row_id) FROM seal WHERE stream = '{stream}'");
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), text)).await.unwrap().unwrap();
        assert_eq!([0, 1, 2, 3].map(|at| row.try_get_by_index::<i64>(at).unwrap()), [all, 1, all, all], "{stream}");
    }
}

async fn a_lease_that_ran_out_goes_to_another_and_the_old_holder_seals_nothing(app: TestApp) {
    let portal = app.portal();
    let (first, second) = (ProcessId::new(&portal.env), ProcessId::new(&portal.env));
    let seal = async |process| seal_batch(portal, process).await.unwrap();
    enter(portal).await;
    assert_eq!(seal(first).await, Some(1));
    enter(portal).await;
    app.advance(Duration::seconds(10));
    assert_eq!(seal(second).await, None);
    // Who holds it takes it anew with each batch.
    assert_eq!(seal(first).await, Some(1));
    enter(portal).await;
    app.advance(Duration::seconds(10));
    assert_eq!(seal(second).await, None);
    app.advance(Duration::milliseconds(1));
    assert_eq!(seal(second).await, Some(1));
    // The old holder wakes: the lease is another's, and the number that it had is worth nothing, also to itself.
    enter(portal).await;
    assert_eq!(seal(first).await, None);
    let txn = portal.db.begin_write().await.unwrap();
    let mut held = Vec::new();
    for (process, epoch) in [(first, 1), (first, 2), (second, 1), (second, 2)] {
        held.push(store::hold_lease(&txn, "sequencer", process.0, epoch).await.unwrap());
    }
    txn.rollback().await.unwrap();
    assert_eq!(held, [false, false, false, true]);
    assert_eq!(verify(portal, |_| {}).await.unwrap(), Verdict::Intact { sealed: 3, unsealed: 1, signed: 3 });
    assert_eq!(seal(second).await, Some(1));
}

const KIND: &str = "TEST_WORK";

/// Works, but for what is broken; writes down each try by the name of the row.
#[derive(Debug, Default)]
struct Hand {
    broken: Mutex<HashSet<&'static str>>,
    tries: Mutex<Vec<(String, i32)>>,
}

#[async_trait]
impl Worker for Hand {
    fn kinds(&self) -> &'static [&'static str] {
        &[KIND]
    }

    async fn work(&self, _: &Portal, work: &Work) -> Result<(), Undone> {
        let name = work.data["name"].as_str().unwrap().to_owned();
        let broken = self.broken.lock().unwrap().contains(name.as_str());
        self.tries.lock().unwrap().push((name.clone(), work.attempts));
        match (name.as_str(), broken) {
            (_, false) => Ok(()),
            ("hopeless", true) => Err(Undone::Never(anyhow::anyhow!("it never works"))),
            (_, true) => Err(Undone::Later(anyhow::anyhow!("not now"))),
        }
    }
}

async fn a_failing_row_is_tried_again_holds_back_its_object_only_and_dies_after_twelve(app: TestApp) {
    let hand = Arc::new(Hand::default());
    *hand.broken.lock().unwrap() = HashSet::from(["first", "hopeless"]);
    let parts = app::parts(&app.config()).unwrap().with(Workers::default().with(&(hand.clone() as Arc<dyn Worker>)));
    let Portal { db, env, keyring, settings, .. } = app.portal().clone();
    let portal = &Portal::new(db, env, keyring, settings, parts);
    let [one, another] = [portal.env.uuid(), portal.env.uuid()];
    let put = async |name: &str, kind: &'static str, object: Uuid| {
        let txn = portal.db.begin_write().await.unwrap();
        announce(&txn, portal, Message::new(kind, "TEST", object).data(json!({ "name": name })).work()).await.unwrap();
        portal.commit(txn).await.unwrap();
    };
    for (name, object) in [("first", one), ("second", one), ("beside", another)] {
        put(name, KIND, object).await;
    }
    let tried = async || {
        while work_off(portal).await.unwrap() > 0 {}
        std::mem::take(&mut *hand.tries.lock().unwrap())
    };
    let stands = async |name: &str| {
        let text = format!("SELECT state, attempts FROM outbox WHERE data LIKE '%\"{name}\"%'");
        let row = portal.db.read().query_one_raw(Statement::from_string(portal.db.read().get_database_backend(), text)).await.unwrap().unwrap();
        (row.try_get_by_index::<String>(0).unwrap(), row.try_get_by_index::<i32>(1).unwrap())
    };
    let is = |state: &str, attempts: i32| (state.to_owned(), attempts);
    assert_eq!(tried().await, [("first".to_owned(), 1), ("beside".to_owned(), 1)]);
    for attempt in 2..=MAX_ATTEMPTS {
        assert_eq!((stands("first").await, stands("second").await, stands("beside").await), (is("PENDING", attempt - 1), is("PENDING", 0), is("DONE", 1)));
        app.advance(Duration::seconds(back_off_seconds(attempt - 1)) - Duration::milliseconds(1));
        assert_eq!(tried().await, []);
        app.advance(Duration::milliseconds(1));
        let mut expected = vec![("first".to_owned(), attempt)];
        if attempt == MAX_ATTEMPTS {
            // Given up: the next of its object has its turn.
            expected.push(("second".to_owned(), 1));
        }
        assert_eq!(tried().await, expected);
    }
    assert_eq!(MAX_ATTEMPTS, 12);
    assert_eq!((stands("first").await, stands("second").await), (is("DEAD", 12), is("DONE", 1)));
    // What never works, and what nobody works, is given up at once.
    put("hopeless", KIND, one).await;
    put("unknown", "TEST_UNKNOWN", one).await;
    assert_eq!(tried().await, [("hopeless".to_owned(), 1)]);
    assert_eq!((stands("hopeless").await, stands("unknown").await), (is("DEAD", 1), is("DEAD", 1)));
    app.advance(Duration::days(365));
    assert_eq!(tried().await, []);
    // One that a process took and left is another's after two minutes, and comes with its number of tries.
    put("left", KIND, another).await;
    let due = store::due_work(portal.db.read(), &Lane::AllBut(Vec::new()), portal.env.now(), 1).await.unwrap();
    let txn = portal.db.begin_write().await.unwrap();
    assert!(store::take_work(&txn, due[0].0, due[0].1, portal.env.now(), Duration::minutes(2)).await.unwrap().is_some());
    // Another worker that had read the same row comes too late.
    assert!(store::take_work(&txn, due[0].0, due[0].1, portal.env.now(), Duration::minutes(2)).await.unwrap().is_none());
    txn.commit().await.unwrap();
    app.advance(Duration::minutes(2));
    assert_eq!(tried().await, []);
    app.advance(Duration::milliseconds(1));
    assert_eq!(tried().await, [("left".to_owned(), 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_is_woken_by_a_notice() {
    let Some(app) = TestApp::start(Engine::Postgres, Pool::Product).await else { return };
    let first = app.portal();
    let options = Options { url: app.database_url(), key_url: None, connections: 2, single: false, on_statement: None };
    let Portal { env, keyring, settings, .. } = first.clone();
    let second = Portal::new(Db::connect(&options).await.unwrap(), env, keyring, settings, app::parts(&app.config()).unwrap());
    let mut heard = second.part::<Bus>().unwrap().listen();
    let stop = CancellationToken::new();
    // It looks at the table by itself once an hour.
    let listening = tokio::spawn(job::listen_and_look(second.clone(), stop.clone(), Time::from_hours(1)));
    let process = ProcessId::new(&first.env);
    let tell = async |kind: &'static str| {
        let txn = first.db.begin_write().await.unwrap();
        announce(&txn, first, Message::new(kind, "TEST", first.env.uuid())).await.unwrap();
        first.commit(txn).await.unwrap();
        assert_eq!(seal_batch(first, process).await.unwrap(), Some(1));
    };
    let begun = Instant::now();
    loop {
        tell("MARK").await;
        if tokio::time::timeout(Time::from_millis(300), heard.recv()).await.is_ok() {
            break;
        }
        assert!(begun.elapsed() < Time::from_mins(1), "the other process hears nothing");
    }
    for _ in 0..3 {
        tell("NEWS").await;
        let news = async { while heard.recv().await.unwrap().kind != "NEWS" {} };
        tokio::time::timeout(Time::from_secs(20), news).await.expect("woken by the notice");
    }
    stop.cancel();
    listening.await.unwrap();
    second.db.close().await.unwrap();
}

/// Is so slow at its first try that its lease ends and another works the row off; then it fails.
#[derive(Debug, Default)]
struct Slow(AtomicBool);

#[async_trait]
impl Worker for Slow {
    fn kinds(&self) -> &'static [&'static str] {
        &[KIND]
    }

    async fn work(&self, portal: &Portal, _: &Work) -> Result<(), Undone> {
        if self.0.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        portal.db.writer().execute_unprepared("UPDATE outbox SET leased_until = NULL").await.unwrap();
        assert_eq!(work_off(portal).await.unwrap(), 1);
        Err(Undone::Later(anyhow::anyhow!("too late")))
    }
}

async fn a_worker_whose_lease_ended_undoes_nothing(app: TestApp) {
    let parts = app::parts(&app.config()).unwrap().with(Workers::default().with(&(Arc::new(Slow::default()) as Arc<dyn Worker>)));
    let Portal { db, env, keyring, settings, .. } = app.portal().clone();
    let portal = &Portal::new(db, env, keyring, settings, parts);
    let txn = portal.db.begin_write().await.unwrap();
    announce(&txn, portal, Message::new(KIND, "TEST", portal.env.uuid()).work()).await.unwrap();
    portal.commit(txn).await.unwrap();
    assert_eq!(work_off(portal).await.unwrap(), 1);
    let row = Statement::from_string(portal.db.read().get_database_backend(), format!("SELECT state, attempts FROM outbox WHERE kind = '{KIND}'"));
    let row = portal.db.read().query_one_raw(row).await.unwrap().unwrap();
    assert_eq!((row.try_get_by_index::<String>(0).unwrap(), row.try_get_by_index::<i32>(1).unwrap()), ("DONE".to_owned(), 2));
}
