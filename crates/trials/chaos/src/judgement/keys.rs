//! What is promised to whoever asks with a key.

use std::collections::{HashMap, HashSet};

use super::{Court, Promise};
use crate::history::{Answer, Ask};

impl Court<'_> {
    /// Whoever has a hold and asks again with its key is told of it, and that it was there before; and a
    /// key leaves one hold in the ledger, whether somebody heard of it or not.
    pub(super) fn check_keys(&mut self) {
        self.check_repeats();
        self.check_holds_of_keys();
    }

    fn check_repeats(&mut self) {
        let mut first_ms: HashMap<(&str, u32), i64> = HashMap::new();
        for asked in self.history {
            if let (Ask::Keyed(key), Some(_)) = (asked.what, asked.answer.hold()) {
                let first_ms = first_ms.entry((&asked.user, key)).or_insert(asked.answered_ms);
                *first_ms = asked.answered_ms.min(*first_ms);
            }
        }
        for asked in self.history {
            let Ask::Keyed(key) = asked.what else { continue };
            let was_told =
                first_ms.get(&(&*asked.user, key)).is_some_and(|first| *first < asked.sent_ms);
            if was_told && matches!(asked.answer, Answer::Granted(_) | Answer::Refused(_)) {
                let what =
                    format!("{}, key {key}, had a hold, and then {:?}", asked.user, asked.answer);
                self.charge(Promise::KeysHaveOneHold, what);
            }
        }
    }

    /// Each request without a key may have left a hold, and each key one.
    fn check_holds_of_keys(&mut self) {
        let mut may_have: HashMap<&str, (HashSet<u32>, usize)> = HashMap::new();
        for asked in self.history {
            let (keys, requests) = may_have.entry(&asked.user).or_default();
            match asked.what {
                Ask::Keyed(key) => _ = keys.insert(key),
                Ask::Checkout => *requests += 1,
                Ask::Purchase(_) | Ask::PurchaseAgain(_) | Ask::Release(_) => {}
            }
        }
        let mut has: HashMap<&str, usize> = HashMap::new();
        for hold in self.records.holds.values() {
            *has.entry(&hold.user).or_default() += 1;
        }
        for (user, holds) in has {
            let Some((keys, requests)) = may_have.get(user) else { continue };
            let (keys, requests) = (keys.len(), *requests);
            if holds > keys + requests {
                let what = format!(
                    "{user} has {holds} holds of {keys} keys and {requests} requests without one"
                );
                self.charge(Promise::KeysHaveOneHold, what);
            }
        }
    }
}
