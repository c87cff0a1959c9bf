//! Processes of this very program, each of which plays one part of a measurement.
//!
//! A part is told by an environment variable; what it has to say it says in lines of JSON on its
//! standard output.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Signal, set_parent_process_death_signal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bare_loop::BareLoop;
use super::node::Plan;
use super::raw_tcp::{PingPong, Stream};
use super::rivals::Rival;

/// What a process does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Part {
    Node(Plan),
    BareLoop(BareLoop),
    PingPong(PingPong),
    Stream(Stream),
    Rival(Rival),
    #[cfg(feature = "rdma")]
    Verbs(super::rdma::Side),
}

/// What one side of a measurement has done.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) count: u64,
    pub(super) seconds: f64,
    /// Processor time of the process, in seconds.
    pub(super) cpu: f64,
}

impl Done {
    /// Operations a second.
    pub(super) fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }
}

/// Plays a part and ends the process, if it was started for that.
pub fn play_part() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    set_parent_process_death_signal(Some(Signal::KILL)).expect("a signal can be asked for");
    match serde_json::from_str(&part).expect("a part is told as it was written") {
        Part::Node(plan) => plan.play(),
        Part::BareLoop(side) => say(&side.play()),
        Part::PingPong(side) => say(&side.play()),
        Part::Stream(side) => say(&side.play()),
        Part::Rival(side) => say(&side.play()),
        #[cfg(feature = "rdma")]
        Part::Verbs(side) => say(&side.play()),
    }
    std::process::exit(0);
}

/// Says something to whoever has started this process.
pub(super) fn say(what: &impl Serialize) {
    let line = serde_json::to_string(what).expect("it has no maps with odd keys");
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").expect("somebody listens");
    out.flush().expect("somebody listens");
}

/// A process that plays a part; killed when dropped.
pub(super) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts one; of the settings of a runtime it gets these variables alone.
    pub(super) fn start(part: &Part, variables: &[(&str, String)]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GOSSAMER_") {
                command.env_remove(name);
            }
        }
        let part = serde_json::to_string(part).expect("it has no maps with odd keys");
        command
            .env(PART, part)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process can be started");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self {
            child,
            input,
            output,
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it says next.
    ///
    /// # Panics
    /// If it ends instead; it has said why on standard error.
    pub(super) fn hear<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it can be read");
        match serde_json::from_str(&line) {
            Ok(said) => said,
            Err(error) => panic!("a part of the benchmark says {line:?}: {error}"),
        }
    }

    /// Lets it go on that waits for a [`word`].
    pub(super) fn go_on(&mut self) {
        let input = self.input.as_mut().expect("it has not been finished");
        // What has ended by itself waits for nothing.
        let _ = input.write_all(b"\n");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it ends in failure.
    pub(super) fn finish(mut self) {
        // Whatever it waits for does not come any more.
        drop(self.input.take());
        let status = self.child.wait().expect("it is a child");
        assert!(status.success(), "a part of the benchmark: {status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until whoever has started this process lets it go on.
pub(super) async fn word() {
    let (says, said) = futures::channel::oneshot::channel();
    std::thread::spawn(|| {
        let line = io::stdin().read_line(&mut String::new());
        // Who does not wait any more need not hear it.
        let _ = says.send(line);
    });
    let line = said.await.expect("it is said");
    line.expect("it can be read");
}

/// Runs both sides of something to their ends; the second is told where the first listens, and
/// says first what it has done. Returns what the second has done, and the first.
pub(super) fn pair(part: impl Fn(usize, Option<SocketAddr>) -> Part) -> [Done; 2] {
    let mut first = Process::start(&part(0, None), &[]);
    let address = first.hear();
    let mut second = Process::start(&part(1, Some(address)), &[]);
    let asked = second.hear();
    second.finish();
    first.go_on();
    let served = first.hear();
    first.finish();
    [asked, served]
}

const PART: &str = "GOSSAMER_BENCH_PART";
