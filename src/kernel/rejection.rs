//! A no by the rules: a stable code, the field that it is about, and what the message needs.

use chrono::{DateTime, Utc};

use super::role::Role;
use super::text::Text;
use crate::coded_enum;

coded_enum! {
    /// Codes of `userErrors`. The code is the contract; the message is a courtesy in the reader's language.
    pub enum Code {
        /// The object was changed by somebody else; `conflict` says how.
        Conflict => "CONFLICT",
        /// The idempotency key was used before with other input.
        IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
        /// A value that must be given is missing or blank.
        Required => "REQUIRED",
        /// A text is longer than allowed.
        TooLong => "TOO_LONG",
        /// A text is shorter than allowed.
        TooShort => "TOO_SHORT",
        /// A list has more entries than allowed.
        TooMany => "TOO_MANY",
        /// A value has not the form that it must have.
        Malformed => "MALFORMED",
        /// A value is none of those allowed.
        NotAllowed => "NOT_ALLOWED",
        /// The other object named does not exist, or is not yours.
        NotFound => "NOT_FOUND",
        /// It exists already.
        AlreadyExists => "ALREADY_EXISTS",
        /// A date lies in the future.
        InFuture => "IN_FUTURE",
        /// A date lies too far back.
        TooEarly => "TOO_EARLY",
        /// A period ends before it begins.
        PeriodReversed => "PERIOD_REVERSED",
        /// The check digit of a number does not fit.
        CheckDigitWrong => "CHECK_DIGIT_WRONG",
        /// The contact point is neither an e-mail address nor a mobile number that we know.
        ContactMalformed => "CONTACT_MALFORMED",
        /// The code is wrong, used or expired.
        CodeInvalid => "CODE_INVALID",
        /// Name or password is wrong (also: unknown, locked, disabled; the answers are equal).
        SignInFailed => "SIGN_IN_FAILED",
        /// The refresh token is unknown, used or expired.
        RefreshInvalid => "REFRESH_INVALID",
        /// The password is among the common ones or holds the name.
        PasswordWeak => "PASSWORD_WEAK",
        /// The one-time token is unknown, used or expired.
        TokenInvalid => "TOKEN_INVALID",
        /// One of the three administrators may not hold a second administrative role.
        AdministratorsApart => "ADMINISTRATORS_APART",
        /// Nobody gives a role to herself.
        OwnGrant => "OWN_GRANT",
        /// A unit cannot stand where it was put in the tree.
        UnitMisplaced => "UNIT_MISPLACED",
        /// Open cases lie with the unit; it closes when they are closed.
        UnitInUse => "UNIT_IN_USE",
        /// The unit is closed.
        UnitClosed => "UNIT_CLOSED",
        /// The number is not that of the document named.
        DocumentMismatch => "DOCUMENT_MISMATCH",
        /// The number belongs to another person already verified; an officer decides.
        DocumentTaken => "DOCUMENT_TAKEN",
        /// The document is verified and is not changed any more.
        DocumentVerified => "DOCUMENT_VERIFIED",
        /// The document has expired.
        DocumentExpired => "DOCUMENT_EXPIRED",
        /// The name read from the document is not the person's.
        NameMismatch => "NAME_MISMATCH",
        /// The two persons cannot be one.
        MergeImpossible => "MERGE_IMPOSSIBLE",
        /// An answer of the form does not fit; `pointer` says where.
        FormInvalid => "FORM_INVALID",
        /// A material that must be handed in is missing.
        MaterialMissing => "MATERIAL_MISSING",
        /// A document may not be used: not yours, not complete, infected or of the wrong kind.
        MaterialUnusable => "MATERIAL_UNUSABLE",
        /// The service item is not offered here, now, or through this channel.
        NotOffered => "NOT_OFFERED",
        /// The rules of the item are not met.
        NotEligible => "NOT_ELIGIBLE",
        /// The account's assurance level is too low.
        AssuranceTooLow => "ASSURANCE_TOO_LOW",
        /// The applicant has an open case of this item already.
        OpenCaseExists => "OPEN_CASE_EXISTS",
        /// The cart is empty.
        CartEmpty => "CART_EMPTY",
        /// The action does not fit the state of the case.
        WrongState => "WRONG_STATE",
        /// The step is another one by now.
        WrongStep => "WRONG_STEP",
        /// The case was accepted by lapse of time, so that acceptance can be neither given nor refused, and no supplement asked for.
        AlreadyAccepted => "ALREADY_ACCEPTED",
        /// Another officer has claimed it.
        ClaimedByAnother => "CLAIMED_BY_ANOTHER",
        /// The case must be claimed first.
        NotClaimed => "NOT_CLAIMED",
        /// A step of the review advised against approval; who approves all the same says why.
        AdvisedAgainst => "ADVISED_AGAINST",
        /// The applicant is not known as surely as the item demands for approval.
        ApplicantNotVerified => "APPLICANT_NOT_VERIFIED",
        /// The caller does not hold the role, for this unit, that the action asks for.
        NotEntitled => "NOT_ENTITLED",
        /// The case waits for somebody outside the units, for example the employer.
        WaitsOutside => "WAITS_OUTSIDE",
        /// A second notice of what is missing is a supervisor's.
        SupervisorNeeded => "SUPERVISOR_NEEDED",
        /// Nothing that is asked for waits to be handed in.
        NothingAsked => "NOTHING_ASKED",
        /// It is not asked for, or was handed in before.
        NotAskedFor => "NOT_ASKED_FOR",
        /// The notice was not answered in time, and the case has ended.
        SupplementLapsed => "SUPPLEMENT_LAPSED",
        /// The answer is none of those that may be corrected on the spot.
        NotCorrectable => "NOT_CORRECTABLE",
        /// A special procedure is going on.
        ProcedureRunning => "PROCEDURE_RUNNING",
        /// No special procedure is going on.
        NoProcedure => "NO_PROCEDURE",
        /// Longer limits were asked for already.
        ExtensionAsked => "EXTENSION_ASKED",
        /// The limits were made longer before; there is no second time.
        ExtensionUsed => "EXTENSION_USED",
        /// The limit has passed, and becomes longer no more.
        LimitPassed => "LIMIT_PASSED",
        /// Nobody asked for longer limits.
        NoExtension => "NO_EXTENSION",
        /// The unit cannot take the case: it is closed, or is the one that has it.
        UnitUnfit => "UNIT_UNFIT",
        /// A step of the review is still due.
        StepDue => "STEP_DUE",
        /// The caller has claimed the case already.
        AlreadyClaimed => "ALREADY_CLAIMED",
        /// Who did an earlier step may not do this one.
        SamePerson => "SAME_PERSON",
        /// Nobody decides or handles her own case.
        OwnCase => "OWN_CASE",
        /// A reason must be given.
        ReasonRequired => "REASON_REQUIRED",
        /// The mandate does not exist, does not cover this, or has ended.
        MandateInvalid => "MANDATE_INVALID",
        /// The upload is unknown, complete or expired.
        UploadInvalid => "UPLOAD_INVALID",
        /// The type of file is not accepted.
        MediaTypeNotAllowed => "MEDIA_TYPE_NOT_ALLOWED",
        /// There is no preview of the file: its type has none, or the picture is too large or damaged.
        PreviewUnavailable => "PREVIEW_UNAVAILABLE",
        /// The file is larger than allowed.
        FileTooLarge => "FILE_TOO_LARGE",
        /// The bytes of the file are not those whose SHA-256 was declared.
        DigestMismatch => "DIGEST_MISMATCH",
        /// The bytes sent do not begin where the upload stands; ask where with HEAD.
        UploadOffsetMismatch => "UPLOAD_OFFSET_MISMATCH",
        /// Too many uploads are open, or too many bytes wait to be handed in.
        UploadQuotaExceeded => "UPLOAD_QUOTA_EXCEEDED",
        /// The virus scanner has not judged the file yet.
        ScanPending => "SCAN_PENDING",
        /// The virus scanner found something in the file.
        FileInfected => "FILE_INFECTED",
        /// The applicant holds such a card already.
        CardExists => "CARD_EXISTS",
        /// The card is not in force.
        CardNotActive => "CARD_NOT_ACTIVE",
        /// The card was reported lost.
        CardLost => "CARD_LOST",
        /// The card was not reported lost.
        CardNotLost => "CARD_NOT_LOST",
        /// The card token is not genuine.
        CardTokenInvalid => "CARD_TOKEN_INVALID",
        /// The card token has expired.
        CardTokenExpired => "CARD_TOKEN_EXPIRED",
        /// The card token was used before.
        CardTokenSpent => "CARD_TOKEN_SPENT",
        /// The status list is not one of the portal.
        StatusListInvalid => "STATUS_LIST_INVALID",
        /// This counter may not check cards for this purpose.
        PurposeNotAllowed => "PURPOSE_NOT_ALLOWED",
        /// The check of the card is too old, or is another counter's.
        CheckExpired => "CHECK_EXPIRED",
        /// The benefit is not one of this card, grade, beneficiary or region.
        BenefitNotGranted => "BENEFIT_NOT_GRANTED",
        /// Nothing is left of the benefit this year.
        QuotaExhausted => "QUOTA_EXHAUSTED",
        /// The card is not renewed on this day.
        RenewalNotOpen => "RENEWAL_NOT_OPEN",
        /// The use was taken back before.
        AlreadyReversed => "ALREADY_REVERSED",
        /// The time in which a use can be taken back is over.
        ReversalTooLate => "REVERSAL_TOO_LATE",
        /// Fulfilment cannot happen as things are.
        FulfilmentImpossible => "FULFILMENT_IMPOSSIBLE",
    }
}

