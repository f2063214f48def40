//! The sections of a text model (`src/boosting/gbdt_model_text.cpp` of the library): its head, one section per tree, the
//! parameters of training, and the categories that the Python package appends.

use crate::{FormatError, Limits, Problem};

use super::fields::Fields;
use super::{corrupt, error, invalid, unsupported};

/// Largest number of features and of raw scores: bounds what is made of a number that a file merely states.
const MOST_FEATURES: usize = 1 << 20;
const MOST_OUTPUTS: usize = 1 << 16;

/// A text model, cut into fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text<'t> {
    /// Number of features.
    pub(super) features: usize,
    /// Trees of one boosting round: the number of raw scores.
    pub(super) per_round: usize,
    /// Whether predictions are means of all rounds and not sums.
    pub(super) average_output: bool,
    /// The head of the file.
    pub(super) head: Fields<'t>,
    /// The trees.
    pub(super) trees: Vec<Fields<'t>>,
    /// What the parameter `categorical_feature` says.
    pub(super) categorical_feature: Option<&'t str>,
    /// Categories of the training data frame, as JSON.
    pub(super) pandas_categorical: Option<&'t str>,
}

impl<'t> Text<'t> {
    /// Cuts a text into sections and checks that they are complete.
    ///
    /// # Errors
    /// A text that is cut short, one that is longer than the limits allow, sections that contradict each other.
    pub(super) fn parse(text: &'t str, limits: &Limits) -> Result<Self, FormatError> {
        if text.len() > limits.max_model_bytes {
            let allowed = limits.max_model_bytes as u64;
            return Err(error(Problem::LimitExceeded { limit: "max_model_bytes", allowed }));
        }
        let mut lines = Lines { text, position: 0 };
        if lines.next().map(|(_, line)| line) != Some("tree") {
            return Err(corrupt("its first line is not `tree`"));
        }
        let mut sections = Sections::default();
        sections.read_trees(&mut lines)?;
        if !text.contains('\r') {
            // The sizes count the bytes that the library wrote, with plain line feeds.
            sections.check_sizes()?;
        }
        let head = sections.head;
        version(&head)?;
        let (features, per_round) = counts(&head)?;
        if !sections.trees.len().is_multiple_of(per_round) {
            let detail = format!("{} trees for {per_round} raw scores", sections.trees.len());
            return Err(invalid(detail));
        }
        let (categorical_feature, pandas_categorical) = tail(lines)?;
        Ok(Self {
            features,
            per_round,
            average_output: head.find("average_output").is_some(),
            head,
            trees: sections.trees,
            categorical_feature,
            pandas_categorical,
        })
    }

    /// The names of the features, unless they are those that the library makes up.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let names = self.head.find("feature_names")?.split(' ');
        let made_up = names.clone().enumerate().all(|(position, name)| {
            name.strip_prefix("Column_").and_then(|number| number.parse().ok()) == Some(position)
        });
        (!made_up).then(|| names.map(str::to_owned).collect())
    }
}

/// The lines of a text with the position of their first byte.
struct Lines<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Iterator for Lines<'t> {
    type Item = (usize, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.position;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let line = rest.split('\n').next().unwrap_or(rest);
        self.position = start + line.len() + 1;
        Some((start, line.strip_suffix('\r').unwrap_or(line)))
    }
}

/// What stands before `end of trees`.
#[derive(Default)]
struct Sections<'t> {
    head: Fields<'t>,
    trees: Vec<Fields<'t>>,
    /// Position of the first byte of each tree, and of what follows the last.
    starts: Vec<usize>,
}

impl<'t> Sections<'t> {
    fn read_trees(&mut self, lines: &mut Lines<'t>) -> Result<(), FormatError> {
        for (start, line) in lines {
            if line == "end of trees" {
                self.starts.push(start);
                return Ok(());
            }
            if line.starts_with("Tree=") {
                self.starts.push(start);
                self.trees.push(Fields::new(line));
            } else if !line.is_empty() {
                self.trees.last_mut().unwrap_or(&mut self.head).push(line);
            }
        }
        Err(error(Problem::Truncated { reading: "its trees (there is no line `end of trees`)".into() }))
    }

    /// The head says how many bytes each tree has, and so how many trees there are.
    fn check_sizes(&self) -> Result<(), FormatError> {
        if self.head.find("tree_sizes").is_none() {
            return Ok(());
        }
        let sizes: Vec<usize> = self.head.numbers("tree_sizes", self.trees.len())?;
        for ((size, tree), bounds) in sizes.iter().zip(&self.trees).zip(self.starts.windows(2)) {
            let got = bounds[1] - bounds[0];
            if *size != got {
                let (expected, got) = (format!("{size} bytes in {}", tree.place), got.to_string());
                return Err(self.head.wrong("tree_sizes", Problem::Mismatch { expected, got }));
            }
        }
        Ok(())
    }
}

/// Refuses formats that no known release writes.
fn version(head: &Fields<'_>) -> Result<(), FormatError> {
    match head.get("version")? {
        "v2" | "v3" | "v4" => Ok(()),
        other => Err(unsupported("version", other, "`v2` to `v4`")),
    }
}

/// The number of features and of raw scores.
fn counts(head: &Fields<'_>) -> Result<(usize, usize), FormatError> {
    let last: usize = head.number("max_feature_idx")?;
    let features = last.saturating_add(1);
    if features > MOST_FEATURES {
        return Err(unsupported("max_feature_idx", &last.to_string(), &format!("less than {MOST_FEATURES}")));
    }
    let names = head.get("feature_names")?.split(' ').count();
    if names != features {
        let problem = Problem::Mismatch { expected: format!("{features} names"), got: names.to_string() };
        return Err(head.wrong("feature_names", problem));
    }
    let (classes, per_round): (usize, usize) =
        (head.number("num_class")?, head.number("num_tree_per_iteration")?);
    if classes != per_round || classes == 0 {
        let expected = "as many classes as trees in a round, at least 1".to_owned();
        let got = format!("{classes} and {per_round}");
        return Err(head.wrong("num_class", Problem::Mismatch { expected, got }));
    }
    if classes > MOST_OUTPUTS {
        return Err(unsupported("num_class", &classes.to_string(), &format!("at most {MOST_OUTPUTS}")));
    }
    Ok((features, per_round))
}

/// What follows the trees: the parameter `categorical_feature` and the categories of a data frame.
fn tail(lines: Lines<'_>) -> Result<(Option<&str>, Option<&str>), FormatError> {
    let (mut inside, mut categorical, mut pandas) = (false, None, None);
    for (_, line) in lines {
        match line {
            "parameters:" => inside = true,
            "end of parameters" => inside = false,
            _ if inside => {
                let value = line.strip_prefix("[categorical_feature: ");
                categorical = categorical.or(value.and_then(|value| value.strip_suffix(']')));
            }
            _ => pandas = line.strip_prefix("pandas_categorical:").or(pandas),
        }
    }
    if inside {
        let reading = "its parameters (there is no line `end of parameters`)".into();
        return Err(error(Problem::Truncated { reading }));
    }
    Ok((categorical, pandas))
}
