//! Every query of the slice. Statements are written by hand: the session look-up is asked by every request, and the
//! others are single-row writes with a condition.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, SqlErr, Statement, Value};
use uuid::Uuid;

use crate::account::model::client::AgentClass;
use crate::account::model::code::{CodePurpose, PendingCode};
use crate::account::model::contact::ContactKind;
use crate::account::model::factor::{Factor, FactorKind};
use crate::account::model::grant::{GrantScope, InvitationRow, RoleGrant};
use crate::account::model::limit::Rate;
use crate::account::model::mandate::{Mandate, MandateScope};
use crate::account::model::session::{Lifetime, RefreshFacts, SessionActor, SessionEnd, SessionKind, SessionView};
use crate::kernel::actor::{Grant, Member, Scope};
use crate::kernel::ids::{AccountId, BodyId, ContactPointId, FactorId, GrantId, InvitationId, MandateId, PendingCodeId, PersonId, SessionId, UnitId};
use crate::kernel::page::COUNT_CAP;
use crate::kernel::role::Role;
use crate::kernel::text::Language;

fn sql(db: &impl ConnectionTrait, text: &'static str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), text, values)
}

async fn changed(db: &impl ConnectionTrait, text: &'static str, values: Vec<Value>) -> Result<u64, DbErr> {
    Ok(db.execute_raw(sql(db, text, values)).await?.rows_affected())
}

/// What became of an insert that a unique index or a foreign key may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The row is there.
    Done,
    /// Another row holds what must be unique.
    Taken,
    /// What the row refers to does not exist.
    Unknown,
}

fn inserted(result: Result<u64, DbErr>) -> Result<Inserted, DbErr> {
    match result {
        Ok(_) => Ok(Inserted::Done),
        Err(error) => match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Ok(Inserted::Taken),
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => Ok(Inserted::Unknown),
            _ => Err(error),
        },
    }
}

/// Counts a try: `true` if it was within the limit. One statement, so that equal tries at once are all counted.
pub async fn take_try(db: &impl ConnectionTrait, key: &[u8], rate: Rate, now_ms: i64) -> Result<bool, DbErr> {
    let text = "INSERT INTO rate_limit (key_hash, arrival_ms) VALUES ($1, $2) ON CONFLICT (key_hash) DO UPDATE \
                SET arrival_ms = CASE WHEN rate_limit.arrival_ms > $3 THEN rate_limit.arrival_ms ELSE $3 END + $4 \
                WHERE rate_limit.arrival_ms <= $5";
    let latest = now_ms + rate.window_ms() - rate.interval_ms();
    let values = vec![key.into(), (now_ms + rate.interval_ms()).into(), now_ms.into(), rate.interval_ms().into(), latest.into()];
    Ok(changed(db, text, values).await? == 1)
}

/// Takes back what [`take_try`] counted.
pub async fn give_back_try(db: &impl ConnectionTrait, key: &[u8], rate: Rate) -> Result<(), DbErr> {
    changed(db, "UPDATE rate_limit SET arrival_ms = arrival_ms - $2 WHERE key_hash = $1", vec![key.into(), rate.interval_ms().into()]).await.map(drop)
}

/// Whether the account that holds a confirmed contact point began a session from a network after `since`.
pub async fn knows_network(db: &impl ConnectionTrait, index: &[u8], network: &[u8], since: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "SELECT 1 FROM contact_point c JOIN session s ON s.account_id = c.account_id WHERE c.value_index = $1 AND c.verified_at IS NOT NULL \
                AND c.removed_at IS NULL AND s.created_at > $3 AND s.network_hash = $2 LIMIT 1";
    Ok(db.query_one_raw(sql(db, text, vec![index.into(), network.into(), since.into()])).await?.is_some())
}

/// The stored arrival time of a limit.
pub async fn arrival(db: &impl ConnectionTrait, key: &[u8]) -> Result<Option<i64>, DbErr> {
    match db.query_one_raw(sql(db, "SELECT arrival_ms FROM rate_limit WHERE key_hash = $1", vec![key.into()])).await? {
        Some(row) => Ok(Some(row.try_get_by_index(0)?)),
        None => Ok(None),
    }
}

/// Deletes limits that hold nobody back any more.
pub async fn sweep_limits(db: &impl ConnectionTrait, now_ms: i64) -> Result<u64, DbErr> {
    changed(db, "DELETE FROM rate_limit WHERE arrival_ms < $1", vec![now_ms.into()]).await
}

/// Adds a challenge.
pub async fn insert_code(db: &impl ConnectionTrait, code: &PendingCode, now: DateTime<Utc>) -> Result<(), DbErr> {
    let text = "INSERT INTO pending_code (id, purpose, account_id, contact_index, sealed, code_hash, language, tries, created_at, expires_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)";
    let values = vec![
        code.id.into(),
        code.purpose.code().into(),
        code.account.into(),
        code.contact_index.clone().into(),
        code.sealed.clone().into(),
        code.code_hash.clone().into(),
        code.language.code().into(),
        now.into(),
        code.expires_at.into(),
    ];
    changed(db, text, values).await.map(drop)
}

/// A challenge.
pub async fn code(db: &impl ConnectionTrait, id: PendingCodeId) -> Result<Option<PendingCode>, DbErr> {
    let text = "SELECT id, purpose, account_id, contact_index, sealed, code_hash, language, expires_at, sent_at FROM pending_code WHERE id = $1";
    db.query_one_raw(sql(db, text, vec![id.into()])).await?.map(|row| read_code(&row)).transpose()
}

fn read_code(row: &QueryResult) -> Result<PendingCode, DbErr> {
    Ok(PendingCode {
        id: row.try_get("", "id")?,
        purpose: row.try_get("", "purpose")?,
        account: row.try_get("", "account_id")?,
        contact_index: row.try_get("", "contact_index")?,
        sealed: row.try_get("", "sealed")?,
        code_hash: row.try_get("", "code_hash")?,
        language: row.try_get("", "language")?,
        expires_at: row.try_get("", "expires_at")?,
        sent_at: row.try_get("", "sent_at")?,
    })
}

