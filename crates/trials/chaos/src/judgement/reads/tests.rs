//! What a crowd may not see, each seen once.

use uuid::Uuid;

use super::*;
use crate::{
    fault::{Fault, Kind},
    ledger::PurchaseRecord,
    orders::{Told, What},
    sightings::{Event, Farewell, Visit, Watched},
};

const SALE: i64 = 7;

/// A ledger in which so many units were sold in the end.
fn ledger(sold: u128) -> Records {
    let purchase = PurchaseRecord {
        user: "ann".to_owned(),
        unit: 1,
        item: "A".to_owned(),
        is_cancelled: false,
    };
    let purchases = (0..sold).map(|code| (Uuid::from_u128(code), purchase.clone())).collect();
    Records { stock: 10, purchases, ..Records::default() }
}

fn figures(sold: i64, server_ms: i64) -> Figures {
    Figures { sale: SALE, stock: 10, sold, held: 1, available: 9 - sold, server_ms }
}

/// A look at process 0 that took ten milliseconds.
fn seen(sent_ms: i64, figures: Figures) -> Seen {
    let (look, sight) = (Look::OneSale, Sight::Sale(figures));
    Seen { look, service: 0, sent_ms, answered_ms: sent_ms + 10, sight }
}

fn stood(how: Stillness, began_ms: i64, lasted_ms: i64, ending: Ending) -> Stood {
    Stood { how, service: 0, began_ms, ended_ms: began_ms + lasted_ms, ending }
}

fn broken(seen: &[Seen], stood: &[Stood], faults: &[InjectedFault]) -> Vec<Promise> {
    let sightings = Sightings::default();
    seen.iter().cloned().for_each(|seen| sightings.note(seen));
    stood.iter().cloned().for_each(|stood| sightings.note_stood(stood));
    let breaches = judge_crowd(SALE, &sightings, (faults, &[]), &ledger(5));
    breaches.into_iter().map(|breach| breach.promise).collect()
}

fn fault(injected_ms: i64, healed_ms: i64) -> InjectedFault {
    let fault = Fault { kind: Kind::ServiceKilled, service: 0 };
    InjectedFault { fault, injected_ms, healed_ms }
}

#[test]
fn a_crowd_that_sees_a_sale_sell_is_told_no_lie() {
    let looks = [0, 3, 3, 5].map(|sold| seen(10_000 + 100 * sold, figures(sold, 10_000)));

    assert_eq!(broken(&looks, &[], &[]), []);
}

#[test]
fn figures_that_do_not_add_up_or_go_beyond_the_ledger_are_untrue() {
    let off_by_one = Figures { held: 2, ..figures(3, 10_000) };
    let of_another = Figures { sale: 8, ..figures(3, 10_000) };

    assert_eq!(broken(&[seen(10_000, off_by_one)], &[], &[]), [Promise::ReadsAreTrue]);
    assert_eq!(broken(&[seen(10_000, of_another)], &[], &[]), [Promise::ReadsAreTrue]);
    assert_eq!(broken(&[seen(10_000, figures(6, 10_000))], &[], &[]), [Promise::ReadsAreTrue]);
}

#[test]
fn what_was_sold_stays_sold_but_beside_a_fault() {
    let looks = [seen(10_000, figures(3, 10_000)), seen(10_100, figures(2, 10_100))];
    let healed_ms = 10_105 - AFTERMATH_MS;

    assert_eq!(broken(&looks, &[], &[]), [Promise::ReadsAreTrue]);
    assert_eq!(broken(&looks, &[], &[fault(healed_ms, healed_ms)]), []);
    assert_eq!(broken(&looks, &[], &[fault(0, 9_000 - AFTERMATH_MS)]), [Promise::ReadsAreTrue]);
    assert_eq!(broken(&looks, &[], &[fault(10_200, 10_300)]), [Promise::ReadsAreTrue]);
}

#[test]
fn what_was_sold_may_fall_beside_an_order_for_which_the_sale_is_loaded_anew() {
    let sightings = Sightings::default();
    sightings.note(seen(10_000, figures(3, 10_000)));
    sightings.note(seen(10_100, figures(2, 10_100)));
    let broken = |what, answered_ms| {
        let (id, told) = (Uuid::nil(), Told::Unknown("lost".to_owned()));
        let order = Order { id, what, sent_ms: 0, answered_ms, tries: 1, told, again: None };
        judge_crowd(SALE, &sightings, (&[], &[order]), &ledger(5)).len()
    };

    assert_eq!(broken(What::Stock(9), 10_010 - AFTERMATH_MS), 0);
    assert_eq!(broken(What::Stock(9), 10_009 - AFTERMATH_MS), 1);
    assert_eq!(broken(What::Cancel(Uuid::nil()), 10_010), 0);
    assert_eq!(broken(What::Release(Uuid::nil()), 10_010), 1);
}

#[test]
fn what_was_cancelled_later_was_sold_when_somebody_looked() {
    let mut records = ledger(5);
    records.purchases.values_mut().next().unwrap().is_cancelled = true;
    let broken = |sold| {
        let sightings = Sightings::default();
        sightings.note(seen(10_000, figures(sold, 10_000)));
        judge_crowd(SALE, &sightings, (&[], &[]), &records).len()
    };

    assert_eq!((broken(5), broken(6)), (0, 1));
}

