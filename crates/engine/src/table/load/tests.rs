//! Tests of loading whole tables.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, types::Int32Type,
};
use foretell_frame::{Feature, Schema};

use super::*;
use crate::table::{Chunk, ReadOptions, TableReader};

fn bytes(text: impl Into<Vec<u8>>) -> Source {
    Source::Bytes(text.into().into())
}

fn load_all(sources: Vec<Source>, options: &LoadOptions) -> Result<Loaded, TableError> {
    load(&Input::Files(sources), options, |names| Ok(vec![Take::Guess; names.names.len()]))
}

fn columns(loaded: &Loaded) -> Vec<(&str, Take)> {
    loaded.columns.iter().map(|column| (column.name.as_str(), column.taken)).collect()
}

fn texts(loaded: &Loaded, column: usize) -> Vec<Option<&str>> {
    loaded.frame.texts()[column].iter().collect()
}

#[test]
fn columns_of_both_texts() {
    let lines = "{\"age\": 41, \"city\": \"Oslo\", \"note\": null}\n\n{\"age\": null, \"city\": \"7\", \"ok\": true}\n";
    for (table, lines) in [("age,city,note,ok\n41,Oslo,,\n,7,,true\n", [2, 3]), (lines, [1, 3])] {
        let loaded = load_all(vec![bytes(table)], &LoadOptions::default()).unwrap();
        let expected =
            [("age", Take::Number), ("city", Take::Text), ("note", Take::Number), ("ok", Take::Number)];
        assert_eq!(columns(&loaded), expected);
        assert_eq!(texts(&loaded, 0), [Some("Oslo"), Some("7")]);
        assert_eq!(loaded.frame.row(0)[0], 41.0);
        assert_eq!(loaded.frame.row(1)[2], 1.0);
        assert!(loaded.frame.row(1)[0].is_nan());
        assert_eq!([0, 1].map(|row| loaded.places.of(row).number), lines);
        assert_eq!(loaded.columns[2].numbers + loaded.columns[2].texts, 0);
    }
    let positions = load_all(vec![bytes("1,x\n2,y\n")], &LoadOptions::default()).unwrap();
    assert_eq!(columns(&positions), [("0", Take::Number), ("1", Take::Text)]);
    assert!(!positions.named);
}

/// More rows than the types are guessed from, whole blocks of them.
fn long(last: &str) -> String {
    let rows = (0..120_000).map(|row| format!("{row},{}.5,\"a, {row}\"\n", row * 3)).collect::<String>();
    format!("x,y,t\n{rows}{last}\n")
}

#[test]
fn a_late_text_makes_a_column_one_of_texts() {
    let loaded = load_all(vec![bytes(long("7,none,z"))], &LoadOptions::default()).unwrap();
    assert_eq!(columns(&loaded), [("x", Take::Number), ("y", Take::Text), ("t", Take::Text)]);
    assert_eq!(loaded.frame.rows(), 120_001);
    assert_eq!(loaded.frame.texts()[0].get(119_999), Some("359997.5"));
    assert_eq!(loaded.frame.texts()[1].get(119_999), Some("a, 119999"));
    let (place, text) = loaded.columns[1].first_text.clone().unwrap();
    assert_eq!((place.to_string().as_str(), text.as_str()), ("line 120002", "none"));
    assert_eq!(loaded.columns[1].numbers, 120_000);
}

#[test]
fn errors_of_later_blocks_name_the_line() {
    let error =
        |last: &str| load_all(vec![bytes(long(last))], &LoadOptions::default()).unwrap_err().to_string();
    assert_eq!(error("7,8"), "line 120002: expected 3 values, got 2");
    assert_eq!(error("7,8,\"z"), "line 120002: the quotes that open in this row are never closed");
    assert_eq!(
        error("9007199254740993,8,z"),
        "line 120002: expected a number that a float64 holds exactly for `x`, got `9007199254740993`"
    );
}

#[test]
fn lines_in_quotes_and_lone_returns_are_no_rows() {
    let table = "x,t\n1,\"a\n\"\"b\"\"\"\r2,c\"\n\n3,d\r\n";
    let loaded = load_all(vec![bytes(table)], &LoadOptions::default()).unwrap();
    assert_eq!(loaded.frame.numbers(), [1.0, 2.0, 3.0]);
    assert_eq!(texts(&loaded, 0), [Some("a\n\"b\""), Some("c\""), Some("d")]);
}

