//! Uploads: declared, received in pieces, judged, and made a version of a document.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use object_store::ObjectStore;
use uuid::Uuid;

use super::{OBJECT, files, title_place};
use crate::account::model::mandate::Mandate;
use crate::account::service::mandates::mandates_held;
use crate::audit::model::{Entry, Message};
use crate::audit::service::{announce, record};
use crate::catalogue::model::bundle::document_kinds;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{DocumentId, DocumentVersionId, PersonId, TypedId as _, UploadId};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::{SecretKey, token_hash};
use crate::material::model::document::{Document, DocumentVersion, ScanState};
use crate::material::model::range::{ContentRange, Misplaced, Plan, plan};
use crate::material::model::scan::Scanning;
use crate::material::model::upload::{CreateUpload, Declared, LIFE, OPEN_MAX, SEGMENTS_MAX, Segment, Upload, UploadState, VERSIONS_MAX, WAITING_MAX};
use crate::material::{policy, store};
use crate::person::model::document::IdentityDocumentKind;
use crate::person::service as person;
use crate::portal::Portal;

/// How long a sender may be silent before what came is kept as a piece.
const SILENCE: Duration = Duration::from_secs(30);
/// How long one PUT may last.
const PATIENCE: Duration = Duration::from_mins(10);

/// An upload with the token that its sender gets once.
#[derive(Debug)]
pub struct Opened {
    /// The token.
    pub token: String,
    /// The upload.
    pub upload: Upload,
}

/// Whether a kind is one of the catalogue or of identity documents. Any other text would be the sender's own words.
fn is_known_kind(kind: &str) -> bool {
    document_kinds().contains(kind) || IdentityDocumentKind::ALL.iter().any(|known| known.code() == kind)
}

/// Declares a file.
///
/// Rejections: those of [`Declared::parse`]; NOT_FOUND at `input.documentId` or `input.forPersonId`; NOT_ALLOWED at
/// `input.documentKind` where no item asks for such a document, or where the document is of another kind; TOO_MANY
/// versions; UPLOAD_QUOTA_EXCEEDED.
pub async fn create_upload(portal: &Portal, actor: &Actor, command: CreateUpload) -> Result<Opened, Refused> {
    let now = portal.env.now();
    let mandate = mandate_of(portal, policy::signed_in(actor)?.person, command.for_person).await?;
    let member = policy::may_send(actor, command.for_person, mandate.is_some())?;
    let declared = Declared::parse(&command, portal.settings.upload_max).map_err(Refused::Rejected)?;
    if !is_known_kind(&declared.kind) {
        return Err(Rejection::at(Code::NotAllowed, "input.documentKind").into());
    }
    let db = portal.db.read();
    let owner = match (command.for_person, &mandate) {
        (None, _) => member.person,
        (_, Some(mandate)) => mandate.principal,
        // An officer sends for whom she deals with; anybody else does not exist for her.
        (Some(other), None) => match person::person_for(portal, actor, other).await {
            Err(Fault::NotFound) => return Err(Rejection::at(Code::NotFound, "input.forPersonId").into()),
            found => found?.id,
        },
    };
    let identities = person::identities(db, owner).await?;
    let mut id = DocumentId::new(&portal.env);
    let mut owner_of_row = owner;
    if let Some(wanted) = command.document {
        let found = store::document(db, &identities, wanted).await?;
        let document = found.ok_or_else(|| Rejection::at(Code::NotFound, "input.documentId"))?;
        if document.kind != declared.kind {
            return Err(Rejection::at(Code::NotAllowed, "input.documentKind").into());
        }
        if document.version >= i64::from(VERSIONS_MAX) {
            return Err(Rejection::at(Code::TooMany, "input.documentId").number("max", i64::from(VERSIONS_MAX)).into());
        }
        (id, owner_of_row) = (wanted, document.owner);
    }
    // The key is committed first, the row second.
    let key = person::keys::ensure_key(portal, owner_of_row).await?;
    let token = portal.env.secret();
    let upload = Upload {
        id: UploadId::new(&portal.env),
        token_hash: token_hash(&token),
        owner: owner_of_row,
        uploaded_by: member.person,
        kind: declared.kind,
        title_sealed: declared.file_name.map(|name| key.seal(&portal.env, title_place(id), name.as_bytes())),
        size: declared.size,
        media_type: declared.media_type,
        sha256: declared.sha256,
        received: 0,
        segments: 0,
        state: UploadState::Receiving,
        document: Some(id),
        version: None,
        created_at: now,
        expires_at: now + LIFE,
    };
    let txn = portal.db.begin_write().await?;
    // One after the other for one sender, and for one owner, so that the counts hold.
    for id in BTreeSet::from([member.person, owner]) {
        person::lock_person(&txn, id).await?;
    }
    let waiting = store::waiting_bytes(&txn, &identities, now).await?;
    if store::open_uploads(&txn, member.person, now).await? >= OPEN_MAX || waiting.saturating_add(upload.size) > WAITING_MAX {
        return Err(Rejection::at(Code::UploadQuotaExceeded, "input.size").into());
    }
    store::insert_upload(&txn, &upload).await?;
    let entry = Entry::new("CREATE_UPLOAD").object("UPLOAD", upload.id.uuid()).person(owner);
    let entry = match &mandate {
        Some(mandate) => entry.on_behalf(owner, Some(mandate.id)),
        None => entry,
    };
    record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(Opened { token, upload })
}

