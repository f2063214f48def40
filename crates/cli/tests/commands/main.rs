//! Every command as users see it: arguments in; exit status, stdout and stderr out, whole.
//!
//! What is expected stands in `snapshots/`; with `UPDATE_SNAPSHOTS=1` the tests write it anew.

mod categories;
mod registry;
mod train;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the commands run: paths of models are short there.
fn corpus() -> PathBuf {
    package().join("../../tests/golden")
}

/// Runs commands in one folder and collects what they do.
struct Session {
    folder: PathBuf,
    transcript: String,
}

impl Session {
    fn new() -> Self {
        Self::in_folder(corpus())
    }

    fn in_folder(folder: PathBuf) -> Self {
        Self { folder, transcript: String::new() }
    }

    /// Runs `foretell` with arguments separated by spaces.
    fn run(self, arguments: &str) -> Self {
        self.run_with(arguments, b"", &[])
    }

    /// Runs `foretell` with a text on stdin and variables in its environment.
    fn run_with(mut self, arguments: &str, stdin: &[u8], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foretell"));
        command.args(arguments.split_whitespace()).current_dir(&self.folder).env_clear();
        command.envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("foretell runs");
        let mut pipe = child.stdin.take().expect("stdin is piped");
        // A command that fails early does not read its input.
        let _ = pipe.write_all(stdin);
        drop(pipe);
        let output = child.wait_with_output().expect("foretell ends");
        let status = output.status.code().map_or_else(|| output.status.to_string(), |code| code.to_string());
        for (name, value) in variables {
            write!(self.transcript, "{name}={value} ").expect("memory");
        }
        writeln!(self.transcript, "$ foretell {arguments}\nexit status {status}").expect("memory");
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                writeln!(self.transcript, "--- {name}\n{}", String::from_utf8_lossy(bytes)).expect("memory");
            }
        }
        self.transcript.push('\n');
        self
    }

    /// Compares all that happened with the snapshot of this name.
    fn check(self, name: &str) {
        let path = package().join("tests/commands/snapshots").join(name).with_extension("txt");
        let folder = self.folder.display().to_string();
        let got = scrubbed(&self.transcript.replace(&folder, "FOLDER"));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&path, &got).expect("the snapshot is writable");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(got == expected, "{} differs, got:\n{got}", path.display());
    }
}

