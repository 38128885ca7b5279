//! Second factors over HTTP, on a portal that is no demo: enrolled, asked for, taken away; and what staff may do without.

use chrono::Duration;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use talent_portal::account::service::{create_admin_invitation, is_demo, letters};
use talent_portal::kernel::ids::{ItemId, PersonId, TypedId as _, UnitId};
use talent_portal::kernel::role::Role;
use totp_rs::{Builder, Secret};

use crate::account::{
    OTHER_PASSWORD, PAIR, PASSWORD, RESULT, Signed, code, graphql_from, letters_to, lives, mutate, mutation, person_of, refresh, refused, roles_of, sign_in,
    sign_up, sign_up_from, signed, text, wrong,
};
use crate::application::{CARD, SERVICE};
use crate::support::search::{Haystack, Log, everything};
use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    from_the_operators_token_to_a_queue_all_is_the_api,
    a_unit_offers_what_the_catalogue_has_for_it_once,
    what_cannot_be_offered_is_refused_and_nothing_is_made,
    roles_of_staff_wait_for_the_factor_and_the_viewer_tells_so,
    a_factor_is_asked_for_once_it_is_confirmed_and_not_before,
    a_start_wants_a_fresh_session_and_takes_the_place_of_the_one_before,
    confirming_ends_the_other_sessions_and_shortens_this_one,
    a_code_is_taken_once,
    of_two_who_show_one_code_at_once_one_comes_in,
    a_challenge_is_dead_after_five_tries_and_three_minutes,
    a_hundred_wrong_codes_stop_strangers_and_not_the_owner_where_she_is_known,
    recovery_does_not_go_round_the_factor,
    removing_the_factor_takes_the_roles_out_of_force,
    security_administration_takes_a_factor_away_and_nobody_else,
    a_secret_is_nowhere_in_the_clear,
    a_closed_unit_gives_no_roles,
);
pool_of_one!(
    from_the_operators_token_to_a_queue_all_is_the_api,
    a_unit_offers_what_the_catalogue_has_for_it_once,
    a_code_is_taken_once,
    recovery_does_not_go_round_the_factor,
    removing_the_factor_takes_the_roles_out_of_force,
    security_administration_takes_a_factor_away_and_nobody_else,
);

/// What the authenticator app shows now.
pub(crate) fn shown(app: &TestApp, secret: &str) -> String {
    shown_after(app, secret, 0)
}

/// What it shows so many seconds from now.
fn shown_after(app: &TestApp, secret: &str, seconds: i64) -> String {
    let at = u64::try_from(app.portal().env.now().timestamp() + seconds).unwrap();
    Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap().generate(at).to_string()
}

const START: &str = "mutation { startTotpEnrolment { enrolment { secret uri expiresAt } userErrors { code field } } }";

async fn start(app: &TestApp, token: &str) -> Value {
    app.graphql(Some(token), START, json!({})).await.ok()["startTotpEnrolment"].take()
}

async fn confirm(app: &TestApp, token: &str, code: &str) -> Value {
    mutate(app, Some(token), "completeTotpEnrolment", "factor { id kind createdAt lastUsedAt }", json!({ "code": code })).await
}

/// Enrols a factor in this session; gives secret and id.
async fn enrol(app: &TestApp, token: &str) -> (String, String) {
    let secret = text(&start(app, token).await["enrolment"]["secret"]);
    let confirmed = confirm(app, token, &shown(app, &secret)).await;
    (secret, text(&confirmed["factor"]["id"]))
}

/// A right password of somebody with a factor: the challenge.
async fn half(app: &TestApp, contact: &str, password: &str) -> String {
    let answer = mutate(app, None, "signIn", RESULT, json!({ "contact": contact, "password": password })).await;
    assert_eq!(answer["result"]["__typename"], "SecondFactorRequired", "{answer}");
    text(&answer["result"]["challengeId"])
}

async fn complete(app: &TestApp, challenge: &str, code: &str) -> Value {
    mutate(app, None, "completeSignIn", PAIR, json!({ "challengeId": challenge, "code": code })).await
}

/// Signs in with password and factor. A step later than the last one, so that the code is a new one.
async fn both(app: &TestApp, contact: &str, secret: &str) -> Signed {
    app.advance(Duration::seconds(30));
    let challenge = half(app, contact, PASSWORD).await;
    signed(&complete(app, &challenge, &shown(app, secret)).await["session"])
}

async fn viewer(app: &TestApp, token: &str, shown: &str) -> Value {
    app.graphql(Some(token), &format!("{{ viewer {{ {shown} }} }}"), json!({})).await.ok()["viewer"].take()
}

/// An administrator as the operator makes one, without a factor.
async fn administrator(app: &TestApp, contact: &str, role: Role) -> Signed {
    let token = create_admin_invitation(app.portal(), role).await.unwrap();
    joined(app, contact, &token).await
}

/// Somebody who signs up with the token of an invitation.
async fn joined(app: &TestApp, contact: &str, token: &str) -> Signed {
    let (challenge, digits) = code(app, "startSignUp", contact).await;
    let input = json!({ "challengeId": challenge, "code": digits, "password": PASSWORD, "nameZh": "陈大文", "invitationToken": token });
    signed(&mutate(app, None, "completeSignUp", PAIR, input).await["session"])
}

async fn run_sql(app: &TestApp, statement: &str) -> u64 {
    app.portal().db.writer().execute_unprepared(statement).await.unwrap().rows_affected()
}

/// Result and details of the trail's rows of an action, oldest first.
async fn trail(app: &TestApp, action: &str) -> Vec<(String, String)> {
    let db = app.portal().db.read();
    let statement = format!("SELECT result, details FROM trail WHERE action = '{action}' ORDER BY id");
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), statement)).await.unwrap();
    rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index::<String>(1).unwrap())).collect()
}

