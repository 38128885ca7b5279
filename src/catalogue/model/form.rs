//! Forms: JSON Schema 2020-12, compiled without any access to other hosts, with formats on and linear-time patterns.

use std::collections::BTreeMap;

use jsonschema::{Draft, PatternOptions, Validator, error::ValidationErrorKind};
use serde_json::{Map, Value};

use crate::kernel::ids::{DocumentVersionId, TypedId as _};
use crate::kernel::seal::sha256_hex;
use crate::kernel::text::{Language, Text};
use crate::organisation::model::reference::listed_region;

use super::bundle::talent_class;
use super::elements::Vocabulary;
use super::facts::{FactOrigin, Facts};
use super::version::FormDefinition;

/// Keywords that forms may use. A misspelt one would be ignored in silence, so that anything else is refused.
const KEYWORDS: &[&str] = &[
    "$schema",
    "$defs",
    "$ref",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "enum",
    "const",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "if",
    "then",
    "else",
    "allOf",
    "not",
    "x-element",
    "x-order",
    "x-widget",
];

/// Formats that forms may use. Of ours, `region-code` and `talent-class` are those that the portal lists, and
/// `document-version` is a document that is handed in with the form.
const FORMATS: &[&str] = &["date", "date-time", "email", "uri", "uuid", "global-id", "document-version", "region-code", "talent-class", "phone"];

/// A compiled form. `Send` and `Sync`.
#[derive(Debug)]
pub struct CompiledForm {
    definition: FormDefinition,
    validator: Validator,
    /// Data element by pointer into the answers; only fields outside lists.
    elements: BTreeMap<String, String>,
    /// Pointers into the answers that name documents; only fields outside lists.
    documents: Vec<String>,
}

/// An answer that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormError {
    /// JSON pointer into the answers, of the field itself also where it is missing.
    pub pointer: String,
    /// The keyword of JSON Schema that was broken, for example `maxLength`.
    pub keyword: String,
    /// What the message needs, for example the limit. Never the answer.
    pub params: Vec<(&'static str, String)>,
}

/// What is wrong with a form, for the one who publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormProblem {
    /// JSON pointer into the schema or its texts.
    pub pointer: String,
    /// What is wrong.
    pub what: String,
}

/// The greatest number of errors that one validation tells.
pub const MAX_ERRORS: usize = 100;

impl CompiledForm {
    /// Compiles a form.
    ///
    /// Errors: everything that is wrong with it: unknown keywords, formats or data elements, patterns with look-around,
    /// references to elsewhere, fields without an element or a title.
    pub fn compile(definition: &FormDefinition, vocabulary: &Vocabulary) -> Result<Self, Vec<FormProblem>> {
        let mut problems = Vec::new();
        let mut elements = BTreeMap::new();
        check_schema(definition, &definition.schema, "", Some(""), vocabulary, &mut elements, &mut problems);
        for pointer in definition.texts.keys() {
            if !text_fits(&definition.schema, pointer) {
                problems.push(FormProblem { pointer: pointer.clone(), what: "the text belongs to nothing".to_owned() });
            }
        }
        let built = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_format("global-id", is_global_id)
            .with_format(DOCUMENT_VERSION, |s: &str| DocumentVersionId::parse_global(s).is_some())
            .with_format("region-code", |s: &str| listed_region(s).is_some())
            .with_format("talent-class", |s: &str| talent_class(s).is_some())
            .with_format("phone", |s: &str| {
                (7..=20).contains(&s.len()) && s.bytes().enumerate().all(|(i, b)| b.is_ascii_digit() || b == b' ' || (i == 0 && b == b'+'))
            })
            .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
            .build(&definition.schema);
        match built {
            Ok(validator) if problems.is_empty() => {
                let documents = elements.keys().filter(|pointer| is_document(&definition.schema, pointer)).cloned().collect();
                Ok(Self { definition: definition.clone(), validator, elements, documents })
            }
            Ok(_) => Err(problems),
            Err(error) => {
                problems.push(FormProblem { pointer: error.schema_path().to_string(), what: error.to_string() });
                Err(problems)
            }
        }
    }

    /// Title of the question at a pointer into the answers, if the form has one outside lists.
    pub fn title(&self, pointer: &str) -> Option<&Text> {
        self.elements.get(pointer)?;
        self.definition.texts.get(&format!("{}/title", pointer.replace('/', "/properties/")))
    }

    /// Whether the answer at a pointer names a document.
    pub fn names_document(&self, pointer: &str) -> bool {
        self.documents.iter().any(|document| document == pointer)
    }

