//! Moving aliases, going back, and what all servers read.

use serde_json::json;

use super::{
    Alias, AliasAction, AliasMove, Deployment, Role, alias, alias_columns, check_alias, check_note, version,
    version_columns, versions,
};
use crate::audit::{self, Actor};
use crate::database::{Row, Transaction, json_text, values};
use crate::error::{StoreError, Thing};
use crate::store::Store;

/// Moves of one alias that are looked at to find the version before; and moves of a model that are listed.
const MOVES: u32 = 10_000;

impl Store {
    /// Points an alias to a version, under a role; a new name makes a new alias.
    ///
    /// # Errors
    /// A name that cannot be an alias, a share that is none, a version that is archived or not there, or the database
    /// is gone.
    pub async fn set_alias(
        &self,
        model: &str,
        alias: &str,
        number: u32,
        role: Role,
        actor: &Actor,
        note: Option<&str>,
    ) -> Result<Alias, StoreError> {
        check_alias(alias)?;
        check_note(note)?;
        check_role(&role)?;
        let mut transaction = self.act().await?;
        let step = Step { model, alias, action: AliasAction::Set, number, role, actor, note };
        let alias = step.take(&mut transaction).await?;
        transaction.commit().await?;
        Ok(alias)
    }

    /// Points an alias back to the version it had before, and keeps its role. Going back twice goes back two versions,
    /// not forth again.
    ///
    /// # Errors
    /// There is no such alias, no version before that is still there, or the database is gone.
    pub async fn rollback_alias(
        &self,
        model: &str,
        alias: &str,
        actor: &Actor,
        note: Option<&str>,
    ) -> Result<Alias, StoreError> {
        check_note(note)?;
        let mut transaction = self.act().await?;
        let role = find(&mut transaction, model, alias).await?.role;
        let number = before(&mut transaction, model, alias).await?.ok_or_else(|| {
            StoreError::conflict(format!("`{model}@{alias}` has no version before that can still be served"))
        })?;
        let step = Step { model, alias, action: AliasAction::Rollback, number, role, actor, note };
        let alias = step.take(&mut transaction).await?;
        transaction.commit().await?;
        Ok(alias)
    }

    /// Removes an alias.
    ///
    /// # Errors
    /// There is no such alias, or the database is gone.
    pub async fn remove_alias(
        &self,
        model: &str,
        alias: &str,
        actor: &Actor,
        note: Option<&str>,
    ) -> Result<Alias, StoreError> {
        check_note(note)?;
        let mut transaction = self.act().await?;
        let removed = find(&mut transaction, model, alias).await?;
        let sql = "DELETE FROM aliases WHERE model = $1 AND alias = $2";
        transaction.execute(sql, values![model, alias]).await?;
        let (number, role) = (removed.version, removed.role.clone());
        let step = Step { model, alias, action: AliasAction::Remove, number, role, actor, note };
        step.record(&mut transaction, crate::now()).await?;
        transaction.commit().await?;
        Ok(removed)
    }

    /// One alias of a model.
    ///
    /// # Errors
    /// There is no such alias, or the database is gone.
    pub async fn alias(&self, model: &str, alias: &str) -> Result<Alias, StoreError> {
        find(&mut self.database().read().await?, model, alias).await
    }

    /// The latest moves of all aliases of a model, newest first.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn alias_history(&self, model: &str) -> Result<Vec<AliasMove>, StoreError> {
        let mut transaction = self.database().read().await?;
        let sql = "SELECT alias, action, version, role, moved_at, moved_by, note FROM alias_moves
            WHERE model = $1 ORDER BY id DESC LIMIT $2";
        let rows = transaction.rows(sql, values![model, MOVES]).await?;
        rows.iter().map(alias_move).collect()
    }

    /// The number of the version that a rollback would go to.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn previous(&self, model: &str, alias: &str) -> Result<Option<u32>, StoreError> {
        before(&mut self.database().read().await?, model, alias).await
    }

    /// All that servers need to know of the registry, as one state.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn deployment(&self) -> Result<Deployment, StoreError> {
        let mut transaction = self.database().read().await?;
        let row = transaction.row("SELECT number FROM revision", []).await?;
        let revision = row.map_or(Ok(0), |row| row.get("number"))?;
        let sql = concat!(
            "SELECT ",
            alias_columns!(),
            ", ",
            version_columns!(),
            " FROM aliases a JOIN versions v ON v.model = a.model AND v.version = a.version
              ORDER BY a.model, a.alias"
        );
        let rows = transaction.rows(sql, []).await?;
        let pair = |row| Ok((alias(row)?, version(row)?));
        let aliases = rows.iter().map(pair).collect::<Result<_, StoreError>>()?;
        Ok(Deployment { revision, aliases })
    }
}

