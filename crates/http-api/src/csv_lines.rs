//! Rows as lines of CSV.

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};

/// Writes a line of CSV, by RFC 4180. No cell of it begins as a formula does.
pub fn write_csv_line<'c>(lines: &mut Vec<u8>, cells: impl Iterator<Item = Cow<'c, str>>) {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(lines);
    let written =
        writer.write_record(cells.map(|cell| as_text(cell).into_owned()).collect::<Vec<_>>());
    debug_assert!(written.is_ok(), "memory takes everything");
}

/// A cell that every spreadsheet takes for a text. Whoever reads them by program takes one `'` away
/// where there is one at the beginning.
fn as_text(cell: Cow<'_, str>) -> Cow<'_, str> {
    let seen = cell.trim_start();
    if seen.starts_with(FORMULA) || cell.starts_with(char::is_control) || cell.starts_with('\'') {
        return format!("'{cell}").into();
    }
    cell
}

/// What a formula begins with. Some spreadsheets take the wide ones for the others, and look past spaces.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        let mut lines = Vec::new();
        write_csv_line(&mut lines, cells.iter().map(|&cell| cell.into()));
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
            "\0=1",
            "  =1+1",
            "\u{3000}=1",
            "\u{ff1d}1+1",
            "\u{ff20}SUM(A1)",
            "'=1",
            "'",
            "''",
            "a=1",
            "'\"=1",
            "\u{1f388} balloon",
            "a;=1",
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
            let seen = read.trim_start();
            assert!(!seen.starts_with(FORMULA) && !read.starts_with(char::is_control), "{read:?}");
            assert_eq!(read.strip_prefix('\'').unwrap_or(read), *cell);
        }
    }

    #[test]
    fn a_line_is_as_rfc_4180_has_it() {
        assert_eq!(line(&["a", "b c", "d,e", "f\"g", ""]), "a,b c,\"d,e\",\"f\"\"g\",\r\n");
    }
}
