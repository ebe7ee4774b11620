//! From a Parquet file to the lines of a segment: all of them, or one.

pub(crate) mod alone;
mod directory;
mod whole;

use crate::about::{self, About};
use crate::checksums::{CHECKSUM, MAGIC, Parts, TAIL};
use crate::column;
use crate::rows::Rows;
use crate::schema::{self, COLUMNS};
use crate::{MAX_PLAIN_BYTES, MAX_ROWS, UnpackError, guard};
use bytes::{Buf as _, Bytes};
use directory::Directory;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::page_index::RowGroupPageIndex;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{ChunkReader, Length, RowGroupReader as _};
use parquet::file::serialized_reader::SerializedRowGroupReader;
use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

/// Longest footer: of the most row groups that there may be it is half as long.
const MAX_FOOTER_BYTES: u64 = 4 * 1024 * 1024;

/// What the columns of a file may be without compression beside the bytes of its plain segment: levels, dictionaries and
/// page headers.
const MAX_AROUND_BYTES: u64 = 8 * 1024 * 1024;

/// A file that is read in places.
pub trait Source: Send + Sync + Debug {
    /// Its length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// `length` bytes from `from`; fewer only at the end.
    fn read_at(&self, from: u64, length: usize) -> io::Result<Vec<u8>>;
}

impl Source for Vec<u8> {
    fn size(&self) -> io::Result<u64> {
        Ok(Self::len(self) as u64)
    }

    fn read_at(&self, from: u64, length: usize) -> io::Result<Vec<u8>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(Self::len(self));
        let to = from.saturating_add(length).min(Self::len(self));
        Ok(self.get(from..to).unwrap_or_default().to_vec())
    }
}

/// A packed segment, of which the footer was read and found sound.
#[derive(Debug)]
pub struct Packed<'a> {
    source: Box<dyn Source + 'a>,
    about: About,
    meta: ParquetMetaData,
    parts: Parts,
    sums: Vec<u8>,
    directory: OnceLock<Directory>,
}

impl<'a> Packed<'a> {
    /// Reads the footer. Entries are not read yet, nor judged.
    pub fn open(source: impl Source + 'a) -> Result<Self, UnpackError> {
        let len = source.size()?;
        if len > MAX_PLAIN_BYTES {
            return Err(UnpackError::TooLarge { what: "the file", size: len, limit: MAX_PLAIN_BYTES });
        }
        let (footer, end) = read_end(&source, len)?;
        let text = end.get(..end.len() - TAIL).unwrap_or_default();
        let meta = decode(|| ParquetMetaDataReader::decode_metadata(text))?;
        let about = about_of(&meta)?;
        let starts = check_shape(&meta)?;
        let parts = Parts::new(&starts, footer, len)?;
        let sums = source.read_at(parts.checksums.start, length(&parts.checksums))?;
        for (group, part) in meta.row_groups().iter().zip(&parts.groups) {
            check_places(group, part)?;
        }
        Ok(Self { source: Box::new(source), about, meta, parts, sums, directory: OnceLock::new() })
    }

    /// What the file says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many entries it holds.
    pub fn entries(&self) -> u64 {
        self.groups().map(|group| group.num_rows().unsigned_abs()).sum()
    }

    /// Whether the file has all parts with their checksums. Says nothing about the entries.
    pub fn check(&self) -> Result<(), UnpackError> {
        (0..self.parts.groups.len()).try_for_each(|group| self.part(group).map(drop))
    }

    fn groups(&self) -> impl Iterator<Item = &RowGroupMetaData> {
        self.meta.row_groups().iter()
    }

    /// The bytes of a row group, which have their checksum.
    fn part(&self, group: usize) -> Result<(u64, Bytes), UnpackError> {
        let part = self.parts.groups.get(group).ok_or_else(|| UnpackError::foreign("no such row group"))?;
        let bytes = self.source.read_at(part.start, length(part))?;
        Parts::check(part, &bytes, self.sums.get(group * CHECKSUM..(group + 1) * CHECKSUM))?;
        Ok((part.start, bytes.into()))
    }

