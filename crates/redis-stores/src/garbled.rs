//! Replies as no server of ours gives them: each is read as what it says, or is an error.

use deadpool_redis::redis::{ToRedisArgs, Value};
use domain::{
    Code, SaleId, UserId,
    ports::{HoldRequest, PlaceReply},
};
use proptest::{prelude::*, sample::Index};

use crate::{
    code_store::{place::read_placed, read_due, read_units, settle::read_settled},
    keys::{CodeArg, SaleKeys},
    load::{free_ranges, read_step},
    sale_store::read_status,
    snapshot,
    turns::read_turn,
};

fn sale() -> impl Strategy<Value = SaleId> {
    (1..=SaleId::MAX).prop_map(|number| SaleId::try_from(number).unwrap())
}

fn code() -> impl Strategy<Value = Code> {
    (sale(), any::<u128>()).prop_map(|(sale, random)| Code::new(sale, random))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..3_000_000_000_000i64).prop_map(|number| number.to_string()),
        1 => any::<i128>().prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec!["-0", "+1", "01", "1.7e+12", "inf", "nan", "0x7", "1e9", ""])
            .prop_map(str::to_owned),
    ]
}

/// One word that some function of the library replies with somewhere, or something like it.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "served",
        "not_loaded",
        "newer_library",
        "granted",
        "sold_out",
        "user_limit",
        "not_open",
        "ended",
        "paused",
        "active",
        "settled",
        "loaded",
        "fenced",
        "unserved",
        "loading",
        "begun",
        "added",
        "cut_short",
        "other_ledger",
        "yours",
        "others",
        "hhb",
        "-",
    ]);
    prop_oneof![
        known.prop_map(str::to_owned),
        number(),
        code().prop_map(|code| code.to_string()),
        any::<String>(),
    ]
}

/// Answers to so many requests, as the library words them.
fn placed(requests: usize) -> impl Strategy<Value = Vec<String>> {
    let answer = prop_oneof![
        (1..1_000_000u32, 0..1_000u16).prop_map(|(unit, slot)| format!("granted {unit} {slot}")),
        (0..3_000_000_000_000i64).prop_map(|at| format!("sold_out {at} -")),
        "[hb.]{1,4}".prop_map(|marks| format!("user_limit {marks} 4")),
        (0..3_000_000_000_000i64, prop::sample::select(vec!["not_open", "ended", "paused"]))
            .prop_map(|(at, word)| format!("{word} {at} -")),
    ];
    prop::collection::vec(answer, requests)
        .prop_map(|answers| format!("served 1 1764000000000 - {}", answers.join(" ")))
        .prop_map(|reply| reply.split_ascii_whitespace().map(str::to_owned).collect())
}

/// What happens to words on the way.
#[derive(Debug, Clone)]
enum Slip {
    Drop(Index),
    Double(Index),
    Swap(Index, Index),
    Replace(Index, String),
    Append(String),
}

fn slips() -> impl Strategy<Value = Vec<Slip>> {
    let place = any::<Index>;
    let slip = prop_oneof![
        place().prop_map(Slip::Drop),
        place().prop_map(Slip::Double),
        (place(), place()).prop_map(|(one, other)| Slip::Swap(one, other)),
        (place(), word()).prop_map(|(place, word)| Slip::Replace(place, word)),
        word().prop_map(Slip::Append),
    ];
    prop::collection::vec(slip, 0..3)
}

fn slipped(mut words: Vec<String>, slips: Vec<Slip>) -> Vec<String> {
    for slip in slips {
        match slip {
            Slip::Append(word) => words.push(word),
            _ if words.is_empty() => {}
            Slip::Drop(place) => drop(words.remove(place.index(words.len()))),
            Slip::Double(place) => words.push(words[place.index(words.len())].clone()),
            Slip::Swap(one, other) => {
                let count = words.len();
                words.swap(one.index(count), other.index(count));
            }
            Slip::Replace(place, word) => {
                let count = words.len();
                words[place.index(count)] = word;
            }
        }
    }
    words
}

fn bulk(text: impl Into<Vec<u8>>) -> Value {
    Value::BulkString(text.into())
}

/// Anything the protocol has a form for, and words in most of the places.
fn value() -> impl Strategy<Value = Value> {
    let words = prop::collection::vec(word(), 0..12).prop_map(|words| words.join(" "));
    let leaf = prop_oneof![
        4 => words.prop_map(bulk),
        1 => word().prop_map(Value::SimpleString),
        1 => prop::collection::vec(any::<u8>(), 0..24).prop_map(Value::BulkString),
        1 => any::<i64>().prop_map(Value::Int),
        1 => prop::sample::select(vec![Value::Nil, Value::Okay, Value::Boolean(true)]),
        1 => any::<f64>().prop_map(Value::Double),
    ];
    leaf.prop_recursive(2, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((inner.clone(), inner), 0..3).prop_map(Value::Map),
        ]
    })
}

fn requests() -> impl Strategy<Value = Vec<HoldRequest>> {
    let user = "[a-c]".prop_map(|name| name.parse::<UserId>().unwrap());
    let request =
        (code(), user).prop_map(|(code, user)| HoldRequest { code, user, has_key: false });
    prop::collection::vec(request, 0..5)
}

