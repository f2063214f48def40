//! Clients that ask without pause while something happens to the service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of one request.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// When it was sent.
    pub sent: Instant,
    /// Which of the addresses it was sent to.
    pub target: usize,
    /// The status and the body, or why there is none.
    pub result: Result<(u16, Value), String>,
}

impl Outcome {
    /// The answer of a request that was answered with 200.
    pub fn answer(&self) -> Option<&Value> {
        self.result.as_ref().ok().filter(|(status, _)| *status == 200).map(|(_, answer)| answer)
    }
}

/// Threads that ask, each on a connection of its own.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Outcome>>>,
}

impl Load {
    /// Posts a body to these addresses, from so many threads an address, until it is told to stop.
    pub fn start(urls: &[String], threads: usize, body: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = urls.iter().enumerate().flat_map(|one| std::iter::repeat_n(one, threads));
        let threads = clients.map(|(target, url)| {
            let (stop, url, body) = (Arc::clone(&stop), url.clone(), body.to_owned());
            std::thread::spawn(move || ask(&stop, target, &url, &body))
        });
        Self { threads: threads.collect(), stop }
    }

    /// Stops asking and gives all outcomes, thread after thread.
    ///
    /// # Panics
    /// If a thread has.
    pub fn stop(self) -> Vec<Outcome> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("the client lives")).collect()
    }
}

fn ask(stop: &AtomicBool, target: usize, url: &str, body: &str) -> Vec<Outcome> {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
    let agent = ureq::Agent::new_with_config(config);
    let mut outcomes = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let result = agent.post(url).content_type("application/json").send(body);
        let result = result.and_then(|response| {
            let status = response.status().as_u16();
            let text = response.into_body().read_to_string()?;
            Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
        });
        outcomes.push(Outcome { sent, target, result: result.map_err(|error| error.to_string()) });
    }
    outcomes
}
