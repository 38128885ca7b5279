//! Every query of the slice, as statements that both engines read alike.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::kernel::ids::{AccountId, DeviceId, NoticeId, PersonId};
use crate::kernel::page::COUNT_CAP;
use crate::notice::model::cause::{Cause, Group};
use crate::notice::model::channel::{Channel, Platform};
use crate::notice::model::words::About;

async fn run(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<u64, DbErr> {
    Ok(db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?.rows_affected())
}

async fn all(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await
}

/// `$n, …` for `count` values after the first `taken`.
fn places(taken: usize, count: usize) -> String {
    (taken + 1..=taken + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// A notice.
#[derive(Clone, Debug)]
pub struct NoticeRow {
    /// Id.
    pub id: NoticeId,
    /// Whose it is.
    pub person: PersonId,
    /// Why.
    pub cause: Cause,
    /// Kind of the object that it is about.
    pub object_kind: String,
    /// The object.
    pub object: Uuid,
    /// Which of the causes of this kind of the object.
    pub occurrence: i64,
    /// What its words name.
    pub about: About,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was read.
    pub read_at: Option<DateTime<Utc>>,
}

const NOTICE: &str = "SELECT id, person_id, cause, object_kind, object_id, occurrence, about, created_at, read_at FROM notice";

fn notice_of(row: &QueryResult) -> Result<NoticeRow, DbErr> {
    Ok(NoticeRow {
        id: row.try_get("", "id")?,
        person: row.try_get("", "person_id")?,
        cause: row.try_get("", "cause")?,
        object_kind: row.try_get("", "object_kind")?,
        object: row.try_get("", "object_id")?,
        occurrence: row.try_get("", "occurrence")?,
        about: serde_json::from_value(row.try_get("", "about")?).map_err(|e| DbErr::Json(e.to_string()))?,
        created_at: row.try_get("", "created_at")?,
        read_at: row.try_get("", "read_at")?,
    })
}

/// Adds a notice; `false` where its recipient has one of this cause.
pub async fn insert_notice(txn: &impl ConnectionTrait, row: &NoticeRow) -> Result<bool, DbErr> {
    let text = "INSERT INTO notice (id, person_id, cause, object_kind, object_id, occurrence, about, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                ON CONFLICT (person_id, cause, object_id, occurrence) DO NOTHING";
    let about = serde_json::to_value(&row.about).map_err(|e| DbErr::Json(e.to_string()))?;
    let values = vec![
        row.id.into(),
        row.person.into(),
        row.cause.into(),
        row.object_kind.clone().into(),
        row.object.into(),
        row.occurrence.into(),
        about.into(),
        row.created_at.into(),
    ];
    Ok(run(txn, text, values).await? == 1)
}

/// A notice by id.
pub async fn notice(db: &impl ConnectionTrait, id: NoticeId) -> Result<Option<NoticeRow>, DbErr> {
    all(db, &format!("{NOTICE} WHERE id = $1"), vec![id.into()]).await?.first().map(notice_of).transpose()
}

/// The notices of these persons, who are one.
fn hers(persons: &[PersonId], unread: bool) -> (String, Vec<Value>) {
    let only = if unread { " AND read_at IS NULL" } else { "" };
    (format!("person_id IN ({}){only}", places(0, persons.len())), persons.iter().map(|id| Value::from(*id)).collect())
}

/// A page of notices, newest first, before `before`.
pub async fn notices_page(db: &impl ConnectionTrait, persons: &[PersonId], unread: bool, before: Option<Uuid>, limit: u64) -> Result<Vec<NoticeRow>, DbErr> {
    let (condition, mut values) = hers(persons, unread);
    let earlier = before.map_or_else(String::new, |before| {
        values.push(before.into());
        format!(" AND id < ${}", values.len())
    });
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let text = format!("{NOTICE} WHERE {condition}{earlier} ORDER BY id DESC LIMIT ${}", values.len());
    all(db, &text, values).await?.iter().map(notice_of).collect()
}

/// How many these are, up to [`COUNT_CAP`].
pub async fn count_notices(db: &impl ConnectionTrait, persons: &[PersonId], unread: bool) -> Result<u64, DbErr> {
    let (condition, values) = hers(persons, unread);
    let rows = all(db, &format!("SELECT COUNT(*) FROM (SELECT 1 FROM notice WHERE {condition} LIMIT {COUNT_CAP}) found"), values).await?;
    rows.first().map_or(Ok(0), |row| row.try_get_by_index::<i64>(0).map(i64::unsigned_abs))
}

/// Those of the ids that are notices of these persons.
pub async fn own_notices(db: &impl ConnectionTrait, persons: &[PersonId], ids: &[NoticeId]) -> Result<Vec<NoticeId>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (condition, mut values) = hers(persons, false);
    let text = format!("SELECT id FROM notice WHERE {condition} AND id IN ({})", places(values.len(), ids.len()));
    values.extend(ids.iter().map(|id| Value::from(*id)));
    all(db, &text, values).await?.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Marks unread notices of these persons as read, all or those named; gives how many.
pub async fn mark_read(txn: &impl ConnectionTrait, persons: &[PersonId], ids: Option<&[NoticeId]>, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let (condition, mut values) = hers(persons, true);
    values.push(now.into());
    let mut text = format!("UPDATE notice SET read_at = ${} WHERE {condition}", values.len());
    if let Some(ids) = ids {
        if ids.is_empty() {
            return Ok(0);
        }
        text = format!("{text} AND id IN ({})", places(values.len(), ids.len()));
        values.extend(ids.iter().map(|id| Value::from(*id)));
    }
    run(txn, &text, values).await
}

/// What these accounts chose.
pub async fn choices(db: &impl ConnectionTrait, accounts: &[AccountId]) -> Result<Vec<(AccountId, Group, Channel, bool)>, DbErr> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("SELECT account_id, cause_group, channel, wanted FROM notice_preference WHERE account_id IN ({})", places(0, accounts.len()));
    let rows = all(db, &text, accounts.iter().map(|id| Value::from(*id)).collect()).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?))).collect()
}

