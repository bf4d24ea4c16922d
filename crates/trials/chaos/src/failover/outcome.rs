//! What came of failovers, run by run and all together.

use std::fmt;

use crate::{failover::Course, judgement::Breach};

/// What came of one.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Codes that were given, and receipts.
    pub(crate) codes: usize,
    pub(crate) receipts: usize,
    /// From the promotion, or from the standby's return, to the first grant, in milliseconds; and to
    /// that of a process of which nobody had asked anything meanwhile.
    pub(crate) first_grant_ms: Option<i64>,
    pub(crate) idle_grant_ms: Option<i64>,
    pub(crate) breaches: Vec<Breach>,
    /// Why nothing was put to the test, or nobody could say what came of it.
    pub(crate) void: Option<String>,
    /// What else is to be told.
    pub(crate) remarks: Vec<String>,
}

impl Outcome {
    /// Why it is not counted. One that broke a promise is, whatever else was the matter.
    pub(crate) fn is_void(&self) -> Option<&str> {
        self.void.as_deref().filter(|_| self.breaches.is_empty())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { codes, receipts, .. } = self;
        if let Some(why) = self.is_void() {
            write!(f, "NOT A RUN: {why}; ")?;
        }
        write!(f, "{codes} codes, {receipts} receipts")?;
        if let Some(ms) = self.first_grant_ms {
            write!(f, "; first grant {ms} ms")?;
        }
        if let Some(ms) = self.idle_grant_ms {
            write!(f, "; of the idle process {ms} ms")?;
        }
        for remark in &self.remarks {
            write!(f, "; {remark}")?;
        }
        for breach in self.breaches.iter().take(3) {
            write!(f, "\n  {breach}")?;
        }
        Ok(())
    }
}

/// What came of all of them.
#[derive(Default)]
pub(super) struct Table {
    outcomes: Vec<(Course, Outcome)>,
}

impl Table {
    pub(super) fn add(&mut self, course: Course, outcome: Outcome) {
        self.outcomes.push((course, outcome));
    }

    pub(super) fn is_clean(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| outcome.breaches.is_empty())
    }

    pub(super) fn print(&self) {
        let titles = ["runs", "broken", "codes", "receipts", "first ms", "max", "idle ms", "max"];
        let head = titles.map(|title| format!("{title:>9}")).concat();
        println!("\n{:<20}{head}", "failover");
        let mut courses: Vec<_> = self.outcomes.iter().map(|(course, _)| *course).collect();
        courses.dedup();
        for course in courses {
            let of =
                self.outcomes.iter().filter(|(it, _)| *it == course).map(|(_, outcome)| outcome);
            let outcomes: Vec<_> = of.collect();
            let sum = |count: fn(&Outcome) -> usize| {
                outcomes.iter().map(|outcome| count(outcome)).sum::<usize>().to_string()
            };
            let times = |of: fn(&Outcome) -> Option<i64>| {
                median_and_max(outcomes.iter().filter_map(|outcome| of(outcome)).collect())
            };
            let [first, first_max] = times(|outcome| outcome.first_grant_ms);
            let [idle, idle_max] = times(|outcome| outcome.idle_grant_ms);
            let broken = sum(|outcome| usize::from(!outcome.breaches.is_empty()));
            let (codes, receipts) = (sum(|outcome| outcome.codes), sum(|outcome| outcome.receipts));
            let runs = outcomes.len().to_string();
            let cells = [runs, broken, codes, receipts, first, first_max, idle, idle_max];
            let row = cells.map(|cell| format!("{cell:>9}")).concat();
            println!("{:<20}{row}", course.name());
        }
    }
}

fn median_and_max(mut times: Vec<i64>) -> [String; 2] {
    times.sort_unstable();
    [times.get(times.len() / 2), times.last()]
        .map(|time| time.map_or_else(|| "-".to_owned(), ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::Promise;

    #[test]
    fn a_run_that_put_nothing_to_the_test_counts_only_if_it_broke_a_promise() {
        let mut outcome =
            Outcome { void: Some("no wait was cancelled".into()), ..Outcome::default() };
        assert_eq!(outcome.is_void(), Some("no wait was cancelled"));
        assert!(outcome.to_string().contains("NOT A RUN: no wait was cancelled"));

        let what = "one".to_owned();
        outcome.breaches.push(Breach { promise: Promise::AnswersAreKept, what });
        assert_eq!(outcome.is_void(), None);
    }

    #[test]
    fn of_times_the_median_and_the_longest_are_told() {
        assert_eq!(median_and_max(vec![9, 1, 5]), ["5", "9"]);
        assert_eq!(median_and_max(Vec::new()), ["-", "-"]);
    }
}
