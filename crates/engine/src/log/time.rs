//! Times as people write them: how long ago, or a date.

use std::str::FromStr;

use jiff::{Span, SpanRelativeTo, Timestamp};

/// A time as it is given: `24h` and `7d` ago, `2026-11-01`, `2026-11-01T12:00:00Z`. Without a time zone it is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// So many microseconds before now.
    Ago(i64),
    /// Microseconds since 1970, UTC.
    At(i64),
}

impl Time {
    /// In microseconds since 1970, UTC.
    pub fn microseconds(self, now: i64) -> i64 {
        match self {
            Self::Ago(duration) => now.saturating_sub(duration),
            Self::At(time) => time,
        }
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let utc = ["", "Z", "T00:00:00Z"].map(|rest| format!("{text}{rest}"));
        let at = utc.iter().find_map(|text| text.parse::<Timestamp>().ok());
        if let Some(at) = at {
            return Ok(Self::At(at.as_microsecond()));
        }
        let ago = text
            .parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
            .ok()
            .filter(|duration| !duration.is_negative())
            .and_then(|duration| i64::try_from(duration.as_micros()).ok());
        ago.map(Self::Ago).ok_or_else(|| {
            "expected how long ago, such as `24h` or `7d`, or a date such as `2026-11-01` or \
             `2026-11-01T12:00:00Z`"
                .to_owned()
        })
    }
}

/// A time as it is written in tables: RFC 3339, UTC.
pub fn written(microseconds: i64) -> String {
    Timestamp::from_microsecond(microseconds)
        .map_or_else(|_| microseconds.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_durations_or_dates() {
        let parse = |text: &str| text.parse::<Time>();
        assert_eq!(parse("24h"), Ok(Time::Ago(86_400_000_000)));
        assert_eq!(parse("7d"), Ok(Time::Ago(7 * 86_400_000_000)));
        assert_eq!(parse("90m"), Ok(Time::Ago(5_400_000_000)));
        assert_eq!(parse("2026-11-23"), Ok(Time::At(20_780 * 86_400_000_000)));
        assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(Time::At(1_000_000)));
        assert_eq!(parse("1970-01-01T01:00:01+01:00"), Ok(Time::At(1_000_000)));
        assert_eq!(parse("1970-01-01T00:00:01"), Ok(Time::At(1_000_000)));
        for bad in ["", "yesterday", "-1h", "1 month", "2026-13-01"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Time::Ago(5).microseconds(7), 2);
        assert_eq!(written(1_000_001), "1970-01-01T00:00:01.000001Z");
    }
}
