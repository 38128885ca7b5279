//! Rows of the slice. What a column means is told where the model names it.
#![expect(missing_docs, reason = "a column means what the model's field of the same name tells")]

/// Regions of GB/T 2260.
pub mod region {
    use sea_orm::entity::prelude::*;

    use crate::kernel::code::Verification;
    use crate::organisation::model::reference::RegionLevel;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "region")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
        pub level: RegionLevel,
        pub parent_code: Option<String>,
        pub name: Json,
        pub greater_bay_area: bool,
        pub has_districts: bool,
        pub verification: Verification,
        pub source: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Zones with rules of their own.
pub mod zone {
    use sea_orm::entity::prelude::*;

    use crate::kernel::code::Verification;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "zone")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
        pub city_code: String,
        pub name: Json,
        pub verification: Verification,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Bodies.
pub mod body {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::code::Verification;
    use crate::kernel::ids::BodyId;
    use crate::organisation::model::body::BodyKind;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "body")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: BodyId,
        pub kind: BodyKind,
        pub name: Json,
        pub uscc: Option<String>,
        pub region_code: Option<String>,
        pub verification: Verification,
        pub created_at: DateTime<Utc>,
        pub closed_at: Option<DateTime<Utc>>,
        pub successor_id: Option<BodyId>,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Units of the government tree.
pub mod unit {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{BodyId, UnitId};
    use crate::organisation::model::unit::UnitLevel;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "unit")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: UnitId,
        pub body_id: BodyId,
        pub parent_id: Option<UnitId>,
        pub level: UnitLevel,
        pub path: String,
        pub name: Json,
        pub region_code: String,
        pub zone_code: Option<String>,
        pub created_at: DateTime<Utc>,
        pub closed_at: Option<DateTime<Utc>>,
        pub successor_id: Option<UnitId>,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Years whose notice is known.
pub mod calendar_year {
    use chrono::NaiveDate;
    use sea_orm::entity::prelude::*;

    use crate::kernel::code::Verification;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "calendar_year")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub year: i32,
        pub title: String,
        pub number: String,
        pub issued_on: NaiveDate,
        pub source: String,
        pub verification: Verification,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Days that differ from what their weekday says.
pub mod calendar_day {
    use chrono::NaiveDate;
    use sea_orm::entity::prelude::*;

    use crate::organisation::model::calendar::DayKind;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "calendar_day")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub day: NaiveDate,
        #[sea_orm(primary_key, auto_increment = false)]
        pub year: i32,
        pub kind: DayKind,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}
