//! The program, as a user starts it.

use std::process::Command;

/// Its path.
pub(crate) fn program() -> String {
    assert_cmd::cargo::cargo_bin("recursive-gumbel").to_str().unwrap().to_owned()
}

/// Exit status, standard output and standard error, in the folder of the repository.
pub(crate) fn said(arguments: &[&str]) -> (i32, String, String) {
    let root = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(program()).current_dir(root).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}
