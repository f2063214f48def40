//! A clock that jumps, for a process that is started with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::places::system;

/// Threads of a service look at the clock once in a while, and not for each request.
const NOTICED: Duration = Duration::from_millis(1500);

/// The clock of the processes that have its environment.
#[derive(Debug)]
pub struct Clock {
    library: String,
    offset: PathBuf,
}

impl Clock {
    /// A clock that is right, set by a file in this folder. Skips with a message where faketime is not installed.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn new(folder: &Path) -> Option<Self> {
        system("faketime")?;
        let folders = fs::read_dir("/usr/lib").expect("a folder").filter_map(Result::ok);
        let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
        let library = libraries.find(|library| library.exists())?.display().to_string();
        let clock = Self { library, offset: folder.join("clock") };
        clock.set("+0");
        Some(clock)
    }

    /// Moves the clock to this far from the right time, such as `+400d` or `-1h`.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn set(&self, offset: &str) {
        fs::write(&self.offset, offset).expect("a clock");
    }

    /// The same for a process that is running: waits until it has noticed.
    pub fn jump(&self, offset: &str) {
        self.set(offset);
        std::thread::sleep(NOTICED);
    }

    /// What a process needs in its environment. Its monotonic clock stays as it is.
    pub fn environment(&self) -> [(&str, &str); 4] {
        [
            ("LD_PRELOAD", self.library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", self.offset.to_str().expect("UTF-8")),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
    }
}
