//! Rules about persons: identity documents, names, what may be changed and merged.

pub mod country;
pub mod document;
