//! The real clock and the real dice.

use std::{sync::LazyLock, time::Duration};

use async_trait::async_trait;
use domain::ports::{Clock, CodeMint};
use tokio::time::Instant;

/// Waits by tokio's clock.
pub(crate) struct TokioClock;

#[async_trait]
impl Clock for TokioClock {
    async fn wait(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn uptime_ms(&self) -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }
}

/// Draws from the operating system's random source.
pub(crate) struct SystemDice;

impl CodeMint for SystemDice {
    fn draw(&self) -> u128 {
        let mut bytes = [0; 16];
        // Fails only where the system has no random source at all; the check at start-up has
        // found that out.
        getrandom::fill(&mut bytes).expect("the system's random source answered at start-up");
        u128::from_ne_bytes(bytes)
    }
}

/// Makes sure that codes can be drawn.
pub(crate) fn check_dice() -> Result<(), getrandom::Error> {
    getrandom::fill(&mut [0; 16])
}
