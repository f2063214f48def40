//! What stands behind a name of the graph: a constant, or numbers of each row.
//!
//! Where the number of rows stands in a shape is known at every point of the graph, and what is left of a tensor for
//! one row is a list of columns. Operators that only move elements around therefore cost nothing: they give the same
//! columns in another order.

use std::rc::Rc;

use foretell_model::Head;

use crate::{FormatError, Problem};

use super::tensor::{Element, Tensor};
use super::{Result, error, mismatch};

/// The size of a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dim {
    /// Fixed by the file.
    Fixed(usize),
    /// The number of rows times this many elements of each row, the rows outermost.
    Rows(usize),
}

impl Dim {
    /// How many elements of one row it runs over.
    pub(super) fn per_row(self) -> usize {
        match self {
            Self::Fixed(size) | Self::Rows(size) => size,
        }
    }
}

/// A value of the graph.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// The same for all rows.
    Constant(Rc<Tensor>),
    /// Of the rows.
    Rows(Rows),
    /// The shape of a tensor of rows.
    Shape(Vec<Dim>),
}

/// A tensor with a dimension for the rows.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) element: Element,
    /// Exactly one is [`Dim::Rows`].
    pub(super) dims: Vec<Dim>,
    /// The column of each element of a row, row-major.
    pub(super) columns: Vec<usize>,
    /// Where the elements are texts that were computed: the texts that the columns are positions of.
    pub(super) vocabulary: Option<Rc<Vec<String>>>,
    /// All that the numbers can be, where that is known, in the order of the classes.
    pub(super) labels: Option<Rc<Vec<f64>>>,
    /// The classifier whose answer it is.
    pub(super) classifier: Option<Rc<Classifier>>,
}

/// An operator that classifies, behind both of its outputs.
#[derive(Debug)]
pub(super) struct Classifier {
    /// The columns of its raw scores.
    pub(super) scores: Vec<usize>,
    /// What they mean.
    pub(super) head: Head,
}

impl Rows {
    /// Numbers, `per_row` of each row.
    pub(super) fn matrix(element: Element, columns: Vec<usize>) -> Self {
        let dims = vec![Dim::Rows(1), Dim::Fixed(columns.len())];
        Self::new(element, dims, columns)
    }

    pub(super) fn new(element: Element, dims: Vec<Dim>, columns: Vec<usize>) -> Self {
        Self { element, dims, columns, vocabulary: None, labels: None, classifier: None }
    }

    /// Numbers computed from these, in the same shape.
    pub(super) fn computed(&self, element: Element, columns: Vec<usize>) -> Self {
        Self::new(element, self.dims.clone(), columns)
    }

    /// Whether it is a matrix with one row for each row.
    pub(super) fn is_matrix(&self) -> bool {
        matches!(self.dims[..], [Dim::Rows(1), Dim::Fixed(_)])
    }
}

impl Value {
    pub(super) fn constant_of(tensor: Tensor) -> Self {
        Self::Constant(Rc::new(tensor))
    }

    pub(super) fn dims(&self) -> Vec<Dim> {
        match self {
            Self::Constant(tensor) => tensor.dims.iter().map(|size| Dim::Fixed(*size)).collect(),
            Self::Rows(rows) => rows.dims.clone(),
            Self::Shape(dims) => vec![Dim::Fixed(dims.len())],
        }
    }

    /// Sizes of the dimensions for one row.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.dims().into_iter().map(Dim::per_row).collect()
    }

    /// The same elements in another shape, those of a row at `positions` of what they were.
    pub(super) fn arranged(&self, dims: Vec<Dim>, positions: &[usize]) -> Result<Self> {
        match self {
            Self::Rows(rows) => {
                let columns: Vec<_> = positions.iter().map(|position| rows.columns[*position]).collect();
                let same = columns == rows.columns;
                let classifier = rows.classifier.clone().filter(|_| same);
                Ok(Self::Rows(Rows { dims, columns, classifier, ..rows.clone() }))
            }
            Self::Constant(tensor) => {
                let dims = dims.into_iter().map(Dim::per_row).collect();
                let (mut numbers, mut texts) = (Vec::new(), Vec::new());
                if tensor.element == Element::Text {
                    texts.extend(positions.iter().map(|position| tensor.texts[*position].clone()));
                } else {
                    numbers.extend(positions.iter().map(|position| tensor.numbers[*position]));
                }
                Ok(Self::constant_of(Tensor { element: tensor.element, dims, numbers, texts }))
            }
            Self::Shape(of) => match dims[..] {
                [Dim::Fixed(_)] => Ok(Self::Shape(positions.iter().map(|position| of[*position]).collect())),
                _ => Err(mismatch("a tensor", "a shape")),
            },
        }
    }

    /// The rows of a value of numbers, or of texts where `texts` says so.
    pub(super) fn rows(self) -> Result<Rows> {
        match self {
            Self::Rows(rows) => Ok(rows),
            Self::Constant(_) => Err(mismatch("a tensor that depends on the input", "a constant")),
            Self::Shape(_) => Err(mismatch("a tensor that depends on the input", "a shape")),
        }
    }

    /// The rows of a value of numbers.
    pub(super) fn number_rows(self) -> Result<Rows> {
        let rows = self.rows()?;
        if rows.element == Element::Text { Err(mismatch("numbers", "strings")) } else { Ok(rows) }
    }

    /// A constant.
    pub(super) fn constant(&self) -> Result<&Rc<Tensor>> {
        match self {
            Self::Constant(tensor) => Ok(tensor),
            Self::Rows(_) => Err(mismatch("a constant", "a tensor that depends on the input")),
            Self::Shape(_) => Err(mismatch("a constant", "the shape of a tensor that depends on the input")),
        }
    }

    /// A constant list of integers.
    pub(super) fn integers(&self) -> Result<Vec<i64>> {
        let tensor = self.constant()?;
        if tensor.element == Element::Text {
            return Err(mismatch("integers", "strings"));
        }
        Ok(tensor.numbers.iter().map(|x| *x as i64).collect())
    }
}

