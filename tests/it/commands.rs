//! The commands as an operator runs them: the binary, on stores of its own, and what it logs.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use talent_portal::application::service::check::check_projections;
use talent_portal::audit::model::Verdict;
use talent_portal::audit::service as audit;
use talent_portal::db::{Db, Engine};
use talent_portal::demo;
use talent_portal::kernel::env::Env;
use talent_portal::kernel::ids::{ProcessId, TypedId as _};
use talent_portal::kernel::role::Role;

use crate::application::World;
use crate::socket::{closed, connect_to, hear, say};
use crate::support::database::Database;
use crate::support::{TestApp, both_engines};

both_engines!(
    what_is_written_meanwhile_is_no_finding,
    the_demo_prints_passwords_and_tokens_that_work_for_each_role,
    an_administrator_is_made_by_a_token_or_a_link_once,
    each_request_is_one_line_without_a_word_of_the_client,
    a_proxy_that_is_believed_gives_the_id,
    a_log_of_text_names_the_request_and_nothing_personal,
    each_operation_on_a_socket_is_one_line_without_a_word_of_the_client,
    metrics_count_requests_by_route,
    a_weaker_hash_than_is_advised_is_told_at_the_start,
);

/// The binary with these arguments, without the options of who runs the tests.
pub fn portal(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_talent-portal"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTAL_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end, which must come within two minutes: its code, and what it says on standard output and on
/// standard error.
pub fn finish(command: &mut Command) -> (i32, String, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
    let until = Instant::now() + Duration::from_mins(2);
    while child.try_wait().expect("a child").is_none() {
        if Instant::now() > until {
            child.kill().expect("an end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("the binary");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an end by itself"), text(output.stdout), text(output.stderr))
}

/// A server, stopped when dropped.
pub struct Server {
    child: Child,
    told: BufReader<ChildStdout>,
    /// What it said before its address.
    pub before: String,
    pub address: SocketAddr,
    log: PathBuf,
}

impl Server {
    pub fn start(command: &mut Command, log: PathBuf) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(fs::File::create(&log).expect("a log")).spawn().expect("the binary");
        let mut told = BufReader::new(child.stdout.take().expect("a standard output"));
        let (mut line, mut before) = (String::new(), String::new());
        while told.read_line(&mut line).expect("a line") > 0 {
            if let Some(address) = line.strip_prefix("API      http://").and_then(|rest| rest.split('/').next()) {
                let address = address.parse().expect("an address");
                return Self { child, told, before, address, log };
            }
            before.push_str(&line);
            line.clear();
        }
        child.kill().expect("an end");
        child.wait().expect("an end");
        panic!("the server did not start: {}", fs::read_to_string(log).expect("a log"));
    }

    /// Sends a request; gives status and headers.
    pub fn send(&self, head: &str, headers: &[(&str, &str)], body: &str) -> (u16, HashMap<String, String>) {
        let (status, headers, _) = self.fetch(head, headers, body);
        (status, headers)
    }

    /// Sends a request; gives status, headers and the text of the answer.
    fn fetch(&self, head: &str, headers: &[(&str, &str)], body: &str) -> (u16, HashMap<String, String>, String) {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        write!(stream, "{head} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n", self.address, body.len()).expect("a request");
        for (name, value) in headers {
            write!(stream, "{name}: {value}\r\n").expect("a request");
        }
        write!(stream, "\r\n{body}").expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        let text = answer.split_once("\r\n\r\n").map(|(_, text)| text.to_owned()).unwrap_or_default();
        let mut lines = answer.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status").parse().expect("a number");
        let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
        (status, headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(), text)
    }

    /// Stops it gracefully; gives its log.
    pub fn stop(mut self) -> String {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().expect("kill").success());
        let status = self.child.wait().expect("an end");
        assert!(status.success(), "{status}");
        self.told.read_to_string(&mut String::new()).expect("what was left to say");
        fs::read_to_string(&self.log).expect("a log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A `serve` on the stores of a test, at any port.
fn serve(app: &TestApp, folder: &Path) -> Command {
    let mut command = portal(&["serve", "--listen", "127.0.0.1:0", "--database-url", &app.database_url(), "--data-dir", folder.to_str().expect("UTF-8")]);
    command.env("PORTAL_LOG_FORMAT", "json").env("PORTAL_DATABASE_CONNECTIONS", "2");
    command
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("UTF-8").to_owned()
}

/// What only works on a portal that is there.
const ON_A_PORTAL: [&[&str]; 6] = [
    &["audit", "verify"],
    &["check", "projections"],
    &["migrate", "status"],
    &["migrate", "down"],
    &["admin", "create", "--role", "system"],
    &["catalogue", "publish"],
];

#[test]
fn a_command_makes_no_store_where_there_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let mistyped = path(folder.path(), "mistyped");
    for arguments in ON_A_PORTAL {
        let (code, out, err) = finish(portal(arguments).args(["--data-dir", &mistyped]));
        assert!(code == 2 && out.is_empty() && err.contains("there is no portal here") && err.contains("mistyped/portal.db"), "{arguments:?}: {code} {err}");
    }
    let (code, out, _) = finish(portal(&["catalogue", "check", "--data-dir"]).arg(&mistyped));
    assert_eq!((code, out.as_str()), (0, "0 problems\n"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    // A portal's folder, and the name of another store.
    let data = path(folder.path(), "data");
    assert_eq!(finish(portal(&["migrate", "up", "--data-dir"]).arg(&data)).0, 0);
    assert_eq!(finish(portal(&["audit", "verify", "--data-dir"]).arg(&data)).0, 0);
    fs::remove_dir(folder.path().join("data/outbox")).expect("an empty folder");
    let other = format!("sqlite://{}", path(folder.path(), "data/other.db"));
    for arguments in ON_A_PORTAL {
        let (code, _, err) = finish(portal(arguments).args(["--data-dir", &data, "--database-url", &other]));
        assert!(code == 2 && err.contains("other.db"), "{arguments:?}: {code} {err}");
    }
    let mut left: Vec<_> = fs::read_dir(&data).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    left.sort();
    assert_eq!(left, ["files", "person-keys.db", "portal.db", "portal.keys"]);
}

async fn tables(engine: Engine, database: &Database) -> Vec<String> {
    let db = Db::connect(&database.options(1)).await.expect("a connection");
    let text = match engine {
        Engine::Sqlite => "SELECT name FROM sqlite_master",
        Engine::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    };
    let rows = db.read().query_all_raw(Statement::from_string(db.read().get_database_backend(), text)).await.expect("tables");
    db.close().await.expect("closed");
    rows.iter().map(|row| row.try_get_by_index(0).expect("a name")).collect()
}

async fn an_empty_database_stays_empty(engine: Engine) {
    let Some(database) = Database::empty(engine).await else { return };
    let folder = database.folder();
    if engine == Engine::Sqlite {
        for file in ["portal.db", "person-keys.db"] {
            fs::write(folder.join(file), b"").expect("a file");
        }
    }
    let on = |arguments: &[&str]| finish(portal(arguments).args(["--data-dir", folder.to_str().expect("UTF-8"), "--database-url", &database.url()]));
    let (code, out, err) = on(&["migrate", "status"]);
    assert!(code == 0 && out.starts_with("data: ") && !out.contains(": 0 pending"), "{code} {out} {err}");
    let (code, _, err) = on(&["audit", "verify"]);
    assert!(code == 2 && err.contains("portal.keys"), "{code} {err}");
    let keys = talent_portal::kernel::seal::Keyring::generate(&Env::system()).expect("keys");
    let file = folder.join("portal.keys");
    fs::write(&file, keys).expect("a key file");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    for arguments in [&["audit", "verify"][..], &["check", "projections"], &["admin", "create", "--role", "audit"], &["catalogue", "publish"]] {
        let (code, _, err) = on(arguments);
        assert!(code == 2 && err.contains("migrations are pending"), "{arguments:?}: {code} {err}");
    }
    assert_eq!(tables(engine, &database).await, Vec::<String>::new());
    assert!(!folder.join("outbox").exists() && !folder.join("files").exists());
}

/// `--demo` on a portal of real people that has a migration to go.
async fn a_demo_that_is_refused_changes_nothing(engine: Engine) {
    let Some(database) = Database::empty(engine).await else { return };
    let on = |arguments: &[&str]| {
        let mut command = portal(arguments);
        command.args(["--data-dir", database.folder().to_str().expect("UTF-8"), "--database-url", &database.url()]);
        if engine == Engine::Postgres {
            command.env("PORTAL_MIGRATION_DATABASE_URL", database.url());
        }
        finish(&mut command)
    };
    assert_eq!(on(&["migrate", "up"]).0, 0);
    assert_eq!(on(&["admin", "create", "--role", "system"]).0, 0);
    assert_eq!(on(&["migrate", "down"]).0, 0);
    let before = on(&["migrate", "status"]);
    assert_eq!(before.1, "data: 1 pending\nkeys: 0 pending\n");
    let (code, _, err) = on(&["serve", "--demo", "--listen", "127.0.0.1:0"]);
    assert!(code == 2 && err.contains("--demo refuses"), "{code} {err}");
    assert_eq!(on(&["migrate", "status"]).1, before.1);
}

/// What an operator runs on a new database, each to its good end.
async fn a_database_is_migrated_published_seeded_and_checked_by_commands(engine: Engine) {
    let Some(database) = Database::empty(engine).await else { return };
    let on = |arguments: &[&str]| {
        let (code, out, err) = finish(portal(arguments).args(["--data-dir", database.folder().to_str().expect("UTF-8"), "--database-url", &database.url()]));
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        out
    };
    on(&["migrate", "up"]);
    on(&["catalogue", "publish"]);
    // A hundred talents, and two cases for each.
    on(&["seed", "--scale", "0.0001"]);
    let out = on(&["check", "projections"]);
    assert_eq!(out, "200 cases compared, 0 differ\n");
    assert!(on(&["audit", "verify"]).contains("intact"));
}

/// Both engines, for tests that need no portal in this process.
macro_rules! on_both {
    ($($name:ident),+) => {
        mod databases {
            use talent_portal::db::Engine;
            $(mod $name {
                use super::Engine;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    super::super::$name(Engine::Sqlite).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    super::super::$name(Engine::Postgres).await;
                }
            })+
        }
    };
}
on_both!(an_empty_database_stays_empty, a_demo_that_is_refused_changes_nothing, a_database_is_migrated_published_seeded_and_checked_by_commands);

#[test]
fn an_address_in_use_is_told_before_anything_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let data = path(folder.path(), "data");
    let (code, out, err) = finish(&mut portal(&["serve", "--demo", "--listen", &address, "--data-dir", &data]));
    assert!(code == 2 && out.is_empty() && err.contains(&address) && err.contains("in use"), "{code} {err}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

async fn the_demo_prints_passwords_and_tokens_that_work_for_each_role(app: TestApp) {
    app.publish().await;
    let portal = app.portal();
    let lines = demo::fill(portal).await.unwrap();
    let again = demo::fill(portal).await.unwrap();
    let word = |line: &str, after: &str| line.split_whitespace().skip_while(|w| *w != after).nth(1).map(str::to_owned);
    let held = async |token: &str| {
        let viewer = app.graphql(Some(token), "{ viewer { secondFactorNeeded grants { role } } }", json!({})).await.ok();
        assert_eq!(viewer["viewer"]["secondFactorNeeded"], false);
        viewer["viewer"]["grants"].as_array().unwrap().iter().map(|r| r["role"].as_str().unwrap().parse::<Role>().unwrap()).collect::<Vec<_>>()
    };
    let mut roles = std::collections::BTreeSet::new();
    for login in demo::LOGINS {
        let line = lines.iter().find(|line| line.starts_with(&format!("{login} "))).unwrap_or_else(|| panic!("no line for {login}"));
        let (password, token) = (word(line, "password").expect("a password"), word(line, "token").expect("a token"));
        roles.extend(held(&token).await);
        let document = "mutation($l: String!, $p: String!) { signIn(input: { contact: $l, password: $p }) { result { ... on SessionPair { accessToken } } \
                        userErrors { code } } }";
        let signed_in = app.graphql(None, document, json!({ "l": login, "p": password })).await.ok();
        let own = signed_in["signIn"]["result"]["accessToken"].as_str().unwrap_or_else(|| panic!("{login}: {signed_in}"));
        let viewer = app.graphql(Some(own), "{ viewer { person { id } } }", json!({})).await.ok();
        assert!(viewer["viewer"]["person"]["id"].is_string(), "{login}: {viewer}");
        // A second start prints tokens anew.
        let later = again.iter().find(|line| line.starts_with(&format!("{login} "))).and_then(|line| word(line, "token")).expect("a token");
        assert!(later != token && word(&lines[0], "password").is_none());
        held(&later).await;
    }
    let staff: Vec<Role> = Role::ALL.iter().copied().filter(|role| role.is_staff()).collect();
    assert_eq!(staff.iter().filter(|role| !roles.contains(role)).collect::<Vec<_>>(), Vec::<&Role>::new());
}

/// Runs `more` once, from inside a call that is not async.
fn once(more: &mut Option<impl Future<Output = ()>>) {
    if let Some(more) = more.take() {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(more));
    }
}

async fn what_is_written_meanwhile_is_no_finding(app: TestApp) {
    let world = World::new(app).await;
    let (portal, talent) = (world.app.portal(), world.talent("talent").await);
    let process = ProcessId::new(&portal.env);
    let more = async || {
        world.case(&talent).await;
        while audit::seal_batch(portal, process).await.unwrap() != Some(0) {}
    };
    more().await;
    let Verdict::Intact { sealed, unsealed: 0, signed } = audit::verify(portal, |_| {}).await.unwrap() else { panic!("the trail is not intact") };
    let mut meanwhile = Some(more());
    assert_eq!(audit::verify(portal, |_| once(&mut meanwhile)).await.unwrap(), Verdict::Intact { sealed, unsealed: 0, signed });
    let Verdict::Intact { sealed: later, .. } = audit::verify(portal, |_| {}).await.unwrap() else { panic!("the trail is not intact") };
    assert!(later > sealed, "{later}");
    let mut meanwhile = Some(more());
    let report = check_projections(portal, |_| once(&mut meanwhile)).await.unwrap();
    assert_eq!((report.compared, report.different), (2, Vec::new()));
    assert_eq!(check_projections(portal, |_| {}).await.unwrap().compared, 3);
}

/// Signs somebody up; gives her access token.
async fn sign_up(app: &TestApp, contact: &str) -> String {
    let start = "mutation($c: String!) { startSignUp(input: { contact: $c }) { challenge { id } } }";
    let challenge = app.graphql(None, start, json!({ "c": contact })).await.ok()["startSignUp"]["challenge"]["id"].take();
    let complete = "mutation($i: CompleteSignUpInput!) { completeSignUp(input: $i) { session { accessToken } } }";
    let input = json!({ "challengeId": challenge, "code": app.code_for(contact).await, "password": "seven green herons at dusk", "nameZh": "陈大文" });
    let made = app.graphql(None, complete, json!({ "i": input })).await.ok();
    made["completeSignUp"]["session"]["accessToken"].as_str().expect("a token").to_owned()
}

async fn an_administrator_is_made_by_a_token_or_a_link_once(app: TestApp) {
    let folder = app.folder().to_str().expect("UTF-8").to_owned();
    talent_portal::app::keyring(&app.config(), &Env::system()).expect("a key file");
    let create = |role: &str| portal(&["admin", "create", "--role", role, "--data-dir", &folder, "--database-url", &app.database_url()]);
    let (code, out, err) = finish(&mut create("SYSTEM"));
    assert!(code == 0 && err.is_empty(), "{code} {err}");
    let token = out.trim_end().to_owned();
    assert!(token.len() >= 32 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");
    let (code, link, _) = finish(create("audit").env("PORTAL_FRONT_END_URL", "https://portal.example/app/"));
    assert_eq!(code, 0);
    let (page, second) = link.trim_end().split_once('#').expect("a link");
    assert_eq!((page, second.len()), ("https://portal.example/app/invitation", token.len()));
    let file = path(app.folder(), "portal.toml");
    fs::write(&file, "front_end_url = \"https://portal.example\"\n").expect("a file");
    let (_, link, _) = finish(create("security").args(["--config", &file]));
    assert!(link.starts_with("https://portal.example/invitation#"), "{link}");

    let people = [sign_up(&app, "one@example.com").await, sign_up(&app, "two@example.com").await];
    let accept = async |by: &str, token: &str| {
        let text = "mutation($i: AcceptInvitationInput!) { acceptInvitation(input: $i) { grant { role } userErrors { code } } }";
        app.graphql(Some(by), text, json!({ "i": { "token": token } })).await.ok()["acceptInvitation"].take()
    };
    let given = |role: &str| json!({ "grant": { "role": role }, "userErrors": [] });
    assert_eq!(accept(&people[0], &token).await, given("SYSTEM_ADMIN"));
    let used = json!({ "grant": null, "userErrors": [{ "code": "TOKEN_INVALID" }] });
    for by in &people {
        assert_eq!(accept(by, &token).await, used);
    }
    assert_eq!(accept(&people[1], second).await, given("AUDIT_ADMIN"));
    assert_eq!(accept(&people[0], second).await, used);
}

const CANARY: &str = "canary";
/// A stored operation, by its id.
const TODAY: &str = include_str!("../../schema/operations/sign-up/today.graphql");
const OWN_ID: &str = "0198a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b";

/// The lines of the log that tell a request.
fn answered(log: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
    lines.filter(|line| line["message"] == "answered").collect()
}

async fn each_request_is_one_line_without_a_word_of_the_client(app: TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&mut serve(&app, &folder.path().join("data")), folder.path().join("log"));
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer canary-token"),
        ("cookie", "__Host-portal-access=canary-cookie"),
        ("user-agent", "canary-agent"),
        ("x-request-id", OWN_ID),
        ("x-forwarded-for", "203.0.113.9"),
    ];
    let json = &headers[..1];
    let id = talent_portal::kernel::seal::sha256_hex(TODAY);
    let sign_up = "mutation canaryName($c: String!) { canaryAlias: startSignUp(input: { contact: $c }) { challenge { id } userErrors { code } } }";
    let post = "POST /graphql";
    let asked = [
        (post, json, json!({ "documentId": id }), "/graphql", Some("Today"), 200),
        (post, json, json!({ "query": TODAY, "operationName": "Today" }), "/graphql", Some("Today"), 200),
        (post, json, json!({ "query": "query canaryName { today }", "operationName": "canaryName" }), "/graphql", Some("query"), 200),
        (post, json, json!({ "query": sign_up, "variables": { "c": "canary@example.com" } }), "/graphql", Some("mutation"), 200),
        (post, json, json!({ "query": sign_up, "variables": { "c": ["canary"] } }), "/graphql", Some("mutation"), 200),
        (post, &headers[..], json!({ "query": "{ today }" }), "/graphql", Some("query"), 401),
        (post, json, json!({ "query": "{ canaryField" }), "/graphql", None, 200),
        ("GET /graphql?query=%7Btoday%7D&operationName=canary&variables=%7B%22c%22%3A%22canary%22%7D", &[], Value::Null, "/graphql", None, 200),
        ("GET /files/canary-token", &headers[..], Value::Null, "/files/{token}", None, 404),
        ("PUT /uploads/canary-token", &headers[..], json!("canary"), "/uploads/{token}", None, 404),
        ("CANARY /canary/path?canary", &headers[..], Value::Null, "none", None, 404),
        ("GET /healthz", &[], Value::Null, "/healthz", None, 200),
    ];
    let mut ids = Vec::new();
    for (head, headers, body, _, _, status) in &asked {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (answer, headers) = server.send(head, headers, &body);
        assert_eq!(answer, *status, "{head} {body}");
        let id = headers["x-request-id"].clone();
        assert!(uuid::Uuid::try_parse(&id).is_ok() && id != OWN_ID, "{id}");
        ids.push(id);
    }
    let log = server.stop();
    assert!(!log.to_ascii_lowercase().contains(CANARY), "{log}");
    let lines = answered(&log);
    assert_eq!(lines.len(), asked.len(), "{log}");
    for ((line, id), (head, _, _, route, operation, status)) in lines.iter().zip(&ids).zip(&asked) {
        let method = head.split(' ').next().filter(|method| *method != "CANARY").unwrap_or("OTHER");
        let expected = json!({ "level": "INFO", "request.id": id, "method": method, "route": route, "status": status });
        for (key, value) in expected.as_object().expect("an object") {
            assert_eq!(&line[key], value, "{key}: {line}");
        }
        assert_eq!(line["operation"].as_str(), *operation, "{line}");
        assert!(line["duration.ms"].as_f64().is_some_and(|ms| (0.0..60_000.0).contains(&ms)), "{line}");
        let told = line.to_string();
        assert!(!told.contains("127.0.0.1") && !told.contains("203.0.113.9"), "{told}");
    }
}

async fn a_proxy_that_is_believed_gives_the_id(app: TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = serve(&app, &folder.path().join("data"));
    command.env("PORTAL_TRUSTED_PROXIES", "127.0.0.1").env("PORTAL_LOG_ADDRESSES", "true");
    let server = Server::start(&mut command, folder.path().join("log"));
    for (given, kept) in [(OWN_ID, true), ("canary", false)] {
        let (_, headers) = server.send("GET /healthz", &[("x-request-id", given), ("x-forwarded-for", "203.0.113.9")], "");
        assert_eq!(headers["x-request-id"] == given, kept, "{headers:?}");
    }
    let log = server.stop();
    let lines = answered(&log);
    assert_eq!((lines.len(), &lines[0]["request.id"], &lines[0]["address"]), (2, &json!(OWN_ID), &json!("203.0.113.9")));
    assert!(!log.contains(CANARY), "{log}");
}

async fn a_log_of_text_names_the_request_and_nothing_personal(app: TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = serve(&app, &folder.path().join("data"));
    command.env("PORTAL_LOG_FORMAT", "text").env("PORTAL_LOG_FILTER", "debug");
    let server = Server::start(&mut command, folder.path().join("log"));
    let json = [("content-type", "application/json"), ("user-agent", "canary-agent"), ("cookie", "a=canary")];
    let sign_up = "mutation canaryName($c: String!) { startSignUp(input: { contact: $c }) { challenge { id } } }";
    let sign_in = "mutation { signIn(input: { contact: \"canary@example.com\", password: \"canary canary canary\" }) { userErrors { code } } }";
    let mut ids = Vec::new();
    for (head, body, status) in [
        ("POST /graphql", json!({ "query": sign_up, "variables": { "c": "canary@example.com" } }).to_string(), 200),
        ("POST /graphql", json!({ "query": sign_in }).to_string(), 200),
        ("GET /files/canary-token?canary", String::new(), 404),
    ] {
        let (answer, headers) = server.send(head, &json, &body);
        assert_eq!(answer, status, "{head} {body}");
        ids.push(headers["x-request-id"].clone());
    }
    let log = server.stop();
    assert!(!log.to_ascii_lowercase().contains(CANARY), "{log}");
    // The address that it listens on is told; no client's is.
    let answered = log.lines().filter(|line| line.contains("answered")).collect::<Vec<_>>();
    assert!(answered.len() == 3 && answered.iter().all(|line| !line.contains("127.0.0.1")), "{log}");
    for id in ids {
        let told: Vec<_> = log.lines().filter(|line| line.contains("answered") && line.contains(&format!("request.id={id}"))).collect();
        assert!(told.len() == 1 && told[0].contains(" INFO ") && told[0].contains("status="), "{id}: {log}");
    }
}

async fn each_operation_on_a_socket_is_one_line_without_a_word_of_the_client(app: TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&mut serve(&app, &folder.path().join("data")), folder.path().join("log"));
    let headers = [("sec-websocket-protocol", "graphql-transport-ws"), ("x-request-id", OWN_ID), ("user-agent", "canary-agent")];
    let mut socket = connect_to(server.address, &headers).await.expect("a socket");
    say(&mut socket, &json!({ "type": "connection_init", "payload": { "canary": "canary" } })).await;
    assert_eq!(hear(&mut socket).await["type"], "connection_ack");
    let id = talent_portal::kernel::seal::sha256_hex(TODAY);
    let sign_up = "mutation canaryName($c: String!) { canaryAlias: startSignUp(input: { contact: $c }) { challenge { id } userErrors { code } } }";
    let refused = "subscription canaryName { canary: applicationChanged(id: \"canary\") { refetch } }";
    let asked = [
        (json!({ "documentId": id }), Some("Today"), "complete"),
        (json!({ "query": TODAY, "operationName": "Today" }), Some("Today"), "complete"),
        (json!({ "query": "query canaryName { today }", "operationName": "canaryName" }), Some("query"), "complete"),
        (json!({ "query": sign_up, "variables": { "c": "canary@example.com" } }), Some("mutation"), "complete"),
        (json!({ "query": refused }), Some("subscription"), "error"),
        (json!({ "query": "{ canaryField }" }), Some("query"), "error"),
        (json!({ "query": "{ canaryField" }), None, "error"),
    ];
    for (payload, _, outcome) in &asked {
        say(&mut socket, &json!({ "id": "canary", "type": "subscribe", "payload": payload })).await;
        while hear(&mut socket).await["type"] != *outcome {}
        // The line is written before the place is free for the next one of this id.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = server.stop();
    assert_eq!(closed(socket).await, 1012, "whoever is connected is told to come back");
    assert!(!log.to_ascii_lowercase().contains(CANARY), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let opened = lines.iter().find(|line| line["message"] == "answered" && line["route"] == "/graphql/ws").expect("the line of the upgrade");
    let ended: Vec<_> = lines.iter().filter(|line| line["message"] == "operation ended").collect();
    assert_eq!(ended.len(), asked.len(), "{log}");
    for (line, (payload, operation, outcome)) in ended.iter().zip(&asked) {
        assert_eq!((line["operation"].as_str(), line["outcome"].as_str()), (*operation, Some(*outcome)), "{payload}: {line}");
        assert_eq!((&line["level"], &line["request.id"], &line["route"]), (&json!("INFO"), &opened["request.id"], &json!("/graphql/ws")));
        assert!(line["duration.ms"].as_f64().is_some_and(|ms| (0.0..60_000.0).contains(&ms)) && line["request.id"] != OWN_ID, "{line}");
    }
}

async fn metrics_count_requests_by_route(app: TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&mut serve(&app, &folder.path().join("data")), folder.path().join("log"));
    let json = [("content-type", "application/json"), ("user-agent", "canary-agent"), ("x-forwarded-for", "203.0.113.9")];
    let sign_up = "mutation canaryName($c: String!) { startSignUp(input: { contact: $c }) { challenge { id } } }";
    for (head, body, times) in [
        ("GET /healthz", String::new(), 3),
        ("POST /graphql", json!({ "query": sign_up, "variables": { "c": "canary@example.com" } }).to_string(), 2),
        ("POST /graphql?canary", "{".to_owned(), 1),
        ("GET /files/canary-token", String::new(), 2),
        ("GET /canary/path?canary", String::new(), 4),
    ] {
        for _ in 0..times {
            server.send(head, &json, &body);
        }
    }
    let (status, headers, text) = server.fetch("GET /metrics", &[], "");
    assert!(status == 200 && headers["content-type"].starts_with("text/plain; version=0.0.4"), "{status} {headers:?}");
    let mut counted: Vec<_> = text.lines().filter(|line| line.starts_with("portal_http_requests_total{")).collect();
    counted.sort_unstable();
    let expected = [
        r#"{route="/files/{token}",status="404"} 2"#,
        r#"{route="/graphql",status="200"} 2"#,
        r#"{route="/graphql",status="400"} 1"#,
        r#"{route="/healthz",status="200"} 3"#,
        r#"{route="none",status="404"} 4"#,
    ];
    assert_eq!(counted, expected.map(|line| format!("portal_http_requests_total{line}")), "{text}");
    // Nobody is in it: no label but these two, and no word of a client.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let labels = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map(|(labels, _)| labels).unwrap_or_default();
        assert!(labels.split("\",").all(|label| ["", "route", "status"].contains(&label.split('=').next().unwrap_or_default())), "{line}");
    }
    assert!(!text.contains(CANARY) && !text.contains("203.0.113.9") && !text.contains("127.0.0.1"), "{text}");
}

async fn a_weaker_hash_than_is_advised_is_told_at_the_start(app: TestApp) {
    let folder = tempfile::tempdir().expect("a folder");
    for (memory, passes, told) in [("19456", "2", 0), ("19455", "2", 1), ("19456", "1", 1)] {
        let mut command = serve(&app, &folder.path().join("data"));
        command.env("PORTAL_ARGON2_MEMORY_KIB", memory).env("PORTAL_ARGON2_PASSES", passes);
        let log = Server::start(&mut command, folder.path().join("log")).stop();
        let warned = log.lines().filter(|line| line.contains("WARN") && line.contains("hashed more weakly") && line.contains(memory)).count();
        assert_eq!(warned, told, "{memory} {passes}: {log}");
    }
}

#[test]
fn a_key_file_that_others_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = path(folder.path(), "data");
    assert_eq!(finish(portal(&["migrate", "up", "--data-dir"]).arg(&data)).0, 0);
    let file = folder.path().join("data/portal.keys");
    for (mode, refused) in [(0o640, true), (0o604, true), (0o600, false)] {
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("a mode");
        let (code, _, err) = finish(portal(&["audit", "verify", "--data-dir"]).arg(&data));
        assert_eq!((code, err.contains("its mode must be 0600")), if refused { (2, true) } else { (0, false) }, "{mode:o}: {err}");
    }
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("a mode");
    let (code, out, err) = finish(portal(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data));
    assert!(code == 2 && out.is_empty() && err.contains("its mode must be 0600"), "{code} {err}");
}

