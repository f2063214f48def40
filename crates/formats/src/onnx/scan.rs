//! `Scan`, unrolled: the body once for each row of a constant. skl2onnx writes the distances to the neighbours
//! of a training set so.

use std::collections::HashMap;
use std::rc::Rc;

use super::call::Call;
use super::graph::{Scope, follow};
use super::value::{Dim, Rows, Value};
use super::{Result, mismatch, reshape, unsupported};

/// `Scan` with one constant to scan and states that stay as they are.
pub(super) fn scan(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let body = call.graph("body")?;
    let count = call.integer("num_scan_inputs", 0)?;
    let default = ["scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions"];
    for name in default {
        let list = call.integers(name)?;
        if list.iter().any(|entry| *entry != 0) {
            return Err(unsupported(name, format!("{list:?}"), "0"));
        }
    }
    let Some(states) = call.input_count().checked_sub(1).filter(|_| count == 1) else {
        return Err(unsupported("num_scan_inputs", count, "1"));
    };
    if body.inputs.len() != states + 1 || body.outputs.len() < states {
        return Err(mismatch(&format!("a body of {} inputs", states + 1), &body.inputs.len().to_string()));
    }
    let scanned = call.input(states)?;
    let Some(steps) = scanned.constant()?.dims.first().copied() else {
        return Err(mismatch("a list to scan", "one number"));
    };
    let initial = (0..states).map(|state| call.input(state)).collect::<Result<Vec<_>>>()?;
    let mut values: HashMap<&str, Value> = HashMap::new();
    for (name, tensor) in &body.initializers {
        values.insert(name, Value::Constant(Rc::new(tensor.clone())));
    }
    for (input, state) in body.inputs.iter().zip(&initial) {
        values.insert(input.name, state.clone());
    }
    let outer = call.scope;
    let mut collected = vec![Vec::new(); body.outputs.len() - states];
    for step in 0..steps {
        values.insert(body.inputs[states].name, reshape::taken_along(&scanned, 0, &[step], &[])?);
        let scope = Scope { values: &values, outer: Some(&outer), opsets: outer.opsets };
        let made = follow(&body.nodes, scope, call.program)?;
        let scope = Scope { values: &made, outer: Some(&scope), opsets: outer.opsets };
        for (number, output) in body.outputs.iter().enumerate() {
            let value = scope.get(output.name).ok_or_else(|| mismatch(output.name, "nothing"))?;
            let rows = value.clone().rows()?;
            match (number.checked_sub(states), initial.get(number)) {
                (Some(output), _) => collected[output].push(rows),
                (None, Some(Value::Rows(before))) if before.columns == rows.columns => {}
                (None, _) => return Err(unsupported("body", "a state that changes", "states that stay")),
            }
        }
    }
    let stacked = collected.into_iter().map(|steps| stack(&steps));
    initial.into_iter().map(Ok).chain(stacked).collect()
}

/// Tensors of the same shape, one after the other along a new first dimension.
fn stack(steps: &[Rows]) -> Result<Value> {
    let Some(first) = steps.first() else { return Err(mismatch("at least one step", "none")) };
    if steps.iter().any(|rows| rows.dims != first.dims) {
        return Err(mismatch("steps of the same shape", "of several"));
    }
    let dims = [&[Dim::Fixed(steps.len())], &first.dims[..]].concat();
    let columns = steps.iter().flat_map(|rows| rows.columns.iter().copied()).collect();
    Ok(Value::Rows(Rows::new(first.element, dims, columns)))
}
