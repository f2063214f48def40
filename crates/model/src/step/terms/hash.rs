//! MurmurHash3 (Austin Appleby, public domain), the variant of 32 bits that scikit-learn hashes terms with.

/// The hash of some bytes with the seed 0, signed as in `sklearn.utils.murmurhash3_32`.
pub(super) fn murmur3(bytes: &[u8]) -> i32 {
    let mut hash: u32 = 0;
    let (blocks, tail) = bytes.as_chunks::<4>();
    for block in blocks {
        hash ^= mixed(u32::from_le_bytes(*block));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let rest = tail.iter().rev().fold(0, |rest, byte| rest << 8 | u32::from(*byte));
    hash ^= mixed(rest);
    // The length counts modulo 2^32.
    hash ^= bytes.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^= hash >> 16;
    hash.cast_signed()
}

fn mixed(block: u32) -> u32 {
    block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_scikit_learn() {
        // sklearn.utils.murmurhash3_32(text, seed=0)
        let known = [
            ("", 0),
            ("foo", -156_908_512),
            ("abcd", 0x43ed_676a),
            ("é", 269_551_495),
            ("hello world", 0x5e92_8f0f),
        ];
        for (text, hash) in known {
            assert_eq!(murmur3(text.as_bytes()), hash, "{text:?}");
        }
    }
}
