//! Whether a process can sell.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use domain::{
    Code, Epoch, Failure, Health, Phase, Ports, Sale, SaleId, Services, StoreError,
    answer::Doing,
    health::{Checked, Reach, Unserved, Way},
    ports::{
        AttemptPermit, CodeRecord, LedgerStore, Redemption, SaleRegister, SaleSnapshot, SaleStore,
        Verdict,
    },
};
use fakes::{FakeLedger, Fault, Operation, World};

use crate::{TestTasks, ports, services};

/// A process that serves an open sale.
struct Serving {
    world: World,
    sale: Sale,
    services: Services,
    health: Arc<Health>,
    way: Arc<Way>,
}

impl Serving {
    async fn start() -> Self {
        let world = World::new();
        let sale = world.open_sale(5, 5);
        let services = services(&world);
        let health = services.health(world.live.clone(), Arc::new(TestTasks), true);
        let way = services.by_way_of(ports(&world)).way(&health);
        services.catalog.refresh().await.unwrap();
        services.rebuild.restore(sale.id, None).await.unwrap();
        Self { world, sale, services, health, way }
    }

    /// What a look finds that is not shared with one before. What must be waited for is.
    async fn look(&self) -> Arc<Checked> {
        self.world.clock.advance_ms(1_000);
        let health = Arc::clone(&self.health);
        let look = tokio::spawn(async move { health.look().await.unwrap() });
        while !look.is_finished() {
            self.world.clock.advance_ms(10);
            tokio::task::yield_now().await;
        }
        look.await.unwrap()
    }
}

#[tokio::test]
async fn a_process_that_serves_its_sale_can_sell() {
    let serving = Serving::start().await;

    let checked = serving.look().await;

    assert!(checked.can_sell() && checked.can_serve(), "{checked:?}");
    assert_eq!(checked.sale, Ok(Some(Phase::Open)));
}

#[tokio::test]
async fn what_keeps_a_unit_from_being_taken_is_met_and_purchases_go_on() {
    let serving = Serving::start().await;
    let live = serving.world.live.faults();
    live.plan(Operation::PlaceHold, Fault::Refuse);

    let refuses = serving.look().await;
    live.set_down(true);
    let down = serving.look().await;
    live.set_down(false);

    assert_eq!((refuses.live, down.live), (Reach::Refuses, Reach::Down));
    for checked in [refuses, down] {
        assert!(!checked.can_sell() && checked.can_serve(), "{checked:?}");
    }
    assert!(serving.look().await.can_sell());
}

#[tokio::test]
async fn what_keeps_a_ledger_from_being_written_is_met_and_nothing_can_be_served() {
    let serving = Serving::start().await;
    let ledger = serving.world.ledger.faults();
    for fault in [Fault::Refuse, Fault::Lose, Fault::Pause] {
        ledger.plan(Operation::Redeem, fault);

        let checked = serving.look().await;

        assert_eq!(checked.ledger, Reach::Refuses, "{fault:?}");
        assert!(!checked.can_sell() && !checked.can_serve(), "{checked:?}");
    }
    ledger.set_down(true);
    let checked = serving.look().await;
    assert_eq!((checked.ledger, checked.can_serve()), (Reach::Down, false));
}

/// A ledger of which somebody else has the lock.
struct Locked {
    ledger: Arc<FakeLedger>,
    says_so: AtomicBool,
}

#[async_trait]
impl LedgerStore for Locked {
    fn permit(&self) -> Result<Box<dyn AttemptPermit>, StoreError> {
        if self.says_so.load(Ordering::SeqCst) {
            let error = StoreError::new(Doing::step("a test"), Failure::NotDone, "locked");
            return Err(error.with_remedy(Some("end who has the lock".into())));
        }
        self.ledger.permit()
    }

    async fn redeem(&self, redemption: Redemption) -> Result<CodeRecord, StoreError> {
        self.ledger.redeem(redemption).await
    }

    async fn release(&self, code: Code) -> Result<CodeRecord, StoreError> {
        self.ledger.release(code).await
    }

    async fn find(&self, code: Code) -> Result<CodeRecord, StoreError> {
        LedgerStore::find(&*self.ledger, code).await
    }

    async fn judge(
        &self,
        sale: SaleId,
        codes: &[Code],
    ) -> Result<Vec<(Code, Verdict)>, StoreError> {
        self.ledger.judge(sale, codes).await
    }

