//! Every stored operation is sent once, with what a front end would send, and answers with data.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use talent_portal::account::service::create_admin_invitation;
use talent_portal::api::operations;
use talent_portal::audit::entity::trail;
use talent_portal::audit::service::Bus;
use talent_portal::kernel::hex;
use talent_portal::kernel::ids::{PersonId, TypedId as _};
use talent_portal::kernel::role::Role;
use talent_portal::organisation::model::unit::UnitLevel;

use crate::account::{OTHER_PASSWORD, PASSWORD};
use crate::application::{CARD, Someone, World, target, with};
use crate::authz::NOT_DONE;
use crate::factors::shown;
use crate::live::{loops, told};
use crate::socket::{say, serve};
use crate::support::{TestApp, both_engines};

both_engines!(every_stored_operation_answers_with_data);

/// The operations, and which of them were sent.
struct Operations<'a> {
    world: &'a World,
    texts: BTreeMap<&'static str, &'static str>,
    sent: RefCell<BTreeSet<&'static str>>,
    /// The mutations among them, by their root fields.
    mutations: RefCell<BTreeSet<String>>,
}

impl<'a> Operations<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, texts: operations::all().collect(), sent: RefCell::default(), mutations: RefCell::default() }
    }

    /// The text of a file, which counts as sent.
    fn text(&self, file: &str) -> &'static str {
        let (path, text) = self.texts.get_key_value(&*format!("{file}.graphql")).unwrap_or_else(|| panic!("no operation {file}"));
        self.sent.borrow_mut().insert(path);
        text
    }

    /// How many rows the trail has.
    async fn trail(&self) -> u64 {
        trail::Entity::find().count(self.world.app.portal().db.read()).await.unwrap()
    }

    /// Sends an operation; gives its one root field, which is there without a single no.
    async fn send(&self, file: &str, token: Option<&str>, variables: Value) -> Value {
        self.send_text(file, self.text(file), token, variables).await
    }

    /// The same with a text of its own. A mutation leaves its row in the trail.
    async fn send_text(&self, file: &str, text: &str, token: Option<&str>, variables: Value) -> Value {
        let before = self.trail().await;
        let reply = self.world.app.graphql(token, text, variables).await;
        assert!(reply.errors.is_empty(), "{file}: {:#?}", reply.errors);
        let mut fields = reply.data.as_object().unwrap().clone();
        assert_eq!(fields.len(), 1, "{file}");
        if text.starts_with("mutation") {
            assert!(self.trail().await > before, "{file} is done without a row in the trail");
            self.mutations.borrow_mut().extend(fields.keys().cloned());
        }
        let answer = fields.values_mut().next().unwrap().take();
        answers(file, &answer);
        answer
    }

    async fn input(&self, file: &str, by: &Someone, input: Value) -> Value {
        self.send(file, Some(&by.token), json!({ "input": input })).await
    }

    /// On a case as it stands.
    async fn act(&self, file: &str, by: &Someone, case: &Value, more: Value) -> Value {
        let now = self.world.read(by, case, "id version").await;
        self.input(file, by, with(target(&now), more)).await
    }
}

/// No `userErrors`, and something besides them; of a connection at least one object.
fn answers(file: &str, answer: &Value) {
    let told = |value: &Value| !value.is_null() && *value != json!([]);
    filled(file, answer);
    match answer {
        Value::Object(fields) => {
            assert!(fields.get("userErrors").is_none_or(|errors| *errors == json!([])), "{file}: {answer}");
            assert!(fields.iter().any(|(name, value)| name != "userErrors" && told(value)), "{file}: {answer}");
        }
        other => assert!(told(other), "{file}: {answer}"),
    }
}

/// Each connection in an answer has something on its page.
fn filled(file: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("pageInfo") {
                let page = fields.get("nodes").or(fields.get("edges")).and_then(Value::as_array);
                assert!(page.is_some_and(|page| !page.is_empty()), "{file} shows an empty page: {value}");
            }
            fields.values().for_each(|value| filled(file, value));
        }
        Value::Array(list) => list.iter().for_each(|value| filled(file, value)),
        _ => {}
    }
}