#[test]
fn several_files_are_one_table() {
    let files = || vec![bytes("x,t\n1,a\n"), bytes("\u{feff}t,x\r\nb,2\r\n,NA\r\n")];
    let missing = LoadOptions { missing: vec!["NA".to_owned()], ..LoadOptions::default() };
    let loaded = load_all(files(), &missing).unwrap();
    assert_eq!(columns(&loaded), [("x", Take::Number), ("t", Take::Text)]);
    assert_eq!(texts(&loaded, 0), [Some("a"), Some("b"), None]);
    assert_eq!(loaded.places.of(1).to_string(), "stdin, line 2");
    let error =
        |second: &str| load_all(vec![bytes("x,t\n1,a\n"), bytes(second)], &missing).unwrap_err().to_string();
    assert_eq!(error("x\n1\n"), "stdin: it has no column `t`, which the first file has");
    assert_eq!(error("x,t,u\n1,a,b\n"), "stdin: it has a column `u`, which the first file has not");
    assert_eq!(error("{\"x\": 1}\n"), "stdin: expected CSV like the first file, got JSON Lines");
    assert_eq!(error("x,t\n1\n"), "stdin: line 2: expected 2 values, got 1");
}

#[test]
fn told_types_hold() {
    let takes = |first| move |_: &Names| Ok::<_, TableError>(vec![first, Take::Aside]);
    let input = |table: &str| Input::Files(vec![bytes(table)]);
    let loaded = load(&input("zip,y\n01,a\n02,\n"), &LoadOptions::default(), takes(Take::Text)).unwrap();
    assert_eq!(texts(&loaded, 0), [Some("01"), Some("02")]);
    assert_eq!(loaded.asides[0].iter().collect::<Vec<_>>(), [Some("a"), None]);
    let error =
        load(&input("zip,y\n01,a\nno,b\n"), &LoadOptions::default(), takes(Take::Number)).unwrap_err();
    assert_eq!(error.to_string(), "line 3: expected a number for `zip`, got `no`");
}

fn batch() -> RecordBatch {
    let day = 19_844;
    let columns: [(&str, ArrayRef); 7] = [
        ("size", Arc::new(Float32Array::from(vec![Some(1.5), None]))),
        ("id", Arc::new(Int64Array::from(vec![7, 1 << 60]))),
        ("garden", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("city", Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("Oslo"), None]))),
        ("built", Arc::new(Date32Array::from(vec![Some(day), None]))),
        ("seen", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_714_558_272_000_000), None]))),
        ("kind", Arc::new(StringArray::from(vec!["a", "b"]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
}

/// The same table in all formats of typed columns.
fn columnar() -> [Source; 3] {
    let batch = batch();
    let (mut parquet, mut file, mut stream) = (Vec::new(), Vec::new(), Vec::new());
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut parquet, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(&mut file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    [bytes(parquet), bytes(file), bytes(stream)]
}

#[test]
fn typed_columns_are_loaded() {
    for source in columnar() {
        let format = source.format().unwrap();
        let loaded = load_all(vec![source], &LoadOptions::default()).unwrap();
        let taken: Vec<_> = loaded.columns.iter().map(|column| column.taken).collect();
        let (number, text) = (Take::Number, Take::Text);
        assert_eq!(taken, [number, number, number, text, text, text, text], "{format}");
        assert_eq!(loaded.frame.row(0), [1.5, 7.0, 1.0]);
        assert_eq!(loaded.frame.row(1)[1], (1_u64 << 60) as f64);
        assert_eq!(texts(&loaded, 0), [Some("Oslo"), None]);
        assert_eq!(texts(&loaded, 1), [Some("2024-05-01"), None]);
        assert_eq!(texts(&loaded, 2), [Some("2024-05-01T10:11:12"), None]);
        assert_eq!(loaded.places.of(1).to_string(), "row 2");
    }
}

#[test]
fn typed_columns_are_read_for_a_schema() {
    let schema = Schema::new(vec![Feature::text("city"), Feature::number("garden")], true).unwrap();
    for source in columnar() {
        let mut reader = TableReader::open_any(&source, &schema, &ReadOptions::default()).unwrap();
        let mut chunk = Chunk::default();
        assert!(reader.read(&mut chunk).unwrap());
        assert_eq!(chunk.violations, []);
        assert_eq!(chunk.frame.texts()[0].iter().collect::<Vec<_>>(), [Some("Oslo"), None]);
        assert_eq!(chunk.frame.numbers()[0], 1.0);
        assert!(chunk.frame.numbers()[1].is_nan());
        assert_eq!((chunk.line(1), reader.notes().len()), (2, 1));
        assert!(!reader.read(&mut chunk).unwrap());
    }
}

#[test]
fn a_damaged_file_is_told() {
    let Source::Bytes(whole) = &columnar()[0] else { panic!("bytes") };
    let mut cut = whole.to_vec();
    cut.truncate(whole.len() - 20);
    let error = load_all(vec![bytes(cut)], &LoadOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("the Parquet table cannot be read: "), "{error}");
}
