//! The stack machine: opcodes in, nodes out.

use super::input::Input;
use super::node::{EMPTY_TUPLE, FALSE, Global, Making, NONE, Node, NodeId, Object, Span, TRUE};
use super::{known, opcode as op, text};
use crate::{FormatError, Limits, Problem};

pub(super) type Result<T> = std::result::Result<T, FormatError>;

/// A memo slot that was never written.
const UNSET: NodeId = NodeId::MAX;

/// The machine and the tree it grows.
pub(super) struct Machine<'a> {
    pub(super) input: Input<'a>,
    pub(super) nodes: Vec<Node>,
    /// Bytes that had to be decoded; spans refer to it.
    pub(super) decoded: Vec<u8>,
    pub(super) limits: &'a Limits,
    stack: Vec<NodeId>,
    /// Heights of the stack at which a `MARK` was set.
    marks: Vec<usize>,
    memo: Vec<NodeId>,
    opcodes: u64,
    copied: usize,
    /// Inside the nested pickle of an object array of a joblib file.
    pub(super) nested: bool,
}

impl<'a> Machine<'a> {
    pub(super) fn new(data: &'a [u8], limits: &'a Limits) -> Self {
        Machine {
            input: Input { data, at: 0 },
            nodes: vec![Node::None, Node::Bool(false), Node::Bool(true), Node::Tuple(Box::default())],
            decoded: Vec::new(),
            limits,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            opcodes: 0,
            copied: 0,
            nested: false,
        }
    }

    /// Runs up to `STOP` and gives the root.
    pub(super) fn run(&mut self) -> Result<NodeId> {
        loop {
            self.opcodes += 1;
            if self.opcodes > self.limits.max_opcodes {
                return Err(self.limit("max_opcodes", self.limits.max_opcodes));
            }
            let opcode = self.input.take(1, "the pickle, before its STOP opcode")?[0];
            if opcode == op::STOP {
                return self.pop();
            }
            self.step(opcode)?;
        }
    }

