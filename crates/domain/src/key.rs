//! What a client calls its request for a unit, so that asking again leads to the same code.

use std::{fmt, str::FromStr, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{Code, SaleId, UserId};

/// A client's own name for one request for a unit: the same name again is the same request.
///
/// With the user's name it leads to a code, so whoever knows both may spend it: `Debug`, which logs
/// use, shows nothing of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Arc<str>);

/// Why a text is not an [`IdempotencyKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseKeyError {
    /// The text has no characters at all.
    #[error("must not be empty")]
    Empty,
    /// The text has this many characters.
    #[error("must have at most {max} characters, not {0}", max = IdempotencyKey::LENGTH_MAX)]
    Length(usize),
    /// The byte at this place, counted from 1, is not one of the allowed characters.
    #[error("may have visible ASCII characters only, unlike the one at position {0}")]
    Character(usize),
}

impl IdempotencyKey {
    /// The most characters of a key.
    pub const LENGTH_MAX: usize = 255;

    /// How many characters a key has.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

impl TryFrom<&[u8]> for IdempotencyKey {
    type Error = ParseKeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, ParseKeyError> {
        if bytes.is_empty() {
            return Err(ParseKeyError::Empty);
        }
        if let Some(index) = bytes.iter().position(|byte| !byte.is_ascii_graphic()) {
            return Err(ParseKeyError::Character(index + 1));
        }
        if bytes.len() > Self::LENGTH_MAX {
            return Err(ParseKeyError::Length(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ParseKeyError::Character(1))?;
        Ok(Self(text.into()))
    }
}

impl FromStr for IdempotencyKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        text.as_bytes().try_into()
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({} characters)", self.length())
    }
}

/// What keeps the codes of a sale's keys from being reckoned by others: drawn with the sale, kept in
/// its row, and shown to nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; Self::LENGTH]);

impl Salt {
    /// How many bytes it has.
    pub const LENGTH: usize = 32;

    /// A salt of bytes that nobody can guess.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store that keeps them.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The code that a user's key leads to in a sale; `nth` counts those that had to be passed, from
    /// 0. The same for the same, for ever, and for any other as good as drawn.
    #[must_use]
    pub fn code(&self, sale: SaleId, user: &UserId, key: &IdempotencyKey, nth: u8) -> Code {
        // Neither a name nor a key has a zero in it, so no two of them run into one another.
        let mut mac = self.mac();
        mac.update(user.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(key.0.as_bytes());
        mac.update(&[0, nth]);
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let mut bits = [0; 16];
        bits.copy_from_slice(&digest[..16]);
        Code::new(sale, u128::from_be_bytes(bits))
    }

    fn mac(&self) -> Hmac<Sha256> {
        // A key that is shorter than a block is filled up with zeros, by the definition of HMAC.
        let mut block = [0; 64];
        block[..Self::LENGTH].copy_from_slice(&self.0);
        Hmac::new(&block.into())
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> IdempotencyKey {
        text.parse().unwrap()
    }

    fn user(name: &str) -> UserId {
        name.parse().unwrap()
    }

    fn sale(number: i64) -> SaleId {
        SaleId::try_from(number).unwrap()
    }

    #[test]
    fn a_key_has_one_to_255_visible_characters() {
        let longest = "x".repeat(IdempotencyKey::LENGTH_MAX);
        assert_eq!(key(&longest).length(), 255);
        assert_eq!(key("!\"8e03978e-40d5~").length(), 16);

        let refused = |text: &str| text.parse::<IdempotencyKey>().unwrap_err();
        assert_eq!(refused(""), ParseKeyError::Empty);
        assert_eq!(refused(&format!("{longest}x")), ParseKeyError::Length(256));
        assert_eq!(refused("a b"), ParseKeyError::Character(2));
        assert_eq!(refused("abc\u{7f}"), ParseKeyError::Character(4));
        assert_eq!(refused("é"), ParseKeyError::Character(1));
        assert_eq!(IdempotencyKey::try_from(&b"a\xff"[..]), Err(ParseKeyError::Character(2)));
    }

    #[test]
    fn neither_a_key_nor_a_salt_is_given_away_by_a_log_line() {
        let shown = format!("{:?} {:?}", key("the-secret-of-ann"), Salt::new([0xab; 32]));

        assert_eq!(shown, "IdempotencyKey(17 characters) Salt(..)");
    }

    #[test]
    fn whatever_differs_leads_to_another_code_and_the_same_to_the_same() {
        let salt = Salt::new([1; 32]);
        let code = salt.code(sale(7), &user("ann"), &key("k1"), 0);
        let others = [
            Salt::new([2; 32]).code(sale(7), &user("ann"), &key("k1"), 0),
            salt.code(sale(8), &user("ann"), &key("k1"), 0),
            salt.code(sale(7), &user("annk"), &key("1"), 0),
            salt.code(sale(7), &user("ben"), &key("k1"), 0),
            salt.code(sale(7), &user("ann"), &key("k2"), 0),
            salt.code(sale(7), &user("ann"), &key("k1"), 1),
        ];

        assert_eq!(salt.code(sale(7), &user("ann"), &key("k1"), 0), code);
        assert_eq!(code.sale(), sale(7));
        assert!(others.iter().all(|other| *other != code), "{others:?}");
    }

    /// By another program: `printf 'ann\0k1\0\0' | openssl dgst -sha256 -mac HMAC -macopt hexkey:…`.
    #[test]
    fn a_code_is_that_of_hmac_sha256() {
        let salt = Salt::new(std::array::from_fn(|index| u8::try_from(index).unwrap()));

        let code = salt.code(sale(7), &user("ann"), &key("k1"), 0);

        assert_eq!(code.to_string(), "00000000-07d3-8998-be74-b84feb738ee8");
    }
}
