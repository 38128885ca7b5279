//! Every query of the slice.

use chrono::{DateTime, Duration, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, Statement, Value,
};
use uuid::Uuid;

use crate::audit::entity::{outbox, trail};
use crate::audit::model::{Announcement, Lane, Message, OutboxState, Stream, TrailRow, Work};
use crate::kernel::ids::{OutboxId, PersonId};
use crate::kernel::page::COUNT_CAP;

fn sql(db: &impl ConnectionTrait, text: &'static str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), text, values)
}

impl From<trail::Model> for TrailRow {
    fn from(m: trail::Model) -> Self {
        Self {
            id: m.id,
            at: m.at,
            request_id: m.request_id,
            actor_kind: m.actor_kind,
            person_id: m.person_id,
            account_id: m.account_id,
            session_id: m.session_id,
            on_behalf_of: m.on_behalf_of,
            mandate_id: m.mandate_id,
            action: m.action,
            object_kind: m.object_kind,
            object_id: m.object_id,
            subject_id: m.subject_id,
            result: m.result,
            details: m.details,
        }
    }
}

/// Adds a trail row, to be sealed.
pub async fn insert_trail(txn: &impl ConnectionTrait, row: TrailRow) -> Result<(), DbErr> {
    let id = row.id;
    trail::Entity::insert(trail::ActiveModel {
        id: Set(row.id),
        at: Set(row.at),
        request_id: Set(row.request_id),
        actor_kind: Set(row.actor_kind),
        person_id: Set(row.person_id),
        account_id: Set(row.account_id),
        session_id: Set(row.session_id),
        on_behalf_of: Set(row.on_behalf_of),
        mandate_id: Set(row.mandate_id),
        action: Set(row.action),
        object_kind: Set(row.object_kind),
        object_id: Set(row.object_id),
        subject_id: Set(row.subject_id),
        result: Set(row.result),
        details: Set(row.details),
    })
    .exec_without_returning(txn)
    .await?;
    insert_unsealed(txn, Stream::Trail, id.0).await
}

/// Adds an outbox row, to be sealed.
pub async fn insert_outbox(txn: &impl ConnectionTrait, id: OutboxId, message: Message, now: DateTime<Utc>) -> Result<(), DbErr> {
    outbox::Entity::insert(outbox::ActiveModel {
        id: Set(id),
        kind: Set(message.kind.into()),
        object_kind: Set(message.object_kind.into()),
        object_id: Set(message.object_id),
        data: Set(message.data.to_string()),
        created_at: Set(now),
        state: Set(if message.work { OutboxState::Pending } else { OutboxState::Notice }),
        attempts: Set(0),
        next_attempt_at: Set(now),
        leased_until: Set(None),
    })
    .exec_without_returning(txn)
    .await?;
    insert_unsealed(txn, Stream::Outbox, id.0).await
}

async fn insert_unsealed(txn: &impl ConnectionTrait, stream: Stream, row: Uuid) -> Result<(), DbErr> {
    txn.execute_raw(sql(txn, "INSERT INTO unsealed (stream, row_id) VALUES ($1, $2)", vec![stream.code().into(), row.into()])).await.map(|_| ())
}

/// Rows that wait for a seal, oldest id first.
pub async fn unsealed(db: &impl ConnectionTrait, stream: Stream, limit: u64) -> Result<Vec<Uuid>, DbErr> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows =
        db.query_all_raw(sql(db, "SELECT row_id FROM unsealed WHERE stream = $1 ORDER BY row_id LIMIT $2", vec![stream.code().into(), limit.into()])).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// How many rows wait for a seal.
pub async fn count_unsealed(db: &impl ConnectionTrait, stream: Stream) -> Result<u64, DbErr> {
    let row = db.query_one_raw(sql(db, "SELECT count(*) FROM unsealed WHERE stream = $1", vec![stream.code().into()])).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(count.unsigned_abs())
}

