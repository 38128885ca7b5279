//! Bad input: each no has its code, its reason, its place and a message in the reader's language, and repeats nothing that was sent.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session, mark_demo};
use talent_portal::application::entity::application;
use talent_portal::catalogue::model::bundle::Bundle;
use talent_portal::catalogue::service::publish_given;
use talent_portal::kernel::ids::{BodyId, DocumentId, TypedId as _, UnitId};
use talent_portal::kernel::role::Role;
use talent_portal::material::service::sweep;
use talent_portal::organisation::model::unit::UnitLevel;

use crate::application::{SERVICE, World, case_id, codes, fields, no, target};
use crate::support::{TestApp, both_engines, pool_of_one};

both_engines!(
    a_fault_of_a_document_has_its_reason_its_place_and_no_value,
    a_value_that_does_not_fit_is_not_told_back,
    a_value_that_does_not_fit_is_refused_before_anything_runs,
    a_variable_that_is_not_given_leaves_out_its_field,
    a_request_that_is_none_has_its_reason,
    what_no_handler_answers_has_a_code_and_a_message,
    a_refused_file_is_told_in_the_readers_language,
    every_message_comes_in_four_languages,
    the_setting_of_the_account_holds_where_the_request_names_no_language,
    letters_go_in_the_language_of_the_account,
    an_answer_is_one_of_those_that_are_registered,
    a_document_in_an_answer_is_one_of_those_handed_in,
    a_claim_and_a_place_of_work_are_registered,
    a_number_of_unusual_form_is_kept_and_told,
    bodies_units_and_regions_come_with_their_names,
    names_beside_ids_are_loaded_together,
    a_unit_with_open_cases_does_not_close,
    a_successor_offers_what_the_closed_unit_offered,
    a_unit_that_closes_while_cases_come_in_keeps_none,
    units_close_while_a_catalogue_is_published,
);
pool_of_one!(a_claim_and_a_place_of_work_are_registered, a_successor_offers_what_the_closed_unit_offered, letters_go_in_the_language_of_the_account);

const LANGUAGES: [&str; 4] = ["zh-CN", "zh-HK", "en", "pt-MO"];

