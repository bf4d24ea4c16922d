//! What a [`SaleRegister`](domain::ports::SaleRegister) promises.

mod epochs;
mod sales;

pub use epochs::*;
pub use sales::*;

/// Writes one test per promise of `SaleRegister`, on the [`Ledger`](crate::Ledger) that
/// `$ledger` makes.
#[macro_export]
macro_rules! sale_register_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, sale_register:
            a_scheduled_sale_is_found_as_it_was_made
            an_unknown_sale_is_nowhere
            windows_of_the_timetable_may_touch_but_not_overlap
            a_sale_of_an_operator_may_overlap_any
            of_ten_that_schedule_at_once_one_wins
            a_closed_sale_keeps_its_window
            the_timetable_is_filled_from_the_current_slot_on
            a_window_that_is_taken_uses_no_number
            ten_that_fill_the_timetable_at_once_make_each_slot_once
            a_slot_that_overlaps_a_sale_of_the_timetable_keeps_what_it_has
            a_page_has_the_newest_first_and_no_more_than_asked
            the_calendar_has_what_is_not_closed_by_its_start
            the_snapshot_has_every_live_unit_and_no_other
            an_epoch_follows_the_one_before
            an_epoch_stands_for_half_a_second
            of_many_that_raise_at_once_one_does
            an_epoch_that_was_never_issued_shows_that_the_ledger_is_behind
            an_epoch_that_a_live_store_remembers_is_passed_at_once
            a_grant_in_flight_is_in_the_snapshot_or_never_recorded
            a_tally_counts_what_is_held_and_sold
            sales_that_are_counted_together_are_counted_each_by_itself
            a_sale_is_closed_when_it_is_over_and_no_hold_is_left
            a_closed_sale_records_no_grant_and_stays_closed
        }
    };
}
