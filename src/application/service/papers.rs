//! The papers of a case: opened by the staff who work on it, and their originals compared.

use std::collections::HashSet;

use async_trait::async_trait;
use sea_orm::{DatabaseConnection, DatabaseTransaction};

use crate::application::model::case::State;
use crate::application::policy::{self, Standing};
use crate::application::service::engine::{self, Loaded};
use crate::application::store;
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ApplicationId, DocumentVersionId, TypedId};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::Role;
use crate::material::model::document::DocumentVersion;
use crate::material::service::Holder;
use crate::material::service::download::{self, Granted};
use crate::organisation::service as organisation;
use crate::portal::Portal;

/// A paper of a case.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    /// The case.
    pub application: ApplicationId,
    /// The version that is bound to it.
    pub version: DocumentVersionId,
}

/// Loads the case for staff and finds the paper in it; NOT_FOUND for everybody else, and for a version of another case.
async fn begin(portal: &Portal, actor: &Actor, paper: Paper) -> Result<(DatabaseTransaction, Loaded), Refused> {
    policy::signed_in(actor)?;
    let calendar = organisation::calendar(portal).await?;
    let txn = portal.db.begin_write().await?;
    let loaded = engine::load(portal, &txn, &calendar, actor, paper.application).await?;
    policy::may_read_papers(&loaded.standing)?;
    // Nothing is handed in yet.
    if loaded.row.state == State::Draft {
        return Err(Fault::NotFound.into());
    }
    let bound = store::materials_of(&txn, &[paper.application]).await?;
    if !bound.iter().any(|row| row.document_version_id == Some(paper.version)) {
        return Err(Rejection::at(Code::NotFound, "input.documentVersionId").into());
    }
    Ok((txn, loaded))
}

/// A link to a paper of a case for the staff of its unit; the trail names the case.
///
/// Rejections: NOT_FOUND, SCAN_PENDING, FILE_INFECTED at `input.documentVersionId`. Errors: [`Fault::NotFound`] for
/// whoever does not work on the case.
pub async fn create_download(portal: &Portal, actor: &Actor, paper: Paper) -> Result<Granted, Refused> {
    let (txn, _) = begin(portal, actor, paper).await?;
    let granted = download::create_download_for(&txn, portal, actor, paper.version, ("APPLICATION", paper.application.uuid())).await?;
    portal.commit(txn).await?;
    Ok(granted)
}

/// Records that a window officer compared a paper with its original. Once is enough: the first officer and time stay.
/// The version of the case does not change, since nothing else of it does.
///
/// Rejections: NOT_FOUND at `input.documentVersionId`; NOT_ENTITLED where the caller is no window officer of a unit of the case;
/// WRONG_STATE where it is closed; CONFLICT where another version than `expected_version` is stored.
pub async fn mark_original_seen(portal: &Portal, actor: &Actor, paper: Paper, expected_version: i64) -> Result<ApplicationId, Refused> {
    let person = policy::signed_in(actor)?.person;
    let (txn, loaded) = begin(portal, actor, paper).await?;
    let row = &loaded.row;
    let Standing { roles, received, .. } = &loaded.standing;
    if !roles.iter().chain(received).any(|role| *role == Role::WindowOfficer) {
        return Err(Rejection::new(Code::NotEntitled).into());
    }
    if row.state.is_closed() {
        return Err(Rejection::new(Code::WrongState).into());
    }
    if !loaded.case.is_seen(expected_version) {
        return Err(engine::conflict(&txn, paper.application).await?);
    }
    let now = portal.env.now();
    if store::mark_original_seen(&txn, paper.application, paper.version, person, now).await? > 0 {
        let entry = Entry::new("MARK_ORIGINAL_SEEN").object("APPLICATION", row.id.uuid()).person(row.applicant_person_id);
        audit::record(&txn, portal, actor, entry.detail("version", paper.version.global())).await?;
        engine::tell(portal, &txn, &loaded, None, None).await?;
        portal.commit(txn).await?;
    }
    Ok(paper.application)
}

/// Drafts and cases hold the documents that are bound to them.
#[derive(Clone, Copy, Debug)]
pub struct BoundPapers;

#[async_trait]
impl Holder for BoundPapers {
    async fn held(&self, db: &DatabaseConnection, versions: &[DocumentVersion]) -> Result<HashSet<DocumentVersionId>, Fault> {
        let ids: Vec<DocumentVersionId> = versions.iter().map(|version| version.id).collect();
        Ok(store::bound_versions(db, &ids).await?)
    }
}
