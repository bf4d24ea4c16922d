//! The pages in a real browser, over the real service: what people see and press, and what becomes of it.
//!
//! Each state is looked at when a way leads through it: axe-core finds nothing, nothing is wider than the
//! screen, and pictures in both sizes and both themes are left in `target/pages`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "figures for whoever runs with --nocapture")]

mod control;
mod core;
mod eye;
mod served;
mod shop;
mod weight;
