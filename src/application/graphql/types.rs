//! Types of orders and cases.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt;
use crate::api::error::{ApiError, UserError, nullable};
use crate::api::ids;
use crate::api::messages::message;
use crate::api::scalars::{Instant, Json};
use crate::api::text::LocalizedText;
use crate::application::graphql::page::{Cases, Orders, Queued};
use crate::application::graphql::requests::{ApplicationClockEntry, ApplicationExtension, ApplicationRequest, RunningProcedure};
use crate::application::model::case::{ExtensionState, State};
use crate::application::model::clock::{ClockMark, Punctuality};
use crate::application::model::document::{Asked, DocumentKind, Given};
use crate::application::model::event::{Decision, DeliveryChannel, EventKind, Procedure, StepOutcome, TerminationReason};
use crate::application::model::order::{MaterialBasis, OrderState};
use crate::application::model::projection::never;
use crate::application::model::queue::QueueRow;
use crate::application::model::rights::Action;
use crate::application::model::sight::Sight;
use crate::application::service::engine::Loaded;
use crate::application::service::view::{self, Available, Bound, CaseRow, Delivery, Opened, OrderRow, Queue, SeenEvent, SeenOrder};
use crate::catalogue::graphql::{LegalBasis, ServiceItemVersion, ServiceOffering};
use crate::catalogue::model::item::CompiledVersion;
use crate::catalogue::model::offering::Channel;
use crate::catalogue::model::version::{Material, StepKindCode};
use crate::catalogue::service as catalogue;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{ApplicationId, CaseDocumentId, ItemVersionId, PersonId, UnitId};
use crate::kernel::page::Page;
use crate::kernel::rejection::Code;
use crate::kernel::role::{Assurance, Role};
use crate::kernel::text::{Language, Text};
use crate::material::graphql::{DocumentVersion, Download};
use crate::organisation::graphql::{RegionObject, UnitObject, ZoneObject};
use crate::person::graphql::{NamedPersonObject, named};

api_enum!(State, "ApplicationState", "State of a case (办件).");
api_enum!(Decision, "Decision", "What was decided.");
api_enum!(StepOutcome, "StepOutcome", "Outcome of one step of the review.");
api_enum!(DeliveryChannel, "DeliveryChannel", "How a decision reaches the applicant.");
api_enum!(Action, "ApplicationAction", "What may be done with a case.");
api_enum!(OrderState, "OrderState", "Where an order stands.");
api_enum!(EventKind, "ApplicationEventKind", "Kind of something that happened to a case.");
api_enum!(MaterialBasis, "MaterialBasis", "What stands for a material of a case.");
api_enum!(DocumentKind, "CaseDocumentKind", "Kind of a case document.");

/// A case (办件): one request for one service item, from the cart to the delivery of the decision.
#[derive(Clone, Debug)]
pub struct Application {
    /// The stored row.
    pub row: CaseRow,
    sight: Sight,
    cases: Arc<Cases>,
}

impl Application {
    /// The case as far as whoever it was loaded for sees it at this instant.
    pub fn of(loaded: Loaded, now: DateTime<Utc>) -> Self {
        let (row, sight) = (loaded.row.clone(), loaded.sight(now));
        let cases = Cases::of(&[(row.clone(), sight.clone())]).with(HashMap::from([(row.id, loaded)]));
        Self { row, sight, cases: Arc::new(cases) }
    }

    /// Loaded cases beside each other in one answer.
    pub fn loaded(loaded: HashMap<ApplicationId, Loaded>, now: DateTime<Utc>) -> HashMap<ApplicationId, Self> {
        let seen: Vec<(CaseRow, Sight)> = loaded.values().map(|loaded| (loaded.row.clone(), loaded.sight(now))).collect();
        let cases = Arc::new(Cases::of(&seen).with(loaded));
        seen.into_iter().map(|(row, sight)| (row.id, Self { row, sight, cases: cases.clone() })).collect()
    }

    /// Cases beside each other in one answer, as far as its reader sees each.
    pub fn beside(cases: Vec<(CaseRow, Sight)>) -> Vec<Self> {
        let shared = Arc::new(Cases::of(&cases));
        cases.into_iter().map(|(row, sight)| Self { row, sight, cases: shared.clone() }).collect()
    }
}

