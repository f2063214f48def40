//! The steps that a graph becomes: branches as they are met, then without those that nobody needs, chains of
//! branches put together, and layers of neural networks found.

use foretell_frame::Shape;
use foretell_model::estimator::{Activation, Layer, Linear, Neural};
use foretell_model::head::{Link, Regression};
use foretell_model::step::{Answer, Branch, Dataflow, Function, Operands, Pairing, Predict, Zip};
use foretell_model::{Estimator, Fitted, Head, Step};

use crate::{FormatError, Limits, Problem};

use super::tensor::Element;
use super::{Result, error};

/// Number of elements of all values together: bounds the memory of graphs that repeat their values.
const MOST_ELEMENTS: usize = 1 << 25;

/// The branches so far.
#[derive(Debug)]
pub(super) struct Program {
    inputs: usize,
    branches: Vec<Emitted>,
    /// Number of the columns of the input and of all branches.
    columns: usize,
    most: usize,
    /// Number of elements that values may still have.
    left: usize,
}

/// A branch, and the columns it makes.
#[derive(Debug)]
struct Emitted {
    columns: Vec<usize>,
    steps: Vec<Step>,
    outputs: std::ops::Range<usize>,
}

impl Program {
    pub(super) fn new(inputs: usize, limits: &Limits) -> Self {
        let most = limits.max_nodes.min(1 << 22);
        Self { inputs, branches: Vec::new(), columns: inputs, most, left: MOST_ELEMENTS }
    }

    /// Accounts for elements of values.
    pub(super) fn charge(&mut self, elements: usize) -> Result<()> {
        self.left = self.left.checked_sub(elements).ok_or_else(|| too_many(MOST_ELEMENTS))?;
        Ok(())
    }

    /// Appends a branch that makes `width` columns of some columns; the columns it makes.
    pub(super) fn emit(&mut self, columns: Vec<usize>, steps: Vec<Step>, width: usize) -> Result<Vec<usize>> {
        let outputs = self.columns..self.columns.saturating_add(width);
        if outputs.end.saturating_add(columns.len()) > self.most {
            return Err(too_many(self.most));
        }
        self.columns = outputs.end;
        self.branches.push(Emitted { columns, steps, outputs: outputs.clone() });
        Ok(outputs.collect())
    }

    /// The same as [`emit`](Self::emit), with as many columns as there are, rounded to the type of their elements.
    pub(super) fn map(
        &mut self,
        columns: &[usize],
        mut steps: Vec<Step>,
        element: Element,
    ) -> Result<Vec<usize>> {
        steps.extend(rounding(element));
        self.emit(columns.to_vec(), steps, columns.len())
    }

    /// Columns of constants.
    pub(super) fn constants(&mut self, numbers: &[f64]) -> Result<Vec<usize>> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let step = predict(Estimator::Constant(numbers.to_vec()), numbers.len());
        self.emit(Vec::new(), vec![step], numbers.len())
    }

    /// The steps that turn the columns of the input into these.
    pub(super) fn finish(mut self, outputs: &[usize]) -> Vec<Step> {
        self.drop_unused(outputs);
        self.join_chains(outputs);
        for branch in &mut self.branches {
            branch.steps = networks(std::mem::take(&mut branch.steps));
        }
        if let [only] = &mut self.branches[..]
            && outputs.iter().all(|column| only.outputs.contains(column))
        {
            let mut steps = std::mem::take(&mut only.steps);
            if !only.columns.iter().copied().eq(0..self.inputs) {
                steps.insert(0, Step::Select(only.columns.clone()));
            }
            if !outputs.iter().copied().eq(only.outputs.clone()) {
                steps.push(Step::Select(outputs.iter().map(|column| column - only.outputs.start).collect()));
            }
            return steps;
        }
        if self.branches.is_empty() {
            return vec![Step::Select(outputs.to_vec())];
        }
        self.renumbered(outputs)
    }

    /// Drops branches that no output depends on.
    fn drop_unused(&mut self, outputs: &[usize]) {
        let mut needed = vec![false; self.columns];
        outputs.iter().for_each(|column| needed[*column] = true);
        for branch in self.branches.iter_mut().rev() {
            if needed[branch.outputs.clone()].contains(&true) {
                branch.columns.iter().for_each(|column| needed[*column] = true);
            } else {
                branch.outputs = 0..0;
            }
        }
        self.branches.retain(|branch| !branch.outputs.is_empty());
    }

    /// Puts a branch at the end of the one it gets all its columns from, where nobody else needs them.
    fn join_chains(&mut self, outputs: &[usize]) {
        let mut users = vec![0_usize; self.columns];
        let mut maker = vec![usize::MAX; self.columns];
        outputs.iter().for_each(|column| users[*column] += 1);
        for (number, branch) in self.branches.iter().enumerate() {
            maker[branch.outputs.clone()].fill(number);
            let mut columns = branch.columns.clone();
            columns.sort_unstable();
            columns.dedup();
            columns.iter().for_each(|column| users[*column] += 1);
        }
        for number in 0..self.branches.len() {
            let columns = &self.branches[number].columns;
            let Some(from) = columns.first().map(|column| maker[*column]).filter(|from| *from != usize::MAX)
            else {
                continue;
            };
            let made = self.branches[from].outputs.clone();
            let mine = |column: &usize| made.contains(column);
            let mut sorted = columns.clone();
            sorted.sort_unstable();
            let used = |column: usize| users[column] == usize::from(sorted.binary_search(&column).is_ok());
            if !columns.iter().all(mine) || !made.clone().all(used) {
                continue;
            }
            let in_order = columns.iter().copied().eq(made.clone());
            let select = Step::Select(columns.iter().map(|column| column - made.start).collect());
            let mut steps = std::mem::take(&mut self.branches[from].steps);
            let columns = std::mem::take(&mut self.branches[from].columns);
            self.branches[from].outputs = 0..0;
            let branch = &mut self.branches[number];
            steps.extend((!in_order).then_some(select));
            steps.append(&mut branch.steps);
            branch.steps = steps;
            branch.columns = columns;
        }
        self.branches.retain(|branch| !branch.outputs.is_empty());
    }

    /// The branches with the columns numbered anew, after some were dropped.
    fn renumbered(self, outputs: &[usize]) -> Vec<Step> {
        let mut numbers: Vec<usize> = (0..self.columns).collect();
        let mut next = self.inputs;
        for branch in &self.branches {
            for column in branch.outputs.clone() {
                numbers[column] = next;
                next += 1;
            }
        }
        let renumber = |columns: &[usize]| columns.iter().map(|column| numbers[*column]).collect();
        let branch = |branch: Emitted| Branch {
            columns: renumber(&branch.columns),
            steps: branch.steps,
            weight: None,
        };
        let outputs = renumber(outputs);
        let branches = self.branches.into_iter().map(branch).collect();
        vec![Step::Dataflow(Dataflow { branches, outputs })]
    }
}

