//! Education, employment, family and categories: what may be told, and the facts that follow for rules.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::coded_enum;
use crate::kernel::ids::{BodyId, DocumentId, EducationId, EmploymentId, FamilyMemberId, PersonId, TalentCategoryId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::organisation::model::reference::listed_region;
use crate::person::model::country::Country;
use crate::person::model::document::{IdentityDocumentKind, Sex};
use crate::person::model::profile::{Person, age_on};

coded_enum! {
    /// Level of education (学历 / 学位), lowest first (`Ord`).
    pub enum EducationLevel {
        /// Secondary school (高中).
        Secondary => "SECONDARY",
        /// Secondary vocational school (中专).
        Vocational => "VOCATIONAL",
        /// Junior college (大专).
        Associate => "ASSOCIATE",
        /// Bachelor's degree (学士).
        Bachelor => "BACHELOR",
        /// Master's degree (硕士).
        Master => "MASTER",
        /// Doctor's degree (博士).
        Doctor => "DOCTOR",
    }
}

coded_enum! {
    /// What a family member is to the talent.
    pub enum FamilyRelation {
        /// Husband or wife.
        Spouse => "SPOUSE",
        /// Child.
        Child => "CHILD",
        /// Father or mother.
        Parent => "PARENT",
    }
}

/// The most entries of one kind in a profile.
pub const ENTRIES_MAX: usize = 50;
/// The longest name of an institution, employer, position or field, in characters.
pub const TEXT_MAX: usize = 200;

/// A record of education; stored sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Education {
    /// Level.
    pub level: EducationLevel,
    /// School or university.
    pub institution: String,
    /// Field of study.
    pub field_of_study: Option<String>,
    /// Where the institution is, ISO 3166-1 alpha-3.
    pub country: Option<String>,
    /// First day.
    pub started_on: Option<NaiveDate>,
    /// Day of graduation; `None` is not finished.
    pub completed_on: Option<NaiveDate>,
}

/// A record of employment; stored sealed but for the id of the employer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Employment {
    /// Name of the employer, where it is no body of the portal.
    pub employer_name: Option<String>,
    /// Position.
    pub position: String,
    /// Where the work is done, GB/T 2260, six digits.
    pub region: Option<String>,
    /// First day.
    pub started_on: NaiveDate,
    /// Last day; `None` is still employed.
    pub ended_on: Option<NaiveDate>,
    /// Last day of the contract; `None` is open-ended or not told.
    pub contract_until: Option<NaiveDate>,
}

/// What is sealed about a family member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// What the member is to the talent.
    pub relation: FamilyRelation,
    /// Who she is, as the talent typed it.
    #[serde(default)]
    pub typed: Option<TypedMember>,
}

/// A family member in the talent's own words: what she tells of herself, or an officer learns, is not the talent's to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypedMember {
    /// Name in Chinese characters.
    pub name_zh: Option<String>,
    /// Name in Latin letters.
    pub name_latin: Option<String>,
    /// Birth date.
    pub birth_date: Option<NaiveDate>,
    /// Sex.
    #[serde(default)]
    pub sex: Option<Sex>,
    /// Nationality, ISO 3166-1 alpha-3.
    #[serde(default)]
    pub nationality: Option<String>,
}

/// An entry of the profile with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<Id, T> {
    /// Id.
    pub id: Id,
    /// What it says.
    pub details: T,
}

/// Education with its id.
pub type EducationEntry = Entry<EducationId, Education>;

/// Employment with its id and employer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmploymentEntry {
    /// Id.
    pub id: EmploymentId,
    /// The employer, where it is a body of the portal.
    pub employer: Option<BodyId>,
    /// What it says.
    pub details: Employment,
}

/// A family member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyEntry {
    /// Id.
    pub id: FamilyMemberId,
    /// The person (redirects followed).
    pub member: PersonId,
    /// Who she is in the talent's words.
    pub typed: TypedMember,
    /// What she is to the talent.
    pub relation: FamilyRelation,
}

/// A claimed category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryEntry {
    /// Id.
    pub id: TalentCategoryId,
    /// Code of the category in the catalogue.
    pub category: String,
    /// A document that shows it.
    pub evidence: Option<DocumentId>,
}

