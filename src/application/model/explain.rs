//! What the clock of a case did and why: each start, stop and restart, for people to read.

use chrono::{DateTime, NaiveDate, Utc};

use crate::application::model::case::Case;
use crate::application::model::clock::{Acceptance, ClockState};
use crate::coded_enum;
use crate::kernel::clock::civil_date;

coded_enum! {
    /// What the clock did.
    pub enum ClockStep {
        /// The application arrived: the period for acceptance begins with the day after the day of receipt.
        Received => "RECEIVED",
        /// A notice told what is missing: that period stops.
        SupplementRequested => "SUPPLEMENT_REQUESTED",
        /// All that was missing arrived: it begins anew.
        SupplementAnswered => "SUPPLEMENT_ANSWERED",
        /// An officer accepted: the limits begin.
        Accepted => "ACCEPTED",
        /// Nobody answered in time: accepted, and the limits began with the day of receipt.
        AcceptedByLapse => "ACCEPTED_BY_LAPSE",
        /// A special procedure began: the limits stand.
        Paused => "PAUSED",
        /// It ended: they run again.
        Resumed => "RESUMED",
        /// They became longer.
        Extended => "EXTENDED",
        /// The case was decided: they stop, and the period for the delivery begins.
        Decided => "DECIDED",
        /// The decision was delivered.
        Delivered => "DELIVERED",
        /// The case ended without a decision: all stops.
        Ended => "ENDED",
    }
}

/// One thing that the clock did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub step: ClockStep,
    /// The day that counts for it, where that is another than the day on which it happened: of receipt.
    pub day: Option<NaiveDate>,
    /// Working days that belong to it: for the answer, of the procedure at most, of the extension.
    pub days: Option<u32>,
}

/// All that the clock of a case did by `now`, oldest first.
pub fn explain(case: &Case, clock: &ClockState, receipt_day: impl Fn(DateTime<Utc>) -> NaiveDate, now: DateTime<Utc>) -> Vec<ClockEntry> {
    let Some(timeline) = &case.timeline else { return Vec::new() };
    let mut entries = Vec::new();
    let mut add = |at: DateTime<Utc>, step, day, days| entries.push(ClockEntry { at, step, day, days });
    add(timeline.received_at, ClockStep::Received, Some(receipt_day(timeline.received_at)), None);
    for supplement in &timeline.supplements {
        add(supplement.requested_at, ClockStep::SupplementRequested, None, Some(supplement.answer_days));
        if let Some(answered) = supplement.answered_at {
            add(answered, ClockStep::SupplementAnswered, Some(receipt_day(answered)), None);
        }
    }
    if let Some(acceptance) = clock.effective_acceptance(now) {
        let step = if acceptance.by_lapse { ClockStep::AcceptedByLapse } else { ClockStep::Accepted };
        add(acceptance.since, step, Some(acceptance.as_of), None);
    }
    for pause in &timeline.pauses {
        add(pause.from, ClockStep::Paused, None, Some(pause.at_most_days));
        if let Some(to) = pause.to {
            add(to, ClockStep::Resumed, None, None);
        }
    }
    // A pause whose time is over has ended, whether or not anything has run.
    if let Some((_, until)) = clock.open_pause.filter(|(_, until)| *until <= now && !matches!(clock.acceptance, Acceptance::Never)) {
        add(until, ClockStep::Resumed, None, None);
    }
    for extension in &timeline.extensions {
        add(extension.at, ClockStep::Extended, None, Some(extension.promised_days));
    }
    for (at, step) in [(timeline.decided_at, ClockStep::Decided), (timeline.delivered_at, ClockStep::Delivered), (timeline.ended_at, ClockStep::Ended)] {
        if let Some(at) = at {
            add(at, step, None, None);
        }
    }
    // A notice that time has left unanswered ends the case.
    if let Acceptance::AwaitingSupplement { lapses } = clock.acceptance
        && clock.supplement_lapsed(now)
    {
        add(lapses.at, ClockStep::Ended, None, None);
    }
    entries.sort_by_key(|entry| entry.at);
    for entry in &mut entries {
        entry.day = entry.day.filter(|day| *day != civil_date(entry.at));
    }
    entries
}
