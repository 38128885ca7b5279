//! Use cases of the slice. Each is about the caller herself.

pub mod source;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::ConnectionTrait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::audit::model::Entry as TrailEntry;
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{BodyId, DocumentId, EducationId, EmploymentId, FamilyMemberId, PersonId, TalentCategoryId, TypedId};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::{Place, SecretKey};
use crate::person::model::document::Sex;
use crate::person::model::profile::{PersonInput, PersonName};
use crate::person::service::identity::verified_kinds;
use crate::person::service::{self as person, keys};
use crate::portal::Portal;
use crate::talent::model::{
    self, CategoryEntry, ENTRIES_MAX, Education, EducationEntry, Employment, EmploymentEntry, Entry, Fact, Family, FamilyEntry, FamilyRelation, Known,
    TypedMember, owners, parse_category, second_spouse,
};
use crate::talent::policy;
use crate::talent::store::{self, EducationRow, EmploymentRow, FamilyRow, Inserted};

fn place(table: &'static str, row: impl TypedId) -> Place {
    Place::new(table, "details_sealed", row.uuid())
}

fn seal(portal: &Portal, key: &SecretKey, place: Place, details: &impl Serialize) -> Result<Vec<u8>, Fault> {
    Ok(key.seal(&portal.env, place, &serde_json::to_vec(details).map_err(Fault::internal)?))
}

fn open<T: DeserializeOwned>(key: Option<&SecretKey>, place: Place, sealed: &[u8]) -> Result<T, Fault> {
    let plain = key.ok_or(Fault::NotFound)?.open(place, sealed).ok_or_else(|| Fault::bug("a sealed entry of a profile does not open"))?;
    // The words of a decoding error may hold what was sealed.
    serde_json::from_slice(&plain).map_err(|_| Fault::bug("a sealed entry of a profile is not what was written"))
}

fn room(present: usize) -> Result<(), Rejection> {
    if present < ENTRIES_MAX { Ok(()) } else { Err(Rejection::new(Code::TooMany).number("max", 50)) }
}

fn gone(field: &str) -> Refused {
    Rejection::at(Code::NotFound, field).into()
}

/// What a person told about her education.
pub async fn educations(portal: &Portal, actor: &Actor, person: PersonId) -> Result<Vec<EducationEntry>, Fault> {
    policy::own(actor, person)?;
    open_educations(portal, store::educations(portal.db.read(), person).await?).await
}

async fn open_educations(portal: &Portal, rows: Vec<EducationRow>) -> Result<Vec<EducationEntry>, Fault> {
    let keys = keys::data_keys(portal, &owners(&rows, |row| row.person_id)).await?;
    rows.iter().map(|row| Ok(Entry { id: row.id, details: open(keys.get(&row.person_id), place("education", row.id), &row.details_sealed)? })).collect()
}

/// What a person told about her employment.
pub async fn employments(portal: &Portal, actor: &Actor, person: PersonId) -> Result<Vec<EmploymentEntry>, Fault> {
    policy::own(actor, person)?;
    open_employments(portal, store::employments(portal.db.read(), person).await?).await
}

async fn open_employments(portal: &Portal, rows: Vec<EmploymentRow>) -> Result<Vec<EmploymentEntry>, Fault> {
    let keys = keys::data_keys(portal, &owners(&rows, |row| row.person_id)).await?;
    rows.iter()
        .map(|row| {
            let details = open(keys.get(&row.person_id), place("employment", row.id), &row.details_sealed)?;
            Ok(EmploymentEntry { id: row.id, employer: row.employer_id, details })
        })
        .collect()
}

/// The family members that a person named.
pub async fn family(portal: &Portal, actor: &Actor, person: PersonId) -> Result<Vec<FamilyEntry>, Fault> {
    policy::own(actor, person)?;
    family_of(portal, portal.db.read(), person).await
}

/// Whether a person is a member of another's family, as she wrote it.
pub async fn is_family(db: &impl ConnectionTrait, person: PersonId, member: PersonId) -> Result<bool, Fault> {
    Ok(store::family(db, person).await?.iter().any(|row| row.member_id == member))
}

