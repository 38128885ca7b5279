//! A version of a service item: the fields of an 实施清单 that matter, with form, materials, rules and steps.
//!
//! Field list after GB/T 39554.1-2020 and the columns of a real 实施清单 schema. Stored as JSON, never altered once made.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::coded_enum;
use crate::kernel::code::Verification;
use crate::kernel::role::{Assurance, Role};
use crate::kernel::text::Text;
use crate::organisation::model::unit::UnitLevel;

use super::rule::Rules;

coded_enum! {
    /// Kind of a service item (事项类型).
    pub enum ItemType {
        /// 行政许可: administrative licence.
        License => "LICENSE",
        /// 行政给付: administrative payment or benefit.
        Payment => "PAYMENT",
        /// 行政确认: administrative confirmation.
        Confirmation => "CONFIRMATION",
        /// 行政奖励: administrative award.
        Award => "AWARD",
        /// 其他行政权力: other administrative power.
        OtherPower => "OTHER_POWER",
        /// 公共服务: public service.
        PublicService => "PUBLIC_SERVICE",
    }
}

coded_enum! {
    /// How a case ends (办件类型).
    pub enum CaseKind {
        /// 即办件: settled on the spot, no working days promised.
        Immediate => "IMMEDIATE",
        /// 承诺件: settled within a promised number of working days.
        Promised => "PROMISED",
    }
}

coded_enum! {
    /// Whom an item serves (服务对象).
    pub enum Audience {
        /// 自然人.
        NaturalPerson => "NATURAL_PERSON",
        /// 企业法人.
        Enterprise => "ENTERPRISE",
        /// 事业法人.
        PublicInstitution => "PUBLIC_INSTITUTION",
        /// 社会组织法人.
        SocialOrganisation => "SOCIAL_ORGANISATION",
        /// 行政机关.
        Government => "GOVERNMENT",
        /// 其他组织.
        OtherOrganisation => "OTHER_ORGANISATION",
    }
}

coded_enum! {
    /// How one may apply (办理形式).
    pub enum Handling {
        /// 窗口办理: at a window.
        Window => "WINDOW",
        /// 网上办理: online.
        Online => "ONLINE",
        /// 快递申请: by post.
        Post => "POST",
    }
}

coded_enum! {
    /// What a case ends with (审批结果类型).
    pub enum ResultKind {
        /// 证照: a card, licence or certificate.
        Certificate => "CERTIFICATE",
        /// 批文: a written decision or letter.
        Letter => "LETTER",
        /// Payment of money.
        Payment => "PAYMENT",
        /// 其他: an entry or a service.
        Other => "OTHER",
    }
}

coded_enum! {
    /// Whether a material must be handed in (必要性).
    pub enum Necessity {
        /// 必要: without it the application is incomplete.
        Required => "REQUIRED",
        /// 非必要: may help.
        Optional => "OPTIONAL",
        /// 容缺后补: may be handed in after acceptance.
        SupplementLater => "SUPPLEMENT_LATER",
    }
}

coded_enum! {
    /// Form of a material (材料形式).
    pub enum MaterialForm {
        /// 纸质.
        Paper => "PAPER",
        /// 电子.
        Electronic => "ELECTRONIC",
        /// 纸质或电子.
        Either => "EITHER",
    }
}

coded_enum! {
    /// Where a material comes from (来源渠道).
    pub enum MaterialSource {
        /// 申请人自备: the applicant has or makes it.
        Applicant => "APPLICANT",
        /// 政府部门核发: a public authority issued it.
        Authority => "AUTHORITY",
        /// 其他.
        Other => "OTHER",
    }
}