/// Counts a try of a challenge that waits; `false` where none waits or all tries are spent.
pub async fn count_code_try(db: &impl ConnectionTrait, id: PendingCodeId, purpose: CodePurpose, most: i32, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "UPDATE pending_code SET tries = tries + 1 WHERE id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3 AND tries < $4";
    Ok(changed(db, text, vec![id.into(), purpose.code().into(), now.into(), most.into()]).await? == 1)
}

/// Uses a challenge up and wipes what was sealed with it; `false` where another was quicker.
pub async fn use_code(db: &impl ConnectionTrait, id: PendingCodeId, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "UPDATE pending_code SET used_at = $2, sealed = NULL, code_hash = NULL WHERE id = $1 AND used_at IS NULL AND expires_at > $2";
    Ok(changed(db, text, vec![id.into(), now.into()]).await? == 1)
}

/// Marks that the message of a challenge was handed over.
pub async fn code_sent(db: &impl ConnectionTrait, id: PendingCodeId, now: DateTime<Utc>) -> Result<(), DbErr> {
    changed(db, "UPDATE pending_code SET sent_at = $2 WHERE id = $1", vec![id.into(), now.into()]).await.map(drop)
}

/// Wipes what expired challenges hold, and deletes challenges that ended before `before`.
pub async fn sweep_codes(db: &impl ConnectionTrait, now: DateTime<Utc>, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let text = "UPDATE pending_code SET sealed = NULL, code_hash = NULL WHERE expires_at <= $1 AND (sealed IS NOT NULL OR code_hash IS NOT NULL)";
    let wiped = changed(db, text, vec![now.into()]).await?;
    changed(db, "DELETE FROM pending_code WHERE expires_at <= $1", vec![before.into()]).await?;
    changed(db, "UPDATE invitation SET sealed = NULL WHERE expires_at <= $1 AND sealed IS NOT NULL", vec![now.into()]).await?;
    Ok(wiped)
}

/// Takes the worth from the half sign-ins of an account.
pub async fn drop_half_sign_ins(db: &impl ConnectionTrait, account: AccountId, now: DateTime<Utc>) -> Result<(), DbErr> {
    let text = "UPDATE pending_code SET used_at = $2 WHERE account_id = $1 AND purpose = 'SIGN_IN' AND used_at IS NULL";
    changed(db, text, vec![account.into(), now.into()]).await.map(drop)
}

/// Deletes sessions and invitations that ended before `before`, and forgets from which network older sessions began.
pub async fn sweep_ended(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let sessions = changed(db, "DELETE FROM session WHERE ended_at < $1 OR ends_at < $1", vec![before.into()]).await?;
    changed(db, "UPDATE session SET network_hash = NULL WHERE created_at < $1 AND network_hash IS NOT NULL", vec![before.into()]).await?;
    Ok(sessions + changed(db, "DELETE FROM invitation WHERE expires_at < $1", vec![before.into()]).await?)
}

/// Whether a challenge waits: neither used nor expired.
pub async fn code_waits(db: &impl ConnectionTrait, id: Uuid, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "SELECT 1 FROM pending_code WHERE id = $1 AND used_at IS NULL AND expires_at > $2";
    Ok(db.query_one_raw(sql(db, text, vec![id.into(), now.into()])).await?.is_some())
}

/// Whether an invitation waits: neither accepted nor expired.
pub async fn invitation_waits(db: &impl ConnectionTrait, id: Uuid, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "SELECT 1 FROM invitation WHERE id = $1 AND accepted_at IS NULL AND expires_at > $2";
    Ok(db.query_one_raw(sql(db, text, vec![id.into(), now.into()])).await?.is_some())
}

/// Whether an account holds a confirmed contact point.
pub async fn holds_contact(db: &impl ConnectionTrait, account: AccountId, index: &[u8]) -> Result<bool, DbErr> {
    let text = "SELECT 1 FROM contact_point WHERE account_id = $1 AND value_index = $2 AND verified_at IS NOT NULL AND removed_at IS NULL";
    Ok(db.query_one_raw(sql(db, text, vec![account.into(), index.into()])).await?.is_some())
}

/// Whether a person holds a role under one of her ids.
pub async fn holds_role(db: &impl ConnectionTrait, person: PersonId, role: Role) -> Result<bool, DbErr> {
    let text = "SELECT 1 FROM role_grant g JOIN person p ON p.id = g.person_id JOIN person h ON h.id = $1 \
                WHERE COALESCE(p.merged_into, p.id) = COALESCE(h.merged_into, h.id) AND g.role = $2 AND g.ended_at IS NULL LIMIT 1";
    Ok(db.query_one_raw(sql(db, text, vec![person.into(), role.code().into()])).await?.is_some())
}

/// An account as sign-in sees it.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// Its person, as stored.
    pub person: PersonId,
    /// Whether it may be used.
    pub active: bool,
    /// Language of messages.
    pub language: Language,
    /// PHC string.
    pub password_hash: Option<String>,
    /// Failed sign-ins in a row.
    pub failures: i32,
}

/// The account that holds a verified contact point.
pub async fn account_by_contact(db: &impl ConnectionTrait, index: &[u8]) -> Result<Option<AccountRow>, DbErr> {
    let text = "SELECT a.id, a.person_id, a.status, a.language, a.password_hash, a.failures FROM contact_point c JOIN account a ON a.id = c.account_id \
                WHERE c.value_index = $1 AND c.verified_at IS NOT NULL AND c.removed_at IS NULL";
    db.query_one_raw(sql(db, text, vec![index.into()])).await?.map(|row| read_account(&row)).transpose()
}

/// An account.
pub async fn account(db: &impl ConnectionTrait, id: AccountId) -> Result<Option<AccountRow>, DbErr> {
    let text = "SELECT a.id, a.person_id, a.status, a.language, a.password_hash, a.failures FROM account a WHERE a.id = $1";
    db.query_one_raw(sql(db, text, vec![id.into()])).await?.map(|row| read_account(&row)).transpose()
}

