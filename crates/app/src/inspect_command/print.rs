//! What was looked up, for people and for programs.

use std::io::{self, Write};

use domain::ports::{AttemptCopy, CodeRows, Cursor, Page, UnitHad, UnitOfSale, UserOfSales};
use http_api::{AttemptRecord, PurchaseRecord, UnitRecord};
use serde::Serialize;

use crate::output::output;

/// What a user has.
#[derive(Serialize)]
struct Units<'a> {
    user_id: &'a str,
    units: Vec<UnitRecord>,
    /// Where the next page begins.
    next: Option<String>,
}

/// What a user asked for.
#[derive(Serialize)]
struct Attempts<'a> {
    user_id: &'a str,
    attempts: Vec<AttemptRecord>,
    next: Option<String>,
}

/// Who had a unit.
#[derive(Serialize)]
struct Holders {
    sale_id: i64,
    unit: u32,
    holders: Vec<AttemptRecord>,
    next: Option<String>,
}

/// The life of a code.
#[derive(Serialize)]
struct Life {
    attempt: AttemptRecord,
    purchase: Option<PurchaseRecord>,
}

/// Prints the units of a user.
pub(super) fn units_of_user(
    of: &UserOfSales,
    page: &Page<UnitHad>,
    is_json: bool,
) -> io::Result<()> {
    let units: Vec<_> = page.rows.iter().map(UnitRecord::from).collect();
    if is_json {
        return json(&Units { user_id: of.user.as_str(), units, next: text(page.next) });
    }
    let mut out = output();
    writeln!(
        out,
        "{:>6}  {:>7}  {:<9}  {:<36}  {:<24}  item",
        "sale", "unit", "state", "code", "due, or since when"
    )?;
    for had in units {
        let UnitRecord { sale_id, unit, state, code, item_name, reason, .. } = had;
        let at = had.cancelled_at.or(had.purchased_at).or(had.expires_at).unwrap_or_default();
        let why = reason.map_or_else(String::new, |reason| format!("  ({reason})"));
        let item = plain(&(item_name.unwrap_or_default() + &why));
        let line = format!("{sale_id:>6}  {unit:>7}  {state:<9}  {code:<36}  {at:<24}  {item}");
        writeln!(out, "{}", line.trim_end())?;
    }
    more(&mut out, page.next)
}

/// Prints what a user asked for.
pub(super) fn attempts_of_user(
    of: &UserOfSales,
    page: &Page<AttemptCopy>,
    is_json: bool,
) -> io::Result<()> {
    if is_json {
        let (user_id, attempts) = (of.user.as_str(), records(page));
        return json(&Attempts { user_id, attempts, next: text(page.next) });
    }
    table(page)
}

/// Prints who had a unit.
pub(super) fn holders(of: UnitOfSale, page: &Page<AttemptCopy>, is_json: bool) -> io::Result<()> {
    if is_json {
        let (sale_id, unit, holders) = (of.sale.get(), of.unit.get(), records(page));
        return json(&Holders { sale_id, unit, holders, next: text(page.next) });
    }
    table(page)
}

/// Prints the life of a code.
pub(super) fn code(rows: &CodeRows, is_json: bool) -> io::Result<()> {
    let attempt = AttemptRecord::from(&rows.attempt);
    let purchase = rows.purchase.as_ref().map(PurchaseRecord::from);
    if is_json {
        return json(&Life { attempt, purchase });
    }
    let mut out = output();
    let mut line = |name: &str, value: Option<&str>| match value {
        Some(value) => writeln!(out, "{name:<12}  {}", plain(value)),
        None => Ok(()),
    };
    line("code", attempt.code.as_deref())?;
    line("sale", Some(&attempt.sale_id.to_string()))?;
    line("user", attempt.user_id.as_deref())?;
    line("unit", attempt.unit.map(|unit| unit.to_string()).as_deref())?;
    let (at, outcome) = (&attempt.attempted_at, &attempt.outcome);
    line("recorded", Some(&format!("{at}  {outcome}")))?;
    line("due", attempt.expires_at.as_deref())?;
    let state = attempt.state.unwrap_or("void");
    line("state", Some(state))?;
    line("ended", attempt.ended_at.as_deref())?;
    if let Some(purchase) = purchase {
        line("bought", Some(&purchase.purchased_at))?;
        line("item", Some(&purchase.item_name))?;
        line("picture", Some(&purchase.item_image))?;
        line("cancelled", purchase.cancelled_at.as_deref())?;
        line("reason", purchase.reason.as_deref())?;
    }
    Ok(())
}

fn records(page: &Page<AttemptCopy>) -> Vec<AttemptRecord> {
    page.rows.iter().map(AttemptRecord::from).collect()
}

fn table(page: &Page<AttemptCopy>) -> io::Result<()> {
    let mut out = output();
    writeln!(
        out,
        "{:>6}  {:<24}  {:<12}  {:>7}  {:<9}  {:<24}  {:<36}  user",
        "sale", "recorded", "outcome", "unit", "state", "ended", "code"
    )?;
    for row in records(page) {
        let AttemptRecord { sale_id, attempted_at, outcome, .. } = &row;
        let unit = row.unit.map(|unit| unit.to_string()).unwrap_or_default();
        let (state, code) =
            (row.state.unwrap_or_default(), row.code.as_deref().unwrap_or_default());
        let ended = row.ended_at.as_deref().unwrap_or_default();
        let user = row.user_id.as_deref().unwrap_or_default();
        writeln!(
            out,
            "{sale_id:>6}  {attempted_at:<24}  {outcome:<12}  {unit:>7}  {state:<9}  {ended:<24}  \
             {code:<36}  {user}"
        )?;
    }
    more(&mut out, page.next)
}

fn more(out: &mut impl Write, next: Option<Cursor>) -> io::Result<()> {
    match next {
        Some(next) => writeln!(out, "there are more: --after {next}"),
        None => Ok(()),
    }
}

fn text(cursor: Option<Cursor>) -> Option<String> {
    cursor.map(|cursor| cursor.to_string())
}

fn json(document: &impl Serialize) -> io::Result<()> {
    let mut out = output();
    serde_json::to_writer(&mut out, document)?;
    writeln!(out)
}

/// A text that a terminal is not told anything by.
fn plain(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect()
}
