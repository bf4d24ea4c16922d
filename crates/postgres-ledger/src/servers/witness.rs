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
use domain::{Code, SaleId, ports::Calendar, sale::SaleState};
use telemetry::Event;
use tokio_postgres::Row;

use crate::rows;

const LOOK_BACK_SQL: &str = include_str!("../sql/connect/look_back.sql");
pub(crate) const STOP_SELLING_SQL: &str = include_str!("../sql/connect/stop_selling.sql");

/// How many answers are kept of a kind: the last are the first to be lost.
const ANSWERS_MAX: usize = 64;

/// The last answers of a process, and whether the ledger lacks some of them.
#[derive(Default)]
pub(crate) struct Witness {
    answers: Mutex<Answers>,
    loss: Mutex<Loss>,
    has_lost: AtomicBool,
}

/// The last answers, of either kind by itself: however often what is long there is asked for, it
/// displaces nothing that is new.
#[derive(Default)]
struct Answers {
    written: VecDeque<Answer>,
    found: VecDeque<Answer>,
}

/// What the ledger has said, and must be able to say again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The code that was answered.
    pub(crate) code: Code,
    /// Whether it was answered as sold, else as held.
    pub(crate) is_sold: bool,
}

/// How an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// It was recorded for whoever asked.
    Writing,
    /// It was there already.
    Finding,
}

/// What was done about a loss, until an operator says that it is right.
#[derive(Default)]
struct Loss {
    /// The sales that were paused when there was none yet: whoever lets one of these go on means something
    /// else. What was read before a loss is of the server before, where nobody has paused a sale for it.
    paused_before: BTreeSet<SaleId>,
    /// The sales that were paused for it.
    paused: BTreeSet<SaleId>,
    /// How often sales were paused: what was read before the last time says nothing of it.
    stops: u64,
}

/// What is to be done after a look at the sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// Sales are to be paused, for one is open or comes next that is not.
    Pause,
}

impl Witness {
    /// Keeps the last of these answers.
    pub(crate) fn saw(
        &self,
        by: By,
        answers: impl DoubleEndedIterator<Item = Answer> + ExactSizeIterator,
    ) {
        if answers.len() == 0 {
            return;
        }
        let skipped = answers.len().saturating_sub(ANSWERS_MAX);
        let mut kept = locked(&self.answers);
        let kept = match by {
            By::Writing => &mut kept.written,
            By::Finding => &mut kept.found,
        };
        for answer in answers.skip(skipped) {
            if kept.len() == ANSWERS_MAX {
                kept.pop_front();
            }
            kept.push_back(answer);
        }
    }

    /// Whether answers were lost, and no operator has resumed a sale since that was paused for it.
    pub(crate) fn has_lost(&self) -> bool {
        self.has_lost.load(Ordering::Relaxed)
    }

    /// How often sales were paused for a loss, to be asked for before the sales are read.
    pub(crate) fn stops(&self) -> u64 {
        locked(&self.loss).stops
    }

    /// Goes by the sales as they were read after `stops`. A loss is over once one that was paused for
    /// it goes on, which nobody has done but an operator. One that has ended in the meantime, or was
    /// closed, is none: then the next one is paused for it. One that had been paused before is paused for it
    /// as soon as it goes on.
    pub(crate) fn looked(&self, stops: u64, calendar: &Calendar) -> Then {
        let mut loss = locked(&self.loss);
        let sales = || calendar.sales.iter().filter(|sale| sale.window.ends_at() > calendar.now);
        let in_state = |state| sales().filter(move |sale| sale.state == state);
        let paused = || in_state(SaleState::Paused).map(|sale| sale.id);
        if !self.has_lost() {
            loss.paused_before = paused().collect();
            return Then::Nothing;
        }
        if loss.stops != stops {
            return Then::Nothing;
        }
        let mut active = in_state(SaleState::Active);
        if active.clone().any(|sale| loss.paused.contains(&sale.id)) {
            tracing::info!(
                "an operator lets sales go on that were paused for answers which got lost"
            );
            *loss =
                Loss { paused_before: paused().collect(), stops: loss.stops, ..Loss::default() };
            self.has_lost.store(false, Ordering::Relaxed);
            return Then::Nothing;
        }
        for sale in active.clone() {
            loss.paused_before.remove(&sale.id);
        }
        // Those that another process has paused for it, too.
        let for_it = paused().filter(|sale| !loss.paused_before.contains(sale));
        let for_it = for_it.collect::<Vec<_>>();
        loss.paused.extend(for_it);
        let is_any_paused = sales().any(|sale| loss.paused.contains(&sale.id));
        if !is_any_paused && active.clone().next().is_none() {
            // There must be one to let go on.
            loss.paused.extend(paused().collect::<Vec<_>>());
        }
        let is_any_open = active.clone().any(|sale| sale.window.starts_at() <= calendar.now);
        let shall_pause = is_any_open || (!is_any_paused && active.next().is_some());
        if shall_pause { Then::Pause } else { Then::Nothing }
    }