/// A body of the government made by the API: its id.
async fn body(app: &TestApp, token: &str) -> String {
    let body = json!({ "kind": "GOVERNMENT", "name": { "zhHans": "某局" }, "regionCode": "440100", "idempotencyKey": "body-0000000000001" });
    text(&mutate(app, Some(token), "createBody", "body { id }", body).await["body"]["id"])
}

/// A unit made by the API: its id.
async fn unit(app: &TestApp, token: &str, body: &str, parent: Option<&str>, level: &str, region: &str) -> String {
    let key = format!("unit-{level}-{region}-000000");
    let unit = json!({ "bodyId": body, "parentId": parent, "level": level, "name": { "zhHans": "某单位" }, "regionCode": region, "idempotencyKey": key });
    text(&mutate(app, Some(token), "createUnit", "unit { id }", unit).await["unit"]["id"])
}

/// Ids of items as everybody reads them.
async fn items(app: &TestApp, codes: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for code in codes {
        let read = app.graphql(None, "query($code: String!) { serviceItem(code: $code) { id } }", json!({ "code": code })).await.ok();
        ids.push(text(&read["serviceItem"]["id"]));
    }
    ids
}

const OFFERINGS: &str = "offerings { id unitId regionCode promisedDays statutoryDays takesApplications verification }";

async fn offer(app: &TestApp, token: &str, unit: &str, items: &[String], key: &str) -> Value {
    let input = json!({ "unitId": unit, "itemIds": items, "idempotencyKey": format!("offer-0000000000-{key}") });
    mutate(app, Some(token), "offerItems", OFFERINGS, input).await
}

async fn from_the_operators_token_to_a_queue_all_is_the_api(app: TestApp) {
    let portal = app.portal();
    app.publish().await;
    let system = administrator(&app, "system@example.com", Role::SystemAdmin).await;
    enrol(&app, &system.access).await;
    assert_eq!(roles_of(&app, &system.access).await, json!([{ "role": "SYSTEM_ADMIN", "unitId": null }]));
    // Bodies, units and what they offer.
    let body = body(&app, &system.access).await;
    let province = unit(&app, &system.access, &body, None, "PROVINCE", "440000").await;
    let city = unit(&app, &system.access, &body, Some(&province), "CITY", "440100").await;
    let window = unit(&app, &system.access, &body, Some(&city), "WINDOW", "440100").await;
    let item = items(&app, &[SERVICE]).await;
    let made = offer(&app, &system.access, &window, &item, "1").await["offerings"].take();
    // Limits and mark are those of the bundle.
    let wanted = json!([{
        "id": made[0]["id"], "unitId": window, "regionCode": "440100", "promisedDays": 7, "statutoryDays": 20, "takesApplications": true,
        "verification": "REPORTED",
    }]);
    assert_eq!(made, wanted);
    // Staff: one is invited to a role; another role is given to her by security administration.
    let security = administrator(&app, "security@example.com", Role::SecurityAdmin).await;
    enrol(&app, &security.access).await;
    let input = json!({ "contact": "officer@example.com", "role": "WINDOW_OFFICER", "unitId": window, "idempotencyKey": "invite-0000000001" });
    assert!(mutate(&app, Some(&system.access), "inviteStaff", "invitation { id }", input).await["invitation"].is_object());
    let token = text(&letters_to(&app, "officer@example.com").await.pop().unwrap()["secret"]);
    let officer = joined(&app, "officer@example.com", &token).await;
    let input = json!({ "personId": person_of(&app, &officer.access).await, "role": "REVIEWER", "unitId": city, "idempotencyKey": "grant-00000000001" });
    assert!(mutate(&app, Some(&security.access), "grantRole", "grant { id }", input).await["grant"].is_object());
    let queue = "query($unit: ID!) { workQueue(unitId: $unit) { nodes { applicationId version } } }";
    assert_eq!(app.graphql(Some(&officer.access), queue, json!({ "unit": window })).await.code(), "NOT_FOUND");
    let (secret, _) = enrol(&app, &officer.access).await;
    let queued = async |token: &str, unit: &str| app.graphql(Some(token), queue, json!({ "unit": unit })).await.ok()["workQueue"]["nodes"].take();
    assert_eq!(queued(&officer.access, &window).await, json!([]));
    // A talent whose original she compares, and her case.
    let talent = sign_up(&app, "talent@example.com").await;
    let person = person_of(&app, &talent.access).await;
    let number = "440305189508150029";
    let claim = json!({ "kind": "RESIDENT_ID_CARD", "documentNumber": number, "idempotencyKey": "claim-000000000001" });
    assert!(mutate(&app, Some(&talent.access), "addIdentityDocument", "identityDocument { id }", claim).await["identityDocument"].is_object());
    let original = json!({ "personId": person, "kind": "RESIDENT_ID_CARD", "documentNumber": number, "expectedVersion": app.version_of(&json!(person)).await });
    assert!(mutate(&app, Some(&officer.access), "verifyIdentity", "identityDocument { id }", original).await["identityDocument"].is_object());
    let line = json!({ "itemId": item[0], "regionCode": "440100", "answers": { "city": "440100" } });
    let cart = json!({ "lines": [line], "idempotencyKey": "cart-0000000000001" });
    let order = mutate(&app, Some(&talent.access), "saveCart", "order { id version }", cart).await["order"].take();
    let submit = json!({ "orderId": order["id"], "expectedVersion": order["version"], "idempotencyKey": "submit-00000000001" });
    let submitted = mutate(&app, Some(&talent.access), "submitCart", "order { applications { id version } }", submit).await;
    let case = submitted["order"]["applications"][0].clone();
    let listed = json!([{ "applicationId": case["id"], "version": case["version"] }]);
    assert!(case["id"].is_string(), "{submitted}");
    assert_eq!(queued(&officer.access, &window).await, listed);
    // The next day she signs in with both, and takes the case.
    app.advance(Duration::days(1));
    let again = both(&app, "officer@example.com", &secret).await;
    let roles = json!([{ "role": "WINDOW_OFFICER", "unitId": window }, { "role": "REVIEWER", "unitId": city }]);
    assert_eq!(roles_of(&app, &again.access).await, roles);
    assert_eq!(queued(&again.access, &window).await, listed);
    let claimed = json!({ "applicationId": case["id"], "expectedVersion": case["version"] });
    let claimed = mutate(&app, Some(&again.access), "claimApplication", "application { version }", claimed).await;
    let accept = json!({ "applicationId": case["id"], "expectedVersion": claimed["application"]["version"] });
    let accepted = mutate(&app, Some(&again.access), "acceptApplication", "application { state acceptedAt }", accept).await;
    assert!(accepted["application"]["acceptedAt"].is_string(), "{accepted}");
    assert!(!is_demo(portal).await.unwrap());
}

