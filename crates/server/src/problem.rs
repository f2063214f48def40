//! Everything that can be wrong with a request, and how each is answered: RFC 9457 problem details.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;

use crate::auth::KeyFault;

/// How many errors of one request are listed.
pub(crate) const MAX_ERRORS: usize = 100;

/// A step on the way to a value of a request: a key or a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Place {
    /// The value of this key.
    Key(String),
    /// The item at this position, from 0.
    Index(usize),
}

impl From<&str> for Place {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Place {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// One thing that is wrong with a request, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// The way to the value.
    pub(crate) loc: Vec<Place>,
    /// What was expected and what came.
    pub(crate) msg: String,
    /// A stable name of the kind of fault.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Problem {
    /// The head or the body is not what HTTP or the content coding says.
    BadRequest {
        /// What is wrong.
        detail: String,
    },
    /// The body is not JSON.
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1, in bytes.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// There is nothing at this path.
    NoSuchPath {
        /// The path.
        path: String,
        /// What may have been meant, or what there is.
        hint: String,
    },
    /// There is no such model.
    NoSuchModel {
        /// Its name.
        name: String,
        /// The models there are.
        known: Vec<String>,
    },
    /// There is no such version of a model.
    NoSuchVersion {
        /// The model.
        name: String,
        /// The version.
        version: String,
    },
    /// Something else that a path names is not there, such as a row of a dataset.
    NotThere {
        /// What is not there.
        detail: String,
    },
    /// The path does not take this method.
    WrongMethod {
        /// The method.
        method: String,
        /// The methods it takes, as in the `Allow` header.
        allow: &'static str,
    },
    /// The body did not arrive in time.
    SlowBody {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The body has too many bytes.
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// The body has too many rows.
    TooManyRows {
        /// Rows allowed.
        limit: usize,
    },
    /// The body is in a format that is not read.
    WrongContentType {
        /// The content types that are understood there.
        expected: &'static str,
        /// The format.
        got: String,
    },
    /// The body is in a coding that is not read.
    WrongContentEncoding {
        /// The coding.
        got: String,
    },
    /// The body is not what the model takes.
    Invalid {
        /// What is wrong; never empty.
        faults: Vec<Fault>,
    },
    /// A key is needed, and none came that is valid.
    Unauthorized {
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// The key is valid, and not for this.
    Forbidden {
        /// What it lacks.
        detail: String,
    },
    /// What is asked for stands against something that is there.
    Conflict {
        /// What, and what to do first.
        detail: String,
    },
    /// The caller asks more often than it may.
    TooManyRequests {
        /// Whose limit it is.
        whose: &'static str,
        /// When the next request may come.
        wait: Duration,
    },
    /// As many requests as allowed are under way.
    Overloaded,
    /// It cannot be recorded, and so is not answered.
    NotRecorded,
    /// The models are not loaded yet, or the service is about to stop.
    NotReady,
    /// The database does not answer.
    NoDatabase,
    /// The answer was not ready in time.
    Deadline {
        /// The time allowed.
        limit: Duration,
    },
    /// The service failed, through no fault of the request.
    Internal,
}

/// How a kind of problem is answered.
pub(crate) struct Kind {
    pub(crate) status: StatusCode,
    /// The last part of the `type` URI.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// Seconds after which the same request may succeed.
    pub(crate) retry_after: Option<u64>,
}

impl Problem {
    /// The one table of problems and their answers.
    pub(crate) fn kind(&self) -> Kind {
        let kind = |status, name, title| Kind { status, name, title, retry_after: None };
        match self {
            Self::BadRequest { .. } => {
                kind(StatusCode::BAD_REQUEST, "bad-request", "The request is malformed")
            }
            Self::NotJson { .. } => kind(StatusCode::BAD_REQUEST, "not-json", "The body is not JSON"),
            Self::NoSuchPath { .. } => kind(StatusCode::NOT_FOUND, "no-such-path", "There is no such path"),
            Self::NoSuchModel { .. } => {
                kind(StatusCode::NOT_FOUND, "no-such-model", "There is no such model")
            }
            Self::NoSuchVersion { .. } => {
                kind(StatusCode::NOT_FOUND, "no-such-version", "There is no such version of the model")
            }
            Self::NotThere { .. } => kind(StatusCode::NOT_FOUND, "not-there", "There is no such resource"),
            Self::WrongMethod { .. } => {
                kind(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "The path does not take this method")
            }
            Self::SlowBody { .. } => {
                kind(StatusCode::REQUEST_TIMEOUT, "slow-body", "The body did not arrive in time")
            }
            Self::TooLarge { .. } => {
                kind(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large")
            }
            Self::TooManyRows { .. } => {
                kind(StatusCode::PAYLOAD_TOO_LARGE, "too-many-rows", "The body has too many rows")
            }
            Self::WrongContentType { .. } => kind(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "wrong-content-type",
                "The content type is not supported",
            ),
            Self::WrongContentEncoding { .. } => kind(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "wrong-content-encoding",
                "The content encoding is not supported",
            ),
            Self::Invalid { .. } => {
                kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request is not what the model takes")
            }
            Self::Unauthorized { .. } => {
                kind(StatusCode::UNAUTHORIZED, "unauthorized", "A valid API key is needed")
            }
            Self::Forbidden { .. } => {
                kind(StatusCode::FORBIDDEN, "forbidden", "The API key does not allow this")
            }
            Self::Conflict { .. } => {
                kind(StatusCode::CONFLICT, "conflict", "The state of the registry forbids it")
            }
            Self::TooManyRequests { wait, .. } => Kind {
                retry_after: Some(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)),
                ..kind(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests came")
            },
            Self::Overloaded => Kind {
                retry_after: Some(1),
                ..kind(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The service is overloaded")
            },
            Self::NotRecorded => Kind {
                retry_after: Some(1),
                ..kind(StatusCode::SERVICE_UNAVAILABLE, "not-recorded", "The prediction cannot be recorded")
            },
            Self::NotReady => Kind {
                retry_after: Some(1),
                ..kind(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "The service is not ready")
            },
            Self::NoDatabase => Kind {
                retry_after: Some(1),
                ..kind(StatusCode::SERVICE_UNAVAILABLE, "no-database", "The database is not available")
            },
            Self::Deadline { .. } => {
                kind(StatusCode::GATEWAY_TIMEOUT, "deadline", "The answer was not ready in time")
            }
            Self::Internal => {
                kind(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The service failed on this request")
            }
        }
    }

    /// What the caller is to show instead, as in the `WWW-Authenticate` header (RFC 6750, section 3).
    pub(crate) fn challenge(&self) -> Option<&'static str> {
        let missing = matches!(self, Self::Unauthorized { fault: KeyFault::Missing });
        let unauthorized = matches!(self, Self::Unauthorized { .. });
        let forbidden = matches!(self, Self::Forbidden { .. });
        match (missing, unauthorized, forbidden) {
            (true, ..) => Some("Bearer realm=\"foretell\""),
            (_, true, _) => Some("Bearer realm=\"foretell\", error=\"invalid_token\""),
            (.., true) => Some("Bearer realm=\"foretell\", error=\"insufficient_scope\""),
            (false, false, false) => None,
        }
    }

    /// What is wrong with the request's single fault.
    pub(crate) fn invalid(loc: Vec<Place>, kind: &'static str, msg: impl Into<String>) -> Self {
        Self::Invalid { faults: vec![Fault { loc, msg: msg.into(), kind }] }
    }

    /// The faults that are listed one by one.
    pub(crate) fn faults(&self) -> &[Fault] {
        match self {
            Self::Invalid { faults } => faults,
            Self::BadRequest { .. }
            | Self::NotJson { .. }
            | Self::NoSuchPath { .. }
            | Self::NoSuchModel { .. }
            | Self::NoSuchVersion { .. }
            | Self::NotThere { .. }
            | Self::WrongMethod { .. }
            | Self::SlowBody { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRows { .. }
            | Self::WrongContentType { .. }
            | Self::WrongContentEncoding { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Conflict { .. }
            | Self::NoDatabase
            | Self::TooManyRequests { .. }
            | Self::Overloaded
            | Self::NotRecorded
            | Self::NotReady
            | Self::Deadline { .. }
            | Self::Internal => &[],
        }
    }
}

/// The `detail` of a problem.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest { detail }
            | Self::NotThere { detail }
            | Self::Forbidden { detail }
            | Self::Conflict { detail } => f.write_str(detail),
            Self::NotJson { line, column, reason } => {
                write!(f, "line {line}, column {column}: {reason}")
            }
            Self::NoSuchPath { path, hint } => write!(f, "there is nothing at `{path}`; {hint}"),
            Self::NoSuchModel { name, known } if known.is_empty() => {
                write!(f, "there is no model `{name}`; none is loaded")
            }
            Self::NoSuchModel { name, known } => {
                let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                write!(f, "there is no model `{name}`; there is {}", known.join(", "))
            }
            Self::NoSuchVersion { name, version } => {
                write!(f, "there is no version `{version}` of model `{name}`; see `/models/{name}`")
            }
            Self::WrongMethod { method, allow } => write!(f, "expected {allow}, got {method}"),
            Self::SlowBody { waited } => write!(f, "the body did not arrive within {waited:?}"),
            Self::TooLarge { limit } => {
                write!(f, "expected a body of at most {limit} bytes; send fewer rows a request")
            }
            Self::TooManyRows { limit } => {
                write!(f, "expected at most {limit} rows; split them over several requests")
            }
            Self::WrongContentType { got, expected } => write!(f, "expected {expected}, got `{got}`"),
            Self::WrongContentEncoding { got } => {
                write!(f, "expected `gzip`, `deflate` or none, got `{got}`")
            }
            Self::Invalid { faults } if faults.len() == 1 => f.write_str(&faults[0].msg),
            Self::Invalid { faults } => write!(f, "{} errors; the first: {}", faults.len(), faults[0].msg),
            Self::Unauthorized { fault } => write!(f, "{fault}"),
            Self::TooManyRequests { whose, wait } => {
                write!(f, "{whose} has sent as many requests as it may; the next may come in {wait:.1?}")
            }
            Self::Overloaded => f.write_str("too many requests are under way; try again later"),
            Self::NotRecorded => f.write_str("the record of predictions has no room; try again later"),
            Self::NotReady => {
                f.write_str("the models are not loaded, or the service is about to stop; try again later")
            }
            Self::NoDatabase => f.write_str("the database does not answer; try again later"),
            Self::Deadline { limit } => {
                write!(f, "the answer took longer than {limit:?}; send fewer rows a request")
            }
            Self::Internal => f.write_str("this is a fault of the service; its log has the request's id"),
        }
    }
}

/// The body of a problem.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
    request_id: &'a str,
}

impl Problem {
    /// The `application/problem+json` document.
    pub(crate) fn document(&self, request_id: &str) -> Vec<u8> {
        let Kind { status, name, title, .. } = self.kind();
        let document = Document {
            kind: format!("urn:foretell:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: self.to_string(),
            errors: self.faults(),
            request_id,
        };
        serde_json::to_vec(&document).expect("texts and numbers are serialisable")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_lists_its_faults_and_their_places() {
        let faults = vec![
            Fault {
                loc: vec!["data".into(), 1.into()],
                msg: "expected 4 values, got 3".into(),
                kind: "wrong_length",
            },
            Fault { loc: vec!["data".into(), 2.into(), "x".into()], msg: "bad".into(), kind: "wrong_type" },
        ];
        let document = Problem::Invalid { faults }.document("01K");
        let expected = concat!(
            r#"{"type":"urn:foretell:problem:invalid","title":"The request is not what the model takes","status":422,"#,
            r#""detail":"2 errors; the first: expected 4 values, got 3","errors":["#,
            r#"{"loc":["data",1],"msg":"expected 4 values, got 3","type":"wrong_length"},"#,
            r#"{"loc":["data",2,"x"],"msg":"bad","type":"wrong_type"}],"request_id":"01K"}"#
        );
        assert_eq!(String::from_utf8(document).unwrap(), expected);
    }

    #[test]
    fn overload_says_when_to_come_back() {
        assert_eq!(Problem::Overloaded.kind().retry_after, Some(1));
        assert_eq!(Problem::NotReady.kind().status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(Problem::Internal.kind().retry_after, None);
    }
}
