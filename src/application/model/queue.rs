//! Rows of a work queue, and what may be asked of it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::application::model::case::State;
use crate::kernel::ids::{ApplicationId, ItemId, ItemVersionId, PersonId};
use crate::kernel::text::Text;

/// A row of a queue with the names that it shows.
#[derive(Clone, Debug)]
pub struct QueueRow {
    /// The case.
    pub id: ApplicationId,
    /// Its number.
    pub number: String,
    /// The item.
    pub item: ItemId,
    /// Name of the item.
    pub item_name: Arc<Text>,
    /// The applicant.
    pub applicant: PersonId,
    /// Her Chinese name.
    pub name_zh: Option<String>,
    /// Her Latin name.
    pub name_latin: Option<String>,
    /// State that holds now, acceptance by lapse included.
    pub state: State,
    /// The step that is due.
    pub step_key: Option<String>,
    /// Who claimed it.
    pub claimed_by: Option<PersonId>,
    /// Her name.
    pub claimed_by_name: Option<String>,
    /// Version.
    pub version: i64,
    /// The pinned version of the item.
    pub pinned: ItemVersionId,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// What is due next.
    pub due_at: DateTime<Utc>,
    /// Promised limit.
    pub promised_due_at: Option<DateTime<Utc>>,
    /// Statutory limit.
    pub statutory_due_at: Option<DateTime<Utc>>,
    /// From when on the limit counts as nearly passed.
    pub near_breach_at: Option<DateTime<Utc>>,
    /// Whether the dates may move.
    pub provisional: bool,
}

/// What is asked of a queue.
#[derive(Clone, Debug, Default)]
pub struct QueueFilter {
    /// Only this state.
    pub state: Option<State>,
    /// Only this item.
    pub item: Option<ItemId>,
    /// Only this step.
    pub step: Option<String>,
    /// Only due before this instant.
    pub due_before: Option<DateTime<Utc>>,
    /// Only claimed by this person.
    pub claimed_by: Option<PersonId>,
    /// Only those that nobody claimed.
    pub unclaimed: bool,
    /// Only those whose steps are all finished.
    pub to_decide: bool,
}
