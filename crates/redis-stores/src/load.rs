//! A snapshot on its way to the server, in parts that keep nobody else waiting for long.

use std::collections::HashMap;

use deadpool_redis::redis::{Cmd, Value};
use domain::{
    Epoch, Unit, UnixMillis,
    ports::{LiveUnit, LoadReply, SaleSnapshot},
    sale::SaleState,
};

use crate::{
    keys::{CodeArg, SaleKeys},
    line::{Line, LineError, Routed, fcall},
    reply::{Reply, unknown},
};

/// How long one call may take.
const CALL_MS_MAX: u64 = 10_000;

/// How much goes into one call: a free unit weighs one, a hold or a user eight. The server takes
/// some milliseconds for it.
const PART_WEIGHT_MAX: usize = 16_000;

const HOLD_WEIGHT: usize = 8;
const USER_WEIGHT: usize = 8;

/// Units whose users are gone through before others have their turn on the thread.
const UNITS_AT_A_TIME: usize = 2_000;

/// Puts a snapshot in the place of whatever is there.
pub(crate) async fn load(
    line: &mut Line,
    snapshot: &SaleSnapshot,
    ledger_now: UnixMillis,
) -> Result<LoadReply, LineError> {
    let keys = SaleKeys::of(snapshot.sale.id);
    let weight = snapshot.live.len() * (HOLD_WEIGHT + USER_WEIGHT);
    let free_max = usize::try_from(snapshot.sale.terms.stock()).unwrap_or(usize::MAX);
    if weight.saturating_add(free_max) < PART_WEIGHT_MAX {
        let mut call = fcall("flashsale_v4_load", &keys);
        begin(&mut call.command, snapshot, ledger_now);
        Parts::of(snapshot).await.next().unwrap_or_default().write_to(&mut call.command);
        return ended(send(line, call).await?);
    }

    // Before anything is made ready, so that nobody else begins meanwhile.
    let mut call = fcall("flashsale_v4_load_begin", &keys);
    begin(&mut call.command, snapshot, ledger_now);
    if let Step::Ended(reply) = send(line, call).await? {
        return Ok(reply);
    }
    let epoch = snapshot.sale.epoch.0;
    let mut parts = Parts::of(snapshot).await;
    let mut count = 0_u32;
    let mut next = || {
        let part = parts.next()?;
        count += 1;
        let mut call = fcall("flashsale_v4_load_part", &keys).with(epoch).with(count);
        part.write_to(&mut call.command);
        Some(call)
    };
    let mut part = next();
    while let Some(call) = part {
        // The next is made ready while the server is busy with this one.
        let (step, following) = tokio::join!(biased; send(line, call), async { next() });
        if let Step::Ended(reply) = step? {
            return Ok(reply);
        }
        part = following;
    }
    let call = fcall("flashsale_v4_load_commit", &keys).with(epoch).with(count);
    ended(send(line, call).await?)
}

async fn send(line: &mut Line, call: Routed) -> Result<Step, LineError> {
    let call = line.signed(call).await?;
    read_step(&line.call_within(&call, CALL_MS_MAX).await?)
}

fn ended(step: Step) -> Result<LoadReply, LineError> {
    match step {
        Step::Ended(reply) => Ok(reply),
        Step::GoesOn => Err(unknown("begun")),
    }
}

fn begin(command: &mut Cmd, snapshot: &SaleSnapshot, ledger_now: UnixMillis) {
    let SaleSnapshot { sale, live } = snapshot;
    let sold = live.iter().filter(|unit| unit.held_until.is_none()).count();
    command.arg(sale.epoch.0).arg(sale.terms.stock()).arg(sale.terms.per_user_limit());
    command.arg(sale.terms.hold_ms()).arg(sale.window.starts_at().0).arg(sale.window.ends_at().0);
    command.arg(if sale.state == SaleState::Paused { "paused" } else { "active" });
    command.arg(ledger_now.0).arg(sold);
}

/// How a call of a load went.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    GoesOn,
    Ended(LoadReply),
}

