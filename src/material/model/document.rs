//! Documents, their versions and what may be done with a version.

use chrono::{DateTime, Utc};

use super::media::MediaType;
use crate::coded_enum;
use crate::kernel::ids::{DocumentId, DocumentVersionId, PersonId};
use crate::kernel::rejection::Code;

coded_enum! {
    /// What is known about a version from a virus scanner.
    pub enum ScanState {
        /// A scanner is configured and has not judged yet; nobody may read the file.
        Pending => "PENDING",
        /// The scanner found nothing.
        Clean => "CLEAN",
        /// The scanner found something; nobody may read the file or hand it in.
        Infected => "INFECTED",
        /// No scanner is configured.
        NotScanned => "NOT_SCANNED",
    }
}

impl ScanState {
    /// Why the file may not be read, if it may not.
    pub const fn barrier(self) -> Option<Code> {
        match self {
            Self::Pending => Some(Code::ScanPending),
            Self::Infected => Some(Code::FileInfected),
            Self::Clean | Self::NotScanned => None,
        }
    }
}

/// The most bytes of a kind's code.
pub const KIND_MAX: usize = 64;

/// Whether a text has the form of a kind's code: capital letters, digits and underscores, a letter first.
pub fn is_kind(text: &str) -> bool {
    text.len() <= KIND_MAX && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}

/// A document: one paper of a person, in one or more versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Id.
    pub id: DocumentId,
    /// Whose it is, as it was written (follow redirects).
    pub owner: PersonId,
    /// Code of the kind of material.
    pub kind: String,
    /// Name that the owner gave the file, sealed with her data key.
    pub title_sealed: Option<Vec<u8>>,
    /// When the first version came.
    pub created_at: DateTime<Utc>,
    /// Raised with each version.
    pub version: i64,
}

/// A version of a document. Never changed; only what the scanner says and whether it was handed in is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentVersion {
    /// Id.
    pub id: DocumentVersionId,
    /// The document.
    pub document: DocumentId,
    /// Whose it is, as it was written.
    pub owner: PersonId,
    /// Code of the kind of material.
    pub kind: String,
    /// Counts from 1.
    pub number: i32,
    /// The object in the store that holds the sealed bytes.
    pub object: uuid::Uuid,
    /// Type by content.
    pub media_type: MediaType,
    /// Bytes of the original.
    pub size: i64,
    /// SHA-256 of the original.
    pub sha256: Vec<u8>,
    /// What the scanner says.
    pub scan_state: ScanState,
    /// When it came.
    pub created_at: DateTime<Utc>,
    /// Who sent it: the owner, or an officer for a walk-in.
    pub uploaded_by: PersonId,
    /// When it was first handed in; versions that never are, are swept.
    pub attached_at: Option<DateTime<Utc>>,
}

impl DocumentVersion {
    /// The name under which the file is downloaded: made by the portal, never from what a client sent.
    pub fn file_name(&self) -> String {
        format!("{}-{}.{}", self.kind.to_ascii_lowercase().replace('_', "-"), self.number, self.media_type.extension())
    }

    /// The name under which its preview is downloaded.
    pub fn preview_name(&self) -> String {
        format!("{}-{}-preview.jpg", self.kind.to_ascii_lowercase().replace('_', "-"), self.number)
    }

    /// Whether it may be handed in for a material: it is one of hers, of the kind asked for (any, if none) and not infected.
    pub fn is_usable(&self, owner: &[PersonId], kind: Option<&str>) -> bool {
        owner.contains(&self.owner) && kind.is_none_or(|k| k == self.kind) && self.scan_state != ScanState::Infected
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn version(scan_state: ScanState) -> DocumentVersion {
        DocumentVersion {
            id: DocumentVersionId(Uuid::from_u128(1)),
            document: DocumentId(Uuid::from_u128(2)),
            owner: PersonId(Uuid::from_u128(3)),
            kind: "EMPLOYMENT_CONTRACT".into(),
            number: 2,
            object: Uuid::from_u128(4),
            media_type: MediaType::Jpeg,
            size: 1,
            sha256: vec![0; 32],
            scan_state,
            created_at: DateTime::UNIX_EPOCH,
            uploaded_by: PersonId(Uuid::from_u128(3)),
            attached_at: None,
        }
    }

    #[test]
    fn file_names_are_made_of_kind_number_and_type() {
        assert_eq!(version(ScanState::Clean).file_name(), "employment-contract-2.jpg");
    }

    #[test]
    fn codes_of_kinds_have_one_form() {
        for (text, good) in
            [("PASSPORT", true), ("A1_B", true), ("", false), ("_A", false), ("1A", false), ("passport", false), ("../../X", false), ("护照", false)]
        {
            assert_eq!(is_kind(text), good, "{text}");
        }
        assert!(!is_kind(&"A".repeat(KIND_MAX + 1)));
    }

    #[test]
    fn only_her_own_clean_version_of_the_kind_is_usable() {
        let (own, other) = ([PersonId(Uuid::from_u128(3))], [PersonId(Uuid::from_u128(9))]);
        for (state, usable) in [(ScanState::Clean, true), (ScanState::NotScanned, true), (ScanState::Pending, true), (ScanState::Infected, false)] {
            assert_eq!(version(state).is_usable(&own, Some("EMPLOYMENT_CONTRACT")), usable, "{state}");
            assert!(!version(state).is_usable(&other, None));
            assert!(!version(state).is_usable(&own, Some("PASSPORT")));
        }
    }

    #[test]
    fn nothing_is_read_before_the_scanner_has_judged_it_clean() {
        let barriers: Vec<_> = ScanState::ALL.iter().map(|s| s.barrier()).collect();
        assert_eq!(barriers, [Some(Code::ScanPending), None, Some(Code::FileInfected), None]);
    }
}
