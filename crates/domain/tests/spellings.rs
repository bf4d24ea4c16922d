//! Names and codes from outside: whatever the text, it is refused or has one spelling.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use domain::{Code, SaleId, Unit, UserId, code::ParseCodeError};
use proptest::prelude::*;

/// What is done to a text that was right.
#[derive(Debug, Clone)]
enum Slip {
    Drop,
    Double,
    Replace(char),
    Insert(char),
    CutOff,
    Repeat,
    Upper,
}

fn slip() -> impl Strategy<Value = (Slip, prop::sample::Index)> {
    let near = || prop_oneof![prop::char::range(' ', '~'), any::<char>()];
    let slip = prop_oneof![
        Just(Slip::Drop),
        Just(Slip::Double),
        near().prop_map(Slip::Replace),
        near().prop_map(Slip::Insert),
        Just(Slip::CutOff),
        Just(Slip::Repeat),
        Just(Slip::Upper),
    ];
    (slip, any::<prop::sample::Index>())
}

fn slipped(text: &str, slips: &[(Slip, prop::sample::Index)]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for (slip, place) in slips {
        let place = place.index(text.len() + 1);
        match slip {
            Slip::Insert(other) => text.insert(place, *other),
            Slip::Upper => text.iter_mut().for_each(char::make_ascii_uppercase),
            Slip::Repeat => text.extend_from_within(..),
            Slip::CutOff => text.truncate(place),
            _ if place == text.len() => {}
            Slip::Drop => drop(text.remove(place)),
            Slip::Double => text.insert(place, text[place]),
            Slip::Replace(other) => text[place] = *other,
        }
    }
    text.into_iter().collect()
}

/// The spelling of any UUID.
fn uuid() -> impl Strategy<Value = String> {
    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
}

/// Spellings of codes, of numbers and of users, each with a few slips; and anything at all.
fn text() -> impl Strategy<Value = String> {
    let right = prop_oneof![
        (1..=SaleId::MAX, any::<u128>()).prop_map(|(number, random)| {
            Code::new(SaleId::try_from(number).unwrap(), random).to_string()
        }),
        uuid(),
        any::<i64>().prop_map(|number| number.to_string()),
        (0..=SaleId::MAX).prop_map(|number| number.to_string()),
        (0..=Unit::MAX).prop_map(|number| number.to_string()),
        "0{0,3}[0-9]{1,6}",
        "[A-Za-z0-9._:@-]{1,66}",
    ];
    let nearly = (right, prop::collection::vec(slip(), 0..3));
    prop_oneof![
        4 => nearly.prop_map(|(right, slips)| slipped(&right, &slips)),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_text_that_is_a_code_is_its_one_spelling_but_for_the_case(text in text()) {
        if let Ok(code) = text.parse::<Code>() {
            prop_assert_eq!(code.to_string(), text.to_ascii_lowercase());
            prop_assert_eq!(Code::from_bits(code.to_bits()), Ok(code));
        }
    }

    #[test]
    fn a_text_that_is_a_number_is_its_one_spelling(text in text()) {
        if let Ok(sale) = text.parse::<SaleId>() {
            prop_assert_eq!(sale.to_string(), &*text);
        }
        if let Ok(unit) = text.parse::<Unit>() {
            prop_assert_eq!(unit.to_string(), text);
        }
    }

    #[test]
    fn a_text_that_is_a_user_is_kept_as_it_is(text in text()) {
        let plain = |text: &str| {
            text.chars().all(|char| char.is_ascii_alphanumeric() || "._:@-".contains(char))
        };
        let is_user = (1..=UserId::LENGTH_MAX).contains(&text.len()) && plain(&text);

        match text.parse::<UserId>() {
            Ok(user) => prop_assert!(is_user && user.as_str() == text),
            Err(error) => prop_assert!(!is_user, "{text:?}: {error}"),
        }
    }

    #[test]
    fn a_number_is_a_name_exactly_if_its_spelling_is(number in any::<i64>()) {
        let sale = SaleId::try_from(number).ok();
        prop_assert_eq!(number.to_string().parse::<SaleId>().ok(), sale);
        let unit = u32::try_from(number).ok().and_then(|number| Unit::try_from(number).ok());
        prop_assert_eq!(number.to_string().parse::<Unit>().ok(), unit);
    }

    #[test]
    fn a_code_leads_to_its_sale_and_back(
        number in 1..=SaleId::MAX, random in any::<u128>(), foreign in any::<u128>()
    ) {
        let sale = SaleId::try_from(number).unwrap();

        prop_assert_eq!(Code::new(sale, random).sale(), sale);
        // Whatever is taken for a code is one that could have been made for its sale.
        if let Ok(code) = Code::from_bits(foreign) {
            prop_assert_eq!(Code::new(code.sale(), foreign), code);
        }
    }

    #[test]
    fn a_uuid_is_never_malformed(uuid in uuid()) {
        let bits = u128::from_str_radix(&uuid.replace('-', ""), 16).unwrap();

        let read = uuid.parse::<Code>();

        prop_assert_ne!(read, Err(ParseCodeError::Malformed));
        prop_assert_eq!(read, Code::from_bits(bits).map_err(ParseCodeError::Foreign));
    }
}
