//! Finding the tokens of a text: a simulation of all ways to match at once (Ken Thompson's, with Rob Pike's threads
//! that know where they began), in time proportional to the text for each match.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::pattern::{Named, Node, Set, TokenPattern};

/// Whether a character is of a word: Python's `str.isalnum`, or `_`.
pub(super) fn is_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    let group = character.general_category_group();
    matches!(group, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// Whether a character is white space: Python's `str.isspace`.
pub(super) fn is_space(character: char) -> bool {
    // Unlike Unicode, Python counts the separators of ASCII.
    character.is_whitespace() || matches!(character, '\x1c'..='\x1f')
}

fn is_digit(character: char) -> bool {
    use unicode_properties::GeneralCategory;
    if character.is_ascii() {
        return character.is_ascii_digit();
    }
    character.general_category() == GeneralCategory::DecimalNumber
}

impl Set {
    fn contains(&self, character: char) -> bool {
        let named = |(named, inverted): &(Named, bool)| {
            let inside = match named {
                Named::Word => is_word(character),
                Named::Digit => is_digit(character),
                Named::Space => is_space(character),
            };
            inside != *inverted
        };
        let inside = self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&character))
            || self.named.iter().any(named);
        inside != self.inverted
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(Set),
    Boundary(bool),
    /// Go on at both, the first before the second.
    Split(usize, usize),
    Go(usize),
    /// The group begins or ends.
    Save {
        end: bool,
    },
    Found,
}

/// A way to match that is followed.
#[derive(Debug, Clone, Copy)]
struct Thread {
    at: usize,
    start: usize,
    group: (usize, usize),
}

/// Memory of a search.
#[derive(Debug, Default)]
pub(crate) struct Search {
    now: Vec<Thread>,
    next: Vec<Thread>,
    open: Vec<Thread>,
    /// For each step the position, from 1, at which a thread came to it last.
    seen: Vec<usize>,
}

/// A compiled [`TokenPattern`].
#[derive(Debug)]
pub(super) struct Searcher {
    /// Tokens are all runs of at least so many characters of words.
    runs: Option<usize>,
    steps: Vec<Step>,
    group: bool,
}

impl Searcher {
    pub(super) fn new(pattern: &TokenPattern) -> Self {
        let mut steps = Vec::new();
        compile(&pattern.node, &mut steps);
        steps.push(Step::Found);
        Self { runs: pattern.runs(), steps, group: pattern.group }
    }

    /// Gives every token to `emit`, as Python's `findall` does.
    pub(super) fn each(&self, text: &str, search: &mut Search, mut emit: impl FnMut(&str)) {
        if let Some(least) = self.runs {
            let runs = text.split(|character| !is_word(character));
            return runs.filter(|run| run.chars().take(least).count() == least).for_each(emit);
        }
        let mut from = 0;
        while let Some(found) = self.first(text, from, search) {
            let (start, end) = if self.group { found.group } else { (found.start, found.at) };
            emit(text.get(start..end).unwrap_or_default());
            from = found.at;
        }
    }

    /// The first match from a position on; its `at` is where it ends.
    fn first(&self, text: &str, from: usize, search: &mut Search) -> Option<Thread> {
        let Search { now, next, open, seen } = search;
        now.clear();
        seen.clear();
        seen.resize(self.steps.len(), 0);
        let mut found = None;
        let mut before = text[..from].chars().next_back();
        let mut position = from;
        let mut characters = text[from..].chars();
        loop {
            let after = characters.next();
            let boundary = before.is_some_and(is_word) != after.is_some_and(is_word);
            next.clear();
            // Threads come in order of preference; one that has found a match ends those behind it.
            let starts = found.is_none().then_some(Thread { at: 0, start: position, group: (0, 0) });
            for thread in now.drain(..).chain(starts) {
                open.push(thread);
                let ended = self.follow(open, seen, next, position, boundary);
                if let Some(ended) = ended {
                    found = Some(Thread { at: position, ..ended });
                    break;
                }
            }
            let Some(character) = after else { return found };
            if next.is_empty() && found.is_some() {
                return found;
            }
            for thread in next.iter() {
                if let Step::Set(set) = &self.steps[thread.at]
                    && set.contains(character)
                {
                    now.push(Thread { at: thread.at + 1, ..*thread });
                }
            }
            before = after;
            position += character.len_utf8();
        }
    }

