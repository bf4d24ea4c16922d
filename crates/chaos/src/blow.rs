//! Striking, and healing what was struck.

use std::time::Duration;

use dev_servers::tied::Signal;
use tokio::{task::block_in_place, time::sleep};

use crate::{
    error::ChaosError,
    fault::{Fault, Kind, Pair, SERVICES, Target, Trouble},
    fsync::FailingFsync,
    history::now_ms,
    plan::Strike,
    proxy::Weather,
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
        let fault = strike.fault;
        // A blow may take longer than planned; the next one to the same store waits for it.
        let _turn = match fault.target() {
            Target::Postgres => Some(self.postgres_turn.lock().await),
            Target::Redis => Some(self.redis_turn.lock().await),
            _ => None,
        };
        let lasts = Duration::from_millis(strike.lasts_ms.into());
        let begun_ms = now_ms();
        let struck_ms = match fault.kind {
            Kind::RedisRolledBack => self.roll_redis_back(lasts).await?,
            Kind::RedisFailedOver => self.fail_redis_over(lasts).await?,
            _ => {
                self.strike(fault, lasts).await?;
                begun_ms
            }
        };
        Ok(Blow { fault, struck_ms, healed_ms: now_ms() })
    }

    async fn strike(&self, fault: Fault, lasts: Duration) -> Result<(), ChaosError> {
        let (postgres, redis) = (&self.postgres, self.serving_redis());
        match fault.kind {
            Kind::ServiceKilled => self.kill_service(fault.service),
            Kind::ServiceStopped => {
                self.signal_service(fault.service, Signal::Stop)?;
                sleep(lasts).await;
                self.signal_service(fault.service, Signal::Continue)
            }
            Kind::ServicesReplaced => self.roll_services(lasts).await,
            Kind::RedisFlushed => Ok(block_in_place(|| redis.flush_all())?),
            Kind::RedisEmptied => {
                block_in_place(|| redis.kill().and_then(|()| redis.start_again()))?;
                Ok(())
            }
            Kind::RedisStopped => {
                block_in_place(|| redis.pause())?;
                sleep(lasts).await;
                Ok(block_in_place(|| redis.resume())?)
            }
            Kind::PostgresKilled => {
                block_in_place(|| postgres.kill().and_then(|()| postgres.start_again()))?;
                Ok(())
            }
            Kind::PostgresRestarted => Ok(block_in_place(|| postgres.restart())?),
            Kind::PostgresStopped => {
                block_in_place(|| postgres.pause())?;
                sleep(lasts).await;
                Ok(block_in_place(|| postgres.resume())?)
            }
            Kind::DiskFull => self.fill_disk(lasts).await,
            Kind::FsyncFails => self.fail_fsync(lasts).await,
            Kind::ClockAhead => self.be_off(CLOCK_MS, lasts).await,
            Kind::ClockBehind => self.be_off(-CLOCK_MS, lasts).await,
            Kind::Network(pair, trouble) => {
                self.disturb(pair, fault.service, trouble, lasts).await;
                Ok(())
            }
            Kind::RedisRolledBack | Kind::RedisFailedOver => Ok(()),
        }
    }

    /// Brings Redis back with what it held `ago`. Returns when that was lost.
    async fn roll_redis_back(&self, ago: Duration) -> Result<i64, ChaosError> {
        let redis = self.serving_redis();
        let copy = block_in_place(|| redis.save_snapshot())?;
        sleep(ago).await;
        let struck_ms = now_ms();
        block_in_place(|| redis.start_again_from(&copy))?;
        Ok(struck_ms)
    }

    /// Lets a replica serve that heard nothing for `ago`. Returns when it took over.
    async fn fail_redis_over(&self, ago: Duration) -> Result<i64, ChaosError> {
        block_in_place(|| self.following_redis().stop_following())?;
        sleep(ago).await;
        let struck_ms = now_ms();
        self.switch_redis();
        block_in_place(|| self.following_redis().follow(self.serving_redis()))?;
        Ok(struck_ms)
    }

    async fn roll_services(&self, lasts: Duration) -> Result<(), ChaosError> {
        self.take_next_build();
        for number in 0..SERVICES {
            self.replace_service(number)?;
            sleep(lasts / 3).await;
        }
        Ok(())
    }

    async fn fill_disk(&self, lasts: Duration) -> Result<(), ChaosError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        block_in_place(|| disk.fill())?;
        sleep(lasts).await;
        disk.free()?;
        Ok(block_in_place(|| self.postgres.revive())?)
    }

    async fn fail_fsync(&self, lasts: Duration) -> Result<(), ChaosError> {
        let failing = block_in_place(|| FailingFsync::of(&self.postgres.pids()))?;
        sleep(lasts).await;
        block_in_place(|| drop(failing));
        Ok(block_in_place(|| self.postgres.revive())?)
    }

    async fn be_off(&self, by_ms: i64, lasts: Duration) -> Result<(), ChaosError> {
        self.move_clock(by_ms)?;
        sleep(lasts).await;
        self.move_clock(0)
    }

    async fn disturb(&self, pair: Pair, service: usize, trouble: Trouble, lasts: Duration) {
        let road = self.road(pair, service);
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
                let _ = tokio::time::timeout(lasts, resets).await;
                return;
            }
        }
        sleep(lasts).await;
        if trouble == Trouble::LosesAnswers {
            road.cut();
        }
        road.set_weather(Weather::Clear);
    }
}
