//! Operators that move elements and compute nothing.

use super::call::Call;
use super::tensor::{Element, Tensor};
use super::value::{Dim, MOST, Value, axis, broadcast, coordinates, position};
use super::{Result, invalid, mismatch, unsupported};

/// `Identity`, and what is the identity in prediction.
pub(super) fn identity(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.ignore(&["ratio", "is_test", "seed", "consumed_inputs"]);
    Ok(vec![call.input(0)?])
}

/// `Constant`.
pub(super) fn constant(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let scalar = |tensor: Tensor| Tensor { dims: Vec::new(), ..tensor };
    let tensor = if let Some(tensor) = call.tensor("value")? {
        tensor.clone()
    } else if call.has("value_float") {
        scalar(Tensor::list(Element::Single, vec![call.float("value_float", 0.0)?]))
    } else if call.has("value_int") {
        scalar(Tensor::list(Element::Integer, vec![call.integer("value_int", 0)? as f64]))
    } else if call.has("value_floats") {
        Tensor::list(Element::Single, call.floats("value_floats")?)
    } else if call.has("value_ints") {
        let integers = call.integers("value_ints")?;
        Tensor::list(Element::Integer, integers.iter().map(|x| *x as f64).collect())
    } else if call.has("value_strings") {
        Tensor::text_list(call.texts("value_strings")?)
    } else {
        return Err(mismatch("a constant", "none"));
    };
    Ok(vec![Value::constant_of(tensor)])
}

/// `Shape`.
pub(super) fn shape(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let dims = call.input(0)?.dims();
    let (start, end) = (call.integer("start", 0)?, call.integer("end", i64::MAX)?);
    Ok(vec![Value::Shape(slice_range(dims.len(), start, end).map(|at| dims[at]).collect())])
}

fn slice_range(size: usize, start: i64, end: i64) -> std::ops::Range<usize> {
    let bound = |at: i64| {
        let at = if at < 0 { at.saturating_add(size as i64) } else { at };
        usize::try_from(at.max(0)).unwrap_or(usize::MAX).min(size)
    };
    let (start, end) = (bound(start), bound(end));
    start..end.max(start)
}

/// `ConstantOfShape`.
pub(super) fn constant_of_shape(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let zero = Tensor::list(Element::Single, vec![0.0]);
    let value = call.tensor("value")?.unwrap_or(&zero);
    let [number] = value.numbers[..] else { return Err(mismatch("one number as `value`", "others")) };
    let dims = match call.input(0)? {
        Value::Shape(dims) => dims,
        shape @ (Value::Constant(_) | Value::Rows(_)) => {
            let size = |size: i64| usize::try_from(size).map(Dim::Fixed).ok();
            let dims: Option<Vec<_>> = shape.integers()?.into_iter().map(size).collect();
            dims.ok_or_else(|| invalid("a shape with a negative size"))?
        }
    };
    let count = dims.iter().fold(1_usize, |count, dim| count.saturating_mul(dim.per_row()));
    if count > MOST {
        return Err(mismatch(&format!("at most {MOST} elements"), &count.to_string()));
    }
    if dims.iter().any(|dim| matches!(dim, Dim::Rows(_))) {
        let columns = call.program.constants(&vec![number; count])?;
        return Ok(vec![Value::Rows(super::value::Rows::new(value.element, dims, columns))]);
    }
    let dims = dims.into_iter().map(Dim::per_row).collect();
    Ok(vec![Value::constant_of(Tensor { dims, ..Tensor::list(value.element, vec![number; count]) })])
}

/// `Reshape` and `Flatten`.
pub(super) fn reshape(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let value = call.input(0)?;
    let wanted = if call.operator() == "Flatten" {
        let rank = value.dims().len();
        let at = call.integer("axis", 1)?;
        let at = if at == rank as i64 { rank } else { axis(at, rank)? };
        let sides = [&value.dims()[..at], &value.dims()[at..]];
        sides.map(|dims| dims.iter().copied().fold(Dim::Fixed(1), times)).map(Wanted::Is).to_vec()
    } else {
        if call.flag("allowzero", false)? {
            return Err(unsupported("allowzero", 1, "0"));
        }
        wanted(call, &value)?
    };
    let dims = reshaped(&value, wanted)?;
    let positions: Vec<usize> = (0..value.sizes().iter().product()).collect();
    Ok(vec![value.arranged(dims, &positions)?])
}

