//! What the service says of itself to programs and people: the inputs of the OpenAPI document and of the landing page.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use foretell_engine::{Catalog, LiveModel};
use foretell_frame::Shape;
use serde_json::Value;

use crate::config::DatasetAnswer;
use crate::custom::{CustomRoute, CustomRoutes, Source, Sources};
use crate::datasets::ServedDataset;
use crate::models;
use crate::openapi::{self, Api, DatasetApi, DatasetRouteApi, ModelApi, Output, RouteApi, Security};
use crate::pages::{Card, Landing};
use crate::path::percent_encode;
use crate::predict::{self, Outputs};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The service as it is described.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service<'a> {
    /// The models.
    pub(crate) catalog: &'a Arc<Catalog>,
    /// The configured endpoints.
    pub(crate) custom: &'a CustomRoutes,
    /// The datasets.
    pub(crate) datasets: &'a [ServedDataset],
    /// Who may ask, and how often.
    pub(crate) security: Security,
}

/// The OpenAPI document of the catalog that it was last asked for.
#[derive(Debug, Default)]
pub(crate) struct OpenApi(ArcSwapOption<(Arc<Catalog>, Bytes)>);

impl OpenApi {
    /// The document, made anew when the catalog is another than before.
    pub(crate) fn document(&self, service: Service<'_>) -> Bytes {
        if let Some(last) = self.0.load().as_ref().filter(|last| Arc::ptr_eq(&last.0, service.catalog)) {
            return last.1.clone();
        }
        let document = Bytes::from(service.openapi().to_string());
        self.0.store(Some(Arc::new((Arc::clone(service.catalog), document.clone()))));
        document
    }
}

impl Service<'_> {
    fn sources(&self) -> Sources<'_> {
        Sources { catalog: self.catalog, datasets: self.datasets }
    }

    /// The OpenAPI document.
    pub(crate) fn openapi(&self) -> Value {
        let position = |name: &str, version: Option<&str>| {
            let same = |model: &Arc<LiveModel>| {
                model.name() == name && version.is_none_or(|version| model.version() == version)
            };
            self.catalog.models().iter().position(same)
        };
        let routes = self.custom.all().iter().filter_map(|route| match &route.source {
            Source::Model { name, version, outputs } => Some(RouteApi {
                path: route.pattern.as_str(),
                model: position(name, version.as_deref())?,
                defaults: outputs.iter().map(|output| output.name).collect(),
                expression: route.expression.as_ref(),
                answers: [self.answer(route, false), self.answer(route, true)],
            }),
            Source::Dataset { .. } => None,
        });
        let dataset_routes = self.custom.all().iter().filter_map(|route| match &route.source {
            Source::Dataset { position, answer } => Some(DatasetRouteApi {
                path: route.pattern.as_str(),
                dataset: *position,
                answer: *answer,
                expression: route.expression.as_ref(),
            }),
            Source::Model { .. } => None,
        });
        let datasets = self.datasets.iter().map(|dataset| DatasetApi {
            name: dataset.name(),
            rows: dataset.rows(),
            columns: dataset.columns(),
            models: dataset.models().iter().filter_map(|name| position(name, None)).collect(),
        });
        Api {
            version: VERSION,
            models: self.catalog.models().iter().map(|model| model_api(model)).collect(),
            routes: routes.collect(),
            datasets: datasets.collect(),
            dataset_routes: dataset_routes.collect(),
            security: self.security,
        }
        .document()
    }

    /// What a route answers to the example.
    fn answer(&self, route: &CustomRoute, one: bool) -> Value {
        let native = route.example(self.sources(), one);
        parsed(native.and_then(|native| route.shape(native).ok()))
    }

    /// What the landing page says.
    pub(crate) fn landing(&self) -> Landing {
        let models = self.catalog.models();
        let routes = self.custom.all().iter().map(|route| match &route.source {
            Source::Model { name, .. } => {
                ("POST", route.pattern.as_str().to_owned(), format!("predict with {name}"))
            }
            Source::Dataset { position, answer } => {
                let name = self.datasets.get(*position).map_or("", ServedDataset::name);
                let what = match answer {
                    DatasetAnswer::Line => "a row of",
                    DatasetAnswer::Prediction => "predictions for a row of",
                    DatasetAnswer::Score => "scores on",
                };
                ("GET", route.pattern.as_str().to_owned(), format!("{what} {name}"))
            }
        });
        let datasets = self.datasets.iter().map(|dataset| {
            let path = format!("/datasets/{}", percent_encode(dataset.name()));
            ("GET", path, format!("a table of {} rows", dataset.rows()))
        });
        Landing {
            version: VERSION.to_owned(),
            models: models.iter().enumerate().map(|(position, model)| card(model, position == 0)).collect(),
            endpoints: routes.chain(datasets).collect(),
        }
    }
}

fn card(model: &LiveModel, default: bool) -> Card {
    let schema = model.schema();
    let mut facts = vec![model.task().as_str().to_owned(), count(schema.len(), "feature", "features")];
    if let [labels] = model.classes() {
        facts.push(count(labels.len(), "class", "classes"));
    }
    facts.push(models::library(model));
    let named = || format!("/models/{}/predict", percent_encode(model.name()));
    Card {
        name: model.name().to_owned(),
        version: model.version().to_owned(),
        pipeline: models::pipeline(model),
        facts,
        path: if default { "/predict".to_owned() } else { named() },
        body: openapi::example_body(schema).to_string(),
    }
}

fn count(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

fn model_api(model: &Arc<LiveModel>) -> ModelApi<'_> {
    let outputs = Outputs::available(model).map(|output| Output {
        name: output.name,
        shape: model.shape(output.method).unwrap_or(Shape::Vector),
        values: model.values(output.method),
    });
    let defaults = Outputs::of(model);
    let answer = |one| parsed(predict::example(model, &defaults, one));
    ModelApi {
        name: model.name(),
        version: model.version(),
        summary: format!("{}, made by {}", models::pipeline(model), models::library(model)),
        schema: model.schema(),
        bounds: openapi::bounds(model),
        outputs: outputs.collect(),
        defaults: defaults.iter().map(|output| output.name).collect(),
        classes: model.classes(),
        answers: [answer(false), answer(true)],
    }
}

fn parsed(text: Option<Bytes>) -> Value {
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
