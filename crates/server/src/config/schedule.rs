//! `[[schedule]]`: models that are trained again and again.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use foretell_engine::evaluate::Requirement;
use foretell_engine::schedule::{Pattern, Then, Zone};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::units;

/// How long training may take unless told otherwise.
const HOUR: Duration = Duration::from_secs(3600);

/// `[[schedule]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Its name in the history, in metrics and in URLs.
    pub name: String,
    /// When: minute, hour, day of the month, month, day of the week, such as `30 3 * * *`.
    #[serde(deserialize_with = "text")]
    pub cron: Pattern,
    /// The time zone of that. Default `UTC`.
    #[serde(default, deserialize_with = "text")]
    pub timezone: Zone,
    /// What is trained: a file as `foretell train` takes it, relative to the configuration file. What it says of its
    /// output is not done.
    pub spec: PathBuf,
    /// The model of the registry that gets a new version.
    pub model: String,
    /// What has to hold, such as `accuracy >= production - 0.01`, beside what the specification requires.
    #[serde(default, deserialize_with = "texts")]
    pub gate: Vec<Requirement>,
    /// What becomes of a version that is good enough. Default `candidate`.
    #[serde(default)]
    pub on_success: OnSuccess,
    /// How long training may take. Default 1 h.
    #[serde(default = "hour", with = "units")]
    pub timeout: Duration,
    /// Bytes of memory that training may have. Default: any.
    #[serde(default)]
    pub memory: Option<u64>,
}

/// What becomes of a version that is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSuccess {
    /// It is added to the registry.
    Register,
    /// It also gets the alias `candidate`.
    #[default]
    Candidate,
    /// It also gets the alias `production`.
    Promote,
}

impl From<OnSuccess> for Then {
    fn from(word: OnSuccess) -> Self {
        match word {
            OnSuccess::Register => Self::Register,
            OnSuccess::Candidate => Self::Candidate,
            OnSuccess::Promote => Self::Promote,
        }
    }
}

fn hour() -> Duration {
    HOUR
}

fn text<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn texts<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        name = "nightly"
        cron = "30 3 * * *"
        spec = "train.toml"
        model = "boston"
        gate = ["r2 > 0.6", "rmse <= production * 1.02"]
        on_success = "promote"
        timeout = "10m"
    "#;

    fn read(text: &str) -> Result<ScheduleConfig, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_schedule() {
        let schedule = read(WHOLE).unwrap();
        assert_eq!((schedule.cron.to_string().as_str(), schedule.timezone), ("30 3 * * *", Zone::default()));
        assert_eq!((schedule.timeout, schedule.memory), (Duration::from_secs(600), None));
        let gate: Vec<_> = schedule.gate.iter().map(ToString::to_string).collect();
        assert_eq!(gate, ["r2 > 0.6", "rmse <= production * 1.02"]);
        assert_eq!(Then::from(schedule.on_success), Then::Promote);
    }

    #[test]
    fn a_slip_of_the_pen_is_told() {
        for (from, to, told) in [
            ("30 3 * * *", "30 3 * *", "expected five fields"),
            ("r2 > 0.6", "r3 > 0.6", "unknown metric `r3`"),
            ("production * 1.02", "champion", "expected a number, or `production`"),
            ("\"promote\"", "\"deploy\"", "unknown variant `deploy`"),
            ("timeout", "timout", "unknown field `timout`"),
            ("\"10m\"", "\"soon\"", "expected a duration"),
            ("name = \"nightly\"", "", "missing field `name`"),
            ("model", "timezone = 'Nowhere'\nmodel", "expected a time zone"),
        ] {
            let error = read(&WHOLE.replace(from, to)).unwrap_err();
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