/// One reason for a no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The stable code.
    pub code: Code,
    /// Path of the input field, in the API's names; empty where the no is about the whole.
    pub field: Vec<String>,
    /// JSON pointer from the field on: into the form's answers, or to the key of a material.
    pub pointer: Option<String>,
    /// What the message needs, by name. Never personal.
    pub args: Vec<(&'static str, Arg)>,
    /// What was changed meanwhile, for [`Code::Conflict`].
    pub conflict: Option<Box<Conflict>>,
}

/// A value inside a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A number, which may choose a plural form.
    Number(i64),
    /// A text that the portal made, for example a code or a date.
    Text(String),
    /// Words of the catalogue, shown in the reader's language.
    Words(Text),
}

/// Who changed the object meanwhile, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The version that is stored now.
    pub version: i64,
    /// When it came about (UTC).
    pub at: DateTime<Utc>,
    /// Names of the changed fields, as in the API.
    pub changed: Vec<String>,
    /// The role of who did it; towards a talent nothing more is said.
    pub by: Option<Role>,
}

impl Rejection {
    /// A no that is about the whole input.
    pub const fn new(code: Code) -> Self {
        Self { code, field: Vec::new(), pointer: None, args: Vec::new(), conflict: None }
    }

    /// A no about one field; `path` is dotted, for example `input.lines.0.form`.
    pub fn at(code: Code, path: &str) -> Self {
        Self { field: path.split('.').map(str::to_owned).collect(), ..Self::new(code) }
    }

    /// Adds a number to the message.
    #[must_use]
    pub fn number(mut self, name: &'static str, value: i64) -> Self {
        self.args.push((name, Arg::Number(value)));
        self
    }

    /// Adds a text to the message.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.args.push((name, Arg::Text(value.into())));
        self
    }

    /// Adds words of the catalogue to the message.
    #[must_use]
    pub fn words(mut self, name: &'static str, words: &Text) -> Self {
        self.args.push((name, Arg::Words(words.clone())));
        self
    }

    /// Points into a form's answers.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// The object has another version by now.
    pub fn conflict(conflict: Conflict) -> Self {
        Self { conflict: Some(Box::new(conflict)), ..Self::at(Code::Conflict, "input.expectedVersion") }
    }
}
