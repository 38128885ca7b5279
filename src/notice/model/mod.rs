//! Rules of the slice.

pub mod cause;
pub mod channel;
pub mod words;
