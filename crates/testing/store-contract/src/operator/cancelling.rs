//! Purchases that operators cancel.

use domain::{
    Cancellation, Code, Epoch, Receipt, Sale, Slot, Terms,
    operator::{Acted, Action, Beside, Order, PurchaseSeen, Refused, Seen},
    ports::{
        ActReply, Answered, CodeLife, CodeRecord, CodeState, Granted, LiveEpoch, RaiseReply,
        Recorded, UserOfSale, Verdict,
    },
    sale::{EPOCH_AGE_MIN_MS, SaleState},
};

use super::order;
use crate::{
    fixtures::{MINUTE, all_at_once, code_of_no_sale, unit, until, user},
    ledger::{Ledger, grant},
};

fn cancel(code: Code) -> Order {
    let why = Some("it came back".parse().unwrap());
    Order { why, ..order(Action::CancelPurchase(code)) }
}

impl Ledger {
    /// A purchase by a user of this name.
    async fn bought(&self, sale: &Sale, name: &str, number: u32, slot: u16) -> Receipt {
        let held = self.hold(sale, &user(name), number, slot).await;
        self.sell(held).await
    }

    /// Cancels a purchase that stands, and returns its receipt.
    pub(crate) async fn cancelled(&self, code: Code) -> Receipt {
        let record = self.acted(&cancel(code)).await;
        assert!(matches!(record.outcome, Acted::Done(_)), "{record:?}");
        match self.find(code).await {
            CodeRecord::Cancelled(receipt) => receipt,
            other => panic!("it is cancelled: {other:?}"),
        }
    }

    async fn life(&self, code: Code) -> CodeLife {
        self.lookups.code(code).await.unwrap().unwrap()
    }
}

/// The receipt stays as it was, and says since when and why it is no more.
pub async fn a_cancelled_purchase_keeps_its_receipt_and_says_why(ledger: Ledger) {
    let sale = ledger.on(3, 1).await;
    let receipt = ledger.bought(&sale, "ann", 2, 0).await;
    let order = cancel(receipt.code);

    let before = ledger.now().await;
    let record = ledger.acted(&order).await;
    let after = ledger.now().await;

    let standing = PurchaseSeen { unit: unit(2), stands: true, epoch: None };
    let ended = PurchaseSeen::cancelled(unit(2), Some(Epoch(2)));
    assert_eq!(record.before, Some(Seen::Purchase(standing)));
    assert_eq!(record.outcome, Acted::Done(Seen::Purchase(ended)));
    assert_eq!((record.sale, record.epoch()), (Some(sale.id), Some(Epoch(2))));
    assert_eq!(ledger.operator.action(order.id).await.unwrap(), Some(record.clone()));
    assert_eq!(ledger.act(&order).await, ActReply::Before(record));
    let CodeRecord::Cancelled(kept) = ledger.find(receipt.code).await else { panic!("it stays") };
    let Some(Cancellation { at, ref reason }) = kept.cancelled else { panic!("it is marked") };
    assert!((before..=after).contains(&at), "{at:?}");
    assert_eq!(Some(reason), order.why.as_ref());
    assert_eq!(kept, Receipt { cancelled: kept.cancelled.clone(), ..receipt });
}

/// Whoever asks of the code is told the same, however they ask: it is final.
pub async fn a_cancelled_code_is_good_for_nothing_more(ledger: Ledger) {
    let sale = ledger.on(3, 1).await;
    let held = ledger.hold(&sale, &user("ann"), 2, 0).await;
    ledger.sell(held).await;
    let receipt = ledger.cancelled(held.code).await;

    let told = CodeRecord::Cancelled(receipt.clone());
    assert_eq!(ledger.redeem(held).await, told);
    assert_eq!(ledger.release(held.code).await, told);
    assert_eq!(ledger.judge(&sale, held.code).await, Verdict::Free);
    assert_eq!(ledger.record_grant(&sale, &user("ann"), held).await, Recorded::TooLate);
    assert_eq!(ledger.find(held.code).await, told);
    let life = ledger.life(held.code).await;
    let at = receipt.cancelled.map(|it| it.at);
    assert_eq!((life.state, life.resolved_at, life.unit), (CodeState::Cancelled, at, unit(2)));
    assert_eq!(ledger.owners.owner(held.code).await.unwrap(), Some(user("ann")));
    // It stays what its key was answered.
    let granted = Granted { unit: unit(2), slot: Slot(0), expires_at: life.expires_at };
    assert_eq!(ledger.answered(held.code).await, Answered::Granted(granted));
}

