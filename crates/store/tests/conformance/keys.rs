//! Keys, the audit table, and hearing of changes.

use std::time::{Duration, Instant};

use foretell_store::{Act, NewKey, Role, Scopes, StoreError, split_key};
use serde_json::json;
use tokio::time::timeout;

use crate::{anna, on_both, version_of};

fn key() -> NewKey {
    NewKey {
        name: "shop".into(),
        scopes: Scopes { predict: true, ..Scopes::default() },
        models: Some(vec!["iris".into()]),
        expires_at: Some(1_000_000),
        created_by: anna(),
    }
}

#[test]
fn a_key_is_known_by_its_digest_only() {
    on_both(|place| async move {
        let (made, text) = place.store.create_key(key()).await.unwrap();
        let (id, hash) = split_key(text.reveal()).unwrap();
        assert_eq!(id, made.id);
        assert!(made.matches(&hash));
        assert!(!made.matches(&[0; 32]));
        assert!(!format!("{made:?} {text:?} {text}").contains(text.reveal()));
        assert_eq!(place.store.keys().await.unwrap(), std::slice::from_ref(&made));
        assert!(made.is_valid(999_999) && !made.is_valid(1_000_000));
        let (other, _) = place.store.create_key(key()).await.unwrap();
        assert_ne!((&other.id, other.hash), (&made.id, made.hash));
    });
}

#[test]
fn a_revoked_key_stays_revoked() {
    on_both(|place| async move {
        let store = &place.store;
        let (made, _) = store.create_key(key()).await.unwrap();
        let revoked = store.revoke_key(&made.id, &anna()).await.unwrap();
        assert!(revoked.revoked_at.is_some() && !revoked.is_valid(0));
        assert_eq!(store.revoke_key(&made.id, &anna()).await.unwrap().revoked_at, revoked.revoked_at);
        let missing = store.revoke_key("none", &anna()).await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    });
}

#[test]
fn acts_are_recorded() {
    on_both(|place| async move {
        let store = &place.store;
        store.add_version(version_of("iris")).await.unwrap();
        store.set_alias("iris", "production", 1, Role::None, &anna(), Some("go")).await.unwrap();
        let refused = store.delete_version("iris", 1, &anna()).await;
        assert!(refused.is_err());
        let act = Act {
            actor: anna(),
            action: "version.delete".into(),
            target: "iris@1".into(),
            details: json!({}),
            outcome: refused.unwrap_err().to_string(),
        };
        store.audit(&act).await.unwrap();
        let log = store.audit_log(10, None).await.unwrap();
        let seen: Vec<_> = log.iter().map(|row| (row.action.as_str(), row.target.as_str())).collect();
        let expected =
            [("version.delete", "iris@1"), ("alias.set", "iris@production"), ("version.add", "iris@1")];
        assert_eq!(seen, expected);
        assert!(log[0].outcome.contains("move the alias first"));
        assert_eq!((log[1].outcome.as_str(), &log[1].details["note"]), ("done", &json!("go")));
        assert_eq!(store.audit_log(1, Some(log[0].id)).await.unwrap(), log[1..2]);
    });
}

#[test]
fn changes_are_heard_within_a_second() {
    on_both(|place| async move {
        let mut changes = place.store.changes();
        let first = changes.next().await.unwrap();
        assert!(timeout(Duration::from_millis(700), changes.next()).await.is_err(), "nothing has changed");
        let other = foretell_store::Store::open(&place.options).await.unwrap();
        let started = Instant::now();
        other.create_key(key()).await.unwrap();
        let heard = timeout(Duration::from_secs(10), changes.next()).await.unwrap().unwrap();
        assert_eq!(heard, first + 1);
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    });
}
