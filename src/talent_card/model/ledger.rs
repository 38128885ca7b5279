//! The benefit ledger: balances and entries.

use chrono::{DateTime, Utc};

use crate::kernel::ids::{BenefitEntryId, BenefitId, CardId, PersonId};
use crate::kernel::rejection::{Code, Rejection};
use crate::talent_card::model::product::CarryOver;

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

/// Units that go over from the year before into a balance that begins: what was left of that year, where the benefit says
/// so. Never more than a year's own units, so that nothing goes over twice. `before` is the balance of the year before, if
/// anything was used of it; `beside` are units used of it under other cards; `held` tells whether the card was in force then.
pub fn carried(rule: CarryOver, yearly_quota: i64, before: Option<&Balance>, beside: i64, held: bool) -> i64 {
    if rule == CarryOver::None || !held {
        return 0;
    }
    let left = before.map_or(yearly_quota, |balance| balance.quota.unwrap_or(yearly_quota) - balance.used) - beside;
    left.clamp(0, yearly_quota.max(0))
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
    fn what_is_left_of_a_year_goes_over_once_where_the_benefit_says_so() {
        let id = uuid::Uuid::nil();
        let key = BalanceKey { card: CardId(id), benefit: BenefitId(id), beneficiary: PersonId(id), year: 2026 };
        for (rule, quota, before, beside, held, over) in [
            (CarryOver::None, 5, Some((5, 1)), 0, true, 0),
            (CarryOver::NextYear, 5, Some((5, 1)), 0, true, 4),
            (CarryOver::NextYear, 5, Some((5, 5)), 0, true, 0),
            (CarryOver::NextYear, 5, Some((5, 1)), 3, true, 1),
            (CarryOver::NextYear, 5, Some((5, 1)), 9, true, 0),
            (CarryOver::NextYear, 5, None, 0, true, 5),
            (CarryOver::NextYear, 5, None, 0, false, 0),
            // Of a year that had units of the one before it, its own go over.
            (CarryOver::NextYear, 5, Some((9, 1)), 0, true, 5),
            (CarryOver::NextYear, 5, Some((9, 7)), 0, true, 2),
        ] {
            let before = before.map(|(quota, used)| Balance { key, quota: Some(quota), used });
            assert_eq!(carried(rule, quota, before.as_ref(), beside, held), over, "{rule} {before:?} {beside} {held}");
        }
    }

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
