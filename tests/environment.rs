//! Settings from the environment, and what needs a process of its own.
//!
//! A test here runs its own executable again, with an exact test for a body, with an environment
//! that the parent chose, and looks at how that process ends and at what it says. So the macro,
//! the environment and the builder meet as they do in a program; and a process has just the
//! runtimes that its one test makes, which decides what the free functions mean off the workers.

use std::process::{Command, ExitCode, Output, Stdio};

use gossamer::Builder;

/// Runs the test `body` of this file in a process of its own.
fn run(body: &str, environment: &[(&str, &str)]) -> Output {
    let this = std::env::current_exe().expect("a test has a path");
    let mut child = Command::new(this);
    child.args([body, "--exact", "--nocapture", "--test-threads=1"]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GOSSAMER_")) {
        child.env_remove(name);
    }
    child
        .env(CHILD, "1")
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    child.output().expect("it can be run")
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// What it said, and whether it ended well.
fn said(output: &Output) -> (String, bool) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    (text.concat(), output.status.success())
}

const CHILD: &str = "IS_CHILD_OF_ENVIRONMENT_TEST";

#[gossamer::main(workers = 3, idle = "park")]
async fn program() {
    let trust = gossamer::trustee(gossamer::workers() - 1).entrust(20);
    let sum = trust.apply(|n| *n + 1).await;
    println!(
        "workers={} sum={sum} trustees={}",
        gossamer::workers(),
        gossamer::trustees().len()
    );
}

#[test]
fn body_of_the_macro() -> ExitCode {
    if is_child() {
        program()
    } else {
        ExitCode::SUCCESS
    }
}

#[test]
fn environment_is_stronger_than_the_macro() {
    for (environment, says) in [
        (&[][..], "workers=3 sum=21 trustees=3"),
        (
            &[("GOSSAMER_WORKERS", "2")][..],
            "workers=2 sum=21 trustees=2",
        ),
        (
            &[("GOSSAMER_WORKERS", " 5 ")][..],
            "workers=5 sum=21 trustees=5",
        ),
        (
            &[("GOSSAMER_IDLE", "spin"), ("GOSSAMER_WORKERS", "1")][..],
            "workers=1 sum=21",
        ),
        (
            &[("GOSSAMER_DEDICATED_TRUSTEES", "2")][..],
            "workers=3 sum=21 trustees=2",
        ),
        (&[("GOSSAMER_PIN", "true")][..], "workers=3 sum=21"),
        (&[("GOSSAMER_PIN", "false")][..], "workers=3 sum=21"),
    ] {
        let (text, is_well) = said(&run("body_of_the_macro", environment));
        assert!(is_well && text.contains(says), "{environment:?}: {text}");
    }
}

#[test]
fn value_that_cannot_be_used_ends_the_program() {
    for (variable, value, says) in [
        (
            "GOSSAMER_WORKERS",
            "0",
            "GOSSAMER_WORKERS=0: must be from 1 to 1024",
        ),
        (
            "GOSSAMER_WORKERS",
            "abc",
            "GOSSAMER_WORKERS=abc: must be from 1 to 1024",
        ),
        (
            "GOSSAMER_WORKERS",
            "",
            "GOSSAMER_WORKERS=: must be from 1 to 1024",
        ),
        (
            "GOSSAMER_WORKERS",
            "-1",
            "GOSSAMER_WORKERS=-1: must be from 1 to 1024",
        ),
        (
            "GOSSAMER_WORKERS",
            "1025",
            "GOSSAMER_WORKERS=1025: must be from 1 to 1024",
        ),
        (
            "GOSSAMER_WORKERS",
            "99999999999999999999",
            "must be from 1 to 1024",
        ),
        (
            "GOSSAMER_IDLE",
            "nap",
            "GOSSAMER_IDLE=nap: must be spin, adaptive or park",
        ),
        (
            "GOSSAMER_DEDICATED_TRUSTEES",
            "3",
            "GOSSAMER_DEDICATED_TRUSTEES=3: must be from 0 to 2",
        ),
        (
            "GOSSAMER_PIN",
            "99999",
            "GOSSAMER_PIN=99999: must be true, false or a list of cores",
        ),
        (
            "GOSSAMER_PIN",
            "0,99999",
            "GOSSAMER_PIN=0,99999: must be true, false or a list of",
        ),
        (
            "GOSSAMER_PIN",
            "yes",
            "GOSSAMER_PIN=yes: must be true, false or a list of cores",
        ),
    ] {
        let (text, is_well) = said(&run("body_of_the_macro", &[(variable, value)]));
        assert!(
            text.contains("error: ") && text.contains(says),
            "{variable}={value}: {text}"
        );
        assert!(
            !is_well && !text.contains("sum="),
            "{variable}={value}: {text}"
        );
        assert!(!text.contains("panicked"), "{variable}={value}: {text}");
    }
}

