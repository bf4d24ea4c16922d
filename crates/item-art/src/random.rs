//! Choices that look random and never change.

use std::ops::Range;

use domain::{SaleId, Unit};

/// What the state of [`Random`] grows by: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Draws one choice after the other. Equal beginnings draw equal choices (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The choices of one unit.
    pub(super) fn of(sale: SaleId, unit: Unit) -> Self {
        // Scrambled once more, or they would begin like those of the sale's shuffle.
        Self(scramble(key(sale)).wrapping_add(u64::from(unit.get())))
    }

    /// A number in the range, in steps of about a billionth of it.
    pub(super) fn within(&mut self, range: Range<f64>) -> f64 {
        let part = f64::from(self.draw()) / f64::from(u32::MAX);
        range.start + (range.end - range.start) * part
    }

    /// A number below `count`, which must not be zero.
    pub(super) fn below(&mut self, count: u32) -> u32 {
        // The bias of a remainder is one in a hundred million here, and no one's money.
        self.draw() % count
    }

    /// True `percent` times in a hundred.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of the choices, of which there must be at least one.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.draw() as usize % N]
    }

    fn draw(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(STEP);
        (scramble(self.0) >> 32) as u32
    }
}

/// Where `position` stands after the numbers below `count` are shuffled, each sale its own way.
///
/// A shuffle gives every position another place, which independent draws would not: of ten
/// thousand draws out of twenty-five thousand, every sixth would repeat one before it.
pub(super) fn shuffled(sale: SaleId, position: u32, count: u32) -> u32 {
    // Below two bits, the shift by half of them would lose a place.
    let bits = (u32::BITS - (count - 1).leading_zeros()).max(2);
    let mask = u32::MAX >> (u32::BITS - bits);
    let mut random = Random(key(sale));
    let rounds = [0; 4].map(|_| (random.draw() | 1, random.draw()));

    // Each step maps the numbers of `bits` bits one to one, and so do they all together.
    // Some numbers are too large; walking on from them leads back below `count`.
    let mut place = position % count;
    loop {
        for (factor, shift) in rounds {
            place = place.wrapping_mul(factor).wrapping_add(shift) & mask;
            place ^= place >> (bits / 2);
        }
        if place < count {
            return place;
        }
    }
}

fn key(sale: SaleId) -> u64 {
    scramble(sale.get().cast_unsigned())
}

/// Spreads every bit over all the others, one to one.
const fn scramble(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
