//! Subscriptions: graphql-transport-ws by the letter, over the schema's stream.
//!
//! The library's own implementation closes with codes on which clients give up for good, so the protocol is served here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::parser::types::OperationType;
use axum::Extension;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::account::service::sessions as account;
use crate::api::context::{Ctx, Resumed};
use crate::api::error::LANGUAGE;
use crate::api::guard;
use crate::api::reason::{Reason, request_error};
use crate::http::graphql::{ParametersIn, admit, asked_for, bounded, internal, prepare};
use crate::http::router::Server;
use crate::http::session;
use crate::http::sockets::{Place, Seat};
use crate::kernel::actor::{Actor, Member};
use crate::kernel::fault::Fault;

/// Seconds in which the first message must come.
const INIT_SECONDS: u64 = 10;
/// Seconds between looks at the clock.
const BEAT_SECONDS: u64 = 1;
/// Seconds between pings.
const PING_SECONDS: u64 = 20;
/// Bytes of one message.
const MESSAGE_MAX: usize = 64 * 1024;
/// Subscriptions of one socket.
const SUBSCRIPTIONS: usize = 32;
/// Messages that may wait for a slow reader before it is dropped.
const WAITING: usize = 64;

/// `GET /graphql/ws`.
pub async fn upgrade(State(server): State<Server>, info: Option<Extension<ConnectInfo<SocketAddr>>>, headers: HeaderMap, socket: WebSocketUpgrade) -> Response {
    // A browser sends its origin; a page of another site must not open a socket with the reader's cookie.
    if let Some(origin) = headers.get(header::ORIGIN).and_then(|v| v.to_str().ok()) {
        let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let own = session::is_own_origin(origin, host);
        let front_end = server.portal.settings.front_end_url.as_deref().is_some_and(|url| url.trim_end_matches('/') == origin);
        if !own && !front_end {
            return StatusCode::FORBIDDEN.into_response();
        }
    }
    let address = session::client_address(&headers, info.map(|Extension(ConnectInfo(address))| address), &server.trusted_proxies);
    // Counted before the upgrade: whoever has said nothing yet costs a task and a buffer already.
    let Some(place) = server.sockets.enter(&address, server.portal.settings.sockets_per_address) else {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "10")]).into_response();
    };
    socket.protocols(["graphql-transport-ws"]).max_message_size(MESSAGE_MAX).on_upgrade(move |socket| serve(server, headers, address, socket, place))
}

fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }))
}

fn text(value: &Value) -> Message {
    Message::Text(value.to_string().into())
}

async fn serve(server: Server, headers: HeaderMap, address: Arc<str>, socket: WebSocket, place: Place) {
    let chosen = socket.protocol().is_some();
    let (mut sink, mut stream) = socket.split();
    if !chosen {
        let _gone = sink.send(close(4406, "Subprotocol not acceptable")).await;
        return;
    }
    let (out, mut waiting) = mpsc::channel::<Message>(WAITING);
    let ended = CancellationToken::new();
    let writer = tokio::spawn({
        let ended = ended.clone();
        async move {
            while let Some(message) = waiting.recv().await {
                let last = matches!(message, Message::Close(_));
                let sent = tokio::time::timeout(Duration::from_secs(10), sink.send(message)).await;
                if last || !matches!(sent, Ok(Ok(()))) {
                    break;
                }
            }
            ended.cancel();
        }
    });
    let last = converse(&server, &headers, address, place, &mut stream, &out, &ended).await;
    if let Some(message) = last {
        let _gone = out.try_send(message);
    }
    drop(out);
    let _joined = tokio::time::timeout(Duration::from_secs(11), writer).await;
    // The other side's close is answered by reading on; ours is read before the connection goes (RFC 6455, 7.1.1).
    let _closed = tokio::time::timeout(Duration::from_secs(1), async { while matches!(stream.next().await, Some(Ok(_))) {} }).await;
}

