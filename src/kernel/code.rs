//! Stored enums: one list of variants and codes for the database, JSON and the API.

/// Declares a field-less enum whose variants have stable codes in `SCREAMING_SNAKE_CASE`.
///
/// It gives `ALL`, `code()`, `Display` (the code), `FromStr` (exact match, [`UnknownCode`] otherwise),
/// serde as the code, and a sea-orm text column. The API shows the same enum by `api_enum!`, so that
/// codes and descriptions cannot drift apart.
#[macro_export]
macro_rules! coded_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[doc = $doc:literal])* $variant:ident => $code:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::sea_orm::DeriveValueType)]
        #[sea_orm(value_type = "String")]
        $vis enum $name { $($(#[doc = $doc])* $variant),+ }

        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code: what is stored and what the API shows.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// What the variant means: its doc comment, which the API shows as the description.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*)),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.code())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::kernel::code::UnknownCode;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($code => Ok(Self::$variant),)+ _ => Err($crate::kernel::code::UnknownCode(stringify!($name))) }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as ::serde::Deserialize<'de>>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}

/// A text that is none of an enum's codes; holds the name of the enum, never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCode(pub &'static str);

impl std::fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a code of {}", self.0)
    }
}

impl std::error::Error for UnknownCode {}

coded_enum! {
    /// How far a row of the catalogue, an organisation or a calendar may be relied on.
    pub enum Verification {
        /// Read at the official source that the row names.
        Official => "OFFICIAL",
        /// Read in a copy or in the press; the official source is to be consulted.
        Reported => "REPORTED",
        /// Made up so that the portal can run; never shown as official.
        StandIn => "STAND_IN",
    }
}

#[cfg(test)]
mod tests {
    use super::Verification;

    #[test]
    fn codes_are_read_back_and_unknown_ones_refused() {
        for &v in Verification::ALL {
            assert_eq!(v.code().parse(), Ok(v));
        }
        assert!("OFFICIAL ".parse::<Verification>().is_err());
        assert_eq!(serde_json::to_string(&Verification::StandIn).unwrap(), "\"STAND_IN\"");
        assert_eq!(serde_json::from_str::<Verification>("\"REPORTED\"").unwrap(), Verification::Reported);
    }
}
