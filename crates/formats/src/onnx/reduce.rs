//! Operators that reduce or normalise an axis.

use std::rc::Rc;

use foretell_model::Head;
use foretell_model::Step;
use foretell_model::head::Probability;
use foretell_model::step::{Norm, Normalize, Pairing, Reduce, Reduction, Rowwise};

use super::call::Call;
use super::program::rounding;
use super::tensor::{Element, Tensor};
use super::value::{Classifier, Dim, Rows, Value, axis, coordinates, position};
use super::{Result, arithmetic, classify, linear, mismatch, unsupported};

/// The columns of a tensor with those of some axes side by side, and what is left of its shape.
struct Grouped {
    columns: Vec<usize>,
    /// How many stand side by side.
    size: usize,
    /// The dimensions, of size 1 where they are reduced.
    kept: Vec<Dim>,
    axes: Vec<usize>,
}

fn grouped(rows: &Rows, axes: Vec<usize>) -> Result<Grouped> {
    let (mut kept, mut outer, mut inner) = (rows.dims.clone(), Vec::new(), Vec::new());
    for (at, dim) in rows.dims.iter().enumerate() {
        match (axes.contains(&at), dim) {
            (true, Dim::Fixed(size)) => {
                kept[at] = Dim::Fixed(1);
                inner.push((at, *size));
            }
            (true, Dim::Rows(_)) => return Err(mismatch("an axis of the columns", "one of the rows")),
            (false, dim) => outer.push((at, dim.per_row())),
        }
    }
    let sizes: Vec<usize> = rows.dims.iter().map(|dim| dim.per_row()).collect();
    let order: Vec<(usize, usize)> = [outer, inner.clone()].concat();
    let places: Vec<usize> = order.iter().map(|(_, size)| *size).collect();
    let mut at = vec![0; sizes.len()];
    let columns = coordinates(&places).into_iter().map(|place| {
        order.iter().zip(place).for_each(|((axis, _), place)| at[*axis] = place);
        rows.columns[position(&sizes, &at)]
    });
    let columns = columns.collect();
    let size = inner.iter().map(|(_, size)| size).product();
    if size == 0 {
        return Err(mismatch("at least one column to reduce", "none"));
    }
    Ok(Grouped { columns, size, kept, axes })
}

impl Grouped {
    /// The shape without the reduced axes, or with size 1 in their place.
    fn dims(&self, keep: bool) -> Vec<Dim> {
        let left = self.kept.iter().enumerate().filter(|(at, _)| keep || !self.axes.contains(at));
        left.map(|(_, dim)| *dim).collect()
    }
}

/// `ReduceSum` and its relatives.
pub(super) fn reduce(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let function = match call.operator() {
        "ReduceSum" => Reduction::Sum,
        "ReduceMean" => Reduction::Mean,
        "ReduceProd" => Reduction::Product,
        "ReduceMin" => Reduction::Minimum,
        "ReduceMax" => Reduction::Maximum,
        "ReduceL1" => Reduction::AbsoluteSum,
        "ReduceL2" => Reduction::Norm,
        "ReduceSumSquare" => Reduction::SquareSum,
        "ReduceLogSum" => Reduction::LogSum,
        "ReduceLogSumExp" => Reduction::LogSumExp,
        other => return Err(unsupported("op_type", other, "a reduction")),
    };
    let rows = call.rows(0)?;
    let axes = match call.optional(1) {
        Some(axes) => axes.integers()?,
        None => call.integers("axes")?,
    };
    let keep = call.flag("keepdims", true)?;
    if axes.is_empty() && call.flag("noop_with_empty_axes", false)? {
        return Ok(vec![Value::Rows(rows)]);
    }
    let rank = rows.dims.len();
    let all = 0..rank;
    let axes = if axes.is_empty() {
        all.collect()
    } else {
        axes.into_iter().map(|at| axis(at, rank)).collect::<Result<_>>()?
    };
    let groups = grouped(&rows, axes)?;
    let width = groups.columns.len() / groups.size;
    let steps = [Step::Reduce(Reduce { function, size: groups.size })];
    let steps = steps.into_iter().chain(rounding(rows.element)).collect();
    let columns = call.program.emit(groups.columns.clone(), steps, width)?;
    Ok(vec![Value::Rows(Rows::new(rows.element, groups.dims(keep), columns))])
}

/// `ArgMax` and `ArgMin`.
pub(super) fn best_at(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let rows = call.rows(0)?;
    let at = axis(call.integer("axis", 0)?, rows.dims.len())?;
    let (keep, last) = (call.flag("keepdims", true)?, call.flag("select_last_index", false)?);
    let function = match call.operator() {
        "ArgMax" => Reduction::LargestAt { last },
        _ => Reduction::SmallestAt { last },
    };
    let groups = grouped(&rows, vec![at])?;
    let width = groups.columns.len() / groups.size;
    let steps = vec![Step::Reduce(Reduce { function, size: groups.size })];
    let columns = call.program.emit(groups.columns.clone(), steps, width)?;
    let labels = (0..groups.size).map(|label| label as f64).collect();
    let best = Rows::new(Element::Integer, groups.dims(keep), columns);
    Ok(vec![Value::Rows(Rows { labels: Some(Rc::new(labels)), ..best })])
}

