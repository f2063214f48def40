//! How a service begins and ends: what stops a start, and a stop that drops no request.

use foretell_tests::places::root;
use foretell_tests::service::{Service, binary};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

fn model() -> PathBuf {
    root().join("examples/iris/model.joblib")
}

/// Half of a request's body, and the other half.
const HALVES: [&str; 2] = [r#"{"data": [[4.8, 3, "#, "1.4, 0.3]]}"];

#[test]
fn a_stop_answers_the_requests_under_way() {
    let mut service = Service::start(&[model()]);
    let address = service.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let length: usize = HALVES.iter().map(|half| half.len()).sum();
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    stream.write_all(HALVES[0].as_bytes()).expect("half of the body is sent");
    // The request is under way once the service has read its head.
    std::thread::sleep(Duration::from_millis(300));

    service.ask_to_stop();
    std::thread::sleep(Duration::from_millis(300));
    stream.write_all(HALVES[1].as_bytes()).expect("the service still listens to this request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end of the connection");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(r#""prediction""#), "{answer}");

    assert!(service.await_end().success());
    assert!(TcpStream::connect(&address).is_err());
}

/// What a start that must fail says; one that does not fail is ended after a while.
fn serve(arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.arg("30").arg(binary()).arg("serve").args(arguments).output().expect("`timeout` runs")
}

/// Asserts that a start fails with this exit status and that its message has all of these words.
fn assert_refused(arguments: &[&str], status: i32, words: &[&str]) {
    let output = serve(arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {message}");
    for word in words {
        assert!(message.contains(word), "{arguments:?}: no `{word}` in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "stdout is for data");
}

#[test]
fn what_cannot_be_served_stops_the_start() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file");
        path.into_os_string().into_string().expect("UTF-8")
    };
    let iris = model().into_os_string().into_string().expect("UTF-8");

    assert_refused(&["no-such-model.joblib"], 1, &["no-such-model.joblib"]);
    assert_refused(&[&write("text.pkl", b"hello")], 1, &["text.pkl"]);
    // What `pickle.dumps(os.system)` and its like begin with: a call that must not happen.
    let call = b"cposix\nsystem\n(S'exit 3'\ntR.";
    assert_refused(&[&write("call.pkl", call)], 1, &["call.pkl", "posix.system"]);

    let typo = write("typo.toml", b"[server]\nprot = 1\n");
    assert_refused(&["--config", &typo], 1, &["typo.toml", "prot", "port"]);
    let route =
        format!("[[model]]\nname = \"iris\"\npath = {iris:?}\n[[route]]\npath = \"/x\"\nmodel = \"irsi\"\n");
    assert_refused(&["--config", &write("route.toml", route.as_bytes())], 1, &["irsi"]);
    assert_refused(&["--config", "no-such.toml"], 1, &["no-such.toml"]);
    assert_refused(&[&iris, "--port", "70000"], 2, &["70000"]);
    assert_refused(&["--prot", "1"], 2, &["--prot", "--port"]);

    let service = Service::start(&[&iris]);
    let port = service.url().rsplit(':').next().expect("a port");
    assert_refused(&[&iris, "--port", port], 1, &[port]);
}
