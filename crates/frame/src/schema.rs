//! What a model takes: its features, in order.

use std::collections::HashMap;

/// The kind of values a feature takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number; booleans count as 0 and 1.
    Number,
    /// A text category.
    Text,
    /// Not looked at by the pipeline: any value is accepted, and none is needed.
    Unused,
}

impl Kind {
    /// The word users see: `number`, `string` or `any`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Text => "string",
            Self::Unused => "any",
        }
    }
}

/// One value of a feature, as shown in examples and category lists.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A number, never NaN: a missing value is [`Cell::Missing`].
    Number(f64),
    /// A text.
    Text(String),
    /// No value.
    Missing,
}

/// One input column of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Column name; `f0`, `f1`, ... when the file knows no names.
    pub name: String,
    /// What values the feature takes.
    pub kind: Kind,
    /// Whether it is a text in which terms are looked for, and not a category: an empty cell of a table is the empty
    /// text then, and no missing value.
    pub document: bool,
    /// Whether whole numbers are what their digits are as a text, as CatBoost takes its categories.
    pub digits: bool,
    /// Whether it is a text of a date or a time, in ISO 8601.
    pub date: bool,
    /// Whether the fitted pipeline accepts a missing value here.
    pub nullable: bool,
    /// Whether the fitted pipeline accepts positive and negative infinity here.
    pub infinite: bool,
    /// The categories an encoder was fitted on, in its order; `None` when the feature is not categorical.
    pub categories: Option<Vec<Cell>>,
    /// Whether a category outside `categories` is refused by the fitted encoder.
    pub closed: bool,
    /// Smallest and largest value the file says the feature had in training.
    pub range: Option<(f64, f64)>,
    /// A value that makes sense, for documentation.
    pub example: Cell,
}

impl Feature {
    /// What the feature at a position is called when nobody named it.
    pub fn made_up_name(position: usize) -> String {
        format!("f{position}")
    }

    /// A numeric feature that accepts neither missing nor infinite values.
    pub fn number(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Number,
            document: false,
            digits: false,
            date: false,
            nullable: false,
            infinite: false,
            categories: None,
            closed: false,
            range: None,
            example: Cell::Number(0.0),
        }
    }

    /// A text feature that accepts any text but no missing value.
    pub fn text(name: impl Into<String>) -> Self {
        Self { kind: Kind::Text, example: Cell::Text("text".into()), ..Self::number(name) }
    }
}

/// Where a feature's values stand in a [`Frame`](crate::Frame).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Column of the numeric block.
    Number(usize),
    /// Index of the text column.
    Text(usize),
    /// Nowhere: the values of an unused feature are not kept.
    Unused,
}

/// Why a schema is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Two features have the same name.
    #[error("feature name `{name}` occurs twice, at positions {first} and {second}")]
    DuplicateName {
        /// The name.
        name: String,
        /// First position, from 0.
        first: usize,
        /// Second position, from 0.
        second: usize,
    },
    /// A model's list of names has another length than its list of features.
    #[error("expected {expected} feature names, got {got}")]
    WrongNameCount {
        /// Number of features the model takes.
        expected: usize,
        /// Number of names given.
        got: usize,
    },
}

/// The features a model takes, in the order it takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    features: Vec<Feature>,
    named: bool,
    slots: Vec<Slot>,
    positions: HashMap<String, usize>,
    numbers: usize,
    texts: usize,
}

impl Schema {
    /// A schema of these features. `named` says whether the names come from the model (and callers must use
    /// them) or were made up because it knows none.
    ///
    /// # Errors
    /// Two features with one name.
    pub fn new(features: Vec<Feature>, named: bool) -> Result<Self, SchemaError> {
        let mut slots = Vec::with_capacity(features.len());
        let mut positions = HashMap::with_capacity(features.len());
        let (mut numbers, mut texts) = (0, 0);
        for (position, feature) in features.iter().enumerate() {
            if let Some(first) = positions.insert(feature.name.clone(), position) {
                let name = feature.name.clone();
                return Err(SchemaError::DuplicateName { name, first, second: position });
            }
            slots.push(match feature.kind {
                Kind::Number => Slot::Number(post_increment(&mut numbers)),
                Kind::Text => Slot::Text(post_increment(&mut texts)),
                Kind::Unused => Slot::Unused,
            });
        }
        Ok(Self { features, named, slots, positions, numbers, texts })
    }

    /// The same features under other names.
    ///
    /// # Errors
    /// Another number of names than features, or a name twice.
    pub fn renamed(&self, names: &[String]) -> Result<Self, SchemaError> {
        if names.len() != self.features.len() {
            return Err(SchemaError::WrongNameCount { expected: self.features.len(), got: names.len() });
        }
        let rename = |(feature, name): (&Feature, &String)| Feature { name: name.clone(), ..feature.clone() };
        Self::new(self.features.iter().zip(names).map(rename).collect(), true)
    }

    /// The features in order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// Whether there are no features.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// Whether the model knows its features' names.
    pub fn named(&self) -> bool {
        self.named
    }

    /// Position of the feature with this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// Where the values of each feature stand in a frame, by feature position.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Number of numeric features: the width of a frame's numeric block.
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// Number of text features.
    pub fn texts(&self) -> usize {
        self.texts
    }
}

fn post_increment(counter: &mut usize) -> usize {
    *counter += 1;
    *counter - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_count_numbers_and_texts_apart() {
        let features = vec![Feature::number("a"), Feature::text("b"), Feature::number("c")];
        let schema = Schema::new(features, true).unwrap();
        assert_eq!(schema.slots(), [Slot::Number(0), Slot::Text(0), Slot::Number(1)]);
        assert_eq!((schema.numbers(), schema.texts()), (2, 1));
        assert_eq!(schema.position("c"), Some(2));
    }

    #[test]
    fn a_name_twice_is_refused() {
        let features = vec![Feature::number("a"), Feature::number("a")];
        let error = Schema::new(features, true).unwrap_err();
        assert_eq!(error.to_string(), "feature name `a` occurs twice, at positions 0 and 1");
    }

    #[test]
    fn renaming_needs_as_many_names_as_features() {
        let schema = Schema::new(vec![Feature::number("f0")], false).unwrap();
        assert_eq!(schema.renamed(&["age".into()]).unwrap().position("age"), Some(0));
        let error = schema.renamed(&[]).unwrap_err();
        assert_eq!(error.to_string(), "expected 1 feature names, got 0");
    }
}
