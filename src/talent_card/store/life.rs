//! Queries about what becomes of cards after they were issued.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use super::{CARD, above, all, fold, places, run};
use crate::kernel::ids::{ApplicationId, BenefitEntryId, BodyId, CardCheckId, CardDecisionId, CardId, CardProductVersionId, PersonId, UnitId};
use crate::talent_card::model::card::{Card, CardEventKind, CardStatus};
use crate::talent_card::model::check::Counter;
use crate::talent_card::model::ledger::{Balance, BalanceKey, Use};
use crate::talent_card::model::life::Measure;

/// Raises the version of a card that still has `version`. `false`: it has another by now.
pub async fn bump(txn: &impl ConnectionTrait, card: CardId, version: i64) -> Result<bool, DbErr> {
    Ok(run(txn, "UPDATE card SET version = version + 1 WHERE id = $1 AND version = $2", vec![card.0.into(), version.into()]).await? == 1)
}

/// What happened to a card last, and when.
pub async fn last_event(db: &impl ConnectionTrait, card: CardId) -> Result<Option<(CardEventKind, DateTime<Utc>)>, DbErr> {
    Ok(events(db, card).await?.pop())
}

/// What happened to a card, oldest first. One statement.
pub async fn events(db: &impl ConnectionTrait, card: CardId) -> Result<Vec<(CardEventKind, DateTime<Utc>)>, DbErr> {
    let rows = all(db, "SELECT kind, at FROM card_event WHERE card_id = $1 ORDER BY id", vec![card.0.into()]).await?;
    rows.iter().map(|row| Ok((row.try_get("", "kind")?, row.try_get("", "at")?))).collect()
}

/// Makes the tokens of a card worthless.
pub async fn spend_tokens(txn: &impl ConnectionTrait, card: CardId, at: DateTime<Utc>) -> Result<u64, DbErr> {
    run(txn, "UPDATE card_token SET spent_at = $1 WHERE card_id = $2 AND spent_at IS NULL", vec![at.into(), card.0.into()]).await
}

/// The sub-cards of a card that have not ended.
pub async fn sub_cards(db: &impl ConnectionTrait, principal: CardId) -> Result<Vec<Card>, DbErr> {
    let sql = format!("{CARD} WHERE c.principal_card_id = $1 AND c.status IN ('ACTIVE', 'SUSPENDED') ORDER BY c.id, n.issued_at, n.number");
    fold(&all(db, &sql, vec![principal.0.into()]).await?)
}

/// The cards that were issued for a case.
pub async fn cards_of_application(db: &impl ConnectionTrait, application: ApplicationId) -> Result<Vec<Card>, DbErr> {
    fold(&all(db, &format!("{CARD} WHERE c.application_id = $1 ORDER BY c.id, n.issued_at, n.number"), vec![application.0.into()]).await?)
}

/// The holder's principal cards of a product that were neither withdrawn nor replaced by another card, oldest first.
pub async fn principal_cards(db: &impl ConnectionTrait, holder: PersonId, product: &str) -> Result<Vec<Card>, DbErr> {
    let sql = format!(
        "{CARD} JOIN card_product p ON p.id = c.product_id WHERE p.code = $2 AND c.principal_card_id IS NULL AND c.status IN ('ACTIVE', 'SUSPENDED') \
         AND c.holder_person_id IN (SELECT id FROM person WHERE id = $1 OR merged_into = $1) ORDER BY c.id, n.issued_at, n.number"
    );
    fold(&all(db, &sql, vec![holder.0.into(), product.into()]).await?)
}

/// Whether a person holds one of these cards or a sub-card of one, or one of them is for her, too.
pub async fn is_tied(db: &impl ConnectionTrait, cards: &[CardId], person: PersonId) -> Result<bool, DbErr> {
    let listed = places(2, cards.len());
    let hers = "IN (SELECT id FROM person WHERE id = $1 OR merged_into = $1)";
    let sql = format!(
        "SELECT 1 AS one FROM card WHERE (id IN ({listed}) OR principal_card_id IN ({listed})) AND holder_person_id {hers} \
         UNION ALL SELECT 1 FROM card_beneficiary WHERE card_id IN ({listed}) AND person_id {hers}"
    );
    let values = std::iter::once(person.0.into()).chain(cards.iter().map(|card| card.0.into())).collect();
    Ok(!all(db, &sql, values).await?.is_empty())
}

