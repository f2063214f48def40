//! Any bytes as a table of the command line, read in chunks of any size: the chunks must not matter.
#![no_main]

use foretell_engine::table::{Chunk, ReadOptions, TableReader};
use foretell_frame::Schema;
use foretell_fuzz::schema;
use libfuzzer_sys::fuzz_target;

/// The numbers of all rows before the first error or violation, as bits.
fn read(bytes: &[u8], schema: &Schema, chunk_rows: usize) -> Option<Vec<u64>> {
    let options = ReadOptions { chunk_rows, max_row_bytes: 1 << 16, ..ReadOptions::default() };
    let mut reader = TableReader::open(bytes, schema, &options).ok()?;
    let (mut chunk, mut numbers) = (Chunk::default(), Vec::new());
    loop {
        match reader.read(&mut chunk) {
            Ok(true) if chunk.violations.is_empty() => {
                numbers.extend(chunk.frame.numbers().iter().map(|number| number.to_bits()));
            }
            Ok(true) | Err(_) => return None,
            Ok(false) => return Some(numbers),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    for named in [false, true] {
        let schema = schema(named);
        assert_eq!(read(bytes, &schema, 1), read(bytes, &schema, 8192));
    }
});
