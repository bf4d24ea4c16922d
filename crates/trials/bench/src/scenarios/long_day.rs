//! long day: 200 rotations of small sales, and what they leave behind.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use dev_servers::{RedisServer, Service, Stack};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    Bench,
    error::BenchError,
    figures::Spread,
    light_load::{self, Bought},
    processes::{self, Cpu},
    redis_figures,
    stores::Stores,
};

const SALES: u32 = 200;

/// As many as `next_sales.sql` makes.
const SALES_AT_A_TIME: u32 = 10;

const CONNECTIONS: u32 = 4;

/// How long before the last sale ends the next ones are made: the service looks at the timetable
/// every second, and loads what it finds.
const AHEAD: Duration = Duration::from_secs(4);

/// How many sales are made when memory is looked at first. A dozen are over by then.
const MORNING: u32 = 50;

/// How long after its end a sale may take to be closed and to leave Redis.
const CLOSED_WITHIN: Duration = Duration::from_secs(20);

const READY_WITHIN: Duration = Duration::from_secs(30);

const MIB: f64 = 1_024.0 * 1_024.0;

/// The service, and the stores of its day.
struct Day {
    app: Service,
    stores: Stores,
    first_start: Duration,
}

/// What is taken at one moment of the day.
struct Memory {
    sales_over: u64,
    app_mib: f64,
    /// If there is a Redis.
    redis_mib: Option<f64>,
}

/// Runs the day and tells what is left of it.
pub(crate) fn measure(bench: &Bench, stack: Stack) -> Result<String, BenchError> {
    eprintln!("running {SALES} sales, 150 ms each ...");
    let day = Day::begin(bench, stack)?;
    let stop = Arc::new(AtomicBool::new(false));
    let url = day.app.url();
    let before = Cpu::now();
    let (morning, bought) = thread::scope(|scope| {
        let buyers = scope.spawn(|| light_load::buy(url, CONNECTIONS, &stop));
        let morning = day.pass();
        stop.store(true, Ordering::Relaxed);
        (morning, buyers.join().map_err(|_| BenchError::Wrong("the buyers broke".to_owned())))
    });
    let (morning, bought) = (morning?, bought??);
    let closing = day.wait_until_all_is_closed()?;
    let Cpu { service, redis, postgres } = Cpu::now().since(before);
    let evening = day.memory()?;
    let mut lines = vec![
        day.title(stack, &bought)?,
        format!("  closed {:.1} s after the last one's end", closing.as_secs_f64()),
        format!("  CPU time       {service:>8.2} s, Redis {redis:.2} s, Postgres {postgres:.2} s"),
        format!(
            "  app memory     {:>8.2} MiB after {} sales, {:.2} after all",
            morning.app_mib, morning.sales_over, evening.app_mib
        ),
    ];
    if let (Some(redis), Some(before), Some(after)) =
        (day.stores.redis(), morning.redis_mib, evening.redis_mib)
    {
        let (over, keys) = (morning.sales_over, redis_figures::keys(redis)?);
        lines.push(format!(
            "  Redis memory   {before:>8.2} MiB after {over} sales, {after:.2} after all; {keys} keys \
             left"
        ));
    }
    lines.push(day.sizes()?);
    lines.push(day.starts(bench)?);
    Ok(lines.join("\n"))
}

impl Day {
    /// Starts the service before its first sale.
    fn begin(bench: &Bench, stack: Stack) -> Result<Self, BenchError> {
        let stores = Stores::make(&bench.databases, stack)?;
        stores.make_next_sales()?;
        let (app, first_start) = start(&stores)?;
        Ok(Self { app, stores, first_start })
    }

    /// Lets all sales pass; tells what was taken in the morning.
    fn pass(&self) -> Result<Memory, BenchError> {
        let mut morning = None;
        let mut made = SALES_AT_A_TIME;
        while made < SALES {
            thread::sleep(self.until_the_last_ends()?.saturating_sub(AHEAD));
            self.stores.make_next_sales()?;
            made += SALES_AT_A_TIME;
            if made == MORNING {
                morning = Some(self.memory()?);
            }
        }
        thread::sleep(self.until_the_last_ends()?);
        morning.ok_or_else(|| BenchError::Wrong("the day had no morning".to_owned()))
    }

    fn until_the_last_ends(&self) -> Result<Duration, BenchError> {
        let ends_at_ms = self.stores.ms("max(ends_at)");
        let last = format!("SELECT {ends_at_ms} FROM sales WHERE stock = 50");
        let ends_at_ms = self.stores.number(&last)?;
        Ok(Duration::from_millis(ends_at_ms.saturating_sub(now_ms())))
    }

