//! A table in memory: its features, and the answers that are known.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use foretell_evaluate::{ClassAnswers, Observed, ValueAnswers};
use foretell_frame::{Feature, Frame, Kind as ValueKind, Labels, Schema, SchemaError, Slot, TextColumn};
use foretell_train::Target as Lesson;
use foretell_train::estimator::Kind;
use sha2::{Digest, Sha256};

use super::error::TrainError;
use crate::open::hex;
use crate::score::class_of;
use crate::table::infer::{Inferred, Values, infer};
use crate::table::{Chunk, Header, ReadOptions, TableError, TableReader, Target, nearest};

/// Whole numbers with at most so many different values are taken for classes, where nobody says what they are.
const MOST_CLASSES: usize = 20;
/// A column with this share of numbers is most likely meant to be one of numbers.
const MOSTLY: f64 = 0.5;

/// Where a table is. It is read twice: to learn what its columns are, and to learn from it.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Bytes, such as those of stdin.
    Bytes(Vec<u8>),
}

impl Input {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::File(path) => Box::new(std::fs::File::open(path)?),
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes)),
        })
    }
}

/// What is what in a table.
#[derive(Debug, Clone)]
pub struct DataOptions {
    /// The column of known answers: its name, or its position from 0.
    pub target: String,
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
    /// The column of what each row weighs.
    pub weights: Option<String>,
    /// The column that tells which rows belong together: they are never divided.
    pub groups: Option<String>,
    /// The column of times, or of anything that grows with time: models are measured on later rows than they learnt from.
    pub order: Option<String>,
}