    /// Keeps which sales were paused by [`STOP_SELLING_SQL`].
    pub(crate) fn paused(&self, rows: &[Row]) -> Vec<SaleId> {
        let paused = rows.iter().filter_map(|row| rows::sale_id(row, "id").ok());
        self.stopped(paused.collect())
    }

    /// Which of these that are paused now are so for the loss; all of them if each was before, for one
    /// there must be to let go on.
    fn stopped(&self, paused: Vec<SaleId>) -> Vec<SaleId> {
        let mut loss = locked(&self.loss);
        loss.stops += 1;
        let is_for_it = |sale: &&SaleId| !loss.paused_before.contains(*sale);
        let for_it = paused.iter().filter(is_for_it).copied().collect::<Vec<_>>();
        let for_it = if for_it.is_empty() { paused } else { for_it };
        loss.paused.extend(&for_it);
        for_it
    }

    /// Whether the ledger still has what was answered. If not, or if that was so before and no operator
    /// has said that it is right, sales are paused.
    pub(super) async fn look_back(
        &self,
        client: &ClientWrapper,
    ) -> Result<bool, tokio_postgres::Error> {
        let answers = {
            let kept = locked(&self.answers);
            kept.written.iter().chain(&kept.found).copied().collect::<Vec<_>>()
        };
        if answers.is_empty() && !self.has_lost() {
            return Ok(true);
        }
        let codes = answers.iter().map(|answer| rows::uuid(answer.code)).collect::<Vec<_>>();
        let sold = answers.iter().map(|answer| answer.is_sold).collect::<Vec<_>>();
        let lost: i64 = client.query_one(LOOK_BACK_SQL, &[&codes, &sold]).await?.try_get("lost")?;
        if lost == 0 && !self.has_lost() {
            return Ok(true);
        }
        // First, so that nothing is sold even if the sales cannot be paused.
        self.has_lost.store(true, Ordering::Relaxed);
        let paused = self.paused(&client.query(STOP_SELLING_SQL, &[]).await?);
        tracing::error!(
            lost,
            of = answers.len(),
            paused = listed(&paused),
            "the ledger has lost answers that were given; nothing is sold until an operator lets a \
             sale go on that is paused for it: look with `flashsale audit`, then `flashsale sales \
             resume`"
        );
        telemetry::happened(Event::AnswerLost, usize::try_from(lost).unwrap_or(usize::MAX));
        // What is not there is not looked for again.
        *locked(&self.answers) = Answers::default();
        Ok(false)
    }
}

