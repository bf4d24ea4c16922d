//! Each bound is tried from both sides.

use super::*;

const NOON: UnixMillis = UnixMillis(1_795_000_000_000);

fn sale(state: SaleState) -> Sale {
    Sale {
        id: SaleId::try_from(1).unwrap(),
        window: Window::new(UnixMillis(1_000), UnixMillis(2_000)).unwrap(),
        terms: Terms::new(1, 1, 1).unwrap(),
        origin: Origin::Timetable,
        state,
        epoch: Epoch(7),
        product: None,
        salt: crate::Salt::new([7; 32]),
    }
}

#[test]
fn terms_have_bounds_that_hold_of_every_sale() {
    let widest = Terms::new(Unit::MAX, 1_000, i64::MAX).unwrap();
    assert_eq!((widest.stock(), widest.per_user_limit()), (1_000_000, 1_000));
    assert_eq!(widest.hold_ms(), i64::MAX);
    assert!(Terms::new(0, 1, 1).is_ok(), "the schema has had room for a sale of nothing");

    for (stock, limit, hold_ms, wrong) in [
        (1_000_001, 1, 1, TermsError::Stock(1_000_001)),
        (1, 0, 1, TermsError::PerUserLimit(0)),
        (1, 1_001, 1, TermsError::PerUserLimit(1_001)),
        (1, 1, 0, TermsError::Hold(0)),
        (1, 1, -1, TermsError::Hold(-1)),
    ] {
        assert_eq!(Terms::new(stock, limit, hold_ms), Err(wrong));
    }
}

#[test]
fn a_new_sale_has_something_to_sell_and_holds_it_for_as_long_as_a_buyer_needs() {
    let least = Terms::of_new_sale(1, 1, 100).unwrap();
    assert_eq!(least, Terms::new(1, 1, 100).unwrap());
    assert!(Terms::of_new_sale(1_000_000, 1_000, DAY_MS).is_ok());

    for (stock, limit, hold_ms, wrong) in [
        (0, 1, 100, TermsError::NewStock(0)),
        (1_000_001, 1, 100, TermsError::NewStock(1_000_001)),
        (1, 0, 100, TermsError::PerUserLimit(0)),
        (1, 1, 99, TermsError::NewHold(99)),
        (1, 1, DAY_MS + 1, TermsError::NewHold(DAY_MS + 1)),
    ] {
        assert_eq!(Terms::of_new_sale(stock, limit, hold_ms), Err(wrong));
    }
}

#[test]
fn a_refusal_of_terms_names_what_is_wrong() {
    let error = Terms::new(1, 1_001, 1).unwrap_err();

    assert_eq!(error.field(), "per_user_limit");
    assert_eq!(error.to_string(), "must be from 1 to 1000, not 1001");
}

#[test]
fn a_window_has_a_moment_in_it() {
    assert!(Window::new(NOON, NOON + 1).is_ok());

    assert_eq!(Window::new(NOON, NOON), Err(WindowError::Empty));
    assert_eq!(Window::new(NOON, NOON + -1), Err(WindowError::Empty));
}

#[test]
fn a_new_sale_lasts_from_a_millisecond_to_a_leap_year() {
    let longest = 366 * DAY_MS;
    assert_eq!(Window::of_new_sale(NOON, 1), Window::new(NOON, NOON + 1));
    assert_eq!(Window::of_new_sale(NOON, longest), Window::new(NOON, NOON + longest));

    for wrong in [0, -1, longest + 1] {
        assert_eq!(Window::of_new_sale(NOON, wrong), Err(WindowError::Lasts(wrong)));
    }
    assert_eq!(Window::of_new_sale(UnixMillis(i64::MAX), 1), Err(WindowError::Empty));
}

#[test]
fn windows_that_touch_do_not_overlap() {
    let window = |from: i64, to: i64| Window::new(NOON + from, NOON + to).unwrap();
    let middle = window(0, 10);

    for apart in [window(-5, 0), window(10, 15)] {
        assert!(!middle.overlaps(apart) && !apart.overlaps(middle), "{apart:?}");
    }
    for over in [window(-5, 1), window(9, 15), window(4, 5), window(-5, 15), middle] {
        assert!(middle.overlaps(over) && over.overlaps(middle), "{over:?}");
    }
}

