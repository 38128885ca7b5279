//! Rows of items, versions, offerings, routes and talent classes.

/// `service_item`
pub mod service_item {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::catalogue::model::item::ItemArea;
    use crate::catalogue::model::offering::Maker;
    use crate::kernel::code::Verification;
    use crate::kernel::ids::ItemId;

    /// An item.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "service_item")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ItemId,
        /// Stable code.
        pub code: String,
        /// Area of life.
        pub area: ItemArea,
        /// Name, of the newest edition.
        pub name: Json,
        /// How far it may be relied on.
        pub verification: Verification,
        /// Who made it.
        pub maker: Maker,
        /// When.
        pub created_at: DateTime<Utc>,
        /// Raised under each change of its offerings, which serialises them.
        pub version: i64,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `item_audience`
pub mod item_audience {
    use sea_orm::entity::prelude::*;

    use crate::catalogue::model::version::Audience;
    use crate::kernel::ids::ItemId;

    /// Whom an item serves, for the filter of the list.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "item_audience")]
    pub struct Model {
        /// The item.
        #[sea_orm(primary_key, auto_increment = false)]
        pub item_id: ItemId,
        /// The audience.
        #[sea_orm(primary_key, auto_increment = false)]
        pub audience: String,
    }

    impl Model {
        /// The row of an item and an audience.
        pub fn of(item_id: ItemId, audience: Audience) -> Self {
            Self { item_id, audience: audience.code().to_owned() }
        }
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `item_version`
pub mod item_version {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;

    use crate::catalogue::model::item::VersionState;
    use crate::catalogue::model::offering::Maker;
    use crate::kernel::ids::{ItemId, ItemVersionId};

    /// A version. Never updated.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "item_version")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ItemVersionId,
        /// The item.
        pub item_id: ItemId,
        /// The item's code.
        pub item_code: String,
        /// Which edition of the rules.
        pub edition: String,
        /// Counts from 1 within the item; a draft has none.
        pub number: Option<i32>,
        /// SHA-256 of the content.
        pub digest: String,
        /// Where it stands.
        pub state: VersionState,
        /// Who made it.
        pub maker: Maker,
        /// The content.
        pub content: Json,
        /// First day of the edition, which a draft may lack.
        pub in_force_from: Option<NaiveDate>,
        /// Last day of the edition.
        pub in_force_to: Option<NaiveDate>,
        /// When.
        pub created_at: DateTime<Utc>,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `item_offering`
pub mod item_offering {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;

    use crate::catalogue::model::offering::Maker;
    use crate::kernel::code::Verification;
    use crate::kernel::ids::{ItemId, ItemVersionId, OfferingId, UnitId};

    /// An offering. Only its end and its withdrawal are ever changed.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "item_offering")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: OfferingId,
        /// The item.
        pub item_id: ItemId,
        /// The version.
        pub version_id: ItemVersionId,
        /// The unit.
        pub unit_id: UnitId,
        /// Region of the unit.
        pub region_code: String,
        /// Zone of the unit.
        pub zone_code: Option<String>,
        /// The authority.
        pub authority: Json,
        /// Promised limit, working days.
        pub promised_days: Option<i32>,
        /// Statutory limit, working days.
        pub statutory_days: Option<i32>,
        /// How far the promised limit may be relied on.
        pub promised_verification: Option<Verification>,
        /// How far the statutory limit may be relied on.
        pub statutory_verification: Option<Verification>,
        /// Ways of applying.
        pub channels: Json,
        /// Yearly intake periods.
        pub intake: Json,
        /// Cases per year.
        pub quota: Option<i32>,
        /// First day.
        pub effective_from: NaiveDate,
        /// Last day.
        pub effective_to: Option<NaiveDate>,
        /// How far it may be relied on.
        pub verification: Verification,
        /// Where it was read.
        pub source: String,
        /// Who made it.
        pub maker: Maker,
        /// When.
        pub created_at: DateTime<Utc>,
        /// Since when it is offered no more, whatever its period.
        pub withdrawn_at: Option<DateTime<Utc>>,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `item_route`
pub mod item_route {
    use sea_orm::entity::prelude::*;

    use crate::catalogue::model::offering::Maker;
    use crate::kernel::ids::{ItemId, RoutingId, UnitId};

    /// A row of the routing.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "item_route")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: RoutingId,
        /// The item.
        pub item_id: ItemId,
        /// For this region and those inside it.
        pub region_code: Option<String>,
        /// For this zone.
        pub zone_code: Option<String>,
        /// For this talent category.
        pub category: Option<String>,
        /// To this unit.
        pub unit_id: UnitId,
        /// Who made it.
        pub maker: Maker,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `talent_class`
pub mod talent_class {
    use sea_orm::entity::prelude::*;

    use crate::kernel::code::Verification;

    /// A talent class.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "talent_class")]
    pub struct Model {
        /// Stable code.
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
        /// Order in lists.
        pub position: i32,
        /// Name.
        pub name: Json,
        /// How far it may be relied on.
        pub verification: Verification,
        /// Where it was read.
        pub source: String,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `catalogue_state`
pub mod catalogue_state {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    /// The one row that tells which bundle was published last.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "catalogue_state")]
    pub struct Model {
        /// Always 1.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        /// Number of the bundle.
        pub bundle_number: i64,
        /// When.
        pub published_at: Option<DateTime<Utc>>,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
