//! What came of failovers, run by run and all together.

use std::fmt;

use crate::{
    audits::unclean,
    deployment::Audit,
    history::{Answer, Asked},
    judgement::{Breach, Promise, judge},
    ledger::Records,
};

/// What came of one.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Codes that were given, and receipts.
    pub(crate) codes: usize,
    pub(crate) receipts: usize,
    /// From the promotion, or from the standby's return, to the first grant, in milliseconds; and to
    /// that of a process of which nobody had asked anything meanwhile. Where masters change, the longest
    /// times without a grant, of the sale and of another one.
    pub(crate) first_grant_ms: Option<i64>,
    pub(crate) other_grant_ms: Option<i64>,
    pub(crate) breaches: Vec<Breach>,
    /// Why nothing was put to the test, or nobody could say what came of it.
    pub(crate) void: Option<String>,
    /// What else is to be told.
    pub(crate) remarks: Vec<String>,
}

impl Outcome {
    /// Adds what was answered of a sale, and the promises that this broke, as the ledger has it in the end.
    pub(crate) fn hold_against(&mut self, asked: &[Asked], records: &Records) {
        let count =
            |it: fn(&Answer) -> bool| asked.iter().filter(|asked| it(&asked.answer)).count();
        self.codes += count(|answer| matches!(answer, Answer::Granted(_)));
        self.receipts += count(|answer| matches!(answer, Answer::Bought { .. }));
        // Shoppers leave when they like, and the sale goes on.
        let is_meant = |breach: &Breach| {
            !matches!(
                breach.promise,
                Promise::NothingIsUndersold | Promise::HoldsEnd | Promise::EverybodyIsAnswered
            )
        };
        self.breaches.extend(judge(asked, records).into_iter().filter(is_meant));
    }

    /// Adds what an audit said.
    pub(crate) fn add_audit(&mut self, audit: Audit) {
        match audit {
            Audit::Clean => {}
            Audit::Breach(report) => self.breaches.push(unclean(&report)),
            Audit::Impossible(why) => {
                self.void = Some(format!("no audit came to its end: {why}"));
            }
        }
    }

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
        if let Some(ms) = self.other_grant_ms {
            write!(f, "; of the other {ms} ms")?;
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
pub(crate) struct Table {
    /// What was tried, and what the two times are.
    titles: [&'static str; 3],
    outcomes: Vec<(String, Outcome)>,
}

impl Table {
    pub(crate) const fn new(titles: [&'static str; 3]) -> Self {
        Self { titles, outcomes: Vec::new() }
    }

    pub(crate) fn add(&mut self, course: String, outcome: Outcome) {
        self.outcomes.push((course, outcome));
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| outcome.breaches.is_empty())
    }

    pub(crate) fn print(&self) {
        let [tried, first, other] = self.titles;
        let titles = ["runs", "broken", "codes", "receipts", first, "max", other, "max"];
        let head = titles.map(|title| format!("{title:>9}")).concat();
        println!("\n{tried:<20}{head}");
        let mut courses: Vec<_> = self.outcomes.iter().map(|(course, _)| course).collect();
        courses.dedup();
        for course in courses {
            let of =
                self.outcomes.iter().filter(|(it, _)| it == course).map(|(_, outcome)| outcome);
            let outcomes: Vec<_> = of.collect();
            let sum = |count: fn(&Outcome) -> usize| {
                outcomes.iter().map(|outcome| count(outcome)).sum::<usize>().to_string()
            };
            let times = |of: fn(&Outcome) -> Option<i64>| {
                median_and_max(outcomes.iter().filter_map(|outcome| of(outcome)).collect())
            };
            let [first, first_max] = times(|outcome| outcome.first_grant_ms);
            let [other, other_max] = times(|outcome| outcome.other_grant_ms);
            let broken = sum(|outcome| usize::from(!outcome.breaches.is_empty()));
            let (codes, receipts) = (sum(|outcome| outcome.codes), sum(|outcome| outcome.receipts));
            let runs = outcomes.len().to_string();
            let cells = [runs, broken, codes, receipts, first, first_max, other, other_max];
            let row = cells.map(|cell| format!("{cell:>9}")).concat();
            println!("{course:<20}{row}");
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
