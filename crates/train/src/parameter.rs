//! Parameters: their names, defaults and allowed values, each said once.

use std::fmt;

use crate::error::FitError;

/// A parameter's value as a user writes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// Several values.
    List(Vec<Self>),
    /// No value: what is written `none`.
    None,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => f.write_str(value),
            Self::None => f.write_str("none"),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(Self::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
        }
    }
}

/// Which numbers a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Whatever its type allows.
    Any,
    /// This or more.
    AtLeast(f64),
    /// More than this.
    Above(f64),
    /// From the first up to the second.
    Within(f64, f64),
    /// Above the first, up to the second.
    AboveUpTo(f64, f64),
    /// Between the two.
    Between(f64, f64),
}

impl Range {
    /// Whether a number is allowed.
    pub fn holds(self, x: f64) -> bool {
        match self {
            Self::Any => !x.is_nan(),
            Self::AtLeast(least) => x >= least,
            Self::Above(least) => x > least,
            Self::Within(least, most) => x >= least && x <= most,
            Self::AboveUpTo(least, most) => x > least && x <= most,
            Self::Between(least, most) => x > least && x < most,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::AtLeast(least) => write!(f, " of {least} or more"),
            Self::Above(least) => write!(f, " above {least}"),
            Self::Within(least, most) => write!(f, " from {least} to {most}"),
            Self::AboveUpTo(least, most) => write!(f, " above {least} and up to {most}"),
            Self::Between(least, most) => write!(f, " between {least} and {most}"),
        }
    }
}

/// A type of parameters.
pub trait Parameter: Sized {
    /// Reads a value that is in range; `None` when it is not one.
    fn read(value: &Value, range: Range) -> Option<Self>;
    /// The value as a user would write it.
    fn write(&self) -> Value;
    /// What may be written.
    fn expected(range: Range) -> String;
}

impl Parameter for f64 {
    fn read(value: &Value, range: Range) -> Option<Self> {
        let number = match value {
            Value::Int(number) => *number as Self,
            Value::Float(number) => *number,
            Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::None => return None,
        };
        range.holds(number).then_some(number)
    }

    fn write(&self) -> Value {
        Value::Float(*self)
    }

    fn expected(range: Range) -> String {
        format!("a number{range}")
    }
}

impl Parameter for f32 {
    fn read(value: &Value, range: Range) -> Option<Self> {
        f64::read(value, range).map(|number| number as Self)
    }

    fn write(&self) -> Value {
        // By its digits, so that 0.1 stays 0.1.
        Value::Float(self.to_string().parse().unwrap_or(f64::from(*self)))
    }

    fn expected(range: Range) -> String {
        f64::expected(range)
    }
}

impl Parameter for i8 {
    fn read(value: &Value, range: Range) -> Option<Self> {
        let Value::Int(number) = value else { return None };
        Self::try_from(*number).ok().filter(|number| range.holds(f64::from(*number)))
    }

    fn write(&self) -> Value {
        Value::Int((*self).into())
    }

    fn expected(range: Range) -> String {
        usize::expected(range)
    }
}

impl Parameter for usize {
    fn read(value: &Value, range: Range) -> Option<Self> {
        let Value::Int(number) = value else { return None };
        Self::try_from(*number).ok().filter(|number| range.holds(*number as f64))
    }

    fn write(&self) -> Value {
        Value::Int(i64::try_from(*self).unwrap_or(i64::MAX))
    }

    fn expected(range: Range) -> String {
        format!("a whole number{range}")
    }
}

impl Parameter for bool {
    fn read(value: &Value, _: Range) -> Option<Self> {
        if let Value::Bool(value) = value { Some(*value) } else { None }
    }

    fn write(&self) -> Value {
        Value::Bool(*self)
    }

    fn expected(_: Range) -> String {
        "`true` or `false`".to_owned()
    }
}

impl Parameter for String {
    fn read(value: &Value, _: Range) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }

    fn write(&self) -> Value {
        Value::Text(self.clone())
    }

    fn expected(_: Range) -> String {
        "a text".to_owned()
    }
}

impl<T: Parameter> Parameter for Option<T> {
    fn read(value: &Value, range: Range) -> Option<Self> {
        match value {
            Value::None => Some(None),
            Value::Text(text) if text.eq_ignore_ascii_case("none") => Some(None),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
                T::read(value, range).map(Some)
            }
        }
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::None, T::write)
    }

    fn expected(range: Range) -> String {
        format!("{} or `none`", T::expected(range))
    }
}

impl<T: Parameter> Parameter for Vec<T> {
    fn read(value: &Value, range: Range) -> Option<Self> {
        let Value::List(values) = value else { return T::read(value, range).map(|one| vec![one]) };
        values.iter().map(|value| T::read(value, range)).collect()
    }

    fn write(&self) -> Value {
        Value::List(self.iter().map(T::write).collect())
    }

    fn expected(range: Range) -> String {
        format!("a list, each {}", T::expected(range))
    }
}

/// A value, or what an estimator takes of itself where nobody says it: what is written `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auto<T>(pub Option<T>);

