//! What the service stands on while it is tried.

use std::fmt;

use clap::ValueEnum;

/// Where the service keeps what it knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stack {
    /// Three processes on Redis and Postgres.
    #[default]
    Servers,
    /// One process alone: the ledger in SQLite, the live side in its memory.
    Embedded,
}

impl Stack {
    /// What it is called on a command line, the simulation's too.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::Embedded => "embedded",
        }
    }

    /// How many processes of the service there are.
    pub(crate) const fn services(self) -> usize {
        match self {
            Self::Servers => 3,
            Self::Embedded => 1,
        }
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Servers => "three processes on Redis and Postgres",
            Self::Embedded => "one process on SQLite and its own memory",
        })
    }
}
