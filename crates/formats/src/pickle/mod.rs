//! Pickle and joblib files, read as data.
//!
//! A pickle is a program for a small stack machine; Python runs it and calls whatever it names. Here the machine is an
//! interpreter of data only. `GLOBAL` makes an inert name, `REDUCE`, `NEWOBJ` and `BUILD` make an inert record (class, arguments, state),
//! and a short table (`known`) turns the few records that are plain data in disguise (NumPy arrays, scalars and dtypes, `bytearray`, sets, …)
//! into data. A call of anything else that is neither in that table nor a class of a known library is refused. Nothing is ever called.
//!
//! # Reading a model
//!
//! ```
//! use foretell_formats::{Limits, pickle::Pickle};
//! let file = b"\x80\x02}X\x05\x00\x00\x00alphaG\x3f\xe0\0\0\0\0\0\0s.";
//! let pickle = Pickle::read(&file[..], &Limits::default()).unwrap();
//! let alpha = pickle.root().field("alpha").unwrap();
//! assert_eq!(alpha.float().unwrap(), 0.5);
//! assert_eq!(alpha.path(), "dict.alpha");
//! assert_eq!(alpha.text().unwrap_err().to_string(), "dict.alpha: expected a text, got 0.5");
//! ```
//!
//! A loader of an estimator is one function from a [`Value`] to a step of a model:
//!
//! ```
//! use foretell_formats::{FormatError, pickle::Value};
//! struct StandardScaler { mean: Option<Vec<f64>>, scale: Option<Vec<f64>> }
//!
//! fn standard_scaler(estimator: &Value<'_>) -> Result<StandardScaler, FormatError> {
//!     let features = estimator.field("n_features_in_")?.size()?;
//!     let column = |name| match estimator.field(name)? {
//!         value if value.is_none() => Ok(None),
//!         value => value.f64_vector(features).map(Some),
//!     };
//!     Ok(StandardScaler { mean: column("mean_")?, scale: column("scale_")? })
//! }
//!
//! fn step(estimator: &Value<'_>) -> Result<StandardScaler, FormatError> {
//!     match estimator.class().map(|class| class.key()) {
//!         Some(("sklearn", "StandardScaler")) => standard_scaler(estimator),
//!         _ => Err(estimator.unsupported_class()),
//!     }
//! }
//! ```
//!
//! # Parts
//!
//! `input` reads opcodes and their operands; `machine` runs them over the arena of `node`; `known` is the table of records that are data;
//! `value` is the cursor with the path and `read` what it reads; `numpy` knows how NumPy and joblib write arrays, and `array`, `convert`, `dtype` and
//! `sparse` are their content.
//!
//! # Bounds
//!
//! Every node costs at least a byte of the file except the shared constants, lengths are checked against what is left of the file before
//! anything is allocated, and nothing recurses: depth costs nothing until a reader descends, which [`Limits::max_depth`] ends. What readers
//! produce and how far they walk is counted against budgets in proportion to the file ([`Limits::max_model_ratio`], [`Limits::max_steps_ratio`]),
//! so that a small file whose parts refer to each other many times cannot grow into a large model.

mod array;
mod by_value;
mod class;
mod convert;
mod dtype;
mod input;
mod known;
mod machine;
mod node;
mod numpy;
pub(crate) mod opcode;
mod read;
mod sparse;
mod text;
mod value;

use std::borrow::Cow;
use std::cell::Cell;

use machine::Machine;
use node::{Global, Node, NodeId, Object, Span};

pub use array::{Array, Matrix};
pub use class::Class;
pub use dtype::{Dtype, Field, Kind};
pub use sparse::Sparse;
pub use value::Value;

use crate::{FileKind, FormatError, Limits, Problem};
use read::Scalar;

/// A pickle or joblib file as a tree of inert values.
#[derive(Debug)]
pub struct Pickle<'b> {
    data: Cow<'b, [u8]>,
    decoded: Vec<u8>,
    nodes: Vec<Node>,
    root: NodeId,
    protocol: u8,
    joblib: bool,
    kind: FileKind,
    limits: Limits,
    /// Bytes that readers have produced.
    made: Cell<usize>,
    /// Steps that readers have taken.
    walked: Cell<usize>,
}

/// What a reader may always produce, however small the file.
const FREE_BYTES: usize = 64 << 20;
/// Steps a reader may always take, however small the file.
const FREE_STEPS: usize = 100_000;
/// Characters of a text that an error shows.
const SHOWN: usize = 40;