/// The words of a reply, if it is one of words.
fn words(value: &Value) -> Option<Vec<&str>> {
    let text = match value {
        Value::BulkString(bytes) => str::from_utf8(bytes).ok()?,
        Value::SimpleString(text) => text,
        _ => return None,
    };
    Some(text.split_ascii_whitespace().collect())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_garbled_answer_grants_nothing(
        (requests, words) in requests().prop_flat_map(|asked| {
            let words = placed(asked.len());
            (Just(asked), words)
        }),
        slips in slips(),
    ) {
        let asked: Vec<_> = requests.iter().collect();
        prop_assert!(read_placed(&bulk(words.join(" ")), &asked).is_ok(), "{words:?}");
        let text = slipped(words, slips).join(" ");

        if let Ok(answers) = read_placed(&bulk(text.clone()), &asked) {
            prop_assert_eq!(answers.len(), asked.len());
            let words = text.split_ascii_whitespace().collect::<Vec<_>>();
            let whole = if words[0] == "served" { 4 + 3 * asked.len() } else { 1 };
            prop_assert_eq!(words.len(), whole, "{}", text);
            for (answer, request) in answers.iter().zip(&asked) {
                if let PlaceReply::Granted(grant) = answer {
                    prop_assert_eq!(grant.code, request.code);
                    let words = format!("granted {} {}", grant.unit, grant.slot.0);
                    prop_assert!(text.contains(&words), "{text}");
                }
            }
        }
    }

    #[test]
    fn whatever_is_replied_yields_no_more_answers_than_requests(
        value in value(), requests in requests(), sale in sale()
    ) {
        let asked: Vec<_> = requests.iter().collect();
        let codes: Vec<_> = requests.iter().map(|request| request.code).collect();

        if let Ok(answers) = read_placed(&value, &asked) {
            prop_assert_eq!(answers.len(), asked.len());
        }
        if let Ok(units) = read_units(&value, codes.len()) {
            prop_assert_eq!(units.len(), codes.len());
        }
        if let Ok(Some(due)) = read_due(&value) {
            let listed = words(&value).unwrap_or_default().len();
            prop_assert_eq!(due.len() + 1, listed);
        }
        let words = words(&value);
        let says = |word| words.as_deref() == Some(&[word]);
        prop_assert_eq!(read_settled(&value).is_ok(), says("settled") || says("not_loaded"));
        prop_assert_eq!(read_turn(&value).is_ok(), says("yours") || says("others"));
        let is_fenced = matches!(
            words.as_deref(),
            Some(["fenced", epoch, "served" | "unserved" | "loading"]) if epoch.parse::<i64>().is_ok()
        );
        let is_step = says("loaded") || says("begun") || says("added") || is_fenced;
        prop_assert_eq!(read_step(&value).is_ok(), is_step);
        prop_assert!(words.is_some() || read_status(&value).is_err() && read_due(&value).is_err());
        prop_assert!(snapshot::read(sale, std::slice::from_ref(&value)).is_err());
    }

    #[test]
    fn a_garbled_status_is_not_believed(
        numbers in prop::collection::vec(0..1_000_000u32, 11), slips in slips()
    ) {
        let mut words: Vec<_> = numbers.iter().map(u32::to_string).collect();
        words[5] = "7".to_owned();
        words.insert(0, "served".to_owned());
        words.insert(8, "active".to_owned());
        prop_assert!(matches!(read_status(&bulk(words.join(" "))), Ok(Some(_))), "{words:?}");
        let text = slipped(words, slips).join(" ");

        if let Ok(Some(status)) = read_status(&bulk(text.clone())) {
            let words: Vec<_> = text.split_ascii_whitespace().collect();
            prop_assert_eq!(words.len(), 13);
            let read = [words[9], words[10], words[11]].map(|word| word.parse::<u32>().unwrap());
            prop_assert_eq!([status.free, status.held, status.sold], read);
        }
    }

    #[test]
    fn a_snapshot_is_read_whatever_is_in_it(replies in prop::collection::vec(value(), 8..15), sale in sale()) {
        let mut replies = replies;
        replies[0] = bulk("served");

        let read = snapshot::read(sale, &replies).unwrap().unwrap();

        // Nothing here is a server's memory, so this at least is reported.
        prop_assert!(!read.unreadable.is_empty());
    }

    #[test]
    fn a_load_frees_no_unit_beyond_the_stock(
        stock in 0..50u32, taken in prop::collection::vec(1..60u32, 0..20)
    ) {
        let units = taken.iter().map(|&unit| unit.try_into().unwrap());
        let free: Vec<_> = free_ranges(stock, units).into_iter().flat_map(|(first, last)| first..=last).collect();

        let expected: Vec<_> = (1..=stock).filter(|unit| !taken.contains(unit)).collect();
        prop_assert_eq!(free, expected);
    }

    #[test]
    fn keys_and_codes_are_one_argument_each_and_share_a_slot(sale in sale(), code in code()) {
        let tag = format!("{{{sale}}}");
        let keys = SaleKeys::of(sale).to_redis_args();
        prop_assert_eq!(keys.len(), SaleKeys::COUNT);
        for key in keys {
            let key = String::from_utf8(key).unwrap();
            prop_assert_eq!(key.find('{'), key.find(&tag));
            let braces = key.matches(['{', '}']).count();
            prop_assert_eq!((braces, key.contains(char::is_whitespace)), (2, false));
        }
        prop_assert_eq!(CodeArg(code).to_redis_args(), vec![code.to_string().into_bytes()]);
    }
}
