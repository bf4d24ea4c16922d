//! The figures of a load that is written down here.

use super::*;

const CAME: Duration = Duration::from_secs(1);
const WENT: Duration = Duration::from_secs(2);

fn sent(due_ms: u64, took_ms: u64, retry_after_s: Option<u32>) -> Sent {
    let [due, took] = [due_ms, took_ms].map(Duration::from_millis);
    Sent { due, took, status: if retry_after_s.is_some() { 503 } else { 200 }, retry_after_s }
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn each_phase_has_figures_of_its_own() {
    let load = [
        sent(0, 10, None),
        sent(1_000, 30, None),
        sent(1_100, 5, Some(1)),
        sent(1_999, 7, Some(3)),
        sent(2_000, 90, None),
        sent(2_300, 20, None),
    ];

    let figures = Figures::of(&load, CAME, WENT);

    assert!(
        close(figures.half_p99_ms, 10.0) && close(figures.accepted_p99_ms, 30.0),
        "{figures:?}"
    );
    assert_eq!((figures.accepted, figures.refused, figures.advices), (1, 2, 2));
    assert!(figures.refused_p99_ms.is_some_and(|p99_ms| close(p99_ms, 7.0)), "{figures:?}");
    assert!(figures.recovers_s.is_some_and(|s| close(s, 0.25)), "{figures:?}");
}

#[test]
fn a_tail_is_measured_by_that_at_half_load_or_by_the_wait_that_is_allowed_if_it_is_more() {
    let times = |half_ms, accepted_ms| {
        Figures::of(&[sent(0, half_ms, None), sent(1_000, accepted_ms, None)], CAME, WENT)
            .tail_times()
    };

    assert!(close(times(10, 150), 1.5), "{}", times(10, 150));
    assert!(close(times(200, 300), 1.5), "{}", times(200, 300));
}

#[test]
fn a_crowd_of_which_nobody_is_refused_had_no_advice() {
    let figures = Figures::of(&[sent(0, 10, None), sent(1_000, 400, None)], CAME, WENT);

    assert_eq!((figures.advices, figures.refused_p99_ms), (0, None));
}

#[test]
fn one_who_got_no_advice_spoils_it_for_all() {
    let unadvised = Sent { status: 503, ..sent(1_500, 1, None) };

    let figures =
        Figures::of(&[sent(1_100, 5, Some(1)), sent(1_200, 5, Some(2)), unadvised], CAME, WENT);

    assert_eq!(figures.advices, 0);
}

#[test]
fn a_service_that_goes_on_refusing_or_is_slow_has_not_recovered() {
    let slow = [sent(0, 10, None), sent(2_000, 21, None), sent(2_700, 21, None)];
    let refusing = [sent(0, 10, None), sent(2_000, 1, Some(1)), sent(2_001, 1, None)];

    assert_eq!(Figures::of(&slow, CAME, WENT).recovers_s, None);
    assert_eq!(Figures::of(&refusing, CAME, WENT).recovers_s, None);
    let at_once = [sent(0, 10, None), sent(2_000, 20, None)];
    assert!(Figures::of(&at_once, CAME, WENT).recovers_s.is_some_and(|s| close(s, 0.0)));
}

#[test]
fn memory_is_flat_if_the_second_half_of_the_crowd_costs_no_more_than_the_first() {
    let at = |ms: u64, mib: f64| (Duration::from_millis(ms), mib);
    let memory =
        vec![at(500, 90.0), at(1_200, 40.0), at(1_400, 10.0), at(1_600, 20.0), at(2_100, 99.0)];

    assert!(close(memory_growth(&memory, CAME, WENT), 0.5));
}
