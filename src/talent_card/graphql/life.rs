//! What becomes of cards after they were issued, for the API.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{BenefitBalance, BenefitUse, CardCheck, CardGrade, CardNumber, CardProductVersion};
use crate::api::context::ContextExt as _;
use crate::api::error::{ApiError, UserError, nullable, payload};
use crate::api::ids::{decode, decode_option, encode};
use crate::api::scalars::{Date, Instant};
use crate::api::text::LocalizedText;
use crate::catalogue::graphql::LegalBasis;
use crate::kernel::fault::Refused;
use crate::kernel::ids::CardId;
use crate::kernel::text::{Language, Text};
use crate::talent_card::model::card::{CardEventKind, CardStatus};
use crate::talent_card::model::check::CheckPurpose;
use crate::talent_card::model::life::{Correction, Ground, Measure};
use crate::talent_card::service::life::{self, Decide, Decided, IssuedView};
use crate::talent_card::service::reversal::{self, ReverseUse};
use crate::talent_card::service::status::{self, OfflineCheck};
use crate::talent_card::service::view;

crate::api_enum!(Measure, "CardMeasure", "What is decided on a card that was issued.");
crate::api_enum!(Ground, "CardDecisionGround", "Ground of a decision on a card. A working list of the portal, not an official one.");
crate::api_enum!(CardEventKind, "CardEventKind", "What happened to a card.");

/// Something that happened to a card.
#[derive(SimpleObject, Clone, Debug)]
pub struct CardEvent {
    /// What.
    pub kind: CardEventKind,
    /// When.
    pub at: Instant,
}

/// What a correction of a card changed.
#[derive(SimpleObject, Clone, Debug)]
pub struct CardCorrection {
    /// Code of the grade before.
    pub grade_code_before: String,
    /// Code of the grade from then on.
    pub grade_code: String,
    /// The last day before.
    pub valid_until_before: Date,
    /// The last day from then on.
    pub valid_until: Date,
}

impl From<&Correction> for CardCorrection {
    fn from(c: &Correction) -> Self {
        Self {
            grade_code_before: c.grade_before.clone(),
            grade_code: c.grade.clone(),
            valid_until_before: Date(c.valid_to_before),
            valid_until: Date(c.valid_to),
        }
    }
}

/// A decision on a card that was issued: suspension, its end, withdrawal, or correction. It never changes. Fields beside number, kind and
/// time are `null` once the data of the holder are erased.
#[derive(SimpleObject, Clone, Debug)]
pub struct CardDecision {
    /// Global id.
    pub id: ID,
    /// What was decided.
    pub measure: Measure,
    /// Number of the decision.
    pub number: String,
    /// When it was issued.
    pub issued_at: Instant,
    /// The unit that decided.
    pub unit_id: ID,
    /// Name of that unit.
    pub unit_name: Option<LocalizedText>,
    /// Number of the card.
    pub card_number: Option<String>,
    /// The ground.
    pub ground: Option<Ground>,
    /// The reason, in the words of the officer.
    pub reason: Option<String>,
    /// The provision that the officer named.
    pub provision: Option<String>,
    /// What was changed, of a correction.
    pub corrected: Option<CardCorrection>,
    /// On what it rests: the basis of the rules under which the card was issued.
    pub legal_basis: Option<Vec<LegalBasis>>,
    /// How to ask for reconsideration (行政复议), where it takes something away.
    pub reconsideration: Option<LocalizedText>,
    /// How to go to court (行政诉讼), likewise.
    pub litigation: Option<LocalizedText>,
    /// The decision as compact JWS (`typ` is `card-decision+jws`), to be verified by `/.well-known/jwks.json`.
    pub jws: Option<String>,
}

