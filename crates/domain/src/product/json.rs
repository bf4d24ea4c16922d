//! Whether a text is a JSON object (RFC 8259), and may be passed on as it is.
//!
//! Nothing is read out of it: what a shop says of its products is for the shop to understand. But
//! whoever reads an answer that has it in it must be able to read the whole answer.

/// How deep objects and lists may be in each other: readers of JSON have limits of their own.
pub(super) const DEPTH_MAX: usize = 32;

/// Why a text is no JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is another kind of value, or none.
    #[error("must be a JSON object")]
    NoObject,
    /// The byte at this place, counted from 1, cannot be there.
    #[error("is no JSON at byte {0}")]
    Malformed(usize),
    /// Objects and lists are in each other deeper than that.
    #[error("may be {DEPTH_MAX} objects and lists deep")]
    TooDeep,
}

/// That a text is a JSON object, with nothing but white space around it.
pub(super) fn check_object(text: &str) -> Result<(), JsonError> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    reader.skip_space();
    if reader.peek() != Some(b'{') {
        return Err(JsonError::NoObject);
    }
    reader.value(0)?;
    reader.skip_space();
    if reader.at == reader.bytes.len() { Ok(()) } else { Err(reader.malformed()) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'{') => self.list(b'}', depth, Self::member),
            Some(b'[') => self.list(b']', depth, Self::value),
            Some(b'"') => self.string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.number(),
        }
    }

    /// What is between two brackets, with commas between.
    fn list(
        &mut self,
        end: u8,
        depth: usize,
        entry: fn(&mut Self, usize) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if depth == DEPTH_MAX {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        self.skip_space();
        if self.takes(end) {
            return Ok(());
        }
        loop {
            self.skip_space();
            entry(self, depth + 1)?;
            self.skip_space();
            if self.takes(end) {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn member(&mut self, depth: usize) -> Result<(), JsonError> {
        self.string()?;
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        self.value(depth)
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.expect(b'"')?;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0x20..) => self.at += 1,
                _ => return Err(self.malformed()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                let unit = self.utf16_unit()?;
                // Half a character is no text, and half of the readers there are refuse it.
                match unit {
                    0xD800..=0xDBFF => {
                        self.expect(b'\\')?;
                        let low = self.utf16_unit()?;
                        if (0xDC00..=0xDFFF).contains(&low) {
                            Ok(())
                        } else {
                            Err(self.malformed())
                        }
                    }
                    0xDC00..=0xDFFF => Err(self.malformed()),
                    _ => Ok(()),
                }
            }
            _ => Err(self.malformed()),
        }
    }

    fn utf16_unit(&mut self) -> Result<u32, JsonError> {
        self.expect(b'u')?;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit * 16 + digit.ok_or_else(|| self.malformed())?;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _has_sign = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let first = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > first { Ok(()) } else { Err(self.malformed()) }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        word.iter().try_for_each(|&byte| self.expect(byte))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.takes(byte) { Ok(()) } else { Err(self.malformed()) }
    }

    fn malformed(&self) -> JsonError {
        JsonError::Malformed(self.at + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(depth: usize) -> String {
        format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1))
    }

    #[test]
    fn what_is_an_object_is_taken_and_nothing_else() {
        for right in
            ["{}", " {\"a\" : [1, -0.5e+7, true, null]}\n", r#"{"ü":"\ud83d\ude00\u0000\/"}"#]
        {
            assert_eq!(check_object(right), Ok(()), "{right}");
        }
        for other in ["", " ", "[]", "7", "\"a\"", "null", "\u{feff}{}"] {
            assert_eq!(check_object(other), Err(JsonError::NoObject), "{other}");
        }
        for (wrong, at) in [
            ("{", 2),
            ("{}{}", 3),
            ("{a:1}", 2),
            (r#"{"a":1,}"#, 8),
            (r#"{"a":01}"#, 7),
            (r#"{"a":+1}"#, 6),
            (r#"{"a":1.}"#, 8),
            (r#"{"a":.5}"#, 6),
            (r#"{"a":NaN}"#, 6),
            (r#"{"a":"\x"}"#, 8),
            (r#"{"a":"\ud83d"}"#, 13),
            (r#"{"a":"\ude00"}"#, 13),
            ("{\"a\":\"\n\"}", 7),
            (r#"{'a':1}"#, 2),
        ] {
            assert_eq!(check_object(wrong), Err(JsonError::Malformed(at)), "{wrong}");
        }
    }

    #[test]
    fn objects_and_lists_are_in_each_other_so_deep_and_no_deeper() {
        assert_eq!(check_object(&nested(DEPTH_MAX)), Ok(()));
        assert_eq!(check_object(&nested(DEPTH_MAX + 1)), Err(JsonError::TooDeep));
    }

    /// Texts that are nearly JSON.
    fn text() -> impl Strategy<Value = String> {
        let token = prop_oneof![
            Just("{"),
            Just("}"),
            Just("["),
            Just("]"),
            Just(","),
            Just(":"),
            Just("\"a\""),
            Just("\"\\u00e9\\n\""),
            Just("\"\\ud800\""),
            Just("0"),
            Just("-1"),
            Just("2.5E-3"),
            Just("00"),
            Just("true"),
            Just("null"),
            Just(" "),
            Just("\n"),
            Just("\u{a0}"),
            Just("\"é\""),
        ];
        prop::collection::vec(token, 0..9).prop_map(|tokens| format!("{{{}}}", tokens.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_text_is_json_here_if_it_is_elsewhere(text in text()) {
            let elsewhere = serde_json::from_str::<serde_json::Value>(&text).is_ok();

            prop_assert_eq!(check_object(&text).is_ok(), elsewhere, "{}", text);
        }
    }
}
