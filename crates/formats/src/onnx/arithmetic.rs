//! Operators that compute element by element.

use std::rc::Rc;

use foretell_model::Step;
use foretell_model::step::{Function, Operands, Pairing, Zip};

use super::call::Call;
use super::program::rounding;
use super::tensor::{Element, Tensor};
use super::value::{Rows, Value, broadcast};
use super::{Result, mismatch, unsupported};

/// An operator of one input.
pub(super) fn unary(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let functions = match call.operator() {
        "Abs" => vec![Function::Absolute],
        "Neg" => vec![Function::Negative],
        "Exp" => vec![Function::Exp],
        "Log" => vec![Function::Log],
        "Sqrt" => vec![Function::Sqrt],
        "Reciprocal" => vec![Function::Reciprocal],
        "Sign" => vec![Function::Sign],
        "Sin" => vec![Function::Sin],
        "Cos" => vec![Function::Cos],
        "Tan" => vec![Function::Tan],
        "Tanh" => vec![Function::Tanh],
        "Floor" => vec![Function::Floor],
        "Ceil" => vec![Function::Ceil],
        "Round" => vec![Function::Rint],
        "Sigmoid" => vec![Function::Sigmoid],
        "Softplus" => vec![Function::Softplus],
        "Relu" => vec![Function::Relu],
        "Erf" => vec![Function::Erf],
        "IsNaN" => vec![Function::IsMissing],
        "Not" => vec![Function::Not],
        other => return Err(unsupported("op_type", other, "an operator of one input")),
    };
    call.ignore(&["consumed_inputs"]);
    let input = call.rows(0)?;
    let truth = matches!(call.operator(), "IsNaN" | "Not");
    let element = if truth { Element::Truth } else { input.element };
    Ok(vec![function(call, &input, functions, element)?])
}

/// Functions of every element.
fn function(
    call: &mut Call<'_, '_>,
    input: &Rows,
    functions: Vec<Function>,
    element: Element,
) -> Result<Value> {
    let columns = call.program.map(&input.columns, vec![Step::Elementwise(functions)], element)?;
    Ok(Value::Rows(input.computed(element, columns)))
}

/// An operator of two inputs, or of any number of them one after the other.
pub(super) fn binary(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.ignore(&["consumed_inputs"]);
    if call.integer("broadcast", 0)? != 0 && call.has("axis") {
        return Err(unsupported("axis", "of a broadcast", "shapes that broadcast as in numpy"));
    }
    let mut result = call.input(0)?;
    for number in 1..call.input_count().max(2) {
        let other = call.input(number)?;
        let function = pairing(call, &result)?;
        result = pair(call, function, &result, &other)?;
    }
    if call.operator() == "Mean" {
        let count = Tensor::list(Element::Single, vec![call.input_count() as f64]);
        result = pair(call, Pairing::Divide, &result, &Value::constant_of(count))?;
    }
    Ok(vec![result])
}

fn pairing(call: &Call<'_, '_>, first: &Value) -> Result<Pairing> {
    let integer = element(first) == Element::Integer;
    Ok(match call.operator() {
        "Add" | "Sum" | "Mean" => Pairing::Add,
        "Sub" => Pairing::Subtract,
        "Mul" => Pairing::Multiply,
        "Div" if integer => Pairing::Quotient,
        "Div" => Pairing::Divide,
        "Mod" if call.flag("fmod", false)? => Pairing::Remainder,
        "Mod" => Pairing::Modulo,
        "Pow" => Pairing::Power,
        "Min" => Pairing::Minimum,
        "Max" => Pairing::Maximum,
        "Greater" => Pairing::Greater,
        "GreaterOrEqual" => Pairing::GreaterOrEqual,
        "Less" => Pairing::Less,
        "LessOrEqual" => Pairing::LessOrEqual,
        "Equal" => Pairing::Equal,
        "And" => Pairing::And,
        "Or" => Pairing::Or,
        "Xor" => Pairing::Xor,
        other => return Err(unsupported("op_type", other, "an operator of two inputs")),
    })
}

