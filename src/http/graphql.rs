//! GraphQL over HTTP by the letter of its specification.
//!
//! The response type follows `Accept`: `application/graphql-response+json` with a status that tells whether there is
//! data, or `application/json`, always 200 for a well-formed request, for older clients.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response as GraphQlResponse, ServerError, Variables};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};

use crate::account::service::AgentClass;
use crate::api::context::{Ctx, RefreshCookie};
use crate::api::error::{ApiError, LANGUAGE};
use crate::api::guard::{self, Documents};
use crate::api::messages::message;
use crate::api::node::loaders;
use crate::api::operations;
use crate::api::reason::{Reason, coded_error, reason_of, request_error};
use crate::api::values;
use crate::http::router::{Asked, Server};
use crate::http::session;
use crate::kernel::fault::Fault;
use crate::kernel::text::Language;
use crate::portal::Portal;

const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";

/// The parameters of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<serde_json::Value>,
}

/// Which media type the client takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Modern,
    Legacy,
}

fn answer_type(headers: &HeaderMap) -> Option<Answer> {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) else { return Some(Answer::Legacy) };
    accept.split(',').find_map(|part| match part.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        GRAPHQL_RESPONSE => Some(Answer::Modern),
        "application/json" | "*/*" | "application/*" => Some(Answer::Legacy),
        _ => None,
    })
}

/// `POST /graphql`.
pub async fn post(State(server): State<Server>, info: Option<Extension<ConnectInfo<SocketAddr>>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(answer) = answer_type(&headers) else { return StatusCode::NOT_ACCEPTABLE.into_response() };
    let json = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|v| {
        let mut parts = v.split(';').map(|p| p.trim().to_ascii_lowercase());
        parts.next().as_deref() == Some("application/json") && parts.all(|p| !p.starts_with("charset=") || p.trim_matches('"').ends_with("utf-8"))
    });
    if !json {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    match serde_json::from_slice::<Parameters>(&body) {
        Ok(parameters) => run(&server, &headers, info, parameters, answer, false).await,
        Err(_) => not_read(answer, &headers, Reason::RequestMalformed),
    }
}

/// `GET /graphql`, for queries only.
pub async fn get(
    State(server): State<Server>,
    info: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let Some(answer) = answer_type(&headers) else { return StatusCode::NOT_ACCEPTABLE.into_response() };
    let Ok(variables) = query.get("variables").map(|text| serde_json::from_str(text)).transpose() else {
        return not_read(answer, &headers, Reason::VariablesMalformed);
    };
    let parameters = Parameters {
        query: query.get("query").cloned(),
        document_id: query.get("documentId").cloned(),
        operation_name: query.get("operationName").cloned(),
        variables,
    };
    run(&server, &headers, info, parameters, answer, true).await
}

/// The answer to what is no request at all.
fn not_read(answer: Answer, headers: &HeaderMap, reason: Reason) -> Response {
    refused(answer, StatusCode::BAD_REQUEST, &LANGUAGE.sync_scope(session::language(headers), || request_error(reason)))
}

