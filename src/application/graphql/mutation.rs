//! Root fields that write.

use async_graphql::{Context, ID, InputObject, Object};

use crate::api::context::ContextExt;
use crate::api::error::{ApiError, UserError, payload};
use crate::api::ids;
use crate::api::scalars::{Instant, Json};
use crate::application::graphql::types::{
    AcceptApplicationPayload, Application, ClaimApplicationPayload, CompleteStepPayload, CreateCaseDownloadPayload, DecideApplicationPayload,
    MarkOriginalSeenPayload, Order, RecordDeliveryPayload, RefuseAcceptancePayload, ReleaseApplicationPayload, SaveCartPayload, SubmitCartPayload,
    WithdrawApplicationPayload,
};
use crate::application::model::event::{Decision, DeliveryChannel, StepOutcome};
use crate::application::model::order::{Line, SaveCart, SubmitCart};
use crate::application::service::papers::{self, Paper};
use crate::application::service::work::{self, Target};
use crate::application::service::{cart, submit, view};
use crate::catalogue::model::offering::Channel;
use crate::kernel::fault::Refused;
use crate::kernel::ids::{ApplicationId, DocumentVersionId, OrderId};

/// A document for a material.
#[derive(InputObject, Debug)]
pub struct MaterialInput {
    /// Key of the material, as the item version names it.
    pub key: String,
    /// The document version.
    pub document_version_id: ID,
}

/// One line of a cart.
#[derive(InputObject, Debug)]
pub struct CartLineInput {
    /// The draft to keep; leave out for a new line.
    pub application_id: Option<ID>,
    /// The service item.
    pub item_id: ID,
    /// Region in which it is asked for (GB/T 2260), for example `440100`.
    pub region_code: Option<String>,
    /// Zone, for example `NANSHA`.
    pub zone_code: Option<String>,
    /// Talent category.
    pub category: Option<String>,
    /// Answers of the form; they may be incomplete until the cart is handed in.
    pub answers: Json,
    /// Documents by material.
    #[graphql(default)]
    pub materials: Vec<MaterialInput>,
    /// Members of the family for whom it is, besides the applicant.
    #[graphql(default)]
    pub beneficiary_ids: Vec<ID>,
}

/// Input of `saveCart`.
#[derive(InputObject, Debug)]
pub struct SaveCartInput {
    /// 16 to 64 characters, new for each intent; the same again gives the same cart.
    pub idempotency_key: String,
    /// The cart to change; leave out for a new one.
    pub order_id: Option<ID>,
    /// Its version, when it is changed.
    pub expected_version: Option<i64>,
    /// For whom, when an officer or an agent fills it.
    pub applicant_id: Option<ID>,
    /// The mandate under which an agent acts.
    pub mandate_id: Option<ID>,
    /// How it comes in; ONLINE by default. An officer who fills it for a walk-in says WINDOW or POST; nobody else does.
    pub channel: Option<Channel>,
    /// All lines: those left out are removed.
    pub lines: Vec<CartLineInput>,
}

/// Input of `submitCart`.
#[derive(InputObject, Debug)]
pub struct SubmitCartInput {
    /// 16 to 64 characters, new for each intent; the same again gives the same order.
    pub idempotency_key: String,
    /// The cart.
    pub order_id: ID,
    /// Its version.
    pub expected_version: i64,
    /// For window and post: when the papers truly arrived. Never in the future; a reason is needed.
    pub received_at: Option<Instant>,
    /// Why that was before now.
    pub received_reason: Option<String>,
}

/// Input of `createCaseDownload`.
#[derive(InputObject, Debug)]
pub struct CreateCaseDownloadInput {
    /// The case.
    pub application_id: ID,
    /// The version, as the materials of the case name it.
    pub document_version_id: ID,
}

/// Input of `markOriginalSeen`.
#[derive(InputObject, Debug)]
pub struct MarkOriginalSeenInput {
    /// The case.
    pub application_id: ID,
    /// The version that was compared, as the materials of the case name it.
    pub document_version_id: ID,
    /// The version of the case that the viewer saw; another one is a CONFLICT.
    pub expected_version: i64,
}

