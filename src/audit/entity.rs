//! Rows of the slice. What a column means is told where the model names it.
#![expect(missing_docs, reason = "a column means what the model's field of the same name tells")]

/// The trail.
pub mod trail {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::audit::model::ActorKind;
    use crate::kernel::ids::TrailId;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "trail")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: TrailId,
        pub at: DateTime<Utc>,
        pub request_id: String,
        pub actor_kind: ActorKind,
        pub person_id: Option<Uuid>,
        pub account_id: Option<Uuid>,
        pub session_id: Option<Uuid>,
        pub on_behalf_of: Option<Uuid>,
        pub mandate_id: Option<Uuid>,
        pub action: String,
        pub object_kind: Option<String>,
        pub object_id: Option<Uuid>,
        pub subject_id: Option<Uuid>,
        pub result: String,
        pub details: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// The outbox.
pub mod outbox {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::audit::model::OutboxState;
    use crate::kernel::ids::OutboxId;

    /// A row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: OutboxId,
        pub kind: String,
        pub object_kind: String,
        pub object_id: Uuid,
        pub data: String,
        pub created_at: DateTime<Utc>,
        pub state: OutboxState,
        pub attempts: i32,
        pub next_attempt_at: DateTime<Utc>,
        pub leased_until: Option<DateTime<Utc>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}
