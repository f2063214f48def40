//! CSV in blocks of whole records, parsed by all processors.

use std::io::Read;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::piece::{Layout, Piece};
use super::{LoadOptions, MAX_ROW_BYTES, Names, Reader, Source, TableError, Take, arrange, within};
use crate::table::BOM;
use crate::table::Header;
use crate::table::csv::{Record, Records, SEPARATORS, utf8};
use crate::table::plan::looks_like_names;

/// Bytes that are parsed together.
const BLOCK_BYTES: usize = 1 << 20;
/// The text that the types of columns are guessed from.
const GUESSED_BYTES: usize = 256 << 10;

/// One or several CSV texts with the same columns.
pub(super) struct Csv<'a> {
    sources: &'a [Source],
    names: Names,
    /// For each text the place in `names` of its columns, unless they are in the same order.
    orders: Vec<Option<Vec<usize>>>,
    header: bool,
    missing: &'a [String],
}

impl<'a> Csv<'a> {
    pub(super) fn open(sources: &'a [Source], options: &'a LoadOptions) -> Result<Self, TableError> {
        let firsts: Vec<Vec<String>> = sources
            .iter()
            .map(|source| first_row(source).map_err(|error| within(error, source, sources)))
            .collect::<Result<_, _>>()?;
        let header = match (&options.names, options.header) {
            (Some(_), _) | (None, Header::Absent) => false,
            (None, Header::Present) => true,
            (None, Header::Auto | Header::Names) => looks_like_names(&firsts[0]),
        };
        let names = match (&options.names, header) {
            (Some(names), _) if names.len() != firsts[0].len() => {
                return Err(TableError::NameCount { expected: firsts[0].len(), got: names.len() });
            }
            (Some(names), _) => Names { names: names.clone(), named: true },
            (None, true) => Names { names: firsts[0].clone(), named: true },
            (None, false) => Names {
                names: (0..firsts[0].len()).map(|position| position.to_string()).collect(),
                named: false,
            },
        };
        if let [only] = &firsts[0][..]
            && let Some(got) = SEPARATORS.into_iter().find(|separator| only.contains(*separator))
        {
            return Err(TableError::Separator { got });
        }
        let mut orders = Vec::with_capacity(sources.len());
        for (source, first) in sources.iter().zip(&firsts) {
            let order = if header && *first != names.names {
                Some(arrange(first, &names.names).map_err(|error| within(error, source, sources))?)
            } else {
                None
            };
            orders.push(order);
        }
        Ok(Self { sources, names, orders, header, missing: &options.missing })
    }

    fn read_file(
        &self,
        file: usize,
        layout: &Layout,
        seen: &mut Option<&mut Sha256>,
        all: &mut Piece,
    ) -> Result<(), TableError> {
        let source = &self.sources[file];
        let input = source.open().map_err(|source| TableError::Io { source })?;
        let mut blocks = Blocks::new(input, BLOCK_BYTES);
        // Memory that was given back to the system would be cleared by it before it comes again.
        let (mut texts, mut numbers) = (Vec::<Vec<u8>>::new(), Vec::new());
        let mut read = |texts: &mut Vec<Vec<u8>>| -> Result<Vec<Block>, TableError> {
            let count = 2 * rayon::current_num_threads();
            (0..count).map_while(|_| blocks.next(texts.pop().unwrap_or_default()).transpose()).collect()
        };
        let (mut together, mut parsed) = (read(&mut texts)?, Vec::<Piece>::new());
        while !together.is_empty() {
            let mut memory = std::mem::take(&mut numbers);
            memory.resize_with(together.len(), Vec::new);
            let parse = |(block, numbers): (&Block, Vec<f64>)| self.parse(file, block, layout, numbers);
            // What only one processor can do is done meanwhile.
            let (pieces, next) = rayon::join(
                || together.par_iter().zip(memory).map(parse).collect::<Vec<Result<Piece, TableError>>>(),
                || {
                    if let Some(seen) = seen {
                        together.iter().for_each(|block| seen.update(&block.bytes));
                    }
                    for piece in parsed.drain(..) {
                        all.append(&piece);
                        numbers.push(piece.parts.numbers);
                    }
                    read(&mut texts)
                },
            );
            parsed = pieces.into_iter().collect::<Result<_, _>>()?;
            if let (Block { first: true, bytes, .. }, Some(size)) = (&together[0], source.size()) {
                // Once, by what the first block needs for its bytes, so that memory is not moved as it grows.
                let rows = size as f64 / bytes.len() as f64 * parsed[0].parts.rows as f64 * 1.02;
                all.reserve(rows as usize + 1);
            }
            texts.extend(together.into_iter().map(|block| block.bytes));
            together = next?;
        }
        parsed.iter().for_each(|piece| all.append(piece));
        Ok(())
    }

