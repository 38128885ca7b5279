//! Every query of the slice.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, LockType, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, Order, PaginatorTrait as _, QueryFilter, QueryOrder, QuerySelect, Select,
    SqlErr, sea_query::OnConflict,
};

use crate::kernel::ids::{AccessId, AttendanceId, IdentityDocumentId, PersonId};
use crate::kernel::page::COUNT_CAP;
use crate::kernel::role::{Assurance, Role};
use crate::person::entity::{access_log, attendance, identity_document, person, person_key, revision};
use crate::person::model::access::{AccessPurpose, PersonalDataField};
use crate::person::model::dealing::{Attendance, AttendanceKind};
use crate::person::model::document::IdentityDocumentKind;
use crate::person::model::identity::StoredDocument;
use crate::person::model::profile::{NewPerson, Person, PersonName};

/// How an insert or an update ended that a unique index may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is written.
    Done,
    /// The unique index refused; on PostgreSQL the transaction is void.
    Taken,
    /// There is no such row any more.
    Gone,
}

fn written<T>(result: Result<T, DbErr>) -> Result<Written, DbErr> {
    match result {
        Ok(_) => Ok(Written::Done),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(Written::Taken),
        Err(error) => Err(error),
    }
}

impl From<person::Model> for Person {
    fn from(m: person::Model) -> Self {
        Self {
            id: m.id,
            name: PersonName { zh: m.name_zh, latin: m.name_latin },
            birth_date: m.birth_date,
            sex: m.sex,
            nationality: m.nationality,
            assurance: m.assurance,
            has_account: m.has_account,
            merged_into: m.merged_into,
            version: m.version,
            created_at: m.created_at,
            updated_at: m.updated_at,
        }
    }
}

impl From<identity_document::Model> for StoredDocument {
    fn from(m: identity_document::Model) -> Self {
        Self {
            id: m.id,
            person: m.person_id,
            kind: m.kind,
            issuing_state: m.issuing_state,
            number_sealed: m.number_sealed,
            number_index: m.number_index,
            issue_count: m.issue_count,
            valid_from: m.valid_from,
            valid_until: m.valid_until,
            verified_at: m.verified_at,
            verified_by: m.verified_by,
            created_at: m.created_at,
        }
    }
}

/// Adds a person without an account, at version 1.
pub async fn insert_person(txn: &impl ConnectionTrait, id: PersonId, new: NewPerson, now: DateTime<Utc>) -> Result<(), DbErr> {
    person::Entity::insert(person::ActiveModel {
        id: Set(id),
        name_zh: Set(new.name.zh),
        name_latin: Set(new.name.latin),
        birth_date: Set(new.birth_date),
        sex: Set(new.sex),
        nationality: Set(new.nationality),
        assurance: Set(Assurance::L1),
        has_account: Set(false),
        merged_into: Set(None),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    })
    .exec_without_returning(txn)
    .await
    .map(|_| ())
}

/// The person with this id, redirects not followed.
pub async fn person_row(db: &impl ConnectionTrait, id: PersonId) -> Result<Option<Person>, DbErr> {
    Ok(person::Entity::find_by_id(id).one(db).await?.map(Person::from))
}

/// The person that this id means now: herself, or who she turned out to be. One statement.
pub async fn person(db: &impl ConnectionTrait, id: PersonId) -> Result<Option<Person>, DbErr> {
    use sea_orm::sea_query::ExprTrait as _;
    let survivor = Query::select()
        .expr(Expr::col(person::Column::MergedInto).if_null(Expr::col(person::Column::Id)))
        .from(person::Entity)
        .and_where(Expr::col(person::Column::Id).eq(id))
        .to_owned();
    Ok(person::Entity::find().filter(person::Column::Id.in_subquery(survivor)).one(db).await?.map(Person::from))
}

