//! Root fields that write what goes beyond the straight way of a case: notices and their answers, special procedures, longer
//! limits, returns, hand-overs, terminations.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, SimpleObject};

use crate::api::context::ContextExt;
use crate::api::error::{ApiError, UserError, payload};
use crate::api::ids;
use crate::api::scalars::Json;
use crate::application::graphql::mutation::reread;
use crate::application::graphql::types::Application;
use crate::application::model::event::{Procedure, TerminationReason};
use crate::application::model::request::{AskFor, AskedKind};
use crate::application::service::requests::{self, Answer};
use crate::application::service::view;
use crate::application::service::work::{self, Target};
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::UnitId;

/// What is asked for: one of these.
#[derive(OneofObject, Debug)]
pub enum AskedForInput {
    /// A material, by its key in the item version.
    MaterialKey(String),
    /// An answer of the form, by its JSON pointer.
    Pointer(String),
}

/// Something that the applicant is asked for.
#[derive(InputObject, Debug)]
pub struct RequestItemInput {
    /// What.
    pub what: AskedForInput,
    /// Why, as the applicant reads it; at most 500 characters.
    pub reason: String,
}

impl From<RequestItemInput> for AskFor {
    fn from(input: RequestItemInput) -> Self {
        let (kind, key) = match input.what {
            AskedForInput::MaterialKey(key) => (AskedKind::Material, key),
            AskedForInput::Pointer(pointer) => (AskedKind::Answer, pointer),
        };
        Self { kind, key, reason: input.reason }
    }
}

/// What is handed in for one thing that was asked for.
#[derive(InputObject, Debug)]
pub struct RequestAnswerInput {
    /// What was asked for, from `requests` of the case.
    pub item_id: ID,
    /// For a material: the documents that take the place of those before, at most 20.
    #[graphql(default)]
    pub document_version_ids: Vec<ID>,
    /// For an answer of the form: the new answer.
    pub answer: Option<Json>,
}

/// An answer that is corrected on the spot.
#[derive(InputObject, Debug)]
pub struct CorrectionInput {
    /// JSON pointer of the answer; one of `correctable` of the case.
    pub pointer: String,
    /// The right answer; null takes it away.
    pub answer: Json,
}

inputs! {
    /// Input of `requestSupplement`.
    RequestSupplementInput {
        /// All that is missing, at most 50: it is told once.
        items: Vec<RequestItemInput>,
        /// Working days that the applicant has, 1 to 60; by default those that the portal is set to.
        answer_days: Option<i32>,
        /// Why a second notice is needed; a supervisor says it.
        second_notice_reason: Option<String>,
    }
    /// Input of `answerSupplement`.
    AnswerSupplementInput {
        /// What is handed in now, at most 50; the rest may follow.
        items: Vec<RequestAnswerInput>,
    }
    /// Input of `correctAnswers`.
    CorrectAnswersInput {
        /// The corrections, at most 50.
        corrections: Vec<CorrectionInput>,
        /// Why, for the record.
        reason: String,
    }
    /// Input of `startSpecialProcedure`.
    StartSpecialProcedureInput {
        /// Which.
        procedure: Procedure,
        /// Working days that it takes at most, 1 to 60, as the applicant is told.
        at_most_days: i32,
        /// Why, as the applicant reads it.
        reason: String,
        /// For WAITING_FOR_APPLICANT: what is asked for.
        #[graphql(default)]
        items: Vec<RequestItemInput>,
    }
    /// Input of `endSpecialProcedure`.
    EndSpecialProcedureInput {}
    /// Input of `requestExtension`.
    RequestExtensionInput {
        /// Working days more, 1 to 10.
        days: i32,
        /// Why.
        reason: String,
    }
    /// Input of `decideExtension`.
    DecideExtensionInput {
        /// Whether it is granted.
        granted: bool,
        /// Why, as the applicant reads it where it is granted.
        reason: String,
    }
    /// Input of `returnToStep`.
    ReturnToStepInput {
        /// Key of the finished step that is to be done again.
        step_key: String,
        /// Why, for the staff of the case.
        reason: String,
    }
    /// Input of `handOverApplication`.
    HandOverApplicationInput {
        /// The unit that takes it, of the level of the one that has it.
        unit_id: ID,
        /// Why, for the staff of the case.
        reason: String,
    }
    /// Input of `terminateApplication`.
    TerminateApplicationInput {
        /// The kind of reason.
        cause: TerminationReason,
        /// The reason, as the applicant reads it.
        reason: String,
    }
}