/// The type of a value's elements.
pub(super) fn element(value: &Value) -> Element {
    match value {
        Value::Rows(rows) => rows.element,
        Value::Constant(tensor) => tensor.element,
        Value::Shape(_) => Element::Integer,
    }
}

/// A function of the elements of two values that are broadcast together.
pub(super) fn pair(call: &mut Call<'_, '_>, function: Pairing, a: &Value, b: &Value) -> Result<Value> {
    let compares = matches!(
        function,
        Pairing::Greater
            | Pairing::GreaterOrEqual
            | Pairing::Less
            | Pairing::LessOrEqual
            | Pairing::Equal
            | Pairing::And
            | Pairing::Or
            | Pairing::Xor
    );
    if element(a) == Element::Text || element(b) == Element::Text {
        return Err(mismatch("numbers", "strings"));
    }
    let result = if compares { Element::Truth } else { element(a) };
    let (dims, positions) = broadcast(&[a, b])?;
    let numbers = |tensor: &Tensor, at: &[usize]| at.iter().map(|at| tensor.numbers[*at]).collect::<Vec<_>>();
    let columns = |rows: &Rows, at: &[usize]| at.iter().map(|at| rows.columns[*at]).collect::<Vec<_>>();
    let (columns, operands) = match (a, b) {
        (Value::Rows(a), Value::Rows(b)) => {
            ([columns(a, &positions[0]), columns(b, &positions[1])].concat(), Operands::Columns)
        }
        (Value::Rows(rows), Value::Constant(one))
            if matches!(function, Pairing::Multiply | Pairing::Divide)
                && one.numbers.iter().all(|x| *x == 1.0)
                && dims == rows.dims =>
        {
            return Ok(a.clone());
        }
        (Value::Rows(rows), Value::Constant(tensor)) => {
            (columns(rows, &positions[0]), Operands::ConstantSecond(numbers(tensor, &positions[1])))
        }
        (Value::Constant(tensor), Value::Rows(rows)) => {
            (columns(rows, &positions[1]), Operands::ConstantFirst(numbers(tensor, &positions[0])))
        }
        (Value::Constant(a), Value::Constant(b)) => {
            let pairs = numbers(a, &positions[0]).into_iter().zip(numbers(b, &positions[1]));
            let round = |x: f64| if result == Element::Single { f64::from(x as f32) } else { x };
            let numbers = pairs.map(|(a, b)| round(function.of(a, b))).collect();
            let dims = dims.into_iter().map(|dim| dim.per_row()).collect();
            return Ok(Value::constant_of(Tensor { dims, ..Tensor::list(result, numbers) }));
        }
        (Value::Shape(_), _) | (_, Value::Shape(_)) => {
            return Err(mismatch("numbers", "the shape of a tensor that depends on the input"));
        }
    };
    let width = dims.iter().map(|dim| dim.per_row()).product();
    let steps = [Step::Zip(Zip { function, operands })].into_iter().chain(rounding(result)).collect();
    let columns = call.program.emit(columns, steps, width)?;
    let mut rows = Rows::new(result, dims, columns);
    if compares {
        rows.labels = Some(Rc::new(vec![0.0, 1.0]));
    }
    Ok(Value::Rows(rows))
}

fn scalar(element: Element, number: f64) -> Value {
    Value::constant_of(Tensor { dims: Vec::new(), ..Tensor::list(element, vec![number]) })
}

/// `Where`.
pub(super) fn choose(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (condition, yes, no) = (call.input(0)?, call.input(1)?, call.input(2)?);
    Ok(vec![either(call, &condition, &yes, &no)?])
}

