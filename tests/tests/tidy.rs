//! The rules of ARCHITECTURE.md that a machine can check.

use foretell_tests::places::{root, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which of our crates each of our crates may use. Arrows point down only.
const EDGES: &[(&str, &[&str])] = &[
    ("foretell-frame", &[]),
    ("foretell-model", &["foretell-frame"]),
    ("foretell-formats", &["foretell-frame", "foretell-model"]),
    ("foretell-store", &[]),
    ("foretell-train", &["foretell-frame", "foretell-model"]),
    ("foretell-evaluate", &[]),
    (
        "foretell-engine",
        &[
            "foretell-evaluate",
            "foretell-formats",
            "foretell-frame",
            "foretell-journal",
            "foretell-model",
            "foretell-store",
            "foretell-train",
        ],
    ),
    ("foretell-server", &["foretell-engine", "foretell-frame"]),
    ("foretell-report", &["foretell-evaluate"]),
    ("foretell-cli", &["foretell-engine", "foretell-frame", "foretell-report", "foretell-server"]),
    ("foretell-journal", &[]),
    ("foretell-tests", &[]),
    ("foretell-bench", &[]),
];

const LONGEST_FILE: usize = 900;
const GOLDEN_BYTES: u64 = 10 << 20;
const LARGEST_OTHER_FILE: u64 = 2 << 20;

/// What `cargo metadata` says of the workspace and everything it depends on.
fn metadata() -> &'static Value {
    static METADATA: OnceLock<Value> = OnceLock::new();
    METADATA.get_or_init(|| {
        let arguments = ["metadata", "--format-version", "1", "--locked"];
        let json = run(Command::new(env!("CARGO")).args(arguments).current_dir(root()));
        serde_json::from_str(&json).expect("cargo metadata writes JSON")
    })
}

fn packages() -> impl Iterator<Item = &'static Value> {
    metadata()["packages"].as_array().expect("an array of packages").iter()
}

/// The workspace's own packages: those without a registry.
fn members() -> impl Iterator<Item = &'static Value> {
    packages().filter(|package| package["source"].is_null())
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn dependencies(package: &'static Value) -> impl Iterator<Item = &'static Value> {
    package["dependencies"].as_array().expect("an array of dependencies").iter()
}

/// Every file of the checkout that is, or is about to be, tracked: relative paths.
fn tracked() -> Vec<PathBuf> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let list = run(Command::new("git").args(arguments).current_dir(root()));
    list.split_terminator('\0').map(PathBuf::from).filter(|path| root().join(path).is_file()).collect()
}

fn sources() -> impl Iterator<Item = (PathBuf, String)> {
    tracked().into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).map(|path| {
        let source = std::fs::read_to_string(root().join(&path)).expect("sources are UTF-8");
        (path, source)
    })
}

/// The line without its comment and without the content of its string literals.
fn code(line: &str) -> String {
    let before_comment = line.split("//").next().unwrap_or_default();
    before_comment.split('"').step_by(2).collect()
}

fn assert_none(offences: &[String], rule: &str) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

#[test]
fn crates_depend_downwards_only() {
    let mut offences = Vec::new();
    for package in members() {
        let name = text(&package["name"]);
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            offences.push(format!("`{name}` is not in the graph"));
            continue;
        };
        // A test may look at a crate from above; what is shipped may not.
        let shipped = dependencies(package).filter(|dependency| dependency["kind"] != "dev");
        let ours =
            shipped.map(|dependency| text(&dependency["name"])).filter(|name| name.starts_with("foretell"));
        offences.extend(
            ours.filter(|used| !allowed.contains(used)).map(|used| format!("`{name}` uses `{used}`")),
        );
    }
    assert_none(&offences, "edges that the architecture forbids");
}

#[test]
fn cargo_run_is_foretell() {
    let default = metadata()["workspace_default_members"].as_array().expect("an array of identifiers");
    let programs: Vec<&str> = members()
        .filter(|package| default.contains(&package["id"]))
        .flat_map(|package| package["targets"].as_array().expect("an array of targets"))
        .filter(|target| target["kind"][0] == "bin")
        .map(|target| text(&target["name"]))
        .collect();
    assert_eq!(programs, ["foretell"], "the README's `cargo run` has to mean one program");
}

#[test]
fn members_inherit_the_lints() {
    let mut offences = Vec::new();
    for package in members() {
        let path = text(&package["manifest_path"]);
        let manifest = std::fs::read_to_string(path).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("a TOML table");
        let inherits =
            manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        if inherits != Some(true) {
            offences.push(path.to_owned());
        }
    }
    assert_none(&offences, "manifests without `[lints] workspace = true`");
}

fn has_keyword(code: &str, keyword: &str) -> bool {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == keyword)
}

