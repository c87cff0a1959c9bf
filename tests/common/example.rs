//! An example's binary, for tests that run it as a process.

use std::path::PathBuf;
use std::process::Command;

/// The file of the example `name` as cargo has built it beside this test.
pub(crate) fn example(name: &str, file: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("cargo puts it into deps/ of the profile");
    let example = folder.join("examples").join(file);
    if !example.exists() {
        // Only this test was asked for, so cargo has built no examples.
        let profile = folder.file_name().filter(|name| *name != "debug");
        let target = folder.parent().expect("profiles lie in the target folder");
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--example", name, "--target-dir"])
            .arg(target);
        build
            .arg("--profile")
            .arg(profile.unwrap_or("dev".as_ref()));
        build
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        assert!(build.status().expect("cargo starts").success());
    }
    example
}
