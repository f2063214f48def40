//! CityHash64 in its first version, as CatBoost hashes categories (`util/digest/city.cpp` of that library).

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;
/// `kMul` of `Hash128to64`.
const MIX: u64 = 0x9ddf_ea08_eb38_2d69;

/// The hash of some bytes.
pub(crate) fn city_hash_64(bytes: &[u8]) -> u64 {
    match bytes.len() {
        0..=16 => up_to_16(bytes),
        17..=32 => up_to_32(bytes),
        33..=64 => up_to_64(bytes),
        _ => longer(bytes),
    }
}

/// The little-endian number at a place; the callers know that it is inside.
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn half_word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u64::from(u32::from_le_bytes(word))
}

fn shift_mix(x: u64) -> u64 {
    x ^ (x >> 47)
}

fn hash_of_two(low: u64, high: u64) -> u64 {
    let a = shift_mix((low ^ high).wrapping_mul(MIX));
    shift_mix((high ^ a).wrapping_mul(MIX)).wrapping_mul(MIX)
}

fn up_to_16(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    match length {
        0 => K2,
        1..=3 => {
            let [first, middle, last] = [bytes[0], bytes[length / 2], bytes[length - 1]].map(u64::from);
            let (y, z) = (first + (middle << 8), length as u64 + (last << 2));
            shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K3)).wrapping_mul(K2)
        }
        4..=8 => hash_of_two(length as u64 + (half_word(bytes, 0) << 3), half_word(bytes, length - 4)),
        _ => {
            let (a, b) = (word(bytes, 0), word(bytes, length - 8));
            let rotated = b.wrapping_add(length as u64).rotate_right(length as u32);
            hash_of_two(a, rotated) ^ b
        }
    }
}

fn up_to_32(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let a = word(bytes, 0).wrapping_mul(K1);
    let b = word(bytes, 8);
    let c = word(bytes, length - 8).wrapping_mul(K2);
    let d = word(bytes, length - 16).wrapping_mul(K0);
    hash_of_two(
        a.wrapping_sub(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d),
        a.wrapping_add((b ^ K3).rotate_right(20)).wrapping_sub(c).wrapping_add(length as u64),
    )
}

/// Two sums over four words, the first at `at`: one plain, one mixed.
fn sums_of_four(bytes: &[u8], at: usize, mut a: u64, z: u64) -> (u64, u64) {
    let mut b = a.wrapping_add(z).rotate_right(52);
    let mut c = a.rotate_right(37);
    a = a.wrapping_add(word(bytes, at + 8));
    c = c.wrapping_add(a.rotate_right(7));
    a = a.wrapping_add(word(bytes, at + 16));
    b = b.wrapping_add(a.rotate_right(31)).wrapping_add(c);
    (a.wrapping_add(z), b)
}

fn up_to_64(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let scaled = (length as u64).wrapping_add(word(bytes, length - 16)).wrapping_mul(K0);
    let (vf, vs) = sums_of_four(bytes, 0, word(bytes, 0).wrapping_add(scaled), word(bytes, 24));
    let a = word(bytes, 16).wrapping_add(word(bytes, length - 32));
    let (wf, ws) = sums_of_four(bytes, length - 32, a, word(bytes, length - 8));
    let r = vf.wrapping_add(ws).wrapping_mul(K2).wrapping_add(wf.wrapping_add(vs).wrapping_mul(K0));
    shift_mix(shift_mix(r).wrapping_mul(K0).wrapping_add(vs)).wrapping_mul(K2)
}

/// A weak hash of 32 bytes and two seeds.
fn weak_hash(bytes: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let [w, x, y, z] = [0, 8, 16, 24].map(|offset| word(bytes, at + offset));
    let c = a.wrapping_add(w);
    let b = b.wrapping_add(c).wrapping_add(z).rotate_right(21);
    let a = c.wrapping_add(x).wrapping_add(y);
    (a.wrapping_add(z), b.wrapping_add(a.rotate_right(44)).wrapping_add(c))
}

fn longer(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let mut x = word(bytes, 0);
    let mut y = word(bytes, length - 16) ^ K1;
    let mut z = word(bytes, length - 56) ^ K0;
    let mut v = weak_hash(bytes, length - 64, length as u64, y);
    let mut w = weak_hash(bytes, length - 32, (length as u64).wrapping_mul(K1), K0);
    z = z.wrapping_add(shift_mix(v.1).wrapping_mul(K1));
    x = z.wrapping_add(x).rotate_right(39).wrapping_mul(K1);
    y = y.rotate_right(33).wrapping_mul(K1);
    for at in (0..(length - 1) / 64 * 64).step_by(64) {
        x = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(bytes, at + 16));
        x = x.rotate_right(37).wrapping_mul(K1) ^ w.1;
        y = y.wrapping_add(v.1).wrapping_add(word(bytes, at + 48));
        y = y.rotate_right(42).wrapping_mul(K1) ^ v.0;
        z = (z ^ w.0).rotate_right(33);
        v = weak_hash(bytes, at, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = weak_hash(bytes, at + 32, z.wrapping_add(w.1), y);
        (x, z) = (z, x);
    }
    hash_of_two(
        hash_of_two(v.0, w.0).wrapping_add(shift_mix(y).wrapping_mul(K1)).wrapping_add(z),
        hash_of_two(v.1, w.1).wrapping_add(x),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_have_the_hashes_that_catboost_writes_for_them() {
        for (text, hash) in [
            ("i", 556838458_u32),
            ("eqh", 2307995568_u32),
            ("9yngF", 1026366501_u32),
            ("_-漢xfC 0gk1zxF", 1628877045_u32),
            ("ßcfikk2nr🙂v60qxvvhsp6éFi53", 2094495329_u32),
            ("g漢3-A 漢hq-rlEédn-9fyh Cs-0Fzh6Egjy7_mk1qA漢2sF82n🙂7vFga", 3219621706_u32),
            (
                "4Br7is4pe6qdbB7sEBBeln-c8🙂BAww0jloodxeCunoqj_é1ygE-ß7aEtq_sni_8y cyD2bioF9gs_7Bm1vgpp",
                4224201042_u32,
            ),
            (
                "A_el9bys0jsikt0o tC7n0m_dn6yuw yc-zfkFjwtlc_EDwww70漢2n2ipA epqt2Dv8CbFéFibByls3_ym5-z漢_bp9EvxCtfd1ukidxEp79éccaEDDBpzlgpstob",
                656391082_u32,
            ),
        ] {
            assert_eq!(city_hash_64(text.as_bytes()) as u32, hash, "{text}");
        }
    }
}
