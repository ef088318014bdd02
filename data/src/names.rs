//! Enumerations whose values have a name: [`names!`](crate::names) writes what all of them have in common.

/// A name that none of them has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked:?} {is_not}: write one of {known}")]
pub struct UnknownName {
    /// What was written.
    pub asked: String,
    /// What it is not: `is not a format`.
    pub is_not: &'static str,
    /// The names there are.
    pub known: String,
}

/// An enumeration whose values have a name and a line about them: `ALL`, `name`, `about`, `Display` and `FromStr`.
///
/// # Examples
/// ```
/// farebox_data::names! {
///     /// A fruit.
///     #[derive(Clone, Copy, Debug, PartialEq, Eq)]
///     pub enum Fruit "is not a fruit" {
///         Apple "apple" "Grows on a tree";
///         Berry "berry" "Grows on a bush";
///     }
/// }
/// assert_eq!("berry".parse::<Fruit>().unwrap(), Fruit::Berry);
/// assert_eq!("nut".parse::<Fruit>().unwrap_err().to_string(), "\"nut\" is not a fruit: write one of apple, berry");
/// assert_eq!(Fruit::ALL.iter().map(|fruit| fruit.about()).next(), Some("Grows on a tree"));
/// ```
#[macro_export]
macro_rules! names {
    ($(#[$meta:meta])* $vis:vis enum $Type:ident $is_not:literal { $($(#[$of:meta])* $Value:ident $name:literal $about:literal;)+ }) => {
        $(#[$meta])*
        $vis enum $Type {
            $($(#[$of])* #[doc = $about] $Value,)+
        }

        impl $Type {
            /// Every one, in the order of lists.
            $vis const ALL: &[$Type] = &[$($Type::$Value),+];

            /// The name on the command line and in output.
            #[must_use]
            $vis const fn name(self) -> &'static str {
                match self { $($Type::$Value => $name),+ }
            }

            /// One line about it for people.
            #[must_use]
            $vis const fn about(self) -> &'static str {
                match self { $($Type::$Value => $about),+ }
            }
        }

        impl ::std::fmt::Display for $Type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::std::str::FromStr for $Type {
            type Err = $crate::names::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|known| known.name() == name).ok_or_else(|| $crate::names::UnknownName {
                    asked: name.to_owned(),
                    is_not: $is_not,
                    known: Self::ALL.iter().map(|known| known.name()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
