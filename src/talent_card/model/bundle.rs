//! The bundle of card products: reviewable TOML, read and checked before anything is stored.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::kernel::code::Verification;
use crate::kernel::seal::sha256_hex;
use crate::kernel::text::{Language, Origin, Text, Wording};
use crate::talent_card::model::number::{is_grade, is_prefix};
use crate::talent_card::model::product::{Beneficiary, BenefitArea, CarryOver, Grade, ProductLevel, SubCards, UnitOfCount};

/// A checked bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Grows with each change.
    pub number: i64,
    /// The products.
    pub products: Vec<BundleProduct>,
}

/// A product of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleProduct {
    /// Stable code.
    pub code: String,
    /// Who issues it.
    pub level: ProductLevel,
    /// Region of the issuer (GB/T 2260).
    pub region_code: String,
    /// Head of its card numbers.
    pub number_prefix: String,
    /// Whether there are sub-cards.
    pub sub_cards: SubCards,
    /// How far it may be relied on.
    pub verification: Verification,
    /// Where it was read.
    pub source: String,
    /// Name.
    pub name: Text,
    /// Issuing body.
    pub issuer: Option<Text>,
    /// Versions, oldest first.
    pub versions: Vec<BundleVersion>,
}

/// A version of a product of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BundleVersion {
    /// Number, from 1.
    pub number: i32,
    /// How far it may be relied on.
    pub verification: Verification,
    /// Where it was read.
    pub source: String,
    /// Legal basis.
    pub legal_basis: Option<Text>,
    /// First day.
    pub effective_from: Option<NaiveDate>,
    /// Last day.
    pub effective_to: Option<NaiveDate>,
    /// Longest validity in years.
    pub max_years: Option<u32>,
    /// Grades.
    pub grades: Vec<Grade>,
    /// Benefits, one per grade and beneficiary.
    pub benefits: Vec<BundleBenefit>,
}

/// A benefit of a version of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BundleBenefit {
    /// What it is called in its version, by which uses under several cards of a product are counted together.
    pub code: String,
    /// Area.
    pub area: BenefitArea,
    /// Grade.
    pub grade: String,
    /// For whom.
    pub beneficiary: Beneficiary,
    /// Where; `None` is the whole province.
    pub region_code: Option<String>,
    /// Who delivers it.
    pub authority: Text,
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
    /// How surely the area is a benefit of the card under this basis.
    pub area_verification: Verification,
    /// How surely it is given so.
    pub verification: Verification,
    /// Where it was read.
    pub source: String,
}