/// A mandate in force by which the sender acts for another, whatever it covers: a document is of no item.
async fn mandate_of(portal: &Portal, sender: PersonId, principal: Option<PersonId>) -> Result<Option<Mandate>, Fault> {
    let Some(principal) = principal.filter(|principal| *principal != sender) else { return Ok(None) };
    let db = portal.db.read();
    let principal = match person::resolve(db, principal).await {
        Err(Fault::NotFound) => return Ok(None),
        found => found?,
    };
    Ok(mandates_held(db, sender, portal.env.now()).await?.into_iter().find(|mandate| mandate.principal == principal))
}

/// How an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Bytes that came.
    pub offset: u64,
    /// Bytes declared.
    pub size: u64,
}

/// What a PUT came to.
#[derive(Debug)]
pub enum Received {
    /// More is waited for.
    Partial(Standing),
    /// The file is complete and is this version now.
    Complete(DocumentVersion),
}

/// A no to a PUT, with where the upload stands if it is known.
#[derive(Debug)]
pub struct NotReceived {
    /// Why.
    pub refused: Refused,
    /// How far the upload has come.
    pub offset: Option<u64>,
}

impl<T: Into<Refused>> From<T> for NotReceived {
    fn from(refused: T) -> Self {
        Self { refused: refused.into(), offset: None }
    }
}

/// Where an upload stands, for HEAD.
///
/// Rejections: UPLOAD_INVALID for a token that is unknown, expired, refused or another person's.
pub async fn standing(portal: &Portal, actor: &Actor, token: &str) -> Result<Standing, Refused> {
    let upload = find(portal, actor, token).await?;
    if upload.state == UploadState::Refused {
        return Err(Rejection::new(Code::UploadInvalid).into());
    }
    Ok(Standing { offset: upload.received.unsigned_abs(), size: upload.size.unsigned_abs() })
}

/// Reads a `Content-Range` header; `None` for anything that is not of its form.
pub fn range_of(header: &str) -> Option<ContentRange> {
    ContentRange::parse(header)
}

async fn find(portal: &Portal, actor: &Actor, token: &str) -> Result<Upload, Refused> {
    let found = store::upload_by_token(portal.db.read(), &token_hash(token)).await?;
    let valid = found.filter(|upload| upload.expires_at > portal.env.now() && policy::token_is_for(actor, upload.uploaded_by).is_ok());
    valid.ok_or_else(|| Rejection::new(Code::UploadInvalid).into())
}

/// Receives bytes of an upload. What came before the sender fell silent is kept, so that she can go on from there.
///
/// Rejections: UPLOAD_INVALID; MALFORMED, UPLOAD_OFFSET_MISMATCH, NOT_ALLOWED (range outside the file), FILE_TOO_LARGE,
/// TOO_MANY pieces; once all came DIGEST_MISMATCH and MEDIA_TYPE_NOT_ALLOWED, after which nothing of the file is kept.
pub async fn receive<S, E>(
    portal: &Portal,
    actor: &Actor,
    token: &str,
    range: Option<ContentRange>,
    length: Option<u64>,
    body: S,
) -> Result<Received, NotReceived>
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
{
    let mut upload = find(portal, actor, token).await?;
    match (upload.state, upload.version, range) {
        (UploadState::Receiving, ..) => {}
        // The answer was lost and is asked for again.
        (UploadState::Complete, Some(version), Some(ContentRange::Asked { .. })) => return Ok(Received::Complete(made(portal, version).await?)),
        _ => return Err(Rejection::new(Code::UploadInvalid).into()),
    }
    let (stands, size) = (upload.received.unsigned_abs(), upload.size.unsigned_abs());
    let refused = |code: Code| NotReceived { refused: Rejection::new(code).into(), offset: Some(stands) };
    let wanted = match plan(range, length, stands, size) {
        Ok(Plan::Take(wanted)) => wanted,
        Ok(Plan::Finish) => 0,
        Err(Misplaced::Offset) => return Err(refused(Code::UploadOffsetMismatch)),
        Err(Misplaced::Outside) => return Err(refused(Code::NotAllowed)),
        Err(Misplaced::TooLarge) => return Err(refused(Code::FileTooLarge)),
        Err(Misplaced::Contradiction) => return Err(refused(Code::Malformed)),
    };
    let mut digest = None;
    if wanted > 0 {
        if upload.segments >= SEGMENTS_MAX {
            return Err(refused(Code::TooMany));
        }
        if let Some((segment, hash)) = take(portal, &upload, wanted, body).await? {
            let txn = portal.db.begin_write().await?;
            if !store::add_segment(&txn, upload.id, segment).await? {
                drop(txn);
                files::delete(&files::store(portal)?, segment.object).await;
                return Err(refused(Code::UploadOffsetMismatch));
            }
            portal.commit(txn).await?;
            upload.received += segment.size;
            digest = (segment.start == 0).then_some(hash);
        }
    }
    if upload.received < upload.size {
        return Ok(Received::Partial(Standing { offset: upload.received.unsigned_abs(), size }));
    }
    Ok(Received::Complete(finish(portal, actor, &upload, digest).await?))
}