async fn send(app: &TestApp, request: Request<Body>) -> (StatusCode, Value) {
    let (status, headers, bytes) = app.send(request).await;
    assert!(headers[header::CONTENT_TYPE].to_str().unwrap().contains("json"), "{status}: {headers:?}");
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

async fn post(app: &TestApp, headers: &[(&str, &str)], body: &Value) -> (StatusCode, Value) {
    let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, "application/graphql-response+json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(app, request.body(Body::from(body.to_string())).unwrap()).await
}

async fn english(app: &TestApp, query: &str, variables: Value) -> Value {
    post(app, &[("accept-language", "en")], &json!({ "query": query, "variables": variables })).await.1
}

async fn somebody(app: &TestApp, login: &str, roles: Vec<(Role, Option<UnitId>, Option<BodyId>)>) -> String {
    let new = NewDemoAccount {
        login: login.into(),
        password: "seven green herons at dusk".into(),
        name_zh: "测试".into(),
        name_latin: "Test".into(),
        birth_date: None,
        roles,
    };
    mark_demo(app.portal()).await.unwrap();
    demo_session(app.portal(), add_account(app.portal(), new).await.unwrap()).await.unwrap()
}

async fn a_fault_of_a_document_has_its_reason_its_place_and_no_value(app: TestApp) {
    for (query, reason, line, column, message) in [
        ("{\n  today(", "SYNTAX", 2, 9, "The document has a syntax error at the place shown."),
        ("fragment Secret on Query { today }", "OPERATION_MISSING", 0, 0, "The document holds no operation."),
        ("query Secret { today } query Secret { today }", "NAME_REPEATED", 1, 24, "A name is used twice, or an unnamed operation stands beside others."),
        ("{ viewer {\n  secret } }", "UNKNOWN_FIELD", 2, 3, "The type Viewer has no such field."),
        ("{ today(secret: 1) }", "UNKNOWN_ARGUMENT", 1, 9, "today takes no such argument."),
        ("{ today @secret }", "UNKNOWN_DIRECTIVE", 1, 9, "There is no such directive."),
        ("query @skip(if: true) { today }", "DIRECTIVE_MISPLACED", 1, 7, "The directive may not stand here."),
        ("query($secret: Secret) { today }", "UNKNOWN_TYPE", 1, 7, "There is no such type."),
        ("{ ...Secret }", "UNKNOWN_FRAGMENT", 1, 3, "The document has no such fragment."),
        ("{ ...Secret } fragment Secret on Query { ...Secret }", "FRAGMENT_CYCLE", 1, 42, "A fragment spreads itself."),
        ("{ today } fragment Secret on Query { today }", "FRAGMENT_UNUSED", 1, 11, "A fragment is used nowhere."),
        ("{ ...Secret } fragment Secret on Viewer { assurance }", "FRAGMENT_MISPLACED", 1, 3, "The type of the fragment can never hold here."),
        ("{ node { id } }", "ARGUMENT_REQUIRED", 1, 3, "id must be given."),
        ("{ node(id: [\"secret\"]) { id } }", "WRONG_TYPE", 1, 8, "The value is not of the type ID."),
        ("{ regions(level: SECRET) { code } }", "WRONG_TYPE", 1, 11, "The value is not of the type RegionLevel."),
        ("{ viewer }", "SELECTION_REQUIRED", 1, 3, "Choose fields of viewer, which is of the type Viewer."),
        ("{ today { secret } }", "SELECTION_FORBIDDEN", 1, 3, "today of the type Date has no fields to choose."),
        ("{ secret: today secret: viewer { assurance } }", "FIELDS_CONFLICT", 1, 3, "Two fields of one name differ; use aliases."),
        ("{ node(id: $secret) { id } }", "VARIABLE_UNDEFINED", 1, 8, "A variable is used that the operation does not declare."),
        ("query($secret: Int) { today }", "VARIABLE_UNUSED", 1, 7, "A variable is declared and not used."),
        ("query($secret: Viewer = 1) { node(id: $secret) { id } }", "VARIABLE_MISPLACED", 1, 7, "The type of the variable does not fit: Viewer."),
        (
            "mutation { signIn(input: { contact: \"secret\", password: \"secret\", secret: 1 }) { userErrors { code } } }",
            "UNKNOWN_INPUT_FIELD",
            1,
            19,
            "The input type SignInInput has no such field.",
        ),
        ("mutation { signIn(input: { contact: \"secret\" }) { userErrors { code } } }", "ARGUMENT_REQUIRED", 1, 19, "password must be given."),
    ] {
        let (status, answer) = post(&app, &[("accept-language", "en")], &json!({ "query": query })).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {answer}");
        let told: Vec<&Value> = answer["errors"].as_array().unwrap().iter().filter(|error| error["extensions"]["reason"] == reason).collect();
        let [first, ..] = told[..] else { panic!("{query}: {answer}") };
        assert_eq!((&first["extensions"]["code"], &first["message"]), (&json!("BAD_REQUEST"), &json!(message)), "{query}");
        if line > 0 {
            assert_eq!(first["locations"][0], json!({ "line": line, "column": column }), "{query}: {answer}");
        }
        assert!(!answer.to_string().to_lowercase().contains("secret"), "{query}: {answer}");
    }
    // A variable that is not given leaves out the argument whose value it is.
    let answer = english(&app, "query($secret: Int) { node(id: $secret) { id } }", json!({})).await;
    let error = &answer["errors"][0];
    assert_eq!((&error["extensions"]["reason"], &error["locations"][0]["column"], &answer["data"]), (&json!("ARGUMENT_REQUIRED"), &json!(23), &Value::Null));
    let cart = "mutation {\n  saveCart(input: { idempotencyKey: \"secret-key-000001\", lines: [{ itemId: 5.5, regionCode: \"440100\" }] }) { order { id } } }";
    let value = english(&app, cart, json!({})).await;
    let error = &value["errors"][0];
    assert_eq!((&error["extensions"]["code"], &error["extensions"]["reason"]), (&json!("BAD_REQUEST"), &json!("WRONG_TYPE")), "{value}");
    assert_eq!((&error["locations"][0]["line"], &value["data"]), (&json!(2), &Value::Null), "{value}");
    assert!(!value.to_string().contains("secret") && !value.to_string().contains("5.5"), "{value}");
}

/// Values of variables, whether the validation finds what is wrong or the library while it runs.
async fn a_value_that_does_not_fit_is_not_told_back(app: TestApp) {
    let query = "mutation($i: SignInInput!) { signIn(input: $i) { userErrors { code } } }";
    for (input, reason, path) in [
        (json!({ "contact": 5, "password": "secret" }), "WRONG_TYPE", Some(json!(["input", "contact"]))),
        (json!({ "contact": ["secret"], "password": "secret" }), "WRONG_TYPE", Some(json!(["input", "contact"]))),
        (json!({ "contact": "secret", "password": "x", "secret\" of type \"Secret": 1 }), "UNKNOWN_INPUT_FIELD", Some(json!(["input"]))),
        (json!({ "contact": "secret" }), "ARGUMENT_REQUIRED", Some(json!(["input"]))),
        (json!("secret"), "WRONG_TYPE", Some(json!(["input"]))),
        (json!(["secret"]), "WRONG_TYPE", Some(json!(["input"]))),
    ] {
        let answer = english(&app, query, json!({ "i": input })).await;
        let error = &answer["errors"][0];
        assert_eq!((&error["extensions"]["code"], &error["extensions"]["reason"]), (&json!("BAD_REQUEST"), &json!(reason)), "{input}: {answer}");
        assert_eq!(error["extensions"].get("field"), path.as_ref(), "{input}: {answer}");
        assert_eq!(error["locations"][0]["line"], 1, "{answer}");
        assert!(!answer.to_string().to_lowercase().contains("secret"), "{input}: {answer}");
    }
    // An id of another kind makes no sense, and says where.
    let answer = english(&app, "{ unit(id: \"secret\") { id } }", json!({})).await;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions, &json!({ "code": "BAD_REQUEST", "reason": "ARGUMENT_INVALID", "field": ["id"] }), "{answer}");
    assert!(!answer.to_string().contains("secret"), "{answer}");
}

