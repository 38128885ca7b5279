//! The legal clock of a case: acceptance by lapse of time, promised and statutory limit, near breach, pauses.
//!
//! Everything is a function of the events of the case, the calendar and the settings; what holds at an instant is
//! asked of the result with `now`. No job has to run for an acceptance by lapse or an overdue mark to be true.
//!
//! Rules and their sources (the Licensing Law binds permits only; the portal applies it to every item by policy):
//!
//! - Periods are in working days without statutory holidays (行政许可法 Art. 82). The day of the event is not counted
//!   (民法典 Art. 201); a period ends at 24:00 UTC+8 of its last day.
//! - What arrives after office hours or on a day off counts as arrived on the next working day (setting). An act of the
//!   authority (acceptance, supplement notice, begin of a pause) is of the civil day on which it happens.
//! - Whoever is not told within five working days what is missing counts as accepted from the day of receipt
//!   (行政许可法 Art. 32). Where an officer states an earlier receipt, the limits run from it, but these five days begin with
//!   the day of entry: nobody is taken to have let a period pass that was over before the office could see the case.
//!   After a supplement the period starts anew and the day of receipt is the day on which the last
//!   papers arrived. A notice or an acceptance after the lapse has no effect: the case was accepted already.
//! - The limits run from the day of acceptance (Art. 42–43); an extension (Art. 42) lengthens them if it is granted
//!   before the limit has passed, never afterwards.
//! - **Pauses** (Art. 45: the time that a hearing, test, appraisal or expert review needs is not counted and is told in
//!   writing). A pause stands for whole days, counted as every other period is: **the day on which it begins is not part
//!   of it, the day on which it ends is.** So a pause from Monday to Wednesday takes two working days out of the limit,
//!   and one begun and ended on the same day takes none, which keeps a limit from being stretched by pauses of a
//!   minute. Overlapping pauses take each day out once. A pause excludes at most the working days that were told
//!   for it; after them the clock runs again by itself. While a pause is open, due dates assume that it lasts so long.
//! - Near breach (a proposal, setting) is the start, 00:00 UTC+8, of counted working day ceil(0.7 · N) of the promised
//!   limit, or of the statutory one where nothing is promised. A limit of 0 days (即办件) ends with the day of acceptance
//!   and has no near breach.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::coded_enum;
use crate::kernel::clock::{bay_area_time, civil_date, end_of_day, start_of_day};
use crate::kernel::role::Role;
use crate::organisation::model::calendar::{Calendar, Due};

/// What has happened to a case, as far as the clock cares. Lists are in the order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// When the application arrived.
    pub received_at: DateTime<Utc>,
    /// When it was entered, which for stated receipts is later: nobody could answer it before.
    pub entered_at: DateTime<Utc>,
    /// Supplement notices (一次性告知) and their answers.
    pub supplements: Vec<Supplement>,
    /// When an officer accepted (受理). Acceptance by lapse is computed until it is written down.
    pub accepted_at: Option<DateTime<Utc>>,
    /// Whether that acceptance was written down before any lapse was. It is a fact from then on, as a lapse is.
    pub accepted_in_time: bool,
    /// Acceptance by lapse of time as it was written down. It is a fact from then on: neither another setting nor another
    /// calendar takes it back.
    pub lapsed: Option<Lapse>,
    /// Special procedures (特别程序).
    pub pauses: Vec<Pause>,
    /// Extensions granted (延长).
    pub extensions: Vec<Extension>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// When the decision was delivered (送达).
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it ended without a decision: not accepted, withdrawn, terminated.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Timeline {
    /// A case that has only arrived.
    pub const fn received(received_at: DateTime<Utc>) -> Self {
        Self {
            received_at,
            entered_at: received_at,
            supplements: Vec::new(),
            accepted_at: None,
            accepted_in_time: false,
            lapsed: None,
            pauses: Vec::new(),
            extensions: Vec::new(),
            decided_at: None,
            delivered_at: None,
            ended_at: None,
        }
    }
}

/// A supplement notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supplement {
    /// When it was sent.
    pub requested_at: DateTime<Utc>,
    /// Working days that the applicant has for the answer.
    pub answer_days: u32,
    /// When all that was asked for had arrived. An answer after the deadline has no effect.
    pub answered_at: Option<DateTime<Utc>>,
}