pub(crate) fn read_step(value: &Value) -> Result<Step, LineError> {
    let mut reply = Reply::read(value)?;
    let step = match reply.word()? {
        "begun" | "added" => Step::GoesOn,
        "loaded" => Step::Ended(LoadReply::Loaded),
        "fenced" => {
            let epoch = Epoch(reply.parse()?);
            let is_served = match reply.word()? {
                "served" => true,
                "loading" => false,
                "unserved" => {
                    tracing::warn!(
                        fence = %epoch,
                        "Redis has loaded a newer epoch of a sale than this one, and lost it: it \
                         outlived its ledger, which is new or was restored, unless another process \
                         has loaded it just now. If so, the ledger's epoch is raised above it"
                    );
                    false
                }
                word => return Err(unknown(word)),
            };
            Step::Ended(LoadReply::Fenced { epoch, is_served })
        }
        "newer_library" => return Err(LineError::Superseded),
        "other_ledger" => return Err(LineError::OtherLedger),
        "cut_short" => return Err(LineError::CutShort),
        word => return Err(unknown(word)),
    };
    reply.end().map(|()| step)
}

/// One call's worth of a snapshot.
#[derive(Default)]
struct Part<'a> {
    free: Vec<(u32, u32)>,
    users: Vec<(&'a str, String)>,
    holds: Vec<&'a LiveUnit>,
    weight: usize,
}

impl Part<'_> {
    fn write_to(&self, command: &mut Cmd) {
        command.arg(self.free.len()).arg(self.users.len()).arg(self.holds.len());
        for (first, last) in &self.free {
            command.arg(first).arg(last);
        }
        for (user, marks) in &self.users {
            command.arg(user).arg(marks);
        }
        for unit in &self.holds {
            let what = format!("{} {} {}", unit.unit, unit.slot.0, unit.user);
            command.arg(CodeArg(unit.code)).arg(what).arg(unit.held_until.map_or(0, |at| at.0));
        }
    }
}

/// A snapshot, part after part.
struct Parts<'a> {
    free: std::vec::IntoIter<(u32, u32)>,
    /// What is left of a range that did not fit whole.
    rest: Option<(u32, u32)>,
    users: std::vec::IntoIter<(&'a str, String)>,
    live: std::slice::Iter<'a, LiveUnit>,
}

impl<'a> Parts<'a> {
    async fn of(snapshot: &'a SaleSnapshot) -> Self {
        let SaleSnapshot { sale, live } = snapshot;
        let free = free_ranges(sale.terms.stock(), live.iter().map(|unit| unit.unit));
        let users = marks_by_user(snapshot).await;
        Self { free: free.into_iter(), rest: None, users: users.into_iter(), live: live.iter() }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let mut part = Part::default();
        while part.weight < PART_WEIGHT_MAX {
            let Some((first, last)) = self.rest.take().or_else(|| self.free.next()) else { break };
            let room = u32::try_from(PART_WEIGHT_MAX - part.weight).unwrap_or(u32::MAX);
            let fits_to = last.min(first.saturating_add(room - 1));
            self.rest = (fits_to < last).then_some((fits_to + 1, last));
            part.weight += usize::try_from(fits_to - first + 1).unwrap_or(usize::MAX);
            part.free.push((first, fits_to));
        }
        while part.weight < PART_WEIGHT_MAX {
            let Some(user) = self.users.next() else { break };
            part.users.push(user);
            part.weight += USER_WEIGHT;
        }
        while part.weight < PART_WEIGHT_MAX {
            let Some(unit) = self.live.find(|unit| unit.held_until.is_some()) else { break };
            part.holds.push(unit);
            part.weight += HOLD_WEIGHT;
        }
        (part.weight > 0).then_some(part)
    }
}

/// The units from 1 to `stock` that are not among `taken`, as ranges of first and last.
pub(crate) fn free_ranges(stock: u32, taken: impl Iterator<Item = Unit>) -> Vec<(u32, u32)> {
    // A unit beyond the stock, of a time when there was more, leaves no room before it.
    let mut taken: Vec<_> = taken.map(Unit::get).filter(|&unit| unit <= stock).collect();
    taken.sort_unstable();
    let mut ranges = Vec::new();
    let mut next = 1;
    for unit in taken {
        if next < unit {
            ranges.push((next, unit - 1));
        }
        next = unit + 1;
    }
    if next <= stock {
        ranges.push((next, stock));
    }
    ranges
}

