//! Rows as lines of CSV.

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};

/// Writes a line of CSV, by RFC 4180. No cell of it begins as a formula does, also where a spreadsheet divides at
/// semicolons, tabs or line breaks.
pub fn write_csv_line<'c>(lines: &mut Vec<u8>, cells: impl Iterator<Item = Cow<'c, str>>) {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(lines);
    let written =
        writer.write_record(cells.map(|cell| as_text(cell).into_owned()).collect::<Vec<_>>());
    debug_assert!(written.is_ok(), "memory takes everything");
}

/// A cell that every spreadsheet takes for a text, or for several. Whoever reads them by program takes one `'` away
/// where there is one at the beginning, and one after each [divider](DIVIDERS).
fn as_text(cell: Cow<'_, str>) -> Cow<'_, str> {
    let is_bare = !cell.starts_with(char::is_control) && !cell.split(DIVIDERS).any(is_to_be_quoted);
    if is_bare {
        return cell;
    }
    let mut text = String::with_capacity(cell.len() + 8);
    for (nth, part) in cell.split_inclusive(DIVIDERS).enumerate() {
        if (nth == 0 && part.starts_with(char::is_control)) || is_to_be_quoted(part) {
            text.push('\'');
        }
        text.push_str(part);
    }
    text.into()
}

/// Whether what begins so could be taken for a formula, or for what has a `'` before it.
fn is_to_be_quoted(part: &str) -> bool {
    let is_control = |it: char| it.is_control() && !DIVIDERS.contains(&it);
    part.trim_start().starts_with(FORMULA) || part.starts_with(is_control) || part.starts_with('\'')
}

/// What a formula begins with. Some spreadsheets take the wide ones for the others, and look past spaces.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Where some spreadsheets, and all whose lists have commas in their numbers, divide what is a cell here.
const DIVIDERS: [char; 4] = [';', '\t', '\r', '\n'];

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        let mut lines = Vec::new();
        write_csv_line(&mut lines, cells.iter().map(|&cell| cell.into()));
        String::from_utf8(lines).unwrap()
    }

    /// A cell as it was: what README.md says of how to have it back.
    fn read_back(cell: &str) -> String {
        let parts = cell.split_inclusive([';', '\t', '\r', '\n']);
        parts.map(|part| part.strip_prefix('\'').unwrap_or(part)).collect()
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
            "a; =1",
            "a;'=1",
            "a;'b",
            "a\t=1",
            "a\n+1",
            "two\r\n-1",
            ";=1",
            ";;@1",
            ";\0=1",
            "a;b",
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
            assert!(!read.starts_with(char::is_control), "{read:?}");
            for part in read.split([';', '\t', '\r', '\n']) {
                assert!(!part.trim_start().starts_with(FORMULA), "{read:?}");
            }
            assert_eq!(read_back(read), *cell);
        }
    }

    #[test]
    fn a_line_is_as_rfc_4180_has_it() {
        assert_eq!(line(&["a", "b c", "d,e", "f\"g", ""]), "a,b c,\"d,e\",\"f\"\"g\",\r\n");
    }
}
