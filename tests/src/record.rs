//! A service with a record of predictions, and what is in the record.

use std::fs;

use serde_json::Value;

use crate::places::root;
use crate::registry::Registry;
use crate::service::Service;
use crate::wait::until;

/// The arguments of a service with the iris model and more of a configuration.
///
/// # Panics
/// If the configuration cannot be written.
pub fn iris(registry: &Registry, more: &str) -> Vec<String> {
    let model = root().join("examples/iris/model.joblib");
    let config = format!(
        "[log]\nrequests = 'errors'\n[[model]]\nname = 'iris'\npath = '{}'\n{more}\n",
        model.display()
    );
    configured(registry, &config)
}

/// The arguments of a service with this configuration.
///
/// # Panics
/// If the configuration cannot be written.
pub fn configured(registry: &Registry, config: &str) -> Vec<String> {
    let path = registry.folder().join("foretell.toml");
    fs::write(&path, config).expect("a configuration");
    let mut arguments = vec!["--config".to_owned(), path.display().to_string()];
    arguments.extend(registry.flags());
    arguments
}

/// The record of a model, row by row; nothing as long as nothing is recorded.
///
/// # Panics
/// If it cannot be read.
pub fn export(registry: &Registry, model: &str, more: &[&str]) -> Vec<Value> {
    let words = ["log", "export", "--model", model, "--format", "jsonl"];
    let output = registry.try_run(words.iter().chain(more));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || told.contains("no prediction of model"), "{told}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

/// Waits until all that was recorded is in the database.
///
/// # Panics
/// If it is not within a minute.
pub fn await_written(service: &Service) {
    until("what waits is written", || service.metric("foretell_log_waiting_bytes") == 0.0);
}
