//! What is known of a person: registered at a window, changed by herself.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{AccountId, PersonId, TypedId as _};
use crate::kernel::rejection::{Conflict, Rejection};
use crate::kernel::role::Role;
use crate::kernel::text::Language;
use crate::person::model::dealing::AttendanceKind;
use crate::person::model::profile::{Person, PersonInput, change_own};
use crate::person::policy;
use crate::person::service::identity::kinds_verified;
use crate::person::service::{OBJECT, dealing, new_person, person_in};
use crate::person::store;
use crate::portal::Portal;

/// A walk-in.
#[derive(Clone, Debug)]
pub struct RegisterPerson {
    /// What is known of her.
    pub person: PersonInput,
    /// Idempotency key.
    pub idempotency_key: String,
}

/// Registers a person without an account, at a window.
pub async fn register_person(portal: &Portal, actor: &Actor, command: RegisterPerson) -> Result<Person, Refused> {
    let officer = policy::window_officer(actor)?.person;
    let new = command.person.clone().parse_new("input", portal.env.today()).map_err(Refused::Rejected)?;
    let id = PersonId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "registerPerson", &command.idempotency_key, &command.person, id.uuid()).await? {
        return Ok(person_in(&txn, PersonId::from_uuid(made)).await?);
    }
    new_person(&txn, portal, id, new).await?;
    dealing::attend(&txn, portal, id, officer, AttendanceKind::Registered).await?;
    audit::record(&txn, portal, actor, Entry::new("REGISTER_PERSON").object(OBJECT, id.uuid()).person(id)).await?;
    let registered = person_in(&txn, id).await?;
    portal.commit(txn).await?;
    Ok(registered)
}

/// What a person changes about herself; what is absent stays.
#[derive(Clone, Debug)]
pub struct UpdateProfile {
    /// The new values.
    pub person: PersonInput,
    /// Fields of the input that are to be empty.
    pub cleared: Vec<&'static str>,
    /// The new language of her account.
    pub language: Option<Language>,
    /// The version that the person saw.
    pub expected_version: i64,
}

/// Where the language of an account is kept: in a later slice.
#[async_trait]
pub trait LanguageSetting: Send + Sync {
    /// Sets it in the transaction; tells whether it was another one.
    async fn set(&self, txn: &DatabaseTransaction, account: AccountId, language: Language) -> Result<bool, Fault>;
}

/// The setting, a part of the portal. Registered in `app`.
pub struct AccountLanguage(pub Arc<dyn LanguageSetting>);

/// Changes names, birth date, sex and nationality of the caller, and the language of her account.
///
/// Rejections: those of [`PersonInput::parse`]; `REQUIRED` for what may not be empty; `CONFLICT`; `DOCUMENT_VERIFIED` for what
/// an original proved.
pub async fn update_profile(portal: &Portal, actor: &Actor, command: UpdateProfile) -> Result<Person, Refused> {
    let member = policy::signed_in(actor)?;
    let own = member.person;
    let new = command.person.parse("input", portal.env.today()).map_err(Refused::Rejected)?;
    let txn = portal.db.begin_write().await?;
    let person = person_in(&txn, own).await?;
    if person.version != command.expected_version {
        return Err(conflict(&txn, &person, command.expected_version).await?.into());
    }
    let mut change = change_own(&person, &kinds_verified(&txn, own).await?, new, &command.cleared).map_err(Refused::Rejected)?;
    let other_language = match command.language {
        Some(language) => portal.part::<AccountLanguage>()?.0.set(&txn, member.account, language).await?,
        None => false,
    };
    if change.changed.is_empty() && !other_language {
        return Ok(person);
    }
    if !change.changed.is_empty() && !store::update_person(&txn, change.person.clone(), &change.changed, None, portal.env.now()).await? {
        return Err(conflict(&txn, &person_in(&txn, own).await?, command.expected_version).await?.into());
    }
    if other_language {
        change.changed.push("preferredLanguage");
    }
    audit::record(&txn, portal, actor, Entry::new("UPDATE_PROFILE").object(OBJECT, own.uuid()).person(own).detail("changed", change.changed.join(","))).await?;
    audit::announce(&txn, portal, Message::new("PERSON_CHANGED", OBJECT, own.uuid())).await?;
    let updated = person_in(&txn, own).await?;
    portal.commit(txn).await?;
    Ok(updated)
}

/// The no to a stale version of a person: what changed since, and as what the last one acted.
pub async fn conflict(db: &impl ConnectionTrait, person: &Person, expected: i64) -> Result<Rejection, Fault> {
    let (changed, by): (Vec<String>, Option<Role>) = store::changes_since(db, person.id, expected).await?;
    Ok(Rejection::conflict(Conflict { version: person.version, at: person.updated_at, changed, by }))
}
