//! What orders and those who give them are called.

use std::{fmt, str::FromStr, sync::Arc};

use sha2::{Digest as _, Sha256};

use crate::{
    Code, Epoch, SaleId, UserId,
    seen_text::{self, UnseenError},
    uuid,
};

/// The name of an order: a UUID of any kind, but not the one of all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(u128);

/// Why a text is not an [`ActionId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID of 36 characters, such as 6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d788")]
pub struct ParseActionIdError;

impl ActionId {
    /// Takes the bits a store kept, or chance drew.
    pub const fn from_bits(bits: u128) -> Result<Self, ParseActionIdError> {
        if bits == 0 { Err(ParseActionIdError) } else { Ok(Self(bits)) }
    }

    /// The bits, for stores that keep them in binary.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// A new one, of 122 bits that were drawn at random: a UUID of version 4.
    #[must_use]
    pub const fn drawn(random: u128) -> Self {
        const VERSION: u128 = 0xf << 76;
        const VARIANT: u128 = 0b11 << 62;
        Self(random & !VERSION & !VARIANT | 0x4 << 76 | 0b10 << 62)
    }

    /// The name of the order about this code, of several that are given together by this one name: the same again has
    /// the same. Nobody gets to the code from it, who may not know that.
    #[must_use]
    pub fn of_code(self, code: Code) -> Self {
        Self::digested(&self.0.to_be_bytes(), &code.to_bits().to_be_bytes())
    }

    /// The name of the order by which a sale is paused whose ledger has lost purchases of this epoch: every process gives
    /// the same.
    pub(crate) fn of_loss(sale: SaleId, epoch: Epoch) -> Self {
        let place =
            u128::from(sale.get().cast_unsigned()) << 64 | u128::from(epoch.0.cast_unsigned());
        Self::digested(b"lost", &place.to_be_bytes())
    }

    fn digested(first: &[u8], then: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(first).chain_update(then);
        let digest: [u8; 32] = digest.finalize().into();
        let random = digest.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        Self::drawn(random)
    }
}

impl FromStr for ActionId {
    type Err = ParseActionIdError;

    fn from_str(text: &str) -> Result<Self, ParseActionIdError> {
        Self::from_bits(uuid::read(text).ok_or(ParseActionIdError)?)
    }
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::write(self.0, f)
    }
}

/// Who gives an order, by the shop's name for them; the same characters as a user's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperatorName(UserId);

/// Why a text is not an [`OperatorName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ParseOperatorError(#[from] crate::ids::ParseUserIdError);

impl OperatorName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for OperatorName {
    type Err = ParseOperatorError;

    fn from_str(text: &str) -> Result<Self, ParseOperatorError> {
        Ok(Self(text.parse()?))
    }
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why something was done, in the words of whoever did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(Arc<str>);

/// Why a text is not a [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseReasonError {
    /// There is nothing in it.
    #[error("must not be empty")]
    Empty,
    /// It has so many characters.
    #[error("must have at most {max} characters, not {0}", max = Reason::LENGTH_MAX)]
    Length(usize),
    /// It has characters that are not seen as they are.
    #[error(transparent)]
    Unseen(#[from] UnseenError),
}

impl Reason {
    /// The most characters of a reason.
    pub const LENGTH_MAX: usize = 500;

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The words of a ledger. What an earlier version took stays there, and is shown.
    pub fn kept(text: &str) -> Result<Self, ParseReasonError> {
        Self::of(text, seen_text::check_control)
    }

    fn of(
        text: &str,
        check: fn(&str) -> Result<(), UnseenError>,
    ) -> Result<Self, ParseReasonError> {
        if text.trim().is_empty() {
            return Err(ParseReasonError::Empty);
        }
        let length = text.chars().count();
        if length > Self::LENGTH_MAX {
            return Err(ParseReasonError::Length(length));
        }
        check(text)?;
        Ok(Self(text.into()))
    }
}

impl FromStr for Reason {
    type Err = ParseReasonError;

    fn from_str(text: &str) -> Result<Self, ParseReasonError> {
        Self::of(text, seen_text::check)
    }
}

/// The name of a request, as it is in the log: 1 to 128 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestName(Arc<str>);

impl RequestName {
    /// The name, or nothing if it is none.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let is_name =
            (1..=128).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
        is_name.then(|| Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
