//! Artifacts: exact round trips, damage, hostile content, and files of version 1 that open for ever.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretell_frame::Predictions;
use foretell_model::artifact::{self, ArtifactError};
use foretell_model::{Estimator, Model, Predictor, Scratch};
use proptest::prelude::*;

use crate::zoo;

const MEMORY: usize = 64 << 20;

fn bits(model: &Model) -> Vec<Vec<u64>> {
    let frame = zoo::frame(model, 40, 3);
    let methods = model.methods();
    let (predictor, mut out) = (Predictor::new(Arc::new(model.clone())), Predictions::default());
    predictor.predict_into(&frame, methods, &mut Scratch::default(), &mut out).unwrap();
    let values = |method| out.get(method).unwrap().values().iter().map(|x| x.to_bits()).collect();
    methods.iter().map(values).collect()
}

#[test]
fn every_kind_of_model_survives_a_round_trip_exactly() {
    for (name, model) in zoo::zoo() {
        let bytes = artifact::encode(&model, r#"{"seed": 1}"#);
        assert!(artifact::detect(&bytes));
        let read = artifact::decode(&bytes, MEMORY).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.metadata, r#"{"seed": 1}"#);
        assert_eq!(artifact::metadata(&bytes), Ok(r#"{"seed": 1}"#));
        assert_eq!(read.model.schema(), model.schema(), "{name}");
        // NaN is not equal to itself, its text is.
        assert_eq!(format!("{:?}", read.model.pipeline()), format!("{:?}", model.pipeline()), "{name}");
        assert!(artifact::encode(&read.model, r#"{"seed": 1}"#) == bytes, "{name}");
        assert_eq!(bits(&read.model), bits(&model), "{name}");
    }
}

#[test]
fn names_description_and_provenance_survive() {
    let mut parts = zoo::parts(2, Vec::new(), None);
    parts.names = Some(vec!["größe".into(), "".into()]);
    parts.output_names = Some(vec!["a".into(), "b".into()]);
    parts.description.estimator = "Scaler".into();
    let inner = foretell_model::Part { name: "inner".into(), class: "Inner".into(), parts: Vec::new() };
    let outer = foretell_model::Part { name: String::new(), class: "Outer".into(), parts: vec![inner] };
    parts.description.steps = vec![outer];
    parts.provenance.library_version = Some("1.9.1".into());
    let model = Model::new(parts).unwrap();
    let read = artifact::decode(&artifact::encode(&model, ""), MEMORY).unwrap();
    assert_eq!(read, artifact::Artifact { model, metadata: String::new() });
}

#[test]
fn a_file_that_is_cut_off_or_goes_on_is_refused() {
    let (_, model) = zoo::zoo().swap_remove(0);
    let bytes = artifact::encode(&model, "{}");
    for length in 0..bytes.len() {
        artifact::decode(&bytes[..length], MEMORY).unwrap_err();
    }
    artifact::decode(&[&bytes[..], b"\0"].concat(), MEMORY).unwrap_err();
}

#[test]
fn every_bit_that_is_flipped_is_noticed() {
    let (_, model) = zoo::zoo().swap_remove(0);
    let mut bytes = artifact::encode(&model, "{}");
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        artifact::decode(&bytes, MEMORY).unwrap_err();
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_layout_of_the_future_and_names_of_the_future_are_told() {
    let (_, model) = zoo::zoo().swap_remove(0);
    let bytes = artifact::encode(&model, "{}");
    let mut newer = bytes.clone();
    newer[8] = 2;
    let error = artifact::decode(&newer, MEMORY).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected an artifact of version 1, got version 2: update foretell to read it"
    );
    let at = bytes.windows(6).position(|window| window == b"\x05Scale").unwrap();
    let mut newer = bytes;
    newer[at + 5] = b'r';
    let error = artifact::decode(&seal(newer), MEMORY).unwrap_err();
    assert_eq!(error.to_string(), "`Step` has an unknown `Scalr`: update foretell to read this artifact");
}

#[test]
fn memory_is_bounded() {
    let (_, model) = zoo::zoo().swap_remove(0);
    let bytes = artifact::encode(&model, "{}");
    assert_eq!(artifact::decode(&bytes, 100), Err(ArtifactError::TooLarge { memory: 100 }));
}

#[test]
fn steps_inside_one_another_do_not_exhaust_the_stack() {
    // `Model { pipeline: Pipeline { steps: [Parallel([Branch { steps: [Parallel(...`.
    let names = ["Model", "pipeline", "Pipeline", "steps", "Parallel", "value", "Branch"];
    let text = |text: &str| [&[text.len() as u8][..], text.as_bytes()].concat();
    let mut hostile = vec![names.len() as u8];
    names.iter().for_each(|name| hostile.extend(text(name)));
    hostile.extend([8, 1, 2, 8, 3, 4, 7, 1]);
    (0..100_000).for_each(|_| hostile.extend([8, 5, 6, 7, 1, 8, 7, 4, 7, 1]));
    let error = artifact::decode(&file_of(*b"TREE", &hostile), MEMORY).unwrap_err();
    assert!(error.to_string().contains("at most 128 nested items"), "{error}");
}

/// Where a section's bytes stand.
fn section(bytes: &[u8], name: [u8; 4]) -> std::ops::Range<usize> {
    let count = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let entry = bytes[64..64 + count * 32].chunks(32).find(|entry| entry[..4] == name).unwrap();
    let number = |at: usize| u64::from_le_bytes(entry[at..at + 8].try_into().unwrap()) as usize;
    number(8)..number(8) + number(16)
}

/// A file of one section.
fn file_of(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89FTL\r\n\x1a\n".to_vec();
    bytes.extend([1u32.to_le_bytes(), 1u32.to_le_bytes()].concat());
    bytes.extend((128 + content.len() as u64).to_le_bytes());
    bytes.resize(64, 0);
    bytes.extend(name);
    bytes.extend([0; 4]);
    bytes.extend([128u64.to_le_bytes(), (content.len() as u64).to_le_bytes(), [0; 8]].concat());
    bytes.resize(128, 0);
    bytes.extend(content);
    seal(bytes)
}

/// The same bytes with checksums that are right.
fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let count = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    for entry in (0..count).map(|number| 64 + number * 32) {
        let number = |at: usize| u64::from_le_bytes(bytes[entry + at..entry + at + 8].try_into().unwrap());
        let start = number(8) as usize;
        let sum = crc32fast::hash(&bytes[start..start + number(16) as usize]);
        bytes[entry + 4..entry + 8].copy_from_slice(&sum.to_le_bytes());
    }
    let table = crc32fast::hash(&bytes[64..64 + count * 32]);
    bytes[24..28].copy_from_slice(&table.to_le_bytes());
    let header = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&header.to_le_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// What is hostile has checksums that are right.
    #[test]
    fn hostile_content_is_refused_or_predicts(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (_, model) = pick.get(zoo());
        let mut bytes = artifact::encode(model, "{}");
        let sections: Vec<usize> = [*b"TREE", *b"BYTE", *b"U32_", *b"F32_", *b"U64_", *b"F64_"]
            .into_iter()
            .filter(|name| bytes[64..64 + 32 * usize::from(bytes[12])].chunks(32).any(|e| e[..4] == *name))
            .flat_map(|name| section(&bytes, name))
            .collect();
        for (at, byte) in changes {
            bytes[*at.get(&sections)] = byte;
        }
        if let Ok(read) = artifact::decode(&seal(bytes), MEMORY)
            && read.model.schema().len() < 1000
        {
            let frame = zoo::frame(&read.model, 5, 1);
            let methods = read.model.methods();
            let (predictor, mut out) = (Predictor::new(Arc::new(read.model)), Predictions::default());
            // Changed constants may well refuse what the model took before.
            let _ = predictor.predict_into(&frame, methods, &mut Scratch::default(), &mut out);
        }
    }
}

fn zoo() -> &'static [(&'static str, Model)] {
    static ZOO: std::sync::OnceLock<Vec<(&str, Model)>> = std::sync::OnceLock::new();
    ZOO.get_or_init(zoo::zoo)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model/artifacts/v1")
}

/// The outputs for three rows, in lines: the method, then its values.
fn lines(model: &Model) -> String {
    let frame = zoo::frame(model, 3, 11);
    let methods = model.methods();
    let (predictor, mut out) = (Predictor::new(Arc::new(model.clone())), Predictions::default());
    predictor.predict_into(&frame, methods, &mut Scratch::default(), &mut out).unwrap();
    let line = |method| {
        let values = out.get(method).unwrap().values().iter().map(|value| format!(" {value}"));
        values.fold(method.as_str().to_owned(), |line, value| line + &value)
    };
    methods.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The predictions that a file was written with stand in its metadata. With `FORETELL_WRITE_ARTIFACTS` set, models
/// of the zoo that have no file yet get one; a file that exists is never written again.
#[test]
fn artifacts_of_version_1_open_and_predict_the_same_for_ever() {
    if std::env::var_os("FORETELL_WRITE_ARTIFACTS").is_some() {
        for (number, (name, model)) in zoo().iter().enumerate() {
            let file = folder().join(format!("{number:03}-{}.foretell", name.replace(' ', "-")));
            let exists = std::fs::read_dir(folder()).unwrap().any(|entry| {
                let bytes = std::fs::read(entry.unwrap().path()).unwrap();
                let read = artifact::decode(&bytes, MEMORY).unwrap().model;
                artifact::encode(&read, "") == artifact::encode(model, "")
            });
            // What is large shows nothing more.
            let bytes = artifact::encode(model, &lines(model));
            if !exists && bytes.len() < 32 << 10 {
                std::fs::write(file, bytes).unwrap();
            }
        }
    }
    let mut files = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let read = artifact::decode(&std::fs::read(&path).unwrap(), MEMORY).unwrap();
        let (got, expected) = (lines(&read.model), read.metadata);
        // Platforms differ in the last digits of `exp` and its like: of float32 where a network has them.
        let estimator = read.model.pipeline().estimator.as_ref().map(|fitted| &fitted.estimator);
        let single = matches!(estimator, Some(Estimator::Neural(neural)) if neural.single);
        let tolerance = if single { 1e-6 } else { 1e-9 };
        let words = got.split_ascii_whitespace().zip(expected.split_ascii_whitespace());
        for (got, expected) in words {
            let close = match (got.parse::<f64>(), expected.parse::<f64>()) {
                (Ok(a), Ok(b)) => a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * b.abs(),
                _ => got == expected,
            };
            assert!(close, "{}: got {got}, expected {expected}", path.display());
        }
        assert_eq!(got.split_ascii_whitespace().count(), expected.split_ascii_whitespace().count());
        files += 1;
    }
    assert!(files >= 100, "{files} files");
}
