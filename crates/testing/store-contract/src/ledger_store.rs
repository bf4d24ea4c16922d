//! What a [`LedgerStore`](domain::ports::LedgerStore) promises.

mod codes;
mod judging;
mod records;

pub use codes::*;
pub use judging::*;
pub use records::*;

/// Writes one test per promise of `LedgerStore`, on the [`Ledger`](crate::Ledger) that `$ledger`
/// makes.
#[macro_export]
macro_rules! ledger_store_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, ledger_store:
            a_grant_is_recorded_once_and_its_repetition_stands
            a_grant_repeated_at_once_is_recorded_once
            a_code_granted_again_has_what_was_recorded_first
            of_two_units_of_a_code_both_learn_which_stands
            a_grant_of_another_epoch_is_stale_and_leaves_no_record
            a_grant_of_an_unknown_sale_is_stale
            a_unit_that_is_live_under_another_code_is_stale
            a_slot_that_is_live_under_another_code_is_stale
            a_unit_above_the_stock_and_a_slot_above_the_limit_are_stale
            a_unit_and_its_slot_can_be_held_again
            of_many_grants_of_a_unit_one_stands
            a_grant_that_was_judged_already_comes_too_late
            refusals_are_recorded_each_once_by_outcome
            a_bad_grant_does_not_hurt_its_neighbours
            a_place_that_is_dropped_records_nothing
            a_code_is_redeemed_once_and_the_receipt_stays
            two_hundred_redemptions_sell_once
            a_code_that_was_never_given_redeems_nothing_and_leaves_nothing
            a_code_redeemed_for_another_unit_sells_nothing_and_says_which
            a_code_that_ended_is_not_redeemed
            a_hold_past_its_time_is_sold_until_it_is_judged
            a_bad_redemption_does_not_hurt_its_neighbours
            a_hold_is_given_back_once
            a_code_that_is_not_held_cannot_be_given_back
            of_a_redemption_and_a_return_one_wins
            every_code_is_found_as_it_is
            a_code_without_a_record_gets_a_tombstone
            a_hold_that_is_due_expires
            a_hold_that_is_live_is_left_alone
            what_is_sold_or_given_back_is_reported
            verdicts_are_final
            a_judge_decides_many_codes_at_once
            of_a_redemption_and_an_expiry_one_wins
            of_a_record_and_a_tombstone_one_wins
            only_holds_that_are_overdue_are_expired
            no_more_overdue_holds_are_expired_than_asked
        }
    };
}
