//! HTTPS: handshakes, certificates of clients, and certificates that change while the service runs.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use crate::client::{Service, example};

const PATIENCE: Duration = Duration::from_secs(30);
const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";

type Issuer = CertifiedIssuer<'static, KeyPair>;
type Stream = StreamOwned<ClientConnection, TcpStream>;

fn authority() -> Issuer {
    let mut parameters = CertificateParams::new(Vec::new()).expect("a test has what it needs");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a test has what it needs"))
        .expect("it works in tests")
}

/// A certificate for `localhost` and its key, as PEM.
fn issue(authority: &Issuer) -> (String, String) {
    let mut parameters =
        CertificateParams::new(vec!["localhost".to_owned()]).expect("a test has what it needs");
    parameters.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a test has what it needs");
    (parameters.signed_by(&key, authority).expect("a test has what it needs").pem(), key.serialize_pem())
}

fn write(folder: &Path, (cert, key): &(String, String)) {
    fs::write(folder.join("cert.pem"), cert).expect("a test has what it needs");
    fs::write(folder.join("key.pem"), key).expect("a test has what it needs");
}

/// A service that speaks TLS, and the folder of its files.
fn start(authority: &Issuer, more: &str) -> (Service, TempDir) {
    let folder = tempfile::tempdir().expect("a test has what it needs");
    write(folder.path(), &issue(authority));
    fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a test has what it needs");
    let more = more.replace("CA", &folder.path().join("ca.pem").display().to_string());
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name).display().to_string());
    let config = format!("[server.tls]\ncert = '{cert}'\nkey = '{key}'\n{more}");
    (Service::start(&config, vec![example("iris")]), folder)
}

/// A client that trusts an authority, and shows a certificate if it is given one.
fn connect(service: &Service, authority: &Issuer, shown: Option<&(String, String)>) -> Stream {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).expect("a test has what it needs");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("a test has what it needs");
    let builder = builder.with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain =
                vec![CertificateDer::from_pem_slice(cert.as_bytes()).expect("a test has what it needs")];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a test has what it needs");
            builder.with_client_auth_cert(chain, key).expect("a test has what it needs")
        }
    };
    let stream = TcpStream::connect(service.address).expect("a test has what it needs");
    stream.set_read_timeout(Some(PATIENCE)).expect("a test has what it needs");
    let name = ServerName::try_from("localhost").expect("a test has what it needs");
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("a test has what it needs"), stream)
}

/// Sends `GET /health` and gives the answer; `None` when the handshake or the connection failed.
fn health(stream: &mut Stream) -> Option<serde_json::Value> {
    stream.write_all(HEALTH.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
        answer.extend_from_slice(&bytes[..count]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            if let Ok(document) = serde_json::from_str(body) {
                return Some(document);
            }
        }
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
    started.elapsed()
}

#[test]
fn a_changed_certificate_is_served_while_old_connections_go_on() {
    let (old, new) = (authority(), authority());
    let (service, folder) = start(&old, "");
    let mut open = connect(&service, &old, None);
    assert_eq!(health(&mut open).unwrap()["certificate"]["status"], "current");
    assert!(health(&mut connect(&service, &new, None)).is_none());
    write(folder.path(), &issue(&new));
    until("the new certificate is served", || health(&mut connect(&service, &new, None)).is_some());
    assert!(health(&mut connect(&service, &old, None)).is_none());
    assert_eq!(health(&mut open).unwrap()["certificate"]["status"], "current");
}

#[test]
fn a_bad_certificate_leaves_the_old_one_and_says_so() {
    let authority = authority();
    let (service, folder) = start(&authority, "");
    let (good, other) = (fs::read_to_string(folder.path().join("cert.pem")).unwrap(), issue(&authority));
    let status = || health(&mut connect(&service, &authority, None)).unwrap()["certificate"].clone();
    assert_eq!(status()["status"], "current");
    let key = "private key that does not fit";
    for (what, bad) in [("not PEM", "nothing"), ("empty", ""), (key, other.0.as_str())] {
        fs::write(folder.path().join("cert.pem"), bad).unwrap();
        until(what, || status()["status"] == "outdated");
        assert!(status()["error"].as_str().is_some_and(|problem| !problem.is_empty()), "{what}");
        fs::write(folder.path().join("cert.pem"), &good).unwrap();
        until("the good one is back", || status()["status"] == "current");
    }
    fs::remove_file(folder.path().join("key.pem")).unwrap();
    until("a file is missing", || status()["status"] == "outdated");
    assert!(!status().to_string().contains("PRIVATE"));
}

#[test]
fn clients_show_certificates_where_they_must() {
    let (authority, stranger) = (authority(), authority());
    let (mine, theirs) = (issue(&authority), issue(&stranger));
    for (more, without) in [
        ("client_ca = 'CA'", false),
        ("client_ca = 'CA'\nclient_auth = 'required'", false),
        ("client_ca = 'CA'\nclient_auth = 'optional'", true),
    ] {
        let (service, _folder) = start(&authority, more);
        let answered = |shown| health(&mut connect(&service, &authority, shown)).is_some();
        assert!(answered(Some(&mine)), "{more}");
        assert!(!answered(Some(&theirs)), "{more}");
        assert_eq!(answered(None), without, "{more}");
    }
}

#[test]
fn plain_http_is_told_to_use_https() {
    let (service, _folder) = start(&authority(), "");
    let detail = service.client().call("GET /health HTTP/1.1", "").problem(400, "bad-request");
    assert_eq!(detail, "this port speaks HTTPS: begin the URL with `https://`");
}

#[test]
fn handshakes_are_bounded_in_time_and_number() {
    let authority = authority();
    // Those that are silent stay for longer than the test takes.
    let (service, _folder) = start(&authority, "max_handshakes = 2\nhandshake_timeout = '5m'");
    let mut silent = vec![service.client(), service.client()];
    until("a third handshake is too many", || {
        let refused = health(&mut connect(&service, &authority, None)).is_none();
        // Whoever was taken last may have been the third itself: a thread accepts when it can.
        silent.push(service.client());
        refused
    });
    drop(silent);
    until("there is room again", || health(&mut connect(&service, &authority, None)).is_some());

    let (service, _folder) = start(&authority, "max_handshakes = 2\nhandshake_timeout = '500ms'");
    let mut silent = [service.client(), service.client()];
    assert!(silent.iter_mut().all(crate::client::Client::closed));
    assert!(health(&mut connect(&service, &authority, None)).is_some());
    let mut garbage = service.client();
    garbage.write([22, 3, 1, 255, 255, 0, 0]).unwrap();
    garbage.finish();
    assert!(garbage.closed() || garbage.read(true).is_err());
}