    /// The rows of a block, in the memory of other numbers.
    fn parse(
        &self,
        file: usize,
        block: &Block,
        layout: &Layout,
        numbers: Vec<f64>,
    ) -> Result<Piece, TableError> {
        let mut piece = Piece::in_memory(layout, numbers);
        let order = self.orders[file].as_deref();
        let mut header = self.header && block.first;
        let start = if block.first && block.bytes.starts_with(BOM) { BOM.len() } else { 0 };
        let bytes = &block.bytes[start..];
        let mut row = |number: u64, cells: &mut dyn Iterator<Item = Result<&str, TableError>>| {
            if std::mem::take(&mut header) {
                return Ok(());
            }
            piece.begin(file, number);
            let mut got = 0;
            for cell in cells {
                let cell = cell?;
                if got < self.names.names.len() {
                    let column = order.map_or(got, |order| order[got]);
                    piece.text(layout, column, cell, self.missing)?;
                }
                got += 1;
            }
            match self.names.names.len() {
                expected if expected == got => Ok(()),
                expected => Err(piece.row_error(format!("expected {expected} values, got {got}"))),
            }
        };
        // Without quotes a row is a line and a cell what stands between commas.
        if let (false, Ok(text)) = (block.quotes, std::str::from_utf8(bytes)) {
            for (number, line) in (block.line..).zip(text.split_terminator('\n')) {
                let line = line.strip_suffix('\r').unwrap_or(line);
                if !line.is_empty() {
                    row(number, &mut line.split(',').map(Ok))?;
                }
            }
            return Ok(piece);
        }
        let mut records = Records::new(bytes, MAX_ROW_BYTES);
        let mut record = Record::default();
        let before = block.line - 1;
        while records.read(&mut record).map_err(|error| error.after(before))? {
            let line = before + record.line;
            row(line, &mut record.iter().enumerate().map(|(column, cell)| utf8(cell, line, column)))?;
        }
        Ok(piece)
    }
}

impl Reader for Csv<'_> {
    fn names(&self) -> &Names {
        &self.names
    }

    fn guess(&self) -> Result<Vec<bool>, TableError> {
        let columns = self.names.names.len();
        let layout = Layout::new(&self.names, &vec![Take::Text; columns], &vec![false; columns], self.unit());
        let input = self.sources[0].open().map_err(|source| TableError::Io { source })?;
        let Some(block) = Blocks::new(input, GUESSED_BYTES).next(Vec::new())? else {
            return Err(TableError::Empty);
        };
        // What is wrong there is told when it is read for good.
        let counts = self.parse(0, &block, &layout, Vec::new()).map(|piece| piece.counts).unwrap_or_default();
        Ok((0..columns).map(|column| counts.get(column).is_none_or(|count| count.texts == 0)).collect())
    }

    fn read(&self, layout: &Layout, mut seen: Option<&mut Sha256>) -> Result<Piece, TableError> {
        let mut all = Piece::new(layout);
        for (file, source) in self.sources.iter().enumerate() {
            let read = self.read_file(file, layout, &mut seen, &mut all);
            read.map_err(|error| within(error, source, self.sources))?;
        }
        Ok(all)
    }

    fn unit(&self) -> &'static str {
        "line"
    }
}

/// The cells of the first row.
fn first_row(source: &Source) -> Result<Vec<String>, TableError> {
    let mut input = source.open().map_err(|source| TableError::Io { source })?;
    let mut start = [0; BOM.len()];
    let mut count = 0;
    while count < start.len() {
        match input.read(&mut start[count..]).map_err(|source| TableError::Io { source })? {
            0 => break,
            more => count += more,
        }
    }
    let start = if start == *BOM { &[][..] } else { &start[..count] };
    let mut record = Record::default();
    if !Records::new(start.chain(input), MAX_ROW_BYTES).read(&mut record)? {
        return Err(TableError::Empty);
    }
    record.texts()
}

/// Some whole records.
struct Block {
    bytes: Vec<u8>,
    /// The line of the text, from 1, on which it begins.
    line: u64,
    /// Whether it is the first of its text.
    first: bool,
    /// Whether a record may be anything else than a line, or a cell than what stands between commas.
    quotes: bool,
}

/// A CSV text in blocks of whole records.
struct Blocks<R> {
    input: R,
    size: usize,
    rest: Vec<u8>,
    line: u64,
    first: bool,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    fn new(input: R, size: usize) -> Self {
        Self { input, size, rest: Vec::new(), line: 1, first: true, ended: false }
    }

    /// The next block, in the memory of other bytes; none at the end.
    fn next(&mut self, mut bytes: Vec<u8>) -> Result<Option<Block>, TableError> {
        bytes.clear();
        bytes.append(&mut self.rest);
        loop {
            if !self.ended {
                let wanted = self.size as u64;
                bytes.reserve_exact(self.size);
                let got = (&mut self.input).take(wanted).read_to_end(&mut bytes);
                self.ended = (got.map_err(|source| TableError::Io { source })? as u64) < wanted;
            }
            if bytes.is_empty() {
                return Ok(None);
            }
            let quotes = memchr::memchr2(b'"', b'\r', &bytes).is_some_and(|first| {
                memchr::memchr(b'"', &bytes[first..]).is_some() || has_lone_return(&bytes)
            });
            let end = match (self.ended, quotes) {
                (true, _) => Some(bytes.len()),
                (false, false) => memchr::memrchr(b'\n', &bytes).map(|at| at + 1),
                (false, true) => last_end(&bytes),
            };
            if let Some(end) = end {
                self.rest.extend_from_slice(&bytes[end..]);
                bytes.truncate(end);
                let line = self.line;
                self.line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
                return Ok(Some(Block { bytes, line, first: std::mem::take(&mut self.first), quotes }));
            }
            if bytes.len() > MAX_ROW_BYTES {
                return Err(TableError::RowTooLarge { line: self.line, limit: MAX_ROW_BYTES });
            }
        }
    }
}

fn has_lone_return(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
}

/// Where the last complete record ends, by the grammar of the parser: quotes count only where a cell begins.
fn last_end(bytes: &[u8]) -> Option<usize> {
    enum At {
        Start,
        Plain,
        Quoted,
        Quote,
    }
    let (mut at, mut end) = (At::Start, None);
    for (position, byte) in bytes.iter().enumerate() {
        at = match (at, byte) {
            (At::Start, b'"') | (At::Quote, b'"') => At::Quoted,
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) => At::Quoted,
            (_, b'\n') => {
                end = Some(position + 1);
                At::Start
            }
            (_, b',' | b'\r') => At::Start,
            (At::Start | At::Plain | At::Quote, _) => At::Plain,
        };
    }
    end
}