/// The same for services of later slices, which have decided who may read (for example beneficiaries of a card).
pub async fn family_of(portal: &Portal, db: &impl ConnectionTrait, person: PersonId) -> Result<Vec<FamilyEntry>, Fault> {
    let rows = store::family(db, person).await?;
    family_entries(portal, db, &rows).await
}

/// What those of the named persons who are of a person's family are to her, under the ids that were named: who each is now,
/// and the relation. For services that have decided who may ask. Nothing is read where nobody is named.
pub async fn relatives(
    portal: &Portal,
    db: &impl ConnectionTrait,
    person: PersonId,
    named: &[PersonId],
) -> Result<HashMap<PersonId, (PersonId, FamilyRelation)>, Fault> {
    if named.is_empty() {
        return Ok(HashMap::new());
    }
    let now = person::persons_of(db, named).await?;
    let family = family_of(portal, db, person).await?;
    let relation = |member: PersonId| family.iter().find(|entry| entry.member == member).map(|entry| (member, entry.relation));
    Ok(now.into_iter().filter_map(|(id, now)| Some((id, relation(now.id)?))).collect())
}

/// Family members as the talent typed them, each person once: two entries may have become one person by a merge, and then
/// the older one is shown. Three statements at most.
async fn family_entries(portal: &Portal, db: &impl ConnectionTrait, rows: &[FamilyRow]) -> Result<Vec<FamilyEntry>, Fault> {
    let told = person::told_of(db, &rows.iter().map(|row| row.member_id).collect::<Vec<_>>()).await?;
    let mut seen = Vec::new();
    let mut entries = Vec::with_capacity(rows.len());
    for (row, details) in rows.iter().zip(open_families(portal, rows).await?) {
        let Some(person) = told.get(&row.member_id) else { continue };
        let member = person.merged_into.unwrap_or(person.id);
        if seen.contains(&member) {
            continue;
        }
        seen.push(member);
        // Entries from before the words were kept: the person's row as it was written down then.
        let typed = details.typed.unwrap_or_else(|| typed(&person.name, person.birth_date, person.sex, person.nationality.as_deref()));
        entries.push(FamilyEntry { id: row.id, member, typed, relation: details.relation });
    }
    Ok(entries)
}

fn typed(name: &PersonName, birth_date: Option<chrono::NaiveDate>, sex: Option<Sex>, nationality: Option<&str>) -> TypedMember {
    TypedMember { name_zh: name.zh.clone(), name_latin: name.latin.clone(), birth_date, sex, nationality: nationality.map(str::to_owned) }
}

async fn open_families(portal: &Portal, rows: &[FamilyRow]) -> Result<Vec<Family>, Fault> {
    let keys = keys::data_keys(portal, &owners(rows, |row| row.person_id)).await?;
    rows.iter().map(|row| open::<Family>(keys.get(&row.person_id), place("family_member", row.id), &row.details_sealed)).collect()
}

/// Those of the documents that a claimed category names as its evidence. For the slice that keeps documents. One statement.
pub async fn evidence_among(db: &impl ConnectionTrait, documents: &[DocumentId]) -> Result<HashSet<DocumentId>, Fault> {
    Ok(store::evidence_among(db, documents).await?)
}

/// The categories that a person claims.
pub async fn categories(portal: &Portal, actor: &Actor, person: PersonId) -> Result<Vec<CategoryEntry>, Fault> {
    policy::own(actor, person)?;
    categories_of(portal, person).await
}

async fn categories_of(portal: &Portal, person: PersonId) -> Result<Vec<CategoryEntry>, Fault> {
    let rows = store::categories(portal.db.read(), person).await?;
    let mut entries: Vec<CategoryEntry> = rows.into_iter().map(|row| CategoryEntry { id: row.id, category: row.category, evidence: row.evidence_id }).collect();
    let mut seen: Vec<String> = Vec::new();
    entries.retain(|entry| {
        !seen.contains(&entry.category) && {
            seen.push(entry.category.clone());
            true
        }
    });
    Ok(entries)
}

