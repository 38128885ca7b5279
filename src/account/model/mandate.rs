//! Mandates (授权委托): one person acts for another, for named items or all, for a term, withdrawable at once.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::ids::{MandateId, PersonId};

/// The most item codes of one mandate.
pub const MAX_ITEMS: usize = 50;

/// For which service items a mandate holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MandateScope {
    /// For all.
    All,
    /// For these item codes.
    Items(Vec<String>),
}

impl MandateScope {
    /// Whether an item is within.
    pub fn covers(&self, item: &str) -> bool {
        match self {
            Self::All => true,
            Self::Items(items) => items.iter().any(|i| i == item),
        }
    }
}

/// A mandate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mandate {
    /// Its id.
    pub id: MandateId,
    /// Who is acted for.
    pub principal: PersonId,
    /// Who acts.
    pub agent: PersonId,
    /// For what.
    pub scope: MandateScope,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when.
    pub ends_at: DateTime<Utc>,
    /// When it was withdrawn, if it was.
    pub withdrawn_at: Option<DateTime<Utc>>,
}

impl Mandate {
    /// Whether it holds at an instant, whoever asks.
    pub fn holds_at(&self, now: DateTime<Utc>) -> bool {
        self.withdrawn_at.is_none() && self.starts_at <= now && now < self.ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mandate_holds_within_its_term_and_until_it_is_withdrawn() {
        let at = |s| DateTime::from_timestamp(s, 0).unwrap();
        let id = uuid::Uuid::nil();
        let mandate = Mandate {
            id: MandateId(id),
            principal: PersonId(id),
            agent: PersonId(id),
            scope: MandateScope::Items(vec!["CARD".into()]),
            starts_at: at(10),
            ends_at: at(20),
            withdrawn_at: None,
        };
        assert!(!mandate.holds_at(at(9)));
        assert!(mandate.holds_at(at(10)));
        assert!(!mandate.holds_at(at(20)));
        assert!(!Mandate { withdrawn_at: Some(at(12)), ..mandate.clone() }.holds_at(at(13)));
        assert!(mandate.scope.covers("CARD") && !mandate.scope.covers("TITLE") && MandateScope::All.covers("TITLE"));
    }

    #[test]
    fn scopes_are_stored_by_stable_names() {
        assert_eq!(serde_json::to_string(&MandateScope::All).unwrap(), "\"ALL\"");
        assert_eq!(serde_json::to_string(&MandateScope::Items(vec!["A".into()])).unwrap(), "{\"ITEMS\":[\"A\"]}");
    }
}
