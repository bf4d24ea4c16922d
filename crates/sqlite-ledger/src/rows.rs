//! Rows as the domain's types. A row of another form is an error, never a guess.

mod products;
#[cfg(test)]
mod tests;

use std::{error::Error, fmt::Display};

use domain::{
    Cancellation, Code, Epoch, Item, Origin, Receipt, Sale, SaleId, Salt, Slot, Terms, Unit,
    UnixMillis, UserId, Window,
    operator::{ActionRecord, Reason, StoredAction},
    ports::{
        Answered, AttemptCopy, CodeLife, CodeState, Granted, HoldCopy, HoldEnd, LiveUnit,
        OutcomeCopy, SaleCopy, Tally,
    },
    sale::SaleState,
};
use rusqlite::{Row, types::Type};

use crate::{
    SqliteError,
    guard::{Hold, Known, State},
};

pub(crate) use products::{
    image, image_copy, product, product_copy, product_id, product_row, version, version_id,
};

/// A column that must satisfy more than its database type says.
fn checked<T: TryFrom<i64, Error: Display>>(row: &Row<'_>, name: &str) -> rusqlite::Result<T> {
    row.get::<_, i64>(name)?.try_into().map_err(|error| unreadable(name, error))
}

/// The same, where there may be nothing.
fn optional<T: TryFrom<i64, Error: Display>>(
    row: &Row<'_>,
    name: &str,
) -> rusqlite::Result<Option<T>> {
    let number = row.get::<_, Option<i64>>(name)?.map(T::try_from);
    number.transpose().map_err(|error| unreadable(name, error))
}

fn unreadable(name: &str, error: impl Display) -> rusqlite::Error {
    let error: Box<dyn Error + Send + Sync> = format!("column {name}: {error}").into();
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, error)
}

/// Text where there must be some.
fn text<'r>(row: &'r Row<'_>, name: &str) -> rusqlite::Result<&'r str> {
    row.get_ref(name)?.as_str().map_err(|error| unreadable(name, error))
}

pub(crate) fn sale(row: &Row<'_>) -> rusqlite::Result<Sale> {
    Ok(Sale {
        id: checked(row, "id")?,
        window: window(row)?,
        terms: terms(row)?,
        origin: match row.get::<_, i64>("on_timetable")? {
            0 => Origin::Operator,
            1 => Origin::Timetable,
            other => return Err(unreadable("on_timetable", other)),
        },
        state: match text(row, "state")? {
            "active" => SaleState::Active,
            "paused" => SaleState::Paused,
            "closed" => SaleState::Closed,
            other => return Err(unreadable("state", other)),
        },
        product: optional(row, "product_id")?,
        epoch: Epoch(row.get("epoch")?),
        salt: Salt::new(row.get("salt").map_err(|error| unreadable("salt", error))?),
    })
}

/// A row of the trail; that of another form is an error of its own.
pub(crate) fn action(row: &Row<'_>) -> rusqlite::Result<Result<ActionRecord, SqliteError>> {
    let stored = stored_action(row, "id")?;
    let record = ActionRecord::try_from(stored);
    Ok(record.map_err(|error| SqliteError::Unreadable(error.to_string())))
}

/// A row of the trail, as it is.
pub(crate) fn stored_action(row: &Row<'_>, id: &str) -> rusqlite::Result<StoredAction> {
    Ok(StoredAction {
        number: row.get("number")?,
        acted_at: moment(row, "acted_at")?,
        id: u128::from_be_bytes(row.get(id)?),
        operator: row.get("operator")?,
        action: row.get("action")?,
        sale_id: row.get("sale_id")?,
        product_id: row.get("product_id")?,
        code: row.get::<_, Option<[u8; 16]>>("code")?.map(u128::from_be_bytes),
        asked: row.get("asked")?,
        why: row.get("why")?,
        request_id: row.get("request_id")?,
        before: row.get("before")?,
        after: row.get("after")?,
        refused: row.get("refused")?,
    })
}

pub(crate) fn sale_id(row: &Row<'_>, name: &str) -> rusqlite::Result<SaleId> {
    checked(row, name)
}

pub(crate) fn code(row: &Row<'_>) -> rusqlite::Result<Code> {
    let bytes = row.get("code").map_err(|error| unreadable("code", error))?;
    Code::from_bits(u128::from_be_bytes(bytes)).map_err(|error| unreadable("code", error))
}

pub(crate) fn moment(row: &Row<'_>, name: &str) -> rusqlite::Result<UnixMillis> {
    row.get(name).map(UnixMillis)
}

fn window(row: &Row<'_>) -> rusqlite::Result<Window> {
    let window = Window::new(moment(row, "starts_at")?, moment(row, "ends_at")?);
    window.map_err(|error| unreadable("ends_at", error))
}

fn terms(row: &Row<'_>) -> rusqlite::Result<Terms> {
    let limit = checked(row, "per_user_limit")?;
    let terms = Terms::new(checked(row, "stock")?, limit, row.get("hold_ms")?);
    terms.map_err(|error| unreadable(error.field(), error))
}

pub(crate) fn unit(row: &Row<'_>) -> rusqlite::Result<Unit> {
    Unit::try_from(checked::<u32>(row, "unit")?).map_err(|error| unreadable("unit", error))
}

pub(crate) fn user(row: &Row<'_>) -> rusqlite::Result<UserId> {
    text(row, "user_id")?.parse().map_err(|error| unreadable("user_id", error))
}

pub(crate) fn slot(row: &Row<'_>) -> rusqlite::Result<Slot> {
    checked(row, "slot").map(Slot)
}