impl CardDecision {
    /// The decision for a reader of `language`; the wording that was signed is in `jws`.
    pub fn of(decided: &Decided, language: Language) -> Self {
        let Decided { row, sealed } = decided;
        let text = |text: &Text| LocalizedText::of(text, language);
        let content = sealed.as_ref().map(|(content, _)| content);
        Self {
            id: encode(row.id),
            measure: row.measure,
            number: row.number.clone(),
            issued_at: Instant(row.issued_at),
            unit_id: encode(row.unit),
            unit_name: content.and_then(|c| c.unit_name.as_ref()).map(text),
            card_number: content.and_then(|c| c.card_number.clone()),
            ground: content.map(|c| c.ground),
            reason: content.map(|c| c.reason.clone()),
            provision: content.and_then(|c| c.provision.clone()),
            corrected: content.and_then(|c| c.corrected.as_ref()).map(CardCorrection::from),
            legal_basis: content.map(|c| c.legal_basis.iter().map(LegalBasis::from).collect()),
            reconsideration: content.and_then(|c| c.reconsideration.as_ref()).map(text),
            litigation: content.and_then(|c| c.litigation.as_ref()).map(text),
            jws: sealed.as_ref().map(|(_, jws)| jws.clone()),
        }
    }
}

/// A card as those see it who may act on it besides its holder: an approver for the unit that issued it, and a window
/// officer before whom the holder stands.
#[derive(Clone, Debug)]
pub struct IssuedCard(pub IssuedView);

