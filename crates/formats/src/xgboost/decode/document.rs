//! The tree of values that JSON and UBJSON share, and a cursor that reads it with errors that name the place.

use std::borrow::Cow;

use crate::{FileKind, FormatError, Limits, Problem};

/// A value. Numbers are kept as XGBoost reads them: integers, or float32, either of which a double holds exactly.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// An array of numbers only; an empty array is one too.
    Numbers(Vec<f64>),
    List(Vec<Value<'a>>),
    /// Members in the order of the file.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl Value<'_> {
    fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Numbers(_) => "an array of numbers",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// An array in the making: packed as long as it holds numbers only.
#[derive(Default)]
pub(super) struct ArrayBuilder<'a> {
    numbers: Vec<f64>,
    others: Vec<Value<'a>>,
}

impl<'a> ArrayBuilder<'a> {
    /// Appends an element.
    ///
    /// # Errors
    /// The array has become larger than allowed.
    pub(super) fn push(&mut self, value: Value<'a>, budget: &mut Budget) -> Result<(), FormatError> {
        if let (Value::Number(number), true) = (&value, self.others.is_empty()) {
            self.numbers.push(*number);
            return budget.array(self.numbers.len());
        }
        for number in self.numbers.drain(..) {
            budget.node()?;
            self.others.push(Value::Number(number));
        }
        budget.node()?;
        self.others.push(value);
        Ok(())
    }

    pub(super) fn finish(self) -> Value<'a> {
        if self.others.is_empty() { Value::Numbers(self.numbers) } else { Value::List(self.others) }
    }
}

/// What is left of [`Limits`] while a document is parsed.
pub(super) struct Budget {
    kind: FileKind,
    limits: Limits,
    nodes: usize,
    depth: usize,
}

impl Budget {
    pub(super) fn new(kind: FileKind, limits: &Limits) -> Self {
        Self { kind, limits: limits.clone(), nodes: 0, depth: 0 }
    }

    /// Accounts for one value that is not a number of an array.
    pub(super) fn node(&mut self) -> Result<(), FormatError> {
        self.nodes += 1;
        self.check("max_nodes", self.nodes, self.limits.max_nodes)
    }

    /// Accounts for the numbers of an array so far.
    pub(super) fn array(&self, numbers: usize) -> Result<(), FormatError> {
        self.check("max_array_bytes", numbers.saturating_mul(size_of::<f64>()), self.limits.max_array_bytes)
    }

    /// Enters an array or object.
    pub(super) fn enter(&mut self) -> Result<(), FormatError> {
        self.node()?;
        self.depth += 1;
        self.check("max_depth", self.depth, self.limits.max_depth)
    }

    /// Leaves an array or object.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    fn check(&self, limit: &'static str, used: usize, allowed: usize) -> Result<(), FormatError> {
        if used <= allowed {
            return Ok(());
        }
        Err(FormatError::new(self.kind, Problem::LimitExceeded { limit, allowed: allowed as u64 }))
    }
}

/// A value and its place in the document.
#[derive(Clone)]
pub(super) struct Cursor<'d> {
    value: &'d Value<'d>,
    place: String,
    kind: FileKind,
}

impl<'d> Cursor<'d> {
    pub(super) fn root(value: &'d Value<'d>, kind: FileKind) -> Self {
        Self { value, place: String::new(), kind }
    }

    pub(super) fn kind(&self) -> FileKind {
        self.kind
    }

    /// An error at this place.
    pub(super) fn error(&self, problem: Problem) -> FormatError {
        let error = FormatError::new(self.kind, problem);
        if self.place.is_empty() { error } else { error.at(self.place.as_str()) }
    }

    /// An error at this place: well formed, but it cannot be.
    pub(super) fn invalid(&self, detail: String) -> FormatError {
        self.error(Problem::Invalid { detail })
    }

    fn mismatch(&self, expected: &str) -> FormatError {
        self.error(Problem::Mismatch { expected: expected.into(), got: self.value.describe().into() })
    }

    fn child(&self, key: &str, value: &'d Value<'d>) -> Self {
        let place = if self.place.is_empty() { key.into() } else { format!("{}.{key}", self.place) };
        Self { value, place, kind: self.kind }
    }

    fn element(&self, index: usize, value: &'d Value<'d>) -> Self {
        Self { value, place: format!("{}[{index}]", self.place), kind: self.kind }
    }

