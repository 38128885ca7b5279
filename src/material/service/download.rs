//! Downloads: a short-lived token of one person, and the bytes behind it, or a small picture of them.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use sea_orm::ConnectionTrait;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::files;
use crate::audit::model::Entry;
use crate::audit::service::record;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{DocumentVersionId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::token_hash;
use crate::material::model::document::DocumentVersion;
use crate::material::model::preview::{self, ORIGINAL_MAX};
use crate::material::model::upload::DOWNLOAD_LIFE;
use crate::material::store::FileToken;
use crate::material::{policy, store};
use crate::person::service as person;
use crate::portal::Portal;

/// A token that its person gets once.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The token.
    pub token: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// What it reads.
    pub version: DocumentVersion,
}

/// A token for a version of the caller's own document.
///
/// Rejections: SCAN_PENDING, FILE_INFECTED. Errors: [`Fault::NotFound`] also for another person's.
pub async fn create_download(portal: &Portal, actor: &Actor, id: DocumentVersionId) -> Result<Granted, Refused> {
    let version = super::my_version(portal, actor, id).await?;
    let entry = Entry::new("CREATE_DOWNLOAD").object(super::OBJECT, version.document.uuid()).person(version.owner);
    let txn = portal.db.begin_write().await?;
    let granted = grant(&txn, portal, actor, version, entry, "input.documentVersionId").await?;
    portal.commit(txn).await?;
    Ok(granted)
}

/// A token for a version that is bound to a case, inside the caller's transaction. Her slice has authorised the reader and
/// found the binding; `case` is the trail's object and the path of the version in the input is `input.documentVersionId`.
///
/// Rejections: SCAN_PENDING, FILE_INFECTED. Errors: [`Fault::Unauthenticated`], [`Fault::NotFound`].
pub async fn create_download_for(
    txn: &impl ConnectionTrait,
    portal: &Portal,
    actor: &Actor,
    id: DocumentVersionId,
    (kind, case): (&'static str, Uuid),
) -> Result<Granted, Refused> {
    policy::signed_in(actor)?;
    let version = store::versions_by_ids(txn, &[id]).await?.pop().ok_or(Fault::NotFound)?;
    let entry = Entry::new("CREATE_CASE_DOWNLOAD").object(kind, case).person(version.owner).detail("document", version.document.global());
    grant(txn, portal, actor, version, entry, "input.documentVersionId").await
}

/// Writes token and trail row; the caller commits.
async fn grant(txn: &impl ConnectionTrait, portal: &Portal, actor: &Actor, version: DocumentVersion, entry: Entry, field: &str) -> Result<Granted, Refused> {
    let person = policy::signed_in(actor)?.person;
    if let Some(code) = version.scan_state.barrier() {
        return Err(Rejection::at(code, field).into());
    }
    let token = portal.env.secret();
    let now = portal.env.now();
    let expires_at = now + DOWNLOAD_LIFE;
    store::insert_token(txn, portal.env.uuid(), token_hash(&token), &FileToken { person, version: version.id }, now, expires_at).await?;
    record(txn, portal, actor, entry.detail("version", version.id.global())).await?;
    Ok(Granted { token, expires_at, version })
}

/// The version that a token lets this caller read.
async fn behind(portal: &Portal, actor: &Actor, token: &str) -> Result<DocumentVersion, Refused> {
    let right = store::token(portal.db.read(), &token_hash(token), portal.env.now()).await?.ok_or(Fault::NotFound)?;
    policy::token_is_for(actor, right.person)?;
    let version = store::versions_by_ids(portal.db.read(), &[right.version]).await?.pop().ok_or(Fault::NotFound)?;
    match version.scan_state.barrier() {
        Some(code) => Err(Rejection::new(code).into()),
        None => Ok(version),
    }
}

/// The version behind a token and its bytes.
///
/// The whole file is read and compared before the first byte is given, so that a damaged one is an error and not half
/// an answer. Errors: [`Fault::NotFound`] for a token that is unknown, expired or another person's, or where the owner's
/// key was erased; [`Fault::Internal`] for a damaged file. Rejections: SCAN_PENDING, FILE_INFECTED.
pub async fn open(portal: &Portal, actor: &Actor, token: &str) -> Result<(DocumentVersion, impl Stream<Item = Result<Bytes, Fault>> + Send + use<>), Refused> {
    let version = behind(portal, actor, token).await?;
    let key = person::keys::data_key(portal, version.owner).await?;
    let (objects, object, size) = (files::store(portal)?, version.object, version.size.unsigned_abs());
    let found = files::verify(&objects, key.clone(), object, size).await.map_err(|e| e.fault(object))?;
    if found != version.sha256 {
        return Err(files::Unreadable::Damaged.fault(object).into());
    }
    let plain = files::read(&objects, key, object, size).await.map_err(|e| e.fault(object))?;
    Ok((version, plain.map_err(move |e| e.fault(object))))
}

/// Who makes previews: one picture at once in the process, so that the memory for it is bounded, and so many that wait.
#[derive(Debug)]
pub struct Previews {
    working: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// Previews that are made or wait.
const PLACES: usize = 16;

impl Default for Previews {
    fn default() -> Self {
        Self { working: Arc::new(Semaphore::new(1)), places: Arc::new(Semaphore::new(PLACES)) }
    }
}

/// The version behind a token and a small JPEG of it, made from the original each time.
///
/// Rejections: PREVIEW_UNAVAILABLE where the type has none, or the picture is too large or damaged; SCAN_PENDING,
/// FILE_INFECTED. Errors: those of [`open`]; [`Fault::RateLimited`] where too many wait.
pub async fn open_preview(portal: &Portal, actor: &Actor, token: &str) -> Result<(DocumentVersion, Vec<u8>), Refused> {
    let version = behind(portal, actor, token).await?;
    let (object, size, kind) = (version.object, version.size.unsigned_abs(), version.media_type);
    if !kind.has_preview() || size > ORIGINAL_MAX {
        return Err(Rejection::new(Code::PreviewUnavailable).into());
    }
    let previews = portal.part::<Previews>()?;
    let place = Arc::clone(&previews.places).try_acquire_owned().map_err(|_| Fault::RateLimited(1))?;
    let working = Arc::clone(&previews.working).acquire_owned().await.map_err(Fault::unavailable)?;
    let key = person::keys::data_key(portal, version.owner).await?;
    let mut plain = std::pin::pin!(files::read(&files::store(portal)?, key, object, size).await.map_err(|e| e.fault(object))?);
    let mut original = Zeroizing::new(Vec::with_capacity(usize::try_from(size).map_err(Fault::internal)?));
    while let Some(bytes) = plain.next().await {
        original.extend_from_slice(&bytes.map_err(|e| e.fault(object))?);
    }
    if Sha256::digest(&*original).as_slice() != version.sha256 {
        return Err(files::Unreadable::Damaged.fault(object).into());
    }
    // The permits go with the work: a caller that leaves does not make room before it has ended.
    let made = tokio::task::spawn_blocking(move || {
        let made = preview::preview(&original, kind);
        drop((original, working, place));
        made
    });
    let made = made.await.map_err(Fault::internal)?;
    Ok((version, made.map_err(|_| Rejection::new(Code::PreviewUnavailable))?))
}

/// The code by which a no to [`open`] is told.
pub fn code_of(refused: &Refused) -> Option<Code> {
    match refused {
        Refused::Rejected(reasons) => reasons.first().map(|r| r.code),
        Refused::Fault(_) => None,
    }
}