coded_enum! {
    /// Kind of a step of the review. The engine has one handler per kind, registered by code.
    pub enum StepKindCode {
        /// 审查: an officer reviews and says yes or no.
        Review => "REVIEW",
        /// 用人单位确认: the employer confirms the employment.
        EmployerConfirmation => "EMPLOYER_CONFIRMATION",
        /// 征求意见: another body gives an opinion.
        ExternalOpinion => "EXTERNAL_OPINION",
        /// 公示: the intended decision is shown in public.
        PublicNotice => "PUBLIC_NOTICE",
        /// 专家评审: a committee decides.
        Committee => "COMMITTEE",
        /// 考试: an examination.
        Examination => "EXAMINATION",
        /// 制证: something is made, for example a card.
        Production => "PRODUCTION",
    }
}

/// Law or rule that a statement rests on (设定依据).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalBasis {
    /// Title of the document, in its own language.
    pub document: String,
    /// Number of the document (文号), where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Article, as the document writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub article: Option<String>,
    /// Where it was read: an address, or the name of a source.
    pub source: String,
    /// How far it may be relied on.
    pub verification: Verification,
}

/// A form: JSON Schema 2020-12 without words, and the words by JSON pointer into the schema.
///
/// Fields name their data element by `x-element`. Objects give the order of their fields by `x-order`,
/// because JSON objects have none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormDefinition {
    /// The schema, language neutral.
    pub schema: serde_json::Value,
    /// Words by JSON pointer: `…/title`, `…/description`, `…/enum/0`.
    pub texts: BTreeMap<String, Text>,
}

/// A material to hand in (申报材料).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Material {
    /// Key, unique in the version, for example `employment_certificate`.
    pub key: String,
    /// Name.
    pub name: Text,
    /// Code of the kind of document, by which a document handed in once is found again.
    pub document_kind: String,
    /// Whether it must be handed in.
    pub necessity: Necessity,
    /// Paper or electronic.
    pub form: MaterialForm,
    /// Copies asked for.
    #[serde(default)]
    pub copies: u32,
    /// Whether the original is to be shown.
    #[serde(default)]
    pub original_required: bool,
    /// Greatest age in days at the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// Where it comes from.
    pub source_channel: MaterialSource,
    /// What to mind (填报须知).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Text>,
    /// Expression over facts: the material is asked for only where it is true. Unknown means "may be asked for".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// How far the row may be relied on.
    pub verification: Verification,
}

/// A step of the review (环节).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepDefinition {
    /// Key, unique in the version, for example `province_review`.
    pub key: String,
    /// Which handler runs it.
    pub kind: StepKindCode,
    /// Name.
    pub name: Text,
    /// Role that may complete it.
    pub role: Role,
    /// Level of the unit where it is done; `None`: where the case is, or outside the tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_level: Option<UnitLevel>,
    /// Working days for the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_days: Option<u32>,
    /// Keys of steps whose completer may not complete this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_same_person_as: Vec<String>,
    /// For an employer's confirmation: JSON pointer into the answers at which the employer's body id stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmer: Option<String>,
    /// How far the row may be relied on.
    pub verification: Verification,
}

/// What an approved case gives, carried out by the handler registered under `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FulfilmentSpec {
    /// Kind of the handler, for example `TALENT_CARD`.
    pub kind: String,
    /// What the handler needs; it checks the shape itself.
    #[serde(default)]
    pub params: serde_json::Value,
}

/// What a case ends with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemResult {
    /// Kind.
    pub kind: ResultKind,
    /// Name.
    pub name: Text,
}

/// Fees (收费).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Whether a fee is charged.
    pub charged: bool,
    /// By which rule, or what to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Text>,
    /// How far it may be relied on.
    pub verification: Verification,
}

/// What an applicant may do against a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remedies {
    /// 行政复议: administrative reconsideration.
    pub reconsideration: Text,
    /// 行政诉讼: administrative litigation.
    pub litigation: Text,
}

/// A frequent question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faq {
    /// The question.
    pub question: Text,
    /// The answer.
    pub answer: Text,
}

