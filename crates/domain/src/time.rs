//! Moments and how they are written.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, in whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A text that is no date in one of the forms the Web API takes.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a date; write yyyy-MM-dd or yyyy-MM-dd'T'HH:mm:ss+ZZZZ, for example 2026-01-31T10:34:21+0100")]
pub struct NotADate(String);

impl Timestamp {
    /// The moment `millis` milliseconds after the start of 1970 in UTC.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the start of 1970 in UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment moved forward; stops at the end of representable time.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment moved back; stops at the start of representable time.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How much later this moment is than `earlier`; zero when it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The same moment with its milliseconds dropped, as every date on the wire is (towards the past).
    #[must_use]
    pub fn truncated_to_seconds(self) -> Self {
        Self(self.0.div_euclid(1000) * 1000)
    }

    /// Reads `yyyy-MM-dd'T'HH:mm:ssZ` (offset with or without a colon, or `Z`) or `yyyy-MM-dd` (midnight, UTC).
    pub fn parse(text: &str) -> Result<Self, NotADate> {
        let refused = || NotADate(text.to_owned());
        if let Ok(date) = text.parse::<jiff::civil::Date>()
            && text.len() == 10
        {
            let midnight = jiff::tz::TimeZone::UTC
                .to_timestamp(date.at(0, 0, 0, 0))
                .map_err(|_| refused())?;
            return Ok(Self(midnight.as_millisecond()));
        }
        jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%z", text)
            .and_then(|parsed| parsed.to_timestamp())
            .or_else(|_| text.parse::<jiff::Timestamp>())
            .map(|moment| Self(moment.as_millisecond()))
            .map_err(|_| refused())
    }
}

/// `yyyy-MM-dd'T'HH:mm:ss+0000`: whole seconds, always UTC, the offset without a colon. This is the form of every
/// date in the Web API and in payloads.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_millisecond(self.truncated_to_seconds().0).unwrap_or(jiff::Timestamp::MAX);
        f.write_str(&moment.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}+{}ms", self.0.rem_euclid(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_in_utc_with_whole_seconds() {
        assert_eq!(
            Timestamp::from_millis(1_500_000_000_999).to_string(),
            "2017-07-14T02:40:00+0000"
        );
    }

    #[test]
    fn a_written_date_reads_back() {
        for text in [
            "2017-07-14T04:40:00+0200",
            "2017-07-14T04:40:00+02:00",
            "2017-07-14T02:40:00Z",
        ] {
            assert_eq!(
                Timestamp::parse(text).unwrap(),
                Timestamp::from_millis(1_500_000_000_000),
                "{text}"
            );
        }
        assert_eq!(
            Timestamp::parse("1970-01-02").unwrap(),
            Timestamp::from_millis(86_400_000)
        );
        assert!(
            Timestamp::parse("yesterday")
                .unwrap_err()
                .to_string()
                .contains("'yesterday' is not a date")
        );
    }
}
