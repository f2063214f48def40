//! Names of classes and functions, matched whatever private module a version keeps them in.

use std::fmt;

/// A dotted name as the file writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class<'p> {
    pub(super) module: &'p str,
    pub(super) name: &'p str,
    pub(super) own: bool,
}

impl<'p> Class<'p> {
    /// The module as the file writes it, such as `sklearn.linear_model._ridge`.
    pub fn module(&self) -> &'p str {
        self.module
    }

    /// The name within the module, such as `Ridge`.
    pub fn name(&self) -> &'p str {
        self.name
    }

    /// The top-level package, such as `sklearn`. Python 2's `__builtin__` and `copy_reg` count as `builtins` and `copyreg`,
    /// the plain `_loss` that scikit-learn 1.5 to 1.7 write counts as `sklearn`, and the joblib that came with it up to 0.22 as `joblib`.
    ///
    /// What is defined in the file itself counts as of `__main__`, whatever module it claims, so that no loader takes it for a library's.
    pub fn package(&self) -> &'p str {
        if self.own {
            return "__main__";
        }
        if self.module.starts_with("sklearn.externals.joblib") {
            return "joblib";
        }
        match self.module.split('.').next().unwrap_or(self.module) {
            "__builtin__" => "builtins",
            "copy_reg" => "copyreg",
            "_loss" => "sklearn",
            package => package,
        }
    }

    /// Is it defined in the file itself, as cloudpickle and dill write what is in no installed module?
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// Package and name, such as `("sklearn", "Ridge")`: what loaders match on.
    pub fn key(&self) -> (&'p str, &'p str) {
        (self.package(), self.name)
    }

    /// Is this the class `name` of `package`?
    pub fn is(&self, package: &str, name: &str) -> bool {
        self.key() == (package, name)
    }
}

impl fmt::Display for Class<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}
