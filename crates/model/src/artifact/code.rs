//! What can be written to an artifact and read from it.

use super::read::{Decoded, Decoder};
use super::write::Encoder;

/// What kind of value follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    None = 0,
    False = 1,
    True = 2,
    Unsigned = 3,
    Double = 4,
    Single = 5,
    Text = 6,
    List = 7,
    Item = 8,
    Bytes = 16,
    Booleans = 17,
    Unsigned32 = 18,
    Singles = 19,
    Unsigned64 = 20,
    Signed64 = 21,
    Doubles = 22,
}

impl Tag {
    const ALL: [Self; 16] = [
        Self::None,
        Self::False,
        Self::True,
        Self::Unsigned,
        Self::Double,
        Self::Single,
        Self::Text,
        Self::List,
        Self::Item,
        Self::Bytes,
        Self::Booleans,
        Self::Unsigned32,
        Self::Singles,
        Self::Unsigned64,
        Self::Signed64,
        Self::Doubles,
    ];

    pub(super) fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tag| *tag as u8 == byte)
    }
}

/// A value of an artifact.
pub(super) trait Code: Sized {
    /// Writes it.
    fn encode(&self, out: &mut Encoder);

    /// Reads it.
    fn decode(input: &mut Decoder<'_>) -> Decoded<Self>;

    /// Writes several: numbers as an array, others as a list.
    fn encode_all(values: &[Self], out: &mut Encoder) {
        out.tag(Tag::List);
        out.count(values.len() as u64);
        values.iter().for_each(|value| value.encode(out));
    }

    /// Reads several.
    fn decode_all(input: &mut Decoder<'_>) -> Decoded<Vec<Self>> {
        let count = input.list::<Self>()?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(Self::decode(input)?);
        }
        Ok(values)
    }
}

/// Bytes from the front of a heap.
fn take<'a>(heap: &mut &'a [u8], count: usize, width: usize) -> Option<&'a [u8]> {
    let (taken, rest) = heap.split_at_checked(count.checked_mul(width)?)?;
    *heap = rest;
    Some(taken)
}

/// Arrays of a type of number. The loops over chunks compile to copies.
macro_rules! array {
    ($type:ty, $tag:ident, $heap:ident) => {
        fn encode_all(values: &[Self], out: &mut Encoder) {
            out.tag(Tag::$tag);
            out.count(values.len() as u64);
            out.heaps.$heap.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }

        fn decode_all(input: &mut Decoder<'_>) -> Decoded<Vec<Self>> {
            const WIDTH: usize = size_of::<$type>();
            let count = input.array::<Self>(Tag::$tag)?;
            let Some(bytes) = take(&mut input.heaps.$heap, count, WIDTH) else {
                return Err(input.invalid(format_args!("{count} elements"), "fewer"));
            };
            let (chunks, _) = bytes.as_chunks::<WIDTH>();
            Ok(chunks.iter().map(|chunk| <$type>::from_le_bytes(*chunk)).collect())
        }
    };
}

impl Code for f64 {
    fn encode(&self, out: &mut Encoder) {
        out.tag(Tag::Double);
        out.heaps.tree.extend(self.to_le_bytes());
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        input.expect(Tag::Double)?;
        input.fixed().map(Self::from_le_bytes)
    }

    array!(f64, Doubles, f64s);
}

impl Code for f32 {
    fn encode(&self, out: &mut Encoder) {
        out.tag(Tag::Single);
        out.heaps.tree.extend(self.to_le_bytes());
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        input.expect(Tag::Single)?;
        input.fixed().map(Self::from_le_bytes)
    }

    array!(f32, Singles, f32s);
}

/// A single integer that is not negative.
macro_rules! unsigned {
    ($type:ty) => {
        fn encode(&self, out: &mut Encoder) {
            out.tag(Tag::Unsigned);
            out.count(*self as u64);
        }

        fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
            input.expect(Tag::Unsigned)?;
            let number = input.count()?;
            <$type>::try_from(number).map_err(|_| input.invalid(stringify!($type), number))
        }
    };
}

impl Code for u8 {
    unsigned!(u8);
    array!(u8, Bytes, bytes);
}

