//! Files in an S3-compatible store: a real server, named by `PORTAL_TEST_S3` (`.ci/s3` starts one).

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use talent_portal::app;
use talent_portal::config::{Bucket, Config};
use talent_portal::kernel::hex;
use talent_portal::kernel::ids::{DocumentVersionId, TypedId as _};
use talent_portal::material::adapter::s3_store;
use talent_portal::material::service::{self, files, sweep};
use talent_portal::portal::Portal;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::commands::{Server, finish, portal as command};
use crate::support::{TestApp, both_engines, token_of_somebody};

both_engines!(
    a_file_goes_to_the_store_in_pieces_and_comes_back,
    a_changed_byte_in_the_store_is_found_at_reading,
    an_object_that_no_row_names_is_swept_and_the_others_stay,
    a_store_that_goes_away_loses_nothing_that_was_answered,
    credentials_that_are_refused_are_a_component_that_does_not_answer,
);

/// Where the server is.
struct S3 {
    endpoint: String,
    bucket: String,
    access_key: String,
    secret: String,
}

impl S3 {
    /// The server that the environment names; `None`, and said so, where it names none.
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
    fn get() -> Option<Self> {
        let Ok(told) = std::env::var("PORTAL_TEST_S3") else {
            assert!(std::env::var("PORTAL_TEST_REQUIRE_S3").is_err(), "PORTAL_TEST_REQUIRE_S3 is set, and PORTAL_TEST_S3 names no server: `.ci/s3` starts one");
            // Past the test runner, which keeps to itself what a test prints.
            let _ =
                std::io::stderr().write_all(b"\nPORTAL_TEST_S3 names no server, so this test of the S3-compatible store is skipped; `.ci/run s3` runs it.\n");
            return None;
        };
        let parts: Vec<_> = told.split(' ').map(str::to_owned).collect();
        let [endpoint, bucket, access_key, secret] = parts.try_into().expect("PORTAL_TEST_S3: ADDRESS BUCKET ACCESS_KEY SECRET");
        Some(Self { endpoint, bucket, access_key, secret })
    }

    /// The store below a prefix, as the portal sees it.
    fn store(&self, prefix: &str) -> Arc<dyn ObjectStore> {
        s3_store(&self.bucket, prefix, Some(&self.endpoint), "us-east-1", (&self.access_key, &self.secret)).unwrap()
    }

    /// The secret in a file as the portal takes it.
    fn secret_file(folder: &Path, secret: &str) -> std::path::PathBuf {
        let file = folder.join("files.secret");
        std::fs::write(&file, format!("{secret}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }
}

/// A portal whose files lie in the store, below a prefix of its own.
struct World<'a> {
    app: &'a TestApp,
    portal: Portal,
    router: Router,
    store: Arc<dyn ObjectStore>,
    token: String,
}

impl<'a> World<'a> {
    async fn new(app: &'a TestApp, s3: &S3, endpoint: &str, secret: &str) -> Self {
        let prefix = format!("test/{}", uuid::Builder::from_random_bytes(rand::random()).into_uuid().simple());
        let bucket = Bucket {
            name: s3.bucket.clone(),
            prefix: prefix.clone(),
            endpoint: Some(endpoint.to_owned()),
            region: "us-east-1".into(),
            access_key: s3.access_key.clone(),
            secret_file: S3::secret_file(app.folder(), secret),
        };
        let config = Config { files: Some(bucket), ..app.config() };
        let base = app.portal().clone();
        let portal = Portal::new(base.db, base.env, base.keyring, base.settings, app::parts(&config).unwrap());
        let router = app::router(&portal, &config, None, CancellationToken::new());
        let token = token_of_somebody(&portal).await;
        Self { app, portal, router, store: s3.store(&prefix), token }
    }

    /// Status, `Upload-Offset` and body of an answer.
    async fn http(&self, method: &str, path: &str, range: Option<String>, body: &[u8]) -> (u16, Option<u64>, Bytes) {
        let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", self.token));
        request = request.header("content-length", body.len());
        if let Some(range) = range {
            request = request.header("content-range", range);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_vec())).unwrap()).await.unwrap();
        let offset = response.headers().get("upload-offset").map(|v| v.to_str().unwrap().parse().unwrap());
        let status = response.status().as_u16();
        // A body that breaks off is told by being shorter.
        (status, offset, response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default())
    }