fn read_account(row: &QueryResult) -> Result<AccountRow, DbErr> {
    Ok(AccountRow {
        id: row.try_get("", "id")?,
        person: row.try_get("", "person_id")?,
        active: row.try_get::<String>("", "status")? == "ACTIVE",
        language: row.try_get("", "language")?,
        password_hash: row.try_get("", "password_hash")?,
        failures: row.try_get("", "failures")?,
    })
}

/// The active account of a person, under any of her ids.
pub async fn account_of_person(db: &impl ConnectionTrait, person: PersonId) -> Result<Option<AccountId>, DbErr> {
    let text = "SELECT a.id FROM account a JOIN person p ON p.id = a.person_id WHERE (p.id = $1 OR p.merged_into = $1) AND a.status = 'ACTIVE' LIMIT 1";
    db.query_one_raw(sql(db, text, vec![person.into()])).await?.map(|row| row.try_get_by_index(0)).transpose()
}

/// The active accounts of these persons under any of their ids: who each is now, her account, and the kinds of her confirmed
/// contact points.
pub async fn reached(db: &impl ConnectionTrait, persons: &[PersonId]) -> Result<Vec<(PersonId, AccountId, Option<ContactKind>)>, DbErr> {
    if persons.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "SELECT DISTINCT COALESCE(p.merged_into, p.id), a.id, c.kind FROM person p JOIN account a ON a.person_id = p.id AND a.status = 'ACTIVE' \
         LEFT JOIN contact_point c ON c.account_id = a.id AND c.verified_at IS NOT NULL AND c.removed_at IS NULL \
         WHERE COALESCE(p.merged_into, p.id) IN ({}) ORDER BY a.id",
        places(0, persons.len())
    );
    let values: Vec<Value> = persons.iter().map(|person| Value::from(*person)).collect();
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, values)).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?))).collect()
}

/// Whether there is any person, or anybody was invited: an installation that was begun is no empty one.
pub async fn is_begun(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(db.query_one_raw(sql(db, "SELECT 1 FROM person UNION ALL SELECT 1 FROM invitation LIMIT 1", vec![])).await?.is_some())
}

