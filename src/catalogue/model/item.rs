//! Service items, talent classes, and a version ready for use.

use crate::coded_enum;
use crate::kernel::code::Verification;
use crate::kernel::ids::{ItemId, ItemVersionId};
use crate::kernel::text::Text;

use super::elements::Vocabulary;
use super::facts::Facts;
use super::form::CompiledForm;
use super::offering::Maker;
use super::rule::{CompiledRules, Outcome, RuleFault};
use super::version::{Material, StepDefinition, StepKindCode, VersionContent};

coded_enum! {
    /// Area of life that an item belongs to, for the list's filter.
    pub enum ItemArea {
        /// Talent card.
        TalentCard => "TALENT_CARD",
        /// Work, stay, entry and exit.
        Immigration => "IMMIGRATION",
        /// Recognition as a talent.
        Recognition => "RECOGNITION",
        /// Household registration.
        Household => "HOUSEHOLD",
        /// Schooling of children.
        Education => "EDUCATION",
        /// Work of the spouse.
        Employment => "EMPLOYMENT",
        /// Social insurance.
        SocialInsurance => "SOCIAL_INSURANCE",
        /// Medical insurance and care.
        Health => "HEALTH",
        /// Housing.
        Housing => "HOUSING",
        /// Vehicles and driving.
        Transport => "TRANSPORT",
        /// Titles, qualifications, degrees.
        Qualification => "QUALIFICATION",
        /// Personnel files, post-doctoral researchers.
        Personnel => "PERSONNEL",
        /// Taxes.
        Tax => "TAX",
        /// Research.
        Research => "RESEARCH",
        /// Business registration, banking.
        Business => "BUSINESS",
    }
}

coded_enum! {
    /// Where a version of an item stands.
    pub enum VersionState {
        /// It is being written; nobody can apply by it.
        Draft => "DRAFT",
        /// It is published, and never changes from then on.
        Published => "PUBLISHED",
        /// It was published and is not offered any more; cases that are pinned to it go on.
        Retired => "RETIRED",
    }
}

/// A service item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Id.
    pub id: ItemId,
    /// Stable code, for example `GD-TALENT-CARD`.
    pub code: String,
    /// Area of life.
    pub area: ItemArea,
    /// Name.
    pub name: Text,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// Who made it.
    pub maker: Maker,
}

/// A stored version with what identifies it.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Id.
    pub id: ItemVersionId,
    /// The item.
    pub item: ItemId,
    /// The item's code.
    pub item_code: String,
    /// Which edition of the rules, for example `2023`.
    pub edition: String,
    /// Grows with each version of the item.
    pub number: i32,
    /// SHA-256 of the content.
    pub digest: String,
    /// Where it stands.
    pub state: VersionState,
    /// Who made it.
    pub maker: Maker,
    /// The content.
    pub content: VersionContent,
}

/// A talent class (高层次人才类别).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TalentClass {
    /// Stable code.
    pub code: String,
    /// Order in lists.
    pub position: i32,
    /// Name.
    pub name: Text,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// Where it was read; for stand-ins, why it is there.
    pub source: String,
}

/// A version ready for use. Kept by every process, never changed.
#[derive(Debug)]
pub struct CompiledVersion {
    /// Id.
    pub id: ItemVersionId,
    /// The item.
    pub item_id: ItemId,
    /// The item's code.
    pub item_code: String,
    /// Which edition of the rules.
    pub edition: String,
    /// Number of the version.
    pub number: i32,
    /// Where it stood when it was read.
    pub state: VersionState,
    /// The content.
    pub content: VersionContent,
    /// The form.
    pub form: CompiledForm,
    /// The rules.
    pub rules: CompiledRules,
}

/// What is wrong with a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionProblem {
    /// Where in the content, as a JSON pointer.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

impl CompiledVersion {
    /// Whether an answer may be corrected on the spot (当场更正, 行政许可法 Art. 32): one on which no rule, no material and no
    /// fulfilment rests, and which names neither a document nor the employer who confirms. What is decided does not hang on it.
    pub fn is_correctable(&self, pointer: &str) -> bool {
        let ruled = self.rules.facts();
        let confirms = self.content.steps.iter().any(|step| step.confirmer.as_deref() == Some(pointer));
        let params = self.content.fulfilment.as_ref().and_then(|fulfilment| fulfilment.params.as_object());
        let fulfils = params.is_some_and(|params| params.values().any(|value| value.as_str() == Some(pointer)));
        let free = |element: &str| !ruled.contains(element) && !confirms && !fulfils && !self.form.names_document(pointer);
        self.form.elements().any(|(at, element)| at == pointer && free(element))
    }

