//! What orders and those who give them are called.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{UserId, uuid};

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
    /// The character at this place, counted from 1, is one that controls a terminal.
    #[error("must have no control characters, such as the one at position {0}")]
    Control(usize),
}

impl Reason {
    /// The most characters of a reason.
    pub const LENGTH_MAX: usize = 500;

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = ParseReasonError;

    fn from_str(text: &str) -> Result<Self, ParseReasonError> {
        if text.trim().is_empty() {
            return Err(ParseReasonError::Empty);
        }
        let length = text.chars().count();
        if length > Self::LENGTH_MAX {
            return Err(ParseReasonError::Length(length));
        }
        if let Some(place) = text.chars().position(char::is_control) {
            return Err(ParseReasonError::Control(place + 1));
        }
        Ok(Self(text.into()))
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
