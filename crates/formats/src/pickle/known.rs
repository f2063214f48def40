//! The short table of calls that are data in disguise, and of those that rebuild an object; everything else is refused.

use super::class::Class;
use super::machine::{Machine, Result};
use super::node::{EMPTY_TUPLE, Global, Making, Node, NodeId, Object};
use super::{by_value, numpy, text};
use crate::Problem;

/// Libraries whose classes may be rebuilt by a call of the class. The record stays inert; whether it is supported, its loader decides.
const LIBRARIES: [&str; 7] = ["sklearn", "numpy", "scipy", "pandas", "xgboost", "lightgbm", "catboost"];

/// Functions of those libraries that rebuild objects.
const REBUILDERS: [&str; 8] = [
    "newObj",
    "_new_Index",
    "_mareconstruct",
    "_reconstruct",
    "__randomstate_ctor",
    "__generator_ctor",
    "__bit_generator_ctor",
    "_unpickle_block",
];

/// Calls from Python's own library that make plain values which models carry along but never need.
const INERT: [(&str, &str); 14] = [
    ("builtins", "complex"),
    ("builtins", "range"),
    ("builtins", "slice"),
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("functools", "partial"),
    ("joblib", "Memory"),
    ("pathlib", "PosixPath"),
    ("uuid", "UUID"),
];

/// What a call of `callable` with `args` (a tuple) stands for.
pub(super) fn call(machine: &mut Machine<'_>, callable: Global, args: NodeId) -> Result<Node> {
    let parts = tuple(machine, args).to_vec();
    machine.spend(parts.len())?;
    let class = class(machine, callable);
    match (class.key(), parts.as_slice()) {
        (("_codecs", "encode"), &[text, encoding]) => encode(machine, text, encoding),
        (("builtins", "bytes" | "bytearray"), parts) => bytes(machine, parts),
        (("builtins", "set" | "frozenset"), parts) => Ok(Node::Set(list(machine, parts)?)),
        (("builtins", "list") | ("collections", "deque"), parts) => Ok(Node::List(list(machine, parts)?)),
        (("builtins", "tuple"), parts) => Ok(Node::Tuple(list(machine, parts)?.into())),
        (("builtins", "dict") | ("collections", "OrderedDict" | "Counter"), parts) => dict(machine, parts),
        (("collections", "defaultdict"), &[_factory, ref parts @ ..]) => dict(machine, parts),
        (("copyreg", "_reconstructor"), &[class, _base, state]) => reconstructor(machine, class, state),
        (("copyreg", "__newobj__"), &[class, ref args @ ..]) => {
            let args = machine.add(Node::Tuple(args.into()))?;
            new_object(machine, class, args, None)
        }
        (("copyreg", "__newobj_ex__"), &[class, args, kwargs]) => {
            new_object(machine, class, args, Some(kwargs))
        }
        (("numpy", "dtype"), &[code, ..]) => numpy::dtype(machine, code),
        (("numpy", "scalar"), &[dtype, bytes]) => numpy::scalar(machine, callable, args, dtype, bytes),
        (("numpy", "_frombuffer"), &[buffer, dtype, shape, order, ..]) => {
            numpy::from_buffer(machine, buffer, dtype, shape, order)
        }
        (("numpy", "_ufunc_reconstruct"), &[module, name]) => machine.named(module, name).map(Node::Global),
        (("builtins", "getattr"), &[holder, name, ..])
            if let Some(module) = by_value::of_dill(machine, holder) =>
        {
            machine.named(module, name).map(Node::Global)
        }
        (("builtins", "setattr"), &[holder, ..]) if by_value::is_part(machine, holder) => Ok(Node::None),
        (("cloudpickle" | "dill", name), parts) => {
            let name = name.to_owned();
            by_value::call(machine, callable, &name, args, parts)
        }
        _ if INERT.contains(&class.key()) || rebuilds(class) => {
            Ok(Object::new(Making::Call, callable, args).into())
        }
        _ => Err(machine.input.problem(refusal(class))),
    }
}

/// Completes a record that has just been given its state.
pub(super) fn built(machine: &mut Machine<'_>, id: NodeId, state: NodeId) -> Result<()> {
    let Some(object) = machine.node(id).object() else {
        return numpy::dtype_built(machine, id, state);
    };
    match (class(machine, object.callable).key(), object.making) {
        (("numpy", "_reconstruct"), Making::Call) => numpy::reconstructed(machine, id, state),
        (("joblib", "NumpyArrayWrapper"), _) => numpy::joblib_array(machine, id, state),
        (("joblib", "NDArrayWrapper" | "ZNDArrayWrapper"), _) => {
            let what = "joblib's arrays in files of their own (joblib before 0.10)".to_owned();
            Err(machine.input.problem(Problem::OutsideReference { what }))
        }
        _ => Ok(()),
    }
}

