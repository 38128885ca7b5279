//! From where a request comes, as far as limits and sessions need it.

use std::net::IpAddr;

use crate::coded_enum;

coded_enum! {
    /// Class of the program that a session was begun with; nothing finer is stored.
    pub enum AgentClass {
        /// A browser.
        Browser => "BROWSER",
        /// An app on a phone or tablet.
        MobileApp => "MOBILE_APP",
        /// A program of another kind.
        Program => "PROGRAM",
        /// Nothing was said.
        Unknown => "UNKNOWN",
    }
}

/// The caller's side of one request.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Address of the caller (behind listed proxies the one that they name), if known.
    pub address: Option<IpAddr>,
    /// Class of the program.
    pub agent: AgentClass,
}

impl Client {
    /// Nothing is known, for commands of the operator.
    pub const UNKNOWN: Self = Self { address: None, agent: AgentClass::Unknown };

    /// What limits count by: the IPv4 address, or the /64 network of an IPv6 address.
    pub fn network(&self) -> String {
        match self.address.map(|a| a.to_canonical()) {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

impl Client {
    /// The neighbourhood in the network: the /24 of an IPv4 address, the /64 of an IPv6 one. A telephone changes its address
    /// more often than that. `None` where the address is not known.
    pub fn neighbourhood(&self) -> Option<String> {
        match self.address?.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Some(format!("{a}.{b}.{c}.0/24"))
            }
            IpAddr::V6(_) => Some(self.network()),
        }
    }
}

impl AgentClass {
    /// The class of a `User-Agent` header.
    pub fn of_header(header: Option<&str>) -> Self {
        let Some(header) = header.map(str::trim).filter(|h| !h.is_empty()) else { return Self::Unknown };
        let lower = header.to_ascii_lowercase();
        if ["okhttp", "cfnetwork", "dalvik", "dart", "micromessenger"].iter().any(|sign| lower.contains(sign)) {
            Self::MobileApp
        } else if lower.starts_with("mozilla/") {
            Self::Browser
        } else {
            Self::Program
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_caller_is_counted_by_network_and_a_mapped_one_by_its_ipv4_address() {
        let network = |text: &str| Client { address: Some(text.parse().unwrap()), agent: AgentClass::Unknown }.network();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(Client::UNKNOWN.network(), "unknown");
        let near = |text: &str| Client { address: Some(text.parse().unwrap()), agent: AgentClass::Unknown }.neighbourhood();
        assert_eq!(near("192.0.2.7"), near("::ffff:192.0.2.200"));
        assert_ne!(near("192.0.2.7"), near("192.0.3.7"));
        assert_eq!(near("2001:db8:1:2::1"), near("2001:db8:1:2::9"));
        assert_eq!(Client::UNKNOWN.neighbourhood(), None);
    }

    #[test]
    fn a_user_agent_is_kept_as_a_class_only() {
        assert_eq!(AgentClass::of_header(Some("Mozilla/5.0 (X11; Linux x86_64)")), AgentClass::Browser);
        assert_eq!(AgentClass::of_header(Some("okhttp/4.12.0")), AgentClass::MobileApp);
        assert_eq!(AgentClass::of_header(Some("curl/8.5.0")), AgentClass::Program);
        assert_eq!(AgentClass::of_header(Some(" ")), AgentClass::Unknown);
    }
}
