//! Why there is no server.

use std::{io, path::PathBuf, process::Output};

/// Why a server could not be started, stopped or asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The machine lacks a program.
    #[error("{program} is missing: {remedy}")]
    Missing {
        /// The program.
        program: &'static str,
        /// What installs it.
        remedy: &'static str,
    },
    /// Another process has the directory.
    #[error("{} is in use by another run: stop that one first, or name another directory", .0.display())]
    InUse(PathBuf),
    /// A program ended with an error, or a server refused what it was asked.
    #[error("{program} failed:\n{said}")]
    Failed {
        /// The program, and what it was to do.
        program: String,
        /// Its own words.
        said: String,
    },
    /// What was awaited did not come in the time it had.
    #[error("{program} was not {awaited} after {limit_s} s; the end of its log:\n{said}")]
    TooSlow {
        /// The program.
        program: String,
        /// What it should have been by now.
        awaited: &'static str,
        /// How long it had, in seconds.
        limit_s: u64,
        /// Its own words.
        said: String,
    },
    /// The ledger in a directory refused what it was asked.
    #[error("the ledger in the directory: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The operating system refused.
    #[error("cannot {attempted}")]
    System {
        /// What was tried.
        attempted: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// Says what the operating system was asked to do when it refused.
pub(crate) trait Attempting<T> {
    fn attempting(self, attempted: impl Into<String>) -> Result<T, ServerError>;
}

impl<T> Attempting<T> for io::Result<T> {
    fn attempting(self, attempted: impl Into<String>) -> Result<T, ServerError> {
        self.map_err(|source| ServerError::System { attempted: attempted.into(), source })
    }
}

/// What a program printed, if it ended well.
pub(crate) fn succeeded(program: &str, output: &Output) -> Result<String, ServerError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = text(&output.stderr) + &text(&output.stdout);
    Err(ServerError::Failed { program: program.to_owned(), said })
}
