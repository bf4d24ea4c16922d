//! Why a trial cannot go on.

use std::io;

use dev_servers::ServerError;

/// Why a trial cannot go on: the harness failed, not the service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChaosError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("cannot {what}: {source}")]
    System { what: &'static str, source: io::Error },
    #[error("the ledger cannot be read: {}", told(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("the ledger cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{what} failed: {said}")]
    Failed { what: &'static str, said: String },
}

/// Names what was tried when the system said no.
pub(crate) fn during(what: &'static str) -> impl Fn(io::Error) -> ChaosError {
    move |source| ChaosError::System { what, source }
}

/// The driver's own words are only "db error".
fn told(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
}
