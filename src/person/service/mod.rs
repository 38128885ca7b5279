//! Use cases of the slice, and the finders that later slices ask.
//!
//! Finders without an actor (`person`, `resolve`, `names_of`, …) decide nothing about who may read: the service that
//! calls them has done so.

pub mod access;
pub mod dealing;
pub mod identity;
pub mod keys;
pub mod merge;
pub mod profile;

use std::collections::HashMap;

use sea_orm::ConnectionTrait;

use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::kernel::role::Assurance;
use crate::person::model::document::DocumentNumber;
use crate::person::model::profile::{NewPerson, Person, PersonName};
use crate::person::policy;
use crate::person::store;
use crate::portal::Portal;

/// Kind of object in trail and outbox.
pub const OBJECT: &str = "PERSON";

/// The person that an id means now (redirects followed). One statement.
///
/// Errors: [`Fault::NotFound`].
pub async fn person(portal: &Portal, id: PersonId) -> Result<Person, Fault> {
    store::person(portal.db.read(), id).await?.ok_or(Fault::NotFound)
}

/// The same inside a transaction.
pub async fn person_in(txn: &impl ConnectionTrait, id: PersonId) -> Result<Person, Fault> {
    store::person(txn, id).await?.ok_or(Fault::NotFound)
}

/// The same, and nobody merges her before the transaction ends.
pub async fn lock_person(txn: &impl ConnectionTrait, id: PersonId) -> Result<Person, Fault> {
    let mut id = id;
    loop {
        let person = store::lock_persons(txn, &[id]).await?.pop().ok_or(Fault::NotFound)?;
        match person.merged_into {
            None => return Ok(person),
            Some(survivor) => id = survivor,
        }
    }
}

/// The person that an id means now, for a caller: herself, or staff who deal with her.
///
/// Errors: [`Fault::Unauthenticated`]; [`Fault::NotFound`] for anybody else.
pub async fn person_for(portal: &Portal, actor: &Actor, id: PersonId) -> Result<Person, Fault> {
    policy::signed_in(actor)?;
    let person = person(portal, id).await?;
    dealing::may_read(portal, actor, &person).await?;
    Ok(person)
}

/// The id that an id means now.
///
/// Errors: [`Fault::NotFound`].
pub async fn resolve(db: &impl ConnectionTrait, id: PersonId) -> Result<PersonId, Fault> {
    Ok(person_in(db, id).await?.id)
}

/// The id that an id means now, locked until the transaction ends, so that she is not merged meanwhile.
///
/// Errors: [`Fault::NotFound`].
pub async fn lock(txn: &impl ConnectionTrait, id: PersonId) -> Result<PersonId, Fault> {
    let mut id = id;
    // A redirect leads to a survivor; one that is merged while we wait for the lock leads on.
    for _ in 0..4 {
        match store::lock_persons(txn, &[id]).await?.pop().ok_or(Fault::NotFound)?.merged_into {
            None => return Ok(id),
            Some(survivor) => id = survivor,
        }
    }
    Err(Fault::bug("redirects of persons lead on and on"))
}

/// All ids that mean a person: her own and those that redirect to her. Lists of what belongs to a person filter by
/// them, since rows stay under the id for which they were written.
pub async fn identities(db: &impl ConnectionTrait, id: PersonId) -> Result<Vec<PersonId>, Fault> {
    Ok(store::identities(db, id).await?)
}

/// Persons by the ids that were asked, redirects followed. Two statements at most, whatever the number of ids.
pub async fn persons_of(db: &impl ConnectionTrait, ids: &[PersonId]) -> Result<HashMap<PersonId, Person>, Fault> {
    if ids.is_empty() { Ok(HashMap::new()) } else { Ok(store::persons(db, ids).await?) }
}

/// Persons as they were written down under these ids, redirects not followed: after a merge what somebody told of a person,
/// not what the person tells of herself. One statement at most.
pub async fn told_of(db: &impl ConnectionTrait, ids: &[PersonId]) -> Result<HashMap<PersonId, Person>, Fault> {
    if ids.is_empty() { Ok(HashMap::new()) } else { Ok(store::rows(db, ids).await?) }
}

/// Names by id, for lists. Ids that nobody has are missing. Two statements at most, whatever the number of ids.
pub async fn names_of(db: &impl ConnectionTrait, ids: &[PersonId]) -> Result<HashMap<PersonId, PersonName>, Fault> {
    Ok(persons_of(db, ids).await?.into_iter().map(|(id, person)| (id, person.name)).collect())
}

/// The person for whom this number is verified, by blind index (redirects followed).
pub async fn find_by_document(portal: &Portal, db: &impl ConnectionTrait, number: &DocumentNumber) -> Result<Option<PersonId>, Fault> {
    match store::verified_document(db, number.kind(), &index_of(portal, number)).await? {
        None => Ok(None),
        Some(document) => resolve(db, document.person).await.map(Some),
    }
}

/// Whether a person holds this document, verified. For checks in person.
pub async fn holds_document(portal: &Portal, db: &impl ConnectionTrait, person: PersonId, number: &DocumentNumber) -> Result<bool, Fault> {
    Ok(find_by_document(portal, db, number).await? == Some(person))
}

/// Adds a person under `id`, without an account, inside the caller's transaction. For sign-up, walk-ins and family.
pub async fn new_person(txn: &impl ConnectionTrait, portal: &Portal, id: PersonId, new: NewPerson) -> Result<(), Fault> {
    Ok(store::insert_person(txn, id, new, portal.env.now()).await?)
}

/// Marks that a person has an account now.
///
/// Errors: [`Fault::NotFound`]; [`Fault::Internal`] where she has been merged, which the caller must not do.
pub async fn mark_has_account(txn: &impl ConnectionTrait, portal: &Portal, id: PersonId) -> Result<(), Fault> {
    let person = store::person_row(txn, id).await?.ok_or(Fault::NotFound)?;
    if person.merged_into.is_some() {
        return Err(Fault::bug("an account was made for a person who redirects to another"));
    }
    let marked = Person { has_account: true, ..person };
    if store::update_person(txn, marked, &["hasAccount"], None, portal.env.now()).await? {
        Ok(())
    } else {
        Err(Fault::bug("a person changed while her account was made"))
    }
}

/// Raises the assurance level of a person, never lowers it. For the account slice and for demo data.
pub async fn raise_assurance(txn: &impl ConnectionTrait, portal: &Portal, id: PersonId, level: Assurance) -> Result<(), Fault> {
    let person = person_in(txn, id).await?;
    if person.assurance >= level {
        return Ok(());
    }
    let raised = Person { assurance: level, ..person };
    if store::update_person(txn, raised, &["assurance"], None, portal.env.now()).await? {
        Ok(())
    } else {
        Err(Fault::bug("a person changed while her level was raised"))
    }
}

/// The blind index of a number.
pub fn index_of(portal: &Portal, number: &DocumentNumber) -> Vec<u8> {
    portal.keyring.blind_index(number.kind().code(), &number.index_text())
}
