//! [`Value`]: a cursor into the tree that knows its own path, so that every error says where.

use std::fmt;
use std::rc::Rc;

use super::Pickle;
use super::class::Class;
use super::node::{Node, NodeId, Object};
use crate::{FormatError, Limits, Problem, Why};

/// Bytes of a key that a path shows.
const SHOWN: usize = 60;

/// Keys of a dict that are compared at the cost of one step to a value.
const KEYS_PER_STEP: usize = 16;

/// A value of a pickle and the way that led to it.
///
/// Cheap to clone. Every reader that returns a `Result` gives an error with the path, such as
/// `Pipeline.steps[1].coef_: expected float64 (3, 4), got (3, 5)`.
#[derive(Clone)]
pub struct Value<'p> {
    pub(super) pickle: &'p Pickle<'p>,
    pub(super) id: NodeId,
    depth: u32,
    /// What it was reached from; shared by all items of a list.
    from: Option<Rc<Value<'p>>>,
    step: Step<'p>,
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

    /// The root of a file.
    pub(super) fn root(pickle: &'p Pickle<'p>, id: NodeId) -> Self {
        Value { pickle, id, depth: 0, from: None, step: Step::Silent }
    }

    fn go(&self, id: NodeId, step: Step<'p>) -> Result<Value<'p>> {
        Value::beyond(&Rc::new(self.clone()), id, step)
    }

    /// The value `step` leads to from `here`.
    fn beyond(here: &Rc<Self>, id: NodeId, step: Step<'p>) -> Result<Value<'p>> {
        here.walk(1)?;
        let allowed = here.pickle.limits.max_depth;
        if here.depth as usize >= allowed {
            return Err(here.problem(Problem::LimitExceeded { limit: "max_depth", allowed: allowed as u64 }));
        }
        Ok(Value { pickle: here.pickle, id, depth: here.depth + 1, from: Some(Rc::clone(here)), step })
    }

    /// The value this one was reached from.
    pub(crate) fn holder(&self) -> Option<&Value<'p>> {
        self.from.as_deref()
    }

    /// Counts steps this reader is about to take.
    fn walk(&self, steps: usize) -> Result<()> {
        self.pickle.walk(steps).map_err(|problem| self.problem(problem))
    }

    /// Counts bytes a reader is about to produce.
    pub(super) fn charge(&self, bytes: usize) -> Result<()> {
        self.pickle.charge(bytes).map_err(|problem| self.problem(problem))
    }

    /// The limits the file is read under, for formats that stand inside a pickle.
    pub(crate) fn limits(&self) -> &'p Limits {
        &self.pickle.limits
    }

    /// The class of an object, when this is one. For functions that rebuild an object of a class given as their first
    /// argument (`__pyx_unpickle_…`, `newObj`), that class.
    pub fn class(&self) -> Option<Class<'p>> {
        self.pickle.class_of(self.id)
    }

    /// The dotted name, when this is a reference to a class or function itself (such as `numpy.log1p`).
    pub fn reference(&self) -> Option<Class<'p>> {
        self.node().global().map(|global| self.pickle.class_named(global))
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
        let entries =
            self.entries().ok_or_else(|| self.mismatch("an object with attributes", self.describe()))?;
        self.walk(entries.iter().map(|entries| entries.len()).sum::<usize>() / KEYS_PER_STEP)?;
        Ok(entries.iter().find_map(|entries| self.pickle.find_key(entries, name)))
    }

    /// Keys and values, in turn, of a dict, or of the attributes of an object and then of its own entries when it is a kind of dict.
    fn entries(&self) -> Option<Vec<&'p [NodeId]>> {
        if let Some(entries) = self.node().entries() {
            return Some(vec![entries]);
        }
        let object = self.node().object()?;
        let mut lists = Vec::new();
        if let Some(state) = &object.state {
            // A state is a dict, or a pair of one and the values of `__slots__`, which are set last.
            let states = self.pickle.node(*state).tuple().unwrap_or(std::slice::from_ref(state));
            lists.extend(states.iter().rev().filter_map(|&state| self.pickle.node(state).entries()));
        }
        lists.push(&object.pairs);
        Some(lists)
    }

    /// The names of the attributes of an object or of the text keys of a dict, in file order.
    pub fn field_names(&self) -> Vec<&'p str> {
        let lists = self.entries().unwrap_or_default();
        let keys = lists.iter().flat_map(|entries| entries.chunks_exact(2)).map(|pair| pair[0]);
        keys.filter_map(|key| self.pickle.text(key)).collect()
    }

    /// The elements of a list, tuple, set, list-like object or array of objects (in row-major order).
    ///
    /// # Errors
    /// `Mismatch` when this is none of them.
    pub fn items(&self) -> Result<Vec<Value<'p>>> {
        let ids = self.element_ids()?;
        let here = Rc::new(self.clone());
        ids.iter().enumerate().map(|(i, &id)| Value::beyond(&here, id, Step::Index(i))).collect()
    }

    fn element_ids(&self) -> Result<&'p [NodeId]> {
        self.pickle.elements(self.id).ok_or_else(|| self.mismatch("a list", self.describe()))
    }

    /// How many elements a list, tuple, set, dict or array (its first dimension) has.
    ///
    /// # Errors
    /// `Mismatch` when this is none of them.
    pub fn len(&self) -> Result<usize> {
        let node = self.node();
        if let Some(entries) = node.entries() {
            return Ok(entries.len() / 2);
        }
        if let Node::Array(array) = node {
            return Ok(array.shape.first().copied().unwrap_or(1));
        }
        Ok(self.element_ids()?.len())
    }

    /// Is [`Value::len`] 0?
    ///
    /// # Errors
    /// As [`Value::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
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
        let of_object = || {
            self.node()
                .object()
                .filter(|object| self.pickle.is_dict_like(object))
                .map(|object| &object.pairs[..])
        };
        let entries = self.node().entries().or_else(of_object);
        let entries = entries.ok_or_else(|| self.mismatch("a dict", self.describe()))?;
        let here = Rc::new(self.clone());
        let pair = |(i, pair): (usize, &[NodeId])| {
            let step = self.pickle.text(pair[0]).map_or(Step::Index(i), Step::Field);
            Ok((Value::beyond(&here, pair[0], step)?, Value::beyond(&here, pair[1], step)?))
        };
        entries.chunks_exact(2).enumerate().map(pair).collect()
    }

    /// The arguments a pickle gives for making this object, such as the sizes of a scikit-learn `Tree`.
    ///
    /// # Errors
    /// `Mismatch` when this is no object.
    pub fn args(&self) -> Result<Value<'p>> {
        self.go(self.object()?.args, Step::Field("args"))
    }

    /// The keyword arguments a pickle gives for making this object; `None` when there are none, as in nearly all files.
    ///
    /// # Errors
    /// `Mismatch` when this is no object.
    pub fn kwargs(&self) -> Result<Option<Value<'p>>> {
        self.object()?.kwargs.map(|id| self.go(id, Step::Field("kwargs"))).transpose()
    }

    /// The whole state of an object, for those whose state is no dict.
    ///
    /// # Errors
    /// `Mismatch` when this is no object or has no state.
    pub fn state(&self) -> Result<Value<'p>> {
        let state = self.object()?.state;
        let state = state.ok_or_else(|| self.mismatch("an object with a state", self.describe()))?;
        self.go(state, Step::Silent)
    }

    fn object(&self) -> Result<&'p Object> {
        self.node().object().ok_or_else(|| self.mismatch("an object", self.describe()))
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
        let error = FormatError::new(self.pickle.kind, problem).at(self.path());
        match self.library() {
            Some(library) => error.written_by(library),
            None => error,
        }
    }

    /// The version in the state of the nearest object around this value that has one, such as `scikit-learn 1.1.3`.
    pub fn library(&self) -> Option<String> {
        let version = |value: &Value<'p>| {
            value.node().object()?;
            let entries = value.entries()?;
            let found = entries.iter().find_map(|entries| self.pickle.find_key(entries, "_sklearn_version"));
            self.pickle.text(found?)
        };
        let mut value = self;
        loop {
            if let Some(version) = version(value) {
                return Some(format!("scikit-learn {version}"));
            }
            value = value.from.as_ref()?;
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
        let class = self.class().or_else(|| self.reference());
        let own = class.is_some_and(|class| class.package() == "__main__");
        self.class_not_opened(if own { Why::Own } else { Why::Unknown })
    }

    /// This value is of a class that is not opened.
    pub(crate) fn class_not_opened(&self, why: Why) -> FormatError {
        let class = self.class().or_else(|| self.reference());
        let class = class.map_or_else(|| self.describe(), |class| class.to_string());
        self.problem(Problem::UnsupportedClass { class, role: self.role(), why })
    }

    /// What this is to what holds it, by the names the user gave: "step `scale` of `Pipeline`", or within such a step.
    fn role(&self) -> Option<String> {
        let mut part = self;
        let mut within = "";
        loop {
            if let Some(named) = part.named_part() {
                return Some(format!("{within}{named}"));
            }
            part = part.from.as_ref()?;
            within = "within ";
        }
    }

    /// The name of an element of a `(name, estimator)` tuple in a list of its holder.
    fn named_part(&self) -> Option<String> {
        let entry = self.from.as_ref()?;
        let list = entry.from.as_ref()?;
        let holder = list.from.as_ref()?.class()?.name();
        let (Step::Silent, Step::Field(field)) = (self.step, list.step) else { return None };
        let word = match field {
            "steps" => "step",
            "transformers" | "transformers_" | "transformer_list" => "transformer",
            _ => return None,
        };
        let name = self.pickle.text(*entry.node().tuple()?.first()?)?;
        let shown = &name[..name.floor_char_boundary(SHOWN)];
        Some(format!("{word} `{}` of `{holder}`", shown.escape_debug()))
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
        let Some(from) = &self.from else {
            return match self.class() {
                Some(class) => f.write_str(class.name()),
                None => f.write_str(self.pickle.type_name(self.id)),
            };
        };
        write!(f, "{from}")?;
        match self.step {
            Step::Field(name) if name.len() > SHOWN => {
                write!(f, ".{}…", &name[..name.floor_char_boundary(SHOWN)])
            }
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
