//! Where the rows of an export go: the standard output.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, ErrorKind, IsTerminal, Seek, SeekFrom, Write},
    marker::PhantomData,
    ops::ControlFlow,
    os::fd::AsFd,
    process::ExitCode,
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    StoreError,
    ports::{Cursor, Sink},
};
use http_api::{Record, write_csv_line};
use tokio::time::Instant;

use super::{ExportError, INTERRUPTED};
use crate::config::{ExportCursor, ExportFormat};

/// How often whoever sits before a terminal is told how many rows there are.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// The standard output, and how far it has come.
pub(super) struct Out<R> {
    format: ExportFormat,
    /// Without a buffer, so that what is written is where it belongs.
    file: File,
    /// What is to be written next: whole lines.
    lines: Vec<u8>,
    /// How many rows are written, and where the export goes on after them.
    rows: u64,
    next: Option<Cursor>,
    /// Why nothing more can be written.
    failed: Option<ExportError>,
    /// When the number of rows was last shown; `None` where nobody watches, or watches the rows.
    shown_at: Option<Instant>,
    of: PhantomData<R>,
}

impl<R: Record> Out<R> {
    /// An output that goes on where another ended, or else begins with its heading.
    pub(super) fn new(format: ExportFormat, after: Option<Cursor>) -> Result<Self, ExportError> {
        let file = io::stdout().as_fd().try_clone_to_owned().map_err(ExportError::NoOutput)?;
        let mut lines = Vec::new();
        if after.is_none() && format == ExportFormat::Csv {
            write_csv_line(&mut lines, R::COLUMNS.iter().map(|&name| Cow::Borrowed(name)));
        }
        let is_watched = io::stderr().is_terminal() && !io::stdout().is_terminal();
        Ok(Self {
            format,
            file: file.into(),
            lines,
            rows: 0,
            next: after,
            failed: None,
            shown_at: is_watched.then(Instant::now),
            of: PhantomData,
        })
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
        if self.shown_at.is_some() {
            say("\r");
        }
        if matches!(self.failed, Some(ExportError::ReaderGone)) {
            // Rows may be lost in the pipe, so nobody knows where to go on.
            return Err(ExportError::ReaderGone);
        }
        let ended = match ended {
            // As it was before.
            Some(Err(error)) if self.rows == 0 => return Err(error.into()),
            ended => ended,
        };
        let is_whole = matches!(ended, Some(Ok(()))) && self.failed.is_none();
        let so = if is_whole { "that is all" } else { "there may be more" };
        let next = match self.next {
            Some(next) => format!("; to go on: --after {}", cursor(next)),
            None => String::new(),
        };
        say(&format!("{} rows; {so}{next}\n", self.rows));
        match (self.failed, ended) {
            (Some(error), _) => Err(error),
            (None, Some(Err(error))) => Err(error.into()),
            (None, Some(Ok(()))) => Ok(ExitCode::SUCCESS),
            (None, None) => Ok(ExitCode::from(INTERRUPTED)),
        }
    }

    fn add(&mut self, row: &R) -> io::Result<()> {
        match self.format {
            ExportFormat::Csv => write_csv_line(&mut self.lines, row.cells().into_iter()),
            ExportFormat::Ndjson => {
                serde_json::to_writer(&mut self.lines, row)?;
                self.lines.push(b'\n');
            }
        }
        Ok(())
    }

    /// Writes the lines that are ready; all of them or none, where that can be had.
    fn write(&mut self) {
        let mut written = 0;
        let ended = loop {
            let rest = self.lines.get(written..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            match self.file.write(rest) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.failed = ended.err().map(|error: io::Error| match error.kind() {
            ErrorKind::BrokenPipe => ExportError::ReaderGone,
            _ if take_back(&mut self.file, written).is_ok() => ExportError::Write(error),
            _ => ExportError::WriteInPart(error),
        });
        self.lines.clear();
    }

    fn show_progress(&mut self) {
        if self.shown_at.is_some_and(|at| at.elapsed() >= PROGRESS_EVERY) {
            self.shown_at = Some(Instant::now());
            say(&format!("\r{} rows", self.rows));
        }
    }
}

#[async_trait]
impl<T, R> Sink<T> for Out<R>
where
    T: Send + 'static,
    R: Record + Send + for<'a> From<&'a T>,
{
    async fn take(&mut self, rows: Vec<T>, next: Cursor) -> ControlFlow<()> {
        let added = rows.iter().try_for_each(|row| self.add(&R::from(row)));
        match added {
            Ok(()) => self.write(),
            Err(error) => self.failed = Some(ExportError::Write(error)),
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

/// Takes back so many bytes that were just written to the end of a file, so that it ends with a whole row.
///
/// # Errors
/// What is no file keeps what it was given, and so does a file in which something follows.
fn take_back(file: &mut File, written: usize) -> io::Result<()> {
    if written == 0 {
        return Ok(());
    }
    let (end, length) = (file.stream_position()?, file.metadata()?.len());
    let start = end.checked_sub(written as u64).filter(|_| end == length);
    let start = start.ok_or(ErrorKind::InvalidInput)?;
    file.set_len(start)?;
    file.seek(SeekFrom::Start(start)).map(drop)
}

/// Tells whoever gave the command. That the standard error output cannot be written to is no reason to
/// write no rows.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_in_part_is_taken_back_unless_something_follows() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"whole\nin pa").unwrap();

        take_back(&mut file, 5).unwrap();
        file.write_all(b"next\n").unwrap();
        file.seek(SeekFrom::Start(6)).unwrap();
        let in_the_middle = take_back(&mut file, 5);

        assert!(in_the_middle.is_err());
        file.seek(SeekFrom::Start(0)).unwrap();
        assert_eq!(io::read_to_string(file).unwrap(), "whole\nnext\n");
    }
}
