//! Rows of documents, versions, uploads and download tokens.

/// `document`
pub mod document {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{DocumentId, PersonId};

    /// A document.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "document")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: DocumentId,
        /// Whose it is.
        pub owner_person: PersonId,
        /// Code of the kind of material.
        pub kind: String,
        /// Name of the file, sealed.
        pub title_sealed: Option<Vec<u8>>,
        /// When it came.
        pub created_at: DateTime<Utc>,
        /// Number of the newest version.
        pub version: i64,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `document_version`
pub mod document_version {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{DocumentId, DocumentVersionId, PersonId};
    use crate::material::model::document::ScanState;
    use crate::material::model::media::MediaType;

    /// A version. Owner and kind are those of the document, repeated so that a check needs one row.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "document_version")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: DocumentVersionId,
        /// The document.
        pub document_id: DocumentId,
        /// Whose it is.
        pub owner_person: PersonId,
        /// Code of the kind of material.
        pub kind: String,
        /// Counts from 1.
        pub number: i32,
        /// The object in the store.
        pub object_key: Uuid,
        /// Type by content.
        pub media_type: MediaType,
        /// Bytes.
        pub size: i64,
        /// SHA-256.
        pub sha256: Vec<u8>,
        /// What the scanner says.
        pub scan_state: ScanState,
        /// Number of the data key.
        pub key_number: i32,
        /// When it came.
        pub created_at: DateTime<Utc>,
        /// Who sent it.
        pub uploaded_by: PersonId,
        /// When it was first handed in.
        pub attached_at: Option<DateTime<Utc>>,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `upload`
pub mod upload {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{DocumentId, DocumentVersionId, PersonId, UploadId};
    use crate::material::model::media::MediaType;
    use crate::material::model::upload::UploadState;

    /// An upload.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "upload")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: UploadId,
        /// SHA-256 of the token.
        pub token_hash: Vec<u8>,
        /// Whose document it becomes.
        pub owner_person: PersonId,
        /// Who sends it.
        pub uploaded_by: PersonId,
        /// Code of the kind of material.
        pub kind: String,
        /// Name of the file, sealed.
        pub title_sealed: Option<Vec<u8>>,
        /// Declared bytes.
        pub size: i64,
        /// Declared type.
        pub media_type: MediaType,
        /// Declared SHA-256.
        pub sha256: Vec<u8>,
        /// Bytes that came.
        pub received: i64,
        /// Pieces that came.
        pub segments: i32,
        /// Where it stands.
        pub state: UploadState,
        /// The document.
        pub document_id: Option<DocumentId>,
        /// The version that it became.
        pub version_id: Option<DocumentVersionId>,
        /// When it was declared.
        pub created_at: DateTime<Utc>,
        /// When the portal stops waiting.
        pub expires_at: DateTime<Utc>,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `upload_segment`
pub mod upload_segment {
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::UploadId;

    /// A piece of an upload, an object of its own in the store.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "upload_segment")]
    pub struct Model {
        /// The object in the store.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The upload.
        pub upload_id: UploadId,
        /// Place of its first byte.
        pub start: i64,
        /// Bytes.
        pub size: i64,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `file_token`
pub mod file_token {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::kernel::ids::{DocumentVersionId, PersonId};

    /// A short-lived right of one person to read one version.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "file_token")]
    pub struct Model {
        /// Id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// SHA-256 of the token.
        pub token_hash: Vec<u8>,
        /// Who may read.
        pub person_id: PersonId,
        /// What.
        pub version_id: DocumentVersionId,
        /// When the right was given.
        pub created_at: DateTime<Utc>,
        /// When it ends.
        pub expires_at: DateTime<Utc>,
    }

    /// None are declared.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