impl Code for u32 {
    unsigned!(u32);
    array!(u32, Unsigned32, u32s);
}

impl Code for u64 {
    unsigned!(u64);
    array!(u64, Unsigned64, u64s);
}

impl Code for usize {
    unsigned!(usize);

    fn encode_all(values: &[Self], out: &mut Encoder) {
        out.tag(Tag::Unsigned64);
        out.count(values.len() as u64);
        out.heaps.u64s.extend(values.iter().flat_map(|&value| (value as u64).to_le_bytes()));
    }

    fn decode_all(input: &mut Decoder<'_>) -> Decoded<Vec<Self>> {
        let numbers = u64::decode_all(input)?;
        let numbers: Result<_, _> = numbers.into_iter().map(Self::try_from).collect();
        numbers.map_err(|_| input.invalid("numbers of this machine's width", "larger ones"))
    }
}

impl Code for i64 {
    fn encode(&self, out: &mut Encoder) {
        Self::encode_all(&[*self], out);
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        let numbers = Self::decode_all(input)?;
        if let [number] = numbers[..] { Ok(number) } else { Err(input.invalid("one number", numbers.len())) }
    }

    array!(i64, Signed64, u64s);
}

impl Code for bool {
    fn encode(&self, out: &mut Encoder) {
        out.tag(if *self { Tag::True } else { Tag::False });
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        let tag = input.tag()?;
        if matches!(tag, Tag::True | Tag::False) {
            return Ok(tag == Tag::True);
        }
        Err(input.invalid("true or false", format_args!("{tag:?}")))
    }

    fn encode_all(values: &[Self], out: &mut Encoder) {
        out.tag(Tag::Booleans);
        out.count(values.len() as u64);
        out.heaps.bytes.extend(values.iter().map(|&value| u8::from(value)));
    }

    fn decode_all(input: &mut Decoder<'_>) -> Decoded<Vec<Self>> {
        let count = input.array::<Self>(Tag::Booleans)?;
        let bytes = take(&mut input.heaps.bytes, count, 1);
        match bytes {
            Some(bytes) if bytes.iter().fold(0, |all, byte| all | byte) <= 1 => {
                Ok(bytes.iter().map(|&byte| byte == 1).collect())
            }
            Some(_) | None => Err(input.invalid(format_args!("{count} booleans"), "fewer, or other bytes")),
        }
    }
}

/// Pairs stand one after the other in one array.
impl Code for (f64, f64) {
    fn encode(&self, out: &mut Encoder) {
        Self::encode_all(&[*self], out);
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        let pairs = Self::decode_all(input)?;
        if let [pair] = pairs[..] { Ok(pair) } else { Err(input.invalid("one pair", pairs.len())) }
    }

    fn encode_all(values: &[Self], out: &mut Encoder) {
        let flat: Vec<f64> = values.iter().flat_map(|&(first, second)| [first, second]).collect();
        f64::encode_all(&flat, out);
    }

    fn decode_all(input: &mut Decoder<'_>) -> Decoded<Vec<Self>> {
        let flat = f64::decode_all(input)?;
        let (pairs, rest) = flat.as_chunks();
        if !rest.is_empty() {
            return Err(input.invalid("pairs", "an odd number of numbers"));
        }
        Ok(pairs.iter().map(|&[first, second]| (first, second)).collect())
    }
}

impl Code for String {
    fn encode(&self, out: &mut Encoder) {
        out.text(self);
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        input.text()
    }
}

impl<T: Code> Code for Vec<T> {
    fn encode(&self, out: &mut Encoder) {
        T::encode_all(self, out);
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        T::decode_all(input)
    }
}

impl<T: Code> Code for Option<T> {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Some(value) => value.encode(out),
            None => out.tag(Tag::None),
        }
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        if input.is_none() { Ok(None) } else { T::decode(input).map(Some) }
    }
}

impl<T: Code> Code for Box<T> {
    fn encode(&self, out: &mut Encoder) {
        (**self).encode(out);
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        input.charge::<T>(1)?;
        T::decode(input).map(Self::new)
    }
}

