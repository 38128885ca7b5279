//! The schema: roots put together from the slices. Not: fields.

use async_graphql::{MergedObject, MergedSubscription, Request, Response, SDLExportOptions, Schema, SchemaBuilder, ValidationMode};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, future};

use crate::account::graphql::factor::FactorMutation;
use crate::account::graphql::mandate::{MandateMutation, MandateQuery};
use crate::account::graphql::{AccountMutation, AccountQuery};
use crate::api::guard::{Judge, Judged, ToJudge};
use crate::api::node::NodeQuery;
use crate::application::graphql::dealing::DealingMutation;
use crate::application::graphql::mutation::ApplicationMutation;
use crate::application::graphql::query::ApplicationQuery;
use crate::application::graphql::subscription::ApplicationSubscription;
use crate::audit::graphql::AuditQuery;
use crate::catalogue::graphql::{CatalogueMutation, CatalogueQuery};
use crate::material::graphql::{MaterialMutation, MaterialQuery};
use crate::notice::graphql::{NoticeMutation, NoticeQuery};
use crate::organisation::graphql::{OrganisationMutation, OrganisationQuery};
use crate::person::graphql::PersonMutation;
use crate::talent::graphql::{TalentMutation, TalentQuery};
use crate::talent_card::graphql::life::{CardLifeMutation, CardLifeQuery};
use crate::talent_card::graphql::{TalentCardMutation, TalentCardQuery};

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    NodeQuery,
    AuditQuery,
    OrganisationQuery,
    AccountQuery,
    MandateQuery,
    TalentQuery,
    CatalogueQuery,
    MaterialQuery,
    ApplicationQuery,
    NoticeQuery,
    TalentCardQuery,
    CardLifeQuery,
);

/// Everything that can be done. Each field is one transaction.
#[derive(MergedObject, Default)]
pub struct Mutation(
    OrganisationMutation,
    AccountMutation,
    FactorMutation,
    MandateMutation,
    PersonMutation,
    TalentMutation,
    CatalogueMutation,
    MaterialMutation,
    ApplicationMutation,
    DealingMutation,
    NoticeMutation,
    TalentCardMutation,
    CardLifeMutation,
);

/// Everything that can be listened to.
#[derive(MergedSubscription, Default)]
pub struct Subscription(ApplicationSubscription);

type Roots = Schema<Query, Mutation, Subscription>;

/// The schema of the portal. Cheap to clone.
///
/// The library's schema stands in it twice. With any extension the library looks each field of an answer up once more and
/// boxes it twice more, which is most of the cost of a long answer; without one there is no place for judging a request. So
/// one judges and the other runs what was judged.
#[derive(Clone)]
pub struct PortalSchema {
    judging: Roots,
    running: Roots,
    judged: Judged,
}

impl std::fmt::Debug for PortalSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PortalSchema").finish_non_exhaustive()
    }
}

impl PortalSchema {
    /// Judges a request and gives its answer. What does not fit is told in the answer, and then nothing has run.
    pub async fn execute(&self, request: impl Into<Request>) -> Response {
        let mut request = request.into();
        match self.judge(&mut request).await {
            Ok(()) => self.running.execute(request).await,
            Err(refused) => refused,
        }
    }

    /// The same for an operation of a socket: one answer, or one for each event of a subscription.
    pub fn execute_stream(&self, mut request: Request) -> BoxStream<'static, Response> {
        let schema = self.clone();
        let stream = async move {
            match schema.judge(&mut request).await {
                Ok(()) => schema.running.execute_stream(request),
                Err(refused) => stream::once(future::ready(refused)).boxed(),
            }
        };
        stream::once(stream).flatten().boxed()
    }

    async fn judge(&self, request: &mut Request) -> Result<(), Response> {
        let missing = self.judged.missing(request).map_err(|error| Response::from_errors(vec![error]))?;
        let Some(ToJudge { request, digest }) = missing else { return Ok(()) };
        let judgement = self.judging.execute(request).await;
        if judgement.is_err() {
            return Err(judgement);
        }
        if let Some(digest) = digest {
            self.judged.keep(digest);
        }
        Ok(())
    }
}

fn roots() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default()).limit_recursive_depth(96).disable_suggestions()
}

/// Builds the schema. Bounds are held by [`crate::api::guard`].
pub fn build() -> PortalSchema {
    PortalSchema { judging: roots().extension(Judge).finish(), running: roots().validation_mode(ValidationMode::Fast).finish(), judged: Judged::default() }
}

/// The SDL as it is committed.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().include_specified_by().sorted_fields().sorted_arguments().sorted_enum_items();
    roots().finish().sdl_with_options(options)
}
