//! Judging a sale that is over: what its buyers were told against what the ledger holds.

mod cancelled;
mod keys;
mod orders;
mod reads;
mod streams;

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use uuid::Uuid;

use crate::{
    history::{Answer, Ask, Asked, Granted},
    ledger::Records,
};

pub(crate) use orders::{Calm, Made, Steering};
pub(crate) use reads::judge_crowd;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) promise: Promise,
    pub(crate) what: String,
}

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Promise {
    /// A hold, a refusal, a receipt or a return that a buyer was told of is in the ledger.
    AnswersAreKept,
    /// One code, one answer.
    AnswersStay,
    /// A key has one hold, and whoever asks again with it is told that they do.
    KeysHaveOneHold,
    /// No hold is refused before it is due.
    HoldsAreHonoured,
    /// No unit is sold twice, none beyond the stock.
    NothingIsOversold,
    /// With demand enough, every unit is sold.
    NothingIsUndersold,
    /// When a sale is over, no hold is left.
    HoldsEnd,
    /// Whoever asks again is answered in the end.
    EverybodyIsAnswered,
    /// Every answer is one the API knows.
    AnswersAreKnown,
    /// What a reader is shown adds up, and is no more than there is.
    ReadsAreTrue,
    /// What a reader is shown is of now.
    ReadsAreFresh,
    /// Who watches a sale is told its end, as the ledger has it, and nothing twice.
    ViewersAreTold,
    /// Who stands still is let go of.
    PeersAreLetGo,
    /// From when an operator was told that an order is in effect, it is, until they give another.
    OrdersAreInEffect,
    /// The trail has every order once, as it was answered, and none that nobody gave.
    TrailIsTrue,
    /// `flashsale audit` finds nothing.
    AuditIsClean,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnswersAreKept => "an answer was lost",
            Self::AnswersStay => "one code got two answers",
            Self::KeysHaveOneHold => "a request with a key was taken for another",
            Self::HoldsAreHonoured => "a live hold was refused",
            Self::NothingIsOversold => "oversold",
            Self::NothingIsUndersold => "undersold",
            Self::HoldsEnd => "a hold never ended",
            Self::EverybodyIsAnswered => "never answered",
            Self::AnswersAreKnown => "an unknown answer",
            Self::ReadsAreTrue => "a reader was shown what is not so",
            Self::ReadsAreFresh => "a reader was shown what is long past",
            Self::ViewersAreTold => "a viewer was not told what there was",
            Self::PeersAreLetGo => "a peer that stands still was kept",
            Self::OrdersAreInEffect => "an order was answered and is not in effect",
            Self::TrailIsTrue => "the trail is not what operators were told",
            Self::AuditIsClean => "the audit found a breach",
        })
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

/// Every promise that was broken in a sale that is over, whose buyers have all gone home and that no
/// operator changed.
pub(crate) fn judge(history: &[Asked], records: &Records) -> Vec<Breach> {
    judge_steered(history, records, &Steering::of_nobody())
}

/// The same of a sale that was changed while it went on.
pub(crate) fn judge_steered(
    history: &[Asked],
    records: &Records,
    steering: &Steering<'_>,
) -> Vec<Breach> {
    let mut court = Court { history, records, steering, breaches: Vec::new() };
    court.check_grants();
    court.check_keys();
    court.check_refusals();
    court.check_codes();
    court.check_cancelled();
    court.check_unknowns();
    court.check_stock();
    court.check_orders();
    court.breaches
}

struct Court<'a> {
    history: &'a [Asked],
    records: &'a Records,
    steering: &'a Steering<'a>,
    breaches: Vec<Breach>,
}

impl<'a> Court<'a> {
    fn charge(&mut self, promise: Promise, what: String) {
        self.breaches.push(Breach { promise, what });
    }

