//! GraphQL over HTTP by the letter: statuses, media types, bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use talent_portal::api::operations;
use talent_portal::api::reason::Reason;
use talent_portal::app;
use talent_portal::config::Layers;
use talent_portal::db::{Db, Engine, Options};
use talent_portal::http::server::{self, Bounds};
use talent_portal::kernel::clock::Clock;
use talent_portal::kernel::cursor::Cursor;
use talent_portal::kernel::ids::TypedId as _;
use talent_portal::kernel::seal::sha256_hex;
use talent_portal::portal::Portal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::socket::{BOUNDS, hear, officer, say, serve, serve_router, subscribe, with_settings};
use crate::support::{Pool, TestApp, both_engines};

both_engines!(
    a_body_must_be_json_in_utf_8,
    the_answer_comes_in_the_media_type_that_was_asked_for,
    queries_may_come_by_get_and_nothing_else,
    a_body_is_bounded_and_must_be_a_request,
    a_bad_document_is_told_with_its_place,
    a_missing_variable_stops_the_request_before_it_runs,
    documents_are_bounded_before_they_cost,
    fragments_that_double_are_answered_at_once,
    the_whole_schema_can_be_read_and_no_more,
    years_beyond_the_calendar_are_no_instants,
    a_control_character_is_refused_before_anything_runs,
    a_forged_cursor_is_no_cursor,
    metrics_are_for_this_machine,
    who_asks_too_often_waits_and_costs_no_statement,
    stored_operations_run_by_their_id,
    every_answer_names_its_request_and_is_not_stored,
    keys_stand_in_the_order_of_the_document_and_null_stays_where_it_fell,
    a_panic_ends_one_request_only,
    a_connection_that_sends_no_headers_is_closed,
    a_process_that_stops_is_ready_no_more,
    a_store_that_is_away_is_told_and_heals,
);

const MODERN: &str = "application/graphql-response+json";

/// A request with these headers; JSON unless another type is given.
pub(crate) async fn post(app: &TestApp, headers: &[(&str, &str)], body: impl Into<Body>) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::post("/graphql");
    if headers.iter().all(|(name, _)| *name != "content-type") {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(app, request.body(body.into()).expect("a request")).await
}

async fn answer(app: &TestApp, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let (status, headers, bytes) = app.send(request).await;
    (status, headers, String::from_utf8(bytes.to_vec()).expect("UTF-8"))
}

pub(crate) async fn modern(app: &TestApp, body: &Value) -> (StatusCode, Value) {
    let (status, headers, text) = post(app, &[("accept", MODERN)], body.to_string()).await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/graphql-response+json; charset=utf-8");
    (status, serde_json::from_str(&text).expect("JSON"))
}

