//! FlatBuffers: a bounded reader of tables, vectors and texts in a byte buffer
//! (<https://flatbuffers.dev/internals/>).
//!
//! Every access is checked against the buffer. Offsets may lead to one place many times, so that what is copied
//! out of a buffer is counted against a [`Budget`].

use std::cell::Cell;

use crate::{FileKind, FormatError, Limits, Problem};

/// Bytes that may be made of any file, however small.
const FREE_BYTES: usize = 64 << 20;

/// What is left of the memory that may be made of a file.
#[derive(Debug)]
pub(super) struct Budget {
    left: Cell<usize>,
    limit: (&'static str, u64),
}

impl Budget {
    /// What the limits allow for a file of this many bytes.
    pub(super) fn new(bytes: usize, limits: &Limits) -> Self {
        let in_proportion = bytes.saturating_mul(limits.max_model_ratio).saturating_add(FREE_BYTES);
        if in_proportion < limits.max_model_bytes {
            return Self {
                left: Cell::new(in_proportion),
                limit: ("max_model_ratio", limits.max_model_ratio as u64),
            };
        }
        let limit = ("max_model_bytes", limits.max_model_bytes as u64);
        Self { left: Cell::new(limits.max_model_bytes), limit }
    }

    /// Takes memory for `count` values of `size` bytes.
    pub(super) fn take(&self, kind: FileKind, count: usize, size: usize) -> Result<(), FormatError> {
        match self.left.get().checked_sub(count.saturating_mul(size)) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                let (limit, allowed) = self.limit;
                Err(FormatError::new(kind, Problem::LimitExceeded { limit, allowed }))
            }
        }
    }
}

/// A number of fixed size, little-endian.
pub(super) trait Scalar: Copy {
    /// Bytes of one.
    const SIZE: usize;
    /// The number in exactly [`Scalar::SIZE`] bytes.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! scalar {
    ($($number:ty),*) => {$(
        impl Scalar for $number {
            const SIZE: usize = size_of::<$number>();

            fn read(bytes: &[u8]) -> Self {
                let mut array = [0; size_of::<$number>()];
                array.copy_from_slice(bytes);
                Self::from_le_bytes(array)
            }
        }
    )*};
}

scalar!(u8, u16, u32, u64, i8, i32, f32, f64);

/// Two numbers side by side, as structs of two fields are stored.
impl<A: Scalar, B: Scalar> Scalar for (A, B) {
    const SIZE: usize = A::SIZE + B::SIZE;

    fn read(bytes: &[u8]) -> Self {
        let (first, second) = bytes.split_at(A::SIZE);
        (A::read(first), B::read(second))
    }
}

/// A buffer and what may be made of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer<'b> {
    bytes: &'b [u8],
    budget: &'b Budget,
}

impl<'b> Buffer<'b> {
    pub(super) fn new(bytes: &'b [u8], budget: &'b Budget) -> Self {
        Self { bytes, budget }
    }

    /// The table that the buffer is.
    pub(super) fn root(self) -> Result<Table<'b>, FormatError> {
        self.table(0)
    }

    /// The table that the offset at `position` leads to.
    fn table(self, position: usize) -> Result<Table<'b>, FormatError> {
        let position = self.target(position)?;
        let distance: i32 = self.scalar(position)?;
        let fields = i64::try_from(position).ok().map(|position| position - i64::from(distance));
        let fields = fields.and_then(|fields| usize::try_from(fields).ok());
        let fields = fields.ok_or_else(|| self.corrupt(position))?;
        let size: u16 = self.scalar(fields)?;
        let offsets = self.slice(fields, usize::from(size))?.get(4..).unwrap_or_default();
        Ok(Table { buffer: self, position, offsets })
    }

    /// Where the offset at `position` leads to.
    fn target(self, position: usize) -> Result<usize, FormatError> {
        let offset: u32 = self.scalar(position)?;
        position.checked_add(offset as usize).ok_or_else(|| self.corrupt(position))
    }

    fn scalar<T: Scalar>(self, position: usize) -> Result<T, FormatError> {
        self.slice(position, T::SIZE).map(T::read)
    }

    fn slice(self, position: usize, length: usize) -> Result<&'b [u8], FormatError> {
        let rest = self.bytes.get(position..).and_then(|rest| rest.get(..length));
        rest.ok_or_else(|| self.corrupt(position))
    }

    /// The number of elements of the vector at `position`, and their bytes.
    fn vector(self, position: usize, size: usize) -> Result<(usize, &'b [u8]), FormatError> {
        let count: u32 = self.scalar(position)?;
        let bytes = (count as usize).checked_mul(size).ok_or_else(|| self.corrupt(position))?;
        Ok((count as usize, self.slice(position + 4, bytes)?))
    }

    fn corrupt(self, position: usize) -> FormatError {
        let detail = format!("byte {position} of a buffer of {} leads out of it", self.bytes.len());
        FormatError::new(FileKind::CatboostBinary, Problem::Corrupt { detail })
    }
}

