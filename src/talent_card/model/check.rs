//! Checks of a card: for what, by what means, and what the counter learns.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use crate::coded_enum;
use crate::kernel::ids::{BodyId, CardCheckId, CardId, PersonId, UnitId};
use crate::talent_card::model::product::{Beneficiary, BenefitArea};
use crate::talent_card::model::status_list::StatusClaim;

/// Life of a token in seconds.
pub const TOKEN_SECONDS: i64 = 60;
/// Minutes after a check in which its counter may record uses.
pub const CHECK_MINUTES: i64 = 15;
/// Media type of the token (`typ` of the JWS).
pub const TOKEN_TYPE: &str = "card-token+jws";

coded_enum! {
    /// For what a counter checks a card. A counter may check only for the purposes allowed to its unit or body.
    pub enum CheckPurpose {
        /// Only whether the card is good.
        Validity => "VALIDITY",
        /// Household registration.
        HouseholdRegistration => "HOUSEHOLD_REGISTRATION",
        /// Stay, residence, exit and entry.
        StayAndExitEntry => "STAY_AND_EXIT_ENTRY",
        /// Admission of a child to a school.
        SchoolAdmission => "SCHOOL_ADMISSION",
        /// Medical insurance.
        MedicalInsurance => "MEDICAL_INSURANCE",
        /// Treatment in a hospital.
        MedicalService => "MEDICAL_SERVICE",
        /// Social insurance.
        SocialInsurance => "SOCIAL_INSURANCE",
        /// Housing, housing fund and loans.
        Housing => "HOUSING",
        /// Lounge or fast lane.
        Transport => "TRANSPORT",
        /// Vehicle purchase and driving licence.
        Vehicle => "VEHICLE",
        /// Professional titles and qualifications.
        TitleReview => "TITLE_REVIEW",
        /// Employment of the spouse.
        SpouseEmployment => "SPOUSE_EMPLOYMENT",
        /// Customs.
        Customs => "CUSTOMS",
        /// Business, finance and registration.
        BusinessAndFinance => "BUSINESS_AND_FINANCE",
    }
}

coded_enum! {
    /// How the card was shown.
    pub enum CheckMeans {
        /// By a token.
        Token => "TOKEN",
        /// By card number and document number, in person.
        Number => "NUMBER",
        /// By a token and the published status list, without asking the portal; it was told afterwards.
        Offline => "OFFLINE",
    }
}

coded_enum! {
    /// What a check answers.
    pub enum CheckAnswer {
        /// The card is good today.
        Valid => "VALID",
        /// It is not; why is not said.
        NotValid => "NOT_VALID",
        /// The number was shown with a document that is not the holder's. The counter was refused; only the holder sees it.
        Mismatch => "MISMATCH",
        /// Checked offline: the card was good as of the date of the status list.
        ValidAsOf => "VALID_AS_OF",
        /// Checked offline: the status list was too old or cut short, or does not hold the card.
        StatusUnknown => "STATUS_UNKNOWN",
    }
}

impl CheckPurpose {
    /// The areas of benefits that a check for this purpose shows and lets record.
    pub const fn areas(self) -> &'static [BenefitArea] {
        match self {
            Self::Validity => &[],
            Self::HouseholdRegistration => &[BenefitArea::HouseholdRegistration],
            Self::StayAndExitEntry => &[BenefitArea::StayAndExitEntry],
            Self::SchoolAdmission => &[BenefitArea::ChildSchooling],
            Self::MedicalInsurance => &[BenefitArea::MedicalInsurance],
            Self::MedicalService => &[BenefitArea::MedicalService],
            Self::SocialInsurance => &[BenefitArea::SocialInsurance],
            Self::Housing => &[BenefitArea::Housing, BenefitArea::HousingFund],
            Self::Transport => &[BenefitArea::Transport],
            Self::Vehicle => &[BenefitArea::Vehicle],
            Self::TitleReview => &[BenefitArea::TitleReview],
            Self::SpouseEmployment => &[BenefitArea::SpouseEmployment],
            Self::Customs => &[BenefitArea::Customs],
            Self::BusinessAndFinance => &[BenefitArea::BusinessAndFinance],
        }
    }

    /// Whether the counter needs the grade: where grades are treated differently.
    pub const fn shows_grade(self) -> bool {
        match self {
            Self::MedicalService | Self::Housing | Self::Transport => true,
            Self::Validity
            | Self::HouseholdRegistration
            | Self::StayAndExitEntry
            | Self::SchoolAdmission
            | Self::MedicalInsurance
            | Self::SocialInsurance
            | Self::Vehicle
            | Self::TitleReview
            | Self::SpouseEmployment
            | Self::Customs
            | Self::BusinessAndFinance => false,
        }
    }

    /// Whether the counter needs the masked name of the holder, to compare it with the person who stands there.
    pub const fn shows_holder(self) -> bool {
        !matches!(self, Self::Validity)
    }

    /// Which family members the counter is told of, besides the holder.
    pub const fn shows_family(self) -> &'static [Beneficiary] {
        match self {
            Self::SchoolAdmission => &[Beneficiary::Child],
            Self::SpouseEmployment => &[Beneficiary::Spouse],
            Self::HouseholdRegistration | Self::StayAndExitEntry | Self::MedicalInsurance => &[Beneficiary::Spouse, Beneficiary::Child, Beneficiary::Parent],
            Self::SocialInsurance => &[Beneficiary::Spouse],
            Self::Validity
            | Self::MedicalService
            | Self::Housing
            | Self::Transport
            | Self::Vehicle
            | Self::TitleReview
            | Self::Customs
            | Self::BusinessAndFinance => &[],
        }
    }
}

