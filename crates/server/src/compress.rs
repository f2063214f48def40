//! Compressing answers for clients that accept it.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::HeaderMap;
use hyper::header::{ACCEPT_ENCODING, HeaderValue};

/// A content coding that answers are sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    /// The coding that a client likes best; of equals, gzip. `None` when it asks for none.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut best = (0.0, None);
        for value in headers.get_all(ACCEPT_ENCODING) {
            for item in value.to_str().unwrap_or_default().split(',') {
                let (name, weight) = weighted(item);
                let coding = match name.to_ascii_lowercase().as_str() {
                    "gzip" | "x-gzip" | "*" => Self::Gzip,
                    "deflate" => Self::Deflate,
                    _ => continue,
                };
                if weight > best.0 || (weight == best.0 && weight > 0.0 && coding == Self::Gzip) {
                    best = (weight, Some(coding));
                }
            }
        }
        best.1
    }

    /// The name in `Content-Encoding`.
    pub(crate) fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }

    /// Compresses quickly rather than well: the answer is waited for.
    ///
    /// # Errors
    /// None in practice: the target is memory.
    pub(crate) fn compress(self, body: &[u8]) -> io::Result<Bytes> {
        let memory = Vec::with_capacity(body.len() / 4);
        let compressed = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(memory, Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()?
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(memory, Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()?
            }
        };
        Ok(compressed.into())
    }
}

/// An item of a header such as `gzip;q=0.5`: its name, and its weight, which is 1 where it has none.
fn weighted(item: &str) -> (&str, f32) {
    let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
    let weight = parameters.trim().strip_prefix("q=").map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
    (name.trim(), weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(value: &'static str) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
        Coding::accepted(&headers)
    }

    #[test]
    fn the_client_chooses() {
        assert_eq!(accepted("gzip, deflate, br"), Some(Coding::Gzip));
        assert_eq!(accepted("deflate, gzip"), Some(Coding::Gzip));
        assert_eq!(accepted("deflate;q=1.0, gzip;q=0.5"), Some(Coding::Deflate));
        assert_eq!(accepted("*"), Some(Coding::Gzip));
        for none in ["", "br", "identity", "gzip;q=0", "gzip;q=x"] {
            assert_eq!(accepted(none), None, "{none:?}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), None);
    }
}
