//! The case (办件): its states, its events, and the one transition table.
//!
//! A case is a fold over its events. What is stored beside them is a projection that `check projections` recomputes.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::application::model::clock::{Acceptance, ClockState, Lapse, Timeline};
use crate::catalogue::model::version::{StepDefinition, StepKindCode};
use crate::coded_enum;
use crate::kernel::ids::{OfferingId, PersonId, UnitId};
use crate::kernel::rejection::Code;
use crate::kernel::role::Role;
use crate::organisation::model::unit::{UnitLevel, UnitNode};

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
    /// What may be done with a case.
    pub enum Action {
        /// Hand in the cart.
        Submit => "SUBMIT",
        /// Take the case to work on it (领办).
        Claim => "CLAIM",
        /// Give it back to the queue.
        Release => "RELEASE",
        /// Accept (受理).
        Accept => "ACCEPT",
        /// Refuse acceptance (不予受理).
        RefuseAcceptance => "REFUSE_ACCEPTANCE",
        /// Finish the present step.
        CompleteStep => "COMPLETE_STEP",
        /// Decide (决定).
        Decide => "DECIDE",
        /// Record the delivery of the decision (送达).
        Deliver => "DELIVER",
        /// Withdraw (撤回).
        Withdraw => "WITHDRAW",
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
}

impl Event {
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
    /// Number of the last event; the version that clients send back.
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
    /// The version in which acceptance by lapse of time was written down, if it was.
    pub lapse_version: Option<i64>,
    /// The decision.
    pub decision: Option<Decision>,
}

impl Case {
    /// A case before its first event.
    pub const fn draft() -> Self {
        Self {
            state: State::Draft,
            version: 0,
            offering: None,
            received_by: None,
            unit: None,
            steps: Vec::new(),
            done: Vec::new(),
            claimed: None,
            timeline: None,
            accepted_at: None,
            lapse_version: None,
            decision: None,
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
        self.version += 1;
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
                self.lapse_version = Some(self.version);
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
        }
    }

    fn end(&mut self, at: DateTime<Utc>) {
        self.claimed = None;
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

    /// The acceptance by lapse of time that is true at `now` although no event says so yet.
    pub fn lapsed(&self, clock: &ClockState, now: DateTime<Utc>) -> Option<Lapse> {
        match clock.acceptance {
            Acceptance::ByLapse { due, as_of } if self.state == State::Received && due.at <= now => Some(Lapse { at: due.at, as_of }),
            _ => None,
        }
    }

    /// Whether a client that saw `version` has seen everything that anybody did. That time has passed since, and that
    /// the portal has written it down, is nobody's change.
    pub fn is_seen(&self, version: i64) -> bool {
        version == self.version || (version + 1 == self.version && self.lapse_version == Some(self.version))
    }

    /// Whether a case whose effective state is `state` is under way because nobody answered in time.
    fn accepted_by_lapse(&self, state: State) -> bool {
        matches!(state, State::Accepted | State::InReview) && self.timeline.as_ref().is_some_and(|t| t.accepted_at.is_none())
    }

    /// The state that holds at `now`.
    pub fn effective(&self, clock: &ClockState, now: DateTime<Utc>) -> State {
        if self.lapsed(clock, now).is_some() { State::Accepted } else { self.state }
    }
}

/// The one transition table: in which states an action may be done.
///
/// Who may do it, the step and the claim are asked besides, in [`may`].
pub const fn allowed_in(action: Action) -> &'static [State] {
    match action {
        Action::Submit => &[State::Draft],
        Action::Claim => &[State::Received, State::SupplementRequested, State::Accepted, State::InReview, State::Decided],
        Action::Release => &[State::Received, State::SupplementRequested, State::Accepted, State::InReview, State::Decided],
        Action::Accept => &[State::Received],
        Action::RefuseAcceptance => &[State::Received, State::SupplementRequested],
        Action::CompleteStep => &[State::Accepted, State::InReview],
        Action::Decide => &[State::Accepted, State::InReview],
        Action::Deliver => &[State::Decided],
        // A draft is no case yet: its line is taken out of the cart.
        Action::Withdraw => &[State::Received, State::SupplementRequested, State::Accepted, State::InReview],
    }
}

