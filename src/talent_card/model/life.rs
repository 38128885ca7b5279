//! What becomes of a card after it was issued: loss, decisions, renewal.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::catalogue::model::version::LegalBasis;
use crate::coded_enum;
use crate::kernel::ids::UnitId;
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::text::Text;
use crate::talent_card::model::card::{Card, CardStatus};
use crate::talent_card::model::product::{Version, validity_end};

/// The longest reason of a decision, in characters.
pub const REASON_MAX: usize = 2000;
/// The longest provision that a decision names, in characters.
pub const PROVISION_MAX: usize = 200;
/// Days before the last one at which a holder is reminded, the earlier first. A proposal (domain.md 1.4).
pub const REMINDERS: [u32; 2] = [60, 30];
/// Media type of a signed decision, in the `typ` of its header.
pub const DECISION_TYPE: &str = "card-decision+jws";

coded_enum! {
    /// What is decided on a card that was issued.
    pub enum Measure {
        /// Suspension (暂停): its benefits are frozen, not lost.
        Suspension => "SUSPENSION",
        /// The end of a suspension (恢复).
        Lifting => "LIFTING",
        /// Withdrawal (收回).
        Revocation => "REVOCATION",
        /// Correction of what was issued (更正): grade or last day.
        Correction => "CORRECTION",
    }
}

coded_enum! {
    /// Ground of a decision on a card. A working list of the portal, after usual clauses; not an official one.
    pub enum Ground {
        /// It is doubtful whether the conditions are still met.
        ConditionsDoubtful => "CONDITIONS_DOUBTFUL",
        /// A check of insurance, tax or contract failed.
        DataCheckFailed => "DATA_CHECK_FAILED",
        /// The conditions were found to be met.
        ConditionsMet => "CONDITIONS_MET",
        /// What it rested on was false.
        FalseMaterials => "FALSE_MATERIALS",
        /// A crime, or serious dishonesty.
        CrimeOrDishonesty => "CRIME_OR_DISHONESTY",
        /// The holder works in the province no more.
        LeftProvince => "LEFT_PROVINCE",
        /// The holder became a civil servant.
        CivilServant => "CIVIL_SERVANT",
        /// The conditions are met no more.
        ConditionsNotMet => "CONDITIONS_NOT_MET",
        /// It was issued with wrong data.
        IssuedInError => "ISSUED_IN_ERROR",
    }
}

impl Measure {
    /// Whether a card of this standing may be decided on so.
    ///
    /// Errors: `WRONG_STATE`.
    pub const fn fits(self, status: CardStatus) -> Result<(), Code> {
        match (self, status) {
            (Self::Suspension | Self::Revocation | Self::Correction, CardStatus::Active)
            | (Self::Lifting | Self::Revocation | Self::Correction, CardStatus::Suspended) => Ok(()),
            (Self::Suspension | Self::Lifting | Self::Revocation | Self::Correction, _) => Err(Code::WrongState),
        }
    }

    /// The grounds on which it may rest.
    pub const fn grounds(self) -> &'static [Ground] {
        match self {
            Self::Suspension => &[Ground::ConditionsDoubtful, Ground::DataCheckFailed],
            Self::Lifting => &[Ground::ConditionsMet],
            Self::Correction => &[Ground::IssuedInError],
            Self::Revocation => &[Ground::FalseMaterials, Ground::CrimeOrDishonesty, Ground::LeftProvince, Ground::CivilServant, Ground::ConditionsNotMet],
        }
    }

    /// The standing that it gives; none where that stays.
    pub const fn gives(self) -> Option<CardStatus> {
        match self {
            Self::Suspension => Some(CardStatus::Suspended),
            Self::Lifting => Some(CardStatus::Active),
            Self::Revocation => Some(CardStatus::Revoked),
            Self::Correction => None,
        }
    }

    /// Whether it takes something away, so that the remedies are told.
    pub const fn is_adverse(self) -> bool {
        match self {
            Self::Suspension | Self::Revocation | Self::Correction => true,
            Self::Lifting => false,
        }
    }

    /// Letter in the number of the decision.
    pub const fn letter(self) -> char {
        match self {
            Self::Suspension => 'S',
            Self::Lifting => 'L',
            Self::Revocation => 'R',
            Self::Correction => 'C',
        }
    }
}

