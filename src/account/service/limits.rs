//! Limits are counted before anything is looked up, for known and unknown names alike.

use crate::account::model::client::Client;
use crate::account::model::limit::{Attempt, Limits};
use crate::account::store;
use crate::kernel::fault::Fault;
use crate::portal::Portal;

/// Counts a try of `subject` (the contact point as typed, or the id of a challenge) from `client`.
///
/// Errors: [`Fault::RateLimited`] with the seconds to wait; what a later limit refuses was not counted by the others.
pub async fn count(portal: &Portal, attempt: Attempt, subject: &str, client: &Client) -> Result<(), Fault> {
    let rates = Limits::with_burst(portal.settings.sign_in_burst).of(attempt);
    let now = portal.env.now().timestamp_millis();
    let network = client.network();
    let txn = portal.db.begin_write().await?;
    for (kind, value, rate) in [("account", subject, rates.account), ("network", network.as_str(), rates.network), ("site", "", rates.site)] {
        let key = portal.keyring.input_hash("limit", format!("{}\u{1f}{kind}\u{1f}{value}", attempt.name()).as_bytes());
        if !store::take_try(&txn, &key, rate, now).await? {
            let arrival = store::arrival(&txn, &key).await?.unwrap_or(now);
            return Err(Fault::RateLimited(rate.wait_seconds(arrival, now).max(1)));
        }
    }
    Ok(txn.commit().await?)
}
