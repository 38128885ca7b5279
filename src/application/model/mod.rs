//! Rules of the case engine: pure and total; time and calendar are passed in.

pub mod case;
pub mod clock;
pub mod document;
pub mod event;
pub mod explain;
pub mod number;
pub mod order;
pub mod person;
pub mod projection;
pub mod queue;
pub mod request;
pub mod rights;
pub mod sight;
