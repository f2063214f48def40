//! From the bytes of any model file to a checked model: one door to all readers.

use std::borrow::Cow;

use foretell_model::{Model, ModelParts, Provenance};

use crate::container::{Container, inflate};
use crate::detect::{self, detect};
use crate::members::{self, Member, only_model};
use crate::pickle::{Pickle, Value};
use crate::{
    FileKind, FormatError, Limits, Problem, artifact, catboost, lightgbm, onnx, sklearn, skops, xgboost,
};

/// Opens a model file of any supported kind, compressed or not, or a `.zip` or `.tar` archive that holds one.
///
/// # Errors
/// Content that is no model file, a kind of file or class that is not supported, damage, more than the limits allow, or
/// a model that contradicts itself: each with its place in the file. An archive with no model, or several.
pub fn open(bytes: &[u8], limits: &Limits) -> Result<Model, FormatError> {
    let content = inflate(bytes, limits)?;
    let compression = Container::detect(bytes).map(Container::name);
    if let Some(members) = members::of_archive(&content, limits)? {
        return if skops::is_skops(&members) {
            check(FileKind::Skops, of_skops(&members, compression, limits)?)
        } else {
            open_member(&members, only_model(&members)?, limits)
        };
    }
    let (kind, parts) = read(content, compression, limits)?;
    check(kind, parts)
}

/// Opens the model file at a position among other files. A model that knows no names for its features takes them from MLflow's
/// `MLmodel`, where one beside it has a signature.
///
/// # Errors
/// As for [`open`]; a position beyond the last file.
pub fn open_member(members: &[Member<'_>], at: usize, limits: &Limits) -> Result<Model, FormatError> {
    let Some(member) = members.get(at) else {
        let detail = format!("there is no file {at} of {}", members.len());
        return Err(FormatError::new(FileKind::Compressed, Problem::Invalid { detail }));
    };
    let compression = Container::detect(&member.bytes).map(Container::name);
    let content = inflate(&*member.bytes, limits)?;
    let (kind, mut parts) = read(content, compression, limits)?;
    if parts.names.is_none() {
        parts.names = members::signature_names(members).filter(|names| names.len() == parts.features);
    }
    let example = members::example(members);
    check(kind, parts).map(|model| model.with_example(&example))
}

/// Reads the content of a model file.
fn read(
    content: Cow<'_, [u8]>,
    compression: Option<&str>,
    limits: &Limits,
) -> Result<(FileKind, ModelParts), FormatError> {
    let kind = detect(&content);
    let parts = match kind {
        FileKind::Pickle => {
            let pickle = Pickle::read(content, limits)?;
            let writer = if pickle.is_joblib() { "joblib" } else { "pickle" };
            let format = match compression {
                Some(compression) => format!("{writer} (protocol {}, {compression})", pickle.protocol()),
                None => format!("{writer} (protocol {})", pickle.protocol()),
            };
            of_pickle(&pickle, format)?
        }
        FileKind::Artifact => artifact::read(&content, limits)?,
        FileKind::Skops => of_skops(&members::of_zip(&content, limits)?, compression, limits)?,
        FileKind::XgboostJson | FileKind::XgboostUbjson | FileKind::XgboostBinary => {
            native(xgboost::read(&content, limits)?, compression)
        }
        FileKind::LightgbmText => native(lightgbm::read(&content, limits)?, compression),
        FileKind::CatboostBinary | FileKind::CatboostJson => {
            native(catboost::read(&content, kind, limits)?, compression)
        }
        FileKind::Onnx => native(onnx::read(&content, limits)?, compression),
        FileKind::Compressed | FileKind::Unknown => return Err(detect::unknown(&content)),
    };
    Ok((kind, parts))
}

/// The model that parts make.
fn check(kind: FileKind, parts: ModelParts) -> Result<Model, FormatError> {
    let library = parts.provenance.library_version.as_ref();
    let library = library.map(|version| format!("{} {version}", parts.provenance.library));
    Model::new(parts).map_err(|error| {
        let error = FormatError::new(kind, Problem::Model(error));
        match library {
            Some(library) => error.written_by(library),
            None => error,
        }
    })
}

/// A model in its library's own format.
fn native(mut parts: ModelParts, compression: Option<&str>) -> ModelParts {
    if let Some(compression) = compression {
        parts.provenance.format += &format!(" ({compression})");
    }
    parts
}

fn of_skops(
    members: &[Member<'_>],
    compression: Option<&str>,
    limits: &Limits,
) -> Result<ModelParts, FormatError> {
    Ok(native(of_pickle(&skops::read(members, limits)?, "skops".to_owned())?, compression))
}

/// The one model in a tree of Python values.
fn of_pickle(pickle: &Pickle<'_>, format: String) -> Result<ModelParts, FormatError> {
    let root = pickle.root();
    let estimator = sklearn::find_estimator(&root)?;
    let lowered = sklearn::lower(&estimator, sklearn::Input::default())?;
    let (library, version) = library(&estimator)?;
    let library_version = lowered.library_version.clone().or(version);
    let mut parts = lowered.into_parts(Provenance { format, library, library_version });
    if parts.names.is_none() {
        parts.hints = sklearn::names_beside(&estimator, parts.features);
    }
    Ok(parts)
}

/// The library of an estimator and, where its state tells, the version.
fn library(estimator: &Value<'_>) -> Result<(String, Option<String>), FormatError> {
    let library = match estimator.class().map_or("", |class| class.package()) {
        "sklearn" => "scikit-learn",
        "xgboost" => return Ok(("XGBoost".to_owned(), None)),
        "lightgbm" => return Ok(("LightGBM".to_owned(), None)),
        "catboost" => return Ok(("CatBoost".to_owned(), None)),
        package => package,
    };
    let version = estimator.optional("_sklearn_version")?.map(|version| version.text().map(str::to_owned));
    Ok((library.to_owned(), version.transpose()?))
}
