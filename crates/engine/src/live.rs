//! A model that serves: its predictor, the names its users know, and what a prediction costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foretell_frame::{Cell, Frame, Kind, Labels, Method, MethodSet, RowBuilder, Schema, Shape, validate};
use foretell_model::artifact;
use foretell_model::head::ClassPredict;
use foretell_model::{Head, Kernel, Kernels, Model, ModelError, Part, Predictor, Provenance, Task};

use serde_json::json;

use crate::given::Given;
use crate::open::{FileFacts, Opened};
use crate::predict::{MAX_VIOLATIONS, PredictError, Worker};

/// How many rows the cost of large batches is measured with.
const WARM_ROWS: usize = 256;
/// How long the cost is measured at most; a model that is slower is measured once.
const WARM_BUDGET: Duration = Duration::from_millis(5);
/// How many characters of the digest serve as the version of a model that has none.
const DIGEST_VERSION: usize = 12;

/// What users call a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    /// The name it is served under.
    pub name: String,
    /// Its version; without one, the first characters of its file's digest.
    pub version: Option<String>,
    /// What its file does not tell.
    pub given: Given,
    /// How its trees are evaluated; without it, by what is measured to be the fastest when it is loaded.
    pub kernel: Option<Kernel>,
}

/// What a prediction costs on this machine, measured when the model was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// A batch of one row.
    pub one_row: Duration,
    /// A row of a large batch.
    pub batch_row: Duration,
}

impl Cost {
    /// What a batch of this size is expected to cost on one thread.
    pub fn of(self, rows: usize) -> Duration {
        let more = u32::try_from(rows.saturating_sub(1)).unwrap_or(u32::MAX);
        self.one_row.saturating_add(self.batch_row.saturating_mul(more))
    }
}

/// A model that was loaded, warmed and measured, and is ready to serve.
#[derive(Debug)]
pub struct LiveModel {
    naming: Naming,
    version: String,
    predictor: Predictor,
    /// Kinds of a transformer's output columns.
    table: Vec<Kind>,
    facts: FileFacts,
    metadata: Option<String>,
    cost: Cost,
}

/// Why a model that was opened cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The names given for its features do not fit.
    #[error("the configured `features` do not fit the model")]
    Features {
        /// Why.
        source: Box<ModelError>,
    },
    /// The categories given for its features do not fit.
    #[error("the configured `categories` do not fit the model")]
    Categories {
        /// Why.
        source: Box<ModelError>,
    },
    /// What the registry keeps of its names cannot be read.
    #[error("the names that were registered with it cannot be read")]
    Given {
        /// Why.
        source: serde_json::Error,
    },
    /// It hashes whatever keys there are, or is a transformer of any columns, and nobody named them.
    #[error(
        "the file does not tell which columns the model takes; name them with `features`, and with `categories` \
         those that a `FeatureHasher` takes as texts"
    )]
    UnknownColumns,
}

