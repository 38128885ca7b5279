//! What a service item asks, promises and gives: types and rules without any I/O.

pub mod bundle;
pub mod elements;
pub mod facts;
pub mod form;
pub mod item;
pub mod offering;
pub mod rule;
pub mod version;
