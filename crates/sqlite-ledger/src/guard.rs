//! The guard: every code of the sales whose codes are not filed yet, and what may not come twice.
//!
//! It is what the unique indexes on live units and slots are in Postgres. What is put here belongs
//! to the transaction that writes the row on the disk, and is undone with it.
//!
//! Trees, not hash tables: a table of a hundred thousand users that grows keeps everybody waiting for
//! fifty milliseconds.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Code, SaleId, Slot, Unit, UnixMillis, UserId, ports::LiveUnit};

/// What is known of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its row in `checkout_attempts`.
    pub(crate) attempt: i64,
    pub(crate) state: State,
    /// What was put on hold; a tombstone never had anything.
    pub(crate) hold: Option<Hold>,
}

/// What has become of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Held,
    Sold {
        /// The row of the receipt.
        purchase: i64,
    },
    Expired,
    Released,
    Void,
}

/// What was put on hold, for whom, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) unit: Unit,
    pub(crate) slot: Slot,
    pub(crate) user: UserId,
    pub(crate) expires_at: UnixMillis,
}

/// The codes of all sales that are guarded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    sales: BTreeMap<SaleId, GuardedSale>,
    /// What each code was before this transaction, in the order in which they were changed.
    before: Vec<(SaleId, Code, Option<Known>)>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct GuardedSale {
    codes: BTreeMap<Code, Known>,
    /// The units that are held or sold: each once.
    units: BTreeMap<Unit, Code>,
    /// The slots that are held or sold: each once.
    slots: BTreeSet<(UserId, Slot)>,
    /// What is on hold, by the time at which it is due.
    held: BTreeSet<(UnixMillis, Code)>,
}

impl State {
    pub(crate) const fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Sold { .. })
    }
}

impl Known {
    fn live_hold(&self) -> Option<&Hold> {
        self.hold.as_ref().filter(|_| self.state.is_live())
    }
}

impl Guard {
    /// What is known of a code.
    pub(crate) fn find(&self, code: Code) -> Option<&Known> {
        self.sales.get(&code.sale()?)?.codes.get(&code)
    }

    /// Takes a code in, unless it is there, or its unit or slot is live under another.
    pub(crate) fn admit(&mut self, code: Code, known: Known) -> bool {
        let Some(sale) = code.sale() else { return false };
        let is_taken = self.sales.get(&sale).is_some_and(|guarded| {
            let is_live = |hold: &Hold| {
                guarded.units.contains_key(&hold.unit)
                    || guarded.slots.contains(&(hold.user.clone(), hold.slot))
            };
            guarded.codes.contains_key(&code) || known.live_hold().is_some_and(is_live)
        });
        if !is_taken {
            self.put(sale, code, Some(known));
        }
        !is_taken
    }

    /// Ends a hold that `may_end`: from now on its code is `state`. Returns what it was; nothing if
    /// the code is not on hold.
    pub(crate) fn end(
        &mut self,
        code: Code,
        state: State,
        may_end: impl FnOnce(&Hold) -> bool,
    ) -> Option<(i64, Hold)> {
        let known = self.find(code).filter(|known| known.state == State::Held)?;
        let hold = known.hold.clone().filter(may_end)?;
        let (attempt, ended) = (known.attempt, Known { state, ..known.clone() });
        self.put(code.sale()?, code, Some(ended));
        Some((attempt, hold))
    }

    /// At most `limit` codes on hold that were due before a moment, the longest due first.
    pub(crate) fn overdue(&self, before: UnixMillis, limit: usize) -> Vec<Code> {
        let due = |guarded: &GuardedSale| {
            let due = guarded.held.iter().take_while(|(at, _)| *at < before);
            due.take(limit).copied().collect::<Vec<_>>()
        };
        let mut overdue: Vec<_> = self.sales.values().flat_map(due).collect();
        overdue.sort_unstable();
        overdue.truncate(limit);
        overdue.into_iter().map(|(_, code)| code).collect()
    }

    /// Every unit of a sale that is held or sold, in their order.
    pub(crate) fn live_units(&self, sale: SaleId) -> Vec<LiveUnit> {
        let Some(guarded) = self.sales.get(&sale) else { return Vec::new() };
        let live = guarded.units.values().filter_map(|code| {
            let known = guarded.codes.get(code)?;
            let Hold { unit, slot, user, expires_at } = known.hold.clone()?;
            let held_until = (known.state == State::Held).then_some(expires_at);
            Some(LiveUnit { code: *code, user, unit, slot, held_until })
        });
        live.collect()
    }

    /// The first codes of a sale, in their order.
    pub(crate) fn first_codes(&self, sale: SaleId, limit: usize) -> Vec<(Code, Known)> {
        let codes = self.sales.get(&sale).into_iter().flat_map(|guarded| &guarded.codes);
        codes.map(|(&code, known)| (code, known.clone())).take(limit).collect()
    }

    /// Lets a code go.
    pub(crate) fn dismiss(&mut self, code: Code) {
        if let Some(sale) = code.sale() {
            self.put(sale, code, None);
        }
    }

    /// Makes the changes since the last call of this or of [`undo`](Self::undo) stand.
    pub(crate) fn keep(&mut self) {
        self.before.clear();
        self.sales.retain(|_, guarded| !guarded.codes.is_empty());
    }

    /// Takes them back.
    pub(crate) fn undo(&mut self) {
        for (sale, code, before) in std::mem::take(&mut self.before).into_iter().rev() {
            self.sales.entry(sale).or_default().put(code, before);
        }
        self.keep();
    }

    fn put(&mut self, sale: SaleId, code: Code, known: Option<Known>) {
        let before = self.sales.entry(sale).or_default().put(code, known);
        self.before.push((sale, code, before));
    }
}

