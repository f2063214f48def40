//! From the text of one cell to a value of a feature: the same rules for CSV and JSON Lines.

use foretell_frame::{Kind, RowBuilder};

/// From here on, not every integer has a float64 of its own.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// What a text is when it is read as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// The nearest float64.
    Value(f64),
    /// A number that float64 cannot hold: an integer beyond 2^53 that is none, or a magnitude beyond its range.
    NotExact,
    /// Something else.
    Not,
}

/// Reads a decimal number, a boolean (1 and 0) or an infinity. `nan` is no number: a missing value is an empty
/// cell, or `null`.
pub(crate) fn parse_number(text: &str) -> Number {
    if text.trim_start_matches('-').starts_with(|first: char| first.is_ascii_alphabetic()) {
        return match text {
            "true" | "True" | "TRUE" => Number::Value(1.0),
            "false" | "False" | "FALSE" => Number::Value(0.0),
            "inf" | "Infinity" => Number::Value(f64::INFINITY),
            "-inf" | "-Infinity" => Number::Value(f64::NEG_INFINITY),
            _ => Number::Not,
        };
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')) {
        return Number::Not;
    }
    match fast_float2::parse::<f64, _>(text) {
        Ok(value) if value.is_infinite() => Number::NotExact,
        Ok(value) if value.abs() >= EXACT_INTEGERS && !is_exact(text, value) => Number::NotExact,
        Ok(value) => Number::Value(value),
        Err(_) => Number::Not,
    }
}

/// Whether an integer literal is `value` to the last digit; literals with a point or an exponent are roundings
/// already and count as exact.
fn is_exact(text: &str, value: f64) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    format!("{:.0}", value.abs()) == digits.trim_start_matches('0')
}

/// Sets a feature from the text of a CSV cell: an empty cell is a missing value and nothing else is, except that it is
/// the empty text where terms are looked for.
pub(super) fn set_text_cell(builder: &mut RowBuilder<'_>, feature: usize, text: &str) {
    if text.is_empty() {
        return builder.empty(feature);
    }
    match builder.schema().features()[feature].kind {
        Kind::Text => builder.text(feature, text),
        Kind::Unused => builder.missing(feature),
        Kind::Number => {
            let trimmed = text.trim_matches([' ', '\t']);
            match parse_number(trimmed) {
                Number::Value(value) => builder.number(feature, value),
                Number::NotExact => builder.not_exact(feature, trimmed),
                Number::Not => builder.text(feature, text),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_nearest_double() {
        assert_eq!(parse_number("4.35"), Number::Value(4.35));
        assert_eq!(parse_number("+1e-3"), Number::Value(0.001));
        assert_eq!(parse_number("1."), Number::Value(1.0));
        assert_eq!(parse_number("2.2250738585072011e-308"), Number::Value(2.225_073_858_507_201e-308));
        assert_eq!(parse_number("True"), Number::Value(1.0));
        assert_eq!(parse_number("-inf"), Number::Value(f64::NEG_INFINITY));
    }

    #[test]
    fn words_are_not_numbers() {
        for text in ["nan", "NaN", "NA", "", " ", "1 2", "1_000", "0x10", "1e", "--1", "infinity and beyond"]
        {
            assert_eq!(parse_number(text), Number::Not, "{text:?}");
        }
    }

    #[test]
    fn integers_beyond_the_exact_ones_must_be_exact() {
        assert_eq!(parse_number("9007199254740993"), Number::NotExact);
        assert_eq!(parse_number("-9007199254740993"), Number::NotExact);
        assert_eq!(parse_number("9007199254740994"), Number::Value(9_007_199_254_740_994.0));
        assert_eq!(parse_number("100000000000000000000"), Number::Value(1e20));
        assert_eq!(parse_number("9007199254740993.0"), Number::Value(9_007_199_254_740_992.0));
        assert_eq!(parse_number("1e999"), Number::NotExact);
    }
}
