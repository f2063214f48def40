//! A headless Chromium, driven through chromedriver by the W3C WebDriver protocol.

use crate::places::system;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a page may take to show what a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a found element is called in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window. Dropping it ends the browser and its driver.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    /// The root of the session's commands.
    session: String,
}

impl Browser {
    /// Starts a browser, or skips with a message when there is none.
    ///
    /// # Panics
    /// If the driver is there but does not start.
    pub fn start() -> Option<Self> {
        let (driver, chromium) = (system("chromedriver")?, system("chromium")?);
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines =
            BufReader::new(driver.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
        let port =
            lines.find_map(|line| Some(line.split_once("started successfully on port ")?.1.to_owned()));
        // Someone must go on reading what the driver writes.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Self { driver, session: String::new() };
        let port = port.expect("chromedriver names its port");
        browser.session = format!("http://127.0.0.1:{}/session", port.trim_end_matches('.'));

        // Chromium's own sandbox needs privileges that containers and root lack; the pages are our own.
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let options = json!({"args": arguments, "binary": chromium});
        let made =
            browser.post("", &json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}));
        browser.session = format!("{}/{}", browser.session, made["sessionId"].as_str().expect("a session"));
        Some(browser)
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// Clicks the first element that matches a CSS selector, once there is one that can be clicked.
    ///
    /// # Panics
    /// If there is none within half a minute.
    pub fn click(&self, selector: &str) {
        self.wait(selector, |browser, element| {
            browser.try_post(&format!("/element/{element}/click"), &json!({})).map(drop)
        });
    }

    /// The text of the first element that matches a CSS selector, once there is one with text.
    ///
    /// # Panics
    /// If there is none within half a minute.
    pub fn text(&self, selector: &str) -> String {
        self.wait(selector, |browser, element| {
            let text = browser.try_get(&format!("/element/{element}/text"))?;
            text.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        })
    }

    /// Runs a function's body in the page and returns its result.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    fn wait<T>(&self, selector: &str, attempt: impl Fn(&Self, &str) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let found = self.try_post("/element", &json!({"using": "css selector", "value": selector}));
            let element = found.as_ref().and_then(|found| found[ELEMENT].as_str());
            if let Some(done) = element.and_then(|element| attempt(self, element)) {
                return done;
            }
            assert!(start.elapsed() < PATIENCE, "the page has no usable `{selector}`");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap_or_else(|| panic!("the browser refused {path} with {body}"))
    }

    fn try_post(&self, path: &str, body: &Value) -> Option<Value> {
        let answer = agent().post(format!("{}{path}", self.session)).send_json(body).ok()?;
        value(answer)
    }

    fn try_get(&self, path: &str) -> Option<Value> {
        value(agent().get(format!("{}{path}", self.session)).call().ok()?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        agent().delete(&self.session).call().ok();
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(PATIENCE * 2)).build().into()
}

fn value(mut answer: ureq::http::Response<ureq::Body>) -> Option<Value> {
    let mut json: Value = answer.body_mut().read_json().ok()?;
    Some(json["value"].take())
}
