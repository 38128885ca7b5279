//! An offering: a unit offers a version of an item, with limits, channels, intake periods and effective dates.

use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::coded_enum;
use crate::kernel::code::Verification;
use crate::kernel::ids::{ItemId, ItemVersionId, OfferingId, UnitId};
use crate::kernel::text::Text;

coded_enum! {
    /// The way by which a case comes in.
    pub enum Channel {
        /// Through the portal.
        Online => "ONLINE",
        /// At a window.
        Window => "WINDOW",
        /// By post.
        Post => "POST",
        /// Through the employer.
        Employer => "EMPLOYER",
    }
}

coded_enum! {
    /// Who made a row of the catalogue.
    pub enum Maker {
        /// The bundle that the binary carries.
        Bundle => "BUNDLE",
        /// The API or a demo; the bundle never alters it.
        Api => "API",
    }
}

/// A day of any year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MonthDay {
    month: u32,
    day: u32,
}

impl MonthDay {
    /// A day of any year; 29 February is one.
    pub fn new(month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(2024, month, day).map(|_| Self { month, day })
    }

    /// The day of the year of a date.
    pub fn of(date: NaiveDate) -> Self {
        Self { month: date.month(), day: date.day() }
    }
}

impl TryFrom<String> for MonthDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.split_once('-').and_then(|(m, d)| Self::new(m.parse().ok()?, d.parse().ok()?));
        parts.ok_or_else(|| format!("{text} is not a day of a year (MM-DD)"))
    }
}

impl From<MonthDay> for String {
    fn from(day: MonthDay) -> Self {
        format!("{:02}-{:02}", day.month, day.day)
    }
}

/// A yearly period in which applications are taken, both days included. It may run over the turn of the year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakePeriod {
    /// First day.
    pub from: MonthDay,
    /// Last day.
    pub to: MonthDay,
}

impl IntakePeriod {
    /// Whether the date lies in the period.
    pub fn contains(self, date: NaiveDate) -> bool {
        let day = MonthDay::of(date);
        if self.from <= self.to { self.from <= day && day <= self.to } else { self.from <= day || day <= self.to }
    }
}

/// How long a case may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Working days; 0 for items settled on the spot.
    pub days: u32,
    /// How far it may be relied on.
    pub verification: Verification,
}

/// What an offering says, without its ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferingTerms {
    /// The authority in whose name it is done (实施主体).
    pub authority: Text,
    /// Promised limit (承诺办结时限), where one is known.
    pub promised: Option<Limit>,
    /// Statutory limit (法定办结时限), where one is known.
    pub statutory: Option<Limit>,
    /// Ways of applying.
    pub channels: Vec<Channel>,
    /// Yearly intake periods; empty: all year.
    pub intake: Vec<IntakePeriod>,
    /// Cases per year, at most.
    pub quota: Option<u32>,
    /// First day.
    pub effective_from: NaiveDate,
    /// Last day; `None`: open.
    pub effective_to: Option<NaiveDate>,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// Where it was read; for stand-ins, why it is there.
    pub source: String,
}

/// An offering of an item version by a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offering {
    /// Id.
    pub id: OfferingId,
    /// The item.
    pub item: ItemId,
    /// The version.
    pub version: ItemVersionId,
    /// The unit that takes the cases.
    pub unit: UnitId,
    /// Region of the unit (GB/T 2260).
    pub region: String,
    /// Zone of the unit, where it has one.
    pub zone: Option<String>,
    /// What it says.
    pub terms: OfferingTerms,
    /// Who made it.
    pub maker: Maker,
}

impl OfferingTerms {
    /// Whether the offering is in force on a day.
    pub fn in_force(&self, on: NaiveDate) -> bool {
        self.effective_from <= on && self.effective_to.is_none_or(|to| on <= to)
    }

    /// Whether applications are taken on a day: in force, and within an intake period where there are any.
    pub fn takes_applications(&self, on: NaiveDate) -> bool {
        self.in_force(on) && (self.intake.is_empty() || self.intake.iter().any(|p| p.contains(on)))
    }

    /// Whether the effective periods of two offerings have a day in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.effective_to.is_none_or(|to| other.effective_from <= to) && other.effective_to.is_none_or(|to| self.effective_from <= to)
    }
}

/// What is asked of the routing.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// Region (GB/T 2260) where the applicant works or lives.
    pub region: &'a str,
    /// Zone, where she is in one.
    pub zone: Option<&'a str>,
    /// Talent category, where she claims one.
    pub category: Option<&'a str>,
}

