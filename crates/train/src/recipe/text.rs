//! Texts as what they say of terms.
//!
//! Sources: scikit-learn's user guide, "Text feature extraction"; Manning, Raghavan and Schütze, "Introduction to
//! Information Retrieval" (2008), section 6.4, for the weights of terms.

use std::collections::HashMap;

use foretell_frame::Cell;
use foretell_model::Step;
use foretell_model::step::{
    Analysis, Analyzer, Arithmetic, ENGLISH_STOP_WORDS, Function, Impute, Normalize, Scale, TermIndex, Terms,
    TokenPattern, Units,
};
use rayon::prelude::*;

use super::column::RawColumn;
use super::lesson::Lesson;
use super::parameters::{CountVectorizer, Documents, StopWords, TermUnit, TfidfVectorizer};
use crate::FitError;

/// Texts that are counted together.
const BLOCK: usize = 4096;

/// How often a term is used.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    /// In how many texts.
    texts: usize,
    /// How often in all of them.
    times: usize,
}

/// Counts of terms.
pub(super) fn counts(parameters: &CountVectorizer, lesson: &Lesson<'_>) -> Result<Vec<Step>, FitError> {
    let (steps, _) = vocabulary(parameters, lesson, "CountVectorizer")?;
    Ok(steps)
}

/// Counts of terms, weighed by how few texts have them.
pub(super) fn weights(parameters: &TfidfVectorizer, lesson: &Lesson<'_>) -> Result<Vec<Step>, FitError> {
    let (mut steps, uses) = vocabulary(&parameters.counts, lesson, "TfidfVectorizer")?;
    if parameters.sublinear_tf {
        steps.push(Step::Elementwise(vec![Function::LogFrequency]));
    }
    if parameters.use_idf {
        // As if one text more had every term.
        let more = f64::from(u8::from(parameters.smooth_idf));
        let all = lesson.rows() as f64 + more;
        let weight = |used: &Use| (all / (used.texts as f64 + more)).ln() + 1.0;
        let operations = vec![Arithmetic::Multiply(uses.iter().map(weight).collect())];
        steps.push(Step::Scale(Scale { operations, range: None, centre: None }));
    }
    if let Some(norm) = parameters.norm {
        steps.push(Step::Normalize(Normalize { norm, smallest: 0.0 }));
    }
    Ok(steps)
}

/// The steps that count terms, and how often each is used.
fn vocabulary(
    parameters: &CountVectorizer,
    lesson: &Lesson<'_>,
    class: &str,
) -> Result<(Vec<Step>, Vec<Use>), FitError> {
    let texts = texts(lesson, class)?;
    let analysis = analysis(parameters)?;
    let mut uses = uses(&analysis, texts, parameters.binary);
    let rows = texts.len() as f64;
    let bound = |documents| match documents {
        Documents::Count(count) => count as f64,
        Documents::Share(share) => share * rows,
    };
    let (least, most) = (bound(parameters.min_df), bound(parameters.max_df));
    if uses.is_empty() {
        return Err(FitError::data(format!("terms in `{}`", lesson.name(0)), "none"));
    }
    uses.retain(|_, used| (least..=most).contains(&(used.texts as f64)));
    if uses.is_empty() {
        let expected = format!("terms of {least} to {most} texts in `{}`", lesson.name(0));
        return Err(FitError::data(expected, "none; lower `min_df` or raise `max_df`"));
    }
    let mut terms: Vec<(String, Use)> = uses.into_iter().collect();
    if let Some(most) = parameters.max_features {
        // Those that are used most; of as many, those that stand first in the alphabet.
        terms.sort_unstable_by(|(a, a_used), (b, b_used)| b_used.times.cmp(&a_used.times).then(a.cmp(b)));
        terms.truncate(most);
    }
    terms.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let (terms, uses) = terms.into_iter().unzip();
    let mut steps = Vec::new();
    if lesson.columns.iter().any(RawColumn::has_missing) {
        steps.push(Step::Impute(Impute {
            marker: Cell::Missing,
            fill: vec![Some(Cell::Text(String::new()))],
            indicators: Vec::new(),
            refuse_missing: Vec::new(),
        }));
    }
    let index = TermIndex::Vocabulary(terms);
    steps.push(Step::Terms(Terms { analysis, index, binary: parameters.binary }));
    Ok((steps, uses))
}

/// The texts of the only column.
fn texts<'a>(lesson: &Lesson<'a>, class: &str) -> Result<&'a [Option<String>], FitError> {
    match lesson.columns {
        [RawColumn::Texts(texts)] => Ok(texts),
        [RawColumn::Numbers(_)] => {
            Err(FitError::data(format!("texts in `{}` for `{class}`", lesson.name(0)), "numbers"))
        }
        more => {
            let got = format!("{}; give each steps of its own", more.len());
            Err(FitError::data(format!("one column for `{class}`"), got))
        }
    }
}

