//! A request as handlers see it.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use ulid::Ulid;

use crate::auth::{Access, Caller};
use crate::connection::Worker;
use crate::predict::Served;
use crate::problem::Problem;
use crate::rate;
use crate::state::State;
use crate::turn::processor_time;

/// The header that carries a request's id, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A caller's own id may be so long; a longer one is replaced.
const MAX_ID: usize = 128;

/// The id of a request: the caller's own, or a new ULID.
#[derive(Debug, Clone)]
pub(crate) enum RequestId {
    /// From the caller: letters, digits, `-`, `_`, `.`, `:` only, so that it needs no escape anywhere.
    Given(HeaderValue),
    /// Ours.
    New([u8; ulid::ULID_LEN]),
}

impl RequestId {
    /// The id that the caller gives, if it is fit to be one, or a new one of this time.
    pub(crate) fn of(headers: &HeaderMap, time: SystemTime) -> Self {
        if let Some(given) = headers.get(X_REQUEST_ID) {
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
            let bytes = given.as_bytes();
            if !bytes.is_empty() && bytes.len() <= MAX_ID && bytes.iter().all(plain) {
                return Self::Given(given.clone());
            }
        }
        let mut text = [0; ulid::ULID_LEN];
        Ulid::from_datetime(time).array_to_str(&mut text);
        Self::New(text)
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Given(value) => value.to_str().expect("checked to be ASCII"),
            Self::New(text) => str::from_utf8(text).expect("a ULID is ASCII"),
        }
    }

    /// The id as a header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        match self {
            Self::Given(value) => value.clone(),
            Self::New(text) => HeaderValue::from_bytes(text).expect("a ULID is ASCII"),
        }
    }
}

/// A request without its body, and the service it came to.
pub(crate) struct Call<'a> {
    /// The thread's part of the service.
    pub(crate) worker: &'a Worker,
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    /// Method, path, headers.
    pub(crate) head: &'a Parts,
    /// Its id.
    pub(crate) id: &'a RequestId,
    /// When its head was there.
    pub(crate) started: Instant,
    /// Whose key came with it, once that is checked.
    pub(crate) caller: OnceCell<Caller>,
    /// What the log and the metrics say about the prediction, once a handler knows.
    pub(crate) about: Cell<Option<About>>,
    /// The path pattern of its endpoint, once that is known.
    pub(crate) pattern: Cell<Option<&'a str>>,
}

/// What the log and the metrics say about a prediction.
#[derive(Debug, Clone)]
pub(crate) struct About {
    /// The model that answered or refused.
    pub(crate) model: Rc<Served>,
    /// Rows decoded; 0 when the body was refused.
    pub(crate) rows: usize,
}

impl Call<'_> {
    /// What all threads share.
    pub(crate) fn state(&self) -> &State {
        &self.worker.state
    }

    /// Counts the request against the limit of its address.
    ///
    /// # Errors
    /// [`Problem::TooManyRequests`].
    pub(crate) fn limit_address(&self) -> Result<(), Problem> {
        let Some(limit) = &self.state().address_limit else { return Ok(()) };
        let proxies = &self.state().config.server.trusted_proxies;
        limit.check(rate::caller(self.peer, &self.head.headers, proxies))
    }

    /// Refuses a request to predict that its thread cannot answer soon.
    ///
    /// # Errors
    /// [`Problem::Overloaded`].
    pub(crate) fn check_wait(&self) -> Result<(), Problem> {
        let max_wait = self.state().config.server.max_wait;
        if self.head.method != Method::POST || self.worker.turn.takes(self.started, max_wait, processor_time)
        {
            Ok(())
        } else {
            Err(Problem::Overloaded)
        }
    }

    /// Lets the caller use an endpoint.
    ///
    /// # Errors
    /// The caller has no key, or not one for this, or asks too often.
    pub(crate) fn authorize(&self, access: Access) -> Result<(), Problem> {
        if let Some(caller) = self.state().gate.admit(self, access)? {
            self.caller.get_or_init(|| caller);
        }
        Ok(())
    }

    /// Checks that the caller may use a model.
    ///
    /// # Errors
    /// [`Problem::Forbidden`].
    pub(crate) fn check_model(&self, model: &str) -> Result<(), Problem> {
        self.state().gate.check_model(self.caller.get(), model)
    }

    /// The id of the caller's key.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.caller.get().map(Caller::id)
    }

    /// The models that the caller's key is for; `None` for all, or where no key is needed.
    pub(crate) fn key_models(&self) -> Option<&[String]> {
        self.caller.get().and_then(Caller::models)
    }

    /// The value of a parameter of the query, the last one if it is given more than once.
    pub(crate) fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let pairs = self.head.uri.query()?.split('&');
        let mut found = pairs.filter_map(|pair| match pair.split_once('=') {
            Some((key, value)) => (key == name).then_some(value),
            None => (pair == name).then_some(""),
        });
        found.next_back().map(decode)
    }
}

/// A text without its percent escapes; bytes that are not UTF-8 become `\u{fffd}`.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(given: &[u8]) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(given).unwrap());
        RequestId::of(&headers, SystemTime::now())
    }

    #[test]
    fn a_callers_id_is_kept_if_it_is_plain() {
        assert_eq!(id(b"trace-1.a_b:c").as_str(), "trace-1.a_b:c");
        for bad in [&b""[..], b"a b", b"\"", b"\xff", &[b'a'; 129]] {
            let made = id(bad);
            assert_eq!(made.as_str().len(), 26, "{bad:?}");
            assert_eq!(made.header(), made.as_str());
        }
        let made = || RequestId::of(&HeaderMap::new(), SystemTime::now());
        assert_ne!(made().as_str(), made().as_str());
    }
}
