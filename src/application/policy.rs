//! Who may see and work on a case.

use crate::application::model::case::State;
use crate::kernel::actor::{Actor, Member};
use crate::kernel::fault::Fault;
use crate::kernel::ids::{BodyId, PersonId, UnitId};
use crate::kernel::role::Role;

/// Staff roles that work on cases of their units.
pub const STAFF: [Role; 4] = [Role::WindowOfficer, Role::Reviewer, Role::Approver, Role::Supervisor];

/// What ties a caller to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Applicant or beneficiary, or agent of the applicant.
    pub own: bool,
    /// Staff roles that reach the unit of the case.
    pub roles: Vec<Role>,
    /// The units for which she holds them.
    pub grants: Vec<(Role, UnitId)>,
    /// Confirmer of the employer named in the form.
    pub confirms: bool,
}

/// Anybody who is signed in.
pub fn signed_in(actor: &Actor) -> Result<&Member, Fault> {
    actor.member.as_ref().ok_or(Fault::Unauthenticated)
}

/// What ties the caller to a case, or NOT_FOUND where nothing does: she may not know that it exists.
///
/// `persons` are the applicant and the beneficiaries; `unit_path` is that of the unit that works on it.
pub fn standing(actor: &Actor, persons: &[PersonId], agent: bool, unit_path: Option<&str>, employer: Option<BodyId>) -> Result<Standing, Fault> {
    let member = signed_in(actor)?;
    let own = agent || persons.contains(&member.person);
    let grants: Vec<(Role, UnitId)> = unit_path.map(|path| STAFF.into_iter().flat_map(|role| actor.units_reaching(role, path)).collect()).unwrap_or_default();
    let roles: Vec<Role> = STAFF.into_iter().filter(|role| grants.iter().any(|(held, _)| held == role)).collect();
    let confirms = employer.is_some_and(|body| actor.reaches_body(Role::EmployerConfirmer, body));
    if own || confirms || !roles.is_empty() { Ok(Standing { own, roles, grants, confirms }) } else { Err(Fault::NotFound) }
}

/// Whether a case is shown to the confirmers of its employer: until it is decided.
pub const fn shown_to_employer(state: State) -> bool {
    matches!(state, State::Received | State::SupplementRequested | State::Accepted | State::InReview)
}

/// Whether nothing but her employer's part ties the caller to a case: then she sees what is said of the employment.
pub const fn confirms_only(standing: &Standing) -> bool {
    standing.confirms && !standing.own && standing.roles.is_empty()
}

/// Staff who may read the queue of a unit: any staff role that reaches it.
pub fn may_read_queue(actor: &Actor, unit_path: &str) -> Result<(), Fault> {
    signed_in(actor)?;
    if actor.reaches_unit(&STAFF, unit_path) { Ok(()) } else { Err(Fault::NotFound) }
}

/// Staff of the unit read the papers of a case and compare originals; neither the confirmer of an employer nor whom the
/// case is about, who is a party to it also where she is staff.
pub fn may_read_papers(standing: &Standing) -> Result<(), Fault> {
    if standing.own || standing.roles.is_empty() { Err(Fault::NotFound) } else { Ok(()) }
}

/// Window staff fill carts for walk-ins.
pub fn window_officer(actor: &Actor) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if actor.has(Role::WindowOfficer) { Ok(member) } else { Err(Fault::Forbidden) }
}
