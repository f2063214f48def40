//! [`Value`]: a cursor into the tree that knows its own path, so that every error says where.

use std::fmt;
use std::rc::Rc;

use super::array::{Array, Matrix};
use super::class::Class;
use super::node::{Node, NodeId};
use super::sparse::Sparse;
use super::{Pickle, VISIT, convert};
use crate::{FileKind, FormatError, Problem};

/// A value of a pickle and the way that led to it.
///
/// Cheap to clone. Every reader that returns a `Result` gives an error with the path, such as
/// `Pipeline.steps[1].coef_: expected float64 (3, 4), got (3, 5)`.
#[derive(Clone)]
pub struct Value<'p> {
    pub(super) pickle: &'p Pickle<'p>,
    pub(super) id: NodeId,
    pub(super) way: Option<Rc<Way<'p>>>,
}

/// The last step of a path and what came before.
pub(super) struct Way<'p> {
    from: Value<'p>,
    step: Step<'p>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Field(&'p str),
    Index(usize),
    /// A step that is not shown.
    Silent,
}

type Result<T> = std::result::Result<T, FormatError>;

/// Moving about.
impl<'p> Value<'p> {
    pub(super) fn node(&self) -> &'p Node {
        self.pickle.node(self.id)
    }

    fn go(&self, id: NodeId, step: Step<'p>) -> Result<Value<'p>> {
        let depth = self.way.as_ref().map_or(0, |way| way.depth) + 1;
        let allowed = self.pickle.limits.max_depth;
        if depth > allowed {
            return Err(self.problem(Problem::LimitExceeded { limit: "max_depth", allowed: allowed as u64 }));
        }
        self.pickle.charge(VISIT)?;
        let way = Rc::new(Way { from: self.clone(), step, depth });
        Ok(Value { pickle: self.pickle, id, way: Some(way) })
    }

    /// The class of an object, when this is one. For functions that rebuild an object of a class given as their first
    /// argument (`__pyx_unpickle_…`, `newObj`), that class.
    pub fn class(&self) -> Option<Class<'p>> {
        self.pickle.class_of(self.id)
    }

    /// The dotted name, when this is a reference to a class or function itself (such as `numpy.log1p`).
    pub fn reference(&self) -> Option<Class<'p>> {
        match self.node() {
            Node::Global(global) => Some(self.pickle.class_named(*global)),
            _ => None,
        }
    }

    /// The attribute of an object or the entry of a dict with this key.
    ///
    /// # Errors
    /// `Missing` when there is none, `Mismatch` when this is neither object nor dict.
    pub fn field(&self, name: &'p str) -> Result<Value<'p>> {
        match self.find(name)? {
            Some(id) => self.go(id, Step::Field(name)),
            None => Err(self.missing(name)),
        }
    }

    /// Like [`Value::field`], but `None` when there is no such attribute or key. A Python `None` is a value: see [`Value::is_none`].
    ///
    /// # Errors
    /// `Mismatch` when this is neither object nor dict; `LimitExceeded` when too deep.
    pub fn optional(&self, name: &'p str) -> Result<Option<Value<'p>>> {
        self.find(name)?.map(|id| self.go(id, Step::Field(name))).transpose()
    }

    /// Is there an attribute or key of this name? `false` for values that have none at all.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_ok_and(|found| found.is_some())
    }

    fn find(&self, name: &str) -> Result<Option<NodeId>> {
        let pickle = self.pickle;
        if let Node::Dict(pairs) = self.node() {
            return Ok(pickle.find_key(pairs, name));
        }
        let Node::Object(object) = self.node() else {
            return Err(self.mismatch("an object with attributes", self.describe()));
        };
        // A state is a dict, or a pair of one and the values of `__slots__`.
        let states = match object.state.map(|id| (id, pickle.node(id))) {
            Some((_, Node::Tuple(parts))) => parts.to_vec(),
            Some((id, _)) => vec![id],
            None => Vec::new(),
        };
        let in_states = states.iter().rev().find_map(|&id| match pickle.node(id) {
            Node::Dict(pairs) => pickle.find_key(pairs, name),
            _ => None,
        });
        Ok(in_states.or_else(|| pickle.find_key(&object.pairs, name)))
    }

    /// The names of the attributes of an object or of the text keys of a dict, in file order.
    pub fn field_names(&self) -> Vec<&'p str> {
        let pickle = self.pickle;
        let mut pairs: Vec<&'p [NodeId]> = Vec::new();
        match self.node() {
            Node::Dict(entries) => pairs.push(entries),
            Node::Object(object) => {
                let states = match object.state.map(|id| (id, pickle.node(id))) {
                    Some((_, Node::Tuple(parts))) => parts.to_vec(),
                    Some((id, _)) => vec![id],
                    None => Vec::new(),
                };
                for id in states {
                    if let Node::Dict(entries) = pickle.node(id) {
                        pairs.push(entries);
                    }
                }
                pairs.push(&object.pairs);
            }
            _ => {}
        }
        pairs
            .iter()
            .flat_map(|entries| entries.chunks_exact(2))
            .filter_map(|pair| pickle.text(pair[0]))
            .collect()
    }

    /// The elements of a list, tuple, set, list-like object or array of objects (in row-major order).
    ///
    /// # Errors
    /// `Mismatch` when this is none of them.
    pub fn items(&self) -> Result<Vec<Value<'p>>> {
        let ids = self.element_ids()?;
        ids.iter().enumerate().map(|(i, &id)| self.go(id, Step::Index(i))).collect()
    }

    fn element_ids(&self) -> Result<&'p [NodeId]> {
        self.pickle.elements(self.id).ok_or_else(|| self.mismatch("a list", self.describe()))
    }

    /// How many elements a list, tuple, set, dict or array (its first dimension) has.
    ///
    /// # Errors
    /// `Mismatch` when this is none of them.
    pub fn len(&self) -> Result<usize> {
        match self.node() {
            Node::Dict(pairs) => Ok(pairs.len() / 2),
            Node::Array(array) => Ok(array.shape.first().copied().unwrap_or(1)),
            _ => Ok(self.element_ids()?.len()),
        }
    }

    /// Element `index` of what [`Value::items`] lists.
    ///
    /// # Errors
    /// `Mismatch` when this is no list or too short.
    pub fn at(&self, index: usize) -> Result<Value<'p>> {
        self.element(index, Step::Index(index))
    }

    /// Element `index`, keeping this value's path: the estimator of a `(name, estimator)` pair is `steps[1]`, not `steps[1][1]`.
    ///
    /// # Errors
    /// As [`Value::at`].
    pub fn part(&self, index: usize) -> Result<Value<'p>> {
        self.element(index, Step::Silent)
    }

    fn element(&self, index: usize, step: Step<'p>) -> Result<Value<'p>> {
        let ids = self.element_ids()?;
        match ids.get(index) {
            Some(&id) => self.go(id, step),
            None => Err(self.mismatch(format_args!("at least {} elements", index + 1), ids.len())),
        }
    }

    /// Keys and values of a dict or dict-like object, in file order. A value's path ends in its key when that is text.
    ///
    /// A file made by Python has each key once; one that has not is to be read as Python would: the last one counts.
    ///
    /// # Errors
    /// `Mismatch` when this is no dict.
    pub fn pairs(&self) -> Result<Vec<(Value<'p>, Value<'p>)>> {
        let entries = match self.node() {
            Node::Dict(pairs) => pairs,
            Node::Object(object) if !object.pairs.is_empty() || self.pickle.is_dict_like(object) => {
                &object.pairs
            }
            _ => return Err(self.mismatch("a dict", self.describe())),
        };
        let pair = |(i, pair): (usize, &[NodeId])| {
            let step = self.pickle.text(pair[0]).map_or(Step::Index(i), Step::Field);
            Ok((self.go(pair[0], step)?, self.go(pair[1], step)?))
        };
        entries.chunks_exact(2).enumerate().map(pair).collect()
    }

    /// The arguments a pickle gives for making this object, such as the sizes of a scikit-learn `Tree`.
    ///
    /// # Errors
    /// `Mismatch` when this is no object.
    pub fn args(&self) -> Result<Value<'p>> {
        match self.node() {
            Node::Object(object) => self.go(object.args, Step::Field("args")),
            _ => Err(self.mismatch("an object", self.describe())),
        }
    }

    /// The keyword arguments a pickle gives for making this object; `None` when there are none, as in nearly all files.
    ///
    /// # Errors
    /// `Mismatch` when this is no object.
    pub fn kwargs(&self) -> Result<Option<Value<'p>>> {
        match self.node() {
            Node::Object(object) => object.kwargs.map(|id| self.go(id, Step::Field("kwargs"))).transpose(),
            _ => Err(self.mismatch("an object", self.describe())),
        }
    }

    /// The whole state of an object, for those whose state is no dict.
    ///
    /// # Errors
    /// `Mismatch` when this is no object or has no state.
    pub fn state(&self) -> Result<Value<'p>> {
        match self.node() {
            Node::Object(object) => match object.state {
                Some(id) => self.go(id, Step::Silent),
                None => Err(self.mismatch("an object with a state", self.describe())),
            },
            _ => Err(self.mismatch("an object", self.describe())),
        }
    }
}

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
        match self.node() {
            Node::Dict(_) => true,
            Node::Object(object) => self.pickle.is_dict_like(object),
            _ => false,
        }
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
        match self.scalar_node() {
            Scalar::Int(value) => Ok(value),
            _ => Err(self.mismatch("an integer", self.describe())),
        }
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
        match self.scalar_node() {
            Scalar::Float(value) => Ok(value),
            Scalar::Int(value) if convert::exact(value) => Ok(value as f64),
            _ => Err(self.mismatch("a number", self.describe())),
        }
    }

    /// `True` or `False`.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn bool(&self) -> Result<bool> {
        match self.scalar_node() {
            Scalar::Bool(value) => Ok(value),
            _ => Err(self.mismatch("True or False", self.describe())),
        }
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
        match self.node() {
            Node::Bytes(span) => Ok(self.pickle.span(*span)),
            _ => Err(self.mismatch("bytes", self.describe())),
        }
    }

    fn scalar_node(&self) -> Scalar {
        match self.node() {
            Node::Bool(value) => Scalar::Bool(*value),
            Node::Int(value) => Scalar::Int(*value),
            Node::Float(value) => Scalar::Float(*value),
            Node::Array(array) if array.shape.is_empty() => self.pickle.scalar_of(array),
            _ => Scalar::Other,
        }
    }
}

