//! Who may send and read documents.

use crate::kernel::actor::{Actor, Member};
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::kernel::role::Role;

/// Anybody who is signed in.
pub fn signed_in(actor: &Actor) -> Result<&Member, Fault> {
    actor.member.as_ref().ok_or(Fault::Unauthenticated)
}

/// Window officers send documents for walk-ins, agents for their principals; everybody sends her own.
pub fn may_send(actor: &Actor, for_person: Option<PersonId>, agent: bool) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if agent || for_person.is_none_or(|person| person == member.person) || actor.has(Role::WindowOfficer) { Ok(member) } else { Err(Fault::Forbidden) }
}

/// A document is its owner's; for others it does not exist. `owner` is all ids that mean her.
pub fn own(actor: &Actor, owner: PersonId) -> Result<(), Fault> {
    if signed_in(actor)?.person == owner { Ok(()) } else { Err(Fault::NotFound) }
}

/// A token was made for one person: a request that comes with another person's session does not find it.
pub fn token_is_for(actor: &Actor, person: PersonId) -> Result<(), Fault> {
    if actor.person().is_none_or(|p| p == person) { Ok(()) } else { Err(Fault::NotFound) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::kernel::actor::{Grant, Scope};
    use crate::kernel::ids::{AccountId, SessionId};
    use crate::kernel::role::Assurance;

    fn person(id: u128) -> PersonId {
        PersonId(Uuid::from_u128(id))
    }

    fn actor(id: u128, roles: &[Role]) -> Actor {
        let grants = roles.iter().map(|&role| Grant { role, scope: Scope::Portal }).collect();
        let (account, session) = (AccountId(Uuid::nil()), SessionId(Uuid::nil()));
        Actor {
            member: Some(Member { person: person(id), account, session, assurance: Assurance::L1, second_factor: true, grants }),
            request_id: "test".into(),
        }
    }

    #[test]
    fn only_officers_and_agents_send_for_others() {
        assert!(may_send(&actor(1, &[]), None, false).is_ok());
        assert!(may_send(&actor(1, &[]), Some(person(1)), false).is_ok());
        assert!(matches!(may_send(&actor(1, &[Role::Reviewer]), Some(person(2)), false), Err(Fault::Forbidden)));
        assert!(may_send(&actor(1, &[Role::WindowOfficer]), Some(person(2)), false).is_ok());
        assert!(may_send(&actor(1, &[]), Some(person(2)), true).is_ok());
        assert!(matches!(may_send(&Actor::anonymous("r"), None, false), Err(Fault::Unauthenticated)));
    }

    #[test]
    fn a_document_and_a_token_are_one_persons() {
        assert!(own(&actor(1, &[]), person(1)).is_ok());
        assert!(matches!(own(&actor(1, &[Role::WindowOfficer]), person(2)), Err(Fault::NotFound)));
        assert!(token_is_for(&Actor::anonymous("r"), person(1)).is_ok());
        assert!(matches!(token_is_for(&actor(2, &[]), person(1)), Err(Fault::NotFound)));
    }
}
