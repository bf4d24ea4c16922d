//! `flashsale serve`: from the first port to the last answer.

mod background;

use std::{
    io,
    mem::ManuallyDrop,
    net::{SocketAddr, TcpListener},
    path::Path,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use actix_server::Server;
use postgres_ledger::{Connections, MigrateError, PostgresLedger};
use scheduler::{Beats, Minutes, Scheduler};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::{JoinError, JoinHandle},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use self::background::{
    BEATS, BUYERS, Background, LIVE_SOCKET, MINUTES, OPERATOR_TOKENS, OPERATORS, SYSTEMD,
    TOKEN_KEYS, UPKEEP,
};
use crate::{
    admin,
    compose::{ComposeError, Service, Shared, compose, wait_for_commands},
    config::{AdminAddr, Believed, Config, Migrate, Place, SharedAddress},
    disk,
    file_limit::make_room,
    peers,
    signs::Signs,
    supervision,
    systemd::Systemd,
};

/// How long accepted requests have to end after a signal, in seconds.
const STOP_S_MAX: u64 = 2;

/// How long the whole stop may take; then the process ends all the same. Container engines kill
/// soon, and nothing that was acknowledged can be lost.
const STOP_LIMIT: Duration = Duration::from_millis(2_600);

/// How long to wait before asking again a database that is down.
const MIGRATE_AGAIN: Duration = Duration::from_millis(500);

/// Why the service does not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("cannot listen on {address}; HTTP_ADDR says where to")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    SharedAddress(#[from] SharedAddress),
    #[error(transparent)]
    ListenToOperators(#[from] admin::ListenError),
    #[error("the HTTP server failed")]
    Http(#[source] io::Error),
    #[error("the HTTP server ended by itself")]
    HttpEnded,
    #[error("the schema cannot be brought up to date")]
    Schema(#[source] MigrateError),
    #[error("the ledger cannot be used any more")]
    Ledger(#[source] MigrateError),
    #[error("{0} broke")]
    TaskBroke(&'static str, #[source] JoinError),
    #[error("{0} ended by itself")]
    TaskEnded(&'static str),
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    #[error("a second signal; what was accepted is not finished")]
    SecondSignal,
}

/// Serves until SIGTERM or SIGINT; then finishes what was accepted, as far as that is possible in
/// a few seconds. Ends at once with an error on the next signal, or if anything that must run does
/// not.
pub(crate) async fn serve(config: &Config) -> Result<(), ServeError> {
    supervision::end_with_any_task();
    let admin_addr = config.admin_addr()?;
    let workers = usize::from(config.http_workers);
    let room = make_room(workers);
    let Service { mut shared, scheduler, minutes, to_migrate, embedded } = composed(config).await?;
    let systemd = Systemd::of_this_process();
    let signs = systemd.as_ref().map(|it| it.signs.clone());
    let scheduler = giving_signs(scheduler, signs.as_ref());
    // Until here a signal ends the process at once: there is nothing to finish.
    let mut signals = Signals::new()?;
    let limits = peers::Limits {
        listener: "buyers",
        workers,
        connections_max: room.per_worker,
        stop_s_max: STOP_S_MAX,
    };
    let (listener, operators) = listen(config.http_addr, admin_addr, admin::USUAL)?;
    if operators.is_some() {
        count(&shared, config);
    }
    let address = listener.local_addr().map_err(ServeError::Http)?;
    let server = answer(listener, limits, shared.clone(), signs.clone());
    let server = server.map_err(ServeError::Http)?;
    tracing::info!("listening on {}", found_at(address));
    room.log(workers);
    // What nothing is counted for is no figure.
    let beats = operators.is_some().then(|| shared.in_company(known_as(address)));

    let (stop, ends) = (CancellationToken::new(), CancellationToken::new());
    let schema = to_migrate.map(|ledger| Schema { ledger, migrate: config.migrate });
    let (socket, in_service) = embedded.map(|it| (it.socket, it.in_service)).unzip();
    let (token_keys, operator_tokens) = (shared.token_keys.clone(), shared.operator_tokens.clone());
    let mut background = Background {
        token_keys: token_keys.map(|it| supervision::task(TOKEN_KEYS, it.keep(stop.clone()))),
        operator_tokens: operator_tokens
            .map(|it| supervision::task(OPERATOR_TOKENS, it.keep(stop.clone()))),
        beats: beats.map(|it| supervision::task(BEATS, beat(it, stop.clone()))),
        upkeep: supervision::task(UPKEEP, keep_up(scheduler, schema, stop.clone())),
        minutes: supervision::task(MINUTES, write_down(minutes, stop.clone())),
        live_socket: socket
            .map(|it| supervision::task(LIVE_SOCKET, it.answer(shared.orders(), stop.clone()))),
        systemd: systemd
            .map(|it| supervision::task(SYSTEMD, it.keep_told(shared.clone(), ends.clone()))),
        operators: operators
            .map(|it| tell_operators(it, shared, signs, stop.clone()))
            .transpose()?,
    };
    let running = server.handle();
    let mut server = pin!(server);

    // Given back only when no request and no upkeep is at work in the directory; else it ends with the
    // process. A load that went on as a task writes to memory alone, and what else it asks of a ledger
    // that another process has by then is refused.
    let in_service = ManuallyDrop::new(in_service);
    let signal = tokio::select! {
        ended = &mut server => return Err(ended.map_or_else(ServeError::Http, |()| ServeError::HttpEnded)),
        error = background.broke() => return Err(error),
        signal = signals.next() => signal,
    };
    ends.cancel();
    tracing::info!(signal, "finishing what was accepted");
    let stopping = async {
        let ((), ended) = tokio::join!(running.stop(true), server);
        ended.map_err(ServeError::Http)?;
        // The upkeep goes on while the last requests end: they may wait for a rebuild.
        stop.cancel();
        background.ended().await
    };
    if in_time(stopping, &mut signals).await? {
        drop(ManuallyDrop::into_inner(in_service));
    }
    tracing::info!("stopped");
    Ok(())
}

/// Puts the service together, and says what it is on.
async fn composed(config: &Config) -> Result<Service, ServeError> {
    if let Ok(Place::Embedded { data_dir }) = config.place() {
        wait_for_commands(data_dir).await;
    }
    let service = compose(config)?;
    match config.place() {
        Ok(Place::Embedded { data_dir }) => log_where(data_dir),
        _ => log_connections(config)?,
    }
    log_tokens(config)?;
    warn_of_trust(config);
    Ok(service)
}

/// Begins to count, and to look at what is looked at for whoever watches.
fn count(shared: &Shared, config: &Config) {
    telemetry::switch_on();
    http_api::count_from_zero();
    shared.watch_pools();
    if let Ok(Place::Embedded { data_dir }) = config.place() {
        let dir = data_dir.to_owned();
        telemetry::watch_disk(move || disk::of(&dir));
    }
}

/// The upkeep, which is missed where somebody waits for signs of it.
fn giving_signs(scheduler: Scheduler, signs: Option<&Signs>) -> Scheduler {
    let Some(signs) = signs else { return scheduler };
    let sign = signs.of(UPKEEP);
    scheduler.with_sign(Arc::new(move || sign.give()))
}

/// Waits for the end of a stop, as long as it may take; says whether it came. Another signal ends it.
async fn in_time(
    stopping: impl Future<Output = Result<(), ServeError>>,
    signals: &mut Signals,
) -> Result<bool, ServeError> {
    tokio::select! {
        stopped = stopping => stopped.map(|()| true),
        _ = signals.next() => Err(ServeError::SecondSignal),
        () = sleep(STOP_LIMIT) => {
            tracing::warn!("not all of what was accepted could be finished in time");
            Ok(false)
        }
    }
}

/// Listens where buyers are heard, and then where operators are: they take another port if nobody said
/// which, and the usual one is taken.
fn listen(
    address: SocketAddr,
    of_operators: Option<AdminAddr>,
    usual: SocketAddr,
) -> Result<(TcpListener, Option<TcpListener>), ServeError> {
    let of_buyers = peers::listen(address);
    let of_buyers = of_buyers.map_err(|source| ServeError::Listen { address, source })?;
    Ok((of_buyers, admin::listen(of_operators, usual)?))
}

/// Answers buyers, with a way to the stores for each thread that does.
fn answer(
    listener: TcpListener,
    limits: peers::Limits,
    shared: Shared,
    signs: Option<Signs>,
) -> io::Result<Server> {
    peers::serve(listener, limits, http_api::routes, move || {
        if let Some(signs) = &signs {
            signs.of_this_thread(BUYERS);
        }
        shared.api()
    })
}

/// Answers whoever runs the service, until everything else has ended.
fn tell_operators(
    listener: TcpListener,
    shared: Shared,
    signs: Option<Signs>,
    stop: CancellationToken,
) -> Result<JoinHandle<io::Result<()>>, ServeError> {
    let address = listener.local_addr().map_err(ServeError::Http)?;
    let tokens = shared.operator_tokens.clone();
    let server = admin::serve(listener, shared, signs).map_err(ServeError::Http)?;
    admin::tell(address, tokens.as_ref());
    let running = server.handle();
    Ok(supervision::task(OPERATORS, async move {
        let mut server = pin!(server);
        tokio::select! {
            ended = &mut server => ended,
            () = stop.cancelled() => tokio::join!(running.stop(false), server).1,
        }
    }))
}

/// Tells the other processes what this one does, until told to stop.
async fn beat(beats: Beats, stop: CancellationToken) {
    beats.run(stop.cancelled()).await;
}

/// Writes down how sales go, until told to stop.
async fn write_down(minutes: Minutes, stop: CancellationToken) {
    minutes.run(stop.cancelled()).await;
}

/// Where this process serves buyers, as it is told the others: of all addresses of a machine, by its name.
fn known_as(address: SocketAddr) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy();
    let name: String = machine.chars().filter(char::is_ascii_graphic).take(64).collect();
    format!("{name}:{}", address.port())
}

/// Where it listens, as it is said at the start: not every browser opens the address that stands for all.
fn found_at(address: SocketAddr) -> String {
    let url = format!("http://{address}");
    if !address.ip().is_unspecified() {
        return url;
    }
    format!("{url} (all addresses of this machine): open http://localhost:{}", address.port())
}

/// Brings the schema up to date and keeps the sales going until told to stop.
async fn keep_up(
    scheduler: Scheduler,
    schema: Option<Schema>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let Some(schema) = schema else {
        scheduler.run(stop.cancelled()).await;
        return Ok(());
    };
    schema.is_ready(&stop).await?;
    // A pooler may come in between, or change its mode, at any time.
    tokio::select! {
        () = scheduler.run(stop.cancelled()) => Ok(()),
        error = schema.ledger.unusable() => Err(ServeError::Ledger(error)),
    }
}

/// Says where the data are, for whoever did not choose it.
fn log_where(data_dir: &Path) {
    let dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    tracing::info!(
        "one process, nothing else: the ledger is in {} (DATA_DIR), the live store in memory",
        dir.display()
    );
    tracing::info!(
        "to run any number of processes, set DATABASE_URL and REDIS_URL; `flashsale import --from \
         {}` takes the ledger along",
        data_dir.display()
    );
}

/// Says how many connections a process on servers may have, for whoever limits them there.
fn log_connections(config: &Config) -> Result<(), ComposeError> {
    let connections = config.connections()?.total();
    let to_keep = Connections::to_keep_hot(usize::from(config.http_workers));
    let shared = if connections < to_keep {
        format!(
            "; from {to_keep} on each thread keeps some for what buyers wait for, now all share"
        )
    } else {
        String::new()
    };
    tracing::info!("at most {connections} connections to Postgres (DATABASE_CONNECTIONS){shared}");
    Ok(())
}

/// Says that no buyer is believed without a token, for whoever wonders why none gets a unit.
fn log_tokens(config: &Config) -> Result<(), ComposeError> {
    if let Some(Believed { file, .. }) = config.believed()? {
        tracing::info!("buyers need tokens, checked by {} ({})", file.path.display(), file.setting);
    }
    Ok(())
}

/// What must be up to date before there are sales, and who sees to it.
struct Schema {
    ledger: Arc<PostgresLedger>,
    migrate: Migrate,
}

impl Schema {
    /// Returns when the schema is up to date, or when asked to stop.
    async fn is_ready(&self, stop: &CancellationToken) -> Result<(), ServeError> {
        let mut told = String::new();
        while !stop.is_cancelled() {
            let ready = tokio::select! {
                // A server that stands still is not waited for.
                () = stop.cancelled() => return Ok(()),
                ready = self.bring_up_to_date() => ready,
            };
            match ready {
                Ok(applied) => {
                    tracing::info!(applied, "the schema is up to date");
                    return Ok(());
                }
                Err(error) if self.is_final(&error) => return Err(ServeError::Schema(error)),
                Err(error) => {
                    let text = error.to_string();
                    if told != text {
                        let because = std::error::Error::source(&error);
                        tracing::warn!(error = because, "{text}; nothing is served yet, trying on");
                        told = text;
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(MIGRATE_AGAIN) => {}
            }
        }
        Ok(())
    }

    /// Whether it is of no use to wait. Whoever migrates in our place gives rights after that.
    fn is_final(&self, error: &MigrateError) -> bool {
        let may_be_given =
            self.migrate == Migrate::Off && matches!(error, MigrateError::NotAllowed { .. });
        error.is_final() && !may_be_given
    }

    /// Applies what is missing, unless that is for somebody else to do, and says how much it was.
    async fn bring_up_to_date(&self) -> Result<usize, MigrateError> {
        match self.migrate {
            Migrate::On => self.ledger.migrate().await,
            Migrate::Off => self.ledger.check_schema().await.map(|()| 0),
        }
    }
}

/// The signals that end the service.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, ServeError> {
        let of = |kind| signal(kind).map_err(ServeError::Signals);
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: of(terminate)?, interrupt: of(interrupt)? })
    }

    /// Waits for the next one, and names it.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn warn_of_trust(config: &Config) {
    if config.trusts_everybody() {
        tracing::warn!(
            "TRUSTED_PROXIES has every address in it: each client may say that it is another, and \
             CLIENT_RATE holds nobody back; name the proxies alone"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn of_all_addresses_one_is_named_that_opens() {
        let said = ["127.0.0.1:8080", "0.0.0.0:8080", "[::]:80"]
            .map(|address| found_at(address.parse().unwrap()));

        assert_eq!(said[0], "http://127.0.0.1:8080");
        for (said, begins, ends) in [
            (&said[1], "http://0.0.0.0:8080 ", "open http://localhost:8080"),
            (&said[2], "http://[::]:80 ", "open http://localhost:80"),
        ] {
            assert!(said.starts_with(begins) && said.ends_with(ends), "{said}");
        }
    }

    #[test]
    fn buyers_may_be_heard_where_operators_usually_are() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();

        let (buyers, operators) = listen(free, None, free).unwrap();

        assert_eq!(buyers.local_addr().unwrap(), free);
        assert_ne!(operators.unwrap().local_addr().unwrap(), free);
    }
}