/// A number or truth value.
pub(super) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Other,
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
        match self.node() {
            Node::Array(node) => Ok(Array { value: self.clone(), node }),
            _ => Err(self.mismatch("an array", self.describe())),
        }
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
        convert::vector(self, len.into(), "float64", Array::f64s, |item| item.float())
    }

    /// Whole numbers in one dimension, from an array or a list.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn i64_vector(&self, len: impl Into<Option<usize>>) -> Result<Vec<i64>> {
        convert::vector(self, len.into(), "int64", Array::i64s, |item| item.int())
    }

    /// Truth values in one dimension, from an array or a list.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn bool_vector(&self, len: impl Into<Option<usize>>) -> Result<Vec<bool>> {
        convert::vector(self, len.into(), "bool", Array::bools, |item| item.bool())
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
        let matrix = match self.node() {
            Node::Object(_) if self.class().is_some_and(|class| class.package() == "scipy") => {
                self.sparse()?.to_dense(self)?
            }
            _ => self.array()?.matrix(expected)?,
        };
        if expected.0.is_some_and(|rows| rows != matrix.rows)
            || expected.1.is_some_and(|cols| cols != matrix.cols)
        {
            let got = format!("({}, {})", matrix.rows, matrix.cols);
            return Err(self.mismatch(format_args!("float64 {}", convert::shape2(expected)), got));
        }
        Ok(matrix)
    }
}

