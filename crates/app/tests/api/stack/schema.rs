//! Checks a value against a schema, strictly: an object has the members that are described and no
//! others. It knows the keywords that `docs/openapi.json` uses, and panics at any other.

use serde_json::{Value, json};

/// What is said of a value and does not bound it; or, of texts, is tried by `make contract`.
const SAYS: [&str; 7] =
    ["default", "description", "example", "externalDocs", "format", "pattern", "title"];

/// Why `value` is not of a schema that is part of `document`, if it is not.
pub(crate) fn breach(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let keywords = schema.as_object().unwrap_or_else(|| panic!("no schema: {schema}"));
    keywords.iter().find_map(|(keyword, bound)| {
        let is_kept = match keyword.as_str() {
            said if SAYS.contains(&said) => true,
            "$ref" => {
                let at = bound.as_str().and_then(|it| document.pointer(it.trim_start_matches('#')));
                return breach(document, at.unwrap_or_else(|| panic!("no {bound}")), value);
            }
            "type" => is_of_type(bound, value),
            "const" => value == bound,
            "enum" => bound.as_array().unwrap().contains(value),
            "minimum" => value.as_f64() >= bound.as_f64(),
            "maximum" => value.as_f64() <= bound.as_f64(),
            "multipleOf" => value.as_i64().zip(bound.as_i64()).is_some_and(|(it, of)| it % of == 0),
            "minLength" => length(value) >= bound.as_u64(),
            "maxLength" => length(value) <= bound.as_u64(),
            "items" => return value.as_array()?.iter().find_map(|it| breach(document, bound, it)),
            "required" => bound.as_array().unwrap().iter().all(|name| has(value, name)),
            "properties" => return breach_of_members(document, schema, value),
            // Read where the properties are, or there are none.
            "additionalProperties" if schema.get("properties").is_some() => true,
            "additionalProperties" => {
                let mut members = value.as_object()?.values();
                return members.find_map(|member| breach(document, bound, member));
            }
            "oneOf" | "anyOf" => {
                let fits = |it: &&Value| breach(document, it, value).is_none();
                let fitting = bound.as_array().unwrap().iter().filter(fits).count();
                fitting == 1 || keyword == "anyOf" && fitting > 1
            }
            other => panic!("the keyword {other} is not known here"),
        };
        (!is_kept).then(|| format!("{keyword} is {bound}, and not {value}"))
    })
}

fn breach_of_members(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    value.as_object()?.iter().find_map(|(name, member)| match schema["properties"].get(name) {
        Some(schema) => breach(document, schema, member).map(|why| format!("{name}: {why}")),
        None => Some(format!("{name} is not described")),
    })
}

fn is_of_type(bound: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not known here"),
    };
    bound.as_array().map_or_else(|| is(bound), |names| names.iter().any(is))
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn has(value: &Value, name: &Value) -> bool {
    value.get(name.as_str().unwrap()).is_some()
}

#[test]
fn what_is_missing_or_not_described_or_of_another_kind_is_a_breach() {
    let document = json!({ "schemas": { "Count": { "type": "integer", "minimum": 0 } } });
    let schema = json!({
        "type": "object",
        "properties": { "held": { "$ref": "#/schemas/Count" }, "at": { "const": "noon" } },
        "required": ["held"],
    });
    let is_right = |value| breach(&document, &schema, &value).is_none();

    assert!(is_right(json!({ "held": 0 })) && is_right(json!({ "held": 1, "at": "noon" })));
    for wrong in [
        json!({}),
        json!([]),
        json!({ "held": -1 }),
        json!({ "held": "1" }),
        json!({ "held": 1.5 }),
        json!({ "held": 1, "at": "one" }),
        json!({ "held": 1, "sold": 2 }),
    ] {
        assert!(!is_right(wrong.clone()), "{wrong}");
    }
}
