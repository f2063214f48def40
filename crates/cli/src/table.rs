//! Opening the table that a command names, and telling what is wrong with its rows.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal, Read};
use std::path::Path;

use foretell_engine::table::{
    Chunk, Header, Note, ReadOptions, Source, TableError, TableFormat, TableReader, Target, column_names,
};
use foretell_engine::{LiveModel, PredictError, complete_violations};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::args::{HeaderRow, TableArguments};
use crate::failure::{Failure, io_text, note};

/// How many bad values are listed.
const LISTED: usize = 20;

/// A table of rows, as the user named it.
pub(crate) struct Table<'a> {
    /// For messages: the path in backticks, or stdin.
    shown: String,
    path: &'a Path,
    options: ReadOptions,
}

impl<'a> Table<'a> {
    /// The table at a path, `-` being stdin.
    pub(crate) fn new(path: &'a Path, arguments: &TableArguments, target: Option<Target>) -> Self {
        let shown =
            if path.as_os_str() == "-" { "stdin".to_owned() } else { format!("`{}`", path.display()) };
        let header = match arguments.header {
            HeaderRow::Auto => Header::Auto,
            HeaderRow::Yes => Header::Present,
            HeaderRow::No => Header::Absent,
        };
        let options = ReadOptions { header, target, max_violations: LISTED, ..ReadOptions::default() };
        Self { shown, path, options }
    }

    /// Reads the table chunk by chunk and hands each to `take`, showing progress on a terminal. There is at least
    /// one row.
    pub(crate) fn for_each_chunk(
        &self,
        model: &LiveModel,
        mut take: impl FnMut(&mut Chunk) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let source = self.columnar()?;
        let (reader, progress) = match &source {
            Some(source) => {
                (TableReader::open_any(source, model.schema(), &self.options), ProgressBar::hidden())
            }
            None => {
                let (input, progress) = self.open()?;
                (TableReader::open(progress.wrap_read(input), model.schema(), &self.options), progress)
            }
        };
        let mut reader = reader.map_err(|error| self.unreadable(&error))?;
        let mut chunk = Chunk::default();
        let mut rows = 0;
        while reader.read(&mut chunk).map_err(|error| self.unreadable(&error))? {
            if !chunk.violations.is_empty() {
                let mut violations = std::mem::take(&mut chunk.violations);
                complete_violations(model.schema(), &chunk.frame, LISTED, &mut violations);
                return Err(self.refused(&PredictError::Invalid { violations }, model, &chunk));
            }
            rows += chunk.rows();
            take(&mut chunk)?;
        }
        let notes = reader.notes();
        // The bar goes before anything else is said.
        drop((reader, progress));
        for text in notes.iter().map(Note::to_string) {
            note(&format!("{}: {text}", self.shown));
        }
        if rows == 0 {
            return Err(Failure::new(format!("table {} has no rows", self.shown)));
        }
        Ok(())
    }

    /// The names that a table in a file gives to its columns; none for stdin, which can be read only once.
    pub(crate) fn column_names(&self) -> Result<Option<Vec<String>>, Failure> {
        if self.path.as_os_str() == "-" {
            return Ok(None);
        }
        let source = Source::File(self.path.to_owned());
        column_names(&source, &self.options).map_err(|error| self.unreadable(&error))
    }

    /// What a model says against the rows of a chunk.
    pub(crate) fn refused(&self, error: &PredictError, model: &LiveModel, chunk: &Chunk) -> Failure {
        let shown = &self.shown;
        match error {
            PredictError::Invalid { violations } => {
                let count = violations.len();
                let values = if count == 1 { "a value" } else { "values" };
                let mut failure =
                    Failure::new(format!("table {shown} has {values} that the model does not take"));
                for violation in violations.iter().take(LISTED) {
                    let line = chunk.line(violation.row);
                    failure = failure.detail(format!("line {line}: {}", violation.message(model.schema())));
                }
                if count >= LISTED { failure.detail("and perhaps more") } else { failure }
            }
            PredictError::Refused(source) => {
                Failure::new(format!("the model refuses rows of table {shown}")).because(source)
            }
            PredictError::Overloaded(source) => Failure::new("cannot predict").because(source),
        }
    }

    /// The table, if it is one of typed columns and not a text.
    fn columnar(&self) -> Result<Option<Source>, Failure> {
        let unreadable = |source| self.unreadable(&TableError::Io { source });
        let (format, source) = if self.path.as_os_str() == "-" {
            let mut input = io::stdin().lock();
            let format = TableFormat::of(input.fill_buf().map_err(unreadable)?);
            let mut bytes = Vec::new();
            if format.as_ref().is_ok_and(|format| format.is_columnar()) {
                input.read_to_end(&mut bytes).map_err(unreadable)?;
            }
            (format, Source::Bytes(bytes.into()))
        } else {
            let source = Source::File(self.path.to_owned());
            (source.format(), source)
        };
        let format = format.map_err(|error| self.unreadable(&error))?;
        Ok(format.is_columnar().then_some(source))
    }

    fn open(&self) -> Result<(Box<dyn Read>, ProgressBar), Failure> {
        if self.path.as_os_str() == "-" {
            return Ok((Box::new(io::stdin().lock()), ProgressBar::hidden()));
        }
        let file = File::open(self.path).map_err(|source| self.unreadable(&TableError::Io { source }))?;
        let progress = progress(&file);
        Ok((Box::new(file), progress))
    }

    fn unreadable(&self, error: &TableError) -> Failure {
        let message = if let TableError::Io { source } = error {
            io_text(source)
        } else if let TableError::Json { source, .. } = error {
            let reason = source.to_string();
            format!("{error}: {}", reason.split(" at line ").next().unwrap_or_default())
        } else {
            error.to_string()
        };
        Failure::new(format!("cannot read table {}", self.shown)).detail(message).hint(error.hint())
    }
}

/// A bar that counts the bytes of a regular file, on a terminal.
fn progress(file: &File) -> ProgressBar {
    let size = file.metadata().ok().filter(|data| data.is_file()).map(|data| data.len());
    let Some(size) = size.filter(|_| io::stderr().is_terminal()) else {
        return ProgressBar::hidden();
    };
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    let template = "{wide_bar} {bytes}/{total_bytes} {eta}";
    // However reading ends, what is said next finds an empty line.
    let bar = bar.with_finish(ProgressFinish::AndClear);
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
