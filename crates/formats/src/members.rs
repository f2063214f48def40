//! Files among others: a `.zip` or `.tar` archive, or a folder such as MLflow's, of which exactly one is a model.
//!
//! Nothing is ever written, so that names are words in messages and no paths. The directory of an archive and its sizes are
//! not trusted: everything is checked against the bytes that are there, and what is inflated is bounded by [`Limits`].

use std::borrow::Cow;
use std::io::Read;

use foretell_frame::Cell;

use crate::container::{Container, FREE_BYTES};
use crate::detect::detect;
use crate::{FileKind, FormatError, Limits, Problem};

/// A file among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name, with the folders it is in.
    pub name: String,
    /// Its content.
    pub bytes: Cow<'a, [u8]>,
}

impl Member<'_> {
    /// Its name without folders.
    fn file_name(&self) -> &str {
        self.name.rsplit(['/', '\\']).next().unwrap_or(&self.name)
    }

    /// Whether it looks like a model file, compressed or not.
    fn is_model(&self) -> bool {
        let kind = detect(&self.bytes);
        // The oldest pickles have no header, and a list of words may look like one.
        let is_text =
            [".txt", ".md", ".py", ".csv", ".yaml", ".yml"].iter().any(|end| self.name.ends_with(end));
        let is_list = kind == FileKind::Pickle && is_text && self.bytes.first() != Some(&0x80);
        Container::detect(&self.bytes).is_some() || (kind != FileKind::Unknown && !is_list)
    }
}

fn error(problem: Problem) -> FormatError {
    FormatError::new(FileKind::Compressed, problem)
}

fn invalid(detail: String) -> FormatError {
    error(Problem::Invalid { detail })
}

fn truncated(reading: &str) -> FormatError {
    error(Problem::Truncated { reading: reading.to_owned() })
}

