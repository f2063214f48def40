//! What happens to every request, whatever its path.

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use crate::body::{self, Bounds};
use crate::compress::Coding;
use crate::config::LoggedRequests;
use crate::connection::Worker;
use crate::metrics::Answered;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{About, Call, RequestId, X_REQUEST_ID};
use crate::router::Route;
use crate::state::Admitted;

/// Answers one request of a peer. Never fails: whatever goes wrong is an answer too.
pub(crate) async fn serve(
    worker: &Worker,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let id = RequestId::of(&head.headers, worker.date(started));
    let call = Call {
        worker,
        peer,
        head: &head,
        id: &id,
        started,
        caller: OnceCell::new(),
        about: Cell::new(None),
        pattern: Cell::new(None),
    };
    let reply = match catch(pin!(answer(&call, body))).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(problem)) => {
            worker.state.metrics.reject(&problem);
            Reply::problem(&problem, &id)
        }
        Err(panic) => {
            tracing::error!(request_id = id.as_str(), panic = panic_message(&*panic), "a request panicked");
            Reply::problem(&Problem::Internal, &id)
        }
    };
    let about = call.about.take();
    count(&call, about.as_ref(), &reply);
    note(&call, about.as_ref(), &reply);
    finish(worker, &head, &id, reply).await
}

/// Finds the route, and calls its handler with the body that it takes.
async fn answer(call: &Call<'_>, body: Incoming) -> Result<Reply, Problem> {
    let (state, head) = (call.state(), call.head);
    let (route, _admitted) = match accept(call) {
        Ok(accepted) => accepted,
        Err(problem) => {
            body::skip(&head.headers, body).await;
            return Err(problem);
        }
    };
    if head.method == Method::OPTIONS {
        let allow = HeaderValue::from_static(route.methods(state).allow());
        let mut reply = Reply::ok(HeaderValue::from_static("text/plain"), Bytes::new()).with(ALLOW, allow);
        reply.status = StatusCode::NO_CONTENT;
        return Ok(reply);
    }
    if head.method != Method::POST {
        return route.answer(call, Bytes::new()).await;
    }
    let config = &state.config.server;
    let (bytes, time) = route.body_bounds(config);
    let bounds = Bounds { bytes, time, start: call.started, clock: &call.worker.now, budget: &state.bodies };
    let (body, _memory) = body::read(&head.headers, body, bounds).await?;
    route.answer(call, body).await
}

/// What can be said of a request by its head: its route, and whether it is taken now.
fn accept<'a>(call: &Call<'a>) -> Result<(Route<'a>, Option<Admitted<'a>>), Problem> {
    let (state, method) = (&*call.worker.state, &call.head.method);
    let route = Route::find(state, call.head.uri.path());
    if !route.as_ref().is_ok_and(Route::is_probe) {
        call.limit_address()?;
    }
    let route = route?;
    call.pattern.set(Some(route.pattern(state)));
    if *method != Method::OPTIONS {
        route.check(state, method)?;
        if !matches!(route, Route::Admin(_)) {
            call.check_wait()?;
        }
        call.authorize(route.access(state))?;
    }
    let admitted = (*method == Method::POST).then(|| state.admit(&call.worker.requests)).transpose()?;
    Ok((route, admitted))
}

/// Puts an answer into the form of the wire: the headers that every answer has, and compression.
async fn finish(worker: &Worker, request: &Parts, id: &RequestId, mut reply: Reply) -> Response<Full<Bytes>> {
    let state = &worker.state;
    compress(&request.headers, &mut reply, state.config.server.compress_from_bytes).await;
    let preflight = (request.method == Method::OPTIONS && state.cors.is_preflight(&request.headers))
        .then(|| Route::find(state, request.uri.path()).ok())
        .flatten()
        .map(|route| route.methods(state).allow());
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    if reply.status != StatusCode::NO_CONTENT {
        headers.insert(CONTENT_TYPE, reply.content_type);
    }
    headers.insert(X_REQUEST_ID, id.header());
    if !reply.headers.is_empty() {
        headers.extend(reply.headers.drain(..));
    }
    state.cors.apply(&request.headers, preflight, headers);
    if worker.draining() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Bodies of so many bytes are compressed away from the thread that serves other requests too.
const COMPRESS_ELSEWHERE: usize = 64 << 10;

async fn compress(request: &HeaderMap, reply: &mut Reply, from_bytes: usize) {
    if reply.body.len() < from_bytes || reply.headers.iter().any(|(name, _)| *name == CONTENT_ENCODING) {
        return;
    }
    reply.headers.push((VARY, HeaderValue::from_static("accept-encoding")));
    let Some(coding) = Coding::accepted(request) else {
        return;
    };
    let body = reply.body.clone();
    let compressed = if body.len() < COMPRESS_ELSEWHERE {
        coding.compress(&body).ok()
    } else {
        let compressing = tokio::task::spawn_blocking(move || coding.compress(&body));
        compressing.await.ok().and_then(Result::ok)
    };
    if let Some(compressed) = compressed {
        reply.body = compressed;
        reply.headers.push((CONTENT_ENCODING, coding.name()));
    }
}

/// Counts the request.
fn count(call: &Call<'_>, about: Option<&About>, reply: &Reply) {
    let answered = Answered {
        pattern: call.pattern.get(),
        model: about.map(|about| &about.model.live),
        status: reply.status.as_u16(),
        elapsed: call.started.elapsed(),
        // Rows that were refused were not predicted.
        rows: about.filter(|_| reply.status.is_success()).map_or(0, |about| about.rows),
    };
    call.worker.recorder.record(&call.state().metrics, answered);
}

/// One event per request: what it was and what became of it, never its data.
fn note(call: &Call<'_>, about: Option<&About>, reply: &Reply) {
    let logged = match call.state().config.log.requests {
        LoggedRequests::All => true,
        LoggedRequests::Errors => !reply.status.is_success(),
        LoggedRequests::Off => false,
    };
    if !logged {
        return;
    }
    let (model, version, rows) =
        about.map_or(("", "", 0), |about| (about.model.live.name(), about.model.live.version(), about.rows));
    tracing::info!(
        request_id = call.id.as_str(),
        method = call.head.method.as_str(),
        path = call.head.uri.path(),
        status = reply.status.as_u16(),
        model,
        version,
        rows,
        key = call.key_id().unwrap_or_default(),
        latency_us = u64::try_from(call.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request"
    );
}

/// Runs a handler; `Err` when it panicked. A panic ends the one request and not the service.
async fn catch<T>(mut handler: Pin<&mut impl Future<Output = T>>) -> Result<T, Box<dyn Any + Send>> {
    // Nothing that a handler shares with others stays half changed: what a thread keeps is reset before each use.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_value_also_after_waiting() {
        let at_once = catch(pin!(async { panic!("number {}", 7) })).await;
        assert_eq!(
            at_once.map_err(|panic: Box<dyn Any + Send>| panic_message(&*panic).to_owned()),
            Err::<(), _>("number 7".into())
        );
        let later = pin!(async {
            tokio::task::yield_now().await;
            panic!("later")
        });
        let later = catch(later);
        assert_eq!(
            later.await.map_err(|panic| panic_message(&*panic).to_owned()),
            Err::<(), _>("later".into())
        );
        assert_eq!(catch(pin!(async { 5 })).await.ok(), Some(5));
    }
}
