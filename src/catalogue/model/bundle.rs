//! The bundle: the catalogue that the binary carries, read from the embedded files of `catalogue/`.
//!
//! Texts are written as `{ text = ["简", "繁", "English", "Português"], origin = "OFFICIAL" }`; the origin is that of the
//! Simplified wording (HUMAN where none is given). The Traditional and English wordings are HUMAN, the Portuguese is
//! MACHINE: it was not read through by a native. A form's schema is written as JSON inside the TOML.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::kernel::code::Verification;
use crate::kernel::ids::{ItemId, ItemVersionId};
use crate::kernel::seal::sha256_hex;
use crate::kernel::text::{Language, Origin, Text};

use super::elements::Vocabulary;
use super::facts::{FactOrigin, Facts};
use super::form::canonical;
use super::item::{CompiledVersion, ItemArea, Version, VersionState, not_by_others};
use super::offering::{Channel, IntakePeriod, Limit, Maker};
use super::rule::Outcome;
use super::version::VersionContent;
use crate::organisation::model::unit::UnitLevel;

/// Reads a file of the bundle.
///
/// Errors: where and what, in words.
pub fn read_toml<T: DeserializeOwned>(toml: &str) -> Result<T, String> {
    let value: Value = toml::from_str(toml).map_err(|e| e.to_string())?;
    serde_path(expand(value)?)
}

fn serde_path<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|e| e.to_string())
}

/// Writes out the shorthand for texts and schemas.
fn expand(value: Value) -> Result<Value, String> {
    match value {
        Value::Object(map) if map.get("text").is_some_and(Value::is_array) => text(&map),
        Value::Object(map) => {
            let mut out = Map::new();
            for (key, value) in map {
                let value = match (key.as_str(), &value) {
                    ("schema", Value::String(json)) => serde_json::from_str(json).map_err(|e| format!("schema: {e}"))?,
                    _ => expand(value)?,
                };
                out.insert(key, value);
            }
            Ok(Value::Object(out))
        }
        Value::Array(list) => list.into_iter().map(expand).collect::<Result<Vec<_>, _>>().map(Value::Array),
        other => Ok(other),
    }
}

fn text(map: &Map<String, Value>) -> Result<Value, String> {
    let words: Vec<&str> = map.get("text").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(key) = map.keys().find(|k| !matches!(k.as_str(), "text" | "origin")) {
        return Err(format!("a text has no {key}"));
    }
    let origin = match map.get("origin").and_then(Value::as_str) {
        None => Origin::Human,
        Some(code) => code.parse().map_err(|_| format!("{code} is not an origin"))?,
    };
    let [hans, hant, en, pt] = words[..] else { return Err(format!("the text {words:?} must be given in four languages")) };
    Ok(json!({
        "zh-Hans": { "t": hans, "o": origin }, "zh-Hant": { "t": hant, "o": Origin::Human },
        "en": { "t": en, "o": Origin::Human }, "pt": { "t": pt, "o": Origin::Machine },
    }))
}

/// An offering as the bundle writes it: for all units of a level in some regions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleOffering {
    /// Which edition is offered.
    pub edition: String,
    /// By units of this level.
    pub level: UnitLevel,
    /// In these regions (GB/T 2260); empty: in all.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The authority (实施主体).
    pub authority: Text,
    /// Promised limit, where one is known.
    #[serde(default)]
    pub promised: Option<Limit>,
    /// Statutory limit, where one is known.
    #[serde(default)]
    pub statutory: Option<Limit>,
    /// Ways of applying.
    pub channels: Vec<Channel>,
    /// Yearly intake periods; empty: all year.
    #[serde(default)]
    pub intake: Vec<IntakePeriod>,
    /// Cases per year, at most.
    #[serde(default)]
    pub quota: Option<u32>,
    /// First day.
    pub effective_from: NaiveDate,
    /// Last day.
    #[serde(default)]
    pub effective_to: Option<NaiveDate>,
    /// How far it may be relied on.
    pub verification: Verification,
    /// Where it was read; for stand-ins, why it is there.
    pub source: String,
}

