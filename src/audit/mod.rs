//! Trail (审计记录), outbox and sequencer.
//!
//! A mutation writes its trail row and its outbox rows in its own transaction, unsequenced: order of ids is not order of
//! commits, and a chain head inside the transaction would make all writers wait for each other. One leased sequencer
//! gives committed rows a dense position by inserting into the seal table, links the hash chain over the trail, signs
//! the head and tells listeners. Trail rows and seals are never changed.
//!
//! Idempotency keys and leases live here too, since they are part of the same transactions.

pub mod entity;
pub mod graphql;
pub mod job;
pub mod model;
pub mod policy;
pub mod service;
pub mod store;