payloads! {
    /// Result of telling what is missing.
    RequestSupplementPayload,
    /// Result of handing in what was asked for.
    AnswerSupplementPayload,
    /// Result of correcting answers.
    CorrectAnswersPayload,
    /// Result of beginning a special procedure.
    StartSpecialProcedurePayload,
    /// Result of ending a special procedure.
    EndSpecialProcedurePayload,
    /// Result of asking for longer limits.
    RequestExtensionPayload,
    /// Result of granting or declining longer limits.
    DecideExtensionPayload,
    /// Result of going back to an earlier step.
    ReturnToStepPayload,
    /// Result of handing a case over.
    HandOverApplicationPayload,
    /// Result of ending a case without a decision.
    TerminateApplicationPayload,
}

/// A number of days; one that is none at all is out of every bound.
fn days(given: i32) -> u32 {
    u32::try_from(given).unwrap_or(0)
}

fn answers(items: Vec<RequestAnswerInput>) -> Result<Vec<Answer>, ApiError> {
    let read = |(at, item): (usize, RequestAnswerInput)| {
        let path = format!("input.items.{at}");
        Ok(Answer {
            item: ids::decode(&item.item_id, &format!("{path}.itemId"))?,
            documents: ids::decode_list(&item.document_version_ids, &format!("{path}.documentVersionIds"))?,
            answer: item.answer.map(|answer| answer.0),
        })
    };
    items.into_iter().enumerate().map(read).collect()
}

/// Root fields of cases that go beyond the straight way.
#[derive(Default)]
pub struct DealingMutation;

