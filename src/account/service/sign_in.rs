//! Sign-in by password. Unknown, wrong, locked and disabled are one answer after the same work.

use sea_orm::DatabaseTransaction;

use crate::account::model::client::Client;
use crate::account::model::code::{Challenge, CodePurpose, PendingCode};
use crate::account::model::contact::{Contact, fold_width};
use crate::account::model::factor::{SECRET, step_of};
use crate::account::model::limit::Attempt;
use crate::account::model::session::{HALF_SIGN_IN, SessionPair};
use crate::account::service::hashing::{HashPool, Verified};
use crate::account::service::limits::Subject;
use crate::account::service::{ACCOUNT, factors, letters, limits, sessions};
use crate::account::store::{self, AccountRow};
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{PendingCodeId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::portal::Portal;

/// Failures in a row after which only recovery helps, or a sign-in from a network where the account has signed in lately,
/// so that strangers do not lock its owner out (NIST SP 800-63B-4 3.2.2: at most 100).
pub const MOST_FAILURES: i32 = 100;

/// What a right password gives.
#[derive(Debug)]
pub enum SignedIn {
    /// A session.
    Session(SessionPair),
    /// The account has a second factor, which is to be shown.
    SecondFactorRequired(Challenge),
}

/// Signs in.
///
/// Refuses with [`Code::SignInFailed`], whatever the reason.
pub async fn sign_in(portal: &Portal, actor: &Actor, client: &Client, contact: &str, password: &str) -> Result<SignedIn, Refused> {
    let contact = Contact::parse(contact).ok_or_else(|| fold_width(contact.trim()).to_lowercase());
    let typed = match &contact {
        Ok(contact) => contact.value(),
        Err(typed) => typed.as_str(),
    };
    let index = match &contact {
        Ok(contact) => letters::index_of(portal, contact),
        // An index that no contact point has, so that the look-up is made all the same.
        Err(typed) => portal.keyring.blind_index("NONE", typed),
    };
    let known = limits::count(portal, Attempt::SignIn, Subject::Contact(typed, &index), client).await?;
    let account = store::account_by_contact(portal.db.read(), &index).await?;
    let usable = account.as_ref().filter(|a| a.active && (known || a.failures < MOST_FAILURES));
    let pool = portal.part::<HashPool>()?;
    let verified = pool.verify(password, usable.and_then(|a| a.password_hash.as_deref())).await?;
    let (Some(account), false) = (usable, verified == Verified::No) else {
        let txn = portal.db.begin_write().await?;
        let mut entry = Entry::new("SIGN_IN").refused(Code::SignInFailed.code());
        if let Some(account) = &account {
            store::set_failures(&txn, account.id, true).await?;
            entry = entry.object(ACCOUNT, account.id.0).person(account.person);
        }
        audit::record(&txn, portal, actor, entry).await?;
        portal.commit(txn).await?;
        return Err(Rejection::new(Code::SignInFailed).into());
    };
    let stronger = if verified == Verified::YesButWeak { Some(pool.hash(&portal.env, password).await?) } else { None };
    let txn = portal.db.begin_write().await?;
    // Locks the account, too: a factor is confirmed before this sign-in or after it.
    store::set_failures(&txn, account.id, false).await?;
    if let Some(hash) = stronger {
        store::set_password(&txn, account.id, &hash, None).await?;
    }
    let entry = Entry::new("SIGN_IN").object(ACCOUNT, account.id.0).person(account.person);
    let signed = enter(&txn, portal, actor, client, account, index, entry).await?;
    portal.commit(txn).await?;
    Ok(signed)
}

/// What a right password, or a recovery, opens inside the caller's transaction: a session, or, where the account has a
/// confirmed second factor, a challenge that waits for it. Writes the trail row.
pub async fn enter(
    txn: &DatabaseTransaction,
    portal: &Portal,
    actor: &Actor,
    client: &Client,
    account: &AccountRow,
    contact_index: Vec<u8>,
    entry: Entry,
) -> Result<SignedIn, Fault> {
    if !store::has_second_factor(txn, account.id).await? {
        let pair = sessions::begin_anew(txn, portal, actor, account.id, client, false).await?;
        audit::record(txn, portal, actor, entry.detail("session", pair.session.global())).await?;
        return Ok(SignedIn::Session(pair));
    }
    let now = portal.env.now();
    let row = PendingCode {
        id: PendingCodeId::new(&portal.env),
        purpose: CodePurpose::SignIn,
        account: Some(account.id),
        contact_index,
        sealed: None,
        code_hash: None,
        language: account.language,
        expires_at: now + HALF_SIGN_IN,
        sent_at: None,
    };
    store::insert_code(txn, &row, now).await?;
    audit::record(txn, portal, actor, entry.detail("half", row.id.global())).await?;
    Ok(SignedIn::SecondFactorRequired(Challenge { id: row.id, expires_at: row.expires_at }))
}

/// Ends a sign-in that waits for a second factor, with a session in which it was shown.
///
/// Refuses with [`Code::CodeInvalid`], whatever the reason: a wrong code, one that was taken before, a challenge that is
/// used, expired or has had all its tries, an account or factor that may not be used. Each try counts for the challenge,
/// and wrong codes in a row for the factor.
pub async fn complete_sign_in(portal: &Portal, actor: &Actor, client: &Client, challenge: PendingCodeId, code: &str) -> Result<SessionPair, Refused> {
    limits::count(portal, Attempt::CodeEntry, Subject::Own(&challenge.global()), client).await?;
    let half = letters::count_try(portal, challenge, CodePurpose::SignIn).await?;
    let account = match half.as_ref().and_then(|half| half.account) {
        Some(id) => store::account(portal.db.read(), id).await?.filter(|a| a.active),
        None => None,
    };
    let factor = match (&half, &account) {
        (Some(half), Some(account)) => factors::usable(portal, client, account, &half.contact_index).await?,
        _ => None,
    };
    // Where there is no factor as much is computed, and no code fits.
    let secret = factor.as_ref().map_or(&[0; SECRET][..], |(_, secret)| secret);
    let step = step_of(secret, code, portal.env.now());
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    let mut entry = Entry::new("COMPLETE_SIGN_IN").object("CODE", challenge.0);
    if let Some(account) = &account {
        entry = entry.person(account.person);
    }
    if let (Some(account), Some((factor, _))) = (&account, &factor) {
        entry = entry.detail("factor", factor.id.global());
        // Of two who show one code at once the database lets one through, and of two codes for one challenge, too.
        if let Some(step) = step
            && store::take_step(&txn, factor.id, step, now).await?
            && store::use_code(&txn, challenge, now).await?
        {
            let pair = sessions::begin_anew(&txn, portal, actor, account.id, client, true).await?;
            audit::record(&txn, portal, actor, entry.detail("session", pair.session.global())).await?;
            portal.commit(txn).await?;
            return Ok(pair);
        }
        store::count_wrong_code(&txn, factor.id).await?;
    }
    audit::record(&txn, portal, actor, entry.refused(Code::CodeInvalid.code())).await?;
    portal.commit(txn).await?;
    Err(Rejection::at(Code::CodeInvalid, "input.code").into())
}
