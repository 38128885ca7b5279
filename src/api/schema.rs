//! The schema: roots put together from the slices. Not: fields.

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, Schema};

use crate::account::graphql::factor::FactorMutation;
use crate::account::graphql::mandate::{MandateMutation, MandateQuery};
use crate::account::graphql::{AccountMutation, AccountQuery};
use crate::api::guard::GuardFactory;
use crate::api::node::NodeQuery;
use crate::application::graphql::mutation::ApplicationMutation;
use crate::application::graphql::query::ApplicationQuery;
use crate::application::graphql::subscription::ApplicationSubscription;
use crate::audit::graphql::AuditQuery;
use crate::catalogue::graphql::{CatalogueMutation, CatalogueQuery};
use crate::material::graphql::{MaterialMutation, MaterialQuery};
use crate::organisation::graphql::{OrganisationMutation, OrganisationQuery};
use crate::person::graphql::PersonMutation;
use crate::talent::graphql::{TalentMutation, TalentQuery};
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
    TalentCardQuery,
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
    TalentCardMutation,
);

/// Everything that can be listened to.
#[derive(MergedSubscription, Default)]
pub struct Subscription(ApplicationSubscription);

/// The schema of the portal.
pub type PortalSchema = Schema<Query, Mutation, Subscription>;

/// Builds the schema. Bounds are held by [`crate::api::guard`].
pub fn build() -> PortalSchema {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .limit_recursive_depth(96)
        .disable_suggestions()
        .extension(GuardFactory::default())
        .finish()
}

/// The SDL as it is committed.
pub fn sdl() -> String {
    build().sdl_with_options(SDLExportOptions::new().include_specified_by().sorted_fields().sorted_arguments().sorted_enum_items())
}