    /// Compiles a version.
    ///
    /// Errors: everything that is wrong with its form, its rules, its materials and its steps.
    pub fn compile(version: Version, vocabulary: &Vocabulary) -> Result<Self, Vec<VersionProblem>> {
        let mut problems = structure(&version.content);
        let form = CompiledForm::compile(&version.content.form, vocabulary)
            .map_err(|list| problems.extend(list.into_iter().map(|p| VersionProblem { path: format!("/form{}", p.pointer), what: p.what })));
        let rules = CompiledRules::compile(version.content.rules.as_ref(), &conditions(&version.content), vocabulary)
            .map_err(|list| problems.extend(list.into_iter().map(|p| VersionProblem { path: format!("/rules/{}", p.key), what: p.what })));
        match (form, rules) {
            (Ok(form), Ok(rules)) if problems.is_empty() => Ok(Self {
                id: version.id,
                item_id: version.item,
                item_code: version.item_code,
                edition: version.edition,
                number: version.number,
                state: version.state,
                content: version.content,
                form,
                rules,
            }),
            _ => Err(problems),
        }
    }

    /// The materials with whether each is asked for under these facts.
    pub fn materials(&self, facts: &Facts) -> Result<Vec<(&Material, Outcome)>, RuleFault> {
        self.content.materials.iter().map(|m| Ok((m, self.rules.material(&m.key, facts)?))).collect()
    }
}

/// Conditions of materials (key, expression).
fn conditions(content: &VersionContent) -> Vec<(String, String)> {
    content.materials.iter().filter_map(|m| m.when.as_ref().map(|when| (m.key.clone(), when.clone()))).collect()
}

/// What is wrong between the parts of a version.
fn structure(content: &VersionContent) -> Vec<VersionProblem> {
    let mut problems = Vec::new();
    let mut wrong = |path: String, what: &str| problems.push(VersionProblem { path, what: what.to_owned() });
    if content.in_force_to.is_some_and(|to| to < content.in_force_from) {
        wrong("/in_force_to".to_owned(), "the edition ends before it begins");
    }
    if content.audience.is_empty() {
        wrong("/audience".to_owned(), "nobody is served");
    }
    for (i, material) in content.materials.iter().enumerate() {
        if content.materials[..i].iter().any(|m| m.key == material.key) {
            wrong(format!("/materials/{}", material.key), "the key stands twice");
        }
    }
    for (i, step) in content.steps.iter().enumerate() {
        let path = format!("/steps/{}", step.key);
        if content.steps[..i].iter().any(|s| s.key == step.key) {
            wrong(path.clone(), "the key stands twice");
        }
        if step.not_same_person_as.iter().any(|key| !content.steps[..i].iter().any(|s| s.key == *key)) {
            wrong(path.clone(), "not_same_person_as names a step that is not before it");
        }
        let confirms = step.kind == StepKindCode::EmployerConfirmation;
        if confirms != step.confirmer.is_some() {
            wrong(path.clone(), "exactly the steps by which an employer confirms name a confirmer");
        }
        if step.confirmer.as_ref().is_some_and(|pointer| !answers_have(&content.form.schema, pointer)) {
            wrong(path, "the confirmer points to no field of the form");
        }
    }
    if let Some(spec) = &content.fulfilment {
        let needed: &[&str] = if spec.kind == "TALENT_CARD" { &["product", "grade_pointer", "contract_pointer"] } else { &[] };
        for name in needed.iter().filter(|name| !spec.params[**name].is_string()) {
            wrong(format!("/fulfilment/params/{name}"), "the handler needs it");
        }
        for (name, value) in spec.params.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("_pointer")) {
            if !value.as_str().is_some_and(|pointer| answers_have(&content.form.schema, pointer)) {
                wrong(format!("/fulfilment/params/{name}"), "it points to no field of the form");
            }
        }
    }
    problems
}

/// The reviews that somebody may do who has spoken in the case already, as reviewer or for the employer.
///
/// Asked of what is to be published only, so that a version that was published under other rules stays readable.
pub fn not_by_others(content: &VersionContent) -> Vec<VersionProblem> {
    let speaks = |step: &&StepDefinition| matches!(step.kind, StepKindCode::Review | StepKindCode::EmployerConfirmation);
    let mut problems = Vec::new();
    for (i, step) in content.steps.iter().enumerate().filter(|(_, step)| step.kind == StepKindCode::Review) {
        let missing = content.steps[..i].iter().filter(speaks).filter(|before| !step.not_same_person_as.contains(&before.key));
        problems.extend(
            missing.map(|before| VersionProblem { path: format!("/steps/{}", step.key), what: format!("not_same_person_as does not name {}", before.key) }),
        );
    }
    problems
}

/// Whether the form has a field at this pointer into the answers.
fn answers_have(schema: &serde_json::Value, pointer: &str) -> bool {
    let inner: String = pointer.split('/').skip(1).flat_map(|name| ["/properties/", name]).collect();
    !inner.is_empty() && schema.pointer(&inner).is_some()
}
