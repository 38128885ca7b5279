//! Use cases of the slice.
//!
//! `session_actor` is asked by every request; the others are grouped by what they are about.

pub mod contacts;
pub mod demo;
pub mod factors;
pub mod grants;
pub mod hashing;
pub mod letters;
pub mod limits;
pub mod mandates;
pub mod recovery;
pub mod sessions;
pub mod sign_in;
pub mod sign_up;
pub mod viewer;

// The names by which other slices and the HTTP layer ask.
pub use crate::account::model::client::AgentClass;
pub use crate::account::model::session::{ACCESS_COOKIE, REFRESH_COOKIE};
pub use demo::{demo_session, is_demo, mark_demo};
pub use grants::create_admin_invitation;
pub use mandates::mandate_in_force;
pub use sessions::session_actor;

/// Kind of object in trail and outbox.
pub const ACCOUNT: &str = "ACCOUNT";
/// Kind of object in trail and outbox.
pub const SESSION: &str = "SESSION";
