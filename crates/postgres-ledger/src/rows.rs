//! Rows as the domain's types. A row of another form is an error, never a guess.

mod products;

use std::time::{Duration, SystemTime};

use domain::{
    Cancellation, Code, Epoch, Item, Origin, ProductId, Receipt, Sale, SaleId, Salt, Slot, Terms,
    Unit, UnixMillis, UserId, VersionId, Window,
    operator::{ActionRecord, Reason, StoredAction},
    ports::{
        Answered, AttemptCopy, CodeLife, CodeRecord, CodeState, Granted, HeldUnit, HoldCopy,
        HoldEnd, LiveUnit, OutcomeCopy, Recorded, Verdict,
    },
    sale::SaleState,
};
use tokio_postgres::{Row, types::FromSql};
use uuid::Uuid;

use crate::session::SessionError;

pub(crate) use products::{current_version, image, product, version};

/// A column of a row.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, SessionError> {
    row.try_get(name).map_err(|error| unreadable(name, error))
}

/// A column that must satisfy more than its database type says.
fn checked<'a, D: FromSql<'a>, T: TryFrom<D, Error: std::fmt::Display>>(
    row: &'a Row,
    name: &str,
) -> Result<T, SessionError> {
    column::<D>(row, name)?.try_into().map_err(|error| unreadable(name, error))
}

fn unreadable(name: &str, error: impl std::fmt::Display) -> SessionError {
    SessionError::Unreadable(format!("column {name}: {error}"))
}

pub(crate) fn sale(row: &Row) -> Result<Sale, SessionError> {
    Ok(Sale {
        id: sale_id(row, "id")?,
        window: window(row)?,
        terms: terms(row)?,
        origin: if column(row, "on_timetable")? { Origin::Timetable } else { Origin::Operator },
        state: match column(row, "state")? {
            "active" => SaleState::Active,
            "paused" => SaleState::Paused,
            "closed" => SaleState::Closed,
            other => return Err(unreadable("state", other)),
        },
        product: product_id(row)?,
        epoch: Epoch(column(row, "epoch")?),
        salt: salt(row)?,
    })
}

fn product_id(row: &Row) -> Result<Option<ProductId>, SessionError> {
    let number = column::<Option<i64>>(row, "product_id")?.map(ProductId::try_from);
    number.transpose().map_err(|error| unreadable("product_id", error))
}

fn salt(row: &Row) -> Result<Salt, SessionError> {
    let bytes = <[u8; Salt::LENGTH]>::try_from(column::<&[u8]>(row, "salt")?);
    bytes.map(Salt::new).map_err(|error| unreadable("salt", error))
}

pub(crate) fn sale_id(row: &Row, name: &str) -> Result<SaleId, SessionError> {
    checked::<i64, SaleId>(row, name)
}

pub(crate) fn code(row: &Row) -> Result<Code, SessionError> {
    let bits = column::<Uuid>(row, "code")?.as_u128();
    Code::from_bits(bits).map_err(|error| unreadable("code", error))
}

pub(crate) fn moment(row: &Row, name: &str) -> Result<UnixMillis, SessionError> {
    Ok(to_millis(column(row, name)?))
}

pub(crate) fn moment_if(row: &Row, name: &str) -> Result<Option<UnixMillis>, SessionError> {
    Ok(column::<Option<SystemTime>>(row, name)?.map(to_millis))
}

/// A row of the trail.
pub(crate) fn action(row: &Row) -> Result<ActionRecord, SessionError> {
    let stored = StoredAction {
        number: column(row, "number")?,
        acted_at: moment(row, "acted_at")?,
        id: column::<Uuid>(row, "id")?.as_u128(),
        operator: column(row, "operator")?,
        action: column(row, "action")?,
        sale_id: column(row, "sale_id")?,
        product_id: column(row, "product_id")?,
        code: column::<Option<Uuid>>(row, "code")?.map(|code| code.as_u128()),
        asked: column(row, "asked")?,
        why: column(row, "why")?,
        request_id: column(row, "request_id")?,
        before: column(row, "before")?,
        after: column(row, "after")?,
        refused: column(row, "refused")?,
    };
    ActionRecord::try_from(stored).map_err(|error| SessionError::Unreadable(error.to_string()))
}

