//! What cannot be done is said in one line, which names the thing and the fix, with the status that
//! the help documents.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::rack::{Rack, refusal};

#[test]
fn all_commands() {
    let Some(mut rack) = Rack::start(2) else {
        return;
    };
    let check = |rack: &Rack, arguments: &[&str], status, says: &str| {
        let (code, text) = rack.fails(0, arguments);
        assert!(text.contains(says), "{arguments:?}: {text}");
        assert_eq!(code, Some(status), "{arguments:?}: {text}");
    };
    for command in ["logs", "kill", "stats"] {
        let says = "there is no program `a-7` on host a: `gossamer ps` lists those that run";
        check(&rack, &[command, "a-7"], 3, says);
        check(&rack, &[command, "x-1"], 3, "there is no program `x-1`");
    }
    rack.says(0, &["run", "--", "true"]);
    let says = "program a-1 has ended: `gossamer logs a-1` shows what it has said";
    check(&rack, &["kill", "a-1"], 125, says);
    check(&rack, &["stats", "a-1"], 125, says);
    let says = "program a-1 has no node 2: it has 2, from 0";
    check(&rack, &["logs", "a-1", "--node", "2"], 3, says);
    let run = |options: &[&'static str]| [&["run"], options, &["--", "true"]].concat();
    let says = "9 threads are more than the 4 cores of a, b: ask for at most 4";
    check(&rack, &run(&["--threads", "9"]), 2, says);
    let says = "there is no host `x` in this rack: `gossamer nodes` lists them";
    check(&rack, &run(&["--hosts", "a,x"]), 3, says);
    check(
        &rack,
        &["run", "--", "no-such-program"],
        127,
        "there is no program `no-such-program`",
    );
    check(
        &rack,
        &["run", "--", "/etc/passwd"],
        126,
        "make it executable (`chmod +x`)",
    );
    let many = [&["run", "--", "true"][..], &["x"; 130_000]].concat();
    let says = "bytes, of at most 2097152: write them into a file that all hosts have";
    check(&rack, &many, 2, says);
    let foreign = foreign_program(&rack);
    let says = format!("`{foreign}` is for aarch64, and host a is x86_64: build it for that");
    check(&rack, &["run", "--", &foreign], 126, &says);
    check(
        &rack,
        &["nodes", "--daemon", "no-such-host:1"],
        2,
        "`no-such-host:1` leads nowhere",
    );
    check(
        &rack,
        &["nodes", "--daemon", "127.0.0.1:9"],
        4,
        "does not answer",
    );
    let key = rack.folder().join("open");
    fs::copy(rack.key(), &key).expect("there is room");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("it is ours");
    let key = key.to_str().expect("text");
    check(
        &rack,
        &["nodes", "--key", key],
        2,
        "may be read by others (mode 640): run `chmod 600",
    );
    check(&rack, &["keygen", key], 2, "there is a file `");
    check(
        &rack,
        &["nodes", "--key", "/no/such/key"],
        2,
        "there is no key at `/no/such/key`",
    );
    let other = rack.folder().join("other");
    let other = other.to_str().expect("text");
    rack.says(0, &["keygen", other]);
    check(&rack, &["ps", "--key", other], 4, "it has another key");
    check(
        &rack,
        &["daemon"],
        125,
        "a daemon runs already with the folder",
    );
    daemons(&rack);
    // A host that is down.
    rack.kill_daemon(1);
    let down = |rack: &Rack| rack.json(0, &["nodes"])[1]["up"] == false;
    crate::rack::await_until("the loss is noticed", || down(&rack));
    check(
        &rack,
        &run(&["--hosts", "b"]),
        4,
        "host b cannot be reached",
    );
    check(&rack, &["logs", "b-1"], 4, "host b cannot be reached");
    // And this one.
    rack.kill_daemon(0);
    check(&rack, &["nodes"], 4, "start it with `gossamer daemon`");
    fs::remove_file(rack.state(0).join("address")).expect("it was killed");
    let says = "or start nodes on this host alone with -n NODES";
    check(&rack, &["run", "--", "true"], 4, says);
}

/// Daemons that cannot start.
fn daemons(rack: &Rack) {
    let state = rack.folder().join("new");
    let check = |arguments: &[&str], status, says: &str| {
        let mut command = rack.on(0, &["daemon"]);
        command.args(arguments).env("GOSSAMER_STATE", &state);
        let (code, text) = refusal(&rack.output(0, &mut command));
        assert!(text.contains(says), "{arguments:?}: {text}");
        assert_eq!(code, Some(status), "{arguments:?}: {text}");
    };
    fs::create_dir(&state).expect("nothing is there yet");
    let mode = |mode| fs::set_permissions(&state, fs::Permissions::from_mode(mode));
    mode(0o777).expect("it is ours");
    check(&[], 125, "may be changed by others: run `chmod 700");
    mode(0o700).expect("it is ours");
    let file = rack.folder().join("rack.toml");
    let config = file.to_str().expect("text").to_owned();
    check(
        &["--config", &config],
        2,
        "name the file of the rack with --config",
    );
    fs::write(&file, "[[host]]\nname = 'x'\n").expect("there is room");
    check(&["--config", &config], 2, "line 1: missing field `address`");
    fs::write(&file, "[[host]]\nname = 'x'\naddress = '192.0.2.1'\n").expect("there is room");
    check(
        &["--config", &config],
        2,
        "none of its hosts has an address of this machine",
    );
    check(
        &["--join", "10.77.0.2:9"],
        4,
        "no daemon can be joined at 10.77.0.2:9",
    );
    check(
        &[
            "--name",
            "b",
            "--join",
            "10.77.0.2",
            "--listen",
            "10.77.0.1:99",
        ],
        4,
        "is taken",
    );
    check(
        &["--listen", "192.0.2.1"],
        125,
        "192.0.2.1:7410 cannot be listened on",
    );
    check(
        &["--listen", "0.0.0.0"],
        2,
        "`0.0.0.0` is no address by which others reach this host",
    );
    let key = rack.folder().join("open");
    let says = "may be read by others (mode 640): run `chmod 600";
    check(&["--key", key.to_str().expect("text")], 2, says);
    check(&["--name", "a b"], 2, "`a b` is no name of a host");
    check(&["--silence", "0.1"], 2, "must be from 0.5 to 3600");
}

/// This program, as if it were for other processors.
fn foreign_program(rack: &Rack) -> String {
    let path = rack.folder().join("foreign");
    let mut head = fs::read(env!("CARGO_BIN_EXE_gossamer")).expect("it is there");
    head.truncate(4096);
    head[18] = 183;
    fs::write(&path, head).expect("there is room");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    path.to_str().expect("text").to_owned()
}