fn times(a: Dim, b: Dim) -> Dim {
    let product = a.per_row().saturating_mul(b.per_row());
    match (a, b) {
        (Dim::Fixed(_), Dim::Fixed(_)) => Dim::Fixed(product),
        (Dim::Rows(_), _) | (_, Dim::Rows(_)) => Dim::Rows(product),
    }
}

/// A size of a new shape.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted {
    Is(Dim),
    /// What is left.
    Rest,
}

/// The sizes that a `Reshape` asks for.
fn wanted(call: &Call<'_, '_>, value: &Value) -> Result<Vec<Wanted>> {
    let shape = if call.version < 5 && call.has("shape") {
        let sizes = call.integers("shape")?;
        Value::constant_of(Tensor::list(Element::Integer, sizes.iter().map(|x| *x as f64).collect()))
    } else {
        call.input(1)?
    };
    if let Value::Shape(dims) = shape {
        return Ok(dims.into_iter().map(Wanted::Is).collect());
    }
    let own = value.dims();
    let sizes = shape.integers()?.into_iter().enumerate();
    sizes
        .map(|(at, size)| match size {
            -1 => Ok(Wanted::Rest),
            0 => own.get(at).copied().map(Wanted::Is).ok_or_else(|| invalid("a shape with too many sizes")),
            size => usize::try_from(size)
                .map(|size| Wanted::Is(Dim::Fixed(size)))
                .map_err(|_| invalid("a shape with a negative size")),
        })
        .collect()
}

/// The dimensions of a value in a new shape.
fn reshaped(value: &Value, wanted: Vec<Wanted>) -> Result<Vec<Dim>> {
    let own = value.dims();
    let whole = own.iter().copied().fold(Dim::Fixed(1), times);
    let rest = wanted.iter().filter(|size| **size == Wanted::Rest).count();
    let known = wanted.iter().fold(Dim::Fixed(1), |product, size| match size {
        Wanted::Is(size) => times(product, *size),
        Wanted::Rest => product,
    });
    let fits = known.per_row() > 0 && whole.per_row() % known.per_row() == 0 && rest <= 1;
    let left = whole.per_row().checked_div(known.per_row()).filter(|_| fits);
    let left = left.ok_or_else(|| invalid(format!("a tensor of shape {own:?} reshaped to {wanted:?}")))?;
    // What is left holds the rows where no other size does.
    let needs_rows = matches!((whole, known), (Dim::Rows(_), Dim::Fixed(_)));
    let left = if needs_rows { Dim::Rows(left) } else { Dim::Fixed(left) };
    let size = |size: Wanted| match size {
        Wanted::Is(size) => size,
        Wanted::Rest => left,
    };
    let dims: Vec<Dim> = wanted.into_iter().map(size).collect();
    if times(Dim::Fixed(1), dims.iter().copied().fold(Dim::Fixed(1), times)) != whole
        || !(rows_first(&own) && rows_first(&dims))
    {
        return Err(invalid(format!(
            "a tensor of shape {own:?} reshaped to {dims:?}, which does not keep the rows apart"
        )));
    }
    Ok(dims)
}

/// Whether the rows are outermost, if there are any.
fn rows_first(dims: &[Dim]) -> bool {
    let rows = dims.iter().position(|dim| matches!(dim, Dim::Rows(_))).unwrap_or(0);
    dims[..rows].iter().all(|dim| dim.per_row() == 1)
}

/// `Transpose`.
pub(super) fn transpose(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let value = call.input(0)?;
    let rank = value.dims().len();
    let order = call.integers("perm")?;
    let order: Vec<usize> = if order.is_empty() {
        (0..rank).rev().collect()
    } else {
        order.into_iter().map(|at| axis(at, rank)).collect::<Result<_>>()?
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(invalid(format!("`perm` {order:?} is no order of {rank} dimensions")));
    }
    Ok(vec![permuted(&value, &order)?])
}

