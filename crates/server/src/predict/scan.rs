//! The short way through the most common body: `{"data": [[1, 2.5], [3, null]]}` for a model that takes numbers only.
//!
//! One pass over the bytes fills the frame. Whatever is not plainly as expected, a wrong body or only a rare form of
//! a right one, ends the pass; the careful decoder then starts over and finds the errors. So this scanner has no
//! errors of its own, and must accept nothing that the careful decoder refuses or reads differently.

use foretell_frame::{Frame, Schema};

/// Powers of ten that a float64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Up to here every integer has a float64 of its own.
const EXACT: u64 = 1 << 53;
/// Digits that fit a `u64` whatever they are.
const DIGITS: usize = 19;

/// Fills the frame with the rows of a body. `false`, with anything in the frame, when the body needs care.
/// `row` is memory to gather a row in.
pub(super) fn rows(
    body: &[u8],
    schema: &Schema,
    max_rows: usize,
    frame: &mut Frame,
    row: &mut Vec<f64>,
) -> bool {
    if schema.numbers() != schema.len() || schema.is_empty() || schema.position("data").is_some() {
        return false;
    }
    frame.reset(schema.numbers(), 0);
    row.clear();
    let mut scanner = Scanner { rest: body };
    scanner.document(max_rows, schema.len(), frame, row).is_some()
}

/// The bytes that are left.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl Scanner<'_> {
    fn document(
        &mut self,
        max_rows: usize,
        width: usize,
        frame: &mut Frame,
        row: &mut Vec<f64>,
    ) -> Option<()> {
        self.token(b'{')?;
        self.space();
        self.rest = self.rest.strip_prefix(b"\"data\"")?;
        self.token(b':')?;
        self.token(b'[')?;
        loop {
            self.row(width, row)?;
            if frame.rows() == max_rows {
                return None;
            }
            frame.push_numbers(row);
            if !self.more()? {
                break;
            }
        }
        self.token(b'}')?;
        self.space();
        self.rest.is_empty().then_some(())
    }

    fn row(&mut self, width: usize, row: &mut Vec<f64>) -> Option<()> {
        self.token(b'[')?;
        row.clear();
        loop {
            self.space();
            row.push(self.value()?);
            if row.len() == width {
                return self.token(b']');
            }
            self.token(b',')?;
        }
    }

    /// Whether another item of an array follows, or its end.
    fn more(&mut self) -> Option<bool> {
        self.space();
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        match first {
            b',' => Some(true),
            b']' => Some(false),
            _ => None,
        }
    }

    fn token(&mut self, expected: u8) -> Option<()> {
        self.space();
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (*first == expected).then_some(())
    }

    fn space(&mut self) {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// A number, or `null` as NaN: a missing value.
    fn value(&mut self) -> Option<f64> {
        if let Some(rest) = self.rest.strip_prefix(b"null") {
            self.rest = rest;
            return Some(f64::NAN);
        }
        let (value, rest) = number(self.rest)?;
        self.rest = rest;
        Some(value)
    }
}

/// Reads a number by the grammar of JSON (RFC 8259, section 6), correctly rounded, and gives what follows it.
/// `None` for anything else, and for numbers that a float64 cannot hold: infinite ones, and integers beyond 2^53.
fn number(text: &[u8]) -> Option<(f64, &[u8])> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (mut mantissa, whole) = digits(0, unsigned);
    if whole == 0 || (whole > 1 && unsigned[0] == b'0') {
        return None;
    }
    let mut rest = &unsigned[whole..];
    let mut count = whole;
    let mut exponent = 0;
    let mut integer = true;
    if let [b'.', fraction @ ..] = rest {
        let places;
        (mantissa, places) = digits(mantissa, fraction);
        if places == 0 {
            return None;
        }
        (rest, count, integer) = (&fraction[places..], count + places, false);
        exponent = -i64::try_from(places).ok()?;
    }
    if let [b'e' | b'E', written @ ..] = rest {
        let (sign, written) = match written {
            [b'-', rest @ ..] => (-1, rest),
            [b'+', rest @ ..] => (1, rest),
            _ => (1, written),
        };
        let (power, places) = digits(0, written);
        if places == 0 || places > 4 {
            return None;
        }
        (rest, integer) = (&written[places..], false);
        exponent += sign * i64::try_from(power).ok()?;
    }
    if integer && (count > DIGITS || mantissa > EXACT) {
        return None;
    }
    // Both operands are exact, so one correctly rounded operation gives the nearest float64 (Clinger, "How to read
    // floating point numbers accurately", 1990).
    let magnitude = match usize::try_from(exponent.unsigned_abs()).ok().and_then(|power| POWERS.get(power)) {
        Some(power) if count <= DIGITS && mantissa <= EXACT => {
            if exponent < 0 {
                mantissa as f64 / power
            } else {
                mantissa as f64 * power
            }
        }
        Some(_) | None => {
            let written = &unsigned[..unsigned.len() - rest.len()];
            fast_float2::parse::<f64, _>(written).ok().filter(|value| value.is_finite())?
        }
    };
    Some((if negative { -magnitude } else { magnitude }, rest))
}

