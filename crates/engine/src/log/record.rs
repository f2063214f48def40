//! The bytes of the journal's records. All numbers are little endian.
//!
//! ```text
//! schema      1 | number u32 | model, version, document: length u32 and bytes each
//! predictions 2 | schema u32 | time i64 | latency u32 | role u8 | first row u32 | request, key, caller: short texts
//!               | for each row: features, outputs: length u32 and bytes each
//! truths      3 | time i64 | for each row: by caller u8 | id, model: short texts | row u32 | actual: length u32 and bytes
//! short text    length u16 (65535 for none) and bytes
//! ```

use std::borrow::Cow;

use foretell_frame::{Frame, Predictions};
use foretell_store::{FeedbackRow, LogBatch, PredictionRow, PredictionSchema, ServedAs, Subject};

use super::plan::Plan;
use crate::live::LiveModel;

const SCHEMA: u8 = 1;
const PREDICTIONS: u8 = 2;
const TRUTHS: u8 = 3;
const NONE: u16 = u16::MAX;
/// Bytes after which a record is ended and another begun.
const RECORD: usize = 256 << 10;

/// What is recorded of a request beside its rows.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Id of the request.
    pub request_id: &'a str,
    /// When it came, in microseconds since 1970, UTC.
    pub at: i64,
    /// Microseconds that it took.
    pub latency_us: u32,
    /// Id of the key that asked.
    pub key_id: Option<&'a str>,
    /// The caller's own id of the request.
    pub caller_id: Option<&'a str>,
    /// In which role the model answered.
    pub role: ServedAs,
}

/// What really happened with one predicted row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The request.
    pub subject: Subject<'static>,
    /// Only of this model.
    pub model: Option<String>,
    /// Position of the row in the request, from 0.
    pub row: u32,
    /// The known answer: JSON.
    pub actual: String,
}

/// Records that are ready to be appended. The memory is kept.
#[derive(Debug, Clone, Default)]
pub struct Payloads {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Payloads {
    /// Those of a request: its rows and what the model answered. The number of the schema is set when they are appended.
    pub fn predictions(
        &mut self,
        plan: &Plan,
        entry: &Entry<'_>,
        model: &LiveModel,
        frame: &Frame,
        predictions: &Predictions,
    ) {
        self.clear();
        for row in 0..frame.rows() {
            let start = self.ends.last().copied().unwrap_or(0);
            if row == 0 || self.bytes.len() - start >= RECORD {
                if row > 0 {
                    self.ends.push(self.bytes.len());
                }
                self.head(entry, row);
            }
            let bytes = &mut self.bytes;
            framed(bytes, |bytes| plan.features(frame, row, bytes));
            framed(bytes, |bytes| plan.outputs(model, predictions, row, bytes));
        }
        if frame.rows() > 0 {
            self.ends.push(self.bytes.len());
        }
    }

    fn head(&mut self, entry: &Entry<'_>, row: usize) {
        let bytes = &mut self.bytes;
        bytes.push(PREDICTIONS);
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        bytes.extend_from_slice(&entry.at.to_le_bytes());
        bytes.extend_from_slice(&entry.latency_us.to_le_bytes());
        bytes.push(role_number(entry.role));
        bytes.extend_from_slice(&(row as u32).to_le_bytes());
        short(bytes, Some(entry.request_id));
        short(bytes, entry.key_id);
        short(bytes, entry.caller_id);
    }

    /// Those of known answers that came at a time.
    pub fn truths(&mut self, at: i64, truths: &[Truth]) {
        self.clear();
        let mut start = 0;
        for truth in truths {
            if self.bytes.len() == start {
                self.bytes.push(TRUTHS);
                self.bytes.extend_from_slice(&at.to_le_bytes());
            }
            let bytes = &mut self.bytes;
            let (by_caller, id) = match &truth.subject {
                Subject::Request(id) => (0, id),
                Subject::Caller(id) => (1, id),
            };
            bytes.push(by_caller);
            short(bytes, Some(id));
            short(bytes, truth.model.as_deref());
            bytes.extend_from_slice(&truth.row.to_le_bytes());
            framed(bytes, |bytes| bytes.extend_from_slice(truth.actual.as_bytes()));
            if bytes.len() - start >= RECORD {
                start = bytes.len();
                self.ends.push(start);
            }
        }
        if self.bytes.len() > start {
            self.ends.push(self.bytes.len());
        }
    }

