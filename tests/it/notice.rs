//! Notices: the inbox, mail, SMS and push, and that each cause is told once to whom it concerns.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use talent_portal::application::service::work::run_clock;
use talent_portal::audit::model::{Lane, Message};
use talent_portal::audit::service::{Workers, announce, seal_batch, work_off, work_off_lane};
use talent_portal::config::GatewayAt;
use talent_portal::kernel::env::Env;
use talent_portal::kernel::ids::{ApplicationId, CardId, PersonId, ProcessId, TypedId as _};
use talent_portal::kernel::role::Role;
use talent_portal::notice::model::cause::Cause;
use talent_portal::notice::service::follow::follow;
use talent_portal::portal::Portal;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::account::{PASSWORD, mutate, refused, text};
use crate::application::{Someone, World, case_id, codes, no, with};
use crate::commands::{Server, portal as command};
use crate::mail::{Answer, Sink, header as mail_header};
use crate::support::search::{Haystack, Log, everything};
use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    a_case_is_told_from_receipt_to_delivery,
    what_happens_to_a_case_without_its_applicant_is_told_to_her,
    a_supplement_its_answer_and_the_marks_of_the_clock_are_told,
    each_reader_has_the_words_of_her_language,
    a_cause_is_told_once_however_often_it_is_read,
    what_another_slice_announces_is_told_by_its_code,
    a_role_that_is_given_or_ended_is_told,
    notices_are_read_by_their_owner_alone_in_pages,
    a_mail_comes_once_in_the_language_of_the_talent_though_its_worker_was_killed,
    a_mail_that_may_have_come_is_sent_again_under_its_message_id,
    preferences_say_where_notices_go_besides_the_inbox,
    a_code_goes_by_the_gateway_for_sms,
    a_gateway_that_fails_is_tried_again_later_and_given_up_at_last,
    a_push_notice_holds_ids_alone_and_a_device_that_is_gone_is_forgotten,
    who_comes_to_have_an_account_finds_what_was_told_before,
    a_device_rings_for_one_account,
    a_channel_holds_up_no_other_and_no_code,
);
pool_of_one!(a_case_is_told_from_receipt_to_delivery, notices_are_read_by_their_owner_alone_in_pages, a_device_rings_for_one_account);

/// Seals what was announced, and writes the notices.
pub(crate) async fn told(app: &TestApp) {
    told_by(app.portal()).await;
}

async fn told_by(portal: &Portal) {
    // One process, so that it keeps its lease.
    while seal_batch(portal, ProcessId(Uuid::from_u128(1))).await.unwrap() != Some(0) {}
    while follow(portal).await.unwrap() > 0 {}
}

const INBOX: &str = "query($first: Int, $after: String, $unread: Boolean) { unreadNoticeCount myNotices(first: $first, after: $after, unreadOnly: $unread) {
    nodes { id cause group title text applicationId cardId grantId createdAt readAt } pageInfo { hasNextPage endCursor } totalCount } }";

/// The inbox in a language, newest first.
async fn inbox(app: &TestApp, token: &str, language: &str) -> Vec<Value> {
    let body = json!({ "query": INBOX, "variables": { "first": 100 } }).to_string();
    let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT_LANGUAGE, language);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::from(body)).unwrap();
    let (status, _, bytes) = app.send(request).await;
    assert_eq!(status, StatusCode::OK);
    let mut answer: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    serde_json::from_value(answer["data"]["myNotices"]["nodes"].take()).unwrap()
}

/// The causes in an inbox, oldest first.
async fn causes(app: &TestApp, someone: &Someone) -> Vec<String> {
    inbox(app, &someone.token, "en").await.iter().rev().map(|notice| text(&notice["cause"])).collect()
}

async fn count(app: &TestApp, what: &str) -> i64 {
    let db = app.portal().db.read();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), format!("SELECT COUNT(*) FROM {what}"))).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

async fn a_case_is_told_from_receipt_to_delivery(app: TestApp) {
    let world = World::new(app).await;
    let app = &world.app;
    let (talent, confirmer) = (world.talent("talent").await, world.staff("confirmer").await);
    let (officer, reviewer) = (world.staff("officer").await, world.staff("reviewer").await);
    let (province, approver) = (world.staff("reviewer2").await, world.staff("approver").await);
    let case = world.card_case(&talent).await;
    told(app).await;
    assert_eq!(causes(app, &talent).await, ["SUBMITTED"]);
    assert_eq!(causes(app, &confirmer).await, Vec::<String>::new(), "the employer is told when she is asked");
    let case = world.done(&officer, "claimApplication", &case, json!({})).await;
    let case = world.done(&officer, "acceptApplication", &case, json!({})).await;
    told(app).await;
    assert_eq!(causes(app, &confirmer).await, ["CONFIRMATION_NEEDED"]);
    let case = world.done(&confirmer, "completeStep", &case, json!({ "stepKey": "employer_confirmation", "outcome": "POSITIVE" })).await;
    let case = world.done(&reviewer, "completeStep", &case, json!({ "stepKey": "city_review", "outcome": "POSITIVE" })).await;
    let case = world.done(&province, "completeStep", &case, json!({ "stepKey": "province_review", "outcome": "POSITIVE" })).await;
    let case = world.done(&approver, "decideApplication", &case, json!({ "decision": "APPROVED" })).await;
    let case = world.done(&officer, "recordDelivery", &case, json!({ "channel": "ONLINE" })).await;
    told(app).await;
    assert_eq!(causes(app, &talent).await, ["SUBMITTED", "ACCEPTED", "DECIDED", "CARD_ISSUED", "DELIVERED"]);
    assert_eq!(causes(app, &confirmer).await, ["CONFIRMATION_NEEDED"]);
    for other in [&officer, &reviewer, &province, &approver] {
        assert_eq!(causes(app, other).await, Vec::<String>::new());
    }
    // Each names its case or card, by which it is read on.
    let notices = inbox(app, &talent.token, "en").await;
    let cards = app.graphql(Some(&talent.token), "{ myCards { id } }", json!({})).await.ok();
    for notice in &notices {
        if notice["cause"] == "CARD_ISSUED" {
            assert_eq!((&notice["group"], &notice["cardId"], &notice["applicationId"]), (&json!("CARD"), &cards["myCards"][0]["id"], &Value::Null));
        } else {
            assert_eq!((&notice["group"], &notice["applicationId"], &notice["cardId"]), (&json!("CASE"), &case["id"], &Value::Null));
            assert!(text(&notice["text"]).contains(case["number"].as_str().unwrap()), "{notice}");
        }
    }
    assert_eq!(inbox(app, &confirmer.token, "en").await[0]["group"], "WORK");
}

