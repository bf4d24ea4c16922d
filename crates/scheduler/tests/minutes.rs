//! When minutes are written down, on the fakes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    SaleId, StoreError, UnixMillis,
    history::{MINUTE_MS, Minute, Point},
    ports::SaleHistory,
    processes::ProcessId,
};
use fakes::{Fault, Operation, World};
use scheduler::{HISTORY_EVERY, Minutes};
use tokio::{sync::Notify, task::JoinHandle, time::sleep};

/// What was written down.
#[derive(Default)]
struct Written(Mutex<Vec<Minute>>);

#[async_trait]
impl SaleHistory for Written {
    async fn note(&self, minute: &Minute, _: ProcessId) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(minute.clone());
        Ok(())
    }

    fn has_counted(&self, _: SaleId) -> bool {
        false
    }

    async fn minutes(&self, _: SaleId, _: UnixMillis) -> Result<Vec<Point>, StoreError> {
        unreachable!("nobody draws")
    }

    async fn drop_before(&self, _: UnixMillis, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// A process that writes down how its open sale goes.
struct Writing {
    world: World,
    written: Arc<Written>,
    stop: Arc<Notify>,
    running: JoinHandle<()>,
    begin: UnixMillis,
}

impl Writing {
    async fn begin(world: World) -> Self {
        let _open = world.open_sale(3, 1);
        let services = world.services(1);
        services.catalog.refresh().await.unwrap();
        let (written, stop) = (Arc::new(Written::default()), Arc::new(Notify::new()));
        let minutes = Minutes::of(services.history(written.clone(), ProcessId(1)));
        let stopped = Arc::clone(&stop);
        let running = tokio::spawn(async move { minutes.run(stopped.notified()).await });
        let now = world.clock.now();
        let begin = now + -now.0.rem_euclid(MINUTE_MS);
        // The clock is paused: these waits take no time.
        sleep(HISTORY_EVERY / 2).await;
        Self { world, written, stop, running, begin }
    }

    /// The minutes that are written, by how many have passed.
    fn minutes(&self) -> Vec<i64> {
        let written = self.written.0.lock().unwrap();
        written.iter().map(|it| (it.at - self.begin) / MINUTE_MS).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_minute_is_written_by_itself_and_the_last_when_the_process_stops() {
    let mut writing = Writing::begin(World::new()).await;
    assert_eq!(writing.minutes(), [0]);
    writing.world.clock.advance_ms(MINUTE_MS);
    sleep(HISTORY_EVERY).await;
    assert_eq!(writing.minutes(), [0, 1]);

    writing.stop.notify_one();
    (&mut writing.running).await.unwrap();

    assert_eq!(writing.minutes(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_does_not_wait_for_a_ledger_that_stands_still() {
    let world = World::new();
    world.ledger.faults().plan(Operation::Tally, Fault::Pause);
    let mut writing = Writing::begin(world).await;
    assert_eq!(writing.minutes(), [0; 0]);

    writing.stop.notify_one();
    let stopped = tokio::time::timeout(Duration::from_millis(600), &mut writing.running).await;

    stopped.expect("it waits no longer").unwrap();
    assert_eq!(writing.minutes(), [0; 0]);
}
