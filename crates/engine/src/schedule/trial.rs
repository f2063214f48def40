//! What the process that trains says to the one that started it: a line of JSON, and the artifact behind it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use foretell_evaluate::{Evaluator, Observed, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A model that was trained and measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Whether all holds that is required.
    pub met: bool,
    /// What is worth knowing of the version that may be made of it.
    pub metadata: Map<String, Value>,
    /// How good it is.
    pub measured: Measured,
}

/// How good a model is, and what it was compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its metrics, on rows that it has not learnt from.
    pub candidate: BTreeMap<String, f64>,
    /// The version in production, where there is one.
    pub production: Option<Rival>,
    /// What was required.
    pub requirements: Vec<Checked>,
}

/// The version in production.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    /// Its number.
    pub version: u32,
    /// Its metrics on the same rows, where it can be asked for them.
    pub metrics: BTreeMap<String, f64>,
}

/// A requirement, and whether it is met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// As it is written.
    pub requirement: String,
    /// The metric.
    pub value: Option<f64>,
    /// What it was compared with.
    pub bound: Option<f64>,
    /// Whether it is met.
    pub met: bool,
}

impl Measured {
    /// The metrics by their names, those that are defined.
    pub fn metrics(observed: &Observed) -> BTreeMap<String, f64> {
        let all = Evaluator::new(observed).all().into_iter();
        let finite = all.filter(|(_, value)| value.is_finite());
        finite.map(|(metric, value)| (metric.name().to_owned(), value)).collect()
    }
}

impl From<&Outcome> for Checked {
    fn from(outcome: &Outcome) -> Self {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Self {
            requirement: outcome.requirement.to_string(),
            value: finite(outcome.value),
            bound: finite(outcome.bound),
            met: outcome.met,
        }
    }
}

impl Trial {
    /// Writes it, and the artifact.
    ///
    /// # Errors
    /// Nobody reads.
    pub fn write(&self, artifact: &[u8], mut output: impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut output, self)?;
        output.write_all(b"\n")?;
        output.write_all(artifact)?;
        output.flush()
    }

    /// Reads what was written: the trial, and the artifact.
    pub(super) fn read(mut bytes: Vec<u8>) -> Option<(Self, Vec<u8>)> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let trial = serde_json::from_slice(&bytes[..end]).ok()?;
        Some((trial, bytes.split_off(end + 1)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let metrics = BTreeMap::from([("rmse".to_owned(), 0.1 + 0.2)]);
        let checked = Checked { requirement: "r2 > 0".into(), value: None, bound: Some(0.0), met: false };
        let trial = Trial {
            met: false,
            metadata: json!({"note": "two\nlines"}).as_object().cloned().unwrap_or_default(),
            measured: Measured {
                candidate: metrics.clone(),
                production: Some(Rival { version: 3, metrics }),
                requirements: vec![checked],
            },
        };
        let mut bytes = Vec::new();
        trial.write(b"\x00\n\xff", &mut bytes).unwrap();
        assert_eq!(Trial::read(bytes.clone()), Some((trial, b"\x00\n\xff".to_vec())));
        assert_eq!(Trial::read(bytes[..20].to_vec()), None);
        assert_eq!(Trial::read(b"hello\n".to_vec()), None);
    }
}