/// A mandate for the small service, and a case handed in under it.
async fn under_mandate(world: &World, talent: &Someone, agent: &Someone) -> Value {
    let grant = json!({ "agentId": agent.person.global(), "endsAt": "2026-02-05T01:00:00Z", "idempotencyKey": world.key() });
    let mandate = world.run(talent, "grantMandate", "mandate { id }", grant).await.unwrap();
    let line = world.service_line(json!({ "city": "440100" })).await;
    let cart = json!({ "applicantId": talent.person.global(), "mandateId": mandate["id"], "lines": [line] });
    let cart = world.save(agent, cart).await.unwrap();
    world.submit(agent, &cart, json!({})).await.unwrap()["applications"][0].clone()
}

async fn what_happens_to_a_case_without_its_applicant_is_told_to_her(app: TestApp) {
    let world = World::new(app).await;
    let app = &world.app;
    let (talent, agent, other) = (world.talent("talent").await, world.talent("talent2").await, world.talent("talent3").await);
    let officer = world.staff("officer").await;
    let case = under_mandate(&world, &talent, &agent).await;
    world.done(&agent, "withdrawApplication", &case, json!({})).await;
    told(app).await;
    assert_eq!(causes(app, &talent).await, ["SUBMITTED", "WITHDRAWN"]);
    assert_eq!(causes(app, &agent).await, Vec::<String>::new());
    // Of what she withdraws herself she knows.
    let case = world.case(&other).await;
    world.done(&other, "withdrawApplication", &case, json!({})).await;
    let case = world.case(&other).await;
    world.done(&officer, "refuseAcceptance", &case, json!({ "reason": "不属于本机关职权范围" })).await;
    told(app).await;
    assert_eq!(causes(app, &other).await, ["SUBMITTED", "SUBMITTED", "NOT_ACCEPTED"]);
    // The reason is in the document, not in the notice.
    assert!(!inbox(app, &other.token, "zh-CN").await[0].to_string().contains("职权"));
    // What lapses by time is told when it is written down.
    world.case(&other).await;
    app.advance(Duration::days(12));
    assert!(run_clock(app.portal()).await.unwrap() > 0);
    told(app).await;
    let other = world.again(&other).await;
    assert!(causes(app, &other).await.contains(&"DEEMED_ACCEPTED".to_owned()));
}

async fn a_supplement_its_answer_and_the_marks_of_the_clock_are_told(app: TestApp) {
    let world = World::new(app).await;
    let app = &world.app;
    let (talent, officer) = (world.talent("talent").await, world.staff("officer").await);
    let staff = [world.staff("reviewer").await, world.staff("supervisor").await, world.staff("approver").await];
    let case = world.case(&talent).await;
    let missing = json!({ "items": [{ "what": { "pointer": "/remark" }, "reason": "Say more." }] });
    let case = world.done(&officer, "requestSupplement", &case, missing).await;
    let item = world.read(&talent, &case, "requests { items { id } }").await["requests"][0]["items"][0]["id"].take();
    let case = world.done(&talent, "answerSupplement", &case, json!({ "items": [{ "itemId": item, "answer": "More." }] })).await;
    told(app).await;
    assert_eq!(causes(app, &talent).await, ["SUBMITTED", "SUPPLEMENT_REQUESTED"]);
    assert_eq!(causes(app, &officer).await, ["SUPPLEMENT_ANSWERED"]);
    // The limits pass, and those are told to whom the clock names.
    world.done(&officer, "acceptApplication", &case, json!({})).await;
    app.advance(Duration::days(90));
    assert!(run_clock(app.portal()).await.unwrap() > 0);
    told(app).await;
    for (one, mark) in staff.iter().zip(["NEAR_BREACH", "PROMISE_PASSED", "STATUTE_PASSED"]) {
        assert_eq!(causes(app, &world.again(one).await).await, [mark]);
    }
}

async fn who_comes_to_have_an_account_finds_what_was_told_before(app: TestApp) {
    let world = World::new(app).await;
    let app = &world.app;
    let officer = world.someone("officer-two", Some(Role::WindowOfficer)).await;
    let input = json!({ "idempotencyKey": world.key(), "nameZh": "陈大文" });
    let walk_in = world.run(&officer, "registerPerson", "person { id }", input).await.unwrap();
    let verify = async |person: &Value| {
        let version = app.version_of(person).await;
        let input = json!({ "personId": person, "kind": "RESIDENT_ID_CARD", "documentNumber": "440305189508150029", "expectedVersion": version });
        world.run(&officer, "verifyIdentity", "person { id }", input).await.unwrap()
    };
    verify(&walk_in["id"]).await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let order = world.save(&officer, json!({ "applicantId": walk_in["id"], "channel": "WINDOW", "lines": [line] })).await.unwrap();
    world.submit(&officer, &order, json!({})).await.unwrap();
    told(app).await;
    assert_eq!([count(app, "notice").await, count(app, "outbox WHERE kind = 'NOTICE_EMAIL'").await], [1, 0], "nobody is written to who has no address");
    // She signs up later, and an officer finds that both are one.
    let later = world.someone("later", None).await;
    assert_eq!(causes(app, &later).await, Vec::<String>::new());
    verify(&json!(later.person.global())).await;
    assert_eq!(causes(app, &later).await, ["SUBMITTED"]);
}

