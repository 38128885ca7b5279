//! A unit: a place of work of a government body, in the one tree PROVINCE → CITY → DISTRICT → WINDOW.

use chrono::{DateTime, Utc};

use crate::coded_enum;
use crate::kernel::ids::{BodyId, TypedId as _, UnitId};
use crate::kernel::text::Text;

coded_enum! {
    /// Level of a unit in the tree.
    pub enum UnitLevel {
        /// Of the province (省级).
        Province => "PROVINCE",
        /// Of a city (市级).
        City => "CITY",
        /// Of a district or county (区县级).
        District => "DISTRICT",
        /// A window (窗口), where people are served.
        Window => "WINDOW",
    }
}

/// A unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Id.
    pub id: UnitId,
    /// The government body that it is of.
    pub body: BodyId,
    /// The unit above it; the root has none.
    pub parent: Option<UnitId>,
    /// Level.
    pub level: UnitLevel,
    /// Ids from the root, each as 32 hexadecimal digits followed by `/`; begins with `/`.
    pub path: String,
    /// Name.
    pub name: Text,
    /// Region (GB/T 2260) that it serves.
    pub region_code: String,
    /// Zone with rules of its own that it serves.
    pub zone_code: Option<String>,
    /// When it was made (UTC).
    pub created_at: DateTime<Utc>,
    /// When it was closed (UTC).
    pub closed_at: Option<DateTime<Utc>>,
    /// The unit that took over.
    pub successor: Option<UnitId>,
    /// Version for optimistic concurrency, from 1.
    pub version: i64,
}

/// What a new unit is made of. Values are parsed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUnit {
    /// The government body that it is of.
    pub body: BodyId,
    /// The unit above it.
    pub parent: Option<UnitId>,
    /// Level.
    pub level: UnitLevel,
    /// Name.
    pub name: Text,
    /// Region (GB/T 2260) that it serves.
    pub region_code: String,
    /// Zone with rules of its own that it serves.
    pub zone_code: Option<String>,
}

/// The path of a unit below `parent`, or of a root. A grant at a unit reaches every path that begins with the unit's.
pub fn path_below(parent: Option<&str>, id: UnitId) -> String {
    format!("{}{}/", parent.unwrap_or("/"), id.uuid().simple())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_path_holds_the_ids_from_the_root() {
        let root = path_below(None, UnitId(Uuid::from_u128(1)));
        let below = path_below(Some(&root), UnitId(Uuid::from_u128(2)));
        assert_eq!(root, "/00000000000000000000000000000001/");
        assert_eq!(below, "/00000000000000000000000000000001/00000000000000000000000000000002/");
    }
}
