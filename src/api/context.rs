//! What a resolver finds in its context.

use std::sync::Arc;

use async_graphql::Context;

use crate::kernel::actor::Actor;
use crate::kernel::text::Language;
use crate::portal::Portal;

/// One request.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// The process.
    pub portal: Portal,
    /// Who asks.
    pub actor: Arc<Actor>,
    /// The reader's language.
    pub language: Language,
    /// Address of the client, from listed proxies or the socket; for limits and sessions only.
    pub address: Arc<str>,
}

/// The refresh token of the request's cookie; the HTTP layer puts it into the request where there is one. Secret, so that
/// it has no `Debug`.
#[derive(Clone)]
pub struct RefreshCookie(pub String);

/// Marks a subscription that goes on with other rights than it began with: what was missed in between is to be asked
/// anew. The socket puts it into the request.
#[derive(Clone, Copy, Debug)]
pub struct Resumed;

/// Short ways to [`Ctx`].
pub trait ContextExt {
    /// The request.
    fn ctx(&self) -> &Ctx;
    /// The process.
    fn portal(&self) -> &Portal {
        &self.ctx().portal
    }
    /// Who asks.
    fn actor(&self) -> &Actor {
        &self.ctx().actor
    }
    /// The reader's language.
    fn language(&self) -> Language {
        self.ctx().language
    }
}

impl ContextExt for Context<'_> {
    fn ctx(&self) -> &Ctx {
        // `http` puts it into every request and every subscription; its absence ends the resolver, not the process.
        self.data_unchecked::<Ctx>()
    }
}
