//! Documents: declared, sent in pieces, judged, kept sealed, read by token, scanned, swept.

use std::sync::Arc;

use bytes::Bytes;
use chrono::Duration;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use talent_portal::kernel::actor::{Actor, Grant, Member, Scope};
use talent_portal::kernel::fault::{Fault, Refused};
use talent_portal::kernel::hex;
use talent_portal::kernel::ids::{AccountId, PersonId, SessionId, TypedId as _};
use talent_portal::kernel::page::PageRequest;
use talent_portal::kernel::rejection::Code;
use talent_portal::kernel::role::{Assurance, Role};
use talent_portal::material::model::document::{DocumentVersion, ScanState};
use talent_portal::material::model::range::ContentRange;
use talent_portal::material::model::scan::{Scanner, Scanning, Verdict};
use talent_portal::material::model::upload::CreateUpload;
use talent_portal::material::service::download::Previews;
use talent_portal::material::service::upload::{NotReceived, Received, Standing};
use talent_portal::material::service::{self, Holders, download, files, scan, sweep, upload};
use talent_portal::person;
use talent_portal::person::model::dealing::AttendanceKind;
use talent_portal::person::model::profile::NewPerson;
use talent_portal::person::service::dealing::{Dealings, attend};
use talent_portal::portal::{Parts, Portal};
use uuid::Uuid;

use crate::support::{TestApp, both_engines, token_of_somebody};

both_engines!(
    a_file_sent_at_once_becomes_a_version_and_is_read_back,
    a_kind_that_no_item_asks_for_is_refused_and_not_written_down,
    an_interrupted_file_goes_on_where_it_stands,
    what_is_refused_leaves_nothing,
    a_document_is_its_owners_only,
    an_officer_sends_for_a_walk_in,
    a_new_version_leaves_the_old_one_as_it_was,
    a_changed_byte_is_found_at_reading,
    an_infected_file_is_neither_read_nor_handed_in,
    what_was_never_handed_in_is_swept_after_a_day,
    two_requests_that_finish_one_upload_make_one_version,
    files_travel_over_http_with_stable_codes,
    heic_and_ofd_are_known_by_their_bytes_over_http,
    a_preview_is_small_upright_and_nothing_but_points,
    a_picture_that_promises_too_many_points_has_no_preview,
    a_preview_waits_for_the_scanner_like_the_original,
    each_no_about_a_file_has_code_message_and_language,
    pieces_of_a_file_and_versions_of_a_document_are_counted,
);

/// A scanner that finds the word EICAR.
#[derive(Debug)]
struct FindsEicar;

impl Scanner for FindsEicar {
    fn scan<'a>(&'a self, file: BoxStream<'a, Result<Bytes, anyhow::Error>>) -> BoxFuture<'a, Result<Verdict, anyhow::Error>> {
        async move {
            let all = file.map(Result::unwrap).collect::<Vec<_>>().await.concat();
            Ok(if all.windows(5).any(|w| w == b"EICAR") { Verdict::Infected } else { Verdict::Clean })
        }
        .boxed()
    }
}

struct World {
    portal: Portal,
    store: Arc<dyn ObjectStore>,
}

fn world(app: &TestApp, scanner: Option<Arc<dyn Scanner>>) -> World {
    let base = app.portal().clone();
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let parts = Parts::default()
        .with(person::service::keys::KeyCache::default())
        .with(Dealings::default())
        .with(Arc::clone(&store))
        .with(Scanning(scanner))
        .with(Previews::default())
        .with(Holders::default());
    World { portal: Portal::new(base.db, base.env, base.keyring, base.settings, parts), store }
}

impl World {
    async fn person(&self, roles: &[Role]) -> Actor {
        let id = PersonId::new(&self.portal.env);
        let txn = self.portal.db.begin_write().await.unwrap();
        person::service::new_person(&txn, &self.portal, id, NewPerson::default()).await.unwrap();
        self.portal.commit(txn).await.unwrap();
        let grants = roles.iter().map(|&role| Grant { role, scope: Scope::Portal }).collect();
        let (account, session) = (AccountId(Uuid::nil()), SessionId(Uuid::nil()));
        Actor { member: Some(Member { person: id, account, session, assurance: Assurance::L2, second_factor: true, grants }), request_id: "test".into() }
    }

    async fn objects(&self) -> usize {
        self.store.list(None).count().await
    }

    async fn declare(&self, actor: &Actor, file: &[u8]) -> String {
        upload::create_upload(&self.portal, actor, command(file)).await.unwrap().token
    }

    async fn put(&self, actor: &Actor, token: &str, range: Option<ContentRange>, file: &[u8]) -> Result<Received, NotReceived> {
        upload::receive(&self.portal, actor, token, range, Some(file.len() as u64), body(file)).await
    }

    async fn sent(&self, actor: &Actor, file: &[u8]) -> DocumentVersion {
        let token = self.declare(actor, file).await;
        version(self.put(actor, &token, None, file).await)
    }

    async fn read(&self, actor: &Actor, token: &str) -> Result<Vec<u8>, Refused> {
        let (_, bytes) = download::open(&self.portal, actor, token).await?;
        Ok(bytes.map(Result::unwrap).collect::<Vec<_>>().await.concat())
    }
}

fn body(file: &[u8]) -> BoxStream<'static, Result<Bytes, std::io::Error>> {
    let pieces: Vec<_> = file.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

/// A PDF of about this many bytes.
fn pdf(size: usize) -> Vec<u8> {
    let filler: Vec<u8> = (0..size).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
    [b"%PDF-1.7\n".to_vec(), filler, b"\n%%EOF\n".to_vec()].concat()
}