/// A special procedure, during which the limits stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it began.
    pub from: DateTime<Utc>,
    /// When it ended, if it has.
    pub to: Option<DateTime<Utc>>,
    /// The most working days that it takes, as told to the applicant.
    pub at_most_days: u32,
}

/// An extension of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// When it was granted.
    pub at: DateTime<Utc>,
    /// Working days added to the promised limit.
    pub promised_days: u32,
    /// Working days added to the statutory limit.
    pub statutory_days: u32,
}

/// The limits of the pinned offering, in working days from acceptance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Promised limit (承诺办结时限).
    pub promised_days: Option<u32>,
    /// Statutory limit (法定办结时限).
    pub statutory_days: Option<u32>,
}

/// What may be set by whoever runs the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSettings {
    /// End of office hours at UTC+8; what arrives later counts from the next working day.
    pub office_hours_end: NaiveTime,
    /// Working days for acceptance or a supplement notice (行政许可法 Art. 32: five).
    pub acceptance_days: u32,
    /// Share of the limit after which it counts as nearly passed, in hundredths. A proposal of ours.
    pub near_breach_percent: u32,
    /// Working days for the delivery of a decision (行政许可法 Art. 44: ten).
    pub delivery_days: u32,
    /// The applicant is reminded of a notice at the start of the day that is so many working days before the last day of the
    /// answer. A proposal of ours.
    pub reminder_days: [u32; 2],
}

impl Default for ClockSettings {
    fn default() -> Self {
        Self {
            office_hours_end: NaiveTime::from_hms_opt(17, 0, 0).unwrap_or(NaiveTime::MIN),
            acceptance_days: 5,
            near_breach_percent: 70,
            delivery_days: 10,
            reminder_days: [5, 1],
        }
    }
}

/// The instant at which a period ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueAt {
    /// 24:00 UTC+8 of the last day. At this instant the period is over.
    pub at: DateTime<Utc>,
    /// Whether days were counted of a year whose calendar is not published yet.
    pub provisional: bool,
}

impl From<Due> for DueAt {
    fn from(due: Due) -> Self {
        Self { at: end_of_day(due.date), provisional: due.provisional }
    }
}

/// An acceptance by lapse of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// The instant from which it is true.
    pub at: DateTime<Utc>,
    /// The day of receipt from which the limits run.
    pub as_of: NaiveDate,
}

/// How a case comes to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// An officer accepted in time.
    ByOfficer {
        /// When.
        at: DateTime<Utc>,
    },
    /// Nobody has answered: true from `due.at` on, and then accepted as of the day of receipt.
    ByLapse {
        /// End of the acceptance period.
        due: DueAt,
        /// The day of receipt from which the limits run.
        as_of: NaiveDate,
    },
    /// The applicant must supplement; without an answer the case lapses at `lapses.at`.
    AwaitingSupplement {
        /// Deadline of the answer.
        lapses: DueAt,
    },
    /// The case ended before it was accepted.
    Never,
}

/// A case that is accepted at the instant asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectiveAcceptance {
    /// Since when this is true.
    pub since: DateTime<Utc>,
    /// The day from which the limits run.
    pub as_of: NaiveDate,
    /// Whether it came about by lapse of time.
    pub by_lapse: bool,
}

coded_enum! {
    /// How a case stands against its limits.
    pub enum Punctuality {
        /// Nothing to warn of.
        InTime => "IN_TIME",
        /// Most of the limit is used up (a warning).
        NearBreach => "NEAR_BREACH",
        /// The promised limit has passed (黄牌).
        PromisePassed => "PROMISE_PASSED",
        /// The statutory limit has passed (红牌).
        StatutePassed => "STATUTE_PASSED",
    }
}

