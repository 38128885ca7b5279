//! The portal as a test sees it: in process, with a clock that stands, on a database of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, Duration, TimeZone as _, Utc};
use http_body_util::BodyExt as _;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session, mark_demo};
use talent_portal::app;
use talent_portal::audit::service as audit;
use talent_portal::config::{Config, Layers};
use talent_portal::db::{Db, Engine};
use talent_portal::kernel::clock::FixedClock;
use talent_portal::kernel::code::Verification;
use talent_portal::kernel::env::{CountingEntropy, Env};
use talent_portal::kernel::ids::{BodyId, PersonId, TypedId as _, UnitId};
use talent_portal::kernel::seal::Keyring;
use talent_portal::kernel::text::{Origin, Text};
use talent_portal::organisation::model::body::{BodyKind, NewBody};
use talent_portal::organisation::model::unit::{NewUnit, UnitLevel};
use talent_portal::organisation::service as organisation;
use talent_portal::person::service as persons;
use talent_portal::portal::Portal;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::database::Database;

/// The connections that a test's portal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Readers and one writer on SQLite, several connections on PostgreSQL, as in the product.
    Product,
    /// One connection for everything: whoever uses the pool inside a transaction waits for itself, and fails.
    One,
}

/// A portal on a fresh migrated database. It stands at Monday 2026-01-05, 09:00 at UTC+8.
#[derive(Debug)]
pub struct TestApp {
    portal: Portal,
    router: Router,
    clock: Arc<FixedClock>,
    statements: Arc<AtomicUsize>,
    // Last: the connections above are gone before the database is.
    database: Database,
}

/// What the portal answered to an operation.
#[derive(Debug)]
pub struct Reply {
    /// Status of the HTTP answer.
    pub status: StatusCode,
    /// `data`; `Null` also where the key is missing.
    pub data: Value,
    /// `errors`; empty where the key is missing.
    pub errors: Vec<Value>,
}

impl Reply {
    /// The data of an answer without any error.
    ///
    /// # Panics
    /// When there is an error.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.errors.is_empty(), "errors: {:#?}", self.errors);
        assert_eq!(self.status, StatusCode::OK);
        self.data
    }

    /// The code of the only error.
    ///
    /// # Panics
    /// When there is not exactly one error.
    #[track_caller]
    pub fn code(&self) -> &str {
        assert_eq!(self.errors.len(), 1, "errors: {:#?}", self.errors);
        self.errors[0]["extensions"]["code"].as_str().unwrap_or_default()
    }
}

/// The instant at which every test begins: Monday 2026-01-05, 09:00 at UTC+8.
pub fn beginning() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 5, 1, 0, 0).single().expect("an instant")
}

/// The configuration of a test: password hashes with little memory, everything in the test's own folder.
pub fn config(database: &Database) -> Config {
    let mut layers = Layers::default();
    for (name, value) in [
        ("data_dir", database.folder().to_str().expect("a path in UTF-8").to_owned()),
        ("database_url", database.url()),
        ("database_connections", "4".to_owned()),
        ("argon2_memory_kib", "8".to_owned()),
        ("argon2_passes", "1".to_owned()),
    ] {
        layers.flag(name, Some(value));
    }
    layers.build().expect("a configuration")
}

