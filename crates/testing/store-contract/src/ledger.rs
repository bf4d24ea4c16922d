//! The ledger under test.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use domain::{
    CheckoutRefusal, Code, NewSale, Origin, Receipt, Sale, SaleId, Slot, StoreError, Terms,
    UnixMillis, UserId, Window,
    operator::{Acted, Action, Beside},
    ports::{
        ActReply, Answered, AnsweredCodes, Attempt, Clock, CodeOwners, CodeRecord, Grant,
        LedgerStore, Lookups, Operator, Outcome, Products, RaiseReply, Recorded, Redemption,
        SaleRegister, SaleSnapshot, Tally, Verdict,
    },
};

use crate::{
    fixtures::{HOUR, MINUTE, item, new_code, unit, until, user},
    operator::order,
};

/// A ledger, the time it lives by, and a look at its records.
#[derive(Clone)]
pub struct Ledger {
    /// Its codes.
    pub codes: Arc<dyn LedgerStore>,
    /// Whose its codes are.
    pub owners: Arc<dyn CodeOwners>,
    /// What it has answered.
    pub answered: Arc<dyn AnsweredCodes>,
    /// What is looked up in it.
    pub lookups: Arc<dyn Lookups>,
    /// Its products.
    pub products: Arc<dyn Products>,
    /// Its sales.
    pub register: Arc<dyn SaleRegister>,
    /// What operators do in it.
    pub operator: Arc<dyn Operator>,
    /// Lets the time of both pass.
    pub clock: Arc<dyn Clock>,
    /// Looks at the records behind the port.
    pub records: Arc<dyn CountRecords>,
}

/// What no port shows and the contract must see: that every attempt is written down.
#[async_trait]
pub trait CountRecords: Send + Sync {
    /// How many attempts at the sale are recorded, by outcome: `granted`, `sold_out`,
    /// `user_limit`, `not_open`, `ended`, `paused`, `unknown_sale`, or `tombstone`.
    async fn by_outcome(&self, sale: SaleId) -> BTreeMap<String, usize>;
}

impl Ledger {
    /// A ledger that is one store; waiting on `clock` lets the store's time pass.
    pub fn new<S>(store: Arc<S>, clock: Arc<dyn Clock>, records: Arc<dyn CountRecords>) -> Self
    where
        S: LedgerStore
            + AnsweredCodes
            + CodeOwners
            + Lookups
            + Products
            + Operator
            + SaleRegister
            + 'static,
    {
        Self {
            codes: store.clone(),
            owners: store.clone(),
            answered: store.clone(),
            lookups: store.clone(),
            products: store.clone(),
            operator: store.clone(),
            register: store,
            clock,
            records,
        }
    }

    /// The ledger's clock.
    pub async fn now(&self) -> UnixMillis {
        self.register.now().await.unwrap()
    }

    /// Schedules a sale in a window of its own, some time ahead.
    pub async fn schedule(&self, terms: Terms) -> Sale {
        static LAST: AtomicI64 = AtomicI64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        // Twice the length, because the clock goes on between two cases.
        let starts_at = self.now().await + 2 * number * HOUR;
        let window = Window::new(starts_at, starts_at + HOUR).unwrap();
        self.register
            .schedule(NewSale::unnamed(window, terms, Origin::Timetable))
            .await
            .unwrap()
            .expect("the window is free")
    }

    /// A sale at epoch 1, with holds that last.
    pub async fn open(&self, stock: u32, per_user_limit: u16) -> Sale {
        self.open_with(Terms::new(stock, per_user_limit, 5 * MINUTE).unwrap()).await
    }

    /// A sale at epoch 1, with holds that are due almost at once.
    pub async fn open_with_brief_holds(&self, stock: u32, per_user_limit: u16) -> Sale {
        self.open_with(Terms::new(stock, per_user_limit, 1).unwrap()).await
    }

    /// A sale at epoch 1.
    pub async fn open_with(&self, terms: Terms) -> Sale {
        let scheduled = self.schedule(terms).await;
        self.raise(&scheduled).await.sale
    }

    /// A sale of an operator at epoch 1 that is on, and can be [ended](Self::end).
    pub async fn going_on(&self, terms: Terms) -> Sale {
        let now = self.now().await;
        let window = Window::new(now + -HOUR, now + HOUR).unwrap();
        let new = NewSale::unnamed(window, terms, Origin::Operator);
        let scheduled = self.register.schedule(new).await.unwrap();
        self.raise(&scheduled.expect("it may overlap others")).await.sale
    }

    /// Ends a sale at this moment.
    pub async fn end(&self, sale: &Sale) {
        end(&*self.operator, sale).await;
    }

    /// Stops a sale for now, or lets it go on, at the epoch that it has.
    pub async fn set_paused(&self, sale: &Sale, is_paused: bool) -> Acted {
        set_paused(&*self.operator, sale, is_paused).await.unwrap()
    }

    /// Raises the epoch as soon as it may be raised, and returns the snapshot.
    pub async fn raise(&self, sale: &Sale) -> SaleSnapshot {
        until(&*self.clock, async || {
            match self.register.raise_epoch(sale.id, None).await.unwrap() {
                RaiseReply::Raised(snapshot) => Some(snapshot),
                RaiseReply::TooSoon => None,
                other => panic!("the epoch can be raised: {other:?}"),
            }
        })
        .await
    }