coded_enum! {
    /// What the clock brings about at an instant.
    pub enum ClockMark {
        /// The case becomes accepted by lapse of time.
        DeemedAcceptance => "DEEMED_ACCEPTANCE",
        /// The applicant is reminded of a notice that she has not answered.
        SupplementReminder => "SUPPLEMENT_REMINDER",
        /// The supplement was not answered; the case lapses.
        SupplementLapse => "SUPPLEMENT_LAPSE",
        /// The limit is nearly passed.
        NearBreach => "NEAR_BREACH",
        /// The promised limit has passed.
        PromisePassed => "PROMISE_PASSED",
        /// The statutory limit has passed.
        StatutePassed => "STATUTE_PASSED",
        /// The time told for a pause is over and the clock runs again.
        PauseOver => "PAUSE_OVER",
        /// The decision should have been delivered.
        DeliveryPassed => "DELIVERY_PASSED",
    }
}

impl ClockMark {
    /// The role that is told of it, where it is told to staff: a warning to whoever reviews, a promise that passed (黄牌) to
    /// the supervisor, a statute that passed (红牌) to whoever answers for the organ. A proposal; no official rule was found.
    pub const fn escalates_to(self) -> Option<Role> {
        match self {
            Self::NearBreach | Self::PauseOver => Some(Role::Reviewer),
            Self::DeliveryPassed => Some(Role::WindowOfficer),
            Self::PromisePassed => Some(Role::Supervisor),
            Self::StatutePassed => Some(Role::Approver),
            Self::DeemedAcceptance | Self::SupplementReminder | Self::SupplementLapse => None,
        }
    }
}

/// The clock of a case, computed from its events.
///
/// The limits of a case that waits for acceptance are those that hold if nobody answers; they count only from
/// the lapse on, see [`ClockState::effective_acceptance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// The day on which the papers count as received: of the application, or of the last supplement.
    pub receipt_day: NaiveDate,
    /// How the case comes to be accepted.
    pub acceptance: Acceptance,
    /// End of the promised limit.
    pub promised: Option<DueAt>,
    /// End of the statutory limit.
    pub statutory: Option<DueAt>,
    /// Start of the day from which the limit counts as nearly passed.
    pub near_breach_at: Option<DateTime<Utc>>,
    /// When the applicant is reminded of a notice, where one waits for her.
    pub reminders: [Option<DateTime<Utc>>; 2],
    /// Begin and latest end of the pause that is open, if one is.
    pub open_pause: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Until when the decision is to be delivered; only between decision and delivery.
    pub delivery: Option<DueAt>,
    /// When the clock stopped: decided or ended.
    pub stopped_at: Option<DateTime<Utc>>,
}

/// Computes the clock of a case.
pub fn compute(timeline: &Timeline, limits: &Limits, calendar: &Calendar, settings: &ClockSettings) -> ClockState {
    let (receipt, acceptance) = acceptance(timeline, calendar, settings);
    let from = match acceptance {
        Acceptance::ByOfficer { at } => Some(civil_date(at)),
        Acceptance::ByLapse { as_of, .. } => Some(as_of),
        Acceptance::AwaitingSupplement { .. } | Acceptance::Never => None,
    };
    let pauses: Vec<(NaiveDate, NaiveDate)> = timeline.pauses.iter().map(|pause| standing_days(pause, calendar)).collect();
    let nth = |from, n| calendar.nth_counted_day(from, n, |day| !pauses.iter().any(|(begin, end)| *begin < day && day <= *end));
    let limit = |days: Option<u32>, added: fn(&Extension) -> u32| {
        let (from, days) = (from?, days?);
        let total = timeline.extensions.iter().fold(days, |total, extension| {
            let in_time = extension.at < DueAt::from(nth(from, total)).at;
            if in_time { total.saturating_add(added(extension)) } else { total }
        });
        Some((total, nth(from, total)))
    };
    let promised = limit(limits.promised_days, |extension| extension.promised_days);
    let statutory = limit(limits.statutory_days, |extension| extension.statutory_days);
    let near_breach_at = promised.or(statutory).zip(from).and_then(|((total, _), from)| {
        let warned = (u64::from(total) * u64::from(settings.near_breach_percent)).div_ceil(100);
        let day = u32::try_from(warned).unwrap_or(u32::MAX);
        (day > 0).then(|| start_of_day(nth(from, day).date))
    });
    let open_pause = timeline
        .pauses
        .iter()
        .zip(&pauses)
        .filter(|(pause, _)| pause.to.is_none())
        .map(|(pause, (_, end))| (pause.from, end_of_day(*end)))
        .max_by_key(|(_, end)| *end);
    let delivery = match (timeline.decided_at, timeline.delivered_at, timeline.ended_at) {
        (Some(decided), None, None) => Some(calendar.add_working_days(civil_date(decided), settings.delivery_days).into()),
        _ => None,
    };
    ClockState {
        receipt_day: receipt,
        acceptance,
        promised: promised.map(|(_, due)| due.into()),
        statutory: statutory.map(|(_, due)| due.into()),
        near_breach_at,
        reminders: reminders(timeline, acceptance, calendar, settings),
        open_pause,
        delivery,
        stopped_at: timeline.decided_at.or(timeline.ended_at),
    }
}