impl TestApp {
    /// Starts a portal; `None` where PostgreSQL is not installed.
    pub async fn start(engine: Engine, pool: Pool) -> Option<Self> {
        let database = Database::create(engine).await?;
        let config = config(&database);
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = statements.clone();
        let mut options = database.options(config.database_connections);
        options.single = pool == Pool::One;
        options.on_statement = Some(Arc::new(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        let db = Db::connect(&options).await.expect("a connection");
        let clock = Arc::new(FixedClock::at(beginning()));
        let env = Env::new(clock.clone(), Arc::new(CountingEntropy::default()));
        let keyring = Keyring::parse(&Keyring::generate(&env).expect("a key file")).expect("a key ring");
        let (portal, router) = assemble(db, env, Arc::new(keyring), &config);
        Some(Self { portal, router, clock, statements, database })
    }

    /// The process.
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// Begins anew on the same stores: what the process kept in memory is gone.
    pub fn restart(&mut self) {
        let parts = app::parts(&self.config()).expect("the parts of the slices");
        let old = &self.portal;
        self.portal = Portal::new(old.db.clone(), old.env.clone(), old.keyring.clone(), old.settings.clone(), parts);
        self.router = app::router(&self.portal, &self.config(), None, CancellationToken::new());
    }

    /// The router, to be served on a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The configuration, for a second process on the same stores.
    pub fn config(&self) -> Config {
        config(&self.database)
    }

    /// Lets rows of a table that only grows be changed, so that a test can plant damage.
    pub async fn lift_append_only(&self, table: &str) {
        let triggers = match self.engine() {
            Engine::Sqlite => vec![format!("DROP TRIGGER IF EXISTS {table}_no_update"), format!("DROP TRIGGER IF EXISTS {table}_no_delete")],
            Engine::Postgres => vec![format!("DROP TRIGGER IF EXISTS {table}_append_only ON {table}")],
        };
        for trigger in triggers {
            self.portal().db.writer().execute_unprepared(&trigger).await.unwrap();
        }
    }

    /// The same portal, configured otherwise, over the same stores.
    pub fn configured(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.config();
        change(&mut config);
        let Portal { db, env, keyring, .. } = self.portal.clone();
        let (portal, router) = assemble(db, env, keyring, &config);
        Self { portal, router, ..self }
    }

    /// Writes the keys of this portal where its folder has them, for a command on the same stores.
    pub fn write_keys(&self) {
        // Those of the start: its chance counts from nought.
        let env = Env::new(self.clock.clone(), Arc::new(CountingEntropy::default()));
        let file = self.config().key_file;
        std::fs::write(&file, Keyring::generate(&env).expect("keys")).expect("a key file");
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    }

    /// Which engine it runs on.
    pub fn engine(&self) -> Engine {
        self.database.engine()
    }

    /// URL of the data store.
    pub fn database_url(&self) -> String {
        self.database.url()
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.database.folder()
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Sets the clock.
    pub fn set_time(&self, at: DateTime<Utc>) {
        self.clock.set(at);
    }

    /// Sends a request through the real router.
    pub async fn request(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.expect("a router answers")
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, bytes::Bytes) {
        let (head, body) = self.request(request).await.into_parts();
        (head.status, head.headers, body.collect().await.expect("a body").to_bytes())
    }

    /// The version of a person that is stored, 0 where there is none; `id` is her global id.
    pub async fn version_of(&self, id: &Value) -> i64 {
        let Some(id) = id.as_str().and_then(PersonId::parse_global) else { return 0 };
        persons::person(&self.portal, id).await.map_or(0, |person| person.version)
    }

    /// Executes an operation as the holder of `token`, or as nobody.
    ///
    /// # Panics
    /// When the answer is not JSON.
    pub async fn graphql(&self, token: Option<&str>, document: &str, variables: Value) -> Reply {
        self.asked(None, token, document, variables).await
    }

    /// The same for a reader of a language.
    ///
    /// # Panics
    /// When the answer is not JSON.
    pub async fn graphql_in(&self, language: &str, token: Option<&str>, document: &str, variables: Value) -> Reply {
        self.asked(Some(language), token, document, variables).await
    }

    async fn asked(&self, language: Option<&str>, token: Option<&str>, document: &str, variables: Value) -> Reply {
        let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, "application/json");
        if let Some(language) = language {
            request = request.header(header::ACCEPT_LANGUAGE, language);
        }
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = json!({ "query": document, "variables": variables }).to_string();
        let (status, _, bytes) = self.send(request.body(Body::from(body)).expect("a request")).await;
        let mut answer: Value =
            serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{status}, not JSON ({error}): {}", String::from_utf8_lossy(&bytes)));
        let errors = match answer["errors"].take() {
            Value::Null => Vec::new(),
            Value::Array(errors) => errors,
            other => panic!("errors is no list: {other}"),
        };
        Reply { status, data: answer["data"].take(), errors }
    }

    /// Publishes regions, calendar, catalogue and card products, as a start of the server does.
    pub async fn publish(&self) {
        app::publish(&self.portal).await.expect("the bundle published");
    }

    /// A body of this kind, as if it had been made by the API. Publishes regions and catalogue first.
    pub async fn body(&self, kind: BodyKind) -> BodyId {
        organisation::publish_reference_data(&self.portal).await.expect("regions");
        let id = BodyId::new(&self.portal.env);
        let new = NewBody { kind, name: Text::simplified("某机构", Origin::Human), uscc: None, region_code: None, verification: Verification::StandIn };
        let txn = self.portal.db.begin_write().await.expect("a transaction");
        organisation::insert_body(&txn, &self.portal, id, new).await.expect("a body");
        self.portal.commit(txn).await.expect("a commit");
        id
    }

    /// A unit of a government body of its own.
    pub async fn unit(&self, level: UnitLevel, region: &str, zone: Option<&str>) -> UnitId {
        let body = self.body(BodyKind::Government).await;
        let id = UnitId::new(&self.portal.env);
        let name = Text::simplified("某单位", Origin::Human);
        let new = NewUnit { body, parent: None, level, name, region_code: region.to_owned(), zone_code: zone.map(str::to_owned) };
        let txn = self.portal.db.begin_write().await.expect("a transaction");
        organisation::insert_unit(&txn, &self.portal, id, new).await.expect("a unit");
        self.portal.commit(txn).await.expect("a commit");
        id
    }

    /// Works off what waits in the outbox, then reads every letter that was ever sent, oldest first: a JSON object with
    /// `to`, `kind`, `language`, `subject`, `text` and `secret` (the code).
    pub async fn mailbox(&self) -> Vec<Value> {
        while audit::work_off(&self.portal).await.expect("the outbox worked off") > 0 {}
        let folder = self.folder().join("outbox");
        // Names are ids, which sort by time.
        let mut files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("a letter").path()).collect();
        files.sort();
        files.iter().map(|file| serde_json::from_slice(&std::fs::read(file).expect("a letter")).expect("JSON")).collect()
    }

    /// The code in the newest letter to a contact point.
    ///
    /// # Panics
    /// When nothing was sent to it.
    pub async fn code_for(&self, contact: &str) -> String {
        let letters = self.mailbox().await;
        let letter = letters.iter().rfind(|letter| letter["to"] == contact).unwrap_or_else(|| panic!("no letter to {contact}"));
        letter["secret"].as_str().expect("a code").to_owned()
    }

    /// How many SQL statements `work` costs (BEGIN, COMMIT and `execute_unprepared` are not counted), and what it gives.
    pub async fn statements<T>(&self, work: impl Future<Output = T>) -> (usize, T) {
        let before = self.statements.load(Ordering::SeqCst);
        let result = work.await;
        (self.statements.load(Ordering::SeqCst) - before, result)
    }
}

/// Puts portal and router together as the product does; no loop of the process runs.
fn assemble(db: Db, env: Env, keyring: Arc<Keyring>, config: &Config) -> (Portal, Router) {
    let parts = app::parts(config).expect("the parts of the slices");
    let portal = Portal::new(db, env, keyring, Arc::new(config.settings.clone()), parts);
    let router = app::router(&portal, config, None, CancellationToken::new());
    (portal, router)
}

/// The token of a person with an account and no role, on a portal that becomes a demo by it.
pub async fn token_of_somebody(portal: &Portal) -> String {
    mark_demo(portal).await.unwrap();
    let new = NewDemoAccount {
        login: "one@demo.invalid".into(),
        password: "seven green herons at dusk".into(),
        name_zh: "测试".into(),
        name_latin: "Test".into(),
        birth_date: None,
        roles: Vec::new(),
    };
    demo_session(portal, add_account(portal, new).await.unwrap()).await.unwrap()
}
