//! Who has asked lately, in a table of a size that does not change.
//!
//! The rate is kept by the generic cell rate algorithm (ITU-T I.371): of each key only the moment is
//! kept at which all of its requests will have had their time. A key without one has asked nothing
//! lately, so whoever is not in the table may ask as often as at first.
//!
//! The table is sets of a few places. When all of a set are taken, the key is forgotten that comes to its
//! rest first. That is safe: it lets somebody ask again who would have had to wait, and keeps nobody
//! from asking. Whoever wants to be forgotten needs as many other keys, each with requests of its own; where
//! a key belongs nobody can foresee, for the hash is drawn with the table.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use super::rate::Rate;

/// Places of a set: they are looked through one by one.
const SET: usize = 8;

/// Sets, each with a lock of its own, where nobody says how many. A power of two.
const SETS: usize = 16_384;

/// The most keys that are known.
#[cfg(test)]
pub(super) const KEYS_MAX: usize = SET * SETS;

const NS_PER_S: u64 = 1_000_000_000;

/// Who has asked lately.
pub(super) struct Table {
    began: Instant,
    hash: RandomState,
    /// How much of its time each request takes, and how much may be taken ahead.
    step_ns: u64,
    ahead_ns: u64,
    sets: Box<[Mutex<[Place; SET]>]>,
}

/// A key by its hash, of which two are the same once in many ages of the world; free at first.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    key: u64,
    /// When all requests have had their time, in nanoseconds of the table.
    rests_at_ns: u64,
}

/// Whether a request may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It may, and so may these; in so many seconds, all that ever may.
    Yes { left: u32, full_in_s: u64 },
    /// Not for so many seconds, at least one.
    No { again_in_s: u64, full_in_s: u64 },
}

impl Table {
    pub(super) fn new(rate: Rate) -> Self {
        Self::of(rate, SETS)
    }

    /// One of so many sets.
    pub(super) fn of(rate: Rate, sets: usize) -> Self {
        let step_ns = NS_PER_S / u64::from(rate.per_second());
        Self {
            began: Instant::now(),
            hash: RandomState::new(),
            step_ns,
            ahead_ns: step_ns * u64::from(rate.burst()),
            sets: std::iter::repeat_with(Mutex::default).take(sets).collect(),
        }
    }

    /// Makes a request of a key, if it may be made now.
    pub(super) fn take(&self, key: &impl Hash) -> Taken {
        let (now_ns, key) = (self.now_ns(), self.hash.hash_one(key));
        let mut set = self.set_of(key);
        let place = place_of(&mut set, key);
        let rests_at_ns = place.rests_at_ns.max(now_ns);
        let after_ns = rests_at_ns + self.step_ns;
        if after_ns - now_ns > self.ahead_ns {
            return Taken::No {
                again_in_s: (after_ns - now_ns - self.ahead_ns).div_ceil(NS_PER_S),
                full_in_s: (rests_at_ns - now_ns).div_ceil(NS_PER_S),
            };
        }
        place.rests_at_ns = after_ns;
        let left = (self.ahead_ns - (after_ns - now_ns)) / self.step_ns;
        Taken::Yes {
            left: u32::try_from(left).unwrap_or(u32::MAX),
            full_in_s: (after_ns - now_ns).div_ceil(NS_PER_S),
        }
    }

    /// In how many seconds a request of a key may be made, if it may not be made now. It is not made by
    /// that.
    pub(super) fn waits_s(&self, key: &impl Hash) -> Option<u64> {
        let (now_ns, key) = (self.now_ns(), self.hash.hash_one(key));
        let set = self.set_of(key);
        let rests_at_ns = set.iter().find(|place| place.key == key)?.rests_at_ns.max(now_ns);
        let over_ns = (rests_at_ns + self.step_ns - now_ns).saturating_sub(self.ahead_ns);
        (over_ns > 0).then(|| over_ns.div_ceil(NS_PER_S))
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The set that a key belongs to, by its hash.
    fn set_of(&self, key: u64) -> MutexGuard<'_, [Place; SET]> {
        let set = usize::try_from(key % self.sets.len() as u64).unwrap_or_default();
        self.sets[set].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The memory of it.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        std::mem::size_of_val(&*self.sets)
    }

    /// The keys that are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let known = |set: &Mutex<[Place; SET]>| {
            set.lock().unwrap().iter().filter(|place| place.rests_at_ns > 0).count()
        };
        self.sets.iter().map(known).sum()
    }
}

/// The place of a key: its own, or that of whoever comes to rest first, which is forgotten.
fn place_of(set: &mut [Place; SET], key: u64) -> &mut Place {
    let known = set.iter().position(|place| place.key == key);
    let index = known.unwrap_or_else(|| {
        let first = set.iter().enumerate().min_by_key(|(_, place)| place.rests_at_ns);
        let index = first.map_or(0, |(index, _)| index);
        set[index] = Place { key, rests_at_ns: 0 };
        index
    });
    &mut set[index]
}
