//! Regions, zones, bodies and units in the API.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use sea_orm::DatabaseConnection;

use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt;
use crate::api::error::{ApiError, UserError, nullable, payload};
use crate::api::ids::{decode, decode_option, encode};
use crate::api::scalars::Instant;
use crate::api::text::{LocalizedText, TextInput};
use crate::kernel::code::Verification;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{BodyId, TypedId as _, UnitId};
use crate::kernel::text::Language;
use crate::kernel::uscc::UsccWarning;
use crate::organisation::loader::OrganisationLoader;
use crate::organisation::model::body::{Body, BodyKind};
use crate::organisation::model::reference::{Region, RegionLevel, Zone, listed_region, listed_zone};
use crate::organisation::model::unit::UnitLevel;
use crate::organisation::service::bodies::{self, BODY_ORDER, CreateBody};
use crate::organisation::service::units::{self, CloseUnit, CreateUnit, PlacedUnit, UNIT_ORDER, UnitFilter};

api_enum!(RegionLevel, "RegionLevel", "Level of a region.");
api_enum!(UnitLevel, "UnitLevel", "Level of a unit in the tree PROVINCE → CITY → DISTRICT → WINDOW.");
api_enum!(BodyKind, "BodyKind", "What a body is to the portal.");
api_enum!(UsccWarning, "UsccWarning", "What is unusual about a unified social credit code of the right form; it may be legal all the same.");

/// A region of GB/T 2260. Of Hong Kong and Macao only the regions themselves are listed.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "Region", complex)]
pub struct RegionObject {
    /// Code of GB/T 2260, six digits; other fields named `regionCode` hold it.
    pub code: String,
    /// Level.
    pub level: RegionLevel,
    /// Code of the region that it lies in; `null` where that is not listed.
    pub parent_code: Option<String>,
    /// Name.
    pub name: LocalizedText,
    /// Whether it is part of the Guangdong-Hong Kong-Macao Greater Bay Area.
    pub greater_bay_area: bool,
    /// Whether there are regions below it. 东莞 and 中山 have none.
    pub has_districts: bool,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// The standard that the code is of.
    pub source: String,
}

impl RegionObject {
    /// The region of a code for a reader of `language`, where the portal lists it. No statement.
    pub fn by_code(code: &str, language: Language) -> Option<Self> {
        listed_region(code).map(|region| Self::of(region.clone(), language))
    }

    fn of(region: Region, language: Language) -> Self {
        Self {
            name: LocalizedText::of(&region.name, language),
            code: region.code,
            level: region.level,
            parent_code: region.parent,
            greater_bay_area: region.greater_bay_area,
            has_districts: region.has_districts,
            verification: region.verification,
            source: region.source,
        }
    }
}

/// A zone with rules of its own inside a city, for example 前海.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "Zone", complex)]
pub struct ZoneObject {
    /// Stable code; other fields named `zoneCode` hold it.
    pub code: String,
    /// Code of the city that it lies in.
    pub city_code: String,
    /// Name.
    pub name: LocalizedText,
    /// How far the row may be relied on.
    pub verification: Verification,
}

impl ZoneObject {
    /// The zone of a code for a reader of `language`, where the portal lists it. No statement.
    pub fn by_code(code: &str, language: Language) -> Option<Self> {
        listed_zone(code).map(|zone| Self::of(zone.clone(), language))
    }

    fn of(zone: Zone, language: Language) -> Self {
        Self { name: LocalizedText::of(&zone.name, language), code: zone.code, city_code: zone.city, verification: zone.verification }
    }
}

/// A body (机构): an organisation, inside the government or not.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "Body", complex)]
pub struct BodyObject {
    /// Global id.
    #[graphql(owned)]
    pub id: ID,
    /// What it is to the portal.
    pub kind: BodyKind,
    /// Name.
    pub name: LocalizedText,
    /// Unified social credit code (统一社会信用代码), 18 characters; `null` where it has none, for example outside the Mainland.
    pub uscc: Option<String>,
    /// Region (GB/T 2260) where it sits.
    pub region_code: Option<String>,
    /// How far the row may be relied on.
    pub verification: Verification,
    /// When the portal came to know it.
    pub created_at: Instant,
    /// When it was closed; `null` while it is open.
    pub closed_at: Option<Instant>,
    /// The body that took over.
    pub successor_id: Option<ID>,
    /// Version of the row; it grows with every change.
    pub version: i64,
}

