//! Whatever is sent, the answer is never the service's fault.

use std::cell::RefCell;

use proptest::prelude::*;

use crate::client::{Client, Service, example};

/// Texts that are close to right.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(r#"{"data":"#.to_owned()),
        Just("[[1,2,3,4]]".to_owned()),
        Just(r#""1,2,3,4\n""#.to_owned()),
        Just(r#"{"sepal length (cm)":"#.to_owned()),
        Just(r#""\ud800\"":"#.to_owned()),
        Just("null".to_owned()),
        Just("1e999".to_owned()),
        Just("-0.0".to_owned()),
        Just("99999999999999999999999".to_owned()),
        Just("NaN".to_owned()),
        r#"[\[\]{},:" \n\\]"#,
        "[0-9eE.+-]{1,5}",
    ];
    let text = proptest::collection::vec(token, 0..14).prop_map(|tokens| tokens.concat().into_bytes());
    prop_oneof![4 => text, 1 => proptest::collection::vec(any::<u8>(), 0..64)]
}

thread_local! {
    static SERVICES: [Service; 2] =
        ["iris", "boston"].map(|name| Service::start("", vec![example(name)]));
    static CLIENTS: RefCell<Vec<Client>> =
        RefCell::new(SERVICES.with(|services| services.iter().map(Service::client).collect()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_body_is_answered_or_refused(body in body(), csv in any::<bool>(), coding in 0_usize..8) {
        let kind = if csv { "text/csv" } else { "application/json" };
        let coding = ["gzip", "deflate"].get(coding).map_or(String::new(), |name| format!("\r\ncontent-encoding: {name}"));
        CLIENTS.with_borrow_mut(|clients| {
            for client in clients {
                let answer = client.call(&format!("POST /predict HTTP/1.1\r\ncontent-type: {kind}{coding}"), &body);
                prop_assert!([200, 400, 413, 422].contains(&answer.status), "{}", answer.text());
                let document = answer.json();
                prop_assert!(document["request_id"].is_string());
                if answer.status == 422 {
                    prop_assert!(!document["errors"].as_array().expect("a list").is_empty());
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn every_path_and_query_is_answered_or_refused(path in "[/a-z%0-9?=&.,+]{0,30}") {
        CLIENTS.with_borrow_mut(|clients| {
            for path in [format!("/{path}"), format!("/models/{path}/predict"), format!("/predict?outputs={path}")] {
                let answer = clients[0].post(&path, r#"{"data":[[1,2,3,4]]}"#);
                prop_assert!(answer.status < 500, "{path}: {}", answer.text());
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn bytes_that_are_no_request_end_their_connection_only(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        SERVICES.with(|services| {
            let mut client = services[0].client();
            // The service may close before all is written.
            let _ = client.write(&bytes);
            client.finish();
            if let Ok(answer) = client.read(true) {
                prop_assert!(answer.status < 500);
            }
            prop_assert_eq!(services[0].predict(r#"{"data":[[1,2,3,4]]}"#).status, 200);
            Ok(())
        })?;
    }
}
