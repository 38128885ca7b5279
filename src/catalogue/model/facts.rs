//! Facts: what rules are judged on. Each has a declared path and type, a value and the source of the value.
//!
//! A fact that nobody knows is absent; a fact that the person does not have is [`FactValue::Null`], allowed only
//! where its element is nullable.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::coded_enum;

use super::elements::{Element, Vocabulary};

coded_enum! {
    /// Type of a data element.
    pub enum ElementType {
        /// Yes or no.
        Boolean => "BOOLEAN",
        /// A whole number.
        Integer => "INTEGER",
        /// Free text.
        Text => "TEXT",
        /// One of the element's codes.
        Code => "CODE",
        /// A civil date at UTC+8.
        Date => "DATE",
        /// A list of texts or codes.
        TextList => "TEXT_LIST",
    }
}

coded_enum! {
    /// Where the value of a fact comes from.
    pub enum FactOrigin {
        /// What the person wrote in the profile, not verified.
        Profile => "PROFILE",
        /// What an officer compared with an original.
        Verified => "VERIFIED",
        /// An answer of the form.
        Form => "FORM",
        /// A register of an authority.
        Register => "REGISTER",
        /// An officer's finding in the case.
        Officer => "OFFICER",
        /// What the asker supposes; stored nowhere.
        WhatIf => "WHAT_IF",
        /// The portal's own clock.
        Clock => "CLOCK",
    }
}

/// A value of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FactValue {
    /// The person has none.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A text or a code.
    Text(String),
    /// A civil date.
    Date(NaiveDate),
    /// Texts or codes.
    TextList(Vec<String>),
}

/// A known fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The value.
    pub value: FactValue,
    /// Where it comes from.
    pub origin: FactOrigin,
}

/// Facts by path, for example `contribution.insurance_months`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(BTreeMap<String, Fact>);

/// Why a value was not taken as a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactRefused {
    /// No fact of this path is declared.
    Unknown,
    /// The value has not the declared type, is none of the codes, or is null where that is not allowed.
    WrongType,
}

impl std::fmt::Display for FactRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unknown => "no fact of this path is declared",
            Self::WrongType => "the value does not fit the declared type",
        })
    }
}

/// The path of the day on which rules are judged; always known.
pub const TODAY: &str = "today";

impl FactValue {
    /// Whether the value may stand for the element.
    pub fn fits(&self, element: &Element) -> bool {
        match (self, element.kind) {
            (Self::Null, _) => element.nullable,
            (Self::Boolean(_), ElementType::Boolean)
            | (Self::Integer(_), ElementType::Integer)
            | (Self::Text(_), ElementType::Text)
            | (Self::Date(_), ElementType::Date) => true,
            (Self::Text(code), ElementType::Code) => element.codes.is_empty() || element.codes.contains(code),
            (Self::TextList(list), ElementType::TextList) => element.codes.is_empty() || list.iter().all(|c| element.codes.contains(c)),
            _ => false,
        }
    }

    /// Reads a JSON value as a value of the element's type.
    pub fn read(value: &serde_json::Value, element: &Element) -> Result<Self, FactRefused> {
        use serde_json::Value;
        let read = match (value, element.kind) {
            (Value::Null, _) => Some(Self::Null),
            (Value::Bool(b), ElementType::Boolean) => Some(Self::Boolean(*b)),
            (Value::Number(n), ElementType::Integer) => n.as_i64().map(Self::Integer),
            (Value::String(s), ElementType::Text | ElementType::Code) => Some(Self::Text(s.clone())),
            (Value::String(s), ElementType::Date) => NaiveDate::parse_from_str(s, "%Y-%m-%d").ok().map(Self::Date),
            (Value::Array(list), ElementType::TextList) => list.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>().map(Self::TextList),
            _ => None,
        };
        read.filter(|v| v.fits(element)).ok_or(FactRefused::WrongType)
    }

    /// The value as JSON, the way a form writes it.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Boolean(b) => (*b).into(),
            Self::Integer(n) => (*n).into(),
            Self::Text(s) => s.clone().into(),
            Self::Date(d) => d.to_string().into(),
            Self::TextList(list) => list.clone().into(),
        }
    }
}

impl Facts {
    /// No facts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a fact if it is declared and fits; a fact of the same path is replaced.
    ///
    /// Errors: [`FactRefused`] for an undeclared path or a value of another type.
    pub fn insert(&mut self, vocabulary: &Vocabulary, path: &str, value: FactValue, origin: FactOrigin) -> Result<(), FactRefused> {
        let element = vocabulary.fact(path).ok_or(FactRefused::Unknown)?;
        if !value.fits(element) {
            return Err(FactRefused::WrongType);
        }
        self.0.insert(path.to_owned(), Fact { value, origin });
        Ok(())
    }

    /// As [`Self::insert`], from JSON.
    pub fn insert_json(&mut self, vocabulary: &Vocabulary, path: &str, value: &serde_json::Value, origin: FactOrigin) -> Result<(), FactRefused> {
        let element = vocabulary.fact(path).ok_or(FactRefused::Unknown)?;
        let value = FactValue::read(value, element)?;
        self.0.insert(path.to_owned(), Fact { value, origin });
        Ok(())
    }

    /// Sets the day on which the rules are judged.
    pub fn set_today(&mut self, today: NaiveDate) {
        self.0.insert(TODAY.to_owned(), Fact { value: FactValue::Date(today), origin: FactOrigin::Clock });
    }

    /// The fact of a path, if known.
    pub fn get(&self, path: &str) -> Option<&Fact> {
        self.0.get(path)
    }

    /// Every fact by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.0.iter().map(|(path, fact)| (path.as_str(), fact))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the facts of `other`; where both know one, that of `other` stays.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Adds what a person claims in a form. It goes before what her profile says, and not before what an officer or an
    /// authority has found.
    pub fn claim(&mut self, claimed: Self) {
        for (path, fact) in claimed.0 {
            let found = |known: &Fact| matches!(known.origin, FactOrigin::Verified | FactOrigin::Register | FactOrigin::Officer);
            if !self.0.get(&path).is_some_and(found) {
                self.0.insert(path, fact);
            }
        }
    }
}