/// The day as of which papers count that arrived at this instant.
///
/// Office hours include their last instant.
pub fn receipt_day(at: DateTime<Utc>, calendar: &Calendar, settings: &ClockSettings) -> Due {
    let date = civil_date(at);
    if at.with_timezone(&bay_area_time()).time() > settings.office_hours_end {
        calendar.next_working_day(date)
    } else {
        calendar.this_or_next_working_day(date)
    }
}

/// The last day of receipt, and how the case comes to be accepted.
fn acceptance(timeline: &Timeline, calendar: &Calendar, settings: &ClockSettings) -> (NaiveDate, Acceptance) {
    let period = |receipt: Due| {
        let due = calendar.add_working_days(receipt.date, settings.acceptance_days);
        DueAt { provisional: receipt.provisional || due.provisional, ..due.into() }
    };
    if let Some(Lapse { at, as_of }) = timeline.lapsed {
        return (as_of, Acceptance::ByLapse { due: DueAt { at, provisional: false }, as_of });
    }
    let mut receipt = receipt_day(timeline.received_at, calendar, settings);
    let entry = receipt_day(timeline.entered_at, calendar, settings);
    let mut due = period(if entry.date > receipt.date { entry } else { receipt });
    let stop = timeline.decided_at.or(timeline.ended_at);
    let closed_by = |instant: DateTime<Utc>| stop.is_some_and(|at| at < instant);
    for supplement in &timeline.supplements {
        let too_late = supplement.requested_at >= due.at || timeline.accepted_at.is_some_and(|at| at < due.at && at <= supplement.requested_at);
        if too_late {
            break;
        }
        let lapses = DueAt::from(calendar.add_working_days(civil_date(supplement.requested_at), supplement.answer_days));
        let Some(answered_at) = supplement.answered_at.filter(|at| *at < lapses.at) else {
            let waits = if stop.is_some() { Acceptance::Never } else { Acceptance::AwaitingSupplement { lapses } };
            return (receipt.date, waits);
        };
        receipt = receipt_day(answered_at, calendar, settings);
        due = period(receipt);
    }
    let acceptance = match timeline.accepted_at {
        Some(at) if timeline.accepted_in_time || at < due.at => Acceptance::ByOfficer { at },
        None if closed_by(due.at) => Acceptance::Never,
        Some(_) | None => Acceptance::ByLapse { due, as_of: receipt.date },
    };
    (receipt.date, acceptance)
}

/// When the applicant is reminded of the notice that waits for her; not on the day of the notice itself.
fn reminders(timeline: &Timeline, acceptance: Acceptance, calendar: &Calendar, settings: &ClockSettings) -> [Option<DateTime<Utc>>; 2] {
    let waits = matches!(acceptance, Acceptance::AwaitingSupplement { .. });
    let Some(notice) = timeline.supplements.last().filter(|_| waits) else { return [None; 2] };
    settings.reminder_days.map(|before| {
        let day = notice.answer_days.checked_sub(before).filter(|day| *day > 0)?;
        Some(start_of_day(calendar.add_working_days(civil_date(notice.requested_at), day).date))
    })
}

/// The day on which a pause begins, which still counts, and the last day that it takes out.
fn standing_days(pause: &Pause, calendar: &Calendar) -> (NaiveDate, NaiveDate) {
    let begin = civil_date(pause.from);
    let latest = calendar.add_working_days(begin, pause.at_most_days).date;
    (begin, pause.to.map_or(latest, |to| civil_date(to).min(latest)))
}

