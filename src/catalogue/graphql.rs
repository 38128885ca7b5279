//! The catalogue in the API.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt;
use crate::api::error::{ApiError, UserError, payload};
use crate::api::ids;
use crate::api::scalars::{Date, Json};
use crate::api::text::LocalizedText;
use crate::catalogue::model::bundle;
use crate::catalogue::model::facts::{ElementType, FactOrigin, FactRefused, Facts};
use crate::catalogue::model::item::{CompiledVersion, Item, ItemArea, TalentClass as ClassModel, VersionState};
use crate::catalogue::model::offering::{Channel, Offering};
use crate::catalogue::model::rule::{LeafAnswer, NodeAnswer, NodeKind, Outcome};
use crate::catalogue::model::version::{self, Audience, CaseKind, Handling, ItemType, MaterialForm, MaterialSource, Necessity, ResultKind, StepKindCode};
use crate::catalogue::service::{self, EligibilityAnswer, ItemFilter, OfferItems, OfferingFilter};
use crate::kernel::code::Verification;
use crate::kernel::fault::Fault;
use crate::kernel::ids::ItemId;
use crate::kernel::role::{Assurance, Role};
use crate::kernel::text::{Language, Text};
use crate::organisation::graphql::{RegionObject, UnitObject, ZoneObject, unit_of};

api_enum!(ItemType, "ServiceItemType", "Kind of a service item (事项类型).");
api_enum!(VersionState, "ServiceItemVersionState", "Where a version of a service item stands.");
api_enum!(CaseKind, "CaseKind", "How a case of an item ends (办件类型).");
api_enum!(Audience, "ServiceAudience", "Whom an item serves (服务对象).");
api_enum!(Handling, "ServiceHandling", "How one may apply (办理形式).");
api_enum!(ResultKind, "ServiceResultKind", "What a case ends with (审批结果类型).");
api_enum!(Necessity, "MaterialNecessity", "Whether a material must be handed in (必要性).");
api_enum!(MaterialForm, "MaterialForm", "Form of a material (材料形式).");
api_enum!(MaterialSource, "MaterialSource", "Where a material comes from (来源渠道).");
api_enum!(StepKindCode, "StepKind", "Kind of a step of the review.");
api_enum!(Channel, "ApplicationChannel", "The way by which a case comes in.");
api_enum!(ItemArea, "ServiceArea", "Area of life that an item belongs to.");
api_enum!(Outcome, "EligibilityOutcome", "The three values of a condition. UNKNOWN: a fact that could decide it is not known.");
api_enum!(NodeKind, "EligibilityNodeKind", "Kind of a node of the tree of conditions.");
api_enum!(FactOrigin, "FactOrigin", "Where the value of a fact comes from.");
api_enum!(ElementType, "DataElementType", "Type of a data element.");

/// Law or rule that a statement rests on (设定依据).
#[derive(SimpleObject, Clone, Debug)]
pub struct LegalBasis {
    /// Title of the document, in its own language.
    pub document: String,
    /// Number of the document (文号), where it has one.
    pub number: Option<String>,
    /// Article, as the document writes it.
    pub article: Option<String>,
    /// Where it was read.
    pub source: String,
    /// How far it may be relied on. Show it.
    pub verification: Verification,
}

impl From<&version::LegalBasis> for LegalBasis {
    fn from(b: &version::LegalBasis) -> Self {
        Self { document: b.document.clone(), number: b.number.clone(), article: b.article.clone(), source: b.source.clone(), verification: b.verification }
    }
}

/// A material to hand in (申报材料).
#[derive(SimpleObject, Clone, Debug)]
pub struct Material {
    /// Key, unique in the version; name it when you bind a document.
    pub key: String,
    /// Name.
    pub name: LocalizedText,
    /// Code of the kind of document. A document of this kind that was handed in before may be used again.
    pub document_kind: String,
    /// Whether it must be handed in.
    pub necessity: Necessity,
    /// Paper or electronic.
    pub form: MaterialForm,
    /// Copies asked for.
    pub copies: i32,
    /// Whether the original is to be shown at the window.
    pub original_required: bool,
    /// Greatest age in days at the receipt, where there is one.
    pub max_age_days: Option<i32>,
    /// Where it comes from.
    pub source_channel: MaterialSource,
    /// What to mind (填报须知).
    pub notes: Option<LocalizedText>,
    /// Whether it is asked for only from some applicants; `eligibility` tells from whom.
    pub conditional: bool,
    /// How far the row may be relied on. Show it.
    pub verification: Verification,
}

