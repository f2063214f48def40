//! What reading costs: depth, memory and work end where the limits say, whatever the file.

use foretell_formats::pickle::{Pickle, Value};
use foretell_formats::{FormatError, Limits, Problem};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{instructions, values, walk};
use crate::writer::pickle;

/// Bytes that a reader may take for each byte of a file: a value of one byte is a node, in a vector that doubles.
const BYTES_PER_BYTE: u64 = 512;
/// What it may take besides.
const FREE: u64 = 3 << 20;

/// The most bytes that were allocated at once while a file was read, and what came of it.
fn measured(bytes: &[u8], limits: &Limits) -> (u64, Option<FormatError>) {
    let mut refusal = None;
    let measured = allocation_counter::measure(|| refusal = Pickle::read(bytes, limits).err());
    (measured.bytes_max, refusal)
}

/// The container at one level of a nest.
#[derive(Debug, Clone, Copy)]
enum Layer {
    List,
    Tuple,
    Dict,
    Set,
}

/// `None` inside so many containers, the innermost first.
fn nest(layers: &[Layer]) -> Vec<u8> {
    let mut bytes = b"\x80\x04".to_vec();
    for layer in layers.iter().rev() {
        bytes.extend_from_slice(match layer {
            Layer::List => b"]",
            Layer::Tuple => b"(",
            Layer::Dict => b"}\x8c\x01k",
            Layer::Set => b"\x8f(",
        });
    }
    bytes.push(b'N');
    for layer in layers {
        bytes.push(match layer {
            Layer::List => b'a',
            Layer::Tuple => b't',
            Layer::Dict => b's',
            Layer::Set => 0x90,
        });
    }
    bytes.push(b'.');
    bytes
}

/// How many levels can be descended.
fn descended(root: Value<'_>) -> (usize, Result<(), FormatError>) {
    let (mut value, mut depth) = (root, 0);
    while !value.is_none() {
        let inside = if value.is_dict() { value.field("k") } else { value.at(0) };
        match inside {
            Ok(inside) => value = inside,
            Err(error) => return (depth, Err(error)),
        }
        depth += 1;
    }
    (depth, Ok(()))
}

fn layers(most: usize) -> impl Strategy<Value = Vec<Layer>> {
    vec(prop::sample::select(vec![Layer::List, Layer::Tuple, Layer::Dict, Layer::Set]), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_nest_is_read_and_descended_as_deep_as_the_limit(
        layers in layers(3000),
        max_depth in 1..3000_usize,
    ) {
        let bytes = nest(&layers);
        let limits = Limits { max_depth, ..Limits::default() };
        let pickle = Pickle::read(&bytes[..], &limits).unwrap();
        let (depth, end) = descended(pickle.root());
        prop_assert_eq!(depth, layers.len().min(max_depth));
        match end {
            Ok(()) => prop_assert!(layers.len() <= max_depth),
            Err(error) => prop_assert_eq!(
                error.problem(),
                &Problem::LimitExceeded { limit: "max_depth", allowed: max_depth as u64 }
            ),
        }
    }

    #[test]
    fn a_whole_walk_ends_at_the_depth_limit(layers in layers(400), max_depth in 1..200_usize) {
        let bytes = nest(&layers);
        let limits = Limits { max_depth, ..Limits::default() };
        let pickle = Pickle::read(&bytes[..], &limits).unwrap();
        prop_assert_eq!(walk(&pickle.root()).is_ok(), layers.len() <= max_depth);
    }

    #[test]
    fn memory_is_in_proportion_to_the_file(
        program in vec(instructions(), 1..8),
        times in 1..3000_usize,
    ) {
        let mut bytes = program.concat().repeat(times);
        bytes.push(b'.');
        let (taken, _) = measured(&bytes, &Limits::default());
        prop_assert!(taken <= FREE + BYTES_PER_BYTE * bytes.len() as u64, "{taken} for {}", bytes.len());
    }

    #[test]
    fn the_limit_of_the_tree_bounds_its_memory(
        program in vec(instructions(), 1..6),
        times in 1..20_000_usize,
        max_tree_bytes in 1000..200_000_usize,
    ) {
        let mut bytes = program.concat().repeat(times);
        bytes.push(b'.');
        let (taken, _) = measured(&bytes, &Limits { max_tree_bytes, ..Limits::default() });
        // A vector of nodes that grows is there twice for a moment; stack, marks and memo are some words for each byte.
        let allowed = 4 * max_tree_bytes as u64 + 48 * bytes.len() as u64 + FREE;
        prop_assert!(taken <= allowed, "{taken} of {allowed} for {}", bytes.len());
    }

    #[test]
    fn small_limits_refuse_and_never_change_what_is_read(
        value in values(),
        protocol in 0..=5_u8,
        max_nodes in 5..200_usize,
        max_opcodes in 1..400_u64,
    ) {
        let bytes = pickle(&value, protocol);
        let limits = Limits { max_nodes, max_opcodes, ..Limits::default() };
        match Pickle::read(&bytes[..], &limits) {
            Ok(pickle) => super::assert_same(&pickle.root(), &value),
            Err(error) => prop_assert!(
                matches!(error.problem(), Problem::LimitExceeded { limit: "max_nodes" | "max_opcodes", .. }),
                "{error}"
            ),
        }
    }
}

#[test]
fn a_file_of_the_smallest_values_shows_what_a_limit_allows() {
    let bytes = [b"}".repeat(1 << 20), b".".to_vec()].concat();
    let (taken, refusal) = measured(&bytes, &Limits::default());
    assert!(refusal.is_none() && taken > (16 << 20), "{taken}: {refusal:?}");
    let (taken, refusal) = measured(&bytes, &Limits { max_tree_bytes: 1 << 20, ..Limits::default() });
    let limit = Problem::LimitExceeded { limit: "max_tree_bytes", allowed: 1 << 20 };
    assert_eq!(*refusal.unwrap().problem(), limit);
    assert!(taken < (8 << 20), "{taken}");
}
