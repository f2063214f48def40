//! Sizes, times and numbers are bounded.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Service, example};

const BODY: &str = r#"{"data":[[4.8,3,1.4,0.3]]}"#;

#[test]
fn bodies_are_bounded_however_they_come() {
    let service = Service::start("[server]\nmax_body_bytes = 100", vec![example("iris")]);
    let exact = format!("{BODY:100}");
    assert_eq!(service.predict(&exact).status, 200);
    let detail = service.predict(&format!("{BODY:101}")).problem(413, "too-large");
    assert_eq!(detail, "expected a body of at most 100 bytes; send fewer rows a request");
    let mut client = service.client();
    let chunk = " ".repeat(60);
    let head = "POST /predict HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write(format!("{head}3c\r\n{chunk}\r\n3c\r\n{chunk}\r\n0\r\n\r\n")).unwrap();
    client.read(true).unwrap().problem(413, "too-large");
    let mut client = service.client();
    client.write(format!("{head}3c\r\n{BODY:60}\r\n0\r\n\r\n")).unwrap();
    assert_eq!(client.read(true).unwrap().status, 200);
    let mut client = service.client();
    let expecting =
        "POST /predict HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 101\r\n\r\n";
    client.write(expecting).unwrap();
    client.read(true).unwrap().problem(413, "too-large");
}

#[test]
fn all_bodies_together_are_bounded() {
    let service = Service::start("[server]\nmax_buffered_bytes = 200000", vec![example("iris")]);
    let head = "POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: 150000\r\n\r\n";
    let long = format!("{}{BODY}", " ".repeat(150_000 - BODY.len()));
    let mut first = service.client();
    first.write(format!("{head}{}", &long[..140_000])).unwrap();
    // Until the first body is held in memory.
    thread::sleep(Duration::from_millis(500));
    let mut second = service.client();
    second.write(format!("{head}{long}")).unwrap();
    let refused = second.read(true).unwrap();
    refused.problem(503, "overloaded");
    assert_eq!(service.predict(BODY).status, 200);
    first.write(&long[140_000..]).unwrap();
    assert_eq!(first.read(true).unwrap().status, 200);
    let mut third = service.client();
    third.write(format!("{head}{long}")).unwrap();
    assert_eq!(third.read(true).unwrap().status, 200);
}

