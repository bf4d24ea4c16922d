//! The protocol of the service as small steps, to explore every order they can come in.
//!
//! A [`Scenario`] is one sale with a few units, users and codes. Every request, purchase, sweep and
//! rebuild is an actor that takes one step at a time; a step is one Redis function, one Postgres
//! transaction or one answer. Any actor may stop between two steps, for ever (a crash) or for as
//! long as it likes (a pause, a zombie), and no step waits for another. Every state that can come
//! about is held against every one of the [`PROMISES`].
//!
//! # What the steps stand for
//!
//! | [`Step`] | the service's |
//! |---|---|
//! | `LookFirst` | `read_grants.sql`, of a request with a key: `Checkout::look_first` |
//! | `Place` | `place_holds.lua`, and its reply heard |
//! | `StrayPlace` | `place_holds.lua`, its reply lost, or the call come late: `PlaceHolds::place` asks again |
//! | `Record` | `record_grants.sql`, one transaction: first as it is, then with `ON CONFLICT DO NOTHING` |
//! | `RecordUnheard`, `RecordDelayed`, `RecordLate` | the same with its outcome lost: done, or done later; `RecordGrants::record` then runs it again |
//! | `RecordFails` | the same, certainly not done: `Failure::NotDone` |
//! | `LookUp` | `read_codes.sql` in `RecordGrants::look_up`, and `told` |
//! | `GiveBack` | `Checkout::conclude`, `settle_soon` of a grant that has no record, and its `settle.lua` |
//! | `GiveOtherBack` | `Checkout::conclude`, `settle_soon` of a unit that the record of its code has not |
//! | `Acknowledge` | the response with the code |
//! | `LookInRedis`, `MissRedis` | `CodeStore::find`: a plain `HMGET`, whether or not the sale is served |
//! | `Find` | `read_codes.sql` in `LedgerStore::find` |
//! | `Redeem`, `RedeemUnheard` | `redeem.sql` and the answer; with its outcome lost it is run again |
//! | `Release` | `release.sql` and the answer |
//! | `Tombstone`, `Expire` | `record_tombstones.sql`; `expire_due.sql` or `expire_overdue.sql` |
//! | `Settle` | `settle.lua`, with what `read_verdicts.sql` or an answer said, now or long ago |
//! | `RaiseEpoch` | `PostgresLedger::raise`: `lock_sale.sql`, `raise_epoch.sql`, one transaction |
//! | `ReadSnapshot` | `PostgresLedger::raise`: `live_units.sql`, the transaction after it |
//! | `Load` | `load.lua`; its parts are one step, for the sale is not served in between |
//! | `Abandon` | a rebuilder that dies between the two |
//! | `Restart`, `Flush`, `RestartWithCopy`, `RollBack` | Redis empty; `FLUSHALL`, which leaves the library's variables; an earlier copy, noticed and unnoticed |
//! | `RestoreLedger` | an empty Postgres in the place of the one before; Redis lives on |
//! | `LoadOfOther` | `load.lua` by a process of another ledger, on the same keys |
//! | `Accept` | `Rebuild::accept` |
//! | `LookAtSale` | an operator sees the sale, and by which change it is as it is |
//! | `Act`, `ActUnheard`, `ActDelayed`, `ActLate` | an operator's act, one transaction under the lock of the sale's row; its outcome lost, it is run again with the same id |
//! | `AnswerInEffect`, `AnswerNotYet` | the answer to a change: its epoch is served, or is not yet |
//! | `SettleSold` | `settle.lua` with a verdict from before a cancellation |
//!
//! `PassFence`, `WriteSold`, `WriteSoldUnheard`, `FreeUnasked`, `Vanish`, `FreeByHand`, and
//! `ReadSnapshot` before `RaiseEpoch`, are what the service would do without one of its [`Defence`]s.
//!
//! What operators do was modelled before it was built: `docs/decisions/18` has the protocol.
//!
//! # Where it does more than the service can
//!
//! - Clocks decide nothing: a hold may be due at any moment, by either clock.
//! - Any number of sweeps run, and any of them may be a zombie: a code is due as soon as it is
//!   there, and a verdict may be carried out at any time after it is final.
//! - A rebuild may begin at any moment, needed or not, and as soon after the last as it likes.
//! - `place_holds.lua` hands the units out in the order of a list; here any free one may come.
//!
//! # What is left out
//!
//! The window of a sale, but for being over or paused by an operator; its closing and forgetting; what a process
//! remembers of the live store (a belief like that of Redis, for a moment); refusals and their
//! records; batches (the rows of one do not depend on each other); queues and time-outs; some of
//! the data lost by Postgres, where not all is. A purchase is answered in the step that decides it: what it says is final, so it
//! would say the same later. There are at most two rebuilds under way at once.
//!
//! Requests with keys have scenarios of their own, in which each user has one key: its codes are the
//! user's, and any number of equal requests ask for the first that is no tombstone.
//!
//! States that behave alike are one, see `tidy.rs`; that is what makes them few enough.

mod defences;
mod explore;
mod ledger;
mod live;
mod operator;
pub mod promises;
mod requests;
mod scenario;
pub mod scenarios;
pub mod sights;
pub mod state;
mod step;
mod steps;
pub mod table;
mod tidy;
mod walk;

pub use defences::{Defence, Defences};
pub use explore::{Breach, Explored, explore};
pub use operator::Act;
pub use promises::{PROMISES, Promise, every_promise};
pub use scenario::Scenario;
pub use state::{Faults, State};
pub use step::Step;
pub use walk::Walked;
