//! The list of what is opened is that of the code.

use std::path::Path;

#[test]
fn the_documentation_lists_what_is_opened() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/supported.md");
    let page = foretell_formats::supported();
    if std::env::var_os("FORETELL_RENEW").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).expect("the page is there: `make supported`");
    assert!(written == page, "{} is not what the code says; run `make supported`", path.display());
}
