//! A unit: a place of work of a government body, in the one tree PROVINCE → CITY → DISTRICT → WINDOW.

use chrono::{DateTime, Utc};

use crate::coded_enum;
use crate::kernel::ids::{BodyId, TypedId as _, UnitId};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::text::Text;
use crate::organisation::model::body::{Body, BodyKind};
use crate::organisation::model::reference::{Region, RegionLevel, Zone, lies_in};

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

/// A unit in the tree, without what is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitNode {
    /// Id.
    pub id: UnitId,
    /// Level.
    pub level: UnitLevel,
    /// Ids from the root down to it.
    pub path: String,
    /// Name.
    pub name: Text,
}

/// The path of a unit below `parent`, or of a root. A grant at a unit reaches every path that begins with the unit's.
pub fn path_below(parent: Option<&str>, id: UnitId) -> String {
    format!("{}{}/", parent.unwrap_or("/"), id.uuid().simple())
}

/// Where a new unit is to stand: what the ids and codes of the input lead to.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The body that it is of.
    pub body: &'a Body,
    /// The unit above it, with its region.
    pub parent: Option<(&'a Unit, &'a Region)>,
    /// Level.
    pub level: UnitLevel,
    /// The region that it serves.
    pub region: &'a Region,
    /// The zone that it serves.
    pub zone: Option<&'a Zone>,
}

/// Every reason why no unit can stand there; empty where one can.
///
/// The tree is PROVINCE → CITY → DISTRICT → WINDOW: a city stands under a province, a district under a city that has
/// districts (东莞 and 中山 have none), a window under any of the three. Its region is of the same level (a window's is
/// of any) and lies in that of the unit above; its zone is one of the region's city. The body is a government body, and
/// neither it nor the unit above is closed.
pub fn misplaced(place: &Place<'_>) -> Vec<Rejection> {
    let mut problems = Vec::new();
    if place.body.kind != BodyKind::Government || place.body.closed_at.is_some() {
        problems.push(Rejection::at(Code::NotAllowed, "input.bodyId"));
    }
    let under = place.parent.map(|(unit, _)| unit.level);
    let ordered = match place.level {
        UnitLevel::Province => under.is_none(),
        UnitLevel::City => under == Some(UnitLevel::Province),
        UnitLevel::District => under == Some(UnitLevel::City) && place.parent.is_some_and(|(_, region)| region.has_districts),
        UnitLevel::Window => matches!(under, Some(UnitLevel::Province | UnitLevel::City | UnitLevel::District)),
    };
    if !ordered {
        problems.push(Rejection::at(Code::UnitMisplaced, "input.level"));
    }
    if place.parent.is_some_and(|(unit, _)| unit.closed_at.is_some()) {
        problems.push(Rejection::at(Code::NotAllowed, "input.parentId"));
    }
    let leveled = match place.level {
        UnitLevel::Province => place.region.level == RegionLevel::Province,
        UnitLevel::City => place.region.level == RegionLevel::City,
        UnitLevel::District => place.region.level == RegionLevel::District,
        UnitLevel::Window => true,
    };
    if !leveled || place.parent.is_some_and(|(_, region)| !lies_in(&place.region.code, &region.code)) {
        problems.push(Rejection::at(Code::UnitMisplaced, "input.regionCode"));
    }
    if place.zone.is_some_and(|zone| !lies_in(&place.region.code, &zone.city)) {
        problems.push(Rejection::at(Code::UnitMisplaced, "input.zoneCode"));
    }
    problems
}

