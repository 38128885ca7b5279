//! GraphQL over WebSocket: the protocol, who may listen, and the bounds of sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures_util::{SinkExt as _, StreamExt as _};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use talent_portal::account::service::demo::{NewDemoAccount, add_account, demo_session, mark_demo};
use talent_portal::audit::model::Message as Announced;
use talent_portal::audit::service as audit;
use talent_portal::config::{Layers, Settings};
use talent_portal::http::server::{self, Bounds};
use talent_portal::kernel::actor::Actor;
use talent_portal::kernel::ids::{ApplicationId, ProcessId, TypedId as _, UnitId};
use talent_portal::kernel::role::Role;
use talent_portal::{app, demo};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::http::{modern, reason};
use crate::support::{TestApp, both_engines};

both_engines!(
    what_is_hidden_over_http_is_hidden_on_a_socket,
    sockets_are_counted_and_idle_ones_closed,
    a_store_that_does_not_answer_ends_no_socket,
    a_socket_speaks_the_protocol_or_is_closed_with_its_code,
    a_socket_belongs_to_one_session_and_to_pages_of_the_portal,
    a_change_of_a_case_is_heard_by_who_may_see_it,
    sockets_are_closed_for_a_restart_when_the_process_stops,
);

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// The portal on a socket of this machine, until dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) const BOUNDS: Bounds = Bounds { connections: 100, headers: Duration::from_secs(10) };

pub(crate) async fn serve(app: &TestApp) -> Served {
    serve_router(app.router(), BOUNDS).await
}

pub(crate) async fn serve_router(router: Router, bounds: Bounds) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    Served { address, task: tokio::spawn(server::serve(listener, router, bounds, CancellationToken::new())) }
}

/// The routes over the portal of the test with other settings.
pub(crate) fn with_settings(app: &TestApp, change: impl FnOnce(&mut Settings)) -> Router {
    let mut portal = app.portal().clone();
    let mut settings = Settings::clone(&portal.settings);
    change(&mut settings);
    portal.settings = Arc::new(settings);
    app::router(&portal, &Layers::default().build().expect("the default configuration"), None, CancellationToken::new())
}