/// Reads messages until the end; gives the close message to send, if the other side is still there.
async fn converse(
    server: &Server,
    headers: &HeaderMap,
    address: Arc<str>,
    place: Place,
    stream: &mut (impl futures_util::Stream<Item = Result<Message, axum::Error>> + Unpin),
    out: &mpsc::Sender<Message>,
    ended: &CancellationToken,
) -> Option<Message> {
    let first = tokio::select! {
        () = server.stopping.cancelled() => return Some(close(1012, "Service restart")),
        first = tokio::time::timeout(Duration::from_secs(INIT_SECONDS), next_json(stream)) => first,
    };
    let payload = match first {
        Err(_) => return Some(close(4408, "Connection initialisation timeout")),
        Ok(None) => return None,
        Ok(Some(Err(()))) => return Some(close(4400, "Invalid message")),
        Ok(Some(Ok(message))) => match message["type"].as_str() {
            Some("connection_init") => message["payload"].clone(),
            Some("subscribe") => return Some(close(4401, "Unauthorized")),
            _ => return Some(close(4400, "Invalid message")),
        },
    };
    let given = payload["authorization"].as_str().or_else(|| payload["Authorization"].as_str()).map(|t| t.trim_start_matches("Bearer ").trim().to_owned());
    let token = given.or_else(|| session::token(headers).map(str::to_owned));
    let request_id = session::request_id(headers, &server.portal);
    let mut ctx = match session::context(&server.portal, headers, token.as_deref(), address, request_id).await {
        Ok(ctx) => ctx,
        // A client comes back after this one without a new sign-in.
        Err(Fault::Unavailable(_) | Fault::Internal(_)) => return Some(close(1013, "Try again later")),
        Err(_) => return Some(close(4403, "Forbidden")),
    };
    let settings = &server.portal.settings;
    // With a session it counts as one of the session's: a hall of officers may share one address.
    let (seat, place) = match (&token, &ctx.actor.member) {
        (Some(token), Some(member)) => match server.sockets.sit(&server.portal, token, member, settings.sockets_per_session) {
            Some(seat) => {
                drop(place);
                (Some(seat), None)
            }
            None => return Some(close(1013, "Too many sockets")),
        },
        _ => (None, Some(place)),
    };
    let mut standing = seat.as_ref().map(Seat::standing);
    out.send(text(&json!({ "type": "connection_ack" }))).await.ok()?;
    let mut running: HashMap<String, Running> = HashMap::new();
    let mut runs = 0u64;
    let (done, mut finished) = mpsc::channel::<(String, u64)>(SUBSCRIPTIONS);
    let mut beat = tokio::time::interval(Duration::from_secs(BEAT_SECONDS));
    let mut beats = 0u64;
    let mut idle = 0u64;
    let scope = ended.child_token();
    let _all = scope.clone().drop_guard();
    loop {
        tokio::select! {
            () = ended.cancelled() => return None,
            () = server.stopping.cancelled() => return Some(close(1012, "Service restart")),
            Some((id, run)) = finished.recv() => {
                if running.get(&id).is_some_and(|r| r.run == run) {
                    running.remove(&id);
                }
            }
            member = changed(&mut standing) => {
                let Some(member) = member else { return Some(close(4403, "Forbidden")) };
                ctx.actor = Arc::new(Actor { member: Some(member), request_id: ctx.actor.request_id.clone() });
                // What runs was begun with the old rights: it begins again with the new ones, or ends with the no.
                for (id, r) in running.iter_mut().filter(|(_, r)| r.parameters.is_some() && r.actor.member != ctx.actor.member) {
                    let Some(parameters) = r.parameters.clone() else { continue };
                    r.token.cancel();
                    runs += 1;
                    (r.token, r.run, r.actor) = (scope.child_token(), runs, ctx.actor.clone());
                    let told = Told { id: id.clone(), run: runs, out: out.clone(), done: done.clone(), token: r.token.clone(), ended: ended.clone() };
                    tokio::spawn(run(server.clone(), ctx.clone(), parameters, true, told));
                }
            }
            _ = beat.tick() => {
                beats += 1;
                idle = if place.is_some() && running.is_empty() { idle + BEAT_SECONDS } else { 0 };
                if idle > settings.socket_idle_seconds {
                    return Some(close(1000, "Idle"));
                }
                if beats.is_multiple_of(PING_SECONDS / BEAT_SECONDS) && out.try_send(Message::Ping(Vec::new().into())).is_err() {
                    return None;
                }
            }
            message = next_json(stream) => {
                let message = match message {
                    None => return None,
                    Some(Err(())) => return Some(close(4400, "Invalid message")),
                    Some(Ok(message)) => message,
                };
                match message["type"].as_str() {
                    Some("ping") => { out.try_send(text(&json!({ "type": "pong" }))).ok()?; }
                    Some("pong") => {}
                    Some("connection_init") => return Some(close(4429, "Too many initialisation requests")),
                    Some("complete") => {
                        let Some(id) = message["id"].as_str() else { return Some(close(4400, "Invalid message")) };
                        if let Some(r) = running.remove(id) { r.token.cancel(); }
                    }
                    Some("subscribe") => {
                        let Some(id) = message["id"].as_str().filter(|id| !id.is_empty() && id.len() <= 128) else { return Some(close(4400, "Invalid message")) };
                        if running.contains_key(id) { return Some(close(4409, "Subscriber already exists")) }
                        if running.len() >= SUBSCRIPTIONS { return Some(close(4429, "Too many subscriptions")) }
                        let Some(parameters) = ParametersIn::read(message["payload"].clone()) else { return Some(close(4400, "Invalid message")) };
                        if let Err(seconds) = server.rates.take(&ctx.address, token.as_deref()) {
                            let mut error = LANGUAGE.sync_scope(ctx.language, || request_error(Reason::TooManyRequests));
                            error.extensions.get_or_insert_default().set("retryAfterSeconds", seconds);
                            out.try_send(text(&json!({ "id": id, "type": "error", "payload": [error] }))).ok()?;
                            continue;
                        }
                        // An operation begins with the rights of its moment, not with those of the last look.
                        match look_again(server, token.as_deref(), &mut ctx).await {
                            Now::Over => return Some(close(4403, "Forbidden")),
                            Now::Unknown => return Some(close(1013, "Try again later")),
                            Now::Holds => {}
                        }
                        runs += 1;
                        idle = 0;
                        let told = Told { id: id.to_owned(), run: runs, out: out.clone(), done: done.clone(), token: scope.child_token(), ended: ended.clone() };
                        let again = is_subscription(server, &parameters).then(|| parameters.clone());
                        running.insert(id.to_owned(), Running { token: told.token.clone(), run: runs, actor: ctx.actor.clone(), parameters: again });
                        tokio::spawn(run(server.clone(), ctx.clone(), parameters, false, told));
                    }
                    _ => return Some(close(4400, "Invalid message")),
                }
            }
        }
    }
}

