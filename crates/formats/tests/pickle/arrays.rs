//! Arrays of every kind, in plain pickles and as joblib writes them.

use foretell_formats::pickle::Pickle;
use foretell_formats::{Limits, Problem};

use crate::writer::{Val, Writer};
use crate::{read, refusal};

/// A plain pickle of one array.
fn array(code: &str, shape: &[usize], big_endian: bool, data: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(4);
    writer.array(code, shape, false, big_endian, data);
    writer.finish()
}

fn f64s(bytes: &[u8]) -> Vec<f64> {
    read(bytes).unwrap().root().f64_vector(None).unwrap()
}

fn i64s(bytes: &[u8]) -> Vec<i64> {
    read(bytes).unwrap().root().i64_vector(None).unwrap()
}

#[test]
fn floats_of_every_size_are_exact() {
    // 1.0, the smallest subnormal, the largest number, minus infinity.
    let halves = [0x3c00_u16, 0x0001, 0x7bff, 0xfc00].map(u16::to_le_bytes).concat();
    assert_eq!(f64s(&array("f2", &[4], false, &halves)), [1.0, 2f64.powi(-24), 65504.0, f64::NEG_INFINITY]);
    let singles = [0.1_f32, -3.5].map(f32::to_be_bytes).concat();
    assert_eq!(f64s(&array("f4", &[2], true, &singles)), [f64::from(0.1_f32), -3.5]);
    let bytes = array("f4", &[2], true, &singles);
    let pickle = read(&bytes).unwrap();
    let array = pickle.root().array().unwrap();
    assert!(array.dtype().is_float32() && !array.dtype().is_float64());
    assert_eq!(array.f32s().unwrap(), [0.1, -3.5]);
}

#[test]
fn integers_of_every_size_keep_their_sign() {
    assert_eq!(i64s(&array("i1", &[2], false, &[0xff, 0x7f])), [-1, 127]);
    assert_eq!(i64s(&array("u1", &[2], false, &[0xff, 0x7f])), [255, 127]);
    assert_eq!(i64s(&array("i2", &[1], true, &[0xff, 0xfe])), [-2]);
    assert_eq!(i64s(&array("u4", &[1], false, &u32::MAX.to_le_bytes())), [i64::from(u32::MAX)]);
    assert_eq!(i64s(&array("i8", &[1], false, &i64::MIN.to_le_bytes())), [i64::MIN]);
    let beyond = array("u8", &[1], false, &u64::MAX.to_le_bytes());
    assert!(read(&beyond).unwrap().root().i64_vector(None).is_err());
    let inexact = array("i8", &[1], false, &((1_i64 << 53) + 1).to_le_bytes());
    assert!(read(&inexact).unwrap().root().f64_vector(None).is_err());
}

#[test]
fn text_ends_before_its_zeros() {
    let text = |text: &str| {
        let mut units: Vec<u32> = text.chars().map(u32::from).collect();
        units.resize(4, 0);
        units.into_iter().flat_map(u32::to_be_bytes).collect::<Vec<_>>()
    };
    let mut writer = Writer::new(2);
    let data = [text("ab"), text("é漢"), text("")].concat();
    writer.array("U4", &[3], false, true, &data);
    let bytes = writer.finish();
    assert_eq!(read(&bytes).unwrap().root().text_vector(3).unwrap(), ["ab", "é漢", ""]);
}

#[test]
fn bools_are_zero_or_one() {
    let bytes = array("b1", &[3], false, &[0, 1, 1]);
    assert_eq!(read(&bytes).unwrap().root().bool_vector(3).unwrap(), [false, true, true]);
    let bytes = array("b1", &[1], false, &[2]);
    assert!(read(&bytes).unwrap().root().bool_vector(1).is_err());
}

#[test]
fn object_arrays_hold_values() {
    let mut writer = Writer::new(4);
    writer.global("numpy.core.multiarray", "_reconstruct");
    writer.mark(|writer| {
        writer.global("numpy", "ndarray");
        writer.tuple(&[Val::Int(0)]);
        writer.raw_bytes(b"b");
    });
    writer.bytes(b"tR");
    writer.mark(|writer| {
        writer.int(1);
        writer.tuple(&[Val::Int(2)]);
        writer.dtype("O8", false);
        writer.value(&Val::Bool(false));
        writer.value(&Val::List(vec![Val::Text("no".into()), Val::Text("yes".into())]));
    });
    writer.bytes(b"tb");
    let bytes = writer.finish();
    let pickle = read(&bytes).unwrap();
    assert_eq!(pickle.root().text_vector(2).unwrap(), ["no", "yes"]);
    assert_eq!(
        pickle.root().f64_vector(2).unwrap_err().to_string(),
        "array: expected float64, got \"no\" at element 0"
    );
}

