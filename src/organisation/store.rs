//! Every query of the slice.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Iterable as _, PaginatorTrait as _, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    QueryTrait as _, Select, SqlErr, Statement,
};

use crate::kernel::ids::{BodyId, UnitId};
use crate::kernel::page::COUNT_CAP;
use crate::kernel::text::Text;
use crate::organisation::entity::{body, calendar_day, calendar_year, region, unit, zone};
use crate::organisation::model::body::{Body, BodyKind, NewBody};
use crate::organisation::model::calendar::DayKind;
use crate::organisation::model::reference::{CalendarYear, Region, RegionLevel, Zone, region_prefix};
use crate::organisation::model::unit::{NewUnit, Unit, UnitLevel, UnitNode};

/// How an insert ended that a unique index may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is written.
    Done,
    /// The unique index refused; on PostgreSQL the transaction is void.
    Taken,
}

fn text(json: sea_orm::JsonValue) -> Result<Text, DbErr> {
    serde_json::from_value(json).map_err(|error| DbErr::Json(error.to_string()))
}

fn json(text: &Text) -> Result<sea_orm::JsonValue, DbErr> {
    serde_json::to_value(text).map_err(|error| DbErr::Json(error.to_string()))
}

fn region_of(m: region::Model) -> Result<Region, DbErr> {
    Ok(Region {
        code: m.code,
        level: m.level,
        parent: m.parent_code,
        name: text(m.name)?,
        greater_bay_area: m.greater_bay_area,
        has_districts: m.has_districts,
        verification: m.verification,
        source: m.source,
    })
}

fn zone_of(m: zone::Model) -> Result<Zone, DbErr> {
    Ok(Zone { code: m.code, city: m.city_code, name: text(m.name)?, verification: m.verification })
}

fn body_of(m: body::Model) -> Result<Body, DbErr> {
    Ok(Body {
        id: m.id,
        kind: m.kind,
        name: text(m.name)?,
        uscc: m.uscc,
        region_code: m.region_code,
        verification: m.verification,
        created_at: m.created_at,
        closed_at: m.closed_at,
        successor: m.successor_id,
        version: m.version,
    })
}

fn unit_of(m: unit::Model) -> Result<Unit, DbErr> {
    Ok(Unit {
        id: m.id,
        body: m.body_id,
        parent: m.parent_id,
        level: m.level,
        path: m.path,
        name: text(m.name)?,
        region_code: m.region_code,
        zone_code: m.zone_code,
        created_at: m.created_at,
        closed_at: m.closed_at,
        successor: m.successor_id,
        version: m.version,
    })
}

/// All regions, by code, so that each comes after the one that it lies in.
pub async fn regions(db: &impl ConnectionTrait) -> Result<Vec<Region>, DbErr> {
    region::Entity::find().order_by_asc(region::Column::Code).all(db).await?.into_iter().map(region_of).collect()
}

/// Regions that lie directly in `parent` and are of `level`, where given, by code.
pub async fn regions_where(db: &impl ConnectionTrait, parent: Option<&str>, level: Option<RegionLevel>) -> Result<Vec<Region>, DbErr> {
    region::Entity::find()
        .apply_if(parent, |query, parent| query.filter(region::Column::ParentCode.eq(parent)))
        .apply_if(level, |query, level| query.filter(region::Column::Level.eq(level)))
        .order_by_asc(region::Column::Code)
        .all(db)
        .await?
        .into_iter()
        .map(region_of)
        .collect()
}

/// The region with this code.
pub async fn region(db: &impl ConnectionTrait, code: &str) -> Result<Option<Region>, DbErr> {
    region::Entity::find_by_id(code.to_owned()).one(db).await?.map(region_of).transpose()
}

/// The zone with this code.
pub async fn zone(db: &impl ConnectionTrait, code: &str) -> Result<Option<Zone>, DbErr> {
    zone::Entity::find_by_id(code.to_owned()).one(db).await?.map(zone_of).transpose()
}

/// All zones, by code.
pub async fn zones(db: &impl ConnectionTrait) -> Result<Vec<Zone>, DbErr> {
    zone::Entity::find().order_by_asc(zone::Column::Code).all(db).await?.into_iter().map(zone_of).collect()
}