/// Adds an account.
pub async fn insert_account(
    db: &impl ConnectionTrait,
    id: AccountId,
    person: PersonId,
    language: Language,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<Inserted, DbErr> {
    let text = "INSERT INTO account (id, person_id, status, language, password_hash, password_changed_at, failures, created_at) \
                VALUES ($1, $2, 'ACTIVE', $3, $4, $5, 0, $5)";
    inserted(changed(db, text, vec![id.into(), person.into(), language.code().into(), hash.into(), now.into()]).await)
}

/// Sets the language of an account; tells whether it was another one.
pub async fn set_language(db: &impl ConnectionTrait, id: AccountId, language: Language) -> Result<bool, DbErr> {
    let text = "UPDATE account SET language = $2 WHERE id = $1 AND language <> $2";
    Ok(changed(db, text, vec![id.into(), language.code().into()]).await? == 1)
}

/// Counts a failed sign-in, or forgets all of them.
pub async fn set_failures(db: &impl ConnectionTrait, id: AccountId, failed: bool) -> Result<(), DbErr> {
    let text = "UPDATE account SET failures = CASE WHEN $2 THEN failures + 1 ELSE 0 END WHERE id = $1";
    changed(db, text, vec![id.into(), failed.into()]).await.map(drop)
}

/// Stores a new password (`changed` tells that its owner chose it; else it was only hashed anew).
pub async fn set_password(db: &impl ConnectionTrait, id: AccountId, hash: &str, changed_at: Option<DateTime<Utc>>) -> Result<(), DbErr> {
    let text = "UPDATE account SET password_hash = $2, password_changed_at = COALESCE($3, password_changed_at) WHERE id = $1";
    changed(db, text, vec![id.into(), hash.into(), changed_at.into()]).await.map(drop)
}

/// Whether an account has a confirmed factor beside the password.
pub async fn has_second_factor(db: &impl ConnectionTrait, id: AccountId) -> Result<bool, DbErr> {
    let text = "SELECT 1 FROM second_factor WHERE account_id = $1 AND confirmed_at IS NOT NULL LIMIT 1";
    Ok(db.query_one_raw(sql(db, text, vec![id.into()])).await?.is_some())
}

/// The factors of an account, confirmed or not, oldest first.
pub async fn factors(db: &impl ConnectionTrait, account: AccountId) -> Result<Vec<Factor>, DbErr> {
    let text = "SELECT id, kind, secret_sealed, created_at, confirmed_at, last_used_at, failures FROM second_factor WHERE account_id = $1 ORDER BY id LIMIT 20";
    let rows = db.query_all_raw(sql(db, text, vec![account.into()])).await?;
    rows.iter()
        .map(|row| {
            Ok(Factor {
                id: row.try_get("", "id")?,
                kind: row.try_get("", "kind")?,
                sealed: row.try_get("", "secret_sealed")?,
                created_at: row.try_get("", "created_at")?,
                confirmed_at: row.try_get("", "confirmed_at")?,
                last_used_at: row.try_get("", "last_used_at")?,
                failures: row.try_get("", "failures")?,
            })
        })
        .collect()
}

/// Adds an unconfirmed factor in the place of one that was not confirmed before; one that was is in the way.
pub async fn insert_factor(
    db: &impl ConnectionTrait,
    account: AccountId,
    id: FactorId,
    kind: FactorKind,
    sealed: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<Inserted, DbErr> {
    changed(db, "DELETE FROM second_factor WHERE account_id = $1 AND confirmed_at IS NULL", vec![account.into()]).await?;
    let text = "INSERT INTO second_factor (id, account_id, kind, secret_sealed, created_at, last_step, failures) VALUES ($1, $2, $3, $4, $5, 0, 0)";
    inserted(changed(db, text, vec![id.into(), account.into(), kind.code().into(), sealed.into(), now.into()]).await)
}

/// Confirms a factor by its first code; `false` where it was confirmed, replaced or taken away meanwhile.
pub async fn confirm_factor(db: &impl ConnectionTrait, id: FactorId, step: i64, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "UPDATE second_factor SET confirmed_at = $3, last_used_at = $3, last_step = $2 WHERE id = $1 AND confirmed_at IS NULL";
    Ok(changed(db, text, vec![id.into(), step.into(), now.into()]).await? == 1)
}

/// Takes the code of a step; `false` where one of this step or of a later one was taken before.
pub async fn take_step(db: &impl ConnectionTrait, id: FactorId, step: i64, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "UPDATE second_factor SET last_step = $2, last_used_at = $3, failures = 0 WHERE id = $1 AND confirmed_at IS NOT NULL AND last_step < $2";
    Ok(changed(db, text, vec![id.into(), step.into(), now.into()]).await? == 1)
}

/// Counts a wrong code.
pub async fn count_wrong_code(db: &impl ConnectionTrait, id: FactorId) -> Result<(), DbErr> {
    changed(db, "UPDATE second_factor SET failures = failures + 1 WHERE id = $1", vec![id.into()]).await.map(drop)
}

/// Deletes a confirmed factor of an account; `false` where there is none.
pub async fn delete_factor(db: &impl ConnectionTrait, account: AccountId, id: FactorId) -> Result<bool, DbErr> {
    let text = "DELETE FROM second_factor WHERE id = $1 AND account_id = $2 AND confirmed_at IS NOT NULL";
    Ok(changed(db, text, vec![id.into(), account.into()]).await? == 1)
}

/// Deletes all factors of a person under any of her ids; gives their accounts.
pub async fn delete_factors(db: &impl ConnectionTrait, person: PersonId) -> Result<Vec<AccountId>, DbErr> {
    let text = "DELETE FROM second_factor WHERE account_id IN \
                (SELECT a.id FROM account a JOIN person p ON p.id = a.person_id WHERE p.id = $1 OR p.merged_into = $1) RETURNING account_id";
    let rows = db.query_all_raw(sql(db, text, vec![person.into()])).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Deletes enrolments that began before `before` and were never confirmed.
pub async fn sweep_enrolments(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64, DbErr> {
    changed(db, "DELETE FROM second_factor WHERE confirmed_at IS NULL AND created_at < $1", vec![before.into()]).await
}

/// A contact point as stored.
#[derive(Clone, Debug)]
pub struct ContactRow {
    /// Its id.
    pub id: ContactPointId,
    /// Kind.
    pub kind: ContactKind,
    /// Sealed normal form.
    pub sealed: Vec<u8>,
    /// When it was confirmed.
    pub verified_at: Option<DateTime<Utc>>,
}

/// Adds a confirmed contact point.
pub async fn insert_contact(db: &impl ConnectionTrait, account: AccountId, row: &ContactRow, index: &[u8], now: DateTime<Utc>) -> Result<Inserted, DbErr> {
    let text = "INSERT INTO contact_point (id, account_id, kind, value_sealed, value_index, verified_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = vec![row.id.into(), account.into(), row.kind.code().into(), row.sealed.clone().into(), index.into(), row.verified_at.into(), now.into()];
    inserted(changed(db, text, values).await)
}

/// Locks an account until the transaction ends: on both engines an update locks the row, and SQLite has one writer anyway.
pub async fn lock_account(db: &impl ConnectionTrait, id: AccountId) -> Result<(), DbErr> {
    changed(db, "UPDATE account SET status = status WHERE id = $1", vec![id.into()]).await.map(drop)
}

/// The contact points of an account, oldest first.
pub async fn contacts(db: &impl ConnectionTrait, account: AccountId) -> Result<Vec<ContactRow>, DbErr> {
    let text = "SELECT id, kind, value_sealed, verified_at FROM contact_point WHERE account_id = $1 AND removed_at IS NULL ORDER BY id LIMIT 20";
    let rows = db.query_all_raw(sql(db, text, vec![account.into()])).await?;
    rows.iter()
        .map(|row| {
            Ok(ContactRow {
                id: row.try_get("", "id")?,
                kind: row.try_get("", "kind")?,
                sealed: row.try_get("", "value_sealed")?,
                verified_at: row.try_get("", "verified_at")?,
            })
        })
        .collect()
}

/// A session to be added.
#[derive(Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The account.
    pub account: AccountId,
    /// Kind.
    pub kind: SessionKind,
    /// Hash of the access token.
    pub access_hash: Vec<u8>,
    /// Hash of the refresh token.
    pub refresh_hash: Vec<u8>,
    /// Ends.
    pub lifetime: Lifetime,
    /// Whether a second factor was shown.
    pub second_factor: bool,
    /// Class of the program.
    pub agent: AgentClass,
    /// Keyed hash of the network that it began from, where that is known.
    pub network: Option<Vec<u8>>,
}

/// Adds a session.
pub async fn insert_session(db: &impl ConnectionTrait, session: &NewSession, now: DateTime<Utc>) -> Result<(), DbErr> {
    let text = "INSERT INTO session (id, account_id, family, kind, access_hash, access_until, refresh_hash, refresh_until, ends_at, second_factor, agent, \
                created_at, last_seen_at, network_hash) VALUES ($1, $2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)";
    let values = vec![
        session.id.into(),
        session.account.into(),
        session.kind.code().into(),
        session.access_hash.clone().into(),
        session.lifetime.access_until.into(),
        session.refresh_hash.clone().into(),
        session.lifetime.refresh_until.into(),
        session.lifetime.ends_at.into(),
        session.second_factor.into(),
        session.agent.code().into(),
        now.into(),
        session.network.clone().into(),
    ];
    changed(db, text, values).await.map(drop)
}

/// A session as `refreshSession` sees it.
#[derive(Debug)]
pub struct RefreshRow {
    /// The account.
    pub account: AccountId,
    /// The person, as stored.
    pub person: PersonId,
    /// Whether the account may be used.
    pub active: bool,
    /// Whether a second factor was shown.
    pub second_factor: bool,
    /// End at the latest.
    pub ends_at: DateTime<Utc>,
    /// What judges the token.
    pub facts: RefreshFacts,
}

/// A session of sign-in by its id; demo tokens are not renewed.
pub async fn session_for_refresh(db: &impl ConnectionTrait, id: SessionId) -> Result<Option<RefreshRow>, DbErr> {
    let text = "SELECT s.account_id, a.person_id, a.status, s.second_factor, s.ends_at, s.refresh_hash, s.previous_refresh_hash, s.rotated_at, s.last_seen_at, \
                s.refresh_until, s.ended_at FROM session s JOIN account a ON a.id = s.account_id WHERE s.id = $1 AND s.kind = 'NORMAL'";
    let Some(row) = db.query_one_raw(sql(db, text, vec![id.into()])).await? else { return Ok(None) };
    Ok(Some(RefreshRow {
        account: row.try_get("", "account_id")?,
        person: row.try_get("", "person_id")?,
        active: row.try_get::<String>("", "status")? == "ACTIVE",
        second_factor: row.try_get("", "second_factor")?,
        ends_at: row.try_get("", "ends_at")?,
        facts: RefreshFacts {
            current: row.try_get("", "refresh_hash")?,
            previous: row.try_get("", "previous_refresh_hash")?,
            rotated_at: row.try_get("", "rotated_at")?,
            last_seen_at: row.try_get("", "last_seen_at")?,
            refresh_until: row.try_get("", "refresh_until")?,
            ended_at: row.try_get("", "ended_at")?,
        },
    }))
}

/// Puts a new pair in the place of the one whose refresh hash is `current`; `spent` is the token that was shown.
pub async fn rotate(
    db: &impl ConnectionTrait,
    id: SessionId,
    current: &[u8],
    spent: &[u8],
    (access, refresh): (&[u8], &[u8]),
    lifetime: Lifetime,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let text = "UPDATE session SET access_hash = $2, access_until = $3, refresh_hash = $4, previous_refresh_hash = $5, rotated_at = $6, refresh_until = $7 \
                WHERE id = $1 AND refresh_hash = $8 AND ended_at IS NULL";
    let values =
        vec![id.into(), access.into(), lifetime.access_until.into(), refresh.into(), spent.into(), now.into(), lifetime.refresh_until.into(), current.into()];
    Ok(changed(db, text, values).await? == 1)
}

/// Makes a session one in which a second factor was shown; it ends no later than `lifetime` says.
pub async fn raise_session(db: &impl ConnectionTrait, id: SessionId, lifetime: Lifetime) -> Result<(), DbErr> {
    let text = "UPDATE session SET second_factor = TRUE, refresh_until = CASE WHEN refresh_until < $2 THEN refresh_until ELSE $2 END, \
                ends_at = CASE WHEN ends_at < $3 THEN ends_at ELSE $3 END WHERE id = $1 AND NOT second_factor";
    changed(db, text, vec![id.into(), lifetime.refresh_until.into(), lifetime.ends_at.into()]).await.map(drop)
}

/// Makes a session one in which no second factor was shown.
pub async fn lower_session(db: &impl ConnectionTrait, id: SessionId) -> Result<(), DbErr> {
    changed(db, "UPDATE session SET second_factor = FALSE WHERE id = $1", vec![id.into()]).await.map(drop)
}

/// Ends a session of an account; `false` where there is none that lasts.
pub async fn end_session(db: &impl ConnectionTrait, account: AccountId, id: SessionId, why: SessionEnd, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "UPDATE session SET ended_at = $3, ended_because = $4 WHERE id = $1 AND account_id = $2 AND ended_at IS NULL";
    Ok(changed(db, text, vec![id.into(), account.into(), now.into(), why.code().into()]).await? == 1)
}

/// Ends all sessions of an account but `keep`; gives those that ended.
pub async fn end_sessions(
    db: &impl ConnectionTrait,
    account: AccountId,
    keep: Option<SessionId>,
    why: SessionEnd,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, DbErr> {
    let text = "UPDATE session SET ended_at = $2, ended_because = $3 WHERE account_id = $1 AND ended_at IS NULL AND ends_at > $2 AND id <> $4 RETURNING id";
    let keep = keep.map_or(Uuid::nil(), |k| k.0);
    let rows = db.query_all_raw(sql(db, text, vec![account.into(), now.into(), why.code().into(), keep.into()])).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// The sessions of an account that last, newest first.
pub async fn sessions(db: &impl ConnectionTrait, account: AccountId, current: SessionId, now: DateTime<Utc>) -> Result<Vec<SessionView>, DbErr> {
    let text = "SELECT id, kind, agent, second_factor, created_at, last_seen_at, ends_at FROM session \
                WHERE account_id = $1 AND ended_at IS NULL AND refresh_until > $2 ORDER BY created_at DESC, id DESC LIMIT 100";
    let rows = db.query_all_raw(sql(db, text, vec![account.into(), now.into()])).await?;
    rows.iter()
        .map(|row| {
            let id: SessionId = row.try_get("", "id")?;
            Ok(SessionView {
                id,
                kind: row.try_get("", "kind")?,
                agent: row.try_get("", "agent")?,
                second_factor: row.try_get("", "second_factor")?,
                created_at: row.try_get("", "created_at")?,
                last_seen_at: row.try_get("", "last_seen_at")?,
                ends_at: row.try_get("", "ends_at")?,
                current: id == current,
            })
        })
        .collect()
}

/// When a session began.
pub async fn session_began(db: &impl ConnectionTrait, id: SessionId) -> Result<Option<DateTime<Utc>>, DbErr> {
    match db.query_one_raw(sql(db, "SELECT created_at FROM session WHERE id = $1", vec![id.into()])).await? {
        Some(row) => Ok(Some(row.try_get_by_index(0)?)),
        None => Ok(None),
    }
}

/// Writes the last use of a session, unless a later one is written.
pub async fn touch(db: &impl ConnectionTrait, id: SessionId, now: DateTime<Utc>) -> Result<(), DbErr> {
    changed(db, "UPDATE session SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2", vec![id.into(), now.into()]).await.map(drop)
}

/// A session behind an access token, and what judges whether its use is to be written.
#[derive(Debug)]
pub struct Found {
    /// Who is signed in.
    pub actor: SessionActor,
    /// Last use as written.
    pub last_seen_at: DateTime<Utc>,
    /// When the pair was renewed.
    pub rotated_at: Option<DateTime<Utc>>,
}

/// Session, account, person (redirects followed) and grants in force, in one statement: one row per grant, at least one.
macro_rules! session_where {
    ($column:literal) => {
        concat!(
            "SELECT s.id, s.account_id, s.access_until, s.second_factor, s.last_seen_at, s.rotated_at, a.language, \
             COALESCE(p.merged_into, p.id) AS person_id, COALESCE(m.assurance, p.assurance) AS assurance, \
             g.role, g.unit_id, COALESCE(g.body_id, u.body_id) AS body_id, u.path \
             FROM session s JOIN account a ON a.id = s.account_id JOIN person p ON p.id = a.person_id LEFT JOIN person m ON m.id = p.merged_into \
             LEFT JOIN role_grant g ON g.person_id IN (p.id, p.merged_into) AND g.ended_at IS NULL AND g.starts_at <= $2 \
             AND (s.second_factor OR g.role IN ('TALENT', 'AGENT')) \
             LEFT JOIN unit u ON u.id = g.unit_id \
             WHERE ",
            $column,
            " = $1 AND s.ended_at IS NULL AND s.access_until > $2 AND a.status = 'ACTIVE' \
             AND (s.kind = 'NORMAL' OR EXISTS (SELECT 1 FROM portal_marker WHERE name = 'DEMO')) ORDER BY g.id"
        )
    };
}

/// The session behind the hash of an access token.
pub async fn session(db: &impl ConnectionTrait, access_hash: Vec<u8>, now: DateTime<Utc>) -> Result<Option<Found>, DbErr> {
    session_by(db, session_where!("s.access_hash"), access_hash.into(), now).await
}

/// A session that lasts, by its id.
pub async fn session_by_id(db: &impl ConnectionTrait, id: SessionId, now: DateTime<Utc>) -> Result<Option<Found>, DbErr> {
    session_by(db, session_where!("s.id"), id.into(), now).await
}

async fn session_by(db: &impl ConnectionTrait, text: &'static str, value: Value, now: DateTime<Utc>) -> Result<Option<Found>, DbErr> {
    let rows = db.query_all_raw(sql(db, text, vec![value, now.into()])).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut grants = Vec::new();
    for row in &rows {
        if let Some(role) = row.try_get_by_index::<Option<Role>>(9)? {
            let unit: Option<UnitId> = row.try_get_by_index(10)?;
            let body: Option<BodyId> = row.try_get_by_index(11)?;
            let scope = match (unit, body, row.try_get_by_index::<Option<String>>(12)?) {
                (Some(id), Some(body), Some(path)) => Scope::Unit { id, path, body },
                (None, Some(body), _) => Scope::Body(body),
                _ => Scope::Portal,
            };
            let grant = Grant { role, scope };
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
    }
    let member = Member {
        session: first.try_get_by_index(0)?,
        account: first.try_get_by_index(1)?,
        second_factor: first.try_get_by_index(3)?,
        person: first.try_get_by_index(7)?,
        assurance: first.try_get_by_index(8)?,
        grants,
    };
    Ok(Some(Found {
        actor: SessionActor { member, language: first.try_get_by_index(6)?, access_until: first.try_get_by_index(2)? },
        last_seen_at: first.try_get_by_index(4)?,
        rotated_at: first.try_get_by_index(5)?,
    }))
}

/// Whether an account's person holds a role in force that counts only in a session with a second factor.
pub async fn holds_staff_role(db: &impl ConnectionTrait, account: AccountId, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "SELECT 1 FROM account a JOIN person p ON p.id = a.person_id JOIN role_grant g ON g.person_id IN (p.id, p.merged_into) \
                WHERE a.id = $1 AND g.ended_at IS NULL AND g.starts_at <= $2 AND g.role NOT IN ('TALENT', 'AGENT') LIMIT 1";
    Ok(db.query_one_raw(sql(db, text, vec![account.into(), now.into()])).await?.is_some())
}

/// Adds a grant.
pub async fn insert_grant(
    db: &impl ConnectionTrait,
    id: GrantId,
    person: PersonId,
    role: Role,
    scope: GrantScope,
    by: Option<PersonId>,
    now: DateTime<Utc>,
) -> Result<Inserted, DbErr> {
    let text = "INSERT INTO role_grant (id, person_id, role, unit_id, body_id, scope_key, granted_by, starts_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = vec![id.into(), person.into(), role.code().into(), scope.unit().into(), scope.body().into(), scope.key().into(), by.into(), now.into()];
    inserted(changed(db, text, values).await)
}

/// Whether one of these ids of a person holds an administrator's role.
pub async fn is_administrator(db: &impl ConnectionTrait, person: PersonId) -> Result<bool, DbErr> {
    let text = "SELECT 1 FROM role_grant WHERE person_id = $1 AND ended_at IS NULL AND role IN ('SYSTEM_ADMIN', 'SECURITY_ADMIN', 'AUDIT_ADMIN') LIMIT 1";
    Ok(db.query_one_raw(sql(db, text, vec![person.into()])).await?.is_some())
}

const GRANT: &str = "SELECT id, person_id, role, unit_id, body_id, starts_at, ended_at FROM role_grant";

fn read_grant(row: &QueryResult) -> Result<RoleGrant, DbErr> {
    let unit: Option<UnitId> = row.try_get("", "unit_id")?;
    let body: Option<BodyId> = row.try_get("", "body_id")?;
    Ok(RoleGrant {
        id: row.try_get("", "id")?,
        person: row.try_get("", "person_id")?,
        role: row.try_get("", "role")?,
        scope: unit.map(GrantScope::Unit).or(body.map(GrantScope::Body)).unwrap_or(GrantScope::Portal),
        starts_at: row.try_get("", "starts_at")?,
        ended_at: row.try_get("", "ended_at")?,
    })
}

/// A grant.
pub async fn grant(db: &impl ConnectionTrait, id: GrantId) -> Result<Option<RoleGrant>, DbErr> {
    let text = Statement::from_sql_and_values(db.get_database_backend(), format!("{GRANT} WHERE id = $1"), [id.into()]);
    db.query_one_raw(text).await?.map(|row| read_grant(&row)).transpose()
}

/// Which grants a list shows.
#[derive(Clone, Debug, Default)]
pub struct GrantFilter {
    /// Of one of these persons, who are one.
    pub holder: Option<Vec<PersonId>>,
    /// For this unit.
    pub unit: Option<UnitId>,
    /// For this body.
    pub body: Option<BodyId>,
}

impl GrantFilter {
    /// The condition with its values.
    fn condition(&self) -> (String, Vec<Value>) {
        let mut values: Vec<Value> = self.holder.iter().flatten().map(|id| Value::from(*id)).collect();
        let mut terms = vec!["1 = 1".to_owned()];
        terms.extend(self.holder.as_ref().map(|holder| format!("person_id IN ({})", places(0, holder.len()))));
        for (column, value) in [("unit_id", self.unit.map(Value::from)), ("body_id", self.body.map(Value::from))] {
            if let Some(value) = value {
                values.push(value);
                terms.push(format!("{column} = ${}", values.len()));
            }
        }
        (terms.join(" AND "), values)
    }
}

/// `$n, …` for `count` values after the first `taken`.
fn places(taken: usize, count: usize) -> String {
    (taken + 1..=taken + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// A page of rows that fit a condition, newest first.
async fn newest(
    db: &impl ConnectionTrait,
    select: &str,
    (condition, mut values): (String, Vec<Value>),
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<QueryResult>, DbErr> {
    let earlier = before.map_or_else(String::new, |before| {
        values.push(before.into());
        format!(" AND id < ${}", values.len())
    });
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let text = format!("{select} WHERE {condition}{earlier} ORDER BY id DESC LIMIT ${}", values.len());
    db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, values)).await
}

/// How many rows of a table fit a condition, up to [`COUNT_CAP`].
async fn count(db: &impl ConnectionTrait, table: &str, (condition, values): (String, Vec<Value>)) -> Result<u64, DbErr> {
    let text = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT {COUNT_CAP}) found");
    let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), text, values)).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index::<i64>(0).map(i64::unsigned_abs))
}

/// Grants in force or ended, newest first, before `before`.
pub async fn grants_page(db: &impl ConnectionTrait, filter: &GrantFilter, before: Option<Uuid>, limit: u64) -> Result<Vec<RoleGrant>, DbErr> {
    newest(db, GRANT, filter.condition(), before, limit).await?.iter().map(read_grant).collect()
}

/// How many these are, up to [`COUNT_CAP`].
pub async fn count_grants(db: &impl ConnectionTrait, filter: &GrantFilter) -> Result<u64, DbErr> {
    count(db, "role_grant", filter.condition()).await
}

/// Who holds one of these roles in force for one of these units (`unit_id`) or bodies (`body_id`), each with the unit or body.
pub async fn holders(db: &impl ConnectionTrait, roles: &[Role], (column, ids): (&str, &[Uuid]), now: DateTime<Utc>) -> Result<Vec<(PersonId, Uuid)>, DbErr> {
    if roles.is_empty() || ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut values: Vec<Value> = vec![now.into()];
    values.extend(roles.iter().map(|role| Value::from(role.code())));
    values.extend(ids.iter().map(|id| Value::from(*id)));
    let text = format!(
        "SELECT DISTINCT person_id, {column} FROM role_grant WHERE ended_at IS NULL AND starts_at <= $1 AND role IN ({}) AND {column} IN ({}) ORDER BY person_id",
        places(1, roles.len()),
        places(1 + roles.len(), ids.len())
    );
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, values)).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// Ends a grant; `false` where it has ended.
pub async fn end_grant(db: &impl ConnectionTrait, id: GrantId, by: PersonId, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let text = "UPDATE role_grant SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL";
    Ok(changed(db, text, vec![id.into(), now.into(), by.into()]).await? == 1)
}

/// Adds an invitation.
pub async fn insert_invitation(db: &impl ConnectionTrait, row: &InvitationRow, token_hash: Vec<u8>, now: DateTime<Utc>) -> Result<Inserted, DbErr> {
    let text = "INSERT INTO invitation (id, token_hash, sealed, role, unit_id, body_id, language, invited_by, created_at, expires_at, contact_index) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = vec![
        row.id.into(),
        token_hash.into(),
        row.sealed.clone().into(),
        row.role.code().into(),
        row.scope.unit().into(),
        row.scope.body().into(),
        row.language.code().into(),
        row.invited_by.into(),
        now.into(),
        row.expires_at.into(),
        row.contact_index.clone().into(),
    ];
    inserted(changed(db, text, values).await)
}

