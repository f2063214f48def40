//! The model: schema, pipeline, and provenance.

use std::collections::BTreeMap;

use foretell_frame::{Cell, Feature, Kind, Labels, Method, MethodSet, Schema, SchemaError, Shape};

use crate::error::{ModelError, expect_count};
use crate::infer::Facts;
use crate::step::{Branch, Categories, HashedKey, Ordinal, Unknown};
use crate::{Pipeline, Step};

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Predicts a class.
    Classification,
    /// Predicts a number.
    Regression,
    /// Predicts a score to sort by.
    Ranking,
    /// Assigns a cluster.
    Clustering,
    /// Tells outliers from inliers.
    Outlier,
    /// Transforms rows.
    Transform,
}

impl Task {
    /// The word in `inspect` and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
            Self::Ranking => "ranking",
            Self::Clustering => "clustering",
            Self::Outlier => "outlier",
            Self::Transform => "transform",
        }
    }
}

/// A part of the pipeline as the user knows it: class names and step names of the library, for `inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// The name of the step in its pipeline, empty where it has none.
    pub name: String,
    /// The library's class name, such as `StandardScaler`.
    pub class: String,
    /// Parts inside this one.
    pub parts: Vec<Part>,
}

/// How the user knows the model: its parts in their library's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// The class of the final estimator (of the last transformer where there is none).
    pub estimator: String,
    /// The steps before it.
    pub steps: Vec<Part>,
}

/// Where a model came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// File format in words, such as `pickle (protocol 4, gzip)`.
    pub format: String,
    /// The library that made it, such as `scikit-learn`.
    pub library: String,
    /// The library's version where the file tells it.
    pub library_version: Option<String>,
}

/// What a model is made of, before it is checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelParts {
    /// What it computes.
    pub pipeline: Pipeline,
    /// Number of columns it takes.
    pub features: usize,
    /// Names of the columns, where the file knows them.
    pub names: Option<Vec<String>>,
    /// What the columns are called where `names` is `None` and names stood beside the model: a table may use these, or give the
    /// columns in their order under any others.
    pub hints: Option<Vec<String>>,
    /// What it is for.
    pub task: Task,
    /// Names of the columns of a transformer's output, where known.
    pub output_names: Option<Vec<String>>,
    /// Its parts in the words of its library.
    pub description: Description,
    /// Where it came from.
    pub provenance: Provenance,
}

/// A fitted pipeline as plain data, checked: every index is in range, every tree is a tree, every part fits the
/// next, so that predicting can fail on input only.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    schema: Schema,
    pipeline: Pipeline,
    task: Task,
    /// Number of columns that come out of a transformer.
    transformed: Option<usize>,
    /// Largest number of columns that stand side by side inside the pipeline.
    widest: usize,
    output_names: Option<Vec<String>>,
    description: Description,
    provenance: Provenance,
}

impl Model {
    /// Checks the parts, and follows every feature through the pipeline to learn what it has to be.
    ///
    /// # Errors
    /// Anything that does not fit: counts, indices, trees that are none, a head that does not fit its estimator,
    /// names that occur twice.
    pub fn new(parts: ModelParts) -> Result<Self, ModelError> {
        let ModelParts { pipeline, features, names, hints, task, output_names, description, provenance } =
            parts;
        if let Some(names) = names.as_ref().or(hints.as_ref())
            && names.len() != features
        {
            return Err(SchemaError::WrongNameCount { expected: features, got: names.len() }.into());
        }
        let mut facts = Facts::new(features).map_err(|error| error.within("input"))?;
        let transformed = pipeline.infer(facts.columns(), &mut facts)?;
        let widest = facts.widest();
        if let (Some(columns), Some(names)) = (transformed, &output_names) {
            expect_count("names", columns, names.len()).map_err(|error| error.within("output"))?;
        }
        let schema = facts.schema(names.is_some(), names.or(hints))?;
        Ok(Self { schema, pipeline, task, transformed, widest, output_names, description, provenance })
    }

