//! Files that say who is let in: read at the start, and again when they change.

use std::{error::Error, time::Duration};

use credentials::{AccessError, Reader};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often a file is looked at. It is read whole: it is small, and what tells of a change without that
/// can miss one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is kept as its file has it.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    /// What it is called in the log.
    pub(crate) what: &'static str,
    /// Shows whether it is older than what the file has, and why nobody knows.
    pub(crate) show_outdated: fn(bool),
}

/// Has `look` look at the file again and again until told to stop; it says how many there are now, if
/// that is news. A file that is of no use changes nothing: what was read before stays, and whoever
/// watches is told.
pub(crate) async fn keep<E>(
    Kept { what, show_outdated }: Kept,
    stop: CancellationToken,
    look: impl Fn() -> Result<Option<usize>, E> + Clone + Send + 'static,
) where
    E: Error + From<AccessError> + Send + 'static,
{
    let (mut looks, reader) = (interval(LOOK_EVERY), Reader::default());
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        let looked = reader.read(look.clone()).await;
        show_outdated(looked.is_err());
        match looked {
            Ok(Some(count)) => tracing::info!(count, "read {what} again"),
            Ok(None) if told.is_some() => tracing::info!("{what} are good"),
            Ok(None) => {}
            Err(error) => {
                let text = error.to_string();
                if told.as_ref() != Some(&text) {
                    let error = &error as &dyn Error;
                    tracing::warn!(error, "{what} stay as they were");
                }
                told = Some(text);
                continue;
            }
        }
        told = None;
    }
}
