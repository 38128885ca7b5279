//! Types and rules of documents: pure, total; time, bytes and keys are arguments.

pub mod document;
pub mod media;
pub mod preview;
pub mod range;
pub mod scan;
pub mod sealing;
pub mod upload;
