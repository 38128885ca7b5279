//! Messages to contact points: what is put into the outbox, and what the worker takes from it.

use std::collections::HashMap;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use uuid::Uuid;

use crate::account::model::code::{self, CodePurpose, PendingCode, Sealed};
use crate::account::model::contact::{Contact, ContactKind};
use crate::account::model::factor::ENROLMENT;
use crate::account::model::mail::Template;
use crate::account::service::ACCOUNT;
use crate::account::store;
use crate::audit::model::Message;
use crate::audit::service as audit;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{AccountId, InvitationId, OutboxId, PendingCodeId, PersonId, TypedId as _};
use crate::kernel::seal::Place;
use crate::kernel::text::Language;
use crate::person::service::keys;
use crate::person::service::merge::MergeFollower;
use crate::portal::Portal;

/// Outbox row: a code is to be sent.
pub const SEND_CODE: &str = "SEND_CODE";
/// Outbox row: a notice is to be sent, where no code fits.
pub const SEND_NOTICE: &str = "SEND_NOTICE";
/// Outbox row: an invitation is to be sent.
pub const SEND_INVITATION: &str = "SEND_INVITATION";
/// Outbox row: what was sent about a challenge or an invitation is used, and is not kept as a file any more.
pub const FORGET_LETTER: &str = "FORGET_LETTER";
/// Outbox row: the holder of an account is told that another record became hers.
pub const SEND_MERGED: &str = "SEND_MERGED";
/// Days for which sessions and invitations are kept after their end.
const ENDED_DAYS: i64 = 30;
/// Seconds for which a notice without a code is kept as a file.
const NOTICE_SECONDS: i64 = 7 * 86_400;

/// A message before it is worded. Personal.
pub struct Draft {
    /// Which words.
    pub template: Template,
    /// In which language.
    pub language: Language,
    /// To whom.
    pub to: Contact,
    /// The code or token.
    pub secret: Option<String>,
}

/// Blind index of a contact point.
pub fn index_of(portal: &Portal, contact: &Contact) -> Vec<u8> {
    portal.keyring.blind_index(contact.kind().code(), contact.value())
}

fn code_place(id: Uuid) -> Place {
    Place::new("pending_code", "sealed", id)
}

fn invitation_place(id: Uuid) -> Place {
    Place::new("invitation", "sealed", id)
}

/// Adds a challenge and the message that goes with it; where `with_code` is false no code fits it, and the message says why.
pub async fn send_code(
    txn: &impl ConnectionTrait,
    portal: &Portal,
    purpose: CodePurpose,
    account: Option<AccountId>,
    contact: &Contact,
    language: Language,
    with_code: bool,
) -> Result<code::Challenge, Fault> {
    let id = PendingCodeId::new(&portal.env);
    let now = portal.env.now();
    let digits = portal.env.digits(code::DIGITS);
    let key = portal.keyring.portal();
    let hash = code::hash(key, id.0, &digits);
    let sealed = Sealed { contact: contact.value().to_owned(), code: with_code.then_some(digits) };
    let sealed = serde_json::to_vec(&sealed).map_err(Fault::internal)?;
    let row = PendingCode {
        id,
        purpose,
        account,
        contact_index: index_of(portal, contact),
        sealed: Some(key.seal(&portal.env, code_place(id.0), &sealed)),
        code_hash: with_code.then_some(hash),
        language,
        expires_at: now + code::LIFE,
        sent_at: None,
    };
    store::insert_code(txn, &row, now).await?;
    let kind = if with_code { SEND_CODE } else { SEND_NOTICE };
    audit::announce(txn, portal, Message::new(kind, "CODE", id.0).work()).await?;
    Ok(code::Challenge { id, expires_at: row.expires_at })
}

/// The contact point that a challenge was sent to, as long as it waits.
pub fn contact_of(portal: &Portal, row: &PendingCode) -> Result<Option<Contact>, Fault> {
    Ok(open(portal, code_place(row.id.0), row.sealed.as_deref())?.and_then(|s| Contact::stored(&s.contact)))
}

fn open(portal: &Portal, place: Place, sealed: Option<&[u8]>) -> Result<Option<Sealed>, Fault> {
    let Some(sealed) = sealed else { return Ok(None) };
    let plain = portal.keyring.portal().open(place, sealed).ok_or_else(|| Fault::bug("a sealed contact point does not open"))?;
    serde_json::from_slice(&plain).map(Some).map_err(Fault::internal)
}

