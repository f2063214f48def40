//! Durations as people write them: `"250ms"`, `"30s"`, `"5m"`, `"1h"`, `"90d"`, or a number of seconds.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a duration such as `\"30s\"`")]
enum Text {
    Seconds(f64),
    WithUnit(String),
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = Text::deserialize(deserializer)?;
    let duration = match &text {
        Text::Seconds(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        Text::WithUnit(text) => parse(text),
    };
    duration.ok_or_else(|| {
        let got = match text {
            Text::Seconds(seconds) => seconds.to_string(),
            Text::WithUnit(text) => text,
        };
        D::Error::custom(format_args!("expected a duration such as `30s`, `250ms` or `5m`, got `{got}`"))
    })
}

/// A duration that may be left out.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

/// Reads a duration with its unit.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.trim().parse::<f64>().ok()? * seconds).ok()
}