/// Numbers of sales, for people.
pub(crate) fn listed(sales: &[SaleId]) -> String {
    sales.iter().map(SaleId::to_string).collect::<Vec<_>>().join(", ")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use domain::{Epoch, Origin, Sale, Salt, Terms, UnixMillis, Window};

    use super::*;

    fn number(sale: i64) -> SaleId {
        SaleId::try_from(sale).unwrap()
    }

    fn answer(random: u64) -> Answer {
        Answer { code: Code::new(number(1), random.into()), is_sold: false }
    }

    #[test]
    fn the_last_answers_are_kept_however_they_come_and_found_ones_displace_no_written_ones() {
        let witness = Witness::default();
        let saw = |by, numbers: std::ops::Range<u64>| {
            witness.saw(by, numbers.map(answer).collect::<Vec<_>>().into_iter());
        };

        saw(By::Writing, 0..10);
        saw(By::Writing, 10..200);
        saw(By::Writing, 200..210);
        saw(By::Finding, 1_000..2_000);

        let kept = locked(&witness.answers);
        let numbers = |kept: &VecDeque<Answer>| kept.iter().copied().collect::<Vec<_>>();
        assert_eq!(numbers(&kept.written), (146..210).map(answer).collect::<Vec<_>>());
        assert_eq!(numbers(&kept.found), (1_936..2_000).map(answer).collect::<Vec<_>>());
    }

    /// A sale of this hour.
    fn sale(hour: i64, state: SaleState) -> Sale {
        let window = Window::new(UnixMillis(hour * 100), UnixMillis(hour * 100 + 100)).unwrap();
        let terms = Terms::new(5, 1, 1).unwrap();
        let (origin, salt) = (Origin::Timetable, Salt::new([7; Salt::LENGTH]));
        Sale {
            id: number(hour),
            window,
            terms,
            origin,
            product: None,
            state,
            epoch: Epoch(1),
            salt,
        }
    }

    fn at(now: i64, sales: &[Sale]) -> Calendar {
        Calendar { now: UnixMillis(now), sales: sales.to_vec(), just_closed: Vec::new() }
    }

    /// A process that knows of a loss, for which these sales are paused.
    fn with_a_loss(paused: &[i64]) -> Witness {
        let witness = Witness::default();
        witness.has_lost.store(true, Ordering::Relaxed);
        locked(&witness.loss).paused = paused.iter().copied().map(number).collect();
        witness
    }

    #[test]
    fn a_loss_is_over_when_a_sale_goes_on_that_was_paused_for_it_and_not_when_its_hour_is() {
        use SaleState::{Active, Paused};
        for (now, sales, then, is_over) in [
            (150, &[sale(1, Paused), sale(2, Active)][..], Then::Nothing, false),
            (150, &[sale(1, Active), sale(2, Active)], Then::Nothing, true),
            // Its hour is over, and it is not closed yet; then it is.
            (210, &[sale(1, Paused), sale(2, Active)], Then::Pause, false),
            (210, &[sale(1, Active), sale(2, Active)], Then::Pause, false),
            (210, &[sale(2, Active)], Then::Pause, false),
            // Between two sales the next is paused, or there would be none to resume.
            (190, &[sale(2, Active)], Then::Pause, false),
            (190, &[], Then::Nothing, false),
        ] {
            let witness = with_a_loss(&[1]);

            assert_eq!(witness.looked(0, &at(now, sales)), then, "{now} {sales:?}");
            assert_eq!(!witness.has_lost(), is_over, "{now} {sales:?}");
        }
    }

    #[test]
    fn a_sale_that_another_process_paused_for_a_loss_is_resumed_once_for_all() {
        let witness = with_a_loss(&[1]);

        assert_eq!(witness.looked(0, &at(210, &[sale(2, SaleState::Paused)])), Then::Nothing);
        assert_eq!(witness.looked(0, &at(220, &[sale(2, SaleState::Active)])), Then::Nothing);

        assert!(!witness.has_lost());
    }

    /// It goes on for another reason than that what was lost is right.
    #[test]
    fn a_sale_that_was_paused_before_a_loss_ends_it_only_if_there_is_no_other() {
        use SaleState::{Active, Paused};
        let witness = Witness::default();
        assert_eq!(witness.looked(0, &at(150, &[sale(1, Active), sale(2, Paused)])), Then::Nothing);
        witness.has_lost.store(true, Ordering::Relaxed);
        assert_eq!(witness.stopped(vec![number(1), number(2)]), [number(1)]);

        let resumed = |sales: &[Sale]| witness.looked(witness.stops(), &at(150, sales));
        assert_eq!(resumed(&[sale(1, Paused), sale(2, Paused)]), Then::Nothing);
        assert_eq!(resumed(&[sale(1, Paused), sale(2, Active)]), Then::Nothing, "not open yet");
        assert!(witness.has_lost());
        assert_eq!(resumed(&[sale(1, Active), sale(2, Paused)]), Then::Nothing);
        assert!(!witness.has_lost());

        for stopped in [&[number(2)][..], &[]] {
            witness.has_lost.store(true, Ordering::Relaxed);
            assert_eq!(witness.stopped(stopped.to_vec()), stopped);
            assert_eq!(resumed(&[sale(2, Paused)]), Then::Nothing);
            assert_eq!(resumed(&[sale(2, Active)]), Then::Nothing, "there must be one to resume");
            assert!(!witness.has_lost());
            assert_eq!(resumed(&[sale(2, Paused)]), Then::Nothing);
        }
    }

    #[test]
    fn what_was_read_before_sales_were_paused_ends_no_loss() {
        let witness = with_a_loss(&[1]);
        let before = witness.stops();
        let read = at(150, &[sale(1, SaleState::Active)]);
        witness.paused(&[]);

        assert_eq!(witness.looked(before, &read), Then::Nothing);
        assert!(witness.has_lost());
    }
}
