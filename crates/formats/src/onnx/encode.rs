//! Operators of `ai.onnx.ml` that prepare columns.

use std::rc::Rc;

use foretell_frame::{Cell, Labels};
use foretell_model::Step;
use foretell_model::step::{
    Arithmetic, Categories, Function, Impute, OneHot, Operands, Ordinal, Pairing, Scale, Unknown, Zip,
};

use super::call::Call;
use super::proto::{Attribute, Node};
use super::tensor::{Element, Tensor};
use super::value::{Dim, Rows, Value};
use super::{Result, linear, mismatch, reshape, unsupported};

/// One constant for each column, of a list that has one of each or of all.
fn of_each(name: &str, list: &[f64], columns: usize) -> Result<Vec<f64>> {
    match list {
        [one] => Ok(vec![*one; columns]),
        list if list.len() == columns => Ok(list.to_vec()),
        list => Err(mismatch(&format!("1 or {columns} numbers in `{name}`"), &list.len().to_string())),
    }
}

/// `Scaler`.
pub(super) fn scaler(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let rows = call.matrix(0)?;
    let columns = linear::as_single(call, &rows)?;
    let offset = of_each("offset", &call.floats("offset")?, columns.len())?;
    let scale = of_each("scale", &call.floats("scale")?, columns.len())?;
    let single = || Step::Elementwise(vec![Function::Float32]);
    let centre = Some(offset.clone());
    let subtract = Scale { operations: vec![Arithmetic::Subtract(offset)], range: None, centre };
    let multiply = Scale { operations: vec![Arithmetic::Multiply(scale)], ..Scale::default() };
    let steps = vec![Step::Scale(subtract), single(), Step::Scale(multiply)];
    let columns = call.program.map(&columns, steps, Element::Single)?;
    Ok(vec![Value::Rows(Rows::matrix(Element::Single, columns))])
}

/// `Imputer`.
pub(super) fn imputer(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let rows = call.matrix(0)?;
    let width = rows.columns.len();
    let (fill, marker) = if rows.element == Element::Integer {
        let fill = call.integers("imputed_value_int64s")?;
        (fill.iter().map(|x| *x as f64).collect(), call.integer("replaced_value_int64", 0)? as f64)
    } else {
        (call.floats("imputed_value_floats")?, call.float("replaced_value_float", 0.0)?)
    };
    let fill = of_each("imputed_value_floats", &fill, width)?;
    let cell = |x: f64| if x.is_nan() { Cell::Missing } else { Cell::Number(x) };
    let impute = Impute {
        marker: cell(marker),
        fill: fill.into_iter().map(|x| Some(cell(x))).collect(),
        indicators: Vec::new(),
        refuse_missing: Vec::new(),
    };
    let columns = call.program.map(&rows.columns, vec![Step::Impute(impute)], Element::Double)?;
    Ok(vec![Value::Rows(rows.computed(rows.element, columns))])
}

/// `Binarizer`.
pub(super) fn binarizer(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let rows = call.rows(0)?;
    let threshold = call.float("threshold", 0.0)?;
    let operands = Operands::ConstantSecond(vec![threshold; rows.columns.len()]);
    let above = Step::Zip(Zip { function: Pairing::Greater, operands });
    let columns = call.program.map(&rows.columns, vec![above], Element::Double)?;
    Ok(vec![Value::Rows(rows.computed(rows.element, columns))])
}

/// Categories with the codes 0, 1, ...
fn categories(values: Vec<Cell>) -> Categories {
    let codes = (0..values.len() as u32).map(Some).collect();
    Categories { width: values.len(), values, codes, infrequent: None }
}

/// The step that gives the position of each number in a list.
pub(super) fn positions(list: &[f64], columns: usize) -> Step {
    let cells = list.iter().map(|x| Cell::Number(*x)).collect();
    Step::Ordinal(Ordinal {
        columns: vec![categories(cells); columns],
        unknown: Unknown::Error,
        missing: f64::NAN,
    })
}

