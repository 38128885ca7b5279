//! Uploads: what a client declares, and how long the portal waits for it.

use chrono::{DateTime, Duration, Utc};

use super::document;
use super::media::MediaType;
use crate::coded_enum;
use crate::kernel::hex;
use crate::kernel::ids::{DocumentId, DocumentVersionId, PersonId, UploadId};
use crate::kernel::rejection::{Code, Rejection};

coded_enum! {
    /// Where an upload stands.
    pub enum UploadState {
        /// Bytes are waited for.
        Receiving => "RECEIVING",
        /// It became a version of a document.
        Complete => "COMPLETE",
        /// Its bytes were refused; nothing of them is kept.
        Refused => "REFUSED",
    }
}

/// How long an upload may take, and after which what was never handed in is swept.
pub const LIFE: Duration = Duration::hours(24);
/// How long a download token lasts.
pub const DOWNLOAD_LIFE: Duration = Duration::minutes(5);
/// Pieces in which one file may come.
pub const SEGMENTS_MAX: i32 = 256;
/// Uploads that one person may have open.
pub const OPEN_MAX: u64 = 20;
/// Versions of one document.
pub const VERSIONS_MAX: i32 = 50;
/// Bytes that one person may have waiting to be handed in: declared, or received and not attached.
pub const WAITING_MAX: i64 = 512 << 20;
/// The most characters of a file name.
pub const FILE_NAME_MAX: usize = 255;

/// What a client wants to send.
#[derive(Clone, Debug)]
pub struct CreateUpload {
    /// Code of the kind of material.
    pub kind: String,
    /// Name of the file on the client's side, shown to the owner only.
    pub file_name: Option<String>,
    /// Bytes.
    pub size: i64,
    /// Internet media type.
    pub media_type: String,
    /// SHA-256 of the bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// The document of which it is a new version; without it a document is made.
    pub document: Option<DocumentId>,
    /// For whom it is sent: an officer's walk-in, or an agent's principal.
    pub for_person: Option<PersonId>,
}

/// A declaration that passed the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Code of the kind of material.
    pub kind: String,
    /// Name of the file.
    pub file_name: Option<String>,
    /// Bytes, at least one.
    pub size: i64,
    /// Type that the bytes must have.
    pub media_type: MediaType,
    /// SHA-256 that the bytes must have.
    pub sha256: Vec<u8>,
}

impl Declared {
    /// Reads a declaration; every reason for a no at once. `most` is the most bytes of a file.
    pub fn parse(command: &CreateUpload, most: u64) -> Result<Self, Vec<Rejection>> {
        let mut reasons = Vec::new();
        if !document::is_kind(&command.kind) {
            reasons.push(Rejection::at(Code::Malformed, "input.documentKind"));
        }
        let file_name = command.file_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        if let Some(name) = file_name {
            if name.chars().count() > FILE_NAME_MAX {
                reasons.push(Rejection::at(Code::TooLong, "input.fileName").number("max", 255));
            } else if name.chars().any(char::is_control) {
                reasons.push(Rejection::at(Code::Malformed, "input.fileName"));
            }
        }
        if command.size < 1 {
            reasons.push(Rejection::at(Code::NotAllowed, "input.size"));
        } else if command.size.unsigned_abs() > most {
            reasons.push(Rejection::at(Code::FileTooLarge, "input.size").number("max", i64::try_from(most).unwrap_or(i64::MAX)));
        }
        let media_type = MediaType::of_mime(&command.media_type);
        if media_type.is_none() {
            reasons.push(Rejection::at(Code::MediaTypeNotAllowed, "input.mediaType"));
        }
        let sha256 = hex::decode(&command.sha256.trim().to_ascii_lowercase()).filter(|digest| digest.len() == 32);
        if sha256.is_none() {
            reasons.push(Rejection::at(Code::Malformed, "input.sha256"));
        }
        match (media_type, sha256) {
            (Some(media_type), Some(sha256)) if reasons.is_empty() => {
                Ok(Self { kind: command.kind.clone(), file_name: file_name.map(str::to_owned), size: command.size, media_type, sha256 })
            }
            _ => Err(reasons),
        }
    }
}

/// An upload as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Id.
    pub id: UploadId,
    /// Hash of its token.
    pub token_hash: Vec<u8>,
    /// Whose document it becomes.
    pub owner: PersonId,
    /// Who sends it.
    pub uploaded_by: PersonId,
    /// Code of the kind of material.
    pub kind: String,
    /// Name of the file, sealed with the owner's data key.
    pub title_sealed: Option<Vec<u8>>,
    /// Declared bytes.
    pub size: i64,
    /// Declared type.
    pub media_type: MediaType,
    /// Declared SHA-256.
    pub sha256: Vec<u8>,
    /// Bytes that came.
    pub received: i64,
    /// Pieces in which they came.
    pub segments: i32,
    /// Where it stands.
    pub state: UploadState,
    /// The document of which it is or was made a version.
    pub document: Option<DocumentId>,
    /// The version that it became.
    pub version: Option<DocumentVersionId>,
    /// When it was declared.
    pub created_at: DateTime<Utc>,
    /// When the portal stops waiting.
    pub expires_at: DateTime<Utc>,
}

/// A piece of an upload that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The object in the store.
    pub object: uuid::Uuid,
    /// Place of its first byte in the file.
    pub start: i64,
    /// Bytes.
    pub size: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> CreateUpload {
        CreateUpload {
            kind: "PASSPORT".into(),
            file_name: Some(" scan.pdf ".into()),
            size: 10,
            media_type: "application/pdf".into(),
            sha256: "AB".repeat(32),
            document: None,
            for_person: None,
        }
    }

    #[test]
    fn a_good_declaration_is_read() {
        let declared = Declared::parse(&command(), 10).unwrap();
        assert_eq!((declared.file_name.as_deref(), declared.media_type, declared.sha256), (Some("scan.pdf"), MediaType::Pdf, vec![0xAB; 32]));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let wrong = CreateUpload {
            kind: "passport".into(),
            file_name: Some("a\nb".into()),
            size: 11,
            media_type: "text/html".into(),
            sha256: "xy".into(),
            ..command()
        };
        let reasons: Vec<_> = Declared::parse(&wrong, 10).unwrap_err().into_iter().map(|r| (r.code, r.field.join("."))).collect();
        assert_eq!(
            reasons,
            [
                (Code::Malformed, "input.documentKind".into()),
                (Code::Malformed, "input.fileName".into()),
                (Code::FileTooLarge, "input.size".into()),
                (Code::MediaTypeNotAllowed, "input.mediaType".into()),
                (Code::Malformed, "input.sha256".into()),
            ]
        );
        assert_eq!(Declared::parse(&CreateUpload { size: 0, ..command() }, 10).unwrap_err()[0].code, Code::NotAllowed);
    }
}
