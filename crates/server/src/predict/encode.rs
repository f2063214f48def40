//! Predictions as JSON text: shortest numbers that read back as the same float64, and the strings `NaN`,
//! `Infinity` and `-Infinity` for what JSON has no number for.

use bytes::Bytes;
use foretell_engine::json::{array, label, labels, number, numbers, separated, string, table_row};
use foretell_engine::{LiveModel, Values};
use foretell_frame::{Kind, Predictions, Shape};

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
        self.sequence(text, 0..table.rows(), |text, row| table_row(text, table, kinds, row));
    }
}