/// Is it a class, or a function that rebuilds one, of a library we know?
fn rebuilds(class: Class<'_>) -> bool {
    let name = class.name();
    let is_class = name.trim_start_matches('_').starts_with(|first: char| first.is_ascii_uppercase());
    let rebuilds = REBUILDERS.contains(&name) || name.starts_with("__pyx_unpickle_");
    LIBRARIES.contains(&class.package()) && !name.contains('.') && (is_class || rebuilds)
}

fn refusal(class: Class<'_>) -> Problem {
    let callable = class.to_string();
    if class.is_own() { Problem::PythonCode { callable } } else { Problem::ForbiddenCall { callable } }
}

pub(super) fn class<'m>(machine: &'m Machine<'_>, global: Global) -> Class<'m> {
    let part = |id| str_of(machine, id).unwrap_or_default();
    Class { module: part(global.module), name: part(global.name), own: global.own }
}

pub(super) fn str_of<'m>(machine: &'m Machine<'_>, id: NodeId) -> Option<&'m str> {
    let span = machine.node(id).text()?;
    std::str::from_utf8(machine.span(span)).ok()
}

/// The elements of a tuple; none for anything else.
pub(super) fn tuple<'m>(machine: &'m Machine<'_>, id: NodeId) -> &'m [NodeId] {
    machine.node(id).tuple().unwrap_or_default()
}

/// `_codecs.encode(text, 'latin1')`: how protocols without bytes write them.
fn encode(machine: &mut Machine<'_>, text: NodeId, encoding: NodeId) -> Result<Node> {
    let known = matches!(str_of(machine, encoding), Some("latin1" | "latin-1"));
    let bytes = str_of(machine, text).filter(|_| known).and_then(text::latin1);
    let bytes = bytes.ok_or_else(|| machine.input.corrupt("bytes that are not written as Latin-1 text"))?;
    Ok(Node::Bytes(machine.keep(&bytes)?))
}

fn bytes(machine: &mut Machine<'_>, parts: &[NodeId]) -> Result<Node> {
    match *parts {
        [] => Ok(Node::Bytes(machine.keep(&[])?)),
        [text, encoding] => encode(machine, text, encoding),
        [bytes] => match machine.node(bytes).bytes() {
            Some(span) => Ok(Node::Bytes(span)),
            None => Err(machine.input.corrupt("bytes that are made of something else")),
        },
        _ => Err(machine.input.corrupt("bytes with too many arguments")),
    }
}

fn list(machine: &mut Machine<'_>, parts: &[NodeId]) -> Result<Vec<NodeId>> {
    let Some(&from) = parts.first() else {
        return Ok(Vec::new());
    };
    let Some(items) = machine.node(from).items() else {
        let name = machine.node(from).type_name();
        return Err(machine.input.corrupt(format!("a list that is made of {name}")));
    };
    let items = items.to_vec();
    machine.spend(items.len())?;
    Ok(items)
}

/// A dict from nothing, another dict, or a list of pairs.
fn dict(machine: &mut Machine<'_>, parts: &[NodeId]) -> Result<Node> {
    if let Some(&from) = parts.first()
        && let Some(pairs) = machine.node(from).entries()
    {
        let pairs = pairs.to_vec();
        machine.spend(pairs.len())?;
        return Ok(Node::Dict(pairs));
    }
    let entries = list(machine, parts)?;
    let mut pairs = Vec::with_capacity(entries.len() * 2);
    for entry in entries {
        match machine.node(entry).items() {
            Some(pair) if pair.len() == 2 => pairs.extend_from_slice(pair),
            _ => return Err(machine.input.corrupt("a dict that is made of something else than pairs")),
        }
    }
    Ok(Node::Dict(pairs))
}

pub(super) fn new_object(
    machine: &Machine<'_>,
    class: NodeId,
    args: NodeId,
    kwargs: Option<NodeId>,
) -> Result<Node> {
    let class = machine.expect_global(class)?;
    machine.expect_tuple(args)?;
    Ok(Object { kwargs, ..Object::new(Making::New, class, args) }.into())
}

/// `copyreg._reconstructor(class, base, state)`: how protocols 0 and 1 make objects. A dict or list as base brings its content.
fn reconstructor(machine: &mut Machine<'_>, class: NodeId, state: NodeId) -> Result<Node> {
    let mut object = Object::new(Making::New, machine.expect_global(class)?, EMPTY_TUPLE);
    object.pairs = machine.node(state).entries().unwrap_or_default().to_vec();
    object.items = machine.node(state).items().unwrap_or_default().to_vec();
    machine.spend(object.pairs.len() + object.items.len())?;
    Ok(object.into())
}
