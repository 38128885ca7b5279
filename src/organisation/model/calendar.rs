//! The official calendar: which days are working days, and how periods in working days are counted.
//!
//! Source: 行政许可法 Art. 82 (periods are counted in working days, without statutory holidays); 民法典 Art. 201
//! (the day of the event is not counted). The days are those of the State Council's yearly notice, with its make-up
//! working days. A notice may also name days of late December of the year before (or of early January of the next);
//! those are then exceptions of that other year.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Weekday};

use crate::coded_enum;

coded_enum! {
    /// How a day differs from what its weekday says.
    pub enum DayKind {
        /// A day off (放假) by the notice; it may fall on a weekend.
        DayOff => "DAY_OFF",
        /// A Saturday or Sunday on which people work (调休上班).
        MakeUp => "MAKE_UP",
    }
}

/// Working days of the Mainland. In a year whose notice is not known, Monday to Friday count and every answer is
/// marked provisional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    days: BTreeMap<NaiveDate, DayKind>,
    known_years: BTreeSet<i32>,
}

/// A day at which a period ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The last day of the period, a civil date at UTC+8. The period ends at its 24:00.
    pub date: NaiveDate,
    /// Whether a day of a year was counted whose notice is not known yet.
    pub provisional: bool,
}

impl Calendar {
    /// A calendar of the days that differ from their weekday and of the years whose notice is known.
    pub fn new(days: impl IntoIterator<Item = (NaiveDate, DayKind)>, known_years: impl IntoIterator<Item = i32>) -> Self {
        Self { days: days.into_iter().collect(), known_years: known_years.into_iter().collect() }
    }

    /// The last year whose notice is known, if any is.
    pub fn last_known_year(&self) -> Option<i32> {
        self.known_years.last().copied()
    }

    /// Whether people work on this day, and whether the answer is provisional.
    pub fn is_working_day(&self, date: NaiveDate) -> (bool, bool) {
        let provisional = !self.known_years.contains(&date.year());
        let working = match self.days.get(&date) {
            Some(DayKind::DayOff) => false,
            Some(DayKind::MakeUp) => true,
            None => !matches!(date.weekday(), Weekday::Sat | Weekday::Sun),
        };
        (working, provisional)
    }

    /// The first working day after `date`.
    pub fn next_working_day(&self, date: NaiveDate) -> Due {
        self.add_working_days(date, 1)
    }

    /// `date` itself where it is a working day, else the first one after it.
    pub fn this_or_next_working_day(&self, date: NaiveDate) -> Due {
        match self.is_working_day(date) {
            (true, provisional) => Due { date, provisional },
            (false, provisional) => {
                let next = self.next_working_day(date);
                Due { date: next.date, provisional: provisional || next.provisional }
            }
        }
    }

    /// The `n`th working day after `date`, which is itself not counted; with `n` = 0 that day itself.
    pub fn add_working_days(&self, date: NaiveDate, n: u32) -> Due {
        self.nth_counted_day(date, n, |_| true)
    }

    /// The `n`th day after `date` that is a working day and that `counts`; with `n` = 0 that day itself.
    ///
    /// The answer is provisional where `date` or a day looked at after it is of a year not known. A period that would
    /// end after the last date that can be written ends there.
    pub fn nth_counted_day(&self, date: NaiveDate, n: u32, counts: impl Fn(NaiveDate) -> bool) -> Due {
        let mut due = Due { date, provisional: self.is_working_day(date).1 };
        let mut left = n;
        while left > 0 {
            let Some(next) = due.date.succ_opt() else { return Due { provisional: true, ..due } };
            let (working, provisional) = self.is_working_day(next);
            due = Due { date: next, provisional: due.provisional || provisional };
            if working && counts(next) {
                left -= 1;
            }
        }
        due
    }