/// Each user with a character a slot, as `lua/library.lua` writes it; in the order of their first
/// units.
///
/// The thread is the one of whoever found the sale lost, and others are answered on it: a million
/// units take some tenths of a second, and are gone through a little at a time.
async fn marks_by_user(snapshot: &SaleSnapshot) -> Vec<(&str, String)> {
    let mut places = HashMap::with_capacity(snapshot.live.len().min(UNITS_AT_A_TIME));
    let mut users: Vec<(&str, String)> = Vec::new();
    for few in snapshot.live.chunks(UNITS_AT_A_TIME) {
        for unit in few {
            let user = unit.user.as_str();
            let place = *places.entry(user).or_insert_with(|| {
                users.push((user, String::new()));
                users.len() - 1
            });
            let marks = &mut users[place].1;
            let mark = if unit.held_until.is_some() { "h" } else { "b" };
            put_mark(marks, usize::from(unit.slot.0), mark);
        }
        tokio::task::yield_now().await;
    }
    users
}

/// Puts the mark of a slot in its place; slots that nothing is known of are free.
fn put_mark(marks: &mut String, slot: usize, mark: &str) {
    let gap = (slot + 1).saturating_sub(marks.len());
    marks.extend(std::iter::repeat_n('.', gap));
    marks.replace_range(slot..=slot, mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(numbers: &[u32]) -> impl Iterator<Item = Unit> {
        numbers.iter().map(|&number| Unit::try_from(number).unwrap())
    }

    #[test]
    fn free_units_are_what_is_left_between_the_taken_ones() {
        assert_eq!(free_ranges(10, units(&[])), [(1, 10)]);
        assert_eq!(free_ranges(10, units(&[10, 1, 5])), [(2, 4), (6, 9)]);
        assert_eq!(free_ranges(3, units(&[3, 2, 1])), []);
        assert_eq!(free_ranges(0, units(&[])), []);
    }

    #[test]
    fn a_mark_is_put_in_the_place_of_its_slot() {
        let mut marks = String::new();
        for (slot, mark) in [(2, "h"), (0, "b"), (3, "h")] {
            put_mark(&mut marks, slot, mark);
        }
        assert_eq!(marks, "b.hh");
    }

    #[tokio::test]
    async fn a_snapshot_is_in_its_parts_once_and_in_order() {
        let stock = 40_000;
        let terms = domain::Terms::new(stock, 10, 1).unwrap();
        let window = domain::Window::new(UnixMillis(0), UnixMillis(1)).unwrap();
        let id = domain::SaleId::try_from(1).unwrap();
        let sale = domain::Sale {
            id,
            window,
            terms,
            origin: domain::Origin::Timetable,
            product: None,
            state: SaleState::Active,
            epoch: Epoch(1),
            salt: domain::Salt::new([7; 32]),
        };
        let live: Vec<_> = (1..=5_000_u32)
            .map(|number| LiveUnit {
                code: domain::Code::new(id, number.into()),
                user: format!("user-{number}").parse().unwrap(),
                unit: (number * 7).try_into().unwrap(),
                slot: domain::Slot(0),
                held_until: (number % 3 > 0).then_some(UnixMillis(1)),
            })
            .collect();
        let snapshot = SaleSnapshot { sale, live };

        let parts: Vec<_> = Parts::of(&snapshot).await.collect();

        assert!(parts.len() > 3 && parts.iter().all(|part| part.weight < PART_WEIGHT_MAX + 8));
        let free = parts.iter().flat_map(|part| &part.free).flat_map(|&(first, last)| first..=last);
        let taken = |unit: &u32| unit.is_multiple_of(7) && *unit <= 35_000;
        assert!(free.eq((1..=stock).filter(|unit| !taken(unit))));
        let users = parts.iter().flat_map(|part| &part.users).map(|(user, _)| *user);
        let expected = marks_by_user(&snapshot).await;
        assert!(users.eq(expected.iter().map(|(user, _)| *user)));
        let holds = parts.iter().flat_map(|part| part.holds.iter().copied());
        assert!(holds.eq(snapshot.live.iter().filter(|unit| unit.held_until.is_some())));
    }

    #[test]
    fn no_unit_beyond_the_stock_is_offered() {
        assert_eq!(free_ranges(3, units(&[2, 10])), [(1, 1), (3, 3)]);
        assert_eq!(free_ranges(3, units(&[10])), [(1, 3)]);
    }
}
