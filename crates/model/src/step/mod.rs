//! Transformers: from a batch of columns to a batch of columns.
//!
//! Each step is plain data. Columns are counted from 0 in the order the step receives them, numeric and text
//! columns together, as scikit-learn counts them. A file per kind holds its data, its check (`infer`), and what
//! it does (`apply`), with a compiled form (`...Plan`) where the data is not yet the fastest to work with.

mod city_hash;
mod codes;
mod combine;
mod convolve;
mod curve;
mod dataflow;
mod dates;
mod elementwise;
mod encode;
mod hash_keys;
mod impute;
mod impute_nearest;
mod interpolate;
mod lookup;
mod multiply_add;
mod normal;
mod normalize;
mod parallel;
mod predict;
mod product;
mod project;
mod reduce;
mod refine;
mod represent;
mod rowwise;
mod scale;
mod spline;
mod statistics;
mod terms;
mod zip;

pub use codes::Codes;
pub use combine::{Combine, Rule};
pub use curve::{Curve, Curves, Quantile};
pub use dataflow::Dataflow;
pub use dates::{DatePart, Dates, Moment};
pub use elementwise::Function;
pub use encode::{Categories, OneHot, Ordinal, Unknown};
pub use hash_keys::{HashKeys, HashedKey};
pub use impute::Impute;
pub use impute_nearest::ImputeNearest;
pub use interpolate::PiecewiseLinear;
pub use normalize::{Norm, Normalize};
pub use parallel::Branch;
pub use predict::{Answer, Predict};
pub use product::Products;
pub use reduce::{Reduce, Reduction};
pub use refine::Refinement;
pub use represent::{NonNegative, Representation, RepresentationRule, Solver, Sparse, SparseRule, Topics};
pub use rowwise::Rowwise;
pub use scale::{Arithmetic, Scale};
pub use spline::{Extrapolation, Spline, Splines};
pub use statistics::{Part, Positions, Statistic, Table, TargetStatistics};
pub use terms::{
    Accents, Analysis, Analyzer, ENGLISH_STOP_WORDS, PatternError, TermIndex, Terms, TokenPattern, Units,
};
pub use zip::{Operands, Pairing, Zip};

pub(crate) use codes::CodesPlan;
pub(crate) use combine::CombinePlan;
pub(crate) use convolve::apply as apply_convolution;
pub(crate) use curve::CurvesPlan;
pub(crate) use dataflow::DataflowPlan;
pub(crate) use dates::DatesPlan;
pub(crate) use encode::EncodePlan;
pub(crate) use hash_keys::HashKeysPlan;
pub(crate) use impute::ImputePlan;
pub(crate) use interpolate::apply as apply_piecewise;
pub(crate) use lookup::{apply_choice, apply_table};
pub(crate) use multiply_add::MultiplyAddPlan;
pub(crate) use parallel::{BranchPlan, apply as apply_parallel};
pub(crate) use predict::PredictPlan;
pub(crate) use refine::{RefinementPlan, apply as apply_refinements};
pub(crate) use represent::RepresentationPlan;
pub(crate) use spline::SplinesPlan;
pub(crate) use statistics::StatisticsPlan;
pub(crate) use terms::{TermsPlan, TextBuffers};

use crate::error::{ModelError, expect_index};
use crate::estimator::Linear;
use crate::infer::{Column, Facts};
use crate::plan::{Layout, Op};

