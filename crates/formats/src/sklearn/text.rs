//! Texts: `CountVectorizer`, `TfidfVectorizer`, `TfidfTransformer` and `HashingVectorizer`.

use std::collections::BTreeSet;

use foretell_model::step::{
    Accents, Accepts, Analysis, Arithmetic, ENGLISH_STOP_WORDS, Function, Norm, Normalize, Scale, Step,
    TermIndex, Terms, TokenPattern, Units,
};

use super::compose::is_word;
use super::{Input, Lowered, Naming, Result, bounded, count, present};
use crate::pickle::Value;

/// `CountVectorizer`.
pub(super) fn count_vectorizer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let terms = vocabulary(value)?;
    let step = counts(value, TermIndex::Vocabulary(terms.clone()))?;
    Ok(Lowered::transformer(1, vec![step], true).naming(Naming::Listed(terms)))
}

/// `TfidfVectorizer`: counts, and the transformer that weighs them.
pub(super) fn tfidf_vectorizer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let terms = vocabulary(value)?;
    let mut steps = vec![counts(value, TermIndex::Vocabulary(terms.clone()))?];
    steps.extend(weights(&value.field("_tfidf")?, terms.len())?);
    Ok(Lowered::transformer(1, steps, true).naming(Naming::Listed(terms)))
}

/// `HashingVectorizer`.
pub(super) fn hashing_vectorizer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let columns = count(&value.field("n_features")?)?;
    let columns = u32::try_from(columns).ok().filter(|&columns| columns > 0);
    let columns = columns.ok_or_else(|| value.invalid("`n_features` is 0"))?;
    let index = TermIndex::Hashed { columns, signed: value.field("alternate_sign")?.bool()? };
    let mut steps = vec![counts(value, index)?];
    steps.extend(norm(value)?);
    Ok(Lowered::transformer(1, steps, true))
}

/// `TfidfTransformer`.
pub(super) fn tfidf_transformer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let features = match (present(value, "n_features_in_")?, value.field("use_idf")?.bool()?) {
        (Some(features), _) => Some(count(&features)?),
        (None, true) => Some(frequencies(value, None)?.len()),
        (None, false) => None,
    };
    let mut steps = vec![Step::Require(Accepts::FINITE)];
    steps.extend(weights(value, features)?);
    Ok(Lowered::transformer(features, steps, true).naming(Naming::Same))
}

/// The steps of a `TfidfTransformer`.
fn weights(value: &Value<'_>, features: impl Into<Option<usize>>) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    if value.field("sublinear_tf")?.bool()? {
        steps.push(Step::Elementwise(vec![Function::LogFrequency]));
    }
    if value.field("use_idf")?.bool()? {
        let operations = vec![Arithmetic::Multiply(frequencies(value, features.into())?)];
        steps.push(Step::Scale(Scale { operations, ..Scale::default() }));
    }
    steps.extend(norm(value)?);
    Ok(steps)
}

/// The inverse document frequencies: up to 1.4 the diagonal of a sparse matrix.
fn frequencies(value: &Value<'_>, features: Option<usize>) -> Result<Vec<f64>> {
    if let Some(frequencies) = present(value, "idf_")? {
        return frequencies.f64_vector(features);
    }
    let stored = value.field("_idf_diag")?;
    let diagonal = stored.sparse()?;
    let expected = features.unwrap_or(diagonal.rows);
    if (diagonal.rows, diagonal.cols) != (expected, expected) {
        return Err(stored.mismatch(format_args!("{expected} frequencies"), stored.describe()));
    }
    let mut frequencies = vec![0.0; bounded(&stored, expected)?];
    for &(row, column, frequency) in &diagonal.entries {
        if row != column {
            return Err(stored.invalid("the matrix of frequencies is not diagonal"));
        }
        frequencies[row] += frequency;
    }
    Ok(frequencies)
}

/// The norm that rows are divided by; those of zeros alone stay.
fn norm(value: &Value<'_>) -> Result<Option<Step>> {
    let norm = value.field("norm")?;
    if norm.is_none() {
        return Ok(None);
    }
    let norm = match norm.text()? {
        "l1" => Norm::L1,
        "l2" => Norm::L2,
        other => return Err(value.unsupported_option("norm", other, "`l1`, `l2` or None")),
    };
    Ok(Some(Step::Normalize(Normalize { norm, smallest: 0.0 })))
}

