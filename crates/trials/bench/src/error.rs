//! Why something is not measured.

use std::io;

use dev_servers::ServerError;

/// Why something is not measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("the ledger in the directory: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("cannot {what}: {source}")]
    System { what: &'static str, source: io::Error },
    #[error("{what} failed: {said}")]
    Refused { what: &'static str, said: String },
    #[error("{from} gave no figure: {said:?}")]
    Unreadable { from: &'static str, said: String },
    /// The service did other work than was to be measured: its speed at that says nothing.
    #[error("{0}")]
    Wrong(String),
}

/// Names what was tried when the system said no.
pub(crate) fn during(what: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::System { what, source }
}
