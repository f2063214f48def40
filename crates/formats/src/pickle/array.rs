//! NumPy arrays: where their bytes are, and typed readers of them.

use std::sync::Arc;

use super::convert;
use super::dtype::{Dtype, Field, Kind};
use super::node::{NodeId, Span};
use super::read::Scalar;
use super::value::Value;
use crate::FormatError;

/// An array of the tree; the element count was checked against the data when it was made.
#[derive(Debug, Clone)]
pub(super) struct ArrayNode {
    pub(super) dtype: Arc<Dtype>,
    pub(super) shape: Vec<usize>,
    /// First index fastest.
    pub(super) fortran: bool,
    pub(super) data: Data,
}

/// Where the elements are.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// `itemsize` bytes each, in the order that `fortran` says.
    Raw(Span),
    /// Values, always in row-major order.
    Values(Vec<NodeId>),
}

impl ArrayNode {
    /// The number of elements.
    pub(super) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// About how much memory it takes, without bytes that stay in the file and without its dtype, which is shared.
    pub(super) fn heap_bytes(&self) -> usize {
        let values = match &self.data {
            Data::Raw(_) => 0,
            Data::Values(values) => values.len() * size_of::<NodeId>(),
        };
        /// What an allocator adds to each of the three.
        const ALLOCATION: usize = 16;
        size_of::<Self>() + self.shape.len() * size_of::<usize>() + values + 2 * ALLOCATION
    }

    /// dtype and shape as an error shows them.
    pub(super) fn describe(&self) -> String {
        format!("{} {}", self.dtype, convert::shape(&self.shape))
    }
}

/// A NumPy array of a pickle. Elements are given in row-major order, whatever order they were stored in.
#[derive(Clone)]
pub struct Array<'p> {
    pub(super) value: Value<'p>,
    pub(super) node: &'p ArrayNode,
}

/// Numbers in two dimensions, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// `rows * cols` numbers, row after row.
    pub data: Vec<f64>,
}

impl Matrix {
    /// One row.
    ///
    /// # Panics
    /// When `row` is out of range.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.cols..(row + 1) * self.cols]
    }
}

type Result<T> = std::result::Result<T, FormatError>;

