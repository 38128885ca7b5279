//! Notices: what happened, told to whom it concerns.
//!
//! Slices announce causes with ids and codes; this one reads the announcements in the order of their positions
//! (`service::follow`), finds out whom each concerns, and puts a notice into her inbox: one for each cause and recipient, by
//! the database. What must reach somebody stays in the inbox whatever she prefers; e-mail, SMS and push beside it are rows
//! of the outbox, worked off with leases and retries. A notice holds no words: title and text are made for each reader from
//! its cause, in her language. A new cause is one value of `model::cause::Cause` and its words in four files.
//!
//! Later slices say by `service::subject::Subject` whom their objects belong to.

pub mod adapter;
pub mod graphql;
pub mod job;
pub mod model;
pub mod policy;
pub mod service;
pub mod store;
