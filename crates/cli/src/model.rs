//! Opening the model that a command names.

use std::path::Path;
use std::sync::Arc;

use foretell_engine::fleet::load_version;
use foretell_engine::store::is_name;
use foretell_engine::{LiveModel, LoadError, Naming, OpenError, OpenLimits, open};
use foretell_server::config::LimitsConfig;

use crate::args::{LimitArguments, ModelArguments};
use crate::failure::{Failure, io_text};
use crate::store::Session;

/// Opens the model and makes it ready to predict.
pub(crate) fn load(arguments: &ModelArguments) -> Result<Arc<LiveModel>, Failure> {
    load_for(arguments, || Ok(None))
}

/// The same; a transformer of any columns takes those of the table whose names `columns` tells.
pub(crate) fn load_for(
    arguments: &ModelArguments,
    columns: impl FnOnce() -> Result<Option<Vec<String>>, Failure>,
) -> Result<Arc<LiveModel>, Failure> {
    let path = &arguments.model;
    if let Some(reference) = registered(path) {
        return load_registered(reference, arguments);
    }
    let opened = open::open(path, &limits(&arguments.limits)).map_err(|error| refused(path, &error))?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let features = match &arguments.features {
        None if opened.model.takes_any_columns() => columns()?,
        features => features.clone(),
    };
    let live = LiveModel::new(opened, Naming { name, features, version: None });
    live.map(Arc::new).map_err(|error| not_loaded(path, &error))
}

/// The model of the registry that an argument names: `name@alias` or `name@version`, unless a file is called so.
fn registered(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let (name, which) = text.split_once('@')?;
    (is_name(name) && is_name(which) && !path.exists()).then_some(text)
}

fn load_registered(reference: &str, arguments: &ModelArguments) -> Result<Arc<LiveModel>, Failure> {
    if arguments.features.is_some() {
        return Err(Failure::usage("`--features` is for model files")
            .hint("a model of the registry has the names it was registered with".to_owned()));
    }
    let session = Session::open(&arguments.store)?;
    let store = session.store();
    let version = session.run(store.resolve(reference)).map_err(|error| {
        Session::failed(&error).hint("`foretell models list` shows what there is".to_owned())
    })?;
    session
        .run(load_version(store, &version, &limits(&arguments.limits)))
        .map_err(|error| Failure::new(format!("cannot use `{reference}`")).because(&error))
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
            Failure::new(format!("cannot read model file `{shown}`")).detail(io_text(source))
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
