//! What is supported, for the documentation: it is read off the tables that the readers use.

use std::fmt::Write as _;

use crate::{onnx, sklearn};

/// The page of the documentation that lists every class and operator that can be opened, in Markdown.
pub fn supported() -> String {
    let mut page = String::from(
        "# What is opened\n\n\
         <!-- Written by `make supported` from the tables of the readers. -->\n\n\
         Classes by the library that defines them. They may stand alone, in pipelines, and inside each other to any depth. A class\n\
         that is not here, a parameter whose effect is not reproduced, and code of your own are refused by name.\n",
    );
    for (library, classes) in sklearn::supported_classes() {
        section(&mut page, library, "classes", &classes);
    }
    page.push_str("\n## scikit-learn: not opened\n\nPublic estimators that have nothing to say about new rows of a table, and why:\n\n");
    for (names, reason) in sklearn::refused_classes() {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        // Writing to a text cannot fail.
        let _ = writeln!(page, "- {}: {reason}.", names.join(", "));
    }
    page.push_str(
        "\n`DummyClassifier` answers at random where its `strategy` is `uniform` or `stratified`, and is refused then.\n",
    );
    for (domain, operators) in onnx::supported_operators() {
        section(&mut page, &format!("ONNX: `{domain}`"), "operators", &operators);
    }
    page
}

fn section(page: &mut String, title: &str, what: &str, names: &[&str]) {
    // Writing to a text cannot fail.
    let _ = write!(page, "\n## {title}\n\n{} {what}:\n\n", names.len());
    let mut initial = None;
    for name in names {
        let first = name.chars().next().map(|first| first.to_ascii_uppercase());
        let before = match initial {
            None => "- ",
            Some(_) if initial == Some(first) => ", ",
            Some(_) => "\n- ",
        };
        initial = Some(first);
        let _ = write!(page, "{before}`{name}`");
    }
    page.push('\n');
}