/// Root fields of cases that go beyond the straight way.
#[Object]
impl DealingMutation {
    /// Tells the applicant, once, all that is missing, each with its reason (一次性告知). Her answer begins the period for
    /// acceptance anew; without one in time the case ends. A second notice is a supervisor's. User errors: REQUIRED,
    /// TOO_MANY, REASON_REQUIRED, TOO_LONG, NOT_FOUND, NOT_ALLOWED, SUPERVISOR_NEEDED, WRONG_STATE, ALREADY_ACCEPTED,
    /// OWN_CASE, NOT_ENTITLED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn request_supplement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and what is missing.")] input: RequestSupplementInput,
    ) -> Option<Result<RequestSupplementPayload, ApiError>> {
        let target = target!(input);
        let asked = input.items.into_iter().map(AskFor::from).collect();
        let answer_days = input.answer_days.map(days);
        let again = input.second_notice_reason.as_deref();
        reread(ctx, requests::request_supplement(ctx.portal(), ctx.actor(), target, asked, answer_days, again).await).await
    }

    /// Hands in what was asked for, by a notice before acceptance (补正) or while the case is under way: by the applicant, her
    /// agent, or an officer at the window for her. Each thing is closed as it comes. User errors: REQUIRED, TOO_MANY, NOT_ASKED_FOR,
    /// NOTHING_ASKED, SUPPLEMENT_LAPSED, MATERIAL_UNUSABLE, FORM_INVALID, NOT_ELIGIBLE, WRONG_STATE, OWN_CASE, NOT_ENTITLED,
    /// CONFLICT.
    async fn answer_supplement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and what is handed in.")] input: AnswerSupplementInput,
    ) -> Option<Result<AnswerSupplementPayload, ApiError>> {
        let target = target!(input);
        let given = match answers(input.items) {
            Ok(given) => given,
            Err(error) => return Some(Err(error)),
        };
        reread(ctx, requests::answer_request(ctx.portal(), ctx.actor(), target, given).await).await
    }

    /// Corrects answers with the applicant on the spot (当场更正), of those that `correctable` of the case names. What was
    /// answered before is kept. User errors: REQUIRED, TOO_MANY, NOT_CORRECTABLE, FORM_INVALID, REASON_REQUIRED, TOO_LONG, WRONG_STATE,
    /// OWN_CASE, NOT_ENTITLED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn correct_answers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the corrections.")] input: CorrectAnswersInput,
    ) -> Option<Result<CorrectAnswersPayload, ApiError>> {
        let target = target!(input);
        let corrections = input.corrections.into_iter().map(|correction| (correction.pointer, correction.answer.0)).collect();
        reread(ctx, requests::correct_answers(ctx.portal(), ctx.actor(), target, corrections, &input.reason).await).await
    }

    /// Begins a special procedure (特别程序): the limits stand, at most for the days that the applicant is told. User errors:
    /// REASON_REQUIRED, TOO_LONG, NOT_ALLOWED, REQUIRED, TOO_MANY, NOT_FOUND, PROCEDURE_RUNNING, WRONG_STATE, WAITS_OUTSIDE,
    /// STEP_DUE, SAME_PERSON, OWN_CASE, NOT_ENTITLED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn start_special_procedure(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the procedure.")] input: StartSpecialProcedureInput,
    ) -> Option<Result<StartSpecialProcedurePayload, ApiError>> {
        let target = target!(input);
        let procedure = (input.procedure, days(input.at_most_days));
        let asked = input.items.into_iter().map(AskFor::from).collect();
        reread(ctx, requests::start_procedure(ctx.portal(), ctx.actor(), target, procedure, &input.reason, asked).await).await
    }

    /// Ends the special procedure that is going on; the limits run again. User errors: NO_PROCEDURE, WRONG_STATE,
    /// WAITS_OUTSIDE, STEP_DUE, SAME_PERSON, OWN_CASE, NOT_ENTITLED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn end_special_procedure(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case.")] input: EndSpecialProcedureInput,
    ) -> Option<Result<EndSpecialProcedurePayload, ApiError>> {
        let target = target!(input);
        reread(ctx, requests::end_procedure(ctx.portal(), ctx.actor(), target).await).await
    }

    /// Asks for longer limits (申请延长), once for a case. User errors: NOT_ALLOWED, REASON_REQUIRED, TOO_LONG,
    /// EXTENSION_ASKED, EXTENSION_USED, LIMIT_PASSED, WRONG_STATE, WAITS_OUTSIDE, STEP_DUE, SAME_PERSON, OWN_CASE, NOT_ENTITLED,
    /// CLAIMED_BY_ANOTHER, CONFLICT.
    async fn request_extension(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the days.")] input: RequestExtensionInput,
    ) -> Option<Result<RequestExtensionPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::request_extension(ctx.portal(), ctx.actor(), target, days(input.days), &input.reason).await).await
    }

    /// Grants or declines longer limits, as an approver who did not ask for them; where they are granted the applicant gets a
    /// notice with the reason (延长办理期限告知书). User errors: REASON_REQUIRED, TOO_LONG, NO_EXTENSION, LIMIT_PASSED,
    /// SAME_PERSON, WRONG_STATE, OWN_CASE, NOT_ENTITLED, CONFLICT.
    async fn decide_extension(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the answer.")] input: DecideExtensionInput,
    ) -> Option<Result<DecideExtensionPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::decide_extension(ctx.portal(), ctx.actor(), target, input.granted, &input.reason).await).await
    }

    /// Sends a case back to an earlier step (退回), which is then due again with all after it. User errors: REASON_REQUIRED,
    /// TOO_LONG, WRONG_STEP, WRONG_STATE, WAITS_OUTSIDE, STEP_DUE, SAME_PERSON, OWN_CASE, NOT_ENTITLED, CLAIMED_BY_ANOTHER,
    /// CONFLICT.
    async fn return_to_step(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the step.")] input: ReturnToStepInput,
    ) -> Option<Result<ReturnToStepPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::return_to_step(ctx.portal(), ctx.actor(), target, &input.step_key, &input.reason).await).await
    }

    /// Hands a case to another unit of the same level (移送). User errors: REASON_REQUIRED, TOO_LONG, UNIT_UNFIT, WRONG_STATE,
    /// WAITS_OUTSIDE, STEP_DUE, SAME_PERSON, OWN_CASE, NOT_ENTITLED, CLAIMED_BY_ANOTHER, CONFLICT.
    async fn hand_over_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the unit.")] input: HandOverApplicationInput,
    ) -> Option<Result<HandOverApplicationPayload, ApiError>> {
        let target = target!(input);
        let unit = match ids::decode::<UnitId>(&input.unit_id, "input.unitId") {
            Ok(unit) => unit,
            Err(error) => return Some(Err(error)),
        };
        let handed = work::hand_over(ctx.portal(), ctx.actor(), target, unit, &input.reason).await;
        let seen = match handed {
            // Whoever handed it over may see it no more: then there is nothing to show.
            Ok(id) => match view::application(ctx.portal(), ctx.actor(), id).await {
                Ok(loaded) => Ok(Some(Application::of(loaded, ctx.portal().env.now()))),
                Err(Fault::NotFound) => Ok(None),
                Err(fault) => Err(Refused::from(fault)),
            },
            Err(refused) => Err(refused),
        };
        payload(ctx.ctx(), seen, |application| (application, Vec::new()).into(), |errors| (None, errors).into())
    }

    /// Ends a case without a decision (终止); the applicant gets a notice with the reason and the remedies. User errors:
    /// NOT_ALLOWED, REASON_REQUIRED, TOO_LONG, WRONG_STATE, OWN_CASE, NOT_ENTITLED, CONFLICT.
    async fn terminate_application(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and the reason.")] input: TerminateApplicationInput,
    ) -> Option<Result<TerminateApplicationPayload, ApiError>> {
        let target = target!(input);
        reread(ctx, work::terminate(ctx.portal(), ctx.actor(), target, input.cause, &input.reason).await).await
    }
}
