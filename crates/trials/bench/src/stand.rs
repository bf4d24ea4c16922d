//! What is measured: the service on stores of its own, and the floor.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};

use crate::{
    databases::Databases,
    error::BenchError,
    figures::{Load, Run},
    processes,
    program::{Program, beside},
    stores::{Stack, Stores, finish},
    wrk,
};

/// The bare handler.
pub(crate) struct Floor(Program);

/// The service, with a sale of its own that is on.
pub(crate) struct Stand<'a> {
    app: Program,
    sale: u64,
    stores: Stores<'a>,
}

impl Floor {
    pub(crate) fn start() -> Result<Self, BenchError> {
        Program::start(beside("floor")?).map(Self)
    }

    pub(crate) fn url(&self) -> &str {
        self.0.url()
    }

    pub(crate) fn measure(&self, load: Load) -> Result<Run, BenchError> {
        wrk::run("checkout.lua", self.url(), load, &[("SALE", "1")])
    }
}

impl<'a> Stand<'a> {
    /// The service on an empty ledger.
    pub(crate) fn start(
        databases: &'a Databases,
        stack: Stack,
        units: u32,
    ) -> Result<Self, BenchError> {
        Self::start_on(Stores::make(databases, stack)?, units)
    }

    /// The service on a ledger that may have a past. Its sale has the terms of production, but
    /// for the stock.
    pub(crate) fn start_on(stores: Stores<'a>, stock: u32) -> Result<Self, BenchError> {
        let command = || -> Result<Command, BenchError> {
            let mut command = stores.service()?;
            command.env("SALE_STOCK", stock.to_string()).env("SALE_PERIOD", "off");
            Ok(command)
        };
        // The only sale there is to come, and longer than any measurement.
        let starts_at = Timestamp::now() - SignedDuration::from_hours(1);
        let mut schedule = command()?;
        schedule.args(["sales", "schedule", "--lasts", "1day", "--starts-at"]);
        schedule.arg(starts_at.to_string());
        let said = finish(schedule, "scheduling a sale")?;
        let sale =
            said.lines().nth(1).and_then(|line| line.split_whitespace().next()?.parse().ok());
        let sale = sale.ok_or(BenchError::Unreadable { from: "scheduling a sale", said })?;
        let mut app = Program::start(command()?)?;
        app.until_it_says("the live side serves a sale")?;
        Ok(Self { app, sale, stores })
    }

    pub(crate) fn url(&self) -> &str {
        self.app.url()
    }

    pub(crate) fn sale(&self) -> u64 {
        self.sale
    }

    /// Puts wrk's load on it. The memory is that of the service under this load.
    pub(crate) fn measure(
        &self,
        script: &str,
        load: Load,
        environment: &[(&str, &str)],
    ) -> Result<Run, BenchError> {
        let sale = self.sale.to_string();
        let environment = [&[("SALE", sale.as_str())], environment].concat();
        let (run, memory_mib) =
            self.with_memory(|| wrk::run(script, self.url(), load, &environment))?;
        Ok(Run { memory_mib: Some(memory_mib), ..run })
    }

    /// Puts a load on it, and tells the most memory the service took under it, in MiB.
    pub(crate) fn with_memory<T>(
        &self,
        load: impl FnOnce() -> Result<T, BenchError>,
    ) -> Result<(T, f64), BenchError> {
        processes::reset_peak_memory(self.app.pid())?;
        let done = load()?;
        Ok((done, processes::peak_memory_mib(self.app.pid())?))
    }

    /// Audits the stores; an error if anything is wrong with them.
    pub(crate) fn audit(&self) -> Result<(), BenchError> {
        self.stores.audit()
    }

    /// Checkouts of this sale in the ledger with this outcome.
    pub(crate) fn recorded(&self, outcome: &str) -> Result<u64, BenchError> {
        self.stores.recorded(self.sale, outcome)
    }

    /// Units of this sale.
    pub(crate) fn stock(&self) -> Result<u64, BenchError> {
        self.stores.number(&format!("SELECT stock FROM sales WHERE id = {}", self.sale))
    }

    /// Purchases of this sale in the ledger.
    pub(crate) fn sold(&self) -> Result<u64, BenchError> {
        let sold = format!("SELECT count(*) FROM purchases WHERE sale_id = {}", self.sale);
        self.stores.number(&sold)
    }

    /// The codes that were redeemed, one a line.
    pub(crate) fn used_codes(&self) -> Result<String, BenchError> {
        self.stores.rows(&format!("SELECT code FROM purchases WHERE sale_id = {}", self.sale))
    }
}
