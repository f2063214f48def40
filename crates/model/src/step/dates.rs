//! Texts of dates and times as numbers.
//!
//! What is read is ISO 8601 as people and databases write it: a date, perhaps with a time behind a `T` or a space, and
//! perhaps with its distance from UTC behind that.

use foretell_frame::Kind;
use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;

use crate::error::{ModelError, Problem, Refusal, expect_count};
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Op, Place, Pool, Rows, TextSource};

/// Columns of dates as columns of their parts: all parts of the first, then all of the next. A missing text has missing
/// parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Dates {
    /// What is wanted of each date.
    pub parts: Vec<DatePart>,
    /// For each column a date, for documentation.
    pub examples: Vec<String>,
    /// Whether a text that is no date has missing parts; else it is refused.
    pub lenient: bool,
}

/// A part of a date. All but the last are those of the place where the date was written: as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePart {
    /// The year.
    Year,
    /// The month, from 1.
    Month,
    /// The day of the month, from 1.
    Day,
    /// The day of the week, from 0 for Monday.
    Weekday,
    /// The day of the year, from 1.
    DayOfYear,
    /// The hour, from 0.
    Hour,
    /// The minute.
    Minute,
    /// The second, with its fraction.
    Second,
    /// Days since 1970-01-01.
    EpochDays,
    /// Seconds since 1970-01-01 in UTC, with their fraction; a time that does not say how far it is from UTC counts as UTC.
    EpochSeconds,
}

/// A date, perhaps with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    local: DateTime,
    /// Whether a time was told; else it is that of the night before.
    timed: bool,
    /// Seconds that the place is ahead of UTC.
    ahead: i32,
}

impl Moment {
    /// Reads a text; `None` where it is no date.
    pub fn parse(text: &str) -> Option<Self> {
        static PARSER: DateTimeParser = DateTimeParser::new();
        let pieces = PARSER.parse_pieces(text.trim_matches([' ', '\t'])).ok()?;
        // The rules of a named zone change from year to year, and are not kept here.
        if pieces.time_zone_annotation().is_some() {
            return None;
        }
        Some(Self {
            local: pieces.date().to_datetime(pieces.time().unwrap_or_default()),
            timed: pieces.time().is_some(),
            ahead: pieces.to_numeric_offset().map_or(0, |offset| offset.seconds()),
        })
    }

    /// Whether a time was told.
    pub fn has_time(&self) -> bool {
        self.timed
    }

    /// A part as a number.
    pub fn part(&self, part: DatePart) -> f64 {
        let fraction = || f64::from(self.local.subsec_nanosecond()) * 1e-9;
        match part {
            DatePart::Year => f64::from(self.local.year()),
            DatePart::Month => f64::from(self.local.month()),
            DatePart::Day => f64::from(self.local.day()),
            DatePart::Weekday => f64::from(self.local.weekday().to_monday_zero_offset()),
            DatePart::DayOfYear => f64::from(self.local.day_of_year()),
            DatePart::Hour => f64::from(self.local.hour()),
            DatePart::Minute => f64::from(self.local.minute()),
            DatePart::Second => f64::from(self.local.second()) + fraction(),
            DatePart::EpochDays => self.days() as f64,
            DatePart::EpochSeconds => {
                let time = self.local.time();
                let minutes = i64::from(time.hour()) * 60 + i64::from(time.minute());
                let seconds = (self.days() * 1440 + minutes) * 60 + i64::from(time.second());
                (seconds - i64::from(self.ahead)) as f64 + fraction()
            }
        }
    }

    /// Days since 1970-01-01.
    ///
    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), `days_from_civil`.
    fn days(&self) -> i64 {
        let (year, month, day) =
            (i64::from(self.local.year()), i64::from(self.local.month()), i64::from(self.local.day()));
        // Years begin in March, so that the day that is not in all of them is the last.
        let year = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }
}

