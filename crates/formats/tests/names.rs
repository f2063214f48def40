//! Names of transformed columns, beside what `get_feature_names_out` gave for the committed golden files.

use std::path::Path;

use foretell_formats::{Limits, open};
use serde_json::Value;

#[test]
fn transformed_columns_have_the_names_of_the_library() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut compared = 0;
    for case in std::fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(expected) = std::fs::read(case.join("expected.json")) else { continue };
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let (Some(names), "transform") =
            (expected["output_names"].as_array(), expected["task"].as_str().unwrap())
        else {
            continue;
        };
        let bytes = std::fs::read(case.join(expected["model_file"].as_str().unwrap())).unwrap();
        let model = open(&bytes, &Limits::default()).unwrap();
        let got = model.output_names().unwrap_or_else(|| panic!("{}: no names", case.display()));
        assert_eq!(
            got,
            names.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>(),
            "{}",
            case.display()
        );
        compared += 1;
    }
    assert!(compared > 30, "only {compared} committed cases have names");
}
