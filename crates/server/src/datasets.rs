//! `[[dataset]]`: tables that are served beside the models, their rows, what the models predict for a row, and how good
//! the models are on the whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use foretell_engine::dataset::{Dataset, DatasetError};
use foretell_engine::store::ServedAs;
use foretell_engine::table::Target;
use foretell_engine::{Catalog, LiveModel, PredictError, Values, Worker, with_causes};
use foretell_frame::{Frame, Method, Predictions, Shape};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::config::{DatasetAnswer, DatasetConfig};
use crate::models;
use crate::predict::{self, Outputs, Recording};
use crate::problem::{Fault, Problem};
use crate::reply::Reply;
use crate::request::{Call, decode};
use crate::router::shown;
use crate::state::State;

/// Bytes of a table. It is held in memory for as long as the service runs.
const MAX_BYTES: u64 = 1 << 30;

/// A table that is served.
#[derive(Debug)]
pub(crate) struct ServedDataset {
    name: String,
    table: Arc<Dataset>,
    /// Names of the models that predict on it.
    models: Vec<String>,
    scores: Mutex<HashMap<ModelKey, Scoring>>,
}

/// Which model a score is of: a new version has a new score.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ModelKey {
    name: String,
    version: String,
}

/// What is done with each prediction before it is answered.
type Record<'r> = &'r mut dyn FnMut(&Arc<LiveModel>, &Frame, &Predictions) -> Result<(), Problem>;

/// A score, once it is computed; `Err` says why there is none.
type Scoring = watch::Receiver<Option<Result<f64, String>>>;

/// Why a dataset cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DatasetStartError {
    /// Its file cannot be opened.
    #[error("cannot open `{}`, the table of dataset `{name}`", path.display())]
    Open {
        /// The dataset.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its table cannot be read.
    #[error("cannot read the table of dataset `{name}`")]
    Table {
        /// The dataset.
        name: String,
        /// Why.
        source: Box<DatasetError>,
    },
    /// The table has no rows.
    #[error("the table of dataset `{name}` has no rows")]
    Empty {
        /// The dataset.
        name: String,
    },
    /// It names a model that is not there.
    #[error("dataset `{name}` names the model `{model}`, which is not configured")]
    NoSuchModel {
        /// The dataset.
        name: String,
        /// The model.
        model: String,
    },
    /// A model cannot predict on its table.
    #[error("the model `{model}` does not fit dataset `{name}`")]
    Misfit {
        /// The dataset.
        name: String,
        /// The model.
        model: String,
        /// Why.
        source: Box<DatasetError>,
    },
}

impl ServedDataset {
    /// Loads a configured table and checks that the models take its columns.
    ///
    /// # Errors
    /// It cannot be read, or does not fit the models.
    pub(crate) fn load(config: &DatasetConfig, catalog: &Catalog) -> Result<Self, DatasetStartError> {
        let name = config.name.clone();
        let table = Self::read(&config.path, &config.target).map_err(|error| error.of(config))?;
        if table.rows() == 0 {
            return Err(DatasetStartError::Empty { name });
        }
        for model in &config.models {
            let Some(live) = catalog.get(model) else {
                return Err(DatasetStartError::NoSuchModel { name, model: model.clone() });
            };
            match table.frame(live, 0) {
                // A value that the model refuses is for the callers who ask for that row.
                Ok(_) | Err(DatasetError::Predict(_)) => {}
                Err(source) => {
                    let source = Box::new(source);
                    return Err(DatasetStartError::Misfit { name, model: model.clone(), source });
                }
            }
        }
        Ok(Self { name, table: Arc::new(table), models: config.models.clone(), scores: Mutex::default() })
    }

    fn read(path: &Path, target: &str) -> Result<Dataset, ReadError> {
        let file = std::fs::File::open(path).map_err(ReadError::Open)?;
        Dataset::load(file, Some(Target::Name(target.to_owned())), MAX_BYTES)
            .map_err(|error| ReadError::Table(Box::new(error)))
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.table.rows()
    }

    /// Names of the columns.
    pub(crate) fn columns(&self) -> &[String] {
        self.table.columns()
    }

    /// Names of the models that predict on it.
    pub(crate) fn models(&self) -> &[String] {
        &self.models
    }

    /// What it is.
    pub(crate) fn about(&self) -> Value {
        json!({"name": self.name, "rows": self.rows(), "columns": self.columns(), "models": self.models})
    }

