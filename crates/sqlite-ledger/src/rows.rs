//! Rows as the domain's types. A row of another form is an error, never a guess.

use std::{error::Error, fmt::Display};

use domain::{
    Code, Epoch, Item, Receipt, Sale, SaleId, Slot, Terms, Unit, UnixMillis, UserId, Window,
    ports::{CodeRecord, LiveUnit, Recorded, Tally, Verdict},
    sale::SaleState,
};
use rusqlite::{Row, types::Type};

/// A column that must satisfy more than its database type says.
fn checked<T: TryFrom<i64, Error: Display>>(row: &Row<'_>, name: &str) -> rusqlite::Result<T> {
    row.get::<_, i64>(name)?.try_into().map_err(|error| unreadable(name, error))
}

fn unreadable(name: &str, error: impl Display) -> rusqlite::Error {
    let error: Box<dyn Error + Send + Sync> = format!("column {name}: {error}").into();
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, error)
}

pub(crate) fn sale(row: &Row<'_>) -> rusqlite::Result<Sale> {
    Ok(Sale {
        id: checked(row, "id")?,
        window: Window { starts_at: moment(row, "starts_at")?, ends_at: moment(row, "ends_at")? },
        terms: Terms {
            stock: stock(row)?,
            per_user_limit: checked(row, "per_user_limit")?,
            hold_ms: row.get("hold_ms")?,
        },
        state: match row.get_ref("state")?.as_str()? {
            "active" => SaleState::Active,
            "paused" => SaleState::Paused,
            "closed" => SaleState::Closed,
            other => return Err(unreadable("state", other)),
        },
        epoch: Epoch(row.get("epoch")?),
    })
}

pub(crate) fn sale_id(row: &Row<'_>, name: &str) -> rusqlite::Result<SaleId> {
    checked(row, name)
}

pub(crate) fn code(row: &Row<'_>) -> rusqlite::Result<Code> {
    Ok(Code::from_bits(u128::from_be_bytes(row.get("code")?)))
}

pub(crate) fn moment(row: &Row<'_>, name: &str) -> rusqlite::Result<UnixMillis> {
    row.get(name).map(UnixMillis)
}

/// More units than have numbers are no stock: what serves a sale reads and writes it whole.
fn stock(row: &Row<'_>) -> rusqlite::Result<u32> {
    match checked(row, "stock")? {
        stock @ 0..=Unit::MAX => Ok(stock),
        beyond => Err(unreadable("stock", beyond)),
    }
}

fn unit(row: &Row<'_>) -> rusqlite::Result<Unit> {
    Unit::try_from(checked::<u32>(row, "unit")?).map_err(|error| unreadable("unit", error))
}

pub(crate) fn user(row: &Row<'_>) -> rusqlite::Result<UserId> {
    row.get_ref("user_id")?.as_str()?.parse().map_err(|error| unreadable("user_id", error))
}

pub(crate) fn slot(row: &Row<'_>) -> rusqlite::Result<Slot> {
    checked(row, "slot").map(Slot)
}

/// A row of `read_code.sql`.
pub(crate) fn code_record(code: Code, row: &Row<'_>) -> rusqlite::Result<CodeRecord> {
    Ok(match row.get_ref("state")?.as_str()? {
        "held" => CodeRecord::Held { unit: unit(row)? },
        "sold" => CodeRecord::Sold(Receipt {
            code,
            sale: sale_id(row, "sale_id")?,
            user: user(row)?,
            unit: unit(row)?,
            item: Item { name: row.get("item_name")?, image: row.get("item_image")? },
            purchased_at: moment(row, "purchased_at")?,
        }),
        "expired" => CodeRecord::Expired,
        "released" => CodeRecord::Released,
        "void" => CodeRecord::Unknown,
        other => return Err(unreadable("state", other)),
    })
}

/// A row of `read_grant.sql`, as what became of a grant.
pub(crate) fn recorded_grant(row: &Row<'_>) -> rusqlite::Result<Recorded> {
    Ok(match row.get_ref("state")?.as_str()? {
        "held" | "sold" => Recorded::Hold { expires_at: moment(row, "expires_at")? },
        "expired" | "released" | "void" => Recorded::TooLate,
        other => return Err(unreadable("state", other)),
    })
}

/// A row of `read_grant.sql`, as a verdict at `now`. A hold that is live is so for a millisecond at
/// the least.
pub(crate) fn verdict(row: &Row<'_>, now: UnixMillis) -> rusqlite::Result<Verdict> {
    Ok(match row.get_ref("state")?.as_str()? {
        "held" => Verdict::Held { left_ms: (moment(row, "expires_at")? - now).max(1) },
        "sold" => Verdict::Sold,
        "expired" | "released" | "void" => Verdict::Free,
        other => return Err(unreadable("state", other)),
    })
}

/// A row of `live_units.sql`.
pub(crate) fn live_unit(row: &Row<'_>) -> rusqlite::Result<LiveUnit> {
    Ok(LiveUnit {
        code: code(row)?,
        user: user(row)?,
        unit: unit(row)?,
        slot: slot(row)?,
        held_until: row.get::<_, Option<i64>>("held_until")?.map(UnixMillis),
    })
}

/// A row of `tally.sql`.
pub(crate) fn tally(row: &Row<'_>, now: UnixMillis) -> rusqlite::Result<Tally> {
    Ok(Tally {
        now,
        epoch: Epoch(row.get("epoch")?),
        held: checked(row, "held")?,
        sold: checked(row, "sold")?,
    })
}
