//! NumPy's ways to write arrays, scalars and dtypes, and joblib's.

use std::sync::Arc;

use super::array::{ArrayNode, Data, Elements};
use super::convert;
use super::dtype::{Dtype, Field, Kind};
use super::known::{self, str_of, tuple};
use super::machine::{MAX_NAME, Machine, Result};
use super::node::{Global, Making, Node, NodeId, Object, TRUE};
use crate::Problem;

/// NumPy's own bound on dimensions.
const MAX_DIMENSIONS: usize = 64;
/// Fields of a structured dtype; a tree has eight.
const MAX_FIELDS: usize = 100;
/// Keys and values in the state of a joblib array; it has seven keys.
const MAX_WRAPPER_ENTRIES: usize = 64;

/// `numpy.dtype('f8', False, True)`.
pub(super) fn dtype(machine: &Machine<'_>, code: NodeId) -> Result<Node> {
    let code = str_of(machine, code).filter(|code| code.len() <= MAX_NAME);
    let code = code.ok_or_else(|| machine.input.corrupt("a dtype that is no short text"))?;
    match Dtype::parse(code) {
        Some(dtype) => Ok(Node::Dtype(Arc::new(dtype))),
        None => Err(machine.input.corrupt(format!("dtype `{}` does not exist", code.escape_debug()))),
    }
}

/// `BUILD (version, byte order, sub-array, names, fields, item size, alignment, …)`.
pub(super) fn dtype_built(machine: &mut Machine<'_>, id: NodeId, state: NodeId) -> Result<()> {
    let mut dtype = Dtype::clone(&*dtype_of(machine, id)?);
    let parts = tuple(machine, state);
    let &[_, order, sub, names, fields, ref rest @ ..] = parts else {
        return Err(machine.input.corrupt("a dtype whose state is not complete"));
    };
    dtype.big_endian = match str_of(machine, order) {
        Some(">") => true,
        Some("<" | "|" | "=") => false,
        _ => return Err(machine.input.corrupt("a dtype with an unknown byte order")),
    };
    let size = match rest.first().map(|&size| machine.node(size)) {
        None => dtype.itemsize,
        Some(size) if size.int() == Some(-1) => dtype.itemsize,
        Some(size) => size.size().ok_or_else(|| machine.input.corrupt("a dtype whose size is no length"))?,
    };
    if !matches!(machine.node(sub), Node::None) {
        dtype = Dtype { kind: Kind::Other('V'), itemsize: size, ..dtype };
    } else if !matches!(machine.node(names), Node::None) {
        let fields = self::fields(machine, names, fields, size)?;
        dtype = Dtype { kind: Kind::Structured(fields), itemsize: size, ..dtype };
    } else if size != dtype.itemsize {
        return Err(machine.input.corrupt(format!("a dtype {dtype} of {size} bytes")));
    }
    let work = if let Kind::Structured(fields) = &dtype.kind { fields.len() } else { 0 };
    machine.spend(work)?;
    machine.replace(id, Node::Dtype(Arc::new(dtype)))
}

fn fields(machine: &Machine<'_>, names: NodeId, fields: NodeId, size: usize) -> Result<Vec<Field>> {
    let corrupt = |detail: &str| machine.input.corrupt(format!("a structured dtype {detail}"));
    let names = tuple(machine, names);
    let pairs = machine.node(fields).entries().unwrap_or_default();
    if names.is_empty() || names.len() > MAX_FIELDS || pairs.len() != names.len() * 2 {
        return Err(corrupt("whose names and fields do not agree"));
    }
    let field = |&name: &NodeId| {
        let name = str_of(machine, name).filter(|name| name.len() <= MAX_NAME);
        let name = name.ok_or_else(|| corrupt("with a name that is no short text"))?;
        let found = pairs.chunks_exact(2).find(|pair| str_of(machine, pair[0]) == Some(name));
        let found = found.ok_or_else(|| corrupt("whose names and fields do not agree"))?[1];
        let &[dtype, offset, ..] = tuple(machine, found) else {
            return Err(corrupt("with a field that has no offset"));
        };
        let mut dtype = Dtype::clone(&*dtype_of(machine, dtype)?);
        if matches!(dtype.kind, Kind::Structured(_)) {
            dtype.kind = Kind::Other('V');
        }
        let offset = machine.node(offset).size();
        match offset.and_then(|offset| Some((offset, offset.checked_add(dtype.itemsize)?))) {
            Some((offset, end)) if end <= size => Ok(Field { name: name.to_owned(), dtype, offset }),
            _ => Err(corrupt("with a field outside of the element")),
        }
    };
    names.iter().map(field).collect()
}

