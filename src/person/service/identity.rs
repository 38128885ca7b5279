//! Identity documents: claimed by a person, verified by an officer who reads the original, and what follows from it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{IdentityDocumentId, PersonId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::{Assurance, Role};
use crate::kernel::seal::{Place, SecretKey};
use crate::person::model::access::wait;
use crate::person::model::country::Country;
use crate::person::model::dealing::{AttendanceKind, REFUSALS_PER_HOUR};
use crate::person::model::document::{BirthTold, DocumentNumber, IdentityDocumentKind, NumberWarning};
use crate::person::model::identity::{DOCUMENTS_MAX, IdentityDocument, StoredDocument, agrees, check_validity, contradicts, merge, same_name, stay_until};
use crate::person::model::profile::{Person, PersonInput, PersonName, complete};
use crate::person::policy;
use crate::person::service::merge::MergeFollowers;
use crate::person::service::profile::conflict;
use crate::person::service::{OBJECT, dealing, index_of, keys, lock_person, person_in};
use crate::person::store::{self, Written};
use crate::portal::Portal;

/// The documents of a person, numbers masked, for herself and for staff who deal with her.
pub async fn documents(portal: &Portal, actor: &Actor, person: &Person) -> Result<Vec<IdentityDocument>, Fault> {
    dealing::may_read(portal, actor, person).await?;
    let rows = store::documents(portal.db.read(), person.id).await?;
    let mut owners: Vec<PersonId> = rows.iter().map(|row| row.person).collect();
    owners.sort_unstable();
    owners.dedup();
    let keys = keys::data_keys(portal, &owners).await?;
    rows.iter().map(|row| show(row, keys.get(&row.person).ok_or(Fault::NotFound)?)).collect()
}

/// The kinds of which a person has a verified document. For rules.
pub async fn verified_kinds(portal: &Portal, person: PersonId) -> Result<Vec<IdentityDocumentKind>, Fault> {
    kinds_verified(portal.db.read(), person).await
}

/// The same by a connection of the caller's, for example a transaction.
pub async fn kinds_verified(db: &impl ConnectionTrait, person: PersonId) -> Result<Vec<IdentityDocumentKind>, Fault> {
    let mut kinds: Vec<_> = store::documents(db, person).await?.iter().filter(|d| d.verified_at.is_some()).map(|d| d.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

/// Until when the travel or residence document is valid on which a person stays, as an officer read it: see [`stay_until`].
pub async fn permit_until(db: &impl ConnectionTrait, person: PersonId) -> Result<Option<NaiveDate>, Fault> {
    Ok(stay_until(&store::documents(db, person).await?))
}

/// A document that a person claims to hold.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AddDocument {
    /// Kind.
    pub kind: IdentityDocumentKind,
    /// The number as typed.
    pub document_number: String,
    /// Issuing state of a passport.
    pub issuing_state: Option<String>,
    /// First day of validity.
    pub valid_from: Option<NaiveDate>,
    /// Last day of validity.
    pub valid_until: Option<NaiveDate>,
}

/// A document that was added, and what is unusual about its number.
#[derive(Clone, Debug)]
pub struct Added {
    /// The document.
    pub document: IdentityDocument,
    /// What is unusual.
    pub warnings: Vec<NumberWarning>,
}

/// Adds a document that the caller claims to hold; an officer verifies it later.
///
/// Nothing is said about others who claim the same number. Rejections: those of the number; `IN_FUTURE`,
/// `PERIOD_REVERSED`; `ALREADY_EXISTS` for a number that she has already; `TOO_MANY`.
pub async fn add_document(portal: &Portal, actor: &Actor, command: AddDocument, idempotency_key: &str) -> Result<Added, Refused> {
    let own = policy::signed_in(actor)?.person;
    let number = read_number(portal, &command)?;
    let key = keys::ensure_key(portal, own).await?;
    let id = IdentityDocumentId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "addIdentityDocument", idempotency_key, &command, id.uuid()).await? {
        let row = store::document(&txn, own, IdentityDocumentId::from_uuid(made)).await?.ok_or(Fault::NotFound)?;
        return Ok(Added { document: show(&row, &keys::data_key(portal, row.person).await?)?, warnings: number.warnings() });
    }
    lock_person(&txn, own).await?;
    let present = store::documents(&txn, own).await?;
    if present.len() >= DOCUMENTS_MAX {
        return Err(Rejection::new(Code::TooMany).number("max", 20).into());
    }
    let row = record_of(portal, &key, id, own, &number, &command);
    let exists = || Refused::from(Rejection::at(Code::AlreadyExists, "input.documentNumber"));
    if present.iter().any(|p| p.kind == row.kind && p.number_index == row.number_index) {
        return Err(exists());
    }
    if store::insert_document(&txn, row.clone()).await? == Written::Taken {
        return Err(exists());
    }
    let entry = Entry::new("ADD_IDENTITY_DOCUMENT").object("IDENTITY_DOCUMENT", id.uuid()).person(own).detail("kind", row.kind.code());
    audit::record(&txn, portal, actor, entry).await?;
    let document = show(&row, &key)?;
    portal.commit(txn).await?;
    Ok(Added { document, warnings: number.warnings() })
}

