//! Migrations lead down to nothing and up to the same again.

use migration::{KeyMigrator, Migrator};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use sea_orm_migration::MigratorTrait as _;
use talent_portal::db::Engine;

use crate::support::{TestApp, both_engines};

both_engines!(migrations_lead_down_to_nothing_and_up_to_the_same_again);

const SQLITE: &str = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master
    WHERE name NOT LIKE 'sqlite_%' AND tbl_name <> 'seaql_migrations' ORDER BY 1";

/// Of the current schema: columns, indexes, constraints, triggers and functions.
const POSTGRES: &str = "SELECT line FROM (
    SELECT concat_ws(' ', 'column', table_name, column_name, data_type, collation_name, is_nullable, column_default) AS line, table_name AS owner
        FROM information_schema.columns WHERE table_schema = current_schema()
    UNION ALL SELECT 'index ' || indexdef, tablename FROM pg_indexes WHERE schemaname = current_schema()
    UNION ALL SELECT concat_ws(' ', 'constraint', r.relname, c.conname, pg_get_constraintdef(c.oid)), r.relname
        FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid WHERE c.connamespace = current_schema()::regnamespace
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid), r.relname
        FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal AND r.relnamespace = current_schema()::regnamespace
    UNION ALL SELECT 'function ' || pg_get_functiondef(oid), '' FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
    ) everything WHERE owner <> 'seaql_migrations' ORDER BY line";

/// Everything that a store has, but for the list of its migrations.
async fn shape(connection: &DatabaseConnection, engine: Engine) -> Vec<String> {
    let statement = match engine {
        Engine::Sqlite => SQLITE,
        Engine::Postgres => POSTGRES,
    };
    let rows = connection.query_all_raw(Statement::from_string(connection.get_database_backend(), statement)).await.expect("the catalogue");
    rows.iter().map(|row| row.try_get_by_index(0).expect("a line")).collect()
}

async fn migrations_lead_down_to_nothing_and_up_to_the_same_again(app: TestApp) {
    let (data, keys, engine) = (app.portal().db.writer(), app.portal().db.keys(), app.engine());
    let before = (shape(data, engine).await, shape(keys, engine).await);
    assert!(before.0.len() > 30 && !before.1.is_empty(), "the tables were not found");
    Migrator::down(data, None).await.expect("the data store down");
    KeyMigrator::down(keys, None).await.expect("the key store down");
    assert_eq!((shape(data, engine).await, shape(keys, engine).await), (Vec::new(), Vec::new()));
    Migrator::up(data, None).await.expect("the data store up");
    KeyMigrator::up(keys, None).await.expect("the key store up");
    assert_eq!((shape(data, engine).await, shape(keys, engine).await), before);
}
