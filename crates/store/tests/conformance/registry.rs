//! Models, versions, aliases.

use foretell_store::{AliasAction, Role, Sticky, StoreError};

use crate::{anna, on_both, version_of};

#[test]
fn versions_are_numbered_and_kept_as_they_were_given() {
    on_both(|place| async move {
        let store = &place.store;
        let first = store.add_version(version_of("iris")).await.unwrap();
        let second = store.add_version(version_of("iris")).await.unwrap();
        let other = store.add_version(version_of("wine")).await.unwrap();
        assert_eq!((first.version, second.version, other.version), (1, 2, 1));
        assert_eq!(store.version("iris", 2).await.unwrap(), second);
        let new = version_of("iris");
        assert_eq!((&second.source, &second.metadata), (&new.source, &new.metadata));
        assert_eq!((&second.naming, &second.checks), (&new.naming, &new.checks));
        let models = store.list_models().await.unwrap();
        let listed: Vec<_> = models.iter().map(|model| (model.name.as_str(), model.versions.len())).collect();
        assert_eq!(listed, [("iris", 2), ("wine", 1)]);
        assert!(matches!(store.model("none").await, Err(StoreError::NotFound { .. })));
        assert!(matches!(store.version("iris", 3).await, Err(StoreError::NotFound { .. })));
        let mut bad = version_of("iris");
        bad.model = "a/b".into();
        assert!(matches!(store.add_version(bad).await, Err(StoreError::Invalid { .. })));
    });
}

#[test]
fn deleted_numbers_are_not_given_again() {
    on_both(|place| async move {
        let store = &place.store;
        for _ in 0..2 {
            store.add_version(version_of("iris")).await.unwrap();
        }
        store.delete_version("iris", 2, &anna()).await.unwrap();
        assert_eq!(store.add_version(version_of("iris")).await.unwrap().version, 3);
        store.delete_model("iris", &anna()).await.unwrap();
        assert!(store.list_models().await.unwrap().is_empty());
        assert_eq!(store.add_version(version_of("iris")).await.unwrap().version, 4);
    });
}

#[test]
fn aliases_move_and_go_back() {
    on_both(|place| async move {
        let store = &place.store;
        for _ in 0..4 {
            store.add_version(version_of("iris")).await.unwrap();
        }
        let set = async |number| {
            store.set_alias("iris", "production", number, Role::None, &anna(), None).await.unwrap();
        };
        for number in [1, 2, 2, 3] {
            set(number).await;
        }
        assert_eq!(store.resolve("iris@production").await.unwrap().version, 3);
        assert_eq!(store.resolve("iris@2").await.unwrap().version, 2);
        assert_eq!(store.previous("iris", "production").await.unwrap(), Some(2));
        let back = async || store.rollback_alias("iris", "production", &anna(), Some("worse")).await;
        assert_eq!(back().await.unwrap().version, 2);
        assert_eq!(back().await.unwrap().version, 1);
        assert!(matches!(back().await, Err(StoreError::Conflict { .. })));
        set(4).await;
        store.set_alias("iris", "production", 2, Role::None, &anna(), None).await.unwrap();
        store.archive_version("iris", 4, &anna()).await.unwrap();
        assert_eq!(
            store.previous("iris", "production").await.unwrap(),
            Some(1),
            "an archived one is passed over"
        );
        let history = store.alias_history("iris").await.unwrap();
        assert_eq!(history.len(), 8);
        assert_eq!((history[0].version, history[0].action), (2, AliasAction::Set));
        assert_eq!((history[2].version, history[2].action), (1, AliasAction::Rollback));
        assert_eq!(history[2].note.as_deref(), Some("worse"));
    });
}

#[test]
fn what_has_an_alias_stays() {
    on_both(|place| async move {
        let store = &place.store;
        store.add_version(version_of("iris")).await.unwrap();
        let role = Role::Canary { share: 0.1, sticky: Sticky::Header("x-user".into()) };
        let alias = store.set_alias("iris", "candidate", 1, role.clone(), &anna(), None).await.unwrap();
        assert_eq!(store.alias("iris", "candidate").await.unwrap(), alias);
        assert_eq!(alias.role, role);
        let refused = |result: Result<_, StoreError>| matches!(result, Err(StoreError::Conflict { .. }));
        assert!(refused(store.delete_version("iris", 1, &anna()).await.map(drop)));
        assert!(refused(store.archive_version("iris", 1, &anna()).await.map(drop)));
        assert!(refused(store.delete_model("iris", &anna()).await.map(drop)));
        store.remove_alias("iris", "candidate", &anna(), None).await.unwrap();
        store.archive_version("iris", 1, &anna()).await.unwrap();
        assert!(refused(store.set_alias("iris", "x", 1, Role::None, &anna(), None).await.map(drop)));
        store.unarchive_version("iris", 1, &anna()).await.unwrap();
        for (alias, role) in [
            ("7", Role::None),
            ("a@b", Role::None),
            ("x", Role::Canary { share: 1.5, sticky: Sticky::Request }),
            ("x", Role::Canary { share: f64::NAN, sticky: Sticky::Request }),
        ] {
            let result = store.set_alias("iris", alias, 1, role, &anna(), None).await;
            assert!(matches!(result, Err(StoreError::Invalid { .. })), "{alias}");
        }
    });
}

#[test]
fn a_deployment_is_every_alias_with_its_version() {
    on_both(|place| async move {
        let store = &place.store;
        let empty = store.deployment().await.unwrap();
        assert!(empty.aliases.is_empty());
        let version = store.add_version(version_of("iris")).await.unwrap();
        let alias = store.set_alias("iris", "production", 1, Role::Shadow, &anna(), None).await.unwrap();
        let now = store.deployment().await.unwrap();
        assert_eq!(now.revision, empty.revision + 2);
        assert_eq!(now.revision, store.revision().await.unwrap());
        assert_eq!(now.aliases, [(alias, version)]);
    });
}
