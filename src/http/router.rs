//! All routes, with the bounds that hold for each.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, FromRef, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tracing::Instrument as _;

use crate::api::guard::Documents;
use crate::api::reason::Reason;
use crate::api::schema::PortalSchema;
use crate::http::rates::Rates;
use crate::http::sockets::Sockets;
use crate::http::{files, graphiql, graphql, health, refusal, session, socket};
use crate::kernel::actor::Actor;
use crate::portal::Portal;

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    /// The process.
    pub portal: Portal,
    /// The schema.
    pub schema: PortalSchema,
    /// Documents that were parsed before.
    pub documents: Documents,
    /// Proxies that are believed.
    pub trusted_proxies: Arc<[IpAddr]>,
    /// Metrics, where they are collected.
    pub metrics: Option<PrometheusHandle>,
    /// How many requests come.
    pub rates: Arc<Rates>,
    /// WebSockets of the process.
    pub sockets: Sockets,
    /// Cancelled when the process stops.
    pub stopping: CancellationToken,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl FromRef<Server> for Portal {
    fn from_ref(server: &Server) -> Self {
        server.portal.clone()
    }
}

/// The routes of the portal.
pub fn routes(server: Server) -> Router {
    let body_max = server.portal.settings.request_body_max;
    let api = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/.well-known/jwks.json", get(health::jwks))
        .route("/.well-known/card-status/{list}", get(health::card_status))
        .layer(RequestBodyLimitLayer::new(body_max))
        .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(15)))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(30)));
    Router::new()
        .merge(api)
        .merge(graphiql::routes())
        .merge(files::routes().with_state(server.portal.clone()).layer(middleware::from_fn_with_state(server.clone(), caller)))
        .route("/graphql/ws", get(socket::upgrade))
        .layer(middleware::from_fn_with_state(server.clone(), bounded))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(refusal::tell))
        .layer(middleware::from_fn(headers))
        .layer(middleware::from_fn_with_state(server.clone(), observe))
        .with_state(server)
}

/// The answer where a handler panicked, which [`refusal::tell`] words. What it said is not looked at: it may hold what a person sent.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Refuses who asks too often, before anything is read or looked up. The probes of a machine are not counted.
async fn bounded(State(server): State<Server>, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let address = session::client_address(request.headers(), peer, &server.trusted_proxies);
    match server.rates.take(&address, session::token(request.headers())) {
        Ok(()) => next.run(request).await,
        Err(seconds) => {
            let mut response = (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())]).into_response();
            response.extensions_mut().insert(Reason::TooManyRequests);
            response
        }
    }
}

/// Puts the caller of a file route into the request; a token that is no session's is nobody's.
async fn caller(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    let id = session::request_id(request.headers(), &server.portal);
    let token = session::token(request.headers()).map(str::to_owned);
    let context = session::context(&server.portal, request.headers(), token.as_deref(), Arc::from(""), id.clone()).await;
    let anonymous = (Arc::new(Actor::anonymous(id)), session::language(request.headers()));
    let (actor, language) = context.map_or(anonymous, |ctx| (ctx.actor, ctx.language));
    request.extensions_mut().insert(actor);
    request.extensions_mut().insert(language);
    next.run(request).await
}

async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")] {
        response.headers_mut().entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What was asked for, as the log may name it; a handler puts it into its answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked(pub &'static str);

/// Gives each request its id, and tells it in one line of the log and in the metrics once its answer begins: by route,
/// never by path, since paths hold tokens and ids, and in no word that the client chose. Metrics are counters only,
/// since what nobody reads must not grow.
///
/// The id is the one of a proxy that is believed, else a new one: a client's own would let her write under another's.
async fn observe(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = method_name(request.method());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    if peer.is_some_and(|peer| !server.trusted_proxies.contains(&peer.ip())) {
        request.headers_mut().remove(REQUEST_ID);
    }
    let id = session::request_id(request.headers(), &server.portal);
    let header = HeaderValue::from_str(&id).ok();
    if let Some(header) = header.clone() {
        request.headers_mut().insert(REQUEST_ID, header);
    }
    let address = server.portal.settings.log_addresses.then(|| session::client_address(request.headers(), peer, &server.trusted_proxies));
    let span = tracing::info_span!("request", request.id = %id);
    let mut response = next.run(request).instrument(span).await;
    if let Some(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    let asked = response.extensions().get::<Asked>().map(|asked| asked.0);
    let ms = (took.as_secs_f64() * 10_000.0).round() / 10.0;
    tracing::info!(request.id = %id, method, route, operation = asked, status, duration.ms = ms, address = address.as_deref(), "answered");
    metrics::counter!("portal_http_requests_total", "route" => route.clone(), "status" => status.to_string()).increment(1);
    metrics::counter!("portal_http_microseconds_total", "route" => route).increment(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    response
}

/// A method of HTTP; the protocol takes any word for one.
fn method_name(method: &Method) -> &'static str {
    ["GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "DELETE"].into_iter().find(|known| method == *known).unwrap_or("OTHER")
}
