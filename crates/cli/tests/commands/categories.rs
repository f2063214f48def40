//! Categories that are given with a model file which holds their codes only.

use std::fs;

use super::{Session, corpus};

const CITY: &str = "city=Lyon,Oslo,Porto,Quito,Riga,Tartu";

#[test]
fn categories_are_given_where_the_file_holds_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).expect("a file");
    let case = corpus().join("xgb2.0-categorical-partition-json");
    fs::copy(case.join("model.json"), folder.path().join("model.json")).expect("a model");
    write("rows.csv", "city,plan,code,age\n,pro,77,34.7\nOslo,basic,30,43.1\n");
    write("codes.csv", "city,plan,code,age\n,2,3,34.7\n1,0,2,43.1\n");
    write("unknown.csv", "city,plan,code,age\nRome,pro,77,34.7\n");
    write("plan.json", r#"{"plan": ["basic", "plus", "pro"], "code": [10, 20, 30, 77]}"#);
    write("bad.json", r#"["basic", "plus", "pro"]"#);
    let given = format!("--categories {CITY} --categories plan.json");
    Session::in_folder(folder.path().to_owned())
        .run("predict model.json codes.csv --format csv")
        .run("predict model.json rows.csv --format csv")
        .run(&format!("predict model.json rows.csv --format csv {given}"))
        .run(&format!("predict model.json unknown.csv --format csv {given}"))
        .run(&format!("inspect model.json {given}"))
        .run("inspect model.json --categories age=1,1.0")
        .run("inspect model.json --categories age=young,old --categories age=old,young")
        .run("inspect model.json --categories town=Lyon,Oslo")
        .run("inspect model.json --categories city.json")
        .run("inspect model.json --categories bad.json")
        .run(&format!("models register model.json --name plans --alias production {given} --data data"))
        .run("predict plans@production rows.csv --format csv --data data")
        .run(&format!("predict plans@production rows.csv {given} --data data"))
        .run(&format!("serve plans=model.json other=model.json {given}"))
        .check("categories");
}