    /// Follows a thread to the sets it may match next; the thread that came to the end, if one did.
    fn follow(
        &self,
        open: &mut Vec<Thread>,
        seen: &mut [usize],
        next: &mut Vec<Thread>,
        position: usize,
        boundary: bool,
    ) -> Option<Thread> {
        while let Some(mut thread) = open.pop() {
            if std::mem::replace(&mut seen[thread.at], position + 1) == position + 1 {
                continue;
            }
            match &self.steps[thread.at] {
                Step::Set(_) => next.push(thread),
                Step::Boundary(wanted) if *wanted == boundary => {
                    open.push(Thread { at: thread.at + 1, ..thread })
                }
                Step::Boundary(_) => {}
                Step::Split(first, second) => {
                    open.push(Thread { at: *second, ..thread });
                    open.push(Thread { at: *first, ..thread });
                }
                Step::Go(at) => open.push(Thread { at: *at, ..thread }),
                Step::Save { end } => {
                    if *end {
                        thread.group.1 = position;
                    } else {
                        thread.group = (position, position);
                    }
                    open.push(Thread { at: thread.at + 1, ..thread });
                }
                Step::Found => {
                    open.clear();
                    return Some(thread);
                }
            }
        }
        None
    }
}

fn compile(node: &Node, steps: &mut Vec<Step>) {
    match node {
        Node::Set(set) => steps.push(Step::Set(set.clone())),
        Node::Boundary(wanted) => steps.push(Step::Boundary(*wanted)),
        Node::Group(node) => {
            steps.push(Step::Save { end: false });
            compile(node, steps);
            steps.push(Step::Save { end: true });
        }
        Node::All(nodes) => nodes.iter().for_each(|node| compile(node, steps)),
        Node::Any(nodes) => {
            let mut ends = Vec::new();
            for (position, node) in nodes.iter().enumerate() {
                let split = steps.len();
                if position + 1 < nodes.len() {
                    steps.push(Step::Split(split + 1, 0));
                    compile(node, steps);
                    ends.push(steps.len());
                    steps.push(Step::Go(0));
                    steps[split] = Step::Split(split + 1, steps.len());
                } else {
                    compile(node, steps);
                }
            }
            let end = steps.len();
            ends.into_iter().for_each(|at| steps[at] = Step::Go(end));
        }
        Node::Repeat { node, least, most, greedy } => {
            let split = |inside: usize, outside: usize| match greedy {
                true => Step::Split(inside, outside),
                false => Step::Split(outside, inside),
            };
            (0..*least).for_each(|_| compile(node, steps));
            let Some(most) = most else {
                let start = steps.len();
                steps.push(Step::Go(0));
                compile(node, steps);
                steps.push(Step::Go(start));
                steps[start] = split(start + 1, steps.len());
                return;
            };
            let mut splits = Vec::new();
            for _ in *least..*most {
                splits.push(steps.len());
                steps.push(Step::Go(0));
                compile(node, steps);
            }
            let end = steps.len();
            splits.into_iter().for_each(|at| steps[at] = split(at + 1, end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(pattern: &str, text: &str) -> Vec<String> {
        let searcher = Searcher::new(&TokenPattern::parse(pattern).unwrap());
        let mut tokens = Vec::new();
        searcher.each(text, &mut Search::default(), |token| tokens.push(token.to_owned()));
        tokens
    }

    /// Each expectation is what Python's `re.findall` gives.
    #[test]
    fn tokens_are_those_of_python() {
        let text = "It's 3.14 or x², the क्षेत्र of a-b_c.";
        let cases: [(&str, &[&str]); 8] = [
            (r"(?u)\b\w\w+\b", &["It", "14", "or", "x²", "the", "of", "b_c"]),
            (r"[a-zA-Z']+", &["It's", "or", "x", "the", "of", "a", "b", "c"]),
            (r"\b[a-z]{2,3}\b", &["or", "the", "of"]),
            (r"\d+(?:\.\d+)?|of|x\w+?", &["3.14", "x²", "of"]),
            (r"(\w)\w*", &["I", "s", "3", "1", "o", "x", "t", "क", "ष", "त", "र", "o", "a", "b"]),
            (r"\b\w(?:-\w+)?", &["I", "s", "3", "1", "o", "x", "t", "क", "ष", "त", "र", "o", "a-b_c"]),
            (r"\S+", &["It's", "3.14", "or", "x²,", "the", "क्षेत्र", "of", "a-b_c."]),
            (r"(?:ab|a)(b)?", &[""]),
        ];
        for (pattern, expected) in cases {
            assert_eq!(tokens(pattern, text), expected, "{pattern}");
        }
    }
}
