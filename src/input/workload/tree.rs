//! A value of a workload file whose meaning is decided later: text, a list or a map, each part with its place.
//!
//! Rules are read as trees, so that one that is wrong names itself and leaves the others standing.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::quantity::{ForSerde, float_text};
use crate::pricing::yaml::At;

/// Text, a list or a map. Numbers and booleans are their text.
#[derive(Clone, Debug)]
pub enum RawTree {
    /// A scalar.
    Text(String),
    /// Several.
    List(Vec<At<RawTree>>),
    /// By name.
    Map(Vec<(At<String>, At<RawTree>)>),
}

impl Default for RawTree {
    fn default() -> Self {
        RawTree::Text(String::new())
    }
}

impl<'de> Deserialize<'de> for RawTree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Trees;
        impl<'de> Visitor<'de> for Trees {
            type Value = RawTree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, a list or a map")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<RawTree, E> {
                Ok(RawTree::Text(text.to_owned()))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<RawTree, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<RawTree, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_i64<E: Error>(self, n: i64) -> Result<RawTree, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_f64<E: Error>(self, n: f64) -> Result<RawTree, E> {
                self.visit_str(&float_text(n).map_err(ForSerde::for_serde)?)
            }
            fn visit_unit<E: Error>(self) -> Result<RawTree, E> {
                self.visit_str("")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawTree, A::Error> {
                let mut list = Vec::new();
                while let Some(one) = seq.next_element()? {
                    list.push(one);
                }
                Ok(RawTree::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawTree, A::Error> {
                let mut pairs = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    pairs.push(entry);
                }
                Ok(RawTree::Map(pairs))
            }
        }
        deserializer.deserialize_any(Trees)
    }
}

impl RawTree {
    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            RawTree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts of a scalar or of a list of scalars; `None` where something else is in it.
    #[must_use]
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        match self {
            RawTree::Text(text) => Some(vec![text.clone()]),
            RawTree::List(list) => list.iter().map(|one| one.value.text().map(str::to_owned)).collect(),
            RawTree::Map(_) => None,
        }
    }

    /// The value under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&At<RawTree>> {
        match self {
            RawTree::Map(pairs) => pairs.iter().find(|(key, _)| key.value == name).map(|(_, value)| value),
            _ => None,
        }
    }
}
