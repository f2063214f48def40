//! The graph, followed from its inputs to its outputs.

use std::collections::HashMap;
use std::rc::Rc;

use foretell_frame::Cell;
use foretell_model::step::{Accepts, Function, Impute};
use foretell_model::{Description, ModelParts, Part, Provenance, Step};

use crate::{FileKind, FormatError, Limits, Problem};

use super::call::Call;
use super::program::Program;
use super::proto::{Model, Node, ValueInfo};
use super::tensor::Element;
use super::value::{Dim, Rows, Value};
use super::{Result, answer, encode, error, invalid, operators, unsupported};

/// Largest number of columns of all inputs together.
const MOST_INPUTS: usize = 1 << 20;
/// Operators that users think of as the model; they are named in its description.
const ESTIMATORS: [&str; 11] = [
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
    "TreeEnsemble",
    "LinearClassifier",
    "LinearRegressor",
    "SVMClassifier",
    "SVMRegressor",
    "Gemm",
    "MatMul",
    "Scan",
    "TopK",
];

/// Lowers a model.
pub(super) fn lower(model: Model<'_>, limits: &Limits) -> Result<ModelParts> {
    let provenance = provenance(&model);
    if model.functions > 0 {
        return Err(unsupported("functions", model.functions, "operators of ONNX itself"));
    }
    let graph = model.graph.ok_or_else(|| error(Problem::Missing { field: "graph".into() }))?;
    let mut values = HashMap::new();
    for (name, tensor) in graph.initializers {
        values.insert(name, Value::Constant(Rc::new(tensor)));
    }
    let inputs: Vec<_> = graph.inputs.iter().filter(|input| !values.contains_key(input.name)).collect();
    let inputs =
        inputs.into_iter().map(|input| Input::new(input, &graph.nodes)).collect::<Result<Vec<_>>>()?;
    let (features, names) = features(&inputs)?;
    let mut program = Program::new(features, limits);
    let mut first = 0;
    for input in &inputs {
        let rows = input.rows(first, &mut program)?;
        first += input.width;
        values.insert(input.name, Value::Rows(rows));
    }
    let scope = Scope { values: &values, outer: None, opsets: &model.opsets };
    let values = follow(&graph.nodes, scope, &mut program)?;
    let output = |output: &ValueInfo<'_>| {
        let scope = Scope { values: &values, ..scope };
        let value = scope.get(output.name).cloned();
        let value = value.ok_or_else(|| invalid("no node makes it").at(format!("output `{}`", output.name)));
        value.map(|value| (output.name.to_owned(), value))
    };
    let outputs = graph.outputs.iter().map(output).collect::<Result<Vec<_>>>()?;
    let estimates = graph.nodes.iter().any(|node| ESTIMATORS.contains(&node.operator));
    let answer = answer::answer(outputs, estimates, &mut program)?;
    let (pipeline, task) = answer.pipeline(program);
    let description = description(&graph.nodes);
    let output_names = None;
    Ok(ModelParts { pipeline, features, names, hints: None, task, output_names, description, provenance })
}

fn provenance(model: &Model<'_>) -> Provenance {
    let (library, version) = match (model.producer, model.producer_version) {
        ("", _) => ("ONNX", ""),
        (producer, version) => (producer, version),
    };
    let library_version = (!version.is_empty()).then(|| version.to_owned());
    Provenance { format: FileKind::Onnx.to_string(), library: library.to_owned(), library_version }
}

/// The last operator that predicts, and the classical operators before it.
fn description(nodes: &[Node<'_>]) -> Description {
    let classical = |node: &&Node<'_>| node.domain == "ai.onnx.ml" && node.operator != "ZipMap";
    let known = |node: &&Node<'_>| ESTIMATORS.contains(&node.operator);
    let last = nodes.iter().rev().find(known).or(nodes.iter().rev().find(classical)).or(nodes.last());
    let mut steps: Vec<Part> = Vec::new();
    for node in nodes.iter().filter(classical).filter(|node| !known(node)) {
        if steps.last().is_none_or(|part| part.class != node.operator) {
            steps.push(Part { class: node.operator.to_owned(), ..Part::default() });
        }
    }
    Description { estimator: last.map_or("Graph", |node| node.operator).to_owned(), steps }
}

fn place(number: usize, node: &Node<'_>) -> String {
    match node.name {
        "" => format!("node {} ({})", number + 1, node.operator),
        name => format!("node `{name}` ({})", node.operator),
    }
}

/// Where the names that a node may use are looked up.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub(super) values: &'s HashMap<&'a str, Value>,
    /// The graph around the one whose names these are.
    pub(super) outer: Option<&'s Scope<'s, 'a>>,
    pub(super) opsets: &'s [(&'a str, i64)],
}

