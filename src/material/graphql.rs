//! Documents in the API.

use std::collections::HashMap;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::api::connection::{self, Pages};
use crate::api::context::ContextExt;
use crate::api::error::{ApiError, UserError, nullable, payload};
use crate::api::ids;
use crate::api::scalars::Instant;
use crate::kernel::fault::Fault;
use crate::kernel::hex;
use crate::kernel::ids::{DocumentId, DocumentVersionId, PersonId};
use crate::material::model::document::{self as model, ScanState};
use crate::material::model::upload::CreateUpload;
use crate::material::service::{self, download, upload};

api_enum!(ScanState, "ScanState", "What is known about a file from a virus scanner. Only CLEAN and NOT_SCANNED can be downloaded.");

/// A document that a person has handed in: one paper, in one or more versions.
#[derive(Clone, Debug)]
pub struct Document {
    row: model::Document,
    versions: Vec<DocumentVersion>,
}

/// A document that a person has handed in: one paper, in one or more versions.
#[Object]
impl Document {
    /// Id.
    pub async fn id(&self) -> ID {
        ids::encode(self.row.id)
    }

    /// Code of the kind of material, as the service item names it.
    async fn document_kind(&self) -> &str {
        &self.row.kind
    }

    /// Name that the owner gave the file. Only she reads it; for others it is null.
    async fn file_name(&self, ctx: &Context<'_>) -> Option<Result<String, ApiError>> {
        nullable(service::title(ctx.portal(), ctx.actor(), &self.row).await)
    }

    /// When the first version came.
    async fn created_at(&self) -> Instant {
        Instant(self.row.created_at)
    }

    /// All versions, oldest first. At most 50.
    async fn versions(&self) -> &[DocumentVersion] {
        &self.versions
    }
}

impl Document {
    /// A document of the caller with its versions; NOT_FOUND for anybody else's.
    pub async fn load(ctx: &Context<'_>, id: DocumentId) -> Result<Self, ApiError> {
        let row = service::my_document(ctx.portal(), ctx.actor(), id).await?;
        let versions = service::versions_of_documents(ctx.portal().db.read(), &[id]).await?.into_iter().map(DocumentVersion::from).collect();
        Ok(Self { row, versions })
    }
}

/// A version of a document. It never changes; what the scanner says is added.
#[derive(SimpleObject, Clone, Debug)]
pub struct DocumentVersion {
    /// Global id, for `createDownload`, and for materials and answers of a form.
    pub id: ID,
    /// Code of the kind of material, as the service item names it; that of its document.
    pub document_kind: String,
    /// Counts from 1.
    pub number: i32,
    /// Internet media type, told by the bytes.
    pub media_type: String,
    /// Bytes. No file is larger than 1 GiB, so that they fit an Int.
    pub size: i64,
    /// SHA-256 of the bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// What is known from a virus scanner.
    pub scan_state: ScanState,
    /// When it came.
    pub created_at: Instant,
}

impl From<model::DocumentVersion> for DocumentVersion {
    fn from(row: model::DocumentVersion) -> Self {
        Self {
            id: ids::encode(row.id),
            document_kind: row.kind,
            number: row.number,
            media_type: row.media_type.mime().to_owned(),
            size: row.size,
            sha256: hex::encode(&row.sha256),
            scan_state: row.scan_state,
            created_at: Instant(row.created_at),
        }
    }
}

/// Reading documents.
#[derive(Default)]
pub struct MaterialQuery;

/// Reading documents.
#[Object]
impl MaterialQuery {
    /// The viewer's documents, newest first.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn my_documents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only documents of this kind of material.")] document_kind: Option<String>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<Document>, ApiError>> {
        let read = async {
            let request = connection::request(ctx, first, after.as_deref(), service::ORDER, 1)?;
            let page = service::my_documents(ctx.portal(), ctx.actor(), document_kind.as_deref(), request).await?;
            let wanted: Vec<DocumentId> = page.edges.iter().map(|(_, row)| row.id).collect();
            let mut versions: HashMap<DocumentId, Vec<DocumentVersion>> = HashMap::new();
            for version in service::versions_of_documents(ctx.portal().db.read(), &wanted).await? {
                versions.entry(version.document).or_default().push(version.into());
            }
            Ok::<_, Fault>(connection::of(page.map(|row| Document { versions: versions.get(&row.id).cloned().unwrap_or_default(), row }), |node| node))
        };
        Some(read.await.map_err(ApiError::from))
    }
}

