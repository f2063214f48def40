//! Nodes of every kind, and schemas that nobody writes.

use std::borrow::Cow;

use super::*;

/// A node of plain JSON.
fn plain(json: &str) -> String {
    format!(
        r#"{{"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": {json:?}}}"#
    )
}

fn node(loader: &str, class: &str, rest: &str) -> String {
    let (module, class) = class.rsplit_once('.').unwrap();
    format!(r#"{{"__class__": "{class}", "__module__": "{module}", "__loader__": "{loader}"{rest}}}"#)
}

fn list(items: &[String]) -> String {
    node("ListNode", "builtins.list", &format!(r#", "content": [{}]"#, items.join(", ")))
}

/// A dict with texts, names of types and values.
fn dict(entries: &[(&str, &str, String)]) -> String {
    let types: Vec<_> = entries.iter().map(|(_, class, _)| node("TypeNode", class, "")).collect();
    let entries: Vec<_> = entries.iter().map(|(key, _, value)| format!("{key:?}: {value}")).collect();
    let rest = format!(r#", "content": {{{}}}, "key_types": {}"#, entries.join(", "), list(&types));
    node("DictNode", "builtins.dict", &rest)
}

fn file(name: &str) -> String {
    format!(r#", "type": "numpy", "file": "{name}""#)
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend_from_slice(&u16::try_from(header.len()).unwrap().to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

fn open(root: &str, files: &[(&str, Vec<u8>)]) -> Result<Pickle<'static>, FormatError> {
    let root = root.strip_suffix('}').unwrap();
    let schema = format!(r#"{root}, "protocol": 2, "_skops_version": "0.16.0"}}"#);
    let member = |name: &str, bytes: &[u8]| Member { name: name.into(), bytes: Cow::Owned(bytes.to_vec()) };
    let mut members = vec![member(SCHEMA, schema.as_bytes())];
    members.extend(files.iter().map(|(name, bytes)| member(name, bytes)));
    read(&members, &Limits::default())
}

#[test]
fn nodes_are_the_values_that_a_pickle_would_hold() {
    let doubles: Vec<u8> = [1.5_f64, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let arrays = [
        ("doubles.npy", npy("'<f8'", "(2,)", &doubles)),
        ("scalar.npy", npy("'<i4'", "()", &7_i32.to_le_bytes())),
        (
            "nodes.npy",
            npy("[('left', '<i4'), ('', '|V3'), ('flag', '|u1')]", "(1,)", &[9, 0, 0, 0, 0, 0, 0, 1]),
        ),
        ("raw.bin", b"{L".to_vec()),
    ];
    let state = dict(&[
        ("float", "builtins.str", plain("0.25")),
        ("nan", "builtins.str", plain("NaN")),
        ("none", "builtins.str", plain("null")),
        ("text", "builtins.str", plain("\"\u{e9}\"")),
        ("doubles", "builtins.str", node("NdArrayNode", "numpy.ndarray", &file("doubles.npy"))),
        ("again", "builtins.str", node("NdArrayNode", "numpy.ndarray", &file("doubles.npy"))),
        ("scalar", "builtins.str", node("NdArrayNode", "numpy.int32", &file("scalar.npy"))),
        ("nodes", "builtins.str", node("NdArrayNode", "numpy.ndarray", &file("nodes.npy"))),
        ("raw", "builtins.str", node("BytearrayNode", "builtins.bytearray", &file("raw.bin"))),
        ("kind", "builtins.str", node("TypeNode", "numpy.float32", "")),
        (
            "keys",
            "builtins.str",
            dict(&[("b", "builtins.str", plain("1")), ("10", "builtins.int", plain("2"))]),
        ),
        (
            "objects",
            "builtins.str",
            node(
                "NdArrayNode",
                "numpy.ndarray",
                &format!(
                    r#", "type": "json", "shape": {}, "content": [{}, {}]"#,
                    node(
                        "TupleNode",
                        "builtins.tuple",
                        &format!(r#", "content": [{}, {}]"#, plain("2"), plain("1"))
                    ),
                    list(&[plain("\"a\"")]),
                    list(&[plain("\"b\"")]),
                ),
            ),
        ),
    ]);
    let root = node("ObjectNode", "sklearn.linear_model._ridge.Ridge", &format!(r#", "content": {state}"#));
    let pickle = open(&root, &arrays).unwrap();
    let root = pickle.root();
    let field = |name| root.field(name).unwrap();

    assert_eq!(root.class().unwrap().key(), ("sklearn", "Ridge"));
    assert_eq!(field("float").float().unwrap(), 0.25);
    assert!(field("nan").float().unwrap().is_nan());
    assert!(field("none").is_none());
    assert_eq!(field("text").text().unwrap(), "\u{e9}");
    assert_eq!(field("doubles").f64_vector(2).unwrap(), [1.5, -2.0]);
    assert_eq!(field("again").f64_vector(2).unwrap(), [1.5, -2.0]);
    assert_eq!(field("scalar").int().unwrap(), 7);
    let nodes = field("nodes").array().unwrap();
    assert_eq!(
        (nodes.column_i64("left").unwrap(), nodes.column_bool("flag").unwrap()),
        (vec![9], vec![true])
    );
    assert_eq!(field("raw").bytes().unwrap(), b"{L");
    assert_eq!(field("keys").pairs().unwrap()[1].0.int().unwrap(), 10);
    assert_eq!(field("objects").array().unwrap().texts().unwrap(), ["a", "b"]);
    let error = field("text").float().unwrap_err();
    assert_eq!((error.kind(), error.place()), (FileKind::Skops, Some("Ridge.text")));
}

#[test]
fn what_skops_does_not_write_is_refused() {
    let refusal = |root: &str| open(root, &[]).unwrap_err().to_string();
    assert!(
        refusal(&node("EvalNode", "builtins.eval", ""))
            .contains("`__loader__` = `EvalNode` is not supported")
    );
    assert!(refusal(&node("ListNode", "builtins.list", "")).contains("a node without `content`"));
    assert!(
        refusal(&node("NdArrayNode", "numpy.ndarray", &file("../x.npy")))
            .contains("`../x.npy` is not in the archive")
    );
    let arguments = node("TupleNode", "builtins.tuple", &format!(r#", "content": [{}]"#, plain("\"id\"")));
    let call = node("ConstructorFromReduceNode", "os.system", &format!(r#", "content": {arguments}"#));
    assert!(refusal(&call).contains("wants to call `os.system`"));
    let types = r#", "content": {"a": null}, "key_types": {"content": []}"#;
    assert!(
        refusal(&node("DictNode", "builtins.dict", types)).contains("1 entries with the types of 0 keys")
    );
    let tuple = dict(&[("(1, 2)", "builtins.tuple", plain("1"))]);
    assert!(refusal(&tuple).contains("the key `(1, 2)` of the type `tuple`"));
    let deep = (0..200).fold(plain("1"), |inner, _| list(&[inner]));
    assert!(refusal(&deep).contains("recursion limit"));

    let newer = br#"{"protocol": 3}"#;
    let members = [Member { name: SCHEMA.into(), bytes: Cow::Borrowed(newer) }];
    assert!(read(&members, &Limits::default()).unwrap_err().to_string().contains("`protocol` = 3"));
    assert!(read(&[], &Limits::default()).unwrap_err().to_string().contains("`schema.json` is missing"));
}
