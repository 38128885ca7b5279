//! Every query of the slice that is not a joined list.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, PaginatorTrait as _, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    Select, SqlErr, Statement,
};
use uuid::Uuid;

use crate::application::entity::{application, beneficiary, document, event, material, order, replaced_answers, requested_item};
use crate::application::model::case::State;
use crate::application::model::event::{DeliveryChannel, Event};
use crate::application::model::order::{MaterialBasis, OrderState};
use crate::application::model::projection::Projection;
use crate::catalogue::model::offering::Channel;
use crate::kernel::env::Env;
use crate::kernel::ids::{
    ApplicationId, BodyId, BoundMaterialId, CaseDocumentId, DocumentVersionId, EventId, ItemId, MandateId, OrderId, PersonId, TypedId as _, UnitId,
};
use crate::kernel::page::COUNT_CAP;
use crate::kernel::role::Role;

/// An order as stored.
pub type OrderRow = order::Model;
/// A case as stored.
pub type CaseRow = application::Model;
/// An event as stored.
pub type EventRow = event::Model;
/// A bound document version as stored.
pub type MaterialRow = material::Model;
/// A case document as stored.
pub type DocumentRow = document::Model;
/// Something asked of an applicant, as stored.
pub type RequestedRow = requested_item::Model;
/// Answers that others took the place of, as stored.
pub type ReplacedRow = replaced_answers::Model;

/// An order by id.
pub async fn order(db: &impl ConnectionTrait, id: OrderId) -> Result<Option<order::Model>, DbErr> {
    order::Entity::find_by_id(id).one(db).await
}

/// Adds an order.
pub async fn insert_order(txn: &impl ConnectionTrait, row: order::Model) -> Result<(), DbErr> {
    order::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(txn).await.map(|_| ())
}

/// Raises the version of a cart that still has `version`; `channel` changes how it comes in, `submitted` hands it in.
/// Whether it had.
pub async fn bump_order(
    txn: &impl ConnectionTrait,
    id: OrderId,
    version: i64,
    now: DateTime<Utc>,
    channel: Option<Channel>,
    submitted: Option<PersonId>,
) -> Result<bool, DbErr> {
    let mut change = order::ActiveModel { version: Set(version + 1), updated_at: Set(now), ..Default::default() };
    if let Some(channel) = channel {
        change.channel = Set(channel);
    }
    if let Some(by) = submitted {
        change.state = Set(OrderState::Submitted);
        change.submitted_by = Set(Some(by));
        change.submitted_at = Set(Some(now));
    }
    let result = order::Entity::update_many()
        .set(change)
        .filter(order::Column::Id.eq(id))
        .filter(order::Column::Version.eq(version))
        .filter(order::Column::State.eq(OrderState::Cart))
        .exec(txn)
        .await?;
    Ok(result.rows_affected == 1)
}

/// How many orders a person has, up to [`COUNT_CAP`].
pub async fn count_orders(db: &impl ConnectionTrait, persons: &[PersonId]) -> Result<u64, DbErr> {
    order::Entity::find().filter(order::Column::ApplicantPersonId.is_in(persons.iter().copied())).limit(COUNT_CAP).count(db).await
}

/// The orders of a person, newest first.
pub async fn orders_of(db: &impl ConnectionTrait, persons: &[PersonId], before: Option<Uuid>, limit: u64) -> Result<Vec<order::Model>, DbErr> {
    let mut find = order::Entity::find().filter(order::Column::ApplicantPersonId.is_in(persons.iter().copied()));
    if let Some(before) = before {
        find = find.filter(order::Column::Id.lt(before));
    }
    find.order_by_desc(order::Column::Id).limit(limit).all(db).await
}

/// How many carts of a filler are open: those that hold a line, and those touched after `since`.
pub async fn open_carts(txn: &impl ConnectionTrait, filler: PersonId, since: DateTime<Utc>) -> Result<i64, DbErr> {
    let row = txn
        .query_one_raw(Statement::from_sql_and_values(
            txn.get_database_backend(),
            "SELECT COUNT(*) FROM application_order o WHERE o.created_by = $1 AND o.state = 'CART' \
             AND (o.updated_at > $2 OR EXISTS (SELECT 1 FROM application a WHERE a.order_id = o.id))",
            [filler.0.into(), since.into()],
        ))
        .await?;
    row.map_or(Ok(0), |r| r.try_get_by_index(0))
}

