//! What every adapter of the domain's ports promises, one public case a promise.
//!
//! An adapter calls a macro per port with the function that makes it a fresh store, and gets
//! one test a promise. The fakes run the same cases as the servers, so what is tested on the
//! fakes holds for the servers too.
//!
//! Cases move a sale's window and the length of its holds, not the clock: a server's clock is
//! its own. Where time must pass they look again and again until it has.

#![expect(clippy::unwrap_used, reason = "in a case, a panic is the report")]

pub mod code_store;
pub mod fixtures;
mod live;
pub mod sale_store;

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
