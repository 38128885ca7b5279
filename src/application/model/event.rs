//! What happens to a case: its events, as they are stored. Ids and codes only.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::application::model::clock::ClockMark;
use crate::catalogue::model::version::{StepDefinition, StepKindCode};
use crate::coded_enum;
use crate::kernel::ids::{OfferingId, PersonId, RequestedItemId, UnitId};
use crate::organisation::model::unit::UnitNode;

coded_enum! {
    /// What was decided (决定).
    pub enum Decision {
        /// 准予.
        Approved => "APPROVED",
        /// 不予.
        Refused => "REFUSED",
    }
}

coded_enum! {
    /// Outcome of one step.
    pub enum StepOutcome {
        /// Nothing speaks against approval; the employer confirms.
        Positive => "POSITIVE",
        /// Approval is advised against; the employer denies.
        Negative => "NEGATIVE",
    }
}

coded_enum! {
    /// A special procedure (特别程序): its time is not counted, and the applicant is told how long it takes at most.
    ///
    /// All but the last are those of 行政许可法 Art. 45.
    pub enum Procedure {
        /// 听证.
        Hearing => "HEARING",
        /// 招标.
        Tender => "TENDER",
        /// 拍卖.
        Auction => "AUCTION",
        /// 检验.
        Inspection => "INSPECTION",
        /// 检测.
        Testing => "TESTING",
        /// 检疫.
        Quarantine => "QUARANTINE",
        /// 鉴定.
        Appraisal => "APPRAISAL",
        /// 专家评审.
        ExpertReview => "EXPERT_REVIEW",
        /// What is asked of the applicant while the case is under way. A proposal of the portal: after acceptance nothing
        /// restarts the limits.
        WaitingForApplicant => "WAITING_FOR_APPLICANT",
    }
}

coded_enum! {
    /// Why a case ended without a decision (终止). A list of the portal's own.
    pub enum TerminationReason {
        /// The applicant did not hand in what a notice asked for.
        SupplementLapsed => "SUPPLEMENT_LAPSED",
        /// The applicant died, or the body that applied is no more.
        ApplicantGone => "APPLICANT_GONE",
        /// The item is given no more.
        ItemAbolished => "ITEM_ABOLISHED",
        /// What was asked for cannot be given any more.
        Impossible => "IMPOSSIBLE",
        /// For another reason, which the notice tells.
        Other => "OTHER",
    }
}

coded_enum! {
    /// How a decision or notice reaches the applicant (送达方式).
    pub enum DeliveryChannel {
        /// Shown in the portal.
        Online => "ONLINE",
        /// Handed over at the window.
        InPerson => "IN_PERSON",
        /// By post.
        Post => "POST",
    }
}

coded_enum! {
    /// Kind of an event.
    pub enum EventKind {
        /// Handed in.
        Submitted => "SUBMITTED",
        /// An officer took it.
        Claimed => "CLAIMED",
        /// It went back to the queue.
        Released => "RELEASED",
        /// An officer accepted it (受理).
        Accepted => "ACCEPTED",
        /// It counts as accepted because nobody answered in time.
        DeemedAccepted => "DEEMED_ACCEPTED",
        /// Acceptance was refused (不予受理).
        NotAccepted => "NOT_ACCEPTED",
        /// A step was finished.
        StepCompleted => "STEP_COMPLETED",
        /// It was decided.
        Decided => "DECIDED",
        /// The decision reached the applicant (送达).
        Delivered => "DELIVERED",
        /// The applicant withdrew.
        Withdrawn => "WITHDRAWN",
        /// The applicant was told what is missing (一次性告知).
        SupplementRequested => "SUPPLEMENT_REQUESTED",
        /// Something that was asked for was handed in (补正).
        RequestAnswered => "REQUEST_ANSWERED",
        /// Answers were corrected on the spot (当场更正).
        AnswersCorrected => "ANSWERS_CORRECTED",
        /// A special procedure began (特别程序); the limits stand.
        ProcedureStarted => "PROCEDURE_STARTED",
        /// It ended; the limits run again.
        ProcedureEnded => "PROCEDURE_ENDED",
        /// Longer limits were asked for.
        ExtensionRequested => "EXTENSION_REQUESTED",
        /// They were granted (延长).
        ExtensionGranted => "EXTENSION_GRANTED",
        /// They were declined.
        ExtensionDeclined => "EXTENSION_DECLINED",
        /// It went back to an earlier step (退回).
        Returned => "RETURNED",
        /// It was handed to another unit (移送).
        HandedOver => "HANDED_OVER",
        /// It ended without a decision (终止).
        Terminated => "TERMINATED",
        /// The clock passed a mark. The version of the case does not rise.
        ClockMarked => "CLOCK_MARKED",
    }
}

