//! A registry of a test's own, and the command line that fills it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::places::run;
use crate::service::binary;

/// A data folder in a scratch folder, with a database in it or elsewhere.
#[derive(Debug)]
pub struct Registry {
    folder: TempDir,
    database: Option<String>,
}

impl Registry {
    /// A registry in SQLite.
    ///
    /// # Panics
    /// If there is no scratch folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a scratch folder"), database: None }
    }

    /// A registry in the database with this URL.
    ///
    /// # Panics
    /// If there is no scratch folder.
    pub fn in_database(url: String) -> Self {
        Self { database: Some(url), ..Self::new() }
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The flags that lead to it.
    pub fn flags(&self) -> Vec<String> {
        let mut flags = vec!["--data".to_owned(), self.folder().display().to_string()];
        if let Some(url) = &self.database {
            flags.extend(["--database".to_owned(), url.clone()]);
        }
        flags
    }

    /// `foretell` with these words and the flags that lead here.
    pub fn command<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(binary());
        command.args(words).args(self.flags());
        command
    }

    /// Runs `foretell` with these words and gives what it prints.
    ///
    /// # Panics
    /// If it fails.
    pub fn run<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> String {
        run(&mut self.command(words))
    }

    /// Runs `foretell` with these words, which may fail.
    ///
    /// # Panics
    /// If it does not start.
    pub fn try_run<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Output {
        self.command(words).output().expect("foretell starts")
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