/// They are bought again by the same user, whose limit is one; and cancelled again.
pub async fn the_unit_and_the_slot_of_a_cancelled_purchase_are_free_again(ledger: Ledger) {
    let sale = ledger.on(2, 1).await;
    ledger.bought(&sale, "bob", 1, 0).await;
    let mut last = None;
    for round in 1..=3 {
        let sale = ledger.sale(sale.id).await;
        let receipt = ledger.bought(&sale, "ann", 2, 0).await;
        assert_eq!(ledger.counts(&sale).await, [0, 2], "round {round}");
        let of = UserOfSale { sale: sale.id, user: user("ann") };
        assert_eq!(
            ledger.lookups.units(of.clone()).await.unwrap().bought,
            std::slice::from_ref(&receipt)
        );

        let cancelled = ledger.cancelled(receipt.code).await;

        assert_eq!(ledger.counts(&sale).await, [0, 1], "round {round}");
        assert_eq!(ledger.lookups.units(of).await.unwrap().bought, []);
        assert_ne!(last.replace(cancelled.code), Some(receipt.code));
    }
}

/// What the live store has is out of date from then on, and a rebuild has the unit: at once, for nobody loads the
/// epoch that was raised.
pub async fn a_cancellation_raises_the_epoch_and_keeps_no_rebuild_waiting(ledger: Ledger) {
    let sale = ledger.on(3, 1).await;
    let receipt = ledger.bought(&sale, "ann", 2, 0).await;
    ledger.bought(&sale, "bob", 3, 0).await;
    let raised_at = ledger.now().await;
    let pause_ms = 2 * EPOCH_AGE_MIN_MS;
    until(&*ledger.clock, async || (ledger.now().await - raised_at > pause_ms).then_some(())).await;

    let ActReply::Now { snapshot, .. } = ledger.act(&cancel(receipt.code)).await else {
        panic!("it is new")
    };

    assert_eq!(snapshot, None);
    assert_eq!(ledger.sale(sale.id).await, Sale { epoch: Epoch(2), ..sale });
    let late = ledger.record_grant(&sale, &user("cid"), grant(&sale, 1, 0)).await;
    assert_eq!(late, Recorded::Stale);
    let live = Some(LiveEpoch::Served(sale.epoch));
    let RaiseReply::Raised(snapshot) = ledger.register.raise_epoch(sale.id, live).await.unwrap()
    else {
        panic!("a rebuild is kept waiting")
    };
    assert_eq!(snapshot.sale.epoch, Epoch(3));
    assert_eq!(snapshot.live.iter().map(|it| it.unit).collect::<Vec<_>>(), [unit(3)]);
}

/// The count goes down once, and the others are told since when.
pub async fn of_ten_that_cancel_one_purchase_at_once_one_does(ledger: Ledger) {
    let sale = ledger.on(3, 1).await;
    let receipt = ledger.bought(&sale, "ann", 2, 0).await;
    ledger.bought(&sale, "bob", 3, 0).await;
    let acts = (0..10).map(|_| {
        let (ledger, order) = (ledger.clone(), cancel(receipt.code));
        async move { ledger.acted(&order).await }
    });

    let records = all_at_once(acts).await;

    let CodeRecord::Cancelled(receipt) = ledger.find(receipt.code).await else { panic!("it is") };
    let at = receipt.cancelled.unwrap().at;
    let done = records.iter().filter(|record| matches!(record.outcome, Acted::Done(_))).count();
    let told = Acted::Refused(Refused::AlreadyCancelled { at });
    let refused = records.iter().filter(|record| record.outcome == told).count();
    assert_eq!((done, refused), (1, 9), "{records:?}");
    assert_eq!(ledger.counts(&sale).await, [0, 1]);
    assert_eq!(ledger.sale(sale.id).await.epoch, Epoch(2));
}