#[test]
fn rows_are_bounded() {
    let service = Service::start("[server]\nmax_rows = 2", vec![example("iris")]);
    let row = "[4.8,3,1.4,0.3]";
    assert_eq!(service.predict(&format!(r#"{{"data":[{row},{row}]}}"#)).status, 200);
    let line = "4.8,3,1.4,0.3\\n";
    for body in [
        format!(r#"{{"data":[{row},{row},{row}]}}"#),
        format!(r#"[{row},{row},{row}]"#),
        format!(r#"{{"data":"{line}{line}{line}"}}"#),
        r#"{"data":[[],[],[],[]]}"#.to_owned(),
    ] {
        let answer = service.predict(&body);
        assert!(answer.status == 413, "{body}: {}", answer.text());
    }
}

#[test]
fn slow_bodies_and_silent_connections_are_ended() {
    let config = "[server]\nbody_timeout = '200ms'\nidle_timeout = '300ms'";
    let service = Service::start(config, vec![example("iris")]);
    let mut slow = service.client();
    slow.write("POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: 26\r\n\r\n{\"data\"").unwrap();
    let (mut silent, mut half) = (service.client(), service.client());
    half.write("POST /predict HT").unwrap();
    assert_eq!(slow.read(true).unwrap().problem(408, "slow-body"), "the body did not arrive within 200ms");
    let started = Instant::now();
    assert!(silent.closed() && half.closed());
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(service.predict(BODY).status, 200);
}

#[test]
fn an_answer_that_takes_too_long_is_a_504() {
    let service = Service::start("[server]\ndeadline = '0s'", vec![example("iris")]);
    let rows = vec!["[4.8,3,1.4,0.3]"; 60_000].join(",");
    let answer = service.predict(&format!(r#"{{"data":[{rows}]}}"#));
    assert!(answer.problem(504, "deadline").contains("longer than 0ns"));
    assert_eq!(service.predict(BODY).status, 200);
}

#[test]
fn more_requests_than_allowed_are_turned_away_at_once() {
    let service = Service::start("[server]\nmax_requests = 1", vec![example("iris")]);
    let mut first = service.client();
    first
        .write(format!("POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", BODY.len()))
        .unwrap();
    // A prediction that comes before the first head is read would take its place.
    let under_way = |text: String| text.lines().any(|line| line == "foretell_requests_in_flight 1");
    let begin = Instant::now();
    while !under_way(service.client().call("GET /metrics HTTP/1.1", "").text_whole()) {
        assert!(begin.elapsed() < Duration::from_secs(60), "the first request is not under way");
    }
    let turned_away = service.predict(BODY);
    turned_away.problem(503, "overloaded");
    assert_eq!(turned_away.header("retry-after"), Some("1"));
    first.write(BODY).unwrap();
    assert_eq!(first.read(true).unwrap().status, 200);
    assert_eq!(service.predict(BODY).status, 200);
}

#[test]
fn overload_sees_answers_and_503_only() {
    let service = Service::start("[server]\nmax_requests = 2", vec![example("iris")]);
    let rows = vec!["[4.8,3,1.4,0.3]"; 5000].join(",");
    let body = format!(r#"{{"data":[{rows}]}}"#);
    let mut counts = [0, 0];
    thread::scope(|scope| {
        let flood = || {
            let mut client = service.client();
            let mut counts = [0, 0];
            for _ in 0..30 {
                let answer = client.post("/predict", &body);
                match answer.status {
                    200 => counts[0] += 1,
                    503 => counts[1] += 1,
                    status => panic!("{status}: {}", answer.text()),
                }
            }
            counts
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(flood)).collect();
        for thread in threads {
            let [answered, refused] = thread.join().unwrap();
            counts = [counts[0] + answered, counts[1] + refused];
        }
    });
    assert_eq!(counts[0] + counts[1], 240);
    assert!(counts[0] > 0, "{counts:?}");
    assert_eq!(service.predict(BODY).status, 200);
}

#[test]
fn a_crowd_that_waits_too_long_is_refused_and_few_clients_never_are() {
    let service = Service::start("[server]\nworkers = 1\nmax_wait = '1ms'", vec![example("iris")]);
    let body = format!(r#"{{"data":[{}]}}"#, vec!["[4.8,3,1.4,0.3]"; 50].join(","));
    let crowd = |clients: usize, enough: &(dyn Fn([usize; 2]) -> bool + Sync)| {
        let counts = Mutex::new([0, 0]);
        let begin = Instant::now();
        thread::scope(|scope| {
            for _ in 0..clients {
                scope.spawn(|| {
                    let mut client = service.client();
                    while !enough(*counts.lock().unwrap()) && begin.elapsed() < Duration::from_secs(60) {
                        let answer = client.post("/predict", &body);
                        if answer.status != 200 {
                            answer.problem(503, "overloaded");
                            assert_eq!(answer.header("retry-after"), Some("1"));
                        }
                        counts.lock().unwrap()[usize::from(answer.status != 200)] += 1;
                    }
                });
            }
        });
        counts.into_inner().unwrap()
    };
    let [answered, refused] = crowd(64, &|[_, refused]| refused > 200);
    assert!(answered > 0 && refused > 200, "{answered} answered, {refused} refused");
    assert_eq!(service.predict(&body).status, 200, "who is alone is always taken");
    // Until the thread has had time to spare.
    thread::sleep(Duration::from_millis(300));
    service.predict(&body);
    let [answered, refused] = crowd(4, &|[answered, _]| answered > 500);
    assert!(answered > 500 && refused == 0, "{answered} answered, {refused} refused");
}

#[test]
fn connections_are_bounded() {
    let service = Service::start("[server]\nmax_connections = 2", vec![example("iris")]);
    let mut open: Vec<_> = (0..2).map(|_| service.client()).collect();
    open.iter_mut().for_each(|client| assert_eq!(client.post("/predict", BODY).status, 200));
    let mut third = service.client();
    assert!(third.closed());
    drop(open);
    let started = Instant::now();
    let answered =
        |mut client: Client| client.send("POST /predict HTTP/1.1", BODY).is_ok() && client.read(true).is_ok();
    while !answered(service.client()) {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the places of closed connections are free again"
        );
    }
}

#[test]
fn heads_are_bounded() {
    let service = Service::start("[server]\nmax_head_bytes = 1000", vec![example("iris")]);
    let mut client = service.client();
    let head = format!("POST /predict HTTP/1.1\r\nx-long: {}", "x".repeat(2000));
    assert_eq!(client.call(&head, BODY).status, 431);
    assert_eq!(service.predict(BODY).status, 200);
}

#[test]
fn an_address_may_ask_so_often() {
    let config = "[server]\nrate_limit = { per_address = '3/h' }\ntrusted_proxies = ['127.0.0.1']";
    let service = Service::start(config, vec![example("iris")]);
    let ask = |headers: &str| service.client().call(&format!("POST /predict HTTP/1.1{headers}"), BODY);
    (0..3).for_each(|_| assert_eq!(ask("").status, 200));
    let refused = ask("");
    let detail = refused.problem(429, "too-many-requests");
    assert!(detail.starts_with("this address has sent as many requests as it may"), "{detail}");
    let seconds: u64 = refused.header("retry-after").expect("when to come back").parse().unwrap();
    assert!(seconds > 1000 && seconds <= 1200, "{seconds}");
    // Paths that are not there count too; what watches over the service does not.
    assert_eq!(service.client().call("GET /nothing HTTP/1.1", "").status, 429);
    (0..5).for_each(|_| assert_eq!(service.client().call("GET /health/live HTTP/1.1", "").status, 200));
    assert_eq!(ask("\r\nx-forwarded-for: 203.0.113.7").status, 200);
}

#[test]
fn nobody_chooses_an_address() {
    let service = Service::start("[server]\nrate_limit = { per_address = '1/h' }", vec![example("iris")]);
    let ask = |address: &str| {
        let head = format!("POST /predict HTTP/1.1\r\nx-forwarded-for: {address}");
        service.client().call(&head, BODY).status
    };
    assert_eq!([ask("203.0.113.7"), ask("203.0.113.8")], [200, 429]);
}