impl<'p> Array<'p> {
    /// The type of the elements.
    pub fn dtype(&self) -> &'p Dtype {
        &self.node.dtype
    }

    /// The length of each dimension.
    pub fn shape(&self) -> &'p [usize] {
        &self.node.shape
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.node.count()
    }

    /// Has it no elements?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks the shape; `None` leaves a dimension free.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn expect_shape(&self, expected: &[Option<usize>]) -> Result<()> {
        if convert::fits(self.shape(), expected) {
            Ok(())
        } else {
            Err(self.mismatch(&convert::free_shape(expected)))
        }
    }

    fn mismatch(&self, expected: &str) -> FormatError {
        self.value.mismatch(expected, self.node.describe())
    }

    /// All elements as doubles. Integers are taken when doubles hold them exactly.
    ///
    /// # Errors
    /// `Mismatch` for other dtypes.
    pub fn f64s(&self) -> Result<Vec<f64>> {
        if let Data::Values(ids) = &self.node.data {
            return self.values(ids, "float64", Scalar::float);
        }
        self.decode("float64", convert::f64s)
    }

    /// All elements as 32-bit floats, of a float16 or float32 array: nothing is rounded.
    ///
    /// # Errors
    /// `Mismatch` for other dtypes.
    pub fn f32s(&self) -> Result<Vec<f32>> {
        self.decode("float32", convert::f32s)
    }

    /// All elements as 64-bit integers, of an integer array.
    ///
    /// # Errors
    /// `Mismatch` for other dtypes and for values beyond the range.
    pub fn i64s(&self) -> Result<Vec<i64>> {
        if let Data::Values(ids) = &self.node.data {
            return self.values(ids, "int64", Scalar::int);
        }
        self.decode("int64", convert::i64s)
    }

    /// All elements as truth values, of a bool array.
    ///
    /// # Errors
    /// `Mismatch` for other dtypes.
    pub fn bools(&self) -> Result<Vec<bool>> {
        if let Data::Values(ids) = &self.node.data {
            return self.values(ids, "bool", Scalar::bool);
        }
        self.decode("bool", convert::bools)
    }

    /// All elements as texts, of a text array or an object array of texts.
    ///
    /// # Errors
    /// `Mismatch` for other dtypes and values.
    pub fn texts(&self) -> Result<Vec<String>> {
        if let Data::Values(ids) = &self.node.data {
            self.value.charge(ids.len() * size_of::<String>())?;
            let text = |(i, &id): (usize, &NodeId)| match self.value.pickle.text(id) {
                Some(text) => self.value.charge(text.len()).map(|()| text.to_owned()),
                None => Err(self.element_mismatch(i, id, "a text")),
            };
            return ids.iter().enumerate().map(text).collect();
        }
        self.decode("text", convert::texts)
    }

    /// All elements in two dimensions.
    ///
    /// # Errors
    /// `Mismatch` for other dtypes or another shape; `None` leaves a dimension free.
    pub fn matrix(&self, expected: (Option<usize>, Option<usize>)) -> Result<Matrix> {
        match *self.shape() {
            [rows, cols] if convert::fits(&[rows, cols], &[expected.0, expected.1]) => {
                Ok(Matrix { rows, cols, data: self.f64s()? })
            }
            _ => Err(self.mismatch(&format!("float64 {}", convert::shape2(expected)))),
        }
    }

    /// The field of a structured dtype, when it has one of this name.
    pub fn column(&self, name: &str) -> Option<&'p Field> {
        let Kind::Structured(fields) = &self.node.dtype.kind else {
            return None;
        };
        fields.iter().find(|field| field.name == name)
    }

    /// One field of a structured array, as doubles.
    ///
    /// # Errors
    /// `Missing`, or `Mismatch` for another type.
    pub fn column_f64(&self, name: &str) -> Result<Vec<f64>> {
        self.decode_column(name, "float64", convert::f64s)
    }

    /// One field of a structured array, as 64-bit integers.
    ///
    /// # Errors
    /// `Missing`, or `Mismatch` for another type.
    pub fn column_i64(&self, name: &str) -> Result<Vec<i64>> {
        self.decode_column(name, "int64", convert::i64s)
    }

    /// One field of a structured array, as truth values: a bool or an unsigned byte that is 0 or 1.
    ///
    /// # Errors
    /// `Missing`, or `Mismatch` for another type or value.
    pub fn column_bool(&self, name: &str) -> Result<Vec<bool>> {
        self.decode_column(name, "bool", convert::bools)
    }

    fn decode_column<T: Clone>(&self, name: &str, wanted: &str, read: Decoder<T>) -> Result<Vec<T>> {
        let Data::Raw(span) = &self.node.data else {
            return Err(self.mismatch("a structured array"));
        };
        let field = self.column(name).ok_or_else(|| self.value.missing(name))?;
        let count = self.len();
        self.value.charge(count.saturating_mul(size_of::<T>()))?;
        let bytes = Elements {
            bytes: self.value.pickle.span(*span),
            stride: self.node.dtype.itemsize,
            offset: field.offset,
        };
        let flat = read(bytes, &field.dtype).ok_or_else(|| {
            let error = self.value.mismatch(wanted, &field.dtype);
            FormatError::new(error.kind(), error.problem().clone()).at(format!("{}.{name}", self.value))
        })?;
        Ok(self.row_major(flat))
    }

    fn decode<T: Clone>(&self, wanted: &str, read: Decoder<T>) -> Result<Vec<T>> {
        let Data::Raw(span) = &self.node.data else {
            return Err(self.mismatch(&self.expected(wanted)));
        };
        self.value.charge(self.len().saturating_mul(size_of::<T>()).saturating_add(span.len))?;
        let bytes =
            Elements { bytes: self.value.pickle.span(*span), stride: self.node.dtype.itemsize, offset: 0 };
        let flat = read(bytes, &self.node.dtype).ok_or_else(|| self.mismatch(&self.expected(wanted)))?;
        Ok(self.row_major(flat))
    }

    fn expected(&self, wanted: &str) -> String {
        format!("{wanted} {}", convert::shape(self.shape()))
    }

    fn row_major<T: Clone>(&self, flat: Vec<T>) -> Vec<T> {
        if self.node.fortran { convert::row_major(flat, self.shape()) } else { flat }
    }

    fn values<T>(&self, ids: &[NodeId], wanted: &str, read: impl Fn(Scalar) -> Option<T>) -> Result<Vec<T>> {
        self.value.charge(ids.len() * size_of::<T>())?;
        let element = |(i, &id): (usize, &NodeId)| {
            let scalar = Scalar::of(self.value.pickle.node(id));
            scalar.and_then(&read).ok_or_else(|| self.element_mismatch(i, id, wanted))
        };
        ids.iter().enumerate().map(element).collect()
    }

    fn element_mismatch(&self, index: usize, id: NodeId, expected: &str) -> FormatError {
        let got = format!("{} at element {index}", self.value.pickle.describe(id));
        self.value.mismatch(expected, got)
    }
}

/// Reads all elements of a dtype, or `None` when the dtype or a value does not fit.
pub(super) type Decoder<T> = fn(Elements<'_>, &Dtype) -> Option<Vec<T>>;

/// The bytes of a column of elements: `stride` bytes apart, beginning at `offset`.
#[derive(Clone, Copy)]
pub(super) struct Elements<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) stride: usize,
    pub(super) offset: usize,
}
