//! Reading a request's body: bounded in size, also after it is inflated, and in time.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::Read;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, EXPECT};
use tokio::time::timeout;

use crate::problem::Problem;

/// How long the rest of a body that is refused for its size is read and thrown away, so that a client which
/// reads only after it has written gets the answer and not a broken connection.
const DISCARD_TIME: Duration = Duration::from_secs(2);
/// How much of it, as a multiple of the limit.
const DISCARD_FACTOR: usize = 4;

/// The same for a request that is refused for what its head says.
const SKIP_TIME: Duration = Duration::from_millis(100);
const SKIPPED_BYTES: usize = 1 << 20;

/// Compressed bodies of more bytes are inflated on a thread that serves no other requests.
const INFLATED_AT_ONCE: usize = 1 << 10;

/// The bounds on a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<'a> {
    /// Bytes, as sent and as inflated.
    pub(crate) bytes: usize,
    /// Time until its last byte.
    pub(crate) time: Duration,
    /// When that time began.
    pub(crate) start: Instant,
    /// What tells the time. Whoever moves it polls the readers of all bodies.
    pub(crate) clock: &'a Cell<Instant>,
    /// The memory for all bodies together.
    pub(crate) budget: &'a Budget,
}

/// The memory that all bodies together may take. Those that arrive in one piece are not counted: they are short, and
/// taken before the next one is read.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reserved<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl<'a> Reserved<'a> {
    fn none(budget: &'a Budget) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Takes more of the budget.
    fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let before = self.budget.used.fetch_add(bytes, Relaxed);
        if before + bytes > self.budget.limit { Err(Problem::Overloaded) } else { Ok(()) }
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.used.fetch_sub(self.bytes, Relaxed);
        }
    }
}

/// Reads a whole body and undoes its `Content-Encoding`. The memory is to be held for as long as the body.
///
/// # Errors
/// It is too large or too slow, broken, or in a coding that is not read; there is no memory for it.
pub(crate) async fn read<'a>(
    headers: &HeaderMap,
    body: Incoming,
    bounds: Bounds<'a>,
) -> Result<(Bytes, Reserved<'a>), Problem> {
    let coding = Coding::of(headers)?;
    let patient = !headers.contains_key(EXPECT);
    let mut reserved = Reserved::none(bounds.budget);
    let raw = collect_in_time(body, bounds, patient, &mut reserved).await?;
    if coding == Coding::Identity {
        return Ok((raw, reserved));
    }
    let limit = bounds.bytes;
    let whole = if raw.len() <= INFLATED_AT_ONCE {
        coding.inflate(&raw, limit)?
    } else {
        let inflating = tokio::task::spawn_blocking(move || coding.inflate(&raw, limit));
        inflating.await.unwrap_or(Err(Problem::Internal))?
    };
    reserved.grow(whole.len())?;
    Ok((whole, reserved))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Deflate,
}

impl Coding {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else {
            return Ok(Self::Identity);
        };
        let refused =
            || Problem::WrongContentEncoding { got: String::from_utf8_lossy(value.as_bytes()).into_owned() };
        if values.next().is_some() {
            return Err(refused());
        }
        match value.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"deflate" => Ok(Self::Deflate),
            _ => Err(refused()),
        }
    }

    /// Undoes the coding.
    fn inflate(self, raw: &[u8], limit: usize) -> Result<Bytes, Problem> {
        match self {
            Self::Identity => Ok(Bytes::copy_from_slice(raw)),
            Self::Gzip => inflate(MultiGzDecoder::new(raw), limit),
            Self::Deflate if is_zlib(raw) => inflate(ZlibDecoder::new(raw), limit),
            // What some old clients send under the name of deflate.
            Self::Deflate => inflate(DeflateDecoder::new(raw), limit),
        }
    }
}

/// Whether bytes begin like a zlib stream (RFC 1950, section 2.2).
fn is_zlib(bytes: &[u8]) -> bool {
    match bytes {
        [method, flags, ..] => method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0,
        _ => false,
    }
}

