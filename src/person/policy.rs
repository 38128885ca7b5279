//! Who may read and write what about a person.

use crate::kernel::actor::{Actor, Member};
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::kernel::role::Role;
use crate::person::model::dealing::Dealt;

/// Staff who handle cases may read the persons with whom they deal.
const READERS: [Role; 4] = [Role::WindowOfficer, Role::Reviewer, Role::Approver, Role::Supervisor];

/// Staff who may see personal data of those with whom they deal in full, for a stated purpose.
const REVEALERS: [Role; 3] = [Role::WindowOfficer, Role::Reviewer, Role::Approver];

/// As what somebody asks about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asking {
    /// The person herself.
    Own,
    /// Staff with these roles, one of which must deal with her.
    Staff(Vec<Role>),
}

/// As what somebody reads about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The person herself.
    Own,
    /// Staff who deal with her.
    Staff(Dealt),
}

/// Anybody who is signed in.
pub fn signed_in(actor: &Actor) -> Result<&Member, Fault> {
    actor.member.as_ref().ok_or(Fault::Unauthenticated)
}

/// The person herself reads, and staff who handle cases if they deal with her; for others she does not exist.
///
/// `person` is the id with redirects followed.
pub fn may_read(actor: &Actor, person: PersonId) -> Result<Asking, Fault> {
    asking(actor, person, &READERS)
}

/// The person herself sees data in full, and officers, reviewers and approvers if they deal with her.
pub fn may_reveal(actor: &Actor, person: PersonId) -> Result<Asking, Fault> {
    asking(actor, person, &REVEALERS)
}

/// Only the person herself.
pub fn own(actor: &Actor, person: PersonId) -> Result<(), Fault> {
    if signed_in(actor)?.person == person { Ok(()) } else { Err(Fault::NotFound) }
}

/// Window staff register walk-ins and compare originals.
pub fn window_officer(actor: &Actor) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if actor.has(Role::WindowOfficer) { Ok(member) } else { Err(Fault::Forbidden) }
}

fn asking(actor: &Actor, person: PersonId, roles: &[Role]) -> Result<Asking, Fault> {
    if signed_in(actor)?.person == person {
        return Ok(Asking::Own);
    }
    let held: Vec<Role> = roles.iter().copied().filter(|role| actor.has(*role)).collect();
    if held.is_empty() { Err(Fault::NotFound) } else { Ok(Asking::Staff(held)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::actor::{Grant, Scope};
    use crate::kernel::ids::{AccountId, SessionId};
    use crate::kernel::role::Assurance;
    use uuid::Uuid;

    fn person(id: u128) -> PersonId {
        PersonId(Uuid::from_u128(id))
    }

    fn actor(id: u128, roles: &[Role]) -> Actor {
        Actor {
            member: Some(Member {
                person: person(id),
                account: AccountId(Uuid::nil()),
                session: SessionId(Uuid::nil()),
                assurance: Assurance::L2,
                second_factor: true,
                grants: roles.iter().map(|&role| Grant { role, scope: Scope::Portal }).collect(),
            }),
            request_id: "test".into(),
        }
    }

    #[test]
    fn each_role_reads_and_reveals_what_the_table_says() {
        for &role in Role::ALL {
            let staff = actor(9, &[role]);
            let reads = matches!(role, Role::WindowOfficer | Role::Reviewer | Role::Approver | Role::Supervisor);
            let reveals = matches!(role, Role::WindowOfficer | Role::Reviewer | Role::Approver);
            assert_eq!(may_read(&staff, person(1)).is_ok_and(|r| r == Asking::Staff(vec![role])), reads, "{role}");
            assert_eq!(may_reveal(&staff, person(1)).is_ok_and(|r| r == Asking::Staff(vec![role])), reveals, "{role}");
            assert_eq!(window_officer(&staff).is_ok(), role == Role::WindowOfficer, "{role}");
            assert!(matches!(may_read(&staff, person(9)), Ok(Asking::Own)));
            assert!(matches!(own(&staff, person(1)), Err(Fault::NotFound)));
        }
    }

    #[test]
    fn the_anonymous_is_asked_to_sign_in_and_others_find_nobody() {
        let anonymous = Actor::anonymous("test");
        assert!(matches!(may_read(&anonymous, person(1)), Err(Fault::Unauthenticated)));
        assert!(matches!(may_reveal(&anonymous, person(1)), Err(Fault::Unauthenticated)));
        assert!(matches!(own(&anonymous, person(1)), Err(Fault::Unauthenticated)));
        assert!(matches!(window_officer(&anonymous), Err(Fault::Unauthenticated)));
        assert!(matches!(may_read(&actor(2, &[]), person(1)), Err(Fault::NotFound)));
        assert!(matches!(window_officer(&actor(2, &[])), Err(Fault::Forbidden)));
    }
}