/// An edition of an item.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleVersion {
    /// Name of the edition, unique in the item, for example `2023`.
    pub edition: String,
    /// The content.
    pub content: VersionContent,
}

/// An item of the bundle.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleItem {
    /// Stable code.
    pub code: String,
    /// Area of life.
    pub area: ItemArea,
    /// Editions, oldest first.
    pub versions: Vec<BundleVersion>,
    /// Offerings.
    #[serde(default)]
    pub offerings: Vec<BundleOffering>,
    /// How far the row may be relied on.
    pub verification: Verification,
}

/// A talent class of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleClass {
    /// Stable code.
    pub code: String,
    /// Name.
    pub name: Text,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// Where it was read; for stand-ins, why it is there.
    pub source: String,
}

/// An example of the rules of a version.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The item.
    pub item: String,
    /// The edition.
    pub edition: String,
    /// What it shows.
    pub title: String,
    /// Facts by path.
    pub facts: Map<String, Value>,
    /// The day; facts of the clock are never left out.
    pub today: NaiveDate,
    /// The outcome of the whole.
    pub outcome: Outcome,
    /// Outcomes of single leaves.
    #[serde(default)]
    pub leaves: Map<String, Value>,
    /// Whether single materials are asked for.
    #[serde(default)]
    pub materials: Map<String, Value>,
}

impl Example {
    /// Where its facts come from.
    pub const ORIGIN: FactOrigin = FactOrigin::WhatIf;
}

/// The bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Grows with each change of the files.
    pub number: i64,
    /// The items.
    pub items: Vec<BundleItem>,
    /// The talent classes.
    pub classes: Vec<BundleClass>,
    /// The examples.
    pub examples: Vec<Example>,
}

/// What is wrong with the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File, and place in it.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// The digest of a version's content: of its JSON with sorted keys.
pub fn digest(content: &VersionContent) -> String {
    let json = serde_json::to_value(content).unwrap_or_default();
    sha256_hex(&canonical(&json).to_string())
}

/// A row of a list of services that share a template.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceRow {
    code: String,
    area: ItemArea,
    name: Text,
    authority: Text,
    #[serde(default)]
    promised: Option<Limit>,
    #[serde(default)]
    statutory: Option<Limit>,
    #[serde(default)]
    intake: Vec<IntakePeriod>,
    #[serde(default)]
    visits: Option<u32>,
    verification: Verification,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceFile {
    template: VersionContent,
    services: Vec<ServiceRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassFile {
    classes: Vec<BundleClass>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleFile {
    examples: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NumberFile {
    number: i64,
}

const NUMBER: &str = include_str!("../../../catalogue/bundle.toml");
const ELEMENTS: &str = include_str!("../../../catalogue/elements.toml");
const CLASSES: &str = include_str!("../../../catalogue/talent_classes.toml");
const ITEMS: &[(&str, &str)] = &[
    ("items/talent_card.toml", include_str!("../../../catalogue/items/talent_card.toml")),
    ("items/talent_card_replacement.toml", include_str!("../../../catalogue/items/talent_card_replacement.toml")),
    ("items/talent_card_renewal.toml", include_str!("../../../catalogue/items/talent_card_renewal.toml")),
];
const SERVICES: &[(&str, &str)] = &[("items/services.toml", include_str!("../../../catalogue/items/services.toml"))];
const EXAMPLES: &[(&str, &str)] = &[
    ("examples/talent_card.toml", include_str!("../../../catalogue/examples/talent_card.toml")),
    ("examples/talent_card_renewal.toml", include_str!("../../../catalogue/examples/talent_card_renewal.toml")),
];

static VOCABULARY: LazyLock<Result<Vocabulary, String>> = LazyLock::new(|| Vocabulary::parse(ELEMENTS));

/// The embedded vocabulary of data elements.
///
/// Errors: what is wrong with the file; `catalogue check` and the tests of the bundle find it before a release.
pub fn vocabulary() -> Result<&'static Vocabulary, Problem> {
    VOCABULARY.as_ref().map_err(|what| Problem { path: "elements.toml".to_owned(), what: what.clone() })
}

static DOCUMENT_KINDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let materials = |item: BundleItem| item.versions.into_iter().flat_map(|version| version.content.materials);
    let items = Bundle::embedded().map(|bundle| bundle.items).unwrap_or_default();
    items.into_iter().flat_map(materials).map(|material| material.document_kind).collect()
});

