//! The log: lines on the standard error output. One that cannot be written is lost, and nothing
//! else: a full disk, a pipe that is closed and a pipe that nobody reads stop no task and keep no
//! request waiting.

mod levels;
mod line;

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use http_api::current_request_id;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt::{
        self, FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{JsonFields, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

pub(crate) use self::levels::Levels;
use crate::config::LogFormat;

/// Lines that wait to be written; one more is lost.
const LINES_MAX: usize = 4_096;

/// How long the end of the process waits for the last lines.
const FLUSH_LIMIT: Duration = Duration::from_millis(200);

/// Lines that were lost and not yet spoken of.
static LOST: AtomicU64 = AtomicU64::new(0);

/// The way to the thread that writes.
static WRITER: OnceLock<SyncSender<Job>> = OnceLock::new();

enum Job {
    Line(Vec<u8>),
    /// To be answered when all before it is written or lost.
    Flush(SyncSender<()>),
}

/// Has the log written to the standard error output from now on, as far as it is asked for.
pub(crate) fn start(format: LogFormat, asked: &Levels) {
    let filter = filter(asked).and(filter_fn(may_be_written));
    let is_shown = io::stderr().is_terminal();
    start_writing(io::stderr());
    let lines = fmt::layer().log_internal_errors(false).with_writer(Lines { format, is_shown });
    let registry = tracing_subscriber::registry();
    match format {
        LogFormat::Text => {
            let of_lines = fmt::format().with_ansi(is_shown).with_target(false);
            let lines = lines.with_ansi(is_shown).event_format(OfRequest(of_lines, TEXT_END));
            registry.with(lines.with_filter(filter)).init();
        }
        LogFormat::Json => {
            let lines = lines.fmt_fields(JsonFields::new());
            let lines = lines.event_format(OfRequest(fmt::format().json(), JSON_END));
            registry.with(lines.with_filter(filter)).init();
        }
    }
}

/// What libraries log of their own daily work is not for an operator; nor is a peer that speaks no HTTP,
/// or goes away.
const QUIET: &str =
    "actix_server=warn,actix_http::h1::dispatcher=off,refinery_core=warn,tokio_postgres=warn";

/// Which lines there are: those that are asked for, of what is quiet only if it is named.
fn filter(asked: &Levels) -> EnvFilter {
    EnvFilter::new(format!("{QUIET},{asked}"))
}

/// What a line ends with, and what stands there before and after the name of the request that it is
/// about. Such a name has nothing that must be escaped.
type End = (&'static str, [&'static str; 2]);

const TEXT_END: End = ("\n", [" request_id=", "\n"]);
const JSON_END: End = ("}\n", [",\"request_id\":\"", "\"}\n"]);

/// Writes lines, those about a request with its name. They are few, and no other pays for them.
struct OfRequest<F>(F, End);

impl<S, N, F> FormatEvent<S, N> for OfRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let Self(lines, (end, [before, after])) = self;
        let Some(id) = current_request_id() else {
            return lines.format_event(context, out, event);
        };
        let mut line = String::new();
        lines.format_event(context, Writer::new(&mut line), event)?;
        let line = line.strip_suffix(end).unwrap_or(&line);
        write!(out, "{line}{before}{id}{after}")
    }
}

/// The driver of Postgres writes down, below a warning, what statements are called with: codes, and
/// whose they are. It may not, whatever is asked for.
fn may_be_written(line: &Metadata<'_>) -> bool {
    *line.level() <= Level::WARN || !line.target().starts_with("tokio_postgres")
}

/// Waits a little until what was logged is written. A pipe that nobody reads is not waited for.
pub(crate) fn flush() {
    let Some(writer) = WRITER.get() else { return };
    let (done, flushed) = sync_channel(1);
    if writer.try_send(Job::Flush(done)).is_ok() {
        let _ = flushed.recv_timeout(FLUSH_LIMIT);
    }
}

/// Starts the thread that writes. Where there can be none, the log is lost.
fn start_writing(out: impl Write + Send + 'static) {
    let (writer, jobs) = sync_channel(LINES_MAX);
    let thread = thread::Builder::new().name("log".to_owned());
    if thread.spawn(move || write_all(&jobs, out, &LOST)).is_ok() {
        let _ = WRITER.set(writer);
    }
}

