//! Models, their versions and the aliases of those.
//!
//! A version never changes and its number is never given twice. An alias is a name that moves from version to version,
//! and every move is kept.

mod aliases;
mod versions;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::audit::Actor;
use crate::database::Row;
use crate::digest::Digest;
use crate::error::StoreError;

/// Characters of a name at most.
const LONGEST_NAME: usize = 128;
/// Bytes of the JSON of a version at most, each of metadata, schema and checks: all of it is in memory when listed.
const LARGEST_JSON: usize = 4 << 20;
/// Characters of a note at most.
const LONGEST_NOTE: usize = 10_000;

/// Where a version's bytes came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The kind of file.
    pub format: String,
    /// The library that fitted the model.
    pub library: String,
    /// Its version, where the file tells.
    pub library_version: Option<String>,
    /// SHA-256 of the file that was registered.
    pub sha256: String,
    /// What the file was called.
    pub file_name: Option<String>,
}

/// A version to be added. Its artifact is stored already.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    /// The model's name; a new name makes a new model.
    pub model: String,
    /// Who adds it.
    pub created_by: Actor,
    /// Its bytes.
    pub artifact: Digest,
    /// How many they are.
    pub bytes: u64,
    /// Where they came from.
    pub source: Source,
    /// Metrics, parameters, data digest, notes: anything people want to know of it, a JSON object.
    pub metadata: Json,
    /// What it takes and gives.
    pub schema: Json,
    /// Names given to its features and their categories, where the file knows none.
    pub naming: Option<Json>,
    /// Rows and the predictions they must have, checked whenever the version is loaded.
    pub checks: Option<Json>,
}

/// A version of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The model's name.
    pub model: String,
    /// Its number, counted from 1 in each model.
    pub version: u32,
    /// When it was added, in microseconds since 1970, UTC.
    pub created_at: i64,
    /// Who added it.
    pub created_by: Actor,
    /// Its bytes.
    pub artifact: Digest,
    /// How many they are.
    pub bytes: u64,
    /// Where they came from.
    pub source: Source,
    /// Metrics, parameters, data digest, notes.
    pub metadata: Json,
    /// What it takes and gives.
    pub schema: Json,
    /// Names given to its features and their categories.
    pub naming: Option<Json>,
    /// Rows and the predictions they must have.
    pub checks: Option<Json>,
    /// When it was archived: kept, and refused to every alias.
    pub archived_at: Option<i64>,
}

impl Version {
    /// `name@number`.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.model, self.version)
    }
}

/// A model with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelRecord {
    /// Its name.
    pub name: String,
    /// Its versions, oldest first.
    pub versions: Vec<Version>,
    /// Its aliases, by name.
    pub aliases: Vec<Alias>,
}

/// Which requests a canary keeps together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Sticky {
    /// Each request is drawn by itself.
    Request,
    /// Those of one API key.
    Key,
    /// Those with one value of a header.
    Header(String),
}

/// A text that names no way of keeping requests together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no way to keep requests together: expected `request`, `key` or `header:NAME`")]
pub struct NotSticky {
    text: String,
}

impl FromStr for Sticky {
    type Err = NotSticky;

    fn from_str(text: &str) -> Result<Self, NotSticky> {
        let token = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        match text.strip_prefix("header:") {
            Some(name) if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(token) => {
                Ok(Sticky::Header(name.to_ascii_lowercase()))
            }
            None if text == "request" => Ok(Sticky::Request),
            None if text == "key" => Ok(Sticky::Key),
            Some(_) | None => Err(NotSticky { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Sticky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sticky::Request => f.write_str("request"),
            Sticky::Key => f.write_str("key"),
            Sticky::Header(name) => write!(f, "header:{name}"),
        }
    }
}

impl From<Sticky> for String {
    fn from(sticky: Sticky) -> Self {
        sticky.to_string()
    }
}

impl TryFrom<String> for Sticky {
    type Error = NotSticky;

    fn try_from(text: String) -> Result<Self, NotSticky> {
        text.parse()
    }
}

/// What servers do with an alias beside serving it by its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Role {
    /// Nothing.
    #[default]
    None,
    /// It answers a part of the requests to `production`.
    Canary {
        /// Which part, from 0 to 1.
        share: f64,
        /// Which requests go the same way.
        sticky: Sticky,
    },
    /// It predicts what `production` predicts; its answers are compared and never given.
    Shadow,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::None => f.write_str("none"),
            // Parts of a millionth are noise of the binary fraction.
            Role::Canary { share, sticky } => {
                write!(f, "canary {}% by {sticky}", (share * 1e6).round() / 1e4)
            }
            Role::Shadow => f.write_str("shadow"),
        }
    }
}

