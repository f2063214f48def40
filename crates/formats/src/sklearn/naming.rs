//! Names of a transformer's output columns, as `get_feature_names_out` of scikit-learn 1.0 and later gives them.

/// Bytes that the names of one model may have: they multiply along a pipeline.
const MOST_BYTES: usize = 16 << 20;

/// How output columns are named after input columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Naming {
    /// Not known.
    #[default]
    Unknown,
    /// As the input columns.
    Same,
    /// Each after one input column.
    After(Vec<After>),
    /// Each a product of input columns, ascending and perhaps repeated: `1`, `x0`, `x0^2 x1`.
    Products(Vec<Vec<usize>>),
    /// A word and a number from 0.
    Numbered {
        /// The word, which is the class in lower case.
        word: String,
        /// How many columns.
        count: usize,
    },
    /// These, whatever the input columns are.
    Listed(Vec<String>),
    /// By one transformer after another.
    Chain(Vec<Naming>),
    /// By transformers side by side.
    Parallel(Vec<Branch>),
}

/// A column named after an input column.
#[derive(Debug, Clone, PartialEq)]
pub struct After {
    /// Position of the input column.
    pub input: usize,
    /// Stands before its name.
    pub prefix: &'static str,
    /// Stands after its name.
    pub suffix: String,
}

/// The names that one of several transformers gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Stands before every name.
    pub prefix: String,
    /// The input columns it sees; all when `None`.
    pub columns: Option<Vec<usize>>,
    /// How it names its own columns.
    pub naming: Naming,
}

impl Naming {
    /// The names of the output columns; `None` when they are not known or too long.
    pub fn names(&self, inputs: &[String]) -> Option<Vec<String>> {
        self.within(inputs, &mut { MOST_BYTES })
    }

    fn within(&self, inputs: &[String], left: &mut usize) -> Option<Vec<String>> {
        match self {
            Self::Unknown => None,
            Self::Same => inputs.iter().map(|name| joined("", name, "", left)).collect(),
            Self::After(columns) => {
                let name =
                    |column: &After| joined(column.prefix, inputs.get(column.input)?, &column.suffix, left);
                columns.iter().map(name).collect()
            }
            Self::Products(products) => {
                products.iter().map(|factors| joined("", &product(factors, inputs)?, "", left)).collect()
            }
            Self::Numbered { word, count } => {
                (0..*count).map(|number| joined(word, &number.to_string(), "", left)).collect()
            }
            Self::Listed(names) => names.iter().map(|name| joined("", name, "", left)).collect(),
            Self::Chain(steps) => {
                steps.iter().try_fold(inputs.to_vec(), |names, step| step.within(&names, left))
            }
            Self::Parallel(branches) => {
                let mut names = Vec::new();
                for branch in branches {
                    let seen: Vec<String> = match &branch.columns {
                        None => inputs.to_vec(),
                        Some(columns) => columns
                            .iter()
                            .map(|&column| inputs.get(column).cloned())
                            .collect::<Option<_>>()?,
                    };
                    for name in branch.naming.within(&seen, left)? {
                        names.push(joined(&branch.prefix, &name, "", left)?);
                    }
                }
                Some(names)
            }
        }
    }
}

/// The name of a product of input columns.
fn product(factors: &[usize], inputs: &[String]) -> Option<String> {
    if factors.is_empty() {
        return Some("1".to_owned());
    }
    let power = |run: &[usize]| {
        let name = inputs.get(run[0])?;
        Some(if run.len() == 1 { name.clone() } else { format!("{name}^{}", run.len()) })
    };
    Some(factors.chunk_by(|a, b| a == b).map(power).collect::<Option<Vec<_>>>()?.join(" "))
}

/// Joins the parts of a name, if enough bytes are left.
fn joined(prefix: &str, name: &str, suffix: &str, left: &mut usize) -> Option<String> {
    *left = left.checked_sub(prefix.len() + name.len() + suffix.len() + size_of::<String>())?;
    Some([prefix, name, suffix].concat())
}

/// A float as Python's `str` writes it: `1.0`, `0.1`, `1e-05`, `1e+16`, `nan`.
pub(super) fn python_float(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "nan".into() } else { value.to_string() };
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        -4..16 => format!("{value:?}"),
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let written = [
            (1.0, "1.0"),
            (-0.1, "-0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123456789012345.0, "123456789012345.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, expected) in written {
            assert_eq!(python_float(value), expected);
        }
    }

    #[test]
    fn names_follow_steps_and_branches() {
        let indicator = After { input: 1, prefix: "missingindicator_", suffix: String::new() };
        let naming = Naming::Chain(vec![
            Naming::Parallel(vec![
                Branch { prefix: "a__".into(), columns: Some(vec![1]), naming: Naming::Same },
                Branch { prefix: String::new(), columns: None, naming: Naming::After(vec![indicator]) },
            ]),
            Naming::Same,
        ]);
        let inputs = ["x".to_owned(), "y".to_owned()];
        assert_eq!(naming.names(&inputs).unwrap(), ["a__y", "missingindicator_y"]);
        assert_eq!(Naming::Chain(vec![Naming::Same, Naming::Unknown]).names(&inputs), None);
        let products = Naming::Products(vec![vec![], vec![1], vec![0, 0, 1]]);
        assert_eq!(products.names(&inputs).unwrap(), ["1", "y", "x^2 y"]);
        let pca = Naming::Numbered { word: "pca".into(), count: 2 };
        assert_eq!(pca.names(&inputs).unwrap(), ["pca0", "pca1"]);
        assert_eq!(Naming::Numbered { word: "x".repeat(1 << 20), count: 1 << 20 }.names(&inputs), None);
    }
}
