//! The keys of whoever signs tokens, as a file has them.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use ring::digest::{Context, SHA256};
use serde_json::Value;

/// What a file of keys has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// A JWK set (RFC 7517), of which public keys for ES256 and `EdDSA` are taken, and nothing else:
    /// whoever can read it must not be able to sign.
    Jwks,
    /// One secret for HS256.
    Secret,
}

/// The most keys of a set. Few are in use at a time, and a token that names none is tried with each.
const KEYS_MAX: usize = 16;

/// The least bytes of a secret: as many as the signature has (RFC 7518, 3.2). A shorter one can be
/// guessed.
const SECRET_BYTES_MIN: usize = 32;

/// The bytes of a public key: a point that is not compressed, and a point.
const P256_BYTES: usize = 65;
const ED25519_BYTES: usize = 32;

/// Why there are no keys in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is too easily guessed.
    #[error("has fewer than {SECRET_BYTES_MIN} bytes: anybody could guess it")]
    ShortSecret,
    /// It is something else.
    #[error("is no JWK set: a JSON object with a list `keys`")]
    NotJwks,
    /// It has none that are taken.
    #[error(
        "has no public key for ES256 (EC, P-256) or EdDSA (OKP, Ed25519) to check signatures with"
    )]
    NoKey,
    /// It has more than are kept.
    #[error("has more than {KEYS_MAX} keys for ES256 and EdDSA")]
    TooMany,
}

/// A key that tokens are checked with.
pub(super) struct Key {
    /// What it is called, if it is.
    pub(super) id: Option<String>,
    /// What it is for; no other algorithm is ever used with it.
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
    /// What tells it from every other key, under the same name too.
    pub(super) mark: u64,
}

/// The keys that tokens are checked with.
pub(super) struct Keys(Vec<Key>);

impl Keys {
    pub(super) fn read(source: KeySource, text: &str) -> Result<Self, KeysError> {
        match source {
            KeySource::Secret if text.len() < SECRET_BYTES_MIN => Err(KeysError::ShortSecret),
            KeySource::Secret => {
                let key = DecodingKey::from_secret(text.as_bytes());
                Ok(Self(vec![Key::new(None, Algorithm::HS256, key)]))
            }
            KeySource::Jwks => Self::of_set(text),
        }
    }

    fn of_set(text: &str) -> Result<Self, KeysError> {
        let set: Value = serde_json::from_str(text).map_err(|_| KeysError::NotJwks)?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or(KeysError::NotJwks)?;
        // A set has keys for others, too, and of kinds that are not known yet.
        let keys: Vec<_> = listed.iter().filter_map(of_jwk).collect();
        match keys.len() {
            0 => Err(KeysError::NoKey),
            1..=KEYS_MAX => Ok(Self(keys)),
            _ => Err(KeysError::TooMany),
        }
    }

    /// Those that may have signed a token which says so of itself.
    pub(super) fn of<'a>(
        &'a self,
        algorithm: Algorithm,
        id: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Key> {
        self.0.iter().filter(move |key| {
            let is_named = match (&key.id, id) {
                (Some(key), Some(asked)) => key == asked,
                // Whoever names no keys has few.
                _ => true,
            };
            key.algorithm == algorithm && is_named
        })
    }

    /// Whether any is for this algorithm.
    pub(super) fn are_for(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|key| key.algorithm == algorithm)
    }

    /// Whether a key is among them.
    pub(super) fn have(&self, mark: u64) -> bool {
        self.0.iter().any(|key| key.mark == mark)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Key {
    fn new(id: Option<String>, algorithm: Algorithm, key: DecodingKey) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(format!("{algorithm:?} {id:?} ").as_bytes());
        hash.update(key.try_get_as_bytes().unwrap_or_default());
        let first = hash.finish().as_ref().first_chunk().copied().unwrap_or_default();
        Self { id, algorithm, key, mark: u64::from_be_bytes(first) }
    }
}

/// The key of an entry, if it is one that is taken.
fn of_jwk(entry: &Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(entry.clone()).ok()?;
    let (algorithm, named, bytes) = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256, P256_BYTES)
        }
        AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA, ED25519_BYTES)
        }
        _ => return None,
    };
    let common = jwk.common.clone();
    let is_to_check = common.key_algorithm.is_none_or(|it| it == named)
        && common.public_key_use.is_none_or(|it| it == PublicKeyUse::Signature)
        && common.key_operations.is_none_or(|it| it.contains(&KeyOperations::Verify));
    let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| is_to_check)?;
    let is_whole = key.try_get_as_bytes().is_ok_and(|it| it.len() == bytes);
    is_whole.then(|| Key::new(common.key_id, algorithm, key))
}