fn too_many(most: usize) -> FormatError {
    error(Problem::LimitExceeded { limit: "max_nodes", allowed: most as u64 })
}

/// The step that rounds numbers as elements of this type are.
pub(super) fn rounding(element: Element) -> Option<Step> {
    (element == Element::Single).then(|| Step::Elementwise(vec![Function::Float32]))
}

/// The step that puts the raw scores of an estimator in place of the columns.
pub(super) fn predict(estimator: Estimator, outputs: usize) -> Step {
    let shape = Shape::Matrix(outputs);
    let head = Head::Regression(Regression { shape, link: Link::Identity, margin: false, rounds: 1.0 });
    Step::Predict(Box::new(Predict { fitted: Fitted { estimator, head }, answer: Answer::Value }))
}

/// The same steps, with neighbouring functions put together and float32 layers in one network.
fn networks(steps: Vec<Step>) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::new();
    for step in steps {
        match (joined.last_mut(), step) {
            (Some(Step::Elementwise(before)), Step::Elementwise(after)) => {
                let again = before.last() == Some(&Function::Float32);
                let skip = usize::from(again && after.first() == Some(&Function::Float32));
                before.extend_from_slice(&after[skip..]);
            }
            (_, step) => joined.push(step),
        }
    }
    let (mut after, mut rest) = (Vec::new(), &joined[..]);
    while let Some(step) = rest.first() {
        let mut layers = Vec::new();
        let mut left = rest;
        while let Some((layer, end)) = layer(left) {
            layers.push(layer);
            left = end;
        }
        let network = layers.len() > 1 || layers.iter().any(|layer| layer.activation != Activation::Identity);
        if network && let Some(outputs) = layers.last().map(|layer| layer.outputs) {
            after.push(predict(Estimator::Neural(Neural { layers, single: true }), outputs));
            rest = left;
        } else {
            after.push(step.clone());
            rest = &rest[1..];
        }
    }
    after
}

/// The float32 layer that these steps begin with, and the steps behind it.
fn layer(steps: &[Step]) -> Option<(Layer, &[Step])> {
    let [Step::MultiplyAdd(linear), rest @ ..] = steps else { return None };
    let Linear { features, coefficients, intercept } = linear;
    let (mut bias, outputs) = (intercept.clone(), intercept.len());
    let mut rest = rest;
    let mut functions = &[][..];
    if let [Step::Zip(zip), Step::Elementwise(next), end @ ..] = rest
        && let Zip { function: Pairing::Add, operands } = zip
        && let Operands::ConstantFirst(constants) | Operands::ConstantSecond(constants) = operands
        && intercept.iter().all(|bias| *bias == 0.0)
    {
        bias.clone_from(constants);
        (functions, rest) = (next.strip_prefix(&[Function::Float32])?, end);
    } else if let [Step::Elementwise(next), end @ ..] = rest {
        (functions, rest) = (next, end);
    }
    let activation = match functions {
        [] => Activation::Identity,
        [Function::Relu, Function::Float32] => Activation::Relu,
        [Function::Sigmoid, Function::Float32] => Activation::Logistic,
        [Function::Tanh, Function::Float32] => Activation::Tanh,
        _ => return None,
    };
    let mut weights = vec![0.0; coefficients.len()];
    for output in 0..outputs {
        for input in 0..*features {
            weights[input * outputs + output] = coefficients[output * features + input];
        }
    }
    Some((Layer { inputs: *features, outputs, weights, bias, activation }, rest))
}
