//! What administrators send.

use std::time::Duration;

use foretell_engine::registry::ReplayOptions;
use foretell_engine::store::{Role, Scopes};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::production;
use crate::config::units;
use crate::problem::Problem;

/// An alias to be moved back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveBody {
    #[serde(default = "production")]
    pub(super) alias: String,
    #[serde(default)]
    pub(super) note: Option<String>,
}

/// An alias to be moved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PromoteBody {
    pub(super) version: u32,
    #[serde(default = "production")]
    pub(super) alias: String,
    #[serde(default)]
    pub(super) role: Role,
    #[serde(default)]
    pub(super) force: bool,
    #[serde(default)]
    pub(super) replay: Option<ReplayOptions>,
    #[serde(default)]
    pub(super) note: Option<String>,
}

/// A key to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    pub(super) name: String,
    pub(super) scopes: ScopeList,
    #[serde(default)]
    pub(super) models: Option<Vec<String>>,
    #[serde(default)]
    pub(super) expires_in: Option<Expiry>,
}

/// A time from now, such as `90d`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Expiry(#[serde(deserialize_with = "units::deserialize")] pub(super) Duration);

/// The names of scopes.
#[derive(Debug, Deserialize)]
pub(super) struct ScopeList(Vec<ScopeName>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ScopeName {
    Predict,
    Feedback,
    Admin,
}

impl From<ScopeList> for Scopes {
    fn from(ScopeList(names): ScopeList) -> Self {
        Self {
            predict: names.contains(&ScopeName::Predict),
            feedback: names.contains(&ScopeName::Feedback),
            admin: names.contains(&ScopeName::Admin),
        }
    }
}

/// Reads a body of JSON; an empty one is an object without keys.
///
/// # Errors
/// It is not JSON, or not what is expected.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Problem::invalid(Vec::new(), "wrong_body", error.to_string()),
        Category::Io | Category::Syntax | Category::Eof => {
            Problem::NotJson { line: error.line(), column: error.column(), reason: error.to_string() }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_named() {
        let key: KeyBody =
            read(br#"{"name": "ci", "scopes": ["predict", "admin"], "expires_in": "90d"}"#).unwrap();
        assert_eq!(Scopes::from(key.scopes), Scopes { predict: true, feedback: false, admin: true });
        assert_eq!(key.expires_in.map(|Expiry(time)| time.as_secs()), Some(90 * 86_400));
        let wrong = read::<KeyBody>(br#"{"name": "ci", "scopes": ["root"]}"#).unwrap_err();
        assert!(wrong.to_string().contains("`predict`"), "{wrong}");
    }

    #[test]
    fn an_empty_body_means_the_defaults() {
        assert_eq!(read::<MoveBody>(b" ").unwrap().alias, "production");
        assert!(matches!(read::<MoveBody>(b"{"), Err(Problem::NotJson { .. })));
        assert!(matches!(read::<MoveBody>(br#"{"alais": "x"}"#), Err(Problem::Invalid { .. })));
        assert!(matches!(read::<PromoteBody>(b"{}"), Err(Problem::Invalid { .. })));
    }
}
