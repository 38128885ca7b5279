//! Every query of the slice.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, FromQueryResult, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _, Select,
};
use uuid::Uuid;

use crate::kernel::ids::{DocumentId, DocumentVersionId, PersonId, UploadId};
use crate::kernel::page::{COUNT_CAP, PageRequest};
use crate::material::entity::{document, document_version, file_token, upload, upload_segment};
use crate::material::model::document::{Document, DocumentVersion, ScanState};
use crate::material::model::upload::{Segment, Upload, UploadState};

impl From<document::Model> for Document {
    fn from(row: document::Model) -> Self {
        Self { id: row.id, owner: row.owner_person, kind: row.kind, title_sealed: row.title_sealed, created_at: row.created_at, version: row.version }
    }
}

impl From<document_version::Model> for DocumentVersion {
    fn from(row: document_version::Model) -> Self {
        Self {
            id: row.id,
            document: row.document_id,
            owner: row.owner_person,
            kind: row.kind,
            number: row.number,
            object: row.object_key,
            media_type: row.media_type,
            size: row.size,
            sha256: row.sha256,
            scan_state: row.scan_state,
            created_at: row.created_at,
            uploaded_by: row.uploaded_by,
            attached_at: row.attached_at,
        }
    }
}

impl From<upload::Model> for Upload {
    fn from(row: upload::Model) -> Self {
        Self {
            id: row.id,
            token_hash: row.token_hash,
            owner: row.owner_person,
            uploaded_by: row.uploaded_by,
            kind: row.kind,
            title_sealed: row.title_sealed,
            size: row.size,
            media_type: row.media_type,
            sha256: row.sha256,
            received: row.received,
            segments: row.segments,
            state: row.state,
            document: row.document_id,
            version: row.version_id,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

// Uploads

/// Adds an upload.
pub async fn insert_upload(db: &impl ConnectionTrait, new: &Upload) -> Result<(), DbErr> {
    let row = upload::ActiveModel {
        id: Set(new.id),
        token_hash: Set(new.token_hash.clone()),
        owner_person: Set(new.owner),
        uploaded_by: Set(new.uploaded_by),
        kind: Set(new.kind.clone()),
        title_sealed: Set(new.title_sealed.clone()),
        size: Set(new.size),
        media_type: Set(new.media_type),
        sha256: Set(new.sha256.clone()),
        received: Set(new.received),
        segments: Set(new.segments),
        state: Set(new.state),
        document_id: Set(new.document),
        version_id: Set(new.version),
        created_at: Set(new.created_at),
        expires_at: Set(new.expires_at),
    };
    upload::Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// The upload with this token.
pub async fn upload_by_token(db: &impl ConnectionTrait, token_hash: &[u8]) -> Result<Option<Upload>, DbErr> {
    Ok(upload::Entity::find().filter(upload::Column::TokenHash.eq(token_hash)).one(db).await?.map(Upload::from))
}

/// Uploads of a sender that are still waited for.
pub async fn open_uploads(db: &impl ConnectionTrait, sender: PersonId, now: DateTime<Utc>) -> Result<u64, DbErr> {
    upload::Entity::find()
        .filter(upload::Column::UploadedBy.eq(sender))
        .filter(upload::Column::State.eq(UploadState::Receiving))
        .filter(upload::Column::ExpiresAt.gt(now))
        .count(db)
        .await
}

#[derive(FromQueryResult)]
struct Size {
    size: i64,
}

/// Bytes of an owner that are declared, or came and were not handed in.
pub async fn waiting_bytes(db: &impl ConnectionTrait, owner: &[PersonId], now: DateTime<Utc>) -> Result<i64, DbErr> {
    // At most some hundreds of rows, since what waits is swept; a SUM has another type on each engine.
    let declared = upload::Entity::find()
        .select_only()
        .column(upload::Column::Size)
        .filter(upload::Column::OwnerPerson.is_in(owner.iter().copied()))
        .filter(upload::Column::State.eq(UploadState::Receiving))
        .filter(upload::Column::ExpiresAt.gt(now))
        .into_model::<Size>()
        .all(db)
        .await?;
    let came = document_version::Entity::find()
        .select_only()
        .column(document_version::Column::Size)
        .filter(document_version::Column::OwnerPerson.is_in(owner.iter().copied()))
        .filter(document_version::Column::AttachedAt.is_null())
        .into_model::<Size>()
        .all(db)
        .await?;
    Ok(declared.iter().chain(&came).map(|row| row.size).sum())
}

/// Adds a piece where the upload stands; `false` where it stands elsewhere by now.
pub async fn add_segment(db: &impl ConnectionTrait, id: UploadId, segment: Segment) -> Result<bool, DbErr> {
    let moved = upload::Entity::update_many()
        .col_expr(upload::Column::Received, Expr::value(segment.start + segment.size))
        .col_expr(upload::Column::Segments, Expr::col(upload::Column::Segments).add(1))
        .filter(upload::Column::Id.eq(id))
        .filter(upload::Column::State.eq(UploadState::Receiving))
        .filter(upload::Column::Received.eq(segment.start))
        .exec(db)
        .await?;
    if moved.rows_affected != 1 {
        return Ok(false);
    }
    let row = upload_segment::ActiveModel { id: Set(segment.object), upload_id: Set(id), start: Set(segment.start), size: Set(segment.size) };
    upload_segment::Entity::insert(row).exec_without_returning(db).await?;
    Ok(true)
}

/// The pieces of an upload, first to last.
pub async fn segments(db: &impl ConnectionTrait, id: UploadId) -> Result<Vec<Segment>, DbErr> {
    let rows = upload_segment::Entity::find().filter(upload_segment::Column::UploadId.eq(id)).order_by_asc(upload_segment::Column::Start).all(db).await?;
    Ok(rows.into_iter().map(|row| Segment { object: row.id, start: row.start, size: row.size }).collect())
}

/// Forgets the pieces of an upload.
pub async fn delete_segments(db: &impl ConnectionTrait, id: UploadId) -> Result<(), DbErr> {
    upload_segment::Entity::delete_many().filter(upload_segment::Column::UploadId.eq(id)).exec(db).await.map(drop)
}

/// Ends an upload that is still waited for; `false` where another request ended it.
pub async fn end_upload(db: &impl ConnectionTrait, id: UploadId, state: UploadState, made: Option<(DocumentId, DocumentVersionId)>) -> Result<bool, DbErr> {
    let mut update = upload::Entity::update_many().col_expr(upload::Column::State, Expr::value(state));
    if let Some((document, version)) = made {
        update = update.col_expr(upload::Column::DocumentId, Expr::value(document)).col_expr(upload::Column::VersionId, Expr::value(version));
    }
    let ended = update.filter(upload::Column::Id.eq(id)).filter(upload::Column::State.eq(UploadState::Receiving)).exec(db).await?;
    Ok(ended.rows_affected == 1)
}

// Documents and versions

/// A document of this owner.
pub async fn document(db: &impl ConnectionTrait, owner: &[PersonId], id: DocumentId) -> Result<Option<Document>, DbErr> {
    let found = document::Entity::find_by_id(id).filter(document::Column::OwnerPerson.is_in(owner.iter().copied())).one(db).await?;
    Ok(found.map(Document::from))
}

fn documents_where(owner: &[PersonId], kind: Option<&str>) -> Select<document::Entity> {
    let query = document::Entity::find().filter(document::Column::OwnerPerson.is_in(owner.iter().copied()));
    if let Some(kind) = kind { query.filter(document::Column::Kind.eq(kind)) } else { query }
}

/// How many documents a list of a person's shows, up to [`COUNT_CAP`].
pub async fn count_documents(db: &impl ConnectionTrait, owner: &[PersonId], kind: Option<&str>) -> Result<u64, DbErr> {
    documents_where(owner, kind).limit(COUNT_CAP).count(db).await
}

/// Documents of this owner, newest first.
pub async fn documents_of(
    db: &impl ConnectionTrait,
    owner: &[PersonId],
    kind: Option<&str>,
    after: Option<DocumentId>,
    request: &PageRequest,
) -> Result<Vec<Document>, DbErr> {
    let mut query = documents_where(owner, kind);
    if let Some(after) = after {
        query = query.filter(document::Column::Id.lt(after));
    }
    Ok(query.order_by_desc(document::Column::Id).limit(request.limit()).all(db).await?.into_iter().map(Document::from).collect())
}

/// Adds a document.
pub async fn insert_document(db: &impl ConnectionTrait, new: &Document) -> Result<(), DbErr> {
    let row = document::ActiveModel {
        id: Set(new.id),
        owner_person: Set(new.owner),
        kind: Set(new.kind.clone()),
        title_sealed: Set(new.title_sealed.clone()),
        created_at: Set(new.created_at),
        version: Set(new.version),
    };
    document::Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// Counts a new version; `false` where another was added meanwhile.
pub async fn raise_document(db: &impl ConnectionTrait, id: DocumentId, from: i64) -> Result<bool, DbErr> {
    let raised = document::Entity::update_many()
        .col_expr(document::Column::Version, Expr::value(from + 1))
        .filter(document::Column::Id.eq(id))
        .filter(document::Column::Version.eq(from))
        .exec(db)
        .await?;
    Ok(raised.rows_affected == 1)
}

/// Adds a version.
pub async fn insert_version(db: &impl ConnectionTrait, new: &DocumentVersion, key_number: u16) -> Result<(), DbErr> {
    let row = document_version::ActiveModel {
        id: Set(new.id),
        document_id: Set(new.document),
        owner_person: Set(new.owner),
        kind: Set(new.kind.clone()),
        number: Set(new.number),
        object_key: Set(new.object),
        media_type: Set(new.media_type),
        size: Set(new.size),
        sha256: Set(new.sha256.clone()),
        scan_state: Set(new.scan_state),
        key_number: Set(i32::from(key_number)),
        created_at: Set(new.created_at),
        uploaded_by: Set(new.uploaded_by),
        attached_at: Set(new.attached_at),
    };
    document_version::Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// Versions by id, whoever asks: for callers that authorised already.
pub async fn versions_by_ids(db: &impl ConnectionTrait, ids: &[DocumentVersionId]) -> Result<Vec<DocumentVersion>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = document_version::Entity::find().filter(document_version::Column::Id.is_in(ids.iter().copied())).all(db).await?;
    Ok(rows.into_iter().map(DocumentVersion::from).collect())
}

/// Versions of an owner by id.
pub async fn versions_of(db: &impl ConnectionTrait, owner: &[PersonId], ids: &[DocumentVersionId]) -> Result<Vec<DocumentVersion>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = document_version::Entity::find()
        .filter(document_version::Column::Id.is_in(ids.iter().copied()))
        .filter(document_version::Column::OwnerPerson.is_in(owner.iter().copied()))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(DocumentVersion::from).collect())
}

/// All versions of documents, oldest first.
pub async fn versions_of_documents(db: &impl ConnectionTrait, documents: &[DocumentId]) -> Result<Vec<DocumentVersion>, DbErr> {
    let rows = document_version::Entity::find()
        .filter(document_version::Column::DocumentId.is_in(documents.iter().copied()))
        .order_by_asc(document_version::Column::Number)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(DocumentVersion::from).collect())
}

/// Marks versions of an owner as handed in; gives how many of `ids` are there.
pub async fn attach(db: &impl ConnectionTrait, owner: &[PersonId], ids: &[DocumentVersionId], now: DateTime<Utc>) -> Result<u64, DbErr> {
    if ids.is_empty() {
        return Ok(0);
    }
    let attached = document_version::Entity::update_many()
        .col_expr(document_version::Column::AttachedAt, Expr::col(document_version::Column::AttachedAt).if_null(now))
        .filter(document_version::Column::Id.is_in(ids.iter().copied()))
        .filter(document_version::Column::OwnerPerson.is_in(owner.iter().copied()))
        .filter(document_version::Column::ScanState.ne(ScanState::Infected))
        .exec(db)
        .await?;
    Ok(attached.rows_affected)
}

/// Versions that wait for the scanner, oldest first, after the one named.
pub async fn pending(db: &impl ConnectionTrait, after: Option<DocumentVersionId>, limit: u64) -> Result<Vec<DocumentVersion>, DbErr> {
    let mut query = document_version::Entity::find().filter(document_version::Column::ScanState.eq(ScanState::Pending));
    if let Some(after) = after {
        query = query.filter(document_version::Column::Id.gt(after));
    }
    Ok(query.order_by_asc(document_version::Column::Id).limit(limit).all(db).await?.into_iter().map(DocumentVersion::from).collect())
}

/// Writes what the scanner said; `false` where it was written already.
pub async fn set_scan_state(db: &impl ConnectionTrait, id: DocumentVersionId, state: ScanState) -> Result<bool, DbErr> {
    let set = document_version::Entity::update_many()
        .col_expr(document_version::Column::ScanState, Expr::value(state))
        .filter(document_version::Column::Id.eq(id))
        .filter(document_version::Column::ScanState.eq(ScanState::Pending))
        .exec(db)
        .await?;
    Ok(set.rows_affected == 1)
}

// Download tokens

/// A right to read.
#[derive(Clone, Debug)]
pub struct FileToken {
    /// Who may read.
    pub person: PersonId,
    /// What.
    pub version: DocumentVersionId,
}

/// Adds a token.
pub async fn insert_token(
    db: &impl ConnectionTrait,
    id: Uuid,
    token_hash: Vec<u8>,
    right: &FileToken,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = file_token::ActiveModel {
        id: Set(id),
        token_hash: Set(token_hash),
        person_id: Set(right.person),
        version_id: Set(right.version),
        created_at: Set(now),
        expires_at: Set(until),
    };
    file_token::Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// The right behind a token that has not expired.
pub async fn token(db: &impl ConnectionTrait, token_hash: &[u8], now: DateTime<Utc>) -> Result<Option<FileToken>, DbErr> {
    let found = file_token::Entity::find().filter(file_token::Column::TokenHash.eq(token_hash)).filter(file_token::Column::ExpiresAt.gt(now)).one(db).await?;
    Ok(found.map(|row| FileToken { person: row.person_id, version: row.version_id }))
}

// Sweeping

/// Forgets tokens that have expired.
pub async fn delete_tokens(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<u64, DbErr> {
    Ok(file_token::Entity::delete_many().filter(file_token::Column::ExpiresAt.lte(now)).exec(db).await?.rows_affected)
}

/// Uploads whose time is over.
pub async fn expired_uploads(db: &impl ConnectionTrait, now: DateTime<Utc>, limit: u64) -> Result<Vec<UploadId>, DbErr> {
    upload::Entity::find()
        .select_only()
        .column(upload::Column::Id)
        .filter(upload::Column::ExpiresAt.lte(now))
        .order_by_asc(upload::Column::ExpiresAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Forgets uploads and their pieces; the objects of pieces become orphans.
pub async fn delete_uploads(db: &impl ConnectionTrait, ids: &[UploadId]) -> Result<u64, DbErr> {
    upload_segment::Entity::delete_many().filter(upload_segment::Column::UploadId.is_in(ids.iter().copied())).exec(db).await?;
    Ok(upload::Entity::delete_many().filter(upload::Column::Id.is_in(ids.iter().copied())).exec(db).await?.rows_affected)
}

/// Versions that came before `before` and were never handed in.
pub async fn waiting_versions(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    after: Option<DocumentVersionId>,
    limit: u64,
) -> Result<Vec<DocumentVersion>, DbErr> {
    let rows = document_version::Entity::find()
        .filter(document_version::Column::AttachedAt.is_null())
        .filter(document_version::Column::CreatedAt.lte(before))
        .apply_if(after, |query, after| query.filter(document_version::Column::Id.gt(after)))
        .order_by_asc(document_version::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(DocumentVersion::from).collect())
}

/// Forgets a version that was never handed in, and its document if it was the only one; `false` where it was handed
/// in meanwhile.
pub async fn delete_version(db: &impl ConnectionTrait, version: &DocumentVersion) -> Result<bool, DbErr> {
    file_token::Entity::delete_many().filter(file_token::Column::VersionId.eq(version.id)).exec(db).await?;
    let deleted = document_version::Entity::delete_many()
        .filter(document_version::Column::Id.eq(version.id))
        .filter(document_version::Column::AttachedAt.is_null())
        .exec(db)
        .await?;
    if deleted.rows_affected != 1 {
        return Ok(false);
    }
    if document_version::Entity::find().filter(document_version::Column::DocumentId.eq(version.document)).count(db).await? == 0 {
        document::Entity::delete_by_id(version.document).exec(db).await?;
    }
    Ok(true)
}

/// Which of these objects a version or a piece names.
pub async fn known_objects(db: &impl ConnectionTrait, objects: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    let mut known: Vec<Uuid> = document_version::Entity::find()
        .select_only()
        .column(document_version::Column::ObjectKey)
        .filter(document_version::Column::ObjectKey.is_in(objects.iter().copied()))
        .into_tuple()
        .all(db)
        .await?;
    let pieces: Vec<Uuid> = upload_segment::Entity::find()
        .select_only()
        .column(upload_segment::Column::Id)
        .filter(upload_segment::Column::Id.is_in(objects.iter().copied()))
        .into_tuple()
        .all(db)
        .await?;
    known.extend(pieces);
    Ok(known)
}
