//! Products, versions by legal basis, and benefits.

use chrono::{Datelike as _, NaiveDate};

use crate::coded_enum;
use crate::kernel::code::Verification;
use crate::kernel::ids::{BenefitId, BodyId, CardProductId, CardProductVersionId};
use crate::kernel::text::Text;

coded_enum! {
    /// Who issues a product.
    pub enum ProductLevel {
        /// The province.
        Province => "PROVINCE",
        /// A city.
        City => "CITY",
    }
}

coded_enum! {
    /// Whether family members get cards of their own under the holder's.
    pub enum SubCards {
        /// No.
        None => "NONE",
        /// Yes, for family members (亲属副卡).
        Family => "FAMILY",
        /// Nothing was read about it.
        Unknown => "UNKNOWN",
    }
}

coded_enum! {
    /// Who a benefit is for, seen from the holder of the principal card.
    pub enum Beneficiary {
        /// The holder.
        Holder => "HOLDER",
        /// The spouse.
        Spouse => "SPOUSE",
        /// A minor child.
        Child => "CHILD",
        /// A parent.
        Parent => "PARENT",
    }
}

coded_enum! {
    /// Areas of benefits. The numbered official list was not found; these are the portal's working list.
    pub enum BenefitArea {
        /// Household registration (户籍办理).
        HouseholdRegistration => "HOUSEHOLD_REGISTRATION",
        /// Stay, residence, exit and entry (停居留和出入境).
        StayAndExitEntry => "STAY_AND_EXIT_ENTRY",
        /// Schooling of children (子女入学).
        ChildSchooling => "CHILD_SCHOOLING",
        /// Medical insurance (医疗保险).
        MedicalInsurance => "MEDICAL_INSURANCE",
        /// Medical services (医疗服务).
        MedicalService => "MEDICAL_SERVICE",
        /// Social insurance (社会保险).
        SocialInsurance => "SOCIAL_INSURANCE",
        /// Housing (安居保障).
        Housing => "HOUSING",
        /// Housing fund and loans (住房公积金).
        HousingFund => "HOUSING_FUND",
        /// Transport services (交通服务).
        Transport => "TRANSPORT",
        /// Vehicle purchase and driving licence (购车和驾驶证).
        Vehicle => "VEHICLE",
        /// Professional titles and qualifications (职称评审).
        TitleReview => "TITLE_REVIEW",
        /// Employment of the spouse (配偶就业).
        SpouseEmployment => "SPOUSE_EMPLOYMENT",
        /// Customs facilities (通关便利).
        Customs => "CUSTOMS",
        /// Business, finance and registration (创业、金融、商事登记).
        BusinessAndFinance => "BUSINESS_AND_FINANCE",
    }
}

coded_enum! {
    /// What one unit of a benefit is.
    pub enum UnitOfCount {
        /// A time that it is used.
        Time => "TIME",
        /// A day.
        Day => "DAY",
        /// A person.
        Person => "PERSON",
        /// A matter settled, for example an admission.
        Item => "ITEM",
    }
}

coded_enum! {
    /// What becomes of what is left of a year's quota.
    pub enum CarryOver {
        /// It lapses.
        None => "NONE",
        /// It is added to the next year's.
        NextYear => "NEXT_YEAR",
    }
}

/// A card product (卡种).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Id.
    pub id: CardProductId,
    /// Stable code, for example `GUANGDONG_TALENT_CARD`.
    pub code: String,
    /// Who issues it.
    pub level: ProductLevel,
    /// Region of the issuer (GB/T 2260).
    pub region_code: String,
    /// Name of the issuing body, where it was read.
    pub issuer: Option<Text>,
    /// The issuing body, where the portal keeps it.
    pub issuer_body: Option<BodyId>,
    /// Name.
    pub name: Text,
    /// Head of its card numbers.
    pub number_prefix: String,
    /// Whether there are sub-cards.
    pub sub_cards: SubCards,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// Where it was read.
    pub source: String,
}

/// A grade of a version (卡别), with its name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Grade {
    /// One digit or capital letter; it stands in the card number.
    pub code: String,
    /// Name.
    pub title: Text,
    /// How far it may be relied on.
    pub verification: Verification,
}