const INVITATION: &str = "SELECT id, role, unit_id, body_id, sealed, language, invited_by, expires_at, contact_index FROM invitation";

fn read_invitation(row: &QueryResult) -> Result<InvitationRow, DbErr> {
    let unit: Option<UnitId> = row.try_get("", "unit_id")?;
    let body: Option<BodyId> = row.try_get("", "body_id")?;
    Ok(InvitationRow {
        id: row.try_get("", "id")?,
        role: row.try_get("", "role")?,
        scope: unit.map(GrantScope::Unit).or(body.map(GrantScope::Body)).unwrap_or(GrantScope::Portal),
        sealed: row.try_get("", "sealed")?,
        language: row.try_get("", "language")?,
        invited_by: row.try_get("", "invited_by")?,
        expires_at: row.try_get("", "expires_at")?,
        contact_index: row.try_get("", "contact_index")?,
    })
}

/// An invitation.
pub async fn invitation(db: &impl ConnectionTrait, id: InvitationId) -> Result<Option<InvitationRow>, DbErr> {
    let text = Statement::from_sql_and_values(db.get_database_backend(), format!("{INVITATION} WHERE id = $1"), [id.into()]);
    db.query_one_raw(text).await?.map(|row| read_invitation(&row)).transpose()
}

/// Takes the invitation of a token; `None` where it is unknown, used or expired.
pub async fn accept_invitation(db: &impl ConnectionTrait, token_hash: Vec<u8>, person: PersonId, now: DateTime<Utc>) -> Result<Option<InvitationRow>, DbErr> {
    let text = "UPDATE invitation SET accepted_at = $2, accepted_by = $3, sealed = NULL WHERE token_hash = $1 AND accepted_at IS NULL AND expires_at > $2 \
                RETURNING id, role, unit_id, body_id, sealed, language, invited_by, expires_at, contact_index";
    db.query_one_raw(sql(db, text, vec![token_hash.into(), now.into(), person.into()])).await?.map(|row| read_invitation(&row)).transpose()
}