async fn each_reader_has_the_words_of_her_language(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let case = world.case(&talent).await;
    told(&world.app).await;
    let number = text(&case["number"]);
    let name = "query { application(id: \"ID\") { itemName { value } } }".replace("ID", case["id"].as_str().unwrap());
    let mut seen = Vec::new();
    for (language, begins) in [("zh-CN", "您申请的“"), ("zh-HK", "您申請的「"), ("en", "Your application for “"), ("pt-MO", "O seu pedido de «")]
    {
        let notice = inbox(&world.app, &talent.token, language).await.remove(0);
        let (title, words) = (text(&notice["title"]), text(&notice["text"]));
        assert!(words.starts_with(begins) && words.contains(&number), "{language}: {words}");
        let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT_LANGUAGE, language);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", talent.token)).body(Body::from(json!({ "query": name }).to_string())).unwrap();
        let answer: Value = serde_json::from_slice(&world.app.send(request).await.2).unwrap();
        let item = text(&answer["data"]["application"]["itemName"]["value"]);
        assert!(title.ends_with(&item) && words.contains(&item), "{language}: {title}, {item}");
        seen.push(words);
    }
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

async fn a_cause_is_told_once_however_often_it_is_read(app: TestApp) {
    let world = World::new(app).await;
    let app = &world.app;
    let talent = world.talent("talent").await;
    for _ in 0..3 {
        world.case(&talent).await;
    }
    let portal = app.portal();
    while seal_batch(portal, ProcessId(Uuid::from_u128(1))).await.unwrap() != Some(0) {}
    // Two processes at once, as often as it takes.
    let (one, two) = tokio::join!(follow(portal), follow(portal));
    assert!(one.unwrap() + two.unwrap() > 0);
    told(app).await;
    let counts = async || [count(app, "notice").await, count(app, "outbox WHERE kind = 'NOTICE_EMAIL'").await];
    assert_eq!(counts().await, [3, 3]);
    // All of it is read again, as after a restored cursor.
    world.execute("UPDATE stream_cursor SET position = 0 WHERE name = $1", ["notice".into()]).await;
    told(app).await;
    assert_eq!(counts().await, [3, 3]);
    // The database holds it, whoever writes.
    let copy = "INSERT INTO notice (id, person_id, cause, object_kind, object_id, occurrence, about, created_at)
        SELECT $1, person_id, cause, object_kind, object_id, occurrence, about, created_at FROM notice LIMIT 1";
    let db = portal.db.writer();
    let again = db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), copy, [portal.env.uuid().into()])).await;
    assert!(matches!(again.unwrap_err().sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))));
    // Days that are counted anew are no event.
    world.execute("UPDATE application SET promised_due_at = due_at, due_at = $1", [portal.env.now().into()]).await;
    assert_eq!(talent_portal::application::service::recount::recount(portal).await.unwrap(), 3);
    told(app).await;
    assert_eq!(counts().await, [3, 3]);
}

async fn announced(app: &TestApp, kind: &'static str, object_kind: &'static str, id: Uuid, data: Value) {
    let portal = app.portal();
    let txn = portal.db.begin_write().await.unwrap();
    announce(&txn, portal, Message::new(kind, object_kind, id).data(data)).await.unwrap();
    portal.commit(txn).await.unwrap();
    told(app).await;
}

/// What cases and cards will announce is told already, by its code alone.
async fn what_another_slice_announces_is_told_by_its_code(app: TestApp) {
    let world = World::new(app).await;
    let app = &world.app;
    let talent = world.talent("talent").await;
    let (officer, supervisor, manager) = (world.staff("officer").await, world.staff("supervisor").await, world.staff("manager").await);
    let (leader, near) = (world.someone("leader", Some(Role::Supervisor)).await, world.staff("approver").await);
    let case = world.case(&talent).await;
    let id = case_id(&case);
    let card =
        crate::talent_card::issue(app, crate::talent_card::order(app, talent.person), &crate::talent_card::actor(talent.person, Vec::new())).await.unwrap();
    told(app).await;
    let mut expected = causes(app, &talent).await;
    for cause in [
        "SUPPLEMENT_REQUESTED",
        "SUPPLEMENT_REMINDER",
        "TERMINATED",
        "SPECIAL_PROCEDURE_STARTED",
        "SPECIAL_PROCEDURE_ENDED",
        "EXTENSION_GRANTED",
        "CASE_MESSAGE",
    ] {
        announced(app, cause, "APPLICATION", id.0, json!({})).await;
        expected.push(cause.to_owned());
    }
    for cause in ["CARD_LOST", "CARD_SUSPENDED", "CARD_SUSPENSION_LIFTED", "CARD_REVOKED", "CARD_RENEWAL_DUE", "CARD_RENEWED", "CARD_REPLACED", "CARD_ENDED"] {
        announced(app, cause, "CARD", card.0, json!({})).await;
        expected.push(cause.to_owned());
    }
    assert_eq!(causes(app, &talent).await, expected);
    let named = inbox(app, &talent.token, "zh-CN").await;
    assert!(named.iter().all(|notice| text(&notice["text"]).contains('“')), "each names its item or card");
    assert_eq!(named[0]["cardId"], json!(card.global()));
    // What a slice calls otherwise, and the marks that the clock passes.
    for (code, cause) in [("PROCEDURE_STARTED", "SPECIAL_PROCEDURE_STARTED"), ("PROCEDURE_ENDED", "SPECIAL_PROCEDURE_ENDED")] {
        announced(app, code, "APPLICATION", id.0, json!({})).await;
        expected.push(cause.to_owned());
    }
    for (code, cause) in [("CARD_REPORTED_LOST", "CARD_LOST"), ("CARD_ENDS_SOON", "CARD_RENEWAL_DUE")] {
        announced(app, code, "CARD", card.0, json!({ "holder": talent.person.global() })).await;
        expected.push(cause.to_owned());
    }
    announced(app, "APPLICATION_CHANGED", "APPLICATION", id.0, json!({ "kind": "CLOCK_MARKED", "mark": "SUPPLEMENT_REMINDER", "version": 1 })).await;
    expected.push("SUPPLEMENT_REMINDER".to_owned());
    assert_eq!(causes(app, &talent).await, expected);
    // To the office: who is nearest to the unit, who has claimed it, or in the role that the announcement names.
    announced(app, "REQUEST_ANSWERED", "APPLICATION", id.0, json!({})).await;
    announced(app, "CASE_MESSAGE", "APPLICATION", id.0, json!({ "to": "STAFF" })).await;
    assert_eq!(causes(app, &officer).await, ["SUPPLEMENT_ANSWERED", "CASE_MESSAGE"]);
    for cause in ["NEAR_BREACH", "PROMISE_PASSED"] {
        announced(app, cause, "APPLICATION", id.0, json!({})).await;
    }
    announced(app, "STATUTE_PASSED", "APPLICATION", id.0, json!({ "role": "APPROVER" })).await;
    assert_eq!(causes(app, &leader).await, ["NEAR_BREACH", "PROMISE_PASSED"], "she leads the city, which is nearer than the province");
    assert_eq!(causes(app, &near).await, ["STATUTE_PASSED"]);
    assert_eq!([causes(app, &supervisor).await, causes(app, &manager).await].concat(), Vec::<String>::new());
    announced(app, "STATUTE_PASSED", "APPLICATION", id.0, json!({})).await;
    assert_eq!(causes(app, &leader).await.last().unwrap(), "STATUTE_PASSED");
    world.done(&officer, "claimApplication", &case, json!({})).await;
    announced(app, "APPLICATION_CHANGED", "APPLICATION", id.0, json!({ "kind": "CLOCK_MARKED", "mark": "NEAR_BREACH", "version": 2 })).await;
    assert_eq!(causes(app, &officer).await, ["SUPPLEMENT_ANSWERED", "CASE_MESSAGE", "NEAR_BREACH"]);
    // An event that is announced again is told once.
    announced(app, "APPLICATION_CHANGED", "APPLICATION", id.0, json!({ "kind": "SUBMITTED", "version": 1 })).await;
    assert_eq!(causes(app, &talent).await, expected);
    // What is about nothing, or no cause, is told to nobody and holds nothing up.
    let before = count(app, "notice").await;
    announced(app, "CARD_LOST", "CARD", CardId::new(&app.portal().env).0, json!({})).await;
    announced(app, "TERMINATED", "APPLICATION", ApplicationId::new(&app.portal().env).0, json!({ "kind": "TERMINATED", "version": 9 })).await;
    announced(app, "APPLICATION_CHANGED", "APPLICATION", id.0, json!({ "kind": "UNHEARD_OF", "version": 99 })).await;
    announced(app, "SUBMITTED", "NOTHING", id.0, json!({})).await;
    assert_eq!(count(app, "notice").await, before);
    assert_eq!(Cause::ALL.len(), 30, "a new cause belongs into this test");
}

