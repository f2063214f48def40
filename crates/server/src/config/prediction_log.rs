//! `[prediction_log]`: what is recorded of the predictions, and how.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use foretell_engine::log::{LogOptions, ModelLog, SpoolOptions, SpoolSync, WhenFull};
use foretell_engine::store::Retention;
use serde::Deserialize;

use super::units;

/// `[prediction_log]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PredictionLogConfig {
    /// Which predictions are recorded. Default `off`.
    pub mode: Recording,
    /// The share of requests that is recorded with `mode = "sampled"`. Default 0.1.
    pub sample: f64,
    /// Features whose values are left out.
    pub mask: Vec<String>,
    /// Features of which a keyed digest is recorded in the place of the value.
    pub hash: Vec<String>,
    /// The same for single models, by their names, in the place of the above.
    pub models: HashMap<String, ModelRecording>,
    /// File with the key of digests.
    pub hash_key_file: Option<PathBuf>,
    /// What becomes of a request that cannot be recorded, because the spool or the disk is full. Default `refuse`.
    pub when_full: Full,
    /// Bytes that may wait on the local disk for the database. Default 4 GiB.
    pub max_spool_bytes: u64,
    /// When what waits is forced to the disk: `never`, `always`, or at an interval such as `1s`. Default `never`.
    pub sync: SyncText,
    /// How long predictions are kept. Default: for ever.
    #[serde(deserialize_with = "units::optional")]
    pub max_age: Option<Duration>,
    /// How many predicted rows are kept. Default: all.
    pub max_rows: Option<u64>,
    /// How many bytes the record may have in the database. Default: any.
    pub max_bytes: Option<u64>,
    /// How often is looked for what is to be forgotten. Default 10 min.
    #[serde(with = "units")]
    pub retain_every: Duration,
}

/// What is recorded of one model.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelRecording {
    /// As in [`PredictionLogConfig::mode`]; that of all models without.
    pub mode: Option<Recording>,
    /// As in [`PredictionLogConfig::sample`]; that of all models without.
    pub sample: Option<f64>,
    /// As in [`PredictionLogConfig::mask`]; that of all models without.
    pub mask: Option<Vec<String>>,
    /// As in [`PredictionLogConfig::hash`]; that of all models without.
    pub hash: Option<Vec<String>>,
}

/// Which predictions are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recording {
    /// None.
    #[default]
    Off,
    /// Those of a share of the requests.
    Sampled,
    /// All.
    Full,
}

/// What becomes of a request that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Full {
    /// It gets 503.
    #[default]
    Refuse,
    /// It is answered and counted.
    Drop,
}

/// When what waits is forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SyncText(SpoolSync);

impl TryFrom<String> for SyncText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "never" => Ok(Self(SpoolSync::Never)),
            "always" => Ok(Self(SpoolSync::Always)),
            interval => match units::parse(interval).filter(|interval| *interval >= Duration::from_millis(1))
            {
                Some(interval) => Ok(Self(SpoolSync::Every(interval))),
                None => Err(format!("expected `never`, `always` or an interval such as `1s`, got `{text}`")),
            },
        }
    }
}

impl Default for PredictionLogConfig {
    fn default() -> Self {
        Self {
            mode: Recording::default(),
            sample: 0.1,
            mask: Vec::new(),
            hash: Vec::new(),
            models: HashMap::new(),
            hash_key_file: None,
            when_full: Full::default(),
            max_spool_bytes: 4 << 30,
            sync: SyncText(SpoolSync::Never),
            max_age: None,
            max_rows: None,
            max_bytes: None,
            retain_every: Duration::from_secs(600),
        }
    }
}

impl PredictionLogConfig {
    /// Whether anything is recorded.
    pub fn is_on(&self) -> bool {
        let of_model = |model: &ModelRecording| model.mode.is_some_and(|mode| mode != Recording::Off);
        self.mode != Recording::Off || self.models.values().any(of_model)
    }

    /// Whether any feature is hashed, which needs a key.
    pub fn hashes(&self) -> bool {
        let of_model = |model: &ModelRecording| model.hash.as_ref().is_some_and(|hash| !hash.is_empty());
        !self.hash.is_empty() || self.models.values().any(of_model)
    }

    /// What is recorded, with the journal in this folder.
    ///
    /// # Errors
    /// A share that is none; what is wrong, for people.
    pub fn options(&self, folder: PathBuf, hash_key: Vec<u8>) -> Result<LogOptions, String> {
        let model = |mode: Recording, sample: f64, mask: &[String], hash: &[String]| {
            if !(sample > 0.0 && sample <= 1.0) {
                return Err(format!("`sample`: expected a share above 0 and up to 1, got {sample}"));
            }
            let share = match mode {
                Recording::Off => 0.0,
                Recording::Sampled => sample,
                Recording::Full => 1.0,
            };
            Ok(ModelLog { share, mask: mask.to_vec(), hash: hash.to_vec() })
        };
        let named = |(name, recording): (&String, &ModelRecording)| {
            let (mode, sample) =
                (recording.mode.unwrap_or(self.mode), recording.sample.unwrap_or(self.sample));
            let mask = recording.mask.as_ref().unwrap_or(&self.mask);
            let log = model(mode, sample, mask, recording.hash.as_ref().unwrap_or(&self.hash))?;
            Ok((name.clone(), log))
        };
        Ok(LogOptions {
            folder,
            spool: SpoolOptions {
                max_bytes: self.max_spool_bytes,
                sync: self.sync.0,
                ..SpoolOptions::default()
            },
            when_full: match self.when_full {
                Full::Refuse => WhenFull::Refuse,
                Full::Drop => WhenFull::Drop,
            },
            default: model(self.mode, self.sample, &self.mask, &self.hash)?,
            models: self.models.iter().map(named).collect::<Result<_, String>>()?,
            hash_key,
            retention: Retention {
                max_age: self.max_age,
                max_rows: self.max_rows,
                max_bytes: self.max_bytes,
            },
            retain_every: self.retain_every,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PredictionLogConfig, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_model_has_what_all_have_unless_told_otherwise() {
        let config = parse(
            "mode = 'full'\nmask = ['name']\nmax_age = '90d'\nsync = '1s'\n\
             [models.iris]\nmode = 'sampled'\nsample = 0.5\n[models.other]\nmask = []",
        )
        .unwrap();
        let options = config.options("journal".into(), Vec::new()).unwrap();
        assert_eq!((options.default.share, options.default.mask.as_slice()), (1.0, &["name".to_owned()][..]));
        assert_eq!((options.models["iris"].share, options.models["iris"].mask.len()), (0.5, 1));
        assert_eq!((options.models["other"].share, options.models["other"].mask.len()), (1.0, 0));
        assert_eq!(options.spool.sync, SpoolSync::Every(Duration::from_secs(1)));
        assert_eq!(options.retention.max_age, Some(Duration::from_secs(90 * 86_400)));
    }

    #[test]
    fn it_is_off_unless_asked_for() {
        assert!(!PredictionLogConfig::default().is_on());
        assert!(parse("models = { iris = { mode = 'full' } }").unwrap().is_on());
        assert!(parse("sync = 'sometimes'").unwrap_err().contains("always"));
        assert!(parse("mode = 'all'").is_err());
        let bad = parse("mode = 'sampled'\nsample = 2.0").unwrap();
        assert!(bad.options("journal".into(), Vec::new()).unwrap_err().contains("sample"));
    }
}
