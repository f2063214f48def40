//! Python values written as pickles, for tests of what the corpus has no file of.

use crate::pickle::Pickle;
use crate::{FormatError, Limits};

use super::{Input, Lowered, lower};

/// A Python value.
#[derive(Clone)]
pub(super) enum Py {
    None,
    Bool(bool),
    Int(i32),
    Float(f64),
    Text(&'static str),
    List(Vec<Py>),
    Tuple(Vec<Py>),
    Dict(Vec<(&'static str, Py)>),
    /// A class or function itself: module and name.
    Name(&'static str, &'static str),
    /// A call by `REDUCE`: module, name and arguments.
    Call(&'static str, &'static str, Vec<Py>),
    /// An object with a state.
    Object(&'static str, &'static str, Vec<(&'static str, Py)>),
    /// A float64 array of this shape.
    Floats(Vec<i32>, Vec<f64>),
    /// An int64 array.
    Ints(Vec<i64>),
    /// A one-dimensional array of objects.
    Objects(Vec<Py>),
    /// Something that is a pickle already.
    Written(Vec<u8>),
    /// A one-dimensional structured array of int64 fields, given as columns.
    Records(Vec<(&'static str, Vec<i64>)>),
    /// An object made with arguments and then given a state, as by `__reduce__`.
    Reduced(&'static str, &'static str, Vec<Py>, Vec<(&'static str, Py)>),
}

/// A scikit-learn 1.9.1 object.
pub(super) fn sk(class: &'static str, state: &[(&'static str, Py)]) -> Py {
    let version = ("_sklearn_version", Py::Text("1.9.1"));
    Py::Object("sklearn.any", class, state.iter().cloned().chain([version]).collect())
}

/// A one-dimensional float64 array.
pub(super) fn floats(values: &[f64]) -> Py {
    Py::Floats(vec![values.len() as i32], values.to_vec())
}

/// An array of Python strings.
pub(super) fn texts(values: &[&'static str]) -> Py {
    Py::Objects(values.iter().map(|&text| Py::Text(text)).collect())
}

/// Lowers the estimator that a value is.
pub(super) fn lowered(value: &Py) -> Result<Lowered, FormatError> {
    lowered_after(value, Input::default())
}

/// Lowers an estimator that receives `input`.
pub(super) fn lowered_after(value: &Py, input: Input) -> Result<Lowered, FormatError> {
    let file = value.pickled();
    let limits = Limits::default();
    let pickle = Pickle::read(&file[..], &limits).expect("a pickle of these opcodes is well formed");
    lower(&pickle.root(), input)
}

/// The message of the refusal of a value.
pub(super) fn refusal(value: &Py) -> String {
    lowered(value).expect_err("it was to be refused").to_string()
}

impl Py {
    /// The value as a pickle of protocol 3.
    pub(super) fn pickled(&self) -> Vec<u8> {
        let mut out = b"\x80\x03".to_vec();
        self.write(&mut out);
        out.push(b'.');
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Py::None => out.push(b'N'),
            Py::Bool(value) => out.push(if *value { 0x88 } else { 0x89 }),
            Py::Int(value) => {
                out.push(b'J');
                out.extend(value.to_le_bytes());
            }
            Py::Float(value) => {
                out.push(b'G');
                out.extend(value.to_be_bytes());
            }
            Py::Text(text) => write_counted(out, b'X', text.as_bytes()),
            Py::List(items) => {
                out.extend(b"](");
                items.iter().for_each(|item| item.write(out));
                out.push(b'e');
            }
            Py::Tuple(items) => {
                out.push(b'(');
                items.iter().for_each(|item| item.write(out));
                out.push(b't');
            }
            Py::Dict(entries) => {
                out.extend(b"}(");
                for (key, value) in entries {
                    Py::Text(key).write(out);
                    value.write(out);
                }
                out.push(b'u');
            }
            Py::Name(module, name) => out.extend(format!("c{module}\n{name}\n").into_bytes()),
            Py::Call(module, name, arguments) => {
                Py::Name(module, name).write(out);
                Py::Tuple(arguments.clone()).write(out);
                out.push(b'R');
            }
            Py::Object(module, name, state) => {
                Py::Name(module, name).write(out);
                out.extend(b")\x81");
                Py::Dict(state.clone()).write(out);
                out.push(b'b');
            }
            Py::Floats(shape, values) => {
                let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                write_array(out, shape, "f8", Data::Raw(data));
            }
            Py::Ints(values) => {
                let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                write_array(out, &[values.len() as i32], "i8", Data::Raw(data));
            }
            Py::Written(opcodes) => out.extend(opcodes),
            Py::Records(columns) => write_records(out, columns),
            Py::Reduced(module, name, arguments, state) => {
                Py::Call(module, name, arguments.clone()).write(out);
                Py::Dict(state.clone()).write(out);
                out.push(b'b');
            }
            Py::Objects(values) => write_array(out, &[values.len() as i32], "O8", Data::Values(values)),
        }
    }
}

enum Data<'a> {
    Raw(Vec<u8>),
    Values(&'a [Py]),
}

fn write_counted(out: &mut Vec<u8>, opcode: u8, bytes: &[u8]) {
    out.push(opcode);
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
}

/// An ndarray as numpy pickles it: `_reconstruct` and a state of version, shape, dtype, order and data.
fn write_array(out: &mut Vec<u8>, shape: &[i32], dtype: &'static str, data: Data<'_>) {
    let order = if dtype == "O8" { "|" } else { "<" };
    let nothing = [Py::None, Py::None, Py::None, Py::Int(-1), Py::Int(-1), Py::Int(0)];
    write_array_of(out, shape, |out| write_dtype(out, dtype, order, &nothing));
    match data {
        Data::Raw(bytes) => write_counted(out, b'B', &bytes),
        Data::Values(values) => Py::List(values.to_vec()).write(out),
    }
    out.extend(b"tb");
}

/// A structured array, record by record.
fn write_records(out: &mut Vec<u8>, columns: &[(&'static str, Vec<i64>)]) {
    let int64 = || {
        let mut dtype = Vec::new();
        let nothing = [Py::None, Py::None, Py::None, Py::Int(-1), Py::Int(-1), Py::Int(0)];
        write_dtype(&mut dtype, "i8", "<", &nothing);
        Py::Written(dtype)
    };
    let names = columns.iter().map(|(name, _)| Py::Text(name)).collect();
    let offset = |(at, (name, _)): (usize, &(&'static str, Vec<i64>))| {
        (*name, Py::Tuple(vec![int64(), Py::Int(8 * at as i32)]))
    };
    let fields = columns.iter().enumerate().map(offset).collect();
    let width = 8 * columns.len() as i32;
    let layout = [Py::None, Py::Tuple(names), Py::Dict(fields), Py::Int(width), Py::Int(1), Py::Int(16)];
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    write_array_of(out, &[rows as i32], |out| write_dtype(out, &format!("V{width}"), "|", &layout));
    let cells =
        (0..rows).flat_map(|row| columns.iter().flat_map(move |(_, values)| values[row].to_le_bytes()));
    write_counted(out, b'B', &cells.collect::<Vec<u8>>());
    out.extend(b"tb");
}

/// A dtype and the rest of its state, after version and byte order.
fn write_dtype(out: &mut Vec<u8>, name: &str, order: &'static str, state: &[Py]) {
    out.extend(b"cnumpy\ndtype\n(");
    write_counted(out, b'X', name.as_bytes());
    out.extend(b"\x89\x88tR");
    Py::Tuple([Py::Int(3), Py::Text(order)].iter().chain(state).cloned().collect()).write(out);
    out.push(b'b');
}

/// The beginning of an ndarray, up to its data.
fn write_array_of(out: &mut Vec<u8>, shape: &[i32], write_dtype: impl Fn(&mut Vec<u8>)) {
    out.extend(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85");
    write_counted(out, b'B', b"b");
    out.extend(b"tR(K\x01");
    Py::Tuple(shape.iter().map(|&length| Py::Int(length)).collect()).write(out);
    write_dtype(out);
    out.push(0x89);
}
