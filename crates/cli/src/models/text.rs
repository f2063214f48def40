//! The registry as tables for people.

use foretell_engine::registry::{Promoted, Replay};
use foretell_engine::store::{Alias, AliasAction, AliasMove, ModelRecord, Role, Version};

use crate::text::{columns, time};

/// Moves of aliases that are shown, the latest.
const MOVES: usize = 10;

pub(super) fn list(models: &[ModelRecord]) -> String {
    let rows = models.iter().map(|model| {
        let latest = model.versions.last();
        vec![
            model.name.clone(),
            model.versions.len().to_string(),
            latest.map(|version| version.version.to_string()).unwrap_or_default(),
            latest.map(|version| time(version.created_at)).unwrap_or_default(),
            model.aliases.iter().map(alias).collect::<Vec<_>>().join(", "),
        ]
    });
    columns(&["NAME", "VERSIONS", "LATEST", "REGISTERED", "ALIASES"], rows)
}

/// An alias in a few words: `production=3`, `candidate=4 (canary 10% by request)`.
fn alias(alias: &Alias) -> String {
    let Alias { alias, version, role, .. } = alias;
    match role {
        Role::None => format!("{alias}={version}"),
        Role::Canary { .. } | Role::Shadow => format!("{alias}={version} ({role})"),
    }
}

pub(super) fn model(model: &ModelRecord, history: &[AliasMove]) -> String {
    let rows = model.versions.iter().rev().map(|version| {
        let aliases = model.aliases.iter().filter(|alias| alias.version == version.version);
        let mut marks: Vec<String> = aliases.map(|alias| alias.alias.clone()).collect();
        marks.extend(version.archived_at.map(|_| "archived".to_owned()));
        vec![
            version.version.to_string(),
            time(version.created_at),
            version.created_by.to_string(),
            library(version),
            version.source.sha256.chars().take(12).collect(),
            marks.join(", "),
        ]
    });
    let mut text = columns(&["VERSION", "REGISTERED", "BY", "LIBRARY", "SHA256", "ALIASES"], rows);
    if !history.is_empty() {
        let rows = history.iter().take(MOVES).map(|step| {
            let action = match step.action {
                AliasAction::Set => "set",
                AliasAction::Rollback => "rollback",
                AliasAction::Remove => "remove",
            };
            vec![
                time(step.at),
                step.by.to_string(),
                action.to_owned(),
                step.alias.clone(),
                step.version.to_string(),
                step.role.to_string(),
                step.note.clone().unwrap_or_default(),
            ]
        });
        text += "\n";
        text += &columns(&["MOVED", "BY", "ACTION", "ALIAS", "VERSION", "ROLE", "NOTE"], rows);
    }
    text
}

pub(super) fn version(version: &Version) -> String {
    let mut rows = vec![
        ("version", version.reference()),
        ("registered", format!("{} by {}", time(version.created_at), version.created_by)),
        ("file", version.source.file_name.clone().unwrap_or_default()),
        ("format", version.source.format.clone()),
        ("library", library(version)),
        ("bytes", version.bytes.to_string()),
        ("sha256", version.source.sha256.clone()),
    ];
    if let Some(at) = version.archived_at {
        rows.push(("archived", time(at)));
    }
    if version.checks.is_some() {
        rows.push(("checks", "rows with known predictions".to_owned()));
    }
    let mut text: String = rows.iter().map(|(name, value)| format!("{name:<11}{value}\n")).collect();
    if let Some(metadata) = version.metadata.as_object() {
        text.extend(metadata.iter().map(|(name, value)| {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name:<10} {shown}\n")
        }));
    }
    text
}

fn library(version: &Version) -> String {
    match &version.source.library_version {
        Some(number) => format!("{} {number}", version.source.library),
        None => version.source.library.clone(),
    }
}

pub(crate) fn promoted(promoted: &Promoted) -> String {
    let Promoted { alias, before, .. } = promoted;
    let role = match &alias.role {
        Role::None => String::new(),
        role @ (Role::Canary { .. } | Role::Shadow) => format!(" as {role}"),
    };
    let was = before.map(|before| format!(", was {before}")).unwrap_or_default();
    format!("{}@{} is {}{role}{was}\n", alias.model, alias.alias, alias.version)
}

/// What a replay has shown.
pub(super) fn replay(replay: &Replay) -> String {
    let Replay { old, new, rows, unusable, changed, refused, moves, classes, largest } = replay;
    let share = 100.0 * replay.share();
    let mut text = format!("{new} beside {old}: {changed} of {rows} predictions change ({share:.1} %)\n");
    if *refused > 0 {
        text += &format!("{new} refuses {refused} of them\n");
    }
    if *unusable > 0 {
        text +=
            &format!("{unusable} recorded rows are left out: what is masked in them cannot be predicted\n");
    }
    let quantile = |value: f64| format!("{value:.6}");
    let row = [moves.mean, moves.p50, moves.p90, moves.p99, moves.max].map(quantile).to_vec();
    text +=
        &format!("\nBy how much {} move\n", if classes.is_empty() { "predictions" } else { "probabilities" });
    text += &columns(&["MEAN", "P50", "P90", "P99", "MAX"], std::iter::once(row));
    if !classes.is_empty() {
        let rows = classes
            .iter()
            .map(|change| vec![change.from.to_string(), change.to.to_string(), change.rows.to_string()]);
        text += "\n";
        text += &columns(&["CLASS NOW", "THEN", "ROWS"], rows);
    }
    if !largest.is_empty() {
        let rows = largest.iter().map(|change| {
            let at = format!("{}[{}]", change.request_id, change.row);
            vec![at, change.old.to_string(), change.new.to_string(), quantile(change.by)]
        });
        text += "\n";
        text += &columns(&["REQUEST", "NOW", "THEN", "BY"], rows);
    }
    text
}
