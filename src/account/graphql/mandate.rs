//! Mandates, for the API.

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::Answer;
use crate::account::model::mandate::{Mandate, MandateScope};
use crate::account::service::mandates::{self, GrantMandate};
use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt as _;
use crate::api::error::{ApiError, UserError, payload};
use crate::api::ids::{decode, encode};
use crate::api::scalars::Instant;
use crate::kernel::ids::PersonId;
use crate::person::graphql::{NamedPersonObject, named};

/// A mandate (授权委托): the agent may apply for the principal, for named items or all, until it ends.
#[derive(SimpleObject)]
#[graphql(name = "Mandate", complex)]
pub struct MandateObject {
    #[graphql(skip)]
    parties: (PersonId, PersonId),
    /// Global id, for `endMandate` and `saveCart`.
    id: ID,
    /// Who gave it, where that is a person.
    principal_id: Option<ID>,
    /// Who acts.
    agent_id: ID,
    /// Codes of the service items that it covers; `null` for all.
    item_codes: Option<Vec<String>>,
    /// From when.
    starts_at: Instant,
    /// When its term ends.
    ends_at: Instant,
    /// When it was withdrawn, by either of the two; `null` while it was not.
    withdrawn_at: Option<Instant>,
    /// Whether it holds now.
    in_force: bool,
}

impl MandateObject {
    fn of(mandate: Mandate, now: DateTime<Utc>) -> Self {
        Self {
            parties: (mandate.principal, mandate.agent),
            id: encode(mandate.id),
            principal_id: Some(encode(mandate.principal)),
            agent_id: encode(mandate.agent),
            in_force: mandate.holds_at(now),
            item_codes: match mandate.scope {
                MandateScope::All => None,
                MandateScope::Items(codes) => Some(codes),
            },
            starts_at: Instant(mandate.starts_at),
            ends_at: Instant(mandate.ends_at),
            withdrawn_at: mandate.withdrawn_at.map(Instant),
        }
    }
}

#[ComplexObject]
impl MandateObject {
    /// Who gave it, by name.
    async fn principal(&self, ctx: &Context<'_>) -> Option<Result<NamedPersonObject, ApiError>> {
        named(ctx, self.parties.0).await
    }

    /// Who acts, by name.
    async fn agent(&self, ctx: &Context<'_>) -> Option<Result<NamedPersonObject, ApiError>> {
        named(ctx, self.parties.1).await
    }
}

/// Queries about mandates.
#[derive(Default)]
pub struct MandateQuery;

#[Object]
impl MandateQuery {
    /// The mandates that the viewer gave or holds, newest first; those that ended are among them.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn my_mandates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<MandateObject>, ApiError>> {
        let read = async {
            let request = connection::request(ctx, first, after.as_deref(), mandates::MANDATE_ORDER, 1)?;
            let page = mandates::my_mandates(ctx.portal(), ctx.actor(), request).await?;
            let now = ctx.portal().env.now();
            Ok(connection::of(page, |mandate| MandateObject::of(mandate, now)))
        };
        Some(read.await)
    }
}

/// Gives a mandate.
#[derive(InputObject)]
pub struct GrantMandateInput {
    /// Who is to act for the viewer: the id of the person that she told.
    agent_id: ID,
    /// Codes of the service items, at most 50; `null` for all.
    item_codes: Option<Vec<String>>,
    /// When the term ends.
    ends_at: Instant,
    /// 16 to 64 characters, new for each new mandate.
    idempotency_key: String,
}

/// Withdraws a mandate.
#[derive(InputObject)]
pub struct EndMandateInput {
    /// The mandate.
    mandate_id: ID,
}

payloads! {
    /// Answer of `grantMandate`.
    GrantMandatePayload { /// The mandate.
        mandate: MandateObject }
    /// Answer of `endMandate`.
    EndMandatePayload { /// The mandate that ended.
        mandate: MandateObject }
}

/// Mutations of mandates.
#[derive(Default)]
pub struct MandateMutation;

#[Object]
impl MandateMutation {
    /// Lets another person apply for the viewer. Not by an agent for a third person: only the principal gives it. User
    /// errors: NOT_FOUND, NOT_ALLOWED, TOO_MANY, TOO_EARLY, TOO_LONG, MALFORMED, IDEMPOTENCY_KEY_REUSED.
    async fn grant_mandate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: GrantMandateInput,
    ) -> Answer<GrantMandatePayload> {
        let agent = read!(decode(&input.agent_id, "input.agentId"));
        let now = ctx.portal().env.now();
        let scope = input.item_codes.map_or(MandateScope::All, MandateScope::Items);
        let command = GrantMandate { agent, scope, ends_at: input.ends_at.0 };
        let done = mandates::grant_mandate(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await;
        payload(ctx.ctx(), done, |m| GrantMandatePayload::done(MandateObject::of(m, now)), GrantMandatePayload::refused)
    }

    /// Withdraws a mandate; the next request of the agent is refused. Principal and agent both may. User errors:
    /// NOT_FOUND, MANDATE_INVALID (it was withdrawn before).
    async fn end_mandate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: EndMandateInput,
    ) -> Answer<EndMandatePayload> {
        let id = read!(decode(&input.mandate_id, "input.mandateId"));
        let now = ctx.portal().env.now();
        let done = mandates::end_mandate(ctx.portal(), ctx.actor(), id).await;
        payload(ctx.ctx(), done, |m| EndMandatePayload::done(MandateObject::of(m, now)), EndMandatePayload::refused)
    }
}
