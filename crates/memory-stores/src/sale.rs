//! What the live store has of one sale.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use domain::{
    CheckoutRefusal, Code, Epoch, Sale, Slot, Unit, UnixMillis, UserId,
    answer::Retry,
    audit::live::{LiveHold, LiveSnapshot},
    ports::{Grant, HoldRequest, LiveStatus, PlaceReply, SaleSnapshot, Verdict},
    sale::SaleState,
};

use crate::marks::{Mark, Marks};

/// A sale that is served. Each unit is in `free`, in `holds`, or counted in `sold`.
///
/// Trees, not hash tables: a table of a hundred thousand users that grows keeps everybody waiting for
/// fifty milliseconds.
#[derive(Clone)]
pub(crate) struct LiveSale {
    sale: Sale,
    /// What is added to this process's clock to have the ledger's.
    clock_offset_ms: i64,
    sold: u32,
    /// Taken from the front, returned to the back.
    free: VecDeque<Unit>,
    holds: BTreeMap<Code, Held>,
    /// The codes of the holds, by the ledger's time at which they are due.
    due: BTreeSet<(UnixMillis, Code)>,
    /// How often a hold came, went or was put off.
    changes: u64,
    /// Those who have anything.
    users: BTreeMap<UserId, Marks>,
}

#[derive(Clone)]
struct Held {
    user: UserId,
    unit: Unit,
    slot: Slot,
    due_at: UnixMillis,
}

impl LiveSale {
    /// The sale of a snapshot that was taken when the ledger's clock was ahead of this process's
    /// by `clock_offset_ms`.
    pub(crate) fn of(snapshot: &SaleSnapshot, clock_offset_ms: i64) -> Self {
        let SaleSnapshot { sale, live } = snapshot;
        let taken: HashSet<_> = live.iter().map(|unit| unit.unit).collect();
        let units = (1..=sale.terms.stock()).filter_map(|number| Unit::try_from(number).ok());
        let mut loaded = Self {
            sale: *sale,
            clock_offset_ms,
            sold: 0,
            free: units.filter(|unit| !taken.contains(unit)).collect(),
            holds: BTreeMap::new(),
            due: BTreeSet::new(),
            changes: 0,
            users: BTreeMap::new(),
        };
        for unit in live {
            match unit.held_until {
                None => {
                    loaded.mark(&unit.user, unit.slot, Mark::Bought);
                    loaded.sold += 1;
                }
                Some(due_at) => {
                    let user = unit.user.clone();
                    loaded.hold(unit.code, Held { user, unit: unit.unit, slot: unit.slot, due_at });
                }
            }
        }
        loaded
    }

    pub(crate) const fn epoch(&self) -> Epoch {
        self.sale.epoch
    }

    pub(crate) fn status(&self, process_now: UnixMillis) -> LiveStatus {
        LiveStatus {
            epoch: self.sale.epoch,
            now: self.ledger_now(process_now),
            window: Some(self.sale.window),
            terms: Some(self.sale.terms),
            paused: self.sale.state == SaleState::Paused,
            free: units(self.free.len()),
            held: units(self.holds.len()),
            sold: self.sold,
            changes: self.changes,
        }
    }

    /// Takes a unit, or says why not. All checks come before the first change.
    pub(crate) fn place(&mut self, request: &HoldRequest, process_now: UnixMillis) -> PlaceReply {
        let now = self.ledger_now(process_now);
        let (code, epoch) = (request.code, self.sale.epoch);
        if let Some(&Held { unit, slot, .. }) = self.holds.get(&code) {
            return PlaceReply::Granted(Grant { code, unit, slot, epoch });
        }
        match self.choose(&request.user, now) {
            Err(refusal) => PlaceReply::Refused(refusal),
            Ok((unit, slot)) => {
                self.free.pop_front();
                self.changes += 1;
                let due_at = now + self.sale.terms.hold_ms();
                self.hold(code, Held { user: request.user.clone(), unit, slot, due_at });
                PlaceReply::Granted(Grant { code, unit, slot, epoch })
            }
        }
    }