/// A pinned step as far as the rules of the engine need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepRule<'a> {
    /// Role that may finish it.
    pub role: Role,
    /// Level of the unit for which the role must be held; `None`: any that reaches the case.
    pub level: Option<UnitLevel>,
    /// Keys of steps whose finisher may not finish this one.
    pub not_same_person_as: &'a [String],
    /// Whether it is finished outside the unit, by the employer's confirmer.
    pub outside: bool,
}

/// On whose side somebody stands who asks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// She is the applicant.
    Applicant,
    /// She acts for the applicant under a mandate.
    Agent,
    /// She fills the cart of a walk-in.
    Window,
}

impl Side {
    /// The role in which she acts, whatever else she is.
    pub const fn role(self) -> Role {
        match self {
            Self::Applicant => Role::Talent,
            Self::Agent => Role::Agent,
            Self::Window => Role::WindowOfficer,
        }
    }
}

/// Who wants to act.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The person.
    pub person: PersonId,
    /// On which side she asks for it, if she does.
    pub side: Option<Side>,
    /// Whether it is for her besides the applicant.
    pub beneficiary: bool,
    /// Staff roles that reach the unit of the case.
    pub roles: &'a [Role],
    /// Levels of the units for which she holds them.
    pub levels: &'a [(Role, UnitLevel)],
    /// Whether she may confirm for the employer named in the form.
    pub confirms: bool,
}

/// Roles that work on cases.
const OFFICERS: [Role; 4] = [Role::WindowOfficer, Role::Reviewer, Role::Approver, Role::Supervisor];

impl Who<'_> {
    fn holds(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|held| roles.contains(held))
    }

    /// One of these roles, in the order of preference.
    fn holds_one(&self, roles: &[Role]) -> Result<Role, Code> {
        roles.iter().copied().find(|role| self.roles.contains(role)).ok_or(Code::NotEntitled)
    }

    /// The role in which she finishes a step.
    fn finishes(&self, case: &Case, step: StepRule<'_>) -> Result<Role, Code> {
        let entitled = match (step.outside, step.level) {
            (true, _) => self.confirms,
            (false, None) => self.holds(&[step.role]),
            (false, Some(level)) => self.levels.contains(&(step.role, level)),
        };
        if !entitled {
            return Err(Code::NotEntitled);
        }
        let before = case.done.iter().any(|done| done.by == self.person && step.not_same_person_as.contains(&done.key));
        if before { Err(Code::SamePerson) } else { Ok(if step.outside { Role::EmployerConfirmer } else { step.role }) }
    }

    /// The role in which she decides. Who reviewed does not decide: four eyes on every decision.
    fn decides(&self, case: &Case) -> Result<Role, Code> {
        let role = self.holds_one(&[Role::Approver])?;
        if case.step().is_some() {
            Err(Code::StepDue)
        } else if case.done.iter().any(|done| done.by == self.person) {
            Err(Code::SamePerson)
        } else {
            Ok(role)
        }
    }

    /// The role in which she does the work that a case in this state waits for.
    fn works(&self, case: &Case, state: State, step: Option<StepRule<'_>>) -> Result<Role, Code> {
        match (state, step) {
            (State::Accepted | State::InReview, Some(step)) if step.outside => Err(Code::WaitsOutside),
            (State::Accepted | State::InReview, Some(step)) => self.finishes(case, step),
            (State::Accepted | State::InReview, None) => self.decides(case),
            (State::Decided, _) => self.holds_one(&[Role::WindowOfficer, Role::Approver]),
            _ => self.holds_one(&[Role::WindowOfficer]),
        }
    }
}