impl BodyObject {
    /// The body for a reader of `language`.
    pub fn of(body: Body, language: Language) -> Self {
        Self {
            id: encode(body.id),
            kind: body.kind,
            name: LocalizedText::of(&body.name, language),
            uscc: body.uscc,
            region_code: body.region_code,
            verification: body.verification,
            created_at: Instant(body.created_at),
            closed_at: body.closed_at.map(Instant),
            successor_id: body.successor.map(encode),
            version: body.version,
        }
    }
}

/// A unit: a place of work of a government body in the one tree PROVINCE → CITY → DISTRICT → WINDOW.
#[derive(SimpleObject, Clone, Debug)]
#[graphql(name = "Unit", complex)]
pub struct UnitObject {
    /// Global id.
    #[graphql(owned)]
    pub id: ID,
    /// The government body that it is of.
    pub body: BodyObject,
    /// The unit above it; `null` for a province.
    pub parent_id: Option<ID>,
    /// Level.
    pub level: UnitLevel,
    /// Name.
    pub name: LocalizedText,
    /// Region (GB/T 2260) that it serves.
    pub region_code: String,
    /// Zone with rules of its own that it serves.
    pub zone_code: Option<String>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was closed; `null` while it is open.
    pub closed_at: Option<Instant>,
    /// The unit that took over.
    pub successor_id: Option<ID>,
    /// Version of the row; send it as `expectedVersion`.
    pub version: i64,
}

impl UnitObject {
    /// The unit for a reader of `language`.
    pub fn of(placed: PlacedUnit, language: Language) -> Self {
        let unit = placed.unit;
        Self {
            id: encode(unit.id),
            body: BodyObject::of(placed.body, language),
            parent_id: unit.parent.map(encode),
            level: unit.level,
            name: LocalizedText::of(&unit.name, language),
            region_code: unit.region_code,
            zone_code: unit.zone_code,
            created_at: Instant(unit.created_at),
            closed_at: unit.closed_at.map(Instant),
            successor_id: unit.successor.map(encode),
            version: unit.version,
        }
    }
}

#[ComplexObject]
impl RegionObject {
    /// The region that it lies in; `null` where that is not listed.
    async fn parent(&self, ctx: &Context<'_>) -> Option<RegionObject> {
        Self::by_code(self.parent_code.as_deref()?, ctx.language())
    }
}

#[ComplexObject]
impl ZoneObject {
    /// The city that it lies in.
    async fn city(&self, ctx: &Context<'_>) -> Option<RegionObject> {
        RegionObject::by_code(&self.city_code, ctx.language())
    }
}

#[ComplexObject]
impl BodyObject {
    /// The region where it sits.
    async fn region(&self, ctx: &Context<'_>) -> Option<RegionObject> {
        RegionObject::by_code(self.region_code.as_deref()?, ctx.language())
    }

    /// The body that took over.
    async fn successor(&self, ctx: &Context<'_>) -> Option<Result<BodyObject, ApiError>> {
        body_of(ctx, self.successor_id.as_ref()).await
    }
}

#[ComplexObject]
impl UnitObject {
    /// The unit above it; `null` for a province.
    async fn parent(&self, ctx: &Context<'_>) -> Option<Result<UnitObject, ApiError>> {
        unit_of(ctx, self.parent_id.as_ref()).await
    }

    /// The region that it serves.
    async fn region(&self, ctx: &Context<'_>) -> Option<RegionObject> {
        RegionObject::by_code(&self.region_code, ctx.language())
    }

    /// The zone with rules of its own that it serves.
    async fn zone(&self, ctx: &Context<'_>) -> Option<ZoneObject> {
        ZoneObject::by_code(self.zone_code.as_deref()?, ctx.language())
    }

    /// The unit that took over.
    async fn successor(&self, ctx: &Context<'_>) -> Option<Result<UnitObject, ApiError>> {
        unit_of(ctx, self.successor_id.as_ref()).await
    }
}

/// The loader of the request; one of its own where the request has none.
fn loader(ctx: &Context<'_>) -> Loaded {
    ctx.data_opt::<Loaded>().cloned().unwrap_or_else(|| loaded(ctx.portal().db.read()))
}

/// The loader that a request carries.
pub type Loaded = Arc<DataLoader<OrganisationLoader>>;

/// A loader for a request.
pub fn loaded(db: &DatabaseConnection) -> Loaded {
    Arc::new(DataLoader::new(OrganisationLoader(db.clone()), tokio::spawn))
}

/// The unit of a bare id, for the field beside it. All of a list cost two statements.
pub async fn unit_of(ctx: &Context<'_>, id: Option<&ID>) -> Option<Result<UnitObject, ApiError>> {
    let id = UnitId::parse_global(id?.as_str())?;
    let found = loader(ctx).load_one(id).await;
    nullable(found.map(|placed| placed.map(|(unit, body)| UnitObject::of(PlacedUnit { unit, body }, ctx.language()))))
}

