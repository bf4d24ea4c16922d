//! Reading what settings name, which may have to wait for a disk, or for ever for one that is gone.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::AccessError;

/// How long reading may take, with that of whoever came before.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads what one store's settings name, for one connection at a time: a disk that does not answer
/// costs one thread, however many connections there shall be.
#[derive(Debug, Clone)]
pub struct Reader {
    turn: Arc<Semaphore>,
    limit: Duration,
}

impl Default for Reader {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), limit: READ_TIMEOUT }
    }
}

impl Reader {
    /// Does what waits for a disk where nobody is kept waiting by it.
    ///
    /// # Errors
    ///
    /// [`AccessError::Slow`] if it is not done in time. It goes on then, and nothing is read before it
    /// has come to its end.
    pub async fn read<T, E>(
        &self,
        read: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<AccessError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turn);
        let reading = async {
            let turn = turn.acquire_owned().await.map_err(|_| AccessError::Ending)?;
            let read = spawn_blocking(move || {
                let _turn = turn;
                read()
            });
            read.await.map_err(|_| AccessError::Ending)?
        };
        timeout(self.limit, reading).await.unwrap_or(Err(AccessError::Slow.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    #[tokio::test]
    async fn a_disk_that_does_not_answer_is_waited_for_by_one_thread_and_not_for_ever() {
        let reader = Reader { limit: Duration::from_millis(20), ..Reader::default() };
        let (answers, disk) = mpsc::channel::<()>();
        let begun = Arc::new(AtomicUsize::new(0));
        let disk = Arc::new(std::sync::Mutex::new(disk));
        let read = || {
            let (begun, disk) = (Arc::clone(&begun), Arc::clone(&disk));
            reader.read(move || {
                begun.fetch_add(1, Ordering::SeqCst);
                let _ = disk.lock().unwrap().recv();
                Ok::<_, AccessError>(7)
            })
        };

        for _ in 0..3 {
            assert!(matches!(read().await, Err(AccessError::Slow)));
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);

        drop(answers);
        let patient = Reader { limit: Duration::from_secs(60), ..reader.clone() };
        assert_eq!(patient.read(|| Ok::<_, AccessError>(8)).await.unwrap(), 8);
    }
}
