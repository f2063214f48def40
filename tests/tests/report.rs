//! The pages of `foretell score --report` and `foretell train --report` in a real browser.

use std::fmt::Write as _;
use std::process::Command;

use foretell_tests::browser::Browser;
use foretell_tests::places::{root, run};
use foretell_tests::service::binary;
use serde_json::Value;

/// Flowers of three kinds, some of them called another.
fn flowers(names: &[String]) -> String {
    let mut table = format!("{},kind\n", names.join(","));
    for flower in 0..60 {
        let kind = flower % 3;
        let size = f64::from(kind) * 2.0 + f64::from(flower % 7) / 10.0;
        let called = if flower % 20 == 0 { (kind + 1) % 3 } else { kind };
        let _ =
            writeln!(table, "{:.1},3.0,{:.1},{:.1},{called}", 5.0 + size / 2.0, 1.4 + size, 0.2 + size / 2.5);
    }
    table
}

#[test]
fn a_report_is_read_offline_on_a_phone_in_light_and_dark() {
    let Some(browser) = Browser::start() else { return };
    let model = root().join("examples/iris/model.joblib");
    let facts = run(Command::new(binary()).arg("inspect").arg(&model).arg("--json"));
    let facts: Value = serde_json::from_str(&facts).expect("one object");
    let features = facts["features"].as_array().expect("features");
    let names: Vec<String> =
        features.iter().map(|f| f["name"].as_str().expect("a name").to_owned()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let (table, page) = (folder.path().join("flowers.csv"), folder.path().join("report.html"));
    std::fs::write(&table, flowers(&names)).expect("the table is written");
    let mut score = Command::new(binary());
    score.arg("score").arg(&model).arg(&table).args(["--target", "kind", "--require", "accuracy>0.1"]);
    run(score.arg("--report").arg(&page));

    browser.open(&format!("file://{}", page.display()));
    assert!(browser.text("h1").contains("model.joblib"));
    assert!(browser.text("#requirements").contains("accuracy > 0.1"));
    assert!(browser.text("#metrics").contains("balanced accuracy"));
    for id in ["roc", "precision-recall", "calibration"] {
        let drawn = browser.run(&format!("return document.querySelectorAll('#{id} svg polyline').length"));
        assert!(drawn.as_u64() >= Some(3), "{id} has no curve for each class: {drawn}");
    }
    let cells = browser.run("return document.querySelectorAll('#confusion td').length");
    assert_eq!(cells, 9);
    let bars = browser.run("return document.querySelectorAll('#importance .bar').length");
    assert_eq!(bars, 4);
    let loaded = browser.run("return performance.getEntriesByType('resource').length");
    assert_eq!(loaded, 0, "the page loads nothing");

    // In a frame as wide as a phone nothing but tables is wider than the screen.
    let width = browser.run(
        "const frame = document.createElement('iframe'); frame.style.width = '360px'; \
         document.body.append(frame); frame.contentDocument.write(document.documentElement.outerHTML); \
         return frame.contentDocument.documentElement.scrollWidth",
    );
    assert!(width.as_u64() <= Some(360), "{width}");
    // Charts take their colours from the page, so they are dark where it is.
    let colours = browser.run(
        "const line = document.querySelector('#roc svg polyline:last-of-type'); \
         const before = getComputedStyle(line).stroke; \
         for (const name of [0, 1, 2, 3, 4, 5]) \
           document.documentElement.style.setProperty('--series-' + name, 'rgb(1, 2, 3)'); \
         return [before, getComputedStyle(line).stroke]",
    );
    assert_eq!(colours[1], "rgb(1, 2, 3)");
    assert_ne!(colours[0], colours[1]);
}

#[test]
fn a_report_of_training_shows_how_it_learnt() {
    let Some(browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["length", "width", "petal", "colour"].map(str::to_owned);
    std::fs::write(folder.path().join("flowers.csv"), flowers(&names)).expect("the table is written");
    for (model, curves, importances) in [("gradient-boosting", 1, 8), ("random-forest", 0, 8), ("mlp", 1, 4)]
    {
        let mut train = Command::new(binary());
        train.args(["train", "flowers.csv", "--target", "kind", "--model", model, "--report", "report.html"]);
        run(train.current_dir(folder.path()));
        browser.open(&format!("file://{}", folder.path().join("report.html").display()));
        let drawn = browser.run("return document.querySelectorAll('#learning svg polyline').length");
        assert!(drawn.as_u64() >= Some(curves), "{model}: {drawn}");
        let bars = browser.run("return document.querySelectorAll('.bar').length");
        assert_eq!(bars, importances, "{model}");
    }
}
