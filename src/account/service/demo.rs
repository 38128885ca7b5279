//! Demo databases: marked as such while empty, with one-day tokens that count as two-factor.

use sea_orm::ConnectionTrait;

use crate::account::model::client::AgentClass;
use crate::account::model::contact::Contact;
use crate::account::model::grant::GrantScope;
use crate::account::model::session::{DEMO, Lifetime, SessionKind};
use crate::account::service::hashing::HashPool;
use crate::account::service::letters;
use crate::account::store;
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{AccountId, BodyId, ContactPointId, GrantId, PersonId, SessionId, TypedId as _, UnitId};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::Role;
use crate::kernel::seal::{Place, token_hash};
use crate::kernel::text::Language;
use crate::person::model::profile::{NewPerson, PersonName};
use crate::person::service as persons;
use crate::portal::Portal;

/// Name of the mark.
const MARK: &str = "DEMO";

/// What became of the wish to make a database a demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoMark {
    /// It was empty and is a demo now.
    Marked,
    /// It was a demo before.
    WasDemo,
    /// It holds people and is none.
    Refused,
}

/// Whether the database is a demo.
pub async fn is_demo(portal: &Portal) -> Result<bool, Fault> {
    audit::marker(portal.db.read(), MARK).await
}

/// Whether [`mark_demo`] would refuse this database.
pub async fn is_no_demo(db: &impl ConnectionTrait) -> Result<bool, Fault> {
    Ok(!audit::marker(db, MARK).await? && store::is_begun(db).await?)
}

/// Marks an empty database as a demo; one with people in it, or with an invitation, is refused.
pub async fn mark_demo(portal: &Portal) -> Result<DemoMark, Fault> {
    let txn = portal.db.begin_write().await?;
    if audit::marker(&txn, MARK).await? {
        return Ok(DemoMark::WasDemo);
    }
    if store::is_begun(&txn).await? {
        return Ok(DemoMark::Refused);
    }
    audit::set_marker(&txn, portal, MARK).await?;
    portal.commit(txn).await?;
    Ok(DemoMark::Marked)
}

/// A bearer token of an account for one day, which counts as two-factor and is worth nothing outside a demo database.
///
/// Errors: [`Fault::Forbidden`] where the database is no demo.
pub async fn demo_session(portal: &Portal, account: AccountId) -> Result<String, Fault> {
    let now = portal.env.now();
    let token = portal.env.secret();
    let ends_at = now + DEMO;
    let row = store::NewSession {
        id: SessionId::new(&portal.env),
        account,
        kind: SessionKind::Demo,
        access_hash: token_hash(&token),
        // Nothing has this hash: a demo token is not renewed.
        refresh_hash: token_hash(&portal.env.secret()),
        lifetime: Lifetime { access_until: ends_at, refresh_until: ends_at, ends_at },
        second_factor: true,
        agent: AgentClass::Program,
        network: None,
    };
    let txn = portal.db.begin_write().await?;
    if !audit::marker(&txn, MARK).await? {
        return Err(Fault::Forbidden);
    }
    store::insert_session(&txn, &row, now).await?;
    portal.commit(txn).await?;
    Ok(token)
}

/// A person of the demo with her account.
#[derive(Clone)]
pub struct NewDemoAccount {
    /// E-mail address.
    pub login: String,
    /// Password.
    pub password: String,
    /// Name in Chinese characters.
    pub name_zh: String,
    /// Name in Latin letters.
    pub name_latin: String,
    /// Birth date.
    pub birth_date: Option<chrono::NaiveDate>,
    /// Roles, each for a unit or a body, or for the whole portal.
    pub roles: Vec<(Role, Option<UnitId>, Option<BodyId>)>,
}

impl std::fmt::Debug for NewDemoAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The password is not printed.
        f.debug_struct("NewDemoAccount").field("login", &self.login).finish_non_exhaustive()
    }
}

/// Adds a person with an account to a demo database; elsewhere it is refused with [`Fault::Forbidden`].
pub async fn add_account(portal: &Portal, new: NewDemoAccount) -> Result<AccountId, Refused> {
    if !is_demo(portal).await? {
        return Err(Fault::Forbidden.into());
    }
    let contact = Contact::parse(&new.login).ok_or_else(|| Rejection::at(Code::ContactMalformed, "login"))?;
    let hash = portal.part::<HashPool>()?.hash(&portal.env, &new.password).await?;
    let (person, account, point) = (PersonId::new(&portal.env), AccountId::new(&portal.env), ContactPointId::new(&portal.env));
    let key = persons::keys::ensure_key(portal, person).await?;
    let now = portal.env.now();
    let row = store::ContactRow {
        id: point,
        kind: contact.kind(),
        sealed: key.seal(&portal.env, Place::new("contact_point", "value_sealed", point.0), contact.value().as_bytes()),
        verified_at: Some(now),
    };
    let index = portal.keyring.blind_index(contact.kind().code(), contact.value());
    let txn = portal.db.begin_write().await?;
    let profile =
        NewPerson { name: PersonName { zh: Some(new.name_zh), latin: Some(new.name_latin) }, birth_date: new.birth_date, sex: None, nationality: None };
    persons::new_person(&txn, portal, person, profile).await?;
    store::insert_account(&txn, account, person, Language::ZhHans, &hash, now).await?;
    persons::mark_has_account(&txn, portal, person).await?;
    store::insert_contact(&txn, account, &row, &index, now).await?;
    for (role, unit, body) in new.roles {
        let scope = match (unit, body) {
            (Some(unit), _) => GrantScope::Unit(unit),
            (None, Some(body)) => GrantScope::Body(body),
            (None, None) => GrantScope::Portal,
        };
        store::insert_grant(&txn, GrantId::new(&portal.env), person, role, scope, None, now).await?;
    }
    let entry = Entry::new("ADD_DEMO_ACCOUNT").object("ACCOUNT", account.0).person(person).by_system();
    audit::record(&txn, portal, &Actor::anonymous("demo"), entry).await?;
    portal.commit(txn).await?;
    Ok(account)
}

/// Those of these e-mail addresses that have an account in a demo database, in their order.
pub async fn accounts(portal: &Portal, logins: &[&'static str]) -> Result<Vec<(&'static str, AccountId)>, Fault> {
    if !is_demo(portal).await? {
        return Err(Fault::Forbidden);
    }
    let mut found = Vec::new();
    for &login in logins {
        let Some(contact) = Contact::parse(login) else { continue };
        if let Some(row) = store::account_by_contact(portal.db.read(), &letters::index_of(portal, &contact)).await? {
            found.push((login, row.id));
        }
    }
    Ok(found)
}

/// The person of such an account.
pub async fn person_of(portal: &Portal, login: &str) -> Result<Option<PersonId>, Fault> {
    let Some(contact) = Contact::parse(login) else { return Ok(None) };
    Ok(store::account_by_contact(portal.db.read(), &letters::index_of(portal, &contact)).await?.map(|row| row.person))
}
