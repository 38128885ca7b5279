//! Limits are counted before anything is answered, for known and unknown names alike.

use async_trait::async_trait;
use chrono::Duration;
use sea_orm::ConnectionTrait;

use crate::account::model::client::Client;
use crate::account::model::limit::{ALARM_AGAIN, Attempt, Limits, Rate};
use crate::account::store;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{PersonId, TypedId as _};
use crate::person::service::identity::OfficerLimit;
use crate::portal::Portal;

/// Days for which a sign-in makes the network known that it came from.
pub const KNOWN_DAYS: i64 = 30;

/// Whom a try is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A contact point as typed, and its blind index.
    Contact(&'a str, &'a [u8]),
    /// Something that only who asked for it knows, for example a challenge.
    Own(&'a str),
}

/// The keyed hash of the client's neighbourhood in the network, as sessions keep it.
pub fn network_hash(portal: &Portal, client: &Client) -> Option<Vec<u8>> {
    client.neighbourhood().map(|place| portal.keyring.input_hash("session-network", place.as_bytes()))
}

fn key(portal: &Portal, name: &str, kind: &str, value: &str) -> Vec<u8> {
    portal.keyring.input_hash("limit", format!("{name}\u{1f}{kind}\u{1f}{value}").as_bytes())
}

/// Counts a try from `client`; tells whether the account behind the contact point has signed in from there lately. The
/// same is looked up where there is no such account.
///
/// Errors: [`Fault::RateLimited`] with the seconds to wait; what a later limit refuses was not counted by the others.
pub async fn count(portal: &Portal, attempt: Attempt, subject: Subject<'_>, client: &Client) -> Result<bool, Fault> {
    let rates = Limits::with_burst(portal.settings.sign_in_burst).of(attempt);
    let (name, network, here) = (attempt.name(), client.network(), client.neighbourhood().unwrap_or_default());
    let (value, index) = match subject {
        Subject::Contact(value, index) => (value, Some(index)),
        Subject::Own(value) => (value, None),
    };
    let txn = portal.db.begin_write().await?;
    take_key(&txn, portal, &key(portal, name, "here", &format!("{value}\u{1f}{here}")), rates.here).await?;
    take_key(&txn, portal, &key(portal, name, "network", &network), rates.network).await?;
    let known = match index {
        Some(index) => knows(&txn, portal, index, client).await?,
        None => false,
    };
    if let Some(rate) = rates.anywhere.filter(|_| !known) {
        take_key(&txn, portal, &key(portal, name, "anywhere", value), rate).await?;
    }
    let now = portal.env.now().timestamp_millis();
    let mut alarm = false;
    if let Some(rate) = rates.alarm
        && !store::take_try(&txn, &key(portal, name, "site", ""), rate, now).await?
    {
        metrics::counter!("portal_tries_beyond_alarm_total", "attempt" => name).increment(1);
        alarm = store::take_try(&txn, &key(portal, name, "alarm", ""), ALARM_AGAIN, now).await?;
    }
    txn.commit().await?;
    if alarm {
        tracing::warn!(attempt = name, "more tries than usual on the whole site; each account and network is limited by itself");
    }
    Ok(known)
}

/// Whether the account behind a contact point has signed in lately from where `client` is.
pub async fn knows(db: &impl ConnectionTrait, portal: &Portal, index: &[u8], client: &Client) -> Result<bool, Fault> {
    let Some(network) = network_hash(portal, client) else { return Ok(false) };
    Ok(store::knows_network(db, index, &network, portal.env.now() - Duration::days(KNOWN_DAYS)).await?)
}

async fn take_key(txn: &impl ConnectionTrait, portal: &Portal, key: &[u8], rate: Rate) -> Result<(), Fault> {
    let now = portal.env.now().timestamp_millis();
    if store::take_try(txn, key, rate, now).await? {
        return Ok(());
    }
    let arrival = store::arrival(txn, key).await?.unwrap_or(now);
    Err(Fault::RateLimited(rate.wait_seconds(arrival, now).max(1)))
}

/// Takes a try of a limit that another slice names, in its transaction. Tries at once wait for each other until it ends.
///
/// Errors: [`Fault::RateLimited`] with the seconds to wait.
pub async fn take(txn: &impl ConnectionTrait, portal: &Portal, name: &str, subject: &str, rate: Rate) -> Result<(), Fault> {
    take_key(txn, portal, &key(portal, name, "own", subject), rate).await
}

/// Gives back a try that [`take`] took, in the same transaction: it was none of those that the limit is about.
pub async fn give_back(txn: &impl ConnectionTrait, portal: &Portal, name: &str, subject: &str, rate: Rate) -> Result<(), Fault> {
    Ok(store::give_back_try(txn, &key(portal, name, "own", subject), rate).await?)
}

/// Originals that an officer compares in an hour, see [`OfficerLimit`]. Registered in `app`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfficerTries;

#[async_trait]
impl OfficerLimit for OfficerTries {
    async fn take(&self, portal: &Portal, officer: PersonId) -> Result<(), Fault> {
        let an_hour = portal.settings.verifications_per_hour;
        let rate = Rate::new(an_hour, 3600u32.div_ceil(an_hour.max(1)));
        let txn = portal.db.begin_write().await?;
        take(&txn, portal, "verify-identity", &officer.global(), rate).await?;
        Ok(txn.commit().await?)
    }
}
