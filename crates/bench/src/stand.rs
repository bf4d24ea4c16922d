//! What is measured: the service on stores of its own, and the floor.

use std::{fs, process::Command};

use dev_servers::RedisServer;

use crate::{
    crowd,
    databases::{Database, Databases},
    error::{BenchError, during},
    figures::{Load, Run},
    processes,
    program::{Program, beside},
    wrk,
};

/// The bare handler.
pub(crate) struct Floor(Program);

/// The service, with a sale of its own that is on.
pub(crate) struct Stand<'a> {
    app: Program,
    sale: u64,
    // A Redis for each: its function library remembers the epochs it served, and would take
    // the sale of the next stand for an old copy.
    redis: RedisServer,
    database: Database<'a>,
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
    pub(crate) fn start(databases: &'a Databases, stock: u32) -> Result<Self, BenchError> {
        Self::start_on(databases.make()?, stock)
    }

    /// The service on a ledger that may have a past. Its sale has the terms of production, but
    /// for the stock.
    pub(crate) fn start_on(database: Database<'a>, stock: u32) -> Result<Self, BenchError> {
        let redis = RedisServer::start()?;
        let command = || -> Result<Command, BenchError> {
            let mut command = service(&database, &redis)?;
            command.env("SALE_STOCK", stock.to_string());
            Ok(command)
        };
        // Long enough to be the sale that is on, whatever the hour.
        let an_hour_ago = "SELECT to_char(now() AT TIME ZONE 'utc' - interval '1 hour', \
                           'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
        let starts_at = database.psql(an_hour_ago)?;
        let mut schedule = command()?;
        schedule.args(["sales", "schedule", "--lasts", "1day", "--starts-at", &starts_at]);
        finish(schedule, "scheduling a sale")?;
        let sale =
            database.number("SELECT id FROM sales WHERE now() BETWEEN starts_at AND ends_at")?;
        let mut app = Program::start(command()?)?;
        app.until_it_says("the live side serves a sale")?;
        Ok(Self { app, sale, redis, database })
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

    /// Audits both stores; an error if anything is wrong with them.
    pub(crate) fn audit(&self) -> Result<(), BenchError> {
        let mut audit = service(&self.database, &self.redis)?;
        audit.arg("audit");
        finish(audit, "an audit")
    }

    /// Checkouts of this sale in the ledger with this outcome.
    pub(crate) fn recorded(&self, outcome: &str) -> Result<u64, BenchError> {
        self.database.number(&format!(
            "SELECT count(*) FROM checkout_attempts
             WHERE sale_id = {} AND outcome = '{outcome}' AND {}",
            self.sale,
            // Lets the index of live units find grants among millions of others.
            if outcome == "granted" { "live" } else { "TRUE" },
        ))
    }

    /// Units of this sale.
    pub(crate) fn stock(&self) -> Result<u64, BenchError> {
        self.database.number(&format!("SELECT stock FROM sales WHERE id = {}", self.sale))
    }

    /// Purchases of this sale in the ledger.
    pub(crate) fn sold(&self) -> Result<u64, BenchError> {
        self.database
            .number(&format!("SELECT count(*) FROM purchases WHERE sale_id = {}", self.sale))
    }

    /// Sells every unit and writes the used codes to a file.
    pub(crate) fn sell_out(&self, connections: u32) -> Result<tempfile::NamedTempFile, BenchError> {
        crowd::sell_out(self, connections)?;
        let codes = "SELECT code FROM purchases WHERE sale_id = ";
        file_of(&self.database.psql(&format!("{codes}{}", self.sale))?)
    }
}

/// The service on these stores, to be told what to do.
pub(crate) fn service(database: &Database, redis: &RedisServer) -> Result<Command, BenchError> {
    let mut command = beside("flashsale")?;
    command
        .env("DATABASE_URL", database.url())
        .env("REDIS_URL", redis.url())
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("RUST_LOG", "info");
    Ok(command)
}

/// Makes the tables of the ledger, before there is a service.
pub(crate) fn migrate(database: &Database) -> Result<(), BenchError> {
    let mut command = beside("flashsale")?;
    command.arg("migrate").env("DATABASE_URL", database.url());
    finish(command, "migrating")
}

/// Runs a command of the service that ends by itself.
fn finish(mut command: Command, what: &'static str) -> Result<(), BenchError> {
    let output = command.output().map_err(during("run the service"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(BenchError::Refused { what, said })
}

/// A file with these codes, one a line.
pub(crate) fn file_of(codes: &str) -> Result<tempfile::NamedTempFile, BenchError> {
    let file = tempfile::NamedTempFile::new().map_err(during("make a file for codes"))?;
    fs::write(file.path(), codes).map_err(during("write the codes"))?;
    Ok(file)
}
