//! skops files: a zip archive of a `schema.json`, which describes an object node by node, and of the arrays that its nodes name.
//!
//! Such a file says the same as a pickle in other words, so it is translated into one, and everything behind it (what may be
//! rebuilt, how arrays are read, the loaders of scikit-learn's classes, the limits) is that of [`pickle`](crate::pickle).
//! Nothing is ever called here either; skops' own list of trusted types is about what Python would call, and needs no counterpart.
//!
//! `json` reads the schema, `translate` turns its nodes into opcodes of `writer`, `npy` reads the headers of arrays.

mod json;
mod npy;
#[cfg(test)]
mod tests;
mod translate;
mod writer;

use self::json::Json;
use self::translate::Translator;
use crate::members::Member;
use crate::pickle::Pickle;
use crate::{FileKind, FormatError, Limits, Problem};

/// The member that describes the object.
const SCHEMA: &str = "schema.json";
/// The newest protocol that is understood: that of skops 0.16.
const PROTOCOL: i64 = 2;

/// Whether the files of an archive are those of a skops file.
pub(crate) fn is_skops(members: &[Member<'_>]) -> bool {
    members.iter().any(|member| member.name == SCHEMA)
}

/// Reads the object that the files of an archive describe.
///
/// # Errors
/// A schema that is missing, damaged, too large or of a newer protocol; nodes of kinds that skops does not write; arrays that are not
/// there; everything that [`Pickle::read`] refuses.
pub(crate) fn read(members: &[Member<'_>], limits: &Limits) -> Result<Pickle<'static>, FormatError> {
    let schema = members.iter().find(|member| member.name == SCHEMA);
    let schema = schema.ok_or_else(|| error(Problem::Missing { field: SCHEMA.into() }))?;
    // A parsed schema takes up to some ten times the memory of its text.
    if schema.bytes.len() > limits.max_tree_bytes / 16 {
        return Err(error(Problem::LimitExceeded {
            limit: "max_tree_bytes",
            allowed: limits.max_tree_bytes as u64,
        }));
    }
    let schema: Json = serde_json::from_slice(&schema.bytes)
        .map_err(|problem| corrupt(format!("no valid JSON ({problem})")))?;
    match schema.get("protocol") {
        Some(Json::Int(0..=PROTOCOL)) => {}
        Some(Json::Int(newer)) => {
            return Err(error(Problem::UnsupportedOption {
                option: "protocol".into(),
                value: newer.to_string(),
                supported: format!("0 to {PROTOCOL}; save the model with skops 0.16 or older"),
            }));
        }
        _ => return Err(error(Problem::Missing { field: "protocol".into() })),
    }
    let translated = Translator::new(members, limits).translate(&schema)?;
    let pickle = Pickle::read(translated, limits).map_err(|problem| error(problem.problem().clone()))?;
    Ok(pickle.of_kind(FileKind::Skops))
}

fn error(problem: Problem) -> FormatError {
    FormatError::new(FileKind::Skops, problem).at(SCHEMA)
}

fn corrupt(detail: String) -> FormatError {
    error(Problem::Corrupt { detail })
}
