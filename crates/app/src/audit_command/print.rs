//! What an audit found, for people and for machines.

use std::io::{self, Write};

use domain::audit::{Breaches, Conclusion, Findings, Invariant};
use serde::Serialize;

use crate::output::output;

/// The whole audit, as `--json` prints it. The names stay; names may be added.
#[derive(Serialize)]
struct Document<'a> {
    /// Whether everything there is was checked and holds.
    ok: bool,
    invariants: Vec<Checked<'a>>,
    /// What an operator should know besides.
    notes: &'a [String],
}

/// One invariant.
#[derive(Serialize)]
struct Checked<'a> {
    name: &'static str,
    /// What it says.
    says: &'static str,
    /// `null` if it could not be checked, or there was nothing to look at.
    holds: Option<bool>,
    /// How many there are.
    breaches: u64,
    /// The first of them, in words.
    rows: &'a [String],
}

/// Prints one document.
pub(super) fn json(findings: &Findings) -> io::Result<()> {
    let invariants = Invariant::ALL.map(|invariant| checked(findings, invariant)).into();
    let ok = findings.conclusion() == Conclusion::Holds;
    let document = Document { ok, invariants, notes: findings.notes() };
    let mut out = output();
    serde_json::to_writer(&mut out, &document)?;
    writeln!(out)
}

fn checked(findings: &Findings, invariant: Invariant) -> Checked<'_> {
    let breaches = findings.of(invariant);
    Checked {
        name: invariant.name(),
        says: invariant.says(),
        holds: breaches.map(|breaches| breaches.count() == 0),
        breaches: breaches.map_or(0, Breaches::count),
        rows: breaches.map_or(&[], |breaches| breaches.rows()),
    }
}

/// Prints a line an invariant, with what breaks it below.
pub(super) fn text(findings: &Findings) -> io::Result<()> {
    let mut out = output();
    for invariant in Invariant::ALL {
        let Checked { name, says, holds, breaches, rows } = checked(findings, invariant);
        let word = match holds {
            Some(true) => "holds",
            Some(false) => "BROKEN",
            None if findings.was_left(invariant) => "not seen",
            None => "unknown",
        };
        writeln!(out, "{word:<8} {name:<20} {breaches:>8}  {says}")?;
        for row in rows {
            writeln!(out, "{:<8} {row}", "")?;
        }
        let listed = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        if breaches > listed {
            writeln!(out, "{:<8} and {} more", "", breaches - listed)?;
        }
    }
    for note in findings.notes() {
        writeln!(out, "note     {note}")?;
    }
    Ok(())
}
