//! The docs page in a real browser: a visitor tries the iris service out.

use foretell_tests::browser::Browser;
use foretell_tests::places::root;
use foretell_tests::service::Service;
use serde_json::Value;

#[test]
fn a_visitor_tries_out_the_iris_service() {
    let Some(browser) = Browser::start() else { return };
    let configuration = root().join("examples/iris/foretell.toml");
    let service = Service::start(&["--config".as_ref(), configuration.as_os_str()]);
    browser.open(&format!("{}/docs", service.url()));

    browser.click(r#".opblock-post .opblock-summary-path[data-path="/v1/iris/predict"]"#);
    browser.click(".opblock-post.is-open .try-out__btn");
    browser.click(".opblock-post.is-open .execute");
    let status = browser.text(".opblock-post.is-open .live-responses-table tbody .response-col_status");
    assert!(status.starts_with("200"), "{status}");
    let answer = browser
        .text(".opblock-post.is-open .live-responses-table tbody .response-col_description .highlight-code");
    for key in ["prediction", "probability", "log_probability"] {
        assert!(answer.contains(key), "no `{key}` in {answer}");
    }

    // The page works without a network: everything it loaded is from the service.
    let loaded = browser.run("return performance.getEntriesByType('resource').map(entry => entry.name)");
    let loaded: Vec<_> = loaded.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(!loaded.is_empty());
    let ours = |url: &&str| url.starts_with(service.url()) || url.starts_with("data:");
    assert_eq!(loaded.iter().find(|url| !ours(url)), None);
}
