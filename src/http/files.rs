//! The bytes of files: `PUT` and `HEAD /uploads/{token}`, `GET /files/{token}` and `/files/{token}/preview`.
//!
//! An upload stands at `Upload-Offset`, as in the resumable uploads of the IETF's HTTP working group and of tus: HEAD
//! tells it, every answer to a PUT carries it where it is known. A PUT brings the whole file, or a piece of it by
//! `Content-Range`. 202 = more is waited for, 201 = the file is complete and is a version of a document now.
//! `Content-Range: bytes */<size>` without a body asks again for a lost answer.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Extension, Json, Router};
use futures_util::TryStreamExt as _;
use serde_json::json;

use crate::api::error::code_of;
use crate::api::messages::message;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::TypedId as _;
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::text::Language;
use crate::material::service::upload::{NotReceived, Received};
use crate::material::service::{download, upload};
use crate::portal::Portal;

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// Routes of files. The session layer puts an `Arc<Actor>` into the extensions; without one nobody is signed in, and
/// the token alone counts. The general bound on bodies must not lie over these routes.
pub fn routes() -> Router<Portal> {
    Router::new().route("/uploads/{token}", put(receive).head(standing)).route("/files/{token}", get(send)).route("/files/{token}/preview", get(send_preview))
}

type Caller = Option<Extension<Arc<Actor>>>;
/// The reader's language, from the same layer.
type Reader = Option<Extension<Language>>;

fn actor_of(caller: Caller) -> Arc<Actor> {
    caller.map_or_else(|| Arc::new(Actor::anonymous("")), |Extension(actor)| actor)
}

fn language_of(reader: Reader) -> Language {
    reader.map_or(Language::ZhHans, |Extension(language)| language)
}

async fn receive(State(portal): State<Portal>, caller: Caller, reader: Reader, Path(token): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let (actor, language) = (actor_of(caller), language_of(reader));
    let range = match headers.get(header::CONTENT_RANGE).map(|v| v.to_str().ok().and_then(upload::range_of)) {
        Some(None) => return no(&Rejection::new(Code::Malformed).into(), None, language),
        range => range.flatten(),
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    // A task of its own: when the connection breaks the handler is dropped, and what came must still be kept.
    let work = tokio::spawn(async move { upload::receive(&portal, &actor, &token, range, length, body.into_data_stream()).await });
    let received = work.await.unwrap_or_else(|_| Err(NotReceived { refused: Fault::bug("the receiver of a file panicked").into(), offset: None }));
    match received {
        Ok(Received::Partial(standing)) => {
            let answer = json!({ "offset": standing.offset, "size": standing.size });
            (
                StatusCode::ACCEPTED,
                private(),
                [(OFFSET, standing.offset.into()), (LENGTH, standing.size.into())] as [(HeaderName, HeaderValue); 2],
                Json(answer),
            )
                .into_response()
        }
        Ok(Received::Complete(version)) => {
            let answer = json!({
                "documentId": version.document.global(), "documentVersionId": version.id.global(), "number": version.number, "scanState": version.scan_state,
            });
            (StatusCode::CREATED, private(), [(OFFSET, HeaderValue::from(version.size))], Json(answer)).into_response()
        }
        Err(NotReceived { refused, offset }) => no(&refused, offset, language),
    }
}

async fn standing(State(portal): State<Portal>, caller: Caller, reader: Reader, Path(token): Path<String>) -> Response {
    match upload::standing(&portal, &actor_of(caller), &token).await {
        Ok(standing) => {
            let told: [(HeaderName, HeaderValue); 2] = [(OFFSET, standing.offset.into()), (LENGTH, standing.size.into())];
            (StatusCode::OK, private(), told).into_response()
        }
        Err(refused) => no(&refused, None, language_of(reader)),
    }
}

async fn send(State(portal): State<Portal>, caller: Caller, reader: Reader, Path(token): Path<String>) -> Response {
    match download::open(&portal, &actor_of(caller), &token).await {
        Ok((version, bytes)) => {
            let told = attachment(version.media_type.mime(), version.size.unsigned_abs(), &version.file_name());
            let body = Body::from_stream(bytes.map_err(|_| std::io::Error::other("the file cannot be read")).map_ok(Bytes::from));
            (StatusCode::OK, private(), told, body).into_response()
        }
        Err(refused) => no(&refused, None, language_of(reader)),
    }
}

async fn send_preview(State(portal): State<Portal>, caller: Caller, reader: Reader, Path(token): Path<String>) -> Response {
    match download::open_preview(&portal, &actor_of(caller), &token).await {
        Ok((version, bytes)) => (StatusCode::OK, private(), attachment("image/jpeg", bytes.len() as u64, &version.preview_name()), bytes).into_response(),
        Err(refused) => no(&refused, None, language_of(reader)),
    }
}

/// What is told of a file. Its name is made of letters, digits and hyphens: it needs no quoting beyond this.
fn attachment(mime: &str, size: u64, name: &str) -> [(HeaderName, String); 4] {
    [
        (header::CONTENT_TYPE, mime.to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
    ]
}

fn private() -> [(HeaderName, &'static str); 2] {
    [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")]
}

/// The status of a no.
const fn status_of(code: Code) -> StatusCode {
    match code {
        Code::UploadInvalid => StatusCode::NOT_FOUND,
        Code::UploadOffsetMismatch | Code::TooMany | Code::ScanPending | Code::FileInfected | Code::PreviewUnavailable => StatusCode::CONFLICT,
        Code::FileTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::MediaTypeNotAllowed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::NotAllowed => StatusCode::RANGE_NOT_SATISFIABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn no(refused: &Refused, offset: Option<u64>, language: Language) -> Response {
    let (status, code, text) = match refused {
        Refused::Rejected(reasons) => {
            let code = reasons.first().map_or(Code::Malformed, |r| r.code);
            (status_of(code), code.code(), message(language, code.code(), &reasons.first().map(|r| r.args.clone()).unwrap_or_default()))
        }
        Refused::Fault(fault) => {
            let status = match fault {
                Fault::Unauthenticated => StatusCode::UNAUTHORIZED,
                Fault::Forbidden | Fault::ReauthRequired => StatusCode::FORBIDDEN,
                Fault::NotFound => StatusCode::NOT_FOUND,
                Fault::BadRequest(_) | Fault::CursorInvalid => StatusCode::BAD_REQUEST,
                Fault::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
                Fault::Unavailable(cause) => {
                    tracing::error!(cause = format!("{cause:#}"), "a component does not answer");
                    StatusCode::SERVICE_UNAVAILABLE
                }
                Fault::Internal(cause) => {
                    tracing::error!(cause = format!("{cause:#}"), "internal error");
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            };
            let (code, key) = code_of(fault);
            (status, code, message(language, key, &[]))
        }
    };
    let mut response = (status, private(), Json(json!({ "code": code, "message": text }))).into_response();
    if let Some(offset) = offset {
        response.headers_mut().insert(OFFSET, offset.into());
    }
    response
}