/// The lines of orders, by their place in it.
pub async fn lines_of(db: &impl ConnectionTrait, orders: &[OrderId]) -> Result<Vec<application::Model>, DbErr> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    application::Entity::find()
        .filter(application::Column::OrderId.is_in(orders.iter().copied()))
        .order_by_asc(application::Column::OrderId)
        .order_by_asc(application::Column::Position)
        .all(db)
        .await
}

/// A case by id, locked until the transaction ends, so that its events are read as they stay (SQLite has one writer anyway).
pub async fn lock_application(txn: &impl ConnectionTrait, id: ApplicationId) -> Result<Option<application::Model>, DbErr> {
    application::Entity::find_by_id(id).lock_exclusive().one(txn).await
}

/// A case by id.
pub async fn application(db: &impl ConnectionTrait, id: ApplicationId) -> Result<Option<application::Model>, DbErr> {
    application::Entity::find_by_id(id).one(db).await
}

fn handed_in(persons: &[PersonId]) -> Select<application::Entity> {
    application::Entity::find()
        .filter(application::Column::ApplicantPersonId.is_in(persons.iter().copied()))
        .filter(application::Column::State.ne(State::Draft))
}

/// How many cases of a person were handed in, up to [`COUNT_CAP`].
pub async fn count_applications(db: &impl ConnectionTrait, persons: &[PersonId]) -> Result<u64, DbErr> {
    handed_in(persons).limit(COUNT_CAP).count(db).await
}

/// The cases of a person that were handed in, newest first.
pub async fn applications_of(db: &impl ConnectionTrait, persons: &[PersonId], before: Option<Uuid>, limit: u64) -> Result<Vec<application::Model>, DbErr> {
    let mut find = handed_in(persons);
    if let Some(before) = before {
        find = find.filter(application::Column::Id.lt(before));
    }
    find.order_by_desc(application::Column::Id).limit(limit).all(db).await
}

/// Adds a draft.
pub async fn insert_application(txn: &impl ConnectionTrait, row: application::Model) -> Result<(), DbErr> {
    application::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(txn).await.map(|_| ())
}

/// What is a draft still: nothing has happened to it.
fn is_draft() -> Condition {
    Condition::all().add(application::Column::State.eq(State::Draft)).add(application::Column::Version.eq(0))
}

/// Writes all columns of a draft but when it was made, if it is one still.
pub async fn update_draft(txn: &impl ConnectionTrait, row: application::Model) -> Result<bool, DbErr> {
    let id = row.id;
    let change = application::ActiveModel { created_at: NotSet, ..row.into_active_model().reset_all() };
    let result = application::Entity::update_many().set(change).filter(application::Column::Id.eq(id)).filter(is_draft()).exec(txn).await?;
    Ok(result.rows_affected == 1)
}

/// Deletes drafts with what is bound to them, if all of them are drafts still.
pub async fn delete_drafts(txn: &impl ConnectionTrait, ids: &[ApplicationId]) -> Result<bool, DbErr> {
    if ids.is_empty() {
        return Ok(true);
    }
    clear_bindings(txn, ids).await?;
    let result = application::Entity::delete_many().filter(application::Column::Id.is_in(ids.iter().copied())).filter(is_draft()).exec(txn).await?;
    Ok(usize::try_from(result.rows_affected) == Ok(ids.len()))
}

/// Unbinds materials and beneficiaries of drafts.
pub async fn clear_bindings(txn: &impl ConnectionTrait, ids: &[ApplicationId]) -> Result<(), DbErr> {
    let drafts = || {
        let ids = application::Column::Id.is_in(ids.iter().copied());
        Query::select().column(application::Column::Id).from(application::Entity).cond_where(is_draft().add(ids)).to_owned()
    };
    material::Entity::delete_many().filter(material::Column::ApplicationId.in_subquery(drafts())).exec(txn).await?;
    beneficiary::Entity::delete_many().filter(beneficiary::Column::ApplicationId.in_subquery(drafts())).exec(txn).await.map(|_| ())
}

