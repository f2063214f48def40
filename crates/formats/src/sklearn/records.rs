//! Labels and records as columns: `LabelEncoder`, `LabelBinarizer`, `DictVectorizer` and `FeatureHasher`.

use foretell_frame::Cell;
use foretell_model::step::{Arithmetic, Branch, Categories, HashKeys, OneHot, Ordinal, Scale, Step, Unknown};

use super::encode::{cells, ordinal_column};
use super::{Input, Lowered, Naming, Result, bounded, count};
use crate::pickle::Value;

/// `LabelEncoder`: one column of labels becomes their positions.
pub(super) fn label_encoder(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let columns = vec![ordinal_column(&value.field("classes_")?, None)?];
    let missing = columns[0].codes.len().saturating_sub(1) as f64;
    let step = Step::Ordinal(Ordinal { columns, unknown: Unknown::Error, missing });
    let mut lowered = Lowered::transformer(1, vec![step], false);
    lowered.pipeline.flat = true;
    Ok(lowered)
}

/// `LabelBinarizer`: one column of labels becomes one per class, or of two classes one for the second.
pub(super) fn label_binarizer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let stored = value.field("classes_")?;
    let kind = value.field("y_type_")?;
    if !matches!(kind.text()?, "binary" | "multiclass") {
        return Err(value.unsupported_option("y_type_", kind.text()?, "`binary` or `multiclass`"));
    }
    let values = cells(&stored)?;
    let width = values.len();
    if width < 2 {
        return Err(stored.mismatch("at least 2 classes", width));
    }
    let codes = (0..width as u32).map(Some).collect();
    let categories = Categories { values, codes, infrequent: None, width };
    // Of two classes scikit-learn answers as many columns as a request has labels; others than the two are refused.
    let unknown = if width == 2 { Unknown::Error } else { Unknown::Ignore };
    let mut steps = vec![Step::OneHot(OneHot { columns: vec![categories], unknown })];
    if width == 2 {
        steps.push(Step::Select(vec![1]));
    }
    let (low, high) = (value.field("neg_label")?.float()?, value.field("pos_label")?.float()?);
    if (low, high) != (0.0, 1.0) {
        let columns = if width == 2 { 1 } else { width };
        let operations =
            vec![Arithmetic::Multiply(vec![high - low; columns]), Arithmetic::Add(vec![low; columns])];
        steps.push(Step::Scale(Scale { operations, ..Scale::default() }));
    }
    Ok(Lowered::transformer(1, steps, value.field("sparse_output")?.bool()?))
}

/// What a `DictVectorizer` makes of one key of its records.
struct Key<'p> {
    name: &'p str,
    /// Output column of its numbers.
    number: Option<usize>,
    /// Texts it was fitted on, and their output columns.
    texts: Vec<(&'p str, usize)>,
}

/// `DictVectorizer`: the keys of its records are columns, of numbers or of texts.
pub(super) fn dict_vectorizer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let dtype = value.field("dtype")?;
    if !dtype.reference().is_some_and(|class| class.is("numpy", "float64")) {
        return Err(value.unsupported_option("dtype", dtype.describe(), "float64"));
    }
    let stored = value.field("feature_names_")?;
    let separator = value.field("separator")?.text()?;
    let features = stored.items()?;
    let mut keys: Vec<Key<'_>> = Vec::new();
    let mut names = Vec::with_capacity(bounded(&stored, features.len())?);
    for (column, feature) in features.iter().enumerate() {
        let text = feature.text()?;
        names.push(text.to_owned());
        let (name, category) = match text.split_once(separator) {
            Some((_, rest)) if rest.contains(separator) => {
                let detail = format_args!(
                    "`{text}` has the separator `{separator}` twice: where its key ends is unknown"
                );
                return Err(feature.invalid(detail));
            }
            Some((name, category)) => (name, Some(category)),
            None => (text, None),
        };
        let at = keys.iter().position(|key| key.name == name).unwrap_or_else(|| {
            keys.push(Key { name, number: None, texts: Vec::new() });
            keys.len() - 1
        });
        match category {
            Some(category) => keys[at].texts.push((category, column)),
            None => keys[at].number = Some(column),
        }
    }
    let mut branches = Vec::new();
    let mut order = vec![0; names.len()];
    let mut laid = 0;
    for (input, key) in keys.iter().enumerate() {
        let steps = match (key.number, key.texts.is_empty()) {
            (Some(_), false) => {
                let detail = format_args!("key `{}` has numbers and texts; a column has one kind", key.name);
                return Err(stored.invalid(detail));
            }
            (Some(_), true) => Vec::new(),
            (None, _) => vec![Step::OneHot(indicators(key))],
        };
        for column in key.number.into_iter().chain(key.texts.iter().map(|(_, column)| *column)) {
            order[column] = laid;
            laid += 1;
        }
        branches.push(Branch { columns: vec![input], steps, weight: None });
    }
    let steps = vec![Step::Parallel(branches), Step::Select(order)];
    let mut lowered = Lowered::transformer(keys.len(), steps, value.field("sparse")?.bool()?);
    lowered.names = Some(keys.iter().map(|key| key.name.to_owned()).collect());
    Ok(lowered.naming(Naming::Listed(names)))
}

fn indicators(key: &Key<'_>) -> OneHot {
    let values: Vec<Cell> = key.texts.iter().map(|(text, _)| Cell::Text((*text).to_owned())).collect();
    let (codes, width) = ((0..values.len() as u32).map(Some).collect(), values.len());
    let columns = vec![Categories { values, codes, infrequent: None, width }];
    OneHot { columns, unknown: Unknown::Ignore }
}

/// `FeatureHasher`: the keys of its records are columns, which its user names.
pub(super) fn feature_hasher(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let kind = value.field("input_type")?;
    if !matches!(kind.text()?, "dict" | "pair") {
        let expected = "`dict` or `pair`, whose keys are columns of a table";
        return Err(value.unsupported_option("input_type", kind.text()?, expected));
    }
    let dtype = value.field("dtype")?;
    if !dtype.reference().is_some_and(|class| class.is("numpy", "float64")) {
        return Err(value.unsupported_option("dtype", dtype.describe(), "float64"));
    }
    let columns = u32::try_from(count(&value.field("n_features")?)?).ok().filter(|&columns| columns > 0);
    let columns = columns.ok_or_else(|| value.invalid("`n_features` is 0"))?;
    let signed = value.field("alternate_sign")?.bool()?;
    let step = Step::HashKeys(HashKeys { keys: Vec::new(), columns, signed });
    Ok(Lowered::transformer(0, vec![step], true))
}
