//! The inbox of the caller.

use uuid::Uuid;

use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::NoticeId;
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::{Code, Rejection};
use crate::notice::{policy, store};
use crate::person::service as persons;
use crate::portal::Portal;

/// A notice as stored, for its reader.
pub type Notice = store::NoticeRow;

/// Order of the inbox, newest first.
pub const INBOX_ORDER: &str = "inbox";
/// The most notices that are named at once.
pub const NAMED_MAX: usize = 100;

/// The caller's notices, newest first, all or the unread ones.
pub async fn my_notices(portal: &Portal, actor: &Actor, unread: bool, request: PageRequest) -> Result<Page<Notice>, Fault> {
    let member = policy::signed_in(actor)?;
    let db = portal.db.read();
    let persons = persons::identities(db, member.person).await?;
    let before = request.after.as_deref().and_then(|keys| keys.first());
    let before = before.map(|key| Uuid::try_parse(key).map_err(|_| Fault::CursorInvalid)).transpose()?;
    let rows = store::notices_page(db, &persons, unread, before, request.limit()).await?;
    let page = Page::cut(rows, &request, INBOX_ORDER, |row| vec![row.id.0.to_string()]);
    Ok(page.counted(&request, store::count_notices(db, &persons, unread)).await?)
}

/// How many of the caller's notices are unread, up to 10000.
pub async fn unread(portal: &Portal, actor: &Actor) -> Result<u64, Fault> {
    let member = policy::signed_in(actor)?;
    let persons = persons::identities(portal.db.read(), member.person).await?;
    Ok(store::count_notices(portal.db.read(), &persons, true).await?)
}

/// Marks notices of the caller as read, those named or all; gives how many are unread afterwards. One that was read before
/// stays as it is.
///
/// Refuses with [`Code::NotFound`] for each that is none of hers, and then marks none.
pub async fn mark_read(portal: &Portal, actor: &Actor, ids: Option<Vec<NoticeId>>) -> Result<u64, Refused> {
    let member = policy::signed_in(actor)?;
    let txn = portal.db.begin_write().await?;
    let persons = persons::identities(&txn, member.person).await?;
    if let Some(ids) = &ids {
        let own = store::own_notices(&txn, &persons, ids).await?;
        let strange = ids.iter().enumerate().filter(|(_, id)| !own.contains(id));
        let noes: Vec<Rejection> = strange.map(|(at, _)| Rejection::at(Code::NotFound, &format!("input.noticeIds.{at}"))).collect();
        if !noes.is_empty() {
            return Err(Refused::Rejected(noes));
        }
    }
    let marked = store::mark_read(&txn, &persons, ids.as_deref(), portal.env.now()).await?;
    let left = store::count_notices(&txn, &persons, true).await?;
    audit::record(&txn, portal, actor, Entry::new("MARK_NOTICES_READ").person(member.person).detail("notices", marked.to_string())).await?;
    portal.commit(txn).await?;
    Ok(left)
}