/// Writes what comes as an object of its own; `None` where nothing came.
async fn take<S, E>(portal: &Portal, upload: &Upload, wanted: u64, mut body: S) -> Result<Option<(Segment, Vec<u8>)>, Refused>
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
{
    let key = person::keys::ensure_key(portal, upload.owner).await?;
    let object = portal.env.uuid();
    let mut writer = files::Writer::new(files::store(portal)?, &portal.env, key, object);
    let until = tokio::time::Instant::now() + PATIENCE;
    // An error of the connection and silence alike end the piece; what came is kept.
    while let Ok(Some(Ok(bytes))) = tokio::time::timeout_at(until.min(tokio::time::Instant::now() + SILENCE), body.next()).await {
        if writer.size + bytes.len() as u64 > wanted {
            writer.abort().await;
            return Err(Rejection::new(Code::FileTooLarge).into());
        }
        if let Err(error) = writer.write(&bytes).await {
            writer.abort().await;
            return Err(Fault::unavailable(error).into());
        }
    }
    if writer.size == 0 {
        writer.abort().await;
        return Ok(None);
    }
    let (size, hash) = writer.finish().await?;
    let size = i64::try_from(size).map_err(Fault::internal)?;
    Ok(Some((Segment { object, start: upload.received, size }, hash)))
}

async fn made(portal: &Portal, id: DocumentVersionId) -> Result<DocumentVersion, Fault> {
    store::versions_by_ids(portal.db.read(), &[id]).await?.pop().ok_or(Fault::NotFound)
}

/// Judges a file that has come whole and makes it a version.
async fn finish(portal: &Portal, actor: &Actor, upload: &Upload, digest: Option<Vec<u8>>) -> Result<DocumentVersion, Refused> {
    let objects = files::store(portal)?;
    let key = person::keys::data_key(portal, upload.owner).await?;
    let segments = store::segments(portal.db.read(), upload.id).await?;
    let (object, sha256) = match (segments.as_slice(), digest) {
        ([], _) => return Err(Rejection::new(Code::UploadInvalid).into()),
        // One piece is the file already.
        ([only], Some(hash)) => (only.object, hash),
        ([only], None) => (only.object, files::verify(&objects, key.clone(), only.object, only.size.unsigned_abs()).await.map_err(|e| e.fault(only.object))?),
        (pieces, _) => join(portal, &objects, &key, pieces).await?,
    };
    let size = upload.size.unsigned_abs();
    let reason = if sha256 == upload.sha256 {
        match files::media_type(Arc::clone(&objects), key.clone(), object, size).await {
            Ok(Some(found)) if found == upload.media_type => None,
            Ok(_) => Some(Code::MediaTypeNotAllowed),
            Err(fault) => {
                drop_joined(&objects, &segments, object).await;
                return Err(fault.into());
            }
        }
    } else {
        Some(Code::DigestMismatch)
    };
    let result = match reason {
        None => keep(portal, actor, upload, object, sha256, key.id()).await,
        Some(code) => refuse(portal, actor, upload, code).await,
    };
    match result {
        // Another request ended it meanwhile: its version stays, only what was joined here goes.
        Ok(None) => {
            drop_joined(&objects, &segments, object).await;
            let again = store::upload_by_token(portal.db.read(), &upload.token_hash).await?;
            match again.and_then(|u| u.version) {
                Some(version) => Ok(made(portal, version).await?),
                None => Err(Rejection::new(Code::UploadInvalid).into()),
            }
        }
        Ok(Some(version)) => {
            for segment in segments.iter().filter(|s| s.object != object) {
                files::delete(&objects, segment.object).await;
            }
            Ok(version)
        }
        Err(Refused::Rejected(reasons)) => {
            // Nothing is kept of what was refused.
            for stored in segments.iter().map(|s| s.object).chain([object]) {
                files::delete(&objects, stored).await;
            }
            Err(Refused::Rejected(reasons))
        }
        Err(fault) => {
            drop_joined(&objects, &segments, object).await;
            Err(fault)
        }
    }
}

