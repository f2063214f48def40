//! Tests of reading tables.

use foretell_frame::{Feature, Kind, Schema};

use super::*;

fn named() -> Schema {
    let unused = Feature { kind: Kind::Unused, ..Feature::number("id") };
    Schema::new(vec![Feature::number("x"), Feature::text("t"), unused], true).unwrap()
}

fn unnamed(columns: usize) -> Schema {
    Schema::new((0..columns).map(|i| Feature::number(format!("f{i}"))).collect(), false).unwrap()
}

fn read_with(text: &[u8], schema: &Schema, options: &ReadOptions) -> Result<(Chunk, Vec<Note>), TableError> {
    let mut reader = TableReader::open(text, schema, options)?;
    let mut chunk = Chunk::default();
    reader.read(&mut chunk)?;
    Ok((chunk, reader.notes()))
}

fn read(text: &str, schema: &Schema) -> Result<(Chunk, Vec<Note>), TableError> {
    read_with(text.as_bytes(), schema, &ReadOptions::default())
}

fn messages(chunk: &Chunk, schema: &Schema) -> Vec<(u64, String)> {
    chunk.violations.iter().map(|v| (chunk.line(v.row), v.message(schema))).collect()
}

#[test]
fn columns_are_matched_by_name_and_others_noted() {
    let (chunk, notes) = read("\u{feff}t,extra,x\r\n\"a,\"\"b\"\"\n\",1,2.5\r\nnan,,\r\n", &named()).unwrap();
    assert_eq!(chunk.violations, []);
    assert_eq!(chunk.frame.numbers()[0], 2.5);
    assert!(chunk.frame.numbers()[1].is_nan());
    assert_eq!(chunk.frame.texts()[0].iter().collect::<Vec<_>>(), [Some("a,\"b\"\n"), Some("nan")]);
    assert_eq!((chunk.line(0), chunk.line(1)), (2, 4));
    assert_eq!(notes, [Note::IgnoredColumns(vec!["extra".into()])]);
    assert_eq!(notes[0].to_string(), "ignored a column the model does not take: `extra`");
}

#[test]
fn a_feature_without_a_column_is_an_error_with_the_nearest_name() {
    let error = read("T,X\na,1\n", &named()).err().unwrap();
    assert_eq!(error.to_string(), "the table has no columns `x`, `t`, which the model needs");
    assert_eq!(error.hint().unwrap(), "rename column `X` to `x`");
}

#[test]
fn tables_for_models_without_names_may_have_a_header() {
    let schema = unnamed(2);
    for text in ["f0,f1\n1,2\n", "a,b\n1,2\n", "1,2\n", "1,2"] {
        let (chunk, _) = read(text, &schema).unwrap();
        assert_eq!(chunk.frame.numbers(), [1.0, 2.0], "{text:?}");
    }
    let error = read("f0,f1,f2\n1,2,3\n", &schema).err().unwrap();
    assert_eq!(error.to_string(), "expected 2 columns, got 3");
}

#[test]
fn made_up_names_may_stand_in_any_order() {
    let schema = unnamed(3);
    let (chunk, notes) = read("f2,f0,f1\n1,2,3\n", &schema).unwrap();
    assert_eq!((chunk.frame.numbers(), notes), (&[2.0, 3.0, 1.0][..], vec![]));
    let (chunk, _) = read("f0,f0,f1\n1,2,3\n", &schema).unwrap();
    assert_eq!(chunk.frame.numbers(), [1.0, 2.0, 3.0]);
    let options = ReadOptions { target: Some(Target::Name("y".into())), ..ReadOptions::default() };
    let (chunk, _) = read_with(b"f2,y,f0,f1\n1,0,2,3\n", &schema, &options).unwrap();
    assert_eq!(chunk.frame.numbers(), [2.0, 3.0, 1.0]);
}

#[test]
fn a_bare_row_of_a_request_is_data() {
    let options = ReadOptions { header: Header::Names, ..ReadOptions::default() };
    let schema = Schema::new(vec![Feature::text("t")], true).unwrap();
    let (chunk, _) = read_with(b"red", &schema, &options).unwrap();
    assert_eq!(chunk.frame.texts()[0].get(0), Some("red"));
    let (chunk, _) = read_with(b"t\nred", &schema, &options).unwrap();
    assert_eq!(chunk.rows(), 1);
}

#[test]
fn every_bad_cell_is_noted_with_its_line() {
    let schema = unnamed(2);
    let (chunk, _) = read("f0,f1\n1,NA\n\n 2 ,3,4\n9007199254740993,nan\n\"\",x\n", &schema).unwrap();
    assert_eq!(
        messages(&chunk, &schema),
        [
            (2, "expected a number for `f1`, got string \"NA\"".to_owned()),
            (4, "expected 2 values, got 3".into()),
            (5, "expected a number for `f0` that a float64 holds exactly, got 9007199254740993".into()),
            (5, "expected a number for `f1`, got string \"nan\"".into()),
            (6, "expected a number for `f1`, got string \"x\"".into()),
        ]
    );
    assert_eq!(chunk.rows(), 4);
}