#[track_caller]
pub(crate) fn code(answer: &Value) -> &str {
    let errors = answer["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 1, "{answer}");
    assert!(answer.get("data").is_none(), "a request that did not run has no data: {answer}");
    errors[0]["extensions"]["code"].as_str().expect("a code")
}

#[track_caller]
pub(crate) fn reason(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["reason"].as_str().expect("a reason")
}

pub(crate) fn today() -> String {
    json!({ "query": "{ today }" }).to_string()
}

async fn a_body_must_be_json_in_utf_8(app: TestApp) {
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql", "application/json; charset=gbk", ""]
    {
        let (status, _, text) = post(&app, &[("content-type", kind)], today()).await;
        let answer = serde_json::from_str(&text).expect("JSON");
        assert_eq!((status, code(&answer), reason(&answer)), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_REQUEST", "MEDIA_TYPE_NOT_SUPPORTED"), "{kind}");
    }
    for kind in ["application/json", "Application/JSON; Charset=\"UTF-8\""] {
        let (status, _, text) = post(&app, &[("content-type", kind)], today()).await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, r#"{"data":{"today":"2026-01-05"}}"#), "{kind}");
    }
    let bare = Request::post("/graphql").body(Body::from(today())).unwrap();
    assert_eq!(answer(&app, bare).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

async fn the_answer_comes_in_the_media_type_that_was_asked_for(app: TestApp) {
    let legacy = "application/json; charset=utf-8";
    for (accept, kind) in [
        ("application/graphql-response+json", "application/graphql-response+json; charset=utf-8"),
        ("application/graphql-response+json; charset=utf-8, application/json;q=0.9", "application/graphql-response+json; charset=utf-8"),
        ("application/json", legacy),
        ("*/*", legacy),
        ("text/html, application/*", legacy),
    ] {
        let (status, headers, _) = post(&app, &[("accept", accept)], today()).await;
        assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, kind), "{accept}");
    }
    assert_eq!(post(&app, &[], today()).await.1[header::CONTENT_TYPE], legacy);
    assert_eq!(post(&app, &[("accept", "text/html")], today()).await.0, StatusCode::NOT_ACCEPTABLE);
    // An older client reads the body after 200 only; a newer one learns from the status that nothing ran.
    for bad in [
        json!({ "query": "{ nothing }" }),
        json!({ "query": "query($id: ID!) { node(id: $id) { id } }", "variables": { "id": null } }),
        json!({ "query": "{ today }", "operationName": "Nothing" }),
        json!({ "query": "query A { today } query B { today }" }),
    ] {
        assert_eq!(post(&app, &[("accept", "application/json")], bad.to_string()).await.0, StatusCode::OK, "{bad}");
        assert_eq!(post(&app, &[("accept", MODERN)], bad.to_string()).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

async fn queries_may_come_by_get_and_nothing_else(app: TestApp) {
    let get = async |query: &str| answer(&app, Request::get(format!("/graphql?{query}")).header("accept", MODERN).body(Body::empty()).unwrap()).await;
    let (status, _, text) = get("query=%7B%20today%20%7D").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, r#"{"data":{"today":"2026-01-05"}}"#));
    let (status, _, text) = get("query=query(%24f%3AInt)%7BserviceItems(first%3A%24f)%7Bedges%7Bcursor%7D%7D%7D&variables=%7B%22f%22%3A1%7D").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, r#"{"data":{"serviceItems":{"edges":[]}}}"#));
    let (status, headers, text) = get("query=mutation%7BsignOut%7BendedSessionId%7D%7D").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(headers[header::ALLOW].to_str().unwrap().contains("POST"));
    assert_eq!(code(&serde_json::from_str(&text).unwrap()), "BAD_REQUEST");
    for query in ["", "variables=%7B%7D", "query=%7Btoday%7D&variables=x", "query=%7Btoday%7D&variables=%5B%5D", "query=%7Btoday%7D&operationName=Other"] {
        let (status, _, text) = get(query).await;
        assert_eq!((status, code(&serde_json::from_str(&text).unwrap())), (StatusCode::BAD_REQUEST, "BAD_REQUEST"), "{query}");
    }
    let (status, _, text) =
        post(&app, &[("accept", MODERN)], json!({ "query": "subscription { applicationChanged(id: \"x\") { refetch } }" }).to_string()).await;
    assert_eq!((status, code(&serde_json::from_str(&text).unwrap())), (StatusCode::BAD_REQUEST, "BAD_REQUEST"));
    let put = Request::put("/graphql").body(Body::from(today())).unwrap();
    assert_eq!(answer(&app, put).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

async fn a_body_is_bounded_and_must_be_a_request(app: TestApp) {
    let large = format!("{}{}", today(), " ".repeat(1 << 20));
    assert_eq!(post(&app, &[("content-length", &large.len().to_string())], large.clone()).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    // Also where nothing is said about the length.
    let pieces = futures_util::stream::iter(large.into_bytes().chunks(64 * 1024).map(|c| Ok::<_, std::io::Error>(c.to_vec())).collect::<Vec<_>>());
    assert_eq!(post(&app, &[], Body::from_stream(pieces)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    for body in ["", "{", "[]", "null", "\"{ today }\"", "{\"query\": 5}", "{\"query\":\"{ today }\"} x", "[{\"query\":\"{ today }\"}]"] {
        let (status, _, text) = post(&app, &[("accept", MODERN)], body).await;
        assert_eq!((status, code(&serde_json::from_str(&text).unwrap())), (StatusCode::BAD_REQUEST, "BAD_REQUEST"), "{body}");
    }
    for body in [
        json!({}),
        json!({ "query": "{ today }", "documentId": "x" }),
        json!({ "query": "{ today }", "variables": [] }),
        json!({ "query": "{ today }", "variables": "{}" }),
        json!({ "query": "{ today }", "operationName": "Other" }),
        json!({ "query": "query A { today } query B { today }" }),
    ] {
        let (status, answer) = modern(&app, &body).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "BAD_REQUEST"), "{body}");
    }
    let (status, answer) =
        modern(&app, &json!({ "query": "query A { today } query B { b: today }", "operationName": "B", "variables": null, "extensions": {} })).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "data": { "b": "2026-01-05" } })));
    assert_eq!(post(&app, &[], vec![0xff, 0xfe, 0x00]).await.0, StatusCode::BAD_REQUEST);
}

async fn a_bad_document_is_told_with_its_place(app: TestApp) {
    for (query, line, column) in [
        ("{\n  today(", 2, 9),
        ("{ viewer {\n  passwordHash } }", 2, 3),
        ("{\n today\n order(id: 5.5) { id } }", 3, 8),
        ("query($x: Nothing) { today }", 1, 7),
        ("{ viewer }", 1, 3),
        ("{ today ...F }\nfragment F on Query { ...F }", 2, 23),
        ("mutation { signIn(input: { contact: \"x\", passwort: \"y\" }) { userErrors { code } } }", 1, 19),
    ] {
        let (status, answer) = modern(&app, &json!({ "query": query })).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {answer}");
        let first = &answer["errors"][0];
        assert_eq!(first["extensions"]["code"], "BAD_REQUEST", "{query}: {answer}");
        assert_eq!(first["locations"][0], json!({ "line": line, "column": column }), "{query}: {answer}");
        assert!(answer.get("data").is_none(), "{answer}");
    }
    // The right document with a value of a wrong type: nothing ran, and the value is not repeated.
    let query = "mutation($i: SignInInput!) { signIn(input: $i) { userErrors { code } } }";
    let (status, answer) = modern(&app, &json!({ "query": query, "variables": { "i": { "contact": 5, "password": "my secret" } } })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    assert_eq!(reason(&answer), "WRONG_TYPE", "{answer}");
    assert!(!answer.to_string().contains("my secret"), "{answer}");
}

async fn a_missing_variable_stops_the_request_before_it_runs(app: TestApp) {
    let contact = json!({ "contact": "one@example.com" });
    let query =
        "mutation($a: StartSignUpInput!, $b: EndSessionInput!) { startSignUp(input: $a) { challenge { id } } endSession(input: $b) { endedSessionId } }";
    for variables in [json!({ "a": contact }), json!({ "a": contact, "b": null })] {
        let (statements, (status, answer)) = app.statements(modern(&app, &json!({ "query": query, "variables": variables }))).await;
        assert_eq!((status, code(&answer), statements), (StatusCode::BAD_REQUEST, "BAD_REQUEST", 0), "{answer}");
        let told = (reason(&answer), &answer["errors"][0]["extensions"]["field"], &answer["errors"][0]["locations"]);
        assert_eq!(told, ("VARIABLE_REQUIRED", &json!(["b"]), &json!([{ "line": 1, "column": 33 }])));
    }
}

async fn documents_are_bounded_before_they_cost(app: TestApp) {
    let aliases = |n: usize| format!("{{ {} }}", (0..n).map(|i| format!("a{i}: today")).collect::<Vec<_>>().join(" "));
    let nested = |n: usize| format!("{{ __schema {{ types {{ fields {{ type {{ {} name {} }} }} }} }} }}", "ofType { ".repeat(n), "} ".repeat(n));
    for (what, wanted, query) in [
        ("brackets of a list", "TOO_DEEP", format!("{{ serviceItem(code: {} ) {{ id }} }}", "[".repeat(20_000))),
        ("brackets of selections", "DOCUMENT_TOO_LONG", "{a".repeat(20_000)),
        ("brackets of arguments", "TOO_DEEP", format!("{{ a{} }}", "(a:".repeat(10_000))),
        ("length", "DOCUMENT_TOO_LONG", format!("{{ today }} #{}", "x".repeat(32 * 1024))),
        ("aliases beyond the length", "DOCUMENT_TOO_LONG", aliases(10_000)),
        ("aliases", "TOO_MANY_ALIASES", aliases(51)),
        ("fields", "TOO_MANY_FIELDS", format!("{{ {} }}", "today ".repeat(501))),
        ("directives", "TOO_MANY_DIRECTIVES", format!("{{ today {} }}", "@include(if: true) ".repeat(51))),
        ("depth", "TOO_DEEP", nested(12)),
        ("complexity", "TOO_COMPLEX", "{ serviceItems(first: 100000) { edges { node { id code } } } }".to_owned()),
    ] {
        let (statements, (status, answer)) = app.statements(modern(&app, &json!({ "query": query }))).await;
        assert_eq!((status, code(&answer), reason(&answer), statements), (StatusCode::BAD_REQUEST, "BAD_REQUEST", wanted, 0), "{what}: {answer}");
    }
    // Just within the bounds.
    for query in [aliases(50), nested(8)] {
        let (status, answer) = modern(&app, &json!({ "query": query })).await;
        assert_eq!((status, answer.get("errors")), (StatusCode::OK, None));
    }
}

/// A document with fragments that each spread the next one twice.
fn doubled(levels: usize) -> String {
    let inner = (0..levels).map(|n| format!("fragment f{n} on Viewer {{ ...f{m} ...f{m} }} ", m = n + 1)).collect::<Vec<_>>().concat();
    format!("{{ viewer {{ ...f0 }} }} {inner}fragment f{levels} on Viewer {{ assurance }}")
}

async fn fragments_that_double_are_answered_at_once(app: TestApp) {
    let served = serve(&app).await;
    let mut socket = served.ready(Value::Null).await;
    let cycle = "{ viewer { ...A } } fragment A on Viewer { ...B ...B } fragment B on Viewer { ...A ...A }";
    for (id, (query, wanted)) in ["1", "2", "3"].into_iter().zip([
        (doubled(40), "TOO_MANY_FIELDS"),
        (doubled(40).replace("{ viewer { ...f0 } }", "{ today }"), "TOO_MANY_FIELDS"),
        (cycle.to_owned(), "FRAGMENT_CYCLE"),
    ]) {
        let begun = Instant::now();
        let (statements, (status, answer)) = app.statements(modern(&app, &json!({ "query": query }))).await;
        assert_eq!((status, reason(&answer), statements), (StatusCode::BAD_REQUEST, wanted, 0), "{answer}");
        say(&mut socket, &subscribe(id, &query)).await;
        let refused = hear(&mut socket).await;
        assert_eq!((&refused["type"], &refused["payload"][0]["extensions"]["reason"]), (&json!("error"), &json!(wanted)), "{refused}");
        assert!(begun.elapsed() < Duration::from_millis(200), "{:?} for two answers", begun.elapsed());
    }
    // Some doubling is fine.
    let (status, answer) = modern(&app, &json!({ "query": doubled(5) })).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "data": { "viewer": null } })));
}

/// What `getIntrospectionQuery` of graphql-js 16 asks for.
const INTROSPECTION: &str = "query IntrospectionQuery { __schema { description queryType { name kind } mutationType { name kind } \
    subscriptionType { name kind } types { ...FullType } directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } } \
    fragment FullType on __Type { kind name description specifiedByURL isOneOf \
    fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } \
    inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef } \
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } } \
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason } \
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name \
    ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";

async fn the_whole_schema_can_be_read_and_no_more(app: TestApp) {
    let (status, answer) = modern(&app, &json!({ "query": INTROSPECTION })).await;
    assert_eq!((status, answer.get("errors")), (StatusCode::OK, None));
    assert!(answer["data"]["__schema"]["types"].as_array().unwrap().len() > 100);
    for query in [
        "{ a: __schema { queryType { name } } b: __schema { queryType { name } } }",
        "{ ...F ...G } fragment F on Query { __schema { queryType { name } } } fragment G on Query { __type(name: \"Query\") { name } }",
        "{ __schema { types { possibleTypes { fields { type { fields { type { name } } } } } } } }",
        "{ __schema { types { interfaces { possibleTypes { interfaces { possibleTypes { fields { type { name } } } } } } } } }",
        "{ __type(name: \"Query\") { fields { type { fields { type { fields { type { fields { type { fields { name } } } } } } } } } } }",
    ] {
        let (status, answer) = modern(&app, &json!({ "query": query })).await;
        assert_eq!((status, reason(&answer)), (StatusCode::BAD_REQUEST, "SCHEMA_TOO_MUCH"), "{query}: {answer}");
    }
}

async fn years_beyond_the_calendar_are_no_instants(app: TestApp) {
    let (token, unit) = officer(&app).await;
    let order = talent_portal::kernel::ids::OrderId::new(&app.portal().env).global();
    let ends = |at: &str| {
        (
            "mutation($v: DateTime!, $p: ID!) { grantMandate(input: { agentId: $p, endsAt: $v, idempotencyKey: \"0123456789abcdef\" }) { userErrors { code } } }",
            json!({ "v": at, "p": talent_portal::kernel::ids::PersonId::new(&app.portal().env).global() }),
        )
    };
    let received = |at: &str| {
        (
            "mutation($v: DateTime!, $o: ID!) { submitCart(input: { orderId: $o, expectedVersion: 1, receivedAt: $v, idempotencyKey: \"0123456789abcdef\" }) { userErrors { code } } }",
            json!({ "v": at, "o": order }),
        )
    };
    let due = |at: &str| {
        ("query($v: DateTime!, $u: ID!) { workQueue(unitId: $u, filter: { dueBefore: $v }) { edges { cursor } } }", json!({ "v": at, "u": unit.global() }))
    };
    for at in ["+262142-12-31T23:59:59Z", "-262143-01-01T00:00:00Z", "2201-01-01T00:00:00Z", "1899-12-31T23:59:59Z", "yesterday"] {
        for (document, variables) in [ends(at), received(at), due(at)] {
            let reply = app.graphql(Some(&token), document, variables).await;
            assert_eq!((reply.status, reply.code()), (StatusCode::OK, "BAD_REQUEST"), "{at}: {document}");
            // It is told where it stands, before anything runs.
            assert!(reply.errors[0]["extensions"]["field"].is_array() && reply.data.is_null(), "{:?}", reply.errors);
        }
        let literal = format!("{{ workQueue(unitId: \"{}\", filter: {{ dueBefore: \"{at}\" }}) {{ edges {{ cursor }} }} }}", unit.global());
        assert_eq!(app.graphql(Some(&token), &literal, json!({})).await.code(), "BAD_REQUEST", "{at}");
    }
    let (document, variables) = due("2026-01-05T00:00:00.123456+08:00");
    assert_eq!(app.graphql(Some(&token), document, variables).await.ok(), json!({ "workQueue": { "edges": [] } }));
    for date in ["1799-12-31", "2201-01-01", "0000-01-01", "9999-99-99"] {
        let document = "mutation($v: Date!) { registerPerson(input: { nameZh: \"陈大文\", birthDate: $v, idempotencyKey: \"0123456789abcdef\" }) { userErrors { code } } }";
        assert_eq!(app.graphql(Some(&token), document, json!({ "v": date })).await.code(), "BAD_REQUEST", "{date}");
    }
}

async fn a_control_character_is_refused_before_anything_runs(app: TestApp) {
    let item = "query($c: String!) { serviceItem(code: $c) { id } }";
    for (body, field) in [
        (json!({ "query": "{ serviceItem(code: \"a\\u0000\") { id } }" }), Value::Null),
        (json!({ "query": "{ serviceItem(code: \"\"\"a\u{1}\"\"\") { id } }" }), Value::Null),
        (json!({ "query": "query($c: String = \"\\u0000\") { serviceItem(code: $c) { id } }" }), Value::Null),
        (json!({ "query": item, "variables": { "c": "a\u{0}b" } }), json!(["c"])),
        (json!({ "query": item, "variables": { "c": "\u{7f}" } }), json!(["c"])),
        (
            json!({ "query": "mutation($i: SaveCartInput!) { saveCart(input: $i) { userErrors { code } } }",
                "variables": { "i": { "idempotencyKey": "0123456789abcdef", "lines": [{ "itemId": "x", "answers": { "a": ["fine", "\u{0}"] } }] } } }),
            json!(["i", "lines", "0", "answers", "a", "1"]),
        ),
        (json!({ "query": item, "variables": { "c": { "\u{0}": 1 } } }), json!(["c"])),
    ] {
        let (statements, (status, answer)) = app.statements(modern(&app, &body)).await;
        assert_eq!((status, code(&answer), statements), (StatusCode::BAD_REQUEST, "BAD_REQUEST", 0), "{body}: {answer}");
        assert_eq!(answer["errors"][0]["extensions"]["field"], field, "{answer}");
    }
    let (status, answer) = modern(&app, &json!({ "query": item, "variables": { "c": "two\r\n\tlines" } })).await;
    assert_eq!((status, &answer["errors"][0]["extensions"]["code"]), (StatusCode::OK, &json!("NOT_FOUND")), "{answer}");
}

async fn a_forged_cursor_is_no_cursor(app: TestApp) {
    let (token, unit) = officer(&app).await;
    let items = "query($a: String!) { serviceItems(first: 1, after: $a) { edges { cursor } } }";
    let queue = "query($a: String!, $u: ID!) { workQueue(unitId: $u, after: $a) { edges { cursor } } }";
    let id = app.portal().env.uuid().to_string();
    let mut forged: Vec<(&str, String)> = ["\u{0}", "A\u{0}", "\u{1e}", "A\n"].map(|key| (items, Cursor::write("code", &[key.to_owned()]))).into();
    for millis in ["9223372036854775807", "-9223372036854775808", "8210266876799999", "253402300800000", "-9999999999999", "\u{0}", "1.5"] {
        forged.push((queue, Cursor::write("queue", &[millis.to_owned(), id.clone()])));
    }
    forged.push((queue, Cursor::write("queue", &["1767574800000".to_owned(), "\u{0}".to_owned()])));
    for (document, cursor) in forged {
        let mut variables = json!({ "a": cursor });
        if document == queue {
            variables["u"] = json!(unit.global());
        }
        assert_eq!(app.graphql(Some(&token), document, variables).await.code(), "CURSOR_INVALID", "{document} {cursor}");
    }
    let honest = Cursor::write("queue", &["1767574800000".to_owned(), id]);
    assert_eq!(app.graphql(Some(&token), queue, json!({ "a": honest, "u": unit.global() })).await.ok(), json!({ "workQueue": { "edges": [] } }));
}

async fn who_asks_too_often_waits_and_costs_no_statement(app: TestApp) {
    let (token, _) = officer(&app).await;
    let router = with_settings(&app, |settings| (settings.requests_per_network, settings.requests_per_session) = (4, 2));
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = if path == "/graphql" { Request::post(path).header(header::CONTENT_TYPE, "application/json") } else { Request::get(path) };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = router.clone().oneshot(request.body(Body::from(today())).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let wait = head.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        (head.status, wait, http_body_util::BodyExt::collect(body).await.unwrap().to_bytes())
    };
    let bearer = format!("Bearer {token}");
    let signed_in = [("authorization", bearer.as_str()), ("accept", MODERN), ("accept-language", "en")];
    for _ in 0..2 {
        assert_eq!(ask("/graphql", &signed_in).await.0, StatusCode::OK);
    }
    // The session's two are used; a wrong token has a bucket of its own, and the network pays for all of them.
    let (statements, (status, wait, body)) = app.statements(ask("/graphql", &signed_in)).await;
    assert_eq!((statements, status), (0, StatusCode::TOO_MANY_REQUESTS));
    let wait = wait.expect("a time to wait");
    assert!((1..=31).contains(&wait), "{wait}");
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((code(&told), reason(&told), told["errors"][0]["extensions"]["retryAfterSeconds"].as_u64()), ("RATE_LIMITED", "TOO_MANY_REQUESTS", Some(wait)));
    assert!(told["errors"][0]["message"].as_str().unwrap().starts_with("Too many requests"), "{told}");
    assert_eq!(ask("/graphql", &[("authorization", "Bearer nobody's")]).await.0, StatusCode::UNAUTHORIZED);
    // Now the network's four are used: whoever asks, for whatever, and in the reader's language.
    for path in ["/graphql", "/files/anything", "/.well-known/jwks.json", "/nowhere"] {
        let (statements, (status, wait, _)) = app.statements(ask(path, &[])).await;
        assert!(statements == 0 && status == StatusCode::TOO_MANY_REQUESTS && wait.is_some_and(|w| (1..=16).contains(&w)), "{path} {status} {wait:?}");
    }
    let (.., body) = ask("/graphql", &[("accept-language", "zh-Hant")]).await;
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["errors"][0]["message"], "請求過於頻繁，請稍後再試。");
    // Machines that ask whether the portal lives are told.
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(ask(probe, &[]).await.0, StatusCode::OK, "{probe}");
    }
    // Operations over a socket are counted alike.
    let served = serve_router(with_settings(&app, |settings| settings.requests_per_session = 2), BOUNDS).await;
    let mut socket = served.ready(json!({ "authorization": token })).await;
    for id in ["1", "2"] {
        say(&mut socket, &json!({ "id": id, "type": "subscribe", "payload": { "query": "{ today }" } })).await;
        assert_eq!(hear(&mut socket).await["type"], "next");
        assert_eq!(hear(&mut socket).await["type"], "complete");
    }
    say(&mut socket, &json!({ "id": "3", "type": "subscribe", "payload": { "query": "{ today }" } })).await;
    let refused = hear(&mut socket).await;
    assert_eq!((&refused["type"], &refused["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("RATE_LIMITED")));
    assert!(refused["payload"][0]["extensions"]["retryAfterSeconds"].as_u64().is_some_and(|wait| (1..=31).contains(&wait)), "{refused}");
}

async fn metrics_are_for_this_machine(app: TestApp) {
    let served = serve(&app).await;
    let remote = serve_router(with_settings(&app, |settings| settings.metrics_remote = true), BOUNDS).await;
    for (headers, server, status) in [
        ("", &served, "200"),
        // A proxy of this machine speaks for somebody else.
        ("x-forwarded-for: 203.0.113.9\r\n", &served, "404"),
        ("x-real-ip: 203.0.113.9\r\n", &served, "404"),
        ("via: 1.1 proxy\r\n", &served, "404"),
        ("forwarded: for=203.0.113.9\r\n", &served, "404"),
        ("x-forwarded-for: 203.0.113.9\r\n", &remote, "200"),
    ] {
        let answer = raw(server.address, &format!("GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
    }
    // A peer that is not known is not of this machine.
    let (status, _, _) = app.send(Request::get("/metrics").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

async fn stored_operations_run_by_their_id(app: TestApp) {
    let (path, text) = operations::all().find(|(path, _)| path.ends_with("today.graphql")).expect("a stored operation");
    let id = sha256_hex(text);
    let (status, answer) = modern(&app, &json!({ "documentId": id })).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "data": { "today": "2026-01-05" } })), "{path}");
    let by_get = Request::get(format!("/graphql?documentId={id}")).body(Body::empty()).unwrap();
    let (status, _, text) = self::answer(&app, by_get).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, r#"{"data":{"today":"2026-01-05"}}"#));
    for unknown in [sha256_hex("{ today }"), String::new(), "../sign-up/today.graphql".to_owned()] {
        let (status, answer) = modern(&app, &json!({ "documentId": unknown })).await;
        assert_eq!((status, reason(&answer)), (StatusCode::BAD_REQUEST, "DOCUMENT_UNKNOWN"));
    }
    // What front ends send is valid; here no variable is given.
    for (path, text) in operations::all() {
        let (_, answer) = modern(&app, &json!({ "documentId": sha256_hex(text) })).await;
        for error in answer["errors"].as_array().into_iter().flatten() {
            let reason = error["extensions"]["reason"].as_str().unwrap_or_default().parse::<Reason>();
            assert!(!reason.is_ok_and(|reason| reason != Reason::VariableRequired && reason.is_about_document()), "{path}: {answer}");
        }
    }
}

async fn every_answer_names_its_request_and_is_not_stored(app: TestApp) {
    let own = "0198a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b";
    let (_, headers, _) = post(&app, &[("x-request-id", own)], today()).await;
    assert_eq!((&headers["x-request-id"], &headers[header::CACHE_CONTROL]), (&own.parse().unwrap(), &"no-store".parse().unwrap()));
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")] {
        assert_eq!(headers[name], value);
    }
    // Any other text is the caller's own words, which have no place in log and trail.
    let simple = own.replace('-', "");
    let urn = format!("urn:uuid:{own}");
    for bad in ["front-end-0001", "13800138000-chen-da-wen-0000-00000000", "short", "semi;colon;semi", &"x".repeat(36), &simple, &urn] {
        let (_, headers, _) = post(&app, &[("x-request-id", bad)], today()).await;
        let id = headers["x-request-id"].to_str().unwrap();
        assert!(id != bad && uuid::Uuid::try_parse(id).is_ok(), "{id}");
    }
    let (_, _, text) = post(
        &app,
        &[("x-request-id", "chen-da-wen-13800138000")],
        json!({ "query": "mutation { startSignUp(input: { contact: \"one@example.com\" }) { challenge { id } } }" }).to_string(),
    )
    .await;
    assert!(text.contains("challenge"), "{text}");
    let db = app.portal().db.read();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), "SELECT request_id FROM trail")).await.unwrap();
    let ids: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| uuid::Uuid::try_parse(id).is_ok()), "{ids:?}");
    // Refusals, too.
    let (_, headers, _) = post(&app, &[("x-request-id", own), ("accept", MODERN)], json!({ "query": "{ nothing }" }).to_string()).await;
    assert_eq!((&headers["x-request-id"], &headers[header::CACHE_CONTROL]), (&own.parse().unwrap(), &"no-store".parse().unwrap()));
    let (status, headers, text) = post(&app, &[("x-request-id", own), ("authorization", "Bearer nobody"), ("accept-language", "en")], today()).await;
    assert_eq!((status, headers["x-request-id"].to_str().unwrap()), (StatusCode::UNAUTHORIZED, own));
    assert_eq!(code(&serde_json::from_str(&text).unwrap()), "UNAUTHENTICATED");
}

