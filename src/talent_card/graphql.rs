//! Talent cards, for the API.

pub mod life;

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, OneofObject, SimpleObject};

use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt as _;
use crate::api::error::{ApiError, UserError, nullable, payload};
use crate::api::ids::{decode, decode_option, encode};
use crate::api::messages::message;
use crate::api::scalars::{Date, Instant};
use crate::api::text::LocalizedText;
use crate::kernel::code::Verification;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{BodyId, UnitId};
use crate::kernel::text::{Language, Origin, Text};
use crate::organisation::graphql::{BodyObject, RegionObject, UnitObject, body_of, unit_of};
use crate::person::model::document::IdentityDocumentKind;
use crate::talent_card::graphql::life::{CardDecision, CardEvent};
use crate::talent_card::model::card::{CardStatus, IssuedNumber, NumberEnd};
use crate::talent_card::model::check::{Check, CheckAnswer, CheckMeans, CheckPurpose, Counter};
use crate::talent_card::model::ledger::{Balance, Use};
use crate::talent_card::model::product::{Beneficiary, Benefit, BenefitArea, CarryOver, Grade, Offer, ProductLevel, SubCards, UnitOfCount};
use crate::talent_card::service::check::{self, CheckResult, RecordUse, Shown};
use crate::talent_card::service::life as life_service;
use crate::talent_card::service::view::{self, CHECK_ORDER, CardView};

crate::api_enum!(CardStatus, "CardStatus", "Standing of a card today.");
crate::api_enum!(NumberEnd, "CardNumberEnd", "Why a card number is no longer good.");
crate::api_enum!(CheckAnswer, "CardCheckAnswer", "What a check of a card answers.");
crate::api_enum!(CheckMeans, "CardCheckMeans", "How a card was shown to the counter.");
crate::api_enum!(CheckPurpose, "CardCheckPurpose", "For what a counter checks a card. What is answered depends on it.");
crate::api_enum!(Beneficiary, "BeneficiaryRelation", "Who a benefit is for, seen from the holder of the principal card.");
crate::api_enum!(BenefitArea, "BenefitArea", "Area of a benefit. A working list of the portal, not an official one.");
crate::api_enum!(CarryOver, "CarryOver", "What becomes of what is left of a year's quota.");
crate::api_enum!(UnitOfCount, "UnitOfCount", "What one unit of a benefit is.");
crate::api_enum!(ProductLevel, "CardProductLevel", "Who issues a card product.");
crate::api_enum!(SubCards, "SubCardPolicy", "Whether family members get cards of their own.");

/// A grade of a card product.
#[derive(SimpleObject, Clone, Debug)]
pub struct CardGrade {
    /// One digit or capital letter, for example `A`.
    pub code: String,
    /// Name.
    pub title: LocalizedText,
    /// How far it may be relied on.
    pub verification: Verification,
}

impl CardGrade {
    fn of(grade: &Grade, language: Language) -> Self {
        Self { code: grade.code.clone(), title: LocalizedText::of(&grade.title, language), verification: grade.verification }
    }
}

/// A benefit of a card product version, for one grade and one kind of beneficiary.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "CardBenefit", complex)]
pub struct BenefitObject {
    /// Global id, for `recordBenefitUse`.
    pub id: ID,
    /// Area.
    pub area: BenefitArea,
    /// Code of the grade that gives it; one of `grades` of the version.
    pub grade_code: String,
    /// For whom.
    pub relation: Beneficiary,
    /// Where, GB/T 2260; `null` is the whole province.
    pub region_code: Option<String>,
    /// Title.
    pub title: LocalizedText,
    /// What it gives.
    pub description: LocalizedText,
    /// Who delivers it.
    pub authority: LocalizedText,
    /// Units a year; `null` is unlimited.
    pub yearly_quota: Option<i64>,
    /// What one unit is.
    pub unit_of_count: UnitOfCount,
    /// What becomes of the rest of a year.
    pub carry_over: CarryOver,
    /// How surely the area is a benefit of the card under its legal basis.
    pub area_verification: Verification,
    /// How surely it is given so: to whom, by whom, how much.
    pub verification: Verification,
    /// Where it was read.
    pub source: String,
}