async fn every_stored_operation_answers_with_data(app: TestApp) {
    let world = World::new(app).await;
    let ops = Operations::new(&world);
    accounts(&ops).await;
    profile(&ops).await;
    cases_and_cards(&ops).await;
    beyond_the_straight_way(&ops).await;
    notices(&ops).await;
    no_screen(&ops).await;
    subscriptions(&ops).await;
    let done = ops.mutations.borrow();
    let missing: Vec<_> = NOT_DONE.iter().filter(|name| !done.contains(**name)).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "mutations that are done neither here nor by the table of rights");
    let sent = ops.sent.borrow();
    let missing: Vec<_> = ops.texts.keys().filter(|path| !sent.contains(*path)).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "operations that nobody has sent");
}

/// Somebody signs up, in, out, recovers, and has a second factor that is taken away.
async fn accounts(ops: &Operations<'_>) {
    const ONE: &str = "one@example.com";
    let app = &ops.world.app;
    ops.send("sign-up/today", None, json!({})).await;
    let challenge = ops.send("sign-up/start-sign-up", None, json!({ "input": { "contact": ONE } })).await["challenge"]["id"].take();
    let input = json!({ "challengeId": challenge, "code": app.code_for(ONE).await, "password": PASSWORD, "nameZh": "陈大文" });
    let pair = ops.send("sign-up/complete-sign-up", None, json!({ "input": input })).await["session"].take();
    let pair = ops.send("sign-in/refresh-session", None, json!({ "input": { "refreshToken": pair["refreshToken"] } })).await["session"].take();
    let token = pair["accessToken"].as_str().unwrap();
    ops.send("sign-in/viewer", Some(token), json!({})).await;
    let sessions = app.graphql(Some(token), "{ viewer { sessions { id } } }", json!({})).await.ok()["viewer"]["sessions"].clone();
    ops.send("security/end-all-sessions", Some(token), json!({ "input": { "keepCurrent": true } })).await;
    ops.send("security/end-session", Some(token), json!({ "input": { "sessionId": sessions[0]["id"] } })).await;
    let input = json!({ "input": { "contact": ONE, "password": PASSWORD } });
    let token = ops.send("sign-in/sign-in", None, input).await["result"]["accessToken"].as_str().unwrap().to_owned();
    ops.send("sign-in/sign-out", Some(&token), json!({})).await;

    app.advance(Duration::minutes(2));
    let challenge = ops.send("sign-in/start-recovery", None, json!({ "input": { "contact": ONE } })).await["challenge"]["id"].take();
    let input = json!({ "challengeId": challenge, "code": app.code_for(ONE).await, "password": OTHER_PASSWORD });
    ops.send("sign-in/complete-recovery", None, json!({ "input": input })).await;
    let credentials = json!({ "input": { "contact": ONE, "password": OTHER_PASSWORD } });
    let token = ops.send("sign-in/sign-in", None, credentials.clone()).await["result"]["accessToken"].as_str().unwrap().to_owned();
    let challenge = ops.send("sign-in/add-contact-point", Some(&token), json!({ "input": { "contact": "two@example.com" } })).await["challenge"]["id"].take();
    let input = json!({ "challengeId": challenge, "code": app.code_for("two@example.com").await });
    ops.send("sign-in/confirm-contact-point", Some(&token), json!({ "input": input })).await;
    let invitation = create_admin_invitation(app.portal(), Role::AuditAdmin).await.unwrap();
    ops.send("security/accept-invitation", Some(&token), json!({ "input": { "token": invitation } })).await;

    let enrol = async |token: &str| {
        let secret = ops.send("security/start-totp-enrolment", Some(token), json!({})).await["enrolment"]["secret"].as_str().unwrap().to_owned();
        let confirmed = ops.send("security/complete-totp-enrolment", Some(token), json!({ "input": { "code": shown(app, &secret) } })).await;
        // The role of the invitation is in force from now on.
        assert_eq!(confirmed["viewer"]["grants"][0]["role"], "AUDIT_ADMIN", "{confirmed}");
        (secret, confirmed["factor"]["id"].clone())
    };
    let (secret, factor) = enrol(&token).await;
    app.advance(Duration::seconds(30));
    let challenge = ops.send("sign-in/sign-in", None, credentials).await["result"]["challengeId"].take();
    let input = json!({ "challengeId": challenge, "code": shown(app, &secret) });
    let token = ops.send("sign-in/complete-sign-in", None, json!({ "input": input })).await["session"]["accessToken"].as_str().unwrap().to_owned();
    ops.send("security/security", Some(&token), json!({})).await;
    let removed = ops.send("security/remove-factor", Some(&token), json!({ "input": { "factorId": factor } })).await;
    assert_eq!((&removed["viewer"]["grants"], &removed["viewer"]["secondFactorNeeded"]), (&json!([]), &json!(true)));
    enrol(&token).await;
    let security = ops.world.staff("security").await;
    let person = crate::account::person_of(app, &token).await;
    ops.input("security/reset-factors", &security, json!({ "personId": person, "reason": "DEVICE_LOST" })).await;
}