/// Removes a document of the caller's own that nobody has verified. Answers its id.
///
/// Rejections: `NOT_FOUND`; `DOCUMENT_VERIFIED`.
pub async fn remove_document(portal: &Portal, actor: &Actor, id: IdentityDocumentId) -> Result<IdentityDocumentId, Refused> {
    let own = policy::signed_in(actor)?.person;
    let txn = portal.db.begin_write().await?;
    let row = store::document(&txn, own, id).await?.ok_or_else(|| Rejection::at(Code::NotFound, "input.identityDocumentId"))?;
    if row.verified_at.is_some() || !store::delete_claimed_document(&txn, id).await? {
        return Err(Rejection::at(Code::DocumentVerified, "input.identityDocumentId").into());
    }
    audit::record(&txn, portal, actor, Entry::new("REMOVE_IDENTITY_DOCUMENT").object("IDENTITY_DOCUMENT", id.uuid()).person(own)).await?;
    portal.commit(txn).await?;
    Ok(id)
}

/// How many originals an officer compares in an hour. Each try counts, since each answers whether a number is somebody's.
#[async_trait]
pub trait OfficerLimit: Send + Sync {
    /// Takes a try. Errors: [`Fault::RateLimited`] with the seconds to wait.
    async fn take(&self, portal: &Portal, officer: PersonId) -> Result<(), Fault>;
}

/// The limit that is in force, a part of the portal: a later slice keeps limits, `app` registers it.
pub struct VerifyLimit(pub Arc<dyn OfficerLimit>);

/// What an officer reads from an original.
#[derive(Clone, Debug)]
pub struct VerifyIdentity {
    /// The person at the counter.
    pub person: PersonId,
    /// The document that she claims; then the number must be the claimed one.
    pub document: Option<IdentityDocumentId>,
    /// What is read from the original.
    pub original: AddDocument,
    /// The name as read from it, in Chinese characters, in Latin letters or both, where the officer typed it.
    pub name: PersonName,
    /// The version of the person that the officer saw.
    pub expected_version: Option<i64>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The person: the one asked about, or who she turned out to be.
    pub person: Person,
    /// The verified document.
    pub document: IdentityDocument,
    /// The id that redirects to `person` from now on.
    pub merged: Option<PersonId>,
    /// What is unusual about the number.
    pub warnings: Vec<NumberWarning>,
}