/// Writes regions as they are now; each after the one that it lies in.
pub async fn put_regions(txn: &impl ConnectionTrait, regions: &[Region]) -> Result<(), DbErr> {
    let row = |r: &Region| {
        Ok(region::ActiveModel {
            code: Set(r.code.clone()),
            level: Set(r.level),
            parent_code: Set(r.parent.clone()),
            name: Set(json(&r.name)?),
            greater_bay_area: Set(r.greater_bay_area),
            has_districts: Set(r.has_districts),
            verification: Set(r.verification),
            source: Set(r.source.clone()),
        })
    };
    let changed = region::Column::iter().filter(|c| !matches!(c, region::Column::Code));
    let rows: Vec<region::ActiveModel> = regions.iter().map(row).collect::<Result<_, DbErr>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    let conflict = OnConflict::column(region::Column::Code).update_columns(changed).to_owned();
    region::Entity::insert_many(rows).on_conflict(conflict).exec_without_returning(txn).await.map(|_| ())
}

/// Writes zones as they are now.
pub async fn put_zones(txn: &impl ConnectionTrait, zones: &[Zone]) -> Result<(), DbErr> {
    let row = |z: &Zone| {
        Ok(zone::ActiveModel { code: Set(z.code.clone()), city_code: Set(z.city.clone()), name: Set(json(&z.name)?), verification: Set(z.verification) })
    };
    let rows: Vec<zone::ActiveModel> = zones.iter().map(row).collect::<Result<_, DbErr>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    let changed = [zone::Column::CityCode, zone::Column::Name, zone::Column::Verification];
    let conflict = OnConflict::column(zone::Column::Code).update_columns(changed).to_owned();
    zone::Entity::insert_many(rows).on_conflict(conflict).exec_without_returning(txn).await.map(|_| ())
}

/// Writes a year of the calendar as it is now; days that its notice does not name any more are gone.
pub async fn put_calendar_year(txn: &impl ConnectionTrait, year: &CalendarYear) -> Result<(), DbErr> {
    let row = calendar_year::ActiveModel {
        year: Set(year.year),
        title: Set(year.title.clone()),
        number: Set(year.number.clone()),
        issued_on: Set(year.issued_on),
        source: Set(year.source.clone()),
        verification: Set(year.verification),
    };
    let changed = calendar_year::Column::iter().filter(|c| !matches!(c, calendar_year::Column::Year));
    let conflict = OnConflict::column(calendar_year::Column::Year).update_columns(changed).to_owned();
    calendar_year::Entity::insert(row).on_conflict(conflict).exec_without_returning(txn).await?;
    let days = year.days();
    calendar_day::Entity::delete_many().filter(calendar_day::Column::Year.eq(year.year)).exec(txn).await?;
    let rows: Vec<calendar_day::ActiveModel> =
        days.into_iter().map(|d| calendar_day::ActiveModel { day: Set(d.day), year: Set(year.year), kind: Set(d.kind), name: Set(d.name) }).collect();
    if rows.is_empty() {
        return Ok(());
    }
    calendar_day::Entity::insert_many(rows).exec_without_returning(txn).await.map(|_| ())
}

/// The years whose notice is known, oldest first, each with its number, date and source as they identify the notice.
pub async fn calendar_years(db: &impl ConnectionTrait) -> Result<Vec<(i32, String, NaiveDate, String)>, DbErr> {
    let rows = calendar_year::Entity::find().order_by_asc(calendar_year::Column::Year).all(db).await?;
    Ok(rows.into_iter().map(|m| (m.year, m.number, m.issued_on, m.source)).collect())
}

/// The days that differ from their weekday, oldest first; where the notices of two years name one, as the later says.
pub async fn calendar_days(db: &impl ConnectionTrait) -> Result<Vec<(NaiveDate, DayKind)>, DbErr> {
    let rows = calendar_day::Entity::find().order_by_asc(calendar_day::Column::Day).order_by_desc(calendar_day::Column::Year).all(db).await?;
    let mut days: Vec<(NaiveDate, DayKind)> = rows.into_iter().map(|m| (m.day, m.kind)).collect();
    days.dedup_by_key(|(day, _)| *day);
    Ok(days)
}