    /// Records an attempt.
    pub async fn record(&self, attempt: Attempt) -> Result<Recorded, StoreError> {
        self.codes.permit().unwrap().record(attempt).await
    }

    /// Records a grant.
    pub async fn record_grant(&self, sale: &Sale, user: &UserId, grant: Grant) -> Recorded {
        let outcome = Outcome::Granted(grant);
        let attempt = Attempt { sale: sale.id, user: user.clone(), outcome };
        self.record(attempt).await.unwrap()
    }

    /// Records a refusal.
    pub async fn record_refusal(&self, sale: SaleId, user: &UserId, refusal: CheckoutRefusal) {
        let attempt = Attempt { sale, user: user.clone(), outcome: Outcome::Refused(refusal) };
        assert_eq!(self.record(attempt).await.unwrap(), Recorded::Refusal);
    }

    /// Records a new grant of a unit and a slot that are free, and returns it with its expiry.
    pub async fn hold_until(
        &self,
        sale: &Sale,
        user: &UserId,
        number: u32,
        slot: u16,
    ) -> (Grant, UnixMillis) {
        let grant = grant(sale, number, slot);
        match self.record_grant(sale, user, grant).await {
            Recorded::Hold(granted) => (grant, granted.expires_at),
            other => panic!("the hold stands: {other:?}"),
        }
    }

    /// [`hold_until`](Self::hold_until), whose expiry does not matter.
    pub async fn hold(&self, sale: &Sale, user: &UserId, number: u32, slot: u16) -> Grant {
        self.hold_until(sale, user, number, slot).await.0
    }

    /// A hold that is due already.
    pub async fn hold_and_wait(&self, sale: &Sale, user: &UserId, number: u32, slot: u16) -> Grant {
        let (grant, expires_at) = self.hold_until(sale, user, number, slot).await;
        until(&*self.clock, async || (self.now().await > expires_at).then_some(())).await;
        grant
    }

    /// Redeems a code for the unit it holds.
    pub async fn redeem(&self, grant: Grant) -> CodeRecord {
        self.codes.redeem(redemption(grant)).await.unwrap()
    }

    /// Redeems a code that can be redeemed.
    pub async fn sell(&self, grant: Grant) -> Receipt {
        match self.redeem(grant).await {
            CodeRecord::SoldNow(receipt) => receipt,
            other => panic!("the code is good: {other:?}"),
        }
    }

    /// What the ledger has of a code.
    pub async fn find(&self, code: Code) -> CodeRecord {
        self.codes.find(code).await.unwrap()
    }

    /// What was answered of a code.
    pub async fn answered(&self, code: Code) -> Answered {
        self.answered.answered(code).await.unwrap()
    }

    /// Gives a hold back.
    pub async fn release(&self, code: Code) -> CodeRecord {
        self.codes.release(code).await.unwrap()
    }

    /// Decides one code.
    pub async fn judge(&self, sale: &Sale, code: Code) -> Verdict {
        let verdicts = self.codes.judge(sale.id, &[code]).await.unwrap();
        assert_eq!(verdicts.len(), 1);
        assert_eq!(verdicts[0].0, code);
        verdicts[0].1
    }

    /// The units of a sale that are held and sold.
    pub async fn counts(&self, sale: &Sale) -> [u32; 2] {
        let Tally { held, sold, .. } = self.register.tally(sale.id).await.unwrap().unwrap();
        [held, sold]
    }

    /// How many attempts at a sale are recorded with this outcome.
    pub async fn recorded(&self, sale: &Sale, outcome: &str) -> usize {
        self.records.by_outcome(sale.id).await.get(outcome).copied().unwrap_or(0)
    }
}

/// A grant under a new code.
#[must_use]
pub fn grant(sale: &Sale, number: u32, slot: u16) -> Grant {
    Grant { code: new_code(sale.id), unit: unit(number), slot: Slot(slot), epoch: sale.epoch }
}

/// The redemption of a grant, as the domain asks for it.
#[must_use]
pub fn redemption(grant: Grant) -> Redemption {
    let Grant { code, unit, .. } = grant;
    Redemption { code, unit, item: item(code.sale(), unit) }
}

/// Ends a sale at this moment, whatever is on hold of it.
pub async fn end(operator: &dyn Operator, sale: &Sale) {
    let end = order(Action::EndSale(sale.id));
    let ended = operator.act(&end, &Beside::default()).await.unwrap();
    assert!(matches!(ended, ActReply::Now { snapshot: Some(_), .. }), "{ended:?}");
}

/// Stops a sale for now, or lets it go on, at the epoch that it has: the live store is not asked.
pub async fn set_paused(
    operator: &dyn Operator,
    sale: &Sale,
    is_paused: bool,
) -> Result<Acted, StoreError> {
    let action = if is_paused { Action::PauseSale(sale.id) } else { Action::ResumeSale(sale.id) };
    let blind = Beside { is_blind: true, ..Beside::default() };
    match operator.act(&order(action), &blind).await? {
        ActReply::Now { record, .. } => Ok(record.outcome),
        before @ ActReply::Before(_) => panic!("an order is new: {before:?}"),
    }
}

/// Records a grant to a user of this name.
pub async fn record(
    ledger: &dyn LedgerStore,
    sale: &Sale,
    name: &str,
    grant: Grant,
) -> Result<Recorded, StoreError> {
    let attempt = Attempt { sale: sale.id, user: user(name), outcome: Outcome::Granted(grant) };
    ledger.permit()?.record(attempt).await
}
