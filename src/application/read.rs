//! Joined read models: SELECT only, the scope in the finder.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait as _, QueryFilter, QueryOrder, QueryResult, QuerySelect, Select, Statement,
    Value,
};
use uuid::Uuid;

use crate::application::entity::order;
use crate::application::model::case::State;
use crate::application::model::order::OrderState;
use crate::application::model::person::CaseOfPerson;
use crate::application::model::queue::{QueueFilter, QueueRow};
use crate::kernel::ids::{BodyId, ItemId, OrderId, PersonId, UnitId};
use crate::kernel::page::COUNT_CAP;
use crate::kernel::text::Text;

const COLUMNS: &str = "SELECT a.id, a.number, a.item_id, i.name, a.applicant_person_id, p.name_zh, p.name_latin, a.state, a.step_key, a.claimed_by, a.version, \
    a.received_at, a.due_at, a.promised_due_at, a.statutory_due_at, a.near_breach_at, a.provisional, a.deemed_at, a.version_id, c.name_zh, c.name_latin \
    FROM application a JOIN service_item i ON i.id = a.item_id JOIN person p ON p.id = a.applicant_person_id LEFT JOIN person c ON c.id = a.claimed_by";

/// Names of items by id: a page has many rows and few items, and a name is JSON in four languages.
type Names = HashMap<ItemId, Arc<Text>>;

fn row(r: &QueryResult, names: &mut Names, now: DateTime<Utc>) -> Result<QueueRow, DbErr> {
    let item: ItemId = r.try_get_by_index(2)?;
    let item_name = if let Some(known) = names.get(&item) {
        known.clone()
    } else {
        let name: serde_json::Value = r.try_get_by_index(3)?;
        let name: Arc<Text> = Arc::new(serde_json::from_value(name).map_err(|e| DbErr::Json(e.to_string()))?);
        names.insert(item, name.clone());
        name
    };
    let state: State = r.try_get_by_index(7)?;
    let deemed: Option<DateTime<Utc>> = r.try_get_by_index(17)?;
    let lapsed = state == State::Received && deemed.is_some_and(|at| at <= now);
    Ok(QueueRow {
        id: r.try_get_by_index(0)?,
        number: r.try_get_by_index(1)?,
        item,
        item_name,
        applicant: r.try_get_by_index(4)?,
        name_zh: r.try_get_by_index(5)?,
        name_latin: r.try_get_by_index(6)?,
        state: if lapsed { State::Accepted } else { state },
        step_key: r.try_get_by_index(8)?,
        claimed_by: r.try_get_by_index(9)?,
        claimed_by_name: r.try_get_by_index::<Option<String>>(19)?.or(r.try_get_by_index(20)?),
        version: r.try_get_by_index(10)?,
        pinned: r.try_get_by_index(18)?,
        received_at: r.try_get_by_index(11)?,
        due_at: r.try_get_by_index(12)?,
        promised_due_at: r.try_get_by_index(13)?,
        statutory_due_at: r.try_get_by_index(14)?,
        near_breach_at: r.try_get_by_index(15)?,
        provisional: r.try_get_by_index(16)?,
    })
}

struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.text.push_str(&condition.replace('?', &format!("${}", self.values.len())));
    }
}

async fn run(db: &impl ConnectionTrait, mut sql: Sql, after: Option<(DateTime<Utc>, Uuid)>, limit: u64, now: DateTime<Utc>) -> Result<Vec<QueueRow>, DbErr> {
    if let Some((due, id)) = after {
        sql.values.push(due.into());
        sql.values.push(id.into());
        let last = sql.values.len();
        let first = last - 1;
        sql.text = format!("{} AND (a.due_at, a.id) > (${first}, ${last})", sql.text);
    }
    sql.and(" ORDER BY a.due_at, a.id LIMIT ?", i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql.text, sql.values)).await?;
    let mut names = Names::new();
    rows.iter().map(|r| row(r, &mut names, now)).collect()
}

