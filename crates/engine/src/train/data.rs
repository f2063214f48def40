//! A table in memory: its features, and the answers that are known.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use foretell_evaluate::Observed;
use foretell_frame::{Frame, Schema, Slot, TextColumn};
use foretell_train::Holds;
use foretell_train::estimator::Kind;
use rayon::prelude::*;

use super::answers::{Answered, labels, seem_classes};
use super::columns::{Features, Roles};
use super::error::TrainError;
use crate::live::LiveModel;
use crate::score::{Answers, class_of};
use crate::table::load::{Input, LoadOptions, Loaded, Place, Places, load};
use crate::table::{Header, nearest};

/// Rows that are looked at together.
const ROWS_AT_ONCE: usize = 4096;
/// Texts are mostly different with this share of different ones.
const MOSTLY: f64 = 0.5;
/// Texts of so many words are read.
const SEVERAL: f64 = 3.0;

/// What is what in a table.
#[derive(Debug, Clone)]
pub struct DataOptions {
    /// The column of known answers: its name, or its position from 0; none where rows alone are learnt from.
    pub target: Option<String>,
    /// Whether a CSV table names its columns.
    pub header: Header,
    /// Names of all columns, for a table without a header.
    pub names: Option<Vec<String>>,
    /// Columns that are no features.
    pub drop: Vec<String>,
    /// Columns that are features and not looked at: whoever asks the model may send them.
    pub unused: Vec<String>,
    /// Columns of numbers that are categories.
    pub categorical: Vec<String>,
    /// Columns of texts that are read, and no categories, also where they do not look like it.
    pub text: Vec<String>,
    /// Types of columns that are not to be inferred.
    pub types: Vec<(String, ColumnType)>,
    /// Texts that stand for a missing value, beside the empty cell.
    pub missing: Vec<String>,
    /// The column of what each row weighs.
    pub weights: Option<String>,
    /// The column that tells which rows belong together: they are never divided.
    pub groups: Option<String>,
    /// The column of times, or of anything that grows with time: models are measured on later rows than they learnt from.
    pub order: Option<String>,
}

/// What a column holds, where it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// Numbers, and nothing else.
    Number,
    /// Texts, such as names and codes, also where all look like numbers.
    Text,
}

/// A table in memory.
#[derive(Debug)]
pub struct Data {
    pub(super) schema: Schema,
    /// What each feature holds.
    pub(super) holds: Vec<Holds>,
    frame: Frame,
    /// The known answers, where there are any.
    target: Option<TextColumn>,
    places: Places,
    digest: String,
    empty: Vec<String>,
    weights: Option<Vec<f64>>,
    /// The group of each row.
    pub(super) groups: Option<Vec<usize>>,
    /// The rows from the oldest to the newest.
    pub(super) order: Option<Vec<usize>>,
}

impl Data {
    /// Reads a table, told what is what in it.
    ///
    /// # Errors
    /// It cannot be read; columns that are not there, or neither numbers nor texts.
    pub fn read(input: &Input, options: &DataOptions) -> Result<Self, TrainError> {
        let DataOptions { header, names, missing, .. } = options;
        let told = LoadOptions { header: *header, names: names.clone(), missing: missing.clone() };
        let mut roles = None;
        let loaded = load(input, &told, |names| {
            let found = Roles::find(&names.names, options)?;
            let takes = found.takes();
            roles = Some(found);
            Ok::<_, TrainError>(takes)
        })?;
        let roles = roles.unwrap_or_default();
        let Loaded { columns, named, mut frame, mut asides, places, digest } = loaded;
        if frame.rows() == 0 && asides.first().is_none_or(TextColumn::is_empty) {
            return Err(TrainError::Nothing { what: "rows" });
        }
        let Features { features, holds, empty, kept } = Features::sort(&columns, named, &roles, options)?;
        if let Some((numbers, texts)) = kept {
            frame = frame.select_columns(&numbers, &texts);
        }
        let schema = Schema::new(features, named)?;
        // They stand in the order of the table.
        let [target, weights, groups, order] =
            roles.asides().map(|place| place.map(|place| std::mem::take(&mut asides[place])));
        let name = |position: Option<usize>| position.map_or("", |position| columns[position].name.as_str());
        let keys = |column: TextColumn, position| keys(&column, name(position), &places);
        let groups = groups.map(|column| keys(column, roles.groups)).transpose()?;
        let order = order.map(|column| keys(column, roles.order)).transpose()?;
        let weights = weights.map(|column| weights_in(&column, name(roles.weights), &places)).transpose()?;
        let groups = groups.map(|keys| {
            let known: BTreeSet<&Key> = keys.iter().collect();
            let known: Vec<&Key> = known.into_iter().collect();
            keys.iter().map(|key| known.partition_point(|other| *other < key)).collect()
        });
        let order = order.map(|keys| {
            let mut rows: Vec<usize> = (0..keys.len()).collect();
            rows.sort_by(|a, b| keys[*a].cmp(&keys[*b]));
            rows
        });
        let texts = |slot: &Slot| matches!(slot, Slot::Text(slot) if is_read(&frame.texts()[*slot]));
        let seen = |slot: &Slot| if texts(slot) { Holds::Texts } else { Holds::Categories };
        let holds = holds.into_iter().zip(schema.slots());
        let holds = holds.map(|(told, slot)| told.unwrap_or_else(|| seen(slot))).collect();
        Ok(Self { schema, holds, frame, target, places, digest, empty, weights, groups, order })
    }

