//! The shop window.

mod buying;
mod craft;
mod hostile;
mod stores_away;
mod trouble;
pub(crate) mod visitor;
