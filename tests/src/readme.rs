//! The READMEs tell the truth: every `curl` in them is run, and must answer what stands under it.

use crate::places::{root, run, system};
use crate::service::Service;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Numbers of a model that was fitted again, maybe on another processor.
const TOLERANCE: f64 = 1e-3;

/// The content of the fenced blocks of a Markdown text, with the word after the fence.
fn blocks(markdown: &str) -> Vec<(&str, &str)> {
    let mut parts = markdown.split("\n```").skip(1);
    let mut blocks = Vec::new();
    while let (Some(block), Some(_)) = (parts.next(), parts.next()) {
        blocks.push(block.split_once('\n').unwrap_or((block, "")));
    }
    blocks
}

/// Pairs of a `curl` command and the JSON that it is said to answer.
fn conversations(readme: &Path) -> Vec<(String, Value)> {
    let markdown = std::fs::read_to_string(readme).expect("a README");
    let blocks = blocks(&markdown);
    let pairs = blocks
        .windows(2)
        .filter(|pair| pair[0].0 == "sh" && pair[0].1.contains("curl ") && pair[1].0 == "json");
    pairs
        .map(|pair| {
            let answer = serde_json::from_str(pair[1].1);
            (
                pair[0].1.to_owned(),
                answer.unwrap_or_else(|error| panic!("{}: {error}: {}", readme.display(), pair[1].1)),
            )
        })
        .collect()
}

/// Whether two answers are the same but for rounding, and for what is new in every answer.
fn same(got: &Value, said: &Value) -> bool {
    match (got, said) {
        (Value::Number(got), Value::Number(said)) => {
            let (got, said) = (got.as_f64().expect("finite"), said.as_f64().expect("finite"));
            (got - said).abs() <= TOLERANCE
        }
        (Value::Array(got), Value::Array(said)) => {
            got.len() == said.len() && got.iter().zip(said).all(|(got, said)| same(got, said))
        }
        (Value::Object(got), Value::Object(said)) => {
            let fresh = |key: &str| ["request_id", "version", "uptime_seconds"].contains(&key);
            got.len() == said.len()
                && said
                    .iter()
                    .all(|(key, said)| got.get(key).is_some_and(|got| fresh(key) || same(got, said)))
        }
        (got, said) => got == said,
    }
}

/// Runs every `curl` of a README against this service, which stands in for the one on port 8080, and compares what it
/// answers with the JSON under it. Skips with a message when there is no `curl`.
///
/// # Panics
/// If an answer differs, or if the README has not as many of these pairs as expected.
pub fn check(readme: &Path, service: &Service, expected: usize) {
    if system("curl").is_none() {
        return;
    }
    let conversations = conversations(readme);
    assert_eq!(conversations.len(), expected, "conversations in {}", readme.display());
    let address = service.url().trim_start_matches("http://");
    for (command, said) in conversations {
        let here = command.replace("localhost:8080", address);
        let got = run(Command::new("sh").arg("-c").arg(&here).current_dir(root()));
        let got = serde_json::from_str(&got).unwrap_or_else(|error| panic!("{command}: {error}: {got}"));
        assert!(same(&got, &said), "{}: {command}\nsaid {said}\ngot  {got}", readme.display());
    }
}
