//! A value of a workload file whose meaning is decided later: text, a list or a map, each part with its place.
//!
//! Rules are read as trees, so that one that is wrong names itself and leaves the others standing.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::pricing::yaml::At;

/// Text, a list or a map. Numbers and booleans are their text.
#[derive(Clone, Debug)]
pub enum Tree {
    /// A scalar.
    Text(String),
    /// Several.
    List(Vec<At<Tree>>),
    /// By name.
    Map(Vec<(At<String>, At<Tree>)>),
}

impl Default for Tree {
    fn default() -> Self {
        Tree::Text(String::new())
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Trees;
        impl<'de> Visitor<'de> for Trees {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, a list or a map")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::Text(text.to_owned()))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<Tree, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_i64<E: Error>(self, n: i64) -> Result<Tree, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_f64<E: Error>(self, n: f64) -> Result<Tree, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_unit<E: Error>(self) -> Result<Tree, E> {
                self.visit_str("")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut list = Vec::new();
                while let Some(one) = seq.next_element()? {
                    list.push(one);
                }
                Ok(Tree::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut pairs = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    pairs.push(entry);
                }
                Ok(Tree::Map(pairs))
            }
        }
        deserializer.deserialize_any(Trees)
    }
}

impl Tree {
    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts of a scalar or of a list of scalars; `None` where something else is in it.
    #[must_use]
    pub fn texts(&self) -> Option<Vec<String>> {
        match self {
            Tree::Text(text) => Some(vec![text.clone()]),
            Tree::List(list) => list.iter().map(|one| one.value.text().map(str::to_owned)).collect(),
            Tree::Map(_) => None,
        }
    }

    /// The value under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&At<Tree>> {
        match self {
            Tree::Map(pairs) => pairs.iter().find(|(key, _)| key.value == name).map(|(_, value)| value),
            _ => None,
        }
    }
}