    /// Working days after `from` up to and including `to`; 0 where `to` is not after `from`. The second value says
    /// whether the number is provisional.
    pub fn working_days_between(&self, from: NaiveDate, to: NaiveDate) -> (u32, bool) {
        let mut count = 0;
        let mut provisional = false;
        for day in from.iter_days().skip(1).take_while(|day| *day <= to) {
            let (working, unknown) = self.is_working_day(day);
            count += u32::from(working);
            provisional |= unknown;
        }
        (count, provisional)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::organisation::model::reference;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn due(text: &str) -> Due {
        Due { date: day(text), provisional: false }
    }

    fn official() -> Calendar {
        reference::calendar_bundle().unwrap().calendar()
    }

    #[test]
    fn make_up_days_are_worked_and_days_off_are_not() {
        let calendar = official();
        for text in ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10", "2025-09-28", "2025-10-11", "2024-02-04", "2024-02-09"]
        {
            assert_eq!(calendar.is_working_day(day(text)), (true, false), "{text}");
        }
        for text in ["2026-01-02", "2026-02-16", "2026-02-23", "2026-06-19", "2026-09-25", "2026-10-07", "2025-10-08", "2025-06-02", "2024-09-17", "2026-10-11"]
        {
            assert_eq!(calendar.is_working_day(day(text)), (false, false), "{text}");
        }
    }

    #[test]
    fn the_years_have_as_many_days_off_and_make_up_days_as_the_notices_name() {
        let bundle = reference::calendar_bundle().unwrap();
        let counts: Vec<(i32, usize, usize)> = bundle
            .years
            .iter()
            .map(|year| {
                let days = year.days();
                let off = days.iter().filter(|d| d.kind == DayKind::DayOff).count();
                (year.year, off, days.len() - off)
            })
            .collect();
        assert_eq!(counts, [(2024, 28, 8), (2025, 28, 5), (2026, 33, 6)]);
    }

    #[test]
    fn periods_over_national_day_and_spring_festival_end_as_counted_by_hand() {
        let calendar = official();
        for (from, n, to) in [
            // Tuesday 30 September 2025; the next working day is Thursday 9 October, then 10, and Saturday 11 is made up.
            ("2025-09-30", 1, "2025-10-09"),
            ("2025-09-30", 3, "2025-10-11"),
            ("2025-09-30", 4, "2025-10-13"),
            ("2025-09-26", 1, "2025-09-28"),
            // Wednesday 30 September 2026; 8 and 9 October, Saturday 10 is made up, then Monday 12.
            ("2026-09-30", 1, "2026-10-08"),
            ("2026-09-30", 3, "2026-10-10"),
            ("2026-09-30", 4, "2026-10-12"),
            ("2026-09-18", 1, "2026-09-20"),
            // Friday 13 February 2026; Saturday 14 is made up, then Tuesday 24 to Friday 27, Saturday 28 is made up.
            ("2026-02-13", 1, "2026-02-14"),
            ("2026-02-13", 2, "2026-02-24"),
            ("2026-02-13", 6, "2026-02-28"),
            ("2026-02-13", 7, "2026-03-02"),
            // The day of the event may itself be a day off.
            ("2026-02-15", 1, "2026-02-24"),
            ("2026-02-15", 0, "2026-02-15"),
        ] {
            assert_eq!(calendar.add_working_days(day(from), n), due(to), "{from} + {n}");
        }
        assert_eq!(calendar.working_days_between(day("2026-02-13"), day("2026-03-02")), (7, false));
        assert_eq!(calendar.working_days_between(day("2026-03-02"), day("2026-02-13")), (0, false));
    }

    #[test]
    fn beyond_the_last_known_year_weekdays_count_and_the_answer_is_provisional() {
        let calendar = official();
        assert_eq!(calendar.last_known_year(), Some(2026));
        assert_eq!(calendar.add_working_days(day("2026-12-30"), 1), due("2026-12-31"));
        assert_eq!(calendar.add_working_days(day("2026-12-30"), 2), Due { date: day("2027-01-01"), provisional: true });
        assert_eq!(calendar.is_working_day(day("2027-01-01")), (true, true));
        assert_eq!(calendar.working_days_between(day("2026-12-30"), day("2027-01-04")), (3, true));
        assert_eq!(calendar.next_working_day(NaiveDate::MAX), Due { date: NaiveDate::MAX, provisional: true });
    }

    proptest! {
        #[test]
        fn adding_and_counting_are_inverse(offset in 0u64..1000, n in 0u32..60) {
            let calendar = official();
            let from = day("2024-01-01") + chrono::Days::new(offset);
            let end = calendar.add_working_days(from, n);
            prop_assert_eq!(calendar.working_days_between(from, end.date), (n, end.date.year() > 2026 && n > 0));
            if n > 0 {
                prop_assert!(calendar.is_working_day(end.date).0);
            }
        }
    }
}
