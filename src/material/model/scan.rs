//! What the portal asks of a virus scanner. The scanner itself is in `adapter`.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

/// What a scanner found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Clean,
    /// Something harmful.
    Infected,
}

/// A scanner of files.
pub trait Scanner: Send + Sync + fmt::Debug {
    /// Reads a file and judges it. An error means that it could not be judged, and may be tried again.
    fn scan<'a>(&'a self, file: BoxStream<'a, Result<Bytes, anyhow::Error>>) -> BoxFuture<'a, Result<Verdict, anyhow::Error>>;
}

/// The scanner of a process, or none: then files are marked NOT_SCANNED and may be read.
#[derive(Clone, Debug, Default)]
pub struct Scanning(pub Option<Arc<dyn Scanner>>);
