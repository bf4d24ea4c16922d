//! The control room.

mod craft;
mod hostile;
mod looking;
mod ordering;
pub(crate) mod room;
mod signing_in;
mod stores_away;
mod trouble;
mod unanswered;
mod watching;
