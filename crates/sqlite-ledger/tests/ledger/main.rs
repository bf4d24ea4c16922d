//! The ledger in a directory, as a service has it.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod audit;
mod codes;
mod contract;
mod opening;
mod schema;
mod serving;
mod shop;