pub(crate) fn count(row: &Row, name: &str) -> Result<u32, SessionError> {
    checked::<i64, u32>(row, name)
}

fn window(row: &Row) -> Result<Window, SessionError> {
    let window = Window::new(moment(row, "starts_at")?, moment(row, "ends_at")?);
    window.map_err(|error| unreadable("ends_at", error))
}

fn terms(row: &Row) -> Result<Terms, SessionError> {
    let stock = checked::<i32, u32>(row, "stock")?;
    let limit = checked::<i16, u16>(row, "per_user_limit")?;
    let terms = Terms::new(stock, limit, column(row, "hold_ms")?);
    terms.map_err(|error| unreadable(error.field(), error))
}

pub(crate) fn unit(row: &Row) -> Result<Unit, SessionError> {
    Unit::try_from(checked::<i32, u32>(row, "unit")?).map_err(|error| unreadable("unit", error))
}

pub(crate) fn user(row: &Row) -> Result<UserId, SessionError> {
    column::<&str>(row, "user_id")?.parse().map_err(|error| unreadable("user_id", error))
}

/// A row of `purchases`.
pub(crate) fn receipt(row: &Row) -> Result<Receipt, SessionError> {
    Ok(Receipt {
        code: code(row)?,
        sale: sale_id(row, "sale_id")?,
        user: user(row)?,
        unit: unit(row)?,
        item: Item {
            name: column(row, "item_name")?,
            image: column(row, "item_image")?,
            product: product_version(row)?,
        },
        purchased_at: moment(row, "purchased_at")?,
        cancelled: cancellation(row)?,
    })
}

fn cancellation(row: &Row) -> Result<Option<Cancellation>, SessionError> {
    let Some(at) = moment_if(row, "cancelled_at")? else { return Ok(None) };
    let reason = Reason::kept(column(row, "cancel_reason")?);
    let reason = reason.map_err(|error| unreadable("cancel_reason", error))?;
    Ok(Some(Cancellation { at, reason }))
}

fn product_version(row: &Row) -> Result<Option<VersionId>, SessionError> {
    let number = column::<Option<i64>>(row, "product_version")?.map(VersionId::try_from);
    number.transpose().map_err(|error| unreadable("product_version", error))
}

/// A row of `read_codes.sql`.
pub(crate) fn code_record(row: &Row) -> Result<CodeRecord, SessionError> {
    Ok(match column(row, "state")? {
        "held" => CodeRecord::Held { unit: unit(row)? },
        "sold" => CodeRecord::Sold(receipt(row)?),
        "expired" => CodeRecord::Expired,
        "released" => CodeRecord::Released,
        "cancelled" => CodeRecord::Cancelled(receipt(row)?),
        "void" => CodeRecord::Unknown,
        other => return Err(unreadable("state", other)),
    })
}

/// A row that says what was granted.
pub(crate) fn granted(row: &Row) -> Result<Granted, SessionError> {
    let slot = Slot(checked::<i16, u16>(row, "slot")?);
    Ok(Granted { unit: unit(row)?, slot, expires_at: moment(row, "expires_at")? })
}

/// A row of `read_grants.sql`.
pub(crate) fn answered(row: &Row) -> Result<Answered, SessionError> {
    Ok(match column(row, "state")? {
        "held" | "sold" | "expired" | "released" | "cancelled" => Answered::Granted(granted(row)?),
        "void" => Answered::Never,
        other => return Err(unreadable("state", other)),
    })
}

/// A row of `read_grants.sql`, as what became of a grant.
pub(crate) fn recorded_grant(row: &Row) -> Result<Recorded, SessionError> {
    Ok(match column(row, "state")? {
        "held" | "sold" => Recorded::Hold(granted(row)?),
        "expired" | "released" | "cancelled" | "void" => Recorded::TooLate,
        other => return Err(unreadable("state", other)),
    })
}

