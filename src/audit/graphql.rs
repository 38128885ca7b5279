//! The trail in the API, for the audit administrator.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt;
use crate::api::error::ApiError;
use crate::api::ids;
use crate::api::scalars::{Instant, Json};
use crate::audit::model::{ActorKind, TrailRow};
use crate::audit::service;
use crate::kernel::ids::{AccountId, MandateId, PersonId, TypedId};

api_enum!(ActorKind, "ActorKind", "Who acted: a person, nobody signed in, or the portal itself.");

/// One row of the trail. It holds ids and codes, never personal values.
#[derive(SimpleObject, Clone, Debug)]
pub struct TrailEntry {
    /// Id of the row.
    pub id: ID,
    /// When it happened.
    pub at: Instant,
    /// Id of the request, as in the log and in the answer's `X-Request-Id`.
    pub request_id: String,
    /// Who acted, by kind.
    pub actor_kind: ActorKind,
    /// The person who acted.
    pub person_id: Option<ID>,
    /// Her account.
    pub account_id: Option<ID>,
    /// The principal, where a mandate was used.
    pub on_behalf_of_id: Option<ID>,
    /// The mandate that was used.
    pub mandate_id: Option<ID>,
    /// What was done, for example `SUBMIT_CART`.
    pub action: String,
    /// Kind of the object.
    pub object_kind: Option<String>,
    /// Raw id of the object, 32 hexadecimal digits: that of a row of `objectKind`, also of kinds that have no global id. Where there
    /// is one, it ends with these digits.
    pub object_id: Option<String>,
    /// The person whose data or case it is.
    pub subject_id: Option<ID>,
    /// `OK`, or the code of a refusal.
    pub result: String,
    /// An object of further ids and codes; which, follows from `action`.
    pub details: Json,
}

impl From<TrailRow> for TrailEntry {
    fn from(row: TrailRow) -> Self {
        Self {
            id: ids::encode(row.id),
            at: Instant(row.at),
            request_id: row.request_id,
            actor_kind: row.actor_kind,
            person_id: row.person_id.map(|id| ids::encode(PersonId::from_uuid(id))),
            account_id: row.account_id.map(|id| ids::encode(AccountId::from_uuid(id))),
            on_behalf_of_id: row.on_behalf_of.map(|id| ids::encode(PersonId::from_uuid(id))),
            mandate_id: row.mandate_id.map(|id| ids::encode(MandateId::from_uuid(id))),
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id.map(|id| id.simple().to_string()),
            subject_id: row.subject_id.map(|id| ids::encode(PersonId::from_uuid(id))),
            result: row.result,
            // What is no JSON was not written by the portal; whoever audits sees it as it is.
            details: Json(serde_json::from_str(&row.details).unwrap_or(serde_json::Value::String(row.details))),
        }
    }
}

/// Root fields of the slice.
#[derive(Default)]
pub struct AuditQuery;

/// Root fields of the trail.
#[Object]
impl AuditQuery {
    /// The trail, newest first. For the audit administrator only; everybody else gets FORBIDDEN.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn trail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only rows about this person.")] subject_id: Option<ID>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<TrailEntry>, ApiError>> {
        let read = async {
            let subject = ids::decode_option::<PersonId>(subject_id.as_ref(), "subjectId")?;
            let request = connection::request(ctx, first, after.as_deref(), service::TRAIL_ORDER, 1)?;
            let page = service::trail(ctx.portal(), ctx.actor(), None, subject, request).await?;
            Ok(connection::of(page, TrailEntry::from))
        };
        Some(read.await)
    }
}
