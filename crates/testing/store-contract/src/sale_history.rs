//! What a [`SaleHistory`](domain::ports::SaleHistory) promises.

use domain::{
    CheckoutRefusal, Sale, SaleId, UnixMillis,
    history::{MINUTE_MS, Minute, Point, Stood},
    processes::ProcessId,
};

use crate::{Inspected, fixtures::user};

/// Writes one test per promise of `SaleHistory`, on the [`Inspected`](crate::Inspected) that `$ledger`
/// makes.
#[macro_export]
macro_rules! sale_history_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, sale_history:
            a_minute_is_shown_as_it_was_written_first
            attempts_are_written_once_with_the_minute_after_them
            attempts_at_a_sale_that_was_left_out_are_written_with_its_next_minute
            what_processes_wrote_of_a_minute_is_put_together
            a_sale_is_shown_from_the_minute_that_is_asked_for
            minutes_are_dropped_some_at_a_time_the_oldest_first
        }
    };
}

const ONE: ProcessId = ProcessId(1);
const OTHER: ProcessId = ProcessId(u128::MAX);

/// A minute, by its number.
const fn minute(number: i64) -> UnixMillis {
    UnixMillis((29_000_000 + number) * MINUTE_MS)
}

fn stood(sale: &Sale, sold: u32, held: u32) -> Stood {
    Stood { sale: sale.id, sold, held }
}

fn point(number: i64, [sold, held]: [u32; 2], [checkouts, refused]: [u64; 2]) -> Point {
    Point { at: minute(number), sold, held, checkouts, refused }
}

impl Inspected {
    async fn note(&self, number: i64, by: ProcessId, stood: &[Stood]) {
        self.note_without(number, by, stood, &[]).await;
    }

    async fn note_without(&self, number: i64, by: ProcessId, stood: &[Stood], sales: &[&Sale]) {
        let left_out = sales.iter().map(|sale| sale.id).collect();
        let minute = Minute { at: minute(number), stood: stood.to_vec(), left_out };
        self.history.note(&minute, by).await.unwrap();
    }

    async fn minutes(&self, sale: SaleId, from: i64) -> Vec<Point> {
        self.history.minutes(sale, minute(from)).await.unwrap()
    }

    async fn refuse(&self, sale: &Sale) {
        self.ledger
            .record_refusal(sale.id, &user("ann"), CheckoutRefusal::SoldOut { retry: None })
            .await;
    }
}

/// Whoever writes it again, because they did not hear that it was written, changes nothing.
pub async fn a_minute_is_shown_as_it_was_written_first(of: Inspected) {
    let sale = of.ledger.open(9, 9).await;

    of.note(0, ONE, &[stood(&sale, 1, 2)]).await;
    of.note(0, ONE, &[stood(&sale, 3, 4)]).await;

    assert_eq!(of.minutes(sale.id, 0).await, [point(0, [1, 2], [0, 0])]);
}

/// Those that were granted and those that were refused, of each sale its own.
pub async fn attempts_are_written_once_with_the_minute_after_them(of: Inspected) {
    let (sale, other) = (of.ledger.open(9, 9).await, of.ledger.open(9, 9).await);
    let both = [stood(&sale, 0, 1), stood(&other, 0, 0)];

    of.ledger.hold(&sale, &user("ann"), 1, 0).await;
    of.refuse(&sale).await;
    of.refuse(&sale).await;
    of.note(0, ONE, &both).await;
    of.ledger.hold(&sale, &user("ann"), 2, 1).await;
    of.refuse(&other).await;
    of.note(1, ONE, &both).await;
    of.note(2, ONE, &both).await;

    let expected = [[1, 2], [1, 0], [0, 0]];
    let expected = (0..).zip(expected).map(|(number, counts)| point(number, [0, 1], counts));
    assert_eq!(of.minutes(sale.id, 0).await, expected.collect::<Vec<_>>());
    let of_other: Vec<_> = of.minutes(other.id, 0).await.iter().map(|it| it.refused).collect();
    assert_eq!(of_other, [0, 1, 0]);
}

/// It could not be counted at the first.
pub async fn attempts_at_a_sale_that_was_left_out_are_written_with_its_next_minute(of: Inspected) {
    let (sale, other) = (of.ledger.open(9, 9).await, of.ledger.open(9, 9).await);
    of.refuse(&sale).await;
    of.refuse(&other).await;

    of.note_without(0, ONE, &[stood(&other, 0, 0)], &[&sale]).await;
    of.refuse(&sale).await;
    of.note(1, ONE, &[stood(&sale, 0, 0), stood(&other, 0, 0)]).await;

    assert_eq!(of.minutes(sale.id, 0).await, [point(1, [0, 0], [0, 2])]);
    let of_other = [point(0, [0, 0], [0, 1]), point(1, [0, 0], [0, 0])];
    assert_eq!(of.minutes(other.id, 0).await, of_other);
}

/// How it stood from whoever saw more, and all that was asked of any.
pub async fn what_processes_wrote_of_a_minute_is_put_together(of: Inspected) {
    let sale = of.ledger.open(9, 9).await;

    of.refuse(&sale).await;
    of.note(0, ONE, &[stood(&sale, 1, 4)]).await;
    of.refuse(&sale).await;
    of.ledger.hold(&sale, &user("ann"), 1, 0).await;
    of.note(0, OTHER, &[stood(&sale, 2, 3)]).await;

    assert_eq!(of.minutes(sale.id, 0).await, [point(0, [2, 4], [1, 2])]);
}

/// The first one first, and nothing of another sale.
pub async fn a_sale_is_shown_from_the_minute_that_is_asked_for(of: Inspected) {
    let (sale, other) = (of.ledger.open(9, 9).await, of.ledger.open(9, 9).await);
    for number in [3, 1, 4, 0] {
        of.note(number, ONE, &[stood(&sale, 7, 0), stood(&other, 8, 0)]).await;
    }

    let shown: Vec<_> = [1, 3, 4].map(|number| point(number, [7, 0], [0, 0])).into();
    assert_eq!(of.minutes(sale.id, 1).await, shown);
    assert_eq!(of.minutes(sale.id, 5).await, []);
    assert_eq!(of.minutes(SaleId::try_from(SaleId::MAX).unwrap(), 0).await, []);
}

/// Also when there is nothing more to drop.
pub async fn minutes_are_dropped_some_at_a_time_the_oldest_first(of: Inspected) {
    let sale = of.ledger.open(9, 9).await;
    for number in 0..5 {
        of.note(number, ONE, &[stood(&sale, 0, 0)]).await;
    }
    let drop_before = async |number, limit| {
        let dropped = of.history.drop_before(minute(number), limit).await.unwrap();
        let left = of.minutes(sale.id, 0).await.iter().map(|it| it.at).collect::<Vec<_>>();
        (dropped, left)
    };

    assert_eq!(drop_before(3, 2).await, (2, [2, 3, 4].map(minute).into()));
    assert_eq!(drop_before(3, 2).await, (1, [3, 4].map(minute).into()));
    assert_eq!(drop_before(3, 2).await, (0, [3, 4].map(minute).into()));
}
