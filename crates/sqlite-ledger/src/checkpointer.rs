//! A thread that copies the log into the ledger's file while others write.
//!
//! Somebody must, or the log grows for ever. If it is left to the writer, everybody waits until
//! sixteen megabytes are copied and flushed: at 45,000 checkouts a second that is a tenth of a
//! second, every second. So a little is copied all the time; the writer copies only what has come
//! since, when the log has reached its length, and begins it anew.

use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use crate::Database;

/// How long is waited between two copies.
const COPY_EVERY: Duration = Duration::from_millis(50);

/// As long as this lives, the log is copied.
pub(crate) struct Checkpointer {
    // Closed when this is dropped, which ends the thread.
    _alive: Sender<()>,
}

impl Checkpointer {
    pub(crate) fn spawn(database: Database) -> Self {
        let (alive, gone) = mpsc::channel();
        let spawned = thread::Builder::new().name("ledger-copier".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = gone.recv_timeout(COPY_EVERY) {
                if let Err(error) = database.copy_log() {
                    // The writer will have to, and will be told why it cannot.
                    tracing::debug!(%error, "the log of the ledger was not copied");
                }
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "cannot start a thread; writers copy the log themselves");
        }
        Self { _alive: alive }
    }
}