/// Without the role that may change the schema `serve` looks, refuses and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_refuses_a_stale_postgres() {
    let Some(database) = Database::empty(Engine::Postgres).await else { return };
    let on = |arguments: &[&str]| {
        let folder = database.folder().to_str().expect("UTF-8");
        finish(portal(arguments).args(["--data-dir", folder, "--database-url", &database.url()]))
    };
    let refused = || {
        let (code, out, err) = on(&["serve", "--listen", "127.0.0.1:0"]);
        assert!(code == 2 && out.is_empty() && err.contains("migrations are pending") && err.contains("migration_database_url"), "{code} {out} {err}");
    };
    refused();
    assert_eq!(tables(Engine::Postgres, &database).await, Vec::<String>::new());
    assert_eq!(on(&["migrate", "up"]).0, 0);
    assert_eq!(on(&["migrate", "down"]).0, 0);
    let before = tables(Engine::Postgres, &database).await;
    refused();
    assert_eq!(tables(Engine::Postgres, &database).await, before);
    // With that role it migrates, and serves.
    let folder = database.folder();
    let mut command = portal(&["serve", "--listen", "127.0.0.1:0", "--database-url", &database.url(), "--data-dir", folder.to_str().expect("UTF-8")]);
    command.env("PORTAL_MIGRATION_DATABASE_URL", database.url());
    let server = Server::start(&mut command, folder.join("log"));
    assert_eq!(server.send("GET /readyz", &[], "").0, 200);
    server.stop();
    assert_eq!(on(&["migrate", "status"]).1, "data: 0 pending\nkeys: 0 pending\n");
}