    fn grants(&self) -> impl Iterator<Item = (&'a Asked, Granted)> + use<'a> {
        self.history.iter().filter_map(|asked| Some((asked, asked.answer.hold()?)))
    }

    /// Each code that was given is a row of its own, as it was told. A key gets one code, however often
    /// it is asked with, and no other request gets that.
    fn check_grants(&mut self) {
        let mut given = HashMap::new();
        let mut of_keys = HashMap::new();
        for (asked, hold) in self.grants() {
            let kept = self.records.holds.get(&hold.code).is_some_and(|row| {
                (row.user.as_str(), row.unit, row.expires_ms)
                    == (asked.user.as_str(), hold.unit, hold.expires_ms)
            });
            if !kept {
                let row = self.records.holds.get(&hold.code);
                self.charge(
                    Promise::AnswersAreKept,
                    format!("{} was given {hold:?}, the ledger has {row:?}", asked.user),
                );
            }
            let key = match asked.what {
                Ask::Keyed(number) => Some((asked.user.as_str(), number)),
                _ => None,
            };
            let is_of_this_key = |to: &Option<_>| to.is_some() && *to == key;
            if given.insert(hold.code, key).is_some_and(|to| !is_of_this_key(&to)) {
                self.charge(Promise::AnswersStay, format!("{} was given twice", hold.code));
            }
            let first = key.map_or(hold, |key| *of_keys.entry(key).or_insert(hold));
            if first != hold {
                let what = format!("{key:?} was answered {first:?}, and then {hold:?}");
                self.charge(Promise::AnswersStay, what);
            }
        }
    }

    /// There are at least as many refusals in the ledger as buyers were told of.
    fn check_refusals(&mut self) {
        let mut told: HashMap<(String, String), usize> = HashMap::new();
        for asked in self.history {
            if let Answer::Refused(outcome) = asked.answer {
                *told.entry((asked.user.clone(), outcome.to_owned())).or_default() += 1;
            }
        }
        for (who, told) in told {
            let recorded = self.records.refusals.get(&who).copied().unwrap_or_default();
            if recorded < told {
                let (user, outcome) = who;
                let what = format!("{user} was told {outcome} {told} times, recorded: {recorded}");
                self.charge(Promise::AnswersAreKept, what);
            }
        }
    }

    /// What was told of each code is one thing, true, and in time.
    fn check_codes(&mut self) {
        let holds: HashMap<Uuid, Granted> =
            self.grants().map(|(_, hold)| (hold.code, hold)).collect();
        let mut answers: HashMap<Uuid, Vec<&Asked>> = HashMap::new();
        for asked in self.history {
            match (asked.what.code(), &asked.answer) {
                (_, Answer::Wrong(said)) => {
                    let what = format!("{:?}: {said}", asked.what);
                    self.charge(Promise::AnswersAreKnown, what);
                }
                (_, Answer::Unknown(_)) | (None, _) => {}
                (Some(code), _) => answers.entry(code).or_default().push(asked),
            }
        }
        for (code, answers) in answers {
            let Some(&hold) = holds.get(&code) else { continue };
            self.check_receipts(hold, &answers);
            self.check_ends(hold, &answers);
        }
    }

    /// All receipts of a code are the one that is in the ledger. Which of several requests sold
    /// it is not asked: where the service itself lost the outcome, it may call two of them the
    /// sale, with the same receipt.
    fn check_receipts(&mut self, hold: Granted, answers: &[&Asked]) {
        for asked in answers {
            let Answer::Bought { unit, item, .. } = &asked.answer else { continue };
            let kept = self.records.purchases.get(&hold.code).is_some_and(|row| {
                (row.unit, &row.item, &row.user) == (*unit, item, &asked.user) && hold.unit == *unit
            });
            if !kept {
                let row = self.records.purchases.get(&hold.code);
                let what =
                    format!("{hold:?} was answered {:?}, the ledger has {row:?}", asked.answer);
                self.charge(Promise::AnswersAreKept, what);
            }
        }
        let refused = answers.iter().find(|asked| {
            matches!(asked.answer, Answer::Expired | Answer::NotFound | Answer::Released)
        });
        let was_bought = answers.iter().any(|asked| matches!(asked.answer, Answer::Bought { .. }));
        if let (true, Some(refused)) = (was_bought, refused) {
            let what = format!("{} was bought, and answered {:?}", hold.code, refused.answer);
            self.charge(Promise::AnswersStay, what);
        }
    }

    /// A hold that was refused was due, by the ledger's clock, or given back by its owner or an operator.
    fn check_ends(&mut self, hold: Granted, answers: &[&Asked]) {
        for asked in answers {
            let row = self.records.holds.get(&hold.code);
            let gave_back = answers.iter().any(|asked| matches!(asked.what, Ask::Release(_)))
                || self.steering.asked_back(hold.code);
            let is_good = match (&asked.answer, row.map(|row| row.state.as_str())) {
                (Answer::NotFound, _) => false,
                (Answer::Released, state) => state == Some("released"),
                (Answer::Expired, Some("released")) => gave_back,
                (Answer::Expired, state) => state == Some("expired"),
                (Answer::Cancelled, state) => state == Some("cancelled"),
                _ => true,
            };
            if !is_good {
                let what = format!("{hold:?} was answered {:?}, it is {row:?}", asked.answer);
                let promise = match asked.answer {
                    Answer::Released | Answer::Cancelled => Promise::AnswersAreKept,
                    _ => Promise::HoldsAreHonoured,
                };
                self.charge(promise, what);
            }
        }
    }

    /// After the last request without an answer, each buyer got one.
    fn check_unknowns(&mut self) {
        let mut last: HashMap<(&str, Option<Uuid>), &Asked> = HashMap::new();
        for asked in self.history {
            last.insert((&asked.user, asked.what.code()), asked);
        }
        for asked in last.into_values().filter(|asked| asked.answer.is_unknown()) {
            let what = format!("{}, {:?}: {:?}", asked.user, asked.what, asked.answer);
            self.charge(Promise::EverybodyIsAnswered, what);
        }
    }

    /// Everything is sold once, and nothing is left over of a sale that had the time to be sold out; but what
    /// was cancelled is sold again.
    fn check_stock(&mut self) {
        let records = self.records;
        let standing = || records.purchases.values().filter(|row| !row.is_cancelled);
        let units: HashSet<i32> = standing().map(|row| row.unit).collect();
        let in_stock = |unit: &i32| usize::try_from(*unit).is_ok_and(|unit| unit <= records.stock);
        let (sold, stock) = (standing().count(), records.stock);
        if units.len() != sold || sold > stock || !units.iter().all(in_stock) {
            let what = format!("{sold} purchases of {} units, stock {stock}", units.len());
            self.charge(Promise::NothingIsOversold, what);
        }
        if sold < stock && self.steering.is_to_be_sold_out(records) {
            self.charge(Promise::NothingIsUndersold, format!("{sold} of {stock} units were sold"));
        }
        for (code, row) in &records.holds {
            let early = row.state == "expired"
                && row.resolved_ms.is_none_or(|resolved_ms| resolved_ms < row.expires_ms);
            if early {
                self.charge(Promise::HoldsAreHonoured, format!("{code} expired early: {row:?}"));
            }
            if row.state == "held" {
                self.charge(Promise::HoldsEnd, format!("{code} is still on hold: {row:?}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
