//! Who may read and write a talent's profile: she herself.

use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;

/// The caller, for what is about herself.
pub fn signed_in(actor: &Actor) -> Result<PersonId, Fault> {
    actor.person().ok_or(Fault::Unauthenticated)
}

/// Only the person herself; staff read what a case pins. For others the profile does not exist.
pub fn own(actor: &Actor, person: PersonId) -> Result<(), Fault> {
    if signed_in(actor)? == person { Ok(()) } else { Err(Fault::NotFound) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::actor::{Grant, Member, Scope};
    use crate::kernel::ids::{AccountId, SessionId};
    use crate::kernel::role::{Assurance, Role};
    use uuid::Uuid;

    #[test]
    fn nobody_but_the_talent_reads_her_profile_whatever_the_role() {
        let person = |id| PersonId(Uuid::from_u128(id));
        assert!(matches!(own(&Actor::anonymous("test"), person(1)), Err(Fault::Unauthenticated)));
        for &role in Role::ALL {
            let actor = Actor {
                member: Some(Member {
                    person: person(1),
                    account: AccountId(Uuid::nil()),
                    session: SessionId(Uuid::nil()),
                    assurance: Assurance::L3,
                    second_factor: true,
                    grants: vec![Grant { role, scope: Scope::Portal }],
                }),
                request_id: "test".into(),
            };
            assert!(own(&actor, person(1)).is_ok(), "{role}");
            assert!(matches!(own(&actor, person(2)), Err(Fault::NotFound)), "{role}");
        }
    }
}