/// A text with its blanks trimmed, as a problem where it is missing or too long.
fn text(typed: &str, field: &str, problems: &mut Vec<Rejection>) -> String {
    let text = typed.trim();
    if text.is_empty() {
        problems.push(Rejection::at(Code::Required, field));
    } else if text.chars().count() > TEXT_MAX {
        problems.push(Rejection::at(Code::TooLong, field).number("max", 200));
    } else if text.chars().any(char::is_control) {
        problems.push(Rejection::at(Code::Malformed, field));
    }
    text.to_owned()
}

fn optional_text(typed: Option<&str>, field: &str, problems: &mut Vec<Rejection>) -> Option<String> {
    typed.filter(|t| !t.trim().is_empty()).map(|t| text(t, field, problems))
}

fn period(from: Option<NaiveDate>, until: Option<NaiveDate>, until_field: &str, problems: &mut Vec<Rejection>) {
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        problems.push(Rejection::at(Code::PeriodReversed, until_field));
    }
}

fn done<T>(value: T, problems: Vec<Rejection>) -> Result<T, Vec<Rejection>> {
    if problems.is_empty() { Ok(value) } else { Err(problems) }
}

impl Education {
    /// The record as typed, put in order; every problem at once, at fields of `input`.
    pub fn parse(self, today: NaiveDate) -> Result<Self, Vec<Rejection>> {
        let mut problems = Vec::new();
        let institution = text(&self.institution, "input.institution", &mut problems);
        let field_of_study = optional_text(self.field_of_study.as_deref(), "input.fieldOfStudy", &mut problems);
        let typed = self.country.as_deref().map(str::trim).filter(|c| !c.is_empty());
        let country = typed.and_then(Country::parse).map(Country::into_code);
        if typed.is_some() && country.is_none() {
            problems.push(Rejection::at(Code::NotAllowed, "input.country"));
        }
        if self.started_on.is_some_and(|d| d > today) {
            problems.push(Rejection::at(Code::InFuture, "input.startedOn"));
        }
        if self.completed_on.is_some_and(|d| d > today) {
            problems.push(Rejection::at(Code::InFuture, "input.completedOn"));
        }
        period(self.started_on, self.completed_on, "input.completedOn", &mut problems);
        done(Self { institution, field_of_study, country, ..self }, problems)
    }
}

impl Employment {
    /// The record as typed, put in order; `has_body` tells whether a body of the portal is named as employer.
    pub fn parse(self, has_body: bool, today: NaiveDate) -> Result<Self, Vec<Rejection>> {
        let mut problems = Vec::new();
        let employer_name = optional_text(self.employer_name.as_deref(), "input.employerName", &mut problems);
        if employer_name.is_none() && !has_body {
            problems.push(Rejection::at(Code::Required, "input.employerName"));
        }
        let position = text(&self.position, "input.position", &mut problems);
        let region = self.region.as_deref().map(str::trim).filter(|r| !r.is_empty()).map(str::to_owned);
        if let Some(code) = region.as_deref() {
            if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
                problems.push(Rejection::at(Code::Malformed, "input.regionCode"));
            } else if !is_place(code) {
                problems.push(Rejection::at(Code::NotAllowed, "input.regionCode"));
            }
        }
        if self.ended_on.is_some_and(|d| d > today) {
            problems.push(Rejection::at(Code::InFuture, "input.endedOn"));
        }
        period(Some(self.started_on), self.ended_on, "input.endedOn", &mut problems);
        period(Some(self.started_on), self.contract_until, "input.contractUntil", &mut problems);
        done(Self { employer_name, position, region, ..self }, problems)
    }

    /// Whether it holds on a day.
    pub fn is_current(&self, day: NaiveDate) -> bool {
        self.started_on <= day && self.ended_on.is_none_or(|end| end >= day)
    }
}

/// The provinces of GB/T 2260 of which the portal lists the regions: Guangdong, Hong Kong and Macao.
const LISTED: [&str; 3] = ["44", "81", "82"];
/// The others, Taiwan among them.
const PROVINCES: &[&str] = &[
    "11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41", "42", "43", "45", "46", "50", "51", "52", "53", "54", "61",
    "62", "63", "64", "65", "71",
];

