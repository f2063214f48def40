//! S3-compatible storage of a test's own, on a free port of this machine.

use crate::places::venv;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// What makes a request one of the bucket's owner; the server looks at the name only.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=tester/20260101/us-east-1/s3/aws4_request";

/// A running server with one empty bucket. Dropping it ends the server.
#[derive(Debug)]
pub struct Bucket {
    server: Child,
    endpoint: String,
}

impl Bucket {
    /// The name of the bucket.
    pub const NAME: &str = "models";

    /// Starts a server, or skips with a message when it is missing.
    ///
    /// # Panics
    /// If the server is there but does not start.
    pub fn start() -> Option<Self> {
        let program = venv("moto_server")?;
        let mut server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto_server starts");
        let stderr = server.stderr.take().expect("stderr is piped");
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let endpoint = lines.find_map(|line| Some(line.split_once("Running on ")?.1.trim().to_owned()));
        // Someone must go on reading what the server writes.
        std::thread::spawn(move || lines.for_each(drop));
        let bucket = Self { server, endpoint: endpoint.expect("moto_server names its address") };
        let started = Instant::now();
        while ureq::put(bucket.file("")).header("Authorization", SIGNED).send_empty().is_err() {
            assert!(started.elapsed() < PATIENCE, "moto_server makes no bucket");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(bucket)
    }

    /// The settings of a client, under their usual names.
    pub fn settings(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "tester"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ]
    }

    /// Replaces the content of an object.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn write(&self, key: &str, content: &[u8]) {
        ureq::put(self.file(key)).header("Authorization", SIGNED).send(content).expect("the server takes it");
    }

    /// Deletes an object.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn delete(&self, key: &str) {
        ureq::delete(self.file(key)).header("Authorization", SIGNED).call().expect("the server deletes it");
    }

    /// Ends the server.
    pub fn stop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }

    fn file(&self, key: &str) -> String {
        format!("{}/{}/{key}", self.endpoint, Self::NAME)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.stop();
    }
}