impl<'a> Scope<'_, 'a> {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).or_else(|| self.outer?.get(name))
    }
}

/// Follows the nodes of a graph in order; the values that they make.
pub(super) fn follow<'a>(
    nodes: &[Node<'a>],
    outer: Scope<'_, 'a>,
    program: &mut Program,
) -> Result<HashMap<&'a str, Value>> {
    let mut values: HashMap<&'a str, Value> = HashMap::new();
    for (number, node) in nodes.iter().enumerate() {
        let scope = Scope { values: &values, outer: Some(&outer), opsets: outer.opsets };
        let mut outputs = || {
            program.charge(1)?;
            let outputs = run(node, scope, program)?;
            for value in &outputs {
                let size = value.sizes().iter().fold(1_usize, |size, dim| size.saturating_mul(*dim));
                program.charge(size)?;
            }
            Ok(outputs)
        };
        let outputs: Vec<Value> =
            outputs().map_err(|error: FormatError| error.within(&place(number, node)))?;
        for (name, value) in node.outputs.iter().zip(outputs) {
            let known = outer.values.contains_key(name);
            if !name.is_empty() && (known || values.insert(name, value).is_some()) {
                return Err(invalid(format!("the value `{name}` is made twice")).at(place(number, node)));
            }
        }
    }
    Ok(values)
}

/// Lowers a node; the values of its outputs.
fn run(node: &Node<'_>, scope: Scope<'_, '_>, program: &mut Program) -> Result<Vec<Value>> {
    let domain = if node.domain == "ai.onnx" { "" } else { node.domain };
    let operator = operators::operator(domain, node.operator).ok_or_else(|| unknown(node))?;
    let is_domain = |known: &str| known == domain || (domain.is_empty() && known == "ai.onnx");
    let version = scope.opsets.iter().find(|(known, _)| is_domain(known)).map(|(_, version)| *version);
    // Some converters forget the operator set of what they add at the end.
    let version = version.unwrap_or(if domain.is_empty() { 13 } else { 1 });
    let input = |name: &&str| match (*name, scope.get(name)) {
        ("", _) => Ok(None),
        (_, Some(value)) => Ok(Some(value.clone())),
        (name, None) => Err(invalid(format!("nothing before it makes its input `{name}`"))),
    };
    let inputs = node.inputs.iter().map(input).collect::<Result<_>>()?;
    let mut call = Call::new(node, inputs, program, version, scope);
    let outputs = operator(&mut call)?;
    call.finish()?;
    if outputs.len() < node.outputs.len() {
        return Err(unsupported("outputs", node.outputs.len(), &format!("at most {}", outputs.len())));
    }
    Ok(outputs)
}

fn unknown(node: &Node<'_>) -> FormatError {
    let domain = if node.domain.is_empty() { "ai.onnx" } else { node.domain };
    error(Problem::UnsupportedOperator { operator: format!("{domain}.{}", node.operator) })
}

/// An input of the graph.
struct Input<'a> {
    name: &'a str,
    element: Element,
    dims: Vec<Dim>,
    /// Number of columns.
    width: usize,
    /// The keys of a map, which are its columns; those that a row has not are 0.
    keys: Option<Vec<String>>,
}

