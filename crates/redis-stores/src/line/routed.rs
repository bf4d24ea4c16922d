//! A call, and where it goes.

use deadpool_redis::redis::{self, Cmd, ToSingleRedisArg};

use crate::keys::{HashSlot, SaleKeys};

/// A command, and the slot of its keys: the server that has it is the one to ask.
pub(crate) struct Routed {
    pub(crate) slot: HashSlot,
    pub(crate) command: Cmd,
}

impl Routed {
    /// The same with one more argument.
    pub(crate) fn with(mut self, argument: impl ToSingleRedisArg) -> Self {
        self.command.arg(argument);
        self
    }
}

/// `FCALL name` on the keys of a sale, arguments to follow; then it is to be
/// [signed](super::Line::signed).
pub(crate) fn fcall(name: &'static str, keys: &SaleKeys) -> Routed {
    let mut command = redis::cmd("FCALL");
    command.arg(name).arg(SaleKeys::COUNT).arg(keys);
    Routed { slot: keys.slot(), command }
}
