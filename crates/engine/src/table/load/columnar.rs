//! Tables whose columns have types.

use std::io::Read;

use arrow_schema::SchemaRef;
use sha2::{Digest, Sha256};

use super::piece::{Cell, Into, Layout, Piece};
use super::{LoadOptions, Names, Reader, Source, TableError, TableFormat, arrange, within};
use crate::table::columnar::{Batches, Value, as_text, is_number};

/// One or several tables with the same columns.
pub(super) struct Columnar<'a> {
    sources: &'a [Source],
    format: TableFormat,
    names: Names,
    schema: SchemaRef,
    /// For each table the place in `names` of its columns.
    orders: Vec<Vec<usize>>,
    missing: &'a [String],
}

impl<'a> Columnar<'a> {
    pub(super) fn open(sources: &'a [Source], options: &'a LoadOptions) -> Result<Self, TableError> {
        let format = sources[0].format()?;
        let columns = |schema: &SchemaRef| -> Vec<String> {
            schema.fields().iter().map(|field| field.name().clone()).collect()
        };
        let schema = Batches::schema(&sources[0], format)?;
        let names = Names { names: columns(&schema), named: true };
        let order = |source: &Source| {
            let order =
                Batches::schema(source, format).and_then(|schema| arrange(&columns(&schema), &names.names));
            order.map_err(|error| within(error, source, sources))
        };
        let orders = sources.iter().map(order).collect::<Result<_, _>>()?;
        Ok(Self { sources, format, names, schema, orders, missing: &options.missing })
    }

    fn read_table(&self, table: usize, layout: &Layout, piece: &mut Piece) -> Result<(), TableError> {
        let order = &self.orders[table];
        let wanted: Vec<bool> = order.iter().map(|column| layout.columns[*column] != Into::Nowhere).collect();
        let mut batches = Batches::open(&self.sources[table], self.format, &wanted)?;
        let mut number = 0;
        while let Some(batch) = batches.next()? {
            let values = (0..order.len()).map(|column| batches.values(&batch, column));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                number += 1;
                piece.begin(table, number);
                for (column, values) in order.iter().zip(&values) {
                    let Some(values) = values else { continue };
                    let aside = matches!(layout.columns[*column], Into::Aside(_) | Into::Text(_));
                    let value = values.get(row);
                    let text;
                    let cell = match value {
                        Value::Missing => Cell::Missing,
                        Value::Number(value) => Cell::Number(value),
                        Value::Text(text) => Cell::Text(text),
                        Value::Boolean(value) if !aside => Cell::Number(f64::from(u8::from(value))),
                        Value::Boolean(_) | Value::Integer(_) => {
                            text = as_text(value).unwrap_or_default();
                            Cell::Text(&text)
                        }
                    };
                    piece.cell(layout, *column, cell, self.missing)?;
                }
            }
        }
        Ok(())
    }
}

impl Reader for Columnar<'_> {
    fn names(&self) -> &Names {
        &self.names
    }

    fn guess(&self) -> Result<Vec<bool>, TableError> {
        Ok(self.schema.fields().iter().map(|field| is_number(field.data_type())).collect())
    }

    fn read(&self, layout: &Layout, mut seen: Option<&mut Sha256>) -> Result<Piece, TableError> {
        let mut piece = Piece::new(layout);
        for (table, source) in self.sources.iter().enumerate() {
            let bytes = seen.as_deref_mut().map_or(Ok(()), |seen| add_bytes(source, seen));
            let read = bytes.and_then(|()| self.read_table(table, layout, &mut piece));
            read.map_err(|error| within(error, source, self.sources))?;
        }
        Ok(piece)
    }

    fn unit(&self) -> &'static str {
        "row"
    }
}

/// Adds all bytes of a source to a digest.
fn add_bytes(source: &Source, digest: &mut Sha256) -> Result<(), TableError> {
    let mut input = source.open().map_err(|source| TableError::Io { source })?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match input.read(&mut buffer).map_err(|source| TableError::Io { source })? {
            0 => return Ok(()),
            count => digest.update(&buffer[..count]),
        }
    }
}