impl ClockState {
    /// The instant at which the case is accepted if nobody answers, also when it has passed; for the queue's
    /// `deemed_at <= now`.
    pub fn deemed_at(&self) -> Option<DateTime<Utc>> {
        match self.acceptance {
            Acceptance::ByLapse { due, .. } => Some(due.at),
            Acceptance::ByOfficer { .. } | Acceptance::AwaitingSupplement { .. } | Acceptance::Never => None,
        }
    }

    /// The acceptance that holds at `now`, whether or not anything has run; `None` while there is none.
    pub fn effective_acceptance(&self, now: DateTime<Utc>) -> Option<EffectiveAcceptance> {
        match self.acceptance {
            Acceptance::ByOfficer { at } if at <= now => Some(EffectiveAcceptance { since: at, as_of: civil_date(at), by_lapse: false }),
            Acceptance::ByLapse { due, as_of } if due.at <= now => Some(EffectiveAcceptance { since: due.at, as_of, by_lapse: true }),
            Acceptance::ByOfficer { .. } | Acceptance::ByLapse { .. } | Acceptance::AwaitingSupplement { .. } | Acceptance::Never => None,
        }
    }

    /// Whether the supplement was not answered by its deadline, so that the case has lapsed at `now`.
    pub fn supplement_lapsed(&self, now: DateTime<Utc>) -> bool {
        matches!(self.acceptance, Acceptance::AwaitingSupplement { lapses } if lapses.at <= now)
    }

    /// Whether the limits stand at `now` because of an open pause.
    pub fn paused(&self, now: DateTime<Utc>) -> bool {
        self.stopped_at.is_none() && self.open_pause.is_some_and(|(from, until)| from <= now && now < until)
    }

    /// Whether a date of this clock may still move when a calendar is published.
    pub fn provisional(&self) -> bool {
        let acceptance = match self.acceptance {
            Acceptance::ByLapse { due, .. } => due.provisional,
            Acceptance::AwaitingSupplement { lapses } => lapses.provisional,
            Acceptance::ByOfficer { .. } | Acceptance::Never => false,
        };
        acceptance || [self.promised, self.statutory, self.delivery].iter().flatten().any(|due| due.provisional)
    }

    /// How the case stands at `now`, or stood when its clock stopped. A case not accepted yet is in time.
    pub fn punctuality(&self, now: DateTime<Utc>) -> Punctuality {
        let at = self.stopped_at.map_or(now, |stopped| stopped.min(now));
        let passed = |due: Option<DueAt>| due.is_some_and(|due| due.at <= at);
        if self.effective_acceptance(at).is_none() {
            Punctuality::InTime
        } else if passed(self.statutory) {
            Punctuality::StatutePassed
        } else if passed(self.promised) {
            Punctuality::PromisePassed
        } else if self.near_breach_at.is_some_and(|near| near <= at) {
            Punctuality::NearBreach
        } else {
            Punctuality::InTime
        }
    }

    /// Every instant at which the clock brings something about, past ones too, and what; in no order.
    pub fn marks(&self) -> Vec<(DateTime<Utc>, ClockMark)> {
        if self.stopped_at.is_some() {
            return self.delivery.map(|due| (due.at, ClockMark::DeliveryPassed)).into_iter().collect();
        }
        match self.acceptance {
            Acceptance::Never => Vec::new(),
            Acceptance::AwaitingSupplement { lapses } => {
                let reminders = self.reminders.iter().flatten().map(|at| (*at, ClockMark::SupplementReminder));
                reminders.chain([(lapses.at, ClockMark::SupplementLapse)]).collect()
            }
            Acceptance::ByLapse { .. } | Acceptance::ByOfficer { .. } => {
                let lapse = self.deemed_at().map(|at| (at, ClockMark::DeemedAcceptance));
                let limits = [
                    self.near_breach_at.map(|at| (at, ClockMark::NearBreach)),
                    self.promised.map(|due| (due.at, ClockMark::PromisePassed)),
                    self.statutory.map(|due| (due.at, ClockMark::StatutePassed)),
                    self.open_pause.map(|(_, until)| (until, ClockMark::PauseOver)),
                ];
                lapse.into_iter().chain(limits.into_iter().flatten()).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