/// The facts about a person among the asked paths (`person.birth_date`), today. For services that have decided who may ask.
///
/// What nobody knows is missing, and what nobody asks is neither read nor told. Six statements at most, one where nothing
/// of the profile is asked.
pub async fn facts(portal: &Portal, person: PersonId, asked: &BTreeSet<&str>) -> Result<Vec<Fact>, Fault> {
    let wanted = |paths: &[&str]| paths.iter().any(|path| asked.contains(path));
    let person = person::person(portal, person).await?;
    let id = person.id;
    let db = portal.db.read();
    let mut known = Known::of(person);
    if wanted(model::FACTS_OF_DOCUMENTS) {
        known.verified_kinds = verified_kinds(portal, id).await?;
    }
    if wanted(model::FACTS_OF_EDUCATION) {
        known.educations = open_educations(portal, store::educations(db, id).await?).await?;
    }
    if wanted(model::FACTS_OF_EMPLOYMENT) {
        known.employments = open_employments(portal, store::employments(db, id).await?).await?;
    }
    if wanted(model::FACTS_OF_CATEGORIES) {
        known.categories = categories_of(portal, id).await?;
    }
    let mut facts = model::facts(&known, portal.env.today());
    facts.retain(|fact| asked.contains(fact.name));
    Ok(facts)
}

/// Adds education to the caller's profile.
///
/// Rejections: those of [`Education::parse`]; `TOO_MANY`.
pub async fn add_education(portal: &Portal, actor: &Actor, education: Education, idempotency_key: &str) -> Result<EducationEntry, Refused> {
    let own = policy::signed_in(actor)?;
    let details = education.parse(portal.env.today()).map_err(Refused::Rejected)?;
    let key = keys::ensure_key(portal, own).await?;
    let id = EducationId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "addEducation", idempotency_key, &details, id.uuid()).await? {
        let rows = store::educations(&txn, own).await?;
        return find(open_educations(portal, rows).await?, |entry| entry.id.uuid() == made);
    }
    person::lock_person(&txn, own).await?;
    room(store::educations(&txn, own).await?.len())?;
    store::insert_education(&txn, id, own, seal(portal, &key, place("education", id), &details)?, portal.env.now()).await?;
    audit::record(&txn, portal, actor, trail("ADD_EDUCATION", "EDUCATION", id.uuid(), own)).await?;
    portal.commit(txn).await?;
    Ok(Entry { id, details })
}

/// Removes education from the caller's profile. Answers its id.
pub async fn remove_education(portal: &Portal, actor: &Actor, id: EducationId) -> Result<EducationId, Refused> {
    let own = policy::signed_in(actor)?;
    let txn = portal.db.begin_write().await?;
    if !store::delete_education(&txn, own, id).await? {
        return Err(gone("input.educationId"));
    }
    audit::record(&txn, portal, actor, trail("REMOVE_EDUCATION", "EDUCATION", id.uuid(), own)).await?;
    portal.commit(txn).await?;
    Ok(id)
}

/// Adds employment to the caller's profile.
///
/// Rejections: those of [`Employment::parse`]; `NOT_FOUND` for an employer that is no body; `TOO_MANY`.
pub async fn add_employment(
    portal: &Portal,
    actor: &Actor,
    employer: Option<BodyId>,
    employment: Employment,
    idempotency_key: &str,
) -> Result<EmploymentEntry, Refused> {
    let own = policy::signed_in(actor)?;
    let details = employment.parse(employer.is_some(), portal.env.today()).map_err(Refused::Rejected)?;
    let key = keys::ensure_key(portal, own).await?;
    let id = EmploymentId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "addEmployment", idempotency_key, &(employer, &details), id.uuid()).await? {
        let rows = store::employments(&txn, own).await?;
        return find(open_employments(portal, rows).await?, |entry| entry.id.uuid() == made);
    }
    person::lock_person(&txn, own).await?;
    room(store::employments(&txn, own).await?.len())?;
    let sealed = seal(portal, &key, place("employment", id), &details)?;
    if store::insert_employment(&txn, id, own, employer, sealed, portal.env.now()).await? != Inserted::Done {
        return Err(gone("input.employerId"));
    }
    audit::record(&txn, portal, actor, trail("ADD_EMPLOYMENT", "EMPLOYMENT", id.uuid(), own)).await?;
    portal.commit(txn).await?;
    Ok(EmploymentEntry { id, employer, details })
}

