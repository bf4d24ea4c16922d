//! What [`Turns`] promises.

use std::sync::Arc;

use domain::{
    SaleId,
    ports::{Clock, Duty, TurnAsked, Turns},
    processes::ProcessId,
};

use crate::fixtures::{open_sale, until};

/// Writes one test per promise of `Turns`, on the [`Shared`](crate::turns::Shared) turns that `$shared` makes.
#[macro_export]
macro_rules! turns_contract {
    ($shared:path) => {
        $crate::contract! { $shared, turns:
            a_turn_is_one_process_at_a_time
            a_turn_is_kept_by_whoever_takes_it_again
            a_turn_is_free_after_its_time
            a_turn_is_of_one_duty_of_one_sale
            who_failed_gives_the_turn_up_to_whoever_wants_it
            who_failed_keeps_a_turn_that_nobody_wants
            a_turn_is_lost_with_the_memory_of_who_keeps_it
        }
    };
}

/// Longer than any case takes, in milliseconds.
const LONG_MS: u64 = 3_600_000;

/// The turns that two processes of one ledger share. Nobody else does.
#[derive(Clone)]
pub struct Shared {
    /// As the one reaches them.
    pub one: Arc<dyn Turns>,
    /// As the other does.
    pub other: Arc<dyn Turns>,
    /// Lets their time pass.
    pub clock: Arc<dyn Clock>,
    /// Ends what keeps them, and starts it again.
    pub restart: Arc<dyn Fn() + Send + Sync>,
}

fn by(process: u128, sale: SaleId, for_ms: u64) -> TurnAsked {
    let by = ProcessId(process);
    TurnAsked { sale, duty: Duty::Sweep, by, for_ms, has_failed: false }
}

impl Shared {
    async fn one(&self, sale: SaleId, for_ms: u64) -> bool {
        self.one.take(by(1, sale, for_ms)).await.unwrap()
    }

    async fn other(&self, sale: SaleId) -> bool {
        self.other.take(by(2, sale, LONG_MS)).await.unwrap()
    }

    async fn one_that_failed(&self, sale: SaleId) -> bool {
        let asked = TurnAsked { has_failed: true, ..by(1, sale, LONG_MS) };
        self.one.take(asked).await.unwrap()
    }
}

/// However many ask, and however often.
pub async fn a_turn_is_one_process_at_a_time(shared: Shared) {
    let sale = open_sale(1, 1).id;

    assert!(shared.one(sale, LONG_MS).await);

    for process in 2..50 {
        assert!(!shared.other.take(by(process, sale, LONG_MS)).await.unwrap());
    }
}

/// From then on for as long as it was taken for the last time.
pub async fn a_turn_is_kept_by_whoever_takes_it_again(shared: Shared) {
    let sale = open_sale(1, 1).id;

    for for_ms in [LONG_MS, 1, LONG_MS] {
        assert!(shared.one(sale, for_ms).await);
    }

    shared.clock.wait(2).await;
    assert!(!shared.other(sale).await);
}

/// Whoever asks first then has it, and who had it comes too late.
pub async fn a_turn_is_free_after_its_time(shared: Shared) {
    let sale = open_sale(1, 1).id;
    assert!(shared.one(sale, 30).await);

    until(&*shared.clock, async || shared.other(sale).await.then_some(())).await;

    assert!(!shared.one(sale, LONG_MS).await);
}

/// Another is another's, perhaps.
pub async fn a_turn_is_of_one_duty_of_one_sale(shared: Shared) {
    let sale = open_sale(1, 1).id;
    assert!(shared.one(sale, LONG_MS).await);

    assert!(shared.other(open_sale(1, 1).id).await);
    for duty in Duty::ALL {
        let is_free = duty != Duty::Sweep;
        let asked = TurnAsked { duty, ..by(2, sale, LONG_MS) };
        assert_eq!(shared.other.take(asked).await.unwrap(), is_free, "{duty:?}");
    }
}

/// A process that cannot do what it has the turn for does not keep it.
pub async fn who_failed_gives_the_turn_up_to_whoever_wants_it(shared: Shared) {
    let sale = open_sale(1, 1).id;
    assert!(shared.one(sale, LONG_MS).await);
    assert!(!shared.other(sale).await);

    assert!(!shared.one_that_failed(sale).await);

    assert!(shared.other(sale).await);
    assert!(!shared.one(sale, LONG_MS).await);
}

/// Also where another had wanted it before it was taken the last time, who may be no more.
pub async fn who_failed_keeps_a_turn_that_nobody_wants(shared: Shared) {
    let sale = open_sale(1, 1).id;
    assert!(shared.one(sale, LONG_MS).await);
    assert!(shared.one_that_failed(sale).await);
    assert!(!shared.other(sale).await);
    assert!(shared.one(sale, LONG_MS).await);

    assert!(shared.one_that_failed(sale).await);
}

/// It is then anybody's.
pub async fn a_turn_is_lost_with_the_memory_of_who_keeps_it(shared: Shared) {
    let sale = open_sale(1, 1).id;
    assert!(shared.one(sale, LONG_MS).await);

    (shared.restart)();

    // The first call may find that the connection is gone.
    until(&*shared.clock, async || {
        shared.other.take(by(2, sale, LONG_MS)).await.ok()?.then_some(())
    })
    .await;
}
