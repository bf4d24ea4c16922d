//! What is said of a product in words and numbers.

use std::{fmt, ops::RangeInclusive, str::FromStr, sync::Arc};

use super::json::{JsonError, check_object};
use crate::seen_text::{self, UnseenError};

/// The shop's own key of a product.
///
/// It begins with a letter or a digit, so that no program on its way takes it for something else: a
/// flag, a folder, the formula of a spreadsheet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sku(Arc<str>);

/// Why a text is not a [`Sku`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseSkuError {
    /// The text has no characters at all.
    #[error("must not be empty")]
    Empty,
    /// The text has this many characters.
    #[error("must have at most {max} characters, not {0}", max = Sku::LENGTH_MAX)]
    Length(usize),
    /// It begins with something else.
    #[error("must begin with a letter or a digit")]
    Start,
    /// The byte at this place, counted from 1, is not one of the allowed characters.
    #[error("may have A-Z a-z 0-9 . _ : @ - only, unlike the character at position {0}")]
    Character(usize),
}

impl Sku {
    /// The most characters.
    pub const LENGTH_MAX: usize = 64;

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sku {
    type Err = ParseSkuError;

    fn from_str(text: &str) -> Result<Self, ParseSkuError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
        if text.is_empty() {
            return Err(ParseSkuError::Empty);
        }
        if let Some(index) = text.bytes().position(|byte| !allowed(byte)) {
            return Err(ParseSkuError::Character(index + 1));
        }
        if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err(ParseSkuError::Start);
        }
        if text.len() > Self::LENGTH_MAX {
            return Err(ParseSkuError::Length(text.len()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a product is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductName(Arc<str>);

/// Why a text is not a [`ProductName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text has no characters at all.
    #[error("must not be empty")]
    Empty,
    /// The text has this many characters.
    #[error("must have at most {max} characters, not {0}", max = ProductName::LENGTH_MAX)]
    Length(usize),
    /// White space is at an end of it.
    #[error("must not begin or end with white space")]
    Space,
    /// It has characters that are not seen as they are.
    #[error(transparent)]
    Unseen(#[from] UnseenError),
}

impl ProductName {
    /// The most characters.
    pub const LENGTH_MAX: usize = 200;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a ledger. What an earlier version took stays there, and is shown.
    pub fn kept(text: &str) -> Result<Self, NameError> {
        Self::of(text, seen_text::check_control)
    }

    fn of(text: &str, check: fn(&str) -> Result<(), UnseenError>) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        check(text)?;
        if text.trim() != text {
            return Err(NameError::Space);
        }
        let length = text.chars().count();
        if length > Self::LENGTH_MAX {
            return Err(NameError::Length(length));
        }
        Ok(Self(text.into()))
    }
}

impl FromStr for ProductName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::of(text, seen_text::check)
    }
}

impl fmt::Display for ProductName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A currency, by its code of ISO 4217. Which codes there are changes every few years, so only their
/// form is looked at: a shop need not wait for a new version to sell in a new currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// Why a text is not a [`Currency`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a code of ISO 4217, three capital letters such as EUR")]
pub struct CurrencyError;

impl Currency {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // They are capital letters.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let code = <[u8; 3]>::try_from(text.as_bytes()).map_err(|_| CurrencyError)?;
        if code.iter().all(u8::is_ascii_uppercase) { Ok(Self(code)) } else { Err(CurrencyError) }
    }
}

/// What a product costs: shown and passed on, never reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    amount: i64,
    currency: Currency,
}

/// Why a number is no amount of a [`Price`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 0 to {max}, not {0}", max = Price::AMOUNT.end())]
pub struct PriceError(i64);

impl Price {
    /// In minor units of the currency, such as cents: as far as all whole numbers are the same for
    /// whoever writes them as floats.
    pub const AMOUNT: RangeInclusive<i64> = 0..=(1 << 53) - 1;

    /// So many minor units of a currency.
    pub fn new(amount: i64, currency: Currency) -> Result<Self, PriceError> {
        if !Self::AMOUNT.contains(&amount) {
            return Err(PriceError(amount));
        }
        Ok(Self { amount, currency })
    }

    /// In minor units of the currency.
    #[must_use]
    pub const fn amount(self) -> i64 {
        self.amount
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }
}

