//! Code that a file holds by value, as cloudpickle and dill write what is not in an installed module.
//!
//! Such a class or function becomes its name and nothing else, marked as the file's own ([`Class`](super::Class) then counts it to
//! `__main__`, whatever module it claims to be of), so that a loader that meets it can say which one it is and where it stands. What it is
//! made of is read as data and left alone; nothing of the file's own may be called.

use super::known::{self, str_of};
use super::machine::{Machine, Result};
use super::node::{Global, Making, Node, NodeId, Object};
use super::numpy;

/// What a call of cloudpickle's or dill's function `name` stands for.
pub(super) fn call(
    machine: &mut Machine<'_>,
    callable: Global,
    name: &str,
    args: NodeId,
    parts: &[NodeId],
) -> Result<Node> {
    match (name, parts) {
        // Classes: the metaclass, name, bases and attributes. cloudpickle adds the methods in a later call.
        ("_make_skeleton_class" | "_create_type", &[_, name, _bases, attributes, ..]) => {
            let module = entry(machine, attributes, "__module__");
            own(machine, module, Some(name))
        }
        ("_make_skeleton_enum", &[_bases, name, _, _, module, ..]) => own(machine, Some(module), Some(name)),
        // Functions: the code, the globals they see, and their name.
        ("_make_function" | "_create_function", &[code, globals, name, ..]) => {
            let module = entry(machine, globals, "__name__");
            let name = if machine.node(name).text().is_some() { Some(name) } else { name_of(machine, code) };
            own(machine, module, name)
        }
        ("_make_skel_func", &[code, ..]) => {
            let name = name_of(machine, code);
            own(machine, None, name)
        }
        // Types of Python's own that have no name to import: code, cells, functions.
        ("_builtin_type" | "_load_type", &[name]) => machine.named(callable.module, name).map(Node::Global),
        ("_create_array", &[function, arguments, state, ..]) => array(machine, function, arguments, state),
        // What completes something of the file's own gives it back; the rest is what code consists of.
        _ => match parts.first().and_then(|&first| machine.node(first).global()) {
            Some(first) if first.own => Ok(Node::Global(first)),
            Some(_) | None => Ok(Object::new(Making::Call, callable, args).into()),
        },
    }
}

/// The module of the functions of `dill._dill`, when this is it: dill takes one of them by `getattr`.
pub(super) fn of_dill(machine: &Machine<'_>, holder: NodeId) -> Option<NodeId> {
    let holder = machine.node(holder).global()?;
    known::class(machine, holder).is("dill", "_dill").then_some(holder.module)
}

/// Is it code of the file's own, or something such code consists of? An attribute that is set on it is read as data and left alone.
pub(super) fn is_part(machine: &Machine<'_>, id: NodeId) -> bool {
    let node = machine.node(id);
    let of_dill = |object: &Object| known::class(machine, object.callable).package() == "dill";
    node.global().is_some_and(|global| global.own) || node.object().is_some_and(of_dill)
}

/// The name of a class or function of the file's own.
fn own(machine: &mut Machine<'_>, module: Option<NodeId>, name: Option<NodeId>) -> Result<Node> {
    let module = text_or(machine, module, "__main__")?;
    let name = text_or(machine, name, "<function>")?;
    Ok(Node::Global(Global { own: true, ..machine.named(module, name)? }))
}

fn text_or(machine: &mut Machine<'_>, text: Option<NodeId>, otherwise: &str) -> Result<NodeId> {
    match text.filter(|&id| machine.node(id).text().is_some()) {
        Some(id) => Ok(id),
        None => {
            let span = machine.keep(otherwise.as_bytes())?;
            machine.add(Node::Text(span))
        }
    }
}

/// The name of a function from its code: the text after the name of the file, whatever Python's version.
fn name_of(machine: &Machine<'_>, code: NodeId) -> Option<NodeId> {
    let code = machine.node(code).object()?;
    let texts = known::tuple(machine, code.args).iter().filter(|&&id| machine.node(id).text().is_some());
    texts.copied().nth(1)
}

/// The value of a text key, within the first entries of a dict.
fn entry(machine: &Machine<'_>, dict: NodeId, key: &str) -> Option<NodeId> {
    /// Entries that are looked through: `__module__` and `__name__` come early, and the work stays bounded.
    const MOST: usize = 32;
    let pairs = machine.node(dict).entries()?.chunks_exact(2).take(MOST);
    pairs.filter(|pair| str_of(machine, pair[0]) == Some(key)).map(|pair| pair[1]).next_back()
}

/// dill's `_create_array(function, arguments, state, …)`: numpy's own way to write an array, in one call.
fn array(machine: &mut Machine<'_>, function: NodeId, arguments: NodeId, state: NodeId) -> Result<Node> {
    let callable = machine.expect_global(function)?;
    machine.expect_tuple(arguments)?;
    if !known::class(machine, callable).is("numpy", "_reconstruct") {
        return Err(machine.input.corrupt("an array that is made by a function other than numpy's"));
    }
    let id = machine.add(Object::new(Making::Call, callable, arguments).into())?;
    numpy::reconstructed(machine, id, state)?;
    // The call puts its result on the stack itself; the place it was completed in stays behind, and no array is copied.
    Ok(machine.take(id))
}
