//! Rules of the case engine: pure and total; time and calendar are passed in.

pub mod case;
pub mod clock;
pub mod document;
pub mod order;
pub mod person;
pub mod projection;
pub mod queue;
pub mod sight;
