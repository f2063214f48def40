//! The bytes of models, under the name of their digest, in a folder or in S3-compatible storage.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig};

use crate::digest::Digest;
use crate::error::{ArtifactProblem, StoreError};
use crate::store::Store;
use crate::url::{ArtifactsUrl, SecretText};

/// The folder of all artifacts; its name tells what their names are.
const FOLDER: &str = "sha256";
/// How old an artifact that nothing refers to must be before it is deleted: it may belong to a version that is being
/// registered.
const GRACE: Duration = Duration::from_secs(3600);
/// How long storage is asked again when it does not answer.
const RETRY: Duration = Duration::from_secs(20);

/// A place for the bytes of models. Clones share it.
#[derive(Debug, Clone)]
pub struct Artifacts {
    store: Arc<dyn ObjectStore>,
}

impl Artifacts {
    /// The place that a URL names. A folder is made; a bucket is not asked for anything yet.
    pub(crate) fn open(url: &ArtifactsUrl, settings: &[(String, SecretText)]) -> Result<Self, StoreError> {
        let store: Arc<dyn ObjectStore> = match url {
            ArtifactsUrl::Folder(folder) => {
                let failed = |source| StoreError::Folder { folder: folder.display().to_string(), source };
                std::fs::create_dir_all(folder).map_err(failed)?;
                let files = LocalFileSystem::new_with_prefix(folder).map_err(storage)?;
                // A file appears under its name when it is whole and on the disk.
                Arc::new(files.with_fsync(true))
            }
            ArtifactsUrl::Bucket { bucket, prefix } => {
                let bucket = open_bucket(bucket, settings).map_err(storage)?;
                if prefix.is_empty() {
                    Arc::new(bucket)
                } else {
                    Arc::new(PrefixStore::new(bucket, prefix.as_str()))
                }
            }
        };
        Ok(Self { store })
    }

    /// Stores bytes and returns their name. Bytes that are there already are not sent again.
    ///
    /// # Errors
    /// The storage does not take them.
    pub async fn put(&self, bytes: Bytes) -> Result<Digest, StoreError> {
        let digest = Digest::of(&bytes);
        let path = path(&digest);
        match self.store.head(&path).await {
            // A file that was cut short by hand is written again.
            Ok(found) if found.size == bytes.len() as u64 => return Ok(digest),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => return Err(storage(source)),
        }
        let options = PutOptions::from(PutMode::Overwrite);
        self.store.put_opts(&path, bytes.into(), options).await.map_err(storage)?;
        Ok(digest)
    }

    /// The bytes of an artifact, which are checked against its name.
    ///
    /// # Errors
    /// It is missing, or not what was stored; or the storage does not answer.
    pub async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        let bad = |problem| StoreError::Artifact { digest: *digest, problem };
        let found = self.store.get(&path(digest)).await;
        let bytes = match found {
            Ok(found) => found.bytes().await.map_err(storage)?,
            Err(object_store::Error::NotFound { .. }) => return Err(bad(ArtifactProblem::Missing)),
            Err(source) => return Err(storage(source)),
        };
        let got = Digest::of(&bytes);
        if got == *digest {
            Ok(bytes)
        } else {
            Err(bad(ArtifactProblem::Corrupt { bytes: bytes.len() as u64, got }))
        }
    }

    /// Deletes every artifact that is not one of these.
    pub(crate) async fn keep_only(&self, used: &BTreeSet<Digest>) -> Result<(), StoreError> {
        let listed = self.store.list_with_delimiter(Some(&Path::from(FOLDER))).await.map_err(storage)?;
        for object in listed.objects {
            let name = object.location.filename().and_then(|name| name.parse::<Digest>().ok());
            if name.is_some_and(|digest| !used.contains(&digest)) {
                self.delete(&object.location).await?;
            }
        }
        Ok(())
    }

    /// Deletes an artifact; one that is not there is no error.
    async fn delete(&self, path: &Path) -> Result<(), StoreError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(storage(source)),
        }
    }
}

impl Store {
    /// Deletes the artifacts that no version refers to and that are older than an hour, and returns how many.
    ///
    /// # Errors
    /// The database or the storage is gone.
    pub async fn delete_unreferenced(&self) -> Result<u64, StoreError> {
        let artifacts = self.artifacts();
        let listed = artifacts.store.list_with_delimiter(Some(&Path::from(FOLDER))).await.map_err(storage)?;
        // The list is older than the answer of the database: what is stored in between is not in it.
        let mut transaction = self.database().read().await?;
        let rows = transaction.rows("SELECT DISTINCT artifact FROM versions", []).await?;
        drop(transaction);
        let used: HashSet<String> = rows.iter().map(|row| row.get("artifact")).collect::<Result<_, _>>()?;
        let youngest = crate::now() - i64::try_from(GRACE.as_micros()).unwrap_or(i64::MAX);
        let mut deleted = 0;
        for object in listed.objects {
            let name = object.location.filename().unwrap_or_default();
            let ours = name.parse::<Digest>().is_ok();
            if ours && !used.contains(name) && object.last_modified.timestamp_micros() < youngest {
                artifacts.delete(&object.location).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}

fn path(digest: &Digest) -> Path {
    Path::from_iter([FOLDER, &digest.to_string()])
}

fn storage(source: object_store::Error) -> StoreError {
    StoreError::Storage { source }
}

fn open_bucket(
    bucket: &str,
    settings: &[(String, SecretText)],
) -> Result<impl ObjectStore, object_store::Error> {
    // The client has no provider of cryptography built in; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    let mut plain = false;
    for (name, value) in settings {
        let key: AmazonS3ConfigKey = name.to_ascii_lowercase().parse()?;
        // Whoever writes `http://` wants it.
        plain |= key == AmazonS3ConfigKey::Endpoint && value.reveal().starts_with("http://");
        builder = builder.with_config(key, value.reveal());
    }
    let client = ClientOptions::new().with_allow_http(plain).with_timeout(Duration::from_secs(600));
    let retry = RetryConfig { retry_timeout: RETRY, ..RetryConfig::default() };
    builder.with_client_options(client.with_connect_timeout(Duration::from_secs(5))).with_retry(retry).build()
}
