//! What is percent-encoded in a request: it is read as it was meant, or not at all. Whoever put a mark in the place
//! of what cannot be read would take one text for another.

use std::borrow::Cow;

use actix_web::HttpRequest;

/// Why a text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodingError {
    /// A percent sign is not followed by what it announces.
    #[error("has a % that no two hexadecimal digits follow: a percent sign itself is %25")]
    Digits,
    /// The bytes are no text.
    #[error("is not UTF-8 once it is decoded")]
    NotUtf8,
}

/// What was encoded so.
pub(crate) fn decoded(text: &str) -> Result<Cow<'_, str>, EncodingError> {
    let Some(first) = text.find('%') else { return Ok(text.into()) };
    let (plain, rest) = text.split_at(first);
    let mut bytes = plain.as_bytes().to_vec();
    // Each part but the first, which is empty, is behind a percent sign.
    for part in rest.as_bytes().split(|&byte| byte == b'%').skip(1) {
        let (digits, after) = part.split_at_checked(2).ok_or(EncodingError::Digits)?;
        bytes.push(byte_of(digits).ok_or(EncodingError::Digits)?);
        bytes.extend_from_slice(after);
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| EncodingError::NotUtf8)
}

/// The same in a query string, where forms have a plus sign for a space.
pub(crate) fn decoded_in_form(text: &str) -> Result<Cow<'_, str>, EncodingError> {
    if !text.contains('+') {
        return decoded(text);
    }
    decoded(&text.replace('+', " ")).map(|text| text.into_owned().into())
}

/// Whether the part of the path that a parameter is in can be read. The router decodes what it can, and puts marks in
/// the place of the rest.
pub(crate) fn check_path(request: &HttpRequest, field: &str) -> Result<(), EncodingError> {
    let path = request.uri().path();
    // Most have none, and pay for one look.
    if !path.contains('%') {
        return Ok(());
    }
    let (pattern, named) = (request.match_pattern().unwrap_or_default(), format!("{{{field}}}"));
    let parts = pattern.split('/').zip(path.split('/'));
    let mut of_field = parts.filter(|(pattern, _)| pattern.contains(&named));
    of_field.try_for_each(|(_, part)| decoded(part).map(drop))
}

/// The byte that these two digits are.
fn byte_of(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let &[high, low] = digits else { return None };
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_as_it_was_meant() {
        for (text, read) in [
            ("", ""),
            ("al-ice", "al-ice"),
            ("a%2Bb%20c%25", "a+b c%"),
            ("zo%C3%AB%c3%ab", "zoëë"),
            ("%F0%9F%92%A1", "💡"),
            ("%EF%BF%BD", "\u{fffd}"),
            ("%00", "\0"),
            ("a+b", "a+b"),
        ] {
            assert_eq!(decoded(text).as_deref(), Ok(read), "{text}");
        }
        assert_eq!(decoded_in_form("a+b%2Bc").as_deref(), Ok("a b+c"));
    }

    #[test]
    fn what_cannot_be_read_is_not_read_as_something_else() {
        for text in ["%", "a%", "%2", "%zz", "%+1", "%-1", "% 1", "%%20", "a%2", "%2%30"] {
            assert_eq!(decoded(text), Err(EncodingError::Digits), "{text}");
            assert_eq!(decoded_in_form(text), Err(EncodingError::Digits), "{text}");
        }
        for text in ["%E9", "caf%e9", "%ff%fe", "%C3", "%C3x", "%ED%A0%80", "%C0%AF", "%F0%9F%92"] {
            assert_eq!(decoded(text), Err(EncodingError::NotUtf8), "{text}");
        }
    }
}
