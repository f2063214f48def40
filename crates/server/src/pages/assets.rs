//! The files of the docs page. They are part of the binary, so that the page works without a network.

use std::io::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use sha2::{Digest as _, Sha256};

use crate::compress::Coding;
use crate::reply::Reply;

/// What the pages may load and call: this service alone. Swagger UI sets styles and draws its icons from data URLs.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// How long a browser may keep a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// For good: its path names its version.
    Forever,
    /// Until the service says that it has changed.
    Revalidate,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Asset {
    path: &'static str,
    content_type: &'static str,
    keep: Keep,
    bytes: &'static [u8],
    /// Made on the first request: most services never show their docs page.
    prepared: OnceLock<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    etag: HeaderValue,
    gzip: Bytes,
}

static ASSETS: [Asset; 6] = [
    Asset::new("/docs", HTML, Keep::Revalidate, include_bytes!("../../assets/pages/docs.html")),
    Asset::new("/docs/docs.js", SCRIPT, Keep::Revalidate, include_bytes!("../../assets/pages/docs.js")),
    Asset::new("/docs/page.css", CSS, Keep::Revalidate, include_bytes!("../../assets/pages/page.css")),
    Asset::new(
        "/docs/icon.svg",
        "image/svg+xml",
        Keep::Revalidate,
        include_bytes!("../../assets/pages/icon.svg"),
    ),
    Asset::new(
        "/docs/5.35.0/swagger-ui.css",
        CSS,
        Keep::Forever,
        include_bytes!("../../assets/swagger-ui/swagger-ui.css"),
    ),
    Asset::new(
        "/docs/5.35.0/swagger-ui-bundle.js",
        SCRIPT,
        Keep::Forever,
        include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js"),
    ),
];

/// The file at this path of the service.
pub(crate) fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, keep: Keep, bytes: &'static [u8]) -> Self {
        Self { path, content_type, keep, bytes, prepared: OnceLock::new() }
    }

    /// The answer to a `GET` with these headers: the file, compressed where the client takes that, or 304.
    pub(crate) fn answer(&self, headers: &HeaderMap) -> Reply {
        let prepared = self.prepared.get_or_init(|| Prepared::of(self.bytes));
        let keep = match self.keep {
            Keep::Forever => "public, max-age=31536000, immutable",
            Keep::Revalidate => "no-cache",
        };
        let mut reply =
            Reply::ok(HeaderValue::from_static(self.content_type), Bytes::from_static(self.bytes))
                .with(ETAG, prepared.etag.clone())
                .with(CACHE_CONTROL, HeaderValue::from_static(keep))
                .with(VARY, HeaderValue::from_static("accept-encoding"))
                .with(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
                .with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if is_current(headers, &prepared.etag) {
            reply.status = StatusCode::NOT_MODIFIED;
            reply.body = Bytes::new();
        } else if Coding::accepted(headers) == Some(Coding::Gzip) {
            reply.body = prepared.gzip.clone();
            reply = reply.with(CONTENT_ENCODING, Coding::Gzip.name());
        }
        reply
    }
}

impl PartialEq for Asset {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Prepared {
    fn of(bytes: &[u8]) -> Self {
        let digest: String = Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::try_from(format!("W/\"{digest}\"")).expect("hexadecimal digits and quotes");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
        Self { etag, gzip: written.expect("writing to memory does not fail").into() }
    }
}

/// Whether the client has the file already. The tag is weak, for it is the same with and without compression.
fn is_current(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let etag = etag.to_str().unwrap_or_default();
    known.flat_map(|list| list.split(',')).any(|tag| matches!(tag.trim(), "*") || tag.trim() == etag)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use hyper::header::{ACCEPT_ENCODING, HeaderName};

    use super::*;

    fn get(path: &str, headers: &[(HeaderName, &'static str)]) -> Reply {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        asset(path).unwrap().answer(&headers.collect())
    }

    fn header(reply: &Reply, wanted: &HeaderName) -> Option<HeaderValue> {
        reply.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    }

    #[test]
    fn files_come_compressed_only_to_those_who_take_it() {
        let plain = get("/docs/docs.js", &[]);
        let packed = get("/docs/docs.js", &[(ACCEPT_ENCODING, "br, gzip;q=0.5")]);
        assert_eq!(header(&packed, &CONTENT_ENCODING).unwrap(), "gzip");
        let mut text = Vec::new();
        GzDecoder::new(&packed.body[..]).read_to_end(&mut text).unwrap();
        assert_eq!(Bytes::from(text), plain.body);
        assert_eq!(header(&get("/docs/docs.js", &[(ACCEPT_ENCODING, "gzip;q=0")]), &CONTENT_ENCODING), None);
    }

    #[test]
    fn a_known_file_is_not_sent_again() {
        let etag = header(&get("/docs", &[]), &ETAG).unwrap();
        let etag: &'static str = etag.to_str().unwrap().to_owned().leak();
        let again = get("/docs", &[(IF_NONE_MATCH, etag)]);
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(get("/docs", &[(IF_NONE_MATCH, "W/\"0\"")]).status, StatusCode::OK);
    }

    #[test]
    fn the_docs_page_asks_for_files_that_are_here() {
        let page = String::from_utf8(get("/docs", &[]).body.to_vec()).unwrap();
        let mut files = page.split('"').filter(|text| text.starts_with("docs/"));
        assert!(files.all(|file| asset(&format!("/{file}")).is_some()));
        assert_eq!(page.matches("\"docs/").count(), 5);
        assert!(!page.contains("http"), "the page must work without a network");
    }
}
