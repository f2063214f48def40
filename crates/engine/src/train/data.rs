//! A table in memory: its features, and the answers that are known.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use foretell_evaluate::{ClassAnswers, Observed, ValueAnswers};
use foretell_frame::{Feature, Frame, Kind as ValueKind, Labels, Schema, Slot, TextColumn};
use foretell_train::estimator::Kind;
use foretell_train::{Holds, Target as Lesson};
use rayon::prelude::*;

use super::error::TrainError;
use crate::score::class_of;
use crate::table::load::{Column, Input, LoadOptions, Loaded, Place, Places, Take, load};
use crate::table::{Header, nearest};

/// Whole numbers with at most so many different values are taken for classes, where nobody says what they are.
const MOST_CLASSES: usize = 20;
/// Rows that are looked at together.
const ROWS_AT_ONCE: usize = 4096;
/// A column with this share of numbers is most likely meant to be one of numbers; texts are mostly different with this share
/// of different ones.
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

/// What the columns of a table are for.
#[derive(Debug, Default)]
struct Roles {
    target: Option<usize>,
    weights: Option<usize>,
    groups: Option<usize>,
    order: Option<usize>,
    dropped: Vec<usize>,
    unused: Vec<usize>,
    categorical: Vec<usize>,
    text: Vec<usize>,
    types: Vec<Option<ColumnType>>,
}

impl Roles {
    fn find(names: &[String], options: &DataOptions) -> Result<Self, TrainError> {
        let find = |name: &str| {
            let position = names.iter().position(|other| other == name);
            let by_place = || name.parse().ok().filter(|position| *position < names.len());
            position.or_else(by_place).ok_or_else(|| {
                let names = || names.iter().map(String::as_str);
                TrainError::NoColumn {
                    name: name.to_owned(),
                    nearest: nearest(name, names()),
                    columns: names().map(|name| format!("`{name}`")).collect(),
                }
            })
        };
        let all = |names: &[String]| names.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>();
        let one = |name: &Option<String>| name.as_deref().map(find).transpose();
        let mut types = vec![None; names.len()];
        let (target, dropped, unused) = (one(&options.target)?, all(&options.drop)?, all(&options.unused)?);
        let (weights, groups, order) = (one(&options.weights)?, one(&options.groups)?, one(&options.order)?);
        if order.is_some() && (order == groups || order == weights) || weights.is_some() && weights == groups
        {
            return Err(TrainError::Aside);
        }
        for (name, kind) in &options.types {
            types[find(name)?] = Some(*kind);
        }
        let (categorical, text) = (all(&options.categorical)?, all(&options.text)?);
        if let Some(both) = categorical.iter().find(|position| text.contains(position)) {
            return Err(TrainError::TextAndCategory { name: names[*both].clone() });
        }
        Ok(Self { target, weights, groups, order, dropped, unused, categorical, text, types })
    }

    fn aside(&self) -> [Option<usize>; 4] {
        [self.target, self.weights, self.groups, self.order]
    }

    fn is_aside(&self, column: usize) -> bool {
        self.aside().contains(&Some(column))
    }

    fn takes(&self) -> Vec<Take> {
        let take = |(column, kind): (usize, &Option<ColumnType>)| match kind {
            _ if self.is_aside(column) => Take::Aside,
            _ if self.dropped.contains(&column) || self.unused.contains(&column) => Take::Skip,
            None if self.text.contains(&column) => Take::Text,
            None => Take::Guess,
            Some(ColumnType::Number) => Take::Number,
            Some(ColumnType::Text) => Take::Text,
        };
        self.types.iter().enumerate().map(take).collect()
    }

    /// The places of target, weights, groups and order among the columns that are set aside.
    fn asides(&self) -> [Option<usize>; 4] {
        let before = |column: usize| (0..column).filter(|other| self.is_aside(*other)).count();
        self.aside().map(|column| column.map(before))
    }
}

/// The features that the columns of a table make.
struct Features {
    features: Vec<Feature>,
    /// What each feature holds; none where that shows in its texts.
    holds: Vec<Option<Holds>>,
    /// The names of columns without a value.
    empty: Vec<String>,
    /// The columns of the frame that are features, where some are none.
    kept: Option<(Vec<usize>, Vec<usize>)>,
}

