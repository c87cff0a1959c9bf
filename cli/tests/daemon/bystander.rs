//! A program that runs beside others, and that nothing may happen to.

use rustix::process::Pid;

use crate::body::run;
use crate::processes;
use crate::rack::{Rack, await_until, name};

pub(crate) struct Bystander {
    id: String,
    /// Its nodes, by host and process.
    nodes: Vec<(usize, Pid)>,
}

impl Bystander {
    /// On these hosts, of which the first controls it.
    pub(crate) fn start(rack: &Rack, hosts: &[usize]) -> Self {
        let names: Vec<_> = hosts.iter().map(|host| name(*host)).collect();
        let names = names.join(",");
        let options = ["--hosts", &names, "--detach"];
        let output = rack.output(hosts[0], &mut run(rack, hosts[0], "calls", &options));
        assert!(output.status.success(), "{output:?}\n{}", rack.logs());
        let id = String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned();
        await_until("it runs", || {
            rack.says(hosts[0], &["logs", &id]).contains("ready")
        });
        let nodes = nodes(rack, &id, hosts);
        assert_eq!(nodes.len(), hosts.len());
        Self { id, nodes }
    }

    /// Its processes on a host.
    pub(crate) fn on(&self, host: usize) -> Vec<Pid> {
        let here = self.nodes.iter().filter(|(other, _)| *other == host);
        here.map(|(_, pid)| *pid).collect()
    }

    /// It still is what it was when it was started, and does what it did.
    pub(crate) fn assert_goes_on(&self, rack: &Rack) {
        let hosts: Vec<_> = self.nodes.iter().map(|(host, _)| *host).collect();
        assert_eq!(nodes(rack, &self.id, &hosts), self.nodes);
        let rounds = || {
            let said = rack.says(hosts[0], &["logs", &self.id]);
            said.matches("round").count()
        };
        let before = rounds();
        await_until("it goes on", || rounds() > before);
    }

    pub(crate) fn end(self, rack: &Rack) {
        rack.says(self.nodes[0].0, &["kill", &self.id]);
    }

    /// It has ended because this host was lost.
    pub(crate) fn assert_has_lost(&self, rack: &Rack, host: usize) {
        let says = format!("on {} is lost: ", name(host));
        let note = rack.await_note(self.nodes[0].0, &self.id);
        assert!(note.contains(&says), "{note}");
    }
}

fn nodes(rack: &Rack, id: &str, hosts: &[usize]) -> Vec<(usize, Pid)> {
    let of = |(node, host): (usize, &usize)| {
        let processes = processes::of_node(&rack.state(*host), id, node);
        processes.into_iter().map(|pid| (*host, pid)).collect()
    };
    hosts.iter().enumerate().flat_map::<Vec<_>, _>(of).collect()
}