/// Reads a request to what the library executes; the error says what does not fit, in the language of the running request.
pub fn prepare(documents: &Documents, parameters: ParametersIn, only_query: bool) -> Result<(Request, OperationType), Box<(StatusCode, ServerError)>> {
    let Parameters { query, document_id, operation_name, variables } = parameters.0;
    let no = |status, error| Box::new((status, error));
    let bad = |reason| no(StatusCode::BAD_REQUEST, request_error(reason));
    let text = match (query, document_id) {
        (Some(_), Some(_)) => return Err(bad(Reason::QueryAmbiguous)),
        (Some(query), None) => query,
        (None, Some(id)) => operations::document(&id).ok_or_else(|| bad(Reason::DocumentUnknown))?.to_owned(),
        (None, None) => return Err(bad(Reason::QueryMissing)),
    };
    if text.contains(guard::is_refused) {
        return Err(bad(Reason::ControlCharacter));
    }
    // PostgreSQL takes no U+0000, and nothing that a person types holds one: told once here, not by each field.
    if let Some(path) = variables.as_ref().and_then(guard::refused_variable) {
        let mut error = request_error(Reason::ControlCharacter);
        error.extensions.get_or_insert_default().set("field", path);
        return Err(no(StatusCode::BAD_REQUEST, error));
    }
    let mut variables = match variables {
        None | Some(serde_json::Value::Null) => Variables::default(),
        Some(object @ serde_json::Value::Object(_)) => Variables::from_json(object),
        Some(_) => return Err(bad(Reason::VariablesMalformed)),
    };
    if let Some(reason) = guard::refuse_text(&text) {
        return Err(bad(reason));
    }
    let document = documents.parse(&text).map_err(|error| no(StatusCode::BAD_REQUEST, error))?;
    let Some(kind) = guard::operation_type(&document, operation_name.as_deref()) else { return Err(bad(Reason::OperationUnknown)) };
    if operation_name.is_none() && document.operations.iter().count() > 1 {
        return Err(bad(Reason::OperationNameRequired));
    }
    if only_query && kind != OperationType::Query {
        return Err(no(StatusCode::METHOD_NOT_ALLOWED, request_error(Reason::MethodNotAllowed)));
    }
    if let Some((name, pos)) = guard::missing_variable(&document, operation_name.as_deref(), &variables) {
        let mut error = ServerError { locations: vec![pos], ..request_error(Reason::VariableRequired) };
        error.extensions.get_or_insert_default().set("field", vec![name]);
        return Err(no(StatusCode::BAD_REQUEST, error));
    }
    let mut document = (*document).clone();
    values::settle(&mut document, operation_name.as_deref(), &mut variables);
    let mut request = Request::new(text).variables(variables).data(guard::Vetted);
    request.set_parsed_query(document);
    if let Some(name) = operation_name {
        request = request.operation_name(name);
    }
    Ok((request, kind))
}

/// Parameters as another transport hands them over.
#[derive(Clone, Debug)]
pub struct ParametersIn(Parameters);

impl ParametersIn {
    /// Reads the payload of a `subscribe` message.
    pub fn read(payload: serde_json::Value) -> Option<Self> {
        serde_json::from_value(payload).ok().map(Self)
    }
}

async fn run(
    server: &Server,
    headers: &HeaderMap,
    info: Option<Extension<ConnectInfo<SocketAddr>>>,
    parameters: Parameters,
    answer: Answer,
    only_query: bool,
) -> Response {
    let request_id = session::request_id(headers, &server.portal);
    let mut asked = None;
    let mut response = answered(server, &mut asked, headers, info, parameters, answer, only_query, request_id).await;
    if let Some(asked) = asked {
        response.extensions_mut().insert(Asked(asked));
    }
    response
}

/// The name of an operation that is stored, else its kind: any other name is the client's own words.
pub fn asked_for(request: &mut Request, kind: OperationType) -> &'static str {
    let named = match &request.operation_name {
        Some(name) => operations::stored_name(name),
        None => request.parsed_query().ok().and_then(|document| document.operations.iter().next()?.0).and_then(|name| operations::stored_name(name)),
    };
    named.unwrap_or(match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    })
}

