//! An answer before it is put on the wire.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::problem::Problem;
use crate::request::RequestId;

/// The content type of answers that are not documents, pages or problems.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An answer: status, body, and the headers that are its own.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: HeaderValue,
    /// Other headers; those that every answer has are not the handler's business.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// 200 with a body.
    pub(crate) fn ok(content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, content_type, headers: Vec::new(), body: body.into() }
    }

    /// 200 with a JSON body.
    pub(crate) fn json(body: impl Into<Bytes>) -> Self {
        Self::ok(JSON, body)
    }

    /// The same answer with one more header.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer to a request that is not answered with what it asked for.
    pub(crate) fn problem(problem: &Problem, id: &RequestId) -> Self {
        let kind = problem.kind();
        let mut reply = Self::ok(PROBLEM, problem.document(id.as_str()));
        reply.status = kind.status;
        if let Problem::WrongMethod { allow, .. } = problem {
            reply = reply.with(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(challenge) = problem.challenge() {
            reply = reply.with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = kind.retry_after {
            reply = reply.with(RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }
}
