//! The stack machine: opcodes in, nodes out.

mod literals;
mod objects;

pub(in crate::pickle) use objects::MAX_NAME;

use super::input::Input;
use super::node::{EMPTY_TUPLE, FALSE, NONE, Node, NodeId, TRUE};
use super::opcode as op;
use crate::{FormatError, Limits, Problem};

pub(in crate::pickle) type Result<T> = std::result::Result<T, FormatError>;

/// A memo slot that was never written.
const UNSET: NodeId = NodeId::MAX;

/// The machine and the tree it grows.
pub(in crate::pickle) struct Machine<'a> {
    pub(in crate::pickle) input: Input<'a>,
    pub(in crate::pickle) nodes: Vec<Node>,
    /// Bytes that had to be decoded; spans refer to it.
    pub(in crate::pickle) decoded: Vec<u8>,
    pub(in crate::pickle) limits: &'a Limits,
    stack: Vec<NodeId>,
    /// Heights of the stack at which a `MARK` was set.
    marks: Vec<usize>,
    memo: Vec<NodeId>,
    opcodes: u64,
    spent: usize,
    tree_bytes: usize,
    /// Inside the nested pickle of an object array of a joblib file.
    pub(in crate::pickle) nested: bool,
    pub(in crate::pickle) protocol: u8,
    /// An array stood in the stream, as only joblib writes them.
    pub(in crate::pickle) joblib: bool,
}

impl<'a> Machine<'a> {
    pub(in crate::pickle) fn new(data: &'a [u8], limits: &'a Limits) -> Self {
        Machine {
            input: Input { data, at: 0 },
            nodes: vec![Node::None, Node::Bool(false), Node::Bool(true), Node::Tuple(Box::default())],
            decoded: Vec::new(),
            limits,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            opcodes: 0,
            spent: 0,
            tree_bytes: 0,
            nested: false,
            protocol: 0,
            joblib: false,
        }
    }

    /// Runs up to `STOP` and gives the root.
    pub(in crate::pickle) fn run(&mut self) -> Result<NodeId> {
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
    pub(in crate::pickle) fn run_nested(&mut self) -> Result<NodeId> {
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
            op::PROTO => self.read_protocol(),
            op::FRAME => self.input.length::<8>().map(drop),
            op::MARK => self.mark(),
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
            op::DICT => self.new_dict(),
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

            op::READONLY_BUFFER => match self.node(self.top()?).bytes() {
                Some(_) => Ok(()),
                None => Err(self.input.corrupt("READONLY_BUFFER on a value without bytes")),
            },
            op::NEXT_BUFFER => Err(self.outside("an out-of-band buffer")),
            op::PERSID | op::BINPERSID => Err(self.outside("a persistent id")),
            op::EXT1 | op::EXT2 | op::EXT4 => Err(self.outside("a code of Python's extension registry")),
            _ => Err(self.input.corrupt(format!("unknown pickle opcode {opcode:#04x}"))),
        }
    }

    fn read_protocol(&mut self) -> Result<()> {
        match self.input.byte()? {
            protocol @ 0..=5 => {
                // The first is that of the file; others are of pickles inside it.
                if !self.nested {
                    self.protocol = protocol;
                }
                Ok(())
            }
            protocol => {
                Err(self.input.corrupt(format!("pickle protocol {protocol} does not exist, expected 0 to 5")))
            }
        }
    }

    fn outside(&self, what: &str) -> FormatError {
        self.input.problem(Problem::OutsideReference { what: what.to_owned() })
    }

    pub(in crate::pickle) fn limit(&self, limit: &'static str, allowed: u64) -> FormatError {
        self.input.problem(Problem::LimitExceeded { limit, allowed })
    }
}

/// Stack, arena and memo.
impl Machine<'_> {
    pub(in crate::pickle) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    pub(in crate::pickle) fn add(&mut self, node: Node) -> Result<NodeId> {
        let allowed = self.limits.max_nodes.min(UNSET as usize - 1);
        if self.nodes.len() >= allowed {
            return Err(self.limit("max_nodes", allowed as u64));
        }
        self.grow(size_of::<Node>() + node.heap_bytes())?;
        self.nodes.push(node);
        Ok((self.nodes.len() - 1) as NodeId)
    }

    /// Counts memory that the tree takes.
    pub(in crate::pickle) fn grow(&mut self, bytes: usize) -> Result<()> {
        self.tree_bytes = self.tree_bytes.saturating_add(bytes);
        if self.tree_bytes <= self.limits.max_tree_bytes {
            return Ok(());
        }
        Err(self.limit("max_tree_bytes", self.limits.max_tree_bytes as u64))
    }

    /// Takes a value that nothing refers to.
    pub(in crate::pickle) fn take(&mut self, id: NodeId) -> Node {
        std::mem::replace(&mut self.nodes[id as usize], Node::None)
    }

    /// Puts what a record has turned out to be in its place.
    pub(in crate::pickle) fn replace(&mut self, id: NodeId, node: Node) -> Result<()> {
        self.grow(node.heap_bytes())?;
        self.nodes[id as usize] = node;
        Ok(())
    }

    /// Counts work on values that are there already. A pickler refers to each value a few times at most, and each costs a byte of the file.
    pub(in crate::pickle) fn spend(&mut self, count: usize) -> Result<()> {
        self.spent = self.spent.saturating_add(count);
        if self.spent > self.input.data.len().saturating_mul(4) {
            return Err(self.input.corrupt("the same values are copied again and again"));
        }
        Ok(())
    }

    fn push(&mut self, id: NodeId) -> Result<()> {
        if self.stack.len() >= self.limits.max_nodes {
            return Err(self.limit("max_nodes", self.limits.max_nodes as u64));
        }
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

    fn mark(&mut self) -> Result<()> {
        if self.marks.len() >= self.limits.max_nodes {
            return Err(self.limit("max_nodes", self.limits.max_nodes as u64));
        }
        self.marks.push(self.stack.len());
        Ok(())
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
        Ok(self.take_above(self.stack.len() - count))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<NodeId>> {
        let height = self
            .marks
            .pop()
            .ok_or_else(|| self.input.corrupt("an opcode needs a MARK, and there is none"))?;
        Ok(self.take_above(height))
    }

    /// Not `split_off`, which may keep the capacity of the whole stack.
    fn take_above(&mut self, height: usize) -> Vec<NodeId> {
        let items = self.stack[height..].to_vec();
        self.stack.truncate(height);
        items
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