/// What a correction changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Code of the grade before.
    pub grade_before: String,
    /// Code of the grade from now on.
    pub grade: String,
    /// The last day before.
    pub valid_to_before: NaiveDate,
    /// The last day from now on.
    pub valid_to: NaiveDate,
}

/// What a correction of a card under this version comes to: to another grade of the version, or to another last day that is
/// not beyond what could have been issued.
///
/// Errors: `NOT_ALLOWED`, and `REQUIRED` where nothing is changed.
pub fn correct(card: &Card, version: &Version, grade: Option<&str>, valid_to: Option<NaiveDate>) -> Result<Correction, Vec<Rejection>> {
    let mut wrong = Vec::new();
    if grade.is_some_and(|grade| version.grade(grade).is_none()) {
        wrong.push(Rejection::at(Code::NotAllowed, "input.gradeCode"));
    }
    // A card that was renewed may last longer than one that is issued.
    let longest = version.max_years.and_then(|years| validity_end(card.valid_from, years, None, None)).map_or(card.valid_to, |end| end.max(card.valid_to));
    if valid_to.is_some_and(|day| day < card.valid_from || longest < day) {
        wrong.push(Rejection::at(Code::NotAllowed, "input.validUntil"));
    }
    let correction = Correction {
        grade_before: card.grade.clone(),
        grade: grade.unwrap_or(&card.grade).to_owned(),
        valid_to_before: card.valid_to,
        valid_to: valid_to.unwrap_or(card.valid_to),
    };
    if wrong.is_empty() && correction.grade == correction.grade_before && correction.valid_to == correction.valid_to_before {
        wrong.push(Rejection::at(Code::Required, "input"));
    }
    if wrong.is_empty() { Ok(correction) } else { Err(wrong) }
}

/// What a decision on a card says. These are the claims that are signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionContent {
    /// Id of the decision, without prefix.
    pub jti: String,
    /// When it was issued, seconds since 1970.
    pub iat: i64,
    /// What is decided.
    pub measure: Measure,
    /// Number of the decision.
    pub number: String,
    /// Number of the card, where it has one.
    pub card_number: Option<String>,
    /// Name of the card's product.
    pub product: Text,
    /// Name of the holder.
    pub holder: String,
    /// The unit that decided.
    pub unit: UnitId,
    /// Name of that unit.
    pub unit_name: Option<Text>,
    /// The ground.
    pub ground: Ground,
    /// The reason, in the words of the officer.
    pub reason: String,
    /// The provision that the officer names.
    pub provision: Option<String>,
    /// What is changed, of a correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<Correction>,
    /// On what it rests: the basis of the version under which the card was issued.
    pub legal_basis: Vec<LegalBasis>,
    /// 行政复议.
    pub reconsideration: Option<Text>,
    /// 行政诉讼.
    pub litigation: Option<Text>,
}

/// Within how many days before its last day a card may be renewed; data of the service item, a proposal (domain.md 1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewalWindow {
    /// The earliest, in days before the last one.
    pub opens: u32,
    /// The latest, likewise.
    pub closes: u32,
}

impl RenewalWindow {
    /// The first and the last day on which a renewal is applied for; `None` beyond the calendar.
    pub fn days(self, valid_to: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let before = |days: u32| valid_to.checked_sub_days(Days::new(days.into()));
        before(self.opens).zip(before(self.closes))
    }

    /// Whether a renewal is applied for on a day.
    pub fn is_open(self, valid_to: NaiveDate, day: NaiveDate) -> bool {
        self.days(valid_to).is_some_and(|(first, last)| first <= day && day <= last)
    }
}

/// The last day of a card that is renewed: the new validity begins on the day after the old one ends, is of `max_years` at
/// most, and never beyond contract or permit. `None` where that gives no day more.
pub fn renewed_until(valid_to: NaiveDate, max_years: u32, contract_until: Option<NaiveDate>, permit_until: Option<NaiveDate>) -> Option<NaiveDate> {
    validity_end(valid_to.succ_opt()?, max_years, contract_until, permit_until)
}

/// Which reminder is due on a day for a card with this last day: the latest whose day has come; none once it has expired.
pub fn reminder_due(valid_to: NaiveDate, day: NaiveDate) -> Option<u32> {
    let left = u32::try_from((valid_to - day).num_days()).ok()?;
    REMINDERS.into_iter().rev().find(|days| left <= *days)
}

