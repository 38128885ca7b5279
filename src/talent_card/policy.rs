//! Who may do what with cards.

use crate::kernel::actor::{Actor, Member, Scope};
use crate::kernel::fault::Fault;
use crate::kernel::role::Role;
use crate::talent_card::model::check::Counter;

/// Anybody who is signed in.
pub fn signed_in(actor: &Actor) -> Result<&Member, Fault> {
    actor.member.as_ref().ok_or(Fault::Unauthenticated)
}

/// Whoever stands at a counter; the places where she does.
pub fn counter(actor: &Actor) -> Result<(&Member, Vec<Counter>), Fault> {
    let member = signed_in(actor)?;
    let places = counters(actor);
    if places.is_empty() { Err(Fault::Forbidden) } else { Ok((member, places)) }
}

/// The counters at which the caller stands.
pub fn counters(actor: &Actor) -> Vec<Counter> {
    let mut places: Vec<Counter> = actor
        .grants(Role::Counter)
        .filter_map(|grant| match &grant.scope {
            Scope::Portal => None,
            Scope::Unit { id, .. } => Some(Counter::Unit(*id)),
            Scope::Body(id) => Some(Counter::Body(*id)),
        })
        .collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Who decides on cards that were issued: whoever approves somewhere. For which units, [`decides_for`] tells.
pub fn approver(actor: &Actor) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if actor.has(Role::Approver) { Ok(member) } else { Err(Fault::Forbidden) }
}

/// Whether the caller decides on the cards of the unit with this path: she approves for it or for one above it.
pub fn decides_for(actor: &Actor, unit_path: &str) -> bool {
    actor.reaches_unit(&[Role::Approver], unit_path)
}

/// Staff who look cards up: window officers, for holders who stand before them, and approvers, for the cards of their units.
pub fn looks_up(actor: &Actor) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if actor.has(Role::WindowOfficer) || actor.has(Role::Approver) { Ok(member) } else { Err(Fault::Forbidden) }
}

/// Who takes a use back: a counter, or a supervisor.
pub fn takes_back(actor: &Actor) -> Result<&Member, Fault> {
    let member = signed_in(actor)?;
    if actor.has(Role::Counter) || actor.has(Role::Supervisor) { Ok(member) } else { Err(Fault::Forbidden) }
}

/// System administration, and who supervises the unit or one above it (`path` is the unit's) or the body, say for what its
/// counters check cards.
pub fn may_allow<'a>(actor: &'a Actor, place: Counter, path: Option<&str>) -> Result<&'a Member, Fault> {
    let member = signed_in(actor)?;
    if supervises(actor, place, path) || actor.has(Role::SystemAdmin) { Ok(member) } else { Err(Fault::Forbidden) }
}

/// Whether the caller supervises a counter: its unit or one above it (`path` is the unit's), or the body.
pub fn supervises(actor: &Actor, place: Counter, path: Option<&str>) -> bool {
    actor.grants(Role::Supervisor).any(|grant| match (&grant.scope, place) {
        (Scope::Unit { path: above, .. }, Counter::Unit(_)) => path.is_some_and(|path| path.starts_with(above.as_str())),
        // A body's counters are those of all its units: who supervises its root does, who supervises a window does not.
        (Scope::Unit { id, body, path }, Counter::Body(asked)) => *body == asked && *path == format!("/{}/", id.0.simple()),
        (Scope::Body(id), Counter::Body(body)) => *id == body,
        (Scope::Portal, _) => true,
        (Scope::Body(_), Counter::Unit(_)) => false,
    })
}
