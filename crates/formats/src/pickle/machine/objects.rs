//! Opcodes that fill containers and make objects.

use super::{Machine, Result};
use crate::Problem;
use crate::pickle::known;
use crate::pickle::node::{Global, Node, NodeId, Span};

/// The longest name of a module, class or field, in bytes; names are compared and shown again and again.
pub(in crate::pickle) const MAX_NAME: usize = 1000;

impl Machine<'_> {
    pub(super) fn new_dict(&mut self) -> Result<()> {
        let pairs = self.pop_to_mark()?;
        self.check_pairs(&pairs)?;
        self.push_new(Node::Dict(pairs))
    }

    fn check_pairs(&self, pairs: &[NodeId]) -> Result<()> {
        if pairs.len().is_multiple_of(2) {
            Ok(())
        } else {
            Err(self.input.corrupt("a dict with a key but no value"))
        }
    }

    pub(super) fn append(&mut self, items: &[NodeId]) -> Result<()> {
        // Growing doubles a list now and then.
        self.grow(items.len() * 2 * size_of::<NodeId>())?;
        let id = self.top()?;
        let node = &mut self.nodes[id as usize];
        if let Node::List(into) | Node::Set(into) = node {
            into.extend_from_slice(items);
        } else if let Node::Object(object) = node {
            object.items.extend_from_slice(items);
        } else {
            let name = node.type_name();
            return Err(self.input.corrupt(format!("a value is appended to a value of type {name}")));
        }
        Ok(())
    }

    pub(super) fn set(&mut self, pairs: &[NodeId]) -> Result<()> {
        self.check_pairs(pairs)?;
        self.grow(pairs.len() * 2 * size_of::<NodeId>())?;
        let id = self.top()?;
        let node = &mut self.nodes[id as usize];
        if let Node::Dict(into) = node {
            into.extend_from_slice(pairs);
        } else if let Node::Object(object) = node {
            object.pairs.extend_from_slice(pairs);
        } else {
            let name = node.type_name();
            return Err(self.input.corrupt(format!("a key is set in a value of type {name}")));
        }
        Ok(())
    }

    pub(super) fn global_lines(&mut self) -> Result<Global> {
        let (module, name) = (self.name_line()?, self.name_line()?);
        self.named(module, name)
    }

    fn name_line(&mut self) -> Result<NodeId> {
        let line = self.input.line()?;
        if std::str::from_utf8(line).is_err() {
            return Err(self.input.corrupt("a name that is not UTF-8"));
        }
        let span = self.span_of(line);
        self.add(Node::Text(Span { start: span.start - 1, ..span }))
    }

    pub(super) fn stack_global(&mut self) -> Result<()> {
        let parts = self.pop_many(2)?;
        let global = self.named(parts[0], parts[1])?;
        self.push_new(Node::Global(global))
    }

    /// The dotted name made of two texts.
    pub(in crate::pickle) fn named(&self, module: NodeId, name: NodeId) -> Result<Global> {
        let is_name = |id| self.node(id).text().is_some_and(|span| span.len <= MAX_NAME);
        if is_name(module) && is_name(name) {
            Ok(Global { module, name, own: false })
        } else {
            Err(self.input.corrupt("a name whose parts are no short texts"))
        }
    }

    pub(in crate::pickle) fn expect_tuple(&self, id: NodeId) -> Result<()> {
        let node = self.node(id);
        match node.tuple() {
            Some(_) => Ok(()),
            None => Err(self.input.corrupt(format!("arguments of type {}, not a tuple", node.type_name()))),
        }
    }

    pub(in crate::pickle) fn expect_global(&self, id: NodeId) -> Result<Global> {
        self.node(id).global().ok_or_else(|| self.input.corrupt("an object whose class is no name"))
    }

    pub(super) fn reduce(&mut self) -> Result<()> {
        let parts = self.pop_many(2)?;
        self.expect_tuple(parts[1])?;
        let Some(callable) = self.node(parts[0]).global() else {
            let callable = format!("a value of type {}", self.node(parts[0]).type_name());
            return Err(self.input.problem(Problem::ForbiddenCall { callable }));
        };
        self.call(callable, parts[1])
    }

    fn call(&mut self, callable: Global, args: NodeId) -> Result<()> {
        let node = known::call(self, callable, args)?;
        self.push_new(node)
    }

    pub(super) fn new_object(&mut self, kwargs: Option<NodeId>) -> Result<()> {
        let parts = self.pop_many(2)?;
        let node = known::new_object(self, parts[0], parts[1], kwargs)?;
        self.push_new(node)
    }

    /// `OBJ`: the class, then its arguments, since a `MARK`.
    pub(super) fn old_object(&mut self) -> Result<()> {
        let parts = self.pop_to_mark()?;
        let (&class, args) = parts.split_first().ok_or_else(|| self.underflow())?;
        let callable = self.expect_global(class)?;
        let args = self.add(Node::Tuple(args.into()))?;
        self.call(callable, args)
    }

    /// `INST`: the arguments since a `MARK`, and the class as two lines.
    pub(super) fn instance(&mut self) -> Result<()> {
        let parts = self.pop_to_mark()?;
        let callable = self.global_lines()?;
        let args = self.add(Node::Tuple(parts.into()))?;
        self.call(callable, args)
    }

    pub(super) fn build(&mut self) -> Result<()> {
        let state = self.pop()?;
        let id = self.top()?;
        let node = &mut self.nodes[id as usize];
        if let Node::Object(object) = node {
            if object.state.is_some() {
                return Err(self.input.corrupt("an object is given a second state"));
            }
            object.state = Some(state);
        } else if node.global().is_some_and(|global| global.own) {
            // The attributes of a function.
            return Ok(());
        } else if !matches!(node, Node::Dtype(_)) {
            let name = node.type_name();
            return Err(self.input.corrupt(format!("a state is given to a value of type {name}")));
        }
        known::built(self, id, state)
    }
}