/// The position of the only model among some files; among several, of the only one that MLflow's `MLmodel` names.
///
/// # Errors
/// There is none, or more than one.
pub fn only_model(members: &[Member<'_>]) -> Result<usize, FormatError> {
    let mut models: Vec<usize> = (0..members.len()).filter(|at| members[*at].is_model()).collect();
    if models.len() > 1
        && let Some(description) = description(members)
    {
        let named = |at: &usize| {
            let mut words = description.split(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"'));
            words.any(|word| word == members[*at].file_name())
        };
        let of_description: Vec<usize> = models.iter().copied().filter(named).collect();
        if !of_description.is_empty() {
            models = of_description;
        }
    }
    match models.as_slice() {
        [only] => Ok(*only),
        [] => {
            let all: Vec<usize> = (0..members.len()).collect();
            Err(invalid(format!("no model file in it, only {}", listed(members, &all))))
        }
        several => {
            let models = listed(members, several);
            Err(invalid(format!("several model files in it ({models}); keep the one to serve")))
        }
    }
}

/// The names of some members, the first ten of them.
fn listed(members: &[Member<'_>], some: &[usize]) -> String {
    if some.is_empty() {
        return "nothing".to_owned();
    }
    let name = |at: &usize| format!("`{}`", members[*at].name.chars().take(60).collect::<String>());
    let more = if some.len() > 10 { format!(" and {} more", some.len() - 10) } else { String::new() };
    some.iter().take(10).map(name).collect::<Vec<_>>().join(", ") + &more
}

/// The text of MLflow's `MLmodel`, where there is one.
fn description<'m>(members: &'m [Member<'_>]) -> Option<&'m str> {
    let member = members.iter().find(|member| member.file_name() == "MLmodel")?;
    std::str::from_utf8(&member.bytes).ok()
}

/// The names of the inputs that MLflow's `MLmodel` states in its signature, where it names them all: a JSON text in quotes, which
/// YAML may have broken at its blanks.
pub(crate) fn signature_names(members: &[Member<'_>]) -> Option<Vec<String>> {
    let (_, signature) = description(members)?.split_once("\nsignature:")?;
    let (_, quoted) = signature.split_once("\n  inputs: '")?;
    let end = quoted.find("\n  outputs:").unwrap_or(quoted.len());
    let lines: Vec<&str> = quoted[..end].lines().map(str::trim).collect();
    let text = lines.join(" ");
    let text = text.rsplit_once('\'')?.0.replace("''", "'");
    let inputs: Vec<serde_json::Value> = serde_json::from_str(&text).ok()?;
    inputs.iter().map(|input| Some(input.get("name")?.as_str()?.to_owned())).collect()
}

/// The first row of MLflow's `input_example.json`: names of columns and their values.
pub(crate) fn example(members: &[Member<'_>]) -> Vec<(String, Cell)> {
    let read = || {
        let member = members.iter().find(|member| member.file_name() == "input_example.json")?;
        let table: serde_json::Value = serde_json::from_slice(&member.bytes).ok()?;
        let columns = table.get("columns")?.as_array()?;
        let row = table.get("data")?.get(0)?.as_array()?;
        let cell = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => Some(Cell::Text(text.clone())),
            serde_json::Value::Bool(value) => Some(Cell::Number(f64::from(u8::from(*value)))),
            serde_json::Value::Number(number) => number.as_f64().map(Cell::Number),
            serde_json::Value::Null => Some(Cell::Missing),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
        };
        let pairs = columns.iter().zip(row);
        Some(pairs.filter_map(|(name, value)| Some((name.as_str()?.to_owned(), cell(value)?))).collect())
    };
    read().unwrap_or_default()
}

/// The files of an archive; `None` for anything else.
///
/// # Errors
/// A damaged archive, an encrypted or otherwise compressed file, more than the limits allow.
pub(crate) fn of_archive<'b>(
    bytes: &'b [u8],
    limits: &Limits,
) -> Result<Option<Vec<Member<'b>>>, FormatError> {
    if bytes.starts_with(b"PK\x03\x04") {
        return of_zip(bytes, limits).map(Some);
    }
    if is_header(bytes) { of_tar(bytes, limits).map(Some) } else { Ok(None) }
}

fn push<'b>(members: &mut Vec<Member<'b>>, member: Member<'b>, limits: &Limits) -> Result<(), FormatError> {
    if members.len() == limits.max_members {
        return Err(error(Problem::LimitExceeded {
            limit: "max_members",
            allowed: limits.max_members as u64,
        }));
    }
    members.push(member);
    Ok(())
}

/// Bytes of a block of a tar archive.
const BLOCK: usize = 512;

/// Whether a block begins a file of a tar archive: its magic, and the sum of its bytes.
fn is_header(bytes: &[u8]) -> bool {
    let Some(block) = bytes.get(..BLOCK).filter(|block| &block[257..262] == b"ustar") else { return false };
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let stated = &block[148..156];
    let without: u64 = stated.iter().map(|byte| u64::from(*byte)).sum();
    octal(stated) == Some(sum - without + 8 * u64::from(b' '))
}

/// An octal number between blanks and zeros.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn of_tar<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Vec<Member<'b>>, FormatError> {
    let (mut members, mut rest) = (Vec::new(), bytes);
    while is_header(rest) {
        let (header, content) = rest.split_at(BLOCK);
        let size = octal(&header[124..136]).and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or_else(|| invalid("a file of the tar archive has no readable size".into()))?;
        let bytes = content.get(..size).ok_or_else(|| truncated("a file of its tar archive"))?;
        // Other types are folders, links, and notes about the next file.
        if matches!(header[156], b'0' | 0) {
            let (prefix, name) = (text(&header[345..500]), text(&header[..100]));
            let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            push(&mut members, Member { name, bytes: Cow::Borrowed(bytes) }, limits)?;
        }
        rest = content.get(size.next_multiple_of(BLOCK)..).unwrap_or_default();
    }
    Ok(members)
}

/// The little-endian number of `N` bytes at a place.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(N)?)?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// Reads a zip archive by its directory, which stands at its end (APPNOTE 6.3, without its 64-bit extensions).
pub(crate) fn of_zip<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Vec<Member<'b>>, FormatError> {
    let damaged = || error(Problem::Corrupt { detail: "bad directory of a zip archive".into() });
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06");
    let end = end.ok_or_else(|| truncated("its zip archive"))?;
    let (count, mut at) = (
        number::<2>(bytes, end + 10).ok_or_else(damaged)?,
        number::<4>(bytes, end + 16).ok_or_else(damaged)?,
    );
    let mut left = bytes.len().saturating_mul(limits.max_inflation_ratio).saturating_add(FREE_BYTES);
    left = left.min(limits.max_inflated_bytes);
    let mut members = Vec::new();
    for _ in 0..count {
        let entry = bytes.get(at..).filter(|entry| entry.starts_with(b"PK\x01\x02")).ok_or_else(damaged)?;
        let field = |at| number::<2>(entry, at).ok_or_else(damaged);
        let (flags, method, name_length) = (field(8)?, field(10)?, field(28)?);
        let name = entry.get(46..46 + name_length).ok_or_else(damaged)?;
        let name = String::from_utf8_lossy(name).into_owned();
        let (size, start) =
            (number::<4>(entry, 20).ok_or_else(damaged)?, number::<4>(entry, 42).ok_or_else(damaged)?);
        at += 46 + name_length + field(30)? + field(32)?;
        if name.ends_with('/') {
            continue;
        }
        let header =
            bytes.get(start..).filter(|header| header.starts_with(b"PK\x03\x04")).ok_or_else(damaged)?;
        let skipped = |at| number::<2>(header, at).ok_or_else(damaged);
        let content = 30 + skipped(26)? + skipped(28)?;
        let stored = header.get(content..).and_then(|content| content.get(..size)).ok_or_else(damaged)?;
        let bytes = match (flags & 1, method) {
            (0, 0) => Cow::Borrowed(stored),
            (0, 8) => Cow::Owned(inflated(stored, &mut left, limits)?),
            _ => {
                let detail = format!("`{name}` is encrypted or compressed otherwise than by deflate");
                return Err(invalid(detail));
            }
        };
        push(&mut members, Member { name, bytes }, limits)?;
    }
    Ok(members)
}

/// Inflates a file, and takes its size from what is left to inflate of the archive.
fn inflated(stored: &[u8], left: &mut usize, limits: &Limits) -> Result<Vec<u8>, FormatError> {
    let mut content = Vec::new();
    let mut decoder = flate2::bufread::DeflateDecoder::new(stored).take(*left as u64 + 1);
    decoder.read_to_end(&mut content).map_err(|problem| {
        error(Problem::Corrupt { detail: format!("bad deflate stream of a zip archive ({problem})") })
    })?;
    match left.checked_sub(content.len()) {
        Some(rest) => {
            *left = rest;
            Ok(content)
        }
        None => {
            let (limit, allowed) = ("max_inflation_ratio", limits.max_inflation_ratio as u64);
            Err(error(Problem::LimitExceeded { limit, allowed }))
        }
    }
}