/// Declares a file that will be sent.
#[derive(InputObject, Debug)]
pub struct CreateUploadInput {
    /// Code of the kind of document, as a service item asks for it (`documentKind` of its materials) or as identity
    /// documents have it, for example `PASSPORT`.
    pub document_kind: String,
    /// Name of the file on the client's side, shown to the owner only. At most 255 characters.
    pub file_name: Option<String>,
    /// Bytes of the file, at most 1 GiB or what the portal is set to take.
    pub size: i64,
    /// Internet media type: application/pdf, image/jpeg, image/png, image/heic or application/ofd.
    pub media_type: String,
    /// SHA-256 of the bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// The document of which this is a new version. Without it a document is made.
    pub document_id: Option<ID>,
    /// For whom it is sent: an officer's walk-in, or the principal of an agent whose mandate is in force.
    pub for_person_id: Option<ID>,
}

/// Where a declared file is sent.
#[derive(SimpleObject, Debug)]
pub struct Upload {
    /// Path below the portal's address: send the bytes with PUT, ask how far they have come with HEAD. It holds a
    /// secret and is shown once.
    pub url: String,
    /// Bytes that the portal has, at most 1 GiB.
    pub offset: i64,
    /// When the portal stops waiting.
    pub expires_at: Instant,
}

/// What came of `createUpload`.
#[derive(SimpleObject, Debug)]
pub struct CreateUploadPayload {
    /// The upload; null where the rules say no.
    pub upload: Option<Upload>,
    /// Why not.
    pub user_errors: Vec<UserError>,
}

/// Asks for a link to a file.
#[derive(InputObject, Debug)]
pub struct CreateDownloadInput {
    /// The version to read.
    pub document_version_id: ID,
}

/// A link to a file, for the viewer only and for a few minutes.
#[derive(SimpleObject, Debug)]
pub struct Download {
    /// Path below the portal's address, for GET. It holds a secret.
    pub url: String,
    /// Path of a small JPEG of the file, at most 1024 points a side and without the original's metadata, for the same
    /// time; null where the type has none. A picture that is too large or damaged answers PREVIEW_UNAVAILABLE there.
    pub preview_url: Option<String>,
    /// When the link ends.
    pub expires_at: Instant,
}

/// What came of `createDownload`.
#[derive(SimpleObject, Debug)]
pub struct CreateDownloadPayload {
    /// The link; null where the rules say no.
    pub download: Option<Download>,
    /// Why not.
    pub user_errors: Vec<UserError>,
}

impl From<download::Granted> for Download {
    fn from(granted: download::Granted) -> Self {
        let url = format!("/files/{}", granted.token);
        Self { preview_url: granted.version.media_type.has_preview().then(|| format!("{url}/preview")), url, expires_at: Instant(granted.expires_at) }
    }
}

/// Changing documents.
#[derive(Default)]
pub struct MaterialMutation;

/// Changing documents.
#[Object]
impl MaterialMutation {
    /// Declares a file and gives the path to which its bytes are sent. The last byte makes it a document, or a new
    /// version of one. What is not handed in within 24 hours is deleted. User errors: MALFORMED, TOO_LONG, NOT_ALLOWED,
    /// NOT_FOUND, FILE_TOO_LARGE, MEDIA_TYPE_NOT_ALLOWED, TOO_MANY, UPLOAD_QUOTA_EXCEEDED.
    async fn create_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CreateUploadInput,
    ) -> Option<Result<CreateUploadPayload, ApiError>> {
        let command = (|| {
            Ok::<_, ApiError>(CreateUpload {
                document: ids::decode_option::<DocumentId>(input.document_id.as_ref(), "input.documentId")?,
                for_person: ids::decode_option::<PersonId>(input.for_person_id.as_ref(), "input.forPersonId")?,
                kind: input.document_kind,
                file_name: input.file_name,
                size: input.size,
                media_type: input.media_type,
                sha256: input.sha256,
            })
        })();
        let command = match command {
            Ok(command) => command,
            Err(error) => return Some(Err(error)),
        };
        let opened = upload::create_upload(ctx.portal(), ctx.actor(), command).await;
        payload(
            ctx.ctx(),
            opened,
            |opened| {
                let upload =
                    Upload { url: format!("/uploads/{}", opened.token), offset: opened.upload.received, expires_at: Instant(opened.upload.expires_at) };
                CreateUploadPayload { upload: Some(upload), user_errors: Vec::new() }
            },
            |user_errors| CreateUploadPayload { upload: None, user_errors },
        )
    }

    /// Gives a link to a version of one of the viewer's documents. User errors: SCAN_PENDING, FILE_INFECTED.
    async fn create_download(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CreateDownloadInput,
    ) -> Option<Result<CreateDownloadPayload, ApiError>> {
        let id = match ids::decode::<DocumentVersionId>(&input.document_version_id, "input.documentVersionId") {
            Ok(id) => id,
            Err(error) => return Some(Err(error)),
        };
        let granted = download::create_download(ctx.portal(), ctx.actor(), id).await;
        payload(
            ctx.ctx(),
            granted,
            |granted| CreateDownloadPayload { download: Some(granted.into()), user_errors: Vec::new() },
            |user_errors| CreateDownloadPayload { download: None, user_errors },
        )
    }
}
