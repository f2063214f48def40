//! The pages for people: the landing page and the interactive description of the API, off in production.

mod assets;
mod landing;

use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderValue};

pub(crate) use assets::{Asset, asset};
pub(crate) use landing::{Card, Landing};

use crate::reply::Reply;
use crate::request::Call;

/// Answers a request for the landing page.
pub(crate) fn landing(call: &Call<'_>) -> Reply {
    let state = call.state();
    let catalog = state.catalog.snapshot();
    let html = state.described(&catalog).landing().html(&origin(call));
    Reply::ok(HeaderValue::from_static(assets::HTML), html)
        .with(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
        .with(CONTENT_SECURITY_POLICY, HeaderValue::from_static(assets::POLICY))
}

/// Where the reader reached the service. What a proxy made of the scheme is not known: commands of the page are for
/// people, who see it.
fn origin(call: &Call<'_>) -> String {
    let host = call.head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let plain =
        |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte));
    format!("http://{}", host.filter(plain).unwrap_or("localhost"))
}
