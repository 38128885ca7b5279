//! Downloads: a short-lived token of one person, and the bytes behind it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{Stream, TryStreamExt as _};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::files;
use crate::audit::model::Entry;
use crate::audit::service::record;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{DocumentVersionId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::token_hash;
use crate::material::model::document::DocumentVersion;
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

/// The version behind a token and its bytes.
///
/// The whole file is read and compared before the first byte is given, so that a damaged one is an error and not half
/// an answer. Errors: [`Fault::NotFound`] for a token that is unknown, expired or another person's, or where the owner's
/// key was erased; [`Fault::Internal`] for a damaged file. Rejections: SCAN_PENDING, FILE_INFECTED.
pub async fn open(portal: &Portal, actor: &Actor, token: &str) -> Result<(DocumentVersion, impl Stream<Item = Result<Bytes, Fault>> + Send + use<>), Refused> {
    let right = store::token(portal.db.read(), &token_hash(token), portal.env.now()).await?.ok_or(Fault::NotFound)?;
    policy::token_is_for(actor, right.person)?;
    let version = store::versions_by_ids(portal.db.read(), &[right.version]).await?.pop().ok_or(Fault::NotFound)?;
    if let Some(code) = version.scan_state.barrier() {
        return Err(Rejection::new(code).into());
    }
    let key = person::keys::data_key(portal, version.owner).await?;
    let (objects, object, size) = (files::store(portal)?, version.object, version.size.unsigned_abs());
    let found = files::verify(&objects, key.clone(), object, size).await.map_err(|e| e.fault(object))?;
    if found != version.sha256 {
        return Err(files::Unreadable::Damaged.fault(object).into());
    }
    let plain = files::read(&objects, key, object, size).await.map_err(|e| e.fault(object))?;
    Ok((version, plain.map_err(move |e| e.fault(object))))
}

/// The code by which a no to [`open`] is told.
pub fn code_of(refused: &Refused) -> Option<Code> {
    match refused {
        Refused::Rejected(reasons) => reasons.first().map(|r| r.code),
        Refused::Fault(_) => None,
    }
}