    /// All columns of a row group.
    fn rows(&self, group: usize) -> Result<Rows, UnpackError> {
        let (from, bytes) = self.part(group)?;
        let numbers: Vec<usize> = (0..COLUMNS.len()).collect();
        self.columns(group, &numbers, Chunk { from, bytes })
    }

    /// Some columns of a row group, from a stretch of the file that they lie in.
    fn columns(&self, group: usize, numbers: &[usize], chunk: Chunk) -> Result<Rows, UnpackError> {
        let meta = self.groups().nth(group).ok_or_else(|| UnpackError::foreign("no such row group"))?;
        let mut size = 0;
        for column in numbers.iter().filter_map(|number| meta.columns().get(*number)) {
            let (start, length) = column.byte_range();
            size += guard::uncompressed(&chunk.slice(start, length)?)?;
        }
        let limit = 2 * self.about.bytes + MAX_AROUND_BYTES;
        if size > limit {
            return Err(UnpackError::TooLarge { what: "a row group without compression", size, limit });
        }
        let count = usize::try_from(meta.num_rows()).unwrap_or(0);
        decode(|| {
            let properties = Arc::new(ReaderProperties::builder().build());
            let reader = SerializedRowGroupReader::new(
                Arc::new(chunk),
                meta,
                RowGroupPageIndex::new(group, None),
                properties,
            )?;
            let mut rows = Rows::new(count);
            for number in numbers {
                if let (Some(spec), Some(cells)) = (COLUMNS.get(*number), rows.columns.get_mut(*number)) {
                    *cells = column::read(reader.get_column_reader(*number)?, spec, count)?;
                }
            }
            Ok(rows)
        })
    }
}

fn length(range: &Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

/// Runs the library's code. What it decodes has its checksum, so it is what somebody wrote; whoever means harm can write
/// checksums, and the library has places that panic on what no writer writes.
fn decode<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, UnpackError> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| UnpackError::foreign("Parquet that the library cannot make sense of"))?
        .map_err(UnpackError::from)
}

/// Where the footer begins, and the bytes from there to the end, which have their checksum.
fn read_end(source: &dyn Source, len: u64) -> Result<(u64, Vec<u8>), UnpackError> {
    let damaged =
        |from: u64, problem: &str| UnpackError::Damaged { from, to: len, problem: problem.to_owned() };
    if source.read_at(0, MAGIC.len())? != MAGIC {
        return Err(UnpackError::foreign("it is no Parquet file"));
    }
    let tail = len.saturating_sub(TAIL as u64);
    let bytes = source.read_at(tail, TAIL)?;
    let (size, magic) =
        bytes.split_at_checked(4).ok_or_else(|| UnpackError::foreign("it is no Parquet file"))?;
    if magic != MAGIC {
        return Err(damaged(tail, "a Parquet file ends otherwise"));
    }
    let size = u64::from(u32::from_le_bytes(size.try_into().unwrap_or_default()));
    let footer = tail.checked_sub(size).filter(|footer| *footer >= MAGIC.len() as u64);
    let footer = footer.ok_or_else(|| damaged(tail, "the footer would be longer than the file"))?;
    if size > MAX_FOOTER_BYTES {
        return Err(UnpackError::TooLarge { what: "the footer", size, limit: MAX_FOOTER_BYTES });
    }
    let end = source.read_at(footer, length(&(footer..len)))?;
    let sum = source.read_at(footer.saturating_sub(CHECKSUM as u64), CHECKSUM)?;
    match Parts::check(&(footer..len), &end, Some(&sum)) {
        Ok(()) => Ok((footer, end)),
        Err(_) if is_of_others(&end) => {
            Err(UnpackError::foreign("it is a Parquet file, and no packed segment"))
        }
        Err(error) => Err(error),
    }
}

/// Whether a file that lacks its checksum is somebody else's, and no damaged one of ours.
fn is_of_others(end: &[u8]) -> bool {
    let footer = end.get(..end.len().saturating_sub(TAIL)).unwrap_or_default();
    let ours = schema::schema().ok();
    decode(|| ParquetMetaDataReader::decode_metadata(footer))
        .is_ok_and(|meta| about_text(&meta).is_none() && Some(meta.file_metadata().schema()) != ours.as_ref())
}