/// A step of the review (环节), in the order of the list.
#[derive(SimpleObject, Clone, Debug)]
pub struct ServiceStep {
    /// Key, unique in the version.
    pub key: String,
    /// Kind.
    pub kind: StepKindCode,
    /// Name.
    pub name: LocalizedText,
    /// Role that completes it.
    pub role: Role,
    /// Level of the unit where it is done; null: where the case is, or outside the government.
    pub unit_level: Option<crate::organisation::model::unit::UnitLevel>,
    /// Working days for the step, where it has a limit of its own.
    pub limit_days: Option<i32>,
    /// How far the row may be relied on. Show it.
    pub verification: Verification,
}

/// The form of a version in the reader's language.
#[derive(SimpleObject, Clone, Debug)]
pub struct FormDefinition {
    /// JSON Schema 2020-12 with titles in the reader's language. `x-order` gives the order of the fields, `x-element` the
    /// data element of a field, `x-enum-titles` the titles of the codes in the order of `enum`.
    pub schema: Json,
    /// Changes whenever the schema or its titles do, per language. Keep the form under it.
    pub etag: String,
}

/// What a case ends with.
#[derive(SimpleObject, Clone, Debug)]
pub struct ServiceResult {
    /// Kind.
    pub kind: ResultKind,
    /// Name.
    pub name: LocalizedText,
}

/// Fees (收费).
#[derive(SimpleObject, Clone, Debug)]
pub struct ServiceFee {
    /// Whether a fee is charged.
    pub charged: bool,
    /// By which rule, or what to know.
    pub basis: Option<LocalizedText>,
    /// How far it may be relied on. Show it.
    pub verification: Verification,
}

/// A frequent question.
#[derive(SimpleObject, Clone, Debug)]
pub struct FrequentQuestion {
    /// The question.
    pub question: LocalizedText,
    /// The answer.
    pub answer: LocalizedText,
}

/// A version of a service item by one edition of its rules. Once published it never changes; a case pins one at its submission.
#[derive(Clone, Debug)]
pub struct ServiceItemVersion(pub Arc<CompiledVersion>);

