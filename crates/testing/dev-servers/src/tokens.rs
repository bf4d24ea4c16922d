//! Tokens that say who a buyer is, as a shop's sign-in makes them (JWT, RFC 7519). Made here by hand,
//! for what checks them must not have made them.

use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};

/// Who signs tokens, with one key.
pub struct TokenIssuer {
    key: SigningKey,
    /// What the key is called, if it is.
    id: Option<String>,
}

enum SigningKey {
    Hs256(hmac::Key),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl TokenIssuer {
    /// One that shares a secret with whoever checks.
    #[must_use]
    pub fn hs256(secret: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Self { key: SigningKey::Hs256(key), id: None }
    }

    /// One with a new key for ES256.
    #[must_use]
    pub fn es256(id: &str) -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random)
            .and_then(|key| {
                let key = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random);
                key.map_err(|_| ring::error::Unspecified)
            })
            .expect(KEYS_ARE_MADE);
        Self { key: SigningKey::Es256(key), id: Some(id.to_owned()) }
    }

    /// One with a new key for `EdDSA`.
    #[must_use]
    pub fn eddsa(id: &str) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .and_then(|key| {
                Ed25519KeyPair::from_pkcs8(key.as_ref()).map_err(|_| ring::error::Unspecified)
            })
            .expect(KEYS_ARE_MADE);
        Self { key: SigningKey::EdDsa(key), id: Some(id.to_owned()) }
    }

    /// A token with these claims, in JSON.
    #[must_use]
    pub fn token(&self, claims: &str) -> String {
        let algorithm = match self.key {
            SigningKey::Hs256(_) => "HS256",
            SigningKey::Es256(_) => "ES256",
            SigningKey::EdDsa(_) => "EdDSA",
        };
        let id = self.id.as_ref().map(|id| format!(",\"kid\":\"{id}\"")).unwrap_or_default();
        self.token_headed(&format!("{{\"alg\":\"{algorithm}\",\"typ\":\"JWT\"{id}}}"), claims)
    }

    /// A token of a user, good until then, in seconds since the Unix epoch.
    #[must_use]
    pub fn token_of(&self, user: &str, until_s: i64) -> String {
        self.token(&format!("{{\"sub\":\"{user}\",\"exp\":{until_s}}}"))
    }

    /// A token that says of itself what it likes.
    #[must_use]
    pub fn token_headed(&self, head: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64url(head.as_bytes()), base64url(claims.as_bytes()));
        let signature = match &self.key {
            SigningKey::Hs256(key) => base64url(hmac::sign(key, message.as_bytes()).as_ref()),
            SigningKey::Es256(key) => {
                let signature = key.sign(&SystemRandom::new(), message.as_bytes());
                base64url(signature.expect(KEYS_ARE_MADE).as_ref())
            }
            SigningKey::EdDsa(key) => base64url(key.sign(message.as_bytes()).as_ref()),
        };
        format!("{message}.{signature}")
    }

    /// The key for whoever checks, as an entry of a JWK set. A secret is shared otherwise.
    #[must_use]
    pub fn jwk(&self) -> String {
        let id = self.id.as_deref().unwrap_or_default();
        match &self.key {
            SigningKey::Hs256(_) => "{\"kty\":\"oct\"}".to_owned(),
            SigningKey::Es256(key) => {
                // What comes first says that the point is not compressed.
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (base64url(x), base64url(y));
                format!(
                    "{{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"kid\":\"{id}\",\"x\":\"{x}\",\
                     \"y\":\"{y}\"}}"
                )
            }
            SigningKey::EdDsa(key) => {
                let x = base64url(key.public_key().as_ref());
                format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"{id}\",\"x\":\"{x}\"}}")
            }
        }
    }

    /// The keys of these as a JWK set.
    #[must_use]
    pub fn jwks(issuers: &[&Self]) -> String {
        let keys: Vec<_> = issuers.iter().map(|it| it.jwk()).collect();
        format!("{{\"keys\":[{}]}}", keys.join(","))
    }
}

const KEYS_ARE_MADE: &str = "the system has a random source";

/// Base64 as tokens have it (RFC 4648, 5), without padding.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - three.len()));
        for letter in 0..=three.len() {
            let index = bits >> (18 - 6 * letter) & 63;
            text.push(char::from(LETTERS[index as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_the_standard_says() {
        for (bytes, text) in
            [(&b""[..], ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"\xfb\xff", "-_8")]
        {
            assert_eq!(base64url(bytes), text);
        }
    }

    /// The token that every introduction to them shows.
    #[test]
    fn a_token_is_signed_as_the_standard_signs_it() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"your-256-bit-secret");
        let issuer = TokenIssuer { key: SigningKey::Hs256(key), id: None };
        let claims = "{\"sub\":\"1234567890\",\"name\":\"John Doe\",\"iat\":1516239022}";

        assert_eq!(
            issuer.token(claims),
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiw\
             iaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
        );
    }
}
