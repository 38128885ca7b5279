//! Rows of the slice.

/// Education.
pub mod education {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{EducationId, PersonId};

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "education")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: EducationId,
        pub person_id: PersonId,
        pub details_sealed: Vec<u8>,
        pub created_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Employment.
pub mod employment {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{BodyId, EmploymentId, PersonId};

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "employment")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: EmploymentId,
        pub person_id: PersonId,
        pub employer_id: Option<BodyId>,
        pub details_sealed: Vec<u8>,
        pub created_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Family members.
pub mod family_member {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{FamilyMemberId, PersonId};

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "family_member")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: FamilyMemberId,
        pub person_id: PersonId,
        pub member_id: PersonId,
        pub details_sealed: Vec<u8>,
        pub created_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Claimed categories.
pub mod talent_category {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{DocumentId, PersonId, TalentCategoryId};

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "talent_category")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: TalentCategoryId,
        pub person_id: PersonId,
        pub category: String,
        pub evidence_id: Option<DocumentId>,
        pub created_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}
