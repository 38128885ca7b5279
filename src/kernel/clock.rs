//! Time is asked for, never taken.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Duration, FixedOffset, NaiveDate, NaiveTime, SubsecRound, Utc};

/// Where the time comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present instant in UTC, cut to milliseconds: PostgreSQL keeps microseconds and SQLite
    /// nanoseconds, so that a longer fraction would not be read back as it was written.
    fn now(&self) -> DateTime<Utc>;

    /// The civil date at UTC+8, the time of the Greater Bay Area.
    fn today(&self) -> NaiveDate {
        civil_date(self.now())
    }
}

/// UTC+8, which has no daylight saving.
pub fn bay_area_time() -> FixedOffset {
    // Eight hours are within the range of an offset; the fallback is never reached.
    FixedOffset::east_opt(8 * 3600).unwrap_or_else(|| FixedOffset::east_opt(0).unwrap_or_else(|| unreachable!("zero is an offset")))
}

/// The civil date at UTC+8 of an instant. At the end of what `chrono` can count it is that of UTC.
pub fn civil_date(at: DateTime<Utc>) -> NaiveDate {
    let utc = at.naive_utc();
    utc.checked_add_offset(bay_area_time()).unwrap_or(utc).date()
}

/// The instant at which a civil date at UTC+8 begins; the earliest that `chrono` can count where it lies before that.
pub fn start_of_day(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc().checked_sub_signed(Duration::hours(8)).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// The instant at which a civil date at UTC+8 ends (24:00, which is the start of the next day).
pub fn end_of_day(date: NaiveDate) -> DateTime<Utc> {
    start_of_day(date).checked_add_signed(Duration::days(1)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The clock of the machine.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }
}

/// A clock that stands until it is moved, for tests and deterministic seeds.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// Stands at `at`, cut to milliseconds.
    pub fn at(at: DateTime<Utc>) -> Self {
        Self(AtomicI64::new(at.timestamp_millis()))
    }

    /// Moves the clock, backwards when `by` is negative.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, at: DateTime<Utc>) {
        self.0.store(at.timestamp_millis(), Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_begins_at_sixteen_hours_utc_of_the_day_before() {
        let day = NaiveDate::from_ymd_opt(2026, 10, 1).unwrap();
        assert_eq!(start_of_day(day).to_rfc3339(), "2026-09-30T16:00:00+00:00");
        assert_eq!(civil_date(start_of_day(day)), day);
        assert_eq!(civil_date(end_of_day(day) - Duration::milliseconds(1)), day);
        assert_eq!(civil_date(end_of_day(day)), day.succ_opt().unwrap());
    }

    #[test]
    fn the_civil_date_is_total() {
        for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let date = civil_date(at);
            assert!(start_of_day(date) <= end_of_day(date));
        }
        for date in [NaiveDate::MIN, NaiveDate::MAX] {
            assert!(start_of_day(date) < end_of_day(date));
        }
    }
}
