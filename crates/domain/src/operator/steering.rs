//! Carrying out what operators order, and seeing it take effect.

use std::sync::Arc;

use tokio::sync::{Mutex, oneshot};

use crate::{
    Catalog, Epoch, Failure, ProductVersion, Sale, SaleId, StoreError, Timetable,
    answer::Doing,
    asked_once::Bounded,
    operator::{
        Acted, Action, ActionId, ActionRecord, Beside, Order, PurchaseSeen, Seen, change::gives,
    },
    ports::{
        ActReply, Clock, CodeStore, LiveEpoch, Operation, Operator, SaleSnapshot, SaleStore, Tasks,
        TrailPage, Verdict,
    },
    remembered::HEARD_MS_MAX,
    sale::SaleState,
    upkeep::{LOAD_AHEAD_MS, Rebuild},
    within::within,
};

/// How long an operator waits until what they changed is in effect, in milliseconds.
pub const EFFECT_WAIT_MS: u64 = 1_000;

const SHOW: Doing = Doing::step("Steering::show");

/// How often it is looked whether a load that is under way has come to its end, and how long is waited
/// between two looks.
const LOOKS_MAX: u32 = 20;
const LOOK_AGAIN_MS: u64 = 25;

/// Sales of which it is kept how many units they had at the most.
const SALES_KEPT_MAX: usize = 1_024;

/// How many changes of a sale are looked at for that: the last ones.
const CHANGES_MAX: usize = 1_000;

/// What operators have done, and its trail.
pub struct Steering {
    operator: Arc<dyn Operator>,
    sales: Arc<dyn SaleStore>,
    codes: Arc<dyn CodeStore>,
    clock: Arc<dyn Clock>,
    catalog: Arc<Catalog>,
    rebuild: Arc<Rebuild>,
    timetable: Option<Timetable>,
    tasks: Option<Arc<dyn Tasks>>,
    most_units: Mutex<Bounded<SaleId, (Epoch, u32)>>,
}

/// What an operator is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done {
        /// What, as the trail has it.
        record: ActionRecord,
        /// Whether every process goes by it; what a product is, they learn within seconds. If not, they will as soon as the live store is up to date:
        /// until then whatever was taken away is not granted any more, and is refused as unavailable.
        in_effect: bool,
        /// Whether it had been done when this order came.
        is_replayed: bool,
    },
    /// It is not done, and will not be under this id.
    Refused {
        /// Why, as the trail has it; `before` is the sale as it stood.
        record: ActionRecord,
        /// Whether it had been refused when this order came.
        is_replayed: bool,
    },
    /// The id is that of another order, and nothing was done: [`Order::differs_from`] says in what.
    IdUsed(
        /// That order.
        ActionRecord,
    ),
}

/// What has an order that was carried out be in effect.
struct Loading {
    /// What its sale is to be loaded with, if that was read.
    snapshot: Option<SaleSnapshot>,
    /// Whether the live store had the sale, or could not be asked.
    was_served: bool,
}

impl Steering {
    /// Steers these sales over these stores.
    pub(crate) fn new(
        operator: Arc<dyn Operator>,
        (sales, codes): (Arc<dyn SaleStore>, Arc<dyn CodeStore>),
        clock: Arc<dyn Clock>,
        (catalog, rebuild): (Arc<Catalog>, Arc<Rebuild>),
        timetable: Option<Timetable>,
        tasks: Option<Arc<dyn Tasks>>,
    ) -> Self {
        let most_units = Mutex::new(Bounded::new(SALES_KEPT_MAX));
        Self { operator, sales, codes, clock, catalog, rebuild, timetable, tasks, most_units }
    }

    /// Carries an order out, and waits for a second until it is in effect.
    ///
    /// # Errors
    ///
    /// After [`Failure::Unknown`] it may be done: the same order again says so.
    pub async fn act(&self, order: &Order) -> Result<Answer, StoreError> {
        match self.give(order).await? {
            (Answer::Done { record, is_replayed, .. }, loading) => {
                let effect = self.take_effect(&record, loading);
                let in_effect = within(&*self.clock, EFFECT_WAIT_MS, effect).await;
                let in_effect = matches!(in_effect, Some(Ok(())));
                Ok(Answer::Done { record, in_effect, is_replayed })
            }
            (answer, _) => Ok(answer),
        }
    }

