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
    if places.is_empty() { Err(Fault::Forbidden) } else { Ok((member, places)) }
}

/// System administration, and who supervises the unit or one above it (`path` is the unit's) or the body, say for what its
/// counters check cards.
pub fn may_allow<'a>(actor: &'a Actor, place: Counter, path: Option<&str>) -> Result<&'a Member, Fault> {
    let member = signed_in(actor)?;
    let supervises = actor.grants(Role::Supervisor).any(|grant| match (&grant.scope, place) {
        (Scope::Unit { path: above, .. }, Counter::Unit(_)) => path.is_some_and(|path| path.starts_with(above.as_str())),
        // A body's counters are those of all its units: who supervises its root does, who supervises a window does not.
        (Scope::Unit { id, body, path }, Counter::Body(asked)) => *body == asked && *path == format!("/{}/", id.0.simple()),
        (Scope::Body(id), Counter::Body(body)) => *id == body,
        (Scope::Portal, _) => true,
        (Scope::Body(_), Counter::Unit(_)) => false,
    });
    if supervises || actor.has(Role::SystemAdmin) { Ok(member) } else { Err(Fault::Forbidden) }
}
