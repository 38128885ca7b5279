//! Grants: which role goes with which scope, and who may give which.

use chrono::{DateTime, Utc};

use crate::kernel::ids::{BodyId, GrantId, InvitationId, PersonId, UnitId};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::Role;
use crate::kernel::text::Language;

/// For what a role is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum GrantScope {
    /// The whole portal.
    Portal,
    /// A unit and all below it.
    Unit(UnitId),
    /// A body outside the tree.
    Body(BodyId),
}

impl GrantScope {
    /// The scope as two nullable ids; both at once is refused.
    pub fn parse(unit: Option<UnitId>, body: Option<BodyId>) -> Result<Self, Rejection> {
        match (unit, body) {
            (None, None) => Ok(Self::Portal),
            (Some(unit), None) => Ok(Self::Unit(unit)),
            (None, Some(body)) => Ok(Self::Body(body)),
            (Some(_), Some(_)) => Err(Rejection::at(Code::NotAllowed, "input.bodyId")),
        }
    }

    /// The unit, if it is one.
    pub const fn unit(self) -> Option<UnitId> {
        if let Self::Unit(unit) = self { Some(unit) } else { None }
    }

    /// The body, if it is one.
    pub const fn body(self) -> Option<BodyId> {
        if let Self::Body(body) = self { Some(body) } else { None }
    }

    /// What is unique beside person and role.
    pub fn key(self) -> String {
        match self {
            Self::Portal => "PORTAL".to_owned(),
            Self::Unit(unit) => unit.to_string(),
            Self::Body(body) => body.to_string(),
        }
    }
}

/// Whether the role may be given for the scope; every problem at once.
pub fn check_scope(role: Role, scope: GrantScope) -> Vec<Rejection> {
    let fits = match role {
        Role::Talent | Role::Agent => return vec![Rejection::at(Code::NotAllowed, "input.role")],
        Role::SystemAdmin | Role::SecurityAdmin | Role::AuditAdmin => scope == GrantScope::Portal,
        Role::WindowOfficer | Role::Reviewer | Role::Approver | Role::Supervisor => matches!(scope, GrantScope::Unit(_)),
        Role::EmployerConfirmer | Role::Recruiter => matches!(scope, GrantScope::Body(_)),
        Role::Counter | Role::Examiner | Role::Assessor | Role::Manager => matches!(scope, GrantScope::Unit(_) | GrantScope::Body(_)),
    };
    if fits {
        Vec::new()
    } else if scope == GrantScope::Portal {
        vec![Rejection::at(Code::Required, "input.unitId")]
    } else {
        vec![Rejection::at(Code::NotAllowed, if scope.unit().is_some() { "input.unitId" } else { "input.bodyId" })]
    }
}

/// A grant as stored.
#[derive(Clone, Debug)]
pub struct RoleGrant {
    /// Its id.
    pub id: GrantId,
    /// Who holds it.
    pub person: PersonId,
    /// The role.
    pub role: Role,
    /// For what.
    pub scope: GrantScope,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// When it ended, if it did.
    pub ended_at: Option<DateTime<Utc>>,
}

/// An invitation.
#[derive(Clone, Debug)]
pub struct InvitationRow {
    /// Its id.
    pub id: InvitationId,
    /// The role.
    pub role: Role,
    /// For what.
    pub scope: GrantScope,
    /// Contact point and token, until sent.
    pub sealed: Option<Vec<u8>>,
    /// Language of the message.
    pub language: Language,
    /// Who invited; `None` is the operator.
    pub invited_by: Option<PersonId>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// Blind index of the contact point that it was sent to, which who accepts must hold; `None` for the operator's tokens.
    pub contact_index: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_is_given_for_its_own_kind_of_scope_only() {
        let unit = GrantScope::Unit(UnitId(uuid::Uuid::nil()));
        let body = GrantScope::Body(BodyId(uuid::Uuid::nil()));
        let codes = |role, scope| check_scope(role, scope).iter().map(|r| r.code).collect::<Vec<_>>();
        assert_eq!(codes(Role::WindowOfficer, unit), []);
        assert_eq!(codes(Role::WindowOfficer, body), [Code::NotAllowed]);
        assert_eq!(codes(Role::WindowOfficer, GrantScope::Portal), [Code::Required]);
        assert_eq!(codes(Role::SystemAdmin, GrantScope::Portal), []);
        assert_eq!(codes(Role::SystemAdmin, unit), [Code::NotAllowed]);
        assert_eq!(codes(Role::Counter, body), []);
        assert_eq!(codes(Role::Recruiter, unit), [Code::NotAllowed]);
        assert_eq!(codes(Role::Talent, GrantScope::Portal), [Code::NotAllowed]);
    }
}