/// A decision on a card as stored.
#[derive(Clone, Debug)]
pub struct DecisionRow {
    /// Id.
    pub id: CardDecisionId,
    /// The card.
    pub card: CardId,
    /// What was decided.
    pub measure: Measure,
    /// Number.
    pub number: String,
    /// What it says, sealed.
    pub data_sealed: Vec<u8>,
    /// Its signed form, sealed.
    pub jws_sealed: Vec<u8>,
    /// Under whose key.
    pub key_owner: PersonId,
    /// The unit that decided.
    pub unit: UnitId,
    /// When (UTC).
    pub issued_at: DateTime<Utc>,
    /// Who decided.
    pub issued_by: PersonId,
}

/// Adds a decision.
pub async fn insert_decision(txn: &impl ConnectionTrait, row: &DecisionRow) -> Result<(), DbErr> {
    let sql = "INSERT INTO card_decision (id, card_id, measure, number, data_sealed, jws_sealed, key_owner_id, unit_id, issued_at, issued_by) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let values = vec![
        row.id.0.into(),
        row.card.0.into(),
        row.measure.code().into(),
        row.number.clone().into(),
        row.data_sealed.clone().into(),
        row.jws_sealed.clone().into(),
        row.key_owner.0.into(),
        row.unit.0.into(),
        row.issued_at.into(),
        row.issued_by.0.into(),
    ];
    run(txn, sql, values).await.map(|_| ())
}

/// The decisions on a card, oldest first.
pub async fn decisions(db: &impl ConnectionTrait, card: CardId) -> Result<Vec<DecisionRow>, DbErr> {
    let sql = "SELECT id, card_id, measure, number, data_sealed, jws_sealed, key_owner_id, unit_id, issued_at, issued_by FROM card_decision \
               WHERE card_id = $1 ORDER BY id";
    let of = |row: &QueryResult| {
        Ok(DecisionRow {
            id: row.try_get("", "id")?,
            card: row.try_get("", "card_id")?,
            measure: row.try_get("", "measure")?,
            number: row.try_get("", "number")?,
            data_sealed: row.try_get("", "data_sealed")?,
            jws_sealed: row.try_get("", "jws_sealed")?,
            key_owner: row.try_get("", "key_owner_id")?,
            unit: row.try_get("", "unit_id")?,
            issued_at: row.try_get("", "issued_at")?,
            issued_by: row.try_get("", "issued_by")?,
        })
    };
    all(db, sql, vec![card.0.into()]).await?.iter().map(of).collect()
}

/// The card that a case gave another number, and when.
pub async fn replaced_by(db: &impl ConnectionTrait, application: ApplicationId) -> Result<Option<(CardId, DateTime<Utc>)>, DbErr> {
    let sql = "SELECT card_id, at FROM card_event WHERE application_id = $1 AND kind = 'REPLACED'";
    let rows = all(db, sql, vec![application.0.into()]).await?;
    rows.first().map(|row| Ok((row.try_get("", "card_id")?, row.try_get("", "at")?))).transpose()
}

/// A use as it is taken back: the entry, its check, and where it was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// The entry.
    pub entry: Use,
    /// Whether it is a use, and no reversal or correction.
    pub is_use: bool,
    /// The check under which it was recorded.
    pub check: Option<CardCheckId>,
    /// Where.
    pub counter: Option<Counter>,
}

