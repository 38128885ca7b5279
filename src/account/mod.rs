//! Accounts: how a person signs in, and as what she may act.
//!
//! An account belongs to one person and has contact points (e-mail, mobile), a password and sessions. Sign-up and
//! recovery answer alike for known and unknown contact points and end with a code that is sent there. A session is a
//! pair of opaque tokens of which only hashes are stored; the access token lasts minutes, the refresh token is spent
//! at each use, and one used twice ends the session. Tries are limited in the database, by account, network and site,
//! before anything is looked up. Grants give roles for a unit or body; those of staff are in force only where a second
//! factor was shown, a code of an authenticator app that its owner enrols herself. Mandates let one person act for
//! another. `service::session_actor` is asked once per request.

pub mod adapter;
pub mod graphql;
pub mod job;
pub mod model;
pub mod policy;
pub mod service;
pub mod store;
