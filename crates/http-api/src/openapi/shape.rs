//! What values look like: the schema of each beside the type that is written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What has a schema.
pub(crate) trait Shape {
    /// What the schema is called where all of them are kept; `None` for one that is small.
    const NAME: Option<&'static str>;

    /// Whether a member of this shape may be missing.
    const IS_OPTIONAL: bool = false;

    /// The schema itself.
    fn schema(schemas: &mut Schemas) -> Value;
}

/// Makes the schema of something.
pub(crate) type MakeSchema = fn(&mut Schemas) -> Value;

/// The schemas that are referred to, by name.
#[derive(Default)]
pub(crate) struct Schemas(BTreeMap<&'static str, Value>);

impl Schemas {
    /// The schema of `T`, or where it is.
    pub(crate) fn of<T: Shape>(&mut self) -> Value {
        let Some(name) = T::NAME else { return T::schema(self) };
        if !self.0.contains_key(name) {
            let schema = T::schema(self);
            self.keep(name, schema);
        }
        Self::reference(name)
    }

    /// Keeps a schema under a name.
    pub(crate) fn keep(&mut self, name: &'static str, schema: Value) {
        self.0.insert(name, schema);
    }

    /// Where the schema of this name is.
    pub(crate) fn reference(name: &str) -> Value {
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// All of them.
    pub(crate) fn all(self) -> Map<String, Value> {
        self.0.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
    }
}

impl Shape for String {
    const NAME: Option<&'static str> = None;

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string" })
    }
}

impl Shape for bool {
    const NAME: Option<&'static str> = None;

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "boolean" })
    }
}

impl Shape for Map<String, Value> {
    const NAME: Option<&'static str> = None;

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "object" })
    }
}

impl<T: Shape> Shape for Option<T> {
    const NAME: Option<&'static str> = None;

    const IS_OPTIONAL: bool = true;

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.of::<T>()
    }
}

impl<T: Shape> Shape for Vec<T> {
    const NAME: Option<&'static str> = None;

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "type": "array", "items": schemas.of::<T>() })
    }
}

/// Gives a kind of value a schema that is written out.
macro_rules! scalars {
    ($($(#[$doc:meta])* $name:ident is $called:literal: $schema:tt)+) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl $crate::openapi::Shape for $name {
                const NAME: Option<&'static str> = Some($called);

                fn schema(_: &mut $crate::openapi::Schemas) -> serde_json::Value {
                    serde_json::json!($schema)
                }
            }
        )+
    };
}
pub(crate) use scalars;

/// A body of an answer, and its schema: the same fields with the same words. What follows `as` is the
/// shape of a field.
macro_rules! bodies {
    ($(
        $(#[doc = $says:literal])+
        $(#[derive($more:ident)])?
        $vis:vis struct $name:ident as $called:literal {
            $(
                $(#[doc = $field_says:literal])+
                $(#[serde($($serde:tt)+)])?
                $field_vis:vis $field:ident: $type:ty as $shape:ty,
            )+
        }
    )+) => {
        $(
            $(#[doc = $says])+
            #[derive(Debug, serde::Serialize, $($more)?)]
            $vis struct $name {
                $(
                    $(#[doc = $field_says])+
                    $(#[serde($($serde)+)])?
                    $field_vis $field: $type,
                )+
            }

            impl $crate::openapi::Shape for $name {
                const NAME: Option<&'static str> = Some($called);

                fn schema(schemas: &mut $crate::openapi::Schemas) -> serde_json::Value {
                    let mut properties = serde_json::Map::new();
                    let mut required = Vec::new();
                    $(
                        let mut schema = schemas.of::<$shape>();
                        schema["description"] = concat!($($field_says),+).trim().into();
                        properties.insert(stringify!($field).to_owned(), schema);
                        if !<$shape as $crate::openapi::Shape>::IS_OPTIONAL {
                            required.push(stringify!($field));
                        }
                    )+
                    serde_json::json!({
                        "type": "object",
                        "description": concat!($($says),+).trim(),
                        "properties": properties,
                        "required": required,
                    })
                }
            }
        )+
    };
}
pub(crate) use bodies;
