//! Flags, each with its environment variable; what is wrong is said by name.

#[cfg(test)]
mod hostile;
mod place;

use std::{
    net::{AddrParseError, SocketAddr},
    num::{NonZeroUsize, ParseIntError},
    ops::RangeInclusive,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use batcher::Limits;
use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::{
    SaleId, Terms, Timetable, UnixMillis, Window,
    sale::{TermsError, WindowError},
    timetable::PeriodError,
};

pub(crate) use self::place::{HalfSet, Place};

/// How many threads may serve HTTP: as many as actix can run.
const HTTP_WORKERS: RangeInclusive<u16> = 1..=512;

/// How many requests of one thread may wait for a store. A million wait for half a minute.
const QUEUE_MAX: RangeInclusive<usize> = 1..=1_048_576;

/// How long a request may expect to wait for a store: longer than a lone call, and no longer than a
/// client waits.
const QUEUE_WAIT_MAX: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(60);

/// How many requests may go to a store in one call. What is gained ends long before.
const BATCH_MAX: RangeInclusive<usize> = 1..=8_192;

/// Hourly flash sales: codes for units on hold, and the purchases that redeem them.
#[derive(Parser)]
#[command(name = "flashsale", version, args_conflicts_with_subcommands = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) config: Config,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do.
#[derive(Subcommand, Clone)]
pub(crate) enum Command {
    /// Serve the API and keep the sales going (the default)
    Serve,
    /// Bring the ledger's schema up to date and exit; `serve` does so too
    Migrate(MigrateOptions),
    /// List, schedule, pause and resume sales
    #[command(subcommand)]
    Sales(SalesCommand),
    /// Check that both stores keep what is promised; can be run while the service runs
    ///
    /// Prints a line for each invariant: whether it holds, its name, the number of breaches, what
    /// it says; then the first breaches. Exits with 0 if all hold, 1 if one is broken, and 2 if
    /// none is, but not all could be checked. Changes nothing.
    Audit(AuditOptions),
    /// Take the ledger of a directory along to the empty Postgres database of `DATABASE_URL`
    ///
    /// All of it or nothing; both ledgers are audited. The service must not run meanwhile. The
    /// directory stays as it is.
    Import(ImportOptions),
}

/// What to do beside migrating.
#[derive(Args, Clone)]
pub(crate) struct MigrateOptions {
    /// Make the Postgres database another ledger: it is a restored copy, and its original lives on
    /// beside it. No process may serve from it meanwhile
    #[arg(long)]
    pub(crate) new_identity: bool,
}

/// What to take along.
#[derive(Args, Clone)]
pub(crate) struct ImportOptions {
    /// The directory, such as flashsale-data
    #[arg(long, value_name = "DIR")]
    pub(crate) from: PathBuf,
}

/// What to check, and how to print it.
#[derive(Args, Clone)]
pub(crate) struct AuditOptions {
    /// Only what concerns this sale
    #[arg(long)]
    pub(crate) sale: Option<SaleId>,
    /// Print one JSON document: {"ok": bool, "invariants": [{"name": text, "says": text, "holds":
    /// bool or null if it could not be checked, "breaches": number, "rows": [text, ...]}, ...],
    /// "notes": [text, ...]}; names stay, more may come
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with sales.
#[derive(Subcommand, Clone)]
pub(crate) enum SalesCommand {
    /// List the newest sales
    List {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Make a sale; the terms come from the same flags as for `serve`
    Schedule {
        /// First moment of the sale, such as 2026-11-27T09:00:00Z
        #[arg(long, value_parser = parse_moment)]
        starts_at: UnixMillis,
        /// How long it lasts, such as 1h
        #[arg(long, value_parser = parse_lasts)]
        lasts: Duration,
    },
    /// Stop a sale for now; codes given before stay good. Nothing is granted any more when this
    /// is done
    Pause {
        /// Its number
        sale: SaleId,
    },
    /// Let a paused sale go on
    Resume {
        /// Its number
        sale: SaleId,
    },
    /// Sell a sale again whose ledger was restored from a copy and knows less than Redis serves
    ///
    /// What was granted and sold since the copy was made is lost by that.
    AcceptRestore {
        /// Its number
        sale: SaleId,
    },
    /// Let an older version of this program serve the sales again, after a rollback: run it when no
    /// process of this version is left
    HandOver,
}

/// Everything that can be set. Has no `Debug`: the URLs may carry passwords.
#[derive(Args, Clone)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(crate) struct Config {
    /// The ledger, such as postgres://user@localhost/flashsale; with REDIS_URL
    #[arg(
        long,
        env,
        global = true,
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    database_url: String,

    /// The live store, such as redis://localhost:6379; with DATABASE_URL
    #[arg(
        long,
        env,
        global = true,
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    redis_url: String,

    /// The data of a service that has neither: the ledger in SQLite, the live store in the memory
    /// of the one process that serves
    #[arg(long, env, global = true, default_value = "flashsale-data")]
    data_dir: PathBuf,

    /// Where to listen; port 0 takes a free one
    #[arg(long, env, global = true, default_value = "0.0.0.0:8080")]
    pub(crate) http_addr: SocketAddr,

    /// Where whoever runs the service listens: /metrics and /health, without any password, so for
    /// nobody else to reach; `off` for nowhere, and nothing is counted [default: 127.0.0.1:8081, or a
    /// free port if that is taken]
    #[arg(long, env, global = true, value_name = "ADDRESS")]
    pub(crate) admin_addr: Option<AdminAddr>,

    /// Threads that serve HTTP, each with 3 connections to Redis and 6 to Postgres if it is on
    /// those; one serves some 40,000 requests a second
    #[arg(long, env, global = true, default_value_t = 1, value_parser = clap::value_parser!(u16).range(whole(HTTP_WORKERS)))]
    pub(crate) http_workers: u16,

    /// A sale opens every so often: 1h, 15m, 2s; must divide a day. `off` for a shop whose sales
    /// are all made by `flashsale sales schedule`
    #[arg(long, env, global = true, default_value = "1h", value_parser = parse_period)]
    sale_period: SalePeriod,

    /// Units of each new sale
    #[arg(long, env, global = true, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(whole(Terms::STOCK_OF_NEW)))]
    sale_stock: u32,

    /// Units one user may have of each new sale
    #[arg(long, env, global = true, default_value_t = 10, value_parser = clap::value_parser!(u16).range(whole(Terms::PER_USER_LIMIT)))]
    sale_per_user_limit: u16,

    /// How long a unit of a new sale is held for a user
    #[arg(long, env, global = true, default_value = "5m", value_parser = parse_hold)]
    hold_ttl: Duration,

    /// Requests of one thread that may wait for a store; one more is answered with 503
    #[arg(long, env, global = true, default_value = "8192", value_parser = parse_queue)]
    queue_max: NonZeroUsize,

    /// How long a request may expect to wait for a store, as the stores are at present; one that
    /// would wait longer is answered with 503 at once
    #[arg(long, env, global = true, default_value = "250ms", value_parser = parse_queue_wait)]
    queue_wait_max: Duration,

    /// Requests that go to a store in one call
    #[arg(long, env, global = true, default_value = "128", value_parser = parse_batch)]
    batch_max: NonZeroUsize,

    /// How log lines look; RUST_LOG says which there are
    #[arg(long, env, global = true, default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// Where whoever runs the service listens.
#[derive(Clone, Copy)]
pub(crate) enum AdminAddr {
    /// Here.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl FromStr for AdminAddr {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" { Ok(Self::Off) } else { text.parse().map(Self::At) }
    }
}

/// How often a sale opens by itself.
#[derive(Clone, Copy)]
enum SalePeriod {
    /// One in each slot of this length.
    Every(Duration),
    /// Never: each is made by an operator.
    Off,
}

/// How log lines look.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

impl Cli {
    pub(crate) fn command(&self) -> Command {
        self.command.clone().unwrap_or(Command::Serve)
    }
}

impl Config {
    /// Where the stores are.
    pub(crate) fn place(&self) -> Result<Place<'_>, HalfSet> {
        Place::of(&self.database_url, &self.redis_url, &self.data_dir)
    }

    /// Where the ledger is, for commands that need no live store.
    pub(crate) fn ledger_place(&self) -> Result<Place<'_>, HalfSet> {
        Place::of_ledger(&self.database_url, &self.redis_url, &self.data_dir)
    }

    pub(crate) fn limits(&self) -> Limits {
        let Self { queue_max, batch_max, queue_wait_max: wait_max, .. } = *self;
        Limits { queue_max, batch_max, wait_max }
    }

    /// What new sales offer.
    pub(crate) fn terms(&self) -> Result<Terms, TermsError> {
        Terms::of_new_sale(self.sale_stock, self.sale_per_user_limit, ms(self.hold_ttl))
    }

    /// When there are new sales, if they come by themselves.
    pub(crate) fn timetable(&self) -> Result<Option<Timetable>, SettingError> {
        match self.sale_period {
            SalePeriod::Every(period) => Ok(Some(Timetable::new(ms(period), self.terms()?)?)),
            SalePeriod::Off => Ok(None),
        }
    }
}

