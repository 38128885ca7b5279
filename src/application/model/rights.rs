//! The one transition table, and who may do what with a case.

use crate::application::model::case::{Case, ExtensionState, State};
use crate::coded_enum;
use crate::kernel::ids::PersonId;
use crate::kernel::rejection::Code;
use crate::kernel::role::Role;
use crate::organisation::model::unit::UnitLevel;

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
        /// Tell the applicant, once, all that is missing (一次性告知).
        RequestSupplement => "REQUEST_SUPPLEMENT",
        /// Hand in what was asked for (补正).
        AnswerRequest => "ANSWER_REQUEST",
        /// Correct an answer with the applicant on the spot (当场更正).
        CorrectAnswers => "CORRECT_ANSWERS",
        /// Begin a special procedure (特别程序).
        StartProcedure => "START_PROCEDURE",
        /// End it.
        EndProcedure => "END_PROCEDURE",
        /// Ask for longer limits (申请延长).
        RequestExtension => "REQUEST_EXTENSION",
        /// Grant or decline them (批准延长).
        DecideExtension => "DECIDE_EXTENSION",
        /// Go back to an earlier step (退回).
        ReturnToStep => "RETURN_TO_STEP",
        /// Hand the case to another unit (移送).
        HandOver => "HAND_OVER",
        /// End it without a decision (终止).
        Terminate => "TERMINATE",
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
        Action::Withdraw | Action::Terminate => &[State::Received, State::SupplementRequested, State::Accepted, State::InReview],
        Action::RequestSupplement => &[State::Received],
        Action::AnswerRequest => &[State::SupplementRequested, State::Accepted, State::InReview],
        Action::CorrectAnswers => &[State::Received, State::SupplementRequested],
        Action::StartProcedure | Action::EndProcedure | Action::RequestExtension | Action::DecideExtension => &[State::Accepted, State::InReview],
        Action::ReturnToStep => &[State::InReview],
        Action::HandOver => &[State::Received, State::Accepted, State::InReview],
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
    /// Whether she serves at the window that received it, wherever it is by now.
    pub receives: bool,
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
    let acts = matches!(who.side, Some(Side::Applicant | Side::Agent));
    let hands_in = action == Action::AnswerRequest && acts;
    if !by_applicant && !hands_in && (who.beneficiary || acts) {
        return Err(Code::OwnCase);
    }
    if !allowed_in(action).contains(&state) {
        return Err(match action {
            Action::Accept | Action::RefuseAcceptance | Action::RequestSupplement if case.accepted_by_lapse(state) => Code::AlreadyAccepted,
            Action::AnswerRequest if case.supplement_lapsed(state) => Code::SupplementLapsed,
            _ => Code::WrongState,
        });
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
        Action::RequestSupplement if case.requests.is_empty() => who.holds_one(&[Role::WindowOfficer])?,
        // All is told once (行政许可法 Art. 32); a second notice is the supervisor's.
        Action::RequestSupplement => {
            let no = if who.holds(&OFFICERS) { Code::SupervisorNeeded } else { Code::NotEntitled };
            who.holds_one(&[Role::Supervisor]).map_err(|_| no)?
        }
        Action::AnswerRequest => {
            let at_window = || if who.receives { Ok(Role::WindowOfficer) } else { who.holds_one(&[Role::WindowOfficer]) };
            let role = if hands_in { who.side.map(Side::role).ok_or(Code::NotEntitled) } else { at_window() }?;
            return case.open_request().map(|_| role).ok_or(Code::NothingAsked);
        }
        Action::CorrectAnswers => who.holds_one(&[Role::WindowOfficer])?,
        Action::StartProcedure => {
            let role = who.works(case, state, step)?;
            if case.procedure.is_some() {
                return Err(Code::ProcedureRunning);
            }
            role
        }
        Action::EndProcedure => {
            let role = who.works(case, state, step)?;
            if case.procedure.is_none() {
                return Err(Code::NoProcedure);
            }
            role
        }
        Action::RequestExtension => {
            let role = who.works(case, state, step)?;
            match case.extension {
                None | Some(ExtensionState::Declined) => role,
                Some(ExtensionState::Asked { .. }) => return Err(Code::ExtensionAsked),
                Some(ExtensionState::Granted { .. }) => return Err(Code::ExtensionUsed),
            }
        }
        // Whoever answers for the organ, and not who asked (行政许可法 Art. 42); the claim of who asked stays.
        Action::DecideExtension => {
            let role = who.holds_one(&[Role::Approver])?;
            return match case.extension {
                Some(ExtensionState::Asked { by, .. }) if by == who.person => Err(Code::SamePerson),
                Some(ExtensionState::Asked { .. }) => Ok(role),
                _ => Err(Code::NoExtension),
            };
        }
        Action::ReturnToStep => who.works(case, state, step)?,
        Action::HandOver => match who.works(case, state, step) {
            Ok(role) => role,
            Err(no) => return who.holds_one(&[Role::Supervisor]).map_err(|_| no),
        },
        Action::Terminate => return who.holds_one(&[Role::Supervisor, Role::Approver]),
    };
    if case.procedure.is_some() && matches!(action, Action::CompleteStep | Action::Decide) {
        return Err(Code::ProcedureRunning);
    }
    match case.claimed {
        Some((by, _)) if by != who.person => Err(Code::ClaimedByAnother),
        Some(_) if action == Action::Claim => Err(Code::AlreadyClaimed),
        Some(_) | None => Ok(role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::model::event::{Event, PinnedStep, StepOutcome};
    use crate::catalogue::model::version::StepKindCode;
    use crate::kernel::ids::{OfferingId, UnitId};
    use chrono::{DateTime, Utc};
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
        Who { person, side: None, beneficiary: false, roles, levels: &[], confirms: false, receives: false }
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
    fn an_officer_who_fills_a_cart_is_no_party_to_it() {
        let filler = Who { side: Some(Side::Window), ..staff(OFFICER, &[Role::WindowOfficer]) };
        assert_eq!(may(Action::Claim, &Case::draft(), State::Draft, filler, None), Err(Code::WrongState));
        assert_eq!(may(Action::Submit, &Case::draft(), State::Draft, filler, None), Ok(Role::WindowOfficer));
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
}