async fn profile(ops: &Operations<'_>) {
    let world = ops.world;
    let (talent, officer) = (world.someone("profile", None).await, world.someone("officer-two", Some(Role::WindowOfficer)).await);
    let mine = Some(&*talent.token);
    let entry = |more: Value| with(json!({ "idempotencyKey": world.key() }), more);
    let version = world.app.graphql(mine, "{ viewer { person { version } } }", json!({})).await.ok()["viewer"]["person"]["version"].take();
    ops.input("profile/update-profile", &talent, json!({ "nameLatin": "CHAN Tai Man", "expectedVersion": version })).await;
    let made = |answer: &Value| answer.as_object().unwrap().values().find_map(|value| value.get("id").cloned()).expect("what was made has an id");
    let education = ops.input("profile/add-education", &talent, entry(json!({ "level": "DOCTOR", "institution": "中山大学" }))).await;
    let employment = json!({ "employerName": "某公司", "position": "工程师", "startedOn": "2020-01-01" });
    let employment = ops.input("profile/add-employment", &talent, entry(employment)).await;
    let child = ops.input("profile/add-family-member", &talent, entry(json!({ "relation": "CHILD", "nameZh": "陈小文" }))).await;
    let hkid = ops.input("profile/add-identity-document", &talent, entry(json!({ "kind": "HKID", "documentNumber": "A123456(3)" }))).await;
    let category = ops.input("profile/claim-talent-category", &talent, entry(json!({ "category": "DOCTOR" }))).await;
    ops.send("profile/profile", mine, json!({})).await;
    ops.send("profile/family", mine, json!({})).await;
    let own = json!({ "personId": talent.person.global(), "field": "IDENTITY_DOCUMENT_NUMBER", "identityDocumentId": made(&hkid), "purpose": "OWN_DATA" });
    ops.input("profile/reveal-personal-data", &talent, own).await;
    ops.send("profile/access-log", mine, json!({ "first": 5 })).await;
    ops.input("profile/end-employment", &talent, json!({ "employmentId": made(&employment), "endedOn": "2025-12-31" })).await;
    for (file, name, what) in [
        ("profile/remove-education", "educationId", &education),
        ("profile/remove-employment", "employmentId", &employment),
        ("profile/remove-family-member", "familyMemberId", &child),
        ("profile/remove-identity-document", "identityDocumentId", &hkid),
        ("profile/withdraw-talent-category", "categoryId", &category),
    ] {
        ops.input(file, &talent, json!({ name: made(what) })).await;
    }
    let walk_in = ops.input("window/register-person", &officer, entry(json!({ "nameZh": "李小红" }))).await;
    let original = json!({ "personId": made(&walk_in), "kind": "RESIDENT_ID_CARD", "documentNumber": "440305189508150029", "expectedVersion": 1 });
    ops.input("window/verify-identity", &officer, original).await;
    let looked = ops.send("window/person", Some(&officer.token), json!({ "id": made(&walk_in) })).await;
    assert_eq!(looked["identityDocuments"][0]["verified"], true, "{looked}");
    let mandate = json!({ "agentId": officer.person.global(), "itemCodes": [CARD], "endsAt": "2026-02-05T01:00:00Z" });
    ops.input("security/grant-mandate", &talent, entry(mandate)).await;
}