/// A version of a service item by one edition of its rules. Once published it never changes; a case pins one at its submission.
#[Object]
impl ServiceItemVersion {
    /// Id.
    pub async fn id(&self) -> ID {
        ids::encode(self.0.id)
    }
    /// Which edition of the rules, for example `2023`.
    async fn edition(&self) -> &str {
        &self.0.edition
    }
    /// Grows with each version of the item; null for a draft that has none yet.
    async fn number(&self) -> Option<i32> {
        Some(self.0.number)
    }
    /// Where it stands.
    async fn state(&self) -> VersionState {
        self.0.state
    }
    /// Name (事项名称).
    async fn name(&self, ctx: &Context<'_>) -> LocalizedText {
        text(&self.0.content.name, ctx)
    }
    /// What it is.
    async fn summary(&self, ctx: &Context<'_>) -> LocalizedText {
        text(&self.0.content.summary, ctx)
    }
    /// On what it rests (设定依据).
    async fn legal_basis(&self) -> Vec<LegalBasis> {
        self.0.content.legal_basis.iter().map(LegalBasis::from).collect()
    }
    /// Kind of item (事项类型).
    async fn item_type(&self) -> ItemType {
        self.0.content.item_type
    }
    /// Immediate or promised (办件类型).
    async fn case_kind(&self) -> CaseKind {
        self.0.content.case_kind
    }
    /// Whom it serves (服务对象).
    async fn audience(&self) -> &[Audience] {
        &self.0.content.audience
    }
    /// How one may apply (办理形式).
    async fn handling(&self) -> &[Handling] {
        &self.0.content.handling
    }
    /// Visits to an office, at most (到办事现场次数).
    async fn visits(&self) -> i32 {
        int(self.0.content.visits)
    }
    /// Fees (收费).
    async fn fee(&self, ctx: &Context<'_>) -> ServiceFee {
        let fee = &self.0.content.fee;
        ServiceFee { charged: fee.charged, basis: fee.basis.as_ref().map(|t| text(t, ctx)), verification: fee.verification }
    }
    /// What a case ends with (审批结果).
    async fn result(&self, ctx: &Context<'_>) -> ServiceResult {
        ServiceResult { kind: self.0.content.result.kind, name: text(&self.0.content.result.name, ctx) }
    }
    /// Conditions of acceptance in words (受理条件).
    async fn acceptance_condition(&self, ctx: &Context<'_>) -> Option<LocalizedText> {
        self.0.content.acceptance_condition.as_ref().map(|t| text(t, ctx))
    }
    /// Administrative reconsideration (行政复议) against a decision.
    async fn reconsideration(&self, ctx: &Context<'_>) -> LocalizedText {
        text(&self.0.content.remedies.reconsideration, ctx)
    }
    /// Administrative litigation (行政诉讼) against a decision.
    async fn litigation(&self, ctx: &Context<'_>) -> LocalizedText {
        text(&self.0.content.remedies.litigation, ctx)
    }
    /// Where to ask (咨询).
    async fn contact(&self, ctx: &Context<'_>) -> Option<LocalizedText> {
        self.0.content.contact.as_ref().map(|t| text(t, ctx))
    }
    /// Where to complain (监督投诉).
    async fn supervision(&self, ctx: &Context<'_>) -> Option<LocalizedText> {
        self.0.content.supervision.as_ref().map(|t| text(t, ctx))
    }
    /// Frequent questions.
    async fn faq(&self, ctx: &Context<'_>) -> Vec<FrequentQuestion> {
        self.0.content.faq.iter().map(|q| FrequentQuestion { question: text(&q.question, ctx), answer: text(&q.answer, ctx) }).collect()
    }
    /// First day at which this edition of the rules is in force; null for a draft that has none yet.
    async fn in_force_from(&self) -> Option<Date> {
        Some(self.0.content.in_force_from.into())
    }
    /// Last day at which it is in force; null: open.
    async fn in_force_to(&self) -> Option<Date> {
        self.0.content.in_force_to.map(Date)
    }
    /// The form in the reader's language.
    async fn form(&self, ctx: &Context<'_>) -> FormDefinition {
        let (schema, etag) = self.0.form.localized(ctx.language());
        FormDefinition { schema: Json(schema), etag }
    }
    /// The materials to hand in.
    async fn materials(&self, ctx: &Context<'_>) -> Vec<Material> {
        self.0.content.materials.iter().map(|m| material(m, ctx.language())).collect()
    }
    /// The steps between acceptance and decision, in order.
    async fn steps(&self, ctx: &Context<'_>) -> Vec<ServiceStep> {
        let steps = self.0.content.steps.iter();
        steps
            .map(|s| ServiceStep {
                key: s.key.clone(),
                kind: s.kind,
                name: text(&s.name, ctx),
                role: s.role,
                unit_level: s.unit_level,
                limit_days: s.limit_days.map(int),
                verification: s.verification,
            })
            .collect()
    }
    /// Whether there are eligibility rules; ask `eligibility` with the item.
    async fn has_rules(&self) -> bool {
        self.0.content.rules.is_some()
    }
    /// How surely the portal must know the applicant.
    async fn minimum_assurance(&self) -> Assurance {
        self.0.content.minimum_assurance
    }
    /// Whether an applicant may have one open case of it only.
    async fn one_open_case(&self) -> bool {
        self.0.content.one_open_case
    }
    /// How far the version may be relied on. Show it.
    async fn verification(&self) -> Verification {
        self.0.content.verification
    }
    /// Where it was read; for stand-ins, why it is there.
    async fn source(&self) -> &str {
        &self.0.content.source
    }
}

