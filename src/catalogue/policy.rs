//! The catalogue is public: anybody may read it and ask what-if questions, signed in or not.

use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;

/// Whether the actor may read the catalogue.
pub const fn may_read(_actor: &Actor) -> Result<(), Fault> {
    Ok(())
}