    /// Runs a complete pickle that stands at the input, with a stack and memo of its own.
    pub(super) fn run_nested(&mut self) -> Result<NodeId> {
        if self.nested {
            return Err(self.input.corrupt("a pickle inside a pickle inside a pickle"));
        }
        let outer = (
            std::mem::take(&mut self.stack),
            std::mem::take(&mut self.marks),
            std::mem::take(&mut self.memo),
        );
        self.nested = true;
        let root = self.run();
        self.nested = false;
        (self.stack, self.marks, self.memo) = outer;
        root
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            op::PROTO => self.protocol(),
            op::FRAME => self.input.length::<8>().map(drop),
            op::MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::POP => self.discard(),
            op::POP_MARK => self.pop_to_mark().map(drop),
            op::DUP => self.top().and_then(|id| self.push(id)),

            op::NONE => self.push(NONE),
            op::NEWTRUE => self.push(TRUE),
            op::NEWFALSE => self.push(FALSE),
            op::EMPTY_TUPLE => self.push(EMPTY_TUPLE),
            op::EMPTY_LIST => self.push_new(Node::List(Vec::new())),
            op::EMPTY_DICT => self.push_new(Node::Dict(Vec::new())),
            op::EMPTY_SET => self.push_new(Node::Set(Vec::new())),

            op::BININT1 => {
                self.input.array().map(u8::from_le_bytes).and_then(|int| self.push_new(Node::Int(int.into())))
            }
            op::BININT2 => self
                .input
                .array()
                .map(u16::from_le_bytes)
                .and_then(|int| self.push_new(Node::Int(int.into()))),
            op::BININT => self
                .input
                .array()
                .map(i32::from_le_bytes)
                .and_then(|int| self.push_new(Node::Int(int.into()))),
            op::LONG1 => self.input.length::<1>().and_then(|len| self.long(len)),
            op::LONG4 => self.input.length::<4>().and_then(|len| self.long(len)),
            op::BINFLOAT => {
                self.input.array().map(f64::from_be_bytes).and_then(|float| self.push_new(Node::Float(float)))
            }
            op::INT => self.int_line(),
            op::LONG => self.long_line(),
            op::FLOAT => self.float_line(),

            op::SHORT_BINUNICODE => self.input.length::<1>().and_then(|len| self.unicode(len)),
            op::BINUNICODE => self.input.length::<4>().and_then(|len| self.unicode(len)),
            op::BINUNICODE8 => self.input.length::<8>().and_then(|len| self.unicode(len)),
            op::SHORT_BINBYTES => self.input.length::<1>().and_then(|len| self.bytes(len)),
            op::BINBYTES => self.input.length::<4>().and_then(|len| self.bytes(len)),
            op::BINBYTES8 | op::BYTEARRAY8 => self.input.length::<8>().and_then(|len| self.bytes(len)),
            op::SHORT_BINSTRING => self.input.length::<1>().and_then(|len| self.string(len)),
            op::BINSTRING => self.input.length::<4>().and_then(|len| self.string(len)),
            op::UNICODE => self.unicode_line(),
            op::STRING => self.string_line(),

            op::LIST => self.pop_to_mark().and_then(|items| self.push_new(Node::List(items))),
            op::TUPLE => self.pop_to_mark().and_then(|items| self.push_tuple(items)),
            op::TUPLE1 => self.pop_many(1).and_then(|items| self.push_tuple(items)),
            op::TUPLE2 => self.pop_many(2).and_then(|items| self.push_tuple(items)),
            op::TUPLE3 => self.pop_many(3).and_then(|items| self.push_tuple(items)),
            op::DICT => {
                let pairs = self.pop_to_mark()?;
                self.check_pairs(&pairs)?;
                self.push_new(Node::Dict(pairs))
            }
            op::FROZENSET => self.pop_to_mark().and_then(|items| self.push_new(Node::Set(items))),
            op::APPEND => self.pop_many(1).and_then(|items| self.append(&items)),
            op::APPENDS | op::ADDITEMS => self.pop_to_mark().and_then(|items| self.append(&items)),
            op::SETITEM => self.pop_many(2).and_then(|pairs| self.set(&pairs)),
            op::SETITEMS => self.pop_to_mark().and_then(|pairs| self.set(&pairs)),

            op::PUT => self.input.decimal().and_then(|index| self.put(index)),
            op::BINPUT => self.input.array().map(u8::from_le_bytes).and_then(|index| self.put(index.into())),
            op::LONG_BINPUT => {
                self.input.array().map(u32::from_le_bytes).and_then(|index| self.put(index as usize))
            }
            op::MEMOIZE => self.put(self.memo.len()),
            op::GET => self.input.decimal().and_then(|index| self.get(index)),
            op::BINGET => self.input.array().map(u8::from_le_bytes).and_then(|index| self.get(index.into())),
            op::LONG_BINGET => {
                self.input.array().map(u32::from_le_bytes).and_then(|index| self.get(index as usize))
            }

            op::GLOBAL => {
                let global = self.global_lines()?;
                self.push_new(Node::Global(global))
            }
            op::STACK_GLOBAL => self.stack_global(),
            op::REDUCE => self.reduce(),
            op::NEWOBJ => self.new_object(None),
            op::NEWOBJ_EX => {
                let kwargs = self.pop()?;
                self.new_object(Some(kwargs))
            }
            op::OBJ => self.old_object(),
            op::INST => self.instance(),
            op::BUILD => self.build(),

            op::READONLY_BUFFER => match self.top().map(|id| self.node(id))? {
                Node::Bytes(_) => Ok(()),
                _ => Err(self.input.corrupt("READONLY_BUFFER on a value without bytes")),
            },
            op::NEXT_BUFFER => Err(self.outside("an out-of-band buffer")),
            op::PERSID | op::BINPERSID => Err(self.outside("a persistent id")),
            op::EXT1 | op::EXT2 | op::EXT4 => Err(self.outside("a code of Python's extension registry")),
            _ => Err(self.input.corrupt(format!("unknown pickle opcode {opcode:#04x}"))),
        }
    }

    fn protocol(&mut self) -> Result<()> {
        match self.input.byte()? {
            0..=5 => Ok(()),
            protocol => {
                Err(self.input.corrupt(format!("pickle protocol {protocol} does not exist, expected 0 to 5")))
            }
        }
    }

    fn outside(&self, what: &str) -> FormatError {
        self.input.problem(Problem::OutsideReference { what: what.to_owned() })
    }

    pub(super) fn limit(&self, limit: &'static str, allowed: u64) -> FormatError {
        self.input.problem(Problem::LimitExceeded { limit, allowed })
    }
}