/// The role that entitles to an action now, or the one reason why it may not be done.
///
/// `state` is the effective state. `step` is the rule of the step that is due. Nobody works on her own case, nor on one
/// that is for her; a case is claimed by who can do what it waits for.
pub fn may(action: Action, case: &Case, state: State, who: Who<'_>, step: Option<StepRule<'_>>) -> Result<Role, Code> {
    let by_applicant = matches!(action, Action::Submit | Action::Withdraw);
    if by_applicant && who.side.is_none() {
        return Err(Code::NotEntitled);
    }
    // Who fills the cart of a walk-in is no party to it.
    let party = who.beneficiary || matches!(who.side, Some(Side::Applicant | Side::Agent));
    if !by_applicant && party {
        return Err(Code::OwnCase);
    }
    if !allowed_in(action).contains(&state) {
        let answers = matches!(action, Action::Accept | Action::RefuseAcceptance);
        return Err(if answers && case.accepted_by_lapse(state) { Code::AlreadyAccepted } else { Code::WrongState });
    }
    let role = match action {
        Action::Submit | Action::Withdraw => return who.side.map(Side::role).ok_or(Code::NotEntitled),
        Action::Release => {
            return match case.claimed {
                None => Err(Code::NotClaimed),
                Some((by, _)) if by == who.person => who.works(case, state, step).or_else(|_| who.holds_one(&OFFICERS)),
                Some(_) if who.holds(&[Role::Supervisor]) => Ok(Role::Supervisor),
                Some(_) if who.holds(&OFFICERS) => Err(Code::ClaimedByAnother),
                Some(_) => Err(Code::NotEntitled),
            };
        }
        Action::Claim => who.works(case, state, step)?,
        Action::Accept | Action::RefuseAcceptance => who.holds_one(&[Role::WindowOfficer])?,
        Action::CompleteStep => match step {
            None => return Err(Code::WrongStep),
            // The employer's answer waits for no officer.
            Some(step) if step.outside => return who.finishes(case, step),
            Some(step) => who.finishes(case, step)?,
        },
        Action::Decide => who.decides(case)?,
        Action::Deliver => who.holds_one(&[Role::WindowOfficer, Role::Approver])?,
    };
    match case.claimed {
        Some((by, _)) if by != who.person => Err(Code::ClaimedByAnother),
        Some(_) if action == Action::Claim => Err(Code::AlreadyClaimed),
        Some(_) | None => Ok(role),
    }
}

/// Case number (办件编号): region 6 ‖ item 5 ‖ date 8 ‖ sequence 6 ‖ check character. A proposal; the official
/// layout of 办件编码 was not found.
pub fn case_number(region: &str, item_code: &str, date: chrono::NaiveDate, sequence: i64) -> String {
    let tail: Vec<char> = item_code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let tail: String = tail.iter().skip(tail.len().saturating_sub(5)).collect();
    let body = format!("{region:0>6}{tail:0>5}{}{sequence:06}", date.format("%Y%m%d"));
    let check = check_character(&body);
    format!("{body}{check}")
}

/// Whether the check character of a case number fits.
pub fn is_case_number(text: &str) -> bool {
    let Some((last, body)) = text.char_indices().next_back().map(|(at, last)| (last, &text[..at])) else { return false };
    body.len() >= 25 && body.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) && check_character(body) == last
}