/// A benefit as somebody has it: what it gives, and what was used of it.
#[derive(SimpleObject, Clone, Debug)]
pub struct HeldBenefit {
    /// The benefit. It belongs to the product version and is the same for all cards of its grade.
    pub benefit: BenefitObject,
    /// What was used of it this year on this card, one entry per beneficiary who used any.
    pub balances: Vec<BenefitBalance>,
}

impl HeldBenefit {
    fn of<'a>(benefit: &Benefit, balances: impl Iterator<Item = &'a Balance>, language: Language) -> Self {
        let balances = balances.filter(|balance| balance.key.benefit == benefit.id).map(Into::into).collect();
        Self { benefit: BenefitObject::of(benefit, language), balances }
    }
}

/// What a beneficiary used of a benefit in a year.
#[derive(SimpleObject, Clone, Debug)]
pub struct BenefitBalance {
    /// Global id of the benefit.
    pub benefit_id: ID,
    /// Global id of the person who had it.
    pub beneficiary_id: ID,
    /// Year at UTC+8.
    pub year: i32,
    /// Units of the year; `null` is unlimited.
    pub quota: Option<i64>,
    /// Units used.
    pub used: i64,
    /// Units left; `null` is unlimited.
    pub remaining: Option<i64>,
}

impl From<&Balance> for BenefitBalance {
    fn from(b: &Balance) -> Self {
        Self {
            benefit_id: encode(b.key.benefit),
            beneficiary_id: encode(b.key.beneficiary),
            year: b.key.year,
            quota: b.quota,
            used: b.used,
            remaining: b.remaining(),
        }
    }
}

#[ComplexObject]
impl BenefitObject {
    /// Where; `null` is the whole province.
    async fn region(&self, ctx: &Context<'_>) -> Option<RegionObject> {
        RegionObject::by_code(self.region_code.as_deref()?, ctx.language())
    }
}

impl BenefitObject {
    fn of(b: &Benefit, language: Language) -> Self {
        Self {
            id: encode(b.id),
            area: b.area,
            grade_code: b.grade.clone(),
            relation: b.beneficiary,
            region_code: b.region_code.clone(),
            title: LocalizedText::of(&b.title, language),
            description: LocalizedText::of(&b.description, language),
            authority: LocalizedText::of(&b.authority, language),
            yearly_quota: b.yearly_quota,
            unit_of_count: b.unit_of_count,
            carry_over: b.carry_over,
            area_verification: b.area_verification,
            verification: b.verification,
            source: b.source.clone(),
        }
    }
}

/// A card product (卡种).
#[derive(Clone, Debug)]
pub struct CardProduct {
    /// Any of its versions: each holds the product.
    offer: Arc<Offer>,
    /// Its versions, where they were read with it.
    versions: Option<Vec<Arc<Offer>>>,
}