/// The role that serves may read and write rows, and change nothing of the schema.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_for_rows_serves_what_the_owner_migrated() {
    let Some(database) = Database::empty(Engine::Postgres).await else { return };
    let role = format!("rows_{}", std::process::id());
    let owner = Db::connect(&database.options(1)).await.expect("a connection");
    for statement in [
        format!("DROP ROLE IF EXISTS {role}"),
        format!("CREATE ROLE {role} LOGIN"),
        format!("ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {role}"),
        format!("ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"),
        format!("ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO {role}"),
    ] {
        owner.writer().execute_unprepared(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let rows = database.url().replacen("portal@", &format!("{role}@"), 1);
    let folder = database.folder();
    let mut command = portal(&["serve", "--listen", "127.0.0.1:0", "--database-url", &rows, "--data-dir", folder.to_str().expect("UTF-8")]);
    command.env("PORTAL_MIGRATION_DATABASE_URL", database.url());
    let server = Server::start(&mut command, folder.join("log"));
    let query = "mutation { startSignUp(input: { contact: \"one@example.com\" }) { challenge { id } userErrors { code } } }";
    let json = [("content-type", "application/json")];
    let (status, _, answer) = server.fetch("POST /graphql", &json, &json!({ "query": query }).to_string());
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert!(status == 200 && answer["data"]["startSignUp"]["challenge"]["id"].is_string(), "{status} {answer}");
    server.stop();
    let mut options = database.options(1);
    options.url = rows;
    let served = Db::connect(&options).await.expect("a connection");
    for change in ["ALTER TABLE trail ADD COLUMN more TEXT", "DROP TABLE trail", "ALTER TABLE trail DISABLE TRIGGER ALL"] {
        let error = served.writer().execute_unprepared(change).await.expect_err(change).to_string();
        assert!(error.contains("must be owner"), "{change}: {error}");
    }
    assert!(served.writer().execute_unprepared("UPDATE trail SET action = 'CHANGED'").await.is_err(), "the trail is append-only");
    served.close().await.expect("closed");
    owner.writer().execute_unprepared(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.expect("a role that is gone");
    owner.close().await.expect("closed");
}

/// On PostgreSQL several processes may serve, and what one writes to a folder of its own the others do not find.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_needs_a_shared_folder() {
    let Some(app) = TestApp::start(Engine::Postgres, crate::support::Pool::Product).await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let command = |name: &str, shared: bool| {
        let mut command = serve(&app, &folder.path().join(name));
        command.env("PORTAL_SHARED_FILES", shared.to_string());
        command
    };
    let log = |name: &str| folder.path().join(format!("{name}.log"));
    let alone = Server::start(&mut command("a", false), log("a"));
    for shared in [false, true] {
        let (code, out, err) = finish(&mut command("b", shared));
        assert!(code == 2 && out.is_empty() && err.contains("shared_files"), "{code} {err}");
        assert!(!folder.path().join("b").exists());
    }
    alone.stop();
    let first = Server::start(&mut command("a", true), log("a"));
    // The key file is the first one's, as it has to be.
    fs::create_dir(folder.path().join("c")).expect("a folder");
    fs::copy(folder.path().join("a/portal.keys"), folder.path().join("c/portal.keys")).expect("a copy");
    let second = Server::start(&mut command("c", true), log("c"));
    assert_eq!(finish(&mut command("b", false)).0, 2);
    assert_eq!((first.send("GET /readyz", &[], "").0, second.send("GET /readyz", &[], "").0), (200, 200));
}
