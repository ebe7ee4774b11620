//! A cell: what stands in one row of one column.

use parquet::data_type::ByteArray;

/// What stands in one row of one column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Nothing,
    Int(i64),
    Bool(bool),
    Bytes(ByteArray),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Bytes(ByteArray::from(text))
    }
}

impl<const N: usize> From<&[u8; N]> for Cell {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(ByteArray::from(bytes.as_slice()))
    }
}

impl<T> From<Option<T>> for Cell
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Self::from)
    }
}

impl Cell {
    /// A number of at most 2^53 − 1, or a time.
    pub(crate) fn number(number: u64) -> Option<Self> {
        i64::try_from(number).ok().map(Self::Int)
    }

    pub(crate) fn int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    pub(crate) fn bytes(&self) -> Option<ByteArray> {
        if let Self::Bytes(bytes) = self { Some(bytes.clone()) } else { None }
    }
}
