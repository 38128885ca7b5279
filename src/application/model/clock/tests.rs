//! Golden dates counted by hand, and a slow day-by-day reference that shares no code with the clock.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Utc, Weekday};
use proptest::prelude::*;

use crate::application::model::clock::*;
use crate::organisation::model::calendar::{Calendar, DayKind};
use crate::organisation::model::reference;

/// An instant written in local time, UTC+8.
fn at(local: &str) -> DateTime<Utc> {
    chrono::NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap().and_utc() - chrono::Duration::hours(8)
}

fn midnight_after(day: &str) -> DateTime<Utc> {
    at(&format!("{day} 00:00")) + chrono::Duration::days(1)
}

fn official() -> Calendar {
    reference::calendar_bundle().unwrap().calendar()
}

fn limits(promised: u32, statutory: u32) -> Limits {
    Limits { promised_days: Some(promised), statutory_days: Some(statutory) }
}

fn clock(timeline: &Timeline, limits: &Limits) -> ClockState {
    compute(timeline, limits, &official(), &ClockSettings::default())
}

fn accepted(received: &str, accepted: &str) -> Timeline {
    Timeline { accepted_at: Some(at(accepted)), ..Timeline::received(at(received)) }
}

/// What the clock brings about next after an instant.
fn next_mark(clock: &ClockState, after: DateTime<Utc>) -> Option<(DateTime<Utc>, ClockMark)> {
    clock.marks().into_iter().filter(|(at, _)| *at > after).min()
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with optional dates")]
fn on(day: &str) -> Option<DueAt> {
    Some(DueAt { at: midnight_after(day), provisional: false })
}

#[test]
fn what_arrives_after_hours_or_on_a_day_off_counts_from_the_next_working_day() {
    for (arrived, counts) in [
        ("2026-09-29 17:00", "2026-09-29"),
        ("2026-09-29 17:01", "2026-09-30"),
        ("2026-09-30 18:00", "2026-10-08"),
        ("2026-10-03 10:00", "2026-10-08"),
        ("2026-10-09 20:00", "2026-10-10"),
        ("2026-10-10 09:00", "2026-10-10"),
        ("2026-10-11 09:00", "2026-10-12"),
        ("2026-02-13 23:59", "2026-02-14"),
        ("2026-02-14 17:30", "2026-02-24"),
    ] {
        assert_eq!(receipt_day(at(arrived), &official(), &ClockSettings::default()).date.to_string(), counts, "{arrived}");
    }
}

#[test]
fn silence_for_five_working_days_is_acceptance_as_of_the_day_of_receipt_from_that_instant_on() {
    // Monday 28 September 2026; 29, 30 September, 8, 9 and Saturday 10 October are the five working days.
    let clock = clock(&Timeline::received(at("2026-09-28 10:00")), &limits(10, 20));
    let lapse = midnight_after("2026-10-10");
    assert_eq!(clock.deemed_at(), Some(lapse));
    assert_eq!(clock.effective_acceptance(lapse - chrono::Duration::milliseconds(1)), None);
    let accepted = EffectiveAcceptance { since: lapse, as_of: "2026-09-28".parse().unwrap(), by_lapse: true };
    assert_eq!(clock.effective_acceptance(lapse), Some(accepted));
    // The limits run from the day of receipt: five more working days are 12 to 16 October.
    assert_eq!(clock.promised, on("2026-10-16"));
    assert_eq!(clock.statutory, on("2026-10-30"));
    assert_eq!(clock.near_breach_at, Some(at("2026-10-13 00:00")));
    assert_eq!(next_mark(&clock, at("2026-09-28 10:00")), Some((lapse, ClockMark::DeemedAcceptance)));
    assert_eq!(next_mark(&clock, lapse), Some((at("2026-10-13 00:00"), ClockMark::NearBreach)));
}

#[test]
fn limits_run_over_spring_festival_with_its_make_up_days() {
    // Accepted on Thursday 12 February 2026. Counted: 13, Saturday 14, 24, 25, 26, 27, Saturday 28 February, 2, 3, 4 March.
    let clock = clock(&accepted("2026-02-11 09:00", "2026-02-12 11:00"), &limits(5, 10));
    assert_eq!(clock.promised, on("2026-02-26"));
    assert_eq!(clock.statutory, on("2026-03-04"));
    // ceil(0.7 · 5) = 4: the fourth counted day is 25 February.
    assert_eq!(clock.near_breach_at, Some(at("2026-02-25 00:00")));
    for (now, standing) in [
        ("2026-02-24 23:59", Punctuality::InTime),
        ("2026-02-25 00:00", Punctuality::NearBreach),
        ("2026-02-26 23:59", Punctuality::NearBreach),
        ("2026-02-27 00:00", Punctuality::PromisePassed),
        ("2026-03-05 00:00", Punctuality::StatutePassed),
    ] {
        assert_eq!(clock.punctuality(at(now)), standing, "{now}");
    }
}

#[test]
fn limits_run_over_national_day_2025() {
    // Accepted on Friday 26 September 2025. Counted: Sunday 28, 29, 30 September, 9, 10, Saturday 11, 13 October.
    let clock = clock(&accepted("2025-09-26 09:00", "2025-09-26 16:00"), &limits(3, 7));
    assert_eq!(clock.promised, on("2025-09-30"));
    assert_eq!(clock.statutory, on("2025-10-13"));
}

#[test]
fn dates_beyond_the_calendar_are_provisional_until_its_year_is_published() {
    // Accepted on Tuesday 29 December 2026. Counted: 30, 31 December; 1 January 2027 is a Friday.
    let timeline = accepted("2026-12-29 09:00", "2026-12-29 10:00");
    let before = clock(&timeline, &limits(2, 3));
    assert_eq!(before.promised, on("2026-12-31"));
    assert_eq!(before.statutory, Some(DueAt { at: midnight_after("2027-01-01"), provisional: true }));
    assert!(before.provisional());
    // Once a notice makes 1 January a day off, the limit moves and is no longer provisional.
    let mut bundle = reference::calendar_bundle().unwrap();
    let mut next = bundle.years[2].clone();
    next.year = 2027;
    next.periods.truncate(1);
    next.periods[0].from = "2027-01-01".parse().unwrap();
    next.periods[0].to = "2027-01-03".parse().unwrap();
    next.periods[0].make_up = vec![];
    bundle.years.push(next);
    let after = compute(&timeline, &limits(2, 3), &bundle.calendar(), &ClockSettings::default());
    assert_eq!(after.statutory, on("2027-01-04"));
    assert!(!after.provisional());
}

#[test]
fn a_supplement_restarts_the_period_and_its_answer_is_the_new_day_of_receipt() {
    let mut timeline = Timeline::received(at("2026-03-02 09:00"));
    timeline.supplements.push(Supplement { requested_at: at("2026-03-04 09:00"), answer_days: 10, answered_at: None });
    let waiting = clock(&timeline, &limits(5, 10));
    assert_eq!(waiting.acceptance, Acceptance::AwaitingSupplement { lapses: DueAt { at: midnight_after("2026-03-18"), provisional: false } });
    assert_eq!((waiting.deemed_at(), waiting.promised, waiting.statutory), (None, None, None));
    assert!(!waiting.supplement_lapsed(at("2026-03-18 23:59")) && waiting.supplement_lapsed(at("2026-03-19 00:00")));
    // Reminded five working days before the last, on Wednesday the 11th, and one before it, on Tuesday the 17th.
    let passed = [("2026-03-04 09:00", "2026-03-11 00:00"), ("2026-03-11 00:00", "2026-03-17 00:00")];
    for (after, reminder) in passed {
        assert_eq!(next_mark(&waiting, at(after)), Some((at(reminder), ClockMark::SupplementReminder)));
    }
    assert_eq!(next_mark(&waiting, at("2026-03-17 00:00")), Some((midnight_after("2026-03-18"), ClockMark::SupplementLapse)));

    // Answered on a Friday evening: received on Monday 16, five working days are 17 to 20 and 23 March.
    timeline.supplements[0].answered_at = Some(at("2026-03-13 19:00"));
    let answered = clock(&timeline, &limits(5, 10));
    assert_eq!(answered.deemed_at(), Some(midnight_after("2026-03-23")));
    assert_eq!(answered.receipt_day.to_string(), "2026-03-16");
    assert_eq!(answered.promised, on("2026-03-23"));
}

#[test]
fn a_supplement_notice_or_an_acceptance_after_the_lapse_has_no_effect() {
    let mut timeline = Timeline::received(at("2026-03-02 09:00"));
    let lapse = midnight_after("2026-03-09");
    timeline.supplements.push(Supplement { requested_at: lapse, answer_days: 10, answered_at: None });
    assert_eq!(clock(&timeline, &limits(5, 10)).deemed_at(), Some(lapse));
    timeline.accepted_at = Some(lapse);
    assert_eq!(clock(&timeline, &limits(5, 10)).effective_acceptance(lapse).map(|a| a.by_lapse), Some(true));
    timeline.supplements.clear();
    timeline.accepted_at = Some(lapse - chrono::Duration::milliseconds(1));
    assert_eq!(clock(&timeline, &limits(5, 10)).effective_acceptance(lapse).map(|a| a.by_lapse), Some(false));
}

#[test]
fn an_acceptance_that_was_written_down_in_time_stays_one_under_another_setting() {
    let shorter = ClockSettings { acceptance_days: 2, ..ClockSettings::default() };
    // The third working day after the receipt, which was in time when it happened.
    let mut timeline = accepted("2026-01-05 09:00", "2026-01-08 09:00");
    assert!(matches!(compute(&timeline, &limits(7, 20), &official(), &shorter).acceptance, Acceptance::ByLapse { .. }));
    timeline.accepted_in_time = true;
    let state = compute(&timeline, &limits(7, 20), &official(), &shorter);
    assert_eq!(state.acceptance, Acceptance::ByOfficer { at: at("2026-01-08 09:00") });
    assert_eq!(state.promised, on("2026-01-19"));
}

#[test]
fn a_pause_takes_out_the_days_after_its_begin_up_to_its_end() {
    // Accepted on Monday 2 March 2026; five counted days would end on Monday 9.
    let mut timeline = accepted("2026-03-02 09:00", "2026-03-02 10:00");
    assert_eq!(clock(&timeline, &limits(5, 10)).promised, on("2026-03-09"));
    // Tuesday to Thursday: Wednesday and Thursday are taken out.
    timeline.pauses = vec![Pause { from: at("2026-03-03 09:00"), to: Some(at("2026-03-05 16:00")), at_most_days: 10 }];
    assert_eq!(clock(&timeline, &limits(5, 10)).promised, on("2026-03-11"));
    // Begun and ended on one day: nothing is taken out.
    timeline.pauses[0].to = Some(at("2026-03-03 16:00"));
    assert_eq!(clock(&timeline, &limits(5, 10)).promised, on("2026-03-09"));
    // Begun on the last day, or after it: the limit is not moved.
    timeline.pauses = vec![Pause { from: at("2026-03-09 09:00"), to: None, at_most_days: 10 }];
    assert_eq!(clock(&timeline, &limits(5, 10)).promised, on("2026-03-09"));
}

#[test]
fn an_open_pause_ends_by_itself_after_the_time_told() {
    let mut timeline = accepted("2026-03-02 09:00", "2026-03-02 10:00");
    timeline.pauses = vec![Pause { from: at("2026-03-03 09:00"), to: None, at_most_days: 3 }];
    let open = clock(&timeline, &limits(5, 10));
    assert_eq!(open.promised, on("2026-03-12"));
    assert_eq!(open.open_pause, Some((at("2026-03-03 09:00"), midnight_after("2026-03-06"))));
    assert!(
        !open.paused(at("2026-03-03 08:59"))
            && open.paused(at("2026-03-03 09:00"))
            && open.paused(at("2026-03-06 23:59"))
            && !open.paused(at("2026-03-07 00:00"))
    );
    assert_eq!(next_mark(&open, at("2026-03-03 09:00")), Some((midnight_after("2026-03-06"), ClockMark::PauseOver)));
    // Ended late: no more than the time told is taken out.
    timeline.pauses[0].to = Some(at("2026-03-20 09:00"));
    assert_eq!(clock(&timeline, &limits(5, 10)).promised, on("2026-03-12"));
    // A second one over the same days takes nothing more.
    timeline.pauses.push(Pause { from: at("2026-03-04 09:00"), to: Some(at("2026-03-06 09:00")), at_most_days: 9 });
    assert_eq!(clock(&timeline, &limits(5, 10)).promised, on("2026-03-12"));
}

#[test]
fn an_extension_counts_only_if_granted_before_the_limit_has_passed() {
    let mut timeline = accepted("2026-03-02 09:00", "2026-03-02 10:00");
    timeline.extensions = vec![Extension { at: at("2026-03-16 23:59"), promised_days: 0, statutory_days: 10 }];
    assert_eq!(clock(&timeline, &limits(5, 10)).statutory, on("2026-03-30"));
    assert_eq!(clock(&timeline, &limits(5, 10)).promised, on("2026-03-09"));
    timeline.extensions[0].at = midnight_after("2026-03-16");
    assert_eq!(clock(&timeline, &limits(5, 10)).statutory, on("2026-03-16"));
}

#[test]
fn a_limit_of_no_days_ends_with_the_day_of_acceptance() {
    let clock = clock(&accepted("2026-03-02 09:00", "2026-03-02 10:00"), &limits(0, 20));
    assert_eq!((clock.promised, clock.near_breach_at), (on("2026-03-02"), None));
}

#[test]
fn a_decision_stops_the_limits_and_starts_the_delivery() {
    let mut timeline = accepted("2026-03-02 09:00", "2026-03-02 10:00");
    timeline.decided_at = Some(at("2026-03-10 09:00"));
    let decided = clock(&timeline, &limits(5, 10));
    assert_eq!(decided.punctuality(at("2026-09-01 00:00")), Punctuality::PromisePassed);
    assert_eq!(decided.delivery, on("2026-03-24"));
    assert_eq!(next_mark(&decided, at("2026-03-10 09:00")), Some((midnight_after("2026-03-24"), ClockMark::DeliveryPassed)));
    timeline.delivered_at = Some(at("2026-03-11 09:00"));
    assert_eq!(next_mark(&clock(&timeline, &limits(5, 10)), at("2026-03-11 09:00")), None);
}

#[test]
fn a_case_that_ended_before_the_lapse_is_never_accepted() {
    let mut timeline = Timeline::received(at("2026-03-02 09:00"));
    timeline.ended_at = Some(at("2026-03-05 09:00"));
    let ended = clock(&timeline, &limits(5, 10));
    assert_eq!((ended.acceptance, ended.promised, next_mark(&ended, at("2026-03-02 09:00"))), (Acceptance::Never, None, None));
}

/// The days of a case one after the other, with its own idea of working days.
struct DayByDay {
    off: Vec<NaiveDate>,
    made_up: Vec<NaiveDate>,
}

const HORIZON: u64 = 1500;

impl DayByDay {
    fn worked(&self, day: NaiveDate) -> bool {
        let weekend = day.weekday() == Weekday::Sat || day.weekday() == Weekday::Sun;
        if weekend { self.made_up.contains(&day) } else { !self.off.contains(&day) }
    }

    fn received(&self, instant: DateTime<Utc>, closing: NaiveTime) -> NaiveDate {
        let local = (instant + chrono::Duration::hours(8)).naive_utc();
        let mut day = local.date();
        let mut open = self.worked(day) && local.time() <= closing;
        while !open {
            day = day + Days::new(1);
            open = self.worked(day);
        }
        day
    }

    /// When the acceptance lapsed and as of which day; or the deadline of an unanswered supplement.
    fn lapse(&self, timeline: &Timeline, settings: &ClockSettings) -> Result<(DateTime<Utc>, NaiveDate), DateTime<Utc>> {
        let first = (timeline.received_at + chrono::Duration::hours(8)).naive_utc().date();
        let mut received = self.received(timeline.received_at, settings.office_hours_end);
        let mut supplements = timeline.supplements.iter();
        let mut next = supplements.next();
        let mut waiting: Option<(NaiveDate, u32, Option<DateTime<Utc>>)> = None;
        let mut counted = 0;
        for offset in 0..HORIZON {
            let day = first + Days::new(offset);
            let over = (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc() - chrono::Duration::hours(8);
            // What happens during the day, in the order of time.
            loop {
                if let Some((_, _, Some(answered))) = waiting {
                    if answered >= over {
                        break;
                    }
                    received = self.received(answered, settings.office_hours_end);
                    counted = 0;
                    waiting = None;
                } else if waiting.is_some() {
                    break;
                } else if let Some(supplement) = next.filter(|s| s.requested_at < over) {
                    let asked = (supplement.requested_at + chrono::Duration::hours(8)).naive_utc().date();
                    waiting = Some((asked, supplement.answer_days, supplement.answered_at));
                    counted = 0;
                    next = supplements.next();
                } else {
                    break;
                }
            }
            // The end of the day.
            if let Some((asked, days, _)) = waiting {
                if day > asked && self.worked(day) {
                    counted += 1;
                }
                if day >= asked && counted == days {
                    return Err(over);
                }
            } else {
                if day > received && self.worked(day) {
                    counted += 1;
                }
                if day >= received && counted == settings.acceptance_days {
                    return Ok((over, received));
                }
            }
        }
        panic!("the horizon is too near");
    }

    /// The counted days of a limit, the last of them being the day on which it ends.
    fn counted_days(&self, from: NaiveDate, days: u32, timeline: &Timeline, added: fn(&Extension) -> u32) -> Vec<NaiveDate> {
        let mut used = vec![0; timeline.pauses.len()];
        let mut counted = Vec::new();
        for offset in 0..HORIZON {
            let day = from + Days::new(offset);
            let over = (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc() - chrono::Duration::hours(8);
            if offset > 0 && self.worked(day) {
                let mut stands = false;
                for (pause, used) in timeline.pauses.iter().zip(&mut used) {
                    let begun = (pause.from + chrono::Duration::hours(8)).naive_utc().date() < day;
                    let ended = pause.to.is_some_and(|to| (to + chrono::Duration::hours(8)).naive_utc().date() < day);
                    if begun && !ended && *used < pause.at_most_days {
                        *used += 1;
                        stands = true;
                    }
                }
                if !stands {
                    counted.push(day);
                }
            }
            let total = days + timeline.extensions.iter().filter(|e| e.at < over).map(added).sum::<u32>();
            if counted.len() as u64 == u64::from(total) {
                return counted;
            }
        }
        panic!("the horizon is too near");
    }
}

fn moments(count: usize) -> impl Strategy<Value = Vec<DateTime<Utc>>> {
    // Ten-minute steps over three months from 1 January 2026, so that edges of days and of office hours come up.
    proptest::collection::vec(0i64..13_000, count).prop_map(|mut steps| {
        steps.sort_unstable();
        steps.iter().map(|step| at("2026-01-01 00:00") + chrono::Duration::minutes(10 * step)).collect()
    })
}

fn exceptions() -> impl Strategy<Value = Vec<(NaiveDate, DayKind)>> {
    proptest::collection::btree_map(0u64..200, proptest::bool::ANY, 0..60).prop_map(|days| {
        days.into_iter()
            .map(|(offset, off)| (NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Days::new(offset), off))
            // A day off on a weekend and a made-up weekday change nothing, as in the notices.
            .map(|(day, off)| (day, if off { DayKind::DayOff } else { DayKind::MakeUp }))
            .collect()
    })
}

fn slow(days: &[(NaiveDate, DayKind)]) -> DayByDay {
    let of = |kind| days.iter().filter(|(_, k)| *k == kind).map(|(day, _)| *day).collect();
    DayByDay { off: of(DayKind::DayOff), made_up: of(DayKind::MakeUp) }
}

proptest! {
    #[test]
    fn acceptance_by_lapse_equals_the_day_by_day_reference(
        days in exceptions(), times in moments(5), closing in 8u32..20, acceptance_days in 1u32..8, answer_days in 1u32..30, notices in 0usize..3, answered in proptest::bool::ANY,
    ) {
        let settings = ClockSettings { office_hours_end: NaiveTime::from_hms_opt(closing, 0, 0).unwrap(), acceptance_days, ..ClockSettings::default() };
        let supplements = (0..notices).map(|i| Supplement {
            requested_at: times[1 + 2 * i],
            answer_days,
            answered_at: (answered || i + 1 < notices).then(|| times[2 + 2 * i]),
        }).collect();
        let timeline = Timeline { supplements, ..Timeline::received(times[0]) };
        let state = compute(&timeline, &limits(10, 20), &Calendar::new(days.clone(), 2026..=2026), &settings);
        let fast = match state.acceptance {
            Acceptance::ByLapse { due, as_of } => Ok((due.at, as_of)),
            Acceptance::AwaitingSupplement { lapses } => Err(lapses.at),
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(fast, slow(&days).lapse(&timeline, &settings));
    }

    #[test]
    fn limits_equal_the_day_by_day_reference(
        days in exceptions(), times in moments(9), promised in 0u32..30, statutory in 0u32..60, at_most in 0u32..30, open in proptest::bool::ANY, pauses in 0usize..4, added in 0u32..20,
    ) {
        // The first moment accepts; pauses and extensions lie after it, the pauses may overlap.
        let pause = |i: usize| Pause { from: times[1 + i], to: (!open).then(|| times[3 + 2 * i]), at_most_days: at_most };
        let timeline = Timeline {
            accepted_at: Some(times[0]),
            pauses: (0..pauses).map(pause).collect(),
            extensions: [times[4], times[8]].map(|at| Extension { at, promised_days: added / 2, statutory_days: added }).to_vec(),
            ..Timeline::received(times[0])
        };
        let settings = ClockSettings::default();
        let state = compute(&timeline, &limits(promised, statutory), &Calendar::new(days.clone(), 2026..=2026), &settings);
        let slow = slow(&days);
        let from = (times[0] + chrono::Duration::hours(8)).naive_utc().date();
        let ends = |days: &[NaiveDate]| (*days.last().unwrap_or(&from) + Days::new(1)).and_time(NaiveTime::MIN).and_utc() - chrono::Duration::hours(8);
        let promise = slow.counted_days(from, promised, &timeline, |e| e.promised_days);
        let statute = slow.counted_days(from, statutory, &timeline, |e| e.statutory_days);
        prop_assert_eq!(state.promised.unwrap().at, ends(&promise));
        prop_assert_eq!(state.statutory.unwrap().at, ends(&statute));
        let warned = (promise.len() * 7).div_ceil(10);
        let near = promise.get(warned.wrapping_sub(1)).map(|day| day.and_time(NaiveTime::MIN).and_utc() - chrono::Duration::hours(8));
        prop_assert_eq!(state.near_breach_at, near);
        let last = (state.statutory.unwrap().at - chrono::Duration::milliseconds(1) + chrono::Duration::hours(8)).date_naive();
        prop_assert_eq!(state.statutory.unwrap().provisional, last.year() > 2026);
    }
}
