//! Giving an alias to a version, past the gates that protect callers, and taking it back.

use foretell_store::{Actor, Alias, Role, Store, StoreError, Version};
use serde_json::{Value, json};

use super::error::RegistryError;
use super::replay::{Replay, ReplayOptions, replay};
use super::{record_refusal, stored_interface};
use crate::fleet::PRODUCTION;
use crate::open::OpenLimits;

/// An alias that is to point to a version.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// The model.
    pub model: String,
    /// The number of the version.
    pub version: u32,
    /// The alias.
    pub alias: String,
    /// What servers do with it.
    pub role: Role,
    /// Whether callers may be broken, and predictions change by more than is allowed.
    pub force: bool,
    /// What is predicted with it first.
    pub replay: Option<ReplayOptions>,
    /// Who promotes it.
    pub actor: Actor,
    /// Why, in their words.
    pub note: Option<String>,
}

/// A promotion that went through.
#[derive(Debug, Clone, PartialEq)]
pub struct Promoted {
    /// The alias as it is now.
    pub alias: Alias,
    /// The version that it pointed to before.
    pub before: Option<u32>,
    /// What callers will miss, when it was forced.
    pub breaks: Vec<String>,
    /// What changes, when that was asked for and there was something to compare.
    pub replay: Option<Replay>,
}

/// Points an alias to a version, unless a gate refuses it.
///
/// A version that takes or gives less than the one whose callers it gets is refused unless forced. So is one that
/// changes more predictions of the last recorded requests than is allowed, when a replay of them is asked for.
///
/// # Errors
/// A gate refuses it, there is no such version, or the store is gone.
pub async fn promote(
    store: &Store,
    promotion: Promotion,
    limits: &OpenLimits,
) -> Result<Promoted, RegistryError> {
    let result = try_promote(store, &promotion, limits).await;
    if let Err(error) = &result {
        let Promotion { model, version, alias, role, force, actor, .. } = &promotion;
        let details = json!({ "version": version, "role": role, "force": force });
        record_refusal(store, actor, "alias.set", format!("{model}@{alias}"), details, error).await;
    }
    result
}

async fn try_promote(
    store: &Store,
    promotion: &Promotion,
    limits: &OpenLimits,
) -> Result<Promoted, RegistryError> {
    let Promotion { model, version, alias, role, force, replay, actor, note } = promotion;
    let new = store.version(model, *version).await?;
    let before = found(store.alias(model, alias).await)?.map(|alias| alias.version);
    let old = whose_callers(store, promotion, before).await?;
    let breaks = match &old {
        Some(old) => stored_interface(old)?.breaks(&stored_interface(&new)?),
        None => Vec::new(),
    };
    if let Some(old) = old.as_ref().filter(|_| !breaks.is_empty() && !force) {
        let (old, new) = (old.reference(), new.reference());
        return Err(RegistryError::Breaks { old, new, breaks });
    }
    let replay = match replay {
        Some(options) => try_replay(store, (old.as_ref(), &new), options, promotion.force, limits).await?,
        None => None,
    };
    let alias = store.set_alias(model, alias, *version, role.clone(), actor, note.as_deref()).await?;
    Ok(Promoted { alias, before, breaks, replay })
}

/// What a promotion changes. What it may not change, or cannot be known, is an error unless the promotion is forced.
async fn try_replay(
    store: &Store,
    (old, new): (Option<&Version>, &Version),
    options: &ReplayOptions,
    force: bool,
    limits: &OpenLimits,
) -> Result<Option<Replay>, RegistryError> {
    let model = new.model.clone();
    let replayed = match old {
        Some(old) => replay(store, (old, new), options, limits).await,
        None => Err(RegistryError::NothingToReplay { model, unusable: 0 }),
    };
    match replayed {
        Ok(replay) if !force && options.max_changed.is_some_and(|most| replay.share() > most) => {
            let most = options.max_changed.unwrap_or_default();
            Err(RegistryError::Changes { replay: Box::new(replay), most })
        }
        Ok(replay) => Ok(Some(replay)),
        Err(RegistryError::NothingToReplay { .. }) if force => Ok(None),
        Err(error) => Err(error),
    }
}

/// The version whose callers the new one gets: that of the alias, or of `production` for one that takes a share of
/// its requests.
async fn whose_callers(
    store: &Store,
    promotion: &Promotion,
    before: Option<u32>,
) -> Result<Option<Version>, RegistryError> {
    let model = &promotion.model;
    let number = match &promotion.role {
        Role::None => before,
        Role::Canary { .. } | Role::Shadow => {
            found(store.alias(model, PRODUCTION).await)?.map(|alias| alias.version)
        }
    };
    match number.filter(|number| *number != promotion.version) {
        Some(number) => Ok(Some(store.version(model, number).await?)),
        None => Ok(None),
    }
}

/// Points an alias back to the version it had before. No gate stands in the way back.
///
/// # Errors
/// There is no such alias, nothing before it, or the store is gone.
pub async fn rollback(
    store: &Store,
    model: &str,
    alias: &str,
    actor: &Actor,
    note: Option<&str>,
) -> Result<Promoted, RegistryError> {
    let result = async {
        let before = store.alias(model, alias).await?.version;
        let alias = store.rollback_alias(model, alias, actor, note).await?;
        Ok(Promoted { alias, before: Some(before), breaks: Vec::new(), replay: None })
    };
    let result: Result<_, RegistryError> = result.await;
    if let Err(error) = &result {
        record_refusal(store, actor, "alias.rollback", format!("{model}@{alias}"), Value::Null, error).await;
    }
    result
}

/// Nothing there is an answer too.
fn found<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
