//! HTTP: the routes of the portal. Not: rules.

pub mod files;
//! axum: routes, the GraphQL handlers, sessions from headers, health. Not: rules.

pub mod graphql;
pub mod health;
pub mod router;
pub mod session;
pub mod socket;