/// Verifies an identity document that the officer reads from the original (人工核验).
///
/// The number is compared by blind index, so nothing is unmasked. The person reaches [`Assurance::L2`]. If the number is
/// verified for somebody else, both become one where that is possible: see [`merge`].
///
/// Any window officer may, for any person but herself: whoever comes to a window comes without a case, and the number on
/// the original is the proof that she is there. So that nobody guesses a number, an original that does not fit is
/// written to the trail as refused, and an officer has only so many of them per hour ([`Fault::RateLimited`]). Who had
/// the original before her may read the person for some days ([`dealing::may_read`]), to open a case for her.
///
/// A name that was read and that the portal does not know yet is the person's from now on.
///
/// Rejections: those of the number and of the names; `NOT_FOUND` for person or document; `CONFLICT`; `OWN_CASE` (nobody verifies
/// herself); `DOCUMENT_MISMATCH` (not the claimed number, or birth date, sex or another verified number contradict);
/// `DOCUMENT_EXPIRED`; `NAME_MISMATCH` (the name read is not that of the person, or of whom she would be merged with);
/// `DOCUMENT_TAKEN`; `MERGE_IMPOSSIBLE`. Past the limit of an officer's hour: [`Fault::RateLimited`].
pub async fn verify_identity(portal: &Portal, actor: &Actor, command: VerifyIdentity) -> Result<Verified, Refused> {
    let officer = policy::window_officer(actor)?.person;
    portal.part::<VerifyLimit>()?.0.take(portal, officer).await?;
    let number = read_number(portal, &command.original)?;
    if command.original.valid_until.is_some_and(|until| until < portal.env.today()) {
        return Err(Rejection::at(Code::DocumentExpired, "input.validUntil").into());
    }
    let (name_zh, name_latin) = (command.name.zh.clone(), command.name.latin.clone());
    let read = PersonInput { name_zh, name_latin, ..PersonInput::default() }.parse("input", portal.env.today()).map_err(Refused::Rejected)?.name;
    let validity = (command.original.valid_from, command.original.valid_until);
    let index = index_of(portal, &number);
    let nobody = || Refused::from(Rejection::at(Code::NotFound, "input.personId"));
    let asked = store::person(portal.db.read(), command.person).await?.ok_or_else(nobody)?;
    if asked.id == officer {
        return Err(Rejection::at(Code::OwnCase, "input.personId").into());
    }
    let key = keys::ensure_key(portal, asked.id).await?;

    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    let holder = store::verified_document(&txn, number.kind(), &index).await?;
    let holder_id = match &holder {
        Some(document) => Some(person_in(&txn, document.person).await?.id).filter(|id| *id != asked.id),
        None => None,
    };
    // The officer too, so that the count of her refusals holds.
    let mut locked = store::lock_persons(&txn, &[asked.id, officer].into_iter().chain(holder_id).collect::<Vec<_>>()).await?;
    let refusals = store::refusals_since(&txn, officer, now - chrono::Duration::hours(1), u64::from(REFUSALS_PER_HOUR)).await?;
    if let Some(seconds) = wait(&refusals, REFUSALS_PER_HOUR, now) {
        return Err(Fault::RateLimited(seconds).into());
    }
    let mut take = |id: PersonId| locked.iter().position(|p| p.id == id).map(|at| locked.swap_remove(at));
    let person = take(asked.id).ok_or_else(nobody)?;
    let other = holder_id.and_then(take);
    // Somebody merged one of them between the look and the lock, or the officer saw another version.
    let stale = person.merged_into.or(other.as_ref().and_then(|o| o.merged_into)).is_some();
    let expected = command.expected_version.unwrap_or(person.version);
    if stale || expected != person.version {
        return Err(conflict(&txn, &person, expected).await?.into());
    }
    if holder_id == Some(officer) {
        return Err(refuse(txn, portal, actor, person.id, Rejection::at(Code::DocumentTaken, "input.documentNumber")).await);
    }
    let documents = store::documents(&txn, person.id).await?;
    if let Err(reason) = compare(&command, &person, &documents, &number, &index) {
        return Err(refuse(txn, portal, actor, person.id, reason).await);
    }
    if let Some(reason) = std::iter::once(&person).chain(&other).find_map(|known| same_name(&read, known).err()) {
        return Err(refuse(txn, portal, actor, person.id, reason).await);
    }
    let mut changed = vec!["identityDocuments"];
    let mut merged = None;
    let (survivor, row) = match (holder, other) {
        (Some(row), None) => (person, verify_again(&txn, row, officer, validity, now).await?),
        (Some(row), Some(other)) => {
            let decided = match merge(&person, &other, (&verified_of(&documents), &verified_of(&store::documents(&txn, other.id).await?))) {
                Ok(decided) => decided,
                Err(reason) => return Err(refuse(txn, portal, actor, person.id, reason).await),
            };
            let claimed = documents.iter().find(|d| d.kind == row.kind && d.number_index == index);
            let (survivor, absorbed) = if decided.survivor == person.id { (person, other) } else { (other, person) };
            if let Some(claimed) = claimed {
                store::delete_claimed_document(&txn, claimed.id).await?;
            }
            absorb(&txn, portal, absorbed.clone(), survivor.id).await?;
            merged = Some(absorbed.id);
            let change = complete(&survivor, &absorbed);
            changed.extend(change.changed);
            let row = verify_again(&txn, row, officer, validity, now).await?;
            (Person { assurance: survivor.assurance.max(absorbed.assurance), ..change.person }, row)
        }
        (None, _) => {
            let verified = |row: StoredDocument| {
                let (valid_from, valid_until) = validity;
                StoredDocument { verified_at: Some(now), verified_by: Some(officer), valid_from, valid_until, ..row }
            };
            let claimed = documents.into_iter().find(|d| d.kind == number.kind() && d.number_index == index);
            let row = if let Some(claimed) = claimed {
                (store::mark_verified(&txn, claimed.id, officer, validity, now).await?, verified(claimed))
            } else {
                let row = verified(record_of(portal, &key, IdentityDocumentId::new(&portal.env), person.id, &number, &command.original));
                (store::insert_document(&txn, row.clone()).await?, row)
            };
            match row {
                (Written::Done, row) => (person, row),
                (Written::Taken, _) => return Err(Rejection::at(Code::DocumentTaken, "input.documentNumber").into()),
                // Its holder removed the claim while the officer looked; she asks anew and sees what is there.
                (Written::Gone, _) => return Err(conflict(&txn, &person, expected).await?.into()),
            }
        }
    };
    let (survivor, learnt) = learn(survivor, &number, read);
    changed.extend(learnt);
    let id = survivor.id;
    if !store::update_person(&txn, survivor, &changed, Some(Role::WindowOfficer), now).await? {
        return Err(conflict(&txn, &person_in(&txn, id).await?, expected).await?.into());
    }
    dealing::attend(&txn, portal, id, officer, AttendanceKind::Verified).await?;
    let mut entry = Entry::new("VERIFY_IDENTITY").object(OBJECT, id.uuid()).person(id).detail("document", row.id.global()).detail("kind", row.kind.code());
    audit::announce(&txn, portal, Message::new("PERSON_CHANGED", OBJECT, id.uuid())).await?;
    if let Some(merged) = merged {
        entry = entry.detail("merged", merged.global());
        audit::announce(&txn, portal, Message::new("PERSON_MERGED", OBJECT, merged.uuid()).data(serde_json::json!({ "into": id.global() }))).await?;
    }
    audit::record(&txn, portal, actor, entry).await?;
    let person = person_in(&txn, id).await?;
    let document = show(&row, &keys::data_key(portal, row.person).await?)?;
    portal.commit(txn).await?;
    Ok(Verified { person, document, merged, warnings: number.warnings() })
}