/// Seals a contact point and a token for an invitation.
pub fn seal_invitation(portal: &Portal, id: InvitationId, contact: &Contact, token: &str) -> Result<Vec<u8>, Fault> {
    let sealed = Sealed { contact: contact.value().to_owned(), code: Some(token.to_owned()) };
    let sealed = serde_json::to_vec(&sealed).map_err(Fault::internal)?;
    Ok(portal.keyring.portal().seal(&portal.env, invitation_place(id.0), &sealed))
}

/// The message of an outbox row, or `None` where nothing is to be sent any more.
pub async fn draft(portal: &Portal, kind: &str, object: Uuid) -> Result<Option<Draft>, Fault> {
    let now = portal.env.now();
    if kind == SEND_MERGED {
        return merged_draft(portal, AccountId(object)).await;
    }
    if kind == SEND_INVITATION {
        let row = store::invitation(portal.db.read(), InvitationId(object)).await?.filter(|row| row.expires_at > now);
        let Some(row) = row else { return Ok(None) };
        let Some(sealed) = open(portal, invitation_place(object), row.sealed.as_deref())? else { return Ok(None) };
        let Some(to) = Contact::stored(&sealed.contact) else { return Ok(None) };
        return Ok(Some(Draft { template: Template::Invitation, language: row.language, to, secret: sealed.code }));
    }
    let row = store::code(portal.db.read(), PendingCodeId(object)).await?.filter(|row| row.expires_at > now && row.sent_at.is_none());
    let Some(row) = row else { return Ok(None) };
    let Some(sealed) = open(portal, code_place(object), row.sealed.as_deref())? else { return Ok(None) };
    let Some(to) = Contact::stored(&sealed.contact) else { return Ok(None) };
    let template = match (row.purpose, sealed.code.is_some()) {
        (CodePurpose::SignUp, true) => Template::SignUpCode,
        (CodePurpose::SignUp | CodePurpose::Contact, false) => Template::SignUpKnown,
        (CodePurpose::Recovery, true) => Template::RecoveryCode,
        (CodePurpose::Recovery, false) => Template::RecoveryUnknown,
        (CodePurpose::Contact, true) => Template::ContactCode,
        // A second factor is not sent to a contact point.
        (CodePurpose::SignIn, _) => return Ok(None),
    };
    Ok(Some(Draft { template, language: row.language, to, secret: sealed.code }))
}

/// Remembers that a message was handed over, so that a repeated row sends nothing.
pub async fn sent(portal: &Portal, kind: &str, object: Uuid) -> Result<(), Fault> {
    if kind == SEND_MERGED {
        return Ok(());
    }
    let txn = portal.db.begin_write().await?;
    if kind == SEND_INVITATION {
        store::invitation_sent(&txn, InvitationId(object), portal.env.now()).await?;
    } else {
        store::code_sent(&txn, PendingCodeId(object), portal.env.now()).await?;
    }
    Ok(txn.commit().await?)
}

/// Lets the letter about a challenge go, once its code was used. In the transaction that uses it.
pub async fn forget(txn: &impl ConnectionTrait, portal: &Portal, id: PendingCodeId) -> Result<(), Fault> {
    audit::announce(txn, portal, Message::new(FORGET_LETTER, "CODE", id.0).work()).await
}

/// The same for an invitation that was accepted.
pub async fn forget_invitation(txn: &impl ConnectionTrait, portal: &Portal, id: InvitationId) -> Result<(), Fault> {
    audit::announce(txn, portal, Message::new(FORGET_LETTER, "INVITATION", id.0).work()).await
}

/// Whether a letter about this object may still be needed: its code or token waits, or it is a notice to an account and
/// younger than a week.
pub async fn waits(portal: &Portal, row: OutboxId, object: Uuid) -> Result<bool, Fault> {
    let (db, now) = (portal.db.read(), portal.env.now());
    if store::code_waits(db, object, now).await? || store::invitation_waits(db, object, now).await? {
        return Ok(true);
    }
    let written = row.0.get_timestamp().and_then(|at| i64::try_from(at.to_unix().0).ok()).unwrap_or_default();
    Ok(now.timestamp() - written < NOTICE_SECONDS && store::account(db, AccountId(object)).await?.is_some())
}

/// The holder of an account is told when an officer's verification made another record hers. Registered in `app`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MergeNotice;