/// A mutation whose first field is in order and whose second is not changes nothing, and a query answers nothing.
async fn a_value_that_does_not_fit_is_refused_before_anything_runs(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let bearer = format!("Bearer {}", talent.token);
    let headers = [("accept-language", "en"), ("authorization", bearer.as_str())];
    let name = async || world.app.graphql(Some(&talent.token), "{ viewer { person { nameLatin version } } }", json!({})).await.ok()["viewer"]["person"].clone();
    let before = name().await;
    let first = format!("b: updateProfile(input: {{ expectedVersion: {}, nameLatin: \"Changed\" }}) {{ person {{ nameLatin }} }}", before["version"]);
    let update = |given: &str| format!("a: updateProfile(input: {{ {given} }}) {{ person {{ nameLatin }} }}");
    let submit = |given: &str| format!("a: submitCart(input: {{ idempotencyKey: \"x\", orderId: \"x\", expectedVersion: 1, {given} }}) {{ order {{ id }} }}");
    for (declared, second, variables, path) in [
        ("($d: Date)", update("expectedVersion: 3, birthDate: $d"), json!({ "d": "x" }), json!(["input", "birthDate"])),
        // The library judges no argument in which a variable is not given.
        ("($d: Date, $n: String)", update("expectedVersion: 3, birthDate: $d, nameZh: $n"), json!({ "d": "x" }), json!(["input", "birthDate"])),
        ("($n: String)", update("expectedVersion: 3, birthDate: 5, nameZh: $n"), json!({}), json!(["input", "birthDate"])),
        ("", update("expectedVersion: 3, birthDate: \"2020-02-30\""), json!({}), json!(["input", "birthDate"])),
        ("", update("expectedVersion: 99999999999"), json!({}), json!(["input", "expectedVersion"])),
        ("", update("expectedVersion: 3.5"), json!({}), json!(["input", "expectedVersion"])),
        ("($v: Int!)", update("expectedVersion: $v"), json!({ "v": 2_147_483_648_i64 }), json!(["input", "expectedVersion"])),
        ("($v: Int!)", update("expectedVersion: $v"), json!({ "v": 3.5 }), json!(["input", "expectedVersion"])),
        ("($v: Int!)", update("expectedVersion: $v"), json!({ "v": "3" }), json!(["input", "expectedVersion"])),
        ("", submit("receivedAt: \"2026-10-01\""), json!({}), json!(["input", "receivedAt"])),
        ("($at: DateTime)", submit("receivedAt: $at"), json!({ "at": "1066-10-14T09:00:00Z" }), json!(["input", "receivedAt"])),
        (
            "($i: UpdateProfileInput!)",
            "a: updateProfile(input: $i) { person { nameLatin } }".into(),
            json!({ "i": { "expectedVersion": 3, "birthDate": "x" } }),
            json!(["input", "birthDate"]),
        ),
        ("($i: UpdateProfileInput!)", "a: updateProfile(input: $i) { person { nameLatin } }".into(), json!({ "i": 5 }), json!(["input"])),
        (
            "($i: UpdateProfileInput!)",
            "...F } fragment F on Mutation { a: updateProfile(input: $i) { person { nameLatin } }".into(),
            json!({ "i": 5 }),
            json!(["input"]),
        ),
    ] {
        let (status, answer) =
            post(&world.app, &headers, &json!({ "query": format!("mutation{declared} {{ {first} {second} }}"), "variables": variables })).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!((status, answer.get("data")), (StatusCode::BAD_REQUEST, None), "{second}: {answer}");
        assert_eq!(extensions, &json!({ "code": "BAD_REQUEST", "reason": "WRONG_TYPE", "field": path }), "{second}: {answer}");
        assert_eq!(name().await, before, "{second}");
    }
    for (declared, filter, variables) in [
        ("", "{ dueBefore: \"x\" }", json!({})),
        ("($s: String)", "{ dueBefore: \"x\", stepKey: $s }", json!({})),
        ("($f: WorkQueueFilter)", "$f", json!({ "f": { "dueBefore": "x" } })),
    ] {
        let query = format!("query{declared} {{ today viewer {{ assurance }} workQueue(unitId: \"x\", filter: {filter}) {{ nodes {{ version }} }} }}");
        let (status, answer) = post(&world.app, &headers, &json!({ "query": query, "variables": variables })).await;
        assert_eq!((status, answer.get("data")), (StatusCode::BAD_REQUEST, None), "{answer}");
        assert_eq!(answer["errors"][0]["extensions"], json!({ "code": "BAD_REQUEST", "reason": "WRONG_TYPE", "field": ["filter", "dueBefore"] }), "{answer}");
    }
}

/// As the specification has it: a variable that is not given leaves out what has its value, one with a default has that.
async fn a_variable_that_is_not_given_leaves_out_its_field(app: TestApp) {
    let query = "query($first: Int, $level: RegionLevel = CITY) { regions(level: $level) { code } units(first: $first) { pageInfo { hasNextPage } } }";
    let answer = english(&app, query, json!({})).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    // In the field whose type is non-null and has a default, a null is a mistake and a variable that is not given is not.
    let query = "query($mine: Boolean) { workQueue(unitId: \"x\", filter: { mine: $mine }) { nodes { version } } }";
    let of = |answer: &Value| answer["errors"][0]["extensions"].clone();
    assert_eq!(of(&english(&app, query, json!({})).await), json!({ "code": "BAD_REQUEST", "reason": "ARGUMENT_INVALID", "field": ["unitId"] }));
    let null = of(&english(&app, query, json!({ "mine": null })).await);
    assert_eq!(null, json!({ "code": "BAD_REQUEST", "reason": "WRONG_TYPE", "field": ["filter", "mine"] }));
    // One that is declared and used nowhere is told as ever, whether or not it is given.
    let unused = of(&english(&app, "query($first: Int) { today }", json!({})).await);
    assert_eq!(unused["reason"], "VARIABLE_UNUSED");
}