/// Stack, arena and memo.
impl Machine<'_> {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    pub(super) fn add(&mut self, node: Node) -> Result<NodeId> {
        let allowed = self.limits.max_nodes.min(UNSET as usize - 1);
        if self.nodes.len() >= allowed {
            return Err(self.limit("max_nodes", allowed as u64));
        }
        self.nodes.push(node);
        Ok((self.nodes.len() - 1) as NodeId)
    }

    /// Counts values that are copied from one container to another. A pickler copies each value at most once, and each costs a byte of the file.
    pub(super) fn copied(&mut self, count: usize) -> Result<()> {
        self.copied += count;
        if self.copied > self.input.data.len() {
            return Err(self.input.corrupt("the same values are copied again and again"));
        }
        Ok(())
    }

    fn push(&mut self, id: NodeId) -> Result<()> {
        self.stack.push(id);
        Ok(())
    }

    fn push_new(&mut self, node: Node) -> Result<()> {
        let id = self.add(node)?;
        self.push(id)
    }

    fn push_tuple(&mut self, items: Vec<NodeId>) -> Result<()> {
        if items.is_empty() { self.push(EMPTY_TUPLE) } else { self.push_new(Node::Tuple(items.into())) }
    }

    /// The lowest height the stack may be popped to.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn underflow(&self) -> FormatError {
        self.input.corrupt("an opcode takes more values than there are")
    }

    fn top(&self) -> Result<NodeId> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => Ok(id),
            _ => Err(self.underflow()),
        }
    }

    fn pop(&mut self) -> Result<NodeId> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    /// `POP` also takes back a `MARK` that nothing was put on.
    fn discard(&mut self) -> Result<()> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<NodeId>> {
        if self.stack.len() < self.floor() + count {
            return Err(self.underflow());
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<NodeId>> {
        let height = self
            .marks
            .pop()
            .ok_or_else(|| self.input.corrupt("an opcode needs a MARK, and there is none"))?;
        Ok(self.stack.split_off(height))
    }

    fn put(&mut self, index: usize) -> Result<()> {
        // Picklers number the memo from 0, so a slot has at least its number of bytes before it.
        if index > self.input.at {
            return Err(self
                .input
                .corrupt(format!("memo slot {index} is beyond what a file of this size can use")));
        }
        let id = self.top()?;
        if index >= self.memo.len() {
            self.memo.resize(index + 1, UNSET);
        }
        self.memo[index] = id;
        Ok(())
    }

    fn get(&mut self, index: usize) -> Result<()> {
        match self.memo.get(index) {
            Some(&id) if id != UNSET => self.push(id),
            _ => Err(self.input.corrupt(format!("memo slot {index} is read before it is written"))),
        }
    }
}

/// Numbers and texts.
impl<'a> Machine<'a> {
    /// The span of bytes that were just taken from the input.
    pub(super) fn span_of(&self, bytes: &'a [u8]) -> Span {
        Span { start: self.input.at - bytes.len(), len: bytes.len(), decoded: false }
    }

    pub(super) fn span(&self, span: Span) -> &[u8] {
        let from = if span.decoded { &self.decoded } else { self.input.data };
        &from[span.start..span.start + span.len]
    }

    /// Keeps bytes that are not in the file as they are. Their sum is bounded by the size of the file: each decoded text is written once.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Result<Span> {
        const FREE: usize = 1 << 20;
        if self.decoded.len() + bytes.len() > self.input.data.len().saturating_mul(2).saturating_add(FREE) {
            return Err(self.input.corrupt("the same text is decoded again and again"));
        }
        let span = Span { start: self.decoded.len(), len: bytes.len(), decoded: true };
        self.decoded.extend_from_slice(bytes);
        Ok(span)
    }

    fn long(&mut self, len: usize) -> Result<()> {
        let bytes = self.input.take(len, "an integer")?;
        let node = if len <= 8 {
            let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
            let mut wide = [if negative { 0xff } else { 0 }; 8];
            wide[..len].copy_from_slice(bytes);
            Node::Int(i64::from_le_bytes(wide))
        } else {
            Node::BigInt
        };
        self.push_new(node)
    }

    fn int_line(&mut self) -> Result<()> {
        match self.input.line()? {
            b"00" => self.push(FALSE),
            b"01" => self.push(TRUE),
            line => self.integer_text(line),
        }
    }

    fn long_line(&mut self) -> Result<()> {
        let line = self.input.line()?;
        self.integer_text(line.strip_suffix(b"L").unwrap_or(line))
    }

    fn integer_text(&mut self, line: &[u8]) -> Result<()> {
        let digits = line.strip_prefix(b"-").unwrap_or(line);
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|_| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
        let Some(text) = text else {
            return Err(self.input.corrupt("an integer that is no number"));
        };
        match text.parse() {
            Ok(int) => self.push_new(Node::Int(int)),
            Err(_) => self.push_new(Node::BigInt),
        }
    }

    fn float_line(&mut self) -> Result<()> {
        let line = self.input.line()?;
        let float = std::str::from_utf8(line).ok().and_then(|text| text.trim().parse().ok());
        let float = float.ok_or_else(|| self.input.corrupt("a float that is no number"))?;
        self.push_new(Node::Float(float))
    }

    fn unicode(&mut self, len: usize) -> Result<()> {
        let bytes = self.input.take(len, "a text")?;
        if std::str::from_utf8(bytes).is_err() {
            return Err(self.input.corrupt("a text that is not UTF-8"));
        }
        self.push_new(Node::Text(self.span_of(bytes)))
    }

    fn bytes(&mut self, len: usize) -> Result<()> {
        let bytes = self.input.take(len, "bytes")?;
        self.push_new(Node::Bytes(self.span_of(bytes)))
    }

    /// A Python 2 `str`: Python 3 reads it as ASCII text by default. Other bytes stay bytes.
    fn string(&mut self, len: usize) -> Result<()> {
        let bytes = self.input.take(len, "a string")?;
        let span = self.span_of(bytes);
        self.push_new(if bytes.is_ascii() { Node::Text(span) } else { Node::Bytes(span) })
    }

    fn unicode_line(&mut self) -> Result<()> {
        let line = self.input.line()?;
        let decoded =
            text::raw_unicode_escape(line).ok_or_else(|| self.input.corrupt("a text with a bad escape"))?;
        let span = self.keep(decoded.as_bytes())?;
        self.push_new(Node::Text(span))
    }

    fn string_line(&mut self) -> Result<()> {
        let line = self.input.line()?;
        let decoded =
            text::quoted(line).ok_or_else(|| self.input.corrupt("a string that is not quoted well"))?;
        let span = self.keep(&decoded)?;
        self.push_new(if decoded.is_ascii() { Node::Text(span) } else { Node::Bytes(span) })
    }
}

