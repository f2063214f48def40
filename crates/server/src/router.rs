//! Every path of the service, and which handler answers it.
//!
//! A new endpoint is a variant of [`Route`], an arm in [`Route::find`], its methods, and an arm in
//! [`Route::answer`] that calls a plain function of the request.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde_json::Value;

use crate::admin::{self, Admin};
use crate::auth::{Access, Scope};
use crate::config::{DatasetAnswer, ServerConfig};
use crate::custom::{self, Source};
use crate::pages::{self, Asset, asset};
use crate::predict::{self, Target};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Call, decode};
use crate::state::State;
use crate::{datasets, feedback, health, metrics, models, quality};

/// What a path stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Route<'p> {
    /// A prediction in the native form.
    Predict(Target<'p>),
    /// A configured endpoint, by its position, and what the path has for the number of a row.
    Custom(usize, &'p str),
    /// What a dataset is.
    Dataset(Cow<'p, str>),
    /// An answer of a dataset, and what the path has for the number of a row.
    DatasetAnswer(Cow<'p, str>, DatasetAnswer, &'p str),
    /// The models.
    Models,
    /// One model.
    Model(Cow<'p, str>),
    /// How good a model is.
    Quality(Cow<'p, str>),
    /// What really happened.
    Feedback,
    /// What administrators do.
    Admin(Admin<'p>),
    /// Status of the service and its models.
    Health,
    /// Whether the process lives.
    Live,
    /// Whether requests are taken.
    Ready,
    /// Counters.
    Metrics,
    /// The description of the API.
    OpenApi,
    /// The landing page.
    Landing,
    /// A file of the docs page.
    Asset(&'static Asset),
}

/// The methods that a path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Methods {
    /// It is read.
    Get,
    /// It is sent a body.
    Post,
    /// It may be sent a body.
    GetOrPost,
    /// It is deleted.
    Delete,
    /// It is read or deleted.
    GetOrDelete,
}

impl Methods {
    /// As in the `Allow` header.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD, OPTIONS",
            Self::Post => "POST, OPTIONS",
            Self::GetOrPost => "GET, HEAD, POST, OPTIONS",
            Self::Delete => "DELETE, OPTIONS",
            Self::GetOrDelete => "GET, HEAD, DELETE, OPTIONS",
        }
    }

    fn contain(self, method: &Method) -> bool {
        let (get, post) = (method == Method::GET || method == Method::HEAD, method == Method::POST);
        let delete = method == Method::DELETE;
        match self {
            Self::Get => get,
            Self::Post => post,
            Self::GetOrPost => get || post,
            Self::Delete => delete,
            Self::GetOrDelete => get || delete,
        }
    }
}

impl<'p> Route<'p> {
    /// What is at a path.
    ///
    /// # Errors
    /// Nothing is.
    pub(crate) fn find(state: &State, path: &'p str) -> Result<Self, Problem> {
        // A configured route may stand in the place of `/predict`.
        if let Some((position, number)) = state.custom.find(path) {
            return Ok(Self::Custom(position, number));
        }
        let route = Self::fixed(path).or_else(|| Self::find_in_parts(path));
        let pages = state.config.server.docs_enabled();
        let shown_here = |route: &Self| pages || !matches!(route, Self::Landing | Self::Asset(_));
        route.filter(shown_here).ok_or_else(|| Problem::NoSuchPath {
            path: shown(path),
            hint: "predictions are at `POST /predict` and `POST /models/{name}/predict`".into(),
        })
    }

    fn fixed(path: &str) -> Option<Self> {
        Some(match path {
            "/predict" => Self::Predict(Target::Default),
            "/feedback" => Self::Feedback,
            "/models" => Self::Models,
            "/health" => Self::Health,
            "/health/live" => Self::Live,
            "/health/ready" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/openapi.json" => Self::OpenApi,
            "/" => Self::Landing,
            _ => Self::Asset(asset(path)?),
        })
    }

    fn find_in_parts(path: &'p str) -> Option<Self> {
        if let Some(path) = path.strip_prefix("/admin/") {
            return Admin::find(path).map(Self::Admin);
        }
        let mut parts = path.strip_prefix('/')?.split('/');
        let mut next = || parts.next();
        let route = match (next()?, next(), next(), next(), next()) {
            ("models", Some(name), Some("predict"), None, None) => Self::Predict(Target::Name(decode(name))),
            ("models", Some(name), Some("versions"), Some(version), Some("predict")) => {
                Self::Predict(Target::Version(decode(name), decode(version)))
            }
            ("models", Some(name), Some("quality"), None, None) => Self::Quality(decode(name)),
            ("models", Some(name), None, None, None) => Self::Model(decode(name)),
            ("datasets", Some(name), None, None, None) => Self::Dataset(decode(name)),
            ("datasets", Some(name), Some("rows"), Some(number), None) => {
                Self::DatasetAnswer(decode(name), DatasetAnswer::Line, number)
            }
            ("datasets", Some(name), Some("predictions"), Some(number), None) => {
                Self::DatasetAnswer(decode(name), DatasetAnswer::Prediction, number)
            }
            ("datasets", Some(name), Some("score"), None, None) => {
                Self::DatasetAnswer(decode(name), DatasetAnswer::Score, "")
            }
            _ => return None,
        };
        next().is_none().then_some(route)
    }

    /// The methods that the path takes.
    pub(crate) fn methods(&self, state: &State) -> Methods {
        match self {
            Self::Predict(_) | Self::Feedback => Methods::Post,
            Self::Custom(position, _) => match state.custom.all()[*position].source {
                Source::Model { .. } => Methods::Post,
                Source::Dataset { .. } => Methods::GetOrPost,
            },
            Self::DatasetAnswer(..) => Methods::GetOrPost,
            Self::Admin(admin) => admin.methods(),
            Self::Dataset(_)
            | Self::Models
            | Self::Model(_)
            | Self::Quality(_)
            | Self::Health
            | Self::Live
            | Self::Ready
            | Self::Metrics
            | Self::OpenApi
            | Self::Landing
            | Self::Asset(_) => Methods::Get,
        }
    }

    /// The pattern of the path, in which what callers choose is a name in braces.
    pub(crate) fn pattern<'s>(&self, state: &'s State) -> &'s str {
        match self {
            Self::Predict(Target::Default) => "/predict",
            Self::Predict(Target::Name(_)) => "/models/{name}/predict",
            Self::Predict(Target::Version(..)) => "/models/{name}/versions/{version}/predict",
            Self::Custom(position, _) => state.custom.all()[*position].pattern.as_str(),
            Self::Dataset(_) => "/datasets/{name}",
            Self::DatasetAnswer(_, DatasetAnswer::Line, _) => "/datasets/{name}/rows/{n}",
            Self::DatasetAnswer(_, DatasetAnswer::Prediction, _) => "/datasets/{name}/predictions/{n}",
            Self::DatasetAnswer(_, DatasetAnswer::Score, _) => "/datasets/{name}/score",
            Self::Admin(admin) => admin.pattern(),
            Self::Models => "/models",
            Self::Model(_) => "/models/{name}",
            Self::Quality(_) => "/models/{name}/quality",
            Self::Feedback => "/feedback",
            Self::Health => "/health",
            Self::Live => "/health/live",
            Self::Ready => "/health/ready",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
            Self::Landing => "/",
            Self::Asset(_) => "/docs",
        }
    }

    /// Who may use it.
    pub(crate) fn access(&self, state: &State) -> Access {
        match self {
            Self::Predict(_)
            | Self::Custom(..)
            | Self::Dataset(_)
            | Self::DatasetAnswer(..)
            | Self::Models
            | Self::Quality(_)
            | Self::Model(_) => Access::Key(Scope::Predict),
            Self::Feedback => Access::Key(Scope::Feedback),
            Self::Admin(_) => Access::Key(Scope::Admin),
            // Where the pages are off, what they show is not for everyone.
            Self::OpenApi if !state.config.server.docs_enabled() => Access::AnyKey,
            Self::Metrics => Access::AnyKey,
            Self::OpenApi | Self::Health | Self::Live | Self::Ready | Self::Landing | Self::Asset(_) => {
                Access::Everyone
            }
        }
    }

    /// Whether it is asked by what watches over the service, and so answered always and everyone.
    pub(crate) fn is_probe(&self) -> bool {
        matches!(self, Self::Health | Self::Live | Self::Ready)
    }

    /// Bytes of a body, and the time in which they must arrive.
    pub(crate) fn body_bounds(&self, config: &ServerConfig) -> (usize, Duration) {
        if let Self::Admin(admin) = self
            && admin.takes_file()
        {
            return (config.max_upload_bytes, admin::UPLOAD_TIME);
        }
        (config.max_body_bytes, config.body_timeout)
    }

    /// Fails when the path does not take a method.
    ///
    /// # Errors
    /// [`Problem::WrongMethod`].
    pub(crate) fn check(&self, state: &State, method: &Method) -> Result<(), Problem> {
        let methods = self.methods(state);
        if methods.contain(method) {
            return Ok(());
        }
        Err(Problem::WrongMethod { method: shown(method.as_str()), allow: methods.allow() })
    }

    /// Calls the handler. `body` is empty for requests that are not `POST`.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub(crate) async fn answer(&self, call: &Call<'_>, body: Bytes) -> Result<Reply, Problem> {
        match self {
            Self::Predict(target) => predict::answer(call, target, body).await,
            Self::Custom(position, number) => custom::answer(call, *position, number, body).await,
            Self::Dataset(name) => Ok(json(&datasets::find(call.state(), name)?.about())),
            Self::DatasetAnswer(name, answer, number) => {
                Box::pin(datasets::answer(call, datasets::find(call.state(), name)?, *answer, number)).await
            }
            Self::Models => Ok(json(&models::list(call))),
            Self::Model(name) => {
                let model = predict::find(call, &Target::Name(Cow::Borrowed(name)))?;
                Ok(json(&models::detail(&model.live, &call.state().catalog.snapshot())))
            }
            Self::Quality(name) => {
                let model = predict::find(call, &Target::Name(Cow::Borrowed(name)))?;
                let measured = call.state().quality.load();
                Ok(json(&quality::document(model.live.name(), measured.as_deref())))
            }
            Self::Feedback => feedback::answer(call, &body),
            Self::Admin(admin) => Box::pin(admin::answer(call, admin, body)).await,
            Self::Health | Self::Ready => Ok(health::answer(call.state())),
            Self::Live => Ok(json(&serde_json::json!({"status": "alive"}))),
            Self::Metrics => Ok(Reply::ok(metrics::CONTENT_TYPE, call.state().metrics())),
            Self::OpenApi => Ok(Reply::json(call.state().openapi())),
            Self::Landing => Ok(pages::landing(call)),
            Self::Asset(asset) => Ok(asset.answer(&call.head.headers)),
        }
    }
}

fn json(document: &Value) -> Reply {
    Reply::json(document.to_string())
}

/// A caller's text, short enough to be shown in an answer.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN: usize = 100;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => Cow::from(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_decoded_after_the_path_is_split() {
        let route = Route::find_in_parts("/models/a%2Fb/versions/1%202/predict");
        assert_eq!(route, Some(Route::Predict(Target::Version("a/b".into(), "1 2".into()))));
        for path in ["/", "", "/models//predict/", "/models/a/predict/b", "/Models/a/predict", "predict"] {
            assert_eq!(Route::find_in_parts(path), None, "{path}");
        }
    }

    #[test]
    fn long_paths_are_shortened() {
        assert_eq!(shown("/a"), "/a");
        assert_eq!(shown(&"é".repeat(200)).chars().count(), 101);
    }
}
