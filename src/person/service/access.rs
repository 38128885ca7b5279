//! Personal data in full: for a stated purpose, limited per hour, and seen by the person concerned.

use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{AccessId, IdentityDocumentId, PersonId, TypedId as _};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::person::model::access::{Access, AccessPurpose, PersonalDataField, check_purpose, wait};
use crate::person::policy::{self, Reader};
use crate::person::service::{dealing, identity, keys, person};
use crate::person::store::{self, NewAccess};
use crate::portal::Portal;

/// Order of the access log in its cursors: newest first.
pub const ORDER: &str = "access";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct RevealPersonalData {
    /// Whose data.
    pub person: PersonId,
    /// What.
    pub field: PersonalDataField,
    /// Of which document.
    pub document: Option<IdentityDocumentId>,
    /// Why.
    pub purpose: AccessPurpose,
    /// In words; staff must say.
    pub reason: String,
}

/// A value in full.
#[derive(Clone)]
pub struct Revealed {
    /// The value as printed.
    pub value: String,
    /// The entry in the access log.
    pub access: AccessId,
}

impl std::fmt::Debug for Revealed {
    // The value must not slip into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revealed").field("access", &self.access).finish_non_exhaustive()
    }
}

/// Shows a value in full, after it was written to the person's access log and to the trail: to herself, and to staff who
/// deal with her ([`dealing::may_reveal`]). An agent never sees it, whatever her mandate.
///
/// Errors: [`Fault::NotFound`] for who may not, [`Fault::RateLimited`] past the setting per hour. Rejections:
/// `NOT_ALLOWED` (purpose), `REASON_REQUIRED`, `TOO_LONG`, `REQUIRED` and `NOT_FOUND` (document).
pub async fn reveal_personal_data(portal: &Portal, actor: &Actor, command: RevealPersonalData) -> Result<Revealed, Refused> {
    let member = policy::signed_in(actor)?;
    let person = person(portal, command.person).await?;
    let staff = match dealing::may_reveal(portal, actor, &person).await? {
        Reader::Own => None,
        Reader::Staff(dealt) => Some(dealt),
    };
    let reason = check_purpose(staff.map(|dealt| dealt.tie), command.purpose, &command.reason);
    let document = match command.field {
        PersonalDataField::IdentityDocumentNumber => command.document.ok_or_else(|| Rejection::at(Code::Required, "input.identityDocumentId")),
    };
    let (reason, document) = match (reason, document) {
        (Ok(reason), Ok(document)) => (reason, document),
        (reason, document) => return Err(Refused::Rejected(reason.err().into_iter().flatten().chain(document.err()).collect())),
    };
    let row = store::document(portal.db.read(), person.id, document).await?.ok_or_else(|| Rejection::at(Code::NotFound, "input.identityDocumentId"))?;
    let value = identity::open(&row, &keys::data_key(portal, row.person).await?)?.display();
    let (id, now) = (AccessId::new(&portal.env), portal.env.now());
    let reason_sealed = match reason {
        Some(reason) => Some(keys::ensure_key(portal, person.id).await?.seal(&portal.env, place(id), reason.as_bytes())),
        None => None,
    };
    let role = staff.map(|dealt| dealt.role);

    let txn = portal.db.begin_write().await?;
    // One after the other for one officer, so that the count holds.
    store::lock_persons(&txn, &[member.person]).await?;
    let limit = portal.settings.reveals_per_hour;
    let looks = store::looks_since(&txn, member.person, now - chrono::Duration::hours(1), u64::from(limit)).await?;
    if let Some(seconds) = wait(&looks, limit, now) {
        return Err(Fault::RateLimited(seconds).into());
    }
    let access = NewAccess {
        id,
        person: person.id,
        actor: member.person,
        role,
        field: command.field,
        document: Some(document),
        purpose: command.purpose,
        reason_sealed,
        request_id: actor.request_id.clone(),
        at: now,
    };
    store::insert_access(&txn, access).await?;
    let entry = Entry::new("REVEAL_PERSONAL_DATA")
        .object("IDENTITY_DOCUMENT", document.uuid())
        .person(person.id)
        .detail("field", command.field.code())
        .detail("purpose", command.purpose.code())
        .detail("access", id.global());
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(Revealed { value, access: id })
}

/// Who looked at a person's data in full, newest first; for herself only.
pub async fn access_log(portal: &Portal, actor: &Actor, person: PersonId, request: &PageRequest) -> Result<Page<Access>, Fault> {
    policy::own(actor, person)?;
    let before = match &request.after {
        None => None,
        Some(keys) => Some(keys.first().and_then(|key| AccessId::parse_global(key)).ok_or(Fault::CursorInvalid)?),
    };
    let rows = store::accesses(portal.db.read(), person, before, request.limit()).await?;
    let mut owners: Vec<PersonId> = rows.iter().filter(|row| row.reason_sealed.is_some()).map(|row| row.person_id).collect();
    owners.sort_unstable();
    owners.dedup();
    let keys = keys::data_keys(portal, &owners).await?;
    let shown = rows
        .into_iter()
        .map(|row| {
            let reason = match &row.reason_sealed {
                None => None,
                Some(sealed) => {
                    let key = keys.get(&row.person_id).ok_or(Fault::NotFound)?;
                    let plain = key.open(place(row.id), sealed).ok_or_else(|| Fault::bug("a sealed reason does not open"))?;
                    Some(std::str::from_utf8(&plain).map_err(Fault::internal)?.to_owned())
                }
            };
            Ok(Access {
                id: row.id,
                person: row.person_id,
                actor: row.actor_id,
                role: row.role,
                field: row.field,
                document: row.document_id,
                purpose: row.purpose,
                reason,
                at: row.at,
            })
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    let page = Page::cut(shown, request, ORDER, |access| vec![access.id.global()]);
    Ok(page.counted(request, store::count_accesses(portal.db.read(), person)).await?)
}

fn place(id: AccessId) -> Place {
    Place::new("access_log", "reason_sealed", id.uuid())
}
