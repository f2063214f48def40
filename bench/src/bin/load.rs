//! An open-loop HTTP client: it sends at a fixed rate whether or not answers come, and counts each latency from the
//! moment the request was due. A server that stalls is charged for every request that had to wait, which a closed-loop
//! client such as wrk does not see.
//!
//! Usage: `load ADDRESS PATH RATE SECONDS CONNECTIONS BODY`. Prints one JSON object with latencies in microseconds. The
//! sleep of a thread ends about 50 microseconds late on Linux; that delay is part of what is printed.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Requests of the first second are sent but not counted.
const WARM_UP: Duration = Duration::from_secs(1);

struct Plan {
    address: String,
    message: Vec<u8>,
    /// Time between two requests of one connection.
    interval: Duration,
    duration: Duration,
    connections: u32,
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    micros: Vec<u64>,
    failures: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = Arc::new(plan()?);
    let barrier = Arc::new(Barrier::new(plan.connections as usize));
    let connections: Vec<_> = (0..plan.connections)
        .map(|index| {
            let (plan, barrier) = (Arc::clone(&plan), Arc::clone(&barrier));
            thread::spawn(move || connection(&plan, index, &barrier))
        })
        .collect();
    let mut seen = Seen::default();
    for connection in connections {
        let part = connection.join().map_err(|_| "a connection's thread panicked")??;
        seen.micros.extend(part.micros);
        seen.failures += part.failures;
    }
    seen.micros.sort_unstable();
    write_report(&seen, plan.duration)?;
    Ok(())
}

fn plan() -> Result<Plan, Box<dyn Error>> {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.into_string().unwrap_or_default()).collect();
    let [address, path, rate, seconds, connections, body] = arguments.as_slice() else {
        return Err("usage: load ADDRESS PATH RATE SECONDS CONNECTIONS BODY".into());
    };
    let (rate, connections): (f64, u32) = (rate.parse()?, connections.parse()?);
    let length = body.len();
    let message = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    Ok(Plan {
        address: address.clone(),
        message: message.into_bytes(),
        interval: Duration::from_secs_f64(f64::from(connections) / rate),
        duration: Duration::from_secs(seconds.parse()?),
        connections,
    })
}

/// Sends when each request is due, or at once when the answer before came later than that.
fn connection(plan: &Plan, index: u32, barrier: &Barrier) -> io::Result<Seen> {
    let mut link = Link::open(&plan.address);
    barrier.wait();
    let mut seen = Seen::default();
    let start = Instant::now();
    let end = start + WARM_UP + plan.duration;
    let mut due = start + plan.interval * index / plan.connections;
    while due < end {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let answer = link.and_then(|link| link.ask(&plan.message));
        let ok = matches!(&answer, Ok(answer) if answer.ok);
        if due >= start + WARM_UP {
            seen.micros.push(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX));
            seen.failures += u64::from(!ok);
        }
        link = match answer {
            Ok(Answer { link: Some(link), .. }) => Ok(link),
            // Some servers close after each answer, gunicorn among them: that costs their clients a connection.
            Ok(Answer { link: None, .. }) | Err(_) => Link::open(&plan.address),
        };
        due += plan.interval;
    }
    Ok(seen)
}

/// A connection on which a request can be sent.
struct Link {
    requests: TcpStream,
    answers: BufReader<TcpStream>,
}

struct Answer {
    /// Whether the status is 200.
    ok: bool,
    /// The connection, where the server keeps it open.
    link: Option<Link>,
}

impl Link {
    fn open(address: &str) -> io::Result<Self> {
        let requests = TcpStream::connect(address)?;
        requests.set_nodelay(true)?;
        requests.set_read_timeout(Some(Duration::from_secs(30)))?;
        let answers = BufReader::new(requests.try_clone()?);
        Ok(Self { requests, answers })
    }

    /// Sends a request and reads its answer, which must have a `Content-Length`.
    fn ask(mut self, message: &[u8]) -> io::Result<Answer> {
        self.requests.write_all(message)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let ok = line.split(' ').nth(1) == Some("200");
        let (mut length, mut keep) = (None, true);
        loop {
            line.clear();
            if self.answers.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                keep = !value.trim().eq_ignore_ascii_case("close");
            }
        }
        let length: u64 = length.ok_or_else(|| io::Error::other("an answer without a content length"))?;
        io::copy(&mut self.answers.by_ref().take(length), &mut io::sink())?;
        Ok(Answer { ok, link: keep.then_some(self) })
    }
}

fn write_report(seen: &Seen, duration: Duration) -> io::Result<()> {
    let count = seen.micros.len();
    let quantile = |permille: usize| seen.micros.get(count * permille / 1000).copied().unwrap_or_default();
    let mean = seen.micros.iter().sum::<u64>() / (count as u64).max(1);
    writeln!(
        io::stdout(),
        r#"{{"rate": {:.1}, "requests": {count}, "failures": {}, "mean_us": {mean}, "p50_us": {}, "p90_us": {}, "p99_us": {}, "p999_us": {}, "max_us": {}}}"#,
        count as f64 / duration.as_secs_f64(),
        seen.failures,
        quantile(500),
        quantile(900),
        quantile(990),
        quantile(999),
        seen.micros.last().copied().unwrap_or_default(),
    )
}