/// Marks an invitation as sent, and wipes what was to be sent.
pub async fn invitation_sent(db: &impl ConnectionTrait, id: InvitationId, now: DateTime<Utc>) -> Result<(), DbErr> {
    changed(db, "UPDATE invitation SET sent_at = $2, sealed = NULL WHERE id = $1", vec![id.into(), now.into()]).await.map(drop)
}

/// Adds a mandate.
pub async fn insert_mandate(db: &impl ConnectionTrait, mandate: &Mandate, now: DateTime<Utc>) -> Result<Inserted, DbErr> {
    let text = "INSERT INTO mandate (id, principal_person_id, agent_id, scope, starts_at, ends_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let scope = serde_json::to_value(&mandate.scope).map_err(|e| DbErr::Json(e.to_string()))?;
    let values =
        vec![mandate.id.into(), mandate.principal.into(), mandate.agent.into(), scope.into(), mandate.starts_at.into(), mandate.ends_at.into(), now.into()];
    inserted(changed(db, text, values).await)
}

fn mandate_of(row: &QueryResult) -> Result<Mandate, DbErr> {
    let scope: serde_json::Value = row.try_get("", "scope")?;
    let scope: MandateScope = serde_json::from_value(scope).map_err(|e| DbErr::Json(e.to_string()))?;
    Ok(Mandate {
        id: row.try_get("", "id")?,
        principal: row.try_get("", "principal_person_id")?,
        agent: row.try_get("", "agent_id")?,
        scope,
        starts_at: row.try_get("", "starts_at")?,
        ends_at: row.try_get("", "ends_at")?,
        withdrawn_at: row.try_get("", "withdrawn_at")?,
    })
}