    /// What some rows weigh, where that is told.
    pub(super) fn weights_of(&self, rows: &[usize]) -> Option<Vec<f64>> {
        self.weights.as_ref().map(|weights| rows.iter().map(|row| weights[*row]).collect())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.frame.rows()
    }

    /// The features.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Why there is no feature of this name.
    pub(super) fn no_feature(&self, name: &str) -> TrainError {
        let names = || self.schema.features().iter().map(|feature| feature.name.as_str());
        TrainError::NoColumn {
            name: name.to_owned(),
            nearest: nearest(name, names()),
            columns: names().map(|name| format!("`{name}`")).collect(),
        }
    }

    /// For each feature whether it is missing in some row.
    pub(super) fn nullable(&self) -> Vec<bool> {
        let frame = &self.frame;
        // Row by row, as they lie in memory.
        let run = |rows: &[f64]| {
            let mut missing = vec![false; frame.width()];
            for row in rows.chunks_exact(frame.width()) {
                missing.iter_mut().zip(row).for_each(|(missing, value)| *missing |= value.is_nan());
            }
            missing
        };
        let join = |mut missing: Vec<bool>, more: Vec<bool>| {
            missing.iter_mut().zip(more).for_each(|(missing, more)| *missing |= more);
            missing
        };
        let runs = frame.numbers().par_chunks(ROWS_AT_ONCE * frame.width().max(1));
        let numbers = runs.map(run).reduce(|| vec![false; frame.width()], join);
        let missing = |slot: &Slot| match slot {
            Slot::Number(slot) => numbers[*slot],
            Slot::Text(slot) => frame.texts()[*slot].iter().any(|text| text.is_none()),
            Slot::Unused => false,
        };
        self.schema.slots().iter().map(missing).collect()
    }

    /// The digest of the table's bytes.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Columns without a single value, which are no features.
    pub fn empty(&self) -> &[String] {
        &self.empty
    }

    /// Where a row stands.
    pub(super) fn place(&self, row: usize) -> Place {
        self.places.of(row)
    }

    fn target(&self, row: usize) -> Result<&str, TrainError> {
        let known = self.target.as_ref().and_then(|target| target.get(row));
        known.ok_or_else(|| TrainError::MissingTarget { place: self.place(row) })
    }

