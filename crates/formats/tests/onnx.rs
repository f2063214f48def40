//! ONNX models: what graphs of operators become, and what is refused. The models of the corpus are in the golden tests.

use foretell_formats::{Limits, open};
use foretell_model::{Estimator, Task};

/// A field of a message: a number, or bytes.
fn varint(field: u64, value: u64) -> Vec<u8> {
    [number(field << 3), number(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [number(field << 3 | 2), number(value.len() as u64), value.to_vec()].concat()
}

fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A `ValueInfoProto` of a float tensor `[None, width]`.
fn value(name: &str, width: u64) -> Vec<u8> {
    let dims = [bytes(1, &[]), bytes(1, &varint(1, width))].concat();
    let tensor = [varint(1, 1), bytes(2, &dims)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

/// A `TensorProto` of floats.
fn tensor(name: &str, dims: &[u64], numbers: &[f32]) -> Vec<u8> {
    let dims = dims.iter().flat_map(|dim| varint(1, *dim)).collect();
    let raw: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    [dims, varint(2, 1), bytes(8, name.as_bytes()), bytes(9, &raw)].concat()
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let names = |field, names: &[&str]| names.iter().flat_map(|name| bytes(field, name.as_bytes())).collect();
    let attributes = attributes.iter().flat_map(|attribute| bytes(5, attribute)).collect();
    [names(1, inputs), names(2, outputs), bytes(4, operator.as_bytes()), attributes].concat()
}

fn integer(name: &str, value: u64) -> Vec<u8> {
    [bytes(1, name.as_bytes()), varint(3, value), varint(20, 2)].concat()
}

/// A model of these nodes and tensors, from `X` with two columns to `Y`.
fn model(nodes: &[Vec<u8>], tensors: &[Vec<u8>], width: u64) -> Vec<u8> {
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| bytes(1, node)).collect();
    let tensors: Vec<u8> = tensors.iter().flat_map(|tensor| bytes(5, tensor)).collect();
    let graph = [nodes, tensors, bytes(11, &value("X", 2)), bytes(12, &value("Y", width))].concat();
    [varint(1, 8), bytes(7, &graph), bytes(8, &varint(2, 13))].concat()
}

fn refusal(nodes: &[Vec<u8>], tensors: &[Vec<u8>]) -> String {
    open(&model(nodes, tensors, 1), &Limits::default()).expect_err("it is refused").to_string()
}

#[test]
fn layers_of_a_network_become_one_estimator() {
    let tensors = [
        tensor("W", &[2, 3], &[0.5; 6]),
        tensor("b", &[3], &[0.1; 3]),
        tensor("V", &[3, 1], &[1.0, 2.0, 3.0]),
    ];
    let nodes = [
        node("MatMul", &["X", "W"], &["xw"], &[]),
        node("Add", &["xw", "b"], &["h"], &[]),
        node("Relu", &["h"], &["a"], &[]),
        node("MatMul", &["a", "V"], &["Y"], &[]),
    ];
    let opened = open(&model(&nodes, &tensors, 1), &Limits::default()).unwrap();
    assert_eq!(opened.task(), Task::Regression);
    let estimator = &opened.pipeline().estimator.as_ref().unwrap().estimator;
    let Estimator::Neural(network) = estimator else { panic!("{estimator:?}") };
    assert_eq!(network.layers.len(), 2);
    assert_eq!(network.layers[0].bias, [f64::from(0.1_f32); 3]);
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let unknown = refusal(&[node("FFT", &["X"], &["Y"], &[])], &[]);
    assert!(unknown.starts_with("node 1 (FFT): operator `ai.onnx.FFT` is not supported"), "{unknown}");
    let attribute = refusal(&[node("Relu", &["X"], &["Y"], &[integer("new", 1)])], &[]);
    assert!(attribute.contains("(Relu): `new`"), "{attribute}");
    let later = refusal(&[node("Relu", &["Z"], &["Y"], &[]), node("Relu", &["X"], &["Z"], &[])], &[]);
    assert!(later.contains("nothing before it makes its input `Z`"), "{later}");
    let shape = refusal(&[node("Add", &["X", "c"], &["Y"], &[])], &[tensor("c", &[7, 2], &[0.0; 14])]);
    assert!(shape.contains("do not go together"), "{shape}");
}

#[test]
fn sums_over_the_rows_are_refused() {
    let axis = node("ReduceMean", &["X"], &["Y"], &[]);
    let error = refusal(&[axis], &[]);
    assert!(error.contains("expected an axis of the columns, got one of the rows"), "{error}");
}

#[test]
fn tensors_that_grow_without_end_are_refused() {
    let mut nodes = vec![node("Concat", &["X", "X"], &["x0"], &[integer("axis", 1)])];
    for step in 0..40 {
        let (from, to) = (format!("x{step}"), format!("x{}", step + 1));
        nodes.push(node("Concat", &[&from, &from], &[&to], &[integer("axis", 1)]));
    }
    nodes.push(node("Relu", &["x40"], &["Y"], &[]));
    assert!(refusal(&nodes, &[]).contains("at most 4194304 elements"));
    let (wide, tall) = (tensor("a", &[1, 3000], &[0.0; 3000]), tensor("b", &[3000, 1], &[0.0; 3000]));
    let outer = refusal(&[node("Add", &["a", "b"], &["Y"], &[])], &[wide, tall]);
    assert!(outer.contains("elements of one row"), "{outer}");
}