/// Somebody signs up; an officer sees her travel permit.
async fn verified(ops: &Operations<'_>, officer: &Someone) -> Someone {
    const CONTACT: &str = "journey@example.com";
    let app = &ops.world.app;
    let challenge = ops.send("sign-up/start-sign-up", None, json!({ "input": { "contact": CONTACT } })).await["challenge"]["id"].take();
    let input = json!({ "challengeId": challenge, "code": app.code_for(CONTACT).await, "password": PASSWORD, "nameZh": "陈大文" });
    let pair = ops.send("sign-up/complete-sign-up", None, json!({ "input": input })).await["session"].take();
    let token = pair["accessToken"].as_str().unwrap().to_owned();
    let viewer = "{ viewer { assurance person { id version } } }";
    let viewer = app.graphql(Some(&token), viewer, json!({})).await.ok()["viewer"].take();
    assert_eq!(viewer["assurance"], "L1", "nobody has seen a paper of hers");
    let permit = json!({
        "personId": viewer["person"]["id"], "kind": "HOME_RETURN_PERMIT", "documentNumber": "H1234567801", "validUntil": "2030-12-31",
        "expectedVersion": viewer["person"]["version"],
    });
    let seen = ops.input("window/verify-identity", officer, permit).await;
    assert_eq!((&seen["person"]["assurance"], &seen["identityDocument"]["verified"]), (&json!("L2"), &json!(true)));
    let person = PersonId::parse_global(viewer["person"]["id"].as_str().unwrap()).unwrap();
    Someone { token, person, account: ops.world.account_of(person).await }
}

