//! Peers that stand still, never read, or speak no HTTP: each has a deadline and a bound, and is
//! answered as everybody is.

mod bodies;
mod crowds;
mod hostile;
mod limits;
mod peer;
mod pipelines;
mod readers;
mod stopping;
mod upgrades;
mod waits;