/// Binds document versions by key of the material; `false` where one of them is not there.
pub async fn bind_materials(txn: &impl ConnectionTrait, env: &Env, id: ApplicationId, bound: &[(String, DocumentVersionId)]) -> Result<bool, DbErr> {
    if bound.is_empty() {
        return Ok(true);
    }
    let rows = bound.iter().map(|(key, version)| material::ActiveModel {
        id: Set(BoundMaterialId::new(env)),
        application_id: Set(id),
        material_key: Set(key.clone()),
        basis: Set(MaterialBasis::Document),
        document_version_id: Set(Some(*version)),
        original_seen_at: Set(None),
        original_seen_by: Set(None),
        superseded_seq: Set(None),
    });
    match material::Entity::insert_many(rows).exec_without_returning(txn).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Those of the versions that a draft or case binds.
pub async fn bound_versions(db: &impl ConnectionTrait, ids: &[DocumentVersionId]) -> Result<HashSet<DocumentVersionId>, DbErr> {
    let bound = material::Entity::find().filter(material::Column::DocumentVersionId.is_in(ids.iter().copied()));
    let rows: Vec<Option<DocumentVersionId>> = bound.select_only().column(material::Column::DocumentVersionId).distinct().into_tuple().all(db).await?;
    Ok(rows.into_iter().flatten().collect())
}

/// Adds beneficiaries.
pub async fn add_beneficiaries(txn: &impl ConnectionTrait, id: ApplicationId, persons: &[PersonId]) -> Result<(), DbErr> {
    if persons.is_empty() {
        return Ok(());
    }
    let rows = persons.iter().map(|person| beneficiary::ActiveModel { application_id: Set(id), person_id: Set(*person) });
    beneficiary::Entity::insert_many(rows).exec_without_returning(txn).await.map(|_| ())
}

/// Bound document versions of cases, those that stand.
pub async fn materials_of(db: &impl ConnectionTrait, ids: &[ApplicationId]) -> Result<Vec<material::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let find = material::Entity::find().filter(material::Column::ApplicationId.is_in(ids.iter().copied())).filter(material::Column::SupersededSeq.is_null());
    find.order_by_asc(material::Column::MaterialKey).all(db).await
}

/// Whether a document version stands, or stood, for a material of a case.
pub async fn has_paper(db: &impl ConnectionTrait, case: ApplicationId, version: DocumentVersionId) -> Result<bool, DbErr> {
    let find = material::Entity::find().filter(material::Column::ApplicationId.eq(case)).filter(material::Column::DocumentVersionId.eq(version));
    Ok(find.select_only().column(material::Column::Id).limit(1).into_tuple::<BoundMaterialId>().one(db).await?.is_some())
}

/// Says of what stands for a material that other papers take its place by the event of this number.
pub async fn supersede_materials(txn: &impl ConnectionTrait, case: ApplicationId, key: &str, seq: i64) -> Result<(), DbErr> {
    let change = material::ActiveModel { superseded_seq: Set(Some(seq)), ..Default::default() };
    material::Entity::update_many()
        .set(change)
        .filter(material::Column::ApplicationId.eq(case))
        .filter(material::Column::MaterialKey.eq(key))
        .filter(material::Column::SupersededSeq.is_null())
        .exec(txn)
        .await
        .map(|_| ())
}

/// Adds what is asked of an applicant.
pub async fn insert_requested(txn: &impl ConnectionTrait, rows: Vec<requested_item::Model>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = rows.into_iter().map(|row| row.into_active_model().reset_all());
    requested_item::Entity::insert_many(rows).exec_without_returning(txn).await.map(|_| ())
}

