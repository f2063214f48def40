//! Bytes of array elements to numbers and texts.

use super::array::{Array, Elements};
use super::dtype::{Dtype, Kind};
use super::value::Value;
use crate::FormatError;

/// Does a double hold this integer exactly?
pub(super) fn exact(value: i64) -> bool {
    value.unsigned_abs() <= 1 << 53
}

/// A shape as Python writes it.
pub(super) fn shape(shape: &[usize]) -> String {
    let dims: Vec<Option<usize>> = shape.iter().map(|&len| Some(len)).collect();
    free_shape(&dims)
}

/// A shape whose free dimensions are `_`.
pub(super) fn free_shape(shape: &[Option<usize>]) -> String {
    let dims: Vec<String> =
        shape.iter().map(|len| len.map_or_else(|| "_".to_owned(), |len| len.to_string())).collect();
    let comma = if dims.len() == 1 { "," } else { "" };
    format!("({}{comma})", dims.join(", "))
}

/// Does a shape meet an expected one whose free dimensions are `None`?
pub(super) fn fits(shape: &[usize], expected: &[Option<usize>]) -> bool {
    let same = |(got, expected): (&usize, &Option<usize>)| expected.is_none_or(|expected| expected == *got);
    shape.len() == expected.len() && shape.iter().zip(expected).all(same)
}

pub(super) fn shape2((rows, cols): (Option<usize>, Option<usize>)) -> String {
    free_shape(&[rows, cols])
}

/// A one-dimensional array or a list, with a length that is checked when given.
pub(super) fn vector<'p, T>(
    value: &Value<'p>,
    len: Option<usize>,
    wanted: &str,
    of_array: impl Fn(&Array<'p>) -> Result<Vec<T>, FormatError>,
    of_item: impl Fn(&Value<'p>) -> Result<T, FormatError>,
) -> Result<Vec<T>, FormatError> {
    let expected = || format!("{wanted} {}", free_shape(&[len]));
    if value.is_array() {
        let array = value.array()?;
        return match *array.shape() {
            [got] if len.is_none_or(|len| len == got) => of_array(&array),
            _ => Err(value.mismatch(expected(), value.describe())),
        };
    }
    if !value.is_list() {
        return Err(value.mismatch(expected(), value.describe()));
    }
    let items = value.items()?;
    if len.is_some_and(|len| len != items.len()) {
        return Err(value.mismatch(expected(), value.describe()));
    }
    items.iter().map(of_item).collect()
}

/// Elements that were stored with the first index fastest, with the last index fastest.
pub(super) fn row_major<T: Clone>(flat: Vec<T>, shape: &[usize]) -> Vec<T> {
    if shape.len() < 2 || flat.is_empty() {
        return flat;
    }
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for len in shape {
        strides.push(stride);
        stride *= len;
    }
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut out = Vec::with_capacity(flat.len());
    while out.len() < flat.len() {
        out.push(flat[at].clone());
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}

fn numbers<const N: usize, T, U>(
    elements: Elements<'_>,
    big: bool,
    from: fn([u8; N]) -> T,
    map: impl Fn(T) -> U,
) -> Vec<U> {
    let read = |element: &[u8]| {
        let mut bytes: [u8; N] =
            element[elements.offset..elements.offset + N].try_into().expect("N bytes were taken");
        if big {
            bytes.reverse();
        }
        map(from(bytes))
    };
    elements.bytes.chunks_exact(elements.stride).map(read).collect()
}

pub(super) fn f64s(elements: Elements<'_>, dtype: &Dtype) -> Option<Vec<f64>> {
    let big = dtype.big_endian;
    match (&dtype.kind, dtype.itemsize) {
        (Kind::Float, 8) => Some(numbers(elements, big, f64::from_le_bytes, |x| x)),
        (Kind::Float, 4) => Some(numbers(elements, big, f32::from_le_bytes, f64::from)),
        (Kind::Float, 2) => Some(numbers(elements, big, u16::from_le_bytes, |bits| f64::from(half(bits)))),
        (Kind::Int | Kind::Uint, _) => {
            let ints = i64s(elements, dtype)?;
            ints.iter().all(|&value| exact(value)).then(|| ints.iter().map(|&value| value as f64).collect())
        }
        _ => None,
    }
}

pub(super) fn f32s(elements: Elements<'_>, dtype: &Dtype) -> Option<Vec<f32>> {
    let big = dtype.big_endian;
    match (&dtype.kind, dtype.itemsize) {
        (Kind::Float, 4) => Some(numbers(elements, big, f32::from_le_bytes, |x| x)),
        (Kind::Float, 2) => Some(numbers(elements, big, u16::from_le_bytes, half)),
        _ => None,
    }
}

pub(super) fn i64s(elements: Elements<'_>, dtype: &Dtype) -> Option<Vec<i64>> {
    let big = dtype.big_endian;
    match (&dtype.kind, dtype.itemsize) {
        (Kind::Int, 8) => Some(numbers(elements, big, i64::from_le_bytes, |x| x)),
        (Kind::Int, 4) => Some(numbers(elements, big, i32::from_le_bytes, i64::from)),
        (Kind::Int, 2) => Some(numbers(elements, big, i16::from_le_bytes, i64::from)),
        (Kind::Int, 1) => Some(numbers(elements, big, i8::from_le_bytes, i64::from)),
        (Kind::Uint, 8) => {
            numbers(elements, big, u64::from_le_bytes, |x| i64::try_from(x).ok()).into_iter().collect()
        }
        (Kind::Uint, 4) => Some(numbers(elements, big, u32::from_le_bytes, i64::from)),
        (Kind::Uint, 2) => Some(numbers(elements, big, u16::from_le_bytes, i64::from)),
        (Kind::Uint, 1) => Some(numbers(elements, big, u8::from_le_bytes, i64::from)),
        _ => None,
    }
}

pub(super) fn bools(elements: Elements<'_>, dtype: &Dtype) -> Option<Vec<bool>> {
    match (&dtype.kind, dtype.itemsize) {
        (Kind::Bool | Kind::Uint, 1) => {
            let truth = |byte| match byte {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            };
            numbers(elements, false, u8::from_le_bytes, truth).into_iter().collect()
        }
        _ => None,
    }
}

pub(super) fn texts(elements: Elements<'_>, dtype: &Dtype) -> Option<Vec<String>> {
    if dtype.kind != Kind::Text || elements.stride == 0 {
        return (dtype.kind == Kind::Text).then(Vec::new);
    }
    elements
        .bytes
        .chunks_exact(elements.stride)
        .map(|element| utf32(&element[elements.offset..], dtype))
        .collect()
}

/// UTF-32 text that ends before its trailing zeros.
pub(super) fn utf32(bytes: &[u8], dtype: &Dtype) -> Option<String> {
    let unit = |unit: &[u8]| {
        let bytes: [u8; 4] = unit.try_into().expect("chunks of 4 bytes");
        if dtype.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    let units: Vec<u32> = bytes[..dtype.itemsize].chunks_exact(4).map(unit).collect();
    let end = units.iter().rposition(|&unit| unit != 0).map_or(0, |last| last + 1);
    units[..end].iter().map(|&unit| char::from_u32(unit)).collect()
}

/// IEEE 754 binary16 to binary32, exactly.
pub(super) fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        0x1f if fraction == 0.0 => sign * f32::INFINITY,
        0x1f => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}
