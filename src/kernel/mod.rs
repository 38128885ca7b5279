//! Words that every slice shares: ids, time, chance, who asks, how no is said, pages, texts, seals.
//!
//! No GraphQL, no HTTP, no queries. What a second slice needs of a first one moves here.

pub mod actor;
pub mod clock;
pub mod code;
pub mod cursor;
pub mod env;
pub mod fault;
pub mod hex;
pub mod identifier;
pub mod ids;
pub mod page;
pub mod rejection;
pub mod role;
pub mod seal;
pub mod text;
pub mod uscc;
