//! Scalars of the API.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike as _, NaiveDate, SecondsFormat, SubsecRound as _, Utc};

/// Years of a civil date: the birth of the oldest person, and any term that is ever written down.
const DATE_YEARS: std::ops::RangeInclusive<i32> = 1800..=2200;
/// Years of an instant.
const INSTANT_YEARS: std::ops::RangeInclusive<i32> = 1900..=2200;

/// An instant. `chrono`'s own type would read years that neither the calendar nor a database can hold, and give as many
/// digits of a second as it happens to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub chrono::DateTime<Utc>);

/// An instant in the form of RFC 3339. Answers are in UTC with milliseconds, always of this shape:
/// `2026-01-12T16:00:00.000Z`. Inputs may have any offset and are cut to milliseconds; their years are 1900 to 2200.
#[Scalar(name = "DateTime", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339")]
impl ScalarType for Instant {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        match text.parse::<chrono::DateTime<Utc>>() {
            Ok(at) if INSTANT_YEARS.contains(&at.year()) => Ok(Self(at.trunc_subsecs(3))),
            Ok(_) => Err(InputValueError::custom("the year is not between 1900 and 2200")),
            Err(_) => Err(InputValueError::custom("not an instant of RFC 3339")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// A civil date at UTC+8, `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub NaiveDate);

/// A civil date at UTC+8, written `YYYY-MM-DD`, for example `2026-10-01`. Years of inputs are 1800 to 2200.
#[Scalar(name = "Date")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) if text.len() == 10 => {
                let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| InputValueError::custom("not a date YYYY-MM-DD"))?;
                if DATE_YEARS.contains(&date.year()) { Ok(Self(date)) } else { Err(InputValueError::custom("the year is not between 1800 and 2200")) }
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

impl From<chrono::DateTime<Utc>> for Instant {
    fn from(at: chrono::DateTime<Utc>) -> Self {
        Self(at)
    }
}

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

/// JSON of any shape, for form answers and form definitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub serde_json::Value);

/// JSON of any shape. Used where the shape is data of the catalogue: the answers of a form and its definition.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_cut_to_milliseconds_and_lies_within_three_centuries() {
        let read = |text: &str| Instant::parse(Value::from(text));
        assert_eq!(read("2026-10-01T08:00:00.123987+08:00").unwrap().0.to_rfc3339(), "2026-10-01T00:00:00.123+00:00");
        assert_eq!(read("2016-12-31T23:59:60Z").unwrap().0.to_rfc3339_opts(chrono::SecondsFormat::Millis, true).len(), 24);
        for text in ["1899-12-31T23:59:59Z", "2201-01-01T00:00:00Z", "+262142-12-31T23:59:59Z", "-262143-01-01T00:00:00Z", "2026-10-01", "", "now"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(Instant::parse(Value::from(5)).is_err());
    }

    #[test]
    fn a_date_lies_within_four_centuries() {
        let read = |text: &str| Date::parse(Value::from(text));
        assert!(read("1800-01-01").is_ok() && read("2200-12-31").is_ok());
        for text in ["1799-12-31", "2201-01-01", "0000-01-01", "9999-12-31", "2026-02-30", "2026-1-011"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
