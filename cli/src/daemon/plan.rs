//! Where the nodes of a program are to be, and the start of all of them at once.

use std::sync::Arc;
use std::thread;

use super::Daemon;
use super::lease::{self, Lease};
use super::placement::spread;
use super::programs::Running;
use super::refusal::Refusal;
use crate::control::message::{Bytes, HostState, NodePlan, Placed, Program};

/// The nodes of a program: one on each host that gets threads of it, the first on this host if it
/// gets any.
pub(crate) fn place(daemon: &Daemon, program: &Program) -> Result<Vec<Placed>, Refusal> {
    place_on(&daemon.hosts(), program)
}

/// Of hosts of which the first is this one.
pub(crate) fn place_on(hosts: &[HostState], program: &Program) -> Result<Vec<Placed>, Refusal> {
    for name in &program.hosts {
        let host = hosts.iter().find(|host| host.name == *name);
        let host = host.ok_or_else(|| Refusal::NoHost { name: name.clone() })?;
        if let Err(cause) = &host.state {
            return Err(Refusal::HostDown {
                name: name.clone(),
                cause: cause.clone(),
            });
        }
    }
    // Without names those that can be reached now.
    let is_chosen = |host: &&HostState| match program.hosts.is_empty() {
        true => true,
        false => program.hosts.contains(&host.name),
    };
    let chosen = hosts.iter().filter(is_chosen);
    let chosen = chosen.filter_map(|host| Some((host, host.state.as_ref().ok()?.cores)));
    let (chosen, cores): (Vec<_>, Vec<_>) = chosen.unzip();
    let all: u32 = cores.iter().sum();
    let threads = program.threads.unwrap_or(all);
    if threads > all {
        let names: Vec<_> = chosen.iter().map(|host| &*host.name).collect();
        return Err(Refusal::NotEnoughCores {
            threads,
            cores: all,
            hosts: names.join(", "),
        });
    }
    let spread = spread(threads, &cores);
    let nodes = chosen
        .iter()
        .zip(spread)
        .filter(|(_, workers)| *workers > 0);
    let placed = nodes.zip(0..).map(|((host, workers), node)| Placed {
        node,
        host: host.name.clone(),
        address: host.address,
        workers,
    });
    let placed: Vec<_> = placed.collect();
    match placed.is_empty() {
        // No command asks for nothing.
        true => Err(Refusal::Unexpected {
            host: hosts
                .first()
                .map_or_else(String::new, |host| host.name.clone()),
        }),
        false => Ok(placed),
    }
}

/// Asks all hosts for their nodes, at the same time.
pub(crate) fn open_leases(
    daemon: &Arc<Daemon>,
    program: &Program,
    running: &Arc<Running>,
) -> Result<Vec<Lease>, Refusal> {
    let not_started = |node: u32, cause: String| Refusal::NotStarted {
        node,
        host: daemon.card.name.clone(),
        cause,
    };
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|error| not_started(0, error.to_string()))?;
    let key = daemon.key.derive(KEY_CONTEXT, &salt);
    let plan = |node: u32| NodePlan {
        program: running.id.clone(),
        key,
        node,
        nodes: running.nodes.clone(),
        executable: program.executable,
        arguments: program.arguments.clone(),
        folder: program.folder.clone(),
        environment: program.environment.clone(),
        fabric: program.fabric,
        on_node_loss: program.on_node_loss,
        silence_millis: daemon.settings.silence.as_millis() as u64,
    };
    thread::scope(|scope| {
        let opening: Vec<_> = (running.nodes.iter())
            .map(|placed| {
                let plan = plan(placed.node);
                let open = move || lease::open(daemon, placed, plan);
                let opening = thread::Builder::new().spawn_scoped(scope, open);
                opening.map_err(|error| not_started(placed.node, error.to_string()))
            })
            .collect();
        let opened = opening
            .into_iter()
            .map(|thread| thread.and_then(|thread| thread.join().expect("no panic")));
        opened.collect()
    })
}