async fn a_request_that_is_none_has_its_reason(app: TestApp) {
    for (body, reason) in [
        (json!([]), "REQUEST_MALFORMED"),
        (json!({ "query": 5 }), "REQUEST_MALFORMED"),
        (json!({}), "QUERY_MISSING"),
        (json!({ "query": "{ today }", "documentId": "secret" }), "QUERY_AMBIGUOUS"),
        (json!({ "documentId": "secret" }), "DOCUMENT_UNKNOWN"),
        (json!({ "query": "{ today }", "variables": "secret" }), "VARIABLES_MALFORMED"),
        (json!({ "query": "{ today }", "operationName": "Secret" }), "OPERATION_UNKNOWN"),
        (json!({ "query": "query A { today } query B { today }" }), "OPERATION_NAME_REQUIRED"),
        (json!({ "query": "query($secret: ID!) { node(id: $secret) { id } }" }), "VARIABLE_REQUIRED"),
        (json!({ "query": "{ node(id: \"secret\u{0}\") { id } }" }), "CONTROL_CHARACTER"),
        (json!({ "query": "subscription { applicationChanged(id: \"secret\") { refetch } }" }), "SUBSCRIPTION_ELSEWHERE"),
    ] {
        let (status, answer) = post(&app, &[("accept-language", "en")], &body).await;
        let error = &answer["errors"][0];
        assert_eq!(
            (status, &error["extensions"]["code"], &error["extensions"]["reason"]),
            (StatusCode::BAD_REQUEST, &json!("BAD_REQUEST"), &json!(reason)),
            "{body}"
        );
        // The name of a variable is its field path; nothing else comes back.
        let told = error["message"].to_string() + &error["path"].to_string();
        assert!(!told.to_lowercase().contains("secret"), "{answer}");
    }
}

async fn what_no_handler_answers_has_a_code_and_a_message(app: TestApp) {
    let large = "x".repeat(2 << 20);
    let ask = |method: Method, path: &str, headers: &[(&str, &str)], body: &str| {
        let mut request = Request::builder().method(method).uri(path).header("accept-language", "pt");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(&app, request.body(Body::from(body.to_owned())).unwrap())
    };
    let json_type = ("content-type", "application/json");
    for (sent, status, code, reason) in [
        (ask(Method::GET, "/nowhere/secret", &[], "").await, 404, "NOT_FOUND", "ROUTE_UNKNOWN"),
        (ask(Method::GET, "/graphiql/secret", &[], "").await, 404, "NOT_FOUND", "ROUTE_UNKNOWN"),
        (ask(Method::DELETE, "/graphql", &[], "").await, 405, "BAD_REQUEST", "METHOD_NOT_ALLOWED"),
        (ask(Method::POST, "/files/secret", &[], "").await, 405, "BAD_REQUEST", "METHOD_NOT_ALLOWED"),
        (ask(Method::GET, "/graphql?query=mutation%7BsignOut%7BendedSessionId%7D%7D", &[], "").await, 405, "BAD_REQUEST", "METHOD_NOT_ALLOWED"),
        (ask(Method::POST, "/graphql", &[json_type, ("accept", "text/html")], "{}").await, 406, "BAD_REQUEST", "NOT_ACCEPTABLE"),
        (ask(Method::POST, "/graphql", &[], "secret").await, 415, "BAD_REQUEST", "MEDIA_TYPE_NOT_SUPPORTED"),
        (ask(Method::POST, "/graphql", &[json_type], &large).await, 413, "BAD_REQUEST", "BODY_TOO_LARGE"),
        (ask(Method::GET, "/graphql/ws", &[], "").await, 400, "BAD_REQUEST", "REQUEST_MALFORMED"),
    ] {
        let (got, answer) = sent;
        let graphql = answer.get("errors").is_some();
        let (told, message) = if graphql { (&answer["errors"][0]["extensions"], &answer["errors"][0]["message"]) } else { (&answer, &answer["message"]) };
        assert_eq!((got.as_u16(), &told["code"], &told["reason"]), (status, &json!(code), &json!(reason)), "{answer}");
        assert!(message.as_str().is_some_and(|m| !m.is_empty()) && !answer.to_string().contains("secret"), "{answer}");
    }
    // The header that tells which methods there are stays.
    let put = Request::put("/graphql").body(Body::empty()).unwrap();
    assert!(app.send(put).await.1[header::ALLOW].to_str().unwrap().contains("POST"));
}