async fn a_role_that_is_given_or_ended_is_told(app: TestApp) {
    let world = World::new(app).await;
    let (security, holder) = (world.staff("security").await, world.someone("holder", None).await);
    let input = json!({ "personId": holder.person.global(), "role": "REVIEWER", "unitId": world.units.city.global(), "idempotencyKey": world.key() });
    let grant = world.run(&security, "grantRole", "grant { id }", input).await.unwrap();
    told(&world.app).await;
    world.run(&security, "endGrant", "grant { id }", json!({ "grantId": grant["id"] })).await.unwrap();
    told(&world.app).await;
    let notices = inbox(&world.app, &holder.token, "pt").await;
    let shown: Vec<_> = notices.iter().map(|n| (text(&n["cause"]), text(&n["group"]), n["grantId"].clone())).collect();
    assert_eq!(shown, ["GRANT_ENDED", "GRANT_GIVEN"].map(|cause| (cause.to_owned(), "ACCOUNT".to_owned(), grant["id"].clone())));
    assert_eq!(notices[1]["title"], "Foi-lhe atribuída uma função");
}

async fn notices_are_read_by_their_owner_alone_in_pages(app: TestApp) {
    let world = World::new(app).await;
    let app = &world.app;
    let (talent, other) = (world.talent("talent").await, world.talent("talent2").await);
    for _ in 0..5 {
        world.case(&talent).await;
    }
    world.case(&other).await;
    told(app).await;
    let page = async |by: &Someone, variables: Value| app.graphql(Some(&by.token), INBOX, variables).await.ok();
    let all = page(&talent, json!({})).await;
    assert_eq!((&all["unreadNoticeCount"], &all["myNotices"]["totalCount"]), (&json!(5), &json!(5)));
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let mut data = page(&talent, json!({ "first": 2, "after": after })).await["myNotices"].take();
        seen.extend(data["nodes"].as_array().unwrap().iter().map(|notice| notice["id"].clone()));
        after = data["pageInfo"]["endCursor"].take();
        if data["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let ids: Vec<Value> = all["myNotices"]["nodes"].as_array().unwrap().iter().map(|notice| notice["id"].clone()).collect();
    assert_eq!(seen, ids);
    let (statements, _) = app.statements(app.graphql(Some(&talent.token), "{ myNotices { nodes { id title text } } }", json!({}))).await;
    assert_eq!(statements, 3, "the session, who she is, and her notices");
    // Another's is none of hers, and then none is marked.
    let foreign = page(&other, json!({})).await["myNotices"]["nodes"][0]["id"].take();
    let mark = "mutation($input: MarkNoticesReadInput!) { markNoticesRead(input: $input) { unreadNoticeCount userErrors { code field } } }";
    let marked = async |input: Value| app.graphql(Some(&talent.token), mark, json!({ "input": input })).await.ok()["markNoticesRead"].take();
    let noes = marked(json!({ "noticeIds": [ids[0], foreign] })).await;
    assert_eq!(noes, json!({ "unreadNoticeCount": null, "userErrors": [{ "code": "NOT_FOUND", "field": ["input", "noticeIds", "1"] }] }));
    assert_eq!(page(&talent, json!({})).await["unreadNoticeCount"], 5);
    // Marked once; a second mark leaves the first instant.
    assert_eq!(marked(json!({ "noticeIds": [ids[0]] })).await, json!({ "unreadNoticeCount": 4, "userErrors": [] }));
    let read_at = page(&talent, json!({})).await["myNotices"]["nodes"][0]["readAt"].take();
    assert!(read_at.is_string());
    app.advance(Duration::minutes(1));
    assert_eq!(marked(json!({ "noticeIds": [ids[0]] })).await["unreadNoticeCount"], 4);
    let now = page(&talent, json!({})).await;
    assert_eq!(now["myNotices"]["nodes"][0]["readAt"], read_at);
    let unread = page(&talent, json!({ "unread": true })).await;
    assert_eq!((&unread["myNotices"]["totalCount"], &unread["myNotices"]["nodes"][0]["id"]), (&json!(4), &ids[1]));
    assert_eq!(marked(json!({})).await, json!({ "unreadNoticeCount": 0, "userErrors": [] }));
    assert_eq!(page(&talent, json!({ "unread": true })).await["myNotices"]["nodes"], json!([]));
    assert_eq!(page(&other, json!({})).await["unreadNoticeCount"], 1);
    // Nobody has no inbox.
    for query in ["{ myNotices { totalCount } }", "{ unreadNoticeCount }", "{ noticePreferences { group } }", "{ myDevices { id } }"] {
        assert_eq!(app.graphql(None, query, json!({})).await.code(), "UNAUTHENTICATED", "{query}");
    }
    assert_eq!(app.graphql(Some(&talent.token), INBOX, json!({ "first": 101 })).await.code(), "BAD_REQUEST");
    assert_eq!(app.graphql(Some(&talent.token), INBOX, json!({ "after": "x" })).await.code(), "CURSOR_INVALID");
}

/// A mail as its reader sees it: subject and text.
fn opened(letter: &str) -> (String, String) {
    let (head, body) = letter.split_once("\n\n").unwrap();
    let word = |word: &str| -> String {
        let coded = word.trim().strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        coded.map_or_else(|| word.trim().to_owned(), |coded| String::from_utf8(STANDARD.decode(coded).unwrap()).unwrap())
    };
    let lines: Vec<&str> = head.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("Subject: ")).unwrap();
    let more = lines[first + 1..].iter().take_while(|line| line.starts_with(' '));
    let subject = std::iter::once(&lines[first]["Subject: ".len()..]).chain(more.copied()).flat_map(|line| line.split_whitespace()).map(word).collect();
    assert_eq!(mail_header(letter, "Content-Transfer-Encoding"), "base64");
    let text = STANDARD.decode(body.lines().collect::<String>()).unwrap();
    (subject, String::from_utf8(text).unwrap())
}

