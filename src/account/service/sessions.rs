//! Sessions: begun, looked up, renewed, ended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::account::model::client::Client;
use crate::account::model::session::{Lifetime, Lives, Refresh, SessionActor, SessionEnd, SessionKind, SessionPair, SessionView, use_is_due};
use crate::account::service::{SESSION, limits};
use crate::account::{policy, store};
use crate::audit::model::{Entry, Message};
use crate::audit::service as audit;
use crate::kernel::actor::{Actor, Member};
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{AccountId, SessionId, TypedId as _};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::seal::token_hash;
use crate::portal::Portal;

/// Who is behind an access token (of `Authorization: Bearer` or of the cookie), or `None` for an unknown, ended or
/// expired one. One statement, and every five minutes a second that writes the last use.
pub async fn session_actor(portal: &Portal, token: &str) -> Result<Option<SessionActor>, Fault> {
    if token.len() > 128 {
        return Ok(None);
    }
    let now = portal.env.now();
    let Some(found) = store::session(portal.db.read(), token_hash(token), now).await? else { return Ok(None) };
    if use_is_due(found.last_seen_at, found.rotated_at, now) {
        let txn = portal.db.begin_write().await?;
        store::touch(&txn, found.actor.member.session, now).await?;
        txn.commit().await?;
    }
    Ok(Some(found.actor))
}

/// The caller as she is now: with the roles that are in force at this moment. For what lasts longer than a request.
///
/// Errors: [`Fault::Unauthenticated`] once her session is over.
pub async fn actor_now(portal: &Portal, actor: &Actor) -> Result<Actor, Fault> {
    let session = policy::signed_in(actor)?.session;
    let found = store::session_by_id(portal.db.read(), session, portal.env.now()).await?.ok_or(Fault::Unauthenticated)?;
    Ok(Actor { member: Some(found.actor.member), request_id: actor.request_id.clone() })
}

/// Lives of tokens, from the settings.
pub fn lives(portal: &Portal) -> Lives {
    Lives { access: Duration::minutes(portal.settings.access_minutes), public: Duration::days(portal.settings.refresh_days) }
}

