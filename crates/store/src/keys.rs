//! API keys: random, shown once, stored as the digest of their secret.

use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::audit::{self, Actor};
use crate::database::{Row, json_text, values};
use crate::digest::{Digest, hex};
use crate::error::{StoreError, Thing};
use crate::store::Store;
use crate::url::SecretText;

/// What every key begins with, so that one in a log or a repository is found.
const PREFIX: &str = "fk_";
/// Random bytes that name a key.
const ID_BYTES: usize = 8;
/// Random bytes of its secret.
const SECRET_BYTES: usize = 32;
/// Characters of a key's name at most.
const LONGEST_NAME: usize = 200;
/// Keys that are kept at most, revoked ones with them: servers hold them all in memory.
const MOST_KEYS: i64 = 100_000;

/// What a key allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scopes {
    /// To predict, and to read what the models are.
    pub predict: bool,
    /// To tell the true values of predictions.
    pub feedback: bool,
    /// To change the registry and the keys.
    pub admin: bool,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// For which models; `None` for all.
    pub models: Option<Vec<String>>,
    /// Until when, in microseconds since 1970, UTC; `None` for ever.
    pub expires_at: Option<i64>,
    /// Who makes it.
    pub created_by: Actor,
}

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The part of the key that names it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the text of its secret.
    #[serde(skip)]
    pub hash: [u8; 32],
    /// What it allows.
    pub scopes: Scopes,
    /// For which models; `None` for all.
    pub models: Option<Vec<String>>,
    /// When it was made.
    pub created_at: i64,
    /// Who made it.
    pub created_by: Actor,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

impl KeyRecord {
    /// Whether this is the digest of its secret, in a time that does not depend on where they differ.
    pub fn matches(&self, hash: &[u8; 32]) -> bool {
        self.hash.ct_eq(hash).into()
    }

    /// Whether it may be used at this time.
    pub fn is_valid(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// The id of a key and the digest of its secret, from its text `fk_<id>_<secret>`; `None` for any other text.
pub fn split_key(text: &str) -> Option<(&str, [u8; 32])> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let whole = id.len() == 2 * ID_BYTES && secret.len() == 2 * SECRET_BYTES;
    whole.then(|| (id, *Digest::of(secret.as_bytes()).bytes()))
}

impl Store {
    /// Makes a key, and returns it with its text, which is stored nowhere.
    ///
    /// # Errors
    /// The database is gone, the name is too long, or there are too many keys.
    pub async fn create_key(&self, new: NewKey) -> Result<(KeyRecord, SecretText), StoreError> {
        let NewKey { name, scopes, models, expires_at, created_by } = new;
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
            let expected = "1 to 200 characters";
            return Err(StoreError::Invalid { what: "the name of a key", value: name, expected });
        }
        let (id, secret) = (hex(&random::<ID_BYTES>()?), hex(&random::<SECRET_BYTES>()?));
        let text = SecretText::new(format!("{PREFIX}{id}_{secret}"));
        let hash = Digest::of(secret.as_bytes());
        let (created_at, revoked_at) = (crate::now(), None);
        let mut transaction = self.act().await?;
        let row = transaction.row("SELECT COUNT(*) AS keys FROM keys", []).await?;
        if row.map_or(Ok(0), |row| row.get::<i64>("keys"))? >= MOST_KEYS {
            return Err(StoreError::conflict(format!(
                "there are {MOST_KEYS} keys already, and no more are kept"
            )));
        }
        let sql = "INSERT INTO keys (id, name, hash, scopes, models, created_at, created_by, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = values![
            id.as_str(),
            name.as_str(),
            hash.to_string(),
            json_text(&scopes),
            models.as_ref().map(json_text),
            created_at,
            created_by.as_str(),
            expires_at,
        ];
        transaction.execute(sql, values).await?;
        let details = json!({ "name": name, "scopes": scopes, "models": models, "expires_at": expires_at });
        audit::done(&mut transaction, &created_by, "key.create", &id, &details).await?;
        transaction.commit().await?;
        let hash = *hash.bytes();
        let key =
            KeyRecord { id, name, hash, scopes, models, created_at, created_by, expires_at, revoked_at };
        Ok((key, text))
    }

    /// All keys, also those that have ended or were revoked, in the order they were made.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let mut transaction = self.database().read().await?;
        let rows = transaction.rows("SELECT * FROM keys ORDER BY created_at, id", []).await?;
        rows.iter().map(record).collect()
    }

    /// Ends a key for good. One that was revoked already stays as it is.
    ///
    /// # Errors
    /// There is no such key, or the database is gone.
    pub async fn revoke_key(&self, id: &str, actor: &Actor) -> Result<KeyRecord, StoreError> {
        let mut transaction = self.act().await?;
        let sql = "UPDATE keys SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1 RETURNING *";
        let row = transaction.row(sql, values![id, crate::now()]).await?;
        let row = row.ok_or_else(|| StoreError::not_found(Thing::Key, id))?;
        let key = record(&row)?;
        audit::done(&mut transaction, actor, "key.revoke", id, &json!({ "name": key.name })).await?;
        transaction.commit().await?;
        Ok(key)
    }
}

fn record(row: &Row) -> Result<KeyRecord, StoreError> {
    let hash: String = row.get("hash")?;
    let hash: Digest =
        hash.parse().map_err(|_| StoreError::Malformed { what: "the digest of a key", value: hash })?;
    Ok(KeyRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        hash: *hash.bytes(),
        scopes: row.json("scopes")?,
        models: row.optional_json("models")?,
        created_at: row.get("created_at")?,
        created_by: Actor::stored(row.get("created_by")?),
        expires_at: row.get("expires_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Random { reason: error.to_string() })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_keys_are_split() {
        let (id, secret) = ("0123456789abcdef", "ab".repeat(32));
        let (got, hash) =
            split_key(&format!("fk_{id}_{secret}")).map(|(id, hash)| (id.to_owned(), hash)).unwrap();
        assert_eq!((got.as_str(), hash), (id, *Digest::of(secret.as_bytes()).bytes()));
        for bad in
            ["", "fk_", &format!("{id}_{secret}"), &format!("fk_{id}{secret}"), &format!("fk_{id}_{secret}0")]
        {
            assert_eq!(split_key(bad), None, "{bad}");
        }
    }
}
