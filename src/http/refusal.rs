//! What the layers and extractors say no to, told in the shape and with the codes of the rest: unknown routes and methods, bodies
//! too large or of another type, what took too long.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;

use crate::api::messages::message;
use crate::api::reason::Reason;
use crate::http::session;
use crate::kernel::text::Language;

/// Code, reason and message of an answer that has none of its own, or the reason alone.
fn of_status(status: StatusCode, given: Option<Reason>, language: Language) -> (&'static str, Option<Reason>, String) {
    let reason = match (given, status) {
        (Some(reason), _) => reason,
        (None, StatusCode::NOT_FOUND) => Reason::RouteUnknown,
        (None, StatusCode::METHOD_NOT_ALLOWED) => Reason::MethodNotAllowed,
        (None, StatusCode::NOT_ACCEPTABLE) => Reason::NotAcceptable,
        (None, StatusCode::PAYLOAD_TOO_LARGE) => Reason::BodyTooLarge,
        (None, StatusCode::UNSUPPORTED_MEDIA_TYPE) => Reason::MediaTypeNotSupported,
        (None, StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE) => Reason::Timeout,
        (None, StatusCode::FORBIDDEN) => Reason::OriginForeign,
        (None, StatusCode::TOO_MANY_REQUESTS) => Reason::TooManySockets,
        (None, other) if other.is_server_error() => return ("INTERNAL", None, message(language, "INTERNAL", &[])),
        _ => Reason::RequestMalformed,
    };
    (reason.class(), Some(reason), reason.message(language, &[]))
}

/// Puts a body with code and message where an answer of a no has none in JSON; what it said is not looked at. Status and other
/// headers stay. The probes of a machine (`/healthz`, `/readyz`) keep their words.
pub async fn tell(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (graphql, probe) = (path.starts_with("/graphql") && !path.starts_with("/graphiql"), matches!(path, "/healthz" | "/readyz"));
    let modern = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("application/graphql-response+json"));
    let language = session::language(request.headers());
    let mut response = next.run(request).await;
    let status = response.status();
    let json = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("json"));
    if probe || json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, reason, words) = of_status(status, response.extensions().get().copied(), language);
    let wait = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let mut told = json!({ "code": code });
    if let Some(reason) = reason {
        told["reason"] = reason.code().into();
    }
    if let Some(seconds) = wait {
        told["retryAfterSeconds"] = seconds.into();
    }
    let body = if graphql {
        json!({ "errors": [{ "message": words, "extensions": told }] })
    } else {
        told["message"] = words.into();
        told
    };
    let kind = if graphql && modern { "application/graphql-response+json; charset=utf-8" } else { "application/json; charset=utf-8" };
    *response.body_mut() = Body::from(body.to_string());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
