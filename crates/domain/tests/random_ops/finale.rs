//! The end of a run: everything works again, and nothing has leaked.

use domain::{CheckoutRefusal, Phase, StoreError, sale::SaleState, upkeep::Swept};
use fakes::{HoldState, Process, World};

use crate::{
    SKEW_MS_MAX,
    model::{Model, now},
};

/// More ticks than any repair needs: one to notice, one to be sure, one to rebuild.
const TICKS: u32 = 6;

/// For how long processes remember to drop a sale that is closed, in milliseconds, less what
/// the healing takes. If all of them are down for longer, it stays, and does no harm.
const FORGET_WITHIN_MS: i64 = 600_000 - World::HOLD_MS - SKEW_MS_MAX - 10_000;

/// Milliseconds between two ticks of a process.
const TICK_MS: i64 = 1_000;

impl Model {
    /// Lets everything work again, waits until every hold is due, and sees that each unit is
    /// sold or can be.
    pub(crate) fn heal(mut self) {
        self.finish_calls();
        let closed_ms = self.closed_at.map(|at| self.world.clock.now() - at);
        let is_long_closed = closed_ms.is_some_and(|ms| ms > FORGET_WITHIN_MS);
        // The live store calls a hold due this much late if its clock was set in between.
        self.world.clock.advance_ms(World::HOLD_MS + SKEW_MS_MAX);
        for _ in 0..TICKS {
            for process in &self.processes {
                now(self.tick(process)).unwrap();
            }
            self.world.clock.advance_ms(TICK_MS);
            self.check();
        }

        let holds = self.seen.values().filter(|&&state| state == HoldState::Held).count();
        assert_eq!(holds, 0, "a hold outlived its time");
        let sale = self.world.ledger.sale(self.sale.id).unwrap();
        if sale.phase_at(self.world.clock.now()) == Phase::Ended {
            assert_eq!(sale.state, SaleState::Closed);
            // An old copy may have it, but does not serve it.
            let is_served = self.world.live.served(sale.id).is_some();
            let may_be_served = self.doubtful.is_some() || is_long_closed;
            assert!(!is_served || may_be_served, "a closed sale is served");
        } else {
            self.sell_out();
        }
    }

    fn finish_calls(&mut self) {
        let (live, ledger) = (self.world.live.faults(), self.world.ledger.faults());
        live.clear();
        ledger.clear();
        now(self.world.ledger.set_paused(self.sale.id, false)).unwrap();
        while self.world.live.faults().resume() || self.world.ledger.faults().resume() {
            self.run();
        }
        assert!(self.calls.is_empty(), "a call waits for nothing");
        self.world.live.settle_late();
        self.check();
    }

    /// What the scheduler does, in its order.
    async fn tick(&self, process: &Process) -> Result<(), StoreError> {
        process.catalog.refresh().await?;
        process.rebuild.run_asked().await?;
        for sale in &process.catalog.calendar().sales {
            if process.sweep.run(sale.id).await? == Swept::NotLoaded {
                process.rebuild.restore(sale.id, None).await?;
            }
        }
        process.sweep.run_overdue(&process.catalog.calendar().sales).await?;
        for sale in &process.catalog.calendar().sales {
            process.reconcile.run(sale).await?;
        }
        process.retire.run().await.map(drop)
    }

    /// Sells what is left, to buyers who have nothing yet.
    fn sell_out(&mut self) {
        let sold = self.world.ledger.purchases().len();
        let left = self.sale.terms.stock() as usize - sold;
        let process = self.processes[0].clone();
        for buyer in 0..left {
            let hold = now(process.take(&self.sale, &format!("buyer-{buyer}")));
            now(process.purchase.redeem(hold.code)).unwrap().unwrap();
        }

        let refusal = now(process.ask(&self.sale, "late")).unwrap().unwrap_err();
        assert_eq!(refusal, CheckoutRefusal::SoldOut { retry: None });
        self.check();
    }
}
