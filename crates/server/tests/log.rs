//! What is written about requests: one line each, with what it was and what became of it, and never its data.

#[path = "http/client.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod client;

use std::io::{self, Write};
use std::sync::mpsc;

use client::{Service, example};
use foretell_server::config::LogConfig;
use foretell_server::log::Log;
use serde_json::Value;

struct Channel(mpsc::Sender<Vec<u8>>);

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One test, because a process has one log.
#[test]
fn every_request_is_one_line_without_its_data() {
    let (sender, written) = mpsc::channel();
    let log = Log::start(&LogConfig::default(), false, Channel(sender)).unwrap();
    let all = Service::start("", vec![example("iris")]);
    let mut client = all.client();
    client
        .call(
            "POST /predict HTTP/1.1\r\nx-request-id: first",
            r#"{"data":[[4.81234,3,1.4,0.3],[2,1,3.2,1.1]]}"#,
        )
        .ok();
    client
        .call("POST /predict HTTP/1.1\r\nx-request-id: second", r#"{"data":[["secret",3,1.4,0.3]]}"#)
        .problem(422, "invalid");
    let errors = Service::start("[log]\nrequests = 'errors'", vec![example("iris")]);
    errors.predict(r#"{"data":[[4.8,3,1.4,0.3]]}"#).ok();
    errors
        .client()
        .call("POST /predict?secret=1 HTTP/1.1\r\nx-request-id: third", "{")
        .problem(400, "not-json");
    let off = Service::start("[log]\nrequests = 'off'", vec![example("iris")]);
    off.predict("{").problem(400, "not-json");
    drop((all, errors, off));
    drop(log);
    let text = String::from_utf8(written.iter().collect::<Vec<_>>().concat()).unwrap();
    assert!(!text.contains("4.81234") && !text.contains("secret"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    let ids: Vec<_> = requests.iter().map(|line| line["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["first", "second", "third"]);
    let first = requests[0];
    for (key, value) in
        [("model", "iris"), ("version", "3"), ("method", "POST"), ("path", "/predict"), ("level", "INFO")]
    {
        assert_eq!(first[key], value, "{first}");
    }
    assert_eq!((&first["rows"], &first["status"]), (&2.into(), &200.into()));
    assert!(first["latency_us"].is_u64() && first["timestamp"].is_string());
    assert_eq!((&requests[1]["rows"], &requests[1]["status"]), (&0.into(), &422.into()));
    assert_eq!((requests[2]["status"].as_u64(), requests[2]["path"].as_str()), (Some(400), Some("/predict")));
}
