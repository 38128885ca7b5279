//! Sign-in by password. Unknown, wrong, locked and disabled are one answer after the same work.

use crate::account::model::client::Client;
use crate::account::model::code::{Challenge, CodePurpose, PendingCode};
use crate::account::model::contact::{Contact, fold_width};
use crate::account::model::limit::Attempt;
use crate::account::model::session::{HALF_SIGN_IN, SessionEnd, SessionPair};
use crate::account::service::hashing::{HashPool, Verified};
use crate::account::service::limits::Subject;
use crate::account::service::{ACCOUNT, letters, limits, sessions};
use crate::account::store;
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Refused;
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
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    store::set_failures(&txn, account.id, false).await?;
    if let Some(hash) = stronger {
        store::set_password(&txn, account.id, &hash, None).await?;
    }
    let entry = Entry::new("SIGN_IN").object(ACCOUNT, account.id.0).person(account.person);
    if store::has_second_factor(&txn, account.id).await? {
        let row = PendingCode {
            id: PendingCodeId::new(&portal.env),
            purpose: CodePurpose::SignIn,
            account: Some(account.id),
            contact_index: index,
            sealed: None,
            code_hash: None,
            language: account.language,
            expires_at: now + HALF_SIGN_IN,
            sent_at: None,
        };
        store::insert_code(&txn, &row, now).await?;
        audit::record(&txn, portal, actor, entry.detail("half", row.id.global())).await?;
        portal.commit(txn).await?;
        return Ok(SignedIn::SecondFactorRequired(Challenge { id: row.id, expires_at: row.expires_at }));
    }
    // A new session at each sign-in; the one from which she signed in again ends.
    if let Some(old) = actor.member.as_ref().filter(|m| m.account == account.id)
        && store::end_session(&txn, account.id, old.session, SessionEnd::Replaced, now).await?
    {
        sessions::announce_end(&txn, portal, old.session).await?;
    }
    let pair = sessions::begin(&txn, portal, account.id, client).await?;
    audit::record(&txn, portal, actor, entry.detail("session", pair.session.global())).await?;
    portal.commit(txn).await?;
    Ok(SignedIn::Session(pair))
}

/// Ends a sign-in that waits for a second factor.
///
/// No kind of factor can be enrolled yet, so that no code fits: every challenge is refused with [`Code::CodeInvalid`],
/// after the try was counted.
pub async fn complete_sign_in(portal: &Portal, actor: &Actor, client: &Client, challenge: PendingCodeId, code: &str) -> Result<SessionPair, Refused> {
    limits::count(portal, Attempt::CodeEntry, Subject::Own(&challenge.global()), client).await?;
    let _no_factor_fits = letters::try_code(portal, challenge, CodePurpose::SignIn, code).await?;
    let txn = portal.db.begin_write().await?;
    audit::record(&txn, portal, actor, Entry::new("COMPLETE_SIGN_IN").object("CODE", challenge.0).refused(Code::CodeInvalid.code())).await?;
    portal.commit(txn).await?;
    Err(Rejection::at(Code::CodeInvalid, "input.code").into())
}
