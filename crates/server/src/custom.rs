//! `[[route]]`: endpoints in the shape that existing clients already call.
//!
//! A route leads to a model, and then answers what `/predict` answers, or to a dataset. Its JMESPath reads the native
//! answer to rows, whatever the form of the body: `prediction` and `probability` are lists also where one record came,
//! so that one expression fits all forms.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use foretell_engine::{Catalog, LiveModel};
use serde_json::Value;

use crate::config::{DatasetAnswer, RouteConfig};
use crate::datasets::{self, ServedDataset};
use crate::expression::{Expression, ExpressionError};
use crate::path::{Pattern, PatternError};
use crate::predict::{self, Outputs, Target, Wanted};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::Call;

/// The first parts of the paths that are the service's own.
const RESERVED: [&str; 10] = [
    "",
    "admin",
    "datasets",
    "docs",
    "favicon.ico",
    "feedback",
    "health",
    "metrics",
    "models",
    "openapi.json",
];

/// All configured endpoints.
#[derive(Debug, Default)]
pub(crate) struct CustomRoutes {
    routes: Vec<CustomRoute>,
    /// Position of each route without a number in its path.
    plain: HashMap<String, usize>,
}

/// One configured endpoint.
#[derive(Debug)]
pub(crate) struct CustomRoute {
    /// Its path.
    pub(crate) pattern: Pattern,
    /// What answers.
    pub(crate) source: Source,
    /// What shapes the answer.
    pub(crate) expression: Option<Expression>,
}

/// What answers a configured endpoint.
#[derive(Debug)]
pub(crate) enum Source {
    /// A model.
    Model {
        /// Its name.
        name: String,
        /// Its version; `None` is the one served under the bare name.
        version: Option<String>,
        /// What is computed.
        outputs: Outputs,
    },
    /// A dataset.
    Dataset {
        /// Its position among the datasets.
        position: usize,
        /// Which of its answers.
        answer: DatasetAnswer,
    },
}

/// Why a `[[route]]` cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Its path is none.
    #[error("`{path}` is no path: {reason}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        reason: PatternError,
    },
    /// Its path is the service's own.
    #[error("the route `{path}` would hide an endpoint of the service; choose another path")]
    Reserved {
        /// The path.
        path: String,
    },
    /// Two routes have one path.
    #[error("the route `{path}` is configured twice")]
    Twice {
        /// The path.
        path: String,
    },
    /// It leads to a model and to a dataset, or to neither.
    #[error("the route `{path}` needs either `model` or `dataset`")]
    Source {
        /// The path.
        path: String,
    },
    /// A key that its kind of route does not take, or lacks.
    #[error("the route `{path}` {problem}")]
    Key {
        /// The path.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// It leads to what is not configured.
    #[error("the route `{path}` leads to the {kind} `{name}`, which is not configured; there is {known}")]
    Unknown {
        /// The path.
        path: String,
        /// Model or dataset.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What there is.
        known: String,
    },
    /// It asks for outputs that the model does not have.
    #[error("the `outputs` of the route `{path}`: {reason}")]
    Outputs {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// Its expression is not JMESPath, or cannot be evaluated.
    #[error("the `response` of the route `{path}`: {reason}")]
    Expression {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
}

/// Answers a request to the configured endpoint at a position.
///
/// # Errors
/// As for the native answer that it is made from.
pub(crate) async fn answer(
    call: &Call<'_>,
    position: usize,
    number: &str,
    body: Bytes,
) -> Result<Reply, Problem> {
    let state = call.state();
    let route = &state.custom.all()[position];
    let native = match &route.source {
        Source::Model { name, version, outputs } => {
            let target = match version {
                Some(version) => Target::Version(name.into(), version.into()),
                None => Target::Name(name.into()),
            };
            let (model, role) = predict::choose(call, &target).await?;
            let asked = match call.parameter("outputs") {
                Some(names) if route.expression.is_none() => Some(Outputs::parse(&names, &model.live)?),
                Some(_) | None => None,
            };
            let outputs = asked.as_ref().unwrap_or(outputs);
            let wanted = Wanted { model: &model, outputs, as_rows: route.expression.is_some(), role };
            predict::native(call, wanted, body).await?
        }
        Source::Dataset { position, answer } => {
            Box::pin(datasets::answer(call, &state.datasets[*position], *answer, number)).await?.body
        }
    };
    route.shape(native).map(Reply::json)
}

/// What routes may lead to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// The models.
    pub(crate) catalog: &'a Catalog,
    /// The datasets.
    pub(crate) datasets: &'a [ServedDataset],
}

impl CustomRoutes {
    /// Checks and compiles the configured routes.
    ///
    /// # Errors
    /// The first that cannot be served.
    pub(crate) fn new(configs: &[RouteConfig], sources: Sources<'_>) -> Result<Self, RouteError> {
        let mut routes: Vec<CustomRoute> = Vec::with_capacity(configs.len());
        for config in configs {
            let route = CustomRoute::new(config, sources)?;
            if routes.iter().any(|other| other.pattern == route.pattern) {
                return Err(RouteError::Twice { path: config.path.clone() });
            }
            routes.push(route);
        }
        let plain = routes.iter().enumerate().filter(|(_, route)| !route.pattern.numbered());
        let plain = plain.map(|(position, route)| (route.pattern.as_str().to_owned(), position)).collect();
        Ok(Self { routes, plain })
    }

    /// The routes in the order of the configuration.
    pub(crate) fn all(&self) -> &[CustomRoute] {
        &self.routes
    }

    /// The route at a path, by its position, and what the path has in the place of the row's number.
    pub(crate) fn find<'p>(&self, path: &'p str) -> Option<(usize, &'p str)> {
        if let Some(position) = self.plain.get(path) {
            return Some((*position, ""));
        }
        let mut numbered = self.routes.iter().enumerate().filter(|(_, route)| route.pattern.numbered());
        numbered.find_map(|(position, route)| Some((position, route.pattern.matches(path)?)))
    }
}

