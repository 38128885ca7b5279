//! A database of its own for each test: a copy of a migrated template.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use migration::{KeyMigrator, Migrator};
use sea_orm_migration::MigratorTrait as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use talent_portal::db::{Db, Engine, KEY_SCHEMA, Options};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::cluster::{Cluster, cluster};

/// The database of one test. Gone when dropped.
#[derive(Debug)]
pub struct Database {
    engine: Engine,
    folder: TempDir,
    // On PostgreSQL, the name.
    name: Option<String>,
}

impl Database {
    /// A fresh migrated database; `None` where PostgreSQL is not installed.
    pub async fn create(engine: Engine) -> Option<Self> {
        let database = Self::allocate(engine)?;
        match &database.name {
            None => {
                let template = sqlite_template().await;
                for file in FILES {
                    fs::copy(template.join(file), database.folder.path().join(file)).expect("a copy of the template");
                }
            }
            Some(name) => {
                let cluster = cluster()?;
                let template = postgres_template(cluster).await;
                statement(cluster, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
            }
        }
        Some(database)
    }

    /// A database without a table; `None` where PostgreSQL is not installed.
    pub async fn empty(engine: Engine) -> Option<Self> {
        let database = Self::allocate(engine)?;
        if let Some(name) = &database.name {
            statement(cluster()?, format!("CREATE DATABASE {name}")).await;
        }
        Some(database)
    }

    fn allocate(engine: Engine) -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                cluster()?;
                Some(format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst)))
            }
        };
        let folder = tempfile::Builder::new().prefix("test-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the test");
        Some(Self { engine, folder, name })
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The folder of the test, gone with the database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL to connect to.
    pub fn url(&self) -> String {
        match &self.name {
            None => sqlite_url(self.folder.path()),
            Some(name) => cluster().expect("the server that made the database").url(name),
        }
    }

    /// How a test connects, with `connections` in the pool.
    pub fn options(&self, connections: u32) -> Options {
        Options { url: self.url(), key_url: None, connections, single: false, on_statement: None }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else { return };
        // A test's own runtime may be ending or panicking here. FORCE ends what is still connected.
        let done = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(statement(cluster().expect("the server that made the database"), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        });
        let _ = done.join();
    }
}

/// Files of the default store, as the product names them.
const FILES: [&str; 2] = ["portal.db", "person-keys.db"];

fn sqlite_url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join(FILES[0]).display())
}

/// Brings both stores to the newest migration.
pub async fn migrate(db: &Db) {
    if db.engine() == Engine::Postgres {
        use sea_orm::ConnectionTrait as _;
        db.writer().execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS {KEY_SCHEMA}")).await.expect("the schema of person keys");
    }
    Migrator::up(db.writer(), None).await.expect("migrations of the data store");
    KeyMigrator::up(db.keys(), None).await.expect("migrations of the key store");
}

async fn migrated(url: String) {
    let db = Db::connect(&Options { url, key_url: None, connections: 1, single: false, on_statement: None }).await.expect("a connection");
    migrate(&db).await;
    if db.engine() == Engine::Sqlite {
        use sea_orm::ConnectionTrait as _;
        // Closing does this, too, but not where a reader is the last to leave; only the main files are copied.
        for store in [db.writer(), db.keys()] {
            store.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.expect("everything in the main file");
        }
    }
    db.close().await.expect("connections closed");
}

/// The folder of migrated files, made once per build of the tests.
async fn sqlite_template() -> &'static Path {
    static TEMPLATE: OnceCell<PathBuf> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(template_name());
            if folder.exists() {
                return folder;
            }
            // Made aside and moved, so that another test process sees it whole or not at all.
            let aside = tempfile::Builder::new().prefix("making-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
            migrated(sqlite_url(aside.path())).await;
            for old in fs::read_dir(env!("CARGO_TARGET_TMPDIR")).expect("the folder of the tests").flatten() {
                if old.file_name().to_string_lossy().starts_with("template_") {
                    let _ = fs::remove_dir_all(old.path());
                }
            }
            let _ = fs::rename(aside.path(), &folder);
            assert!(folder.join(FILES[0]).exists(), "the template was not made");
            folder
        })
        .await
}

/// The name of the migrated database, made once per build of the tests.
async fn postgres_template(cluster: &Cluster) -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            let name = template_name();
            let _others_wait = tokio::task::block_in_place(|| cluster.exclusive());
            let mut connection = PgConnection::connect(&cluster.url("postgres")).await.expect("a connection");
            let known: Option<i32> =
                sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name).fetch_optional(&mut connection).await.expect("databases");
            if known.is_none() {
                statement(cluster, "DROP DATABASE IF EXISTS making WITH (FORCE)".to_owned()).await;
                statement(cluster, "CREATE DATABASE making".to_owned()).await;
                migrated(cluster.url("making")).await;
                // A copy needs a template without connections, and a pool's last one may still be leaving.
                let left = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'making'";
                sqlx::query(left).execute(&mut connection).await.expect("connections ended");
                statement(cluster, format!("ALTER DATABASE making RENAME TO {name}")).await;
            }
            name
        })
        .await
}

/// Another build of the tests may hold other migrations.
fn template_name() -> String {
    let program = std::env::current_exe().expect("this program");
    let about = fs::metadata(&program).expect("this program");
    let mut hasher = DefaultHasher::new();
    (program, about.len(), about.mtime(), about.mtime_nsec()).hash(&mut hasher);
    format!("template_{:016x}", hasher.finish())
}

async fn statement(cluster: &Cluster, text: String) {
    let mut connection = PgConnection::connect(&cluster.url("postgres")).await.expect("a connection");
    sqlx::query(AssertSqlSafe(text.clone())).execute(&mut connection).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    connection.close().await.expect("a connection closed");
}
