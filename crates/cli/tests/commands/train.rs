//! `foretell train`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::Session;

/// A table of 40 houses with numbers, texts, booleans and empty cells, the same everywhere.
fn houses() -> String {
    let mut table = "size,district,garden,built,price,kind\n".to_owned();
    for row in 0..40_u32 {
        let size = 50 + row * 37 % 90;
        let district = ["north", "south", "harbour"][row as usize * 7 % 3];
        let garden = row % 3 == 0;
        let built = if row % 9 == 4 { String::new() } else { (1900 + row * 13 % 120).to_string() };
        let price = size * 3 + if garden { 40 } else { 0 } + district.len() as u32 * 11;
        let kind = if price > 320 { "dear" } else { "cheap" };
        writeln!(table, "{size},{district},{garden},{built},{price},{kind}").expect("memory");
    }
    table
}

#[test]
fn train_measures_and_writes() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("houses.csv"), houses()).expect("a table");
    let session = Session::in_folder(folder.path().to_owned())
        .run("train houses.csv --target price --model ridge --drop kind --scale standard --require r2>0.9 -o ridge.foretell")
        .run("train houses.csv --target kind --model decision-tree --drop price --param max_depth=3 -o tree.foretell --register houses --data data --alias production --note first")
        .run("train houses.csv --target kind --model decision-tree --drop price --param max_depth=1 --register houses --data data --require accuracy>=production")
        .run("train houses.csv --target price --model linear --test-size 0 --drop kind")
        .run("train houses.csv --target kind --model gaussian-nb --drop price,built --folds 4 --seed 1")
        .run("train houses.csv --target price --model ridge --drop kind --groups district --weights size")
        .run("train houses.csv --target price --model ridge --drop kind,built --order size --test-size 0.25")
        .run("train houses.csv --target price --model auto --drop kind")
        .run("train houses.csv --target price --model ridge --drop kind --search alpha=[0.01,1,100] --search fit_intercept=[true,false]")
        .run("train houses.csv --target kind --model decision-tree --drop price --search max_depth={low=1,high=6} --candidates 4 --metric accuracy --halving 2")
        .run("train houses.csv --model k-means --param n_clusters=3 --scale standard --drop kind -o districts.foretell")
        .run("train houses.csv --model IsolationForest --param contamination=0.1 --test-size 0.25");
    assert!(folder.path().join("ridge.foretell").exists() && folder.path().join("tree.foretell").exists());
    session.check("train");
    let mut inspect = Command::new(env!("CARGO_BIN_EXE_foretell"));
    let output = inspect.args(["inspect", "ridge.foretell", "--json"]).current_dir(folder.path()).output();
    let told: serde_json::Value =
        serde_json::from_slice(&output.expect("foretell runs").stdout).expect("JSON");
    let text = told.to_string();
    for part in ["StandardScaler", "OneHotEncoder", "SimpleImputer", "Ridge", "harbour", "2014"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn train_says_what_is_wrong_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("houses.csv"), houses()).expect("a table");
    let odd = houses().replacen("south,false,,", "south,false,NA,", 1);
    fs::write(folder.path().join("odd.csv"), odd).expect("a table");
    let price = "train houses.csv --target price -o model.foretell --register houses --data data --model";
    let session = Session::in_folder(folder.path().to_owned())
        .run(&format!("{price} ridge --drop kind --require r2>=0.99999"))
        .run("train houses.csv --target price --model ridge --drop kind --require r2>=production")
        .run(&format!("{price} ridge --param alhpa=1"))
        .run(&format!("{price} ridge --param alpha=-1"))
        .run(&format!("{price} decision-tree --param criterion=giny"))
        .run(&format!("{price} logistik"))
        .run(&format!("{price} lda --task regression"))
        .run(&format!("{price} RandomForestRegressor --task classification"))
        .run(&format!("{price} ridge --drop sise"))
        .run(&format!("{price} ridge --test-size 0 --require r2>0"))
        .run(&format!("{price} ridge --test-size 1.5"))
        .run(&format!("{price} ridge --folds 1"))
        .run(&format!("{price} ridge --folds 3 --report report.html"))
        .run(&format!("{price} ridge --drop kind --order built"))
        .run(&format!("{price} ridge --weights district"))
        .run(&format!("{price} auto --param alpha=1"))
        .run(&format!("{price} auto --drop kind --search alpha=[1]"))
        .run(&format!("{price} ridge --drop kind --search alpha={{low=1,high=2}}"))
        .run(&format!("{price} ridge --drop kind --search alhpa=[1]"))
        .run(&format!("{price} ridge --drop kind --search alpha=1"))
        .run(&format!("{price} ridge --drop kind --search alpha=[1] --metric r3"))
        .run("train houses.toml --target price")
        .run("train houses.csv --model ridge")
        .run("train houses.csv --target kind --model k-means")
        .run("train houses.csv --model k-means --require accuracy>0.5")
        .run("train houses.csv --model isolation-forest --folds 3")
        .run("train houses.csv --model k-means --param n_clusters=99")
        .run("train houses.csv --target kind --model ridge -o model.foretell")
        .run("train houses.csv --target built --model ridge -o model.foretell")
        .run("train odd.csv --target price --model ridge -o model.foretell")
        .run("train missing.csv --target price --model ridge -o model.foretell");
    assert!(!folder.path().join("model.foretell").exists() && !folder.path().join("data").exists());
    session.check("train-refused");
}

#[test]
fn tables_of_other_kinds() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    let rows = |from: u32| {
        (from..from + 20).map(|x| format!("{x},{:02},{}\n", x % 3, 2 * x + x % 3)).collect::<String>()
    };
    write("part-1.csv", &format!("x,code,y\n{}", rows(0)));
    write("part-2.csv", &format!("x,code,y\n{}?,00,5\n", rows(20)));
    // An empty file is a database of SQLite without tables.
    write("empty.db", "");
    write(
        "query.toml",
        r#"
        [data]
        database = "sqlite:empty.db"
        query = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t WHERE x < 40) SELECT x, x % 2 = 0 AS even, 0.5 * x AS y FROM t"
        target = "y"
        [model]
        kind = "linear"
        [evaluation]
        require = ["r2 > 0.99"]
        "#,
    );
    Session::in_folder(folder.path().to_owned())
        .run("train part-*.csv --target y --model linear --missing ? --type code=text --require r2>0.99")
        .run("train part-1.csv part-2.csv --target y --model linear --type code=number")
        .run("train part-1.csv part-2.csv --target y --model linear --type x=number")
        .run("train part-3*.csv --target y --model linear")
        .run("train part-1.csv - --target y --model linear")
        .run("train sqlite:empty.db --target y --model linear")
        .run("train part-1.csv --query x --target y --model linear")
        .run("train query.toml")
        .check("train-tables");
}