async fn speaks(world: &World, someone: &Someone, language: &str) {
    let version = world.app.version_of(&json!(someone.person.global())).await;
    let input = json!({ "preferredLanguage": language, "expectedVersion": version });
    world.run(someone, "updateProfile", "person { id }", input).await.unwrap();
}

async fn a_mail_comes_once_in_the_language_of_the_talent_though_its_worker_was_killed(app: TestApp) {
    // The program has the machine's clock.
    app.set_time(Env::system().now());
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    speaks(&world, &talent, "ZH_HANT").await;
    let case = world.case(&talent).await;
    // The case is committed. The program seals it, writes the notice, takes its mail, connects to a server that says nothing,
    // and is killed.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.app.write_keys();
    let folder = world.app.folder().to_str().unwrap().to_owned();
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &folder, "--database-url", &world.app.database_url()]);
    serve.env("PORTAL_SMTP_URL", format!("smtp://{}", silent.local_addr().unwrap())).env("PORTAL_DATABASE_CONNECTIONS", "2");
    let server = Server::start(&mut serve, world.app.folder().join("log"));
    let connection = silent.accept().await.unwrap();
    drop(server);
    drop((connection, silent));
    assert_eq!(count(&world.app, "outbox WHERE kind = 'NOTICE_EMAIL' AND state = 'PENDING' AND leased_until IS NOT NULL").await, 1);
    // Another process takes it over when the lease of the dead one has ended, and not before.
    let sink = Sink::start(&[]).await;
    let app = world.app.configured(|config| {
        (config.smtp_url, config.mail_from) = (Some(sink.url.clone()), "Portal <portal@portal.example>".into());
        config.settings.front_end_url = Some("https://portal.example/".into());
    });
    app.set_time(Env::system().now());
    work(&app).await;
    assert_eq!(sink.letters().len(), 0);
    app.advance(Duration::minutes(3));
    work(&app).await;
    told(&app).await;
    work(&app).await;
    app.advance(Duration::days(1));
    work(&app).await;
    let letters = sink.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(mail_header(&letters[0], "To"), "talent@demo.invalid");
    let id = mail_header(&letters[0], "Message-ID");
    assert!(id.starts_with("<outbox_") && id.ends_with("@portal.example>"), "{id}");
    let (subject, words) = opened(&letters[0]);
    let number = case["number"].as_str().unwrap();
    assert!(subject.starts_with("已收件：") && words.starts_with("您申請的「") && words.contains(number), "{subject}\n{words}");
    assert!(words.ends_with("查閱詳情：https://portal.example/"), "{words}");
    // Nothing about her but what she asked for.
    assert!(!words.contains("人才甲") && !words.contains("Talent One"), "{words}");
}

