//! Cases of a person, as far as they say who of the staff deals with her.

use crate::application::model::case::State;
use crate::kernel::actor::Actor;
use crate::kernel::ids::PersonId;
use crate::kernel::role::Role;
use crate::person::model::dealing::{Dealt, Tie};

/// A case of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseOfPerson {
    /// Its state.
    pub state: State,
    /// Paths of the units that work on it and that received it.
    pub unit_paths: Vec<String>,
    /// Code of its item.
    pub item_code: String,
    /// Whose it is: who she is now.
    pub applicant: PersonId,
}

/// By which of `roles` the caller deals with a person who has these cases: her grant reaches the unit that works on one
/// or that received it. A draft is the applicant's alone. An open case goes before a closed one.
pub fn dealt(actor: &Actor, roles: &[Role], cases: &[CaseOfPerson]) -> Option<Dealt> {
    let mut strongest: Option<Dealt> = None;
    for case in cases.iter().filter(|case| case.state != State::Draft) {
        let tie = if case.state.is_closed() { Tie::Closed } else { Tie::Current };
        let role = roles.iter().find(|role| case.unit_paths.iter().any(|path| actor.reaches_unit(&[**role], path)));
        if let Some(&role) = role
            && strongest.is_none_or(|s| tie > s.tie)
        {
            strongest = Some(Dealt { role, tie });
        }
    }
    strongest
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::kernel::actor::{Grant, Member, Scope};
    use crate::kernel::ids::{AccountId, BodyId, SessionId, UnitId};
    use crate::kernel::role::Assurance;

    fn staff(grants: &[(Role, &str)]) -> Actor {
        let id = Uuid::nil();
        let grant = |(role, path): &(Role, &str)| Grant { role: *role, scope: Scope::Unit { id: UnitId(id), path: (*path).to_owned(), body: BodyId(id) } };
        let member = Member {
            person: PersonId(id),
            account: AccountId(id),
            session: SessionId(id),
            assurance: Assurance::L2,
            second_factor: true,
            grants: grants.iter().map(grant).collect(),
        };
        Actor { member: Some(member), request_id: "test".into() }
    }

    fn case(state: State, paths: &[&str]) -> CaseOfPerson {
        CaseOfPerson { state, unit_paths: paths.iter().map(|p| (*p).to_owned()).collect(), item_code: "ONE".into(), applicant: PersonId(Uuid::nil()) }
    }

    #[test]
    fn a_grant_ties_by_the_unit_that_works_or_received_and_an_open_case_goes_first() {
        let roles = [Role::WindowOfficer, Role::Reviewer];
        let city = staff(&[(Role::WindowOfficer, "/a/b/")]);
        let tie = |actor: &Actor, cases: &[CaseOfPerson]| dealt(actor, &roles, cases).map(|d| (d.role, d.tie));
        assert_eq!(tie(&city, &[case(State::Received, &["/a/b/c/"])]), Some((Role::WindowOfficer, Tie::Current)));
        assert_eq!(tie(&city, &[case(State::InReview, &["/a/x/", "/a/b/"])]), Some((Role::WindowOfficer, Tie::Current)));
        assert_eq!(tie(&city, &[case(State::Received, &["/a/", "/a/x/"])]), None);
        assert_eq!(tie(&city, &[case(State::Draft, &["/a/b/"])]), None);
        assert_eq!(tie(&city, &[case(State::Delivered, &["/a/b/"])]), Some((Role::WindowOfficer, Tie::Closed)));
        let both = staff(&[(Role::WindowOfficer, "/a/b/"), (Role::Reviewer, "/z/")]);
        assert_eq!(tie(&both, &[case(State::Withdrawn, &["/a/b/"]), case(State::Accepted, &["/z/"])]), Some((Role::Reviewer, Tie::Current)));
        assert_eq!(tie(&staff(&[(Role::Counter, "/a/b/")]), &[case(State::Received, &["/a/b/"])]), None);
        assert_eq!(tie(&city, &[]), None);
    }
}
