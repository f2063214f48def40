//! Adding, finding, archiving and deleting versions.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{
    LARGEST_JSON, ModelRecord, NewVersion, Version, alias, alias_columns, check_name, version,
    version_columns,
};
use crate::audit::{self, Actor};
use crate::database::{Transaction, json_text, values};
use crate::error::{StoreError, Thing};
use crate::store::Store;

const FIND: &str =
    concat!("SELECT ", version_columns!(), " FROM versions v WHERE v.model = $1 AND v.version = $2");

impl Store {
    /// Adds a version, and its model when it is new.
    ///
    /// # Errors
    /// A name that cannot be one, too much metadata, or the database is gone.
    pub async fn add_version(&self, new: NewVersion) -> Result<Version, StoreError> {
        check_name(&new.model)?;
        let bounded = |what: &'static str, json: &Json| {
            let text = json_text(json);
            if text.len() <= LARGEST_JSON {
                return Ok(text);
            }
            let value = format!("{} bytes of JSON", text.len());
            Err(StoreError::Invalid { what, value, expected: "at most 4 MiB" })
        };
        let metadata = bounded("the metadata of a version", &new.metadata)?;
        let schema = bounded("the schema of a version", &new.schema)?;
        let checks =
            new.checks.as_ref().map(|checks| bounded("the checks of a version", checks)).transpose()?;

        let mut transaction = self.act().await?;
        let next = "INSERT INTO models (name, last_version) VALUES ($1, 1)
            ON CONFLICT (name) DO UPDATE SET last_version = models.last_version + 1
            RETURNING last_version";
        let row = transaction.row(next, values![new.model.as_str()]).await?;
        let number = row.map_or(Ok(1), |row| row.number("last_version"))?;
        let insert = "INSERT INTO versions (model, version, created_at, created_by, artifact, bytes, source,
                metadata, model_schema, naming, checks)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let values = values![
            new.model.as_str(),
            number,
            crate::now(),
            new.created_by.as_str(),
            new.artifact.to_string(),
            i64::try_from(new.bytes).unwrap_or(i64::MAX),
            json_text(&new.source),
            metadata,
            schema,
            new.naming.as_ref().map(json_text),
            checks,
        ];
        transaction.execute(insert, values).await?;
        let version = find(&mut transaction, &new.model, number).await?;
        let details = json!({ "artifact": new.artifact, "source": new.source });
        let target = version.reference();
        audit::done(&mut transaction, &new.created_by, "version.add", &target, &details).await?;
        transaction.commit().await?;
        Ok(version)
    }

    /// Every model that has a version, by name.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn list_models(&self) -> Result<Vec<ModelRecord>, StoreError> {
        let mut transaction = self.database().read().await?;
        let versions = concat!("SELECT ", version_columns!(), " FROM versions v ORDER BY v.model, v.version");
        let versions = transaction.rows(versions, []).await?;
        let aliases = concat!("SELECT ", alias_columns!(), " FROM aliases a ORDER BY a.model, a.alias");
        let aliases = transaction.rows(aliases, []).await?;
        let mut models: BTreeMap<String, ModelRecord> = BTreeMap::new();
        for row in &versions {
            let version = version(row)?;
            let name = version.model.clone();
            let new = ModelRecord { name: name.clone(), versions: Vec::new(), aliases: Vec::new() };
            models.entry(name).or_insert(new).versions.push(version);
        }
        for row in &aliases {
            let alias = alias(row)?;
            if let Some(model) = models.get_mut(&alias.model) {
                model.aliases.push(alias);
            }
        }
        Ok(models.into_values().collect())
    }

    /// One model.
    ///
    /// # Errors
    /// There is no such model, or the database is gone.
    pub async fn model(&self, name: &str) -> Result<ModelRecord, StoreError> {
        let mut transaction = self.database().read().await?;
        model(&mut transaction, name).await
    }

    /// One version of a model.
    ///
    /// # Errors
    /// There is no such version, or the database is gone.
    pub async fn version(&self, model: &str, number: u32) -> Result<Version, StoreError> {
        find(&mut self.database().read().await?, model, number).await
    }

    /// The version that `name@alias` or `name@version` means.
    ///
    /// # Errors
    /// The text is neither, nothing has this name, or the database is gone.
    pub async fn resolve(&self, reference: &str) -> Result<Version, StoreError> {
        let Some((model, name)) = reference.rsplit_once('@') else {
            let expected = "`name@alias` or `name@version`, such as `diabetes@production`";
            return Err(StoreError::Invalid {
                what: "a model of the registry",
                value: reference.to_owned(),
                expected,
            });
        };
        let mut transaction = self.database().read().await?;
        let number = match name.parse() {
            Ok(number) => number,
            Err(_) => {
                let sql = "SELECT version FROM aliases WHERE model = $1 AND alias = $2";
                let row = transaction.row(sql, values![model, name]).await?;
                row.ok_or_else(|| StoreError::not_found(Thing::Alias, reference))?.number("version")?
            }
        };
        find(&mut transaction, model, number).await
    }

    /// Keeps a version and refuses it to every alias from now on.
    ///
    /// # Errors
    /// An alias points to it, there is no such version, or the database is gone.
    pub async fn archive_version(
        &self,
        model: &str,
        number: u32,
        actor: &Actor,
    ) -> Result<Version, StoreError> {
        let mut transaction = self.act().await?;
        refuse_aliased(&mut transaction, model, number, "archived").await?;
        let sql =
            "UPDATE versions SET archived_at = COALESCE(archived_at, $3) WHERE model = $1 AND version = $2";
        transaction.execute(sql, values![model, number, crate::now()]).await?;
        finish(transaction, model, number, actor, "version.archive").await
    }

    /// Makes an archived version usable again.
    ///
    /// # Errors
    /// There is no such version, or the database is gone.
    pub async fn unarchive_version(
        &self,
        model: &str,
        number: u32,
        actor: &Actor,
    ) -> Result<Version, StoreError> {
        let mut transaction = self.act().await?;
        let sql = "UPDATE versions SET archived_at = NULL WHERE model = $1 AND version = $2";
        transaction.execute(sql, values![model, number]).await?;
        finish(transaction, model, number, actor, "version.unarchive").await
    }

    /// Deletes a version; its number is not given again, and the history of aliases keeps it. Its artifact stays until
    /// [`delete_unreferenced`](Store::delete_unreferenced).
    ///
    /// # Errors
    /// An alias points to it, there is no such version, or the database is gone.
    pub async fn delete_version(
        &self,
        model: &str,
        number: u32,
        actor: &Actor,
    ) -> Result<Version, StoreError> {
        let mut transaction = self.act().await?;
        refuse_aliased(&mut transaction, model, number, "deleted").await?;
        let deleted = find(&mut transaction, model, number).await?;
        let sql = "DELETE FROM versions WHERE model = $1 AND version = $2";
        transaction.execute(sql, values![model, number]).await?;
        let details = json!({ "artifact": deleted.artifact });
        audit::done(&mut transaction, actor, "version.delete", &deleted.reference(), &details).await?;
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Deletes all versions of a model that has no alias. Should the name be used again, its numbers go on.
    ///
    /// # Errors
    /// It has an alias, there is no such model, or the database is gone.
    pub async fn delete_model(&self, name: &str, actor: &Actor) -> Result<ModelRecord, StoreError> {
        let mut transaction = self.act().await?;
        let deleted = model(&mut transaction, name).await?;
        if let Some(alias) = deleted.aliases.first() {
            return Err(StoreError::conflict(format!(
                "model `{name}` has the alias `{}`; remove its aliases first",
                alias.alias
            )));
        }
        transaction.execute("DELETE FROM versions WHERE model = $1", values![name]).await?;
        let details = json!({ "versions": deleted.versions.len() });
        audit::done(&mut transaction, actor, "model.delete", name, &details).await?;
        transaction.commit().await?;
        Ok(deleted)
    }
}