/// Check character after ISO/IEC 7064, MOD 37,36: finds every single wrong character and every swap of neighbours.
fn check_character(body: &str) -> char {
    let mut product = 36u32;
    for c in body.chars() {
        let value = c.to_digit(36).unwrap_or(0);
        let sum = (product + value) % 36;
        product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    char::from_digit((37 - product) % 36, 36).unwrap_or('0').to_ascii_uppercase()
}

/// The prefix under which case numbers are counted.
pub fn number_prefix(region: &str, item_code: &str, date: chrono::NaiveDate) -> String {
    let number = case_number(region, item_code, date, 0);
    number[..number.len() - 7].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;
    use uuid::Uuid;

    const TALENT: PersonId = PersonId(Uuid::from_u128(1));
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

    fn staff(person: PersonId, roles: &[Role]) -> Who<'_> {
        Who { person, side: None, beneficiary: false, roles, levels: &[], confirms: false }
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
    fn nobody_decides_her_own_case_nor_what_she_reviewed() {
        let mut case = Case::fold([(&submitted(), at(0)), (&Event::Accepted, at(1))]);
        let all = [Role::WindowOfficer, Role::Reviewer, Role::Approver];
        let own = Who { side: Some(Side::Applicant), confirms: true, ..staff(TALENT, &all) };
        assert_eq!(may(Action::Decide, &case, case.state, own, None), Err(Code::OwnCase));
        assert_eq!(may(Action::Withdraw, &case, case.state, own, None), Ok(Role::Talent));
        // What is for her is her own, but she does not act for the applicant.
        let beneficiary = Who { beneficiary: true, ..staff(TALENT, &all) };
        assert_eq!(may(Action::Decide, &case, case.state, beneficiary, None), Err(Code::OwnCase));
        assert_eq!(may(Action::Withdraw, &case, case.state, beneficiary, None), Err(Code::NotEntitled));
        for key in ["employer", "review"] {
            case.apply(&Event::StepCompleted { key: key.into(), by: OFFICER, outcome: StepOutcome::Positive }, at(2));
        }
        assert_eq!(may(Action::Decide, &case, case.state, staff(OFFICER, &all), None), Err(Code::SamePerson));
        assert_eq!(may(Action::Decide, &case, case.state, staff(OTHER, &all), None), Ok(Role::Approver));
        assert_eq!(may(Action::Decide, &case, case.state, staff(OTHER, &[Role::Reviewer]), None), Err(Code::NotEntitled));
    }

    #[test]
    fn a_step_is_finished_by_its_role_and_not_by_who_finished_the_one_before() {
        let mut case = Case::fold([(&submitted(), at(0)), (&Event::Accepted, at(1))]);
        let outside = StepRule { role: Role::EmployerConfirmer, level: None, not_same_person_as: &[], outside: true };
        assert_eq!(may(Action::CompleteStep, &case, case.state, staff(OFFICER, &[Role::Reviewer]), Some(outside)), Err(Code::NotEntitled));
        assert_eq!(may(Action::CompleteStep, &case, case.state, Who { confirms: true, ..staff(OTHER, &[]) }, Some(outside)), Ok(Role::EmployerConfirmer));
        case.apply(&Event::StepCompleted { key: "employer".into(), by: OFFICER, outcome: StepOutcome::Positive }, at(2));
        let before = ["employer".to_owned()];
        let review = StepRule { role: Role::Reviewer, level: None, not_same_person_as: &before, outside: false };
        assert_eq!(may(Action::CompleteStep, &case, case.state, staff(OFFICER, &[Role::Reviewer]), Some(review)), Err(Code::SamePerson));
        assert_eq!(may(Action::CompleteStep, &case, case.state, staff(OTHER, &[Role::Reviewer]), Some(review)), Ok(Role::Reviewer));
        assert_eq!(may(Action::CompleteStep, &case, case.state, staff(OTHER, &[Role::Reviewer]), None), Err(Code::WrongStep));
        // A step of the province is finished by who reviews for the province, not by who does for a city.
        let province = StepRule { level: Some(UnitLevel::Province), not_same_person_as: &[], ..review };
        for (level, answer) in [(UnitLevel::City, Err(Code::NotEntitled)), (UnitLevel::Province, Ok(Role::Reviewer))] {
            let who = Who { levels: &[(Role::Reviewer, level)], ..staff(OTHER, &[Role::Reviewer]) };
            assert_eq!(may(Action::CompleteStep, &case, case.state, who, Some(province)), answer, "{level}");
        }
    }

    #[test]
    fn a_claimed_case_is_worked_on_by_its_claimer_only() {
        let case = Case::fold([(&submitted(), at(0)), (&Event::Claimed { by: OFFICER }, at(1))]);
        assert_eq!(may(Action::Claim, &case, case.state, staff(OTHER, &[Role::WindowOfficer]), None), Err(Code::ClaimedByAnother));
        assert_eq!(may(Action::Accept, &case, case.state, staff(OTHER, &[Role::WindowOfficer]), None), Err(Code::ClaimedByAnother));
        let all = [Role::Supervisor, Role::Reviewer, Role::WindowOfficer];
        assert_eq!(may(Action::Accept, &case, case.state, staff(OFFICER, &all), None), Ok(Role::WindowOfficer));
        assert_eq!(may(Action::Release, &case, case.state, staff(OTHER, &[Role::Supervisor]), None), Ok(Role::Supervisor));
        assert_eq!(may(Action::Release, &case, case.state, staff(OFFICER, &all), None), Ok(Role::WindowOfficer));
        assert_eq!(may(Action::Claim, &case, case.state, staff(OFFICER, &all), None), Err(Code::AlreadyClaimed));
    }

    #[test]
    fn a_case_is_claimed_by_who_can_do_what_it_waits_for() {
        let mut case = Case::fold([(&submitted(), at(0))]);
        let claim = |case: &Case, person, role, step| may(Action::Claim, case, case.state, staff(person, &[role]), step);
        assert_eq!(claim(&case, OFFICER, Role::WindowOfficer, None), Ok(Role::WindowOfficer));
        for role in [Role::Reviewer, Role::Approver, Role::Supervisor] {
            assert_eq!(claim(&case, OFFICER, role, None), Err(Code::NotEntitled), "{role}");
        }
        case.apply(&Event::Accepted, at(1));
        let outside = StepRule { role: Role::EmployerConfirmer, level: None, not_same_person_as: &[], outside: true };
        let review = StepRule { role: Role::Reviewer, outside: false, ..outside };
        assert_eq!(claim(&case, OFFICER, Role::Reviewer, Some(outside)), Err(Code::WaitsOutside), "it waits for the employer");
        assert_eq!(claim(&case, OFFICER, Role::WindowOfficer, Some(review)), Err(Code::NotEntitled));
        assert_eq!(claim(&case, OFFICER, Role::Reviewer, Some(review)), Ok(Role::Reviewer));
        for key in ["employer", "review"] {
            case.apply(&Event::StepCompleted { key: key.into(), by: OFFICER, outcome: StepOutcome::Positive }, at(2));
        }
        assert_eq!(claim(&case, OTHER, Role::Approver, None), Ok(Role::Approver));
        assert_eq!(claim(&case, OFFICER, Role::Approver, None), Err(Code::SamePerson));
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
    fn an_officer_who_fills_a_cart_is_no_party_to_it() {
        let filler = Who { side: Some(Side::Window), ..staff(OFFICER, &[Role::WindowOfficer]) };
        assert_eq!(may(Action::Claim, &Case::draft(), State::Draft, filler, None), Err(Code::WrongState));
        assert_eq!(may(Action::Submit, &Case::draft(), State::Draft, filler, None), Ok(Role::WindowOfficer));
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

    #[test]
    fn a_draft_is_not_withdrawn_but_taken_out_of_its_cart() {
        let own = Who { side: Some(Side::Applicant), ..staff(TALENT, &[]) };
        assert_eq!(may(Action::Withdraw, &Case::draft(), State::Draft, own, None), Err(Code::WrongState));
        assert_eq!(may(Action::Submit, &Case::draft(), State::Draft, Who { side: Some(Side::Agent), ..own }, None), Ok(Role::Agent));
    }

    #[test]
    fn closed_cases_take_no_action() {
        for &state in State::ALL.iter().filter(|s| s.is_closed()) {
            assert!(Action::ALL.iter().all(|a| !allowed_in(*a).contains(&state)), "{state}");
        }
    }

    #[test]
    fn a_case_number_finds_single_errors_and_swaps() {
        let number = case_number("440100", "GD-TALENT-CARD", NaiveDate::from_ymd_opt(2026, 1, 5).unwrap(), 42);
        assert_eq!(&number[..25], "440100TCARD20260105000042");
        assert!(is_case_number(&number));
        for at in 0..number.len() {
            let mut bytes = number.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(changed == number || !is_case_number(&changed), "{changed}");
        }
        let mut swaps = 0;
        for at in 1..number.len() {
            let mut bytes = number.clone().into_bytes();
            bytes.swap(at - 1, at);
            let changed = String::from_utf8(bytes).unwrap();
            if changed != number {
                assert!(!is_case_number(&changed), "{changed}");
                swaps += 1;
            }
        }
        assert!(swaps > 12, "{swaps} neighbours differ");
        assert!(!is_case_number(""));
        assert!(!is_case_number("é"));
    }
}
