//! The schema: roots put together from the slices. Not: fields.

use async_graphql::{MergedObject, SDLExportOptions, Schema};

use super::guard::GuardFactory;
use super::node::NodeQuery;
use crate::audit::graphql::AuditQuery;
use crate::catalogue::graphql::CatalogueQuery;
use crate::material::graphql::{MaterialMutation, MaterialQuery};
use crate::person::graphql::PersonMutation;
use crate::talent::graphql::{TalentMutation, TalentQuery};
use crate::talent_card::graphql::{TalentCardMutation, TalentCardQuery};

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(NodeQuery, AuditQuery, TalentQuery, CatalogueQuery, TalentCardQuery);

/// Everything that writes.
#[derive(MergedObject, Default)]
pub struct Mutation(PersonMutation, TalentMutation, TalentCardMutation);
pub struct Query(NodeQuery, AuditQuery, MaterialQuery, TalentQuery, CatalogueQuery);

/// Everything that writes.
#[derive(MergedObject, Default)]
pub struct Mutation(MaterialMutation, PersonMutation, TalentMutation);

/// The schema of the portal.
pub type PortalSchema = Schema<Query, Mutation, async_graphql::EmptySubscription>;

/// Builds the schema. Bounds are held by [`super::guard`].
pub fn build() -> PortalSchema {
    Schema::build(Query::default(), Mutation::default(), async_graphql::EmptySubscription)
        .limit_recursive_depth(96)
        .disable_suggestions()
        .extension(GuardFactory::default())
        .finish()
}

/// The SDL as it is committed.
pub fn sdl() -> String {
    build().sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items())
}