/// Somebody signs up and is verified; her card is applied for, decided, checked and used. Other cases are withdrawn and refused.
async fn cases_and_cards(ops: &Operations<'_>) {
    let world = ops.world;
    let (officer, confirmer, counter) = (world.staff("officer").await, world.staff("confirmer").await, world.staff("counter").await);
    let talent = verified(ops, &officer).await;
    let mine = Some(&*talent.token);
    let (reviewer, province, approver) = (world.staff("reviewer").await, world.staff("reviewer2").await, world.staff("approver").await);
    ops.send("apply/service-item", mine, json!({ "code": CARD })).await;
    ops.send("apply/service-items", None, json!({ "first": 5 })).await;
    ops.send("apply/regions", None, json!({ "level": "CITY" })).await;
    ops.send("apply/talent-classes", None, json!({})).await;
    ops.send("apply/bodies", mine, json!({ "kind": "EMPLOYER", "first": 5 })).await;
    let what_if = json!([{ "path": "contribution.insurance_months", "value": 12 }, { "path": "conduct.lawful", "value": true }]);
    ops.send("apply/eligibility", mine, json!({ "code": CARD, "whatIf": what_if })).await;
    let file = b"%PDF-1.7\nnothing\n%%EOF\n";
    let declared = json!({ "documentKind": "PASSPORT", "size": file.len(), "mediaType": "application/pdf", "sha256": hex::encode(&Sha256::digest(file)) });
    ops.input("apply/create-upload", &talent, declared).await;
    let materials = world.materials(&talent).await;
    ops.send("apply/my-documents", mine, json!({ "first": 5 })).await;
    ops.input("apply/create-download", &talent, json!({ "documentVersionId": materials[0]["documentVersionId"] })).await;
    let line = world.card_line(&materials, json!({})).await;
    let cart = ops.input("apply/save-cart", &talent, json!({ "idempotencyKey": world.key(), "lines": [line] })).await["order"].take();
    let submit = json!({ "idempotencyKey": world.key(), "orderId": cart["id"], "expectedVersion": cart["version"] });
    ops.input("apply/submit-cart", &talent, submit).await;
    ops.send("apply/order", mine, json!({ "id": cart["id"] })).await;
    ops.send("apply/my-orders", mine, json!({ "first": 5 })).await;
    let service = world.service_line(json!({ "city": "440100" })).await;
    let filled = json!({ "idempotencyKey": world.key(), "applicantId": talent.person.global(), "channel": "WINDOW", "lines": [service] });
    ops.input("apply/save-cart", &officer, filled).await;
    ops.send("apply/filled-carts", Some(&officer.token), json!({ "first": 5 })).await;
    let order = "query($id: ID!) { order(id: $id) { applications { id version } } }";
    let case = world.app.graphql(mine, order, json!({ "id": cart["id"] })).await.ok()["order"]["applications"][0].take();
    ops.send("my-applications/my-applications", mine, json!({ "first": 5 })).await;
    ops.send("my-applications/my-application", mine, json!({ "id": case["id"] })).await;
    let (withdrawn, refused) = (world.case(&talent).await, world.case(&talent).await);
    ops.act("my-applications/withdraw-application", &talent, &withdrawn, json!({})).await;
    ops.act("case/refuse-acceptance", &officer, &refused, json!({ "reason": "不属于本机关职权范围" })).await;

    let unit = world.units.window.global();
    ops.send("work-queue/work-queue", Some(&officer.token), json!({ "unitId": unit, "first": 5, "filter": { "unclaimed": true } })).await;
    ops.act("case/claim-application", &officer, &case, json!({})).await;
    ops.act("case/release-application", &officer, &case, json!({})).await;
    let paper = json!({ "documentVersionId": materials[0]["documentVersionId"] });
    ops.act("case/mark-original-seen", &officer, &case, paper.clone()).await;
    ops.input("case/create-case-download", &officer, with(paper, json!({ "applicationId": case["id"] }))).await;
    ops.send("case/case", Some(&officer.token), json!({ "id": case["id"] })).await;
    ops.act("case/accept-application", &officer, &case, json!({})).await;
    ops.send("work-queue/employer-queue", Some(&confirmer.token), json!({ "bodyId": world.units.employer.global(), "first": 5 })).await;
    for (by, step) in [(&confirmer, "employer_confirmation"), (&reviewer, "city_review"), (&province, "province_review")] {
        ops.act("case/complete-step", by, &case, json!({ "stepKey": step, "outcome": "POSITIVE" })).await;
    }
    ops.act("case/decide-application", &approver, &case, json!({ "decision": "APPROVED" })).await;
    ops.act("case/record-delivery", &officer, &case, json!({ "channel": "ONLINE" })).await;

    let cards = ops.send("my-card/my-cards", mine, json!({})).await;
    let card = &cards[0]["id"];
    let system = world.staff("system").await;
    ops.input("card-check/set-counter-purpose", &system, json!({ "unitId": unit, "purpose": "TRANSPORT", "allowed": true })).await;
    let token = ops.input("my-card/create-card-token", &talent, json!({ "cardId": card })).await["cardToken"]["token"].take();
    let check = json!({ "by": { "token": token }, "purpose": "TRANSPORT", "idempotencyKey": world.key() });
    let checked = ops.input("card-check/check-card", &counter, check).await;
    let used = json!({
        "checkId": checked["check"]["id"], "benefitId": checked["benefits"][0]["benefit"]["id"], "amount": 1, "idempotencyKey": world.key(),
    });
    let used = ops.input("card-check/record-benefit-use", &counter, used).await["use"]["id"].take();
    ops.input("card-check/reverse-benefit-use", &counter, json!({ "useId": used, "reason": "重复登记", "idempotencyKey": world.key() })).await;
    let token = ops.input("my-card/create-card-token", &talent, json!({ "cardId": card })).await["cardToken"]["token"].take();
    let list = world.app.send(axum::http::Request::get("/.well-known/card-status/0").body(axum::body::Body::empty()).unwrap()).await.2;
    let offline = json!({
        "token": token, "statusList": String::from_utf8(list.to_vec()).unwrap(), "checkedAt": world.app.portal().env.now(), "purpose": "TRANSPORT",
        "idempotencyKey": world.key(),
    });
    let told = ops.input("card-check/record-offline-check", &counter, offline).await;
    assert_eq!(told["check"]["answer"], "VALID_AS_OF");
    ops.send("my-card/card-checks", mine, json!({ "id": card, "first": 5 })).await;
    ops.send("my-card/renewal-item", mine, json!({ "regionCode": "440100" })).await;
    ops.send("my-card/replacement-item", mine, json!({ "regionCode": "440100" })).await;
    let decided = async |file: &str, more: Value| {
        let now = ops.send("card-decision/issued-cards", Some(&approver.token), json!({ "holderId": talent.person.global() })).await;
        let input = with(json!({ "cardId": card, "expectedVersion": now[0]["version"], "reason": "社保记录中断" }), more);
        ops.input(file, &approver, input).await
    };
    decided("card-decision/suspend-card", json!({ "ground": "DATA_CHECK_FAILED" })).await;
    decided("card-decision/correct-card", json!({ "gradeCode": "B" })).await;
    let lifted = decided("card-decision/lift-card-suspension", json!({})).await;
    let input = json!({ "cardId": card, "expectedVersion": lifted["card"]["version"] });
    assert_eq!(ops.input("my-card/report-card-lost", &talent, input).await["card"]["lost"], true);
    decided("card-decision/revoke-card", json!({ "ground": "LEFT_PROVINCE" })).await;
    ops.send("my-card/card-life", mine, json!({ "id": card })).await;
}

