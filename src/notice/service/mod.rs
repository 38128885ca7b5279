//! Use cases of the slice.

pub mod delivery;
pub mod devices;
pub mod follow;
pub mod inbox;
pub mod preferences;
pub mod subject;
