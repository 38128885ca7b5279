//! The `Node` interface and its two root fields. Each id goes through its slice's service, never to the store.

use async_graphql::{Context, Object};

use crate::api::context::ContextExt;
use crate::kernel::clock::civil_date;

use crate::api::scalars::Date;

/// Root fields that belong to no slice.
#[derive(Default)]
pub struct NodeQuery;

/// Root fields that belong to no slice.
#[Object]
impl NodeQuery {
    /// Today's date at UTC+8, by which the portal reckons terms.
    async fn today(&self, ctx: &Context<'_>) -> Date {
        Date(civil_date(ctx.portal().env.now()))
    }
}
