//! Who may read the trail.

use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::role::Role;

/// The audit administrator reads the trail; nobody else does, and she changes nothing.
pub fn may_read(actor: &Actor) -> Result<(), Fault> {
    match &actor.member {
        None => Err(Fault::Unauthenticated),
        Some(_) if actor.has(Role::AuditAdmin) => Ok(()),
        Some(_) => Err(Fault::Forbidden),
    }
}