async fn answered(
    server: &Server,
    asked_as: &mut Option<&'static str>,
    headers: &HeaderMap,
    info: Option<Extension<ConnectInfo<SocketAddr>>>,
    parameters: Parameters,
    answer: Answer,
    only_query: bool,
    request_id: String,
) -> Response {
    let asked = session::language(headers);
    let (mut request, kind) = match LANGUAGE.sync_scope(asked, || prepare(&server.documents, ParametersIn(parameters), only_query)) {
        Ok(prepared) => prepared,
        Err(wrong) => return refused(answer, wrong.0, &wrong.1),
    };
    *asked_as = Some(asked_for(&mut request, kind));
    if kind == OperationType::Subscription {
        return not_read(answer, headers, Reason::SubscriptionElsewhere);
    }
    let address = session::client_address(headers, info.map(|Extension(ConnectInfo(address))| address), &server.trusted_proxies);
    let ctx = match session::context(&server.portal, headers, session::token(headers), address, request_id).await {
        Ok(ctx) => ctx,
        Err(fault) => {
            let error =
                LANGUAGE.sync_scope(asked, || async_graphql::Error::from(ApiError::from(fault.clone())).into_server_error(async_graphql::Pos::default()));
            return refused(answer, status_of(&fault), &ServerError { locations: Vec::new(), ..error });
        }
    };
    request = admit(request, &server.portal, &ctx);
    if let Some(cookie) = session::refresh_cookie(headers) {
        request = request.data(RefreshCookie(cookie.to_owned()));
    }
    request = request.data(AgentClass::of_header(headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok())));
    let language = ctx.language;
    // A panic ends this request alone; what it said stays out of answer and log.
    let execution = AssertUnwindSafe(LANGUAGE.scope(language, server.schema.execute(request.data(ctx)))).catch_unwind();
    match execution.await {
        Ok(mut response) => LANGUAGE.sync_scope(language, || {
            guard::code_errors(&mut response);
            respond(answer, &response)
        }),
        Err(_) => refused(answer, StatusCode::INTERNAL_SERVER_ERROR, &internal(language)),
    }
}

/// What holds for every request with its caller known, whichever way it came.
pub fn admit(request: Request, portal: &Portal, ctx: &Ctx) -> Request {
    let request = loaders(request, portal);
    if ctx.actor.member.is_none() && !portal.settings.introspection { request.disable_introspection() } else { request }
}

/// The error of a mistake of ours, as a client reads it.
pub fn internal(language: Language) -> ServerError {
    coded_error("INTERNAL", message(language, "INTERNAL", &[]))
}

/// Where the text of an answer is gathered, up to its bound.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > guard::MAX_ANSWER {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The JSON of an answer, or the error that stands in its place where it would be too long.
pub fn bounded(answer: &impl Serialize) -> Result<String, ServerError> {
    let mut text = Bounded(Vec::new());
    let written = serde_json::to_writer(&mut text, answer).ok().and_then(|()| String::from_utf8(text.0).ok());
    written.ok_or_else(|| request_error(Reason::AnswerTooLong))
}

const fn status_of(fault: &Fault) -> StatusCode {
    match fault {
        Fault::Unauthenticated => StatusCode::UNAUTHORIZED,
        Fault::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
        Fault::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Whether the operation never ran: the document did not pass parsing, validation or a bound.
fn is_request_error(response: &GraphQlResponse) -> bool {
    response.data == async_graphql::Value::Null && !response.errors.is_empty() && response.errors.iter().all(|e| e.path.is_empty() && is_about_document(e))
}

fn respond(answer: Answer, response: &GraphQlResponse) -> Response {
    if is_request_error(response) {
        return errors(answer, StatusCode::BAD_REQUEST, &response.errors);
    }
    match bounded(response) {
        Ok(body) => {
            let mut written = write(answer, StatusCode::OK, false, body);
            // Cookies that resolvers set.
            written.headers_mut().extend(response.http_headers.clone());
            written
        }
        Err(error) => refused(answer, StatusCode::BAD_REQUEST, &error),
    }
}

fn refused(answer: Answer, status: StatusCode, error: &ServerError) -> Response {
    errors(answer, status, std::slice::from_ref(error))
}

fn is_about_document(error: &ServerError) -> bool {
    reason_of(error.extensions.as_ref()).is_some_and(Reason::is_about_document)
}

fn errors(answer: Answer, status: StatusCode, errors: &[ServerError]) -> Response {
    write(answer, status, errors.iter().all(is_about_document), serde_json::json!({ "errors": errors }).to_string())
}

/// `about_document`: what [`Reason::is_about_document`] tells.
fn write(answer: Answer, status: StatusCode, about_document: bool, body: impl Into<Body>) -> Response {
    let (kind, status) = match answer {
        Answer::Modern => ("application/graphql-response+json; charset=utf-8", status),
        // Older clients read the body only after 200; faults of the transport keep their status.
        Answer::Legacy if status == StatusCode::BAD_REQUEST && about_document => ("application/json; charset=utf-8", StatusCode::OK),
        Answer::Legacy => ("application/json; charset=utf-8", status),
    };
    let mut response = (status, body.into()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}
