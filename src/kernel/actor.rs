//! Who asks. It comes from the session, never from an argument.

use super::ids::{AccountId, BodyId, PersonId, SessionId, UnitId};
use super::role::{Assurance, Role};

/// The caller of one request.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who is signed in, or `None` for the anonymous.
    pub member: Option<Member>,
    /// Id of the request, in the log, in the trail and in the answer's header.
    pub request_id: String,
}

/// A signed-in person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person (merge redirects already followed).
    pub person: PersonId,
    /// The account.
    pub account: AccountId,
    /// The session.
    pub session: SessionId,
    /// How surely the portal knows the person.
    pub assurance: Assurance,
    /// Whether a second factor was shown in this session (a demo token counts as one).
    pub second_factor: bool,
    /// Roles in force now, staff roles only where a second factor was shown.
    pub grants: Vec<Grant>,
}

/// A role in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// For what.
    pub scope: Scope,
}

/// What a grant reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole portal (administrators).
    Portal,
    /// A unit and everything below it; `path` is the unit's materialised path.
    Unit {
        /// The unit.
        id: UnitId,
        /// Path of the unit in the tree: ids from the root, each followed by `/`.
        path: String,
        /// The body that the unit is of.
        body: BodyId,
    },
    /// A body outside the tree, for example an employer.
    Body(BodyId),
}

impl Actor {
    /// Nobody is signed in.
    pub fn anonymous(request_id: impl Into<String>) -> Self {
        Self { member: None, request_id: request_id.into() }
    }

    /// The signed-in person's id, if any.
    pub fn person(&self) -> Option<PersonId> {
        self.member.as_ref().map(|m| m.person)
    }

    /// Whether the caller holds the role anywhere.
    pub fn has(&self, role: Role) -> bool {
        self.grants(role).next().is_some()
    }

    /// The grants of a role.
    pub fn grants(&self, role: Role) -> impl Iterator<Item = &Grant> {
        self.member.iter().flat_map(|m| &m.grants).filter(move |g| g.role == role)
    }

    /// Whether one of `roles` reaches the unit with this path.
    pub fn reaches_unit(&self, roles: &[Role], unit_path: &str) -> bool {
        roles.iter().any(|&role| self.grants(role).any(|g| g.scope.reaches(unit_path)))
    }

    /// The units for which the caller holds the role, as far as they reach the unit with this path.
    pub fn units_reaching(&self, role: Role, unit_path: &str) -> Vec<(Role, UnitId)> {
        let reaching = self.grants(role).filter(|g| g.scope.reaches(unit_path));
        reaching.filter_map(|g| Some((role, g.scope.unit()?))).collect()
    }

    /// The units for which the caller holds the role.
    pub fn units_of(&self, role: Role) -> impl Iterator<Item = UnitId> {
        self.grants(role).filter_map(|grant| grant.scope.unit())
    }

    /// Whether the caller holds the role for this body (of the body itself, or of a unit of it).
    pub fn reaches_body(&self, role: Role, body: BodyId) -> bool {
        self.grants(role).any(|g| match &g.scope {
            Scope::Portal => true,
            Scope::Body(id) | Scope::Unit { body: id, .. } => *id == body,
        })
    }

    /// Paths of the units that the caller reaches by one of `roles`, for list finders.
    pub fn unit_paths(&self, roles: &[Role]) -> Vec<String> {
        let mut paths: Vec<String> = roles
            .iter()
            .flat_map(|&role| self.grants(role))
            .filter_map(|g| match &g.scope {
                Scope::Portal => Some("/".to_owned()),
                Scope::Unit { path, .. } => Some(path.clone()),
                Scope::Body(_) => None,
            })
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }
}

impl Scope {
    /// The unit, where it is one.
    pub const fn unit(&self) -> Option<UnitId> {
        match self {
            Self::Unit { id, .. } => Some(*id),
            Self::Portal | Self::Body(_) => None,
        }
    }

    /// Whether the unit with this path is the granted one or below it.
    pub fn reaches(&self, unit_path: &str) -> bool {
        match self {
            Self::Portal => true,
            Self::Unit { path, .. } => unit_path.starts_with(path.as_str()),
            Self::Body(_) => false,
        }
    }
}