/// A card product (卡种).
#[Object]
impl CardProduct {
    /// Global id.
    pub async fn id(&self) -> ID {
        encode(self.offer.product.id)
    }
    /// Stable code, for example `GUANGDONG_TALENT_CARD`.
    async fn code(&self) -> &str {
        &self.offer.product.code
    }
    /// Name.
    async fn name(&self, ctx: &Context<'_>) -> LocalizedText {
        LocalizedText::of(&self.offer.product.name, ctx.language())
    }
    /// Who issues it.
    async fn level(&self) -> ProductLevel {
        self.offer.product.level
    }
    /// Region of the issuer, GB/T 2260.
    async fn region_code(&self) -> &str {
        &self.offer.product.region_code
    }
    /// Region of the issuer.
    async fn region(&self, ctx: &Context<'_>) -> Option<RegionObject> {
        RegionObject::by_code(&self.offer.product.region_code, ctx.language())
    }
    /// The issuing body, where it was read.
    async fn issuer(&self, ctx: &Context<'_>) -> Option<LocalizedText> {
        self.offer.product.issuer.as_ref().map(|text| LocalizedText::of(text, ctx.language()))
    }
    /// Whether family members get cards of their own.
    async fn sub_cards(&self) -> SubCards {
        self.offer.product.sub_cards
    }
    /// How far the product itself may be relied on; each version says so for itself.
    async fn verification(&self) -> Verification {
        self.offer.product.verification
    }
    /// Where the product itself was read.
    async fn source(&self) -> &str {
        &self.offer.product.source
    }
    /// Its versions, oldest first.
    #[graphql(complexity = "3 * child_complexity")]
    async fn versions(&self, ctx: &Context<'_>) -> Option<Result<Vec<CardProductVersion>, ApiError>> {
        let read = match &self.versions {
            Some(read) => Ok(read.clone()),
            None => view::versions_of(ctx.portal(), self.offer.product.id).await,
        };
        nullable(read.map(|versions| Some(versions.into_iter().map(CardProductVersion).collect())))
    }
}

/// A version of a card product under one legal basis. It never changes.
#[derive(Clone, Debug)]
pub struct CardProductVersion(Arc<Offer>);

/// A version of a card product under one legal basis. It never changes.
#[Object]
impl CardProductVersion {
    /// Global id.
    pub async fn id(&self) -> ID {
        encode(self.0.version.id)
    }
    /// The product that it is a version of.
    async fn product(&self) -> CardProduct {
        CardProduct { offer: self.0.clone(), versions: None }
    }
    /// Number of the version, from 1.
    async fn number(&self) -> i32 {
        self.0.version.number
    }
    /// Legal basis, where it was read.
    async fn legal_basis(&self, ctx: &Context<'_>) -> Option<LocalizedText> {
        self.0.version.legal_basis.as_ref().map(|text| LocalizedText::of(text, ctx.language()))
    }
    /// First day; `null` where unknown.
    async fn in_force_from(&self) -> Option<Date> {
        self.0.version.effective_from.map(Date)
    }
    /// Last day; `null` where open or unknown.
    async fn in_force_to(&self) -> Option<Date> {
        self.0.version.effective_to.map(Date)
    }
    /// Longest validity of a card in years; `null` where the rules are not known, and then none is issued here.
    async fn max_years(&self) -> Option<u32> {
        self.0.version.max_years
    }
    /// Grades.
    async fn grades(&self, ctx: &Context<'_>) -> Vec<CardGrade> {
        let language = ctx.language();
        self.0.version.grades.iter().map(|grade| CardGrade::of(grade, language)).collect()
    }
    /// Benefits of every grade.
    async fn benefits(&self, ctx: &Context<'_>) -> Vec<BenefitObject> {
        self.0.benefits.iter().map(|b| BenefitObject::of(b, ctx.language())).collect()
    }
    /// How far the version may be relied on.
    async fn verification(&self) -> Verification {
        self.0.version.verification
    }
    /// Where it was read.
    async fn source(&self) -> &str {
        &self.0.version.source
    }
}

/// A number of a card.
#[derive(SimpleObject, Clone, Debug)]
pub struct CardNumber {
    /// The number; its last character is a check character (ISO 7064 MOD 37,36).
    pub value: String,
    /// Since when it is good.
    pub issued_at: Instant,
    /// Until when it was good; `null` for the number that is good now.
    pub ended_at: Option<Instant>,
    /// Why it ended.
    pub end_reason: Option<NumberEnd>,
}

impl From<&IssuedNumber> for CardNumber {
    fn from(n: &IssuedNumber) -> Self {
        Self { value: n.number.clone(), issued_at: Instant(n.issued_at), ended_at: n.ended_at.map(Instant), end_reason: n.end_reason }
    }
}

/// A talent card: the entitlement of its holder. Visible to the holder only.
#[derive(Clone, Debug)]
pub struct TalentCard(pub CardView);