/// Whether `successor` may take over from `unit`, and every reason why not: it is another open unit of the same level,
/// and `unit` is not closed and has no open unit below it.
pub fn cannot_close(unit: &Unit, successor: &Unit, has_open_below: bool) -> Vec<Rejection> {
    let mut problems = Vec::new();
    if unit.closed_at.is_some() || has_open_below {
        problems.push(Rejection::at(Code::WrongState, "input.unitId"));
    }
    if successor.id == unit.id || successor.level != unit.level || successor.closed_at.is_some() {
        problems.push(Rejection::at(Code::NotAllowed, "input.successorId"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::code::Verification;
    use crate::kernel::text::Origin;
    use crate::organisation::model::reference::places_bundle;

    /// Level and region of the unit above.
    type Above<'a> = Option<(UnitLevel, &'a str)>;

    fn body(kind: BodyKind) -> Body {
        Body {
            id: BodyId(Uuid::from_u128(9)),
            kind,
            name: Text::simplified("机关", Origin::Human),
            uscc: None,
            region_code: None,
            verification: Verification::StandIn,
            created_at: DateTime::UNIX_EPOCH,
            closed_at: None,
            successor: None,
            version: 1,
        }
    }

    fn unit(id: u128, level: UnitLevel, region: &str) -> Unit {
        let id = UnitId(Uuid::from_u128(id));
        Unit {
            id,
            body: BodyId(Uuid::from_u128(9)),
            parent: None,
            level,
            path: path_below(None, id),
            name: Text::simplified("单位", Origin::Human),
            region_code: region.into(),
            zone_code: None,
            created_at: DateTime::UNIX_EPOCH,
            closed_at: None,
            successor: None,
            version: 1,
        }
    }

    /// Fields that `misplaced` names for a unit of `level` in `region` under a unit.
    fn fields(under: Option<(UnitLevel, &str)>, level: UnitLevel, region: &str, zone: Option<&str>) -> Vec<String> {
        let places = places_bundle().unwrap();
        let find = |code: &str| places.regions.iter().find(|r| r.code == code).unwrap();
        let above = under.map(|(level, region)| unit(1, level, region));
        let place = Place {
            body: &body(BodyKind::Government),
            parent: above.as_ref().map(|u| (u, find(&u.region_code))),
            level,
            region: find(region),
            zone: zone.map(|code| places.zones.iter().find(|z| z.code == code).unwrap()),
        };
        misplaced(&place).into_iter().map(|r| r.field.join(".")).collect()
    }

    #[test]
    fn the_tree_goes_from_province_to_city_to_district_to_window() {
        use UnitLevel::{City, District, Province, Window};
        let fine: [(Above, UnitLevel, &str); 8] = [
            (None, Province, "440000"),
            (Some((Province, "440000")), City, "440100"),
            (Some((City, "440100")), District, "440106"),
            (Some((District, "440106")), Window, "440106"),
            (Some((City, "440100")), Window, "440106"),
            (Some((Province, "440000")), Window, "440100"),
            (Some((Province, "440000")), City, "441900"),
            (Some((City, "441900")), Window, "441900"),
        ];
        for (under, level, region) in fine {
            assert_eq!(fields(under, level, region, None), Vec::<String>::new(), "{level} in {region} under {under:?}");
        }
        let wrong: [(Above, UnitLevel, &str, &[&str]); 9] = [
            (Some((Province, "440000")), Province, "440000", &["input.level"]),
            (None, City, "440100", &["input.level"]),
            (None, Window, "440106", &["input.level"]),
            (Some((Province, "440000")), District, "440106", &["input.level"]),
            (Some((Window, "440106")), Window, "440106", &["input.level"]),
            (None, Province, "810000", &["input.regionCode"]),
            (Some((City, "440100")), District, "440304", &["input.regionCode"]),
            (Some((City, "441900")), District, "441900", &["input.level", "input.regionCode"]),
            (Some((City, "442000")), District, "440106", &["input.level", "input.regionCode"]),
        ];
        for (under, level, region, expected) in wrong {
            assert_eq!(fields(under, level, region, None), expected, "{level} in {region} under {under:?}");
        }
    }

    #[test]
    fn a_zone_is_one_of_the_region_s_city() {
        let places = places_bundle().unwrap();
        for zone in &places.zones {
            let fits = zone.city.as_str();
            let other = if fits == "440900" { "440800" } else { "440900" };
            assert_eq!(fields(Some((UnitLevel::Province, "440000")), UnitLevel::City, fits, Some(&zone.code)), Vec::<String>::new());
            assert_eq!(fields(Some((UnitLevel::Province, "440000")), UnitLevel::City, other, Some(&zone.code)), ["input.zoneCode"]);
            assert_eq!(fields(None, UnitLevel::Province, "440000", Some(&zone.code)), ["input.zoneCode"]);
        }
        assert_eq!(places.zones.len(), 3);
    }

    #[test]
    fn only_an_open_government_body_has_units_and_a_closed_unit_none_below() {
        let places = places_bundle().unwrap();
        let find = |code: &str| places.regions.iter().find(|r| r.code == code).unwrap();
        let above = Unit { closed_at: Some(DateTime::UNIX_EPOCH), ..unit(1, UnitLevel::Province, "440000") };
        let employer = body(BodyKind::Employer);
        let closed = Body { closed_at: Some(DateTime::UNIX_EPOCH), ..body(BodyKind::Government) };
        for body in [&employer, &closed] {
            let place = Place { body, parent: Some((&above, find("440000"))), level: UnitLevel::City, region: find("440300"), zone: None };
            assert_eq!(misplaced(&place), [Rejection::at(Code::NotAllowed, "input.bodyId"), Rejection::at(Code::NotAllowed, "input.parentId")]);
        }
    }

    #[test]
    fn a_unit_closes_once_empty_and_with_an_open_successor_of_its_level() {
        let (old, new) = (unit(1, UnitLevel::Window, "440106"), unit(2, UnitLevel::Window, "440106"));
        let state = Rejection::at(Code::WrongState, "input.unitId");
        let successor = Rejection::at(Code::NotAllowed, "input.successorId");
        assert_eq!(cannot_close(&old, &new, false), []);
        assert_eq!(cannot_close(&old, &new, true), std::slice::from_ref(&state));
        assert_eq!(cannot_close(&old, &old, false), std::slice::from_ref(&successor));
        assert_eq!(cannot_close(&old, &unit(3, UnitLevel::City, "440100"), false), std::slice::from_ref(&successor));
        let closed = |u: Unit| Unit { closed_at: Some(DateTime::UNIX_EPOCH), ..u };
        assert_eq!(cannot_close(&closed(old), &closed(new), false), [state, successor]);
    }
    use uuid::Uuid;

    #[test]
    fn a_path_holds_the_ids_from_the_root() {
        let root = path_below(None, UnitId(Uuid::from_u128(1)));
        let below = path_below(Some(&root), UnitId(Uuid::from_u128(2)));
        assert_eq!(root, "/00000000000000000000000000000001/");
        assert_eq!(below, "/00000000000000000000000000000001/00000000000000000000000000000002/");
    }
}
