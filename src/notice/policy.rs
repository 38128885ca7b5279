//! Who may read notices and say where they go: each her own.

use crate::kernel::actor::{Actor, Member};
use crate::kernel::fault::Fault;

/// Anybody who is signed in.
pub fn signed_in(actor: &Actor) -> Result<&Member, Fault> {
    actor.member.as_ref().ok_or(Fault::Unauthenticated)
}
