//! Canaries, shadows, and catalogs that are replaced under requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use foretell_engine::{Canary, Catalog, LiveCatalog, LiveModel, Rollout, Sticky};

use crate::client::{Answer, Client, Service, load};

const ROW: &str = r#"{"data": [[4.8, 3, 1.4, 0.3]]}"#;

fn iris(version: &str) -> Arc<LiveModel> {
    load("examples/iris/model.joblib", "iris", version)
}

/// `1` in front, `2` beside it.
fn catalog(share: Option<(f64, Sticky)>, shadow: Option<Arc<LiveModel>>) -> Catalog {
    let (first, second) = (iris("1"), iris("2"));
    let canary = share.map(|(share, sticky)| Canary { model: Arc::clone(&second), share, sticky });
    let rollout = Rollout { name: "iris".to_owned(), canary, shadows: shadow.into_iter().collect() };
    Catalog::new(vec![first, second]).expect("versions differ").with_rollouts(vec![rollout])
}

fn service(catalog: Catalog) -> (Service, Arc<LiveCatalog>) {
    let catalog = Arc::new(LiveCatalog::new(catalog));
    (Service::of("", Arc::clone(&catalog)), catalog)
}

fn version(answer: &Answer) -> String {
    let answer = answer.ok();
    answer["version"].as_str().expect("a text").to_owned()
}

fn ask(client: &mut Client, header: &str) -> String {
    version(&client.call(&format!("POST /predict HTTP/1.1\r\ncontent-type: application/json{header}"), ROW))
}

#[test]
fn a_canary_answers_its_share() {
    let (service, _) = service(catalog(Some((0.25, Sticky::Request)), None));
    let mut client = service.client();
    let mut counts: HashMap<String, u32> = HashMap::new();
    (0..2000).for_each(|_| *counts.entry(ask(&mut client, "")).or_default() += 1);
    // Ten standard deviations around 500.
    assert!((306..694).contains(&counts["2"]), "{counts:?}");
}

#[test]
fn a_caller_keeps_to_its_version() {
    let sticky = Sticky::Header("x-user-id".to_owned());
    let (service, live) = service(catalog(Some((0.5, sticky.clone())), None));
    let mut client = service.client();
    let mut by_user = |user: usize| ask(&mut client, &format!("\r\nx-user-id: user-{user}"));
    let first: Vec<_> = (0..100).map(&mut by_user).collect();
    assert!(first.contains(&"1".to_owned()) && first.contains(&"2".to_owned()));
    assert_eq!(first, (0..100).map(&mut by_user).collect::<Vec<_>>());
    live.replace(catalog(Some((0.8, sticky)), None));
    let wider: Vec<_> = (0..100).map(&mut by_user).collect();
    assert!(
        first.iter().zip(&wider).all(|(before, after)| before == "1" || after == "2"),
        "nobody goes back"
    );
    live.replace(catalog(None, None));
    assert!((0..100).map(by_user).all(|version| version == "1"));
}

#[test]
fn the_ends_of_a_share_are_exact_and_a_pinned_version_is_not_drawn() {
    for (share, expected) in [(0.0, "1"), (1.0, "2")] {
        let (service, _) = service(catalog(Some((share, Sticky::Request)), None));
        let mut client = service.client();
        for _ in 0..50 {
            assert_eq!(ask(&mut client, ""), expected);
            assert_eq!(version(&client.post("/models/iris/versions/1/predict", ROW)), "1");
        }
    }
}

#[test]
fn a_shadow_is_asked_and_never_answers() {
    // A tree of other data: it agrees on some rows only.
    let other = load("tests/golden/sk1.5-seed-iris-dt/model.joblib", "iris", "7");
    let (service, _) = service(catalog(None, Some(other)));
    let mut client = service.client();
    for _ in 0..20 {
        assert_eq!(ask(&mut client, ""), "1");
    }
    let started = Instant::now();
    loop {
        let metrics = client.call("GET /metrics HTTP/1.1", "").text_whole();
        let count = |agrees: &str| -> u64 {
            let name =
                format!("foretell_shadow_rows_total{{model=\"iris\",version=\"7\",agrees=\"{agrees}\"}} ");
            let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
            line.map_or(0, |count| count.parse().expect("a number"))
        };
        if count("true") + count("false") == 20 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{metrics}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_was_replaced_leaves_memory_without_requests() {
    let (service, live) = service(catalog(None, None));
    assert_eq!(version(&service.predict(ROW)), "1");
    let before = Arc::downgrade(live.snapshot().default_model().expect("a model"));
    live.replace(Catalog::new(vec![iris("3")]).expect("one model"));
    let started = Instant::now();
    while before.strong_count() > 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "the model that was replaced is still held");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(version(&service.predict(ROW)), "3");
}