/// Notices, procedures, longer limits, returns, hand-overs and terminations, as their screens send them.
async fn beyond_the_straight_way(ops: &Operations<'_>) {
    let world = ops.world;
    let applicant = world.talent("applicant").await;
    let of_city = async |name: &str, role| world.someone(name, Some(role)).await;
    let (officer, reviewer) = (of_city("officer-four", Role::WindowOfficer).await, of_city("reviewer-four", Role::Reviewer).await);
    let (approver, supervisor) = (of_city("approver-four", Role::Approver).await, of_city("supervisor-four", Role::Supervisor).await);
    let case = world.case(&applicant).await;
    let missing = json!({ "items": [{ "what": { "pointer": "/remark" }, "reason": "Say more." }] });
    ops.act("case/request-supplement", &officer, &case, missing).await;
    let seen = ops.send("my-applications/my-application-requests", Some(&applicant.token), json!({ "id": case["id"] })).await;
    let item = seen["requests"][0]["items"][0]["id"].clone();
    ops.act("my-applications/answer-supplement", &applicant, &case, json!({ "items": [{ "itemId": item, "answer": "More." }] })).await;
    let seen = ops.send("case/case-requests", Some(&officer.token), json!({ "id": case["id"] })).await;
    assert_eq!(seen["correctable"].as_array().map(Vec::is_empty), Some(false));
    let correction = json!({ "corrections": [{ "pointer": "/remark", "answer": "Most." }], "reason": "At the window." });
    ops.act("case/correct-answers", &officer, &case, correction).await;
    let other = world.app.unit(UnitLevel::Window, "440106", None).await;
    ops.act("case/hand-over-application", &supervisor, &case, json!({ "unitId": other.global(), "reason": "It lives there." })).await;

    let case = world.case(&applicant).await;
    ops.act("case/accept-application", &officer, &case, json!({})).await;
    let procedure = json!({ "procedure": "EXPERT_REVIEW", "atMostDays": 5, "reason": "Two experts read it." });
    ops.act("case/start-special-procedure", &reviewer, &case, procedure).await;
    ops.act("case/end-special-procedure", &reviewer, &case, json!({})).await;
    ops.act("case/request-extension", &reviewer, &case, json!({ "days": 5, "reason": "A register is slow." })).await;
    ops.act("case/decide-extension", &approver, &case, json!({ "granted": true, "reason": "A register is slow." })).await;
    ops.act("case/complete-step", &reviewer, &case, json!({ "stepKey": "review", "outcome": "POSITIVE" })).await;
    ops.act("case/return-to-step", &approver, &case, json!({ "stepKey": "review", "reason": "Look again." })).await;
    ops.act("case/terminate-application", &supervisor, &case, json!({ "cause": "IMPOSSIBLE", "reason": "It is given no more." })).await;
}

