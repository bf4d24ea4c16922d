//! What is measured, a file a scenario.

pub(crate) mod audit;
pub(crate) mod cluster;
pub(crate) mod export;
pub(crate) mod flow;
pub(crate) mod grant;
pub(crate) mod identity;
pub(crate) mod idle;
pub(crate) mod keyed;
pub(crate) mod latency;
pub(crate) mod long_day;
pub(crate) mod lost_live;
pub(crate) mod old_ledger;
pub(crate) mod overload;
pub(crate) mod pages;
pub(crate) mod reads;
pub(crate) mod sales;
pub(crate) mod sold_out;
pub(crate) mod stream;
pub(crate) mod tls;

use clap::ValueEnum;

/// A way to use the service. The floor is measured in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Checkouts of random users, with stock for all
    Grant,
    /// Grants with a key for each request, beside those without
    Keyed,
    /// Grants of users with a token each, beside those of users who are believed
    Identity,
    /// Checkouts of a sale that is sold out
    Storm,
    /// Purchases of used codes
    Replay,
    /// Purchases of codes that were never given
    MadeUp,
    /// Each code is redeemed at once, until 10,000 units are sold
    Flow,
    /// Grants with ten million attempts already recorded
    OldLedger,
    /// Grants with both servers under TLS
    Tls,
    /// Grants of ten sales at a time, beside those of one; and what a hundred take that nobody asks for
    Sales,
    /// Grants of one of two sales on different masters of a cluster, beside those of both
    Cluster,
    /// What processes take that nobody asks for anything, while 100,000 units are on hold
    Idle,
    /// Checkouts at half the rate of grants, timed from when they were due
    Latency,
    /// Two hundred rotations of small sales, and what they leave behind
    LongDay,
    /// An audit of ten million attempts
    Audit,
    /// Exports of a sale with a million attempts, and with ten million
    Export,
    /// What every open page asks, and what that asks of the stores
    Reads,
    /// Thousands who watch a sale, and what that costs
    Stream,
    /// Checkouts beside thousands of open pages
    Pages,
    /// Ten times as many checkouts as slow stores can do, and the time after
    Overload,
    /// A million live holds are loaded into a Redis that was emptied, while buyers keep asking
    Rebuild,
    /// The same of 10,000 sold units, while 1,000 readers read
    Recovery,
}

impl Scenario {
    pub(crate) const ALL: [Self; 22] = [
        Self::Grant,
        Self::Keyed,
        Self::Identity,
        Self::Storm,
        Self::Replay,
        Self::MadeUp,
        Self::Flow,
        Self::OldLedger,
        Self::Tls,
        Self::Sales,
        Self::Cluster,
        Self::Idle,
        Self::Latency,
        Self::LongDay,
        Self::Audit,
        Self::Export,
        Self::Reads,
        Self::Stream,
        Self::Pages,
        Self::Overload,
        Self::Rebuild,
        Self::Recovery,
    ];
}