/// A talent card: the entitlement of its holder. Visible to the holder only.
#[Object]
impl TalentCard {
    /// Global id.
    pub async fn id(&self) -> ID {
        encode(self.0.card.id)
    }
    /// The product version that it was issued under.
    async fn product_version(&self) -> CardProductVersion {
        CardProductVersion(self.0.offer.clone())
    }
    /// Grade.
    #[expect(clippy::unused_async, reason = "a resolver is one")]
    async fn grade(&self, ctx: &Context<'_>) -> Result<CardGrade, ApiError> {
        Ok(CardGrade::of(view::grade_of(&self.0.offer, &self.0.card.grade)?, ctx.language()))
    }
    /// Who the holder is to the principal card: HOLDER on a principal card.
    async fn relation(&self) -> Beneficiary {
        self.0.card.beneficiary
    }
    /// Global id of the principal card, of a sub-card.
    async fn principal_card_id(&self) -> Option<ID> {
        self.0.card.principal.map(encode)
    }
    /// Standing today.
    async fn status(&self, ctx: &Context<'_>) -> CardStatus {
        self.0.card.status_on(ctx.portal().env.today())
    }
    /// First day.
    async fn valid_from(&self) -> Date {
        Date(self.0.card.valid_from)
    }
    /// Last day.
    async fn valid_until(&self) -> Date {
        Date(self.0.card.valid_to)
    }
    /// When it was issued.
    async fn issued_at(&self) -> Instant {
        Instant(self.0.card.issued_at)
    }
    /// Version of the card, raised by each change.
    async fn version(&self) -> i64 {
        self.0.card.version
    }
    /// The number that is good now.
    async fn current_number(&self) -> Option<CardNumber> {
        self.0.card.number().map(Into::into)
    }
    /// All its numbers, oldest first.
    async fn numbers(&self) -> Vec<CardNumber> {
        self.0.card.numbers.iter().map(Into::into).collect()
    }
    /// Whether it was reported lost and has no other number yet.
    async fn lost(&self) -> bool {
        self.0.card.is_lost()
    }
    /// What happened to it, oldest first.
    async fn events(&self, ctx: &Context<'_>) -> Option<Result<Vec<CardEvent>, ApiError>> {
        let events = life_service::events(ctx.portal(), ctx.actor(), self.0.card.id).await;
        nullable(events.map(|events| Some(events.into_iter().map(|(kind, at)| CardEvent { kind, at: Instant(at) }).collect())))
    }
    /// The decisions on it after it was issued, oldest first.
    async fn decisions(&self, ctx: &Context<'_>) -> Option<Result<Vec<CardDecision>, ApiError>> {
        let decisions = life_service::decisions(ctx.portal(), ctx.actor(), self.0.card.id).await;
        nullable(decisions.map(|decisions| Some(decisions.iter().map(|decided| CardDecision::of(decided, ctx.language())).collect())))
    }
    /// What the card gives, with this year's balances.
    async fn benefits(&self, ctx: &Context<'_>) -> Vec<HeldBenefit> {
        let card = &self.0.card;
        let own = (card.beneficiary != Beneficiary::Holder).then_some(card.beneficiary);
        self.0.offer.benefits_of(&card.grade, own).map(|b| HeldBenefit::of(b, self.0.balances.iter(), ctx.language())).collect()
    }
    /// Who checked the card, newest first: where, when and for what.
    #[graphql(complexity = "usize::try_from(first.unwrap_or(20)).unwrap_or(0) * child_complexity")]
    async fn checks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<CardCheck>, ApiError>> {
        let page = async {
            let request = connection::request(ctx, first, after.as_deref(), CHECK_ORDER, 1)?;
            let checks = view::checks(ctx.portal(), ctx.actor(), self.0.card.id, &request).await?;
            Ok(Some(connection::of(checks, |(check, place)| CardCheck::of(&check, place.as_ref(), ctx.language()))))
        };
        nullable(page.await)
    }
}

