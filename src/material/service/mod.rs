//! Use cases of documents, and what later slices ask.
//!
//! Finders without an actor decide nothing about who may read: the service that calls them has done so.

pub mod download;
pub mod files;
pub mod scan;
pub mod sweep;
pub mod upload;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::catalogue::model::bundle::talent_class;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{DocumentId, DocumentVersionId, PersonId, TypedId as _};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::material::model::document::{Document, DocumentVersion};
use crate::material::{policy, store};
use crate::person::service as person;
use crate::portal::Portal;
use crate::talent::service::{Register, evidence_among};

/// Kind of object in trail and outbox.
pub const OBJECT: &str = "DOCUMENT";
/// Order of the list of documents.
pub const ORDER: &str = "documents";

/// Where the name of a file lies.
const fn title_place(id: DocumentId) -> Place {
    Place::new("document", "title_sealed", id.0)
}

/// The caller's documents, newest first; those of one kind if asked.
///
/// Errors: [`Fault::Unauthenticated`], [`Fault::CursorInvalid`].
pub async fn my_documents(portal: &Portal, actor: &Actor, kind: Option<&str>, request: PageRequest) -> Result<Page<Document>, Fault> {
    let member = policy::signed_in(actor)?;
    let after = match request.after.as_deref() {
        None => None,
        Some([key]) => Some(DocumentId::parse_global(key).ok_or(Fault::CursorInvalid)?),
        Some(_) => return Err(Fault::CursorInvalid),
    };
    let owner = person::identities(portal.db.read(), member.person).await?;
    let rows = store::documents_of(portal.db.read(), &owner, kind, after, &request).await?;
    let page = Page::cut(rows, &request, ORDER, |row| vec![row.id.global()]);
    Ok(page.counted(&request, store::count_documents(portal.db.read(), &owner, kind)).await?)
}

/// A document of the caller.
///
/// Errors: [`Fault::Unauthenticated`]; [`Fault::NotFound`] also for another person's.
pub async fn my_document(portal: &Portal, actor: &Actor, id: DocumentId) -> Result<Document, Fault> {
    let member = policy::signed_in(actor)?;
    let owner = person::identities(portal.db.read(), member.person).await?;
    store::document(portal.db.read(), &owner, id).await?.ok_or(Fault::NotFound)
}

/// A version of a document of the caller.
///
/// Errors: [`Fault::Unauthenticated`]; [`Fault::NotFound`] also for another person's.
pub async fn my_version(portal: &Portal, actor: &Actor, id: DocumentVersionId) -> Result<DocumentVersion, Fault> {
    let member = policy::signed_in(actor)?;
    let owner = person::identities(portal.db.read(), member.person).await?;
    store::versions_of(portal.db.read(), &owner, &[id]).await?.pop().ok_or(Fault::NotFound)
}

/// The name that the owner gave the file. Only she reads it: for others there is none.
pub async fn title(portal: &Portal, actor: &Actor, document: &Document) -> Result<Option<String>, Fault> {
    let (Some(sealed), Some(reader)) = (&document.title_sealed, actor.person()) else { return Ok(None) };
    if reader != document.owner && person::resolve(portal.db.read(), document.owner).await? != reader {
        return Ok(None);
    }
    let key = person::keys::data_key(portal, document.owner).await?;
    let plain = key.open(title_place(document.id), sealed).ok_or_else(|| Fault::bug("the name of a file cannot be opened"))?;
    Ok(String::from_utf8(plain.to_vec()).ok())
}

/// What the profile asks about a claim. Registered in `app`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claims;

#[async_trait]
impl Register for Claims {
    fn is_category(&self, code: &str) -> bool {
        talent_class(code).is_some()
    }

    async fn is_own_document(&self, portal: &Portal, actor: &Actor, document: DocumentId) -> Result<bool, Fault> {
        match my_document(portal, actor, document).await {
            Ok(_) => Ok(true),
            Err(Fault::NotFound) => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

/// A claimed category holds the document that is named as its evidence, with all versions.
#[async_trait]
impl Holder for Claims {
    async fn held(&self, db: &DatabaseConnection, versions: &[DocumentVersion]) -> Result<HashSet<DocumentVersionId>, Fault> {
        let documents: Vec<DocumentId> = versions.iter().map(|version| version.document).collect();
        let named = evidence_among(db, &documents).await?;
        Ok(versions.iter().filter(|version| named.contains(&version.document)).map(|version| version.id).collect())
    }
}

/// Versions by id, for edges whose parent was authorised. Ids that are not there are missing.
pub async fn versions_by_ids(db: &impl ConnectionTrait, ids: &[DocumentVersionId]) -> Result<Vec<DocumentVersion>, Fault> {
    Ok(store::versions_by_ids(db, ids).await?)
}

/// All versions of documents, oldest first, for edges whose parent was authorised. One statement.
pub async fn versions_of_documents(db: &impl ConnectionTrait, ids: &[DocumentId]) -> Result<Vec<DocumentVersion>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(store::versions_of_documents(db, ids).await?)
}

/// Knows what holds versions that are not handed in yet, such as a draft. Later slices implement it, and `app` registers it.
#[async_trait]
pub trait Holder: Send + Sync {
    /// Those of the versions that are held, so that they are not swept. One statement.
    async fn held(&self, db: &DatabaseConnection, versions: &[DocumentVersion]) -> Result<HashSet<DocumentVersionId>, Fault>;
}

/// The registered holders, a part of the portal.
#[derive(Clone, Default)]
pub struct Holders(Vec<Arc<dyn Holder>>);

impl std::fmt::Debug for Holders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Holders({})", self.0.len())
    }
}

impl Holders {
    /// Adds a holder.
    #[must_use]
    pub fn with(mut self, holder: Arc<dyn Holder>) -> Self {
        self.0.push(holder);
        self
    }
}

/// Those of the versions that a person may hand in, whose ids `owner` are: hers and not infected. Which kind a material
/// wants, [`DocumentVersion::is_usable`] tells.
pub async fn usable_versions(db: &impl ConnectionTrait, owner: &[PersonId], ids: &[DocumentVersionId]) -> Result<Vec<DocumentVersion>, Fault> {
    let mut versions = store::versions_of(db, owner, ids).await?;
    versions.retain(|version| version.is_usable(owner, None));
    Ok(versions)
}

/// Marks versions of a person, whose ids `owner` are, as handed in, so that they count as waiting no more and are not
/// swept. In the transaction that hands them in.
///
/// Errors: [`Code::MaterialUnusable`] at `field` where one is not hers, infected, or swept meanwhile.
pub async fn attach(txn: &impl ConnectionTrait, portal: &Portal, owner: &[PersonId], ids: &[DocumentVersionId], field: &str) -> Result<(), Refused> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let attached = store::attach(txn, owner, &ids, portal.env.now()).await?;
    if attached == ids.len() as u64 { Ok(()) } else { Err(Rejection::at(Code::MaterialUnusable, field).into()) }
}