/// Trail rows by id, in order of id.
pub async fn trail_rows(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<TrailRow>, DbErr> {
    let rows = trail::Entity::find().filter(trail::Column::Id.is_in(ids.iter().copied())).order_by_asc(trail::Column::Id).all(db).await?;
    Ok(rows.into_iter().map(TrailRow::from).collect())
}

/// How many trail rows there are.
pub async fn count_trail(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    trail::Entity::find().count(db).await
}

/// The last position of a stream and its hash; (0, empty) before the first.
pub async fn last_seal(db: &impl ConnectionTrait, stream: Stream) -> Result<(i64, Vec<u8>), DbErr> {
    let row = db.query_one_raw(sql(db, "SELECT position, hash FROM seal WHERE stream = $1 ORDER BY position DESC LIMIT 1", vec![stream.code().into()])).await?;
    row.map_or(Ok((0, Vec::new())), |row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
}

/// Rows of one statement: a few sizes only, so that the texts of the statements are few, too.
const SEALED_AT_ONCE: [usize; 4] = [64, 16, 4, 1];

/// Seals rows, given with their positions and hashes: the positions are taken and the rows do not wait any more.
pub async fn insert_seals(txn: &impl ConnectionTrait, stream: Stream, mut seals: &[(i64, Uuid, Vec<u8>)]) -> Result<(), DbErr> {
    while let Some(count) = SEALED_AT_ONCE.into_iter().find(|count| *count <= seals.len()) {
        let (now, later) = seals.split_at(count);
        let mut values: Vec<Value> = vec![stream.code().into()];
        values.extend(now.iter().flat_map(|(position, row, hash)| -> [Value; 3] { [(*position).into(), (*row).into(), hash.clone().into()] }));
        let places: Vec<String> = (0..count).map(|at| format!("($1, ${}, ${}, ${})", at * 3 + 2, at * 3 + 3, at * 3 + 4)).collect();
        let text = format!("INSERT INTO seal (stream, position, row_id, hash) VALUES {}", places.join(", "));
        txn.execute_raw(Statement::from_sql_and_values(txn.get_database_backend(), text, values)).await?;
        let mut values: Vec<Value> = vec![stream.code().into()];
        values.extend(now.iter().map(|(_, row, _)| Value::from(*row)));
        let places: Vec<String> = (0..count).map(|at| format!("${}", at + 2)).collect();
        let text = format!("DELETE FROM unsealed WHERE stream = $1 AND row_id IN ({})", places.join(", "));
        txn.execute_raw(Statement::from_sql_and_values(txn.get_database_backend(), text, values)).await?;
        seals = later;
    }
    Ok(())
}

/// Seals of a stream after a position: (position, row, hash).
pub async fn seals_after(db: &impl ConnectionTrait, stream: Stream, after: i64, limit: i64) -> Result<Vec<(i64, Uuid, Vec<u8>)>, DbErr> {
    let rows = db
        .query_all_raw(sql(
            db,
            "SELECT position, row_id, hash FROM seal WHERE stream = $1 AND position > $2 ORDER BY position LIMIT $3",
            vec![stream.code().into(), after.into(), limit.into()],
        ))
        .await?;
    rows.iter().map(|r| Ok((r.try_get_by_index(0)?, r.try_get_by_index(1)?, r.try_get_by_index(2)?))).collect()
}

/// Writes a signed head of the chain.
pub async fn insert_head(txn: &impl ConnectionTrait, position: i64, hash: &[u8], kid: &str, signature: Vec<u8>, now: DateTime<Utc>) -> Result<(), DbErr> {
    txn.execute_raw(sql(
        txn,
        "INSERT INTO trail_head (position, hash, kid, signature, signed_at) VALUES ($1, $2, $3, $4, $5)",
        vec![position.into(), hash.to_vec().into(), kid.into(), signature.into(), now.into()],
    ))
    .await
    .map(|_| ())
}

/// The newest signed head: (position, hash, key id, signature).
pub async fn last_head(db: &impl ConnectionTrait) -> Result<Option<(i64, Vec<u8>, String, Vec<u8>)>, DbErr> {
    let row = db.query_one_raw(sql(db, "SELECT position, hash, kid, signature FROM trail_head ORDER BY position DESC LIMIT 1", vec![])).await?;
    row.map(|r| Ok((r.try_get_by_index(0)?, r.try_get_by_index(1)?, r.try_get_by_index(2)?, r.try_get_by_index(3)?))).transpose()
}

/// Takes or keeps a lease; gives its fencing number, or `None` while another process holds it.
///
/// Each change of holder raises the number; a holder of an old one is refused by [`hold_lease`].
pub async fn take_lease(db: &impl ConnectionTrait, name: &str, holder: Uuid, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<Option<i64>, DbErr> {
    let row = db
        .query_one_raw(sql(
            db,
            "INSERT INTO lease (name, holder, epoch, expires_at) VALUES ($1, $2, 1, $4) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at, \
             epoch = CASE WHEN lease.holder = excluded.holder THEN lease.epoch ELSE lease.epoch + 1 END \
             WHERE lease.holder = excluded.holder OR lease.expires_at < $3 RETURNING epoch",
            vec![name.into(), holder.into(), now.into(), until.into()],
        ))
        .await?;
    row.map(|r| r.try_get_by_index(0)).transpose()
}

/// Inside a transaction: whether the lease is still held under this fencing number, now locked until the end.
pub async fn hold_lease(txn: &impl ConnectionTrait, name: &str, holder: Uuid, epoch: i64) -> Result<bool, DbErr> {
    let result = txn
        .execute_raw(sql(txn, "UPDATE lease SET epoch = epoch WHERE name = $1 AND holder = $2 AND epoch = $3", vec![name.into(), holder.into(), epoch.into()]))
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Sealed outbox rows after a position.
pub async fn announcements_after(db: &impl ConnectionTrait, after: i64, limit: i64) -> Result<Vec<Announcement>, DbErr> {
    let rows = db
        .query_all_raw(sql(
            db,
            "SELECT s.position, o.kind, o.object_kind, o.object_id, o.data FROM seal s JOIN outbox o ON o.id = s.row_id \
             WHERE s.stream = 'OUTBOX' AND s.position > $1 ORDER BY s.position LIMIT $2",
            vec![after.into(), limit.into()],
        ))
        .await?;
    rows.iter()
        .map(|r| {
            let data: String = r.try_get_by_index(4)?;
            Ok(Announcement {
                position: r.try_get_by_index(0)?,
                kind: r.try_get_by_index(1)?,
                object_kind: r.try_get_by_index(2)?,
                object_id: r.try_get_by_index(3)?,
                data: serde_json::from_str(&data).unwrap_or_default(),
            })
        })
        .collect()
}

/// The position up to which a reader of announcements has come; `None` where there is no such reader.
pub async fn cursor(db: &impl ConnectionTrait, name: &str) -> Result<Option<i64>, DbErr> {
    let row = db.query_one_raw(sql(db, "SELECT position FROM stream_cursor WHERE name = $1", vec![name.into()])).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

/// Moves a reader on; `false` where another process did.
pub async fn move_cursor(txn: &impl ConnectionTrait, name: &str, from: i64, to: i64) -> Result<bool, DbErr> {
    let text = "UPDATE stream_cursor SET position = $3 WHERE name = $1 AND position = $2";
    Ok(txn.execute_raw(sql(txn, text, vec![name.into(), from.into(), to.into()])).await?.rows_affected() == 1)
}

/// Outbox rows of a lane that a worker may take: due, not taken, and with no earlier row of their object undone.
pub async fn due_work(db: &impl ConnectionTrait, lane: &Lane, now: DateTime<Utc>, limit: i64) -> Result<Vec<(OutboxId, i32)>, DbErr> {
    let (within, kinds) = match lane {
        Lane::Only(kinds) => ("IN", kinds),
        Lane::AllBut(kinds) => ("NOT IN", kinds),
    };
    let mut values: Vec<Value> = vec![now.into(), limit.into()];
    values.extend(kinds.iter().map(|kind| Value::from(*kind)));
    let places: Vec<String> = (3..3 + kinds.len()).map(|n| format!("${n}")).collect();
    let of_lane = if kinds.is_empty() { String::new() } else { format!("AND o.kind {within} ({}) ", places.join(", ")) };
    let text = format!(
        "SELECT o.id, o.attempts FROM outbox o WHERE o.state = 'PENDING' AND o.next_attempt_at <= $1 {of_lane}\
         AND (o.leased_until IS NULL OR o.leased_until < $1) \
         AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.object_id = o.object_id AND e.state = 'PENDING' AND e.id < o.id) \
         ORDER BY o.next_attempt_at, o.id LIMIT $2"
    );
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, values)).await?;
    rows.iter().map(|r| Ok((r.try_get_by_index(0)?, r.try_get_by_index(1)?))).collect()
}

/// Takes a row for `lease`; `None` when another worker was faster.
pub async fn take_work(db: &impl ConnectionTrait, id: OutboxId, attempts: i32, now: DateTime<Utc>, lease: Duration) -> Result<Option<Work>, DbErr> {
    let taken = outbox::Entity::update_many()
        .col_expr(outbox::Column::Attempts, Expr::value(attempts + 1))
        .col_expr(outbox::Column::LeasedUntil, Expr::value(now + lease))
        .filter(outbox::Column::Id.eq(id))
        .filter(outbox::Column::State.eq(OutboxState::Pending))
        .filter(outbox::Column::Attempts.eq(attempts))
        .exec_with_returning(db)
        .await?;
    Ok(taken.into_iter().next().map(|m| Work {
        id: m.id,
        kind: m.kind,
        object_kind: m.object_kind,
        object_id: m.object_id,
        data: serde_json::from_str(&m.data).unwrap_or_default(),
        attempts: m.attempts,
    }))
}

/// Ends the work on a row: done, dead, or to be tried again at `next`. Of a worker whose lease ended, and whose row another
/// took or did, nothing is written.
pub async fn finish_work(db: &impl ConnectionTrait, (id, attempts): (OutboxId, i32), state: OutboxState, next: DateTime<Utc>) -> Result<(), DbErr> {
    outbox::Entity::update_many()
        .col_expr(outbox::Column::State, Expr::value(state))
        .col_expr(outbox::Column::NextAttemptAt, Expr::value(next))
        .col_expr(outbox::Column::LeasedUntil, Expr::value(None::<DateTime<Utc>>))
        .filter(outbox::Column::Id.eq(id))
        .filter(outbox::Column::State.eq(OutboxState::Pending))
        .filter(outbox::Column::Attempts.eq(attempts))
        .exec(db)
        .await
        .map(|_| ())
}

/// Whether the key was free and is now taken.
pub async fn insert_key(
    txn: &impl ConnectionTrait,
    principal: Uuid,
    mutation: &str,
    key: &str,
    hash: &[u8],
    result: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let inserted = txn
        .execute_raw(sql(
            txn,
            "INSERT INTO idempotency_key (principal, mutation, key, input_hash, result_id, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (principal, mutation, key) DO NOTHING",
            vec![principal.into(), mutation.into(), key.into(), hash.to_vec().into(), result.into(), now.into()],
        ))
        .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Input hash and result of a key.
pub async fn key(txn: &impl ConnectionTrait, principal: Uuid, mutation: &str, key: &str) -> Result<Option<(Vec<u8>, Uuid)>, DbErr> {
    let row = txn
        .query_one_raw(sql(
            txn,
            "SELECT input_hash, result_id FROM idempotency_key WHERE principal = $1 AND mutation = $2 AND key = $3",
            vec![principal.into(), mutation.into(), key.into()],
        ))
        .await?;
    row.map(|r| Ok((r.try_get_by_index(0)?, r.try_get_by_index(1)?))).transpose()
}

/// Deletes one key.
pub async fn delete_key(txn: &impl ConnectionTrait, principal: Uuid, mutation: &str, key: &str) -> Result<(), DbErr> {
    let text = "DELETE FROM idempotency_key WHERE principal = $1 AND mutation = $2 AND key = $3";
    txn.execute_raw(sql(txn, text, vec![principal.into(), mutation.into(), key.into()])).await.map(drop)
}

/// Deletes keys older than `before`; gives how many.
pub async fn delete_keys(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64, DbErr> {
    db.execute_raw(sql(db, "DELETE FROM idempotency_key WHERE created_at < $1", vec![before.into()])).await.map(|r| r.rows_affected())
}

fn trail_where(object: Option<Uuid>, subject: Option<PersonId>) -> Select<trail::Entity> {
    let mut find = trail::Entity::find();
    if let Some(object) = object {
        find = find.filter(trail::Column::ObjectId.eq(object));
    }
    if let Some(subject) = subject {
        find = find.filter(trail::Column::SubjectId.eq(subject.0));
    }
    find
}

/// How many rows a list of the trail shows, up to [`COUNT_CAP`].
pub async fn count_trail_page(db: &impl ConnectionTrait, object: Option<Uuid>, subject: Option<PersonId>) -> Result<u64, DbErr> {
    trail_where(object, subject).limit(COUNT_CAP).count(db).await
}

/// Trail rows, newest first, of one object or person or all.
pub async fn trail_page(
    db: &impl ConnectionTrait,
    object: Option<Uuid>,
    subject: Option<PersonId>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<TrailRow>, DbErr> {
    let mut find = trail_where(object, subject);
    if let Some(before) = before {
        find = find.filter(trail::Column::Id.lt(before));
    }
    let rows = find.order_by_desc(trail::Column::Id).limit(limit).all(db).await?;
    Ok(rows.into_iter().map(TrailRow::from).collect())
}

/// Whether an upsert of a marker that must not change was new.
pub async fn set_marker(db: &impl ConnectionTrait, name: &str, now: DateTime<Utc>) -> Result<(), DbErr> {
    db.execute_raw(sql(
        db,
        "INSERT INTO portal_marker (name, value, set_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
        vec![name.into(), true.into(), now.into()],
    ))
    .await
    .map(|_| ())
}

/// Whether a marker is set.
pub async fn marker(db: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    Ok(db.query_one_raw(sql(db, "SELECT 1 FROM portal_marker WHERE name = $1", vec![name.into()])).await?.is_some())
}
