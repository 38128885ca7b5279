//! Connections: one pool on PostgreSQL, readers and a single writer on SQLite, and the store of person keys.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    AccessMode, ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

use crate::config::Config;

/// The two engines, which behave alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded.
    Sqlite,
    /// Production.
    Postgres,
}

/// Called with each statement that ends.
pub type Observer = Arc<dyn Fn(&sea_orm::metric::Info<'_>) + Send + Sync>;

/// What to connect to.
#[derive(Clone)]
pub struct Options {
    /// URL of the data store.
    pub url: String,
    /// URL of the store of person keys; `None` is beside the data store.
    pub key_url: Option<String>,
    /// Connections of the pool or of the readers.
    pub connections: u32,
    /// Connections share one pool of one, which exposes the use of a pool inside a transaction. For tests.
    pub single: bool,
    /// Called with each statement that ends, for metrics and budgets.
    pub on_statement: Option<Observer>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // URLs hold passwords.
        f.debug_struct("Options").field("connections", &self.connections).field("single", &self.single).finish_non_exhaustive()
    }
}

impl Options {
    /// The SQLite files that these options name; none on PostgreSQL and in memory.
    pub fn files(&self) -> Vec<PathBuf> {
        if !self.url.starts_with("sqlite:") {
            return Vec::new();
        }
        let urls = [self.url.clone(), self.key_url.clone().unwrap_or_else(|| beside(&self.url))];
        urls.iter().filter_map(|url| file_of(url)).collect()
    }
}

/// The file of an SQLite URL, if it is in one.
fn file_of(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = path.strip_prefix("//").unwrap_or(path);
    (!path.is_empty() && path != ":memory:" && !query.contains("mode=memory")).then(|| PathBuf::from(path))
}

impl From<&Config> for Options {
    fn from(config: &Config) -> Self {
        Self {
            url: config.database_url.clone(),
            key_url: config.key_database_url.clone(),
            connections: config.database_connections,
            single: false,
            on_statement: None,
        }
    }
}

/// The connections of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    engine: Engine,
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    keys: DatabaseConnection,
}

/// The schema that holds person keys in a PostgreSQL database of its own or shared.
pub const KEY_SCHEMA: &str = "portal_keys";

impl Db {
    /// Connects. SQLite files are made when they are missing, their folder is not.
    pub async fn connect(options: &Options) -> Result<Self, DbErr> {
        let engine = if options.url.starts_with("sqlite:") { Engine::Sqlite } else { Engine::Postgres };
        match engine {
            Engine::Sqlite => {
                let key_url = options.key_url.clone().unwrap_or_else(|| beside(&options.url));
                let writer = open(sqlite(&options.url, 1, false), options).await?;
                let reader = if options.single { writer.clone() } else { open(sqlite(&options.url, options.connections, true), options).await? };
                let keys = open(sqlite(&key_url, 1, false), options).await?;
                Ok(Self { engine, reader, writer, keys })
            }
            Engine::Postgres => {
                let key_url = options.key_url.clone().unwrap_or_else(|| options.url.clone());
                let writer = open(postgres(&options.url, if options.single { 1 } else { options.connections }, None), options).await?;
                let keys = open(postgres(&key_url, 2, Some(KEY_SCHEMA)), options).await?;
                Ok(Self { engine, reader: writer.clone(), writer, keys })
            }
        }
    }

    /// For queries outside a transaction.
    pub const fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// The store of person keys.
    pub const fn keys(&self) -> &DatabaseConnection {
        &self.keys
    }

