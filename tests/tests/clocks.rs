//! Services whose clock jumps by hours and years.

use std::collections::HashSet;

use foretell_tests::clock::Clock;
use foretell_tests::constant::constant;
use foretell_tests::postgres::Postgres;
use foretell_tests::record::{await_written, configured, export, iris};
use foretell_tests::registry::Registry;
use foretell_tests::service::{Answer, Request, Service};
use foretell_tests::wait::until;
use serde_json::json;

/// A registry in each database that is there, with a clock for its servers.
fn registries(postgres: Option<&Postgres>) -> Vec<(Registry, Clock)> {
    let others = postgres.iter().map(|postgres| Registry::in_database(postgres.create()));
    let all = std::iter::once(Registry::new()).chain(others);
    all.filter_map(|registry| Clock::new(registry.folder()).map(|clock| (registry, clock))).collect()
}

#[test]
fn nothing_recorded_is_lost_or_twice() {
    let postgres = Postgres::shared();
    for (registry, clock) in registries(postgres.as_deref()) {
        let arguments = iris(&registry, "[prediction_log]\nmode = 'full'\n");
        let mut ids = Vec::new();
        for offsets in [["+0", "-1h", "+400d"], ["-2d", "+0", "+1h"]] {
            // The second server starts two days before the first one did.
            clock.set(offsets[0]);
            let service = Service::start_in(&clock.environment(), &arguments);
            for offset in offsets {
                clock.jump(offset);
                for _ in 0..20 {
                    let answer = service.post("/predict", &json!({"data": [[4.8, 3, 1.4, 0.3]]})).ok();
                    ids.push(answer["request_id"].as_str().expect("an id").to_owned());
                }
                assert_eq!(service.get("/health/ready").status, 200);
                await_written(&service);
            }
        }
        let record = export(&registry, "iris", &[]);
        let mut recorded: Vec<_> =
            record.iter().map(|row| row["request_id"].as_str().expect("an id")).collect();
        let days: HashSet<_> = record.iter().map(|row| &row["at"].as_str().expect("a time")[..10]).collect();
        recorded.sort_unstable();
        ids.sort_unstable();
        assert_eq!(recorded, ids);
        assert!(days.len() >= 3, "the clock did not jump: {days:?}");
    }
}

/// Asks with a key.
fn ask(service: &Service, key: &str) -> Answer {
    let request = Request::new("POST", "/predict").header("Content-Type", "application/json");
    service.send(&request.header("X-API-Key", key).body(r#"{"data": [[1.0]]}"#))
}

#[test]
fn promotions_go_live_and_keys_end_when_they_should() {
    let postgres = Postgres::shared();
    for (registry, clock) in registries(postgres.as_deref()) {
        for version in 1..=2 {
            let file = constant(registry.folder(), &format!("v{version}.txt"), f64::from(version));
            registry.run(["models", "register", file.to_str().expect("UTF-8"), "--name", "m"]);
        }
        registry.run(["models", "promote", "m", "1"]);
        let create = |words: &[&str]| {
            let printed = registry.run(["keys", "create", "shop"].iter().chain(words));
            printed.split_whitespace().find(|word| word.starts_with("fk_")).expect("a key").to_owned()
        };
        let (lasting, short) = (create(&[]), create(&["--expires-in", "30d"]));
        let arguments = configured(&registry, "[server]\nauth = 'keys'\n");
        let service = Service::start_in(&clock.environment(), &arguments);
        for (offset, version, expired) in
            [("+0", "2", false), ("-2d", "1", false), ("+400d", "2", true), ("+0", "1", false)]
        {
            clock.jump(offset);
            registry.run(["models", "promote", "m", version]);
            until("the version is served", || ask(&service, &lasting).ok()["version"] == version);
            assert_eq!(ask(&service, &short).status, if expired { 401 } else { 200 }, "at {offset}");
        }
    }
}