/// The value with its dimensions in another order.
pub(super) fn permuted(value: &Value, order: &[usize]) -> Result<Value> {
    let (dims, sizes) = (value.dims(), value.sizes());
    let after: Vec<Dim> = order.iter().map(|at| dims[*at]).collect();
    let after_sizes: Vec<usize> = order.iter().map(|at| sizes[*at]).collect();
    let mut at = vec![0; order.len()];
    let positions: Vec<usize> = coordinates(&after_sizes)
        .iter()
        .map(|place| {
            order.iter().zip(place).for_each(|(from, place)| at[*from] = *place);
            position(&sizes, &at)
        })
        .collect();
    value.arranged(after, &positions)
}

/// `Unsqueeze` and `Squeeze`.
pub(super) fn squeeze(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let value = call.input(0)?;
    let inserts = call.operator() == "Unsqueeze";
    let axes = match call.optional(1) {
        Some(axes) => axes.integers()?,
        None => call.integers("axes")?,
    };
    let mut dims = value.dims();
    let rank = if inserts { dims.len() + axes.len() } else { dims.len() };
    let mut axes: Vec<usize> = axes.into_iter().map(|at| axis(at, rank)).collect::<Result<_>>()?;
    axes.sort_unstable();
    if inserts {
        for at in axes {
            if at > dims.len() {
                return Err(invalid("the same axis inserted twice"));
            }
            dims.insert(at, Dim::Fixed(1));
        }
    } else if axes.is_empty() {
        dims.retain(|dim| *dim != Dim::Fixed(1));
    } else {
        for at in axes.into_iter().rev() {
            if dims.get(at) != Some(&Dim::Fixed(1)) {
                return Err(invalid(format!("dimension {at}, which is to be removed, is not of size 1")));
            }
            dims.remove(at);
        }
    }
    if let (Value::Shape(of), true) = (&value, dims.is_empty()) {
        return match of[..] {
            [Dim::Fixed(size)] => {
                let tensor = Tensor::list(Element::Integer, vec![size as f64]);
                Ok(vec![Value::constant_of(Tensor { dims: Vec::new(), ..tensor })])
            }
            _ => Ok(vec![value]),
        };
    }
    if let (Value::Shape(_), [Dim::Fixed(1)]) = (&value, &dims[..]) {
        return Ok(vec![value]);
    }
    let positions: Vec<usize> = (0..value.sizes().iter().product()).collect();
    Ok(vec![value.arranged(dims, &positions)?])
}

/// `Concat`.
pub(super) fn concat(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let at = call.integer("axis", 1)?;
    let values = (0..call.input_count()).map(|number| call.input(number)).collect::<Result<Vec<_>>>()?;
    Ok(vec![join(call, values, at)?])
}

/// Values side by side along an axis.
pub(super) fn join(call: &mut Call<'_, '_>, mut values: Vec<Value>, at: i64) -> Result<Value> {
    let Some(first) = values.first() else { return Err(mismatch("at least one input", "none")) };
    if values.iter().any(|value| matches!(value, Value::Shape(_))) {
        return joined_shape(&values);
    }
    let rank = first.dims().len();
    let at = axis(at, rank)?;
    if let Some(like) = values.iter().find(|value| matches!(value, Value::Rows(_))).map(Value::dims) {
        for value in &mut values {
            if let Value::Constant(tensor) = value {
                *value = repeated(call, tensor, &like)?;
            }
        }
    }
    let mut dims = values[0].dims();
    let mut total = 0;
    for value in &values {
        let mut own = value.dims();
        match own.get(at) {
            Some(Dim::Fixed(size)) => total += size,
            _ => {
                return Err(mismatch("tensors that are concatenated row by row", "rows one after the other"));
            }
        }
        own[at] = dims[at];
        if own != dims {
            return Err(invalid(format!("tensors of shapes {dims:?} and {own:?} are concatenated")));
        }
    }
    dims[at] = Dim::Fixed(total);
    if dims.iter().fold(1_usize, |count, dim| count.saturating_mul(dim.per_row())) > MOST {
        return Err(mismatch(&format!("at most {MOST} elements"), "more"));
    }
    concatenated(&values, dims, at)
}

