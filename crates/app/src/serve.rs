//! `flashsale serve`: from the first port to the last answer.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use actix_web::{App, HttpServer, web};
use postgres_ledger::{MigrateError, PostgresLedger};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    compose::{ComposeError, Embedded, Service, compose},
    config::{Config, Place},
};

/// How long accepted requests have to end after a signal, in seconds.
const SHUTDOWN_S_MAX: u64 = 10;

/// How long to wait before asking again a database that is down.
const MIGRATE_AGAIN: Duration = Duration::from_millis(500);

/// Why the service does not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("cannot listen on {address}; HTTP_ADDR says where to")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the HTTP server failed")]
    Http(#[source] io::Error),
    #[error("the schema cannot be brought up to date")]
    Schema(#[source] MigrateError),
    #[error("the upkeep broke")]
    Upkeep(#[source] tokio::task::JoinError),
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}

/// Serves until SIGTERM or SIGINT; then finishes what was accepted.
pub(crate) async fn serve(config: &Config) -> Result<(), ServeError> {
    let Service { shared, scheduler, to_migrate, embedded } = compose(config)?;
    if let Ok(Place::Embedded { data_dir }) = config.place() {
        log_where(data_dir);
    }
    // Called once on each of the threads.
    let app = move || App::new().app_data(web::Data::new(shared.api())).configure(http_api::routes);
    let server = HttpServer::new(app)
        .workers(config.http_workers.get())
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_S_MAX)
        .bind(config.http_addr)
        .map_err(|source| ServeError::Listen { address: config.http_addr, source })?;
    for address in server.addrs() {
        tracing::info!("listening on http://{address}");
    }
    let server = server.run();
    let running = server.handle();

    let stop = CancellationToken::new();
    let upkeep = tokio::spawn({
        let (stop, running) = (stop.clone(), running.clone());
        async move {
            if let Some(ledger) = to_migrate
                && let Err(error) = migrated(&ledger, &stop).await
            {
                running.stop(true).await;
                return Err(error);
            }
            scheduler.run(stop.cancelled()).await;
            Ok(())
        }
    });
    let looked_at = embedded.map(|Embedded { socket, in_service }| {
        // The directory is given back when this is done.
        let answering = tokio::spawn(socket.answer(stop.clone()));
        (answering, in_service)
    });
    tokio::spawn(async move {
        match told_to_stop().await {
            Ok(name) => tracing::info!(signal = name, "finishing what was accepted"),
            Err(error) => tracing::error!(%error, "cannot wait for signals; stopping"),
        }
        running.stop(true).await;
    });

    server.await.map_err(ServeError::Http)?;
    // The upkeep goes on while the last requests end: they may wait for a rebuild.
    stop.cancel();
    upkeep.await.map_err(ServeError::Upkeep)??;
    if let Some((answering, in_service)) = looked_at {
        answering.await.map_err(ServeError::Upkeep)?;
        drop(in_service);
    }
    tracing::info!("stopped");
    Ok(())
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

/// Brings the schema up to date as soon as the database is there, or returns when asked to stop.
async fn migrated(ledger: &PostgresLedger, stop: &CancellationToken) -> Result<(), ServeError> {
    let mut warned = false;
    while !stop.is_cancelled() {
        let migrated = tokio::select! {
            // A server that stands still is not waited for.
            () = stop.cancelled() => return Ok(()),
            migrated = ledger.migrate() => migrated,
        };
        match migrated {
            Ok(applied) => {
                tracing::info!(applied, "the schema is up to date");
                return Ok(());
            }
            Err(error) if error.is_final() => return Err(ServeError::Schema(error)),
            Err(error) if !warned => {
                warned = true;
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot bring the schema up to date yet; trying on");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(MIGRATE_AGAIN) => {}
        }
    }
    Ok(())
}

/// Waits for a signal that ends the service, and names it.
async fn told_to_stop() -> Result<&'static str, ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