    async fn graphql(&self, document: &str, input: Value) -> Value {
        let body = json!({ "query": document, "variables": { "i": input } }).to_string();
        let request = Request::post("/graphql").header("content-type", "application/json").header("authorization", format!("Bearer {}", self.token));
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    /// The path to which a file is sent.
    async fn declare(&self, file: &[u8]) -> String {
        let document = "mutation($i: CreateUploadInput!) { createUpload(input: $i) { upload { url } userErrors { code } } }";
        let input = json!({ "documentKind": "PASSPORT", "size": file.len(), "mediaType": "application/pdf", "sha256": hex::encode(&Sha256::digest(file)) });
        let answer = self.graphql(document, input).await;
        answer["data"]["createUpload"]["upload"]["url"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Sends a file at once; gives the id of its version.
    async fn sent(&self, file: &[u8]) -> String {
        let (status, _, answer) = self.http("PUT", &self.declare(file).await, None, file).await;
        assert_eq!(status, 201, "{answer:?}");
        version_of(&answer)
    }

    async fn download(&self, version: &str) -> (u16, Bytes) {
        let document = "mutation($i: CreateDownloadInput!) { createDownload(input: $i) { download { url } userErrors { code } } }";
        let answer = self.graphql(document, json!({ "documentVersionId": version })).await;
        let path = answer["data"]["createDownload"]["download"]["url"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let (status, _, bytes) = self.http("GET", &path, None, &[]).await;
        (status, bytes)
    }

    async fn objects(&self) -> Vec<object_store::path::Path> {
        self.store.list(None).map(|found| found.unwrap().location).collect().await
    }
}

fn version_of(answer: &[u8]) -> String {
    serde_json::from_slice::<Value>(answer).unwrap()["documentVersionId"].as_str().unwrap().to_owned()
}

fn code_of(answer: &[u8]) -> String {
    serde_json::from_slice::<Value>(answer).unwrap()["code"].as_str().unwrap().to_owned()
}

/// A PDF of about this many bytes.
fn pdf(size: usize) -> Vec<u8> {
    [b"%PDF-1.7\n".to_vec(), b"canary-".iter().copied().cycle().take(size).collect(), b"\n%%EOF\n".to_vec()].concat()
}

#[expect(clippy::unnecessary_wraps, reason = "a whole file has no range")]
fn range(first: usize, end: usize, total: usize) -> Option<String> {
    Some(format!("bytes {first}-{}/{total}", end - 1))
}

async fn a_file_goes_to_the_store_in_pieces_and_comes_back(app: TestApp) {
    let Some(s3) = S3::get() else { return };
    let world = World::new(&app, &s3, &s3.endpoint, &s3.secret).await;
    // Each piece and the whole are larger than the part of 5 MiB that the store takes at least.
    let (file, half) = (pdf(13_000_000), 6_500_000);
    let path = world.declare(&file).await;
    let (status, offset, _) = world.http("PUT", &path, range(0, half, file.len()), &file[..half]).await;
    assert_eq!((status, offset), (202, Some(half as u64)));
    assert_eq!(world.http("HEAD", &path, None, &[]).await.1, Some(half as u64));
    let (status, _, answer) = world.http("PUT", &path, range(half, file.len(), file.len()), &file[half..]).await;
    assert_eq!(status, 201, "{answer:?}");
    let objects = world.objects().await;
    assert_eq!(objects.len(), 1, "the pieces are joined and gone");
    let raw = world.store.get(&objects[0]).await.unwrap().bytes().await.unwrap();
    assert!(raw.len() > file.len() && !raw.windows(7).any(|w| w == b"canary-"));
    let (status, read) = world.download(&version_of(&answer)).await;
    assert_eq!(status, 200);
    assert!(read == file);
    assert!(!app.folder().join("files").read_dir().is_ok_and(|mut folder| folder.next().is_some()), "nothing lies in the local folder");
}

async fn a_changed_byte_in_the_store_is_found_at_reading(app: TestApp) {
    let Some(s3) = S3::get() else { return };
    let world = World::new(&app, &s3, &s3.endpoint, &s3.secret).await;
    let version = world.sent(&pdf(200_000)).await;
    assert_eq!(world.download(&version).await.0, 200);
    let object = world.objects().await.remove(0);
    let mut raw = world.store.get(&object).await.unwrap().bytes().await.unwrap().to_vec();
    raw[150_000] ^= 1;
    world.store.put(&object, raw.into()).await.unwrap();
    let (status, answer) = world.download(&version).await;
    assert_eq!((status, code_of(&answer).as_str()), (500, "INTERNAL"));
    world.store.delete(&object).await.unwrap();
    assert_eq!(world.download(&version).await.0, 500);
}

async fn an_object_that_no_row_names_is_swept_and_the_others_stay(app: TestApp) {
    let Some(s3) = S3::get() else { return };
    let world = World::new(&app, &s3, &s3.endpoint, &s3.secret).await;
    let (kept, lost) = (pdf(100), pdf(6_000_000));
    let version = world.sent(&kept).await;
    let id = DocumentVersionId::parse_global(&version).unwrap();
    let row = service::versions_by_ids(world.portal.db.read(), &[id]).await.unwrap().remove(0);
    let txn = world.portal.db.begin_write().await.unwrap();
    service::attach(&txn, &world.portal, &[row.owner], &[id], "input").await.unwrap();
    world.portal.commit(txn).await.unwrap();
    let orphan = files::path(world.portal.env.uuid());
    world.store.put(&orphan, lost.into()).await.unwrap();
    assert_eq!((sweep::sweep(&world.portal).await.unwrap().objects, world.objects().await.len()), (0, 2));
    // Objects are dated by the store, whose clock is the machine's.
    world.app.set_time(chrono::DateTime::from_timestamp(4_102_444_800, 0).unwrap());
    assert_eq!(sweep::sweep(&world.portal).await.unwrap().objects, 1);
    assert_eq!(world.objects().await, [files::path(row.object)]);
}

/// A way to the server that can be cut.
struct Way {
    endpoint: String,
    open: Arc<AtomicBool>,
}

impl Way {
    async fn to(s3: &S3) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self { endpoint: format!("http://{}", listener.local_addr().unwrap()), open: Arc::new(AtomicBool::new(true)) };
        let (open, server) = (Arc::clone(&way.open), s3.endpoint.trim_start_matches("http://").to_owned());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (open, server) = (Arc::clone(&open), server.clone());
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(server).await else { return };
                    let cut = async {
                        while open.load(Ordering::SeqCst) {
                            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                        }
                    };
                    tokio::select! { _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}, () = cut => {} }
                });
            }
        });
        way
    }

    /// Cuts every connection and lets none through, or lets them through again.
    async fn set(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn a_store_that_goes_away_loses_nothing_that_was_answered(app: TestApp) {
    let Some(s3) = S3::get() else { return };
    let way = Way::to(&s3).await;
    let world = World::new(&app, &s3, &way.endpoint, &s3.secret).await;
    let earlier = world.sent(&pdf(1000)).await;
    let file = pdf(9_000_000);
    let (path, third) = (world.declare(&file).await, 3_000_000);
    assert_eq!(world.http("PUT", &path, range(0, third, file.len()), &file[..third]).await.0, 202);
    way.set(false).await;
    let begun = std::time::Instant::now();
    let (status, _, answer) = world.http("PUT", &path, range(third, file.len(), file.len()), &file[third..]).await;
    assert_eq!((status, code_of(&answer).as_str()), (503, "UNAVAILABLE"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    let (status, answer) = world.download(&earlier).await;
    assert_eq!((status, code_of(&answer).as_str()), (503, "UNAVAILABLE"));
    // How far it has come is known without the store, and a second try of the same bytes ends it.
    let (status, offset, _) = world.http("HEAD", &path, None, &[]).await;
    assert_eq!((status, offset), (200, Some(third as u64)));
    way.set(true).await;
    let (status, _, answer) = world.http("PUT", &path, range(third, file.len(), file.len()), &file[third..]).await;
    assert_eq!(status, 201, "{answer:?}");
    assert!(world.download(&version_of(&answer)).await.1 == file);
    assert_eq!(world.download(&earlier).await, (200, pdf(1000).into()));
}

async fn credentials_that_are_refused_are_a_component_that_does_not_answer(app: TestApp) {
    let Some(s3) = S3::get() else { return };
    let world = World::new(&app, &s3, &s3.endpoint, "canary-of-a-secret").await;
    let file = pdf(1000);
    let path = world.declare(&file).await;
    let (status, _, answer) = world.http("PUT", &path, None, &file).await;
    assert_eq!((status, code_of(&answer).as_str()), (503, "UNAVAILABLE"));
    assert_eq!(world.http("HEAD", &path, None, &[]).await.1, Some(0));
    assert_eq!(world.objects().await.len(), 0);
}

/// The binary with its files in the store.
fn serve(folder: &Path, s3: &S3, endpoint: &str, secret: &str) -> std::process::Command {
    let data = folder.join("data");
    let mut command = command(&["serve", "--demo", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()]);
    command
        .env("PORTAL_LOG_FORMAT", "json")
        .env("PORTAL_FILES_URL", format!("s3://{}/binary", s3.bucket))
        .env("PORTAL_FILES_ENDPOINT", endpoint)
        .env("PORTAL_FILES_ACCESS_KEY", &s3.access_key)
        .env("PORTAL_FILES_SECRET_FILE", S3::secret_file(folder, secret));
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_used_is_told_at_the_start_and_its_secret_never() {
    let Some(s3) = S3::get() else { return };
    let folder = tempfile::tempdir().unwrap();
    // A port on which nobody listens, and then a secret that does not fit.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (endpoint, secret, sign) in
        [(format!("http://{closed}"), s3.secret.as_str(), "binary"), (s3.endpoint.clone(), "canary-of-a-secret", "SignatureDoesNotMatch")]
    {
        let (code, out, err) = finish(&mut serve(folder.path(), &s3, &endpoint, secret));
        assert!(code == 2 && out.is_empty() && err.contains("the store of files (bucket portal-files) cannot be used") && err.contains(sign), "{code} {err}");
        assert!(!err.contains(secret), "{err}");
        assert!(!folder.path().join("data").exists());
    }
    std::fs::set_permissions(S3::secret_file(folder.path(), "x"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut readable = serve(folder.path(), &s3, &s3.endpoint, &s3.secret);
    std::fs::set_permissions(folder.path().join("files.secret"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, err) = finish(&mut readable);
    assert!(code == 2 && err.contains("may be read by others"), "{code} {err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_that_the_store_went_away_and_no_secret() {
    let Some(s3) = S3::get() else { return };
    let folder = tempfile::tempdir().unwrap();
    let way = Way::to(&s3).await;
    let mut command = serve(folder.path(), &s3, &way.endpoint, &s3.secret);
    let log = folder.path().join("log");
    let server = tokio::task::spawn_blocking(move || Server::start(&mut command, log)).await.unwrap();
    let token = server.before.lines().find_map(|line| line.split_once(" token ")).map(|(_, token)| token.trim().to_owned()).unwrap();
    let (address, client) = (format!("http://{}", server.address), reqwest::Client::new());
    let file = pdf(1000);
    let document = "mutation($i: CreateUploadInput!) { createUpload(input: $i) { upload { url } } }";
    let input = json!({ "documentKind": "PASSPORT", "size": file.len(), "mediaType": "application/pdf", "sha256": hex::encode(&Sha256::digest(&file)) });
    let asked = client.post(format!("{address}/graphql")).bearer_auth(&token).header("content-type", "application/json");
    let answer = asked.body(json!({ "query": document, "variables": { "i": input } }).to_string()).send().await.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let path = answer["data"]["createUpload"]["upload"]["url"].as_str().unwrap_or_else(|| panic!("{answer}"));
    way.set(false).await;
    let put = async || client.put(format!("{address}{path}")).bearer_auth(&token).body(file.clone()).send().await.unwrap().status().as_u16();
    assert_eq!(put().await, 503);
    way.set(true).await;
    assert_eq!(put().await, 201);
    let log = tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    assert!(log.contains("a component does not answer"), "{log}");
    assert!(!log.contains(&s3.secret) && !log.contains(&token), "{log}");
    assert!(!folder.path().join("data/files").exists());
}
