//! `foretell log`: the record of predictions as a table, and what really happened.

mod export;
mod feedback;
mod lessons;
mod writer;

use foretell_engine::store::{Store, StoreError};
use tokio::runtime::Runtime;

use crate::args::LogCommand;
use crate::config;
use crate::failure::Failure;
use crate::store::{self, StoreArguments};

pub(crate) use lessons::{Lessons, lessons};

pub(crate) fn run(command: &LogCommand) -> Result<(), Failure> {
    match command {
        LogCommand::Export(arguments) => export::run(arguments),
        LogCommand::ImportFeedback(arguments) => feedback::run(arguments),
    }
}

/// The store, and the runtime that talks to it.
fn open(arguments: &StoreArguments) -> Result<(Runtime, Store), Failure> {
    let options = store::options(&arguments.over(&config::store()?))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("cannot start the runtime").because(&error))?;
    let store = runtime.block_on(Store::open(&options)).map_err(|error| unavailable(&error))?;
    Ok((runtime, store))
}

fn unavailable(error: &StoreError) -> Failure {
    Failure::new("cannot use the record of predictions").because(error)
}