impl EventKind {
    /// Fields of the case that an event of this kind changes besides its version, as the API names them.
    pub const fn changes(self) -> &'static [&'static str] {
        match self {
            Self::Submitted => &["state", "number", "receivedAt"],
            Self::Claimed | Self::Released => &["claimed"],
            Self::Accepted | Self::DeemedAccepted => &["state", "step", "currentUnit", "acceptedAt"],
            Self::NotAccepted | Self::Delivered | Self::Withdrawn => &["state", "closedAt"],
            Self::StepCompleted => &["state", "step", "stepsDone", "currentUnit"],
            Self::Decided => &["state", "decision", "currentUnit", "decidedAt"],
            Self::SupplementRequested => &["state", "requests"],
            Self::RequestAnswered => &["state", "requests", "answers", "materials"],
            Self::AnswersCorrected => &["answers"],
            Self::ProcedureStarted | Self::ProcedureEnded => &["procedure", "requests", "promisedDueAt", "statutoryDueAt"],
            Self::ExtensionRequested | Self::ExtensionDeclined => &["extension"],
            Self::ExtensionGranted => &["extension", "promisedDueAt", "statutoryDueAt"],
            Self::Returned => &["state", "step", "stepsDone", "currentUnit"],
            Self::HandedOver => &["currentUnit", "receivingUnit"],
            Self::Terminated => &["state", "closedAt", "terminationReason"],
            Self::ClockMarked => &[],
        }
    }
}

/// A step as it was pinned at submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedStep {
    /// Key of the step.
    pub key: String,
    /// Kind of the step.
    pub kind: StepKindCode,
    /// The unit that works on it; `None` leaves the case where it is then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
}

/// The steps of a version as they are pinned: each goes to the unit of its level at or above the one that receives.
///
/// `lineage` is the receiving unit with those above it, nearest first. Where none has the level (东莞 and 中山 have no
/// districts) the step is done where the case is.
pub fn pin(steps: &[StepDefinition], lineage: &[UnitNode]) -> Vec<PinnedStep> {
    let unit = |step: &StepDefinition| lineage.iter().find(|unit| Some(unit.level) == step.unit_level).map(|unit| unit.id);
    steps.iter().map(|step| PinnedStep { key: step.key.clone(), kind: step.kind, unit: unit(step) }).collect()
}