impl<'b> Pickle<'b> {
    /// Reads a pickle or joblib file that is not compressed. What follows its `STOP` is left alone.
    ///
    /// # Errors
    /// `Truncated`, `Corrupt`, `LimitExceeded`, `ForbiddenCall`, `PythonCode`, `OutsideReference`.
    pub fn read(data: impl Into<Cow<'b, [u8]>>, limits: &Limits) -> Result<Pickle<'b>, FormatError> {
        let data = data.into();
        let mut machine = Machine::new(&data, limits);
        let root = machine.run()?;
        let Machine { nodes, decoded, protocol, joblib, .. } = machine;
        Ok(Pickle {
            data,
            decoded,
            nodes,
            root,
            protocol,
            joblib,
            kind: FileKind::Pickle,
            limits: limits.clone(),
            made: Cell::new(0),
            walked: Cell::new(0),
        })
    }

    /// The same read from a file of another kind, which was translated: errors of its values name that kind.
    pub(crate) fn of_kind(self, kind: FileKind) -> Self {
        Self { kind, ..self }
    }

    /// The protocol its header tells; 0 also stands for 1, which has none.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Do arrays stand in the stream, as joblib writes them?
    pub fn is_joblib(&self) -> bool {
        self.joblib
    }

    /// The value the file holds.
    pub fn root(&self) -> Value<'_> {
        Value::root(self, self.root)
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    fn span(&self, span: Span) -> &[u8] {
        let from: &[u8] = if span.decoded { &self.decoded } else { &self.data };
        &from[span.start..span.start + span.len]
    }

    fn text(&self, id: NodeId) -> Option<&str> {
        let span = self.node(id).text()?;
        std::str::from_utf8(self.span(span)).ok()
    }

    /// Counts bytes a reader is about to produce.
    fn charge(&self, bytes: usize) -> Result<(), Problem> {
        let made = self.made.get().saturating_add(bytes);
        self.made.set(made);
        let Limits { max_model_bytes, max_model_ratio, .. } = self.limits;
        let in_proportion = self.data.len().saturating_mul(max_model_ratio).saturating_add(FREE_BYTES);
        if made > max_model_bytes {
            Err(Problem::LimitExceeded { limit: "max_model_bytes", allowed: max_model_bytes as u64 })
        } else if made > in_proportion {
            Err(Problem::LimitExceeded { limit: "max_model_ratio", allowed: max_model_ratio as u64 })
        } else {
            Ok(())
        }
    }

    /// Counts steps a reader is about to take.
    fn walk(&self, steps: usize) -> Result<(), Problem> {
        let walked = self.walked.get().saturating_add(steps);
        self.walked.set(walked);
        let ratio = self.limits.max_steps_ratio;
        if walked <= self.data.len().saturating_mul(ratio).saturating_add(FREE_STEPS) {
            return Ok(());
        }
        Err(Problem::LimitExceeded { limit: "max_steps_ratio", allowed: ratio as u64 })
    }

    /// The value of the last entry with this text as its key.
    fn find_key(&self, pairs: &[NodeId], name: &str) -> Option<NodeId> {
        pairs.chunks_exact(2).rev().find(|pair| self.text(pair[0]) == Some(name)).map(|pair| pair[1])
    }

    /// The elements of a list, tuple, set, kind of list or array of values.
    fn elements(&self, id: NodeId) -> Option<&[NodeId]> {
        let node = self.node(id);
        if let Node::Array(array) = node
            && let array::Data::Values(ids) = &array.data
        {
            return Some(ids);
        }
        let of_object = || node.object().map(|object| &object.items[..]).filter(|items| !items.is_empty());
        node.items().or_else(of_object)
    }

    fn is_dict_like(&self, object: &Object) -> bool {
        !object.pairs.is_empty() || matches!(self.class_named(object.callable).key(), ("sklearn", "Bunch"))
    }

    fn class_named(&self, global: Global) -> Class<'_> {
        Class {
            module: self.text(global.module).unwrap_or_default(),
            name: self.text(global.name).unwrap_or_default(),
            own: global.own,
        }
    }

    fn class_of(&self, id: NodeId) -> Option<Class<'_>> {
        let object = self.node(id).object()?;
        let callable = self.class_named(object.callable);
        let is_rebuilder = callable.name.starts_with("__pyx_unpickle_")
            || matches!(callable.name, "newObj" | "_reconstruct");
        let args = self.node(object.args).tuple().filter(|_| is_rebuilder).unwrap_or_default();
        let class = args.first().and_then(|&class| self.node(class).global());
        Some(class.map_or(callable, |class| self.class_named(class)))
    }

    /// The number an array without dimensions holds.
    fn scalar_of(&self, array: &array::ArrayNode) -> Option<Scalar> {
        let span = match &array.data {
            array::Data::Raw(span) => *span,
            array::Data::Values(values) => return Scalar::of(self.node(*values.first()?)),
        };
        let element = array::Elements { bytes: self.span(span), stride: array.dtype.itemsize, offset: 0 };
        match array.dtype.kind {
            Kind::Bool => convert::bools(element, &array.dtype).map(|values| Scalar::Bool(values[0])),
            Kind::Int | Kind::Uint => {
                convert::i64s(element, &array.dtype).map(|values| Scalar::Int(values[0]))
            }
            Kind::Float => convert::f64s(element, &array.dtype).map(|values| Scalar::Float(values[0])),
            Kind::Text | Kind::Bytes | Kind::Object | Kind::Structured(_) | Kind::Other(_) => None,
        }
    }

    fn describe(&self, id: NodeId) -> String {
        match self.node(id) {
            Node::Bool(true) => "True".to_owned(),
            Node::Bool(false) => "False".to_owned(),
            Node::Int(value) => value.to_string(),
            Node::Float(value) => value.to_string(),
            Node::Text(_) => {
                let text = self.text(id).unwrap_or_default();
                let start: String = text.chars().take(SHOWN).collect();
                let dots = if start.len() < text.len() { "…" } else { "" };
                format!("\"{}{dots}\"", start.escape_debug())
            }
            Node::List(ids) | Node::Set(ids) => format!("a {} of {}", self.type_name(id), ids.len()),
            Node::Tuple(ids) => format!("a tuple of {}", ids.len()),
            Node::Dict(pairs) => format!("a dict of {}", pairs.len() / 2),
            Node::Bytes(span) => format!("{} bytes", span.len),
            Node::Global(global) => format!("`{}`", self.class_named(*global)),
            Node::Object(_) => match self.class_of(id) {
                Some(class) => format!("`{class}`"),
                None => "an object".to_owned(),
            },
            Node::Array(array) => array.describe(),
            Node::Dtype(dtype) => format!("dtype {dtype}"),
            Node::None | Node::BigInt => self.type_name(id).to_owned(),
        }
    }

    fn type_name(&self, id: NodeId) -> &'static str {
        self.node(id).type_name()
    }
}
