//! Rows of the slice.

/// Persons.
pub mod person {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::PersonId;
    use crate::kernel::role::Assurance;
    use crate::person::model::document::Sex;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: PersonId,
        pub name_zh: Option<String>,
        pub name_latin: Option<String>,
        pub birth_date: Option<NaiveDate>,
        pub sex: Option<Sex>,
        pub nationality: Option<String>,
        pub assurance: Assurance,
        pub has_account: bool,
        pub merged_into: Option<PersonId>,
        pub version: i64,
        pub created_at: DateTime<Utc>,
        pub updated_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// What was changed about a person, by version.
pub mod revision {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::PersonId;
    use crate::kernel::role::Role;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person_revision")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub person_id: PersonId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        #[sea_orm(column_type = "JsonBinary")]
        pub changed: Json,
        pub role: Option<Role>,
        pub at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Identity documents.
pub mod identity_document {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{IdentityDocumentId, PersonId};
    use crate::person::model::document::IdentityDocumentKind;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "identity_document")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: IdentityDocumentId,
        pub person_id: PersonId,
        pub kind: IdentityDocumentKind,
        pub issuing_state: Option<String>,
        pub number_sealed: Vec<u8>,
        pub number_index: Vec<u8>,
        pub issue_count: Option<i32>,
        pub valid_from: Option<NaiveDate>,
        pub valid_until: Option<NaiveDate>,
        pub verified_at: Option<DateTime<Utc>>,
        pub verified_by: Option<PersonId>,
        pub created_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Looks at personal data in full.
pub mod access_log {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{AccessId, IdentityDocumentId, PersonId};
    use crate::kernel::role::Role;
    use crate::person::model::access::{AccessPurpose, PersonalDataField};

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "access_log")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: AccessId,
        pub person_id: PersonId,
        pub actor_id: PersonId,
        pub role: Option<Role>,
        pub field: PersonalDataField,
        pub document_id: Option<IdentityDocumentId>,
        pub purpose: AccessPurpose,
        pub reason_sealed: Option<Vec<u8>>,
        pub request_id: String,
        pub at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Persons before officers.
pub mod attendance {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{AttendanceId, PersonId};
    use crate::person::model::dealing::AttendanceKind;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person_attendance")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: AttendanceId,
        pub person_id: PersonId,
        pub officer_id: PersonId,
        pub kind: AttendanceKind,
        pub at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Wrapped keys, in the store of person keys.
pub mod person_key {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::PersonId;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person_key")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub person_id: PersonId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        pub wrapped: Vec<u8>,
        pub wrapping_key: i32,
        pub created_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}
