//! A service of our own on a free port, and a client that can misbehave.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use foretell_engine::control::Control;
use foretell_engine::{Catalog, LiveCatalog, LiveModel, Naming, OpenLimits, open};
use foretell_server::{Config, Parts, RunError, bind, run};
use serde_json::Value;
use tokio::sync::oneshot;

/// Far longer than any answer takes, so that a slow machine does not fail a test.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service that ends when it is dropped.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), RunError>>>,
}

/// A model of the examples.
pub(crate) fn example(name: &str) -> Arc<LiveModel> {
    load(&format!("examples/{name}/model.joblib"), name, "3")
}

/// A model file of the repository under a name and a version.
pub(crate) fn load(path: &str, name: &str, version: &str) -> Arc<LiveModel> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let naming = Naming { name: name.to_owned(), version: Some(version.to_owned()), ..Naming::default() };
    let opened = open::open(&path, &OpenLimits::default()).expect("the file opens");
    Arc::new(LiveModel::new(opened, naming).expect("it is ready to serve"))
}

impl Service {
    /// Serves models on a free port with a `foretell.toml` that says `config`.
    pub(crate) fn start(config: &str, models: Vec<Arc<LiveModel>>) -> Self {
        Self::of(config, Arc::new(LiveCatalog::new(Catalog::new(models).expect("names differ"))))
    }

    /// Serves a catalog that the caller may replace.
    pub(crate) fn of(config: &str, catalog: Arc<LiveCatalog>) -> Self {
        Self::with(config, catalog, None)
    }

    /// Serves a catalog beside a store.
    pub(crate) fn with(config: &str, catalog: Arc<LiveCatalog>, control: Option<Control>) -> Self {
        let mut config: Config = toml::from_str(config).expect("a configuration");
        config.server.port = 0;
        let listeners = bind(&config.server).expect("there is a free port");
        let address = listeners.address();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { drop(stopped.await) };
        let parts = Parts { config, catalog, fleet: None, control, log: None, scheduler: None };
        let thread = thread::spawn(move || run(parts, listeners, shutdown));
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Serves the iris model.
    pub(crate) fn iris() -> Self {
        Self::start("", vec![example("iris")])
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address).expect("the service listens")
    }

    /// Posts JSON to `/predict` on a connection of its own.
    pub(crate) fn predict(&self, body: &str) -> Answer {
        self.client().post("/predict", body)
    }

    /// Tells the service to stop, without waiting.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until the service has ended.
    pub(crate) fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the service does not panic").expect("the service ends well");
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
        if !thread::panicking() {
            self.wait();
        }
    }
}

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The beginning of the body.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(2000).collect()
    }

    /// The whole body.
    pub(crate) fn text_whole(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The JSON of an answer with status 200.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// Checks that the answer is a problem with a status and the last part of a type, and gives `detail`.
    pub(crate) fn problem(&self, status: u16, kind: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let document = self.json();
        assert_eq!(document["type"], format!("urn:foretell:problem:{kind}"));
        assert_eq!(document["status"], status);
        assert_eq!(document["request_id"], self.header("x-request-id").expect("every answer has an id"));
        assert!(document["title"].is_string());
        document["detail"].as_str().expect("a text").to_owned()
    }

    /// The errors of a 422, each as `(loc, type)`.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        self.problem(422, "invalid");
        let document = self.json();
        let faults = document["errors"].as_array().expect("a list").iter();
        faults
            .map(|fault| {
                assert!(fault["msg"].as_str().is_some_and(|msg| !msg.is_empty()));
                (fault["loc"].to_string(), fault["type"].as_str().expect("a text").to_owned())
            })
            .collect()
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Ends what is sent.
    pub(crate) fn finish(&mut self) {
        // The service may have closed the connection already.
        let _ = self.stream.get_mut().shutdown(Shutdown::Write);
    }

    /// Sends a request with a body of known length.
    pub(crate) fn send(&mut self, head: &str, body: impl AsRef<[u8]>) -> io::Result<()> {
        let body = body.as_ref();
        let mut message =
            format!("{head}\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        message.extend_from_slice(body);
        self.write(message)
    }

    /// Sends a request and reads its answer.
    pub(crate) fn call(&mut self, head: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(head, body).expect("the connection is open");
        self.read(!head.starts_with("HEAD")).expect("an answer")
    }

    pub(crate) fn post(&mut self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.call(&format!("POST {path} HTTP/1.1\r\ncontent-type: application/json"), body)
    }

    /// Reads an answer.
    pub(crate) fn read(&mut self, with_body: bool) -> io::Result<Answer> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            lines.push(line.to_owned());
        }
        let status = lines[0].split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let headers: BTreeMap<_, _> = lines[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        if status == 100 {
            return self.read(with_body);
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; if with_body { length } else { 0 }];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, headers, body })
    }

    /// Whether the service has closed the connection, after waiting for that.
    pub(crate) fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => rest.is_empty(),
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}
