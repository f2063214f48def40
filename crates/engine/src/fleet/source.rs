//! What a server is told to serve.

use super::files::FileSource;

/// The alias of the versions that a server without other orders serves.
pub const PRODUCTION: &str = "production";

/// A model that a server is told to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(FileSource),
    /// A model of the registry.
    Registered {
        /// Its name there.
        model: String,
        /// Which version of it.
        which: Which,
        /// The name it is served under.
        name: String,
    },
    /// Every model of the registry with the alias [`PRODUCTION`], under its own name.
    Production,
}

/// Which version of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one that this alias points to.
    Alias(String),
    /// The one with this number.
    Number(u32),
}

impl Which {
    /// What stands behind the `@` of `name@alias` and `name@number`.
    pub fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Alias(text.to_owned()), Self::Number)
    }
}
