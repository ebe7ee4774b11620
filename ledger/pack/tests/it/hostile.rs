//! Files that mean harm: a clear error, and no more memory than a segment may take.

use crate::segments::mixed;
use pack::{FORMAT, Packed, UnpackError};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use spec::{Domain, Hash};
use std::fmt::Write as _;
use std::sync::Arc;

fn refusal(bytes: Vec<u8>) -> UnpackError {
    match Packed::open(bytes).and_then(|packed| packed.unpack()) {
        Ok(plain) => panic!("{} bytes came out", plain.len()),
        Err(error) => error,
    }
}

fn footer(bytes: &[u8]) -> usize {
    let length: [u8; 4] = bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap();
    bytes.len() - 8 - u32::from_le_bytes(length) as usize
}

fn metadata(bytes: &[u8]) -> ParquetMetaData {
    ParquetMetaDataReader::decode_metadata(&bytes[footer(bytes)..bytes.len() - 8]).unwrap()
}

/// Gives a file, whose checksums have their room, the checksums that its parts have.
fn sealed(mut bytes: Vec<u8>, starts: &[usize]) -> Vec<u8> {
    let (footer, sums) = (footer(&bytes), footer(&bytes) - 32 * (starts.len() + 1));
    let bounds: Vec<usize> = [0].into_iter().chain(starts.iter().skip(1).copied()).chain([sums]).collect();
    let mut parts: Vec<(usize, usize)> = bounds.windows(2).map(|pair| (pair[0], pair[1])).collect();
    parts.push((footer, bytes.len()));
    for (i, (from, to)) in parts.into_iter().enumerate() {
        let sum = Hash::of(Domain::PackedPart, &[&bytes[from..to]]);
        bytes[sums + 32 * i..sums + 32 * (i + 1)].copy_from_slice(&sum.0);
    }
    bytes
}

/// A packed segment with another footer, sealed again.
fn with_footer(bytes: &[u8], meta: &ParquetMetaData) -> Vec<u8> {
    let mut out = bytes[..footer(bytes)].to_vec();
    let mut end = Vec::new();
    ParquetMetaDataWriter::new(&mut end, meta).finish().unwrap();
    out.extend_from_slice(&end);
    sealed(out, &[4])
}

fn about(bytes: u64) -> KeyValue {
    let hash = Hash::ZERO;
    let text = format!("{{\"bytes\":{bytes},\"first\":0,\"format\":\"{FORMAT}\",\"hash\":\"{hash}\"}}");
    KeyValue::new("vaultmesh".to_owned(), text)
}

/// A file with the columns of a packed segment, in which `rows` entries all have `payload`, and nothing fits together.
fn crafted(rows: usize, payload: &[u8], dictionary: bool, said: u64) -> Vec<u8> {
    let like = mixed(1, 4).pack();
    let meta = metadata(&like);
    let schema = meta.file_metadata().schema_descr().root_schema_ptr();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
        .set_dictionary_enabled(dictionary)
        .set_dictionary_page_size_limit(1 << 26)
        .set_data_page_size_limit(1 << 30)
        .set_offset_index_disabled(true)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut number = 0;
    while let Some(mut column) = group.next_column().unwrap() {
        let name = meta.file_metadata().schema_descr().column(number).name().to_owned();
        let required = name == "seq" || name == "group_end";
        let there = required
            || "recorded_at author kind org ts id key ledger payload_version via_method sig salt payload"
                .split(' ')
                .any(|other| other == name);
        let levels = vec![i16::from(there); rows];
        let levels = (!required).then_some(levels.as_slice());
        let count = if there { rows } else { 0 };
        let text: &[u8] = match name.as_str() {
            "author" => b"service:ledger",
            "kind" => b"x-a",
            "payload" => payload,
            _ => b"self",
        };
        match column.untyped() {
            ColumnWriter::Int64ColumnWriter(writer) => {
                let values: Vec<i64> = (0..i64::try_from(count).unwrap()).collect();
                writer.write_batch(&values, levels, None).unwrap();
            }
            ColumnWriter::BoolColumnWriter(writer) => {
                writer.write_batch(&vec![true; count], levels, None).unwrap();
            }
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                writer.write_batch(&vec![ByteArray::from(text); count], levels, None).unwrap();
            }
            ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
                let width = match name.as_str() {
                    "id" => 16,
                    "sig" => 64,
                    _ => 32,
                };
                let value = FixedLenByteArray::from(
                    [0x77_u8, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77, 0x88].repeat(8)[..width].to_vec(),
                );
                writer.write_batch(&vec![value; count], levels, None).unwrap();
            }
            _ => panic!("{name}"),
        }
        column.close().unwrap();
        number += 1;
    }
    group.close().unwrap();
    file.write_all(&[0; 64]).unwrap();
    file.append_key_value_metadata(about(said));
    sealed(file.into_inner().unwrap(), &[4])
}

