//! What is measured: the service on stores of its own, and the floor.

use std::{thread, time::Duration};

use dev_servers::{Program, Service, Stack};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::{
    databases::Databases,
    error::BenchError,
    figures::{Load, Run},
    processes,
    stores::Stores,
    wrk,
};

const SERVES_WITHIN: Duration = Duration::from_secs(30);

/// Between two looks whether it does.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What the service says of each sale that it serves now.
const SERVED: &str = "the live store serves a sale";

/// The bare handler.
pub(crate) struct Floor(Service);

/// The service, with a sale of its own that is on.
pub(crate) struct Deployment {
    app: Service,
    sale: u64,
    stores: Stores,
}

impl Floor {
    pub(crate) fn start() -> Result<Self, BenchError> {
        Ok(Self(Program::beside("floor")?.start(&[])?))
    }

    pub(crate) fn url(&self) -> &str {
        self.0.url()
    }

    pub(crate) fn measure(&self, load: Load) -> Result<Run, BenchError> {
        wrk::run("checkout.lua", self.url(), load, &[("SALE", "1")])
    }
}

impl Deployment {
    /// The service on an empty ledger.
    pub(crate) fn start(
        databases: &Databases,
        stack: Stack,
        units: u32,
    ) -> Result<Self, BenchError> {
        Self::start_with(databases, stack, units, &[])
    }

    /// The same with other settings beside the stock.
    pub(crate) fn start_with(
        databases: &Databases,
        stack: Stack,
        units: u32,
        settings: &[(&'static str, String)],
    ) -> Result<Self, BenchError> {
        Self::start_set(Stores::make(databases, stack)?, units, settings)
    }

    /// The service on a ledger that may hold attempts. Its sale has the terms of production, but
    /// for the stock.
    pub(crate) fn start_on(stores: Stores, stock: u32) -> Result<Self, BenchError> {
        Self::start_set(stores, stock, &[])
    }

    fn start_set(
        stores: Stores,
        stock: u32,
        settings: &[(&'static str, String)],
    ) -> Result<Self, BenchError> {
        let service = stores
            .service()
            .env("SALE_STOCK", stock.to_string())
            .env("SALE_PERIOD", "off")
            .envs(settings.iter().cloned());
        service.run(&["migrate"])?;
        let sale = schedule(&service)?;
        let app = service.start(&["serve"])?;
        app.await_words(SERVED, SERVES_WITHIN)?;
        Ok(Self { app, sale, stores })
    }

    /// Starts another process on the same stores, and waits until it is ready.
    pub(crate) fn start_another(&self) -> Result<Service, BenchError> {
        let service = self.stores.service().env("SALE_PERIOD", "off").start(&["serve"])?;
        service.await_ready(SERVES_WITHIN)?;
        Ok(service)
    }

    /// Puts another sale on, of so many units; returns its number.
    pub(crate) fn put_on(&self, units: u32) -> Result<u64, BenchError> {
        let service = self.stores.service().env("SALE_STOCK", units.to_string());
        schedule(&service.env("SALE_PERIOD", "off"))
    }

    /// Waits until so many sales are served that nobody asked for.
    pub(crate) fn until_served(&self, sales: usize) -> Result<(), BenchError> {
        let given_up_at = Instant::now() + SERVES_WITHIN;
        loop {
            let served = self.app.log().matches(SERVED).count();
            if served >= sales {
                return Ok(());
            }
            if Instant::now() > given_up_at {
                return Err(BenchError::Wrong(format!("of {sales} sales {served} are served")));
            }
            thread::sleep(LOOK_AGAIN);
        }
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
        processes::reset_peak_memory(&self.app)?;
        let done = load()?;
        Ok((done, processes::peak_memory_mib(&self.app)?))
    }

    pub(crate) fn stores(&self) -> &Stores {
        &self.stores
    }

    pub(crate) fn app(&self) -> &Service {
        &self.app
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

/// Puts a sale on that began an hour ago, and lasts for longer than any measurement; returns its number.
fn schedule(service: &Program) -> Result<u64, BenchError> {
    let starts_at = (Timestamp::now() - SignedDuration::from_hours(1)).to_string();
    let said = service.run(&["sales", "schedule", "--lasts", "1day", "--starts-at", &starts_at])?;
    let sale = said.lines().nth(1).and_then(|line| line.split_whitespace().next()?.parse().ok());
    sale.ok_or(BenchError::Unreadable { from: "scheduling a sale", said })
}