/// A fitted transformer.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Arithmetic with one constant per column: scalers.
    Scale(Scale),
    /// Divides each row by its norm.
    Normalize(Normalize),
    /// The same function of every cell, in order. Missing and infinite values are computed with, as numpy does;
    /// a [`Step::Require`] before it refuses them.
    Elementwise(Vec<Function>),
    /// A function for each column.
    Curves(Curves),
    /// Products of columns.
    Products(Products),
    /// Columns expanded into splines.
    Splines(Splines),
    /// Counts of the terms of a text.
    Terms(Terms),
    /// Changes nothing and refuses numbers that are not accepted.
    Require(Accepts),
    /// Replaces missing values by means over the nearest rows.
    ImputeNearest(ImputeNearest),
    /// The weights of components in place of the columns.
    Represent(Representation),
    /// The circular convolution of so many equal parts of the columns.
    Convolve(usize),
    /// Replaces missing values by constants, optionally drops columns and appends missing indicators.
    Impute(Impute),
    /// One indicator column per category.
    OneHot(OneHot),
    /// The position of the category.
    Ordinal(Ordinal),
    /// Codes of one byte, missing where they are not known.
    Codes(Codes),
    /// Text columns of dates as numbers.
    Dates(Dates),
    /// Records with keys of their own, at the columns that their keys are hashed to.
    HashKeys(HashKeys),
    /// Text columns as numbers that were learnt of their categories.
    TargetStatistics(TargetStatistics),
    /// Branches that each see some of the columns, side by side: `ColumnTransformer` and `FeatureUnion`.
    Parallel(Vec<Branch>),
    /// The answer of an estimator in place of the columns.
    Predict(Box<Predict>),
    /// The answers of several members in one.
    Combine(Combine),
    /// The same function of every row.
    Rowwise(Rowwise),
    /// One piecewise linear function per column.
    Interpolate(Vec<PiecewiseLinear>),
    /// Columns filled in by estimators over the others, one after another.
    Refine(Vec<Refinement>),
    /// Keeps some columns, in this order.
    Select(Vec<usize>),
    /// Weighted sums of the columns in place of them: projections onto discriminants.
    Project(Linear),
    /// Weighted sums in float32: products are added one after the other, each rounded once with its sum, and the
    /// intercept at last.
    MultiplyAdd(Linear),
    /// Branches that see the columns of branches before them.
    Dataflow(Dataflow),
    /// A function of two numbers, column by column.
    Zip(Zip),
    /// Every so many columns reduced to one number.
    Reduce(Reduce),
    /// The number at a position of a table, of every cell.
    Table(Vec<f64>),
    /// Of three equal parts of the columns, the second where the first is not 0, else the third.
    Choose,
}

/// What a part of a pipeline accepts in its numeric input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepts {
    /// Missing values (NaN).
    pub missing: bool,
    /// Positive and negative infinity.
    pub infinite: bool,
}

impl Accepts {
    /// Any number.
    pub const ALL: Self = Self { missing: true, infinite: true };
    /// Finite numbers only.
    pub const FINITE: Self = Self { missing: false, infinite: false };
}

