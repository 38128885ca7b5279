//! Accounts over HTTP: codes, passwords, sessions, limits, cookies, roles.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::Duration;
use sea_orm::{ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};
use talent_portal::account::service::demo::{DemoMark, NewDemoAccount, add_account, demo_session, mark_demo};
use talent_portal::account::service::{create_admin_invitation, letters};
use talent_portal::audit::service::work_off;
use talent_portal::demo;
use talent_portal::kernel::fault::{Fault, Refused};
use talent_portal::kernel::ids::TypedId as _;
use talent_portal::kernel::role::Role;

use crate::support::search::Log;
use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    a_talent_signs_up_with_the_code_that_was_sent,
    a_code_works_once_for_ten_minutes_and_five_tries,
    what_is_wrong_in_the_form_of_a_sign_up_costs_no_try,
    known_and_unknown_contact_points_are_answered_alike,
    wrong_unknown_and_malformed_names_have_one_answer,
    tries_are_limited_one_by_one_also_inside_one_request,
    a_caller_lists_and_ends_her_own_sessions_only,
    an_access_token_lasts_fifteen_minutes_and_a_refresh_token_once,
    a_refresh_token_that_comes_back_ends_the_session,
    recovery_changes_the_password_and_ends_all_sessions,
    an_invitation_gives_a_role_once_that_waits_for_a_second_factor,
    roles_are_given_and_ended_by_security_administration_only,
    nobody_holds_two_administrators_roles,
    a_demo_token_is_worth_nothing_outside_a_demo,
    cookies_carry_a_session_that_scripts_and_strangers_cannot_use,
    a_stranger_uses_up_no_tries_of_the_owner,
    a_hundred_failures_stop_strangers_and_not_the_owner_where_she_is_known,
    many_tries_on_the_whole_site_raise_an_alarm_and_stop_nobody,
    an_invitation_is_for_who_holds_the_contact_point_and_while_its_sender_may_invite,
    what_has_had_its_time_is_swept,
    a_password_is_the_same_composed_or_decomposed,
    a_further_contact_point_is_confirmed_by_who_holds_it,
);
pool_of_one!(
    a_talent_signs_up_with_the_code_that_was_sent,
    a_caller_lists_and_ends_her_own_sessions_only,
    a_refresh_token_that_comes_back_ends_the_session,
    recovery_changes_the_password_and_ends_all_sessions,
    an_invitation_gives_a_role_once_that_waits_for_a_second_factor,
    nobody_holds_two_administrators_roles,
);

pub(crate) const PASSWORD: &str = "seven green herons at dusk";
pub(crate) const OTHER_PASSWORD: &str = "a kettle for nine sailors";
pub(crate) const PAIR: &str = "session { sessionId accessToken refreshToken accessExpiresAt refreshExpiresAt }";

/// What a mutation answered under its own name.
pub(crate) async fn mutate(app: &TestApp, token: Option<&str>, name: &str, selection: &str, input: Value) -> Value {
    let mut data = app.graphql(token, &mutation(name, selection), json!({ "input": input })).await.ok();
    data[name].take()
}

pub(crate) fn mutation(name: &str, selection: &str) -> String {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    format!("mutation M($input: {kind}!) {{ {name}(input: $input) {{ {selection} userErrors {{ code field message }} }} }}")
}

/// Code and field of each user error.
fn noes(payload: &Value) -> Vec<(String, String)> {
    let errors = payload["userErrors"].as_array().expect("userErrors");
    errors
        .iter()
        .map(|e| (e["code"].as_str().unwrap().to_owned(), e["field"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".")))
        .collect()
}

#[track_caller]
pub(crate) fn refused(payload: &Value, code: &str, field: &str) {
    assert_eq!(noes(payload), [(code.to_owned(), field.to_owned())]);
    assert!(payload.as_object().unwrap().iter().all(|(name, value)| name == "userErrors" || value.is_null()), "{payload}");
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The messages that were sent to a contact point, oldest first.
pub(crate) async fn letters_to(app: &TestApp, to: &str) -> Vec<Value> {
    app.mailbox().await.into_iter().filter(|letter| letter["to"] == to).collect()
}

/// Asks for a code and reads it: the challenge and the six digits.
pub(crate) async fn code(app: &TestApp, mutation: &str, contact: &str) -> (String, String) {
    let asked = mutate(app, None, mutation, "challenge { id }", json!({ "contact": contact })).await;
    let letter = letters_to(app, contact).await.pop().expect("a letter");
    (text(&asked["challenge"]["id"]), text(&letter["secret"]))
}

pub(crate) fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

async fn complete(app: &TestApp, (challenge, code): (&str, &str), password: &str) -> Value {
    mutate(app, None, "completeSignUp", PAIR, json!({ "challengeId": challenge, "code": code, "password": password, "nameZh": "陈大文" })).await
}

pub(crate) struct Signed {
    pub(crate) session: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

#[track_caller]
pub(crate) fn signed(pair: &Value) -> Signed {
    Signed { session: text(&pair["sessionId"]), access: text(&pair["accessToken"]), refresh: text(&pair["refreshToken"]) }
}

pub(crate) async fn sign_up(app: &TestApp, contact: &str) -> Signed {
    let (challenge, code) = code(app, "startSignUp", contact).await;
    signed(&complete(app, (&challenge, &code), PASSWORD).await["session"])
}

pub(crate) const RESULT: &str =
    "result { __typename ... on SessionPair { sessionId accessToken refreshToken } ... on SecondFactorRequired { challengeId expiresAt } }";

pub(crate) async fn sign_in(app: &TestApp, contact: &str, password: &str) -> Value {
    mutate(app, None, "signIn", RESULT, json!({ "contact": contact, "password": password })).await
}

async fn signed_in(app: &TestApp, contact: &str) -> Signed {
    signed(&sign_in(app, contact, PASSWORD).await["result"])
}

pub(crate) async fn refresh(app: &TestApp, token: &str) -> Value {
    mutate(app, None, "refreshSession", PAIR, json!({ "refreshToken": token })).await
}

/// Whether a token is somebody's: `true`, or 401 UNAUTHENTICATED.
pub(crate) async fn lives(app: &TestApp, token: &str) -> bool {
    let reply = app.graphql(Some(token), "{ viewer { assurance } }", json!({})).await;
    if reply.status == StatusCode::UNAUTHORIZED {
        assert_eq!(reply.code(), "UNAUTHENTICATED");
        return false;
    }
    assert_eq!(reply.ok(), json!({ "viewer": { "assurance": "L1" } }));
    true
}

/// A person of a demo database with a token that counts as two-factor.
async fn demo_person(app: &TestApp, login: &str, roles: &[Role]) -> String {
    let portal = app.portal();
    assert_ne!(mark_demo(portal).await.unwrap(), DemoMark::Refused);
    let roles = roles.iter().map(|&role| (role, None, None)).collect();
    let new = NewDemoAccount { login: login.into(), password: PASSWORD.into(), name_zh: "测试".into(), name_latin: "Test".into(), birth_date: None, roles };
    let account = add_account(portal, new).await.unwrap();
    demo_session(portal, account).await.unwrap()
}

pub(crate) async fn person_of(app: &TestApp, token: &str) -> String {
    text(&app.graphql(Some(token), "{ viewer { person { id } } }", json!({})).await.ok()["viewer"]["person"]["id"])
}

pub(crate) async fn roles_of(app: &TestApp, token: &str) -> Value {
    app.graphql(Some(token), "{ viewer { grants { role unitId } } }", json!({})).await.ok()["viewer"]["grants"].take()
}

async fn a_talent_signs_up_with_the_code_that_was_sent(app: TestApp) {
    assert_eq!(app.graphql(None, "{ viewer { assurance } }", json!({})).await.ok(), json!({ "viewer": null }));
    let asked = mutate(&app, None, "startSignUp", "challenge { id expiresAt }", json!({ "contact": "138 0013-8000", "language": "EN" })).await;
    assert_eq!(asked["challenge"]["expiresAt"], "2026-01-05T01:10:00.000Z");
    let letters = letters_to(&app, "+8613800138000").await;
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0]["kind"], &letters[0]["language"]), (&json!("MOBILE"), &json!("en")));
    let code = text(&letters[0]["secret"]);
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()) && text(&letters[0]["text"]).contains(&code), "{code}");
    // Worked off once: nothing is sent again.
    assert_eq!(work_off(app.portal()).await.unwrap(), 0);
    let made = complete(&app, (&text(&asked["challenge"]["id"]), &code), PASSWORD).await;
    assert_eq!(made["session"]["accessExpiresAt"], "2026-01-05T01:15:00.000Z");
    assert_eq!(made["session"]["refreshExpiresAt"], "2026-02-04T01:00:00.000Z");
    let signed = signed(&made["session"]);
    let document = "{ viewer { contactPoints { kind masked verified } sessions { id current program secondFactor } grants { role } assurance } }";
    assert_eq!(
        app.graphql(Some(&signed.access), document, json!({})).await.ok(),
        json!({ "viewer": {
            "contactPoints": [{ "kind": "MOBILE", "masked": "138****8000", "verified": true }],
            "sessions": [{ "id": signed.session, "current": true, "program": "UNKNOWN", "secondFactor": false }],
            "grants": [],
            "assurance": "L1",
        } })
    );
    let (statements, _) = app.statements(lives(&app, &signed.access)).await;
    assert_eq!(statements, 1, "the look-up of a session is one statement");
    // A use is written every five minutes: one statement more.
    app.advance(Duration::minutes(5));
    assert_eq!(app.statements(lives(&app, &signed.access)).await.0, 2);
    assert_eq!(app.statements(lives(&app, &signed.access)).await.0, 1);
}

