//! Encryption of columns, blind indexes, keyed digests and signatures: pure, keys and chance passed in.
//!
//! Ciphertext = version ‖ algorithm ‖ key id ‖ nonce ‖ data. The associated data name table, column, row and
//! key, so that a value that was moved to another row is refused.

use aes_gcm_siv::aead::{Aead, KeyInit as _, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::env::Env;
use super::hex;

const VERSION: u8 = 1;
const AES_256_GCM_SIV: u8 = 1;
const HEADER: usize = 4;
const NONCE: usize = 12;
const TAG: usize = 16;

/// By how many bytes a sealed value is longer than the plain one.
pub const OVERHEAD: usize = HEADER + NONCE + TAG;

/// Where a sealed value lies; part of what is authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Table.
    pub table: &'static str,
    /// Column.
    pub column: &'static str,
    /// Primary key of the row.
    pub row: Uuid,
}

impl Place {
    /// Table, column and row.
    pub const fn new(table: &'static str, column: &'static str, row: Uuid) -> Self {
        Self { table, column, row }
    }

    fn associated_data(&self, key: u16) -> Vec<u8> {
        let mut data = Vec::with_capacity(64);
        data.extend_from_slice(self.table.as_bytes());
        data.push(0);
        data.extend_from_slice(self.column.as_bytes());
        data.push(0);
        data.extend_from_slice(self.row.as_bytes());
        data.extend_from_slice(&key.to_be_bytes());
        data
    }
}

/// One piece of a value that is sealed piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Number of the piece, from 0.
    pub number: u64,
    /// Whether no piece follows.
    pub last: bool,
}

impl Piece {
    fn associated_data(self, place: Place, key: u16) -> Vec<u8> {
        let mut data = place.associated_data(key);
        data.extend_from_slice(&self.number.to_be_bytes());
        data.push(u8::from(self.last));
        data
    }
}

/// A symmetric key with its number. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct SecretKey {
    id: u16,
    bytes: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({})", self.id)
    }
}

impl SecretKey {
    /// A key from its bytes.
    pub fn new(id: u16, bytes: [u8; 32]) -> Self {
        Self { id, bytes: Zeroizing::new(bytes) }
    }

    /// A new key.
    pub fn generate(id: u16, env: &Env) -> Self {
        Self::new(id, env.bytes())
    }

    /// The number that ciphertexts name.
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Seals a value for its place. A fresh nonce is drawn each time.
    pub fn seal(&self, env: &Env, place: Place, plain: &[u8]) -> Vec<u8> {
        self.seal_with(env, &place.associated_data(self.id), plain)
    }

    /// Seals one piece of a value that is too long to be sealed at once. The number of the piece and whether it is
    /// the last are part of what is authenticated, so that pieces cannot be moved, dropped or cut off.
    pub fn seal_piece(&self, env: &Env, place: Place, piece: Piece, plain: &[u8]) -> Vec<u8> {
        self.seal_with(env, &piece.associated_data(place, self.id), plain)
    }

    fn seal_with(&self, env: &Env, associated_data: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = env.bytes();
        let cipher = Aes256GcmSiv::new(&(*self.bytes).into());
        let payload = Payload { msg: plain, aad: associated_data };
        // Encryption fails only beyond 64 GiB; an empty blob is refused at reading, so nothing passes in the clear.
        let data = cipher.encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
        let mut sealed = Vec::with_capacity(HEADER + NONCE + data.len());
        sealed.extend_from_slice(&[VERSION, AES_256_GCM_SIV]);
        sealed.extend_from_slice(&self.id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&data);
        sealed
    }

