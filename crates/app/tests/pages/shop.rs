//! The shop window.

mod buying;
mod craft;
mod hostile;
mod trouble;
mod visitor;
