//! From a table of numbers and texts to a model: transformers for groups of columns, then an estimator.
//!
//! Everything learns from what the steps before it make of the rows by the code that serves them, so that nothing can
//! differ. The one exception is a step that has learnt of the target: rows that are learnt from get from it what it would
//! have learnt without them, as served rows do.

mod category;
mod column;
mod combine;
mod date;
mod kitchen;
mod lesson;
mod parameters;
mod power;
mod score;
mod target;
mod text;
mod transformer;

use std::borrow::Cow;

use foretell_frame::{Cell, Frame, Schema};
use foretell_model::step::{Branch, Impute, Scale};
use foretell_model::{Description, Head, Model, Part, Pipeline, Step, Task};

use self::column::{Facts, RawColumn};
use self::kitchen::{Course, Kitchen, internal};
use self::lesson::Lesson;
pub use self::parameters::{
    CountVectorizer, DateParts, Distribution, Documents, Fill, MinMaxScaler, NoDate, Normalizer,
    OneHotEncoder, OrdinalEncoder, Pca, PolynomialFeatures, Power, PowerTransformer, QuantileTransformer,
    RobustScaler, ScoreFunction, SelectBest, SimpleImputer, Smooth, StandardScaler, StopWords, Strategy,
    TargetEncoder, TermUnit, TfidfVectorizer, VarianceThreshold,
};
use self::transformer::Gaps;
pub use self::transformer::{TRANSFORMERS, Transformer};
use crate::estimator::{Kind, Learner, Learnt, Needs};
use crate::{Column, Context, FitError, Sample, Target};

/// Columns and what becomes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The features.
    pub features: Vec<usize>,
    /// What becomes of them, in order.
    pub steps: Vec<Transformer>,
}

/// What is to be fitted.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The estimator by name.
    pub kind: Kind,
    /// The estimator and its parameters.
    pub learner: Learner,
    /// What becomes of columns that an estimator cannot take as they are; of others nothing. Each feature is in one.
    pub groups: Vec<Group>,
    /// What becomes of the columns that the groups have made, together.
    pub steps: Vec<Transformer>,
    /// For each feature whether it may be missing, also where it never is in the rows that are learnt from.
    pub nullable: Vec<bool>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Numbers.
    Numbers,
    /// Categories: texts, or numbers that are names.
    Categories,
    /// Texts that are read, and not compared as a whole.
    Texts,
}

/// Most terms that count in a text where nobody says what becomes of it.
const USUAL_TERMS: usize = 1000;

/// Groups for features that nobody has said anything of, told what each feature of the table holds: categories become what
/// the estimator needs, texts weighted counts of terms, numbers go through `scaling`, after the mean has taken the place of
/// missing ones where the estimator takes none.
pub fn usual_groups(
    features: &[usize],
    holds: &[Holds],
    nullable: &[bool],
    scaling: &[Transformer],
    needs: Needs,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for feature in features {
        let steps = match holds[*feature] {
            Holds::Categories if needs.indicators => vec![Transformer::OneHot(OneHotEncoder::default())],
            Holds::Categories => vec![Transformer::Codes],
            Holds::Texts => {
                let max_features = Some(USUAL_TERMS);
                let counts = CountVectorizer { max_features, ..CountVectorizer::default() };
                let weighed = TfidfVectorizer { counts, ..TfidfVectorizer::default() };
                vec![Transformer::WeighedTerms(weighed)]
            }
            Holds::Numbers => {
                let impute = (needs.no_missing && nullable.get(*feature).is_some_and(|nullable| *nullable))
                    .then(|| Transformer::Impute(SimpleImputer::default()));
                impute.into_iter().chain(scaling.iter().cloned()).collect()
            }
        };
        match groups.last_mut() {
            Some(group) if group.steps == steps && !group.steps.iter().any(Transformer::takes_one) => {
                group.features.push(*feature);
            }
            Some(_) | None => groups.push(Group { features: vec![*feature], steps }),
        }
    }
    groups
}