async fn next_json(stream: &mut (impl futures_util::Stream<Item = Result<Message, axum::Error>> + Unpin)) -> Option<Result<Value, ()>> {
    loop {
        return match stream.next().await? {
            Ok(Message::Text(text)) => Some(serde_json::from_str(&text).map_err(|_| ())),
            Ok(Message::Ping(_) | Message::Pong(_)) => continue,
            Ok(Message::Close(_)) | Err(_) => None,
            Ok(Message::Binary(_)) => Some(Err(())),
        };
    }
}

/// An operation that runs.
struct Running {
    token: CancellationToken,
    /// Which of the runs of this socket it is; an id may come again.
    run: u64,
    /// With whose rights it began.
    actor: Arc<Actor>,
    /// Of a subscription, to begin it again.
    parameters: Option<ParametersIn>,
}

/// How the session of a socket stands.
enum Now {
    /// The context has the rights of this moment.
    Holds,
    Over,
    /// The database does not answer.
    Unknown,
}

/// Looks at the session again and puts the member as she is now into the context.
async fn look_again(server: &Server, token: Option<&str>, ctx: &mut Ctx) -> Now {
    let (Some(token), Some(before)) = (token, &ctx.actor.member) else { return Now::Holds };
    match account::session_actor(&server.portal, token).await {
        Err(_) => Now::Unknown,
        Ok(Some(found)) if found.member.session == before.session => {
            if found.member != *before {
                ctx.actor = Arc::new(Actor { member: Some(found.member), request_id: ctx.actor.request_id.clone() });
            }
            Now::Holds
        }
        Ok(_) => Now::Over,
    }
}

/// Waits until the session of a socket stands otherwise: the member as she is now, or `None` once it is over.
async fn changed(standing: &mut Option<watch::Receiver<Option<Member>>>) -> Option<Member> {
    match standing {
        Some(standing) => {
            let _seat_holds_the_sender = standing.changed().await;
            standing.borrow_and_update().clone()
        }
        None => std::future::pending().await,
    }
}

