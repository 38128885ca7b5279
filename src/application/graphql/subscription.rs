//! Subscriptions: each event is checked, not only the start.

use std::sync::Arc;

use async_graphql::{Context, ID, SimpleObject, Subscription};
use futures_util::{Stream, StreamExt as _};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::account::service::sessions;
use crate::api::context::{ContextExt, Ctx, Resumed};
use crate::api::error::ApiError;
use crate::api::ids;
use crate::application::graphql::types::Application;
use crate::application::service::view;
use crate::audit::model::Announcement;
use crate::audit::service::Bus;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
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

/// What a listener hears next.
enum Heard {
    /// A case changed that she means.
    Change(Arc<Announcement>),
    /// Something may have been missed.
    Missed,
}

/// One listener: who she was when she began, and what she still has to be told first.
struct Listener {
    ctx: Ctx,
    receiver: BroadcastStream<Arc<Announcement>>,
    resumed: bool,
    ended: bool,
}

impl Listener {
    /// Begins to hear before the first look at the rights, so that nothing falls between.
    fn new(ctx: &Context<'_>) -> Result<Self, ApiError> {
        let receiver = BroadcastStream::new(ctx.portal().part::<Bus>()?.listen());
        Ok(Self { ctx: ctx.ctx().clone(), receiver, resumed: ctx.data_opt::<Resumed>().is_some(), ended: false })
    }

    /// The next change that `wanted` wants; `None` with the end of the bus.
    async fn next(&mut self, wanted: impl Fn(&Announcement) -> bool) -> Option<Heard> {
        if std::mem::take(&mut self.resumed) {
            return Some(Heard::Missed);
        }
        loop {
            match self.receiver.next().await? {
                Ok(heard) if heard.kind == "APPLICATION_CHANGED" && wanted(&heard) => return Some(Heard::Change(heard)),
                Ok(_) => {}
                Err(BroadcastStreamRecvError::Lagged(_)) => return Some(Heard::Missed),
            }
        }
    }

    /// The listener as she is at this moment: her session may be over, roles may have ended.
    async fn now(&self) -> Result<Actor, Fault> {
        sessions::actor_now(&self.ctx.portal, &self.ctx.actor).await
    }

    /// Whether she has the rights with which she began. Where they changed, what hangs below the event would be judged
    /// by the old ones, so that she is told to ask anew; the socket begins again with the new ones.
    fn is_as_before(&self, now: &Actor) -> bool {
        now.member == self.ctx.actor.member
    }
}

/// The stream of one listener: what `tell` makes of each change; the first error is the last that is heard.
fn stream<T, F>(listener: Listener, tell: F) -> impl Stream<Item = Result<T, ApiError>>
where
    F: AsyncFn(&mut Listener) -> Option<Result<T, Fault>>,
{
    futures_util::stream::unfold((listener, tell), async |(mut listener, tell)| {
        if listener.ended {
            return None;
        }
        let told = tell(&mut listener).await?;
        listener.ended = told.is_err();
        Some((told.map_err(ApiError::from), (listener, tell)))
    })
}

/// What can be listened to.
#[derive(Default)]
pub struct ApplicationSubscription;

/// What can be listened to.
#[Subscription]
impl ApplicationSubscription {
    /// Each change of a case that the viewer may see. It ends with an error once she may not any more.
    async fn application_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case.")] id: ID,
    ) -> Result<impl Stream<Item = Result<ApplicationChange, ApiError>>, ApiError> {
        let id = ids::decode::<ApplicationId>(&id, "id")?;
        let listener = Listener::new(ctx)?;
        view::application(ctx.portal(), ctx.actor(), id).await?;
        Ok(stream(listener, async move |listener: &mut Listener| {
            let heard = listener.next(|heard| heard.object_id == id.uuid()).await?;
            let look = async {
                let now = listener.now().await?;
                let loaded = view::application(&listener.ctx.portal, &now, id).await?;
                let missed = matches!(heard, Heard::Missed) || !listener.is_as_before(&now);
                Ok(ApplicationChange { application: (!missed).then(|| Application::of(loaded, listener.ctx.portal.env.now())), refetch: missed })
            };
            Some(look.await)
        }))
    }

    /// Each change in the queue of a unit, cases that leave it included. It ends with an error once the viewer may not read it any more.
    async fn work_queue_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The unit.")] unit_id: ID,
    ) -> Result<impl Stream<Item = Result<QueueChange, ApiError>>, ApiError> {
        let unit = ids::decode::<UnitId>(&unit_id, "unitId")?;
        let listener = Listener::new(ctx)?;
        view::may_hear_queue(ctx.portal(), ctx.actor(), unit).await?;
        let wanted = unit.uuid().to_string();
        Ok(stream(listener, async move |listener: &mut Listener| {
            let heard = listener.next(|heard| ["unit", "left"].iter().any(|unit| heard.data[unit].as_str() == Some(wanted.as_str()))).await?;
            let look = async {
                let now = listener.now().await?;
                view::may_hear_queue(&listener.ctx.portal, &now, unit).await?;
                Ok(match &heard {
                    Heard::Change(heard) => QueueChange { application_id: Some(ids::encode(ApplicationId(heard.object_id))), refetch: false },
                    Heard::Missed => QueueChange { application_id: None, refetch: true },
                })
            };
            Some(look.await)
        }))
    }
}
