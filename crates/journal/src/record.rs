//! The bytes of one record.

use std::ops::Range;

/// Every record begins with it, so that the record behind a damaged one can be found. No UTF-8 text contains it.
const MARK: [u8; 4] = *b"\xffrec";
const HEAD: usize = 12;

/// Bytes of a record beside its payload.
pub const OVERHEAD: usize = HEAD;
/// Bytes of a payload at most.
pub const MAX_PAYLOAD: usize = 16 << 20;

/// Writes a record over what `buffer` holds. The payload has at most [`MAX_PAYLOAD`] bytes.
pub(crate) fn encode(payload: &[u8], buffer: &mut Vec<u8>) {
    let length = (payload.len() as u32).to_le_bytes();
    buffer.clear();
    buffer.extend_from_slice(&MARK);
    buffer.extend_from_slice(&length);
    buffer.extend_from_slice(&checksum(length, payload).to_le_bytes());
    buffer.extend_from_slice(payload);
}

/// The length is summed too: one that was damaged cannot pass for the length of another record.
fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// What stands at the beginning of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A record with its payload at this place.
    Record(Range<usize>),
    /// The beginning of a record of so many bytes, or of its head.
    Part(usize),
    /// No record.
    Damage,
}

/// Looks at the beginning of `bytes`. Never gives a range beyond them.
pub(crate) fn find(bytes: &[u8]) -> Found {
    let known = bytes.len().min(MARK.len());
    if bytes[..known] != MARK[..known] {
        return Found::Damage;
    }
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Found::Part(HEAD);
    };
    let [_, _, _, _, l0, l1, l2, l3, c0, c1, c2, c3] = *head;
    let length = [l0, l1, l2, l3];
    let size = u32::from_le_bytes(length) as usize;
    if size > MAX_PAYLOAD {
        return Found::Damage;
    }
    match rest.get(..size) {
        None => Found::Part(HEAD + size),
        Some(payload) if checksum(length, payload) == u32::from_le_bytes([c0, c1, c2, c3]) => {
            Found::Record(HEAD..HEAD + size)
        }
        Some(_) => Found::Damage,
    }
}

/// Where the next record may begin, after the first byte.
pub(crate) fn next_mark(bytes: &[u8]) -> Option<usize> {
    bytes.get(1..)?.windows(MARK.len()).position(|window| window == MARK).map(|position| position + 1)
}

/// How many bytes at an end may be the beginning of a mark.
pub(crate) const UNDECIDED: usize = MARK.len() - 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_reads_back_and_its_parts_do_not(payload: Vec<u8>, cut: prop::sample::Index) {
            let mut bytes = Vec::new();
            encode(&payload, &mut bytes);
            prop_assert_eq!(find(&bytes), Found::Record(HEAD..bytes.len()));
            let part = &bytes[..cut.index(bytes.len())];
            prop_assert!(matches!(find(part), Found::Part(needs) if needs > part.len()));
        }

        #[test]
        fn any_changed_bit_is_noticed(payload: Vec<u8>, place: prop::sample::Index, bit in 0..8) {
            let mut bytes = Vec::new();
            encode(&payload, &mut bytes);
            bytes[place.index(payload.len() + HEAD)] ^= 1u8 << bit;
            prop_assert!(!matches!(find(&bytes), Found::Record(_)));
        }

        #[test]
        fn any_bytes_are_looked_at_without_harm(bytes: Vec<u8>) {
            let marked: Vec<u8> = MARK.into_iter().chain(bytes.iter().copied()).collect();
            for bytes in [bytes, marked] {
                if let Found::Record(payload) = find(&bytes) {
                    prop_assert!(payload.end <= bytes.len());
                }
                next_mark(&bytes);
            }
        }
    }
}
