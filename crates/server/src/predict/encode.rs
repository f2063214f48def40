//! Predictions as JSON text: shortest numbers that read back as the same float64, and the strings `NaN`,
//! `Infinity` and `-Infinity` for what JSON has no number for.

use bytes::Bytes;
use foretell_engine::{LiveModel, Values};
use foretell_frame::{Kind, Labels, Predictions, Shape};

use super::outputs::{Output, Outputs};

/// What stands in all answers of a model.
#[derive(Debug, Clone, Default)]
pub(super) struct Envelope {
    /// The text before the outputs.
    head: Vec<u8>,
    /// The text between the outputs and the request's id.
    tail: Vec<u8>,
}

impl Envelope {
    /// That of this model.
    pub(super) fn new(model: &LiveModel) -> Self {
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        head.extend_from_slice(b"{\"model\":");
        string(&mut head, model.name());
        head.extend_from_slice(b",\"version\":");
        string(&mut head, model.version());
        let classes = model.classes();
        if !classes.is_empty() {
            tail.extend_from_slice(b",\"classes\":");
            match classes {
                [only] => labels(&mut tail, only),
                several => array(&mut tail, several, labels),
            }
        }
        tail.extend_from_slice(b",\"request_id\":");
        Self { head, tail }
    }
}

/// What an answer says beside the predictions, and in which form.
pub(super) struct Answer<'a> {
    pub(super) model: &'a LiveModel,
    pub(super) envelope: &'a Envelope,
    pub(super) outputs: &'a Outputs,
    /// Whether one record was asked about, so that values stand alone and not in arrays of one.
    pub(super) one: bool,
    pub(super) request_id: &'a str,
}

impl Answer<'_> {
    /// The answer's text. `text` is memory to write it with.
    pub(super) fn encode(&self, predictions: &Predictions, text: &mut Vec<u8>) -> Bytes {
        text.clear();
        text.extend_from_slice(&self.envelope.head);
        for output in self.outputs.iter() {
            text.extend_from_slice(b",\"");
            text.extend_from_slice(output.name.as_bytes());
            text.extend_from_slice(b"\":");
            self.output(predictions, output, text);
        }
        text.extend_from_slice(&self.envelope.tail);
        string(text, self.request_id);
        text.push(b'}');
        Bytes::copy_from_slice(text)
    }

    fn output(&self, predictions: &Predictions, output: Output, text: &mut Vec<u8>) {
        let values = predictions.get(output.method).map_or(&[][..], |output| output.values());
        let shape = self.model.shape(output.method).unwrap_or(Shape::Vector);
        match self.model.values(output.method) {
            Values::Numbers => match &shape {
                Shape::PerTarget(widths) => self.per_target(values, widths, text),
                Shape::Vector | Shape::Matrix(_) => {
                    self.rows(values, &shape, text, numbers, number);
                }
            },
            Values::Classes(targets) => {
                let class = |text: &mut Vec<u8>, target: usize, value: f64| match targets.get(target) {
                    Some(classes) => label(text, classes, value as usize),
                    None => text.extend_from_slice(b"null"),
                };
                let row = |text: &mut Vec<u8>, values: &[f64]| {
                    separated(text, values.iter().enumerate(), |text, (target, value)| {
                        class(text, target, *value)
                    });
                };
                self.rows(values, &shape, text, row, |text, value| class(text, 0, value));
            }
            Values::Table(kinds) => self.table(predictions, kinds, text),
        }
    }

    /// The values of all rows: `one_value` writes those of a vector, `row` an array of those of a matrix.
    fn rows(
        &self,
        values: &[f64],
        shape: &Shape,
        text: &mut Vec<u8>,
        row: impl Fn(&mut Vec<u8>, &[f64]),
        one_value: impl Fn(&mut Vec<u8>, f64),
    ) {
        match shape {
            Shape::Vector => {
                self.sequence(text, values.iter(), |text, value| one_value(text, *value));
            }
            Shape::Matrix(_) | Shape::PerTarget(_) => {
                self.sequence(text, values.chunks_exact(shape.width().max(1)), |text, values| {
                    row(text, values)
                });
            }
        }
    }

    /// An array of items, or the only item alone when one record was asked about.
    fn sequence<T>(
        &self,
        text: &mut Vec<u8>,
        mut items: impl Iterator<Item = T>,
        write: impl Fn(&mut Vec<u8>, T),
    ) {
        if !self.one {
            return separated(text, items, write);
        }
        match items.next() {
            Some(item) => write(text, item),
            None => text.extend_from_slice(b"null"),
        }
    }

    /// One matrix per target, as scikit-learn gives the probabilities of several targets.
    fn per_target(&self, values: &[f64], widths: &[usize], text: &mut Vec<u8>) {
        let width: usize = widths.iter().sum();
        let ends = widths.iter().scan(0, |end, width| {
            *end += width;
            Some((*end - width, *end))
        });
        separated(text, ends, |text, (start, end)| {
            let rows = values.chunks_exact(width.max(1)).map(|row| &row[start..end]);
            self.sequence(text, rows, numbers);
        });
    }

    /// Rows with text columns.
    fn table(&self, predictions: &Predictions, kinds: &[Kind], text: &mut Vec<u8>) {
        let table = predictions.table();
        self.sequence(text, 0..table.rows(), |text, row| {
            let mut values = table.row(row).iter();
            let mut texts = table.texts().iter();
            separated(text, kinds, |text, kind| match kind {
                Kind::Text => match texts.next().and_then(|column| column.get(row)) {
                    Some(value) => string(text, value),
                    None => text.extend_from_slice(b"null"),
                },
                Kind::Number | Kind::Unused => match values.next() {
                    Some(value) => number(text, *value),
                    None => text.extend_from_slice(b"null"),
                },
            });
        });
    }
}

