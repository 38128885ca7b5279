//! The benefit ledger: balances and entries.

use chrono::{DateTime, Utc};

use crate::kernel::ids::{BenefitEntryId, BenefitId, CardId, PersonId};
use crate::kernel::rejection::{Code, Rejection};

/// The most units of one use.
pub const MAX_AMOUNT: i64 = 1000;
/// The longest note, in characters.
pub const NOTE_MAX: usize = 500;

/// What a balance is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BalanceKey {
    /// The entitlement: the principal card.
    pub card: CardId,
    /// The benefit.
    pub benefit: BenefitId,
    /// The person who had it.
    pub beneficiary: PersonId,
    /// The year at UTC+8.
    pub year: i32,
}

/// What was used of a benefit in a year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// For what.
    pub key: BalanceKey,
    /// Units of the year; `None` is unlimited.
    pub quota: Option<i64>,
    /// Units used.
    pub used: i64,
}

impl Balance {
    /// Units left; `None` is unlimited.
    pub fn remaining(&self) -> Option<i64> {
        self.quota.map(|quota| quota - self.used)
    }
}

/// An entry of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Id.
    pub id: BenefitEntryId,
    /// Which balance it changed.
    pub key: BalanceKey,
    /// Units; less than nothing for a reversal.
    pub delta: i64,
    /// When the benefit was delivered (UTC).
    pub delivered_at: DateTime<Utc>,
}

/// Checks the amount and the note of a use; every problem at once.
pub fn check_use(amount: i64, note: Option<&str>) -> Vec<Rejection> {
    let mut problems = Vec::new();
    if !(1..=MAX_AMOUNT).contains(&amount) {
        problems.push(Rejection::at(Code::NotAllowed, "input.amount").number("max", MAX_AMOUNT));
    }
    if note.is_some_and(|n| n.chars().count() > NOTE_MAX) {
        problems.push(Rejection::at(Code::TooLong, "input.note").number("max", i64::try_from(NOTE_MAX).unwrap_or(i64::MAX)));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_of_one_unit_at_least_and_says_all_that_is_wrong() {
        assert_eq!(check_use(1, None), []);
        assert_eq!(check_use(MAX_AMOUNT, Some(&"字".repeat(NOTE_MAX))), []);
        for amount in [0, -1, MAX_AMOUNT + 1, i64::MIN] {
            let codes: Vec<_> = check_use(amount, Some(&"字".repeat(NOTE_MAX + 1))).iter().map(|r| r.code).collect();
            assert_eq!(codes, [Code::NotAllowed, Code::TooLong], "{amount}");
        }
    }
}