/// What was asked of the applicants of cases, in order.
pub async fn requested_of(db: &impl ConnectionTrait, ids: &[ApplicationId]) -> Result<Vec<requested_item::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    requested_item::Entity::find()
        .filter(requested_item::Column::ApplicationId.is_in(ids.iter().copied()))
        .order_by_asc(requested_item::Column::ApplicationId)
        .order_by_asc(requested_item::Column::Seq)
        .order_by_asc(requested_item::Column::Position)
        .all(db)
        .await
}

/// Puts answers in the place of those that `replaced` keeps, with the facts that they were judged by where these changed and
/// the employer who confirms.
pub async fn replace_answers(
    txn: &impl ConnectionTrait,
    replaced: replaced_answers::Model,
    form_sealed: Vec<u8>,
    facts_sealed: Option<Vec<u8>>,
    employer: Option<BodyId>,
) -> Result<(), DbErr> {
    let case = replaced.application_id;
    replaced_answers::Entity::insert(replaced.into_active_model().reset_all()).exec_without_returning(txn).await?;
    let mut change = application::ActiveModel { form_sealed: Set(Some(form_sealed)), employer_body_id: Set(employer), ..Default::default() };
    if let Some(facts) = facts_sealed {
        change.facts_sealed = Set(Some(facts));
    }
    application::Entity::update_many().set(change).filter(application::Column::Id.eq(case)).exec(txn).await.map(|_| ())
}

/// Marks that the original of a bound version was seen, unless that was marked before; whether the version is bound.
pub async fn mark_original_seen(
    txn: &impl ConnectionTrait,
    id: ApplicationId,
    version: DocumentVersionId,
    by: PersonId,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let change = material::ActiveModel { original_seen_at: Set(Some(now)), original_seen_by: Set(Some(by)), ..Default::default() };
    let result = material::Entity::update_many()
        .set(change)
        .filter(material::Column::ApplicationId.eq(id))
        .filter(material::Column::DocumentVersionId.eq(version))
        .filter(material::Column::OriginalSeenAt.is_null())
        .exec(txn)
        .await?;
    Ok(result.rows_affected)
}

/// Beneficiaries of cases.
pub async fn beneficiaries_of(db: &impl ConnectionTrait, ids: &[ApplicationId]) -> Result<HashMap<ApplicationId, Vec<PersonId>>, DbErr> {
    let mut by_case: HashMap<ApplicationId, Vec<PersonId>> = HashMap::new();
    for row in beneficiary::Entity::find().filter(beneficiary::Column::ApplicationId.is_in(ids.iter().copied())).all(db).await? {
        by_case.entry(row.application_id).or_default().push(row.person_id);
    }
    Ok(by_case)
}

/// Cases by id.
pub async fn applications(db: &impl ConnectionTrait, ids: &[ApplicationId]) -> Result<Vec<application::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    application::Entity::find().filter(application::Column::Id.is_in(ids.iter().copied())).all(db).await
}

/// Events of a case, oldest first.
pub async fn events(db: &impl ConnectionTrait, id: ApplicationId) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find().filter(event::Column::ApplicationId.eq(id)).order_by_asc(event::Column::Seq).all(db).await
}

/// Events of many cases, by case and number.
pub async fn events_of(db: &impl ConnectionTrait, ids: &[ApplicationId]) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::ApplicationId.is_in(ids.iter().copied()))
        .order_by_asc(event::Column::ApplicationId)
        .order_by_asc(event::Column::Seq)
        .all(db)
        .await
}

/// As many events of each case as are wanted after a number. Numbers count up from 1 without a gap.
pub async fn events_between(db: &impl ConnectionTrait, ids: &[ApplicationId], (after, wanted): (i64, u64)) -> Result<Vec<event::Model>, DbErr> {
    let last = after.saturating_add(i64::try_from(wanted).unwrap_or(i64::MAX));
    event::Entity::find()
        .filter(event::Column::ApplicationId.is_in(ids.iter().copied()))
        .filter(event::Column::Seq.gt(after))
        .filter(event::Column::Seq.lte(last))
        .order_by_asc(event::Column::ApplicationId)
        .order_by_asc(event::Column::Seq)
        .all(db)
        .await
}