/// A case (办件): one request for one service item, from the cart to the delivery of the decision.
#[Object]
impl Application {
    /// Global id.
    pub async fn id(&self) -> ID {
        ids::encode(self.row.id)
    }
    /// Number of the case, with a check character; drafts have none.
    async fn number(&self) -> Option<&str> {
        self.row.number.as_deref()
    }
    /// The order that it was handed in with.
    async fn order_id(&self) -> ID {
        ids::encode(self.row.order_id)
    }
    /// The service item.
    async fn item_id(&self) -> ID {
        ids::encode(self.row.item_id)
    }
    /// The version of the item to which the case is pinned: form, materials and steps that it is handled by. For a draft the
    /// version that it was last saved under.
    async fn item_version(&self, ctx: &Context<'_>) -> Option<Result<ServiceItemVersion, ApiError>> {
        Some(catalogue::version(ctx.portal(), self.row.version_id).await.map(ServiceItemVersion).map_err(ApiError::from))
    }
    /// The offering to which the case is pinned: whose it is, and by which limits. Null for drafts.
    async fn offering(&self, ctx: &Context<'_>) -> Option<Result<ServiceOffering, ApiError>> {
        let offering = self.cases.offering(ctx.ctx(), self.row.offering_id?).await;
        offering.map(|found| found.cloned().map(ServiceOffering)).map_err(ApiError::from).transpose()
    }
    /// Region in which it was asked for (GB/T 2260).
    async fn region_code(&self) -> Option<&str> {
        self.row.region_code.as_deref()
    }
    /// Region in which it was asked for; null where the portal does not list it.
    async fn region(&self, ctx: &Context<'_>) -> Option<RegionObject> {
        RegionObject::by_code(self.row.region_code.as_deref()?, ctx.language())
    }
    /// Zone in which it was asked for.
    async fn zone_code(&self) -> Option<&str> {
        self.row.zone_code.as_deref()
    }
    /// Zone in which it was asked for; null where the portal does not list it.
    async fn zone(&self, ctx: &Context<'_>) -> Option<ZoneObject> {
        ZoneObject::by_code(self.row.zone_code.as_deref()?, ctx.language())
    }
    /// Code of the talent category under which it was asked for. Null for beneficiaries and employers.
    async fn category(&self) -> Option<&str> {
        self.row.category.as_deref().filter(|_| self.sight.papers())
    }
    /// The mandate under which it was filled or handed in for the applicant, if it was. Null for beneficiaries and employers.
    async fn mandate_id(&self) -> Option<ID> {
        self.row.mandate_id.filter(|_| self.sight.papers()).map(ids::encode)
    }
    /// Code of the service item, for example `GD-TALENT-CARD`.
    async fn item_code(&self, ctx: &Context<'_>) -> Option<Result<String, ApiError>> {
        Some(catalogue::version(ctx.portal(), self.row.version_id).await.map(|v| v.item_code.clone()).map_err(ApiError::from))
    }
    /// Name of the service item under the pinned version.
    async fn item_name(&self, ctx: &Context<'_>) -> Option<Result<LocalizedText, ApiError>> {
        let version = catalogue::version(ctx.portal(), self.row.version_id).await;
        Some(version.map(|v| LocalizedText::of(&v.content.name, ctx.language())).map_err(ApiError::from))
    }
    /// Version of the case: send it back as `expectedVersion`.
    async fn version(&self) -> i64 {
        self.row.version
    }
    /// State that holds now. A case that nobody answered in time is ACCEPTED from the lapse on, whether or not anything has run.
    async fn state(&self, ctx: &Context<'_>) -> State {
        view::state_now(ctx.portal(), &self.row)
    }
    /// What was decided.
    async fn decision(&self) -> Option<Decision> {
        self.row.decision
    }
    /// The step of the review that is due; null before acceptance and once it is to be decided.
    async fn step(&self, ctx: &Context<'_>) -> Option<Result<Step, ApiError>> {
        let key = self.row.step_key.as_deref()?;
        match catalogue::version(ctx.portal(), self.row.version_id).await {
            Err(fault) => Some(Err(fault.into())),
            Ok(version) => {
                version.content.step(key).map(|s| Ok(Step { key: s.key.clone(), name: LocalizedText::of(&s.name, ctx.language()), kind: s.kind, role: s.role }))
            }
        }
    }
    /// How many steps are finished.
    async fn steps_done(&self) -> i32 {
        self.row.step_index
    }
    /// When it was received; the days until acceptance are counted from here.
    async fn received_at(&self) -> Option<Instant> {
        self.row.received_at.map(Instant)
    }
    /// When acceptance took effect.
    async fn accepted_at(&self) -> Option<Instant> {
        self.row.accepted_at.map(Instant)
    }
    /// When it was decided.
    async fn decided_at(&self) -> Option<Instant> {
        self.row.decided_at.map(Instant)
    }
    /// When it was closed.
    async fn closed_at(&self) -> Option<Instant> {
        self.row.closed_at.map(Instant)
    }
    /// From when on it counts as accepted unless it is answered before (24:00 UTC+8 of the fifth working day).
    async fn deemed_accepted_at(&self) -> Option<Instant> {
        self.row.deemed_at.map(Instant)
    }
    /// What is due next: acceptance, the promised limit, or the delivery. Null where nothing is. Like every limit the first
    /// instant after the last day at UTC+8 (24:00).
    async fn due_at(&self) -> Option<Instant> {
        (self.row.due_at != never()).then_some(Instant(self.row.due_at))
    }
    /// End of the promised limit (承诺办结时限).
    async fn promised_due_at(&self) -> Option<Instant> {
        self.row.promised_due_at.map(Instant)
    }
    /// End of the statutory limit (法定办结时限).
    async fn statutory_due_at(&self) -> Option<Instant> {
        self.row.statutory_due_at.map(Instant)
    }
    /// From when on the limit counts as nearly passed.
    async fn near_breach_at(&self) -> Option<Instant> {
        self.row.near_breach_at.map(Instant)
    }
    /// Whether a date may still move, because the official calendar of that year is not published yet.
    async fn provisional(&self) -> bool {
        self.row.provisional
    }
    /// Whether somebody has claimed it.
    async fn claimed(&self) -> bool {
        self.row.claimed_by.is_some()
    }
    /// Who has claimed it. For staff of the case alone.
    async fn claimed_by(&self, ctx: &Context<'_>) -> Option<Result<NamedPersonObject, ApiError>> {
        let by = self.row.claimed_by?;
        match self.cases.loaded(ctx.ctx(), self.row.id).await {
            Err(fault) => Some(Err(fault.into())),
            Ok(loaded) if loaded.is_some_and(|loaded| loaded.standing.staff()) => named(ctx, by).await,
            Ok(_) => None,
        }
    }
    /// Since when.
    async fn claimed_at(&self) -> Option<Instant> {
        self.row.claimed_at.map(Instant)
    }
    /// How it came in.
    async fn channel(&self) -> Channel {
        self.row.channel
    }
    /// The unit that received it, and that answers for it to the applicant. Null for drafts.
    async fn receiving_unit(&self, ctx: &Context<'_>) -> Option<Result<UnitObject, ApiError>> {
        self.unit(ctx, self.row.receiving_unit_id?).await.transpose()
    }
    /// The unit that works on it now. Null for drafts.
    async fn current_unit(&self, ctx: &Context<'_>) -> Option<Result<UnitObject, ApiError>> {
        self.unit(ctx, self.row.current_unit_id?).await.transpose()
    }
    /// Why an officer stated an earlier receipt, in her words. Null for beneficiaries and employers.
    async fn received_reason(&self, ctx: &Context<'_>) -> Option<Result<String, ApiError>> {
        view::received_reason(ctx.portal(), &self.row, &self.sight).await.map_err(ApiError::from).transpose()
    }
    /// Name of the applicant.
    async fn applicant_name(&self, ctx: &Context<'_>) -> Option<Result<String, ApiError>> {
        let name = self.cases.name(ctx.ctx(), self.row.applicant_person_id).await;
        Some(name.map(|name| name.map(|name| name.display().to_owned()).unwrap_or_default()).map_err(ApiError::from))
    }
    /// The applicant, if it is a person.
    async fn applicant_id(&self) -> Option<ID> {
        Some(ids::encode(self.row.applicant_person_id))
    }
    /// Level to which the applicant's identity must still be verified before the case can be approved. Null where she is
    /// known surely enough, and for beneficiaries and employers.
    async fn assurance_needed(&self, ctx: &Context<'_>) -> Option<Result<Assurance, ApiError>> {
        if !self.sight.papers() {
            return None;
        }
        let loaded = self.cases.loaded(ctx.ctx(), self.row.id).await;
        loaded.map(|loaded| loaded.and_then(Loaded::assurance_needed)).map_err(ApiError::from).transpose()
    }
    /// Members of the family for whom it is, besides the applicant. Null for beneficiaries and employers.
    async fn beneficiaries(&self, ctx: &Context<'_>) -> Option<Result<Vec<NamedPersonObject>, ApiError>> {
        if !self.sight.papers() {
            return None;
        }
        let found = self.cases.beneficiaries(ctx.ctx(), self.row.id).await;
        Some(found.map(|found| found.iter().map(|(id, name)| NamedPersonObject::of(*id, name)).collect()).map_err(ApiError::from))
    }
    /// Answers of the form, as given. An employer who is asked to confirm sees those about the employment; a beneficiary, and
    /// an employer who has confirmed, see none.
    async fn answers(&self, ctx: &Context<'_>) -> Option<Result<Json, ApiError>> {
        view::answers(ctx.portal(), &self.row, &self.sight).await.map(|answers| answers.map(Json)).map_err(ApiError::from).transpose()
    }
    /// Documents handed in, by key of the material. Null for beneficiaries and employers.
    async fn materials(&self, ctx: &Context<'_>) -> Option<Result<Vec<BoundMaterial>, ApiError>> {
        if !self.sight.papers() {
            return None;
        }
        let read = async {
            let version = catalogue::version(ctx.portal(), self.row.version_id).await?;
            let bound = self.cases.materials(ctx.ctx(), self.row.id).await?;
            let shown = |bound: &Bound| BoundMaterial::of(bound, version.content.material(&bound.row.material_key), ctx.language());
            Ok::<_, Fault>(bound.iter().map(shown).collect())
        };
        Some(read.await.map_err(ApiError::from))
    }
    /// Documents issued in the case: receipt, notice of acceptance, decision. Null for beneficiaries and employers.
    async fn documents(&self, ctx: &Context<'_>) -> Option<Result<Vec<CaseDocument>, ApiError>> {
        if !self.sight.papers() {
            return None;
        }
        let rows = self.cases.documents(ctx.ctx(), self.row.id).await;
        Some(rows.map(|rows| rows.iter().map(|opened| CaseDocument::of(opened, self.cases.clone(), ctx.language())).collect()).map_err(ApiError::from))
    }
    /// What was asked of the applicant, oldest first. Null for beneficiaries and employers.
    #[graphql(complexity = "5 + 3 * child_complexity")]
    async fn requests(&self, ctx: &Context<'_>) -> Option<Result<Vec<ApplicationRequest>, ApiError>> {
        if !self.sight.papers() {
            return None;
        }
        let read = async {
            let Some(loaded) = self.cases.loaded(ctx.ctx(), self.row.id).await? else { return Ok(None) };
            let items = self.cases.requested(ctx.ctx(), self.row.id).await?;
            Ok(Some(ApplicationRequest::of(loaded, items, ctx.language())))
        };
        nullable(read.await)
    }
    /// The special procedure (特别程序) that is going on; the limits stand meanwhile.
    async fn special_procedure(&self, ctx: &Context<'_>) -> Option<Result<RunningProcedure, ApiError>> {
        let loaded = self.cases.loaded(ctx.ctx(), self.row.id).await;
        nullable(loaded.map(|loaded| loaded.and_then(RunningProcedure::of)))
    }
    /// What came of longer limits (延长), where they were asked for. What nobody has decided yet is for staff of the case.
    async fn extension(&self, ctx: &Context<'_>) -> Option<Result<ApplicationExtension, ApiError>> {
        let loaded = self.cases.loaded(ctx.ctx(), self.row.id).await;
        let seen = |loaded: &Loaded| {
            let granted = matches!(loaded.case.extension, Some(ExtensionState::Granted { .. }));
            loaded.case.extension.filter(|_| granted || loaded.standing.staff()).map(ApplicationExtension::from)
        };
        nullable(loaded.map(|loaded| loaded.and_then(seen)))
    }
    /// Why it ended without a decision (终止).
    async fn termination_reason(&self) -> Option<TerminationReason> {
        self.row.termination_reason
    }
    /// How it stands against its limits, or stood when its clock stopped. Null for drafts.
    async fn punctuality(&self, ctx: &Context<'_>) -> Option<Result<Punctuality, ApiError>> {
        let loaded = self.cases.loaded(ctx.ctx(), self.row.id).await;
        nullable(loaded.map(|loaded| Some(loaded?.clock.as_ref()?.punctuality(ctx.portal().env.now()))))
    }
    /// What its clock did, oldest first: each start, stop and restart, in words. Null for drafts, beneficiaries and employers.
    #[graphql(complexity = "5 + 10 * child_complexity")]
    async fn clock(&self, ctx: &Context<'_>) -> Option<Result<Vec<ApplicationClockEntry>, ApiError>> {
        if !self.sight.papers() {
            return None;
        }
        let loaded = self.cases.loaded(ctx.ctx(), self.row.id).await;
        let entries = |loaded: &Loaded| view::clock(ctx.portal(), loaded).into_iter().map(|entry| ApplicationClockEntry::of(entry, ctx.language())).collect();
        nullable(loaded.map(|loaded| loaded.map(entries)))
    }
    /// JSON pointers of the answers that may be corrected on the spot (当场更正). For staff of the case alone.
    async fn correctable(&self, ctx: &Context<'_>) -> Option<Result<Vec<String>, ApiError>> {
        let loaded = self.cases.loaded(ctx.ctx(), self.row.id).await;
        let pointers = |loaded: &Loaded| {
            let free = loaded.version.form.elements().map(|(pointer, _)| pointer).filter(|pointer| loaded.version.is_correctable(pointer));
            loaded.standing.staff().then(|| free.map(str::to_owned).collect())
        };
        nullable(loaded.map(|loaded| loaded.and_then(pointers)))
    }
    /// What has happened, oldest first.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<ApplicationEvent>, ApiError>> {
        let party = self.sight.papers();
        let shown = |seen: SeenEvent| ApplicationEvent { mandate_id: seen.row.mandate_id.filter(|_| party).map(ids::encode), ..ApplicationEvent::from(&seen) };
        let read = async {
            let request = connection::request(ctx, first, after.as_deref(), view::EVENT_ORDER, 1)?;
            let rows = self.cases.events(ctx.ctx(), self.row.id, &request).await?;
            let page = Page::cut(rows, &request, view::EVENT_ORDER, |seen| vec![seen.row.seq.to_string()]);
            // Events are numbered without a gap.
            let page = page.counted(&request, async { Ok::<_, Fault>(self.row.last_seq.unsigned_abs()) }).await?;
            Ok(connection::of(page, shown))
        };
        Some(read.await)
    }
    /// What the viewer may do now. An action that is barred says why.
    #[graphql(complexity = "20 + child_complexity")]
    async fn available_actions(&self, ctx: &Context<'_>) -> Option<Result<Vec<ApplicationAvailableAction>, ApiError>> {
        let language = ctx.language();
        let action = |a: Available| ApplicationAvailableAction {
            action: a.action,
            allowed: a.reason.is_none(),
            reason: a.reason,
            message: a.reason.map(|code| message(language, code.code(), &[])),
        };
        let loaded = self.cases.loaded(ctx.ctx(), self.row.id).await;
        let available = loaded.and_then(|loaded| Ok(view::available(ctx.portal(), ctx.actor(), loaded.ok_or(Fault::NotFound)?)));
        Some(available.map(|all| all.into_iter().map(action).collect()).map_err(ApiError::from))
    }
}

