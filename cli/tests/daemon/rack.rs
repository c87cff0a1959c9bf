//! Hosts with daemons, and commands that are run on them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::network::Network;
use crate::processes;

/// Hosts `a`, `b` and so on, each with a daemon, which end with the test.
pub(crate) struct Rack {
    network: Network,
    folder: PathBuf,
    daemons: Vec<Option<Child>>,
    silence: &'static str,
}

impl Rack {
    /// So many, which all know each other; `None` if the system does not let us, which is said.
    pub(crate) fn start(hosts: usize) -> Option<Self> {
        Self::start_with_silence(hosts, "5")
    }

    /// The same, with daemons that take each other for lost after so many seconds.
    pub(crate) fn start_with_silence(hosts: usize, silence: &'static str) -> Option<Self> {
        let network = Network::switched(hosts)?;
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("gossamer-rack-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("nothing is there yet");
        let mut rack = Self {
            network,
            folder,
            daemons: (0..hosts).map(|_| None).collect(),
            silence,
        };
        let key = rack.key();
        let made = rack.output(0, rack.on(0, &["keygen"]).arg(&key));
        assert!(made.status.success(), "{made:?}");
        for host in 0..hosts {
            rack.start_daemon(host, &[]);
            rack.await_address(host);
        }
        rack.await_hosts(0, hosts);
        Some(rack)
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    pub(crate) fn hosts(&self) -> usize {
        self.daemons.len()
    }

    /// What the daemon of a host keeps.
    pub(crate) fn state(&self, host: usize) -> PathBuf {
        self.folder.join(name(host))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn address(&self, host: usize) -> String {
        format!("{}:7410", self.network.host(host).address)
    }

    pub(crate) fn spawn(&self, host: usize, command: &mut Command) -> Child {
        let namespace = &self.network.host(host).namespace;
        namespace.within(|| command.spawn()).expect("it starts")
    }

    pub(crate) fn output(&self, host: usize, command: &mut Command) -> Output {
        let namespace = &self.network.host(host).namespace;
        namespace.within(|| command.output()).expect("it starts")
    }

    /// A command, to be run on that host.
    pub(crate) fn on(&self, host: usize, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gossamer"));
        command
            .args(arguments)
            .env("GOSSAMER_STATE", self.state(host))
            .env("GOSSAMER_KEY_FILE", self.key())
            .env_remove("GOSSAMER_GRACE")
            .stdin(Stdio::null());
        command
    }

    /// What a command says that must succeed.
    pub(crate) fn says(&self, host: usize, arguments: &[&str]) -> String {
        let output = self.output(host, &mut self.on(host, arguments));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?}: {output:?}\n{}",
            self.logs()
        );
        text
    }

    /// The same as a value.
    pub(crate) fn json(&self, host: usize, arguments: &[&str]) -> serde_json::Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.says(host, &arguments)).expect("JSON")
    }

    /// The one line and the status of a command that must fail.
    pub(crate) fn fails(&self, host: usize, arguments: &[&str]) -> (Option<i32>, String) {
        refusal(&self.output(host, &mut self.on(host, arguments)))
    }

    pub(crate) fn start_daemon(&mut self, host: usize, more: &[&str]) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("{}.log", name(host))))
            .expect("there is room");
        let command = self.on(host, &["daemon", "--cores", "2", "--name", &name(host)]);
        self.spawn_daemon(host, command, more, log);
    }

    /// One that ignores these signals, as `nohup` and shells have it.
    pub(crate) fn start_daemon_ignoring(&mut self, host: usize, signals: &str) {
        let script = format!("trap '' {signals}; exec \"$0\" \"$@\"");
        let command = self.on(host, &[]);
        let mut ignoring = Command::new("sh");
        ignoring.args(["-c", &script]).arg(command.get_program());
        ignoring.args(["daemon", "--cores", "2", "--name", &name(host)]);
        for (name, value) in command.get_envs() {
            ignoring.envs(value.map(|value| (name, value)));
        }
        let log = File::options()
            .append(true)
            .open(self.folder.join(format!("{}.log", name(host))))
            .expect("it is there");
        self.spawn_daemon(host, ignoring, &[], log);
        self.await_address(host);
    }

    fn spawn_daemon(&mut self, host: usize, mut command: Command, more: &[&str], log: File) {
        command.args(["--silence", self.silence, "--listen", &self.address(host)]);
        // Any that lives knows the rest.
        let others = (0..self.daemons.len()).filter(|other| *other != host);
        let mut live = others.filter(|other| self.daemons[*other].is_some());
        if let Some(other) = live.next() {
            command.args(["--join", &self.address(other)]);
        }
        command.args(more).stdout(Stdio::null()).stderr(log);
        self.daemons[host] = Some(self.spawn(host, &mut command));
    }

    fn await_address(&mut self, host: usize) {
        let file = self.state(host).join("address");
        let mut daemon = self.daemons[host].take();
        let child = daemon.as_mut().expect("it was started");
        await_until("a daemon listens", || {
            let ended = child.try_wait().expect("it is ours");
            assert!(ended.is_none(), "a daemon has ended: {}", self.logs());
            file.exists()
        });
        self.daemons[host] = daemon;
    }

    /// Kills a daemon, as nothing else can be.
    pub(crate) fn kill_daemon(&mut self, host: usize) {
        let mut daemon = self.daemons[host].take().expect("it runs");
        daemon.kill().expect("it is ours");
        daemon.wait().expect("it is ours");
    }

    /// The status of one that ends by itself.
    pub(crate) fn await_end_of_daemon(&mut self, host: usize) -> Option<i32> {
        let mut daemon = self.daemons[host].take().expect("it runs");
        daemon.wait().expect("it is ours").code()
    }

    /// Kills one and waits until another knows: so that what is up later is its successor.
    pub(crate) fn lose_daemon(&mut self, host: usize, other: usize) {
        self.kill_daemon(host);
        let lost = name(host);
        await_until("the loss is noticed", || {
            let hosts = self.json(other, &["nodes"]);
            let mut hosts = hosts.as_array().expect("a list").iter();
            hosts.any(|host| host["host"] == *lost && host["up"] == false)
        });
    }

    /// Starts one again where it was killed.
    pub(crate) fn restart_daemon(&mut self, host: usize) {
        fs::remove_file(self.state(host).join("address")).expect("it was killed");
        self.start_daemon(host, &[]);
        self.await_address(host);
    }

    pub(crate) fn daemon_pid(&self, host: usize) -> u32 {
        self.daemons[host].as_ref().expect("it runs").id()
    }

    /// Waits until a host can reach so many.
    pub(crate) fn await_hosts(&self, host: usize, count: usize) {
        await_until("all hosts are up", || {
            let hosts = self.json(host, &["nodes"]);
            let hosts = hosts.as_array().expect("a list");
            hosts.iter().filter(|host| host["up"] == true).count() == count
        });
    }

    /// Waits until the daemon that controls a program takes it for ended; why it has, if that was
    /// not to be expected.
    pub(crate) fn await_note(&self, controller: usize, id: &str) -> String {
        let mut note = String::new();
        await_until("the program is over", || {
            let all = self.json(controller, &["ps", "--all"]);
            let mut all = all.as_array().expect("a list").iter();
            let program = all.find(|program| program["id"] == id);
            let program = program.expect("it is among the last");
            note = program["note"].as_str().unwrap_or_default().to_owned();
            !program["status"].is_null()
        });
        note
    }

    /// Waits until nothing is left of any program on a host.
    pub(crate) fn await_nothing(&self, host: usize) {
        let folder = self.state(host);
        await_until("no process is left", || {
            processes::of_daemon(&folder).is_empty()
        });
        await_until("no file is left", || self.files(host).is_empty());
    }

    /// Waits until nothing is left on a host but its daemon and these processes.
    pub(crate) fn await_only(&self, host: usize, others: &[Pid]) {
        let namespace = &self.network.host(host).namespace;
        let daemon = self.daemons[host].as_ref().map(Child::id);
        await_until("nothing else is left", || {
            let mut left = processes::of_host(namespace, daemon);
            left.retain(|pid| !others.contains(pid));
            left.is_empty() && self.files(host).is_empty()
        });
    }

    /// What the daemon of a host has that it should not.
    fn files(&self, host: usize) -> Vec<String> {
        let names = |folder: PathBuf| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        let own = ["lock", "address", "last", "cache"];
        let others = names(self.state(host)).filter(|name| !own.contains(&&**name));
        let half = names(self.state(host).join("cache")).filter(|name| name.len() != 64);
        others.chain(half).collect()
    }

    /// What all daemons have said.
    pub(crate) fn logs(&self) -> String {
        let logs = (0..self.daemons.len()).map(|host| {
            let log = self.log(host);
            format!("--- {}\n{log}", name(host))
        });
        logs.collect()
    }

    pub(crate) fn log(&self, host: usize) -> String {
        let file = self.folder.join(format!("{}.log", name(host)));
        fs::read_to_string(file).unwrap_or_default()
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        for daemon in self.daemons.iter_mut().flatten() {
            let _ = daemon.kill(); // it may have ended by itself
            let _ = daemon.wait();
        }
        let _ = fs::remove_dir_all(&self.folder); // the next has another
    }
}

/// The one line and the status of what has failed.
pub(crate) fn refusal(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned();
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code(), text)
}

pub(crate) fn name(host: usize) -> String {
    char::from(b'a' + host as u8).to_string()
}

/// Waits for what must come, however busy the machine is.
pub(crate) fn await_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "never: {what}");
        park_timeout(PAUSE);
    }
}

pub(crate) const LIMIT: Duration = Duration::from_secs(120);
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
