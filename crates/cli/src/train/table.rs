//! Where the rows are that are learnt from.

use std::io::Read as _;

use foretell_engine::store::{DatabaseUrl, StoreError};
use foretell_engine::table::load::Input;
use foretell_engine::table::{Header, Source};
use foretell_engine::train::{Spec, TablePlace};

use crate::failure::{Failure, io_text};
use crate::log::{Lessons, lessons};
use crate::store::StoreArguments;

/// Where the rows are.
pub(crate) struct Table {
    pub(crate) input: Input,
    /// What it is in messages.
    pub(crate) shown: String,
    /// What it is in a report.
    pub(crate) name: String,
}

impl Table {
    /// What a specification learns from. One that learns from the record of predictions is told which columns are which.
    pub(crate) fn open(spec: &mut Spec, store: &StoreArguments) -> Result<Self, Failure> {
        if let TablePlace::Record { model, since } = &spec.table {
            let Lessons { csv, actual, at } = lessons(model, *since, store)?;
            let (shown, name) = (format!("the record of `{model}`"), format!("record of {model}"));
            if spec.data.order.as_deref() != Some(at.as_str()) {
                spec.data.drop.push(at);
            }
            (spec.data.target, spec.data.header) = (Some(actual), Header::Present);
            let input = Input::Files(vec![Source::Bytes(csv.into())]);
            return Ok(Self { input, shown, name });
        }
        let (input, shown) = input(&spec.table)?;
        let name = match &input {
            Input::Files(files) if files.len() == 1 => match &files[0] {
                Source::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
                Source::Bytes(_) => None,
            },
            Input::Files(_) | Input::Query { .. } => None,
        };
        let name = name.unwrap_or_else(|| shown.replace('`', ""));
        Ok(Self { input, shown, name })
    }
}

/// The table, and what it is called in messages.
fn input(place: &TablePlace) -> Result<(Input, String), Failure> {
    let patterns = match place {
        TablePlace::Files(patterns) => patterns,
        TablePlace::Query { database, sql } => {
            let database: DatabaseUrl =
                database.parse().map_err(|error: StoreError| Failure::new(error.to_string()))?;
            let shown = format!("`{database}`");
            return Ok((Input::Query { database, sql: sql.clone() }, shown));
        }
        // It is no file.
        TablePlace::Record { .. } => &Vec::new(),
    };
    if patterns.iter().any(|path| path.as_os_str() == "-") {
        if patterns.len() > 1 {
            return Err(Failure::usage("stdin cannot be one of several tables"));
        }
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| Failure::new("cannot read stdin").detail(io_text(&error)))?;
        return Ok((Input::Files(vec![Source::Bytes(bytes.into())]), "stdin".to_owned()));
    }
    let mut files = Vec::new();
    for path in patterns {
        let text = path.to_string_lossy();
        // A file may be called like a pattern.
        if !text.contains(['*', '?', '[']) || path.exists() {
            files.push(path.clone());
            continue;
        }
        let failed = |reason: String| Failure::new(format!("cannot use the pattern `{text}`")).detail(reason);
        let found = glob::glob(&text).map_err(|error| failed(error.to_string()))?;
        let before = files.len();
        for path in found {
            files.push(path.map_err(|error| failed(error.to_string()))?);
        }
        if files.len() == before {
            return Err(failed("no file is called so".to_owned()));
        }
    }
    let shown = match files.as_slice() {
        [only] => format!("`{}`", only.display()),
        files => format!("{} files", files.len()),
    };
    Ok((Input::Files(files.into_iter().map(Source::File).collect()), shown))
}
