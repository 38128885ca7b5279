//! Recovery: a code to the contact point, then a new password; all sessions end.

use crate::account::model::client::Client;
use crate::account::model::code::{Challenge, CodePurpose};
use crate::account::model::limit::Attempt;
use crate::account::model::password;
use crate::account::model::session::SessionEnd;
use crate::account::service::hashing::HashPool;
use crate::account::service::limits::Subject;
use crate::account::service::sign_in::{self, SignedIn};
use crate::account::service::sign_up::{AskCode, start};
use crate::account::service::{ACCOUNT, letters, limits, sessions};
use crate::account::store;
use crate::audit::model::Entry;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Refused;
use crate::kernel::ids::{PendingCodeId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::portal::Portal;

/// Ends a recovery.
pub struct CompleteRecovery {
    /// The challenge.
    pub challenge: PendingCodeId,
    /// The code as typed.
    pub code: String,
    /// The new password as typed.
    pub password: String,
}

/// Begins a recovery; the answer is the same whether the contact point has an account or not.
///
/// Refuses with [`Code::ContactMalformed`].
pub async fn start_recovery(portal: &Portal, actor: &Actor, client: &Client, command: AskCode) -> Result<Challenge, Refused> {
    start(portal, actor, client, command, CodePurpose::Recovery).await
}

/// Sets a new password, ends all sessions and begins one. Where the account has a second factor none begins: who holds the
/// contact point alone does not come in, and the factor is to be shown as after a right password.
///
/// Refuses with [`Code::CodeInvalid`], [`Code::TooShort`], [`Code::TooLong`], [`Code::PasswordWeak`].
pub async fn complete_recovery(portal: &Portal, actor: &Actor, client: &Client, command: CompleteRecovery) -> Result<SignedIn, Refused> {
    let problems = password::check(&command.password, &[], "input.password");
    if !problems.is_empty() {
        return Err(Refused::Rejected(problems));
    }
    limits::count(portal, Attempt::CodeEntry, Subject::Own(&command.challenge.global()), client).await?;
    let invalid = || Refused::from(Rejection::at(Code::CodeInvalid, "input.code"));
    let (code, contact) = letters::try_code(portal, command.challenge, CodePurpose::Recovery, &command.code).await?.ok_or_else(invalid)?;
    let id = code.account.ok_or_else(invalid)?;
    let account = store::account(portal.db.read(), id).await?.filter(|a| a.active).ok_or_else(invalid)?;
    let person = crate::person::service::person(portal, account.person).await?;
    let mut context: Vec<&str> = [person.name.zh.as_deref(), person.name.latin.as_deref()].into_iter().flatten().collect();
    context.push(contact.value());
    let problems = password::check(&command.password, &context, "input.password");
    if !problems.is_empty() {
        return Err(Refused::Rejected(problems));
    }
    let hash = portal.part::<HashPool>()?.hash(&portal.env, &command.password).await?;
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    if !store::use_code(&txn, command.challenge, now).await? {
        return Err(invalid());
    }
    letters::forget(&txn, portal, command.challenge).await?;
    store::set_password(&txn, id, &hash, Some(now)).await?;
    store::set_failures(&txn, id, false).await?;
    sessions::end_all_but(&txn, portal, id, None, SessionEnd::Recovery).await?;
    // What a right password of before began is worth nothing any more.
    store::drop_half_sign_ins(&txn, id, now).await?;
    let entry = Entry::new("COMPLETE_RECOVERY").object(ACCOUNT, id.0).person(person.id);
    let signed = sign_in::enter(&txn, portal, actor, client, &account, code.contact_index, entry).await?;
    portal.commit(txn).await?;
    Ok(signed)
}