/// The body of a bare id likewise. All of a list cost one statement.
pub async fn body_of(ctx: &Context<'_>, id: Option<&ID>) -> Option<Result<BodyObject, ApiError>> {
    let id = BodyId::parse_global(id?.as_str())?;
    let found = loader(ctx).load_one(id).await;
    nullable(found.map(|body| body.map(|body| BodyObject::of(body, ctx.language()))))
}

/// Root fields of the slice.
#[derive(Default, Debug)]
pub struct OrganisationQuery;

/// Regions, zones, units and bodies.
#[Object]
impl OrganisationQuery {
    /// The regions, by code. Everybody may read them; they change rarely, so a client may keep them for a day.
    async fn regions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those directly inside the region with this code.")] parent_code: Option<String>,
        #[graphql(desc = "Only those of this level.")] level: Option<RegionLevel>,
    ) -> Option<Result<Vec<RegionObject>, ApiError>> {
        let regions = units::regions(ctx.portal(), parent_code.as_deref(), level).await;
        nullable(regions.map(|r| Some(r.into_iter().map(|region| RegionObject::of(region, ctx.language())).collect())))
    }

    /// The zones with rules of their own, by code. Everybody may read them.
    async fn zones(&self, ctx: &Context<'_>) -> Option<Result<Vec<ZoneObject>, ApiError>> {
        let zones = units::zones(ctx.portal()).await;
        nullable(zones.map(|z| Some(z.into_iter().map(|zone| ZoneObject::of(zone, ctx.language())).collect())))
    }

    /// The open units in the order of the tree, a unit before those below it. Everybody may read them.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn units(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those directly below this unit.")] parent_id: Option<ID>,
        #[graphql(desc = "Only those of this region, or of one that lies in it; six digits.")] region_code: Option<String>,
        #[graphql(desc = "Only those of this level.")] level: Option<UnitLevel>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<UnitObject>, ApiError>> {
        let read = async {
            let filter = UnitFilter { parent: decode_option(parent_id.as_ref(), "parentId")?, region_code, level };
            let request = connection::request(ctx, first, after.as_deref(), UNIT_ORDER, 1)?;
            let page = units::units(ctx.portal(), filter, request).await?;
            Ok(connection::of(page, |unit| UnitObject::of(unit, ctx.language())))
        };
        Some(read.await)
    }

    /// One unit, closed or not; `null` where there is none. Everybody may read it.
    async fn unit(&self, ctx: &Context<'_>, #[graphql(desc = "The unit.")] id: ID) -> Option<Result<UnitObject, ApiError>> {
        let id: UnitId = match decode(&id, "id") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let found = units::placed_unit(ctx.portal(), id).await;
        nullable(found.map(|unit| unit.map(|unit| UnitObject::of(unit, ctx.language()))))
    }

    /// The open bodies, oldest first, for anybody who is signed in.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn bodies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this kind.")] kind: Option<BodyKind>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<BodyObject>, ApiError>> {
        let read = async {
            let request = connection::request(ctx, first, after.as_deref(), BODY_ORDER, 1)?;
            let page = bodies::bodies(ctx.portal(), ctx.actor(), kind, request).await?;
            Ok::<_, Fault>(connection::of(page, |body| BodyObject::of(body, ctx.language())))
        };
        Some(read.await.map_err(ApiError::from))
    }
}

/// A new body.
#[derive(InputObject, Clone, Debug)]
pub struct CreateBodyInput {
    /// What it is to the portal.
    pub kind: BodyKind,
    /// Name, at most 200 characters in each language.
    pub name: TextInput,
    /// Unified social credit code; spaces, hyphens, full-width and small letters are accepted.
    pub uscc: Option<String>,
    /// Region (GB/T 2260) where it sits.
    pub region_code: Option<String>,
    /// 16 to 64 characters made by the client; the same key and input give the same body.
    pub idempotency_key: String,
}