fn dtype_of(machine: &Machine<'_>, id: NodeId) -> Result<Arc<Dtype>> {
    let node = machine.node(id);
    if let Node::Dtype(dtype) = node {
        return Ok(Arc::clone(dtype));
    }
    Err(machine.input.corrupt(format!("an array with a dtype of type {}", node.type_name())))
}

/// `scalar(dtype, bytes)`: Python's own number or text of the same value. A scalar no model needs stays a record.
pub(super) fn scalar(
    machine: &mut Machine<'_>,
    callable: Global,
    args: NodeId,
    dtype: NodeId,
    bytes: NodeId,
) -> Result<Node> {
    let dtype = dtype_of(machine, dtype)?;
    let record = || Ok(Object::new(Making::Call, callable, args).into());
    let Some(span) = machine.node(bytes).bytes() else {
        return record();
    };
    machine.spend(span.len)?;
    if span.len != dtype.itemsize || span.len == 0 {
        return Err(machine.input.corrupt(format!("a {dtype} of {} bytes", span.len)));
    }
    let element = Elements { bytes: machine.span(span), stride: span.len, offset: 0 };
    let node = match dtype.kind {
        Kind::Bool => convert::bools(element, &dtype).map(|values| Node::Bool(values[0])),
        Kind::Int | Kind::Uint => convert::i64s(element, &dtype).map(|values| Node::Int(values[0])),
        Kind::Float => convert::f64s(element, &dtype).map(|values| Node::Float(values[0])),
        Kind::Bytes => Some(Node::Bytes(span)),
        Kind::Text => match convert::utf32(element.bytes, &dtype) {
            Some(text) => Some(Node::Text(machine.keep(text.as_bytes())?)),
            None => None,
        },
        Kind::Object | Kind::Structured(_) | Kind::Other(_) => None,
    };
    node.map_or_else(record, Ok)
}

/// `_frombuffer(buffer, dtype, shape, order)`, of protocol 5.
pub(super) fn from_buffer(
    machine: &Machine<'_>,
    buffer: NodeId,
    dtype: NodeId,
    shape: NodeId,
    order: NodeId,
) -> Result<Node> {
    let fortran = fortran(machine, order)?;
    let buffer = machine.node(buffer).bytes();
    let buffer = buffer.ok_or_else(|| machine.input.corrupt("an array whose buffer is no bytes"))?;
    array(machine, dtype_of(machine, dtype)?, shape, fortran, Data::Raw(buffer))
}

fn fortran(machine: &Machine<'_>, order: NodeId) -> Result<bool> {
    match str_of(machine, order) {
        Some("C") => Ok(false),
        Some("F") => Ok(true),
        Some("K") => Err(machine.input.problem(Problem::UnsupportedOption {
            option: "order".to_owned(),
            value: "K".to_owned(),
            supported: "an array in C or F order; `numpy.ascontiguousarray` makes one".to_owned(),
        })),
        _ => Err(machine.input.corrupt("an array whose order is neither C nor F")),
    }
}

/// `_reconstruct(numpy.ndarray, (0,), b'b')` with `BUILD (version, shape, dtype, is_fortran, data)`.
pub(super) fn reconstructed(machine: &mut Machine<'_>, id: NodeId, state: NodeId) -> Result<()> {
    let object = machine.node(id).object();
    let class = object.and_then(|object| tuple(machine, object.args).first());
    if !class.is_some_and(|&class| is_array_class(machine, class)) {
        return Ok(());
    }
    let &[_, shape, dtype, fortran, data] = tuple(machine, state) else {
        return Err(machine.input.corrupt("an array whose state is not complete"));
    };
    let node = machine.node(fortran);
    let fortran = match node.int() {
        Some(flag) => flag != 0,
        None if matches!(node, Node::Bool(_)) => fortran == TRUE,
        None => return Err(machine.input.corrupt("an array whose order is neither C nor F")),
    };
    let data = if let Some(span) = machine.node(data).bytes() {
        Data::Raw(span)
    } else if let Some(values) = machine.node(data).items() {
        let values = values.to_vec();
        machine.spend(values.len())?;
        Data::Values(values)
    } else {
        let name = machine.node(data).type_name();
        return Err(machine.input.corrupt(format!("an array with data of type {name}")));
    };
    let dtype = dtype_of(machine, dtype)?;
    let array = array(machine, dtype, shape, fortran, data)?;
    machine.replace(id, array)
}

