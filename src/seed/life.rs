//! What happens in a case from its submission to its end: who does what, and when.
//!
//! A life is told whole; what lies after the present instant is cut off, so that the newest cases are open in whatever
//! state they have reached by now.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use crate::application::model::clock::Lapse;
use crate::application::model::event::{Decision, DeliveryChannel, Event, StepOutcome};
use crate::catalogue::model::version::{StepDefinition, StepKindCode};
use crate::kernel::clock::{civil_date, start_of_day};
use crate::kernel::ids::{BodyId, PersonId, UnitId};
use crate::kernel::role::Role;
use crate::organisation::model::calendar::Calendar;
use crate::organisation::model::unit::UnitLevel;
use crate::seed::chance::Chance;

/// The people of the demo who work on cases.
#[derive(Clone, Copy, Debug)]
pub struct Staff {
    /// Receives, accepts, delivers.
    pub officer: PersonId,
    /// Reviews for the city.
    pub reviewer: PersonId,
    /// Reviews for the province.
    pub province_reviewer: PersonId,
    /// Decides.
    pub approver: PersonId,
    /// Confirms for the employer.
    pub confirmer: PersonId,
    /// The employer.
    pub employer: BodyId,
    /// Checks cards.
    pub counter: PersonId,
    /// Where the counter stands.
    pub counter_unit: UnitId,
}

/// Which way a case goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Accepted, reviewed, decided, delivered.
    Ordinary,
    /// The same; the officer claims it first and gives it back after the acceptance.
    Claimed,
    /// The same; nobody answers in time, so that it counts as accepted.
    Silent,
    /// The applicant withdraws before anybody answers.
    Withdrawn,
    /// Acceptance is refused.
    TurnedAway,
}

impl Course {
    /// A course as they are spread.
    pub fn by(chance: &mut Chance) -> Self {
        match chance.below(100) {
            0..4 => Self::Withdrawn,
            4..8 => Self::TurnedAway,
            8..14 => Self::Silent,
            14..24 => Self::Claimed,
            _ => Self::Ordinary,
        }
    }
}

/// What a life is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// When it was handed in.
    pub submitted_at: DateTime<Utc>,
    /// From when on it counts as accepted unless it is answered.
    pub lapse: Lapse,
    /// The pinned steps.
    pub steps: &'a [StepDefinition],
    /// Which way it goes.
    pub course: Course,
    /// How it is decided.
    pub decision: Decision,
    /// Whether a step takes longer than it should.
    pub slow: bool,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Told {
    /// What.
    pub event: Event,
    /// When.
    pub at: DateTime<Utc>,
    /// Who, and as what; nobody where the clock did it.
    pub by: Option<(PersonId, Role)>,
}

/// The working days of a case, one after the other.
struct Pace<'a> {
    calendar: &'a Calendar,
    chance: &'a mut Chance,
    day: NaiveDate,
}

impl Pace<'_> {
    /// An instant within the hours of an office, `least` to `most` working days on, at least one.
    fn after(&mut self, least: u32, most: u32) -> DateTime<Utc> {
        self.day = self.calendar.add_working_days(self.day, self.chance.between(least, most)).date;
        start_of_day(self.day) + Duration::hours(9) + Duration::seconds(i64::from(self.chance.below(7 * 3600)))
    }
}

/// All that happens after the submission, in order.
pub fn life(plan: &Plan<'_>, staff: &Staff, calendar: &Calendar, chance: &mut Chance, applicant: PersonId) -> Vec<Told> {
    let mut told = Vec::with_capacity(10);
    let mut tell = |event, at, by| told.push(Told { event, at, by });
    let mut pace = Pace { calendar, chance, day: civil_date(plan.submitted_at) };
    let officer = Some((staff.officer, Role::WindowOfficer));
    match plan.course {
        Course::Withdrawn => {
            tell(Event::Withdrawn, pace.after(1, 4), Some((applicant, Role::Talent)));
            return told;
        }
        Course::TurnedAway => {
            let at = pace.after(1, 4);
            tell(Event::Claimed { by: staff.officer }, at, officer);
            tell(Event::NotAccepted, at + Duration::minutes(25), officer);
            return told;
        }
        Course::Silent => {
            let Lapse { at, as_of } = plan.lapse;
            tell(Event::DeemedAccepted { at, as_of }, at, None);
            pace.day = civil_date(at);
        }
        Course::Claimed => {
            let at = pace.after(1, 3);
            tell(Event::Claimed { by: staff.officer }, at, officer);
            tell(Event::Accepted, pace.after(1, 1), officer);
        }
        Course::Ordinary => tell(Event::Accepted, pace.after(1, 4), officer),
    }
    for step in plan.steps {
        let outside = step.kind == StepKindCode::EmployerConfirmation;
        let (by, role) = match (outside, step.unit_level) {
            (true, _) => (staff.confirmer, Role::EmployerConfirmer),
            (false, Some(UnitLevel::Province)) => (staff.province_reviewer, Role::Reviewer),
            (false, _) => (staff.reviewer, Role::Reviewer),
        };
        if !outside {
            tell(Event::Claimed { by }, pace.after(1, 2), Some((by, role)));
        }
        let at = if plan.slow { pace.after(15, 30) } else { pace.after(1, 2) };
        let outcome = if plan.decision == Decision::Approved { StepOutcome::Positive } else { StepOutcome::Negative };
        tell(Event::StepCompleted { key: step.key.clone(), by, outcome }, at, Some((by, role)));
    }
    tell(Event::Decided { decision: plan.decision, by: staff.approver }, pace.after(1, 3), Some((staff.approver, Role::Approver)));
    tell(Event::Delivered { channel: *pace.chance.pick(DeliveryChannel::ALL) }, pace.after(1, 3), officer);
    told
}
