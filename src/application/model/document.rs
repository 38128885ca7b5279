//! Case documents (文书): numbered, never changed, signed, with reason, legal basis and remedies.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::application::model::event::{Decision, Procedure, TerminationReason};
use crate::catalogue::model::version::{LegalBasis, VersionContent};
use crate::coded_enum;
use crate::kernel::ids::{ApplicationId, CaseDocumentId, UnitId};
use crate::kernel::text::Text;

coded_enum! {
    /// Kind of a case document.
    pub enum DocumentKind {
        /// Receipt (收件回执).
        Receipt => "RECEIPT",
        /// Notice of acceptance (受理通知书).
        Acceptance => "ACCEPTANCE",
        /// One-time notice of what is missing (一次性告知书).
        SupplementNotice => "SUPPLEMENT_NOTICE",
        /// Refusal of acceptance (不予受理决定书).
        NotAccepted => "NOT_ACCEPTED",
        /// Extension of the limit (延长办理期限告知书).
        Extension => "EXTENSION",
        /// Decision (决定书).
        Decision => "DECISION",
        /// Notice of a special procedure (特别程序告知书).
        Procedure => "PROCEDURE",
        /// Notice that the case has ended without a decision (终止通知书).
        Termination => "TERMINATION",
    }
}

impl DocumentKind {
    /// Letter by which the document's number ends, before the number of the event.
    pub const fn letter(self) -> char {
        match self {
            Self::Receipt => 'R',
            Self::Acceptance => 'A',
            Self::SupplementNotice => 'S',
            Self::NotAccepted => 'N',
            Self::Extension => 'E',
            Self::Decision => 'D',
            Self::Procedure => 'P',
            Self::Termination => 'T',
        }
    }
}

/// Media type of the signed form, in the `typ` of its header.
pub const JWS_TYPE: &str = "case-document+jws";

/// What a case document says. These are the claims that are signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// Id of the document, without prefix.
    pub jti: String,
    /// When it was issued, seconds since 1970.
    pub iat: i64,
    /// Kind.
    pub kind: DocumentKind,
    /// Number of the document.
    pub number: String,
    /// Number of the case.
    pub case_number: String,
    /// Name of the item.
    pub item: Text,
    /// Name of the applicant.
    pub applicant: String,
    /// The unit that issued it.
    pub unit: Option<UnitId>,
    /// Name of that unit.
    pub unit_name: Option<Text>,
    /// Names of the materials that were received, on the receipt.
    pub materials: Vec<Text>,
    /// When the case was received.
    pub received_at: DateTime<Utc>,
    /// Until when it is accepted, supplemented or refused, on the receipt: afterwards it counts as accepted.
    pub acceptance_due_at: Option<DateTime<Utc>>,
    /// Until when the decision is promised, where it is known: the limits run from acceptance.
    pub promised_due_at: Option<DateTime<Utc>>,
    /// Until when the law wants the decision, where it is known.
    pub statutory_due_at: Option<DateTime<Utc>>,
    /// Whether the dates may still move with the official calendar.
    pub provisional: bool,
    /// What was decided.
    pub decision: Option<Decision>,
    /// What an approval gives, for example the number of a card.
    pub given: Vec<Given>,
    /// What the applicant is asked for, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// Until when she hands it in, on a notice of what is missing; afterwards the case ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_due_at: Option<DateTime<Utc>>,
    /// The special procedure that the notice is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedure: Option<Procedure>,
    /// Working days: those that the special procedure takes at most, or by which the limits became longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Why the case ended without a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination: Option<TerminationReason>,
    /// The reason, in the words of the officer.
    pub reason: Option<String>,
    /// On what it rests.
    pub legal_basis: Vec<LegalBasis>,
    /// 行政复议.
    pub reconsideration: Option<Text>,
    /// 行政诉讼.
    pub litigation: Option<Text>,
}

/// One thing that an approval gives, as the decision tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What it is.
    pub name: Text,
    /// Its value: a number, a date (`2026-01-05`), a name.
    pub value: Text,
}

/// Something that the applicant is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Name of the material, or title of the question of the form.
    pub name: Text,
    /// Why, in the words of the officer.
    pub reason: String,
}

/// Whom a document names.
#[derive(Clone, Debug, Default)]
pub struct Parties {
    /// Name of the applicant.
    pub applicant: String,
    /// The unit that issues it.
    pub unit: Option<(UnitId, Text)>,
}

/// What differs between documents of one case.
#[derive(Clone, Debug, Default)]
pub struct Wording<'a> {
    /// The reason.
    pub reason: Option<&'a str>,
    /// Names of the materials that were received, for the receipt.
    pub materials: Vec<Text>,
    /// What the approval gives, for the decision.
    pub given: Vec<Given>,
    /// What the applicant is asked for.
    pub asked: Vec<Asked>,
    /// The special procedure that begins.
    pub procedure: Option<Procedure>,
    /// Working days of the special procedure or of the extension.
    pub days: Option<u32>,
}

/// The facts of the case that a document repeats.
#[derive(Clone, Debug)]
pub struct CaseFacts<'a> {
    /// The case.
    pub application: ApplicationId,
    /// Its number.
    pub number: &'a str,
    /// Number of its last event, which makes the number of the document unique.
    pub seq: i64,
    /// What was decided.
    pub decision: Option<Decision>,
    /// Why it ended without a decision.
    pub termination: Option<TerminationReason>,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Until when it is answered.
    pub acceptance_due_at: Option<DateTime<Utc>>,
    /// Until when the applicant answers a notice.
    pub answer_due_at: Option<DateTime<Utc>>,
    /// Promised limit.
    pub promised_due_at: Option<DateTime<Utc>>,
    /// Statutory limit.
    pub statutory_due_at: Option<DateTime<Utc>>,
    /// Whether the dates may move.
    pub provisional: bool,
}

/// Writes a document. A refusal always tells the remedies (行政许可法 Art. 38).
pub fn write(
    id: CaseDocumentId,
    kind: DocumentKind,
    at: DateTime<Utc>,
    case: &CaseFacts<'_>,
    version: &VersionContent,
    parties: Parties,
    wording: Wording<'_>,
) -> Content {
    let adverse = matches!(kind, DocumentKind::NotAccepted | DocumentKind::Decision | DocumentKind::Termination);
    let received = kind == DocumentKind::Receipt;
    let (unit, unit_name) = parties.unit.unzip();
    Content {
        jti: id.0.simple().to_string(),
        iat: at.timestamp(),
        kind,
        number: format!("{}-{}{}", case.number, kind.letter(), case.seq),
        case_number: case.number.to_owned(),
        item: version.name.clone(),
        applicant: parties.applicant,
        unit,
        unit_name,
        materials: wording.materials,
        received_at: case.received_at,
        acceptance_due_at: case.acceptance_due_at.filter(|_| received),
        promised_due_at: case.promised_due_at.filter(|_| !received),
        statutory_due_at: case.statutory_due_at.filter(|_| !received),
        provisional: case.provisional,
        decision: case.decision,
        given: wording.given,
        asked: wording.asked,
        answer_due_at: case.answer_due_at.filter(|_| kind == DocumentKind::SupplementNotice),
        procedure: wording.procedure,
        days: wording.days,
        termination: case.termination,
        reason: wording.reason.map(str::to_owned),
        legal_basis: version.legal_basis.clone(),
        reconsideration: adverse.then(|| version.remedies.reconsideration.clone()),
        litigation: adverse.then(|| version.remedies.litigation.clone()),
    }
}
