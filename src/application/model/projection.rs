//! What is stored beside the events of a case, so that lists need not read them. `check projections` recomputes it.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::application::model::case::{Case, State};
use crate::application::model::clock::{Acceptance, ClockState, DueAt};
use crate::application::model::event::{Decision, TerminationReason};
use crate::catalogue::model::version::StepKindCode;
use crate::kernel::ids::{PersonId, UnitId};

/// The columns that follow from the events, the calendar and the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// State as the events tell it.
    pub state: State,
    /// Decision.
    pub decision: Option<Decision>,
    /// Finished steps.
    pub step_index: i32,
    /// The step that is due.
    pub step_key: Option<String>,
    /// Its kind.
    pub step_kind: Option<StepKindCode>,
    /// The unit that works on it.
    pub unit: Option<UnitId>,
    /// The unit that received it and answers for it.
    pub receiving_unit: Option<UnitId>,
    /// Number of the last event that changed it.
    pub version: i64,
    /// Number of the last event.
    pub last_seq: i64,
    /// Why it ended without a decision.
    pub termination_reason: Option<TerminationReason>,
    /// Who claimed it.
    pub claimed_by: Option<PersonId>,
    /// When.
    pub claimed_at: Option<DateTime<Utc>>,
    /// When acceptance took effect.
    pub accepted_at: Option<DateTime<Utc>>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// From when on it counts as accepted unless it is answered.
    pub deemed_at: Option<DateTime<Utc>>,
    /// End of the promised limit.
    pub promised_due_at: Option<DateTime<Utc>>,
    /// End of the statutory limit.
    pub statutory_due_at: Option<DateTime<Utc>>,
    /// From when on the limit counts as nearly passed.
    pub near_breach_at: Option<DateTime<Utc>>,
    /// When the clock brings something about by itself.
    pub next_clock_at: Option<DateTime<Utc>>,
    /// What is due next; [`never()`] where nothing is.
    pub due_at: DateTime<Utc>,
    /// Whether a date rests on a calendar that is not published yet.
    pub provisional: bool,
}

/// An instant after every other one, since sort keys are never null.
pub fn never() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(9999, 12, 31).map_or(DateTime::<Utc>::MAX_UTC, |day| day.and_time(NaiveTime::MIN).and_utc())
}

impl Projection {
    /// The projection of a case with its clock; a draft has none.
    pub fn of(case: &Case, clock: Option<&ClockState>) -> Self {
        let lapse = clock.and_then(|c| match c.acceptance {
            Acceptance::ByLapse { due, .. } => Some(due),
            _ => None,
        });
        let waits = clock.and_then(|c| match c.acceptance {
            Acceptance::AwaitingSupplement { lapses } => Some(lapses),
            _ => None,
        });
        let limits_run = matches!(case.state, State::Accepted | State::InReview | State::Received | State::Decided | State::Delivered);
        let limit = |due: Option<DueAt>| due.filter(|_| limits_run);
        let (promised, statutory) = (limit(clock.and_then(|c| c.promised)), limit(clock.and_then(|c| c.statutory)));
        let due = match case.state {
            State::Received => lapse,
            State::SupplementRequested => waits,
            State::Accepted | State::InReview => promised.or(statutory),
            State::Decided => clock.and_then(|c| c.delivery),
            State::Draft | State::NotAccepted | State::Delivered | State::Withdrawn | State::Terminated => None,
        };
        let timeline = case.timeline.as_ref();
        let step = case.pinned_step().filter(|_| matches!(case.state, State::Accepted | State::InReview));
        let deemed_at = (case.state == State::Received).then_some(lapse).flatten().map(|d| d.at);
        Self {
            state: case.state,
            decision: case.decision,
            step_index: i32::try_from(case.done.len()).unwrap_or(i32::MAX),
            step_key: step.map(|step| step.key.clone()),
            step_kind: step.map(|step| step.kind),
            unit: case.unit,
            receiving_unit: case.received_by,
            version: case.version,
            last_seq: case.seq,
            termination_reason: case.termination,
            claimed_by: case.claimed.map(|(by, _)| by),
            claimed_at: case.claimed.map(|(_, at)| at),
            accepted_at: case.accepted_at,
            decided_at: timeline.and_then(|t| t.decided_at),
            closed_at: timeline.and_then(|t| t.delivered_at.or(t.ended_at)),
            deemed_at,
            promised_due_at: promised.map(|d| d.at),
            statutory_due_at: statutory.map(|d| d.at),
            near_breach_at: clock.filter(|_| limits_run).and_then(|c| c.near_breach_at),
            next_clock_at: clock.and_then(|clock| case.next_mark(clock)).map(|(at, _)| at),
            due_at: due.map_or_else(never, |d| d.at),
            provisional: [due, promised, statutory].into_iter().flatten().any(|d| d.provisional),
        }
    }

    /// `stored` with the days of this one.
    #[must_use]
    pub fn days_into(&self, stored: &Self) -> Self {
        Self {
            deemed_at: self.deemed_at,
            promised_due_at: self.promised_due_at,
            statutory_due_at: self.statutory_due_at,
            near_breach_at: self.near_breach_at,
            next_clock_at: self.next_clock_at,
            due_at: self.due_at,
            provisional: self.provisional,
            ..stored.clone()
        }
    }
}