/// The dtype of two fields, `left` (i4) at 0 and `value` (f8) at 5, in 16 bytes.
fn structured(writer: &mut Writer, offset: i64) {
    writer.global("numpy", "dtype");
    writer.tuple(&[Val::Text("V16".into()), Val::Bool(false), Val::Bool(true)]);
    writer.bytes(b"R");
    writer.mark(|writer| {
        writer.int(3);
        writer.text("|");
        writer.bytes(b"N");
        writer.tuple(&[Val::Text("left".into()), Val::Text("value".into())]);
        writer.bytes(b"}");
        for (name, code, offset) in [("left", "i4", 0), ("value", "f8", offset)] {
            writer.text(name);
            writer.mark(|writer| {
                writer.dtype(code, false);
                writer.int(offset);
            });
            writer.bytes(b"ts");
        }
        [16, 1, 16].into_iter().for_each(|number| writer.int(number));
    });
    writer.bytes(b"tb");
}

/// A joblib file of one array; `dtype` writes its type, `padding` is the byte before the data and what it counts.
fn joblib(dtype: impl FnOnce(&mut Writer), shape: &[i64], padding: Option<u8>, data: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(4);
    writer.global("joblib.numpy_pickle", "NumpyArrayWrapper");
    writer.bytes(b")\x81}(");
    writer.text("subclass");
    writer.global("numpy", "ndarray");
    writer.text("shape");
    writer.tuple(&shape.iter().map(|&len| Val::Int(len)).collect::<Vec<_>>());
    writer.text("order");
    writer.text("C");
    writer.text("dtype");
    dtype(&mut writer);
    writer.text("allow_mmap");
    writer.value(&Val::Bool(true));
    if let Some(padding) = padding {
        writer.text("numpy_array_alignment_bytes");
        writer.int(16);
        writer.bytes(b"ub");
        writer.bytes(&[padding]);
        writer.bytes(&vec![0xff; padding.into()]);
    } else {
        writer.bytes(b"ub");
    }
    writer.bytes(data);
    writer.finish()
}

#[test]
fn structured_arrays_are_read_by_offset() {
    let mut data = Vec::new();
    for (left, value) in [(-1_i32, 0.5_f64), (7, -2.0)] {
        data.extend(left.to_le_bytes());
        data.push(0xaa);
        data.extend(value.to_le_bytes());
        data.extend([0xaa; 3]);
    }
    let bytes = joblib(|writer| structured(writer, 5), &[2], Some(3), &data);
    let pickle = read(&bytes).unwrap();
    let array = pickle.root().array().unwrap();
    assert_eq!(array.column_i64("left").unwrap(), [-1, 7]);
    assert_eq!(array.column_f64("value").unwrap(), [0.5, -2.0]);
    assert_eq!(array.column_f64("left").unwrap(), [-1.0, 7.0]);
    assert_eq!(
        array.column_i64("value").unwrap_err().to_string(),
        "array.value: expected int64, got float64"
    );
    assert_eq!(*array.column_f64("gain").unwrap_err().problem(), Problem::Missing { field: "gain".into() });
    assert!(array.f64s().is_err());

    let beyond = joblib(|writer| structured(writer, 9), &[2], Some(3), &data);
    assert!(refusal(&beyond).to_string().contains("a field outside of the element"));
}

#[test]
fn joblib_data_stand_in_the_stream() {
    let data = [1.5_f64, -2.5].map(f64::to_le_bytes).concat();
    let float = |writer: &mut Writer| writer.dtype("f8", false);
    for padding in [None, Some(1), Some(16)] {
        assert_eq!(f64s(&joblib(float, &[2], padding, &data)), [1.5, -2.5]);
    }
}