/// One of two values, by a condition.
fn either(call: &mut Call<'_, '_>, condition: &Value, yes: &Value, no: &Value) -> Result<Value> {
    let values = [condition, yes, no];
    let (dims, positions) = broadcast(&values)?;
    let mut columns = Vec::new();
    for (value, positions) in values.into_iter().zip(&positions) {
        let own = match value {
            Value::Rows(rows) if rows.element != Element::Text => rows.columns.clone(),
            Value::Constant(tensor) if tensor.element != Element::Text => {
                call.program.constants(&tensor.numbers)?
            }
            Value::Rows(_) | Value::Constant(_) | Value::Shape(_) => {
                return Err(mismatch("numbers", "strings or a shape"));
            }
        };
        columns.extend(positions.iter().map(|position| own[*position]));
    }
    let width = columns.len() / 3;
    let columns = call.program.emit(columns, vec![Step::Choose], width)?;
    Ok(Value::Rows(Rows::new(element(yes), dims, columns)))
}

/// Activations that are different functions below and above 0.
pub(super) fn piecewise(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.ignore(&["consumed_inputs"]);
    let input = call.rows(0)?;
    let (kind, x) = (input.element, Value::Rows(input.clone()));
    let below = pair(call, Pairing::Less, &x, &scalar(kind, 0.0))?;
    let factor = |call: &mut Call<'_, '_>, value: &Value, factor: f64| {
        pair(call, Pairing::Multiply, value, &scalar(kind, factor))
    };
    let result = match call.operator() {
        "LeakyRelu" => {
            let alpha = call.float("alpha", 0.01)?;
            let low = factor(call, &x, alpha)?;
            either(call, &below, &low, &x)?
        }
        "PRelu" => {
            let slope = call.input(1)?;
            let low = pair(call, Pairing::Multiply, &x, &slope)?;
            either(call, &below, &low, &x)?
        }
        operator => {
            let selu = operator == "Selu";
            let alpha = call.float("alpha", if selu { 1.673_263_2 } else { 1.0 })?;
            let gamma = call.float("gamma", if selu { 1.050_701 } else { 1.0 })?;
            let low = function(call, &input, vec![Function::Expm1], kind)?;
            let low = factor(call, &low, alpha * gamma)?;
            let high = factor(call, &x, gamma)?;
            either(call, &below, &low, &high)?
        }
    };
    Ok(vec![result])
}

/// `Clip`, and `HardSigmoid`, which is clipped to 0 and 1.
pub(super) fn clip(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.ignore(&["consumed_inputs"]);
    let input = call.rows(0)?;
    let element = input.element;
    let mut result = Value::Rows(input);
    let bounds = if call.operator() == "HardSigmoid" {
        let (alpha, beta) = (call.float("alpha", 0.2)?, call.float("beta", 0.5)?);
        result = pair(call, Pairing::Multiply, &result, &scalar(element, alpha))?;
        result = pair(call, Pairing::Add, &result, &scalar(element, beta))?;
        [Some(scalar(element, 0.0)), Some(scalar(element, 1.0))]
    } else if call.version < 11 {
        let (low, high) = (call.float("min", f32::MIN)?, call.float("max", f32::MAX)?);
        [Some(scalar(element, low)), Some(scalar(element, high))]
    } else {
        [call.optional(1), call.optional(2)]
    };
    for (bound, function) in bounds.iter().zip([Pairing::Maximum, Pairing::Minimum]) {
        if let Some(bound) = bound {
            result = pair(call, function, &result, bound)?;
        }
    }
    Ok(vec![result])
}

/// `Gelu`.
pub(super) fn gelu(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let approximate = call.text("approximate", "none")?;
    if approximate != "none" {
        return Err(unsupported("approximate", approximate, "none"));
    }
    let input = call.rows(0)?;
    let (kind, x) = (input.element, Value::Rows(input));
    let scaled = pair(call, Pairing::Divide, &x, &scalar(kind, std::f64::consts::SQRT_2))?.rows()?;
    let erf = function(call, &scaled, vec![Function::Erf], kind)?;
    let factor = pair(call, Pairing::Add, &erf, &scalar(kind, 1.0))?;
    let product = pair(call, Pairing::Multiply, &x, &factor)?;
    Ok(vec![pair(call, Pairing::Multiply, &product, &scalar(kind, 0.5))?])
}

