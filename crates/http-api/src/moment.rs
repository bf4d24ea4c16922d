//! Moments, as the API writes them.

use domain::UnixMillis;
use jiff::fmt::temporal::DateTimePrinter;

/// A moment as the API writes it: RFC 3339, UTC, with milliseconds.
#[must_use]
pub fn rfc3339(moment: UnixMillis) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    match jiff::Timestamp::from_millisecond(moment.0) {
        Ok(moment) => PRINTER.timestamp_to_string(&moment),
        // Further off than any calendar reaches: the number is all there is to say.
        Err(_) => moment.0.to_string(),
    }
}