    fn choose(&self, user: &UserId, now: UnixMillis) -> Result<(Unit, Slot), CheckoutRefusal> {
        let window = self.sale.window;
        if now >= window.ends_at() {
            return Err(CheckoutRefusal::Ended { ends_at: window.ends_at() });
        }
        if self.sale.state == SaleState::Paused {
            return Err(CheckoutRefusal::Paused { ends_at: window.ends_at() });
        }
        if now < window.starts_at() {
            return Err(CheckoutRefusal::NotOpen { starts_at: window.starts_at() });
        }
        let Some(&unit) = self.free.front() else {
            let next = self.due.first();
            let retry = next.and_then(|&(at, _)| Retry::of(at, now, window.ends_at()));
            return Err(CheckoutRefusal::SoldOut { retry });
        };
        let limit = self.sale.terms.per_user_limit();
        let marks = self.users.get(user);
        let slot = marks.map_or(0, Marks::lowest_free);
        match u16::try_from(slot) {
            Ok(slot) if slot < limit => Ok((unit, Slot(slot))),
            _ => Err(CheckoutRefusal::UserLimit {
                limit,
                held: marks.map_or(0, |marks| marks.count(Mark::Held)),
                bought: marks.map_or(0, |marks| marks.count(Mark::Bought)),
            }),
        }
    }

    /// The unit that is on hold under a code.
    pub(crate) fn unit_of(&self, code: Code) -> Option<Unit> {
        self.holds.get(&code).map(|hold| hold.unit)
    }

    /// At most `limit` codes whose holds are due, the longest due first.
    pub(crate) fn due(&self, process_now: UnixMillis, limit: usize) -> Vec<Code> {
        let now = self.ledger_now(process_now);
        let due = self.due.iter().take_while(|(at, _)| *at <= now);
        due.map(|&(_, code)| code).take(limit).collect()
    }

    /// Carries out what the ledger decided, if the code is on hold here.
    pub(crate) fn settle(&mut self, code: Code, verdict: Verdict, process_now: UnixMillis) {
        let Some(&Held { unit, .. }) = self.holds.get(&code) else { return };
        // The unit of a record is its for ever: what else is here under its code is nobody's.
        let verdict = match verdict.unit() {
            Some(recorded) if recorded != unit => Verdict::Free,
            _ => verdict,
        };
        if matches!(verdict, Verdict::Only { .. }) {
            return;
        }
        let Some(held) = self.holds.remove(&code) else { return };
        self.due.remove(&(held.due_at, code));
        self.changes += 1;
        match verdict {
            Verdict::Held { left_ms, .. } => {
                let due_at = self.ledger_now(process_now) + left_ms;
                self.hold(code, Held { due_at, ..held });
            }
            Verdict::Sold { .. } => {
                self.mark(&held.user, held.slot, Mark::Bought);
                self.sold += 1;
            }
            Verdict::Free | Verdict::Only { .. } => {
                self.mark(&held.user, held.slot, Mark::Free);
                self.free.push_back(held.unit);
            }
        }
    }

    /// All there is, as an audit looks at it.
    pub(crate) fn snapshot(&self) -> LiveSnapshot {
        let holds = self.holds.iter().map(|(&code, hold)| {
            let Held { user, unit, slot, .. } = hold;
            LiveHold { code, unit: *unit, slot: *slot, user: user.clone() }
        });
        let users = self.users.iter().map(|(user, marks)| (user.clone(), marks.letters()));
        LiveSnapshot {
            sale: self.sale.id,
            epoch: self.sale.epoch,
            stock: self.sale.terms.stock(),
            per_user_limit: self.sale.terms.per_user_limit(),
            sold: self.sold,
            free: self.free.iter().copied().collect(),
            holds: holds.collect(),
            due: self.due.iter().map(|&(_, code)| code).collect(),
            users: users.collect(),
            unreadable: Vec::new(),
        }
    }

    fn hold(&mut self, code: Code, held: Held) {
        self.mark(&held.user, held.slot, Mark::Held);
        self.due.insert((held.due_at, code));
        self.holds.insert(code, held);
    }

    fn mark(&mut self, user: &UserId, slot: Slot, mark: Mark) {
        let marks = self.users.entry(user.clone()).or_default();
        marks.set(slot.0.into(), mark);
        if marks.are_free() {
            self.users.remove(user);
        }
    }

    fn ledger_now(&self, process_now: UnixMillis) -> UnixMillis {
        process_now + self.clock_offset_ms
    }
}

fn units(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