/// Ends an employment of the caller's own on a day.
///
/// Rejections: `NOT_FOUND`; `IN_FUTURE`, `PERIOD_REVERSED` at the day.
pub async fn end_employment(portal: &Portal, actor: &Actor, id: EmploymentId, ended_on: chrono::NaiveDate) -> Result<EmploymentEntry, Refused> {
    let own = policy::signed_in(actor)?;
    let txn = portal.db.begin_write().await?;
    let rows = store::employments(&txn, own).await?;
    let row = rows.iter().find(|row| row.id == id).ok_or_else(|| gone("input.employmentId"))?.clone();
    let owner = row.person_id;
    let entry = find(open_employments(portal, vec![row]).await?, |_| true)?;
    let details = Employment { ended_on: Some(ended_on), ..entry.details }.parse(entry.employer.is_some(), portal.env.today()).map_err(Refused::Rejected)?;
    let sealed = seal(portal, &keys::data_key(portal, owner).await?, place("employment", id), &details)?;
    if !store::update_employment(&txn, id, sealed).await? {
        return Err(gone("input.employmentId"));
    }
    audit::record(&txn, portal, actor, trail("END_EMPLOYMENT", "EMPLOYMENT", id.uuid(), own)).await?;
    portal.commit(txn).await?;
    Ok(EmploymentEntry { details, ..entry })
}

/// Removes employment from the caller's profile. Answers its id.
pub async fn remove_employment(portal: &Portal, actor: &Actor, id: EmploymentId) -> Result<EmploymentId, Refused> {
    let own = policy::signed_in(actor)?;
    let txn = portal.db.begin_write().await?;
    if !store::delete_employment(&txn, own, id).await? {
        return Err(gone("input.employmentId"));
    }
    audit::record(&txn, portal, actor, trail("REMOVE_EMPLOYMENT", "EMPLOYMENT", id.uuid(), own)).await?;
    portal.commit(txn).await?;
    Ok(id)
}

/// A family member to be added: a person without an account is made for her.
#[derive(Clone, Debug, Serialize)]
pub struct AddFamilyMember {
    /// Who.
    pub person: PersonInput,
    /// What she is to the caller.
    pub relation: FamilyRelation,
}

/// Adds a family member to the caller's profile.
///
/// Rejections: those of [`PersonInput::parse_new`]; `ALREADY_EXISTS` for a second spouse; `TOO_MANY`.
pub async fn add_family_member(portal: &Portal, actor: &Actor, command: AddFamilyMember, idempotency_key: &str) -> Result<FamilyEntry, Refused> {
    let own = policy::signed_in(actor)?;
    let new = command.person.clone().parse_new("input", portal.env.today()).map_err(Refused::Rejected)?;
    let key = keys::ensure_key(portal, own).await?;
    let (id, member) = (FamilyMemberId::new(&portal.env), PersonId::new(&portal.env));
    let txn = portal.db.begin_write().await?;
    let claim = audit::claim_key(&txn, portal, actor, "addFamilyMember", idempotency_key, &command, id.uuid()).await?;
    person::lock_person(&txn, own).await?;
    let rows = store::family(&txn, own).await?;
    if let Claim::Replay(made) = claim {
        let row = rows.into_iter().find(|row| row.id.uuid() == made).ok_or(Fault::NotFound)?;
        return find(family_entries(portal, &txn, std::slice::from_ref(&row)).await?, |_| true);
    }
    room(rows.len())?;
    let relations: Vec<_> = open_families(portal, &rows).await?.into_iter().map(|family| family.relation).collect();
    if second_spouse(&relations, command.relation) {
        return Err(Rejection::at(Code::AlreadyExists, "input.relation").into());
    }
    let typed = typed(&new.name, new.birth_date, new.sex, new.nationality.as_deref());
    person::new_person(&txn, portal, member, new).await?;
    let sealed = seal(portal, &key, place("family_member", id), &Family { relation: command.relation, typed: Some(typed.clone()) })?;
    store::insert_family(&txn, id, own, member, sealed, portal.env.now()).await?;
    audit::record(&txn, portal, actor, trail("ADD_FAMILY_MEMBER", "FAMILY_MEMBER", id.uuid(), own).detail("member", member.global())).await?;
    portal.commit(txn).await?;
    Ok(FamilyEntry { id, member, typed, relation: command.relation })
}

