//! Compressed files: every container, cut, damaged, too large, and inside one another.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;

use foretell_formats::container::{Container, inflate};
use foretell_formats::{Limits, Problem};
use proptest::prelude::*;

/// The pickle of `[1]`, as Python's `lzma` writes it with preset 0.
const XZ: &[u8] =
    b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46\x02\0\x21\x01\x0c\0\0\0\x8f\x98\x41\x9c\x01\0\x06\x80\x02]K\x01a.\0\
    \0\x8a\x36\x86\x11\xa6\x45\xb5\x13\0\x01\x1f\x07\x16\x2e\xb8\x73\x1f\xb6\xf3\x7d\x01\0\0\0\0\x04YZ";
const LZMA: &[u8] = b"\x5d\0\0\x04\0\xff\xff\xff\xff\xff\xff\xff\xff\0\x40\0\x87\x47\x8a\x89\x8c\x3a\xd2\x8f\x7f\xff\xff\x7c\x64\0\0";
const CONTENT: &[u8] = b"\x80\x02]K\x01a.";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(3));
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(3));
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn bz2(content: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn lz4(content: &[u8]) -> Vec<u8> {
    let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

/// The same content in every container.
fn all() -> [(Container, Vec<u8>); 6] {
    [
        (Container::Gzip, gzip(CONTENT)),
        (Container::Zlib, zlib(CONTENT)),
        (Container::Bzip2, bz2(CONTENT)),
        (Container::Xz, XZ.to_vec()),
        (Container::Lzma, LZMA.to_vec()),
        (Container::Lz4, lz4(CONTENT)),
    ]
}

fn refusal(bytes: &[u8], limits: &Limits) -> Problem {
    inflate(bytes, limits).expect_err("the file is bad").problem().clone()
}

#[test]
fn every_container_is_told_by_its_first_bytes_and_inflated() {
    for (container, bytes) in all() {
        assert_eq!(Container::detect(&bytes), Some(container));
        assert_eq!(*inflate(&bytes[..], &Limits::default()).unwrap(), *CONTENT, "{container:?}");
    }
    assert_eq!(*inflate(CONTENT, &Limits::default()).unwrap(), *CONTENT);
}

#[test]
fn a_container_cut_short_is_refused() {
    for (container, bytes) in all() {
        // What is cut below the magic bytes is no container, and what only lacks the checksum may still be whole.
        for len in 8..bytes.len() - 8 {
            match inflate(&bytes[..len], &Limits::default()) {
                Ok(content) => assert_ne!(*content, *CONTENT, "{container:?} cut to {len}"),
                Err(error) => {
                    assert!(error.to_string().contains(container.name()), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_flipped_bit_does_not_pass_the_checksum() {
    for bytes in [gzip(CONTENT), zlib(CONTENT), bz2(CONTENT), XZ.to_vec()] {
        let mut bad = bytes.clone();
        let at = bad.len() - 6;
        bad[at] ^= 0x10;
        assert!(inflate(bad, &Limits::default()).is_err());
    }
}

#[test]
fn a_bomb_is_stopped_by_ratio_and_by_size() {
    let zeros = gzip(&vec![0; 64 << 20]);
    assert_eq!(
        refusal(&zeros, &Limits::default()),
        Problem::LimitExceeded { limit: "max_inflation_ratio", allowed: 200 }
    );
    let limits = Limits { max_inflated_bytes: 1000, ..Limits::default() };
    assert_eq!(
        refusal(&zeros, &limits),
        Problem::LimitExceeded { limit: "max_inflated_bytes", allowed: 1000 }
    );
    let enough = Limits { max_inflation_ratio: 2000, ..Limits::default() };
    assert_eq!(inflate(&zeros[..], &enough).unwrap().len(), 64 << 20);
}

#[test]
fn a_window_of_gigabytes_is_not_allocated() {
    let mut lzma = LZMA.to_vec();
    lzma[1..5].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    let limit = Problem::LimitExceeded { limit: "max_window_bytes", allowed: 256 << 20 };
    // `5d 00 00` is what tells lzma: such a header is not even taken for one, and a smaller window is limited.
    assert_eq!(Container::detect(&lzma), None);
    lzma[1..5].copy_from_slice(&0x7fff_0000_u32.to_le_bytes());
    assert_eq!(refusal(&lzma, &Limits::default()), limit);
}

#[test]
fn containers_inside_one_another_are_counted() {
    let twice = gzip(&zlib(CONTENT));
    assert_eq!(*inflate(&twice[..], &Limits::default()).unwrap(), *CONTENT);
    let thrice = bz2(&twice);
    assert_eq!(
        refusal(&thrice, &Limits::default()),
        Problem::LimitExceeded { limit: "max_containers", allowed: 2 }
    );
}

proptest! {
    #[test]
    fn damage_never_panics(
        which in 0..6_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut bytes = all()[which].1.clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let limits = Limits { max_inflated_bytes: 1 << 20, max_window_bytes: 16 << 20, ..Limits::default() };
        if let Ok(content) = inflate(bytes, &limits) {
            prop_assert!(content.len() <= 1 << 20);
        }
    }
}