async fn a_refused_file_is_told_in_the_readers_language(app: TestApp) {
    for (language, upload, file) in [
        ("zh-CN", "上传链接无效、已完成或已过期。", "未找到相关内容。"),
        ("zh-HK", "上載連結無效、已完成或已過期。", "找不到相關內容。"),
        ("en", "The upload is unknown, complete or expired.", "It was not found."),
        ("pt", "O carregamento não existe, terminou ou expirou.", "Não foi encontrado."),
    ] {
        for (request, code, words) in [(Request::put("/uploads/secret"), "UPLOAD_INVALID", upload), (Request::get("/files/secret"), "NOT_FOUND", file)] {
            let (status, answer) = send(&app, request.header("accept-language", language).body(Body::from("x")).unwrap()).await;
            assert_eq!((status, &answer["code"], &answer["message"]), (StatusCode::NOT_FOUND, &json!(code), &json!(words)), "{language}");
            assert!(!answer.to_string().contains("secret"), "{answer}");
        }
    }
    // Without a header of its own the request is answered in the language of the account.
    let token = somebody(&app, "pt@demo.invalid", Vec::new()).await;
    set_language(&app, &token, "PT").await;
    let request = || Request::put("/uploads/secret").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let own = send(&app, request().body(Body::from("x")).unwrap()).await.1;
    let named = send(&app, request().header("accept-language", "pt").body(Body::from("x")).unwrap()).await.1;
    let other = send(&app, request().header("accept-language", "en").body(Body::from("x")).unwrap()).await.1;
    assert_eq!(own, named);
    assert_ne!(own["message"], other["message"]);
}

async fn every_message_comes_in_four_languages(app: TestApp) {
    for body in [json!({ "query": "{ secret }" }), json!({ "query": "{" }), json!({}), json!([]), json!({ "query": "{ unit(id: \"x\") { id } }" })] {
        let mut messages = Vec::new();
        for language in LANGUAGES {
            let (_, answer) = post(&app, &[("accept-language", language)], &body).await;
            messages.push(answer["errors"][0]["message"].as_str().unwrap().to_owned());
        }
        messages.sort_unstable();
        messages.dedup();
        assert_eq!(messages.len(), 4, "{body}: {messages:?}");
    }
}

async fn set_language(app: &TestApp, token: &str, language: &str) {
    let version = app.graphql(Some(token), "{ viewer { person { version } } }", json!({})).await.ok()["viewer"]["person"]["version"].clone();
    let change = "mutation($input: UpdateProfileInput!) { updateProfile(input: $input) { person { version } userErrors { code } } }";
    let input = json!({ "input": { "preferredLanguage": language, "expectedVersion": version } });
    let done = app.graphql(Some(token), change, input).await.ok();
    // The language is the account's: the person is not another version for it.
    assert_eq!(done["updateProfile"], json!({ "person": { "version": version }, "userErrors": [] }));
}

async fn the_setting_of_the_account_holds_where_the_request_names_no_language(app: TestApp) {
    let token = somebody(&app, "reader@demo.invalid", Vec::new()).await;
    let bearer = format!("Bearer {token}");
    let shown = async |asked: Option<&str>| {
        let headers: Vec<_> = [Some(("authorization", bearer.as_str())), asked.map(|a| ("accept-language", a))].into_iter().flatten().collect();
        let query = json!({ "query": "{ viewer { language preferredLanguage } unit(id: \"x\") { id } }" });
        let (statements, (_, answer)) = app.statements(post(&app, &headers, &query)).await;
        // The session look-up, and the setting where it is asked for.
        assert_eq!(statements, 2, "{answer}");
        (answer["data"]["viewer"]["language"].clone(), answer["data"]["viewer"]["preferredLanguage"].clone(), answer["errors"][0]["message"].clone())
    };
    let chinese = shown(None).await;
    assert_eq!((&chinese.0, &chinese.1), (&json!("ZH_HANS"), &json!("ZH_HANS")));
    set_language(&app, &token, "PT").await;
    let portuguese = shown(None).await;
    assert_eq!((&portuguese.0, &portuguese.1), (&json!("PT"), &json!("PT")));
    assert_ne!(portuguese.2, chinese.2);
    for none in ["*", "fr", "fr, *;q=0.1", ""] {
        assert_eq!(shown(Some(none)).await, portuguese, "{none}");
    }
    assert_eq!(shown(Some("en")).await.0, json!("EN"));
    assert_eq!(shown(Some("zh-HK, *;q=0.5")).await.0, json!("ZH_HANT"));
    // Nobody's setting is Simplified Chinese.
    let (_, answer) = post(&app, &[], &json!({ "query": "{ unit(id: \"x\") { id } }" })).await;
    assert_eq!(answer["errors"][0]["message"], chinese.2);
}

async fn letters_go_in_the_language_of_the_account(app: TestApp) {
    let token = somebody(&app, "letters@demo.invalid", Vec::new()).await;
    set_language(&app, &token, "ZH_HANT").await;
    let start = "mutation($input: StartRecoveryInput!) { startRecovery(input: $input) { challenge { id } userErrors { code } } }";
    for language in [json!(null), json!("EN")] {
        app.graphql(None, start, json!({ "input": { "contact": "letters@demo.invalid", "language": language } })).await.ok();
    }
    app.graphql(None, start, json!({ "input": { "contact": "nobody@demo.invalid", "language": "EN" } })).await.ok();
    let languages: Vec<Value> = app.mailbox().await.iter().map(|letter| letter["language"].clone()).collect();
    assert_eq!(languages, ["zh-Hant", "zh-Hant", "en"]);
}

