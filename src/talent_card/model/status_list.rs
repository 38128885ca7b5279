//! The signed status list by which cards are checked without asking the portal (IETF Token Status List, JWT).
//!
//! Each card has a place in a list, drawn by chance, which says nothing of it. A list has two bits for each place: valid,
//! invalid, suspended. The list is compressed (zlib), signed like everything else of the portal, and published; a card token
//! names list and place.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};
use serde::{Deserialize, Serialize};

use crate::kernel::rejection::Code;
use crate::kernel::seal::Keyring;
use crate::talent_card::model::card::CardStatus;
use crate::talent_card::model::check::{TOKEN_TYPE, TokenClaims};

/// Media type of the list (`typ` of the JWS).
pub const LIST_TYPE: &str = "statuslist+jwt";
/// Bits of one place.
const BITS: u8 = 2;
/// Places of one list.
pub const PLACES: u32 = 1 << 20;
/// Bytes of one list.
const BYTES: usize = (PLACES as usize) * (BITS as usize) / 8;
/// The longest list that is read, signed and encoded.
const LIST_MAX: usize = 640 * 1024;
/// Hours after which a list tells nothing any more.
pub const LIST_HOURS: i64 = 24;
/// Seconds for which a list may be kept before it is fetched again.
pub const LIST_SECONDS: i64 = 60;
/// Characters of a signature (Ed25519, base64url).
const SIGNATURE: usize = 86;
/// Seconds by which the clock of a counter may be behind.
const SLOW_CLOCK: i64 = 60;

/// What a token says of its card's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusClaim {
    /// By a list.
    pub status_list: StatusPlace,
}

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusPlace {
    /// The place.
    pub idx: u32,
    /// Where the list is published.
    pub uri: String,
}

/// Claims of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListClaims {
    /// Where it is published.
    pub sub: String,
    /// When it was made, seconds since 1970.
    pub iat: i64,
    /// From when on it is no good, likewise.
    pub exp: i64,
    /// Seconds for which it may be kept.
    pub ttl: i64,
    /// The places.
    pub status_list: ListBody,
}

/// The places of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListBody {
    /// Bits of one place.
    pub bits: u8,
    /// The places, compressed by zlib, in base64url.
    pub lst: String,
}

/// What a list says of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Good, or nobody's place.
    Valid,
    /// Not good, for whatever reason.
    Invalid,
    /// Suspended.
    Suspended,
}

impl Mark {
    const fn bits(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Suspended => 2,
        }
    }

    /// The mark of a card that stands so on the day, has begun or not, and has a number that is good or not.
    pub const fn of(standing: CardStatus, begun: bool, numbered: bool) -> Self {
        match (standing, begun && numbered) {
            (CardStatus::Active, true) => Self::Valid,
            (CardStatus::Suspended, true) => Self::Suspended,
            (_, _) => Self::Invalid,
        }
    }
}

/// The list with these marks, all other places valid; made at `at` for a path. `None` where the machine's memory fails zlib.
pub fn list(uri: &str, at: DateTime<Utc>, marks: impl IntoIterator<Item = (u32, Mark)>) -> Option<ListClaims> {
    let mut bytes = vec![0u8; BYTES];
    for (place, mark) in marks {
        if let Some(byte) = usize::try_from(place / 4).ok().and_then(|at| bytes.get_mut(at)) {
            *byte |= mark.bits() << (place % 4 * 2);
        }
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes).ok()?;
    let status_list = ListBody { bits: BITS, lst: URL_SAFE_NO_PAD.encode(packed.finish().ok()?) };
    let iat = at.timestamp();
    Some(ListClaims { sub: uri.to_owned(), iat, exp: iat + LIST_HOURS * 3600, ttl: LIST_SECONDS, status_list })
}

/// The bytes of a list; `None` where it is cut short or no zlib, or longer than a list can be.
fn unpack(lst: &str) -> Option<Vec<u8>> {
    let packed = URL_SAFE_NO_PAD.decode(lst).ok()?;
    // No more is unpacked than there is room for.
    let mut bytes = Vec::with_capacity(BYTES);
    let end = Decompress::new(true).decompress_vec(&packed, &mut bytes, FlushDecompress::Finish).ok()?;
    (end == Status::StreamEnd).then_some(bytes)
}

/// What an offline check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// The card was good as of the date of the list.
    ValidAsOf(DateTime<Utc>),
    /// It was not, as of the date of the list.
    NotValid(DateTime<Utc>),
    /// The list is too old or cut short, or does not hold the card.
    StatusUnknown,
}

