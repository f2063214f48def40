//! From the bytes of the structure and the arrays to values.

use super::ArtifactError;
use super::code::{Code, Tag};
use super::container::{Container, Section};

/// Items inside one another: more than any valid model has, and few enough for the smallest stack.
const DEEPEST: usize = 128;
/// Names of types, variants and fields.
const MOST_NAMES: usize = 4096;

/// The elements of arrays that were not taken yet.
#[derive(Debug)]
pub(super) struct Heaps<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) u32s: &'a [u8],
    pub(super) f32s: &'a [u8],
    pub(super) u64s: &'a [u8],
    pub(super) f64s: &'a [u8],
}

/// Reads values.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    tree: &'a [u8],
    at: usize,
    names: Vec<&'a str>,
    pub(super) heaps: Heaps<'a>,
    depth: usize,
    /// Bytes that may still be allocated.
    left: usize,
    memory: usize,
}

pub(super) type Decoded<T> = Result<T, ArtifactError>;

impl<'a> Decoder<'a> {
    pub(super) fn new(container: &Container<'a>, memory: usize) -> Decoded<Self> {
        let heaps = Heaps {
            bytes: container.section(Section::Bytes),
            u32s: container.section(Section::U32),
            f32s: container.section(Section::F32),
            u64s: container.section(Section::U64),
            f64s: container.section(Section::F64),
        };
        let tree = container.section(Section::Tree);
        let mut decoder = Self { tree, at: 0, names: Vec::new(), heaps, depth: 0, left: memory, memory };
        let count = decoder.length(MOST_NAMES)?;
        for _ in 0..count {
            let name = decoder.raw_text()?;
            decoder.names.push(name);
        }
        Ok(decoder)
    }

    /// Fails unless everything was read.
    pub(super) fn finish(&self) -> Decoded<()> {
        let Heaps { bytes, u32s, f32s, u64s, f64s } = &self.heaps;
        let left = [&self.tree[self.at..], bytes, u32s, f32s, u64s, f64s].iter().any(|part| !part.is_empty());
        if left { Err(self.invalid("the end of the model", "more")) } else { Ok(()) }
    }

    pub(super) fn invalid(&self, expected: impl ToString, got: impl ToString) -> ArtifactError {
        ArtifactError::Invalid { offset: self.at, expected: expected.to_string(), got: got.to_string() }
    }

    /// The refusal of a variant or field.
    pub(super) fn unknown(place: &str, name: &str) -> ArtifactError {
        ArtifactError::Unknown { place: format!("`{place}`"), name: name.to_owned() }
    }

    fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let Some((taken, _)) = self.tree[self.at..].split_at_checked(count) else {
            return Err(self.invalid(format_args!("{count} bytes"), self.tree.len() - self.at));
        };
        self.at += count;
        Ok(taken)
    }

    /// A number of a fixed width.
    pub(super) fn fixed<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    /// LEB128 in its shortest form.
    pub(super) fn count(&mut self) -> Decoded<u64> {
        let mut count = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part || (byte == 0 && shift > 0) {
                break;
            }
            count |= part << shift;
            if byte < 0x80 {
                return Ok(count);
            }
        }
        Err(self.invalid("an integer", "more than 64 bits, or needless bytes"))
    }

    /// A count of things of which there are at most `most`.
    fn length(&mut self, most: usize) -> Decoded<usize> {
        let count = self.count()?;
        match usize::try_from(count) {
            Ok(count) if count <= most => Ok(count),
            Ok(_) | Err(_) => Err(self.invalid(format_args!("at most {most}"), count)),
        }
    }

    fn raw_text(&mut self) -> Decoded<&'a str> {
        let length = self.length(self.tree.len() - self.at)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.invalid("UTF-8", "other bytes"))
    }

    /// Fails when another `count` elements of a type are more than may be allocated.
    pub(super) fn charge<T>(&mut self, count: usize) -> Decoded<()> {
        let bytes = count.checked_mul(size_of::<T>());
        let left = bytes.and_then(|bytes| self.left.checked_sub(bytes));
        self.left = left.ok_or(ArtifactError::TooLarge { memory: self.memory })?;
        Ok(())
    }

    /// The tag of the next value.
    pub(super) fn tag(&mut self) -> Decoded<Tag> {
        let byte = self.take(1)?[0];
        Tag::of(byte).ok_or_else(|| self.invalid("a tag", byte))
    }

    /// Fails unless the next value has this tag.
    pub(super) fn expect(&mut self, tag: Tag) -> Decoded<()> {
        let got = self.tag()?;
        if got == tag {
            return Ok(());
        }
        Err(self.invalid(format_args!("{tag:?}"), format_args!("{got:?}")))
    }

    /// Whether the next value is none, which then is taken.
    pub(super) fn is_none(&mut self) -> bool {
        let none = self.tree.get(self.at) == Some(&(Tag::None as u8));
        self.at += usize::from(none);
        none
    }

    pub(super) fn text(&mut self) -> Decoded<String> {
        self.expect(Tag::Text)?;
        let text = self.raw_text()?;
        self.charge::<u8>(text.len())?;
        Ok(text.to_owned())
    }

    /// The number of values of a list, each of which takes at least a byte.
    pub(super) fn list<T>(&mut self) -> Decoded<usize> {
        self.expect(Tag::List)?;
        let count = self.length(self.tree.len() - self.at)?;
        self.charge::<T>(count)?;
        Ok(count)
    }

    /// The number of elements of an array.
    pub(super) fn array<T>(&mut self, tag: Tag) -> Decoded<usize> {
        self.expect(tag)?;
        let count = self.length(usize::MAX)?;
        self.charge::<T>(count)?;
        Ok(count)
    }

    /// Begins an item; its name.
    pub(super) fn begin(&mut self) -> Decoded<&'a str> {
        self.expect(Tag::Item)?;
        if self.depth == DEEPEST {
            return Err(self.invalid(format_args!("at most {DEEPEST} nested items"), "more"));
        }
        self.depth += 1;
        match self.name()? {
            Some(name) => Ok(name),
            None => Err(self.invalid("the name of an item", "none")),
        }
    }

    /// The name of the next field of an item; `None` at its end.
    pub(super) fn field(&mut self) -> Decoded<Option<&'a str>> {
        let name = self.name()?;
        self.depth -= usize::from(name.is_none());
        Ok(name)
    }

    fn name(&mut self) -> Decoded<Option<&'a str>> {
        let number = self.length(self.names.len())?;
        Ok(number.checked_sub(1).map(|number| self.names[number]))
    }

    /// Reads the value of a field, which must not have one yet.
    pub(super) fn value<T: Code>(&mut self, name: &str, value: &mut Option<T>) -> Decoded<()> {
        if value.replace(T::decode(self)?).is_some() {
            return Err(self.invalid(format_args!("one `{name}`"), "two"));
        }
        Ok(())
    }
}