/// An entry of the ledger with where it was recorded.
pub async fn recorded(db: &impl ConnectionTrait, id: BenefitEntryId) -> Result<Option<Recorded>, DbErr> {
    let sql = "SELECT card_id, benefit_id, beneficiary_person_id, year, kind, delta, check_id, delivered_at, unit_id, body_id FROM benefit_entry WHERE id = $1";
    let of = |row: &QueryResult| {
        let key = BalanceKey {
            card: row.try_get("", "card_id")?,
            benefit: row.try_get("", "benefit_id")?,
            beneficiary: row.try_get("", "beneficiary_person_id")?,
            year: row.try_get("", "year")?,
        };
        let unit = row.try_get::<Option<Uuid>>("", "unit_id")?.map(UnitId);
        let body = row.try_get::<Option<Uuid>>("", "body_id")?.map(BodyId);
        Ok(Recorded {
            entry: Use { id, key, delta: row.try_get("", "delta")?, delivered_at: row.try_get("", "delivered_at")? },
            is_use: row.try_get::<String>("", "kind")? == "USE",
            check: row.try_get::<Option<Uuid>>("", "check_id")?.map(CardCheckId),
            counter: Counter::of(unit, body),
        })
    };
    all(db, sql, vec![id.0.into()]).await?.first().map(of).transpose()
}

/// A reversal to be written.
#[derive(Clone, Debug)]
pub struct NewReversal {
    /// Id.
    pub id: BenefitEntryId,
    /// What it takes back.
    pub of: Recorded,
    /// Who has the balance now.
    pub beneficiary: PersonId,
    /// When (UTC).
    pub at: DateTime<Utc>,
    /// Who takes it back.
    pub by: PersonId,
    /// The reason under the holder's key.
    pub reason_sealed: Vec<u8>,
}

/// Takes a use back. `false`: it was taken back before. The database decides.
pub async fn insert_reversal(txn: &impl ConnectionTrait, r: NewReversal) -> Result<bool, DbErr> {
    let sql = "INSERT INTO benefit_entry (id, card_id, benefit_id, beneficiary_person_id, year, kind, delta, check_id, delivered_at, recorded_by_person_id, \
               unit_id, body_id, channel, reverses_id, note_sealed) VALUES ($1, $2, $3, $4, $5, 'REVERSAL', $6, $7, $8, $9, $10, $11, 'WINDOW', $12, $13) \
               ON CONFLICT (reverses_id) DO NOTHING";
    let Recorded { entry, check, counter, .. } = r.of;
    let values = vec![
        r.id.0.into(),
        entry.key.card.0.into(),
        entry.key.benefit.0.into(),
        r.beneficiary.0.into(),
        entry.key.year.into(),
        (-entry.delta).into(),
        check.map(|c| c.0).into(),
        r.at.into(),
        r.by.0.into(),
        counter.and_then(Counter::unit).map(|u| u.0).into(),
        counter.and_then(Counter::body).map(|b| b.0).into(),
        entry.id.0.into(),
        r.reason_sealed.into(),
    ];
    Ok(run(txn, sql, values).await? == 1)
}

/// Gives units back to a balance; one that a merge had cut to the quota is not made less than nothing.
pub async fn give_back(txn: &impl ConnectionTrait, key: BalanceKey, amount: i64) -> Result<Option<Balance>, DbErr> {
    let sql = "UPDATE benefit_balance SET used = CASE WHEN used > $5 THEN used - $5 ELSE 0 END \
               WHERE card_id = $1 AND benefit_id = $2 AND beneficiary_person_id = $3 AND year = $4 RETURNING quota, used";
    let values = vec![key.card.0.into(), key.benefit.0.into(), key.beneficiary.0.into(), key.year.into(), amount.into()];
    all(txn, sql, values).await?.first().map(|row| Ok(Balance { key, quota: row.try_get("", "quota")?, used: row.try_get("", "used")? })).transpose()
}

/// A renewal to be written, or as stored.
#[derive(Clone, Copy, Debug)]
pub struct RenewalRow {
    /// Id.
    pub id: Uuid,
    /// The card.
    pub card: CardId,
    /// The case that gave it.
    pub application: ApplicationId,
    /// Under which version the card was before.
    pub version_before: CardProductVersionId,
    /// The last day before it.
    pub ended_on: NaiveDate,
    /// The last day that it gave.
    pub valid_to: NaiveDate,
}