/// Saying what is wrong here.
impl<'p> Value<'p> {
    /// The path from the root, such as `Pipeline.steps[1].coef_`.
    pub fn path(&self) -> String {
        self.to_string()
    }

    /// What this value is, in words, for the `got` of an error: `None`, `"text"`, `list of 3`, `float64 (3, 4)`, `sklearn…Ridge`.
    pub fn describe(&self) -> String {
        self.pickle.describe(self.id)
    }

    /// An error at this path.
    pub fn problem(&self, problem: Problem) -> FormatError {
        let error = FormatError::new(FileKind::Pickle, problem).at(self.path());
        match self.library() {
            Some(library) => error.written_by(library),
            None => error,
        }
    }

    /// The version in the state of the nearest object around this value that has one, such as `scikit-learn 1.1.3`.
    pub fn library(&self) -> Option<String> {
        let version = |value: &Value<'p>| match value.node() {
            Node::Object(_) => {
                value.find("_sklearn_version").ok().flatten().and_then(|id| self.pickle.text(id))
            }
            _ => None,
        };
        let mut value = self;
        loop {
            if let Some(version) = version(value) {
                return Some(format!("scikit-learn {version}"));
            }
            value = &value.way.as_ref()?.from;
        }
    }

    /// "expected …, got …".
    pub fn mismatch(&self, expected: impl fmt::Display, got: impl fmt::Display) -> FormatError {
        self.problem(Problem::Mismatch { expected: expected.to_string(), got: got.to_string() })
    }

    /// This attribute or key is not there.
    pub fn missing(&self, field: &str) -> FormatError {
        self.problem(Problem::Missing { field: field.to_owned() })
    }

    /// This value is of a class that no loader knows.
    pub fn unsupported_class(&self) -> FormatError {
        let class = self
            .class()
            .or_else(|| self.reference())
            .map_or_else(|| self.describe(), |class| class.to_string());
        self.problem(Problem::UnsupportedClass { class })
    }

    /// A parameter or attribute of this object has a value that is not supported.
    pub fn unsupported_option(
        &self,
        option: &str,
        value: impl fmt::Display,
        supported: impl fmt::Display,
    ) -> FormatError {
        self.problem(Problem::UnsupportedOption {
            option: option.to_owned(),
            value: value.to_string(),
            supported: supported.to_string(),
        })
    }

    /// Well formed, but impossible: say why in `detail`.
    pub fn invalid(&self, detail: impl fmt::Display) -> FormatError {
        self.problem(Problem::Invalid { detail: detail.to_string() })
    }

    /// This is what the file holds, and it is no model.
    pub fn not_a_model(&self) -> FormatError {
        self.problem(Problem::NotAModel { found: self.describe() })
    }
}

/// The path.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(way) = &self.way else {
            return match self.class() {
                Some(class) => f.write_str(class.name()),
                None => f.write_str(self.pickle.type_name(self.id)),
            };
        };
        write!(f, "{}", way.from)?;
        match way.step {
            Step::Field(name) => write!(f, ".{name}"),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Silent => Ok(()),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} = {}", self.describe())
    }
}