/// A card as those see it who may act on it besides its holder: an approver for the unit that issued it, and a window
/// officer before whom the holder stands.
#[Object]
impl IssuedCard {
    /// Global id of the card.
    pub async fn id(&self) -> ID {
        encode(self.0.card.id)
    }
    /// Version of the card, for `expectedVersion`.
    async fn version(&self) -> i64 {
        self.0.card.version
    }
    /// Standing today.
    async fn status(&self, ctx: &Context<'_>) -> CardStatus {
        self.0.card.status_on(ctx.portal().env.today())
    }
    /// Whether it was reported lost and has no other number yet.
    async fn lost(&self) -> bool {
        self.0.card.is_lost()
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
    /// Global id of the holder.
    async fn holder_id(&self) -> ID {
        encode(self.0.holder)
    }
    /// Name of the holder, masked but for the surname.
    async fn masked_holder_name(&self) -> &str {
        &self.0.holder_name
    }
    /// First day.
    async fn valid_from(&self) -> Date {
        Date(self.0.card.valid_from)
    }
    /// Last day.
    async fn valid_until(&self) -> Date {
        Date(self.0.card.valid_to)
    }
    /// The number that is good now.
    async fn current_number(&self) -> Option<CardNumber> {
        self.0.card.number().map(Into::into)
    }
}

/// Queries about cards for staff.
#[derive(Debug, Default)]
pub struct CardLifeQuery;

/// Queries about cards for staff.
#[Object]
impl CardLifeQuery {
    /// The cards of a person, or the one with a number, that the caller may act on: as an approver for the unit that issued
    /// it, or as a window officer before whom the holder stands. Exactly one of the arguments is given; what the caller may
    /// not act on is left out.
    async fn issued_cards(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the holder.")] holder_id: Option<ID>,
        #[graphql(desc = "Card number as typed.")] number: Option<String>,
    ) -> Option<Result<Vec<IssuedCard>, ApiError>> {
        let holder = match decode_option(holder_id.as_ref(), "holderId") {
            Ok(holder) => holder,
            Err(error) => return Some(Err(error)),
        };
        let cards = life::issued_cards(ctx.portal(), ctx.actor(), holder, number.as_deref()).await;
        nullable(cards.map(|cards| Some(cards.into_iter().map(IssuedCard).collect())))
    }
}

/// The card that was lost.
#[derive(InputObject, Debug)]
pub struct ReportCardLostInput {
    /// Global id of the card.
    pub card_id: ID,
    /// The version that was shown.
    pub expected_version: i64,
}

/// What `reportCardLost` answers.
#[derive(SimpleObject, Debug)]
pub struct ReportCardLostPayload {
    /// The card as it stands now.
    pub card: Option<IssuedCard>,
    /// Why nothing was changed.
    pub user_errors: Vec<UserError>,
}

/// A suspension of a card.
#[derive(InputObject, Debug)]
pub struct SuspendCardInput {
    /// Global id of the card.
    pub card_id: ID,
    /// The version that was shown.
    pub expected_version: i64,
    /// On what ground: CONDITIONS_DOUBTFUL or DATA_CHECK_FAILED.
    pub ground: Ground,
    /// Why, at most 2000 characters; the holder reads it.
    pub reason: String,
    /// The provision that it rests on, at most 200 characters.
    pub provision: Option<String>,
}

/// The end of a suspension.
#[derive(InputObject, Debug)]
pub struct LiftCardSuspensionInput {
    /// Global id of the card.
    pub card_id: ID,
    /// The version that was shown.
    pub expected_version: i64,
    /// Why, at most 2000 characters; the holder reads it.
    pub reason: String,
    /// The provision that it rests on, at most 200 characters.
    pub provision: Option<String>,
}

/// A withdrawal of a card.
#[derive(InputObject, Debug)]
pub struct RevokeCardInput {
    /// Global id of the card.
    pub card_id: ID,
    /// The version that was shown.
    pub expected_version: i64,
    /// On what ground: FALSE_MATERIALS, CRIME_OR_DISHONESTY, LEFT_PROVINCE, CIVIL_SERVANT or CONDITIONS_NOT_MET.
    pub ground: Ground,
    /// Why, at most 2000 characters; the holder reads it.
    pub reason: String,
    /// The provision that it rests on, at most 200 characters.
    pub provision: Option<String>,
}

/// A correction of what was issued. At least one of `gradeCode` and `validUntil` differs from what stands on the card.
#[derive(InputObject, Debug)]
pub struct CorrectCardInput {
    /// Global id of the card.
    pub card_id: ID,
    /// The version that was shown.
    pub expected_version: i64,
    /// Code of the right grade; one of the card's product version.
    pub grade_code: Option<String>,
    /// The right last day; not beyond what could have been issued.
    pub valid_until: Option<Date>,
    /// Why, at most 2000 characters; the holder reads it.
    pub reason: String,
    /// The provision that it rests on, at most 200 characters.
    pub provision: Option<String>,
}

/// What `correctCard` answers.
#[derive(SimpleObject, Debug)]
pub struct CorrectCardPayload {
    /// The card as it stands now.
    pub card: Option<IssuedCard>,
    /// Why nothing was decided.
    pub user_errors: Vec<UserError>,
}

/// What `suspendCard` answers.
#[derive(SimpleObject, Debug)]
pub struct SuspendCardPayload {
    /// The card as it stands now.
    pub card: Option<IssuedCard>,
    /// Why nothing was decided.
    pub user_errors: Vec<UserError>,
}

/// What `liftCardSuspension` answers.
#[derive(SimpleObject, Debug)]
pub struct LiftCardSuspensionPayload {
    /// The card as it stands now.
    pub card: Option<IssuedCard>,
    /// Why nothing was decided.
    pub user_errors: Vec<UserError>,
}

/// What `revokeCard` answers.
#[derive(SimpleObject, Debug)]
pub struct RevokeCardPayload {
    /// The card as it stands now.
    pub card: Option<IssuedCard>,
    /// Why nothing was decided.
    pub user_errors: Vec<UserError>,
}

/// A use of a benefit to be taken back.
#[derive(InputObject, Debug)]
pub struct ReverseBenefitUseInput {
    /// Global id of the use.
    pub use_id: ID,
    /// Why, at most 500 characters.
    pub reason: String,
    /// 16 to 64 characters; the same key with the same input takes back once.
    pub idempotency_key: String,
}

/// What `reverseBenefitUse` answers.
#[derive(SimpleObject, Debug)]
pub struct ReverseBenefitUsePayload {
    /// The entry that takes it back, with an amount below nothing.
    pub reversal: Option<BenefitUse>,
    /// The balance after it.
    pub balance: Option<BenefitBalance>,
    /// Why nothing was taken back.
    pub user_errors: Vec<UserError>,
}

/// A check that was made offline, by a token and the published status list.
#[derive(InputObject, Debug)]
pub struct RecordOfflineCheckInput {
    /// The token that the holder showed.
    pub token: String,
    /// The status list by which it was judged, as it was fetched.
    pub status_list: String,
    /// When it was judged; at most seven days ago.
    pub checked_at: Instant,
    /// For what; the unit or body of the counter must be allowed to check for it.
    pub purpose: CheckPurpose,
    /// 16 to 64 characters; the same key with the same input records once.
    pub idempotency_key: String,
}

/// What `recordOfflineCheck` answers.
#[derive(SimpleObject, Debug)]
pub struct RecordOfflineCheckPayload {
    /// The check; its answer is VALID_AS_OF, NOT_VALID or STATUS_UNKNOWN.
    pub check: Option<CardCheck>,
    /// Why nothing was recorded.
    pub user_errors: Vec<UserError>,
}

/// Mutations of cards that were issued.
#[derive(Debug, Default)]
pub struct CardLifeMutation;

impl CardLifeMutation {
    async fn decided(&self, ctx: &Context<'_>, card: &ID, command: impl FnOnce(CardId) -> Decide) -> Result<Result<IssuedView, Refused>, ApiError> {
        let card = decode(card, "input.cardId")?;
        Ok(life::decide(ctx.portal(), ctx.actor(), command(card)).await)
    }
}

/// Mutations of cards that were issued.
#[Object]
impl CardLifeMutation {
    /// Reports a card lost: its number and every token of it are good no more, at once; another number comes with a
    /// replacement, which is a service item. By the holder, or by a window officer before whom she stands. User errors:
    /// CONFLICT, CARD_LOST, CARD_NOT_ACTIVE.
    async fn report_card_lost(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: ReportCardLostInput,
    ) -> Option<Result<ReportCardLostPayload, ApiError>> {
        let card = match decode(&input.card_id, "input.cardId") {
            Ok(card) => card,
            Err(error) => return Some(Err(error)),
        };
        payload(
            ctx.ctx(),
            life::report_card_lost(ctx.portal(), ctx.actor(), card, input.expected_version).await,
            |card| ReportCardLostPayload { card: Some(IssuedCard(card)), user_errors: Vec::new() },
            |user_errors| ReportCardLostPayload { card: None, user_errors },
        )
    }