impl Recipe {
    /// Fits steps and estimator on all rows of a frame, which has the layout of the schema. The estimator knows what rows
    /// weigh, the steps do not, as in scikit-learn.
    ///
    /// # Errors
    /// Columns that cannot be learnt from; anything that the estimator refuses.
    pub fn fit(
        &self,
        schema: &Schema,
        frame: &Frame,
        target: Option<Target<'_>>,
        weights: Option<&[f64]>,
        context: &Context<'_>,
    ) -> Result<Product, FitError> {
        let kitchen = Kitchen::new(Cow::Borrowed(schema), Cow::Borrowed(frame));
        let mut branches = Vec::new();
        for group in &self.groups {
            branches.push(self.branch(&kitchen, group, target.as_ref(), context)?);
        }
        let mut columns: Vec<Column> =
            branches.iter().flat_map(|made| made.columns.iter().copied()).collect();
        let owners: Option<Vec<usize>> =
            branches.iter().map(Made::owners).collect::<Option<Vec<_>>>().map(|all| all.concat());
        let owners = owners.filter(|_| self.steps.is_empty());
        let mut course = course(&kitchen, &branches)?;
        let mut steps = vec![Step::Parallel(branches.into_iter().map(|made| made.branch).collect())];
        for transformer in &self.steps {
            let (values, width) = course.values()?;
            let raw = RawColumn::of_block(&values, width);
            let lesson = Lesson { columns: &raw, names: &[], target: target.as_ref(), seed: context.seed };
            let learnt = transformer.fit(&lesson)?;
            course.follow(&learnt)?;
            steps.extend(learnt.steps);
        }
        let (values, width) = course.values()?;
        if !self.steps.is_empty() {
            columns = vec![Column::Number; width];
        }
        let sample = Sample { values: &values, columns: &columns, weights };
        let Learnt { steps: scoring, fitted, history } = self.learner.fit(sample, target, context)?;
        let transform = self.learner.transform(&fitted);
        let of_classes = matches!(target, Some(Target::Classes { .. }));
        let task = match target {
            Some(Target::Values(_)) => Task::Regression,
            Some(Target::Classes { .. }) => Task::Classification,
            None if matches!(fitted.head, Head::Outlier(_)) => Task::Outlier,
            None => Task::Clustering,
        };
        let pipeline = Pipeline { steps, scoring, estimator: Some(fitted), transform, ..Pipeline::default() };
        let model =
            Model::new(kitchen.parts(pipeline, task, self.description(of_classes))).map_err(internal)?;
        let mut gain = Vec::new();
        if let Some(owners) = owners.filter(|owners| owners.len() == history.gain.len()) {
            gain = vec![0.0; schema.len()];
            owners.iter().zip(&history.gain).for_each(|(feature, share)| gain[*feature] += share);
        }
        Ok(Product { model, curves: history.curves, gain })
    }

    /// Fits the steps of a group.
    fn branch(
        &self,
        kitchen: &Kitchen<'_>,
        group: &Group,
        target: Option<&Target<'_>>,
        context: &Context<'_>,
    ) -> Result<Made, FitError> {
        let names: Vec<&str> =
            group.features.iter().map(|feature| kitchen.names[*feature].as_str()).collect();
        let categories = group.steps.iter().any(Transformer::encodes);
        let facts = if categories { None } else { kitchen.facts(&group.features)? };
        // Without steps nothing but the facts is needed.
        let plain = group.steps.is_empty() && facts.is_some();
        let mut raw = if plain { Vec::new() } else { kitchen.raw(&group.features) };
        let no_missing = self.learner.needs().no_missing;
        let mut steps = self.given(group, facts.as_deref());
        // As long as there are texts, the values themselves are followed; from then on what the steps make of the rows.
        let mut course: Option<Course<'static>> = None;
        for (at, transformer) in group.steps.iter().enumerate() {
            if transformer.encodes() && course.is_some() {
                let expected = format!("`{}` before other steps than `impute`", transformer.class());
                return Err(FitError::data(expected, "it behind them"));
            }
            let named: &[&str] = if course.is_some() { &[] } else { &names };
            let lesson = Lesson { columns: &raw, names: named, target, seed: context.seed };
            let learnt = transformer.fit(&lesson)?;
            if let ([Step::Impute(Impute { fill, indicators, .. })], None) = (&*learnt.steps, &course)
                && indicators.is_empty()
            {
                let fills = raw.iter_mut().zip(fill.iter().flatten());
                fills.for_each(|(column, fill)| column.replace(fill));
                steps.extend(learnt.steps);
                continue;
            }
            let course = match &mut course {
                Some(course) => course,
                none => none.insert(Course::new(kitchen.with(&group.features, &[])?, steps.clone())),
            };
            course.follow(&learnt)?;
            steps.extend(learnt.steps);
            if at + 1 < group.steps.len() {
                let (values, width) = course.values()?;
                raw = RawColumn::of_block(&values, width);
            }
        }
        if let (Some(column), None) = (raw.iter().position(|column| column.numbers().is_none()), &course) {
            let name = names.get(column).copied().unwrap_or_default();
            return Err(FitError::data(format!("numbers in `{name}`"), "texts; give it the step `one-hot`"));
        }
        let missing = no_missing
            && match (&course, group.steps.last().map(Transformer::gaps)) {
                (Some(_), Some(Gaps::None)) => false,
                (Some(course), Some(Gaps::Unknown)) => course.values()?.0.iter().any(|x| x.is_nan()),
                (None, _) if plain => facts.iter().flatten().any(|facts| facts.missing),
                (None, _) | (_, Some(Gaps::Same) | None) => raw.iter().any(RawColumn::has_missing),
            };
        if missing {
            let got = format!("missing values in {}; give them the step `impute`", listed(&names));
            return Err(FitError::data("values everywhere", got));
        }
        let width = course.as_ref().map_or(Ok(group.features.len()), Course::width)?;
        let codes = group.steps.last() == Some(&Transformer::Codes);
        let columns = vec![if codes { Column::Category } else { Column::Number }; width];
        let branch = Branch { columns: group.features.clone(), steps, weight: None };
        Ok(Made { branch, crossed: course.filter(|course| course.crossed), columns })
    }