/// `TopK`.
pub(super) fn top(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let rows = call.rows(0)?;
    let at = axis(call.integer("axis", -1)?, rows.dims.len())?;
    let (largest, sorted) = (call.flag("largest", true)?, call.flag("sorted", true)?);
    let count = match call.optional(1) {
        Some(count) => count.integers()?.first().copied().unwrap_or(0),
        None => call.integer("k", 0)?,
    };
    if at + 1 != rows.dims.len() || !sorted {
        return Err(unsupported("axis", at, "the last axis, sorted"));
    }
    let groups = grouped(&rows, vec![at])?;
    let count = usize::try_from(count).ok().filter(|count| *count <= groups.size && *count > 0);
    let count = count.ok_or_else(|| mismatch(&format!("`k` up to {}", groups.size), "another"))?;
    let blocks = groups.columns.len() / groups.size;
    let function = Reduction::Best { count, largest };
    let steps = vec![Step::Reduce(Reduce { function, size: groups.size })];
    let columns = call.program.emit(groups.columns.clone(), steps, 2 * count * blocks)?;
    let mut dims = rows.dims.clone();
    dims[at] = Dim::Fixed(count);
    let half = |second: usize| {
        let blocks = columns.chunks_exact(2 * count);
        blocks.flat_map(|block| block[second * count..(second + 1) * count].to_vec()).collect()
    };
    let values = Rows::new(rows.element, dims.clone(), half(0));
    Ok(vec![Value::Rows(values), Value::Rows(Rows::new(Element::Integer, dims, half(1)))])
}

/// `Softmax` and `LogSoftmax`.
pub(super) fn softmax(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let rows = call.rows(0)?;
    let rank = rows.dims.len();
    let axes = if call.version < 13 {
        (axis(call.integer("axis", 1)?, rank)?..rank).collect()
    } else {
        vec![axis(call.integer("axis", -1)?, rank)?]
    };
    let function = if call.operator() == "Softmax" { Rowwise::Softmax } else { Rowwise::LogSoftmax };
    let groups = grouped(&rows, axes)?;
    let mut of_column = std::collections::HashMap::new();
    for group in groups.columns.chunks_exact(groups.size) {
        let columns = call.program.map(group, vec![Step::Rowwise(function)], rows.element)?;
        of_column.extend(group.iter().copied().zip(columns));
    }
    let columns = rows.columns.iter().map(|column| of_column[column]).collect();
    Ok(vec![Value::Rows(rows.computed(rows.element, columns))])
}

/// `Normalizer`.
pub(super) fn normalizer(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let norm = call.text("norm", "MAX")?;
    let rows = call.matrix(0)?;
    if let Some(classifier) =
        rows.classifier.as_ref().filter(|_| norm == "L1" && rows.element == Element::Single)
        && let Some(head) = normalized(&classifier.head)
    {
        // Probabilities that have the sum 1, or a head that gives them that.
        if head == classifier.head {
            return Ok(vec![Value::Rows(rows)]);
        }
        let scores = classifier.scores.clone();
        let mut probabilities = classify::outputs(call, scores.clone(), head.clone())?.remove(1).rows()?;
        probabilities.classifier = Some(Rc::new(Classifier { scores, head }));
        return Ok(vec![Value::Rows(probabilities)]);
    }
    let columns = linear::as_single(call, &rows)?;
    let norm = match norm {
        "L1" => Norm::L1,
        "L2" => Norm::L2,
        "MAX" => return largest(call, &rows.computed(Element::Single, columns)),
        other => return Err(unsupported("norm", other, "L1, L2 or MAX")),
    };
    let steps = vec![Step::Normalize(Normalize { norm, smallest: 0.0 })];
    let columns = call.program.map(&columns, steps, Element::Single)?;
    Ok(vec![Value::Rows(Rows::matrix(Element::Single, columns))])
}

/// The head whose probabilities are those of another divided by their sum.
fn normalized(head: &Head) -> Option<Head> {
    let Head::Classification(classification) = head else { return None };
    let probability = classification.probability?;
    let probability = if matches!(probability, Probability::SoftmaxSingle | Probability::SigmoidSingle) {
        probability
    } else if probability == (Probability::SigmoidEach { scale: 1.0 }) {
        Probability::SigmoidNormalized
    } else {
        return None;
    };
    let probability = Some(probability);
    Some(Head::Classification(foretell_model::head::Classification { probability, ..classification.clone() }))
}

/// Rows divided by their largest number, where that is not 0.
fn largest(call: &mut Call<'_, '_>, rows: &Rows) -> Result<Vec<Value>> {
    let reduce = Step::Reduce(Reduce { function: Reduction::Maximum, size: rows.columns.len() });
    let columns = call.program.emit(rows.columns.clone(), vec![reduce], 1)?;
    let largest = Value::Rows(Rows::matrix(Element::Single, columns));
    let zero = Value::constant_of(Tensor::list(Element::Single, vec![0.0]));
    let is_zero = arithmetic::pair(call, Pairing::Equal, &largest, &zero)?;
    let divisor = arithmetic::pair(call, Pairing::Add, &largest, &is_zero)?;
    let rows = Value::Rows(rows.clone());
    Ok(vec![arithmetic::pair(call, Pairing::Divide, &rows, &divisor)?])
}