    fn members(&self) -> Result<&'d [(Cow<'d, str>, Value<'d>)], FormatError> {
        match self.value {
            Value::Object(members) => Ok(members),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Numbers(_)
            | Value::List(_) => Err(self.mismatch("an object")),
        }
    }

    /// The member with this key, if there is one.
    pub(super) fn find(&self, key: &str) -> Result<Option<Self>, FormatError> {
        let mut found = self.members()?.iter().filter(|(name, _)| name == key);
        let Some((_, value)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(self.invalid(format!("key `{key}` occurs twice")));
        }
        Ok(Some(self.child(key, value)))
    }

    /// The member with this key.
    pub(super) fn get(&self, key: &str) -> Result<Self, FormatError> {
        self.find(key)?.ok_or_else(|| self.error(Problem::Missing { field: key.into() }))
    }

    /// Refuses members that are not in `known`: they may change what the model computes.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), FormatError> {
        match self.members()?.iter().find(|(key, _)| !known.contains(&key.as_ref())) {
            None => Ok(()),
            Some((key, _)) => {
                let key: String = key.chars().take(80).collect();
                Err(self.invalid(format!(
                    "field `{key}` is none that XGBoost 1.0 to 3.4 write and may change what the model predicts; \
                     save the model with one of these releases"
                )))
            }
        }
    }

    /// All members.
    pub(super) fn entries(&self) -> Result<impl Iterator<Item = (&'d str, Self)> + use<'_, 'd>, FormatError> {
        Ok(self.members()?.iter().map(|(key, value)| (key.as_ref(), self.child(key, value))))
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> Result<impl ExactSizeIterator<Item = Self> + use<'_, 'd>, FormatError> {
        let list: &'d [Value<'d>] = match self.value {
            Value::List(list) => list,
            Value::Numbers(numbers) if numbers.is_empty() => &[],
            Value::Numbers(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Object(_) => return Err(self.mismatch("an array of objects or strings")),
        };
        Ok(list.iter().enumerate().map(|(index, value)| self.element(index, value)))
    }

    /// A string.
    pub(super) fn text(&self) -> Result<&'d str, FormatError> {
        match self.value {
            Value::Text(text) => Ok(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Numbers(_)
            | Value::List(_)
            | Value::Object(_) => Err(self.mismatch("a string")),
        }
    }

    /// The number here, if this is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self.value {
            Value::Number(number) => Some(*number),
            Value::Null
            | Value::Bool(_)
            | Value::Text(_)
            | Value::Numbers(_)
            | Value::List(_)
            | Value::Object(_) => None,
        }
    }

    /// A count that is stored as decimal text, as all of XGBoost's parameters are.
    pub(super) fn count(&self) -> Result<usize, FormatError> {
        let text = self.text()?;
        let expected = || "a count as text".to_string();
        let got = || format!("`{}`", text.chars().take(40).collect::<String>());
        let count: u32 =
            text.parse().map_err(|_| self.error(Problem::Mismatch { expected: expected(), got: got() }))?;
        Ok(count as usize)
    }

    fn numbers(&self) -> Result<Cow<'d, [f64]>, FormatError> {
        match self.value {
            Value::Numbers(numbers) => Ok(Cow::Borrowed(numbers)),
            // Releases before 1.6 write flags as booleans.
            Value::List(list) => list
                .iter()
                .enumerate()
                .map(|(index, value)| match value {
                    Value::Number(number) => Ok(*number),
                    Value::Bool(flag) => Ok(f64::from(u8::from(*flag))),
                    Value::Null | Value::Text(_) | Value::Numbers(_) | Value::List(_) | Value::Object(_) => {
                        Err(self.element(index, value).mismatch("a number"))
                    }
                })
                .collect::<Result<Vec<_>, _>>()
                .map(Cow::Owned),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Object(_) => {
                Err(self.mismatch("an array of numbers"))
            }
        }
    }

    /// An array of numbers of a type, each made by `convert`, which says no with `None`.
    fn array<T>(&self, expected: &str, convert: impl Fn(f64) -> Option<T>) -> Result<Vec<T>, FormatError> {
        let convert = |(index, number): (usize, &f64)| {
            convert(*number).ok_or_else(|| {
                let problem = Problem::Mismatch { expected: expected.into(), got: number.to_string() };
                FormatError::new(self.kind, problem).at(format!("{}[{index}]", self.place))
            })
        };
        self.numbers()?.iter().enumerate().map(convert).collect()
    }

    /// An array of float32.
    pub(super) fn floats(&self) -> Result<Vec<f32>, FormatError> {
        self.array("a float32", |number| Some(number as f32))
    }

    /// An array of bytes: of unsigned ones, or of signed ones with negative numbers for the upper half.
    pub(super) fn array_of_bytes(&self) -> Result<Vec<u8>, FormatError> {
        self.array("a byte", |number| {
            (number.fract() == 0.0 && (-128.0..256.0).contains(&number)).then_some(number as i64 as u8)
        })
    }

    /// An array of doubles.
    pub(super) fn doubles(&self) -> Result<Vec<f64>, FormatError> {
        Ok(self.numbers()?.into_owned())
    }

    /// An array of 32-bit integers.
    pub(super) fn integers(&self) -> Result<Vec<i32>, FormatError> {
        let range = f64::from(i32::MIN)..=f64::from(i32::MAX);
        self.array("a 32-bit integer", |number| {
            (number.fract() == 0.0 && range.contains(&number)).then_some(number as i32)
        })
    }

    /// An array of indices.
    pub(super) fn indices(&self) -> Result<Vec<u32>, FormatError> {
        let range = 0.0..=f64::from(i32::MAX);
        self.array("an index", |number| {
            (number.fract() == 0.0 && range.contains(&number)).then_some(number as u32)
        })
    }

    /// An array of flags, written as booleans or as 0 and 1.
    pub(super) fn flags(&self) -> Result<Vec<bool>, FormatError> {
        self.array("0 or 1", |number| [0.0, 1.0].contains(&number).then_some(number == 1.0))
    }

    /// Checks the length of an array.
    pub(super) fn expect_len(&self, got: usize, expected: usize) -> Result<(), FormatError> {
        if got == expected {
            return Ok(());
        }
        let expected = format!("{expected} elements");
        Err(self.error(Problem::Mismatch { expected, got: got.to_string() }))
    }
}