#[test]
fn only_kernels_are_unsafe() {
    let mut offences = Vec::new();
    for (path, source) in sources() {
        let kernel = path.starts_with("crates/model/src/kernel");
        let mut reason_given = false;
        for (number, line) in source.lines().enumerate() {
            let code = code(line);
            let lifted =
                code.contains("unsafe_code") && (code.contains("allow(") || code.contains("expect("));
            let is_unsafe = has_keyword(&code, "unsafe");
            reason_given |= line.trim_start().starts_with("// SAFETY:");
            // A declaration passes the duty on, in its `# Safety` section or that of its trait; a block takes it.
            let takes_duty = is_unsafe && !code.contains("unsafe fn");
            if kernel && takes_duty && !reason_given || !kernel && (is_unsafe || lifted) {
                offences.push(format!("{}:{}", path.display(), number + 1));
            }
            // A reason holds for the statement under it.
            reason_given &= !is_unsafe;
        }
    }
    assert_none(&offences, "unsafe code outside `model::kernel`, or without its reason");
}

#[test]
fn modules_explain_themselves() {
    let bare = sources().filter(|(_, source)| !source.starts_with("//!"));
    let offences: Vec<_> = bare.map(|(path, _)| path.display().to_string()).collect();
    assert_none(&offences, "files without a `//!` header");
}

#[test]
fn files_stay_small() {
    let long =
        sources().map(|(path, source)| (path, source.lines().count())).filter(|(_, n)| *n > LONGEST_FILE);
    let offences: Vec<_> = long.map(|(path, n)| format!("{} has {n} lines", path.display())).collect();
    assert_none(&offences, "files that are too long");
}

#[test]
fn nothing_is_left_unfinished() {
    let in_code = ["todo!", "unimplemented!", "#[ignore", "should_panic"];
    let anywhere = [concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut offences = Vec::new();
    for (path, source) in sources() {
        for (number, line) in source.lines().enumerate() {
            let code = code(line);
            let marked = in_code.iter().any(|mark| code.contains(mark))
                || anywhere.iter().any(|mark| line.contains(mark));
            if marked {
                offences.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert_none(&offences, "unfinished work");
}

#[test]
fn dependencies_have_a_reason() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let direct: BTreeSet<_> =
        members().flat_map(dependencies).map(|dependency| text(&dependency["name"])).collect();
    let external = direct.into_iter().filter(|name| !name.starts_with("foretell"));
    let unexplained =
        external.filter(|name| !architecture.lines().any(|line| line.starts_with(&format!("| `{name}` |"))));
    let offences: Vec<_> = unexplained.map(str::to_owned).collect();
    assert_none(&offences, "dependencies without a line in ARCHITECTURE.md");
}

#[test]
fn nothing_names_a_machine() {
    let needles = [
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/tm", "p/"),
        concat!("static.", "crates.io"),
        concat!("index.", "crates.io"),
        concat!("files.", "pythonhosted.org"),
        concat!("pypi.org", "/simple"),
        concat!("registry.", "npmjs.org"),
    ];
    let mut offences = Vec::new();
    for path in tracked() {
        let Ok(content) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in content.lines().enumerate() {
            if needles.iter().any(|needle| line.contains(needle)) {
                let start: String = line.chars().take(120).collect();
                offences.push(format!("{}:{}: {start}", path.display(), number + 1));
            }
        }
    }
    assert_none(&offences, "paths of a machine, or a registry's hosts");
}

fn deny() -> toml::Table {
    let content = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    content.parse().expect("a TOML table")
}

/// Whether a package's SPDX expression can be met with the allowed licences; an unreadable one cannot.
fn is_met(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let parsed = spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX);
    parsed.is_ok_and(|parsed| parsed.evaluate(|licence| allowed.contains(licence.to_string().as_str())))
}

#[test]
fn licences_and_bans_hold() {
    let deny = deny();
    let allowed = deny["licenses"]["allow"].as_array().expect("a list of licences");
    let allowed: BTreeSet<_> = allowed.iter().map(|licence| licence.as_str().expect("a string")).collect();
    let banned = deny["bans"]["deny"].as_array().expect("a list of bans");
    let banned: BTreeSet<_> = banned.iter().map(|ban| ban["name"].as_str().expect("a name")).collect();
    let mut offences = Vec::new();
    for package in packages() {
        let name = text(&package["name"]);
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_met(licence, &allowed) {
            offences.push(format!("`{name}` has licence `{licence}`"));
        }
        if banned.contains(name) {
            offences.push(format!("`{name}` is banned"));
        }
    }
    assert_none(&offences, "packages that deny.toml does not allow");
}

#[test]
fn committed_data_is_small() {
    let bytes = |path: &Path| std::fs::metadata(root().join(path)).map_or(0, |file| file.len());
    let (golden, other): (Vec<_>, Vec<_>) =
        tracked().into_iter().partition(|path| path.iter().any(|part| part == "golden"));
    let total: u64 = golden.iter().map(|path| bytes(path)).sum();
    assert!(total <= GOLDEN_BYTES, "the golden files have {total} bytes, expected at most {GOLDEN_BYTES}");
    let large = other.iter().map(|path| (path, bytes(path))).filter(|(_, bytes)| *bytes > LARGEST_OTHER_FILE);
    let offences: Vec<_> =
        large.map(|(path, bytes)| format!("{} has {bytes} bytes", path.display())).collect();
    assert_none(&offences, "files that are too large to commit");
}