/// What the values of an output are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values<'a> {
    /// Numbers.
    Numbers,
    /// Positions in the classes of their target, one target a column.
    Classes(&'a [Labels]),
    /// Rows with text columns, in [`Predictions::table`](foretell_frame::Predictions::table): the kind of each
    /// output column, in order. Numbers and texts stand in the table's columns of their kind, in the same order.
    Table(&'a [Kind]),
}

impl LiveModel {
    /// Compiles, warms and measures a model.
    ///
    /// # Errors
    /// Names of features that do not fit.
    pub fn new(opened: Opened, naming: Naming) -> Result<Self, LoadError> {
        let Opened { model, facts, metadata } = opened;
        let model = match &naming.given.features {
            Some(names) => {
                model.with_names(names).map_err(|error| LoadError::Features { source: error.into() })?
            }
            None => model,
        };
        if model.takes_any_columns() {
            return Err(LoadError::UnknownColumns);
        }
        let categories = naming.given.cells();
        let model = model
            .with_categories(&categories)
            .map_err(|error| LoadError::Categories { source: error.into() })?;
        let version =
            naming.version.clone().unwrap_or_else(|| facts.sha256.chars().take(DIGEST_VERSION).collect());
        let predictor = Predictor::new(Arc::new(model));
        let table = predictor.output_kinds().collect();
        let unmeasured = Cost { one_row: Duration::ZERO, batch_row: Duration::ZERO };
        let mut live = Self { naming, version, predictor, table, facts, metadata, cost: unmeasured };
        match live.naming.kernel {
            Some(kernel) => live.predictor.set_kernels(Kernels::all(kernel)),
            None => live.predictor.choose_kernels(),
        }
        live.cost = live.measure();
        Ok(live)
    }

    /// The name it is served under.
    pub fn name(&self) -> &str {
        &self.naming.name
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What it takes, under the names its users know.
    pub fn schema(&self) -> &Schema {
        self.model().schema()
    }

    /// The file it came from.
    pub fn facts(&self) -> &FileFacts {
        &self.facts
    }

    /// What an artifact says about its model, as JSON.
    pub fn metadata(&self) -> Option<&str> {
        self.metadata.as_deref()
    }

    /// The model as foretell's own artifact, with the names and categories that were given for it. What it says about
    /// itself is kept; a model that says nothing says what it was converted from.
    pub fn artifact(&self) -> Vec<u8> {
        let converted = || {
            json!({
                "foretell_version": env!("CARGO_PKG_VERSION"),
                "converted_from": {
                    "format": self.provenance().format,
                    "sha256": self.facts.sha256,
                    "bytes": self.facts.bytes,
                },
            })
        };
        let metadata = self.metadata.clone().unwrap_or_else(|| converted().to_string());
        artifact::encode(self.model(), &metadata)
    }

    /// What a prediction costs.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// The methods it has.
    pub fn methods(&self) -> MethodSet {
        self.model().methods()
    }

    /// What it is for.
    pub fn task(&self) -> Task {
        self.model().task()
    }

    /// The class of the final estimator, in its library's words.
    pub fn estimator(&self) -> &str {
        &self.model().description().estimator
    }

    /// The steps before the estimator, in the words of their library.
    pub fn steps(&self) -> &[Part] {
        &self.model().description().steps
    }

    /// File format, library and version.
    pub fn provenance(&self) -> &Provenance {
        self.model().provenance()
    }

    /// The classes of each target; none where it is no classifier.
    pub fn classes(&self) -> &[Labels] {
        self.model().classes()
    }

    /// The shape of a method's output; `None` when the model does not have it.
    pub fn shape(&self, method: Method) -> Option<Shape> {
        self.model().shape(method)
    }

    /// Names of the columns of a transformer's output, where known.
    pub fn output_names(&self) -> Option<&[String]> {
        self.model().output_names()
    }

    /// What the values of a method's output are.
    pub fn values(&self, method: Method) -> Values<'_> {
        match method {
            Method::Label => Values::Classes(self.classes()),
            Method::Predict if self.predicts_labels() => Values::Classes(self.classes()),
            Method::Transform if self.table.contains(&Kind::Text) => Values::Table(&self.table),
            Method::Predict
            | Method::PredictProba
            | Method::PredictLogProba
            | Method::DecisionFunction
            | Method::ScoreSamples
            | Method::Transform
            | Method::Margin => Values::Numbers,
        }
    }

    /// What computes its predictions, for reports.
    pub fn kernel(&self) -> String {
        let fitted = self.model().pipeline().estimator.as_ref();
        let kind = fitted.map_or("steps", |fitted| fitted.estimator.kind());
        let Kernels { one_row, batch } = self.predictor.kernels();
        if self.predictor.choices().is_empty() {
            kind.to_owned()
        } else if one_row == batch {
            format!("{kind}, {}", batch.name())
        } else {
            format!("{kind}, {}, batches {}", one_row.name(), batch.name())
        }
    }

    /// Uses one kernel from now on, whether or not it is the fastest.
    pub fn pin_kernel(&mut self, kernel: Kernel) {
        self.predictor.set_kernels(Kernels::all(kernel));
        self.cost = self.measure();
    }

    /// Whether the library's own `predict` of a classifier gives the class.
    fn predicts_labels(&self) -> bool {
        match self.model().pipeline().estimator.as_ref().map(|fitted| &fitted.head) {
            Some(Head::Classification(head)) => {
                matches!(head.predict, ClassPredict::Label | ClassPredict::LabelColumn)
            }
            Some(Head::Pairwise(_) | Head::Mixture(_)) => true,
            Some(Head::Regression(_) | Head::Outlier(_)) | None => false,
        }
    }

    pub(crate) fn model(&self) -> &Model {
        self.predictor.model()
    }

    pub(crate) fn predictor(&self) -> &Predictor {
        &self.predictor
    }

    /// Fails when rows are not what the model takes: their layout, or any value.
    ///
    /// # Errors
    /// [`PredictError::Invalid`] with what is wrong, up to a bound.
    pub fn check(&self, frame: &Frame) -> Result<(), PredictError> {
        let mut violations = Vec::new();
        validate(self.schema(), frame, MAX_VIOLATIONS, &mut violations);
        if violations.is_empty() { Ok(()) } else { Err(PredictError::Invalid { violations }) }
    }

    /// A batch of copies of the row of examples in the schema.
    pub fn example(&self, rows: usize) -> Frame {
        let mut frame = Frame::default();
        let mut builder = RowBuilder::new(self.schema(), &mut frame, 0);
        for _ in 0..rows {
            builder.begin_row();
            for (position, feature) in self.schema().features().iter().enumerate() {
                match &feature.example {
                    Cell::Number(value) => builder.number(position, *value),
                    Cell::Text(text) => builder.text(position, text),
                    Cell::Missing => builder.missing(position),
                }
            }
            builder.end_row();
        }
        frame
    }

    /// Predicts examples until caches and branch predictors are warm, and takes the fastest time. A model that
    /// refuses its own example row is ready all the same: only its first real row is slower.
    fn measure(&self) -> Cost {
        let mut worker = Worker::new();
        let mut fastest = |rows: usize| {
            let frame = self.example(rows);
            let started = Instant::now();
            let mut best = Duration::MAX;
            while best == Duration::MAX || started.elapsed() < WARM_BUDGET {
                let start = Instant::now();
                // Refusing costs about as much as answering, so its time counts too.
                let _ = worker.predict(self, &frame, self.methods());
                best = best.min(start.elapsed());
            }
            best
        };
        let one_row = fastest(1);
        let batch_row = fastest(WARM_ROWS) / WARM_ROWS as u32;
        Cost { one_row, batch_row }
    }
}
