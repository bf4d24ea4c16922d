//! Viewers: they are told how the sale stands, come back to any process when they were cut off, and
//! stay until they are told that it is over.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use crate::{
    crowd::Crowd,
    history::now_ms,
    sightings::{Farewell, Watched},
    timetable::HEALED_BY_MS,
};

/// Before a viewer comes back, in milliseconds; sooner than it is asked to, for a sale is short.
const COMES_BACK_MS: std::ops::Range<u64> = 100..1_000;

/// How long after its sale a viewer waits for its end, in milliseconds: until the faults of the next one
/// are healed, and as much again as it takes to see that a connection is dead.
const PERSISTS_MS: i64 = HEALED_BY_MS as i64 + 4_000;

impl Crowd {
    /// Watches the sale to its end.
    pub(super) async fn watch(self, mut rng: Rng) {
        let left_ms = u64::try_from(self.ends_ms + PERSISTS_MS - now_ms()).unwrap_or(0);
        let until = Instant::now() + Duration::from_millis(left_ms);
        let mut watched = Watched::default();
        let mut last = None;
        while Instant::now() < until {
            let service = rng.usize(0..self.client.len());
            let visit = self.client.watch(service, self.sale, last.clone(), until).await;
            last = visit.events.last().map(|event| event.id.clone()).or(last);
            let is_over = matches!(visit.farewell, Farewell::Over | Farewell::Wrong(_));
            watched.visits.push(visit);
            if is_over {
                break;
            }
            sleep(Duration::from_millis(rng.u64(COMES_BACK_MS))).await;
        }
        self.sightings.note_watched(watched);
    }
}
