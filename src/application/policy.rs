//! Who may see and work on a case.

use crate::application::model::rights::Side;
use crate::kernel::actor::{Actor, Member};
use crate::kernel::fault::Fault;
use crate::kernel::ids::{BodyId, PersonId, UnitId};
use crate::kernel::role::Role;

/// Staff roles that work on cases of their units.
pub const STAFF: [Role; 4] = [Role::WindowOfficer, Role::Reviewer, Role::Approver, Role::Supervisor];

/// What ties a caller to a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// On which side she stands, if she does: applicant, agent, or officer who fills the cart.
    pub side: Option<Side>,
    /// Whether it concerns her besides the applicant: it is for her, or she, who would work on it, is the applicant's agent.
    /// She sees how it stands, and works on it as little as the applicant.
    pub beneficiary: bool,
    /// Staff roles that reach the unit that works on the case.
    pub roles: Vec<Role>,
    /// The units for which she holds them.
    pub grants: Vec<(Role, UnitId)>,
    /// Staff roles that reach the unit that received it, which answers for it to the applicant wherever it is.
    pub received: Vec<Role>,
    /// Confirmer of the employer named in the form.
    pub confirms: bool,
}

/// Anybody who is signed in.
pub fn signed_in(actor: &Actor) -> Result<&Member, Fault> {
    actor.member.as_ref().ok_or(Fault::Unauthenticated)
}

impl Standing {
    /// The same, or NOT_FOUND where nothing ties her to the case: she may not know that it exists.
    pub fn or_not_found(self) -> Result<Self, Fault> {
        if self.side.is_some() || self.beneficiary || self.confirms || self.staff() { Ok(self) } else { Err(Fault::NotFound) }
    }

    /// The same for who filled the cart under a mandate: a party to it she stays, whatever became of the mandate, so that
    /// no role of hers reaches it.
    pub fn as_former_agent(self) -> Result<Self, Fault> {
        let Self { side, beneficiary, .. } = self;
        Self { side, beneficiary, ..Self::default() }.or_not_found()
    }

    /// The same for who holds a mandate of the applicant that covers the item: where she would work on the case, it is as her
    /// own.
    #[must_use]
    pub fn as_agent_of_applicant(self) -> Self {
        Self { beneficiary: self.beneficiary || self.confirms || self.staff(), ..self }
    }

    /// Whether she is staff of a unit that has to do with it.
    pub fn staff(&self) -> bool {
        !self.roles.is_empty() || !self.received.is_empty()
    }
}

/// The units for which the caller holds a role of the staff.
pub fn staff_units(actor: &Actor) -> Vec<UnitId> {
    STAFF.into_iter().flat_map(|role| actor.units_of(role)).collect()
}

/// What ties the caller to a case, or NOT_FOUND where nothing does.
///
/// `beneficiaries` are those besides the applicant; `acts_for` tells how the caller acts for another; `current` and
/// `receiving` are the paths of the unit that works on the case and of the one that received it.
pub fn standing(
    actor: &Actor,
    applicant: PersonId,
    beneficiaries: &[PersonId],
    acts_for: Option<Side>,
    (current, receiving): (Option<&str>, Option<&str>),
    employer: Option<BodyId>,
) -> Result<Standing, Fault> {
    let member = signed_in(actor)?;
    let side = if applicant == member.person { Some(Side::Applicant) } else { acts_for };
    let beneficiary = beneficiaries.contains(&member.person);
    let reaching = |path: Option<&str>| -> Vec<(Role, UnitId)> {
        path.map(|path| STAFF.into_iter().flat_map(|role| actor.units_reaching(role, path)).collect()).unwrap_or_default()
    };
    let held = |grants: &[(Role, UnitId)]| STAFF.into_iter().filter(|role| grants.iter().any(|(held, _)| held == role)).collect();
    let grants = reaching(current);
    let (roles, received) = (held(&grants), if current == receiving { held(&grants) } else { held(&reaching(receiving)) });
    let confirms = employer.is_some_and(|body| actor.reaches_body(Role::EmployerConfirmer, body));
    Standing { side, beneficiary, roles, grants, received, confirms }.or_not_found()
}

/// Staff who may read the queue of a unit: any staff role that reaches it.
pub fn may_read_queue(actor: &Actor, unit_path: &str) -> Result<(), Fault> {
    signed_in(actor)?;
    if actor.reaches_unit(&STAFF, unit_path) { Ok(()) } else { Err(Fault::NotFound) }
}

/// Staff of its units read the papers of a case and compare originals; neither the confirmer of an employer nor whom the
/// case is about, who is a party to it also where she is staff.
pub fn may_read_papers(standing: &Standing) -> Result<(), Fault> {
    if standing.side.is_some() || standing.beneficiary || !standing.staff() { Err(Fault::NotFound) } else { Ok(()) }
}

/// Whether the caller takes papers for the unit with this path.
pub fn receives_for(actor: &Actor, unit_path: &str) -> bool {
    actor.reaches_unit(&[Role::WindowOfficer], unit_path)
}

/// Window staff fill carts for walk-ins.
pub fn window_officer(actor: &Actor) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if actor.has(Role::WindowOfficer) { Ok(member) } else { Err(Fault::Forbidden) }
}