#[test]
fn a_sale_is_open_from_its_first_moment_until_just_before_its_end() {
    let (sale, paused, closed) =
        (sale(SaleState::Active), sale(SaleState::Paused), sale(SaleState::Closed));

    assert_eq!(sale.phase_at(UnixMillis(999)), Phase::Scheduled);
    assert_eq!(sale.phase_at(UnixMillis(1_000)), Phase::Open);
    assert_eq!(sale.phase_at(UnixMillis(1_999)), Phase::Open);
    assert_eq!(sale.phase_at(UnixMillis(2_000)), Phase::Ended);
    assert_eq!(paused.phase_at(UnixMillis(1_500)), Phase::Paused);
    assert_eq!(paused.phase_at(UnixMillis(2_000)), Phase::Ended);
    assert_eq!(closed.phase_at(UnixMillis(1_500)), Phase::Ended);
}

#[test]
fn an_epoch_is_raised_by_one_unless_it_is_young() {
    let sale = sale(SaleState::Active);
    let raised = Sale { epoch: Epoch(8), ..sale };

    for old_enough in [None, Some(EPOCH_AGE_MIN_MS), Some(i64::MAX)] {
        assert_eq!(sale.at_next_epoch(None, old_enough), Ok(raised));
    }
    for young in [0, EPOCH_AGE_MIN_MS - 1] {
        assert_eq!(sale.at_next_epoch(None, Some(young)), Err(RaiseReply::TooSoon));
    }
}

#[test]
fn the_epoch_of_a_large_stock_stands_for_as_long_as_it_takes_to_serve_it() {
    let terms = Terms::new(1_000_000, 1, 1_000).unwrap();
    let sale = Sale { terms, ..sale(SaleState::Active) };

    assert_eq!(sale.at_next_epoch(None, Some(4_499)), Err(RaiseReply::TooSoon));
    assert!(sale.at_next_epoch(None, Some(4_500)).is_ok());
}

#[test]
fn a_clock_that_was_set_back_keeps_no_sale_unserved() {
    assert!(
        sale(SaleState::Paused).at_next_epoch(Some(LiveEpoch::Served(Epoch(7))), Some(-1)).is_ok()
    );
}

#[test]
fn a_live_store_ahead_of_the_ledger_shows_that_the_ledger_lost_data() {
    let behind = Err(RaiseReply::Behind { ledger: Epoch(7) });

    assert_eq!(
        sale(SaleState::Active).at_next_epoch(Some(LiveEpoch::Served(Epoch(8))), Some(0)),
        behind
    );
}

#[test]
fn an_epoch_that_a_live_store_remembers_is_passed_at_once_and_once() {
    let sale = sale(SaleState::Active);
    let fence = |epoch| Some(LiveEpoch::Fence(Epoch(epoch)));
    let passed = Sale { epoch: Epoch(98), ..sale };

    assert_eq!(sale.at_next_epoch(fence(97), Some(0)), Ok(passed));
    // The ledger has passed it: another process is about to load the snapshot.
    assert_eq!(passed.at_next_epoch(fence(97), Some(0)), Err(RaiseReply::TooSoon));
    assert_eq!(sale.at_next_epoch(fence(7), Some(0)), Err(RaiseReply::TooSoon));
    let next = Sale { epoch: Epoch(8), ..sale };
    assert_eq!(sale.at_next_epoch(fence(7), Some(EPOCH_AGE_MIN_MS)), Ok(next));
    let last = sale.at_next_epoch(fence(i64::MAX), None).map(|sale| sale.epoch);
    assert_eq!(last, Ok(Epoch(i64::MAX)));
}

#[test]
fn a_closed_sale_has_no_next_epoch() {
    let closed = sale(SaleState::Closed);

    assert_eq!(
        closed.at_next_epoch(Some(LiveEpoch::Served(Epoch(8))), Some(0)),
        Err(RaiseReply::Closed)
    );
}