impl GuardedSale {
    /// Puts what is known now of a code in the place of what was, and returns that.
    fn put(&mut self, code: Code, now: Option<Known>) -> Option<Known> {
        let live = |known: &Option<Known>| known.as_ref().and_then(Known::live_hold).cloned();
        let due_at = |known: &Option<Known>| {
            let held = known.as_ref().filter(|known| known.state == State::Held)?;
            held.hold.as_ref().map(|hold| hold.expires_at)
        };
        let (live_now, due_now) = (live(&now), due_at(&now));
        let before = match now {
            Some(known) => self.codes.insert(code, known),
            None => self.codes.remove(&code),
        };
        let (live_before, due_before) = (live(&before), due_at(&before));
        // Selling changes nothing of what is live.
        if live_before != live_now {
            if let Some(Hold { unit, slot, user, .. }) = live_before {
                self.units.remove(&unit);
                self.slots.remove(&(user, slot));
            }
            if let Some(Hold { unit, slot, user, .. }) = live_now {
                self.units.insert(unit, code);
                self.slots.insert((user, slot));
            }
        }
        if let Some(at) = due_before {
            self.held.remove(&(at, code));
        }
        if let Some(at) = due_now {
            self.held.insert((at, code));
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALE: i64 = 7;

    /// Something that is done to a guard, with small numbers, so that they meet.
    #[derive(Debug, Clone)]
    enum Op {
        Admit { code: u8, unit: u8, slot: u8, user: u8 },
        Bury { code: u8 },
        End { code: u8, state: State },
        Dismiss { code: u8 },
        Keep,
        Undo,
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let ended = prop_oneof![
            Just(State::Sold { purchase: 1 }),
            Just(State::Expired),
            Just(State::Released)
        ];
        let op = prop_oneof![
            8 => (0..12u8, 1..5u8, 0..2u8, 0..3u8)
                .prop_map(|(code, unit, slot, user)| Op::Admit { code, unit, slot, user }),
            1 => (0..12u8).prop_map(|code| Op::Bury { code }),
            4 => (0..12u8, ended).prop_map(|(code, state)| Op::End { code, state }),
            1 => (0..12u8).prop_map(|code| Op::Dismiss { code }),
            2 => Just(Op::Keep),
            2 => Just(Op::Undo),
        ];
        prop::collection::vec(op, 0..60)
    }

    fn code_of(number: u8) -> Code {
        Code::new(SaleId::try_from(SALE).unwrap(), number.into())
    }

    fn hold(unit: u8, slot: u8, user: u8) -> Hold {
        Hold {
            unit: Unit::try_from(u32::from(unit)).unwrap(),
            slot: Slot(slot.into()),
            user: format!("user-{user}").parse().unwrap(),
            expires_at: UnixMillis(i64::from(unit) * 10),
        }
    }

    impl Guard {
        fn carry_out(&mut self, op: &Op) {
            match *op {
                Op::Admit { code, unit, slot, user } => {
                    let hold = Some(hold(unit, slot, user));
                    self.admit(code_of(code), Known { attempt: 1, state: State::Held, hold });
                }
                Op::Bury { code } => {
                    let known = Known { attempt: 1, state: State::Void, hold: None };
                    self.admit(code_of(code), known);
                }
                Op::End { code, state } => drop(self.end(code_of(code), state, |_| true)),
                Op::Dismiss { code } => self.dismiss(code_of(code)),
                Op::Keep => self.keep(),
                Op::Undo => self.undo(),
            }
        }

        fn live(&self) -> Vec<(Code, Hold)> {
            let sales = self.sales.values().flat_map(|guarded| &guarded.codes);
            let live = sales.filter_map(|(&code, known)| Some((code, known.live_hold()?.clone())));
            live.collect()
        }
    }

    proptest! {
        /// Whatever is asked of it, no unit and no slot is live twice, and what it finds quickly is
        /// what it would find by looking at everything.
        #[test]
        fn nothing_is_live_twice(ops in ops()) {
            let mut guard = Guard::default();
            for op in &ops {
                guard.carry_out(op);

                let live = guard.live();
                let units: BTreeSet<_> = live.iter().map(|(_, hold)| hold.unit).collect();
                let slots: BTreeSet<_> =
                    live.iter().map(|(_, hold)| (hold.user.clone(), hold.slot)).collect();
                prop_assert_eq!(units.len(), live.len());
                prop_assert_eq!(&slots.len(), &live.len());
                let sale = SaleId::try_from(SALE).unwrap();
                let listed = guard.live_units(sale);
                prop_assert!(listed.is_sorted_by_key(|unit| unit.unit));
                prop_assert_eq!(listed.len(), live.len());
                let held = listed.iter().filter(|unit| unit.held_until.is_some()).count();
                prop_assert_eq!(guard.overdue(UnixMillis(i64::MAX), usize::MAX).len(), held);
                if let Some(guarded) = guard.sales.get(&sale) {
                    prop_assert_eq!(guarded.units.keys().copied().collect::<BTreeSet<_>>(), units);
                    prop_assert_eq!(&guarded.slots, &slots);
                }
            }
        }

        /// What is undone is as if it had never been.
        #[test]
        fn what_is_undone_was_never_there(before in ops(), after in ops()) {
            let mut guard = Guard::default();
            let mut untouched = Guard::default();
            for op in &before {
                guard.carry_out(op);
                untouched.carry_out(op);
            }
            guard.keep();
            untouched.keep();

            for op in after.iter().filter(|op| !matches!(op, Op::Keep | Op::Undo)) {
                guard.carry_out(op);
            }
            guard.undo();

            prop_assert_eq!(guard, untouched);
        }
    }
}