impl<T: Parameter> Parameter for Auto<T> {
    fn read(value: &Value, range: Range) -> Option<Self> {
        let auto = matches!(value, Value::Text(text) if text == "auto");
        if auto { Some(Self(None)) } else { T::read(value, range).map(|told| Self(Some(told))) }
    }

    fn write(&self) -> Value {
        self.0.as_ref().map_or_else(|| Value::Text("auto".to_owned()), T::write)
    }

    fn expected(range: Range) -> String {
        format!("{} or `auto`", T::expected(range))
    }
}

/// A part of some things.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// So many.
    Count(usize),
    /// This share of them.
    Share(f64),
}

impl Amount {
    /// How many of all, at least one.
    pub(crate) fn of(self, all: usize) -> usize {
        match self {
            Self::Count(count) => count.min(all),
            Self::Share(share) => ((share * all as f64) as usize).clamp(1, all),
        }
    }
}

impl Parameter for Amount {
    fn read(value: &Value, range: Range) -> Option<Self> {
        if matches!(value, Value::Int(_)) {
            return usize::read(value, Range::AtLeast(1.0)).map(Self::Count);
        }
        f64::read(value, range).map(Self::Share)
    }

    fn write(&self) -> Value {
        match self {
            Self::Count(count) => count.write(),
            Self::Share(share) => share.write(),
        }
    }

    fn expected(range: Range) -> String {
        format!("a whole number of 1 or more, or a share{range}")
    }
}

/// Named parameters with defaults.
pub trait Parameters: Default {
    /// What has these parameters, by scikit-learn's name.
    const OF: &'static str;

    /// Sets one.
    ///
    /// # Errors
    /// An unknown name; a value out of range.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), FitError>;

    /// All of them, in order.
    fn values(&self) -> Vec<(&'static str, Value)>;

    /// What has just these, where several have the same type.
    fn of(&self) -> &'static str {
        Self::OF
    }

    /// There is no parameter of this name.
    fn unknown(&self, name: &str) -> FitError {
        let known = self.values().into_iter().map(|(name, _)| name).collect();
        FitError::UnknownParameter { of: self.of(), name: name.to_owned(), known }
    }

    /// Fails unless each is in its range, also where it was not [set](Self::set) by name.
    ///
    /// # Errors
    /// The first that is not.
    fn check(&self) -> Result<(), FitError> {
        let mut scratch = Self::default();
        self.values().iter().try_for_each(|(name, value)| scratch.set(name, value))
    }
}

/// Reads a value, or says what was expected.
///
/// # Errors
/// A value that is none of its type, or out of range.
pub fn read<T: Parameter>(name: &'static str, value: &Value, range: Range) -> Result<T, FitError> {
    T::read(value, range).ok_or_else(|| FitError::Parameter {
        name,
        expected: T::expected(range),
        got: value.to_string(),
    })
}

/// Makes a struct of parameters: each line is a name, a type, a default and a [`Range`]. Behind `with` stands what has more
/// of them, which are set by their names as if they were its own.
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$of_field:meta])* $field:ident: $type:ty = $default:expr, $range:expr;)*
        }
        $(with $(#[$of_more:meta])* $more:ident: $more_type:ty;)?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$of_field])* pub $field: $type,)*
            $($(#[$of_more])* pub $more: $more_type,)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $default,)*
                    $($more: <$more_type>::default(),)?
                }
            }
        }

        impl $crate::parameter::Parameters for $name {
            const OF: &'static str = stringify!($name);

            fn set(&mut self, name: &str, value: &$crate::parameter::Value) -> Result<(), $crate::FitError> {
                match name {
                    $(stringify!($field) => {
                        self.$field = $crate::parameter::read(stringify!($field), value, $range)?;
                        Ok(())
                    })*
                    _ => {
                        $(match self.$more.set(name, value) {
                            Err($crate::FitError::UnknownParameter { .. }) => {}
                            done => return done,
                        })?
                        Err(self.unknown(name))
                    }
                }
            }

            fn values(&self) -> Vec<(&'static str, $crate::parameter::Value)> {
                let own = [$((stringify!($field), $crate::parameter::Parameter::write(&self.$field))),*];
                own.into_iter()$(.chain(self.$more.values()))?.collect()
            }
        }
    };
}

/// Makes a type a parameter whose values have names.
macro_rules! choices {
    ($type:ty { $($name:literal => $value:expr,)* }) => {
        impl $crate::parameter::Parameter for $type {
            fn read(value: &$crate::parameter::Value, _: $crate::parameter::Range) -> Option<Self> {
                let $crate::parameter::Value::Text(text) = value else { return None };
                match text.as_str() {
                    $($name => Some($value),)*
                    _ => None,
                }
            }

            fn write(&self) -> $crate::parameter::Value {
                $(if *self == $value {
                    return $crate::parameter::Value::Text($name.to_owned());
                })*
                $crate::parameter::Value::None
            }

            fn expected(_: $crate::parameter::Range) -> String {
                let names: &[&str] = &[$($name),*];
                format!("one of {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
            }
        }
    };
}

pub(crate) use {choices, parameters};
