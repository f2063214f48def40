//! NumPy's ways to write arrays, scalars and dtypes, and joblib's.

use std::sync::Arc;

use super::array::{ArrayNode, Data, Elements};
use super::convert;
use super::dtype::{Dtype, Field, Kind};
use super::known::{str_of, tuple};
use super::machine::{Machine, Result};
use super::node::{Global, Making, Node, NodeId, Object};

/// NumPy's own bound on dimensions.
const MAX_DIMENSIONS: usize = 64;
/// Fields of a structured dtype; a tree has eight.
const MAX_FIELDS: usize = 1000;

/// `numpy.dtype('f8', False, True)`.
pub(super) fn dtype(machine: &Machine<'_>, code: NodeId) -> Result<Node> {
    let code = str_of(machine, code).ok_or_else(|| machine.input.corrupt("a dtype that is no text"))?;
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
        None | Some(Node::Int(-1)) => dtype.itemsize,
        Some(Node::Int(size)) => {
            usize::try_from(*size).map_err(|_| machine.input.corrupt("a dtype of negative size"))?
        }
        Some(_) => return Err(machine.input.corrupt("a dtype whose size is no integer")),
    };
    if !matches!(machine.node(sub), Node::None) {
        dtype = Dtype { kind: Kind::Other('V'), itemsize: size, ..dtype };
    } else if !matches!(machine.node(names), Node::None) {
        let fields = self::fields(machine, names, fields, size)?;
        dtype = Dtype { kind: Kind::Structured(fields), itemsize: size, ..dtype };
    } else if size != dtype.itemsize {
        return Err(machine.input.corrupt(format!("a dtype {dtype} of {size} bytes")));
    }
    machine.nodes[id as usize] = Node::Dtype(Arc::new(dtype));
    Ok(())
}

fn fields(machine: &Machine<'_>, names: NodeId, fields: NodeId, size: usize) -> Result<Vec<Field>> {
    let corrupt = |detail: &str| machine.input.corrupt(format!("a structured dtype {detail}"));
    let names = tuple(machine, names);
    let Node::Dict(pairs) = machine.node(fields) else {
        return Err(corrupt("without fields"));
    };
    if names.is_empty() || names.len() > MAX_FIELDS || pairs.len() != names.len() * 2 {
        return Err(corrupt("whose names and fields do not agree"));
    }
    let field = |&name: &NodeId| {
        let name = str_of(machine, name).ok_or_else(|| corrupt("with a name that is no text"))?;
        let found = pairs.chunks_exact(2).find(|pair| str_of(machine, pair[0]) == Some(name));
        let &[dtype, offset, ..] =
            tuple(machine, found.ok_or_else(|| corrupt("whose names and fields do not agree"))?[1])
        else {
            return Err(corrupt("with a field that has no offset"));
        };
        let mut dtype = Dtype::clone(&*dtype_of(machine, dtype)?);
        if matches!(dtype.kind, Kind::Structured(_)) {
            dtype.kind = Kind::Other('V');
        }
        let offset = match machine.node(offset) {
            Node::Int(offset) => usize::try_from(*offset).ok(),
            _ => None,
        };
        match offset.and_then(|offset| Some((offset, offset.checked_add(dtype.itemsize)?))) {
            Some((offset, end)) if end <= size => Ok(Field { name: name.to_owned(), dtype, offset }),
            _ => Err(corrupt("with a field outside of the element")),
        }
    };
    names.iter().map(field).collect()
}

fn dtype_of(machine: &Machine<'_>, id: NodeId) -> Result<Arc<Dtype>> {
    match machine.node(id) {
        Node::Dtype(dtype) => Ok(Arc::clone(dtype)),
        node => Err(machine.input.corrupt(format!("an array whose dtype is {}", node.type_name()))),
    }
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
    let span = match machine.node(bytes) {
        Node::Bytes(span) => *span,
        _ => return record(),
    };
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
    let data = match machine.node(buffer) {
        Node::Bytes(span) => Data::Raw(*span),
        node => return Err(machine.input.corrupt(format!("an array whose buffer is {}", node.type_name()))),
    };
    array(machine, dtype_of(machine, dtype)?, shape, fortran, data)
}

