//! How a column of cells is written and read.

use crate::cell::Cell;
use crate::schema::Column;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::{ColumnWriter, ColumnWriterImpl};
use parquet::data_type::{DataType, FixedLenByteArray};
use parquet::errors::{ParquetError, Result};

/// Writes a column; every cell is of its shape or nothing.
pub(crate) fn write(writer: &mut ColumnWriter<'_>, column: &Column, cells: &[Cell]) -> Result<()> {
    match writer {
        ColumnWriter::Int64ColumnWriter(writer) => put(writer, column, cells, Cell::int),
        ColumnWriter::BoolColumnWriter(writer) => put(writer, column, cells, Cell::bool),
        ColumnWriter::ByteArrayColumnWriter(writer) => put(writer, column, cells, Cell::bytes),
        ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
            put(writer, column, cells, |cell| cell.bytes().map(FixedLenByteArray::from))
        }
        _ => Err(ParquetError::General(format!("{}: not a column of ours", column.name))),
    }
}

fn put<T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    column: &Column,
    cells: &[Cell],
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<()> {
    let values: Vec<T::T> = cells.iter().filter_map(value).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(*cell != Cell::Nothing)).collect();
    writer.write_batch(&values, (!column.required).then_some(levels.as_slice()), None)?;
    Ok(())
}

/// Reads `rows` cells of a column.
pub(crate) fn read(reader: ColumnReader, column: &Column, rows: usize) -> Result<Vec<Cell>> {
    match reader {
        ColumnReader::Int64ColumnReader(reader) => take(reader, column, rows, Cell::Int),
        ColumnReader::BoolColumnReader(reader) => take(reader, column, rows, Cell::Bool),
        ColumnReader::ByteArrayColumnReader(reader) => take(reader, column, rows, Cell::Bytes),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            take(reader, column, rows, |value| Cell::Bytes(value.into()))
        }
        _ => Err(ParquetError::General(format!("{}: not a column of ours", column.name))),
    }
}

fn take<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    column: &Column,
    rows: usize,
    cell: impl Fn(T::T) -> Cell,
) -> Result<Vec<Cell>> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let (records, ..) =
        reader.read_records(rows, (!column.required).then_some(&mut levels), None, &mut values)?;
    if records != rows {
        let problem = format!("{}: {records} rows where there should be {rows}", column.name);
        return Err(ParquetError::General(problem));
    }
    let mut values = values.into_iter();
    if column.required {
        return Ok(values.map(cell).collect());
    }
    let there = |level| if level == 0 { Cell::Nothing } else { values.next().map_or(Cell::Nothing, &cell) };
    Ok(levels.into_iter().map(there).collect())
}
