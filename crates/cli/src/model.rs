//! Opening the model that a command names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use foretell_engine::fleet::load_version;
use foretell_engine::store::is_name;
use foretell_engine::{Category, Given, LiveModel, LoadError, Naming, OpenError, OpenLimits, open};
use foretell_server::config::LimitsConfig;
use serde_json::Number;

use crate::args::{GivenArguments, LimitArguments, ModelArguments};
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
    let mut given = given(&arguments.given)?;
    if given.features.is_none() && opened.model.takes_any_columns() {
        given.features = columns()?;
    }
    let live = LiveModel::new(opened, Naming { name, given, ..Naming::default() });
    live.map(Arc::new).map_err(|error| not_loaded(path, &error))
}

/// The model of the registry that an argument names: `name@alias` or `name@version`, unless a file is called so.
fn registered(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let (name, which) = text.split_once('@')?;
    (is_name(name) && is_name(which) && !path.exists()).then_some(text)
}

fn load_registered(reference: &str, arguments: &ModelArguments) -> Result<Arc<LiveModel>, Failure> {
    if !given(&arguments.given)?.is_empty() {
        return Err(not_of_registry());
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

/// The refusal of names for a model that has its own.
pub(crate) fn not_of_registry() -> Failure {
    Failure::usage("`--features` and `--categories` are for model files")
        .hint("a model of the registry has the names it was registered with".to_owned())
}

/// What was given on the command line for a model file.
pub(crate) fn given(arguments: &GivenArguments) -> Result<Given, Failure> {
    let mut given = Given { features: arguments.features.clone(), categories: BTreeMap::new() };
    for argument in &arguments.categories {
        let lists = match argument.split_once('=') {
            Some((name, list)) if !Path::new(argument).exists() => vec![(name.to_owned(), categories(list))],
            Some(_) | None => categories_file(Path::new(argument))?.into_iter().collect(),
        };
        for (name, list) in lists {
            if given.categories.insert(name.clone(), list).is_some() {
                return Err(Failure::usage(format!("`--categories` names feature `{name}` twice")));
            }
        }
    }
    Ok(given)
}

/// A list between commas: numbers where all are.
fn categories(list: &str) -> Vec<Category> {
    let texts = || list.split(',');
    let numbers: Result<Vec<Number>, _> = texts().map(serde_json::from_str).collect();
    match numbers {
        Ok(numbers) => numbers.into_iter().map(Category::Number).collect(),
        Err(_) => texts().map(|text| Category::Text(text.to_owned())).collect(),
    }
}

fn categories_file(path: &Path) -> Result<BTreeMap<String, Vec<Category>>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("cannot read categories `{shown}`"))
            .detail(io_text(&error))
            .hint("expected a JSON file, or `NAME=VALUE,...`".to_owned())
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(format!("cannot read categories `{shown}`"))
            .detail(error.to_string())
            .hint("expected an object such as {\"city\": [\"Bergen\", \"Oslo\"]}".to_owned())
    })
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
