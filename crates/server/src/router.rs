//! Every path of the service, and which handler answers it.
//!
//! A new endpoint is a variant of [`Route`], an arm in [`Route::find`], its methods, and an arm in
//! [`Route::answer`] that calls a plain function of the request.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::Method;

use crate::predict::{self, Target};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Call, decode};
use crate::state::State;

/// What a path stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Route<'p> {
    /// A prediction in the native form.
    Predict(Target<'p>),
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
}

impl Methods {
    /// As in the `Allow` header.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD, OPTIONS",
            Self::Post => "POST, OPTIONS",
            Self::GetOrPost => "GET, HEAD, POST, OPTIONS",
        }
    }

    fn contain(self, method: &Method) -> bool {
        match self {
            Self::Get => method == Method::GET || method == Method::HEAD,
            Self::Post => method == Method::POST,
            Self::GetOrPost => method == Method::GET || method == Method::HEAD || method == Method::POST,
        }
    }
}

impl<'p> Route<'p> {
    /// What is at a path.
    ///
    /// # Errors
    /// Nothing is.
    pub(crate) fn find(_state: &State, path: &'p str) -> Result<Self, Problem> {
        match path {
            "/predict" => Ok(Self::Predict(Target::Default)),
            _ => Self::find_in_parts(path).ok_or_else(|| Problem::NoSuchPath {
                path: shown(path),
                hint: "predictions are at `POST /predict` and `POST /models/{name}/predict`".into(),
            }),
        }
    }

    fn find_in_parts(path: &'p str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let mut next = || parts.next();
        let route = match (next()?, next(), next(), next(), next()) {
            ("models", Some(name), Some("predict"), None, None) => Self::Predict(Target::Name(decode(name))),
            ("models", Some(name), Some("versions"), Some(version), Some("predict")) => {
                Self::Predict(Target::Version(decode(name), decode(version)))
            }
            _ => return None,
        };
        next().is_none().then_some(route)
    }

    /// The methods that the path takes.
    pub(crate) fn methods(&self) -> Methods {
        match self {
            Self::Predict(_) => Methods::Post,
        }
    }

    /// Fails when the path does not take a method.
    ///
    /// # Errors
    /// [`Problem::WrongMethod`].
    pub(crate) fn check(&self, method: &Method) -> Result<(), Problem> {
        let methods = self.methods();
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
        }
    }
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
        for path in
            ["/", "", "/models", "/models//predict/", "/models/a/predict/b", "/Models/a/predict", "predict"]
        {
            assert_eq!(Route::find_in_parts(path), None, "{path}");
        }
    }

    #[test]
    fn long_paths_are_shortened() {
        assert_eq!(shown("/a"), "/a");
        assert_eq!(shown(&"é".repeat(200)).chars().count(), 101);
    }
}
