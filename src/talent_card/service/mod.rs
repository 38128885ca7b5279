//! Use cases of the slice.

pub mod check;
pub mod fulfilment;
pub mod issue;
pub mod life;
pub mod merge;
pub mod publish;
pub mod renewal;
pub mod replacement;
pub mod reversal;
pub mod status;
pub mod sub_card;
pub mod subject;
pub mod view;

/// Kind of object in trail and outbox.
pub const OBJECT: &str = "CARD";
