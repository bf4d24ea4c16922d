//! Where the rows of an export go: the standard output.

use std::{
    borrow::Cow,
    io::{self, ErrorKind, IsTerminal, Write},
    marker::PhantomData,
    ops::ControlFlow,
    process::ExitCode,
    time::Duration,
};

use csv::{Terminator, WriterBuilder};
use domain::{
    StoreError,
    ports::{Cursor, Sink},
};
use tokio::time::Instant;

use super::{ExportError, INTERRUPTED};
use crate::{
    config::{ExportCursor, ExportFormat},
    records::Record,
};

/// How often whoever sits before a terminal is told how many rows there are.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// The standard output, and how far it has come.
pub(super) struct Out<R> {
    format: ExportFormat,
    file: io::Stdout,
    /// What is to be written next: whole lines.
    lines: Vec<u8>,
    /// How many rows are written, and where the export goes on after them.
    rows: u64,
    next: Option<Cursor>,
    /// What came of the last write, if that was the last.
    failed: Option<io::Error>,
    /// When the number of rows was last shown; `None` where nobody watches.
    shown_at: Option<Instant>,
    of: PhantomData<R>,
}

impl<R: Record> Out<R> {
    /// An output that goes on where another ended, or else begins with its heading.
    pub(super) fn new(format: ExportFormat, after: Option<Cursor>) -> Self {
        let mut lines = Vec::new();
        if after.is_none() && format == ExportFormat::Csv {
            write_line(&mut lines, R::COLUMNS.iter().map(|&name| Cow::Borrowed(name)));
        }
        Self {
            format,
            file: io::stdout(),
            lines,
            rows: 0,
            next: after,
            failed: None,
            shown_at: io::stderr().is_terminal().then(Instant::now),
            of: PhantomData,
        }
    }

    /// Says how many rows are written and where to go on. `ended` is what came of the export, if it was
    /// not interrupted.
    pub(super) fn end(
        mut self,
        ended: Option<Result<(), StoreError>>,
        cursor: impl Fn(Cursor) -> ExportCursor,
    ) -> Result<ExitCode, ExportError> {
        if matches!(ended, Some(Ok(()))) && self.failed.is_none() {
            // Where there is no row, the heading.
            self.write();
        }
        if self.failed.as_ref().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            // Whoever reads has enough.
            return Ok(ExitCode::SUCCESS);
        }
        let is_whole = matches!(ended, Some(Ok(()))) && self.failed.is_none();
        let so = if is_whole { "that is all" } else { "there may be more" };
        let next = match self.next {
            Some(next) => format!("; to go on: --after {}", cursor(next)),
            None => String::new(),
        };
        if self.shown_at.is_some() {
            say("\r");
        }
        say(&format!("{} rows; {so}{next}\n", self.rows));
        match (self.failed, ended) {
            (Some(error), _) => Err(ExportError::Write(error)),
            (None, Some(Err(error))) => Err(error.into()),
            (None, Some(Ok(()))) => Ok(ExitCode::SUCCESS),
            (None, None) => Ok(ExitCode::from(INTERRUPTED)),
        }
    }

    fn add(&mut self, row: &R) -> io::Result<()> {
        match self.format {
            ExportFormat::Csv => write_line(&mut self.lines, row.cells().into_iter().map(as_text)),
            ExportFormat::Ndjson => {
                serde_json::to_writer(&mut self.lines, row)?;
                self.lines.push(b'\n');
            }
        }
        Ok(())
    }

    fn write(&mut self) {
        let written = self.file.write_all(&self.lines).and_then(|()| self.file.flush());
        self.failed = written.err();
        self.lines.clear();
    }

    fn show_progress(&mut self) {
        if self.shown_at.is_some_and(|at| at.elapsed() >= PROGRESS_EVERY) {
            self.shown_at = Some(Instant::now());
            say(&format!("\r{} rows", self.rows));
        }
    }
}

impl<T, R> Sink<T> for Out<R>
where
    R: Record + Send + for<'a> From<&'a T>,
{
    fn take(&mut self, rows: Vec<T>, next: Cursor) -> ControlFlow<()> {
        let added = rows.iter().try_for_each(|row| self.add(&R::from(row)));
        match added {
            Ok(()) => self.write(),
            Err(error) => self.failed = Some(error),
        }
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        self.rows += rows.len() as u64;
        self.next = Some(next);
        self.show_progress();
        ControlFlow::Continue(())
    }
}

/// Writes a line of CSV, by RFC 4180.
fn write_line<'c>(lines: &mut Vec<u8>, cells: impl Iterator<Item = Cow<'c, str>>) {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(lines);
    let written = writer.write_record(cells.map(Cow::into_owned).collect::<Vec<_>>());
    debug_assert!(written.is_ok(), "memory takes everything");
}

/// A cell that every spreadsheet takes for a text. Whoever reads them by program takes one `'` away
/// where there is one at the beginning.
fn as_text(cell: Cow<'_, str>) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'']) {
        return format!("'{cell}").into();
    }
    cell
}

/// Tells whoever gave the command. That the standard error output cannot be written to is no reason to
/// write no rows.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        let mut lines = Vec::new();
        write_line(&mut lines, cells.iter().map(|&cell| as_text(cell.into())));
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn no_cell_begins_as_a_formula_does_and_each_can_be_read_back() {
        let cells = [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "'=1",
            "'",
            "''",
            "a=1",
            "",
            "ß",
            "a,b",
            "say \"no\"",
            "two\r\nlines",
        ];

        let written = line(&cells);

        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_bytes());
        let read = reader.records().next().unwrap().unwrap();
        assert_eq!(read.len(), cells.len());
        for (cell, read) in cells.iter().zip(&read) {
            assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{read:?}");
            assert_eq!(read.strip_prefix('\'').unwrap_or(read), *cell);
        }
    }

    #[test]
    fn a_line_is_as_rfc_4180_has_it() {
        assert_eq!(line(&["a", "b c", "d,e", "f\"g", ""]), "a,b c,\"d,e\",\"f\"\"g\",\r\n");
    }
}