impl Application {
    async fn unit(&self, ctx: &Context<'_>, id: UnitId) -> Result<Option<UnitObject>, ApiError> {
        Ok(self.cases.unit(ctx.ctx(), id).await?.map(|unit| UnitObject::of(unit.clone(), ctx.language())))
    }
}

/// A step of the review.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "ApplicationStep")]
pub struct Step {
    /// Key, as `completeStep` wants it.
    pub key: String,
    /// Name.
    pub name: LocalizedText,
    /// Kind.
    pub kind: StepKindCode,
    /// Role that may finish it.
    pub role: Role,
}

/// A document version bound to a case.
#[derive(SimpleObject, Clone, Debug)]
pub struct BoundMaterial {
    /// Key of the material.
    pub key: String,
    /// Name of the material under the version of the item; null where a draft was saved under another that had it.
    pub name: Option<LocalizedText>,
    /// The document version, where the basis is one. For staff `createCaseDownload` opens it, for its owner `createDownload`.
    pub document_version: Option<DocumentVersion>,
    /// What stands for the material.
    pub basis: MaterialBasis,
    /// When an officer compared the original.
    pub original_seen_at: Option<Instant>,
}

impl BoundMaterial {
    fn of(bound: &Bound, material: Option<&Material>, language: Language) -> Self {
        Self {
            key: bound.row.material_key.clone(),
            name: material.map(|material| LocalizedText::of(&material.name, language)),
            document_version: bound.document.clone().map(DocumentVersion::from),
            basis: bound.row.basis,
            original_seen_at: bound.row.original_seen_at.map(Instant),
        }
    }
}