/// Whether six digits are a region: a listed one where the portal lists a province's, else one of a province that there is.
fn is_place(code: &str) -> bool {
    let province = &code[..2];
    if LISTED.contains(&province) { listed_region(code).is_some() } else { PROVINCES.contains(&province) }
}

/// The code of a category as the catalogue writes codes: capital letters, digits, underscores and hyphens, at most 40.
pub fn parse_category(typed: &str) -> Result<String, Rejection> {
    let code = typed.trim();
    let form = (1..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    if form { Ok(code.to_owned()) } else { Err(Rejection::at(Code::Malformed, "input.category")) }
}

/// The value of a fact. What nobody knows is no fact at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactValue {
    /// A text or code.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Truth(bool),
    /// A civil date.
    Date(NaiveDate),
    /// Texts or codes.
    List(Vec<String>),
}

coded_enum! {
    /// Where a fact comes from.
    pub enum FactOrigin {
        /// The person told it.
        Profile => "PROFILE",
        /// An officer read it from an original.
        VerifiedDocument => "VERIFIED_DOCUMENT",
    }
}

/// A fact about a person, for rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its path in the vocabulary of the catalogue, for example `person.birth_date`.
    pub name: &'static str,
    /// Its value.
    pub value: FactValue,
    /// Where it comes from.
    pub origin: FactOrigin,
}

/// Facts that verified identity documents give, or give their origin.
pub const FACTS_OF_DOCUMENTS: &[&str] = &["person.birth_date", "person.age", "person.origin", "person.document_kinds"];
/// Facts that education gives.
pub const FACTS_OF_EDUCATION: &[&str] = &["talent.highest_degree"];
/// Facts that claimed categories give.
pub const FACTS_OF_CATEGORIES: &[&str] = &["talent.category"];
/// Facts that employment gives.
pub const FACTS_OF_EMPLOYMENT: &[&str] =
    &["employment.in_guangdong", "employment.post", "employment.employer", "employment.contract_until", "employment.employer_body"];

/// What the portal knows about a person when facts are asked for.
#[derive(Clone, Debug)]
pub struct Known {
    /// The person.
    pub person: Person,
    /// Kinds of which she has a verified document.
    pub verified_kinds: Vec<IdentityDocumentKind>,
    /// Education.
    pub educations: Vec<EducationEntry>,
    /// Employment.
    pub employments: Vec<EmploymentEntry>,
    /// Claimed categories.
    pub categories: Vec<CategoryEntry>,
}

impl Known {
    /// The person alone; the rest is read where it is asked for.
    pub const fn of(person: Person) -> Self {
        Self { person, verified_kinds: Vec::new(), educations: Vec::new(), employments: Vec::new(), categories: Vec::new() }
    }
}

/// The facts that follow on a day, under the paths of the catalogue's data elements.
///
/// What is not known is missing, so that a rule answers unknown and not no. Where several categories are claimed, which
/// one a case is about is for the form to say.
pub fn facts(known: &Known, today: NaiveDate) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |name, value, origin| facts.push(Fact { name, value, origin });
    let person = &known.person;
    if let Some(name) = &person.name.zh {
        add("person.name.chinese", FactValue::Text(name.clone()), FactOrigin::Profile);
    }
    if let Some(name) = &person.name.latin {
        add("person.name.latin", FactValue::Text(name.clone()), FactOrigin::Profile);
    }
    if let Some(birth) = person.birth_date {
        let read = known.verified_kinds.iter().any(|kind| kind.tells_birth());
        let origin = if read { FactOrigin::VerifiedDocument } else { FactOrigin::Profile };
        add("person.birth_date", FactValue::Date(birth), origin);
        if let Some(age) = age_on(birth, today) {
            add("person.age", FactValue::Number(i64::from(age)), origin);
        }
    }
    if let Some(nationality) = &person.nationality {
        add("person.nationality", FactValue::Text(nationality.clone()), FactOrigin::Profile);
    }
    if let Some(origin) = origin_of(&known.verified_kinds, person.nationality.as_deref()) {
        add("person.origin", FactValue::Text(origin.to_owned()), FactOrigin::VerifiedDocument);
    }
    add("person.document_kinds", FactValue::List(known.verified_kinds.iter().map(|k| k.code().to_owned()).collect()), FactOrigin::VerifiedDocument);
    if let [only] = known.categories.as_slice() {
        add("talent.category", FactValue::Text(only.category.clone()), FactOrigin::Profile);
    }
    if let Some(level) = known.educations.iter().filter(|e| e.details.completed_on.is_some()).map(|e| e.details.level).max() {
        add("talent.highest_degree", FactValue::Text(level.code().to_owned()), FactOrigin::Profile);
    }
    for (name, value) in employment_facts(&known.employments, today) {
        add(name, value, FactOrigin::Profile);
    }
    facts
}

