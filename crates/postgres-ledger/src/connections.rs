//! How many connections to Postgres a process may have, and for whom.

/// Connections that every thread keeps for what buyers wait for: grants, refusals, redemptions.
const HOT: usize = 3;

/// Those it keeps for releases, look-ups of codes, of their owners, of sales and of what was answered, if
/// there is room.
const COLD: usize = 5;

/// Connections for the upkeep alone, so that no crowd of readers keeps a sale from being rebuilt.
const UPKEEP: usize = 6;

/// Connections for whoever looks at sales, products, codes, and what users have, operators too.
const READS: usize = 4;

/// Connections for whoever asks by the way of the upkeep: the health as operators see it.
const OPERATORS: usize = 2;

/// What a process needs beside the hot connections of its threads, where those keep them: two for the
/// upkeep, one for whoever looks at sales, one for all else.
const REST_MIN: usize = 4;

/// The least that a process can do with: one for the upkeep, one for whoever looks at sales, and one
/// that all batchers take turns with.
const LEAST: usize = 3;

/// How many connections a process may have, and how they are shared out.
///
/// Where they do not suffice for each thread to keep all of its own, what is not hot is done on
/// connections that all threads borrow; and where they are fewer still, everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    pub(crate) batchers: ForBatchers,
    pub(crate) upkeep: usize,
    pub(crate) reads: usize,
}

/// How many connections the batchers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForBatchers {
    /// Each keeps its own.
    Kept(usize),
    /// Those that are hot keep theirs, and the others borrow.
    HotKept { kept: usize, borrowed: usize },
    /// All borrow.
    Borrowed(usize),
}

/// Too few connections.
#[derive(Debug, thiserror::Error)]
#[error(
    "DATABASE_CONNECTIONS={given} is too few: at least {LEAST} are needed, one for buyers, one for \
     whoever looks at sales, and one for the upkeep"
)]
pub struct TooFewConnections {
    given: usize,
}

impl Connections {
    /// As many as are of use to a process that answers on so many threads.
    #[must_use]
    pub const fn for_threads(threads: usize) -> Self {
        let kept = (HOT + COLD) * threads + OPERATORS;
        Self { batchers: ForBatchers::Kept(kept), upkeep: UPKEEP, reads: READS }
    }

    /// The least with which each of so many threads keeps connections for what buyers wait for.
    #[must_use]
    pub const fn to_keep_hot(threads: usize) -> usize {
        HOT * threads + REST_MIN
    }

    /// Shares `total` connections out among so many threads and what else a process does.
    pub fn of(total: usize, threads: usize) -> Result<Self, TooFewConnections> {
        if total < LEAST {
            return Err(TooFewConnections { given: total });
        }
        let ample = Self::for_threads(threads);
        if total >= ample.total() {
            return Ok(ample);
        }
        if total < Self::to_keep_hot(threads) {
            let (upkeep, reads) = (UPKEEP.min(total / 3), READS.min((total / 4).max(1)));
            let batchers = ForBatchers::Borrowed(total - upkeep - reads);
            return Ok(Self { batchers, upkeep, reads });
        }
        let kept = HOT * threads;
        let rest = total - kept;
        let (upkeep, reads) = (UPKEEP.min(rest / 2), READS.min(rest / 4));
        let borrowed = rest - upkeep - reads;
        Ok(Self { batchers: ForBatchers::HotKept { kept, borrowed }, upkeep, reads })
    }

    /// All that may be open at a time.
    #[must_use]
    pub const fn total(&self) -> usize {
        let batchers = match self.batchers {
            ForBatchers::Kept(count) | ForBatchers::Borrowed(count) => count,
            ForBatchers::HotKept { kept, borrowed } => kept + borrowed,
        };
        batchers + self.upkeep + self.reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_more_has_eight_connections_more_unless_somebody_says_otherwise() {
        let [one, two] = [1, 2].map(Connections::for_threads);

        assert_eq!((one.total(), two.total()), (20, 28));
        assert_eq!((one.batchers, two.batchers), (ForBatchers::Kept(10), ForBatchers::Kept(18)));
        assert_eq!(Connections::of(1_000, 1).unwrap(), one);
    }

    /// Whoever sets a `CONNECTION LIMIT` goes by what is written.
    #[test]
    fn the_figures_of_the_documents_are_those_of_the_program() {
        const RIGHTS: &str = include_str!("../../../docs/rights.md");
        const LIMITS: &str = include_str!("../../../docs/limits.md");
        const README: &str = include_str!("../../../README.md");
        let [fixed, a_thread] = [UPKEEP + READS + OPERATORS, HOT + COLD];
        assert_eq!(Connections::for_threads(7).total(), fixed + 7 * a_thread);
        let without_limit = |most: usize| 2 * most + 4;
        let by_default = without_limit(Connections::for_threads(2).total());
        for (document, said) in [
            (RIGHTS, format!("at most {fixed} and {a_thread} for each of its `HTTP_WORKERS`")),
            (RIGHTS, format!("down to {LEAST}: with {REST_MIN} and {HOT} for each thread")),
            (RIGHTS, format!("with the default and two `HTTP_WORKERS` that is {by_default}")),
            (RIGHTS, format!("`DATABASE_CONNECTIONS=7` it is {}", without_limit(7))),
            (LIMITS, format!("{a_thread} a thread, and {fixed}, or `DATABASE_CONNECTIONS`")),
            (LIMITS, format!("`DATABASE_CONNECTIONS`, which is at least {LEAST};")),
            (README, format!("| {fixed}, and {a_thread} for each of `HTTP_WORKERS` |")),
            (README, format!("at least {LEAST}, and from {REST_MIN} and {HOT} for each thread on")),
            (README, format!("3 connections to Redis and {a_thread} to Postgres")),
        ] {
            assert!(document.contains(&said), "{said}");
        }
    }

    #[test]
    fn however_few_there_are_each_has_some_and_all_are_no_more() {
        for threads in [1, 2, 5, 512] {
            for total in 3..8 * threads + 12 {
                let shares = Connections::of(total, threads).unwrap();

                assert_eq!(shares.total(), total);
                assert!(shares.upkeep >= 1 && shares.reads >= 1, "{shares:?}");
                let borrowed = match shares.batchers {
                    ForBatchers::HotKept { kept, borrowed } => {
                        assert!(kept == 3 * threads && shares.upkeep >= 2, "{shares:?}");
                        borrowed
                    }
                    ForBatchers::Borrowed(borrowed) => {
                        assert!(total < Connections::to_keep_hot(threads), "{total}: {shares:?}");
                        borrowed
                    }
                    ForBatchers::Kept(_) => panic!("{total}: {shares:?}"),
                };
                assert!(borrowed >= 1, "{shares:?}");
            }
        }
    }

    #[test]
    fn too_few_are_refused_with_how_many_are_needed() {
        for (threads, given) in [(1, 2), (4, 1), (1, 0)] {
            let refused = Connections::of(given, threads).unwrap_err().to_string();

            assert!(refused.contains("at least 3"), "{refused}");
        }
    }
}