    /// That of a schema.
    pub(super) fn schema(&mut self, number: u32, schema: &PredictionSchema) {
        self.clear();
        self.bytes.push(SCHEMA);
        self.bytes.extend_from_slice(&number.to_le_bytes());
        for text in [&schema.model, &schema.version, &schema.document] {
            framed(&mut self.bytes, |bytes| bytes.extend_from_slice(text.as_bytes()));
        }
        self.ends.push(self.bytes.len());
    }

    /// Lets all records of predictions refer to this schema.
    pub(super) fn set_schema(&mut self, number: u32) {
        let mut start = 0;
        for end in &self.ends {
            if let Some(place) = self.bytes.get_mut(start + 1..start + 5) {
                place.copy_from_slice(&number.to_le_bytes());
            }
            start = *end;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(4 * RECORD);
        self.ends.clear();
    }
}

fn role_number(role: ServedAs) -> u8 {
    match role {
        ServedAs::Primary => 0,
        ServedAs::Canary => 1,
        ServedAs::Shadow => 2,
    }
}

/// Appends a text that is short: an id or a name.
fn short(bytes: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return bytes.extend_from_slice(&NONE.to_le_bytes()) };
    let text = &text.as_bytes()[..text.floor_char_boundary(usize::from(NONE - 1))];
    bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text);
}

/// Appends what `write` writes, with its length before it.
fn framed(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    write(bytes);
    let length = (bytes.len() - start - 4) as u32;
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Bytes that are read from their beginning on; `None` where there are not as many.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.u32()? as usize;
        str::from_utf8(self.take(length)?).ok()
    }

    /// `Some(None)` is no text.
    fn short(&mut self) -> Option<Option<&'a str>> {
        let length = u16::from_le_bytes(self.array()?);
        if length == NONE {
            return Some(None);
        }
        str::from_utf8(self.take(length.into())?).ok().map(Some)
    }
}

/// The schemas of a segment, by their numbers in it.
pub(super) type Schemas = std::collections::HashMap<u32, PredictionSchema>;

/// Reads a record that begins at `offset` into a batch, or remembers its schema. `positions` are the places of schemas in
/// the batch. `None` when it is not such a record, or its schema is lost; then nothing of it is in the batch.
pub(super) fn read<'a>(
    payload: &'a [u8],
    offset: u64,
    schemas: &mut Schemas,
    positions: &mut std::collections::HashMap<u32, usize>,
    batch: &mut LogBatch<'a>,
) -> Option<()> {
    let (kind, bytes) = payload.split_first()?;
    let mut bytes = Bytes(bytes);
    let before = (batch.predictions.len(), batch.feedback.len());
    let done = match *kind {
        SCHEMA => read_schema(&mut bytes, schemas),
        PREDICTIONS => read_predictions(&mut bytes, offset, schemas, positions, batch),
        TRUTHS => read_truths(&mut bytes, offset, batch),
        _ => None,
    };
    if done.is_none() {
        batch.predictions.truncate(before.0);
        batch.feedback.truncate(before.1);
    }
    done
}

/// When the predictions of a record were asked for, or its truths came; `None` for a schema.
pub(super) fn time(payload: &[u8]) -> Option<i64> {
    let (kind, bytes) = payload.split_first()?;
    let mut bytes = Bytes(bytes);
    match *kind {
        PREDICTIONS => bytes.u32().and_then(|_| bytes.i64()),
        TRUTHS => bytes.i64(),
        _ => None,
    }
}

fn read_schema(bytes: &mut Bytes<'_>, schemas: &mut Schemas) -> Option<()> {
    let number = bytes.u32()?;
    let mut text = || bytes.text().map(str::to_owned);
    schemas.insert(number, PredictionSchema { model: text()?, version: text()?, document: text()? });
    Some(())
}