/// What has happened to a case. Ids and codes only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Event {
    /// Handed in.
    Submitted {
        /// The offering that the case is pinned to.
        offering: OfferingId,
        /// The unit that received it.
        unit: UnitId,
        /// When it arrived, which for post and walk-ins may be before the event.
        received_at: DateTime<Utc>,
        /// The steps that were pinned.
        steps: Vec<PinnedStep>,
    },
    /// An officer took it.
    Claimed {
        /// The officer.
        by: PersonId,
    },
    /// It went back to the queue.
    Released,
    /// An officer accepted it.
    Accepted,
    /// It became accepted because nobody answered in time.
    DeemedAccepted {
        /// The lapse: since when that is true.
        at: DateTime<Utc>,
        /// The day of receipt from which the limits run.
        as_of: NaiveDate,
    },
    /// Acceptance was refused.
    NotAccepted,
    /// A step was finished.
    StepCompleted {
        /// Key of the step.
        key: String,
        /// Who finished it.
        by: PersonId,
        /// How.
        outcome: StepOutcome,
    },
    /// It was decided.
    Decided {
        /// How.
        decision: Decision,
        /// Who decided.
        by: PersonId,
    },
    /// The decision reached the applicant.
    Delivered {
        /// How.
        channel: DeliveryChannel,
    },
    /// The applicant withdrew.
    Withdrawn,
    /// The applicant was told what is missing.
    SupplementRequested {
        /// All that is asked for.
        items: Vec<RequestedItemId>,
        /// Working days for the answer.
        answer_days: u32,
    },
    /// Some of what was asked for was handed in.
    RequestAnswered {
        /// What.
        items: Vec<RequestedItemId>,
    },
    /// Answers were corrected on the spot.
    AnswersCorrected {
        /// JSON pointers of the answers.
        pointers: Vec<String>,
    },
    /// A special procedure began.
    ProcedureStarted {
        /// Which.
        procedure: Procedure,
        /// The most working days that it takes, as the applicant was told.
        at_most_days: u32,
        /// What is asked of the applicant, where it waits for her.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        items: Vec<RequestedItemId>,
    },
    /// It ended before its time was over.
    ProcedureEnded,
    /// Longer limits were asked for.
    ExtensionRequested {
        /// Working days more.
        days: u32,
        /// Who asked.
        by: PersonId,
    },
    /// They were granted.
    ExtensionGranted {
        /// Working days more, on each limit.
        days: u32,
    },
    /// They were declined.
    ExtensionDeclined,
    /// It went back to an earlier step.
    Returned {
        /// Key of the step that is due again.
        to: String,
        /// Who sent it back.
        by: PersonId,
    },
    /// It was handed to another unit.
    HandedOver {
        /// The unit that works on it from now on.
        to: UnitId,
    },
    /// It ended without a decision.
    Terminated {
        /// Why.
        reason: TerminationReason,
        /// Since when that is true.
        at: DateTime<Utc>,
    },
    /// The clock passed a mark.
    ClockMarked {
        /// Which.
        mark: ClockMark,
    },
}

impl Event {
    /// Whether somebody who saw the case before must see it anew before she acts. A mark of the clock changes nothing of it.
    pub(super) const fn raises_version(&self) -> bool {
        !matches!(self, Self::ClockMarked { .. })
    }

    /// The kind, as stored beside the payload.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Submitted { .. } => EventKind::Submitted,
            Self::Claimed { .. } => EventKind::Claimed,
            Self::Released => EventKind::Released,
            Self::Accepted => EventKind::Accepted,
            Self::DeemedAccepted { .. } => EventKind::DeemedAccepted,
            Self::NotAccepted => EventKind::NotAccepted,
            Self::StepCompleted { .. } => EventKind::StepCompleted,
            Self::Decided { .. } => EventKind::Decided,
            Self::Delivered { .. } => EventKind::Delivered,
            Self::Withdrawn => EventKind::Withdrawn,
            Self::SupplementRequested { .. } => EventKind::SupplementRequested,
            Self::RequestAnswered { .. } => EventKind::RequestAnswered,
            Self::AnswersCorrected { .. } => EventKind::AnswersCorrected,
            Self::ProcedureStarted { .. } => EventKind::ProcedureStarted,
            Self::ProcedureEnded => EventKind::ProcedureEnded,
            Self::ExtensionRequested { .. } => EventKind::ExtensionRequested,
            Self::ExtensionGranted { .. } => EventKind::ExtensionGranted,
            Self::ExtensionDeclined => EventKind::ExtensionDeclined,
            Self::Returned { .. } => EventKind::Returned,
            Self::HandedOver { .. } => EventKind::HandedOver,
            Self::Terminated { .. } => EventKind::Terminated,
            Self::ClockMarked { .. } => EventKind::ClockMarked,
        }
    }
}