fn command(file: &[u8]) -> CreateUpload {
    CreateUpload {
        kind: "PASSPORT".into(),
        file_name: Some("my passport.pdf".into()),
        size: i64::try_from(file.len()).unwrap(),
        media_type: "application/pdf".into(),
        sha256: hex::encode(&Sha256::digest(file)),
        document: None,
        for_person: None,
    }
}

fn version(received: Result<Received, NotReceived>) -> DocumentVersion {
    match received.unwrap() {
        Received::Complete(version) => version,
        Received::Partial(standing) => panic!("stands at {standing:?}"),
    }
}

fn codes(refused: &Refused) -> Vec<Code> {
    match refused {
        Refused::Rejected(reasons) => reasons.iter().map(|r| r.code).collect(),
        Refused::Fault(fault) => panic!("{fault:?}"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a whole file has no range")]
fn bytes(first: usize, last: usize, total: usize) -> Option<ContentRange> {
    Some(ContentRange::Bytes { first: first as u64, last: last as u64, total: Some(total as u64) })
}

async fn a_file_sent_at_once_becomes_a_version_and_is_read_back(app: TestApp) {
    let world = world(&app, None);
    let wong = world.person(&[]).await;
    let file = pdf(200_000);
    let version = world.sent(&wong, &file).await;
    assert_eq!((version.number, version.size, version.scan_state), (1, i64::try_from(file.len()).unwrap(), ScanState::NotScanned));
    assert_eq!(world.objects().await, 1);
    let page = service::my_documents(&world.portal, &wong, None, PageRequest::parse(None, None, service::ORDER, 1).unwrap()).await.unwrap();
    let document = &page.edges[0].1;
    assert_eq!((page.edges.len(), document.id), (1, version.document));
    assert_eq!(service::title(&world.portal, &wong, document).await.unwrap().as_deref(), Some("my passport.pdf"));
    let granted = download::create_download(&world.portal, &wong, version.id).await.unwrap();
    assert_eq!(world.read(&wong, &granted.token).await.unwrap(), file);
    // The link works without a session, for its five minutes, and for no other person.
    assert_eq!(world.read(&Actor::anonymous("r"), &granted.token).await.unwrap(), file);
    let other = world.person(&[]).await;
    assert!(matches!(world.read(&other, &granted.token).await, Err(Refused::Fault(Fault::NotFound))));
    app.advance(Duration::minutes(5));
    assert!(matches!(world.read(&wong, &granted.token).await, Err(Refused::Fault(Fault::NotFound))));
}

async fn a_kind_that_no_item_asks_for_is_refused_and_not_written_down(app: TestApp) {
    let token = token_of_somebody(app.portal()).await;
    let document = "mutation($i: CreateUploadInput!) { createUpload(input: $i) { upload { url } userErrors { code field } } }";
    let declare = async |kind: &str| {
        let input = json!({ "documentKind": kind, "size": 100, "mediaType": "application/pdf", "sha256": "0".repeat(64) });
        app.graphql(Some(&token), document, json!({ "i": input })).await.ok()["createUpload"].take()
    };
    // Well formed, and somebody's number all the same.
    for kind in ["X13800138000", "CHEN_DA_WEN_110105194912310021", "DIPLOMA"] {
        let refused = declare(kind).await;
        assert_eq!(refused, json!({ "upload": null, "userErrors": [{ "code": "NOT_ALLOWED", "field": ["input", "documentKind"] }] }), "{kind}");
    }
    assert_eq!(declare("passport").await["userErrors"][0]["code"], "MALFORMED");
    for kind in ["PASSPORT", "HKID", "DEGREE_AUTHENTICATION", "PHOTO"] {
        assert!(declare(kind).await["upload"]["url"].is_string(), "{kind}");
    }
    let db = app.portal().db.read();
    let select = "SELECT details FROM trail WHERE action = 'CREATE_UPLOAD'";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), select)).await.unwrap();
    let details: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert_eq!(details.len(), 4);
    assert!(details.iter().all(|text| !text.contains("PASSPORT") && !text.contains("138")), "{details:?}");
}

async fn an_interrupted_file_goes_on_where_it_stands(app: TestApp) {
    let world = world(&app, None);
    let wong = world.person(&[]).await;
    let file = pdf(300_000);
    let size = file.len();
    let token = world.declare(&wong, &file).await;
    // The connection breaks after 120,000 bytes of what was announced as the whole.
    let broken = body(&file[..120_000]).chain(stream::iter([Err(std::io::Error::other("reset"))])).boxed();
    let stands = upload::receive(&world.portal, &wong, &token, None, Some(size as u64), broken).await.unwrap();
    assert!(matches!(stands, Received::Partial(Standing { offset: 120_000, .. })));
    assert_eq!(upload::standing(&world.portal, &wong, &token).await.unwrap(), Standing { offset: 120_000, size: size as u64 });
    let wrong = world.put(&wong, &token, bytes(0, size - 1, size), &file).await.unwrap_err();
    assert_eq!((codes(&wrong.refused), wrong.offset), (vec![Code::UploadOffsetMismatch], Some(120_000)));
    let more = world.put(&wong, &token, bytes(120_000, 199_999, size), &file[120_000..200_000]).await.unwrap();
    assert!(matches!(more, Received::Partial(Standing { offset: 200_000, .. })));
    let made = version(world.put(&wong, &token, bytes(200_000, size - 1, size), &file[200_000..]).await);
    assert_eq!(world.objects().await, 1, "the pieces are joined and gone");
    // The answer may be asked for again; bytes may not be sent again.
    let asked = Some(ContentRange::Asked { total: size as u64 });
    assert_eq!(version(world.put(&wong, &token, asked, &[]).await).id, made.id);
    assert_eq!(codes(&world.put(&wong, &token, None, &file).await.unwrap_err().refused), [Code::UploadInvalid]);
    let granted = download::create_download(&world.portal, &wong, made.id).await.unwrap();
    assert_eq!(world.read(&wong, &granted.token).await.unwrap(), file);
}