/// A check of a card.
#[derive(SimpleObject, Clone, Debug)]
pub struct CardCheck {
    /// Global id, for `recordBenefitUse`.
    pub id: ID,
    /// The unit whose counter checked.
    pub unit_id: Option<ID>,
    /// The body whose counter checked, where it is none of the government's units.
    pub body_id: Option<ID>,
    /// Name of the unit or body.
    pub counter_name: Option<LocalizedText>,
    /// For what.
    pub purpose: CheckPurpose,
    /// For what, in the reader's words.
    pub purpose_text: LocalizedText,
    /// How the card was shown.
    pub means: CheckMeans,
    /// When.
    pub checked_at: Instant,
    /// Until when the counter may record uses under it.
    pub valid_until: Instant,
    /// What was answered.
    pub answer: CheckAnswer,
    /// Of an offline check, the date of the status list that it went by.
    pub status_as_of: Option<Instant>,
}

impl CardCheck {
    fn of(c: &Check, place: Option<&Text>, language: Language) -> Self {
        Self {
            id: encode(c.id),
            unit_id: c.counter.unit().map(encode),
            body_id: c.counter.body().map(encode),
            counter_name: place.map(|name| LocalizedText::of(name, language)),
            purpose: c.purpose,
            purpose_text: LocalizedText {
                value: message(language, &format!("CARD_CHECK_PURPOSE_{}", c.purpose.code()), &[]),
                language: language.into(),
                origin: Origin::Human,
            },
            means: c.via,
            checked_at: Instant(c.at),
            valid_until: Instant(c.valid_until),
            answer: c.answer,
            status_as_of: c.list_at.map(Instant),
        }
    }
}

/// Queries about cards.
#[derive(Debug, Default)]
pub struct TalentCardQuery;

/// Queries about cards.
#[Object]
impl TalentCardQuery {
    /// The caller's cards, oldest first.
    async fn my_cards(&self, ctx: &Context<'_>) -> Option<Result<Vec<TalentCard>, ApiError>> {
        let cards = view::my_cards(ctx.portal(), ctx.actor()).await;
        nullable(cards.map(|c| Some(c.into_iter().map(TalentCard).collect())))
    }

    /// A card of the caller.
    async fn card(&self, ctx: &Context<'_>, #[graphql(desc = "Id of the card.")] id: ID) -> Option<Result<TalentCard, ApiError>> {
        let id = match decode(&id, "id") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        Some(view::card(ctx.portal(), ctx.actor(), id).await.map(TalentCard).map_err(ApiError::from))
    }

    /// Every card product. Open to everybody; look at `verification` before relying on a row.
    #[graphql(complexity = "5 * child_complexity")]
    async fn card_products(&self, ctx: &Context<'_>) -> Option<Result<Vec<CardProduct>, ApiError>> {
        let products = view::products(ctx.portal()).await;
        let product = |versions: Vec<Arc<Offer>>| Some(CardProduct { offer: versions.first()?.clone(), versions: Some(versions) });
        nullable(products.map(|p| Some(p.into_iter().filter_map(product).collect())))
    }
}

/// The card to make a token for.
#[derive(InputObject, Debug)]
pub struct CreateCardTokenInput {
    /// Global id of a card of the caller.
    pub card_id: ID,
}

/// A token, to be shown as a QR code.
#[derive(SimpleObject, Debug)]
pub struct CardToken {
    /// Compact JWS (EdDSA); the key id in its header is in `/.well-known/jwks.json`. It can be used once. Its claim
    /// `status.status_list` says where and at which place the standing of the card is read offline (IETF Token Status List).
    pub token: String,
    /// From when on it is no good: 60 seconds after it was made.
    pub expires_at: Instant,
}

/// What `createCardToken` answers.
#[derive(SimpleObject, Debug)]
pub struct CreateCardTokenPayload {
    /// The token.
    pub card_token: Option<CardToken>,
    /// Why it was not made.
    pub user_errors: Vec<UserError>,
}

