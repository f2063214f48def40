//! The pickle reader on pickles made here: round trips in every protocol, damage at every place, and random bytes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod arrays;
mod bounds;
mod writer;

use foretell_formats::pickle::{Pickle, Value};
use foretell_formats::{FormatError, Limits, Problem};
use proptest::collection::vec;
use proptest::prelude::*;
use writer::{Style, Val, pickle, pickle_in};

fn read(bytes: &[u8]) -> Result<Pickle<'_>, FormatError> {
    Pickle::read(bytes, &Limits::default())
}

fn refusal(bytes: &[u8]) -> FormatError {
    read(bytes).expect_err("the pickle is bad")
}

/// Any value, a few levels deep.
fn values() -> impl Strategy<Value = Val> {
    let leaf = prop_oneof![
        Just(Val::None),
        any::<bool>().prop_map(Val::Bool),
        any::<i64>().prop_map(Val::Int),
        (-70_000..70_000_i64).prop_map(Val::Int),
        any::<f64>().prop_filter("NaN is not equal to itself", |x| !x.is_nan()).prop_map(Val::Float),
        ".{0,12}".prop_map(Val::Text),
        vec(any::<u8>(), 0..300).prop_map(Val::Bytes),
        arrays(),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let pairs = || vec(("[a-z_]{1,8}", inner.clone()), 0..5).prop_map(distinct);
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Val::List),
            vec(inner.clone(), 0..5).prop_map(Val::Tuple),
            vec(inner.clone(), 0..5).prop_map(Val::Set),
            vec(inner.clone(), 0..5).prop_map(Val::FrozenSet),
            inner.clone().prop_map(|value| Val::Twice(Box::new(value))),
            pairs().prop_map(Val::Dict),
            pairs().prop_map(|state| Val::Object("sklearn.linear_model._ridge", "Ridge", state)),
        ]
    })
}

/// A dict has each key once.
fn distinct(mut pairs: Vec<(String, Val)>) -> Vec<(String, Val)> {
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs.dedup_by(|a, b| a.0 == b.0);
    pairs
}

fn arrays() -> impl Strategy<Value = Val> {
    let shapes = vec(0..4_usize, 0..4);
    (shapes, any::<bool>(), any::<bool>(), -1e3..1e3).prop_map(|(shape, fortran, big_endian, first)| {
        let count: usize = shape.iter().product();
        let data = (0..count).map(|i| first + i as f64).collect();
        Val::Array { shape, fortran, big_endian, data }
    })
}

fn assert_same(value: &Value<'_>, expected: &Val) {
    match expected {
        Val::None => assert!(value.is_none(), "{value:?}"),
        Val::Bool(expected) => assert_eq!(value.bool().unwrap(), *expected),
        Val::Int(expected) => assert_eq!(value.int().unwrap(), *expected),
        Val::Float(expected) => assert_eq!(value.float().unwrap().to_bits(), expected.to_bits()),
        Val::Text(expected) => assert_eq!(value.text().unwrap(), expected),
        Val::Bytes(expected) => assert_eq!(value.bytes().unwrap(), expected),
        Val::List(expected) | Val::Tuple(expected) | Val::Set(expected) | Val::FrozenSet(expected) => {
            let items = value.items().unwrap();
            assert_eq!(items.len(), expected.len());
            items.iter().zip(expected).for_each(|(item, expected)| assert_same(item, expected));
        }
        Val::Twice(expected) => {
            let items = value.items().unwrap();
            assert_eq!(items.len(), 2);
            items.iter().for_each(|item| assert_same(item, expected));
        }
        Val::Dict(expected) => {
            let pairs = value.pairs().unwrap();
            assert_eq!(pairs.len(), expected.len());
            for ((key, value), (expected_key, expected)) in pairs.iter().zip(expected) {
                assert_eq!(key.text().unwrap(), expected_key);
                assert_same(value, expected);
            }
        }
        Val::Object(module, name, state) => {
            let class = value.class().unwrap();
            assert_eq!((class.module(), class.name(), class.package()), (*module, *name, "sklearn"));
            assert_eq!(value.field_names(), state.iter().map(|(name, _)| name).collect::<Vec<_>>());
            for (name, expected) in state {
                assert_same(&value.field(name).unwrap(), expected);
            }
        }
        Val::Array { shape, fortran, data, .. } => {
            let array = value.array().unwrap();
            assert_eq!(array.shape(), shape);
            assert_eq!(array.dtype().to_string(), "float64");
            let read = array.f64s().unwrap();
            for (at, number) in read.iter().enumerate() {
                assert_eq!(number.to_bits(), data[stored_at(at, shape, *fortran)].to_bits());
            }
            assert_eq!(read.len(), data.len());
        }
    }
}

