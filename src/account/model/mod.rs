//! Rules of accounts: pure, total, time and chance passed in.

pub mod client;
pub mod code;
pub mod contact;
pub mod factor;
pub mod grant;
pub mod limit;
pub mod mail;
pub mod mandate;
pub mod password;
pub mod session;
