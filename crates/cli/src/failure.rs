//! How a command fails: a message, its causes, and what to do next.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    exit: Exit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Whoever read our output has gone: nobody is left to tell, and nothing is wrong.
    BrokenPipe,
    Failed,
    Usage,
    Stopped,
}

impl Failure {
    /// The operation failed: exit status 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), hint: None, exit: Exit::Failed }
    }

    /// The command was called wrongly: exit status 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// The exit status after Ctrl-C, as shells have it.
    pub(crate) const STOPPED: u8 = 130;

    /// The user has stopped it.
    pub(crate) fn stopped() -> Self {
        Self { exit: Exit::Stopped, ..Self::new("stopped; nothing was written") }
    }

    /// The same failure with an error and all that caused it below the message.
    #[must_use]
    pub(crate) fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// The same failure with one more line below the message.
    #[must_use]
    pub(crate) fn detail(mut self, line: impl Into<String>) -> Self {
        self.causes.push(line.into());
        self
    }

    /// The same failure with advice, unless there is none.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into().or(self.hint);
        self
    }

    /// Output that could not be written. A reader that has gone is not a failure.
    pub(crate) fn output(error: &io::Error) -> Self {
        let failure = Self::new("cannot write the output").detail(io_text(error));
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::BrokenPipe, ..failure };
        }
        failure
    }

    /// What is printed.
    fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        for cause in &self.causes {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {}", cause.replace('\n', "\n  "));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "hint: {hint}");
        }
        text
    }

    /// Prints the failure to stderr and gives the exit status.
    #[expect(clippy::print_stderr, reason = "the one place where failures are printed")]
    pub(crate) fn report(&self) -> ExitCode {
        if self.exit != Exit::BrokenPipe {
            eprint!("{}", self.render());
        }
        match self.exit {
            Exit::BrokenPipe => ExitCode::SUCCESS,
            Exit::Failed => ExitCode::from(1),
            Exit::Stopped => ExitCode::from(Self::STOPPED),
            Exit::Usage => ExitCode::from(2),
        }
    }
}

/// What the operating system says of an error, without its number and what may follow that.
pub(crate) fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    let Some((reason, _)) = text.split_once(" (os error") else { return text };
    let mut letters = reason.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Prints something worth knowing to stderr.
#[expect(clippy::print_stderr, reason = "the one place where notes are printed")]
pub(crate) fn note(text: &str) {
    eprintln!("note: {text}");
}

/// Prints what a log is to keep to stderr, as it is.
#[expect(clippy::print_stderr, reason = "the one place where a log is printed")]
pub(crate) fn tell(text: &str) {
    eprint!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_and_hint_follow_the_message() {
        let error = io::Error::other("disk on fire");
        let failure = Failure::new("cannot read `x`").because(&error).hint("buy a disk".to_owned());
        assert_eq!(failure.render(), "error: cannot read `x`\n  disk on fire\nhint: buy a disk\n");
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let failure = Failure::output(&io::ErrorKind::BrokenPipe.into());
        assert_eq!(failure.exit, Exit::BrokenPipe);
    }
}
