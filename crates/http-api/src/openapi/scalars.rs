//! The kinds of values in requests and answers, with the bounds of whoever parses them.

use std::str::FromStr;

use domain::{Code, SaleId, Unit, UserId};
use serde_json::{Value, json};

use super::{Shape, scalars};
use crate::{
    limits::{OF_CLIENT, OF_USER},
    params::WHOLE_MAX,
    samples,
};

/// A kind of value that may be a parameter.
pub(crate) trait Scalar: Shape {
    /// One that is right.
    fn example() -> Value;

    /// What is said of one that is wrong, by whoever parses it.
    fn refusal() -> String;

    /// How else it may be written in a JSON body.
    fn in_json() -> Option<Value> {
        None
    }
}

/// Says why a text is not a `T`.
fn refusal_of<T: FromStr<Err: ToString>>(text: &str) -> String {
    text.parse::<T>().err().map(|error| error.to_string()).unwrap_or_default()
}

/// The pattern of the whole numbers from 1 to `max`, in plain digits.
fn digits_up_to(max: &str) -> String {
    let length = max.len();
    let mut ways = vec![format!("[1-9][0-9]{{0,{}}}", length.saturating_sub(2))];
    for (index, digit) in max.char_indices() {
        let (before, least) = (&max[..index], if index == 0 { '1' } else { '0' });
        if digit > least {
            let below = char::from_u32(u32::from(digit) - 1).unwrap_or(least);
            ways.push(format!("{before}[{least}-{below}][0-9]{{{}}}", length - index - 1));
        }
    }
    ways.push(max.to_owned());
    format!("^({})$", ways.join("|"))
}

scalars! {
    /// The number of a sale.
    SaleNumber is "SaleId": {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "maximum": SaleId::MAX,
        "description": "The number of a sale. In a path or a query it has no leading zeros.",
    }
    /// The number of a unit.
    UnitNumber is "Unit": {
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "maximum": Unit::MAX,
        "description": "The number of a unit of a sale, from 1 to its stock.",
    }
    /// A user.
    UserName is "UserId": {
        "type": "string",
        "minLength": 1,
        "maxLength": UserId::LENGTH_MAX,
        "pattern": "^[A-Za-z0-9._:@-]+$",
        "description": "A user, by the shop's name for them.",
    }
    /// A code, or a UUID that might be one.
    GivenCodeText is "Code": {
        "type": "string",
        "format": "uuid",
        "minLength": samples::CODE.len(),
        "maxLength": samples::CODE.len(),
        "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
        "description": "The code that redeems a hold, once: a UUID. It is a secret: whoever has it may \
                        spend it. It is written in lower case, and read in either.",
    }
    /// A moment.
    Moment is "Moment": {
        "type": "string",
        "format": "date-time",
        "pattern": "^-?[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
        "description": "A moment by the clock of the stores: RFC 3339, in UTC, with milliseconds.",
    }
    /// A number of units.
    Count is "Count": {
        "type": "integer",
        "format": "int32",
        "minimum": 0,
        "maximum": Unit::MAX,
        "description": "A number of units.",
    }
    /// Whose limit one is.
    LimitName is "LimitName": {
        "type": "string",
        "enum": [OF_CLIENT.name, OF_USER.name],
        "description": "Whose limit it is: that of the address the request came from, or of its user.",
    }
    /// A time.
    Millis is "Milliseconds": {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "description": "A time in milliseconds.",
    }
}

impl Scalar for SaleNumber {
    fn example() -> Value {
        samples::sale_id().get().into()
    }

    fn refusal() -> String {
        refusal_of::<SaleId>("0")
    }

    fn in_json() -> Option<Value> {
        Some(json!({ "type": "string", "pattern": digits_up_to(&SaleId::MAX.to_string()) }))
    }
}

impl Scalar for UnitNumber {
    fn example() -> Value {
        samples::unit().get().into()
    }

    fn refusal() -> String {
        refusal_of::<Unit>("0")
    }
}

impl Scalar for UserName {
    fn example() -> Value {
        samples::USER.into()
    }

    fn refusal() -> String {
        refusal_of::<UserId>("al ice")
    }

    fn in_json() -> Option<Value> {
        Some(json!({ "type": "integer", "minimum": -WHOLE_MAX, "maximum": WHOLE_MAX }))
    }
}

impl Scalar for GivenCodeText {
    fn example() -> Value {
        samples::CODE.into()
    }

    fn refusal() -> String {
        refusal_of::<Code>("7")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{
        strategy::{Strategy as _, ValueTree as _},
        string::string_regex,
        test_runner::TestRunner,
    };

    use super::*;

    /// Many texts that fit a pattern.
    fn fitting(pattern: &str) -> BTreeSet<String> {
        let texts = string_regex(pattern.trim_matches(['^', '$'])).unwrap();
        let mut runner = TestRunner::deterministic();
        (0..20_000).map(|_| texts.new_tree(&mut runner).unwrap().current()).collect()
    }

    #[test]
    fn the_digits_of_a_number_are_those_up_to_the_largest_and_no_others() {
        for max in [10, 25, 42, 105] {
            let all: BTreeSet<_> = (1..=max).map(|number: u32| number.to_string()).collect();

            assert_eq!(fitting(&digits_up_to(&max.to_string())), all);
        }
    }

    #[test]
    fn a_sale_in_a_body_may_be_any_of_those_that_are_read() {
        let schema = SaleNumber::in_json().unwrap();
        let texts = fitting(schema["pattern"].as_str().unwrap());

        assert!(texts.iter().all(|text| text.parse::<SaleId>().is_ok()));
        assert!(texts.contains(&SaleId::MAX.to_string()));
    }
}