/// Many are one rebuild: whatever was cancelled by then is in the snapshot.
pub async fn of_many_purchases_that_are_cancelled_at_once_each_is_free_in_the_next_snapshot(
    ledger: Ledger,
) {
    let sale = ledger.on(40, 1).await;
    let mut codes = Vec::new();
    for number in 1..=30 {
        codes.push(ledger.bought(&sale, &format!("user-{number}"), number, 0).await.code);
    }
    let acts = codes[..20].iter().map(|&code| {
        let ledger = ledger.clone();
        async move { ledger.acted(&cancel(code)).await }
    });

    let records = all_at_once(acts).await;

    assert!(records.iter().all(|it| matches!(it.outcome, Acted::Done(_))), "{records:?}");
    assert_eq!(ledger.counts(&sale).await, [0, 10]);
    assert_eq!(ledger.sale(sale.id).await.epoch, Epoch(21));
    let live = ledger.raise(&sale).await.live;
    assert_eq!(live.iter().map(|it| it.code).collect::<Vec<_>>(), codes[20..]);
}

/// Its figures are written down anew; nobody can buy the unit any more.
pub async fn a_purchase_of_a_closed_sale_is_cancelled_and_nothing_goes_back_on_sale(
    ledger: Ledger,
) {
    let sale = ledger.going_on(Terms::new(3, 2, MINUTE).unwrap()).await;
    let receipt = ledger.bought(&sale, "ann", 1, 0).await;
    let kept = ledger.bought(&sale, "ann", 2, 1).await;
    ledger.end(&sale).await;
    until(&*ledger.clock, async || ledger.register.close(sale.id).await.unwrap().then_some(()))
        .await;
    let closed = ledger.sale(sale.id).await;

    let record = ledger.acted(&cancel(receipt.code)).await;

    let ended = PurchaseSeen::cancelled(unit(1), None);
    assert_eq!(record.outcome, Acted::Done(Seen::Purchase(ended)));
    assert_eq!(ledger.sale(sale.id).await, closed);
    assert_eq!(closed.state, SaleState::Closed);
    assert_eq!(ledger.counts(&sale).await, [0, 1]);
    assert!(matches!(ledger.find(receipt.code).await, CodeRecord::Cancelled(_)));
    assert_eq!(ledger.life(receipt.code).await.state, CodeState::Cancelled);
    assert_eq!(ledger.judge(&sale, receipt.code).await, Verdict::Free);
    let of = UserOfSale { sale: sale.id, user: user("ann") };
    assert_eq!(ledger.lookups.units(of).await.unwrap().bought, [kept]);
    let again = ledger.refused(&cancel(receipt.code)).await;
    assert!(matches!(again, Refused::AlreadyCancelled { .. }), "{again:?}");
}

/// With what stands in the way; and nothing is changed by any of it.
pub async fn what_is_no_purchase_and_what_has_no_reason_is_not_cancelled(ledger: Ledger) {
    let sale = ledger.on(9, 9).await;
    let ann = user("ann");
    let held = ledger.hold(&sale, &ann, 1, 0).await;
    let released = ledger.hold(&sale, &ann, 2, 1).await;
    ledger.release(released.code).await;
    let sold = ledger.bought(&sale, "ann", 3, 2).await;

    for (code, state) in [(held.code, "held"), (released.code, "released")] {
        assert_eq!(ledger.refused(&cancel(code)).await, Refused::NotPurchased { state });
    }
    assert_eq!(ledger.refused(&cancel(code_of_no_sale())).await, Refused::NoSuchCode);
    let without = Order { why: None, ..cancel(sold.code) };
    assert_eq!(ledger.refused(&without).await, Refused::ReasonMissing);
    let beside = Beside { live: Some(LiveEpoch::Served(Epoch(9))), ..Beside::default() };
    let behind = ledger.operator.act(&cancel(sold.code), &beside).await.unwrap();
    let ActReply::Now { record, .. } = behind else { panic!("it is new") };
    assert_eq!(record.outcome, Acted::Refused(Refused::LedgerBehind { epoch: Epoch(1) }));

    assert_eq!(ledger.find(sold.code).await, CodeRecord::Sold(sold));
    assert_eq!(ledger.find(held.code).await, CodeRecord::Held { unit: unit(1) });
    assert_eq!(ledger.counts(&sale).await, [1, 1]);
    assert_eq!(ledger.sale(sale.id).await, sale);
}