/// A text with the same time in place of every time, and the same key in place of every key.
fn scrubbed(text: &str) -> String {
    const TIME: &str = "2026-01-01 00:00:00Z";
    const ID: &str = "0123456789abcdef";
    let is_time = |piece: &str| {
        let like =
            |(got, known): (char, char)| got == known || got.is_ascii_digit() && known.is_ascii_digit();
        piece.len() == TIME.len() && piece.chars().zip(TIME.chars()).all(like)
    };
    let is_hex = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    let mut scrubbed = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let hex = rest.find(|letter| !is_hex(letter)).unwrap_or(rest.len());
        if rest.get(..TIME.len()).is_some_and(is_time) {
            scrubbed.push_str(TIME);
            rest = &rest[TIME.len()..];
        } else if hex == ID.len() && (scrubbed.ends_with('\n') || scrubbed.ends_with("fk_")) {
            scrubbed.push_str(ID);
            rest = &rest[hex..];
        } else if hex > 0 {
            // The secret of a key stands behind its id.
            let secret = scrubbed.ends_with(&format!("fk_{ID}_"));
            scrubbed.push_str(if secret { "SECRET" } else { &rest[..hex] });
            rest = &rest[hex..];
        } else {
            scrubbed.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    scrubbed
}

const TREE: &str = "sk0.24-ser-pickle4-tree/model.pkl";
const TREE_INPUT: &str = "sk0.24-ser-pickle4-tree/input.csv";

#[test]
fn help() {
    Session::new()
        .run("--help")
        .run("inspect --help")
        .run("predict --help")
        .run("serve --help")
        .run("score --help")
        .run("bench --help")
        .run("convert --help")
        .run("models --help")
        .run("models register --help")
        .run("models promote --help")
        .run("keys --help")
        .run("keys create --help")
        .check("help");
}

#[test]
fn a_transformer_of_any_columns_takes_those_that_are_named() {
    const ANY: &str = "sk1.1-prep-identity-function/model.pkl";
    Session::new()
        .run_with(&format!("predict {ANY} - --format csv"), b"a,b\n1,2\n", &[])
        .run_with(&format!("predict {ANY} - --format csv --features a,b"), b"a,b\n1,2\n", &[])
        .run(&format!("inspect {ANY}"))
        .check("any_columns");
}

#[test]
fn wrong_usage() {
    Session::new()
        .run("")
        .run("frobnicate")
        .run("inspect")
        .run(&format!("inspect {TREE} --jsn"))
        .run(&format!("predict {TREE}"))
        .run(&format!("predict {TREE} {TREE_INPUT} --format xml"))
        .run(&format!("predict {TREE} {TREE_INPUT} --outputs predict_prba"))
        .run(&format!("bench {TREE} {TREE_INPUT} --threads 0"))
        .check("wrong_usage");
}

#[test]
fn inspect() {
    Session::new()
        .run(&format!("inspect {TREE}"))
        .run(&format!("inspect {TREE} --json"))
        .run("inspect sk0.24-ct-drop/model.pkl")
        .run("inspect xgb3.2-multi-softprob-ubj/model.ubj --json")
        .check("inspect");
}

#[test]
fn a_converted_model_is_opened_everywhere_and_answers_the_same() {
    const NAMED: &str = "sk0.24-ct-drop/model.pkl";
    let folder = tempfile::tempdir().expect("a folder");
    let artifact = folder.path().join("model.foretell");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foretell"));
        let output = command.args(arguments).current_dir(corpus()).output().expect("foretell runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let path = artifact.to_str().expect("a path is text");
    assert!(run(&["convert", NAMED, "-o", path]).is_empty());
    let rows = "sk0.24-ct-drop/input.csv";
    assert_eq!(run(&["predict", path, rows]), run(&["predict", NAMED, rows]));
    let summary: serde_json::Value =
        serde_json::from_slice(&run(&["inspect", path, "--json"])).expect("JSON");
    assert_eq!(summary["format"], "foretell artifact (from pickle (protocol 5))");
    assert_eq!(summary["library"], "scikit-learn");
    // Converting it again changes nothing.
    let again = folder.path().join("again.foretell");
    run(&["convert", path, "-o", again.to_str().expect("a path is text")]);
    run(&["bench", path, rows]);
    let summary: serde_json::Value =
        serde_json::from_slice(&run(&["inspect", again.to_str().expect("text"), "--json"])).expect("JSON");
    assert_eq!(summary["format"], "foretell artifact (from pickle (protocol 5))");
    let mut damaged = fs::read(&artifact).expect("the artifact is there");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(folder.path().join("damaged.foretell"), damaged).expect("a file");
    Session::in_folder(folder.path().to_owned())
        .run("inspect damaged.foretell")
        .run("convert model.foretell")
        .check("convert");
}

#[test]
fn files_that_are_no_models() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).expect("a file");
    write("empty.pkl", b"");
    write("page.html", b"<!DOCTYPE html><title>404</title>");
    write("model.txt", b"tree\nversion=v4\n");
    write("cut.pkl", &fs::read(corpus().join(TREE)).expect("a model")[..200]);
    write("call.pkl", b"cos\nsystem\n(S'touch executed'\ntR.");
    Session::in_folder(folder.path().to_owned())
        .run("inspect missing.pkl")
        .run("inspect iris@production")
        .run("inspect .")
        .run("inspect empty.pkl")
        .run("inspect page.html")
        .run("inspect model.txt")
        .run("inspect cut.pkl")
        .run("inspect call.pkl")
        .run("inspect cut.pkl --max-file-bytes 100")
        .run("predict call.pkl - ")
        .run("serve call.pkl --port 0")
        .check("files_that_are_no_models");
    assert!(!folder.path().join("executed").exists());
}

#[test]
fn hostile_files() {
    Session::new()
        .run("inspect hostile/sktree-cycle/model.joblib")
        .run("inspect hostile/sktree-child-out-of-range/model.joblib")
        .run("inspect hostile/sklinear-missing-coef/model.joblib")
        .check("hostile_files");
}

#[test]
fn predict_in_all_formats() {
    let rows = "f0,f1,f2,f3,f4,f5\n0.5,-1,0,1,2,3\n-0.5,1,0,1,2,3\n";
    let mut session = Session::new();
    for options in ["", "--format json", "--format jsonl", "--format csv", "--format csv --outputs predict"] {
        session = session.run_with(&format!("predict {TREE} - {options}"), rows.as_bytes(), &[]);
    }
    session.check("predict_in_all_formats");
}

#[test]
fn predict_reads_csv_and_json_lines() {
    let predict = format!("predict {TREE} - --outputs predict --format jsonl");
    let mut session = Session::new();
    for table in [
        "0.5,-1,0,1,2,3\n",
        "a,b,c,d,e,f\r\n\"0.5\", -1 ,0,1,2,3\r\n",
        "[0.5,-1,0,1,2,3]\n\n[true,false,0,1,2,1e3]\n",
        "{\"f0\": 0.5, \"f1\": -1, \"f2\": 0, \"f3\": 1, \"f4\": 2, \"f5\": 3, \"extra\": null}\n",
    ] {
        session = session.run_with(&predict, table.as_bytes(), &[]);
    }
    session.check("predict_reads_csv_and_json_lines");
}

