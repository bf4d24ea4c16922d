//! The pictures of products, for crowds: one question to the ledger for all who want the same one, and
//! the pictures that were wanted last kept in memory.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{
    Ports, StoreError,
    answer::Doing,
    asked_once::{AskedOnce, Bounds, Unanswered},
    ports::{Products, Tasks},
    product::{Image, ImageDigest},
};

/// Pictures that are asked for at a time, and are kept: half a MiB each at the most. There are more
/// digests to make up than a crowd asks for, so what is made up is kept apart, and briefly.
const BOUNDS: Bounds = Bounds { flights_max: 16, kept_max: 64 };

/// Readers who may wait for a picture in one process; one more is refused.
const WAITING_MAX: usize = 8_192;

/// How long it is believed that there is no such picture, in milliseconds; one that there is stays.
const UNKNOWN_MS: u64 = 1_000;

const READ: Doing = Doing::step("ProductImages::find");

/// Questions to the ledger under way at a time: readers shall take few of its connections.
const TURNS: usize = 2;

type Found = Result<Option<Image>, Unanswered>;

/// The pictures of products, for all readers of a process.
pub struct ProductImages {
    products: Arc<dyn Products>,
    turns: Arc<Semaphore>,
    asked: Arc<AskedOnce<ImageDigest, Found>>,
}

impl ProductImages {
    pub(crate) fn new(ports: &Ports, tasks: Arc<dyn Tasks>) -> Arc<Self> {
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        let asked = AskedOnce::new(ports.clock.clone(), tasks, waiting, BOUNDS);
        let turns = Arc::new(Semaphore::new(TURNS));
        Arc::new(Self { products: ports.product_reads.clone(), turns, asked })
    }

    /// A picture, or `None` if there is no such one.
    ///
    /// # Errors
    ///
    /// [`Failure::Overloaded`](crate::Failure) also when too many wait or too much is asked.
    pub async fn find(&self, digest: ImageDigest) -> Result<Option<Image>, StoreError> {
        let found = self.asked.get(&digest, || {
            let (products, turns) = (Arc::clone(&self.products), Arc::clone(&self.turns));
            async move {
                // An error means that it was closed, which nobody does.
                let _turn = turns.acquire().await.ok();
                let found = products.image(digest).await.map_err(Unanswered::from);
                let good_ms = match &found {
                    Ok(Some(_)) => u64::MAX,
                    Ok(None) => UNKNOWN_MS,
                    Err(_) => 0,
                };
                (found, good_ms)
            }
        });
        found.await.flatten().map_err(|error| error.to_error(READ))
    }
}
