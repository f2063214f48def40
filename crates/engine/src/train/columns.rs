//! What the columns of a table are for, and which features they make.

use foretell_frame::{Feature, Kind as ValueKind};
use foretell_train::Holds;

use super::data::{ColumnType, DataOptions};
use super::error::TrainError;
use crate::table::load::{Column, Take};
use crate::table::nearest;

/// A column of texts with this share of numbers is most likely meant to be one of numbers.
const MOSTLY_NUMBERS: f64 = 0.5;

/// What the columns of a table are for.
#[derive(Debug, Default)]
pub(super) struct Roles {
    target: Option<usize>,
    pub(super) weights: Option<usize>,
    pub(super) groups: Option<usize>,
    pub(super) order: Option<usize>,
    dropped: Vec<usize>,
    unused: Vec<usize>,
    categorical: Vec<usize>,
    text: Vec<usize>,
    types: Vec<Option<ColumnType>>,
}

impl Roles {
    pub(super) fn find(names: &[String], options: &DataOptions) -> Result<Self, TrainError> {
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

    pub(super) fn takes(&self) -> Vec<Take> {
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
    pub(super) fn asides(&self) -> [Option<usize>; 4] {
        let before = |column: usize| (0..column).filter(|other| self.is_aside(*other)).count();
        self.aside().map(|column| column.map(before))
    }
}

/// The features that the columns of a table make.
pub(super) struct Features {
    pub(super) features: Vec<Feature>,
    /// What each feature holds; none where that shows in its texts.
    pub(super) holds: Vec<Option<Holds>>,
    /// The names of columns without a value.
    pub(super) empty: Vec<String>,
    /// The columns of the frame that are features, where some are none.
    pub(super) kept: Option<(Vec<usize>, Vec<usize>)>,
}

impl Features {
    pub(super) fn sort(
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
                        && share > MOSTLY_NUMBERS
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
