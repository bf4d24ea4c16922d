//! The JSON of the trail: flat objects of whole numbers and of texts. Whoever reads a ledger by hand can read
//! it, and no more of JSON than that is needed here.

use std::{
    fmt::Write,
    str::{Chars, FromStr},
};

/// What is not of the form that is written here, by the name of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the trail's field {0} is not of the form it is written in")]
pub struct Unreadable(pub &'static str);

const DOCUMENT: Unreadable = Unreadable("(all)");

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Number(i64),
    Text(String),
}

/// The fields of an object, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn number(self, name: &str, number: i64) -> Self {
        self.with(name, Value::Number(number))
    }

    pub(super) fn number_if(self, name: &str, number: Option<i64>) -> Self {
        match number {
            Some(number) => self.number(name, number),
            None => self,
        }
    }

    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.with(name, Value::Text(text.to_owned()))
    }

    pub(super) fn text_if(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.0.push((name.to_owned(), value));
        self
    }

    pub(super) fn write(&self) -> String {
        let mut json = "{".to_owned();
        for (place, (name, value)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            // Writing to a text cannot fail.
            let _ = write!(json, "{comma}\"{name}\": ");
            match value {
                Value::Number(number) => _ = write!(json, "{number}"),
                Value::Text(text) => write_text(&mut json, text),
            }
        }
        json.push('}');
        json
    }

    pub(super) fn read(json: &str) -> Result<Self, Unreadable> {
        let inside = json.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let mut rest = inside.ok_or(DOCUMENT)?.trim();
        let mut fields = Self::new();
        while !rest.is_empty() {
            let (name, value, after) = read_field(rest).ok_or(DOCUMENT)?;
            fields = fields.with(&name, value);
            rest = match after.strip_prefix(',') {
                Some(next) if !next.trim().is_empty() => next.trim(),
                None if after.is_empty() => after,
                _ => return Err(DOCUMENT),
            };
        }
        Ok(fields)
    }

    /// The names of those that are otherwise in other fields, or in one of both alone.
    pub(super) fn differs_from(&self, other: &Self) -> Vec<String> {
        let names = self.0.iter().chain(other.0.iter().filter(|(name, _)| !self.has(name)));
        let names = names.filter(|(name, _)| self.value(name) != other.value(name));
        names.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(super) fn int(&self, name: &'static str) -> Result<i64, Unreadable> {
        self.int_if(name)?.ok_or(Unreadable(name))
    }

    pub(super) fn int_if(&self, name: &'static str) -> Result<Option<i64>, Unreadable> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(*number)),
            Some(Value::Text(_)) => Err(Unreadable(name)),
        }
    }

    /// A number of fewer bits.
    pub(super) fn small<T: TryFrom<i64>>(&self, name: &'static str) -> Result<T, Unreadable> {
        T::try_from(self.int(name)?).map_err(|_| Unreadable(name))
    }

    pub(super) fn small_if<T: TryFrom<i64>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, Unreadable> {
        let number = self.int_if(name)?.map(T::try_from).transpose();
        number.map_err(|_| Unreadable(name))
    }

    pub(super) fn word(&self, name: &'static str) -> Result<&str, Unreadable> {
        self.word_if(name)?.ok_or(Unreadable(name))
    }

    pub(super) fn word_if(&self, name: &'static str) -> Result<Option<&str>, Unreadable> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Text(word)) => Ok(Some(word)),
            Some(Value::Number(_)) => Err(Unreadable(name)),
        }
    }

    /// A text of a certain form.
    pub(super) fn parsed<T: FromStr>(&self, name: &'static str) -> Result<T, Unreadable> {
        self.word(name)?.parse().map_err(|_| Unreadable(name))
    }

    pub(super) fn parsed_if<T: FromStr>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, Unreadable> {
        let text = self.word_if(name)?.map(str::parse).transpose();
        text.map_err(|_| Unreadable(name))
    }

    /// A word that is one of a few.
    pub(super) fn one_of(
        &self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<&'static str, Unreadable> {
        let word = self.word(name)?;
        words.iter().find(|it| **it == word).copied().ok_or(Unreadable(name))
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value)
    }
}

/// The first word of this name in a document of which the rest need not be of the form that is written here.
pub(super) fn word_in(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{name}\""))?;
    let (word, _) = read_text(rest.trim_start().strip_prefix(':')?.trim_start())?;
    Some(word)
}

/// A text in quotes.
fn write_text(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            // A text of the trail has no other control characters; if one ever had, it would be read back.
            '\0'..='\x1f' => _ = write!(json, "\\u{:04x}", u32::from(character)),
            _ => json.push(character),
        }
    }
    json.push('"');
}

/// The first field, and what is after it.
fn read_field(text: &str) -> Option<(String, Value, &str)> {
    let (name, rest) = read_text(text)?;
    let rest = rest.strip_prefix(':')?.trim_start();
    if rest.starts_with('"') {
        let (text, rest) = read_text(rest)?;
        return Some((name, Value::Text(text), rest));
    }
    let end = rest.find(|it: char| !it.is_ascii_digit() && it != '-').unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    Some((name, Value::Number(number.parse().ok()?), rest.trim_start()))
}

/// A text in quotes, and what is after it.
fn read_text(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?.chars();
    let mut read = String::new();
    loop {
        let next = match rest.next()? {
            '"' => return Some((read, rest.as_str().trim_start())),
            '\\' => read_escape(&mut rest)?,
            '\0'..='\x1f' => return None,
            plain => plain,
        };
        read.push(next);
    }
}

/// What is behind a backslash.
fn read_escape(rest: &mut Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        plain @ ('"' | '\\' | '/') => plain,
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (digits, after) = rest.as_str().split_at_checked(4)?;
            *rest = after.chars();
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
        }
        _ => return None,
    })
}
