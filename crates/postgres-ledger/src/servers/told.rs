//! What the log says while no server can be used that is there: nothing is sold then, and nobody else
//! says why.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::error::ConnectError;

/// How often it is said while it lasts.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Why nothing is sold, as it was said last.
#[derive(Default)]
pub(super) struct Told(Mutex<Option<Why>>);

struct Why {
    remedy: String,
    since: Instant,
    said_at: Instant,
}

impl Told {
    /// Says what keeps a server from being used, if an operator can do something about it: when that
    /// begins, when it becomes something else, and once in a while.
    pub(super) fn is_kept_by(&self, error: &ConnectError) {
        let (Some(server), Some(remedy)) = (error.unused(), error.remedy()) else { return };
        if let Some(lasts) = self.begins_or_lasts(&remedy) {
            let lasts_s = lasts.as_secs();
            tracing::warn!(server, lasts_s, "nothing is sold: {remedy}");
        }
    }

    /// Notes that a server can be used, and says so if one could not be.
    pub(super) fn is_used(&self, server: &str) {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Why { since, .. }) = ended {
            let lasted_s = since.elapsed().as_secs();
            tracing::info!(server, lasted_s, "it can be sold again: the server can be used");
        }
    }

    /// How long it lasts, if that is to be said now.
    fn begins_or_lasts(&self, remedy: &str) -> Option<Duration> {
        let mut why = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = match &mut *why {
            Some(why) if why.remedy == remedy && now - why.said_at < SAY_EVERY => return None,
            Some(why) => why.since,
            None => now,
        };
        *why = Some(Why { remedy: remedy.to_owned(), since, said_at: now });
        Some(now - since)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_keeps_a_server_from_being_used_is_said_when_it_begins_and_once_a_minute() {
        let told = Told::default();
        let second = Duration::from_secs(1);
        let mut said = Vec::new();
        for at in 0..=121 {
            said.extend(told.begins_or_lasts("bring one back").map(|lasts| (at, lasts.as_secs())));
            advance(second).await;
        }
        assert_eq!(said, [(0, 0), (60, 60), (120, 120)]);

        assert!(told.begins_or_lasts("fence this one").is_some(), "something else");
        told.is_used("a:1");
        let begins = told.begins_or_lasts("fence this one");
        assert_eq!(begins, Some(Duration::ZERO), "it has ended in between");
    }
}
