//! Writing data: to stdout, or to a file that appears only when it is complete.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::model::os_message;

/// Where a command's data go.
pub(crate) enum Output {
    Stdout(BufWriter<StdoutLock<'static>>),
    File { file: BufWriter<NamedTempFile>, path: PathBuf },
}

impl Output {
    /// Stdout, or a file beside `path` that takes its place in [`Output::finish`].
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::new(io::stdout().lock())));
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".foretell-").tempfile_in(folder);
        let file = BufWriter::new(file.map_err(|error| unwritable(path, &error))?);
        Ok(Self::File { file, path: path.to_owned() })
    }

    /// Writes what is left and puts the file in its place.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush().map_err(|error| Failure::output(&error)),
            Self::File { file, path } => {
                let file = file.into_inner().map_err(|error| unwritable(&path, error.error()))?;
                file.persist(&path).map(drop).map_err(|error| unwritable(&path, &error.error))
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File { file, .. } => file.flush(),
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let message = error.raw_os_error().map_or_else(|| error.to_string(), os_message);
    Failure::new(format!("cannot write `{}`", path.display())).detail(message)
}
