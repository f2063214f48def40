//! What is wrong with a body is said precisely, and never answered with a number.

use crate::client::{Service, example};

/// Posts a body and expects these `(loc, type)`.
fn assert_faults(service: &Service, body: &str, expected: &[(&str, &str)]) {
    let got = service.predict(body).faults();
    let got: Vec<_> = got.iter().map(|(loc, kind)| (loc.as_str(), kind.as_str())).collect();
    assert_eq!(got, expected, "{body}");
}

#[test]
fn every_bad_value_is_named_with_its_place() {
    let service = Service::start("", vec![example("boston")]);
    let row = |second: &str| format!("[1,{second},3,1,5,6,7,8,1,10,11,12,13]");
    for (value, kind) in [
        (r#""4.8""#, "wrong_type"),
        ("null", "missing_value"),
        ("1e999", "not_exact"),
        (r#""Infinity""#, "not_finite"),
        ("9007199254740993", "not_exact"),
        ("-100000000000000000000000000001", "not_exact"),
        ("[1]", "wrong_type"),
        ("{}", "wrong_type"),
    ] {
        let body = format!(r#"{{"data":[{},{}]}}"#, row("2"), row(value));
        assert_faults(&service, &body, &[(r#"["data",1,"ZN"]"#, kind)]);
    }
    assert_faults(
        &service,
        &format!(r#"{{"data":[["a",{},[1,2,3],{},7,[]]}}"#, &row("null")[3..], row("2")),
        &[
            (r#"["data",0,"CRIM"]"#, "wrong_type"),
            (r#"["data",0,"ZN"]"#, "missing_value"),
            (r#"["data",1]"#, "wrong_length"),
            (r#"["data",3]"#, "wrong_type"),
            (r#"["data",4]"#, "wrong_length"),
        ],
    );
    assert_eq!(service.predict(&format!(r#"{{"data":[{}]}}"#, row("true"))).status, 200);
}

#[test]
fn the_wrong_number_of_values_is_one_error() {
    let service = Service::iris();
    let message = service.predict(r#"{"data":[[1,2,3]]}"#).problem(422, "invalid");
    assert_eq!(message, "expected 4 values, got 3");
    assert_faults(&service, r#"{"data":[[1,2,3,4],[1,2,3,4,5]]}"#, &[(r#"["data",1]"#, "wrong_length")]);
}

#[test]
fn records_are_matched_by_name() {
    let service = Service::start("", vec![example("boston")]);
    let all = r#""CRIM":1,"ZN":1,"INDUS":1,"CHAS":1,"NOX":1,"RM":1,"AGE":1,"DIS":1,"RAD":1,"TAX":1,"PTRATIO":1,"B":1"#;
    assert_faults(&service, &format!("{{{all}}}"), &[(r#"["LSTAT"]"#, "missing_feature")]);
    assert_faults(
        &service,
        &format!(r#"{{{all},"LSTATT":1,"B":2}}"#),
        &[
            (r#"["LSTATT"]"#, "unknown_feature"),
            (r#"["B"]"#, "duplicate_feature"),
            (r#"["LSTAT"]"#, "missing_feature"),
        ],
    );
    assert_faults(
        &service,
        &format!(r#"[{{{all},"LSTAT":1}}, {{{all},"LSTAT":null}}, {{{all},"LSTAT":"1"}}]"#),
        &[(r#"[1,"LSTAT"]"#, "missing_value"), (r#"[2,"LSTAT"]"#, "wrong_type")],
    );
    assert_faults(
        &service,
        &format!(r#"{{"data":[{{{all},"LSTAT":1,"lstat":2}}]}}"#),
        &[(r#"["data",0,"lstat"]"#, "unknown_feature")],
    );
    assert!(service.predict(&format!(r#"{{{all},"LSTATT":1}}"#)).text().contains("did you mean `LSTAT`"));
}

#[test]
fn columns_must_agree() {
    let service = Service::start("", vec![example("boston")]);
    let with = |last: &str| {
        let names = ["CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B"];
        let columns = names.map(|name| format!(r#""{name}":{{"a":1,"b":2}}"#)).join(",");
        format!("{{{columns}{last}}}")
    };
    assert_eq!(service.predict(&with(r#","LSTAT":{"b":1,"a":2}"#)).status, 200);
    for (last, expected) in [
        ("", &[(r#"["LSTAT"]"#, "missing_feature")][..]),
        (r#","LSTAT":{"a":1}"#, &[(r#"["LSTAT","b"]"#, "missing_row")]),
        (r#","LSTAT":{"a":1,"b":2,"c":3}"#, &[(r#"["LSTAT","c"]"#, "unknown_row")]),
        (r#","LSTAT":{"a":1,"b":2,"a":3}"#, &[(r#"["LSTAT","a"]"#, "duplicate_row")]),
        (r#","LSTAT":[1,2]"#, &[(r#"["LSTAT"]"#, "wrong_type")]),
        (r#","LSTAT":1"#, &[(r#"["LSTAT"]"#, "wrong_type")]),
        (r#","LSTAT":{"a":1,"b":"x"}"#, &[(r#"["LSTAT","b"]"#, "wrong_type")]),
        (r#","LSTAT":{"a":null,"b":2}"#, &[(r#"["LSTAT","a"]"#, "missing_value")]),
        (r#","LSTAT":{"a":1,"b":2},"B":{"a":1,"b":2}"#, &[(r#"["B"]"#, "duplicate_feature")]),
        (r#","LSTAT":{"a":1,"b":2},"X":{"a":1,"b":2}"#, &[(r#"["X"]"#, "unknown_feature")]),
    ] {
        assert_faults(&service, &with(last), expected);
    }
    let lists = r#"{"CRIM":[1,2],"ZN":[1],"INDUS":[]}"#;
    let faults = service.predict(lists).faults();
    assert_eq!(faults[0], (r#"["ZN"]"#.to_owned(), "wrong_length".to_owned()));
    assert_eq!(faults.len(), 12, "{faults:?}");
}

#[test]
fn nothing_is_no_row() {
    let service = Service::iris();
    for (body, place) in [
        (r#"{"data":[]}"#, r#"["data"]"#),
        ("[]", "[]"),
        ("{}", "[]"),
        (r#"{"data":""}"#, r#"["data"]"#),
        (r#"{"data":"\n\n"}"#, r#"["data"]"#),
    ] {
        assert_faults(&service, body, &[(place, "empty")]);
    }
}

#[test]
fn a_body_has_one_form() {
    let service = Service::iris();
    assert_faults(
        &service,
        r#"{"data":[[1,2,3,4]],"data":[[1,2,3,4]]}"#,
        &[(r#"["data"]"#, "duplicate_key")],
    );
    assert_faults(&service, r#"{"data":[[1,2,3,4]],"index":[0]}"#, &[(r#"["index"]"#, "unexpected_key")]);
    assert_faults(&service, r#"{"data":{"a":1}}"#, &[(r#"["data"]"#, "wrong_type")]);
    assert_faults(&service, r#"{"data":null}"#, &[(r#"["data"]"#, "wrong_type")]);
    assert_faults(&service, r#"{"data":"[1,2,3,4]"}"#, &[(r#"["data"]"#, "wrong_type")]);
    assert_faults(&service, r#"{"data":"\ud800"}"#, &[(r#"["data"]"#, "not_unicode")]);
    for body in ["1", "\"1,2,3,4\"", "true", "null"] {
        assert_faults(&service, body, &[("[]", "wrong_type")]);
    }
}

#[test]
fn csv_is_read_strictly() {
    let service = Service::iris();
    assert_faults(&service, r#"{"data":"1,2,3"}"#, &[(r#"["data",0]"#, "wrong_length")]);
    let faults = service.predict(r#"{"data":"1,2,3,4\n1,nan,x,4"}"#).faults();
    let kinds: Vec<_> = faults.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(kinds, ["wrong_type", "wrong_type"]);
    let csv = |body: &[u8]| service.client().call("POST /predict HTTP/1.1\r\ncontent-type: text/csv", body);
    assert_eq!(csv(b"1,2,3,4\n").status, 200);
    for body in [&b"1,2,\xff,4"[..], b"1,2,3,\"4", b"PAR1", b"\x1f\x8b\x08\x00", b"", b"\n"] {
        csv(body).problem(422, "invalid");
    }
}

#[test]
fn what_is_not_json_is_told_where() {
    let service = Service::iris();
    for (body, place) in [
        ("{\"data\":[[1,2,3,4]]}x", "line 1, column 21"),
        ("{\"data\":[[1,2,3,4]]", "line 1, column 19"),
        ("{\n\"data\": [[01,2,3,4]]}", "line 2, column 12"),
        ("{\"data\":[[NaN,2,3,4]]}", "line 1, column 11"),
        ("{\"data\":[[1,2,3,4],]}", "line 1, column 20"),
        ("{'data':[]}", "line 1, column 2"),
        ("", "line 1, column 1"),
        (" \n ", "line 1, column 1"),
    ] {
        let detail = service.predict(body).problem(400, "not-json");
        assert!(detail.starts_with(place), "{body}: {detail}");
    }
    let detail = service.client().post("/predict", b"{\n\"d\xff").problem(400, "not-json");
    assert_eq!(detail, "line 2, column 3: the text is not UTF-8");
}

#[test]
fn deep_nesting_is_only_wrong() {
    let service = Service::iris();
    let deep = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
    assert_eq!(service.predict(&deep(1_000_000)).status, 422);
    assert_eq!(service.predict(&format!(r#"{{"data":{}}}"#, deep(1_000_000))).status, 422);
    assert_eq!(service.predict(&"[".repeat(1_000_000)).status, 400);
    assert_eq!(service.predict(&"{\"a\":".repeat(500_000)).status, 400);
}

#[test]
fn many_errors_are_listed_up_to_a_bound() {
    let service = Service::iris();
    let body = format!(r#"{{"data":[{}[1,2,3]]}}"#, "[1,2,3],".repeat(1000));
    let faults = service.predict(&body).faults();
    assert_eq!(faults.len(), 100);
    assert_eq!(faults[99].0, r#"["data",99]"#);
    let keys = (0..5000).map(|key| format!(r#""k{key}":1"#)).collect::<Vec<_>>().join(",");
    assert_eq!(service.predict(&format!("{{{keys}}}")).faults().len(), 100);
}