/// Writes a choice down.
pub async fn put_choice(txn: &impl ConnectionTrait, account: AccountId, group: Group, channel: Channel, wanted: bool) -> Result<(), DbErr> {
    let text = "INSERT INTO notice_preference (account_id, cause_group, channel, wanted) VALUES ($1, $2, $3, $4) \
                ON CONFLICT (account_id, cause_group, channel) DO UPDATE SET wanted = excluded.wanted";
    run(txn, text, vec![account.into(), group.into(), channel.into(), wanted.into()]).await.map(drop)
}

/// A device.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// Id.
    pub id: DeviceId,
    /// Whose account it rings for.
    pub account: AccountId,
    /// Under whose data key the token is sealed.
    pub key_owner: PersonId,
    /// Where the token is good.
    pub platform: Platform,
    /// The token by which the push service knows the device, sealed.
    pub token_sealed: Vec<u8>,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
}

const DEVICE: &str = "SELECT id, account_id, key_owner_id, platform, token_sealed, registered_at FROM notice_device";

fn device_of(row: &QueryResult) -> Result<DeviceRow, DbErr> {
    Ok(DeviceRow {
        id: row.try_get("", "id")?,
        account: row.try_get("", "account_id")?,
        key_owner: row.try_get("", "key_owner_id")?,
        platform: row.try_get("", "platform")?,
        token_sealed: row.try_get("", "token_sealed")?,
        registered_at: row.try_get("", "registered_at")?,
    })
}

/// A device by id.
pub async fn device(db: &impl ConnectionTrait, id: DeviceId) -> Result<Option<DeviceRow>, DbErr> {
    all(db, &format!("{DEVICE} WHERE id = $1"), vec![id.into()]).await?.first().map(device_of).transpose()
}

/// The devices of accounts, oldest first.
pub async fn devices(db: &impl ConnectionTrait, accounts: &[AccountId]) -> Result<Vec<DeviceRow>, DbErr> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("{DEVICE} WHERE account_id IN ({}) ORDER BY id", places(0, accounts.len()));
    all(db, &text, accounts.iter().map(|id| Value::from(*id)).collect()).await?.iter().map(device_of).collect()
}

/// Registers a device. One that is registered under the same token, whoever's it was, is this one from now on.
pub async fn put_device(txn: &impl ConnectionTrait, row: &DeviceRow, token_index: &[u8]) -> Result<(), DbErr> {
    let text = "INSERT INTO notice_device (id, account_id, key_owner_id, platform, token_sealed, token_index, registered_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                ON CONFLICT (token_index) DO UPDATE SET id = excluded.id, account_id = excluded.account_id, key_owner_id = excluded.key_owner_id, \
                platform = excluded.platform, token_sealed = excluded.token_sealed, registered_at = excluded.registered_at";
    let values = vec![
        row.id.into(),
        row.account.into(),
        row.key_owner.into(),
        row.platform.into(),
        row.token_sealed.clone().into(),
        token_index.to_vec().into(),
        row.registered_at.into(),
    ];
    run(txn, text, values).await.map(drop)
}

/// Forgets a device, of this account where one is named; `false` where there is none.
pub async fn delete_device(txn: &impl ConnectionTrait, id: DeviceId, account: Option<AccountId>) -> Result<bool, DbErr> {
    let deleted = match account {
        Some(account) => run(txn, "DELETE FROM notice_device WHERE id = $1 AND account_id = $2", vec![id.into(), account.into()]).await?,
        None => run(txn, "DELETE FROM notice_device WHERE id = $1", vec![id.into()]).await?,
    };
    Ok(deleted == 1)
}
