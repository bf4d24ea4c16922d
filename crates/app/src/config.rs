//! Flags, each with its environment variable; what is wrong is said by name.

mod access;
mod buyers;
mod command;
#[cfg(test)]
mod hostile;
mod looking;
mod operators;
mod parse;
mod place;
mod refusal;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use batcher::Limits;
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};
use credentials::DATABASE;
use domain::{
    Terms, Timetable, UnixMillis, Window,
    sale::{TermsError, WindowError},
    timetable::PeriodError,
};

use http_api::Origins;
use postgres_ledger::{Connections, Durability, TooFewConnections};

pub(crate) use self::{
    access::PlaceError,
    buyers::{Believed, BuyersError},
    command::{
        ActionsCommand, ActorOptions, AuditOptions, BackupOptions, ChangeOptions, Command,
        HoldsCommand, ImportOptions, MigrateOptions, ProductsCommand, PurchasesCommand, PutOptions,
        SalesCommand, TokensCommand,
    },
    looking::{
        CodesCommand, ExportCursor, ExportFormat, ExportOptions, Exported, UnitsCommand,
        UsersCommand,
    },
    operators::{AdminAddr, LetIn, NowhereError, SharedAddress},
    place::Place,
};

use self::parse::{
    parse_address, parse_batch, parse_connections, parse_hold, parse_per_user_limit, parse_period,
    parse_queue, parse_queue_wait, parse_stock, parse_workers,
};
use self::{access::AccessSettings, buyers::BuyerSettings, operators::OperatorSettings};
use crate::log::Levels;

/// Hourly flash sales: codes for units on hold, and the purchases that redeem them.
#[derive(Parser)]
#[command(name = "flashsale", version, args_conflicts_with_subcommands = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) config: Config,
    #[command(subcommand)]
    command: Option<Command>,
    /// Settings whose passwords everybody on the machine can see.
    #[arg(skip)]
    pub(crate) shown: Vec<&'static str>,
}

/// Everything that can be set. Has no `Debug`: the URLs may carry passwords.
#[derive(Args, Clone)]
pub(crate) struct Config {
    #[command(flatten)]
    access: AccessSettings,

    #[command(flatten)]
    buyers: BuyerSettings,

    /// Where an answer must be before it is given: on the disk of one server (`single`), on storage
    /// that keeps copies itself (`storage`), or on a synchronous standby too (`standby`). A server
    /// that keeps less sells nothing
    #[arg(long, env, global = true, default_value = "single", value_name = "WHERE")]
    pub(crate) ledger_durability: Durability,

    /// Connections to Postgres that this process may have, at least 3. With fewer than the default its
    /// threads share what they do not need all the time, and with fewer than 4 and 3 for each thread
    /// what buyers wait for, too [default: 12, and 8 for each thread]
    #[arg(long, env, global = true, value_name = "NUMBER", value_parser = parse_connections)]
    database_connections: Option<usize>,

    /// Whether `serve` brings the schema up to date (`on`), or waits, not ready, until `flashsale
    /// migrate` has, which may run as another role (`off`)
    #[arg(long, env, global = true, default_value = "on", value_name = "WHO")]
    pub(crate) migrate: Migrate,

    /// The data of a service that has neither: the ledger in SQLite, the live store in the memory
    /// of the one process that serves
    #[arg(long, env, global = true, default_value = "flashsale-data")]
    data_dir: PathBuf,

    /// Where to listen; port 0 takes a free one
    #[arg(long, env, global = true, default_value = "0.0.0.0:8080", value_parser = parse_address)]
    pub(crate) http_addr: SocketAddr,

    #[command(flatten)]
    operators: OperatorSettings,

    /// Origins whose pages may ask (CORS), with commas between them, such as `https://shop.example`; `*` for
    /// any, nothing for none but our own
    #[arg(long, env, global = true, default_value = "", value_name = "ORIGINS")]
    pub(crate) cors_origins: Origins,

    /// Threads that serve HTTP, each with 3 connections to Redis and 8 to Postgres if it is on
    /// those; one serves some 40,000 requests a second
    #[arg(long, env, global = true, default_value_t = 1, value_parser = parse_workers)]
    pub(crate) http_workers: u16,

    /// A sale opens every so often: 1h, 15m, 2s; must divide a day. `off` for a shop whose sales
    /// are all made by `flashsale sales schedule`
    #[arg(long, env, global = true, default_value = "1h", value_parser = parse_period)]
    sale_period: SalePeriod,

    /// Units of each new sale
    #[arg(long, env, global = true, default_value_t = 10_000, value_parser = parse_stock)]
    sale_stock: u32,

    /// Units one user may have of each new sale
    #[arg(long, env, global = true, default_value_t = 10, value_parser = parse_per_user_limit)]
    sale_per_user_limit: u16,

