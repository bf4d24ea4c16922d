//! What commands print: the standard output, of which the reader may have enough.

use std::io::{self, ErrorKind, StdoutLock, Write};

/// The standard output. A reader that is gone, as `head` is after its line, is no error: what was
/// asked is done, and whoever wanted to know of it knows.
pub(crate) struct Output(StdoutLock<'static>);

/// The standard output, for this command alone.
pub(crate) fn output() -> Output {
    Output(io::stdout().lock())
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unless_gone(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_gone(self.0.flush(), ())
    }
}

fn unless_gone<T>(result: io::Result<T>, otherwise: T) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(otherwise),
        result => result,
    }
}
