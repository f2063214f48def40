//! Writing data: to stdout, or to a file that appears only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Stdout, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::{Failure, io_text};

/// Permissions of a new file, before the user's mask takes some away.
const NEW_FILE: u32 = 0o666;

/// Where a command's data go.
pub(crate) enum Output {
    /// The standard output.
    Stdout(BufWriter<Stdout>),
    /// A file beside `path` that takes its place at the end.
    Replace { file: BufWriter<NamedTempFile>, path: PathBuf },
    /// What is there already and is no regular file: a device or a pipe, which must not be replaced.
    Direct { file: BufWriter<File>, path: PathBuf },
    /// Nowhere but here.
    Memory(Vec<u8>),
}

impl Output {
    /// Stdout, or a file.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::new(io::stdout())));
        };
        Self::open_file(path).map_err(|error| unwritable(path, &error))
    }

    fn open_file(path: &Path) -> io::Result<Self> {
        let existing = match fs::metadata(path) {
            Ok(existing) => Some(existing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
            let file = File::options().write(true).open(path)?;
            return Ok(Self::Direct { file: BufWriter::new(file), path: path.to_owned() });
        }
        // A link stays one: what it points to is replaced.
        let path = if existing.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
        let permissions = existing.map_or(fs::Permissions::from_mode(NEW_FILE), |file| file.permissions());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file =
            tempfile::Builder::new().prefix(".foretell-").permissions(permissions).tempfile_in(folder)?;
        Ok(Self::Replace { file: BufWriter::new(file), path })
    }

    /// Writes a text to stdout.
    pub(crate) fn print(text: &str) -> Result<(), Failure> {
        let mut output = Self::open(None)?;
        output.write_all(text.as_bytes()).map_err(|error| Failure::output(&error))?;
        output.finish()
    }

    /// Writes what is left and puts the file in its place.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush().map_err(|error| Failure::output(&error)),
            Self::Memory(_) => Ok(()),
            Self::Direct { mut file, path } => file.flush().map_err(|error| unwritable(&path, &error)),
            Self::Replace { file, path } => {
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
            Self::Replace { file, .. } => file.write(bytes),
            Self::Direct { file, .. } => file.write(bytes),
            Self::Memory(all) => all.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::Replace { file, .. } => file.flush(),
            Self::Direct { file, .. } => file.flush(),
            Self::Memory(_) => Ok(()),
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write `{}`", path.display())).detail(io_text(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_complete_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let mut output = Output::open(Some(&path)).unwrap();
        output.write_all(b"new").unwrap();
        output.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_output_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::open(Some(&folder.path().join("out.csv"))).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn links_and_what_is_no_regular_file_are_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut output = Output::open(Some(&link)).unwrap();
        output.write_all(b"new").unwrap();
        output.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
        // A socket stands for all that is no regular file: replacing it would succeed, opening it does not.
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(Output::open(Some(&socket)).is_err());
        assert!(Output::open(Some(folder.path())).is_err());
    }
}
