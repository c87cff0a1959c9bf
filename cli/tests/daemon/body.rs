//! Programs that run on the rack: this executable again, with the test `body_of_a_node`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use gossamer::rack;

use crate::rack::Rack;

#[test]
fn body_of_a_node() {
    match std::env::var("BODY").as_deref() {
        Ok("calls") => exit(calls()),
        Ok("identity") => exit(identity()),
        _ => {}
    }
}

/// Past the harness, whose own words are of no interest.
fn exit(code: ExitCode) -> ! {
    std::process::exit(i32::from(code != ExitCode::SUCCESS))
}

/// Calls from node 0 to all others, until it is ended.
#[gossamer::main]
async fn calls() -> ExitCode {
    let mut counters = Vec::new();
    for trustee in rack::trustees() {
        counters.push(rack::entrust_on(trustee, |start: u64| start, 0).await);
    }
    println!("\nready");
    let mut rounds = 0;
    loop {
        for counter in &counters {
            counter.apply_with(|count, more| *count += more, 1).await;
        }
        rounds += 1;
        if rounds % 100 == 0 {
            println!("round {rounds}");
        }
        gossamer::time::sleep(Duration::from_millis(5)).await;
    }
}

#[gossamer::main]
async fn identity() -> ExitCode {
    let hosts = rack::hosts();
    let hosts = hosts
        .iter()
        .map(|host| format!("{}={}", host.name(), host.address()));
    let hosts = hosts.collect::<Vec<_>>().join(",");
    println!("\nid={} hosts={hosts}", rack::id().unwrap_or_default());
    println!("nodes={} workers={}", rack::nodes(), rack::workers());
    ExitCode::SUCCESS
}

/// `gossamer run` of one of these, with these options.
pub(crate) fn run(rack: &Rack, host: usize, body: &str, options: &[&str]) -> Command {
    let mut command = rack.on(host, &["run", "--env", &format!("BODY={body}")]);
    command.args(options).arg("--").args(words());
    command
}

/// What starts one of these, if `BODY` names it.
pub(crate) fn words() -> Vec<OsString> {
    let this = std::env::current_exe().expect("a test has a path");
    let words = ["body::body_of_a_node", "--exact", "--nocapture"];
    let words = words.map(OsString::from);
    std::iter::once(this.into()).chain(words).collect()
}

/// The file of an example of the library, as cargo has built it beside this test.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("cargo puts it into deps/ of the profile");
    let example = folder.join("examples").join(name);
    if !example.exists() {
        let target = folder.parent().expect("profiles lie in the target folder");
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "-p", "gossamer", "--example", name, "--target-dir"])
            .arg(target);
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        build.args(["--manifest-path", manifest]);
        if folder
            .file_name()
            .is_some_and(|profile| profile == "release")
        {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo starts").success());
    }
    example
}
