//! What befalls stores and processes: it is drawn, and injected.

use std::sync::Arc;

use domain::ports::Store;
use fakes::{LedgerCopy, LiveCopy};

use crate::{
    executor::Owner,
    fault::Fault,
    lock::lock,
    operator,
    other_shop::{self, OTHER_SHOP},
    plan::Stack,
    process::Service,
    world::World,
};

/// How far a clock is set from the true time at most, in milliseconds.
pub(crate) const CLOCK_SET_MS_MAX: i64 = 20_000;

/// How many copies of the live store are kept to come back to.
const COPIES_MAX: usize = 4;

/// Injects faults into a service.
pub(crate) struct Injector {
    service: Arc<Service>,
    /// What the live store was once; first, with nothing in it.
    copies: Vec<LiveCopy>,
    /// Backups of the ledger, if it is to be restored.
    backups: Vec<LedgerCopy>,
    /// How many processes were ever started.
    started: usize,
}

impl Injector {
    /// An injector for a service that has not begun.
    pub(crate) fn new(service: Arc<Service>) -> Self {
        let (copies, started) =
            (vec![service.world.stores.live.copy()], service.world.plan.processes);
        Self { service, copies, backups: Vec::new(), started }
    }

    /// Injects one fault after another until all trouble is over.
    pub(crate) async fn run(mut self) {
        let world = Arc::clone(&self.service.world);
        while world.is_in_trouble() {
            let ms = world.random.within(20..=world.plan.between_faults_ms_max);
            world.pass(world.while_in_trouble(ms)).await;
            if world.random.happens(400) {
                if self.copies.len() == COPIES_MAX {
                    self.copies.remove(1);
                }
                self.copies.push(world.stores.live.copy());
                self.back_up();
            }
            if let Some(fault) = world.random.pick(&world.plan.faults)
                && world.is_in_trouble()
                && self.can_be(fault)
            {
                world.met(fault);
                world.note(|| format!("*** {}", fault.name()));
                self.inject(&world, fault);
                lock(&world.safety).forget_stops(&world.stores.live);
            }
        }
    }

    /// A ledger can be restored once: two operators would accept for each other.
    fn can_be(&self, fault: Fault) -> bool {
        let restored = lock(&self.service.network).restorations(Store::Ledger) > 0;
        fault != Fault::LedgerRestored || (!restored && !self.backups.is_empty())
    }

    fn inject(&mut self, world: &Arc<World>, fault: Fault) {
        let random = &world.random;
        let until_ms = world.now_ms() + world.while_in_trouble(random.within(10..=2_000));
        let hold_ms = world.plan.terms.hold_ms();
        let set_ms_max = random.pick(&[300, hold_ms * 2, CLOCK_SET_MS_MAX]).unwrap_or(300);
        let set_ms = random.around_zero(set_ms_max);
        let network = &self.service.network;
        match fault {
            Fault::CutOff => {
                let process = self.service.pick();
                let store = random.pick(&[Store::Live, Store::Ledger]);
                if let (Some((_, process)), Some(store)) = (process, store) {
                    lock(network).cut_off(process.number, store, until_ms);
                }
            }
            Fault::LiveWiped => world.stores.live.wipe(),
            Fault::LiveRestartedEmpty => self.restart_live_side_empty(),
            Fault::LiveRestartedStale | Fault::LiveRolledBack => self.go_back(fault),
            Fault::LiveDown => lock(network).take_down(Store::Live, until_ms),
            Fault::LiveClockSet => world.stores.live.set_skew_ms(set_ms),
            Fault::LedgerRestarted => self.restart_ledger(),
            Fault::LedgerDown => lock(network).take_down(Store::Ledger, until_ms),
            Fault::LedgerClockSet => {
                world.set_clock(world.true_time() + set_ms);
                let clock = &world.stores.clock;
                world.note(|| format!("the ledger's clock shows {:?}", clock.now()));
            }
            Fault::ProcessStopped => {
                self.stop(u64::try_from(hold_ms).unwrap_or(0) + random.within(10..=1_500));
            }
            Fault::ProcessSlowed => self.stop(random.within(1..=300)),
            Fault::ProcessKilled => self.kill(),
            Fault::LedgerRestored => self.restore_ledger(),
            Fault::OtherShop => self.let_other_shop_in(until_ms.saturating_sub(world.now_ms())),
            // These befall calls, not stores and processes.
            Fault::RequestLost
            | Fault::ReplyLost
            | Fault::RequestDelayed
            | Fault::RequestRepeated
            | Fault::CallRefused
            | Fault::CommitUnknown
            | Fault::ClientHungUp
            | Fault::ClientCutOff => {}
        }
    }

