//! How a use case ends without its result: a fault of the caller or of the portal, or a no by the rules.

use std::sync::Arc;

use super::rejection::Rejection;

/// The request could not be served. Shown as a top-level error with a code; never carries text for the client.
///
/// Cheap to clone: the cause of an inner fault is shared, so that it is logged once where it is handled.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nobody is signed in, or the session has ended.
    Unauthenticated,
    /// The caller may know that it exists but not do this.
    Forbidden,
    /// It does not exist, or the caller may not know that it does.
    NotFound,
    /// The request does not make sense; the field path where one exists.
    BadRequest(Vec<String>),
    /// A cursor that this list did not give.
    CursorInvalid,
    /// Too many tries; seconds to wait.
    RateLimited(u64),
    /// A fresh sign-in is needed.
    ReauthRequired,
    /// A component (database, object store, mail) does not answer; it may be tried again.
    Unavailable(Arc<anyhow::Error>),
    /// A mistake of ours.
    Internal(Arc<anyhow::Error>),
}

impl Fault {
    /// A mistake of ours, with its cause for the log.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(Arc::new(cause.into()))
    }

    /// A mistake of ours in words; they reach the log only and hold nothing personal.
    pub fn bug(words: &'static str) -> Self {
        Self::Internal(Arc::new(anyhow::Error::msg(words)))
    }

    /// A component that does not answer.
    pub fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        Self::Unavailable(Arc::new(cause.into()))
    }

    /// A request that makes no sense at this field of the input.
    pub fn bad_request(field: impl Into<String>) -> Self {
        Self::BadRequest(vec![field.into()])
    }
}

/// A use case that was answered with no, or could not be answered.
///
/// `?` works on faults and database errors only: a no is built on purpose.
#[derive(Clone, Debug)]
pub enum Refused {
    /// The rules say no; every reason at once.
    Rejected(Vec<Rejection>),
    /// The request could not be served.
    Fault(Fault),
}

impl Refused {
    /// A no for one reason.
    pub fn because(rejection: Rejection) -> Self {
        Self::Rejected(vec![rejection])
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::because(rejection)
    }
}

impl From<sea_orm::DbErr> for Fault {
    fn from(error: sea_orm::DbErr) -> Self {
        use sea_orm::DbErr::{Conn, ConnectionAcquire};
        // A lost connection shows as an I/O error or a closed pool inside an execution error.
        let text = match &error {
            Conn(_) | ConnectionAcquire(_) => return Self::unavailable(error),
            other => other.to_string(),
        };
        let lost = [
            "database is locked",
            "closed pool",
            "PoolClosed",
            "Broken pipe",
            "Connection reset",
            "Connection refused",
            "error communicating with database",
            "terminating connection",
            "the database system is",
            "too many clients",
            "statement timeout",
            "lock timeout",
            "deadlock detected",
            "could not serialize access",
        ];
        if lost.iter().any(|sign| text.contains(sign)) { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<sea_orm::DbErr> for Refused {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Fault(error.into())
    }
}
