//! The tree a pickle is read into: nodes in one vector, named by index, so that cycles and shared parts cost nothing and dropping is flat.

use std::sync::Arc;

use super::array::ArrayNode;
use super::dtype::Dtype;

/// Index of a node in the arena.
pub(super) type NodeId = u32;

/// Nodes every pickle shares, so that a stream of one-byte constants costs no memory.
pub(super) const NONE: NodeId = 0;
/// `False`.
pub(super) const FALSE: NodeId = 1;
/// `True`.
pub(super) const TRUE: NodeId = 2;
/// `()`.
pub(super) const EMPTY_TUPLE: NodeId = 3;

/// Bytes that are in the file itself or, when they had to be decoded, in the side buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) decoded: bool,
}

/// One value of the file.
#[derive(Debug, Clone)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits; no model needs its value.
    BigInt,
    Float(f64),
    /// Valid UTF-8.
    Text(Span),
    Bytes(Span),
    List(Vec<NodeId>),
    Tuple(Box<[NodeId]>),
    Set(Vec<NodeId>),
    /// Keys and values in turn.
    Dict(Vec<NodeId>),
    /// A name that was looked up and never resolved.
    Global(Global),
    Object(Box<Object>),
    Dtype(Arc<Dtype>),
    Array(Box<ArrayNode>),
}

/// A dotted name; both parts are nodes of text, so that a repeated name costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Global {
    pub(super) module: NodeId,
    pub(super) name: NodeId,
    /// Whether what it names is defined in the file.
    pub(super) own: bool,
}

/// How a pickle says that an object comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    /// `class.__new__(class, *args)`.
    New,
    /// `callable(*args)`.
    Call,
}

/// What a pickle says about an object; inert.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) making: Making,
    /// The class or callable.
    pub(super) callable: Global,
    /// A tuple.
    pub(super) args: NodeId,
    /// A dict of keyword arguments, from `NEWOBJ_EX`.
    pub(super) kwargs: Option<NodeId>,
    /// The argument of `BUILD`.
    pub(super) state: Option<NodeId>,
    /// What was appended, for subclasses of list, set and deque.
    pub(super) items: Vec<NodeId>,
    /// Keys and values that were set, in turn, for subclasses of dict.
    pub(super) pairs: Vec<NodeId>,
}

impl Node {
    /// The type, as Python calls it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Node::None => "None",
            Node::Bool(_) => "bool",
            Node::Int(_) | Node::BigInt => "int",
            Node::Float(_) => "float",
            Node::Text(_) => "str",
            Node::Bytes(_) => "bytes",
            Node::List(_) => "list",
            Node::Tuple(_) => "tuple",
            Node::Set(_) => "set",
            Node::Dict(_) => "dict",
            Node::Global(_) => "class or function",
            Node::Object(_) => "object",
            Node::Dtype(_) => "dtype",
            Node::Array(_) => "array",
        }
    }
}

impl Node {
    /// About how much memory a node takes outside of the arena, with what an allocator adds.
    pub(super) fn heap_bytes(&self) -> usize {
        const ALLOCATION: usize = 16;
        let ids = |count: usize| if count == 0 { 0 } else { count * size_of::<NodeId>() + ALLOCATION };
        match self {
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::BigInt
            | Node::Float(_)
            | Node::Text(_)
            | Node::Bytes(_)
            | Node::Global(_) => 0,
            Node::List(items) | Node::Set(items) | Node::Dict(items) => ids(items.len()),
            Node::Tuple(items) => ids(items.len()),
            Node::Object(object) => {
                size_of::<Object>() + ids(object.items.len()) + ids(object.pairs.len()) + ALLOCATION
            }
            Node::Dtype(dtype) => dtype.heap_bytes() + ALLOCATION,
            Node::Array(array) => array.heap_bytes() + ALLOCATION,
        }
    }
}

/// The content of a node of one kind.
impl Node {
    pub(super) fn int(&self) -> Option<i64> {
        if let Node::Int(value) = self { Some(*value) } else { None }
    }

    /// An integer of 0 or more.
    pub(super) fn size(&self) -> Option<usize> {
        self.int().and_then(|value| usize::try_from(value).ok())
    }

    pub(super) fn text(&self) -> Option<Span> {
        if let Node::Text(span) = self { Some(*span) } else { None }
    }

    pub(super) fn bytes(&self) -> Option<Span> {
        if let Node::Bytes(span) = self { Some(*span) } else { None }
    }

    pub(super) fn tuple(&self) -> Option<&[NodeId]> {
        if let Node::Tuple(items) = self { Some(items) } else { None }
    }

    /// Keys and values of a dict, in turn.
    pub(super) fn entries(&self) -> Option<&[NodeId]> {
        if let Node::Dict(entries) = self { Some(entries) } else { None }
    }

    pub(super) fn global(&self) -> Option<Global> {
        if let Node::Global(global) = self { Some(*global) } else { None }
    }

    pub(super) fn object(&self) -> Option<&Object> {
        if let Node::Object(object) = self { Some(object) } else { None }
    }

    /// Elements of a list, set or tuple.
    pub(super) fn items(&self) -> Option<&[NodeId]> {
        if let Node::List(items) | Node::Set(items) = self { Some(items) } else { self.tuple() }
    }
}

impl Object {
    /// An object without a state yet.
    pub(super) fn new(making: Making, callable: Global, args: NodeId) -> Self {
        Object { making, callable, args, kwargs: None, state: None, items: Vec::new(), pairs: Vec::new() }
    }
}

impl From<Object> for Node {
    fn from(object: Object) -> Self {
        Node::Object(Box::new(object))
    }
}
