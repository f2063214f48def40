//! Readers of numbers, texts and arrays at a [`Value`].

use super::array::{Array, Matrix};
use super::convert;
use super::node::Node;
use super::sparse::Sparse;
use super::value::Value;
use crate::FormatError;

type Result<T> = std::result::Result<T, FormatError>;

/// Reading one value.
impl<'p> Value<'p> {
    /// Is this Python's `None`?
    pub fn is_none(&self) -> bool {
        matches!(self.node(), Node::None)
    }

    /// Is this a text?
    pub fn is_text(&self) -> bool {
        matches!(self.node(), Node::Text(_))
    }

    /// Is this a dict or a subclass of it?
    pub fn is_dict(&self) -> bool {
        let is_object = |object| self.pickle.is_dict_like(object);
        self.node().entries().is_some() || self.node().object().is_some_and(is_object)
    }

    /// Is this a list or tuple (not an array)?
    pub fn is_list(&self) -> bool {
        matches!(self.node(), Node::List(_) | Node::Tuple(_))
    }

    /// Is this a number (bool excluded), as Python's own or NumPy's scalar?
    pub fn is_number(&self) -> bool {
        matches!(self.node(), Node::Int(_) | Node::Float(_))
    }

    /// A whole number; NumPy scalars and arrays of one number without dimensions count as well.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn int(&self) -> Result<i64> {
        self.scalar().and_then(Scalar::int).ok_or_else(|| self.mismatch("an integer", self.describe()))
    }

    /// A whole number that is not negative: a count or an index.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn size(&self) -> Result<usize> {
        let value = self.int()?;
        usize::try_from(value).map_err(|_| self.mismatch("an integer of 0 or more", value))
    }

    /// A number; integers are taken when a double holds them exactly.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn float(&self) -> Result<f64> {
        self.scalar().and_then(Scalar::float).ok_or_else(|| self.mismatch("a number", self.describe()))
    }

    /// `True` or `False`.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn bool(&self) -> Result<bool> {
        self.scalar().and_then(Scalar::bool).ok_or_else(|| self.mismatch("True or False", self.describe()))
    }

    /// A text.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn text(&self) -> Result<&'p str> {
        self.pickle.text(self.id).ok_or_else(|| self.mismatch("a text", self.describe()))
    }

    /// `bytes` or `bytearray`.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn bytes(&self) -> Result<&'p [u8]> {
        let span = self.node().bytes().ok_or_else(|| self.mismatch("bytes", self.describe()))?;
        Ok(self.pickle.span(span))
    }

    fn scalar(&self) -> Option<Scalar> {
        if let Node::Array(array) = self.node()
            && array.shape.is_empty()
        {
            return self.pickle.scalar_of(array);
        }
        Scalar::of(self.node())
    }
}

/// A number or truth value.
#[derive(Clone, Copy)]
pub(super) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
}

impl Scalar {
    pub(super) fn of(node: &Node) -> Option<Scalar> {
        if let Node::Bool(value) = node {
            Some(Scalar::Bool(*value))
        } else if let Node::Float(value) = node {
            Some(Scalar::Float(*value))
        } else {
            node.int().map(Scalar::Int)
        }
    }

    pub(super) fn bool(self) -> Option<bool> {
        if let Scalar::Bool(value) = self { Some(value) } else { None }
    }

    pub(super) fn int(self) -> Option<i64> {
        if let Scalar::Int(value) = self { Some(value) } else { None }
    }

    /// Integers count when a double holds them exactly.
    pub(super) fn float(self) -> Option<f64> {
        match self {
            Scalar::Float(value) => Some(value),
            Scalar::Int(value) if convert::exact(value) => Some(value as f64),
            Scalar::Int(_) | Scalar::Bool(_) => None,
        }
    }
}

/// Reading arrays. Lengths that are `None` are free; a given one must be met.
impl<'p> Value<'p> {
    /// Is this a NumPy array?
    pub fn is_array(&self) -> bool {
        matches!(self.node(), Node::Array(_))
    }

    /// A NumPy array.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn array(&self) -> Result<Array<'p>> {
        if let Node::Array(node) = self.node() {
            return Ok(Array { value: self.clone(), node });
        }
        Err(self.mismatch("an array", self.describe()))
    }

    /// A `scipy.sparse` matrix in CSR or CSC form.
    ///
    /// # Errors
    /// `Mismatch` when this is none, `Invalid` when its parts contradict each other.
    pub fn sparse(&self) -> Result<Sparse> {
        Sparse::read(self)
    }

    /// Numbers in one dimension, from an array or a list.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn f64_vector(&self, len: impl Into<Option<usize>>) -> Result<Vec<f64>> {
        convert::vector(self, len.into(), "float64", Array::f64s, Value::float)
    }

    /// Whole numbers in one dimension, from an array or a list.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn i64_vector(&self, len: impl Into<Option<usize>>) -> Result<Vec<i64>> {
        convert::vector(self, len.into(), "int64", Array::i64s, Value::int)
    }

    /// Truth values in one dimension, from an array or a list.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn bool_vector(&self, len: impl Into<Option<usize>>) -> Result<Vec<bool>> {
        convert::vector(self, len.into(), "bool", Array::bools, Value::bool)
    }

    /// Texts in one dimension, from an array (of text or of objects) or a list.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn text_vector(&self, len: impl Into<Option<usize>>) -> Result<Vec<String>> {
        convert::vector(self, len.into(), "text", Array::texts, |item| item.text().map(str::to_owned))
    }

    /// Numbers in two dimensions, from an array or a `scipy.sparse` matrix.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn f64_matrix(
        &self,
        rows: impl Into<Option<usize>>,
        cols: impl Into<Option<usize>>,
    ) -> Result<Matrix> {
        let expected = (rows.into(), cols.into());
        if self.class().is_none_or(|class| class.package() != "scipy") {
            return self.array()?.matrix(expected);
        }
        let sparse = self.sparse()?;
        if !convert::fits(&[sparse.rows, sparse.cols], &[expected.0, expected.1]) {
            let got = convert::shape(&[sparse.rows, sparse.cols]);
            return Err(self.mismatch(format_args!("float64 {}", convert::shape2(expected)), got));
        }
        sparse.to_dense(self)
    }
}