    /// Suspends a card: its benefits are frozen, not lost. By an approver for the unit that issued it, never in her own
    /// matter; the holder reads the signed decision. User errors: NOT_ALLOWED, REASON_REQUIRED, TOO_LONG, OWN_CASE,
    /// CONFLICT, WRONG_STATE.
    async fn suspend_card(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: SuspendCardInput,
    ) -> Option<Result<SuspendCardPayload, ApiError>> {
        let SuspendCardInput { card_id, expected_version, ground, reason, provision } = input;
        let command = |card| Decide { card, expected_version, measure: Measure::Suspension, ground, reason, provision, grade: None, valid_to: None };
        let result = match self.decided(ctx, &card_id, command).await {
            Ok(result) => result,
            Err(error) => return Some(Err(error)),
        };
        payload(
            ctx.ctx(),
            result,
            |card| SuspendCardPayload { card: Some(IssuedCard(card)), user_errors: Vec::new() },
            |user_errors| SuspendCardPayload { card: None, user_errors },
        )
    }

    /// Ends the suspension of a card. By an approver for the unit that issued it, never in her own matter; the holder reads
    /// the signed decision. User errors: REASON_REQUIRED, TOO_LONG, OWN_CASE, CONFLICT, WRONG_STATE.
    async fn lift_card_suspension(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: LiftCardSuspensionInput,
    ) -> Option<Result<LiftCardSuspensionPayload, ApiError>> {
        let LiftCardSuspensionInput { card_id, expected_version, reason, provision } = input;
        let command =
            |card| Decide { card, expected_version, measure: Measure::Lifting, ground: Ground::ConditionsMet, reason, provision, grade: None, valid_to: None };
        let result = match self.decided(ctx, &card_id, command).await {
            Ok(result) => result,
            Err(error) => return Some(Err(error)),
        };
        payload(
            ctx.ctx(),
            result,
            |card| LiftCardSuspensionPayload { card: Some(IssuedCard(card)), user_errors: Vec::new() },
            |user_errors| LiftCardSuspensionPayload { card: None, user_errors },
        )
    }