/// Reads digits onto a mantissa (wrapping when they are too many) and counts them.
fn digits(mut mantissa: u64, text: &[u8]) -> (u64, usize) {
    let mut count = 0;
    while let Some(digit) = text.get(count).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (mantissa, count)
}

#[cfg(test)]
mod tests {
    use foretell_frame::Feature;
    use proptest::prelude::*;

    use super::*;
    use crate::predict::json;

    fn schema(width: usize) -> Schema {
        let feature = |position| Feature { nullable: true, ..Feature::number(format!("f{position}")) };
        Schema::new((0..width).map(feature).collect(), true).unwrap()
    }

    /// What both decoders make of a body of rows of two numbers; `None` from the scanner is a question of speed only.
    fn assert_agrees(body: &[u8]) -> bool {
        let schema = schema(2);
        let (mut scanned, mut careful) = (Frame::default(), Frame::default());
        if !rows(body, &schema, 3, &mut scanned, &mut Vec::new()) {
            return false;
        }
        let shown = String::from_utf8_lossy(body);
        json::decode(body, &schema, 3, &mut careful).unwrap_or_else(|problem| panic!("{shown}: {problem}"));
        let bits = |frame: &Frame| frame.numbers().iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!((scanned.rows(), bits(&scanned)), (careful.rows(), bits(&careful)), "{shown}");
        true
    }

    #[test]
    fn the_common_form_takes_the_short_way() {
        for body in [
            &br#"{"data":[[4.8,3],[2,1]]}"#[..],
            b" { \"data\" :\r\n[ [ -0 , 1E+2 ]\t, [null,1.7976931348623157e308] ] } ",
            br#"{"data":[[9007199254740992,0.1234567890123456789]]}"#,
        ] {
            assert!(assert_agrees(body), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn everything_else_is_left_to_the_careful_decoder() {
        for body in [
            &br#"{"data":[[01,1]]}"#[..],
            br#"{"data":[[1.,1]]}"#,
            br#"{"data":[[.5,1]]}"#,
            br#"{"data":[[+1,1]]}"#,
            br#"{"data":[[1e,1]]}"#,
            br#"{"data":[[-,1]]}"#,
            br#"{"data":[[NaN,1]]}"#,
            br#"{"data":[[Infinity,1]]}"#,
            br#"{"data":[[1e999,1]]}"#,
            br#"{"data":[[9007199254740993,1]]}"#,
            br#"{"data":[[123456789012345678901234567890,1]]}"#,
            br#"{"data":[["1",1]]}"#,
            br#"{"data":[[true,1]]}"#,
            br#"{"data":[[nullx,1]]}"#,
            br#"{"data":[[1]]}"#,
            br#"{"data":[[1,2,3]]}"#,
            br#"{"data":[[1,2,]]}"#,
            br#"{"data":[[1,2],]}"#,
            br#"{"data":[]}"#,
            br#"{"data":[[1,2]],"data":[[1,2]]}"#,
            br#"{"data":[[1,2]]}x"#,
            br#"{"data":[[1,2]]"#,
            br#"{"data":[[1,2],[1,2],[1,2],[1,2]]}"#,
            b"\xef\xbb\xbf{\"data\":[[1,2]]}",
            b"",
        ] {
            assert!(!assert_agrees(body), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_feature_named_data_is_not_taken_for_the_rows() {
        let schema = Schema::new(vec![Feature::number("data")], true).unwrap();
        assert!(!rows(br#"{"data":[[1]]}"#, &schema, 9, &mut Frame::default(), &mut Vec::new()));
    }

    fn same_as_serde(text: &str) -> Result<(), TestCaseError> {
        let expected = serde_json::from_str::<f64>(text);
        if let Some((value, rest)) = number(text.as_bytes()) {
            prop_assert!(rest.is_empty(), "{}", text);
            prop_assert_eq!(expected.unwrap().to_bits(), value.to_bits(), "{}", text);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 2000 } else { 100_000 }))]

        #[test]
        fn numbers_are_read_as_serde_reads_them(
            text in r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?"
        ) {
            same_as_serde(&text)?;
        }

        #[test]
        fn every_float_is_read_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{value:?}"), format!("{value:e}"), format!("{value:.17e}")] {
                let (read, rest) = number(text.as_bytes()).unwrap();
                prop_assert_eq!((read.to_bits(), rest.len()), (bits, 0), "{}", text);
            }
        }

        #[test]
        fn no_text_is_read_differently(
            body in r#"[ \n]?\{[ ]?"data" ?: ?\[(\[ ?-?[0-9nul.eE+-]{1,6} ?, ?[0-9nul.eE+"-]{1,6}\][,\] ]{0,2}){0,4}\]?\}?[ \]}x]?"#
        ) {
            assert_agrees(body.as_bytes());
        }

        #[test]
        fn no_bytes_are_read_differently(tail in proptest::collection::vec(any::<u8>(), 0..24)) {
            assert_agrees(&[&br#"{"data":[["#[..], &tail].concat());
            assert_agrees(&tail);
        }
    }
}
