//! Subscriptions: each event is checked, not only the start.

use std::sync::Arc;

use async_graphql::{Context, ID, SimpleObject, Subscription};
use futures_util::{Stream, StreamExt as _};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::api::context::{ContextExt, Ctx};
use crate::api::error::ApiError;
use crate::api::ids;
use crate::application::graphql::types::Application;
use crate::application::service::view;
use crate::audit::model::Announcement;
use crate::audit::service::Bus;
use crate::kernel::ids::{ApplicationId, TypedId, UnitId};

/// What a subscription tells.
#[derive(SimpleObject, Clone, Debug)]
pub struct ApplicationChange {
    /// The case that changed; null when `refetch` is true.
    pub application: Option<Application>,
    /// Events may have been missed: ask anew for what is shown.
    pub refetch: bool,
}

/// A case of a queue changed.
#[derive(SimpleObject, Clone, Debug)]
pub struct QueueChange {
    /// The case that changed; null when `refetch` is true.
    pub application_id: Option<ID>,
    /// Events may have been missed: ask anew for the queue.
    pub refetch: bool,
}

/// The next change of a case, or `None` when it lagged behind; ends with the bus.
async fn next(receiver: &mut BroadcastStream<Arc<Announcement>>) -> Option<Option<Arc<Announcement>>> {
    loop {
        match receiver.next().await? {
            Ok(heard) if heard.kind == "APPLICATION_CHANGED" => return Some(Some(heard)),
            Ok(_) => {}
            Err(BroadcastStreamRecvError::Lagged(_)) => return Some(None),
        }
    }
}

fn changes(ctx: Ctx, id: ApplicationId, receiver: BroadcastStream<Arc<Announcement>>) -> impl Stream<Item = ApplicationChange> {
    futures_util::stream::unfold((ctx, receiver), move |(ctx, mut receiver)| async move {
        loop {
            match next(&mut receiver).await? {
                None => return Some((ApplicationChange { application: None, refetch: true }, (ctx, receiver))),
                Some(heard) if heard.object_id == id.uuid() => {
                    // Roles and mandates end; who may not see the case any more hears nothing any more.
                    let loaded = view::application(&ctx.portal, &ctx.actor, id).await.ok()?;
                    return Some((ApplicationChange { application: Some(Application::of(loaded, ctx.portal.env.now())), refetch: false }, (ctx, receiver)));
                }
                Some(_) => {}
            }
        }
    })
}

fn queue_changes(ctx: Ctx, unit: UnitId, receiver: BroadcastStream<Arc<Announcement>>) -> impl Stream<Item = QueueChange> {
    let wanted = unit.uuid().to_string();
    futures_util::stream::unfold((ctx, receiver), move |(ctx, mut receiver)| {
        let wanted = wanted.clone();
        async move {
            loop {
                let change = match next(&mut receiver).await? {
                    None => QueueChange { application_id: None, refetch: true },
                    Some(heard) if heard.data["unit"].as_str() == Some(wanted.as_str()) => {
                        view::may_hear_queue(&ctx.portal, &ctx.actor, unit).await.ok()?;
                        QueueChange { application_id: Some(ids::encode(ApplicationId(heard.object_id))), refetch: false }
                    }
                    Some(_) => continue,
                };
                return Some((change, (ctx, receiver)));
            }
        }
    })
}

/// What can be listened to.
#[derive(Default)]
pub struct ApplicationSubscription;

/// What can be listened to.
#[Subscription]
impl ApplicationSubscription {
    /// Each change of a case that the viewer may see.
    async fn application_changed(&self, ctx: &Context<'_>, #[graphql(desc = "The case.")] id: ID) -> Result<impl Stream<Item = ApplicationChange>, ApiError> {
        let id = ids::decode::<ApplicationId>(&id, "id")?;
        let bus = ctx.portal().part::<Bus>()?;
        let receiver = BroadcastStream::new(bus.listen());
        view::application(ctx.portal(), ctx.actor(), id).await?;
        Ok(changes(ctx.ctx().clone(), id, receiver))
    }

    /// Each change in the queue of a unit.
    async fn work_queue_changed(&self, ctx: &Context<'_>, #[graphql(desc = "The unit.")] unit_id: ID) -> Result<impl Stream<Item = QueueChange>, ApiError> {
        let unit = ids::decode::<UnitId>(&unit_id, "unitId")?;
        let bus = ctx.portal().part::<Bus>()?;
        let receiver = BroadcastStream::new(bus.listen());
        view::may_hear_queue(ctx.portal(), ctx.actor(), unit).await?;
        Ok(queue_changes(ctx.ctx().clone(), unit, receiver))
    }
}
