//! Where the tests find the checkout, the shared tables and the tools, and what they do when one is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is a folder of the checkout")
}

/// A file of the data that lies beside the checkout (`../shared`, or `FORETELL_SHARED`), because it may not be
/// committed. `None`, with a message, when it is not there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FORETELL_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let file = folder.join(path);
    if file.exists() {
        return Some(file);
    }
    skip(&format!("`{path}` is not in `../shared`"));
    None
}

/// A program of the tests' virtual environment, such as `python`; see [`tool`] for a missing one.
pub fn venv(program: &str) -> Option<PathBuf> {
    let path = root().join(".venv/bin").join(program);
    let found = path.exists().then_some(path);
    tool(program, found)
}

/// A program of the system, looked up in `PATH`; see [`tool`] for a missing one.
pub fn system(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join(program)).find(|path| path.exists());
    tool(program, found)
}

/// Passes a tool on. A missing one skips the test with a message, except under `make test`, which installs them all:
/// there it fails.
///
/// # Panics
/// If the tool is missing and `FORETELL_TEST_TOOLS=required`.
pub(crate) fn tool(program: &str, found: Option<PathBuf>) -> Option<PathBuf> {
    if found.is_none() {
        let required = std::env::var_os("FORETELL_TEST_TOOLS").is_some_and(|value| value == "required");
        assert!(!required, "`{program}` is missing: `make test` installs it");
        skip(&format!("`{program}` is missing; `make test` installs it"));
    }
    found
}

#[expect(clippy::print_stdout, reason = "the test runner shows what a test prints")]
fn skip(reason: &str) {
    println!("skipped: {reason}");
}

/// Runs a command to its end and returns what it wrote to stdout.
///
/// # Panics
/// If the command cannot start, or fails; the message has what it wrote.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?} failed with {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