/// Something that happened to a case.
#[derive(SimpleObject, Clone, Debug)]
pub struct ApplicationEvent {
    /// Number in the case, from 1.
    pub seq: i64,
    /// Kind.
    pub kind: EventKind,
    /// When.
    pub at: Instant,
    /// The role of who did it; null for the clock.
    pub by_role: Option<Role>,
    /// The mandate under which it was done for the applicant, if it was. Null for beneficiaries and employers.
    pub mandate_id: Option<ID>,
    /// The step that was finished. For staff of the case alone, like outcome and reason.
    pub step_key: Option<String>,
    /// Its outcome.
    pub outcome: Option<StepOutcome>,
    /// What who did it says of it, where she does.
    pub reason: Option<String>,
    /// The mark that the clock passed. For staff of the case alone.
    pub mark: Option<ClockMark>,
    /// The role that is told of the mark: a warning to whoever reviews, a promise that passed (黄牌) to the supervisor, a statute
    /// that passed (红牌) to the approver.
    pub escalated_to: Option<Role>,
}

impl From<&SeenEvent> for ApplicationEvent {
    fn from(seen: &SeenEvent) -> Self {
        let SeenEvent { row, step, mark, reason } = seen;
        let (step_key, outcome) = step.clone().unzip();
        Self {
            seq: row.seq,
            kind: row.kind,
            at: Instant(row.at),
            by_role: row.actor_role,
            mandate_id: None,
            step_key,
            outcome,
            reason: reason.clone(),
            mark: *mark,
            escalated_to: mark.and_then(ClockMark::escalates_to),
        }
    }
}