fn analysis(parameters: &CountVectorizer) -> Result<Analysis, FitError> {
    let (shortest, longest) = match *parameters.ngram_range {
        [shortest, longest] if shortest <= longest => (shortest, longest),
        _ => {
            let got = format!("{:?}", parameters.ngram_range);
            let expected = "two whole numbers, the lower first".to_owned();
            return Err(FitError::Parameter { name: "ngram_range", expected, got });
        }
    };
    let units = match parameters.analyzer {
        TermUnit::Word => {
            let pattern = &parameters.token_pattern;
            let pattern = TokenPattern::parse(pattern).map_err(|error| FitError::Parameter {
                name: "token_pattern",
                expected: format!("a pattern of words ({error})"),
                got: pattern.clone(),
            })?;
            let stop_words = match &parameters.stop_words {
                None => Vec::new(),
                Some(StopWords::English) => {
                    ENGLISH_STOP_WORDS.split_whitespace().map(str::to_owned).collect()
                }
                Some(StopWords::Listed(words)) => words.clone(),
            };
            Units::Words { pattern, stop_words }
        }
        TermUnit::Character => Units::Characters,
        TermUnit::CharacterInWord => Units::CharactersInWords,
    };
    let (lowercase, accents) = (parameters.lowercase, parameters.strip_accents);
    Ok(Analysis { lowercase, accents, units, shortest, longest })
}

/// All terms of texts and how often they are used. Where each text tells no more than that it has a term, so it counts.
fn uses(analysis: &Analysis, texts: &[Option<String>], binary: bool) -> HashMap<String, Use> {
    let of_block = |texts: &[Option<String>]| {
        let mut analyzer = Analyzer::new(analysis);
        let mut uses = HashMap::<String, (Use, usize)>::new();
        for (number, text) in texts.iter().flatten().enumerate() {
            analyzer.terms(text, |term| {
                // Not `entry`: most terms are known, and only new ones are to be copied.
                let (used, last) = match uses.get_mut(term) {
                    Some(known) => known,
                    None => uses.entry(term.to_owned()).or_insert((Use::default(), usize::MAX)),
                };
                let first = std::mem::replace(last, number) != number;
                used.texts += usize::from(first);
                used.times += usize::from(first || !binary);
            });
        }
        uses.into_iter().map(|(term, (used, _))| (term, used)).collect::<HashMap<_, _>>()
    };
    let together = |mut all: HashMap<String, Use>, more: HashMap<String, Use>| {
        for (term, used) in more {
            let known = all.entry(term).or_default();
            known.texts += used.texts;
            known.times += used.times;
        }
        all
    };
    texts.par_chunks(BLOCK).map(of_block).reduce(HashMap::new, together)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    fn terms(parameters: &CountVectorizer, texts: &[Option<&str>]) -> Result<(Vec<String>, usize), FitError> {
        let columns = [RawColumn::Texts(texts.iter().map(|text| text.map(str::to_owned)).collect())];
        let y = vec![0.0; texts.len()];
        let target = Target::Values(&y);
        let steps = counts(
            parameters,
            &Lesson { columns: &columns, names: &["note"], target: Some(&target), seed: 0 },
        )?;
        match steps.last() {
            Some(Step::Terms(Terms { index: TermIndex::Vocabulary(terms), .. })) => {
                Ok((terms.clone(), steps.len()))
            }
            _ => panic!("{steps:?}"),
        }
    }

    const TEXTS: [Option<&str>; 4] =
        [Some("The cat sat, the cat"), Some("the dog sat"), None, Some("a Bird and the dog, dog dog")];

    #[test]
    fn terms_are_chosen_by_how_many_texts_have_them_and_how_often() {
        let usual = CountVectorizer::default();
        let (all, steps) = terms(&usual, &TEXTS).unwrap();
        assert_eq!((all, steps), (["and", "bird", "cat", "dog", "sat", "the"].map(String::from).to_vec(), 2));
        let twice = CountVectorizer { min_df: Documents::Count(2), ..usual.clone() };
        assert_eq!(terms(&twice, &TEXTS).unwrap().0, ["dog", "sat", "the"]);
        let rare = CountVectorizer { max_df: Documents::Share(0.5), ..twice.clone() };
        assert_eq!(terms(&rare, &TEXTS).unwrap().0, ["dog", "sat"]);
        // "dog" and "the" four times each; with each text once, "the" in three and "dog" in two.
        let two = CountVectorizer { max_features: Some(2), ..usual.clone() };
        assert_eq!(terms(&two, &TEXTS).unwrap().0, ["dog", "the"]);
        let once = CountVectorizer { max_features: Some(1), binary: true, ..usual.clone() };
        assert_eq!(terms(&once, &TEXTS).unwrap().0, ["the"]);
        let stop = CountVectorizer { stop_words: Some(StopWords::English), ..usual };
        assert_eq!(terms(&stop, &TEXTS[..1]).unwrap(), (["cat", "sat"].map(String::from).to_vec(), 1));
    }

    #[test]
    fn what_leaves_no_term_is_told() {
        let none = CountVectorizer { min_df: Documents::Count(4), ..CountVectorizer::default() };
        let error = terms(&none, &TEXTS).unwrap_err().to_string();
        assert!(error.contains("terms of 4 to 4 texts in `note`") && error.contains("min_df"), "{error}");
        let error = terms(&CountVectorizer::default(), &[Some("a"), None]).unwrap_err().to_string();
        assert!(error.contains("terms in `note`, got none"), "{error}");
    }
}