/// Who writes an event.
#[derive(Clone, Copy, Debug)]
pub struct EventBy {
    /// The person, or `None` for the clock.
    pub person: Option<PersonId>,
    /// As what.
    pub role: Option<Role>,
    /// In which unit.
    pub unit: Option<UnitId>,
    /// For whom, where she acts for another.
    pub on_behalf_of: Option<PersonId>,
    /// The mandate under which she does.
    pub mandate: Option<MandateId>,
}

/// Outcome of writing to a case whose version others may change at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Done.
    Done,
    /// The case has another version by now.
    Stale,
    /// The applicant has an open case of this item already.
    OneOpenAlready,
}

/// Adds event number `seq`. The compare-and-set of the case's version comes before, so that a number taken is a fault.
pub async fn insert_event(
    txn: &impl ConnectionTrait,
    id: EventId,
    case: ApplicationId,
    seq: i64,
    (event, reason_sealed): (&Event, Option<Vec<u8>>),
    at: DateTime<Utc>,
    by: EventBy,
) -> Result<(), DbErr> {
    let payload = serde_json::to_string(event).map_err(|e| DbErr::Json(e.to_string()))?;
    let insert = event::Entity::insert(event::ActiveModel {
        id: Set(id),
        application_id: Set(case),
        seq: Set(seq),
        kind: Set(event.kind()),
        schema_version: Set(1),
        at: Set(at),
        actor_id: Set(by.person),
        actor_role: Set(by.role),
        on_behalf_of: Set(by.on_behalf_of),
        mandate_id: Set(by.mandate),
        unit_id: Set(by.unit),
        payload: Set(payload),
        reason_sealed: Set(reason_sealed),
    });
    insert.exec_without_returning(txn).await.map(|_| ())
}

/// Writes the projection of a case whose last event still is `last_seq`.
pub async fn write_projection(
    txn: &impl ConnectionTrait,
    id: ApplicationId,
    last_seq: i64,
    projection: &Projection,
    now: DateTime<Utc>,
) -> Result<Written, DbErr> {
    let mut change = columns(projection, now);
    if projection.state.is_closed() {
        change.open_key = Set(None);
    }
    let result = application::Entity::update_many()
        .set(change)
        .filter(application::Column::Id.eq(id))
        .filter(application::Column::LastSeq.eq(last_seq))
        .exec(txn)
        .await?;
    Ok(if result.rows_affected == 1 { Written::Done } else { Written::Stale })
}

/// Turns a draft into a case.
pub async fn write_submission(txn: &impl ConnectionTrait, row: &application::Model, projection: &Projection, now: DateTime<Utc>) -> Result<Written, DbErr> {
    let row = row.clone();
    let change = application::ActiveModel {
        number: Set(row.number),
        version_id: Set(row.version_id),
        offering_id: Set(row.offering_id),
        employer_body_id: Set(row.employer_body_id),
        submitted_by: Set(row.submitted_by),
        mandate_id: Set(row.mandate_id),
        channel: Set(row.channel),
        received_at: Set(row.received_at),
        open_key: Set(row.open_key),
        judged_on: Set(row.judged_on),
        facts_sealed: Set(row.facts_sealed),
        received_reason_sealed: Set(row.received_reason_sealed),
        ..columns(projection, now)
    };
    let update = application::Entity::update_many().set(change).filter(application::Column::Id.eq(row.id)).filter(is_draft()).exec(txn).await;
    match update {
        Ok(result) if result.rows_affected == 1 => Ok(Written::Done),
        Ok(_) => Ok(Written::Stale),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(which)) if which.contains("open_key")) => Ok(Written::OneOpenAlready),
        Err(error) => Err(error),
    }
}

