//! What is promised of a purchase that an operator cancels.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Court, Promise};
use crate::{cancellations::Cancelled, history::Answer};

impl Court<'_> {
    /// Only what was ordered is cancelled, what was told as done stays done, and a code that was called cancelled is
    /// called nothing else by whoever is asked later.
    pub(super) fn check_cancelled(&mut self, cancelled: &[Cancelled]) {
        for (code, row) in &self.records.purchases {
            let is_ended =
                self.records.holds.get(code).is_some_and(|hold| hold.state == "cancelled");
            let is_ordered = cancelled.iter().any(|it| it.code == *code);
            if is_ended != row.is_cancelled || row.is_cancelled && !is_ordered {
                let hold = self.records.holds.get(code);
                let what = format!("{code}, ordered: {is_ordered}: {row:?} of {hold:?}");
                self.charge(Promise::AnswersStay, what);
            }
        }
        for it in cancelled.iter().filter(|it| it.done_ms.is_some()) {
            let row = self.records.purchases.get(&it.code);
            if !row.is_some_and(|row| row.is_cancelled) {
                self.charge(Promise::AnswersAreKept, format!("{it:?}, the ledger has {row:?}"));
            }
        }
        self.check_told(cancelled);
    }

    fn check_told(&mut self, cancelled: &[Cancelled]) {
        let mut since: HashMap<Uuid, i64> =
            cancelled.iter().filter_map(|it| Some((it.code, it.done_ms?))).collect();
        for asked in self.history.iter().filter(|it| it.answer == Answer::Cancelled) {
            let Some(code) = asked.what.code() else { continue };
            let first_ms = since.entry(code).or_insert(asked.answered_ms);
            *first_ms = asked.answered_ms.min(*first_ms);
            let row = self.records.purchases.get(&code);
            if !row.is_some_and(|row| row.is_cancelled) {
                let what = format!("{code} was called cancelled, the ledger has {row:?}");
                self.charge(Promise::AnswersAreKept, what);
            }
        }
        for asked in self.history.iter().filter(|it| matches!(it.answer, Answer::Bought { .. })) {
            let since_ms = asked.what.code().and_then(|code| since.get(&code));
            if since_ms.is_some_and(|since_ms| *since_ms < asked.sent_ms) {
                let what = format!("it was cancelled at {since_ms:?}, and then {asked:?}");
                self.charge(Promise::AnswersStay, what);
            }
        }
    }
}
