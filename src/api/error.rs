//! How faults and noes reach the client: a top-level error with a code, or `userErrors` of the payload.

use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, SimpleObject};

use crate::api::context::Ctx;
use crate::api::messages::message;
use crate::api::reason::Reason;
use crate::api::scalars::Instant;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::Role;
use crate::kernel::text::Language;

/// Codes of top-level errors.
pub const FAULT_CODES: &[&str] =
    &["UNAUTHENTICATED", "FORBIDDEN", "FAULT_NOT_FOUND", "BAD_REQUEST", "CURSOR_INVALID", "RATE_LIMITED", "REAUTH_REQUIRED", "UNAVAILABLE", "INTERNAL"];

/// What a resolver returns instead of its result.
///
/// It has no `Display` on purpose: the GraphQL library turns any `Display` error into text for the client, and the text
/// of a database error names tables. Only a [`Fault`] becomes one of these.
#[derive(Clone, Debug)]
pub struct ApiError(Arc<Fault>);

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        Self(Arc::new(fault))
    }
}

tokio::task_local! {
    /// The language of the running request, for messages of errors, which are made outside any context.
    pub static LANGUAGE: Language;
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        let language = LANGUAGE.try_with(|l| *l).unwrap_or(Language::ZhHans);
        let (code, key) = code_of(&error.0);
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code);
        match &*error.0 {
            Fault::RateLimited(seconds) => extensions.set("retryAfterSeconds", *seconds),
            Fault::BadRequest(field) => {
                extensions.set("reason", Reason::ArgumentInvalid.code());
                if !field.is_empty() {
                    extensions.set("field", field.clone());
                }
            }
            Fault::Internal(cause) => tracing::error!(cause = format!("{cause:#}"), "internal error"),
            Fault::Unavailable(cause) => tracing::error!(cause = format!("{cause:#}"), "a component does not answer"),
            _ => {}
        }
        let mut made = Self::new(message(language, key, &[]));
        made.extensions = Some(extensions);
        made
    }
}

/// The code of a fault, and the key of its message.
pub const fn code_of(fault: &Fault) -> (&'static str, &'static str) {
    match fault {
        Fault::Unauthenticated => ("UNAUTHENTICATED", "UNAUTHENTICATED"),
        Fault::Forbidden => ("FORBIDDEN", "FORBIDDEN"),
        Fault::NotFound => ("NOT_FOUND", "FAULT_NOT_FOUND"),
        Fault::BadRequest(_) => ("BAD_REQUEST", "BAD_REQUEST"),
        Fault::CursorInvalid => ("CURSOR_INVALID", "CURSOR_INVALID"),
        Fault::RateLimited(_) => ("RATE_LIMITED", "RATE_LIMITED"),
        Fault::ReauthRequired => ("REAUTH_REQUIRED", "REAUTH_REQUIRED"),
        Fault::Unavailable(_) => ("UNAVAILABLE", "UNAVAILABLE"),
        Fault::Internal(_) => ("INTERNAL", "INTERNAL"),
    }
}

/// The result of a nullable field that can fail: `null` for the field itself, not for its parent.
pub fn nullable<T>(result: Result<Option<T>, Fault>) -> Option<Result<T, ApiError>> {
    result.map_err(ApiError::from).transpose()
}

/// The payload of a mutation: made by `done` from the result, or by `refused` from the reasons of a no.
pub fn payload<T, P>(
    ctx: &Ctx,
    result: Result<T, Refused>,
    done: impl FnOnce(T) -> P,
    refused: impl FnOnce(Vec<UserError>) -> P,
) -> Option<Result<P, ApiError>> {
    match result {
        Ok(value) => Some(Ok(done(value))),
        Err(Refused::Rejected(reasons)) => Some(Ok(refused(reasons.into_iter().map(|r| UserError::of(r, ctx.language)).collect()))),
        Err(Refused::Fault(fault)) => Some(Err(fault.into())),
    }
}

/// A no by the rules: nothing was changed, and the caller can do something about it.
#[derive(SimpleObject, Clone, Debug)]
pub struct UserError {
    /// Stable code.
    pub code: Code,
    /// Message in the reader's language.
    pub message: String,
    /// Path of the input field, for example `["input", "name"]`; empty where the no is about the whole.
    pub field: Vec<String>,
    /// JSON pointer (RFC 6901) into the answers of a form, for example `/employer/name`, or to the key of a material.
    pub pointer: Option<String>,
    /// For CONFLICT: what was changed meanwhile.
    pub conflict: Option<Conflict>,
}

/// What was changed meanwhile, so that a client can show it and try again.
#[derive(SimpleObject, Clone, Debug)]
pub struct Conflict {
    /// The version that is stored now; send it as `expectedVersion` when trying again.
    pub version: i64,
    /// When it was changed.
    pub at: Instant,
    /// Names of the fields that were changed.
    pub changed_fields: Vec<String>,
    /// The role of who changed it.
    pub by_role: Option<Role>,
}

impl UserError {
    /// The no in the reader's language.
    pub fn of(rejection: Rejection, language: Language) -> Self {
        Self {
            code: rejection.code,
            message: message(language, rejection.code.code(), &rejection.args),
            field: rejection.field,
            pointer: rejection.pointer,
            conflict: rejection.conflict.map(|c| Conflict { version: c.version, at: Instant(c.at), changed_fields: c.changed, by_role: c.by }),
        }
    }
}