/// A numbered document of a case (文书). It never changes; `jws` is its signed form (EdDSA, keys at `/.well-known/jwks.json`).
/// Once the data of its person are erased, number, kind and instant are left: all else is null.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct CaseDocument {
    #[graphql(skip)]
    cases: Arc<Cases>,
    #[graphql(skip)]
    document: CaseDocumentId,
    /// Global id.
    pub id: ID,
    /// Kind.
    pub kind: DocumentKind,
    /// Number.
    pub number: String,
    /// When it was issued.
    pub issued_at: Instant,
    /// Number of the case.
    pub case_number: Option<String>,
    /// Name of the item.
    pub item_name: Option<LocalizedText>,
    /// Name of the applicant.
    pub applicant_name: Option<String>,
    /// When the case was received.
    pub received_at: Option<Instant>,
    /// Name of the unit that issued it.
    pub unit_name: Option<LocalizedText>,
    /// Names of the materials that were received; empty but on a receipt.
    pub materials: Option<Vec<LocalizedText>>,
    /// Until when it is accepted, supplemented or refused, on the receipt; afterwards it counts as accepted. Like every limit
    /// the first instant after the last day at UTC+8.
    pub acceptance_due_at: Option<Instant>,
    /// Until when the decision is promised. Limits run from acceptance, so that the receipt has none.
    pub promised_due_at: Option<Instant>,
    /// Until when the law wants the decision.
    pub statutory_due_at: Option<Instant>,
    /// Whether these dates may still move with the official calendar.
    pub provisional: Option<bool>,
    /// The reason, in the words of the officer.
    pub reason: Option<String>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// What the approval gives, for example the number of a card.
    pub given: Option<Vec<CaseDocumentEntry>>,
    /// What the applicant is asked for; empty but on a notice that asks.
    pub asked: Option<Vec<CaseDocumentRequest>>,
    /// Until when she hands it in, on a notice of what is missing; afterwards the case ends.
    pub answer_due_at: Option<Instant>,
    /// The special procedure that a notice is about.
    pub special_procedure: Option<Procedure>,
    /// Working days: those that a special procedure takes at most, or by which the limits became longer.
    pub days: Option<i32>,
    /// Why the case ended without a decision.
    pub termination_reason: Option<TerminationReason>,
    /// On what it rests.
    pub legal_basis: Option<Vec<LegalBasis>>,
    /// How to ask for reconsideration (行政复议), on decisions and refusals.
    pub reconsideration: Option<LocalizedText>,
    /// How to go to court (行政诉讼), on decisions and refusals.
    pub litigation: Option<LocalizedText>,
    /// The document as compact JWS.
    pub jws: Option<String>,
}

