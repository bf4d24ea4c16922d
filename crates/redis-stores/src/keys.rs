//! The keys of a sale; `lua/library.lua` says what each holds.
//!
//! Users and codes are fields of two hashes and not keys of their own. So a batch costs a fixed
//! number of Redis calls, and a grant in a large batch a third of what it would with a key for
//! each user and code and a function call for each grant: `docs/decisions/03`.

use std::fmt::Display;

use crc16::{State, XMODEM};
use deadpool_redis::redis::{RedisWrite, ToRedisArgs, ToSingleRedisArg};
use domain::SaleId;

/// How many hash slots a cluster has.
pub(crate) const SLOTS: u16 = 16_384;

/// The part of all keys that a key is in: a cluster has each on one of its masters. It is reckoned from
/// what a key has in braces, or from the whole of it: CRC16 with the polynomial of XMODEM, as the cluster
/// specification of Redis says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashSlot(pub(crate) u16);

impl HashSlot {
    /// The slot of a key with this tag in braces, or of one that is this and has none.
    pub(crate) fn of_tag(tag: &str) -> Self {
        Self(State::<XMODEM>::calculate(tag.as_bytes()) % SLOTS)
    }
}

/// The six keys of a sale, in the order every function of the library takes them. The hash
/// tag puts them into one slot of a cluster.
pub(crate) struct SaleKeys([String; Self::COUNT]);

impl SaleKeys {
    pub(crate) const COUNT: usize = 6;

    pub(crate) fn of(sale: SaleId) -> Self {
        Self::named(sale)
    }

    /// The keys of a sale that there never is, in this slot.
    pub(crate) fn of_no_sale(slot: HashSlot) -> Self {
        Self::of_no_sale_where(|it| it == slot)
    }

    /// The keys of a sale that there never is, in a slot of which this is so, if there is one.
    pub(crate) fn of_no_sale_where(is_meant: impl Fn(HashSlot) -> bool) -> Self {
        // Of so many there is one in each slot.
        let mut tags = (0..32 * u32::from(SLOTS)).map(|number| format!("no-{number}"));
        Self::named(tags.find(|tag| is_meant(HashSlot::of_tag(tag))).unwrap_or_default())
    }

    /// The slot that they are all in.
    pub(crate) fn slot(&self) -> HashSlot {
        let tag = self.0[0].strip_prefix("sale:{").and_then(|rest| rest.strip_suffix('}'));
        HashSlot::of_tag(tag.unwrap_or_default())
    }

    fn named(sale: impl Display) -> Self {
        let key = |what| format!("sale:{{{sale}}}{what}");
        Self([key(""), key(":total"), key(":free"), key(":holds"), key(":codes"), key(":users")])
    }

    /// The keys themselves.
    pub(crate) fn names(&self) -> &[String; Self::COUNT] {
        &self.0
    }

    /// The hash of live codes.
    pub(crate) fn codes(&self) -> &str {
        &self.0[4]
    }
}

impl ToRedisArgs for SaleKeys {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        for key in &self.0 {
            out.write_arg(key.as_bytes());
        }
    }

    fn num_of_args(&self) -> usize {
        Self::COUNT
    }
}

/// A code as the live store writes it: the spelling users see, so that an operator finds it.
pub(crate) struct CodeArg(pub(crate) domain::Code);

impl ToRedisArgs for CodeArg {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        out.write_arg_fmt(self.0);
    }
}

impl ToSingleRedisArg for CodeArg {}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `CLUSTER KEYSLOT` of a server.
    #[test]
    fn the_slot_of_a_key_is_as_a_cluster_reckons_it() {
        for (tag, slot) in [("123456789", 12_739), ("1", 9_842), ("foo", 12_182), ("", 0)] {
            assert_eq!(HashSlot::of_tag(tag), HashSlot(slot), "{tag}");
        }
        assert_eq!(SaleKeys::of(SaleId::try_from(1).unwrap()).slot(), HashSlot(9_842));
    }

    #[test]
    fn there_are_keys_of_no_sale_in_every_slot() {
        for slot in [0, 1, 9_842, SLOTS - 1] {
            let keys = SaleKeys::of_no_sale(HashSlot(slot));
            assert_eq!(keys.slot(), HashSlot(slot));
            assert!(keys.names().iter().all(|key| key.starts_with("sale:{no-")));
        }
    }
}
