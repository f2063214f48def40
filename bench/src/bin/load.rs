//! An open-loop HTTP client: requests are due at a fixed rate whether or not answers come, and each latency counts from
//! the moment the request was due. A server that stalls is charged for every request that had to wait, which a
//! closed-loop client such as wrk does not see.
//!
//! Usage: `load ADDRESS PATH RATE SECONDS CONNECTIONS BODY`. Prints one JSON object with latencies in microseconds. One
//! thread never sleeps, so that it is not late itself: it takes a processor, as wrk does.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Requests of the first second are sent but not counted.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long after the last request was due its answer may come.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than a head and a small prediction take.
const READ_BYTES: usize = 16 << 10;

struct Plan {
    address: SocketAddr,
    message: Vec<u8>,
    /// Time between two requests.
    interval: Duration,
    duration: Duration,
    connections: usize,
}

/// What was seen of the requests that count.
#[derive(Default)]
struct Seen {
    /// Of those that were answered with 200.
    micros: Vec<u64>,
    /// Of those that were refused with 429 or 503, from when they were sent.
    refused: Vec<u64>,
    /// Of those answered with 200, from when they were sent: without the time for which this client had no connection.
    sent: Vec<u64>,
    failures: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plan = plan()?;
    let mut seen = Client::new(&plan)?.run()?;
    [&mut seen.micros, &mut seen.refused, &mut seen.sent].into_iter().for_each(|times| times.sort_unstable());
    write_report(&seen, plan.duration)?;
    Ok(())
}

fn plan() -> Result<Plan, Box<dyn Error>> {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.into_string().unwrap_or_default()).collect();
    let [address, path, rate, seconds, connections, body] = arguments.as_slice() else {
        return Err("usage: load ADDRESS PATH RATE SECONDS CONNECTIONS BODY".into());
    };
    let length = body.len();
    let message = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    Ok(Plan {
        address: address.parse()?,
        message: message.into_bytes(),
        interval: Duration::from_secs_f64(1.0 / rate.parse::<f64>()?),
        duration: Duration::from_secs(seconds.parse()?),
        connections: connections.parse()?,
    })
}

/// A connection, and the request that is under way on it.
struct Link {
    stream: TcpStream,
    due: Instant,
    sent: Instant,
    answer: Vec<u8>,
}

/// Sends each request when it is due, on a connection that waits for nothing, or as soon as there is one.
struct Client<'a> {
    plan: &'a Plan,
    poll: Poll,
    links: Vec<Link>,
    idle: VecDeque<usize>,
    /// From when on requests count.
    counted: Instant,
    seen: Seen,
}

impl<'a> Client<'a> {
    fn new(plan: &'a Plan) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut links = Vec::new();
        for index in 0..plan.connections {
            let stream = open(plan.address, &poll, index)?;
            let now = Instant::now();
            links.push(Link { stream, due: now, sent: now, answer: Vec::new() });
        }
        let idle = (0..plan.connections).collect();
        Ok(Self { plan, poll, links, idle, counted: Instant::now() + WARM_UP, seen: Seen::default() })
    }

    fn run(mut self) -> io::Result<Seen> {
        let mut events = Events::with_capacity(1024);
        let mut due = Instant::now();
        self.counted = due + WARM_UP;
        let end = self.counted + self.plan.duration;
        while due < end || self.idle.len() < self.links.len() {
            let now = Instant::now();
            if now > end + PATIENCE {
                return Err(io::Error::other("some answers did not come"));
            }
            while due <= now && due < end {
                let Some(index) = self.idle.pop_front() else { break };
                self.links[index].due = due;
                self.links[index].sent = Instant::now();
                if self.links[index].stream.write_all(&self.plan.message).is_err() {
                    self.settle(index, Outcome::Failed, false)?;
                }
                due += self.plan.interval;
            }
            self.poll.poll(&mut events, Some(Duration::ZERO))?;
            for event in &events {
                self.receive(event.token().0)?;
            }
        }
        Ok(self.seen)
    }

    /// Takes what has come of an answer.
    fn receive(&mut self, index: usize) -> io::Result<()> {
        let link = &mut self.links[index];
        let mut bytes = [0; READ_BYTES];
        loop {
            match link.stream.read(&mut bytes) {
                Ok(0) => return self.broken(index),
                Ok(count) => link.answer.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return self.broken(index),
            }
        }
        match Answer::parse(&link.answer) {
            Some(answer) => self.settle(index, answer.outcome, answer.keep),
            None => Ok(()),
        }
    }

    /// A connection ended: a failure, unless it was idle.
    fn broken(&mut self, index: usize) -> io::Result<()> {
        if self.idle.contains(&index) {
            self.links[index].stream = open(self.plan.address, &self.poll, index)?;
            return Ok(());
        }
        self.settle(index, Outcome::Failed, false)
    }

    /// Counts a request that is over and frees its connection. Some servers close after each answer, gunicorn among
    /// them: that costs their clients a connection.
    fn settle(&mut self, index: usize, outcome: Outcome, keep: bool) -> io::Result<()> {
        let link = &mut self.links[index];
        if link.due >= self.counted {
            let micros = |since: Instant| u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
            match outcome {
                Outcome::Answered => {
                    self.seen.micros.push(micros(link.due));
                    self.seen.sent.push(micros(link.sent));
                }
                Outcome::Refused => self.seen.refused.push(micros(link.sent)),
                Outcome::Failed => self.seen.failures += 1,
            }
        }
        link.answer.clear();
        if !keep {
            link.stream = open(self.plan.address, &self.poll, index)?;
        }
        self.idle.push_back(index);
        Ok(())
    }
}

fn open(address: SocketAddr, poll: &Poll, index: usize) -> io::Result<TcpStream> {
    let stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
    Ok(stream)
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// 200.
    Answered,
    /// 429 or 503.
    Refused,
    /// Anything else, or no answer.
    Failed,
}

struct Answer {
    outcome: Outcome,
    /// Whether the server keeps the connection open.
    keep: bool,
}

impl Answer {
    /// An answer that has come whole; it must have a `Content-Length`.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let text = std::str::from_utf8(&bytes[..head]).ok()?;
        let mut lines = text.split("\r\n");
        let outcome = match lines.next()?.split(' ').nth(1)? {
            "200" => Outcome::Answered,
            "429" | "503" => Outcome::Refused,
            _ => Outcome::Failed,
        };
        let (mut length, mut keep) = (None, true);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse::<usize>().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                keep = !value.trim().eq_ignore_ascii_case("close");
            }
        }
        (bytes.len() - head - 4 >= length?).then_some(Self { outcome, keep })
    }
}

fn write_report(seen: &Seen, duration: Duration) -> io::Result<()> {
    let count = seen.micros.len();
    let of = |times: &[u64], permille: usize| {
        times.get(times.len() * permille / 1000).copied().unwrap_or_default()
    };
    let quantile = |permille| of(&seen.micros, permille);
    let mean = seen.micros.iter().sum::<u64>() / (count as u64).max(1);
    writeln!(
        io::stdout(),
        r#"{{"rate": {:.1}, "requests": {count}, "failures": {}, "mean_us": {mean}, "p50_us": {}, "p90_us": {}, "p99_us": {}, "p999_us": {}, "max_us": {}, "p99_sent_us": {}, "refused": {}, "refused_p99_us": {}}}"#,
        count as f64 / duration.as_secs_f64(),
        seen.failures,
        quantile(500),
        quantile(900),
        quantile(990),
        quantile(999),
        seen.micros.last().copied().unwrap_or_default(),
        of(&seen.sent, 990),
        seen.refused.len(),
        of(&seen.refused, 990),
    )
}