    /// The same model with other names for its features, for a file that knows none. A model that
    /// [takes any columns](Self::takes_any_columns) takes these from now on; keys that are hashed are keys of numbers.
    ///
    /// # Errors
    /// Another number of names than features, or a name twice.
    pub fn with_names(mut self, names: &[String]) -> Result<Self, ModelError> {
        if self.takes_any_columns() {
            if let Some(Step::HashKeys(hash)) = self.pipeline.steps.first_mut() {
                hash.keys = names.iter().map(|name| HashedKey::number(name)).collect();
            }
            let mut facts = Facts::new(names.len()).map_err(|error| error.within("input"))?;
            self.transformed = self.pipeline.infer(facts.columns(), &mut facts)?;
            self.widest = facts.widest();
            self.schema = facts.schema(true, Some(names.to_vec()))?;
        } else {
            self.schema = self.schema.renamed(names)?;
        }
        Ok(self)
    }

    /// The same model, which takes these values of its features where it took their positions in these lists: for files that know
    /// the codes of categories only. A missing value stays missing, any other value is refused. A key that is hashed takes
    /// texts instead of numbers, these and any others.
    ///
    /// # Errors
    /// No feature of such a name, one whose categories the model knows, a list that is empty, mixed, or holds a value twice.
    pub fn with_categories(mut self, given: &[(&str, Vec<Cell>)]) -> Result<Self, ModelError> {
        if given.is_empty() {
            return Ok(self);
        }
        let mut columns = BTreeMap::new();
        for (name, values) in given {
            let Some(position) = self.schema.position(name) else {
                return Err(ModelError::NoSuchFeature { name: (*name).to_owned() });
            };
            if let Some(Step::HashKeys(hash)) = self.pipeline.steps.first_mut() {
                let texts = values.iter().map(|value| match value {
                    Cell::Text(text) => Ok(text.clone()),
                    Cell::Number(_) | Cell::Missing => {
                        let error =
                            ModelError::mismatch("texts, as numbers are no categories here", shown(value));
                        Err(error.within(format_args!("categories of `{name}`")))
                    }
                });
                hash.keys[position].texts = Some(texts.collect::<Result<_, _>>()?);
                continue;
            }
            let feature = &self.schema.features()[position];
            let codes = given_categories(feature, values)
                .map_err(|error| error.within(format_args!("categories of `{name}`")))?;
            columns.insert(position, codes);
        }
        if !columns.is_empty() {
            self.pipeline.steps.insert(0, Step::Parallel(self.codes(columns)));
        }
        let (named, names) = (self.schema.named(), Some(self.names()));
        let mut facts = Facts::new(self.schema.len()).map_err(|error| error.within("input"))?;
        self.transformed = self.pipeline.infer(facts.columns(), &mut facts)?;
        self.widest = facts.widest();
        self.schema = facts.schema(named, names)?;
        Ok(self)
    }

    /// Branches that give some columns the codes of their categories, and pass the others.
    fn codes(&self, columns: BTreeMap<usize, Categories>) -> Vec<Branch> {
        let mut branches = Vec::new();
        let mut next = 0;
        for (position, codes) in columns {
            let pass = Branch { columns: (next..position).collect(), steps: Vec::new(), weight: None };
            branches.extend((next < position).then_some(pass));
            let missing = f64::NAN;
            let ordinal = Ordinal { columns: vec![codes], unknown: Unknown::Error, missing };
            let steps = vec![Step::Ordinal(ordinal)];
            branches.push(Branch { columns: vec![position], steps, weight: None });
            next = position + 1;
        }
        let pass = Branch { columns: (next..self.schema.len()).collect(), steps: Vec::new(), weight: None };
        branches.extend((next < self.schema.len()).then_some(pass));
        branches
    }