/// Adds a renewal.
pub async fn insert_renewal(txn: &impl ConnectionTrait, row: &RenewalRow, at: DateTime<Utc>) -> Result<(), DbErr> {
    let sql = "INSERT INTO card_renewal (id, card_id, application_id, version_before_id, ended_on, valid_to, at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (version, ended_on, valid_to) = (row.version_before.0.into(), row.ended_on.into(), row.valid_to.into());
    run(txn, sql, vec![row.id.into(), row.card.0.into(), row.application.0.into(), version, ended_on, valid_to, at.into()]).await.map(|_| ())
}

/// The renewal that a case gave.
pub async fn renewal_of(db: &impl ConnectionTrait, application: ApplicationId) -> Result<Option<RenewalRow>, DbErr> {
    let sql = "SELECT id, card_id, version_before_id, ended_on, valid_to FROM card_renewal WHERE application_id = $1";
    let of = |row: &QueryResult| {
        Ok(RenewalRow {
            id: row.try_get("", "id")?,
            card: row.try_get("", "card_id")?,
            application,
            version_before: row.try_get("", "version_before_id")?,
            ended_on: row.try_get("", "ended_on")?,
            valid_to: row.try_get("", "valid_to")?,
        })
    };
    all(db, sql, vec![application.0.into()]).await?.first().map(of).transpose()
}

/// Gives a card that still has `version` another last day and the product version of it.
pub async fn set_end(
    txn: &impl ConnectionTrait,
    card: CardId,
    version: i64,
    (valid_to, product_version): (NaiveDate, CardProductVersionId),
) -> Result<bool, DbErr> {
    let sql = "UPDATE card SET valid_to = $1, product_version_id = $2, version = version + 1 WHERE id = $3 AND version = $4";
    Ok(run(txn, sql, vec![valid_to.into(), product_version.0.into(), card.0.into(), version.into()]).await? == 1)
}

/// Gives a card that still has `version` another grade and last day, and its sub-cards with it, as far as they had the same.
pub async fn correct(txn: &impl ConnectionTrait, card: &Card, grade: &str, valid_to: NaiveDate) -> Result<bool, DbErr> {
    let sql = "UPDATE card SET grade = $1, valid_to = $2, version = version + 1 WHERE id = $3 AND version = $4";
    if run(txn, sql, vec![grade.into(), valid_to.into(), card.id.0.into(), card.version.into()]).await? == 0 {
        return Ok(false);
    }
    set_sub_ends(txn, card.id, card.valid_to, valid_to).await?;
    let sql = "UPDATE card SET grade = $1, version = version + 1 WHERE principal_card_id = $2 AND grade <> $1 AND status IN ('ACTIVE', 'SUSPENDED')";
    run(txn, sql, vec![grade.into(), card.id.0.into()]).await?;
    Ok(true)
}

/// Lets the sub-cards of a card end with it, that ended when it did before.
pub async fn set_sub_ends(txn: &impl ConnectionTrait, principal: CardId, before: NaiveDate, valid_to: NaiveDate) -> Result<u64, DbErr> {
    let sql = "UPDATE card SET valid_to = $1, version = version + 1 WHERE principal_card_id = $2 AND valid_to = $3 AND status IN ('ACTIVE', 'SUSPENDED')";
    run(txn, sql, vec![valid_to.into(), principal.0.into(), before.into()]).await
}

/// A card that is to be reminded of its end.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The card.
    pub card: CardId,
    /// Its holder.
    pub holder: PersonId,
    /// Its last day.
    pub valid_to: NaiveDate,
}

/// Principal cards in force whose last day lies between these days, and of which no reminder of `days` was given, those that
/// end first before the others.
pub async fn endings(db: &impl ConnectionTrait, (from, to): (NaiveDate, NaiveDate), days: u32, limit: u32) -> Result<Vec<Ending>, DbErr> {
    let sql = "SELECT c.id, c.holder_person_id, c.valid_to FROM card c WHERE c.valid_to BETWEEN $1 AND $2 AND c.status = 'ACTIVE' \
               AND c.principal_card_id IS NULL AND NOT EXISTS (SELECT 1 FROM card_reminder r WHERE r.card_id = c.id AND r.valid_to = c.valid_to \
               AND r.days = $3) ORDER BY c.valid_to, c.id LIMIT $4";
    let values = vec![from.into(), to.into(), i64::from(days).into(), i64::from(limit).into()];
    let of =
        |row: &QueryResult| Ok(Ending { card: row.try_get("", "id")?, holder: row.try_get("", "holder_person_id")?, valid_to: row.try_get("", "valid_to")? });
    all(db, sql, values).await?.iter().map(of).collect()
}

