//! How the answers of one version of a model are recorded.

use foretell_frame::{Frame, Kind, Method, MethodSet, Predictions, Shape, Slot};
use foretell_store::PredictionSchema;
use sha2::{Digest, Sha256};

use super::options::ModelLog;
use super::{Document, DocumentFeature};
use crate::json::{label, number, numbers, separated, string, table_row};
use crate::live::{LiveModel, Values};

/// Block of SHA-256 in bytes.
const BLOCK: usize = 64;
/// Bytes of a digest that are kept: 128 bits, so that two values do not meet by chance.
const KEPT: usize = 16;

/// How the answers of one version of a model are recorded.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The key to the rows.
    pub(super) schema: PredictionSchema,
    share: f64,
    columns: Vec<Source>,
    outputs: Vec<(&'static str, Method)>,
    methods: MethodSet,
    hash_key: Vec<u8>,
}

/// Where the recorded value of a feature comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// It is the value.
    Plain(Slot),
    /// It is a digest of the value.
    Hashed(Slot),
    /// There is none.
    Masked,
}

impl Plan {
    pub(super) fn new(
        model: &LiveModel,
        log: &ModelLog,
        hash_key: &[u8],
        outputs: Vec<(&'static str, Method)>,
    ) -> Self {
        let schema = model.schema();
        for name in log.mask.iter().chain(&log.hash).filter(|name| schema.position(name).is_none()) {
            tracing::warn!(
                model = model.name(),
                feature = name.as_str(),
                "a feature is to be masked or hashed that the model does not have"
            );
        }
        let source = |(feature, slot): (&foretell_frame::Feature, &Slot)| match slot {
            Slot::Unused => Source::Masked,
            Slot::Number(_) | Slot::Text(_) if log.mask.contains(&feature.name) => Source::Masked,
            Slot::Number(_) | Slot::Text(_) if log.hash.contains(&feature.name) => Source::Hashed(*slot),
            Slot::Number(_) | Slot::Text(_) => Source::Plain(*slot),
        };
        let columns: Vec<_> = schema.features().iter().zip(schema.slots()).map(source).collect();
        let mut document = Document::of(model);
        for (DocumentFeature { kind, .. }, source) in document.features.iter_mut().zip(&columns) {
            if matches!(source, Source::Hashed(_)) {
                *kind = Kind::Text.as_str().to_owned();
            }
        }
        Self {
            schema: PredictionSchema {
                model: model.name().to_owned(),
                version: model.version().to_owned(),
                document: document.to_json(),
            },
            share: log.share,
            columns,
            methods: outputs.iter().map(|(_, method)| *method).collect(),
            outputs,
            hash_key: hash_key.to_vec(),
        }
    }

    /// Whether a request is recorded. All servers decide alike, and so do a version and its shadows.
    pub fn takes(&self, request_id: &str) -> bool {
        if self.share >= 1.0 {
            return true;
        }
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(request_id));
        let drawn = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        // 53 bits make a float64 in [0, 1).
        ((drawn >> 11) as f64) < self.share * (1u64 << 53) as f64
    }

    /// What has to be computed for the record.
    pub fn methods(&self) -> MethodSet {
        self.methods
    }

    /// The features of a row: a JSON array.
    pub(super) fn features(&self, frame: &Frame, row: usize, text: &mut Vec<u8>) {
        let values = frame.row(row);
        separated(text, &self.columns, |text, source| match source {
            Source::Masked => text.extend_from_slice(b"null"),
            Source::Plain(slot) => self.value(*slot, values, frame, row, text),
            Source::Hashed(slot) => {
                let mut plain = Vec::new();
                self.value(*slot, values, frame, row, &mut plain);
                if plain == b"null" {
                    text.extend_from_slice(b"null");
                } else {
                    string(text, &digest(&self.hash_key, &plain));
                }
            }
        });
    }

    fn value(&self, slot: Slot, values: &[f64], frame: &Frame, row: usize, text: &mut Vec<u8>) {
        match slot {
            Slot::Number(column) if !values[column].is_nan() => number(text, values[column]),
            Slot::Text(column) => match frame.texts()[column].get(row) {
                Some(value) => string(text, value),
                None => text.extend_from_slice(b"null"),
            },
            Slot::Number(_) | Slot::Unused => text.extend_from_slice(b"null"),
        }
    }

    /// What the model answered to a row: a JSON object.
    pub(super) fn outputs(
        &self,
        model: &LiveModel,
        predictions: &Predictions,
        row: usize,
        text: &mut Vec<u8>,
    ) {
        text.push(b'{');
        for (position, (name, method)) in self.outputs.iter().enumerate() {
            if position > 0 {
                text.push(b',');
            }
            string(text, name);
            text.push(b':');
            output(model, predictions, *method, row, text);
        }
        text.push(b'}');
    }
}

fn output(model: &LiveModel, predictions: &Predictions, method: Method, row: usize, text: &mut Vec<u8>) {
    let values = predictions.get(method).map_or(&[][..], |output| output.values());
    let shape = model.shape(method).unwrap_or(Shape::Vector);
    let width = shape.width();
    let values = values.get(row * width..(row + 1) * width).unwrap_or_default();
    match model.values(method) {
        Values::Table(kinds) => table_row(text, predictions.table(), kinds, row),
        Values::Numbers => match &shape {
            Shape::Vector => one(values, text, number),
            Shape::Matrix(_) => numbers(text, values),
            Shape::PerTarget(widths) => {
                let mut rest = values;
                separated(text, widths, |text, width| {
                    let (target, behind) = rest.split_at((*width).min(rest.len()));
                    rest = behind;
                    numbers(text, target);
                });
            }
        },
        Values::Classes(targets) => {
            let class = |text: &mut Vec<u8>, target: usize, value: f64| match targets.get(target) {
                Some(classes) => label(text, classes, value as usize),
                None => text.extend_from_slice(b"null"),
            };
            match &shape {
                Shape::Vector => one(values, text, |text, value| class(text, 0, value)),
                Shape::Matrix(_) | Shape::PerTarget(_) => {
                    separated(text, values.iter().enumerate(), |text, (target, value)| {
                        class(text, target, *value);
                    });
                }
            }
        }
    }
}

fn one(values: &[f64], text: &mut Vec<u8>, write: impl Fn(&mut Vec<u8>, f64)) {
    match values.first() {
        Some(value) => write(text, *value),
        None => text.extend_from_slice(b"null"),
    }
}

/// A digest that nobody without the key can make, in hexadecimal: the first half of HMAC-SHA-256.
///
/// Source: RFC 2104.
fn digest(key: &[u8], message: &[u8]) -> String {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let hash = |pad: u8, message: &[u8]| {
        let mut hasher = Sha256::new();
        hasher.update(block.map(|byte| byte ^ pad));
        hasher.update(message);
        hasher.finalize()
    };
    let digest = hash(0x5c, &hash(0x36, message));
    digest[..KEPT].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        // RFC 4231, test case 2.
        let known = digest(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(known, "5bdcc146bf60754e6a042426089575c7");
    }
}
