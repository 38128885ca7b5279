//! The test support itself: each test has a database of its own, and what it counts is true.

use sea_orm::ConnectionTrait as _;
use talent_portal::db::Engine;

use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    what_is_acknowledged_is_on_the_disk,
    what_is_kept_is_its_owners_alone,
    a_test_has_a_migrated_database_of_its_own,
    statements_are_counted_inside_a_transaction_too,
    the_clock_stands_until_it_is_moved
);
pool_of_one!(statements_are_counted_inside_a_transaction_too);

async fn a_test_has_a_migrated_database_of_its_own(app: TestApp) {
    let other = TestApp::start(app.engine(), crate::support::Pool::Product).await.expect("a second portal beside the first");
    app.portal().db.writer().execute_unprepared("CREATE TABLE mine (id INTEGER)").await.expect("a table");
    let table = |app: &TestApp| {
        let db = app.portal().db.clone();
        async move { db.read().execute_unprepared("SELECT id FROM mine").await.is_ok() }
    };
    assert!(table(&app).await);
    assert!(!table(&other).await);
    for store in [other.portal().db.read(), other.portal().db.keys()] {
        store.execute_unprepared("SELECT version FROM seaql_migrations").await.expect("a migrated store");
    }
}

/// One value of a store's settings.
async fn setting(store: &sea_orm::DatabaseConnection, statement: &str) -> String {
    let row = store.query_one_raw(sea_orm::Statement::from_string(store.get_database_backend(), statement)).await.expect("a setting").expect("a row");
    row.try_get_by_index::<String>(0).or_else(|_| row.try_get_by_index::<i64>(0).map(|n| n.to_string())).expect("a value")
}

async fn what_is_acknowledged_is_on_the_disk(app: TestApp) {
    let db = &app.portal().db;
    for store in [db.writer(), db.keys(), db.read()] {
        match app.engine() {
            // 2 is FULL: the log is written out before a commit is told.
            Engine::Sqlite => {
                assert_eq!(setting(store, "PRAGMA synchronous").await, "2");
                assert_eq!(setting(store, "PRAGMA journal_mode").await, "wal");
            }
            Engine::Postgres => assert_eq!(setting(store, "SHOW synchronous_commit").await, "on"),
        }
    }
    // In a transaction, too.
    let txn = db.begin_write().await.expect("a transaction");
    let statement = if app.engine() == Engine::Sqlite { "PRAGMA synchronous" } else { "SHOW synchronous_commit" };
    let row = txn.query_one_raw(sea_orm::Statement::from_string(txn.get_database_backend(), statement)).await.expect("a setting").expect("a row");
    match app.engine() {
        Engine::Sqlite => assert_eq!(row.try_get_by_index::<i64>(0).expect("a number"), 2),
        Engine::Postgres => assert_eq!(row.try_get_by_index::<String>(0).expect("a text"), "on"),
    }
    txn.commit().await.expect("a commit");
}

/// A start over folders and files that others could read.
async fn what_is_kept_is_its_owners_alone(app: TestApp) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("files")).expect("a folder");
    for open in [&data, &data.join("files")] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let mut layers = talent_portal::config::Layers::default();
    layers.flag("data_dir", Some(data.to_str().expect("UTF-8").to_owned()));
    if app.engine() == Engine::Sqlite {
        let file = data.join("portal.db");
        std::fs::write(&file, b"").expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    } else {
        layers.flag("database_url", Some(app.database_url()));
    }
    let config = layers.build().expect("a configuration");
    let env = talent_portal::kernel::env::Env::system();
    let portal = talent_portal::app::portal(&config, env, talent_portal::db::Options::from(&config)).await.expect("a portal");
    talent_portal::app::migrate(&portal.db).await.expect("migrated");
    let mut waiting = vec![data];
    let mut seen = Vec::new();
    while let Some(path) = waiting.pop() {
        let meta = std::fs::metadata(&path).expect("metadata");
        assert_eq!(meta.permissions().mode() & 0o077, 0, "{}", path.display());
        seen.push(path.file_name().expect("a name").to_string_lossy().into_owned());
        if meta.is_dir() {
            waiting.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
    }
    for name in ["data", "files", "outbox", "portal.keys"] {
        assert!(seen.iter().any(|s| s == name), "{name} is not in {seen:?}");
    }
    if app.engine() == Engine::Sqlite {
        for name in ["portal.db", "portal.db-wal", "person-keys.db"] {
            assert!(seen.iter().any(|s| s == name), "{name} is not in {seen:?}");
        }
    }
    portal.db.close().await.expect("closed");
}

async fn statements_are_counted_inside_a_transaction_too(app: TestApp) {
    let (count, ()) = app
        .statements(async {
            let db = &app.portal().db;
            db.read().query_one_raw(select(db.read())).await.expect("a statement");
            let txn = db.begin_write().await.expect("a transaction");
            txn.query_one_raw(select(&txn)).await.expect("a statement");
            txn.commit().await.expect("a commit");
        })
        .await;
    assert_eq!(count, 2);
}

async fn the_clock_stands_until_it_is_moved(app: TestApp) {
    let env = &app.portal().env;
    assert_eq!(env.now().to_rfc3339(), "2026-01-05T01:00:00+00:00");
    app.advance(chrono::Duration::hours(15));
    assert_eq!(env.today().to_string(), "2026-01-06");
    assert_ne!(env.uuid(), env.uuid());
}

/// A cluster that lost its setting would make every test slow, and one without sockets could be reached by others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_throw_away_server_listens_on_its_socket_only() {
    let Some(app) = TestApp::start(Engine::Postgres, crate::support::Pool::Product).await else { return };
    let statement = "SELECT current_setting('listen_addresses'), current_setting('fsync')";
    let row =
        app.portal().db.read().query_one_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, statement)).await.expect("settings").expect("a row");
    assert_eq!((row.try_get_by_index::<String>(0).unwrap(), row.try_get_by_index::<String>(1).unwrap()), (String::new(), "off".to_owned()));
}

fn select(connection: &impl sea_orm::ConnectionTrait) -> sea_orm::Statement {
    sea_orm::Statement::from_string(connection.get_database_backend(), "SELECT 1")
}