/// A name that points to a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// The model's name.
    pub model: String,
    /// The alias: `production`, `candidate`, any name.
    pub alias: String,
    /// The version it points to.
    pub version: u32,
    /// What servers do with it.
    pub role: Role,
    /// When it was moved last.
    pub changed_at: i64,
    /// Who moved it.
    pub changed_by: Actor,
}

/// How an alias moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AliasAction {
    /// It was set to a version, or to another role.
    Set,
    /// It went back to the version before.
    Rollback,
    /// It was removed; the version is the one it had.
    Remove,
}

/// One move of an alias.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AliasMove {
    /// The alias.
    pub alias: String,
    /// How it moved.
    pub action: AliasAction,
    /// The version it points to since then.
    pub version: u32,
    /// The role it has since then.
    pub role: Role,
    /// When, in microseconds since 1970, UTC.
    pub at: i64,
    /// Who moved it.
    pub by: Actor,
    /// Why, in the mover's words.
    pub note: Option<String>,
}

/// All that a server needs to know of the registry: one state of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// The revision it is of.
    pub revision: i64,
    /// Every alias with the version it points to, by model and alias.
    pub aliases: Vec<(Alias, Version)>,
}

/// Whether a text can be the name of a model: it stands in URLs.
pub fn is_name(text: &str) -> bool {
    let good = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    text.len() <= LONGEST_NAME
        && text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text.chars().all(good)
}

/// Whether a text can be an alias: a name that is no number, which would name a version.
pub fn is_alias(text: &str) -> bool {
    is_name(text) && !text.chars().all(|letter| letter.is_ascii_digit())
}

fn check_name(name: &str) -> Result<(), StoreError> {
    const EXPECTED: &str = "at most 128 letters, digits, `.`, `_` and `-`, with a letter or digit first";
    if is_name(name) {
        return Ok(());
    }
    Err(StoreError::Invalid { what: "the name of a model", value: shortened(name), expected: EXPECTED })
}

fn check_alias(alias: &str) -> Result<(), StoreError> {
    const EXPECTED: &str = "a name of letters, digits, `.`, `_` and `-` that is not a number";
    if is_alias(alias) {
        return Ok(());
    }
    Err(StoreError::Invalid { what: "an alias", value: shortened(alias), expected: EXPECTED })
}

fn check_note(note: Option<&str>) -> Result<(), StoreError> {
    match note {
        Some(note) if note.chars().count() > LONGEST_NOTE => Err(StoreError::Invalid {
            what: "a note",
            value: shortened(note),
            expected: "at most 10000 characters",
        }),
        Some(_) | None => Ok(()),
    }
}

/// The beginning of a value for a message.
fn shortened(value: &str) -> String {
    value.chars().take(LONGEST_NAME).collect()
}

/// What [`version`] reads, of the table `versions` under the name `v`. The columns of aliases have other names.
macro_rules! version_columns {
    () => {
        "v.model, v.version, v.created_at, v.created_by, v.artifact, v.bytes, v.source, v.metadata, v.model_schema, \
         v.naming, v.checks, v.archived_at"
    };
}
/// What [`alias`] reads, of the table `aliases` under the name `a`.
macro_rules! alias_columns {
    () => {
        "a.model AS alias_model, a.alias, a.version AS alias_version, a.role, a.changed_at, a.changed_by"
    };
}
use {alias_columns, version_columns};

fn version(row: &Row) -> Result<Version, StoreError> {
    let artifact: String = row.get("artifact")?;
    let artifact = artifact
        .parse()
        .map_err(|_| StoreError::Malformed { what: "the digest of an artifact", value: artifact })?;
    let bytes: i64 = row.get("bytes")?;
    Ok(Version {
        model: row.get("model")?,
        version: row.number("version")?,
        created_at: row.get("created_at")?,
        created_by: Actor::stored(row.get("created_by")?),
        artifact,
        bytes: bytes.unsigned_abs(),
        source: row.json("source")?,
        metadata: row.json("metadata")?,
        schema: row.json("model_schema")?,
        naming: row.optional_json("naming")?,
        checks: row.optional_json("checks")?,
        archived_at: row.get("archived_at")?,
    })
}

fn alias(row: &Row) -> Result<Alias, StoreError> {
    Ok(Alias {
        model: row.get("alias_model")?,
        alias: row.get("alias")?,
        version: row.number("alias_version")?,
        role: row.json("role")?,
        changed_at: row.get("changed_at")?,
        changed_by: Actor::stored(row.get("changed_by")?),
    })
}