async fn what_is_refused_leaves_nothing(app: TestApp) {
    let world = world(&app, None);
    let wong = world.person(&[]).await;
    let html = b"<html><script>alert(1)</script></html>".to_vec();
    let token = world.declare(&wong, &html).await;
    assert_eq!(codes(&world.put(&wong, &token, None, &html).await.unwrap_err().refused), [Code::MediaTypeNotAllowed]);
    assert_eq!(codes(&world.put(&wong, &token, None, &html).await.unwrap_err().refused), [Code::UploadInvalid]);
    assert_eq!(codes(&upload::standing(&world.portal, &wong, &token).await.unwrap_err()), [Code::UploadInvalid]);
    let file = pdf(1000);
    let mut other = file.clone();
    other[500] ^= 1;
    let token = world.declare(&wong, &file).await;
    assert_eq!(codes(&world.put(&wong, &token, None, &other).await.unwrap_err().refused), [Code::DigestMismatch]);
    let token = world.declare(&wong, &file).await;
    let longer = pdf(2000);
    assert_eq!(codes(&world.put(&wong, &token, None, &longer).await.unwrap_err().refused), [Code::FileTooLarge]);
    let unannounced = upload::receive(&world.portal, &wong, &token, None, None, body(&longer)).await.unwrap_err();
    assert_eq!(codes(&unannounced.refused), [Code::FileTooLarge]);
    let large = CreateUpload { size: i64::try_from(world.portal.settings.upload_max).unwrap() + 1, ..command(&file) };
    assert_eq!(codes(&upload::create_upload(&world.portal, &wong, large).await.unwrap_err()), [Code::FileTooLarge]);
    assert_eq!(codes(&world.put(&wong, "unknown", None, &file).await.unwrap_err().refused), [Code::UploadInvalid]);
    app.advance(Duration::hours(24));
    assert_eq!(codes(&world.put(&wong, &token, None, &file).await.unwrap_err().refused), [Code::UploadInvalid]);
    assert_eq!(world.objects().await, 0);
}

async fn a_document_is_its_owners_only(app: TestApp) {
    let world = world(&app, None);
    let (wong, chan) = (world.person(&[]).await, world.person(&[Role::WindowOfficer]).await);
    let version = world.sent(&wong, &pdf(100)).await;
    assert!(matches!(download::create_download(&world.portal, &chan, version.id).await, Err(Refused::Fault(Fault::NotFound))));
    assert!(matches!(service::my_document(&world.portal, &chan, version.document).await, Err(Fault::NotFound)));
    let foreign = CreateUpload { document: Some(version.document), ..command(&pdf(100)) };
    assert_eq!(codes(&upload::create_upload(&world.portal, &chan, foreign).await.unwrap_err()), [Code::NotFound]);
    let db = world.portal.db.read();
    let (owner, other) = (wong.person().unwrap(), chan.person().unwrap());
    assert_eq!(service::usable_versions(db, &[owner], &[version.id]).await.unwrap().len(), 1);
    assert_eq!(service::usable_versions(db, &[other], &[version.id]).await.unwrap().len(), 0);
    // A slice that has authorised her opens it for the officer.
    let txn = world.portal.db.begin_write().await.unwrap();
    let case = ("APPLICATION", world.portal.env.uuid());
    let granted = download::create_download_for(&txn, &world.portal, &chan, version.id, case).await.unwrap();
    world.portal.commit(txn).await.unwrap();
    assert_eq!(world.read(&chan, &granted.token).await.unwrap(), pdf(100));
    assert!(matches!(world.read(&wong, &granted.token).await, Err(Refused::Fault(Fault::NotFound))));
}

async fn an_officer_sends_for_a_walk_in(app: TestApp) {
    let world = world(&app, None);
    let (officer, walk_in, talent) = (world.person(&[Role::WindowOfficer]).await, world.person(&[]).await, world.person(&[]).await);
    let file = pdf(100);
    let for_her = || CreateUpload { for_person: walk_in.person(), ..command(&file) };
    assert!(matches!(upload::create_upload(&world.portal, &talent, for_her()).await, Err(Refused::Fault(Fault::Forbidden))));
    let unknown = CreateUpload { for_person: Some(PersonId::new(&world.portal.env)), ..command(&file) };
    // Whom she does not deal with does not exist for her either.
    assert_eq!(codes(&upload::create_upload(&world.portal, &officer, for_her()).await.unwrap_err()), [Code::NotFound]);
    let txn = world.portal.db.begin_write().await.unwrap();
    attend(&txn, &world.portal, walk_in.person().unwrap(), officer.person().unwrap(), AttendanceKind::Registered).await.unwrap();
    world.portal.commit(txn).await.unwrap();
    assert_eq!(codes(&upload::create_upload(&world.portal, &officer, unknown).await.unwrap_err()), [Code::NotFound]);
    let token = upload::create_upload(&world.portal, &officer, for_her()).await.unwrap().token;
    assert_eq!(codes(&world.put(&talent, &token, None, &file).await.unwrap_err().refused), [Code::UploadInvalid]);
    let version = version(world.put(&officer, &token, None, &file).await);
    assert_eq!((Some(version.owner), Some(version.uploaded_by)), (walk_in.person(), officer.person()));
    assert!(service::my_document(&world.portal, &walk_in, version.document).await.is_ok());
}