/// `Cast`.
pub(super) fn cast(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.ignore(&["saturate", "round_mode"]);
    let to = call.integer("to", 0)?;
    let to = Element::of(to)
        .ok_or_else(|| unsupported("to", to, "float, double, an integer type, bool or string"))?;
    let value = call.input(0)?;
    if element(&value) == to {
        return Ok(vec![value]);
    }
    match value {
        Value::Constant(tensor) => Ok(vec![Value::constant_of(cast_constant(tensor.as_ref().clone(), to)?)]),
        Value::Rows(rows) => Ok(vec![Value::Rows(cast_rows(call, rows, to)?)]),
        Value::Shape(_) => Err(mismatch("numbers", "the shape of a tensor that depends on the input")),
    }
}

fn cast_constant(mut tensor: Tensor, to: Element) -> Result<Tensor> {
    match (tensor.element, to) {
        (Element::Text, _) | (_, Element::Text) => return Err(mismatch("numbers", "strings")),
        (Element::Double | Element::Integer, Element::Single) => {
            tensor.numbers.iter_mut().for_each(|x| *x = f64::from(*x as f32));
        }
        (Element::Single | Element::Double, Element::Integer) => {
            tensor.numbers.iter_mut().for_each(|x| *x = x.trunc());
        }
        (_, Element::Truth) => {
            tensor.numbers.iter_mut().for_each(|x| *x = f64::from(u8::from(*x != 0.0)));
        }
        (_, Element::Single | Element::Double | Element::Integer) => {}
    }
    tensor.element = to;
    Ok(tensor)
}

fn cast_rows(call: &mut Call<'_, '_>, rows: Rows, to: Element) -> Result<Rows> {
    let functions = match (rows.element, to) {
        (Element::Text, _) => return cast_texts(call, &rows, to),
        (Element::Integer, Element::Text) if rows.labels.is_some() => return cast_to_texts(call, &rows),
        (_, Element::Text) => {
            return Err(unsupported("to", "string", "numbers, and strings of class labels"));
        }
        (Element::Double | Element::Integer, Element::Single) => vec![Function::Float32],
        (Element::Single | Element::Double, Element::Integer) => vec![Function::Truncate],
        (_, Element::Truth) => vec![Function::Not, Function::Not],
        (_, Element::Single | Element::Double | Element::Integer) => Vec::new(),
    };
    // Class labels are whole numbers, and scores stay what they are in double precision.
    let whole = rows.labels.as_ref().is_some_and(|labels| labels.iter().all(|x| x.fract() == 0.0));
    if functions.is_empty() || (whole && to != Element::Truth) {
        return Ok(Rows { element: to, ..rows });
    }
    let columns = call.program.map(&rows.columns, vec![Step::Elementwise(functions)], Element::Double)?;
    Ok(rows.computed(to, columns))
}

/// Texts of class labels that are numbers.
fn cast_texts(call: &mut Call<'_, '_>, rows: &Rows, to: Element) -> Result<Rows> {
    let Some(vocabulary) = &rows.vocabulary else {
        return Err(unsupported("to", to.name(), "string, as the input is"));
    };
    let numbers: Option<Vec<f64>> = vocabulary.iter().map(|text| text.trim().parse().ok()).collect();
    let Some(numbers) = numbers else {
        return Err(mismatch("strings that are numbers", "others"));
    };
    let columns = call.program.map(&rows.columns, vec![Step::Table(numbers.clone())], Element::Double)?;
    Ok(Rows { labels: Some(Rc::new(numbers)), ..rows.computed(to, columns) })
}

/// Class labels that are integers, as texts.
fn cast_to_texts(call: &mut Call<'_, '_>, rows: &Rows) -> Result<Rows> {
    let labels = rows.labels.as_deref().cloned().unwrap_or_default();
    let steps = vec![super::encode::positions(&labels, rows.columns.len())];
    let columns = call.program.map(&rows.columns, steps, Element::Double)?;
    let vocabulary = labels.iter().map(|label| format!("{label}")).collect();
    Ok(Rows { vocabulary: Some(Rc::new(vocabulary)), ..rows.computed(Element::Text, columns) })
}
