//! A running `foretell serve` and a client for it.

use crate::places::{root, run};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::{Duration, Instant};

/// Far longer than anything takes, so that a slow machine does not fail a test.
const PATIENCE: Duration = Duration::from_secs(60);

/// The `foretell` binary, built in the profile of the tests.
pub fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(build);
    &BINARY
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // With a test among the targets cargo chooses the same features as `cargo test --workspace`, which has built all of
    // this already; without, it would compile half of the dependencies a second time.
    cargo.args(["build", "--workspace", "--bin", "foretell", "--test", "tidy"]);
    cargo.arg("--message-format=json-render-diagnostics");
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.current_dir(root()).stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "cargo build failed");
    let stdout = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let messages = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    let path = executables.find(|path| path.file_stem().is_some_and(|name| name == "foretell"));
    path.expect("cargo names the executable it built")
}

/// A `foretell serve` of our own on a free port. Dropping it ends the process.
#[derive(Debug)]
pub struct Service {
    process: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

impl Service {
    /// Starts `foretell serve` with these arguments on a free port of this machine, and waits until it is ready.
    ///
    /// # Panics
    /// If it ends, or says no address, in the first minute; the message has its log.
    pub fn start<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Self {
        Self::start_in(&[], arguments)
    }

    /// The same with more variables in its environment.
    ///
    /// # Panics
    /// As [`Service::start`].
    pub fn start_in<A: AsRef<std::ffi::OsStr>>(environment: &[(&str, &str)], arguments: &[A]) -> Self {
        let service = Self::launch(environment, arguments);
        service.await_ready();
        service
    }

    /// The same without waiting until it is ready.
    ///
    /// # Panics
    /// If it ends, or says no address; the message has its log.
    pub fn launch<A: AsRef<std::ffi::OsStr>>(environment: &[(&str, &str)], arguments: &[A]) -> Self {
        let mut process = Command::new(binary())
            .arg("serve")
            .args(arguments)
            .args(["--port", "0"])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("foretell starts");
        let stderr = process.stderr.take().expect("stderr is piped");
        let log = Arc::default();
        let address = address(stderr, Arc::clone(&log)).unwrap_or_else(|log| {
            process.kill().ok();
            panic!("foretell did not say where it listens:\n{log}")
        });
        Self { process, address, log }
    }

    /// The service's root, such as `http://127.0.0.1:43210`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// What it has written to its log so far.
    ///
    /// # Panics
    /// If the thread that reads the log did.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log is read").clone()
    }

    /// `GET`s a path.
    pub fn get(&self, path: &str) -> Answer {
        self.send(&Request::new("GET", path))
    }

    /// `POST`s JSON to a path.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(
            &Request::new("POST", path).header("Content-Type", "application/json").body(&body.to_string()),
        )
    }

    /// Sends any request.
    ///
    /// # Panics
    /// If no answer comes.
    pub fn send(&self, request: &Request) -> Answer {
        let url = format!("{}{}", self.address, request.path);
        let mut builder = ureq::http::Request::builder().method(request.method.as_str()).uri(&url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let message = builder.body(request.body.clone()).expect("a request");
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(PATIENCE));
        let agent = ureq::Agent::new_with_config(config.build());
        let response = agent.run(message).unwrap_or_else(|error| panic!("{} {url}: {error}", request.method));
        let (head, mut body) = response.into_parts();
        let text = body.read_to_string().expect("a whole body of UTF-8");
        let headers = head.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Answer { status: head.status.as_u16(), headers: headers.collect(), text }
    }

    /// The value of a metric without labels, or with these.
    ///
    /// # Panics
    /// If there is none.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().expect("a number")
    }

    /// Asks the process to stop, as a service manager does (`SIGTERM`), and goes on.
    ///
    /// # Panics
    /// If there is no `kill`.
    pub fn ask_to_stop(&self) {
        run(Command::new("kill").args(["-TERM", &self.process.id().to_string()]));
    }

    /// Ends the process at once, as a failing machine does (`SIGKILL`).
    ///
    /// # Panics
    /// If it cannot be ended.
    pub fn kill(mut self) {
        self.process.kill().expect("a child of ours");
        self.process.wait().expect("it has ended");
    }

    /// How the process ended, once it has.
    ///
    /// # Panics
    /// If it goes on for another minute.
    pub fn await_end(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("a child of ours") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "foretell does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn await_ready(&self) {
        let started = Instant::now();
        while self.get("/health/ready").status != 200 {
            assert!(started.elapsed() < PATIENCE, "foretell did not become ready");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Reads the log until it names an address; the log goes on being read, so that the service never waits for us.
/// `Err` has the log without an address.
fn address(stderr: ChildStderr, log: Arc<Mutex<String>>) -> Result<String, String> {
    let (found, address) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("http://") {
                let end = url.find(|c: char| !c.is_ascii_alphanumeric() && !":.[]-".contains(c));
                found.send(Ok(format!("http://{}", &url[..end.unwrap_or(url.len())]))).ok();
            }
            let mut log = log.lock().expect("nobody panics with the log");
            log.push_str(&line);
            log.push('\n');
        }
        found.send(Err(log.lock().expect("nobody panics with the log").clone())).ok();
    });
    address.recv_timeout(PATIENCE).unwrap_or_else(|_| Err("nothing".to_owned()))
}

/// A request to send with [`Service::send`].
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// The same request with one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same request with this body.
    pub fn body(self, body: &str) -> Self {
        self.bytes(body.into())
    }

    /// The same request with this body, which need not be a text.
    pub fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error} in an answer {}: {}", self.status, self.text))
    }

    /// The body as JSON of an answer with status 200.
    ///
    /// # Panics
    /// If it is not that.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }
}