async fn a_mail_that_may_have_come_is_sent_again_under_its_message_id(app: TestApp) {
    let sink = Sink::start(&[Answer::Gone, Answer::Later]).await;
    let log = Log::begin();
    let world = World::new(app.configured(|config| config.smtp_url = Some(sink.url.clone()))).await;
    let talent = world.talent("talent").await;
    world.case(&talent).await;
    told(&world.app).await;
    for seconds in [0, 5, 10, 20, 3600] {
        world.app.advance(Duration::seconds(seconds));
        while work_off(world.app.portal()).await.unwrap() > 0 {}
    }
    let letters = sink.letters();
    assert_eq!(letters.len(), 3);
    let ids: Vec<_> = letters.iter().map(|letter| mail_header(letter, "Message-ID")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let log = Haystack::new(&log.end());
    assert!(log.holds(b"the mail server answered 451") && !log.holds(b"talent@demo.invalid"));
}

/// What a gateway does with a message.
#[derive(Clone, Debug)]
enum Act {
    Status(u16),
    /// Sends elsewhere.
    Redirect(String),
    /// Takes its time.
    Slow,
}

/// An HTTP gateway of the test: what it was sent, until dropped.
struct Gateway {
    url: String,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Script {
    acts: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<(HeaderMap, Value)>>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn act(State(script): State<Arc<Script>>, headers: HeaderMap, body: String) -> Response {
    let act = script.acts.lock().unwrap().pop_front();
    script.seen.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
    match act {
        None => StatusCode::OK.into_response(),
        // Its words are nobody's business.
        Some(Act::Status(status)) => (StatusCode::from_u16(status).unwrap(), "canary in an answer").into_response(),
        Some(Act::Redirect(to)) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Some(Act::Slow) => {
            tokio::time::sleep(std::time::Duration::from_secs(20)).await;
            StatusCode::OK.into_response()
        }
    }
}

impl Gateway {
    async fn start(acts: &[Act]) -> Self {
        let script = Arc::new(Script { acts: Mutex::new(acts.iter().cloned().collect()), ..Script::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/send", listener.local_addr().unwrap());
        let router = Router::new().route("/send", axum::routing::any(act)).with_state(script.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script, task }
    }

    fn then(&self, acts: &[Act]) {
        self.script.acts.lock().unwrap().extend(acts.iter().cloned());
    }

    /// What it was sent, each with the token of ours.
    fn seen(&self) -> Vec<Value> {
        let seen = self.script.seen.lock().unwrap();
        assert!(seen.iter().all(|(headers, _)| headers[header::AUTHORIZATION] == "Bearer canary-token" && headers[header::CONTENT_TYPE] == "application/json"));
        seen.iter().map(|(_, body)| body.clone()).collect()
    }
}

/// The portal with gateways at these addresses.
fn with_gateways(app: TestApp, sms: Option<&str>, push: Option<&str>) -> TestApp {
    let token_file = app.folder().join("gateway.token");
    std::fs::write(&token_file, "canary-token\n").unwrap();
    std::fs::set_permissions(&token_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let at = |url: Option<&str>| url.map(|url| GatewayAt { url: url.to_owned(), token_file: token_file.clone() });
    app.configured(|config| (config.sms_gateway, config.push_gateway, config.gateway_seconds) = (at(sms), at(push), 1))
}

async fn work(app: &TestApp) {
    while work_off(app.portal()).await.unwrap() > 0 {}
}

/// Sets the channels of a group; gives those of all groups.
async fn prefer(app: &TestApp, token: &str, group: &str, channels: Value) -> Value {
    let shown = "preferences { group channels }";
    mutate(app, Some(token), "setNoticePreferences", shown, json!({ "preferences": [{ "group": group, "channels": channels }] })).await["preferences"].take()
}

async fn register(world: &World, by: &Someone, token: &str) -> Value {
    let input = json!({ "platform": "HARMONY", "token": token, "idempotencyKey": world.key() });
    world.run(by, "registerDevice", "device { id platform registeredAt }", input).await.unwrap()
}

const MOBILE: &str = "+8613800138000";

/// Somebody who signed up with a mobile number, whose code came by the gateway.
async fn by_mobile(app: &TestApp, sms: &Gateway) -> (String, PersonId) {
    let challenge = mutate(app, None, "startSignUp", "challenge { id }", json!({ "contact": MOBILE, "language": "EN" })).await["challenge"]["id"].take();
    work(app).await;
    let sent = sms.seen().pop().unwrap();
    let code: String = text(&sent["text"]).split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).unwrap().to_owned();
    let input = json!({ "challengeId": challenge, "code": code, "password": PASSWORD, "nameZh": "陈大文" });
    let pair = mutate(app, None, "completeSignUp", "session { accessToken }", input).await;
    let token = text(&pair["session"]["accessToken"]);
    let person = crate::account::person_of(app, &token).await;
    (token, PersonId::parse_global(&person).unwrap())
}

async fn give_role(world: &World, security: &Someone, person: PersonId) {
    let input = json!({ "personId": person.global(), "role": "REVIEWER", "unitId": world.units.city.global(), "idempotencyKey": world.key() });
    world.run(security, "grantRole", "grant { id }", input).await.unwrap();
    told(&world.app).await;
}

async fn a_code_goes_by_the_gateway_for_sms(app: TestApp) {
    let sms = Gateway::start(&[Act::Status(503)]).await;
    let app = with_gateways(app, Some(&sms.url), None);
    mutate(&app, None, "startSignUp", "challenge { id }", json!({ "contact": MOBILE, "language": "EN" })).await;
    work(&app).await;
    app.advance(Duration::seconds(6));
    work(&app).await;
    app.advance(Duration::minutes(5));
    work(&app).await;
    let seen = sms.seen();
    assert_eq!(seen.len(), 2, "the first was refused, the second taken");
    assert_eq!(seen[0], seen[1]);
    assert_eq!((&seen[0]["to"], seen[0].as_object().unwrap().len()), (&json!(MOBILE), 3));
    assert!(text(&seen[0]["id"]).starts_with("outbox_") && text(&seen[0]["text"]).starts_with("Your code is "), "{}", seen[0]);
    assert!(app.mailbox().await.is_empty(), "what goes by the gateway is no file");
}

async fn preferences_say_where_notices_go_besides_the_inbox(app: TestApp) {
    let sms = Gateway::start(&[]).await;
    let push = Gateway::start(&[]).await;
    let world = World::new(with_gateways(app, Some(&sms.url), Some(&push.url))).await;
    let app = &world.app;
    let (security, talent) = (world.staff("security").await, world.talent("talent").await);
    register(&world, &talent, "canary-device").await;
    let all = app.graphql(Some(&talent.token), "{ noticePreferences { group channels } }", json!({})).await.ok()["noticePreferences"].take();
    let default = |group: &str| json!({ "group": group, "channels": ["EMAIL", "PUSH"] });
    assert_eq!(all, json!([default("CASE"), default("CARD"), default("WORK"), default("ACCOUNT")]));
    let letters = async || app.mailbox().await.iter().filter(|letter| letter["to"] == "talent@demo.invalid").count();
    world.case(&talent).await;
    told(app).await;
    assert_eq!((letters().await, push.seen().len()), (1, 1));
    let now = prefer(app, &talent.token, "CASE", json!([])).await;
    assert_eq!(now, json!([{ "group": "CASE", "channels": [] }, default("CARD"), default("WORK"), default("ACCOUNT")]));
    world.case(&talent).await;
    told(app).await;
    assert_eq!((letters().await, push.seen().len()), (1, 1), "nothing goes out");
    assert_eq!(causes(app, &talent).await, ["SUBMITTED", "SUBMITTED"], "the inbox has it all the same");
    // An SMS is for who wants it; who has no address gets no mail.
    let (token, person) = by_mobile(app, &sms).await;
    give_role(&world, &security, person).await;
    work(app).await;
    assert_eq!(sms.seen().len(), 1, "the code alone");
    prefer(app, &token, "ACCOUNT", json!(["SMS", "EMAIL", "PUSH"])).await;
    let input = json!({ "personId": person.global(), "role": "APPROVER", "unitId": world.units.city.global(), "idempotencyKey": world.key() });
    world.run(&security, "grantRole", "grant { id }", input).await.unwrap();
    told(app).await;
    work(app).await;
    let sent = sms.seen();
    assert_eq!((sent.len(), &sent[1]["to"]), (2, &json!(MOBILE)));
    assert!(text(&sent[1]["text"]).starts_with("您获授予一项角色"), "{}", sent[1]);
    // A group named twice says nothing; the first choice stays.
    let twice = json!({ "preferences": [{ "group": "CASE", "channels": ["SMS"] }, { "group": "CASE", "channels": [] }] });
    let noes = no(world.run(&talent, "setNoticePreferences", "preferences { group }", twice).await);
    assert_eq!((codes(&noes), &noes[0]["field"]), (vec!["NOT_ALLOWED"], &json!(["input", "preferences", "1", "group"])));
    let many = json!({ "preferences": vec![json!({ "group": "CASE", "channels": [] }); 5] });
    let document = crate::account::mutation("setNoticePreferences", "preferences { group }");
    assert_eq!(app.graphql(Some(&talent.token), &document, json!({ "input": many })).await.code(), "BAD_REQUEST");
}

async fn a_gateway_that_fails_is_tried_again_later_and_given_up_at_last(app: TestApp) {
    let elsewhere = Gateway::start(&[]).await;
    let sms = Gateway::start(&[]).await;
    let world = World::new(with_gateways(app, Some(&sms.url), None)).await;
    let security = world.staff("security").await;
    let (token, person) = by_mobile(&world.app, &sms).await;
    prefer(&world.app, &token, "ACCOUNT", json!(["SMS"])).await;
    let log = Log::begin();
    sms.then(&[Act::Status(500), Act::Redirect(elsewhere.url.clone()), Act::Slow]);
    give_role(&world, &security, person).await;
    let app = &world.app;
    let sent = || sms.seen().len() - 1;
    work(app).await;
    assert_eq!(sent(), 1);
    // Not before its time: five seconds, then ten, then twenty.
    for (wait, then) in [(4, 1), (1, 2), (9, 2), (1, 3), (19, 3), (1, 4), (3600, 4)] {
        app.advance(Duration::seconds(wait));
        work(app).await;
        assert_eq!(sent(), then);
    }
    let seen = sms.seen();
    assert!(seen[2..].iter().all(|message| *message == seen[1]), "the gateway knows by the id what comes twice: {seen:?}");
    assert_eq!(elsewhere.seen().len(), 0, "nothing is asked of a host that nobody named");
    assert_eq!(count(app, "outbox WHERE kind = 'NOTICE_SMS' AND state = 'DONE'").await, 1);
    // One that is down stays down: after twelve tries the row is given up and told.
    sms.task.abort();
    while !sms.task.is_finished() {
        tokio::task::yield_now().await;
    }
    let input = json!({ "personId": person.global(), "role": "APPROVER", "unitId": world.units.city.global(), "idempotencyKey": world.key() });
    world.run(&security, "grantRole", "grant { id }", input).await.unwrap();
    told(app).await;
    for _ in 0..14 {
        work(app).await;
        app.advance(Duration::hours(1));
    }
    assert_eq!(count(app, "outbox WHERE kind = 'NOTICE_SMS' AND state = 'DEAD' AND attempts = 12").await, 1);
    let log = Haystack::new(&log.end());
    for told in
        ["the gateway answered 500", "the gateway answered 307", "the gateway does not answer in time", "the gateway cannot be reached", "outbox row given up"]
    {
        assert!(log.holds(told.as_bytes()), "{told}");
    }
    for secret in ["canary", "13800138000", "您获授予"] {
        assert!(!log.holds(secret.as_bytes()), "the log holds {secret}");
    }
    // The inbox has both notices, whatever became of the messages.
    assert_eq!(count(app, "notice WHERE cause = 'GRANT_GIVEN'").await, 2);
}

async fn a_push_notice_holds_ids_alone_and_a_device_that_is_gone_is_forgotten(app: TestApp) {
    let push = Gateway::start(&[Act::Status(502), Act::Status(410)]).await;
    let world = World::new(with_gateways(app, None, Some(&push.url))).await;
    let app = &world.app;
    let talent = world.talent("talent").await;
    register(&world, &talent, "canary-device-1").await;
    world.case(&talent).await;
    told(app).await;
    work(app).await;
    let notice = inbox(app, &talent.token, "en").await.remove(0);
    let seen = push.seen();
    assert_eq!(seen.len(), 1);
    let id = text(&seen[0]["id"]);
    assert!(id.starts_with("outbox_"));
    assert_eq!(seen[0], json!({ "id": id, "platform": "HARMONY", "device": "canary-device-1", "noticeId": notice["id"] }));
    // Tried again, the push service does not know the device any more.
    let devices = async || app.graphql(Some(&talent.token), "{ myDevices { id platform } }", json!({})).await.ok()["myDevices"].take();
    assert_eq!(devices().await.as_array().unwrap().len(), 1);
    app.advance(Duration::seconds(6));
    work(app).await;
    assert_eq!((push.seen().len(), devices().await), (2, json!([])));
    // Two devices are two messages; one that was forgotten meanwhile is sent nothing.
    let (first, _second) = (register(&world, &talent, "canary-device-2").await, register(&world, &talent, "canary-device-3").await);
    world.case(&talent).await;
    told(app).await;
    let forgot = world.run(&talent, "forgetDevice", "forgottenDeviceId", json!({ "deviceId": first["id"] })).await.unwrap();
    assert_eq!(forgot, first["id"]);
    work(app).await;
    let seen = push.seen();
    assert_eq!((seen.len(), &seen[2]["device"]), (3, &json!("canary-device-3")));
    // The token lies sealed.
    let stored = Haystack::new(&everything(app).await);
    assert!(!stored.holds_in_any_form(b"canary-device"));
}

async fn a_device_rings_for_one_account(app: TestApp) {
    let push = Gateway::start(&[]).await;
    let world = World::new(with_gateways(app, None, Some(&push.url))).await;
    let app = &world.app;
    let (one, two) = (world.talent("talent").await, world.talent("talent2").await);
    let devices = async |by: &Someone| app.graphql(Some(&by.token), "{ myDevices { id } }", json!({})).await.ok()["myDevices"].take();
    let mine = register(&world, &one, "canary-device").await;
    let strange = |device: &Value| json!({ "deviceId": device["id"] });
    let noes = no(world.run(&two, "forgetDevice", "forgottenDeviceId", strange(&mine)).await);
    assert_eq!((codes(&noes), &noes[0]["field"]), (vec!["NOT_FOUND"], &json!(["input", "deviceId"])));
    // The phone goes to another: from now on it rings for her alone, also for what was under way.
    world.case(&one).await;
    told(app).await;
    let hers = register(&world, &two, "canary-device").await;
    assert_eq!((devices(&one).await, devices(&two).await), (json!([]), json!([{ "id": hers["id"] }])));
    world.case(&one).await;
    told(app).await;
    work(app).await;
    assert_eq!(push.seen().len(), 0);
    world.case(&two).await;
    told(app).await;
    work(app).await;
    assert_eq!(push.seen().len(), 1);
    // The same request twice is one device; the same key for another is refused.
    let key = world.key();
    let input = |token: &str| json!({ "platform": "WEB", "token": token, "idempotencyKey": key });
    let [first, again] = [input("canary-web"), input("canary-web")].map(|input| world.run(&two, "registerDevice", "device { id }", input));
    assert_eq!(first.await.unwrap(), again.await.unwrap());
    assert_eq!(codes(&no(world.run(&two, "registerDevice", "device { id }", input("canary-else")).await)), ["IDEMPOTENCY_KEY_REUSED"]);
    for (token, code) in [(String::new(), "REQUIRED"), ("with space".into(), "MALFORMED"), ("鑰".into(), "MALFORMED"), ("x".repeat(4097), "TOO_LONG")] {
        let input = json!({ "platform": "IOS", "token": token, "idempotencyKey": world.key() });
        let payload = mutate(app, Some(&two.token), "registerDevice", "device { id }", input).await;
        refused(&payload, code, "input.token");
    }
    for number in 2..20 {
        register(&world, &two, &format!("canary-device-{number}")).await;
    }
    assert_eq!(devices(&two).await.as_array().unwrap().len(), 20);
    let more = with(input("canary-too-many"), json!({ "idempotencyKey": world.key() }));
    assert_eq!(codes(&no(world.run(&two, "registerDevice", "device { id }", more).await)), ["TOO_MANY"]);
    assert_eq!(devices(&two).await.as_array().unwrap().len(), 20);
}

async fn a_channel_holds_up_no_other_and_no_code(app: TestApp) {
    let push = Gateway::start(&[]).await;
    let world = World::new(with_gateways(app, None, Some(&push.url))).await;
    let app = &world.app;
    let talent = world.talent("talent").await;
    register(&world, &talent, "canary-device").await;
    for _ in 0..3 {
        world.case(&talent).await;
    }
    told(app).await;
    // The code comes last, and waits for none of them.
    app.advance(Duration::seconds(1));
    mutate(app, None, "startSignUp", "challenge { id }", json!({ "contact": "last@example.com" })).await;
    let lanes = app.portal().part::<Workers>().unwrap().lanes();
    let apart = ["NOTICE_EMAIL", "NOTICE_PUSH", "NOTICE_SMS"];
    let expected: Vec<Lane> = std::iter::once(Lane::AllBut(apart.to_vec())).chain(apart.map(|kind| Lane::Only(vec![kind]))).collect();
    assert_eq!(lanes, expected);
    let undone = async || {
        [
            count(app, "outbox WHERE state = 'PENDING' AND kind = 'SEND_CODE'").await,
            count(app, "outbox WHERE state = 'PENDING' AND kind = 'NOTICE_EMAIL'").await,
            count(app, "outbox WHERE state = 'PENDING' AND kind = 'NOTICE_PUSH'").await,
        ]
    };
    assert_eq!(undone().await, [1, 3, 3]);
    for (lane, taken, then) in [(0, 1, [0, 3, 3]), (2, 3, [0, 3, 0]), (3, 0, [0, 3, 0]), (1, 3, [0, 0, 0])] {
        assert_eq!(work_off_lane(app.portal(), &lanes[lane]).await.unwrap(), taken);
        assert_eq!(undone().await, then);
    }
    assert_eq!(push.seen().len(), 3);
}