fn about_text(meta: &ParquetMetaData) -> Option<&str> {
    let pairs = meta.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == about::NAME)?.value.as_deref()
}

fn about_of(meta: &ParquetMetaData) -> Result<About, UnpackError> {
    let text = about_text(meta);
    About::parse(text.ok_or_else(|| UnpackError::foreign("it is a Parquet file, and no packed segment"))?)
}

/// Holds columns and counts against what a packed segment has. Returns where the row groups begin.
fn check_shape(meta: &ParquetMetaData) -> Result<Vec<u64>, UnpackError> {
    if *meta.file_metadata().schema() != schema::schema()? {
        return Err(UnpackError::foreign("its columns are not those of a packed segment"));
    }
    let (mut rows, mut starts) = (0_u64, Vec::new());
    for group in meta.row_groups() {
        let count = u64::try_from(group.num_rows()).ok().filter(|count| *count > 0);
        let count = count.ok_or_else(|| UnpackError::foreign("a row group without rows"))?;
        rows = rows.saturating_add(count);
        if rows > MAX_ROWS {
            return Err(UnpackError::TooLarge { what: "the number of entries", size: rows, limit: MAX_ROWS });
        }
        for column in group.columns() {
            if u64::try_from(column.num_values()) != Ok(count) {
                return Err(UnpackError::foreign("a column with another number of rows"));
            }
            if !matches!(column.compression(), Compression::UNCOMPRESSED | Compression::ZSTD(_)) {
                return Err(UnpackError::foreign("a column that is compressed by something else than zstd"));
            }
        }
        let first = group
            .columns()
            .first()
            .map(|column| offset(column.dictionary_page_offset(), column.data_page_offset()));
        starts.push(first.flatten().ok_or_else(|| UnpackError::foreign("a row group without a place"))?);
    }
    if u64::try_from(meta.file_metadata().num_rows()) != Ok(rows) || starts.is_empty() {
        return Err(UnpackError::foreign("its row groups do not have the rows that it counts"));
    }
    Ok(starts)
}

/// The first byte of a column: of its dictionary, or of its first page.
fn offset(dictionary: Option<i64>, data: i64) -> Option<u64> {
    u64::try_from(dictionary.unwrap_or(data)).ok()
}

/// Refuses columns that lie outside of their row group.
fn check_places(group: &RowGroupMetaData, part: &Range<u64>) -> Result<(), UnpackError> {
    for column in group.columns() {
        let start = offset(column.dictionary_page_offset(), column.data_page_offset());
        let length = u64::try_from(column.compressed_size()).ok();
        let end = start.zip(length).and_then(|(start, length)| start.checked_add(length));
        let within = start.is_some_and(|start| start >= part.start) && end.is_some_and(|end| end <= part.end);
        let data = u64::try_from(column.data_page_offset()).ok();
        if !within || !data.is_some_and(|data| Some(data) >= start && Some(data) < end) {
            return Err(UnpackError::foreign("a column that lies outside of its row group"));
        }
    }
    Ok(())
}

/// A stretch of the file in memory.
#[derive(Debug, Clone)]
struct Chunk {
    from: u64,
    bytes: Bytes,
}

impl Chunk {
    fn slice(&self, start: u64, length: u64) -> Result<Bytes, ParquetError> {
        let from = start.checked_sub(self.from).and_then(|from| usize::try_from(from).ok());
        let range = from.zip(usize::try_from(length).ok()).and_then(|(from, length)| {
            let to = from.checked_add(length)?;
            (to <= self.bytes.len()).then_some(from..to)
        });
        let range = range.ok_or_else(|| ParquetError::EOF("outside of the row group".to_owned()))?;
        Ok(self.bytes.slice(range))
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.from + self.bytes.len() as u64
    }
}

impl ChunkReader for Chunk {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let rest = self.len().saturating_sub(start);
        Ok(self.slice(start, rest)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.slice(start, length as u64)
    }
}