    /// One of its answers in the native form. `row` is what the path has in the place of the row's number.
    ///
    /// # Errors
    /// No such row, or a model that cannot answer.
    pub(crate) async fn answer(
        &self,
        answer: DatasetAnswer,
        row: &str,
        catalog: &Catalog,
        record: Record<'_>,
    ) -> Result<Value, Problem> {
        match answer {
            DatasetAnswer::Line => self.line(self.number(row)?),
            DatasetAnswer::Prediction => self.prediction(self.number(row)?, catalog, record),
            DatasetAnswer::Score => self.score(catalog).await,
        }
    }

    /// What an answer looks like: the first row's, or for scores made-up ones, as real ones take their time. `None` when
    /// the first row is not what the models take.
    pub(crate) fn example(&self, answer: DatasetAnswer, catalog: &Catalog) -> Option<Value> {
        match answer {
            DatasetAnswer::Line => self.line(0).ok(),
            DatasetAnswer::Prediction => self.prediction(0, catalog, &mut |_, _, _| Ok(())).ok(),
            DatasetAnswer::Score => {
                let scores: Map<_, _> = self.models.iter().map(|name| (name.clone(), json!(0.5))).collect();
                Some(json!({"score": scores}))
            }
        }
    }

    /// Reads the number of a row.
    fn number(&self, text: &str) -> Result<usize, Problem> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && *number < self.rows());
        number.ok_or_else(|| Problem::NotThere {
            detail: format!(
                "the dataset `{}` has rows 0 to {}, got `{}`",
                self.name,
                self.rows() - 1,
                shown(text)
            ),
        })
    }

    fn line(&self, number: usize) -> Result<Value, Problem> {
        let cells = self.table.row(number).map_err(|error| self.refused(&error))?;
        let row: Map<_, _> =
            cells.into_iter().map(|(column, cell)| (column.to_owned(), models::cell(&cell))).collect();
        Ok(json!({"line": number, "row": row}))
    }

    fn prediction(&self, number: usize, catalog: &Catalog, record: Record<'_>) -> Result<Value, Problem> {
        let mut worker = Worker::new();
        let mut predict = |model: &Arc<LiveModel>| {
            let frame = self.table.frame(model, number).map_err(|error| self.invalid(model, &error))?;
            let methods = Outputs::of(model).methods().with(prediction_method(model));
            let predictions = worker.predict(model, &frame, methods);
            let predictions = predictions.map_err(|error| self.invalid(model, &error.into()))?;
            record(model, &frame, predictions)?;
            Ok((model.name().to_owned(), prediction_value(model, predictions)))
        };
        let predictions: Map<_, _> = self.live(catalog)?.map(&mut predict).collect::<Result<_, Problem>>()?;
        Ok(json!({"line": number, "prediction": predictions}))
    }

    /// The models as they are now.
    fn live<'c>(&'c self, catalog: &'c Catalog) -> Result<impl Iterator<Item = &'c Arc<LiveModel>>, Problem> {
        let models: Vec<_> = self.models.iter().filter_map(|name| catalog.get(name)).collect();
        if models.len() == self.models.len() { Ok(models.into_iter()) } else { Err(Problem::NotReady) }
    }

    /// What a row has that a model does not take.
    fn invalid(&self, model: &LiveModel, error: &DatasetError) -> Problem {
        match error {
            DatasetError::Predict(PredictError::Invalid { violations }) => {
                let fault = |violation: &foretell_frame::Violation| Fault {
                    loc: vec![model.name().into()],
                    msg: violation.message(model.schema()),
                    kind: violation.code(),
                };
                Problem::Invalid { faults: violations.iter().map(fault).collect() }
            }
            DatasetError::Predict(PredictError::Overloaded(_)) => Problem::Overloaded,
            DatasetError::Predict(PredictError::Refused(_))
            | DatasetError::Table(_)
            | DatasetError::TooLarge { .. }
            | DatasetError::Ragged { .. }
            | DatasetError::NoSuchRow { .. }
            | DatasetError::Score(_) => {
                Problem::invalid(vec![model.name().into()], "refused", with_causes(error))
            }
        }
    }

    fn refused(&self, error: &DatasetError) -> Problem {
        Problem::invalid(vec![self.name.as_str().into()], "refused", with_causes(error))
    }

    async fn score(&self, catalog: &Catalog) -> Result<Value, Problem> {
        let models: Vec<_> = self.live(catalog)?.cloned().collect();
        // All are started before the first is waited for.
        let scorings: Vec<_> = models.iter().map(|model| self.scoring(model)).collect();
        let mut scores = Map::new();
        for (model, mut scoring) in models.iter().zip(scorings) {
            let done = scoring.wait_for(Option::is_some).await.map_err(|_| Problem::Internal)?;
            match done.as_ref() {
                Some(Ok(score)) => scores.insert(model.name().to_owned(), models::number_value(*score)),
                Some(Err(reason)) => {
                    return Err(Problem::invalid(vec![model.name().into()], "not_scored", reason.as_str()));
                }
                None => return Err(Problem::Internal),
            };
        }
        Ok(json!({"score": scores}))
    }

    /// The score of a model, which is computed once, on a thread of its own: whoever asked may be gone before it is done.
    fn scoring(&self, model: &Arc<LiveModel>) -> Scoring {
        let key = ModelKey { name: model.name().to_owned(), version: model.version().to_owned() };
        // A panic while holding the lock cannot leave a half-made entry behind.
        let mut scores = self.scores.lock().unwrap_or_else(PoisonError::into_inner);
        let compute = || {
            let (send, receive) = watch::channel(None);
            let (table, model) = (Arc::clone(&self.table), Arc::clone(model));
            tokio::task::spawn_blocking(move || {
                let score = table.score(&model).map_err(|error| with_causes(&error));
                send.send_replace(Some(score));
            });
            receive
        };
        scores.entry(key).or_insert_with(compute).clone()
    }
}