/// A table: fields by their number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'b> {
    buffer: Buffer<'b>,
    position: usize,
    /// The offset of each field, two bytes each; 0 where a field has its default.
    offsets: &'b [u8],
}

impl<'b> Table<'b> {
    /// Where a field stands, unless it has its default.
    fn place(&self, field: usize) -> Option<usize> {
        let offset = u16::read(self.offsets.get(2 * field..2 * field + 2)?);
        (offset != 0).then(|| self.position + usize::from(offset))
    }

    /// A number, or its default.
    pub(super) fn scalar<T: Scalar>(&self, field: usize, default: T) -> Result<T, FormatError> {
        self.place(field).map_or(Ok(default), |place| self.buffer.scalar(place))
    }

    /// A table, where it is there.
    pub(super) fn table(&self, field: usize) -> Result<Option<Table<'b>>, FormatError> {
        self.place(field).map(|place| self.buffer.table(place)).transpose()
    }

    /// The bytes of a vector of bytes; none where it is not there.
    pub(super) fn bytes(&self, field: usize) -> Result<&'b [u8], FormatError> {
        let Some(place) = self.place(field) else { return Ok(&[]) };
        Ok(self.buffer.vector(self.buffer.target(place)?, 1)?.1)
    }

    /// A vector of numbers; empty where it is not there.
    pub(super) fn scalars<T: Scalar>(&self, field: usize) -> Result<Vec<T>, FormatError> {
        let Some(place) = self.place(field) else { return Ok(Vec::new()) };
        let (count, bytes) = self.buffer.vector(self.buffer.target(place)?, T::SIZE)?;
        self.buffer.budget.take(FileKind::CatboostBinary, count, size_of::<T>())?;
        Ok(bytes.chunks_exact(T::SIZE).map(T::read).collect())
    }

    /// A vector of tables; empty where it is not there.
    pub(super) fn tables(&self, field: usize) -> Result<Vec<Table<'b>>, FormatError> {
        let Some((start, count)) = self.offsets_at(field)? else { return Ok(Vec::new()) };
        (0..count).map(|index| self.buffer.table(start + 4 * index)).collect()
    }

    /// A vector of texts; empty where it is not there.
    pub(super) fn texts(&self, field: usize) -> Result<Vec<&'b str>, FormatError> {
        let Some((start, count)) = self.offsets_at(field)? else { return Ok(Vec::new()) };
        (0..count).map(|index| self.text_at(start + 4 * index)).collect()
    }

    /// A text, where it is there.
    pub(super) fn text(&self, field: usize) -> Result<Option<&'b str>, FormatError> {
        self.place(field).map(|place| self.text_at(place)).transpose()
    }

    fn text_at(&self, position: usize) -> Result<&'b str, FormatError> {
        let (_, bytes) = self.buffer.vector(self.buffer.target(position)?, 1)?;
        std::str::from_utf8(bytes).map_err(|_| {
            let detail = format!("the text at byte {position} of a buffer is not UTF-8");
            FormatError::new(FileKind::CatboostBinary, Problem::Corrupt { detail })
        })
    }

    /// The place of the first offset of a vector of offsets, and how many there are.
    fn offsets_at(&self, field: usize) -> Result<Option<(usize, usize)>, FormatError> {
        let Some(place) = self.place(field) else { return Ok(None) };
        let start = self.buffer.target(place)?;
        let (count, _) = self.buffer.vector(start, 4)?;
        self.buffer.budget.take(FileKind::CatboostBinary, count, size_of::<Self>())?;
        Ok(Some((start + 4, count)))
    }
}