#[test]
fn body_of_the_builder() {
    if is_child() {
        let runtime = Builder::new().workers(2).build().unwrap();
        println!(
            "workers={}",
            runtime.block_on(async { gossamer::workers() })
        );
        let error = Builder::new().dedicated_trustees(1).build().unwrap_err();
        println!("error={error}");
    }
}

#[test]
fn builder_is_stronger_than_the_environment() {
    let environment = [("GOSSAMER_WORKERS", "7"), ("GOSSAMER_IDLE", "bad")];
    let (text, is_well) = said(&run("body_of_the_builder", &environment));
    assert!(
        !is_well && text.contains("GOSSAMER_IDLE"),
        "what is set nowhere else counts: {text}"
    );
    let (text, is_well) = said(&run("body_of_the_builder", &[("GOSSAMER_WORKERS", "1")]));
    assert!(is_well && text.contains("workers=2"), "{text}");
    assert!(
        text.contains("error=dedicated_trustees = 1: must be from 0 to 0"),
        "{text}"
    );
}

#[gossamer::main(workers = 2)]
async fn failing() -> Result<(), String> {
    let trust = gossamer::trustee(1).entrust(1);
    if trust.apply(|n| *n).await == 1 {
        return Err("so it ends".into());
    }
    Ok(())
}

#[gossamer::main(workers = 2)]
async fn panicking() {
    let trust = gossamer::trustee(1).entrust(1);
    trust.apply(|_| -> () { panic!("through all of it") }).await;
}

#[test]
fn body_that_fails() -> ExitCode {
    if is_child() {
        failing()
    } else {
        ExitCode::SUCCESS
    }
}

#[test]
fn body_that_panics() -> ExitCode {
    if is_child() {
        panicking()
    } else {
        ExitCode::SUCCESS
    }
}

#[test]
fn result_of_main_is_that_of_the_program() {
    let (text, is_well) = said(&run("body_that_fails", &[]));
    assert!(!is_well && text.contains("Error: \"so it ends\""), "{text}");
    let (text, is_well) = said(&run("body_that_panics", &[]));
    assert!(!is_well && text.contains("through all of it"), "{text}");
}

/// What the free functions say on a thread that is no worker.
fn free_functions() -> Vec<String> {
    let text = |f: fn()| match std::panic::catch_unwind(f) {
        Ok(()) => "ok".into(),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => (*payload.downcast::<&str>().expect("a text")).into(),
        },
    };
    let functions: [fn(); 9] = [
        || drop(gossamer::entrust(1)),
        || assert!(gossamer::workers() > 0),
        || assert_eq!(gossamer::trustee(0).worker(), 0),
        || assert!(!gossamer::trustees().is_empty()),
        || assert!(!gossamer::metrics().is_empty()),
        || drop(gossamer::spawn_on(0, async || ())),
        || assert_eq!(gossamer::local_trustee().worker(), 0),
        || drop(gossamer::spawn(async {})),
        || assert_eq!(gossamer::worker_id(), 0),
    ];
    functions.map(text).to_vec()
}

/// What six of them say where they cannot know the runtime, and three that need a worker always.
fn refusals() -> Vec<String> {
    let names = [
        "entrust", "workers", "trustee", "trustees", "metrics", "spawn_on",
    ];
    let unclear = names.map(|name| {
        format!(
            "{name}: not on a worker, and the process does not have just one runtime; call \
             `Runtime::{name}`, or call this inside #[gossamer::main] or Runtime::block_on"
        )
    });
    unclear.into_iter().chain(needing_a_worker()).collect()
}

fn needing_a_worker() -> impl Iterator<Item = String> {
    [
        "local_trustee: not on a worker; use `trustee(index)`, or call it inside \
         #[gossamer::main] or Runtime::block_on",
        "spawn: not on a worker; use spawn_on(worker, ...) or call it inside #[gossamer::main] or \
         Runtime::block_on",
        "worker_id: not on a worker; `try_worker_id` returns None there",
    ]
    .into_iter()
    .map(String::from)
}

#[test]
fn body_off_the_workers() {
    if !is_child() {
        return;
    }
    let build = || Builder::new().workers(2).build().unwrap();
    assert_eq!(free_functions(), refusals(), "of no runtime");
    let one = build();
    let fine = || {
        (0..6)
            .map(|_| "ok".to_owned())
            .chain(needing_a_worker())
            .collect::<Vec<_>>()
    };
    assert_eq!(free_functions(), fine(), "of one");
    let other = build();
    assert_eq!(free_functions(), refusals(), "of two");
    drop(one);
    assert_eq!(free_functions(), fine(), "of one again");
    let kept = other.entrust(1);
    drop(other);
    assert_eq!(
        free_functions(),
        refusals(),
        "of one that has gone, though a trust is left"
    );
    drop(kept);
    println!("all was said");
}

#[test]
fn free_functions_off_the_workers() {
    let (text, is_well) = said(&run("body_off_the_workers", &[]));
    assert!(is_well && text.contains("all was said"), "{text}");
}
