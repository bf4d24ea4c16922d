//! The control room.

mod craft;
mod hostile;
mod looking;
mod ordering;
mod room;
mod signing_in;
mod trouble;
mod unanswered;
mod watching;