/// Writes down that a holder is reminded. `false`: she was before, perhaps by another process. The database decides.
pub async fn insert_reminder(txn: &impl ConnectionTrait, ending: Ending, days: u32, at: DateTime<Utc>) -> Result<bool, DbErr> {
    let sql = "INSERT INTO card_reminder (card_id, valid_to, days, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    Ok(run(txn, sql, vec![ending.card.0.into(), ending.valid_to.into(), i64::from(days).into(), at.into()]).await? == 1)
}

/// The place of a card in the status lists: which list, and where in it.
pub async fn place(db: &impl ConnectionTrait, card: CardId) -> Result<Option<(u32, u32)>, DbErr> {
    let rows = all(db, "SELECT list, place FROM card_place WHERE card_id = $1", vec![card.0.into()]).await?;
    rows.first().map(|row| Ok((number(row, "list")?, number(row, "place")?))).transpose()
}

fn number(row: &QueryResult, column: &str) -> Result<u32, DbErr> {
    u32::try_from(row.try_get::<i32>("", column)?).map_err(|_| DbErr::Type(format!("{column} is less than nothing")))
}

/// The newest status list that has places, 0 where none has.
pub async fn newest_list(db: &impl ConnectionTrait) -> Result<u32, DbErr> {
    let rows = all(db, "SELECT COALESCE(MAX(list), 0) AS list FROM card_place", Vec::new()).await?;
    rows.first().map_or(Ok(0), |row| number(row, "list"))
}

/// Gives a card a place. `false`: the place is taken, or the card has one. The database decides.
pub async fn take_place(txn: &impl ConnectionTrait, card: CardId, (list, place): (u32, u32)) -> Result<bool, DbErr> {
    let sql = "INSERT INTO card_place (card_id, list, place) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(run(txn, sql, vec![card.0.into(), i64::from(list).into(), i64::from(place).into()]).await? == 1)
}

/// A card that is not simply valid, with its place in a list.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// The place.
    pub place: u32,
    /// Its standing and its days as stored.
    pub stored: (CardStatus, NaiveDate, NaiveDate),
    /// How its principal card is stored, of a sub-card.
    pub above: Option<(CardStatus, NaiveDate)>,
    /// Whether it has a number that is good.
    pub numbered: bool,
}

/// The cards of a list that may be other than valid on a day. One statement.
pub async fn not_valid(db: &impl ConnectionTrait, list: u32, day: NaiveDate) -> Result<Vec<Placed>, DbErr> {
    let sql = "SELECT p.place, c.status, c.valid_from, c.valid_to, up.status AS up_status, up.valid_to AS up_valid_to, n.number FROM card_place p \
               JOIN card c ON c.id = p.card_id LEFT JOIN card up ON up.id = c.principal_card_id \
               LEFT JOIN card_number n ON n.card_id = c.id AND n.ended_at IS NULL WHERE p.list = $1 \
               AND (c.status <> 'ACTIVE' OR c.valid_to < $2 OR c.valid_from > $2 OR n.number IS NULL OR up.status <> 'ACTIVE' OR up.valid_to < $2)";
    let of = |row: &QueryResult| {
        Ok(Placed {
            place: number(row, "place")?,
            stored: (row.try_get("", "status")?, row.try_get("", "valid_from")?, row.try_get("", "valid_to")?),
            above: above(row)?,
            numbered: row.try_get::<Option<String>>("", "number")?.is_some(),
        })
    };
    all(db, sql, vec![i64::from(list).into(), day.into()]).await?.iter().map(of).collect()
}