fn columns(p: &Projection, now: DateTime<Utc>) -> application::ActiveModel {
    application::ActiveModel {
        state: Set(p.state),
        decision: Set(p.decision),
        step_index: Set(p.step_index),
        step_key: Set(p.step_key.clone()),
        step_kind: Set(p.step_kind),
        current_unit_id: Set(p.unit),
        receiving_unit_id: Set(p.receiving_unit),
        version: Set(p.version),
        last_seq: Set(p.last_seq),
        termination_reason: Set(p.termination_reason),
        claimed_by: Set(p.claimed_by),
        claimed_at: Set(p.claimed_at),
        accepted_at: Set(p.accepted_at),
        decided_at: Set(p.decided_at),
        closed_at: Set(p.closed_at),
        deemed_at: Set(p.deemed_at),
        promised_due_at: Set(p.promised_due_at),
        statutory_due_at: Set(p.statutory_due_at),
        near_breach_at: Set(p.near_breach_at),
        next_clock_at: Set(p.next_clock_at),
        due_at: Set(p.due_at),
        provisional: Set(p.provisional),
        updated_at: Set(now),
        ..Default::default()
    }
}

/// Puts a projection into a row, as it was written.
pub fn project(row: &mut application::Model, p: &Projection, now: DateTime<Utc>) {
    let p = p.clone();
    row.state = p.state;
    row.decision = p.decision;
    row.step_index = p.step_index;
    row.step_key = p.step_key;
    row.step_kind = p.step_kind;
    row.current_unit_id = p.unit;
    row.receiving_unit_id = p.receiving_unit;
    row.version = p.version;
    row.last_seq = p.last_seq;
    row.termination_reason = p.termination_reason;
    row.claimed_by = p.claimed_by;
    row.claimed_at = p.claimed_at;
    row.accepted_at = p.accepted_at;
    row.decided_at = p.decided_at;
    row.closed_at = p.closed_at;
    row.deemed_at = p.deemed_at;
    row.promised_due_at = p.promised_due_at;
    row.statutory_due_at = p.statutory_due_at;
    row.near_breach_at = p.near_breach_at;
    row.next_clock_at = p.next_clock_at;
    row.due_at = p.due_at;
    row.provisional = p.provisional;
    row.updated_at = now;
}

/// The projection that is stored.
pub fn stored_projection(row: &application::Model) -> Projection {
    Projection {
        state: row.state,
        decision: row.decision,
        step_index: row.step_index,
        step_key: row.step_key.clone(),
        step_kind: row.step_kind,
        unit: row.current_unit_id,
        receiving_unit: row.receiving_unit_id,
        version: row.version,
        last_seq: row.last_seq,
        termination_reason: row.termination_reason,
        claimed_by: row.claimed_by,
        claimed_at: row.claimed_at,
        accepted_at: row.accepted_at,
        decided_at: row.decided_at,
        closed_at: row.closed_at,
        deemed_at: row.deemed_at,
        promised_due_at: row.promised_due_at,
        statutory_due_at: row.statutory_due_at,
        near_breach_at: row.near_breach_at,
        next_clock_at: row.next_clock_at,
        due_at: row.due_at,
        provisional: row.provisional,
    }
}

/// The next number under a prefix, from 1.
pub async fn next_number(txn: &impl ConnectionTrait, prefix: &str) -> Result<i64, DbErr> {
    let row = txn
        .query_one_raw(Statement::from_sql_and_values(
            txn.get_database_backend(),
            "INSERT INTO case_counter (prefix, last) VALUES ($1, 1) ON CONFLICT (prefix) DO UPDATE SET last = case_counter.last + 1 RETURNING last",
            [prefix.into()],
        ))
        .await?;
    row.map_or_else(|| Err(DbErr::RecordNotFound("counter".into())), |r| r.try_get_by_index(0))
}

/// The last numbers given out, by prefix.
pub async fn counters(db: &impl ConnectionTrait) -> Result<HashMap<String, i64>, DbErr> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), "SELECT prefix, last FROM case_counter")).await?;
    rows.iter().map(|r| Ok((r.try_get_by_index(0)?, r.try_get_by_index(1)?))).collect()
}

