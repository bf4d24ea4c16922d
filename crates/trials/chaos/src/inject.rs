//! Injecting faults, and healing what they did.

use std::time::Duration;

use dev_servers::{Condition, Proxy};
use tokio::{
    task::block_in_place,
    time::{Instant, sleep, timeout},
};

use crate::{
    deployment::Deployment,
    error::ChaosError,
    fault::{Fault, Kind, RedisFault, Target, Trouble},
    fsync::FailingFsync,
    history::now_ms,
    plan::PlannedFault,
};

/// How far a clock is moved: less than a hold, and more than the service takes for jitter.
pub(crate) const CLOCK_MS: i64 = 1_400;

/// How much longer each piece takes on a slow network.
const DELAY: Duration = Duration::from_millis(150);

/// How often a bad network resets its connections.
const RESETS_EVERY: Duration = Duration::from_millis(200);

/// A fault that was injected, and when, by the clock of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InjectedFault {
    pub(crate) fault: Fault,
    /// When something was lost or began to fail, ms since the Unix epoch.
    pub(crate) injected_ms: i64,
    /// When nothing was in the way any more.
    pub(crate) healed_ms: i64,
}

impl Deployment {
    /// Injects a fault and heals it. An error is the harness's, not the service's.
    pub(crate) async fn inject(&self, planned: PlannedFault) -> Result<InjectedFault, ChaosError> {
        let PlannedFault { fault, lasts_ms, .. } = planned;
        // A fault may take longer than planned; the next one of the ledger waits for it.
        let _turn = match fault.target() {
            Target::Ledger => Some(self.ledger_turn.lock().await),
            _ => None,
        };
        let injected_ms = self.apply(fault, Duration::from_millis(lasts_ms.into())).await?;
        Ok(InjectedFault { fault, injected_ms, healed_ms: now_ms() })
    }

    /// Returns when something was lost, or began to fail.
    async fn apply(&self, fault: Fault, lasts: Duration) -> Result<i64, ChaosError> {
        let injected_ms = now_ms();
        match fault.kind {
            Kind::ServiceKilled => self.processes.kill(fault.service).await?,
            Kind::ServiceStopped => {
                self.processes.pause(fault.service).await?;
                sleep(lasts).await;
                self.processes.resume(fault.service).await?;
            }
            Kind::ServiceRestarted => self.processes.restart(fault.service).await?,
            Kind::ServicesReplaced => self.replace_services(lasts).await?,
            Kind::ServicesUpgraded => self.upgrade_services(lasts).await?,
            Kind::Redis(RedisFault::Shared) => {
                self.stores.servers()?.share_redis(&self.processes.build(), lasts).await?;
            }
            Kind::Redis(what) => return self.stores.servers()?.inject_redis(what, lasts).await,
            Kind::Postgres(what) => self.stores.servers()?.inject_postgres(what, lasts).await?,
            Kind::DiskFull => self.fill_disk(lasts).await?,
            Kind::LogDiskFull => self.processes.fill_log_disk(lasts).await?,
            Kind::FsyncFails => self.fail_fsync(lasts).await?,
            Kind::ClockAhead => self.be_off(CLOCK_MS, lasts).await?,
            Kind::ClockBehind => self.be_off(-CLOCK_MS, lasts).await?,
            Kind::Network(pair, trouble) => {
                disturb(self.proxy(pair, fault.service)?, trouble, lasts).await;
            }
        }
        Ok(injected_ms)
    }

    async fn replace_services(&self, lasts: Duration) -> Result<(), ChaosError> {
        self.processes.take_next_build();
        for number in 0..self.processes.len() {
            self.processes.restart(number).await?;
            sleep(lasts / 3).await;
        }
        Ok(())
    }

    /// The first process of the next version brings the ledger up to date while the others serve
    /// on. Nobody audits meanwhile: a version knows its own schema alone.
    async fn upgrade_services(&self, lasts: Duration) -> Result<(), ChaosError> {
        let turn = self.audit_turn.lock().await;
        self.processes.take_next_build();
        self.processes.restart(0).await?;
        self.processes.until_ready().await?;
        drop(turn);
        for number in 1..self.processes.len() {
            sleep(lasts / 3).await;
            self.processes.restart(number).await?;
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

async fn disturb(proxy: &Proxy, trouble: Trouble, lasts: Duration) {
    match trouble {
        Trouble::Drops => proxy.set_condition(Condition::Blocked),
        Trouble::LosesAnswers => proxy.set_condition(Condition::AnswersBlocked),
        Trouble::Delays => proxy.set_condition(Condition::Slow(DELAY)),
        Trouble::Resets => {
            let resets = async {
                loop {
                    proxy.cut();
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
        proxy.cut();
    }
    proxy.set_condition(Condition::Good);
}
