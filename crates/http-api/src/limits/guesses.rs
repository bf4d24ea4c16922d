//! How often one address may be wrong about a secret. Nobody guesses 256 bits; who tries is slowed all
//! the same, and seen.

use std::{net::IpAddr, num::NonZeroU32};

use super::{client::block_of, rate::Rate, table::Table};

/// How many may be wrong at once, and then one a second.
const WRONG_AT_ONCE: NonZeroU32 = match NonZeroU32::new(20) {
    Some(count) => count,
    None => NonZeroU32::MIN,
};

/// Sets of addresses that are known: few have a way here.
const SETS: usize = 256;

/// Who was wrong lately.
pub(crate) struct Guesses(Table);

impl Default for Guesses {
    fn default() -> Self {
        Self(Table::of(Rate::of(NonZeroU32::MIN, WRONG_AT_ONCE), SETS))
    }
}

impl Guesses {
    /// Whether what comes from this address may be looked at; else, in how many seconds it may. What is
    /// right does not count, so that nobody is kept out by their own diligence.
    pub(crate) fn check(&self, address: Option<IpAddr>) -> Result<(), u64> {
        self.0.waits_s(&key(address)).map_or(Ok(()), Err)
    }

    /// Counts one that was wrong.
    pub(crate) fn was_wrong(&self, address: Option<IpAddr>) {
        let _ = self.0.take(&key(address));
    }

    /// The memory of it.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// Those of whom nobody knows where they are count as one.
fn key(address: Option<IpAddr>) -> Option<IpAddr> {
    address.map(|it| block_of(it.to_canonical()))
}