/// Sets the last numbers given out under prefixes.
pub async fn set_counters(txn: &impl ConnectionTrait, counters: &[(String, i64)]) -> Result<(), DbErr> {
    for some in counters.chunks(500) {
        let places = (0..some.len()).map(|at| format!("(${}, ${})", at * 2 + 1, at * 2 + 2)).collect::<Vec<_>>().join(", ");
        let text = format!("INSERT INTO case_counter (prefix, last) VALUES {places} ON CONFLICT (prefix) DO UPDATE SET last = excluded.last");
        let values = some.iter().flat_map(|(prefix, last)| [prefix.as_str().into(), (*last).into()]).collect::<Vec<sea_orm::Value>>();
        txn.execute_raw(Statement::from_sql_and_values(txn.get_database_backend(), text, values)).await?;
    }
    Ok(())
}

/// Adds a case document.
pub async fn insert_document(txn: &impl ConnectionTrait, row: document::Model) -> Result<(), DbErr> {
    document::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(txn).await.map(|_| ())
}

/// The documents of cases, oldest first.
pub async fn documents_of(db: &impl ConnectionTrait, ids: &[ApplicationId]) -> Result<Vec<document::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    document::Entity::find().filter(document::Column::ApplicationId.is_in(ids.iter().copied())).order_by_asc(document::Column::Id).all(db).await
}

/// Records that a document reached somebody.
pub async fn insert_delivery(
    txn: &impl ConnectionTrait,
    id: Uuid,
    document: CaseDocumentId,
    channel: &str,
    recipient: PersonId,
    by: Option<PersonId>,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(Statement::from_sql_and_values(
        txn.get_database_backend(),
        "INSERT INTO case_delivery (id, case_document_id, channel, recipient_id, recorded_by, delivered_at) VALUES ($1, $2, $3, $4, $5, $6)",
        [id.into(), document.0.into(), channel.into(), recipient.0.into(), by.map(|p| p.0).into(), at.into()],
    ))
    .await
    .map(|_| ())
}

/// That a document reached somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// How.
    pub channel: DeliveryChannel,
    /// Whom, where that is a person.
    pub recipient: Option<PersonId>,
    /// When.
    pub delivered_at: DateTime<Utc>,
}

/// The latest delivery of each document. One statement.
pub async fn deliveries_of(db: &impl ConnectionTrait, ids: &[CaseDocumentId]) -> Result<HashMap<CaseDocumentId, DeliveryRow>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let places = (1..=ids.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ");
    let text = format!(
        "SELECT case_document_id, channel, recipient_id, delivered_at FROM case_delivery WHERE case_document_id IN ({places}) ORDER BY delivered_at, id"
    );
    let values = ids.iter().map(|id| id.0.into()).collect::<Vec<sea_orm::Value>>();
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, values)).await?;
    let delivery = |row: &QueryResult| {
        let row = (
            row.try_get_by_index(0)?,
            DeliveryRow { channel: row.try_get_by_index(1)?, recipient: row.try_get_by_index(2)?, delivered_at: row.try_get_by_index(3)? },
        );
        Ok(row)
    };
    // Of several the last stays.
    rows.iter().map(delivery).collect()
}

/// Cases for which the clock brings something about by `now`, after one of them, in the order of these instants.
pub async fn clock_due(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    after: Option<(DateTime<Utc>, ApplicationId)>,
    limit: u64,
) -> Result<Vec<(DateTime<Utc>, ApplicationId)>, DbErr> {
    let mut values = vec![now.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    let later = after.map_or("", |(at, id)| {
        values.extend([at.into(), id.0.into()]);
        " AND (next_clock_at, id) > ($3, $4)"
    });
    let text = format!("SELECT next_clock_at, id FROM application WHERE next_clock_at <= $1{later} ORDER BY next_clock_at, id LIMIT $2");
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, values)).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// What the days of cases were last counted by.
pub async fn clock_basis(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), "SELECT basis FROM clock_basis")).await?;
    row.map(|r| r.try_get_by_index(0)).transpose()
}