async fn an_answer_is_one_of_those_that_are_registered(app: TestApp) {
    let world = World::new(app).await;
    let talent = world.talent("talent").await;
    let materials = world.materials(&talent).await;
    for (pointer, wrong) in [("/city", json!("449900")), ("/city", json!("110105")), ("/category", json!("SCIENTIST")), ("/photo", json!("docversion_1"))] {
        let line = world.card_line(&materials, json!({ &pointer[1..]: wrong })).await;
        let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
        let noes = no(world.submit(&talent, &order, json!({})).await);
        assert_eq!((codes(&noes), fields(&noes), &noes[0]["pointer"]), (vec!["FORM_INVALID"], vec!["lines.0.answers".to_owned()], &json!(pointer)), "{noes:?}");
        assert!(!noes[0]["message"].to_string().contains(wrong.as_str().unwrap()));
    }
    let line = world.service_line(json!({ "city": "445199" })).await;
    let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    let noes = no(world.submit(&talent, &order, json!({})).await);
    assert_eq!((codes(&noes), &noes[0]["pointer"]), (vec!["FORM_INVALID"], &json!("/city")));
    assert_eq!(world.stored_events().await, 0);
}

async fn a_document_in_an_answer_is_one_of_those_handed_in(app: TestApp) {
    let world = World::new(app).await;
    let (talent, other) = (world.talent("talent").await, world.talent("talent2").await);
    let materials = world.materials(&talent).await;
    let (strange, loose) = (world.upload(&other, "PHOTO").await, world.upload(&talent, "PHOTO").await);
    for photo in [strange, loose, json!(format!("docversion_{:032x}", 1))] {
        let line = world.card_line(&materials, json!({ "photo": photo })).await;
        let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
        let noes = no(world.submit(&talent, &order, json!({})).await);
        assert_eq!((codes(&noes), &noes[0]["pointer"]), (vec!["FORM_INVALID"], &json!("/photo")), "{photo}");
        assert!(!noes[0].to_string().contains(photo.as_str().unwrap()));
    }
    let line = world.card_line(&materials, json!({})).await;
    let order = world.save(&talent, json!({ "lines": [line] })).await.unwrap();
    assert!(world.submit(&talent, &order, json!({})).await.is_ok());
}

async fn a_number_of_unusual_form_is_kept_and_told(app: TestApp) {
    let token = somebody(&app, "passport@demo.invalid", Vec::new()).await;
    let add = "mutation($input: AddIdentityDocumentInput!) { addIdentityDocument(input: $input) {
        identityDocument { kind maskedNumber verified } warnings userErrors { code } } }";
    for (state, number, warnings, key) in
        [("CHN", "L898902C3", json!(["UNUSUAL_FORM"]), "passport-0000001"), ("CHN", "EA1234567", json!([]), "passport-0000002")]
    {
        let input = json!({ "kind": "PASSPORT", "issuingState": state, "documentNumber": number, "idempotencyKey": key });
        let added = app.graphql(Some(&token), add, json!({ "input": input })).await.ok()["addIdentityDocument"].take();
        assert_eq!((&added["warnings"], &added["userErrors"]), (&warnings, &json!([])), "{number}: {added}");
        assert_eq!((&added["identityDocument"]["kind"], &added["identityDocument"]["verified"]), (&json!("PASSPORT"), &json!(false)), "{added}");
    }
}