fn paper(application: &ID, version: &ID) -> Result<Paper, ApiError> {
    Ok(Paper { application: ids::decode(application, "input.applicationId")?, version: ids::decode(version, "input.documentVersionId")? })
}

inputs! {
    /// Input of `claimApplication`.
    ClaimApplicationInput {}
    /// Input of `releaseApplication`.
    ReleaseApplicationInput {}
    /// Input of `acceptApplication`.
    AcceptApplicationInput {}
    /// Input of `withdrawApplication`.
    WithdrawApplicationInput {}
    /// Input of `refuseAcceptance`.
    RefuseAcceptanceInput {
        /// The reason, as the applicant reads it.
        reason: String,
    }
    /// Input of `completeStep`.
    CompleteStepInput {
        /// The step that the viewer means.
        step_key: String,
        /// Its outcome.
        outcome: StepOutcome,
        /// What staff of the case shall know of it, at most 2000 characters; needed for NEGATIVE.
        reason: Option<String>,
    }
    /// Input of `decideApplication`.
    DecideApplicationInput {
        /// The decision.
        decision: Decision,
        /// The reason, as the applicant reads it; needed for a refusal, and for an approval against a step that advised
        /// against it.
        reason: Option<String>,
    }
    /// Input of `recordDelivery`.
    RecordDeliveryInput {
        /// How it was delivered.
        channel: DeliveryChannel,
    }
}

/// The case anew after an action, as its payload.
pub(super) async fn reread<P: From<(Option<Application>, Vec<UserError>)>>(
    ctx: &Context<'_>,
    result: Result<ApplicationId, Refused>,
) -> Option<Result<P, ApiError>> {
    let result = match result {
        Ok(id) => view::application(ctx.portal(), ctx.actor(), id).await.map(|loaded| Application::of(loaded, ctx.portal().env.now())).map_err(Refused::from),
        Err(refused) => Err(refused),
    };
    payload(ctx.ctx(), result, |application| (Some(application), Vec::new()).into(), |errors| (None, errors).into())
}

fn save_command(input: &SaveCartInput) -> Result<SaveCart, ApiError> {
    let line = |(at, line): (usize, &CartLineInput)| -> Result<Line, ApiError> {
        let path = format!("input.lines.{at}");
        Ok(Line {
            application: ids::decode_option(line.application_id.as_ref(), &format!("{path}.applicationId"))?,
            item: ids::decode(&line.item_id, &format!("{path}.itemId"))?,
            region: line.region_code.clone(),
            zone: line.zone_code.clone(),
            category: line.category.clone(),
            answers: line.answers.0.clone(),
            materials: line
                .materials
                .iter()
                .enumerate()
                .map(|(m, material)| {
                    Ok((
                        material.key.clone(),
                        ids::decode::<DocumentVersionId>(&material.document_version_id, &format!("{path}.materials.{m}.documentVersionId"))?,
                    ))
                })
                .collect::<Result<_, ApiError>>()?,
            beneficiaries: ids::decode_list(&line.beneficiary_ids, &format!("{path}.beneficiaryIds"))?,
        })
    };
    Ok(SaveCart {
        order: ids::decode_option(input.order_id.as_ref(), "input.orderId")?,
        expected_version: input.expected_version,
        applicant: ids::decode_option(input.applicant_id.as_ref(), "input.applicantId")?,
        mandate: ids::decode_option(input.mandate_id.as_ref(), "input.mandateId")?,
        channel: input.channel.unwrap_or(Channel::Online),
        lines: input.lines.iter().enumerate().map(line).collect::<Result<_, ApiError>>()?,
    })
}

async fn order_of(ctx: &Context<'_>, result: Result<OrderId, Refused>) -> Result<Order, Refused> {
    Ok(Order::of(view::order(ctx.portal(), ctx.actor(), result?).await?))
}

/// Root fields of orders and cases that write.
#[derive(Default)]
pub struct ApplicationMutation;

