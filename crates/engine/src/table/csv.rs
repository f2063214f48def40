//! CSV by RFC 4180, with or without a header row.

use std::io::{BufRead, BufReader, Read};

use csv_core::ReadRecordResult;
use foretell_frame::{RowBuilder, Schema, TextColumn};

use super::cells::set_text_cell;
use super::plan::{Plan, Role, is_header, looks_like_names};
use super::{Chunk, Header, Note, ReadOptions, TableError};

/// Bytes read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// What other programs write between cells.
pub(super) const SEPARATORS: [char; 3] = [';', '\t', '|'];
/// Bytes of a row that are counted for each of its cells, since an empty cell takes memory too.
const CELL_BYTES: usize = 8;

/// The cells of one CSV record.
#[derive(Debug, Default)]
pub(crate) struct Record {
    bytes: Vec<u8>,
    /// End of each cell in `bytes`.
    ends: Vec<usize>,
    cells: usize,
    /// The line of the text, from 1, on which the record starts.
    pub(crate) line: u64,
}

impl Record {
    /// The cells, unquoted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let start = |cell: usize| if cell == 0 { 0 } else { self.ends[cell - 1] };
        (0..self.cells).map(move |cell| &self.bytes[start(cell)..self.ends[cell]])
    }

    /// Number of cells.
    pub(crate) fn len(&self) -> usize {
        self.cells
    }

    /// A copy that takes no more memory than its cells need.
    pub(crate) fn compact(&self) -> Self {
        let ends = self.ends[..self.cells].to_vec();
        let bytes = self.bytes[..ends.last().copied().unwrap_or(0)].to_vec();
        Self { bytes, ends, ..*self }
    }

    /// The cells as text.
    pub(crate) fn texts(&self) -> Result<Vec<String>, TableError> {
        self.iter().enumerate().map(|(column, cell)| Ok(utf8(cell, self.line, column)?.to_owned())).collect()
    }
}

/// The records of a CSV text, one at a time, of bounded size each. Blank lines are no records.
pub(crate) struct Records<R> {
    input: BufReader<R>,
    parser: csv_core::Reader,
    /// Lines begun so far.
    line: u64,
    last_byte: u8,
    limit: usize,
}

impl<R: Read> Records<R> {
    /// Records of at most about `limit` bytes each.
    pub(crate) fn new(input: R, limit: usize) -> Self {
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        Self { input, parser: csv_core::Reader::new(), line: 1, last_byte: b'\n', limit }
    }