/// A card number and the document of its holder, read from the original.
#[derive(InputObject, Debug)]
pub struct CardByNumberInput {
    /// Card number as typed.
    pub card_number: String,
    /// Kind of the identity document.
    pub identity_document_kind: IdentityDocumentKind,
    /// Number of the identity document as typed.
    pub document_number: String,
    /// Issuing state of a passport, ISO 3166-1 alpha-3.
    pub issuing_state: Option<String>,
}

/// How the card is shown.
#[derive(OneofObject, Debug)]
pub enum CardShownInput {
    /// The token that the holder shows.
    Token(String),
    /// Card number and document, in person.
    Number(CardByNumberInput),
}

/// A check to be made.
#[derive(InputObject, Debug)]
pub struct CheckCardInput {
    /// How the card is shown.
    pub by: CardShownInput,
    /// For what; the unit or body of the counter must be allowed to check for it.
    pub purpose: CheckPurpose,
    /// 16 to 64 characters; the same key with the same input gives the same check.
    pub idempotency_key: String,
}

/// A person who may have a benefit, as far as the purpose shows.
#[derive(SimpleObject, Debug)]
pub struct CheckedBeneficiary {
    /// Global id, for `recordBenefitUse`.
    pub id: ID,
    /// Who she is to the holder of the principal card.
    pub relation: Beneficiary,
    /// Name, masked but for the surname.
    pub masked_name: String,
}

/// What `checkCard` answers.
#[derive(SimpleObject, Debug)]
pub struct CheckCardPayload {
    /// The check.
    pub check: Option<CardCheck>,
    /// Grade, where the purpose needs it and the card is good.
    pub grade: Option<CardGrade>,
    /// Name of the holder, masked but for the surname, where the purpose needs it and the card is good.
    pub masked_holder_name: Option<String>,
    /// Benefits that the purpose concerns, with this year's balances; empty where the card is not good.
    pub benefits: Vec<HeldBenefit>,
    /// Who may have them.
    pub beneficiaries: Vec<CheckedBeneficiary>,
    /// Why no check was made.
    pub user_errors: Vec<UserError>,
}

impl CheckCardPayload {
    fn of(result: CheckResult, language: Language) -> Self {
        Self {
            check: Some(CardCheck::of(&result.check, result.place.as_ref(), language)),
            grade: result.grade.as_ref().map(|grade| CardGrade::of(grade, language)),
            masked_holder_name: result.holder_name,
            benefits: result.benefits.iter().map(|(benefit, balances)| HeldBenefit::of(benefit, balances.iter(), language)).collect(),
            beneficiaries: result
                .beneficiaries
                .into_iter()
                .map(|(id, relation, masked_name)| CheckedBeneficiary { id: encode(id), relation, masked_name })
                .collect(),
            user_errors: Vec::new(),
        }
    }
}

/// A use of a benefit.
#[derive(InputObject, Debug)]
pub struct RecordBenefitUseInput {
    /// Global id of a check by the same counter, at most 15 minutes old.
    pub check_id: ID,
    /// Global id of the benefit.
    pub benefit_id: ID,
    /// Global id of the person who has it; the holder where it is missing.
    pub beneficiary_id: Option<ID>,
    /// Units, 1 to 1000.
    pub amount: i64,
    /// Words about it, at most 500 characters.
    pub note: Option<String>,
    /// 16 to 64 characters; the same key with the same input records once.
    pub idempotency_key: String,
}

/// A use of a benefit, as the ledger has it. It never changes.
#[derive(SimpleObject, Clone, Debug)]
pub struct BenefitUse {
    /// Global id.
    pub id: ID,
    /// Global id of the entitlement: of the principal card.
    pub card_id: ID,
    /// Global id of the benefit.
    pub benefit_id: ID,
    /// Global id of the person who had it.
    pub beneficiary_id: ID,
    /// Year at UTC+8 that it counts for.
    pub year: i32,
    /// Units; less than nothing where it takes back another.
    pub amount: i64,
    /// When it was delivered.
    pub delivered_at: Instant,
}