/// Offerings and routes of a unit.
async fn rows_of(app: &TestApp, unit: &str) -> [i64; 2] {
    let db = app.portal().db.read();
    let unit = UnitId::parse_global(unit).unwrap();
    let mut counts = [0; 2];
    for (count, table) in counts.iter_mut().zip(["item_offering", "item_route"]) {
        let statement = format!("SELECT COUNT(*) FROM {table} WHERE unit_id = $1");
        let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), statement, [unit.into()])).await.unwrap().unwrap();
        *count = row.try_get_by_index(0).unwrap();
    }
    counts
}

async fn a_unit_offers_what_the_catalogue_has_for_it_once(app: TestApp) {
    app.publish().await;
    let system = administrator(&app, "system@example.com", Role::SystemAdmin).await;
    enrol(&app, &system.access).await;
    let body = body(&app, &system.access).await;
    let province = unit(&app, &system.access, &body, None, "PROVINCE", "440000").await;
    let window = unit(&app, &system.access, &body, Some(&province), "WINDOW", "440100").await;
    let [card, service, other] = items(&app, &[CARD, SERVICE, "OS-02-R-VISA-LETTER"]).await.try_into().unwrap();
    let both = [card, service.clone()];
    let first = offer(&app, &system.access, &window, &both, "1").await;
    let ids = |payload: &Value| payload["offerings"].as_array().unwrap().iter().map(|o| text(&o["id"])).collect::<Vec<_>>();
    let marks: Vec<_> = first["offerings"].as_array().unwrap().iter().map(|o| (text(&o["verification"]), o["promisedDays"].as_i64().unwrap())).collect();
    assert!(marks.len() == 2 && marks.contains(&("STAND_IN".into(), 15)) && marks.contains(&("REPORTED".into(), 7)), "{first}");
    // The card has a period that is over, too, by which its old cases are judged.
    assert_eq!(rows_of(&app, &window).await, [3, 2]);
    let entry = trail(&app, "OFFER_ITEMS").await;
    assert!(entry.len() == 1 && entry[0].0 == "OK" && entry[0].1.contains(SERVICE) && entry[0].1.contains(CARD), "{entry:?}");
    // The same again, under its key and under another, makes nothing; one more item makes one.
    assert_eq!(offer(&app, &system.access, &window, &both, "1").await, first);
    assert_eq!(trail(&app, "OFFER_ITEMS").await.len(), 1);
    assert_eq!(offer(&app, &system.access, &window, &both, "2").await, first);
    assert_eq!(rows_of(&app, &window).await, [3, 2]);
    refused(&offer(&app, &system.access, &window, std::slice::from_ref(&service), "1").await, "IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    let more = offer(&app, &system.access, &window, &[service.clone(), service.clone(), other], "3").await;
    assert!(ids(&more).len() == 2 && ids(&more).iter().filter(|id| ids(&first).contains(id)).count() == 1, "{more}");
    assert_eq!(rows_of(&app, &window).await, [4, 3]);
    // Who takes over from a unit of another region is sent the cases of her own region once she offers.
    let shenzhen = unit(&app, &system.access, &body, Some(&province), "WINDOW", "440300").await;
    let close = json!({ "unitId": window, "successorId": shenzhen, "expectedVersion": 1, "idempotencyKey": "close-0000000000001" });
    assert!(mutate(&app, Some(&system.access), "closeUnit", "unit { id }", close).await["unit"].is_object());
    let taken_over = rows_of(&app, &shenzhen).await;
    assert_eq!(ids(&offer(&app, &system.access, &shenzhen, &[service], "4").await).len(), 1);
    assert_eq!(rows_of(&app, &shenzhen).await, [taken_over[0], taken_over[1] + 1]);
}

async fn what_cannot_be_offered_is_refused_and_nothing_is_made(app: TestApp) {
    app.publish().await;
    let system = administrator(&app, "system@example.com", Role::SystemAdmin).await;
    let item = items(&app, &[SERVICE]).await;
    let nobody = UnitId::new(&app.portal().env).global();
    let input = json!({ "input": { "unitId": nobody, "itemIds": item, "idempotencyKey": "offer-0000000000-0" } });
    let fault = async |token: Option<&str>, input: &Value| app.graphql(token, &mutation("offerItems", OFFERINGS), input.clone()).await.code().to_owned();
    assert_eq!(fault(None, &input).await, "UNAUTHENTICATED");
    // Before she has shown a second factor she is as anybody.
    assert_eq!(fault(Some(&system.access), &input).await, "FORBIDDEN");
    let (secret, _) = enrol(&app, &system.access).await;
    let security = administrator(&app, "security@example.com", Role::SecurityAdmin).await;
    enrol(&app, &security.access).await;
    assert_eq!(fault(Some(&security.access), &input).await, "FORBIDDEN");
    assert_eq!(fault(Some(&system.access), &json!({ "input": { "unitId": "x", "itemIds": [], "idempotencyKey": "offer-0000000000-0" } })).await, "BAD_REQUEST");
    let body = body(&app, &system.access).await;
    let province = unit(&app, &system.access, &body, None, "PROVINCE", "440000").await;
    let city = unit(&app, &system.access, &body, Some(&province), "CITY", "440100").await;
    let closed = unit(&app, &system.access, &body, Some(&city), "WINDOW", "440100").await;
    let window = unit(&app, &system.access, &body, Some(&city), "WINDOW", "440106").await;
    let close = json!({ "unitId": closed, "successorId": window, "expectedVersion": 1, "idempotencyKey": "close-0000000000001" });
    assert!(mutate(&app, Some(&system.access), "closeUnit", "unit { id }", close).await["unit"].is_object());
    let offer = async |unit: &str, items: &[String]| offer(&app, &system.access, unit, items, "1").await;
    let unknown = ItemId::new(&app.portal().env).global();
    refused(&offer(&window, &[]).await, "REQUIRED", "input.itemIds");
    refused(&offer(&window, &vec![item[0].clone(); 101]).await, "TOO_MANY", "input.itemIds");
    refused(&offer(&nobody, &item).await, "NOT_FOUND", "input.unitId");
    refused(&offer(&closed, &item).await, "UNIT_CLOSED", "input.unitId");
    refused(&offer(&city, &item).await, "NOT_OFFERED", "input.itemIds.0");
    // All at once, each at its place; what could be made is not.
    refused(&offer(&window, &[item[0].clone(), unknown.clone()]).await, "NOT_FOUND", "input.itemIds.1");
    let twice = offer(&city, &[unknown, item[0].clone()]).await;
    let errors: Vec<_> = twice["userErrors"].as_array().unwrap().iter().map(|e| (text(&e["code"]), e["field"].clone())).collect();
    let wanted = [("NOT_FOUND".to_owned(), json!(["input", "itemIds", "0"])), ("NOT_OFFERED".to_owned(), json!(["input", "itemIds", "1"]))];
    assert_eq!(errors, wanted);
    for unit in [&window, &city, &closed] {
        assert_eq!(rows_of(&app, unit).await, [0, 0]);
    }
    assert_eq!(trail(&app, "OFFER_ITEMS").await, []);
    // A refusal uses up no key, and a hundred are not too many.
    assert_eq!(offer(&window, &vec![item[0].clone(); 100]).await["offerings"].as_array().unwrap().len(), 1);
    // The last period of the card is over by then: nothing would come of it.
    app.set_time("2028-05-01T01:00:00Z".parse().unwrap());
    let late = both(&app, "system@example.com", &secret).await;
    let card = items(&app, &[CARD]).await;
    refused(&self::offer(&app, &late.access, &window, &card, "2").await, "NOT_OFFERED", "input.itemIds.0");
}

async fn roles_of_staff_wait_for_the_factor_and_the_viewer_tells_so(app: TestApp) {
    let needed = async |token: &str| viewer(&app, token, "secondFactorNeeded").await["secondFactorNeeded"].as_bool().unwrap();
    let talent = sign_up(&app, "talent@example.com").await;
    assert!(!needed(&talent.access).await);
    let security = administrator(&app, "security@example.com", Role::SecurityAdmin).await;
    assert!(needed(&security.access).await);
    assert_eq!(roles_of(&app, &security.access).await, json!([]));
    let person = person_of(&app, &security.access).await;
    let grants = "query($p: ID!) { roleGrants(personId: $p) { nodes { role } } }";
    // Both are answered alike: nothing but the viewer tells that a role waits.
    for token in [&talent.access, &security.access] {
        assert_eq!(app.graphql(Some(token), grants, json!({ "p": person })).await.code(), "FORBIDDEN");
        let input = json!({ "input": { "personId": PersonId::new(&app.portal().env).global(), "reason": "DEVICE_LOST" } });
        assert_eq!(app.graphql(Some(token), &mutation("resetFactors", "person { id displayName }"), input).await.code(), "FORBIDDEN");
    }
    let (secret, _) = enrol(&app, &security.access).await;
    assert!(!needed(&security.access).await);
    assert_eq!(app.graphql(Some(&security.access), grants, json!({ "p": person })).await.ok()["roleGrants"]["nodes"], json!([{ "role": "SECURITY_ADMIN" }]));
    let again = both(&app, "security@example.com", &secret).await;
    assert!(!needed(&again.access).await);
    // A role that ended needs none.
    let other = administrator(&app, "audit@example.com", Role::AuditAdmin).await;
    let held =
        app.graphql(Some(&again.access), "query($p: ID!) { roleGrants(personId: $p) { nodes { id } } }", json!({ "p": person_of(&app, &other.access).await }));
    let grant = held.await.ok()["roleGrants"]["nodes"][0]["id"].take();
    assert!(needed(&other.access).await);
    assert!(mutate(&app, Some(&again.access), "endGrant", "grant { id }", json!({ "grantId": grant })).await["grant"].is_object());
    assert!(!needed(&other.access).await);
    // A talent may have a factor, too.
    enrol(&app, &talent.access).await;
    assert!(!needed(&talent.access).await);
    assert_eq!(app.graphql(None, START, json!({})).await.code(), "UNAUTHENTICATED");
}

async fn a_factor_is_asked_for_once_it_is_confirmed_and_not_before(app: TestApp) {
    let own = sign_up(&app, "one@example.com").await;
    let begun = start(&app, &own.access).await["enrolment"].take();
    assert_eq!(begun["expiresAt"], "2026-01-05T01:15:00.000Z");
    let secret = text(&begun["secret"]);
    assert!(secret.len() == 32 && text(&begun["uri"]).starts_with("otpauth://totp/") && text(&begun["uri"]).contains(&secret), "{begun}");
    // It keeps nobody out and lets nobody in.
    assert_eq!(viewer(&app, &own.access, "factors { id } sessions { secondFactor }").await, json!({ "factors": [], "sessions": [{ "secondFactor": false }] }));
    let beside = signed(&sign_in(&app, "one@example.com", PASSWORD).await["result"]);
    refused(&confirm(&app, &own.access, wrong(&shown(&app, &secret))).await, "CODE_INVALID", "input.code");
    let stranger = sign_up(&app, "two@example.com").await;
    refused(&confirm(&app, &stranger.access, &shown(&app, &secret)).await, "CODE_INVALID", "input.code");
    assert!(lives(&app, &beside.access).await);
    let confirmed = confirm(&app, &own.access, &shown(&app, &secret)).await["factor"].take();
    let now = "2026-01-05T01:00:00.000Z";
    assert_eq!(confirmed, json!({ "id": confirmed["id"], "kind": "TOTP", "createdAt": now, "lastUsedAt": now }));
    refused(&confirm(&app, &own.access, &shown_after(&app, &secret, 30)).await, "CODE_INVALID", "input.code");
    assert_eq!(start(&app, &own.access).await, json!({ "enrolment": null, "userErrors": [{ "code": "ALREADY_EXISTS", "field": [] }] }));
    assert_eq!(viewer(&app, &own.access, "factors { id kind createdAt lastUsedAt }").await["factors"], json!([confirmed]));
    // From now on a password alone gives a challenge, and the challenge with a code a session.
    let session = both(&app, "one@example.com", &secret).await;
    assert_eq!(viewer(&app, &session.access, "factors { lastUsedAt }").await["factors"], json!([{ "lastUsedAt": "2026-01-05T01:00:30.000Z" }]));
    let half = trail(&app, "SIGN_IN").await.pop().unwrap();
    assert!(half.0 == "OK" && half.1.contains("code_") && !half.1.contains("session_"), "{half:?}");
    let done = trail(&app, "COMPLETE_SIGN_IN").await.pop().unwrap();
    assert!(done.0 == "OK" && done.1.contains("session_") && done.1.contains(confirmed["id"].as_str().unwrap()), "{done:?}");
    for action in ["START_TOTP_ENROLMENT", "COMPLETE_TOTP_ENROLMENT"] {
        assert_eq!(trail(&app, action).await.len(), 1, "{action}");
    }
}

async fn a_start_wants_a_fresh_session_and_takes_the_place_of_the_one_before(app: TestApp) {
    let own = sign_up(&app, "one@example.com").await;
    let [first, second] = [text(&start(&app, &own.access).await["enrolment"]["secret"]), text(&start(&app, &own.access).await["enrolment"]["secret"])];
    assert_ne!(first, second);
    refused(&confirm(&app, &own.access, &shown(&app, &first)).await, "CODE_INVALID", "input.code");
    // It waits for fifteen minutes, and is swept then.
    app.advance(Duration::minutes(14));
    let renewed = signed(&refresh(&app, &own.refresh).await["session"]);
    app.advance(Duration::minutes(1));
    refused(&confirm(&app, &renewed.access, &shown(&app, &second)).await, "CODE_INVALID", "input.code");
    app.advance(Duration::seconds(1));
    letters::sweep(app.portal()).await.unwrap();
    assert_eq!(run_sql(&app, "UPDATE second_factor SET failures = failures").await, 0);
    assert_eq!(app.graphql(Some(&renewed.access), START, json!({})).await.code(), "REAUTH_REQUIRED");
    let fresh = signed(&sign_in(&app, "one@example.com", PASSWORD).await["result"]);
    let (secret, _) = enrol(&app, &fresh.access).await;
    // A sweep takes no confirmed one away.
    app.advance(Duration::days(100));
    letters::sweep(app.portal()).await.unwrap();
    both(&app, "one@example.com", &secret).await;
}

async fn confirming_ends_the_other_sessions_and_shortens_this_one(app: TestApp) {
    let own = sign_up(&app, "one@example.com").await;
    let beside = signed(&sign_in(&app, "one@example.com", PASSWORD).await["result"]);
    app.advance(Duration::minutes(1));
    enrol(&app, &own.access).await;
    assert!(!lives(&app, &beside.access).await);
    refused(&refresh(&app, &beside.refresh).await, "REFRESH_INVALID", "input.refreshToken");
    let session = json!([{ "id": own.session, "secondFactor": true, "current": true, "endsAt": "2026-01-05T13:01:00.000Z" }]);
    assert_eq!(viewer(&app, &own.access, "sessions { id secondFactor current endsAt }").await["sessions"], session);
    // The pair stays, for as long as a session with a second factor may rest.
    app.advance(Duration::minutes(29));
    let renewed = signed(&refresh(&app, &own.refresh).await["session"]);
    assert_eq!(viewer(&app, &renewed.access, "sessions { id secondFactor current endsAt }").await["sessions"], session);
    app.advance(Duration::minutes(30));
    refused(&refresh(&app, &renewed.refresh).await, "REFRESH_INVALID", "input.refreshToken");
}

async fn a_code_is_taken_once(app: TestApp) {
    let own = sign_up(&app, "one@example.com").await;
    let (secret, _) = enrol(&app, &own.access).await;
    // The code that confirmed the factor, and the one before it.
    let challenge = half(&app, "one@example.com", PASSWORD).await;
    for seconds in [0, -30] {
        refused(&complete(&app, &challenge, &shown_after(&app, &secret, seconds)).await, "CODE_INVALID", "input.code");
    }
    // The one after it is good already; then neither is, in this challenge or in another.
    let ahead = shown_after(&app, &secret, 30);
    let session = signed(&complete(&app, &challenge, &format!(" {} {}", &ahead[..3], &ahead[3..])).await["session"]);
    let life = app.graphql(Some(&session.access), "{ viewer { sessions { current secondFactor endsAt } } }", json!({})).await.ok();
    assert_eq!(life["viewer"]["sessions"][0], json!({ "current": true, "secondFactor": true, "endsAt": "2026-01-05T13:00:00.000Z" }));
    refused(&complete(&app, &challenge, &shown_after(&app, &secret, 60)).await, "CODE_INVALID", "input.code");
    app.advance(Duration::seconds(30));
    let another = half(&app, "one@example.com", PASSWORD).await;
    refused(&complete(&app, &another, &ahead).await, "CODE_INVALID", "input.code");
    refused(&complete(&app, &another, &shown_after(&app, &secret, 60)).await, "CODE_INVALID", "input.code");
    app.advance(Duration::seconds(60));
    // A step late is still good.
    let late = shown_after(&app, &secret, -30);
    assert!(complete(&app, &another, &late).await["session"].is_object());
    let refusals: Vec<_> = trail(&app, "COMPLETE_SIGN_IN").await.into_iter().map(|(result, _)| result).filter(|r| r != "OK").collect();
    assert_eq!(refusals, ["CODE_INVALID"; 5]);
}

async fn of_two_who_show_one_code_at_once_one_comes_in(app: TestApp) {
    let own = sign_up(&app, "one@example.com").await;
    let (secret, _) = enrol(&app, &own.access).await;
    let sessions = async |answers: [Value; 4]| answers.iter().filter(|a| a["session"].is_object()).count();
    // Of four challenges, and of one that is shown four times.
    app.advance(Duration::minutes(5));
    let mut challenges = Vec::new();
    for _ in 0..4 {
        challenges.push(half(&app, "one@example.com", PASSWORD).await);
    }
    let now = shown(&app, &secret);
    let [a, b, c, d] = [0, 1, 2, 3].map(|n| complete(&app, &challenges[n], &now));
    let answers = tokio::join!(a, b, c, d);
    assert_eq!(sessions(answers.into()).await, 1);
    app.advance(Duration::minutes(5));
    let challenge = half(&app, "one@example.com", PASSWORD).await;
    let codes = [-30, 0, 30, 0].map(|seconds| shown_after(&app, &secret, seconds));
    let [a, b, c, d] = [0, 1, 2, 3].map(|n| complete(&app, &challenge, &codes[n]));
    let answers = tokio::join!(a, b, c, d);
    assert_eq!(sessions(answers.into()).await, 1);
}

async fn a_challenge_is_dead_after_five_tries_and_three_minutes(app: TestApp) {
    let own = sign_up(&app, "one@example.com").await;
    let (secret, _) = enrol(&app, &own.access).await;
    app.advance(Duration::minutes(1));
    let challenge = half(&app, "one@example.com", PASSWORD).await;
    for _ in 0..5 {
        refused(&complete(&app, &challenge, wrong(&shown(&app, &secret))).await, "CODE_INVALID", "input.code");
    }
    let input = json!({ "input": { "challengeId": challenge, "code": shown(&app, &secret) } });
    assert_eq!(app.graphql(None, &mutation("completeSignIn", PAIR), input).await.code(), "RATE_LIMITED");
    app.advance(Duration::minutes(1));
    refused(&complete(&app, &challenge, &shown(&app, &secret)).await, "CODE_INVALID", "input.code");
    let challenge = half(&app, "one@example.com", PASSWORD).await;
    app.advance(Duration::minutes(3));
    refused(&complete(&app, &challenge, &shown(&app, &secret)).await, "CODE_INVALID", "input.code");
    // A challenge of another kind, one of nobody, and what is no code.
    let other = code(&app, "startRecovery", "one@example.com").await;
    for (challenge, code) in [(other.0.as_str(), shown(&app, &secret)), (&challenge.replace('a', "b"), shown(&app, &secret)), (&other.0, other.1)] {
        refused(&complete(&app, challenge, &code).await, "CODE_INVALID", "input.code");
    }
    both(&app, "one@example.com", &secret).await;
    // What was a factor for a challenge is none once it is gone, and the account may be closed meanwhile.
    app.advance(Duration::minutes(1));
    let challenge = half(&app, "one@example.com", PASSWORD).await;
    run_sql(&app, "UPDATE account SET status = 'DISABLED'").await;
    refused(&complete(&app, &challenge, &shown(&app, &secret)).await, "CODE_INVALID", "input.code");
    run_sql(&app, "UPDATE account SET status = 'ACTIVE'").await;
    assert!(complete(&app, &challenge, &shown(&app, &secret)).await["session"].is_object());
}

async fn a_hundred_wrong_codes_stop_strangers_and_not_the_owner_where_she_is_known(app: TestApp) {
    sign_up_from(&app, "192.0.2.10", "one@example.com").await;
    let own = signed(&sign_in(&app, "one@example.com", PASSWORD).await["result"]);
    let (secret, _) = enrol(&app, &own.access).await;
    let from = async |address: &str, code: &str| {
        let challenge = half(&app, "one@example.com", PASSWORD).await;
        let (data, _) = graphql_from(&app, address, &mutation("completeSignIn", PAIR), json!({ "challengeId": challenge, "code": code })).await;
        data["completeSignIn"]["session"].is_object()
    };
    run_sql(&app, "UPDATE second_factor SET failures = 98").await;
    app.advance(Duration::minutes(10));
    assert!(!from("198.51.100.1", wrong(&shown(&app, &secret))).await);
    // One less than a hundred: a right code is good, and the count begins anew.
    assert!(from("198.51.100.2", &shown(&app, &secret)).await);
    assert_eq!(run_sql(&app, "UPDATE second_factor SET failures = 99 WHERE failures = 0").await, 1);
    app.advance(Duration::minutes(10));
    assert!(!from("203.0.113.1", wrong(&shown(&app, &secret))).await);
    assert!(!from("203.0.113.1", &shown(&app, &secret)).await);
    assert!(from("192.0.2.77", &shown(&app, &secret)).await);
    app.advance(Duration::minutes(10));
    assert!(from("203.0.113.1", &shown(&app, &secret)).await);
}

async fn recovery_does_not_go_round_the_factor(app: TestApp) {
    let own = sign_up(&app, "one@example.com").await;
    let (secret, _) = enrol(&app, &own.access).await;
    app.advance(Duration::minutes(1));
    let before = half(&app, "one@example.com", PASSWORD).await;
    let (challenge, digits) = code(&app, "startRecovery", "one@example.com").await;
    let input = json!({ "challengeId": challenge, "code": digits, "password": OTHER_PASSWORD });
    let recovered = mutate(&app, None, "completeRecovery", RESULT, input).await;
    assert_eq!(
        recovered,
        json!({
            "result": { "__typename": "SecondFactorRequired", "challengeId": recovered["result"]["challengeId"], "expiresAt": "2026-01-05T01:04:00.000Z" },
            "userErrors": [],
        })
    );
    // The password is the new one, all sessions are over, and what the old password began is worth nothing.
    assert!(!lives(&app, &own.access).await);
    refused(&sign_in(&app, "one@example.com", PASSWORD).await, "SIGN_IN_FAILED", "");
    refused(&complete(&app, &before, &shown(&app, &secret)).await, "CODE_INVALID", "input.code");
    let challenge = text(&recovered["result"]["challengeId"]);
    refused(&complete(&app, &challenge, wrong(&shown(&app, &secret))).await, "CODE_INVALID", "input.code");
    let session = signed(&complete(&app, &challenge, &shown(&app, &secret)).await["session"]);
    assert_eq!(viewer(&app, &session.access, "sessions { secondFactor }").await["sessions"], json!([{ "secondFactor": true }]));
    app.advance(Duration::minutes(1));
    half(&app, "one@example.com", OTHER_PASSWORD).await;
}

async fn removing_the_factor_takes_the_roles_out_of_force(app: TestApp) {
    let admin = administrator(&app, "admin@example.com", Role::SystemAdmin).await;
    let (secret, factor) = enrol(&app, &admin.access).await;
    let beside = both(&app, "admin@example.com", &secret).await;
    let remove = mutation("removeFactor", "removedId");
    let input = json!({ "input": { "factorId": factor } });
    // A session older than a quarter of an hour, and one of somebody else.
    app.advance(Duration::minutes(14));
    let renewed = signed(&refresh(&app, &admin.refresh).await["session"]);
    app.advance(Duration::seconds(31));
    assert_eq!(app.graphql(Some(&renewed.access), &remove, input.clone()).await.code(), "REAUTH_REQUIRED");
    let stranger = sign_up(&app, "two@example.com").await;
    assert_eq!(app.graphql(Some(&stranger.access), &remove, input.clone()).await.code(), "REAUTH_REQUIRED");
    enrol(&app, &stranger.access).await;
    refused(&mutate(&app, Some(&stranger.access), "removeFactor", "removedId", input["input"].clone()).await, "NOT_FOUND", "input.factorId");
    assert_eq!(app.graphql(None, &remove, input.clone()).await.code(), "UNAUTHENTICATED");
    assert_eq!(roles_of(&app, &renewed.access).await[0]["role"], "SYSTEM_ADMIN");
    // Hers, and fresh.
    let waiting = half(&app, "admin@example.com", PASSWORD).await;
    let removed = mutate(&app, Some(&beside.access), "removeFactor", "removedId", input["input"].clone()).await;
    assert_eq!(removed["removedId"], factor);
    assert!(!lives(&app, &renewed.access).await);
    let left = viewer(&app, &beside.access, "factors { id } secondFactorNeeded grants { role } sessions { secondFactor current }").await;
    assert_eq!(left, json!({ "factors": [], "secondFactorNeeded": true, "grants": [], "sessions": [{ "secondFactor": false, "current": true }] }));
    refused(&complete(&app, &waiting, &shown(&app, &secret)).await, "CODE_INVALID", "input.code");
    assert_eq!(trail(&app, "REMOVE_FACTOR").await.len(), 1);
    // A password alone is enough again, and a new factor may be enrolled: with another secret.
    let again = signed(&sign_in(&app, "admin@example.com", PASSWORD).await["result"]);
    let (new, _) = enrol(&app, &again.access).await;
    assert_ne!(new, secret);
    assert_eq!(roles_of(&app, &again.access).await[0]["role"], "SYSTEM_ADMIN");
}

async fn security_administration_takes_a_factor_away_and_nobody_else(app: TestApp) {
    let security = administrator(&app, "security@example.com", Role::SecurityAdmin).await;
    enrol(&app, &security.access).await;
    let system = administrator(&app, "system@example.com", Role::SystemAdmin).await;
    let (secret, _) = enrol(&app, &system.access).await;
    let person = person_of(&app, &system.access).await;
    let input = |person: &str| json!({ "personId": person, "reason": "DEVICE_LOST" });
    let reset = async |person: &str| mutate(&app, Some(&security.access), "resetFactors", "person { id displayName }", input(person)).await;
    for (token, code) in [(Some(&*system.access), "FORBIDDEN"), (None, "UNAUTHENTICATED")] {
        assert_eq!(app.graphql(token, &mutation("resetFactors", "person { id displayName }"), json!({ "input": input(&person) })).await.code(), code);
    }
    refused(&reset(&person_of(&app, &security.access).await).await, "NOT_ALLOWED", "input.personId");
    refused(&reset(&PersonId::new(&app.portal().env).global()).await, "NOT_FOUND", "input.personId");
    let without = sign_up(&app, "talent@example.com").await;
    refused(&reset(&person_of(&app, &without.access).await).await, "NOT_FOUND", "input.personId");
    assert!(lives(&app, &without.access).await && lives(&app, &system.access).await);
    app.advance(Duration::seconds(30));
    let waiting = half(&app, "system@example.com", PASSWORD).await;
    assert_eq!(reset(&person).await["person"]["id"], person);
    assert!(!lives(&app, &system.access).await && lives(&app, &security.access).await);
    refused(&complete(&app, &waiting, &shown(&app, &secret)).await, "CODE_INVALID", "input.code");
    refused(&reset(&person).await, "NOT_FOUND", "input.personId");
    let rows = trail(&app, "RESET_FACTORS").await;
    assert!(rows.len() == 1 && rows[0].0 == "OK" && rows[0].1.contains("DEVICE_LOST"), "{rows:?}");
    // The password alone, no role, and a new device.
    let again = signed(&sign_in(&app, "system@example.com", PASSWORD).await["result"]);
    assert_eq!(viewer(&app, &again.access, "secondFactorNeeded grants { role }").await, json!({ "secondFactorNeeded": true, "grants": [] }));
    enrol(&app, &again.access).await;
    assert_eq!(roles_of(&app, &again.access).await[0]["role"], "SYSTEM_ADMIN");
}

async fn a_secret_is_nowhere_in_the_clear(app: TestApp) {
    let log = Log::begin();
    let own = sign_up(&app, "one@example.com").await;
    let begun = text(&start(&app, &own.access).await["enrolment"]["secret"]);
    let (secret, factor) = enrol(&app, &own.access).await;
    let used = shown_after(&app, &secret, 30);
    let session = both(&app, "one@example.com", &secret).await;
    let held = Haystack::new(&everything(&app).await);
    assert!(mutate(&app, Some(&session.access), "removeFactor", "removedId", json!({ "factorId": factor })).await["removedId"].is_string());
    let (after, logged) = (Haystack::new(&everything(&app).await), Haystack::new(&log.end()));
    for (place, searched) in [("database", &held), ("database afterwards", &after), ("log", &logged)] {
        for secret in [&begun, &secret] {
            for needle in [secret.as_bytes(), Secret::try_from_base32(secret).unwrap().as_bytes()] {
                assert!(!searched.holds_in_any_form(needle), "the {place} holds a secret");
            }
        }
    }
    assert!(!logged.holds(used.as_bytes()), "the log holds a code");
    // The search finds what is there.
    assert!(logged.holds(b"graphql") && held.holds(b"COMPLETE_TOTP_ENROLMENT"));
}

async fn a_closed_unit_gives_no_roles(app: TestApp) {
    app.publish().await;
    let system = administrator(&app, "system@example.com", Role::SystemAdmin).await;
    enrol(&app, &system.access).await;
    let body = body(&app, &system.access).await;
    let province = unit(&app, &system.access, &body, None, "PROVINCE", "440000").await;
    let city = unit(&app, &system.access, &body, Some(&province), "CITY", "440100").await;
    let window = unit(&app, &system.access, &body, Some(&city), "WINDOW", "440100").await;
    let other = unit(&app, &system.access, &body, Some(&city), "WINDOW", "440106").await;
    let invited = sign_up(&app, "invited@example.com").await;
    let invite = async |unit: &str, key: &str| {
        let input = json!({ "contact": "invited@example.com", "role": "REVIEWER", "unitId": unit, "idempotencyKey": key });
        mutate(&app, Some(&system.access), "inviteStaff", "invitation { id }", input).await
    };
    assert!(invite(&window, "invite-0000000001").await["invitation"].is_object());
    let token = text(&letters_to(&app, "invited@example.com").await.pop().unwrap()["secret"]);
    let close = json!({ "unitId": window, "successorId": other, "expectedVersion": 1, "idempotencyKey": "close-0000000000001" });
    assert!(mutate(&app, Some(&system.access), "closeUnit", "unit { id }", close).await["unit"].is_object());
    let accept = mutate(&app, Some(&invited.access), "acceptInvitation", "grant { id }", json!({ "token": token })).await;
    refused(&accept, "TOKEN_INVALID", "input.token");
    refused(&invite(&window, "invite-0000000002").await, "NOT_FOUND", "input.unitId");
    assert!(invite(&other, "invite-0000000003").await["invitation"].is_object());
}
