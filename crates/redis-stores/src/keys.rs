//! The keys of a sale; `lua/library.lua` says what each holds.
//!
//! Users and codes are fields of two hashes and not keys of their own. So a batch costs a fixed
//! number of Redis calls, and a grant in a large batch a third of what it would with a key for
//! each user and code and a function call for each grant: `docs/decisions/03`.

use std::fmt::Display;

use deadpool_redis::redis::{RedisWrite, ToRedisArgs, ToSingleRedisArg};
use domain::SaleId;

/// The six keys of a sale, in the order every function of the library takes them. The hash
/// tag puts them into one slot of a cluster.
pub(crate) struct SaleKeys([String; Self::COUNT]);

impl SaleKeys {
    pub(crate) const COUNT: usize = 6;

    pub(crate) fn of(sale: SaleId) -> Self {
        Self::named(sale)
    }

    /// The keys of a sale that there never is.
    pub(crate) fn of_no_sale() -> Self {
        Self::named(0)
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
    pub(crate) fn codes(sale: SaleId) -> String {
        format!("sale:{{{sale}}}:codes")
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