/// A table in memory.
#[derive(Debug)]
pub struct Data {
    pub(super) schema: Schema,
    pub(super) categorical: Vec<bool>,
    frame: Frame,
    chunk: Chunk,
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
        let io_error = |source| TrainError::Table(TableError::Io { source });
        let header = if options.names.is_some() { Header::Absent } else { options.header };
        let read = ReadOptions { header, ..ReadOptions::default() };
        let mut digest = Digested { inner: input.open().map_err(io_error)?, state: Sha256::new() };
        let mut inferred = infer(&mut digest, &read)?;
        if let Some(names) = &options.names {
            name_columns(&mut inferred, names)?;
        }
        let digest = format!("sha256:{}", hex(&digest.state.finalize()));
        let Sorted { features, categorical, empty, aside } = sort_columns(&inferred, options)?;
        let columns = features.iter().chain(aside.iter().flatten());
        let whole = Schema::new(columns.cloned().collect(), inferred.named)?;
        let schema = Schema::new(features, inferred.named)?;
        let header = match (inferred.named, header) {
            (true, Header::Auto | Header::Names) => Header::Present,
            (false, Header::Auto | Header::Names) => Header::Absent,
            (_, told) => told,
        };
        let position = inferred.columns.iter().position(|column| column.name == options.target);
        let target = match position.or_else(|| options.target.parse().ok()) {
            Some(position) if header == Header::Absent => Target::Position(position),
            Some(_) | None => Target::Name(options.target.clone()),
        };
        let read =
            ReadOptions { header, target: Some(target), chunk_rows: usize::MAX, ..ReadOptions::default() };
        let mut chunk = Chunk::default();
        TableReader::open(input.open().map_err(io_error)?, &whole, &read)?.read(&mut chunk)?;
        if let Some(violation) = chunk.violations.first() {
            let line = chunk.line(violation.row);
            return Err(TrainError::Row { line, message: violation.message(&whole) });
        }
        if chunk.rows() == 0 {
            return Err(TrainError::Nothing { what: "rows" });
        }
        let frame = std::mem::take(&mut chunk.frame);
        let mut data = Self {
            schema,
            categorical,
            frame,
            chunk,
            digest,
            empty,
            weights: None,
            groups: None,
            order: None,
        };
        if let [None, None, None] = aside {
            return Ok(data);
        }
        let [weights, groups, order] = aside.map(|feature| feature.map(|feature| feature.name));
        let keys = |name: Option<String>| name.map(|name| data.keys(&whole, &name)).transpose();
        let (groups, order) = (keys(groups)?, keys(order)?);
        data.weights = weights.map(|name| data.weights(&whole, &name)).transpose()?;
        data.groups = groups.map(|keys| {
            let known: BTreeSet<&Key> = keys.iter().collect();
            let known: Vec<&Key> = known.into_iter().collect();
            keys.iter().map(|key| known.partition_point(|other| *other < key)).collect()
        });
        data.order = order.map(|keys| {
            let mut rows: Vec<usize> = (0..keys.len()).collect();
            rows.sort_by(|a, b| keys[*a].cmp(&keys[*b]));
            rows
        });
        // Their columns stand behind those of the features.
        let (numbers, texts): (Vec<usize>, Vec<usize>) =
            ((0..data.schema.numbers()).collect(), (0..data.schema.texts()).collect());
        data.frame = data.frame.select_columns(&numbers, &texts);
        Ok(data)
    }

    /// The values of a column that is no feature, none of them missing.
    fn keys(&self, whole: &Schema, name: &str) -> Result<Vec<Key>, TrainError> {
        let slot = whole.position(name).map_or(Slot::Unused, |position| whole.slots()[position]);
        let key = |row: usize| match slot {
            Slot::Number(slot) => Some(self.frame.row(row)[slot]).filter(|x| !x.is_nan()).map(Key::Number),
            Slot::Text(slot) => self.frame.texts()[slot].get(row).map(|text| Key::Text(text.to_owned())),
            Slot::Unused => None,
        };
        let missing = |row| TrainError::Row { line: self.line(row), message: format!("`{name}` is missing") };
        (0..self.rows()).map(|row| key(row).ok_or_else(|| missing(row))).collect()
    }

    fn weights(&self, whole: &Schema, name: &str) -> Result<Vec<f64>, TrainError> {
        let weight = |(row, key): (usize, Key)| match key {
            Key::Number(weight) if weight.is_finite() && weight >= 0.0 => Ok(weight),
            Key::Number(_) | Key::Text(_) => Err(TrainError::Row {
                line: self.line(row),
                message: format!("expected a weight of 0 or more in `{name}`"),
            }),
        };
        self.keys(whole, name)?.into_iter().enumerate().map(weight).collect()
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
        let missing = |slot: &Slot| match slot {
            Slot::Number(slot) => {
                frame.numbers().iter().skip(*slot).step_by(frame.width().max(1)).any(|value| value.is_nan())
            }
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

    /// The line on which a row stands.
    pub(super) fn line(&self, row: usize) -> u64 {
        self.chunk.line(row)
    }

    fn target(&self, row: usize) -> Result<&str, TrainError> {
        let missing = || TrainError::MissingTarget { line: self.chunk.line(row) };
        self.chunk.target.get(row).ok_or_else(missing)
    }

    /// What is learnt: classes, or numbers where the answers are, and nobody says that they are classes.
    pub(super) fn lesson(&self, kind: Option<Kind>, classes: Option<bool>) -> Result<Answered, TrainError> {
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
                line: self.chunk.line(row),
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
        rows.iter().for_each(|row| target.push(self.chunk.target.get(*row)));
        (self.frame.select(rows), target)
    }
}

/// Gives the columns of a table without a header these names.
fn name_columns(inferred: &mut Inferred, names: &[String]) -> Result<(), TrainError> {
    if names.len() != inferred.columns.len() {
        let (expected, got) = (inferred.columns.len(), names.len());
        return Err(TrainError::Schema(SchemaError::WrongNameCount { expected, got }));
    }
    inferred.columns.iter_mut().zip(names).for_each(|(column, name)| column.name.clone_from(name));
    inferred.named = true;
    Ok(())
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

/// The columns of a table by what they are for.
struct Sorted {
    features: Vec<Feature>,
    /// For each feature whether it is a category.
    categorical: Vec<bool>,
    /// The names of columns without a value.
    empty: Vec<String>,
    /// Those of weights, groups and times.
    aside: [Option<Feature>; 3],
}

fn sort_columns(inferred: &Inferred, options: &DataOptions) -> Result<Sorted, TrainError> {
    let columns = &inferred.columns;
    let find = |name: &str| {
        let position = columns.iter().position(|column| column.name == name);
        position.or_else(|| name.parse().ok().filter(|position| *position < columns.len())).ok_or_else(|| {
            let names = || columns.iter().map(|column| column.name.as_str());
            TrainError::NoColumn {
                name: name.to_owned(),
                nearest: nearest(name, names()),
                columns: names().map(|name| format!("`{name}`")).collect(),
            }
        })
    };
    let target = find(&options.target)?;
    let dropped = options.drop.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
    let unused = options.unused.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
    let told = options.categorical.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
    let find_aside = |name: &Option<String>| name.as_deref().map(find).transpose();
    let set_aside =
        [find_aside(&options.weights)?, find_aside(&options.groups)?, find_aside(&options.order)?];
    let feature = |position: usize| {
        let column = &columns[position];
        match column.values() {
            Values::Numbers => Feature::number(column.name.as_str()),
            Values::Texts | Values::Nothing => Feature::text(column.name.as_str()),
        }
    };
    let [weights, groups, order] = set_aside;
    if order.is_some() && (order == groups || order == weights) || weights.is_some() && weights == groups {
        return Err(TrainError::Aside);
    }
    let aside = set_aside.map(|position| position.map(feature));
    let (mut features, mut categorical, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    for (position, column) in columns.iter().enumerate() {
        if position == target || dropped.contains(&position) || set_aside.contains(&Some(position)) {
            continue;
        }
        if unused.contains(&position) {
            features.push(Feature { kind: ValueKind::Unused, ..Feature::number(column.name.as_str()) });
            categorical.push(false);
            continue;
        }
        let told = told.contains(&position);
        match column.values() {
            Values::Nothing => empty.push(column.name.clone()),
            Values::Numbers => {
                features.push(Feature::number(column.name.as_str()));
                categorical.push(told);
            }
            Values::Texts => {
                let share = column.numbers as f64 / (column.numbers + column.texts) as f64;
                if let (Some((line, got)), false) = (&column.first_text, told)
                    && share > MOSTLY
                {
                    let (name, numbers) = (column.name.clone(), column.numbers);
                    return Err(TrainError::OddText { name, line: *line, got: got.clone(), numbers });
                }
                features.push(Feature::text(column.name.as_str()));
                categorical.push(true);
            }
        }
    }
    if features.iter().all(|feature| feature.kind == ValueKind::Unused) {
        return Err(TrainError::Nothing { what: "columns to learn from" });
    }
    // Without a header a column is found by its place, so none can be left out.
    let by_place = !inferred.named || options.names.is_some();
    if by_place && features.len() + 1 < columns.len() {
        return Err(TrainError::Nothing {
            what: "header row, so its columns cannot be told apart; none can be left out",
        });
    }
    Ok(Sorted { features, categorical, empty, aside })
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
    Classes { codes: Vec<u32>, labels: Labels },
}

impl Answered {
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Values(values) => Self::Values(rows.iter().map(|row| values[*row]).collect()),
            Self::Classes { codes, labels } => {
                Self::Classes { codes: rows.iter().map(|row| codes[*row]).collect(), labels: labels.clone() }
            }
        }
    }

    pub(super) fn target(&self) -> Lesson<'_> {
        match self {
            Self::Values(values) => Lesson::Values(values),
            Self::Classes { codes, labels } => Lesson::Classes { codes, labels },
        }
    }

    /// What a model that looks at no feature would learn from.
    pub(super) fn seen(self) -> Observed {
        match self {
            Self::Values(known) => Observed::Values(ValueAnswers { known, ..ValueAnswers::default() }),
            Self::Classes { codes, labels } => Observed::Classes(ClassAnswers {
                classes: labels.len(),
                known: codes.into_iter().map(|code| Some(code as usize)).collect(),
                ..ClassAnswers::default()
            }),
        }
    }
}

/// Makes the digest of what is read.
struct Digested<R> {
    inner: R,
    state: Sha256,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.state.update(&buffer[..count]);
        Ok(count)
    }
}
