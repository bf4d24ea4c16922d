//! A line of the log: what a server or a client says is in it, and shall neither end it nor begin another.

use std::borrow::Cow;

/// How long a line may be, in bytes. What is longer is cut.
const LINE_MAX: usize = 8 * 1_024;

/// A line as it is written, in one line and no longer than that. Where it is shown on a terminal its
/// colours stay.
pub(super) fn of(line: &[u8], is_shown: bool) -> Cow<'_, [u8]> {
    let text = String::from_utf8_lossy(line);
    let body = text.strip_suffix('\n').unwrap_or(&text);
    if body.len() <= LINE_MAX && !body.chars().any(may_break) {
        return Cow::Borrowed(line);
    }
    let mut written = String::with_capacity(body.len().min(LINE_MAX) + 64);
    let mut rest = body;
    while let Some(character) = rest.chars().next() {
        if written.len() >= LINE_MAX {
            written.extend(["… (", &rest.len().to_string(), " bytes more)"]);
            break;
        }
        let colour = if is_shown { colour(rest) } else { "" };
        if !colour.is_empty() {
            written.push_str(colour);
            rest = &rest[colour.len()..];
            continue;
        }
        if may_break(character) {
            written.extend(character.escape_default());
        } else {
            written.push(character);
        }
        rest = &rest[character.len_utf8()..];
    }
    written.push('\n');
    Cow::Owned(written.into_bytes())
}

/// Whether a character does something to a terminal, or to whoever reads line by line.
fn may_break(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// What sets a colour at the beginning of a text, if that is what it begins with.
fn colour(text: &str) -> &str {
    let Some(after) = text.strip_prefix("\u{1b}[") else { return "" };
    match after.find(|it: char| !it.is_ascii_digit() && it != ';') {
        Some(end) if after[end..].starts_with('m') => &text[..=text.len() - after.len() + end],
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &str, is_shown: bool) -> String {
        String::from_utf8(of(line.as_bytes(), is_shown).into_owned()).unwrap()
    }

    #[test]
    fn what_somebody_says_begins_no_line_and_does_nothing_to_a_terminal() {
        let forged =
            "WARN bad\n2026-11-26T16:00:00Z ERROR forged\r\u{1b}]0;x\u{7}\u{9b}2J\u{2028}ä\n";

        for is_shown in [false, true] {
            assert_eq!(
                written(forged, is_shown),
                "WARN bad\\n2026-11-26T16:00:00Z ERROR forged\\r\\u{1b}]0;x\\u{7}\\u{9b}2J\\u{2028}ä\n"
            );
        }
        assert!(matches!(of("an ordinary line, ä\n".as_bytes(), false), Cow::Borrowed(_)));
    }

    #[test]
    fn colours_are_for_a_terminal() {
        let line = "\u{1b}[1;33m WARN\u{1b}[0m x\n";

        assert_eq!(written(line, true), line);
        assert!(!written(line, false).contains('\u{1b}'));
        assert!(!written("\u{1b}[2Jx\n", true).contains('\u{1b}'));
    }

    #[test]
    fn a_line_has_an_end() {
        let line = written(&format!("{}\n", "ä".repeat(500_000)), false);

        assert!(line.len() < LINE_MAX + 64 && line.ends_with("bytes more)\n"), "{}", line.len());
    }
}
