//! Who of the staff has to do with a person.

use chrono::{DateTime, Duration, Utc};

use crate::coded_enum;
use crate::kernel::role::Role;

/// How somebody of the staff has to do with a person; the stronger tie is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    /// By a case that is closed.
    Closed,
    /// By an open case, or she registered the person, who still has no account.
    Current,
}

/// The role that ties, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dealt {
    /// The role.
    pub role: Role,
    /// The tie.
    pub tie: Tie,
}

coded_enum! {
    /// What an officer did with a person before her.
    pub enum AttendanceKind {
        /// She registered her as a walk-in.
        Registered => "REGISTERED",
        /// She compared her original.
        Verified => "VERIFIED",
        /// The original did not fit.
        Refused => "REFUSED",
    }
}

/// One attendance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// What was done.
    pub kind: AttendanceKind,
    /// When.
    pub at: DateTime<Utc>,
}

/// For how long an officer may read whom she registered or whose original she compared, without any case.
pub const ATTENDED: Duration = Duration::days(7);

/// Originals that did not fit which one officer may have within an hour.
pub const REFUSALS_PER_HOUR: u32 = 10;

/// Whether the officer with these attendances reads the person: her own walk-in, or whom she had before her lately.
pub fn attends(attendances: &[Attendance], has_account: bool, now: DateTime<Utc>) -> bool {
    is_walk_in(attendances, has_account) || attendances.iter().any(|a| a.kind != AttendanceKind::Refused && a.at + ATTENDED > now)
}

/// Whether the person is a walk-in of the officer with these attendances: whom she registered and who has no account.
pub fn is_walk_in(attendances: &[Attendance], has_account: bool) -> bool {
    !has_account && attendances.iter().any(|a| a.kind == AttendanceKind::Registered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_officer_reads_her_walk_in_until_she_has_an_account_and_others_for_a_week() {
        let now = DateTime::UNIX_EPOCH + Duration::days(100);
        let one = |kind, days| [Attendance { kind, at: now - Duration::days(days) }];
        let registered = |days| one(AttendanceKind::Registered, days);
        assert!(attends(&registered(90), false, now) && is_walk_in(&registered(90), false));
        assert!(!attends(&registered(90), true, now) && !is_walk_in(&registered(1), true));
        let verified = |days| one(AttendanceKind::Verified, days);
        assert!(attends(&verified(6), true, now) && attends(&verified(6), false, now));
        assert!(!attends(&verified(7), false, now) && !is_walk_in(&verified(0), false));
        assert!(!attends(&one(AttendanceKind::Refused, 0), false, now));
        assert!(!attends(&[], false, now));
        assert!(Tie::Current > Tie::Closed);
    }
}
