//! What a request asked for beside its tokens: [`Context`], a value for each [`Dimension`] that a rate may depend on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::meter::Meter;

macro_rules! dimensions {
    ($($variant:ident $name:literal $about:literal $(of $($meter:ident)+)?;)+) => {
        /// Something that a request states and a rate may depend on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum Dimension {
            $(#[doc = $about] #[serde(rename = $name)] $variant,)+
        }

        impl Dimension {
            /// Every dimension.
            pub const ALL: &[Dimension] = &[$(Dimension::$variant),+];

            /// The name in price files and usage records.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Dimension::$variant => $name),+ }
            }

            /// The meters that it says something about; none where it says something about every one.
            const fn meters(self) -> &'static [Meter] {
                match self { $(Dimension::$variant => &[$($(Meter::$meter),+)?]),+ }
            }
        }
    };
}

dimensions! {
    Processing        "processing"          "how the request is processed: `batch`";
    ServiceTier       "service_tier"        "the queue it stands in: `flex`, `priority` …";
    Speed             "speed"               "a faster serving of the same model: `fast`";
    Mode              "mode"                "a mode of the model that is billed apart: `thinking`";
    InferenceGeo      "inference_geo"       "where it must be computed: `us`";
    Region            "region"              "the region or residency zone it is sent to";
    Endpoint          "endpoint"            "the kind of endpoint: `regional`";
    SearchContextSize "search_context_size" "how much a web search reads: `low`, `medium`, `high`" of WebSearches Requests;
    Quality           "quality"             "the quality of an image: `low`, `hd` …" of Images InputImages OutputImage OutputPixels;
    Size              "size"                "the size of an image: `1024x1024` …" of Images InputImages OutputImage OutputPixels;
    Resolution        "resolution"          "the resolution of a video: `1280x720` …" of VideoSeconds OutputVideo;
    Cache             "cache"               "which cache it hit, at a provider that has two: `implicit`, `explicit`" of CacheRead CacheReadAudio CacheReadImage CacheWrite5m CacheWrite1h CacheWrite12h;
    Route             "route"               "the host behind a router";
}

impl Dimension {
    /// Whether a price of this usage can depend on it: a search size says nothing about a request without searches.
    #[must_use]
    pub fn concerns(self, meter: Meter) -> bool {
        self.meters().is_empty() || self.meters().contains(&meter)
    }

    /// Whether a card without rates by it bills every value alike: most providers have one cache, whatever it is called.
    #[must_use]
    pub const fn is_one_without_rates(self) -> bool {
        matches!(self, Dimension::Cache)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDimension(pub String);

impl std::error::Error for UnknownDimension {}

impl fmt::Display for UnknownDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Dimension::ALL.iter().map(|dimension| dimension.name()).collect();
        write!(f, "no dimension is called {:?}: it is one of {}", self.0, names.join(", "))
    }
}

impl FromStr for Dimension {
    type Err = UnknownDimension;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Dimension::ALL.iter().copied().find(|d| d.name() == name).ok_or_else(|| UnknownDimension(name.to_owned()))
    }
}

/// The values that a request states, at most one for each dimension.
///
/// Values compare without regard to case, as providers report `STANDARD` and `standard` alike.
///
/// # Examples
/// ```
/// use farebox_prices::context::{Context, Dimension};
/// let context = Context::default().with(Dimension::Processing, "batch");
/// assert_eq!(context.get(Dimension::Processing), Some("batch"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(Vec<(Dimension, String)>);

impl Context {
    /// The same context with one more value; a value given before is replaced.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, value: &str) -> Self {
        self.set(dimension, value);
        self
    }

    /// Sets a value; one given before is replaced.
    pub fn set(&mut self, dimension: Dimension, value: &str) {
        let value = value.to_lowercase();
        match self.0.iter_mut().find(|(d, _)| *d == dimension) {
            Some((_, old)) => *old = value,
            None => self.0.push((dimension, value)),
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, dimension: Dimension) {
        self.0.retain(|(d, _)| *d != dimension);
    }

    /// The value of a dimension, in lower case.
    #[must_use]
    pub fn get(&self, dimension: Dimension) -> Option<&str> {
        self.0.iter().find(|(d, _)| *d == dimension).map(|(_, v)| v.as_str())
    }

    /// Everything stated.
    pub fn iter(&self) -> impl Iterator<Item = (Dimension, &str)> {
        self.0.iter().map(|(d, v)| (*d, v.as_str()))
    }

    /// Whether nothing is stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `processing=batch and region=eu`: the values that a request must state, for people.
#[must_use]
pub fn conditions(when: &[(Dimension, String)]) -> String {
    when.iter().map(|(d, v)| format!("{d}={v}")).collect::<Vec<_>>().join(" and ")
}