/// A mandate.
pub async fn mandate(db: &impl ConnectionTrait, id: MandateId) -> Result<Option<Mandate>, DbErr> {
    let text = "SELECT id, principal_person_id, agent_id, scope, starts_at, ends_at, withdrawn_at FROM mandate WHERE id = $1";
    db.query_one_raw(sql(db, text, vec![id.into()])).await?.as_ref().map(mandate_of).transpose()
}

/// The mandates in force that an agent holds, whoever she and the principals were when they were given: `agent` and
/// `principal` of the rows are who they are now.
pub async fn mandates_held(db: &impl ConnectionTrait, agent: PersonId, now: DateTime<Utc>) -> Result<Vec<Mandate>, DbErr> {
    let text = "SELECT m.id, COALESCE(p.merged_into, p.id) AS principal_person_id, a.id AS agent_id, m.scope, m.starts_at, m.ends_at, m.withdrawn_at \
                FROM mandate m JOIN person p ON p.id = m.principal_person_id JOIN person h ON h.id = m.agent_id JOIN person a ON a.id = COALESCE(h.merged_into, h.id) \
                WHERE m.withdrawn_at IS NULL AND m.starts_at <= $2 AND m.ends_at > $2 AND m.agent_id IN (SELECT id FROM person WHERE id = $1 OR merged_into = $1)";
    db.query_all_raw(sql(db, text, vec![agent.into(), now.into()])).await?.iter().map(mandate_of).collect()
}