/// Removes a family member from the caller's profile; the person that she is stays. Answers the id of the entry.
pub async fn remove_family_member(portal: &Portal, actor: &Actor, id: FamilyMemberId) -> Result<FamilyMemberId, Refused> {
    let own = policy::signed_in(actor)?;
    let txn = portal.db.begin_write().await?;
    if !store::delete_family(&txn, own, id).await? {
        return Err(gone("input.familyMemberId"));
    }
    audit::record(&txn, portal, actor, trail("REMOVE_FAMILY_MEMBER", "FAMILY_MEMBER", id.uuid(), own)).await?;
    portal.commit(txn).await?;
    Ok(id)
}

/// What later slices know of a claim. Registered in `app`.
#[async_trait]
pub trait Register: Send + Sync {
    /// Whether the catalogue has a talent class of this code.
    fn is_category(&self, code: &str) -> bool;
    /// Whether a document is the caller's own.
    async fn is_own_document(&self, portal: &Portal, actor: &Actor, document: DocumentId) -> Result<bool, Fault>;
}

/// The register, a part of the portal.
pub struct ClaimRegister(pub Arc<dyn Register>);

/// Claims a talent category, with a document that shows it if there is one.
///
/// Rejections: `MALFORMED`; `NOT_ALLOWED` for a category that the catalogue does not have; `NOT_FOUND` for a document that
/// is not the caller's; `ALREADY_EXISTS`; `TOO_MANY`.
pub async fn claim_category(
    portal: &Portal,
    actor: &Actor,
    category: &str,
    evidence: Option<DocumentId>,
    idempotency_key: &str,
) -> Result<CategoryEntry, Refused> {
    let own = policy::signed_in(actor)?;
    let category = parse_category(category)?;
    let register = &portal.part::<ClaimRegister>()?.0;
    let mut problems = Vec::new();
    if !register.is_category(&category) {
        problems.push(Rejection::at(Code::NotAllowed, "input.category"));
    }
    if let Some(document) = evidence
        && !register.is_own_document(portal, actor, document).await?
    {
        problems.push(Rejection::at(Code::NotFound, "input.evidenceId"));
    }
    if !problems.is_empty() {
        return Err(Refused::Rejected(problems));
    }
    let id = TalentCategoryId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    let claim = audit::claim_key(&txn, portal, actor, "claimTalentCategory", idempotency_key, &(&category, evidence), id.uuid()).await?;
    person::lock_person(&txn, own).await?;
    let rows = store::categories(&txn, own).await?;
    if let Claim::Replay(made) = claim {
        let row = rows.into_iter().find(|row| row.id.uuid() == made).ok_or(Fault::NotFound)?;
        return Ok(CategoryEntry { id: row.id, category: row.category, evidence: row.evidence_id });
    }
    room(rows.len())?;
    let exists = rows.iter().any(|row| row.category == category);
    if exists || store::insert_category(&txn, id, own, category.clone(), evidence, portal.env.now()).await? != Inserted::Done {
        return Err(Rejection::at(Code::AlreadyExists, "input.category").into());
    }
    audit::record(&txn, portal, actor, trail("CLAIM_TALENT_CATEGORY", "TALENT_CATEGORY", id.uuid(), own).detail("category", category.clone())).await?;
    portal.commit(txn).await?;
    Ok(CategoryEntry { id, category, evidence })
}

/// Takes back a claimed category. Answers its id.
pub async fn withdraw_category(portal: &Portal, actor: &Actor, id: TalentCategoryId) -> Result<TalentCategoryId, Refused> {
    let own = policy::signed_in(actor)?;
    let txn = portal.db.begin_write().await?;
    if !store::delete_category(&txn, own, id).await? {
        return Err(gone("input.categoryId"));
    }
    audit::record(&txn, portal, actor, trail("WITHDRAW_TALENT_CATEGORY", "TALENT_CATEGORY", id.uuid(), own)).await?;
    portal.commit(txn).await?;
    Ok(id)
}

fn trail(action: &'static str, kind: &'static str, id: Uuid, own: PersonId) -> TrailEntry {
    TrailEntry::new(action).object(kind, id).person(own)
}

/// The entry that is meant; its absence means that it was removed after it was made.
fn find<T>(entries: Vec<T>, is_it: impl Fn(&T) -> bool) -> Result<T, Refused> {
    entries.into_iter().find(is_it).ok_or(Refused::Fault(Fault::NotFound))
}