/// A version of a product under one legal basis. Never changed once published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Id.
    pub id: CardProductVersionId,
    /// Number within the product, from 1.
    pub number: i32,
    /// The legal basis, where it was read.
    pub legal_basis: Option<Text>,
    /// First day; `None` where unknown.
    pub effective_from: Option<NaiveDate>,
    /// Last day; `None` where open or unknown.
    pub effective_to: Option<NaiveDate>,
    /// Grades.
    pub grades: Vec<Grade>,
    /// Longest validity of a card in years; `None` where the rules are not known, and then nothing can be issued.
    pub max_years: Option<u32>,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// Where it was read.
    pub source: String,
}

/// A benefit: what a grade gives to a beneficiary in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Benefit {
    /// Id.
    pub id: BenefitId,
    /// Order in lists.
    pub position: i32,
    /// Area.
    pub area: BenefitArea,
    /// Grade.
    pub grade: String,
    /// For whom.
    pub beneficiary: Beneficiary,
    /// Where (GB/T 2260); `None` is the whole province.
    pub region_code: Option<String>,
    /// Who delivers it.
    pub authority: Text,
    /// The delivering body, where the portal keeps it.
    pub authority_body: Option<BodyId>,
    /// Units a year; `None` is unlimited.
    pub yearly_quota: Option<i64>,
    /// What one unit is.
    pub unit_of_count: UnitOfCount,
    /// What becomes of the rest of a year.
    pub carry_over: CarryOver,
    /// Title.
    pub title: Text,
    /// What it gives.
    pub description: Text,
    /// How surely the area is a benefit of the card under this legal basis.
    pub area_verification: Verification,
    /// How surely it is given so: to whom, by whom, how much.
    pub verification: Verification,
    /// Where it was read.
    pub source: String,
}

/// A version with its product and all its benefits: what a process keeps in memory, since a version never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The product.
    pub product: Product,
    /// The version.
    pub version: Version,
    /// The benefits of every grade, in order.
    pub benefits: Vec<Benefit>,
}

impl Version {
    /// Whether the version is in force on a day. An unknown first day counts as long past.
    pub fn in_force(&self, day: NaiveDate) -> bool {
        self.effective_from.is_none_or(|from| from <= day) && self.effective_to.is_none_or(|to| day <= to)
    }

    /// The grade with this code.
    pub fn grade(&self, code: &str) -> Option<&Grade> {
        self.grades.iter().find(|g| g.code == code)
    }
}

impl Benefit {
    /// Whether a card of `grade` gives it to `beneficiary` at a place with this region code, by this body: the delivering
    /// one where the benefit names it.
    pub fn is_given(&self, grade: &str, beneficiary: Beneficiary, place: &str, body: Option<BodyId>) -> bool {
        self.grade == grade
            && self.beneficiary == beneficiary
            && self.region_code.as_deref().is_none_or(|region| region_covers(region, place))
            && self.authority_body.is_none_or(|authority| body == Some(authority))
    }
}

impl Offer {
    /// The benefits of a grade for a beneficiary, wherever they are given.
    pub fn benefits_of<'a>(&'a self, grade: &'a str, beneficiary: Option<Beneficiary>) -> impl Iterator<Item = &'a Benefit> {
        self.benefits.iter().filter(move |b| b.grade == grade && beneficiary.is_none_or(|who| b.beneficiary == who))
    }
}

/// Whether a region (GB/T 2260, six digits) is the other or holds it: 440000 holds 440100, which holds 440115.
/// A zone's code that extends a district's by more characters lies in it too.
pub fn region_covers(outer: &str, inner: &str) -> bool {
    let mut stem = outer;
    while stem.len() > 2 && stem.ends_with("00") {
        stem = &stem[..stem.len() - 2];
    }
    inner.starts_with(stem)
}