    /// The same model with these values as examples of its features, where they fit.
    #[must_use]
    pub fn with_example(mut self, row: &[(String, Cell)]) -> Self {
        if row.is_empty() {
            return self;
        }
        let fits = |feature: &Feature, cell: &Cell| match cell {
            Cell::Number(number) => feature.kind == Kind::Number && number.is_finite(),
            Cell::Text(_) => {
                let known = feature.categories.as_ref().is_none_or(|categories| categories.contains(cell));
                feature.kind == Kind::Text && (known || !feature.closed)
            }
            Cell::Missing => false,
        };
        let mut features = self.schema.features().to_vec();
        for feature in &mut features {
            let given = row.iter().find(|(name, _)| *name == feature.name);
            if let Some((_, cell)) = given.filter(|(_, cell)| fits(feature, cell)) {
                feature.example = cell.clone();
            }
        }
        // Examples change nothing that a schema can be refused for.
        if let Ok(schema) = Schema::new(features, self.schema.named()) {
            self.schema = schema;
        }
        self
    }

    fn names(&self) -> Vec<String> {
        self.schema.features().iter().map(|feature| feature.name.clone()).collect()
    }

    /// Whether its file does not tell which columns it takes, because it begins by hashing whatever keys there are, or is a
    /// transformer such as scikit-learn's `FunctionTransformer` before 1.2: its user has to name them.
    pub fn takes_any_columns(&self) -> bool {
        let hashes = matches!(self.pipeline.steps.first(), Some(Step::HashKeys(_)));
        self.schema.is_empty() && (hashes || self.pipeline.estimator.is_none())
    }

    /// The features it takes.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What it computes.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Largest number of columns that stand side by side inside the pipeline.
    pub(crate) fn widest(&self) -> usize {
        self.widest
    }

    /// What it is for.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Its parts in the words of its library.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Where it came from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Names of the columns of a transformer's output, where known.
    pub fn output_names(&self) -> Option<&[String]> {
        self.output_names.as_deref()
    }

    /// The methods it answers.
    pub fn methods(&self) -> MethodSet {
        let of_head = self.pipeline.estimator.as_ref().map(|fitted| fitted.head.methods());
        let methods = of_head.unwrap_or(MethodSet::EMPTY);
        if self.transformed.is_some() { methods.with(Method::Transform) } else { methods }
    }

    /// The shape of a method's output; `None` when it does not answer it.
    pub fn shape(&self, method: Method) -> Option<Shape> {
        if method == Method::Transform {
            let shape = |columns| if self.pipeline.flat { Shape::Vector } else { Shape::Matrix(columns) };
            return self.transformed.map(shape);
        }
        self.pipeline.estimator.as_ref().and_then(|fitted| fitted.head.shape(method))
    }

    /// The classes of each target; none where it is no classifier.
    pub fn classes(&self) -> &[Labels] {
        self.pipeline.estimator.as_ref().map_or(&[], |fitted| fitted.head.classes())
    }
}

fn shown(value: &Cell) -> String {
    match value {
        Cell::Number(number) => format!("`{number}`"),
        Cell::Text(text) => format!("`{text}`"),
        Cell::Missing => "a missing value".to_owned(),
    }
}

/// The codes of categories that were given for a feature: their positions.
fn given_categories(feature: &Feature, given: &[Cell]) -> Result<Categories, ModelError> {
    if feature.categories.is_some() || feature.kind == Kind::Text {
        return Err(ModelError::mismatch(
            "a feature that takes codes",
            "one whose categories the model knows",
        ));
    }
    let mut values = Vec::with_capacity(given.len() + 1);
    for value in given {
        if values.contains(value) {
            return Err(ModelError::mismatch("every category once", format_args!("{} twice", shown(value))));
        }
        let alike = match (value, given.first()) {
            (Cell::Number(_), Some(Cell::Number(_))) | (Cell::Text(_), Some(Cell::Text(_))) => true,
            (Cell::Number(_) | Cell::Text(_) | Cell::Missing, _) => false,
        };
        if !alike {
            return Err(ModelError::mismatch("all texts or all numbers", shown(value)));
        }
        values.push(value.clone());
    }
    if values.is_empty() {
        return Err(ModelError::mismatch("at least one category", 0));
    }
    let mut codes: Vec<Option<u32>> = (0..).map(Some).take(values.len()).collect();
    if feature.nullable {
        values.push(Cell::Missing);
        codes.push(None);
    }
    let width = values.len();
    Ok(Categories { values, codes, infrequent: None, width })
}