/// What is a mandate of one of these persons, who are one: she gave it or holds it.
fn of_party(persons: &[PersonId]) -> (String, Vec<Value>) {
    let hers = places(0, persons.len());
    (format!("(principal_person_id IN ({hers}) OR agent_id IN ({hers}))"), persons.iter().map(|id| Value::from(*id)).collect())
}

/// Mandates that a person gave or holds, newest first, before `before`.
pub async fn mandates_page(db: &impl ConnectionTrait, persons: &[PersonId], before: Option<Uuid>, limit: u64) -> Result<Vec<Mandate>, DbErr> {
    let select = "SELECT id, principal_person_id, agent_id, scope, starts_at, ends_at, withdrawn_at FROM mandate";
    newest(db, select, of_party(persons), before, limit).await?.iter().map(mandate_of).collect()
}

/// How many these are, up to [`COUNT_CAP`].
pub async fn count_mandates(db: &impl ConnectionTrait, persons: &[PersonId]) -> Result<u64, DbErr> {
    count(db, "mandate", of_party(persons)).await
}

/// Withdraws a mandate; `false` where it was withdrawn before.
pub async fn withdraw_mandate(db: &impl ConnectionTrait, id: MandateId, now: DateTime<Utc>) -> Result<bool, DbErr> {
    Ok(changed(db, "UPDATE mandate SET withdrawn_at = $2 WHERE id = $1 AND withdrawn_at IS NULL", vec![id.into(), now.into()]).await? == 1)
}