/// A yearly period in which applications are taken, both days included.
#[derive(SimpleObject, Clone, Debug)]
pub struct ServiceIntakePeriod {
    /// First day, `MM-DD`.
    pub from: String,
    /// Last day, `MM-DD`; before `from` where the period runs over the turn of the year.
    pub to: String,
}

/// An offering of an item: a unit takes cases of a version, with limits and channels.
#[derive(Clone, Debug)]
pub struct ServiceOffering(pub Offering);

/// An offering of an item: a unit takes cases of a version, with limits and channels.
#[Object]
impl ServiceOffering {
    /// Id.
    pub async fn id(&self) -> ID {
        ids::encode(self.0.id)
    }
    /// Id of the version that is offered.
    async fn item_version_id(&self) -> ID {
        ids::encode(self.0.version)
    }
    /// Id of the unit that takes the cases.
    async fn unit_id(&self) -> ID {
        ids::encode(self.0.unit)
    }
    /// The unit that offers it.
    async fn unit(&self, ctx: &Context<'_>) -> Option<Result<UnitObject, ApiError>> {
        unit_of(ctx, Some(&ids::encode(self.0.unit))).await
    }
    /// Region of the unit.
    async fn region(&self, ctx: &Context<'_>) -> Option<RegionObject> {
        RegionObject::by_code(&self.0.region, ctx.language())
    }
    /// Region of the unit (GB/T 2260).
    async fn region_code(&self) -> &str {
        &self.0.region
    }
    /// Zone of the unit, where it has one.
    async fn zone(&self, ctx: &Context<'_>) -> Option<ZoneObject> {
        ZoneObject::by_code(self.0.zone.as_deref()?, ctx.language())
    }
    /// Code of the zone of the unit, where it has one.
    async fn zone_code(&self) -> Option<&str> {
        self.0.zone.as_deref()
    }
    /// The authority in whose name it is done (实施主体).
    async fn authority(&self, ctx: &Context<'_>) -> LocalizedText {
        text(&self.0.terms.authority, ctx)
    }
    /// Promised limit (承诺办结时限) in working days; 0: settled on the spot; null: not known.
    async fn promised_days(&self) -> Option<i32> {
        self.0.terms.promised.map(|limit| int(limit.days))
    }
    /// Statutory limit (法定办结时限) in working days; null: not known.
    async fn statutory_days(&self) -> Option<i32> {
        self.0.terms.statutory.map(|limit| int(limit.days))
    }
    /// How far the promised limit may be relied on. Show it.
    async fn promised_verification(&self) -> Option<Verification> {
        self.0.terms.promised.map(|limit| limit.verification)
    }
    /// How far the statutory limit may be relied on. Show it.
    async fn statutory_verification(&self) -> Option<Verification> {
        self.0.terms.statutory.map(|limit| limit.verification)
    }
    /// Ways of applying.
    async fn channels(&self) -> &[Channel] {
        &self.0.terms.channels
    }
    /// Yearly intake periods; empty: all year.
    async fn intake_periods(&self) -> Vec<ServiceIntakePeriod> {
        self.0.terms.intake.iter().map(|p| ServiceIntakePeriod { from: p.from.into(), to: p.to.into() }).collect()
    }
    /// Whether applications are taken today.
    async fn takes_applications(&self, ctx: &Context<'_>) -> bool {
        self.0.terms.takes_applications(ctx.portal().env.today())
    }
    /// Cases per year, at most; null: no bound.
    async fn quota(&self) -> Option<i32> {
        self.0.terms.quota.map(int)
    }
    /// First day.
    async fn effective_from(&self) -> Date {
        self.0.terms.effective_from.into()
    }
    /// Last day; null: open.
    async fn effective_to(&self) -> Option<Date> {
        self.0.terms.effective_to.map(Date)
    }
    /// How far the offering may be relied on; its limits have marks of their own. Show it.
    async fn verification(&self) -> Verification {
        self.0.terms.verification
    }
    /// Where it was read; for stand-ins, why it is there.
    async fn source(&self) -> &str {
        &self.0.terms.source
    }
}

