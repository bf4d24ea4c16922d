//! Names of things: sales, users, units, slots, epochs.

use std::{fmt, str::FromStr, sync::Arc};

/// The number of a sale: positive, and small enough to lead every [`Code`](crate::Code) of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SaleId(pub(crate) i64);

/// Why a number or a text is not a [`SaleId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {}", SaleId::MAX)]
pub struct ParseSaleIdError;

impl SaleId {
    /// The largest number: a code has 40 bits for it, enough for a sale a second for 34,000 years.
    pub const MAX: i64 = (1 << 40) - 1;

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for SaleId {
    type Error = ParseSaleIdError;

    fn try_from(number: i64) -> Result<Self, ParseSaleIdError> {
        if (1..=Self::MAX).contains(&number) { Ok(Self(number)) } else { Err(ParseSaleIdError) }
    }
}

impl FromStr for SaleId {
    type Err = ParseSaleIdError;

    /// Reads the one spelling `Display` writes: `+7`, ` 7` and `07` are not how a sale is called.
    fn from_str(text: &str) -> Result<Self, ParseSaleIdError> {
        if !is_plain_number(text) {
            return Err(ParseSaleIdError);
        }
        text.parse::<i64>().map_err(|_| ParseSaleIdError)?.try_into()
    }
}

impl fmt::Display for SaleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who a ledger is: drawn with its schema, the same as long as it lives, and not the same for any
/// other. Two ledgers may have sales of the same numbers; a live store tells them apart by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedgerId(pub u128);

impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A user, by the shop's name for them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

/// Why a text is not a [`UserId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseUserIdError {
    /// The text has no characters at all.
    #[error("must not be empty")]
    Empty,
    /// The text has this many bytes.
    #[error("must have at most {max} characters, not {0}", max = UserId::LENGTH_MAX)]
    Length(usize),
    /// The byte at this index is not one of the allowed characters.
    #[error("may have A-Z a-z 0-9 . _ : @ - only, unlike the character at position {0}")]
    Character(usize),
}

impl UserId {
    /// The most characters a user's name has.
    pub const LENGTH_MAX: usize = 64;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserId {
    type Err = ParseUserIdError;

    fn from_str(text: &str) -> Result<Self, ParseUserIdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
        if text.is_empty() {
            return Err(ParseUserIdError::Empty);
        }
        if let Some(index) = text.bytes().position(|byte| !allowed(byte)) {
            return Err(ParseUserIdError::Character(index + 1));
        }
        if text.len() > Self::LENGTH_MAX {
            return Err(ParseUserIdError::Length(text.len()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One numbered piece of a sale's stock, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit(u32);

/// Why a number or a text is not a [`Unit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {}", Unit::MAX)]
pub struct ParseUnitError;

impl Unit {
    /// The largest number, and so the largest stock: a rebuild reads and writes a sale whole.
    pub const MAX: u32 = 1_000_000;

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Unit {
    type Error = ParseUnitError;

    fn try_from(number: u32) -> Result<Self, ParseUnitError> {
        if (1..=Self::MAX).contains(&number) { Ok(Self(number)) } else { Err(ParseUnitError) }
    }
}

impl FromStr for Unit {
    type Err = ParseUnitError;

    /// Reads the one spelling `Display` writes.
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        if !is_plain_number(text) {
            return Err(ParseUnitError);
        }
        text.parse::<u32>().map_err(|_| ParseUnitError)?.try_into()
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One of as many slots as a user may have units in a sale, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// The generation of a sale's live state. The ledger raises it at each rebuild, and drops
/// every grant of an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether these are decimal digits, and none of them idle: a number is a name here, and names
/// are compared by their spelling in caches, logs and queries.
fn is_plain_number(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_is_called_by_a_positive_number_in_plain_digits() {
        assert_eq!("7".parse::<SaleId>().unwrap().get(), 7);
        assert_eq!(SaleId::MAX.to_string().parse::<SaleId>().unwrap().get(), SaleId::MAX);
        for wrong in
            ["", "0", "07", "-1", "+7", " 7", "7.0", "1099511627776", "99999999999999999999"]
        {
            assert_eq!(wrong.parse::<SaleId>(), Err(ParseSaleIdError), "{wrong:?}");
        }
    }

    #[test]
    fn a_user_has_one_to_sixty_four_plain_characters() {
        let longest = "x".repeat(UserId::LENGTH_MAX);
        assert_eq!("a.B_9:@-".parse::<UserId>().unwrap().as_str(), "a.B_9:@-");
        assert_eq!(longest.parse::<UserId>().unwrap().as_str(), longest);

        assert_eq!("".parse::<UserId>(), Err(ParseUserIdError::Empty));
        assert_eq!(format!("{longest}x").parse::<UserId>(), Err(ParseUserIdError::Length(65)));
        assert_eq!("al ice".parse::<UserId>(), Err(ParseUserIdError::Character(3)));
        assert_eq!("zoë".parse::<UserId>(), Err(ParseUserIdError::Character(3)));
    }

    #[test]
    fn units_count_from_one_to_a_million() {
        assert_eq!(Unit::try_from(1).unwrap().get(), 1);
        assert_eq!("1000000".parse::<Unit>().unwrap().get(), Unit::MAX);
        assert_eq!(Unit::try_from(0), Err(ParseUnitError));
        assert_eq!("1000001".parse::<Unit>(), Err(ParseUnitError));
        assert_eq!("-1".parse::<Unit>(), Err(ParseUnitError));
        assert_eq!("01".parse::<Unit>(), Err(ParseUnitError));
    }
}
