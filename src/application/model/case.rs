//! The case (办件): its states, and what its events come to.
//!
//! A case is a fold over its events. What is stored beside them is a projection that `check projections` recomputes.

use chrono::{DateTime, Utc};

use crate::application::model::clock::{Acceptance, ClockMark, ClockState, Extension, Lapse, Pause, Supplement, Timeline};
use crate::application::model::event::{Decision, Event, PinnedStep, Procedure, StepOutcome, TerminationReason};
use crate::coded_enum;
use crate::kernel::ids::{OfferingId, PersonId, RequestedItemId, UnitId};

coded_enum! {
    /// State of a case (办件状态).
    pub enum State {
        /// In the cart, not submitted (暂存).
        Draft => "DRAFT",
        /// Received, not yet accepted (已收件).
        Received => "RECEIVED",
        /// The applicant was told what is missing (待补正).
        SupplementRequested => "SUPPLEMENT_REQUESTED",
        /// Accepted (已受理).
        Accepted => "ACCEPTED",
        /// Acceptance was refused (不予受理). Closed.
        NotAccepted => "NOT_ACCEPTED",
        /// Under review, at one of its steps (审查中).
        InReview => "IN_REVIEW",
        /// Decided (已决定).
        Decided => "DECIDED",
        /// The decision was delivered (已送达). Closed.
        Delivered => "DELIVERED",
        /// Withdrawn by the applicant (已撤回). Closed.
        Withdrawn => "WITHDRAWN",
        /// Ended without a decision (已终止). Closed.
        Terminated => "TERMINATED",
    }
}

impl State {
    /// Whether nothing can happen to the case any more.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Delivered | Self::NotAccepted | Self::Withdrawn | Self::Terminated)
    }

    /// Whether it is in the hands of the window: submitted and not closed.
    pub const fn is_open(self) -> bool {
        !self.is_closed() && !matches!(self, Self::Draft)
    }
}

/// Something asked of the applicant: a supplement notice, or what a special procedure waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Number of the event that asked.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it came before acceptance, so that its answer restarts the acceptance period.
    pub supplement: bool,
    /// All that is asked for.
    pub items: Vec<RequestedItemId>,
    /// What was handed in, and when.
    pub answered: Vec<(RequestedItemId, DateTime<Utc>)>,
    /// When nothing was waited for any more: all had arrived, or the procedure or the case had ended.
    pub closed_at: Option<DateTime<Utc>>,
}

impl Request {
    /// Whether an item is asked for and was not handed in.
    pub fn waits_for(&self, item: RequestedItemId) -> bool {
        self.closed_at.is_none() && self.items.contains(&item) && !self.answered.iter().any(|(answered, _)| *answered == item)
    }
}

/// A special procedure that is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenProcedure {
    /// Which.
    pub procedure: Procedure,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The most working days that it takes.
    pub at_most_days: u32,
}

/// What comes of longer limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionState {
    /// Somebody asked for so many working days.
    Asked {
        /// Working days more.
        days: u32,
        /// Who asked.
        by: PersonId,
    },
    /// They were granted; there is no second time.
    Granted {
        /// Working days more.
        days: u32,
    },
    /// They were declined, and may be asked for again.
    Declined,
}

/// What is true by the mere passing of time, although no event says so yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByTime {
    /// Nobody answered: accepted.
    Accepted(Lapse),
    /// A notice was not answered: ended.
    Terminated(DateTime<Utc>),
}

impl ByTime {
    /// The event that writes it down, and when it happened.
    pub const fn event(self) -> (Event, DateTime<Utc>) {
        match self {
            Self::Accepted(Lapse { at, as_of }) => (Event::DeemedAccepted { at, as_of }, at),
            Self::Terminated(at) => (Event::Terminated { reason: TerminationReason::SupplementLapsed, at }, at),
        }
    }

    const fn state(self) -> State {
        match self {
            Self::Accepted(_) => State::Accepted,
            Self::Terminated(_) => State::Terminated,
        }
    }
}

/// A finished step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDone {
    /// Key of the step.
    pub key: String,
    /// Who finished it.
    pub by: PersonId,
    /// How.
    pub outcome: StepOutcome,
    /// When.
    pub at: DateTime<Utc>,
}