    /// Opens a value of this place; a foreign place, another key, a flipped bit or any other blob give `None`.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.open_with(&place.associated_data(self.id), sealed)
    }

    /// Opens a piece sealed by [`Self::seal_piece`]; another piece, place or key and any changed bit give `None`.
    pub fn open_piece(&self, place: Place, piece: Piece, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.open_with(&piece.associated_data(place, self.id), sealed)
    }

    fn open_with(&self, associated_data: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (header, rest) = sealed.split_at_checked(HEADER)?;
        let (nonce, data) = rest.split_at_checked(NONCE)?;
        if header[..2] != [VERSION, AES_256_GCM_SIV] || key_of(sealed)? != self.id {
            return None;
        }
        let cipher = Aes256GcmSiv::new(&(*self.bytes).into());
        let payload = Payload { msg: data, aad: associated_data };
        cipher.decrypt(&Nonce::try_from(nonce).ok()?, payload).ok().map(Zeroizing::new)
    }

    /// Wraps another key for its owner's row.
    pub fn wrap(&self, env: &Env, owner: Uuid, key: &Self) -> Vec<u8> {
        self.seal(env, Place::new("person_key", "wrapped", owner), key.bytes.as_slice())
    }

    /// Unwraps a key wrapped by [`Self::wrap`]; the unwrapped key has number `id`.
    pub fn unwrap_key(&self, owner: Uuid, wrapped: &[u8], id: u16) -> Option<Self> {
        let plain = self.open(Place::new("person_key", "wrapped", owner), wrapped)?;
        Some(Self::new(id, plain.as_slice().try_into().ok()?))
    }

    /// HMAC-SHA-256 over labelled parts; each part is preceded by its length, so that parts cannot run into each other.
    pub fn digest(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.bytes.as_slice()) else { return [0; 32] };
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// The number of the key that sealed a value.
pub fn key_of(sealed: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(sealed.get(2..4)?.try_into().ok()?))
}

/// SHA-256 of a token, as tokens are stored.
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// SHA-256 of parts, each with its length, so that no two lists of parts are the same bytes.
pub fn sha256_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// SHA-256 of a text as lower-case hexadecimal digits, for example of a GraphQL document.
pub fn sha256_hex(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes()))
}

/// A signing key with its id in the JWKS.
#[derive(Clone)]
pub struct SignatureKey {
    kid: String,
    key: SigningKey,
}

impl std::fmt::Debug for SignatureKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignatureKey({})", self.kid)
    }
}

#[derive(Serialize, Deserialize)]
struct JwsHeader {
    alg: String,
    kid: String,
    typ: String,
}

impl SignatureKey {
    fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let kid = hex::encode(&Sha256::digest(key.verifying_key().as_bytes())[..8]);
        Self { kid, key }
    }

    /// Signs claims as a compact JWS (RFC 7515, EdDSA of RFC 8037) of media type `typ`.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, serde_json::Error> {
        let header = serde_json::to_vec(&JwsHeader { alg: "EdDSA".into(), kid: self.kid.clone(), typ: typ.into() })?;
        let mut text = URL_SAFE_NO_PAD.encode(header);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut text);
        let signature = self.key.sign(text.as_bytes());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut text);
        Ok(text)
    }

    /// Signs bytes, for the head of the trail.
    pub fn sign_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.key.sign(bytes).to_bytes().to_vec()
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

/// All keys of the portal, read once from the key file.
#[derive(Clone, Debug)]
pub struct Keyring {
    wrapping: Vec<SecretKey>,
    portal: SecretKey,
    index: SecretKey,
    chain: SecretKey,
    signing: Vec<SignatureKey>,
}

/// The key file: TOML, mode 0600. The first of each list is the current one, the rest open what is old.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    wrapping: Vec<NumberedKey>,
    portal: NumberedKey,
    index: NumberedKey,
    chain: NumberedKey,
    signing: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NumberedKey {
    id: u16,
    key: String,
}

impl Keyring {
    /// The text of a new key file.
    pub fn generate(env: &Env) -> Result<String, toml::ser::Error> {
        let secret = || STANDARD.encode(env.bytes::<32>());
        let numbered = || NumberedKey { id: 1, key: secret() };
        toml::to_string(&KeyFile { wrapping: vec![numbered()], portal: numbered(), index: numbered(), chain: numbered(), signing: vec![secret()] })
    }