    /// Reads the next record; `false` at the end.
    pub(crate) fn read(&mut self, record: &mut Record) -> Result<bool, TableError> {
        self.skip_blank_lines()?;
        record.line = self.line;
        let (mut written, mut cells) = (0, 0);
        loop {
            let input = self.input.fill_buf().map_err(|source| TableError::Io { source })?;
            // The last line may lack its end. With it, a record that only the end of the text completes is one
            // whose quotes are open.
            let at_end = input.is_empty();
            let input = if at_end && self.last_byte != b'\n' { b"\n" } else { input };
            let (result, read, bytes, ends) =
                self.parser.read_record(input, &mut record.bytes[written..], &mut record.ends[cells..]);
            if read > 0 {
                self.last_byte = input[read - 1];
                self.line += input[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            if !at_end {
                self.input.consume(read);
            }
            (written, cells) = (written + bytes, cells + ends);
            record.cells = cells;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if written >= self.limit => {
                    return Err(TableError::RowTooLarge { line: record.line, limit: self.limit });
                }
                ReadRecordResult::OutputFull => record.bytes.resize((2 * written).max(BUFFER_BYTES), 0),
                ReadRecordResult::OutputEndsFull if cells >= self.limit / CELL_BYTES => {
                    return Err(TableError::RowTooLarge { line: record.line, limit: self.limit });
                }
                ReadRecordResult::OutputEndsFull => record.ends.resize((2 * cells).max(64), 0),
                ReadRecordResult::Record if read == 0 => {
                    return Err(TableError::OpenQuotes { line: record.line });
                }
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// Moves to the first byte of the next record, so that its line is known.
    fn skip_blank_lines(&mut self) -> Result<(), TableError> {
        loop {
            let input = self.input.fill_buf().map_err(|source| TableError::Io { source })?;
            let blank = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if blank == 0 {
                return Ok(());
            }
            self.line += input[..blank].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.input.consume(blank);
            self.last_byte = b'\n';
        }
    }
}

/// The text of a cell.
pub(crate) fn utf8(cell: &[u8], line: u64, column: usize) -> Result<&str, TableError> {
    std::str::from_utf8(cell).map_err(|_| TableError::NotUtf8 { line, column: column + 1 })
}

/// The names that the first row gives to the columns; `None` when it is a row of values.
pub(super) fn column_names(
    inner: impl Read,
    options: &ReadOptions,
) -> Result<Option<Vec<String>>, TableError> {
    let mut record = Record::default();
    if !Records::new(inner, options.max_row_bytes).read(&mut record)? {
        return Err(TableError::Empty);
    }
    let first = record.texts()?;
    let header = match options.header {
        Header::Present => true,
        Header::Absent => false,
        Header::Auto | Header::Names => looks_like_names(&first),
    };
    Ok(header.then_some(first))
}

/// Rows of a CSV text for a schema.
pub(super) struct CsvRows<R> {
    records: Records<R>,
    record: Record,
    plan: Plan,
    /// Whether `record` is a row that was read ahead.
    pending: bool,
}

impl<R: Read> CsvRows<R> {
    /// Reads the first row and matches columns with features.
    pub(super) fn open(
        inner: R,
        schema: &Schema,
        options: &ReadOptions,
        notes: &mut Vec<Note>,
    ) -> Result<Self, TableError> {
        let mut records = Records::new(inner, options.max_row_bytes);
        let mut record = Record::default();
        if !records.read(&mut record)? {
            return Err(TableError::Empty);
        }
        let first = record.texts()?;
        if let ([only], true) = (&first[..], schema.len() > 1)
            && let Some(got) = SEPARATORS.into_iter().find(|separator| only.contains(*separator))
        {
            return Err(TableError::Separator { got });
        }
        let header = is_header(&first, schema, options.header);
        let target = options.target.as_ref();
        let plan = match header {
            true => Plan::with_header(&first, schema, target, notes)?,
            false => Plan::without_header(target)?,
        };
        Ok(Self { records, record, plan, pending: !header })
    }

    /// Fills a chunk with up to `rows` rows.
    pub(super) fn read(
        &mut self,
        schema: &Schema,
        rows: usize,
        limit: usize,
        chunk: &mut Chunk,
    ) -> Result<(), TableError> {
        let mut builder = RowBuilder::new(schema, &mut chunk.frame, limit);
        while builder.rows() < rows && !builder.full() {
            if !std::mem::take(&mut self.pending) && !self.records.read(&mut self.record)? {
                break;
            }
            push_row(&self.plan, &mut builder, &mut chunk.target, &self.record)?;
            chunk.lines.push(self.record.line);
        }
        chunk.violations = builder.finish();
        Ok(())
    }
}

/// Adds the cells of a record to the batch and to the answers.
pub(crate) fn push_row(
    plan: &Plan,
    builder: &mut RowBuilder<'_>,
    target: &mut TextColumn,
    record: &Record,
) -> Result<(), TableError> {
    builder.begin_row();
    let got = record.len();
    let mut answer = None;
    if plan.by_header && got != plan.roles.len() {
        builder.end_ragged_row(plan.roles.len(), got);
    } else {
        for (column, cell) in record.iter().enumerate() {
            match plan.role(column, builder.schema()) {
                Role::Feature(feature) => set_text_cell(builder, feature, utf8(cell, record.line, column)?),
                Role::Target => {
                    answer = Some(utf8(cell, record.line, column)?).filter(|text| !text.is_empty())
                }
                Role::Ignored => {}
            }
        }
        match plan.target {
            _ if plan.by_header => builder.end_row(),
            Some(position) if position < got => builder.end_positional_row(got - 1),
            Some(_) | None => builder.end_positional_row(got),
        }
    }
    if plan.target.is_some() {
        target.push(answer);
    }
    Ok(())
}