    async fn expire_overdue(
        &self,
        sales: &[Sale],
        overdue_ms: i64,
        limit: usize,
    ) -> Result<Vec<Code>, StoreError> {
        self.ledger.expire_overdue(sales, overdue_ms, limit).await
    }
}

#[tokio::test]
async fn what_a_store_said_last_is_why_it_refuses_while_it_is_late_to_say_so() {
    let serving = Serving::start().await;
    let ledger = serving.world.ledger.clone();
    let locked = Arc::new(Locked { ledger, says_so: AtomicBool::new(true) });
    let ports = Ports { ledger: locked.clone(), ..ports(&serving.world) };
    let _way = serving.services.by_way_of(ports).way(&serving.health);
    let redeems = |fault| serving.world.ledger.faults().plan(Operation::Redeem, fault);
    let remedy = async || {
        let checked = serving.look().await;
        (checked.ledger, checked.ledger_remedy.clone().unwrap_or_default().into_owned())
    };

    let says_so = remedy().await;
    locked.says_so.store(false, Ordering::SeqCst);
    redeems(Fault::Pause);
    redeems(Fault::Pause);
    let is_late = remedy().await;
    redeems(Fault::Refuse);
    let says_nothing = remedy().await;
    let is_up = remedy().await;

    let why = "end who has the lock".to_owned();
    assert_eq!(says_so, (Reach::Refuses, why.clone()));
    assert_eq!(is_late, (Reach::Refuses, why));
    assert_eq!(says_nothing.0, Reach::Refuses);
    assert!(says_nothing.1.contains("answered in time"), "{says_nothing:?}");
    assert_eq!(is_up, (Reach::Up, String::new()));
}

#[tokio::test]
async fn what_was_found_is_known_for_a_while_to_whoever_cannot_wait_for_a_look() {
    let serving = Serving::start().await;
    assert!(serving.health.found_lately().is_none(), "nobody has looked");

    let found = serving.look().await;

    assert!(Arc::ptr_eq(&found, &serving.health.found_lately().unwrap()));
    serving.world.clock.advance_ms(9_000);
    assert!(serving.health.found_lately().is_some());
    serving.world.clock.advance_ms(2_000);
    assert!(serving.health.found_lately().is_none(), "it says nothing of now");
}

#[tokio::test]
async fn a_store_that_answers_and_gives_no_reason_is_said_to_give_none() {
    let serving = Serving::start().await;
    serving.world.ledger.faults().plan(Operation::Redeem, Fault::Pause);

    let checked = serving.look().await;

    assert!(checked.ledger_remedy.as_ref().unwrap().contains("answered in time"), "{checked:?}");
    assert_eq!(serving.look().await.ledger_remedy, None);
}

#[tokio::test]
async fn a_ledger_whose_writer_is_gone_is_met_though_all_else_answers() {
    let serving = Serving::start().await;
    let before = serving.look().await;

    serving.world.ledger.end_writer();
    let after = serving.look().await;

    assert!(before.can_serve());
    assert_eq!((after.ledger, after.can_serve(), after.can_sell()), (Reach::Refuses, false, false));
}

#[tokio::test]
async fn an_open_sale_of_which_nothing_can_be_had_is_named() {
    let serving = Serving::start().await;
    let Serving { world, sale, .. } = &serving;
    let unserved = async || serving.look().await.unserved.clone();

    world.live.wipe();
    assert_eq!(unserved().await, [(sale.id, Unserved::NotServed)]);

    serving.services.rebuild.restore(sale.id, None).await.unwrap();
    assert_eq!(unserved().await, []);
    world.clock.advance_ms(1_000);
    world.ledger.raise_epoch(sale.id, None).await.unwrap();
    serving.services.catalog.refresh().await.unwrap();
    assert_eq!(unserved().await, [(sale.id, Unserved::Outdated)]);

    let ahead = SaleSnapshot { sale: Sale { epoch: Epoch(99), ..*sale }, live: Vec::new() };
    world.live.load(&ahead, world.clock.now()).await.unwrap();
    assert_eq!(unserved().await, [(sale.id, Unserved::LedgerBehind)]);
    assert!(serving.look().await.can_serve());
}

#[tokio::test]
async fn a_sale_that_is_served_again_in_a_moment_is_no_fault() {
    let serving = Serving::start().await;
    serving.world.live.wipe();
    serving.world.clock.advance_ms(1_000);
    let health = Arc::clone(&serving.health);
    let look = tokio::spawn(async move { health.look().await.unwrap() });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!look.is_finished());

    serving.services.rebuild.restore(serving.sale.id, None).await.unwrap();
    serving.world.clock.advance_ms(150);

    assert!(look.await.unwrap().can_sell());
}