/// A row of the routing: where cases of an item go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRule {
    /// For this region and those inside it; `None`: any.
    pub region: Option<String>,
    /// For this zone; `None`: any.
    pub zone: Option<String>,
    /// For this talent category; `None`: any.
    pub category: Option<String>,
    /// To this unit.
    pub unit: UnitId,
}

impl RouteRule {
    /// How well the row fits: `None` not at all, else the more the closer. A zone outweighs a region, a region a category.
    pub fn fit(&self, asked: &Route<'_>) -> Option<u32> {
        let mut fit = 0;
        if let Some(zone) = &self.zone {
            if asked.zone != Some(zone.as_str()) {
                return None;
            }
            fit += 100;
        }
        if let Some(region) = &self.region {
            fit += 10 * region_fit(region, asked.region)?;
        }
        if let Some(category) = &self.category {
            if asked.category != Some(category.as_str()) {
                return None;
            }
            fit += 1;
        }
        Some(fit)
    }
}

/// How closely a region holds another by its code: 1 the province, 2 the city, 3 the region itself, `None` not at all.
fn region_fit(holder: &str, asked: &str) -> Option<u32> {
    if holder == asked {
        return Some(3);
    }
    let stem = holder.trim_end_matches("00");
    // 440000 → 44, 440100 → 4401: two digits per level.
    let stem = if stem.len() % 2 == 1 { &holder[..=stem.len()] } else { stem };
    (holder.len() == asked.len() && stem.len() < holder.len() && asked.starts_with(stem)).then_some(if stem.len() <= 2 { 1 } else { 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn period(from: &str, to: &str) -> IntakePeriod {
        IntakePeriod { from: from.to_owned().try_into().unwrap(), to: to.to_owned().try_into().unwrap() }
    }

    #[test]
    fn an_intake_period_takes_both_its_days_and_may_cross_the_new_year() {
        for (from, to, date, inside) in [
            ("04-01", "08-31", "2026-04-01", true),
            ("04-01", "08-31", "2026-08-31", true),
            ("04-01", "08-31", "2026-09-01", false),
            ("11-15", "01-15", "2026-12-31", true),
            ("11-15", "01-15", "2026-01-15", true),
            ("11-15", "01-15", "2026-01-16", false),
            ("02-29", "02-29", "2024-02-29", true),
        ] {
            assert_eq!(period(from, to).contains(day(date)), inside, "{from} {to} {date}");
        }
        assert!(MonthDay::try_from("13-01".to_owned()).is_err());
    }

    #[test]
    fn the_closest_route_fits_best() {
        let unit = UnitId(uuid::Uuid::nil());
        let rule = |region: Option<&str>, zone: Option<&str>, category: Option<&str>| RouteRule {
            region: region.map(str::to_owned),
            zone: zone.map(str::to_owned),
            category: category.map(str::to_owned),
            unit,
        };
        let asked = Route { region: "440304", zone: Some("QIANHAI"), category: Some("DOCTOR") };
        let fits: Vec<Option<u32>> = [
            rule(None, None, None),
            rule(Some("440000"), None, None),
            rule(Some("440300"), None, None),
            rule(Some("440304"), None, None),
            rule(Some("440304"), None, Some("DOCTOR")),
            rule(Some("440300"), Some("QIANHAI"), None),
            rule(Some("440100"), None, None),
            rule(Some("440305"), None, None),
            rule(None, Some("NANSHA"), None),
            rule(None, None, Some("CARDHOLDER")),
        ]
        .iter()
        .map(|r| r.fit(&asked))
        .collect();
        assert_eq!(fits, [Some(0), Some(10), Some(20), Some(30), Some(31), Some(120), None, None, None, None]);
        // A code that ends in a single zero digit is not cut in the middle of a level.
        assert_eq!(rule(Some("441900"), None, None).fit(&Route { region: "441900", zone: None, category: None }), Some(30));
        assert_eq!(rule(Some("445100"), None, None).fit(&Route { region: "445102", zone: None, category: None }), Some(20));
        assert_eq!(rule(Some("442000"), None, None).fit(&Route { region: "442001", zone: None, category: None }), Some(20));
        assert_eq!(rule(Some("442000"), None, None).fit(&Route { region: "441900", zone: None, category: None }), None);
    }
}