/// A case as its events tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The state. Acceptance by lapse of time is asked of [`Case::effective`].
    pub state: State,
    /// Number of the last event.
    pub seq: i64,
    /// Number of the last event that changed the case; the version that clients send back.
    pub version: i64,
    /// The offering pinned at submission.
    pub offering: Option<OfferingId>,
    /// The unit that received it, and that delivers what was decided.
    pub received_by: Option<UnitId>,
    /// The unit that works on it: where it was received, then that of the step that is due, at last where it was received.
    pub unit: Option<UnitId>,
    /// The pinned steps.
    pub steps: Vec<PinnedStep>,
    /// The finished steps; their number is the cursor.
    pub done: Vec<StepDone>,
    /// Who claimed it, and when.
    pub claimed: Option<(PersonId, DateTime<Utc>)>,
    /// What the clock needs.
    pub timeline: Option<Timeline>,
    /// When acceptance took effect.
    pub accepted_at: Option<DateTime<Utc>>,
    /// The versions before and after the passing of time was written down the last time.
    pub lapse: Option<(i64, i64)>,
    /// The decision.
    pub decision: Option<Decision>,
    /// What was asked of the applicant, oldest first.
    pub requests: Vec<Request>,
    /// The special procedure that is going on.
    pub procedure: Option<OpenProcedure>,
    /// What came of longer limits, where they were asked for.
    pub extension: Option<ExtensionState>,
    /// Marks that the clock has passed, oldest first.
    pub marks: Vec<(ClockMark, DateTime<Utc>)>,
    /// Why it ended without a decision.
    pub termination: Option<TerminationReason>,
}

impl Case {
    /// A case before its first event.
    pub const fn draft() -> Self {
        Self {
            state: State::Draft,
            seq: 0,
            version: 0,
            offering: None,
            received_by: None,
            unit: None,
            steps: Vec::new(),
            done: Vec::new(),
            claimed: None,
            timeline: None,
            accepted_at: None,
            lapse: None,
            decision: None,
            requests: Vec::new(),
            procedure: None,
            extension: None,
            marks: Vec::new(),
            termination: None,
        }
    }