    /// Every answer that does not fit, at most [`MAX_ERRORS`], in the order of the pointers.
    pub fn validate(&self, answers: &Value) -> Vec<FormError> {
        let mut errors: Vec<FormError> =
            self.validator.iter_errors(answers).take(MAX_ERRORS).flat_map(|e| form_errors(e.instance_path().as_str(), e.kind(), e.kind().keyword())).collect();
        errors.truncate(MAX_ERRORS);
        errors.sort_by(|a, b| (&a.pointer, &a.keyword).cmp(&(&b.pointer, &b.keyword)));
        errors
    }

    /// The answers that name a document which is not `handed_in`, by its global id. Of what is no id `validate` tells.
    pub fn strange_documents(&self, answers: &Value, handed_in: impl Fn(DocumentVersionId) -> bool) -> Vec<FormError> {
        let named = |pointer: &String| answers.pointer(pointer)?.as_str().and_then(DocumentVersionId::parse_global);
        let strange = self.documents.iter().filter(|pointer| named(pointer).is_some_and(|id| !handed_in(id)));
        strange.map(|pointer| FormError { pointer: pointer.clone(), keyword: "document".to_owned(), params: Vec::new() }).collect()
    }

    /// The definition.
    pub const fn definition(&self) -> &FormDefinition {
        &self.definition
    }

    /// Pointers into the answers with their data elements, for prefill and the merging of forms.
    pub fn elements(&self) -> impl Iterator<Item = (&str, &str)> {
        self.elements.iter().map(|(pointer, element)| (pointer.as_str(), element.as_str()))
    }

    /// The facts that the answers state. Answers that do not fit their element are left out; `validate` tells of them.
    pub fn facts(&self, answers: &Value, vocabulary: &Vocabulary) -> Facts {
        let mut facts = Facts::new();
        for (pointer, element) in &self.elements {
            if let Some(value) = answers.pointer(pointer) {
                let _ = facts.insert_json(vocabulary, element, value, FactOrigin::Form);
            }
        }
        facts
    }

    /// The schema with titles and descriptions in a language, and its etag.
    ///
    /// Titles of codes stand in `x-enum-titles`, in the order of `enum`.
    pub fn localized(&self, language: Language) -> (Value, String) {
        let mut schema = self.definition.schema.clone();
        for (pointer, text) in &self.definition.texts {
            let value = Value::from(text.localized(language).value);
            let Some((parent, name)) = pointer.rsplit_once('/') else { continue };
            if let Some(owner) = parent.strip_suffix("/enum") {
                let (Some(Value::Object(owner)), Ok(index)) = (schema.pointer_mut(owner), name.parse::<usize>()) else { continue };
                let count = owner.get("enum").and_then(Value::as_array).map_or(0, Vec::len);
                let titles = owner.entry("x-enum-titles").or_insert_with(|| vec![Value::from(""); count].into());
                if let Some(slot) = titles.as_array_mut().and_then(|t| t.get_mut(index)) {
                    *slot = value;
                }
            } else if let Some(Value::Object(owner)) = schema.pointer_mut(parent) {
                owner.insert(name.to_owned(), value);
            }
        }
        let schema = canonical(&schema);
        let etag = sha256_hex(&schema.to_string())[..32].to_owned();
        (schema, etag)
    }
}

/// The format of a document that is handed in.
const DOCUMENT_VERSION: &str = "document-version";

/// Whether the field at a pointer into the answers, outside lists, names a document.
fn is_document(schema: &Value, pointer: &str) -> bool {
    let field = pointer.split('/').skip(1).try_fold(schema, |at, name| at.get("properties")?.get(name.replace("~1", "/").replace("~0", "~")));
    field.and_then(|field| field.get("format")).is_some_and(|format| format == DOCUMENT_VERSION)
}