pub(super) async fn find(
    transaction: &mut Transaction,
    model: &str,
    number: u32,
) -> Result<Version, StoreError> {
    let row = transaction.row(FIND, values![model, number]).await?;
    version(&row.ok_or_else(|| StoreError::not_found(Thing::Version, format!("{model}@{number}")))?)
}

async fn model(transaction: &mut Transaction, name: &str) -> Result<ModelRecord, StoreError> {
    let versions =
        concat!("SELECT ", version_columns!(), " FROM versions v WHERE v.model = $1 ORDER BY v.version");
    let versions = transaction.rows(versions, values![name]).await?;
    if versions.is_empty() {
        return Err(StoreError::not_found(Thing::Model, name));
    }
    let aliases = concat!("SELECT ", alias_columns!(), " FROM aliases a WHERE a.model = $1 ORDER BY a.alias");
    let aliases = transaction.rows(aliases, values![name]).await?;
    Ok(ModelRecord {
        name: name.to_owned(),
        versions: versions.iter().map(version).collect::<Result<_, _>>()?,
        aliases: aliases.iter().map(alias).collect::<Result<_, _>>()?,
    })
}

async fn refuse_aliased(
    transaction: &mut Transaction,
    model: &str,
    number: u32,
    done: &str,
) -> Result<(), StoreError> {
    let sql = "SELECT alias FROM aliases WHERE model = $1 AND version = $2 ORDER BY alias";
    let rows = transaction.rows(sql, values![model, number]).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let aliases: Vec<String> = rows.iter().map(|row| row.get("alias")).collect::<Result<_, _>>()?;
    Err(StoreError::conflict(format!(
        "`{model}@{number}` has the alias `{}` and cannot be {done}; move the alias first",
        aliases.join("`, `")
    )))
}

/// Records an act that has changed a version, and commits it.
async fn finish(
    mut transaction: Transaction,
    model: &str,
    number: u32,
    actor: &Actor,
    action: &str,
) -> Result<Version, StoreError> {
    let version = find(&mut transaction, model, number).await?;
    audit::done(&mut transaction, actor, action, &version.reference(), &json!({})).await?;
    transaction.commit().await?;
    Ok(version)
}
