//! The vocabulary of data elements: one list for forms (`x-element`), prefill, rule facts and the catalogue of
//! personal data. Written in `catalogue/elements.toml`, embedded into the binary.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::coded_enum;
use crate::kernel::text::Text;

use super::bundle;
use super::facts::ElementType;

coded_enum! {
    /// How a data element is protected.
    pub enum Sensitivity {
        /// Says nothing about a person.
        None => "NONE",
        /// Personal information (个人信息).
        Personal => "PERSONAL",
        /// Sensitive personal information (敏感个人信息).
        Sensitive => "SENSITIVE",
    }
}

/// A data element.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// Dotted path, for example `person.name.latin`.
    pub path: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: ElementType,
    /// What it is called.
    pub label: Text,
    /// Whether rules may use it.
    #[serde(default)]
    pub fact: bool,
    /// Whether a person may have none of it.
    #[serde(default)]
    pub nullable: bool,
    /// The codes that it may have; empty for any.
    #[serde(default)]
    pub codes: Vec<String>,
    /// How it is protected.
    pub sensitivity: Sensitivity,
}

/// The elements by path, with the version of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// Grows with each change of the list.
    pub version: u32,
    elements: BTreeMap<String, Element>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    elements: Vec<Element>,
}

impl Vocabulary {
    /// Reads the list.
    ///
    /// Errors: what is wrong, in words, for the one who writes the list.
    pub fn parse(toml: &str) -> Result<Self, String> {
        let file: File = bundle::read_toml(toml)?;
        let mut elements = BTreeMap::new();
        for element in file.elements {
            let path = element.path.clone();
            if path.split('.').any(|part| part.is_empty() || !part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')) {
                return Err(format!("element {path}: a path is lower-case words joined by dots"));
            }
            if elements.insert(path.clone(), element).is_some() {
                return Err(format!("element {path} stands twice"));
            }
        }
        // A path inside another path would make the shorter one an object and a value at once.
        let inner = elements.keys().find(|path| elements.keys().any(|other| other.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('.'))));
        match inner {
            Some(path) => Err(format!("element {path} is also the beginning of another path")),
            None => Ok(Self { version: file.version, elements }),
        }
    }

    /// The element of a path.
    pub fn element(&self, path: &str) -> Option<&Element> {
        self.elements.get(path)
    }

    /// The element of a path, if rules may use it.
    pub fn fact(&self, path: &str) -> Option<&Element> {
        self.elements.get(path).filter(|e| e.fact)
    }

    /// Every element.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.elements.values()
    }

    /// The first words of all fact paths.
    pub fn roots(&self) -> BTreeSet<&str> {
        self.elements.values().filter(|e| e.fact).filter_map(|e| e.path.split('.').next()).collect()
    }
}
