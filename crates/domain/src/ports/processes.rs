//! Where processes tell each other what they do.

use async_trait::async_trait;

use crate::{StoreError, processes::Process};

/// Where processes leave, for a moment, what they did in the last one. It may be lost at any time.
#[async_trait]
pub trait Processes: Send + Sync {
    /// Leaves what a process did where the others find it, in the place of what it left before.
    async fn leave(&self, own: &Process) -> Result<(), StoreError>;

    /// The same, and finds what others left less than [`SEEN_MS`](crate::processes::SEEN_MS) before, by
    /// the time of `own`: at most [`PROCESSES_MAX`](crate::processes::PROCESSES_MAX), those that said
    /// something last. What a process of another version left may not be among it.
    async fn exchange(&self, own: &Process) -> Result<Vec<Process>, StoreError>;
}