fn inflate(decoder: impl Read, limit: usize) -> Result<Bytes, Problem> {
    let mut whole = Vec::new();
    let bounded = limit as u64 + 1;
    decoder.take(bounded).read_to_end(&mut whole).map_err(|error| Problem::BadRequest {
        detail: format!("the body is not in its content encoding: {error}"),
    })?;
    if whole.len() > limit { Err(Problem::TooLarge { limit }) } else { Ok(whole.into()) }
}

/// Looks at the clock instead of setting a timer: a timer per request costs several per cent of a small prediction.
async fn collect_in_time(
    body: Incoming,
    bounds: Bounds<'_>,
    patient: bool,
    reserved: &mut Reserved<'_>,
) -> Result<Bytes, Problem> {
    let mut collecting = pin!(collect(body, bounds.bytes, patient, reserved));
    poll_fn(|context| match collecting.as_mut().poll(context) {
        Poll::Pending if bounds.clock.get().saturating_duration_since(bounds.start) > bounds.time => {
            Poll::Ready(Err(Problem::SlowBody { waited: bounds.time }))
        }
        polled @ (Poll::Pending | Poll::Ready(_)) => polled,
    })
    .await
}

async fn collect(
    mut body: Incoming,
    limit: usize,
    patient: bool,
    reserved: &mut Reserved<'_>,
) -> Result<Bytes, Problem> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let too_large = Problem::TooLarge { limit };
    let mut whole = Vec::new();
    let refusal = loop {
        if announced > limit {
            break too_large;
        }
        let Some(data) = next(&mut body).await? else {
            return Ok(whole.into());
        };
        if data.len() > limit - whole.len() {
            break too_large;
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        if let Err(problem) = reserved.grow(data.len()) {
            break problem;
        }
        whole.extend_from_slice(&data);
    };
    if patient {
        Box::pin(discard(body, limit.saturating_mul(DISCARD_FACTOR), DISCARD_TIME)).await;
    }
    Err(refusal)
}

/// The next data of a body; trailers are ignored.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Problem::BadRequest { detail: format!("the body is broken: {error}") })?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Reads and throws away the body of a request that is refused for what its head says, if it is not too long and
/// there already, or nearly.
pub(crate) async fn skip(headers: &HeaderMap, body: Incoming) {
    if !body.is_end_stream() && !headers.contains_key(EXPECT) {
        Box::pin(discard(body, SKIPPED_BYTES, SKIP_TIME)).await;
    }
}

/// Whether the client was heard to its end or not, it is told the same.
async fn discard(mut body: Incoming, most: usize, time: Duration) {
    let discarding = async {
        let mut left = most;
        while let Ok(Some(data)) = next(&mut body).await {
            left = left.saturating_sub(data.len());
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(time, discarding).await;
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn inflation_stops_at_the_limit() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b' '; 10 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 20_000);
        assert_eq!(inflate(MultiGzDecoder::new(&bomb[..]), 1000), Err(Problem::TooLarge { limit: 1000 }));
        assert_eq!(inflate(MultiGzDecoder::new(&bomb[..]), 10 << 20).unwrap().len(), 10 << 20);
    }

    #[test]
    fn memory_is_given_back() {
        let budget = Budget::new(100);
        let mut first = Reserved::none(&budget);
        assert_eq!(first.grow(60), Ok(()));
        assert_eq!(Reserved::none(&budget).grow(41), Err(Problem::Overloaded));
        assert_eq!(first.grow(40), Ok(()));
        drop(first);
        assert_eq!(Reserved::none(&budget).grow(100), Ok(()));
    }

    #[test]
    fn broken_streams_are_the_clients_fault() {
        for bytes in [&b""[..], b"\x1f\x8b\x08", b"not compressed"] {
            assert!(matches!(inflate(MultiGzDecoder::new(bytes), 10), Err(Problem::BadRequest { .. })));
        }
    }

    #[test]
    fn zlib_streams_are_told_from_raw_ones() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"abc").unwrap();
        assert!(is_zlib(&encoder.finish().unwrap()));
        assert!(!is_zlib(b"\x4b\x4c\x4a\x06\x00"));
        assert!(!is_zlib(b""));
    }
}
