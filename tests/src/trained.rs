//! Examples whose model files may not be committed, because the tables behind them may not be.

use crate::places::{root, run, shared, venv};
use std::process::Command;
use tempfile::TempDir;

/// A folder with an example's configuration and the files that its `train.py` makes of a shared table. `None`, with a
/// message, when the table or Python is missing.
pub fn trained(name: &str, table: &str) -> Option<TempDir> {
    let (table, python) = (shared(table)?, venv("python")?);
    let example = root().join("examples").join(name);
    let folder = tempfile::tempdir().expect("a scratch folder");
    for file in ["foretell.toml", "train.py"] {
        std::fs::copy(example.join(file), folder.path().join(file)).expect("a copy");
    }
    run(Command::new(python).arg(folder.path().join("train.py")).arg(table));
    Some(folder)
}