#[async_trait]
impl MergeFollower for MergeNotice {
    async fn merged(&self, portal: &Portal, txn: &DatabaseTransaction, _: PersonId, survivor: PersonId) -> Result<(), Fault> {
        if let Some(account) = store::account_of_person(txn, survivor).await? {
            audit::announce(txn, portal, Message::new(SEND_MERGED, ACCOUNT, account.0).work()).await?;
        }
        Ok(())
    }
}

/// An account to which a message may go, with the contact point asked for.
#[derive(Debug)]
pub struct Address {
    /// Language of its messages.
    pub language: Language,
    /// Where to. Personal.
    pub to: Contact,
}

/// The first confirmed contact point of an active account, of one kind where that is named.
pub async fn address(portal: &Portal, account: AccountId, kind: Option<ContactKind>) -> Result<Option<Address>, Fault> {
    let Some(account) = store::account(portal.db.read(), account).await?.filter(|a| a.active) else { return Ok(None) };
    let fits = |c: &store::ContactRow| c.verified_at.is_some() && kind.is_none_or(|kind| kind == c.kind);
    let Some(row) = store::contacts(portal.db.read(), account.id).await?.into_iter().find(fits) else { return Ok(None) };
    let key = keys::data_key(portal, account.person).await?;
    let plain = key.open(Place::new("contact_point", "value_sealed", row.id.0), &row.sealed);
    let to = plain.as_deref().and_then(|p| std::str::from_utf8(p).ok()).and_then(Contact::stored);
    let to = to.ok_or_else(|| Fault::bug("a sealed contact point does not open"))?;
    Ok(Some(Address { language: account.language, to }))
}

/// Whether an account may be used.
pub async fn is_active(portal: &Portal, account: AccountId) -> Result<bool, Fault> {
    Ok(store::account(portal.db.read(), account).await?.is_some_and(|account| account.active))
}

/// The active accounts of these persons, who are who they are now, each with the kinds of its confirmed contact points.
pub async fn reached(db: &impl ConnectionTrait, persons: &[PersonId]) -> Result<HashMap<PersonId, (AccountId, Vec<ContactKind>)>, Fault> {
    let mut reached: HashMap<PersonId, (AccountId, Vec<ContactKind>)> = HashMap::new();
    for (person, account, kind) in store::reached(db, persons).await? {
        let (known, kinds) = reached.entry(person).or_insert((account, Vec::new()));
        // Who was merged from two has two; one of them is told.
        kinds.extend(kind.filter(|_| *known == account));
    }
    Ok(reached)
}

/// The notice of a merge to the first confirmed contact point of an account.
async fn merged_draft(portal: &Portal, account: AccountId) -> Result<Option<Draft>, Fault> {
    let found = address(portal, account, None).await?;
    Ok(found.map(|Address { language, to }| Draft { template: Template::Merged, language, to, secret: None }))
}

/// Wipes expired codes and tokens, deletes enrolments of a factor that ran out, forgets challenges after seven days, sessions and invitations thirty days after their
/// end, and limits that hold nobody back.
pub async fn sweep(portal: &Portal) -> Result<u64, Fault> {
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    let wiped = store::sweep_codes(&txn, now, now - chrono::Duration::days(7)).await?;
    store::sweep_enrolments(&txn, now - ENROLMENT).await?;
    store::sweep_limits(&txn, now.timestamp_millis()).await?;
    store::sweep_ended(&txn, now - chrono::Duration::days(ENDED_DAYS)).await?;
    txn.commit().await?;
    Ok(wiped)
}

/// A challenge that waits, one try of which is counted by this; `None` where none waits or all tries are spent.
pub async fn count_try(portal: &Portal, id: PendingCodeId, purpose: CodePurpose) -> Result<Option<PendingCode>, Fault> {
    let txn = portal.db.begin_write().await?;
    let counted = store::count_code_try(&txn, id, purpose, code::TRIES, portal.env.now()).await?;
    let row = if counted { store::code(&txn, id).await? } else { None };
    txn.commit().await?;
    Ok(row)
}

/// A challenge whose code was typed rightly, and its contact point. Every try counts, right or wrong.
pub async fn try_code(portal: &Portal, id: PendingCodeId, purpose: CodePurpose, typed: &str) -> Result<Option<(PendingCode, Contact)>, Fault> {
    match count_try(portal, id, purpose).await? {
        Some(row) if row.fits(portal.keyring.portal(), typed) => Ok(contact_of(portal, &row)?.map(|contact| (row, contact))),
        _ => Ok(None),
    }
}