async fn a_new_version_leaves_the_old_one_as_it_was(app: TestApp) {
    let world = world(&app, None);
    let wong = world.person(&[]).await;
    let (first, second) = (pdf(100), pdf(200));
    let one = world.sent(&wong, &first).await;
    let other_kind = CreateUpload { document: Some(one.document), kind: "PHOTO".into(), ..command(&second) };
    assert_eq!(codes(&upload::create_upload(&world.portal, &wong, other_kind).await.unwrap_err()), [Code::NotAllowed]);
    let again = CreateUpload { document: Some(one.document), ..command(&second) };
    let token = upload::create_upload(&world.portal, &wong, again).await.unwrap().token;
    let two = version(world.put(&wong, &token, None, &second).await);
    assert_eq!((two.document, two.number), (one.document, 2));
    let granted = download::create_download(&world.portal, &wong, one.id).await.unwrap();
    assert_eq!(world.read(&wong, &granted.token).await.unwrap(), first);
}

async fn a_changed_byte_is_found_at_reading(app: TestApp) {
    let world = world(&app, None);
    let wong = world.person(&[]).await;
    let version = world.sent(&wong, &pdf(200_000)).await;
    let granted = download::create_download(&world.portal, &wong, version.id).await.unwrap();
    let path = files::path(version.object);
    let mut raw = world.store.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
    raw[150_000] ^= 1;
    world.store.put(&path, raw.into()).await.unwrap();
    assert!(matches!(world.read(&wong, &granted.token).await, Err(Refused::Fault(Fault::Internal(_)))));
    world.store.delete(&path).await.unwrap();
    assert!(matches!(world.read(&wong, &granted.token).await, Err(Refused::Fault(Fault::Internal(_)))));
}

async fn an_infected_file_is_neither_read_nor_handed_in(app: TestApp) {
    let world = world(&app, Some(Arc::new(FindsEicar)));
    let wong = world.person(&[]).await;
    let bad = world.sent(&wong, &[b"%PDF-1.7 EICAR".to_vec(), pdf(10)].concat()).await;
    let good = world.sent(&wong, &pdf(100)).await;
    assert_eq!(bad.scan_state, ScanState::Pending);
    assert_eq!(codes(&download::create_download(&world.portal, &wong, good.id).await.unwrap_err()), [Code::ScanPending]);
    assert_eq!(scan::scan_pending(&world.portal).await.unwrap(), 2);
    assert_eq!(scan::scan_pending(&world.portal).await.unwrap(), 0);
    assert_eq!(codes(&download::create_download(&world.portal, &wong, bad.id).await.unwrap_err()), [Code::FileInfected]);
    assert!(download::create_download(&world.portal, &wong, good.id).await.is_ok());
    let usable = service::usable_versions(world.portal.db.read(), &[wong.person().unwrap()], &[bad.id, good.id]).await.unwrap();
    assert_eq!(usable.iter().map(|v| v.id).collect::<Vec<_>>(), [good.id]);
    let txn = world.portal.db.begin_write().await.unwrap();
    let refused = service::attach(&txn, &world.portal, &[wong.person().unwrap()], &[bad.id, good.id], "input.materials").await.unwrap_err();
    assert_eq!(codes(&refused), [Code::MaterialUnusable]);
}

async fn what_was_never_handed_in_is_swept_after_a_day(app: TestApp) {
    let world = world(&app, None);
    let wong = world.person(&[]).await;
    let (kept, lost) = (world.sent(&wong, &pdf(100)).await, world.sent(&wong, &pdf(200)).await);
    download::create_download(&world.portal, &wong, lost.id).await.unwrap();
    let open = world.declare(&wong, &pdf(300)).await;
    let part = pdf(300)[..100].to_vec();
    world.put(&wong, &open, bytes(0, 99, pdf(300).len()), &part).await.unwrap();
    let txn = world.portal.db.begin_write().await.unwrap();
    service::attach(&txn, &world.portal, &[wong.person().unwrap()], &[kept.id, kept.id], "input.materials").await.unwrap();
    world.portal.commit(txn).await.unwrap();
    app.advance(Duration::hours(23));
    assert_eq!((sweep::sweep(&world.portal).await.unwrap().versions, world.objects().await), (0, 3));
    app.advance(Duration::hours(1));
    let swept = sweep::sweep(&world.portal).await.unwrap();
    assert_eq!((swept.uploads, swept.versions), (3, 1));
    assert!(matches!(service::my_document(&world.portal, &wong, lost.document).await, Err(Fault::NotFound)));
    assert!(service::my_version(&world.portal, &wong, kept.id).await.is_ok());
    // Objects are dated by the store, whose clock is the machine's: only after it is a piece without a row an orphan.
    app.set_time(chrono::DateTime::from_timestamp(4_102_444_800, 0).unwrap());
    assert_eq!((sweep::sweep(&world.portal).await.unwrap().objects, world.objects().await), (1, 1));
}

async fn two_requests_that_finish_one_upload_make_one_version(app: TestApp) {
    let world = world(&app, None);
    let wong = world.person(&[]).await;
    let file = pdf(50_000);
    let token = world.declare(&wong, &file).await;
    let (one, two) = tokio::join!(world.put(&wong, &token, None, &file), world.put(&wong, &token, None, &file));
    let made: Vec<_> = [one, two].into_iter().filter_map(Result::ok).collect();
    assert!(!made.is_empty());
    let asked = Some(ContentRange::Asked { total: file.len() as u64 });
    let version = version(world.put(&wong, &token, asked, &[]).await);
    for received in made {
        assert!(matches!(received, Received::Complete(v) if v.id == version.id));
    }
    assert_eq!(world.objects().await, 1);
}