/// A version of an item, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionContent {
    /// Name (事项名称).
    pub name: Text,
    /// What it is, in one or two sentences.
    pub summary: Text,
    /// On what it rests.
    pub legal_basis: Vec<LegalBasis>,
    /// Kind of item.
    pub item_type: ItemType,
    /// Immediate or promised.
    pub case_kind: CaseKind,
    /// Whom it serves.
    pub audience: Vec<Audience>,
    /// How one may apply.
    pub handling: Vec<Handling>,
    /// Visits to an office, at most (到办事现场次数).
    pub visits: u32,
    /// Fees.
    pub fee: Fee,
    /// What it ends with.
    pub result: ItemResult,
    /// Conditions of acceptance in words (受理条件).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance_condition: Option<Text>,
    /// Remedies against a decision.
    pub remedies: Remedies,
    /// Where to ask (咨询).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Text>,
    /// Where to complain (监督投诉).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervision: Option<Text>,
    /// Frequent questions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faq: Vec<Faq>,
    /// First day at which this edition of the rules is in force.
    pub in_force_from: NaiveDate,
    /// Last day at which it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_to: Option<NaiveDate>,
    /// The form.
    pub form: FormDefinition,
    /// The materials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub materials: Vec<Material>,
    /// The eligibility rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// The steps between acceptance and decision, in order.
    pub steps: Vec<StepDefinition>,
    /// What an approval gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fulfilment: Option<FulfilmentSpec>,
    /// How surely the portal must know the applicant.
    pub minimum_assurance: Assurance,
    /// Whether an applicant may have one open case of it only.
    pub one_open_case: bool,
    /// How far the version may be relied on.
    pub verification: Verification,
    /// Where it was read; for stand-ins, why it is there.
    pub source: String,
}

impl VersionContent {
    /// Whether this edition is in force on a day.
    pub fn in_force(&self, on: NaiveDate) -> bool {
        self.in_force_from <= on && self.in_force_to.is_none_or(|to| on <= to)
    }

    /// The step with this key.
    pub fn step(&self, key: &str) -> Option<&StepDefinition> {
        self.steps.iter().find(|s| s.key == key)
    }

    /// The material with this key.
    pub fn material(&self, key: &str) -> Option<&Material> {
        self.materials.iter().find(|m| m.key == key)
    }

    /// Every text of the version with its JSON pointer, for the check of languages.
    pub fn texts(&self) -> Vec<(String, &Text)> {
        let mut found = vec![
            ("/name".to_owned(), &self.name),
            ("/summary".to_owned(), &self.summary),
            ("/result/name".to_owned(), &self.result.name),
            ("/remedies/reconsideration".to_owned(), &self.remedies.reconsideration),
            ("/remedies/litigation".to_owned(), &self.remedies.litigation),
        ];
        let optional = [
            ("/fee/basis", &self.fee.basis),
            ("/acceptance_condition", &self.acceptance_condition),
            ("/contact", &self.contact),
            ("/supervision", &self.supervision),
        ];
        found.extend(optional.into_iter().filter_map(|(path, text)| text.as_ref().map(|t| (path.to_owned(), t))));
        for (i, faq) in self.faq.iter().enumerate() {
            found.push((format!("/faq/{i}/question"), &faq.question));
            found.push((format!("/faq/{i}/answer"), &faq.answer));
        }
        found.extend(self.form.texts.iter().map(|(pointer, text)| (format!("/form/texts{pointer}"), text)));
        for material in &self.materials {
            found.push((format!("/materials/{}/name", material.key), &material.name));
            found.extend(material.notes.iter().map(|t| (format!("/materials/{}/notes", material.key), t)));
        }
        found.extend(self.steps.iter().map(|s| (format!("/steps/{}/name", s.key), &s.name)));
        for leaf in self.rules.iter().flat_map(|r| &r.leaves) {
            found.push((format!("/rules/{}/label", leaf.key), &leaf.label));
            found.extend(leaf.turns.iter().map(|t| (format!("/rules/{}/turns", leaf.key), t)));
        }
        found
    }
}
