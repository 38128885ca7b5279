//! Demo databases: marked as such while empty, with one-day tokens that count as two-factor.

use crate::account::model::client::AgentClass;
use crate::account::model::session::{DEMO, Lifetime, SessionKind};
use crate::account::store;
use crate::audit::service as audit;
use crate::kernel::fault::Fault;
use crate::kernel::ids::{AccountId, SessionId, TypedId as _};
use crate::kernel::seal::token_hash;
use crate::portal::Portal;

/// Name of the mark.
const MARK: &str = "DEMO";

/// What became of the wish to make a database a demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoMark {
    /// It was empty and is a demo now.
    Marked,
    /// It was a demo before.
    WasDemo,
    /// It holds people and is none.
    Refused,
}

/// Whether the database is a demo.
pub async fn is_demo(portal: &Portal) -> Result<bool, Fault> {
    audit::marker(portal.db.read(), MARK).await
}

/// Marks an empty database as a demo; one with people in it is refused.
pub async fn mark_demo(portal: &Portal) -> Result<DemoMark, Fault> {
    let txn = portal.db.begin_write().await?;
    if audit::marker(&txn, MARK).await? {
        return Ok(DemoMark::WasDemo);
    }
    if store::has_people(&txn).await? {
        return Ok(DemoMark::Refused);
    }
    audit::set_marker(&txn, portal, MARK).await?;
    portal.commit(txn).await?;
    Ok(DemoMark::Marked)
}

/// A bearer token of an account for one day, which counts as two-factor and is worth nothing outside a demo database.
///
/// Errors: [`Fault::Forbidden`] where the database is no demo.
pub async fn demo_session(portal: &Portal, account: AccountId) -> Result<String, Fault> {
    let now = portal.env.now();
    let token = portal.env.secret();
    let ends_at = now + DEMO;
    let row = store::NewSession {
        id: SessionId::new(&portal.env),
        account,
        kind: SessionKind::Demo,
        access_hash: token_hash(&token),
        // Nothing has this hash: a demo token is not renewed.
        refresh_hash: token_hash(&portal.env.secret()),
        lifetime: Lifetime { access_until: ends_at, refresh_until: ends_at, ends_at },
        second_factor: true,
        agent: AgentClass::Program,
    };
    let txn = portal.db.begin_write().await?;
    if !audit::marker(&txn, MARK).await? {
        return Err(Fault::Forbidden);
    }
    store::insert_session(&txn, &row, now).await?;
    portal.commit(txn).await?;
    Ok(token)
}