impl From<Use> for BenefitUse {
    fn from(made: Use) -> Self {
        Self {
            id: encode(made.id),
            card_id: encode(made.key.card),
            benefit_id: encode(made.key.benefit),
            beneficiary_id: encode(made.key.beneficiary),
            year: made.key.year,
            amount: made.delta,
            delivered_at: Instant(made.delivered_at),
        }
    }
}

/// What `recordBenefitUse` answers.
#[derive(SimpleObject, Debug)]
pub struct RecordBenefitUsePayload {
    /// The use, as the ledger has it.
    #[graphql(name = "use")]
    pub recorded: Option<BenefitUse>,
    /// The balance after it.
    pub balance: Option<BenefitBalance>,
    /// Why nothing was recorded.
    pub user_errors: Vec<UserError>,
}

/// For what the counters of a unit or body check cards. Exactly one of `unitId` and `bodyId` is given.
#[derive(InputObject, Debug)]
pub struct SetCounterPurposeInput {
    /// Global id of a unit.
    pub unit_id: Option<ID>,
    /// Global id of a body.
    pub body_id: Option<ID>,
    /// The purpose.
    pub purpose: CheckPurpose,
    /// Whether they may; `false` takes it back.
    pub allowed: bool,
}

/// Whether the counters of a unit or body may check cards for a purpose.
#[derive(SimpleObject, Debug)]
#[graphql(complex)]
pub struct CounterPurpose {
    /// The purpose.
    pub purpose: CheckPurpose,
    /// Whether they may.
    pub allowed: bool,
    /// The unit whose counters it is about.
    pub unit_id: Option<ID>,
    /// The body whose counters it is about.
    pub body_id: Option<ID>,
}

#[ComplexObject]
impl CounterPurpose {
    /// The unit whose counters it is about.
    async fn unit(&self, ctx: &Context<'_>) -> Option<Result<UnitObject, ApiError>> {
        unit_of(ctx, self.unit_id.as_ref()).await
    }

    /// The body whose counters it is about.
    async fn body(&self, ctx: &Context<'_>) -> Option<Result<BodyObject, ApiError>> {
        body_of(ctx, self.body_id.as_ref()).await
    }
}

/// What `setCounterPurpose` answers.
#[derive(SimpleObject, Debug)]
pub struct SetCounterPurposePayload {
    /// What holds now.
    pub counter_purpose: Option<CounterPurpose>,
    /// Why nothing was changed.
    pub user_errors: Vec<UserError>,
}

/// Mutations of cards.
#[derive(Debug, Default)]
pub struct TalentCardMutation;

impl RecordBenefitUseInput {
    fn command(&self) -> Result<RecordUse, ApiError> {
        Ok(RecordUse {
            check: decode(&self.check_id, "input.checkId")?,
            benefit: decode(&self.benefit_id, "input.benefitId")?,
            beneficiary: decode_option(self.beneficiary_id.as_ref(), "input.beneficiaryId")?,
            amount: self.amount,
            note: self.note.clone(),
        })
    }
}

impl SetCounterPurposeInput {
    fn counter(&self) -> Result<Counter, ApiError> {
        let unit = decode_option::<UnitId>(self.unit_id.as_ref(), "input.unitId")?;
        let body = decode_option::<BodyId>(self.body_id.as_ref(), "input.bodyId")?;
        match (unit, body) {
            (Some(unit), None) => Ok(Counter::Unit(unit)),
            (None, Some(body)) => Ok(Counter::Body(body)),
            (Some(_), Some(_)) | (None, None) => Err(Fault::BadRequest(vec!["input".into(), "unitId".into()]).into()),
        }
    }
}