/// One request to the routes of files: status, headers, body.
async fn http(world: &World, method: &str, path: &str, range: Option<&str>, file: &[u8]) -> (u16, axum::http::HeaderMap, Bytes) {
    let mut request = axum::http::Request::builder().method(method).uri(path).header("content-length", file.len());
    if let Some(range) = range {
        request = request.header("content-range", range);
    }
    let request = request.body(axum::body::Body::from(file.to_vec())).unwrap();
    let routes = talent_portal::http::files::routes().with_state(world.portal.clone());
    let response = tower::ServiceExt::oneshot(routes, request).await.unwrap();
    let (head, body) = response.into_parts();
    (head.status.as_u16(), head.headers, axum::body::to_bytes(body, usize::MAX).await.unwrap())
}

async fn files_travel_over_http_with_stable_codes(app: TestApp) {
    let world = world(&app, None);
    let wong = world.person(&[]).await;
    let file = pdf(100_000);
    let size = file.len();
    let path = format!("/uploads/{}", world.declare(&wong, &file).await);
    let (status, headers, _) = http(&world, "PUT", &path, Some(&format!("bytes 0-49999/{size}")), &file[..50_000]).await;
    assert_eq!((status, headers["upload-offset"].to_str().unwrap()), (202, "50000"));
    let (status, headers, _) = http(&world, "HEAD", &path, None, &[]).await;
    assert_eq!((status, headers["upload-offset"].to_str().unwrap(), headers["cache-control"].to_str().unwrap()), (200, "50000", "no-store"));
    for (range, body, status, code) in [
        (Some("bytes 0-1"), &file[..2], 400, "MALFORMED"),
        (None, &file[..], 409, "UPLOAD_OFFSET_MISMATCH"),
        (Some("bytes 50000-999999/*"), &file[..2], 416, "NOT_ALLOWED"),
    ] {
        let (got, _, answer) = http(&world, "PUT", &path, range, body).await;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((got, answer["code"].as_str()), (status, Some(code)), "{range:?}");
    }
    let (status, _, answer) = http(&world, "PUT", &path, Some(&format!("bytes 50000-{}/{size}", size - 1)), &file[50_000..]).await;
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, answer["number"].as_i64(), answer["scanState"].as_str()), (201, Some(1), Some("NOT_SCANNED")));
    let version = talent_portal::kernel::ids::DocumentVersionId::parse_global(answer["documentVersionId"].as_str().unwrap()).unwrap();
    let granted = download::create_download(&world.portal, &wong, version).await.unwrap();
    let (status, headers, read) = http(&world, "GET", &format!("/files/{}", granted.token), None, &[]).await;
    assert_eq!((status, read.as_ref()), (200, file.as_slice()));
    assert_eq!(headers["content-disposition"], "attachment; filename=\"passport-1.pdf\"");
    assert_eq!((&headers["x-content-type-options"], &headers["cache-control"]), (&"nosniff".parse().unwrap(), &"no-store".parse().unwrap()));
    assert_eq!(http(&world, "GET", "/files/unknown", None, &[]).await.0, 404);
    let html = b"<html></html>";
    let path = format!("/uploads/{}", world.declare(&wong, html).await);
    assert_eq!(http(&world, "PUT", &path, None, html).await.0, 415);
    assert_eq!(http(&world, "HEAD", &path, None, &[]).await.0, 404);
}

/// Somebody who sends and reads files by the API.
struct Client<'a> {
    app: &'a TestApp,
    token: String,
}

impl<'a> Client<'a> {
    async fn new(app: &'a TestApp) -> Self {
        Self { app, token: token_of_somebody(app.portal()).await }
    }

    async fn http(&self, method: &str, path: &str, file: &[u8]) -> (u16, axum::http::HeaderMap, Bytes) {
        let request = axum::http::Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", self.token));
        let request = request.header("content-length", file.len()).body(axum::body::Body::from(file.to_vec())).unwrap();
        let (status, headers, bytes) = self.app.send(request).await;
        (status.as_u16(), headers, bytes)
    }

    /// Declares a file as of this type and sends it: the answer's status and body.
    async fn send(&self, media_type: &str, file: &[u8]) -> (u16, serde_json::Value) {
        let document = "mutation($i: CreateUploadInput!) { createUpload(input: $i) { upload { url } userErrors { code } } }";
        let input = json!({ "documentKind": "PHOTO", "size": file.len(), "mediaType": media_type, "sha256": hex::encode(&Sha256::digest(file)) });
        let opened = self.app.graphql(Some(&self.token), document, json!({ "i": input })).await.ok();
        let path = opened["createUpload"]["upload"]["url"].as_str().unwrap_or_else(|| panic!("{opened}")).to_owned();
        let (status, _, answer) = self.http("PUT", &path, file).await;
        (status, serde_json::from_slice(&answer).unwrap())
    }

    /// The link to what was sent.
    async fn link(&self, sent: &serde_json::Value) -> serde_json::Value {
        let document = "mutation($i: CreateDownloadInput!) { createDownload(input: $i) { download { url previewUrl } userErrors { code } } }";
        let answer = self.app.graphql(Some(&self.token), document, json!({ "i": { "documentVersionId": sent["documentVersionId"] } })).await.ok();
        answer["createDownload"]["download"].clone()
    }
}

fn boxed(kind: &[u8], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes(), kind, body].concat()
}