/// The categories of an operator that has them as integers or as strings, in the form that the rows have them in.
fn cells(rows: &Rows, integers: &[i64], texts: &[String]) -> Result<Vec<Cell>> {
    match (rows.element == Element::Text, integers, texts) {
        (true, [], texts) => Ok(match &rows.vocabulary {
            None => texts.iter().map(|text| Cell::Text(text.clone())).collect(),
            // Computed texts are positions in a vocabulary; what is not in it never comes.
            Some(vocabulary) => {
                let known = |text: &String| vocabulary.iter().position(|known| known == text);
                texts.iter().map(|text| Cell::Number(known(text).map_or(-1.0, |at| at as f64))).collect()
            }
        }),
        (false, integers, []) => Ok(integers.iter().map(|x| Cell::Number(*x as f64)).collect()),
        (text, ..) => {
            let expected = if text { "strings" } else { "integers" };
            Err(mismatch(&format!("categories that are {expected}, as the input is"), "others"))
        }
    }
}

/// `OneHotEncoder`.
pub(super) fn one_hot(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let rows = call.input(0)?.rows()?;
    let cells = cells(&rows, &call.integers("cats_int64s")?, &call.texts("cats_strings")?)?;
    let unknown = if call.flag("zeros", true)? { Unknown::Ignore } else { Unknown::Error };
    let (width, each) = (cells.len(), rows.columns.len());
    let encoder = OneHot { columns: vec![categories(cells); each], unknown };
    let truncate = matches!(rows.element, Element::Single | Element::Double);
    let truncate = truncate.then(|| Step::Elementwise(vec![Function::Truncate]));
    let steps = truncate.into_iter().chain([Step::OneHot(encoder)]).collect();
    let columns = call.program.emit(rows.columns.clone(), steps, width.saturating_mul(each))?;
    let mut dims = rows.dims.clone();
    dims.push(Dim::Fixed(width));
    Ok(vec![Value::Rows(Rows::new(Element::Single, dims, columns))])
}

/// Keys or values of a map.
enum List {
    Numbers(Element, Vec<f64>),
    Texts(Vec<String>),
}