/// Prefix, underscore, 32 hexadecimal digits.
fn is_global_id(text: &str) -> bool {
    text.rsplit_once('_').is_some_and(|(prefix, digits)| {
        !prefix.is_empty()
            && prefix.bytes().all(|b| b.is_ascii_lowercase())
            && digits.len() == 32
            && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The same JSON with the keys of all objects in order: PostgreSQL does not keep the order that was written.
pub fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            Value::Object(sorted.into_iter().map(|(k, v)| (k.clone(), canonical(v))).collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(list.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn text_fits(schema: &Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    match name {
        "title" | "description" => schema.pointer(parent).is_some_and(Value::is_object),
        _ => parent.ends_with("/enum") && schema.pointer(pointer).is_some(),
    }
}

/// Walks a schema; `answers` is the pointer into the answers, or `None` inside lists and conditions.
fn check_schema(
    definition: &FormDefinition,
    schema: &Value,
    at: &str,
    answers: Option<&str>,
    vocabulary: &Vocabulary,
    elements: &mut BTreeMap<String, String>,
    problems: &mut Vec<FormProblem>,
) {
    let mut wrong = |pointer: String, what: String| problems.push(FormProblem { pointer, what });
    let Some(object) = schema.as_object() else {
        if !schema.is_boolean() {
            wrong(at.to_owned(), "a schema is an object".to_owned());
        }
        return;
    };
    for keyword in object.keys() {
        if !KEYWORDS.contains(&keyword.as_str()) {
            wrong(format!("{at}/{}", escape(keyword)), format!("{keyword} is not a keyword that forms may use"));
        }
    }
    if let Some(format) = object.get("format").and_then(Value::as_str)
        && !FORMATS.contains(&format)
    {
        wrong(format!("{at}/format"), format!("{format} is not a format that forms may use"));
    }
    if let Some(reference) = object.get("$ref").and_then(Value::as_str)
        && !reference.starts_with('#')
    {
        wrong(format!("{at}/$ref"), "a form refers to nothing outside itself".to_owned());
    }
    if let Some(element) = object.get("x-element") {
        match element.as_str().filter(|path| vocabulary.element(path).is_some()) {
            None => wrong(format!("{at}/x-element"), format!("{element} is not a data element")),
            Some(path) => {
                if let Some(answers) = answers {
                    elements.insert(answers.to_owned(), path.to_owned());
                }
            }
        }
    }
    if let Some(properties) = object.get("properties").and_then(Value::as_object) {
        let mut order: Vec<&str> = object.get("x-order").and_then(Value::as_array).map_or_else(Vec::new, |o| o.iter().filter_map(Value::as_str).collect());
        let mut names: Vec<&str> = properties.keys().map(String::as_str).collect();
        order.sort_unstable();
        names.sort_unstable();
        // Conditions name fields that the form itself has ordered.
        if answers.is_some() && order != names {
            wrong(format!("{at}/x-order"), "x-order must name each field once".to_owned());
        }
        for (name, property) in properties {
            let pointer = format!("{at}/properties/{}", escape(name));
            if answers.is_some() {
                if property.get("x-element").is_none() && property.get("properties").is_none() {
                    problems.push(FormProblem { pointer: pointer.clone(), what: "the field names no data element".to_owned() });
                }
                if !definition.texts.contains_key(&format!("{pointer}/title")) {
                    problems.push(FormProblem { pointer: pointer.clone(), what: "the field has no title".to_owned() });
                }
                let codes = property.get("enum").and_then(Value::as_array).map_or(0, Vec::len);
                for code in 0..codes {
                    if !definition.texts.contains_key(&format!("{pointer}/enum/{code}")) {
                        problems.push(FormProblem { pointer: format!("{pointer}/enum/{code}"), what: "the code has no title".to_owned() });
                    }
                }
            }
            let inner = answers.map(|a| format!("{a}/{}", escape(name)));
            check_schema(definition, property, &pointer, inner.as_deref(), vocabulary, elements, problems);
        }
    }
    for keyword in ["items", "if", "then", "else", "not", "additionalProperties"] {
        if let Some(inner) = object.get(keyword) {
            check_schema(definition, inner, &format!("{at}/{keyword}"), None, vocabulary, elements, problems);
        }
    }
    for (i, inner) in object.get("allOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
        check_schema(definition, inner, &format!("{at}/allOf/{i}"), None, vocabulary, elements, problems);
    }
    for (name, inner) in object.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        check_schema(definition, inner, &format!("{at}/$defs/{}", escape(name)), None, vocabulary, elements, problems);
    }
}

/// The library's error as ours: missing and unexpected fields point to themselves, one error for each.
fn form_errors(pointer: &str, kind: &ValidationErrorKind, keyword: &str) -> Vec<FormError> {
    use ValidationErrorKind as Kind;
    let error = |pointer: String, params: Vec<(&'static str, String)>| FormError { pointer, keyword: keyword.to_owned(), params };
    let here = |params| vec![error(pointer.to_owned(), params)];
    match kind {
        Kind::Required { property } => vec![error(format!("{pointer}/{}", escape(property.as_str().unwrap_or_default())), Vec::new())],
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            // The name comes from the client: it is shown back in the pointer only, cut to a bearable length.
            unexpected.iter().map(|name| error(format!("{pointer}/{}", escape(&name.chars().take(64).collect::<String>())), Vec::new())).collect()
        }
        Kind::MaxItems { limit } | Kind::MinItems { limit } | Kind::MaxLength { limit } | Kind::MinLength { limit } => here(vec![("limit", limit.to_string())]),
        Kind::Maximum { limit } | Kind::Minimum { limit } => here(vec![("limit", limit.to_string())]),
        Kind::Format { format } => here(vec![("format", format.clone())]),
        _ => here(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::model::bundle::{Bundle, vocabulary};
    use crate::catalogue::model::facts::FactValue;
    use serde_json::json;

    fn card_form() -> FormDefinition {
        Bundle::embedded().unwrap().items[0].versions[1].content.form.clone()
    }

    fn good() -> Value {
        json!({
            "grade": "B", "category": "DOCTOR", "evidence": "DEGREE", "origin": "HONG_KONG", "employer": format!("body_{}", "0".repeat(32)),
            "contract_until": "2028-01-31", "city": "440300", "civil_servant": false, "insurance_months": 8, "lawful": true, "honest": true,
            "outstanding": true, "name_latin": "CHAN TAI MAN", "photo": format!("docversion_{}", "a".repeat(32)),
        })
    }

    #[test]
    fn every_wrong_answer_is_told_at_its_own_pointer_without_the_answer() {
        let form = CompiledForm::compile(&card_form(), vocabulary().unwrap()).unwrap();
        assert_eq!(form.validate(&good()), []);
        let mut bad = good();
        bad["grade"] = json!("C");
        bad["contract_until"] = json!("2028-02-31");
        bad["city"] = json!("449900");
        bad["category"] = json!("SCIENTIST");
        bad["insurance_months"] = json!(-1);
        bad["name_latin"] = json!("");
        bad["a/b"] = json!(1);
        bad.as_object_mut().unwrap().remove("photo");
        let told: Vec<(String, String)> = form.validate(&bad).into_iter().map(|e| (e.pointer, e.keyword)).collect();
        let expected = [
            ("/a~1b", "additionalProperties"),
            ("/category", "format"),
            ("/city", "format"),
            ("/contract_until", "format"),
            ("/grade", "enum"),
            ("/insurance_months", "minimum"),
            ("/name_latin", "minLength"),
            ("/photo", "required"),
        ];
        assert_eq!(told, expected.map(|(p, k)| (p.to_owned(), k.to_owned())));
    }

    #[test]
    fn a_document_that_is_not_handed_in_is_told_at_its_pointer() {
        let form = CompiledForm::compile(&card_form(), vocabulary().unwrap()).unwrap();
        assert_eq!(form.strange_documents(&good(), |_| true), []);
        let told: Vec<String> = form.strange_documents(&good(), |_| false).into_iter().map(|e| e.pointer).collect();
        assert_eq!(told, ["/photo"]);
        assert_eq!(form.strange_documents(&json!({ "photo": "x" }), |_| false), []);
    }

    #[test]
    fn answers_state_facts_by_their_elements() {
        let vocabulary = vocabulary().unwrap();
        let form = CompiledForm::compile(&card_form(), vocabulary).unwrap();
        let facts = form.facts(&good(), vocabulary);
        let fact = facts.get("contribution.insurance_months").unwrap();
        assert_eq!((&fact.value, fact.origin), (&FactValue::Integer(8), FactOrigin::Form));
        assert_eq!(facts.get("person.name.latin"), None);
        assert_eq!(facts.get("contribution.tax_months"), None);
    }

    #[test]
    fn a_form_is_served_in_the_readers_language_with_an_etag_of_its_own() {
        let form = CompiledForm::compile(&card_form(), vocabulary().unwrap()).unwrap();
        let (english, etag) = form.localized(Language::En);
        assert_eq!(english["properties"]["grade"]["title"], "Grade applied for");
        assert_eq!(english["properties"]["grade"]["x-enum-titles"], json!(["A card", "B card"]));
        let (chinese, other) = form.localized(Language::ZhHant);
        assert_eq!(chinese["properties"]["employer"]["title"], "用人單位");
        assert_ne!(etag, other);
        assert_eq!(etag.len(), 32);
    }

    #[test]
    fn a_form_that_could_not_be_relied_on_is_refused() {
        for (pointer, value, expected) in [
            ("/properties/grade/minLenght", json!(1), "not a keyword"),
            ("/properties/city/format", json!("post-code"), "not a format"),
            ("/properties/city/$ref", json!("https://example.org/schema"), "nothing outside"),
            ("/properties/city/x-element", json!("person.unheard"), "not a data element"),
            ("/properties/extra", json!({"type": "string"}), "no data element"),
            ("/properties/post/pattern", json!("(?=a)b"), ""),
        ] {
            let mut definition = card_form();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            definition.schema.pointer_mut(parent).unwrap()[name] = value;
            let problems = CompiledForm::compile(&definition, vocabulary().unwrap()).unwrap_err();
            assert!(problems.iter().any(|p| p.what.contains(expected)), "{pointer}: {problems:?}");
        }
        let mut definition = card_form();
        definition.texts.remove("/properties/grade/title");
        definition.texts.insert("/properties/nothing/title".to_owned(), crate::kernel::text::Text::simplified("无", crate::kernel::text::Origin::Human));
        assert_eq!(CompiledForm::compile(&definition, vocabulary().unwrap()).unwrap_err().len(), 2);
    }
}