    /// The case after all its events, oldest first.
    pub fn fold<'a>(events: impl IntoIterator<Item = (&'a Event, DateTime<Utc>)>) -> Self {
        let mut case = Self::draft();
        for (event, at) in events {
            case.apply(event, at);
        }
        case
    }

    /// Applies one event that happened at `at`.
    pub fn apply(&mut self, event: &Event, at: DateTime<Utc>) {
        self.seq += 1;
        let before = self.version;
        if event.raises_version() {
            self.version = self.seq;
        }
        match event {
            Event::Submitted { offering, unit, received_at, steps } => {
                self.state = State::Received;
                self.offering = Some(*offering);
                (self.received_by, self.unit) = (Some(*unit), Some(*unit));
                self.steps.clone_from(steps);
                self.timeline = Some(Timeline { entered_at: at, ..Timeline::received(*received_at) });
            }
            Event::Claimed { by } => self.claimed = Some((*by, at)),
            Event::Released => self.claimed = None,
            Event::Accepted => {
                self.state = State::Accepted;
                self.claimed = None;
                self.accepted_at = Some(at);
                self.go_to_step();
                if let Some(timeline) = &mut self.timeline {
                    timeline.accepted_at = Some(at);
                    timeline.accepted_in_time = timeline.lapsed.is_none();
                }
            }
            Event::DeemedAccepted { at: lapse, as_of } => {
                self.state = State::Accepted;
                self.claimed = None;
                self.lapse = Some((before, self.version));
                self.accepted_at = Some(*lapse);
                self.go_to_step();
                if let Some(timeline) = &mut self.timeline {
                    timeline.lapsed = Some(Lapse { at: *lapse, as_of: *as_of });
                }
            }
            Event::NotAccepted => {
                self.state = State::NotAccepted;
                self.end(at);
            }
            Event::StepCompleted { key, by, outcome } => {
                self.state = State::InReview;
                // A step outside the unit takes the case from no officer; inside, only its claimer finishes one.
                self.claimed = self.claimed.filter(|(claimer, _)| claimer != by);
                self.done.push(StepDone { key: key.clone(), by: *by, outcome: *outcome, at });
                self.go_to_step();
            }
            Event::Decided { decision, .. } => {
                self.state = State::Decided;
                self.claimed = None;
                self.decision = Some(*decision);
                self.extension = self.extension.filter(|extension| !matches!(extension, ExtensionState::Asked { .. }));
                self.unit = self.received_by;
                if let Some(timeline) = &mut self.timeline {
                    timeline.decided_at = Some(at);
                }
            }
            Event::Delivered { .. } => {
                self.state = State::Delivered;
                self.claimed = None;
                if let Some(timeline) = &mut self.timeline {
                    timeline.delivered_at = Some(at);
                }
            }
            Event::Withdrawn => {
                self.state = State::Withdrawn;
                self.end(at);
            }
            Event::SupplementRequested { items, answer_days } => {
                self.state = State::SupplementRequested;
                self.claimed = None;
                self.ask(at, true, items);
                if let Some(timeline) = &mut self.timeline {
                    timeline.supplements.push(Supplement { requested_at: at, answer_days: *answer_days, answered_at: None });
                }
            }
            Event::RequestAnswered { items } => self.answer(items, at),
            Event::AnswersCorrected { .. } => {}
            Event::ProcedureStarted { procedure, at_most_days, items } => {
                self.procedure = Some(OpenProcedure { procedure: *procedure, since: at, at_most_days: *at_most_days });
                if !items.is_empty() {
                    self.ask(at, false, items);
                }
                if let Some(timeline) = &mut self.timeline {
                    timeline.pauses.push(Pause { from: at, to: None, at_most_days: *at_most_days });
                }
            }
            Event::ProcedureEnded => self.resume(at),
            Event::ExtensionRequested { days, by } => self.extension = Some(ExtensionState::Asked { days: *days, by: *by }),
            Event::ExtensionGranted { days } => {
                self.extension = Some(ExtensionState::Granted { days: *days });
                if let Some(timeline) = &mut self.timeline {
                    timeline.extensions.push(Extension { at, promised_days: *days, statutory_days: *days });
                }
            }
            Event::ExtensionDeclined => self.extension = Some(ExtensionState::Declined),
            Event::Returned { to, .. } => {
                self.claimed = None;
                if let Some(kept) = self.done.iter().position(|done| done.key == *to) {
                    self.done.truncate(kept);
                }
                self.state = if self.done.is_empty() { State::Accepted } else { State::InReview };
                self.go_to_step();
            }
            Event::HandedOver { to } => {
                self.claimed = None;
                self.unit = Some(*to);
                match self.state {
                    // What is not accepted yet is answered for by whoever is competent.
                    State::Received | State::SupplementRequested => self.received_by = Some(*to),
                    _ => {
                        let due = self.done.len();
                        if let Some(step) = self.steps.get_mut(due) {
                            step.unit = Some(*to);
                        }
                    }
                }
            }
            Event::Terminated { reason, at: since } => {
                self.state = State::Terminated;
                self.termination = Some(*reason);
                if *reason == TerminationReason::SupplementLapsed {
                    self.lapse = Some((before, self.version));
                }
                self.end(*since);
            }
            Event::ClockMarked { mark } => {
                self.marks.push((*mark, at));
                // The time that was told is over: the clock runs again by itself.
                if *mark == ClockMark::PauseOver {
                    self.resume(at);
                }
            }
        }
    }

    fn ask(&mut self, at: DateTime<Utc>, supplement: bool, items: &[RequestedItemId]) {
        self.requests.push(Request { seq: self.seq, at, supplement, items: items.to_vec(), answered: Vec::new(), closed_at: None });
    }

    fn answer(&mut self, items: &[RequestedItemId], at: DateTime<Utc>) {
        let Some(request) = self.requests.last_mut() else { return };
        request.answered.extend(items.iter().map(|item| (*item, at)));
        if request.answered.len() < request.items.len() {
            return;
        }
        request.closed_at = Some(at);
        if !request.supplement {
            return self.resume(at);
        }
        self.state = State::Received;
        if let Some(supplement) = self.timeline.as_mut().and_then(|timeline| timeline.supplements.last_mut()) {
            supplement.answered_at = Some(at);
        }
    }

    /// The limits run again.
    fn resume(&mut self, at: DateTime<Utc>) {
        self.procedure = None;
        self.close_request(at);
        if let Some(pause) = self.timeline.as_mut().and_then(|timeline| timeline.pauses.last_mut()) {
            pause.to = pause.to.or(Some(at));
        }
    }

    fn close_request(&mut self, at: DateTime<Utc>) {
        if let Some(request) = self.requests.last_mut() {
            request.closed_at = request.closed_at.or(Some(at));
        }
    }

    fn end(&mut self, at: DateTime<Utc>) {
        self.claimed = None;
        self.procedure = None;
        self.close_request(at);
        self.extension = self.extension.filter(|extension| !matches!(extension, ExtensionState::Asked { .. }));
        if let Some(timeline) = &mut self.timeline {
            timeline.ended_at = Some(at);
        }
    }

    /// The step that is due, as it was pinned.
    pub fn pinned_step(&self) -> Option<&PinnedStep> {
        self.steps.get(self.done.len())
    }

    /// The key of the step that is due, if one is.
    pub fn step(&self) -> Option<&str> {
        self.pinned_step().map(|step| step.key.as_str())
    }

    /// After the last step the case stays where it is, for the decision.
    fn go_to_step(&mut self) {
        if let Some(unit) = self.pinned_step().and_then(|step| step.unit) {
            self.unit = Some(unit);
        }
    }

    /// What is asked of the applicant and not handed in.
    pub fn open_request(&self) -> Option<&Request> {
        self.requests.last().filter(|request| request.closed_at.is_none())
    }

    /// What is true at `now` by the mere passing of time, although no event says so yet.
    pub fn by_time(&self, clock: &ClockState, now: DateTime<Utc>) -> Option<ByTime> {
        match (self.state, clock.acceptance) {
            (State::Received, Acceptance::ByLapse { due, as_of }) if due.at <= now => Some(ByTime::Accepted(Lapse { at: due.at, as_of })),
            (State::SupplementRequested, Acceptance::AwaitingSupplement { lapses }) if lapses.at <= now => Some(ByTime::Terminated(lapses.at)),
            _ => None,
        }
    }

    /// The acceptance by lapse of time that is true at `now` although no event says so yet.
    pub fn lapsed(&self, clock: &ClockState, now: DateTime<Utc>) -> Option<Lapse> {
        match self.by_time(clock, now) {
            Some(ByTime::Accepted(lapse)) => Some(lapse),
            _ => None,
        }
    }

    /// What the clock brings about next by itself. Each mark once: one that moved to an earlier instant than that at which it
    /// was passed is not passed again, one that moved to a later one is.
    pub fn next_mark(&self, clock: &ClockState) -> Option<(DateTime<Utc>, ClockMark)> {
        let ahead = |(at, mark): &(DateTime<Utc>, ClockMark)| {
            let matters = match mark {
                ClockMark::DeemedAcceptance => self.state == State::Received,
                ClockMark::SupplementReminder | ClockMark::SupplementLapse => self.state == State::SupplementRequested,
                ClockMark::NearBreach | ClockMark::PromisePassed | ClockMark::StatutePassed => matches!(self.state, State::Accepted | State::InReview),
                ClockMark::PauseOver => self.procedure.is_some(),
                ClockMark::DeliveryPassed => self.state == State::Decided,
            };
            matters && !self.marks.iter().any(|(passed, when)| passed == mark && when >= at)
        };
        clock.marks().into_iter().filter(ahead).min()
    }

    /// Whether a client that saw `version` has seen everything that anybody did. That time has passed since, and that
    /// the portal has written it down, is nobody's change.
    pub fn is_seen(&self, version: i64) -> bool {
        version == self.version || self.lapse == Some((version, self.version))
    }

    /// Whether a case whose effective state is `state` is under way because nobody answered in time.
    pub(super) fn accepted_by_lapse(&self, state: State) -> bool {
        matches!(state, State::Accepted | State::InReview) && self.timeline.as_ref().is_some_and(|t| t.accepted_at.is_none())
    }

    /// Whether a case whose effective state is `state` has ended because a notice was not answered.
    pub(super) fn supplement_lapsed(&self, state: State) -> bool {
        state == State::Terminated && (self.state != state || self.termination == Some(TerminationReason::SupplementLapsed))
    }

    /// The state that holds at `now`.
    pub fn effective(&self, clock: &ClockState, now: DateTime<Utc>) -> State {
        self.by_time(clock, now).map_or(self.state, ByTime::state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::model::event::DeliveryChannel;
    use crate::catalogue::model::version::StepKindCode;
    use uuid::Uuid;

    const OFFICER: PersonId = PersonId(Uuid::from_u128(2));
    const OTHER: PersonId = PersonId(Uuid::from_u128(3));

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::hours(hour)
    }

    fn submitted() -> Event {
        Event::Submitted {
            offering: OfferingId(Uuid::from_u128(5)),
            unit: UnitId(Uuid::from_u128(6)),
            received_at: at(0),
            steps: ["employer", "review"].map(|key| PinnedStep { key: key.into(), kind: StepKindCode::Review, unit: None }).into(),
        }
    }

    #[test]
    fn the_events_of_a_whole_case_lead_from_draft_to_delivery() {
        let events = [
            submitted(),
            Event::Claimed { by: OFFICER },
            Event::Accepted,
            Event::StepCompleted { key: "employer".into(), by: OTHER, outcome: StepOutcome::Positive },
            Event::StepCompleted { key: "review".into(), by: OFFICER, outcome: StepOutcome::Positive },
            Event::Decided { decision: Decision::Approved, by: OTHER },
            Event::Delivered { channel: DeliveryChannel::Online },
        ];
        let case = Case::fold(events.iter().zip(0..).map(|(e, h)| (e, at(h))));
        assert_eq!((case.state, case.version, case.step(), case.decision), (State::Delivered, 7, None, Some(Decision::Approved)));
        assert_eq!(case.timeline.unwrap().decided_at, Some(at(5)));
    }

    #[test]
    fn a_case_goes_to_the_unit_of_each_step_and_back_for_the_delivery() {
        let [window, city, province] = [6, 7, 8].map(|id| UnitId(Uuid::from_u128(id)));
        let steps = [("employer", None), ("city", Some(city)), ("province", Some(province))];
        let steps = steps.map(|(key, unit)| PinnedStep { key: key.into(), kind: StepKindCode::Review, unit }).into();
        let submitted = Event::Submitted { offering: OfferingId(Uuid::from_u128(5)), unit: window, received_at: at(0), steps };
        let done = |key: &str| Event::StepCompleted { key: key.into(), by: OFFICER, outcome: StepOutcome::Positive };
        let mut case = Case::draft();
        let way = [
            (submitted, window),
            (Event::Accepted, window),
            (done("employer"), city),
            (done("city"), province),
            (done("province"), province),
            (Event::Decided { decision: Decision::Approved, by: OTHER }, window),
        ];
        for (event, unit) in way {
            case.apply(&event, at(1));
            assert_eq!(case.unit, Some(unit), "{event:?}");
        }
    }

    #[test]
    fn a_claim_ends_with_the_work_for_which_it_was_made() {
        let step = |key: &str, by| Event::StepCompleted { key: key.into(), by, outcome: StepOutcome::Positive };
        let mut case = Case::fold([(&submitted(), at(0)), (&Event::Claimed { by: OFFICER }, at(1)), (&Event::Accepted, at(2))]);
        assert_eq!(case.claimed, None);
        case.apply(&Event::Claimed { by: OFFICER }, at(3));
        case.apply(&step("employer", OTHER), at(4));
        assert_eq!(case.claimed, Some((OFFICER, at(3))), "the employer takes the case from nobody");
        case.apply(&step("review", OFFICER), at(5));
        assert_eq!(case.claimed, None);
        case.apply(&Event::Claimed { by: OTHER }, at(6));
        case.apply(&Event::Decided { decision: Decision::Refused, by: OTHER }, at(7));
        assert_eq!(case.claimed, None);
    }
}