/// Why there can be no sale with these settings. A flag that is wrong by itself is refused
/// earlier, when it is read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingError {
    #[error("{field} of a new sale {0}", field = .0.field())]
    Terms(#[from] TermsError),
    #[error("SALE_PERIOD {0}")]
    Period(#[from] PeriodError),
}

/// The window of a sale that lasts this long.
pub(crate) fn window(starts_at: UnixMillis, lasts: Duration) -> Result<Window, WindowError> {
    Window::of_new_sale(starts_at, ms(lasts))
}

/// Bounds as the flags' parsers take them.
fn whole<N: Copy + Into<i64>>(bounds: RangeInclusive<N>) -> RangeInclusive<i64> {
    (*bounds.start()).into()..=(*bounds.end()).into()
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn parse_queue(text: &str) -> Result<NonZeroUsize, String> {
    parse_bounded(text, &QUEUE_MAX)
}

fn parse_batch(text: &str) -> Result<NonZeroUsize, String> {
    parse_bounded(text, &BATCH_MAX)
}

fn parse_queue_wait(text: &str) -> Result<Duration, String> {
    let wait = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if QUEUE_WAIT_MAX.contains(&wait) {
        Ok(wait)
    } else {
        let [shortest, longest] = [QUEUE_WAIT_MAX.start(), QUEUE_WAIT_MAX.end()]
            .map(|it| humantime::format_duration(*it).to_string());
        Err(format!("must be from {shortest} to {longest}"))
    }
}

fn parse_bounded(text: &str, bounds: &RangeInclusive<usize>) -> Result<NonZeroUsize, String> {
    let number: NonZeroUsize = text.parse().map_err(|error: ParseIntError| error.to_string())?;
    if bounds.contains(&number.get()) {
        Ok(number)
    } else {
        Err(format!("is not in {}..={}", bounds.start(), bounds.end()))
    }
}

fn parse_period(text: &str) -> Result<SalePeriod, String> {
    if text == "off" {
        return Ok(SalePeriod::Off);
    }
    let period = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    Timetable::check_period(ms(period)).map_err(|error| error.to_string())?;
    Ok(SalePeriod::Every(period))
}

fn parse_lasts(text: &str) -> Result<Duration, String> {
    let lasts = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    window(UnixMillis(0), lasts).map_err(|error| error.to_string())?;
    Ok(lasts)
}

fn parse_hold(text: &str) -> Result<Duration, String> {
    let hold = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    Terms::check_new_hold(ms(hold)).map_err(|error| error.to_string())?;
    Ok(hold)
}

fn parse_moment(text: &str) -> Result<UnixMillis, String> {
    let moment: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Ok(UnixMillis(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> Result<Config, clap::Error> {
        Cli::try_parse_from([&["flashsale"], arguments].concat()).map(|cli| cli.config)
    }

    #[test]
    fn a_period_divides_the_day() {
        for good in ["1h", "15m", "1s", "2s", "1day"] {
            assert!(config(&["--sale-period", good]).is_ok(), "{good}");
        }
        for wrong in ["7m", "500ms", "25h", "0s", "hourly"] {
            let error = config(&["--sale-period", wrong]).err().unwrap().to_string();
            assert!(error.contains("--sale-period"), "{error}");
        }
    }

    #[test]
    fn a_shop_may_have_no_timetable() {
        assert!(config(&["--sale-period", "off"]).unwrap().timetable().unwrap().is_none());
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        for (flag, wrong) in [
            ("--sale-stock", "0"),
            ("--sale-stock", "1000001"),
            ("--sale-per-user-limit", "0"),
            ("--hold-ttl", "1ms"),
            ("--hold-ttl", "2days"),
            ("--queue-max", "0"),
            ("--queue-max", "1048577"),
            ("--queue-max", "18446744073709551615"),
            ("--queue-wait-max", "9ms"),
            ("--queue-wait-max", "61s"),
            ("--batch-max", "0"),
            ("--batch-max", "8193"),
            ("--batch-max", "18446744073709551615"),
            ("--http-workers", "0"),
            ("--http-workers", "513"),
            ("--http-addr", "everywhere"),
        ] {
            let error = config(&[flag, wrong]).err().unwrap().to_string();
            assert!(error.contains(flag), "{error}");
        }
    }

    #[test]
    fn the_next_sale_is_made_a_period_ahead_and_never_less_than_five_seconds() {
        let hourly = config(&["--sale-period", "1h"]).unwrap().timetable().unwrap().unwrap();
        let quick = config(&["--sale-period", "1s"]).unwrap().timetable().unwrap().unwrap();

        assert_eq!((hourly.period_ms(), hourly.lead_ms()), (3_600_000, 3_600_000));
        assert_eq!((quick.period_ms(), quick.lead_ms()), (1_000, 5_000));
    }
}
