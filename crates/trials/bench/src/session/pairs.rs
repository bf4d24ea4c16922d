//! Grants in two ways, measured in turns: what one costs is told by the other.

use dev_servers::Stack;

use super::Session;
use crate::{
    CONNECTIONS, CONNECTIONS_MOST,
    error::BenchError,
    figures::Run,
    marks::Bound,
    rates,
    scenarios::{
        cluster, identity, idle, keyed,
        old_ledger::{self, Pairs},
        pages, sales, tls,
    },
    table::Row,
};

/// A look-up in the ledger before each grant, in a batch with others and by its index, may cost so much.
const KEYED_MIN: f64 = 0.75;

/// Ten sales at a time are to do together what one does: a batch has requests of all of them.
const TEN_SALES_MIN: f64 = 0.9;

/// On masters of their own a grant of one sale calls no other master. While another sale is sold under the same
/// load each call has half as many requests, and may cost as much as before.
const BESIDE_A_SALE_MAX: f64 = 2.0;
const ELSEWHERE_MAX: f64 = 0.01;

/// What a hundred open sales may take of a core while nobody asks.
const IDLE_CORES_MAX: f64 = 0.02;

/// What both stores may take of a core for many processes that nobody asks.
const IDLE_PROCESSES_CORES_MAX: f64 = 0.1;

/// Checkouts are to keep so much of their rate while five thousand have the page open, though those and what
/// stands for their browsers share the cores; and what those may add to the memory of the service, in MiB.
const BESIDE_PAGES_MIN: f64 = 0.9;
const PAGES_MIB_MAX: f64 = 40.0;

