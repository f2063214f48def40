//! The fastest that an HTTP service on hyper can be: it reads a request's body, whatever it says, and answers a constant.
//!
//! Usage: `ceiling PORT BYTES`, where BYTES is the size of the answer.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments =
        std::env::args_os().skip(1).map(|argument| argument.into_string().unwrap_or_default());
    let mut number = |name| arguments.next().ok_or(format!("usage: ceiling PORT BYTES, got no {name}"));
    let port: u16 = number("PORT")?.parse()?;
    let size: usize = number("BYTES")?.parse()?;
    let answer = Bytes::from(vec![b' '; size]);

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(request, answer.clone()));
            // A client that goes away is no event here.
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

async fn respond(request: Request<Incoming>, answer: Bytes) -> Result<Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    let mut response = Response::new(Full::new(answer));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