/// The persons with these ids, locked against change until the transaction ends (SQLite has one writer anyway).
pub async fn lock_persons(txn: &impl ConnectionTrait, ids: &[PersonId]) -> Result<Vec<Person>, DbErr> {
    let rows = person::Entity::find()
        .filter(person::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(person::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(txn)
        .await?;
    Ok(rows.into_iter().map(Person::from).collect())
}

/// The persons with these ids, redirects not followed.
pub async fn rows(db: &impl ConnectionTrait, ids: &[PersonId]) -> Result<HashMap<PersonId, Person>, DbErr> {
    let rows = person::Entity::find().filter(person::Column::Id.is_in(ids.iter().copied())).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
}

/// Which of these ids are persons.
pub async fn existing(db: &impl ConnectionTrait, ids: &[PersonId]) -> Result<Vec<PersonId>, DbErr> {
    person::Entity::find().select_only().column(person::Column::Id).filter(person::Column::Id.is_in(ids.iter().copied())).into_tuple().all(db).await
}

/// All ids that mean the person `id`: her own and those that redirect to her.
pub async fn identities(db: &impl ConnectionTrait, id: PersonId) -> Result<Vec<PersonId>, DbErr> {
    person::Entity::find()
        .select_only()
        .column(person::Column::Id)
        .filter(Condition::any().add(person::Column::Id.eq(id)).add(person::Column::MergedInto.eq(id)))
        .order_by_asc(person::Column::Id)
        .into_tuple()
        .all(db)
        .await
}

/// Persons by the ids that were asked; an id that redirects gives who she turned out to be. Two statements at most.
pub async fn persons(db: &impl ConnectionTrait, ids: &[PersonId]) -> Result<HashMap<PersonId, Person>, DbErr> {
    let load = async |ids: Vec<PersonId>| person::Entity::find().filter(person::Column::Id.is_in(ids)).all(db).await;
    let rows: HashMap<PersonId, Person> = load(ids.to_vec()).await?.into_iter().map(|row| (row.id, row.into())).collect();
    let missing: Vec<PersonId> = rows.values().filter_map(|row| row.merged_into).filter(|survivor| !rows.contains_key(survivor)).collect();
    let survivors: HashMap<PersonId, Person> =
        if missing.is_empty() { HashMap::new() } else { load(missing).await?.into_iter().map(|row| (row.id, row.into())).collect() };
    let now = |row: &Person| {
        let id = row.merged_into.unwrap_or(row.id);
        rows.get(&id).or_else(|| survivors.get(&id)).cloned()
    };
    Ok(rows.iter().filter_map(|(id, row)| Some((*id, now(row)?))).collect())
}

/// Writes a person if she still has `person.version`; raises it and remembers what was changed. False: she has not.
pub async fn update_person(
    txn: &impl ConnectionTrait,
    person: Person,
    changed: &[&'static str],
    role: Option<Role>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let updated = person::Entity::update_many()
        .set(person::ActiveModel {
            name_zh: Set(person.name.zh),
            name_latin: Set(person.name.latin),
            birth_date: Set(person.birth_date),
            sex: Set(person.sex),
            nationality: Set(person.nationality),
            assurance: Set(person.assurance),
            has_account: Set(person.has_account),
            merged_into: Set(person.merged_into),
            version: Set(person.version + 1),
            updated_at: Set(now),
            ..Default::default()
        })
        .filter(person::Column::Id.eq(person.id))
        .filter(person::Column::Version.eq(person.version))
        .exec(txn)
        .await?;
    if updated.rows_affected != 1 {
        return Ok(false);
    }
    revision::Entity::insert(revision::ActiveModel {
        person_id: Set(person.id),
        version: Set(person.version + 1),
        changed: Set(serde_json::json!(changed)),
        role: Set(role),
        at: Set(now),
    })
    .exec_without_returning(txn)
    .await?;
    Ok(true)
}

/// What happened to a person after `version`: fields that changed, and the role of the last change.
pub async fn changes_since(db: &impl ConnectionTrait, person: PersonId, version: i64) -> Result<(Vec<String>, Option<Role>), DbErr> {
    let rows = revision::Entity::find()
        .filter(revision::Column::PersonId.eq(person))
        .filter(revision::Column::Version.gt(version))
        .order_by_asc(revision::Column::Version)
        .limit(100)
        .all(db)
        .await?;
    let mut changed: Vec<String> = Vec::new();
    for field in rows.iter().filter_map(|row| row.changed.as_array()).flatten().filter_map(serde_json::Value::as_str) {
        if !changed.iter().any(|known| known == field) {
            changed.push(field.to_owned());
        }
    }
    Ok((changed, rows.last().and_then(|row| row.role)))
}

/// Lets the ids that redirect to `from` redirect to `to`.
pub async fn redirect(txn: &impl ConnectionTrait, from: PersonId, to: PersonId) -> Result<(), DbErr> {
    person::Entity::update_many().col_expr(person::Column::MergedInto, Expr::value(to)).filter(person::Column::MergedInto.eq(from)).exec(txn).await.map(|_| ())
}

/// Adds a document. [`Written::Taken`]: the person has it already, or (a verified one) somebody else's is verified.
pub async fn insert_document(txn: &impl ConnectionTrait, document: StoredDocument) -> Result<Written, DbErr> {
    written(
        identity_document::Entity::insert(identity_document::ActiveModel {
            id: Set(document.id),
            person_id: Set(document.person),
            kind: Set(document.kind),
            issuing_state: Set(document.issuing_state),
            number_sealed: Set(document.number_sealed),
            number_index: Set(document.number_index),
            issue_count: Set(document.issue_count),
            valid_from: Set(document.valid_from),
            valid_until: Set(document.valid_until),
            verified_at: Set(document.verified_at),
            verified_by: Set(document.verified_by),
            created_at: Set(document.created_at),
        })
        .exec_without_returning(txn)
        .await,
    )
}

/// The documents of a person and of the ids that redirect to her, oldest first. One statement.
pub async fn documents(db: &impl ConnectionTrait, person: PersonId) -> Result<Vec<StoredDocument>, DbErr> {
    let rows = identity_document::Entity::find()
        .filter(identity_document::Column::PersonId.in_subquery(identities_query(person)))
        .order_by_asc(identity_document::Column::Id)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(StoredDocument::from).collect())
}

/// One document of a person or of an id that redirects to her.
pub async fn document(db: &impl ConnectionTrait, person: PersonId, id: IdentityDocumentId) -> Result<Option<StoredDocument>, DbErr> {
    let row = identity_document::Entity::find_by_id(id).filter(identity_document::Column::PersonId.in_subquery(identities_query(person))).one(db).await?;
    Ok(row.map(StoredDocument::from))
}

/// The ids that mean a person, as a subquery.
pub fn identities_query(person: PersonId) -> sea_orm::sea_query::SelectStatement {
    Query::select()
        .column(person::Column::Id)
        .from(person::Entity)
        .cond_where(Condition::any().add(person::Column::Id.eq(person)).add(person::Column::MergedInto.eq(person)))
        .to_owned()
}

/// The verified document with this number, whoever holds it.
pub async fn verified_document(db: &impl ConnectionTrait, kind: IdentityDocumentKind, index: &[u8]) -> Result<Option<StoredDocument>, DbErr> {
    let row = identity_document::Entity::find()
        .filter(identity_document::Column::Kind.eq(kind))
        .filter(identity_document::Column::NumberIndex.eq(index.to_vec()))
        .filter(identity_document::Column::VerifiedAt.is_not_null())
        .one(db)
        .await?;
    Ok(row.map(StoredDocument::from))
}

/// Marks a document verified, with the validity that the officer read. [`Written::Taken`]: another document with this number
/// is verified. [`Written::Gone`]: it was removed meanwhile.
pub async fn mark_verified(
    txn: &impl ConnectionTrait,
    id: IdentityDocumentId,
    by: PersonId,
    (from, until): (Option<NaiveDate>, Option<NaiveDate>),
    now: DateTime<Utc>,
) -> Result<Written, DbErr> {
    let updated = identity_document::Entity::update_many()
        .set(identity_document::ActiveModel {
            verified_at: Set(Some(now)),
            verified_by: Set(Some(by)),
            valid_from: Set(from),
            valid_until: Set(until),
            ..Default::default()
        })
        .filter(identity_document::Column::Id.eq(id))
        .exec(txn)
        .await;
    match updated {
        Ok(done) if done.rows_affected != 1 => Ok(Written::Gone),
        other => written(other),
    }
}

/// Removes a document that is not verified. False: there is none, or it is verified by now.
pub async fn delete_claimed_document(txn: &impl ConnectionTrait, id: IdentityDocumentId) -> Result<bool, DbErr> {
    let deleted = identity_document::Entity::delete_many()
        .filter(identity_document::Column::Id.eq(id))
        .filter(identity_document::Column::VerifiedAt.is_null())
        .exec(txn)
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// A look to be recorded.
#[derive(Clone, Debug)]
pub struct NewAccess {
    /// Id.
    pub id: AccessId,
    /// Whose data.
    pub person: PersonId,
    /// Who looks.
    pub actor: PersonId,
    /// As what.
    pub role: Option<Role>,
    /// At what.
    pub field: PersonalDataField,
    /// Of which document.
    pub document: Option<IdentityDocumentId>,
    /// Why.
    pub purpose: AccessPurpose,
    /// The words, sealed with the key of `person`.
    pub reason_sealed: Option<Vec<u8>>,
    /// The request.
    pub request_id: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A recorded look, its reason sealed.
pub type StoredAccess = access_log::Model;

/// Records a look.
pub async fn insert_access(txn: &impl ConnectionTrait, access: NewAccess) -> Result<(), DbErr> {
    access_log::Entity::insert(access_log::ActiveModel {
        id: Set(access.id),
        person_id: Set(access.person),
        actor_id: Set(access.actor),
        role: Set(access.role),
        field: Set(access.field),
        document_id: Set(access.document),
        purpose: Set(access.purpose),
        reason_sealed: Set(access.reason_sealed),
        request_id: Set(access.request_id),
        at: Set(access.at),
    })
    .exec_without_returning(txn)
    .await
    .map(|_| ())
}

/// When somebody looked since `since`, oldest first; at most `limit` of the newest.
pub async fn looks_since(db: &impl ConnectionTrait, actor: PersonId, since: DateTime<Utc>, limit: u64) -> Result<Vec<DateTime<Utc>>, DbErr> {
    let mut looks: Vec<DateTime<Utc>> = access_log::Entity::find()
        .select_only()
        .column(access_log::Column::At)
        .filter(access_log::Column::ActorId.eq(actor))
        .filter(access_log::Column::At.gt(since))
        .order_by(access_log::Column::At, Order::Desc)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    looks.reverse();
    Ok(looks)
}

/// How many looks at a person's data there were, up to [`COUNT_CAP`].
pub async fn count_accesses(db: &impl ConnectionTrait, person: PersonId) -> Result<u64, DbErr> {
    accesses_of(person).limit(COUNT_CAP).count(db).await
}

fn accesses_of(person: PersonId) -> Select<access_log::Entity> {
    access_log::Entity::find().filter(access_log::Column::PersonId.in_subquery(identities_query(person)))
}

/// The looks at a person's data, newest first.
pub async fn accesses(db: &impl ConnectionTrait, person: PersonId, before: Option<AccessId>, limit: u64) -> Result<Vec<StoredAccess>, DbErr> {
    let mut query = accesses_of(person);
    if let Some(before) = before {
        query = query.filter(access_log::Column::Id.lt(before));
    }
    query.order_by(access_log::Column::Id, Order::Desc).limit(limit).all(db).await
}

/// Records an attendance.
pub async fn insert_attendance(
    txn: &impl ConnectionTrait,
    id: AttendanceId,
    person: PersonId,
    officer: PersonId,
    kind: AttendanceKind,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    attendance::Entity::insert(attendance::ActiveModel { id: Set(id), person_id: Set(person), officer_id: Set(officer), kind: Set(kind), at: Set(at) })
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

/// When an officer last had a person before her, or an id that redirects to her: one for each kind of attendance.
pub async fn attendances(db: &impl ConnectionTrait, person: PersonId, officer: PersonId) -> Result<Vec<Attendance>, DbErr> {
    let rows: Vec<(AttendanceKind, DateTime<Utc>)> = attendance::Entity::find()
        .select_only()
        .column(attendance::Column::Kind)
        .column_as(attendance::Column::At.max(), "at")
        .filter(attendance::Column::PersonId.in_subquery(identities_query(person)))
        .filter(attendance::Column::OfficerId.eq(officer))
        .group_by(attendance::Column::Kind)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|(kind, at)| Attendance { kind, at }).collect())
}

/// When originals did not fit before an officer since `since`, oldest first; at most `limit` of the newest.
pub async fn refusals_since(db: &impl ConnectionTrait, officer: PersonId, since: DateTime<Utc>, limit: u64) -> Result<Vec<DateTime<Utc>>, DbErr> {
    let mut at: Vec<DateTime<Utc>> = attendance::Entity::find()
        .select_only()
        .column(attendance::Column::At)
        .filter(attendance::Column::OfficerId.eq(officer))
        .filter(attendance::Column::Kind.eq(AttendanceKind::Refused))
        .filter(attendance::Column::At.gt(since))
        .order_by(attendance::Column::At, Order::Desc)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    at.reverse();
    Ok(at)
}

/// A wrapped key as stored.
pub type StoredKey = person_key::Model;

/// The newest wrapped key of a person. In the store of person keys.
pub async fn key(keys: &impl ConnectionTrait, person: PersonId) -> Result<Option<StoredKey>, DbErr> {
    person_key::Entity::find().filter(person_key::Column::PersonId.eq(person)).order_by_desc(person_key::Column::Number).one(keys).await
}

/// The wrapped keys of persons, the newest of each last. In the store of person keys.
pub async fn keys(keys: &impl ConnectionTrait, persons: &[PersonId]) -> Result<Vec<StoredKey>, DbErr> {
    let mine = person_key::Column::PersonId.is_in(persons.iter().copied());
    person_key::Entity::find().filter(mine).order_by_asc(person_key::Column::Number).all(keys).await
}

/// Stores a wrapped key unless the person has one of this number. In the store of person keys.
pub async fn insert_key(keys: &impl ConnectionTrait, key: StoredKey) -> Result<(), DbErr> {
    person_key::Entity::insert(person_key::ActiveModel {
        person_id: Set(key.person_id),
        number: Set(key.number),
        wrapped: Set(key.wrapped),
        wrapping_key: Set(key.wrapping_key),
        created_at: Set(key.created_at),
    })
    .on_conflict(OnConflict::columns([person_key::Column::PersonId, person_key::Column::Number]).do_nothing().to_owned())
    .exec_without_returning(keys)
    .await
    .map(|_| ())
}

/// Ids of persons whose key was made before `before`, in order of id after `after`. In the store of person keys.
pub async fn old_keys(keys: &impl ConnectionTrait, before: DateTime<Utc>, after: Option<PersonId>, limit: u64) -> Result<Vec<PersonId>, DbErr> {
    let mut query = person_key::Entity::find().select_only().column(person_key::Column::PersonId).filter(person_key::Column::CreatedAt.lt(before));
    if let Some(after) = after {
        query = query.filter(person_key::Column::PersonId.gt(after));
    }
    query.order_by_asc(person_key::Column::PersonId).limit(limit).into_tuple().all(keys).await
}

/// Removes keys. In the store of person keys.
pub async fn delete_keys(keys: &impl ConnectionTrait, persons: &[PersonId]) -> Result<u64, DbErr> {
    Ok(person_key::Entity::delete_many().filter(person_key::Column::PersonId.is_in(persons.iter().copied())).exec(keys).await?.rows_affected)
}