/// Root fields of orders and cases that write.
#[Object]
impl ApplicationMutation {
    /// Makes a cart or replaces its lines. Nothing is handed in yet. User errors: MALFORMED, TOO_LONG, TOO_MANY,
    /// REQUIRED, NOT_ALLOWED, NOT_FOUND, NOT_OFFERED, CART_EMPTY, MANDATE_INVALID, MATERIAL_UNUSABLE, WRONG_STATE,
    /// CONFLICT, IDEMPOTENCY_KEY_REUSED.
    async fn save_cart(&self, ctx: &Context<'_>, #[graphql(desc = "The cart.")] input: SaveCartInput) -> Option<Result<SaveCartPayload, ApiError>> {
        let command = match save_command(&input) {
            Ok(command) => command,
            Err(error) => return Some(Err(error)),
        };
        let saved = cart::save_cart(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await;
        let result = order_of(ctx, saved).await;
        payload(
            ctx.ctx(),
            result,
            |order| SaveCartPayload { order: Some(order), user_errors: Vec::new() },
            |user_errors| SaveCartPayload { order: None, user_errors },
        )
    }

    /// Hands a cart in: all lines or none. Each line becomes a case with a number, a receipt and a clock of its own.
    /// User errors: CART_EMPTY, NOT_OFFERED, ASSURANCE_TOO_LOW, FORM_INVALID, MATERIAL_MISSING, MATERIAL_UNUSABLE,
    /// NOT_ELIGIBLE, OPEN_CASE_EXISTS, FULFILMENT_IMPOSSIBLE, CARD_EXISTS, CARD_NOT_ACTIVE, CARD_LOST, CARD_NOT_LOST,
    /// RENEWAL_NOT_OPEN, MANDATE_INVALID, NOT_ALLOWED, WRONG_STATE, CONFLICT; of a stated receipt REQUIRED, IN_FUTURE, TOO_EARLY, REASON_REQUIRED, TOO_LONG; MALFORMED,
    /// IDEMPOTENCY_KEY_REUSED.
    async fn submit_cart(&self, ctx: &Context<'_>, #[graphql(desc = "The cart.")] input: SubmitCartInput) -> Option<Result<SubmitCartPayload, ApiError>> {
        let order = match ids::decode::<OrderId>(&input.order_id, "input.orderId") {
            Ok(order) => order,
            Err(error) => return Some(Err(error)),
        };
        let command = SubmitCart {
            order,
            expected_version: input.expected_version,
            received_at: input.received_at.map(|at| at.0),
            received_reason: input.received_reason,
        };
        let submitted = submit::submit_cart(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            submitted,
            |order| SubmitCartPayload { order: Some(Order::of(order)), user_errors: Vec::new() },
            |user_errors| SubmitCartPayload { order: None, user_errors },
        )
    }

    /// Takes a case from the queue. Of many who try at once one wins. User errors: WRONG_STATE, OWN_CASE, NOT_ENTITLED,
    /// SAME_PERSON, WAITS_OUTSIDE, ALREADY_CLAIMED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn claim_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case.")] input: ClaimApplicationInput,
    ) -> Option<Result<ClaimApplicationPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::claim(ctx.portal(), ctx.actor(), target).await).await
    }

    /// Gives a case back to the queue; a supervisor may do it for somebody else. User errors: WRONG_STATE, OWN_CASE,
    /// NOT_ENTITLED, NOT_CLAIMED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn release_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case.")] input: ReleaseApplicationInput,
    ) -> Option<Result<ReleaseApplicationPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::release(ctx.portal(), ctx.actor(), target).await).await
    }

    /// Accepts a case (受理); the applicant gets a notice with the limits. User errors: WRONG_STATE, ALREADY_ACCEPTED,
    /// OWN_CASE, NOT_ENTITLED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn accept_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case.")] input: AcceptApplicationInput,
    ) -> Option<Result<AcceptApplicationPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::accept(ctx.portal(), ctx.actor(), target).await).await
    }

    /// Refuses acceptance (不予受理) with a reason; the applicant gets a document with the remedies. User errors:
    /// REASON_REQUIRED, TOO_LONG, WRONG_STATE, ALREADY_ACCEPTED, OWN_CASE, NOT_ENTITLED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn refuse_acceptance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the reason.")] input: RefuseAcceptanceInput,
    ) -> Option<Result<RefuseAcceptancePayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::refuse_acceptance(ctx.portal(), ctx.actor(), target, &input.reason).await).await
    }

    /// Finishes the step that is due. Who finished an earlier step may be barred. User errors: REASON_REQUIRED,
    /// TOO_LONG, WRONG_STATE, WRONG_STEP, OWN_CASE, NOT_ENTITLED, SAME_PERSON, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn complete_step(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case, the step and its outcome.")] input: CompleteStepInput,
    ) -> Option<Result<CompleteStepPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::complete_step(ctx.portal(), ctx.actor(), target, &input.step_key, (input.outcome, input.reason.as_deref())).await).await
    }

    /// Decides a case (决定). An approval gives its result, for example the card, in the same instant. User errors:
    /// REASON_REQUIRED, TOO_LONG, WRONG_STATE, STEP_DUE, OWN_CASE, NOT_ENTITLED, SAME_PERSON, CLAIMED_BY_ANOTHER,
    /// ADVISED_AGAINST, APPLICANT_NOT_VERIFIED, FULFILMENT_IMPOSSIBLE, CARD_EXISTS, CARD_NOT_ACTIVE, CARD_LOST,
    /// CARD_NOT_LOST, RENEWAL_NOT_OPEN, CONFLICT.
    async fn decide_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the decision.")] input: DecideApplicationInput,
    ) -> Option<Result<DecideApplicationPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::decide(ctx.portal(), ctx.actor(), target, input.decision, input.reason.as_deref()).await).await
    }

    /// Records that the decision reached the applicant (送达), which closes the case. User errors: WRONG_STATE, OWN_CASE,
    /// NOT_ENTITLED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn record_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the way.")] input: RecordDeliveryInput,
    ) -> Option<Result<RecordDeliveryPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::deliver(ctx.portal(), ctx.actor(), target, input.channel).await).await
    }

    /// Gives a link to a paper of a case, for the staff who work on it. User errors: NOT_FOUND, SCAN_PENDING, FILE_INFECTED.
    async fn create_case_download(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the paper.")] input: CreateCaseDownloadInput,
    ) -> Option<Result<CreateCaseDownloadPayload, ApiError>> {
        let paper = match paper(&input.application_id, &input.document_version_id) {
            Ok(paper) => paper,
            Err(error) => return Some(Err(error)),
        };
        let granted = papers::create_download(ctx.portal(), ctx.actor(), paper).await;
        payload(
            ctx.ctx(),
            granted,
            |granted| CreateCaseDownloadPayload { download: Some(granted.into()), user_errors: Vec::new() },
            |user_errors| CreateCaseDownloadPayload { download: None, user_errors },
        )
    }

    /// Records that a window officer compared a paper with its original. Once marked, it stays with who marked it first.
    /// User errors: NOT_FOUND, NOT_ENTITLED, WRONG_STATE, CONFLICT.
    async fn mark_original_seen(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the paper.")] input: MarkOriginalSeenInput,
    ) -> Option<Result<MarkOriginalSeenPayload, ApiError>> {
        let paper = match paper(&input.application_id, &input.document_version_id) {
            Ok(paper) => paper,
            Err(error) => return Some(Err(error)),
        };
        reread(ctx, papers::mark_original_seen(ctx.portal(), ctx.actor(), paper, input.expected_version).await).await
    }

    /// Withdraws a case (撤回) that is not decided yet. User errors: WRONG_STATE, NOT_ENTITLED, CONFLICT.
    async fn withdraw_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case.")] input: WithdrawApplicationInput,
    ) -> Option<Result<WithdrawApplicationPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::withdraw(ctx.portal(), ctx.actor(), target).await).await
    }
}