/// The open cases of a unit that a list shows. The states stand in the text, so that the partial index serves.
fn open_cases(columns: &str, unit: UnitId, filter: &QueueFilter, now: DateTime<Utc>) -> Sql {
    let mut sql =
        Sql { text: format!("{columns} WHERE a.state IN ('RECEIVED', 'SUPPLEMENT_REQUESTED', 'ACCEPTED', 'IN_REVIEW', 'DECIDED')"), values: Vec::new() };
    sql.and(" AND a.current_unit_id = ?", unit.0);
    // What ended because a notice was not answered is open no more, although no event says so yet.
    sql.and(" AND (a.state <> 'SUPPLEMENT_REQUESTED' OR a.due_at > ?)", now);
    match filter.state {
        // What counts as accepted by lapse of time is found under ACCEPTED although no event says so yet.
        Some(State::Accepted) => sql.and(" AND (a.state = 'ACCEPTED' OR (a.state = 'RECEIVED' AND a.deemed_at <= ?))", now),
        Some(State::Received) => sql.and(" AND a.state = 'RECEIVED' AND a.deemed_at > ?", now),
        Some(state) => sql.and(" AND a.state = ?", state.code()),
        None => {}
    }
    if let Some(item) = filter.item {
        sql.and(" AND a.item_id = ?", item.0);
    }
    if let Some(step) = &filter.step {
        sql.and(" AND a.step_key = ?", step.as_str());
    }
    if let Some(before) = filter.due_before {
        sql.and(" AND a.due_at <= ?", before);
    }
    if let Some(person) = filter.claimed_by {
        sql.and(" AND a.claimed_by = ?", person.0);
    }
    if filter.to_decide {
        sql.text.push_str(" AND a.state IN ('ACCEPTED', 'IN_REVIEW') AND a.step_key IS NULL");
    }
    if filter.unclaimed {
        sql.text.push_str(" AND a.claimed_by IS NULL");
    }
    sql
}

/// How many cases the list of a unit shows, up to [`COUNT_CAP`].
pub async fn count_queue(db: &impl ConnectionTrait, unit: UnitId, filter: &QueueFilter, now: DateTime<Utc>) -> Result<u64, DbErr> {
    count(db, open_cases("SELECT 1 FROM application a", unit, filter, now)).await
}

/// Open cases of a unit, what is due first.
pub async fn queue(
    db: &impl ConnectionTrait,
    unit: UnitId,
    filter: &QueueFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: u64,
    now: DateTime<Utc>,
) -> Result<Vec<QueueRow>, DbErr> {
    run(db, open_cases(COLUMNS, unit, filter, now), after, limit, now).await
}

/// Cases that wait for the confirmation of an employer.
pub async fn employer_queue(
    db: &impl ConnectionTrait,
    body: BodyId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: u64,
    now: DateTime<Utc>,
) -> Result<Vec<QueueRow>, DbErr> {
    run(db, employed(COLUMNS, body), after, limit, now).await
}

fn employed(columns: &str, body: BodyId) -> Sql {
    let mut sql = Sql { text: format!("{columns} WHERE a.step_kind = 'EMPLOYER_CONFIRMATION'"), values: Vec::new() };
    sql.and(" AND a.employer_body_id = ?", body.0);
    sql
}

/// How many cases wait for the confirmation of an employer, up to [`COUNT_CAP`].
pub async fn count_employer_queue(db: &impl ConnectionTrait, body: BodyId) -> Result<u64, DbErr> {
    count(db, employed("SELECT 1 FROM application a", body)).await
}

async fn count(db: &impl ConnectionTrait, sql: Sql) -> Result<u64, DbErr> {
    let text = format!("SELECT COUNT(*) FROM ({} LIMIT {COUNT_CAP}) found", sql.text);
    let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), text, sql.values)).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index::<i64>(0).map(i64::unsigned_abs))
}

/// Those of the orders that a person filled under a mandate. She is a party to their cases, whatever became of the mandate
/// and whoever handed in. One statement.
pub async fn orders_filled_as_agent(db: &impl ConnectionTrait, orders: &[OrderId], agent: PersonId) -> Result<HashSet<OrderId>, DbErr> {
    let hers = Query::select()
        .column("id")
        .from("person")
        .cond_where(Condition::any().add(Expr::col("id").eq(agent)).add(Expr::col("merged_into").eq(agent)))
        .to_owned();
    let find = order::Entity::find().select_only().column(order::Column::Id).filter(order::Column::Id.is_in(orders.iter().copied()));
    let find = find.filter(order::Column::MandateId.is_not_null()).filter(order::Column::CreatedBy.in_subquery(hers));
    Ok(find.into_tuple().all(db).await?.into_iter().collect())
}