/// The last day of a card from `from`: at most `max_years` years, and never beyond the contract or the permit.
///
/// The years are counted with the first day in, so that a card from 2026-11-24 for five years ends on 2031-11-23.
/// `None` where that day lies before `from`, that is, where contract or permit have ended.
/// Source of the five years: guide to the card of 2018, read in a copy (REPORTED).
pub fn validity_end(from: NaiveDate, max_years: u32, contract_until: Option<NaiveDate>, permit_until: Option<NaiveDate>) -> Option<NaiveDate> {
    let year = from.year().checked_add(i32::try_from(max_years).ok()?)?;
    // A 29 February that the last year does not have: the day before it is the 28th.
    let longest = match from.with_year(year) {
        Some(same_day) => same_day.pred_opt()?,
        None => NaiveDate::from_ymd_opt(year, 2, 28)?,
    };
    let end = [Some(longest), contract_until, permit_until].into_iter().flatten().min()?;
    (end >= from).then_some(end)
}

/// The year of the ledger that a day belongs to.
pub fn ledger_year(day: NaiveDate) -> i32 {
    day.year()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_card_ends_with_the_first_of_five_years_contract_and_permit() {
        let from = day("2026-11-24");
        for (contract, permit, end) in [
            (None, None, Some("2031-11-23")),
            (Some("2028-06-30"), None, Some("2028-06-30")),
            (Some("2028-06-30"), Some("2027-01-01"), Some("2027-01-01")),
            (Some("2040-01-01"), None, Some("2031-11-23")),
            (Some("2026-11-24"), None, Some("2026-11-24")),
            (Some("2026-11-23"), None, None),
            (None, Some("2020-01-01"), None),
        ] {
            assert_eq!(validity_end(from, 5, contract.map(day), permit.map(day)), end.map(day), "{contract:?} {permit:?}");
        }
        assert_eq!(validity_end(day("2028-02-29"), 5, None, None), Some(day("2033-02-28")));
        assert_eq!(validity_end(day("2028-02-29"), 4, None, None), Some(day("2032-02-28")));
        assert_eq!(validity_end(day("2028-03-01"), 5, None, None), Some(day("2033-02-28")));
        assert_eq!(validity_end(NaiveDate::MAX, 5, None, None), None);
    }

    #[test]
    fn a_benefit_is_for_a_grade_a_beneficiary_a_place_and_a_body() {
        use Beneficiary::{Holder, Spouse};
        let (one, other) = (BodyId(uuid::Uuid::from_u128(1)), BodyId(uuid::Uuid::from_u128(2)));
        let text = || Text::simplified("某项", crate::kernel::text::Origin::Human);
        let benefit = |region: Option<&str>, authority_body| Benefit {
            id: BenefitId(uuid::Uuid::from_u128(3)),
            position: 1,
            area: BenefitArea::Transport,
            grade: "A".into(),
            beneficiary: Beneficiary::Holder,
            region_code: region.map(str::to_owned),
            authority: text(),
            authority_body,
            yearly_quota: None,
            unit_of_count: UnitOfCount::Time,
            carry_over: CarryOver::None,
            title: text(),
            description: text(),
            area_verification: Verification::StandIn,
            verification: Verification::StandIn,
            source: String::new(),
        };
        for (region, authority, grade, who, place, body, given) in [
            (None, None, "A", Holder, "440100", Some(one), true),
            (None, None, "A", Holder, "440000", None, true),
            (None, None, "B", Holder, "440100", Some(one), false),
            (None, None, "A", Spouse, "440100", Some(one), false),
            (Some("440100"), None, "A", Holder, "440115", Some(one), true),
            (Some("440100"), None, "A", Holder, "440600", Some(one), false),
            (None, Some(one), "A", Holder, "440100", Some(one), true),
            (None, Some(one), "A", Holder, "440100", Some(other), false),
            (None, Some(one), "A", Holder, "440100", None, false),
        ] {
            assert_eq!(benefit(region, authority).is_given(grade, who, place, body), given, "{region:?} {authority:?} {grade} {who:?} {place} {body:?}");
        }
    }

    #[test]
    fn a_region_holds_what_lies_in_it() {
        for (outer, inner, holds) in [
            ("440000", "440115", true),
            ("440100", "440115", true),
            ("440100", "440100", true),
            ("440115", "440115", true),
            ("440115", "440100", false),
            ("440600", "440115", false),
            ("441900", "441900", true),
            ("440000", "810000", false),
        ] {
            assert_eq!(region_covers(outer, inner), holds, "{outer} {inner}");
        }
    }
}
