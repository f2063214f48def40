//! The messages of `onnx.proto` that a model for prediction is made of.

use crate::{FileKind, FormatError, Problem};

use super::Result;
use super::tensor::Tensor;
use super::wire::{Field, Message};

/// `ModelProto`.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub(super) producer: &'a str,
    pub(super) producer_version: &'a str,
    /// Domain and version of each operator set.
    pub(super) opsets: Vec<(&'a str, i64)>,
    pub(super) graph: Option<Graph<'a>>,
    pub(super) functions: usize,
}

/// `GraphProto`.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) initializers: Vec<(&'a str, Tensor)>,
    pub(super) inputs: Vec<ValueInfo<'a>>,
    pub(super) outputs: Vec<ValueInfo<'a>>,
}

/// `NodeProto`.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) name: &'a str,
    pub(super) operator: &'a str,
    pub(super) domain: &'a str,
    pub(super) attributes: Vec<(&'a str, Attribute<'a>)>,
}

/// The value of an `AttributeProto`.
#[derive(Debug)]
pub(super) enum Attribute<'a> {
    Float(f32),
    Integer(i64),
    Text(&'a str),
    Tensor(Tensor),
    Graph(Box<Graph<'a>>),
    Floats(Vec<f32>),
    Integers(Vec<i64>),
    Texts(Vec<&'a str>),
}

/// `ValueInfoProto`.
#[derive(Debug, Default)]
pub(super) struct ValueInfo<'a> {
    pub(super) name: &'a str,
    /// Type and dimensions of a tensor, `None` for those that the file does not fix; nothing where it is no tensor.
    pub(super) tensor: Option<(i64, Option<Vec<Option<usize>>>)>,
    /// The type of the values of a map.
    pub(super) map: Option<i64>,
}

/// A file.
pub(super) fn model<'a>(mut message: Message<'a>) -> Result<Model<'a>> {
    let mut model = Model::default();
    while let Some(field) = message.next()? {
        match field.number {
            2 => model.producer = field.text()?,
            3 => model.producer_version = field.text()?,
            7 => model.graph = Some(graph(field.message()?)?),
            8 => {
                message.budget().take::<(&str, i64)>(1)?;
                model.opsets.push(opset(field.message()?)?);
            }
            25 => model.functions += 1,
            _ => {}
        }
    }
    Ok(model)
}

fn opset<'a>(mut message: Message<'a>) -> Result<(&'a str, i64)> {
    let (mut domain, mut version) = ("", 0);
    while let Some(field) = message.next()? {
        match field.number {
            1 => domain = field.text()?,
            2 => version = field.integer()?,
            _ => {}
        }
    }
    Ok((domain, version))
}

fn graph<'a>(mut message: Message<'a>) -> Result<Graph<'a>> {
    let (mut graph, budget) = (Graph::default(), message.budget());
    while let Some(field) = message.next()? {
        match field.number {
            1 => {
                budget.take::<Node<'_>>(1)?;
                graph.nodes.push(node(field.message()?)?);
            }
            5 => {
                budget.take::<(&str, Tensor)>(1)?;
                graph.initializers.push(Tensor::read(field.message()?)?);
            }
            11 | 12 => {
                budget.take::<ValueInfo<'_>>(1)?;
                let to = if field.number == 11 { &mut graph.inputs } else { &mut graph.outputs };
                to.push(value_info(field.message()?)?);
            }
            15 => return Err(unsupported("sparse_initializer", "a tensor", "dense tensors")),
            _ => {}
        }
    }
    Ok(graph)
}

fn node<'a>(mut message: Message<'a>) -> Result<Node<'a>> {
    let (mut node, budget) = (Node::default(), message.budget());
    while let Some(field) = message.next()? {
        match field.number {
            1 | 2 => {
                budget.take::<&str>(1)?;
                let to = if field.number == 1 { &mut node.inputs } else { &mut node.outputs };
                to.push(field.text()?);
            }
            3 => node.name = field.text()?,
            4 => node.operator = field.text()?,
            5 => {
                budget.take::<(&str, Attribute<'_>)>(1)?;
                node.attributes.push(attribute(field.message()?)?);
            }
            7 => node.domain = field.text()?,
            _ => {}
        }
    }
    Ok(node)
}

/// The fields of an `AttributeProto`, of which its type says which one counts.
#[derive(Default)]
struct Fields<'a> {
    kind: i64,
    float: f32,
    integer: i64,
    text: &'a str,
    tensor: Option<Tensor>,
    graph: Option<Graph<'a>>,
    floats: Vec<f32>,
    integers: Vec<i64>,
    texts: Vec<&'a str>,
    /// The number of the last field that holds a value: what counts where files of old name no type.
    last: u64,
}