/// A move that is about to happen.
struct Step<'a> {
    model: &'a str,
    alias: &'a str,
    action: AliasAction,
    number: u32,
    role: Role,
    actor: &'a Actor,
    note: Option<&'a str>,
}

impl Step<'_> {
    /// Points the alias to the version, and records it.
    async fn take(self, transaction: &mut Transaction) -> Result<Alias, StoreError> {
        let target = versions::find(transaction, self.model, self.number).await?;
        if target.archived_at.is_some() {
            return Err(StoreError::conflict(format!(
                "`{}` is archived and can have no alias; take it out of the archive first",
                target.reference()
            )));
        }
        let now = crate::now();
        let sql = "INSERT INTO aliases (model, alias, version, role, changed_at, changed_by)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version, role = excluded.role,
                changed_at = excluded.changed_at, changed_by = excluded.changed_by";
        let role = json_text(&self.role);
        let values = values![self.model, self.alias, self.number, role, now, self.actor.as_str()];
        transaction.execute(sql, values).await?;
        self.record(transaction, now).await?;
        Ok(Alias {
            model: self.model.to_owned(),
            alias: self.alias.to_owned(),
            version: self.number,
            role: self.role,
            changed_at: now,
            changed_by: self.actor.clone(),
        })
    }

    async fn record(&self, transaction: &mut Transaction, now: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO alias_moves (model, alias, action, version, role, moved_at, moved_by, note)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = values![
            self.model,
            self.alias,
            json_text(&self.action),
            self.number,
            json_text(&self.role),
            now,
            self.actor.as_str(),
            self.note.map(str::to_owned),
        ];
        transaction.execute(sql, values).await?;
        let action = match self.action {
            AliasAction::Set => "alias.set",
            AliasAction::Rollback => "alias.rollback",
            AliasAction::Remove => "alias.remove",
        };
        let target = format!("{}@{}", self.model, self.alias);
        let details = json!({ "version": self.number, "role": self.role, "note": self.note });
        audit::done(transaction, self.actor, action, &target, &details).await
    }
}

fn check_role(role: &Role) -> Result<(), StoreError> {
    match role {
        Role::Canary { share, .. } if !(0.0..=1.0).contains(share) => Err(StoreError::Invalid {
            what: "the share of a canary",
            value: share.to_string(),
            expected: "a number from 0 to 1",
        }),
        Role::Canary { .. } | Role::None | Role::Shadow => Ok(()),
    }
}

async fn find(transaction: &mut Transaction, model: &str, name: &str) -> Result<Alias, StoreError> {
    let sql = concat!("SELECT ", alias_columns!(), " FROM aliases a WHERE a.model = $1 AND a.alias = $2");
    let row = transaction.row(sql, values![model, name]).await?;
    alias(&row.ok_or_else(|| StoreError::not_found(Thing::Alias, format!("{model}@{name}")))?)
}

/// The version an alias had before the one it has, among those that can still be served.
///
/// The moves are a stack: setting another version pushes it, a rollback goes back to where that version was pushed.
async fn before(transaction: &mut Transaction, model: &str, alias: &str) -> Result<Option<u32>, StoreError> {
    let sql = "SELECT alias, action, version, role, moved_at, moved_by, note FROM alias_moves
        WHERE model = $1 AND alias = $2 ORDER BY id DESC LIMIT $3";
    let rows = transaction.rows(sql, values![model, alias, MOVES]).await?;
    let mut stack: Vec<u32> = Vec::new();
    for row in rows.iter().rev() {
        let AliasMove { action, version, .. } = alias_move(row)?;
        match action {
            AliasAction::Set if stack.last() == Some(&version) => {}
            AliasAction::Set => stack.push(version),
            AliasAction::Rollback => {
                stack.pop();
                while stack.last().is_some_and(|top| *top != version) {
                    stack.pop();
                }
                if stack.is_empty() {
                    stack.push(version);
                }
            }
            AliasAction::Remove => {}
        }
    }
    let sql = "SELECT version FROM versions WHERE model = $1 AND archived_at IS NULL";
    let rows = transaction.rows(sql, values![model]).await?;
    let alive: Vec<u32> = rows.iter().map(|row| row.number("version")).collect::<Result<_, _>>()?;
    let now = stack.pop();
    Ok(stack.into_iter().rev().find(|version| Some(*version) != now && alive.contains(version)))
}

fn alias_move(row: &Row) -> Result<AliasMove, StoreError> {
    Ok(AliasMove {
        alias: row.get("alias")?,
        action: row.json("action")?,
        version: row.number("version")?,
        role: row.json("role")?,
        at: row.get("moved_at")?,
        by: Actor::stored(row.get("moved_by")?),
        note: row.get("note")?,
    })
}