/// A row of `guarded_attempts.sql`. Where the receipt of a sold one is, it does not say.
pub(crate) fn guarded(row: &Row<'_>) -> rusqlite::Result<(Code, Known)> {
    let state = state(row, 0)?;
    let hold = match state {
        State::Void => None,
        _ => Some(Hold {
            unit: unit(row)?,
            slot: slot(row)?,
            user: user(row)?,
            expires_at: moment(row, "expires_at")?,
        }),
    };
    Ok((code(row)?, Known { attempt: row.get("id")?, state, hold }))
}

/// A row of `find_filed.sql`, as what was answered.
pub(crate) fn answered(row: &Row<'_>) -> rusqlite::Result<Answered> {
    if state(row, 0)? == State::Void {
        return Ok(Answered::Never);
    }
    let (unit, slot, expires_at) = (unit(row)?, slot(row)?, moment(row, "expires_at")?);
    Ok(Answered::Granted(Granted { unit, slot, expires_at }))
}

/// The unit of a row of `find_filed.sql`; a tombstone never had one.
pub(crate) fn filed_unit(row: &Row<'_>) -> rusqlite::Result<(State, Option<Unit>)> {
    let state = filed(row)?;
    Ok((state, if state == State::Void { None } else { Some(unit(row)?) }))
}

/// A row of `find_filed.sql`.
pub(crate) fn filed(row: &Row<'_>) -> rusqlite::Result<State> {
    state(row, row.get::<_, Option<i64>>("purchase")?.unwrap_or_default())
}

fn state(row: &Row<'_>, purchase: i64) -> rusqlite::Result<State> {
    Ok(match text(row, "state")? {
        "held" => State::Held,
        "sold" => State::Sold { purchase },
        "expired" => State::Expired,
        "released" => State::Released,
        "cancelled" => State::Cancelled { purchase },
        "void" => State::Void,
        other => return Err(unreadable("state", other)),
    })
}

/// A row of `purchases`.
pub(crate) fn receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    Ok(Receipt {
        code: code(row)?,
        sale: sale_id(row, "sale_id")?,
        user: user(row)?,
        unit: unit(row)?,
        item: Item {
            name: text(row, "item_name")?.to_owned(),
            image: text(row, "item_image")?.to_owned(),
            product: optional(row, "product_version")?,
        },
        purchased_at: moment(row, "purchased_at")?,
        cancelled: cancellation(row)?,
    })
}

fn cancellation(row: &Row<'_>) -> rusqlite::Result<Option<Cancellation>> {
    let Some(at) = row.get::<_, Option<i64>>("cancelled_at")? else { return Ok(None) };
    let reason = Reason::kept(text(row, "cancel_reason")?);
    let reason = reason.map_err(|error| unreadable("cancel_reason", error))?;
    Ok(Some(Cancellation { at: UnixMillis(at), reason }))
}

/// A row of `read_life.sql` or `find_filed_life.sql`.
pub(crate) fn life(row: &Row<'_>, now: UnixMillis) -> rusqlite::Result<CodeLife> {
    let state = match state(row, 0)? {
        State::Held => CodeState::Held,
        State::Sold { .. } => CodeState::Sold,
        State::Expired => CodeState::Expired,
        State::Released => CodeState::Released,
        State::Cancelled { .. } => CodeState::Cancelled,
        State::Void => return Err(unreadable("state", "void, and shown")),
    };
    let changed_at = moment(row, "changed_at")?;
    Ok(CodeLife {
        code: code(row)?,
        user: user(row)?,
        unit: unit(row)?,
        expires_at: moment(row, "expires_at")?,
        state,
        resolved_at: (state != CodeState::Held).then_some(changed_at),
        seen_at: now,
    })
}

/// A row of `live_units_on_disk.sql`.
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
        // A directory is in one place.
        is_epoch_of_server: true,
        moves: 0,
    })
}

/// A row of `copy_sales.sql`.
pub(crate) fn sale_copy(row: &Row<'_>) -> rusqlite::Result<SaleCopy> {
    Ok(SaleCopy {
        sale: sale(row)?,
        epoch_at: row.get::<_, Option<i64>>("epoch_at")?.map(UnixMillis),
        closed_at: row.get::<_, Option<i64>>("closed_at")?.map(UnixMillis),
        sold: checked(row, "sold")?,
    })
}

/// A row of `copy_attempts.sql`.
pub(crate) fn attempt_copy(row: &Row<'_>) -> rusqlite::Result<AttemptCopy> {
    let outcome = row.get_ref("outcome")?.as_str_or_null();
    let outcome = match outcome.map_err(|error| unreadable("outcome", error))? {
        None => OutcomeCopy::Tombstone(code(row)?),
        Some("granted") => OutcomeCopy::Granted(hold_copy(row)?),
        Some(name) => OutcomeCopy::Refused { user: user(row)?, name: name.to_owned() },
    };
    Ok(AttemptCopy {
        sale: sale_id(row, "sale_id")?,
        attempted_at: moment(row, "attempted_at")?,
        outcome,
    })
}

fn hold_copy(row: &Row<'_>) -> rusqlite::Result<HoldCopy> {
    let end = match state(row, 0)? {
        State::Held => None,
        State::Sold { .. } => Some(HoldEnd::Sold),
        State::Expired => Some(HoldEnd::Expired),
        State::Released => Some(HoldEnd::Released),
        State::Cancelled { .. } => Some(HoldEnd::Cancelled),
        State::Void => return Err(unreadable("state", "void, and granted")),
    };
    let changed_at = moment(row, "changed_at")?;
    Ok(HoldCopy {
        code: code(row)?,
        user: user(row)?,
        unit: unit(row)?,
        slot: slot(row)?,
        epoch: Epoch(row.get("epoch")?),
        expires_at: moment(row, "expires_at")?,
        ended: end.map(|end| (end, changed_at)),
    })
}
