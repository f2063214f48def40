//! Opening the model that a command names.

use std::path::Path;

use foretell_engine::{LiveModel, LoadError, Naming, OpenError, OpenLimits, open};
use foretell_server::config::LimitsConfig;

use crate::args::{LimitArguments, ModelArguments};
use crate::failure::{Failure, io_text};

/// Opens the model and makes it ready to predict.
pub(crate) fn load(arguments: &ModelArguments) -> Result<LiveModel, Failure> {
    load_for(arguments, || Ok(None))
}

/// The same; a transformer of any columns takes those of the table whose names `columns` tells.
pub(crate) fn load_for(
    arguments: &ModelArguments,
    columns: impl FnOnce() -> Result<Option<Vec<String>>, Failure>,
) -> Result<LiveModel, Failure> {
    let path = &arguments.model;
    let opened = open::open(path, &limits(&arguments.limits)).map_err(|error| refused(path, &error))?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let features = match &arguments.features {
        None if opened.model.takes_any_columns() => columns()?,
        features => features.clone(),
    };
    LiveModel::new(opened, Naming { name, features, version: None }).map_err(|error| not_loaded(path, &error))
}

/// The limits that were asked for, the defaults otherwise.
pub(crate) fn limits(asked: &LimitArguments) -> OpenLimits {
    let LimitArguments { max_file_bytes, max_inflated_bytes, max_model_bytes } = *asked;
    LimitsConfig { max_file_bytes, max_inflated_bytes, max_model_bytes }.open_limits()
}

/// Why a model file was not opened, in the words of the command line.
pub(crate) fn refused(path: &Path, error: &OpenError) -> Failure {
    let shown = path.display();
    match error {
        OpenError::Io { source } => {
            let registry_name = path.to_string_lossy().contains('@') && !path.exists();
            let hint = registry_name.then(|| {
                "`name@version` means a registry, which this release does not have: give the path of a model file"
                    .to_owned()
            });
            Failure::new(format!("cannot read model file `{shown}`")).detail(io_text(source)).hint(hint)
        }
        OpenError::TooLarge { limit } => {
            Failure::new(format!("model file `{shown}` has more than {limit} bytes"))
                .hint("raise `--max-file-bytes` if the file is trusted".to_owned())
        }
        OpenError::Refused { source } => {
            Failure::new(format!("cannot open model file `{shown}`")).because(source)
        }
    }
}

/// Why a model that was opened cannot be used.
pub(crate) fn not_loaded(path: &Path, error: &LoadError) -> Failure {
    Failure::new(format!("cannot use model file `{}`", path.display())).because(error)
}
