//! Any bytes as a JSON body, for a model that knows names and for one that knows none. The shortcut for plain rows must
//! make no difference.
#![no_main]

use foretell_frame::Frame;
use foretell_fuzz::{MAX_ROWS, schema};
use foretell_server::{BodyForm, decode_body, decode_json_slowly};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for named in [false, true] {
        let schema = schema(named);
        let (mut frame, mut again) = (Frame::new(&schema), Frame::new(&schema));
        let answer = decode_body(BodyForm::Json, body, &schema, MAX_ROWS, &mut frame);
        let slowly = decode_json_slowly(body, &schema, MAX_ROWS, &mut again);
        assert_eq!(answer, slowly);
        if answer.is_ok() {
            assert!(frame.rows() > 0 && frame.rows() <= MAX_ROWS);
            assert_eq!(frame.rows(), again.rows());
            let bits = |frame: &Frame| frame.numbers().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&frame), bits(&again));
        }
    }
});