/// By whom a use is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReversalBy {
    /// Somebody of the counter that recorded it.
    Counter,
    /// Who supervises that counter's unit or body.
    Supervisor,
}

/// Days for which the counter itself takes back what it recorded. Ours, not official.
pub const COUNTER_DAYS: u64 = 7;

/// Until when a use is taken back: by the counter that recorded it within seven days, by its supervisor before the end of
/// January after the year that it counts for. Both are ours, since no rule was found.
pub fn may_reverse(by: ReversalBy, delivered_on: NaiveDate, year: i32, day: NaiveDate) -> bool {
    match by {
        ReversalBy::Counter => delivered_on.checked_add_days(Days::new(COUNTER_DAYS)).is_some_and(|last| day <= last),
        ReversalBy::Supervisor => NaiveDate::from_ymd_opt(year + 1, 1, 31).is_some_and(|last| day <= last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn each_measure_has_its_standings_and_its_grounds() {
        use CardStatus::{Active, Suspended};
        for &measure in Measure::ALL {
            for &status in CardStatus::ALL {
                let fits = matches!(
                    (measure, status),
                    (Measure::Suspension, Active) | (Measure::Lifting, Suspended) | (Measure::Revocation | Measure::Correction, Active | Suspended)
                );
                assert_eq!(measure.fits(status).is_ok(), fits, "{measure} {status}");
            }
            assert!(!measure.grounds().is_empty());
        }
        for &ground in Ground::ALL {
            assert_eq!(Measure::ALL.iter().filter(|m| m.grounds().contains(&ground)).count(), 1, "{ground}");
        }
    }

    #[test]
    fn a_renewal_is_applied_for_from_the_sixtieth_to_the_thirtieth_day_before_the_end() {
        let window = RenewalWindow { opens: 60, closes: 30 };
        let end = day("2028-12-31");
        assert_eq!(window.days(end), Some((day("2028-11-01"), day("2028-12-01"))));
        for (on, open) in [("2028-10-31", false), ("2028-11-01", true), ("2028-12-01", true), ("2028-12-02", false), ("2029-01-01", false)] {
            assert_eq!(window.is_open(end, day(on)), open, "{on}");
        }
        assert!(!window.is_open(NaiveDate::MIN, NaiveDate::MIN));
    }

    #[test]
    fn a_renewed_card_goes_on_where_it_ended_and_never_beyond_contract_or_permit() {
        let end = day("2028-12-31");
        for (contract, permit, until) in [
            (None, None, Some("2033-12-31")),
            (Some("2031-06-30"), None, Some("2031-06-30")),
            (Some("2031-06-30"), Some("2030-01-01"), Some("2030-01-01")),
            (Some("2028-12-31"), None, None),
            (None, Some("2020-01-01"), None),
        ] {
            assert_eq!(renewed_until(end, 5, contract.map(day), permit.map(day)), until.map(day), "{contract:?} {permit:?}");
        }
        assert_eq!(renewed_until(NaiveDate::MAX, 5, None, None), None);
    }

    #[test]
    fn a_reminder_is_due_from_its_day_on_until_the_next_or_the_end() {
        let end = day("2028-12-31");
        for (on, due) in
            [("2028-10-31", None), ("2028-11-01", Some(60)), ("2028-11-30", Some(60)), ("2028-12-01", Some(30)), ("2028-12-31", Some(30)), ("2029-01-01", None)]
        {
            assert_eq!(reminder_due(end, day(on)), due, "{on}");
        }
    }

    #[test]
    fn a_use_is_taken_back_for_a_week_at_the_counter_and_until_january_by_its_supervisor() {
        let delivered = day("2026-12-28");
        for (by, on, may) in [
            (ReversalBy::Counter, "2026-12-28", true),
            (ReversalBy::Counter, "2027-01-04", true),
            (ReversalBy::Counter, "2027-01-05", false),
            (ReversalBy::Supervisor, "2027-01-31", true),
            (ReversalBy::Supervisor, "2027-02-01", false),
        ] {
            assert_eq!(may_reverse(by, delivered, 2026, day(on)), may, "{by:?} {on}");
        }
    }
}