    /// How long a unit of a new sale is held for a user
    #[arg(long, env, global = true, default_value = "5m", value_parser = parse_hold)]
    hold_ttl: Duration,

    /// Requests of one thread that may wait for a store; one more is answered with 503
    #[arg(long, env, global = true, default_value = "8192", value_parser = parse_queue)]
    queue_max: NonZeroUsize,

    /// How long a request may expect to wait for the stores, for both together and as they are at
    /// present; one that would wait longer is answered with 503 at once
    #[arg(long, env, global = true, default_value = "100ms", value_parser = parse_queue_wait)]
    queue_wait_max: Duration,

    /// Requests that go to a store in one call
    #[arg(long, env, global = true, default_value = "128", value_parser = parse_batch)]
    batch_max: NonZeroUsize,

    /// How log lines look
    #[arg(long, env, global = true, default_value = "text")]
    pub(crate) log_format: LogFormat,

    /// Which log lines there are: those of a level (error, warn, info, debug, trace; off for none), and of
    /// parts of the program those of another, such as `warn,http_api=debug`
    #[arg(long, env, global = true, default_value = "info", value_name = "LEVELS")]
    pub(crate) rust_log: Levels,
}

/// Whether a process that serves brings the schema up to date.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Migrate {
    /// It does.
    On,
    /// It waits until somebody else has.
    Off,
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
    /// What the command line and the environment say. Ends the process if that cannot be.
    pub(crate) fn read() -> Self {
        let command = <Self as CommandFactory>::command();
        let matches = command.try_get_matches().unwrap_or_else(|error| refusal::of(error).exit());
        let mut cli =
            Self::from_arg_matches(&matches).unwrap_or_else(|error| refusal::of(error).exit());
        cli.shown = access::shown(&matches, &cli.config.access);
        cli
    }

    pub(crate) fn command(&self) -> Command {
        self.command.clone().unwrap_or(Command::Serve)
    }
}

impl Config {
    /// Where the stores are.
    pub(crate) fn place(&self) -> Result<Place<'_>, PlaceError> {
        let place = Place::of(self.access.database()?, self.access.redis()?, &self.data_dir)?;
        self.unless_in_vain(place)
    }

    /// Where the ledger is, for commands that need no live store.
    pub(crate) fn ledger_place(&self) -> Result<Place<'_>, PlaceError> {
        let database = self.access.database()?;
        let redis = match self.access.redis() {
            // Half of the way to the live store is none, and nobody here need go there.
            Err(PlaceError::Without { .. }) if database.is_some() => None,
            redis => redis?,
        };
        let place = Place::of_ledger(database, redis, &self.data_dir)?;
        self.unless_in_vain(place)
    }

    /// A place, if what is said of servers is said of some: whoever says it believes that there are.
    fn unless_in_vain<'a>(&self, place: Place<'a>) -> Result<Place<'a>, PlaceError> {
        let of_servers = [
            ("LEDGER_DURABILITY", self.ledger_durability != Durability::Single),
            ("DATABASE_CONNECTIONS", self.database_connections.is_some()),
            ("MIGRATE", self.migrate == Migrate::Off),
        ];
        let is_embedded = matches!(place, Place::Embedded { .. });
        let in_vain = of_servers.into_iter().find(|(_, is_set)| *is_set && is_embedded);
        let missing = DATABASE.url;
        in_vain.map_or(Ok(place), |(set, _)| Err(PlaceError::Without { set, missing }))
    }

    /// How buyers' tokens are checked, if they have some.
    pub(crate) fn believed(&self) -> Result<Option<Believed>, BuyersError> {
        self.buyers.believed()
    }

    /// Where operators listen, if that is said.
    pub(crate) fn admin_addr(&self) -> Result<Option<AdminAddr>, SharedAddress> {
        self.operators.address_beside(self.http_addr)
    }

    /// Who is let in where operators listen; `None` if they do nowhere.
    pub(crate) fn let_in(&self) -> Result<Option<LetIn>, NowhereError> {
        self.operators.let_in()
    }

    /// How often anybody may ask.
    pub(crate) fn rates(&self) -> Result<http_api::Limits, BuyersError> {
        self.buyers.limits()
    }

    /// Whether each client is believed to be whoever it says, which leaves no limit of addresses.
    pub(crate) fn trusts_everybody(&self) -> bool {
        self.buyers.trust_everybody()
    }

    pub(crate) fn limits(&self) -> Limits {
        let Self { queue_max, batch_max, queue_wait_max: wait_max, .. } = *self;
        Limits { queue_max, batch_max, wait_max }
    }

    /// How many connections to Postgres there may be.
    pub(crate) fn connections(&self) -> Result<Connections, TooFewConnections> {
        let threads = usize::from(self.http_workers);
        let ample = Connections::for_threads(threads);
        self.database_connections.map_or(Ok(ample), |total| Connections::of(total, threads))
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

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
