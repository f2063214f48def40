//! `foretell predict`: the rows of a table, in scikit-learn's words.

mod columns;
mod value;
mod writer;

use std::time::Duration;

use foretell_engine::table::nearest;
use foretell_engine::{LiveModel, Pool, PoolOptions, Worker};
use foretell_frame::{Method, MethodSet};

use crate::args::{Format, PredictArguments};
use crate::failure::Failure;
use crate::model;
use crate::output::Output;
use crate::table::Table;

use self::writer::Writer;

/// A chunk that is expected to take less is computed on this thread.
const ALONE: Duration = Duration::from_millis(2);

pub(crate) fn run(arguments: &PredictArguments) -> Result<(), Failure> {
    let wanted = Wanted::parse(&arguments.outputs)?;
    let table = Table::new(&arguments.input, &arguments.table, None);
    let model = model::load_for(&arguments.model, || table.column_names())?;
    let methods = wanted.of(&model)?;
    let mut output = Output::open(arguments.output.as_deref())?;
    let mut writer = Writer::new(format(arguments), &model, methods);
    let (mut worker, pool) = (Worker::new(), Pool::new(PoolOptions::default()));
    table.for_each_chunk(&model, |chunk| {
        let alone = model.cost().of(chunk.rows()) < ALONE;
        let refused = |error| table.refused(&error, &model, chunk);
        if alone {
            let answer = worker.predict(&model, &chunk.frame, methods).map_err(refused)?;
            writer.write(&mut output, answer)
        } else {
            let answer = pool
                .admit_unread()
                .and_then(|place| pool.predict(place, &model, &chunk.frame, methods))
                .map_err(refused)?;
            writer.write(&mut output, &answer)
        }
        .map_err(|error| Failure::output(&error))
    })?;
    writer.finish(&mut output).map_err(|error| Failure::output(&error))?;
    output.finish()
}

/// The format asked for, else what the name of the output file says, else JSON.
fn format(arguments: &PredictArguments) -> Format {
    let ending = || arguments.output.as_ref()?.extension()?.to_str();
    arguments.format.unwrap_or_else(|| match ending() {
        Some("csv") => Format::Csv,
        Some("jsonl" | "ndjson") => Format::Jsonl,
        Some(_) | None => Format::Json,
    })
}

/// What `--outputs` asks for.
#[derive(Debug, PartialEq)]
enum Wanted {
    All,
    Methods(Vec<Method>),
}

impl Wanted {
    fn parse(text: &str) -> Result<Self, Failure> {
        if text == "all" {
            return Ok(Self::All);
        }
        let method = |name: &str| {
            Method::parse(name).ok_or_else(|| {
                let names = Method::ALL.map(Method::as_str);
                let hint = match nearest(name, names.into_iter()) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("expected `all` or some of {}", listed(names.into_iter())),
                };
                Failure::usage(format!("unknown output `{name}` in `--outputs`")).hint(hint)
            })
        };
        text.split(',').map(|name| method(name.trim())).collect::<Result<_, _>>().map(Self::Methods)
    }

    /// The methods to compute. All are all of scikit-learn's that the model has.
    fn of(&self, model: &LiveModel) -> Result<MethodSet, Failure> {
        let offered = model.methods();
        match self {
            Self::All => Ok(offered.iter().filter(|method| *method != Method::Label).collect()),
            Self::Methods(methods) => match methods.iter().find(|method| !offered.contains(**method)) {
                Some(method) => Err(Failure::new(format!("the model has no `{}`", method.as_str()))
                    .hint(format!("it has {}", listed(offered.iter().map(Method::as_str))))),
                None => Ok(methods.iter().copied().collect()),
            },
        }
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