/// The claims of a card token. Ids only: what a card gives is asked of the portal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TokenClaims {
    /// Id of the token.
    pub jti: Uuid,
    /// Global id of the card.
    pub sub: String,
    /// When it was made, seconds since 1970.
    pub iat: i64,
    /// From when on it is no good, seconds since 1970.
    pub exp: i64,
    /// Where the standing of the card is read offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusClaim>,
}

impl TokenClaims {
    /// Whether the token's time is over at `now`.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        now.timestamp() >= self.exp
    }
}

/// Where a counter stands: a unit of the tree, or a body outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counter {
    /// A unit.
    Unit(UnitId),
    /// A body.
    Body(BodyId),
}

impl Counter {
    /// The unit.
    pub const fn unit(self) -> Option<UnitId> {
        match self {
            Self::Unit(id) => Some(id),
            Self::Body(_) => None,
        }
    }

    /// The body.
    pub const fn body(self) -> Option<BodyId> {
        match self {
            Self::Body(id) => Some(id),
            Self::Unit(_) => None,
        }
    }

    /// The counter of a row that names a unit or a body.
    pub const fn of(unit: Option<UnitId>, body: Option<BodyId>) -> Option<Self> {
        match (unit, body) {
            (Some(id), _) => Some(Self::Unit(id)),
            (None, Some(id)) => Some(Self::Body(id)),
            (None, None) => None,
        }
    }
}

/// A check that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Id.
    pub id: CardCheckId,
    /// The card.
    pub card: CardId,
    /// Who checked.
    pub checked_by: PersonId,
    /// Where she stands.
    pub counter: Counter,
    /// For what.
    pub purpose: CheckPurpose,
    /// By what means.
    pub via: CheckMeans,
    /// When (UTC).
    pub at: DateTime<Utc>,
    /// Until when uses may be recorded under it (UTC).
    pub valid_until: DateTime<Utc>,
    /// What was answered.
    pub answer: CheckAnswer,
    /// The date of the status list, of an offline check that went by one (UTC).
    pub list_at: Option<DateTime<Utc>>,
}

impl Check {
    /// Whether uses may be recorded under it: it said yes, and not too long ago.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.answer == CheckAnswer::Valid && now < self.valid_until
    }
}

/// Until when uses may be recorded under a check made at `at`.
pub fn valid_until(at: DateTime<Utc>) -> DateTime<Utc> {
    at + Duration::minutes(CHECK_MINUTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_area_but_none_is_shown_by_exactly_one_purpose() {
        for &area in BenefitArea::ALL {
            let showing: Vec<_> = CheckPurpose::ALL.iter().filter(|p| p.areas().contains(&area)).collect();
            assert_eq!(showing.len(), 1, "{area}: {showing:?}");
        }
    }

    #[test]
    fn asking_for_validity_alone_reveals_nothing_else() {
        let purpose = CheckPurpose::Validity;
        assert!(purpose.areas().is_empty() && !purpose.shows_grade() && !purpose.shows_holder() && purpose.shows_family().is_empty());
        assert!(!CheckPurpose::SchoolAdmission.shows_grade());
        assert_eq!(CheckPurpose::SchoolAdmission.shows_family(), [Beneficiary::Child]);
    }

    #[test]
    fn a_token_is_over_at_its_end_not_after_it() {
        let claims = TokenClaims { jti: Uuid::nil(), sub: String::new(), iat: 1000, exp: 1060, status: None };
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        assert!(!claims.is_over(at(1059)));
        assert!(claims.is_over(at(1060)));
    }
}
