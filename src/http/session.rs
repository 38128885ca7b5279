//! From headers to an actor: request id, token, client address, language.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use uuid::{Builder, Uuid};

use crate::account::service::{ACCESS_COOKIE, REFRESH_COOKIE, sessions as account};
use crate::api::context::Ctx;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::text::Language;
use crate::portal::Portal;

/// The id of a request, in log, trail and answer: that of the header where it is a UUID in hyphens, else a new one. Any
/// other text would let its sender write what she likes into the trail. The router takes the header away where nobody who
/// is believed sent it, and puts the id there for those who ask next.
pub fn request_id(headers: &HeaderMap, portal: &Portal) -> String {
    let given = headers.get("x-request-id").and_then(|v| v.to_str().ok()).filter(|v| v.len() == uuid::fmt::Hyphenated::LENGTH);
    given.and_then(|v| Uuid::try_parse(v).ok()).unwrap_or_else(|| Builder::from_random_bytes(portal.env.bytes()).into_uuid()).to_string()
}

/// Whether a page of this origin is one of the host that it talks to. A page may hold the portal's cookies only over TLS,
/// or on the reader's own machine: in between anybody on the way could have written an `http` page of the same name.
pub fn is_own_origin(origin: &str, host: &str) -> bool {
    match origin.split_once("://") {
        Some(("https", rest)) => rest == host,
        Some(("http", rest)) => rest == host && is_loopback(host),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The access token of a request: `Authorization: Bearer`, or the cookie.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        return value.to_str().ok()?.strip_prefix("Bearer ").map(str::trim).filter(|t| !t.is_empty());
    }
    cookie(headers, ACCESS_COOKIE)
}

/// The refresh token of the cookie.
pub fn refresh_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, REFRESH_COOKIE)
}

/// A cookie counts only where `Sec-Fetch-Site` and `Origin` say the same origin, or are missing, from a client that is
/// no browser.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or_default());
    let host = text("host").unwrap_or_default();
    let foreign_origin = text("origin").is_some_and(|origin| !is_own_origin(origin, host));
    if foreign_origin || text("sec-fetch-site").is_some_and(|s| s != "same-origin") {
        return None;
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .filter(|value| !value.is_empty())
}

/// The client's address: that of the socket, or the last one that a listed proxy vouches for.
pub fn client_address(headers: &HeaderMap, socket: Option<SocketAddr>, proxies: &[IpAddr]) -> Arc<str> {
    let Some(socket) = socket.map(|s| s.ip()) else { return Arc::from("local") };
    let mut address = socket;
    if proxies.contains(&socket) {
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
        let hops: Vec<Option<IpAddr>> = forwarded.map(hop).collect();
        for hop in hops.into_iter().rev() {
            // What lies before a hop that cannot be read is the client's word.
            let Some(hop) = hop else { break };
            address = hop;
            if !proxies.contains(&hop) {
                break;
            }
        }
    }
    // An IPv6 address in full: what counts by network takes its /64.
    Arc::from(address.to_canonical().to_string())
}

/// An address as proxies write it: bare, or with a port.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// The language that the client asks for; `None` where it names none of the portal's.
fn asked_language(headers: &HeaderMap) -> Option<Language> {
    headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).and_then(Language::negotiate)
}

/// The language of a request before it is known who sends it.
pub fn language(headers: &HeaderMap) -> Language {
    asked_language(headers).unwrap_or(Language::ZhHans)
}

/// The context of a request. A bearer token that is unknown, expired or ended is a fault, so that a client fetches a new
/// one; such a cookie is nobody's, because a browser cannot leave it out when it signs in again.
pub async fn context(portal: &Portal, headers: &HeaderMap, token: Option<&str>, address: Arc<str>, request_id: String) -> Result<Ctx, Fault> {
    let found = match token {
        None => None,
        Some(shown) => match account::session_actor(portal, shown).await? {
            None if headers.get(header::AUTHORIZATION).is_none() && cookie(headers, ACCESS_COOKIE) == token => None,
            found => Some(found.ok_or(Fault::Unauthenticated)?),
        },
    };
    let language = asked_language(headers).or(found.as_ref().map(|f| f.language)).unwrap_or(Language::ZhHans);
    Ok(Ctx { portal: portal.clone(), actor: Arc::new(Actor { member: found.map(|f| f.member), request_id }), language, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_proxies_are_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9, 198.51.100.7".parse().unwrap());
        let proxy: SocketAddr = "10.0.0.1:5".parse().unwrap();
        assert_eq!(&*client_address(&headers, Some(proxy), &[]), "10.0.0.1");
        assert_eq!(&*client_address(&headers, Some(proxy), &[proxy.ip()]), "198.51.100.7");
        let both = [proxy.ip(), "198.51.100.7".parse().unwrap()];
        assert_eq!(&*client_address(&headers, Some(proxy), &both), "203.0.113.9");
        for (forwarded, told) in [
            ("6.6.6.6, 203.0.113.9:51234", "203.0.113.9"),
            ("6.6.6.6, [2001:db8::9]:443", "2001:db8::9"),
            ("6.6.6.6, unknown", "10.0.0.1"),
            ("6.6.6.6, unknown, 203.0.113.9", "203.0.113.9"),
            ("6.6.6.6, _hidden:443, 10.0.0.1", "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            assert_eq!(&*client_address(&headers, Some(proxy), &[proxy.ip()]), told, "{forwarded}");
        }
    }

    #[test]
    fn a_cookie_of_another_site_is_no_token() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "portal.example".parse().unwrap());
        headers.insert(header::COOKIE, "a=b; __Host-portal-access=secret; __Host-portal-refresh=other".parse().unwrap());
        assert_eq!((token(&headers), refresh_cookie(&headers)), (Some("secret"), Some("other")));
        headers.insert(header::ORIGIN, "https://portal.example".parse().unwrap());
        headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
        assert_eq!(token(&headers), Some("secret"));
        for foreign in ["https://evil.example", "http://portal.example", "null", "https://portal.example:8443", "portal.example"] {
            headers.insert(header::ORIGIN, foreign.parse().unwrap());
            assert_eq!((token(&headers), refresh_cookie(&headers)), (None, None), "{foreign}");
        }
        headers.insert(header::ORIGIN, "https://evil.example".parse().unwrap());
        assert_eq!((token(&headers), refresh_cookie(&headers)), (None, None));
        headers.remove(header::ORIGIN);
        headers.insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert_eq!(token(&headers), None);
        headers.insert(header::AUTHORIZATION, "Bearer other".parse().unwrap());
        assert_eq!(token(&headers), Some("other"));
    }

    #[test]
    fn a_page_without_tls_is_the_portals_own_on_the_readers_machine_only() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
            assert!(is_own_origin(&format!("http://{host}"), host), "{host}");
        }
        for host in ["portal.example", "portal.example:80", "10.0.0.1:8080", "localhost.evil.example", "[2001:db8::1]:8080"] {
            assert!(!is_own_origin(&format!("http://{host}"), host), "{host}");
            assert!(is_own_origin(&format!("https://{host}"), host), "{host}");
        }
    }

    #[test]
    fn an_address_stays_readable() {
        for (socket, told) in [("[2001:db8:1:2:3:4:5:6]:5", "2001:db8:1:2:3:4:5:6"), ("[::ffff:192.0.2.7]:5", "192.0.2.7"), ("192.0.2.7:5", "192.0.2.7")] {
            assert_eq!(&*client_address(&HeaderMap::new(), Some(socket.parse().unwrap()), &[]), told);
        }
    }
}
