//! The artifact: foretell's own file for a [`Model`], version 1.
//!
//! Every version of foretell reads what any version before it wrote. The file is made to be read at once: a small
//! structure says what the model is, and its arrays stand behind it, aligned and in little-endian order, so that
//! reading them is copying them. The file could also be mapped into memory. It is not: a `Model` owns its arrays, and a
//! safe reader of a mapped file does not exist (whoever changes the file changes what a `&[u8]` shows), while one
//! copy of the arrays costs less than checking their sums.
//!
//! # Layout
//!
//! All numbers are little-endian.
//!
//! | bytes | holds |
//! |---|---|
//! | 0..8 | the magic `89 46 54 4C 0D 0A 1A 0A`, which a transfer as text destroys |
//! | 8..12 | version of the layout: 1 |
//! | 12..16 | number of sections |
//! | 16..24 | length of the file |
//! | 24..28 | CRC-32 of the section table |
//! | 28..60 | zeros |
//! | 60..64 | CRC-32 of the bytes 0..60 |
//!
//! The table follows: for each section its name (4 bytes), its CRC-32 (4), its offset (8), its length (8) and 8 zeros. The
//! sections follow in the order of the table, each at the next multiple of 64 bytes, with zeros between. No byte of the
//! file is outside of a checksum or of these zeros, so any damage is found.
//!
//! | section | holds |
//! |---|---|
//! | `TREE` | the structure, see below |
//! | `BYTE`, `U32_`, `F32_`, `U64_`, `F64_` | the elements of all arrays of a type, in the order in which the structure names them |
//! | `meta` | metadata: JSON, kept as it is |
//!
//! A reader skips sections that it does not know and whose name is in lower case, and refuses others.
//!
//! # Structure
//!
//! The structure begins with its names (their count, then each as text), to which it refers by number, from 1. A value is
//! a tag and what follows it; counts and integers are LEB128. Names, texts and numbers are written out, so that the
//! structure can be read without knowing what a model is.
//!
//! | tag | value |
//! |---|---|
//! | 0 | none |
//! | 1, 2 | false, true |
//! | 3 | an unsigned integer |
//! | 4, 5 | a float64, a float32 |
//! | 6 | a text: its length in bytes, UTF-8 |
//! | 7 | a list: the number of its values, the values |
//! | 8 | an item: its name, then its fields, each a name and a value, then 0 |
//! | 16 .. 22 | an array of bytes, booleans (a byte each), u32, f32, u64, i64 (two's complement), f64: the number of its elements |
//!
//! Structs are items of their own name, and variants of enums are items of the variant's name.
//!
//! # How it grows
//!
//! The file `language.rs` is the whole language: each type with its fields and variants, under the names they have in files.
//!
//! - *A new variant or type* is a line there. Files from before do not have it; a foretell from before refuses a file that has it, by name.
//! - *A new field* gets a default there that means what files meant before it existed. A field that has its default is not written, so
//!   that files that do not need it are still read by a foretell from before.
//! - *Another Rust name* gets the name in files beside it (`renamed as "name"`); the name in files never changes.
//! - *Nothing is removed.* What a `Model` no longer has is decoded into what it has.
//! - The version of the layout changes only when the tables above do; the reader of each version stays.
//!
//! Serde was the alternative. Its derives name things as Rust does, so that renaming a field would silently break old files, it visits arrays
//! element by element, and it would bring two crates below everything else. Here two macros of some forty lines make the compiler find a field
//! or variant that is missing, and arrays are copied whole.

mod code;
mod container;
mod error;
mod language;
mod read;
mod write;

pub use error::ArtifactError;

use crate::{Model, ModelParts};
use code::Code;
use container::{Container, Section};
use read::Decoder;
use write::Encoder;

/// The version of the layout that is written.
pub const VERSION: u32 = 1;

/// What `Provenance::format` begins with for a model that was read from an artifact.
pub const FORMAT: &str = "foretell artifact";

/// A model and what is told about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// The model.
    pub model: Model,
    /// JSON about it, as it was given to [`encode`]; empty where there is none.
    pub metadata: String,
}

/// Whether some bytes begin as an artifact does, of whatever version.
///
/// ```
/// assert!(!foretell_model::artifact::detect(b"\x80\x04"));
/// ```
pub fn detect(bytes: &[u8]) -> bool {
    bytes.starts_with(&container::MAGIC)
}

/// The artifact of a model. The metadata, by convention a JSON object, is kept as it is.
pub fn encode(model: &Model, metadata: &str) -> Vec<u8> {
    let mut encoder = Encoder::default();
    language::encode_model(model, &mut encoder);
    let heaps = encoder.finish();
    let mut sections = vec![(Section::Tree, heaps.tree)];
    sections.extend([
        (Section::Bytes, heaps.bytes),
        (Section::U32, heaps.u32s),
        (Section::F32, heaps.f32s),
        (Section::U64, heaps.u64s),
        (Section::F64, heaps.f64s),
    ]);
    sections.push((Section::Metadata, metadata.as_bytes().to_vec()));
    sections.retain(|(_, content)| !content.is_empty());
    container::write(sections)
}

/// The model in an artifact. No more than about `memory` bytes are allocated for it.
///
/// # Errors
/// Bytes that are no artifact, are damaged, need a newer foretell or more memory, or hold a model that contradicts itself.
pub fn decode(bytes: &[u8], memory: usize) -> Result<Artifact, ArtifactError> {
    let model = Model::new(decode_parts(bytes, memory)?)?;
    Ok(Artifact { model, metadata: metadata(bytes)?.to_owned() })
}

/// What the model in an artifact is made of, for a reader that adds to it before it is checked.
///
/// # Errors
/// As for [`decode`], but for a model that contradicts itself.
pub fn decode_parts(bytes: &[u8], memory: usize) -> Result<ModelParts, ArtifactError> {
    let container = Container::read(bytes)?;
    let mut decoder = Decoder::new(&container, memory)?;
    let parts = ModelParts::decode(&mut decoder)?;
    decoder.finish()?;
    Ok(parts)
}

/// The metadata of an artifact, without its model; empty where there is none.
///
/// # Errors
/// Bytes that are no artifact, are damaged, or have another layout.
pub fn metadata(bytes: &[u8]) -> Result<&str, ArtifactError> {
    Container::read(bytes)?.metadata()
}