    /// Reads a key file. The error says what is wrong and never shows a key.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let file: KeyFile = toml::from_str(text).map_err(|_| "the key file is not the TOML that the portal writes")?;
        let bytes = |key: &str| -> Result<[u8; 32], &'static str> {
            STANDARD.decode(key).ok().and_then(|b| b.try_into().ok()).ok_or("a key in the key file is not 32 bytes of base64")
        };
        let numbered = |k: &NumberedKey| Ok::<_, &'static str>(SecretKey::new(k.id, bytes(&k.key)?));
        let ring = Self {
            wrapping: file.wrapping.iter().map(numbered).collect::<Result<_, _>>()?,
            portal: numbered(&file.portal)?,
            index: numbered(&file.index)?,
            chain: numbered(&file.chain)?,
            signing: file.signing.iter().map(|k| Ok::<_, &'static str>(SignatureKey::from_seed(&bytes(k)?))).collect::<Result<_, _>>()?,
        };
        if ring.wrapping.is_empty() || ring.signing.is_empty() {
            return Err("the key file needs at least one wrapping and one signing key");
        }
        Ok(ring)
    }

    /// The key that wraps new person keys.
    pub fn wrapping(&self) -> &SecretKey {
        &self.wrapping[0]
    }

    /// The wrapping key with this number.
    pub fn wrapping_by_id(&self, id: u16) -> Option<&SecretKey> {
        self.wrapping.iter().find(|k| k.id == id)
    }

    /// The portal's own key, for what belongs to no person yet.
    pub const fn portal(&self) -> &SecretKey {
        &self.portal
    }

    /// The key of the hash chain over the trail.
    pub const fn chain(&self) -> &SecretKey {
        &self.chain
    }

    /// The key that signs now.
    pub fn signing(&self) -> &SignatureKey {
        &self.signing[0]
    }

    /// Blind index of a normalised value: equal values of one kind give equal indexes, which tell nothing without
    /// the key. It begins with the number of the index key. `kind` parts values that must not be compared.
    pub fn blind_index(&self, kind: &str, normalised: &str) -> Vec<u8> {
        let mut index = self.index.id.to_be_bytes().to_vec();
        index.extend_from_slice(&self.index.digest(kind, &[normalised.as_bytes()])[..20]);
        index
    }

    /// Keyed hash of an input, for idempotency keys.
    pub fn input_hash(&self, label: &str, input: &[u8]) -> Vec<u8> {
        self.index.digest(label, &[input]).to_vec()
    }

    /// The claims of a compact JWS of type `typ` signed by one of our keys, or `None` for anything else.
    pub fn verify<T: for<'de> Deserialize<'de>>(&self, typ: &str, jws: &str) -> Option<T> {
        self.verify_within(16 * 1024, typ, jws)
    }

    /// The same for one of at most `max` bytes.
    pub fn verify_within<T: for<'de> Deserialize<'de>>(&self, max: usize, typ: &str, jws: &str) -> Option<T> {
        if jws.len() > max {
            return None;
        }
        let (signed, signature) = jws.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: JwsHeader = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.alg != "EdDSA" || header.typ != typ {
            return None;
        }
        let key: VerifyingKey = self.signing.iter().find(|k| k.kid == header.kid)?.key.verifying_key();
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        key.verify_strict(signed.as_bytes(), &signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// Whether `signature` over `bytes` is by one of our keys.
    pub fn verify_bytes(&self, kid: &str, bytes: &[u8], signature: &[u8]) -> bool {
        let Some(key) = self.signing.iter().find(|k| k.kid == kid) else { return false };
        Signature::from_slice(signature).is_ok_and(|s| key.key.verifying_key().verify_strict(bytes, &s).is_ok())
    }

    /// The public keys as a JWK set (RFC 7517).
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self
            .signing
            .iter()
            .map(|k| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(k.key.verifying_key().as_bytes()),
                    "kid": k.kid, "alg": "EdDSA", "use": "sig",
                })
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Uuid = Uuid::from_u128(1);

    fn place() -> Place {
        Place::new("identity_document", "number_sealed", ROW)
    }

    #[test]
    fn a_sealed_value_opens_at_its_own_place_only() {
        let env = Env::system();
        let key = SecretKey::generate(3, &env);
        let sealed = key.seal(&env, place(), "A123456(3)".as_bytes());
        assert_eq!(key.open(place(), &sealed).unwrap().as_slice(), b"A123456(3)");
        assert_ne!(sealed, key.seal(&env, place(), b"A123456(3)"));
        assert!(key.open(Place::new("identity_document", "number_sealed", Uuid::from_u128(2)), &sealed).is_none());
        assert!(key.open(Place::new("identity_document", "other", ROW), &sealed).is_none());
        assert!(SecretKey::generate(3, &env).open(place(), &sealed).is_none());
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(key.open(place(), &flipped).is_none(), "bit of byte {at}");
        }
        for len in 0..sealed.len() {
            assert!(key.open(place(), &sealed[..len]).is_none());
        }
    }

    #[test]
    fn a_piece_opens_as_itself_only() {
        let env = Env::system();
        let key = SecretKey::generate(3, &env);
        let piece = Piece { number: 7, last: false };
        let sealed = key.seal_piece(&env, place(), piece, b"seventh");
        assert_eq!(sealed.len(), 7 + OVERHEAD);
        assert_eq!(key.open_piece(place(), piece, &sealed).unwrap().as_slice(), b"seventh");
        assert!(key.open_piece(place(), Piece { number: 8, last: false }, &sealed).is_none());
        assert!(key.open_piece(place(), Piece { number: 7, last: true }, &sealed).is_none());
        assert!(key.open(place(), &sealed).is_none());
    }

    #[test]
    fn a_wrapped_key_opens_for_its_owner_only() {
        let env = Env::system();
        let ring = Keyring::parse(&Keyring::generate(&env).unwrap()).unwrap();
        let key = SecretKey::generate(1, &env);
        let wrapped = ring.wrapping().wrap(&env, ROW, &key);
        assert_eq!(ring.wrapping().unwrap_key(ROW, &wrapped, 1).unwrap().bytes, key.bytes);
        assert!(ring.wrapping().unwrap_key(Uuid::from_u128(9), &wrapped, 1).is_none());
    }

    #[test]
    fn a_blind_index_is_equal_for_equal_values_of_one_kind_and_no_plain_hash() {
        let ring = Keyring::parse(&Keyring::generate(&Env::system()).unwrap()).unwrap();
        let index = ring.blind_index("HKID", "A1234563");
        assert_eq!(index, ring.blind_index("HKID", "A1234563"));
        assert_ne!(index, ring.blind_index("PASSPORT", "A1234563"));
        assert_ne!(index[2..], Sha256::digest(b"A1234563")[..20]);
    }

    #[test]
    fn a_signature_holds_for_its_text_type_and_key_only() {
        let env = Env::system();
        let ring = Keyring::parse(&Keyring::generate(&env).unwrap()).unwrap();
        let other = Keyring::parse(&Keyring::generate(&env).unwrap()).unwrap();
        let jws = ring.signing().sign("card+jws", &serde_json::json!({"sub": "card_1"})).unwrap();
        assert_eq!(ring.verify::<serde_json::Value>("card+jws", &jws).unwrap()["sub"], "card_1");
        assert!(ring.verify::<serde_json::Value>("receipt+jws", &jws).is_none());
        assert!(other.verify::<serde_json::Value>("card+jws", &jws).is_none());
        let forged = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"x","typ":"card+jws"}"#), &jws[jws.find('.').unwrap() + 1..]);
        assert!(ring.verify::<serde_json::Value>("card+jws", &forged).is_none());
    }
}