#[test]
fn joblib_object_arrays_are_pickles_with_a_memo_of_their_own() {
    let mut inner = Writer::new(2);
    inner.global("numpy.core.multiarray", "_reconstruct");
    inner.mark(|writer| {
        writer.global("numpy", "ndarray");
        writer.tuple(&[Val::Int(0)]);
        writer.raw_bytes(b"b");
    });
    inner.bytes(b"tR");
    inner.mark(|writer| {
        writer.int(1);
        writer.tuple(&[Val::Int(1)]);
        writer.dtype("O8", false);
        writer.value(&Val::Bool(false));
        writer.value(&Val::List(vec![Val::Text("setosa".into())]));
    });
    inner.bytes(b"tb");
    let bytes = joblib(|writer| writer.dtype("O8", false), &[1], None, &inner.finish());
    assert_eq!(read(&bytes).unwrap().root().text_vector(1).unwrap(), ["setosa"]);
}

#[test]
fn impossible_shapes_are_refused() {
    let float = |writer: &mut Writer| writer.dtype("f8", false);
    let nothing = [0; 16];
    let refused = |shape: &[i64]| refusal(&joblib(float, shape, None, &nothing)).problem().clone();
    assert!(matches!(refused(&[-1]), Problem::Corrupt { .. }));
    assert!(matches!(refused(&[1 << 33, 1 << 33]), Problem::Corrupt { .. }));
    assert!(matches!(refused(&[1 << 40]), Problem::LimitExceeded { limit: "max_array_bytes", .. }));
    assert!(matches!(refused(&[3]), Problem::Truncated { .. }));
    assert!(matches!(refused(&[1; 65]), Problem::Corrupt { .. }));
    assert!(matches!(refusal(&array("f8", &[3], false, &nothing)).problem(), Problem::Corrupt { .. }));
    assert!(matches!(refusal(&array("U0", &[3], false, &[])).problem(), Problem::Corrupt { .. }));
    let small = Limits { max_array_bytes: 8, ..Limits::default() };
    assert!(Pickle::read(joblib(float, &[2], None, &nothing), &small).is_err());
}

#[test]
fn scalars_are_numbers_and_texts() {
    let scalar = |code: &str, data: &[u8]| {
        let mut writer = Writer::new(4);
        writer.global("numpy._core.multiarray", "scalar");
        writer.dtype(code, false);
        writer.raw_bytes(data);
        writer.bytes(b"\x86R");
        writer.finish()
    };
    assert_eq!(read(&scalar("f8", &0.25_f64.to_le_bytes())).unwrap().root().float().unwrap(), 0.25);
    assert_eq!(read(&scalar("f4", &0.5_f32.to_le_bytes())).unwrap().root().float().unwrap(), 0.5);
    assert_eq!(read(&scalar("i8", &(-3_i64).to_le_bytes())).unwrap().root().int().unwrap(), -3);
    assert!(read(&scalar("b1", &[1])).unwrap().root().bool().unwrap());
    assert_eq!(read(&scalar("U1", &[0x41, 0, 0, 0])).unwrap().root().text().unwrap(), "A");
    assert!(matches!(refusal(&scalar("f8", &[0; 4])).problem(), Problem::Corrupt { .. }));
}

#[test]
fn sparse_matrices_are_checked_and_filled() {
    let integers = |numbers: &[i64]| Val::List(numbers.iter().map(|&number| Val::Int(number)).collect());
    let csr = |indices: &[i64], starts: &[i64]| {
        let state = vec![
            ("_shape".to_owned(), Val::Tuple(vec![Val::Int(2), Val::Int(3)])),
            ("data".to_owned(), Val::List(vec![Val::Float(1.5), Val::Float(2.5)])),
            ("indices".to_owned(), integers(indices)),
            ("indptr".to_owned(), integers(starts)),
        ];
        crate::pickle(&Val::Object("scipy.sparse._csr", "csr_matrix", state), 4)
    };
    let good = csr(&[2, 0], &[0, 1, 2]);
    let matrix = read(&good).unwrap().root().f64_matrix(2, 3).unwrap();
    assert_eq!(matrix.row(0), [0.0, 0.0, 1.5]);
    assert_eq!(matrix.row(1), [2.5, 0.0, 0.0]);
    for bad in
        [csr(&[3, 0], &[0, 1, 2]), csr(&[-1, 0], &[0, 1, 2]), csr(&[2, 0], &[0, 2, 1]), csr(&[2, 0], &[0, 1])]
    {
        assert!(read(&bad).unwrap().root().f64_matrix(2, 3).is_err());
    }
    assert!(read(&good).unwrap().root().f64_matrix(2, 4).is_err());
}
