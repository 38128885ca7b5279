//! Regions, zones and the calendar as the binary brings them: reviewed data under `catalogue/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::Deserialize;

use super::calendar::{Calendar, DayKind};
use crate::coded_enum;
use crate::kernel::code::Verification;
use crate::kernel::text::{Language, Origin, Text, Wording};

const CALENDAR: &str = include_str!("../../../catalogue/calendar.toml");
const REGIONS: &str = include_str!("../../../catalogue/regions.toml");

coded_enum! {
    /// Level of a region.
    pub enum RegionLevel {
        /// A province (省).
        Province => "PROVINCE",
        /// A city at prefecture level (地级市).
        City => "CITY",
        /// A district or county (区、县).
        District => "DISTRICT",
        /// Hong Kong or Macao (特别行政区).
        SpecialAdministrativeRegion => "SPECIAL_ADMINISTRATIVE_REGION",
    }
}

/// A region of GB/T 2260.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Six digits.
    pub code: String,
    /// Its level.
    pub level: RegionLevel,
    /// The region that it lies in, where that one is listed.
    pub parent: Option<String>,
    /// Its name.
    pub name: Text,
    /// Whether it is part of the Greater Bay Area.
    pub greater_bay_area: bool,
    /// Whether it has regions below it. 东莞 and 中山 have none.
    pub has_districts: bool,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// The standard that the code is of.
    pub source: String,
}

/// A zone with rules of its own (前海, 南沙, 横琴).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Stable code.
    pub code: String,
    /// Code of the city that it lies in.
    pub city: String,
    /// Its name.
    pub name: Text,
    /// How far the row may be relied on.
    pub verification: Verification,
}

/// Whether `inner` is the region `outer` or lies in it, by the digits of GB/T 2260.
pub fn lies_in(inner: &str, outer: &str) -> bool {
    inner.starts_with(region_prefix(outer))
}

/// The digits that all codes inside a region share: two of a province, four of a city, six of a district.
pub fn region_prefix(code: &str) -> &str {
    let mut prefix = code;
    while let Some(shorter) = prefix.strip_suffix("00") {
        prefix = shorter;
    }
    prefix
}

/// The days of every known year.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarBundle {
    /// Number of the bundle; it grows with every change.
    pub bundle: i64,
    /// The years, oldest first.
    pub years: Vec<CalendarYear>,
}

/// The days of a year, with their citation.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CalendarYear {
    /// The year that the notice arranges.
    pub year: i32,
    /// Title of the notice.
    pub title: String,
    /// Number of the notice.
    pub number: String,
    /// Date of the notice.
    pub issued_on: NaiveDate,
    /// The notice at the official site.
    pub source: String,
    /// The copy that was read.
    pub read_in: String,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// The holidays.
    pub periods: Vec<HolidayPeriod>,
}

/// A holiday: consecutive days off, and the weekend days worked for it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct HolidayPeriod {
    /// Name in Simplified Chinese.
    pub name: String,
    /// First day off.
    pub from: NaiveDate,
    /// Last day off.
    pub to: NaiveDate,
    /// Weekend days that are worked.
    pub make_up: Vec<NaiveDate>,
}

/// A day that differs from what its weekday says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarDay {
    /// The day.
    pub day: NaiveDate,
    /// How it differs.
    pub kind: DayKind,
    /// The holiday that it belongs to.
    pub name: String,
}

impl CalendarYear {
    /// The exceptional days, in order.
    pub fn days(&self) -> Vec<CalendarDay> {
        let mut days: Vec<CalendarDay> = Vec::new();
        for period in &self.periods {
            let off = period.from.iter_days().take_while(|day| *day <= period.to).map(|day| (day, DayKind::DayOff));
            let made_up = period.make_up.iter().map(|day| (*day, DayKind::MakeUp));
            days.extend(off.chain(made_up).map(|(day, kind)| CalendarDay { day, kind, name: period.name.clone() }));
        }
        days.sort_by_key(|day| day.day);
        days
    }
}

impl CalendarBundle {
    /// The calendar of all its years.
    pub fn calendar(&self) -> Calendar {
        Calendar::new(self.years.iter().flat_map(CalendarYear::days).map(|d| (d.day, d.kind)), self.years.iter().map(|year| year.year))
    }
}

/// The regions and zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacesBundle {
    /// Number of the bundle; it grows with every change.
    pub bundle: i64,
    /// Regions, each after the one that it lies in.
    pub regions: Vec<Region>,
    /// Zones.
    pub zones: Vec<Zone>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacesFile {
    bundle: i64,
    source: String,
    regions: Marked<RegionRow>,
    zones: Marked<ZoneRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked<T> {
    verification: Verification,
    list: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionRow {
    code: String,
    level: RegionLevel,
    parent: Option<String>,
    gba: bool,
    districts: bool,
    official: Vec<Language>,
    names: BTreeMap<Language, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneRow {
    code: String,
    city: String,
    names: BTreeMap<Language, String>,
}

fn named(names: BTreeMap<Language, String>, official: &[Language]) -> Result<Text, BundleError> {
    let origin = |language| if official.contains(&language) { Origin::Official } else { Origin::Human };
    Text::new(names.into_iter().map(|(language, value)| (language, Wording { value, origin: origin(language) })))
        .map_err(|error| BundleError(error.to_string()))
}

/// The embedded data cannot be read; says where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleError(String);

impl std::fmt::Display for BundleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "embedded reference data: {}", self.0)
    }
}

