//! Programs that are nodes: this executable again, with the test `body_of_a_node`.

use std::process::ExitCode;

use gossamer::rack::join::Identity;

use crate::launched::{finish, gossamer};

#[test]
fn body_of_a_node() {
    let Some(what) = std::env::var_os("BODY_OF_A_NODE") else {
        return;
    };
    if what == "ends early" && std::env::var("GOSSAMER_NODE").as_deref() == Ok("2") {
        std::process::exit(0);
    }
    if what == "runs to its end" {
        let code = program_with_status_3();
        std::process::exit(match code {
            ExitCode::SUCCESS => 0,
            code if code == ExitCode::from(3) => 3,
            _ => 1,
        });
    }
    let joined = Identity::from_env()
        .map_err(Into::into)
        .and_then(|identity| identity.join(1));
    match joined {
        Ok(joined) => {
            let nodes = joined.membership().members().len();
            println!("node {} of {nodes} is in", joined.node());
        }
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(9);
        }
    }
}

#[gossamer::main(workers = 1)]
async fn program_with_status_3() -> ExitCode {
    ExitCode::from(3)
}

fn run(options: &[&str], what: &str, limit: &str) -> (Option<i32>, String) {
    let this = std::env::current_exe().expect("a test has a path");
    let mut command = gossamer(&["run"]);
    command
        .args(options)
        .arg("--")
        .arg(this)
        .args(["rack::body_of_a_node", "--exact", "--nocapture"])
        .env("BODY_OF_A_NODE", what)
        .env("GOSSAMER_GRACE", "600")
        .env("GOSSAMER_START_LIMIT", limit);
    let output = finish(command);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.code(), text)
}

#[test]
fn nodes_meet() {
    for nodes in [1, 2, 16] {
        let (status, text) = run(&["-n", &nodes.to_string()], "joins", "120");
        assert_eq!(status, Some(0), "{text}");
        for node in 0..nodes {
            // The test harness may have begun the line.
            let says = format!("node {node} of {nodes} is in");
            assert_eq!(text.matches(&says).count(), 1, "{text}");
        }
    }
}

#[test]
fn settings_of_the_launcher_come_to_the_nodes() {
    let (status, text) = run(
        &["-n", "2", "--fabric", "tcp", "--on-node-loss", "survive"],
        "joins",
        "120",
    );
    assert_eq!(status, Some(0), "{text}");
}

#[test]
fn node_that_ends_before_it_joins() {
    // The first limit counts that is long enough for the others.
    for limit in ["2", "8", "32", "128"] {
        let (status, text) = run(&["-n", "4"], "ends early", limit);
        assert_eq!(status, Some(9), "{text}");
        let says = format!("3 nodes have joined within {limit} s, and node 2 is missing: start it");
        if text.contains(&says) {
            return;
        }
        assert!(text.contains(" are missing: "), "{text}");
    }
    panic!("the others never join");
}

/// The others have served node 0 to its end, whatever its status is; and whoever goes first, none
/// of them is blamed.
#[test]
fn status_of_a_program_is_that_of_node_0() {
    for _ in 0..8 {
        let (status, text) = run(&["-n", "4"], "runs to its end", "120");
        assert_eq!(status, Some(3), "{text}");
        for node in 1..4 {
            assert!(!text.contains(&format!("gossamer: node {node} ")), "{text}");
        }
    }
}
