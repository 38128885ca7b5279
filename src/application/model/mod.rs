//! Types and rules of orders and cases.

pub mod clock;
