//! Rules about persons: identity documents, names, what may be changed and merged, who deals with
//! whom, looks at data in full.

pub mod access;
pub mod country;
pub mod dealing;
pub mod document;
pub mod identity;
pub mod profile;
