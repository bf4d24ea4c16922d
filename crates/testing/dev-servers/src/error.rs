//! Why there is no server.

use std::{io, path::PathBuf};

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
        /// The program.
        program: &'static str,
        /// Its own words.
        said: String,
    },
    /// A server neither came nor went in the time it had.
    #[error("{program} was not {awaited} after {limit_s} s; the end of its log:\n{said}")]
    TooSlow {
        /// The program.
        program: &'static str,
        /// What it should have been by now.
        awaited: &'static str,
        /// How long it had, in seconds.
        limit_s: u64,
        /// Its own words.
        said: String,
    },
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