/// One thing that an approval gives.
#[derive(SimpleObject, Clone, Debug)]
pub struct CaseDocumentEntry {
    /// What it is.
    pub name: LocalizedText,
    /// Its value: a number, a date (`2026-01-05`), a name.
    pub value: LocalizedText,
}

/// Something that a notice asks for.
#[derive(SimpleObject, Clone, Debug)]
pub struct CaseDocumentRequest {
    /// Name of the material, or title of the question.
    pub name: LocalizedText,
    /// Why, in the words of the officer.
    pub reason: String,
}

/// How a case document reached whom it is for (送达).
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct CaseDocumentDelivery {
    #[graphql(skip)]
    recipient: Option<PersonId>,
    /// How.
    pub channel: DeliveryChannel,
    /// When.
    pub delivered_at: Instant,
}

#[ComplexObject]
impl CaseDocumentDelivery {
    /// Whom it reached, where that is a person.
    async fn recipient(&self, ctx: &Context<'_>) -> Option<Result<NamedPersonObject, ApiError>> {
        named(ctx, self.recipient?).await
    }
}

#[ComplexObject]
impl CaseDocument {
    /// The latest delivery that was recorded; null where none was.
    async fn delivery(&self, ctx: &Context<'_>) -> Option<Result<CaseDocumentDelivery, ApiError>> {
        let found = self.cases.delivery(ctx.ctx(), self.document).await;
        let shown = |row: &Delivery| CaseDocumentDelivery { recipient: row.recipient, channel: row.channel, delivered_at: Instant(row.delivered_at) };
        nullable(found.map(|found| found.map(shown)))
    }
}

