//! What a [`CodeStore`](domain::ports::CodeStore) promises.

mod holds;
mod refusals;
mod verdicts;

pub use holds::*;
pub use refusals::*;
pub use verdicts::*;

/// Writes one test per promise of `CodeStore`, on the [`Live`](crate::Live) store that `$live`
/// makes.
#[macro_export]
macro_rules! code_store_contract {
    ($live:path) => {
        $crate::contract! { $live, code_store:
            a_race_takes_exactly_the_stock
            each_unit_is_given_once
            a_users_slots_are_taken_from_the_lowest
            a_repeated_hold_gets_the_same_unit_and_takes_nothing
            a_hold_repeated_at_once_takes_one_unit
            a_hold_is_kept_for_as_long_as_the_terms_say
            only_live_codes_are_found
            sales_do_not_see_each_others_codes
            codes_of_many_sales_are_found_at_once
            a_user_stops_at_the_limit
            a_user_stops_at_the_limit_within_one_batch
            the_limit_says_what_is_held_and_what_is_bought
            a_sale_that_was_never_loaded_gives_nothing
            a_refusal_changes_nothing
            a_sale_is_not_open_before_its_start
            a_sale_opens_at_its_start
            a_sale_has_ended_at_its_end
            a_paused_sale_says_so_until_it_is_over
            sold_out_says_when_the_next_unit_is_back
            sold_out_says_nothing_when_nothing_will_come_back
            a_sold_unit_stays_sold
            a_freed_unit_and_its_slot_are_given_again
            a_hold_that_is_still_live_is_due_later
            only_the_first_of_two_verdicts_counts
            what_a_code_has_beside_its_record_is_free_again
            a_code_that_has_its_own_unit_alone_is_left_alone
            of_two_verdicts_in_one_call_the_first_counts
            verdicts_on_unknown_codes_do_nothing
            a_verdict_from_before_a_rebuild_does_nothing
            thousands_of_verdicts_fit_into_one_call
            a_verdict_nobody_waits_for_is_carried_out
            due_codes_come_oldest_first_and_no_more_than_asked
            every_change_of_a_hold_is_counted
            free_held_and_sold_are_the_stock_at_every_moment
        }
    };
}