    /// Which engine it is.
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// For migrations and the sequencer's notices; services begin a transaction instead.
    pub const fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Begins a transaction that writes: IMMEDIATE on SQLite, so that a read inside it cannot fail at the write.
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        let mode = (self.engine == Engine::Sqlite).then_some(SqliteTransactionMode::Immediate);
        self.writer.begin_with_options(TransactionOptions { sqlite_transaction_mode: mode, isolation_level: None, access_mode: None }).await
    }

    /// Begins a transaction that only reads, and sees one state of the store whatever is written meanwhile. It ends by
    /// being dropped.
    pub async fn begin_read(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = match self.engine {
            Engine::Sqlite => TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred), isolation_level: None, access_mode: None },
            Engine::Postgres => TransactionOptions {
                sqlite_transaction_mode: None,
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
            },
        };
        self.reader.begin_with_options(options).await
    }

    /// Closes all connections.
    pub async fn close(self) -> Result<(), DbErr> {
        if self.engine == Engine::Sqlite {
            self.reader.close().await?;
        }
        self.writer.close().await?;
        self.keys.close().await
    }
}

/// `person-keys.db` in the folder of the data file.
fn beside(url: &str) -> String {
    let (path, query) = url.split_once('?').map_or((url, ""), |(p, q)| (p, q));
    let folder = path.rfind('/').map_or("sqlite://", |at| &path[..=at]);
    if query.is_empty() { format!("{folder}person-keys.db") } else { format!("{folder}person-keys.db?{query}") }
}

async fn open(options: ConnectOptions, shared: &Options) -> Result<DatabaseConnection, DbErr> {
    let mut connection = Database::connect(options).await?;
    if let Some(observer) = shared.on_statement.clone() {
        connection.set_metric_callback(move |info| observer(info));
    }
    Ok(connection)
}

fn sqlite(url: &str, connections: u32, query_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    pool(&mut options, connections);
    options.map_sqlx_sqlite_opts(move |o| {
        o.create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            // Durability is on everywhere it is promised.
            .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .pragma("query_only", if query_only { "ON" } else { "OFF" })
            .pragma("temp_store", "MEMORY")
            .pragma("cache_size", "-4000")
            .optimize_on_close(true, None)
    });
    options
}

fn postgres(url: &str, connections: u32, schema: Option<&'static str>) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    pool(&mut options, connections);
    options.set_application_name("talent-portal");
    options.map_sqlx_postgres_opts(move |o| {
        let o = o.options([("synchronous_commit", "on"), ("statement_timeout", "20000"), ("lock_timeout", "5000"), ("jit", "off"), ("timezone", "UTC")]);
        match schema {
            Some(schema) => o.options([("search_path", schema)]),
            None => o,
        }
    });
    options
}

fn pool(options: &mut ConnectOptions, connections: u32) {
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .connect_timeout(Duration::from_secs(5))
        .sqlx_logging(false)
        // A ping before each use costs a round trip; only idle connections are asked.
        .test_before_acquire(false)
        .test_before_acquire_if_idle_for(Duration::from_secs(30));
}

/// Whether the backend is PostgreSQL, for the few statements that differ.
pub fn is_postgres(connection: &impl sea_orm::ConnectionTrait) -> bool {
    connection.get_database_backend() == DbBackend::Postgres
}

#[cfg(test)]
mod tests {
    use super::{beside, file_of};

    #[test]
    fn the_file_of_a_url_is_found() {
        for (url, file) in [
            ("sqlite://./data/portal.db", Some("./data/portal.db")),
            ("sqlite:///a/b.db?mode=rwc", Some("/a/b.db")),
            ("sqlite:portal.db", Some("portal.db")),
            ("sqlite::memory:", None),
            ("sqlite://x?mode=memory", None),
            ("postgres://x/y", None),
        ] {
            assert_eq!(file_of(url).as_deref(), file.map(std::path::Path::new), "{url}");
        }
    }

    #[test]
    fn person_keys_lie_beside_the_data_file() {
        assert_eq!(beside("sqlite://./data/portal.db"), "sqlite://./data/person-keys.db");
        assert_eq!(beside("sqlite:///a/b.db?mode=rwc"), "sqlite:///a/person-keys.db?mode=rwc");
        assert_eq!(beside("sqlite:portal.db"), "sqlite://person-keys.db");
    }
}