/// Elements of values of the same kind, one value after the other along an axis.
fn concatenated(values: &[Value], dims: Vec<Dim>, at: usize) -> Result<Value> {
    let inner = |value: &Value| value.sizes()[at..].iter().product::<usize>();
    let outer: usize = dims[..at].iter().map(|dim| dim.per_row()).product();
    let order = (0..outer).flat_map(|block| {
        values.iter().enumerate().flat_map(move |(number, value)| {
            let size = inner(value);
            (block * size..(block + 1) * size).map(move |position| (number, position))
        })
    });
    let element = super::arithmetic::element(&values[0]);
    if values.iter().any(|value| super::arithmetic::element(value) != element) {
        return Err(mismatch("inputs of the same type", "of several"));
    }
    if let Value::Constant(_) = values[0] {
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for (number, position) in order {
            let tensor = values[number].constant()?;
            match element {
                Element::Text => texts.push(tensor.texts[position].clone()),
                Element::Single | Element::Double | Element::Integer | Element::Truth => {
                    numbers.push(tensor.numbers[position]);
                }
            }
        }
        let dims = dims.into_iter().map(Dim::per_row).collect();
        return Ok(Value::constant_of(Tensor { element, dims, numbers, texts }));
    }
    let rows = values.iter().map(|value| value.clone().rows()).collect::<Result<Vec<_>>>()?;
    if rows.iter().any(|rows| rows.vocabulary.is_some()) {
        return Err(mismatch("strings of the input", "strings that were computed"));
    }
    let columns = order.map(|(number, position)| rows[number].columns[position]).collect();
    Ok(Value::Rows(super::value::Rows::new(element, dims, columns)))
}

/// A constant as a tensor of rows, the same in each.
fn repeated(call: &mut Call<'_, '_>, tensor: &Tensor, like: &[Dim]) -> Result<Value> {
    let mut dims: Vec<Dim> = tensor.dims.iter().map(|size| Dim::Fixed(*size)).collect();
    for (own, like) in dims.iter_mut().zip(like) {
        if let (Dim::Fixed(1), Dim::Rows(1)) = (*own, like) {
            *own = *like;
        }
    }
    if !dims.contains(&Dim::Rows(1)) || tensor.element == Element::Text {
        return Err(mismatch("a tensor that depends on the input", "a constant"));
    }
    let columns = call.program.constants(&tensor.numbers)?;
    Ok(Value::Rows(super::value::Rows::new(tensor.element, dims, columns)))
}

/// Pieces of shapes and constants, as one shape.
fn joined_shape(values: &[Value]) -> Result<Value> {
    let mut dims = Vec::new();
    for value in values {
        match value {
            Value::Shape(own) => dims.extend_from_slice(own),
            other @ (Value::Constant(_) | Value::Rows(_)) => {
                for size in other.integers()? {
                    let size = usize::try_from(size)
                        .map_err(|_| mismatch("a shape of sizes that are known", &size.to_string()))?;
                    dims.push(Dim::Fixed(size));
                }
            }
        }
    }
    Ok(Value::Shape(dims))
}

/// `Gather` along an axis by constant indices, or of a constant by indices of the rows.
pub(super) fn gather(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (value, indices) = (call.input(0)?, call.input(1)?);
    let at = call.integer("axis", 0)?;
    if let (Value::Constant(table), Value::Rows(rows)) = (&value, &indices) {
        let at = axis(at, table.dims.len())?;
        if table.dims.len() != 1 || at != 0 {
            return Err(mismatch("a list to gather from", "a tensor of more dimensions"));
        }
        return Ok(vec![super::encode::taken(call, table, rows, rows.dims.clone())?]);
    }
    let dims = value.dims();
    let at = axis(at, dims.len())?;
    let Dim::Fixed(size) = dims[at] else { return Err(mismatch("columns that are gathered", "rows")) };
    let tensor = indices.constant()?;
    let indices =
        indices.integers()?.into_iter().map(|index| axis(index, size)).collect::<Result<Vec<_>>>()?;
    let inserted: Vec<Dim> = tensor.dims.iter().map(|size| Dim::Fixed(*size)).collect();
    if let (Value::Shape(_), []) = (&value, &inserted[..]) {
        let of = value.arranged(vec![Dim::Fixed(1)], &indices)?;
        return Ok(vec![of]);
    }
    Ok(vec![taken_along(&value, at, &indices, &inserted)?])
}

