//! An error as one line of text.

use std::error::Error;
use std::iter::successors;

/// An error and what caused it, the last cause last.
pub fn with_causes(error: &dyn Error) -> String {
    let causes = successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
