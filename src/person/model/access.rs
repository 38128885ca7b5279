//! Looks at personal data in full: what, why, and how many.

use chrono::{DateTime, Duration, Utc};

use crate::coded_enum;
use crate::kernel::ids::{AccessId, IdentityDocumentId, PersonId};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::Role;
use crate::person::model::dealing::Tie;

coded_enum! {
    /// What can be shown in full.
    pub enum PersonalDataField {
        /// The number of an identity document.
        IdentityDocumentNumber => "IDENTITY_DOCUMENT_NUMBER",
    }
}

coded_enum! {
    /// Why personal data is looked at in full.
    pub enum AccessPurpose {
        /// The person reads her own data.
        OwnData => "OWN_DATA",
        /// To compare with an original document.
        IdentityCheck => "IDENTITY_CHECK",
        /// To handle a case of the person.
        CaseHandling => "CASE_HANDLING",
        /// To correct data at the person's request.
        Correction => "CORRECTION",
        /// To answer a request that a law orders to be answered.
        LegalDuty => "LEGAL_DUTY",
    }
}

/// The longest reason, in characters.
pub const REASON_MAX: usize = 500;

/// One look, as the person concerned may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Id.
    pub id: AccessId,
    /// Whose data.
    pub person: PersonId,
    /// Who looked.
    pub actor: PersonId,
    /// As what, `None` for the person herself.
    pub role: Option<Role>,
    /// What was shown.
    pub field: PersonalDataField,
    /// Of which document.
    pub document: Option<IdentityDocumentId>,
    /// Why.
    pub purpose: AccessPurpose,
    /// The words given.
    pub reason: Option<String>,
    /// When (UTC).
    pub at: DateTime<Utc>,
}

/// Checks purpose and reason of staff with this tie, or of the person herself where there is none: staff give a reason
/// and another purpose than [`AccessPurpose::OwnData`], and once the case is closed only correction and a legal duty are
/// left; the person herself needs no reason, and her purpose is always that one.
pub fn check_purpose(staff: Option<Tie>, purpose: AccessPurpose, reason: &str) -> Result<Option<String>, Vec<Rejection>> {
    let reason = reason.trim();
    let mut problems = Vec::new();
    let own = staff.is_none();
    let fits = match staff {
        None => purpose == AccessPurpose::OwnData,
        Some(Tie::Current) => purpose != AccessPurpose::OwnData,
        Some(Tie::Closed) => matches!(purpose, AccessPurpose::Correction | AccessPurpose::LegalDuty),
    };
    if !fits {
        problems.push(Rejection::at(Code::NotAllowed, "input.purpose"));
    }
    if !own && reason.is_empty() {
        problems.push(Rejection::at(Code::ReasonRequired, "input.reason"));
    }
    if reason.chars().count() > REASON_MAX {
        problems.push(Rejection::at(Code::TooLong, "input.reason").number("max", 500));
    }
    if problems.is_empty() { Ok((!reason.is_empty()).then(|| reason.to_owned())) } else { Err(problems) }
}

/// Seconds to wait before the next look, if `limit` looks were already made within the last hour.
///
/// `looks` are the instants of the looks of the last hour, oldest first.
pub fn wait(looks: &[DateTime<Utc>], limit: u32, now: DateTime<Utc>) -> Option<u64> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let surplus = looks.len().checked_sub(limit)?;
    // The look that has to leave the hour before there is room again; with a limit of 0 there never is.
    let leaves = looks.get(surplus).map_or(now + Duration::hours(1), |at| *at + Duration::hours(1));
    u64::try_from((leaves - now).num_seconds().max(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_say_why_and_the_person_need_not() {
        assert_eq!(check_purpose(None, AccessPurpose::OwnData, " "), Ok(None));
        assert_eq!(check_purpose(Some(Tie::Current), AccessPurpose::CaseHandling, " Compare with the original "), Ok(Some("Compare with the original".into())));
        assert_eq!(
            check_purpose(Some(Tie::Current), AccessPurpose::OwnData, ""),
            Err(vec![Rejection::at(Code::NotAllowed, "input.purpose"), Rejection::at(Code::ReasonRequired, "input.reason")])
        );
        assert_eq!(check_purpose(None, AccessPurpose::LegalDuty, ""), Err(vec![Rejection::at(Code::NotAllowed, "input.purpose")]));
        assert_eq!(
            check_purpose(Some(Tie::Current), AccessPurpose::Correction, &"长".repeat(501)),
            Err(vec![Rejection::at(Code::TooLong, "input.reason").number("max", 500)])
        );
    }

    #[test]
    fn a_closed_case_leaves_correction_and_legal_duty() {
        for &purpose in AccessPurpose::ALL {
            let left = check_purpose(Some(Tie::Closed), purpose, "asked by the applicant").is_ok();
            assert_eq!(left, matches!(purpose, AccessPurpose::Correction | AccessPurpose::LegalDuty), "{purpose}");
        }
    }

    #[test]
    fn the_limit_opens_again_when_the_oldest_look_is_an_hour_old() {
        let now = DateTime::UNIX_EPOCH + Duration::days(1);
        let looks: Vec<_> = [50, 40, 30].map(|minutes| now - Duration::minutes(minutes)).to_vec();
        assert_eq!(wait(&looks, 4, now), None);
        assert_eq!(wait(&looks, 3, now), Some(600));
        assert_eq!(wait(&looks, 2, now), Some(1200));
        assert_eq!(wait(&looks, 0, now), Some(3600));
        assert_eq!(wait(&[], 0, now), Some(3600));
        assert_eq!(wait(&[], 1, now), None);
    }
}