impl CustomRoute {
    fn new(config: &RouteConfig, sources: Sources<'_>) -> Result<Self, RouteError> {
        let path = || config.path.clone();
        let pattern =
            Pattern::parse(&config.path).map_err(|reason| RouteError::Path { path: path(), reason })?;
        if config.path.split('/').nth(1).is_none_or(|first| RESERVED.contains(&first)) {
            return Err(RouteError::Reserved { path: path() });
        }
        let expression = config.response.as_deref().map(Expression::compile).transpose();
        let expression = expression.map_err(|error| expression_error(config, &error))?;
        let source = match (&config.model, &config.dataset) {
            (Some(model), None) => model_source(config, model, expression.as_ref(), sources.catalog)?,
            (None, Some(dataset)) => dataset_source(config, dataset, sources.datasets)?,
            (Some(_), Some(_)) | (None, None) => return Err(RouteError::Source { path: path() }),
        };
        let needs_number =
            matches!(source, Source::Dataset { answer: DatasetAnswer::Line | DatasetAnswer::Prediction, .. });
        if pattern.numbered() != needs_number {
            let problem = if needs_number {
                "needs a segment `{n}` for the number of the row"
            } else {
                "has no row, so `{n}` cannot stand in its path"
            };
            return Err(RouteError::Key { path: path(), problem });
        }
        let route = Self { pattern, source, expression };
        route.try_out(sources).map_err(|reason| RouteError::Expression { path: path(), reason })?;
        Ok(route)
    }

    /// Puts a native answer into the route's form.
    ///
    /// # Errors
    /// The expression calls a function with a value that it does not take: the service's fault, not the caller's.
    pub(crate) fn shape(&self, native: Bytes) -> Result<Bytes, Problem> {
        match &self.expression {
            None => Ok(native),
            Some(expression) => expression.apply(&native).map(Bytes::from).map_err(|error| {
                tracing::error!(path = self.pattern.as_str(), %error, "a response could not be shaped");
                Problem::Internal
            }),
        }
    }

    /// The native answer to an example, as far as one can be given without much work. `one` asks for that to a record.
    pub(crate) fn example(&self, sources: Sources<'_>, one: bool) -> Option<Bytes> {
        match &self.source {
            Source::Model { name, version, outputs } => {
                let model = find(sources.catalog, name, version.as_deref())?;
                predict::example(model, outputs, one && self.expression.is_none())
            }
            Source::Dataset { position, answer } => {
                let example = sources.datasets.get(*position)?.example(*answer, sources.catalog)?;
                serde_json::to_vec(&example).ok().map(Bytes::from)
            }
        }
    }

