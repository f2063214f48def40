//! `foretell`: arguments, configuration, output and exit codes around the engine and the server.

mod args;
mod bench;
mod config;
mod convert;
mod failure;
mod inspect;
mod keys;
mod log;
mod model;
mod models;
mod output;
mod parquet;
mod predict;
mod report;
mod rival;
mod schedule;
mod score;
mod serve;
mod store;
mod table;
mod text;
mod train;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};
use crate::failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Inspect(command) => inspect::run(&command),
        Command::Predict(command) => predict::run(&command),
        Command::Serve(command) => serve::run(&command),
        Command::Score(command) => score::run(&command),
        Command::Retrain(command) => schedule::retrain(&command),
        Command::Train(command) => train::run(&command),
        Command::Bench(command) => bench::run(&command),
        Command::Convert(command) => convert::run(&command),
        Command::Models(command) => models::run(&command),
        Command::Keys(command) => keys::run(&command),
        Command::Log(command) => log::run(&command),
    }
}