impl<'a> Input<'a> {
    fn new(info: &ValueInfo<'a>, nodes: &[Node<'_>]) -> Result<Self> {
        Self::read(info, nodes).map_err(|error| error.at(format!("input `{}`", info.name)))
    }

    fn read(info: &ValueInfo<'a>, nodes: &[Node<'_>]) -> Result<Self> {
        if let Some(values) = info.map {
            return Self::map(info.name, values, nodes);
        }
        let Some((kind, shape)) = &info.tensor else {
            return Err(unsupported("type", "no tensor", "a tensor, or a map for `DictVectorizer`"));
        };
        let element = Element::of(*kind)
            .ok_or_else(|| unsupported("elem_type", kind, "float, double, integers, bool or string"))?;
        let supported = "[None, k]: convert the model again with the number of its columns";
        let (width, dims) = match shape.as_deref() {
            Some([_]) => (1, vec![Dim::Rows(1)]),
            Some([_, Some(width)]) => (*width, vec![Dim::Rows(1), Dim::Fixed(*width)]),
            Some(other) => return Err(unsupported("shape", format!("{other:?}"), supported)),
            None => return Err(unsupported("shape", "unknown", supported)),
        };
        if width > MOST_INPUTS {
            return Err(unsupported("shape", width, &format!("at most {MOST_INPUTS} columns")));
        }
        Ok(Self { name: info.name, element, dims, width, keys: None })
    }

    /// A map from keys to numbers, whose keys are those that a `DictVectorizer` lays side by side.
    fn map(name: &'a str, values: i64, nodes: &[Node<'_>]) -> Result<Self> {
        let element = Element::of(values).filter(|element| *element != Element::Text);
        let element = element.ok_or_else(|| unsupported("value_type", values, "a map to numbers"))?;
        let mut vectorizers = nodes
            .iter()
            .filter(|node| node.operator == "DictVectorizer" && node.inputs.first() == Some(&name))
            .map(encode::vocabulary);
        let Some(keys) = vectorizers.next() else {
            return Err(unsupported("type", "a map that no `DictVectorizer` takes", "a tensor"));
        };
        if vectorizers.any(|other| other != keys) {
            return Err(unsupported(
                "type",
                "a map of several vocabularies",
                "one `DictVectorizer` for a map",
            ));
        }
        let width = keys.len();
        if width > MOST_INPUTS {
            return Err(unsupported("vocabulary", width, &format!("at most {MOST_INPUTS} keys")));
        }
        Ok(Self { name, element, dims: vec![Dim::Rows(1), Dim::Fixed(width)], width, keys: Some(keys) })
    }

    /// Its columns from `first` on, rounded as its type is.
    fn rows(&self, first: usize, program: &mut Program) -> Result<Rows> {
        let columns: Vec<usize> = (first..first + self.width).collect();
        let mut steps = match self.element {
            Element::Single => vec![Step::Elementwise(vec![Function::Float32])],
            Element::Integer => {
                vec![Step::Require(Accepts::FINITE), Step::Elementwise(vec![Function::Truncate])]
            }
            Element::Truth => {
                vec![Step::Require(Accepts::FINITE), Step::Elementwise(vec![Function::Not, Function::Not])]
            }
            Element::Double | Element::Text => Vec::new(),
        };
        if self.keys.is_some() {
            let fill = vec![Some(Cell::Number(0.0)); self.width];
            let (indicators, refuse_missing) = (Vec::new(), Vec::new());
            steps.insert(0, Step::Impute(Impute { marker: Cell::Missing, fill, indicators, refuse_missing }));
        }
        let columns = if steps.is_empty() { columns } else { program.emit(columns, steps, self.width)? };
        Ok(Rows::new(self.element, self.dims.clone(), columns))
    }
}

/// The number of columns of all inputs, and their names where the file has some.
fn features(inputs: &[Input<'_>]) -> Result<(usize, Option<Vec<String>>)> {
    let features = inputs.iter().fold(0_usize, |sum, input| sum.saturating_add(input.width));
    if features > MOST_INPUTS {
        return Err(unsupported("inputs", features, &format!("at most {MOST_INPUTS} columns")));
    }
    let names = inputs.iter().flat_map(|input| {
        let numbered = |column| format!("{}_{column}", input.name);
        match (&input.keys, input.width) {
            (Some(keys), _) => keys.clone(),
            (None, 1) => vec![input.name.to_owned()],
            (None, width) => (0..width).map(numbered).collect(),
        }
    });
    // The name of one tensor of several columns names none of them.
    let named = inputs.len() > 1 || features == 1 || inputs.iter().any(|input| input.keys.is_some());
    Ok((features, named.then(|| names.collect())))
}