/// Deletes the object in which pieces were joined, unless it is a piece itself.
async fn drop_joined(objects: &Arc<dyn ObjectStore>, segments: &[Segment], object: Uuid) {
    if segments.iter().all(|s| s.object != object) {
        files::delete(objects, object).await;
    }
}

/// Joins pieces into one object, sealed anew.
async fn join(portal: &Portal, objects: &Arc<dyn ObjectStore>, key: &SecretKey, pieces: &[Segment]) -> Result<(Uuid, Vec<u8>), Fault> {
    let object = portal.env.uuid();
    let mut writer = files::Writer::new(Arc::clone(objects), &portal.env, key.clone(), object);
    for piece in pieces {
        if let Err(fault) = append(objects, key, piece, &mut writer).await {
            writer.abort().await;
            return Err(fault);
        }
    }
    writer.finish().await.map(|(_, hash)| (object, hash))
}

async fn append(objects: &Arc<dyn ObjectStore>, key: &SecretKey, piece: &Segment, writer: &mut files::Writer) -> Result<(), Fault> {
    let stored = files::read(objects, key.clone(), piece.object, piece.size.unsigned_abs()).await;
    let mut plain = std::pin::pin!(stored.map_err(|e| e.fault(piece.object))?);
    while let Some(bytes) = plain.next().await {
        writer.write(&bytes.map_err(|e| e.fault(piece.object))?).await.map_err(Fault::unavailable)?;
    }
    Ok(())
}

/// The row of what is stored already. `None` where another request was first.
async fn keep(portal: &Portal, actor: &Actor, upload: &Upload, object: Uuid, sha256: Vec<u8>, key_number: u16) -> Result<Option<DocumentVersion>, Refused> {
    let scanned = portal.part::<Scanning>()?.0.is_some();
    let now = portal.env.now();
    let id = upload.document.ok_or_else(|| Fault::bug("an upload without a document"))?;
    let mut version = DocumentVersion {
        id: DocumentVersionId::new(&portal.env),
        document: id,
        owner: upload.owner,
        kind: upload.kind.clone(),
        number: 1,
        object,
        media_type: upload.media_type,
        size: upload.size,
        sha256,
        scan_state: if scanned { ScanState::Pending } else { ScanState::NotScanned },
        created_at: now,
        uploaded_by: upload.uploaded_by,
        attached_at: None,
    };
    let txn = portal.db.begin_write().await?;
    if !store::end_upload(&txn, upload.id, UploadState::Complete, Some((id, version.id))).await? {
        return Ok(None);
    }
    match store::document(&txn, &[upload.owner], id).await? {
        None => {
            let document =
                Document { id, owner: upload.owner, kind: upload.kind.clone(), title_sealed: upload.title_sealed.clone(), created_at: now, version: 1 };
            store::insert_document(&txn, &document).await?;
        }
        Some(document) => {
            if !store::raise_document(&txn, id, document.version).await? {
                return Err(Fault::unavailable(anyhow::anyhow!("two versions of a document came at once")).into());
            }
            version.number = i32::try_from(document.version + 1).map_err(Fault::internal)?;
        }
    }
    store::insert_version(&txn, &version, key_number).await?;
    store::delete_segments(&txn, upload.id).await?;
    let entry =
        Entry::new("RECEIVE_FILE").object(OBJECT, id.uuid()).person(upload.owner).detail("version", version.id.global()).detail("kind", upload.kind.clone());
    record(&txn, portal, actor, entry).await?;
    announce(&txn, portal, Message::new("DOCUMENT_ADDED", OBJECT, id.uuid()).data(serde_json::json!({ "version": version.id.global() }))).await?;
    portal.commit(txn).await?;
    Ok(Some(version))
}

/// Ends an upload whose bytes are refused. `Ok(None)` where another request was first.
async fn refuse(portal: &Portal, actor: &Actor, upload: &Upload, code: Code) -> Result<Option<DocumentVersion>, Refused> {
    let txn = portal.db.begin_write().await?;
    if !store::end_upload(&txn, upload.id, UploadState::Refused, None).await? {
        return Ok(None);
    }
    store::delete_segments(&txn, upload.id).await?;
    let entry = Entry::new("RECEIVE_FILE").object("UPLOAD", upload.id.uuid()).person(upload.owner).refused(code.code());
    record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Err(Rejection::new(code).into())
}