async fn a_code_works_once_for_ten_minutes_and_five_tries(app: TestApp) {
    let (challenge, first) = code(&app, "startSignUp", "first@example.com").await;
    refused(&complete(&app, (&challenge, wrong(&first)), PASSWORD).await, "CODE_INVALID", "input.code");
    assert!(complete(&app, (&challenge, &format!(" {first} ")), PASSWORD).await["session"].is_object());
    refused(&complete(&app, (&challenge, &first), PASSWORD).await, "CODE_INVALID", "input.code");
    let (challenge, second) = code(&app, "startSignUp", "second@example.com").await;
    for _ in 0..5 {
        refused(&complete(&app, (&challenge, wrong(&second)), PASSWORD).await, "CODE_INVALID", "input.code");
    }
    let reply = app
        .graphql(
            None,
            &mutation("completeSignUp", PAIR),
            json!({ "input": { "challengeId": challenge, "code": second, "password": PASSWORD, "nameZh": "陈大文" } }),
        )
        .await;
    assert_eq!(reply.code(), "RATE_LIMITED");
    assert_eq!(reply.errors[0]["extensions"]["retryAfterSeconds"], 60);
    app.advance(Duration::minutes(1));
    refused(&complete(&app, (&challenge, &second), PASSWORD).await, "CODE_INVALID", "input.code");
    let (challenge, third) = code(&app, "startSignUp", "third@example.com").await;
    app.advance(Duration::minutes(10));
    refused(&complete(&app, (&challenge, &third), PASSWORD).await, "CODE_INVALID", "input.code");
    // A code of a sign-up recovers nothing, and what is no challenge is a bad request.
    let (challenge, fourth) = code(&app, "startSignUp", "fourth@example.com").await;
    let crossed = mutate(&app, None, "completeRecovery", RESULT, json!({ "challengeId": challenge, "code": fourth, "password": PASSWORD })).await;
    refused(&crossed, "CODE_INVALID", "input.code");
    let reply = app.graphql(None, &mutation("completeSignUp", PAIR), json!({ "input": { "challengeId": "x", "code": "1", "password": PASSWORD } })).await;
    assert_eq!((reply.code(), &reply.errors[0]["extensions"]["field"]), ("BAD_REQUEST", &json!(["input", "challengeId"])));
    // Expired codes are wiped.
    app.advance(Duration::minutes(10));
    assert!(letters::sweep(app.portal()).await.unwrap() > 0);
}

async fn what_is_wrong_in_the_form_of_a_sign_up_costs_no_try(app: TestApp) {
    let (challenge, digits) = code(&app, "startSignUp", "nightingale.keeper@example.com").await;
    let challenge = (challenge.as_str(), digits.as_str());
    refused(&complete(&app, challenge, "short").await, "TOO_SHORT", "input.password");
    refused(&complete(&app, challenge, &"长".repeat(129)).await, "TOO_LONG", "input.password");
    refused(&complete(&app, challenge, "password1234567").await, "PASSWORD_WEAK", "input.password");
    for _ in 0..5 {
        refused(&complete(&app, challenge, "nightingale.keeper@example.com").await, "PASSWORD_WEAK", "input.password");
    }
    let nameless = json!({ "challengeId": challenge.0, "code": challenge.1, "password": PASSWORD });
    refused(&mutate(&app, None, "completeSignUp", PAIR, nameless).await, "REQUIRED", "input.nameZh");
    assert!(complete(&app, challenge, PASSWORD).await["session"].is_object());
    let malformed = mutate(&app, None, "startSignUp", "challenge { id }", json!({ "contact": "61234578" })).await;
    refused(&malformed, "CONTACT_MALFORMED", "input.contact");
}

async fn known_and_unknown_contact_points_are_answered_alike(app: TestApp) {
    sign_up(&app, "known@example.com").await;
    for (field, silent) in [("startSignUp", "known@example.com"), ("startRecovery", "unknown@example.com")] {
        let loud = if field == "startSignUp" { "new@example.com" } else { "known@example.com" };
        let mut seen = Vec::new();
        for contact in [silent, loud] {
            let (statements, mut asked) = app.statements(mutate(&app, None, field, "challenge { id expiresAt }", json!({ "contact": contact }))).await;
            let challenge = text(&asked["challenge"]["id"].take());
            seen.push((statements, asked, challenge));
        }
        assert_eq!((&seen[0].0, &seen[0].1, seen[0].2.len()), (&seen[1].0, &seen[1].1, seen[1].2.len()));
        // Only the message tells, and to its owner only.
        let notice = letters_to(&app, silent).await.pop().unwrap();
        assert!(notice["secret"].is_null(), "{notice}");
        assert!(text(&letters_to(&app, loud).await.pop().unwrap()["secret"]).len() == 6);
        let input = json!({ "challengeId": seen[0].2, "code": "000000", "password": OTHER_PASSWORD });
        let (complete, shown, input) = match field {
            "startRecovery" => ("completeRecovery", RESULT, input),
            _ => ("completeSignUp", PAIR, json!({ "challengeId": seen[0].2, "code": "000000", "password": OTHER_PASSWORD, "nameZh": "陈大文" })),
        };
        refused(&mutate(&app, None, complete, shown, input).await, "CODE_INVALID", "input.code");
    }
}

