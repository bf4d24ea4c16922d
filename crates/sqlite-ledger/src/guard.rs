//! The guard: every code of the sales whose codes are not filed yet, and what may not come twice.
//!
//! Of a sale that goes on, codes whose holds have ended are filed before the others, when there are
//! many: they leave the guard, which then is as large as what is live, and the disk finds them.
//!
//! It is what the unique indexes on live units and slots are in Postgres. What is put here belongs
//! to the transaction that writes the row on the disk, and is undone with it.
//!
//! Trees, not hash tables: one that grows moves all that it has at once, while everybody waits.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use domain::{
    Code, SaleId, Slot, Unit, UnixMillis, UserId,
    ports::{Granted, LiveUnit},
};

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
    Cancelled {
        /// The row of the receipt.
        purchase: i64,
    },
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
    /// Sales that are not closed and have codes that are filed: whether one of theirs is known, the
    /// guard alone cannot say.
    partly_filed: BTreeSet<SaleId>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct GuardedSale {
    codes: BTreeMap<Code, Known>,
    /// The units that are held or sold: each once.
    units: BTreeMap<Unit, Code>,
    /// The slots that are held or sold: each once.
    slots: BTreeMap<(UserId, Slot), Code>,
    /// What is on hold, by the time at which it is due.
    held: BTreeSet<(UnixMillis, Code)>,
    /// What is neither held nor sold.
    ended: BTreeSet<Code>,
    /// Up to which code they have been filed: they are in order on the disk, and those of a piece
    /// shall be near each other there.
    filed_to: Option<Code>,
}

impl State {
    pub(crate) const fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Sold { .. })
    }

    /// The row of the receipt, if it was redeemed.
    pub(crate) const fn purchase(self) -> Option<i64> {
        match self {
            Self::Sold { purchase } | Self::Cancelled { purchase } => Some(purchase),
            Self::Held | Self::Expired | Self::Released | Self::Void => None,
        }
    }
}

impl Hold {
    pub(crate) const fn granted(&self) -> Granted {
        Granted { unit: self.unit, slot: self.slot, expires_at: self.expires_at }
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
        self.sales.get(&code.sale())?.codes.get(&code)
    }

    /// Takes a code in, unless it is there, or its unit or slot is live under another.
    pub(crate) fn admit(&mut self, code: Code, known: Known) -> bool {
        let is_taken = self.sales.get(&code.sale()).is_some_and(|guarded| {
            let is_live = |hold: &Hold| {
                guarded.units.contains_key(&hold.unit)
                    || guarded.slots.contains_key(&(hold.user.clone(), hold.slot))
            };
            guarded.codes.contains_key(&code) || known.live_hold().is_some_and(is_live)
        });
        if !is_taken {
            self.put(code, Some(known));
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
        self.put(code, Some(ended));
        Some((attempt, hold))
    }

    /// Ends a purchase: its unit and its slot are free from now on. Returns the rows of its attempt and its receipt;
    /// nothing if the code is not sold.
    pub(crate) fn cancel(&mut self, code: Code) -> Option<(i64, i64)> {
        let known = self.find(code)?;
        let State::Sold { purchase } = known.state else { return None };
        let (attempt, state) = (known.attempt, State::Cancelled { purchase });
        let cancelled = Known { state, ..known.clone() };
        self.put(code, Some(cancelled));
        Some((attempt, purchase))
    }

    /// At most `limit` codes on hold of these sales that were due before a moment, the longest due first.
    pub(crate) fn overdue(&self, sales: &[SaleId], before: UnixMillis, limit: usize) -> Vec<Code> {
        let due = |guarded: &GuardedSale| {
            let due = guarded.held.iter().take_while(|(at, _)| *at < before);
            due.take(limit).copied().collect::<Vec<_>>()
        };
        let mut overdue: Vec<_> =
            sales.iter().filter_map(|sale| self.sales.get(sale)).flat_map(due).collect();
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

    /// The highest unit of a sale that is held or sold.
    pub(crate) fn highest_live(&self, sale: SaleId) -> Option<Unit> {
        self.sales.get(&sale)?.units.last_key_value().map(|(&unit, _)| unit)
    }

    /// The codes of a sale that a user has on hold, in the order of their slots, and their holds.
    pub(crate) fn held_by<'g>(
        &'g self,
        sale: SaleId,
        user: &UserId,
    ) -> impl Iterator<Item = (Code, &'g Hold)> {
        let slots = (user.clone(), Slot(0))..=(user.clone(), Slot(u16::MAX));
        let guarded = self.sales.get(&sale).into_iter();
        guarded.flat_map(move |guarded| {
            let codes = guarded.slots.range(slots.clone()).map(|(_, code)| *code);
            let known = codes.filter_map(|code| Some((code, guarded.codes.get(&code)?)));
            let held = known.filter(|(_, known)| known.state == State::Held);
            held.filter_map(|(code, known)| Some((code, known.hold.as_ref()?)))
        })
    }

    /// The first codes of a sale, in their order.
    pub(crate) fn first_codes(&self, sale: SaleId, limit: usize) -> Vec<(Code, Known)> {
        let codes = self.sales.get(&sale).into_iter().flat_map(|guarded| &guarded.codes);
        codes.map(|(&code, known)| (code, known.clone())).take(limit).collect()
    }

    /// At most `limit` codes of a sale that are neither held nor sold, as many as there are more of
    /// them than `kept`: the next in their order, and after the last the first.
    pub(crate) fn next_ended(
        &mut self,
        sale: SaleId,
        kept: usize,
        limit: usize,
    ) -> Vec<(Code, Known)> {
        let Some(guarded) = self.sales.get_mut(&sale) else { return Vec::new() };
        let limit = limit.min(guarded.ended.len().saturating_sub(kept));
        let after = guarded.filed_to.map_or(Bound::Unbounded, Bound::Excluded);
        let next = guarded.ended.range((after, Bound::Unbounded)).take(limit).copied();
        let codes: Vec<_> = next.collect();
        // Where the end is met, the next piece begins with the first.
        guarded.filed_to = codes.last().copied().filter(|_| codes.len() == limit);
        let known = |code: Code| Some((code, guarded.codes.get(&code)?.clone()));
        codes.into_iter().filter_map(known).collect()
    }

    /// Takes note that codes of a sale that goes on are filed.
    pub(crate) fn file_partly(&mut self, sale: SaleId) {
        self.partly_filed.insert(sale);
    }

    /// Takes note that all codes of a sale are filed, and it is closed.
    pub(crate) fn file_wholly(&mut self, sale: SaleId) {
        self.partly_filed.remove(&sale);
    }

    /// Whether codes of the sale are filed, so that the disk must be asked for one that is not here.
    pub(crate) fn is_partly_filed(&self, sale: SaleId) -> bool {
        self.partly_filed.contains(&sale)
    }

    /// Lets a code go.
    pub(crate) fn dismiss(&mut self, code: Code) {
        self.put(code, None);
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

    fn put(&mut self, code: Code, known: Option<Known>) {
        let sale = code.sale();
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
        if now.as_ref().is_some_and(|known| !known.state.is_live()) {
            self.ended.insert(code);
        } else {
            self.ended.remove(&code);
        }
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
                self.slots.insert((user, slot), code);
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
