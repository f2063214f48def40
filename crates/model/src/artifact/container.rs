//! The outside of an artifact: header, section table, checksums.

use super::{ArtifactError, VERSION};

/// The first bytes of every artifact.
pub(super) const MAGIC: [u8; 8] = *b"\x89FTL\r\n\x1a\n";

const HEADER: usize = 64;
const ENTRY: usize = 32;
/// What sections are aligned to: a line of the processor's cache.
const ALIGNMENT: usize = 64;
/// More sections than any version has.
const MOST_SECTIONS: usize = 64;

/// A section that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Tree,
    Bytes,
    U32,
    F32,
    U64,
    F64,
    Metadata,
}

impl Section {
    const ALL: [Self; 7] =
        [Self::Tree, Self::Bytes, Self::U32, Self::F32, Self::U64, Self::F64, Self::Metadata];

    fn name(self) -> [u8; 4] {
        match self {
            Self::Tree => *b"TREE",
            Self::Bytes => *b"BYTE",
            Self::U32 => *b"U32_",
            Self::F32 => *b"F32_",
            Self::U64 => *b"U64_",
            Self::F64 => *b"F64_",
            Self::Metadata => *b"meta",
        }
    }
}

/// The sections of an artifact whose checksums are right.
#[derive(Debug)]
pub(super) struct Container<'a> {
    contents: [&'a [u8]; Section::ALL.len()],
}

impl<'a> Container<'a> {
    /// Checks header, table and checksums.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ArtifactError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(ArtifactError::NotAnArtifact);
        }
        let Some(header) = bytes.get(..HEADER) else { return Err(damaged("the header", "it is cut off")) };
        let version = u32_at(header, 8);
        if version != VERSION {
            return Err(ArtifactError::NewerLayout { version });
        }
        if crc32fast::hash(&header[..60]) != u32_at(header, 60)
            || header[28..60].iter().any(|&byte| byte != 0)
        {
            return Err(damaged("the header", "its checksum differs"));
        }
        if u64_at(header, 16) != bytes.len() as u64 {
            return Err(damaged("the file", "it is cut off, or something follows it"));
        }
        let sections = u32_at(header, 12) as usize;
        let table = HEADER..HEADER + sections.min(MOST_SECTIONS) * ENTRY;
        let Some(table) = bytes.get(table).filter(|_| sections <= MOST_SECTIONS) else {
            return Err(damaged("the section table", "it does not fit into the file"));
        };
        if crc32fast::hash(table) != u32_at(header, 24) {
            return Err(damaged("the section table", "its checksum differs"));
        }
        let mut container = Self { contents: [&[]; Section::ALL.len()] };
        let mut end = HEADER + table.len();
        for entry in table.chunks_exact(ENTRY) {
            let place = || format!("section `{}`", entry[..4].escape_ascii());
            let start = end.next_multiple_of(ALIGNMENT);
            let offset = u64_at(entry, 8) == start as u64 && entry[24..].iter().all(|&byte| byte == 0);
            let length = usize::try_from(u64_at(entry, 16)).ok().filter(|_| offset);
            let after = length.and_then(|length| start.checked_add(length)).filter(|&end| end <= bytes.len());
            let Some(after) = after else { return Err(damaged(place(), "it does not fit into the file")) };
            let content = &bytes[start..after];
            if crc32fast::hash(content) != u32_at(entry, 4) || bytes[end..start].iter().any(|&byte| byte != 0)
            {
                return Err(damaged(place(), "its checksum differs"));
            }
            end = after;
            match Section::ALL.into_iter().position(|section| section.name() == entry[..4]) {
                Some(known) => {
                    if !std::mem::replace(&mut container.contents[known], content).is_empty() {
                        return Err(damaged(place(), "it occurs twice"));
                    }
                }
                None if entry[..4].iter().all(u8::is_ascii_lowercase) => {}
                None => {
                    let name = entry[..4].escape_ascii().to_string();
                    return Err(ArtifactError::Unknown { place: "the section table".to_owned(), name });
                }
            }
        }
        if end != bytes.len() {
            return Err(damaged("the file", "something follows its last section"));
        }
        Ok(container)
    }

    /// The bytes of a section; none where the file does not have it.
    pub(super) fn section(&self, section: Section) -> &'a [u8] {
        self.contents[section as usize]
    }

    /// The metadata.
    pub(super) fn metadata(&self) -> Result<&'a str, ArtifactError> {
        std::str::from_utf8(self.section(Section::Metadata))
            .map_err(|_| damaged("section `meta`", "it is not UTF-8"))
    }
}

/// An artifact of these sections. Each is freed once it is in the file.
pub(super) fn write(sections: Vec<(Section, Vec<u8>)>) -> Vec<u8> {
    let mut table = Vec::with_capacity(sections.len() * ENTRY);
    let mut end = HEADER + sections.len() * ENTRY;
    for (section, content) in &sections {
        let start = end.next_multiple_of(ALIGNMENT);
        table.extend(section.name());
        table.extend(crc32fast::hash(content).to_le_bytes());
        table.extend((start as u64).to_le_bytes());
        table.extend((content.len() as u64).to_le_bytes());
        table.extend([0; 8]);
        end = start + content.len();
    }
    let mut file = Vec::with_capacity(end);
    file.extend(MAGIC);
    file.extend(VERSION.to_le_bytes());
    file.extend((sections.len() as u32).to_le_bytes());
    file.extend((end as u64).to_le_bytes());
    file.extend(crc32fast::hash(&table).to_le_bytes());
    file.extend([0; 32]);
    file.extend(crc32fast::hash(&file).to_le_bytes());
    file.extend(table);
    for (_, content) in sections {
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend_from_slice(&content);
    }
    file
}

fn damaged(place: impl Into<String>, problem: &'static str) -> ArtifactError {
    ArtifactError::Damaged { place: place.into(), problem }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
