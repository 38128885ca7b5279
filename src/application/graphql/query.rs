//! Root fields that read.

use async_graphql::{Context, ID, InputObject, Object};

use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt;
use crate::api::error::ApiError;
use crate::api::ids;
use crate::api::scalars::Instant;
use crate::application::graphql::types::{Application, Order, QueueEntry};
use crate::application::model::case::State;
use crate::application::model::queue::QueueFilter;
use crate::application::model::sight::Sight;
use crate::application::service::view::{self, SeenOrder};
use crate::kernel::ids::{ApplicationId, BodyId, ItemId, OrderId, UnitId};

/// What to show of a work queue.
#[derive(InputObject, Debug, Default)]
pub struct WorkQueueFilter {
    /// Only this state. ACCEPTED holds what counts as accepted by lapse of time, too.
    pub state: Option<State>,
    /// Only this item.
    pub item_id: Option<ID>,
    /// Only this step.
    pub step_key: Option<String>,
    /// Only what is due before this instant.
    pub due_before: Option<Instant>,
    /// Only what the viewer has claimed.
    #[graphql(default)]
    pub mine: bool,
    /// Only what nobody has claimed.
    #[graphql(default)]
    pub unclaimed: bool,
    /// Only what is to be decided: all steps are finished.
    #[graphql(default)]
    pub to_decide: bool,
}

/// Root fields of orders and cases.
#[derive(Default)]
pub struct ApplicationQuery;

/// Root fields of orders and cases.
#[Object]
impl ApplicationQuery {
    /// A case that the viewer may see: her own, of her unit, or one in which her body is the employer.
    async fn application(&self, ctx: &Context<'_>, #[graphql(desc = "The case.")] id: ID) -> Option<Result<Application, ApiError>> {
        let read = async {
            let id = ids::decode::<ApplicationId>(&id, "id")?;
            Ok(Application::of(view::application(ctx.portal(), ctx.actor(), id).await?, ctx.portal().env.now()))
        };
        Some(read.await)
    }

    /// An order of the viewer, or one that she filled for somebody.
    async fn order(&self, ctx: &Context<'_>, #[graphql(desc = "The order.")] id: ID) -> Option<Result<Order, ApiError>> {
        let read = async {
            let id = ids::decode::<OrderId>(&id, "id")?;
            Ok(Order::of(view::order(ctx.portal(), ctx.actor(), id).await?))
        };
        Some(read.await)
    }

    /// The viewer's cases, newest first; carts are under `myOrders`.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn my_applications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<Application>, ApiError>> {
        let read = async {
            let request = connection::request(ctx, first, after.as_deref(), view::OWN_ORDER, 1)?;
            let page = view::my_applications(ctx.portal(), ctx.actor(), request).await?;
            Ok(connection::all_of(page, |rows| Application::beside(rows.into_iter().map(|row| (row, Sight::Whole)).collect())))
        };
        Some(read.await)
    }

    /// The viewer's orders, newest first: carts and what was handed in.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn my_orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<Order>, ApiError>> {
        let read = async {
            let request = connection::request(ctx, first, after.as_deref(), view::OWN_ORDER, 1)?;
            let page = view::my_orders(ctx.portal(), ctx.actor(), request).await?;
            let seen = |row| SeenOrder { row, own: true, lines: None };
            Ok(connection::all_of(page, |rows| Order::beside(rows.into_iter().map(seen).collect())))
        };
        Some(read.await)
    }

    /// Carts that the viewer fills for others and may go on filling, as an agent or for walk-ins, newest first.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn filled_carts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<Order>, ApiError>> {
        let read = async {
            let request = connection::request(ctx, first, after.as_deref(), view::OWN_ORDER, 1)?;
            let page = view::filled_carts(ctx.portal(), ctx.actor(), request).await?;
            let seen = |row| SeenOrder { row, own: false, lines: None };
            Ok(connection::all_of(page, |rows| Order::beside(rows.into_iter().map(seen).collect())))
        };
        Some(read.await)
    }

    /// Open cases of a unit, what is due first. For staff of the unit or above.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn work_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The unit.")] unit_id: ID,
        #[graphql(desc = "What to show.")] filter: Option<WorkQueueFilter>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<QueueEntry>, ApiError>> {
        let read = async {
            let unit = ids::decode::<UnitId>(&unit_id, "unitId")?;
            let request = connection::request(ctx, first, after.as_deref(), view::QUEUE_ORDER, 2)?;
            let filter = filter.unwrap_or_default();
            let filter = QueueFilter {
                state: filter.state,
                item: ids::decode_option::<ItemId>(filter.item_id.as_ref(), "filter.itemId")?,
                step: filter.step_key,
                due_before: filter.due_before.map(|at| at.0),
                claimed_by: if filter.mine { ctx.actor().person() } else { None },
                unclaimed: filter.unclaimed,
                to_decide: filter.to_decide,
            };
            Ok(QueueEntry::page(view::work_queue(ctx.portal(), ctx.actor(), unit, filter, request).await?, ctx.language()))
        };
        Some(read.await)
    }

    /// Cases in which an employer is named and that are under review, for its confirmers.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn employer_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The employer.")] body_id: ID,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<QueueEntry>, ApiError>> {
        let read = async {
            let body = ids::decode::<BodyId>(&body_id, "bodyId")?;
            let request = connection::request(ctx, first, after.as_deref(), view::QUEUE_ORDER, 2)?;
            Ok(QueueEntry::page(view::employer_queue(ctx.portal(), ctx.actor(), body, request).await?, ctx.language()))
        };
        Some(read.await)
    }
}