    /// Carries an order out, and waits for nothing: of none that is done it is said that it is in effect. Whoever has
    /// several about a sale gives them so, and then the last one again to [`act`](Self::act), which waits for all: the
    /// sale is loaded once.
    ///
    /// # Errors
    ///
    /// As those of [`act`](Self::act).
    pub async fn carry_out(&self, order: &Order) -> Result<Answer, StoreError> {
        self.give(order).await.map(|(answer, _)| answer)
    }

    async fn give(&self, order: &Order) -> Result<(Answer, Loading), StoreError> {
        let (live, is_blind) = match self.look(&order.action).await {
            Ok(live) => (live, false),
            Err(_) if order.action.only_stops() || self.is_past(&order.action).await => {
                (None, true)
            }
            Err(error) => return Err(error),
        };
        let beside = Beside { live, is_blind, timetable: self.timetable };
        let (record, snapshot, is_replayed) = match self.ask_ledger(order, beside).await? {
            ActReply::Now { record, snapshot } => (record, snapshot, false),
            ActReply::Before(record) => (record, None, true),
        };
        let loading = Loading { snapshot, was_served: live.is_some() || is_blind };
        let answer = match record.outcome {
            _ if !order.differs_from(&record.order).is_empty() => Answer::IdUsed(record),
            Acted::Refused(_) => Answer::Refused { record, is_replayed },
            Acted::Done(_) => Answer::Done { record, in_effect: false, is_replayed },
        };
        Ok((answer, loading))
    }

    /// Has the ledger carry it out. Where there are tasks, that is one, and comes to its end also if whoever
    /// gave the order goes away: what a commit wrote whose end nobody hears may be read although no standby
    /// has it, for only who hears that it was given up keeps the others from that.
    async fn ask_ledger(&self, order: &Order, beside: Beside) -> Result<ActReply, StoreError> {
        let Some(tasks) = &self.tasks else { return self.operator.act(order, &beside).await };
        let (operator, order) = (Arc::clone(&self.operator), order.clone());
        let (acted, acting) = oneshot::channel();
        tasks.start(Box::pin(async move {
            let _ = acted.send(operator.act(&order, &beside).await);
        }));
        let broken_off = |_| {
            let reason = "it was broken off, for the process is ending";
            Err(StoreError::new(Operation::Act, Failure::Unknown, reason))
        };
        acting.await.unwrap_or_else(broken_off)
    }

    /// What came of the order of this id.
    pub async fn action(&self, id: ActionId) -> Result<Option<ActionRecord>, StoreError> {
        self.operator.action(id).await
    }

    /// The trail, the newest first.
    pub async fn trail(&self, page: TrailPage) -> Result<Vec<ActionRecord>, StoreError> {
        self.operator.trail(page).await
    }

    /// The number of the last change of a sale, 0 if there was none: what an order may name as
    /// [`if_at`](Order::if_at).
    pub async fn version(&self, sale: SaleId) -> Result<i64, StoreError> {
        let page = TrailPage { sale: Some(sale), before: None, changes_only: true, limit: 1 };
        let last = self.operator.trail(page).await?;
        Ok(last.first().map_or(0, |record| record.number))
    }

    /// The most units that a sale has had so far: its stock may have been lowered since. The ledger is asked once
    /// an epoch of a sale and by one at a time, whoever wants to know.
    pub async fn most_units(&self, sale: &Sale) -> Result<u32, StoreError> {
        let mut known = self.most_units.lock().await;
        if let Some(&(epoch, most)) = known.get(&sale.id)
            && epoch == sale.epoch
        {
            return Ok(most);
        }
        let page =
            TrailPage { sale: Some(sale.id), before: None, changes_only: true, limit: CHANGES_MAX };
        let changes = self.operator.trail(page).await?;
        let had = changes.iter().flat_map(ActionRecord::stocks);
        let most = had.fold(sale.terms.stock(), u32::max);
        known.put(sale.id, (sale.epoch, most));
        Ok(most)
    }