/// The body with this id.
pub async fn body(db: &impl ConnectionTrait, id: BodyId) -> Result<Option<Body>, DbErr> {
    body::Entity::find_by_id(id).one(db).await?.map(body_of).transpose()
}

/// Bodies by id. One statement.
pub async fn bodies(db: &impl ConnectionTrait, ids: &[BodyId]) -> Result<HashMap<BodyId, Body>, DbErr> {
    let rows = body::Entity::find().filter(body::Column::Id.is_in(ids.iter().copied())).all(db).await?;
    rows.into_iter().map(|m| Ok((m.id, body_of(m)?))).collect()
}

/// Adds a body at version 1. Refused where an open body has the USCC.
pub async fn insert_body(txn: &impl ConnectionTrait, id: BodyId, new: NewBody, now: DateTime<Utc>) -> Result<Written, DbErr> {
    let row = body::ActiveModel {
        id: Set(id),
        kind: Set(new.kind),
        name: Set(json(&new.name)?),
        uscc: Set(new.uscc),
        region_code: Set(new.region_code),
        verification: Set(new.verification),
        created_at: Set(now),
        closed_at: Set(None),
        successor_id: Set(None),
        version: Set(1),
    };
    match body::Entity::insert(row).exec_without_returning(txn).await {
        Ok(_) => Ok(Written::Done),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(Written::Taken),
        Err(error) => Err(error),
    }
}

fn open_bodies(kind: Option<BodyKind>) -> Select<body::Entity> {
    body::Entity::find().filter(body::Column::ClosedAt.is_null()).apply_if(kind, |query, kind| query.filter(body::Column::Kind.eq(kind)))
}

/// How many open bodies of a kind there are, up to [`COUNT_CAP`].
pub async fn count_bodies(db: &impl ConnectionTrait, kind: Option<BodyKind>) -> Result<u64, DbErr> {
    open_bodies(kind).limit(COUNT_CAP).count(db).await
}

/// Open bodies of a kind, where given, in the order in which they were made.
pub async fn bodies_page(db: &impl ConnectionTrait, kind: Option<BodyKind>, after: Option<BodyId>, limit: u64) -> Result<Vec<Body>, DbErr> {
    open_bodies(kind)
        .apply_if(after, |query, after| query.filter(body::Column::Id.gt(after)))
        .order_by_asc(body::Column::Id)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(body_of)
        .collect()
}

/// Which open units a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFilter {
    /// Directly below this unit.
    pub parent: Option<UnitId>,
    /// Of this region or of one that lies in it.
    pub region_code: Option<String>,
    /// Of this level.
    pub level: Option<UnitLevel>,
}

fn open_units(filter: &UnitFilter) -> Select<unit::Entity> {
    unit::Entity::find()
        .filter(unit::Column::ClosedAt.is_null())
        .apply_if(filter.parent, |query, parent| query.filter(unit::Column::ParentId.eq(parent)))
        .apply_if(filter.region_code.as_deref(), |query, code| query.filter(unit::Column::RegionCode.starts_with(region_prefix(code))))
        .apply_if(filter.level, |query, level| query.filter(unit::Column::Level.eq(level)))
}

/// How many units a list shows, up to [`COUNT_CAP`].
pub async fn count_units(db: &impl ConnectionTrait, filter: &UnitFilter) -> Result<u64, DbErr> {
    open_units(filter).limit(COUNT_CAP).count(db).await
}

/// Open units after a path, in the order of the tree.
pub async fn units_page(db: &impl ConnectionTrait, filter: &UnitFilter, after: Option<&str>, limit: u64) -> Result<Vec<Unit>, DbErr> {
    open_units(filter)
        .apply_if(after, |query, after| query.filter(unit::Column::Path.gt(after)))
        .order_by_asc(unit::Column::Path)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(unit_of)
        .collect()
}

/// The units with these ids, locked against change until the transaction ends (SQLite has one writer anyway).
pub async fn lock_units(txn: &impl ConnectionTrait, ids: &[UnitId]) -> Result<Vec<Unit>, DbErr> {
    let rows = unit::Entity::find().filter(unit::Column::Id.is_in(ids.iter().copied())).order_by_asc(unit::Column::Id).lock_exclusive().all(txn).await?;
    rows.into_iter().map(unit_of).collect()
}

