//! The crowd of one sale: who only looks, who watches, and who stands still. It buys nothing, and is
//! gone when the sale ends; who watches, when they are told so.

mod standing;
mod watching;

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    client::Client,
    history::{Sent, now_ms},
    sightings::{Look, Seen, Sight, Sightings, Stillness},
};

/// Between two looks of a reader, in milliseconds: an open page asks about twice a second.
const PAUSE_MS: std::ops::Range<u64> = 300..700;

const LOOKS: [Look; 3] = [Look::Current, Look::OneSale, Look::Health];

/// Everybody who looks at a sale.
#[derive(Clone)]
pub(crate) struct Crowd {
    pub(crate) client: Client,
    pub(crate) readers: usize,
    pub(crate) viewers: usize,
    /// How many stand still at a time, of each kind.
    pub(crate) still: usize,
    pub(crate) sale: i64,
    /// When faults begin to come, and when the sale ends at the latest, ms since the Unix epoch.
    pub(crate) opens_ms: i64,
    pub(crate) ends_ms: i64,
    pub(crate) sightings: Arc<Sightings>,
}

impl Crowd {
    /// Looks until the sale is over, and the last answer is there.
    pub(crate) async fn look(self, rng: &mut Rng) {
        let mut crowd = JoinSet::new();
        for _ in 0..self.readers {
            crowd.spawn(self.clone().read(rng.fork()));
        }
        for how in [Stillness::NeverReads, Stillness::BodyStops, Stillness::HeadStops] {
            for _ in 0..self.still {
                crowd.spawn(self.clone().stand_still(how, rng.fork()));
            }
        }
        for _ in 0..self.viewers {
            crowd.spawn(self.clone().watch(rng.fork()));
        }
        crowd.join_all().await;
    }

    /// One reader, with a page open.
    async fn read(self, mut rng: Rng) {
        let mut tags = LOOKS.map(|_| None);
        sleep(Duration::from_millis(rng.u64(0..PAUSE_MS.end))).await;
        while !self.is_over() {
            let at = rng.usize(0..LOOKS.len());
            let (look, service) = (LOOKS[at], rng.usize(0..self.client.len()));
            // Some pages ask anew, most have something.
            let tag = tags[at].as_deref().filter(|_| rng.u8(..) < 192);
            let sent = Sent::now();
            let (sight, new_tag) = self.client.look(service, look, self.sale, tag).await;
            let (sent_ms, answered_ms) = (sent.sent_ms(), sent.answered_ms());
            if matches!(sight, Sight::Sale(_) | Sight::Healthy) {
                tags[at] = new_tag;
            }
            self.sightings.note(Seen { look, service, sent_ms, answered_ms, sight });
            sleep(Duration::from_millis(rng.u64(PAUSE_MS))).await;
        }
    }

    fn is_over(&self) -> bool {
        now_ms() >= self.ends_ms
    }
}
