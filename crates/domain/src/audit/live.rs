//! Judging what the live store serves: by itself, and against the ledger.
//!
//! # What is claimed
//!
//! The stores cannot be read at one moment, and while the service runs they always differ a
//! little: a grant is on the live store first, a verdict is in the ledger first. So the ledger is
//! read twice, with the live store read in between ([`disagreements`]), and only what follows
//! from these three looks with certainty is called a breach:
//!
//! - The snapshot of the live store is of one moment. What it says of itself must fit together, and
//!   the epoch it serves was issued before; whoever reads the ledger later finds it there.
//! - A record goes from `held` to its end and never back. A code that is live in both looks at
//!   the ledger was live at the moment of the snapshot. A grant is on the live store before it is
//!   recorded, and leaves it after its end is recorded; so at that moment its unit was not free
//!   there, and its slot was marked. A code that is `held` in both looks was on hold there.
//! - `sold` is for ever, and the live store hears of it after the fact. What it has sold, the
//!   later look at the ledger has too.
//!
//! All of this is so only while both stores are of one epoch. A rebuild raises the ledger's epoch
//! before it loads the snapshot; if one comes in between, the epochs differ, nothing is compared
//! and the caller may look again. So no pause of a process, no answer that got lost and no
//! rebuild makes a breach of a sale that is in order.
//!
//! # What is not
//!
//! A difference that came and went between two looks is not seen, nor one that concerns only
//! codes that were granted or ended between the looks. A unit on hold under a code that the
//! ledger does not know is no breach: its record may be on the way, and if none comes the sweep
//! returns the unit when the hold is due. Refusals leave nothing to compare. A sale that is not
//! served, or that stays behind the ledger's epoch, sells nothing and is not compared.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    Code, Epoch, SaleId, Slot, Unit, UserId,
    audit::Breaches,
    ports::{LiveUnit, SaleSnapshot},
};

/// All that the live store has of a sale it serves, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSnapshot {
    /// The sale.
    pub sale: SaleId,
    /// The epoch that is served.
    pub epoch: Epoch,
    /// How many units are on offer.
    pub stock: u32,
    /// How many live units one user may have.
    pub per_user_limit: u16,
    /// How many units count as sold.
    pub sold: u32,
    /// The units that can be had.
    pub free: Vec<Unit>,
    /// The holds, by their codes.
    pub holds: Vec<LiveHold>,
    /// The codes that will be called due.
    pub due: Vec<Code>,
    /// Each user with a mark a slot: `h` held, `b` bought, `.` free.
    pub users: Vec<(UserId, String)>,
    /// What is none of these, in words for an operator.
    pub unreadable: Vec<String>,
}

/// A hold on the live store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveHold {
    /// Its code.
    pub code: Code,
    /// The unit on hold.
    pub unit: Unit,
    /// The user's slot it takes.
    pub slot: Slot,
    /// The user.
    pub user: UserId,
}

/// What the live store contradicts itself in.
#[must_use]
pub fn contradictions(live: &LiveSnapshot) -> Breaches {
    let sale = live.sale;
    let mut breaches = Breaches::default();
    for what in &live.unreadable {
        breaches.add(|| format!("sale {sale}: {what}"));
    }
    units(live, &mut breaches);
    codes(live, &mut breaches);
    marks(live, &mut breaches);
    breaches
}

/// Each unit is in one state: free, on hold, or else sold.
fn units(live: &LiveSnapshot, breaches: &mut Breaches) {
    let sale = live.sale;
    let mut taken = HashMap::new();
    let free = live.free.iter().map(|&unit| (unit, "free"));
    let held = live.holds.iter().map(|hold| (hold.unit, "on hold"));
    for (unit, state) in free.chain(held) {
        if unit.get() > live.stock {
            breaches.add(|| format!("sale {sale}: unit {unit} of {} is {state}", live.stock));
        }
        if let Some(other) = taken.insert(unit, state) {
            breaches.add(|| format!("sale {sale}: unit {unit} is {other} and {state}"));
        }
    }
    let (free, held, sold) = (live.free.len(), live.holds.len(), live.sold as usize);
    if free + held + sold != live.stock as usize {
        breaches.add(|| {
            format!(
                "sale {sale}: {free} units free, {held} on hold and {sold} sold are not {}",
                live.stock
            )
        });
    }
}

/// Each code that has a hold will be called due, and no other.
fn codes(live: &LiveSnapshot, breaches: &mut Breaches) {
    let sale = live.sale;
    let held: HashSet<_> = live.holds.iter().map(|hold| hold.code).collect();
    let due: HashSet<_> = live.due.iter().copied().collect();
    for hold in live.holds.iter().filter(|hold| !due.contains(&hold.code)) {
        let LiveHold { code, unit, .. } = hold;
        breaches.add(|| format!("sale {sale}: unit {unit} is on hold and never due: {code:?}"));
    }
    for code in live.due.iter().filter(|code| !held.contains(code)) {
        breaches.add(|| format!("sale {sale}: nothing is on hold, but will be due: {code:?}"));
    }
}

