//! What was answered already, as the ledger knows it.

use async_trait::async_trait;

use crate::{Code, Slot, StoreError, Unit, UnixMillis};

/// The codes that somebody may have been answered, looked up before anything is taken.
#[async_trait]
pub trait AnsweredCodes: Send + Sync {
    /// What was granted under a code, whatever has become of it since, also when its sale is closed.
    async fn answered(&self, code: Code) -> Result<Answered, StoreError>;
}

/// What is known of a code that somebody may have been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It has no record: nobody was answered it, and somebody may be yet.
    NotYet,
    /// It is a tombstone: nobody was answered it, and nobody will be.
    Never,
    /// It was granted.
    Granted(Granted),
}

/// What a code was granted. It never changes, whatever becomes of the hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// The unit.
    pub unit: Unit,
    /// Which of the user's slots it took.
    pub slot: Slot,
    /// When the hold was due, by the ledger's clock.
    pub expires_at: UnixMillis,
}
