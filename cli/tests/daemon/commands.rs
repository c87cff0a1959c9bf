//! What an operator does: all commands, on three hosts.

use std::io::Write;
use std::process::Stdio;

use rustix::process::Signal;

use crate::body::{example, run};
use crate::lives::Launched;
use crate::rack::{Rack, await_until};

#[test]
fn two_programs_from_start_to_end() {
    let Some(rack) = Rack::start(3) else { return };
    let nodes = rack.json(0, &["nodes"]);
    for (place, host) in nodes.as_array().expect("a list").iter().enumerate() {
        assert_eq!(host["host"], crate::rack::name(place));
        assert_eq!((&host["cores"], &host["up"]), (&2.into(), &true.into()));
        assert!(host["memory_bytes"].as_u64().expect("it is known") > 0);
    }
    // One attached, one left running, from different hosts.
    let mut first = Launched::start(&rack, 0, &mut run(&rack, 0, "calls", &["--threads", "6"]));
    assert_eq!(first.await_line("ready"), "[0@a] ready");
    let output = rack.output(
        1,
        &mut run(&rack, 1, "calls", &["--hosts", "b,c", "--detach"]),
    );
    assert!(output.status.success(), "{output:?}");
    let second = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
    assert_eq!(second, "b-1");
    // Any host lists both.
    let programs = rack.json(2, &["ps"]);
    let programs = programs.as_array().expect("a list");
    let ids: Vec<_> = programs
        .iter()
        .map(|program| program["id"].as_str())
        .collect();
    assert_eq!(ids, [Some("a-1"), Some("b-1")]);
    let hosts = |place: usize| programs[place]["nodes"].as_array().expect("a list").len();
    assert_eq!((hosts(0), hosts(1)), (3, 2));
    // What the second says, as it says it, from a host that does not run it.
    let mut follower = Launched::start(&rack, 0, &mut rack.on(0, &["logs", &second, "-f"]));
    follower.await_line("[0@b] ready");
    follower.await_line("[0@b] round 200");
    let of_one = rack.says(0, &["logs", &second, "--node", "1"]);
    assert!(
        of_one.lines().all(|line| line.starts_with("[1@c]")),
        "{of_one}"
    );
    let stats = await_stats(&rack, &second);
    let nodes = stats.as_array().expect("a list");
    assert_eq!(nodes.len(), 2);
    assert!(
        nodes
            .iter()
            .all(|node| node["resident_bytes"].as_u64() > Some(0))
    );
    assert!(
        nodes
            .iter()
            .all(|node| node["workers"].as_array().map(Vec::len) == Some(2))
    );
    // Node 0 asks the other.
    let sent = (nodes[0]["workers"].as_array().expect("a list").iter())
        .map(|worker| worker["requests_sent"].as_f64().expect("a number"));
    assert!(sent.sum::<f64>() > 0.0, "{stats}");
    assert!(rack.says(1, &["stats", &second]).contains("SERVED"));
    // A signal ends the one, an order the other.
    first.signal(Signal::TERM);
    let (status, errors) = first.end();
    assert_eq!(status.code(), Some(143), "{errors}");
    rack.says(2, &["kill", &second]);
    let (status, _) = follower.end();
    assert!(status.success(), "the log has ended");
    await_until("it is not listed any more", || {
        rack.json(0, &["ps"]).as_array().is_some_and(Vec::is_empty)
    });
    let all = rack.json(0, &["ps", "--all"]);
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    assert!(rack.says(0, &["logs", &second]).contains("ready"));
    (0..3).for_each(|host| rack.await_nothing(host));
}

/// Whichever node ends first, and whatever the others see of that.
#[test]
fn status_says_by_what_signal_the_user_has_ended_it() {
    let Some(rack) = Rack::start(3) else { return };
    let kill = |signal: &'static str| vec!["kill", "-s", signal];
    for (signal, order, status) in [
        // Others may be ignored by whoever has started this test.
        (Some(Signal::TERM), vec![], 143),
        (None, vec!["kill"], 143),
        (None, kill("INT"), 130),
        (None, kill("HUP"), 129),
        (None, kill("KILL"), 137),
        (None, kill("USR1"), 138),
    ] {
        let mut launched = Launched::start(&rack, 0, &mut run(&rack, 0, "calls", &[]));
        launched.await_line("ready");
        match signal {
            Some(signal) => launched.signal(signal),
            None => {
                let programs = rack.json(2, &["ps"]);
                let id = programs[0]["id"].as_str().expect("it runs");
                rack.says(2, &[&order[..], &[id]].concat());
            }
        }
        let (ended, errors) = launched.end();
        assert_eq!(ended.code(), Some(status), "{signal:?} {order:?}: {errors}");
        let notes = errors.lines().filter(|line| line.starts_with("gossamer: "));
        assert_eq!(notes.collect::<Vec<_>>(), [""; 0], "the user knows");
    }
    (0..3).for_each(|host| rack.await_nothing(host));
}

