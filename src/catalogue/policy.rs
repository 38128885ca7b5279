//! The catalogue is public: anybody may read it and ask what-if questions, signed in or not. Who makes units lets them offer.

use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::role::Role;

/// Whether the actor may read the catalogue.
pub const fn may_read(_actor: &Actor) -> Result<(), Fault> {
    Ok(())
}

/// The system administrator says what a unit offers; nobody else does.
pub fn may_offer(actor: &Actor) -> Result<(), Fault> {
    actor.member.as_ref().ok_or(Fault::Unauthenticated)?;
    if actor.has(Role::SystemAdmin) { Ok(()) } else { Err(Fault::Forbidden) }
}
