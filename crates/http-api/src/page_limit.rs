//! How many things a page may have, as clients say it.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use serde_json::{Value, json};

/// Reads a number within these bounds, as it is written anywhere else: without a sign, and without zeros
/// before it.
pub(crate) fn read<N>(text: &str, bounds: &RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let is_plain = |limit: &N| bounds.contains(limit) && limit.to_string() == text;
    let wrong = || format!("must be a whole number from {} to {}", bounds.start(), bounds.end());
    text.parse().ok().filter(is_plain).ok_or_else(wrong)
}

/// What is said of such a number.
pub(crate) fn schema<N>(bounds: &RangeInclusive<N>, default: N, says: &str) -> Value
where
    N: Copy + Into<Value>,
{
    let [minimum, maximum, default]: [Value; 3] =
        [*bounds.start(), *bounds.end(), default].map(Into::into);
    json!({
        "type": "integer",
        "format": "int32",
        "minimum": minimum,
        "maximum": maximum,
        "default": default,
        "description": says,
    })
}
