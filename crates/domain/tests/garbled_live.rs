//! A live store that says what no version of this service writes is judged all the same.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use domain::{
    Code, Epoch, Origin, Sale, SaleId, Slot, Standing, Terms, Unit, UnixMillis, UserId, Window,
    audit::{
        Breaches,
        live::{LiveHold, LiveSnapshot, contradictions, disagreements, unissued},
    },
    ports::{LiveUnit, SaleSnapshot},
    sale::SaleState,
};
use proptest::prelude::*;

fn sale(stock: u32) -> impl Strategy<Value = Sale> {
    let window = (any::<i64>(), any::<i64>()).prop_filter_map("a window", |(one, other)| {
        Window::new(UnixMillis(one.min(other)), UnixMillis(one.max(other))).ok()
    });
    let terms = (Terms::PER_USER_LIMIT, 1..=i64::MAX)
        .prop_map(move |(limit, hold_ms)| Terms::new(stock, limit, hold_ms).unwrap());
    (window, terms).prop_map(|(window, terms)| Sale {
        id: SaleId::try_from(7).unwrap(),
        window,
        terms,
        origin: Origin::Timetable,
        state: SaleState::Active,
        epoch: Epoch(1),
        product: None,
        salt: domain::Salt::new([7; 32]),
    })
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![1..6u32, 1..=Unit::MAX].prop_map(|number| Unit::try_from(number).unwrap())
}

fn user() -> impl Strategy<Value = UserId> {
    "[ab]".prop_map(|name| name.parse().unwrap())
}

fn slot() -> impl Strategy<Value = Slot> {
    prop_oneof![0..4u16, any::<u16>()].prop_map(Slot)
}

fn code() -> impl Strategy<Value = Code> {
    (0..8u128).prop_map(|random| Code::new(SaleId::try_from(7).unwrap(), random))
}

fn marks() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[hb.]{0,6}", 4 => any::<String>(), 1 => "[hb]{65530,65540}"]
}

fn live_snapshot() -> impl Strategy<Value = LiveSnapshot> {
    let hold = (code(), unit(), slot(), user()).prop_map(|(code, unit, slot, user)| LiveHold {
        code,
        unit,
        slot,
        user,
    });
    let counts = (any::<u32>(), any::<u16>(), any::<u32>(), 0..3i64);
    let lists = (
        prop::collection::vec(unit(), 0..6),
        prop::collection::vec(hold, 0..6),
        prop::collection::vec(code(), 0..6),
        prop::collection::vec((user(), marks()), 0..3),
    );
    (counts, lists).prop_map(|((stock, per_user_limit, sold, epoch), (free, holds, due, users))| {
        let (sale, epoch) = (SaleId::try_from(7).unwrap(), Epoch(epoch));
        let unreadable = Vec::new();
        LiveSnapshot {
            sale,
            epoch,
            stock,
            per_user_limit,
            sold,
            free,
            holds,
            due,
            users,
            unreadable,
        }
    })
}

fn ledger_snapshot() -> impl Strategy<Value = SaleSnapshot> {
    let held_until = prop::option::of(any::<i64>().prop_map(UnixMillis));
    let unit = (code(), user(), unit(), slot(), held_until).prop_map(
        |(code, user, unit, slot, held_until)| LiveUnit { code, user, unit, slot, held_until },
    );
    (sale(5), prop::collection::vec(unit, 0..6))
        .prop_map(|(sale, live)| SaleSnapshot { sale, live })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_snapshot_can_be_judged(
        live in live_snapshot(), before in ledger_snapshot(), after in ledger_snapshot()
    ) {
        let (free, held, sold) = (live.free.len(), live.holds.len(), live.sold as usize);
        let is_whole = contradictions(&live) == Breaches::default();

        prop_assert!(!is_whole || free + held + sold == live.stock as usize);
        prop_assert_eq!(unissued(&live, Epoch(1)) == Breaches::default(), live.epoch <= Epoch(1));
        let compared = disagreements(&before, &live, &after);
        prop_assert_eq!(compared.is_some(), live.epoch == Epoch(1));
    }

    #[test]
    fn no_counters_offer_more_than_the_stock(
        sale in (0..=Unit::MAX).prop_flat_map(sale), sold in any::<u32>(), held in any::<u32>(),
        at in any::<i64>()
    ) {
        let standing = Standing { sale, sold, held, at: UnixMillis(at), next: None };

        let taken = u64::from(sold) + u64::from(held);
        let left = u64::from(sale.terms.stock()).saturating_sub(taken);
        prop_assert_eq!(u64::from(standing.available()), left);
    }
}

#[test]
fn a_user_with_more_marks_than_there_are_slots_is_a_breach() {
    let live = LiveSnapshot {
        sale: SaleId::try_from(7).unwrap(),
        epoch: Epoch(1),
        stock: 0,
        per_user_limit: 1,
        sold: 65_536,
        free: Vec::new(),
        holds: Vec::new(),
        due: Vec::new(),
        users: vec![("alice".parse().unwrap(), "b".repeat(70_000))],
        unreadable: Vec::new(),
    };

    let found = format!("{:?}", contradictions(&live));

    assert!(found.contains("alice has 70000 of 1 slots"), "{found}");
}
