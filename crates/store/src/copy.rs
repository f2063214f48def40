//! A copy on the local disk of what a server needs of the store, so that it can start while the database is away.
//!
//! It is written whenever a server has read the store, and read only when the store cannot be reached. It belongs to one
//! database: what was copied from another one is not used.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::artifacts::Artifacts;
use crate::digest::Digest;
use crate::error::StoreError;
use crate::keys::KeyRecord;
use crate::registry::{Deployment, Version};
use crate::url::ArtifactsUrl;

const DEPLOYMENT: &str = "deployment.json";
const KEYS: &str = "keys.json";
const ARTIFACTS: &str = "artifacts";

/// What a server served last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopiedDeployment {
    /// The registry, as it was.
    pub deployment: Deployment,
    /// The versions that were served by their number, under the names they were served under.
    pub fixed: Vec<(String, Version)>,
}

/// The copy of one database in a folder. Clones share it.
#[derive(Debug, Clone)]
pub struct LocalCopy {
    folder: PathBuf,
    database: String,
    artifacts: Artifacts,
}

/// A file of the copy: what is in it, and of which database.
#[derive(Serialize, Deserialize)]
struct File<T> {
    database: String,
    content: T,
}

impl LocalCopy {
    /// The copy in a folder, which is made, of the database with this URL (without its password).
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: &Path, database: String) -> Result<Self, StoreError> {
        let artifacts = Artifacts::open(&ArtifactsUrl::Folder(folder.join(ARTIFACTS)), &[])?;
        Ok(Self { folder: folder.to_owned(), database, artifacts })
    }

    /// Keeps what is served. The bytes of versions that are not in it are deleted.
    ///
    /// # Errors
    /// The disk does not take it.
    pub async fn keep_deployment(&self, copied: &CopiedDeployment) -> io::Result<()> {
        self.write(DEPLOYMENT, copied)?;
        let served = copied.deployment.aliases.iter().map(|(_, version)| version);
        let served = served.chain(copied.fixed.iter().map(|(_, version)| version));
        let used: BTreeSet<Digest> = served.map(|version| version.artifact).collect();
        self.artifacts.keep_only(&used).await.map_err(io::Error::other)
    }

    /// What was served last; `None` when nothing, or nothing whole, is kept of this database.
    pub fn deployment(&self) -> Option<CopiedDeployment> {
        self.read(DEPLOYMENT)
    }

    /// Keeps the keys: the digests of their secrets, as the database does.
    ///
    /// # Errors
    /// The disk does not take them.
    pub fn keep_keys(&self, keys: &[KeyRecord]) -> io::Result<()> {
        let keys: Vec<_> = keys.iter().map(|key| (key, Digest::from_bytes(key.hash))).collect();
        self.write(KEYS, &keys)
    }

    /// The keys as they were last; `None` when nothing, or nothing whole, is kept of this database.
    pub fn keys(&self) -> Option<Vec<KeyRecord>> {
        let keys: Vec<(KeyRecord, Digest)> = self.read(KEYS)?;
        Some(keys.into_iter().map(|(key, hash)| KeyRecord { hash: *hash.bytes(), ..key }).collect())
    }

    /// The bytes of an artifact, which are checked against its name; `None` when they are not kept whole.
    pub async fn artifact(&self, digest: &Digest) -> Option<Bytes> {
        self.artifacts.get(digest).await.ok()
    }

    /// Keeps the bytes of an artifact.
    ///
    /// # Errors
    /// The disk does not take them.
    pub async fn keep_artifact(&self, bytes: Bytes) -> Result<(), StoreError> {
        self.artifacts.put(bytes).await.map(drop)
    }

    /// Writes a file that appears under its name when it is whole.
    fn write<T: Serialize>(&self, name: &str, content: &T) -> io::Result<()> {
        let text = serde_json::to_vec(&File { database: self.database.clone(), content })?;
        let draft = self.folder.join(format!("{name}.{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(draft, self.folder.join(name))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = fs::read(self.folder.join(name)).ok()?;
        let file: File<T> = serde_json::from_slice(&text).ok()?;
        (file.database == self.database).then_some(file.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, Scopes};

    #[test]
    fn keys_come_back_whole_and_only_for_their_database() {
        let folder = tempfile::tempdir().unwrap();
        let open = |database: &str| LocalCopy::open(folder.path(), database.to_owned()).unwrap();
        let copy = open("postgres://a/b");
        assert_eq!(copy.keys(), None);
        let key = KeyRecord {
            id: "0123456789abcdef".into(),
            name: "shop".into(),
            hash: [7; 32],
            scopes: Scopes { predict: true, ..Scopes::default() },
            models: Some(vec!["m".into()]),
            created_at: 1,
            created_by: Actor::cli("test"),
            expires_at: Some(2),
            revoked_at: None,
        };
        copy.keep_keys(std::slice::from_ref(&key)).unwrap();
        assert_eq!(copy.keys(), Some(vec![key]));
        assert_eq!(open("postgres://a/c").keys(), None);
        fs::write(folder.path().join(KEYS), "{").unwrap();
        assert_eq!(copy.keys(), None);
    }
}
