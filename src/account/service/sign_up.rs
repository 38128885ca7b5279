//! Sign-up: a code to the contact point, then person, account and session at once.

use crate::account::model::client::Client;
use crate::account::model::code::{Challenge, CodePurpose};
use crate::account::model::contact::Contact;
use crate::account::model::limit::Attempt;
use crate::account::model::password;
use crate::account::model::session::SessionPair;
use crate::account::service::hashing::HashPool;
use crate::account::service::limits::Subject;
use crate::account::service::{ACCOUNT, grants, letters, limits, sessions};
use crate::account::store::{self, Inserted};
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Refused;
use crate::kernel::ids::{AccountId, ContactPointId, PendingCodeId, PersonId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::kernel::text::Language;
use crate::person::model::profile::PersonInput;
use crate::person::service as persons;
use crate::portal::Portal;

/// Asks for a code at a contact point.
#[derive(Debug)]
pub struct AskCode {
    /// As typed. Personal.
    pub contact: String,
    /// Language of the message.
    pub language: Language,
}

/// Ends a sign-up.
pub struct CompleteSignUp {
    /// The challenge.
    pub challenge: PendingCodeId,
    /// The code as typed.
    pub code: String,
    /// The password as typed.
    pub password: String,
    /// Who she is.
    pub person: PersonInput,
    /// Token of an invitation to a role, if she has one.
    pub invitation: Option<String>,
    /// Language of messages to her.
    pub language: Language,
}

/// Begins a sign-up. The answer is the same whether the contact point has an account or not; the message differs.
///
/// Refuses with [`Code::ContactMalformed`].
pub async fn start_sign_up(portal: &Portal, actor: &Actor, client: &Client, command: AskCode) -> Result<Challenge, Refused> {
    start(portal, actor, client, command, CodePurpose::SignUp).await
}

/// Begins sign-up or recovery: both do the same work for known and unknown contact points.
pub async fn start(portal: &Portal, actor: &Actor, client: &Client, command: AskCode, purpose: CodePurpose) -> Result<Challenge, Refused> {
    let contact = Contact::parse(&command.contact).ok_or_else(|| Rejection::at(Code::ContactMalformed, "input.contact"))?;
    let index = letters::index_of(portal, &contact);
    limits::count(portal, Attempt::CodeRequest, Subject::Contact(contact.value(), &index), client).await?;
    let txn = portal.db.begin_write().await?;
    let known = store::account_by_contact(&txn, &index).await?;
    let recovery = purpose == CodePurpose::Recovery;
    let account = known.as_ref().filter(|a| recovery && a.active).map(|a| a.id);
    let with_code = if recovery { account.is_some() } else { known.is_none() };
    let language = known.as_ref().map_or(command.language, |a| a.language);
    let challenge = letters::send_code(&txn, portal, purpose, account, &contact, language, with_code).await?;
    let action = if recovery { "START_RECOVERY" } else { "START_SIGN_UP" };
    audit::record(&txn, portal, actor, Entry::new(action).object("CODE", challenge.id.0)).await?;
    portal.commit(txn).await?;
    Ok(challenge)
}

/// Makes person, account, confirmed contact point and session. What is wrong in the form costs no try of the code.
///
/// Refuses with [`Code::CodeInvalid`] (wrong, used, expired, too many tries), [`Code::TooShort`], [`Code::TooLong`],
/// [`Code::PasswordWeak`], the codes of a person's name, [`Code::AlreadyExists`] where the contact point was taken
/// meanwhile, and those of `acceptInvitation`.
pub async fn complete_sign_up(portal: &Portal, actor: &Actor, client: &Client, command: CompleteSignUp) -> Result<SessionPair, Refused> {
    // What she typed when she asked for the code; she is not told whether the challenge waits.
    let asked = store::code(portal.db.read(), command.challenge).await?.filter(|row| row.purpose == CodePurpose::SignUp);
    let asked = asked.map(|row| letters::contact_of(portal, &row)).transpose()?.flatten();
    let names = [command.person.name_zh.clone(), command.person.name_latin.clone()];
    let context: Vec<&str> = names.iter().flatten().map(String::as_str).chain(asked.as_ref().map(Contact::value)).collect();
    let mut problems = password::check(&command.password, &context, "input.password");
    let person = match command.person.parse_new("input", portal.env.today()) {
        Ok(person) if problems.is_empty() => person,
        Ok(_) => return Err(Refused::Rejected(problems)),
        Err(more) => {
            problems.extend(more);
            return Err(Refused::Rejected(problems));
        }
    };
    limits::count(portal, Attempt::CodeEntry, Subject::Own(&command.challenge.global()), client).await?;
    let invalid = || Refused::from(Rejection::at(Code::CodeInvalid, "input.code"));
    let (code, contact) = letters::try_code(portal, command.challenge, CodePurpose::SignUp, &command.code).await?.ok_or_else(invalid)?;
    let hash = portal.part::<HashPool>()?.hash(&portal.env, &command.password).await?;
    let (person_id, account, point) = (PersonId::new(&portal.env), AccountId::new(&portal.env), ContactPointId::new(&portal.env));
    // The key first, the row second; a key without a person is swept.
    let key = persons::keys::ensure_key(portal, person_id).await?;
    let now = portal.env.now();
    let row = store::ContactRow {
        id: point,
        kind: contact.kind(),
        sealed: key.seal(&portal.env, Place::new("contact_point", "value_sealed", point.0), contact.value().as_bytes()),
        verified_at: Some(now),
    };
    let txn = portal.db.begin_write().await?;
    if !store::use_code(&txn, command.challenge, now).await? {
        return Err(invalid());
    }
    letters::forget(&txn, portal, command.challenge).await?;
    persons::new_person(&txn, portal, person_id, person).await?;
    store::insert_account(&txn, account, person_id, command.language, &hash, now).await?;
    persons::mark_has_account(&txn, portal, person_id).await?;
    if store::insert_contact(&txn, account, &row, &code.contact_index, now).await? != Inserted::Done {
        return Err(Rejection::at(Code::AlreadyExists, "input.challengeId").into());
    }
    if let Some(token) = &command.invitation {
        grants::accept_in(&txn, portal, (account, person_id), token, "input.invitationToken").await?;
    }
    let pair = sessions::begin(&txn, portal, account, client, false).await?;
    let entry = Entry::new("COMPLETE_SIGN_UP").object(ACCOUNT, account.0).person(person_id).detail("session", pair.session.global());
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(pair)
}