async fn wrong_unknown_and_malformed_names_have_one_answer(app: TestApp) {
    sign_up(&app, "known@example.com").await;
    let answers = [
        sign_in(&app, "known@example.com", OTHER_PASSWORD).await,
        sign_in(&app, "unknown@example.com", PASSWORD).await,
        sign_in(&app, "no contact point", PASSWORD).await,
        sign_in(&app, "known@example.com", "").await,
    ];
    refused(&answers[0], "SIGN_IN_FAILED", "");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let right = sign_in(&app, " KNOWN@example.com", PASSWORD).await;
    assert_eq!(right["result"]["__typename"], "SessionPair");
    let pair = signed(&right["result"]);
    assert!(lives(&app, &pair.access).await);
    assert!(!lives(&app, &pair.refresh).await, "a refresh token is no access token");
    assert!(!lives(&app, "nonsense").await);
    // An account that was disabled is answered like a wrong password, and its sessions are nobody's.
    let set = async |status: &str| {
        let update = format!("UPDATE account SET status = '{status}'");
        assert_eq!(app.portal().db.writer().execute_unprepared(&update).await.unwrap().rows_affected(), 1);
    };
    set("DISABLED").await;
    assert_eq!(sign_in(&app, "known@example.com", PASSWORD).await, answers[0]);
    assert!(!lives(&app, &pair.access).await);
    set("ACTIVE").await;
    assert_eq!(sign_in(&app, "known@example.com", PASSWORD).await["result"]["__typename"], "SessionPair");
    // A challenge of another kind is none of a second factor.
    let completed =
        mutate(&app, None, "completeSignIn", PAIR, json!({ "challengeId": code(&app, "startSignUp", "x@example.com").await.0, "code": "123456" })).await;
    refused(&completed, "CODE_INVALID", "input.code");
}

async fn tries_are_limited_one_by_one_also_inside_one_request(app: TestApp) {
    sign_up(&app, "known@example.com").await;
    for contact in ["known@example.com", "unknown@example.com"] {
        let field = |n| format!("a{n}: signIn(input: {{ contact: \"{contact}\", password: \"guess number {n}\" }}) {{ userErrors {{ code }} }}");
        let fields = (0..8).map(field).collect::<Vec<_>>().join(" ");
        let reply = app.graphql(None, &format!("mutation {{ {fields} }}"), json!({})).await;
        for n in 0..8 {
            let answer = &reply.data[format!("a{n}")];
            if n < 5 {
                assert_eq!(answer["userErrors"][0]["code"], "SIGN_IN_FAILED");
            } else {
                assert!(answer.is_null(), "{answer}");
            }
        }
        let codes: Vec<_> = reply.errors.iter().map(|e| (&e["path"][0], &e["extensions"]["code"], &e["extensions"]["retryAfterSeconds"])).collect();
        assert_eq!(
            codes,
            [
                (&json!("a5"), &json!("RATE_LIMITED"), &json!(60)),
                (&json!("a6"), &json!("RATE_LIMITED"), &json!(60)),
                (&json!("a7"), &json!("RATE_LIMITED"), &json!(60))
            ]
        );
    }
    // Not even the right password, until a try is free again; a person beside her is not held back.
    let input = json!({ "input": { "contact": "known@example.com", "password": PASSWORD } });
    assert_eq!(app.graphql(None, &mutation("signIn", RESULT), input.clone()).await.code(), "RATE_LIMITED");
    app.advance(Duration::seconds(59));
    assert_eq!(app.graphql(None, &mutation("signIn", RESULT), input).await.code(), "RATE_LIMITED");
    app.advance(Duration::seconds(1));
    assert_eq!(sign_in(&app, "known@example.com", PASSWORD).await["result"]["__typename"], "SessionPair");
    // Codes asked for: five, of which that of the sign-up was one, then one each ten minutes.
    for _ in 0..4 {
        assert!(mutate(&app, None, "startRecovery", "challenge { id }", json!({ "contact": "known@example.com" })).await["challenge"].is_object());
    }
    let reply = app.graphql(None, &mutation("startRecovery", "challenge { id }"), json!({ "input": { "contact": "KNOWN@EXAMPLE.COM" } })).await;
    assert_eq!((reply.code(), &reply.errors[0]["extensions"]["retryAfterSeconds"]), ("RATE_LIMITED", &json!(540)));
}