impl CaseDocument {
    /// The document for a reader of `language`; the wording that was signed is in `jws`.
    fn of(opened: &Opened, cases: Arc<Cases>, language: Language) -> Self {
        let Opened { row, sealed } = opened;
        let text = |text: &Text| LocalizedText::of(text, language);
        let content = sealed.as_ref().map(|(content, _)| content);
        let asked = |asked: &Asked| CaseDocumentRequest { name: text(&asked.name), reason: asked.reason.clone() };
        let entry = |given: &Given| CaseDocumentEntry { name: text(&given.name), value: text(&given.value) };
        Self {
            cases,
            document: row.id,
            id: ids::encode(row.id),
            kind: row.kind,
            number: row.number.clone(),
            issued_at: Instant(row.issued_at),
            case_number: content.map(|c| c.case_number.clone()),
            item_name: content.map(|c| text(&c.item)),
            applicant_name: content.map(|c| c.applicant.clone()),
            received_at: content.map(|c| c.received_at).map(Instant),
            acceptance_due_at: content.and_then(|c| c.acceptance_due_at).map(Instant),
            unit_name: content.and_then(|c| c.unit_name.as_ref()).map(text),
            materials: content.map(|c| c.materials.iter().map(text).collect()),
            promised_due_at: content.and_then(|c| c.promised_due_at).map(Instant),
            statutory_due_at: content.and_then(|c| c.statutory_due_at).map(Instant),
            provisional: content.map(|c| c.provisional),
            reason: content.and_then(|c| c.reason.clone()),
            decision: content.and_then(|c| c.decision),
            given: content.map(|c| c.given.iter().map(entry).collect()),
            asked: content.map(|c| c.asked.iter().map(asked).collect()),
            answer_due_at: content.and_then(|c| c.answer_due_at).map(Instant),
            special_procedure: content.and_then(|c| c.procedure),
            days: content.and_then(|c| i32::try_from(c.days?).ok()),
            termination_reason: content.and_then(|c| c.termination),
            legal_basis: content.map(|c| c.legal_basis.iter().map(LegalBasis::from).collect()),
            reconsideration: content.and_then(|c| c.reconsideration.as_ref()).map(text),
            litigation: content.and_then(|c| c.litigation.as_ref()).map(text),
            jws: sealed.as_ref().map(|(_, jws)| jws.clone()),
        }
    }
}

/// An action with the reason why it is barred, if it is.
#[derive(SimpleObject, Clone, Debug)]
pub struct ApplicationAvailableAction {
    /// The action.
    pub action: Action,
    /// Whether it may be done now.
    pub allowed: bool,
    /// Why not.
    pub reason: Option<Code>,
    /// Why not, in the reader's language.
    pub message: Option<String>,
}

/// An order: a cart, or what became of it.
#[derive(Clone, Debug)]
pub struct Order {
    row: OrderRow,
    orders: Arc<Orders>,
}

impl Order {
    /// An order that the viewer may see.
    pub fn of(seen: SeenOrder) -> Self {
        Self { row: seen.row.clone(), orders: Orders::of(vec![seen]) }
    }

    /// Orders beside each other in one answer.
    pub fn beside(seen: Vec<SeenOrder>) -> Vec<Self> {
        let orders = Orders::of(seen.clone());
        seen.into_iter().map(|seen| Self { row: seen.row, orders: orders.clone() }).collect()
    }
}

/// An order: a cart, or what became of it.
#[Object]
impl Order {
    /// Global id.
    pub async fn id(&self) -> ID {
        ids::encode(self.row.id)
    }
    /// Version: send it back as `expectedVersion`.
    async fn version(&self) -> i64 {
        self.row.version
    }
    /// Who applies: the viewer herself, or the person for whom she filled it.
    async fn applicant(&self, ctx: &Context<'_>) -> Option<Result<NamedPersonObject, ApiError>> {
        named(ctx, self.row.applicant_person_id).await
    }
    /// The mandate under which an agent filled it for the applicant.
    async fn mandate_id(&self) -> Option<ID> {
        self.row.mandate_id.map(ids::encode)
    }
    /// How it comes in.
    async fn channel(&self) -> Channel {
        self.row.channel
    }
    /// Cart or submitted.
    async fn state(&self) -> OrderState {
        self.row.state
    }
    /// When it was made.
    async fn created_at(&self) -> Instant {
        Instant(self.row.created_at)
    }
    /// When it was handed in.
    async fn submitted_at(&self) -> Option<Instant> {
        self.row.submitted_at.map(Instant)
    }
    /// Its lines: drafts in a cart, cases once it is handed in. Of an order that the viewer filled for another, those that she
    /// may see.
    #[graphql(complexity = "5 * child_complexity")]
    async fn applications(&self, ctx: &Context<'_>) -> Option<Result<Vec<Application>, ApiError>> {
        Some(self.orders.lines(ctx.ctx(), self.row.id).await.map_err(ApiError::from))
    }
}

