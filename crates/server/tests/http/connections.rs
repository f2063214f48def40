//! Connections from their beginning to the end of the service.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Service, example};

const BODY: &str = r#"{"data":[[4.8,3,1.4,0.3]]}"#;

#[test]
fn a_connection_is_kept() {
    let service = Service::iris();
    let mut client = service.client();
    for _ in 0..100 {
        assert_eq!(client.post("/predict", BODY).status, 200);
        assert_eq!(client.post("/predict", "{").status, 400);
        assert_eq!(client.post("/nowhere", BODY).status, 404);
    }
    let last = client.call("POST /predict HTTP/1.1\r\nconnection: close", BODY);
    assert_eq!(last.status, 200);
    assert!(client.closed());
}

#[test]
fn requests_may_be_sent_ahead_and_are_answered_in_order() {
    let service = Service::iris();
    let mut client = service.client();
    let requests: String = (0..50)
        .map(|number| {
            format!(
                "POST /predict HTTP/1.1\r\nhost: test\r\nx-request-id: r{number}\r\ncontent-length: {}\r\n\r\n{BODY}",
                BODY.len()
            )
        })
        .collect();
    client.write(requests).unwrap();
    for number in 0..50 {
        let answer = client.read(true).unwrap();
        assert_eq!(
            (answer.status, answer.header("x-request-id")),
            (200, Some(format!("r{number}").as_str()))
        );
    }
}

#[test]
fn broken_requests_end_their_connection_only() {
    let service = Service::iris();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n123456",
        b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = service.client();
        client.write(bytes).unwrap();
        if let Ok(answer) = client.read(true) {
            assert!((400..500).contains(&answer.status), "{}", answer.status);
        }
    }
    let mut gone = service.client();
    gone.write("POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{").unwrap();
    drop(gone);
    assert_eq!(service.predict(BODY).status, 200);
}

/// Clients that call without pause while the service is told to stop: whoever has sent a request gets its answer.
#[test]
fn stopping_drops_no_request() {
    let mut service = Service::start("", vec![example("iris")]);
    let address = service.address;
    let (stopping, answered, last) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Ok(mut client) = Client::new(address) {
                    loop {
                        let late = stopping.load(Ordering::SeqCst);
                        if client.send("POST /predict HTTP/1.1", BODY).is_err() {
                            assert!(late, "a connection was closed while the service was running");
                            break;
                        }
                        let answer = client.read(true).expect("a request that was sent is answered");
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        answered.fetch_add(1, Ordering::SeqCst);
                        if answer.header("connection") == Some("close") {
                            last.fetch_add(1, Ordering::SeqCst);
                            assert!(client.closed());
                            break;
                        }
                    }
                    if stopping.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
        thread::sleep(Duration::from_millis(300));
        stopping.store(true, Ordering::SeqCst);
        service.stop();
        service.wait();
    });
    assert!(answered.load(Ordering::SeqCst) > 100);
    assert_eq!(last.load(Ordering::SeqCst), 8, "every client was told that its connection ends");
    assert!(Client::new(address).is_err(), "nobody listens any more");
}

#[test]
fn stopping_waits_for_requests_under_way_but_not_for_ever() {
    let mut service = Service::start("[server]\ndrain_timeout = '20s'", vec![example("iris")]);
    let mut client = service.client();
    client
        .write(format!("POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{{", BODY.len()))
        .unwrap();
    thread::sleep(Duration::from_millis(100));
    service.stop();
    thread::sleep(Duration::from_millis(600));
    client.write(&BODY[1..]).unwrap();
    let answer = client.read(true).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    let started = Instant::now();
    service.wait();
    assert!(started.elapsed() < Duration::from_secs(10));

    let mut service = Service::start("[server]\ndrain_timeout = '300ms'", vec![example("iris")]);
    let mut client = service.client();
    client.write("POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{").unwrap();
    thread::sleep(Duration::from_millis(100));
    service.stop();
    let started = Instant::now();
    service.wait();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(client.closed());
}

#[test]
fn idle_connections_do_not_delay_the_end() {
    let mut service = Service::iris();
    let mut idle: Vec<_> = (0..20).map(|_| service.client()).collect();
    assert_eq!(idle[0].post("/predict", BODY).status, 200);
    service.stop();
    let started = Instant::now();
    service.wait();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(idle.iter_mut().all(Client::closed));
}