static TALENT_CLASSES: LazyLock<Vec<BundleClass>> = LazyLock::new(|| read_toml::<ClassFile>(CLASSES).map(|file| file.classes).unwrap_or_default());

/// The talent class of a code. What this binary brings is in the store since its start.
pub fn talent_class(code: &str) -> Option<&'static BundleClass> {
    TALENT_CLASSES.iter().find(|class| class.code == code)
}

/// Codes of the kinds of documents that the items of this binary ask for.
pub fn document_kinds() -> &'static BTreeSet<String> {
    &DOCUMENT_KINDS
}

impl ServiceRow {
    fn item(self, template: &VersionContent) -> BundleItem {
        let edition = "1".to_owned();
        let content = VersionContent {
            name: self.name,
            verification: self.verification,
            source: self.source.clone(),
            visits: self.visits.unwrap_or(template.visits),
            ..template.clone()
        };
        let offering = BundleOffering {
            edition: edition.clone(),
            level: UnitLevel::Window,
            regions: Vec::new(),
            authority: self.authority,
            promised: self.promised,
            statutory: self.statutory,
            channels: vec![Channel::Online, Channel::Window],
            intake: self.intake,
            quota: None,
            effective_from: content.in_force_from,
            effective_to: None,
            verification: self.verification,
            source: self.source,
        };
        let versions = vec![BundleVersion { edition, content }];
        BundleItem { code: self.code, area: self.area, versions, offerings: vec![offering], verification: self.verification }
    }
}

impl Bundle {
    /// The bundle of this binary.
    ///
    /// Errors: every file that cannot be read, with where and what.
    pub fn embedded() -> Result<Self, Vec<Problem>> {
        fn read<T: DeserializeOwned>(path: &str, text: &str, problems: &mut Vec<Problem>) -> Option<T> {
            read_toml(text).map_err(|what| problems.push(Problem { path: path.to_owned(), what })).ok()
        }
        let mut problems = Vec::new();
        let number: Option<NumberFile> = read("bundle.toml", NUMBER, &mut problems);
        let classes: Option<ClassFile> = read("talent_classes.toml", CLASSES, &mut problems);
        let mut items: Vec<BundleItem> = ITEMS.iter().filter_map(|(path, text)| read(path, text, &mut problems)).collect();
        for (path, text) in SERVICES {
            if let Some(ServiceFile { template, services }) = read(path, text, &mut problems) {
                items.extend(services.into_iter().map(|row| row.item(&template)));
            }
        }
        let examples = EXAMPLES.iter().filter_map(|(path, text)| read::<ExampleFile>(path, text, &mut problems)).flat_map(|f| f.examples).collect();
        match (number, classes) {
            (Some(number), Some(classes)) if problems.is_empty() => Ok(Self { number: number.number, items, classes: classes.classes, examples }),
            _ => Err(problems),
        }
    }

