//! The `Node` interface and its root fields. Each id goes through its slice's service, never to the store.

use async_graphql::{Context, ID, Interface, Object, Request};

use crate::api::context::ContextExt;
use crate::api::error::ApiError;
use crate::api::scalars::Date;
use crate::application::graphql::types::{Application, Order};
use crate::application::service::view as applications;
use crate::catalogue::graphql::ServiceItem;
use crate::catalogue::service as catalogue;
use crate::kernel::clock::civil_date;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ApplicationId, BodyId, CardId, DocumentId, ItemId, OrderId, PersonId, TypedId, UnitId};
use crate::material::graphql::Document;
use crate::organisation::graphql::{BodyObject, UnitObject, loaded};
use crate::organisation::service::{bodies, units};
use crate::person::graphql::{PersonObject, names};
use crate::person::service as persons;
use crate::portal::Portal;
use crate::talent_card::graphql::TalentCard;
use crate::talent_card::service::view as cards;

/// An object with a global id, by which it can be fetched again. Ids are opaque: store them, never take them apart.
#[expect(clippy::large_enum_variant, reason = "one lives for the length of its selection")]
#[derive(Interface, Clone, Debug)]
#[graphql(field(name = "id", ty = "ID", desc = "Global id."))]
pub enum Node {
    /// A case.
    Application(Application),
    /// An order.
    Order(Order),
    /// A talent card.
    TalentCard(TalentCard),
    /// A service item.
    ServiceItem(ServiceItem),
    /// A document handed in.
    Document(Document),
    /// A person.
    Person(PersonObject),
    /// A unit.
    Unit(UnitObject),
    /// A body.
    Body(BodyObject),
}

/// Most ids of one `nodes`.
const MAX_NODES: usize = 100;

/// The object behind a global id, by its prefix; NOT_FOUND for what does not exist or is not the caller's,
/// BAD_REQUEST for a text that is no id of a node.
async fn find(ctx: &Context<'_>, id: &ID, field: &str) -> Result<Node, ApiError> {
    let (portal, actor, text) = (ctx.portal(), ctx.actor(), id.as_str());
    if let Some(id) = ApplicationId::parse_global(text) {
        return Ok(Node::Application(Application::of(applications::application(portal, actor, id).await?, portal.env.now())));
    }
    if let Some(id) = OrderId::parse_global(text) {
        return Ok(Node::Order(Order::of(applications::order(portal, actor, id).await?)));
    }
    if let Some(id) = CardId::parse_global(text) {
        return Ok(Node::TalentCard(TalentCard(cards::card(portal, actor, id).await?)));
    }
    if let Some(id) = ItemId::parse_global(text) {
        let item = catalogue::items_by_ids(portal, &[id]).await?.remove(&id).ok_or(Fault::NotFound)?;
        return Ok(Node::ServiceItem(ServiceItem::of(item)));
    }
    if let Some(id) = DocumentId::parse_global(text) {
        return Ok(Node::Document(Document::load(ctx, id).await?));
    }
    if let Some(id) = PersonId::parse_global(text) {
        return Ok(Node::Person(PersonObject(persons::person_for(portal, actor, id).await?)));
    }
    if let Some(id) = UnitId::parse_global(text) {
        let unit = units::placed_unit(portal, id).await?.ok_or(Fault::NotFound)?;
        return Ok(Node::Unit(UnitObject::of(unit, ctx.language())));
    }
    if let Some(id) = BodyId::parse_global(text) {
        return Ok(Node::Body(BodyObject::of(bodies::body(portal, actor, id).await?, ctx.language())));
    }
    Err(Fault::BadRequest(field.split('.').map(str::to_owned).collect()).into())
}

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

    /// The object with this global id: a case, an order, a talent card, a service item, a document, a person, a unit or a
    /// body. Global ids of other types are for the fields that ask for them, and are BAD_REQUEST here. What does not exist
    /// and what is not the viewer's are both NOT_FOUND.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Option<Result<Node, ApiError>> {
        Some(find(ctx, &id, "id").await)
    }

    /// The objects with these global ids, of the types that `node` takes, in their order; `null` with an error for each that
    /// cannot be had. At most 100.
    #[graphql(complexity = "ids.len().min(100) * child_complexity")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node, ApiError>>>, ApiError> {
        if ids.len() > MAX_NODES {
            return Err(Fault::bad_request("ids").into());
        }
        let mut found = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            found.push(Some(find(ctx, id, &format!("ids.{at}")).await));
        }
        Ok(found)
    }
}

/// Puts what loads objects beside bare ids into a request.
pub fn loaders(request: Request, portal: &Portal) -> Request {
    request.data(loaded(portal.db.read())).data(names(portal.db.read()))
}
