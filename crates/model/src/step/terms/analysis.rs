//! From a text to its terms, as `sklearn.feature_extraction.text` makes them: letters folded, split into units, and
//! runs of units put together.
//!
//! All units of a text are laid into one buffer in such a way that every term is a slice of it.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::pattern::TokenPattern;
use super::search::{Search, Searcher, is_space};

/// How a text becomes terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Whether letters are made small.
    pub lowercase: bool,
    /// What becomes of accents.
    pub accents: Accents,
    /// What terms are made of.
    pub units: Units,
    /// Least number of units in a term, at least 1.
    pub shortest: usize,
    /// Largest number of units in a term.
    pub longest: usize,
}

/// What becomes of accents, once letters are small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accents {
    /// Nothing.
    Keep,
    /// Characters are decomposed (NFKD), and what is not ASCII then is left out.
    Ascii,
    /// Characters are decomposed (NFKD), and combining ones are left out.
    Unicode,
}

/// What terms are made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Units {
    /// Words: terms of several have a space between them.
    Words {
        /// What a word is.
        pattern: TokenPattern,
        /// Words that are left out.
        stop_words: Vec<String>,
    },
    /// Characters, once every run of white space of at least two is one space.
    Characters,
    /// Characters of words between white space, with a space before and after each; terms do not go beyond a word.
    CharactersInWords,
}

/// Memory of an analysis.
#[derive(Debug, Default)]
pub(crate) struct TextBuffers {
    folded: String,
    laid: String,
    /// Start and end of each unit in `laid`.
    units: Vec<(usize, usize)>,
    search: Search,
}

/// Finds the terms of texts, for those who have yet to choose which are indexed.
#[derive(Debug)]
pub struct Analyzer {
    plan: AnalysisPlan,
    buffers: TextBuffers,
}

impl Analyzer {
    /// Does what an analysis says.
    pub fn new(analysis: &Analysis) -> Self {
        Self { plan: AnalysisPlan::new(analysis), buffers: TextBuffers::default() }
    }

    /// Gives every term of a text to `emit`, repeated ones again.
    pub fn terms(&mut self, text: &str, emit: impl FnMut(&str)) {
        self.plan.terms(text, &mut self.buffers, emit);
    }
}

/// A compiled [`Analysis`].
#[derive(Debug)]
pub(super) struct AnalysisPlan {
    analysis: Analysis,
    /// Finds words.
    searcher: Option<Searcher>,
    stop_words: HashSet<Box<str>>,
}

impl AnalysisPlan {
    pub(super) fn new(analysis: &Analysis) -> Self {
        let (searcher, stop_words) = match &analysis.units {
            Units::Words { pattern, stop_words } => {
                (Some(Searcher::new(pattern)), stop_words.iter().map(|word| word.as_str().into()).collect())
            }
            Units::Characters | Units::CharactersInWords => (None, HashSet::new()),
        };
        Self { analysis: analysis.clone(), searcher, stop_words }
    }

    /// Gives every term of a text to `emit`, repeated ones again.
    pub(super) fn terms(&self, text: &str, buffers: &mut TextBuffers, mut emit: impl FnMut(&str)) {
        let TextBuffers { folded, laid, units, search } = buffers;
        self.fold(text, folded);
        laid.clear();
        units.clear();
        match &self.analysis.units {
            Units::Words { .. } => {
                let Some(searcher) = &self.searcher else { return };
                searcher.each(folded, search, |word| {
                    if !self.stop_words.contains(word) {
                        if !units.is_empty() {
                            laid.push(' ');
                        }
                        lay(word, laid, units);
                    }
                });
                self.runs(laid, units, &mut emit);
            }
            Units::Characters => {
                lay_characters(folded, laid, units);
                self.runs(laid, units, &mut emit);
            }
            Units::CharactersInWords => {
                for word in folded.split(is_space).filter(|word| !word.is_empty()) {
                    laid.clear();
                    units.clear();
                    lay(" ", laid, units);
                    for character in word.chars() {
                        lay(character.encode_utf8(&mut [0; 4]), laid, units);
                    }
                    lay(" ", laid, units);
                    self.runs_of_word(laid, units, &mut emit);
                }
            }
        }
    }

    /// Makes letters small and takes accents away.
    fn fold(&self, text: &str, folded: &mut String) {
        folded.clear();
        if text.is_ascii() {
            folded.push_str(text);
            if self.analysis.lowercase {
                folded.make_ascii_lowercase();
            }
            return;
        }
        let small = self.analysis.lowercase.then(|| text.to_lowercase());
        let text = small.as_deref().unwrap_or(text);
        match self.analysis.accents {
            Accents::Keep => folded.push_str(text),
            // What has become ASCII by lower case alone is not decomposed; that would change nothing.
            Accents::Ascii => folded.extend(text.nfkd().filter(char::is_ascii)),
            Accents::Unicode => {
                folded.extend(text.nfkd().filter(|character| canonical_combining_class(*character) == 0));
            }
        }
    }

    /// All runs of units.
    fn runs(&self, laid: &str, units: &[(usize, usize)], emit: &mut impl FnMut(&str)) {
        for length in self.analysis.shortest..=self.analysis.longest.min(units.len()) {
            for run in units.windows(length) {
                emit(&laid[run[0].0..run[length - 1].1]);
            }
        }
    }

    /// All runs of the characters of a word; one that is shorter than the runs counts once.
    fn runs_of_word(&self, laid: &str, units: &[(usize, usize)], emit: &mut impl FnMut(&str)) {
        for length in self.analysis.shortest..=self.analysis.longest {
            if length >= units.len() {
                return emit(laid);
            }
            for run in units.windows(length) {
                emit(&laid[run[0].0..run[length - 1].1]);
            }
        }
    }
}

fn lay(unit: &str, laid: &mut String, units: &mut Vec<(usize, usize)>) {
    let start = laid.len();
    laid.push_str(unit);
    units.push((start, laid.len()));
}

fn lay_characters(text: &str, laid: &mut String, units: &mut Vec<(usize, usize)>) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let mut unit = character;
        if is_space(character) {
            while characters.next_if(|next| is_space(*next)).is_some() {
                unit = ' ';
            }
        }
        lay(unit.encode_utf8(&mut [0; 4]), laid, units);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(units: Units, (shortest, longest): (usize, usize), text: &str) -> Vec<String> {
        let analysis = Analysis { lowercase: true, accents: Accents::Unicode, units, shortest, longest };
        let mut terms = Vec::new();
        let mut buffers = TextBuffers::default();
        AnalysisPlan::new(&analysis).terms(text, &mut buffers, |term| terms.push(term.to_owned()));
        terms
    }

    #[test]
    fn words_without_stop_words_stand_together() {
        let pattern = TokenPattern::parse(r"(?u)\b\w\w+\b").unwrap();
        let units = Units::Words { pattern, stop_words: vec!["the".into()] };
        let expected = ["cafe", "crème", "cafe crème"].map(|term| term.replace('è', "e"));
        assert_eq!(terms(units, (1, 2), "a Café, the CRÈME!"), expected);
    }

    #[test]
    fn characters_stand_together_within_words_or_beyond() {
        assert_eq!(terms(Units::Characters, (2, 2), "a \t b"), ["a ", " b"]);
        assert_eq!(terms(Units::Characters, (1, 1), "\ta"), ["\t", "a"]);
        let within = terms(Units::CharactersInWords, (3, 5), "ab  c");
        assert_eq!(within, [" ab", "ab ", " ab ", " c "]);
    }
}
