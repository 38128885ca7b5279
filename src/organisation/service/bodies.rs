//! Bodies: made by the system administrator, listed for who is signed in.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::code::Verification;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{BodyId, TypedId as _};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::text::Language;
use crate::kernel::uscc::{Uscc, UsccWarning};
use crate::organisation::model::body::{Body, BodyKind, NewBody};
use crate::organisation::model::name::parse_name;
use crate::organisation::policy;
use crate::organisation::store::{self, Written};
use crate::portal::Portal;

/// Kind of object in trail and outbox.
pub const OBJECT: &str = "BODY";
/// Order of the list of bodies.
pub const BODY_ORDER: &str = "body";

/// A body as an administrator describes it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CreateBody {
    /// What it is to the portal.
    pub kind: BodyKind,
    /// Wordings of its name.
    pub name: Vec<(Language, String)>,
    /// Unified social credit code as typed.
    pub uscc: Option<String>,
    /// Region (GB/T 2260) where it sits.
    pub region_code: Option<String>,
}

/// A body that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedBody {
    /// The body.
    pub body: Body,
    /// What is unusual about its code, which was kept all the same.
    pub warnings: Vec<UsccWarning>,
}

/// Makes a body. For the system administrator.
///
/// It is marked REPORTED: nothing shows that its data were read at an official source.
///
/// Rejections: those of the name; `MALFORMED` at `input.uscc`; `NOT_FOUND` at `input.regionCode`; `ALREADY_EXISTS` at
/// `input.uscc` where an open body has the code.
pub async fn create_body(portal: &Portal, actor: &Actor, command: CreateBody, idempotency_key: &str) -> Result<CreatedBody, Refused> {
    policy::system_admin(actor)?;
    let mut problems = Vec::new();
    let name = parse_name(&command.name, "input.name").map_err(|found| problems.extend(found)).ok();
    let uscc = command.uscc.as_deref().filter(|typed| !typed.trim().is_empty()).map(Uscc::parse);
    if uscc == Some(None) {
        problems.push(Rejection::at(Code::Malformed, "input.uscc"));
    }
    let uscc = uscc.flatten();
    let id = BodyId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "createBody", idempotency_key, &command, id.uuid()).await? {
        return created(&txn, made).await;
    }
    if let Some(code) = &command.region_code
        && store::region(&txn, code).await?.is_none()
    {
        problems.push(Rejection::at(Code::NotFound, "input.regionCode"));
    }
    let Some(name) = name.filter(|_| problems.is_empty()) else { return Err(Refused::Rejected(problems)) };
    let new = NewBody {
        kind: command.kind,
        name,
        uscc: uscc.map(|uscc| uscc.as_str().to_owned()),
        region_code: command.region_code,
        verification: Verification::Reported,
    };
    if store::insert_body(&txn, id, new, portal.env.now()).await? == Written::Taken {
        return Err(Rejection::at(Code::AlreadyExists, "input.uscc").into());
    }
    let entry = Entry::new("CREATE_BODY").object(OBJECT, id.uuid()).detail("kind", command.kind.code());
    audit::record(&txn, portal, actor, entry).await?;
    audit::announce(&txn, portal, Message::new("BODY_CREATED", OBJECT, id.uuid())).await?;
    let made = created(&txn, id.uuid()).await?;
    portal.commit(txn).await?;
    Ok(made)
}

async fn created(txn: &impl ConnectionTrait, id: Uuid) -> Result<CreatedBody, Refused> {
    let body = store::body(txn, BodyId::from_uuid(id)).await?.ok_or_else(|| Fault::bug("a body that was made is not found"))?;
    let warnings = body.uscc.as_deref().and_then(Uscc::parse).map(|uscc| uscc.warnings()).unwrap_or_default();
    Ok(CreatedBody { body, warnings })
}

/// A body, closed or not, for anybody who is signed in. One statement.
pub async fn body(portal: &Portal, actor: &Actor, id: BodyId) -> Result<Body, Fault> {
    policy::signed_in(actor)?;
    store::body(portal.db.read(), id).await?.ok_or(Fault::NotFound)
}

/// Open bodies in the order in which they were made, for anybody who is signed in. One statement.
pub async fn bodies(portal: &Portal, actor: &Actor, kind: Option<BodyKind>, request: PageRequest) -> Result<Page<Body>, Fault> {
    policy::signed_in(actor)?;
    let after = match request.after.as_deref().and_then(|keys| keys.first()) {
        Some(key) => Some(BodyId::parse_global(key).ok_or(Fault::CursorInvalid)?),
        None => None,
    };
    let rows = store::bodies_page(portal.db.read(), kind, after, request.limit()).await?;
    let page = Page::cut(rows, &request, BODY_ORDER, |body| vec![body.id.global()]);
    Ok(page.counted(&request, store::count_bodies(portal.db.read(), kind)).await?)
}