/// Slices at some indices of an axis, which `inserted` dimensions replace.
pub(super) fn taken_along(value: &Value, at: usize, indices: &[usize], inserted: &[Dim]) -> Result<Value> {
    let (dims, sizes) = (value.dims(), value.sizes());
    let mut after_sizes = sizes.clone();
    after_sizes[at] = indices.len();
    let positions: Vec<usize> = coordinates(&after_sizes)
        .into_iter()
        .map(|mut place| {
            place[at] = indices[place[at]];
            position(&sizes, &place)
        })
        .collect();
    let after = [&dims[..at], inserted, &dims[at + 1..]].concat();
    value.arranged(after, &positions)
}

/// `Slice`.
pub(super) fn slice(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let mut value = call.input(0)?;
    let list = |name: &str, number: usize| match call.optional(number) {
        Some(list) => list.integers(),
        None => call.integers(name),
    };
    let (starts, ends, mut axes) = (list("starts", 1)?, list("ends", 2)?, list("axes", 3)?);
    let steps = list("steps", 4)?;
    if axes.is_empty() {
        axes = (0..starts.len() as i64).collect();
    }
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.iter().any(|step| *step != 1) {
        return Err(unsupported("steps", format!("{steps:?}"), "steps of 1, and as many ends as starts"));
    }
    for ((start, end), at) in starts.into_iter().zip(ends).zip(axes) {
        let dims = value.dims();
        let at = axis(at, dims.len())?;
        let Dim::Fixed(size) = dims[at] else { return Err(mismatch("columns that are sliced", "rows")) };
        let indices: Vec<usize> = slice_range(size, start, end).collect();
        value = taken_along(&value, at, &indices, &[Dim::Fixed(indices.len())])?;
    }
    Ok(vec![value])
}

/// `Split`.
pub(super) fn split(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.ignore(&["num_outputs"]);
    let value = call.input(0)?;
    let dims = value.dims();
    let at = axis(call.integer("axis", 0)?, dims.len())?;
    let Dim::Fixed(size) = dims[at] else { return Err(mismatch("columns that are split", "rows")) };
    let sizes = match call.optional(1) {
        Some(sizes) => sizes.integers()?,
        None => call.integers("split")?,
    };
    let parts = call.outputs().max(1);
    let sizes: Vec<usize> = if sizes.is_empty() {
        let each = size.div_ceil(parts);
        (0..parts).map(|part| each.min(size.saturating_sub(part * each))).collect()
    } else {
        sizes.into_iter().map(|size| usize::try_from(size).unwrap_or(usize::MAX)).collect()
    };
    if sizes.len() != parts || sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size)) != size {
        return Err(invalid(format!("a dimension of size {size} split into {sizes:?}")));
    }
    let mut start = 0;
    let part = |size: usize| {
        let indices: Vec<usize> = (start..start + size).collect();
        start += size;
        taken_along(&value, at, &indices, &[Dim::Fixed(size)])
    };
    sizes.into_iter().map(part).collect()
}

/// `Expand`.
pub(super) fn expand(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (value, shape) = (call.input(0)?, call.input(1)?);
    let dims = match shape {
        Value::Shape(dims) => dims,
        sizes @ (Value::Constant(_) | Value::Rows(_)) => {
            let size = |size: i64| usize::try_from(size).map_err(|_| invalid("a negative size"));
            sizes.integers()?.into_iter().map(|x| size(x).map(Dim::Fixed)).collect::<Result<_>>()?
        }
    };
    let count = dims.iter().fold(1_usize, |count, dim| count.saturating_mul(dim.per_row()));
    if count > MOST {
        return Err(mismatch(&format!("at most {MOST} elements"), &count.to_string()));
    }
    let like = Value::Rows(super::value::Rows::new(Element::Integer, dims, vec![0; count]));
    let (dims, positions) = broadcast(&[&value, &like])?;
    match &value {
        Value::Constant(tensor) if dims.iter().any(|dim| matches!(dim, Dim::Rows(_))) => {
            let numbers: Vec<f64> = positions[0].iter().map(|at| tensor.numbers[*at]).collect();
            let columns = call.program.constants(&numbers)?;
            Ok(vec![Value::Rows(super::value::Rows::new(tensor.element, dims, columns))])
        }
        Value::Constant(_) | Value::Rows(_) | Value::Shape(_) => {
            Ok(vec![value.arranged(dims, &positions[0])?])
        }
    }
}
