//! axum: routes, the GraphQL handlers, files, sessions from headers, health. Not: rules.

pub mod files;
pub mod graphiql;
pub mod graphql;
pub mod health;
pub mod rates;
pub mod refusal;
pub mod router;
pub mod server;
pub mod session;
pub mod socket;
pub mod sockets;
