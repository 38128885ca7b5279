//! Second factors, for the API.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{Answer, client};
use crate::account::model::factor;
use crate::account::service::factors;
use crate::api::context::ContextExt as _;
use crate::api::error::{UserError, payload};
use crate::api::ids::{decode, encode};
use crate::api::scalars::Instant;
use crate::kernel::fault::Fault;
use crate::person::graphql::{NamedPersonObject, named};

crate::api_enum!(factor::FactorKind, "SecondFactorKind", "Kind of a second factor.");
crate::api_enum!(factor::FactorResetReason, "FactorResetReason", "Why security administration takes somebody's second factor away.");

/// A second factor of the viewer. Its secret was shown once, when it was enrolled.
#[derive(SimpleObject)]
pub struct SecondFactor {
    /// Global id, for `removeFactor`.
    id: ID,
    /// Kind.
    kind: factor::FactorKind,
    /// When it was enrolled.
    created_at: Instant,
    /// When a code of it was last taken.
    last_used_at: Option<Instant>,
}

impl From<factor::Factor> for SecondFactor {
    fn from(f: factor::Factor) -> Self {
        Self { id: encode(f.id), kind: f.kind, created_at: Instant(f.created_at), last_used_at: f.last_used_at.map(Instant) }
    }
}

/// The secret for an authenticator app. It is shown this once.
#[derive(SimpleObject)]
pub struct TotpEnrolment {
    /// The secret in base32, for an app into which it is typed (SHA-1, six digits, 30 seconds).
    secret: String,
    /// The same as `otpauth://…`, to be shown as a QR code.
    uri: String,
    /// Until when the first code must come.
    expires_at: Instant,
}

impl From<factor::Enrolment> for TotpEnrolment {
    fn from(e: factor::Enrolment) -> Self {
        Self { secret: e.secret, uri: e.uri, expires_at: Instant(e.expires_at) }
    }
}

/// Confirms a second factor.
#[derive(InputObject)]
pub struct CompleteTotpEnrolmentInput {
    /// The six digits that the authenticator app shows.
    code: String,
}

/// Takes a second factor away.
#[derive(InputObject)]
pub struct RemoveFactorInput {
    /// One of the viewer's factors.
    factor_id: ID,
}

/// Takes the second factors of somebody away.
#[derive(InputObject)]
pub struct ResetFactorsInput {
    /// Whose.
    person_id: ID,
    /// Why; it stands in the trail.
    reason: factor::FactorResetReason,
}

payloads! {
    /// Answer of `startTotpEnrolment`.
    StartTotpEnrolmentPayload { /// The secret, which is shown this once.
        enrolment: TotpEnrolment }
    /// Answer of `resetFactors`.
    ResetFactorsPayload { /// Whose factors were taken away.
        person: NamedPersonObject }
}

payloads! { viewer
    /// Answer of `completeTotpEnrolment`.
    CompleteTotpEnrolmentPayload { /// The factor.
        factor: SecondFactor }
    /// Answer of `removeFactor`.
    RemoveFactorPayload { /// The factor that was removed.
        removed_id: ID }
}

/// Mutations of second factors.
#[derive(Default)]
pub struct FactorMutation;

#[Object]
impl FactorMutation {
    /// Makes the secret of a second factor for an authenticator app. Nobody is asked for it before its first code came with
    /// `completeTotpEnrolment`; a second start takes the place of the first. Needs a session that began at most 15 minutes
    /// ago. User errors: ALREADY_EXISTS (a factor is confirmed).
    async fn start_totp_enrolment(&self, ctx: &Context<'_>) -> Answer<StartTotpEnrolmentPayload> {
        let done = factors::start_totp_enrolment(ctx.portal(), ctx.actor()).await;
        payload(ctx.ctx(), done, |e| StartTotpEnrolmentPayload::done(e.into()), StartTotpEnrolmentPayload::refused)
    }

    /// Confirms the second factor by a code of the app. This session counts as two-factor from now on: its tokens stay, roles
    /// of staff are in force, and it lasts no longer than 12 hours, or 30 minutes without `refreshSession`. All other sessions
    /// of the viewer end. User errors: CODE_INVALID.
    async fn complete_totp_enrolment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CompleteTotpEnrolmentInput,
    ) -> Answer<CompleteTotpEnrolmentPayload> {
        let done = factors::complete_totp_enrolment(ctx.portal(), ctx.actor(), &client(ctx), &input.code).await;
        payload(ctx.ctx(), done, |f| CompleteTotpEnrolmentPayload::done(f.into()), CompleteTotpEnrolmentPayload::refused)
    }

    /// Takes one of the viewer's second factors away. Roles of staff are out of force in this session, and all other sessions
    /// of the viewer end. Needs a session that began at most 15 minutes ago and has shown the factor (REAUTH_REQUIRED). User
    /// errors: NOT_FOUND.
    async fn remove_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RemoveFactorInput,
    ) -> Answer<RemoveFactorPayload> {
        let id = read!(decode(&input.factor_id, "input.factorId"));
        payload(
            ctx.ctx(),
            factors::remove_factor(ctx.portal(), ctx.actor(), id).await,
            |id| RemoveFactorPayload::done(encode(id)),
            RemoveFactorPayload::refused,
        )
    }

    /// Takes all second factors of somebody away who lost her device, and ends her sessions; she signs in by password and
    /// enrols anew. For security administration, not for oneself. User errors: NOT_FOUND (also: has none), NOT_ALLOWED.
    async fn reset_factors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: ResetFactorsInput,
    ) -> Answer<ResetFactorsPayload> {
        let person = read!(decode(&input.person_id, "input.personId"));
        let done = factors::reset_factors(ctx.portal(), ctx.actor(), person, input.reason).await;
        let whose = match done {
            Ok(id) => match named(ctx, id).await {
                Some(found) => Ok(read!(found)),
                None => Err(Fault::NotFound.into()),
            },
            Err(refused) => Err(refused),
        };
        payload(ctx.ctx(), whose, ResetFactorsPayload::done, ResetFactorsPayload::refused)
    }
}