impl Step {
    /// What kind of step it is, for error messages.
    fn name(&self) -> &'static str {
        match self {
            Self::Scale(_) => "scale",
            Self::Normalize(_) => "normalize",
            Self::Elementwise(_) => "function",
            Self::Curves(_) => "function of each column",
            Self::Products(_) => "products",
            Self::Splines(_) => "splines",
            Self::Terms(_) => "terms",
            Self::Require(_) => "require",
            Self::ImputeNearest(_) => "impute by neighbours",
            Self::Represent(_) => "weights of components",
            Self::Convolve(_) => "convolve",
            Self::Impute(_) => "impute",
            Self::OneHot(_) => "one-hot",
            Self::Ordinal(_) => "ordinal",
            Self::Codes(_) => "codes",
            Self::Dates(_) => "dates",
            Self::HashKeys(_) => "hashed keys",
            Self::TargetStatistics(_) => "target statistics",
            Self::Parallel(_) => "columns",
            Self::Predict(_) => "predict",
            Self::Combine(_) => "combine",
            Self::Rowwise(_) => "rows",
            Self::Interpolate(_) => "interpolate",
            Self::Refine(_) => "refine",
            Self::Select(_) => "select",
            Self::Project(_) => "project",
            Self::MultiplyAdd(_) => "multiply and add",
            Self::Dataflow(_) => "graph",
            Self::Zip(_) => "function of two columns",
            Self::Reduce(_) => "reduce",
            Self::Table(_) => "table",
            Self::Choose => "choose",
        }
    }

    fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        if !matches!(self, Self::Parallel(_) | Self::Dataflow(_)) {
            facts.look(columns);
        }
        match self {
            Self::Scale(scale) => scale.infer(columns, facts),
            Self::Normalize(normalize) => normalize.infer(columns, facts),
            Self::Elementwise(_) => Function::infer(columns, facts),
            Self::Curves(curves) => curves.infer(columns, facts),
            Self::Products(products) => products.infer(columns, facts),
            Self::Splines(splines) => splines.infer(columns, facts),
            Self::Terms(terms) => terms.infer(columns, facts),
            Self::Require(accepts) => facts.numbers(columns, *accepts),
            Self::ImputeNearest(impute) => impute.infer(columns, facts),
            Self::Represent(representation) => representation.infer(columns, facts),
            Self::Convolve(parts) => convolve::infer(*parts, columns, facts),
            Self::Impute(impute) => impute.infer(columns, facts),
            Self::OneHot(one_hot) => one_hot.infer(columns, facts),
            Self::Ordinal(ordinal) => ordinal.infer(columns, facts),
            Self::Codes(codes) => codes.infer(columns, facts),
            Self::Dates(dates) => dates.infer(columns, facts),
            Self::HashKeys(hash) => hash.infer(columns, facts),
            Self::TargetStatistics(statistics) => statistics.infer(columns, facts),
            Self::Parallel(branches) => parallel::infer(branches, columns, facts),
            Self::Predict(predict) => predict.infer(columns, facts),
            Self::Combine(combine) => combine.infer(columns, facts),
            Self::Rowwise(function) => function.infer(columns, facts),
            Self::Interpolate(functions) => interpolate::infer(functions, columns, facts),
            Self::Refine(refinements) => refine::infer(refinements, columns, facts),
            Self::Select(positions) => select(positions, columns),
            Self::Project(linear) => project::infer(linear, columns, facts),
            Self::MultiplyAdd(linear) => multiply_add::infer(linear, columns, facts),
            Self::Dataflow(dataflow) => dataflow.infer(columns, facts),
            Self::Zip(zip) => zip.infer(columns, facts),
            Self::Reduce(reduce) => reduce.infer(columns, facts),
            Self::Table(table) => lookup::infer_table(table, columns, facts),
            Self::Choose => lookup::infer_choice(columns, facts),
        }
    }

    fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        match self {
            Self::Scale(scale) => scale.compile(layout),
            Self::Normalize(normalize) => {
                (vec![layout.guard(Accepts::FINITE), Op::Normalize(*normalize)], layout.clone())
            }
            Self::Elementwise(functions) => (vec![Op::Elementwise(functions.clone())], layout.clone()),
            Self::Curves(curves) => curves.compile(layout),
            Self::Products(products) => products.compile(layout),
            Self::Splines(splines) => splines.compile(layout),
            Self::Terms(terms) => terms.compile(layout),
            Self::Require(accepts) => (vec![layout.guard(*accepts)], layout.clone()),
            Self::ImputeNearest(impute) => impute.compile(layout),
            Self::Represent(representation) => representation.compile(layout),
            Self::Convolve(parts) => convolve::compile(*parts, layout),
            Self::Impute(impute) => impute.compile(layout),
            Self::OneHot(one_hot) => one_hot.compile(layout),
            Self::Ordinal(ordinal) => ordinal.compile(layout),
            Self::Codes(codes) => codes.compile(layout),
            Self::Dates(dates) => dates.compile(layout),
            Self::HashKeys(hash) => hash.compile(layout),
            Self::TargetStatistics(statistics) => statistics.compile(layout),
            Self::Parallel(branches) => parallel::compile(branches, layout),
            Self::Predict(predict) => predict.compile(layout),
            Self::Combine(combine) => combine.compile(layout),
            Self::Rowwise(function) => {
                let (positions, after) = layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>());
                (vec![Op::Gather(positions), Op::Rowwise(*function)], after)
            }
            Self::Interpolate(functions) => interpolate::compile(functions, layout),
            Self::Refine(refinements) => refine::compile(refinements, layout),
            Self::Select(positions) => {
                let (gather, layout) = layout.gather(positions);
                (vec![Op::Gather(gather)], layout)
            }
            Self::Project(linear) => project::compile(linear, layout),
            Self::MultiplyAdd(linear) => multiply_add::compile(linear, layout),
            Self::Dataflow(dataflow) => dataflow.compile(layout),
            Self::Zip(zip) => zip.compile(layout),
            Self::Reduce(reduce) => reduce.compile(layout),
            Self::Table(table) => lookup::compile_table(table, layout),
            Self::Choose => lookup::compile_choice(layout),
        }
    }
}

fn select(positions: &[usize], columns: &[Column]) -> Result<Vec<Column>, ModelError> {
    positions
        .iter()
        .map(|&position| {
            expect_index("a column", position, columns.len())?;
            Ok(columns[position])
        })
        .collect()
}

/// Checks steps in order; the columns after the last.
pub(crate) fn infer_all(
    steps: &[Step],
    mut columns: Vec<Column>,
    facts: &mut Facts,
) -> Result<Vec<Column>, ModelError> {
    for (number, step) in steps.iter().enumerate() {
        columns = facts
            .deeper(|facts| step.infer(&columns, facts))
            .and_then(|columns| {
                let most = crate::infer::MOST_COLUMNS;
                if columns.len() <= most {
                    return Ok(columns);
                }
                Err(ModelError::mismatch(format_args!("at most {most} columns"), columns.len()))
            })
            .map_err(|error| error.within(format_args!("step {} ({})", number + 1, step.name())))?;
        facts.wide(columns.len());
    }
    Ok(columns)
}

/// Compiles steps in order; the layout after the last.
pub(crate) fn compile_all(steps: &[Step], mut layout: Layout) -> (Vec<Op>, Layout) {
    let mut ops = Vec::new();
    for step in steps {
        let (more, after) = step.compile(&layout);
        ops.extend(more);
        layout = after;
    }
    (ops, layout)
}
