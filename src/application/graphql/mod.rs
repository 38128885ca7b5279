//! Orders and cases in the API.

pub mod mutation;
pub mod page;
pub mod query;
pub mod subscription;
pub mod types;