async fn keys_stand_in_the_order_of_the_document_and_null_stays_where_it_fell(app: TestApp) {
    let query = "{ z: today viewer { assurance } items: serviceItems(first: 1) { pageInfo { hasNextPage } edges { cursor } } a: today __typename }";
    let (_, _, text) = post(&app, &[], json!({ "query": query }).to_string()).await;
    assert_eq!(
        text,
        r#"{"data":{"z":"2026-01-05","viewer":null,"items":{"pageInfo":{"hasNextPage":false},"edges":[]},"a":"2026-01-05","__typename":"Query"}}"#
    );
    // A field that fails is null, and its neighbours have their data.
    let (_, _, text) =
        post(&app, &[("accept-language", "en")], json!({ "query": "{ b: today myApplications { edges { cursor } } a: today }" }).to_string()).await;
    assert!(text.starts_with(r#"{"data":{"b":"2026-01-05","myApplications":null,"a":"2026-01-05"},"errors":[{"#), "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&answer["errors"][0]["path"], &answer["errors"][0]["extensions"]["code"]), (&json!(["myApplications"]), &json!("UNAUTHENTICATED")));
}

/// A clock whose spring broke.
#[derive(Debug)]
struct Broken;

impl Clock for Broken {
    fn now(&self) -> DateTime<Utc> {
        panic!("the spring of the clock broke")
    }
}

async fn a_panic_ends_one_request_only(app: TestApp) {
    let mut portal = app.portal().clone();
    portal.env.clock = Arc::new(Broken);
    let config = Layers::default().build().expect("the default configuration");
    let router = app::router(&portal, &config, None, CancellationToken::new());
    let send = async |query: &str| {
        let body = Body::from(json!({ "query": query }).to_string());
        let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
        let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        (head.status, String::from_utf8(bytes.to_vec()).unwrap())
    };
    let (status, text) = send("{ today }").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!text.contains("spring"), "{text}");
    assert_eq!(code(&serde_json::from_str(&text).expect("JSON")), "INTERNAL");
    // A route outside GraphQL: the token of a file is looked up as of now.
    let (head, body) = router.clone().oneshot(Request::get("/files/x").body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    assert_eq!((head.status, serde_json::from_slice::<Value>(&bytes).expect("JSON")["code"].as_str()), (StatusCode::INTERNAL_SERVER_ERROR, Some("INTERNAL")));
    // On a socket the operation ends with an error, and the socket goes on.
    let served = serve_router(router.clone(), BOUNDS).await;
    let mut socket = served.ready(Value::Null).await;
    say(&mut socket, &subscribe("1", "{ today }")).await;
    let refused = hear(&mut socket).await;
    assert_eq!((&refused["type"], &refused["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("INTERNAL")), "{refused}");
    assert!(!refused.to_string().contains("spring"), "{refused}");
    say(&mut socket, &subscribe("2", "{ __typename }")).await;
    assert_eq!(hear(&mut socket).await["type"], "next");
    assert_eq!(send("{ __typename }").await, (StatusCode::OK, r#"{"data":{"__typename":"Query"}}"#.to_owned()));
}

/// What is answered to bytes on a socket, up to its end.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("an end in time").expect("read");
    String::from_utf8(answer).expect("UTF-8")
}

async fn a_connection_that_sends_no_headers_is_closed(app: TestApp) {
    let bounds = Bounds { connections: 1, headers: Duration::from_millis(300) };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server::serve(listener, app.router(), bounds, stop.clone()));
    // Nothing at all, and headers that never end: closed without an answer. Only one is served at a time.
    let silent = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut end = [0; 16];
        tokio::time::timeout(Duration::from_secs(20), stream.read(&mut end)).await.expect("closed in time").unwrap_or(0)
    };
    let trickle = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let writing = async {
            write.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n").await?;
            loop {
                write.write_all(b"a: b\r\n").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let mut end = [0; 16];
        let closed = async { tokio::time::timeout(Duration::from_secs(20), read.read(&mut end)).await.expect("closed in time").unwrap_or(0) };
        tokio::select! {
            bytes = closed => bytes,
            broken = writing => { let _: std::io::Result<()> = broken; 0 }
        }
    };
    assert_eq!((silent.await, trickle.await), (0, 0));
    let begun = Instant::now();
    let held = TcpStream::connect(address).await.unwrap();
    let answer = raw(address, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ok\n"), "{answer}");
    assert!(begun.elapsed() >= Duration::from_millis(200), "the second one waited for the place of the first: {:?}", begun.elapsed());
    drop(held);
    // A body in time is no headers: it may come later than they may.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = today();
    let head = format!("POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("2026-01-05"), "{answer}");
    // At the end what is under way has its answer first.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!serving.is_finished());
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("2026-01-05"), "{answer}");
    tokio::time::timeout(Duration::from_secs(5), serving).await.expect("an end").expect("no panic");
    assert!(TcpStream::connect(address).await.is_err());
}

/// Status and text of a GET.
async fn get(router: &axum::Router, path: &str) -> (StatusCode, String) {
    let (head, body) = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    (head.status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn a_process_that_stops_is_ready_no_more(app: TestApp) {
    let stop = CancellationToken::new();
    let router = app::router(app.portal(), &app.config(), None, stop.clone());
    assert_eq!(get(&router, "/readyz").await, (StatusCode::OK, "ready\n".to_owned()));
    stop.cancel();
    assert_eq!(get(&router, "/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()));
    // It lives until what is under way is answered.
    assert_eq!(get(&router, "/healthz").await.0, StatusCode::OK);
}

async fn a_store_that_is_away_is_told_and_heals(app: TestApp) {
    let router = app.router();
    let item = "{ serviceItem(code: \"none\") { id } }";
    assert_eq!(get(&router, "/readyz").await, (StatusCode::OK, "ready\n".to_owned()));
    assert_eq!(app.graphql(None, item, json!({})).await.code(), "NOT_FOUND");
    // Every connection is taken: nobody has an answer, and nobody waits for it for ever.
    let mut held = Vec::new();
    for _ in 0..app.config().database_connections {
        held.push(app.portal().db.begin_read().await.expect("a connection"));
    }
    let begun = Instant::now();
    assert_eq!(get(&router, "/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, "a store does not answer\n".to_owned()));
    let reply = app.graphql(None, item, json!({})).await;
    assert_eq!(reply.code(), "UNAVAILABLE");
    assert!(!reply.errors[0].to_string().to_lowercase().contains("pool"), "{:?}", reply.errors);
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    // The process lives, and says so.
    assert_eq!(get(&router, "/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    drop(held);
    let begun = Instant::now();
    while get(&router, "/readyz").await.0 != StatusCode::OK {
        assert!(begun.elapsed() < Duration::from_secs(5), "it does not heal");
    }
    assert_eq!(app.graphql(None, item, json!({})).await.code(), "NOT_FOUND");
}

/// What lies between the portal and PostgreSQL: a socket that can be cut and put back.
struct Wire {
    folder: tempfile::TempDir,
    server: PathBuf,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Wire {
    fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    fn mend(&mut self) {
        let listener = UnixListener::bind(self.socket()).expect("a socket");
        let server = self.server.clone();
        self.task = Some(tokio::spawn(async move {
            // What was connected ends with this task.
            let mut open = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let server = server.clone();
                open.spawn(async move {
                    let mut far = UnixStream::connect(server).await.expect("the server");
                    let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        }));
    }

    async fn cut(&mut self) {
        std::fs::remove_file(self.socket()).expect("the socket");
        let task = self.task.take().expect("a wire");
        task.abort();
        let _ended = task.await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_cut_off_is_served_again() {
    let Some(app) = TestApp::start(Engine::Postgres, Pool::Product).await else { return };
    let url = app.database_url();
    let (address, host) = url.split_once("?host=").expect("a server on a socket");
    let server = PathBuf::from(host.replace("%20", " ").replace("%25", "%")).join(".s.PGSQL.5432");
    let mut wire = Wire { folder: tempfile::tempdir().expect("a folder"), server, task: None };
    wire.mend();
    let url = format!("{address}?host={}", wire.folder.path().display());
    let db = Db::connect(&Options { url, key_url: None, connections: 4, single: false, on_statement: None }).await.expect("a connection");
    let Portal { env, keyring, settings, .. } = app.portal().clone();
    let portal = Portal::new(db, env, keyring, settings, app::parts(&app.config()).expect("parts"));
    let router = app::router(&portal, &app.config(), None, CancellationToken::new());
    let item = async || {
        let body = Body::from(json!({ "query": "{ serviceItem(code: \"none\") { id } }" }).to_string());
        let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
        let bytes = http_body_util::BodyExt::collect(router.clone().oneshot(request).await.unwrap().into_body()).await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
    };
    for _ in 0..2 {
        assert_eq!((get(&router, "/readyz").await.0, item().await.as_str()), (StatusCode::OK, "NOT_FOUND"));
        wire.cut().await;
        for _ in 0..3 {
            let begun = Instant::now();
            assert_eq!((get(&router, "/readyz").await.0, item().await.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        }
        assert_eq!(get(&router, "/healthz").await.0, StatusCode::OK);
        wire.mend();
        let begun = Instant::now();
        while get(&router, "/readyz").await.0 != StatusCode::OK || item().await != "NOT_FOUND" {
            assert!(begun.elapsed() < Duration::from_secs(10), "it does not heal");
        }
    }
    portal.db.close().await.expect("closed");
}
