//! The tokens that were found good, so that each costs its check once: bounded, and none beyond its
//! time.
//!
//! A token is known by its SHA-256 alone. What is in memory lets nobody in.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::UserId;
use ring::digest::{SHA256, digest};

/// Parts that threads wait for each other at. A power of two.
const SHARDS: usize = 64;

/// How many tokens a part remembers for certain, and as many again that it may.
const RECENT_MAX: usize = 512;

/// How many tokens are remembered at most.
#[cfg(test)]
pub(super) const VERIFIED_MAX: usize = SHARDS * RECENT_MAX * 2;

/// What a token is known by.
pub(super) type Fingerprint = [u8; 32];

pub(super) fn fingerprint(token: &str) -> Fingerprint {
    digest(&SHA256, token.as_bytes()).as_ref().first_chunk().copied().unwrap_or_default()
}

/// What was found of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) user: UserId,
    /// The key that it was checked with.
    pub(super) key: u64,
    /// The first second in which it is good no longer.
    pub(super) good_before_s: i64,
}

/// The tokens that were found good.
#[derive(Default)]
pub(super) struct Verified(Box<[Mutex<Shard>]>);

/// What is asked for stays: it is moved to the recent ones. When those are many, they take the place
/// of the others, which are forgotten.
#[derive(Default)]
struct Shard {
    recent: HashMap<Fingerprint, Found>,
    before: HashMap<Fingerprint, Found>,
}

impl Verified {
    pub(super) fn new() -> Self {
        Self(std::iter::repeat_with(Mutex::default).take(SHARDS).collect())
    }

    /// What was found, if it is remembered.
    pub(super) fn get(&self, token: &Fingerprint) -> Option<Found> {
        self.shard(token, |shard| {
            if let Some(found) = shard.recent.get(token) {
                return Some(found.clone());
            }
            let found = shard.before.remove(token)?;
            shard.put(*token, found.clone());
            Some(found)
        })
    }

    pub(super) fn put(&self, token: Fingerprint, found: Found) {
        self.shard(&token, |shard| shard.put(token, found));
    }

    pub(super) fn forget(&self, token: &Fingerprint) {
        self.shard(token, |shard| {
            shard.recent.remove(token);
            shard.before.remove(token);
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap();
            shard.recent.len() + shard.before.len()
        };
        self.0.iter().map(count).sum()
    }

    fn shard<T>(&self, token: &Fingerprint, work: impl FnOnce(&mut Shard) -> T) -> T {
        let shard = &self.0[usize::from(token[0]) % SHARDS];
        work(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    fn put(&mut self, token: Fingerprint, found: Found) {
        if self.recent.len() >= RECENT_MAX {
            self.before = std::mem::take(&mut self.recent);
        }
        self.recent.insert(token, found);
    }
}