/// Containers and objects.
impl Machine<'_> {
    fn check_pairs(&self, pairs: &[NodeId]) -> Result<()> {
        if pairs.len() % 2 == 0 { Ok(()) } else { Err(self.input.corrupt("a dict with a key but no value")) }
    }

    fn append(&mut self, items: &[NodeId]) -> Result<()> {
        let id = self.top()?;
        let into = match &mut self.nodes[id as usize] {
            Node::List(into) | Node::Set(into) => into,
            Node::Object(object) => &mut object.items,
            node => {
                let name = node.type_name();
                return Err(self.input.corrupt(format!("a value is appended to {name}")));
            }
        };
        into.extend_from_slice(items);
        Ok(())
    }

    fn set(&mut self, pairs: &[NodeId]) -> Result<()> {
        self.check_pairs(pairs)?;
        let id = self.top()?;
        let into = match &mut self.nodes[id as usize] {
            Node::Dict(into) => into,
            Node::Object(object) => &mut object.pairs,
            node => {
                let name = node.type_name();
                return Err(self.input.corrupt(format!("a key is set in {name}")));
            }
        };
        into.extend_from_slice(pairs);
        Ok(())
    }

    fn global_lines(&mut self) -> Result<Global> {
        let mut part = || {
            let line = self.input.line()?;
            if std::str::from_utf8(line).is_err() {
                return Err(self.input.corrupt("a name that is not UTF-8"));
            }
            let span = Span { start: self.input.at - 1 - line.len(), len: line.len(), decoded: false };
            self.add(Node::Text(span))
        };
        Ok(Global { module: part()?, name: part()? })
    }

    fn stack_global(&mut self) -> Result<()> {
        let parts = self.pop_many(2)?;
        let (module, name) = (parts[0], parts[1]);
        match (self.node(module), self.node(name)) {
            (Node::Text(_), Node::Text(_)) => self.push_new(Node::Global(Global { module, name })),
            _ => Err(self.input.corrupt("a name whose parts are no texts")),
        }
    }

    fn expect_tuple(&self, id: NodeId) -> Result<()> {
        match self.node(id) {
            Node::Tuple(_) => Ok(()),
            node => Err(self.input.corrupt(format!("arguments that are {}, not a tuple", node.type_name()))),
        }
    }

    fn reduce(&mut self) -> Result<()> {
        let parts = self.pop_many(2)?;
        self.expect_tuple(parts[1])?;
        match *self.node(parts[0]) {
            Node::Global(callable) => self.call(callable, parts[1]),
            _ => {
                let callable = format!("the result of another call, {}", self.node(parts[0]).type_name());
                Err(self.input.problem(Problem::ForbiddenCall { callable }))
            }
        }
    }

    /// What a call stands for, when it is known to make data or to rebuild an object.
    fn call(&mut self, callable: Global, args: NodeId) -> Result<()> {
        let node = known::call(self, callable, args)?;
        self.push_new(node)
    }

    fn new_object(&mut self, kwargs: Option<NodeId>) -> Result<()> {
        let parts = self.pop_many(2)?;
        self.expect_tuple(parts[1])?;
        let Node::Global(callable) = *self.node(parts[0]) else {
            return Err(self.input.corrupt("a new object whose class is no name"));
        };
        self.push_new(Object { kwargs, ..Object::new(Making::New, callable, parts[1]) }.into())
    }

    fn old_object(&mut self) -> Result<()> {
        let mut parts = self.pop_to_mark()?;
        if parts.is_empty() {
            return Err(self.underflow());
        }
        let Node::Global(callable) = *self.node(parts.remove(0)) else {
            return Err(self.input.corrupt("an object whose class is no name"));
        };
        let args = self.add(Node::Tuple(parts.into()))?;
        self.call(callable, args)
    }

    fn instance(&mut self) -> Result<()> {
        let parts = self.pop_to_mark()?;
        let callable = self.global_lines()?;
        let args = self.add(Node::Tuple(parts.into()))?;
        self.call(callable, args)
    }

    fn build(&mut self) -> Result<()> {
        let state = self.pop()?;
        let id = self.top()?;
        match &mut self.nodes[id as usize] {
            Node::Object(object) if object.state.is_none() => object.state = Some(state),
            Node::Object(_) => return Err(self.input.corrupt("an object is given a second state")),
            Node::Dtype(_) => {}
            node => {
                let name = node.type_name();
                return Err(self.input.corrupt(format!("a state is given to {name}")));
            }
        }
        known::built(self, id, state)
    }
}