/// A socket at an address, opened with these headers.
pub(crate) async fn connect_to(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/graphql/ws").into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

impl Served {
    pub(crate) async fn connect(&self, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
        connect_to(self.address, headers).await
    }

    /// A socket that speaks the protocol and said nothing yet.
    pub(crate) async fn socket(&self) -> Socket {
        self.connect(&[("sec-websocket-protocol", "graphql-transport-ws")]).await.expect("a socket")
    }

    /// A socket that is acknowledged.
    pub(crate) async fn ready(&self, payload: Value) -> Socket {
        let mut socket = self.socket().await;
        say(&mut socket, &json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(hear(&mut socket).await["type"], "connection_ack");
        socket
    }
}

pub(crate) async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.expect("sent");
}

pub(crate) async fn next(socket: &mut Socket) -> Message {
    tokio::time::timeout(std::time::Duration::from_secs(20), socket.next()).await.expect("a message in time").expect("a message").expect("a frame")
}

pub(crate) async fn hear(socket: &mut Socket) -> Value {
    match next(socket).await {
        Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
        other => panic!("no text: {other:?}"),
    }
}

/// The code with which the portal closes; what it says before is passed over.
pub(crate) async fn closed(mut socket: Socket) -> u16 {
    loop {
        if let Message::Close(frame) = next(&mut socket).await {
            return frame.expect("a reason").code.into();
        }
    }
}

pub(crate) fn subscribe(id: &str, query: &str) -> Value {
    json!({ "id": id, "type": "subscribe", "payload": { "query": query } })
}

/// A demo with one officer of the city: her token and the unit.
pub(crate) async fn officer(app: &TestApp) -> (String, UnitId) {
    let portal = app.portal();
    mark_demo(portal).await.unwrap();
    app.publish().await;
    let unit = demo::build(portal).await.unwrap().city;
    (person(app, "officer@demo.invalid", vec![(Role::WindowOfficer, Some(unit), None)]).await, unit)
}

async fn person(app: &TestApp, login: &str, roles: Vec<(Role, Option<UnitId>, Option<talent_portal::kernel::ids::BodyId>)>) -> String {
    let new = NewDemoAccount {
        login: login.into(),
        password: "seven green herons at dusk".into(),
        name_zh: "测试".into(),
        name_latin: "Test".into(),
        birth_date: None,
        roles,
    };
    demo_session(app.portal(), add_account(app.portal(), new).await.unwrap()).await.unwrap()
}

async fn a_socket_speaks_the_protocol_or_is_closed_with_its_code(app: TestApp) {
    let (token, unit) = officer(&app).await;
    let served = serve(&app).await;
    assert_eq!(closed(served.connect(&[]).await.expect("a socket without a protocol")).await, 4406);
    for first in [Message::text("no JSON"), Message::text("{\"type\":\"hello\"}"), Message::text("{}"), Message::text("5"), Message::binary(vec![1, 2])] {
        let mut socket = served.socket().await;
        socket.send(first.clone()).await.unwrap();
        assert_eq!(closed(socket).await, 4400, "{first:?}");
    }
    let mut socket = served.socket().await;
    say(&mut socket, &subscribe("1", "{ today }")).await;
    assert_eq!(closed(socket).await, 4401);
    let mut socket = served.socket().await;
    say(&mut socket, &json!({ "type": "connection_init", "payload": { "authorization": "Bearer nobody" } })).await;
    assert_eq!(closed(socket).await, 4403);
    for second in [
        json!({ "type": "hello" }),
        json!({ "type": "complete" }),
        json!({ "type": "subscribe", "payload": { "query": "{ today }" } }),
        json!({ "id": "", "type": "subscribe", "payload": { "query": "{ today }" } }),
        json!({ "id": "1", "type": "subscribe", "payload": 5 }),
        json!({ "id": "1", "type": "subscribe" }),
    ] {
        let mut socket = served.ready(Value::Null).await;
        say(&mut socket, &second).await;
        assert_eq!(closed(socket).await, 4400, "{second}");
    }
    let mut socket = served.ready(Value::Null).await;
    say(&mut socket, &json!({ "type": "connection_init" })).await;
    assert_eq!(closed(socket).await, 4429);
    // Operations of the anonymous: a query with its end, an error of the document, a fault of a subscription.
    let mut socket = served.ready(Value::Null).await;
    say(&mut socket, &json!({ "type": "ping" })).await;
    assert_eq!(hear(&mut socket).await["type"], "pong");
    say(&mut socket, &subscribe("1", "{ today }")).await;
    assert_eq!(hear(&mut socket).await, json!({ "id": "1", "type": "next", "payload": { "data": { "today": "2026-01-05" } } }));
    assert_eq!(hear(&mut socket).await, json!({ "id": "1", "type": "complete" }));
    say(&mut socket, &subscribe("2", "{ nothing }")).await;
    let refused = hear(&mut socket).await;
    assert_eq!((&refused["id"], &refused["type"], &refused["payload"][0]["extensions"]["reason"]), (&json!("2"), &json!("error"), &json!("UNKNOWN_FIELD")));
    let queue = format!("subscription {{ workQueueChanged(unitId: \"{}\") {{ refetch }} }}", unit.global());
    say(&mut socket, &subscribe("3", &queue)).await;
    let refused = hear(&mut socket).await;
    assert_eq!(refused["id"], "3");
    assert!(refused.to_string().contains("UNAUTHENTICATED"), "{refused}");
    // An officer's subscription lasts; its id is taken until it is completed.
    let bearer = json!({ "authorization": format!("Bearer {token}") });
    let mut socket = served.ready(bearer.clone()).await;
    say(&mut socket, &subscribe("1", &queue)).await;
    say(&mut socket, &subscribe("1", &queue)).await;
    assert_eq!(closed(socket).await, 4409);
    let mut socket = served.ready(bearer.clone()).await;
    say(&mut socket, &subscribe("1", &queue)).await;
    say(&mut socket, &json!({ "id": "1", "type": "complete" })).await;
    for n in 0..32 {
        say(&mut socket, &subscribe(&format!("s{n}"), &queue)).await;
    }
    say(&mut socket, &json!({ "type": "ping" })).await;
    assert_eq!(hear(&mut socket).await["type"], "pong");
    say(&mut socket, &subscribe("one more", &queue)).await;
    assert_eq!(closed(socket).await, 4429);
}

async fn a_socket_belongs_to_one_session_and_to_pages_of_the_portal(app: TestApp) {
    let (token, _) = officer(&app).await;
    let served = serve(&app).await;
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    for origin in ["https://evil.example", "null", "http://localhost.evil.example"] {
        match served.connect(&[protocol, ("origin", origin)]).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin}"),
            other => panic!("{origin}: {other:?}"),
        }
    }
    let own = format!("http://{}", served.address);
    let cookie = format!("__Host-portal-access={token}");
    let mut socket = served.connect(&[protocol, ("origin", &own), ("cookie", &cookie)]).await.expect("a socket");
    say(&mut socket, &json!({ "type": "connection_init" })).await;
    assert_eq!(hear(&mut socket).await["type"], "connection_ack");
    say(&mut socket, &subscribe("1", "{ viewer { grants { role } } }")).await;
    assert_eq!(hear(&mut socket).await["payload"], json!({ "data": { "viewer": { "grants": [{ "role": "WINDOW_OFFICER" }] } } }));
    // The session ends, and so does its socket.
    let mut socket = served.ready(json!({ "authorization": token })).await;
    say(&mut socket, &subscribe("1", "mutation { signOut { endedSessionId } }")).await;
    assert!(hear(&mut socket).await["payload"]["data"]["signOut"]["endedSessionId"].is_string());
    assert_eq!(closed(socket).await, 4403);
}