/// Whether a list in the form of a compact JWS was cut short: it has not the three parts, or not the whole signature.
fn is_cut_short(list: &str) -> bool {
    let mut parts = list.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(_), Some(signature), None) => signature.len() < SIGNATURE,
        (_, _, third, _) => third.is_none(),
    }
}

/// Judges a card by its token and a list, at `now`, with nothing but the published keys.
///
/// Errors: `CARD_TOKEN_INVALID`, `CARD_TOKEN_EXPIRED`, `STATUS_LIST_INVALID` where the list is not signed by the portal.
pub fn judge(keys: &Keyring, token: &str, list: &str, now: DateTime<Utc>) -> Result<(TokenClaims, Offline), Code> {
    let claims = keys.verify::<TokenClaims>(TOKEN_TYPE, token).ok_or(Code::CardTokenInvalid)?;
    if now.timestamp() + SLOW_CLOCK < claims.iat {
        return Err(Code::CardTokenInvalid);
    }
    if claims.is_over(now) {
        return Err(Code::CardTokenExpired);
    }
    if is_cut_short(list) {
        return Ok((claims, Offline::StatusUnknown));
    }
    let list = keys.verify_within::<ListClaims>(LIST_MAX, LIST_TYPE, list).ok_or(Code::StatusListInvalid)?;
    let judged = claims.status.as_ref().map_or(Offline::StatusUnknown, |status| look(&list, &status.status_list, now));
    Ok((claims, judged))
}

