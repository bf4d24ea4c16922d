//! The shop window.

mod buying;
mod craft;
mod hostile;
mod kept;
mod pictures;
mod several;
mod stores_away;
mod telling;
mod tokens;
mod trouble;
mod unsure;
pub(crate) mod visitor;