/// The dataset of a name.
///
/// # Errors
/// There is none.
pub(crate) fn find<'s>(state: &'s State, name: &str) -> Result<&'s ServedDataset, Problem> {
    let found = state.datasets.iter().find(|dataset| dataset.name == name);
    found.ok_or_else(|| Problem::NotThere { detail: format!("there is no dataset `{}`", shown(name)) })
}

/// Answers a request to a dataset in the native form.
///
/// # Errors
/// No such row, a model that cannot answer or that the caller's key is not for, or an answer that takes too long.
pub(crate) async fn answer(
    call: &Call<'_>,
    dataset: &ServedDataset,
    answer: DatasetAnswer,
    number: &str,
) -> Result<Reply, Problem> {
    if answer != DatasetAnswer::Line {
        dataset.models.iter().try_for_each(|model| call.check_model(model))?;
    }
    let limit = call.state().config.server.deadline;
    let catalog = Arc::clone(&call.state().catalog.snapshot());
    let mut record = |model: &Arc<LiveModel>, frame: &Frame, predictions: &Predictions| {
        let plan = predict::plan_of(call, model);
        let Some(recording) = Recording::of(call, plan.as_ref(), ServedAs::Primary)? else { return Ok(()) };
        let mut desk = call.worker.desk.borrow_mut();
        let Some(recorder) = &mut desk.recorder else { return Ok(()) };
        recording.record(call, recorder, model, frame, predictions)
    };
    let answered = timeout(limit, dataset.answer(answer, &decode(number), &catalog, &mut record)).await;
    Ok(Reply::json(answered.map_err(|_| Problem::Deadline { limit })??.to_string()))
}

enum ReadError {
    Open(std::io::Error),
    Table(Box<DatasetError>),
}

impl ReadError {
    fn of(self, config: &DatasetConfig) -> DatasetStartError {
        let name = config.name.clone();
        match self {
            Self::Open(source) => DatasetStartError::Open { name, path: config.path.clone(), source },
            Self::Table(source) => DatasetStartError::Table { name, source },
        }
    }
}

/// The method behind `prediction`: the class of a classifier, else what the model predicts.
fn prediction_method(model: &LiveModel) -> Method {
    if model.methods().contains(Method::Label) { Method::Label } else { Method::Predict }
}

/// The prediction for the only row, as `prediction` gives it for one record.
fn prediction_value(model: &LiveModel, predictions: &Predictions) -> Value {
    let method = prediction_method(model);
    let values = predictions.get(method).map_or(&[][..], |output| output.values());
    let value = |(column, value): (usize, &f64)| match model.values(method) {
        Values::Classes(targets) => {
            targets.get(column).map_or(Value::Null, |labels| models::label(labels, *value as usize))
        }
        Values::Numbers | Values::Table(_) => models::number_value(*value),
    };
    let mut values = values.iter().enumerate().map(value);
    match model.shape(method) {
        Some(Shape::Vector) => values.next().unwrap_or(Value::Null),
        Some(Shape::Matrix(_) | Shape::PerTarget(_)) | None => values.collect(),
    }
}
