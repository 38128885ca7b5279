//! Use cases of the slice.

pub mod check;
pub mod fulfilment;
pub mod issue;
pub mod merge;
pub mod publish;
pub mod subject;
pub mod view;

/// Kind of object in trail and outbox.
pub const OBJECT: &str = "CARD";