/// A service item (事项): what a person may apply for.
#[derive(Clone, Debug)]
pub struct ServiceItem {
    item: Item,
    /// Loaded with the list, or `None`: to be loaded.
    #[expect(clippy::option_option, reason = "not loaded yet, and loaded but none in force, are two things")]
    current: Option<Option<Arc<CompiledVersion>>>,
    offerings: Option<Vec<Offering>>,
}

impl ServiceItem {
    /// An item whose parts are loaded when they are asked for.
    pub const fn of(item: Item) -> Self {
        Self { item, current: None, offerings: None }
    }
}

/// A service item (事项): what a person may apply for.
#[Object]
impl ServiceItem {
    /// Id.
    pub async fn id(&self) -> ID {
        ids::encode(self.item.id)
    }
    /// Stable code, for example `GD-TALENT-CARD`.
    async fn code(&self) -> &str {
        &self.item.code
    }
    /// Area of life.
    async fn area(&self) -> ItemArea {
        self.item.area
    }
    /// Name.
    async fn name(&self, ctx: &Context<'_>) -> LocalizedText {
        text(&self.item.name, ctx)
    }
    /// How far the row may be relied on. Show it.
    async fn verification(&self) -> Verification {
        self.item.verification
    }
    /// The version by the rules in force today; null: none is.
    async fn current_version(&self, ctx: &Context<'_>) -> Option<Result<ServiceItemVersion, ApiError>> {
        match &self.current {
            Some(loaded) => loaded.clone().map(|v| Ok(ServiceItemVersion(v))),
            None => match service::current_versions(ctx.portal(), &[self.item.id], ctx.portal().env.today()).await {
                Ok(mut found) => found.remove(&self.item.id).map(|v| Ok(ServiceItemVersion(v))),
                Err(fault) => Some(Err(fault.into())),
            },
        }
    }
    /// The offerings in force today, by region and first day.
    #[graphql(complexity = "(first.unwrap_or(20).unsigned_abs() as usize / 4).max(1) * child_complexity")]
    async fn offerings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of units of this region, or of one that lies in it; six digits.")] region_code: Option<String>,
        #[graphql(desc = "Only those of units of this zone, for example `NANSHA`.")] zone_code: Option<String>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<ServiceOffering>, ApiError>> {
        let read = async {
            let request = connection::request(ctx, first, after.as_deref(), service::BY_REGION, 3)?;
            let rows = match &self.offerings {
                Some(loaded) => loaded.clone(),
                None => service::offerings_of_items(ctx.portal(), &[self.item.id], ctx.portal().env.today()).await?.remove(&self.item.id).unwrap_or_default(),
            };
            let filter = OfferingFilter { region: region_code, zone: zone_code };
            Ok(connection::of(service::offering_page(rows, &filter, &request)?, ServiceOffering))
        };
        Some(read.await)
    }
}

/// A class of high-level talents (高层次人才类别).
#[derive(SimpleObject, Clone, Debug)]
pub struct TalentClass {
    /// Stable code.
    pub code: String,
    /// Name.
    pub name: LocalizedText,
    /// How far the row may be relied on. Show it.
    pub verification: Verification,
    /// Where it was read; for stand-ins, why it is there.
    pub source: String,
}

/// A supposed fact.
#[derive(InputObject, Clone, Debug)]
pub struct WhatIfFact {
    /// Path of the fact, for example `contribution.insurance_months`.
    pub path: String,
    /// Its value: a Boolean, a whole number, a text, a code, a date `YYYY-MM-DD` or a list of texts; null: the person has none.
    pub value: Option<Json>,
}