/// Notes down what the days of cases are counted by.
pub async fn put_clock_basis(txn: &impl ConnectionTrait, basis: &str, now: DateTime<Utc>) -> Result<(), DbErr> {
    txn.execute_raw(Statement::from_sql_and_values(
        txn.get_database_backend(),
        "INSERT INTO clock_basis (id, basis, counted_at) VALUES (1, $1, $2) \
         ON CONFLICT (id) DO UPDATE SET basis = excluded.basis, counted_at = excluded.counted_at",
        [basis.into(), now.into()],
    ))
    .await
    .map(|_| ())
}

/// Cases after an id, for walks over all of them; also drafts to which something has happened, which must not be.
pub async fn walk(db: &impl ConnectionTrait, after: Option<ApplicationId>, limit: u64) -> Result<Vec<application::Model>, DbErr> {
    let events = Expr::cust("EXISTS (SELECT 1 FROM application_event e WHERE e.application_id = application.id)");
    let cases = Condition::any().add(Condition::not(is_draft())).add(events);
    let mut find = application::Entity::find().filter(cases);
    if let Some(after) = after {
        find = find.filter(application::Column::Id.gt(after));
    }
    find.order_by_asc(application::Column::Id).limit(limit).all(db).await
}

/// Whether one of these persons, who are one, has an open case of an item of which only one may be open.
pub async fn has_open(txn: &impl ConnectionTrait, persons: &[PersonId], item: ItemId) -> Result<bool, DbErr> {
    let open = application::Entity::find()
        .select_only()
        .column(application::Column::Id)
        .filter(application::Column::ApplicantPersonId.is_in(persons.iter().copied()))
        .filter(application::Column::ItemId.eq(item))
        .filter(application::Column::OpenKey.is_not_null());
    Ok(open.limit(1).into_tuple::<ApplicationId>().one(txn).await?.is_some())
}

/// Whether an open case lies with a unit, or was received by it.
pub async fn has_open_at(txn: &impl ConnectionTrait, unit: UnitId) -> Result<bool, DbErr> {
    // Two questions, each with an index of its own; the states stand in the text, so that the partial indexes serve.
    let row = txn
        .query_one_raw(Statement::from_sql_and_values(
            txn.get_database_backend(),
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM application WHERE current_unit_id = $1 \
             AND state IN ('RECEIVED', 'SUPPLEMENT_REQUESTED', 'ACCEPTED', 'IN_REVIEW', 'DECIDED')) \
             OR EXISTS (SELECT 1 FROM application WHERE receiving_unit_id = $1 \
             AND state IN ('RECEIVED', 'SUPPLEMENT_REQUESTED', 'ACCEPTED', 'IN_REVIEW', 'DECIDED'))",
            [unit.0.into()],
        ))
        .await?;
    Ok(row.is_some())
}

/// Counts the open cases of these persons for the one that they have become, as far as she has none of the item.
///
/// The caller has locked her, so that no submission comes between.
pub async fn move_open_keys(txn: &impl ConnectionTrait, persons: &[PersonId], survivor: PersonId) -> Result<(), DbErr> {
    let rows: Vec<(ApplicationId, ItemId, String)> = application::Entity::find()
        .select_only()
        .columns([application::Column::Id, application::Column::ItemId, application::Column::OpenKey])
        .filter(application::Column::ApplicantPersonId.is_in(persons.iter().copied()))
        .filter(application::Column::OpenKey.is_not_null())
        .order_by_asc(application::Column::Id)
        .into_tuple()
        .all(txn)
        .await?;
    let mut taken: HashSet<String> = rows.iter().map(|(_, _, key)| key.clone()).collect();
    for (id, item, key) in rows {
        let wanted = open_key(survivor, item);
        if key == wanted || !taken.insert(wanted.clone()) {
            continue;
        }
        let change = application::ActiveModel { open_key: Set(Some(wanted)), ..Default::default() };
        let open = application::Column::OpenKey.is_not_null();
        application::Entity::update_many().set(change).filter(application::Column::Id.eq(id)).filter(open).exec(txn).await?;
    }
    Ok(())
}

/// Key under which one open case of an item is counted per applicant.
pub fn open_key(applicant: PersonId, item: ItemId) -> String {
    format!("{}:{}", applicant.0.simple(), item.0.simple())
}
