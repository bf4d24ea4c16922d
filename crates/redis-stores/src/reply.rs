//! Reading what the functions reply. An unknown word is an error, never a guess.

use std::str::{FromStr, SplitAsciiWhitespace};

use deadpool_redis::redis::{ErrorKind, RedisResult, Value};

use crate::line::LineError;

/// What a command that was sent by itself was answered, unless it was only put into a transaction,
/// which somebody left open on the connection: then so would every one after it be.
pub(crate) fn carried_out(reply: Value) -> RedisResult<Value> {
    match &reply {
        Value::SimpleString(word) if word == "QUEUED" => {
            let what = "a transaction is open on the connection";
            Err((ErrorKind::UnexpectedReturnType, what).into())
        }
        _ => Ok(reply),
    }
}

/// The words of a reply, one after the other.
pub(crate) struct Reply<'a>(SplitAsciiWhitespace<'a>);

impl<'a> Reply<'a> {
    /// Every function replies with one string of words.
    pub(crate) fn read(value: &'a Value) -> Result<Self, LineError> {
        let words = match value {
            Value::BulkString(bytes) => std::str::from_utf8(bytes)
                .map_err(|_| LineError::Unreadable("it is not UTF-8".to_owned()))?,
            Value::SimpleString(words) => words,
            other => {
                return Err(LineError::Unreadable(format!("{other:?} in the place of words")));
            }
        };
        Ok(Self(words.split_ascii_whitespace()))
    }

    /// The next word.
    pub(crate) fn word(&mut self) -> Result<&'a str, LineError> {
        self.0.next().ok_or_else(|| LineError::Unreadable("it ends too soon".to_owned()))
    }

    /// The one word of a reply that has no more.
    pub(crate) fn only(mut self) -> Result<&'a str, LineError> {
        let word = self.word()?;
        self.end().map(|()| word)
    }

    /// The number that the next word is.
    pub(crate) fn parse<T: FromStr>(&mut self) -> Result<T, LineError> {
        let word = self.word()?;
        if is_otherwise_written(word) {
            return Err(unknown(word));
        }
        word.parse().map_err(|_| unknown(word))
    }

    /// Makes sure that nothing is left: words too many belong to another question.
    pub(crate) fn end(mut self) -> Result<(), LineError> {
        self.0.next().map_or(Ok(()), |word| Err(unknown(word)))
    }

    /// The words that are left.
    pub(crate) fn rest(self) -> impl Iterator<Item = &'a str> {
        self.0
    }
}

/// Whether a number is written as no function writes it, though it could be read.
fn is_otherwise_written(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    word.starts_with('+') || (digits.starts_with('0') && word != "0")
}

/// The error of a word no function of this version replies with.
pub(crate) fn unknown(word: &str) -> LineError {
    LineError::Unreadable(format!("unknown word {word:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_is_written_and_no_other_way() {
        for (word, number) in [("0", 0), ("7", 7), ("-7", -7), ("10", 10)] {
            assert_eq!(Reply(word.split_ascii_whitespace()).parse::<i64>().unwrap(), number);
        }
        for word in ["+1", "01", "-0", "-01", "00", "1.0", "x"] {
            assert!(Reply(word.split_ascii_whitespace()).parse::<i64>().is_err(), "{word}");
        }
    }
}