impl<T: Code, const N: usize> Code for [T; N] {
    fn encode(&self, out: &mut Encoder) {
        T::encode_all(self, out);
    }

    fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
        let values = T::decode_all(input)?;
        Self::try_from(values).map_err(|values| input.invalid(format_args!("{N} values"), values.len()))
    }
}

/// The name in files of a field or type: its own, or the one beside it.
macro_rules! name {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $file:literal) => {
        $file
    };
}

/// Writes a field, unless it has its default.
macro_rules! write_field {
    ($out:ident, $value:ident, $name:expr) => {
        $out.field($name, $value)
    };
    ($out:ident, $value:ident, $name:expr, $default:expr) => {
        if *$value != $default {
            $out.field($name, $value);
        }
    };
}

/// The value of a field that was read, or its default.
macro_rules! take_field {
    ($input:ident, $value:ident, $type:expr, $name:expr) => {
        match $value {
            Some(value) => value,
            None => return Err($input.invalid(format_args!("`{}` of `{}`", $name, $type), "nothing")),
        }
    };
    ($input:ident, $value:ident, $type:expr, $name:expr, $default:expr) => {
        $value.unwrap_or_else(|| $default)
    };
}

/// Reads the fields of the item that was begun.
macro_rules! read_fields {
    ($input:ident, $type:expr, $($value:ident $name:expr),*) => {
        $(let mut $value = None;)*
        while let Some(name) = $input.field()? {
            match name {
                $(known if known == $name => $input.value(name, &mut $value)?,)*
                unknown => return Err(Decoder::unknown($type, unknown)),
            }
        }
    };
}

/// A struct: `item!(Type { field, renamed as "name", newer = default })`.
macro_rules! item {
    ($type:ident $(as $type_file:literal)? {
        $($field:ident $(as $file:literal)? $(= $default:expr)?),* $(,)?
    }) => {
        impl Code for $type {
            fn encode(&self, out: &mut Encoder) {
                let Self { $($field),* } = self;
                out.begin(name!($type $($type_file)?));
                $(write_field!(out, $field, name!($field $($file)?) $(, $default)?);)*
                out.end();
            }

            fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
                const NAME: &str = name!($type $($type_file)?);
                let name = input.begin()?;
                if name != NAME {
                    return Err(input.invalid(format_args!("`{NAME}`"), format_args!("`{name}`")));
                }
                read_fields!(input, NAME, $($field name!($field $($file)?)),*);
                Ok(Self { $($field: take_field!(input, $field, NAME, name!($field $($file)?) $(, $default)?)),* })
            }
        }
    };
}

/// An enum: `choice!(Type { Plain, Of(value), With { field, newer = default } })`.
macro_rules! choice {
    ($type:ident {
        $($variant:ident $(as $variant_file:literal)? $(($($part:ident),+))? $({
            $($field:ident $(as $file:literal)? $(= $default:expr)?),+ $(,)?
        })?),+ $(,)?
    }) => {
        impl Code for $type {
            fn encode(&self, out: &mut Encoder) {
                match self {
                    $(Self::$variant $(($($part),+))? $({ $($field),+ })? => {
                        out.begin(name!($variant $($variant_file)?));
                        $($(write_field!(out, $part, name!($part));)+)?
                        $($(write_field!(out, $field, name!($field $($file)?) $(, $default)?);)+)?
                        out.end();
                    })+
                }
            }

            fn decode(input: &mut Decoder<'_>) -> Decoded<Self> {
                match input.begin()? {
                    $(known if known == name!($variant $($variant_file)?) => {
                        read_fields!(
                            input, known,
                            $($($part name!($part)),+)? $($($field name!($field $($file)?)),+)?
                        );
                        Ok(Self::$variant
                            $(($(take_field!(input, $part, known, name!($part))),+))?
                            $({ $($field: take_field!(
                                input, $field, known, name!($field $($file)?) $(, $default)?
                            )),+ })?)
                    })+
                    unknown => Err(Decoder::unknown(stringify!($type), unknown)),
                }
            }
        }
    };
}

pub(super) use {choice, item, name, read_fields, take_field, write_field};