impl List {
    fn of(tensor: &Tensor) -> Self {
        match tensor.element {
            Element::Text => Self::Texts(tensor.texts.clone()),
            element @ (Element::Single | Element::Double | Element::Integer | Element::Truth) => {
                Self::Numbers(element, tensor.numbers.clone())
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Numbers(_, list) => list.len(),
            Self::Texts(list) => list.len(),
        }
    }
}

/// The list of an attribute whose name ends in its type.
fn list(call: &Call<'_, '_>, name: &str) -> Result<List> {
    let attribute = |kind: &str| format!("{name}_{kind}");
    if let Some(tensor) = call.tensor(&attribute("tensor"))? {
        return Ok(List::of(tensor));
    }
    let integers = call.integers(&attribute("int64s"))?;
    let (floats, texts) = (call.floats(&attribute("floats"))?, call.texts(&attribute("strings"))?);
    match (integers.is_empty(), floats.is_empty(), texts.is_empty()) {
        (false, true, true) => {
            Ok(List::Numbers(Element::Integer, integers.iter().map(|x| *x as f64).collect()))
        }
        (true, false, true) => Ok(List::Numbers(Element::Single, floats)),
        (true, true, false) => Ok(List::Texts(texts)),
        _ => Err(mismatch(&format!("one list of `{name}`"), "none or several")),
    }
}

/// `LabelEncoder`.
pub(super) fn label_encoder(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let rows = call.input(0)?.rows()?;
    let (keys, values) = if call.has("classes_strings") {
        let texts = call.texts("classes_strings")?;
        let numbers = List::Numbers(Element::Integer, (0..texts.len()).map(|x| x as f64).collect());
        if rows.element == Element::Text {
            (List::Texts(texts), numbers)
        } else {
            (numbers, List::Texts(texts))
        }
    } else {
        (list(call, "keys")?, list(call, "values")?)
    };
    let default = defaults(call, &values)?;
    Ok(vec![mapped(call, &rows, keys, values, default)?])
}

/// What stands for a key that is not in the map.
enum Default {
    Number(f64),
    Text(String),
}

fn defaults(call: &Call<'_, '_>, values: &List) -> Result<Default> {
    let integer = call.integer("default_int64", -1)? as f64;
    let float = call.float("default_float", -0.0)?;
    let text = call.text("default_string", "_Unused")?.to_owned();
    Ok(match (values, call.tensor("default_tensor")?) {
        (List::Texts(_), Some(Tensor { texts, .. })) => Default::Text(texts.first().cloned().unwrap_or(text)),
        (List::Numbers(..), Some(Tensor { numbers, .. })) => {
            Default::Number(numbers.first().copied().unwrap_or(integer))
        }
        (List::Texts(_), None) => Default::Text(text),
        (List::Numbers(Element::Integer, _), None) => Default::Number(integer),
        (List::Numbers(..), None) => Default::Number(float),
    })
}

/// `CategoryMapper`.
pub(super) fn category_mapper(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let rows = call.input(0)?.rows()?;
    let (texts, integers) = (call.texts("cats_strings")?, call.integers("cats_int64s")?);
    let texts = List::Texts(texts);
    let numbers = List::Numbers(Element::Integer, integers.iter().map(|x| *x as f64).collect());
    let (keys, values) = if rows.element == Element::Text { (texts, numbers) } else { (numbers, texts) };
    let default = defaults(call, &values)?;
    Ok(vec![mapped(call, &rows, keys, values, default)?])
}

/// The value of each key.
fn mapped(call: &mut Call<'_, '_>, rows: &Rows, keys: List, values: List, default: Default) -> Result<Value> {
    if keys.len() != values.len() {
        return Err(mismatch(&format!("{} values", keys.len()), &values.len().to_string()));
    }
    let missing = match &keys {
        List::Numbers(_, keys) => keys.iter().position(|key| key.is_nan()),
        List::Texts(_) => None,
    };
    let cells = match (&keys, rows.element == Element::Text) {
        (List::Texts(keys), true) => cells(rows, &[], keys)?,
        (List::Numbers(_, keys), false) => {
            let cell = |key: &f64| if key.is_nan() { Cell::Missing } else { Cell::Number(*key) };
            keys.iter().map(cell).collect()
        }
        (List::Texts(_), false) | (List::Numbers(..), true) => {
            return Err(mismatch("keys of the type of the input", "others"));
        }
    };
    let (count, width) = (values.len(), rows.columns.len());
    let find = Ordinal {
        columns: vec![categories(cells); width],
        unknown: Unknown::Code(count as f64),
        missing: missing.unwrap_or(count) as f64,
    };
    let mut steps = vec![Step::Ordinal(find)];
    match (values, default) {
        (List::Numbers(element, mut values), Default::Number(default)) => {
            values.push(default);
            let known = distinct(&values);
            steps.push(Step::Table(values));
            let columns = call.program.map(&rows.columns, steps, Element::Double)?;
            let labels = known.map(Rc::new);
            Ok(Value::Rows(Rows { labels, ..rows.computed(element, columns) }))
        }
        (List::Texts(mut values), Default::Text(default)) => {
            values.push(default);
            let columns = call.program.map(&rows.columns, steps, Element::Double)?;
            let vocabulary = Some(Rc::new(values));
            Ok(Value::Rows(Rows { vocabulary, ..rows.computed(Element::Text, columns) }))
        }
        (List::Numbers(..), Default::Text(_)) | (List::Texts(_), Default::Number(_)) => {
            Err(mismatch("a default of the type of the values", "another"))
        }
    }
}

/// The numbers, if they can be class labels: all different and whole.
fn distinct(numbers: &[f64]) -> Option<Vec<f64>> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let whole = numbers.iter().all(|x| x.fract() == 0.0);
    (whole && sorted.windows(2).all(|pair| pair[0] != pair[1])).then(|| numbers.to_vec())
}