/// For people.
pub(crate) fn command_line(arguments: &[Bytes]) -> String {
    let words = arguments
        .iter()
        .map(|word| String::from_utf8_lossy(&word.0));
    let mut line = words.collect::<Vec<_>>().join(" ");
    line.retain(|character| !character.is_control());
    if let Some((end, _)) = line.char_indices().nth(COMMAND_CHARACTERS_MAX) {
        line.truncate(end);
        line.push('…');
    }
    line
}

const KEY_CONTEXT: &str = "gossamer daemon, 2026-11, key of a program";

const COMMAND_CHARACTERS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::control::message::Facts;
    use crate::options::{Fabric, OnNodeLoss};

    fn host(name: &str, cores: Result<u32, &str>) -> HostState {
        let facts = |cores| Facts {
            cores,
            memory_bytes: 0,
            memory_free_bytes: 0,
            load: 0.0,
            fabrics: Vec::new(),
            architecture: String::new(),
            nodes: 0,
            refused: 0,
            cache_bytes: 0,
        };
        HostState {
            name: name.to_owned(),
            address: (Ipv4Addr::LOCALHOST, 7410).into(),
            state: cores.map(facts).map_err(str::to_owned),
        }
    }

    fn place(hosts: &[HostState], threads: Option<u32>, on: &[&str]) -> Result<String, String> {
        let program = Program {
            executable: [0; 32],
            arguments: Vec::new(),
            folder: Bytes(Vec::new()),
            environment: Vec::new(),
            hosts: on.iter().map(|name| (*name).to_owned()).collect(),
            threads,
            fabric: Fabric::Auto,
            on_node_loss: OnNodeLoss::Abort,
            grace_millis: 0,
            is_attached: true,
        };
        let placed = place_on(hosts, &program).map_err(|refusal| refusal.to_string())?;
        let told = placed
            .iter()
            .map(|node| format!("{}:{}:{}", node.node, node.host, node.workers));
        Ok(told.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn one_node_on_each_host_that_gets_threads() {
        let hosts = [host("c", Ok(2)), host("a", Ok(4)), host("b", Err("cut"))];
        let placed = |threads, on: &[&str]| place(&hosts, threads, on).expect("there is room");
        assert_eq!(placed(None, &[]), "0:c:2 1:a:4");
        assert_eq!(placed(Some(3), &[]), "0:c:1 1:a:2");
        assert_eq!(placed(Some(1), &[]), "0:a:1");
        assert_eq!(placed(None, &["a"]), "0:a:4");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let hosts = [host("c", Ok(2)), host("a", Ok(4)), host("b", Err("cut"))];
        for (threads, on, says) in [
            (
                Some(7),
                &[][..],
                "7 threads are more than the 6 cores of c, a: ask for at most 6",
            ),
            (
                Some(5),
                &["a"],
                "5 threads are more than the 4 cores of a: ask for at most 4",
            ),
            (
                None,
                &["a", "x"],
                "there is no host `x` in this rack: `gossamer nodes`",
            ),
            (
                None,
                &["b"],
                "host b cannot be reached: cut; start its daemon, or leave it out",
            ),
        ] {
            let refused = place(&hosts, threads, on).expect_err("refused");
            assert!(refused.starts_with(says), "{refused}");
        }
    }

    #[test]
    fn commands_are_shown_in_one_line() {
        let line = |words: &[&str]| {
            let words: Vec<_> = words
                .iter()
                .map(|word| Bytes(word.as_bytes().to_vec()))
                .collect();
            command_line(&words)
        };
        assert_eq!(line(&["a", "b\nc\x1b[2J"]), "a bc[2J");
        assert!(line(&[&"ü".repeat(1000)]).chars().count() <= COMMAND_CHARACTERS_MAX + 1);
    }
}
