//! Second factors: enrolled by who is signed in, removed by her, or taken away by security administration.
//!
//! An account with a confirmed factor has only sessions in which it was shown: where one is confirmed all other sessions
//! end, and sign-in and recovery begin none without it.

use zeroize::Zeroizing;

use crate::account::model::client::Client;
use crate::account::model::factor::{
    ENROLMENT, Enrolment, Factor, FactorKind, FactorResetReason, MOST_FAILURES, MOST_FAILURES_ANYWHERE, SECRET, enrolment, step_of,
};
use crate::account::model::limit::Attempt;
use crate::account::model::session::{Lifetime, SessionEnd};
use crate::account::policy;
use crate::account::service::limits::Subject;
use crate::account::service::{limits, sessions, viewer};
use crate::account::store::{self, AccountRow, Inserted};
use crate::audit::model::Entry;
use crate::audit::service as audit;
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{FactorId, PersonId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::Place;
use crate::person::service::{self as persons, keys};
use crate::portal::Portal;

const FACTOR: &str = "FACTOR";

fn place(id: FactorId) -> Place {
    Place::new("second_factor", "secret_sealed", id.0)
}

async fn open(portal: &Portal, account: &AccountRow, factor: &Factor) -> Result<Zeroizing<Vec<u8>>, Fault> {
    // Sealed for the person as whom she signed up, who may redirect to another by now.
    let key = keys::data_key(portal, account.person).await?;
    key.open(place(factor.id), &factor.sealed).ok_or_else(|| Fault::bug("a sealed secret of a factor does not open"))
}

async fn account_of(portal: &Portal, actor: &Actor) -> Result<AccountRow, Fault> {
    let member = policy::signed_in(actor)?;
    store::account(portal.db.read(), member.account).await?.ok_or(Fault::Unauthenticated)
}

/// The caller's confirmed factors, oldest first.
pub async fn factors(portal: &Portal, actor: &Actor) -> Result<Vec<Factor>, Fault> {
    let member = policy::signed_in(actor)?;
    let rows = store::factors(portal.db.read(), member.account).await?;
    Ok(rows.into_iter().filter(|f| f.confirmed_at.is_some()).collect())
}

/// The factor whose code ends a sign-in of the account from where `client` is, and its secret. After
/// [`MOST_FAILURES`] wrong codes in a row it is good only where the account has signed in lately, after
/// [`MOST_FAILURES_ANYWHERE`] nowhere: security administration takes it away.
pub async fn usable(portal: &Portal, client: &Client, account: &AccountRow, index: &[u8]) -> Result<Option<(Factor, Zeroizing<Vec<u8>>)>, Fault> {
    let rows = store::factors(portal.db.read(), account.id).await?;
    let Some(factor) = rows.into_iter().find(|f| f.confirmed_at.is_some()) else { return Ok(None) };
    if factor.failures >= MOST_FAILURES_ANYWHERE {
        return Ok(None);
    }
    if factor.failures >= MOST_FAILURES && !limits::knows(portal.db.read(), portal, index, client).await? {
        return Ok(None);
    }
    let secret = open(portal, account, &factor).await?;
    Ok(Some((factor, secret)))
}

/// Makes a secret for an authenticator app, which is shown this once. It keeps nobody out before its first code came; a
/// second start takes the place of the first.
///
/// Errors: [`Fault::ReauthRequired`] for a session older than 15 minutes. Refuses with [`Code::AlreadyExists`] where a
/// factor is confirmed.
pub async fn start_totp_enrolment(portal: &Portal, actor: &Actor) -> Result<Enrolment, Refused> {
    let member = policy::signed_in(actor)?;
    sessions::require_fresh(portal, actor).await?;
    let account = account_of(portal, actor).await?;
    let name = viewer::contact_points(portal, actor).await?.into_iter().next().map_or_else(|| account.id.global(), |c| c.masked);
    let key = keys::ensure_key(portal, account.person).await?;
    let (id, now) = (FactorId::new(&portal.env), portal.env.now());
    let secret = Zeroizing::new(portal.env.bytes::<SECRET>());
    let shown = enrolment(secret.as_slice(), &name, now).ok_or_else(|| Fault::bug("a new secret cannot be shown"))?;
    let sealed = key.seal(&portal.env, place(id), secret.as_slice());
    let txn = portal.db.begin_write().await?;
    // One after the other for one account: a second start finds the first one.
    store::lock_account(&txn, account.id).await?;
    if store::insert_factor(&txn, account.id, id, FactorKind::Totp, sealed, now).await? != Inserted::Done {
        return Err(Rejection::new(Code::AlreadyExists).into());
    }
    audit::record(&txn, portal, actor, Entry::new("START_TOTP_ENROLMENT").object(FACTOR, id.0).person(member.person)).await?;
    portal.commit(txn).await?;
    Ok(shown)
}

/// Confirms the factor by its first code. The caller's session counts as two-factor from now on, with the shorter life of
/// such a one; all other sessions of the account end.
///
/// Refuses with [`Code::CodeInvalid`] (wrong, or no enrolment waits).
pub async fn complete_totp_enrolment(portal: &Portal, actor: &Actor, client: &Client, code: &str) -> Result<Factor, Refused> {
    let member = policy::signed_in(actor)?;
    limits::count(portal, Attempt::CodeEntry, Subject::Own(&member.account.global()), client).await?;
    let invalid = || Refused::from(Rejection::at(Code::CodeInvalid, "input.code"));
    let now = portal.env.now();
    let account = account_of(portal, actor).await?;
    let rows = store::factors(portal.db.read(), account.id).await?;
    let factor = rows.into_iter().find(|f| f.confirmed_at.is_none() && now < f.created_at + ENROLMENT).ok_or_else(invalid)?;
    let step = step_of(&open(portal, &account, &factor).await?, code, now).ok_or_else(invalid)?;
    let txn = portal.db.begin_write().await?;
    store::lock_account(&txn, account.id).await?;
    if !store::confirm_factor(&txn, factor.id, step, now).await? {
        return Err(invalid());
    }
    store::raise_session(&txn, member.session, Lifetime::begin(sessions::lives(portal), true, now)).await?;
    sessions::end_all_but(&txn, portal, account.id, Some(member.session), SessionEnd::FactorChanged).await?;
    audit::record(&txn, portal, actor, Entry::new("COMPLETE_TOTP_ENROLMENT").object(FACTOR, factor.id.0).person(member.person)).await?;
    portal.commit(txn).await?;
    Ok(Factor { confirmed_at: Some(now), last_used_at: Some(now), ..factor })
}

/// Takes one of the caller's factors away. Her session counts as one-factor from now on, and all others end.
///
/// Errors: [`Fault::ReauthRequired`] where the second factor was not shown in this session, or the session is older than
/// 15 minutes. Refuses with [`Code::NotFound`].
pub async fn remove_factor(portal: &Portal, actor: &Actor, id: FactorId) -> Result<FactorId, Refused> {
    let member = policy::showed_factor(actor)?;
    sessions::require_fresh(portal, actor).await?;
    let txn = portal.db.begin_write().await?;
    store::lock_account(&txn, member.account).await?;
    if !store::delete_factor(&txn, member.account, id).await? {
        return Err(Rejection::at(Code::NotFound, "input.factorId").into());
    }
    store::lower_session(&txn, member.session).await?;
    sessions::end_all_but(&txn, portal, member.account, Some(member.session), SessionEnd::FactorChanged).await?;
    audit::record(&txn, portal, actor, Entry::new("REMOVE_FACTOR").object(FACTOR, id.0).person(member.person)).await?;
    portal.commit(txn).await?;
    Ok(id)
}

/// Security administration takes all factors of somebody away, whose sessions end; she signs in by password alone and
/// enrols a new one.
///
/// Refuses with [`Code::NotFound`] where the person is unknown or has none, and [`Code::NotAllowed`] for the caller
/// herself.
pub async fn reset_factors(portal: &Portal, actor: &Actor, person: PersonId, reason: FactorResetReason) -> Result<PersonId, Refused> {
    let member = policy::may_reset_factors(actor)?;
    let unknown = || Refused::from(Rejection::at(Code::NotFound, "input.personId"));
    let txn = portal.db.begin_write().await?;
    let person = match persons::resolve(&txn, person).await {
        Err(Fault::NotFound) => return Err(unknown()),
        other => other?,
    };
    if person == member.person {
        return Err(Rejection::at(Code::NotAllowed, "input.personId").into());
    }
    let accounts = store::delete_factors(&txn, person).await?;
    if accounts.is_empty() {
        return Err(unknown());
    }
    for account in &accounts {
        sessions::end_all_but(&txn, portal, *account, None, SessionEnd::FactorChanged).await?;
    }
    let entry = Entry::new("RESET_FACTORS").object("PERSON", person.0).person(person).detail("reason", reason.code());
    let entry = accounts.iter().fold(entry, |entry, account| entry.detail("account", account.global()));
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(person)
}