#[tokio::test]
async fn a_sale_that_is_paused_to_come_or_over_is_no_fault() {
    let serving = Serving::start().await;
    let Serving { world, sale, services, .. } = &serving;

    world.ledger.set_paused(sale.id, true).await.unwrap();
    services.catalog.refresh().await.unwrap();
    world.live.wipe();
    let paused = serving.look().await;
    world.clock.set(sale.window.ends_at());
    services.catalog.refresh().await.unwrap();
    let over = serving.look().await;
    let _to_come = world.sale_in(3_600_000, 1_000, 1, 1);
    services.catalog.refresh().await.unwrap();
    let to_come = serving.look().await;

    assert!(paused.can_sell() && over.can_sell() && to_come.can_sell());
    let phases = [paused.sale, over.sale, to_come.sale];
    assert_eq!(phases, [Ok(Some(Phase::Paused)), Ok(None), Ok(Some(Phase::Scheduled))]);
}

#[tokio::test]
async fn how_the_requests_of_buyers_went_counts() {
    let serving = Serving::start().await;
    let lost = || {
        let error = StoreError::new(Doing::step("a test"), Failure::Unknown, "lost");
        Err::<(), _>(error.with_remedy(Some("find it".into())))
    };

    let waiting = serving.way.checkouts.begin();
    assert!(!serving.look().await.stands_still);
    serving.world.clock.advance_ms(3_000);
    let stands_still = serving.look().await;
    waiting.end(&lost());
    let failing = serving.look().await;
    serving.way.checkouts.begin().end(&Ok::<_, StoreError>(()));

    assert!(stands_still.stands_still && !stands_still.can_sell());
    assert!(failing.is_failing && !failing.can_sell());
    assert_eq!(failing.failing_remedy.as_deref(), Some("find it"));
    assert!(serving.look().await.can_sell());
}

#[tokio::test]
async fn nobody_is_said_to_wait_for_longer_than_they_do() {
    let serving = Serving::start().await;
    let Serving { world, way, .. } = &serving;

    let hangs_up = way.checkouts.begin();
    world.clock.advance_ms(1_500);
    let goes_on = way.checkouts.begin();
    world.clock.advance_ms(500);
    drop(hangs_up);
    let for_two_and_a_half = serving.look().await;
    world.clock.advance_ms(1_000);
    let for_longer = serving.look().await;

    assert!(!for_two_and_a_half.stands_still, "one who hung up does not wait any more");
    assert!(for_longer.stands_still);
    drop(goes_on);
    assert!(!serving.look().await.stands_still);
}

#[tokio::test]
async fn who_got_on_is_not_said_to_wait_while_others_began_long_ago() {
    let serving = Serving::start().await;
    let Serving { world, way, .. } = &serving;

    let slow = way.checkouts.begin();
    world.clock.advance_ms(5_000);
    way.checkouts.begin().end(&Ok::<_, StoreError>(()));

    assert!(!serving.look().await.stands_still, "somebody got on a moment ago");
    drop(slow);
}

#[tokio::test]
async fn a_process_is_ready_once_it_serves_its_sale() {
    let world = World::new();
    let services = services(&world);
    let health = services.health(world.live.clone(), Arc::new(TestTasks), true);
    let way = services.way(&health);
    let sale = world.open_sale(1, 1);
    let serving = Serving { world, sale, services, health, way };

    let knows_nothing = serving.look().await;
    serving.services.catalog.refresh().await.unwrap();
    let loads = serving.look().await;
    serving.services.rebuild.restore(sale.id, None).await.unwrap();
    let serves = serving.look().await;
    serving.world.live.wipe();
    let lost_it = serving.look().await;

    assert!(!knows_nothing.can_serve() && !loads.can_serve());
    assert!(serves.can_serve() && serves.can_sell());
    assert!(lost_it.can_serve() && !lost_it.can_sell());
}

#[tokio::test]
async fn one_look_is_shared_by_all_who_ask() {
    let serving = Serving::start().await;
    let well = serving.look().await;
    serving.world.live.faults().set_down(true);

    let shared = serving.health.look().await.unwrap();

    assert!(Arc::ptr_eq(&well, &shared));
}
