//! `SaleStore` on Redis: whole sales.

use async_trait::async_trait;
use deadpool_redis::redis::Value;
use domain::{
    Epoch, SaleId, StoreError, Terms, Unit, UnixMillis, Window,
    ports::{LiveStatus, LoadReply, Operation, SaleSnapshot, SaleStore},
    sale::SaleState,
};

use crate::{
    RedisStores,
    keys::{CodeArg, SaleKeys},
    line::{LineError, fcall},
    reply::{Reply, unknown},
};

/// How long a load may take: a million units are a second's work for a slow server.
const LOAD_MS_MAX: u64 = 10_000;

#[async_trait]
impl SaleStore for RedisStores {
    async fn load(
        &self,
        snapshot: &SaleSnapshot,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let command = load_command(snapshot, ledger_now);
        let value = self.line().call_within(&command, LOAD_MS_MAX).await;
        value.and_then(|value| read_loaded(&value)).map_err(|error| error.during(Operation::Load))
    }

    async fn status(&self, sale: SaleId) -> Result<Option<LiveStatus>, StoreError> {
        let command = fcall("flashsale_v1_status", &SaleKeys::of(sale));
        let value = self.line().call(&command).await;
        value.and_then(|value| read_status(&value)).map_err(|error| error.during(Operation::Status))
    }

    async fn forget(&self, sale: SaleId) -> Result<(), StoreError> {
        let command = fcall("flashsale_v1_forget", &SaleKeys::of(sale));
        self.line()
            .call(&command)
            .await
            .map(|_| ())
            .map_err(|error| error.during(Operation::Forget))
    }
}

fn load_command(snapshot: &SaleSnapshot, ledger_now: UnixMillis) -> deadpool_redis::redis::Cmd {
    let SaleSnapshot { sale, live } = snapshot;
    let sold = live.iter().filter(|unit| unit.held_until.is_none()).count();
    let ranges = free_ranges(sale.terms.stock(), live.iter().map(|unit| unit.unit));
    let users = marks_by_user(snapshot);

    let mut command = fcall("flashsale_v1_load", &SaleKeys::of(sale.id));
    command.arg(sale.epoch.0).arg(sale.terms.stock()).arg(sale.terms.per_user_limit());
    command.arg(sale.terms.hold_ms()).arg(sale.window.starts_at().0).arg(sale.window.ends_at().0);
    command.arg(if sale.state == SaleState::Paused { "paused" } else { "active" });
    command.arg(ledger_now.0).arg(sold);
    command.arg(ranges.len()).arg(users.len()).arg(live.len() - sold);
    for (first, last) in ranges {
        command.arg(first).arg(last);
    }
    for (user, marks) in users {
        command.arg(user).arg(marks);
    }
    for unit in live {
        if let Some(due_at) = unit.held_until {
            let what = format!("{} {} {}", unit.unit, unit.slot.0, unit.user);
            command.arg(CodeArg(unit.code)).arg(what).arg(due_at.0);
        }
    }
    command
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

/// Each user with a character a slot, as `lua/library.lua` writes it.
fn marks_by_user(snapshot: &SaleSnapshot) -> Vec<(&str, String)> {
    let mut taken: Vec<_> = snapshot
        .live
        .iter()
        .map(|unit| {
            let mark = if unit.held_until.is_some() { 'h' } else { 'b' };
            (unit.user.as_str(), usize::from(unit.slot.0), mark)
        })
        .collect();
    taken.sort_unstable();
    let mut users: Vec<(&str, String)> = Vec::new();
    for (user, slot, mark) in taken {
        if users.last().is_none_or(|(last, _)| *last != user) {
            users.push((user, String::new()));
        }
        if let Some((_, marks)) = users.last_mut() {
            let gap = slot.saturating_sub(marks.len());
            marks.extend(std::iter::repeat_n('.', gap));
            marks.push(mark);
        }
    }
    users
}

pub(crate) fn read_loaded(value: &Value) -> Result<LoadReply, LineError> {
    match Reply::read(value)?.only()? {
        "loaded" => Ok(LoadReply::Loaded),
        "fenced" => Ok(LoadReply::Fenced),
        "newer_library" => Err(LineError::Superseded),
        word => Err(unknown(word)),
    }
}

pub(crate) fn read_status(value: &Value) -> Result<Option<LiveStatus>, LineError> {
    let mut reply = Reply::read(value)?;
    match reply.word()? {
        "not_loaded" => return reply.end().map(|()| None),
        "newer_library" => return Err(LineError::Superseded),
        "served" => {}
        word => return Err(unknown(word)),
    }
    let epoch = Epoch(reply.parse()?);
    let now = UnixMillis(reply.parse()?);
    let starts_at = UnixMillis(reply.parse()?);
    let ends_at = UnixMillis(reply.parse()?);
    let terms = Terms::new(reply.parse()?, reply.parse()?, reply.parse()?).ok();
    let paused = match reply.word()? {
        "paused" => true,
        "active" => false,
        word => return Err(unknown(word)),
    };
    let (free, held, sold) = (reply.parse()?, reply.parse()?, reply.parse()?);
    reply.end()?;
    let window = Window::new(starts_at, ends_at).ok();
    Ok(Some(LiveStatus { epoch, now, window, terms, paused, free, held, sold }))
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
    fn no_unit_beyond_the_stock_is_offered() {
        assert_eq!(free_ranges(3, units(&[2, 10])), [(1, 1), (3, 3)]);
        assert_eq!(free_ranges(3, units(&[10])), [(1, 3)]);
    }
}