/// The boxes that a HEIC picture must have, with a size and without a picture.
fn heic() -> Vec<u8> {
    let size = [[0; 4], 4032u32.to_be_bytes(), 3024u32.to_be_bytes()].concat();
    let meta = [vec![0; 4], boxed(b"hdlr", &[0; 24]), boxed(b"iprp", &boxed(b"ipco", &boxed(b"ispe", &size)))].concat();
    [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), boxed(b"meta", &meta), boxed(b"mdat", &[7; 100])].concat()
}

/// A package of this one file.
fn package(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut writer, content).unwrap();
    writer.finish().unwrap().into_inner()
}

async fn heic_and_ofd_are_known_by_their_bytes_over_http(app: TestApp) {
    let client = Client::new(&app).await;
    let xml = br#"<?xml version="1.0"?><ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016" Version="1.1" DocType="OFD"/>"#;
    let ofd = package("OFD.xml", xml);
    for (media_type, file, extension) in [("image/heic", heic(), "heic"), ("image/heif", heic(), "heic"), ("application/ofd", ofd.clone(), "ofd")] {
        let (status, sent) = client.send(media_type, &file).await;
        assert_eq!(status, 201, "{media_type}: {sent}");
        let link = client.link(&sent).await;
        assert_eq!(link["previewUrl"], json!(null));
        let path = link["url"].as_str().unwrap();
        let (status, headers, read) = client.http("GET", path, &[]).await;
        assert_eq!((status, read.as_ref()), (200, file.as_slice()));
        assert_eq!(headers["content-type"], media_type.replace("heif", "heic"));
        assert_eq!(headers["content-disposition"], format!("attachment; filename=\"photo-1.{extension}\""));
        let (status, _, answer) = client.http("GET", &format!("{path}/preview"), &[]).await;
        assert_eq!((status, serde_json::from_slice::<serde_json::Value>(&answer).unwrap()["code"].as_str()), (409, Some("PREVIEW_UNAVAILABLE")));
    }
    // Each declared as another, and a package that is none.
    for (media_type, file) in [("application/ofd", heic()), ("image/heic", ofd), ("application/ofd", package("a.xml", xml))] {
        let (status, answer) = client.send(media_type, &file).await;
        assert_eq!((status, answer["code"].as_str()), (415, Some("MEDIA_TYPE_NOT_ALLOWED")), "{media_type}");
    }
}

/// A picture of 2000 by 1000 points, red on its left and blue on its right.
fn picture(format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let points = image::RgbImage::from_fn(2000, 1000, |x, _| image::Rgb(if x < 1000 { [255, 0, 0] } else { [0, 0, 255] }));
    points.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG as a phone on its side makes it: EXIF says that it is to be turned (6) and where it was taken.
fn phone_picture() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        let value = if kind == 3 { [u16::try_from(value).unwrap().to_be_bytes(), [0; 2]].concat() } else { value.to_be_bytes().to_vec() };
        [tag.to_be_bytes().to_vec(), kind.to_be_bytes().to_vec(), count.to_be_bytes().to_vec(), value].concat()
    };
    // Two entries at 8, the GPS directory at 38 with one text at 56.
    let first = [2u16.to_be_bytes().to_vec(), entry(0x0112, 3, 1, 6), entry(0x8825, 4, 1, 38), vec![0; 4]].concat();
    let gps = [1u16.to_be_bytes().to_vec(), entry(0x001D, 2, 11, 56), vec![0; 4]].concat();
    let exif = [b"Exif\0\0MM\0\x2a\0\0\0\x08".to_vec(), first, gps, b"GPS-canary\0".to_vec()].concat();
    let jpeg = picture(image::ImageFormat::Jpeg);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|w| w == word)
}

async fn a_preview_is_small_upright_and_nothing_but_points(app: TestApp) {
    let client = Client::new(&app).await;
    let jpeg = phone_picture();
    assert!(holds(&jpeg, b"GPS-canary"));
    for (media_type, original, size) in [("image/jpeg", jpeg, (512, 1024)), ("image/png", picture(image::ImageFormat::Png), (1024, 512))] {
        let (status, sent) = client.send(media_type, &original).await;
        assert_eq!(status, 201, "{sent}");
        let link = client.link(&sent).await;
        assert_eq!(link["previewUrl"].as_str().unwrap(), format!("{}/preview", link["url"].as_str().unwrap()));
        let (status, headers, preview) = client.http("GET", link["previewUrl"].as_str().unwrap(), &[]).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "image/jpeg"));
        assert_eq!(headers["content-disposition"], "attachment; filename=\"photo-1-preview.jpg\"");
        assert_eq!((&headers["x-content-type-options"], &headers["cache-control"]), (&"nosniff".parse().unwrap(), &"no-store".parse().unwrap()));
        assert!(!holds(&preview, b"GPS-canary") && !holds(&preview, b"Exif"));
        let points = image::load_from_memory_with_format(&preview, image::ImageFormat::Jpeg).unwrap().to_rgb8();
        assert_eq!(points.dimensions(), size);
        // What was on the left is above where it was turned.
        let (first, last) = (points.get_pixel(10, 10).0, points.get_pixel(size.0 - 10, size.1 - 10).0);
        assert!(first[0] > 200 && first[2] < 50 && last[2] > 200 && last[0] < 50, "{first:?} {last:?}");
        // The original stays as it was sent.
        assert_eq!(client.http("GET", link["url"].as_str().unwrap(), &[]).await.2.as_ref(), original.as_slice());
    }
    assert_eq!(client.http("GET", "/files/unknown/preview", &[]).await.0, 404);
}

