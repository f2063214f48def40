//! Nodes of a schema as opcodes of a pickle.

use std::collections::HashMap;

use super::json::Json;
use super::npy::{Descr, Npy};
use super::writer::Writer;
use super::{corrupt, error};
use crate::members::{Member, of_zip};
use crate::pickle::{Dtype, opcode as op};
use crate::{FormatError, Limits, Problem};

type Result<T> = std::result::Result<T, FormatError>;

/// Turns a schema into a pickle.
pub(super) struct Translator<'m> {
    members: HashMap<&'m str, &'m [u8]>,
    limits: &'m Limits,
    /// Where in the memo the value of a member stands that was written already.
    written: HashMap<&'m str, u32>,
    out: Writer,
}

impl<'m> Translator<'m> {
    pub(super) fn new(members: &'m [Member<'_>], limits: &'m Limits) -> Self {
        let members = members.iter().map(|member| (member.name.as_str(), &*member.bytes)).collect();
        Self { members, limits, written: HashMap::new(), out: Writer::new() }
    }

    /// The pickle of the object that a schema describes.
    pub(super) fn translate(mut self, schema: &Json) -> Result<Vec<u8>> {
        self.node(schema)?;
        Ok(self.out.finish())
    }

    /// Writes the value that a node describes.
    fn node(&mut self, node: &Json) -> Result<()> {
        if self.out.len() > self.limits.max_inflated_bytes {
            let allowed = self.limits.max_inflated_bytes as u64;
            return Err(error(Problem::LimitExceeded { limit: "max_inflated_bytes", allowed }));
        }
        match text(node, "__loader__")? {
            "JsonNode" => self.plain(node),
            "DictNode" => self.dict(node),
            // What only differs from a dict in what it answers for keys that it has not.
            "DefaultDictNode" | "_DictWithDeprecatedKeysNode" => {
                self.node(part(part(node, "content")?, "main")?)
            }
            "ListNode" => {
                self.out.op(op::EMPTY_LIST);
                self.items(part(node, "content")?, op::APPENDS)
            }
            "SetNode" => {
                self.out.op(op::EMPTY_SET);
                self.items(part(node, "content")?, op::ADDITEMS)
            }
            "TupleNode" => self.items(part(node, "content")?, op::TUPLE),
            "TypeNode" => self.class(node),
            "FunctionNode" => self.function(node),
            "ObjectNode" => self.object(node),
            "ConstructorFromReduceNode" => {
                self.class(node)?;
                self.node(part(node, "content")?)?;
                self.out.op(op::REDUCE);
                Ok(())
            }
            "TreeNode" | "LossNode" => self.reduced(node),
            "PartialNode" => self.partial(part(node, "content")?),
            "SliceNode" => self.slice(part(node, "content")?),
            "BytesNode" | "BytearrayNode" => self.once(node, |translator, bytes| {
                translator.out.bytes(bytes);
                Ok(())
            }),
            "NdArrayNode" => self.array(node),
            "DTypeNode" => self.dtype_of(part(node, "content")?),
            "SparseMatrixNode" => self.sparse(node),
            // Objects whose content no model needs to predict.
            "MaskedArrayNode"
            | "RandomStateNode"
            | "RandomGeneratorNode"
            | "OperatorFuncNode"
            | "MethodNode" => self.empty(node),
            unknown => Err(error(Problem::UnsupportedOption {
                option: "__loader__".into(),
                value: format!("`{}`", unknown.escape_debug()),
                supported: "a node that skops up to 0.16 writes".into(),
            })),
        }
    }

    /// `content` is a text that is JSON itself, with Python's literals for numbers that are not finite.
    fn plain(&mut self, node: &Json) -> Result<()> {
        match text(node, "content")? {
            "NaN" => self.out.float(f64::NAN),
            "Infinity" => self.out.float(f64::INFINITY),
            "-Infinity" => self.out.float(f64::NEG_INFINITY),
            text => {
                let json = serde_json::from_str(text);
                self.json(
                    &json.map_err(|problem| corrupt(format!("a value that is no valid JSON ({problem})")))?,
                );
            }
        }
        Ok(())
    }

    fn json(&mut self, json: &Json) {
        match json {
            Json::Null => self.out.op(op::NONE),
            Json::Bool(value) => self.out.bool(*value),
            Json::Int(value) => self.out.int(*value),
            Json::Float(value) => self.out.float(*value),
            Json::Text(text) => self.out.text(text),
            Json::List(items) => {
                self.out.op(op::EMPTY_LIST);
                self.out.op(op::MARK);
                items.iter().for_each(|item| self.json(item));
                self.out.op(op::APPENDS);
            }
            Json::Object(entries) => {
                self.out.op(op::EMPTY_DICT);
                self.out.op(op::MARK);
                for (key, value) in entries {
                    self.out.text(key);
                    self.json(value);
                }
                self.out.op(op::SETITEMS);
            }
        }
    }

    fn items(&mut self, items: &Json, end: u8) -> Result<()> {
        self.out.op(op::MARK);
        for item in list(items)? {
            self.node(item)?;
        }
        self.out.op(end);
        Ok(())
    }

    /// A dict of any class. JSON's keys are texts; what they were is told by their types.
    fn dict(&mut self, node: &Json) -> Result<()> {
        let Json::Object(entries) = part(node, "content")? else {
            return Err(corrupt("a dict whose content is no object".into()));
        };
        let types = list(part(part(node, "key_types")?, "content")?)?;
        if types.len() != entries.len() {
            return Err(corrupt(format!(
                "a dict of {} entries with the types of {} keys",
                entries.len(),
                types.len()
            )));
        }
        self.out.op(op::EMPTY_DICT);
        self.out.op(op::MARK);
        for ((key, value), class) in entries.iter().zip(types) {
            self.key(key, text(class, "__class__")?)?;
            self.node(value)?;
        }
        self.out.op(op::SETITEMS);
        Ok(())
    }

    fn key(&mut self, key: &str, class: &str) -> Result<()> {
        let number = |digits| matches!(digits, Some(digits) if !matches!(digits, ""));
        let bits =
            |prefix: &str| class.strip_prefix(prefix).or_else(|| class.strip_prefix(&format!("u{prefix}")));
        let written = match class {
            "str" | "str_" => {
                self.out.text(key);
                true
            }
            "NoneType" => {
                self.out.op(op::NONE);
                true
            }
            "bool" | "bool_" => {
                self.out.bool(matches!(key, "true" | "True"));
                true
            }
            "int" => key.parse().map(|value| self.out.int(value)).is_ok(),
            _ if number(bits("int")) => key.parse().map(|value| self.out.int(value)).is_ok(),
            "float" => key.parse().map(|value| self.out.float(value)).is_ok(),
            _ if number(bits("float")) => key.parse().map(|value| self.out.float(value)).is_ok(),
            _ => false,
        };
        if written {
            return Ok(());
        }
        let (key, class) = (key.escape_debug(), class.escape_debug());
        Err(corrupt(format!("a dict with the key `{key}` of the type `{class}`")))
    }

    /// The class of a node, as a name.
    fn class(&mut self, node: &Json) -> Result<()> {
        self.out.global(text(node, "__module__")?, text(node, "__class__")?);
        Ok(())
    }

    /// A function by name; its module stands in the content of files of the first protocol.
    fn function(&mut self, node: &Json) -> Result<()> {
        match node.get("content") {
            Some(content) if content.get("function").is_some() => {
                self.out.global(text(content, "module_path")?, text(content, "function")?);
                Ok(())
            }
            _ => self.class(node),
        }
    }

    /// An object without a state.
    fn empty(&mut self, node: &Json) -> Result<()> {
        self.class(node)?;
        self.out.op(op::EMPTY_TUPLE);
        self.out.op(op::NEWOBJ);
        Ok(())
    }

    fn object(&mut self, node: &Json) -> Result<()> {
        self.empty(node)?;
        match node.get("content") {
            None | Some(Json::Null) => Ok(()),
            Some(state) => self.build(state),
        }
    }

    /// An object that its class makes of arguments, and the state it is given then.
    fn reduced(&mut self, node: &Json) -> Result<()> {
        self.class(node)?;
        self.node(part(part(node, "__reduce__")?, "args")?)?;
        self.out.op(op::REDUCE);
        self.build(part(node, "content")?)
    }

    fn build(&mut self, state: &Json) -> Result<()> {
        self.node(state)?;
        self.out.op(op::BUILD);
        Ok(())
    }

    /// As `functools.partial` pickles itself.
    fn partial(&mut self, content: &Json) -> Result<()> {
        self.out.global("functools", "partial");
        self.node(part(content, "func")?)?;
        self.out.op(op::TUPLE1);
        self.out.op(op::REDUCE);
        self.out.op(op::MARK);
        for name in ["func", "args", "kwds", "namespace"] {
            self.node(part(content, name)?)?;
        }
        self.out.op(op::TUPLE);
        self.out.op(op::BUILD);
        Ok(())
    }

    fn slice(&mut self, content: &Json) -> Result<()> {
        self.out.global("builtins", "slice");
        for name in ["start", "stop", "step"] {
            self.json(part(content, name)?);
        }
        self.out.op(op::TUPLE3);
        self.out.op(op::REDUCE);
        Ok(())
    }

    /// The value of the member that a node names, written once and referred to then: a small schema may name a large
    /// array many times.
    fn once(&mut self, node: &Json, write: impl FnOnce(&mut Self, &'m [u8]) -> Result<()>) -> Result<()> {
        let name = text(node, "file")?;
        let Some((&name, &bytes)) = self.members.get_key_value(name) else {
            return Err(corrupt(format!("`{}` is not in the archive", name.escape_debug())));
        };
        if let Some(&slot) = self.written.get(name) {
            self.out.again(slot);
            return Ok(());
        }
        write(self, bytes)?;
        let slot = self.out.memoize();
        self.written.insert(name, slot);
        Ok(())
    }

    fn array(&mut self, node: &Json) -> Result<()> {
        match text(node, "type")? {
            "numpy" if text(node, "__class__")? == "ndarray" => self.once(node, |translator, bytes| {
                translator.buffer(&npy(bytes)?);
                Ok(())
            }),
            "numpy" => self.once(node, |translator, bytes| {
                translator.scalar(&npy(bytes)?);
                Ok(())
            }),
            "json" => {
                self.out.global("numpy.core.multiarray", "_reconstruct");
                self.out.global("numpy", "ndarray");
                self.out.int(0);
                self.out.op(op::TUPLE1);
                self.out.bytes(b"b");
                self.out.op(op::TUPLE3);
                self.out.op(op::REDUCE);
                self.out.op(op::MARK);
                self.out.int(1);
                self.node(part(node, "shape")?)?;
                self.dtype(&Descr::Code("O8".into()));
                self.out.bool(false);
                self.values(part(node, "content")?, list(part(part(node, "shape")?, "content")?)?.len())?;
                self.out.op(op::TUPLE);
                self.out.op(op::BUILD);
                Ok(())
            }
            other => Err(corrupt(format!("an array of the type `{}`", other.escape_debug()))),
        }
    }

    /// The elements of an array of objects, row after row; of more than one dimension they are lists of lists.
    fn values(&mut self, content: &Json, dimensions: usize) -> Result<()> {
        self.out.op(op::EMPTY_LIST);
        self.out.op(op::MARK);
        self.rows(content, dimensions)?;
        self.out.op(op::APPENDS);
        Ok(())
    }

    fn rows(&mut self, content: &Json, dimensions: usize) -> Result<()> {
        for item in list(content)? {
            if dimensions > 1 {
                self.rows(part(item, "content")?, dimensions - 1)?;
            } else {
                self.node(item)?;
            }
        }
        Ok(())
    }

    /// An array as protocol 5 pickles it.
    fn buffer(&mut self, npy: &Npy<'_>) {
        self.out.global("numpy.core.numeric", "_frombuffer");
        self.out.op(op::MARK);
        self.out.bytes(npy.data);
        self.dtype(&npy.dtype);
        self.out.op(op::MARK);
        npy.shape.iter().for_each(|length| self.out.int(*length));
        self.out.op(op::TUPLE);
        self.out.text(if npy.fortran { "F" } else { "C" });
        self.out.op(op::TUPLE);
        self.out.op(op::REDUCE);
    }

    fn scalar(&mut self, npy: &Npy<'_>) {
        self.out.global("numpy.core.multiarray", "scalar");
        self.dtype(&npy.dtype);
        self.out.bytes(npy.data);
        self.out.op(op::TUPLE2);
        self.out.op(op::REDUCE);
    }

    fn dtype_of(&mut self, array: &Json) -> Result<()> {
        if text(array, "type")? != "numpy" {
            self.dtype(&Descr::Code("O8".into()));
            return Ok(());
        }
        let name = text(array, "file")?;
        let bytes = self.members.get(name).copied();
        let bytes =
            bytes.ok_or_else(|| corrupt(format!("`{}` is not in the archive", name.escape_debug())))?;
        self.dtype(&npy(bytes)?.dtype);
        Ok(())
    }

    fn dtype(&mut self, descr: &Descr) {
        let code = |translator: &mut Self, code: &str| {
            translator.out.global("numpy", "dtype");
            translator.out.text(code);
            translator.out.op(op::TUPLE1);
            translator.out.op(op::REDUCE);
        };
        let fields = match descr {
            Descr::Code(text) => return code(self, text),
            Descr::Fields(fields) => fields,
        };
        let size_of = |(_, code): &(String, String)| Dtype::parse(code).map_or(0, |dtype| dtype.itemsize());
        let size = fields.iter().map(size_of).fold(0, usize::saturating_add);
        code(self, &format!("V{size}"));
        self.out.op(op::MARK);
        self.out.int(3);
        self.out.text("|");
        self.out.op(op::NONE);
        let named = || fields.iter().filter(|(name, _)| !name.is_empty());
        self.out.op(op::MARK);
        named().for_each(|(name, _)| self.out.text(name));
        self.out.op(op::TUPLE);
        self.out.op(op::EMPTY_DICT);
        self.out.op(op::MARK);
        let mut offset = 0_usize;
        for field in fields {
            if !field.0.is_empty() {
                self.out.text(&field.0);
                code(self, &field.1);
                self.out.int(i64::try_from(offset).unwrap_or(i64::MAX));
                self.out.op(op::TUPLE2);
            }
            offset = offset.saturating_add(size_of(field));
        }
        self.out.op(op::SETITEMS);
        self.out.int(i64::try_from(size).unwrap_or(i64::MAX));
        self.out.int(1);
        self.out.int(0);
        self.out.op(op::TUPLE);
        self.out.op(op::BUILD);
    }

    /// A matrix in a `.npz` file: an archive of the arrays that scipy's own pickles hold as attributes.
    fn sparse(&mut self, node: &Json) -> Result<()> {
        let (module, class) = (text(node, "__module__")?, text(node, "__class__")?);
        self.once(node, |translator, bytes| {
            let members =
                of_zip(bytes, translator.limits).map_err(|problem| error(problem.problem().clone()))?;
            translator.out.global(module, class);
            translator.out.op(op::EMPTY_TUPLE);
            translator.out.op(op::NEWOBJ);
            translator.out.op(op::EMPTY_DICT);
            translator.out.op(op::MARK);
            for (file, name) in [
                ("shape.npy", "_shape"),
                ("data.npy", "data"),
                ("indices.npy", "indices"),
                ("indptr.npy", "indptr"),
            ] {
                // Forms other than CSR and CSC have other parts; who needs the matrix says that it is none of these.
                if let Some(member) = members.iter().find(|member| member.name == file) {
                    translator.out.text(name);
                    translator.buffer(&npy(&member.bytes)?);
                }
            }
            translator.out.op(op::SETITEMS);
            translator.out.op(op::BUILD);
            Ok(())
        })
    }
}

fn npy(bytes: &[u8]) -> Result<Npy<'_>> {
    Npy::read(bytes).ok_or_else(|| corrupt("a file of an array without the header that NumPy writes".into()))
}

fn part<'j>(node: &'j Json, name: &str) -> Result<&'j Json> {
    node.get(name).ok_or_else(|| corrupt(format!("a node without `{name}`")))
}

fn text<'j>(node: &'j Json, name: &str) -> Result<&'j str> {
    part(node, name)?.text().ok_or_else(|| corrupt(format!("a node whose `{name}` is no text")))
}

fn list(node: &Json) -> Result<&[Json]> {
    node.list().ok_or_else(|| corrupt("a node whose content is no list".into()))
}
