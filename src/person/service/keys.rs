//! The data key of a person: what is known about her is sealed with it, and erased everywhere by erasing it.
//!
//! The wrapped keys lie in a store of their own. A key is committed there first, the row that it seals second; keys
//! whose person never came about are swept after a day. The one exception to one transaction per mutation.

use std::collections::HashMap;
use std::time::Duration;

use crate::kernel::fault::Fault;
use crate::kernel::ids::{PersonId, TypedId as _};
use crate::kernel::seal::SecretKey;
use crate::person::store::{self, StoredKey};
use crate::portal::Portal;

/// The number of a person's first key. Ciphertexts name it; a later re-sealing would count up.
const FIRST_NUMBER: u16 = 1;
/// Orphans are younger than a mutation takes, or they are orphans.
const ORPHAN_HOURS: i64 = 24;
/// Keys looked at in one statement of the sweep.
const SWEEP_BATCH: u64 = 500;

/// Unwrapped keys of this process: bounded, and forgotten after a while, so that a key erased by another process does
/// not live on here.
#[derive(Debug)]
pub struct KeyCache(moka::sync::Cache<PersonId, SecretKey>);

impl KeyCache {
    /// A cache of at most `capacity` keys.
    pub fn new(capacity: u64) -> Self {
        Self(moka::sync::Cache::builder().max_capacity(capacity).time_to_live(Duration::from_mins(5)).build())
    }
}

impl Default for KeyCache {
    fn default() -> Self {
        Self::new(10_000)
    }
}

/// The data key of a person, who is the one under whom the sealed row was written (redirects are not followed).
///
/// Errors: [`Fault::NotFound`] where she has none (nothing was ever sealed for her, or it was erased).
pub async fn data_key(portal: &Portal, person: PersonId) -> Result<SecretKey, Fault> {
    find(portal, person).await?.ok_or(Fault::NotFound)
}

/// The data keys of several persons; who has none is missing. One statement for those that are not cached.
pub async fn data_keys(portal: &Portal, persons: &[PersonId]) -> Result<HashMap<PersonId, SecretKey>, Fault> {
    let cache = portal.part::<KeyCache>()?;
    let mut found: HashMap<PersonId, SecretKey> = persons.iter().filter_map(|person| Some((*person, cache.0.get(person)?))).collect();
    let missing: Vec<PersonId> = persons.iter().copied().filter(|person| !found.contains_key(person)).collect();
    if !missing.is_empty() {
        for row in store::keys(portal.db.keys(), &missing).await? {
            let (person, key) = (row.person_id, unwrap(portal, &row)?);
            cache.0.insert(person, key.clone());
            found.insert(person, key);
        }
    }
    Ok(found)
}

/// The data key of a person, made if she has none. It is committed in the store of keys when this returns.
pub async fn ensure_key(portal: &Portal, person: PersonId) -> Result<SecretKey, Fault> {
    if let Some(key) = find(portal, person).await? {
        return Ok(key);
    }
    store::insert_key(portal.db.keys(), new_key(portal, person).1).await?;
    // Another process may have been first: what is stored counts.
    find(portal, person).await?.ok_or_else(|| Fault::bug("a person key vanished right after it was stored"))
}

/// A new key of a person and the row that is to be stored before anything is sealed with it.
pub fn new_key(portal: &Portal, person: PersonId) -> (SecretKey, StoredKey) {
    let key = SecretKey::generate(FIRST_NUMBER, &portal.env);
    let wrapping = portal.keyring.wrapping();
    let row = StoredKey {
        person_id: person,
        number: i32::from(FIRST_NUMBER),
        wrapped: wrapping.wrap(&portal.env, person.uuid(), &key),
        wrapping_key: i32::from(wrapping.id()),
        created_at: portal.env.now(),
    };
    (key, row)
}

/// Removes keys older than a day whose person does not exist. Answers how many.
pub async fn sweep_orphan_keys(portal: &Portal) -> Result<u64, Fault> {
    let before = portal.env.now() - chrono::Duration::hours(ORPHAN_HOURS);
    let mut after = None;
    let mut swept = 0;
    loop {
        let batch = store::old_keys(portal.db.keys(), before, after, SWEEP_BATCH).await?;
        let Some(last) = batch.last().copied() else { return Ok(swept) };
        let existing = store::existing(portal.db.read(), &batch).await?;
        let orphans: Vec<PersonId> = batch.into_iter().filter(|person| !existing.contains(person)).collect();
        if !orphans.is_empty() {
            swept += store::delete_keys(portal.db.keys(), &orphans).await?;
            let cache = portal.part::<KeyCache>()?;
            for person in &orphans {
                cache.0.invalidate(person);
            }
        }
        after = Some(last);
    }
}

async fn find(portal: &Portal, person: PersonId) -> Result<Option<SecretKey>, Fault> {
    let cache = portal.part::<KeyCache>()?;
    if let Some(key) = cache.0.get(&person) {
        return Ok(Some(key));
    }
    let Some(row) = store::key(portal.db.keys(), person).await? else { return Ok(None) };
    let key = unwrap(portal, &row)?;
    cache.0.insert(person, key.clone());
    Ok(Some(key))
}

fn unwrap(portal: &Portal, row: &StoredKey) -> Result<SecretKey, Fault> {
    let number = |n: i32| u16::try_from(n).map_err(|_| Fault::bug("a person key has a number out of range"));
    let wrapping = portal.keyring.wrapping_by_id(number(row.wrapping_key)?).ok_or_else(|| Fault::bug("the key file lacks a wrapping key that is in use"))?;
    wrapping.unwrap_key(row.person_id.uuid(), &row.wrapped, number(row.number)?).ok_or_else(|| Fault::bug("a person key does not unwrap"))
}
