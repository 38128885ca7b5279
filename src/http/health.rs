//! Liveness, readiness, metrics, public keys, status lists of cards.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use crate::http::router::Server;
use crate::kernel::fault::Fault;
use crate::talent_card::service::status;

/// `/healthz`: the process lives.
pub async fn live() -> &'static str {
    "ok\n"
}

/// `/readyz`: the stores answer and the process is not stopping.
pub async fn ready(State(server): State<Server>) -> impl IntoResponse {
    if server.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    let both = async { server.portal.db.read().ping().await.is_ok() && server.portal.db.keys().ping().await.is_ok() };
    match tokio::time::timeout(std::time::Duration::from_secs(3), both).await {
        Ok(true) => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "a store does not answer\n"),
    }
}

/// `/metrics`, for Prometheus: on this machine only, unless a setting lets others read. A proxy of this machine speaks
/// for its clients, so that what it forwards is not of this machine.
pub async fn metrics(State(server): State<Server>, info: Option<Extension<ConnectInfo<SocketAddr>>>, headers: HeaderMap) -> Response {
    let signs = [HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip"), header::FORWARDED, header::VIA];
    let forwarded = signs.iter().any(|sign| headers.contains_key(sign));
    let own = |peer: IpAddr| peer.is_loopback() && !server.trusted_proxies.contains(&peer);
    let near = info.is_some_and(|Extension(ConnectInfo(peer))| own(peer.ip().to_canonical())) && !forwarded;
    if !near && !server.portal.settings.metrics_remote {
        return StatusCode::NOT_FOUND.into_response();
    }
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        server.metrics.as_ref().map(metrics_exporter_prometheus::PrometheusHandle::render).unwrap_or_default(),
    )
        .into_response()
}

/// `/.well-known/jwks.json`: the keys by which cards and documents are verified.
pub async fn jwks(State(server): State<Server>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(server.portal.keyring.jwks()))
}

/// `/.well-known/card-status/N`: the standing of cards, signed, for checks without the portal (IETF Token Status List).
pub async fn card_status(State(server): State<Server>, Path(list): Path<String>) -> Response {
    // Another spelling of a number would be another address of one list.
    let number = list.parse::<u32>().ok().filter(|number| number.to_string() == list);
    let found = match number {
        Some(number) => status::status_list(&server.portal, number).await,
        None => Err(Fault::NotFound),
    };
    match found {
        Ok(signed) => {
            let heads = [(header::CONTENT_TYPE, "application/statuslist+jwt"), (header::CACHE_CONTROL, "public, max-age=60")];
            (heads, signed.to_string()).into_response()
        }
        Err(Fault::NotFound) => StatusCode::NOT_FOUND.into_response(),
        Err(fault) => {
            tracing::error!(fault = ?fault, "a status list could not be made");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
