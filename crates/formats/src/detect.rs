//! Which kind of model file some bytes are. File names prove nothing.

use crate::{FileKind, FormatError, Problem, xgboost};

/// The kind of an uncompressed file, by its content; [`FileKind::Unknown`] when it is none we know.
///
/// ```
/// use foretell_formats::{FileKind, detect};
/// assert_eq!(detect(b"\x80\x04\x95"), FileKind::Pickle);
/// assert_eq!(detect(b"tree\nversion=v4\n"), FileKind::LightgbmText);
/// assert_eq!(detect(b"hello"), FileKind::Unknown);
/// ```
pub fn detect(bytes: &[u8]) -> FileKind {
    if foretell_model::artifact::detect(bytes) {
        return FileKind::Artifact;
    }
    if let Some(kind) = xgboost::detect(bytes) {
        return kind;
    }
    match bytes {
        [0x80, 0..=9, ..] => FileKind::Pickle,
        [b'P', b'K', 3, 4, ..] if contains(bytes, b"schema.json") => FileKind::Skops,
        [b'C', b'B', b'M', b'1', ..] => FileKind::CatboostBinary,
        [b't', b'r', b'e', b'e', b'\n' | b'\r', ..] => FileKind::LightgbmText,
        _ if is_catboost_json(bytes) => FileKind::CatboostJson,
        _ if is_onnx(bytes) => FileKind::Onnx,
        _ if is_old_pickle(bytes) => FileKind::Pickle,
        _ => FileKind::Unknown,
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn is_catboost_json(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
        && contains(bytes, b"\"features_info\"")
        && (contains(bytes, b"\"oblivious_trees\"") || contains(bytes, b"\"trees\""))
}

/// A `ModelProto` begins with its `ir_version` (field 1, a small number), and strings, numbers and the graph follow.
fn is_onnx(bytes: &[u8]) -> bool {
    /// Tags of fields 2 to 8 of `ModelProto`.
    const NEXT: [u8; 7] = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42];
    matches!(bytes, [0x08, 1..=30, next, ..] if NEXT.contains(next))
}

/// Protocols 0 and 1 have no header: a file begins with the name of what makes its object, with an empty dict or list, or with the
/// `MARK` of a container and the opcode of its first value.
fn is_old_pickle(bytes: &[u8]) -> bool {
    match bytes {
        [b'(', first, ..] => b"(cdilNIFLVSKMJGXU]})".contains(first),
        [b'}' | b']', b'q' | b'.' | b'(', ..] => true,
        [b'c', rest @ ..] => {
            let mut lines = rest.split(|&byte| byte == b'\n').map(is_dotted_name);
            lines.next() == Some(true) && lines.next() == Some(true)
        }
        _ => false,
    }
}

fn is_dotted_name(line: &[u8]) -> bool {
    !line.is_empty() && line.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

/// The refusal of a file of no known kind, which says what it looks like.
pub(crate) fn unknown(bytes: &[u8]) -> FormatError {
    let text = bytes.trim_ascii_start();
    let found = match bytes {
        [] => "it is empty".to_owned(),
        _ if bytes.iter().all(|&byte| byte == 0) => "it holds nothing but zeros".to_owned(),
        _ if bytes.starts_with(b"version https://git-lfs") => {
            "it is a pointer of Git LFS, not the file itself (`git lfs pull` fetches that)".to_owned()
        }
        _ if text.starts_with(b"<?xml") && contains(&text[..text.len().min(1000)], b"PMML") => {
            "it is PMML".to_owned()
        }
        _ if text.starts_with(b"<") => "it is an HTML or XML page".to_owned(),
        _ if text.starts_with(b"{") => "it is JSON, but not of a model".to_owned(),
        [b'P', b'K', 3, 4, ..] => "it is a zip archive".to_owned(),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => "it is a NumPy array (`.npy`)".to_owned(),
        [0x89, b'H', b'D', b'F', ..] => "it is an HDF5 file".to_owned(),
        [b'P', b'A', b'R', b'1', ..] => "it is a Parquet table".to_owned(),
        _ => format!("it begins with `{}`", bytes[..bytes.len().min(16)].escape_ascii()),
    };
    FormatError::new(FileKind::Unknown, Problem::UnknownFormat { found })
}
