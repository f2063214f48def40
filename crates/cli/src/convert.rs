//! `foretell convert`: a model as foretell's own artifact.

use std::io::Write as _;

use crate::args::ConvertArguments;
use crate::failure::Failure;
use crate::model;
use crate::output::Output;

pub(crate) fn run(arguments: &ConvertArguments) -> Result<(), Failure> {
    let artifact = model::load(&arguments.model)?.artifact();
    let mut output = Output::open(Some(&arguments.output))?;
    output.write_all(&artifact).map_err(|error| Failure::output(&error))?;
    output.finish()
}