impl Features {
    fn sort(
        columns: &[Column],
        named: bool,
        roles: &Roles,
        options: &DataOptions,
    ) -> Result<Self, TrainError> {
        let (mut features, mut holds, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        let (mut numbers, mut texts) = (Slots::default(), Slots::default());
        for (position, column) in columns.iter().enumerate() {
            let name = column.name.as_str();
            let (told, read) = (roles.categorical.contains(&position), roles.text.contains(&position));
            let nothing = column.numbers + column.texts == 0;
            match column.taken {
                Take::Skip if roles.unused.contains(&position) && !roles.is_aside(position) => {
                    features.push(Feature { kind: ValueKind::Unused, ..Feature::number(name) });
                    holds.push(Some(Holds::Numbers));
                }
                Take::Skip | Take::Aside | Take::Guess => {}
                Take::Number | Take::Text if nothing => {
                    empty.push(name.to_owned());
                    if column.taken == Take::Number { numbers.leave() } else { texts.leave() }
                }
                Take::Number => {
                    features.push(Feature::number(name));
                    holds.push(Some(if told { Holds::Categories } else { Holds::Numbers }));
                    numbers.keep();
                }
                Take::Text => {
                    let share = column.numbers as f64 / (column.numbers + column.texts) as f64;
                    if let (Some((place, got)), false, None) =
                        (&column.first_text, told || read, roles.types[position])
                        && share > MOSTLY
                    {
                        return Err(TrainError::OddText {
                            name: name.to_owned(),
                            place: place.clone(),
                            got: got.clone(),
                            numbers: column.numbers,
                        });
                    }
                    features.push(Feature::text(name));
                    let category = told.then_some(Holds::Categories);
                    holds.push(if read { Some(Holds::Texts) } else { category });
                    texts.keep();
                }
            }
        }
        if features.iter().all(|feature| feature.kind == ValueKind::Unused) {
            return Err(TrainError::Nothing { what: "columns to learn from" });
        }
        // Without a header a column is found by its place, so none can be left out.
        let by_place = !named || options.names.is_some();
        if by_place && features.len() + usize::from(roles.target.is_some()) < columns.len() {
            return Err(TrainError::Nothing {
                what: "header row, so its columns cannot be told apart; none can be left out",
            });
        }
        let kept = (!empty.is_empty()).then_some((numbers.kept, texts.kept));
        Ok(Self { features, holds, empty, kept })
    }
}

/// The columns of a frame that stay.
#[derive(Default)]
struct Slots {
    kept: Vec<usize>,
    next: usize,
}

impl Slots {
    fn keep(&mut self) {
        self.kept.push(self.next);
        self.next += 1;
    }

    fn leave(&mut self) {
        self.next += 1;
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

/// The different answers, ascending, in the narrowest type that all of them have.
fn labels(texts: &[&str]) -> Labels {
    let distinct: BTreeSet<&str> = texts.iter().map(|text| text.trim()).collect();
    let all = |is: &dyn Fn(&str) -> bool| distinct.iter().all(|text| is(text));
    if all(&|text| text.parse::<i64>().is_ok()) {
        let mut labels: Vec<i64> = distinct.iter().filter_map(|text| text.parse().ok()).collect();
        labels.sort_unstable();
        labels.dedup();
        return Labels::Int(labels);
    }
    if all(&|text| matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")) {
        let has =
            |first: char| distinct.iter().any(|text| text.starts_with([first, first.to_ascii_uppercase()]));
        return Labels::Bool(
            [false, true].into_iter().filter(|value| has(if *value { 't' } else { 'f' })).collect(),
        );
    }
    if all(&|text| text.parse::<f64>().is_ok_and(f64::is_finite)) {
        let mut labels: Vec<f64> = distinct.iter().filter_map(|text| text.parse().ok()).collect();
        labels.sort_unstable_by(f64::total_cmp);
        labels.dedup();
        return Labels::Float(labels);
    }
    // Texts to the letter, as they are compared when a model is measured.
    let distinct: BTreeSet<&str> = texts.iter().copied().collect();
    Labels::Text(distinct.into_iter().map(str::to_owned).collect())
}

fn seem_classes(labels: &Labels) -> bool {
    match labels {
        Labels::Text(_) | Labels::Bool(_) => true,
        Labels::Int(labels) => labels.len() <= MOST_CLASSES,
        Labels::Float(_) => false,
    }
}

#[derive(Debug)]
pub(super) enum Answered {
    Values(Vec<f64>),
    Classes {
        codes: Vec<u32>,
        labels: Labels,
    },
    /// Rows alone are learnt from.
    Nothing,
}

impl Answered {
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Values(values) => Self::Values(rows.iter().map(|row| values[*row]).collect()),
            Self::Classes { codes, labels } => {
                Self::Classes { codes: rows.iter().map(|row| codes[*row]).collect(), labels: labels.clone() }
            }
            Self::Nothing => Self::Nothing,
        }
    }

    pub(super) fn target(&self) -> Option<Lesson<'_>> {
        match self {
            Self::Values(values) => Some(Lesson::Values(values)),
            Self::Classes { codes, labels } => Some(Lesson::Classes { codes, labels }),
            Self::Nothing => None,
        }
    }

    /// What a model that looks at no feature would learn from.
    pub(super) fn seen(self) -> Option<Observed> {
        match self {
            Self::Values(known) => Some(Observed::Values(ValueAnswers { known, ..ValueAnswers::default() })),
            Self::Classes { codes, labels } => Some(Observed::Classes(ClassAnswers {
                classes: labels.len(),
                known: codes.into_iter().map(|code| Some(code as usize)).collect(),
                ..ClassAnswers::default()
            })),
            Self::Nothing => None,
        }
    }
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