/// A fact that a condition asks for.
#[derive(SimpleObject, Clone, Debug)]
pub struct EligibilityFact {
    /// Path.
    pub path: String,
    /// What it is called.
    pub label: LocalizedText,
    /// Type of its value.
    #[graphql(name = "type")]
    pub kind: ElementType,
    /// The value used; null where it is not known (then `origin` is null too) or the person has none.
    pub value: Option<Json>,
    /// Where the value comes from; null: not known.
    pub origin: Option<FactOrigin>,
}

/// A condition.
#[derive(SimpleObject, Clone, Debug)]
pub struct EligibilityCondition {
    /// Key, unique in the version.
    pub key: String,
    /// What is asked.
    pub label: LocalizedText,
    /// What would turn it, where it does not pass.
    pub turns: Option<LocalizedText>,
    /// The facts that it asks for.
    pub facts: Vec<EligibilityFact>,
    /// On what it rests.
    pub legal_basis: Vec<LegalBasis>,
    /// How far it may be relied on. Show it.
    pub verification: Verification,
}

/// A node of the tree of conditions.
#[derive(SimpleObject, Clone, Debug)]
pub struct EligibilityNode {
    /// How the children are joined, or LEAF.
    pub kind: NodeKind,
    /// Index of the parent in `nodes`; null: the root.
    pub parent: Option<i32>,
    /// Children that must pass, for AT_LEAST.
    pub needed: Option<i32>,
    /// Its value.
    pub outcome: Outcome,
    /// The condition, for LEAF.
    pub condition: Option<EligibilityCondition>,
}

/// A material with whether it would be asked for.
#[derive(SimpleObject, Clone, Debug)]
pub struct EligibilityMaterial {
    /// Key of the material.
    pub key: String,
    /// PASS: it is asked for; FAIL: it is not; UNKNOWN: it may be.
    pub outcome: Outcome,
}

/// What the rules of an item say. An indication: the authority decides.
#[derive(SimpleObject, Clone, Debug)]
pub struct Eligibility {
    /// The whole. Null where no rules of the item are known (`version.hasRules` is false): then nothing can be said, neither
    /// that she is eligible nor that she is not.
    pub outcome: Option<Outcome>,
    /// The tree, parents before children; empty for an item without rules.
    pub nodes: Vec<EligibilityNode>,
    /// The materials.
    pub materials: Vec<EligibilityMaterial>,
    /// The version that was asked.
    pub version: ServiceItemVersion,
}

fn text(text: &Text, ctx: &Context<'_>) -> LocalizedText {
    LocalizedText::of(text, ctx.language())
}