async fn a_caller_lists_and_ends_her_own_sessions_only(app: TestApp) {
    let first = sign_up(&app, "one@example.com").await;
    app.advance(Duration::seconds(1));
    let second = signed_in(&app, "one@example.com").await;
    app.advance(Duration::seconds(1));
    let third = signed_in(&app, "one@example.com").await;
    let stranger = sign_up(&app, "two@example.com").await;
    let list = async |token: &str| {
        let data = app.graphql(Some(token), "{ viewer { sessions { id current } } }", json!({})).await.ok();
        data["viewer"]["sessions"].as_array().unwrap().iter().map(|s| (text(&s["id"]), s["current"].as_bool().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(list(&second.access).await, [(third.session.clone(), false), (second.session.clone(), true), (first.session.clone(), false)]);
    let end = async |token: &str, session: &str| mutate(&app, Some(token), "endSession", "endedSessionId", json!({ "sessionId": session })).await;
    refused(&end(&stranger.access, &first.session).await, "NOT_FOUND", "input.sessionId");
    assert!(lives(&app, &first.access).await);
    assert_eq!(end(&second.access, &first.session).await["endedSessionId"], first.session);
    refused(&end(&second.access, &first.session).await, "NOT_FOUND", "input.sessionId");
    assert!(!lives(&app, &first.access).await);
    refused(&refresh(&app, &first.refresh).await, "REFRESH_INVALID", "input.refreshToken");
    let all = async |token: &str, keep: bool| mutate(&app, Some(token), "endAllSessions", "ended", json!({ "keepCurrent": keep })).await;
    assert_eq!(all(&second.access, true).await["ended"], 1);
    assert!(lives(&app, &second.access).await && !lives(&app, &third.access).await);
    let out = app.graphql(Some(&second.access), "mutation { signOut { endedSessionId userErrors { code } } }", json!({})).await.ok();
    assert_eq!(out["signOut"], json!({ "endedSessionId": second.session, "userErrors": [] }));
    assert!(!lives(&app, &second.access).await && lives(&app, &stranger.access).await);
    signed_in(&app, "two@example.com").await;
    assert_eq!(all(&stranger.access, false).await["ended"], 2);
    assert!(!lives(&app, &stranger.access).await);
    assert_eq!(app.graphql(None, "mutation { signOut { endedSessionId } }", json!({})).await.code(), "UNAUTHENTICATED");
}

async fn an_access_token_lasts_fifteen_minutes_and_a_refresh_token_once(app: TestApp) {
    let first = sign_up(&app, "one@example.com").await;
    app.advance(Duration::minutes(15) - Duration::milliseconds(1));
    assert!(lives(&app, &first.access).await);
    app.advance(Duration::milliseconds(1));
    assert!(!lives(&app, &first.access).await);
    let second = signed(&refresh(&app, &first.refresh).await["session"]);
    assert_eq!(second.session, first.session);
    assert!(first.access != second.access && first.refresh != second.refresh);
    // The answer was lost: within a minute, and while the new pair rests, the spent token works once more.
    app.advance(Duration::seconds(30));
    let third = signed(&refresh(&app, &first.refresh).await["session"]);
    assert!(!lives(&app, &second.access).await && lives(&app, &third.access).await);
    app.advance(Duration::days(30));
    refused(&refresh(&app, &third.refresh).await, "REFRESH_INVALID", "input.refreshToken");
    for nonsense in ["", "x", &"A".repeat(86), &third.access] {
        refused(&refresh(&app, nonsense).await, "REFRESH_INVALID", "input.refreshToken");
    }
}

async fn a_refresh_token_that_comes_back_ends_the_session(app: TestApp) {
    let first = sign_up(&app, "one@example.com").await;
    let beside = signed_in(&app, "one@example.com").await;
    app.advance(Duration::seconds(5));
    let second = signed(&refresh(&app, &first.refresh).await["session"]);
    assert!(lives(&app, &second.access).await);
    app.advance(Duration::seconds(5));
    // The new pair was used, so that whoever shows the old token is another than who has the new one.
    refused(&refresh(&app, &first.refresh).await, "REFRESH_INVALID", "input.refreshToken");
    assert!(!lives(&app, &second.access).await);
    refused(&refresh(&app, &second.refresh).await, "REFRESH_INVALID", "input.refreshToken");
    assert!(lives(&app, &beside.access).await);
}

async fn recovery_changes_the_password_and_ends_all_sessions(app: TestApp) {
    let first = sign_up(&app, "one@example.com").await;
    let second = signed_in(&app, "one@example.com").await;
    let (challenge, digits) = code(&app, "startRecovery", "one@example.com").await;
    let input = |password: &str, code: &str| json!({ "challengeId": challenge, "code": code, "password": password });
    let recover = async |password: &str, code: &str| mutate(&app, None, "completeRecovery", RESULT, input(password, code)).await;
    refused(&recover("short", &digits).await, "TOO_SHORT", "input.password");
    refused(&recover(OTHER_PASSWORD, wrong(&digits)).await, "CODE_INVALID", "input.code");
    assert!(lives(&app, &first.access).await);
    let new = signed(&recover(OTHER_PASSWORD, &digits).await["result"]);
    assert!(lives(&app, &new.access).await && !lives(&app, &first.access).await && !lives(&app, &second.access).await);
    refused(&recover(PASSWORD, &digits).await, "CODE_INVALID", "input.code");
    refused(&sign_in(&app, "one@example.com", PASSWORD).await, "SIGN_IN_FAILED", "");
    assert_eq!(sign_in(&app, "one@example.com", OTHER_PASSWORD).await["result"]["__typename"], "SessionPair");
}

async fn an_invitation_gives_a_role_once_that_waits_for_a_second_factor(app: TestApp) {
    let system = demo_person(&app, "system@demo.invalid", &[Role::SystemAdmin]).await;
    let security = demo_person(&app, "security@demo.invalid", &[Role::SecurityAdmin]).await;
    app.publish().await;
    let unit = demo::build(app.portal()).await.unwrap().window.global();
    let input = |role: &str, unit: Option<&str>, key: &str| json!({ "contact": "officer@example.com", "role": role, "unitId": unit, "idempotencyKey": key });
    let key = "invite-0000000001";
    let invite = async |token: &str, input: Value| mutate(&app, Some(token), "inviteStaff", "invitation { id role expiresAt }", input).await;
    refused(&invite(&system, input("AUDIT_ADMIN", None, key)).await, "NOT_ALLOWED", "input.role");
    refused(&invite(&system, input("WINDOW_OFFICER", None, key)).await, "REQUIRED", "input.unitId");
    let both = json!({ "contact": "nobody", "role": "RECRUITER", "unitId": unit, "idempotencyKey": key });
    assert_eq!(noes(&invite(&system, both).await), [("NOT_ALLOWED".into(), "input.unitId".into()), ("CONTACT_MALFORMED".into(), "input.contact".into())]);
    let foreign = talent_portal::kernel::ids::UnitId::new(&app.portal().env).global();
    refused(&invite(&system, input("WINDOW_OFFICER", Some(&foreign), key)).await, "NOT_FOUND", "input.unitId");
    for token in [Some(security.as_str()), None] {
        let reply = app.graphql(token, &mutation("inviteStaff", "invitation { id }"), json!({ "input": input("WINDOW_OFFICER", Some(&unit), key) })).await;
        assert_eq!(reply.code(), if token.is_some() { "FORBIDDEN" } else { "UNAUTHENTICATED" });
    }
    let made = invite(&system, input("WINDOW_OFFICER", Some(&unit), key)).await;
    assert_eq!(made["invitation"]["expiresAt"], "2026-01-12T01:00:00.000Z");
    assert_eq!(invite(&system, input("WINDOW_OFFICER", Some(&unit), key)).await, made);
    refused(&invite(&system, input("REVIEWER", Some(&unit), key)).await, "IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    let letters = letters_to(&app, "officer@example.com").await;
    assert_eq!(letters.len(), 1);
    let token = text(&letters[0]["secret"]);
    // Who invited cannot take it, and it is not spent by the try.
    let accept = async |by: &str| mutate(&app, Some(by), "acceptInvitation", "grant { role unitId }", json!({ "token": token })).await;
    refused(&accept(&system).await, "OWN_GRANT", "input.token");
    let (challenge, digits) = code(&app, "startSignUp", "officer@example.com").await;
    let sign_up = json!({ "challengeId": challenge, "code": digits, "password": PASSWORD, "nameZh": "窗口员", "invitationToken": token });
    let officer = signed(&mutate(&app, None, "completeSignUp", PAIR, sign_up).await["session"]);
    refused(&accept(&security).await, "TOKEN_INVALID", "input.token");
    // Held, but not in force in a session without a second factor.
    assert_eq!(roles_of(&app, &officer.access).await, json!([]));
    let person = person_of(&app, &officer.access).await;
    let grants =
        app.graphql(Some(&security), "query($p: ID!) { roleGrants(personId: $p) { nodes { role unitId endedAt } } }", json!({ "p": person })).await.ok();
    assert_eq!(grants["roleGrants"]["nodes"], json!([{ "role": "WINDOW_OFFICER", "unitId": unit, "endedAt": null }]));
    let by = "query($p: ID, $u: ID, $b: ID) { roleGrants(personId: $p, unitId: $u, bodyId: $b) { totalCount nodes { person { id } } } }";
    let there = app.graphql(Some(&security), by, json!({ "u": unit })).await.ok()["roleGrants"].take();
    let holders = there["nodes"].as_array().unwrap();
    assert!(there["totalCount"] == holders.len() && holders.iter().any(|grant| grant["person"]["id"] == person), "{there}");
    let both = app.graphql(Some(&security), by, json!({ "u": unit, "p": person })).await.ok();
    assert_eq!(both["roleGrants"], json!({ "totalCount": 1, "nodes": [{ "person": { "id": person } }] }));
    let reply = app.graphql(Some(&security), by, json!({})).await;
    assert_eq!((reply.code(), &reply.errors[0]["extensions"]["field"]), ("BAD_REQUEST", &json!(["personId"])));
    assert_eq!(app.graphql(Some(&officer.access), by, json!({ "u": unit })).await.code(), "FORBIDDEN");
    let reply = app.graphql(Some(&officer.access), "query($p: ID!) { roleGrants(personId: $p) { nodes { role } } }", json!({ "p": person })).await;
    assert_eq!(reply.code(), "FORBIDDEN");
    // A bad token takes the whole sign-up back.
    let (challenge, digits) = code(&app, "startSignUp", "late@example.com").await;
    let late = json!({ "challengeId": challenge, "code": digits, "password": PASSWORD, "nameZh": "迟到", "invitationToken": token });
    refused(&mutate(&app, None, "completeSignUp", PAIR, late).await, "TOKEN_INVALID", "input.invitationToken");
    assert!(complete(&app, (&challenge, &digits), PASSWORD).await["session"].is_object());
}

async fn roles_are_given_and_ended_by_security_administration_only(app: TestApp) {
    let system = demo_person(&app, "system@demo.invalid", &[Role::SystemAdmin]).await;
    let security = demo_person(&app, "security@demo.invalid", &[Role::SecurityAdmin]).await;
    let talent = demo_person(&app, "talent@demo.invalid", &[]).await;
    app.publish().await;
    let world = demo::build(app.portal()).await.unwrap();
    let person = person_of(&app, &talent).await;
    let input = |person: &str, role: &str, unit: Option<&str>, key: &str| json!({ "personId": person, "role": role, "unitId": unit, "idempotencyKey": key });
    let unit = world.city.global();
    let give = async |input: Value| mutate(&app, Some(&security), "grantRole", "grant { id personId role unitId endedAt }", input).await;
    let first = input(&person, "REVIEWER", Some(&unit), "grant-0000000001");
    for token in [None, Some(talent.as_str()), Some(system.as_str())] {
        let reply = app.graphql(token, &mutation("grantRole", "grant { id }"), json!({ "input": first })).await;
        assert_eq!(reply.code(), if token.is_some() { "FORBIDDEN" } else { "UNAUTHENTICATED" });
    }
    let own = person_of(&app, &security).await;
    refused(&give(input(&own, "REVIEWER", Some(&unit), "grant-0000000002")).await, "OWN_GRANT", "input.personId");
    refused(&give(input(&person, "REVIEWER", None, "grant-0000000003")).await, "REQUIRED", "input.unitId");
    let nobody = talent_portal::kernel::ids::PersonId::new(&app.portal().env).global();
    refused(&give(input(&nobody, "REVIEWER", Some(&unit), "grant-0000000004")).await, "NOT_FOUND", "input.personId");
    let made = give(first.clone()).await;
    assert_eq!(made["grant"]["personId"], person);
    assert_eq!(give(first).await, made);
    refused(&give(input(&person, "APPROVER", Some(&unit), "grant-0000000001")).await, "IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    refused(&give(input(&person, "REVIEWER", Some(&unit), "grant-0000000005")).await, "ALREADY_EXISTS", "input.role");
    refused(&give(input(&person, "REVIEWER", Some(&unit), "short")).await, "MALFORMED", "input.idempotencyKey");
    assert_eq!(roles_of(&app, &talent).await, json!([{ "role": "REVIEWER", "unitId": unit }]));
    let grant = text(&made["grant"]["id"]);
    let end = async |token: &str, grant: &str| mutate(&app, Some(token), "endGrant", "grant { endedAt }", json!({ "grantId": grant })).await;
    let reply = app.graphql(Some(&system), &mutation("endGrant", "grant { id }"), json!({ "input": { "grantId": grant } })).await;
    assert_eq!(reply.code(), "FORBIDDEN");
    assert_eq!(end(&security, &grant).await["grant"]["endedAt"], "2026-01-05T01:00:00.000Z");
    refused(&end(&security, &grant).await, "NOT_FOUND", "input.grantId");
    assert_eq!(roles_of(&app, &talent).await, json!([]));
    let document = "query($p: ID!) { roleGrants(personId: $p) { nodes { id } } }";
    let mine = app.graphql(Some(&security), document, json!({ "p": own })).await.ok();
    refused(&end(&security, &text(&mine["roleGrants"]["nodes"][0]["id"])).await, "OWN_GRANT", "input.grantId");
    // Ended, it may be given again.
    assert!(give(input(&person, "REVIEWER", Some(&unit), "grant-0000000006")).await["grant"].is_object());
}

async fn nobody_holds_two_administrators_roles(app: TestApp) {
    let portal = app.portal();
    assert!(matches!(create_admin_invitation(portal, Role::Reviewer).await, Err(Refused::Fault(Fault::BadRequest(_)))));
    let accept = async |by: &str, token: &str| mutate(&app, Some(by), "acceptInvitation", "grant { role unitId bodyId }", json!({ "token": token })).await;
    let [system, security] = [Role::SystemAdmin, Role::SecurityAdmin].map(|role| create_admin_invitation(portal, role));
    let (system, security) = (system.await.unwrap(), security.await.unwrap());
    // An installation that an administrator was invited to is not made a demo, with staff whose tokens are printed.
    assert_eq!(mark_demo(portal).await.unwrap(), DemoMark::Refused);
    let one = sign_up(&app, "one@example.com").await;
    let two = sign_up(&app, "two@example.com").await;
    assert_eq!(accept(&one.access, &system).await["grant"], json!({ "role": "SYSTEM_ADMIN", "unitId": null, "bodyId": null }));
    refused(&accept(&two.access, &system).await, "TOKEN_INVALID", "input.token");
    refused(&accept(&one.access, &security).await, "ADMINISTRATORS_APART", "input.token");
    // The refusal did not spend the token.
    assert_eq!(accept(&two.access, &security).await["grant"]["role"], "SECURITY_ADMIN");
    let late = create_admin_invitation(portal, Role::AuditAdmin).await.unwrap();
    app.advance(Duration::days(7));
    let three = sign_up(&app, "three@example.com").await;
    refused(&accept(&three.access, &late).await, "TOKEN_INVALID", "input.token");
    let reply = app.graphql(None, &mutation("acceptInvitation", "grant { id }"), json!({ "input": { "token": late } })).await;
    assert_eq!(reply.code(), "UNAUTHENTICATED");
    // Without a second factor the role is held, not in force.
    let one = signed_in(&app, "one@example.com").await;
    assert_eq!(roles_of(&app, &one.access).await, json!([]));
    let invite = json!({ "input": { "contact": "x@example.com", "role": "COUNTER", "idempotencyKey": "invite-0000000001" } });
    assert_eq!(app.graphql(Some(&one.access), &mutation("inviteStaff", "invitation { id }"), invite).await.code(), "FORBIDDEN");
}

async fn a_demo_token_is_worth_nothing_outside_a_demo(app: TestApp) {
    let portal = app.portal();
    let system = demo_person(&app, "system@demo.invalid", &[Role::SystemAdmin]).await;
    assert_eq!(mark_demo(portal).await.unwrap(), DemoMark::WasDemo);
    assert_eq!(roles_of(&app, &system).await, json!([{ "role": "SYSTEM_ADMIN", "unitId": null }]));
    app.advance(Duration::hours(24) - Duration::seconds(1));
    assert!(lives(&app, &system).await);
    app.advance(Duration::seconds(1));
    assert!(!lives(&app, &system).await);
    app.advance(Duration::hours(-1));
    assert!(lives(&app, &system).await);
    // The same rows in a database that is no demo.
    portal.db.writer().execute_unprepared("DELETE FROM portal_marker WHERE name = 'DEMO'").await.unwrap();
    assert!(!lives(&app, &system).await);
    assert_eq!(mark_demo(portal).await.unwrap(), DemoMark::Refused);
    let refused = add_account(
        portal,
        NewDemoAccount {
            login: "x@demo.invalid".into(),
            password: PASSWORD.into(),
            name_zh: "甲".into(),
            name_latin: "A".into(),
            birth_date: None,
            roles: vec![],
        },
    )
    .await;
    assert!(matches!(refused, Err(Refused::Fault(Fault::Forbidden))));
    assert_eq!(sign_in(&app, "system@demo.invalid", PASSWORD).await["result"]["__typename"], "SessionPair");
}

/// Sends an operation with these headers beside those of every request.
async fn with_headers(app: &TestApp, headers: &[(&str, &str)], document: &str, variables: Value) -> (StatusCode, HeaderMap, Value) {
    let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").header(header::HOST, "portal.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Body::from(json!({ "query": document, "variables": variables }).to_string());
    let (status, headers, bytes) = app.send(request.body(body).unwrap()).await;
    (status, headers, serde_json::from_slice(&bytes).unwrap())
}

fn set_cookies(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap()).collect()
}

async fn cookies_carry_a_session_that_scripts_and_strangers_cannot_use(app: TestApp) {
    sign_up(&app, "one@example.com").await;
    let agent = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)");
    let input = json!({ "input": { "contact": "one@example.com", "password": PASSWORD, "transport": "COOKIE" } });
    let (_, headers, answer) = with_headers(&app, &[agent], &mutation("signIn", RESULT), input).await;
    assert!(answer["data"]["signIn"]["result"]["sessionId"].is_string(), "{answer}");
    assert_eq!((&answer["data"]["signIn"]["result"]["accessToken"], &answer["data"]["signIn"]["result"]["refreshToken"]), (&Value::Null, &Value::Null));
    let set = set_cookies(&headers);
    assert_eq!(set.len(), 2);
    for (cookie, (name, age)) in set.iter().zip([("__Host-portal-access=", 900), ("__Host-portal-refresh=", 30 * 86_400)]) {
        assert!(cookie.starts_with(name) && cookie.ends_with(&format!("; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Strict")), "{cookie}");
    }
    let jar = set.iter().map(|c| c.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
    let viewer = "{ viewer { sessions { program current } } }";
    let own = [("cookie", jar.as_str()), ("sec-fetch-site", "same-origin"), ("origin", "https://portal.example")];
    let (_, _, answer) = with_headers(&app, &own, viewer, json!({})).await;
    assert_eq!(answer["data"]["viewer"]["sessions"][0], json!({ "program": "BROWSER", "current": true }));
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "http://portal.example"),
        ("origin", "null"),
    ] {
        let (status, _, answer) = with_headers(&app, &[("cookie", &jar), foreign], viewer, json!({})).await;
        assert_eq!((status, &answer["data"]["viewer"]), (StatusCode::OK, &Value::Null), "{foreign:?}");
    }
    // The refresh token comes from the cookie, too; afterwards the old access token is nobody's, which keeps nobody out.
    app.advance(Duration::minutes(1));
    let renew = mutation("refreshSession", PAIR);
    // A script of a page cannot turn the cookie into a token that it can read.
    let (_, headers, answer) = with_headers(&app, &own, &renew, json!({ "input": { "transport": "BEARER" } })).await;
    let session = &answer["data"]["refreshSession"]["session"];
    assert!(session["sessionId"].is_string(), "{answer}");
    assert_eq!((&session["accessToken"], &session["refreshToken"]), (&Value::Null, &Value::Null));
    let renewed = set_cookies(&headers).iter().map(|c| c.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
    assert_ne!(renewed, jar);
    let (status, _, answer) = with_headers(&app, &own, viewer, json!({})).await;
    assert_eq!((status, &answer["data"]["viewer"]), (StatusCode::OK, &Value::Null));
    let own = [("cookie", renewed.as_str()), ("sec-fetch-site", "same-origin")];
    let (_, headers, answer) = with_headers(&app, &own, "mutation { signOut { endedSessionId } }", json!({})).await;
    assert!(answer["data"]["signOut"]["endedSessionId"].is_string(), "{answer}");
    assert!(set_cookies(&headers).len() == 2 && set_cookies(&headers).iter().all(|c| c.contains("=; Path=/; Max-Age=0")));
    let (_, _, answer) = with_headers(&app, &own, viewer, json!({})).await;
    assert_eq!(answer["data"]["viewer"], Value::Null);
}

/// The same as `TestApp::graphql`, from an address of the network.
pub(crate) async fn graphql_from(app: &TestApp, address: &str, document: &str, input: Value) -> (Value, String) {
    let body = json!({ "query": document, "variables": { "input": input } }).to_string();
    let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
    let socket = std::net::SocketAddr::new(address.parse().unwrap(), 4000);
    request.extensions_mut().insert(axum::extract::ConnectInfo(socket));
    let (_, _, bytes) = app.send(request).await;
    let mut answer: Value = serde_json::from_slice(&bytes).unwrap();
    let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned();
    (answer["data"].take(), code)
}

/// How a sign-in from an address ends: `SessionPair`, or the code of the no.
async fn sign_in_from(app: &TestApp, address: &str, contact: &str, password: &str) -> String {
    let (data, code) = graphql_from(app, address, &mutation("signIn", RESULT), json!({ "contact": contact, "password": password })).await;
    let answer = &data["signIn"];
    let seen = answer["result"]["__typename"].as_str().or(answer["userErrors"][0]["code"].as_str());
    seen.map_or(code, str::to_owned)
}

pub(crate) async fn sign_up_from(app: &TestApp, address: &str, contact: &str) {
    let (challenge, code) = code(app, "startSignUp", contact).await;
    let input = json!({ "challengeId": challenge, "code": code, "password": PASSWORD, "nameZh": "陈大文" });
    let (data, _) = graphql_from(app, address, &mutation("completeSignUp", PAIR), input).await;
    assert!(data["completeSignUp"]["session"].is_object(), "{data}");
}

async fn a_stranger_uses_up_no_tries_of_the_owner(app: TestApp) {
    sign_up_from(&app, "192.0.2.10", "owner@example.com").await;
    let recovery = async |address: &str| {
        let (data, code) = graphql_from(&app, address, &mutation("startRecovery", "challenge { id }"), json!({ "contact": "owner@example.com" })).await;
        if data["startRecovery"]["challenge"].is_object() { "SENT".to_owned() } else { code }
    };
    for _ in 0..5 {
        assert_eq!(sign_in_from(&app, "198.51.100.1", "owner@example.com", OTHER_PASSWORD).await, "SIGN_IN_FAILED");
        assert_eq!(recovery("198.51.100.1").await, "SENT");
    }
    for address in ["198.51.100.1", "198.51.100.200"] {
        assert_eq!(sign_in_from(&app, address, "owner@example.com", PASSWORD).await, "RATE_LIMITED");
        assert_eq!(recovery(address).await, "RATE_LIMITED");
    }
    // Near to where she signed up, and where she never was.
    for address in ["192.0.2.99", "203.0.113.5"] {
        assert_eq!(sign_in_from(&app, address, "owner@example.com", PASSWORD).await, "SessionPair");
        assert_eq!(recovery(address).await, "SENT");
    }
    // Twenty codes an hour from everywhere, but not for her where she is known.
    let others = async |from: u8| {
        let mut sent = 0;
        for n in from..from + 20 {
            sent += usize::from(recovery(&format!("10.0.{n}.1")).await == "SENT");
        }
        sent
    };
    assert!(others(0).await < 20);
    assert_eq!(others(20).await, 0);
    assert_eq!(recovery("192.0.2.99").await, "SENT");
    // An unknown name is limited in the same way.
    for n in 0..6 {
        let seen = sign_in_from(&app, "198.51.100.1", "nobody@example.com", PASSWORD).await;
        assert_eq!(seen, if n < 5 { "SIGN_IN_FAILED" } else { "RATE_LIMITED" });
    }
}

async fn a_hundred_failures_stop_strangers_and_not_the_owner_where_she_is_known(app: TestApp) {
    sign_up_from(&app, "192.0.2.10", "owner@example.com").await;
    for n in 0..20 {
        for _ in 0..5 {
            assert_eq!(sign_in_from(&app, &format!("10.0.{n}.1"), "owner@example.com", OTHER_PASSWORD).await, "SIGN_IN_FAILED");
        }
    }
    assert_eq!(sign_in_from(&app, "10.0.99.1", "owner@example.com", PASSWORD).await, "RATE_LIMITED");
    app.advance(Duration::hours(1));
    // The hundred failures stand: the right password does not help a stranger to the account.
    assert_eq!(sign_in_from(&app, "10.0.99.1", "owner@example.com", PASSWORD).await, "SIGN_IN_FAILED");
    assert_eq!(sign_in_from(&app, "192.0.2.77", "owner@example.com", PASSWORD).await, "SessionPair");
    assert_eq!(sign_in_from(&app, "10.0.99.1", "owner@example.com", PASSWORD).await, "SessionPair");
}

/// How many alarms about the whole site a log has, by what was tried.
fn alarms(log: Log) -> [(&'static str, usize); 2] {
    let log = String::from_utf8(log.end()).unwrap();
    let told: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ") && line.contains("more tries than usual on the whole site")).collect();
    ["sign-in", "code-request"].map(|name| (name, told.iter().filter(|line| line.contains(&format!("attempt=\"{name}\""))).count()))
}

async fn many_tries_on_the_whole_site_raise_an_alarm_and_stop_nobody(app: TestApp) {
    sign_up(&app, "known@example.com").await;
    let portal = app.portal();
    let key = |name: &str| portal.keyring.input_hash("limit", format!("{name}\u{1f}site\u{1f}").as_bytes());
    let txn = portal.db.begin_write().await.unwrap();
    for name in ["sign-in", "code-request"] {
        let far = portal.env.now().timestamp_millis() + 100_000_000;
        let text = "INSERT INTO rate_limit (key_hash, arrival_ms) VALUES ($1, $2) ON CONFLICT (key_hash) DO UPDATE SET arrival_ms = excluded.arrival_ms";
        txn.execute_raw(sea_orm::Statement::from_sql_and_values(txn.get_database_backend(), text, [key(name).into(), far.into()])).await.unwrap();
    }
    portal.commit(txn).await.unwrap();
    let log = Log::begin();
    for _ in 0..3 {
        assert_eq!(sign_in(&app, "known@example.com", PASSWORD).await["result"]["__typename"], "SessionPair");
    }
    // One alarm, however many come after it; another kind of tries has one of its own.
    assert_eq!(alarms(log), [("sign-in", 1), ("code-request", 0)]);
    let log = Log::begin();
    let (challenge, digits) = code(&app, "startSignUp", "second@example.com").await;
    assert!(complete(&app, (&challenge, &digits), PASSWORD).await["session"].is_object());
    assert_eq!(alarms(log), [("sign-in", 0), ("code-request", 1)]);
}

async fn an_invitation_is_for_who_holds_the_contact_point_and_while_its_sender_may_invite(app: TestApp) {
    let system = demo_person(&app, "system@demo.invalid", &[Role::SystemAdmin]).await;
    let other = demo_person(&app, "other@demo.invalid", &[]).await;
    let security = demo_person(&app, "security@demo.invalid", &[Role::SecurityAdmin]).await;
    let invited = sign_up(&app, "invited@example.com").await;
    app.publish().await;
    let unit = demo::build(app.portal()).await.unwrap().window.global();
    let invite = async |role: &str, key: &str| {
        let input = json!({ "contact": "Invited@example.com", "role": role, "unitId": unit, "idempotencyKey": key });
        assert!(mutate(&app, Some(&system), "inviteStaff", "invitation { id }", input).await["invitation"].is_object());
        text(&letters_to(&app, "invited@example.com").await.pop().unwrap()["secret"])
    };
    let accept = async |by: &str, token: &str| mutate(&app, Some(by), "acceptInvitation", "grant { role }", json!({ "token": token })).await;
    let token = invite("WINDOW_OFFICER", "invite-0000000001").await;
    // Neither an account that holds another contact point, nor a sign-up with another one; the token is not spent by it.
    refused(&accept(&other, &token).await, "TOKEN_INVALID", "input.token");
    let (challenge, digits) = code(&app, "startSignUp", "thief@example.com").await;
    let thief = json!({ "challengeId": challenge, "code": digits, "password": PASSWORD, "nameZh": "陈大文", "invitationToken": token });
    refused(&mutate(&app, None, "completeSignUp", PAIR, thief).await, "TOKEN_INVALID", "input.invitationToken");
    assert_eq!(accept(&invited.access, &token).await["grant"]["role"], "WINDOW_OFFICER");
    // What was sent is gone once it is used.
    assert!(letters_to(&app, "invited@example.com").await.is_empty());
    let token = invite("REVIEWER", "invite-0000000002").await;
    let person = person_of(&app, &system).await;
    let grants = app.graphql(Some(&security), "query($p: ID!) { roleGrants(personId: $p) { nodes { id role } } }", json!({ "p": person })).await.ok();
    let ended = mutate(&app, Some(&security), "endGrant", "grant { endedAt }", json!({ "grantId": grants["roleGrants"]["nodes"][0]["id"] })).await;
    assert!(noes(&ended).is_empty());
    refused(&accept(&invited.access, &token).await, "TOKEN_INVALID", "input.token");
}

async fn what_has_had_its_time_is_swept(app: TestApp) {
    let portal = app.portal();
    let count = async |table: &str| {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let row = portal.db.read().query_one_raw(sea_orm::Statement::from_string(portal.db.read().get_database_backend(), sql)).await.unwrap().unwrap();
        row.try_get_by_index::<i64>(0).unwrap()
    };
    let system = demo_person(&app, "system@demo.invalid", &[Role::SystemAdmin]).await;
    app.publish().await;
    let unit = demo::build(portal).await.unwrap().window.global();
    sign_up_from(&app, "192.0.2.10", "one@example.com").await;
    // The code that was used took its letter along; those that wait keep theirs.
    assert!(letters_to(&app, "one@example.com").await.is_empty());
    code(&app, "startSignUp", "late@example.com").await;
    let input = json!({ "contact": "staff@example.com", "role": "WINDOW_OFFICER", "unitId": unit, "idempotencyKey": "invite-0000000001" });
    assert!(mutate(&app, Some(&system), "inviteStaff", "invitation { id }", input).await["invitation"].is_object());
    // A key whose person never came about.
    let nobody = talent_portal::kernel::ids::PersonId::new(&portal.env);
    talent_portal::person::service::keys::ensure_key(portal, nobody).await.unwrap();
    app.mailbox().await;
    talent_portal::app::sweep(portal).await;
    assert_eq!(app.mailbox().await.len(), 2);
    assert_eq!((count("idempotency_key").await, count("invitation").await, count("session").await), (1, 1, 2));
    let keys = async || talent_portal::person::entity::person_key::Entity::find().count(portal.db.keys()).await.unwrap();
    let before = keys().await;
    app.advance(Duration::minutes(10));
    talent_portal::app::sweep(portal).await;
    let left = app.mailbox().await;
    assert_eq!(left.iter().map(|letter| text(&letter["to"])).collect::<Vec<_>>(), ["staff@example.com"]);
    app.advance(Duration::hours(24) + Duration::minutes(1));
    talent_portal::app::sweep(portal).await;
    assert_eq!((count("idempotency_key").await, count("rate_limit").await, keys().await), (0, 0, before - 1));
    app.advance(Duration::days(7));
    talent_portal::app::sweep(portal).await;
    assert_eq!((count("pending_code").await, app.mailbox().await.len()), (0, 0));
    app.advance(Duration::days(24));
    talent_portal::app::sweep(portal).await;
    assert_eq!(count("session WHERE network_hash IS NOT NULL").await, 0);
    app.advance(Duration::days(60));
    talent_portal::app::sweep(portal).await;
    assert_eq!((count("session").await, count("invitation").await), (0, 0));
}

async fn a_password_is_the_same_composed_or_decomposed(app: TestApp) {
    let (challenge, digits) = code(&app, "startSignUp", "one@example.com").await;
    // "é" as one character and as two, and a ligature as one keyboard writes it.
    let (composed, decomposed) = ("nine cafés by the \u{fb01}sh market", "nine cafe\u{301}s by the fish market");
    assert!(complete(&app, (&challenge, &digits), decomposed).await["session"].is_object());
    for typed in [composed, decomposed] {
        assert_eq!(sign_in(&app, "one@example.com", typed).await["result"]["__typename"], "SessionPair");
    }
    refused(&sign_in(&app, "one@example.com", "nine cafes by the fish market").await, "SIGN_IN_FAILED", "");
}

async fn a_further_contact_point_is_confirmed_by_who_holds_it(app: TestApp) {
    let own = sign_up(&app, "one@example.com").await;
    sign_up(&app, "taken@example.com").await;
    let add = async |contact: &str| mutate(&app, Some(&own.access), "addContactPoint", "challenge { id }", json!({ "contact": contact })).await;
    let confirm = async |by: &str, challenge: &Value, code: &str| {
        let input = json!({ "challengeId": challenge, "code": code });
        mutate(&app, Some(by), "confirmContactPoint", "contactPoint { kind masked verified }", input).await
    };
    refused(&add("nonsense").await, "CONTACT_MALFORMED", "input.contact");
    refused(&add("ONE@example.com").await, "ALREADY_EXISTS", "input.contact");
    // Another's is answered alike; only the message there tells, and no code fits.
    let taken = add("taken@example.com").await;
    assert!(taken["challenge"]["id"].is_string() && noes(&taken).is_empty());
    assert!(letters_to(&app, "taken@example.com").await.pop().unwrap()["secret"].is_null());
    refused(&confirm(&own.access, &taken["challenge"]["id"], "123456").await, "CODE_INVALID", "input.code");
    let asked = add("138 0013 8000").await["challenge"]["id"].take();
    let digits = text(&letters_to(&app, "+8613800138000").await.pop().unwrap()["secret"]);
    let stranger = sign_up(&app, "stranger@example.com").await;
    refused(&confirm(&stranger.access, &asked, &digits).await, "CODE_INVALID", "input.code");
    refused(&sign_in(&app, "13800138000", PASSWORD).await, "SIGN_IN_FAILED", "");
    let confirmed = confirm(&own.access, &asked, &digits).await;
    assert_eq!(confirmed["contactPoint"], json!({ "kind": "MOBILE", "masked": "138****8000", "verified": true }));
    refused(&confirm(&own.access, &asked, &digits).await, "CODE_INVALID", "input.code");
    assert_eq!(sign_in(&app, "13800138000", PASSWORD).await["result"]["__typename"], "SessionPair");
    // Five at most.
    for n in 0..3 {
        let contact = format!("more{n}@example.com");
        let asked = add(&contact).await["challenge"]["id"].take();
        let digits = text(&letters_to(&app, &contact).await.pop().unwrap()["secret"]);
        assert!(confirm(&own.access, &asked, &digits).await["contactPoint"].is_object());
    }
    refused(&add("sixth@example.com").await, "TOO_MANY", "");
    // Such a change wants a sign-in of the last quarter of an hour.
    app.advance(Duration::minutes(14));
    let renewed = signed(&refresh(&app, &own.refresh).await["session"]);
    app.advance(Duration::minutes(2));
    let document = mutation("addContactPoint", "challenge { id }");
    let reply = app.graphql(Some(&renewed.access), &document, json!({ "input": { "contact": "late@example.com" } })).await;
    assert_eq!(reply.code(), "REAUTH_REQUIRED");
}