async fn a_claim_and_a_place_of_work_are_registered(app: TestApp) {
    let world = World::new(app).await;
    let (talent, other) = (world.talent("talent").await, world.talent("talent2").await);
    let claim = async |category: &str, evidence: Value| {
        let input = json!({ "category": category, "evidenceId": evidence, "idempotencyKey": world.key() });
        world.run(&talent, "claimTalentCategory", "claimedCategory { category talentClass { code name { value } } }", input).await
    };
    let noes = no(claim("SCIENTIST", json!(DocumentId::new(&world.app.portal().env).global())).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_ALLOWED", "NOT_FOUND"], vec!["input.category".into(), "input.evidenceId".into()]));
    world.upload(&other, "CATEGORY_EVIDENCE").await;
    let of = async |who: &str| {
        let answer = world.app.graphql(Some(who), "{ myDocuments { nodes { id } } }", json!({})).await.ok();
        answer["myDocuments"]["nodes"][0]["id"].clone()
    };
    let noes = no(claim("DOCTOR", of(&other.token).await).await);
    assert_eq!((codes(&noes), fields(&noes)), (vec!["NOT_FOUND"], vec!["input.evidenceId".to_owned()]));
    world.upload(&talent, "CATEGORY_EVIDENCE").await;
    let claimed = claim("DOCTOR", of(&talent.token).await).await.unwrap();
    assert_eq!((&claimed["category"], &claimed["talentClass"]["code"]), (&json!("DOCTOR"), &json!("DOCTOR")));
    // What a claim names is held; what nobody names is swept beside it.
    world.app.advance(chrono::Duration::hours(25));
    assert_eq!(sweep::sweep(world.app.portal()).await.unwrap().versions, 1);
    let talent = world.again(&talent).await;
    assert_eq!(
        world.app.graphql(Some(&talent.token), "{ myDocuments { nodes { id } } }", json!({})).await.ok()["myDocuments"]["nodes"].as_array().unwrap().len(),
        1
    );

    let work = async |region: &str| {
        let input = json!({ "employerId": world.units.employer.global(), "position": "Engineer", "regionCode": region, "startedOn": "2020-01-01", "idempotencyKey": world.key() });
        world.run(&talent, "addEmployment", "employment { employerId employer { id } regionCode region { code } }", input).await
    };
    for (region, code) in [("440199", "NOT_ALLOWED"), ("810199", "NOT_ALLOWED"), ("990000", "NOT_ALLOWED"), ("4401", "MALFORMED")] {
        let noes = no(work(region).await);
        assert_eq!((codes(&noes), fields(&noes)), (vec![code], vec!["input.regionCode".to_owned()]), "{region}");
    }
    let here = work("440106").await.unwrap();
    assert_eq!((&here["region"]["code"], &here["employer"]["id"]), (&json!("440106"), &here["employerId"]));
    assert_eq!(work("110105").await.unwrap()["region"], Value::Null, "of other provinces the portal has no list");
}

async fn bodies_units_and_regions_come_with_their_names(app: TestApp) {
    let world = World::new(app).await;
    let officer = world.staff("officer").await;
    let window = world.units.window.global();
    let query = "query($id: ID!) { unit(id: $id) { regionCode region { code name { value } parent { code } } parentId parent { id name { value } } body { id region { code } } } }";
    let unit = world.app.graphql(None, query, json!({ "id": window })).await.ok()["unit"].clone();
    assert_eq!((&unit["region"]["code"], &unit["parent"]["id"]), (&unit["regionCode"], &unit["parentId"]));
    assert!(unit["parent"]["name"]["value"].is_string() && unit["region"]["parent"]["code"].is_string(), "{unit}");
    // A body is a node, for who is signed in as in the list of bodies.
    let node = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Body { kind name { value } } } }";
    let missing = BodyId::new(&world.app.portal().env).global();
    let shown = world.app.graphql(Some(&officer.token), node, json!({ "ids": [unit["body"]["id"], missing] })).await;
    assert_eq!((&shown.data["nodes"][0]["kind"], &shown.data["nodes"][1]), (&json!("GOVERNMENT"), &Value::Null));
    assert_eq!((shown.code(), &shown.errors[0]["path"]), ("NOT_FOUND", &json!(["nodes", 1])));
    let hidden = world.app.graphql(None, node, json!({ "ids": [unit["body"]["id"]] })).await;
    assert_eq!((hidden.code(), &hidden.data["nodes"][0]), ("UNAUTHENTICATED", &Value::Null));
    let grants = "{ viewer { grants { role unitId unit { id name { value } } bodyId body { id } } } }";
    let granted = world.app.graphql(Some(&officer.token), grants, json!({})).await.ok()["viewer"]["grants"][0].clone();
    assert_eq!((&granted["unit"]["id"], &granted["body"]["id"]), (&granted["unitId"], &granted["bodyId"]));
    assert!(granted["unitId"].is_string(), "{granted}");
}

async fn names_beside_ids_are_loaded_together(app: TestApp) {
    let world = World::new(app).await;
    for _ in 0..12 {
        world.app.unit(UnitLevel::Window, "440106", None).await;
    }
    let query = "{ units(first: 100) { nodes { parent { name { value } } successor { id } region { code } body { region { code } successor { id } } } } }";
    let (statements, answer) = world.app.statements(world.app.graphql(None, query, json!({}))).await;
    let units = answer.ok()["units"]["nodes"].as_array().unwrap().clone();
    assert!(units.iter().filter(|unit| unit["parent"].is_object()).count() >= 2, "{units:?}");
    // Units and their bodies, then the parents and their bodies; under load a batch may come in two or three.
    assert!(units.len() >= 15 && statements <= 12, "{statements} statements for {} units", units.len());
}

const CLOSE: &str = "mutation($input: CloseUnitInput!) { closeUnit(input: $input) { unit { id closedAt successor { id } } userErrors { code field } } }";

async fn receiver(world: &World, case: &Value) -> UnitId {
    let row = application::Entity::find_by_id(case_id(case)).one(world.app.portal().db.read()).await.unwrap().unwrap();
    row.receiving_unit_id.unwrap()
}

async fn a_unit_with_open_cases_does_not_close(app: TestApp) {
    let world = World::new(app).await;
    let (talent, admin) = (world.talent("talent").await, somebody(&world.app, "admin@demo.invalid", vec![(Role::SystemAdmin, None, None)]).await);
    let successor = world.app.unit(UnitLevel::Window, "440106", None).await;
    let case = world.case(&talent).await;
    let lies = receiver(&world, &case).await;
    assert_eq!(lies, world.units.window);
    let close = async || {
        let input = json!({ "unitId": lies.global(), "successorId": successor.global(), "expectedVersion": 1, "idempotencyKey": world.key() });
        world.app.graphql(Some(&admin), CLOSE, json!({ "input": input })).await.ok()["closeUnit"].clone()
    };
    assert_eq!(close().await, json!({ "unit": null, "userErrors": [{ "code": "UNIT_IN_USE", "field": ["input", "unitId"] }] }));
    world.run(&talent, "withdrawApplication", "application { state }", target(&case)).await.unwrap();
    assert_eq!(close().await["unit"]["successor"]["id"], json!(successor.global()));
}