#[test]
fn tables_that_do_not_fit() {
    let predict = format!("predict {TREE} -");
    let mut session = Session::new();
    for table in [
        "",
        "f0,f1,f2,f3,f4,f5\n",
        "f0,f1,f2\n1,2,3\n",
        "f0,f1,f2,f3,f4,f5\n1,2,3,4,5,six\n1,2,3,4,5\n,2,3,4,5,inf\n9007199254740993,1,2,3,4,5\n",
        "f0,f1,f2,f3,f4,f5\n1,2,\"3,4,5,6\n",
        "{\"f0\": 1}\n",
        "{\"f0\": 1\n",
        "[1,2,3,4,5,\"6\"]\n5\n",
        "PAR1xxxx",
        "f0;f1;f2;f3;f4;f5\n1;2;3;4;5;6\n",
    ] {
        session = session.run_with(&predict, table.as_bytes(), &[]);
    }
    session
        .run(&format!("predict {TREE} missing.csv"))
        .run(&format!("predict {TREE} ."))
        .check("tables_that_do_not_fit");
}

#[test]
fn columns_are_matched_by_name() {
    let model = "predict sk0.24-ct-drop/model.pkl - --format jsonl";
    let header = fs::read_to_string(corpus().join("sk0.24-ct-drop/input.csv")).expect("a table");
    let mut lines = header.lines();
    let (names, row) = (lines.next().expect("a header"), lines.next().expect("a row"));
    let names: Vec<&str> = names.split(',').collect();
    let row: Vec<&str> = row.split(',').collect();
    let join = |cells: &[&str]| cells.join(",");
    let reversed = |cells: &[&str]| cells.iter().rev().copied().collect::<Vec<_>>().join(",");
    let straight = format!("{}\n{}\n", join(&names), join(&row));
    let mixed = format!("id,{}\n7,{}\n", reversed(&names), reversed(&row));
    let short = format!("{}\n{}\n", join(&names[1..]), join(&row[1..]));
    let typo = straight.replacen(names[0], &names[0].to_uppercase(), 1);
    Session::new()
        .run_with(model, straight.as_bytes(), &[])
        .run_with(model, mixed.as_bytes(), &[])
        .run_with(model, short.as_bytes(), &[])
        .run_with(model, typo.as_bytes(), &[])
        .check("columns_are_matched_by_name");
}

#[test]
fn outputs_are_chosen_by_name() {
    Session::new()
        .run(&format!("predict {TREE} {TREE_INPUT} --outputs transform"))
        .run("predict sk0.24-decisiontree-reg/model.joblib sk0.24-decisiontree-reg/input.csv --outputs predict_proba")
        .check("outputs_are_chosen_by_name");
}