/// Answer of `createBody`.
#[derive(SimpleObject, Clone, Debug)]
pub struct CreateBodyPayload {
    /// The body.
    pub body: Option<BodyObject>,
    /// What is unusual about the code, which was kept all the same.
    pub warnings: Vec<UsccWarning>,
    /// Why nothing was made; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// A new unit.
#[derive(InputObject, Clone, Debug)]
pub struct CreateUnitInput {
    /// The government body that it is of.
    pub body_id: ID,
    /// The unit above it; `null` for a province only.
    pub parent_id: Option<ID>,
    /// Level.
    pub level: UnitLevel,
    /// Name, at most 200 characters in each language.
    pub name: TextInput,
    /// Region (GB/T 2260) that it serves: of its level, inside that of the unit above.
    pub region_code: String,
    /// Zone that it serves, one of the region's city.
    pub zone_code: Option<String>,
    /// 16 to 64 characters made by the client; the same key and input give the same unit.
    pub idempotency_key: String,
}

/// Answer of `createUnit`.
#[derive(SimpleObject, Clone, Debug)]
pub struct CreateUnitPayload {
    /// The unit.
    pub unit: Option<UnitObject>,
    /// Why nothing was made; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// A unit that ends, and the one that takes over.
#[derive(InputObject, Clone, Debug)]
pub struct CloseUnitInput {
    /// The unit that ends. No open unit may be left below it, and no open case with it.
    pub unit_id: ID,
    /// The open unit of the same level that takes over; it offers from then on what the other offered.
    pub successor_id: ID,
    /// The `version` of the unit that was shown.
    pub expected_version: i64,
    /// 16 to 64 characters made by the client; the same key and input give the same answer.
    pub idempotency_key: String,
}

/// Answer of `closeUnit`.
#[derive(SimpleObject, Clone, Debug)]
pub struct CloseUnitPayload {
    /// The unit afterwards.
    pub unit: Option<UnitObject>,
    /// Why nothing was changed; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// Mutations of the slice.
#[derive(Default, Debug)]
pub struct OrganisationMutation;

/// Bodies and units.
#[Object]
impl OrganisationMutation {
    /// Makes a body. For the system administrator.
    ///
    /// A wrong check character of the code is a warning, since some early codes are legal and fail the check. User
    /// errors: REQUIRED, TOO_LONG, MALFORMED, NOT_FOUND, ALREADY_EXISTS, IDEMPOTENCY_KEY_REUSED.
    async fn create_body(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CreateBodyInput,
    ) -> Option<Result<CreateBodyPayload, ApiError>> {
        let command = CreateBody { kind: input.kind, name: input.name.wordings(), uscc: input.uscc, region_code: input.region_code };
        let result = bodies::create_body(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            result,
            |made| CreateBodyPayload { body: Some(BodyObject::of(made.body, ctx.language())), warnings: made.warnings, user_errors: Vec::new() },
            |user_errors| CreateBodyPayload { body: None, warnings: Vec::new(), user_errors },
        )
    }

    /// Makes a unit of a government body. For the system administrator.
    ///
    /// What stands where: a city under a province, a district under a city (东莞 and 中山 have no districts), a window
    /// under any of the three. User errors: REQUIRED, TOO_LONG, NOT_FOUND, NOT_ALLOWED, UNIT_MISPLACED, MALFORMED,
    /// IDEMPOTENCY_KEY_REUSED.
    async fn create_unit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CreateUnitInput,
    ) -> Option<Result<CreateUnitPayload, ApiError>> {
        let ids = decode(&input.body_id, "input.bodyId").and_then(|body| Ok((body, decode_option(input.parent_id.as_ref(), "input.parentId")?)));
        let (body, parent) = match ids {
            Ok(ids) => ids,
            Err(error) => return Some(Err(error)),
        };
        let command = CreateUnit { body, parent, level: input.level, name: input.name.wordings(), region_code: input.region_code, zone_code: input.zone_code };
        let result = units::create_unit(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            result,
            |unit| CreateUnitPayload { unit: Some(UnitObject::of(unit, ctx.language())), user_errors: Vec::new() },
            |user_errors| CreateUnitPayload { unit: None, user_errors },
        )
    }

    /// Closes a unit in favour of another. It stays readable under its id. For the system administrator. User errors:
    /// NOT_FOUND, NOT_ALLOWED, WRONG_STATE, UNIT_IN_USE, CONFLICT, MALFORMED, IDEMPOTENCY_KEY_REUSED.
    async fn close_unit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CloseUnitInput,
    ) -> Option<Result<CloseUnitPayload, ApiError>> {
        let ids = decode(&input.unit_id, "input.unitId").and_then(|unit| Ok((unit, decode(&input.successor_id, "input.successorId")?)));
        let (unit, successor) = match ids {
            Ok(ids) => ids,
            Err(error) => return Some(Err(error)),
        };
        let command = CloseUnit { unit, successor, expected_version: input.expected_version };
        let result = units::close_unit(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await;
        payload(
            ctx.ctx(),
            result,
            |unit| CloseUnitPayload { unit: Some(UnitObject::of(unit, ctx.language())), user_errors: Vec::new() },
            |user_errors| CloseUnitPayload { unit: None, user_errors },
        )
    }
}
