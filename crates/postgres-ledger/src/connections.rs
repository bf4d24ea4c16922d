//! How many connections to Postgres a process may have, and for whom.

/// Connections that every thread keeps for what buyers wait for: grants, refusals, redemptions.
const HOT: usize = 3;

/// Those it keeps for releases, look-ups of codes, of sales and of what was answered, if there is room.
const COLD: usize = 4;

/// Connections for the upkeep alone, so that no crowd of readers keeps a sale from being rebuilt.
const UPKEEP: usize = 6;

/// Connections for whoever looks at sales.
const READS: usize = 4;

/// Connections for whoever asks by the way of the upkeep: the health as operators see it.
const OPERATORS: usize = 2;

/// What a process needs beside the hot connections of its threads: two for the upkeep, one for whoever
/// looks at sales, one for all else.
const REST_MIN: usize = 4;

/// How many connections a process may have, and how they are shared out.
///
/// Where they do not suffice for each thread to keep all of its own, what is not hot is done on
/// connections that all threads borrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// What batchers keep.
    pub(crate) kept: usize,
    /// What batchers borrow that are not hot; `None` if they keep theirs.
    pub(crate) borrowed: Option<usize>,
    pub(crate) upkeep: usize,
    pub(crate) reads: usize,
}

/// Too few connections.
#[derive(Debug, thiserror::Error)]
#[error(
    "DATABASE_CONNECTIONS={given} is too few for HTTP_WORKERS={threads}: at least {needed} are needed, \
     {HOT} for each of these threads and {REST_MIN} besides"
)]
pub struct TooFewConnections {
    given: usize,
    threads: usize,
    needed: usize,
}

impl Connections {
    /// As many as are of use to a process that answers on so many threads.
    #[must_use]
    pub const fn for_threads(threads: usize) -> Self {
        let kept = (HOT + COLD) * threads + OPERATORS;
        Self { kept, borrowed: None, upkeep: UPKEEP, reads: READS }
    }

    /// Shares `total` connections out among so many threads and what else a process does.
    pub fn of(total: usize, threads: usize) -> Result<Self, TooFewConnections> {
        let hot = HOT * threads;
        if total < hot + REST_MIN {
            return Err(TooFewConnections { given: total, threads, needed: hot + REST_MIN });
        }
        let ample = Self::for_threads(threads);
        if total >= ample.total() {
            return Ok(ample);
        }
        let rest = total - hot;
        let (upkeep, reads) = (UPKEEP.min(rest / 2), READS.min(rest / 4));
        Ok(Self { kept: hot, borrowed: Some(rest - upkeep - reads), upkeep, reads })
    }

    /// All that may be open at a time.
    #[must_use]
    pub const fn total(&self) -> usize {
        let borrowed = match self.borrowed {
            Some(borrowed) => borrowed,
            None => 0,
        };
        self.kept + borrowed + self.upkeep + self.reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_more_has_seven_connections_more_unless_somebody_says_otherwise() {
        let [one, two] = [1, 2].map(Connections::for_threads);

        assert_eq!((one.total(), two.total()), (19, 26));
        assert_eq!((one.borrowed, two.borrowed), (None, None));
        assert_eq!(Connections::of(1_000, 1).unwrap(), one);
    }

    #[test]
    fn however_few_there_are_each_has_some_and_all_are_no_more() {
        for threads in [1, 2, 5, 512] {
            for total in 4 + 3 * threads..7 * threads + 12 {
                let shares = Connections::of(total, threads).unwrap();

                assert_eq!(shares.total(), total);
                assert!(shares.kept == 3 * threads && shares.borrowed >= Some(1), "{shares:?}");
                assert!(shares.upkeep >= 2 && shares.reads >= 1, "{shares:?}");
            }
        }
    }

    #[test]
    fn too_few_are_refused_with_how_many_are_needed() {
        for (threads, given, needed) in [(1, 6, "at least 7"), (4, 15, "at least 16"), (1, 0, "7")]
        {
            let refused = Connections::of(given, threads).unwrap_err().to_string();

            assert!(refused.contains(needed), "{refused}");
        }
    }
}