#[test]
fn an_output_file_appears_only_when_it_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = |text: &str| fs::write(folder.path().join("rows.csv"), text).expect("a file");
    let predict = |rest: &str| format!("predict {} rows.csv -o {rest}", corpus().join(TREE).display());
    let run = |session: Session, rest: &str| session.run(&predict(rest)).transcript;
    rows("0.5,-1,0,1,2,3\n");
    run(Session::in_folder(folder.path().into()), "out.csv --outputs predict");
    let first = fs::read_to_string(folder.path().join("out.csv")).expect("an answer");
    assert!(first.starts_with("predict\n"), "{first}");
    rows("0.5,-1,0,1,2,3\n0.5,-1,0,1,2,x\n");
    let transcript = run(Session::in_folder(folder.path().into()), "out.csv");
    assert!(transcript.contains("exit status 1") && transcript.contains("line 2: "), "{transcript}");
    assert_eq!(fs::read_to_string(folder.path().join("out.csv")).expect("an answer"), first);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
    let transcript = run(Session::in_folder(folder.path().into()), "nowhere/out.csv");
    assert!(transcript.contains("error: cannot write `nowhere/out.csv`\n  no such file"), "{transcript}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_foretell"))
        .args(["predict", TREE, "-", "--format", "jsonl"])
        .current_dir(corpus())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("foretell runs");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let rows = "0.5,-1,0,1,2,3\n".repeat(50_000);
    // Once nobody reads the answers, nobody reads the rows.
    let _ = stdin.write_all(rows.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("foretell ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn score() {
    let classes = "f0,f1,f2,f3,f4,f5,y\n0.5,-1,0,1,2,3,mid\n-0.5,1,0,1,2,3,low\n0.5,1,1,1,2,3,odd\n";
    let values = "f0,f1,f2,f3,f4,f5,y\n0.5,-1,0,1,2,3,10\n-0.5,1,0,1,2,3,20\n";
    let tree = format!("score {TREE} - --target y");
    let regression = "score sk0.24-decisiontree-reg/model.joblib - --target y";
    Session::new()
        .run_with(&tree, classes.as_bytes(), &[])
        .run_with(&format!("{tree} --json"), classes.as_bytes(), &[])
        .run_with(&format!("score {TREE} - --target 6"), classes.as_bytes(), &[])
        .run_with(&format!("score {TREE} - --target Y"), classes.as_bytes(), &[])
        .run_with(&tree, classes.replace(",mid\n", ",\n").as_bytes(), &[])
        .run_with(&tree, b"f0,f1,f2,f3,f4,f5,y\n1,2,3,4,5,6,cat\n", &[])
        .run_with(regression, values.as_bytes(), &[])
        .run_with(&format!("{regression} --json"), values.as_bytes(), &[])
        .run_with(regression, values.replace("10", "ten").as_bytes(), &[])
        .run_with(&format!("{tree} --require accuracy>0.3 --require mcc>=1"), classes.as_bytes(), &[])
        .run_with(&format!("{tree} --require acuracy>0.3"), classes.as_bytes(), &[])
        .run("score sk1.9-prep-minmax-clip/model.joblib sk1.9-prep-minmax-clip/input.csv --target y")
        .check("score");
}

#[test]
fn bench_prints_what_programs_read() {
    let output = Command::new(env!("CARGO_BIN_EXE_foretell"))
        .args(["bench", TREE, TREE_INPUT, "--json", "--threads", "2"])
        .current_dir(corpus())
        .output()
        .expect("foretell runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["threads"], 2);
    assert_eq!(report["batch_rows"], 1000);
    assert!(report["kernel"].as_str().is_some_and(|kernel| kernel.starts_with("trees")), "{report}");
    for time in ["one_row_us", "batch_row_us"] {
        assert!(report[time].as_f64().expect("a time") > 0.0, "{report}");
    }
    for time in ["model_ms", "predictor_ms"] {
        assert!(report["opening"][time].as_f64().expect("a time") > 0.0, "{report}");
    }
}

#[test]
fn configurations_that_cannot_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    config("typo.toml", "[server]\nport = 0\n\n[[model]]\npath = 'm.pkl'\nfeatrues = ['a']\n");
    config("table.toml", "[srver]\nport = 0\n");
    config("type.toml", "[server]\nport = '80'\n");
    config("word.toml", "[server]\nmode = 'prod'\n");
    config("broken.toml", "[server\n");
    config("empty.toml", "");
    config("name.toml", "[[model]]\nname = 'a/b'\npath = 'm.pkl'\n");
    config("missing.toml", "[[model]]\npath = 'm.pkl'\n");
    Session::in_folder(folder.path().to_owned())
        .run("serve")
        .run("serve --config nowhere.toml")
        .run("serve --config typo.toml")
        .run("serve --config table.toml")
        .run("serve --config type.toml")
        .run("serve --config word.toml")
        .run("serve --config broken.toml")
        .run("serve --config empty.toml")
        .run("serve --config name.toml")
        .run("serve --config missing.toml --port 0 --log-level error")
        .run("serve m.pkl --mode prod")
        .run("serve m.pkl --cors example.com")
        .run("serve a/m.pkl b/m.pkl --port 0")
        .run_with("serve m.pkl", b"", &[("FORETELL_SERVER__PROT", "80")])
        .run_with("serve m.pkl", b"", &[("FORETELL_SERVER__PORT", "high")])
        .run_with("serve m.pkl", b"", &[("FORETELL_SERVER_PORT", "80")])
        .run_with("serve", b"", &[("FORETELL_MODEL", "[{pth='m.pkl'}]")])
        .run_with("serve m.pkl", b"", &[("FORETELL_LOG", "loud")])
        .check("configurations_that_cannot_be_used");
}

#[test]
fn a_port_is_not_shared_with_another_service() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let serve =
        |port: &str| Session::new().run(&format!("serve {TREE} --port {port} --log-level error")).transcript;
    let transcript = serve(&port);
    let expected =
        format!("error: cannot listen on `127.0.0.1`, port {port}\n  address already in use\nhint: ");
    assert!(transcript.contains(&expected) && transcript.contains("exit status 1"), "{transcript}");
    drop(taken);
    // A service of our own shares its port with its own threads only.
    let mut first = Command::new(env!("CARGO_BIN_EXE_foretell"))
        .args(["serve", TREE, "--port", &port])
        .current_dir(corpus())
        .stderr(Stdio::piped())
        .spawn()
        .expect("foretell runs");
    let log = BufReader::new(first.stderr.take().expect("stderr is piped"));
    let listening =
        log.lines().map_while(Result::ok).find(|line| line.contains("listening on http://127.0.0.1:"));
    let transcript = serve(&port);
    first.kill().expect("it runs");
    first.wait().expect("a child of ours");
    assert!(listening.is_some_and(|line| line.contains(&port)));
    assert!(transcript.contains(&expected), "{transcript}");
}