/// Where a person comes from, as her verified documents say; nothing where they say none or several.
///
/// Foreign nationals hold identity cards of Hong Kong and Macao, too: with another nationality (ISO 3166-1 alpha-3) in the
/// profile those cards leave it open.
fn origin_of(kinds: &[IdentityDocumentKind], nationality: Option<&str>) -> Option<&'static str> {
    let chinese = nationality.is_none_or(|code| code == "CHN");
    let mut origins: Vec<&'static str> = kinds
        .iter()
        .filter_map(|kind| match kind {
            IdentityDocumentKind::ResidentIdCard => Some("MAINLAND"),
            IdentityDocumentKind::Hkid => chinese.then_some("HONG_KONG"),
            IdentityDocumentKind::MacaoBir => chinese.then_some("MACAO"),
            IdentityDocumentKind::TaiwanPermit => Some("TAIWAN"),
            IdentityDocumentKind::ForeignPermanentResidentId => Some("FOREIGN"),
            // The kind alone does not say which of the regions or states it is.
            IdentityDocumentKind::HkMacaoTaiwanResidencePermit
            | IdentityDocumentKind::HomeReturnPermit
            | IdentityDocumentKind::HomeReturnPermitNonChinese
            | IdentityDocumentKind::Passport => None,
        })
        .collect();
    origins.sort_unstable();
    origins.dedup();
    if let [only] = origins.as_slice() { Some(only) } else { None }
}

/// What follows from the employments that hold today.
fn employment_facts(employments: &[EmploymentEntry], today: NaiveDate) -> Vec<(&'static str, FactValue)> {
    let mut facts = Vec::new();
    let current: Vec<&EmploymentEntry> = employments.iter().filter(|e| e.details.is_current(today)).collect();
    // Guangdong is 44 in GB/T 2260.
    let in_guangdong = |e: &EmploymentEntry| e.details.region.as_deref().map(|region| region.starts_with("44"));
    let places: Vec<Option<bool>> = current.iter().map(|e| in_guangdong(e)).collect();
    if places.contains(&Some(true)) {
        facts.push(("employment.in_guangdong", FactValue::Truth(true)));
    } else if !places.is_empty() && !places.contains(&None) {
        facts.push(("employment.in_guangdong", FactValue::Truth(false)));
    }
    // The employment that counts: in Guangdong before elsewhere, then the one begun last.
    let Some(main) = current.iter().max_by_key(|e| (in_guangdong(e) == Some(true), e.details.started_on)) else { return facts };
    facts.push(("employment.post", FactValue::Text(main.details.position.clone())));
    if let Some(name) = &main.details.employer_name {
        facts.push(("employment.employer", FactValue::Text(name.clone())));
    }
    if let Some(until) = main.details.contract_until {
        facts.push(("employment.contract_until", FactValue::Date(until)));
    }
    if let Some(body) = main.employer {
        facts.push(("employment.employer_body", FactValue::Text(body.global())));
    }
    facts
}

/// Whether a second spouse would be added.
pub fn second_spouse(present: &[FamilyRelation], relation: FamilyRelation) -> bool {
    relation == FamilyRelation::Spouse && present.contains(&FamilyRelation::Spouse)
}