/// Largest number of elements of one row that are broadcast.
pub(super) const MOST: usize = 1 << 22;

/// All positions of a row-major array of these sizes, as coordinates, in order.
pub(super) fn coordinates(sizes: &[usize]) -> Vec<Vec<usize>> {
    let count = sizes.iter().product();
    let mut coordinates = Vec::with_capacity(count);
    let mut at = vec![0; sizes.len()];
    for _ in 0..count {
        coordinates.push(at.clone());
        for (axis, size) in sizes.iter().enumerate().rev() {
            at[axis] += 1;
            if at[axis] < *size {
                break;
            }
            at[axis] = 0;
        }
    }
    coordinates
}

/// The position in a row-major array of these sizes.
pub(super) fn position(sizes: &[usize], at: &[usize]) -> usize {
    sizes.iter().zip(at).fold(0, |position, (size, at)| position * size + at)
}

/// The dimensions of tensors that are broadcast together (numpy's rule), and for each the position of the element
/// that stands at each place.
pub(super) fn broadcast(values: &[&Value]) -> Result<(Vec<Dim>, Vec<Vec<usize>>)> {
    let shapes: Vec<Vec<Dim>> = values.iter().map(|value| value.dims()).collect();
    let rank = shapes.iter().map(Vec::len).max().unwrap_or(0);
    let mut dims = vec![Dim::Fixed(1); rank];
    for shape in &shapes {
        for (to, from) in dims[rank - shape.len()..].iter_mut().zip(shape) {
            match (*to, *from) {
                (Dim::Fixed(1), from) => *to = from,
                (_, Dim::Fixed(1)) => {}
                (to, from) if to == from => {}
                (to, from) => return Err(cannot_broadcast(to, from)),
            }
        }
    }
    if dims.iter().filter(|dim| matches!(dim, Dim::Rows(_))).count() > 1 {
        return Err(mismatch("tensors whose rows stand in the same dimension", "rows in two dimensions"));
    }
    let sizes: Vec<usize> = dims.iter().map(|dim| dim.per_row()).collect();
    if sizes.iter().fold(1_usize, |count, size| count.saturating_mul(*size)) > MOST {
        return Err(mismatch(&format!("at most {MOST} elements of one row"), "more"));
    }
    let places = coordinates(&sizes);
    let positions = shapes.iter().map(|shape| {
        let own: Vec<usize> = shape.iter().map(|dim| dim.per_row()).collect();
        let of_place = |place: &Vec<usize>| {
            let at = place[rank - own.len()..].iter().zip(&own);
            let at: Vec<usize> = at.map(|(at, size)| if *size == 1 { 0 } else { *at }).collect();
            position(&own, &at)
        };
        places.iter().map(of_place).collect()
    });
    Ok((dims, positions.collect()))
}

fn cannot_broadcast(to: Dim, from: Dim) -> FormatError {
    let size = |dim: Dim| match dim {
        Dim::Fixed(size) => size.to_string(),
        Dim::Rows(1) => "the number of rows".to_owned(),
        Dim::Rows(times) => format!("{times} times the number of rows"),
    };
    let detail = format!("dimensions of {} and {} do not go together", size(to), size(from));
    error(Problem::Invalid { detail })
}

/// An axis of a tensor of this rank, which may count from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize> {
    let from_start = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    from_start
        .and_then(|axis| usize::try_from(axis).ok())
        .filter(|axis| *axis < rank)
        .ok_or_else(|| mismatch(&format!("an axis of a tensor of rank {rank}"), &axis.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_broadcast_as_numpy_does() {
        let rows = Value::Rows(Rows::matrix(Element::Single, vec![4, 5]));
        let constant = |dims: &[usize]| {
            let numbers = vec![0.0; dims.iter().product()];
            Value::constant_of(Tensor { dims: dims.to_vec(), ..Tensor::list(Element::Single, numbers) })
        };
        let (dims, positions) = broadcast(&[&rows, &constant(&[1])]).unwrap();
        assert_eq!((dims, positions), (rows.dims(), vec![vec![0, 1], vec![0, 0]]));
        let (dims, positions) = broadcast(&[&constant(&[3, 1, 1]), &rows]).unwrap();
        assert_eq!(dims, [Dim::Fixed(3), Dim::Rows(1), Dim::Fixed(2)]);
        assert_eq!(positions, [[0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1]]);
        assert!(broadcast(&[&rows, &constant(&[7, 2])]).is_err());
        let vector = Value::Rows(Rows::new(Element::Single, vec![Dim::Rows(1)], vec![4]));
        assert!(broadcast(&[&rows, &vector]).is_err());
    }
}
