//! Orders (carts) and cases (办件): one engine for every service item.
//!
//! A cart is an order with drafts. Handing it in makes each draft a case: pinned to a version and an offering, numbered,
//! receipted, and under a clock. A case is a fold over its events ([`model::case`]); the row beside them is a projection
//! that `check projections` recomputes. One transition table says in which state what may be done; who may do it, the step
//! and the claim are asked besides. Every change is one event, appended with a compare-and-set on the version, together
//! with its trail row and its announcement. The legal clock is pure ([`model::clock`]); what lapses by time is true
//! whether or not a job has run. What an approval gives is done by fulfilments that later slices register.

pub mod entity;
pub mod graphql;
pub mod job;
pub mod model;
pub mod policy;
pub mod read;
pub mod service;
pub mod store;