/// Whether a unit directly below this one is open.
pub async fn has_open_below(db: &impl ConnectionTrait, id: UnitId) -> Result<bool, DbErr> {
    let below = unit::Entity::find().select_only().column(unit::Column::Id).filter(unit::Column::ParentId.eq(id)).filter(unit::Column::ClosedAt.is_null());
    Ok(below.limit(1).into_tuple::<UnitId>().one(db).await?.is_some())
}

/// Closes a unit that is open and has this version. False: it is not, or has not.
pub async fn close_unit(txn: &impl ConnectionTrait, id: UnitId, version: i64, successor: UnitId, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let closed = unit::Entity::update_many()
        .col_expr(unit::Column::ClosedAt, Expr::value(now))
        .col_expr(unit::Column::SuccessorId, Expr::value(successor))
        .col_expr(unit::Column::Version, Expr::value(version + 1))
        .filter(unit::Column::Id.eq(id))
        .filter(unit::Column::Version.eq(version))
        .filter(unit::Column::ClosedAt.is_null())
        .exec(txn)
        .await?;
    Ok(closed.rows_affected == 1)
}

/// The unit with this id.
pub async fn unit(db: &impl ConnectionTrait, id: UnitId) -> Result<Option<Unit>, DbErr> {
    unit::Entity::find_by_id(id).one(db).await?.map(unit_of).transpose()
}

/// The path of the unit with this id.
pub async fn unit_path(db: &impl ConnectionTrait, id: UnitId) -> Result<Option<String>, DbErr> {
    unit::Entity::find_by_id(id).select_only().column(unit::Column::Path).into_tuple().one(db).await
}

/// Whether a unit is open.
pub async fn is_open(db: &impl ConnectionTrait, id: UnitId) -> Result<bool, DbErr> {
    let open = unit::Entity::find_by_id(id).select_only().column(unit::Column::Id).filter(unit::Column::ClosedAt.is_null());
    Ok(open.into_tuple::<UnitId>().one(db).await?.is_some())
}

/// A unit and those above it, nearest first, with their levels and paths.
pub async fn lineage(db: &impl ConnectionTrait, id: UnitId) -> Result<Vec<UnitNode>, DbErr> {
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "WITH RECURSIVE above (id, parent_id, level, path, name) AS (SELECT id, parent_id, level, path, name FROM unit WHERE id = $1 \
             UNION ALL SELECT u.id, u.parent_id, u.level, u.path, u.name FROM unit u JOIN above a ON u.id = a.parent_id) \
             SELECT id, level, path, name FROM above ORDER BY length(path) DESC",
            [id.0.into()],
        ))
        .await?;
    let node = |row: &QueryResult| {
        let name = serde_json::from_value(row.try_get_by_index(3)?).map_err(|error| DbErr::Json(error.to_string()))?;
        Ok(UnitNode { id: row.try_get_by_index(0)?, level: row.try_get_by_index(1)?, path: row.try_get_by_index(2)?, name })
    };
    rows.iter().map(node).collect()
}

/// Units by id. One statement.
pub async fn units(db: &impl ConnectionTrait, ids: &[UnitId]) -> Result<HashMap<UnitId, Unit>, DbErr> {
    let rows = unit::Entity::find().filter(unit::Column::Id.is_in(ids.iter().copied())).all(db).await?;
    rows.into_iter().map(|m| Ok((m.id, unit_of(m)?))).collect()
}

/// Adds a unit with its path, at version 1.
pub async fn insert_unit(txn: &impl ConnectionTrait, id: UnitId, new: NewUnit, path: String, now: DateTime<Utc>) -> Result<(), DbErr> {
    unit::Entity::insert(unit::ActiveModel {
        id: Set(id),
        body_id: Set(new.body),
        parent_id: Set(new.parent),
        level: Set(new.level),
        path: Set(path),
        name: Set(json(&new.name)?),
        region_code: Set(new.region_code),
        zone_code: Set(new.zone_code),
        created_at: Set(now),
        closed_at: Set(None),
        successor_id: Set(None),
        version: Set(1),
    })
    .exec_without_returning(txn)
    .await
    .map(|_| ())
}