/// What the shop says of a product beside all that: a JSON object, kept and passed on byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(Arc<str>);

/// Why a text is not [`Metadata`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The text has this many bytes.
    #[error("must have at most {max} bytes, not {0}", max = Metadata::BYTES_MAX)]
    Length(usize),
    /// It is no JSON object.
    #[error(transparent)]
    Json(#[from] JsonError),
}

impl Metadata {
    /// The most bytes.
    pub const BYTES_MAX: usize = 4_096;

    /// The text, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Metadata {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        if text.len() > Self::BYTES_MAX {
            return Err(MetadataError::Length(text.len()));
        }
        check_object(text)?;
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_has_one_to_sixty_four_plain_characters() {
        let longest = "x".repeat(Sku::LENGTH_MAX);
        assert_eq!("7.B_9:@-".parse::<Sku>().unwrap().as_str(), "7.B_9:@-");
        assert_eq!(longest.parse::<Sku>().unwrap().as_str(), longest);

        assert_eq!("".parse::<Sku>(), Err(ParseSkuError::Empty));
        assert_eq!(format!("{longest}x").parse::<Sku>(), Err(ParseSkuError::Length(65)));
        assert_eq!("a b".parse::<Sku>(), Err(ParseSkuError::Character(2)));
        assert_eq!("a\"".parse::<Sku>(), Err(ParseSkuError::Character(2)));
        for wrong in ["..", "-a", "@A1", "_"] {
            assert_eq!(wrong.parse::<Sku>(), Err(ParseSkuError::Start), "{wrong}");
        }
    }

    #[test]
    fn a_name_has_one_to_two_hundred_characters_that_can_be_seen() {
        let longest = "ü".repeat(ProductName::LENGTH_MAX);
        assert_eq!(longest.parse::<ProductName>().unwrap().as_str(), longest);
        assert_eq!(
            "A <b>\"lamp\"</b> 灯".parse::<ProductName>().unwrap().to_string(),
            "A <b>\"lamp\"</b> 灯"
        );

        assert_eq!("".parse::<ProductName>(), Err(NameError::Empty));
        assert_eq!(format!("{longest}ü").parse::<ProductName>(), Err(NameError::Length(201)));
        let control = |place| Err(NameError::Unseen(UnseenError::Control(place)));
        assert_eq!("üa\nb".parse::<ProductName>(), control(3));
        assert_eq!("a\u{7f}".parse::<ProductName>(), control(2));
        assert_eq!(ProductName::kept("a\u{7f}"), control(2));
        let turned = "Lamp \u{202e}50% off";
        assert!(matches!(turned.parse::<ProductName>(), Err(NameError::Unseen(_))));
        assert_eq!(ProductName::kept(turned).unwrap().as_str(), turned, "it was taken once");
        for wrong in [" ", " a", "a\u{a0}"] {
            assert_eq!(wrong.parse::<ProductName>(), Err(NameError::Space), "{wrong:?}");
        }
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!("EUR".parse::<Currency>().unwrap().as_str(), "EUR");
        for wrong in ["", "EU", "EURO", "eur", "E1R", "ÄÖ"] {
            assert_eq!(wrong.parse::<Currency>(), Err(CurrencyError), "{wrong}");
        }
    }

    #[test]
    fn an_amount_is_from_nothing_to_what_a_float_can_count() {
        let euro = "EUR".parse().unwrap();
        for right in [0, 1_999, 9_007_199_254_740_991] {
            assert_eq!(Price::new(right, euro).unwrap().amount(), right);
        }
        for wrong in [-1, 9_007_199_254_740_992] {
            assert_eq!(Price::new(wrong, euro), Err(PriceError(wrong)));
        }
    }

    #[test]
    fn metadata_is_an_object_of_four_kibibytes_kept_byte_for_byte() {
        let of = |bytes: usize| format!("{{\"a\": \"{}\"}}", "x".repeat(bytes - 9));
        for right in [of(Metadata::BYTES_MAX), " { \"b\":1.0 ,\"b\": 1e2}\n".to_owned()] {
            assert_eq!(right.parse::<Metadata>().unwrap().as_str(), right);
        }

        assert_eq!(of(4_097).parse::<Metadata>(), Err(MetadataError::Length(4_097)));
        assert_eq!("[]".parse::<Metadata>(), Err(JsonError::NoObject.into()));
    }
}