async fn a_change_of_a_case_is_heard_by_who_may_see_it(app: TestApp) {
    let (officer, unit) = officer(&app).await;
    let talent = person(&app, "talent@demo.invalid", vec![]).await;
    let portal = app.portal();
    let item = app.graphql(None, "{ serviceItem(code: \"GD-TALENT-CARD\") { id } }", json!({})).await.ok();
    let input = json!({ "idempotencyKey": "save-cart-000001", "lines": [{ "itemId": item["serviceItem"]["id"], "regionCode": "440100", "answers": {} }] });
    let query = "mutation($i: SaveCartInput!) { saveCart(input: $i) { order { applications { id state } } userErrors { code field } } }";
    let saved = app.graphql(Some(&talent), query, json!({ "i": input })).await.ok();
    let id = saved["saveCart"]["order"]["applications"][0]["id"].as_str().unwrap_or_else(|| panic!("{saved}")).to_owned();
    let application = ApplicationId::parse_global(&id).expect("an id");
    let served = serve(&app).await;
    let mut position = audit::last_position(portal).await.unwrap();
    let listen = format!("subscription {{ applicationChanged(id: \"{id}\") {{ refetch application {{ id state }} }} }}");
    let mut socket = served.ready(json!({ "authorization": format!("Bearer {talent}") })).await;
    say(&mut socket, &subscribe("mine", &listen)).await;
    // Whoever may not see a draft of hers hears that there is none.
    let mut stranger = served.ready(json!({ "authorization": format!("Bearer {officer}") })).await;
    say(&mut stranger, &subscribe("not mine", &listen)).await;
    let refused = hear(&mut stranger).await;
    assert_eq!(refused["id"], "not mine");
    assert_eq!((&refused["type"], &refused["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("NOT_FOUND")), "{refused}");
    let process = ProcessId::new(&portal.env);
    let queue = format!("subscription {{ workQueueChanged(unitId: \"{}\") {{ refetch applicationId }} }}", unit.global());
    say(&mut stranger, &subscribe("queue", &queue)).await;
    // Both listen before anything is told: a query behind a subscription on the same socket is answered after it began.
    let bus = portal.part::<audit::Bus>().unwrap();
    while bus.listeners() < 2 {
        tokio::task::yield_now().await;
    }
    let txn = portal.db.begin_write().await.unwrap();
    let message = Announced::new("APPLICATION_CHANGED", "APPLICATION", application.uuid()).data(json!({ "unit": unit.uuid().to_string() }));
    audit::announce(&txn, portal, message).await.unwrap();
    audit::record(&txn, portal, &Actor::anonymous("test"), talent_portal::audit::model::Entry::new("TEST").object("APPLICATION", application.uuid()))
        .await
        .unwrap();
    portal.commit(txn).await.unwrap();
    while audit::seal_batch(portal, process).await.unwrap() != Some(0) {}
    position = audit::tell_bus(portal, position).await.unwrap();
    assert!(position > 0);
    assert_eq!(
        hear(&mut socket).await,
        json!({ "id": "mine", "type": "next", "payload": { "data": { "applicationChanged": { "refetch": false, "application": { "id": id, "state": "DRAFT" } } } } })
    );
    assert_eq!(
        hear(&mut stranger).await,
        json!({ "id": "queue", "type": "next", "payload": { "data": { "workQueueChanged": { "refetch": false, "applicationId": id } } } })
    );
}

async fn what_is_hidden_over_http_is_hidden_on_a_socket(app: TestApp) {
    let (token, _) = officer(&app).await;
    let router = with_settings(&app, |settings| settings.introspection = false);
    let served = serve_router(router.clone(), BOUNDS).await;
    let query = "{ __schema { queryType { name } } __type(name: \"Query\") { name } }";
    for query in ["{ __schema { queryType { name } } }", "{ __type(name: \"Query\") { name } }"] {
        let body = Body::from(json!({ "query": query }).to_string());
        let (head, body) =
            router.clone().oneshot(Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").body(body).unwrap()).await.unwrap().into_parts();
        let text = String::from_utf8(http_body_util::BodyExt::collect(body).await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(!text.contains("\"Query\""), "{} {text}", head.status);
        let mut socket = served.ready(Value::Null).await;
        say(&mut socket, &subscribe("1", query)).await;
        let told = hear(&mut socket).await;
        assert!(!told.to_string().contains("\"Query\""), "{told}");
        let mut socket = served.ready(json!({ "authorization": token })).await;
        say(&mut socket, &subscribe("1", query)).await;
        let told = hear(&mut socket).await;
        assert!(told.to_string().contains("\"Query\""), "{told}");
    }
    assert_eq!(reason(&modern(&app, &json!({ "query": query })).await.1), "SCHEMA_TOO_MUCH");
}

async fn sockets_are_counted_and_idle_ones_closed(app: TestApp) {
    let (token, _) = officer(&app).await;
    let router = with_settings(&app, |settings| {
        settings.sockets_per_address = 2;
        settings.sockets_per_session = 3;
        settings.socket_idle_seconds = 1;
    });
    let served = serve_router(router, BOUNDS).await;
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    let bearer = json!({ "authorization": format!("Bearer {token}") });
    // With a session they count for the session.
    let mut mine = Vec::new();
    for _ in 0..3 {
        mine.push(served.ready(bearer.clone()).await);
    }
    let mut fourth = served.socket().await;
    say(&mut fourth, &json!({ "type": "connection_init", "payload": bearer })).await;
    assert_eq!(closed(fourth).await, 1013);
    // Of those of nobody there are two, whether they have said anything or not.
    let (idle, silent) = (served.ready(Value::Null).await, served.socket().await);
    match served.connect(&[protocol]).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS),
        other => panic!("{other:?}"),
    }
    drop(silent);
    assert_eq!(closed(idle).await, 1000);
    // Whoever leaves is answered, so that her side ends cleanly.
    let mut leaving = served.ready(Value::Null).await;
    leaving.close(None).await.expect("sent");
    while let Some(frame) = leaving.next().await {
        frame.expect("a closing handshake");
    }
    let mut again = served.ready(Value::Null).await;
    say(&mut again, &subscribe("1", "{ today }")).await;
    assert_eq!(hear(&mut again).await["type"], "next");
    // Those of a session stay; one that leaves makes place for another.
    say(&mut mine[0], &json!({ "type": "ping" })).await;
    assert_eq!(hear(&mut mine[0]).await["type"], "pong");
    mine.pop();
    let mut refused = 0;
    loop {
        let mut socket = served.socket().await;
        say(&mut socket, &json!({ "type": "connection_init", "payload": bearer })).await;
        match next(&mut socket).await {
            Message::Text(_) => break,
            _ => refused += 1,
        }
        assert!(refused < 100, "the place is never free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_store_that_does_not_answer_ends_no_socket(app: TestApp) {
    let (token, _) = officer(&app).await;
    let served = serve(&app).await;
    let bearer = json!({ "authorization": token });
    let mut sockets = vec![served.ready(bearer.clone()).await, served.ready(bearer.clone()).await];
    // However many sockets a session has, it is looked up once a second.
    for _ in 0..6 {
        sockets.push(served.ready(bearer.clone()).await);
    }
    let (statements, ()) = app.statements(tokio::time::sleep(Duration::from_millis(2_500))).await;
    assert!((1..=4).contains(&statements), "{statements} statements for {} sockets of one session", sockets.len());
    let db = app.portal().db.writer();
    db.execute_unprepared("ALTER TABLE session RENAME TO session_away").await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    // Whoever comes now is asked to come again, not to sign in again.
    let mut socket = served.socket().await;
    say(&mut socket, &json!({ "type": "connection_init", "payload": bearer })).await;
    assert_eq!(closed(socket).await, 1013);
    db.execute_unprepared("ALTER TABLE session_away RENAME TO session").await.unwrap();
    for socket in &mut sockets {
        say(socket, &json!({ "type": "ping" })).await;
        assert_eq!(hear(socket).await["type"], "pong");
    }
    say(&mut sockets[0], &subscribe("1", "mutation { signOut { endedSessionId } }")).await;
    for socket in sockets {
        assert_eq!(closed(socket).await, 4403);
    }
}

async fn sockets_are_closed_for_a_restart_when_the_process_stops(app: TestApp) {
    let (token, unit) = officer(&app).await;
    let (portal, config, stop) = (app.portal().clone(), app.config(), CancellationToken::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move { app::serve(portal, &config, listener, None, stop).await }
    });
    let served = Served { address, task: tokio::spawn(async {}) };
    // Whoever has said nothing yet is not waited for.
    let silent = served.socket().await;
    let anonymous = served.ready(Value::Null).await;
    let mut officer = served.ready(json!({ "authorization": token })).await;
    let bus = app.portal().part::<audit::Bus>().unwrap();
    say(&mut officer, &subscribe("1", &format!("subscription {{ workQueueChanged(unitId: \"{}\") {{ refetch }} }}", unit.global()))).await;
    while bus.listeners() < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    // A code after which clients come back by themselves.
    assert_eq!(closed(anonymous).await, 1012);
    assert_eq!(closed(officer).await, 1012);
    assert_eq!(closed(silent).await, 1012);
    tokio::time::timeout(Duration::from_secs(10), serving).await.expect("an end in time").expect("no panic").expect("a graceful stop");
}
