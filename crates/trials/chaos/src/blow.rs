//! Striking, and healing what was struck.

use std::time::Duration;

use tokio::{
    task::block_in_place,
    time::{Instant, sleep, timeout},
};

use crate::{
    error::ChaosError,
    fault::{Fault, Kind, Target, Trouble},
    fsync::FailingFsync,
    history::now_ms,
    plan::Strike,
    proxy::{Proxy, Weather},
    stand::Stand,
};

/// How far a clock is moved: less than a hold, and more than the service takes for jitter.
const CLOCK_MS: i64 = 1_400;

/// How much longer each piece takes on a slow network.
const DELAY: Duration = Duration::from_millis(150);

/// How often a bad network resets its connections.
const RESETS_EVERY: Duration = Duration::from_millis(200);

/// A fault that was: what it struck, and when, by the clock of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blow {
    pub(crate) fault: Fault,
    /// When something was lost or began to fail, ms since the Unix epoch.
    pub(crate) struck_ms: i64,
    /// When nothing was in the way any more.
    pub(crate) healed_ms: i64,
}

impl Stand {
    /// Lets a fault strike and heals it. An error is the harness's, not the service's.
    pub(crate) async fn suffer(&self, strike: Strike) -> Result<Blow, ChaosError> {
        let Strike { fault, lasts_ms, .. } = strike;
        // A blow may take longer than planned; the next one to the ledger waits for it.
        let _turn = match fault.target() {
            Target::Ledger => Some(self.ledger_turn.lock().await),
            _ => None,
        };
        let struck_ms = self.strike(fault, Duration::from_millis(lasts_ms.into())).await?;
        Ok(Blow { fault, struck_ms, healed_ms: now_ms() })
    }

    /// Returns when something was lost, or began to fail.
    async fn strike(&self, fault: Fault, lasts: Duration) -> Result<i64, ChaosError> {
        let struck_ms = now_ms();
        match fault.kind {
            Kind::ServiceKilled => self.processes.kill(fault.service).await?,
            Kind::ServiceStopped => {
                self.processes.pause(fault.service).await?;
                sleep(lasts).await;
                self.processes.resume(fault.service).await?;
            }
            Kind::ServiceRestarted => self.processes.restart(fault.service).await?,
            Kind::ServicesReplaced => self.replace_services(lasts).await?,
            Kind::Redis(what) => return self.stores.servers()?.strike_redis(what, lasts).await,
            Kind::Postgres(what) => self.stores.servers()?.strike_postgres(what, lasts).await?,
            Kind::DiskFull => self.fill_disk(lasts).await?,
            Kind::FsyncFails => self.fail_fsync(lasts).await?,
            Kind::ClockAhead => self.be_off(CLOCK_MS, lasts).await?,
            Kind::ClockBehind => self.be_off(-CLOCK_MS, lasts).await?,
            Kind::Network(pair, trouble) => {
                disturb(self.road(pair, fault.service)?, trouble, lasts).await;
            }
        }
        Ok(struck_ms)
    }

    async fn replace_services(&self, lasts: Duration) -> Result<(), ChaosError> {
        self.processes.take_next_build();
        for number in 0..self.processes.len() {
            self.processes.restart(number).await?;
            sleep(lasts / 3).await;
        }
        Ok(())
    }

    async fn fill_disk(&self, lasts: Duration) -> Result<(), ChaosError> {
        let Some(disk) = block_in_place(|| self.stores.fill_disk())? else { return Ok(()) };
        sleep(lasts).await;
        disk.free()?;
        self.revive_ledger().await
    }

    /// Lets no fsync of the ledger succeed, whoever writes it meanwhile.
    async fn fail_fsync(&self, lasts: Duration) -> Result<(), ChaosError> {
        let over_at = Instant::now() + lasts;
        while Instant::now() < over_at {
            let pids = self.ledger_pids().await;
            let mut failing = block_in_place(|| FailingFsync::of(&pids))?;
            failing.last_until(over_at).await;
            block_in_place(|| drop(failing));
        }
        self.revive_ledger().await
    }

    async fn be_off(&self, by_ms: i64, lasts: Duration) -> Result<(), ChaosError> {
        self.clock.move_by(by_ms)?;
        sleep(lasts).await;
        self.clock.move_by(0)
    }
}

async fn disturb(road: &Proxy, trouble: Trouble, lasts: Duration) {
    match trouble {
        Trouble::Drops => road.set_weather(Weather::Blocked),
        Trouble::LosesAnswers => road.set_weather(Weather::AnswersBlocked),
        Trouble::Delays => road.set_weather(Weather::Slow(DELAY)),
        Trouble::Resets => {
            let resets = async {
                loop {
                    road.cut();
                    sleep(RESETS_EVERY).await;
                }
            };
            // Ends by running out of time, as it should.
            let _ = timeout(lasts, resets).await;
            return;
        }
    }
    sleep(lasts).await;
    if trouble == Trouble::LosesAnswers {
        road.cut();
    }
    road.set_weather(Weather::Clear);
}
