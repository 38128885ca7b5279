//! What is asked of an applicant, and what the clock of a case did, for the API.

use async_graphql::{ID, SimpleObject};

use crate::api::ids;
use crate::api::messages::message;
use crate::api::scalars::{Date, Instant};
use crate::api::text::LocalizedText;
use crate::application::model::case::{ExtensionState, OpenProcedure, Request};
use crate::application::model::clock::{ClockMark, Punctuality};
use crate::application::model::event::{Procedure, TerminationReason};
use crate::application::model::explain::{ClockEntry, ClockStep};
use crate::application::model::request::{AskedKind, name_of};
use crate::application::service::engine::Loaded;
use crate::application::service::view::RequestedItem;
use crate::kernel::rejection::Arg;
use crate::kernel::text::Language;

api_enum!(Procedure, "SpecialProcedure", "A special procedure (特别程序), whose time is not counted.");
api_enum!(TerminationReason, "TerminationReason", "Why a case ended without a decision (终止).");
api_enum!(AskedKind, "RequestItemKind", "Kind of something that an applicant is asked for.");
api_enum!(Punctuality, "Punctuality", "How a case stands against its limits.");
api_enum!(ClockStep, "ClockStep", "What the clock of a case did.");
api_enum!(ClockMark, "ClockMark", "A mark that the clock of a case passes.");

/// Something asked of the applicant: a notice of what is missing (一次性告知书), or what a special procedure waits for.
#[derive(SimpleObject, Clone, Debug)]
pub struct ApplicationRequest {
    /// When it was asked.
    pub requested_at: Instant,
    /// Whether it came before acceptance: then its answer begins the period for acceptance anew, and without one in time the
    /// case ends.
    pub supplement: bool,
    /// Until when it waits: the first instant after the last day at UTC+8. Null once it waits no more.
    pub due_at: Option<Instant>,
    /// When it waited no more: all had come, or the procedure or the case had ended.
    pub closed_at: Option<Instant>,
    /// What is asked for.
    pub items: Vec<ApplicationRequestItem>,
}

/// Something that is asked for.
#[derive(SimpleObject, Clone, Debug)]
pub struct ApplicationRequestItem {
    /// Global id, for `answerSupplement`.
    pub id: ID,
    /// Kind.
    pub kind: AskedKind,
    /// Key of the material, where it is one.
    pub material_key: Option<String>,
    /// JSON pointer of the answer, where it is one.
    pub pointer: Option<String>,
    /// Name of the material, or title of the question.
    pub name: Option<LocalizedText>,
    /// Why, in the words of the officer; null once the data of the person are erased.
    pub reason: Option<String>,
    /// When it was handed in.
    pub answered_at: Option<Instant>,
}

impl ApplicationRequest {
    /// The requests of a case, oldest first.
    pub fn of(loaded: &Loaded, items: &[RequestedItem], language: Language) -> Vec<Self> {
        let due = |request: &Request| request.closed_at.is_none().then(|| loaded.request_due(request)).flatten();
        let item = |request: &Request, item: &RequestedItem| {
            let key = || Some(item.row.key.clone());
            let material = item.row.kind == AskedKind::Material;
            ApplicationRequestItem {
                id: ids::encode(item.row.id),
                kind: item.row.kind,
                material_key: if material { key() } else { None },
                pointer: if material { None } else { key() },
                name: name_of(item.row.kind, &item.row.key, &loaded.version).map(|name| LocalizedText::of(name, language)),
                reason: item.reason.clone(),
                answered_at: request.answered.iter().find(|(answered, _)| *answered == item.row.id).map(|(_, at)| Instant(*at)),
            }
        };
        let shown = |request: &Request| Self {
            requested_at: Instant(request.at),
            supplement: request.supplement,
            due_at: due(request).map(Instant),
            closed_at: request.closed_at.map(Instant),
            items: items.iter().filter(|known| known.row.seq == request.seq).map(|known| item(request, known)).collect(),
        };
        loaded.case.requests.iter().map(shown).collect()
    }
}

/// A special procedure that is going on.
#[derive(SimpleObject, Clone, Debug)]
pub struct RunningProcedure {
    /// Which.
    pub procedure: Procedure,
    /// Since when.
    pub since: Instant,
    /// Working days that it takes at most.
    pub at_most_days: i32,
    /// Until when the limits stand at most; then they run again by themselves.
    pub until: Option<Instant>,
}

impl RunningProcedure {
    /// The procedure of a case, if one is going on.
    pub fn of(loaded: &Loaded) -> Option<Self> {
        let OpenProcedure { procedure, since, at_most_days } = loaded.case.procedure?;
        let until = loaded.clock.as_ref().and_then(|clock| clock.open_pause).map(|(_, until)| Instant(until));
        Some(Self { procedure, since: Instant(since), at_most_days: i32::try_from(at_most_days).unwrap_or(i32::MAX), until })
    }
}

/// What came of longer limits.
#[derive(SimpleObject, Clone, Debug)]
pub struct ApplicationExtension {
    /// Working days more.
    pub days: Option<i32>,
    /// Whether they were granted; null while nobody has decided it.
    pub granted: Option<bool>,
}

impl From<ExtensionState> for ApplicationExtension {
    fn from(state: ExtensionState) -> Self {
        let days = |days: u32| i32::try_from(days).ok();
        match state {
            ExtensionState::Asked { days: asked, .. } => Self { days: days(asked), granted: None },
            ExtensionState::Granted { days: granted } => Self { days: days(granted), granted: Some(true) },
            ExtensionState::Declined => Self { days: None, granted: Some(false) },
        }
    }
}

/// One thing that the clock of a case did.
#[derive(SimpleObject, Clone, Debug)]
pub struct ApplicationClockEntry {
    /// When.
    pub at: Instant,
    /// What.
    pub step: ClockStep,
    /// The day that counts for it, where that is another than the day on which it happened: what arrives after hours counts
    /// from the next working day.
    pub counts_as_of: Option<Date>,
    /// Working days that belong to it: for the answer, of the procedure at most, of the extension.
    pub days: Option<i32>,
    /// What it means, in the reader's language.
    pub explanation: String,
}

impl ApplicationClockEntry {
    /// An entry for a reader of `language`.
    pub fn of(entry: ClockEntry, language: Language) -> Self {
        let days = entry.days.map_or(0, i64::from);
        let args = [("days", Arg::Number(days)), ("day", Arg::Text(entry.day.map_or_else(String::new, |day| day.to_string())))];
        Self {
            at: Instant(entry.at),
            step: entry.step,
            counts_as_of: entry.day.map(Date),
            days: entry.days.and_then(|days| i32::try_from(days).ok()),
            explanation: message(language, &format!("CLOCK_{}", entry.step.code()), &args),
        }
    }
}