async fn a_successor_offers_what_the_closed_unit_offered(app: TestApp) {
    let world = World::new(app).await;
    let (talent, admin) = (world.talent("talent").await, somebody(&world.app, "admin@demo.invalid", vec![(Role::SystemAdmin, None, None)]).await);
    let successor = world.app.unit(UnitLevel::Window, "440106", None).await;
    let offers = async || {
        let query = "query($code: String!) { serviceItem(code: $code) { offerings { nodes { regionCode unitId unit { id name { value } } } } } }";
        world.app.graphql(None, query, json!({ "code": SERVICE })).await.ok()["serviceItem"]["offerings"]["nodes"].clone()
    };
    let before = offers().await;
    let input = json!({ "unitId": world.units.window.global(), "successorId": successor.global(), "expectedVersion": 1, "idempotencyKey": world.key() });
    let closed = world.app.graphql(Some(&admin), CLOSE, json!({ "input": input })).await.ok()["closeUnit"].clone();
    assert_eq!(closed["userErrors"], json!([]), "{closed}");
    let after = offers().await;
    assert_eq!(before.as_array().unwrap().len(), after.as_array().unwrap().len(), "{before} {after}");
    assert!(!after.to_string().contains(&world.units.window.global()) && after.to_string().contains(&successor.global()), "{after}");
    // A case of the same region goes to the successor.
    let case = world.case(&talent).await;
    assert_eq!(receiver(&world, &case).await, successor);
}

/// Whoever comes first: no open case lies with a closed unit.
async fn a_unit_that_closes_while_cases_come_in_keeps_none(app: TestApp) {
    let world = World::new(app).await;
    let admin = somebody(&world.app, "admin@demo.invalid", vec![(Role::SystemAdmin, None, None)]).await;
    let talent = world.talent("talent").await;
    let successor = world.app.unit(UnitLevel::Window, "440106", None).await;
    let line = world.service_line(json!({ "city": "440100" })).await;
    let mut carts = Vec::new();
    for _ in 0..12 {
        carts.push(world.save(&talent, json!({ "lines": [line] })).await.unwrap());
    }
    let close = json!({ "unitId": world.units.window.global(), "successorId": successor.global(), "expectedVersion": 1, "idempotencyKey": world.key() });
    let submit = async |cart: &Value| world.submit(&talent, cart, json!({})).await;
    let closing = async || world.app.graphql(Some(&admin), CLOSE, json!({ "input": close })).await.ok()["closeUnit"]["userErrors"].take();
    // A case that came first holds the unit.
    let first = submit(&carts.remove(0)).await.unwrap()["applications"][0].clone();
    assert_eq!(receiver(&world, &first).await, world.units.window);
    assert_eq!(closing().await[0]["code"], "UNIT_IN_USE");
    world.run(&talent, "withdrawApplication", "application { state }", target(&first)).await.unwrap();
    let last = carts.pop().unwrap();
    // Each begins when it is polled first: the closing among the submissions.
    let (submitted, refused) = tokio::join!(futures_util::future::join_all(carts.iter().map(submit)), closing());
    let units: Vec<UnitId> = {
        let mut units = Vec::new();
        for case in submitted.iter().flatten() {
            units.push(receiver(&world, &case["applications"][0]).await);
        }
        units
    };
    let closed = refused == json!([]);
    assert!(closed || refused[0]["code"] == "UNIT_IN_USE", "{refused}");
    assert!(units.iter().all(|unit| *unit == if closed { successor } else { world.units.window }), "{closed} {units:?}");
    for noes in submitted.iter().filter_map(|done| done.as_ref().err()) {
        assert_eq!(codes(noes), ["NOT_OFFERED"]);
    }
    // A closed unit is given none any more.
    if !closed {
        for case in submitted.iter().flatten() {
            world.run(&talent, "withdrawApplication", "application { state }", target(&case["applications"][0])).await.unwrap();
        }
        assert_eq!(closing().await, json!([]));
    }
    let case = submit(&last).await.unwrap()["applications"][0].clone();
    assert_eq!(receiver(&world, &case).await, successor);
}

/// Both move offerings: neither waits for the other for ever, and no offering stays with a closed unit.
async fn units_close_while_a_catalogue_is_published(app: TestApp) {
    let world = World::new(app).await;
    let admin = somebody(&world.app, "admin@demo.invalid", vec![(Role::SystemAdmin, None, None)]).await;
    let mut bundle = Bundle::embedded().unwrap();
    let mut unit = world.units.window;
    for round in 1..=8 {
        let successor = world.app.unit(UnitLevel::Window, "440106", None).await;
        bundle.number += 1;
        for version in bundle.items.iter_mut().filter_map(|item| item.versions.last_mut()) {
            version.content.visits += 1;
        }
        let input = json!({ "unitId": unit.global(), "successorId": successor.global(), "expectedVersion": 1, "idempotencyKey": world.key() });
        let variables = json!({ "input": input });
        let (published, closed) = tokio::join!(publish_given(world.app.portal(), &bundle), world.app.graphql(Some(&admin), CLOSE, variables));
        assert!(!published.unwrap().versions_added.is_empty(), "round {round}");
        assert_eq!(closed.ok()["closeUnit"]["userErrors"], json!([]), "round {round}");
        unit = successor;
    }
    let query = "query($code: String!) { serviceItem(code: $code) { offerings { nodes { unit { id closedAt } } } } }";
    let offered = world.app.graphql(None, query, json!({ "code": SERVICE })).await.ok()["serviceItem"]["offerings"]["nodes"].clone();
    let with: Vec<_> = offered.as_array().unwrap().iter().map(|offering| &offering["unit"]).collect();
    assert!(with.iter().any(|found| found["id"] == json!(unit.global())) && with.iter().all(|found| found["closedAt"].is_null()), "{offered}");
}
