//! Archives that hold one model, and what is said of those that hold none or several.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use foretell_formats::{Limits, Member, only_model, open, open_member};

/// A small LightGBM model, as text.
fn model() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/lgb4.7-stump/model.txt");
    std::fs::read(path).unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..262].copy_from_slice(b"ustar");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend(header);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// A zip archive of files that are stored, or said to be deflated.
fn zip(files: &[(&str, &[u8])], method: u8) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let (size, length) = ((content.len() as u32).to_le_bytes(), [name.len() as u8, 0, 0, 0]);
        let common = [&[20, 0, 0, 0, method, 0][..], &[0; 8], &size, &size, &length].concat();
        directory.extend([&b"PK\x01\x02\x14\0"[..], &common, &[0; 10]].concat());
        directory.extend((archive.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        archive.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content].concat());
    }
    let (start, count) = ((archive.len() as u32).to_le_bytes(), [files.len() as u8, 0]);
    let size = (directory.len() as u32).to_le_bytes();
    archive.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &count, &count, &size, &start, &[0; 2]].concat());
    archive
}

fn refusal(bytes: &[u8]) -> String {
    open(bytes, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn the_only_model_of_an_archive_is_opened() {
    let model = model();
    let files: &[(&str, &[u8])] =
        &[("a/readme.md", b"catboost\nnumpy\n"), ("a/model.txt", &model), ("a/conda.yaml", b"channels:\n")];
    let expected = open(&model, &Limits::default()).unwrap();
    for archive in [tar(files), zip(files, 0)] {
        assert_eq!(open(&archive, &Limits::default()).unwrap(), expected);
    }
}

#[test]
fn no_model_and_several_are_named() {
    let model = model();
    let archive = tar(&[("readme.txt", b"hello")]);
    assert_eq!(refusal(&archive), "no model file in it, only `readme.txt`");
    let archive = zip(&[("a.txt", &model), ("b.txt", &model)], 0);
    assert_eq!(refusal(&archive), "several model files in it (`a.txt`, `b.txt`); keep the one to serve");
    assert!(refusal(&zip(&[("a", b"x")], 99)).contains("`a` is encrypted or compressed otherwise"));
    assert!(refusal(&zip(&[("a", b"\xff\xff")], 8)).contains("bad deflate stream"));
}

#[test]
fn an_archive_that_lies_is_refused() {
    let archive = zip(&[("model.txt", &model())], 0);
    for length in [10, archive.len() / 2, archive.len() - 30] {
        refusal(&archive[..length]);
    }
    let mut beyond = archive.clone();
    let place = beyond.len() - 6;
    beyond[place] = 0xff;
    refusal(&beyond);
    let archive = tar(&[("model.txt", &model())]);
    assert!(refusal(&archive[..600]).contains("its tar archive"));
    let limits = Limits { max_members: 1, ..Limits::default() };
    let two = tar(&[("a", b"a"), ("b", b"b")]);
    assert!(open(&two, &limits).unwrap_err().to_string().contains("`max_members` = 1"));
}

#[test]
fn mlflow_tells_the_file_among_several_and_the_names_of_its_inputs() {
    let unnamed = "feature_names=Column_0 Column_1 Column_2 Column_3 Column_4 Column_5";
    let text = String::from_utf8(model()).unwrap().replace("feature_names=x0 x1 x2 x3 x4 x5", unnamed);
    let text = text.into_bytes();
    let features = open(&text, &Limits::default()).unwrap().schema().len();
    let inputs: Vec<String> = (0..features)
        .map(|feature| format!("{{\"type\": \"double\",\n    \"name\": \"it''s {feature}\"}}"))
        .collect();
    let description = format!(
        "flavors:\n  lightgbm:\n    data: model.lgb\nsignature:\n  inputs: '[{}]'\n  outputs: '[{{\"type\": \"double\"}}]'\n",
        inputs.join(", ")
    );
    let member = |name: &str, bytes: &[u8]| Member { name: name.into(), bytes: bytes.to_vec().into() };
    let mut members = vec![
        member("MLmodel", description.as_bytes()),
        member("copy.lgb", &text),
        member("data/model.lgb", &text),
    ];
    assert_eq!(only_model(&members).unwrap(), 2);
    let model = open_member(&members, 2, &Limits::default()).unwrap();
    assert_eq!(model.schema().features()[0].name, "it's 0");
    members.remove(0);
    only_model(&members).unwrap_err();
}