#[test]
fn what_is_no_packed_segment_is_called_that() {
    for bytes in [b"".as_slice(), b"PAR1", b"PAR1PAR1", b"{\"entry\":{}}\n", b"PAR1\xff\xff\xff\xffPAR1"] {
        refusal(bytes.to_vec());
    }
}

/// A file of other columns, sealed as ours are.
fn foreign(message: &str) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(message).unwrap());
    let properties = WriterProperties::builder().set_offset_index_disabled(true).build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = file.next_row_group().unwrap();
    while let Some(mut column) = group.next_column().unwrap() {
        let ColumnWriter::Int64ColumnWriter(writer) = column.untyped() else { panic!("of integers") };
        let levels = vec![writer.get_descriptor().max_def_level()];
        writer.write_batch(&[1], Some(&levels), Some(&[0])).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    file.write_all(&[0; 64]).unwrap();
    file.append_key_value_metadata(about(1000));
    sealed(file.into_inner().unwrap(), &[4])
}

#[test]
fn other_columns_are_refused_before_they_are_read() {
    let nested =
        (0..60).fold("optional int64 x;".to_owned(), |inner, i| format!("optional group g{i} {{ {inner} }}"));
    let mut wide = String::new();
    for i in 0..2000 {
        let _ = write!(wide, "optional int64 c{i};");
    }
    for columns in ["required int64 seq;", &nested, &wide] {
        let error = refusal(foreign(&format!("message entry {{ {columns} }}")));
        assert!(error.to_string().contains("columns"), "{error}");
    }
}

#[test]
fn a_file_of_somebody_elses_is_no_damaged_one() {
    let schema = Arc::new(parse_message_type("message other { required int64 x; }").unwrap());
    let file = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let error = refusal(file.into_inner().unwrap());
    assert!(matches!(error, UnpackError::Foreign(_)), "{error}");
}

#[test]
fn counts_that_no_segment_has_are_refused() {
    let bytes = mixed(9, 10).pack();
    for count in [0, 1, 1_000_000, i64::from(i32::MAX), i64::MAX, -1] {
        let meta = metadata(&bytes);
        let mut builder = meta.into_builder();
        let groups = builder.take_row_groups();
        let groups =
            groups.into_iter().map(|g| g.into_builder().set_num_rows(count).build().unwrap()).collect();
        refusal(with_footer(&bytes, &builder.set_row_groups(groups).build()));
    }
}

#[test]
fn a_file_that_says_little_and_stands_for_much_is_stopped() {
    // A megabyte in the dictionary, four thousand times: four gigabytes.
    let much = vec![b'x'; 1 << 20];
    let error = refusal(crafted(4096, &much, true, 100_000));
    assert!(matches!(error, UnpackError::TooLarge { what: "the plain segment", .. }), "{error}");
    // Forty megabytes of the same byte in a few kilobytes, where a segment of one is promised.
    let error = refusal(crafted(40, &much, false, 1_000_000));
    assert!(
        matches!(error, UnpackError::TooLarge { what: "a row group without compression", .. }),
        "{error}"
    );
    // More than a segment may be is refused before anything is read.
    let error = refusal(crafted(2, b"{}", true, 1 << 40));
    assert!(matches!(error, UnpackError::TooLarge { what: "the plain segment", .. }), "{error}");
}

#[test]
fn values_that_no_record_has_are_refused_row_by_row() {
    let error = refusal(crafted(3, b"{}", true, 10_000));
    assert!(matches!(error, UnpackError::Row { .. }), "{error}");
}

#[test]
fn pages_that_lie_about_themselves_are_refused() {
    let bytes = mixed(10, 20).pack();
    let (end, mut refused) = (footer(&bytes) - 64, 0);
    // Any byte of the pages, with checksums to match: nothing panics, nothing grows, and what comes out is what went in.
    for at in (4..end).step_by(3) {
        for mask in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= mask;
            let outcome = Packed::open(sealed(changed, &[4])).and_then(|packed| packed.unpack());
            refused += usize::from(outcome.is_err());
        }
    }
    assert!(refused > end / 2, "{refused} of {end}");
}