/// Each hold has its mark, each mark its hold, and the bought ones are as many as were sold.
fn marks(live: &LiveSnapshot, breaches: &mut Breaches) {
    let sale = live.sale;
    let mut held: HashSet<_> = live.holds.iter().map(|hold| (&hold.user, hold.slot)).collect();
    let mut bought = 0;
    for (user, marks) in &live.users {
        if marks.len() > usize::from(live.per_user_limit) {
            breaches.add(|| {
                format!("sale {sale}: {user} has {} of {} slots", marks.len(), live.per_user_limit)
            });
        }
        for (slot, mark) in (0..=u16::MAX).map(Slot).zip(marks.chars()) {
            let number = slot.0;
            match mark {
                'h' if held.remove(&(user, slot)) => {}
                'h' => breaches.add(|| {
                    format!("sale {sale}: slot {number} of {user} is marked held, without a hold")
                }),
                'b' => bought += 1,
                '.' => {}
                _ => breaches
                    .add(|| format!("sale {sale}: slot {number} of {user} is marked {mark:?}")),
            }
        }
    }
    for hold in live.holds.iter().filter(|hold| held.contains(&(&hold.user, hold.slot))) {
        let LiveHold { slot, user, .. } = hold;
        breaches.add(|| {
            format!("sale {sale}: slot {} of {user} is on hold, but not marked so", slot.0)
        });
    }
    if bought != live.sold {
        breaches
            .add(|| format!("sale {sale}: {} units are sold, {bought} slots bought", live.sold));
    }
}

/// What the live store serves that the ledger never issued, which was asked for its epoch after
/// the snapshot was taken. Then the ledger has lost data.
#[must_use]
pub fn unissued(live: &LiveSnapshot, ledger: Epoch) -> Breaches {
    let mut breaches = Breaches::default();
    if live.epoch > ledger {
        let LiveSnapshot { sale, epoch, .. } = live;
        breaches.add(|| {
            format!(
                "sale {sale}: the live store serves epoch {epoch}, the ledger is at {ledger}: the \
                 ledger has lost data"
            )
        });
    }
    breaches
}

/// What the live store has otherwise than the ledger, which was looked at before and after; or
/// `None` if they are not of one epoch.
#[must_use]
pub fn disagreements(
    before: &SaleSnapshot,
    live: &LiveSnapshot,
    after: &SaleSnapshot,
) -> Option<Breaches> {
    if [before.sale.epoch, after.sale.epoch] != [live.epoch; 2] {
        return None;
    }
    let mut breaches = Breaches::default();
    let still_live: HashMap<_, _> = after.live.iter().map(|unit| (unit.code, unit)).collect();
    let throughout = before
        .live
        .iter()
        .filter_map(|unit| still_live.get(&unit.code).map(|after| (unit, *after)))
        .collect::<Vec<_>>();
    offered_twice(live, &throughout, &mut breaches);
    forgotten_holds(live, &throughout, &mut breaches);
    unsold(live, after, &mut breaches);
    Some(breaches)
}

/// Units and slots that are live in the ledger throughout, and can be had all the same.
fn offered_twice(
    live: &LiveSnapshot,
    throughout: &[(&LiveUnit, &LiveUnit)],
    breaches: &mut Breaches,
) {
    let sale = live.sale;
    let free: HashSet<_> = live.free.iter().collect();
    let marks: BTreeMap<_, _> = live.users.iter().map(|(user, marks)| (user, marks)).collect();
    for (LiveUnit { code, user, unit, slot, .. }, _) in throughout {
        if free.contains(unit) {
            breaches.add(|| {
                format!("sale {sale}: unit {unit} is free on the live store, but live for {user}: {code:?}")
            });
        }
        let mark = marks.get(user).and_then(|marks| marks.as_bytes().get(usize::from(slot.0)));
        if !matches!(mark, Some(b'h' | b'b')) {
            let slot = slot.0;
            breaches.add(|| {
                format!("sale {sale}: slot {slot} of {user} is free on the live store, but live: {code:?}")
            });
        }
    }
}

/// Holds that stand in the ledger throughout, and that the live store does not have so.
fn forgotten_holds(
    live: &LiveSnapshot,
    throughout: &[(&LiveUnit, &LiveUnit)],
    breaches: &mut Breaches,
) {
    let sale = live.sale;
    let holds: HashMap<_, _> = live.holds.iter().map(|hold| (hold.code, hold)).collect();
    for (unit, after) in throughout {
        let LiveUnit { code, user, unit, slot, .. } = unit;
        match holds.get(code) {
            Some(hold) if (hold.unit, hold.slot, &hold.user) == (*unit, *slot, user) => {}
            Some(hold) => breaches.add(|| {
                format!(
                    "sale {sale}: unit {unit}, slot {} of {user} is unit {}, slot {} of {} on \
                     the live store: {code:?}",
                    slot.0, hold.unit, hold.slot.0, hold.user
                )
            }),
            None if after.held_until.is_some() => breaches.add(|| {
                format!("sale {sale}: unit {unit} is held for {user}, but not on the live store: {code:?}")
            }),
            // Sold, and known to be.
            None => {}
        }
    }
}

/// Units and slots that the live store has sold, and the ledger has not.
fn unsold(live: &LiveSnapshot, after: &SaleSnapshot, breaches: &mut Breaches) {
    let sale = live.sale;
    let sold = || after.live.iter().filter(|unit| unit.held_until.is_none());
    let units: HashSet<_> = sold().map(|unit| unit.unit.get()).collect();
    let slots: HashSet<_> = sold().map(|unit| (&unit.user, unit.slot)).collect();
    let elsewhere: HashSet<_> = live
        .free
        .iter()
        .copied()
        .chain(live.holds.iter().map(|hold| hold.unit))
        .map(Unit::get)
        .collect();
    for unit in 1..=after.sale.terms.stock() {
        if !elsewhere.contains(&unit) && !units.contains(&unit) {
            breaches.add(|| {
                format!("sale {sale}: unit {unit} is neither free nor held on the live store, and not sold")
            });
        }
    }
    for (user, marks) in &live.users {
        for (slot, _) in
            (0..=u16::MAX).map(Slot).zip(marks.chars()).filter(|&(_, mark)| mark == 'b')
        {
            if !slots.contains(&(user, slot)) {
                breaches.add(|| {
                    format!(
                        "sale {sale}: slot {} of {user} is bought on the live store only",
                        slot.0
                    )
                });
            }
        }
    }
}
