//! The options that are ours to read, taken out of a URL or of the words in the place of one.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

pub(super) type Found = Vec<(&'static str, String)>;

/// The name of an option that is ours to read.
fn ours(name: &str) -> Option<&'static str> {
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"]
        .into_iter()
        .find(|it| *it == name)
}

pub(super) fn without_scheme(text: &str) -> Option<usize> {
    let scheme = ["postgres://", "postgresql://"].into_iter().find(|it| text.starts_with(it))?;
    Some(scheme.len())
}

/// Where all up to the first `@` of a URL ends: the driver takes it for a user and a password, whatever
/// is in it.
fn after_user(text: &str, at: usize) -> usize {
    text[at..].find('@').map_or(at, |found| at + found + 1)
}

/// Whether a second `@` stands before the options: then the end of a password would be taken for a host
/// or a database, whose names are no secret.
pub(super) fn has_two_users(text: &str) -> bool {
    without_scheme(text).is_some_and(|at| {
        let rest = &text[after_user(text, at)..];
        rest.split('?').next().is_some_and(|place| place.contains('@'))
    })
}

/// A URL without its options that are ours, and those.
pub(super) fn out_of_url(text: &str, at: usize) -> (Cow<'_, str>, Found) {
    let after_user = after_user(text, at);
    let Some(begin) = text[after_user..].find('?').map(|found| after_user + found) else {
        return (text.into(), Found::new());
    };
    let (mut found, mut kept) = (Found::new(), Vec::new());
    for option in text[begin + 1..].split('&') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let name = percent_decode_str(name).decode_utf8_lossy();
        match ours(&name) {
            Some(name) => found.push((name, percent_decode_str(value).decode_utf8_lossy().into())),
            None => kept.push(option),
        }
    }
    if found.is_empty() {
        return (text.into(), found);
    }
    let mark = if kept.is_empty() { "" } else { "?" };
    (format!("{}{mark}{}", &text[..begin], kept.join("&")).into(), found)
}

/// The same of `name=value` with spaces between; a value may be quoted, and `\` makes the next
/// character one of the value. What is not so is left to the driver to complain of.
pub(super) fn out_of_words(text: &str) -> (Cow<'_, str>, Found) {
    let (mut found, mut kept) = (Found::new(), String::new());
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((name, value, after)) = word(rest) else { break };
        if let Some(name) = ours(name) {
            found.push((name, value));
        } else {
            kept.push_str(&rest[..rest.len() - after.len()]);
            kept.push(' ');
        }
        rest = after.trim_start();
    }
    kept.push_str(rest);
    if found.is_empty() { (text.into(), found) } else { (kept.into(), found) }
}

/// The first word: its name, its value, and what comes after it.
fn word(text: &str) -> Option<(&str, String, &str)> {
    let (name, value) = text.split_once('=')?;
    let value = value.trim_start();
    let quoted = value.strip_prefix('\'');
    let mut characters = quoted.unwrap_or(value).chars();
    let mut read = String::new();
    loop {
        let rest = characters.as_str();
        match characters.next() {
            Some('\\') => read.extend(characters.next()),
            Some('\'') if quoted.is_some() => {
                return Some((name.trim(), read, characters.as_str()));
            }
            Some(it) if quoted.is_none() && it.is_whitespace() => {
                return Some((name.trim(), read, rest));
            }
            Some(it) => read.push(it),
            None => return quoted.is_none().then_some((name.trim(), read, "")),
        }
    }
}