    /// What is known of the columns of a group before its steps: what they held, and which are never missing.
    fn given(&self, group: &Group, facts: Option<&[Facts]>) -> Vec<Step> {
        let Some(facts) = facts else { return Vec::new() };
        let mut steps = Vec::new();
        // Boosting sends what is missing where it was best to send it, or, where nothing was missing, anywhere.
        let accepts = matches!(self.learner, Learner::Boosting(_))
            || group.steps.iter().any(|step| matches!(step, Transformer::Impute(_)));
        if !accepts {
            let nullable = |at: usize| {
                facts[at].missing || self.nullable.get(group.features[at]).is_some_and(|nullable| *nullable)
            };
            let refuse_missing = (0..facts.len()).filter(|at| !nullable(*at)).collect();
            let fill = vec![Some(Cell::Missing); facts.len()];
            steps.push(Step::Impute(Impute {
                marker: Cell::Missing,
                fill,
                indicators: Vec::new(),
                refuse_missing,
            }));
        }
        // Changes nothing: it becomes a part of what the model says of itself.
        steps.push(Step::Scale(Scale {
            operations: Vec::new(),
            range: Some(facts.iter().map(|facts| facts.range).collect()),
            centre: Some(facts.iter().map(|facts| facts.median).collect()),
        }));
        steps
    }

    fn description(&self, of_classes: bool) -> Description {
        let mut classes: Vec<&str> = Vec::new();
        for transformer in self.groups.iter().flat_map(|group| &group.steps).chain(&self.steps) {
            if !classes.contains(&transformer.class()) {
                classes.push(transformer.class());
            }
        }
        let steps = classes.into_iter().map(|class| Part { class: class.to_owned(), ..Part::default() });
        Description { estimator: self.kind.class(of_classes).to_owned(), steps: steps.collect() }
    }
}

/// A model, and how it came about.
#[derive(Debug)]
pub struct Product {
    /// The model.
    pub model: Model,
    /// Losses or scores after each round or pass: of which rows, and their values.
    pub curves: Vec<(&'static str, Vec<f64>)>,
    /// For each feature what the splits of its columns have gained, as a share of what all have. Empty where there are no
    /// splits, or columns are of several features.
    pub gain: Vec<f64>,
}

/// What has become of a group.
struct Made {
    /// The fitted steps.
    branch: Branch,
    /// What has become of the rows that are learnt from, where that is something else.
    crossed: Option<Course<'static>>,
    /// What the columns are.
    columns: Vec<Column>,
}

impl Made {
    /// The feature of each column, where each is of one.
    fn owners(&self) -> Option<Vec<usize>> {
        let (features, width) = (&self.branch.columns, self.columns.len());
        if let [feature] = features[..] {
            return Some(vec![feature; width]);
        }
        let widths = |step: &Step| {
            let Step::OneHot(encoder) = step else { return None };
            Some(encoder.columns.iter().map(|column| column.width).collect::<Vec<_>>())
        };
        let keeps = |step: &Step| {
            matches!(
                step,
                Step::Impute(_)
                    | Step::Scale(_)
                    | Step::Ordinal(_)
                    | Step::OneHot(_)
                    | Step::Elementwise(_)
                    | Step::Curves(_)
            )
        };
        let owners: Vec<usize> = match self.branch.steps.iter().find_map(widths) {
            Some(widths) => {
                features.iter().zip(widths).flat_map(|(feature, width)| vec![*feature; width]).collect()
            }
            None => features.clone(),
        };
        (owners.len() == width && self.branch.steps.iter().all(keeps)).then_some(owners)
    }
}

/// What has become of the rows that are learnt from in all groups, side by side.
fn course<'a>(kitchen: &Kitchen<'a>, groups: &[Made]) -> Result<Course<'a>, FitError> {
    let blocks: Vec<_> = groups.iter().filter_map(|made| made.crossed.as_ref()).map(Course::block).collect();
    if blocks.is_empty() {
        let branches = groups.iter().map(|made| made.branch.clone()).collect();
        return Ok(Course::new(kitchen.clone(), vec![Step::Parallel(branches)]));
    }
    let straight = groups.iter().filter(|made| made.crossed.is_none());
    let features: Vec<usize> = straight.flat_map(|made| made.branch.columns.iter().copied()).collect();
    let (mut next, mut next_crossed) = (0, features.len());
    let branch = |made: &Made| {
        let (next, steps, width) = match &made.crossed {
            None => (&mut next, &made.branch.steps, made.branch.columns.len()),
            Some(course) => (&mut next_crossed, &course.steps, course.block().1),
        };
        let columns = (*next..*next + width).collect();
        *next += width;
        Branch { columns, steps: steps.clone(), weight: None }
    };
    let branches = groups.iter().map(branch).collect();
    Ok(Course::new(kitchen.with(&features, &blocks)?, vec![Step::Parallel(branches)]))
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