/// The terms in the order of their columns.
fn vocabulary(value: &Value<'_>) -> Result<Vec<String>> {
    let stored = match present(value, "vocabulary_")? {
        Some(fitted) => fitted,
        // A vocabulary that was given needs no fit.
        None => present(value, "vocabulary")?.ok_or_else(|| value.missing("vocabulary_"))?,
    };
    if !stored.is_dict() {
        return stored.text_vector(None);
    }
    let pairs = stored.pairs()?;
    let mut terms = vec![None; bounded(&stored, pairs.len())?];
    for (term, column) in &pairs {
        let place = usize::try_from(column.int()?).ok().and_then(|column| terms.get_mut(column));
        match place {
            Some(place @ None) => *place = Some(term.text()?.to_owned()),
            Some(Some(_)) | None => {
                return Err(column.mismatch("one column for each term", column.describe()));
            }
        }
    }
    Ok(terms.into_iter().flatten().collect())
}

/// The step that counts terms as a vectorizer is set to.
fn counts(value: &Value<'_>, index: TermIndex) -> Result<Step> {
    if !is_word(&value.field("input")?, "content") {
        let input = value.field("input")?;
        return Err(value.unsupported_option("input", input.describe(), "`content`"));
    }
    for function in ["preprocessor", "tokenizer"] {
        if let Some(function_of_user) = present(value, function)? {
            let supported = "None, as functions of your own are not in the file";
            return Err(value.unsupported_option(function, function_of_user.describe(), supported));
        }
    }
    check_dtype(value)?;
    let range = value.field("ngram_range")?;
    let accents = match present(value, "strip_accents")? {
        None => Accents::Keep,
        Some(accents) if is_word(&accents, "ascii") => Accents::Ascii,
        Some(accents) if is_word(&accents, "unicode") => Accents::Unicode,
        Some(other) => {
            let supported = "`ascii`, `unicode` or None";
            return Err(value.unsupported_option("strip_accents", other.describe(), supported));
        }
    };
    let analysis = Analysis {
        lowercase: value.field("lowercase")?.bool()?,
        accents,
        units: units(value)?,
        shortest: range.at(0)?.size()?,
        longest: range.at(1)?.size()?,
    };
    Ok(Step::Terms(Terms { analysis, index, binary: value.field("binary")?.bool()? }))
}

/// Counts in float32 make estimators compute in it.
fn check_dtype(value: &Value<'_>) -> Result<()> {
    let dtype = value.field("dtype")?;
    let supported = "float64 or int64";
    match dtype.reference().map(|class| class.key()) {
        Some(("numpy", "float64" | "int64" | "int32") | ("builtins", "int" | "float")) => Ok(()),
        Some((_, other)) => Err(value.unsupported_option("dtype", other, supported)),
        None => Err(value.unsupported_option("dtype", dtype.describe(), supported)),
    }
}

fn units(value: &Value<'_>) -> Result<Units> {
    let analyzer = value.field("analyzer")?;
    let supported = "`word`, `char` or `char_wb`";
    if !analyzer.is_text() {
        return Err(value.unsupported_option("analyzer", analyzer.describe(), supported));
    }
    match analyzer.text()? {
        "word" => {
            let text = value.field("token_pattern")?;
            let refused = |error| value.unsupported_option("token_pattern", text.describe(), error);
            let pattern = TokenPattern::parse(text.text()?).map_err(refused)?;
            Ok(Units::Words { pattern, stop_words: stop_words(value)? })
        }
        "char" => Ok(Units::Characters),
        "char_wb" => Ok(Units::CharactersInWords),
        other => Err(value.unsupported_option("analyzer", other, supported)),
    }
}

fn stop_words(value: &Value<'_>) -> Result<Vec<String>> {
    let Some(words) = present(value, "stop_words")? else { return Ok(Vec::new()) };
    if !words.is_text() {
        let all = words
            .items()?
            .iter()
            .map(|word| word.text().map(str::to_owned))
            .collect::<Result<BTreeSet<_>>>()?;
        return Ok(all.into_iter().collect());
    }
    match words.text()? {
        "english" => Ok(ENGLISH_STOP_WORDS.split_whitespace().map(str::to_owned).collect()),
        other => Err(value.unsupported_option("stop_words", other, "`english`, a list of words or None")),
    }
}