/// It ends as a node does that has lost another.
#[test]
fn node_0_ends_after_one_that_a_signal_has_ended() {
    let Some(rack) = Rack::start(2) else { return };
    let script = "test $GOSSAMER_NODE = 1 && exec sleep 1000000; \
                  trap '' TERM; echo ready; read line; exit 69";
    let mut command = rack.on(0, &["run", "--", "sh", "-c", script]);
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    command.stdin(reader);
    let mut launched = Launched::start(&rack, 0, &mut command);
    drop(command);
    launched.await_line("ready");
    let node_1 = || crate::processes::of_node(&rack.state(1), "a-1", 1);
    await_until("node 1 runs", || node_1().len() == 1);
    launched.signal(Signal::TERM);
    await_until("it ends", || node_1().is_empty());
    writer.write_all(b"go on\n").expect("it is read");
    let (status, errors) = launched.end();
    assert_eq!((status.code(), &*errors), (Some(143), ""));
}

/// Once its nodes have answered: they are asked while they start.
fn await_stats(rack: &Rack, id: &str) -> serde_json::Value {
    let mut stats = serde_json::Value::Null;
    await_until("all workers have served something", || {
        stats = rack.json(0, &["stats", id]);
        let nodes = stats.as_array().expect("a list");
        nodes.len() == 2 && nodes.iter().all(has_served)
    });
    stats
}

fn has_served(node: &serde_json::Value) -> bool {
    let workers = node["workers"].as_array().expect("a list");
    let served = workers
        .iter()
        .map(|worker| worker["requests_served"].as_f64());
    !workers.is_empty() && served.sum::<Option<f64>>() > Some(0.0)
}

#[test]
fn programs_know_their_rack() {
    let Some(rack) = Rack::start(3) else { return };
    let output = rack.output(2, &mut run(&rack, 2, "identity", &["--threads", "5"]));
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    let says = "[0@c] id=c-1 hosts=c=10.77.0.3,a=10.77.0.1,b=10.77.0.2";
    assert!(said.lines().any(|line| line == says), "{said}");
    assert!(
        said.lines().any(|line| line == "[0@c] nodes=3 workers=5"),
        "{said}"
    );
}

#[test]
fn input_status_and_environment() {
    let Some(rack) = Rack::start(2) else { return };
    let mut command = rack.on(0, &["run", "--env", "WHAT=a b", "--", "sh", "-c"]);
    command.arg("test $GOSSAMER_NODE = 1 || { cat; echo \"$WHAT\"; exit 7; }");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = rack.spawn(0, &mut command);
    let mut input = child.stdin.take().expect("it is piped");
    // More than pipes and sockets hold.
    let line = [&[b'x'; 99][..], b"\n"].concat();
    let all = line.repeat(100_000);
    let feeding = std::thread::spawn(move || input.write_all(&all).expect("it is read"));
    let output = child.wait_with_output().expect("it ends");
    feeding.join().expect("no panic");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said.lines()
            .filter(|line| line.starts_with("[0@a] x"))
            .count(),
        100_000
    );
    assert_eq!(said.lines().last(), Some("[0@a] a b"));
    (0..2).for_each(|host| rack.await_nothing(host));
}

/// What nodes have said last, when all of them end at once, comes before the end does.
#[test]
fn last_words() {
    let Some(rack) = Rack::start(2) else { return };
    for _ in 0..10 {
        let script = "seq 1 20000; echo bye >&2";
        let output = rack.output(0, &mut rack.on(0, &["run", "--", "sh", "-c", script]));
        assert!(output.status.success(), "{:?}", output.status);
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        for node in ["[0@a] ", "[1@b] "] {
            let lines = said.lines().filter_map(|line| line.strip_prefix(node));
            assert!(lines.eq((1..=20_000).map(|line| line.to_string())));
            assert!(errors.contains(&format!("{node}bye")), "{errors}");
        }
    }
}

#[test]
fn examples_on_all_hosts() {
    let Some(rack) = Rack::start(3) else { return };
    let text = rack.folder().join("text");
    std::fs::write(&text, "a word and a word\n").expect("there is room");
    let word_count = example("word_count");
    let rack_kv = example("rack_kv");
    let word_count = word_count.to_str().expect("text");
    let rack_kv = rack_kv.to_str().expect("text");
    let said = rack.says(0, &["run", "--", word_count, text.to_str().expect("text")]);
    assert!(said.contains("word"), "{said}");
    let options = ["--records", "500", "--operations", "2000"];
    let arguments = [&["run", "--threads", "3", "--", rack_kv][..], &options].concat();
    let said = rack.says(1, &arguments);
    assert!(said.contains("[0@b] "), "{said}");
    (0..3).for_each(|host| rack.await_nothing(host));
}
