//! What every adapter of the domain's ports promises, one public case a promise.
//!
//! An adapter calls a macro per port with the function that makes it a fresh store, and gets
//! one test a promise. The fakes run the same cases as the servers, so what is tested on the
//! fakes holds for the servers too.
//!
//! Cases move a sale's window and the length of its holds, not the clock: a server's clock is
//! its own. Where time must pass they look again and again until it has.

#![expect(clippy::unwrap_used, reason = "in a case, a panic is the report")]

pub mod answered_codes;
pub mod code_owners;
pub mod code_store;
pub mod exports;
pub mod fixtures;
pub mod inspections;
mod ledger;
pub mod ledger_store;
mod live;
pub mod lookups;
pub mod operator;
pub mod processes;
pub mod products;
pub mod sale_history;
pub mod sale_register;
pub mod sale_store;
pub mod turns;

pub use inspections::Inspected;
pub use ledger::{CountRecords, Ledger, end, grant, record, redemption, set_paused};
pub use live::Live;

/// Writes one test per case of a port, on the stores that `$stores` makes.
#[doc(hidden)]
#[macro_export]
macro_rules! contract {
    ($stores:path, $port:ident: $($case:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $case() {
            $crate::$port::$case($stores().await).await;
        }
    )+};
}

#[cfg(test)]
mod tests {
    /// The cases of a port, and the macro that runs them.
    const PORTS: [(&str, &[&str]); 14] = [
        (include_str!("answered_codes.rs"), &[include_str!("answered_codes.rs")]),
        (include_str!("code_owners.rs"), &[include_str!("code_owners.rs")]),
        (include_str!("exports.rs"), &[include_str!("exports.rs")]),
        (include_str!("inspections.rs"), &[include_str!("inspections.rs")]),
        (include_str!("lookups.rs"), &[include_str!("lookups.rs")]),
        (include_str!("processes.rs"), &[include_str!("processes.rs")]),
        (include_str!("products.rs"), &[include_str!("products.rs")]),
        (include_str!("sale_history.rs"), &[include_str!("sale_history.rs")]),
        (include_str!("turns.rs"), &[include_str!("turns.rs")]),
        (
            include_str!("operator.rs"),
            &[
                include_str!("operator/cancelling.rs"),
                include_str!("operator/changing.rs"),
                include_str!("operator/orders.rs"),
                include_str!("operator/products.rs"),
            ],
        ),
        (include_str!("sale_store.rs"), &[include_str!("sale_store.rs")]),
        (
            include_str!("code_store.rs"),
            &[
                include_str!("code_store/holds.rs"),
                include_str!("code_store/refusals.rs"),
                include_str!("code_store/verdicts.rs"),
            ],
        ),
        (
            include_str!("ledger_store.rs"),
            &[
                include_str!("ledger_store/codes.rs"),
                include_str!("ledger_store/judging.rs"),
                include_str!("ledger_store/records.rs"),
            ],
        ),
        (
            include_str!("sale_register.rs"),
            &[include_str!("sale_register/epochs.rs"), include_str!("sale_register/sales.rs")],
        ),
    ];

    #[test]
    fn every_case_is_run_by_the_macro_of_its_port() {
        for (list, files) in PORTS {
            let listed = list.lines().map(str::trim).filter(|line| {
                line.contains('_') && line.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            });
            let written = files
                .iter()
                .flat_map(|file| file.lines())
                .filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next());

            let (mut listed, mut written) =
                (listed.collect::<Vec<_>>(), written.collect::<Vec<_>>());
            listed.sort_unstable();
            written.sort_unstable();
            assert!(!written.is_empty());
            assert_eq!(listed, written);
        }
    }
}