    fn restart_live_side_empty(&self) {
        if let Some(nothing) = self.copies.first() {
            lock(&self.service.network).restart(Store::Live);
            self.service.world.stores.live.restore(nothing);
        }
    }

    fn restart_ledger(&self) {
        lock(&self.service.network).restart(Store::Ledger);
        self.service.world.stores.ledger.restart();
    }

    /// Takes the live store back to a copy.
    fn go_back(&self, fault: Fault) {
        let World { random, stores, safety, .. } = &*self.service.world;
        let Some(copy) = random.pick(&self.copies) else { return };
        lock(&self.service.network).restart(Store::Live);
        if fault == Fault::LiveRolledBack {
            stores.live.roll_back_undetected(&copy);
            lock(safety).doubt(&stores.ledger.sales());
        } else {
            stores.live.restore(&copy);
        }
    }

    /// Lets a process stand still.
    fn stop(&self, ms: u64) {
        let Some((_, process)) = self.service.pick() else { return };
        let (world, owner) = (Arc::clone(&self.service.world), process.owner());
        world.note(|| format!("p{} stands still for {ms} ms", process.number));
        world.tasks.set_stopped(owner, true);
        world.tasks.clone().start(Owner::World, async move {
            world.pass(world.while_in_trouble(ms)).await;
            world.tasks.set_stopped(owner, false);
            world.note(|| format!("{owner:?} goes on"));
        });
    }

    /// Adds a backup to those that there are, if one is to be restored some time.
    fn back_up(&mut self) {
        let world = &self.service.world;
        if world.plan.faults.contains(&Fault::LedgerRestored) {
            self.backups.extend(world.stores.ledger.back_up());
        }
    }

    /// Stops all processes, takes the ledger back to a backup, and starts others.
    fn restore_ledger(&mut self) {
        let service = Arc::clone(&self.service);
        let world = &service.world;
        let Some(backup) = world.random.pick(&std::mem::take(&mut self.backups)) else { return };
        lock(&service.network).restore_ledger();
        world.stores.ledger.restore(&backup);
        lock(&world.safety).go_back(&world.stores);
        for place in 0..service.places() {
            service.kill(place);
            self.start_later(place);
        }
        world.tasks.start(Owner::World, operator::accept_restore(Arc::clone(&service)));
    }

    fn let_other_shop_in(&self, for_ms: u64) {
        let world = Arc::clone(&self.service.world);
        world.tasks.clone().end_all(OTHER_SHOP);
        world.tasks.clone().start(OTHER_SHOP, other_shop::serve(world, for_ms));
    }

    fn kill(&mut self) {
        let Some((place, process)) = self.service.pick() else { return };
        let world = &self.service.world;
        world.note(|| format!("p{} dies", process.number));
        self.service.kill(place);
        if world.plan.stack == Stack::Embedded {
            // It was the live store too, and the only one that wrote.
            self.restart_live_side_empty();
            self.restart_ledger();
        }
        self.start_later(place);
    }

    /// Starts a new process in a place after a while.
    fn start_later(&mut self, place: usize) {
        let world = &self.service.world;
        self.started += 1;
        let number = u16::try_from(self.started).unwrap_or(u16::MAX);
        let service = Arc::clone(&self.service);
        world.tasks.start(Owner::World, async move {
            let world = &service.world;
            world.pass(world.while_in_trouble(world.random.within(0..=1_500))).await;
            service.start(place, number);
        });
    }
}