    /// What is learnt: classes, or numbers where the answers are, and nobody says that they are classes; nothing where there are
    /// none, and the estimator needs none.
    pub(super) fn lesson(&self, kind: Option<Kind>, classes: Option<bool>) -> Result<Answered, TrainError> {
        match (kind.filter(|kind| !kind.has_target()), &self.target) {
            (Some(_), None) => return Ok(Answered::Nothing),
            (Some(kind), Some(_)) => return Err(TrainError::NeedlessTarget { name: kind.name }),
            (None, None) => return Err(TrainError::NoTarget),
            (None, Some(_)) => {}
        }
        let texts: Vec<&str> = (0..self.rows()).map(|row| self.target(row)).collect::<Result<_, _>>()?;
        let labels = labels(&texts);
        let classes = match (classes, kind.and_then(Kind::only)) {
            (Some(told), Some(only)) if told != only => {
                let learns = if only { "classes" } else { "numbers" };
                let name = kind.map_or("", |kind| kind.name);
                return Err(TrainError::OtherTask { name, learns });
            }
            (Some(told), _) => told,
            (None, Some(only)) => only,
            (None, None) => seem_classes(&labels),
        };
        if classes {
            let codes = texts.iter().map(|text| class_of(&labels, text).unwrap_or_default() as u32).collect();
            return Ok(Answered::Classes { codes, labels });
        }
        let number = |(row, text): (usize, &&str)| {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| TrainError::TargetNotANumber {
                place: self.place(row),
                class: kind.map_or("a regression", |kind| kind.class(false)),
                got: (*text).to_owned(),
            })
        };
        texts.iter().enumerate().map(number).collect::<Result<_, _>>().map(Answered::Values)
    }

    /// Some of the rows, in their order in the table.
    pub(super) fn frame_of(&self, rows: &[usize]) -> Cow<'_, Frame> {
        // As many, none twice and in order: all of them.
        if rows.len() == self.rows() && rows.is_sorted() {
            return Cow::Borrowed(&self.frame);
        }
        Cow::Owned(self.frame.select(rows))
    }

    /// What a model answers to some of the rows, which are given as it takes them.
    pub(super) fn ask(
        &self,
        live: &LiveModel,
        frame: &Frame,
        target: &TextColumn,
        rows: &[usize],
    ) -> Result<Observed, TrainError> {
        let mut answers = Answers::new(live)?;
        answers.add(live, frame, target, |row| self.place(rows[row]).number)?;
        let mut observed = answers.finish()?;
        observed.set_weights(self.weights_of(rows).unwrap_or_default());
        Ok(observed)
    }

    /// Some of the rows, and the known answers.
    pub(super) fn select(&self, rows: &[usize]) -> (Frame, TextColumn) {
        let mut target = TextColumn::default();
        if let Some(known) = &self.target {
            rows.iter().for_each(|row| target.push(known.get(*row)));
        }
        (self.frame.select(rows), target)
    }
}

/// The values of a column that is no feature, none of them missing: numbers, where all are.
fn keys(column: &TextColumn, name: &str, places: &Places) -> Result<Vec<Key>, TrainError> {
    let missing = |row| TrainError::Row { place: places.of(row), message: format!("`{name}` is missing") };
    let texts = column.iter().enumerate().map(|(row, text)| text.ok_or_else(|| missing(row)));
    let texts: Vec<&str> = texts.collect::<Result<_, _>>()?;
    let number =
        |text: &&str| text.trim().parse::<f64>().ok().filter(|number| !number.is_nan()).map(Key::Number);
    let numbers: Option<Vec<Key>> = texts.iter().map(number).collect();
    Ok(numbers.unwrap_or_else(|| texts.into_iter().map(|text| Key::Text(text.to_owned())).collect()))
}

fn weights_in(column: &TextColumn, name: &str, places: &Places) -> Result<Vec<f64>, TrainError> {
    let weight = |(row, key): (usize, Key)| match key {
        Key::Number(weight) if weight.is_finite() && weight >= 0.0 => Ok(weight),
        Key::Number(_) | Key::Text(_) => Err(TrainError::Row {
            place: places.of(row),
            message: format!("expected a weight of 0 or more in `{name}`"),
        }),
    };
    keys(column, name, places)?.into_iter().enumerate().map(weight).collect()
}

/// A value that rows are grouped or ordered by.
#[derive(Debug, Clone, PartialEq)]
enum Key {
    Number(f64),
    Text(String),
}

impl Eq for Key {}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether texts are to be read, and not compared as a whole: most are different, and they have several words.
fn is_read(texts: &TextColumn) -> bool {
    let known = || texts.iter().flatten();
    let count = known().count();
    let words: usize = known().map(|text| text.split_whitespace().count()).sum();
    if count == 0 || (words as f64) < SEVERAL * count as f64 {
        return false;
    }
    let distinct: HashSet<&str> = known().collect();
    distinct.len() as f64 > MOSTLY * count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(texts: impl IntoIterator<Item = String>) -> TextColumn {
        let mut column = TextColumn::default();
        texts.into_iter().for_each(|text| column.push((!text.is_empty()).then_some(&text)));
        column
    }

    #[test]
    fn texts_are_read_that_are_different_and_have_several_words() {
        let notes = (0..40).map(|row| format!("note {row} of many"));
        assert!(is_read(&column(notes.clone())));
        assert!(is_read(&column(notes.chain((0..40).map(|_| String::new())))));
        assert!(!is_read(&column((0..40).map(|row| format!("class {} of many", row % 20)))));
        assert!(!is_read(&column((0..40).map(|row| format!("2024-05-{row} 10:11:12")))));
        assert!(!is_read(&column((0..4).map(|_| String::new()))));
    }
}