/// Elements of a constant list at positions that depend on the rows.
pub(super) fn taken(call: &mut Call<'_, '_>, table: &Tensor, rows: &Rows, dims: Vec<Dim>) -> Result<Value> {
    let taken = |element, columns| Rows::new(element, dims.clone(), columns);
    if rows.element == Element::Text {
        return Err(mismatch("positions", "strings"));
    }
    if table.element == Element::Text {
        let vocabulary = Some(Rc::new(table.texts.clone()));
        return Ok(Value::Rows(Rows { vocabulary, ..taken(Element::Text, rows.columns.clone()) }));
    }
    let steps = vec![Step::Table(table.numbers.clone())];
    let columns = call.program.map(&rows.columns, steps, Element::Double)?;
    let labels = distinct(&table.numbers).map(Rc::new);
    Ok(Value::Rows(Rows { labels, ..taken(table.element, columns) }))
}

/// `ArrayFeatureExtractor`: columns at constant positions, or elements of a constant at positions of the rows.
pub(super) fn array_feature_extractor(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (value, indices) = (call.input(0)?, call.input(1)?);
    if let (Value::Constant(table), Value::Rows(rows)) = (&value, &indices) {
        let inner = table.dims.split_last().is_none_or(|(_, outer)| outer.iter().all(|size| *size == 1));
        if !inner {
            return Err(mismatch("a list to extract from", &format!("a tensor of shape {:?}", table.dims)));
        }
        let flat = rows.dims.iter().map(|dim| dim.per_row()).product();
        let dims = vec![Dim::Fixed(1), Dim::Rows(flat)];
        return Ok(vec![taken(call, table, rows, dims)?]);
    }
    let at = value.dims().len().saturating_sub(1);
    let Some(Dim::Fixed(size)) = value.dims().get(at).copied() else {
        return Err(mismatch("columns to extract", "rows"));
    };
    let position = |index: i64| super::value::axis(index, size);
    let indices = indices.integers()?.into_iter().map(position).collect::<Result<Vec<_>>>()?;
    Ok(vec![reshape::taken_along(&value, at, &indices, &[Dim::Fixed(indices.len())])?])
}

/// `FeatureVectorizer`.
pub(super) fn feature_vectorizer(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let sizes = call.integers("inputdimensions")?;
    let mut columns = Vec::new();
    for number in 0..call.input_count() {
        let rows = call.matrix(number)?;
        if !sizes.is_empty() && sizes.get(number) != Some(&(rows.columns.len() as i64)) {
            return Err(mismatch(&format!("inputs of {sizes:?} columns"), &rows.columns.len().to_string()));
        }
        columns.extend(linear::as_single(call, &rows)?);
    }
    Ok(vec![Value::Rows(Rows::matrix(Element::Single, columns))])
}

/// The keys that a `DictVectorizer` lays side by side.
pub(super) fn vocabulary(node: &Node<'_>) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in &node.attributes {
        match (*name, value) {
            ("string_vocabulary", Attribute::Texts(texts)) => {
                keys.extend(texts.iter().map(|text| (*text).to_owned()));
            }
            ("int64_vocabulary", Attribute::Integers(integers)) => {
                keys.extend(integers.iter().map(i64::to_string));
            }
            _ => {}
        }
    }
    keys
}

/// `DictVectorizer`: the columns of its map are laid out already.
pub(super) fn dict_vectorizer(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let keys = call.texts("string_vocabulary")?.len() + call.integers("int64_vocabulary")?.len();
    let rows = call.matrix(0)?;
    if rows.columns.len() != keys {
        return Err(mismatch(&format!("a map of {keys} keys"), &format!("{} columns", rows.columns.len())));
    }
    Ok(vec![Value::Rows(rows)])
}

/// `ZipMap`: the keys are the classes, which the predictions name anyway.
pub(super) fn zip_map(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let value = call.input(0)?;
    let (integers, texts) = (call.integers("classlabels_int64s")?, call.texts("classlabels_strings")?);
    if let Value::Rows(Rows { classifier: Some(classifier), .. }) = &value {
        let same = match &classifier.head.classes()[0] {
            Labels::Int(labels) => *labels == integers,
            Labels::Text(labels) => *labels == texts,
            Labels::Float(_) | Labels::Bool(_) => false,
        };
        if !same {
            let supported = "the classes of the classifier, in their order";
            return Err(unsupported("classlabels", format!("{integers:?}{texts:?}"), supported));
        }
    }
    Ok(vec![value])
}