fn separated<T>(
    text: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    text.push(b'[');
    let mut first = true;
    for item in items {
        if !std::mem::take(&mut first) {
            text.push(b',');
        }
        write(text, item);
    }
    text.push(b']');
}

fn array<T>(text: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    separated(text, items, |text, item| write(text, item));
}

fn numbers(text: &mut Vec<u8>, values: &[f64]) {
    array(text, values, |text, value| number(text, *value));
}

fn number(text: &mut Vec<u8>, value: f64) {
    // What trees answer most of the time.
    if value.to_bits() == 0 {
        text.extend_from_slice(b"0.0");
    } else if value == 1.0 {
        text.extend_from_slice(b"1.0");
    } else if value.is_finite() {
        text.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        let word: &[u8] = match value {
            f64::INFINITY => b"\"Infinity\"",
            f64::NEG_INFINITY => b"\"-Infinity\"",
            _ => b"\"NaN\"",
        };
        text.extend_from_slice(word);
    }
}

fn labels(text: &mut Vec<u8>, classes: &Labels) {
    separated(text, 0..classes.len(), |text, position| label(text, classes, position));
}

fn label(text: &mut Vec<u8>, classes: &Labels, position: usize) {
    match classes {
        Labels::Int(labels) => match labels.get(position) {
            // Most labels are small: a digit needs no formatting.
            Some(label @ 0..=9) => text.push(b'0' + *label as u8),
            Some(label) => text.extend_from_slice(label.to_string().as_bytes()),
            None => text.extend_from_slice(b"null"),
        },
        Labels::Float(labels) => number(text, labels.get(position).copied().unwrap_or(f64::NAN)),
        Labels::Bool(labels) => {
            let word: &[u8] = match labels.get(position) {
                Some(true) => b"true",
                Some(false) => b"false",
                None => b"null",
            };
            text.extend_from_slice(word);
        }
        Labels::Text(labels) => match labels.get(position) {
            Some(label) => string(text, label),
            None => text.extend_from_slice(b"null"),
        },
    }
}

/// A JSON string.
fn string(text: &mut Vec<u8>, value: &str) {
    if value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        text.push(b'"');
        text.extend_from_slice(value.as_bytes());
        text.push(b'"');
    } else {
        serde_json::to_writer(text, value).expect("memory takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut text = Vec::new();
        write(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn numbers_are_the_shortest_that_read_back() {
        let values = [0.1, -0.0, 1.0, 1e300, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let text = written(|text| numbers(text, &values));
        assert_eq!(text, r#"[0.1,-0.0,1.0,1e+300,2.2250738585072014e-308,"NaN","Infinity","-Infinity"]"#);
        let read: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(read[3].as_f64(), Some(1e300));
    }

    #[test]
    fn labels_keep_their_type() {
        let all = [
            Labels::Int(vec![-1, 7, 10]),
            Labels::Float(vec![0.0, 1.5]),
            Labels::Bool(vec![false, true]),
            Labels::Text(vec!["a".into(), "\"é\n".into()]),
        ];
        let text = written(|text| array(text, &all, labels));
        assert_eq!(text, r#"[[-1,7,10],[0.0,1.5],[false,true],["a","\"é\n"]]"#);
    }
}
