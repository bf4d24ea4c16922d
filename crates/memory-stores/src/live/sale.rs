//! What the live side has of one sale.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use domain::{
    CheckoutRefusal, Code, Sale, Slot, Unit, UnixMillis, UserId,
    answer::Retry,
    ports::{Grant, HoldRequest, PlaceReply, SaleImage, Verdict},
    sale::SaleState,
};

#[derive(Clone)]
pub(super) struct LiveSale {
    pub(super) sale: Sale,
    pub(super) clock_offset_ms: i64,
    pub(super) sold: u32,
    /// Taken from the front, returned to the back.
    pub(super) free: VecDeque<Unit>,
    pub(super) holds: BTreeMap<Code, LiveHold>,
    users: HashMap<UserId, BTreeMap<Slot, Mark>>,
}

#[derive(Clone)]
pub(super) struct LiveHold {
    user: UserId,
    pub(super) unit: Unit,
    slot: Slot,
    pub(super) due_at: UnixMillis,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Held,
    Bought,
}

impl LiveSale {
    pub(super) fn of(SaleImage { sale, live }: &SaleImage, clock_offset_ms: i64) -> Self {
        let mut loaded = Self {
            sale: *sale,
            clock_offset_ms,
            sold: 0,
            free: VecDeque::new(),
            holds: BTreeMap::new(),
            users: HashMap::new(),
        };
        let taken: HashSet<_> = live.iter().map(|unit| unit.unit).collect();
        let units = (1..=sale.terms.stock).filter_map(|number| Unit::try_from(number).ok());
        loaded.free = units.filter(|unit| !taken.contains(unit)).collect();
        for unit in live {
            let marks = loaded.users.entry(unit.user.clone()).or_default();
            let mark = if unit.held_until.is_some() { Mark::Held } else { Mark::Bought };
            marks.insert(unit.slot, mark);
            match unit.held_until {
                None => loaded.sold += 1,
                Some(due_at) => {
                    let user = unit.user.clone();
                    let hold = LiveHold { user, unit: unit.unit, slot: unit.slot, due_at };
                    loaded.holds.insert(unit.code, hold);
                }
            }
        }
        loaded
    }

    /// All checks come before the first change.
    pub(super) fn place(&mut self, request: &HoldRequest, server_now: UnixMillis) -> PlaceReply {
        let now = server_now + self.clock_offset_ms;
        let epoch = self.sale.epoch;
        if let Some(hold) = self.holds.get(&request.code) {
            let grant = Grant { code: request.code, unit: hold.unit, slot: hold.slot, epoch };
            return PlaceReply::Granted(grant);
        }
        match self.choose(&request.user, now) {
            Err(refusal) => PlaceReply::Refused(refusal),
            Ok((unit, slot)) => {
                self.free.pop_front();
                let user = request.user.clone();
                self.users.entry(user.clone()).or_default().insert(slot, Mark::Held);
                let due_at = now + self.sale.terms.hold_ms;
                self.holds.insert(request.code, LiveHold { user, unit, slot, due_at });
                PlaceReply::Granted(Grant { code: request.code, unit, slot, epoch })
            }
        }
    }

    fn choose(&self, user: &UserId, now: UnixMillis) -> Result<(Unit, Slot), CheckoutRefusal> {
        let window = self.sale.window;
        if now >= window.ends_at {
            return Err(CheckoutRefusal::Ended { ends_at: window.ends_at });
        }
        if self.sale.state == SaleState::Paused {
            return Err(CheckoutRefusal::Paused { ends_at: window.ends_at });
        }
        if now < window.starts_at {
            return Err(CheckoutRefusal::NotOpen { starts_at: window.starts_at });
        }
        let Some(&unit) = self.free.front() else {
            let next_due = self.holds.values().map(|hold| hold.due_at).min();
            let in_time = next_due.filter(|&at| at < window.ends_at);
            let retry = in_time.map(|at| Retry { at, after_ms: (at - now).max(0) });
            return Err(CheckoutRefusal::SoldOut { retry });
        };
        let none = BTreeMap::new();
        let marks = self.users.get(user).unwrap_or(&none);
        let limit = self.sale.terms.per_user_limit;
        match (0..limit).map(Slot).find(|slot| !marks.contains_key(slot)) {
            Some(slot) => Ok((unit, slot)),
            None => Err(CheckoutRefusal::UserLimit {
                limit,
                held: count(marks, Mark::Held),
                bought: count(marks, Mark::Bought),
            }),
        }
    }

    pub(super) fn settle(&mut self, code: Code, verdict: Verdict, server_now: UnixMillis) {
        if let Verdict::Held { left_ms } = verdict {
            if let Some(hold) = self.holds.get_mut(&code) {
                hold.due_at = server_now + self.clock_offset_ms + left_ms;
            }
            return;
        }
        let Some(LiveHold { user, unit, slot, .. }) = self.holds.remove(&code) else { return };
        let marks = self.users.entry(user).or_default();
        if verdict == Verdict::Sold {
            marks.insert(slot, Mark::Bought);
            self.sold += 1;
        } else {
            marks.remove(&slot);
            self.free.push_back(unit);
        }
    }
}

fn count(marks: &BTreeMap<Slot, Mark>, wanted: Mark) -> u16 {
    let count = marks.values().filter(|&&mark| mark == wanted).count();
    u16::try_from(count).unwrap_or(u16::MAX)
}
