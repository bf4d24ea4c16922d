//! `flashsale serve`: from the first port to the last answer.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, web};
use postgres_ledger::PostgresLedger;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    compose::{ComposeError, compose},
    config::Config,
    http,
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
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}

/// Serves until SIGTERM or SIGINT; then finishes what was accepted.
pub(crate) async fn serve(config: &Config) -> Result<(), ServeError> {
    let service = compose(config)?;
    let api = web::Data::new(service.api);
    let server = HttpServer::new(move || App::new().app_data(api.clone()).configure(http::routes))
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
        let (stop, ledger, scheduler) = (stop.clone(), service.ledger, service.scheduler);
        async move {
            if migrated(&ledger, &stop).await {
                scheduler.run(stop.cancelled()).await;
            }
        }
    });
    tokio::spawn(async move {
        match told_to_stop().await {
            Ok(name) => tracing::info!(signal = name, "finishing what was accepted"),
            Err(error) => tracing::error!(%error, "cannot wait for signals; stopping"),
        }
        running.stop(true).await;
    });

    let ended = server.await.map_err(ServeError::Http);
    // The upkeep goes on while the last requests end: they may wait for a rebuild.
    stop.cancel();
    if let Err(error) = upkeep.await {
        tracing::error!(%error, "the upkeep broke");
    }
    tracing::info!("stopped");
    ended
}

/// Brings the schema up to date as soon as the database is there. `false` if it was told to
/// stop first.
async fn migrated(ledger: &Arc<PostgresLedger>, stop: &CancellationToken) -> bool {
    let mut told = false;
    while !stop.is_cancelled() {
        match ledger.migrate().await {
            Ok(applied) => {
                tracing::info!(applied, "the schema is up to date");
                return true;
            }
            Err(error) if !told => {
                told = true;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot bring the schema up to date yet; trying on"
                );
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(MIGRATE_AGAIN) => {}
        }
    }
    false
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
