//! Cross-origin requests: which pages of other origins a browser lets call the service (the Fetch standard's
//! CORS protocol).

use hyper::HeaderMap;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue,
    ORIGIN, VARY,
};

use crate::config::Cors;
use crate::state::StartError;

/// A day: browsers remember a preflight for less anyway.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "content-type, content-encoding, accept, authorization, x-api-key, x-request-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");

/// Which origins may call, ready to be compared and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CorsPolicy {
    Off,
    Any,
    Origins(Vec<HeaderValue>),
}

impl CorsPolicy {
    /// The policy of a configuration.
    ///
    /// # Errors
    /// An origin that no header can carry.
    pub(crate) fn new(cors: &Cors) -> Result<Self, StartError> {
        let header = |origin: &String| {
            HeaderValue::from_str(origin).map_err(|_| StartError::Origin { origin: origin.clone() })
        };
        Ok(match cors {
            Cors::Off => Self::Off,
            Cors::Any => Self::Any,
            Cors::Origins(origins) => Self::Origins(origins.iter().map(header).collect::<Result<_, _>>()?),
        })
    }

    /// Whether a request asks for permission to send another one with this path.
    pub(crate) fn is_preflight(&self, headers: &HeaderMap) -> bool {
        *self != Self::Off
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Adds to an answer what lets the page read it. `preflight` has the methods that the path takes.
    pub(crate) fn apply(&self, request: &HeaderMap, preflight: Option<&'static str>, answer: &mut HeaderMap) {
        let allowed = match self {
            Self::Off => return,
            Self::Any => HeaderValue::from_static("*"),
            Self::Origins(origins) => {
                answer.append(VARY, HeaderValue::from_static("origin"));
                let Some(origin) = request.get(ORIGIN).filter(|origin| origins.contains(origin)) else {
                    return;
                };
                origin.clone()
            }
        };
        if !request.contains_key(ORIGIN) {
            return;
        }
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        match preflight {
            Some(methods) => {
                answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
                answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
                answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            }
            None => {
                answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(policy: &CorsPolicy, origin: Option<&'static str>) -> HeaderMap {
        let mut request = HeaderMap::new();
        if let Some(origin) = origin {
            request.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        let mut answer = HeaderMap::new();
        policy.apply(&request, None, &mut answer);
        answer
    }

    #[test]
    fn a_listed_origin_is_named_and_no_other() {
        let policy = CorsPolicy::new(&Cors::Origins(vec!["https://a.example".into()])).unwrap();
        let allowed = applied(&policy, Some("https://a.example"));
        assert_eq!(allowed[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        for other in [Some("https://b.example"), Some("null"), None] {
            let answer = applied(&policy, other);
            assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{other:?}");
            assert_eq!(answer[VARY], "origin");
        }
    }

    #[test]
    fn any_origin_or_none() {
        assert_eq!(applied(&CorsPolicy::Any, Some("https://a.example"))[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(applied(&CorsPolicy::Any, None).is_empty());
        assert!(applied(&CorsPolicy::Off, Some("https://a.example")).is_empty());
    }
}
