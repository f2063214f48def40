//! When something is due: the five fields of cron, in a time zone.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDateTime, Cron, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

/// The time from which on a pattern must come at all: 2000-01-01, in microseconds since 1970.
const MILLENNIUM: i64 = 946_684_800_000_000;
const SECOND: i64 = 1_000_000;

/// Minutes at which something is due: minute, hour, day of the month, month, day of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Cron);

/// A text that names no times.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// It is no pattern.
    #[error(
        "expected five fields (minute, hour, day of month, month, day of week) such as `30 3 * * *`, got `{text}`: {reason}"
    )]
    Pattern {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such day.
    #[error("`{0}` never comes")]
    Never(String),
    /// There is no such time zone.
    #[error("expected a time zone that this system knows, such as `UTC` or `Europe/Oslo`, got `{0}`")]
    Zone(String),
}

impl Pattern {
    /// The first time after this one, both in microseconds since 1970, UTC.
    pub fn next(&self, after: i64, zone: &Zone) -> Option<i64> {
        self.0.find_next_occurrence(&Local::at(after, zone)?, false).ok().map(|found| found.microseconds())
    }

    /// The last time that is not after this one.
    pub fn last(&self, until: i64, zone: &Zone) -> Option<i64> {
        self.0.find_previous_occurrence(&Local::at(until, zone)?, true).ok().map(|found| found.microseconds())
    }
}

impl FromStr for Pattern {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let bad = |error: CronError| WhenError::Pattern { text: text.to_owned(), reason: error.to_string() };
        let pattern = Self(parser.parse(text).map_err(bad)?);
        match pattern.next(MILLENNIUM, &Zone::default()) {
            Some(_) => Ok(pattern),
            None => Err(WhenError::Never(text.to_owned())),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// A time zone by its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }
}

impl FromStr for Zone {
    type Err = WhenError;

    fn from_str(name: &str) -> Result<Self, WhenError> {
        if name == "UTC" {
            return Ok(Self::default());
        }
        let zone = TimeZone::get(name).map_err(|_| WhenError::Zone(name.to_owned()))?;
        Ok(Self { name: name.to_owned(), zone })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A whole second as the calendar and the clock of a zone tell it.
#[derive(Clone)]
struct Local(ZonedDateTime);

impl Local {
    fn at(microseconds: i64, Zone { zone, .. }: &Zone) -> Option<Self> {
        let second = Timestamp::from_second(microseconds.div_euclid(SECOND)).ok()?;
        Some(Self(second.to_zoned_datetime(zone.clone())))
    }

    fn microseconds(&self) -> i64 {
        self.0.timestamp().as_second() * SECOND
    }
}

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.0.datetime();
        let part = |value: i8| u32::try_from(value).unwrap_or_default();
        let (year, month, day) = (i32::from(at.year()), part(at.month()), part(at.day()));
        let (hour, minute, second) = (part(at.hour()), part(at.minute()), part(at.second()));
        // The parts of a date that is one are in their ranges.
        CivilDateTime::new(
            croner::CivilDate::from_parts_unchecked(year, month, day),
            croner::CivilTime::from_parts_unchecked(hour, minute, second),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.0.weekday().to_sunday_zero_offset().unsigned_abs().into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |value: u32| i8::try_from(value).map_err(|_| CronError::InvalidDate);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let (month, day) = (part(civil.month())?, part(civil.day())?);
        let (hour, minute, second) = (part(civil.hour())?, part(civil.minute())?, part(civil.second())?);
        let at =
            DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| CronError::InvalidDate)?;
        let zoned = self.0.time_zone().to_ambiguous_zoned_datetime(at);
        let of =
            |found: Result<ZonedDateTime, jiff::Error>| found.map(Self).map_err(|_| CronError::InvalidTime);
        Ok(match zoned.offset() {
            AmbiguousOffset::Unambiguous { .. } => Resolution::Single(of(zoned.unambiguous())?),
            AmbiguousOffset::Fold { .. } => {
                Resolution::Ambiguous(of(zoned.clone().earlier())?, of(zoned.later())?)
            }
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn next(pattern: &str, zone: &str, after: &str) -> String {
        let found = pattern.parse::<Pattern>().unwrap().next(at(after), &zone.parse().unwrap()).unwrap();
        Timestamp::from_microsecond(found).unwrap().to_string()
    }

    #[test]
    fn the_next_time_is_after_this_one() {
        for (pattern, after, expected) in [
            ("* * * * *", "2026-11-28T10:00:00.5Z", "2026-11-28T10:01:00Z"),
            ("* * * * *", "2026-11-28T10:00:00Z", "2026-11-28T10:01:00Z"),
            ("30 3 * * *", "2026-11-28T03:30:00Z", "2026-11-29T03:30:00Z"),
            ("*/15 8-10 * * MON-FRI", "2026-11-28T09:00:00Z", "2026-11-30T08:00:00Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            // As in every cron: a day of the month or a day of the week, Sunday being 0 and 7.
            ("0 0 1 * 7", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("@weekly", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"),
        ] {
            assert_eq!(next(pattern, "UTC", after), expected, "{pattern}");
        }
    }

    #[test]
    fn the_last_time_is_the_same_whenever_it_is_asked_for() {
        let pattern: Pattern = "*/5 * * * *".parse().unwrap();
        let due = at("2026-11-28T10:05:00Z");
        for after in ["2026-11-28T10:05:00Z", "2026-11-28T10:05:00.4Z", "2026-11-28T10:09:59.9Z"] {
            assert_eq!(pattern.last(at(after), &Zone::default()), Some(due), "{after}");
        }
    }

    #[test]
    fn a_day_has_the_hours_of_its_zone() {
        let Ok(zone) = "Europe/Oslo".parse::<Zone>() else {
            return assert!(TimeZone::get("Europe/Paris").is_err(), "the system has no time zones");
        };
        assert_eq!(zone.to_string(), "Europe/Oslo");
        assert_eq!(next("30 3 * * *", "Europe/Oslo", "2026-11-28T00:00:00Z"), "2026-11-28T02:30:00Z");
        assert_eq!(next("30 3 * * *", "Europe/Oslo", "2026-07-28T00:00:00Z"), "2026-07-28T01:30:00Z");
        // An hour that the day does not have comes a moment later, and one that it has twice comes once.
        assert_eq!(next("30 2 * * *", "Europe/Oslo", "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00Z");
        assert_eq!(next("30 2 * * *", "Europe/Oslo", "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in
            ["", "* * * *", "0 * * * * *", "60 * * * *", "* * * * FUNDAY", "every day", "0 0 1 1 * 2027"]
        {
            let error = bad.parse::<Pattern>().unwrap_err();
            assert!(error.to_string().starts_with("expected five fields"), "{bad}: {error}");
        }
        assert_eq!("0 0 30 2 *".parse::<Pattern>().unwrap_err(), WhenError::Never("0 0 30 2 *".into()));
        assert!("Mars/Olympus".parse::<Zone>().unwrap_err().to_string().contains("Europe/Oslo"));
    }
}
