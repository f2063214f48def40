//! Where the database and the artifacts are, in types that never show a password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::StoreError;

/// A text that is shown to nobody by accident: `Debug` and `Display` hide it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret, for those who need it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where the database is: a file of SQLite, or a PostgreSQL server.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Server(url::Url),
}

/// The kind of a [`DatabaseUrl`], taken apart for whoever connects.
pub(crate) enum DatabasePlace<'a> {
    File(&'a Path),
    Server(&'a url::Url),
}

impl DatabaseUrl {
    /// A file of SQLite.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// The same database, reached with this password; a file needs none.
    #[must_use]
    pub fn with_password(mut self, password: &SecretText) -> Self {
        if let Place::Server(url) = &mut self.0 {
            // A URL of a server can have a password.
            let _ = url.set_password(Some(password.reveal()));
        }
        self
    }

    /// Whether several machines can share it.
    pub fn is_server(&self) -> bool {
        matches!(self.0, Place::Server(_))
    }

    pub(crate) fn place(&self) -> DatabasePlace<'_> {
        match &self.0 {
            Place::File(path) => DatabasePlace::File(path),
            Place::Server(url) => DatabasePlace::Server(url),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    /// Reads `sqlite:///absolute/path`, `sqlite://relative/path` or `postgres://user@host/database`.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        const EXPECTED: &str =
            "the URL of a database, such as `sqlite:///path/foretell.db` or `postgres://user@host/database`";
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" || path.contains('?') {
                return Err(StoreError::Url { shown: text.to_owned(), expected: EXPECTED });
            }
            return Ok(Self::file(path));
        }
        let refused = |shown: String| StoreError::Url { shown, expected: EXPECTED };
        // What cannot be read cannot be shown: its password is somewhere in it.
        let url: url::Url = text.parse().map_err(|_| refused("this text".to_owned()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(refused(without_password(&url)));
        }
        Ok(Self(Place::Server(url)))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => write!(f, "sqlite://{}", path.display()),
            Place::Server(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The URL without its password and its query, which can have one too.
fn without_password(url: &url::Url) -> String {
    let mut shown = url.clone();
    // A URL without an authority has neither.
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.to_string()
}

/// Where the bytes of models are: a folder, or a bucket of S3-compatible storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactsUrl {
    /// A folder of this machine, or one that all machines see.
    Folder(PathBuf),
    /// A bucket.
    Bucket {
        /// Its name.
        bucket: String,
        /// What the keys of its objects begin with, without slashes around it; may be empty.
        prefix: String,
    },
}

impl FromStr for ArtifactsUrl {
    type Err = StoreError;

    /// Reads `s3://bucket/prefix`, or the path of a folder.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let refused = || StoreError::Url {
            shown: text.to_owned(),
            expected: "a place for files, such as a folder or `s3://bucket/prefix`",
        };
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() || bucket.contains(['@', ':', '?']) {
                return Err(refused());
            }
            let prefix = prefix.trim_matches('/').to_owned();
            return Ok(ArtifactsUrl::Bucket { bucket: bucket.to_owned(), prefix });
        }
        if text.is_empty() || text.contains("://") {
            return Err(refused());
        }
        Ok(ArtifactsUrl::Folder(text.into()))
    }
}

impl fmt::Display for ArtifactsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArtifactsUrl::Folder(path) => path.display().fmt(f),
            ArtifactsUrl::Bucket { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            ArtifactsUrl::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let url: DatabaseUrl = "postgres://anna:geheim@db:5433/models?sslpassword=geheim".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://anna@db:5433/models");
        assert_eq!(format!("{url:?}"), "postgres://anna@db:5433/models");
        let url = "postgres://anna@db/models".parse::<DatabaseUrl>().unwrap();
        let url = url.with_password(&SecretText::new("geh@im"));
        assert_eq!(url.to_string(), "postgres://anna@db/models");
        let DatabasePlace::Server(inner) = url.place() else { panic!("a server") };
        assert_eq!(inner.password(), Some("geh%40im"));
        for bad in ["mysql://anna:geheim@db/models", "postgres://anna:geheim@db:port/x", "geheim"] {
            let error = bad.parse::<DatabaseUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("geheim"), "{error}");
        }
    }

    #[test]
    fn files_are_named_in_two_ways() {
        for (text, path) in
            [("sqlite:///a/b.db", "/a/b.db"), ("sqlite://b.db", "b.db"), ("sqlite:b.db", "b.db")]
        {
            assert_eq!(text.parse::<DatabaseUrl>().unwrap(), DatabaseUrl::file(path));
        }
        assert!("sqlite::memory:".parse::<DatabaseUrl>().is_err());
    }

    #[test]
    fn artifacts_are_in_a_folder_or_a_bucket() {
        let bucket = |prefix: &str| ArtifactsUrl::Bucket { bucket: "b".into(), prefix: prefix.into() };
        assert_eq!("s3://b".parse::<ArtifactsUrl>().unwrap(), bucket(""));
        assert_eq!("s3://b/x/y/".parse::<ArtifactsUrl>().unwrap(), bucket("x/y"));
        assert_eq!("a/b".parse::<ArtifactsUrl>().unwrap(), ArtifactsUrl::Folder("a/b".into()));
        assert!("s3://".parse::<ArtifactsUrl>().is_err());
        assert!("gs://b".parse::<ArtifactsUrl>().is_err());
    }
}
