//! The columns of a packed segment, in their order. A file has all of them, and no other.

use crate::kinds::{Field, TYPED};
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::Result;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::{ColumnPath, Type};
use std::sync::{Arc, LazyLock};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 64 bits, signed.
    Int,
    /// Milliseconds since 1970, UTC.
    Time,
    Bool,
    /// UTF-8.
    Text,
    /// Bytes of a fixed number.
    Fixed(i32),
    /// Sixteen bytes of a UUID.
    Uuid,
}

/// How a column's values are written. A reader takes any encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Values that chance made: neither encoded nor compressed.
    Plain,
    /// Values that come again.
    Dictionary,
    /// Values near the one before.
    Delta,
    /// Values that are alike in a few bytes: as they are, and compressed. Splitting them byte by byte would take less,
    /// and is an encoding that DuckDB does not read for values of this length.
    Alike,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) coding: Coding,
    pub(crate) required: bool,
}

macro_rules! columns {
    ($($constant:ident $name:literal $shape:expr, $coding:ident;)*) => {
        #[derive(Clone, Copy)]
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "numbers of columns, as constants")]
        enum Number { $($constant),* }
        $(pub(crate) const $constant: usize = Number::$constant as usize;)*
        /// The columns that every entry has, by their numbers.
        const FIXED: &[(&str, Shape, Coding)] = &[$(($name, $shape, Coding::$coding)),*];
    };
}

columns! {
    SEQ "seq" Shape::Int, Delta;
    RECORDED_AT "recorded_at" Shape::Time, Delta;
    AUTHOR "author" Shape::Text, Dictionary;
    KIND "kind" Shape::Text, Dictionary;
    ORG "org" Shape::Text, Dictionary;
    TENANT "tenant" Shape::Text, Dictionary;
    NODE_ID "node_id" Shape::Uuid, Dictionary;
    SEVERITY "severity" Shape::Text, Dictionary;
    TS "ts" Shape::Time, Delta;
    ID "id" Shape::Uuid, Alike;
    KEY "key" Shape::Fixed(32), Dictionary;
    LEDGER "ledger" Shape::Fixed(32), Dictionary;
    PAYLOAD_VERSION "payload_version" Shape::Int, Dictionary;
    CHAIN_EPOCH "chain_epoch" Shape::Fixed(16), Dictionary;
    CHAIN_SEQ "chain_seq" Shape::Int, Delta;
    CHAIN_PREV "chain_prev" Shape::Fixed(32), Plain;
    VIA_METHOD "via_method" Shape::Text, Dictionary;
    VIA_SUBJECT "via_subject" Shape::Text, Dictionary;
    SIG "sig" Shape::Fixed(64), Plain;
    SALT "salt" Shape::Fixed(32), Plain;
    PAYLOAD "payload" Shape::Text, Dictionary;
    PAYLOAD_HASH "payload_hash" Shape::Fixed(32), Plain;
    PREV "prev" Shape::Fixed(32), Plain;
    LANE_N "lane_n" Shape::Int, Delta;
    LANE_PREV "lane_prev" Shape::Fixed(32), Plain;
    GROUP_END "group_end" Shape::Bool, Plain;
    COMMIT_ROOT "commit_root" Shape::Fixed(32), Plain;
    LINE "line" Shape::Text, Dictionary;
}

/// All columns: those of every entry, then those of payloads of known kinds.
pub(crate) static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let mut columns: Vec<Column> = FIXED
        .iter()
        .enumerate()
        .map(|(i, (name, shape, coding))| Column {
            name: (*name).to_owned(),
            shape: *shape,
            coding: *coding,
            required: i == SEQ || i == GROUP_END,
        })
        .collect();
    for typed in TYPED {
        let column = |name: &str, shape, coding| {
            let name = format!("{}_{name}", typed.kind.replace('-', "_"));
            Column { name, shape, coding, required: false }
        };
        for (name, field) in typed.fields {
            columns.push(match field {
                Field::Int => column(name, Shape::Int, Coding::Dictionary),
                Field::Count => column(name, Shape::Int, Coding::Delta),
                Field::Bool => column(name, Shape::Bool, Coding::Plain),
                Field::Hash => column(name, Shape::Fixed(32), Coding::Dictionary),
                Field::Text | Field::Stamp => column(name, Shape::Text, Coding::Dictionary),
                Field::Subject => column(name, Shape::Uuid, Coding::Dictionary),
            });
        }
        if typed.readings {
            columns.push(column("unknown", Shape::Int, Coding::Dictionary));
        }
    }
    columns
});

/// The number of the first column of the payloads of known kinds.
pub(crate) const FIRST_TYPED: usize = FIXED.len();

impl Column {
    pub(crate) fn physical(&self) -> Physical {
        match self.shape {
            Shape::Int | Shape::Time => Physical::INT64,
            Shape::Bool => Physical::BOOLEAN,
            Shape::Text => Physical::BYTE_ARRAY,
            Shape::Fixed(_) | Shape::Uuid => Physical::FIXED_LEN_BYTE_ARRAY,
        }
    }

    pub(crate) fn to_type(&self) -> Result<Type> {
        let repetition = if self.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let builder = Type::primitive_type_builder(&self.name, self.physical()).with_repetition(repetition);
        match self.shape {
            Shape::Int | Shape::Bool => builder,
            Shape::Time => builder.with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
            Shape::Text => builder.with_logical_type(Some(LogicalType::String)),
            Shape::Fixed(length) => builder.with_length(length),
            Shape::Uuid => builder.with_length(16).with_logical_type(Some(LogicalType::Uuid)),
        }
        .build()
    }
}

/// The schema of every packed segment.
pub(crate) fn schema() -> Result<Type> {
    let fields = COLUMNS.iter().map(|column| column.to_type().map(Arc::new)).collect::<Result<Vec<_>>>()?;
    Type::group_type_builder("entry").with_fields(fields).build()
}

/// How the columns are written.
pub(crate) fn properties() -> Result<WriterProperties> {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?);
    let mut builder: WriterPropertiesBuilder = WriterProperties::builder()
        .set_created_by("vaultmesh".to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_compression(zstd)
        // One page of a column in a row group, whatever it holds: the header of a page is as long as forty values.
        .set_data_page_size_limit(1 << 30)
        .set_data_page_row_count_limit(1 << 20)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES);
    for column in COLUMNS.iter() {
        let path = ColumnPath::new(vec![column.name.clone()]);
        builder = match column.coding {
            Coding::Plain => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), Encoding::PLAIN)
                .set_column_compression(
                    path,
                    if column.shape == Shape::Bool { zstd } else { Compression::UNCOMPRESSED },
                ),
            Coding::Dictionary => builder.set_column_dictionary_enabled(path, true),
            Coding::Delta => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            Coding::Alike => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::PLAIN),
        };
    }
    Ok(builder.build())
}

/// What packing may cost: higher levels gain less than a percent.
const ZSTD_LEVEL: i32 = 12;

/// Longest dictionary of a column in a row group; what is longer is written plain.
const DICTIONARY_BYTES: usize = 1 << 20;