/// A count as the API shows it.
fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn index(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn material(m: &version::Material, language: Language) -> Material {
    Material {
        key: m.key.clone(),
        name: LocalizedText::of(&m.name, language),
        document_kind: m.document_kind.clone(),
        necessity: m.necessity,
        form: m.form,
        copies: int(m.copies),
        original_required: m.original_required,
        max_age_days: m.max_age_days.map(int),
        source_channel: m.source_channel,
        notes: m.notes.as_ref().map(|t| LocalizedText::of(t, language)),
        conditional: m.when.is_some(),
        verification: m.verification,
    }
}

fn condition(answer: LeafAnswer, outcome: Outcome, language: Language) -> EligibilityCondition {
    let vocabulary = bundle::vocabulary().ok();
    let facts = answer
        .facts
        .into_iter()
        .filter_map(|used| {
            let element = vocabulary?.fact(&used.path)?;
            Some(EligibilityFact {
                label: LocalizedText::of(&element.label, language),
                kind: element.kind,
                origin: used.fact.as_ref().map(|f| f.origin),
                value: used.fact.map(|f| Json(f.value.to_json())),
                path: used.path,
            })
        })
        .collect();
    EligibilityCondition {
        label: LocalizedText::of(&answer.leaf.label, language),
        turns: answer.leaf.turns.as_ref().filter(|_| outcome != Outcome::Pass).map(|t| LocalizedText::of(t, language)),
        facts,
        legal_basis: answer.leaf.basis.iter().map(LegalBasis::from).collect(),
        verification: answer.leaf.verification,
        key: answer.leaf.key,
    }
}

impl Eligibility {
    /// The answer in the reader's language.
    pub fn of(answer: EligibilityAnswer, version: Arc<CompiledVersion>, language: Language) -> Self {
        let node = |node: NodeAnswer| EligibilityNode {
            kind: node.kind,
            parent: node.parent.map(index),
            needed: node.needed.map(int),
            outcome: node.outcome,
            condition: node.leaf.map(|leaf| condition(leaf, node.outcome, language)),
        };
        Self {
            outcome: (!answer.rules.nodes.is_empty()).then_some(answer.rules.outcome),
            nodes: answer.rules.nodes.into_iter().map(node).collect(),
            materials: answer.materials.into_iter().map(|(key, outcome)| EligibilityMaterial { key, outcome }).collect(),
            version: ServiceItemVersion(version),
        }
    }
}

/// The item behind an id or a code, exactly one of which must be given.
async fn find(ctx: &Context<'_>, id: Option<ID>, code: Option<String>) -> Result<Item, ApiError> {
    let found = match (id, code) {
        (Some(id), None) => {
            let id = ids::decode::<ItemId>(&id, "id")?;
            service::items_by_ids(ctx.portal(), &[id]).await?.remove(&id)
        }
        (None, Some(code)) => service::item_by_code(ctx.portal(), &code).await?,
        _ => return Err(Fault::bad_request("id").into()),
    };
    found.ok_or_else(|| Fault::NotFound.into())
}

/// The most facts that one what-if question supposes.
const MAX_WHAT_IF: usize = 100;

fn supposed(given: Vec<WhatIfFact>) -> Result<Facts, ApiError> {
    let vocabulary = bundle::vocabulary().map_err(|problem| Fault::internal(anyhow::anyhow!("{problem}")))?;
    if given.len() > MAX_WHAT_IF {
        return Err(Fault::bad_request("whatIf").into());
    }
    let mut facts = Facts::new();
    for (at, fact) in given.into_iter().enumerate() {
        let value = fact.value.map_or(serde_json::Value::Null, |json| json.0);
        facts.insert_json(vocabulary, &fact.path, &value, FactOrigin::WhatIf).map_err(|refused| {
            let field = match refused {
                FactRefused::Unknown => "path",
                FactRefused::WrongType => "value",
            };
            Fault::BadRequest(vec!["whatIf".to_owned(), at.to_string(), field.to_owned()])
        })?;
    }
    Ok(facts)
}

/// Root fields of the catalogue.
#[derive(Default)]
pub struct CatalogueQuery;

/// Root fields of the catalogue.
#[Object]
impl CatalogueQuery {
    /// Service items in the order of their codes. Public.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn service_items(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only items of this area of life.")] area: Option<ItemArea>,
        #[graphql(desc = "Only items that serve this audience.")] audience: Option<Audience>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<ServiceItem>, ApiError>> {
        let read = async {
            let portal = ctx.portal();
            let request = connection::request(ctx, first, after.as_deref(), service::BY_CODE, 1)?;
            let page = service::item_page(portal, ctx.actor(), ItemFilter { area, audience }, &request).await?;
            let item_ids: Vec<ItemId> = page.edges.iter().map(|(_, item)| item.id).collect();
            let asked =
                |field: &str| ctx.look_ahead().field("edges").field("node").field(field).exists() || ctx.look_ahead().field("nodes").field(field).exists();
            let today = portal.env.today();
            let with_versions = asked("currentVersion") && !item_ids.is_empty();
            let versions = if with_versions { service::current_versions(portal, &item_ids, today).await? } else { HashMap::new() };
            let with_offerings = asked("offerings") && !item_ids.is_empty();
            let offerings = if with_offerings { service::offerings_of_items(portal, &item_ids, today).await? } else { HashMap::new() };
            Ok(connection::of(page, |item| ServiceItem {
                current: with_versions.then(|| versions.get(&item.id).cloned()),
                offerings: with_offerings.then(|| offerings.get(&item.id).cloned().unwrap_or_default()),
                item,
            }))
        };
        Some(read.await)
    }

    /// A service item by its id or its code, exactly one of which must be given. NOT_FOUND where there is none. Public.
    async fn service_item(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the item.")] id: Option<ID>,
        #[graphql(desc = "Stable code of the item, for example `GD-TALENT-CARD`.")] code: Option<String>,
    ) -> Option<Result<ServiceItem, ApiError>> {
        Some(find(ctx, id, code).await.map(ServiceItem::of))
    }

    /// What the rules of an item in force today say of the caller, or of what she supposes. Stores nothing; may be asked
    /// without an account, then only `whatIf` is known. An indication: the authority decides.
    #[graphql(complexity = "5 + child_complexity")]
    async fn eligibility(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the item; or give `code`.")] id: Option<ID>,
        #[graphql(desc = "Stable code of the item; or give `id`.")] code: Option<String>,
        #[graphql(desc = "Supposed facts; they go before what the portal knows. At most 100.")] what_if: Option<Vec<WhatIfFact>>,
    ) -> Option<Result<Eligibility, ApiError>> {
        let read = async {
            let facts = supposed(what_if.unwrap_or_default())?;
            let item = find(ctx, id, code).await?;
            let portal = ctx.portal();
            let version = service::current_versions(portal, &[item.id], portal.env.today()).await?.remove(&item.id).ok_or(Fault::NotFound)?;
            let answer = service::eligibility(portal, ctx.actor(), &version, facts).await?;
            Ok(Eligibility::of(answer, version, ctx.language()))
        };
        Some(read.await)
    }

    /// The classes of high-level talents in order. Public.
    async fn talent_classes(&self, ctx: &Context<'_>) -> Option<Result<Vec<TalentClass>, ApiError>> {
        let show = |c: ClassModel| TalentClass { name: text(&c.name, ctx), code: c.code, verification: c.verification, source: c.source };
        let rows = service::class_list(ctx.portal(), ctx.actor()).await;
        Some(rows.map(|rows| rows.into_iter().map(show).collect()).map_err(ApiError::from))
    }
}