/// The check sum of a PNG chunk (PNG specification, annex D).
fn crc(bytes: &[u8]) -> [u8; 4] {
    let turned = bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |s, _| if s & 1 == 1 { 0xEDB8_8320 ^ (s >> 1) } else { s >> 1 }));
    (!turned).to_be_bytes()
}

async fn a_picture_that_promises_too_many_points_has_no_preview(app: TestApp) {
    let client = Client::new(&app).await;
    let png = picture(image::ImageFormat::Png);
    let sized = |side: u32| {
        let mut png = png.clone();
        png[16..20].copy_from_slice(&side.to_be_bytes());
        png[20..24].copy_from_slice(&side.to_be_bytes());
        let sum = crc(&png[12..29]);
        png[29..33].copy_from_slice(&sum);
        png
    };
    // What no reader should unpack is not taken at all.
    assert_eq!(client.send("image/png", &sized(50_000)).await.0, 415);
    // 81 million points are taken, and would be 243 MB.
    let (status, sent) = client.send("image/png", &sized(9_000)).await;
    assert_eq!(status, 201);
    let link = client.link(&sent).await;
    let (status, _, answer) = client.http("GET", link["previewUrl"].as_str().unwrap(), &[]).await;
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, answer["code"].as_str()), (409, Some("PREVIEW_UNAVAILABLE")));
    assert_eq!(client.http("GET", link["url"].as_str().unwrap(), &[]).await.0, 200);
}

async fn a_preview_waits_for_the_scanner_like_the_original(app: TestApp) {
    let client = Client::new(&app).await;
    let (status, sent) = client.send("image/jpeg", &phone_picture()).await;
    assert_eq!(status, 201);
    let link = client.link(&sent).await;
    let path = link["previewUrl"].as_str().unwrap();
    let db = app.portal().db.writer();
    for (state, status, code) in [("PENDING", 409, "SCAN_PENDING"), ("INFECTED", 409, "FILE_INFECTED"), ("CLEAN", 200, "")] {
        db.execute_unprepared(&format!("UPDATE document_version SET scan_state = '{state}'")).await.unwrap();
        let (got, _, answer) = client.http("GET", path, &[]).await;
        let told: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        assert_eq!((got, told["code"].as_str().unwrap_or_default()), (status, code));
    }
}