    /// The epoch that the live store serves of the sale.
    async fn look(&self, action: &Action) -> Result<Option<LiveEpoch>, StoreError> {
        let Some(sale) = action.sale().filter(|_| action.is_of_sale()) else { return Ok(None) };
        for _ in 0..LOOKS_MAX {
            match self.sales.status(sale).await {
                Ok(status) => return Ok(status.map(|status| LiveEpoch::Served(status.epoch))),
                // Its load ends soon, or begins anew with what is done now.
                Err(error) if error.failure() == Failure::Rebuilding => {
                    self.clock.wait(LOOK_AGAIN_MS).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether it is about a sale that was closed: no live store has that any more.
    async fn is_past(&self, action: &Action) -> bool {
        let (Action::CancelPurchase(_), Some(sale)) = (action, action.sale()) else { return false };
        let listed = self.catalog.find(sale).await.ok().flatten();
        listed.is_some_and(|listed| listed.sale.state == SaleState::Closed)
    }

    async fn take_effect(
        &self,
        record: &ActionRecord,
        Loading { snapshot, was_served }: Loading,
    ) -> Result<(), StoreError> {
        if let (Some(sale), Acted::Done(Seen::Purchase(after))) = (record.sale, &record.outcome) {
            return self.put_back(sale, *after).await;
        }
        if let Acted::Done(Seen::Product(after)) = &record.outcome {
            return self.show(&after.version).await;
        }
        let (Some(sale), Acted::Done(Seen::Sale(after))) = (record.sale, &record.outcome) else {
            if let Some(code) = record.order.action.code() {
                // Whoever is told so may ask at once; if the live store is down, the sweep tells it later.
                self.codes.settle(code.sale(), &[(code, Verdict::Free)]).await?;
            }
            return Ok(());
        };
        self.catalog.refresh().await?;
        let now = self.catalog.calendar().now;
        if matches!(record.order.action, Action::ScheduleSale { .. }) {
            return Ok(());
        }
        let Some(Seen::Sale(before)) = &record.before else { return Ok(()) };
        if was_served || after.window.starts_at() - now <= LOAD_AHEAD_MS {
            let is_raised = before.epoch < after.epoch || before == after;
            let older = if is_raised { Epoch(after.epoch.0 - 1) } else { after.epoch };
            self.serve(sale, older, snapshot).await?;
        }
        if gives(before, after) && before.epoch < after.epoch {
            // What other processes remember as sold out, or as far ahead, they have forgotten then.
            self.clock.wait(HEARD_MS_MAX).await;
        }
        Ok(())
    }

    /// Has this process show a product as it is now; others look about once a second.
    async fn show(&self, now: &ProductVersion) -> Result<(), StoreError> {
        self.catalog.refresh().await?;
        // The calendar is there also where a product could not be read.
        match self.catalog.products().listed(now.product) {
            Some(shown) if shown.id < now.id => {
                Err(StoreError::new(SHOW, Failure::NotDone, "its new version could not be read"))
            }
            _ => Ok(()),
        }
    }

    /// Has the unit of a purchase that was cancelled back on sale, by a rebuild: of however many there are. It is
    /// asked for first, so that it is done if nobody waits so long.
    async fn put_back(&self, sale: SaleId, after: PurchaseSeen) -> Result<(), StoreError> {
        let Some(epoch) = after.epoch else { return Ok(()) };
        let older = Epoch(epoch.0 - 1);
        self.rebuild.ask_as_ordered(sale, older);
        // A raised epoch alone gives nobody the unit.
        self.rebuild.restore(sale, Some(older)).await?;
        // What other processes remember as sold out, they have forgotten then.
        self.clock.wait(HEARD_MS_MAX).await;
        Ok(())
    }

    /// Has the sale served at an epoch above this one.
    async fn serve(
        &self,
        sale: SaleId,
        older: Epoch,
        snapshot: Option<SaleSnapshot>,
    ) -> Result<(), StoreError> {
        if let Some(snapshot) = snapshot
            && snapshot.sale.state != SaleState::Closed
            && self.rebuild.load_raised(snapshot).await?
        {
            return Ok(());
        }
        let Err(error) = self.rebuild.restore(sale, Some(older)).await else { return Ok(()) };
        // Somebody else may reach the live store: what was granted before they raised the epoch is not
        // recorded any more.
        self.catalog.refresh().await?;
        let listed = self.catalog.listed(sale).map(|listed| listed.sale.epoch);
        if listed > Some(Epoch(older.0 + 1)) { Ok(()) } else { Err(error) }
    }
}
