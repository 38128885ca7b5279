//! Who may do what about accounts, grants and mandates.

use crate::kernel::actor::{Actor, Member};
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::Role;

/// Anybody who is signed in.
pub fn signed_in(actor: &Actor) -> Result<&Member, Fault> {
    actor.member.as_ref().ok_or(Fault::Unauthenticated)
}

/// System administration (系统管理) invites staff.
pub fn may_invite(actor: &Actor) -> Result<&Member, Fault> {
    holds(actor, Role::SystemAdmin)
}

/// Security administration (安全管理) gives and ends roles.
pub fn may_grant(actor: &Actor) -> Result<&Member, Fault> {
    holds(actor, Role::SecurityAdmin)
}

/// Security administration takes second factors away, of others.
pub fn may_reset_factors(actor: &Actor) -> Result<&Member, Fault> {
    holds(actor, Role::SecurityAdmin)
}

/// Who showed the second factor in her session may take it away.
///
/// Errors: [`Fault::ReauthRequired`] in a session without.
pub fn showed_factor(actor: &Actor) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if member.second_factor { Ok(member) } else { Err(Fault::ReauthRequired) }
}

/// Nobody gives a role to herself, or takes one from herself.
pub fn not_oneself(giver: Option<PersonId>, holder: PersonId, path: &str) -> Result<(), Rejection> {
    if giver == Some(holder) { Err(Rejection::at(Code::OwnGrant, path)) } else { Ok(()) }
}

fn holds(actor: &Actor, role: Role) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if actor.has(role) { Ok(member) } else { Err(Fault::Forbidden) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::actor::{Grant, Scope};
    use crate::kernel::ids::{AccountId, SessionId};
    use crate::kernel::role::Assurance;

    fn actor(roles: &[Role]) -> Actor {
        let id = uuid::Uuid::nil();
        let grants = roles.iter().map(|&role| Grant { role, scope: Scope::Portal }).collect();
        let member = Member { person: PersonId(id), account: AccountId(id), session: SessionId(id), assurance: Assurance::L1, second_factor: true, grants };
        Actor { member: Some(member), request_id: "test".into() }
    }

    #[test]
    fn inviting_and_granting_are_the_duties_of_two_administrators() {
        assert!(may_invite(&actor(&[Role::SystemAdmin])).is_ok());
        assert!(may_grant(&actor(&[Role::SecurityAdmin])).is_ok());
        for roles in [&[][..], &[Role::Supervisor], &[Role::AuditAdmin]] {
            assert!(matches!(may_invite(&actor(roles)), Err(Fault::Forbidden)));
            assert!(matches!(may_grant(&actor(roles)), Err(Fault::Forbidden)));
        }
        assert!(matches!(may_grant(&actor(&[Role::SystemAdmin])), Err(Fault::Forbidden)));
        assert!(matches!(may_invite(&actor(&[Role::SecurityAdmin])), Err(Fault::Forbidden)));
        assert!(matches!(may_invite(&Actor::anonymous("test")), Err(Fault::Unauthenticated)));
    }

    #[test]
    fn nobody_grants_to_herself() {
        let id = |n| PersonId(uuid::Uuid::from_u128(n));
        assert_eq!(not_oneself(Some(id(1)), id(1), "input.personId").unwrap_err().code, Code::OwnGrant);
        assert!(not_oneself(Some(id(1)), id(2), "input.personId").is_ok());
        assert!(not_oneself(None, id(1), "input.personId").is_ok());
    }
}
