//! Every query of the slice, as raw statements that both engines read alike.

pub mod life;

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::kernel::ids::{ApplicationId, BenefitEntryId, BenefitId, BodyId, CardCheckId, CardId, CardProductId, CardProductVersionId, PersonId, UnitId};
use crate::kernel::page::COUNT_CAP;
use crate::kernel::text::Text;
use crate::talent_card::model::bundle::{BundleBenefit, BundleProduct, BundleVersion};
use crate::talent_card::model::card::{Card, CardEventKind, CardStatus, IssuedNumber, NumberEnd};
use crate::talent_card::model::check::{Check, CheckPurpose, Counter};
use crate::talent_card::model::ledger::{Balance, BalanceKey, Use};
use crate::talent_card::model::product::{Beneficiary, Benefit, Grade, Offer, Product, Version};

async fn run(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<u64, DbErr> {
    Ok(db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?.rows_affected())
}

async fn all(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await
}

/// `$from, …` for `count` values.
fn places(from: usize, count: usize) -> String {
    (from..from + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

fn json<T: serde::de::DeserializeOwned>(row: &QueryResult, column: &str) -> Result<T, DbErr> {
    serde_json::from_value(row.try_get("", column)?).map_err(|e| DbErr::Type(format!("{column}: {e}")))
}

fn text_or_none(row: &QueryResult, column: &str) -> Result<Option<Text>, DbErr> {
    row.try_get::<Option<serde_json::Value>>("", column)?
        .filter(|v| !v.is_null())
        .map(|v| serde_json::from_value(v).map_err(|e| DbErr::Type(format!("{column}: {e}"))))
        .transpose()
}

fn to_json(value: &impl serde::Serialize) -> Result<Value, DbErr> {
    serde_json::to_value(value).map(Value::from).map_err(|e| DbErr::Type(e.to_string()))
}

fn to_json_or_null(value: Option<&Text>) -> Result<Value, DbErr> {
    value.map_or(Ok(Value::Json(None)), to_json)
}

const OFFER: &str = "SELECT p.id AS p_id, p.code, p.level, p.region_code AS p_region, p.issuer, p.issuer_body_id, p.name, p.number_prefix, p.sub_cards, \
    p.verification AS p_verification, p.source AS p_source, v.id AS v_id, v.number, v.legal_basis, v.effective_from, v.effective_to, v.grades, v.max_years, \
    v.verification AS v_verification, v.source AS v_source, b.id AS b_id, b.position, b.area, b.grade, b.beneficiary, b.region_code, b.authority, \
    b.authority_body_id, b.yearly_quota, b.unit_of_count, b.carry_over, b.title, b.description, b.area_verification, b.verification, b.source \
    FROM card_product p JOIN card_product_version v ON v.product_id = p.id LEFT JOIN benefit b ON b.product_version_id = v.id";

/// The versions with these ids, with product and benefits. One statement.
pub async fn offers(db: &impl ConnectionTrait, ids: &[CardProductVersionId]) -> Result<Vec<Offer>, DbErr> {
    let values = ids.iter().map(|id| id.0.into()).collect();
    let rows = all(db, &format!("{OFFER} WHERE v.id IN ({}) ORDER BY p.code, v.number, b.position", places(1, ids.len())), values).await?;
    let mut offers: Vec<Offer> = Vec::new();
    for row in rows {
        let id: CardProductVersionId = row.try_get("", "v_id")?;
        if offers.last().is_none_or(|last| last.version.id != id) {
            offers.push(Offer { product: product(&row)?, version: version(&row, id)?, benefits: Vec::new() });
        }
        if let (Some(b_id), Some(last)) = (row.try_get::<Option<Uuid>>("", "b_id")?, offers.last_mut()) {
            last.benefits.push(benefit(&row, BenefitId(b_id))?);
        }
    }
    Ok(offers)
}

const VERSION_ID: &str = "SELECT v.id FROM card_product p JOIN card_product_version v ON v.product_id = p.id";

fn ids(rows: &[QueryResult]) -> Result<Vec<CardProductVersionId>, DbErr> {
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Every version, by product and number. One statement, which reads no benefit.
pub async fn versions(db: &impl ConnectionTrait) -> Result<Vec<CardProductVersionId>, DbErr> {
    ids(&all(db, &format!("{VERSION_ID} ORDER BY p.code, v.number"), Vec::new()).await?)
}

/// The version of a product with this number.
pub async fn version_numbered(db: &impl ConnectionTrait, product: &str, number: i32) -> Result<Option<CardProductVersionId>, DbErr> {
    let rows = all(db, &format!("{VERSION_ID} WHERE p.code = $1 AND v.number = $2"), vec![product.into(), number.into()]).await?;
    Ok(ids(&rows)?.pop())
}

/// Number of the newest version of a product in force on a day. An unknown first day counts as long past.
pub async fn number_in_force(db: &impl ConnectionTrait, product: &str, day: NaiveDate) -> Result<Option<i32>, DbErr> {
    let sql = "SELECT v.number FROM card_product p JOIN card_product_version v ON v.product_id = p.id WHERE p.code = $1 \
               AND (v.effective_from IS NULL OR v.effective_from <= $2) AND (v.effective_to IS NULL OR v.effective_to >= $2) ORDER BY v.number DESC LIMIT 1";
    all(db, sql, vec![product.into(), day.into()]).await?.first().map(|row| row.try_get("", "number")).transpose()
}

fn product(row: &QueryResult) -> Result<Product, DbErr> {
    Ok(Product {
        id: row.try_get("", "p_id")?,
        code: row.try_get("", "code")?,
        level: row.try_get("", "level")?,
        region_code: row.try_get("", "p_region")?,
        issuer: text_or_none(row, "issuer")?,
        issuer_body: row.try_get::<Option<Uuid>>("", "issuer_body_id")?.map(BodyId),
        name: json(row, "name")?,
        number_prefix: row.try_get("", "number_prefix")?,
        sub_cards: row.try_get("", "sub_cards")?,
        verification: row.try_get("", "p_verification")?,
        source: row.try_get("", "p_source")?,
    })
}

fn version(row: &QueryResult, id: CardProductVersionId) -> Result<Version, DbErr> {
    Ok(Version {
        id,
        number: row.try_get("", "number")?,
        legal_basis: text_or_none(row, "legal_basis")?,
        effective_from: row.try_get("", "effective_from")?,
        effective_to: row.try_get("", "effective_to")?,
        grades: json::<Vec<Grade>>(row, "grades")?,
        max_years: row.try_get::<Option<i32>>("", "max_years")?.and_then(|years| u32::try_from(years).ok()),
        verification: row.try_get("", "v_verification")?,
        source: row.try_get("", "v_source")?,
    })
}

fn benefit(row: &QueryResult, id: BenefitId) -> Result<Benefit, DbErr> {
    Ok(Benefit {
        id,
        position: row.try_get("", "position")?,
        area: row.try_get("", "area")?,
        grade: row.try_get("", "grade")?,
        beneficiary: row.try_get("", "beneficiary")?,
        region_code: row.try_get("", "region_code")?,
        authority: json(row, "authority")?,
        authority_body: row.try_get::<Option<Uuid>>("", "authority_body_id")?.map(BodyId),
        yearly_quota: row.try_get("", "yearly_quota")?,
        unit_of_count: row.try_get("", "unit_of_count")?,
        carry_over: row.try_get("", "carry_over")?,
        title: json(row, "title")?,
        description: json(row, "description")?,
        area_verification: row.try_get("", "area_verification")?,
        verification: row.try_get("", "verification")?,
        source: row.try_get("", "source")?,
    })
}

/// Adds or refreshes a product; one of a newer bundle is left alone. Gives its id.
pub async fn put_product(txn: &impl ConnectionTrait, id: CardProductId, p: &BundleProduct, bundle: i64) -> Result<CardProductId, DbErr> {
    run(
        txn,
        "INSERT INTO card_product (id, code, level, region_code, issuer, name, number_prefix, last_sequence, sub_cards, verification, source, bundle) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11) ON CONFLICT (code) DO UPDATE SET level = excluded.level, region_code = excluded.region_code, \
         issuer = excluded.issuer, name = excluded.name, sub_cards = excluded.sub_cards, verification = excluded.verification, source = excluded.source, \
         bundle = excluded.bundle WHERE card_product.bundle < excluded.bundle",
        vec![
            id.0.into(),
            p.code.clone().into(),
            p.level.code().into(),
            p.region_code.clone().into(),
            to_json_or_null(p.issuer.as_ref())?,
            to_json(&p.name)?,
            p.number_prefix.clone().into(),
            p.sub_cards.code().into(),
            p.verification.code().into(),
            p.source.clone().into(),
            bundle.into(),
        ],
    )
    .await?;
    let rows = all(txn, "SELECT id FROM card_product WHERE code = $1", vec![p.code.clone().into()]).await?;
    rows.first().ok_or_else(|| DbErr::RecordNotFound("card_product".into()))?.try_get("", "id")
}

/// Adds a version. `None`: it is new; else the hash of what was published under this number.
pub async fn put_version(
    txn: &impl ConnectionTrait,
    id: CardProductVersionId,
    product: CardProductId,
    v: &BundleVersion,
    hash: &str,
) -> Result<Option<String>, DbErr> {
    let rows = run(
        txn,
        "INSERT INTO card_product_version (id, product_id, number, legal_basis, effective_from, effective_to, grades, max_years, verification, source, content_hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (product_id, number) DO NOTHING",
        vec![
            id.0.into(),
            product.0.into(),
            v.number.into(),
            to_json_or_null(v.legal_basis.as_ref())?,
            v.effective_from.into(),
            v.effective_to.into(),
            to_json(&v.grades)?,
            v.max_years.and_then(|years| i32::try_from(years).ok()).into(),
            v.verification.code().into(),
            v.source.clone().into(),
            hash.into(),
        ],
    )
    .await?;
    if rows == 1 {
        return Ok(None);
    }
    let sql = "SELECT content_hash FROM card_product_version WHERE product_id = $1 AND number = $2";
    let rows = all(txn, sql, vec![product.0.into(), v.number.into()]).await?;
    rows.first().map(|row| row.try_get("", "content_hash")).transpose()
}

/// Adds a benefit of a new version.
pub async fn insert_benefit(txn: &impl ConnectionTrait, id: BenefitId, version: CardProductVersionId, position: i32, b: &BundleBenefit) -> Result<(), DbErr> {
    run(
        txn,
        "INSERT INTO benefit (id, product_version_id, position, code, area, grade, beneficiary, region_code, authority, yearly_quota, unit_of_count, carry_over, \
         title, description, area_verification, verification, source) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        vec![
            id.0.into(),
            version.0.into(),
            position.into(),
            b.code.clone().into(),
            b.area.code().into(),
            b.grade.clone().into(),
            b.beneficiary.code().into(),
            b.region_code.clone().into(),
            to_json(&b.authority)?,
            b.yearly_quota.into(),
            b.unit_of_count.code().into(),
            b.carry_over.code().into(),
            to_json(&b.title)?,
            to_json(&b.description)?,
            b.area_verification.code().into(),
            b.verification.code().into(),
            b.source.clone().into(),
        ],
    )
    .await
    .map(|_| ())
}

const CARD: &str = "SELECT c.id, c.product_version_id, c.grade, c.holder_person_id, c.beneficiary, c.principal_card_id, c.application_id, c.valid_from, \
    c.valid_to, c.status, c.issued_at, c.version, n.number, n.issued_at AS n_issued_at, n.ended_at, n.end_reason, \
    up.status AS up_status, up.valid_to AS up_valid_to \
    FROM card c LEFT JOIN card_number n ON n.card_id = c.id LEFT JOIN card up ON up.id = c.principal_card_id";

/// How the principal card is stored, of a sub-card.
fn above(row: &QueryResult) -> Result<Option<(CardStatus, NaiveDate)>, DbErr> {
    let status = row.try_get::<Option<String>>("", "up_status")?.and_then(|code| code.parse::<CardStatus>().ok());
    Ok(status.zip(row.try_get::<Option<NaiveDate>>("", "up_valid_to")?))
}

fn fold(rows: &[QueryResult]) -> Result<Vec<Card>, DbErr> {
    let mut cards: Vec<Card> = Vec::new();
    for row in rows {
        let id: CardId = row.try_get("", "id")?;
        if cards.last().is_none_or(|last| last.id != id) {
            cards.push(Card {
                id,
                product_version: row.try_get("", "product_version_id")?,
                grade: row.try_get("", "grade")?,
                holder: row.try_get("", "holder_person_id")?,
                beneficiary: row.try_get("", "beneficiary")?,
                principal: row.try_get::<Option<Uuid>>("", "principal_card_id")?.map(CardId),
                above: above(row)?,
                application: row.try_get::<Option<Uuid>>("", "application_id")?.map(ApplicationId),
                valid_from: row.try_get("", "valid_from")?,
                valid_to: row.try_get("", "valid_to")?,
                status: row.try_get("", "status")?,
                issued_at: row.try_get("", "issued_at")?,
                version: row.try_get("", "version")?,
                numbers: Vec::new(),
            });
        }
        if let (Some(number), Some(last)) = (row.try_get::<Option<String>>("", "number")?, cards.last_mut()) {
            last.numbers.push(IssuedNumber {
                number,
                issued_at: row.try_get("", "n_issued_at")?,
                ended_at: row.try_get("", "ended_at")?,
                end_reason: row.try_get::<Option<String>>("", "end_reason")?.and_then(|code| code.parse::<NumberEnd>().ok()),
            });
        }
    }
    Ok(cards)
}

/// The cards of a holder with their numbers, redirected ids included. One statement.
pub async fn cards_of_holder(db: &impl ConnectionTrait, holder: PersonId) -> Result<Vec<Card>, DbErr> {
    let sql = format!("{CARD} WHERE c.holder_person_id IN (SELECT id FROM person WHERE id = $1 OR merged_into = $1) ORDER BY c.id, n.issued_at, n.number");
    fold(&all(db, &sql, vec![holder.0.into()]).await?)
}

/// A card of this holder.
pub async fn card_of_holder(db: &impl ConnectionTrait, holder: PersonId, id: CardId) -> Result<Option<Card>, DbErr> {
    let sql =
        format!("{CARD} WHERE c.id = $2 AND c.holder_person_id IN (SELECT id FROM person WHERE id = $1 OR merged_into = $1) ORDER BY n.issued_at, n.number");
    Ok(fold(&all(db, &sql, vec![holder.0.into(), id.0.into()]).await?)?.pop())
}

/// A card, whoever holds it. For fulfilment and counters, whose policy has decided.
pub async fn card(db: &impl ConnectionTrait, id: CardId) -> Result<Option<Card>, DbErr> {
    Ok(fold(&all(db, &format!("{CARD} WHERE c.id = $1 ORDER BY n.issued_at, n.number"), vec![id.0.into()]).await?)?.pop())
}

/// The card that has or had this number.
pub async fn card_of_number(db: &impl ConnectionTrait, number: &str) -> Result<Option<CardId>, DbErr> {
    let rows = all(db, "SELECT card_id FROM card_number WHERE number = $1", vec![number.into()]).await?;
    rows.first().map(|row| row.try_get("", "card_id")).transpose()
}

/// The card that was issued for a case.
pub async fn card_of_application(db: &impl ConnectionTrait, application: ApplicationId) -> Result<Option<Card>, DbErr> {
    Ok(fold(&all(db, &format!("{CARD} WHERE c.application_id = $1 ORDER BY n.issued_at, n.number"), vec![application.0.into()]).await?)?.pop())
}

/// Whether the holder has a principal card of the product that has not ended.
pub async fn holds(db: &impl ConnectionTrait, holder: PersonId, product: CardProductId, day: NaiveDate) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM card WHERE product_id = $1 AND principal_card_id IS NULL AND status IN ('ACTIVE', 'SUSPENDED') AND valid_to >= $2 \
               AND holder_person_id IN (SELECT id FROM person WHERE id = $3 OR merged_into = $3)";
    Ok(!all(db, sql, vec![product.0.into(), day.into(), holder.0.into()]).await?.is_empty())
}

/// Marks principal cards of the holder as expired whose last day has passed, so that the unique index lets a new one in.
pub async fn expire(txn: &impl ConnectionTrait, holder: PersonId, product: CardProductId, day: NaiveDate) -> Result<u64, DbErr> {
    let sql = "UPDATE card SET status = 'EXPIRED', version = version + 1 WHERE product_id = $1 AND status IN ('ACTIVE', 'SUSPENDED') AND valid_to < $2 \
               AND holder_person_id IN (SELECT id FROM person WHERE id = $3 OR merged_into = $3)";
    run(txn, sql, vec![product.0.into(), day.into(), holder.0.into()]).await
}

/// Takes the next `count` sequences of a product's numbers; gives the last of them.
pub async fn take_sequences(txn: &impl ConnectionTrait, product: CardProductId, count: i64) -> Result<Option<i64>, DbErr> {
    let sql = "UPDATE card_product SET last_sequence = last_sequence + $2 WHERE id = $1 RETURNING last_sequence";
    let rows = all(txn, sql, vec![product.0.into(), count.into()]).await?;
    rows.first().map(|row| row.try_get("", "last_sequence")).transpose()
}

/// Adds a card. `false`: the holder has a principal card of the product in force. That a case has its card already is no such
/// answer but an error.
pub async fn insert_card(txn: &impl ConnectionTrait, product: CardProductId, card: &Card) -> Result<bool, DbErr> {
    let sql = "INSERT INTO card (id, product_id, product_version_id, grade, holder_person_id, beneficiary, principal_card_id, application_id, valid_from, \
               valid_to, status, issued_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1) \
               ON CONFLICT (holder_person_id, product_id) WHERE status IN ('ACTIVE', 'SUSPENDED') AND principal_card_id IS NULL DO NOTHING";
    let values = vec![
        card.id.0.into(),
        product.0.into(),
        card.product_version.0.into(),
        card.grade.clone().into(),
        card.holder.0.into(),
        card.beneficiary.code().into(),
        card.principal.map(|c| c.0).into(),
        card.application.map(|a| a.0).into(),
        card.valid_from.into(),
        card.valid_to.into(),
        card.status.code().into(),
        card.issued_at.into(),
    ];
    Ok(run(txn, sql, values).await? == 1)
}

/// Adds a number to a card.
pub async fn insert_number(txn: &impl ConnectionTrait, card: CardId, number: &str, at: DateTime<Utc>) -> Result<(), DbErr> {
    run(txn, "INSERT INTO card_number (number, card_id, issued_at) VALUES ($1, $2, $3)", vec![number.into(), card.0.into(), at.into()]).await.map(|_| ())
}

/// Ends the number of a card that is good now.
pub async fn end_number(txn: &impl ConnectionTrait, card: CardId, reason: NumberEnd, at: DateTime<Utc>) -> Result<u64, DbErr> {
    let sql = "UPDATE card_number SET ended_at = $1, end_reason = $2 WHERE card_id = $3 AND ended_at IS NULL";
    run(txn, sql, vec![at.into(), reason.code().into(), card.0.into()]).await
}

/// Changes the standing of a card that still has `version`.
pub async fn set_status(txn: &impl ConnectionTrait, card: CardId, version: i64, status: CardStatus) -> Result<bool, DbErr> {
    let sql = "UPDATE card SET status = $1, version = version + 1 WHERE id = $2 AND version = $3";
    Ok(run(txn, sql, vec![status.code().into(), card.0.into(), version.into()]).await? == 1)
}

/// Adds to the life of a card.
pub async fn insert_event(
    txn: &impl ConnectionTrait,
    id: Uuid,
    card: CardId,
    kind: CardEventKind,
    at: DateTime<Utc>,
    by: Option<PersonId>,
    application: Option<ApplicationId>,
    reason_sealed: Option<Vec<u8>>,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO card_event (id, card_id, kind, at, by_person_id, application_id, reason_sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = vec![id.into(), card.0.into(), kind.code().into(), at.into(), by.map(|p| p.0).into(), application.map(|a| a.0).into(), reason_sealed.into()];
    run(txn, sql, values).await.map(|_| ())
}

/// Adds a token, and sweeps those of the card that ended before `old`.
pub async fn insert_token(txn: &impl ConnectionTrait, jti: Uuid, card: CardId, expires_at: DateTime<Utc>, old: DateTime<Utc>) -> Result<(), DbErr> {
    run(txn, "DELETE FROM card_token WHERE card_id = $1 AND expires_at < $2", vec![card.0.into(), old.into()]).await?;
    let sql = "INSERT INTO card_token (jti, card_id, expires_at) VALUES ($1, $2, $3)";
    run(txn, sql, vec![jti.into(), card.0.into(), expires_at.into()]).await.map(|_| ())
}

/// Spends a token. `false`: it was spent before. The database decides.
pub async fn spend_token(txn: &impl ConnectionTrait, jti: Uuid, at: DateTime<Utc>) -> Result<bool, DbErr> {
    Ok(run(txn, "UPDATE card_token SET spent_at = $1 WHERE jti = $2 AND spent_at IS NULL", vec![at.into(), jti.into()]).await? == 1)
}

/// Which of these counters may check cards for a purpose, the first in order. Reads the rows of these counters only.
pub async fn counter_for(db: &impl ConnectionTrait, counters: &[Counter], purpose: CheckPurpose) -> Result<Option<Counter>, DbErr> {
    let mut allowed = Vec::new();
    for (column, ids) in [
        ("unit_id", counters.iter().filter_map(|c| c.unit().map(|id| id.0)).collect::<Vec<Uuid>>()),
        ("body_id", counters.iter().filter_map(|c| c.body().map(|id| id.0)).collect()),
    ] {
        if ids.is_empty() {
            continue;
        }
        // The unique index on place and purpose serves.
        let sql = format!("SELECT unit_id, body_id FROM counter_purpose WHERE {column} IN ({}) AND purpose = $1", places(2, ids.len()));
        let values = std::iter::once(purpose.code().into()).chain(ids.into_iter().map(Value::from)).collect();
        for row in &all(db, &sql, values).await? {
            let unit = row.try_get::<Option<Uuid>>("", "unit_id")?.map(UnitId);
            allowed.extend(Counter::of(unit, row.try_get::<Option<Uuid>>("", "body_id")?.map(BodyId)));
        }
    }
    Ok(counters.iter().copied().find(|counter| allowed.contains(counter)))
}

/// Allows a counter a purpose, or takes it back. Repeating it changes nothing.
pub async fn set_purpose(
    txn: &impl ConnectionTrait,
    id: Uuid,
    counter: Counter,
    purpose: CheckPurpose,
    allowed: bool,
    by: PersonId,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (unit, body) = (counter.unit().map(|u| u.0), counter.body().map(|b| b.0));
    if allowed {
        let sql = "INSERT INTO counter_purpose (id, unit_id, body_id, purpose, allowed_by_person_id, allowed_at) VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT DO NOTHING";
        run(txn, sql, vec![id.into(), unit.into(), body.into(), purpose.code().into(), by.0.into(), at.into()]).await?;
    } else {
        let column = if unit.is_some() { "unit_id" } else { "body_id" };
        let sql = format!("DELETE FROM counter_purpose WHERE {column} = $1 AND purpose = $2");
        run(txn, &sql, vec![unit.or(body).into(), purpose.code().into()]).await?;
    }
    Ok(())
}

/// Adds a check.
pub async fn insert_check(txn: &impl ConnectionTrait, c: &Check) -> Result<(), DbErr> {
    let sql = "INSERT INTO card_check (id, card_id, checked_by_person_id, unit_id, body_id, purpose, via, checked_at, valid_until, answer, list_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = vec![
        c.id.0.into(),
        c.card.0.into(),
        c.checked_by.0.into(),
        c.counter.unit().map(|u| u.0).into(),
        c.counter.body().map(|b| b.0).into(),
        c.purpose.code().into(),
        c.via.code().into(),
        c.at.into(),
        c.valid_until.into(),
        c.answer.code().into(),
        c.list_at.into(),
    ];
    run(txn, sql, values).await.map(|_| ())
}

const CHECK: &str = "SELECT id, card_id, checked_by_person_id, unit_id, body_id, purpose, via, checked_at, valid_until, answer, list_at FROM card_check";

fn check_of(row: &QueryResult) -> Result<Check, DbErr> {
    let unit = row.try_get::<Option<Uuid>>("", "unit_id")?.map(UnitId);
    let body = row.try_get::<Option<Uuid>>("", "body_id")?.map(BodyId);
    Ok(Check {
        id: row.try_get("", "id")?,
        card: row.try_get("", "card_id")?,
        checked_by: row.try_get("", "checked_by_person_id")?,
        counter: Counter::of(unit, body).ok_or_else(|| DbErr::Type("a check without a counter".into()))?,
        purpose: row.try_get("", "purpose")?,
        via: row.try_get("", "via")?,
        at: row.try_get("", "checked_at")?,
        valid_until: row.try_get("", "valid_until")?,
        answer: row.try_get("", "answer")?,
        list_at: row.try_get("", "list_at")?,
    })
}

/// A check.
pub async fn check(db: &impl ConnectionTrait, id: CardCheckId) -> Result<Option<Check>, DbErr> {
    all(db, &format!("{CHECK} WHERE id = $1"), vec![id.0.into()]).await?.first().map(check_of).transpose()
}

/// How many checks of a card there were, up to [`COUNT_CAP`].
pub async fn count_checks(db: &impl ConnectionTrait, card: CardId) -> Result<u64, DbErr> {
    let text = format!("SELECT COUNT(*) FROM (SELECT 1 FROM card_check WHERE card_id = $1 LIMIT {COUNT_CAP}) found");
    let rows = all(db, &text, vec![card.0.into()]).await?;
    rows.first().map_or(Ok(0), |row| row.try_get_by_index::<i64>(0).map(i64::unsigned_abs))
}

/// Checks of a card, newest first, before `before`.
pub async fn checks_of_card(db: &impl ConnectionTrait, card: CardId, before: Option<Uuid>, limit: u64) -> Result<Vec<Check>, DbErr> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = match before {
        None => all(db, &format!("{CHECK} WHERE card_id = $1 ORDER BY id DESC LIMIT $2"), vec![card.0.into(), limit.into()]).await?,
        Some(id) => {
            let sql = format!("{CHECK} WHERE card_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
            all(db, &sql, vec![card.0.into(), id.into(), limit.into()]).await?
        }
    };
    rows.iter().map(check_of).collect()
}

/// Balances of a year of these cards. One statement.
pub async fn balances(db: &impl ConnectionTrait, cards: &[CardId], year: i32) -> Result<HashMap<CardId, Vec<Balance>>, DbErr> {
    let mut found: HashMap<CardId, Vec<Balance>> = HashMap::new();
    if cards.is_empty() {
        return Ok(found);
    }
    let sql = format!(
        "SELECT card_id, benefit_id, beneficiary_person_id, year, quota, used FROM benefit_balance WHERE year = $1 AND card_id IN ({}) \
         ORDER BY card_id, benefit_id, beneficiary_person_id",
        places(2, cards.len())
    );
    let values = std::iter::once(year.into()).chain(cards.iter().map(|c| c.0.into())).collect();
    for row in all(db, &sql, values).await? {
        let key = BalanceKey {
            card: row.try_get("", "card_id")?,
            benefit: row.try_get("", "benefit_id")?,
            beneficiary: row.try_get("", "beneficiary_person_id")?,
            year: row.try_get("", "year")?,
        };
        found.entry(key.card).or_default().push(Balance { key, quota: row.try_get("", "quota")?, used: row.try_get("", "used")? });
    }
    Ok(found)
}

/// Takes units of a balance, which is begun with `quota` where it is not there; `beside` units of it were used elsewhere.
/// `None`: not enough is left. The database decides.
pub async fn take(txn: &impl ConnectionTrait, key: BalanceKey, quota: Option<i64>, amount: i64, beside: i64) -> Result<Option<Balance>, DbErr> {
    let sql =
        "INSERT INTO benefit_balance (card_id, benefit_id, beneficiary_person_id, year, quota, used) VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING";
    let place = || -> Vec<Value> { vec![key.card.0.into(), key.benefit.0.into(), key.beneficiary.0.into(), key.year.into()] };
    let mut values = place();
    values.push(quota.into());
    run(txn, sql, values).await?;
    let sql = "UPDATE benefit_balance SET used = used + $5 WHERE card_id = $1 AND benefit_id = $2 AND beneficiary_person_id = $3 AND year = $4 \
               AND (quota IS NULL OR used + $5 + $6 <= quota) RETURNING quota, used";
    let mut values = place();
    values.extend([amount.into(), beside.into()]);
    all(txn, sql, values).await?.first().map(|row| Ok(Balance { key, quota: row.try_get("", "quota")?, used: row.try_get("", "used")? })).transpose()
}

/// Units that a person used in a year of what a benefit gives (its code and region in one product), under any card and
/// under any version but `key`'s own balance: a second card of a product does not begin the quota anew.
pub async fn used_beside(txn: &impl ConnectionTrait, key: BalanceKey) -> Result<i64, DbErr> {
    let sql = "SELECT CAST(COALESCE(SUM(l.used), 0) AS BIGINT) AS used FROM benefit_balance l JOIN card c ON c.id = l.card_id JOIN benefit b ON b.id = l.benefit_id \
               JOIN card own ON own.id = $1 JOIN benefit wanted ON wanted.id = $2 \
               WHERE l.beneficiary_person_id = $3 AND l.year = $4 AND NOT (l.card_id = $1 AND l.benefit_id = $2) AND c.product_id = own.product_id \
               AND b.code = wanted.code AND b.unit_of_count = wanted.unit_of_count AND COALESCE(b.region_code, '') = COALESCE(wanted.region_code, '')";
    let rows = all(txn, sql, vec![key.card.0.into(), key.benefit.0.into(), key.beneficiary.0.into(), key.year.into()]).await?;
    rows.first().map_or(Ok(0), |row| row.try_get("", "used"))
}

/// Lets the balances of `absorbed` be those of `survivor`. Where both used the same, the sum counts, up to the quota:
/// what was used beyond it by two names is in the entries, and nothing is left.
pub async fn move_balances(txn: &impl ConnectionTrait, absorbed: PersonId, survivor: PersonId) -> Result<u64, DbErr> {
    let sql = "INSERT INTO benefit_balance (card_id, benefit_id, beneficiary_person_id, year, quota, used) \
               SELECT card_id, benefit_id, $2, year, quota, used FROM benefit_balance WHERE beneficiary_person_id = $1 \
               ON CONFLICT (card_id, benefit_id, beneficiary_person_id, year) DO UPDATE SET used = CASE \
               WHEN benefit_balance.quota IS NOT NULL AND benefit_balance.used + excluded.used > benefit_balance.quota THEN benefit_balance.quota \
               ELSE benefit_balance.used + excluded.used END";
    run(txn, sql, vec![absorbed.0.into(), survivor.0.into()]).await?;
    run(txn, "DELETE FROM benefit_balance WHERE beneficiary_person_id = $1", vec![absorbed.0.into()]).await
}

/// An entry of the ledger to be written.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Id.
    pub id: BenefitEntryId,
    /// Balance.
    pub key: BalanceKey,
    /// Units.
    pub delta: i64,
    /// The check that it was recorded under.
    pub check: Check,
    /// When the benefit was delivered (UTC).
    pub at: DateTime<Utc>,
    /// Who recorded it.
    pub by: PersonId,
    /// Note under the holder's key.
    pub note_sealed: Option<Vec<u8>>,
}

/// Adds an entry to the ledger.
pub async fn insert_entry(txn: &impl ConnectionTrait, e: NewEntry) -> Result<(), DbErr> {
    let sql = "INSERT INTO benefit_entry (id, card_id, benefit_id, beneficiary_person_id, year, kind, delta, check_id, delivered_at, recorded_by_person_id, \
               unit_id, body_id, channel, note_sealed) VALUES ($1, $2, $3, $4, $5, 'USE', $6, $7, $8, $9, $10, $11, 'WINDOW', $12)";
    let values = vec![
        e.id.0.into(),
        e.key.card.0.into(),
        e.key.benefit.0.into(),
        e.key.beneficiary.0.into(),
        e.key.year.into(),
        e.delta.into(),
        e.check.id.0.into(),
        e.at.into(),
        e.by.0.into(),
        e.check.counter.unit().map(|u| u.0).into(),
        e.check.counter.body().map(|b| b.0).into(),
        e.note_sealed.into(),
    ];
    run(txn, sql, values).await.map(|_| ())
}

/// A use by its entry in the ledger.
pub async fn entry(db: &impl ConnectionTrait, id: BenefitEntryId) -> Result<Option<Use>, DbErr> {
    let text = "SELECT card_id, benefit_id, beneficiary_person_id, year, delta, delivered_at FROM benefit_entry WHERE id = $1";
    let rows = all(db, text, vec![id.0.into()]).await?;
    rows.first()
        .map(|row| {
            let key = BalanceKey {
                card: row.try_get("", "card_id")?,
                benefit: row.try_get("", "benefit_id")?,
                beneficiary: row.try_get("", "beneficiary_person_id")?,
                year: row.try_get("", "year")?,
            };
            Ok(Use { id, key, delta: row.try_get("", "delta")?, delivered_at: row.try_get("", "delivered_at")? })
        })
        .transpose()
}

/// Adds those of the family for whom a card is, too.
pub async fn insert_beneficiaries(txn: &impl ConnectionTrait, card: CardId, beneficiaries: &[(PersonId, Beneficiary)]) -> Result<(), DbErr> {
    for (person, relation) in beneficiaries {
        let sql = "INSERT INTO card_beneficiary (card_id, person_id, relation) VALUES ($1, $2, $3)";
        run(txn, sql, vec![card.0.into(), person.0.into(), relation.code().into()]).await?;
    }
    Ok(())
}

/// For whom of the family a card is, as it was written down when it was issued.
pub async fn beneficiaries(db: &impl ConnectionTrait, card: CardId) -> Result<Vec<(PersonId, Beneficiary)>, DbErr> {
    let rows = all(db, "SELECT person_id, relation FROM card_beneficiary WHERE card_id = $1 ORDER BY person_id", vec![card.0.into()]).await?;
    rows.iter().map(|row| Ok((row.try_get("", "person_id")?, row.try_get("", "relation")?))).collect()
}

/// What a sub-card's holder is to the principal card.
pub async fn sub_card_relation(db: &impl ConnectionTrait, principal: CardId, holder: PersonId) -> Result<Option<Beneficiary>, DbErr> {
    let sql = "SELECT beneficiary FROM card WHERE principal_card_id = $1 AND status = 'ACTIVE' \
               AND holder_person_id IN (SELECT id FROM person WHERE id = $2 OR merged_into = $2)";
    all(db, sql, vec![principal.0.into(), holder.0.into()]).await?.first().map(|row| row.try_get("", "beneficiary")).transpose()
}
