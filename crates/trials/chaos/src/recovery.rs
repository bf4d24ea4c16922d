//! How long the service takes to sell again.

use std::{collections::BTreeMap, fmt};

use crate::{
    fault::{Kind, Since},
    history::{Answer, Asked},
    inject::InjectedFault,
};

/// The time from a fault to the first unit that was granted after it, to somebody who asked
/// after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) kind: Kind,
    /// Milliseconds; `None` if no unit was granted any more.
    pub(crate) took_ms: Option<i64>,
}

/// The recoveries from faults that did not overlap.
pub(crate) fn recoveries(faults: &[InjectedFault], history: &[Asked]) -> Vec<Recovery> {
    faults.iter().map(|injected| recovery(injected, history)).collect()
}

fn recovery(injected: &InjectedFault, history: &[Asked]) -> Recovery {
    let (since, service) = injected.fault.recovery();
    let from_ms = match since {
        Since::Injected => injected.injected_ms,
        Since::Healed => injected.healed_ms,
    };
    let granted = history.iter().filter(|asked| {
        asked.sent_ms >= from_ms
            && service.is_none_or(|service| service == asked.service)
            && matches!(asked.answer, Answer::Granted(_))
    });
    let first_ms = granted.map(|asked| asked.answered_ms).min();
    Recovery { kind: injected.fault.kind, took_ms: first_ms.map(|first_ms| first_ms - from_ms) }
}

/// How long the recoveries from each kind of fault took.
#[derive(Debug, Default)]
pub(crate) struct Recoveries {
    took_ms: BTreeMap<Kind, Vec<i64>>,
    /// Faults after which no unit was granted, because none was left.
    unseen: BTreeMap<Kind, usize>,
}

impl Recoveries {
    pub(crate) fn add(&mut self, recovery: Recovery) {
        match recovery.took_ms {
            Some(took_ms) => self.took_ms.entry(recovery.kind).or_default().push(took_ms),
            None => *self.unseen.entry(recovery.kind).or_default() += 1,
        }
    }

    /// The recoveries from all kinds of faults that `belongs` names.
    pub(crate) fn of(&self, belongs: impl Fn(Kind) -> bool) -> Times {
        let took_ms = self.took_ms.iter().filter(|(kind, _)| belongs(**kind));
        let mut took_ms: Vec<i64> = took_ms.flat_map(|(_, took_ms)| took_ms).copied().collect();
        took_ms.sort_unstable();
        let unseen = self.unseen.iter().filter(|(kind, _)| belongs(**kind));
        Times { took_ms, unseen: unseen.map(|(_, unseen)| unseen).sum() }
    }
}

/// Times in ascending order.
#[derive(Debug)]
pub(crate) struct Times {
    took_ms: Vec<i64>,
    unseen: usize,
}

impl Times {
    /// The nearest-rank percentile, in milliseconds.
    pub(crate) fn percentile_ms(&self, percent: usize) -> Option<i64> {
        let rank = (self.took_ms.len() * percent).div_ceil(100).max(1);
        self.took_ms.get(rank - 1).copied()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |percent| self.percentile_ms(percent).map_or("-".to_owned(), |ms| ms.to_string());
        write!(f, "{:>5} {:>7} {:>7} {:>7}", self.took_ms.len(), ms(50), ms(99), ms(100))?;
        if self.unseen > 0 {
            write!(f, "   and {} after which nothing was left to grant", self.unseen)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        fault::{Fault, RedisFault},
        history::{Ask, Granted},
    };

    fn grant(service: usize, sent_ms: i64, answered_ms: i64) -> Asked {
        let hold = Granted { code: Uuid::nil(), unit: 1, expires_ms: 0 };
        let (user, answer) = (String::new(), Answer::Granted(hold));
        Asked { user, what: Ask::Checkout, service, sent_ms, answered_ms, answer }
    }

    #[test]
    fn only_a_grant_asked_for_after_the_fault_ends_it() {
        let injected = |kind| {
            let fault = Fault { kind, service: 1 };
            [InjectedFault { fault, injected_ms: 100, healed_ms: 200 }]
        };
        let history =
            [grant(1, 90, 150), grant(0, 110, 160), grant(0, 210, 230), grant(1, 240, 260)];
        let took_ms = |kind| recoveries(&injected(kind), &history)[0].took_ms;

        assert_eq!(took_ms(Kind::Redis(RedisFault::Flushed)), Some(60));
        assert_eq!(took_ms(Kind::DiskFull), Some(30));
        assert_eq!(took_ms(Kind::ServiceStopped), Some(60));
        assert_eq!(recoveries(&injected(Kind::DiskFull), &history[..2])[0].took_ms, None);
    }

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let mut recoveries = Recoveries::default();
        for took_ms in [3, 1, 2] {
            recoveries.add(Recovery { kind: Kind::DiskFull, took_ms: Some(took_ms) });
        }

        let times = recoveries.of(|kind| kind == Kind::DiskFull);

        assert_eq!([50, 99, 100].map(|p| times.percentile_ms(p)), [Some(2), Some(3), Some(3)]);
        assert_eq!(recoveries.of(|_| false).percentile_ms(50), None);
    }
}
