//! The secret that redeems a hold, and its one spelling.

use std::{fmt, str::FromStr};

use crate::{SaleId, uuid};

/// The secret that redeems a hold, once: a UUID of version 8 (RFC 9562).
///
/// The first 40 bits are the sale's number, so a code leads to its sale without a look-up and
/// the codes of a sale lie together in an index; 82 bits are drawn at random, so nobody
/// guesses one. A UUID of another kind can not have come from here and is no code.
///
/// Whoever has the code may spend it, so `Debug`, which logs use, shows its first digits only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u128);

/// Why a text is not a [`Code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseCodeError {
    /// It is no UUID, or not in the form codes are given in.
    #[error("must be a UUID of 36 characters, such as 00000000-07d1-8c3e-9a5b-2f6e0c41d788")]
    Malformed,
    /// It is a UUID that was never made here.
    #[error(transparent)]
    Foreign(#[from] ForeignCodeError),
}

/// Why a UUID is not a [`Code`]: it is of another version or variant, or leads to no sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is a UUID that no sale has as a code")]
pub struct ForeignCodeError;

impl Code {
    const SALE_SHIFT: u32 = 88;
    const VERSION: u128 = 0xf << 76;
    const VERSION_8: u128 = 0x8 << 76;
    const VARIANT: u128 = 0b11 << 62;
    const VARIANT_RFC: u128 = 0b10 << 62;

    /// Makes a code of `sale` from bits the caller drew at random, of which 82 are used.
    #[must_use]
    #[expect(clippy::cast_sign_loss, reason = "a sale's number is positive")]
    pub const fn new(sale: SaleId, random: u128) -> Self {
        let chance = random & ((1 << Self::SALE_SHIFT) - 1) & !Self::VERSION & !Self::VARIANT;
        let sale = (sale.get() as u128) << Self::SALE_SHIFT;
        Self(sale | Self::VERSION_8 | Self::VARIANT_RFC | chance)
    }

    /// The sale this code was made for.
    #[must_use]
    pub const fn sale(self) -> SaleId {
        SaleId((self.0 >> Self::SALE_SHIFT) as i64)
    }

    /// Takes the bits a store kept.
    pub fn from_bits(bits: u128) -> Result<Self, ForeignCodeError> {
        let is_ours = bits & Self::VERSION == Self::VERSION_8
            && bits & Self::VARIANT == Self::VARIANT_RFC
            && bits >> Self::SALE_SHIFT != 0;
        if is_ours { Ok(Self(bits)) } else { Err(ForeignCodeError) }
    }

    /// The code as it is shown to whoever may know of it and not spend it: its sale and twenty more
    /// bits, by which two can be told apart; the other 62 that were drawn are not shown.
    #[must_use]
    pub fn masked(self) -> String {
        let mut text = self.to_string();
        text.replace_range(Self::SHOWN.., Self::HIDDEN);
        text
    }

    /// How many characters of a masked code are its own, and what it has in the place of the others.
    const SHOWN: usize = 19;
    const HIDDEN: &str = "****-************";

    /// The least and the most bits a code of `sale` can have: those of a sale lie together.
    #[must_use]
    #[expect(clippy::cast_sign_loss, reason = "a sale's number is positive")]
    pub const fn range_of(sale: SaleId) -> (u128, u128) {
        let first = (sale.get() as u128) << Self::SALE_SHIFT;
        (first, first | ((1 << Self::SALE_SHIFT) - 1))
    }

    /// The bits, for stores that keep codes in binary.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

impl FromStr for Code {
    type Err = ParseCodeError;

    fn from_str(text: &str) -> Result<Self, ParseCodeError> {
        let bits = uuid::read(text).ok_or(ParseCodeError::Malformed)?;
        Ok(Self::from_bits(bits)?)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::write(self.0, f)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({:012x}..)", self.0 >> 80)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(number: i64) -> SaleId {
        SaleId::try_from(number).unwrap()
    }

    #[test]
    fn a_code_leads_to_its_sale_whatever_was_drawn() {
        for number in [1, 7, SaleId::MAX] {
            for random in [0, u128::MAX, 0x1234_5678_9abc_def0_1234_5678_9abc_def0] {
                let code = Code::new(sale(number), random);
                assert_eq!(code.sale(), sale(number));
                assert_eq!(Code::from_bits(code.to_bits()), Ok(code));
            }
        }
    }

    #[test]
    fn eighty_two_bits_are_drawn() {
        let drawn = Code::new(sale(1), u128::MAX).0 ^ Code::new(sale(1), 0).0;

        assert_eq!(drawn.count_ones(), 82);
    }

    #[test]
    fn a_code_is_read_back_from_its_spelling_in_either_case() {
        let code = Code::new(sale(7), 0x00ab_cdef_0123_4567_89ab_cdef);

        assert_eq!(code.to_string(), "00000000-07ab-8def-8123-456789abcdef");
        assert_eq!(code.to_string().parse(), Ok(code));
        assert_eq!(code.to_string().to_uppercase().parse(), Ok(code));
    }

    #[test]
    fn other_spellings_are_refused() {
        for wrong in [
            "",
            "00000000-07ab-8def-8123-456789abcde",
            "00000000-07ab-8def-8123-456789abcdef0",
            "0000000007ab8def8123456789abcdef",
            "{0000000-07ab-8def-8123-456789abcdef}",
            "00000000-07ab-8def-8123-456789abcdeg",
            "00000000007ab-8def-8123-456789abcdef",
            "00000000-07ab-8def-8123--56789abcdef",
            "zażółć-gęślą-jaźń-zażółć-gęśl",
        ] {
            assert_eq!(wrong.parse::<Code>(), Err(ParseCodeError::Malformed), "{wrong:?}");
        }
    }

    #[test]
    fn a_uuid_of_another_kind_is_recognised_where_it_is_read() {
        for foreign in [
            "00000000-0000-0000-0000-000000000000",
            "00000000-07ab-4def-8123-456789abcdef",
            "00000000-07ab-8def-c123-456789abcdef",
            "00000000-00ab-8def-8123-456789abcdef",
        ] {
            let refused = Err(ParseCodeError::Foreign(ForeignCodeError));
            assert_eq!(foreign.parse::<Code>(), refused, "{foreign}");
            let bits = u128::from_str_radix(&foreign.replace('-', ""), 16).unwrap();
            assert_eq!(Code::from_bits(bits), Err(ForeignCodeError), "{foreign}");
        }
    }

    #[test]
    fn a_masked_code_tells_its_sale_and_no_more_than_twenty_bits_that_were_drawn() {
        let (none, all) = (Code::new(sale(7), 0).masked(), Code::new(sale(7), u128::MAX).masked());

        assert_eq!(none, "00000000-0700-8000-****-************");
        assert_eq!(all, "00000000-07ff-8fff-****-************");
    }

    #[test]
    fn the_codes_of_a_sale_lie_between_those_of_its_neighbours() {
        let (first, last) = Code::range_of(sale(7));

        let [smallest, largest] = [0, u128::MAX].map(|drawn| Code::new(sale(7), drawn).to_bits());
        assert!(first <= smallest && largest <= last);
        assert!(Code::new(sale(6), u128::MAX).to_bits() < first);
        assert!(last < Code::new(sale(8), 0).to_bits());
    }

    #[test]
    fn a_log_line_does_not_give_the_code_away() {
        let code = Code::new(sale(7), u128::MAX);

        assert_eq!(format!("{code:?}"), "Code(0000000007ff..)");
    }
}