/// The id under which details were written decides the key; helper for lists.
pub fn owners<'a, T: 'a>(rows: &'a [T], owner: impl Fn(&'a T) -> PersonId) -> Vec<PersonId> {
    let mut owners: Vec<PersonId> = rows.iter().map(owner).collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::model::profile::tests::nobody;
    use uuid::Uuid;

    fn day(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).unwrap()
    }

    fn job(region: Option<&str>, started_on: NaiveDate, ended_on: Option<NaiveDate>) -> Employment {
        Employment { employer_name: Some("A".into()), position: "B".into(), region: region.map(Into::into), started_on, ended_on, contract_until: None }
    }

    fn known(employments: Vec<(Option<BodyId>, Employment)>) -> Known {
        let entry = |(employer, details)| EmploymentEntry { id: EmploymentId(Uuid::nil()), employer, details };
        Known { employments: employments.into_iter().map(entry).collect(), ..Known::of(nobody(1)) }
    }

    fn value(known: &Known, name: &str) -> Option<FactValue> {
        facts(known, day(1920, 1, 1)).into_iter().find(|f| f.name == name).map(|f| f.value)
    }

    #[test]
    fn what_nobody_knows_is_no_fact() {
        let names: Vec<_> = facts(&known(Vec::new()), day(1920, 1, 1)).iter().map(|f| f.name).collect();
        assert_eq!(names, ["person.document_kinds"]);
    }

    #[test]
    fn age_degree_and_categories_are_facts() {
        let mut k = known(Vec::new());
        k.person.birth_date = Some(day(1890, 3, 7));
        k.person.nationality = Some("CHN".into());
        k.verified_kinds = vec![IdentityDocumentKind::MacaoBir, IdentityDocumentKind::Passport];
        let study = |level, completed_on| Entry {
            id: EducationId(Uuid::nil()),
            details: Education { level, institution: "A".into(), field_of_study: None, country: None, started_on: None, completed_on },
        };
        k.educations = vec![
            study(EducationLevel::Bachelor, Some(day(1912, 7, 1))),
            study(EducationLevel::Master, Some(day(1914, 7, 1))),
            study(EducationLevel::Doctor, None),
        ];
        k.categories = vec![CategoryEntry { id: TalentCategoryId(Uuid::nil()), category: "A01".into(), evidence: None }];
        assert_eq!(value(&k, "person.age"), Some(FactValue::Number(29)));
        assert_eq!(value(&k, "person.nationality"), Some(FactValue::Text("CHN".into())));
        assert_eq!(value(&k, "person.document_kinds"), Some(FactValue::List(vec!["MACAO_BIR".into(), "PASSPORT".into()])));
        assert_eq!(value(&k, "talent.highest_degree"), Some(FactValue::Text("MASTER".into())));
        assert_eq!(value(&k, "talent.category"), Some(FactValue::Text("A01".into())));
        assert_eq!(value(&k, "person.origin"), Some(FactValue::Text("MACAO".into())));
        let foreign = Known { person: Person { nationality: Some("PRT".into()), ..k.person.clone() }, ..k.clone() };
        assert_eq!((value(&foreign, "person.nationality"), value(&foreign, "person.origin")), (Some(FactValue::Text("PRT".into())), None));
        // A Macao card tells nothing about birth; a resident card does, and with both the origin is open.
        let origin = |k: &Known| facts(k, day(1920, 1, 1)).into_iter().find(|f| f.name == "person.birth_date").map(|f| f.origin);
        assert_eq!(origin(&k), Some(FactOrigin::Profile));
        k.verified_kinds.push(IdentityDocumentKind::ResidentIdCard);
        assert_eq!(origin(&k), Some(FactOrigin::VerifiedDocument));
        assert_eq!(value(&k, "person.origin"), None);
        k.categories.push(CategoryEntry { id: TalentCategoryId(Uuid::nil()), category: "A02".into(), evidence: None });
        assert_eq!(value(&k, "talent.category"), None);
    }

    #[test]
    fn work_in_guangdong_is_yes_no_or_unknown() {
        let begun = day(1915, 1, 1);
        for (jobs, expected) in [
            (vec![job(Some("440106"), begun, None)], Some(true)),
            (vec![job(Some("110105"), begun, None)], Some(false)),
            (vec![job(None, begun, None)], None),
            (vec![job(Some("110105"), begun, None), job(None, begun, None)], None),
            (vec![job(None, begun, None), job(Some("442000"), begun, None)], Some(true)),
            (vec![job(Some("440106"), begun, Some(day(1919, 12, 31)))], None),
            (vec![job(Some("440106"), begun, Some(day(1920, 1, 1)))], Some(true)),
            (vec![job(Some("440106"), day(1920, 1, 2), None)], None),
        ] {
            let k = known(jobs.clone().into_iter().map(|j| (None, j)).collect());
            assert_eq!(value(&k, "employment.in_guangdong"), expected.map(FactValue::Truth), "{jobs:?}");
        }
    }

    #[test]
    fn the_employment_in_guangdong_gives_contract_and_employer() {
        let body = BodyId(Uuid::from_u128(7));
        let here = Employment { contract_until: Some(day(1922, 6, 30)), ..job(Some("440106"), day(1915, 1, 1), None) };
        let k = known(vec![(Some(body), here), (None, job(Some("110105"), day(1918, 1, 1), None))]);
        assert_eq!(value(&k, "employment.contract_until"), Some(FactValue::Date(day(1922, 6, 30))));
        assert_eq!(value(&k, "employment.employer_body"), Some(FactValue::Text(body.global())));
    }

    #[test]
    fn everything_wrong_in_a_record_is_told_at_once() {
        let today = day(1920, 1, 1);
        let education = Education {
            level: EducationLevel::Master,
            institution: " ".into(),
            field_of_study: Some("长".repeat(201)),
            country: Some("ZZZ".into()),
            started_on: Some(day(1921, 1, 1)),
            completed_on: Some(day(1920, 6, 1)),
        };
        assert_eq!(
            education.parse(today).unwrap_err(),
            [
                Rejection::at(Code::Required, "input.institution"),
                Rejection::at(Code::TooLong, "input.fieldOfStudy").number("max", 200),
                Rejection::at(Code::NotAllowed, "input.country"),
                Rejection::at(Code::InFuture, "input.startedOn"),
                Rejection::at(Code::InFuture, "input.completedOn"),
                Rejection::at(Code::PeriodReversed, "input.completedOn"),
            ]
        );
        let employment = Employment {
            employer_name: None,
            position: "\u{7}x".into(),
            region: Some("44".into()),
            started_on: day(1919, 1, 1),
            ended_on: Some(day(1918, 1, 1)),
            contract_until: Some(day(1917, 1, 1)),
        };
        assert_eq!(
            employment.clone().parse(false, today).unwrap_err(),
            [
                Rejection::at(Code::Required, "input.employerName"),
                Rejection::at(Code::Malformed, "input.position"),
                Rejection::at(Code::Malformed, "input.regionCode"),
                Rejection::at(Code::PeriodReversed, "input.endedOn"),
                Rejection::at(Code::PeriodReversed, "input.contractUntil"),
            ]
        );
        for (region, code) in [("449999", Code::NotAllowed), ("990000", Code::NotAllowed), ("4401", Code::Malformed), ("44010六", Code::Malformed)] {
            let wrong = Employment { position: "Engineer".into(), region: Some(region.into()), ended_on: None, contract_until: None, ..employment.clone() };
            assert_eq!(wrong.parse(true, today), Err(vec![Rejection::at(code, "input.regionCode")]), "{region}");
        }
        let right = Employment { position: " Engineer ".into(), region: Some("440106".into()), ended_on: None, contract_until: None, ..employment };
        assert_eq!(right.parse(true, today).unwrap().position, "Engineer");
    }

    #[test]
    fn a_category_is_a_code_and_there_is_one_spouse() {
        assert_eq!(parse_category(" ACADEMICIAN-1 "), Ok("ACADEMICIAN-1".into()));
        for typed in ["", "academician", "院士", &"A".repeat(41)] {
            assert_eq!(parse_category(typed), Err(Rejection::at(Code::Malformed, "input.category")), "{typed}");
        }
        assert!(second_spouse(&[FamilyRelation::Child, FamilyRelation::Spouse], FamilyRelation::Spouse));
        assert!(!second_spouse(&[FamilyRelation::Child, FamilyRelation::Spouse], FamilyRelation::Child));
    }
}
