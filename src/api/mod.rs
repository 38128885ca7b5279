//! GraphQL plumbing without any service's types, except [`schema`] and [`node`].

pub mod connection;
pub mod context;
#[macro_use]
pub mod enums;
pub mod error;
pub mod guard;
pub mod ids;
pub mod messages;
pub mod node;
pub mod operations;
pub mod reason;
pub mod scalars;
pub mod schema;
pub mod text;
pub mod values;