fn attribute<'a>(mut message: Message<'a>) -> Result<(&'a str, Attribute<'a>)> {
    let (mut name, mut fields, budget) = ("", Fields::default(), message.budget());
    while let Some(field) = message.next()? {
        match field.number {
            1 => name = field.text()?,
            20 => fields.kind = field.integer()?,
            21 => return Err(unsupported(name, "a reference to a function's attribute", "a value")),
            number => {
                fields.read(&field, budget)?;
                fields.last = number;
            }
        }
    }
    let value = fields.value().ok_or_else(|| {
        let supported = "a number, a string, a tensor, a graph, or a list of numbers or strings";
        unsupported(name, "an attribute of another type", supported)
    })?;
    Ok((name, value))
}

impl<'a> Fields<'a> {
    fn read(&mut self, field: &Field<'a>, budget: &super::wire::Budget) -> Result<()> {
        match field.number {
            2 => self.float = field.single()?,
            3 => self.integer = field.integer()?,
            4 => self.text = field.text()?,
            5 => self.tensor = Some(Tensor::read(field.message()?)?.1),
            6 => self.graph = Some(graph(field.message()?)?),
            7 => field.singles(budget, &mut self.floats)?,
            8 => field.integers(budget, &mut self.integers)?,
            9 => {
                budget.take::<&str>(1)?;
                self.texts.push(field.text()?);
            }
            _ => {}
        }
        Ok(())
    }

    fn value(self) -> Option<Attribute<'a>> {
        // `AttributeProto.AttributeType`, or the type of the only field there is.
        let kind = if self.kind == 0 { self.last.checked_sub(1)? as i64 } else { self.kind };
        Some(match kind {
            1 => Attribute::Float(self.float),
            2 => Attribute::Integer(self.integer),
            3 => Attribute::Text(self.text),
            4 => Attribute::Tensor(self.tensor?),
            5 => Attribute::Graph(Box::new(self.graph?)),
            6 => Attribute::Floats(self.floats),
            7 => Attribute::Integers(self.integers),
            8 => Attribute::Texts(self.texts),
            _ => return None,
        })
    }
}

fn value_info<'a>(mut message: Message<'a>) -> Result<ValueInfo<'a>> {
    let mut info = ValueInfo::default();
    while let Some(field) = message.next()? {
        match field.number {
            1 => info.name = field.text()?,
            2 => {
                let mut kind = field.message()?;
                while let Some(field) = kind.next()? {
                    match field.number {
                        1 => info.tensor = Some(tensor_type(field.message()?)?),
                        5 => info.map = map_type(field.message()?)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(info)
}

/// The type of the values of a map, where they are numbers or texts.
fn map_type(mut message: Message<'_>) -> Result<Option<i64>> {
    let mut values = None;
    while let Some(field) = message.next()? {
        if field.number == 2 {
            let mut kind = field.message()?;
            while let Some(field) = kind.next()? {
                if field.number == 1 {
                    values = Some(tensor_type(field.message()?)?.0);
                }
            }
        }
    }
    Ok(values)
}

fn tensor_type(mut message: Message<'_>) -> Result<(i64, Option<Vec<Option<usize>>>)> {
    let (mut kind, mut shape) = (0, None);
    while let Some(field) = message.next()? {
        match field.number {
            1 => kind = field.integer()?,
            2 => {
                let (mut dims, mut message) = (Vec::new(), field.message()?);
                while let Some(field) = message.next()? {
                    if field.number == 1 {
                        message.budget().take::<Option<usize>>(1)?;
                        dims.push(dimension(field.message()?)?);
                    }
                }
                shape = Some(dims);
            }
            _ => {}
        }
    }
    Ok((kind, shape))
}

fn dimension(mut message: Message<'_>) -> Result<Option<usize>> {
    let mut dimension = None;
    while let Some(field) = message.next()? {
        if field.number == 1 {
            // Old writers put 0 or -1 where they do not know.
            dimension = usize::try_from(field.integer()?).ok().filter(|size| *size > 0);
        }
    }
    Ok(dimension)
}

fn unsupported(option: &str, value: &str, supported: &str) -> FormatError {
    let (option, value, supported) = (option.into(), value.into(), supported.into());
    FormatError::new(FileKind::Onnx, Problem::UnsupportedOption { option, value, supported })
}