/// What a list says of a place, at `now`.
fn look(list: &ListClaims, place: &StatusPlace, now: DateTime<Utc>) -> Offline {
    let unknown = Offline::StatusUnknown;
    let Some(made) = DateTime::from_timestamp(list.iat, 0) else { return unknown };
    if list.sub != place.uri || list.status_list.bits != BITS || now - made > Duration::hours(LIST_HOURS) || made - now > Duration::seconds(SLOW_CLOCK) {
        return unknown;
    }
    let byte = unpack(&list.status_list.lst).and_then(|bytes| bytes.get(usize::try_from(place.idx / 4).ok()?).copied());
    match byte.map(|byte| byte >> (place.idx % 4 * 2) & 0b11) {
        Some(0) => Offline::ValidAsOf(made),
        Some(_) => Offline::NotValid(made),
        None => unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::env::Env;
    use uuid::Uuid;

    const URI: &str = "https://portal.invalid/.well-known/card-status/0";

    fn keys() -> Keyring {
        Keyring::parse(&Keyring::generate(&Env::system()).unwrap()).unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn token(keys: &Keyring, idx: u32) -> String {
        let status = Some(StatusClaim { status_list: StatusPlace { idx, uri: URI.into() } });
        let iat = at(0).timestamp();
        keys.signing().sign(TOKEN_TYPE, &TokenClaims { jti: Uuid::nil(), sub: "card".into(), iat, exp: iat + 60, status }).unwrap()
    }

    fn signed(keys: &Keyring, claims: &ListClaims) -> String {
        keys.signing().sign(LIST_TYPE, claims).unwrap()
    }

    #[test]
    fn a_list_tells_each_place_by_two_bits_the_lowest_first() {
        let marks = [(0, Mark::Invalid), (1, Mark::Suspended), (3, Mark::Invalid), (PLACES - 1, Mark::Suspended), (PLACES, Mark::Invalid)];
        let list = list(URI, at(0), marks).unwrap();
        let bytes = unpack(&list.status_list.lst).unwrap();
        assert_eq!((bytes.len(), bytes[0], bytes[BYTES - 1]), (262_144, 0b0100_1001, 0b1000_0000));
        assert!(bytes[1..BYTES - 1].iter().all(|byte| *byte == 0));
        assert_eq!((list.exp - list.iat, list.ttl, list.status_list.bits), (86_400, 60, 2));
    }

    /// The example of the draft: sixteen places of one bit each in the bytes B9 A3, zlib and base64url.
    #[test]
    fn the_compressed_form_is_that_of_the_draft() {
        assert_eq!(unpack("eNrbuRgAAhcBXQ"), Some(vec![0xb9, 0xa3]));
    }

    #[test]
    fn a_card_is_judged_by_token_and_list_alone() {
        let keys = keys();
        let made = list(URI, at(0), [(5, Mark::Invalid), (6, Mark::Suspended)]).unwrap();
        let list = signed(&keys, &made);
        let told = |idx: u32, list: &str, now: i64| judge(&keys, &token(&keys, idx), list, at(now)).map(|(_, judged)| judged);
        assert_eq!(told(4, &list, 1), Ok(Offline::ValidAsOf(at(0))));
        assert_eq!(told(5, &list, 1), Ok(Offline::NotValid(at(0))));
        assert_eq!(told(6, &list, 1), Ok(Offline::NotValid(at(0))));
        assert_eq!(told(PLACES, &list, 1), Ok(Offline::StatusUnknown), "a place that the list does not hold");
        assert_eq!(told(4, &list, 60), Err(Code::CardTokenExpired));
        assert_eq!(told(4, &list, -61), Err(Code::CardTokenInvalid));
        // A day old is the oldest that tells something.
        let aged = |hours: i64, seconds: i64| signed(&keys, &super::list(URI, at(-3600 * hours - seconds), []).unwrap());
        assert_eq!(told(4, &aged(24, 0), 0), Ok(Offline::ValidAsOf(at(-86_400))));
        assert_eq!(told(4, &aged(24, 1), 0), Ok(Offline::StatusUnknown));
        assert_eq!(told(4, &aged(-1, 0), 0), Ok(Offline::StatusUnknown), "a list of the future");
        let elsewhere = signed(&keys, &super::list("https://portal.invalid/.well-known/card-status/1", at(0), []).unwrap());
        assert_eq!(told(4, &elsewhere, 0), Ok(Offline::StatusUnknown));
    }

    #[test]
    fn what_is_cut_short_is_unknown_and_what_is_not_signed_by_the_portal_is_refused() {
        let (keys, others) = (keys(), keys());
        let made = list(URI, at(0), [(5, Mark::Invalid)]).unwrap();
        let list = signed(&keys, &made);
        let told = |list: &str| judge(&keys, &token(&keys, 4), list, at(1)).map(|(_, judged)| judged);
        for length in [0, 1, 40, list.len() / 2, list.rfind('.').unwrap(), list.len() - 1] {
            assert_eq!(told(&list[..length]), Ok(Offline::StatusUnknown), "{length}");
        }
        // Cut before it was signed: the signature is right, the places are not whole.
        for keep in [0, 1, made.status_list.lst.len() / 2] {
            let body = ListBody { lst: made.status_list.lst[..keep].to_owned(), ..made.status_list.clone() };
            assert_eq!(told(&signed(&keys, &ListClaims { status_list: body, ..made.clone() })), Ok(Offline::StatusUnknown), "{keep}");
        }
        let changed = format!("{}{}", &list[..list.len() - 4], if list.ends_with("AAAA") { "BBBB" } else { "AAAA" });
        for wrong in [changed, signed(&others, &made), token(&keys, 4), "a.b.".to_owned() + &"c".repeat(SIGNATURE), list.replacen('.', "..", 1)] {
            assert_eq!(told(&wrong), Err(Code::StatusListInvalid), "{wrong}");
        }
        assert_eq!(judge(&keys, &token(&others, 4), &list, at(1)), Err(Code::CardTokenInvalid));
        assert_eq!(judge(&keys, &list, &list, at(1)), Err(Code::CardTokenInvalid));
        // What unpacks to more than a list can be, and a list too long to be looked at.
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&vec![0; BYTES * 8]).unwrap();
        let bomb = ListBody { bits: BITS, lst: URL_SAFE_NO_PAD.encode(packed.finish().unwrap()) };
        assert_eq!(told(&signed(&keys, &ListClaims { status_list: bomb, ..made.clone() })), Ok(Offline::StatusUnknown));
        let long = ListBody { bits: BITS, lst: "A".repeat(LIST_MAX) };
        assert_eq!(told(&signed(&keys, &ListClaims { status_list: long, ..made })), Err(Code::StatusListInvalid));
    }

    #[test]
    fn only_a_card_in_force_with_a_number_is_valid() {
        use CardStatus::{Active, Ended, Expired, Revoked, Suspended};
        for (standing, begun, numbered, mark) in [
            (Active, true, true, Mark::Valid),
            (Active, true, false, Mark::Invalid),
            (Active, false, true, Mark::Invalid),
            (Suspended, true, true, Mark::Suspended),
            (Suspended, true, false, Mark::Invalid),
            (Revoked, true, true, Mark::Invalid),
            (Expired, true, true, Mark::Invalid),
            (Ended, true, true, Mark::Invalid),
        ] {
            assert_eq!(Mark::of(standing, begun, numbered), mark, "{standing} {begun} {numbered}");
        }
    }
}