/// A row of `read_verdicts.sql`.
pub(crate) fn verdict(row: &Row) -> Result<Verdict, SessionError> {
    Ok(match column(row, "state")? {
        "held" => Verdict::Held { unit: unit(row)?, left_ms: column(row, "left_ms")? },
        "sold" => Verdict::Sold { unit: unit(row)? },
        "expired" | "released" | "cancelled" | "void" => Verdict::Free,
        other => return Err(unreadable("state", other)),
    })
}

/// A row of `look_up_codes.sql`.
pub(crate) fn life(row: &Row) -> Result<CodeLife, SessionError> {
    let state = match column(row, "state")? {
        "held" => CodeState::Held,
        "sold" => CodeState::Sold,
        "expired" => CodeState::Expired,
        "released" => CodeState::Released,
        "cancelled" => CodeState::Cancelled,
        other => return Err(unreadable("state", other)),
    };
    Ok(CodeLife {
        code: code(row)?,
        user: user(row)?,
        unit: unit(row)?,
        expires_at: moment(row, "expires_at")?,
        state,
        resolved_at: column::<Option<SystemTime>>(row, "resolved_at")?.map(to_millis),
        seen_at: moment(row, "now")?,
    })
}

/// A row of `look_up_units.sql` that is on hold.
pub(crate) fn held_unit(row: &Row) -> Result<HeldUnit, SessionError> {
    Ok(HeldUnit { code: code(row)?, unit: unit(row)?, expires_at: moment(row, "expires_at")? })
}

/// A row of `checkout_attempts`.
pub(crate) fn attempt_copy(row: &Row) -> Result<AttemptCopy, SessionError> {
    let outcome = match column::<Option<&str>>(row, "outcome")? {
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

fn hold_copy(row: &Row) -> Result<HoldCopy, SessionError> {
    let end = match column(row, "state")? {
        "held" => None,
        "sold" => Some(HoldEnd::Sold),
        "expired" => Some(HoldEnd::Expired),
        "released" => Some(HoldEnd::Released),
        "cancelled" => Some(HoldEnd::Cancelled),
        other => return Err(unreadable("state", other)),
    };
    Ok(HoldCopy {
        code: code(row)?,
        user: user(row)?,
        unit: unit(row)?,
        slot: slot(row)?,
        epoch: Epoch(column(row, "epoch")?),
        expires_at: moment(row, "expires_at")?,
        ended: match end {
            None => None,
            Some(end) => Some((end, moment(row, "resolved_at")?)),
        },
    })
}

pub(crate) fn slot(row: &Row) -> Result<Slot, SessionError> {
    checked::<i16, u16>(row, "slot").map(Slot)
}

/// A row of `live_units.sql`.
pub(crate) fn live_unit(row: &Row) -> Result<LiveUnit, SessionError> {
    Ok(LiveUnit {
        code: code(row)?,
        user: user(row)?,
        unit: unit(row)?,
        slot: Slot(checked::<i16, u16>(row, "slot")?),
        held_until: column::<Option<SystemTime>>(row, "held_until")?.map(to_millis),
    })
}

pub(crate) fn uuid(code: Code) -> Uuid {
    Uuid::from_u128(code.to_bits())
}

fn to_millis(moment: SystemTime) -> UnixMillis {
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    UnixMillis(match moment.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    })
}

/// A moment of a cursor as a parameter, in microseconds since the Unix epoch.
pub(crate) fn micros_to_system_time(micros: i64) -> SystemTime {
    let nearer = to_system_time(UnixMillis(micros.div_euclid(1_000)));
    nearer + Duration::from_micros(micros.rem_euclid(1_000).unsigned_abs())
}

/// A moment as a parameter; one that the driver has no number for, as the furthest it has.
pub(crate) fn to_system_time(moment: UnixMillis) -> SystemTime {
    /// A quarter of a million years: a little less than what 64 bits of microseconds reach.
    const FURTHEST_MS: u64 = 8_000_000_000_000_000;
    let span = Duration::from_millis(moment.0.unsigned_abs().min(FURTHEST_MS));
    if moment.0 < 0 { SystemTime::UNIX_EPOCH - span } else { SystemTime::UNIX_EPOCH + span }
}
