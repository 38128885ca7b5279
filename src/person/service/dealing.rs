//! Whether somebody of the staff has to do with a person. This slice knows no cases: the slice that does implements
//! [`Dealing`], and `app` registers it.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::ConnectionTrait;

use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{AttendanceId, PersonId, TypedId as _};
use crate::kernel::role::Role;
use crate::person::model::dealing::{AttendanceKind, Dealt, Tie, attends, is_walk_in};
use crate::person::model::profile::Person;
use crate::person::policy::{self, Asking, Reader};
use crate::person::store;
use crate::portal::Portal;

/// What ties staff to persons in a later slice.
#[async_trait]
pub trait Dealing: Send + Sync {
    /// By which of `roles` the caller deals with the person, and how; the strongest tie.
    ///
    /// `person` is the id with redirects followed; what belongs to ids that redirect to her counts as hers.
    async fn dealt(&self, portal: &Portal, actor: &Actor, roles: &[Role], person: PersonId) -> Result<Option<Dealt>, Fault>;
}

/// The registered dealings, a part of the portal.
#[derive(Clone, Default)]
pub struct Dealings(Vec<Arc<dyn Dealing>>);

impl std::fmt::Debug for Dealings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dealings({})", self.0.len())
    }
}

impl Dealings {
    /// Adds one.
    #[must_use]
    pub fn with(mut self, dealing: Arc<dyn Dealing>) -> Self {
        self.0.push(dealing);
        self
    }

    async fn strongest(&self, portal: &Portal, actor: &Actor, roles: &[Role], person: PersonId) -> Result<Option<Dealt>, Fault> {
        let mut strongest: Option<Dealt> = None;
        for dealing in &self.0 {
            let found = dealing.dealt(portal, actor, roles, person).await?;
            if found.is_some_and(|f| strongest.is_none_or(|s| f.tie > s.tie)) {
                strongest = found;
            }
        }
        Ok(strongest)
    }
}

/// Lets through who may read a person with her numbers masked: herself, and staff who deal with her.
///
/// Errors: [`Fault::Unauthenticated`]; [`Fault::NotFound`] for anybody else.
pub async fn may_read(portal: &Portal, actor: &Actor, person: &Person) -> Result<(), Fault> {
    let Asking::Staff(roles) = policy::may_read(actor, person.id)? else { return Ok(()) };
    if roles.contains(&Role::WindowOfficer)
        && let Some(officer) = actor.person()
        && attended(portal, officer, person).await?
    {
        return Ok(());
    }
    let dealt = portal.part::<Dealings>()?.strongest(portal, actor, &roles, person.id).await?;
    dealt.map(|_| ()).ok_or(Fault::NotFound)
}

/// Whether an officer has the person before her, or had lately: whom she registered, and whose original she compared.
pub async fn attended(portal: &Portal, officer: PersonId, person: &Person) -> Result<bool, Fault> {
    let attendances = store::attendances(portal.db.read(), person.id, officer).await?;
    Ok(attends(&attendances, person.has_account, portal.env.now()))
}

/// As what the caller may see data of a person in full: as herself, or as staff who deal with her.
///
/// Errors: [`Fault::Unauthenticated`]; [`Fault::NotFound`] for anybody else.
pub async fn may_reveal(portal: &Portal, actor: &Actor, person: &Person) -> Result<Reader, Fault> {
    let Asking::Staff(roles) = policy::may_reveal(actor, person.id)? else { return Ok(Reader::Own) };
    let dealt = portal.part::<Dealings>()?.strongest(portal, actor, &roles, person.id).await?;
    if let Some(dealt) = dealt.filter(|d| d.tie == Tie::Current) {
        return Ok(Reader::Staff(dealt));
    }
    if roles.contains(&Role::WindowOfficer)
        && let Some(officer) = actor.person()
        && is_walk_in(&store::attendances(portal.db.read(), person.id, officer).await?, person.has_account)
    {
        return Ok(Reader::Staff(Dealt { role: Role::WindowOfficer, tie: Tie::Current }));
    }
    dealt.map(Reader::Staff).ok_or(Fault::NotFound)
}

/// Writes down that an officer had a person before her.
pub async fn attend(txn: &impl ConnectionTrait, portal: &Portal, person: PersonId, officer: PersonId, kind: AttendanceKind) -> Result<(), Fault> {
    Ok(store::insert_attendance(txn, AttendanceId::new(&portal.env), person, officer, kind, portal.env.now()).await?)
}
