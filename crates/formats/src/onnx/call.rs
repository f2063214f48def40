//! One node: its inputs, its attributes, and where what it computes goes.

use std::cell::RefCell;

use crate::{FormatError, Problem};

use super::graph::Scope;
use super::program::Program;
use super::proto::{Attribute, Graph, Node};
use super::tensor::Tensor;
use super::value::{Rows, Value};
use super::{Result, error, mismatch, unsupported};

/// A node that is being lowered. Attributes that nobody asked for are refused at the end.
pub(super) struct Call<'c, 'a> {
    node: &'c Node<'a>,
    inputs: Vec<Option<Value>>,
    unread: RefCell<Vec<&'a str>>,
    pub(super) program: &'c mut Program,
    /// Version of the node's operator set.
    pub(super) version: i64,
    pub(super) scope: Scope<'c, 'a>,
}

impl<'c, 'a> Call<'c, 'a> {
    pub(super) fn new(
        node: &'c Node<'a>,
        inputs: Vec<Option<Value>>,
        program: &'c mut Program,
        version: i64,
        scope: Scope<'c, 'a>,
    ) -> Self {
        let unread = RefCell::new(node.attributes.iter().map(|(name, _)| *name).collect());
        Self { node, inputs, unread, program, version, scope }
    }

    /// Its operator.
    pub(super) fn operator(&self) -> &'a str {
        self.node.operator
    }

    /// Number of its outputs.
    pub(super) fn outputs(&self) -> usize {
        self.node.outputs.len()
    }

    /// Fails where attributes were not read.
    pub(super) fn finish(&self) -> Result<()> {
        match self.unread.borrow().first() {
            Some(name) => Err(unsupported(name, "an attribute", "only attributes that the operator has")),
            None => Ok(()),
        }
    }

    /// Number of its inputs, absent ones too.
    pub(super) fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// An input that may be absent.
    pub(super) fn optional(&self, number: usize) -> Option<Value> {
        self.inputs.get(number).cloned().flatten()
    }

    pub(super) fn input(&self, number: usize) -> Result<Value> {
        self.optional(number).ok_or_else(|| {
            mismatch(&format!("at least {} inputs", number + 1), &self.inputs.len().to_string())
        })
    }

    /// An input of numbers that depend on the rows.
    pub(super) fn rows(&self, number: usize) -> Result<Rows> {
        self.input(number)?.number_rows()
    }

    /// An input of numbers, one row of them for each row: a vector is a matrix with one column.
    pub(super) fn matrix(&self, number: usize) -> Result<Rows> {
        let mut rows = self.rows(number)?;
        if rows.dims.len() == 1 && rows.columns.len() == 1 {
            rows.dims.push(super::value::Dim::Fixed(1));
        }
        if rows.is_matrix() {
            Ok(rows)
        } else {
            Err(mismatch("a matrix of rows", "a tensor of another shape"))
        }
    }

    fn attribute(&self, name: &str) -> Option<&'c Attribute<'a>> {
        self.unread.borrow_mut().retain(|unread| *unread != name);
        self.node.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Attributes that do not matter for predictions.
    pub(super) fn ignore(&self, names: &[&str]) {
        names.iter().for_each(|name| {
            self.attribute(name);
        });
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.node.attributes.iter().any(|(known, _)| *known == name)
    }

    pub(super) fn integer(&self, name: &str, default: i64) -> Result<i64> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Integer(value)) => Ok(*value),
            Some(_) => Err(self.wrong(name, "an integer")),
        }
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool> {
        Ok(self.integer(name, i64::from(default))? != 0)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f64> {
        match self.attribute(name) {
            None => Ok(f64::from(default)),
            Some(Attribute::Float(value)) => Ok(f64::from(*value)),
            Some(_) => Err(self.wrong(name, "a float")),
        }
    }

    pub(super) fn text(&self, name: &str, default: &'a str) -> Result<&'a str> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Text(value)) => Ok(value),
            Some(_) => Err(self.wrong(name, "a string")),
        }
    }

    /// A list of floats, empty where it is absent.
    pub(super) fn floats(&self, name: &str) -> Result<Vec<f64>> {
        match self.attribute(name) {
            None => Ok(Vec::new()),
            Some(Attribute::Floats(values)) => Ok(values.iter().map(|x| f64::from(*x)).collect()),
            Some(Attribute::Tensor(tensor)) => Ok(tensor.numbers.clone()),
            Some(_) => Err(self.wrong(name, "a list of floats")),
        }
    }

    /// A list of integers, empty where it is absent.
    pub(super) fn integers(&self, name: &str) -> Result<Vec<i64>> {
        match self.attribute(name) {
            None => Ok(Vec::new()),
            Some(Attribute::Integers(values)) => Ok(values.clone()),
            Some(Attribute::Tensor(tensor)) => Ok(tensor.numbers.iter().map(|x| *x as i64).collect()),
            Some(_) => Err(self.wrong(name, "a list of integers")),
        }
    }

    /// A list of texts, empty where it is absent.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>> {
        match self.attribute(name) {
            None => Ok(Vec::new()),
            Some(Attribute::Texts(values)) => Ok(values.iter().map(|text| (*text).to_owned()).collect()),
            Some(_) => Err(self.wrong(name, "a list of strings")),
        }
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<&'c Tensor>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Tensor(tensor)) => Ok(Some(tensor)),
            Some(_) => Err(self.wrong(name, "a tensor")),
        }
    }

    pub(super) fn graph(&self, name: &str) -> Result<&'c Graph<'a>> {
        match self.attribute(name) {
            Some(Attribute::Graph(graph)) => Ok(graph),
            Some(_) => Err(self.wrong(name, "a graph")),
            None => Err(error(Problem::Missing { field: name.to_owned() })),
        }
    }

    fn wrong(&self, name: &str, expected: &str) -> FormatError {
        mismatch(&format!("{expected} for `{name}`"), "an attribute of another type")
    }
}
