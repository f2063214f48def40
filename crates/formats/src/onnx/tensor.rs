//! Constant tensors.

use crate::{FileKind, FormatError, Problem};

use super::Result;
use super::wire::Message;

/// The type of a tensor's elements. Numbers of all types are kept as float64, which holds each of them exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// float32, and float16, which ONNX Runtime widens.
    Single,
    /// float64.
    Double,
    /// Integers of all sizes.
    Integer,
    /// Truth values: 0 and 1.
    Truth,
    /// Strings.
    Text,
}

impl Element {
    /// The type with a number of `TensorProto.DataType`.
    pub(super) fn of(kind: i64) -> Option<Self> {
        match kind {
            1 => Some(Self::Single),
            2..=7 | 12 | 13 => Some(Self::Integer),
            8 => Some(Self::Text),
            9 => Some(Self::Truth),
            11 => Some(Self::Double),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Single => "float",
            Self::Double => "double",
            Self::Integer => "int64",
            Self::Truth => "bool",
            Self::Text => "string",
        }
    }
}

/// A constant tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub(super) element: Element,
    pub(super) dims: Vec<usize>,
    /// The elements, unless they are texts.
    pub(super) numbers: Vec<f64>,
    pub(super) texts: Vec<String>,
}

/// Integers beyond these are not exact as float64.
const EXACT: std::ops::RangeInclusive<i64> = -(1 << 53)..=1 << 53;

/// A `TensorProto` as it is read.
#[derive(Default)]
struct Fields<'a> {
    kind: i64,
    dims: Vec<i64>,
    singles: Vec<f32>,
    integers: Vec<i64>,
    doubles: Vec<f64>,
    texts: Vec<&'a str>,
    raw: Option<&'a [u8]>,
}

impl Tensor {
    /// A list of numbers.
    pub(super) fn list(element: Element, numbers: Vec<f64>) -> Self {
        Self { element, dims: vec![numbers.len()], numbers, texts: Vec::new() }
    }

    /// A list of texts.
    pub(super) fn text_list(texts: Vec<String>) -> Self {
        Self { element: Element::Text, dims: vec![texts.len()], numbers: Vec::new(), texts }
    }

    /// A `TensorProto` and its name.
    pub(super) fn read<'a>(mut message: Message<'a>) -> Result<(&'a str, Self)> {
        let (mut name, mut fields, budget) = ("", Fields::default(), message.budget());
        while let Some(field) = message.next()? {
            match field.number {
                1 => field.integers(budget, &mut fields.dims)?,
                2 => fields.kind = field.integer()?,
                4 => field.singles(budget, &mut fields.singles)?,
                5 | 7 | 11 => field.integers(budget, &mut fields.integers)?,
                6 => {
                    budget.take::<&str>(1)?;
                    fields.texts.push(field.text()?);
                }
                8 => name = field.text()?,
                9 => fields.raw = Some(field.bytes()?),
                10 => field.doubles(budget, &mut fields.doubles)?,
                13 => return Err(outside(name)),
                14 if field.integer()? != 0 => return Err(outside(name)),
                _ => {}
            }
        }
        let place = |error: FormatError| error.at(format!("tensor `{name}`"));
        let raw = fields.raw.map_or(0, |raw| raw.len() / fields.raw_width());
        budget.take::<f64>(raw + fields.singles.len() + fields.integers.len())?;
        let tensor = fields.tensor().map_err(place)?;
        Ok((name, tensor))
    }
}

impl Fields<'_> {
    fn tensor(self) -> Result<Tensor> {
        let element = Element::of(self.kind).ok_or_else(|| {
            let (option, value) = ("data_type".to_owned(), self.kind.to_string());
            let supported = "float, double, integers, bool or string".to_owned();
            error(Problem::UnsupportedOption { option, value, supported })
        })?;
        let mut dims = Vec::new();
        let mut count = 1_usize;
        for dim in &self.dims {
            let dim = usize::try_from(*dim).unwrap_or(usize::MAX);
            count = count.saturating_mul(dim);
            dims.push(dim);
        }
        let numbers = match (element, self.raw) {
            (Element::Text, _) => Vec::new(),
            (_, Some(raw)) => self.raw_numbers(raw)?,
            (Element::Single, None) => self.singles.iter().map(|x| f64::from(*x)).collect(),
            (Element::Double, None) => self.doubles,
            (Element::Integer | Element::Truth, None) => {
                self.integers.iter().map(|x| exact(*x)).collect::<Result<_>>()?
            }
        };
        let held = if element == Element::Text { self.texts.len() } else { numbers.len() };
        if held != count {
            let expected = format!("{count} elements for dimensions {:?}", self.dims);
            return Err(error(Problem::Mismatch { expected, got: held.to_string() }));
        }
        let texts = self.texts.iter().map(|text| (*text).to_owned()).collect();
        Ok(Tensor { element, dims, numbers, texts })
    }

    /// Bytes of a number in raw data.
    fn raw_width(&self) -> usize {
        match self.kind {
            2 | 3 | 9 => 1,
            4 | 5 => 2,
            1 | 6 | 12 => 4,
            _ => 8,
        }
    }

    /// Little-endian numbers.
    fn raw_numbers(&self, raw: &[u8]) -> Result<Vec<f64>> {
        fn each<const N: usize>(raw: &[u8], of: impl Fn([u8; N]) -> f64) -> Result<Vec<f64>> {
            let (numbers, rest) = raw.as_chunks::<N>();
            if !rest.is_empty() {
                let expected = format!("a multiple of {N} bytes of raw data");
                return Err(error(Problem::Mismatch { expected, got: raw.len().to_string() }));
            }
            Ok(numbers.iter().map(|bytes| of(*bytes)).collect())
        }
        match self.kind {
            1 => each(raw, |bytes| f64::from(f32::from_le_bytes(bytes))),
            2 | 9 => each(raw, |[byte]| f64::from(byte)),
            3 => each(raw, |[byte]| f64::from(byte as i8)),
            4 => each(raw, |bytes| f64::from(u16::from_le_bytes(bytes))),
            5 => each(raw, |bytes| f64::from(i16::from_le_bytes(bytes))),
            6 => each(raw, |bytes| f64::from(i32::from_le_bytes(bytes))),
            11 => each(raw, f64::from_le_bytes),
            12 => each(raw, |bytes| f64::from(u32::from_le_bytes(bytes))),
            // int64 and uint64, which has the same bytes as far as it is exact.
            _ => {
                let numbers = raw.as_chunks::<8>().0.iter().map(|bytes| exact(i64::from_le_bytes(*bytes)));
                let checked = numbers.collect::<Result<_>>()?;
                each::<8>(raw, |_| 0.0).map(|_| checked)
            }
        }
    }
}

/// The integer as float64; the largest ones, which mean "to the end" in slices, become infinite.
fn exact(integer: i64) -> Result<f64> {
    if EXACT.contains(&integer) {
        return Ok(integer as f64);
    }
    match integer {
        i64::MAX => Ok(f64::INFINITY),
        i64::MIN => Ok(f64::NEG_INFINITY),
        _ => {
            let expected = "integers of at most 53 bits".to_owned();
            Err(error(Problem::Mismatch { expected, got: integer.to_string() }))
        }
    }
}

fn error(problem: Problem) -> FormatError {
    FormatError::new(FileKind::Onnx, problem)
}

fn outside(name: &str) -> FormatError {
    error(Problem::OutsideReference { what: format!("`external_data` of the tensor `{name}`") })
}