    /// Applies the expression to the example: what gives nothing there is a slip of the pen, and better found now than by
    /// the callers.
    fn try_out(&self, sources: Sources<'_>) -> Result<(), String> {
        let Some((expression, native)) = self.expression.as_ref().zip(self.example(sources, false)) else {
            return Ok(());
        };
        let shaped = expression.apply(&native).map_err(|error| error.to_string())?;
        let native: Value = serde_json::from_slice(&native).unwrap_or_default();
        let known: Vec<_> = native.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let known = known.join(", ");
        let shaped: Value = serde_json::from_slice(&shaped).unwrap_or_default();
        let text = expression.as_str();
        if shaped.is_null() {
            return Err(format!("`{text}` gives null; it can read {known}"));
        }
        match expression.keys().into_iter().find(|key| shaped[key].is_null()) {
            Some(key) => Err(format!("`{text}` gives null as `{key}`; it can read {known}")),
            None => Ok(()),
        }
    }
}

fn expression_error(config: &RouteConfig, error: &ExpressionError) -> RouteError {
    RouteError::Expression { path: config.path.clone(), reason: error.to_string() }
}

/// The model of a name, or of a name and a version.
pub(crate) fn find<'c>(
    catalog: &'c Catalog,
    name: &str,
    version: Option<&str>,
) -> Option<&'c Arc<LiveModel>> {
    match version {
        Some(version) => catalog.version(name, version),
        None => catalog.get(name),
    }
}

fn model_source(
    config: &RouteConfig,
    name: &str,
    expression: Option<&Expression>,
    catalog: &Catalog,
) -> Result<Source, RouteError> {
    let path = || config.path.clone();
    if config.answer.is_some() {
        return Err(RouteError::Key { path: path(), problem: "leads to a model, so it takes no `answer`" });
    }
    let Some(model) = find(catalog, name, config.version.as_deref()) else {
        let known = catalog.models().iter().map(|model| match &config.version {
            Some(_) => format!("`{}` version `{}`", model.name(), model.version()),
            None => format!("`{}`", model.name()),
        });
        let name = match &config.version {
            Some(version) => format!("{name}` version `{version}"),
            None => name.to_owned(),
        };
        return Err(RouteError::Unknown { path: path(), kind: "model", name, known: list(known) });
    };
    let outputs = match (&config.outputs, expression) {
        (Some(names), _) => Outputs::parse(&names.join(","), model)
            .map_err(|problem| RouteError::Outputs { path: path(), reason: problem.to_string() })?,
        (None, Some(expression)) => outputs_of(expression, model),
        (None, None) => Outputs::of(model),
    };
    Ok(Source::Model { name: name.to_owned(), version: config.version.clone(), outputs })
}

/// The outputs that an expression names, and those that are given unasked. One that occurs in it as something else is
/// computed for nothing, which does no harm.
fn outputs_of(expression: &Expression, model: &LiveModel) -> Outputs {
    let defaults = Outputs::of(model);
    let named = Outputs::available(model).filter(|output| expression.as_str().contains(output.name));
    Outputs::new(defaults.iter().chain(named))
}

fn dataset_source(
    config: &RouteConfig,
    name: &str,
    datasets: &[ServedDataset],
) -> Result<Source, RouteError> {
    let key = |problem| RouteError::Key { path: config.path.clone(), problem };
    if config.outputs.is_some() {
        return Err(key("leads to a dataset, so it takes no `outputs`"));
    }
    if config.version.is_some() {
        return Err(key("leads to a dataset, so it takes no `version`"));
    }
    let answer = config.answer.ok_or_else(|| key("needs `answer`: `line`, `prediction` or `score`"))?;
    let position = datasets.iter().position(|dataset| dataset.name() == name).ok_or_else(|| {
        let known = list(datasets.iter().map(|dataset| format!("`{}`", dataset.name())));
        RouteError::Unknown { path: config.path.clone(), kind: "dataset", name: name.to_owned(), known }
    })?;
    Ok(Source::Dataset { position, answer })
}

fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