/// Writes down that an original did not fit, and gives the no for the officer.
async fn refuse(txn: DatabaseTransaction, portal: &Portal, actor: &Actor, person: PersonId, reason: Rejection) -> Refused {
    let written = async {
        let officer = policy::window_officer(actor)?.person;
        dealing::attend(&txn, portal, person, officer, AttendanceKind::Refused).await?;
        audit::record(&txn, portal, actor, Entry::new("VERIFY_IDENTITY").object(OBJECT, person.uuid()).person(person).refused(reason.code.code())).await?;
        portal.commit(txn).await
    };
    match written.await {
        Ok(()) => reason.into(),
        Err(fault) => fault.into(),
    }
}

/// Number and validity as typed; every problem at once.
fn read_number(portal: &Portal, typed: &AddDocument) -> Result<DocumentNumber, Refused> {
    let today = portal.env.today();
    let mut problems = check_validity(typed.valid_from, typed.valid_until, today, "input");
    match DocumentNumber::parse(typed.kind, &typed.document_number, typed.issuing_state.as_deref(), today) {
        Ok(number) if problems.is_empty() => Ok(number),
        Ok(_) => Err(Refused::Rejected(problems)),
        Err(fault) => {
            problems.insert(0, fault.rejection("input"));
            Err(Refused::Rejected(problems))
        }
    }
}

/// Whether the original is the claimed document, and agrees with what is known of the person.
fn compare(command: &VerifyIdentity, person: &Person, documents: &[StoredDocument], number: &DocumentNumber, index: &[u8]) -> Result<(), Rejection> {
    let mismatch = Rejection::at(Code::DocumentMismatch, "input.documentNumber");
    if let Some(id) = command.document {
        let claimed = documents.iter().find(|d| d.id == id).ok_or_else(|| Rejection::at(Code::NotFound, "input.identityDocumentId"))?;
        if claimed.kind != number.kind() || claimed.number_index != index {
            return Err(mismatch);
        }
    }
    if agrees(person, number) && !contradicts(documents, number.kind(), index) { Ok(()) } else { Err(mismatch) }
}

