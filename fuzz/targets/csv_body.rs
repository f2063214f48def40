//! Any bytes as a CSV body, for a model that knows names and for one that knows none.
#![no_main]

use foretell_frame::Frame;
use foretell_fuzz::{MAX_ROWS, schema};
use foretell_server::{BodyForm, decode_body};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for named in [false, true] {
        let schema = schema(named);
        let mut frame = Frame::new(&schema);
        if decode_body(BodyForm::Csv, body, &schema, MAX_ROWS, &mut frame).is_ok() {
            assert!(frame.rows() > 0 && frame.rows() <= MAX_ROWS);
            assert_eq!(frame.numbers().len(), frame.rows() * schema.numbers());
        }
    }
});
