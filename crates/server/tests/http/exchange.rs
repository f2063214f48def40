//! Methods, content types, codings, origins.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::client::{Service, example};

const BODY: &str = r#"{"data":[[4.8,3,1.4,0.3]]}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[test]
fn paths_and_methods() {
    let service = Service::iris();
    let mut client = service.client();
    for method in ["GET", "PUT", "DELETE", "PATCH", "HEAD", "FROB"] {
        let answer = client.call(&format!("{method} /predict HTTP/1.1"), "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, OPTIONS")), "{method}");
    }
    client.call("POST /predictions HTTP/1.1", BODY).problem(404, "no-such-path");
    let options = client.call("OPTIONS /predict HTTP/1.1", "");
    assert_eq!((options.status, options.header("allow")), (204, Some("POST, OPTIONS")));
    assert_eq!(options.header("access-control-allow-origin"), None);
    client.call("OPTIONS /nowhere HTTP/1.1", "").problem(404, "no-such-path");
}

#[test]
fn content_types() {
    let service = Service::iris();
    let mut client = service.client();
    for good in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"] {
        let answer = client.call(&format!("POST /predict HTTP/1.1\r\ncontent-type: {good}"), BODY);
        assert_eq!(answer.status, 200, "{good}");
    }
    assert_eq!(client.call("POST /predict HTTP/1.1", BODY).status, 200);
    for bad in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"]
    {
        let answer = client.call(&format!("POST /predict HTTP/1.1\r\ncontent-type: {bad}"), BODY);
        assert!(answer.problem(415, "wrong-content-type").contains(bad));
    }
}

#[test]
fn bodies_may_be_compressed() {
    let service = Service::start("[server]\nmax_body_bytes = 100000", vec![example("iris")]);
    let mut client = service.client();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(BODY.as_bytes()).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
    raw.write_all(BODY.as_bytes()).unwrap();
    for (coding, body) in [
        ("gzip", gzip(BODY.as_bytes())),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", raw.finish().unwrap()),
        ("identity", BODY.as_bytes().to_vec()),
    ] {
        let answer = client.call(&format!("POST /predict HTTP/1.1\r\ncontent-encoding: {coding}"), body);
        assert_eq!(answer.status, 200, "{coding}: {}", answer.text());
    }
    let mut refused = |coding: &str, body: &[u8]| {
        client.call(&format!("POST /predict HTTP/1.1\r\ncontent-encoding: {coding}"), body)
    };
    refused("br", BODY.as_bytes()).problem(415, "wrong-content-encoding");
    refused("gzip, gzip", BODY.as_bytes()).problem(415, "wrong-content-encoding");
    refused("gzip", BODY.as_bytes()).problem(400, "bad-request");
    refused("gzip", &gzip(BODY.as_bytes())[..20]).problem(400, "bad-request");
    refused("gzip", &gzip(&vec![b' '; 10_000_000])).problem(413, "too-large");
}

#[test]
fn long_answers_are_compressed_for_those_who_accept_it() {
    let service = Service::iris();
    let mut client = service.client();
    for rows in [100, 20_000] {
        let body = format!(r#"{{"data":[{}]}}"#, vec!["[4.8,3,1.4,0.3]"; rows].join(","));
        let plain = client.post("/predict", &body);
        assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
        for (accepted, coding) in
            [("gzip", "gzip"), ("deflate, br", "deflate"), ("gzip;q=0.1, deflate;q=0.9", "deflate")]
        {
            let mut answer =
                client.call(&format!("POST /predict HTTP/1.1\r\naccept-encoding: {accepted}"), &body);
            assert_eq!(answer.header("content-encoding"), Some(coding));
            assert!(answer.body.len() < plain.body.len() / 2);
            let mut text = Vec::new();
            match coding {
                "gzip" => GzDecoder::new(&answer.body[..]).read_to_end(&mut text).unwrap(),
                _ => ZlibDecoder::new(&answer.body[..]).read_to_end(&mut text).unwrap(),
            };
            answer.body = text;
            assert_eq!(answer.ok()["probability"], plain.ok()["probability"]);
        }
    }
    let short = client.call("POST /predict HTTP/1.1\r\naccept-encoding: gzip", BODY);
    assert_eq!(short.header("content-encoding"), None);
}

#[test]
fn pages_of_other_origins_call_if_they_may() {
    let listed = Service::start("[server]\ncors = ['https://a.example']", vec![example("iris")]);
    let any = Service::start("[server]\ncors = 'any'", vec![example("iris")]);
    let off = Service::iris();
    let preflight = |service: &Service, origin: &str| {
        service.client().call(
            &format!(
                "OPTIONS /predict HTTP/1.1\r\norigin: {origin}\r\naccess-control-request-method: POST\r\n\
                 access-control-request-headers: content-type"
            ),
            "",
        )
    };
    let call = |service: &Service, origin: &str| {
        service.client().call(&format!("POST /predict HTTP/1.1\r\norigin: {origin}"), BODY)
    };
    let allowed = preflight(&listed, "https://a.example");
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("POST, OPTIONS"));
    assert!(allowed.header("access-control-allow-headers").unwrap().contains("content-type"));
    assert_eq!(allowed.header("access-control-max-age"), Some("86400"));
    assert_eq!(preflight(&listed, "https://b.example").header("access-control-allow-origin"), None);
    assert_eq!(preflight(&off, "https://a.example").header("access-control-allow-origin"), None);
    assert_eq!(preflight(&any, "https://b.example").header("access-control-allow-origin"), Some("*"));

    let answer = call(&listed, "https://a.example");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("x-request-id, retry-after"));
    assert_eq!(answer.header("vary"), Some("origin"));
    assert_eq!(call(&listed, "https://b.example").header("access-control-allow-origin"), None);
    assert_eq!(call(&any, "null").header("access-control-allow-origin"), Some("*"));
    let refused = any.client().call("POST /predict HTTP/1.1\r\norigin: https://b.example", "{");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (400, Some("*")));
}