/// A row of a work queue, with all that a list shows.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(complex)]
pub struct QueueEntry {
    #[graphql(skip)]
    case: ApplicationId,
    #[graphql(skip)]
    beside: Arc<Queued>,
    /// The case.
    pub application_id: ID,
    /// Number of the case.
    pub number: String,
    /// The item.
    pub item_id: ID,
    /// Name of the item.
    pub item_name: LocalizedText,
    /// Name of the applicant; null where none is told.
    pub applicant_name: Option<String>,
    /// State that holds now.
    pub state: State,
    /// Key of the step that is due; null before acceptance and once it is to be decided.
    pub step_key: Option<String>,
    /// Name of the step that is due.
    pub step_name: Option<LocalizedText>,
    /// Who claimed it.
    pub claimed_by_id: Option<ID>,
    /// Her name.
    pub claimed_by_name: Option<String>,
    /// Version of the case.
    pub version: i64,
    /// When it was received.
    pub received_at: Instant,
    /// What is due next; null where nothing is.
    pub due_at: Option<Instant>,
    /// Promised limit.
    pub promised_due_at: Option<Instant>,
    /// Statutory limit.
    pub statutory_due_at: Option<Instant>,
    /// From when on the limit counts as nearly passed.
    pub near_breach_at: Option<Instant>,
    /// Whether the dates may still move with the official calendar.
    pub provisional: bool,
}

impl QueueEntry {
    /// The rows of a page for their reader.
    pub fn page(queue: Queue, language: Language) -> Pages<Self> {
        let Queue { page, versions } = queue;
        let beside = Arc::new(Queued::of(page.edges.iter().map(|(_, row)| row.id).collect()));
        connection::of(page, |row| Self::of(row, &beside, &versions, language))
    }

    fn of(row: QueueRow, beside: &Arc<Queued>, versions: &HashMap<ItemVersionId, Arc<CompiledVersion>>, language: Language) -> Self {
        let step = row.step_key.as_deref().and_then(|key| versions.get(&row.pinned)?.content.step(key));
        Self {
            case: row.id,
            beside: beside.clone(),
            step_name: step.map(|step| LocalizedText::of(&step.name, language)),
            claimed_by_name: row.claimed_by_name,
            application_id: ids::encode(row.id),
            number: row.number,
            item_id: ids::encode(row.item),
            item_name: LocalizedText::of(&row.item_name, language),
            applicant_name: row.name_zh.or(row.name_latin),
            state: row.state,
            step_key: row.step_key,
            claimed_by_id: row.claimed_by.map(ids::encode),
            version: row.version,
            received_at: Instant(row.received_at),
            due_at: (row.due_at != never()).then_some(Instant(row.due_at)),
            promised_due_at: row.promised_due_at.map(Instant),
            statutory_due_at: row.statutory_due_at.map(Instant),
            near_breach_at: row.near_breach_at.map(Instant),
            provisional: row.provisional,
        }
    }
}

#[ComplexObject]
impl QueueEntry {
    /// The case. A list shows what the entry itself says; all cases of a page are read together.
    #[graphql(complexity = "5 + child_complexity")]
    async fn application(&self, ctx: &Context<'_>) -> Option<Result<Application, ApiError>> {
        nullable(self.beside.case(ctx.ctx(), self.case).await)
    }
}

/// Result of saving a cart.
#[derive(SimpleObject, Clone, Debug)]
pub struct SaveCartPayload {
    /// The cart.
    pub order: Option<Order>,
    /// Why not.
    pub user_errors: Vec<UserError>,
}

/// Result of handing a cart in.
#[derive(SimpleObject, Clone, Debug)]
pub struct SubmitCartPayload {
    /// The order; its lines are cases now.
    pub order: Option<Order>,
    /// Why not, each with the line that it is about.
    pub user_errors: Vec<UserError>,
}

payloads! {
    /// Result of claiming a case.
    ClaimApplicationPayload,
    /// Result of giving a case back.
    ReleaseApplicationPayload,
    /// Result of accepting a case.
    AcceptApplicationPayload,
    /// Result of refusing acceptance.
    RefuseAcceptancePayload,
    /// Result of finishing a step.
    CompleteStepPayload,
    /// Result of deciding a case.
    DecideApplicationPayload,
    /// Result of recording a delivery.
    RecordDeliveryPayload,
    /// Result of marking that an original was seen.
    MarkOriginalSeenPayload,
    /// Result of withdrawing a case.
    WithdrawApplicationPayload,
}

/// Result of asking for a link to a paper of a case.
#[derive(SimpleObject, Debug)]
pub struct CreateCaseDownloadPayload {
    /// The link; null where the rules say no.
    pub download: Option<Download>,
    /// Why not.
    pub user_errors: Vec<UserError>,
}