/// Somebody reads her inbox, and says where she wants to be told.
async fn notices(ops: &Operations<'_>) {
    let world = ops.world;
    let talent = world.talent("reader").await;
    let mine = Some(&*talent.token);
    world.case(&talent).await;
    crate::notice::told(&world.app).await;
    // The lease of who sealed ends, so that others may.
    world.app.advance(Duration::seconds(11));
    let inbox = ops.send("inbox/my-notices", mine, json!({ "first": 5, "unreadOnly": true })).await;
    ops.send("inbox/unread-notice-count", mine, json!({})).await;
    ops.input("inbox/mark-notices-read", &talent, json!({ "noticeIds": [inbox["nodes"][0]["id"]] })).await;
    ops.send("inbox/notice-preferences", mine, json!({})).await;
    ops.input("inbox/set-notice-preferences", &talent, json!({ "preferences": [{ "group": "CASE", "channels": ["PUSH"] }] })).await;
    let device = json!({ "platform": "ANDROID", "token": "the-token-of-a-phone", "idempotencyKey": world.key() });
    let device = ops.input("inbox/register-device", &talent, device).await;
    ops.send("inbox/my-devices", mine, json!({})).await;
    ops.input("inbox/forget-device", &talent, json!({ "deviceId": device["device"]["id"] })).await;
}

/// What no screen has yet.
async fn no_screen(ops: &Operations<'_>) {
    let world = ops.world;
    let (talent, system) = (world.someone("sessions", None).await, world.with_roles("system-two", vec![(Role::SystemAdmin, None, None)]).await);
    world.again(&talent).await;
    let sessions = world.app.graphql(Some(&talent.token), "{ viewer { sessions { id current } } }", json!({})).await.ok();
    let other = sessions["viewer"]["sessions"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    let end = "mutation($input: EndSessionInput!) { endSession(input: $input) { endedSessionId userErrors { code } } }";
    ops.send_text("endSession", end, Some(&talent.token), json!({ "input": { "sessionId": other["id"] } })).await;
    let (old, new) = (world.app.unit(UnitLevel::Window, "440106", None).await, world.app.unit(UnitLevel::Window, "440106", None).await);
    let close = "mutation($input: CloseUnitInput!) { closeUnit(input: $input) { unit { id } userErrors { code } } }";
    let input = json!({ "unitId": old.global(), "successorId": new.global(), "expectedVersion": 1, "idempotencyKey": world.key() });
    ops.send_text("closeUnit", close, Some(&system.token), json!({ "input": input })).await;
}

/// Both subscriptions hear a case that is claimed.
async fn subscriptions(ops: &Operations<'_>) {
    let world = ops.world;
    let (talent, officer) = (world.talent("listener").await, world.someone("officer-three", Some(Role::WindowOfficer)).await);
    let case = world.case(&talent).await;
    let (served, _loops) = (serve(&world.app).await, loops(world).await);
    let bus = world.app.portal().part::<Bus>().unwrap();
    // Each stays open, so that none ceases to listen while the next is awaited.
    let mut open = Vec::new();
    for (by, file, variables) in [
        (&talent, "my-applications/application-changed", json!({ "id": case["id"] })),
        (&officer, "work-queue/work-queue-changed", json!({ "unitId": world.units.window.global() })),
    ] {
        let mut socket = served.ready(json!({ "authorization": by.token })).await;
        let before = bus.listeners();
        let payload = json!({ "query": ops.text(file), "variables": variables });
        say(&mut socket, &json!({ "id": "1", "type": "subscribe", "payload": payload })).await;
        while bus.listeners() <= before {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let now = world.read(&officer, &case, "id version claimed").await;
        let change = if now["claimed"] == true { "releaseApplication" } else { "claimApplication" };
        world.done(&officer, change, &now, json!({})).await;
        answers(file, &told(&mut socket).await);
        open.push(socket);
    }
}
