//! Token patterns: the part of Python's regular expressions that says what a word is.
//!
//! The syntax and its meaning are those of Python's `re` for text: `\w` is what `str.isalnum` accepts, and `_`. General
//! crates have another `\w` and `\b` (Unicode's, which takes combining marks for letters and leaves numbers such as `²`
//! out), and so would split other words out of the same text.

/// Most instructions of a compiled pattern.
const MOST_STEPS: usize = 4096;
/// How deep groups may nest.
const DEEPEST: usize = 32;

/// A pattern that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenPattern {
    text: String,
    pub(super) node: Node,
    /// Whether a token is what the group matched and not the whole match.
    pub(super) group: bool,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Something that is not understood.
    #[error("`{what}` is not supported in a token pattern")]
    Unsupported {
        /// The construct.
        what: String,
    },
    /// It could match the empty text.
    #[error("a token pattern must match at least one character")]
    Empty,
    /// It is too large.
    #[error("a token pattern may have at most {MOST_STEPS} steps and {DEEPEST} nested groups")]
    TooLarge,
}

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// One character.
    Set(Set),
    /// `\b` (true) or `\B`.
    Boundary(bool),
    /// The group that is a token.
    Group(Box<Node>),
    /// One after another.
    All(Vec<Node>),
    /// The first that matches.
    Any(Vec<Node>),
    /// As often as possible, or as seldom.
    Repeat {
        /// What is repeated.
        node: Box<Node>,
        /// Least number of times.
        least: usize,
        /// Largest number of times; any when `None`.
        most: Option<usize>,
        /// Whether as often as possible.
        greedy: bool,
    },
}

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Set {
    pub(super) ranges: Vec<(char, char)>,
    /// Named sets, each perhaps inverted.
    pub(super) named: Vec<(Named, bool)>,
    pub(super) inverted: bool,
}

/// Sets of characters with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// `\w`
    Word,
    /// `\d`
    Digit,
    /// `\s`
    Space,
}

type Parsed<T> = Result<T, PatternError>;

impl TokenPattern {
    /// Understands a pattern.
    ///
    /// # Errors
    /// Constructs beyond literals, sets, `\b`, groups of which one captures, alternatives and repetitions; patterns
    /// that match the empty text.
    pub fn parse(text: &str) -> Parsed<Self> {
        let mut parser = Parser { left: text.strip_prefix("(?u)").unwrap_or(text), groups: 0, depth: 0 };
        let node = parser.alternatives()?;
        if !parser.left.is_empty() {
            return Err(parser.unsupported(1));
        }
        if node.least() == 0 {
            return Err(PatternError::Empty);
        }
        if node.steps() > MOST_STEPS {
            return Err(PatternError::TooLarge);
        }
        Ok(Self { text: text.to_owned(), node, group: parser.groups == 1 })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `n` where the tokens are all runs of at least `n` characters of `\w`, as with the default pattern.
    pub(super) fn runs(&self) -> Option<usize> {
        let nodes = if let Node::All(nodes) = &self.node { nodes } else { std::slice::from_ref(&self.node) };
        let words = match nodes {
            [Node::Boundary(true), words @ .., Node::Boundary(true)] => words,
            words => words,
        };
        let (last, first) = words.split_last()?;
        let word = |node: &Node| matches!(node, Node::Set(set) if set.is_word());
        let Node::Repeat { node, least, most: None, greedy: true } = last else { return None };
        let least = first.len() + least;
        (word(node) && first.iter().all(word) && least > 0).then_some(least)
    }
}

impl Set {
    fn is_word(&self) -> bool {
        self.ranges.is_empty() && self.named == [(Named::Word, false)] && !self.inverted
    }

    fn single(character: char) -> Self {
        Self { ranges: vec![(character, character)], ..Self::default() }
    }
}

impl Node {
    /// Least number of characters it matches.
    fn least(&self) -> usize {
        match self {
            Self::Set(_) => 1,
            Self::Boundary(_) => 0,
            Self::Group(node) => node.least(),
            Self::All(nodes) => nodes.iter().fold(0, |sum, node| sum.saturating_add(node.least())),
            Self::Any(nodes) => nodes.iter().map(Self::least).min().unwrap_or(0),
            Self::Repeat { node, least, .. } => node.least().saturating_mul(*least),
        }
    }