/// Writes what comes, until nothing can come any more.
fn write_all(jobs: &Receiver<Job>, mut out: impl Write, lost: &AtomicU64) {
    for job in jobs {
        match job {
            Job::Line(line) => write(&line, &mut out, lost),
            Job::Flush(done) => {
                let _ = done.try_send(());
            }
        }
    }
}

/// Writes a line, and before it how many were lost.
fn write(line: &[u8], out: &mut impl Write, lost: &AtomicU64) {
    let before = lost.swap(0, Ordering::Relaxed);
    if before > 0
        && writeln!(out, "{before} lines of the log were lost: they could not be written").is_err()
    {
        lost.fetch_add(before + 1, Ordering::Relaxed);
        telemetry::log_line_lost();
        return;
    }
    if out.write_all(line).is_err() {
        lost.fetch_add(1, Ordering::Relaxed);
        telemetry::log_line_lost();
    }
}

/// Hands a line to whoever writes; returns whether it was taken.
fn send(writer: Option<&SyncSender<Job>>, line: &[u8], lost: &AtomicU64) -> bool {
    let is_taken = writer.is_some_and(|writer| writer.try_send(Job::Line(line.to_vec())).is_ok());
    if !is_taken {
        lost.fetch_add(1, Ordering::Relaxed);
        telemetry::log_line_lost();
    }
    is_taken
}

/// Takes lines for the thread that writes; never fails and never waits.
#[derive(Clone, Copy)]
struct Lines {
    format: LogFormat,
    is_shown: bool,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = match self.format {
            LogFormat::Text => line::of(line, self.is_shown),
            // There a control character is escaped in any case, and what is cut could not be read.
            LogFormat::Json => Cow::Borrowed(line),
        };
        send(WRITER.get(), &written, &LOST);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file on a disk that is full at times.
    #[derive(Default)]
    struct Disk {
        is_full: bool,
        text: String,
    }

    impl Write for &mut Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.is_full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.text += str::from_utf8(bytes).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_the_count_is_written_as_soon_as_it_can_be() {
        let (mut disk, lost) = (Disk::default(), AtomicU64::new(0));

        write(b"one\n", &mut &mut disk, &lost);
        disk.is_full = true;
        for line in [b"two\n", b"six\n", b"ten\n"] {
            write(line, &mut &mut disk, &lost);
        }
        disk.is_full = false;
        write(b"end\n", &mut &mut disk, &lost);
        write(b"too\n", &mut &mut disk, &lost);

        let said = "3 lines of the log were lost: they could not be written";
        assert_eq!(disk.text, format!("one\n{said}\nend\ntoo\n"));
    }

    #[test]
    fn a_writer_that_stands_still_is_not_waited_for_by_who_logs() {
        let ((writer, jobs), lost) = (sync_channel(2), AtomicU64::new(0));

        let is_taken: Vec<_> = (0..5).map(|_| send(Some(&writer), b"line", &lost)).collect();

        assert_eq!(is_taken, [true, true, false, false, false]);
        assert_eq!(lost.load(Ordering::Relaxed), 3);
        drop(jobs);
        assert!(!send(Some(&writer), b"line", &lost));
    }

    #[test]
    fn what_is_quiet_is_so_whatever_is_asked_for_unless_it_is_named() {
        let filter = |asked: &str| filter(&asked.parse().unwrap()).to_string();
        for asked in ["", "info", "trace", "off"] {
            let filter = filter(asked);
            assert!(filter.contains("actix_http::h1::dispatcher=off"), "{asked:?}: {filter}");
        }
        for (asked, level) in [("trace", "trace"), ("", "info"), ("http_api=debug", "info")] {
            let filter = filter(asked);
            assert!(filter.split(',').any(|it| it == level), "{asked:?}: {filter}");
        }

        let named = filter("info,actix_http::h1::dispatcher=trace");
        assert!(named.contains("actix_http::h1::dispatcher=trace") && !named.contains("=off"));
    }
}
