//! Every query of the slice.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait as _, QueryFilter, QueryOrder, QuerySelect, Select,
    SqlErr,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::catalogue::entity::{catalogue_state, item_audience, item_offering, item_route, item_version, service_item, talent_class};
use crate::catalogue::model::item::{Item, ItemArea, TalentClass, Version, VersionState};
use crate::catalogue::model::offering::{Limit, Maker, Offering, OfferingTerms, RouteRule};
use crate::catalogue::model::version::Audience;
use crate::kernel::code::Verification;
use crate::kernel::ids::{ItemId, ItemVersionId, OfferingId, RoutingId, UnitId};
use crate::kernel::page::COUNT_CAP;

/// A version without its content.
#[derive(Clone, Debug, PartialEq, Eq, sea_orm::FromQueryResult)]
pub struct VersionHead {
    /// Id.
    pub id: ItemVersionId,
    /// The item.
    pub item_id: ItemId,
    /// Which edition.
    pub edition: String,
    /// Number within the item.
    pub number: i32,
    /// SHA-256 of the content.
    pub digest: String,
    /// Where it stands; never a draft.
    pub state: VersionState,
    /// Who made it.
    pub maker: Maker,
    /// First day of the edition.
    pub in_force_from: NaiveDate,
    /// Last day of the edition.
    pub in_force_to: Option<NaiveDate>,
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, DbErr> {
    serde_json::from_value(value).map_err(|e| DbErr::Json(e.to_string()))
}

fn write(value: &impl serde::Serialize) -> Result<Value, DbErr> {
    serde_json::to_value(value).map_err(|e| DbErr::Json(e.to_string()))
}

fn count(value: i32) -> Result<u32, DbErr> {
    u32::try_from(value).map_err(|e| DbErr::Type(e.to_string()))
}

fn number(value: u32) -> Result<i32, DbErr> {
    i32::try_from(value).map_err(|e| DbErr::Type(e.to_string()))
}

fn item(m: service_item::Model) -> Result<Item, DbErr> {
    Ok(Item { id: m.id, code: m.code, area: m.area, name: read(m.name)?, verification: m.verification, maker: m.maker })
}

fn unnumbered(id: ItemVersionId) -> DbErr {
    DbErr::Type(format!("version {id} has no number"))
}

fn version(m: item_version::Model) -> Result<Version, DbErr> {
    Ok(Version {
        id: m.id,
        item: m.item_id,
        item_code: m.item_code,
        edition: m.edition,
        number: m.number.ok_or_else(|| unnumbered(m.id))?,
        digest: m.digest,
        state: m.state,
        maker: m.maker,
        content: read(m.content)?,
    })
}

fn limit(days: Option<i32>, verification: Option<Verification>) -> Result<Option<Limit>, DbErr> {
    days.zip(verification).map(|(days, verification)| Ok(Limit { days: count(days)?, verification })).transpose()
}

fn offering(m: item_offering::Model) -> Result<Offering, DbErr> {
    Ok(Offering {
        id: m.id,
        item: m.item_id,
        version: m.version_id,
        unit: m.unit_id,
        region: m.region_code,
        zone: m.zone_code,
        terms: OfferingTerms {
            authority: read(m.authority)?,
            promised: limit(m.promised_days, m.promised_verification)?,
            statutory: limit(m.statutory_days, m.statutory_verification)?,
            channels: read(m.channels)?,
            intake: read(m.intake)?,
            quota: m.quota.map(count).transpose()?,
            effective_from: m.effective_from,
            effective_to: m.effective_to,
            verification: m.verification,
            source: m.source,
        },
        maker: m.maker,
    })
}

/// Raises the number of the bundle and locks the state until the transaction ends; `false`: a newer one is published.
pub async fn raise_bundle(txn: &impl ConnectionTrait, number: i64, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let done = catalogue_state::Entity::update_many()
        .col_expr(catalogue_state::Column::BundleNumber, Expr::value(number))
        .col_expr(catalogue_state::Column::PublishedAt, Expr::value(now))
        .filter(catalogue_state::Column::Id.eq(1))
        .filter(catalogue_state::Column::BundleNumber.lte(number))
        .exec(txn)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Number of the bundle published last; 0 for none.
pub async fn bundle_number(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    Ok(catalogue_state::Entity::find_by_id(1).one(db).await?.map_or(0, |s| s.bundle_number))
}

/// Every item by code.
pub async fn all_items(db: &impl ConnectionTrait) -> Result<Vec<Item>, DbErr> {
    service_item::Entity::find().order_by_asc(service_item::Column::Code).all(db).await?.into_iter().map(item).collect()
}

/// The units that offer anything on a day or later.
pub async fn offering_units(db: &impl ConnectionTrait, from: NaiveDate) -> Result<Vec<UnitId>, DbErr> {
    use item_offering::Column as C;
    let live = item_offering::Entity::find().filter(C::WithdrawnAt.is_null()).filter(C::EffectiveTo.is_null().or(C::EffectiveTo.gte(from)));
    live.select_only().column(C::UnitId).distinct().into_tuple().all(db).await
}

/// Locks every item until the transaction ends, in the order of their ids.
pub async fn lock_items(txn: &impl ConnectionTrait) -> Result<(), DbErr> {
    let ids = service_item::Entity::find().select_only().column(service_item::Column::Id).order_by_asc(service_item::Column::Id);
    ids.lock_exclusive().into_tuple::<ItemId>().all(txn).await.map(|_| ())
}

fn items_where(area: Option<ItemArea>, audience: Option<Audience>) -> Select<service_item::Entity> {
    let mut select = service_item::Entity::find();
    if let Some(area) = area {
        select = select.filter(service_item::Column::Area.eq(area));
    }
    if let Some(audience) = audience {
        let served = Query::select()
            .column(item_audience::Column::ItemId)
            .from(item_audience::Entity)
            .and_where(Expr::col(item_audience::Column::Audience).eq(audience.code()))
            .to_owned();
        select = select.filter(service_item::Column::Id.in_subquery(served));
    }
    select
}

/// How many items a list shows, up to [`COUNT_CAP`].
pub async fn count_items(db: &impl ConnectionTrait, area: Option<ItemArea>, audience: Option<Audience>) -> Result<u64, DbErr> {
    items_where(area, audience).limit(COUNT_CAP).count(db).await
}

/// A page of items in the order of their codes.
pub async fn items_page(
    db: &impl ConnectionTrait,
    area: Option<ItemArea>,
    audience: Option<Audience>,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Item>, DbErr> {
    let mut select = items_where(area, audience).order_by_asc(service_item::Column::Code).limit(limit);
    if let Some(after) = after {
        select = select.filter(service_item::Column::Code.gt(after));
    }
    select.all(db).await?.into_iter().map(item).collect()
}

/// Items by id.
pub async fn items(db: &impl ConnectionTrait, ids: &[ItemId]) -> Result<Vec<Item>, DbErr> {
    service_item::Entity::find().filter(service_item::Column::Id.is_in(ids.iter().copied())).all(db).await?.into_iter().map(item).collect()
}

/// The item with this code.
pub async fn item_by_code(db: &impl ConnectionTrait, code: &str) -> Result<Option<Item>, DbErr> {
    service_item::Entity::find().filter(service_item::Column::Code.eq(code)).one(db).await?.map(item).transpose()
}

/// Adds an item; `false`: the code is taken.
pub async fn insert_item(txn: &impl ConnectionTrait, item: &Item, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let row = service_item::ActiveModel {
        id: Set(item.id),
        code: Set(item.code.clone()),
        area: Set(item.area),
        name: Set(write(&item.name)?),
        verification: Set(item.verification),
        maker: Set(item.maker),
        created_at: Set(now),
        version: Set(1),
    };
    match service_item::Entity::insert(row).exec_without_returning(txn).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Locks an item until the transaction ends, so that its offerings are changed by one at a time.
pub async fn lock_item(txn: &impl ConnectionTrait, id: ItemId) -> Result<bool, DbErr> {
    let done = service_item::Entity::update_many()
        .col_expr(service_item::Column::Version, Expr::col(service_item::Column::Version).add(1))
        .filter(service_item::Column::Id.eq(id))
        .exec(txn)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Sets what an item shows in lists.
pub async fn update_item(txn: &impl ConnectionTrait, item: &Item) -> Result<(), DbErr> {
    service_item::Entity::update_many()
        .col_expr(service_item::Column::Name, Expr::value(write(&item.name)?))
        .col_expr(service_item::Column::Area, Expr::value(item.area))
        .col_expr(service_item::Column::Verification, Expr::value(item.verification))
        .filter(service_item::Column::Id.eq(item.id))
        .exec(txn)
        .await?;
    Ok(())
}

/// Sets whom an item serves.
pub async fn set_audience(txn: &impl ConnectionTrait, item: ItemId, audience: &[Audience]) -> Result<(), DbErr> {
    item_audience::Entity::delete_many().filter(item_audience::Column::ItemId.eq(item)).exec(txn).await?;
    let rows = audience.iter().map(|a| item_audience::Model::of(item, *a).into_active_model());
    item_audience::Entity::insert_many(rows).exec_without_returning(txn).await?;
    Ok(())
}

/// Versions of items that were published, also those retired since, without their contents, oldest first.
pub async fn version_heads(db: &impl ConnectionTrait, items: &[ItemId]) -> Result<Vec<VersionHead>, DbErr> {
    use item_version::Column as C;
    item_version::Entity::find()
        .select_only()
        .columns([C::Id, C::ItemId, C::Edition, C::Number, C::Digest, C::State, C::Maker, C::InForceFrom, C::InForceTo])
        .filter(C::ItemId.is_in(items.iter().copied()))
        .filter(C::State.ne(VersionState::Draft))
        .order_by_asc(C::Number)
        .into_model::<VersionHead>()
        .all(db)
        .await
}

/// Versions by id, but for drafts.
pub async fn versions(db: &impl ConnectionTrait, ids: &[ItemVersionId]) -> Result<Vec<Version>, DbErr> {
    let found = item_version::Entity::find().filter(item_version::Column::Id.is_in(ids.iter().copied()));
    found.filter(item_version::Column::State.ne(VersionState::Draft)).all(db).await?.into_iter().map(version).collect()
}

/// Adds a version.
pub async fn insert_version(txn: &impl ConnectionTrait, version: &Version, now: DateTime<Utc>) -> Result<(), DbErr> {
    let row = item_version::ActiveModel {
        id: Set(version.id),
        item_id: Set(version.item),
        item_code: Set(version.item_code.clone()),
        edition: Set(version.edition.clone()),
        number: Set(Some(version.number)),
        digest: Set(version.digest.clone()),
        state: Set(version.state),
        maker: Set(version.maker),
        content: Set(write(&version.content)?),
        in_force_from: Set(Some(version.content.in_force_from)),
        in_force_to: Set(version.content.in_force_to),
        created_at: Set(now),
    };
    item_version::Entity::insert(row).exec_without_returning(txn).await?;
    Ok(())
}

/// Offerings by id.
pub async fn offerings_by_ids(db: &impl ConnectionTrait, ids: &[OfferingId]) -> Result<Vec<Offering>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    item_offering::Entity::find().filter(item_offering::Column::Id.is_in(ids.iter().copied())).all(db).await?.into_iter().map(offering).collect()
}

/// Offerings of items that are not withdrawn, those not ended before `on`, by region and beginning.
pub async fn offerings_of_items(db: &impl ConnectionTrait, items: &[ItemId], on: Option<NaiveDate>) -> Result<Vec<Offering>, DbErr> {
    use item_offering::Column as C;
    let mut select = item_offering::Entity::find().filter(C::ItemId.is_in(items.iter().copied())).filter(C::WithdrawnAt.is_null());
    if let Some(on) = on {
        select = select.filter(C::EffectiveTo.is_null().or(C::EffectiveTo.gte(on)));
    }
    let rows = select.order_by_asc(C::RegionCode).order_by_asc(C::EffectiveFrom).order_by_asc(C::Id).all(db).await?;
    rows.into_iter().map(offering).collect()
}

/// Offerings of a unit that are not withdrawn and have not ended before a day.
pub async fn offerings_of_unit(db: &impl ConnectionTrait, unit: UnitId, on: NaiveDate) -> Result<Vec<Offering>, DbErr> {
    use item_offering::Column as C;
    let lasting = item_offering::Entity::find().filter(C::UnitId.eq(unit)).filter(C::EffectiveTo.is_null().or(C::EffectiveTo.gte(on)));
    lasting.filter(C::WithdrawnAt.is_null()).order_by_asc(C::ItemId).order_by_asc(C::EffectiveFrom).all(db).await?.into_iter().map(offering).collect()
}

/// Routes to another unit what was routed to one.
pub async fn move_routes(txn: &impl ConnectionTrait, unit: UnitId, successor: UnitId) -> Result<(), DbErr> {
    item_route::Entity::update_many()
        .col_expr(item_route::Column::UnitId, Expr::value(successor))
        .filter(item_route::Column::UnitId.eq(unit))
        .exec(txn)
        .await?;
    Ok(())
}

/// Adds an offering; `false`: the unit has one of this item that begins on the same day.
pub async fn insert_offering(txn: &impl ConnectionTrait, offering: &Offering, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let terms = &offering.terms;
    let row = item_offering::ActiveModel {
        id: Set(offering.id),
        item_id: Set(offering.item),
        version_id: Set(offering.version),
        unit_id: Set(offering.unit),
        region_code: Set(offering.region.clone()),
        zone_code: Set(offering.zone.clone()),
        authority: Set(write(&terms.authority)?),
        promised_days: Set(terms.promised.map(|l| number(l.days)).transpose()?),
        statutory_days: Set(terms.statutory.map(|l| number(l.days)).transpose()?),
        promised_verification: Set(terms.promised.map(|l| l.verification)),
        statutory_verification: Set(terms.statutory.map(|l| l.verification)),
        channels: Set(write(&terms.channels)?),
        intake: Set(write(&terms.intake)?),
        quota: Set(terms.quota.map(number).transpose()?),
        effective_from: Set(terms.effective_from),
        effective_to: Set(terms.effective_to),
        verification: Set(terms.verification),
        source: Set(terms.source.clone()),
        maker: Set(offering.maker),
        created_at: Set(now),
        withdrawn_at: Set(None),
    };
    match item_offering::Entity::insert(row).exec_without_returning(txn).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends an offering on a day.
pub async fn end_offering(txn: &impl ConnectionTrait, id: OfferingId, on: NaiveDate) -> Result<(), DbErr> {
    item_offering::Entity::update_many()
        .col_expr(item_offering::Column::EffectiveTo, Expr::value(on))
        .filter(item_offering::Column::Id.eq(id))
        .exec(txn)
        .await?;
    Ok(())
}

/// Withdraws an offering that began today or later, so that another may take its place. Cases pinned to it keep it.
pub async fn withdraw_offering(txn: &impl ConnectionTrait, id: OfferingId, now: DateTime<Utc>) -> Result<(), DbErr> {
    item_offering::Entity::update_many()
        .col_expr(item_offering::Column::WithdrawnAt, Expr::value(now))
        .filter(item_offering::Column::Id.eq(id))
        .exec(txn)
        .await?;
    Ok(())
}

/// The routing of an item.
pub async fn routes(db: &impl ConnectionTrait, item: ItemId) -> Result<Vec<RouteRule>, DbErr> {
    let rows = item_route::Entity::find().filter(item_route::Column::ItemId.eq(item)).order_by_asc(item_route::Column::Id).all(db).await?;
    Ok(rows.into_iter().map(|r| RouteRule { region: r.region_code, zone: r.zone_code, category: r.category, unit: r.unit_id }).collect())
}

/// Adds a row of the routing.
pub async fn insert_route(txn: &impl ConnectionTrait, id: RoutingId, item: ItemId, rule: &RouteRule, maker: Maker) -> Result<(), DbErr> {
    let unit: UnitId = rule.unit;
    let row = item_route::Model {
        id,
        item_id: item,
        region_code: rule.region.clone(),
        zone_code: rule.zone.clone(),
        category: rule.category.clone(),
        unit_id: unit,
        maker,
    };
    item_route::Entity::insert(row.into_active_model()).exec_without_returning(txn).await?;
    Ok(())
}

/// Adds or renews a talent class.
pub async fn upsert_class(txn: &impl ConnectionTrait, class: &TalentClass) -> Result<(), DbErr> {
    use talent_class::Column as C;
    let row = talent_class::ActiveModel {
        code: Set(class.code.clone()),
        position: Set(class.position),
        name: Set(write(&class.name)?),
        verification: Set(class.verification),
        source: Set(class.source.clone()),
    };
    let renew = OnConflict::column(C::Code).update_columns([C::Position, C::Name, C::Verification, C::Source]).to_owned();
    talent_class::Entity::insert(row).on_conflict(renew).exec_without_returning(txn).await?;
    Ok(())
}

/// Talent classes in order.
pub async fn classes(db: &impl ConnectionTrait) -> Result<Vec<TalentClass>, DbErr> {
    let rows = talent_class::Entity::find().order_by_asc(talent_class::Column::Position).order_by_asc(talent_class::Column::Code).all(db).await?;
    rows.into_iter()
        .map(|m| Ok(TalentClass { code: m.code, position: m.position, name: read(m.name)?, verification: m.verification, source: m.source }))
        .collect()
}