    fn memory(&self) -> Result<Memory, BenchError> {
        Ok(Memory {
            sales_over: self.over("TRUE")?,
            app_mib: processes::resident_memory_mib(&self.app)?,
            redis_mib: self.stores.redis().map(redis_mib).transpose()?,
        })
    }

    /// Sales that have ended, and that this is true of.
    fn over(&self, and: &str) -> Result<u64, BenchError> {
        let ends_at_ms = self.stores.ms("ends_at");
        let over =
            format!("SELECT count(*) FROM sales WHERE {ends_at_ms} < {} AND {and}", now_ms());
        self.stores.number(&over)
    }

    /// Waits until no sale that is over is open in the ledger or in Redis, and tells how long
    /// that took. What stays in Redis even so is for the reader to see.
    fn wait_until_all_is_closed(&self) -> Result<Duration, BenchError> {
        let start = Instant::now();
        loop {
            let open = self.over("closed_at IS NULL")?;
            let keys =
                self.stores.redis().map(redis_figures::keys).transpose()?.unwrap_or_default();
            if open == 0 && keys == 0 {
                return Ok(start.elapsed());
            }
            if start.elapsed() > CLOSED_WITHIN {
                if open == 0 {
                    return Ok(start.elapsed());
                }
                return Err(BenchError::Wrong(format!("{open} sales that are over stay open")));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn title(&self, stack: Stack, bought: &Bought) -> Result<String, BenchError> {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let attempts = self.stores.number("SELECT count(*) FROM checkout_attempts")?;
        let sold = self.stores.number("SELECT count(*) FROM purchases")?;
        if sold < count(&bought.purchases) {
            let receipts = count(&bought.purchases);
            return Err(BenchError::Wrong(format!("{receipts} receipts, but {sold} purchases")));
        }
        Ok(format!(
            "long day, {}: {SALES} sales of 50 units and 150 ms, holds of 500 ms; {attempts} \
             attempts, {sold} units sold, {} holds left to expire, {} checkouts refused, {} answers \
             503",
            stack.name(),
            count(&bought.left),
            count(&bought.refusals),
            count(&bought.busy),
        ))
    }

    fn sizes(&self) -> Result<String, BenchError> {
        let said = self.stores.table_sizes()?;
        let lines: Option<Vec<_>> = said.lines().map(size).collect();
        lines
            .map(|lines| lines.join("\n"))
            .ok_or(BenchError::Unreadable { from: "the ledger", said })
    }

    /// Starts the service again and again after its day.
    fn starts(self, bench: &Bench) -> Result<String, BenchError> {
        let Self { app, stores, first_start } = self;
        drop(app);
        let starts = bench.repeat(|| Ok(start(&stores)?.1))?;
        let Spread { lowest, median, highest } =
            Spread::of(starts.iter().map(|took| took.as_secs_f64() * 1_000.0));
        Ok(format!(
            "  start time     {median:>8.0} ms ({lowest:.0}-{highest:.0}) after the day, {} before",
            first_start.as_millis()
        ))
    }
}

/// The clock of both ledgers' machine, in ms since the Unix epoch.
fn now_ms() -> u64 {
    Timestamp::now().as_millisecond().unsigned_abs()
}

fn redis_mib(redis: &RedisServer) -> Result<f64, BenchError> {
    redis_figures::used_memory_bytes(redis).map(|bytes| bytes / MIB)
}

/// A line for a row of `table_sizes.sql`.
fn size(row: &str) -> Option<String> {
    let mut columns = row.split('|');
    let name = columns.next()?;
    let mut kib = || columns.next()?.parse::<u64>().ok().map(|bytes| bytes / 1_024);
    Some(format!("  {name:<22} {:>7} KiB, indexes {:>7} KiB", kib()?, kib()?))
}

/// Starts the service, and tells how long it took to be ready.
fn start(stores: &Stores) -> Result<(Service, Duration), BenchError> {
    // The day is left to the sales made here.
    let service = stores.service().env("SALE_PERIOD", "off");
    let start = Instant::now();
    let app = service.start(&["serve"])?;
    app.await_ready(READY_WITHIN)?;
    Ok((app, start.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_kibibytes() {
        let line = size("purchases|2048|65536").unwrap();

        assert_eq!(line, "  purchases                    2 KiB, indexes      64 KiB");
        assert_eq!(size("purchases|2048"), None);
    }
}
