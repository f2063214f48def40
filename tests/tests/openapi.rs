//! schemathesis reads a service's own OpenAPI document and sends what it allows and what it forbids; every answer must
//! be one that the document promises, and none a 5xx.

use foretell_tests::places::{root, run, venv};
use foretell_tests::service::Service;
use std::process::Command;

#[test]
fn services_keep_the_promises_of_their_openapi_documents() {
    let Some(schemathesis) = venv("schemathesis") else { return };
    for example in ["iris", "boston", "breast-cancer"] {
        let configuration = root().join("examples").join(example).join("foretell.toml");
        let service = Service::start(&["--config".as_ref(), configuration.as_os_str()]);
        validate(&service);
        let folder = tempfile::tempdir().expect("a scratch folder");
        let mut command = Command::new(&schemathesis);
        command.args(["run", &format!("{}/openapi.json", service.url())]);
        command.args([
            "--phases",
            "examples,coverage,fuzzing,stateful",
            "--checks",
            "all",
            "--max-examples",
            "30",
        ]);
        // The same requests each time: a failure must come again.
        command.args(["--generation-deterministic", "--no-color"]);
        run(command.current_dir(folder.path()));
    }
}

/// The document is OpenAPI by the specification's own schema.
fn validate(service: &Service) {
    let Some(validator) = venv("openapi-spec-validator") else { return };
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, service.get("/openapi.json").text).expect("a file");
    run(Command::new(validator).arg(&file));
}