impl std::error::Error for BundleError {}

/// The calendar that came with the binary.
pub fn calendar_bundle() -> Result<CalendarBundle, BundleError> {
    toml::from_str(CALENDAR).map_err(|error| BundleError(error.to_string()))
}

static PLACES: LazyLock<(BTreeMap<String, Region>, BTreeMap<String, Zone>)> = LazyLock::new(|| {
    let regions = |places: &PlacesBundle| places.regions.iter().map(|region| (region.code.clone(), region.clone())).collect();
    let zones = |places: &PlacesBundle| places.zones.iter().map(|zone| (zone.code.clone(), zone.clone())).collect();
    places_bundle().map(|places| (regions(&places), zones(&places))).unwrap_or_default()
});

/// The region of a code, where the portal lists it. What the binary brings is in the store since its start.
pub fn listed_region(code: &str) -> Option<&'static Region> {
    PLACES.0.get(code)
}

/// The zone of a code likewise.
pub fn listed_zone(code: &str) -> Option<&'static Zone> {
    PLACES.1.get(code)
}

/// The regions and zones that came with the binary.
pub fn places_bundle() -> Result<PlacesBundle, BundleError> {
    let file: PlacesFile = toml::from_str(REGIONS).map_err(|error| BundleError(error.to_string()))?;
    let region = |row: RegionRow| {
        Ok(Region {
            code: row.code,
            level: row.level,
            parent: row.parent,
            name: named(row.names, &row.official)?,
            greater_bay_area: row.gba,
            has_districts: row.districts,
            verification: file.regions.verification,
            source: file.source.clone(),
        })
    };
    let zone = |row: ZoneRow| Ok(Zone { code: row.code, city: row.city, name: named(row.names, &[Language::ZhHans])?, verification: file.zones.verification });
    Ok(PlacesBundle {
        bundle: file.bundle,
        regions: file.regions.list.into_iter().map(region).collect::<Result<_, BundleError>>()?,
        zones: file.zones.list.into_iter().map(zone).collect::<Result<_, BundleError>>()?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_bay_area_is_nine_cities_hong_kong_and_macao() {
        let places = places_bundle().unwrap();
        let area: Vec<&str> = places.regions.iter().filter(|r| r.greater_bay_area && r.level != RegionLevel::District).map(|r| r.code.as_str()).collect();
        assert_eq!(area, ["440100", "440300", "440400", "440600", "440700", "441200", "441300", "441900", "442000", "810000", "820000"]);
        assert_eq!(places.regions.iter().filter(|r| r.level == RegionLevel::City).count(), 21);
    }

    #[test]
    fn every_region_lies_in_its_parent_and_comes_after_it_and_codes_are_unique() {
        let places = places_bundle().unwrap();
        let mut seen = BTreeSet::new();
        for region in &places.regions {
            if let Some(parent) = &region.parent {
                assert!(seen.contains(parent) && lies_in(&region.code, parent), "{}", region.code);
            }
            assert!(region.code.len() == 6 && seen.insert(region.code.clone()), "{}", region.code);
            assert_eq!(region.name.wordings().count(), 4, "{}", region.code);
        }
        for zone in &places.zones {
            assert!(seen.contains(&zone.city) && zone.name.wordings().count() == 4, "{}", zone.code);
        }
    }

    #[test]
    fn cities_without_a_county_level_have_no_region_below_them() {
        let places = places_bundle().unwrap();
        for city in places.regions.iter().filter(|r| r.level == RegionLevel::City && !r.has_districts) {
            assert!(["441900", "442000"].contains(&city.code.as_str()));
            assert!(!places.regions.iter().any(|r| r.parent.as_ref() == Some(&city.code)));
        }
    }

    #[test]
    fn a_region_lies_in_its_city_and_province_only() {
        assert!(lies_in("440106", "440100") && lies_in("440106", "440000") && lies_in("440106", "440106"));
        assert!(!lies_in("440106", "440300") && !lies_in("440100", "440106") && !lies_in("810000", "440000"));
    }

    #[test]
    fn the_years_of_the_calendar_are_consecutive_and_name_each_day_once() {
        let bundle = calendar_bundle().unwrap();
        let years: Vec<i32> = bundle.years.iter().map(|y| y.year).collect();
        assert_eq!(years, [2024, 2025, 2026]);
        let days: Vec<NaiveDate> = bundle.years.iter().flat_map(CalendarYear::days).map(|d| d.day).collect();
        assert!(days.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