/// Where the element at a row-major position stands in the file.
fn stored_at(mut at: usize, shape: &[usize], fortran: bool) -> usize {
    if !fortran {
        return at;
    }
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = at % shape[axis];
        at /= shape[axis];
    }
    index.iter().zip(shape).rev().fold(0, |stored, (index, len)| stored * len + index)
}

/// Visits all there is, as far as the limits let it.
fn walk(value: &Value<'_>) -> Result<(), FormatError> {
    if let Ok(array) = value.array() {
        for len in
            [array.f64s().map(|all| all.len()), array.texts().map(|all| all.len())].into_iter().flatten()
        {
            assert_eq!(len, array.len());
        }
    }
    for name in value.field_names() {
        walk(&value.field(name)?)?;
    }
    for items in [value.items(), value.args().and_then(|args| args.items())] {
        match items {
            Ok(items) => items.iter().try_for_each(walk)?,
            Err(error) if matches!(error.problem(), Problem::Mismatch { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads bytes of any kind; only the absence of a panic counts.
fn survives(bytes: &[u8]) {
    let limits = Limits { max_nodes: 100_000, max_opcodes: 100_000, max_depth: 30, ..Limits::default() };
    if let Ok(pickle) = Pickle::read(bytes, &limits) {
        let _ = walk(&pickle.root());
    }
}

/// Opcodes with short operands, so that random programs get somewhere.
fn instructions() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop::sample::select(
        b"(.012NRabde]lostu}Q)\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98".to_vec(),
    );
    let with_byte = prop::sample::select(b"Khq\x82\x8a".to_vec());
    let lines = [
        "I1\n",
        "I01\n",
        "F1.5\n",
        "L7L\n",
        "S'x'\n",
        "Vab\n",
        "p1\n",
        "g1\n",
        "cnumpy\ndtype\n",
        "(Vf8\ntR",
        "inumpy\nndarray\n",
    ];
    let globals = [
        "ccollections\nOrderedDict\n",
        "cnumpy\nndarray\n",
        "cnumpy\n_reconstruct\n",
        "cnumpy\nscalar\n",
        "c_codecs\nencode\n",
    ];
    prop_oneof![
        8 => plain.prop_map(|opcode| vec![opcode]),
        3 => (with_byte, 0..4_u8).prop_map(|(opcode, operand)| vec![opcode, operand]),
        3 => prop::sample::select(lines.to_vec()).prop_map(|line| line.as_bytes().to_vec()),
        2 => prop::sample::select(globals.to_vec()).prop_map(|line| line.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_protocol_reads_back_what_was_written(
        value in values(),
        protocol in 0..=5_u8,
        (framed, long, shared) in any::<(bool, bool, bool)>(),
    ) {
        let bytes = pickle_in(&value, protocol, Style { framed, long, shared });
        let pickle = read(&bytes).unwrap();
        assert_same(&pickle.root(), &value);
    }

    #[test]
    fn a_pickle_cut_short_is_refused_wherever_it_is_cut(value in values(), protocol in 0..=5_u8) {
        let bytes = pickle(&value, protocol);
        for len in 0..bytes.len() {
            prop_assert!(read(&bytes[..len]).is_err(), "cut to {len} of {}", bytes.len());
        }
    }

    #[test]
    fn damage_never_panics(
        value in values(),
        protocol in 0..=5_u8,
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = pickle(&value, protocol);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        survives(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        survives(&bytes);
    }

    #[test]
    fn random_programs_never_panic(program in vec(instructions(), 0..60)) {
        survives(&program.concat());
    }
}

#[test]
fn calls_are_refused_and_names_are_not() {
    let problem = refusal(b"cos\nsystem\n(Vtouch x\ntR.").problem().clone();
    assert_eq!(problem, Problem::ForbiddenCall { callable: "os.system".into() });
    let pickle = read(b"cos\nsystem\n.").unwrap();
    assert_eq!(pickle.root().reference().unwrap().to_string(), "os.system");
    assert_eq!(pickle.root().class(), None);
}

#[test]
fn python_code_is_told_from_an_attack() {
    // A function of the file's own is a name that no library has, even if it says it is one of numpy's; a call of it is refused.
    let function = b"ccloudpickle.cloudpickle\n_make_function\n(N}V__name__\nVnumpy\nsVlog1p\ntR";
    let file = [function, b".".as_slice()].concat();
    let pickle = read(&file).unwrap();
    let name = pickle.root().reference().unwrap();
    assert_eq!(
        (name.to_string(), name.is_own(), name.key()),
        ("numpy.log1p".into(), true, ("__main__", "log1p"))
    );
    let called = [function, b"(tR.".as_slice()].concat();
    assert_eq!(*refusal(&called).problem(), Problem::PythonCode { callable: "numpy.log1p".into() });
}

#[test]
fn a_class_of_the_files_own_is_never_taken_for_one_of_a_library() {
    let class = "(NVRidge\n)}V__module__\nVsklearn.linear_model\nstR";
    for maker in ["cloudpickle.cloudpickle\n_make_skeleton_class", "dill._dill\n_create_type"] {
        let file = format!("c{maker}\n{class})\u{81}.").chars().map(|char| char as u8).collect::<Vec<_>>();
        let pickle = read(&file).unwrap();
        let class = pickle.root().class().unwrap();
        assert_eq!(class.to_string(), "sklearn.linear_model.Ridge");
        assert!(class.is_own() && !class.is("sklearn", "Ridge"));
    }
    // `getattr` and `setattr` are for what is of the file's own.
    assert!(matches!(
        refusal(b"cbuiltins\ngetattr\n(cos\npath\nVx\ntR.").problem(),
        Problem::ForbiddenCall { .. }
    ));
    assert!(matches!(
        refusal(b"cbuiltins\nsetattr\n(cos\npath\nVx\nNtR.").problem(),
        Problem::ForbiddenCall { .. }
    ));
}

#[test]
fn objects_of_every_opcode_are_records() {
    // INST, OBJ, NEWOBJ and NEWOBJ_EX of the same class with the argument 7.
    for bytes in [
        &b"(I7\nisklearn.x\nTree\n."[..],
        b"(csklearn.x\nTree\nI7\no.",
        b"csklearn.x\nTree\nI7\n\x85\x81.",
        b"csklearn.x\nTree\nI7\n\x85}\x92.",
    ] {
        let pickle = read(bytes).unwrap();
        let root = pickle.root();
        assert!(root.class().unwrap().is("sklearn", "Tree"));
        assert_eq!(root.args().unwrap().at(0).unwrap().int().unwrap(), 7);
    }
}

#[test]
fn references_to_other_files_are_refused() {
    for bytes in [&b"Pid\n."[..], b"NQ.", b"\x82\x01.", b"\x83\x01\x00.", b"\x84\x01\0\0\0.", b"\x97."] {
        assert!(matches!(refusal(bytes).problem(), Problem::OutsideReference { .. }), "{bytes:?}");
    }
}

#[test]
fn containers_made_by_calls_are_containers() {
    let pickle = read(b"ccollections\nOrderedDict\n((l(Va\nI1\nlatR.").unwrap();
    assert_eq!(pickle.root().field("a").unwrap().int().unwrap(), 1);
    let pickle = read(b"c__builtin__\nset\n((lI4\natR.").unwrap();
    assert_eq!(
        pickle.root().i64_vector(None).unwrap_err().to_string(),
        "set: expected int64 (_,), got a set of 1"
    );
    assert_eq!(pickle.root().at(0).unwrap().int().unwrap(), 4);
    let pickle = read(b"c__builtin__\nbytearray\n(V\xe9\nVlatin-1\ntR.").unwrap();
    assert_eq!(pickle.root().bytes().unwrap(), [0xe9]);
}

#[test]
fn a_value_that_contains_itself_ends_at_the_depth_limit() {
    let pickle = read(b"]q\0h\0a.").unwrap();
    let error = walk(&pickle.root()).unwrap_err();
    assert_eq!(*error.problem(), Problem::LimitExceeded { limit: "max_depth", allowed: 200 });
}

#[test]
fn parts_that_are_used_again_and_again_end_at_the_step_limit() {
    // Thirty lists, each of which holds the one before twice.
    let mut bytes = b"]q\0".to_vec();
    for slot in 0..30_u8 {
        bytes.extend([b'0', b']', b'q', slot + 1, b'(', b'h', slot, b'h', slot, b'e']);
    }
    bytes.push(b'.');
    let pickle = read(&bytes).unwrap();
    let error = walk(&pickle.root()).unwrap_err();
    assert!(matches!(error.problem(), Problem::LimitExceeded { limit: "max_steps_ratio", .. }), "{error}");
}

#[test]
fn a_small_file_may_not_make_a_large_model() {
    // One array of 1 MB, read again and again.
    let array =
        Val::Array { shape: vec![1 << 17], fortran: false, big_endian: false, data: vec![0.5; 1 << 17] };
    let bytes = pickle(&array, 4);
    let pickle = read(&bytes).unwrap();
    let readings = (0..1000).take_while(|_| pickle.root().f64_vector(None).is_ok()).count();
    assert!((10..200).contains(&readings), "{readings} readings");
}

#[test]
fn limits_are_kept() {
    let list = pickle(&Val::List(vec![Val::Int(1); 50]), 2);
    let with = |limits: Limits| Pickle::read(&list[..], &limits).unwrap_err().problem().clone();
    let opcodes = with(Limits { max_opcodes: 10, ..Limits::default() });
    assert_eq!(opcodes, Problem::LimitExceeded { limit: "max_opcodes", allowed: 10 });
    let nodes = with(Limits { max_nodes: 10, ..Limits::default() });
    assert_eq!(nodes, Problem::LimitExceeded { limit: "max_nodes", allowed: 10 });
    let tree = with(Limits { max_tree_bytes: 1000, ..Limits::default() });
    assert_eq!(tree, Problem::LimitExceeded { limit: "max_tree_bytes", allowed: 1000 });
    for opcode in [b"(", b"N"] {
        let stack =
            Pickle::read(opcode.repeat(20), &Limits { max_nodes: 10, ..Limits::default() }).unwrap_err();
        assert_eq!(*stack.problem(), Problem::LimitExceeded { limit: "max_nodes", allowed: 10 });
    }
}

#[test]
fn the_same_values_are_not_copied_again_and_again() {
    // A list of a hundred numbers, made into a set a hundred times.
    let mut bytes = b"c__builtin__\nset\nq\0](".to_vec();
    bytes.extend(b"K\x01".repeat(100));
    bytes.extend(b"e\x85q\x01");
    bytes.extend(b"h\0h\x01R".repeat(100));
    bytes.push(b'.');
    assert!(refusal(&bytes).to_string().contains("copied again and again"));
}

#[test]
fn errors_stay_short_whatever_the_file_names() {
    let key = "k".repeat(100_000);
    let list = Val::List(vec![Val::Dict(vec![(key.clone(), Val::Text(key.clone()))])]);
    let bytes = pickle(&list, 4);
    let pickle = read(&bytes).unwrap();
    let (_, value) = pickle.root().at(0).unwrap().pairs().unwrap().remove(0);
    let message = value.int().unwrap_err().to_string();
    assert!(message.len() < 200, "{message}");
    let call = [b"c".as_slice(), key.as_bytes(), b"\nx\n)R."].concat();
    assert!(refusal(&call).to_string().len() < 300);
}

#[test]
fn errors_say_where_and_which_version() {
    let ridge = Val::Object(
        "sklearn.linear_model._ridge",
        "Ridge",
        vec![
            (
                "coef_".into(),
                Val::Array { shape: vec![3, 5], fortran: false, big_endian: false, data: vec![0.0; 15] },
            ),
            ("_sklearn_version".into(), Val::Text("1.1.3".into())),
        ],
    );
    let step = Val::Tuple(vec![Val::Text("ridge".into()), ridge]);
    let pipeline =
        Val::Object("sklearn.pipeline", "Pipeline", vec![("steps".into(), Val::List(vec![Val::None, step]))]);
    let bytes = pickle(&pipeline, 4);
    let pickle = read(&bytes).unwrap();
    let estimator = pickle.root().field("steps").unwrap().at(1).unwrap().part(1).unwrap();
    let message = |error: FormatError| error.to_string();
    assert_eq!(
        message(estimator.field("coef_").unwrap().f64_matrix(3, 4).unwrap_err()),
        "Pipeline.steps[1].coef_: expected float64 (3, 4), got float64 (3, 5) (written by scikit-learn 1.1.3)"
    );
    assert_eq!(
        message(estimator.field("intercept_").unwrap_err()),
        "Pipeline.steps[1]: `intercept_` is missing; was the model fitted before it was saved? (written by scikit-learn 1.1.3)"
    );
    assert_eq!(
        message(estimator.unsupported_option("solver", "'sag'", "'lbfgs'")),
        "Pipeline.steps[1]: `solver` = 'sag' is not supported, expected 'lbfgs' (written by scikit-learn 1.1.3)"
    );
}
