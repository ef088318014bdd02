//! Short forms: a scalar where a map may stand ([`Short`]), one thing where a list may stand ([`Many`], [`Words`]).

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::quantity::{ForSerde, QuantityError, float_text};
use crate::pricing::yaml::At;

/// A map that has a short form.
pub trait Shorthand: Sized {
    /// What the short form says.
    type Said;
    /// What is expected, for an error.
    const EXPECTED: &'static str;

    /// Reads the short form.
    ///
    /// # Errors
    /// [`QuantityError`].
    fn said(text: &str) -> Result<Self::Said, QuantityError>;

    /// The long form of it.
    fn of(said: At<Self::Said>) -> Self;
}

/// A map, or its short form.
#[derive(Debug, Default)]
pub struct Short<T>(pub T);

impl<T> Deref for Short<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Either form, while it is read.
enum Either<T: Shorthand> {
    Said(T::Said),
    Long(T),
}

impl<'de, T: Shorthand + Deserialize<'de>> Deserialize<'de> for Either<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms<T>(PhantomData<T>);
        impl<'de, T: Shorthand + Deserialize<'de>> Visitor<'de> for Forms<T> {
            type Value = Either<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Either<T>, E> {
                T::said(text).map(Either::Said).map_err(ForSerde::for_serde)
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<Either<T>, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_i64<E: Error>(self, n: i64) -> Result<Either<T>, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_f64<E: Error>(self, n: f64) -> Result<Either<T>, E> {
                self.visit_str(&float_text(n).map_err(ForSerde::for_serde)?)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Either<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Either::Long)
            }
        }
        deserializer.deserialize_any(Forms(PhantomData))
    }
}

impl<'de, T: Shorthand + Deserialize<'de>> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let At { value, place } = At::<Either<T>>::deserialize(deserializer)?;
        Ok(Short(match value {
            Either::Said(value) => T::of(At { value, place }),
            Either::Long(long) => long,
        }))
    }
}

/// A list of maps, or one of them.
#[derive(Debug)]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Many(Vec::new())
    }
}

impl<T> Deref for Many<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Forms<T> {
            type Value = Many<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of maps, or one map")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Many<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| Many(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Many<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Many)
            }
        }
        deserializer.deserialize_any(Forms(PhantomData))
    }
}

/// A list of words, or one of them, each with its place.
#[derive(Debug, Default)]
pub struct Words(pub Vec<At<String>>);

impl Deref for Words {
    type Target = [At<String>];
    fn deref(&self) -> &[At<String>] {
        &self.0
    }
}

enum OneOrList {
    One(String),
    List(Vec<At<String>>),
}

impl<'de> Deserialize<'de> for OneOrList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = OneOrList;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word, or a list of words")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrList, E> {
                Ok(OneOrList::One(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrList, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrList::List)
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let At { value, place } = At::<OneOrList>::deserialize(deserializer)?;
        Ok(Words(match value {
            OneOrList::One(value) => vec![At { value, place }],
            OneOrList::List(list) => list,
        }))
    }
}

#[cfg(test)]
mod schema {
    use super::*;
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use std::borrow::Cow;

    impl<T: JsonSchema> JsonSchema for Short<T> {
        fn schema_name() -> Cow<'static, str> {
            format!("Short{}", T::schema_name()).into()
        }
        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let long = generator.subschema_for::<T>();
            json_schema!({"anyOf": [{"type": ["number", "string"]}, long]})
        }
    }

    impl<T: JsonSchema> JsonSchema for Many<T> {
        fn schema_name() -> Cow<'static, str> {
            format!("Many{}", T::schema_name()).into()
        }
        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let one = generator.subschema_for::<T>();
            json_schema!({"anyOf": [one.clone(), {"type": "array", "items": one}]})
        }
    }

    impl JsonSchema for Words {
        fn schema_name() -> Cow<'static, str> {
            "Words".into()
        }
        fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
            json_schema!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
        }
    }
}