/// Mutations of cards.
#[Object]
impl TalentCardMutation {
    /// Makes a token of a card of the caller for a counter to read. Good for 60 seconds and one check. User errors:
    /// NOT_FOUND, CARD_LOST, CARD_NOT_ACTIVE.
    async fn create_card_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CreateCardTokenInput,
    ) -> Option<Result<CreateCardTokenPayload, ApiError>> {
        let card = match decode(&input.card_id, "input.cardId") {
            Ok(card) => card,
            Err(error) => return Some(Err(error)),
        };
        payload(
            ctx.ctx(),
            check::create_card_token(ctx.portal(), ctx.actor(), card).await,
            |token| CreateCardTokenPayload { card_token: Some(CardToken { token: token.jws, expires_at: Instant(token.expires_at) }), user_errors: Vec::new() },
            |user_errors| CreateCardTokenPayload { card_token: None, user_errors },
        )
    }

    /// Checks a card at a counter. The holder sees where, when and for what. What is answered depends on the purpose.
    /// User errors: REQUIRED, MALFORMED, CHECK_DIGIT_WRONG, NOT_ALLOWED, DOCUMENT_MISMATCH, CARD_TOKEN_INVALID,
    /// CARD_TOKEN_EXPIRED, CARD_TOKEN_SPENT, CARD_LOST, PURPOSE_NOT_ALLOWED, CHECK_EXPIRED, IDEMPOTENCY_KEY_REUSED.
    async fn check_card(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CheckCardInput,
    ) -> Option<Result<CheckCardPayload, ApiError>> {
        let shown = match input.by {
            CardShownInput::Token(token) => Shown::Token(token),
            CardShownInput::Number(n) => {
                Shown::Number { number: n.card_number, kind: n.identity_document_kind, document: n.document_number, issuing_state: n.issuing_state }
            }
        };
        payload(
            ctx.ctx(),
            check::check_card(ctx.portal(), ctx.actor(), shown, input.purpose, &input.idempotency_key).await,
            |result| CheckCardPayload::of(result, ctx.language()),
            |user_errors| CheckCardPayload { check: None, grade: None, masked_holder_name: None, benefits: Vec::new(), beneficiaries: Vec::new(), user_errors },
        )
    }

    /// Records that a benefit was delivered, under a check of the same counter. User errors: NOT_ALLOWED, TOO_LONG,
    /// CHECK_EXPIRED, BENEFIT_NOT_GRANTED, CARD_LOST, CARD_NOT_ACTIVE, QUOTA_EXHAUSTED, MALFORMED, IDEMPOTENCY_KEY_REUSED.
    async fn record_benefit_use(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RecordBenefitUseInput,
    ) -> Option<Result<RecordBenefitUsePayload, ApiError>> {
        let command = match input.command() {
            Ok(command) => command,
            Err(error) => return Some(Err(error)),
        };
        payload(
            ctx.ctx(),
            check::record_benefit_use(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await,
            |(made, balance)| RecordBenefitUsePayload { recorded: Some(made.into()), balance: Some((&balance).into()), user_errors: Vec::new() },
            |user_errors| RecordBenefitUsePayload { recorded: None, balance: None, user_errors },
        )
    }

    /// Says for what the counters of a unit or body check cards. For its supervisor and for system administration. User
    /// errors: NOT_FOUND.
    async fn set_counter_purpose(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: SetCounterPurposeInput,
    ) -> Option<Result<SetCounterPurposePayload, ApiError>> {
        let counter = match input.counter() {
            Ok(counter) => counter,
            Err(error) => return Some(Err(error)),
        };
        payload(
            ctx.ctx(),
            check::set_counter_purpose(ctx.portal(), ctx.actor(), counter, input.purpose, input.allowed).await,
            |()| SetCounterPurposePayload {
                counter_purpose: Some(CounterPurpose {
                    purpose: input.purpose,
                    allowed: input.allowed,
                    unit_id: counter.unit().map(encode),
                    body_id: counter.body().map(encode),
                }),
                user_errors: Vec::new(),
            },
            |user_errors| SetCounterPurposePayload { counter_purpose: None, user_errors },
        )
    }
}