/// Items that a unit is to offer.
#[derive(InputObject, Clone, Debug)]
pub struct OfferItemsInput {
    /// The open unit that is to take the cases.
    pub unit_id: ID,
    /// The items, 1 to 100.
    pub item_ids: Vec<ID>,
    /// 16 to 64 characters made by the client; the same key and input give the same answer.
    pub idempotency_key: String,
}

/// Answer of `offerItems`.
#[derive(SimpleObject, Clone, Debug)]
pub struct OfferItemsPayload {
    /// What the unit offers of these items today and later, made now or before.
    pub offerings: Option<Vec<ServiceOffering>>,
    /// Why nothing was made; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// Mutations of the catalogue.
#[derive(Default, Debug)]
pub struct CatalogueMutation;

/// Mutations of the catalogue.
#[Object]
impl CatalogueMutation {
    /// Makes a unit offer items on the terms that the catalogue has for its level and region, and sends the cases of
    /// its region to it. What it offers already stays as it is. For the system administrator. User errors: REQUIRED,
    /// TOO_MANY, NOT_FOUND, UNIT_CLOSED, NOT_OFFERED where the catalogue has no terms for such a unit, MALFORMED,
    /// IDEMPOTENCY_KEY_REUSED.
    async fn offer_items(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: OfferItemsInput,
    ) -> Option<Result<OfferItemsPayload, ApiError>> {
        let items = input.item_ids.iter().enumerate().map(|(at, id)| ids::decode(id, &format!("input.itemIds.{at}")));
        let decoded = ids::decode(&input.unit_id, "input.unitId").and_then(|unit| Ok((unit, items.collect::<Result<_, _>>()?)));
        let (unit, items) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return Some(Err(error)),
        };
        let result = service::offer_items(ctx.portal(), ctx.actor(), OfferItems { unit, items }, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            result,
            |offerings| OfferItemsPayload { offerings: Some(offerings.into_iter().map(ServiceOffering).collect()), user_errors: Vec::new() },
            |user_errors| OfferItemsPayload { offerings: None, user_errors },
        )
    }
}
