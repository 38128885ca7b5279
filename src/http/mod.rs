//! HTTP: the routes of the portal. Not: rules.

pub mod files;