/// The cases that a person handed in or is a beneficiary of, but for those in which `actor` has a part herself: as
/// applicant, as beneficiary, or as who filled them as an agent. Who has a part in a case is not its staff. One statement.
pub async fn cases_of_person(db: &impl ConnectionTrait, person: PersonId, actor: PersonId) -> Result<Vec<CaseOfPerson>, DbErr> {
    let hers = "SELECT id FROM person WHERE id = $1 OR merged_into = $1";
    let own = "SELECT id FROM person WHERE id = $2 OR merged_into = $2";
    let text = format!(
        "SELECT DISTINCT a.state, c.path, r.path, i.code, COALESCE(p.merged_into, p.id) FROM (SELECT id FROM application WHERE applicant_person_id IN ({hers}) \
            UNION SELECT application_id FROM application_beneficiary WHERE person_id IN ({hers})) found \
         JOIN application a ON a.id = found.id JOIN service_item i ON i.id = a.item_id JOIN person p ON p.id = a.applicant_person_id LEFT JOIN unit c ON c.id = a.current_unit_id LEFT JOIN unit r ON r.id = a.receiving_unit_id \
         WHERE a.state <> 'DRAFT' AND a.applicant_person_id NOT IN ({own}) \
            AND NOT EXISTS (SELECT 1 FROM application_beneficiary b WHERE b.application_id = a.id AND b.person_id IN ({own})) \
            AND NOT EXISTS (SELECT 1 FROM application_order o WHERE o.id = a.order_id AND o.mandate_id IS NOT NULL AND o.created_by IN ({own}))"
    );
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), text, [person.0.into(), actor.0.into()])).await?;
    let case = |row: &QueryResult| {
        let paths: [Option<String>; 2] = [row.try_get_by_index(1)?, row.try_get_by_index(2)?];
        let unit_paths = paths.into_iter().flatten().collect();
        Ok(CaseOfPerson { state: row.try_get_by_index(0)?, unit_paths, item_code: row.try_get_by_index(3)?, applicant: row.try_get_by_index(4)? })
    };
    rows.iter().map(case).collect()
}

/// Carts that a person fills for others and may go on filling: under a mandate that holds now, or, where she is one, as an
/// officer. A mandate binds whom it was given to, whoever they have become since.
fn filled(filler: &[PersonId], officer: bool, now: DateTime<Utc>) -> Select<order::Entity> {
    let held = Query::select()
        .column("id")
        .from("mandate")
        .and_where(Expr::col("withdrawn_at").is_null())
        .and_where(Expr::col("starts_at").lte(now))
        .and_where(Expr::col("ends_at").gt(now))
        .to_owned();
    let may = Condition::any().add(order::Column::MandateId.in_subquery(held));
    order::Entity::find()
        .filter(order::Column::CreatedBy.is_in(filler.iter().copied()))
        .filter(order::Column::ApplicantPersonId.is_not_in(filler.iter().copied()))
        .filter(order::Column::State.eq(OrderState::Cart))
        .filter(if officer { may.add(order::Column::MandateId.is_null()) } else { may })
}

/// Carts that a person fills for others and may go on filling, newest first.
pub async fn carts_filled(
    db: &impl ConnectionTrait,
    filler: &[PersonId],
    officer: bool,
    now: DateTime<Utc>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<order::Model>, DbErr> {
    let mut find = filled(filler, officer, now);
    if let Some(before) = before {
        find = find.filter(order::Column::Id.lt(before));
    }
    find.order_by_desc(order::Column::Id).limit(limit).all(db).await
}

/// How many these are, up to [`COUNT_CAP`].
pub async fn count_carts_filled(db: &impl ConnectionTrait, filler: &[PersonId], officer: bool, now: DateTime<Utc>) -> Result<u64, DbErr> {
    filled(filler, officer, now).limit(COUNT_CAP).count(db).await
}