#[test]
fn answers_that_crossed_on_their_way_are_no_fall() {
    let slow = Seen { answered_ms: 10_200, ..seen(10_000, figures(2, 10_000)) };
    let looks = [slow, seen(10_050, figures(3, 10_050))];

    assert_eq!(broken(&looks, &[], &[]), []);
}

#[test]
fn what_is_shown_is_of_now() {
    let old = 10_000 - AGE_MAX_MS;
    let ahead = 10_010 + AHEAD_MAX_MS;

    assert_eq!(broken(&[seen(10_000, figures(1, old))], &[], &[]), []);
    assert_eq!(broken(&[seen(10_000, figures(1, old - 1))], &[], &[]), [Promise::ReadsAreFresh]);
    assert_eq!(broken(&[seen(10_000, figures(1, ahead))], &[], &[]), []);
    assert_eq!(broken(&[seen(10_000, figures(1, ahead + 1))], &[], &[]), [Promise::ReadsAreFresh]);
}

#[test]
fn who_stands_still_is_let_go_of_once_all_is_healed() {
    let kept = |how, ending| stood(how, 10_000, LET_GO_WITHIN_MS.into(), ending);
    let body = kept(Stillness::BodyStops, Ending::LetGo);

    let broken_by = |stood: Stood, faults: &[InjectedFault]| broken(&[], &[stood], faults);
    assert_eq!(broken_by(body.clone(), &[]), [Promise::PeersAreLetGo]);
    assert_eq!(broken_by(body, &[fault(9_000, 10_001)]), []);
    assert_eq!(broken_by(kept(Stillness::NeverReads, Ending::LetGo), &[]), []);
    assert_eq!(broken_by(kept(Stillness::HeadStops, Ending::Closed), &[]), []);
    assert_eq!(broken_by(kept(Stillness::HeadStops, Ending::Answered(408)), &[]), []);
    let early = stood(Stillness::HeadStops, 10_000, 3_000, Ending::LetGo);
    assert_eq!(broken_by(early, &[]), []);
}

#[test]
fn half_a_request_does_nothing_and_garbage_is_no_answer() {
    let half = stood(Stillness::BodyStops, 10_000, 100, Ending::Answered(200));
    let wrong = Seen { sight: Sight::Wrong("500".to_owned()), ..seen(10_000, figures(1, 10_000)) };

    assert_eq!(broken(&[], &[half], &[]), [Promise::AnswersAreKnown]);
    assert_eq!(broken(&[wrong], &[], &[]), [Promise::AnswersAreKnown]);
}

fn event(id: &str, sold: i64, held: i64) -> Event {
    let available = 10 - sold - held;
    let figures = Figures { sale: SALE, stock: 10, sold, held, available, server_ms: 10_000 };
    Event { id: id.to_owned(), figures }
}

fn visit(events: &[Event], farewell: Farewell) -> Visit {
    Visit { service: 0, had: None, events: events.to_vec(), farewell }
}

/// What is broken to one viewer of a sale of which five units are sold.
fn broken_to_viewer(visits: &[Visit]) -> Vec<Promise> {
    let sightings = Sightings::default();
    sightings.note_watched(Watched { visits: visits.to_vec() });
    let breaches = judge_crowd(SALE, &sightings, (&[], &[]), &ledger(5));
    breaches.into_iter().map(|breach| breach.promise).collect()
}

#[test]
fn a_viewer_who_is_cut_off_and_comes_back_is_told_what_is_new_to_the_end() {
    let cut_off = visit(&[event("a", 1, 1), event("b", 4, 1)], Farewell::Broken);
    let over = visit(&[event("c", 5, 0)], Farewell::Over);

    assert_eq!(broken_to_viewer(&[cut_off.clone(), over.clone()]), []);
    let heard = visit(&[event("c", 5, 0)], Farewell::Broken);
    assert_eq!(broken_to_viewer(&[heard, visit(&[], Farewell::Over)]), []);
    let busy = visit(&[], Farewell::Busy);
    assert_eq!(broken_to_viewer(&[busy, cut_off, over]), []);
}

#[test]
fn a_viewer_is_told_nothing_twice_nothing_untrue_and_the_end() {
    let over = visit(&[event("c", 5, 0)], Farewell::Over);
    let again = visit(&[event("b", 4, 1)], Farewell::Broken);
    let untrue = visit(&[event("b", 6, 1)], Farewell::Broken);
    let wrong = visit(&[event("c", 5, 0)], Farewell::Wrong("500".to_owned()));
    let told = Promise::ViewersAreTold;

    assert_eq!(broken_to_viewer(&[again.clone(), again.clone(), over.clone()]), [told]);
    assert_eq!(broken_to_viewer(&[untrue, over]), [Promise::ReadsAreTrue]);
    assert_eq!(broken_to_viewer(&[visit(&[event("c", 5, 0)], Farewell::Broken)]), [told]);
    assert_eq!(broken_to_viewer(&[visit(&[event("b", 4, 1)], Farewell::Over)]), [told]);
    assert_eq!(broken_to_viewer(&[visit(&[event("b", 4, 0)], Farewell::Over)]), [told]);
    assert_eq!(broken_to_viewer(&[]), [told]);
    assert_eq!(broken_to_viewer(&[wrong]), [Promise::AnswersAreKnown, told]);
}
