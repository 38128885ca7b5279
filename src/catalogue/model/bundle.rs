//! The bundle: the catalogue that the binary carries, read from the embedded files of `catalogue/`.
//!
//! Texts are written as `{ text = ["简", "繁", "English", "Português"], origin = "OFFICIAL" }`; the origin is that of the
//! Simplified wording (HUMAN where none is given). The Traditional and English wordings are HUMAN, the Portuguese is
//! MACHINE: it was not read through by a native. A form's schema is written as JSON inside the TOML.

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::kernel::code::Verification;
use crate::kernel::seal::sha256_hex;
use crate::kernel::text::{Origin, Text};

use super::facts::FactOrigin;
use super::form::canonical;
use super::item::ItemArea;
use super::offering::{Channel, IntakePeriod};
use super::rule::Outcome;
use super::version::{UnitLevel, VersionContent};

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
    /// Promised limit, working days.
    pub promised_days: u32,
    /// Statutory limit, working days.
    pub statutory_days: u32,
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
