//! Why a notice is written, and whom it concerns.

use crate::coded_enum;
use crate::kernel::role::Role;

coded_enum! {
    /// Why a notice is written. The codes are those of the events of a case, or of the announcement.
    pub enum Cause {
        /// A case was handed in (收件).
        Submitted => "SUBMITTED",
        /// A case was accepted (受理).
        Accepted => "ACCEPTED",
        /// A case counts as accepted because nobody answered in time.
        DeemedAccepted => "DEEMED_ACCEPTED",
        /// Acceptance was refused (不予受理).
        NotAccepted => "NOT_ACCEPTED",
        /// A case waits for the confirmation of the employer; told to its confirmers.
        ConfirmationNeeded => "CONFIRMATION_NEEDED",
        /// A case was decided.
        Decided => "DECIDED",
        /// The decision was delivered (送达).
        Delivered => "DELIVERED",
        /// A case was withdrawn in the applicant's name.
        Withdrawn => "WITHDRAWN",
        /// A case was ended without a decision (终止).
        Terminated => "TERMINATED",
        /// Something is missing (补正).
        SupplementRequested => "SUPPLEMENT_REQUESTED",
        /// What was missing has come; told to the office.
        SupplementAnswered => "SUPPLEMENT_ANSWERED",
        /// What is missing has not come, and its time runs out.
        SupplementReminder => "SUPPLEMENT_REMINDER",
        /// A special procedure began, and the limit stands still.
        SpecialProcedureStarted => "SPECIAL_PROCEDURE_STARTED",
        /// A special procedure ended, and the limit runs on.
        SpecialProcedureEnded => "SPECIAL_PROCEDURE_ENDED",
        /// The limit was extended.
        ExtensionGranted => "EXTENSION_GRANTED",
        /// A case comes near its limit; told to the office.
        NearBreach => "NEAR_BREACH",
        /// The promised limit of a case has passed (黄灯); told to the office.
        PromisePassed => "PROMISE_PASSED",
        /// The statutory limit of a case has passed (红灯); told to the office.
        StatutePassed => "STATUTE_PASSED",
        /// Somebody wrote a message in a case; told to the other side.
        CaseMessage => "CASE_MESSAGE",
        /// A card was issued.
        CardIssued => "CARD_ISSUED",
        /// A card was reported as lost.
        CardLost => "CARD_LOST",
        /// A card was suspended.
        CardSuspended => "CARD_SUSPENDED",
        /// The suspension of a card was lifted.
        CardSuspensionLifted => "CARD_SUSPENSION_LIFTED",
        /// A card was revoked.
        CardRevoked => "CARD_REVOKED",
        /// A card ends soon.
        CardRenewalDue => "CARD_RENEWAL_DUE",
        /// A card was renewed.
        CardRenewed => "CARD_RENEWED",
        /// A card has a new number in place of the old one.
        CardReplaced => "CARD_REPLACED",
        /// A card has ended.
        CardEnded => "CARD_ENDED",
        /// A role was given.
        GrantGiven => "GRANT_GIVEN",
        /// A role was ended.
        GrantEnded => "GRANT_ENDED",
    }
}

coded_enum! {
    /// Causes for which one chooses together where to be told.
    pub enum Group {
        /// One's own cases.
        Case => "CASE",
        /// One's cards.
        Card => "CARD",
        /// What waits for one as staff, or as the confirmer of an employer.
        Work => "WORK",
        /// One's account and roles.
        Account => "ACCOUNT",
    }
}

/// Whom a cause concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The applicant of the case.
    Applicant,
    /// The same where somebody else acted for her: of what she does herself she knows.
    ApplicantIfForHer,
    /// Confirmers of the employer who is asked.
    Confirmers,
    /// Who has claimed the case, else those in one of the roles who are nearest to the unit that works on it.
    Handler(&'static [Role]),
    /// Those in one of the roles who are nearest to the unit. For this and the two others that name roles: where the
    /// announcement names a `role`, that counts instead.
    Office(&'static [Role]),
    /// The applicant or the handler, as the announcement says: `to` is `APPLICANT` or `STAFF`.
    OtherSide(&'static [Role]),
    /// Whose the object is.
    Owner,
}

impl Cause {
    /// In which group it is chosen where to be told, and whom it concerns.
    pub const fn rule(self) -> (Group, Audience) {
        const OFFICERS: &[Role] = &[Role::WindowOfficer];
        const LEADERS: &[Role] = &[Role::Supervisor];
        match self {
            Self::Submitted
            | Self::Accepted
            | Self::DeemedAccepted
            | Self::NotAccepted
            | Self::Decided
            | Self::Delivered
            | Self::Terminated
            | Self::SupplementRequested
            | Self::SupplementReminder
            | Self::SpecialProcedureStarted
            | Self::SpecialProcedureEnded
            | Self::ExtensionGranted => (Group::Case, Audience::Applicant),
            Self::Withdrawn => (Group::Case, Audience::ApplicantIfForHer),
            Self::CaseMessage => (Group::Case, Audience::OtherSide(OFFICERS)),
            Self::ConfirmationNeeded => (Group::Work, Audience::Confirmers),
            Self::SupplementAnswered => (Group::Work, Audience::Handler(OFFICERS)),
            // Proposals of ours: the warning goes to who works on the case, what has passed to who leads.
            Self::NearBreach => (Group::Work, Audience::Handler(LEADERS)),
            Self::PromisePassed => (Group::Work, Audience::Office(LEADERS)),
            Self::StatutePassed => (Group::Work, Audience::Office(&[Role::Supervisor, Role::Manager])),
            Self::CardIssued
            | Self::CardLost
            | Self::CardSuspended
            | Self::CardSuspensionLifted
            | Self::CardRevoked
            | Self::CardRenewalDue
            | Self::CardRenewed
            | Self::CardReplaced
            | Self::CardEnded => (Group::Card, Audience::Owner),
            Self::GrantGiven | Self::GrantEnded => (Group::Account, Audience::Owner),
        }
    }

    /// The cause that an announcement with this code tells; `None` for what is told to nobody. Slices say in their own words
    /// what happened, which may be another word than a reader's.
    pub fn told_by(code: &str) -> Option<Self> {
        match code {
            "REQUEST_ANSWERED" => Some(Self::SupplementAnswered),
            "PROCEDURE_STARTED" => Some(Self::SpecialProcedureStarted),
            "PROCEDURE_ENDED" => Some(Self::SpecialProcedureEnded),
            "CARD_REPORTED_LOST" => Some(Self::CardLost),
            "CARD_ENDS_SOON" => Some(Self::CardRenewalDue),
            code => code.parse().ok(),
        }
    }

    /// The group in which it is chosen where to be told.
    pub const fn group(self) -> Group {
        self.rule().0
    }
}