fn read_predictions<'a>(
    bytes: &mut Bytes<'a>,
    offset: u64,
    schemas: &Schemas,
    positions: &mut std::collections::HashMap<u32, usize>,
    batch: &mut LogBatch<'a>,
) -> Option<()> {
    let number = bytes.u32()?;
    let schema = match positions.get(&number) {
        Some(position) => *position,
        None => {
            batch.schemas.push(schemas.get(&number)?.clone());
            positions.insert(number, batch.schemas.len() - 1);
            batch.schemas.len() - 1
        }
    };
    let (at, latency_us) = (bytes.i64()?, bytes.u32()?);
    let role = match bytes.array::<1>()? {
        [0] => ServedAs::Primary,
        [1] => ServedAs::Canary,
        [2] => ServedAs::Shadow,
        _ => return None,
    };
    let first = bytes.u32()?;
    let request_id = bytes.short()??;
    let (key_id, caller_id) = (bytes.short()?, bytes.short()?);
    for row in first.. {
        if bytes.0.is_empty() {
            break;
        }
        batch.predictions.push(PredictionRow {
            offset,
            schema,
            request_id: Cow::Borrowed(request_id),
            row,
            at,
            features: Cow::Borrowed(bytes.text()?),
            outputs: Cow::Borrowed(bytes.text()?),
            latency_us,
            key_id: key_id.map(Cow::Borrowed),
            caller_id: caller_id.map(Cow::Borrowed),
            role,
        });
    }
    Some(())
}

fn read_truths<'a>(bytes: &mut Bytes<'a>, offset: u64, batch: &mut LogBatch<'a>) -> Option<()> {
    let at = bytes.i64()?;
    while !bytes.0.is_empty() {
        let [by_caller] = bytes.array()?;
        let id = Cow::Borrowed(bytes.short()??);
        let subject = if by_caller == 0 { Subject::Request(id) } else { Subject::Caller(id) };
        let model = bytes.short()?.map(Cow::Borrowed);
        let row = bytes.u32()?;
        let actual = Cow::Borrowed(bytes.text()?);
        batch.feedback.push(FeedbackRow { offset, subject, model, row, actual, at });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>, kind in 0..5u8) {
            let payload: Vec<u8> = std::iter::once(kind).chain(bytes).collect();
            let mut batch = LogBatch::default();
            let mut schemas = Schemas::new();
            schemas.insert(0, PredictionSchema { model: "m".into(), version: "1".into(), document: "{}".into() });
            let read = read(&payload, 7, &mut schemas, &mut HashMap::new(), &mut batch);
            prop_assert!(read.is_some() || batch.predictions.is_empty() && batch.feedback.is_empty());
        }
    }

    #[test]
    fn truths_read_back_from_several_records() {
        let truths: Vec<_> = (0..20_000)
            .map(|row| Truth {
                subject: if row % 2 == 0 {
                    Subject::Request("r".into())
                } else {
                    Subject::Caller("é".into())
                },
                model: (row % 3 == 0).then(|| "iris".to_owned()),
                row,
                actual: row.to_string(),
            })
            .collect();
        let mut payloads = Payloads::default();
        payloads.truths(5, &truths);
        assert!(payloads.len() > 1);
        let mut batch = LogBatch::default();
        for payload in payloads.iter() {
            read(payload, 1, &mut Schemas::new(), &mut HashMap::new(), &mut batch).unwrap();
        }
        let back: Vec<_> = batch.feedback.iter().map(|row| (row.row, row.actual.as_ref(), row.at)).collect();
        assert_eq!(back.len(), truths.len());
        assert!(back.iter().zip(&truths).all(|(row, truth)| *row == (truth.row, truth.actual.as_str(), 5)));
        assert_eq!(batch.feedback[3].model.as_deref(), Some("iris"));
        assert_eq!(batch.feedback[1].subject, Subject::Caller("é".into()));
    }
}