    /// Withdraws a card; its sub-cards end with it. By an approver for the unit that issued it, never in her own matter; the
    /// holder reads the signed decision. User errors: NOT_ALLOWED, REASON_REQUIRED, TOO_LONG, OWN_CASE, CONFLICT, WRONG_STATE.
    async fn revoke_card(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RevokeCardInput,
    ) -> Option<Result<RevokeCardPayload, ApiError>> {
        let RevokeCardInput { card_id, expected_version, ground, reason, provision } = input;
        let command = |card| Decide { card, expected_version, measure: Measure::Revocation, ground, reason, provision, grade: None, valid_to: None };
        let result = match self.decided(ctx, &card_id, command).await {
            Ok(result) => result,
            Err(error) => return Some(Err(error)),
        };
        payload(
            ctx.ctx(),
            result,
            |card| RevokeCardPayload { card: Some(IssuedCard(card)), user_errors: Vec::new() },
            |user_errors| RevokeCardPayload { card: None, user_errors },
        )
    }

    /// Corrects what was issued: grade or last day. The number, which holds the grade, ends, and another takes its place; its
    /// sub-cards follow. By an approver for the unit that issued it, never in her own matter; the holder reads the signed
    /// decision. User errors: REQUIRED, NOT_ALLOWED, REASON_REQUIRED, TOO_LONG, OWN_CASE, CONFLICT, WRONG_STATE.
    async fn correct_card(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CorrectCardInput,
    ) -> Option<Result<CorrectCardPayload, ApiError>> {
        let CorrectCardInput { card_id, expected_version, grade_code: grade, valid_until, reason, provision } = input;
        let command = |card| Decide {
            card,
            expected_version,
            measure: Measure::Correction,
            ground: Ground::IssuedInError,
            reason,
            provision,
            grade,
            valid_to: valid_until.map(|day| day.0),
        };
        let result = match self.decided(ctx, &card_id, command).await {
            Ok(result) => result,
            Err(error) => return Some(Err(error)),
        };
        payload(
            ctx.ctx(),
            result,
            |card| CorrectCardPayload { card: Some(IssuedCard(card)), user_errors: Vec::new() },
            |user_errors| CorrectCardPayload { card: None, user_errors },
        )
    }

    /// Records a check that was made offline: it is judged again as of the instant at which it was made, spends the token, and
    /// shows among the checks that the holder sees. No use is recorded under it. User errors: IN_FUTURE, TOO_EARLY,
    /// CARD_TOKEN_INVALID, CARD_TOKEN_EXPIRED, CARD_TOKEN_SPENT, STATUS_LIST_INVALID, PURPOSE_NOT_ALLOWED, MALFORMED,
    /// IDEMPOTENCY_KEY_REUSED.
    async fn record_offline_check(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RecordOfflineCheckInput,
    ) -> Option<Result<RecordOfflineCheckPayload, ApiError>> {
        let command = OfflineCheck { token: input.token, list: input.status_list, at: input.checked_at.0, purpose: input.purpose };
        payload(
            ctx.ctx(),
            status::record_offline_check(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await,
            |(check, place)| RecordOfflineCheckPayload { check: Some(CardCheck::of(&check, place.as_ref(), ctx.language())), user_errors: Vec::new() },
            |user_errors| RecordOfflineCheckPayload { check: None, user_errors },
        )
    }

    /// Takes a recorded use of a benefit back, once: the ledger has an entry more, and the balance its units again. By the
    /// counter that recorded it within seven days, or by its supervisor until the end of January after the year that it counts
    /// for. User errors: REASON_REQUIRED, TOO_LONG, NOT_FOUND, OWN_CASE, REVERSAL_TOO_LATE, ALREADY_REVERSED, MALFORMED,
    /// IDEMPOTENCY_KEY_REUSED.
    async fn reverse_benefit_use(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: ReverseBenefitUseInput,
    ) -> Option<Result<ReverseBenefitUsePayload, ApiError>> {
        let entry = match decode(&input.use_id, "input.useId") {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        payload(
            ctx.ctx(),
            reversal::reverse_benefit_use(ctx.portal(), ctx.actor(), ReverseUse { entry, reason: input.reason }, &input.idempotency_key).await,
            |(made, balance)| ReverseBenefitUsePayload { reversal: Some(made.into()), balance: Some((&balance).into()), user_errors: Vec::new() },
            |user_errors| ReverseBenefitUsePayload { reversal: None, balance: None, user_errors },
        )
    }
}
