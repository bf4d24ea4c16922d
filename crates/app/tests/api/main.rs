//! The service as its users meet it: real processes, over HTTP, on real Redis and Postgres servers
//! and on a directory. `make test` runs it; the servers are private and started by the tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "figures for whoever runs with --nocapture")]
#![expect(clippy::print_stderr, reason = "the service's log, shown when a test fails")]

mod access;
mod admin;
mod audit;
mod bad_input;
mod boundary;
mod buying;
mod cancelling;
mod charts;
mod controlling;
mod crowd;
mod description;
mod embedded;
mod examples;
mod exporting;
mod faults;
mod health;
mod identity;
mod idle;
mod inspecting;
mod installing;
mod keys;
mod large_sale;
mod limits;
mod live_state;
mod log;
mod lookups;
mod manners;
mod misordering;
mod monitoring;
mod moving_up;
mod operators;
mod ordering;
mod peers;
mod products;
mod races;
mod reading;
mod readme;
mod reads;
mod records;
mod restoring;
mod rights;
mod runbook;
mod selling_out;
mod stack;
mod standbys;
mod steering;
mod systemd;
mod two_shops;
mod watching;