    /// Number of instructions it becomes, at most.
    fn steps(&self) -> usize {
        match self {
            Self::Set(_) | Self::Boundary(_) => 1,
            Self::Group(node) => node.steps() + 2,
            Self::All(nodes) => nodes.iter().fold(0, |sum, node| sum.saturating_add(node.steps())),
            Self::Any(nodes) => nodes.iter().fold(0, |sum, node| sum.saturating_add(node.steps() + 2)),
            Self::Repeat { node, least, most, .. } => {
                node.steps().saturating_add(2).saturating_mul(most.unwrap_or(*least).saturating_add(1))
            }
        }
    }
}

struct Parser<'a> {
    left: &'a str,
    groups: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.left.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.left.chars();
        let next = characters.next();
        self.left = characters.as_str();
        next
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.left.strip_prefix(text);
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }

    /// What stands here is not supported.
    fn unsupported(&self, characters: usize) -> PatternError {
        PatternError::Unsupported { what: self.left.chars().take(characters).collect() }
    }

    fn alternatives(&mut self) -> Parsed<Node> {
        if self.depth == DEEPEST {
            return Err(PatternError::TooLarge);
        }
        self.depth += 1;
        let mut all = vec![self.sequence()?];
        while self.eat("|") {
            all.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Node::Any(all) })
    }

    fn sequence(&mut self) -> Parsed<Node> {
        let mut nodes = Vec::new();
        while self.peek().is_some_and(|next| next != '|' && next != ')') {
            let node = self.atom()?;
            nodes.push(self.repeated(node)?);
        }
        Ok(if nodes.len() == 1 { nodes.swap_remove(0) } else { Node::All(nodes) })
    }

    fn atom(&mut self) -> Parsed<Node> {
        if self.left.starts_with("(?P<") {
            let (_, rest) = self.left.split_once('>').ok_or_else(|| self.unsupported(4))?;
            self.left = rest;
            return self.group();
        }
        if self.eat("(?:") {
            let node = self.alternatives()?;
            return self.closed(node);
        }
        if self.left.starts_with("(?") {
            return Err(self.unsupported(3));
        }
        if self.eat("(") {
            return self.group();
        }
        if self.eat("[") {
            return self.set().map(Node::Set);
        }
        if self.eat("\\b") {
            return Ok(Node::Boundary(true));
        }
        if self.eat("\\B") {
            return Ok(Node::Boundary(false));
        }
        match self.peek() {
            Some('^' | '$' | '*' | '+' | '?' | '{') | None => Err(self.unsupported(1)),
            Some('\\') => match self.escape()? {
                Ok(character) => Ok(Node::Set(Set::single(character))),
                Err(named) => Ok(Node::Set(Set { named: vec![named], ..Set::default() })),
            },
            Some('.') => {
                self.next();
                Ok(Node::Set(Set { inverted: true, ..Set::single('\n') }))
            }
            Some(character) => {
                self.next();
                Ok(Node::Set(Set::single(character)))
            }
        }
    }

    fn group(&mut self) -> Parsed<Node> {
        self.groups += 1;
        if self.groups > 1 {
            return Err(PatternError::Unsupported { what: "a second capturing group".into() });
        }
        let node = self.alternatives()?;
        self.closed(Node::Group(Box::new(node)))
    }

    fn closed(&mut self, node: Node) -> Parsed<Node> {
        if self.eat(")") { Ok(node) } else { Err(PatternError::Unsupported { what: "an open group".into() }) }
    }

    /// A character or a named set behind a backslash.
    fn escape(&mut self) -> Parsed<Result<char, (Named, bool)>> {
        let error = self.unsupported(2);
        self.next();
        let hexadecimal = |parser: &mut Self, digits: usize| {
            let text: String = parser.left.chars().take(digits).collect();
            let valid = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let code = u32::from_str_radix(&text, 16).ok().filter(|_| valid).and_then(char::from_u32);
            parser.left = &parser.left[text.len()..];
            code.map(Ok).ok_or_else(|| error.clone())
        };
        match self.next() {
            Some('w') => Ok(Err((Named::Word, false))),
            Some('W') => Ok(Err((Named::Word, true))),
            Some('d') => Ok(Err((Named::Digit, false))),
            Some('D') => Ok(Err((Named::Digit, true))),
            Some('s') => Ok(Err((Named::Space, false))),
            Some('S') => Ok(Err((Named::Space, true))),
            Some('n') => Ok(Ok('\n')),
            Some('t') => Ok(Ok('\t')),
            Some('r') => Ok(Ok('\r')),
            Some('f') => Ok(Ok('\x0c')),
            Some('v') => Ok(Ok('\x0b')),
            Some('x') => hexadecimal(self, 2),
            Some('u') => hexadecimal(self, 4),
            Some('U') => hexadecimal(self, 8),
            Some(other) if !other.is_alphanumeric() => Ok(Ok(other)),
            Some(_) | None => Err(error),
        }
    }

    /// The rest of a set behind its bracket.
    fn set(&mut self) -> Parsed<Set> {
        let mut set = Set { inverted: self.eat("^"), ..Set::default() };
        let mut first = true;
        loop {
            match self.peek() {
                None => return Err(PatternError::Unsupported { what: "an open set".into() }),
                Some(']') if !first => {
                    self.next();
                    return Ok(set);
                }
                Some(_) => {}
            }
            first = false;
            let low = match self.member()? {
                Err(named) => {
                    set.named.push(named);
                    continue;
                }
                Ok(low) => low,
            };
            let mut ahead = self.left.chars();
            if ahead.next() == Some('-') && ahead.next().is_some_and(|after| after != ']') {
                self.next();
                match self.member()? {
                    Ok(high) if low <= high => set.ranges.push((low, high)),
                    Ok(_) | Err(_) => {
                        return Err(PatternError::Unsupported { what: "a range without order".into() });
                    }
                }
            } else {
                set.ranges.push((low, low));
            }
        }
    }

    fn member(&mut self) -> Parsed<Result<char, (Named, bool)>> {
        match self.peek() {
            // Inside a set that is a backspace.
            Some('\\') if self.left.starts_with("\\b") => Err(self.unsupported(2)),
            Some('\\') => self.escape(),
            _ => self.next().map(Ok).ok_or(PatternError::Unsupported { what: "an open set".into() }),
        }
    }

    /// The node with what is said of its repetition.
    fn repeated(&mut self, node: Node) -> Parsed<Node> {
        let (least, most) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.counted(node),
            Some(_) | None => return Ok(node),
        };
        self.next();
        self.finished(node, least, most)
    }

    fn counted(&mut self, node: Node) -> Parsed<Node> {
        let error = self.unsupported(8);
        let (counts, rest) = self.left[1..].split_once('}').ok_or_else(|| error.clone())?;
        self.left = rest;
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<usize>().ok().filter(|_| digits).ok_or_else(|| error.clone())
        };
        let (least, most) = match counts.split_once(',') {
            None => (number(counts)?, Some(number(counts)?)),
            Some(("", "")) => return Err(error),
            Some(("", most)) => (0, Some(number(most)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        if most.is_some_and(|most| most < least) {
            return Err(error);
        }
        self.finished(node, least, most)
    }

    fn finished(&mut self, node: Node, least: usize, most: Option<usize>) -> Parsed<Node> {
        let greedy = !self.eat("?");
        if self.peek().is_some_and(|next| matches!(next, '*' | '+' | '?' | '{')) {
            return Err(self.unsupported(1));
        }
        // What may be empty is repeated by rules of its own.
        if node.least() == 0 {
            return Err(PatternError::Unsupported { what: "a repetition of what may be empty".into() });
        }
        Ok(Node::Repeat { node: Box::new(node), least, most, greedy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_runs_are_known() {
        for (pattern, runs) in [
            (r"(?u)\b\w\w+\b", Some(2)),
            (r"\b\w+\b", Some(1)),
            (r"\w{3,}", Some(3)),
            (r"\w+", Some(1)),
            (r"[\w]+", Some(1)),
            (r"\w+?", None),
            (r"\b\w{2,4}\b", None),
            (r"[a-z]+", None),
        ] {
            assert_eq!(TokenPattern::parse(pattern).unwrap().runs(), runs, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for pattern in [
            "",
            "a*",
            r"(?i)a",
            r"(?<!a)b",
            r"(?=a)b",
            r"^a",
            r"a$",
            r"a++",
            r"(a)(b)",
            r"(a",
            r"a)",
            "[a",
            r"\Aa",
            r"\1a",
            r"a{",
            r"a{2",
            r"[b-a]",
            r"(a*)*b",
            r"\b",
            r"a{99999}",
            r"[\b]",
            r"(\b)+a",
        ] {
            assert!(TokenPattern::parse(pattern).is_err(), "{pattern}");
        }
        let deep = format!("{}a{}", "(?:".repeat(40), ")".repeat(40));
        assert_eq!(TokenPattern::parse(&deep), Err(PatternError::TooLarge));
    }
}