impl Dates {
    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        expect_count("examples of dates", columns.len(), self.examples.len())?;
        if self.parts.is_empty() {
            return Err(ModelError::mismatch("at least one part of dates", 0));
        }
        let mut output = Vec::new();
        for (column, example) in columns.iter().zip(&self.examples) {
            facts.demand(column, Kind::Text)?;
            if Moment::parse(example).is_none() {
                return Err(ModelError::mismatch("a date as an example", format_args!("`{example}`")));
            }
            facts.date(column, example);
            let part = Column { missing: column.missing, ..Column::COMPUTED };
            output.extend(self.parts.iter().map(|_| part));
        }
        Ok(output)
    }

    pub(super) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let source = |place: &Place| match place {
            Place::Text(source) => source.clone(),
            Place::Number(_) | Place::Unused => TextSource { column: 0, replace: Vec::new() },
        };
        let columns =
            layout.columns.iter().map(|located| (source(&located.place), located.feature)).collect();
        let repeated = |feature| self.parts.iter().map(move |_| feature);
        let after = Layout::computed(layout.columns.iter().flat_map(|located| repeated(located.feature)));
        let plan = DatesPlan { columns, parts: self.parts.clone(), lenient: self.lenient };
        (vec![Op::Dates(plan)], after)
    }
}

/// A compiled [`Dates`].
#[derive(Debug)]
pub(crate) struct DatesPlan {
    /// The texts, and the features behind them for refusals.
    columns: Vec<(TextSource, Option<usize>)>,
    parts: Vec<DatePart>,
    lenient: bool,
}

impl DatesPlan {
    /// The parts of the dates of a block of rows.
    pub(crate) fn apply(&self, rows: &Rows<'_>, pool: &mut Pool) -> Result<Block<'static>, Refusal> {
        let mut output = pool.take();
        for row in rows.start..rows.start + rows.count {
            for (column, (source, feature)) in self.columns.iter().enumerate() {
                let text = source.get(rows.frame, row);
                let moment = text.and_then(Moment::parse);
                if let (Some(text), None, false) = (text, &moment, self.lenient) {
                    let problem = Problem::NotADate(text.to_owned());
                    return Err(Refusal { row, column, feature: *feature, problem });
                }
                let part = |part: &DatePart| moment.map_or(f64::NAN, |moment| moment.part(*part));
                output.extend(self.parts.iter().map(part));
            }
        }
        Ok(Block::owned(self.columns.len() * self.parts.len(), output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [DatePart; 10] = [
        DatePart::Year,
        DatePart::Month,
        DatePart::Day,
        DatePart::Weekday,
        DatePart::DayOfYear,
        DatePart::Hour,
        DatePart::Minute,
        DatePart::Second,
        DatePart::EpochDays,
        DatePart::EpochSeconds,
    ];

    fn parts(text: &str) -> Option<[f64; 10]> {
        Moment::parse(text).map(|moment| ALL.map(|part| moment.part(part)))
    }

    #[test]
    fn dates_and_times_in_every_form() {
        // What Python's `datetime` says of them.
        let day = [2024.0, 5.0, 1.0, 2.0, 122.0, 0.0, 0.0, 0.0, 19_844.0, 1_714_521_600.0];
        assert_eq!(parts("2024-05-01"), Some(day));
        let time = [2024.0, 5.0, 1.0, 2.0, 122.0, 10.0, 11.0, 12.5, 19_844.0, 1_714_558_272.5];
        for text in ["2024-05-01T10:11:12.5", "2024-05-01 10:11:12.5", " 2024-05-01T10:11:12.5Z"] {
            assert_eq!(parts(text), Some(time), "{text}");
        }
        let ahead = parts("2024-05-01 10:11:12.5+02:30").unwrap();
        assert_eq!((&ahead[..9], ahead[9]), (&time[..9], 1_714_549_272.5));
        let before = [1969.0, 12.0, 31.0, 2.0, 365.0, 23.0, 59.0, 0.0, -1.0, -60.0];
        assert_eq!(parts("1969-12-31T23:59"), Some(before));
        let leap = [2000.0, 2.0, 29.0, 1.0, 60.0, 0.0, 0.0, 0.0, 11_016.0, 951_782_400.0];
        assert_eq!(parts("2000-02-29"), Some(leap));
        assert_eq!(
            [Moment::parse("2000-02-29"), Moment::parse("2000-02-29T00")].map(|m| m.unwrap().timed),
            [false, true]
        );
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "soon", "2023-02-29", "01.05.2024", "2024-05-01T25:00", "10:11", "2024-05-01 10:11 o'clock"]
        {
            assert_eq!(parts(text), None, "{text}");
        }
        assert_eq!(parts("2024-05-01T10:11[Europe/Oslo]"), None);
    }
}
