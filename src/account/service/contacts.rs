//! Further contact points of an account: a code is sent there, and who types it holds it.

use crate::account::model::client::Client;
use crate::account::model::code::{Challenge, CodePurpose};
use crate::account::model::contact::Contact;
use crate::account::model::limit::Attempt;
use crate::account::policy;
use crate::account::service::limits::Subject;
use crate::account::service::sign_up::AskCode;
use crate::account::service::viewer::ContactView;
use crate::account::service::{ACCOUNT, letters, limits, sessions};
use crate::account::store::{self, ContactRow, Inserted};
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{ContactPointId, PendingCodeId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::person::service::keys;
use crate::portal::Portal;

/// The most contact points of one account.
pub const CONTACTS_MAX: usize = 5;

fn too_many() -> Refused {
    Rejection::new(Code::TooMany).number("max", 5).into()
}

/// Sends a code to a further contact point of the caller's. The answer is the same where another account holds it; then the
/// message there says so, and no code fits.
///
/// Errors: [`Fault::ReauthRequired`] for a session older than 15 minutes, [`Fault::RateLimited`]. Refuses with
/// [`Code::ContactMalformed`], [`Code::AlreadyExists`] for one of her own, [`Code::TooMany`].
pub async fn add_contact_point(portal: &Portal, actor: &Actor, client: &Client, command: AskCode) -> Result<Challenge, Refused> {
    let member = policy::signed_in(actor)?;
    sessions::require_fresh(portal, actor).await?;
    let contact = Contact::parse(&command.contact).ok_or_else(|| Rejection::at(Code::ContactMalformed, "input.contact"))?;
    let index = letters::index_of(portal, &contact);
    limits::count(portal, Attempt::CodeRequest, Subject::Contact(contact.value(), &index), client).await?;
    let txn = portal.db.begin_write().await?;
    let holder = store::account_by_contact(&txn, &index).await?;
    if holder.as_ref().is_some_and(|a| a.id == member.account) {
        return Err(Rejection::at(Code::AlreadyExists, "input.contact").into());
    }
    if store::contacts(&txn, member.account).await?.len() >= CONTACTS_MAX {
        return Err(too_many());
    }
    let language = store::account(&txn, member.account).await?.ok_or(Fault::Unauthenticated)?.language;
    let challenge = letters::send_code(&txn, portal, CodePurpose::Contact, Some(member.account), &contact, language, holder.is_none()).await?;
    let entry = Entry::new("ADD_CONTACT_POINT").object(ACCOUNT, member.account.0).person(member.person).detail("challenge", challenge.id.global());
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(challenge)
}

/// Confirms a further contact point by the code that was sent there; from then on she may sign in with it.
///
/// Refuses with [`Code::CodeInvalid`] (wrong, used, expired, another's challenge, or held by another account by now) and
/// [`Code::TooMany`].
pub async fn confirm_contact_point(portal: &Portal, actor: &Actor, client: &Client, challenge: PendingCodeId, typed: &str) -> Result<ContactView, Refused> {
    let member = policy::signed_in(actor)?;
    limits::count(portal, Attempt::CodeEntry, Subject::Own(&challenge.global()), client).await?;
    let invalid = || Refused::from(Rejection::at(Code::CodeInvalid, "input.code"));
    let (code, contact) = letters::try_code(portal, challenge, CodePurpose::Contact, typed).await?.ok_or_else(invalid)?;
    if code.account != Some(member.account) {
        return Err(invalid());
    }
    let account = store::account(portal.db.read(), member.account).await?.ok_or(Fault::Unauthenticated)?;
    let key = keys::ensure_key(portal, account.person).await?;
    let (id, now) = (ContactPointId::new(&portal.env), portal.env.now());
    let row = ContactRow {
        id,
        kind: contact.kind(),
        sealed: key.seal(&portal.env, Place::new("contact_point", "value_sealed", id.0), contact.value().as_bytes()),
        verified_at: Some(now),
    };
    let txn = portal.db.begin_write().await?;
    if !store::use_code(&txn, challenge, now).await? {
        return Err(invalid());
    }
    letters::forget(&txn, portal, challenge).await?;
    // One after the other for one account, so that the count holds.
    store::lock_account(&txn, member.account).await?;
    if store::contacts(&txn, member.account).await?.len() >= CONTACTS_MAX {
        return Err(too_many());
    }
    if store::insert_contact(&txn, member.account, &row, &code.contact_index, now).await? != Inserted::Done {
        return Err(invalid());
    }
    let entry = Entry::new("CONFIRM_CONTACT_POINT").object(ACCOUNT, member.account.0).person(member.person).detail("contact", id.global());
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(ContactView { id, kind: row.kind, masked: contact.masked(), verified: true })
}
