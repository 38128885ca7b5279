//! How many WebSockets there are, and whether their sessions still hold.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use crate::account::service::sessions as account;
use crate::kernel::actor::Member;
use crate::kernel::seal::token_hash;
use crate::portal::Portal;

/// Time between looks at a session.
const BEAT: Duration = Duration::from_secs(1);

/// The sockets of one process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Sockets(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// Sockets of which no session is known, by address.
    addresses: HashMap<String, usize>,
    /// Sessions with sockets, by the hash of their access token.
    sessions: HashMap<Vec<u8>, Weak<Watched>>,
}

/// A session that has sockets. It is asked for once a second, however many they are.
#[derive(Debug)]
struct Watched {
    /// The member as she is now, `None` once the session is over.
    standing: watch::Sender<Option<Member>>,
    sockets: AtomicUsize,
}

/// The place of a socket of which no session is known.
#[derive(Debug)]
pub struct Place {
    sockets: Sockets,
    address: String,
}

/// The place of a socket of a session.
#[derive(Debug)]
pub struct Seat(Arc<Watched>);

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.sockets.counts();
        if let Some(count) = counts.addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.addresses.remove(&self.address);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Seat {
    /// The member as she is now, `None` once the session is over; it changes with her roles and her assurance.
    pub fn standing(&self) -> watch::Receiver<Option<Member>> {
        self.0.standing.subscribe()
    }
}

/// What counts as one caller's network: an IPv6 caller has a /64 for herself.
pub fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        _ => address.to_owned(),
    }
}

impl Sockets {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a socket of an address, unless it has `most` already.
    pub fn enter(&self, address: &str, most: usize) -> Option<Place> {
        let address = network(address);
        let mut counts = self.counts();
        let count = counts.addresses.entry(address.clone()).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Place { sockets: self.clone(), address })
    }

    /// A seat for a socket of the session behind an access token, unless it has `most` already.
    pub fn sit(&self, portal: &Portal, token: &str, member: &Member, most: usize) -> Option<Seat> {
        let key = token_hash(token);
        let mut counts = self.counts();
        let known = counts.sessions.get(&key).and_then(Weak::upgrade).filter(|watched| watched.standing.borrow().is_some());
        if let Some(watched) = known {
            if watched.sockets.fetch_add(1, Ordering::SeqCst) >= most {
                watched.sockets.fetch_sub(1, Ordering::SeqCst);
                return None;
            }
            return Some(Seat(watched));
        }
        let watched = Arc::new(Watched { standing: watch::Sender::new(Some(member.clone())), sockets: AtomicUsize::new(1) });
        counts.sessions.insert(key.clone(), Arc::downgrade(&watched));
        drop(counts);
        tokio::spawn(look_after(self.clone(), portal.clone(), key, token.to_owned(), Arc::downgrade(&watched)));
        Some(Seat(watched))
    }
}

/// Looks at a session as long as it has sockets. A store that does not answer says nothing about the session.
async fn look_after(sockets: Sockets, portal: Portal, key: Vec<u8>, token: String, watched: Weak<Watched>) {
    loop {
        tokio::time::sleep(BEAT).await;
        if watched.strong_count() == 0 {
            break;
        }
        let Ok(found) = account::session_actor(&portal, &token).await else {
            tracing::warn!("a session cannot be looked up; its sockets stay");
            continue;
        };
        let Some(watched) = watched.upgrade() else { break };
        let session = watched.standing.borrow().as_ref().map(|member| member.session);
        let now = found.map(|found| found.member).filter(|member| Some(member.session) == session);
        let over = now.is_none();
        watched.standing.send_if_modified(|standing| {
            let changed = *standing != now;
            *standing = now;
            changed
        });
        if over {
            break;
        }
    }
    let mut counts = sockets.counts();
    // Another watch may have begun for this token meanwhile.
    if counts.sessions.get(&key).is_some_and(|known| Weak::ptr_eq(known, &watched)) {
        counts.sessions.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_a_network_of_ipv6_is_one_address() {
        let sockets = Sockets::default();
        let places: Vec<_> = (0..3).filter_map(|n| sockets.enter(&format!("2001:db8:0:1::{n}"), 2)).collect();
        assert_eq!(places.len(), 2);
        assert!(sockets.enter("192.0.2.7", 2).is_some());
        drop(places);
        assert!(sockets.enter("2001:db8:0:1::9", 2).is_some());
        assert!(sockets.counts().addresses.is_empty(), "what nobody holds is forgotten");
    }
}