impl BundleVersion {
    /// Digest of all that the version says.
    pub fn content_hash(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|text| sha256_hex(&text))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    bundle: i64,
    area: Vec<FileArea>,
    product: Vec<FileProduct>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileArea {
    code: BenefitArea,
    unit_of_count: UnitOfCount,
    title: Text,
    description: Text,
    authority: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileProduct {
    code: String,
    level: ProductLevel,
    region_code: String,
    number_prefix: String,
    sub_cards: SubCards,
    verification: Verification,
    source: String,
    name: Text,
    issuer: Option<Text>,
    #[serde(default)]
    version: Vec<FileVersion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileVersion {
    number: i32,
    verification: Verification,
    source: String,
    legal_basis: Option<Text>,
    effective_from: Option<NaiveDate>,
    effective_to: Option<NaiveDate>,
    max_years: Option<u32>,
    #[serde(default)]
    grade: Vec<Grade>,
    #[serde(default)]
    benefit: Vec<FileBenefit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBenefit {
    /// Where an area has several; the code of the area where it has one.
    code: Option<String>,
    area: BenefitArea,
    grades: Vec<String>,
    beneficiaries: Vec<Beneficiary>,
    region_code: Option<String>,
    yearly_quota: Option<i64>,
    carry_over: Option<CarryOver>,
    area_verification: Verification,
    verification: Verification,
    source: String,
}

impl Bundle {
    /// Reads and checks a bundle. Every problem is told, in words for whoever edits the file.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let file: File = toml::from_str(text).map_err(|e| vec![e.to_string()])?;
        let mut problems = Vec::new();
        let areas: BTreeMap<BenefitArea, &FileArea> = file.area.iter().map(|a| (a.code, a)).collect();
        for area in &file.area {
            for text in [&area.title, &area.description, &area.authority] {
                check_text(text, area.code.code(), &mut problems);
            }
        }
        let mut codes = BTreeSet::new();
        let mut prefixes = BTreeSet::new();
        let mut products = Vec::with_capacity(file.product.len());
        for product in file.product {
            let code = product.code.clone();
            if !codes.insert(code.clone()) {
                problems.push(format!("{code}: the code stands twice"));
            }
            if !is_prefix(&product.number_prefix) || !prefixes.insert(product.number_prefix.clone()) {
                problems.push(format!("{code}: the prefix of numbers is not four to six digits or capitals, or stands twice"));
            }
            if product.region_code.len() != 6 || !product.region_code.bytes().all(|b| b.is_ascii_digit()) {
                problems.push(format!("{code}: the region is not a code of six digits"));
            }
            check_text(&product.name, &code, &mut problems);
            check_origin(&product.name, product.verification, &code, &mut problems);
            let mut numbers = BTreeSet::new();
            let mut versions = Vec::with_capacity(product.version.len());
            for version in product.version {
                let place = format!("{code} version {}", version.number);
                if version.number < 1 || !numbers.insert(version.number) {
                    problems.push(format!("{place}: the number is less than 1 or stands twice"));
                }
                versions.push(read_version(version, &areas, &place, &mut problems));
            }
            products.push(BundleProduct {
                code,
                level: product.level,
                region_code: product.region_code,
                number_prefix: product.number_prefix,
                sub_cards: product.sub_cards,
                verification: product.verification,
                source: product.source,
                name: product.name,
                issuer: product.issuer,
                versions,
            });
        }
        if problems.is_empty() { Ok(Self { number: file.bundle, products }) } else { Err(problems) }
    }
}

fn read_version(version: FileVersion, areas: &BTreeMap<BenefitArea, &FileArea>, place: &str, problems: &mut Vec<String>) -> BundleVersion {
    let grades: BTreeSet<&str> = version.grade.iter().map(|g| g.code.as_str()).collect();
    if grades.len() != version.grade.len() || !grades.iter().all(|g| is_grade(g)) {
        problems.push(format!("{place}: a grade is not one digit or capital, or stands twice"));
    }
    for grade in &version.grade {
        check_text(&grade.title, place, problems);
        check_origin(&grade.title, grade.verification, place, problems);
    }
    if let Some(basis) = &version.legal_basis {
        check_text(basis, place, problems);
        check_origin(basis, version.verification, place, problems);
    }
    if version.effective_from.zip(version.effective_to).is_some_and(|(from, to)| to < from) {
        problems.push(format!("{place}: it ends before it begins"));
    }
    let mut seen = BTreeSet::new();
    let mut benefits = Vec::new();
    for benefit in version.benefit {
        let Some(area) = areas.get(&benefit.area) else {
            problems.push(format!("{place}: the area {} has no texts", benefit.area));
            continue;
        };
        if benefit.yearly_quota.is_some_and(|q| q < 1) {
            problems.push(format!("{place}: the quota of {} is less than 1", benefit.area));
        }
        let code = benefit.code.unwrap_or_else(|| benefit.area.code().to_owned());
        // The words of an area are shared by the versions; they are official where the version's own basis names the area.
        let words = |text: &Text| if benefit.area_verification == Verification::Official { text.clone() } else { text.clone().unofficial() };
        for grade in &benefit.grades {
            if !grades.contains(grade.as_str()) {
                problems.push(format!("{place}: {} names the grade {grade}, which the version has not", benefit.area));
            }
            for &beneficiary in &benefit.beneficiaries {
                if !seen.insert((code.clone(), grade.clone(), beneficiary, benefit.region_code.clone())) {
                    problems.push(format!("{place}: {code} stands twice for {grade} and {beneficiary}"));
                }
                benefits.push(BundleBenefit {
                    code: code.clone(),
                    area: benefit.area,
                    grade: grade.clone(),
                    beneficiary,
                    region_code: benefit.region_code.clone(),
                    authority: words(&area.authority),
                    yearly_quota: benefit.yearly_quota,
                    unit_of_count: area.unit_of_count,
                    carry_over: benefit.carry_over.unwrap_or(CarryOver::None),
                    title: words(&area.title),
                    description: words(&area.description),
                    area_verification: benefit.area_verification,
                    verification: benefit.verification,
                    source: benefit.source.clone(),
                });
            }
        }
    }
    BundleVersion {
        number: version.number,
        verification: version.verification,
        source: version.source,
        legal_basis: version.legal_basis,
        effective_from: version.effective_from,
        effective_to: version.effective_to,
        max_years: version.max_years,
        grades: version.grade,
        benefits,
    }
}

/// A text needs Simplified Chinese, and every wording some words.
fn check_text(text: &Text, place: &str, problems: &mut Vec<String>) {
    let wordings: BTreeMap<Language, &Wording> = text.wordings().collect();
    if !wordings.contains_key(&Language::ZhHans) || wordings.values().any(|w| w.value.trim().is_empty()) {
        problems.push(format!("{place}: a text lacks Simplified Chinese or is blank"));
    }
}

/// Nothing made up has an official wording.
fn check_origin(text: &Text, verification: Verification, place: &str, problems: &mut Vec<String>) {
    if verification == Verification::StandIn && text.wordings().any(|(_, w)| w.origin == Origin::Official) {
        problems.push(format!("{place}: a stand-in has a wording marked as official"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../catalogue/card_products.toml");

    #[test]
    fn every_item_that_ends_with_a_card_names_a_product_with_its_grades() {
        let products = Bundle::parse(SHIPPED).unwrap().products;
        let mut seen = 0;
        for item in crate::catalogue::model::bundle::Bundle::embedded().unwrap().items {
            for version in item.versions {
                let Some(spec) = version.content.fulfilment.filter(|spec| spec.kind == "TALENT_CARD") else { continue };
                let place = format!("{} {}", item.code, version.edition);
                let product = products.iter().find(|p| Some(p.code.as_str()) == spec.params["product"].as_str());
                let product = product.unwrap_or_else(|| panic!("{place}: no such product"));
                let from = version.content.in_force_from;
                let begins = |v: &BundleVersion| v.effective_from.is_none_or(|d| d <= from) && v.effective_to.is_none_or(|d| from <= d);
                let card = product.versions.iter().find(|v| begins(v)).unwrap_or_else(|| panic!("{place}: no version of the product is in force"));
                let asked = version.content.form.schema.pointer(&format!("/properties{}/enum", spec.params["grade_pointer"].as_str().unwrap()));
                let asked: Vec<_> = asked.unwrap().as_array().unwrap().iter().map(|g| g.as_str().unwrap()).collect();
                assert_eq!(asked, card.grades.iter().map(|g| g.code.as_str()).collect::<Vec<_>>(), "{place}");
                assert!(card.max_years.is_some(), "{place}: the validity of the card is not known");
                seen += 1;
            }
        }
        assert_eq!(seen, 2);
    }

    #[test]
    fn the_shipped_bundle_is_sound_and_says_what_is_known() {
        let bundle = Bundle::parse(SHIPPED).unwrap();
        let codes: Vec<_> = bundle.products.iter().map(|p| (p.code.as_str(), p.versions.iter().map(|v| v.grades.len()).collect::<Vec<_>>())).collect();
        assert_eq!(
            codes,
            [
                ("GUANGDONG_TALENT_CARD", vec![2, 2]),
                ("FOSHAN_TALENT_CARD", vec![4]),
                ("GUANGZHOU_TALENT_GREEN_CARD", vec![2]),
                ("ZHUHAI_TALENT_CARD", vec![2]),
                ("ZHAOQING_TALENT_GREEN_CARD", vec![3]),
                ("DONGGUAN_TALENT_CARD", vec![0]),
            ]
        );
        for version in &bundle.products[0].versions {
            let areas: BTreeSet<_> = version.benefits.iter().map(|b| b.area).collect();
            assert_eq!(areas.len(), 14);
            assert_eq!(version.max_years, Some(5));
            // Who gets what from whom is our proposal, and no quota is known.
            assert!(version.benefits.iter().all(|b| b.verification == Verification::StandIn && b.yearly_quota.is_none()));
        }
        // Four areas are named by the official letter, of the card under its first rules.
        let official = |v: &BundleVersion| v.benefits.iter().filter(|b| b.area_verification == Verification::Official).map(|b| b.area).collect::<BTreeSet<_>>();
        assert_eq!(
            official(&bundle.products[0].versions[0]),
            BTreeSet::from([BenefitArea::ChildSchooling, BenefitArea::MedicalInsurance, BenefitArea::Housing, BenefitArea::Transport])
        );
        assert!(official(&bundle.products[0].versions[1]).is_empty());
        let worded = |v: &BundleVersion| {
            let said =
                |b: &&BundleBenefit| [&b.title, &b.description, &b.authority].iter().any(|text| text.wordings().any(|(_, w)| w.origin == Origin::Official));
            v.benefits.iter().filter(said).map(|b| b.area).collect::<BTreeSet<_>>()
        };
        assert_eq!(worded(&bundle.products[0].versions[0]), official(&bundle.products[0].versions[0]));
        assert!(worded(&bundle.products[0].versions[1]).is_empty(), "words of the letter stand for another basis");
        // City cards are products without rules.
        assert!(bundle.products[1..].iter().flat_map(|p| &p.versions).all(|v| v.benefits.is_empty() && v.max_years.is_none()));
        for product in &bundle.products {
            assert_eq!(product.name.wordings().count(), 4, "{}", product.code);
        }
    }

    #[test]
    fn every_problem_of_a_bundle_is_told() {
        let text = SHIPPED
            .replacen("number_prefix = \"4406\"", "number_prefix = \"4400\"", 1)
            .replacen("grades = [\"A\", \"B\"]", "grades = [\"A\", \"Z\"]", 1)
            .replacen("effective_to = \"2028-04-30\"", "effective_to = \"2020-04-30\"", 1);
        assert_eq!(Bundle::parse(&text).unwrap_err().len(), 3, "{:?}", Bundle::parse(&text));
        assert!(Bundle::parse("bundle = 1\nextra = 2").is_err());
    }

    #[test]
    fn the_hash_of_a_version_changes_with_its_content() {
        let mut version = Bundle::parse(SHIPPED).unwrap().products.remove(0).versions.remove(0);
        let before = version.content_hash().unwrap();
        assert_eq!(before, version.content_hash().unwrap());
        version.benefits[0].yearly_quota = Some(3);
        assert_ne!(before, version.content_hash().unwrap());
    }
}
