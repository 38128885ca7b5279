//! Rows of the slice. What a column means is told where the model names it.
#![expect(missing_docs, reason = "a column means what the model's field of the same name tells")]

/// Orders.
pub mod order {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::application::model::order::OrderState;
    use crate::catalogue::model::offering::Channel;
    use crate::kernel::ids::{BodyId, MandateId, OrderId, PersonId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "application_order")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: OrderId,
        pub applicant_person_id: PersonId,
        pub applicant_body_id: Option<BodyId>,
        pub created_by: PersonId,
        pub submitted_by: Option<PersonId>,
        pub mandate_id: Option<MandateId>,
        pub channel: Channel,
        pub state: OrderState,
        pub version: i64,
        pub created_at: DateTime<Utc>,
        pub updated_at: DateTime<Utc>,
        pub submitted_at: Option<DateTime<Utc>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Cases.
pub mod application {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;

    use crate::application::model::case::State;
    use crate::application::model::event::{Decision, TerminationReason};
    use crate::catalogue::model::offering::Channel;
    use crate::catalogue::model::version::StepKindCode;
    use crate::kernel::ids::{ApplicationId, BodyId, ItemId, ItemVersionId, MandateId, OfferingId, OrderId, PersonId, UnitId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "application")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ApplicationId,
        pub order_id: OrderId,
        pub position: i32,
        pub number: Option<String>,
        pub item_id: ItemId,
        pub version_id: ItemVersionId,
        pub offering_id: Option<OfferingId>,
        pub applicant_person_id: PersonId,
        pub applicant_body_id: Option<BodyId>,
        pub key_owner_id: PersonId,
        pub employer_body_id: Option<BodyId>,
        pub submitted_by: Option<PersonId>,
        pub mandate_id: Option<MandateId>,
        pub channel: Channel,
        pub region_code: Option<String>,
        pub zone_code: Option<String>,
        pub category: Option<String>,
        pub receiving_unit_id: Option<UnitId>,
        pub current_unit_id: Option<UnitId>,
        pub state: State,
        pub decision: Option<Decision>,
        pub step_index: i32,
        pub step_key: Option<String>,
        pub step_kind: Option<StepKindCode>,
        pub termination_reason: Option<TerminationReason>,
        pub version: i64,
        pub last_seq: i64,
        pub claimed_by: Option<PersonId>,
        pub claimed_at: Option<DateTime<Utc>>,
        pub received_at: Option<DateTime<Utc>>,
        pub accepted_at: Option<DateTime<Utc>>,
        pub decided_at: Option<DateTime<Utc>>,
        pub closed_at: Option<DateTime<Utc>>,
        pub deemed_at: Option<DateTime<Utc>>,
        pub promised_due_at: Option<DateTime<Utc>>,
        pub statutory_due_at: Option<DateTime<Utc>>,
        pub near_breach_at: Option<DateTime<Utc>>,
        pub next_clock_at: Option<DateTime<Utc>>,
        pub due_at: DateTime<Utc>,
        pub provisional: bool,
        pub open_key: Option<String>,
        pub judged_on: Option<NaiveDate>,
        pub form_sealed: Option<Vec<u8>>,
        pub facts_sealed: Option<Vec<u8>>,
        pub received_reason_sealed: Option<Vec<u8>>,
        pub created_at: DateTime<Utc>,
        pub updated_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Events of cases.
pub mod event {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::application::model::event::EventKind;
    use crate::kernel::ids::{ApplicationId, EventId, MandateId, PersonId, UnitId};
    use crate::kernel::role::Role;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "application_event")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: EventId,
        pub application_id: ApplicationId,
        pub seq: i64,
        pub kind: EventKind,
        pub schema_version: i32,
        pub at: DateTime<Utc>,
        pub actor_id: Option<PersonId>,
        pub actor_role: Option<Role>,
        pub on_behalf_of: Option<PersonId>,
        pub mandate_id: Option<MandateId>,
        pub unit_id: Option<UnitId>,
        pub payload: String,
        pub reason_sealed: Option<Vec<u8>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Beneficiaries of cases.
pub mod beneficiary {
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{ApplicationId, PersonId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "application_beneficiary")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub application_id: ApplicationId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub person_id: PersonId,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Document versions bound to cases.
pub mod material {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::application::model::order::MaterialBasis;
    use crate::kernel::ids::{ApplicationId, BoundMaterialId, DocumentVersionId, PersonId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "application_material")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: BoundMaterialId,
        pub application_id: ApplicationId,
        pub material_key: String,
        pub basis: MaterialBasis,
        pub document_version_id: Option<DocumentVersionId>,
        pub original_seen_at: Option<DateTime<Utc>>,
        pub original_seen_by: Option<PersonId>,
        pub superseded_seq: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Documents issued in cases.
pub mod document {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::application::model::document::DocumentKind;
    use crate::kernel::ids::{ApplicationId, CaseDocumentId, PersonId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "case_document")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: CaseDocumentId,
        pub application_id: ApplicationId,
        pub kind: DocumentKind,
        pub number: String,
        pub data_sealed: Vec<u8>,
        pub jws_sealed: Vec<u8>,
        pub key_owner_id: PersonId,
        pub issued_at: DateTime<Utc>,
        pub issued_by: Option<PersonId>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// What was asked of applicants again.
pub mod requested_item {
    use sea_orm::entity::prelude::*;

    use crate::application::model::request::AskedKind;
    use crate::kernel::ids::{ApplicationId, RequestedItemId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "requested_item")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: RequestedItemId,
        pub application_id: ApplicationId,
        pub seq: i64,
        pub position: i32,
        pub kind: AskedKind,
        pub key: String,
        pub reason_sealed: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Answers that others took the place of.
pub mod replaced_answers {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use uuid::Uuid;

    use crate::kernel::ids::{ApplicationId, PersonId};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "replaced_answers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub application_id: ApplicationId,
        pub seq: i64,
        pub form_sealed: Vec<u8>,
        pub replaced_at: DateTime<Utc>,
        pub replaced_by: Option<PersonId>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}
