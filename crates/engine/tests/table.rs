//! Properties of reading tables: what a writer quotes is read back, bytes may arrive in any pieces, and nothing
//! that is sent panics.

use std::io::{self, Read};

use foretell_engine::table::{Chunk, Header, ReadOptions, TableReader, Target};
use foretell_frame::{Feature, Schema};
use proptest::prelude::*;

const COLUMNS: usize = 3;

fn texts() -> Schema {
    Schema::new((0..COLUMNS).map(|column| Feature::text(format!("c{column}"))).collect(), true)
        .expect("names differ")
}

fn mixed() -> Schema {
    Schema::new(vec![Feature::number("a"), Feature::text("b")], false).expect("names differ")
}

/// Gives a few bytes at a time.
struct Pieces<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(buffer.len());
        let count = self.bytes.take(size as u64).read(buffer)?;
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

/// Everything that reading a table gives, as text.
fn transcript(input: impl Read, schema: &Schema, options: &ReadOptions) -> String {
    let mut reader = match TableReader::open(input, schema, options) {
        Ok(reader) => reader,
        Err(error) => return format!("{error} {:?}", error.hint()),
    };
    let (mut chunk, mut transcript) = (Chunk::default(), String::new());
    loop {
        match reader.read(&mut chunk) {
            Ok(true) => {}
            Ok(false) => return transcript + &format!("{:?}", reader.notes()),
            Err(error) => return transcript + &format!("{error} {:?}", error.hint()),
        }
        let lines: Vec<_> = (0..chunk.rows()).map(|row| chunk.line(row)).collect();
        let messages: Vec<_> = chunk.violations.iter().map(|violation| violation.message(schema)).collect();
        transcript += &format!("{:?} {lines:?} {messages:?} {:?}\n", chunk.frame, chunk.target);
        if !chunk.violations.is_empty() {
            return transcript;
        }
    }
}

proptest! {
    #[test]
    fn what_a_writer_quotes_is_read_back(
        rows in prop::collection::vec(prop::collection::vec(any::<String>(), COLUMNS), 1..20),
        crlf in any::<bool>(),
        chunk_rows in 1..5_usize,
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
        writer.write_record(["c0", "c1", "c2"]).expect("memory");
        rows.iter().for_each(|row| writer.write_record(row).expect("memory"));
        let text = writer.into_inner().expect("memory");
        let (schema, options) = (texts(), ReadOptions { chunk_rows, ..ReadOptions::default() });
        let mut reader = TableReader::open(&text[..], &schema, &options).expect("a header");
        let (mut chunk, mut read) = (Chunk::default(), Vec::new());
        while reader.read(&mut chunk).expect("valid CSV") {
            prop_assert!(chunk.violations.is_empty());
            for row in 0..chunk.rows() {
                let cell = |column: usize| chunk.frame.texts()[column].get(row).unwrap_or_default().to_owned();
                read.push((0..COLUMNS).map(cell).collect::<Vec<_>>());
            }
        }
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn numbers_are_read_back_bit_for_bit(values in prop::collection::vec(any::<f64>(), 1..20)) {
        let finite: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let schema = Schema::new(vec![Feature::number("x")], true).expect("one name");
        let text: String = finite.iter().map(|value| format!("{value:?}\n")).collect();
        let json: String = finite.iter().map(|value| format!("[{value:?}]\n")).collect();
        for text in [format!("x\n{text}"), json] {
            let mut reader = TableReader::open(text.as_bytes(), &schema, &ReadOptions::default());
            let Ok(reader) = &mut reader else { prop_assert!(finite.is_empty()); continue };
            let mut chunk = Chunk::default();
            reader.read(&mut chunk).expect("numbers");
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert!(chunk.violations.is_empty(), "{:?}", chunk.violations);
            prop_assert_eq!(bits(chunk.frame.numbers()), bits(&finite));
        }
    }

    #[test]
    fn bytes_may_arrive_in_any_pieces_and_never_panic(
        text in prop_oneof![
            "[ab,\"\n\r01.;{}\\[\\]:\u{e9}]{0,200}",
            any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            "(\\{\"a\": ?[0-9n\"],? ?\"b\": ?\"[a-z]*\"\\}\n?){0,10}",
        ],
        broken in any::<Option<u8>>(),
        size in 1..10_usize,
        header in prop_oneof![Just(Header::Auto), Just(Header::Names), Just(Header::Present), Just(Header::Absent)],
        target in prop::option::of(0..4_usize),
        max_row_bytes in prop_oneof![Just(20_usize), Just(1 << 20)],
    ) {
        let mut bytes = text.into_bytes();
        bytes.extend(broken);
        let options = ReadOptions {
            header, target: target.map(Target::Position), chunk_rows: 3, max_row_bytes, max_violations: 4,
        };
        let schema = mixed();
        let whole = transcript(&bytes[..], &schema, &options);
        if max_row_bytes > bytes.len() {
            prop_assert_eq!(transcript(Pieces { bytes: &bytes, size }, &schema, &options), whole);
        }
    }
}