    /// Everything that is wrong with the bundle: forms, rules, texts, offerings, examples. Pure.
    pub fn check(&self, vocabulary: &Vocabulary) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut compiled = BTreeMap::new();
        for (i, item) in self.items.iter().enumerate() {
            let mut wrong = |path: &str, what: String| problems.push(Problem { path: format!("{}{path}", item.code), what });
            if self.items[..i].iter().any(|other| other.code == item.code) {
                wrong("", "the code stands twice".to_owned());
            }
            for (n, edition) in item.versions.iter().enumerate() {
                let place = format!("/{}", edition.edition);
                if item.versions[..n].iter().any(|other| other.edition == edition.edition) {
                    wrong(&place, "the edition stands twice".to_owned());
                }
                if item.versions[..n].iter().any(|other| other.content.in_force_to.is_none_or(|to| edition.content.in_force_from <= to)) {
                    wrong(&place, "the edition begins before the earlier one ends".to_owned());
                }
                for (path, text) in edition.content.texts() {
                    for language in Language::ALL {
                        if text.localized(*language).language != *language || text.localized(*language).value.trim().is_empty() {
                            wrong(&format!("{place}{path}"), format!("no wording in {language}"));
                        }
                    }
                }
                for problem in not_by_others(&edition.content) {
                    wrong(&format!("{place}{}", problem.path), problem.what);
                }
                let version = Version {
                    id: ItemVersionId(uuid::Uuid::nil()),
                    item: ItemId(uuid::Uuid::nil()),
                    item_code: item.code.clone(),
                    edition: edition.edition.clone(),
                    number: 1,
                    digest: String::new(),
                    state: VersionState::Published,
                    maker: Maker::Bundle,
                    content: edition.content.clone(),
                };
                match CompiledVersion::compile(version, vocabulary) {
                    Ok(version) => {
                        for problem in version.rules.sample(vocabulary) {
                            wrong(&format!("{place}/rules/{}", problem.key), problem.what);
                        }
                        compiled.insert((item.code.clone(), edition.edition.clone()), version);
                    }
                    Err(list) => list.into_iter().for_each(|p| wrong(&format!("{place}{}", p.path), p.what)),
                }
            }
            for offering in &item.offerings {
                let place = format!("/offerings/{}", offering.edition);
                if !item.versions.iter().any(|v| v.edition == offering.edition) {
                    wrong(&place, "no such edition".to_owned());
                }
                if offering.channels.is_empty() {
                    wrong(&place, "no channel".to_owned());
                }
                if let (Some(promised), Some(statutory)) = (offering.promised, offering.statutory)
                    && promised.days > statutory.days
                {
                    wrong(&place, "the promised limit is longer than the statutory one".to_owned());
                }
                if offering.effective_to.is_some_and(|to| to < offering.effective_from) {
                    wrong(&place, "it ends before it begins".to_owned());
                }
            }
        }
        self.check_examples(&compiled, vocabulary, &mut problems);
        problems
    }

    /// Runs the examples, and asks that those of each item show a pass, a fail and an unknown of each leaf of its rules and of
    /// each condition of a material.
    fn check_examples(&self, compiled: &BTreeMap<(String, String), CompiledVersion>, vocabulary: &Vocabulary, problems: &mut Vec<Problem>) {
        let mut shown: BTreeSet<(String, String, String, Outcome)> = BTreeSet::new();
        let place = |of: &str, key: &str| format!("{of}/{key}");
        for example in &self.examples {
            let path = format!("{}/{} example \"{}\"", example.item, example.edition, example.title);
            let mut wrong = |what: String| problems.push(Problem { path: path.clone(), what });
            let Some(version) = compiled.get(&(example.item.clone(), example.edition.clone())) else {
                wrong("no such version".to_owned());
                continue;
            };
            let mut facts = Facts::new();
            for (fact, value) in &example.facts {
                if let Err(refused) = facts.insert_json(vocabulary, fact, value, Example::ORIGIN) {
                    wrong(format!("{fact}: {refused}"));
                }
            }
            facts.set_today(example.today);
            let answer = match version.rules.evaluate(&facts) {
                Ok(answer) => answer,
                Err(fault) => {
                    wrong(fault.to_string());
                    continue;
                }
            };
            if answer.outcome != example.outcome {
                wrong(format!("the outcome is {}", answer.outcome));
            }
            for node in &answer.nodes {
                if let Some(leaf) = &node.leaf {
                    shown.insert((example.item.clone(), example.edition.clone(), place("rules", &leaf.leaf.key), node.outcome));
                }
            }
            let materials = match version.materials(&facts) {
                Ok(materials) => materials,
                Err(fault) => {
                    wrong(fault.to_string());
                    continue;
                }
            };
            for (material, outcome) in &materials {
                shown.insert((example.item.clone(), example.edition.clone(), place("materials", &material.key), *outcome));
            }
            for (key, expected) in &example.materials {
                let found = materials.iter().find(|(material, _)| material.key == *key).map(|(_, outcome)| outcome.code());
                if found != expected.as_str() {
                    wrong(format!("material {key} is {}", found.unwrap_or("not there")));
                }
            }
            for (key, expected) in &example.leaves {
                let found = answer.nodes.iter().find(|n| n.leaf.as_ref().is_some_and(|l| l.leaf.key == *key)).map(|n| n.outcome.code());
                if found != expected.as_str() {
                    wrong(format!("leaf {key} is {}", found.unwrap_or("not there")));
                }
            }
        }
        for ((item, edition), version) in compiled {
            let leaves = version.content.rules.iter().flat_map(|r| &r.leaves).map(|leaf| place("rules", &leaf.key));
            let conditions = version.content.materials.iter().filter(|m| m.when.is_some()).map(|m| place("materials", &m.key));
            for key in leaves.chain(conditions) {
                for outcome in Outcome::ALL {
                    if !shown.contains(&(item.clone(), edition.clone(), key.clone(), *outcome)) {
                        problems.push(Problem { path: format!("{item}/{edition}/{key}"), what: format!("no example shows {outcome}") });
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_bundle_has_nothing_wrong() {
        let bundle = Bundle::embedded().unwrap();
        let problems: Vec<String> = bundle.check(vocabulary().unwrap()).iter().map(ToString::to_string).collect();
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!((bundle.items.len(), bundle.classes.len()), (35, 15));
    }

    #[test]
    fn a_changed_text_changes_the_digest_and_the_order_of_keys_does_not() {
        let bundle = Bundle::embedded().unwrap();
        let content = &bundle.items[0].versions[0].content;
        let read: VersionContent = serde_json::from_value(canonical(&serde_json::to_value(content).unwrap())).unwrap();
        assert_eq!(digest(&read), digest(content));
        let changed = VersionContent { visits: content.visits + 1, ..content.clone() };
        assert_ne!(digest(&changed), digest(content));
    }

    /// Which figures are no stand-ins, and where they were read stands in the row. Everything else is made up.
    #[test]
    fn no_limit_is_reported_but_those_that_were_read() {
        let (mut promised, mut statutory) = (Vec::new(), Vec::new());
        for item in Bundle::embedded().unwrap().items {
            for offering in item.offerings {
                let of = |limit: Option<Limit>| limit.filter(|l| l.verification != Verification::StandIn).map(|l| (item.code.clone(), l.verification, l.days));
                promised.extend(of(offering.promised));
                statutory.extend(of(offering.statutory));
            }
        }
        let reported = |rows: &[(&str, u32)]| -> Vec<_> { rows.iter().map(|(code, days)| ((*code).to_owned(), Verification::Reported, *days)).collect() };
        assert_eq!(
            promised,
            reported(&[
                ("OS-01-FOREIGN-WORK-PERMIT", 7),
                ("OS-02-R-VISA-LETTER", 5),
                ("OS-03-WORK-RESIDENCE-PERMIT", 7),
                ("OS-04-FOREIGN-TALENT-RECOGNITION", 5),
                ("OS-09-RESIDENCE-PERMIT", 20),
                ("OS-27-PERSONNEL-FILE", 15),
            ])
        );
        assert_eq!(statutory, reported(&[("OS-09-RESIDENCE-PERMIT", 20)]));
    }

    #[test]
    fn translations_are_never_official() {
        for item in Bundle::embedded().unwrap().items {
            for (path, text) in item.versions.iter().flat_map(|v| v.content.texts()) {
                for (language, wording) in text.wordings() {
                    assert!(language == Language::ZhHans || wording.origin != Origin::Official, "{} {path}", item.code);
                }
            }
        }
    }

    #[test]
    fn a_review_by_who_has_spoken_already_is_told() {
        let mut bundle = Bundle::embedded().unwrap();
        for (step, named) in [(1, vec![]), (2, vec!["employer_confirmation".to_owned()])] {
            bundle.items[0].versions[1].content.steps[step].not_same_person_as = named;
        }
        let told: Vec<String> = bundle.check(vocabulary().unwrap()).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "GD-TALENT-CARD/2023/steps/city_review: not_same_person_as does not name employer_confirmation",
                "GD-TALENT-CARD/2023/steps/province_review: not_same_person_as does not name city_review",
            ]
        );
    }

    #[test]
    fn a_condition_of_a_material_that_no_example_shows_is_told() {
        let told = |change: fn(&mut Bundle)| -> Vec<String> {
            let mut bundle = Bundle::embedded().unwrap();
            change(&mut bundle);
            bundle.check(vocabulary().unwrap()).iter().map(ToString::to_string).collect()
        };
        let missing = |edition: &str, outcome: &str, keys: &[&str]| -> Vec<String> {
            keys.iter().map(|key| format!("GD-TALENT-CARD/{edition}/materials/{key}: no example shows {outcome}")).collect()
        };
        let without_foreigner = told(|bundle| bundle.examples.retain(|e| e.edition != "2023" || e.facts.get("person.origin") != Some(&json!("FOREIGN"))));
        assert_eq!(without_foreigner, missing("2023", "PASS", &["passport", "category_evidence", "marriage_certificate", "birth_certificate"]));
        // What is known of everything leaves nothing unknown.
        let always_known = told(|bundle| {
            for example in bundle.examples.iter_mut().filter(|e| e.edition == "2018") {
                example.facts.entry("family.spouse_included").or_insert(json!(true));
                example.materials.remove("marriage_certificate");
            }
        });
        assert_eq!(always_known, missing("2018", "UNKNOWN", &["marriage_certificate"]));
        let wrong = told(|bundle| {
            let example = bundle.examples.iter_mut().find(|e| e.materials.contains_key("tax_record")).unwrap();
            example.materials.insert("tax_record".to_owned(), json!("UNKNOWN"));
            example.materials.insert("nothing".to_owned(), json!("PASS"));
        });
        assert!(wrong.iter().any(|p| p.contains("material tax_record is ")) && wrong.iter().any(|p| p.ends_with("material nothing is not there")), "{wrong:?}");
    }

    #[test]
    fn a_bad_rule_an_unknown_element_and_a_missing_example_are_told_together() {
        let mut bundle = Bundle::embedded().unwrap();
        let content = &mut bundle.items[0].versions[1].content;
        content.rules.as_mut().unwrap().leaves[0].when = "conduct.unheard_of".to_owned();
        content.form.schema["properties"]["grade"]["x-element"] = json!("request.unheard_of");
        bundle.examples.retain(|e| e.edition != "2018" || e.leaves.get("contract") != Some(&json!("FAIL")));
        let told: Vec<String> = bundle.check(vocabulary().unwrap()).iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|p| p == "GD-TALENT-CARD/2023/rules/lawful: conduct.unheard_of is not a declared fact"), "{told:?}");
        assert!(told.iter().any(|p| p == "GD-TALENT-CARD/2023/form/properties/grade/x-element: \"request.unheard_of\" is not a data element"), "{told:?}");
        assert!(told.iter().any(|p| p == "GD-TALENT-CARD/2018/rules/contract: no example shows FAIL"), "{told:?}");
    }

    #[test]
    fn a_leaf_that_no_example_lets_fail_is_told() {
        let mut bundle = Bundle::embedded().unwrap();
        bundle.examples.retain(|e| e.edition != "2023" || e.facts.get("conduct.lawful") != Some(&json!(false)));
        let told: Vec<String> = bundle.check(vocabulary().unwrap()).iter().map(ToString::to_string).collect();
        // One example lets three leaves fail.
        assert_eq!(told, ["lawful", "honest", "outstanding"].map(|leaf| format!("GD-TALENT-CARD/2023/rules/{leaf}: no example shows FAIL")));
    }
}
