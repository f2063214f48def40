//! Bytes to [`Learner`], one module per format.

mod binary;
mod document;
mod json;
mod metadata;
mod schema;
mod ubjson;

use crate::{FileKind, FormatError, Limits, Problem};

use super::learner::Learner;

pub(super) use metadata::Metadata;

/// The encodings of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
    Ubjson,
    Binary,
}

impl Encoding {
    /// Told by the first bytes: the first key of a document, or the header of the legacy format.
    fn of(bytes: &[u8]) -> Option<Self> {
        const KEYS: [&[u8]; 4] = [b"learner", b"version", b"Config", b"Model"];
        if let Some(object) = bytes.trim_ascii_start().strip_prefix(b"{") {
            if let Some(text) = object.trim_ascii_start().strip_prefix(b"\"") {
                let is_key = |key: &&[u8]| text.starts_with(key) && text.get(key.len()) == Some(&b'"');
                return KEYS.iter().any(is_key).then_some(Self::Json);
            }
            let length_size = match object.first() {
                Some(b'i' | b'U') => 1,
                Some(b'I') => 2,
                Some(b'l') => 4,
                Some(b'L') => 8,
                Some(_) | None => return None,
            };
            let key = object.get(1 + length_size..)?;
            return KEYS.iter().any(|known| key.starts_with(known)).then_some(Self::Ubjson);
        }
        binary::detect(bytes).then_some(Self::Binary)
    }

    fn kind(self) -> FileKind {
        match self {
            Self::Json => FileKind::XgboostJson,
            Self::Ubjson => FileKind::XgboostUbjson,
            Self::Binary => FileKind::XgboostBinary,
        }
    }
}

/// The kind of XGBoost file these bytes begin like, if they do.
pub(super) fn detect(bytes: &[u8]) -> Option<FileKind> {
    Encoding::of(bytes).map(Encoding::kind)
}

/// Reads a model in any encoding, alone or in the serialization that pickles hold.
///
/// # Errors
/// The bytes do not follow their format, or hold no model of a release this reader knows.
pub(super) fn learner(bytes: &[u8], limits: &Limits) -> Result<Learner, FormatError> {
    let bytes = binary::model_of_serialization(bytes);
    let encoding = Encoding::of(bytes).ok_or_else(|| {
        let start: String =
            bytes.iter().take(16).flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
        FormatError::new(
            FileKind::Unknown,
            Problem::UnknownFormat { found: format!("it begins with `{start}`") },
        )
    })?;
    let document = match encoding {
        Encoding::Json => json::parse(bytes, limits)?,
        Encoding::Ubjson => ubjson::parse(bytes, limits)?,
        Encoding::Binary => return binary::learner(bytes, limits),
    };
    schema::learner(document::Cursor::root(&document, encoding.kind()))
}