fn is_subscription(server: &Server, parameters: &ParametersIn) -> bool {
    prepare(&server.documents, parameters.clone(), false).is_ok_and(|(_, kind)| kind == OperationType::Subscription)
}

/// Where an operation tells what comes of it.
struct Told {
    id: String,
    run: u64,
    out: mpsc::Sender<Message>,
    done: mpsc::Sender<(String, u64)>,
    token: CancellationToken,
    ended: CancellationToken,
}

impl Told {
    fn say(&self, kind: &str, payload: Option<Value>) -> Result<(), ()> {
        let mut message = json!({ "id": self.id, "type": kind });
        if let Some(payload) = payload {
            message["payload"] = payload;
        }
        self.out.try_send(text(&message)).map_err(drop)
    }

    /// A result, whose JSON is written already: it may be long.
    fn next(&self, payload: &str) -> Result<(), ()> {
        let message = format!("{{\"id\":{},\"type\":\"next\",\"payload\":{payload}}}", json!(self.id));
        self.out.try_send(Message::Text(message.into())).map_err(drop)
    }
}

/// Runs one operation to its end, and tells it in one line of the log, in no word that the client chose. A subscription
/// that fails at its root, at the start or later, ends with `error`; what fails inside a query is told with its data.
async fn run(server: Server, ctx: Ctx, parameters: ParametersIn, resumed: bool, told: Told) {
    let (begun, id) = (Instant::now(), ctx.actor.request_id.clone());
    let span = tracing::info_span!("request", request.id = %id);
    let (asked, outcome) = answer(&server, ctx, parameters, resumed, &told).instrument(span).await;
    let ms = (begun.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
    tracing::info!(request.id = %id, route = "/graphql/ws", operation = asked, outcome = outcome.name(), duration.ms = ms, "operation ended");
    match outcome {
        Outcome::Cancelled => return,
        // A reader that is too slow is dropped; it comes back and asks anew.
        Outcome::Slow => told.ended.cancel(),
        Outcome::Complete | Outcome::Error => {}
    }
    let _gone = told.done.send((told.id.clone(), told.run)).await;
}

/// How an operation ended.
#[derive(Clone, Copy)]
enum Outcome {
    Complete,
    Error,
    /// By the client, with its socket, or to begin again with other rights.
    Cancelled,
    Slow,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Slow => "slow",
        }
    }
}

/// Answers one operation; gives what was asked for, as the log may name it, and how it ended.
async fn answer(server: &Server, ctx: Ctx, parameters: ParametersIn, resumed: bool, told: &Told) -> (Option<&'static str>, Outcome) {
    let language = ctx.language;
    let last = |kind: &str, payload| match told.say(kind, payload) {
        Ok(()) if kind == "complete" => Outcome::Complete,
        Ok(()) => Outcome::Error,
        Err(()) => Outcome::Slow,
    };
    let (request, kind) = match LANGUAGE.sync_scope(language, || prepare(&server.documents, parameters, false)) {
        Err(wrong) => return (None, last("error", Some(json!([wrong.1])))),
        Ok(prepared) => prepared,
    };
    let mut request = admit(request, &server.portal, &ctx);
    let asked = Some(asked_for(&mut request, kind));
    if resumed {
        request = request.data(Resumed);
    }
    let mut stream = server.schema.execute_stream(request.data(ctx));
    let outcome = loop {
        let next = tokio::select! {
            () = told.token.cancelled() => break Outcome::Cancelled,
            // A panic ends this operation alone.
            next = AssertUnwindSafe(LANGUAGE.scope(language, stream.next())).catch_unwind() => next,
        };
        let mut response = match next {
            Ok(Some(response)) => response,
            Ok(None) => break last("complete", None),
            Err(_) => break last("error", Some(json!([internal(language)]))),
        };
        LANGUAGE.sync_scope(language, || guard::code_errors(&mut response));
        let failed = response.data == async_graphql::Value::Null && !response.errors.is_empty();
        if failed && (kind == OperationType::Subscription || response.errors.iter().all(|e| e.path.is_empty())) {
            break last("error", Some(json!(response.errors)));
        }
        match LANGUAGE.sync_scope(language, || bounded(&response)) {
            Ok(payload) => {
                if told.next(&payload).is_err() {
                    break Outcome::Slow;
                }
            }
            Err(long) => break last("error", Some(json!([long]))),
        }
    };
    (asked, outcome)
}
