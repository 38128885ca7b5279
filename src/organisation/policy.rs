//! Who may change bodies and units, and who may read the list of bodies.

use crate::kernel::actor::{Actor, Member};
use crate::kernel::fault::Fault;
use crate::kernel::role::Role;

/// Anybody who is signed in.
pub fn signed_in(actor: &Actor) -> Result<&Member, Fault> {
    actor.member.as_ref().ok_or(Fault::Unauthenticated)
}

/// The system administrator makes bodies and units and closes units; nobody else does.
pub fn system_admin(actor: &Actor) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if actor.has(Role::SystemAdmin) { Ok(member) } else { Err(Fault::Forbidden) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::actor::{Grant, Scope};
    use crate::kernel::ids::{AccountId, PersonId, SessionId};
    use crate::kernel::role::Assurance;
    use uuid::Uuid;

    fn actor(roles: &[Role]) -> Actor {
        Actor {
            member: Some(Member {
                person: PersonId(Uuid::nil()),
                account: AccountId(Uuid::nil()),
                session: SessionId(Uuid::nil()),
                assurance: Assurance::L1,
                second_factor: true,
                grants: roles.iter().map(|&role| Grant { role, scope: Scope::Portal }).collect(),
            }),
            request_id: "test".into(),
        }
    }

    #[test]
    fn only_the_system_administrator_makes_bodies_and_units() {
        for &role in Role::ALL {
            assert_eq!(system_admin(&actor(&[role])).is_ok(), role == Role::SystemAdmin, "{role}");
        }
        assert!(matches!(system_admin(&actor(&[])), Err(Fault::Forbidden)));
        assert!(matches!(system_admin(&Actor::anonymous("test")), Err(Fault::Unauthenticated)));
        assert!(matches!(signed_in(&Actor::anonymous("test")), Err(Fault::Unauthenticated)));
    }
}
