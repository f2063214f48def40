//! From the bytes of any model file to a checked model: the kind of file is told by its content alone.

use foretell_model::{Model, Provenance};

use crate::container::{Container, inflate};
use crate::pickle::Pickle;
use crate::{FileKind, FormatError, Limits, Problem, sklearn, xgboost};

/// How many of the first bytes of an unknown file an error shows.
const SHOWN: usize = 16;

/// Opens a model file.
///
/// # Errors
/// Content that is no model file, a kind of file or class that is not supported, damage, more than the limits allow, or
/// a model that contradicts itself: each with its place in the file.
pub fn open(bytes: &[u8], limits: &Limits) -> Result<Model, FormatError> {
    let content = inflate(bytes, limits)?;
    let compression = Container::detect(bytes).map(Container::name);
    let kind = detect(&content);
    let parts = match kind {
        FileKind::Pickle => {
            let pickle = Pickle::read(&content[..], limits)?;
            let estimator = sklearn::find_estimator(&pickle.root())?;
            let lowered = sklearn::lower(&estimator, sklearn::Input::default())?;
            let format = match compression {
                Some(compression) => format!("pickle (protocol {}, {compression})", protocol(&content)),
                None => format!("pickle (protocol {})", protocol(&content)),
            };
            lowered.into_parts(Provenance { format, ..provenance(&estimator) })
        }
        FileKind::XgboostJson | FileKind::XgboostUbjson | FileKind::XgboostBinary => {
            let mut parts = xgboost::read(&content, limits)?;
            if let Some(compression) = compression {
                parts.provenance.format += &format!(" ({compression})");
            }
            parts
        }
        FileKind::LightgbmText
        | FileKind::CatboostBinary
        | FileKind::CatboostJson
        | FileKind::Onnx
        | FileKind::Skops => {
            let advice = "expected a scikit-learn pickle or joblib file, or an XGBoost model".to_owned();
            return Err(FormatError::new(kind, Problem::UnsupportedFormat { advice }));
        }
        FileKind::Compressed | FileKind::Unknown => {
            return Err(FormatError::new(
                FileKind::Unknown,
                Problem::UnknownFormat { found: start(&content) },
            ));
        }
    };
    let library = parts.provenance.library_version.as_ref();
    let library = library.map(|version| format!("{} {version}", parts.provenance.library));
    Model::new(parts).map_err(|error| {
        let error = FormatError::new(kind, Problem::Invalid { detail: error.to_string() });
        match library {
            Some(library) => error.written_by(library),
            None => error,
        }
    })
}

/// Tells the kind of file from content that is not compressed; [`FileKind::Unknown`] for anything else.
pub fn detect(content: &[u8]) -> FileKind {
    if let Some(kind) = xgboost::detect(content) {
        return kind;
    }
    match content {
        // Protocol 2 and later begin with PROTO; older ones with the GLOBAL or the MARK of an object or a container.
        [0x80, 2..=5, ..] | [b'c' | b'(' | b'}' | b']', ..] => FileKind::Pickle,
        [b't', b'r', b'e', b'e', b'\r' | b'\n', ..] => FileKind::LightgbmText,
        [b'C', b'B', b'M', b'1', ..] => FileKind::CatboostBinary,
        [b'P', b'K', 3, 4, ..] => FileKind::Skops,
        // A ModelProto: its `ir_version`, a small number, then the next field.
        [0x08, 1..=20, 0x12 | 0x1a | 0x22 | 0x3a | 0x42, ..] => FileKind::Onnx,
        [b'{', ..] if is_catboost_json(content) => FileKind::CatboostJson,
        _ => FileKind::Unknown,
    }
}

/// Whether the first key of a JSON object is one that CatBoost writes.
fn is_catboost_json(content: &[u8]) -> bool {
    const KEYS: [&[u8]; 4] = [b"\"features_info\"", b"\"model_info\"", b"\"oblivious_trees\"", b"\"trees\""];
    let key = content[1..].trim_ascii_start();
    KEYS.iter().any(|known| key.starts_with(known))
}

fn protocol(content: &[u8]) -> u8 {
    match content {
        [0x80, protocol, ..] => *protocol,
        _ => 0,
    }
}

fn provenance(estimator: &crate::pickle::Value<'_>) -> Provenance {
    let library = match estimator.class().map(|class| class.package()) {
        Some("xgboost") => "XGBoost",
        Some(_) | None => "scikit-learn",
    };
    let version = estimator.library().and_then(|library| library.rsplit_once(' ').map(|(_, v)| v.to_owned()));
    Provenance { format: String::new(), library: library.into(), library_version: version }
}

/// The beginning of a file in words.
fn start(content: &[u8]) -> String {
    if content.is_empty() {
        return "it is empty".into();
    }
    let shown = content[..content.len().min(SHOWN)].escape_ascii();
    format!("it begins with `{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_content() {
        for (content, kind) in [
            (&b"\x80\x04\x95"[..], FileKind::Pickle),
            (b"ccopy_reg\n_reconstructor\n", FileKind::Pickle),
            (b"tree\nversion=v4\n", FileKind::LightgbmText),
            (b"CBM1\x10", FileKind::CatboostBinary),
            (b"{\n \"features_info\":{", FileKind::CatboostJson),
            (b"PK\x03\x04", FileKind::Skops),
            (b"\x08\x08\x12\x08skl2onnx", FileKind::Onnx),
            (b"{\"learner\":{", FileKind::XgboostJson),
            (b"<!DOCTYPE html>", FileKind::Unknown),
            (b"", FileKind::Unknown),
        ] {
            assert_eq!(detect(content), kind, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_model_is_refused_with_its_beginning() {
        let error = open(b"<!DOCTYPE html><html>", &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("it begins with `<!DOCTYPE html><`"), "{error}");
        let error = open(b"", &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("it is empty"), "{error}");
    }

    #[test]
    fn kinds_that_are_not_served_are_named() {
        let error = open(b"tree\nversion=v4\n", &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), FileKind::LightgbmText);
        assert!(matches!(error.problem(), Problem::UnsupportedFormat { .. }));
    }
}
