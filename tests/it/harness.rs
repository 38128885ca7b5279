//! The test support itself: each test has a database of its own, and what it counts is true.

use sea_orm::ConnectionTrait as _;
use talent_portal::db::Engine;

use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(a_test_has_a_migrated_database_of_its_own, statements_are_counted_inside_a_transaction_too, the_clock_stands_until_it_is_moved);
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
