//! What a query asks for by name, held to the table of all figures, which is held to what is counted.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::FIGURES;

/// What Prometheus adds to each series, and to a histogram.
const ADDED: [&str; 4] = ["instance", "job", "le", "alertname"];

/// What Prometheus shows of itself, and what that may be.
const OF_PROMETHEUS: [(&str, &str); 2] = [("up", "job"), ("ALERTS", "alertstate")];
const FIRING: &str = "firing";

/// Words before labels that are not of one metric alone.
const GROUPING: [&str; 5] = ["by", "without", "on", "ignoring", "group_left"];

/// Words that are no names.
const WORDS: [&str; 5] = ["or", "and", "unless", "bool", "offset"];

/// A part of a query: a word, a text in quotes, or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Word(String),
    Text(String),
    Sign(char),
}

/// The parts of a query, without spans of time and numbers.
fn parts(query: &str) -> Vec<Part> {
    let (mut parts, mut rest) = (Vec::new(), query);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => rest[1..].find('"').unwrap() + 2,
            '[' => rest.find(']').unwrap() + 1,
            _ if first.is_ascii_alphanumeric() || first == '_' || first == '.' => rest
                .find(|it: char| !(it.is_ascii_alphanumeric() || it == '_' || it == '.'))
                .unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (part, after) = rest.split_at(length);
        match first {
            '"' => parts.push(Part::Text(part.trim_matches('"').to_owned())),
            '[' | ' ' => {}
            _ if first.is_ascii_digit() || first == '.' => {}
            _ if first.is_ascii_alphabetic() || first == '_' => {
                parts.push(Part::Word(part.to_owned()));
            }
            sign => parts.push(Part::Sign(sign)),
        }
        rest = after;
    }
    parts
}

/// Every figure that there is, with its labels.
fn figures() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let rows = FIGURES.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let figures = rows.filter_map(|(name, rest)| {
        let [kind, labels, ..] = rest.split(" |").collect::<Vec<_>>()[..] else { return None };
        let is_kind = ["histogram", "counter", "gauge"].contains(&kind);
        let labels = labels.split(',').map(|label| label.trim().trim_matches('`'));
        is_kind.then(|| (name, labels.filter(|label| !label.is_empty()).collect()))
    });
    let of_prometheus = OF_PROMETHEUS.map(|(name, label)| (name, BTreeSet::from([label])));
    figures.chain(of_prometheus).collect()
}

/// The figure that a metric is of.
fn family(metric: &str) -> &str {
    let part = ["_bucket", "_count", "_sum"].iter().find_map(|part| metric.strip_suffix(part));
    part.filter(|it| it.ends_with("_seconds") || it.ends_with("_requests")).unwrap_or(metric)
}

/// What a query asks for that there is not, if there is such a thing.
pub(super) fn unknown_in(query: &str) -> Option<String> {
    let (figures, parts) = (figures(), parts(query));
    let (mut labels, mut of_all) = (BTreeSet::new(), BTreeSet::from(ADDED));
    let (mut is_matching, mut is_grouping, mut is_negative) = (false, false, false);
    let mut own = BTreeSet::new();
    for (at, part) in parts.iter().enumerate() {
        let next = parts.get(at + 1);
        match part {
            Part::Word(word) if is_matching => {
                if !own.contains(word.as_str()) && !ADDED.contains(&word.as_str()) {
                    return Some(format!("the label {word}"));
                }
            }
            Part::Word(word) if is_grouping => drop(labels.insert(word.as_str())),
            Part::Word(word) if GROUPING.contains(&word.as_str()) => is_grouping = true,
            Part::Word(word) if WORDS.contains(&word.as_str()) => {}
            // A function, or an aggregation, whose labels may come before what it is of.
            Part::Word(_) if next == Some(&Part::Sign('(')) => {}
            Part::Word(word)
                if matches!(next, Some(Part::Word(by)) if GROUPING.contains(&by.as_str()))
                    && !figures.contains_key(family(word)) => {}
            Part::Word(word) => {
                let Some(labels) = figures.get(family(word)) else {
                    return Some(format!("the figure {word}"));
                };
                own.clone_from(labels);
                of_all.extend(labels);
            }
            Part::Sign('{') => is_matching = true,
            Part::Sign('}') => (is_matching, is_negative) = (false, false),
            Part::Sign(')') => is_grouping = false,
            Part::Sign('!') => is_negative = true,
            Part::Sign(',') => is_negative = false,
            Part::Text(values) if !is_negative => {
                let is_own = |value: &str| value == FIRING || value.starts_with('5');
                let known = |value: &str| is_own(value) || FIGURES.contains(value);
                if let Some(value) = values.split('|').find(|it| !known(it)) {
                    return Some(format!("the value {value}"));
                }
            }
            Part::Text(_) | Part::Sign(_) => {}
        }
    }
    labels.into_iter().find(|label| !of_all.contains(label)).map(|it| format!("the label {it}"))
}

#[test]
fn what_there_is_not_is_found_in_a_query() {
    for (query, unknown) in [
        ("rate(flashsale_checkout_total[1m])", "the figure flashsale_checkout_total"),
        ("flashsale_checkouts_total{result=\"granted\"} > 0", "the label result"),
        ("sum by (results) (rate(flashsale_checkouts_total[1m]))", "the label results"),
        ("flashsale_checkouts_total{outcome=~\"granted|grunted\"}", "the value grunted"),
        (
            "flashsale_checkouts_total{outcome!=\"it\"} or flashsale_sale_units{state=\"grunted\"}",
            "the value grunted",
        ),
        ("flashsale_can_sell / flashsale_could_sell", "the figure flashsale_could_sell"),
    ] {
        assert_eq!(unknown_in(query).as_deref(), Some(unknown));
    }
    let right = "histogram_quantile(0.9, sum by (le, queue) (rate(flashsale_queue_wait_seconds_bucket[5s])))";
    assert_eq!(unknown_in(right), None);
}
