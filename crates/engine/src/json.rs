//! Values as JSON text, as all answers and the record of predictions have them: shortest numbers that read back as the same
//! float64, and the strings `NaN`, `Infinity` and `-Infinity` for what JSON has no number for. All append to `text`.

use foretell_frame::{Frame, Kind, Labels};

/// An array of items.
pub fn separated<T>(
    text: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    text.push(b'[');
    let mut first = true;
    for item in items {
        if !std::mem::take(&mut first) {
            text.push(b',');
        }
        write(text, item);
    }
    text.push(b']');
}

/// An array of the items of a slice.
pub fn array<T>(text: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    separated(text, items, |text, item| write(text, item));
}

/// An array of numbers.
pub fn numbers(text: &mut Vec<u8>, values: &[f64]) {
    array(text, values, |text, value| number(text, *value));
}

/// A row of a table with text columns, in the order of its columns' kinds. What is not there is `null`.
pub fn table_row(text: &mut Vec<u8>, table: &Frame, kinds: &[Kind], row: usize) {
    let mut values = table.row(row).iter();
    let mut texts = table.texts().iter();
    separated(text, kinds, |text, kind| match kind {
        Kind::Text => match texts.next().and_then(|column| column.get(row)) {
            Some(value) => string(text, value),
            None => text.extend_from_slice(b"null"),
        },
        Kind::Number | Kind::Unused => match values.next() {
            Some(value) => number(text, *value),
            None => text.extend_from_slice(b"null"),
        },
    });
}

/// A number, or the text that stands for what JSON has no number for.
pub fn number(text: &mut Vec<u8>, value: f64) {
    // What trees answer most of the time.
    if value.to_bits() == 0 {
        text.extend_from_slice(b"0.0");
    } else if value == 1.0 {
        text.extend_from_slice(b"1.0");
    } else if value.is_finite() {
        text.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        let word: &[u8] = match value {
            f64::INFINITY => b"\"Infinity\"",
            f64::NEG_INFINITY => b"\"-Infinity\"",
            _ => b"\"NaN\"",
        };
        text.extend_from_slice(word);
    }
}

/// An array of classes.
pub fn labels(text: &mut Vec<u8>, classes: &Labels) {
    separated(text, 0..classes.len(), |text, position| label(text, classes, position));
}

/// The class at a position.
pub fn label(text: &mut Vec<u8>, classes: &Labels, position: usize) {
    match classes {
        Labels::Int(labels) => match labels.get(position) {
            // Most labels are small: a digit needs no formatting.
            Some(label @ 0..=9) => text.push(b'0' + *label as u8),
            Some(label) => text.extend_from_slice(label.to_string().as_bytes()),
            None => text.extend_from_slice(b"null"),
        },
        Labels::Float(labels) => number(text, labels.get(position).copied().unwrap_or(f64::NAN)),
        Labels::Bool(labels) => {
            let word: &[u8] = match labels.get(position) {
                Some(true) => b"true",
                Some(false) => b"false",
                None => b"null",
            };
            text.extend_from_slice(word);
        }
        Labels::Text(labels) => match labels.get(position) {
            Some(label) => string(text, label),
            None => text.extend_from_slice(b"null"),
        },
    }
}

/// A JSON string.
///
/// # Panics
/// Never: memory takes any text.
pub fn string(text: &mut Vec<u8>, value: &str) {
    if value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        text.push(b'"');
        text.extend_from_slice(value.as_bytes());
        text.push(b'"');
    } else {
        serde_json::to_writer(text, value).expect("memory takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut text = Vec::new();
        write(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn numbers_are_the_shortest_that_read_back() {
        let values = [0.1, -0.0, 1.0, 1e300, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let text = written(|text| numbers(text, &values));
        assert_eq!(text, r#"[0.1,-0.0,1.0,1e+300,2.2250738585072014e-308,"NaN","Infinity","-Infinity"]"#);
        let read: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(read[3].as_f64(), Some(1e300));
    }

    #[test]
    fn labels_keep_their_type() {
        let all = [
            Labels::Int(vec![-1, 7, 10]),
            Labels::Float(vec![0.0, 1.5]),
            Labels::Bool(vec![false, true]),
            Labels::Text(vec!["a".into(), "\"é\n".into()]),
        ];
        let text = written(|text| array(text, &all, labels));
        assert_eq!(text, r#"[[-1,7,10],[0.0,1.5],[false,true],["a","\"é\n"]]"#);
    }
}
