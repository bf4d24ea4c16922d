//! Reading what the functions reply. An unknown word is an error, never a guess.

use std::{slice, str::FromStr};

use deadpool_redis::redis::Value;

use crate::line::LineError;

/// The elements of a reply, one after the other.
pub(crate) struct Reply<'a>(slice::Iter<'a, Value>);

impl<'a> Reply<'a> {
    /// A reply that is an array; a lone word is one of one element.
    pub(crate) fn read(value: &'a Value) -> Self {
        match value {
            Value::Array(elements) => Self(elements.iter()),
            word => Self(slice::from_ref(word).iter()),
        }
    }

    /// The next element, as a word. A number is not one.
    pub(crate) fn word(&mut self) -> Result<&'a str, LineError> {
        match self.next()? {
            Value::BulkString(bytes) => std::str::from_utf8(bytes)
                .map_err(|_| LineError::Unreadable("a word is not UTF-8".to_owned())),
            Value::SimpleString(word) => Ok(word),
            other => Err(LineError::Unreadable(format!("{other:?} in the place of a word"))),
        }
    }

    /// The next element, as a number or whatever else is parsed from a word.
    pub(crate) fn parse<T: FromStr + TryFrom<i64>>(&mut self) -> Result<T, LineError> {
        let element = self.next()?;
        let parsed = match element {
            Value::Int(number) => T::try_from(*number).ok(),
            Value::BulkString(bytes) => {
                std::str::from_utf8(bytes).ok().and_then(|word| word.parse().ok())
            }
            _ => None,
        };
        parsed.ok_or_else(|| LineError::Unreadable(format!("{element:?} in the place of a number")))
    }

    /// Whether everything is read.
    pub(crate) fn is_read(&self) -> bool {
        self.0.len() == 0
    }

    fn next(&mut self) -> Result<&'a Value, LineError> {
        self.0.next().ok_or_else(|| LineError::Unreadable("it ends too soon".to_owned()))
    }
}

/// The error of a word no function of this version replies with.
pub(crate) fn unknown(word: &str) -> LineError {
    LineError::Unreadable(format!("unknown word {word:?}"))
}