/// Over the routes of the product with a scanner that finds EICAR.
async fn each_no_about_a_file_has_code_message_and_language(app: TestApp) {
    let (config, base) = (app.config(), app.portal().clone());
    let parts = talent_portal::app::parts(&config).unwrap().with(Scanning(Some(Arc::new(FindsEicar))));
    let portal = Portal::new(base.db, base.env, base.keyring, base.settings, parts);
    let router = talent_portal::app::router(&portal, &config, None, tokio_util::sync::CancellationToken::new());
    let token = token_of_somebody(&portal).await;
    let ask = async |method: &str, path: &str, language: &str, kind: &str, body: Vec<u8>| {
        let request = axum::http::Request::builder().method(method).uri(path).header("content-type", kind).header("content-length", body.len());
        let request = request.header("authorization", format!("Bearer {token}")).header("accept-language", language);
        let response = tower::ServiceExt::oneshot(router.clone(), request.body(axum::body::Body::from(body)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        (head.status.as_u16(), serde_json::from_slice::<serde_json::Value>(&axum::body::to_bytes(body, usize::MAX).await.unwrap()).unwrap())
    };
    let run = async |language: &str, mutation: &str, shown: &str, input: serde_json::Value| {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!("mutation($i: {kind}!) {{ result: {mutation}(input: $i) {{ {shown} userErrors {{ code message field }} }} }}");
        let body = json!({ "query": query, "variables": { "i": input } }).to_string();
        let (status, mut answer) = ask("POST", "/graphql", language, "application/json", body.into_bytes()).await;
        assert!(status == 200 && answer["errors"].is_null(), "{answer}");
        answer["data"]["result"].take()
    };
    let declared = |file: &[u8], size: usize, media_type: &str| json!({ "documentKind": "PASSPORT", "size": size, "mediaType": media_type, "sha256": hex::encode(&Sha256::digest(file)) });
    let open = async |file: &[u8]| {
        run("en", "createUpload", "upload { url }", declared(file, file.len(), "application/pdf")).await["upload"]["url"].as_str().unwrap().to_owned()
    };
    let no = |code: &str, message: &str, field: &[&str]| json!([{ "code": code, "message": message, "field": field }]);
    let file = pdf(1000);
    // Declared: too large, and of a type that is not taken.
    let large = usize::try_from(portal.settings.upload_max).unwrap() + 1;
    for (language, message) in
        [("en", "The file is too large."), ("zh-Hans", "文件过大。"), ("zh-Hant", "檔案過大。"), ("pt", "O ficheiro é demasiado grande.")]
    {
        let refused = run(language, "createUpload", "upload { url }", declared(&file, large, "application/pdf")).await;
        assert_eq!(refused, json!({ "upload": null, "userErrors": no("FILE_TOO_LARGE", message, &["input", "size"]) }));
    }
    let refused = run("pt", "createUpload", "upload { url }", declared(&file, 10, "text/html")).await;
    assert_eq!(refused["userErrors"], no("MEDIA_TYPE_NOT_ALLOWED", "Este tipo de ficheiro não é aceite.", &["input", "mediaType"]));
    // Sent: longer than declared, of another type than declared, with other bytes.
    let html = b"<html><script>alert(1)</script></html>".to_vec();
    let mut other = file.clone();
    other[500] ^= 1;
    for (of, sent, language, status, code, message) in [
        (&file, pdf(2000), "en", 413, "FILE_TOO_LARGE", "The file is too large."),
        (&html, html.clone(), "en", 415, "MEDIA_TYPE_NOT_ALLOWED", "This type of file is not accepted."),
        (&file, other.clone(), "en", 400, "DIGEST_MISMATCH", "The bytes of the file do not have the SHA-256 that was declared."),
        (&file, other, "pt", 400, "DIGEST_MISMATCH", "O conteúdo do ficheiro não corresponde ao SHA-256 declarado."),
    ] {
        let (got, answer) = ask("PUT", &open(of).await, language, "application/octet-stream", sent).await;
        assert_eq!((got, answer), (status, json!({ "code": code, "message": message })));
    }
    // Kept, and not read before the scanner has looked, nor ever where it found something.
    let infected = [b"%PDF-1.7 EICAR".to_vec(), pdf(10)].concat();
    let mut versions = Vec::new();
    for file in [&file, &infected] {
        let (status, answer) = ask("PUT", &open(file).await, "en", "application/octet-stream", file.clone()).await;
        assert_eq!((status, &answer["scanState"]), (201, &json!("PENDING")));
        versions.push(answer["documentVersionId"].clone());
    }
    let read =
        async |version: &serde_json::Value, language: &str| run(language, "createDownload", "download { url }", json!({ "documentVersionId": version })).await;
    let pending = read(&versions[0], "en").await;
    let message = "The file is still being checked for viruses; try again soon.";
    assert_eq!(
        (&pending["download"], &pending["userErrors"][0]["code"], &pending["userErrors"][0]["message"]),
        (&json!(null), &json!("SCAN_PENDING"), &json!(message))
    );
    assert_eq!(scan::scan_pending(&portal).await.unwrap(), 2);
    assert!(read(&versions[0], "en").await["download"]["url"].is_string());
    for (language, message) in
        [("en", "Something harmful was found in the file; it cannot be used."), ("pt", "Foi encontrado conteúdo nocivo no ficheiro; não pode ser usado.")]
    {
        let refused = read(&versions[1], language).await;
        assert_eq!(
            (&refused["download"], &refused["userErrors"][0]["code"], &refused["userErrors"][0]["message"]),
            (&json!(null), &json!("FILE_INFECTED"), &json!(message))
        );
    }
    // So many may be open: of the four above one was answered and is open still.
    let mut opened = 0;
    let refused = loop {
        let answer = run("en", "createUpload", "upload { url }", declared(&file, file.len(), "application/pdf")).await;
        if answer["upload"].is_null() {
            break answer;
        }
        opened += 1;
        assert!(opened <= 20, "no bound");
    };
    assert!(opened >= 16, "{opened}");
    assert_eq!(refused["userErrors"], no("UPLOAD_QUOTA_EXCEEDED", "Too many uploads are open, or too many bytes wait to be handed in.", &["input", "size"]));
    let refused = run("pt", "createUpload", "upload { url }", declared(&file, file.len(), "application/pdf")).await;
    assert_eq!(refused["userErrors"][0]["message"], "Há demasiados carregamentos abertos ou por entregar.");
}

async fn pieces_of_a_file_and_versions_of_a_document_are_counted(app: TestApp) {
    let token = token_of_somebody(app.portal()).await;
    let execute = async |change: &str| assert_eq!(app.portal().db.writer().execute_unprepared(change).await.unwrap().rows_affected(), 1, "{change}");
    let create = async |file: &[u8], document: Option<&serde_json::Value>| {
        let query = "mutation($i: CreateUploadInput!) { createUpload(input: $i) { upload { url } userErrors { code field } } }";
        let input = json!({
            "documentKind": "PASSPORT", "size": file.len(), "mediaType": "application/pdf", "sha256": hex::encode(&Sha256::digest(file)), "documentId": document,
        });
        app.graphql(Some(&token), query, json!({ "i": input })).await.ok()["createUpload"].take()
    };
    let put = async |url: &str, range: &str, piece: &[u8]| {
        let request = axum::http::Request::put(url).header("authorization", format!("Bearer {token}")).header("content-length", piece.len());
        let request = request.header("content-range", range).body(axum::body::Body::from(piece.to_vec())).unwrap();
        let (status, _, body) = app.send(request).await;
        (status.as_u16(), serde_json::from_slice::<serde_json::Value>(&body).unwrap())
    };
    let file = pdf(1000);
    let (size, url) = (file.len(), create(&file, None).await["upload"]["url"].as_str().unwrap().to_owned());
    assert_eq!(put(&url, &format!("bytes 0-9/{size}"), &file[..10]).await.0, 202);
    // As if it had come in as many pieces as may be.
    execute("UPDATE upload SET segments = 256").await;
    let (status, answer) = put(&url, &format!("bytes 10-{}/{size}", size - 1), &file[10..]).await;
    assert_eq!((status, &answer["code"]), (409, &json!("TOO_MANY")), "{answer}");
    execute("UPDATE upload SET segments = 1").await;
    assert_eq!(put(&url, &format!("bytes 10-{}/{size}", size - 1), &file[10..]).await.0, 201);
    let mine = app.graphql(Some(&token), "{ myDocuments(first: 1) { nodes { id } } }", json!({})).await.ok();
    let document = &mine["myDocuments"]["nodes"][0]["id"];
    execute("UPDATE document SET version = 50").await;
    let refused = create(&pdf(900), Some(document)).await;
    assert_eq!(refused, json!({ "upload": null, "userErrors": [{ "code": "TOO_MANY", "field": ["input", "documentId"] }] }));
    execute("UPDATE document SET version = 49").await;
    assert!(create(&pdf(900), Some(document)).await["upload"]["url"].is_string());
}
