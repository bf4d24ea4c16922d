//! What the disk alone does: how long a durable answer takes at the least.

use std::{
    io::{self, Seek, SeekFrom, Write},
    thread,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    error::{BenchError, during},
    figures::Latencies,
};

/// A page of Postgres' log.
const PAGE: [u8; 8_192] = [0x5a; 8_192];

/// Pages of the file that is written over and over, as a recycled log segment is.
const PAGES: u64 = 2_048;

/// How often somebody asks: seldom enough to leave the disk to the service.
const TICK: Duration = Duration::from_millis(5);

/// Writes and flushes a page at every tick, in the directory of temporary files, where
/// the private servers have their own.
pub(crate) fn flushes(lasting: Duration) -> Result<Latencies, BenchError> {
    let measure = || -> io::Result<Latencies> {
        let mut file = tempfile::tempfile()?;
        for _ in 0..PAGES {
            file.write_all(&PAGE)?;
        }
        file.sync_all()?;
        let mut latencies = Latencies::default();
        let start = Instant::now();
        for page in (0..PAGES).cycle() {
            if start.elapsed() >= lasting {
                break;
            }
            let asked = Instant::now();
            file.seek(SeekFrom::Start(page * PAGE.len() as u64))?;
            file.write_all(&PAGE)?;
            file.sync_data()?;
            waits(asked.elapsed()).for_each(|wait| latencies.note(wait));
            thread::sleep(TICK);
        }
        Ok(latencies)
    };
    measure().map_err(during("flush to disk"))
}

/// The waits of all who ask while a flush takes this long, one a tick: a stall is met by many.
fn waits(took: Duration) -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(took), |wait| wait.checked_sub(TICK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_met_by_all_who_ask_during_it() {
        let us = |us| waits(Duration::from_micros(us)).map(|wait| wait.as_micros()).collect();

        let (quick, slow): (Vec<_>, Vec<_>) = (us(300), us(13_200));

        assert_eq!(quick, [300]);
        assert_eq!(slow, [13_200, 8_200, 3_200]);
    }
}
