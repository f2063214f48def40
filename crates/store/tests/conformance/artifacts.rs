//! Artifacts in a folder and in S3-compatible storage: kept, found, and never taken for what they are not.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use foretell_store::{
    ArtifactProblem, Artifacts, ArtifactsUrl, Digest, Role, SecretText, Store, StoreError, StoreOptions,
};
use foretell_tests::bucket::Bucket;

use crate::{anna, on_both, open, runtime, version_of};

const MODEL: Bytes = Bytes::from_static(b"the bytes of a model");

async fn problem(artifacts: &Artifacts, digest: &Digest) -> ArtifactProblem {
    match artifacts.get(digest).await {
        Err(StoreError::Artifact { problem, .. }) => problem,
        other => panic!("expected an artifact that is refused, got {other:?}"),
    }
}

/// Stores, damages in three ways, and stores again; `write` replaces the content of an artifact.
async fn damage(artifacts: &Artifacts, write: impl Fn(&Digest, Option<&[u8]>)) {
    let digest = artifacts.put(MODEL).await.expect("the storage answers");
    assert_eq!(digest, Digest::of(&MODEL));
    assert_eq!(artifacts.put(MODEL).await.expect("the storage answers"), digest);
    assert_eq!(artifacts.get(&digest).await.expect("the storage answers"), MODEL);
    for damaged in [&b"the bytes of a_model"[..], b"the bytes", b""] {
        write(&digest, Some(damaged));
        let expected = ArtifactProblem::Corrupt { bytes: damaged.len() as u64, got: Digest::of(damaged) };
        assert_eq!(problem(artifacts, &digest).await, expected);
    }
    // One that was cut short heals when its model is registered again.
    artifacts.put(MODEL).await.expect("the storage answers");
    assert_eq!(artifacts.get(&digest).await.expect("the storage answers"), MODEL);
    write(&digest, None);
    assert_eq!(problem(artifacts, &digest).await, ArtifactProblem::Missing);
    artifacts.put(MODEL).await.expect("the storage answers");
    assert_eq!(artifacts.get(&digest).await.expect("the storage answers"), MODEL);
}

#[test]
fn a_folder_keeps_and_checks_artifacts() {
    runtime().block_on(async {
        let place = open(None).await;
        let ArtifactsUrl::Folder(folder) = place.options.artifacts.clone() else { panic!("a folder") };
        damage(place.store.artifacts(), |digest, content| {
            let file = folder.join("sha256").join(digest.to_string());
            match content {
                Some(content) => fs::write(file, content).unwrap(),
                None => fs::remove_file(file).unwrap(),
            }
        })
        .await;
    });
}

#[test]
fn a_bucket_keeps_and_checks_artifacts() {
    let Some(mut bucket) = Bucket::start() else { return };
    runtime().block_on(async {
        let place = open(None).await;
        let settings = bucket.settings().map(|(name, value)| (name.to_owned(), SecretText::new(value)));
        let options = StoreOptions {
            artifacts: format!("s3://{}/some/where", Bucket::NAME).parse().unwrap(),
            bucket_settings: settings.to_vec(),
            ..place.options.clone()
        };
        let store = Store::open(&options).await.unwrap();
        damage(store.artifacts(), |digest, content| {
            let key = format!("some/where/sha256/{digest}");
            match content {
                Some(content) => bucket.write(&key, content),
                None => bucket.delete(&key),
            }
        })
        .await;
        assert_eq!(store.delete_unreferenced().await.unwrap(), 0, "it is younger than an hour");
        bucket.stop();
        let error = store.artifacts().get(&Digest::of(&MODEL)).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert!(!format!("{options:?} {error} {error:?}").contains("AWS_SECRET_ACCESS_KEY\", \"secret"));
    });
}

#[test]
fn only_old_artifacts_without_a_version_are_deleted() {
    on_both(|place| async move {
        let store = &place.store;
        let ArtifactsUrl::Folder(folder) = &place.options.artifacts else { panic!("a folder") };
        let path = |digest: &Digest| -> PathBuf { folder.join("sha256").join(digest.to_string()) };
        let long_ago = SystemTime::now() - Duration::from_secs(7200);
        let mut digests = Vec::new();
        for (content, old) in [("used", true), ("forgotten", true), ("new", false)] {
            let digest = store.artifacts().put(Bytes::from(content)).await.unwrap();
            if old {
                File::options().write(true).open(path(&digest)).unwrap().set_modified(long_ago).unwrap();
            }
            digests.push(digest);
        }
        let mut used = version_of("iris");
        used.artifact = digests[0];
        store.add_version(used).await.unwrap();
        store.set_alias("iris", "production", 1, Role::None, &anna(), None).await.unwrap();
        assert_eq!(store.delete_unreferenced().await.unwrap(), 1);
        let there: Vec<bool> = digests.iter().map(|digest| path(digest).exists()).collect();
        assert_eq!(there, [true, false, true]);
    });
}