/// A verified document whose original was read again: a renewed permit keeps its number and has other dates.
async fn verify_again(
    txn: &DatabaseTransaction,
    row: StoredDocument,
    officer: PersonId,
    (from, until): (Option<NaiveDate>, Option<NaiveDate>),
    now: DateTime<Utc>,
) -> Result<StoredDocument, Refused> {
    if (from.is_none() && until.is_none()) || (from, until) == (row.valid_from, row.valid_until) {
        return Ok(row);
    }
    match store::mark_verified(txn, row.id, officer, (from, until), now).await? {
        Written::Done => Ok(StoredDocument { verified_at: Some(now), verified_by: Some(officer), valid_from: from, valid_until: until, ..row }),
        Written::Taken | Written::Gone => Err(Fault::bug("a verified document changed or vanished").into()),
    }
}

fn verified_of(documents: &[StoredDocument]) -> Vec<StoredDocument> {
    documents.iter().filter(|d| d.verified_at.is_some()).cloned().collect()
}

/// Lets one person, and everybody who redirects to her, redirect to the survivor.
async fn absorb(txn: &DatabaseTransaction, portal: &Portal, absorbed: Person, survivor: PersonId) -> Result<(), Refused> {
    let id = absorbed.id;
    let redirected = Person { merged_into: Some(survivor), ..absorbed };
    if !store::update_person(txn, redirected, &["mergedInto"], Some(Role::WindowOfficer), portal.env.now()).await? {
        return Err(Fault::bug("a locked person changed").into());
    }
    store::redirect(txn, id, survivor).await?;
    Ok(portal.part::<MergeFollowers>()?.tell(portal, txn, id, survivor).await?)
}

/// Raises the level and fills in what the number tells, and a name that the officer read and that was not known.
fn learn(person: Person, number: &DocumentNumber, read: PersonName) -> (Person, Vec<&'static str>) {
    let told = number.told();
    let mut learnt = Vec::new();
    let mut person = person;
    if person.assurance < Assurance::L2 {
        person.assurance = Assurance::L2;
        learnt.push("assurance");
    }
    if let (None, Some(BirthTold::Date(date))) = (person.birth_date, told.birth) {
        person.birth_date = Some(date);
        learnt.push("birthDate");
    }
    if person.sex.is_none() && told.sex.is_some() {
        person.sex = told.sex;
        learnt.push("sex");
    }
    for (own, read, field) in [(&mut person.name.zh, read.zh, "nameZh"), (&mut person.name.latin, read.latin, "nameLatin")] {
        if own.is_none() && read.is_some() {
            *own = read;
            learnt.push(field);
        }
    }
    (person, learnt)
}

fn place(id: IdentityDocumentId) -> Place {
    Place::new("identity_document", "number_sealed", id.uuid())
}

/// A row for a number, sealed with the person's key.
fn record_of(portal: &Portal, key: &SecretKey, id: IdentityDocumentId, person: PersonId, number: &DocumentNumber, typed: &AddDocument) -> StoredDocument {
    StoredDocument {
        id,
        person,
        kind: number.kind(),
        issuing_state: number.issuing_state().map(|s| s.as_str().to_owned()),
        number_sealed: key.seal(&portal.env, place(id), number.normalised().as_bytes()),
        number_index: index_of(portal, number),
        issue_count: number.issue_count(),
        valid_from: typed.valid_from,
        valid_until: typed.valid_until,
        verified_at: None,
        verified_by: None,
        created_at: portal.env.now(),
    }
}

/// The number of a row, in full. Only for masks, reveals and re-sealing.
pub fn open(row: &StoredDocument, key: &SecretKey) -> Result<DocumentNumber, Fault> {
    let plain = key.open(place(row.id), &row.number_sealed).ok_or_else(|| Fault::bug("a sealed document number does not open"))?;
    let number = std::str::from_utf8(&plain).map_err(Fault::internal)?.to_owned();
    Ok(DocumentNumber::stored(row.kind, number, row.issuing_state.as_deref().and_then(Country::parse), row.issue_count))
}

fn show(row: &StoredDocument, key: &SecretKey) -> Result<IdentityDocument, Fault> {
    Ok(IdentityDocument {
        id: row.id,
        person: row.person,
        kind: row.kind,
        issuing_state: row.issuing_state.clone(),
        masked_number: open(row, key)?.masked(),
        issue_count: row.issue_count,
        valid_from: row.valid_from,
        valid_until: row.valid_until,
        verified_at: row.verified_at,
        created_at: row.created_at,
    })
}