fn is_array_class(machine: &Machine<'_>, class: NodeId) -> bool {
    let class = machine.node(class).global().map(|class| known::class(machine, class).key());
    matches!(class, Some(("numpy", "ndarray" | "memmap" | "matrix")))
}

/// joblib's `NumpyArrayWrapper`, whose array data stand at the input now.
pub(super) fn joblib_array(machine: &mut Machine<'_>, id: NodeId, state: NodeId) -> Result<()> {
    if machine.nested {
        return Err(machine.input.corrupt("a joblib array inside the pickle of an object array"));
    }
    let pairs = machine.node(state).entries().unwrap_or_default();
    if pairs.len() > MAX_WRAPPER_ENTRIES {
        return Err(machine.input.corrupt("a joblib array with too many attributes"));
    }
    let find = |name| {
        pairs.chunks_exact(2).rev().find(|pair| str_of(machine, pair[0]) == Some(name)).map(|pair| pair[1])
    };
    let field =
        |name| find(name).ok_or_else(|| machine.input.corrupt(format!("a joblib array without `{name}`")));
    let (subclass, shape, order, dtype) =
        (field("subclass")?, field("shape")?, field("order")?, field("dtype")?);
    let aligned =
        find("numpy_array_alignment_bytes").is_some_and(|id| !matches!(machine.node(id), Node::None));
    if !is_array_class(machine, subclass) {
        return Err(machine.input.corrupt("a joblib array of an unknown class"));
    }
    let dtype = dtype_of(machine, dtype)?;
    machine.joblib = true;
    if dtype.has_objects() {
        let nested = machine.run_nested()? as usize;
        if !matches!(machine.nodes[nested], Node::Array(_)) {
            return Err(machine.input.corrupt("an object array whose pickle holds something else"));
        }
        machine.nodes.swap(nested, id as usize);
        return Ok(());
    }
    let fortran = fortran(machine, order)?;
    if aligned {
        let padding = machine.input.byte()?;
        machine.input.take(padding.into(), "the padding of an array")?;
    }
    let (_, len) = extent(machine, &dtype, shape)?;
    let bytes = machine.input.take(len, "the data of an array")?;
    let data = Data::Raw(machine.span_of(bytes));
    let array = array(machine, dtype, shape, fortran, data)?;
    machine.replace(id, array)
}

/// The shape and the bytes of its elements, within the limits.
fn extent(machine: &Machine<'_>, dtype: &Dtype, shape: NodeId) -> Result<(Vec<usize>, usize)> {
    let ids = machine.node(shape).tuple().filter(|ids| ids.len() <= MAX_DIMENSIONS);
    let ids = ids.ok_or_else(|| machine.input.corrupt("an array whose shape is no tuple of lengths"))?;
    let shape: Option<Vec<usize>> = ids.iter().map(|&id| machine.node(id).size()).collect();
    let shape = shape.ok_or_else(|| machine.input.corrupt("an array with a dimension that is no length"))?;
    let count = shape.iter().try_fold(1_usize, |count, &len| count.checked_mul(len));
    let bytes = count.and_then(|count| count.checked_mul(dtype.itemsize));
    let (Some(count), Some(bytes)) = (count, bytes) else {
        return Err(machine
            .input
            .corrupt(format!("an array of shape {}, more than a machine can hold", convert::shape(&shape))));
    };
    if bytes > machine.limits.max_array_bytes {
        return Err(machine.limit("max_array_bytes", machine.limits.max_array_bytes as u64));
    }
    if dtype.itemsize == 0 && count > 0 {
        return Err(machine.input.corrupt("an array of elements without a size"));
    }
    Ok((shape, bytes))
}

fn array(machine: &Machine<'_>, dtype: Arc<Dtype>, shape: NodeId, fortran: bool, data: Data) -> Result<Node> {
    let (shape, bytes) = extent(machine, &dtype, shape)?;
    let array = ArrayNode { dtype, shape, fortran, data };
    let fits = match &array.data {
        Data::Raw(span) => !array.dtype.has_objects() && span.len == bytes,
        Data::Values(values) => array.dtype.kind == Kind::Object && values.len() == array.count(),
    };
    if fits {
        return Ok(Node::Array(Box::new(array)));
    }
    let got = match &array.data {
        Data::Raw(span) => format!("{} bytes", span.len),
        Data::Values(values) => format!("{} values", values.len()),
    };
    Err(machine.input.corrupt(format!("an array {} with {got} of data", array.describe())))
}
