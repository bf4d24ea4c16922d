//! Whole runs of the real services, on the fakes or on the embedded stack, with everything going
//! wrong by a seed.
//!
//! Several processes, each with its requests and its upkeep, serve a crowd of users from one
//! live store and one ledger. One thread polls all of it; the seed settles which task goes on next,
//! how long each message takes, and what goes wrong: requests and replies get lost, arrive late or
//! twice, commits end unknown, stores restart, forget, go back in time or are down, clocks are
//! set, processes stand still or die at any step. What must be true is checked after every
//! change of a store and at every answer (`safety`, `history`). Then all trouble ends, and
//! within a bounded time everything must have healed: each unit is sold or can be, and what is
//! over is forgotten (`liveness`).
//!
//! On the embedded stack the ledger is the real adapter on SQLite, in memory, with its queues and
//! batches (`embedded`), and there is one process at a time: when it dies, the live store dies with it.
//! It meets everything else all the same, also what can only
//! befall servers.
//!
//! A seed is a run on each stack: the same each time, on any machine.
//!
//! Not a failure: any store error, at any time, while something is or was just wrong.

mod answers;
mod campaign;
mod checked;
mod coverage;
mod embedded;
mod executor;
mod fault;
mod history;
mod injector;
mod ledger;
mod ledger_line;
mod line;
mod live_line;
mod liveness;
mod lock;
mod network;
mod operator;
mod other_shop;
mod pauses;
mod plan;
mod process;
mod random;
mod run;
mod safety;
mod steering_line;
mod stores;
mod trace;
mod users;
mod world;

pub use campaign::{Campaign, Failure};
pub use coverage::Coverage;
pub use plan::Stack;
pub use run::{Run, run};
pub use trace::fingerprint;