fn fortran(machine: &Machine<'_>, order: NodeId) -> Result<bool> {
    match str_of(machine, order) {
        Some("C") => Ok(false),
        Some("F") => Ok(true),
        _ => Err(machine.input.corrupt("an array whose order is neither C nor F")),
    }
}

/// `_reconstruct(numpy.ndarray, (0,), b'b')` with `BUILD (version, shape, dtype, is_fortran, data)`.
pub(super) fn reconstructed(machine: &mut Machine<'_>, id: NodeId, state: NodeId) -> Result<()> {
    let class = match machine.node(id) {
        Node::Object(object) => tuple(machine, object.args).first().copied(),
        _ => None,
    };
    if !class.is_some_and(|class| is_array_class(machine, class)) {
        return Ok(());
    }
    let &[_, shape, dtype, fortran, data] = tuple(machine, state) else {
        return Err(machine.input.corrupt("an array whose state is not complete"));
    };
    let fortran = match machine.node(fortran) {
        Node::Bool(fortran) => *fortran,
        Node::Int(fortran) => *fortran != 0,
        _ => return Err(machine.input.corrupt("an array whose order is neither C nor F")),
    };
    let data = match machine.node(data) {
        Node::Bytes(span) => Data::Raw(*span),
        Node::List(values) => {
            let values = values.clone();
            machine.copied(values.len())?;
            Data::Values(values)
        }
        node => return Err(machine.input.corrupt(format!("an array whose data are {}", node.type_name()))),
    };
    let dtype = dtype_of(machine, dtype)?;
    machine.nodes[id as usize] = array(machine, dtype, shape, fortran, data)?;
    Ok(())
}

fn is_array_class(machine: &Machine<'_>, class: NodeId) -> bool {
    match machine.node(class) {
        Node::Global(class) => {
            matches!(str_of(machine, class.name), Some("ndarray" | "memmap" | "matrix"))
                && str_of(machine, class.module)
                    .is_some_and(|module| module.split('.').next() == Some("numpy"))
        }
        _ => false,
    }
}

/// joblib's `NumpyArrayWrapper`, whose array data stand at the input now.
pub(super) fn joblib_array(machine: &mut Machine<'_>, id: NodeId, state: NodeId) -> Result<()> {
    if machine.nested {
        return Err(machine.input.corrupt("a joblib array inside the pickle of an object array"));
    }
    let Node::Dict(pairs) = machine.node(state) else {
        return Err(machine.input.corrupt("a joblib array without attributes"));
    };
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
    if dtype.has_objects() {
        let nested = machine.run_nested()?;
        let Node::Array(array) = machine.node(nested) else {
            return Err(machine.input.corrupt("an object array whose pickle holds something else"));
        };
        let array = array.clone();
        machine.copied(array.count())?;
        machine.nodes[id as usize] = Node::Array(array);
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
    machine.nodes[id as usize] = array(machine, dtype, shape, fortran, data)?;
    Ok(())
}

/// The shape and the bytes of its elements, within the limits.
fn extent(machine: &Machine<'_>, dtype: &Dtype, shape: NodeId) -> Result<(Vec<usize>, usize)> {
    let ids = match machine.node(shape) {
        Node::Tuple(ids) if ids.len() <= MAX_DIMENSIONS => ids,
        _ => return Err(machine.input.corrupt("an array whose shape is no tuple of lengths")),
    };
    let length = |&id: &NodeId| match machine.node(id) {
        Node::Int(length) => usize::try_from(*length).ok(),
        _ => None,
    };
    let shape: Option<Vec<usize>> = ids.iter().map(length).collect();
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