#[test]
fn json_lines_are_told_by_content() {
    let text = "\n{\"x\": 1.5, \"t\": \"a\", \"y\": [1]}\n[true, null, {}]\r\n{\"t\": \"\\u00e9\", \"x\": \"-Infinity\"}";
    let schema = named();
    let (chunk, notes) = read(text, &schema).unwrap();
    assert_eq!(chunk.violations, []);
    assert_eq!(chunk.frame.numbers(), [1.5, 1.0, f64::NEG_INFINITY]);
    assert_eq!(chunk.frame.texts()[0].iter().collect::<Vec<_>>(), [Some("a"), None, Some("é")]);
    assert_eq!(chunk.line(2), 4);
    assert_eq!(notes, [Note::IgnoredColumns(vec!["y".into()])]);
}

#[test]
fn json_values_of_another_kind_are_noted() {
    let schema = named();
    let text = "{\"x\": \"1\", \"t\": 2}\n{\"x\": [1], \"t\": {}}\n{\"x\": 1, \"x\": 2}\n[1]\n";
    let (chunk, _) = read(text, &schema).unwrap();
    assert_eq!(
        messages(&chunk, &schema),
        [
            (1, "expected a number for `x`, got string \"1\"".to_owned()),
            (1, "expected a string for `t`, got number 2".into()),
            (2, "expected a number for `x`, got an array".into()),
            (2, "expected a string for `t`, got an object".into()),
            (3, "expected one value for `x`, got two".into()),
            (3, "expected a value for `t`, got none".into()),
            (4, "expected 3 values, got 1".into()),
        ]
    );
}

#[test]
fn broken_json_names_its_place() {
    let error = read("{\"x\": 1, \"t\": \"a\"}\n{\"x\": 1,, }\n", &named()).err().unwrap();
    assert_eq!(error.to_string(), "line 2, column 9: expected a JSON object or array");
    let deep = "[".repeat(100_000);
    assert!(matches!(read(&deep, &named()), Err(TableError::Json { line: 1, .. })));
}

#[test]
fn the_target_is_kept_apart_from_the_features() {
    let by = |target| ReadOptions { target: Some(target), ..ReadOptions::default() };
    let schema = unnamed(2);
    let name = || Target::Name("y".into());
    for (text, target) in [
        ("a,y,b\n1,yes,2\n3,,4\n", name()),
        ("1,yes,2\n3,,4\n", Target::Position(1)),
        ("1,yes,2\n3,,4\n", Target::Name("1".into())),
        ("[1,\"yes\",2]\n[3,null,4]\n", Target::Position(1)),
    ] {
        let (chunk, _) = read_with(text.as_bytes(), &schema, &by(target)).unwrap();
        assert_eq!(chunk.violations, [], "{text:?}");
        assert_eq!(chunk.frame.numbers(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(chunk.target.iter().collect::<Vec<_>>(), [Some("yes"), None]);
    }
    let error = read_with(b"a,Y,b\n", &schema, &by(name())).err().unwrap();
    assert_eq!(error.to_string(), "the table has no target column `y`");
    assert_eq!(error.hint().unwrap(), "did you mean `Y`?");
}

#[test]
fn chunks_follow_each_other() {
    let text: String = (0..10).map(|i| format!("{i},0\n")).collect();
    let schema = unnamed(2);
    let options = ReadOptions { chunk_rows: 4, ..ReadOptions::default() };
    let mut reader = TableReader::open(text.as_bytes(), &schema, &options).unwrap();
    let mut chunk = Chunk::default();
    let mut seen = Vec::new();
    while reader.read(&mut chunk).unwrap() {
        seen.extend((0..chunk.rows()).map(|row| (chunk.line(row), chunk.frame.row(row)[0])));
    }
    assert_eq!(seen, (0..10).map(|i| (i + 1, i as f64)).collect::<Vec<_>>());
}

#[test]
fn a_row_without_end_is_refused() {
    let schema = unnamed(2);
    let options = ReadOptions { max_row_bytes: 100_000, ..ReadOptions::default() };
    let endless = Read::chain(&b"1,\""[..], io::repeat(b'x'));
    let error = TableReader::open(endless, &schema, &options).err().unwrap();
    assert!(matches!(error, TableError::RowTooLarge { line: 1, .. }), "{error}");
    let endless = Read::chain(&b"[1,\""[..], io::repeat(b'x'));
    let mut reader = TableReader::open(endless, &schema, &options).map_err(|e| e.to_string()).ok().unwrap();
    assert!(matches!(reader.read(&mut Chunk::default()), Err(TableError::RowTooLarge { line: 1, .. })));
}

#[test]
fn formats_that_are_not_read_are_named() {
    let schema = unnamed(2);
    for (bytes, message) in [
        (&b"PAR1...."[..], "Parquet tables are not supported, expected CSV or JSON Lines in UTF-8"),
        (b"", "the table is empty"),
        (b"\xef\xbb\xbf \n", "the table is empty"),
        (b"1,2\n3,\"4\n5,6\n", "line 2: the quotes that open in this row are never closed"),
        (b"f0;f1\n1;2\n", "expected commas between cells, got ';'"),
        (b"1\t2\n", "expected commas between cells, got '\\t'"),
        (b"a\xff,1\n", "line 1, column 1: the text is not UTF-8"),
    ] {
        let result = read_with(bytes, &schema, &ReadOptions::default());
        assert_eq!(result.err().unwrap().to_string(), message);
    }
}