impl Session<'_> {
    pub(super) fn old_ledger(&mut self, stack: Stack) {
        let (bench, load) = (self.bench, self.load(CONNECTIONS));
        let measured = self.beside_floor(|| old_ledger::measure(bench, stack, load));
        match measured {
            Ok((floor, Pairs { old, new })) => {
                let ratio = rates(&old).median / rates(&new).median;
                let what = "old ledger: grants ÷ a new ledger's";
                self.note(stack, what, ratio, Bound::AtLeast(0.9));
                self.row("new ledger", stack, floor, new, "");
                self.row("old ledger", stack, floor, old, &format!("old ÷ new {ratio:.2}"));
            }
            Err(error) => self.table.failure("old ledger", &error),
        }
    }

    /// A directory is spoken to by nobody.
    pub(super) fn tls(&mut self, stack: Stack) {
        if stack == Stack::Embedded {
            return;
        }
        let (bench, load) = (self.bench, self.load(CONNECTIONS));
        match self.beside_floor(|| tls::measure(bench, load)) {
            Ok((floor, tls::Pairs { plain, tls })) => {
                let ratio = rates(&tls).median / rates(&plain).median;
                self.note(stack, "tls: grants ÷ those in plain text", ratio, Bound::AtLeast(0.8));
                self.row("plain text", stack, floor, plain, "");
                self.row("tls", stack, floor, tls, &format!("tls ÷ plain {ratio:.2}"));
            }
            Err(error) => self.table.failure("tls", &error),
        }
    }

    pub(super) fn keyed(&mut self, stack: Stack) {
        let (bench, load) = (self.bench, self.load(CONNECTIONS));
        match self.beside_floor(|| keyed::measure(bench, stack, load)) {
            Ok((floor, keyed::Pairs { plain, keyed })) => {
                let ratio = rates(&keyed).median / rates(&plain).median;
                let what = "keyed: grants with a key ÷ without";
                self.note(stack, what, ratio, Bound::AtLeast(KEYED_MIN));
                self.row("no key", stack, floor, plain, "");
                self.row("keyed", stack, floor, keyed, &format!("with ÷ without {ratio:.2}"));
            }
            Err(error) => self.table.failure("keyed", &error),
        }
    }

    pub(super) fn pages(&mut self, stack: Stack) {
        let (bench, load) = (self.bench, self.load(CONNECTIONS));
        match self.beside_floor(|| pages::measure(bench, stack, load)) {
            Ok((floor, pairs)) => {
                let ratio = rates(&pairs.beside).median / rates(&pairs.alone).median;
                let what = "pages: grants beside 5,000 open pages ÷ without";
                self.note(stack, what, ratio, Bound::AtLeast(BESIDE_PAGES_MIN));
                // On the embedded stack the memory grows with each grant.
                if stack == Stack::Servers {
                    let what = "pages: MiB for 5,000 open pages";
                    self.note(stack, what, pairs.added_mib(), Bound::AtMost(PAGES_MIB_MAX));
                }
                let remark = format!("beside ÷ alone {ratio:.2}; {}", pairs.crowd);
                self.row("no page", stack, floor, pairs.alone, "");
                self.row("pages", stack, floor, pairs.beside, &remark);
            }
            Err(error) => self.table.failure("pages", &error),
        }
    }

    /// A directory is on no cluster.
    pub(super) fn cluster(&mut self, stack: Stack) {
        if stack == Stack::Embedded {
            return;
        }
        let shares = cluster::measure(self.bench, self.load(CONNECTIONS));
        if let Ok(shares) = &shares {
            let what = "cluster: of its master a grant takes beside another sale ÷ alone";
            self.note(stack, what, shares.beside(), Bound::AtMost(BESIDE_A_SALE_MAX));
            let what = "cluster: calls of another master ÷ of its own";
            self.note(stack, what, shares.elsewhere(), Bound::AtMost(ELSEWHERE_MAX));
        }
        self.table.below("cluster", shares.map(|shares| shares.list()));
    }

    pub(super) fn sales(&mut self, stack: Stack) {
        let bench = self.bench;
        for connections in [CONNECTIONS, CONNECTIONS_MOST] {
            let load = self.load(connections);
            match self.beside_floor(|| sales::busy(bench, stack, load)) {
                Ok((floor, sales::Pairs { one, ten })) => {
                    let ratio = rates(&ten).median / rates(&one).median;
                    // With fewer, each of ten sales has a handful of buyers, and is not busy.
                    if connections == CONNECTIONS_MOST {
                        let what = "sales: grants of ten together ÷ of one";
                        self.note(stack, what, ratio, Bound::AtLeast(TEN_SALES_MIN));
                    }
                    let row = |scenario| Row { scenario, stack: Some(stack), connections, floor };
                    self.show(row("one busy"), Ok(one), "");
                    self.show(row("ten busy"), Ok(ten), &format!("ten ÷ one {ratio:.2}"));
                }
                Err(error) => self.table.failure("sales", &error),
            }
        }
        let idle = sales::idle(bench, stack);
        if let Ok(idle) = &idle {
            let what = "sales: of a core, for a hundred that are idle";
            self.note(stack, what, idle.cost(), Bound::AtMost(IDLE_CORES_MAX));
        }
        self.table.below("sales", idle.map(|idle| idle.list(stack)));
    }

    /// From a directory one process alone serves.
    pub(super) fn idle(&mut self, stack: Stack) {
        if stack == Stack::Embedded {
            return;
        }
        let idle = idle::measure(self.bench);
        if let Ok(idle) = &idle {
            let what = format!("idle: of a core, both stores, for {} processes", idle::MANY);
            let taken = idle.stores_for_many();
            self.note(stack, &what, taken, Bound::AtMost(IDLE_PROCESSES_CORES_MAX));
        }
        self.table.below("idle", idle.map(|idle| idle.list()));
    }

    pub(super) fn identity(&mut self, stack: Stack) {
        let (bench, load) = (self.bench, self.load(CONNECTIONS));
        match self.beside_floor(|| identity::measure(bench, stack, load)) {
            Ok((floor, identity::Ways { believed, by_secret, by_jwks })) => {
                let without = rates(&believed).median;
                self.row("no token", stack, floor, believed, "");
                let (secret, jwks) = (rates(&by_secret).median, rates(&by_jwks).median);
                let what = "identity: grants with a token ÷ without";
                self.note(stack, what, secret / without, Bound::AtLeast(0.9));
                let remark = format!("with ÷ without {:.2}", secret / without);
                self.row("HS256", stack, floor, by_secret, &remark);
                // What the first request of each user costs is in proportion to how often one asks.
                let remark =
                    format!("÷ without {:.2}, ÷ HS256 {:.2}", jwks / without, jwks / secret);
                self.row("ES256", stack, floor, by_jwks, &remark);
            }
            Err(error) => self.table.failure("identity", &error),
        }
    }

    /// What was measured, and the floor beside it.
    fn beside_floor<T>(
        &mut self,
        measure: impl FnOnce() -> Result<T, BenchError>,
    ) -> Result<(f64, T), BenchError> {
        let floor = self.known_floor()?;
        measure().map(|measured| (floor, measured))
    }

    fn row(
        &mut self,
        scenario: &'static str,
        stack: Stack,
        floor: f64,
        runs: Vec<Run>,
        remark: &str,
    ) {
        let row = Row { scenario, stack: Some(stack), connections: CONNECTIONS, floor };
        self.show(row, Ok(runs), remark);
    }
}
