//! What was answered last, by which a ledger is known that has lost answers: one that goes on from a
//! standby that was behind, say. Then nothing is sold until an operator has had a look.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use deadpool_postgres::ClientWrapper;
use domain::{Code, SaleId};
use telemetry::Event;

use crate::rows;

const LOOK_BACK_SQL: &str = include_str!("../sql/connect/look_back.sql");
const STOP_SELLING_SQL: &str = include_str!("../sql/connect/stop_selling.sql");

/// How many answers are kept: the last are the first to be lost.
const ANSWERS_MAX: usize = 64;

/// The last answers of a process, and whether the ledger lacks some of them.
#[derive(Default)]
pub(crate) struct Witness {
    answers: Mutex<VecDeque<Answer>>,
    stopped: Mutex<BTreeSet<SaleId>>,
    is_stopped: AtomicBool,
}

/// What the ledger has said, and must be able to say again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The code that was answered.
    pub(crate) code: Code,
    /// Whether it was answered as sold, else as held.
    pub(crate) is_sold: bool,
}

impl Witness {
    /// Keeps the last of these answers.
    pub(crate) fn saw(&self, answers: impl DoubleEndedIterator<Item = Answer> + ExactSizeIterator) {
        let skipped = answers.len().saturating_sub(ANSWERS_MAX);
        let mut kept = locked(&self.answers);
        for answer in answers.skip(skipped) {
            if kept.len() == ANSWERS_MAX {
                kept.pop_front();
            }
            kept.push_back(answer);
        }
    }

    /// Whether answers were lost, and no operator has resumed the sales since.
    pub(crate) fn has_lost(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// Notes which sales are paused: once none is that was paused for a loss, it is over.
    pub(crate) fn paused(&self, sales: impl Iterator<Item = SaleId>) {
        if !self.has_lost() {
            return;
        }
        let mut stopped = locked(&self.stopped);
        let paused = sales.collect::<BTreeSet<_>>();
        stopped.retain(|sale| paused.contains(sale));
        if stopped.is_empty() {
            tracing::info!("the sales go on that were stopped for answers which the ledger lost");
            self.is_stopped.store(false, Ordering::Relaxed);
        }
    }

    /// Whether the ledger still has what was answered. If not, the sales that are open are stopped.
    pub(super) async fn look_back(
        &self,
        client: &ClientWrapper,
    ) -> Result<bool, tokio_postgres::Error> {
        let answers = locked(&self.answers).iter().copied().collect::<Vec<_>>();
        if answers.is_empty() {
            return Ok(true);
        }
        let codes = answers.iter().map(|answer| rows::uuid(answer.code)).collect::<Vec<_>>();
        let sold = answers.iter().map(|answer| answer.is_sold).collect::<Vec<_>>();
        let lost: i64 = client.query_one(LOOK_BACK_SQL, &[&codes, &sold]).await?.try_get("lost")?;
        if lost == 0 {
            return Ok(true);
        }
        let stopped = client.query(STOP_SELLING_SQL, &[]).await?;
        let stopped =
            stopped.iter().filter_map(|row| rows::sale_id(row, "id").ok()).collect::<BTreeSet<_>>();
        tracing::error!(
            lost,
            of = answers.len(),
            paused = ?stopped,
            "the ledger has lost answers that were given; the open sales are paused: look with \
             `flashsale audit`, and let them go on with `flashsale sales resume`"
        );
        telemetry::happened(Event::AnswerLost, usize::try_from(lost).unwrap_or(usize::MAX));
        let is_stopped = !stopped.is_empty();
        locked(&self.stopped).extend(stopped);
        self.is_stopped.store(is_stopped || self.has_lost(), Ordering::Relaxed);
        // What is not there is not looked for again: last, so that whoever finds nothing to look for
        // knows of the loss.
        locked(&self.answers).clear();
        Ok(false)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answers_are_kept_however_they_come() {
        let sale = SaleId::try_from(1).unwrap();
        let answer = |number: u64| Answer { code: Code::new(sale, number.into()), is_sold: false };
        let witness = Witness::default();

        witness.saw((0..10).map(answer).collect::<Vec<_>>().into_iter());
        witness.saw((10..200).map(answer).collect::<Vec<_>>().into_iter());
        witness.saw((200..210).map(answer).collect::<Vec<_>>().into_iter());

        let kept = locked(&witness.answers).iter().copied().collect::<Vec<_>>();
        assert_eq!(kept, (146..210).map(answer).collect::<Vec<_>>());
    }
}