/// A refresh token names its session and carries our mark, so that an old one is known as such without a list of them.
fn refresh_token(portal: &Portal, session: SessionId) -> String {
    let chance = portal.env.bytes::<32>();
    let mark = portal.keyring.portal().digest("refresh-token", &[session.0.as_bytes(), &chance]);
    let mut bytes = session.0.as_bytes().to_vec();
    bytes.extend_from_slice(&chance);
    bytes.extend_from_slice(&mark[..16]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The session that a genuine refresh token names.
fn session_of(portal: &Portal, token: &str) -> Option<SessionId> {
    if token.len() > 128 {
        return None;
    }
    let bytes: [u8; 64] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let session = Uuid::from_slice(&bytes[..16]).ok()?;
    let mark = portal.keyring.portal().digest("refresh-token", &[&bytes[..16], &bytes[16..48]]);
    // Compared as hashes, so that the time tells nothing about the mark.
    let same = token_hash(&URL_SAFE_NO_PAD.encode(&mark[..16])) == token_hash(&URL_SAFE_NO_PAD.encode(&bytes[48..]));
    same.then(|| SessionId::from_uuid(session))
}

/// Begins a session of an account inside the caller's transaction, with or without a second factor shown.
pub async fn begin(txn: &impl ConnectionTrait, portal: &Portal, account: AccountId, client: &Client, second_factor: bool) -> Result<SessionPair, Fault> {
    let session = SessionId::new(&portal.env);
    let (access, refresh) = (portal.env.secret(), refresh_token(portal, session));
    let lifetime = Lifetime::begin(lives(portal), second_factor, portal.env.now());
    let row = store::NewSession {
        id: session,
        account,
        kind: SessionKind::Normal,
        access_hash: token_hash(&access),
        refresh_hash: token_hash(&refresh),
        lifetime,
        second_factor,
        agent: client.agent,
        network: limits::network_hash(portal, client),
    };
    store::insert_session(txn, &row, portal.env.now()).await?;
    Ok(SessionPair { session, access, refresh, lifetime })
}

/// The same at a sign-in: the session from which she signed in again ends.
pub async fn begin_anew(
    txn: &impl ConnectionTrait,
    portal: &Portal,
    actor: &Actor,
    account: AccountId,
    client: &Client,
    second_factor: bool,
) -> Result<SessionPair, Fault> {
    if let Some(old) = actor.member.as_ref().filter(|m| m.account == account)
        && store::end_session(txn, account, old.session, SessionEnd::Replaced, portal.env.now()).await?
    {
        announce_end(txn, portal, old.session).await?;
    }
    begin(txn, portal, account, client, second_factor).await
}

/// Ends all sessions of an account but `keep` inside the caller's transaction; gives how many ended.
pub async fn end_all_but(txn: &impl ConnectionTrait, portal: &Portal, account: AccountId, keep: Option<SessionId>, why: SessionEnd) -> Result<usize, Fault> {
    let ended = store::end_sessions(txn, account, keep, why, portal.env.now()).await?;
    for session in &ended {
        announce_end(txn, portal, *session).await?;
    }
    Ok(ended.len())
}

/// Tells sockets and other listeners that a session is over.
pub async fn announce_end(txn: &impl ConnectionTrait, portal: &Portal, session: SessionId) -> Result<(), Fault> {
    audit::announce(txn, portal, Message::new("SESSION_ENDED", SESSION, session.0)).await
}

/// A new pair for a refresh token. A token that was spent before ends its session.
///
/// Refuses with [`Code::RefreshInvalid`].
pub async fn refresh_session(portal: &Portal, actor: &Actor, token: &str) -> Result<SessionPair, Refused> {
    let invalid = || Refused::from(Rejection::at(Code::RefreshInvalid, "input.refreshToken"));
    let id = session_of(portal, token).ok_or_else(invalid)?;
    let hash = token_hash(token);
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    let Some(row) = store::session_for_refresh(&txn, id).await?.filter(|row| row.active) else { return Err(invalid()) };
    match row.facts.judge(&hash, now) {
        Refresh::Over => Err(invalid()),
        Refresh::Reused => {
            if store::end_session(&txn, row.account, id, SessionEnd::RefreshReused, now).await? {
                announce_end(&txn, portal, id).await?;
                let entry = Entry::new("REFRESH_SESSION").object(SESSION, id.0).person(row.person).refused("REFRESH_INVALID").detail("why", "REFRESH_REUSED");
                audit::record(&txn, portal, actor, entry).await?;
            }
            portal.commit(txn).await?;
            Err(invalid())
        }
        Refresh::Rotate | Refresh::Replace => {
            let (access, refresh) = (portal.env.secret(), refresh_token(portal, id));
            let lifetime = Lifetime::renewed(lives(portal), row.second_factor, now, row.ends_at);
            let pair = (token_hash(&access), token_hash(&refresh));
            if !store::rotate(&txn, id, &row.facts.current, &hash, (&pair.0, &pair.1), lifetime, now).await? {
                // Another request was quicker; within the grace the client comes again with the same token.
                return Err(invalid());
            }
            audit::record(&txn, portal, actor, Entry::new("REFRESH_SESSION").object(SESSION, id.0).person(row.person)).await?;
            portal.commit(txn).await?;
            Ok(SessionPair { session: id, access, refresh, lifetime })
        }
    }
}

/// Ends the caller's session.
pub async fn sign_out(portal: &Portal, actor: &Actor) -> Result<SessionId, Refused> {
    let member = policy::signed_in(actor)?;
    end(portal, actor, member, member.session, "SIGN_OUT").await
}

/// Ends one of the caller's sessions.
///
/// Refuses with [`Code::NotFound`].
pub async fn end_session(portal: &Portal, actor: &Actor, session: SessionId) -> Result<SessionId, Refused> {
    let member = policy::signed_in(actor)?;
    end(portal, actor, member, session, "END_SESSION").await
}

async fn end(portal: &Portal, actor: &Actor, member: &Member, session: SessionId, action: &'static str) -> Result<SessionId, Refused> {
    let txn = portal.db.begin_write().await?;
    if !store::end_session(&txn, member.account, session, SessionEnd::SignedOut, portal.env.now()).await? {
        return Err(Rejection::at(Code::NotFound, "input.sessionId").into());
    }
    announce_end(&txn, portal, session).await?;
    audit::record(&txn, portal, actor, Entry::new(action).object(SESSION, session.0).person(member.person)).await?;
    portal.commit(txn).await?;
    Ok(session)
}

/// Ends all of the caller's sessions, this one too unless it is kept; gives how many ended.
pub async fn end_all_sessions(portal: &Portal, actor: &Actor, keep_current: bool) -> Result<usize, Refused> {
    let member = policy::signed_in(actor)?;
    let txn = portal.db.begin_write().await?;
    let keep = keep_current.then_some(member.session);
    let ended = end_all_but(&txn, portal, member.account, keep, SessionEnd::SignedOut).await?;
    let entry = Entry::new("END_ALL_SESSIONS").object(super::ACCOUNT, member.account.0).person(member.person).detail("ended", ended.to_string());
    audit::record(&txn, portal, actor, entry).await?;
    portal.commit(txn).await?;
    Ok(ended)
}

/// The caller's sessions, newest first, at most 100.
pub async fn sessions(portal: &Portal, actor: &Actor) -> Result<Vec<SessionView>, Fault> {
    let member = policy::signed_in(actor)?;
    Ok(store::sessions(portal.db.read(), member.account, member.session, portal.env.now()).await?)
}

/// Sensitive changes need a session that began at most 15 minutes ago (ASVS 7.5.1).
///
/// Errors: [`Fault::ReauthRequired`].
pub async fn require_fresh(portal: &Portal, actor: &Actor) -> Result<(), Fault> {
    let member = policy::signed_in(actor)?;
    let began = store::session_began(portal.db.read(), member.session).await?;
    if began.is_some_and(|at| portal.env.now() <= at + Duration::minutes(15)) { Ok(()) } else { Err(Fault::ReauthRequired) }
}
